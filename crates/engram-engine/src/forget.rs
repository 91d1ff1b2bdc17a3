//! Forget and restore: which memories, then one commit that changes their state.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use engram_store::{Lsn, Stamp};
use prost::Message;

use crate::apply::Step;
use crate::engine::{Done, Engine, Submitted};
use crate::error::{EngineError, InvalidValue};
use crate::filter::Filter;
use crate::memtable::Snapshot;
use crate::model::{ForgetReceipt, State};
use crate::queue::{Change, CommitQueue, Known, Overlay, Submission, writable};
use crate::record::{CommitRecord, ConsolidateRecord, KIND_COMMIT, Op, OpRecord};
use crate::request::{Execution, Forget, ForgetMode, Purge, Restore, Selection};
use crate::space::Space;

/// Most memories that one commit forgets or restores: it is ordered under the lock of all commits. More are reached by
/// narrower filters, or by deleting the space.
const FORGOTTEN_MAX: usize = 20_000;

/// What happens to each selected memory.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Suppress,
    Delete(Purge),
    Restore,
}

/// What a selection came to before the lock.
enum Found {
    Named(Vec<String>),
    /// Ids and the commits that stored them.
    Matched(Vec<(String, Lsn)>),
}

impl Fate {
    /// Whether a memory in this state changes at all.
    fn concerns(self, state: State) -> bool {
        match self {
            Fate::Suppress => state == State::Active,
            Fate::Restore => state == State::Suppressed,
            Fate::Delete(_) => true,
        }
    }

    /// The state after it; none = gone.
    fn outcome(self) -> Option<State> {
        match self {
            Fate::Suppress => Some(State::Suppressed),
            Fate::Restore => Some(State::Active),
            Fate::Delete(_) => None,
        }
    }

    fn step(self, id: String) -> Step {
        match self.outcome() {
            Some(state) => Step::SetState(id, state),
            None => Step::Delete(id),
        }
    }

    fn op(self, id: String) -> OpRecord {
        let op = match self {
            Fate::Suppress => Op::Suppress(id),
            Fate::Restore => Op::Restore(id),
            Fate::Delete(_) => Op::Delete(id),
        };
        OpRecord { op: Some(op) }
    }
}

impl Engine {
    /// Suppresses or deletes memories. Suppressing what is suppressed changes nothing and is no error.
    pub fn forget(&self, space: &str, request: Forget, done: Done<ForgetReceipt>) {
        let fate = match request.mode {
            ForgetMode::Suppress => Fate::Suppress,
            ForgetMode::Delete => Fate::Delete(request.purge),
        };
        let Forget { selection, execution, principal, .. } = request;
        self.change(space, fate, (selection, execution, principal), done);
    }

    /// Makes suppressed memories recallable again. Restoring what is active changes nothing and is no error.
    pub fn restore(&self, space: &str, request: Restore, done: Done<ForgetReceipt>) {
        let Restore { selection, execution, principal } = request;
        self.change(space, Fate::Restore, (selection, execution, principal), done);
    }

    fn change(
        &self,
        space: &str,
        fate: Fate,
        request: (Selection, Execution, String),
        done: Done<ForgetReceipt>,
    ) {
        let (selection, execution, principal) = request;
        // Searching the space may take long: it is done before the lock, and each find is looked up again under it.
        let selected = self.serving(space).and_then(|space| {
            let found = match selection {
                Selection::Ids(ids) => Found::Named(ids),
                Selection::Matching(filter) => {
                    let found = matching(&space.snapshot.load(), &filter, (fate, self.now_ns()));
                    Found::Matched(space.sound(found)?)
                }
            };
            Ok((space, found))
        });
        match selected {
            Ok((space, found)) => self.answer(done, |queue| {
                space.sound(self.submit_change(
                    queue,
                    &space,
                    (found, fate),
                    (execution, principal),
                ))
            }),
            Err(error) => done(Err(error)),
        }
    }

    fn submit_change(
        &self,
        queue: &mut CommitQueue,
        space: &Arc<Space>,
        (found, fate): (Found, Fate),
        (execution, principal): (Execution, String),
    ) -> Submitted<ForgetReceipt> {
        let snapshot = space.snapshot.load_full();
        let overlay = writable(queue, space)?;
        let (ids, rests_on) = match found {
            Found::Named(ids) => named(overlay, &snapshot, ids, fate)?,
            Found::Matched(found) => still_concerned(overlay, &snapshot, found, fate),
        };
        if execution == Execution::DryRun || ids.is_empty() {
            let ids = ids.into_iter().map(|(id, _)| id).collect();
            return Ok((ForgetReceipt { commit: None, ids, beliefs: Vec::new() }, rests_on));
        }
        let (stamp, number, beliefs) =
            self.commit_change(queue, (space, &snapshot), &ids, (fate, principal))?;
        let ids = ids.into_iter().map(|(id, _)| id).collect();
        let commit = Some((stamp.lsn, stamp.time));
        Ok((ForgetReceipt { commit, ids, beliefs }, Some(number)))
    }

    fn commit_change(
        &self,
        queue: &mut CommitQueue,
        (space, snapshot): (&Arc<Space>, &Snapshot),
        ids: &[(String, Known)],
        (fate, principal): (Fate, String),
    ) -> Result<(Stamp, u64, Vec<String>), EngineError> {
        let number = queue.next_number();
        let overlay = queue.overlays.entry(space.identity.id).or_default();
        let beliefs =
            if fate == Fate::Restore { Vec::new() } else { derived(overlay, snapshot, ids) };
        let mut state_sum = overlay.state_sum;
        let mut touched = Vec::with_capacity(ids.len() + beliefs.len());
        for (id, known) in &beliefs {
            state_sum = state_sum.wrapping_sub(known.term(id));
            touched.push((id.clone(), None));
        }
        for (id, known) in ids {
            state_sum = state_sum.wrapping_sub(known.term(id));
            let after = fate.outcome().map(|state| Known { state, ..*known });
            if let Some(after) = &after {
                state_sum = state_sum.wrapping_add(after.term(id));
            }
            touched.push((id.clone(), after));
        }
        let dissolved: Vec<String> = beliefs.iter().map(|(id, _)| id.clone()).collect();
        let dissolves = (!dissolved.is_empty())
            .then(|| ConsolidateRecord { dissolved, ..ConsolidateRecord::default() });
        let deletes = beliefs.iter().map(|(id, _)| Fate::Delete(Purge::default()).op(id.clone()));
        let dissolve =
            dissolves.iter().map(|record| OpRecord { op: Some(Op::Consolidate(record.clone())) });
        let own = ids.iter().map(|(id, _)| fate.op(id.clone()));
        let ops = dissolve.chain(deletes).chain(own).collect();
        let record = CommitRecord { ops, idempotency: None, principal };
        let submission = Submission {
            space: Arc::clone(space),
            kind: KIND_COMMIT,
            payload: record.encode_to_vec(),
            state_sum,
            now_ns: self.now_ns(),
        };
        let deletes = beliefs.iter().map(|(id, _)| Fate::Delete(Purge::default()).step(id.clone()));
        let own = ids.iter().map(|(id, _)| fate.step(id.clone()));
        let steps =
            dissolves.map(Step::Consolidate).into_iter().chain(deletes).chain(own).collect();
        let bytes_max = self.settings().commit_queue_bytes_max;
        let stamp = queue.submit(self.log(), bytes_max, submission, |_| Change::Commit(steps))?;
        let overlay = queue.overlays.entry(space.identity.id).or_default();
        overlay.state_sum = state_sum;
        for (id, after) in touched {
            overlay.touch(number, id, after);
        }
        if fate == Fate::Delete(Purge::Soon) {
            space.identity.unpurged.hurry(stamp.lsn);
        }
        let beliefs = beliefs.into_iter().map(|(id, _)| id).collect();
        Ok((stamp, number, beliefs))
    }
}

/// The beliefs whose texts are words of these memories and that are not among them: they go with them, and may be made anew
/// of what else they rested on.
fn derived(
    overlay: &Overlay,
    snapshot: &Snapshot,
    ids: &[(String, Known)],
) -> Vec<(String, Known)> {
    let forgotten: HashSet<&str> = ids.iter().map(|(id, _)| id.as_str()).collect();
    let quoting = ids.iter().flat_map(|(id, _)| overlay.beliefs_in_words_of(snapshot, id));
    let quoting: BTreeSet<String> =
        quoting.filter(|belief| !forgotten.contains(belief.as_str())).collect();
    let known = |id: String| Some((overlay.lookup(snapshot, &id).0?, id));
    quoting.into_iter().filter_map(known).map(|(known, id)| (id, known)).collect()
}

/// Ids of the published memories that a filter selects, in log order. Expired ones are selected like others: they are
/// still stored.
fn matching(
    snapshot: &Snapshot,
    filter: &Filter,
    (fate, now_ns): (Fate, i64),
) -> Result<Vec<(String, Lsn)>, EngineError> {
    filter.validate()?;
    if filter.is_empty() {
        return Err(EngineError::invalid("filter", InvalidValue::Missing));
    }
    let validities = snapshot.validities(filter, now_ns);
    let selected =
        snapshot.selected(None, filter, &validities).filter(|(_, state)| fate.concerns(*state));
    let named = |(at, _)| {
        let head = snapshot.head(at);
        (head.id.clone(), head.lsn)
    };
    let found: Vec<_> = selected.map(named).collect();
    at_most_forgotten("filter", found.len())?;
    Ok(found)
}

fn at_most_forgotten(field: &str, count: usize) -> Result<(), EngineError> {
    if count > FORGOTTEN_MAX {
        let problem = InvalidValue::TooMany { count, max: FORGOTTEN_MAX };
        return Err(EngineError::invalid(field, problem));
    }
    Ok(())
}

type Concerned = (Vec<(String, Known)>, Option<u64>);

/// The memories of these ids, each once; one that does not exist refuses all.
fn named(
    overlay: &Overlay,
    snapshot: &Snapshot,
    mut ids: Vec<String>,
    fate: Fate,
) -> Result<Concerned, EngineError> {
    if ids.is_empty() {
        return Err(EngineError::invalid("ids", InvalidValue::Empty));
    }
    at_most_forgotten("ids", ids.len())?;
    let mut seen = HashSet::new();
    ids.retain(|id| seen.insert(id.clone()));
    let mut found = Vec::with_capacity(ids.len());
    for id in ids {
        match overlay.lookup(snapshot, &id).0 {
            Some(known) => found.push((id, known.lsn)),
            None => return Err(EngineError::MemoryNotFound { id }),
        }
    }
    Ok(still_concerned(overlay, snapshot, found, fate))
}

/// Those of the memories found that are still there and change. A memory stored anew under the same id is another one.
fn still_concerned(
    overlay: &Overlay,
    snapshot: &Snapshot,
    found: Vec<(String, Lsn)>,
    fate: Fate,
) -> Concerned {
    let mut rests_on = None;
    let mut concerned = Vec::new();
    for (id, lsn) in found {
        let (known, queued) = overlay.lookup(snapshot, &id);
        rests_on = rests_on.max(queued);
        let same = |known: &Known| is_same(known, snapshot, (&id, lsn));
        if let Some(known) = known.filter(|known| same(known) && fate.concerns(known.state)) {
            concerned.push((id, known));
        }
    }
    (concerned, rests_on)
}

/// Whether what is known of an id is the memory of which that commit stored a version: a newer version is the same one, what
/// was stored anew under the id is not.
fn is_same(known: &Known, snapshot: &Snapshot, (id, lsn): (&str, Lsn)) -> bool {
    if known.lsn == lsn {
        return true;
    }
    if known.born > Lsn(0) {
        return known.born <= lsn;
    }
    let newest = snapshot.find(id).is_some_and(|(at, _)| snapshot.head(at).lsn == lsn);
    newest || snapshot.older_heads(id).iter().any(|(_, head)| head.lsn == lsn)
}
