//! The commit of a step of consolidation: the texts of beliefs as puts, what they rest on as a record of its own.

use std::sync::Arc;

use engram_store::{CommitTime, Stamp};
use prost::Message;

use super::draft::Draft;
use super::{Consolidated, Planned, Revised};
use crate::apply::Step;
use crate::engine::{Done, Engine, Submitted};
use crate::memtable::{Doc, Snapshot, state_term};
use crate::model::{FIRST_VERSION, Memory, NewMemory, State};
use crate::queue::{Change, CommitQueue, Known, Overlay, Submission, writable};
use crate::record::{
    BeliefRecord, CommitRecord, ConsolidateRecord, KIND_COMMIT, Op, OpRecord, PutRecord,
    encode_vectors,
};
use crate::space::{PreparedMemory, Space};

/// A text that is to be stored, and the version that it follows.
struct Text {
    id: String,
    prepared: PreparedMemory,
    before: Option<Known>,
    first_committed_at: Option<CommitTime>,
    /// Ids of the memories whose words it is.
    quoted: Vec<String>,
}

/// What is to be committed.
struct Work {
    texts: Vec<Text>,
    record: ConsolidateRecord,
    withdrawn: Vec<(String, Known)>,
    done: Consolidated,
}

impl Engine {
    /// Queues what a step comes to. Where something that it rests on changes in what is queued before it, nothing is queued and
    /// the step is to be taken again.
    pub(super) fn commit_beliefs(
        &self,
        space: &Arc<Space>,
        snapshot: &Snapshot,
        planned: Planned,
        done: Done<Consolidated>,
    ) {
        // Analysing texts needs no lock.
        let texts = texts(space, snapshot, &planned);
        self.answer(done, |queue| {
            let overlay = writable(queue, space)?;
            match work(overlay, snapshot, (planned, texts)) {
                Some(work) => self.submit_beliefs(queue, space, work),
                None => Ok((Consolidated { more: true, ..Consolidated::default() }, None)),
            }
        });
    }

    fn submit_beliefs(
        &self,
        queue: &mut CommitQueue,
        space: &Arc<Space>,
        work: Work,
    ) -> Submitted<Consolidated> {
        let Work { mut texts, record, withdrawn, mut done } = work;
        let overlay = queue.overlays.entry(space.identity.id).or_default();
        let mut state_sum = overlay.state_sum;
        for text in &texts {
            let before = text.before.map_or(0, |known| known.term(&text.id));
            let version = text.version();
            let after = state_term(&text.id, version, &text.prepared.hash, State::Active);
            state_sum = state_sum.wrapping_sub(before).wrapping_add(after);
        }
        for (id, known) in &withdrawn {
            state_sum = state_sum.wrapping_sub(known.term(id));
        }
        let op = |op: Op| OpRecord { op: Some(op) };
        let puts = texts.iter_mut().map(|text| op(Op::Put(text.put())));
        let mut ops: Vec<OpRecord> = puts.collect();
        ops.push(op(Op::Consolidate(record.clone())));
        ops.extend(withdrawn.iter().map(|(id, _)| op(Op::Delete(id.clone()))));
        let commit = CommitRecord { ops, idempotency: None, principal: String::new() };
        let submission = Submission {
            space: Arc::clone(space),
            kind: KIND_COMMIT,
            payload: commit.encode_to_vec(),
            state_sum,
            now_ns: self.now_ns(),
        };
        let number = queue.next_number();
        let bytes_max = self.settings().commit_queue_bytes_max;
        let mut stored = Vec::new();
        let stamp = queue.submit(self.log(), bytes_max, submission, |stamp| {
            let docs = (0_u32..).zip(texts).map(|(position, text)| text.doc(stamp, position));
            stored = docs.collect();
            let puts = stored.iter().map(|(doc, _, _)| Step::Put(Arc::clone(doc)));
            let withdrawn = withdrawn.iter().map(|(id, _)| Step::Delete(id.clone()));
            let mut steps: Vec<Step> = puts.collect();
            steps.push(Step::Consolidate(record));
            steps.extend(withdrawn);
            Change::Commit(steps)
        })?;
        let overlay = queue.overlays.entry(space.identity.id).or_default();
        overlay.state_sum = state_sum;
        for (doc, born, quoted) in &stored {
            let memory = &doc.memory;
            let known = Known {
                hash: memory.content_hash,
                version: memory.version,
                lsn: stamp.lsn,
                committed_at: stamp.time,
                state: State::Active,
                vectors: doc.vectors.len() as u32,
                expires_at: memory.content.expires_at,
                born: born.unwrap_or(stamp.lsn),
            };
            overlay.touch_doc(number, doc, known);
            overlay.touch_quotes(number, &memory.id, quoted);
        }
        for (id, _) in withdrawn {
            overlay.touch(number, id, None);
        }
        done.commit = Some(stamp);
        Ok((done, Some(number)))
    }
}

impl Text {
    fn version(&self) -> u32 {
        self.before.map_or(FIRST_VERSION, |known| known.version + 1)
    }

    fn put(&mut self) -> PutRecord {
        PutRecord {
            id: self.id.clone(),
            version: self.version(),
            content: std::mem::take(&mut self.prepared.record),
            content_hash: self.prepared.hash.to_vec(),
            vectors: self.prepared.vectors.as_deref().map(encode_vectors).unwrap_or_default(),
            first_committed_at: self.first_committed_at.map(|time| time.0),
            ..PutRecord::default()
        }
    }

    /// The document, the commit of its first version where that is queued, and what it quotes.
    fn doc(
        self,
        stamp: Stamp,
        position: u32,
    ) -> (Arc<Doc>, Option<engram_store::Lsn>, Vec<String>) {
        let (version, born) = (self.version(), self.before.map(|known| known.born));
        let Text { id, prepared, first_committed_at, quoted, .. } = self;
        let memory = Memory {
            id,
            version,
            lsn: stamp.lsn,
            position,
            committed_at: stamp.time,
            principal: String::new(),
            content: prepared.content,
            content_hash: prepared.hash,
            first_committed_at: first_committed_at.unwrap_or(stamp.time),
            reason: String::new(),
            reconsolidation: None,
        };
        let vectors = prepared.vectors.unwrap_or_default();
        let doc = Doc { memory: Arc::new(memory), words: prepared.words, vectors };
        (Arc::new(doc), born, quoted)
    }
}

/// The texts that are to be stored, in the order of the beliefs; none where a belief keeps its text.
fn texts(space: &Space, snapshot: &Snapshot, planned: &Planned) -> Vec<Option<Text>> {
    let text = |revised: &Revised| {
        let Draft { content, quoted, vectors, .. } = revised.text.as_ref()?;
        let memory = NewMemory { id: None, content: content.clone(), vector: None };
        let mut prepared = space.analysed(memory);
        prepared.vectors = Some(vectors.clone());
        let found = revised.node.and_then(|node| snapshot.doc_of_node(node));
        let before = found.map(|(at, state)| Known::published(snapshot, at, state));
        if before.is_some_and(|known| known.hash == prepared.hash) {
            return None;
        }
        let ids = quoted.iter().filter_map(|node| snapshot.doc_of_node(*node));
        Some(Text {
            id: revised.id.clone(),
            prepared,
            before,
            first_committed_at: found.map(|(at, _)| snapshot.head(at).first_committed_at),
            quoted: ids.map(|(at, _)| snapshot.head(at).id.clone()).collect(),
        })
    };
    planned.revised.iter().map(text).collect()
}

/// What is to be committed; none where something that it rests on changes before it.
fn work(
    overlay: &Overlay,
    snapshot: &Snapshot,
    (planned, texts): (Planned, Vec<Option<Text>>),
) -> Option<Work> {
    let Planned {
        through,
        settled,
        revised,
        withdrawn,
        taken_back,
        apart,
        unphrased,
        looked_at,
        advances: _,
        more,
    } = planned;
    let mut done = Consolidated { memories: looked_at, unphrased, more, ..Consolidated::default() };
    let mut record = ConsolidateRecord { through, settled, apart, ..ConsolidateRecord::default() };
    let unchanged = |node: u32| is_unchanged(overlay, snapshot, node);
    let mut stored = Vec::new();
    for (Revised { node, id, joined, left, dissent, text }, stores) in
        revised.into_iter().zip(texts)
    {
        let rests_on = text.iter().flat_map(|text| &text.quoted).chain(&joined);
        let sound = rests_on.copied().chain(node).all(unchanged);
        let free = node.is_some() || overlay.lookup(snapshot, &id).0.is_none();
        if !sound || !free {
            return None;
        }
        match node {
            None => done.formed.push(id.clone()),
            Some(_) => done.changed.push(id.clone()),
        }
        let (written, quoted, model) = match text {
            Some(text) => (true, text.quoted, text.model),
            None => (false, Vec::new(), String::new()),
        };
        let brought = None;
        record.beliefs.push(BeliefRecord {
            id,
            joined,
            left,
            dissent,
            written,
            quoted,
            model,
            brought,
        });
        stored.extend(stores);
    }
    let mut gone = Vec::new();
    record.dissolved.extend(withdrawn.iter().map(|(_, id)| id.clone()));
    for (node, id) in withdrawn.into_iter().chain(taken_back) {
        let known = overlay.lookup(snapshot, &id).0.filter(|_| unchanged(node))?;
        done.withdrawn.push(id.clone());
        gone.push((id, known));
    }
    Some(Work { texts: stored, record, withdrawn: gone, done })
}

/// Whether nothing that is queued changes a memory of the snapshot.
fn is_unchanged(overlay: &Overlay, snapshot: &Snapshot, node: u32) -> bool {
    let Some((at, state)) = snapshot.doc_of_node(node) else { return false };
    let head = snapshot.head(at);
    let known = overlay.lookup(snapshot, &head.id).0;
    known.is_some_and(|known| known.lsn == head.lsn && known.state == state)
}
