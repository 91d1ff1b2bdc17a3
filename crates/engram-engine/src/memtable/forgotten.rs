//! Which commits of a space deleted memories: what receipts are about.

use engram_store::{CommitTime, Lsn};

/// Commits that are kept, the latest ones.
pub(crate) const FORGOTTEN_MAX: usize = 1_000;

/// A commit that deleted memories.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ForgottenCommit {
    pub(crate) lsn: Lsn,
    pub(crate) at: CommitTime,
    /// How many memories.
    pub(crate) count: u64,
}

/// The last of them, ascending. Part of the immutable snapshot.
#[derive(Clone, Debug, Default)]
pub(crate) struct ForgottenCommits {
    commits: std::sync::Arc<Vec<ForgottenCommit>>,
}

impl ForgottenCommits {
    /// Adds a commit, which is later than all that are here.
    pub(crate) fn add(&mut self, commit: ForgottenCommit) {
        let commits = std::sync::Arc::make_mut(&mut self.commits);
        if commits.len() >= FORGOTTEN_MAX {
            commits.remove(0);
        }
        commits.push(commit);
    }

    /// The commit of that LSN.
    pub(crate) fn find(&self, lsn: Lsn) -> Option<ForgottenCommit> {
        let place = self.commits.binary_search_by_key(&lsn, |commit| commit.lsn).ok()?;
        Some(self.commits[place])
    }

    pub(crate) fn all(&self) -> &[ForgottenCommit] {
        &self.commits
    }
}
