//! What can go wrong with backups, in words an operator can act on.

use engram_engine::EngineError;
use engram_store::{BlobError, LogError};

/// Why something about backups was refused or failed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum BackupError {
    /// The repository does not answer, or refuses this caller.
    #[error("the repository failed: {0}")]
    Store(BlobError),
    /// Something that must be there is not.
    #[error("the repository has no {what} ({key})")]
    Missing {
        /// Its key.
        key: String,
        /// What it would be.
        what: &'static str,
    },
    /// An object is not what was written.
    #[error("{key} is damaged: {what}")]
    Corrupt {
        /// Its key.
        key: String,
        /// What does not fit.
        what: String,
    },
    /// There is another object under a name that is given once.
    #[error("{key} is there already with other content")]
    Conflict {
        /// Its key.
        key: String,
    },
    /// The repository was begun with another key, or with none.
    #[error("the key does not fit: {0}")]
    WrongKey(&'static str),
    /// The repository was written by a newer Engram.
    #[error("the repository has format {found}; this version reads formats up to {supported}")]
    NewerFormat {
        /// The format found.
        found: u32,
        /// The newest format that this version reads.
        supported: u32,
    },
    /// Another data directory archives into this repository.
    #[error(
        "data directory {owner} archives into this repository since {since}; this one is {own}"
    )]
    Foreign {
        /// Whose it is.
        owner: String,
        /// Since when, RFC 3339.
        since: String,
        /// Who asked.
        own: String,
    },
    /// What is archived on the timeline of the directory is not its history.
    #[error("the archive is not of this directory's history: {what}")]
    Diverged {
        /// What shows that.
        what: String,
    },
    /// Somebody else is at work in the repository.
    #[error("the repository is in use: {what} since {since}; it is free at {until} at the latest")]
    Busy {
        /// What is being done.
        what: String,
        /// Since when, RFC 3339.
        since: String,
        /// When nobody counts on it any more, RFC 3339.
        until: String,
    },
    /// No backup of that name.
    #[error("there is no backup {id:?}")]
    UnknownBackup {
        /// The name asked for.
        id: String,
        /// A name that looks like it.
        nearest: Option<String>,
    },
    /// No restore point of that name.
    #[error("there is no restore point {name:?}")]
    UnknownPoint {
        /// The name asked for.
        name: String,
        /// A name that looks like it.
        nearest: Option<String>,
    },
    /// There is a restore point of that name already.
    #[error("there is a restore point {name:?} already")]
    PointExists {
        /// The name.
        name: String,
    },
    /// No space of that name is in the backups.
    #[error("no backup has a space {name:?}")]
    UnknownSpace {
        /// The name asked for.
        name: String,
        /// A name that looks like it.
        nearest: Option<String>,
    },
    /// What is archived does not reach the target.
    #[error("the target lies in the future: {what}")]
    FutureTarget {
        /// How far it reaches.
        what: String,
    },
    /// No backup is old enough for the target.
    #[error("the target is too old: {what}")]
    TooOld {
        /// What there is.
        what: String,
    },
    /// The archive lacks commits that the target needs.
    #[error("the archive has a gap: {what}")]
    Gap {
        /// What is missing.
        what: String,
    },
    /// A name that cannot be one.
    #[error("{name:?} is no name: 1 to 64 of a-z 0-9 - _ .")]
    BadName {
        /// The name.
        name: String,
    },
    /// The database failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl From<BlobError> for BackupError {
    fn from(error: BlobError) -> BackupError {
        BackupError::Store(error)
    }
}

impl From<LogError> for BackupError {
    fn from(error: LogError) -> BackupError {
        BackupError::Engine(error.into())
    }
}

impl BackupError {
    /// An object that is not what was written.
    pub(crate) fn corrupt(key: &str, what: impl Into<String>) -> BackupError {
        BackupError::Corrupt { key: key.to_owned(), what: what.into() }
    }

    /// Whether trying again later may help.
    pub fn is_transient(&self) -> bool {
        matches!(self, BackupError::Store(BlobError::Unavailable { .. }) | BackupError::Busy { .. })
    }
}

/// The name that looks most like the one asked for, if any does.
pub(crate) fn nearest<'a>(asked: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    let scored = known.map(|name| (common(asked, name), name));
    let best = scored.max_by_key(|(score, _)| *score)?;
    (best.0 * 2 >= asked.len().max(1)).then(|| best.1.to_owned())
}

/// Length of the longest common subsequence, in bytes.
fn common(a: &str, b: &str) -> usize {
    let mut row = vec![0; b.len() + 1];
    for x in a.bytes() {
        let mut diagonal = 0;
        for (place, y) in b.bytes().enumerate() {
            let above = row[place + 1];
            row[place + 1] = if x == y { diagonal + 1 } else { above.max(row[place]) };
            diagonal = above;
        }
    }
    row[b.len()]
}
