//! Remember: checks, analysis and embedding first, without a lock; then ids, duplicates and idempotency in the order of
//! commits.

mod plan;
mod repeats;

use std::sync::Arc;

use engram_store::{CommitTime, Lsn};
use prost::Message;

use self::plan::{Plan, Planner, answer, repeated_id};
use self::repeats::{Seen, since};
use crate::engine::{Done, Engine, Submitted};
use crate::error::EngineError;
use crate::model::{Created, NewMemory, Remembered, RememberedItem, State};
use crate::queue::{Change, CommitQueue, KeyUse, Known, Submission, writable};
use crate::record::{CommitRecord, IdempotencyRecord, ItemRecord, KIND_COMMIT};
use crate::request::RememberOptions;
use crate::settings::DuplicatePolicy;
use crate::space::{PreparedMemory, Space, first_16};
use crate::validate;

/// Memories that are checked, analysed and embedded, ready to be committed to their space. Parts that were prepared on
/// several threads are put together with [`Prepared::append`].
pub struct Prepared {
    space: Arc<Space>,
    items: Vec<Result<PreparedMemory, EngineError>>,
}

impl Prepared {
    /// Adds the memories of `other`, which was prepared for the same space, behind these.
    ///
    /// # Errors
    /// [`EngineError::SpaceNotFound`] when the space was deleted and its name given to another one in between.
    pub fn append(&mut self, mut other: Prepared) -> Result<(), EngineError> {
        if !Arc::ptr_eq(&self.space, &other.space) {
            return Err(EngineError::SpaceNotFound { name: self.space.identity.name.clone() });
        }
        self.items.append(&mut other.items);
        Ok(())
    }
}

impl Engine {
    /// Checks, analyses and embeds memories. CPU work: may run on several threads for parts of one request, `first`
    /// being the place of the part's first memory in it. What is there already under the same id is not embedded again.
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
        let items = space.prepare(memories, first, self.settings(), self.now_ns())?;
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
        let prepared = validate::batch("memories", memories.len(), self.settings())
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
        let checked =
            validate::batch("memories", prepared.items.len(), self.settings()).and_then(|()| {
                options.idempotency_key.as_deref().map_or(Ok(()), validate::idempotency_key)
            });
        match checked {
            Ok(()) => {
                let request_hash = request_hash(&prepared.items, options);
                let space = Arc::clone(&prepared.space);
                let seen = Seen::search(&space, &prepared.items, self.now_ns());
                // What could not be read must not pass for something else.
                let seen = match space.sound(Ok(seen)) {
                    Ok(seen) => seen,
                    Err(error) => return done(Err(error)),
                };
                self.answer(done, |queue| {
                    space.sound(self.submit(queue, (prepared, seen), options, request_hash))
                });
            }
            Err(error) => done(Err(error)),
        }
    }

    fn submit(
        &self,
        queue: &mut CommitQueue,
        (prepared, seen): (Prepared, Seen),
        options: &RememberOptions,
        request_hash: Vec<u8>,
    ) -> Submitted<Remembered> {
        let now_ns = self.now_ns();
        let space = prepared.space;
        let policy = space.identity.settings.duplicates;
        let snapshot = space.snapshot.load_full();
        let (waiting, max) = (space.unlinked(), self.settings().index_lag_memories_max);
        if waiting > max {
            return Err(EngineError::Lagging { waiting, max });
        }
        let overlay = writable(queue, &space)?;
        if let Some(key) = &options.idempotency_key
            && let Some(known) = overlay.key(key, now_ns)
        {
            if known.record.request_hash != request_hash {
                return Err(EngineError::IdempotencyConflict { key: key.clone() });
            }
            return Ok((repeated(known, prepared.items, policy), known.queued));
        }
        let planner = Planner {
            overlay,
            snapshot: &snapshot,
            policy,
            seen: &seen,
            since: &since(&seen, &snapshot),
            entropy: self.entropy(),
            now_ns,
        };
        let plan = planner.plan(prepared.items);
        if let Some(error) = plan.refusal(options.on_invalid) {
            return Err(error.clone());
        }
        if plan.changes_nothing() && options.idempotency_key.is_none() {
            let answer = answer(plan.results, &[], (snapshot.lsn, snapshot.committed_at));
            return Ok((answer, plan.rests_on));
        }
        if !plan.changes_nothing() {
            self.within_quota(&space, (&snapshot, overlay), plan.stored())?;
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
            key.map(|key| IdempotencyRecord { key, request_hash, items: plan.records() });
        let record = CommitRecord {
            ops: plan.ops(),
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
        let (number, born) = (queue.next_number(), plan.stored());
        let sayings = plan.sayings();
        let mut docs = Vec::new();
        let bytes_max = self.settings().commit_queue_bytes_max;
        let stamp = queue.submit(self.log(), bytes_max, submission, |stamp| {
            let (steps, stored) = plan.steps(stamp, &options.principal);
            docs = stored;
            Change::Commit(steps)
        })?;
        let overlay = queue.overlays.entry(space.identity.id).or_default();
        overlay.state_sum = plan.state_sum;
        overlay.bear(number, born);
        for doc in &docs {
            overlay.touch_doc(number, doc, Known::stored(doc, State::Active));
        }
        for (saying, id) in sayings {
            overlay.touch_saying(number, saying, id);
        }
        if let Some(record) = idempotency {
            let (lsn, committed_at) = (stamp.lsn, stamp.time);
            overlay.use_key(KeyUse { record, lsn, committed_at, queued: Some(number) });
        }
        Ok((answer(plan.results, &docs, (stamp.lsn, stamp.time)), Some(number)))
    }
}

/// The answer of an earlier request with the same key and body.
fn repeated(
    known: &KeyUse,
    items: Vec<Result<PreparedMemory, EngineError>>,
    policy: DuplicatePolicy,
) -> Remembered {
    let item = |index: usize, record: &ItemRecord, item: Result<PreparedMemory, EngineError>| {
        if !record.conflicting_id.is_empty() {
            return Err(EngineError::IdConflict { id: record.conflicting_id.clone() });
        }
        if !record.repeated_id.is_empty() {
            return Err(EngineError::Duplicate { id: record.repeated_id.clone() });
        }
        item?;
        if record.id.is_empty() {
            // Valid by itself, free, and yet refused: an earlier item of the request had the id.
            return Err(repeated_id(index));
        }
        let here = record.lsn == 0;
        let committed_at = CommitTime(record.committed_at);
        Ok(RememberedItem {
            id: record.id.clone(),
            version: record.version,
            lsn: if here { known.lsn } else { Lsn(record.lsn) },
            committed_at: if here { known.committed_at } else { committed_at },
            created: match (record.created, record.merged) {
                (true, _) => Created::Now,
                (false, true) => Created::Merged,
                (false, false) => Created::Before,
            },
            state: if record.suppressed { State::Suppressed } else { State::Active },
            duplicates: record.duplicates.clone(),
            near_duplicates: (record.created && policy != DuplicatePolicy::Keep)
                .then(|| record.near.clone()),
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
