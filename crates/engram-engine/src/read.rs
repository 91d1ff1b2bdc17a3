//! Get and list, and what every answer says of a memory at one moment.

use std::sync::Arc;

use crate::dynamics::{Fading, confidence, conviction};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::memtable::{DocRef, Snapshot};
use crate::model::{Confidence, Cursor, Memory, MemoryDetail, Page, Standing, State};
use crate::request::{ListQuery, Visibility};
use crate::validate;

impl Engine {
    /// The recallable memory of that id.
    ///
    /// # Errors
    /// [`EngineError::MemoryNotFound`], also for a suppressed or expired one.
    pub fn get(&self, space: &str, id: &str) -> Result<MemoryDetail, EngineError> {
        let space = self.serving(space)?;
        let snapshot = space.snapshot.load();
        let now_ns = self.now_ns();
        let found = snapshot.recallable(id, now_ns);
        let found = found.map(|at| answered(&snapshot, at, now_ns));
        space.sound(found)
    }

    /// A page of memories in log order: oldest commit first.
    ///
    /// # Errors
    /// An invalid filter or limit.
    pub fn list(&self, space: &str, query: &ListQuery) -> Result<Page, EngineError> {
        validate::limit(query.limit)?;
        query.filter.validate()?;
        let space = self.serving(space)?;
        let now_ns = self.now_ns();
        let mut snapshot = space.snapshot.load_full();
        let mut visibility = query.visibility;
        if let Some(as_of) = query.as_of {
            snapshot = Arc::new(snapshot.as_of(as_of, now_ns));
            // What is hidden today is hidden with all its versions.
            visibility = Visibility::Active;
        }
        let shown = |state: State| match visibility {
            Visibility::Active => state == State::Active,
            Visibility::Suppressed => state == State::Suppressed,
            Visibility::All => true,
        };
        let validities = snapshot.validities(&query.filter, now_ns);
        let selected = snapshot.selected(query.after, &query.filter, &validities);
        let mut matching =
            selected.filter(|(at, state)| shown(*state) && !snapshot.is_expired(*at, now_ns));
        let items: Vec<MemoryDetail> = matching
            .by_ref()
            .take(query.limit)
            .map(|(at, state)| detail(&snapshot, at, state, now_ns))
            .collect();
        let more = matching.next().is_some();
        let last = items
            .last()
            .map(|item| Cursor { lsn: item.memory.lsn.0, position: item.memory.position });
        space.sound(Ok(Page { next: last.filter(|_| more), items }))
    }
}

impl Snapshot {
    /// What a memory is worth now.
    pub(crate) fn standing(&self, node: u32, memory: &Memory, now_ns: i64) -> Standing {
        let trace = self.traces.get(node);
        Standing {
            strength: self.fading(&memory.course()).strength(trace, now_ns),
            confidence: self.confidence_of(node, memory),
            stated: memory.content.confidence,
        }
    }

    /// How sure we are of a memory now.
    pub(crate) fn confidence_of(&self, node: u32, memory: &Memory) -> Confidence {
        let trace = self.traces.get(node);
        match self.beliefs.get(node) {
            Some(belief) => conviction(&belief.evidence, trace),
            None => confidence(memory, trace),
        }
    }

    /// The active memory of that id that has not forgotten itself.
    pub(crate) fn recallable(&self, id: &str, now_ns: i64) -> Result<DocRef, EngineError> {
        match self.find(id) {
            Some((at, State::Active)) if !self.is_expired(at, now_ns) => Ok(at),
            _ => Err(EngineError::MemoryNotFound { id: id.to_owned() }),
        }
    }
}

/// The same of an active memory that somebody asked for: it is used.
pub(crate) fn answered(snapshot: &Snapshot, at: DocRef, now_ns: i64) -> MemoryDetail {
    let detail = detail(snapshot, at, State::Active, now_ns);
    // What the cold store did not give must not pass for the memory later.
    if !snapshot.lacks(at) {
        snapshot.used(at, (&detail.memory, &detail.vectors), now_ns);
    }
    detail
}

/// All that an answer says of a memory.
pub(crate) fn detail(snapshot: &Snapshot, at: DocRef, state: State, now_ns: i64) -> MemoryDetail {
    let memory = snapshot.memory(at);
    let node = snapshot.node(at);
    let Standing { strength, confidence, .. } = snapshot.standing(node, &memory, now_ns);
    MemoryDetail {
        state,
        strength,
        confidence,
        belief: snapshot.belief_summary(node),
        vectors: snapshot.vectors(at),
        superseded_by: snapshot.successor(node, now_ns).map(|(by, _)| snapshot.id_of_node(by)),
        supersedes: snapshot.superseded_ids(node, now_ns),
        marks: snapshot.marks_shown(node, now_ns),
        memory: memory.into_arc(),
    }
}

/// The same of a version that is no longer the newest: what was learned since went with the newer ones.
pub(crate) fn as_it_was(
    snapshot: &Snapshot,
    (memory, vectors): (Arc<Memory>, Vec<Vec<f32>>),
    now_ns: i64,
) -> MemoryDetail {
    MemoryDetail {
        state: State::Active,
        strength: Fading::new(&memory.course(), snapshot.decay).strength(None, now_ns),
        confidence: confidence(&memory, None),
        belief: None,
        vectors,
        superseded_by: None,
        supersedes: Vec::new(),
        marks: Vec::new(),
        memory,
    }
}
