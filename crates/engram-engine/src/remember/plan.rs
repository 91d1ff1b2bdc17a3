//! What a request to remember comes to, in the order of commits: ids, duplicates, and the answer once there is a stamp.

use std::collections::HashMap;
use std::sync::Arc;

use engram_store::{CommitTime, Entropy, Lsn, SpaceId, Stamp};

use crate::apply::Step;
use crate::error::{EngineError, InvalidValue};
use crate::memtable::{Doc, Snapshot, state_term};
use crate::model::{
    ContentHash, Created, FIRST_VERSION, Memory, Remembered, RememberedItem, State,
};
use crate::queue::{DUPLICATES_REPORTED_MAX, Known, Overlay};
use crate::record::{ItemRecord, Op, OpRecord, PutRecord, encode_vectors};
use crate::request::OnInvalid;
use crate::space::PreparedMemory;

/// What a request comes to, before the log has given it a stamp.
#[derive(Default)]
pub(super) struct Plan {
    pub(super) results: Vec<Planned>,
    /// Memories that forgot themselves and whose ids are stored anew: deleted first.
    expired: Vec<String>,
    /// Memories to store, with their final ids.
    puts: Vec<(String, PreparedMemory)>,
    /// Place in `puts` by id.
    put_of: HashMap<String, usize>,
    /// First places in `puts` by content.
    puts_of_content: HashMap<ContentHash, Vec<usize>>,
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
    },
    /// The same as an earlier item of this request.
    Same {
        put: usize,
    },
}

/// All that decides about an item, under the lock of the queue.
pub(super) struct Planner<'a> {
    pub(super) overlay: &'a Overlay,
    pub(super) snapshot: &'a Snapshot,
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
                    None => {
                        let id = self.free_id();
                        self.store(&mut plan, memory, id)
                    }
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
                return Planned::Same { put };
            }
            return Planned::Refused(repeated_id(index));
        }
        let (known, rests_on) = self.overlay.lookup(self.snapshot, &id);
        let Some(known) = known else {
            return self.store(plan, memory, id);
        };
        if known.is_expired(self.now_ns) && memory.vectors.is_some() {
            plan.expired.push(id.clone());
            plan.state_sum = plan.state_sum.wrapping_sub(known.term(&id));
            return self.store(plan, memory, id);
        }
        if known.hash != memory.hash {
            return Planned::Refused(EngineError::IdConflict { id });
        }
        plan.rests_on = plan.rests_on.max(rests_on);
        Planned::Known(item(id, &known, Created::Before, Vec::new()))
    }

    fn store(&self, plan: &mut Plan, memory: PreparedMemory, id: String) -> Planned {
        if memory.vectors.is_none() {
            return Planned::Refused(EngineError::Raced { id });
        }
        let mut duplicates = self.overlay.duplicates(self.snapshot, memory.hash, self.now_ns);
        let earlier = plan.puts_of_content.entry(memory.hash).or_default();
        let room = DUPLICATES_REPORTED_MAX - duplicates.len();
        duplicates.extend(earlier.iter().take(room).map(|put| plan.puts[*put].0.clone()));
        let put = plan.puts.len();
        if earlier.len() < DUPLICATES_REPORTED_MAX {
            earlier.push(put);
        }
        let term = state_term(&id, FIRST_VERSION, &memory.hash, State::Active);
        plan.state_sum = plan.state_sum.wrapping_add(term);
        plan.put_of.insert(id.clone(), put);
        plan.puts.push((id, memory));
        Planned::New { put, duplicates }
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

impl Plan {
    /// The first refusal that refuses the whole request. A race does so always: its retry must find no trace.
    pub(super) fn refusal(&self, on_invalid: OnInvalid) -> Option<&EngineError> {
        self.results.iter().find_map(|planned| match planned {
            Planned::Refused(error @ EngineError::Raced { .. }) => Some(error),
            Planned::Refused(error) if on_invalid == OnInvalid::RefuseAll => Some(error),
            _ => None,
        })
    }

    /// Whether no memory is stored.
    pub(super) fn stores_nothing(&self) -> bool {
        self.puts.is_empty()
    }

    /// The operations of the commit, in the order of its steps.
    pub(super) fn ops(&mut self) -> Vec<OpRecord> {
        let delete = |id: &String| OpRecord { op: Some(Op::Delete(id.clone())) };
        let deletions = self.expired.iter().map(delete);
        deletions.chain(self.puts.iter_mut().map(|(id, memory)| put_record(id, memory))).collect()
    }

    /// The steps of the commit, and the documents that it stores.
    pub(super) fn steps(&mut self, stamp: Stamp, principal: &str) -> (Vec<Step>, Vec<Arc<Doc>>) {
        let expired = std::mem::take(&mut self.expired);
        let first = expired.len() as u32;
        let docs = docs_of(stamp, first, std::mem::take(&mut self.puts), principal);
        let puts = docs.iter().cloned().map(Step::Put);
        (expired.into_iter().map(Step::Delete).chain(puts).collect(), docs)
    }

    /// What the idempotency record keeps of each item, so that a retry gets the same answer.
    pub(super) fn records(&self) -> Vec<ItemRecord> {
        let stored = |put: usize, created: bool, duplicates: &[String]| ItemRecord {
            id: self.puts[put].0.clone(),
            version: FIRST_VERSION,
            created,
            duplicates: duplicates.to_vec(),
            vectors: self.puts[put].1.vectors.as_ref().map_or(0, Vec::len) as u32,
            ..ItemRecord::default()
        };
        let record = |planned: &Planned| match planned {
            Planned::New { put, duplicates } => stored(*put, true, duplicates),
            Planned::Same { put } => stored(*put, false, &[]),
            Planned::Known(known) => ItemRecord {
                id: known.id.clone(),
                version: known.version,
                lsn: known.lsn.0,
                committed_at: known.committed_at.0,
                vectors: known.vectors,
                suppressed: known.state == State::Suppressed,
                ..ItemRecord::default()
            },
            Planned::Refused(EngineError::IdConflict { id }) => {
                ItemRecord { conflicting_id: id.clone(), ..ItemRecord::default() }
            }
            Planned::Refused(_) => ItemRecord::default(),
        };
        self.results.iter().map(record).collect()
    }
}

fn put_record(id: &str, memory: &mut PreparedMemory) -> OpRecord {
    let put = PutRecord {
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

/// What is known of a document that was just queued.
pub(super) fn known_of(doc: &Doc) -> Known {
    Known {
        hash: doc.memory.content_hash,
        version: doc.memory.version,
        lsn: doc.memory.lsn,
        committed_at: doc.memory.committed_at,
        state: State::Active,
        vectors: doc.vectors.len() as u32,
        expires_at: doc.memory.content.expires_at,
        born: doc.memory.lsn,
    }
}

fn item(id: String, known: &Known, created: Created, duplicates: Vec<String>) -> RememberedItem {
    RememberedItem {
        id,
        version: known.version,
        lsn: known.lsn,
        committed_at: known.committed_at,
        created,
        state: known.state,
        duplicates,
        vectors: known.vectors,
    }
}

/// The answer, resting on the commit of `docs` or on what was there before, whichever is later.
pub(super) fn answer(
    planned: Vec<Planned>,
    docs: &[Arc<Doc>],
    (lsn, committed_at): (Lsn, CommitTime),
) -> Remembered {
    let stored = |put: usize, created: Created, duplicates: Vec<String>| {
        let doc: &Doc = &docs[put];
        Ok(item(doc.memory.id.clone(), &known_of(doc), created, duplicates))
    };
    let items: Vec<Result<RememberedItem, EngineError>> = planned
        .into_iter()
        .map(|planned| match planned {
            Planned::Refused(error) => Err(error),
            Planned::Known(known) => Ok(known),
            Planned::New { put, duplicates } => stored(put, Created::Now, duplicates),
            Planned::Same { put } => stored(put, Created::Before, Vec::new()),
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
