//! The reference model: plain maps of what was acknowledged, and the commits that wait for an answer.
//!
//! It knows the rules of the engine's facade and nothing of how the engine keeps them: no log, no index, no snapshot.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use engram_engine::{
    AssociationReceipt, Created, Done, DuplicatePolicy, EngineError, FeedbackReceipt,
    ForgetReceipt, Imported, MemoryContent, NewMemory, OnInvalid, RememberOptions, Remembered,
    SpaceInfo, State, Updated,
};
use engram_store::SpaceId;

/// Where the answer to a request arrives.
pub(crate) type Slot<T> = Arc<Mutex<Option<Result<T, EngineError>>>>;

/// An empty slot and the callback that fills it.
pub(crate) fn slot<T: Send + 'static>() -> (Slot<T>, Done<T>) {
    let slot: Slot<T> = Arc::default();
    let filled = Arc::clone(&slot);
    let done = Box::new(move |answer| {
        *filled.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
    });
    (slot, done)
}

/// The answer, when it has come.
pub(crate) fn taken<T>(slot: &Slot<T>) -> Option<Result<T, EngineError>> {
    slot.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// A memory to be sent, and whether it breaks a rule by itself.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) memory: NewMemory,
    pub(crate) valid: bool,
    /// A word that stands in no other content; empty where the text has none.
    pub(crate) token: String,
    /// The vectors it must get; for a given vector, that one as it was given.
    pub(crate) vectors: Vec<Vec<f32>>,
}

/// A memory that is stored, or waits to be.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stored {
    /// None while only the engine knows it.
    pub(crate) id: Option<String>,
    pub(crate) version: u32,
    pub(crate) reason: String,
    pub(crate) lsn: u64,
    pub(crate) position: u32,
    pub(crate) time: i64,
    pub(crate) principal: String,
    pub(crate) content: MemoryContent,
    /// The vector as it was given.
    pub(crate) given: Option<Vec<f32>>,
    pub(crate) vectors: Vec<Vec<f32>>,
    pub(crate) token: String,
    pub(crate) state: State,
}

impl Stored {
    /// What an update of an unknown id is made from.
    pub(crate) fn nothing(id: &str) -> Stored {
        Stored {
            id: Some(id.to_owned()),
            version: 1,
            reason: String::new(),
            lsn: 0,
            position: 0,
            time: 0,
            principal: String::new(),
            content: MemoryContent::default(),
            given: None,
            vectors: Vec::new(),
            token: String::new(),
            state: State::Active,
        }
    }

    pub(crate) fn place(&self) -> (u64, u32) {
        (self.lsn, self.position)
    }

    /// The id, where it is known.
    pub(crate) fn name(&self) -> &str {
        self.id.as_deref().unwrap_or_default()
    }

    pub(crate) fn expired(&self, now_ns: i64) -> bool {
        self.content.expires_at.is_some_and(|at| at <= now_ns)
    }

    pub(crate) fn visible(&self, now_ns: i64) -> bool {
        self.state == State::Active && !self.expired(now_ns)
    }

    pub(crate) fn same_content(&self, memory: &NewMemory) -> bool {
        self.content == memory.content && self.given == memory.vector
    }
}

/// What was said about the association of two memories.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tie {
    pub(crate) relation: String,
    pub(crate) weight: f32,
    pub(crate) reason: String,
}

/// The places of two memories in the log: an id that is stored anew is another memory.
pub(crate) type Pair = ((u64, u32), (u64, u32));

/// A request with an idempotency key.
#[derive(Clone, Debug)]
pub(crate) struct Keyed {
    pub(crate) drafts: Vec<Draft>,
    pub(crate) options: RememberOptions,
    pub(crate) plan: Plan,
    /// None when the commit survived without its answer.
    pub(crate) answer: Option<Remembered>,
}

/// The state of one space after one commit.
#[derive(Clone, Debug, Default)]
pub(crate) struct Image {
    pub(crate) lsn: u64,
    pub(crate) time: i64,
    /// In log order.
    pub(crate) memories: BTreeMap<(u64, u32), Arc<Stored>>,
    pub(crate) ids: BTreeMap<String, (u64, u32)>,
    /// Older versions by id, oldest first.
    pub(crate) past: BTreeMap<String, Vec<Arc<Stored>>>,
    pub(crate) keys: BTreeMap<String, Arc<Keyed>>,
    /// Associations that were stated.
    pub(crate) ties: BTreeMap<Pair, Tie>,
    /// Memories from which entities may have been taken away.
    pub(crate) parted: BTreeSet<(u64, u32)>,
}

/// What becomes of one memory of a request.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Verdict {
    Refused(&'static str),
    Known {
        id: String,
        lsn: u64,
        time: i64,
        state: State,
    },
    New(usize),
    Same(usize),
    /// A repetition of a memory that is there, and of one that this request stores.
    Merged {
        id: Option<String>,
        lsn: u64,
        time: i64,
    },
    MergedInto(usize),
}

/// What a request to remember must come to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    pub(crate) verdicts: Vec<Verdict>,
    pub(crate) puts: Vec<Stored>,
    /// Expired memories whose ids are given to new ones.
    pub(crate) expired: Vec<String>,
    /// LSN and time that the answer must name.
    pub(crate) lsn: u64,
    pub(crate) time: i64,
    /// Memories that are merged into others.
    pub(crate) merges: u64,
    /// Whether it is a commit of its own.
    pub(crate) commits: bool,
    /// Per verdict, the ids of earlier memories with the same content; none where queued commits blur it.
    pub(crate) duplicates: Option<Vec<Vec<String>>>,
}

/// What happens to memories that are forgotten or restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Suppress,
    Delete,
    Restore,
}

impl Fate {
    pub(crate) fn concerns(self, state: State) -> bool {
        match self {
            Fate::Suppress => state == State::Active,
            Fate::Restore => state == State::Suppressed,
            Fate::Delete => true,
        }
    }
}

/// A request that was taken and waits for its answer.
#[derive(Debug)]
pub(crate) enum Work {
    Remember {
        plan: Plan,
        keyed: Option<(String, Box<Keyed>)>,
        slot: Slot<Remembered>,
    },
    /// The answer to an earlier request with the same key.
    Again {
        plan: Plan,
        slot: Slot<Remembered>,
    },
    Change {
        ids: Vec<String>,
        fate: Fate,
        slot: Slot<ForgetReceipt>,
    },
    /// A newer version of a memory, or the one that says so already.
    Update {
        newer: Box<Stored>,
        created: Created,
        slot: Slot<Updated>,
    },
    Delete {
        slot: Slot<SpaceInfo>,
    },
    Associate {
        pair: Pair,
        tie: Tie,
        created: bool,
        slot: Slot<AssociationReceipt>,
    },
    /// Takes away what was stated where `stated`, and entities where `parts`; `count` is the number of all that goes, where
    /// it is known.
    Dissociate {
        pair: Pair,
        stated: bool,
        parts: bool,
        count: Option<u64>,
        slot: Slot<AssociationReceipt>,
    },
    /// Says what somebody thinks of a memory.
    Judge {
        slot: Slot<FeedbackReceipt>,
    },
    /// A memory comes in from elsewhere.
    Arrive {
        stored: Box<Stored>,
        slot: Slot<Imported>,
    },
    /// A commit of the engine's own, which nobody waits for: it changes no memory.
    Derived,
}

/// A request in the queue of a space. One that is no commit of its own has no stamp.
#[derive(Debug)]
pub(crate) struct Queued {
    pub(crate) stamp: Option<(u64, i64)>,
    pub(crate) work: Work,
}

/// What a space is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Nature {
    pub(crate) dimension: u32,
    pub(crate) embeds: bool,
    pub(crate) language: engram_engine::Language,
    pub(crate) duplicates: DuplicatePolicy,
}

/// One space.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) id: SpaceId,
    pub(crate) created_at: i64,
    pub(crate) nature: Nature,
    /// Acknowledged.
    pub(crate) published: Image,
    /// With what is queued.
    pub(crate) projected: Image,
    pub(crate) queued: Vec<Queued>,
    pub(crate) deleting: bool,
    /// State sums that the engine reported, by LSN.
    pub(crate) sums: BTreeMap<u64, u64>,
    /// Vectors in the graph, by LSN.
    pub(crate) indexed: BTreeMap<u64, u64>,
    /// Sums over what was learned, by LSN.
    pub(crate) learned: BTreeMap<u64, u64>,
    /// States before and after each commit of the last flush that wrote anything.
    pub(crate) last_batch: Vec<Image>,
    /// Ids that were deleted.
    pub(crate) deleted: Vec<String>,
    /// The commit that deleted it.
    pub(crate) gone_at: Option<(u64, i64)>,
}

/// A refusal that waits for the commits it rests on.
pub(crate) struct Refusal {
    pub(crate) expected: &'static str,
    /// What has come: an error, or wrongly an answer.
    pub(crate) take: Box<dyn Fn() -> Option<Option<EngineError>>>,
}

/// A space whose creation waits for its answer.
pub(crate) struct Creating {
    pub(crate) name: String,
    pub(crate) nature: Nature,
    pub(crate) time: i64,
    pub(crate) slot: Slot<SpaceInfo>,
}

impl Image {
    pub(crate) fn find(&self, id: &str) -> Option<&Arc<Stored>> {
        self.ids.get(id).and_then(|place| self.memories.get(place))
    }

    /// The places of two memories that are there.
    pub(crate) fn pair(&self, from: &str, to: &str) -> Option<Pair> {
        Some((*self.ids.get(from)?, *self.ids.get(to)?))
    }

    pub(crate) fn put(&mut self, stored: Stored) {
        if let Some(id) = &stored.id {
            self.ids.insert(id.clone(), stored.place());
        }
        self.memories.insert(stored.place(), Arc::new(stored));
    }

    /// Puts a newer version in the place of the one that is there; what was stated about the memory stays.
    fn update(&mut self, newer: &Stored) {
        let Some(old) = self.ids.get(newer.name()).copied() else { return };
        if let Some(before) = self.memories.remove(&old) {
            self.past.entry(newer.name().to_owned()).or_default().push(before);
        }
        let new = newer.place();
        let moved = |place| if place == old { new } else { place };
        let ties = std::mem::take(&mut self.ties).into_iter();
        self.ties = ties.map(|((from, to), tie)| ((moved(from), moved(to)), tie)).collect();
        self.parted.remove(&old);
        self.put(newer.clone());
    }

    pub(crate) fn change(&mut self, ids: &[String], fate: Fate) {
        for id in ids {
            let Some(place) = self.ids.get(id).copied() else { continue };
            match fate {
                Fate::Delete => {
                    self.ids.remove(id);
                    self.past.remove(id);
                    self.memories.remove(&place);
                    self.ties.retain(|(from, to), _| *from != place && *to != place);
                }
                Fate::Suppress | Fate::Restore => {
                    let Some(stored) = self.memories.get_mut(&place) else { continue };
                    let suppress = fate == Fate::Suppress;
                    let state = if suppress { State::Suppressed } else { State::Active };
                    Arc::make_mut(stored).state = state;
                }
            }
        }
    }

    /// The stamp of the next commit at this time.
    pub(crate) fn next_stamp(&self, now_ns: i64) -> (u64, i64) {
        (self.lsn + 1, now_ns.max(self.time.saturating_add(1)))
    }

    /// Applies a commit.
    pub(crate) fn apply(&mut self, queued: &Queued) {
        let Some((lsn, time)) = queued.stamp else { return };
        (self.lsn, self.time) = (lsn, time);
        match &queued.work {
            Work::Remember { plan, keyed, .. } => {
                self.change(&plan.expired, Fate::Delete);
                for stored in &plan.puts {
                    self.put(stored.clone());
                }
                if let Some((key, keyed)) = keyed {
                    self.keys.insert(key.clone(), Arc::new(Keyed::clone(keyed)));
                }
            }
            Work::Change { ids, fate, .. } => self.change(ids, *fate),
            Work::Update { newer, .. } => self.update(newer),
            Work::Arrive { stored, .. } => self.put(Stored::clone(stored)),
            Work::Associate { pair, tie, .. } => {
                self.ties.insert(*pair, tie.clone());
            }
            Work::Dissociate { pair, stated, parts, .. } => {
                if *stated {
                    self.ties.remove(pair);
                }
                if *parts {
                    self.parted.insert(pair.0);
                }
            }
            Work::Again { .. } | Work::Delete { .. } | Work::Judge { .. } | Work::Derived => {}
        }
    }

    /// What a request to remember comes to on this state, when `published` is what its preparation sees.
    pub(crate) fn plan(
        &self,
        drafts: &[Draft],
        options: &RememberOptions,
        (published, now_ns, policy): (&Image, i64, DuplicatePolicy),
        is_superseded: &dyn Fn(&str) -> bool,
    ) -> Plan {
        let (lsn, time) = self.next_stamp(now_ns);
        let mut plan = Plan { lsn, time, ..Plan::default() };
        for draft in drafts {
            let there = published.has(&draft.memory, now_ns);
            let expired = plan.expired.len();
            let mut verdict = self.verdict(draft, &mut plan, (there, now_ns));
            let fresh = matches!(verdict, Verdict::New(_));
            if fresh && there {
                // It was not embedded, as it was there; a deletion is queued.
                verdict = Verdict::Refused("raced");
            } else if let Some(other) = fresh
                .then(|| self.repetition(draft, &plan, (policy, now_ns), is_superseded))
                .flatten()
            {
                plan.merges += u64::from(other != Verdict::Refused("duplicate"));
                plan.expired.truncate(expired);
                verdict = other;
            } else if fresh {
                plan.puts.push(plan.stored(draft, &options.principal));
            }
            plan.verdicts.push(verdict);
        }
        let deletions = plan.expired.len() as u32;
        plan.puts.iter_mut().for_each(|put| put.position += deletions);
        let changes = !plan.puts.is_empty() || plan.merges > 0;
        plan.commits = changes || options.idempotency_key.is_some();
        plan
    }

    /// Whether a memory without a vector of its own is there, so that nothing is embedded.
    fn has(&self, memory: &NewMemory, now_ns: i64) -> bool {
        let found = memory.id.as_ref().and_then(|id| self.find(id));
        memory.vector.is_none()
            && found.is_some_and(|found| found.same_content(memory) && !found.expired(now_ns))
    }

    fn verdict(&self, draft: &Draft, plan: &mut Plan, (there, now_ns): (bool, i64)) -> Verdict {
        if !draft.valid {
            return Verdict::Refused("invalid");
        }
        let memory = &draft.memory;
        if let Some(id) = &memory.id {
            let own = |put: &Stored| put.id.as_ref() == Some(id);
            if let Some(put) = plan.puts.iter().position(own) {
                let same = plan.puts[put].same_content(memory);
                return if same { Verdict::Same(put) } else { Verdict::Refused("invalid") };
            }
            if let Some(known) = self.find(id) {
                if known.expired(now_ns) && !there {
                    plan.expired.push(id.clone());
                } else if !known.same_content(memory) {
                    return Verdict::Refused("id conflict");
                } else {
                    let (id, lsn, time, state) = (id.clone(), known.lsn, known.time, known.state);
                    return Verdict::Known { id, lsn, time, state };
                }
            }
        }
        Verdict::New(plan.puts.len())
    }

    /// The ids among `ids` that a change concerns, each once; the first unknown one where there is one.
    pub(crate) fn named(&self, ids: &[String], fate: Fate) -> Result<Vec<String>, String> {
        let mut concerned: Vec<String> = Vec::new();
        for id in ids {
            let stored = self.find(id).ok_or_else(|| id.clone())?;
            if fate.concerns(stored.state) && !concerned.contains(id) {
                concerned.push(id.clone());
            }
        }
        Ok(concerned)
    }
}

impl Plan {
    /// What the next put stores.
    fn stored(&self, draft: &Draft, principal: &str) -> Stored {
        Stored {
            id: draft.memory.id.clone(),
            version: 1,
            reason: String::new(),
            lsn: self.lsn,
            position: self.puts.len() as u32,
            time: self.time,
            principal: principal.to_owned(),
            content: draft.memory.content.clone(),
            given: draft.memory.vector.clone(),
            vectors: draft.vectors.clone(),
            token: draft.token.clone(),
            state: State::Active,
        }
    }

    /// The refusal that refuses the whole request.
    pub(crate) fn refusal(&self, on_invalid: OnInvalid) -> Option<&'static str> {
        self.verdicts.iter().find_map(|verdict| match verdict {
            Verdict::Refused(what @ "raced") => Some(*what),
            Verdict::Refused(what) if on_invalid == OnInvalid::RefuseAll => Some(*what),
            _ => None,
        })
    }

    /// Compares an answer with the plan and takes over the ids that the engine made.
    pub(crate) fn settle(&mut self, answer: &Remembered) -> Result<(), String> {
        if (answer.lsn.0, answer.committed_at.0) != (self.lsn, self.time) {
            return Err(format!(
                "the answer names LSN {} at {}, expected {} at {}",
                answer.lsn, answer.committed_at.0, self.lsn, self.time
            ));
        }
        if answer.items.len() != self.verdicts.len() {
            return Err("the answer has another number of items".to_owned());
        }
        for (index, (verdict, item)) in self.verdicts.iter().zip(&answer.items).enumerate() {
            let (put, created) = match (verdict, item) {
                (Verdict::Refused(expected), Err(error)) if classify(error) == *expected => {
                    continue;
                }
                (Verdict::Known { id, lsn, time, state }, Ok(item)) => {
                    let found = (item.lsn.0, item.committed_at.0, item.created);
                    let same = item.id == *id && item.state == *state;
                    if !same || found != (*lsn, *time, Created::Before) {
                        return Err(format!("{id} is known, the answer says {item:?}"));
                    }
                    continue;
                }
                (Verdict::Merged { id, lsn, time }, Ok(item)) => {
                    let found = (item.lsn.0, item.committed_at.0, item.created);
                    let same = id.as_ref().is_none_or(|id| *id == item.id);
                    if !same || found != (*lsn, *time, Created::Merged) {
                        return Err(format!("{id:?} is said again, the answer says {item:?}"));
                    }
                    continue;
                }
                (Verdict::New(put), Ok(_)) => (*put, Created::Now),
                (Verdict::Same(put), Ok(_)) => (*put, Created::Before),
                (Verdict::MergedInto(put), Ok(_)) => (*put, Created::Merged),
                _ => return Err(format!("expected {verdict:?}, the answer says {item:?}")),
            };
            let item = item.as_ref().map_err(|_| "handled above".to_owned())?;
            let duplicates = self.duplicates.as_ref().map(|all| &all[index]);
            if created == Created::Now
                && let Some(expected) = duplicates
                && !item.duplicates.starts_with(expected)
            {
                return Err(format!("duplicates {:?}, expected {expected:?}", item.duplicates));
            }
            let stored = &mut self.puts[put];
            let id = stored.id.get_or_insert_with(|| item.id.clone());
            let same = *id == item.id
                && (item.lsn.0, item.committed_at.0) == (stored.lsn, stored.time)
                && item.created == created
                && item.state == State::Active
                && item.version == 1
                && item.vectors as usize == stored.vectors.len();
            if !same {
                return Err(format!(
                    "expected {verdict:?} as {stored:?}, the answer says {item:?}"
                ));
            }
        }
        Ok(())
    }
}

/// Errors by what a caller is told, as far as the model tells them apart.
pub(crate) fn classify(error: &EngineError) -> &'static str {
    use engram_engine::LogFailure;
    match error {
        EngineError::Invalid { .. } => "invalid",
        EngineError::SpaceNotFound { .. } => "no space",
        EngineError::SpaceExists { .. } => "space exists",
        EngineError::MemoryNotFound { .. } => "no memory",
        EngineError::IdConflict { .. } => "id conflict",
        EngineError::Duplicate { .. } => "duplicate",
        EngineError::IdempotencyConflict { .. } => "key conflict",
        EngineError::VersionMismatch { .. } => "version",
        EngineError::Overloaded { .. } => "overloaded",
        EngineError::Lagging { .. } => "lagging",
        EngineError::QuotaExceeded { .. } => "quota",
        EngineError::ColdUnavailable { .. } => "cold",
        EngineError::Raced { .. } => "raced",
        EngineError::SelfAssociation { .. } => "itself",
        EngineError::EmptyCue => "empty cue",
        EngineError::ModeUnsupported { .. } => "mode unsupported",
        EngineError::Log(LogFailure::DiskFull(_)) => "disk full",
        EngineError::Log(LogFailure::Poisoned(_)) => "poisoned",
        EngineError::Log(LogFailure::Quarantined(_)) => "quarantined",
        EngineError::Log(LogFailure::TooLarge { .. }) => "too large",
        EngineError::Log(LogFailure::Corrupt(_)) => "corrupt",
        EngineError::Log(LogFailure::Io(_)) => "io",
        _ => "other",
    }
}
