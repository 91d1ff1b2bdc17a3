//! What of a call goes into the audit log: who, what, where and how it ended, never what it said.

use engram_api::{ErrorCode, Operation, Permission};

use crate::audit::{AuditEvent, AuditOutcome};
use crate::auth::Caller;
use crate::config::AuditLevel;
use crate::node::Node;
use crate::refusal::Refusal;
use crate::service::call::Call;
use crate::service::observe::Origin;

/// A call whose end may be written down.
pub(super) struct Audited {
    operation: &'static Operation,
    space: String,
    caller: Caller,
    origin: Origin,
}

impl Audited {
    /// None where nothing is written down.
    pub(super) fn of(node: &Node, call: &Call) -> Option<Audited> {
        (node.audit.level() != AuditLevel::Off).then(|| Audited {
            operation: call.operation,
            space: call.space.clone(),
            caller: call.caller.clone(),
            origin: call.origin.clone(),
        })
    }

    /// Writes its end down, or its beginning where it goes on for as long as somebody listens.
    pub(super) fn end<T>(self, node: &Node, outcome: &Result<T, Refusal>) {
        match outcome {
            Ok(_) if level_of(self.operation) <= node.audit.level() => {
                self.record(node, AuditOutcome::Done);
            }
            Ok(_) => {}
            Err(refusal) => self.refused(node, refusal),
        }
    }

    /// Writes down that it was refused, where that concerns security or the log takes all of its kind.
    pub(super) fn refused(self, node: &Node, refusal: &Refusal) {
        let concerns = matches!(
            refusal.0.error_code(),
            Some(
                ErrorCode::Unauthenticated
                    | ErrorCode::Forbidden
                    | ErrorCode::RateLimited
                    | ErrorCode::SpaceNotFound
            )
        );
        if concerns || level_of(self.operation) <= node.audit.level() {
            self.record(node, AuditOutcome::Refused(refusal.0.code.clone()));
        }
    }

    fn record(self, node: &Node, outcome: AuditOutcome) {
        let operation = self.operation.name;
        let place = (operation, self.space);
        node.audit.record(event(node, self.caller.principal(), self.origin, place, outcome));
    }
}

/// Whether somebody may call an operation, asked before the request is looked at; a refusal is written down.
pub(crate) fn allowed(
    node: &Node,
    (caller, origin): &(Caller, Origin),
    operation: &'static Operation,
    space: &str,
) -> Result<(), Refusal> {
    let allowed = node.access.authorise(caller, operation, space);
    if let Err(refusal) = &allowed
        && node.audit.level() != AuditLevel::Off
    {
        let (space, caller, origin) = (space.to_owned(), caller.clone(), origin.clone());
        Audited { operation, space, caller, origin }.refused(node, refusal);
    }
    allowed
}

/// Writes down that nobody knows who sent a request.
pub(crate) fn audit_stranger(
    node: &Node,
    origin: Origin,
    operation: &'static str,
    refusal: &Refusal,
) {
    if node.audit.level() != AuditLevel::Off {
        let outcome = AuditOutcome::Refused(refusal.0.code.clone());
        node.audit.record(event(node, "", origin, (operation, String::new()), outcome));
    }
}

fn event(
    node: &Node,
    principal: &str,
    origin: Origin,
    (operation, space): (&'static str, String),
    outcome: AuditOutcome,
) -> AuditEvent {
    AuditEvent {
        at_ns: node.audit.now_ns(),
        door: origin.door.name(),
        operation,
        space,
        principal: principal.to_owned(),
        client: origin.client.map(|client| client.to_string()).unwrap_or_default(),
        request_id: origin.request_id,
        outcome,
    }
}

/// The least level that writes down that an operation was done.
fn level_of(operation: &Operation) -> AuditLevel {
    match operation.permission {
        Permission::Forget | Permission::Admin | Permission::Operate => AuditLevel::Security,
        Permission::Read if operation.name == "export" => AuditLevel::Security,
        Permission::Write | Permission::Train => AuditLevel::Writes,
        Permission::Read | Permission::Any => AuditLevel::All,
    }
}
