//! A refusal as a status with details (google.rpc error model).

use std::collections::HashMap;
use std::time::Duration;

use engram_api::Problem;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::refusal::Refusal;

/// Who the reasons of errors belong to.
const DOMAIN: &str = "engram";

/// The status of a problem: its reason is the code of the catalogue.
pub(super) fn status(problem: Problem) -> Status {
    let mut metadata = HashMap::from([
        ("errno".to_owned(), problem.errno),
        ("kind".to_owned(), problem.kind),
        ("title".to_owned(), problem.title),
        ("fix".to_owned(), problem.fix),
        ("example".to_owned(), problem.example),
    ]);
    if let Some(nearest) = problem.nearest {
        metadata.insert("nearest".to_owned(), nearest);
    }
    let mut details = ErrorDetails::new();
    details.set_error_info(problem.code, DOMAIN, metadata);
    if let Some(field) = problem.field {
        details.add_bad_request_violation(field, problem.detail.clone());
    }
    if let Some(seconds) = problem.retry_after_seconds {
        details.set_retry_info(Some(Duration::from_secs(seconds.into())));
    }
    if let Some(id) = problem.request_id {
        details.set_request_info(id, "");
    }
    Status::with_error_details(code(problem.status), problem.detail, details)
}

/// The code of gRPC that means what a status of HTTP does.
fn code(status: u16) -> Code {
    match status {
        400 | 413 | 415 => Code::InvalidArgument,
        401 => Code::Unauthenticated,
        403 | 421 => Code::PermissionDenied,
        404 => Code::NotFound,
        405 => Code::Unimplemented,
        408 => Code::DeadlineExceeded,
        409 => Code::FailedPrecondition,
        429 | 507 => Code::ResourceExhausted,
        502..=504 => Code::Unavailable,
        _ => Code::Internal,
    }
}

/// The status of a refused call.
pub(super) fn refused(refusal: Refusal, id: &str) -> Status {
    status(refusal.0.with_request_id(id))
}

#[cfg(test)]
mod tests {
    use engram_api::{ERRORS, ErrorCode};

    use super::*;

    #[test]
    fn details_say_what_to_do() {
        let problem = Problem::new(ErrorCode::Overloaded, "too much")
            .with_field("text")
            .with_retry_after(2)
            .with_request_id("r1");
        let status = status(problem);
        assert_eq!((status.code(), status.message()), (Code::Unavailable, "too much"));
        let info = status.get_details_error_info().unwrap();
        assert_eq!((info.reason.as_str(), info.domain.as_str()), ("overloaded", DOMAIN));
        assert!(info.metadata["errno"].starts_with("ERR-") && !info.metadata["fix"].is_empty());
        let retry = status.get_details_retry_info().unwrap();
        assert_eq!(retry.retry_delay, Some(Duration::from_secs(2)));
        assert_eq!(status.get_details_bad_request().unwrap().field_violations[0].field, "text");
        assert_eq!(status.get_details_request_info().unwrap().request_id, "r1");
    }

    #[test]
    fn only_faults_of_the_server_are_internal() {
        for entry in ERRORS {
            let is_fault = entry.status == 500;
            assert_eq!(code(entry.status) == Code::Internal, is_fault, "{}", entry.name);
        }
    }
}
