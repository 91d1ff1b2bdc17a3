//! A refused or failed request on its way out, and the one place where errors of the engine become entries of the
//! catalogue.

use engram_api::{ErrorCode, Problem};
use engram_embed::EmbedError;
use engram_engine::{EngineError, InvalidValue as Invalid, LogFailure};

/// Seconds after which a client may try an overloaded server again.
const RETRY_SECONDS: u32 = 1;
/// Seconds after which a starting or stopping server may be tried again.
const RETRY_RESTART_SECONDS: u32 = 2;

/// Why there is no answer. Boxed: it travels in every `Result` of the server.
#[derive(Debug)]
pub(crate) struct Refusal(pub(crate) Box<Problem>);

impl Refusal {
    pub(crate) fn new(code: ErrorCode, detail: impl Into<String>) -> Refusal {
        Refusal::from(Problem::new(code, detail))
    }

    pub(crate) fn with_field(self, field: impl Into<String>) -> Refusal {
        Refusal::from(self.0.with_field(field))
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Refusal {
        Refusal::from(Box::new(problem))
    }
}

impl From<Box<Problem>> for Refusal {
    fn from(problem: Box<Problem>) -> Refusal {
        let seconds = match problem.error_code() {
            Some(
                ErrorCode::Overloaded
                | ErrorCode::EmbedderUnavailable
                | ErrorCode::ColdUnavailable
                | ErrorCode::ConsolidationRunning,
            ) => RETRY_SECONDS,
            Some(ErrorCode::NotReady | ErrorCode::ShuttingDown) => RETRY_RESTART_SECONDS,
            _ => return Refusal(problem),
        };
        Refusal(Box::new(problem.with_retry_after(seconds)))
    }
}

impl From<EngineError> for Refusal {
    fn from(error: EngineError) -> Refusal {
        Refusal::from(engine_problem(error))
    }
}

/// An error of the engine as the catalogue has it.
pub fn engine_problem(error: EngineError) -> Problem {
    let problem = Problem::new(error_code(&error), error.to_string());
    match error {
        EngineError::Invalid { field, .. } => problem.with_field(field),
        _ => problem,
    }
}

/// The catalogue's entry for an error of the engine.
pub(crate) fn error_code(error: &EngineError) -> ErrorCode {
    match error {
        EngineError::Invalid { field, problem } => invalid_code(field, problem),
        EngineError::SpaceNotFound { .. } => ErrorCode::SpaceNotFound,
        EngineError::SpaceExists { .. } => ErrorCode::SpaceExists,
        EngineError::MemoryNotFound { .. } => ErrorCode::MemoryNotFound,
        EngineError::ReceiptNotFound { .. } => ErrorCode::ReceiptNotFound,
        EngineError::IdConflict { .. } => ErrorCode::IdConflict,
        EngineError::Duplicate { .. } => ErrorCode::Duplicate,
        EngineError::IdempotencyConflict { .. } => ErrorCode::IdempotencyConflict,
        EngineError::VersionMismatch { .. } => ErrorCode::VersionMismatch,
        EngineError::EmptyCue => ErrorCode::EmptyCue,
        EngineError::SelfAssociation { .. } => ErrorCode::SelfAssociation,
        EngineError::ModeUnsupported { .. } => ErrorCode::ModeUnsupported,
        EngineError::CursorInvalid => ErrorCode::CursorInvalid,
        EngineError::EmbedderUnknown { .. } => ErrorCode::EmbedderUnknown,
        EngineError::EmbedderMismatch { .. } => ErrorCode::EmbedderMismatch,
        EngineError::Embed(EmbedError::Unavailable { .. }) => ErrorCode::EmbedderUnavailable,
        EngineError::Embed(EmbedError::Refused { .. }) => ErrorCode::EmbedderRefused,
        EngineError::Embed(EmbedError::BadModel { .. }) => ErrorCode::EmbedderFailed,
        // Nothing is overloaded, but what the caller does is the same: make the request again.
        EngineError::Raced { .. }
        | EngineError::Overloaded { .. }
        | EngineError::Lagging { .. } => ErrorCode::Overloaded,
        EngineError::QuotaExceeded { .. } => ErrorCode::QuotaExceeded,
        EngineError::ColdUnavailable { .. } => ErrorCode::ColdUnavailable,
        EngineError::Consolidating { .. } => ErrorCode::ConsolidationRunning,
        EngineError::Closing => ErrorCode::ShuttingDown,
        EngineError::DataDirLocked { .. } => ErrorCode::DataDirLocked,
        EngineError::NewerFormat { .. } => ErrorCode::NewerFormat,
        EngineError::Log(failure) => match failure {
            LogFailure::DiskFull(_) => ErrorCode::DiskFull,
            LogFailure::Poisoned(_) => ErrorCode::LogPoisoned,
            LogFailure::Quarantined(_) => ErrorCode::SpaceQuarantined,
            LogFailure::TooLarge { .. } => ErrorCode::PayloadTooLarge,
            LogFailure::Corrupt(_) => ErrorCode::DataDamaged,
            LogFailure::Io(_) => ErrorCode::IoFailed,
        },
    }
}

fn invalid_code(field: &str, problem: &Invalid) -> ErrorCode {
    // `memories[3].text` is about `text`, `ids[7]` about `ids`.
    let last = field.rsplit('.').next().unwrap_or(field);
    let name = last.split('[').next().unwrap_or(last);
    match problem {
        Invalid::Missing => ErrorCode::MissingField,
        Invalid::Empty => ErrorCode::InvalidValue,
        Invalid::Dots => ErrorCode::BadId,
        Invalid::NoContent => ErrorCode::NoContent,
        Invalid::OutOfRange { .. } if name == "limit" => ErrorCode::LimitOutOfRange,
        Invalid::OutOfRange { .. } => ErrorCode::OutOfRange,
        Invalid::NonFinite { .. } => ErrorCode::NotFinite,
        Invalid::ZeroVector => ErrorCode::ZeroVector,
        Invalid::Dimension { .. } => ErrorCode::WrongDimension,
        Invalid::TooLong { .. } => match name {
            "text" => ErrorCode::TextTooLarge,
            "metadata" => ErrorCode::MetadataTooLarge,
            _ => ErrorCode::TooLong,
        },
        Invalid::TooMany { .. } => ErrorCode::TooMany,
        Invalid::TooDeep { .. } => ErrorCode::TooDeep,
        Invalid::NotPrintable { .. } => match name {
            "id" | "ids" | "like" | "exclude" | "from" | "to" | "seeds" => ErrorCode::BadId,
            _ => ErrorCode::InvalidValue,
        },
        Invalid::SpaceName => ErrorCode::BadSpaceName,
        Invalid::Repeated => ErrorCode::IdConflict,
        Invalid::Reversed | Invalid::NotABelief => ErrorCode::InvalidValue,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_decide_the_code_where_they_must() {
        let code = |field: &str, problem| error_code(&EngineError::invalid(field, problem));
        let long = || Invalid::TooLong { bytes: 9, max: 1 };
        assert_eq!(code("memories[3].text", long()), ErrorCode::TextTooLarge);
        assert_eq!(code("memories[3].metadata", long()), ErrorCode::MetadataTooLarge);
        assert_eq!(code("title", long()), ErrorCode::TooLong);
        for field in ["ids[2]", "negative.like[0]", "seeds[1].id", "from"] {
            assert_eq!(code(field, Invalid::NotPrintable { max: 256 }), ErrorCode::BadId);
        }
        let range = Invalid::OutOfRange { value: 0.0, low: 1.0, high: 9.0 };
        assert_eq!(code("limit", range), ErrorCode::LimitOutOfRange);
    }

    #[test]
    fn what_may_be_tried_again_says_when() {
        let refusal = Refusal::from(EngineError::Overloaded { queued_bytes: 7 });
        assert_eq!(refusal.0.retry_after_seconds, Some(RETRY_SECONDS));
        assert_eq!(Refusal::from(EngineError::EmptyCue).0.retry_after_seconds, None);
    }
}
