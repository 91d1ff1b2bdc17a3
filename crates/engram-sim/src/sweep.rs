//! The sweep: one fixed script, run again with each fault at each of its operations.
//!
//! Random histories meet the rare moments by luck, the sweep meets every moment of a short life: first opening, rotation of
//! segments, release and reuse of them, checkpoint, reopening.

use engram_engine::DuplicatePolicy;
use engram_engine::Language;
use engram_engine::{Execution, MemoryContent, NewMemory, OnInvalid, RememberOptions};

use crate::cold::Trouble;
use crate::faulty::End;
use crate::history::{Check, DIMENSION, History, Setup};
use crate::model::{Draft, Fate, Nature, Place, Tie};
use crate::run::{CaseReport, conclude};
use crate::submit::Chosen;

/// No script has more operations than this.
pub const OPERATIONS_MAX: u64 = 10_000;

const SETUP: Setup = Setup {
    segment_bytes: 16 << 10,
    spares: 1,
    queue_bytes: 64 << 20,
    default_space: true,
    faults: 0,
    bulk: 0,
    heavy: 0,
    churn: 0,
    graph_vectors_min: 4,
    checkpoint_bytes: 12 << 10,
    log_bytes: 48 << 10,
    memory_bytes: 64 << 10,
    open_spaces: 2,
    deleted_kept_ns: 0,
    tail_memories: 2,
    cold_after_ns: Some(0),
    weather: 0,
    archives: 0,
};

/// Runs the script with `trouble` at operation or call `at`, counted over all reboots. None when it ends before that.
pub fn sweep_one(trouble: Trouble, at: u64) -> Option<CaseReport> {
    let mut history = History::new(at, SETUP);
    history.note(format!("sweep: {} at operation {at}", trouble.name()));
    history.sweep(trouble, at);
    let outcome = conclude(history, script);
    let fired = !outcome.tally.faults.is_empty();
    (fired || outcome.failure.is_some()).then_some(outcome)
}

fn script(history: &mut History) -> Check {
    history.open(None)?;
    for name in ["a", "b"] {
        history.scripted(|history| history.submit_create(name, nature()))?;
    }
    for round in 0..4 {
        for name in ["a", "b", "default"] {
            history.scripted_remember(name, round, 2_500)?;
        }
        history.scripted_drive()?;
    }
    history.scripted(|history| history.scripted_tie("a", ("a-2", "a-3")))?;
    history.scripted(History::derive_all)?;
    history.scripted(|history| history.submit_update("a", "a-2"))?;
    for fate in [Fate::Suppress, Fate::Restore, Fate::Delete] {
        history.scripted(|history| history.scripted_change("a-1", fate))?;
    }
    // Each puts one chunk into the cold store.
    for _ in 0..6 {
        history.scripted(History::maintain)?;
    }
    // It is cold by now: its object goes with the next checkpoint.
    history.scripted(|history| history.scripted_change("a-0", Fate::Delete))?;
    history.scripted(History::maintain)?;
    history.scripted(History::close_and_open)?;
    history.scripted_remember("a", 10, 300)?;
    history.scripted_drive()?;
    history.scripted(|history| history.scripted_tie("a", ("a-10", "a-2")))?;
    history.scripted(|history| history.submit_update("a", "a-2"))?;
    history.scripted(History::derive_all)?;
    history.scripted(|history| history.restart(End::Kill))?;
    // Nothing is left alive, so that segments are dropped and used again.
    for name in ["default", "b", "a"] {
        history.scripted(|history| history.submit_delete(name))?;
    }
    for _ in 0..3 {
        history.scripted(History::maintain)?;
    }
    history.scripted(|history| history.submit_create("c", nature()))?;
    for round in 0..8 {
        history.scripted_remember("c", round, 3_500)?;
        history.scripted_drive()?;
    }
    history.scripted(|history| history.restart(End::PowerCut))?;
    history.scripted_remember("c", 20, 300)?;
    history.scripted_drive()?;
    history.scripted(History::close_and_open)?;
    history.clear_store()
}

fn nature() -> Nature {
    Nature {
        dimension: DIMENSION,
        embeds: true,
        language: Language::English,
        duplicates: DuplicatePolicy::Keep,
    }
}

impl History {
    fn scripted(&mut self, step: impl FnOnce(&mut History) -> Check) -> Check {
        self.tally.steps += 1;
        self.clock.jump(1_000_000_007);
        step(self)?;
        self.tend()?;
        self.scripted_drive()
    }

    /// Changes a memory of the space a, if it is there.
    fn scripted_change(&mut self, id: &str, fate: Fate) -> Check {
        if self.spaces.get("a").is_none_or(|place| place.projected.find(id).is_none()) {
            return Ok(());
        }
        let ids = Chosen::Ids(vec![id.to_owned()]);
        self.submit_change("a", &ids, (fate, Execution::Commit))
    }

    /// Associates two memories, if both are there.
    fn scripted_tie(&mut self, name: &str, (from, to): (&str, &str)) -> Check {
        let there = |place: &Place| place.projected.pair(from, to).is_some();
        if !self.spaces.get(name).is_some_and(there) {
            return Ok(());
        }
        let (relation, reason) = ("causes".to_owned(), "said so".to_owned());
        let tie = Tie { relation, weight: 0.5, reason };
        self.submit_associate(name, (from.to_owned(), to.to_owned()), tie)
    }

    fn scripted_drive(&mut self) -> Check {
        if self.pending() > 0 {
            self.drive()?;
        }
        self.tend()
    }

    /// Queues a memory of about `bytes` bytes.
    fn scripted_remember(&mut self, name: &str, round: u64, bytes: usize) -> Check {
        let token = format!("zq{name}{round}x7");
        // Bytes without words: what the analysis of a text costs is not the question here.
        let text = format!("{token} garden {}", "-".repeat(bytes));
        let content = MemoryContent { text, ..MemoryContent::default() };
        let memory = NewMemory { id: Some(format!("{name}-{round}")), content, vector: None };
        let vectors = self.author.vectors(&nature(), &memory);
        let draft = Draft { memory, valid: true, token, vectors };
        let options =
            RememberOptions { on_invalid: OnInvalid::KeepOthers, ..RememberOptions::default() };
        self.clock.jump(1_000_000_007);
        self.submit_remember(name, vec![draft], options)?;
        self.tend()
    }
}
