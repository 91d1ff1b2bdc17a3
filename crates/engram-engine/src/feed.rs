//! The latest changes of an open space, for those who follow it.
//!
//! What is kept here says which memories changed and how, never what they say: that is read from the state, so that nothing
//! forgotten is told. It is bounded in bytes; what falls out at the end is gone, and whoever was not there in time is told so.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use engram_store::{CommitTime, Lsn, Stamp};

use crate::mark::PairDecision;
use crate::request::Verdict;

/// Bytes of changes that an open space keeps.
const FEED_BYTES_MAX: usize = 4 << 20;
/// Bytes that a change takes beside its names, about.
const CHANGE_BYTES: usize = 64;

/// What became of a memory, or between two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FeedChange {
    /// It was stored for the first time.
    Remembered {
        /// Its id.
        id: String,
    },
    /// A newer version of it was stored.
    Updated {
        /// Its id.
        id: String,
        /// The new version.
        version: u32,
    },
    /// It was said again and not stored again.
    Merged {
        /// Its id.
        id: String,
    },
    /// It is hidden.
    Suppressed {
        /// Its id.
        id: String,
    },
    /// It is no longer hidden.
    Restored {
        /// Its id.
        id: String,
    },
    /// It is gone for good.
    Deleted {
        /// Its id.
        id: String,
    },
    /// Somebody associated one with another.
    Associated {
        /// Id of the first.
        id: String,
        /// Id of the second.
        other: String,
    },
    /// Associations from one to another were taken away.
    Dissociated {
        /// Id of the first.
        id: String,
        /// Id of the second.
        other: String,
    },
    /// A later memory says what an earlier one says.
    Repeated {
        /// Id of the later one.
        id: String,
        /// Id of the earlier one.
        other: String,
    },
    /// A later memory may change or deny an earlier one.
    Marked {
        /// Id of the later one.
        id: String,
        /// Id of the earlier one.
        other: String,
    },
    /// Somebody judged it.
    Judged {
        /// Its id.
        id: String,
        /// What was said of it.
        verdict: Verdict,
    },
    /// Somebody decided about two.
    Decided {
        /// Id of the one that was judged.
        id: String,
        /// Id of the other.
        other: String,
        /// What was decided.
        decision: PairDecision,
    },
    /// A belief was made, or what it rests on changed.
    Believed {
        /// Id of the belief.
        id: String,
    },
    /// A belief was taken apart.
    Dissolved {
        /// Id of the belief.
        id: String,
    },
}

impl FeedChange {
    fn bytes(&self) -> usize {
        let names = match self {
            FeedChange::Remembered { id }
            | FeedChange::Updated { id, .. }
            | FeedChange::Merged { id }
            | FeedChange::Suppressed { id }
            | FeedChange::Restored { id }
            | FeedChange::Deleted { id }
            | FeedChange::Judged { id, .. }
            | FeedChange::Believed { id }
            | FeedChange::Dissolved { id } => id.len(),
            FeedChange::Associated { id, other }
            | FeedChange::Dissociated { id, other }
            | FeedChange::Repeated { id, other }
            | FeedChange::Marked { id, other }
            | FeedChange::Decided { id, other, .. } => id.len() + other.len(),
        };
        names + CHANGE_BYTES
    }
}

/// The changes of one commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedCommit {
    /// Its log sequence number.
    pub lsn: Lsn,
    /// Its time.
    pub committed_at: CommitTime,
    /// What changed, in order; never empty.
    pub changes: Vec<FeedChange>,
}

/// Told the name of a space after each of its changes, and when it is deleted. It must not wait.
pub type ChangeListener = Box<dyn Fn(&str) + Send + Sync>;

/// What followed a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedPage {
    /// Commits that changed something, in order.
    pub commits: Vec<Arc<FeedCommit>>,
    /// Everything up to here was looked at: where to go on.
    pub lsn: Lsn,
    /// The first commit whose changes are known, where those right behind the cursor are not any more.
    pub missed_before: Option<Lsn>,
}

/// The latest changes.
pub(crate) struct Feed {
    kept: Mutex<Kept>,
    bytes_max: usize,
}

#[derive(Default)]
struct Kept {
    commits: VecDeque<Arc<FeedCommit>>,
    bytes: usize,
    /// All changes behind this commit are here.
    since: Lsn,
    /// The last commit that was looked at.
    through: Lsn,
}

impl Default for Feed {
    fn default() -> Feed {
        Feed { kept: Mutex::default(), bytes_max: FEED_BYTES_MAX }
    }
}

impl Feed {
    /// Nothing up to this commit is known.
    pub(crate) fn begin(&self, at: Lsn) {
        *self.kept() = Kept { since: at, through: at, ..Kept::default() };
    }

    /// Takes the changes of the next commit.
    pub(crate) fn note(&self, stamp: Stamp, changes: Vec<FeedChange>) {
        let mut kept = self.kept();
        kept.through = stamp.lsn;
        if changes.is_empty() {
            return;
        }
        kept.bytes += changes.iter().map(FeedChange::bytes).sum::<usize>();
        let commit = FeedCommit { lsn: stamp.lsn, committed_at: stamp.time, changes };
        kept.commits.push_back(Arc::new(commit));
        while kept.bytes > self.bytes_max {
            let Some(oldest) = kept.commits.pop_front() else { break };
            kept.bytes -= oldest.changes.iter().map(FeedChange::bytes).sum::<usize>();
            kept.since = oldest.lsn;
        }
    }

    /// Up to `limit` commits behind `after`; none where `after` lies ahead of all.
    pub(crate) fn page(&self, after: Lsn, limit: usize) -> Option<FeedPage> {
        let kept = self.kept();
        if after > kept.through {
            return None;
        }
        let missed = after < kept.since;
        let from = kept.commits.partition_point(|commit| commit.lsn <= after);
        let commits: Vec<_> = kept.commits.iter().skip(from).take(limit).cloned().collect();
        let rest = kept.commits.len() - from - commits.len();
        let lsn = match commits.last() {
            Some(last) if rest > 0 => last.lsn,
            _ => kept.through,
        };
        Some(FeedPage { commits, lsn, missed_before: missed.then(|| Lsn(kept.since.0 + 1)) })
    }

    /// The last commit that was looked at.
    pub(crate) fn through(&self) -> Lsn {
        self.kept().through
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use engram_store::SpaceId;

    use super::*;

    fn stamp(lsn: u64) -> Stamp {
        Stamp { space: SpaceId([7; 16]), lsn: Lsn(lsn), time: CommitTime(lsn as i64) }
    }

    fn remembered(id: &str) -> Vec<FeedChange> {
        vec![FeedChange::Remembered { id: id.to_owned() }]
    }

    fn lsns(page: &FeedPage) -> Vec<u64> {
        page.commits.iter().map(|commit| commit.lsn.0).collect()
    }

    #[test]
    fn a_cursor_goes_on_behind_what_changed_nothing() {
        let feed = Feed::default();
        feed.begin(Lsn(4));
        feed.note(stamp(5), remembered("a"));
        feed.note(stamp(6), Vec::new());
        feed.note(stamp(7), remembered("b"));
        feed.note(stamp(8), Vec::new());
        let page = feed.page(Lsn(4), 1).unwrap();
        assert_eq!((lsns(&page), page.lsn, page.missed_before), (vec![5], Lsn(5), None));
        let page = feed.page(page.lsn, 10).unwrap();
        assert_eq!((lsns(&page), page.lsn), (vec![7], Lsn(8)));
        assert_eq!(lsns(&feed.page(Lsn(8), 10).unwrap()), Vec::<u64>::new());
        assert!(feed.page(Lsn(9), 10).is_none(), "a cursor of another history");
        assert_eq!(feed.page(Lsn(3), 10).unwrap().missed_before, Some(Lsn(5)));
    }

    #[test]
    fn what_falls_out_is_told() {
        let feed = Feed { bytes_max: 3 * (CHANGE_BYTES + 1), ..Feed::default() };
        feed.begin(Lsn(0));
        (1..=5).for_each(|lsn| feed.note(stamp(lsn), remembered("x")));
        let page = feed.page(Lsn(0), 10).unwrap();
        assert_eq!((lsns(&page), page.missed_before), (vec![3, 4, 5], Some(Lsn(3))));
        assert_eq!(feed.page(Lsn(2), 10).unwrap().missed_before, None);
        // What is larger than all room is missed as a whole.
        feed.note(stamp(6), (0..9).flat_map(|_| remembered("x")).collect());
        let page = feed.page(Lsn(5), 10).unwrap();
        assert_eq!((lsns(&page), page.lsn, page.missed_before), (vec![], Lsn(6), Some(Lsn(7))));
    }
}
