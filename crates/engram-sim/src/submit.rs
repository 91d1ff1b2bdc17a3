//! Requests: sent to the engine, predicted by the model, queued until they are answered.

use std::cell::Cell;
use std::sync::PoisonError;

use engram_engine::{
    Engine, EngineError, Execution, Filter, Forget, ForgetMode, RememberOptions, Remembered,
    Restore, Selection,
};

use crate::draft::Question;
use crate::history::{Check, History, new_space};
use crate::model::{
    Creating, Draft, Fate, Keyed, Nature, Place, Plan, Queued, Refusal, Slot, Verdict, Work,
    classify, slot, taken,
};

/// How long the engine keeps idempotency keys, ns.
const KEY_LIFETIME_NS: i64 = 24 * 3_600 * 1_000_000_000;
/// Bytes of a request, roughly, from which the log may say that it is too large.
const LARGE_BYTES: usize = 8_000;
/// Ids that the engine reports as duplicates, at most.
const DUPLICATES_MAX: usize = 10;

/// Which memories a request is about.
pub(crate) enum Chosen {
    Ids(Vec<String>),
    Asked(Box<Question>),
}

/// What the model says of an idempotency key.
enum KeyState {
    New,
    Same,
    Other,
    /// The clock jumped about: whether the engine still knows it is not defined.
    Unclear,
}

impl History {
    /// Whether a fault kept the engine from reading what it needs for this request: then it was refused and left nothing.
    pub(crate) fn unread<T>(&mut self, slot: &Slot<T>) -> bool {
        let kind = match &*slot.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(Err(error)) => classify(error),
            _ => return false,
        };
        let blind = matches!(kind, "io" | "quarantined") && self.injected();
        self.blind |= blind;
        // The store of a process that has ended answers nobody.
        blind || (kind == "cold" && (self.store.was_absent() || self.fs.crashed()))
    }

    /// The request is refused, at once or when the commits that it rests on are durable.
    pub(crate) fn expect_refusal<T: Send + 'static>(
        &mut self,
        slot: Slot<T>,
        expected: &'static str,
    ) -> Check {
        match taken(&slot) {
            Some(Err(error)) if classify(&error) == expected => Ok(()),
            Some(Err(error)) => Err(format!("expected the refusal {expected:?}, got {error}")),
            Some(Ok(_)) => Err(format!("expected the refusal {expected:?}, got an answer")),
            None if self.pending() == 0 => {
                Err(format!("the refusal {expected:?} waits for nothing"))
            }
            None => {
                let take = Box::new(move || Some(taken(&slot)?.err()));
                self.refusals.push(Refusal { expected, take });
                Ok(())
            }
        }
    }

    /// Whether the engine may refuse this for its size or its queue's.
    pub(crate) fn overload(&self, kind: &str, bytes: usize) -> bool {
        match kind {
            "overloaded" => self.pending() > 0 && self.setup.queue_bytes < 1 << 20,
            "too large" => bytes > LARGE_BYTES,
            _ => false,
        }
    }

    fn key_state(&self, place: &Place, drafts: &[Draft], options: &RememberOptions) -> KeyState {
        let key = options.idempotency_key.as_deref().unwrap_or_default();
        let Some(known) = place.projected.keys.get(key) else { return KeyState::New };
        if self.now_ns() - known.plan.time > KEY_LIFETIME_NS {
            return KeyState::New;
        }
        let latest = self.latest_ns.max(place.projected.time);
        if latest - known.plan.time > KEY_LIFETIME_NS - 1_000_000_000 {
            return KeyState::Unclear;
        }
        let request = |drafts: &[Draft]| -> Vec<_> {
            drafts.iter().map(|draft| draft.memory.clone()).collect()
        };
        let same = known.options.on_invalid == options.on_invalid
            // NaN differs from itself, though the request is the same.
            && format!("{:?}", request(&known.drafts)) == format!("{:?}", request(drafts));
        // Of a memory that breaks a rule the engine remembers only which rule.
        let invalid = drafts.iter().chain(&known.drafts).any(|draft| !draft.valid);
        match (same, invalid) {
            (true, _) => KeyState::Same,
            (false, true) => KeyState::Unclear,
            (false, false) => KeyState::Other,
        }
    }

    /// Sends memories.
    pub(crate) fn submit_remember(
        &mut self,
        name: &str,
        drafts: Vec<Draft>,
        options: RememberOptions,
    ) -> Check {
        let (slot, done) = slot::<Remembered>();
        let memories: Vec<_> = drafts.iter().map(|draft| draft.memory.clone()).collect();
        let now_ns = self.now_ns();
        let Some(place) = self.spaces.get(name) else {
            self.engine().remember(name, memories, &options, done);
            if self.unread(&slot) {
                return Ok(());
            }
            return self
                .expect_refusal(slot, if drafts.is_empty() { "invalid" } else { "no space" });
        };
        let key_state = self.key_state(place, &drafts, &options);
        if matches!(key_state, KeyState::Unclear) {
            return Ok(());
        }
        let deleting = place.deleting;
        let Some(plan) = self.plan((name, place), &drafts, &options) else { return Ok(()) };
        let note = format!(
            "remember {} in {name} key {:?} -> {:?}{}",
            drafts.len(),
            options.idempotency_key,
            plan.verdicts.iter().take(6).collect::<Vec<_>>(),
            if plan.commits { format!(" LSN {} at {now_ns}", plan.lsn) } else { String::new() }
        );
        self.note(note);
        self.engine().remember(name, memories, &options, done);
        if self.unread(&slot) {
            return Ok(());
        }
        let refusal = match key_state {
            _ if drafts.is_empty() => Some("invalid"),
            _ if deleting => Some("no space"),
            KeyState::Other => Some("key conflict"),
            KeyState::Same => None,
            _ => plan.refusal(options.on_invalid),
        };
        if let Some(expected) = refusal {
            return self.expect_refusal(slot, expected);
        }
        match key_state {
            KeyState::Same => self.queue_again(name, &options, slot),
            _ => self.queue_remember(name, (drafts, options), plan, slot),
        }
    }

    /// What a request must come to; none where it cannot be told now.
    fn plan(
        &self,
        (name, place): (&str, &Place),
        drafts: &[Draft],
        options: &RememberOptions,
    ) -> Option<Plan> {
        let seen = (&place.published, self.now_ns(), place.nature.duplicates);
        let unknown = Cell::new(false);
        // What supersedes what is the engine's to find.
        let is_superseded = |id: &str| match self.engine().get(name, id) {
            Ok(detail) => detail.superseded_by.is_some(),
            Err(EngineError::MemoryNotFound { .. }) => false,
            Err(_) => {
                unknown.set(true);
                false
            }
        };
        let mut plan = place.projected.plan(drafts, options, seen, &is_superseded);
        if unknown.get() {
            return None;
        }
        if !plan.commits {
            let known = plan.verdicts.iter().filter_map(|verdict| match verdict {
                Verdict::Known { lsn, time, .. } => Some((*lsn, *time)),
                _ => None,
            });
            let published = (place.published.lsn, place.published.time);
            (plan.lsn, plan.time) = known.fold(published, Ord::max);
        }
        if place.queued.is_empty() {
            let twins = |draft: &Draft| {
                place.published.duplicates(&draft.memory, (self.now_ns(), DUPLICATES_MAX))
            };
            plan.duplicates = Some(drafts.iter().map(twins).collect());
        }
        Some(plan)
    }

    fn queue_remember(
        &mut self,
        name: &str,
        (drafts, options): (Vec<Draft>, RememberOptions),
        mut plan: Plan,
        slot: Slot<Remembered>,
    ) -> Check {
        let bytes: usize = drafts.iter().map(|draft| draft.memory.content.text.len() + 200).sum();
        let stamp = plan.commits.then_some((plan.lsn, plan.time));
        if let Some(answer) = taken(&slot) {
            return match answer {
                Err(error) if self.overload(classify(&error), bytes) => Ok(()),
                Err(error) => Err(format!("refused: {error}")),
                Ok(_) if stamp.is_some() => Err("acknowledged before it was driven".to_owned()),
                Ok(answer) => plan.settle(&answer),
            };
        }
        self.sent.push((name.to_owned(), drafts.clone(), options.clone()));
        let key = options.idempotency_key.clone();
        let keyed = key.map(|key| {
            (key, Box::new(Keyed { drafts, options, plan: plan.clone(), answer: None }))
        });
        self.queue(name, Queued { stamp, work: Work::Remember { plan, keyed, slot } })
    }

    fn queue_again(
        &mut self,
        name: &str,
        options: &RememberOptions,
        slot: Slot<Remembered>,
    ) -> Check {
        let key = options.idempotency_key.as_deref().unwrap_or_default();
        let known = std::sync::Arc::clone(&self.spaces[name].projected.keys[key]);
        match (taken(&slot), &known.answer) {
            (Some(Ok(answer)), Some(first)) if answer == *first => Ok(()),
            (Some(Ok(answer)), Some(first)) => {
                let items = answer.items.iter().zip(&first.items);
                let other: Vec<_> = items.filter(|(now, then)| now != then).collect();
                Err(format!("a retry answers (now, then) {other:?} at LSN {}", answer.lsn))
            }
            (Some(Ok(answer)), None) => known.plan.clone().settle(&answer),
            (Some(Err(error)), _) => Err(format!("a retry was refused: {error}")),
            (None, _) => {
                let plan = known.plan.clone();
                self.queue(name, Queued { stamp: None, work: Work::Again { plan, slot } })
            }
        }
    }

    pub(crate) fn queue(&mut self, name: &str, queued: Queued) -> Check {
        let place = self.spaces.get_mut(name).ok_or("a request was queued for no space")?;
        if queued.stamp.is_none() && place.queued.is_empty() {
            return Err("a request that commits nothing waits for nothing".to_owned());
        }
        place.projected.apply(&queued);
        place.deleting |= matches!(queued.work, Work::Delete { .. });
        place.queued.push(queued);
        Ok(())
    }

    /// Sends a request to forget or restore.
    pub(crate) fn submit_change(
        &mut self,
        name: &str,
        chosen: &Chosen,
        (fate, execution): (Fate, Execution),
    ) -> Check {
        let (slot, done) = slot();
        let selection = match chosen {
            Chosen::Ids(ids) => Selection::Ids(ids.clone()),
            Chosen::Asked(question) => Selection::Matching(question.filter.clone()),
        };
        send_change(self.engine(), name, (selection, fate, execution), done);
        if self.unread(&slot) {
            return Ok(());
        }
        let now_ns = self.now_ns();
        let Some(place) = self.spaces.get(name) else {
            return self.expect_refusal(slot, "no space");
        };
        let refusal = match chosen {
            _ if place.deleting => Some("no space"),
            Chosen::Ids(ids) if ids.is_empty() => Some("invalid"),
            Chosen::Asked(question) if question.filter == Filter::default() => Some("invalid"),
            Chosen::Ids(ids) if place.projected.named(ids, fate).is_err() => Some("no memory"),
            _ => None,
        };
        if let Some(expected) = refusal {
            self.note(format!("{fate:?} in {name} -> {expected}"));
            return self.expect_refusal(slot, expected);
        }
        let ids = concerned(place, chosen, fate);
        let commits = execution == Execution::Commit && !ids.is_empty();
        let stamp = commits.then(|| place.projected.next_stamp(now_ns));
        self.note(format!("{fate:?} {execution:?} in {name} {ids:?} -> {stamp:?}"));
        let answer = taken(&slot);
        if let Some(answer) = answer {
            return match answer {
                Err(error) if self.overload(classify(&error), ids.len() * 40) => Ok(()),
                Err(error) => Err(format!("refused: {error}")),
                Ok(_) if commits => Err("acknowledged before it was driven".to_owned()),
                Ok(receipt) if receipt.commit.is_none() && receipt.ids == ids => Ok(()),
                Ok(receipt) => Err(format!("receipt {receipt:?}, expected {ids:?}")),
            };
        }
        self.queue(name, Queued { stamp, work: Work::Change { ids, fate, slot } })
    }

    /// Sends a request for a new space.
    pub(crate) fn submit_create(&mut self, name: &str, nature: Nature) -> Check {
        let (slot, done) = slot();
        self.engine().create_space(&new_space(name, &nature), done);
        self.note(format!("create space {name} {nature:?}"));
        let known = self.spaces.contains_key(name)
            || self.creating.iter().any(|creating| creating.name == name);
        let valid = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        if !valid || known {
            return self.expect_refusal(slot, if valid { "space exists" } else { "invalid" });
        }
        match taken(&slot) {
            None => {
                let time = self.now_ns();
                self.creating.push(Creating { name: name.to_owned(), nature, time, slot });
                Ok(())
            }
            Some(Err(error)) if self.overload(classify(&error), 0) => Ok(()),
            Some(other) => Err(format!("create answers {other:?} before it was driven")),
        }
    }

    /// Sends a request to delete a space.
    pub(crate) fn submit_delete(&mut self, name: &str) -> Check {
        let (slot, done) = slot();
        self.engine().delete_space(name, done);
        if self.unread(&slot) {
            return Ok(());
        }
        self.note(format!("delete space {name}"));
        let now_ns = self.now_ns();
        let Some(place) = self.spaces.get(name).filter(|place| !place.deleting) else {
            return self.expect_refusal(slot, "no space");
        };
        let stamp = Some(place.projected.next_stamp(now_ns));
        match taken(&slot) {
            None => self.queue(name, Queued { stamp, work: Work::Delete { slot } }),
            Some(Err(error)) if self.overload(classify(&error), 0) => Ok(()),
            Some(other) => Err(format!("delete answers {other:?} before it was driven")),
        }
    }

    /// Sends a request again that was acknowledged, or survived: it must get the old answer.
    pub(crate) fn retry_some_key(&mut self, name: &str) -> Check {
        let Some(place) = self.spaces.get(name) else { return Ok(()) };
        let nth = self.rng.clone().index(place.projected.keys.len());
        let Some((_, keyed)) = place.projected.keys.iter().nth(nth) else { return Ok(()) };
        let (drafts, options) = (keyed.drafts.clone(), keyed.options.clone());
        self.submit_remember(name, drafts, options)
    }
}

fn send_change(
    engine: &Engine,
    name: &str,
    (selection, fate, execution): (Selection, Fate, Execution),
    done: engram_engine::Done<engram_engine::ForgetReceipt>,
) {
    let principal = "someone".to_owned();
    let mode = match fate {
        Fate::Restore => {
            return engine.restore(name, Restore { selection, execution, principal }, done);
        }
        Fate::Suppress => ForgetMode::Suppress,
        Fate::Delete => ForgetMode::Delete,
    };
    engine.forget(
        name,
        Forget { selection, mode, purge: Default::default(), execution, principal },
        done,
    );
}

/// The ids that a change is about. A filter looks at what is published, then at what is queued.
fn concerned(place: &Place, chosen: &Chosen, fate: Fate) -> Vec<String> {
    match chosen {
        Chosen::Ids(ids) => place.projected.named(ids, fate).unwrap_or_default(),
        Chosen::Asked(question) => {
            let published = place.published.memories.values();
            let found =
                published.filter(|memory| fate.concerns(memory.state) && question.matches(memory));
            // A newer version is the same memory; one that is stored anew under its id is another one.
            let still = |memory: &&std::sync::Arc<crate::model::Stored>| {
                let now = place.projected.find(memory.name());
                let older = place.projected.past.get(memory.name()).into_iter().flatten();
                let mut versions = older.chain(now);
                let same = versions.any(|version| version.place() == memory.place());
                same && now.is_some_and(|now| fate.concerns(now.state))
            };
            found.filter(still).map(|memory| memory.name().to_owned()).collect()
        }
    }
}
