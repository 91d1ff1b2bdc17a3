//! Why a measurement could not be made.

use std::io;
use std::path::{Path, PathBuf};

use engram_api::Problem;
use engram_client::ClientError;

/// Why an evaluation or a benchmark ended without figures.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file of a set is not as it must be.
    #[error("{place}: {message}")]
    BadSet {
        /// File, and line where there is one.
        place: String,
        /// What is wrong.
        message: String,
    },
    /// The options do not go together.
    #[error("{0}")]
    BadOption(String),
    /// A call to the server that is measured failed.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The server that is measured did not start or did not end in order.
    #[error("{0}")]
    Server(Box<Problem>),
    /// A program that is measured against could not be driven.
    #[error("{program}: {message}")]
    Program {
        /// Which.
        program: String,
        /// What happened.
        message: String,
    },
}

impl BenchError {
    /// The mapping of errors of one file.
    pub(crate) fn file(path: &Path) -> impl FnOnce(io::Error) -> BenchError {
        let path = path.to_owned();
        move |source| BenchError::File { path, source }
    }

    /// A fault of a set.
    pub(crate) fn set(place: impl Into<String>, message: impl Into<String>) -> BenchError {
        BenchError::BadSet { place: place.into(), message: message.into() }
    }
}

impl From<Box<Problem>> for BenchError {
    fn from(problem: Box<Problem>) -> BenchError {
        BenchError::Server(problem)
    }
}
