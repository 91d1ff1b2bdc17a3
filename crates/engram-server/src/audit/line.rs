//! One line: what happened, its number, and the hash over it and all lines before it.

use engram_api::Timestamp;
use serde::{Deserialize, Serialize};

/// Hash of the line before the first.
pub(super) const NO_LINE: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// What is to be written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AuditEvent {
    pub(crate) at_ns: i64,
    /// The way that the request came in.
    pub(crate) door: &'static str,
    /// Name of the operation; `none` where the request was refused before one was known.
    pub(crate) operation: &'static str,
    /// Empty where none was named.
    pub(crate) space: String,
    /// Empty where nobody proved who it is.
    pub(crate) principal: String,
    /// Address of the client's end of the connection.
    pub(crate) client: String,
    pub(crate) request_id: String,
    pub(crate) outcome: AuditOutcome,
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AuditOutcome {
    Done,
    /// The code of the catalogue.
    Refused(String),
    /// Nobody waited for its end: it may have been done.
    Unknown,
    /// Events that came faster than they could be written, or than refusals of strangers are: only counted.
    Missed(u64),
}

/// A line as it stands in a file. `hash` comes last: it is over everything before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AuditLine {
    pub(super) seq: u64,
    pub(super) at: String,
    pub(super) door: String,
    pub(super) operation: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) space: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) principal: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) client: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) request_id: String,
    pub(super) result: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) missed: Option<u64>,
    pub(super) previous: String,
    pub(super) hash: String,
}

impl AuditLine {
    pub(super) fn of(event: &AuditEvent, seq: u64, previous: &str) -> AuditLine {
        let (result, missed) = match &event.outcome {
            AuditOutcome::Done => ("done".to_owned(), None),
            AuditOutcome::Refused(code) => (code.clone(), None),
            AuditOutcome::Unknown => ("unknown".to_owned(), None),
            AuditOutcome::Missed(count) => ("missed".to_owned(), Some(*count)),
        };
        let mut line = AuditLine {
            seq,
            at: Timestamp(event.at_ns).to_string(),
            door: event.door.to_owned(),
            operation: event.operation.to_owned(),
            space: event.space.clone(),
            principal: event.principal.clone(),
            client: event.client.clone(),
            request_id: event.request_id.clone(),
            result,
            missed,
            previous: previous.to_owned(),
            hash: String::new(),
        };
        line.hash = line.computed();
        line
    }

    /// The hash that the line must have.
    pub(super) fn computed(&self) -> String {
        let body = AuditLine { hash: String::new(), ..self.clone() };
        blake3::hash(body.text().as_bytes()).to_hex().to_string()
    }

    pub(super) fn text(&self) -> String {
        serde_json::to_string(self).expect("a line holds plain values")
    }
}
