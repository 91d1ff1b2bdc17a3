//! Update: a newer version takes the place of the one before, under the same id and in one commit.
//!
//! What the memory will say is worked out, analysed and embedded without a lock, from the version that the request meets
//! first. Under the lock it is committed only on that version: where another commit came in between, it is worked out anew.

use std::sync::Arc;

use engram_store::{CommitTime, Lsn, Stamp};
use prost::Message;

use crate::apply::Step;
use crate::engine::{Done, Engine, Submitted};
use crate::error::EngineError;
use crate::memtable::{Doc, Snapshot, VersionDoc, state_term};
use crate::model::{Created, Memory, MemoryContent, NewMemory, Reconsolidation, State, Updated};
use crate::queue::{Change, CommitQueue, KeyUse, Known, Submission, writable};
use crate::reconsolidation::{Citation, weighed};
use crate::record::{
    CommitRecord, ContentRecord, IdempotencyRecord, ItemRecord, KIND_COMMIT, Op, OpRecord,
    PutRecord, ReconsolidationRecord, encode_vectors,
};
use crate::request::{ContentField, Update, VectorChange};
use crate::space::{PreparedMemory, Space, first_16, given_vector};
use crate::validate;

/// How often an update is worked out anew before the caller is asked to come again.
const TRIES_MAX: u32 = 16;

/// What the memory will say, and the version that this follows from.
struct Prepared {
    memory: PreparedMemory,
    base: Arc<Memory>,
    /// What the update weighs, once that is known.
    weighed: Option<Reconsolidation>,
}

impl Engine {
    /// Stores a newer version of a memory; `done` is called when it is durable and recallable. Where the memory says so
    /// already, no version is added and that is no error.
    pub fn update(&self, space: &str, request: Update, done: Done<Updated>) {
        let checked = validate::update(&request).and_then(|()| self.serving(space));
        let space = match checked {
            Ok(space) => space,
            Err(error) => return done(Err(error)),
        };
        for _ in 0..TRIES_MAX {
            let prepared = match space.sound(self.prepare_update(&space, &request)) {
                Ok(prepared) => prepared,
                Err(error) => return done(Err(error)),
            };
            let queue = match self.queue() {
                Ok(queue) => queue,
                Err(error) => return done(Err(error)),
            };
            if prepared.as_ref().is_none_or(|prepared| is_current(&queue, &space, prepared)) {
                return self.answer_from(queue, done, |queue| {
                    space.sound(self.submit_update(queue, &space, request, prepared))
                });
            }
        }
        done(Err(EngineError::Raced { id: request.id }));
    }

    /// Works out what the memory will say; none where the request will be refused, or was answered before.
    fn prepare_update(
        &self,
        space: &Space,
        request: &Update,
    ) -> Result<Option<Prepared>, EngineError> {
        let now_ns = self.now_ns();
        let (snapshot, queued) = {
            let mut queue = self.queue()?;
            let snapshot = space.snapshot.load_full();
            let Ok(overlay) = writable(&mut queue, space) else { return Ok(None) };
            let key = request.idempotency_key.as_deref();
            let answered = key.is_some_and(|key| overlay.key(key, now_ns).is_some());
            let (known, _) = overlay.lookup(&snapshot, &request.id);
            let Some(known) = known.filter(|_| !answered) else { return Ok(None) };
            if accepted(request, &known, now_ns).is_err() {
                return Ok(None);
            }
            let queued = overlay.doc(&request.id).filter(|doc| doc.memory.lsn == known.lsn);
            (snapshot, queued.cloned())
        };
        let before = match queued {
            Some(doc) => {
                VersionDoc { memory: Arc::clone(&doc.memory), vectors: doc.vectors.clone() }
            }
            None => {
                let Some((at, _)) = snapshot.find(&request.id) else { return Ok(None) };
                let memory = snapshot.memory(at).into_arc();
                VersionDoc { memory, vectors: snapshot.vectors(at) }
            }
        };
        let memory = space.prepare_newer(self.newer(space, request, &before)?, &before)?;
        Ok(Some(Prepared { memory, base: before.memory, weighed: None }))
    }

    /// What the memory will say, checked.
    fn newer(
        &self,
        space: &Space,
        request: &Update,
        before: &VersionDoc,
    ) -> Result<NewMemory, EngineError> {
        let mut content = before.memory.content.clone();
        request.fields.iter().for_each(|field| field.copy(&request.content, &mut content));
        let kept = given_vector(before).filter(|_| request.vector == VectorChange::Keep);
        let vector = match &request.vector {
            VectorChange::Set(vector) => Some(vector.clone()),
            VectorChange::Keep | VectorChange::Clear => kept.cloned(),
        };
        let mut memory = NewMemory { id: None, content, vector };
        let dimension = space.identity.settings.dimension;
        validate::memory(&mut memory, dimension, self.settings())?;
        // It has unit length already: not a bit of it changes.
        if let Some(kept) = kept {
            memory.vector = Some(kept.clone());
        }
        Ok(memory)
    }

    fn submit_update(
        &self,
        queue: &mut CommitQueue,
        space: &Arc<Space>,
        request: Update,
        prepared: Option<Prepared>,
    ) -> Submitted<Updated> {
        let now_ns = self.now_ns();
        let (waiting, max) = (space.unlinked(), self.settings().index_lag_memories_max);
        if waiting > max {
            return Err(EngineError::Lagging { waiting, max });
        }
        let snapshot = space.snapshot.load_full();
        let overlay = writable(queue, space)?;
        let request_hash = request_hash(&request);
        if let Some(key) = &request.idempotency_key
            && let Some(used) = overlay.key(key, now_ns)
        {
            if used.record.request_hash != request_hash {
                return Err(EngineError::IdempotencyConflict { key: key.clone() });
            }
            return Ok((repeated(used), used.queued));
        }
        let (known, rests_on) = overlay.lookup(&snapshot, &request.id);
        let known = known.ok_or_else(|| not_found(&request))?;
        accepted(&request, &known, now_ns)?;
        let same = |prepared: &Prepared| prepared.base.lsn == known.lsn;
        let Some(prepared) = prepared.filter(same) else {
            return Err(EngineError::Raced { id: request.id });
        };
        let changes = prepared.memory.hash != known.hash;
        if !changes && request.idempotency_key.is_none() {
            return Ok((unchanged(request.id, &known), rests_on));
        }
        if changes {
            self.within_quota(space, (&snapshot, overlay), 0)?;
        }
        let put = changes.then_some(prepared);
        let put = put.map(|put| weigh(space, &snapshot, &request, put, now_ns)).transpose()?;
        self.commit_update(queue, space, (request, request_hash, known), (put, now_ns))
    }

    fn commit_update(
        &self,
        queue: &mut CommitQueue,
        space: &Arc<Space>,
        (request, request_hash, known): (Update, Vec<u8>, Known),
        (mut put, now_ns): (Option<Prepared>, i64),
    ) -> Submitted<Updated> {
        let overlay = queue.overlays.entry(space.identity.id).or_default();
        let mut state_sum = overlay.state_sum;
        if let Some(put) = &put {
            let newer = state_term(&request.id, known.version + 1, &put.memory.hash, known.state);
            state_sum = state_sum.wrapping_sub(known.term(&request.id)).wrapping_add(newer);
        }
        let idempotency = request.idempotency_key.clone().map(|key| IdempotencyRecord {
            key,
            request_hash,
            items: vec![item_record(&request.id, &known, put.as_ref())],
        });
        let saying = put.as_ref().and_then(|put| put.memory.saying);
        let op = put.as_mut().map(|put| put_record(&request, put));
        let record = CommitRecord {
            ops: op.into_iter().collect(),
            idempotency: idempotency.clone(),
            principal: request.principal.clone(),
        };
        let submission = Submission {
            space: Arc::clone(space),
            kind: KIND_COMMIT,
            payload: record.encode_to_vec(),
            state_sum,
            now_ns,
        };
        let number = queue.next_number();
        let bytes_max = self.settings().commit_queue_bytes_max;
        let mut stored = None;
        let stamp = queue.submit(self.log(), bytes_max, submission, |stamp| {
            stored = put.map(|put| newer_doc(stamp, &request, put));
            Change::Commit(stored.iter().cloned().map(Step::Put).collect())
        })?;
        let overlay = queue.overlays.entry(space.identity.id).or_default();
        overlay.state_sum = state_sum;
        if let Some(record) = idempotency {
            let (lsn, committed_at) = (stamp.lsn, stamp.time);
            overlay.use_key(KeyUse { record, lsn, committed_at, queued: Some(number) });
        }
        let Some(doc) = stored else { return Ok((unchanged(request.id, &known), Some(number))) };
        let now_known = Known {
            hash: doc.memory.content_hash,
            version: doc.memory.version,
            lsn: stamp.lsn,
            committed_at: stamp.time,
            vectors: doc.vectors.len() as u32,
            expires_at: doc.memory.content.expires_at,
            ..known
        };
        overlay.touch_doc(number, &doc, now_known);
        if let Some(saying) = saying {
            overlay.touch_saying(number, saying, doc.memory.id.clone());
        }
        let reconsolidation = doc.memory.reconsolidation;
        let stored = unchanged(request.id, &now_known);
        Ok((Updated { created: Created::Now, reconsolidation, ..stored }, Some(number)))
    }
}

/// What the update weighs, where it cites the recall that it followed.
fn weigh(
    space: &Space,
    snapshot: &Snapshot,
    request: &Update,
    put: Prepared,
    now_ns: i64,
) -> Result<Prepared, EngineError> {
    let Some(recalled_at) = request.after_recall else { return Ok(put) };
    let node = snapshot.find(&request.id).map(|(at, _)| snapshot.node(at));
    let cited = Citation {
        recalled_at,
        now_ns,
        trace: node.and_then(|node| snapshot.traces.get(node)),
        noted: node.is_some_and(|node| space.uses.used_since(node, recalled_at)),
        space: snapshot.decay,
    };
    let weighed = weighed(&put.base, &put.memory.content, &cited)?;
    Ok(Prepared { weighed, ..put })
}

/// Whether the version that an update was worked out from is still the newest one.
fn is_current(queue: &CommitQueue, space: &Space, prepared: &Prepared) -> bool {
    let Some(overlay) = queue.overlays.get(&space.identity.id) else { return true };
    let (known, _) = overlay.lookup(&space.snapshot.load(), &prepared.base.id);
    known.is_none_or(|known| known.lsn == prepared.base.lsn)
}

fn not_found(request: &Update) -> EngineError {
    EngineError::MemoryNotFound { id: request.id.clone() }
}

/// Whether the memory can be updated as asked. A hidden one is not there for whoever updates.
fn accepted(request: &Update, known: &Known, now_ns: i64) -> Result<(), EngineError> {
    if known.state != State::Active || known.is_expired(now_ns) {
        return Err(not_found(request));
    }
    match request.if_version {
        Some(asked) if asked != known.version => {
            let (id, found) = (request.id.clone(), known.version);
            Err(EngineError::VersionMismatch { id, asked, found })
        }
        _ => Ok(()),
    }
}

fn put_record(request: &Update, put: &mut Prepared) -> OpRecord {
    let memory = &mut put.memory;
    let record = PutRecord {
        id: request.id.clone(),
        version: put.base.version + 1,
        content: std::mem::take(&mut memory.record),
        content_hash: memory.hash.to_vec(),
        vectors: memory.vectors.as_deref().map(encode_vectors).unwrap_or_default(),
        vector_given: memory.vector_given,
        reason: request.reason.clone(),
        first_committed_at: Some(put.base.first_committed_at.0),
        learned: None,
        reconsolidation: put.weighed.map(ReconsolidationRecord::new),
    };
    OpRecord { op: Some(Op::Put(record)) }
}

fn newer_doc(stamp: Stamp, request: &Update, put: Prepared) -> Arc<Doc> {
    let Prepared { memory, base, weighed } = put;
    let stored = Memory {
        id: request.id.clone(),
        version: base.version + 1,
        lsn: stamp.lsn,
        position: 0,
        committed_at: stamp.time,
        principal: request.principal.clone(),
        content: memory.content,
        content_hash: memory.hash,
        first_committed_at: base.first_committed_at,
        reason: request.reason.clone(),
        reconsolidation: weighed,
    };
    let vectors = memory.vectors.unwrap_or_default();
    Arc::new(Doc { memory: Arc::new(stored), words: memory.words, vectors })
}

/// The answer where the memory stays as it is known.
fn unchanged(id: String, known: &Known) -> Updated {
    Updated {
        id,
        version: known.version,
        lsn: known.lsn,
        committed_at: known.committed_at,
        created: Created::Before,
        vectors: known.vectors,
        reconsolidation: None,
    }
}

/// What the idempotency record keeps of the answer.
fn item_record(id: &str, known: &Known, put: Option<&Prepared>) -> ItemRecord {
    let id = id.to_owned();
    match put {
        Some(put) => ItemRecord {
            id,
            version: known.version + 1,
            created: true,
            vectors: put.memory.vectors.as_ref().map_or(0, Vec::len) as u32,
            reconsolidation: put.weighed.map(ReconsolidationRecord::new),
            ..ItemRecord::default()
        },
        None => ItemRecord {
            id,
            version: known.version,
            lsn: known.lsn.0,
            committed_at: known.committed_at.0,
            vectors: known.vectors,
            ..ItemRecord::default()
        },
    }
}

/// The answer of an earlier request with the same key and body.
fn repeated(used: &KeyUse) -> Updated {
    let item = used.record.items.first().cloned().unwrap_or_default();
    let here = item.lsn == 0;
    Updated {
        id: item.id,
        version: item.version,
        lsn: if here { used.lsn } else { Lsn(item.lsn) },
        committed_at: if here { used.committed_at } else { CommitTime(item.committed_at) },
        created: if item.created { Created::Now } else { Created::Before },
        vectors: item.vectors,
        reconsolidation: item.reconsolidation.and_then(|record| record.weighed().ok()),
    }
}

/// Two requests with one idempotency key must agree in this.
fn request_hash(request: &Update) -> Vec<u8> {
    let mut content = MemoryContent::default();
    request.fields.iter().for_each(|field| field.copy(&request.content, &mut content));
    let named = |field: ContentField| u8::from(request.fields.contains(&field));
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"update");
    for text in [&request.id, &request.reason] {
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    }
    hasher.update(&request.if_version.unwrap_or(0).to_le_bytes());
    hasher.update(&ContentField::ALL.map(named));
    if let Some(recalled_at) = request.after_recall {
        hasher.update(b"after recall").update(&recalled_at.to_le_bytes());
    }
    hasher.update(&ContentRecord::from_content(&content).encode_length_delimited_to_vec());
    match &request.vector {
        VectorChange::Keep => hasher.update(&[0]),
        VectorChange::Clear => hasher.update(&[1]),
        VectorChange::Set(vector) => {
            hasher.update(&[2]).update(&encode_vectors(std::slice::from_ref(vector)))
        }
    };
    first_16(&hasher.finalize()).to_vec()
}
