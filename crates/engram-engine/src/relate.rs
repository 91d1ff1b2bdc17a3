//! Associate, dissociate, and what a memory is associated with.

use std::collections::BTreeMap;
use std::sync::Arc;

use engram_index::{Adjacency, Direction};

use crate::apply::Step;
use crate::association::{
    Associate, Association, AssociationPage, AssociationQuery, AssociationReceipt, Dissociate,
    EdgeDirection, EdgeKind, PathStep,
};
use crate::engine::{Done, Engine, Submitted};
use crate::error::EngineError;
use crate::memtable::Snapshot;
use crate::model::State;
use crate::queue::{CommitQueue, Overlay, writable};
use crate::record::{AssociateRecord, DissociateRecord, Op};
use crate::space::Space;
use crate::validate;

/// Relation of an association that names none.
pub(crate) const RELATION_DEFAULT: &str = "related";
/// Most memories that are listed for one shared entity, those stored first.
const ENTITY_MEMORIES_MAX: usize = 1_000;

impl Engine {
    /// States that one memory is associated with another; `done` is called when that is durable.
    pub fn associate(&self, space: &str, request: Associate, done: Done<AssociationReceipt>) {
        let checked = validate::associate(&request).and_then(|()| self.serving(space));
        match checked {
            Ok(space) => self
                .answer(done, |queue| space.sound(self.submit_associate(queue, &space, request))),
            Err(error) => done(Err(error)),
        }
    }

    fn submit_associate(
        &self,
        queue: &mut CommitQueue,
        space: &Arc<Space>,
        request: Associate,
    ) -> Submitted<AssociationReceipt> {
        let snapshot = space.snapshot.load_full();
        let overlay = writable(queue, space)?;
        let there = explicit(overlay, &snapshot, &request.from, &request.to)?;
        self.within_quota(space, (&snapshot, overlay), 0)?;
        let mut relation = request.relation;
        if relation.is_empty() {
            RELATION_DEFAULT.clone_into(&mut relation);
        }
        let record = AssociateRecord {
            from: request.from.clone(),
            to: request.to.clone(),
            relation,
            weight: request.weight,
            reason: request.reason,
        };
        let change = (Op::Associate(record.clone()), Step::Associate(record));
        let (stamp, number) = self.commit_step(queue, space, change, request.principal)?;
        let overlay = queue.overlays.entry(space.identity.id).or_default();
        overlay.touch_pair((number, stamp.lsn), (request.from, request.to), true);
        let commit = Some((stamp.lsn, stamp.time));
        Ok((AssociationReceipt { commit, count: 1, created: !there }, Some(number)))
    }

    /// Takes associations from one memory to another away; `done` is called when that is durable. Where there is none,
    /// nothing is written and that is no error.
    pub fn dissociate(&self, space: &str, request: Dissociate, done: Done<AssociationReceipt>) {
        let checked = validate::ends(&request.from, &request.to).and_then(|()| self.serving(space));
        match checked {
            Ok(space) => self
                .answer(done, |queue| space.sound(self.submit_dissociate(queue, &space, request))),
            Err(error) => done(Err(error)),
        }
    }

    fn submit_dissociate(
        &self,
        queue: &mut CommitQueue,
        space: &Arc<Space>,
        request: Dissociate,
    ) -> Submitted<AssociationReceipt> {
        let snapshot = space.snapshot.load_full();
        let overlay = writable(queue, space)?;
        let stated = explicit(overlay, &snapshot, &request.from, &request.to)?;
        let kinds =
            if request.kinds.is_empty() { EdgeKind::ALL.to_vec() } else { request.kinds.clone() };
        let formed = formed_between(&snapshot, &request.from, &request.to);
        let rests_on = overlay.pair_rests_on(&request.from, &request.to);
        let counts = |kind: &EdgeKind| match kind {
            EdgeKind::Explicit => u64::from(stated),
            kind => formed.get(kind).copied().unwrap_or(0),
        };
        let count = kinds.iter().map(counts).sum();
        if count == 0 {
            let receipt = AssociationReceipt { commit: None, count, created: false };
            return Ok((receipt, rests_on));
        }
        let record = DissociateRecord {
            from: request.from.clone(),
            to: request.to.clone(),
            kinds: kinds.iter().map(|kind| u32::from(kind.code())).collect(),
        };
        let change = (Op::Dissociate(record.clone()), Step::Dissociate(record));
        let (stamp, number) = self.commit_step(queue, space, change, request.principal)?;
        if kinds.contains(&EdgeKind::Explicit) {
            let overlay = queue.overlays.entry(space.identity.id).or_default();
            overlay.touch_pair((number, stamp.lsn), (request.from, request.to), false);
        }
        let commit = Some((stamp.lsn, stamp.time));
        Ok((AssociationReceipt { commit, count, created: false }, Some(number)))
    }

    /// What a memory is associated with, strongest first.
    ///
    /// # Errors
    /// [`EngineError::MemoryNotFound`], an invalid limit.
    pub fn associations(
        &self,
        space: &str,
        query: &AssociationQuery,
    ) -> Result<AssociationPage, EngineError> {
        validate::limit(query.limit)?;
        let space = self.serving(space)?;
        let snapshot = space.snapshot.load();
        let now_ns = self.now_ns();
        let at = space.sound(snapshot.recallable(&query.id, now_ns))?;
        let found = associations_of(&snapshot, snapshot.node(at), query, now_ns);
        let total = found.len() as u64;
        let items: Vec<Association> = found
            .into_iter()
            .skip(query.offset as usize)
            .take(query.limit)
            .map(|tie| tie.shown(&snapshot))
            .collect();
        let shown = u64::from(query.offset) + items.len() as u64;
        space.sound(Ok(()))?;
        let next = (shown < total && !items.is_empty()).then_some(shown as u32);
        Ok(AssociationPage { items, next, total, lsn: snapshot.lsn })
    }
}

/// Whether the pair has an explicit association after all that is queued. Both ids must be live.
fn explicit(
    overlay: &Overlay,
    snapshot: &Snapshot,
    from: &str,
    to: &str,
) -> Result<bool, EngineError> {
    let mut settled = true;
    for id in [from, to] {
        let (known, queued) = overlay.lookup(snapshot, id);
        if known.is_none() {
            return Err(EngineError::MemoryNotFound { id: id.to_owned() });
        }
        settled &= queued.is_none();
    }
    if let Some(there) = overlay.pair(from, to) {
        return Ok(there);
    }
    // What was stored under an id anew has lost the associations of the old one; what was suppressed or updated has not.
    let node = |id: &str| {
        let (at, _) = snapshot.find(id)?;
        let same = overlay.lookup(snapshot, id).0?.born <= snapshot.head(at).lsn;
        (settled || same).then(|| snapshot.node(at))
    };
    let pair = node(from).zip(node(to));
    Ok(pair.is_some_and(|(from, to)| snapshot.associations.statement(from, to).is_some()))
}

/// How many associations of each kind but the explicit one lead from one memory to another.
fn formed_between(snapshot: &Snapshot, from: &str, to: &str) -> BTreeMap<EdgeKind, u64> {
    let node = |id: &str| snapshot.find(id).map(|(at, _)| snapshot.node(at));
    let mut formed = BTreeMap::new();
    let Some((from, to)) = node(from).zip(node(to)) else { return formed };
    let shared = snapshot.associations.shared_entities(from, to).len() as u64;
    formed.insert(EdgeKind::Entity, shared);
    for link in snapshot.associations.graph.links(from) {
        let kind = EdgeKind::from_code(link.edge_type.code());
        let leads = link.direction == Direction::Out && link.node == to;
        if let Some(kind) = kind.filter(|_| leads) {
            *formed.entry(kind).or_default() += 1;
        }
    }
    formed
}

/// An association by nodes, before it is shown.
struct Tie {
    from: u32,
    to: u32,
    kind: EdgeKind,
    /// Entity that both ends name.
    entity: Option<u32>,
    weight: f32,
}

impl Tie {
    fn shown(self, snapshot: &Snapshot) -> Association {
        let statement = snapshot.associations.statement(self.from, self.to);
        let reason = statement.filter(|_| self.kind == EdgeKind::Explicit);
        let ends = (self.from, self.to);
        let PathStep { from, to, kind, label, weight } =
            snapshot.path_step(ends, self.kind, self.entity, self.weight);
        let reason = reason.map(|said| said.reason.to_string()).unwrap_or_default();
        Association { from, to, kind, label, reason, weight }
    }
}

fn associations_of(
    snapshot: &Snapshot,
    node: u32,
    query: &AssociationQuery,
    now_ns: i64,
) -> Vec<Tie> {
    let wanted = |kind: EdgeKind| query.kinds.is_empty() || query.kinds.contains(&kind);
    let shown = |node: u32| {
        let found = snapshot.doc_of_node(node);
        found.is_some_and(|(at, state)| state == State::Active && !snapshot.is_expired(at, now_ns))
    };
    let mut ties = Vec::new();
    let graph = &snapshot.associations.graph;
    for link in graph.links(node) {
        let Some(kind) = EdgeKind::from_code(link.edge_type.code()).filter(|kind| wanted(*kind))
        else {
            continue;
        };
        let weight = link.weight.get();
        if kind == EdgeKind::Entity {
            // An entity has no direction of its own: whoever names it stands on both ends.
            let others = graph.links(link.node).filter(|other| other.node != node);
            for other in others.filter(|other| shown(other.node)).take(ENTITY_MEMORIES_MAX) {
                let weight = weight * other.weight.get();
                let entity = Some(link.node);
                ties.push(Tie { from: node, to: other.node, kind, entity, weight });
            }
            continue;
        }
        let leaves = link.direction == Direction::Out;
        let fits = match query.direction {
            EdgeDirection::Both => true,
            EdgeDirection::Out => leaves,
            EdgeDirection::In => !leaves,
        };
        if fits && shown(link.node) {
            let (from, to) = if leaves { (node, link.node) } else { (link.node, node) };
            ties.push(Tie { from, to, kind, entity: None, weight });
        }
    }
    ties.sort_by(|a, b| {
        let place = |tie: &Tie| (tie.from, tie.to, tie.kind, tie.entity);
        b.weight.total_cmp(&a.weight).then_with(|| place(a).cmp(&place(b)))
    });
    ties
}
