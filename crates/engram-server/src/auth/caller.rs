//! Somebody whose request is worked on.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use engram_api::{ErrorCode, Operation, Scope};
use engram_engine::{EngineError, MemoryContent, Source};

use crate::auth::grant::Grant;
use crate::auth::rate::{Rate, limited};
use crate::refusal::Refusal;

/// When a credential ends, nanoseconds UTC; shared with what can end it earlier.
pub(super) type EndsAt = Arc<AtomicI64>;

/// A credential without an end.
pub(super) const NEVER: i64 = i64::MAX;

/// Somebody whose request is worked on. Clones are cheap.
#[derive(Clone, Debug)]
pub(crate) struct Caller(Arc<Known>);

#[derive(Debug)]
struct Known {
    /// None where nobody has to say who they are.
    principal: Option<String>,
    grant: Arc<Grant>,
    ends_at: EndsAt,
    /// When whoever vouches for it does so no more, where somebody does.
    vouched_until: Option<EndsAt>,
    rate: Option<Arc<Rate>>,
}

impl Caller {
    /// Whoever it is, where nobody has to say who they are.
    pub(super) fn anybody() -> Caller {
        let grant = Arc::new(Grant::everything());
        let ends_at = Arc::new(AtomicI64::new(NEVER));
        Caller(Arc::new(Known { principal: None, grant, ends_at, vouched_until: None, rate: None }))
    }

    pub(super) fn known(
        principal: String,
        grant: Arc<Grant>,
        ends_at: EndsAt,
        rate: Option<Arc<Rate>>,
    ) -> Caller {
        let principal = Some(principal);
        Caller(Arc::new(Known { principal, grant, ends_at, vouched_until: None, rate }))
    }

    /// Somebody for whom a key vouches that can be withdrawn.
    pub(super) fn vouched(
        principal: String,
        grant: Arc<Grant>,
        ends_at: EndsAt,
        vouched_until: EndsAt,
    ) -> Caller {
        let (principal, vouched_until) = (Some(principal), Some(vouched_until));
        Caller(Arc::new(Known { principal, grant, ends_at, vouched_until, rate: None }))
    }

    /// What stands in memories that it writes, and in the audit log; empty where nobody has to say who they are.
    pub(crate) fn principal(&self) -> &str {
        self.0.principal.as_deref().unwrap_or("")
    }

    pub(crate) fn is_known(&self) -> bool {
        self.0.principal.is_some()
    }

    pub(crate) fn grant(&self) -> &Grant {
        &self.0.grant
    }

    /// Whether it may know that a space of this name is there.
    pub(crate) fn sees(&self, space: &str) -> bool {
        self.0.grant.spaces.has(space)
    }

    /// When its credential ends.
    pub(crate) fn ends_at(&self) -> Option<i64> {
        Some(self.0.ends_at.load(Ordering::Acquire)).filter(|ends| *ends != NEVER)
    }

    /// Whether its credential is still valid: asked again whenever work that takes long goes on.
    ///
    /// # Errors
    /// It has ended.
    pub(crate) fn is_valid(&self, now_ns: i64) -> Result<(), Refusal> {
        let is_before = |ends: &EndsAt| now_ns < ends.load(Ordering::Acquire);
        if is_before(&self.0.ends_at) && self.0.vouched_until.as_ref().is_none_or(is_before) {
            return Ok(());
        }
        Err(Refusal::new(ErrorCode::Unauthenticated, "the credential has ended"))
    }

    /// Keeps what a memory claims for itself within what its writer may claim: a source that says nothing gets as much.
    ///
    /// # Errors
    /// It claims more. `place` is the memory in the request; empty where it is the request itself.
    pub(crate) fn bound_claims(
        &self,
        content: &mut MemoryContent,
        place: &str,
    ) -> Result<(), Refusal> {
        let Some(most) = self.0.grant.trust_max else { return Ok(()) };
        let claims = [
            ("source.trust", content.source.trust),
            ("confidence", content.confidence),
            ("importance", content.importance),
        ];
        for (field, claim) in claims {
            if claim.is_some_and(|claim| claim > most) {
                let detail = format!("{field} is more than this caller may claim, which is {most}");
                let field =
                    if place.is_empty() { field.to_owned() } else { format!("{place}.{field}") };
                return Err(Refusal::new(ErrorCode::Forbidden, detail).with_field(field));
            }
        }
        content.source.trust = content.source.trust.or(Some(most));
        Ok(())
    }

    /// Whether it may change a memory of this source.
    ///
    /// # Errors
    /// The memory is trusted more than what this caller writes.
    pub(crate) fn may_change(&self, source: &Source) -> Result<(), Refusal> {
        match self.0.grant.trust_max {
            Some(most) if source.trusted() > most => {
                let detail = format!(
                    "the memory is trusted more than what this caller writes, which is trusted {most}"
                );
                Err(Refusal::new(ErrorCode::Forbidden, detail))
            }
            _ => Ok(()),
        }
    }

    /// Whether the number of its requests is.
    pub(crate) fn is_limited(&self) -> bool {
        self.0.rate.is_some()
    }

    /// Whether its claims are bounded.
    pub(crate) fn is_bounded(&self) -> bool {
        self.0.grant.trust_max.is_some()
    }

    /// Whether it may do what sets more than the content of memories.
    ///
    /// # Errors
    /// What its memories may claim is bounded.
    pub(crate) fn is_trusted(&self, what: &str) -> Result<(), Refusal> {
        if self.0.grant.trust_max.is_none() {
            return Ok(());
        }
        let detail =
            format!("{what} sets what was learned, and the trust of this caller is bounded");
        Err(Refusal::new(ErrorCode::Forbidden, detail))
    }

    /// Counts a request against the limit of its key.
    ///
    /// # Errors
    /// It comes too soon.
    pub(super) fn charge(&self, monotonic_ns: u64) -> Result<(), Refusal> {
        let Some(rate) = &self.0.rate else { return Ok(()) };
        rate.take(monotonic_ns).map_err(|wait_ns| limited("the key", wait_ns))
    }

    /// Whether it may call an operation of a space; `space` is empty for those of the node.
    ///
    /// # Errors
    /// A space that it may not touch is answered as one that is not there; else the permission that is missing.
    pub(super) fn may(&self, operation: &Operation, space: &str) -> Result<(), Refusal> {
        let grant = &self.0.grant;
        if operation.scope == Scope::Space && !grant.spaces.has(space) {
            return Err(EngineError::SpaceNotFound { name: space.to_owned() }.into());
        }
        let permission = operation.permission.as_str();
        if !grant.names(operation) {
            let detail = format!(
                "{} needs the permission {permission:?}, which this caller has not",
                operation.name
            );
            return Err(Refusal::new(ErrorCode::Forbidden, detail));
        }
        if operation.is_about_all_spaces() && !grant.spaces.has_all() {
            let detail = format!(
                "{} is about all spaces, and this caller may touch some of them",
                operation.name
            );
            return Err(Refusal::new(ErrorCode::Forbidden, detail));
        }
        Ok(())
    }
}
