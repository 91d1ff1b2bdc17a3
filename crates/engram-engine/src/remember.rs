//! Remember: checks, analysis and embedding first, without a lock; then ids, duplicates and idempotency in the order of
//! commits.

use std::collections::HashMap;
use std::sync::Arc;

use engram_store::{Entropy, Stamp};
use prost::Message;

use crate::apply::Step;
use crate::engine::{Done, Engine, Submitted};
use crate::error::{EngineError, InvalidValue};
use crate::memtable::{Doc, Snapshot};
use crate::model::{Created, Memory, NewMemory, Remembered, RememberedItem, State};
use crate::queue::{Change, CommitQueue, KeyUse, Known, Overlay, Submission, writable};
use crate::record::{
    CommitRecord, IdempotencyRecord, ItemRecord, KIND_COMMIT, Op, OpRecord, PutRecord,
    encode_vectors,
};
use crate::request::{OnInvalid, RememberOptions};
use crate::space::{PreparedMemory, Space, first_16};
use crate::validate;

/// Memories that are checked, analysed and embedded, ready to be committed to their space. Parts that were prepared on
/// several threads are put together with [`Prepared::append`].
pub struct Prepared {
    pub(crate) space: Arc<Space>,
    pub(crate) items: Vec<Result<PreparedMemory, EngineError>>,
}

impl Prepared {
    /// Adds the memories of `other`, which was prepared for the same space, behind these.
    pub fn append(&mut self, mut other: Prepared) {
        assert!(Arc::ptr_eq(&self.space, &other.space), "parts of one request share a space");
        self.items.append(&mut other.items);
    }
}

/// What a request comes to, before the log has given it a stamp.
#[derive(Default)]
struct Plan {
    results: Vec<Planned>,
    /// Memories to store, with their final ids.
    puts: Vec<(String, PreparedMemory)>,
    /// Place in `puts` by id.
    put_of: HashMap<String, usize>,
    /// Queue number of the last commit that an answer rests on.
    rests_on: Option<u64>,
    state_sum: u64,
}

/// Result of one item before the stamp.
enum Planned {
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

impl Engine {
    /// Checks, analyses and embeds memories. CPU work: may run on several threads for parts of one request, `first`
    /// being the place of the part's first memory in it.
    ///
    /// # Errors
    /// The space or its embedder refuses all; single refusals stay inside.
    pub fn prepare(
        &self,
        space: &str,
        memories: Vec<NewMemory>,
        first: usize,
    ) -> Result<Prepared, EngineError> {
        let space = self.serving(space)?;
        let items = space.prepare(memories, first, self.settings())?;
        Ok(Prepared { space, items })
    }

    /// Stores 1 to 1,000 memories in one commit; `done` is called when they are durable and recallable.
    pub fn remember(
        &self,
        space: &str,
        memories: Vec<NewMemory>,
        options: &RememberOptions,
        done: Done<Remembered>,
    ) {
        let prepared = validate::batch(memories.len(), self.settings())
            .and_then(|()| self.prepare(space, memories, 0));
        match prepared {
            Ok(prepared) => self.remember_prepared(prepared, options, done),
            Err(error) => done(Err(error)),
        }
    }

    /// Stores prepared memories in one commit; `done` is called when they are durable and recallable.
    pub fn remember_prepared(
        &self,
        prepared: Prepared,
        options: &RememberOptions,
        done: Done<Remembered>,
    ) {
        let submitted = validate::batch(prepared.items.len(), self.settings()).and_then(|()| {
            options.idempotency_key.as_deref().map_or(Ok(()), validate::idempotency_key)
        });
        match submitted {
            Ok(()) => self.answer(done, |queue| self.submit(queue, prepared, options)),
            Err(error) => done(Err(error)),
        }
    }

    fn submit(
        &self,
        queue: &mut CommitQueue,
        prepared: Prepared,
        options: &RememberOptions,
    ) -> Submitted<Remembered> {
        let now_ns = self.now_ns();
        let space = prepared.space;
        let snapshot = space.snapshot.load_full();
        let overlay = writable(queue, &space)?;
        let request_hash = request_hash(&prepared.items, options);
        if let Some(key) = &options.idempotency_key
            && let Some(known) = overlay.key(key, now_ns)
        {
            if known.record.request_hash != request_hash {
                return Err(EngineError::IdempotencyConflict { key: key.clone() });
            }
            return Ok((repeated(known, prepared.items), known.queued));
        }
        let plan = plan(overlay, &snapshot, prepared.items, self.entropy(), now_ns);
        if options.on_invalid == OnInvalid::RefuseAll
            && let Some(error) = plan.results.iter().find_map(Planned::refusal)
        {
            return Err(error.clone());
        }
        if plan.puts.is_empty() && options.idempotency_key.is_none() {
            let answer = answer(plan.results, &[], (snapshot.lsn, snapshot.committed_at));
            return Ok((answer, plan.rests_on));
        }
        self.commit_plan(queue, &space, plan, options, (request_hash, now_ns))
    }

    fn commit_plan(
        &self,
        queue: &mut CommitQueue,
        space: &Arc<Space>,
        mut plan: Plan,
        options: &RememberOptions,
        (request_hash, now_ns): (Vec<u8>, i64),
    ) -> Submitted<Remembered> {
        let key = options.idempotency_key.clone();
        let idempotency =
            key.map(|key| IdempotencyRecord { key, request_hash, items: items_of(&plan) });
        let record = CommitRecord {
            ops: plan.puts.iter_mut().map(|(id, memory)| put_record(id, memory)).collect(),
            idempotency: idempotency.clone(),
            principal: options.principal.clone(),
        };
        let submission = Submission {
            space: Arc::clone(space),
            kind: KIND_COMMIT,
            payload: record.encode_to_vec(),
            state_sum: plan.state_sum,
            now_ns,
        };
        let number = queue.next_number();
        let mut docs = Vec::with_capacity(plan.puts.len());
        let bytes_max = self.settings().commit_queue_bytes_max;
        let stamp = queue.submit(self.log(), bytes_max, submission, |stamp| {
            docs = docs_of(stamp, plan.puts, &options.principal);
            Change::Commit(docs.iter().cloned().map(Step::Put).collect())
        })?;
        let overlay = queue.overlays.entry(space.id).or_default();
        overlay.state_sum = plan.state_sum;
        for doc in &docs {
            overlay.touch(number, doc.memory.id.clone(), Some(known_of(doc)));
        }
        if let Some(record) = idempotency {
            let (lsn, committed_at) = (stamp.lsn, stamp.time);
            overlay.use_key(KeyUse { record, lsn, committed_at, queued: Some(number) });
        }
        Ok((answer(plan.results, &docs, (stamp.lsn, stamp.time)), Some(number)))
    }
}

fn plan(
    overlay: &Overlay,
    snapshot: &Snapshot,
    items: Vec<Result<PreparedMemory, EngineError>>,
    entropy: &dyn Entropy,
    now_ns: i64,
) -> Plan {
    let mut plan = Plan { state_sum: overlay.state_sum, ..Plan::default() };
    for (index, item) in items.into_iter().enumerate() {
        let planned = match item {
            Err(error) => Planned::Refused(error),
            Ok(mut memory) => match memory.id.take() {
                Some(id) => plan.with_id(overlay, snapshot, memory, (index, id)),
                None => plan.store(overlay, snapshot, memory, uuid_v7(entropy, now_ns)),
            },
        };
        plan.results.push(planned);
    }
    plan
}

impl Plan {
    fn with_id(
        &mut self,
        overlay: &Overlay,
        snapshot: &Snapshot,
        memory: PreparedMemory,
        (index, id): (usize, String),
    ) -> Planned {
        if let Some(put) = self.put_of.get(&id).copied() {
            if self.puts[put].1.hash == memory.hash {
                return Planned::Same { put };
            }
            return Planned::Refused(repeated_id(index));
        }
        let (known, rests_on) = overlay.lookup(snapshot, &id);
        let Some(known) = known else {
            return self.store(overlay, snapshot, memory, id);
        };
        if known.hash != memory.hash {
            return Planned::Refused(EngineError::IdConflict { id });
        }
        self.rests_on = self.rests_on.max(rests_on);
        Planned::Known(RememberedItem {
            id,
            version: known.version,
            lsn: known.lsn,
            committed_at: known.committed_at,
            created: Created::Before,
            duplicates: Vec::new(),
            vectors: known.vectors,
        })
    }

    fn store(
        &mut self,
        overlay: &Overlay,
        snapshot: &Snapshot,
        memory: PreparedMemory,
        id: String,
    ) -> Planned {
        let mut duplicates = overlay.duplicates(snapshot, memory.hash);
        let earlier = self.puts.iter().filter(|(_, earlier)| earlier.hash == memory.hash);
        duplicates.extend(earlier.map(|(id, _)| id.clone()));
        duplicates.truncate(crate::queue::DUPLICATES_REPORTED_MAX);
        let term = crate::memtable::state_term(&id, FIRST_VERSION, &memory.hash, State::Active);
        self.state_sum = self.state_sum.wrapping_add(term);
        let put = self.puts.len();
        self.put_of.insert(id.clone(), put);
        self.puts.push((id, memory));
        Planned::New { put, duplicates }
    }
}

impl Planned {
    fn refusal(&self) -> Option<&EngineError> {
        match self {
            Planned::Refused(error) => Some(error),
            _ => None,
        }
    }
}

/// Version of a memory that was not there before.
const FIRST_VERSION: u32 = 1;

fn put_record(id: &str, memory: &mut PreparedMemory) -> OpRecord {
    let put = PutRecord {
        id: id.to_owned(),
        version: FIRST_VERSION,
        content: std::mem::take(&mut memory.record),
        content_hash: memory.hash.to_vec(),
        vectors: encode_vectors(&memory.vectors),
        vector_given: memory.vector_given,
    };
    OpRecord { op: Some(Op::Put(put)) }
}

fn docs_of(stamp: Stamp, puts: Vec<(String, PreparedMemory)>, principal: &str) -> Vec<Arc<Doc>> {
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
        };
        Arc::new(Doc::new(stored, memory.terms, memory.vectors))
    };
    (0_u32..).zip(puts).map(doc).collect()
}

fn known_of(doc: &Doc) -> Known {
    Known {
        hash: doc.memory.content_hash,
        version: doc.memory.version,
        lsn: doc.memory.lsn,
        committed_at: doc.memory.committed_at,
        state: State::Active,
        vectors: doc.vectors.len() as u32,
    }
}

fn answer(
    planned: Vec<Planned>,
    docs: &[Arc<Doc>],
    (lsn, committed_at): (engram_store::Lsn, engram_store::CommitTime),
) -> Remembered {
    let item = |put: usize, created: Created, duplicates: Vec<String>| {
        let known = known_of(&docs[put]);
        Ok(RememberedItem {
            id: docs[put].memory.id.clone(),
            version: known.version,
            lsn: known.lsn,
            committed_at: known.committed_at,
            created,
            duplicates,
            vectors: known.vectors,
        })
    };
    let items: Vec<Result<RememberedItem, EngineError>> = planned
        .into_iter()
        .map(|planned| match planned {
            Planned::Refused(error) => Err(error),
            Planned::Known(known) => Ok(known),
            Planned::New { put, duplicates } => item(put, Created::Now, duplicates),
            Planned::Same { put } => item(put, Created::Before, Vec::new()),
        })
        .collect();
    Remembered { lsn, committed_at, items }
}

/// What the idempotency record keeps of each item, so that a retry gets the same answer.
fn items_of(plan: &Plan) -> Vec<ItemRecord> {
    let stored = |put: usize, created: bool, duplicates: &[String]| ItemRecord {
        id: plan.puts[put].0.clone(),
        version: FIRST_VERSION,
        created,
        duplicates: duplicates.to_vec(),
        vectors: plan.puts[put].1.vectors.len() as u32,
        ..ItemRecord::default()
    };
    let item = |planned: &Planned| match planned {
        Planned::New { put, duplicates } => stored(*put, true, duplicates),
        Planned::Same { put } => stored(*put, false, &[]),
        Planned::Known(known) => ItemRecord {
            id: known.id.clone(),
            version: known.version,
            lsn: known.lsn.0,
            committed_at: known.committed_at.0,
            vectors: known.vectors,
            ..ItemRecord::default()
        },
        Planned::Refused(EngineError::IdConflict { id }) => {
            ItemRecord { conflicting_id: id.clone(), ..ItemRecord::default() }
        }
        Planned::Refused(_) => ItemRecord::default(),
    };
    plan.results.iter().map(item).collect()
}

/// The answer of an earlier request with the same key and body.
fn repeated(known: &KeyUse, items: Vec<Result<PreparedMemory, EngineError>>) -> Remembered {
    let item = |index: usize, record: &ItemRecord, item: Result<PreparedMemory, EngineError>| {
        if !record.conflicting_id.is_empty() {
            return Err(EngineError::IdConflict { id: record.conflicting_id.clone() });
        }
        item?;
        if record.id.is_empty() {
            // Valid by itself, free, and yet refused: an earlier item of the request had the id.
            return Err(repeated_id(index));
        }
        let here = record.lsn == 0;
        Ok(RememberedItem {
            id: record.id.clone(),
            version: record.version,
            lsn: if here { known.lsn } else { engram_store::Lsn(record.lsn) },
            committed_at: if here {
                known.committed_at
            } else {
                engram_store::CommitTime(record.committed_at)
            },
            created: if record.created { Created::Now } else { Created::Before },
            duplicates: record.duplicates.clone(),
            vectors: record.vectors,
        })
    };
    Remembered {
        lsn: known.lsn,
        committed_at: known.committed_at,
        items: known
            .record
            .items
            .iter()
            .zip(items)
            .enumerate()
            .map(|(index, (record, prepared))| item(index, record, prepared))
            .collect(),
    }
}

fn repeated_id(index: usize) -> EngineError {
    EngineError::invalid(format!("memories[{index}].id"), InvalidValue::Repeated)
}

/// Two requests with one idempotency key must agree in this.
fn request_hash(
    items: &[Result<PreparedMemory, EngineError>],
    options: &RememberOptions,
) -> Vec<u8> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&[options.on_invalid as u8]);
    for item in items {
        match item {
            Ok(memory) => {
                let id = memory.id.as_deref().unwrap_or_default();
                hasher.update(&(id.len() as u64).to_le_bytes());
                hasher.update(id.as_bytes());
                hasher.update(&memory.hash);
            }
            Err(error) => {
                hasher.update(&u64::MAX.to_le_bytes());
                hasher.update(error.to_string().as_bytes());
            }
        }
    }
    first_16(&hasher.finalize()).to_vec()
}

/// A UUID version 7 (RFC 9562): 48 bits of milliseconds, 74 random bits.
fn uuid_v7(entropy: &dyn Entropy, now_ns: i64) -> String {
    let mut bytes = [0; 16];
    entropy.fill(&mut bytes);
    let milliseconds = u64::try_from(now_ns / 1_000_000).unwrap_or(0);
    bytes[..6].copy_from_slice(&milliseconds.to_be_bytes()[2..]);
    bytes[6] = 0x70 | (bytes[6] & 0x0f);
    bytes[8] = 0x80 | (bytes[8] & 0x3f);
    engram_store::SpaceId(bytes).to_string()
}
