//! The order of commits: what is submitted and not yet durable.
//!
//! Everything that decides the outcome of a write (ids taken, duplicates, idempotency keys, the state sum) is looked up
//! under one lock, in the published snapshot and in the overlay of what is queued before it. The lock is never held
//! during syncs, embedding or search; a single memory that is not in RAM may be read.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use engram_store::{CommitTime, Entry, Lsn, ShardLog, SpaceId, Stamp};

use crate::apply::Step;
use crate::error::EngineError;
use crate::memtable::{Doc, DocRef, Snapshot, state_term};
use crate::model::{ContentHash, Memory, State, has_expired};
use crate::record::{IdempotencyRecord, KIND_COMMIT, KIND_SPACE_CREATED, KIND_SPACE_DELETED};
use crate::search::Saying;
use crate::space::Space;

/// How long an idempotency key is remembered, ns.
pub(crate) const IDEMPOTENCY_LIFETIME_NS: i64 = 24 * 3_600 * 1_000_000_000;
/// Share of the queue that the commits of one space may fill.
const SPACE_QUEUE_PERCENT: u64 = 50;
/// Most ids reported as duplicates of one memory.
pub(crate) const DUPLICATES_REPORTED_MAX: usize = 10;

/// Told once whether what it waits for is durable.
pub(crate) type Waiter = Box<dyn FnOnce(Result<(), EngineError>) + Send>;

/// What a queued commit does when it is durable.
pub(crate) enum Change {
    /// The space appears.
    CreateSpace,
    /// The space and all it holds are gone.
    DeleteSpace,
    /// Its memories change.
    Commit(Vec<Step>),
}

impl Change {
    /// Kind of its log entry.
    pub(crate) fn kind(&self) -> u8 {
        match self {
            Change::CreateSpace => KIND_SPACE_CREATED,
            Change::DeleteSpace => KIND_SPACE_DELETED,
            Change::Commit(_) => KIND_COMMIT,
        }
    }
}

/// A queued commit.
pub(crate) struct Pending {
    pub(crate) stamp: Stamp,
    pub(crate) space: Arc<Space>,
    pub(crate) change: Change,
    pub(crate) kind: u8,
    pub(crate) bytes: u64,
    pub(crate) waiters: Vec<Waiter>,
}

/// What is known of a live id.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    pub(crate) hash: ContentHash,
    pub(crate) version: u32,
    pub(crate) lsn: Lsn,
    pub(crate) committed_at: CommitTime,
    pub(crate) state: State,
    pub(crate) vectors: u32,
    pub(crate) expires_at: Option<i64>,
    /// Commit that stored its first version, where that was queued; 0 = it was published before.
    pub(crate) born: Lsn,
}

impl Known {
    /// What is known of a published document.
    pub(crate) fn published(snapshot: &Snapshot, at: DocRef, state: State) -> Known {
        let memory = snapshot.head(at);
        Known {
            hash: memory.content_hash,
            version: memory.version,
            lsn: memory.lsn,
            committed_at: memory.committed_at,
            state,
            vectors: snapshot.vector_count(at),
            expires_at: memory.content.expires_at,
            born: Lsn(0),
        }
    }

    /// What is known of a first version that was just queued.
    pub(crate) fn stored(doc: &Doc, state: State) -> Known {
        let memory = &doc.memory;
        Known {
            hash: memory.content_hash,
            version: memory.version,
            lsn: memory.lsn,
            committed_at: memory.committed_at,
            state,
            vectors: doc.vectors.len() as u32,
            expires_at: memory.content.expires_at,
            born: memory.lsn,
        }
    }

    /// Whether the memory forgot itself.
    pub(crate) fn is_expired(&self, now_ns: i64) -> bool {
        has_expired(self.expires_at, now_ns)
    }

    /// What the memory adds to the state sum.
    pub(crate) fn term(&self, id: &str) -> u64 {
        state_term(id, self.version, &self.hash, self.state)
    }
}

/// An idempotency key in use.
#[derive(Clone, Debug)]
pub(crate) struct KeyUse {
    pub(crate) record: IdempotencyRecord,
    pub(crate) lsn: Lsn,
    pub(crate) committed_at: CommitTime,
    /// Queue number of its commit; none when it was replayed.
    pub(crate) queued: Option<u64>,
}

/// What is queued for one space, over its published snapshot.
#[derive(Default)]
pub(crate) struct Overlay {
    pub(crate) state_sum: u64,
    /// A deletion of the space is queued.
    pub(crate) deleted: bool,
    /// Ids that queued commits touch: the last of them, and the id's state after it (none = deleted).
    ids: HashMap<String, (u64, Option<Known>)>,
    /// The last documents that queued commits store under an id.
    docs: HashMap<String, (u64, Arc<Doc>)>,
    /// How many memories queued commits store under new ids.
    births: VecDeque<(u64, u64)>,
    /// What queued commits make memories say, where the space looks at that.
    sayings: HashMap<Saying, Vec<(u64, String)>>,
    /// Memories whose words queued beliefs are, with the ids of these.
    quotes: HashMap<String, Vec<(u64, String)>>,
    /// Content that queued commits store.
    contents: HashMap<ContentHash, Vec<(u64, String)>>,
    /// Pairs of ids, the last queued commit that states or removes their explicit association, and whether it is there
    /// after it.
    pairs: HashMap<(String, String), (u64, Lsn, bool)>,
    keys: HashMap<String, KeyUse>,
    keys_by_age: VecDeque<(CommitTime, String)>,
}

impl Overlay {
    /// The overlay of a space with nothing queued.
    pub(crate) fn new(state_sum: u64) -> Overlay {
        Overlay { state_sum, ..Overlay::default() }
    }

    /// What is known of an id, and the queued commit that this rests on.
    pub(crate) fn lookup(&self, snapshot: &Snapshot, id: &str) -> (Option<Known>, Option<u64>) {
        if let Some((number, known)) = self.ids.get(id) {
            return (*known, Some(*number));
        }
        let known = snapshot.find(id).map(|(at, state)| Known::published(snapshot, at, state));
        (known, None)
    }

    /// Ids of recallable memories with this content, published or queued, at most [`DUPLICATES_REPORTED_MAX`].
    pub(crate) fn duplicates(
        &self,
        snapshot: &Snapshot,
        hash: ContentHash,
        now_ns: i64,
    ) -> Vec<String> {
        let settled =
            |memory: &Memory| !self.ids.contains_key(&memory.id) && !memory.is_expired(now_ns);
        let mut ids = snapshot.ids_of_content(hash, DUPLICATES_REPORTED_MAX, &settled);
        for (_, id) in self.contents.get(&hash).into_iter().flatten() {
            let holds = |known: &Known| {
                known.hash == hash && known.state == State::Active && !known.is_expired(now_ns)
            };
            let is_duplicate = matches!(self.ids.get(id), Some((_, Some(known))) if holds(known));
            if is_duplicate && ids.len() < DUPLICATES_REPORTED_MAX && !ids.contains(id) {
                ids.push(id.clone());
            }
        }
        ids
    }

    /// The use of an idempotency key within its lifetime.
    pub(crate) fn key(&mut self, key: &str, now_ns: i64) -> Option<&KeyUse> {
        while let Some((time, _)) = self.keys_by_age.front()
            && now_ns.saturating_sub(time.0) > IDEMPOTENCY_LIFETIME_NS
        {
            let (time, old) = self.keys_by_age.pop_front()?;
            if self.keys.get(&old).is_some_and(|known| known.committed_at == time) {
                self.keys.remove(&old);
            }
        }
        self.keys.get(key)
    }

    /// The keys used up to a commit.
    pub(crate) fn keys_through(&self, lsn: Lsn) -> Vec<KeyUse> {
        let mut keys: Vec<KeyUse> =
            self.keys.values().filter(|known| known.lsn <= lsn).cloned().collect();
        keys.sort_unstable_by_key(|known| known.lsn);
        keys
    }

    pub(crate) fn use_key(&mut self, known: KeyUse) {
        self.keys_by_age.push_back((known.committed_at, known.record.key.clone()));
        self.keys.insert(known.record.key.clone(), known);
    }

    pub(crate) fn touch(&mut self, number: u64, id: String, known: Option<Known>) {
        if let Some(known) = known {
            self.contents.entry(known.hash).or_default().push((number, id.clone()));
        }
        self.ids.insert(id, (number, known));
    }

    /// Notes a document that a queued commit stores.
    pub(crate) fn touch_doc(&mut self, number: u64, doc: &Arc<Doc>, known: Known) {
        let id = &doc.memory.id;
        self.docs.insert(id.clone(), (number, Arc::clone(doc)));
        self.touch(number, id.clone(), Some(known));
    }

    /// Notes how many memories a queued commit stores.
    pub(crate) fn bear(&mut self, number: u64, count: u64) {
        self.births.push_back((number, count));
    }

    /// How many memories queued commits store; what they delete is not taken off.
    pub(crate) fn born(&self) -> u64 {
        self.births.iter().map(|(_, count)| count).sum()
    }

    /// Notes what a document that a queued commit stores says.
    pub(crate) fn touch_saying(&mut self, number: u64, saying: Saying, id: String) {
        self.sayings.entry(saying).or_default().push((number, id));
    }

    /// The last documents of ids that queued commits make say this.
    pub(crate) fn saying(&self, saying: Saying) -> impl Iterator<Item = &Arc<Doc>> {
        let queued = self.sayings.get(&saying).into_iter().flatten();
        queued.filter_map(|(number, id)| {
            self.docs.get(id).filter(|(last, _)| last == number).map(|(_, doc)| doc)
        })
    }

    /// Notes whose words the text of a queued belief is.
    pub(crate) fn touch_quotes(&mut self, number: u64, belief: &str, quoted: &[String]) {
        for id in quoted {
            self.quotes.entry(id.clone()).or_default().push((number, belief.to_owned()));
        }
    }

    /// Ids of the beliefs whose texts are words of a memory, published or queued.
    pub(crate) fn beliefs_in_words_of(&self, snapshot: &Snapshot, id: &str) -> Vec<String> {
        let queued = self.quotes.get(id).into_iter().flatten();
        let mut beliefs: Vec<String> = queued.map(|(_, belief)| belief.clone()).collect();
        let node = snapshot.find(id).map(|(at, _)| snapshot.node(at));
        let on = node.and_then(|node| Some((node, snapshot.beliefs.on(node)?)));
        if let Some((node, on)) = on
            && snapshot.beliefs.get(on).is_some_and(|belief| belief.quoted.contains(&node))
            && let Some((at, _)) = snapshot.doc_of_node(on)
        {
            beliefs.push(snapshot.head(at).id.clone());
        }
        beliefs
    }

    /// The document that queued commits leave under an id, as far as they store one.
    pub(crate) fn doc(&self, id: &str) -> Option<&Arc<Doc>> {
        self.docs.get(id).map(|(_, doc)| doc)
    }

    /// Whether queued commits leave an explicit association of this pair; none = none of them is about it.
    pub(crate) fn pair(&self, from: &str, to: &str) -> Option<bool> {
        let (_, lsn, there) = self.pairs.get(&(from.to_owned(), to.to_owned()))?;
        // An id that was deleted or stored anew since has lost its associations; one that was hidden, shown or updated has
        // not.
        let lost = |id: &str| {
            let touched = self.ids.get(id).map(|(_, known)| known);
            touched.is_some_and(|known| known.is_none_or(|known| known.born > *lsn))
        };
        Some(*there && !lost(from) && !lost(to))
    }

    /// The last queued commit that is about the explicit association of this pair or about one of its ends.
    pub(crate) fn pair_rests_on(&self, from: &str, to: &str) -> Option<u64> {
        let pair = self.pairs.get(&(from.to_owned(), to.to_owned())).map(|(number, _, _)| *number);
        let touched = |id: &str| self.ids.get(id).map(|(number, _)| *number);
        pair.max(touched(from)).max(touched(to))
    }

    pub(crate) fn touch_pair(
        &mut self,
        (number, lsn): (u64, Lsn),
        pair: (String, String),
        there: bool,
    ) {
        self.pairs.insert(pair, (number, lsn, there));
    }

    /// Forgets what is published now: everything up to queue number `last`.
    fn settle(&mut self, last: u64) {
        self.births.retain(|(number, _)| *number > last);
        self.pairs.retain(|_, (number, _, _)| *number > last);
        self.ids.retain(|_, (number, _)| *number > last);
        self.docs.retain(|_, (number, _)| *number > last);
        self.sayings.retain(|_, queued| {
            queued.retain(|(number, _)| *number > last);
            !queued.is_empty()
        });
        self.quotes.retain(|_, queued| {
            queued.retain(|(number, _)| *number > last);
            !queued.is_empty()
        });
        self.contents.retain(|_, queued| {
            queued.retain(|(number, _)| *number > last);
            !queued.is_empty()
        });
    }

    /// Forgets all that was queued from number `first`: it failed.
    fn reset(&mut self, published: &Snapshot, first: u64) {
        self.state_sum = published.state_sum;
        self.deleted = false;
        self.ids.clear();
        self.births.clear();
        self.docs.clear();
        self.sayings.clear();
        self.contents.clear();
        self.quotes.clear();
        self.pairs.clear();
        self.keys.retain(|_, known| known.queued.is_none_or(|number| number < first));
        let keys = &self.keys;
        self.keys_by_age.retain(|(_, key)| keys.contains_key(key));
    }
}

/// Commits in the order of the log.
#[derive(Default)]
pub(crate) struct CommitQueue {
    pending: VecDeque<Pending>,
    /// Queue number of the first pending commit.
    first: u64,
    bytes: u64,
    /// The same by space; without those that have nothing queued.
    bytes_of: HashMap<SpaceId, u64>,
    pub(crate) overlays: HashMap<SpaceId, Overlay>,
    /// Names of spaces whose creation is queued.
    pub(crate) names: HashMap<String, SpaceId>,
    pub(crate) closing: bool,
}

/// One entry for the queue.
pub(crate) struct Submission {
    pub(crate) space: Arc<Space>,
    pub(crate) kind: u8,
    pub(crate) payload: Vec<u8>,
    pub(crate) state_sum: u64,
    pub(crate) now_ns: i64,
}

impl CommitQueue {
    /// Queue number of the last commit that is queued.
    pub(crate) fn last_number(&self) -> Option<u64> {
        self.next_number().checked_sub(1).filter(|_| !self.pending.is_empty())
    }

    /// The earliest time of a commit that is queued.
    pub(crate) fn earliest_time(&self) -> Option<CommitTime> {
        self.pending.iter().map(|pending| pending.stamp.time).min()
    }

    /// Queue number that the next commit will have.
    pub(crate) fn next_number(&self) -> u64 {
        self.first + self.pending.len() as u64
    }

    /// Hands the entry to the log and queues its commit, which `change` makes from its stamp.
    pub(crate) fn submit(
        &mut self,
        log: &ShardLog,
        bytes_max: u64,
        submission: Submission,
        change: impl FnOnce(Stamp) -> Change,
    ) -> Result<Stamp, EngineError> {
        // What decides about a commit may have been read from files.
        submission.space.intact()?;
        let bytes = submission.payload.len() as u64;
        // One space may fill no more than its share, so that the others always find room.
        let own = self.bytes_of.get(&submission.space.identity.id).copied().unwrap_or(0);
        let own_max = bytes_max / 100 * SPACE_QUEUE_PERCENT;
        let is_full = self.bytes > 0 && self.bytes + bytes > bytes_max;
        if is_full || (own > 0 && own + bytes > own_max) {
            return Err(EngineError::Overloaded { queued_bytes: self.bytes });
        }
        let entry = Entry {
            space: submission.space.identity.id,
            kind: submission.kind,
            payload: submission.payload,
            state_sum: submission.state_sum,
        };
        let stamp = log.append(entry, submission.now_ns)?;
        self.bytes += bytes;
        *self.bytes_of.entry(submission.space.identity.id).or_default() += bytes;
        let change = change(stamp);
        assert_eq!(change.kind(), submission.kind, "entry and change belong together");
        let pending = Pending {
            stamp,
            space: submission.space,
            change,
            kind: submission.kind,
            bytes,
            waiters: Vec::new(),
        };
        self.pending.push_back(pending);
        Ok(stamp)
    }

    /// Keeps `waiter` for when the commit of that number is durable or has failed; gives it back when the commit is
    /// published already. The number must have been found under the same lock: a failed commit leaves no trace.
    pub(crate) fn wait(&mut self, number: Option<u64>, waiter: Waiter) -> Option<Waiter> {
        let index = number.and_then(|number| number.checked_sub(self.first));
        match index.and_then(|index| self.pending.get_mut(index as usize)) {
            Some(pending) => {
                pending.waiters.push(waiter);
                None
            }
            None => Some(waiter),
        }
    }

    /// The commits that wait, as if they were durable: only for a deliberate bug.
    pub(crate) fn queued(&mut self) -> Vec<(Stamp, Arc<Space>, Change)> {
        let stamps: Vec<Stamp> = self.pending.iter().map(|pending| pending.stamp).collect();
        self.durable(&stamps)
    }

    /// The commits that became durable, still counted as queued until [`CommitQueue::settle`].
    pub(crate) fn durable(&mut self, stamps: &[Stamp]) -> Vec<(Stamp, Arc<Space>, Change)> {
        self.pending
            .iter_mut()
            .zip(stamps)
            .map(|(pending, stamp)| {
                assert_eq!(pending.stamp, *stamp, "the log keeps the order of the queue");
                pending.space.note_log_bytes(pending.bytes);
                let change = std::mem::replace(&mut pending.change, Change::Commit(Vec::new()));
                (pending.stamp, Arc::clone(&pending.space), change)
            })
            .collect()
    }

    /// Takes `count` published commits out and returns who waits for them.
    pub(crate) fn settle(&mut self, count: usize) -> Vec<(Arc<Space>, Waiter)> {
        let mut waiters = Vec::new();
        let mut spaces = HashMap::new();
        for pending in self.pending.drain(..count) {
            self.bytes -= pending.bytes;
            if let Some(own) = self.bytes_of.get_mut(&pending.space.identity.id) {
                *own -= pending.bytes;
                if *own == 0 {
                    self.bytes_of.remove(&pending.space.identity.id);
                }
            }
            spaces.insert(pending.space.identity.id, self.first);
            if self.names.get(&pending.space.identity.name) == Some(&pending.space.identity.id) {
                self.names.remove(&pending.space.identity.name);
            }
            self.first += 1;
            if pending.kind == KIND_SPACE_DELETED {
                self.overlays.remove(&pending.space.identity.id);
            }
            let space = pending.space;
            let own = pending.waiters.into_iter();
            waiters.extend(own.map(|waiter| (Arc::clone(&space), waiter)));
        }
        for (space, last) in spaces {
            if let Some(overlay) = self.overlays.get_mut(&space) {
                overlay.settle(last);
            }
        }
        waiters
    }

    /// Drops everything queued: the log refused it. Returns who waited.
    pub(crate) fn fail(&mut self) -> Vec<(Arc<Space>, Waiter)> {
        let failed: Vec<Pending> = self.pending.drain(..).collect();
        let first = self.first;
        self.first += failed.len() as u64;
        self.bytes = 0;
        self.bytes_of.clear();
        self.names.clear();
        let mut reset = HashSet::new();
        for pending in &failed {
            let id = pending.space.identity.id;
            if pending.kind == KIND_SPACE_CREATED {
                self.overlays.remove(&id);
                reset.insert(id);
            } else if reset.insert(id)
                && let Some(overlay) = self.overlays.get_mut(&id)
            {
                overlay.reset(&pending.space.snapshot.load(), first);
            }
        }
        let waiters = |pending: Pending| {
            let space = pending.space;
            pending.waiters.into_iter().map(move |waiter| (Arc::clone(&space), waiter))
        };
        failed.into_iter().flat_map(waiters).collect()
    }
}

/// The overlay of a space that takes writes.
pub(crate) fn writable<'a>(
    queue: &'a mut CommitQueue,
    space: &Space,
) -> Result<&'a mut Overlay, EngineError> {
    if queue.closing {
        return Err(EngineError::Closing);
    }
    let gone = || EngineError::SpaceNotFound { name: space.identity.name.clone() };
    queue.overlays.get_mut(&space.identity.id).filter(|overlay| !overlay.deleted).ok_or_else(gone)
}
