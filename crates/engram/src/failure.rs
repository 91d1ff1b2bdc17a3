//! How a command ends when it does not succeed.

use std::fmt::Write as _;
use std::io;

use engram_api::{ErrorCode, Problem};
use engram_bench::BenchError;
use engram_client::ClientError;

use crate::output::{OutputFormat, clean, note};

/// Why a command did not succeed. Its code in the error catalogue gives the exit code.
#[derive(Debug)]
pub(crate) enum Failure {
    /// An error of the catalogue.
    Problem(Box<Problem>),
    /// A statement that is wrong, shown with where; the problem says the same to programs.
    Statement { shown: String, problem: Box<Problem> },
    /// The command did what it could and has said on stdout that nothing was found.
    NothingFound(String),
    /// The command did what it could; the summary on stdout says what failed.
    Partly(String),
    /// The reader of stdout is gone; there is nobody to tell.
    Closed,
}

impl Failure {
    /// An error of the catalogue with what happened in this case.
    pub(crate) fn new(code: ErrorCode, detail: impl Into<String>) -> Failure {
        Failure::Problem(Box::new(Problem::new(code, detail)))
    }

    /// A flag or argument with a value that cannot be used.
    pub(crate) fn usage(detail: impl Into<String>) -> Failure {
        Failure::new(ErrorCode::InvalidValue, detail)
    }

    pub(crate) fn exit(&self) -> u8 {
        match self {
            // A code of a newer server: all that is known is that it failed.
            Failure::Problem(problem) | Failure::Statement { problem, .. } => {
                problem.entry().map_or(1, |entry| entry.exit())
            }
            Failure::NothingFound(_) => 3,
            Failure::Partly(_) => 1,
            Failure::Closed => 0,
        }
    }

    /// Says on stderr what happened: as text, or as one JSON object.
    pub(crate) fn report(&self, output: OutputFormat) {
        let text = match (self, output) {
            (Failure::Closed, _) => return,
            (
                Failure::Problem(problem) | Failure::Statement { problem, .. },
                OutputFormat::Json,
            ) => {
                serde_json::to_string(problem).expect("a problem has string keys and plain values")
            }
            _ => self.text(),
        };
        note(&text);
    }
}

impl Failure {
    /// What happened, for people.
    pub(crate) fn text(&self) -> String {
        match self {
            Failure::Closed => "nobody reads the output".to_owned(),
            Failure::NothingFound(text) | Failure::Partly(text) => text.clone(),
            Failure::Statement { shown, .. } => shown.trim_end().to_owned(),
            Failure::Problem(problem) => describe(problem),
        }
    }
}

fn describe(problem: &Problem) -> String {
    let mut text = format!("error: {}", clean(&problem.to_string()));
    let mut line = |name: &str, value: &str| {
        write!(text, "\n  {name}: {}", clean(value)).expect("a string takes all that is written");
    };
    if let Some(field) = &problem.field {
        line("field", field);
    }
    line("fix", &problem.fix);
    line("example", &problem.example);
    text
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Failure {
        match error {
            ClientError::Api(problem) => Failure::Problem(problem),
            ClientError::BaseUrl { .. } => Failure::usage(error.to_string()),
            ClientError::Transport { .. } => {
                Failure::new(ErrorCode::ServerUnreachable, error.to_string())
            }
            ClientError::Decode { status: 503, .. } => {
                Failure::new(ErrorCode::NotReady, error.to_string())
            }
            ClientError::Decode { .. } => Failure::new(
                ErrorCode::Internal,
                format!("{error}; is this the address of an Engram server of this version?"),
            ),
        }
    }
}

impl From<BenchError> for Failure {
    fn from(error: BenchError) -> Failure {
        match error {
            BenchError::Client(error) => error.into(),
            BenchError::Server(problem) => Failure::Problem(problem),
            BenchError::BadOption(detail) => Failure::usage(detail),
            BenchError::BadSet { .. } => Failure::new(ErrorCode::InvalidValue, error.to_string()),
            BenchError::File { .. } => Failure::new(ErrorCode::IoFailed, error.to_string()),
            BenchError::Program { .. } => Failure::Partly(error.to_string()),
        }
    }
}

impl From<io::Error> for Failure {
    /// Only for stdin and stdout: other files have names, which the message must give.
    fn from(error: io::Error) -> Failure {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::Closed,
            _ => Failure::new(ErrorCode::IoFailed, error.to_string()),
        }
    }
}

impl From<Box<Problem>> for Failure {
    fn from(problem: Box<Problem>) -> Failure {
        Failure::Problem(problem)
    }
}
