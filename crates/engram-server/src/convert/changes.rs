//! The change feed: engine types to wire types.

use engram_api::{
    ChangeName, ChangeView, ChangesResponse, CommitView, MissedView, Timestamp, VerdictName,
};
use engram_engine::{FeedChange, FeedCommit, FeedPage, Verdict};
use engram_store::Lsn;

use super::mark::decision_name;

/// What followed the commit `after`.
pub(crate) fn changes_response(after: Lsn, page: FeedPage) -> ChangesResponse {
    let missed = page.missed_before.map(|before| MissedView { after: after.0, before: before.0 });
    let commits = page.commits.iter().map(|commit| commit_view(commit)).collect();
    ChangesResponse { commits, lsn: page.lsn.0, missed }
}

fn commit_view(commit: &FeedCommit) -> CommitView {
    CommitView {
        lsn: commit.lsn.0,
        committed_at: Timestamp(commit.committed_at.0),
        changes: commit.changes.iter().map(change_view).collect(),
    }
}

fn change_view(change: &FeedChange) -> ChangeView {
    let one = |change, id: &String| ChangeView {
        change,
        id: id.clone(),
        version: None,
        other: None,
        verdict: None,
        decision: None,
    };
    let two = |change, id: &String, other: &String| ChangeView {
        other: Some(other.clone()),
        ..one(change, id)
    };
    match change {
        FeedChange::Remembered { id } => one(ChangeName::Remembered, id),
        FeedChange::Updated { id, version } => {
            ChangeView { version: Some(*version), ..one(ChangeName::Updated, id) }
        }
        FeedChange::Merged { id } => one(ChangeName::Merged, id),
        FeedChange::Suppressed { id } => one(ChangeName::Suppressed, id),
        FeedChange::Restored { id } => one(ChangeName::Restored, id),
        FeedChange::Deleted { id } => one(ChangeName::Deleted, id),
        FeedChange::Associated { id, other } => two(ChangeName::Associated, id, other),
        FeedChange::Dissociated { id, other } => two(ChangeName::Dissociated, id, other),
        FeedChange::Repeated { id, other } => two(ChangeName::Repeated, id, other),
        FeedChange::Marked { id, other } => two(ChangeName::Marked, id, other),
        FeedChange::Judged { id, verdict } => {
            ChangeView { verdict: Some(verdict_name(*verdict)), ..one(ChangeName::Judged, id) }
        }
        FeedChange::Decided { id, other, decision } => ChangeView {
            decision: Some(decision_name(*decision)),
            ..two(ChangeName::Decided, id, other)
        },
        FeedChange::Believed { id } => one(ChangeName::Believed, id),
        FeedChange::Dissolved { id } => one(ChangeName::Dissolved, id),
    }
}

fn verdict_name(verdict: Verdict) -> VerdictName {
    match verdict {
        Verdict::Useful => VerdictName::Useful,
        Verdict::NotUseful => VerdictName::NotUseful,
        Verdict::Wrong => VerdictName::Wrong,
    }
}
