//! What a history does: random steps, faults among them, and the ways in which a process ends.

use engram_engine::Language;
use engram_engine::{DuplicatePolicy, Execution, OnInvalid, RememberOptions};

use crate::cold::BlobFault;
use crate::faulty::{End, Fault};
use crate::history::{Check, DIMENSION, History, Request, Setup};
use crate::model::{Draft, Fate, Nature, classify};
use crate::rng::Rng;
use crate::submit::Chosen;

const SECOND_NS: i64 = 1_000_000_000;
const HOUR_NS: i64 = 3_600 * SECOND_NS;
/// Memories of a large batch.
const BULK: (u64, u64) = (60, 150);
/// Operations ahead within which a fault is armed.
const FAULT_AHEAD: u64 = 30;
/// Calls of the cold store ahead within which a fault is armed.
const CALLS_AHEAD: u64 = 8;
/// Chance in percent that a step with a cold store maintains beside what else it does.
const MOVED: u64 = 12;
/// Chance in percent that a step updates a memory beside what else it does.
const UPDATED: u64 = 18;
/// Chance in percent that a memory comes in from elsewhere beside what else a step does.
const ARRIVES: u64 = 6;
/// Steps of maintenance within which the cold store is in order, where nothing fails.
const CLEARED_MAX: u32 = 20;
/// Chance in percent that a commit is driven at once.
const DRIVEN_AT_ONCE: u64 = 60;

/// Chance in percent that a space merges or refuses duplicates.
const POLICED: u64 = 40;

/// Names that spaces get.
const NAMES: [&str; 5] = ["a", "b", "c", "default", "0x"];

impl Setup {
    /// The setup of a random history.
    pub(crate) fn draw(rng: &mut Rng) -> Setup {
        // What came later draws from a stream of its own, so that the histories of old seeds keep their steps.
        let mut later = rng.clone().split();
        let segment_bytes = *rng.pick(&[16, 16, 32, 64]) << 10;
        Setup {
            segment_bytes,
            spares: rng.below(4) as u32,
            queue_bytes: if rng.chance(20) { 6 << 10 } else { 64 << 20 },
            default_space: rng.chance(35),
            faults: *rng.pick(&[0, 4, 8, 15]),
            bulk: if segment_bytes >= 64 << 10 && rng.chance(30) { 30 } else { 0 },
            churn: *rng.pick(&[4, 4, 15]),
            heavy: *rng.pick(&[3, 3, 30]),
            graph_vectors_min: *rng.pick(&[4, 20, 64, 20_000]),
            checkpoint_bytes: *rng.pick(&[1, 2 << 10, 16 << 10, u64::MAX]),
            log_bytes: *rng.pick(&[0, 3 * segment_bytes, u64::MAX]),
            memory_bytes: *rng.pick(&[16 << 10, 1 << 20, 4 << 30]),
            open_spaces: *rng.pick(&[1, 2, 100]),
            deleted_kept_ns: *rng.pick(&[0, HOUR_NS, i64::MAX]),
            tail_memories: *later.pick(&[3, 12, 256]),
            cold_after_ns: *later.pick(&[None, Some(0), Some(HOUR_NS)]),
            weather: *later.pick(&[0, 10, 30]),
            archives: 0,
        }
    }
}

impl History {
    /// One random step and what follows from it.
    pub(crate) fn step(&mut self) -> Check {
        self.tally.steps += 1;
        self.clock.jump(self.rng.clone().below(3) as i64 * SECOND_NS + 7);
        if self.rng.chance(self.setup.faults) {
            self.arm();
        }
        self.change_weather()?;
        // Maintenance writes to the log where a deletion is to be purged: what it poisons takes no request.
        if self.engine().poisoned().is_some() {
            return self.tend();
        }
        let empty = self.spaces.is_empty() && self.creating.is_empty();
        if !empty && self.rng.chance(self.setup.churn / 5) {
            self.burn()?;
        } else if self.rng.chance(if empty { 80 } else { self.setup.churn }) {
            self.some_space_request()?;
        } else {
            self.some_request()?;
        }
        self.learn()?;
        // What came later has a stream of its own, so that the histories of old seeds keep their steps.
        if self.updates.chance(UPDATED) && !self.fs.crashed() && self.engine().poisoned().is_none()
        {
            self.some_update()?;
        }
        if self.arrivals.chance(ARRIVES) && !self.fs.crashed() && self.engine().poisoned().is_none()
        {
            self.import_some()?;
        }
        self.tend()
    }

    /// Something happens to the cold store, or it is back; and memories move, which they would do seldom otherwise.
    fn change_weather(&mut self) -> Check {
        if self.setup.cold_after_ns.is_none() {
            return Ok(());
        }
        if self.weather.chance(self.setup.weather) {
            if self.store.is_away() {
                self.note("the cold store is back");
                self.store.heal();
            } else {
                let fault = *self.weather.pick(&BlobFault::ALL);
                let ahead = self.weather.below(CALLS_AHEAD);
                self.note(format!("arm {} in {ahead} calls", fault.name()));
                self.store.arm(self.store.calls() + ahead, fault);
            }
        }
        if self.weather.chance(MOVED) { self.maintain() } else { Ok(()) }
    }

    fn some_request(&mut self) -> Check {
        match self.rng.below(100) {
            0..34 => self.some_remember(),
            34..43 => self.some_change(),
            43..52 => self.some_relation(),
            52..57 => {
                let name = self.name();
                self.retry_some_key(&name)
            }
            57..62 => self.look(),
            62..68 => self.drive(),
            68..74 => self.maintain(),
            74..76 => self.checkpoint(),
            76..82 => self.derive(),
            82..86 => self.jump(),
            86..89 => self.close_and_open(),
            89..91 => self.restart(End::Kill),
            91..93 => self.restart(End::PowerCut),
            93..95 => self.squeeze(),
            95..97 => self.capture_when_quiet(),
            _ => self.some_space_request(),
        }
    }

    /// The name of a space that is there, mostly.
    pub(crate) fn name(&mut self) -> String {
        let nth = self.rng.index(self.spaces.len());
        match self.spaces.keys().nth(nth) {
            Some(name) if !self.rng.chance(3) => name.clone(),
            _ => (*self.rng.pick(&NAMES)).to_owned(),
        }
    }

    pub(crate) fn drive_maybe(&mut self) -> Check {
        if self.rng.chance(DRIVEN_AT_ONCE) { self.drive() } else { Ok(()) }
    }

    pub(crate) fn some_remember(&mut self) -> Check {
        let name = self.name();
        let fallback = Nature {
            dimension: DIMENSION,
            embeds: true,
            language: Language::None,
            duplicates: DuplicatePolicy::Keep,
        };
        let (nature, image) = match self.spaces.get(&name) {
            // What is published and no longer projected is being deleted: it is sent again too.
            Some(place) => {
                let seen = self.rng.chance(30);
                let image = if seen { &place.published } else { &place.projected };
                (place.nature.clone(), image.clone())
            }
            None => (fallback, crate::model::Image::default()),
        };
        let (now_ns, heavy) = (self.now_ns(), self.setup.heavy);
        let drafts: Vec<Draft> = if self.rng.chance(self.setup.bulk) {
            let count = self.rng.within(BULK.0, BULK.1);
            (0..count).map(|_| self.author.crumb(&nature)).collect()
        } else {
            let count = match self.rng.below(10) {
                0..6 => 1,
                6 if self.rng.chance(10) => 0,
                _ => self.rng.within(2, 6),
            };
            (0..count).map(|_| self.author.draft(&nature, &image, (now_ns, heavy))).collect()
        };
        let on_invalid =
            if self.rng.chance(60) { OnInvalid::KeepOthers } else { OnInvalid::RefuseAll };
        let key = format!("key-{}", self.rng.below(12));
        let options = RememberOptions {
            on_invalid,
            idempotency_key: self.rng.chance(25).then_some(key),
            principal: if self.rng.chance(30) { "writer".to_owned() } else { String::new() },
        };
        self.submit_remember(&name, drafts, options)?;
        self.drive_maybe()
    }

    pub(crate) fn some_change(&mut self) -> Check {
        let name = self.name();
        let fate = *self.rng.pick(&[Fate::Suppress, Fate::Delete, Fate::Delete, Fate::Restore]);
        let image = self.spaces.get(&name).map(|place| place.projected.clone()).unwrap_or_default();
        let chosen = if self.rng.chance(65) {
            let mut ids = Vec::new();
            for _ in 0..self.rng.within(u64::from(!self.rng.clone().chance(4)), 3) {
                let nth = self.rng.index(image.ids.len());
                ids.extend(image.ids.keys().nth(nth).cloned());
            }
            if self.rng.chance(5) {
                ids.push("nobody".to_owned());
            }
            Chosen::Ids(ids)
        } else {
            Chosen::Asked(Box::new(self.author.question(&image)))
        };
        let execution = if self.rng.chance(15) { Execution::DryRun } else { Execution::Commit };
        self.submit_change(&name, &chosen, (fate, execution))?;
        self.drive_maybe()
    }

    /// What a new space does with duplicates: most keep them.
    fn some_policy(&mut self) -> DuplicatePolicy {
        if self.policies.chance(POLICED) {
            *self.policies.pick(&[DuplicatePolicy::Merge, DuplicatePolicy::Reject])
        } else {
            DuplicatePolicy::Keep
        }
    }

    pub(crate) fn some_space_request(&mut self) -> Check {
        let some = self.spaces.len() as u64;
        if self.rng.chance(100_u64.saturating_sub(22 * some)) {
            let name = if self.rng.chance(4) { "Bad Name" } else { self.rng.pick(&NAMES) };
            let language = *self.rng.pick(&[Language::English, Language::German, Language::None]);
            let embeds = self.rng.chance(75);
            let dimension = if embeds { DIMENSION } else { 4 };
            let duplicates = self.some_policy();
            self.submit_create(name, Nature { dimension, embeds, language, duplicates })?;
        } else {
            let name = self.name();
            self.submit_delete(&name)?;
        }
        self.drive_maybe()
    }

    /// Deletes every space and maintains until nothing is left to do: log segments are dropped and used again.
    fn burn(&mut self) -> Check {
        let names: Vec<String> = self.spaces.keys().cloned().collect();
        for name in names {
            self.submit_delete(&name)?;
        }
        self.drive()?;
        for _ in 0..self.rng.below(5) {
            if !self.fs.crashed() && self.engine().poisoned().is_none() {
                self.maintain()?;
            }
        }
        Ok(())
    }

    /// Reads while writes may be waiting: none of them is seen.
    fn look(&mut self) -> Check {
        let name = self.name();
        if !self.spaces.contains_key(&name) {
            return match self.engine().get(&name, "m1") {
                Err(error) if classify(&error) == "no space" => Ok(()),
                other => Err(format!("get in an unknown space: {other:?}")),
            };
        }
        self.note(format!("look at {name}"));
        match self.verify_space(&name) {
            Err(what) if self.injected() => {
                self.note(format!("cannot see: {what}"));
                self.blind = true;
                Ok(())
            }
            outcome => outcome.map_err(|what| format!("{name}: {what}")),
        }
    }

    fn jump(&mut self) -> Check {
        let far = self.rng.below(50) as i64 * HOUR_NS;
        let by = if self.rng.chance(50) { far } else { -far };
        self.clock.jump(by);
        self.latest_ns = self.latest_ns.max(self.now_ns());
        self.note(format!("the clock jumps by {} h", by / HOUR_NS));
        Ok(())
    }

    fn capture_when_quiet(&mut self) -> Check {
        if self.pending() == 0 { self.capture() } else { Ok(()) }
    }

    fn arm(&mut self) {
        let fault = *self.rng.pick(&Fault::ALL);
        let ahead = self.rng.below(FAULT_AHEAD);
        self.note(format!("arm {} in {ahead} operations", fault.name()));
        self.fs.arm(self.fs.operations() + ahead, fault);
    }

    /// The disk gets full, or has room again.
    fn squeeze(&mut self) -> Check {
        self.squeezed = !self.squeezed;
        let limit =
            self.squeezed.then(|| self.fs.used() + self.rng.below(self.setup.segment_bytes));
        self.note(format!("limit the disk to {limit:?}"));
        self.fs.limit(limit);
        Ok(())
    }
}

/// The engine at work.
impl History {
    /// One step of the writer.
    pub(crate) fn drive(&mut self) -> Check {
        let pending = self.pending();
        let result = self.engine().drive();
        self.note(format!("drive {pending} -> {result:?}"));
        self.settle()?;
        if self.pending() == 0 {
            self.sent.clear();
        }
        match result {
            // Who waits for a space whose files cannot be read now is told that, and not what became of the commit.
            Ok(_) if self.injected() => {
                // One that was deleted with the same flush is in no list any more: only a restart tells.
                self.blind |= self.pending() > 0;
                Ok(())
            }
            Ok(driven) if driven.commits != pending || self.pending() > 0 => {
                Err(format!("{driven:?} of {pending} commits, {} wait", self.pending()))
            }
            Ok(_)
                if self.spaces.values().any(|place| !place.queued.is_empty())
                    || !self.refusals.is_empty() =>
            {
                Err("somebody still waits for an answer after everything was driven".to_owned())
            }
            Ok(_) => Ok(()),
            Err(_) if self.fs.crashed() => Ok(()),
            Err(error) if !self.disturbed() => Err(format!("drive fails: {error}")),
            Err(error) => {
                let poisoned = self.engine().poisoned().is_some();
                let full = classify(&error) == "disk full";
                if full == poisoned {
                    return Err(format!("drive fails with {error}, poisoned: {poisoned}"));
                }
                if full && self.pending() > 0 {
                    return Err("a full disk refuses all or nothing".to_owned());
                }
                Ok(())
            }
        }
    }

    pub(crate) fn maintain(&mut self) -> Check {
        self.keep_up().map(|_| ())
    }

    /// One step of maintenance; whether there may be more to do.
    fn keep_up(&mut self) -> Check<bool> {
        let result = self.engine().maintain(1_000);
        self.note(format!("maintain -> {result:?}"));
        match result {
            Ok(done) => Ok(done.more),
            // Who may not write there gets no other error than who cannot.
            Err(error) if classify(&error) == "io" && self.store.was_absent() => Ok(true),
            Err(error) if self.excused(&error) => Ok(true),
            Err(error) => Err(format!("maintain fails: {error}")),
        }
    }

    /// Maintains until the cold store is in order: nothing of deleted spaces is left in it, and what is in it can be read.
    pub(crate) fn clear_store(&mut self) -> Check {
        for _ in 0..CLEARED_MAX {
            let more = self.keep_up()?;
            self.tend()?;
            if !more {
                break;
            }
        }
        let own = |key: &str| {
            self.spaces.values().any(|place| key.starts_with(&format!("{}/", place.id)))
        };
        let objects = self.store.peek();
        if let Some((key, _)) = objects.iter().find(|(key, _)| !own(key)) {
            return Err(format!("{key} of a deleted space is left in the cold store"));
        }
        self.tally.cold_objects += objects.len() as u64;
        match self.verify() {
            Err(what) if self.injected() => {
                self.note(format!("cannot see: {what}"));
                self.blind = true;
                self.tend()
            }
            outcome => outcome,
        }
    }

    /// Puts the state of a space into files.
    pub(crate) fn checkpoint(&mut self) -> Check {
        let name = self.name();
        let result = self.engine().checkpoint(&name);
        self.note(format!("checkpoint of {name} -> {result:?}"));
        match result {
            Err(error) if classify(&error) == "no space" => {
                let known = self.spaces.get(&name).is_some_and(|place| !place.deleting);
                if known { Err(format!("{name} is not known")) } else { Ok(()) }
            }
            Err(error) if !self.excused(&error) => Err(format!("checkpoint fails: {error}")),
            _ => Ok(()),
        }
    }

    /// After each step: ends a process that crashed or whose log is poisoned.
    pub(crate) fn tend(&mut self) -> Check {
        self.latest_ns = self.latest_ns.max(self.now_ns());
        if self.fs.crashed() {
            self.settle()?;
            let end = if self.rng.chance(70) { End::PowerCut } else { End::Kill };
            return self.restart(end);
        }
        if self.engine().poisoned().is_none() {
            let faulty =
                self.engine().spaces().into_iter().find(|space| space.quarantined.is_some());
            let reason = faulty.and_then(|space| space.quarantined);
            if let Some(reason) = reason.filter(|_| !self.injected()) {
                return Err(format!("quarantined with nothing injected: {reason}"));
            }
            let unread =
                self.blind || self.engine().spaces().iter().any(|s| s.quarantined.is_some());
            if unread {
                let end = if self.rng.chance(50) { End::PowerCut } else { End::Kill };
                return self.restart(end);
            }
            self.explain();
            return Ok(());
        }
        if !self.injected() {
            // A full disk refuses, it does not poison.
            return Err(format!("poisoned with nothing injected: {:?}", self.engine().poisoned()));
        }
        self.refuses_writes()?;
        let end = if self.rng.chance(50) { End::PowerCut } else { End::Kill };
        self.restart(end)
    }

    /// A poisoned log takes nothing, and what is acknowledged can still be read, unless the fault reached files of spaces too:
    /// those are quarantined until the restart.
    fn refuses_writes(&mut self) -> Check {
        let (slot, done) = crate::model::slot();
        let nature = Nature {
            dimension: DIMENSION,
            embeds: true,
            language: Language::None,
            duplicates: DuplicatePolicy::Keep,
        };
        self.engine().create_space(&crate::history::new_space("late", &nature), done);
        match crate::model::taken(&slot) {
            Some(Err(error)) if classify(&error) == "poisoned" => {}
            other => return Err(format!("a poisoned log answers {other:?}")),
        }
        self.fs.heal();
        self.store.heal();
        let unread = self.engine().spaces().iter().any(|space| space.quarantined.is_some());
        if unread { Ok(()) } else { self.verify() }
    }

    /// The process ends without a goodbye; the next one opens what is there.
    pub(crate) fn restart(&mut self, end: End) -> Check {
        self.recount();
        self.reboot(end);
        let faulty = self.rng.chance(self.setup.faults * 2);
        let armed = faulty.then(|| (self.rng.below(80), *self.rng.pick(&Fault::ALL)));
        let unanswered = std::mem::take(&mut self.sent);
        self.open(armed)?;
        if unanswered.is_empty() || self.rng.chance(50) {
            return Ok(());
        }
        self.send_again(unanswered)
    }

    /// Clients without an answer ask again. What they send has the length of what was torn, so that the remains of the torn
    /// batch would fit behind it; and a power cut soon after shows what the recovery itself forgot to sync.
    fn send_again(&mut self, unanswered: Vec<Request>) -> Check {
        let count = self.rng.within(1, unanswered.len() as u64) as usize;
        for (name, drafts, options) in unanswered.into_iter().take(count) {
            self.submit_remember(&name, drafts, options)?;
        }
        self.drive()?;
        self.tend()?;
        let end = if self.rng.chance(70) { End::PowerCut } else { End::Kill };
        self.restart(end)
    }

    /// Closes, perhaps cuts the power, opens again.
    pub(crate) fn close_and_open(&mut self) -> Check {
        let pending = self.pending();
        if pending == 0 {
            self.capture()?;
        }
        let result = self.engine().close();
        self.note(format!("close with {pending} waiting -> {result:?}"));
        self.settle()?;
        match result {
            Ok(()) if self.pending() > 0 => {
                return Err("closed, and somebody waits for an answer".to_owned());
            }
            Ok(()) => {
                self.tally.closes += 1;
                self.prove_all();
            }
            Err(error) if !self.disturbed() => return Err(format!("close fails: {error}")),
            Err(_) => {}
        }
        let end = if self.rng.chance(50) { End::PowerCut } else { End::Kill };
        self.restart(end)
    }

    /// A close proves everything before it.
    pub(crate) fn prove_all(&mut self) {
        self.closed = true;
        self.ghosts.clear();
        for place in self.spaces.values_mut() {
            place.last_batch = vec![place.published.clone()];
        }
    }

    /// Takes over the counters of an engine that ends.
    pub(crate) fn recount(&mut self) {
        if let Some(engine) = &self.engine {
            self.tally.recycled += engine.log_stats().recycled;
        }
    }
}
