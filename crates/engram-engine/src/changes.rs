//! What a commit changes, in the words of those who follow a space. It is asked just before the commit is applied.

use crate::apply::Step;
use crate::feed::FeedChange;
use crate::mark::PairDecision;
use crate::memtable::Snapshot;
use crate::model::{FIRST_VERSION, State};
use crate::record::{ConsolidateRecord, FeedbackRecord, LinkRecord};
use crate::request::Verdict;

/// The changes of the steps of a commit. What recall taught and what is upkeep is none.
pub(crate) fn changes(snapshot: &Snapshot, steps: &[Step]) -> Vec<FeedChange> {
    let mut changes = Vec::new();
    for step in steps {
        match step {
            Step::Put(doc) | Step::Arrive(doc, _) => {
                let (id, version) = (doc.memory.id.clone(), doc.memory.version);
                changes.push(match version {
                    FIRST_VERSION => FeedChange::Remembered { id },
                    version => FeedChange::Updated { id, version },
                });
            }
            Step::SetState(id, state) => {
                let id = id.clone();
                changes.push(match state {
                    State::Active => FeedChange::Restored { id },
                    State::Suppressed => FeedChange::Suppressed { id },
                });
            }
            Step::Delete(id) => changes.push(FeedChange::Deleted { id: id.clone() }),
            Step::Associate(record) => changes
                .push(FeedChange::Associated { id: record.from.clone(), other: record.to.clone() }),
            Step::Dissociate(record) => changes.push(FeedChange::Dissociated {
                id: record.from.clone(),
                other: record.to.clone(),
            }),
            Step::Link(record) => linked(snapshot, record, &mut changes),
            Step::Feedback(record, _) => changes.extend(judged(record)),
            Step::Merge(record, _) => changes.push(FeedChange::Merged { id: record.id.clone() }),
            Step::Consolidate(record) => consolidated(record, &mut changes),
            Step::Use(_) | Step::Graph(..) => {}
        }
    }
    changes
}

/// What is found between memories. One that is gone by now is told nothing of.
fn linked(snapshot: &Snapshot, record: &LinkRecord, changes: &mut Vec<FeedChange>) {
    let pair = |earlier: u32, later: u32| {
        let lives = |node: u32| snapshot.doc_of_node(node).is_some();
        (lives(earlier) && lives(later))
            .then(|| (snapshot.id_of_node(later), snapshot.id_of_node(earlier)))
    };
    let repeats = record.repeats.iter().filter_map(|repeat| pair(repeat.earlier, repeat.later));
    changes.extend(repeats.map(|(id, other)| FeedChange::Repeated { id, other }));
    let marks = record.marks.iter().filter_map(|mark| pair(mark.earlier, mark.later));
    changes.extend(marks.map(|(id, other)| FeedChange::Marked { id, other }));
}

fn judged(record: &FeedbackRecord) -> Option<FeedChange> {
    let id = record.id.clone();
    if record.other.is_empty() {
        return Some(FeedChange::Judged { id, verdict: Verdict::from_code(record.verdict)? });
    }
    let (other, decision) = (record.other.clone(), PairDecision::from_code(record.decision)?);
    Some(FeedChange::Decided { id, other, decision })
}

fn consolidated(record: &ConsolidateRecord, changes: &mut Vec<FeedChange>) {
    let dissolved = record.dissolved.iter().cloned();
    changes.extend(dissolved.map(|id| FeedChange::Dissolved { id }));
    let beliefs = record.beliefs.iter().map(|belief| belief.id.clone());
    changes.extend(beliefs.map(|id| FeedChange::Believed { id }));
}
