//! What comes from elsewhere: memories with what happened to them there, and what beliefs rest on.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::put;
use crate::memtable::{Belief, BeliefChange, Brought, Doc, Indexing, Snapshot};
use crate::portable::Learned;
use crate::record::BroughtRecord;

/// Stores a memory and sets what happened to it. Nothing of that is counted again.
pub(super) fn arrive(
    snapshot: &mut Snapshot,
    doc: Arc<Doc>,
    learned: Learned,
    indexing: Indexing<'_>,
) -> Result<(), &'static str> {
    let node = snapshot.next_node;
    put(snapshot, doc, indexing)?;
    if let Some(past) = learned.past {
        snapshot.traces.put(node, past.into());
    }
    snapshot.traces.note_told(node);
    if learned.is_belief {
        // What it rests on follows. Until then nothing takes it for a memory of its own, and nothing withdraws it.
        snapshot.beliefs.put(node, Belief { held: true, ..Belief::default() });
    }
    if learned.apart {
        snapshot.beliefs.set_apart(node);
    }
    if learned.looked_at {
        snapshot.beliefs.note_seen(node);
    }
    Ok(())
}

/// What a belief rests on that comes from elsewhere, by the nodes that its memories have here.
pub(super) fn bring(snapshot: &Snapshot, record: BroughtRecord, model: String) -> BeliefChange {
    let nodes = |ids: &[String]| {
        let found = ids.iter().filter_map(|id| snapshot.find(id));
        let nodes: BTreeSet<u32> = found.map(|(at, _)| snapshot.node(at)).collect();
        nodes.into_iter().collect::<Vec<u32>>()
    };
    let BroughtRecord { members, dissent, quoted, written, held, outdated } = record;
    BeliefChange {
        joined: nodes(&members),
        left: Vec::new(),
        dissent: nodes(&dissent),
        written: Some((nodes(&quoted), model)),
        brought: Some(Brought { written, held, stale: outdated }),
    }
}
