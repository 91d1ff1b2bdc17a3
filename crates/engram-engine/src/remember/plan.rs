//! What a request to remember comes to, in the order of commits: ids, duplicates, and the answer once there is a stamp.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use engram_store::{CommitTime, Entropy, Lsn, SpaceId, Stamp};

use super::repeats::{Earlier, Found, Repeated, Seen, Since, absorbs, found};
use crate::apply::{Step, merge_step};
use crate::error::{EngineError, InvalidValue};
use crate::memtable::{Doc, Snapshot, state_term};
use crate::model::{
    ContentHash, Created, FIRST_VERSION, Memory, Remembered, RememberedItem, State,
};
use crate::queue::{DUPLICATES_REPORTED_MAX, Known, Overlay};
use crate::record::{ItemRecord, MergeRecord, Op, OpRecord, PutRecord, encode_vectors};
use crate::request::OnInvalid;
use crate::search::{Saying, may_repeat};
use crate::settings::DuplicatePolicy;
use crate::space::PreparedMemory;

/// What a request comes to, before the log has given it a stamp.
#[derive(Default)]
pub(super) struct Plan {
    pub(super) results: Vec<Planned>,
    /// Memories that forgot themselves and whose ids are stored anew: deleted first.
    expired: Vec<String>,
    /// Memories to store, with their final ids.
    puts: Vec<(String, PreparedMemory)>,
    /// Memories that are not stored, as repetitions of what is there by then.
    merges: Vec<MergeRecord>,
    /// Place in `puts` by id.
    put_of: HashMap<String, usize>,
    /// First places in `puts` by content.
    puts_of_content: HashMap<ContentHash, Vec<usize>>,
    /// Places in `puts` by what they say, where the space looks at that.
    puts_of_saying: HashMap<Saying, Vec<usize>>,
    /// Queue number of the last commit that an answer rests on.
    pub(super) rests_on: Option<u64>,
    pub(super) state_sum: u64,
}

/// Result of one item before the stamp.
pub(super) enum Planned {
    Refused(EngineError),
    Known(RememberedItem),
    /// Stored by this commit.
    New {
        put: usize,
        duplicates: Vec<String>,
        near: Option<Vec<String>>,
    },
    /// The same as an earlier item of this request: sent twice, or merged into it.
    Same {
        put: usize,
        created: Created,
    },
}

/// All that decides about an item, under the lock of the queue.
pub(super) struct Planner<'a> {
    pub(super) overlay: &'a Overlay,
    pub(super) snapshot: &'a Snapshot,
    pub(super) policy: DuplicatePolicy,
    pub(super) seen: &'a Seen,
    pub(super) since: &'a Since,
    pub(super) entropy: &'a dyn Entropy,
    pub(super) now_ns: i64,
}

impl Planner<'_> {
    pub(super) fn plan(&self, items: Vec<Result<PreparedMemory, EngineError>>) -> Plan {
        let mut plan = Plan { state_sum: self.overlay.state_sum, ..Plan::default() };
        for (index, item) in items.into_iter().enumerate() {
            let planned = match item {
                Err(error) => Planned::Refused(error),
                Ok(mut memory) => match memory.id.take() {
                    Some(id) => self.with_id(&mut plan, memory, (index, id)),
                    None => self.store(&mut plan, memory, (index, None)),
                },
            };
            plan.results.push(planned);
        }
        plan
    }

    fn with_id(
        &self,
        plan: &mut Plan,
        memory: PreparedMemory,
        (index, id): (usize, String),
    ) -> Planned {
        if let Some(put) = plan.put_of.get(&id).copied() {
            if plan.puts[put].1.hash == memory.hash {
                return Planned::Same { put, created: Created::Before };
            }
            return Planned::Refused(repeated_id(index));
        }
        let (known, rests_on) = self.overlay.lookup(self.snapshot, &id);
        let Some(known) = known else {
            return self.store(plan, memory, (index, Some(id)));
        };
        if known.is_expired(self.now_ns) && memory.vectors.is_some() {
            let term = known.term(&id);
            let planned = self.store(plan, memory, (index, Some(id.clone())));
            if matches!(planned, Planned::New { .. }) {
                plan.expired.push(id);
                plan.state_sum = plan.state_sum.wrapping_sub(term);
            }
            return planned;
        }
        if known.hash != memory.hash {
            return Planned::Refused(EngineError::IdConflict { id });
        }
        plan.rests_on = plan.rests_on.max(rests_on);
        Planned::Known(item(id, &known, Created::Before))
    }

    fn store(
        &self,
        plan: &mut Plan,
        memory: PreparedMemory,
        (index, own): (usize, Option<String>),
    ) -> Planned {
        if memory.vectors.is_none() {
            return Planned::Refused(EngineError::Raced { id: own.unwrap_or_default() });
        }
        let mut duplicates = self.overlay.duplicates(self.snapshot, memory.hash, self.now_ns);
        let earlier = plan.puts_of_content.get(&memory.hash).into_iter().flatten();
        let room = DUPLICATES_REPORTED_MAX - duplicates.len();
        duplicates.extend(earlier.take(room).map(|put| plan.puts[*put].0.clone()));
        let mut near = None;
        if self.policy != DuplicatePolicy::Keep {
            let repeated = self.repeated(plan, &memory, (index, &duplicates));
            match self.by_policy(plan, &memory, (own.is_some(), repeated)) {
                Ok(planned) => return planned,
                Err(others) => near = Some(reported(others, duplicates.len())),
            }
        }
        let id = own.unwrap_or_else(|| self.free_id());
        let put = plan.puts.len();
        let earlier = plan.puts_of_content.entry(memory.hash).or_default();
        if earlier.len() < DUPLICATES_REPORTED_MAX {
            earlier.push(put);
        }
        if let Some(saying) = memory.saying {
            plan.puts_of_saying.entry(saying).or_default().push(put);
        }
        let term = state_term(&id, FIRST_VERSION, &memory.hash, State::Active);
        plan.state_sum = plan.state_sum.wrapping_add(term);
        plan.put_of.insert(id.clone(), put);
        plan.puts.push((id, memory));
        Planned::New { put, duplicates, near }
    }

    /// What the policy of the space makes of a memory that repeats others; where it is to be stored, the ids of these.
    fn by_policy(
        &self,
        plan: &mut Plan,
        memory: &PreparedMemory,
        (has_own_id, repeated): (bool, Vec<Repeated>),
    ) -> Result<Planned, Vec<String>> {
        // Who gives an id will ask for it: that memory is stored.
        let merges = self.policy == DuplicatePolicy::Merge && !has_own_id;
        let rejects = self.policy == DuplicatePolicy::Reject;
        let taken = repeated.iter().position(|one| rejects || merges && one.absorbs);
        let Some(taken) = taken else {
            return Err(repeated.into_iter().map(|one| one.id).collect());
        };
        let Repeated { id, what, .. } = &repeated[taken];
        if rejects {
            return Ok(Planned::Refused(EngineError::Duplicate { id: id.clone() }));
        }
        let source = memory.content.source.clone();
        plan.merges.push(MergeRecord {
            id: id.clone(),
            occurred_at: memory.content.occurred_at,
            source_kind: source.kind,
            source_reference: source.reference,
            source_trust: source.trust,
        });
        Ok(match what {
            Earlier::Put(put) => Planned::Same { put: *put, created: Created::Merged },
            Earlier::There(known, rests_on) => {
                plan.rests_on = plan.rests_on.max(*rests_on);
                Planned::Known(item(id.clone(), known, Created::Merged))
            }
        })
    }

    /// A UUID version 7 (RFC 9562) that is not taken: 48 bits of milliseconds, 74 random bits.
    fn free_id(&self) -> String {
        loop {
            let mut bytes = [0; 16];
            self.entropy.fill(&mut bytes);
            let milliseconds = u64::try_from(self.now_ns / 1_000_000).unwrap_or(0);
            bytes[..6].copy_from_slice(&milliseconds.to_be_bytes()[2..]);
            bytes[6] = 0x70 | (bytes[6] & 0x0f);
            bytes[8] = 0x80 | (bytes[8] & 0x3f);
            let id = SpaceId(bytes).to_string();
            if self.overlay.lookup(self.snapshot, &id).0.is_none() {
                return id;
            }
        }
    }
}

/// What a new memory repeats.
impl Planner<'_> {
    /// The recallable memories that a new one repeats, in the order of the log: those of the same content first.
    fn repeated(
        &self,
        plan: &Plan,
        memory: &PreparedMemory,
        (index, exact): (usize, &[String]),
    ) -> Vec<Repeated> {
        let mut all: Vec<Repeated> = Vec::new();
        let mut taken = HashSet::new();
        let put_of = |id: &String| plan.put_of.get(id).copied();
        for id in exact {
            let what = match put_of(id) {
                Some(put) => Some(Earlier::Put(put)),
                None => self.there(id, None),
            };
            all.extend(what.map(|what| Repeated { id: id.clone(), what, absorbs: true }));
            taken.insert(id.clone());
        }
        let mut add = |id: &str, what: Option<Earlier>, absorbs: bool| {
            if let Some(what) = what.filter(|_| taken.insert(id.to_owned())) {
                all.push(Repeated { id: id.to_owned(), what, absorbs });
            }
        };
        for found in self.seen.found.get(index).into_iter().flatten() {
            add(&found.id, self.there(&found.id, Some(found.lsn)), found.absorbs);
        }
        let Some(saying) = memory.saying else { return all };
        let own = memory.vectors.as_deref().unwrap_or_default();
        for at in self.since.get(&saying).into_iter().flatten() {
            if may_repeat(own, &self.snapshot.vectors(*at)) {
                let Found { id, lsn, absorbs } = found(self.snapshot, *at, memory);
                add(&id, self.there(&id, Some(lsn)), absorbs);
            }
        }
        for doc in self.overlay.saying(saying) {
            let stored = &doc.memory;
            if may_repeat(own, &doc.vectors) {
                let what = self.there(&stored.id, Some(stored.lsn));
                add(&stored.id, what, absorbs(&stored.content, &memory.content));
            }
        }
        for put in plan.puts_of_saying.get(&saying).into_iter().flatten() {
            let (id, earlier) = &plan.puts[*put];
            if may_repeat(own, earlier.vectors.as_deref().unwrap_or_default()) {
                let absorbs = absorbs(&earlier.content, &memory.content);
                add(id, Some(Earlier::Put(*put)), absorbs);
            }
        }
        all
    }

    /// A memory that is recallable under the lock, in the version of that commit where one is named. What is superseded and said
    /// again is news: it holds once more.
    fn there(&self, id: &str, lsn: Option<Lsn>) -> Option<Earlier> {
        let published = self.snapshot.find(id).map(|(at, _)| self.snapshot.node(at));
        if published.is_some_and(|node| self.snapshot.successor(node, self.now_ns).is_some()) {
            return None;
        }
        let (known, rests_on) = self.overlay.lookup(self.snapshot, id);
        let recallable = |known: &Known| {
            known.state == State::Active
                && !known.is_expired(self.now_ns)
                && lsn.is_none_or(|lsn| known.lsn == lsn)
        };
        known.filter(recallable).map(|known| Earlier::There(known, rests_on))
    }
}

impl Plan {
    /// The first refusal that refuses the whole request. A race does so always: its retry must find no trace.
    pub(super) fn refusal(&self, on_invalid: OnInvalid) -> Option<&EngineError> {
        self.results.iter().find_map(|planned| match planned {
            Planned::Refused(error @ EngineError::Raced { .. }) => Some(error),
            Planned::Refused(error) if on_invalid == OnInvalid::RefuseAll => Some(error),
            _ => None,
        })
    }

    /// Whether no memory is stored and none is merged.
    pub(super) fn changes_nothing(&self) -> bool {
        self.puts.is_empty() && self.merges.is_empty()
    }

    /// By how many memories the space grows: those that forgot themselves and are stored anew are there already.
    pub(super) fn stored(&self) -> u64 {
        (self.puts.len() - self.expired.len()) as u64
    }

    /// What the memories to store say, with their ids, where the space looks at that.
    pub(super) fn sayings(&self) -> Vec<(Saying, String)> {
        let said = |(id, memory): &(String, PreparedMemory)| Some((memory.saying?, id.clone()));
        self.puts.iter().filter_map(said).collect()
    }

    /// The operations of the commit, in the order of its steps.
    pub(super) fn ops(&mut self) -> Vec<OpRecord> {
        let delete = |id: &String| OpRecord { op: Some(Op::Delete(id.clone())) };
        let deletions = self.expired.iter().map(delete);
        let puts = self.puts.iter_mut().map(|(id, memory)| put_record(id, memory));
        let merge = |record: &MergeRecord| OpRecord { op: Some(Op::Merge(record.clone())) };
        deletions.chain(puts).chain(self.merges.iter().map(merge)).collect()
    }

    /// The steps of the commit, and the documents that it stores.
    pub(super) fn steps(&mut self, stamp: Stamp, principal: &str) -> (Vec<Step>, Vec<Arc<Doc>>) {
        let expired = std::mem::take(&mut self.expired);
        let first = expired.len() as u32;
        let docs = docs_of(stamp, first, std::mem::take(&mut self.puts), principal);
        let puts = docs.iter().cloned().map(Step::Put);
        let merges = std::mem::take(&mut self.merges).into_iter();
        let merges = merges.map(|record| merge_step(record, principal));
        (expired.into_iter().map(Step::Delete).chain(puts).chain(merges).collect(), docs)
    }

    /// What the idempotency record keeps of each item, so that a retry gets the same answer.
    pub(super) fn records(&self) -> Vec<ItemRecord> {
        let stored = |put: usize, created: Created| ItemRecord {
            id: self.puts[put].0.clone(),
            version: FIRST_VERSION,
            created: created == Created::Now,
            merged: created == Created::Merged,
            vectors: self.puts[put].1.vectors.as_ref().map_or(0, Vec::len) as u32,
            ..ItemRecord::default()
        };
        let record = |planned: &Planned| match planned {
            Planned::New { put, duplicates, near } => ItemRecord {
                duplicates: duplicates.clone(),
                near: near.clone().unwrap_or_default(),
                ..stored(*put, Created::Now)
            },
            Planned::Same { put, created } => stored(*put, *created),
            Planned::Known(known) => ItemRecord {
                id: known.id.clone(),
                version: known.version,
                lsn: known.lsn.0,
                committed_at: known.committed_at.0,
                vectors: known.vectors,
                suppressed: known.state == State::Suppressed,
                merged: known.created == Created::Merged,
                ..ItemRecord::default()
            },
            Planned::Refused(EngineError::IdConflict { id }) => {
                ItemRecord { conflicting_id: id.clone(), ..ItemRecord::default() }
            }
            Planned::Refused(EngineError::Duplicate { id }) => {
                ItemRecord { repeated_id: id.clone(), ..ItemRecord::default() }
            }
            Planned::Refused(_) => ItemRecord::default(),
        };
        self.results.iter().map(record).collect()
    }
}

/// The near duplicates that an answer names, of all that stand behind the exact ones.
fn reported(ids: Vec<String>, exact: usize) -> Vec<String> {
    ids.into_iter().skip(exact).take(DUPLICATES_REPORTED_MAX).collect()
}

fn put_record(id: &str, memory: &mut PreparedMemory) -> OpRecord {
    let put = PutRecord {
        reconsolidation: None,
        id: id.to_owned(),
        version: FIRST_VERSION,
        content: std::mem::take(&mut memory.record),
        content_hash: memory.hash.to_vec(),
        vectors: memory.vectors.as_deref().map(encode_vectors).unwrap_or_default(),
        vector_given: memory.vector_given,
        ..PutRecord::default()
    };
    OpRecord { op: Some(Op::Put(put)) }
}

fn docs_of(
    stamp: Stamp,
    first: u32,
    puts: Vec<(String, PreparedMemory)>,
    principal: &str,
) -> Vec<Arc<Doc>> {
    let doc = |(position, (id, memory)): (u32, (String, PreparedMemory))| {
        let stored = Memory {
            reconsolidation: None,
            id,
            version: FIRST_VERSION,
            lsn: stamp.lsn,
            position,
            committed_at: stamp.time,
            principal: principal.to_owned(),
            content: memory.content,
            content_hash: memory.hash,
            first_committed_at: stamp.time,
            reason: String::new(),
        };
        let vectors = memory.vectors.unwrap_or_default();
        Arc::new(Doc { memory: Arc::new(stored), words: memory.words, vectors })
    };
    (first..).zip(puts).map(doc).collect()
}

fn item(id: String, known: &Known, created: Created) -> RememberedItem {
    RememberedItem {
        id,
        version: known.version,
        lsn: known.lsn,
        committed_at: known.committed_at,
        created,
        state: known.state,
        duplicates: Vec::new(),
        near_duplicates: None,
        vectors: known.vectors,
    }
}

/// The answer, resting on the commit of `docs` or on what was there before, whichever is later.
pub(super) fn answer(
    planned: Vec<Planned>,
    docs: &[Arc<Doc>],
    (lsn, committed_at): (Lsn, CommitTime),
) -> Remembered {
    let stored = |put: usize, created: Created| {
        let doc: &Doc = &docs[put];
        item(doc.memory.id.clone(), &Known::stored(doc, State::Active), created)
    };
    let items: Vec<Result<RememberedItem, EngineError>> = planned
        .into_iter()
        .map(|planned| match planned {
            Planned::Refused(error) => Err(error),
            Planned::Known(known) => Ok(known),
            Planned::New { put, duplicates, near } => Ok(RememberedItem {
                duplicates,
                near_duplicates: near,
                ..stored(put, Created::Now)
            }),
            Planned::Same { put, created } => Ok(stored(put, created)),
        })
        .collect();
    let latest = items.iter().flatten().map(|item| (item.lsn, item.committed_at)).max();
    let (lsn, committed_at) = latest.unwrap_or_default().max((lsn, committed_at));
    Remembered { lsn, committed_at, items }
}

/// An id that an earlier item of the same request has taken.
pub(super) fn repeated_id(index: usize) -> EngineError {
    EngineError::invalid(format!("memories[{index}].id"), InvalidValue::Repeated)
}
