//! Consolidation: what is said again and again becomes a belief that cites what it rests on.
//!
//! Each step looks at some memories in the order of the log, behind the forming of associations, and submits one commit
//! with the beliefs it made or changed: from then on they are content like any other, and a replay makes nothing anew. One
//! commit of a space is under way at a time; a step that is not committed is taken again.

mod cluster;
mod commit;
mod draft;
mod reword;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use engram_index::{Analyzer, Beta};
use engram_store::{Lsn, Stamp};

use self::cluster::{Clusters, MEMBERS_MIN};
use self::draft::draft;
use self::reword::reword;
use crate::engine::{Done, Engine};
use crate::error::EngineError;
use crate::memtable::{Belief, DocRef, Snapshot};
use crate::missing::take_missing;
use crate::model::State;
use crate::portable::MEMBERS_MAX;
use crate::settings::Consolidation;
use crate::space::Space;
use crate::validate;

/// Memories that one commit looks at.
const LOOKED_AT_MAX: usize = 256;
/// Beliefs whose foundations changed that one commit makes anew.
const STALE_MAX: usize = 64;
/// A belief of which nothing is known.
const UNDECIDED: Beta = Beta { alpha: 1.0, beta: 1.0 };
/// A text is written anew when a belief rests on so many times the memories that it was written from.
const GROWTH: (usize, usize) = (3, 2);

/// What steps of consolidation did in one space.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Consolidated {
    /// Memories that were looked at.
    pub memories: u64,
    /// Ids of beliefs that are new.
    pub formed: Vec<String>,
    /// Ids of beliefs that rest on more, on less or say something else.
    pub changed: Vec<String>,
    /// Ids of beliefs that rest on too little now and are gone.
    pub withdrawn: Vec<String>,
    /// Commit that carries it; none = there was nothing to do.
    pub commit: Option<Stamp>,
    /// Why a text is in the words of its memories, where a model was to write it.
    pub unphrased: Option<String>,
    /// Another step would find work.
    pub more: bool,
}

/// What of consolidation is taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Undo {
    /// These beliefs, by id.
    Beliefs(Vec<String>),
    /// What came of commits from this one on: beliefs that were made are gone, and those that were there rest on what they
    /// rested on before.
    Since(Lsn),
}

/// What becomes of one belief.
struct Revised {
    /// Its node; none = it is new.
    node: Option<u32>,
    id: String,
    joined: Vec<u32>,
    left: Vec<u32>,
    dissent: Vec<u32>,
    /// Its new text; none = it stays.
    text: Option<draft::Draft>,
}

/// What a step comes to.
#[derive(Default)]
struct Planned {
    through: u32,
    settled: Vec<u32>,
    revised: Vec<Revised>,
    /// Beliefs that go; what they rested on is looked at again.
    withdrawn: Vec<(u32, String)>,
    /// Beliefs that go; what they rested on makes no other.
    taken_back: Vec<(u32, String)>,
    /// Memories that make no belief from now on.
    apart: Vec<u32>,
    /// Why a text is not in the words of the model.
    unphrased: Option<String>,
    looked_at: u64,
    /// What it passed over (hidden memories) is to be looked at no more.
    advances: bool,
    more: bool,
}

impl Engine {
    /// One step of consolidation in a space: looks at up to 256 memories; `done` is called when what it comes to is durable, or at
    /// once where that is nothing.
    pub fn consolidate(&self, space: &str, done: Done<Consolidated>) {
        let plan = |space: &Space, snapshot: &Snapshot| {
            drop(take_missing());
            let mut planned = plan(snapshot, &space.analyzer, self.now_ns());
            if let Some(phraser) = self.phraser() {
                planned.unphrased = reword(phraser, (space, snapshot), &mut planned);
            }
            // What could not be read must not pass for having said nothing.
            space.sound(Ok(planned))
        };
        self.revise_beliefs(space, plan, done);
    }

    /// Takes back what consolidation made: `done` is called when that is durable. What the beliefs rested on stays and makes no
    /// other belief until it is updated.
    pub fn undo_consolidation(&self, space: &str, undo: &Undo, done: Done<Consolidated>) {
        self.revise_beliefs(space, |space, snapshot| taken_back(space, snapshot, undo), done);
    }

    fn revise_beliefs(
        &self,
        space: &str,
        plan: impl FnOnce(&Space, &Snapshot) -> Result<Planned, EngineError>,
        done: Done<Consolidated>,
    ) {
        let space = match self.serving(space) {
            Ok(space) => space,
            Err(error) => return done(Err(error)),
        };
        if space.consolidating.swap(true, Ordering::AcqRel) {
            return done(Err(EngineError::Consolidating { space: space.identity.name.clone() }));
        }
        let at_work = Arc::clone(&space);
        let done: Done<Consolidated> = Box::new(move |outcome| {
            at_work.consolidating.store(false, Ordering::Release);
            done(outcome);
        });
        let snapshot = space.snapshot.load_full();
        match plan(&space, &snapshot) {
            Ok(planned) if planned.is_empty() => {
                done(Ok(Consolidated { more: planned.more, ..Consolidated::default() }));
            }
            Ok(planned) => self.commit_beliefs(&space, &snapshot, planned, done),
            Err(error) => done(Err(error)),
        }
    }

    /// Memories of a space that consolidation has not looked at, and beliefs that it has to make anew; of a closed space none.
    pub fn unconsolidated(&self, space: &str) -> u64 {
        let open = self.catalog().find(space).ok().and_then(|entry| entry.space());
        open.map_or(0, |space| space.snapshot.load().unconsolidated())
    }

    /// The open spaces whose beliefs are to be made without being asked for, and that have memories to be looked at.
    pub fn consolidation_due(&self) -> Vec<String> {
        let open = self.catalog().open_spaces();
        let due = open.iter().filter(|space| {
            space.identity.settings.consolidation == Consolidation::Scheduled
                && space.intact().is_ok()
                && space.snapshot.load().unconsolidated() > 0
        });
        due.map(|space| space.identity.name.clone()).collect()
    }
}

impl Planned {
    fn is_empty(&self) -> bool {
        self.looked_at == 0
            && !self.advances
            && self.revised.is_empty()
            && self.withdrawn.is_empty()
            && self.taken_back.is_empty()
    }
}

impl Snapshot {
    /// Memories that are linked and not looked at, and what is to be looked at again.
    pub(crate) fn unconsolidated(&self) -> u64 {
        let (from, to) = (self.beliefs.through, self.associations.linked);
        let behind = if from < to { self.live_from(from) - self.live_from(to) } else { 0 };
        self.beliefs.waiting() + behind.saturating_sub(self.beliefs.seen_below(to))
    }

    /// The next memories to be looked at with their nodes, at most `count`, and the node up to which that is.
    fn unconsolidated_docs(&self, count: usize) -> (Vec<(u32, DocRef)>, u32) {
        let (from, to) = (self.beliefs.through, self.associations.linked);
        let mut found = Vec::new();
        for node in from..to {
            if found.len() == count {
                return (found, node);
            }
            if let Some((at, State::Active)) = self.doc_of_node(node)
                && !self.beliefs.has_passed(node)
            {
                found.push((node, at));
            }
        }
        (found, to.max(from))
    }
}

/// What the next step does.
fn plan(snapshot: &Snapshot, analyzer: &Analyzer, now_ns: i64) -> Planned {
    let mut planned = Planned::default();
    let mut clusters = Clusters::new(snapshot, now_ns);
    let again = snapshot.beliefs.all_again().map(|(node, _)| node).take(LOOKED_AT_MAX);
    let again: Vec<u32> = again.collect();
    let (fresh, through) = snapshot.unconsolidated_docs(LOOKED_AT_MAX - again.len());
    let nodes = again.iter().copied().chain(fresh.iter().map(|(node, _)| *node));
    for node in nodes {
        clusters.look_at(node);
        planned.looked_at += 1;
    }
    planned.through = through;
    planned.advances = snapshot.live_from(snapshot.beliefs.through) > snapshot.live_from(through);
    planned.settled = again;
    let Clusters { joined, founded, .. } = clusters;
    let mut changed: BTreeSet<u32> = snapshot.beliefs.stale().take(STALE_MAX).collect();
    changed.extend(joined.keys());
    for node in changed {
        let joining = joined.get(&node).cloned().unwrap_or_default();
        let Some((at, _)) = snapshot.doc_of_node(node) else { continue };
        let Some(belief) = snapshot.beliefs.get(node) else { continue };
        let id = snapshot.head(at).id.clone();
        let expired = snapshot.is_expired(at, now_ns);
        let (kept, left) = parted(snapshot, belief, now_ns);
        let few = kept.len() + joining.len() < MEMBERS_MIN;
        if expired || (few && !belief.held) || (kept.is_empty() && joining.is_empty()) {
            planned.withdrawn.push((node, id));
            continue;
        }
        planned.revised.push(revise(
            (snapshot, analyzer),
            (node, id, belief),
            (kept, left, joining),
        ));
    }
    // Two that part from one belief cannot both have its id.
    let mut taken = BTreeSet::new();
    for members in founded {
        if let Some(formed) = form((snapshot, analyzer), members, &taken) {
            taken.insert(formed.id.clone());
            planned.revised.push(formed);
        }
    }
    let unseen = snapshot.live_from(through) > snapshot.live_from(snapshot.associations.linked);
    let waiting = snapshot.beliefs.waiting() > planned.settled.len() as u64;
    planned.more = unseen || waiting || !planned.withdrawn.is_empty();
    planned
}

/// What taking back comes to.
fn taken_back(space: &Space, snapshot: &Snapshot, undo: &Undo) -> Result<Planned, EngineError> {
    let mut planned = Planned::default();
    if let Undo::Beliefs(ids) = undo {
        validate::belief_ids(ids)?;
        for id in ids {
            let found = snapshot.find(id).map(|(at, _)| snapshot.node(at));
            let node = found.filter(|node| snapshot.beliefs.get(*node).is_some());
            let node = node.ok_or_else(|| EngineError::MemoryNotFound { id: id.clone() })?;
            if planned.taken_back.iter().all(|(known, _)| *known != node) {
                planned.taken_back.push((node, id.clone()));
            }
        }
        return Ok(planned);
    }
    let Undo::Since(since) = undo else { return Ok(planned) };
    drop(take_missing());
    for (node, belief) in snapshot.beliefs.iter() {
        let later = belief.members.iter().filter(|member| member.since >= *since);
        let left: Vec<u32> = later.map(|member| member.node).collect();
        let Some((at, _)) = snapshot.doc_of_node(node).filter(|_| !left.is_empty()) else {
            continue;
        };
        let id = snapshot.head(at).id.clone();
        let kept: Vec<u32> = belief.nodes().filter(|node| !left.contains(node)).collect();
        if kept.len() < MEMBERS_MIN && !belief.held || kept.is_empty() {
            planned.taken_back.push((node, id));
            continue;
        }
        planned.apart.extend(&left);
        let change = (kept, left, Vec::new());
        planned.revised.push(revise((snapshot, &space.analyzer), (node, id, belief), change));
    }
    space.sound(Ok(planned))
}

/// The members of a belief that still carry it, and those that do not.
fn parted(snapshot: &Snapshot, belief: &Belief, now_ns: i64) -> (Vec<u32>, Vec<u32>) {
    belief.nodes().partition(|node| {
        let found = snapshot.doc_of_node(*node);
        found.is_some_and(|(at, state)| state == State::Active && !snapshot.is_expired(at, now_ns))
            && snapshot.successor(*node, now_ns).is_none()
    })
}

fn revise(
    (snapshot, analyzer): (&Snapshot, &Analyzer),
    (node, id, belief): (u32, String, &Belief),
    (kept, left, joined): (Vec<u32>, Vec<u32>, Vec<u32>),
) -> Revised {
    let mut members: Vec<u32> = kept.into_iter().chain(joined.iter().copied()).collect();
    members.sort_unstable();
    members.truncate(MEMBERS_MAX);
    let dissent = dissent(snapshot, &members);
    let quoted_stay = belief.quoted.iter().all(|quoted| members.contains(quoted))
        && !belief.quoted.is_empty()
        && !belief.quoted.iter().any(|quoted| dissent.contains(quoted));
    let grown = members.len() * GROWTH.1 >= belief.written as usize * GROWTH.0;
    let outdated = !quoted_stay || !left.is_empty() || belief.stale || grown;
    // A hidden one keeps its text: it has none to show.
    let shown = snapshot.doc_of_node(node).is_some_and(|(_, state)| state == State::Active);
    let text = (outdated && shown && !belief.held)
        .then(|| draft(snapshot, analyzer, &agreeing(&members, &dissent)))
        .flatten();
    Revised { node: Some(node), id, joined, left, dissent, text }
}

fn form(
    (snapshot, analyzer): (&Snapshot, &Analyzer),
    mut members: Vec<u32>,
    taken: &BTreeSet<String>,
) -> Option<Revised> {
    members.sort_unstable();
    members.truncate(MEMBERS_MAX);
    let dissent = dissent(snapshot, &members);
    let text = draft(snapshot, analyzer, &agreeing(&members, &dissent))?;
    let id = identity(snapshot, &members, taken);
    Some(Revised { node: None, id, joined: members, left: Vec::new(), dissent, text: Some(text) })
}

/// The members that nobody contradicts; all of them where that is none.
fn agreeing(members: &[u32], dissent: &[u32]) -> Vec<u32> {
    let agreeing: Vec<u32> =
        members.iter().copied().filter(|node| !dissent.contains(node)).collect();
    if agreeing.is_empty() { members.to_vec() } else { agreeing }
}

/// The members of which more was said against them than for them since they were stored.
fn dissent(snapshot: &Snapshot, members: &[u32]) -> Vec<u32> {
    let doubted = |node: &u32| {
        let evidence = snapshot.traces.get(*node).map(|trace| &trace.evidence);
        evidence.is_some_and(|evidence| evidence.update(UNDECIDED).mean() < UNDECIDED.mean())
    };
    members.iter().copied().filter(doubted).collect()
}

/// Id of a belief: that of the one on which most of its members rested before, else made of the id of its first member.
fn identity(snapshot: &Snapshot, members: &[u32], taken: &BTreeSet<String>) -> String {
    let free = |id: &str| !id.is_empty() && !taken.contains(id) && snapshot.find(id).is_none();
    let mut former: Vec<&str> =
        members.iter().filter_map(|node| snapshot.beliefs.former(*node)).map(|id| &**id).collect();
    former.sort_unstable();
    let most = former.chunk_by(|one, other| one == other).max_by_key(|same| same.len());
    if let Some(id) = most.and_then(|same| same.first()).filter(|id| free(id)) {
        return (*id).to_owned();
    }
    let first = members.first().and_then(|node| snapshot.doc_of_node(*node));
    let first = first.map(|(at, _)| snapshot.head(at).id.clone()).unwrap_or_default();
    let named = |salt: u32| {
        let mut hasher = blake3::Hasher::new();
        hasher.update(first.as_bytes()).update(&salt.to_le_bytes());
        format!("belief-{}", &hasher.finalize().to_hex()[..16])
    };
    (0..).map(named).find(|id| free(id)).unwrap_or_default()
}
