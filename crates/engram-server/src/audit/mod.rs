//! The audit log: who did what, in lines of JSON that are chained by hashes.
//!
//! Guarantees: content of memories and secrets are in no line; a line that was changed, taken out or put in is found, except at the end,
//! where the last hash that somebody noted down tells what is missing. Files are removed by age from the front, and the rest can still be
//! verified.

mod line;

mod files;

mod log;

mod verify;

pub(crate) use line::{AuditEvent, AuditOutcome};
pub(crate) use log::{AuditLog, AuditParts};
pub use verify::{AuditFault, AuditSummary, verify_audit};
