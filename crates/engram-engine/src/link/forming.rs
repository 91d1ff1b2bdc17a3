//! What one commit of associations holds.

use std::collections::{BTreeMap, HashMap};

use crate::association::EdgeKind;
use crate::linker::Known;
use crate::memtable::{DocRef, Snapshot};
use crate::model::Memory;
use crate::record::{EdgeRecord, EntityEdgeRecord, EntityRecord, LinkRecord};

/// Weight of the edge to what follows in the same session.
const NEXT_WEIGHT: f32 = 1.0;
/// Weight of an entity that the caller names, as one of `people` or `entities`.
const ENTITY_STATED_WEIGHT: f32 = 1.0;

/// Collects the associations of a run of memories.
pub(super) struct Forming<'a> {
    snapshot: &'a Snapshot,
    entities: Vec<EntityRecord>,
    entity_places: HashMap<String, u32>,
    /// By memory node and place of the entity.
    entity_edges: BTreeMap<(u32, u32), f32>,
    /// By from, to and kind.
    edges: BTreeMap<(u32, u32, EdgeKind), f32>,
    removed: Vec<(u32, u32, EdgeKind)>,
}

impl<'a> Forming<'a> {
    pub(super) fn new(snapshot: &'a Snapshot) -> Forming<'a> {
        Forming {
            snapshot,
            entities: Vec::new(),
            entity_places: HashMap::new(),
            entity_edges: BTreeMap::new(),
            edges: BTreeMap::new(),
            removed: Vec::new(),
        }
    }

    /// Finds the associations of one memory with those that were looked at before it.
    pub(super) fn look_at(&mut self, known: &mut Known, node: u32, at: DocRef) {
        let memory = self.snapshot.memory(at);
        known.sessions.insert(memory, node);
        if !memory.content.session.is_empty() {
            self.follow(known, memory, node);
        }
        for name in memory.content.people.iter().chain(&memory.content.entities) {
            self.name(node, name, ENTITY_STATED_WEIGHT);
        }
    }

    /// Puts the memory between its neighbours in the session.
    fn follow(&mut self, known: &mut Known, memory: &Memory, node: u32) {
        let snapshot = self.snapshot;
        let lives = |node: u32| snapshot.doc_of_node(node).is_some();
        let (before, after) = known.sessions.beside(memory, node, &lives);
        if let (Some(before), Some(after)) = (before, after) {
            let edge = (before, after, EdgeKind::Next);
            if self.edges.remove(&edge).is_none() {
                self.removed.push(edge);
            }
        }
        if let Some(before) = before {
            self.edges.insert((before, node, EdgeKind::Next), NEXT_WEIGHT);
        }
        if let Some(after) = after {
            self.edges.insert((node, after, EdgeKind::Next), NEXT_WEIGHT);
        }
    }

    /// The memory names an entity.
    fn name(&mut self, node: u32, name: &str, weight: f32) {
        let key = entity_key(name);
        if key.is_empty() {
            return;
        }
        let place = match self.entity_places.get(&key) {
            Some(place) => *place,
            None => {
                let place = self.entities.len() as u32;
                self.entities.push(EntityRecord { key: key.clone(), name: name.to_owned() });
                self.entity_places.insert(key, place);
                place
            }
        };
        let edge = self.entity_edges.entry((node, place)).or_insert(weight);
        *edge = edge.max(weight);
    }

    /// The record, once all nodes below `through` were looked at.
    pub(super) fn finish(self, through: u32) -> LinkRecord {
        let edge = |(from, to, kind): (u32, u32, EdgeKind), weight: f32| EdgeRecord {
            from,
            to,
            kind: u32::from(kind.code()),
            weight,
        };
        let entity_edge = |((memory, entity), weight)| EntityEdgeRecord { memory, entity, weight };
        LinkRecord {
            through,
            entities: self.entities,
            entity_edges: self.entity_edges.into_iter().map(entity_edge).collect(),
            edges: self.edges.into_iter().map(|(key, weight)| edge(key, weight)).collect(),
            removed: self.removed.into_iter().map(|key| edge(key, 0.0)).collect(),
        }
    }
}

/// What makes two names the same entity: folded to lower case, blanks made one.
fn entity_key(name: &str) -> String {
    name.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ")
}
