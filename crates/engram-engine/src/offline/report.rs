//! What a check of a data directory says: plain values.

use engram_store::{Lsn, SpaceId, StoreError};

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FindingWeight {
    /// Something is not what it should be and harms nobody: the server deals with it.
    Harmless,
    /// Bytes that were durable are wrong or missing.
    Damage,
}

/// One thing that is wrong with one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreFinding {
    /// How much it matters.
    pub weight: FindingWeight,
    /// The file, relative to the data directory.
    pub file: String,
    /// Where in it, in bytes; none = the file as a whole.
    pub offset: Option<u64>,
    /// What is wrong.
    pub what: String,
    /// The spaces concerned: their names, or their UUIDs where no name is known.
    pub spaces: Vec<String>,
    /// What to do about it.
    pub cure: &'static str,
}

/// A space as a check found it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpaceVerdict {
    /// Identity in the log.
    pub id: SpaceId,
    /// Its name, where that can still be read.
    pub name: Option<String>,
    /// The last commit that can be read.
    pub lsn: Lsn,
    /// Memories, suppressed ones too; none = not counted.
    pub memories: Option<u64>,
    /// Why a server would not serve it.
    pub fault: Option<String>,
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct VerifyReport {
    /// What is wrong, in the order of the files.
    pub findings: Vec<StoreFinding>,
    /// The spaces, by name; those without one last.
    pub spaces: Vec<SpaceVerdict>,
    /// Files that were looked at.
    pub files: u64,
    /// Intact commits in the log.
    pub commits: u64,
}

impl VerifyReport {
    /// True when nothing is damaged and every space would be served.
    pub fn is_intact(&self) -> bool {
        let sound = |finding: &StoreFinding| finding.weight == FindingWeight::Harmless;
        self.findings.iter().all(sound) && self.spaces.iter().all(|space| space.fault.is_none())
    }
}

/// What to do about damage.
pub(super) const CURE_REPAIR: &str = "run `engram store repair`, or restore a copy";
/// What to do about what the server deals with.
pub(super) const CURE_NONE: &str = "nothing: the next start deals with it";

impl StoreFinding {
    pub(super) fn damage(file: impl Into<String>, what: impl Into<String>) -> StoreFinding {
        StoreFinding {
            weight: FindingWeight::Damage,
            file: file.into(),
            offset: None,
            what: what.into(),
            spaces: Vec::new(),
            cure: CURE_REPAIR,
        }
    }

    pub(super) fn harmless(file: impl Into<String>, what: impl Into<String>) -> StoreFinding {
        let damage = StoreFinding::damage(file, what);
        StoreFinding { weight: FindingWeight::Harmless, cure: CURE_NONE, ..damage }
    }

    pub(super) fn at(self, offset: u64) -> StoreFinding {
        StoreFinding { offset: Some(offset), ..self }
    }

    pub(super) fn of_space(self, space: String) -> StoreFinding {
        StoreFinding { spaces: vec![space], ..self }
    }

    /// What an error of the store says of a file in `folder`.
    pub(super) fn of_error(folder: &str, file: &str, error: &StoreError) -> StoreFinding {
        let path = format!("{folder}/{file}");
        match error {
            StoreError::Corrupt { offset, what, .. } => {
                StoreFinding::damage(path, what.clone()).at(*offset)
            }
            StoreError::Missing { .. } => StoreFinding::damage(path, "the file is missing"),
            other => StoreFinding::damage(path, other.to_string()),
        }
    }
}
