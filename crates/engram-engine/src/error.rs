//! What can go wrong in the engine, in words a caller can act on.
//!
//! Variants are narrow: each maps to one entry of the error catalogue at the edge. No variant carries content of a
//! memory, so an error may be logged.

use engram_embed::EmbedError;
use engram_store::{LogError, StoreError};

/// An operation that was refused or failed. Nothing of the request took effect unless the variant says otherwise.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum EngineError {
    /// A field of the request holds a value outside its documented range.
    #[error("{field}: {problem}")]
    Invalid {
        /// Path of the field, for example `memories[3].confidence`.
        field: String,
        /// What is wrong with it.
        problem: InvalidValue,
    },
    /// No space of that name.
    #[error("space {name:?} does not exist")]
    SpaceNotFound {
        /// The name asked for.
        name: String,
    },
    /// A space of that name is there already.
    #[error("space {name:?} exists already")]
    SpaceExists {
        /// The name asked for.
        name: String,
    },
    /// No memory of that id is visible in the space.
    #[error("memory {id:?} does not exist")]
    MemoryNotFound {
        /// The id asked for.
        id: String,
    },
    /// No commit of that LSN deleted memories, or its receipt is no longer kept.
    #[error("there is no receipt for LSN {lsn}")]
    ReceiptNotFound {
        /// The LSN asked for.
        lsn: u64,
    },
    /// The id is taken by a memory with other content.
    #[error("id {id:?} is taken by a memory with other content")]
    IdConflict {
        /// The contested id.
        id: String,
    },
    /// The space refuses what a memory of it says already.
    #[error("memory {id:?} says the same, and the space refuses duplicates")]
    Duplicate {
        /// Id of the memory that is there.
        id: String,
    },
    /// The memory has another version than the one that the update is for.
    #[error("memory {id:?} has version {found}, the update is for version {asked}")]
    VersionMismatch {
        /// The id.
        id: String,
        /// The version that the caller named.
        asked: u32,
        /// The version that the memory has.
        found: u32,
    },
    /// The idempotency key was used for another request within its lifetime.
    #[error("idempotency key {key:?} was used for another request")]
    IdempotencyConflict {
        /// The key.
        key: String,
    },
    /// An association needs two memories.
    #[error("memory {id:?} cannot be associated with itself")]
    SelfAssociation {
        /// The id.
        id: String,
    },
    /// The cue has no part to recall by.
    #[error("the cue is empty")]
    EmptyCue,
    /// The space cannot serve this mode with this cue.
    #[error("mode {mode} is not possible: {why}")]
    ModeUnsupported {
        /// Name of the mode.
        mode: &'static str,
        /// What is missing.
        why: String,
    },
    /// The cursor was not issued for this listing or cue.
    #[error("the cursor is not valid")]
    CursorInvalid,
    /// No embedder of that name is configured.
    #[error("embedder {name:?} is not configured")]
    EmbedderUnknown {
        /// The name.
        name: String,
    },
    /// The configured embedder is not the one the space was built with; mixing vectors would corrupt recall.
    #[error("embedder {name:?} is {found}, the space was built with {recorded}")]
    EmbedderMismatch {
        /// Configured name.
        name: String,
        /// Identity of the configured embedder.
        found: String,
        /// Identity that the space records.
        recorded: String,
    },
    /// The embedder failed.
    #[error(transparent)]
    Embed(#[from] EmbedError),
    /// The memory of that id is no longer the one that was there when the request was prepared; the same request can be
    /// made again at once.
    #[error("memory {id:?} was changed by others while the request was prepared")]
    Raced {
        /// The id.
        id: String,
    },
    /// Another step of consolidation of the space is under way.
    #[error("space {space:?} is being consolidated")]
    Consolidating {
        /// Name of the space.
        space: String,
    },
    /// The commit queue is full; retry later.
    #[error("the commit queue holds {queued_bytes} bytes")]
    Overloaded {
        /// Bytes waiting for the log.
        queued_bytes: u64,
    },
    /// The space holds as much as it may.
    #[error("the space holds {held} {what} and may hold {max}")]
    QuotaExceeded {
        /// `memories` or `bytes`.
        what: &'static str,
        /// How many it holds.
        held: u64,
        /// How many it may hold.
        max: u64,
    },
    /// Memories are stored faster than associations are formed.
    #[error("{waiting} memories wait for their associations, at most {max} may")]
    Lagging {
        /// How many wait.
        waiting: u64,
        /// How many may.
        max: u64,
    },
    /// The cold store does not give what the answer needs. The same request may succeed later.
    #[error("cold memories cannot be read now: {reason}")]
    ColdUnavailable {
        /// What the store said.
        reason: String,
    },
    /// The engine is closing.
    #[error("the engine is shutting down")]
    Closing,
    /// The data directory is in use by another process.
    #[error("data directory {dir} is locked by another process")]
    DataDirLocked {
        /// The directory.
        dir: String,
    },
    /// The data directory was written by a newer format.
    #[error("data directory has format {found}, this program reads up to {supported}")]
    NewerFormat {
        /// Format found.
        found: u32,
        /// Newest format this program reads.
        supported: u32,
    },
    /// The log refused or failed: see the variant for what the caller must do.
    #[error("{0}")]
    Log(LogFailure),
}

/// What the log said, without its internals.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogFailure {
    /// No room on the volume; reads go on and writes resume when there is room.
    #[error("no space left for the log: {0}")]
    DiskFull(String),
    /// A sync or write failed earlier: no more acknowledgements until reopened.
    #[error("the log is poisoned: {0}")]
    Poisoned(String),
    /// This space's part of the log is damaged.
    #[error("the space is quarantined: {0}")]
    Quarantined(String),
    /// One commit is larger than the log can carry.
    #[error("the commit has {bytes} bytes, the log carries at most {max}")]
    TooLarge {
        /// Bytes of the commit.
        bytes: u64,
        /// Limit in bytes.
        max: u64,
    },
    /// Bytes on disk are not what was written.
    #[error("damaged data: {0}")]
    Corrupt(String),
    /// Any other input/output failure.
    #[error("input/output failed: {0}")]
    Io(String),
}

/// What is wrong with one value.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum InvalidValue {
    /// Required and absent.
    #[error("is required")]
    Missing,
    /// A list without elements where one is needed.
    #[error("must not be empty")]
    Empty,
    /// Neither text nor vector was given.
    #[error("needs text, a vector or both")]
    NoContent,
    /// A number outside its range.
    #[error("is {value}, must lie in [{low}, {high}]")]
    OutOfRange {
        /// The value given.
        value: f64,
        /// Smallest value allowed.
        low: f64,
        /// Largest value allowed.
        high: f64,
    },
    /// NaN or infinity.
    #[error("is not finite at position {position}")]
    NonFinite {
        /// Index of the first such component.
        position: usize,
    },
    /// A vector of length zero has no direction.
    #[error("is the zero vector")]
    ZeroVector,
    /// Vector of another length than the space's dimension.
    #[error("has {found} dimensions, the space has {expected}")]
    Dimension {
        /// Dimension of the space.
        expected: u32,
        /// Length of the vector.
        found: usize,
    },
    /// A memory that is no belief.
    #[error("is no memory of kind belief")]
    NotABelief,
    /// Too many bytes.
    #[error("has {bytes} bytes, at most {max} are allowed")]
    TooLong {
        /// Bytes given.
        bytes: usize,
        /// Limit.
        max: usize,
    },
    /// Too many elements.
    #[error("has {count} elements, at most {max} are allowed")]
    TooMany {
        /// Elements given.
        count: usize,
        /// Limit.
        max: usize,
    },
    /// Nested deeper than allowed.
    #[error("is nested deeper than {max} levels")]
    TooDeep {
        /// Limit.
        max: usize,
    },
    /// Holds a control character or is empty where a name is needed.
    #[error("must be 1 to {max} bytes of printable UTF-8")]
    NotPrintable {
        /// Limit in bytes.
        max: usize,
    },
    /// An id that addresses cannot hold: paths are normalised on their way.
    #[error("must be neither `.` nor `..`")]
    Dots,
    /// Not a space name.
    #[error("must be 1 to 64 of a-z 0-9 - _, starting with a letter or digit")]
    SpaceName,
    /// The same id twice in one request.
    #[error("repeats the id of an earlier item with other content")]
    Repeated,
    /// A range whose end lies before its start.
    #[error("ends before it starts")]
    Reversed,
}

impl EngineError {
    /// Shorthand for [`EngineError::Invalid`].
    pub fn invalid(field: impl Into<String>, problem: InvalidValue) -> EngineError {
        EngineError::Invalid { field: field.into(), problem }
    }

    /// Whether the refusal follows from what other commits did, which may not be durable yet.
    pub(crate) fn rests_on_commits(&self) -> bool {
        matches!(
            self,
            EngineError::SpaceNotFound { .. }
                | EngineError::SpaceExists { .. }
                | EngineError::MemoryNotFound { .. }
                | EngineError::IdConflict { .. }
                | EngineError::Duplicate { .. }
                | EngineError::VersionMismatch { .. }
                | EngineError::IdempotencyConflict { .. }
        )
    }

    /// Puts `prefix` before the path of an invalid field; other errors stay as they are.
    #[must_use]
    pub fn within(self, prefix: &str) -> EngineError {
        match self {
            EngineError::Invalid { field, problem } => {
                EngineError::Invalid { field: format!("{prefix}.{field}"), problem }
            }
            other => other,
        }
    }
}

impl From<StoreError> for EngineError {
    fn from(error: StoreError) -> EngineError {
        let text = error.to_string();
        EngineError::Log(match error {
            StoreError::DiskFull { .. } => LogFailure::DiskFull(text),
            StoreError::Corrupt { .. } | StoreError::Missing { .. } => LogFailure::Corrupt(text),
            StoreError::NewerFormat { found, supported } => {
                return EngineError::NewerFormat { found, supported };
            }
            StoreError::Unavailable { .. } => {
                return EngineError::ColdUnavailable { reason: text };
            }
            StoreError::Io { .. } => LogFailure::Io(text),
        })
    }
}

impl From<LogError> for EngineError {
    fn from(error: LogError) -> EngineError {
        let text = error.to_string();
        EngineError::Log(match error {
            LogError::DiskFull { .. } => LogFailure::DiskFull(text),
            LogError::Poisoned { .. } => LogFailure::Poisoned(text),
            LogError::Quarantined { .. } => LogFailure::Quarantined(text),
            LogError::PayloadTooLarge { bytes, max } => LogFailure::TooLarge { bytes, max },
            LogError::Corrupt { .. } | LogError::Replay(_) => LogFailure::Corrupt(text),
            LogError::NewerFormat { found, supported } => {
                return EngineError::NewerFormat { found, supported };
            }
            LogError::Closed => return EngineError::Closing,
            LogError::Io { .. } | LogError::BadOption(_) => LogFailure::Io(text),
        })
    }
}
