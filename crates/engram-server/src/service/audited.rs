//! What of a call goes into the audit log: who, what, where and how it ended, never what it said.

use std::sync::Arc;

use engram_api::{ErrorCode, Operation, Permission};

use crate::audit::{AuditEvent, AuditOutcome};
use crate::auth::Caller;
use crate::config::AuditLevel;
use crate::node::Node;
use crate::refusal::Refusal;
use crate::service::call::Call;
use crate::service::observe::Origin;

/// A call whose end may be written down. One that nobody waits for any more is written down too: it may have been done.
pub(super) struct Audited {
    node: Arc<Node>,
    operation: &'static Operation,
    /// None once its end is told.
    told: Option<(String, Caller, Origin)>,
}

impl Audited {
    /// None where nothing is written down.
    pub(super) fn of(node: &Arc<Node>, call: &Call) -> Option<Audited> {
        Audited::from(node, call.operation, (&call.space, &call.caller, &call.origin))
    }

    fn from(
        node: &Arc<Node>,
        operation: &'static Operation,
        (space, caller, origin): (&str, &Caller, &Origin),
    ) -> Option<Audited> {
        // Where nothing is written down, a call costs nothing here.
        (node.audit.level() != AuditLevel::Off).then(|| Audited {
            node: Arc::clone(node),
            operation,
            told: Some((space.to_owned(), caller.clone(), origin.clone())),
        })
    }

    /// Writes its end down, or its beginning where it goes on for as long as somebody listens.
    pub(super) fn end<T>(mut self, outcome: &Result<T, Refusal>) {
        match outcome {
            Ok(_) => self.tell(None),
            Err(refusal) => self.tell(Some(refusal)),
        }
    }

    /// Writes down that it was refused, where that concerns security or the log takes all of its kind.
    pub(super) fn refused(mut self, refusal: &Refusal) {
        self.tell(Some(refusal));
    }

    fn tell(&mut self, refusal: Option<&Refusal>) {
        let code = refusal.and_then(|refusal| refusal.0.error_code());
        let concerns = matches!(
            code,
            Some(
                ErrorCode::Unauthenticated
                    | ErrorCode::Forbidden
                    | ErrorCode::RateLimited
                    | ErrorCode::SpaceNotFound
            )
        );
        let outcome = refusal
            .map_or(AuditOutcome::Done, |refusal| AuditOutcome::Refused(refusal.0.code.clone()));
        self.record(outcome, concerns);
    }

    fn record(&mut self, outcome: AuditOutcome, concerns: bool) {
        let Some((space, caller, origin)) = self.told.take() else { return };
        if concerns || level_of(self.operation) <= self.node.audit.level() {
            let place = (self.operation.name, space);
            let event = event(&self.node, caller.principal(), origin, place, outcome);
            self.node.audit.record(event);
        }
    }
}

impl Drop for Audited {
    fn drop(&mut self) {
        self.record(AuditOutcome::Unknown, false);
    }
}

/// Whether somebody may call an operation, asked before the request is looked at; a refusal is written down.
pub(crate) fn allowed(
    node: &Arc<Node>,
    (caller, origin): &(Caller, Origin),
    operation: &'static Operation,
    space: &str,
) -> Result<(), Refusal> {
    let allowed = node.access.authorise(caller, operation, space);
    if let Err(refusal) = &allowed
        && let Some(audited) = Audited::from(node, operation, (space, caller, origin))
    {
        audited.refused(refusal);
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
