//! The error catalogue: every error that a caller can meet, in one table.
//!
//! Status, exit code, whether a retry helps and the reference page all come from [`ERRORS`]; nothing
//! else in the workspace states them. Numbers are never given to another error.

mod table;

pub use table::ERRORS;

/// What the caller must do about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Remedy {
    /// The same request fails again: change it.
    FixRequest,
    /// What was named is not there.
    NotFound,
    /// The state of the store contradicts the request.
    Conflict,
    /// The same request may succeed later.
    RetryLater,
    /// Nothing helps with this program.
    GiveUp,
    /// Somebody must repair the server or its configuration.
    CallOperator,
}

impl Remedy {
    /// The name as it stands in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Remedy::FixRequest => "fix_request",
            Remedy::NotFound => "not_found",
            Remedy::Conflict => "conflict",
            Remedy::RetryLater => "retry_later",
            Remedy::GiveUp => "give_up",
            Remedy::CallOperator => "call_operator",
        }
    }
}

/// One entry of the catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorEntry {
    /// Which error.
    pub code: ErrorCode,
    /// Its name in `Problem.code`, snake_case.
    pub name: &'static str,
    /// Its number, shown as `ERR-1001`.
    pub number: u16,
    /// What the caller must do.
    pub remedy: Remedy,
    /// HTTP status; 503 or 500 for errors that only a command reports.
    pub status: u16,
    /// What happened, in a few words.
    pub title: &'static str,
    /// What to do about it.
    pub fix: &'static str,
    /// Something that is right.
    pub example: &'static str,
}

impl ErrorEntry {
    /// The number as it is shown: `ERR-1001`.
    pub fn errno(&self) -> String {
        format!("ERR-{}", self.number)
    }

    /// Exit code of a command that ends with it: 1 failed, 2 wrong use, 3 nothing found or not ready.
    pub fn exit(&self) -> u8 {
        match (self.remedy, self.code) {
            (Remedy::FixRequest, _) | (_, ErrorCode::ConfigInvalid) => 2,
            (Remedy::NotFound, _) | (_, ErrorCode::NotReady | ErrorCode::ServerUnreachable) => 3,
            _ => 1,
        }
    }

    /// Whether sending the same request again may succeed.
    pub fn retryable(&self) -> bool {
        self.remedy == Remedy::RetryLater
    }
}

/// Every error that a caller can meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// The body is not valid JSON.
    InvalidJson,
    /// The text is not valid UTF-8.
    InvalidUtf8,
    /// The request has a field that does not exist.
    UnknownField,
    /// A required field is missing.
    MissingField,
    /// A field has a value of the wrong type or meaning.
    InvalidValue,
    /// A time is not RFC 3339.
    BadTime,
    /// A number is outside its range.
    OutOfRange,
    /// A vector has a component that is not finite.
    NotFinite,
    /// A vector has length zero.
    ZeroVector,
    /// A vector has the wrong number of components.
    WrongDimension,
    /// A memory has neither text nor vector.
    NoContent,
    /// The cue is empty.
    EmptyCue,
    /// The limit is outside its range.
    LimitOutOfRange,
    /// An id is not allowed.
    BadId,
    /// A space name is not allowed.
    BadSpaceName,
    /// A text is too large.
    TextTooLarge,
    /// A field is too long.
    TooLong,
    /// A list has too many elements.
    TooMany,
    /// The metadata is too large.
    MetadataTooLarge,
    /// Metadata or a filter is nested too deeply.
    TooDeep,
    /// The cursor is not valid.
    CursorInvalid,
    /// The mode is not possible with this cue in this space.
    ModeUnsupported,
    /// No embedder has that name.
    EmbedderUnknown,
    /// The embedder refused the text.
    EmbedderRefused,
    /// No language has that code.
    LanguageUnknown,
    /// It is not clear which memories are meant.
    SelectionAmbiguous,
    /// The request is too large.
    PayloadTooLarge,
    /// The body is not declared as JSON.
    MediaTypeUnsupported,
    /// The message is not valid protobuf.
    InvalidProtobuf,
    /// The statement is not of the query language.
    QueryInvalid,
    /// The Host header is not on the allow-list.
    HostRefused,
    /// Requests from this web page are not allowed.
    OriginRefused,
    /// The path does not take this method.
    MethodNotAllowed,
    /// The request is not well-formed HTTP for this interface.
    UnsafeRequest,
    /// A memory cannot be associated with itself.
    SelfAssociation,
    /// No space has that name.
    SpaceNotFound,
    /// No memory has that id.
    MemoryNotFound,
    /// No operation has that path.
    RouteNotFound,
    /// No receipt is kept for that LSN.
    ReceiptNotFound,
    /// A space of that name exists already.
    SpaceExists,
    /// The id is taken by a memory with other content.
    IdConflict,
    /// The idempotency key was used for another request.
    IdempotencyConflict,
    /// The memory has another version.
    VersionMismatch,
    /// A memory says the same, and the space refuses duplicates.
    Duplicate,
    /// The embedder is not the one that the space was built with.
    EmbedderMismatch,
    /// The server has too much to do.
    Overloaded,
    /// The server is not ready.
    NotReady,
    /// The server is shutting down.
    ShuttingDown,
    /// The embedder cannot be reached.
    EmbedderUnavailable,
    /// The cold store does not answer.
    ColdUnavailable,
    /// A consolidation of this space is under way.
    ConsolidationRunning,
    /// The request did not arrive in time.
    RequestTimeout,
    /// No server answers at that address.
    ServerUnreachable,
    /// The disk is full.
    DiskFull,
    /// The log failed and takes no more writes.
    LogPoisoned,
    /// A part of the log of this space is damaged.
    SpaceQuarantined,
    /// The embedder failed.
    EmbedderFailed,
    /// Stored data is damaged.
    DataDamaged,
    /// Input or output failed.
    IoFailed,
    /// Another process uses the data directory.
    DataDirLocked,
    /// The data directory was written by a newer Engram.
    NewerFormat,
    /// The address is in use.
    PortInUse,
    /// The configuration is not valid.
    ConfigInvalid,
    /// The repository of backups does not answer.
    RepositoryUnavailable,
    /// Somebody else is at work in the repository.
    RepositoryBusy,
    /// Another data directory archives into the repository.
    RepositoryForeign,
    /// No repository has that name.
    RepositoryNotFound,
    /// No backup has that name.
    BackupNotFound,
    /// No restore point has that name.
    RestorePointNotFound,
    /// There is a restore point of that name.
    RestorePointExists,
    /// What is archived does not reach the target.
    TargetInFuture,
    /// No backup is old enough for the target.
    TargetTooOld,
    /// The archive lacks commits.
    ArchiveGap,
    /// An object of the repository is not what was written.
    RepositoryDamaged,
    /// The repository has another key.
    RepositoryKey,
    /// A backup was not made, or is not good.
    BackupFailed,
    /// The request does not prove whose it is.
    Unauthenticated,
    /// The caller may not do that.
    Forbidden,
    /// More requests than the limit allows.
    RateLimited,
    /// The space is as large as it may be.
    QuotaExceeded,
    /// No key has that id.
    KeyNotFound,
    /// A key has or had that name.
    KeyExists,
    /// The keys cannot be read.
    KeysUnreadable,
    /// The server made an error.
    Internal,
}

impl ErrorCode {
    /// Its entry in the catalogue.
    pub fn entry(self) -> &'static ErrorEntry {
        ERRORS
            .iter()
            .find(|entry| entry.code == self)
            .expect("a test checks that each code has an entry")
    }

    /// The code of that name, if this version knows it.
    pub fn from_name(name: &str) -> Option<ErrorCode> {
        ERRORS.iter().find(|entry| entry.name == name).map(|entry| entry.code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_unique_and_the_table_is_sorted() {
        assert!(ERRORS.windows(2).all(|pair| pair[0].number < pair[1].number));
        for entry in ERRORS {
            assert_eq!(entry.code.entry(), entry);
            assert_eq!(ErrorCode::from_name(entry.name), Some(entry.code));
            assert_eq!(entry.name, snake_case(&format!("{:?}", entry.code)));
        }
        // The last variant is `Internal`: as many entries as variants means that none is missing.
        assert_eq!(ERRORS.len(), ErrorCode::Internal as usize + 1);
    }

    #[test]
    fn status_agrees_with_the_remedy() {
        for entry in ERRORS {
            let (missing, conflict) = (entry.status == 404, entry.status == 409);
            assert_eq!(entry.remedy == Remedy::NotFound, missing, "{}", entry.name);
            assert_eq!(entry.remedy == Remedy::Conflict, conflict, "{}", entry.name);
        }
    }

    fn snake_case(name: &str) -> String {
        let mut out = String::new();
        for (index, letter) in name.chars().enumerate() {
            if index > 0 && letter.is_ascii_uppercase() {
                out.push('_');
            }
            out.push(letter.to_ascii_lowercase());
        }
        out
    }
}
