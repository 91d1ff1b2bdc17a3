//! What a durable commit does to the state of its space: the same code when it is acknowledged and when it is replayed.

mod arrive;

use std::sync::Arc;

use engram_index::{EdgeWeight, Review};
use engram_store::{CommitTime, Stamp};

use self::arrive::{arrive, bring};
use crate::association::{EdgeKind, Statement};
use crate::calibration::mode_of_code;
use crate::dynamics::{source_of, witness};
use crate::mark::PairDecision;
use crate::memtable::{
    BeliefChange, Decided, Doc, DocRef, Entity, ForgottenCommit, GraphHash, Indexing, Mark,
    Proximity, Snapshot,
};
use crate::model::{FIRST_VERSION, Memory, State};
use crate::portable::Learned;
use crate::record::{
    AssociateRecord, BeliefRecord, CommitRecord, ConsolidateRecord, DissociateRecord, EdgeRecord,
    FeedbackRecord, LinkRecord, MergeRecord, Op, PutRecord, RepeatRecord, UseRecord,
    decode_vectors,
};
use crate::request::Verdict;
use crate::space::Space;
use crate::uses::share;

/// One step of a commit.
#[derive(Debug)]
pub(crate) enum Step {
    /// A memory appears, or a newer version of one takes the place of the one before.
    Put(Arc<Doc>),
    /// A memory appears that comes from elsewhere, with what happened to it there.
    Arrive(Arc<Doc>, Box<Learned>),
    /// A memory becomes active or suppressed.
    SetState(String, State),
    /// A memory is gone.
    Delete(String),
    /// An explicit association is there.
    Associate(AssociateRecord),
    /// Associations are gone.
    Dissociate(DissociateRecord),
    /// Associations were formed.
    Link(LinkRecord),
    /// A graph is put into use; a replay only learns which one that is.
    Graph(GraphHash, Option<Arc<Proximity>>),
    /// Memories were in answers.
    Use(UseRecord),
    /// Somebody judged a memory: what was said, and who said it.
    Feedback(FeedbackRecord, u64),
    /// Somebody said a memory again: when and which, and who said it.
    Merge(MergeRecord, u64),
    /// Beliefs were made or changed, or are taken apart.
    Consolidate(ConsolidateRecord),
}

/// Applies the steps of one commit.
///
/// # Errors
/// A step that does not fit the state: impossible for a commit of this process, damage in a replay.
pub(crate) fn apply(
    snapshot: &mut Snapshot,
    stamp: Stamp,
    steps: Vec<Step>,
    indexing: Indexing<'_>,
) -> Result<(), String> {
    snapshot.lsn = stamp.lsn;
    snapshot.committed_at = stamp.time;
    let deleted = steps.iter().filter(|step| matches!(step, Step::Delete(_))).count() as u64;
    for step in steps {
        apply_step(snapshot, step, indexing).map_err(|what| format!("LSN {} {what}", stamp.lsn))?;
    }
    for node in snapshot.associations.successions.take_turned() {
        snapshot.reconsider(node);
    }
    if deleted > 0 {
        let commit = ForgottenCommit { lsn: stamp.lsn, at: stamp.time, count: deleted };
        snapshot.forgotten.add(commit);
    }
    Ok(())
}

fn apply_step(
    snapshot: &mut Snapshot,
    step: Step,
    indexing: Indexing<'_>,
) -> Result<(), &'static str> {
    match step {
        Step::Put(doc) => put(snapshot, doc, indexing)?,
        Step::Arrive(doc, learned) => arrive(snapshot, doc, *learned, indexing)?,
        Step::SetState(id, state) => {
            let (at, _) = snapshot.find(&id).ok_or("changes an id that is not live")?;
            snapshot.set_state(at, state);
        }
        Step::Delete(id) => {
            let (at, _) = snapshot.find(&id).ok_or("deletes an id that is not live")?;
            snapshot.delete(at, indexing);
        }
        Step::Associate(record) => {
            let (from, to) = ends(snapshot, &record.from, &record.to)?;
            let weight = edge_weight(record.weight)?;
            let statement =
                Statement { relation: record.relation.into(), reason: record.reason.into() };
            snapshot.associations.state((from, to), weight, statement);
        }
        Step::Dissociate(record) => {
            let (from, to) = ends(snapshot, &record.from, &record.to)?;
            for code in record.kinds {
                let kind = edge_kind(code)?;
                snapshot.associations.part(from, to, kind);
                withdraw(snapshot, (from, to), kind);
            }
        }
        Step::Link(record) => link(snapshot, record)?,
        Step::Use(record) => {
            for used in &record.uses {
                // A clock that ran ahead must not keep what comes later from counting.
                let at_ns = used.at.min(snapshot.committed_at.0);
                let review = Review::Used { share: share(used) };
                // What was updated since it was in the answer is the same memory.
                let node = snapshot.newest_of(used.node);
                snapshot.learn(node, |trace, law| trace.retention.review(law, at_ns, review));
            }
        }
        Step::Consolidate(record) => consolidate(snapshot, record)?,
        Step::Feedback(record, source) => judge(snapshot, &record, source)?,
        Step::Merge(record, source) => merge(snapshot, &record, source)?,
        Step::Graph(_, Some(graph)) => snapshot.use_graph(graph),
        Step::Graph(hash, None) => {
            snapshot.graph_hash = Some(hash);
            snapshot.proximity = None;
        }
    }
    Ok(())
}

fn consolidate(snapshot: &mut Snapshot, record: ConsolidateRecord) -> Result<(), &'static str> {
    let node = |snapshot: &Snapshot, id: &str| {
        let (at, _) = snapshot.find(id).ok_or("believes an id that is not live")?;
        Ok::<u32, &'static str>(snapshot.node(at))
    };
    for id in record.dissolved {
        let node = node(snapshot, &id)?;
        snapshot.dissolve(node, &id);
    }
    let lsn = snapshot.lsn;
    for belief in record.beliefs {
        let node = node(snapshot, &belief.id)?;
        let BeliefRecord { joined, left, dissent, written, quoted, model, .. } = belief;
        let change = match belief.brought {
            Some(brought) => bring(snapshot, brought, model),
            None => {
                let written = written.then_some((quoted, model));
                BeliefChange { joined, left, dissent, written, brought: None }
            }
        };
        snapshot.believe(node, change, lsn);
    }
    for node in record.apart {
        if snapshot.doc_of_node(node).is_some() {
            snapshot.beliefs.set_apart(node);
        }
    }
    record.settled.into_iter().for_each(|node| snapshot.beliefs.settled(node));
    let through = record.through.min(snapshot.next_node);
    snapshot.beliefs.advance(through);
    Ok(())
}

fn judge(
    snapshot: &mut Snapshot,
    record: &FeedbackRecord,
    source: u64,
) -> Result<(), &'static str> {
    let (at, _) = snapshot.find(&record.id).ok_or("judges an id that is not live")?;
    if !record.other.is_empty() {
        let (other, _) = snapshot.find(&record.other).ok_or("judges an id that is not live")?;
        return decide(snapshot, (at, other), record, source);
    }
    let verdict = Verdict::from_code(record.verdict).ok_or("holds an unknown judgement")?;
    let (node, now_ns) = (snapshot.node(at), snapshot.committed_at.0);
    snapshot.learn(node, |trace, law| {
        let review = match verdict {
            Verdict::Useful => Review::Useful,
            Verdict::NotUseful => Review::NotUseful,
            Verdict::Wrong => Review::Wrong,
        };
        trace.retention.review(law, now_ns, review);
        match verdict {
            Verdict::Useful => trace.evidence.support(source),
            Verdict::NotUseful => {}
            Verdict::Wrong => trace.evidence.oppose(source),
        }
    });
    if verdict != Verdict::NotUseful {
        snapshot.doubt(node);
    }
    if record.mode > 0 {
        let mode = mode_of_code(record.mode).ok_or("judges a recall of an unknown mode")?;
        // What is wrong may have been just what the cue meant.
        if verdict != Verdict::Wrong && !record.relevance.is_nan() {
            let useful = verdict == Verdict::Useful;
            snapshot.calibration.judge(mode, record.relevance, useful);
        }
    }
    Ok(())
}

/// Somebody decides about two memories; what was decided before no longer counts, but as evidence.
fn decide(
    snapshot: &mut Snapshot,
    (one, other): (DocRef, DocRef),
    record: &FeedbackRecord,
    source: u64,
) -> Result<(), &'static str> {
    let decision = PairDecision::from_code(record.decision).ok_or("holds an unknown decision")?;
    let place = |at: DocRef| (snapshot.head(at).happened_at(), snapshot.node(at));
    let ((first, judged), (second, beside)) = (place(one), place(other));
    let (earlier, later) =
        if (first, judged) < (second, beside) { (judged, beside) } else { (beside, judged) };
    for kind in [EdgeKind::Supersedes, EdgeKind::Contradicts] {
        snapshot.associations.disconnect(judged, beside, kind);
        snapshot.associations.disconnect(beside, judged, kind);
    }
    let now_ns = snapshot.committed_at.0;
    let at_ns = record.decided_at.map_or(now_ns, |at_ns| at_ns.min(now_ns));
    let known = snapshot.marks.get(judged, beside).cloned();
    let (found, since_ns) = known.map_or((None, at_ns), |mark| (mark.found, mark.since_ns));
    let decided = Some(Decided { decision, at_ns, judged });
    let mark = Mark { earlier, later, found, since_ns, decided };
    if decision == PairDecision::Supersedes {
        give_way(snapshot, (judged, beside));
    }
    snapshot.carry_out(&mark);
    snapshot.marks.put(mark);
    if decision == PairDecision::Contradicts && !record.counted {
        // One of the two is wrong; nobody has said which.
        for node in [judged, beside] {
            snapshot.learn(node, |trace, _| trace.evidence.oppose(source));
        }
    }
    Ok(())
}

/// Takes away what keeps one memory from standing in the place of another: what stood there until now, and, where the older
/// one stands in the place of the newer one already, what led there.
fn give_way(snapshot: &mut Snapshot, (newer, older): (u32, u32)) {
    let successions = &snapshot.associations.successions;
    let replaced = successions.get(older).map(|own| (own.by, older));
    let leads = snapshot.associations.leads(newer, older);
    let turned = successions.get(newer).filter(|_| leads).map(|own| (own.by, newer));
    for (by, own) in replaced.into_iter().chain(turned) {
        withdraw(snapshot, (by, own), EdgeKind::Supersedes);
        snapshot.associations.disconnect(by, own, EdgeKind::Supersedes);
    }
}

/// A decision whose association is taken away is none any more.
fn withdraw(snapshot: &mut Snapshot, (from, to): (u32, u32), kind: EdgeKind) {
    let Some(mark) = snapshot.marks.get(from, to).cloned() else { return };
    let held = mark.decided.is_some_and(|decided| match decided.decision {
        PairDecision::Supersedes => kind == EdgeKind::Supersedes && decided.judged == from,
        PairDecision::Contradicts => kind == EdgeKind::Contradicts && mark.later == from,
        PairDecision::Unrelated => false,
    });
    if held && mark.found.is_some() {
        snapshot.marks.put(Mark { decided: None, ..mark });
    } else if held {
        snapshot.marks.remove(from, to);
    }
}

/// A repetition is a use of what was there before; from another source it is evidence for both.
fn repeat(snapshot: &mut Snapshot, RepeatRecord { earlier, later }: RepeatRecord) {
    let head = |node: u32| {
        let (at, _) = snapshot.doc_of_node(node)?;
        Some(snapshot.head(at).into_arc())
    };
    let Some((first, again)) = head(earlier).zip(head(later)) else { return };
    let (one, other) = (source_of(&first), source_of(&again));
    said_again(snapshot, (earlier, &first), again.learned_at(), other);
    if one != other {
        snapshot.learn(later, |trace, _| trace.evidence.support(one));
    }
}

/// A memory was said again at a time: a use of it, and evidence for it where another source says so.
fn said_again(snapshot: &mut Snapshot, (node, memory): (u32, &Memory), at_ns: i64, source: u64) {
    let other = source != source_of(memory);
    snapshot.learn(node, |trace, law| {
        trace.retention.review(law, at_ns, Review::Used { share: 1.0 });
        if other {
            trace.evidence.support(source);
        }
    });
}

/// What was sent and not stored is a repetition of what it was merged into.
fn merge(snapshot: &mut Snapshot, record: &MergeRecord, source: u64) -> Result<(), &'static str> {
    let (at, _) = snapshot.find(&record.id).ok_or("merges into an id that is not live")?;
    let now_ns = snapshot.committed_at.0;
    let said_ns = record.occurred_at.filter(|at_ns| *at_ns <= now_ns).unwrap_or(now_ns);
    let memory = snapshot.head(at).into_arc();
    said_again(snapshot, (snapshot.node(at), &memory), said_ns, source);
    Ok(())
}

fn put(snapshot: &mut Snapshot, doc: Arc<Doc>, indexing: Indexing<'_>) -> Result<(), &'static str> {
    let version = doc.memory.version;
    match snapshot.find(&doc.memory.id) {
        None if version == FIRST_VERSION => snapshot.put(doc, indexing),
        None => return Err("stores a version of what is not live"),
        Some(_) if version == FIRST_VERSION => return Err("stores an id that is live"),
        Some((at, State::Active)) if snapshot.head(at).version.checked_add(1) == Some(version) => {
            snapshot.supersede(at, doc, indexing);
        }
        Some(_) => return Err("stores a version that does not follow the one before"),
    }
    Ok(())
}

fn ends(snapshot: &Snapshot, from: &str, to: &str) -> Result<(u32, u32), &'static str> {
    let node = |id: &str| snapshot.find(id).map(|(at, _)| snapshot.node(at));
    node(from).zip(node(to)).ok_or("associates an id that is not live")
}

fn edge_kind(code: u32) -> Result<EdgeKind, &'static str> {
    let kind = u8::try_from(code).ok().and_then(EdgeKind::from_code);
    kind.ok_or("names an unknown kind of association")
}

fn edge_weight(weight: f32) -> Result<EdgeWeight, &'static str> {
    EdgeWeight::new(weight).ok_or("forms an association without a weight")
}

/// Connects two memories. What cannot be connected is skipped: no formed association is worth a space.
fn connect(snapshot: &mut Snapshot, (from, to): (u32, u32), kind: EdgeKind, weight: EdgeWeight) {
    let lives = |node: u32| snapshot.doc_of_node(node).is_some();
    if from != to && lives(from) && lives(to) && snapshot.associations.has_room(from, to) {
        if kind == EdgeKind::Next {
            // What was found before a neighbour was deleted or updated must not tear its session into two rows.
            snapshot.associations.clear_row(from, to);
        }
        if kind == EdgeKind::Supersedes {
            return succeed(snapshot, (from, to));
        }
        snapshot.associations.connect(from, to, kind, weight);
    }
}

/// One memory states anew what another one states. What was decided about either pair stands, and no chain becomes a circle.
fn succeed(snapshot: &mut Snapshot, (newer, older): (u32, u32)) {
    let associations = &snapshot.associations;
    let held = associations.successions.get(older);
    let kept =
        held.is_some_and(|own| snapshot.marks.decided_supersession(own.by, older) == Some(true));
    let is_decided = snapshot.marks.decided_supersession(newer, older).is_some();
    if !kept && !is_decided && !associations.leads(newer, older) {
        snapshot.hold_instead(newer, older);
    }
}

/// What names a memory that is gone is skipped: it was deleted after the associations were looked for.
fn link(snapshot: &mut Snapshot, record: LinkRecord) -> Result<(), &'static str> {
    let lives = |snapshot: &Snapshot, node: u32| snapshot.doc_of_node(node).is_some();
    for EdgeRecord { from, to, kind, .. } in record.removed {
        snapshot.associations.disconnect(from, to, edge_kind(kind)?);
    }
    for edge in record.entity_edges {
        let entity = record.entities.get(edge.entity as usize).ok_or("names no entity")?;
        let weight = edge_weight(edge.weight)?;
        if !lives(snapshot, edge.memory) {
            continue;
        }
        let node = match snapshot.associations.node_of(&entity.key) {
            Some(node) => node,
            None => {
                let node = snapshot.new_node();
                let (key, name) = (entity.key.as_str().into(), entity.name.as_str().into());
                snapshot.associations.admit(node, Entity { key, name });
                node
            }
        };
        if snapshot.associations.has_room(edge.memory, node) {
            snapshot.associations.connect(edge.memory, node, EdgeKind::Entity, weight);
        }
    }
    for EdgeRecord { from, to, kind, weight } in record.edges {
        let (kind, weight) = (edge_kind(kind)?, edge_weight(weight)?);
        connect(snapshot, (from, to), kind, weight);
    }
    record.repeats.into_iter().for_each(|pair| repeat(snapshot, pair));
    for found in record.marks {
        let (earlier, later) = (found.earlier, found.later);
        let known = snapshot.marks.get(earlier, later).is_some()
            || snapshot.associations.successions.get(earlier).is_some_and(|own| own.by == later);
        let pair = lives(snapshot, earlier) && lives(snapshot, later) && earlier != later;
        let cosine = found.cosine;
        let contrast = found.contrast().ok_or("marks a pair in an unknown way")?;
        if pair && !known {
            let (since_ns, decided) = (snapshot.committed_at.0, None);
            let found = Some((contrast, cosine));
            snapshot.marks.put(Mark { earlier, later, found, since_ns, decided });
        }
    }
    let through = record.through.min(snapshot.next_node);
    snapshot.associations.linked = snapshot.associations.linked.max(through);
    Ok(())
}

/// The steps of a commit record.
///
/// # Errors
/// What of the record this program cannot read.
pub(crate) fn steps(
    space: &Space,
    stamp: Stamp,
    record: CommitRecord,
) -> Result<Vec<Step>, String> {
    let principal = record.principal;
    (0_u32..)
        .zip(record.ops)
        .map(|(position, op)| match op.op {
            Some(Op::Put(put)) => put_step(space, (stamp, position), put, &principal),
            Some(Op::Suppress(id)) => Ok(Step::SetState(id, State::Suppressed)),
            Some(Op::Restore(id)) => Ok(Step::SetState(id, State::Active)),
            Some(Op::Delete(id)) => Ok(Step::Delete(id)),
            Some(Op::Associate(record)) => Ok(Step::Associate(record)),
            Some(Op::Dissociate(record)) => Ok(Step::Dissociate(record)),
            Some(Op::Link(record)) => Ok(Step::Link(record)),
            Some(Op::Graph(record)) => {
                let hash = record.hash.try_into();
                let hash = hash.map_err(|_| format!("LSN {} names no graph", stamp.lsn))?;
                Ok(Step::Graph(hash, None))
            }
            Some(Op::Consolidate(record)) => Ok(Step::Consolidate(record)),
            Some(Op::Use(record)) => Ok(Step::Use(record)),
            Some(Op::Feedback(record)) => {
                let source = witness(&[&principal, &record.source]);
                Ok(Step::Feedback(record, source))
            }
            Some(Op::Merge(record)) => Ok(merge_step(record, &principal)),
            None => Err(format!("LSN {} holds an unknown operation", stamp.lsn)),
        })
        .collect()
}

fn put_step(
    space: &Space,
    (stamp, position): (Stamp, u32),
    mut put: PutRecord,
    principal: &str,
) -> Result<Step, String> {
    let learned = put.learned.take();
    let doc = Arc::new(doc(space, stamp, position, put, principal)?);
    let Some(record) = learned else { return Ok(Step::Put(doc)) };
    let learned = record.learned().filter(|_| doc.memory.version == FIRST_VERSION);
    let wrong = || format!("LSN {} learned what nothing can learn", stamp.lsn);
    Ok(Step::Arrive(doc, Box::new(learned.ok_or_else(wrong)?)))
}

/// The step of a memory that counts as a repetition, said by its principal and source.
pub(crate) fn merge_step(record: MergeRecord, principal: &str) -> Step {
    let source = witness(&[principal, &record.source_kind, &record.source_reference]);
    Step::Merge(record, source)
}

fn doc(
    space: &Space,
    stamp: Stamp,
    position: u32,
    put: PutRecord,
    principal: &str,
) -> Result<Doc, String> {
    let content_hash = put
        .content_hash
        .try_into()
        .map_err(|_| format!("LSN {} has a content hash of another length", stamp.lsn))?;
    let vectors = decode_vectors(&put.vectors, space.identity.settings.dimension)
        .ok_or_else(|| format!("LSN {} has vectors that are none of its space", stamp.lsn))?;
    let content = put.content.into_content()?;
    let words = space.words(&content);
    let memory = Memory {
        id: put.id,
        version: put.version,
        lsn: stamp.lsn,
        position,
        committed_at: stamp.time,
        principal: principal.to_owned(),
        content,
        content_hash,
        first_committed_at: put.first_committed_at.map_or(stamp.time, CommitTime),
        reason: put.reason,
        reconsolidation: put.reconsolidation.map(|record| record.weighed()).transpose()?,
    };
    Ok(Doc { memory: Arc::new(memory), words, vectors })
}
