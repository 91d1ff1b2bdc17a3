//! Get and list, and what every answer says of a memory at one moment.

use std::sync::OnceLock;

use engram_index::{Beta, fsrs_retrievability};

use crate::engine::Engine;
use crate::error::EngineError;
use crate::memtable::{DocRef, Snapshot};
use crate::model::{Confidence, Cursor, Memory, MemoryDetail, Page, State, Strength};
use crate::request::{ListQuery, Visibility};
use crate::validate;

/// Time until the retrievability of an unused memory falls to 0.9, days.
const INITIAL_STABILITY_DAYS: f64 = 30.0;
/// What one statement by a caller weighs, in observations.
const STATEMENT_OBSERVATIONS: f64 = 3.0;
/// A single statement proves nothing: its confidence counts within these bounds.
const STATEMENT_BOUNDS: (f64, f64) = (0.01, 0.99);
/// Confidence of a statement that names none: Beta(2, 1), one success over a uniform prior.
const STATEMENT_DEFAULT: f64 = 2.0 / 3.0;
/// Share of the distribution that the interval covers.
const INTERVAL_MASS: f64 = 0.9;
const NS_PER_DAY: f64 = 86_400e9;

impl Engine {
    /// The recallable memory of that id.
    ///
    /// # Errors
    /// [`EngineError::MemoryNotFound`], also for a suppressed or expired one.
    pub fn get(&self, space: &str, id: &str) -> Result<MemoryDetail, EngineError> {
        let space = self.serving(space)?;
        let snapshot = space.snapshot.load();
        let now_ns = self.now_ns();
        let found = snapshot.recallable(id, now_ns);
        let found = found.map(|at| answered(&snapshot, at, now_ns));
        space.sound(found)
    }

    /// A page of memories in log order: oldest commit first.
    ///
    /// # Errors
    /// An invalid filter or limit.
    pub fn list(&self, space: &str, query: &ListQuery) -> Result<Page, EngineError> {
        validate::limit(query.limit)?;
        query.filter.validate()?;
        let space = self.serving(space)?;
        let snapshot = space.snapshot.load();
        let now_ns = self.now_ns();
        let shown = |state: State| match query.visibility {
            Visibility::Active => state == State::Active,
            Visibility::Suppressed => state == State::Suppressed,
            Visibility::All => true,
        };
        let selected = snapshot.selected(query.after, &query.filter);
        let mut matching =
            selected.filter(|(at, state)| shown(*state) && !snapshot.is_expired(*at, now_ns));
        let items: Vec<MemoryDetail> = matching
            .by_ref()
            .take(query.limit)
            .map(|(at, state)| detail(&snapshot, at, state, now_ns))
            .collect();
        let more = matching.next().is_some();
        let last = items
            .last()
            .map(|item| Cursor { lsn: item.memory.lsn.0, position: item.memory.position });
        space.sound(Ok(Page { next: last.filter(|_| more), items }))
    }
}

impl Snapshot {
    /// The active memory of that id that has not forgotten itself.
    pub(crate) fn recallable(&self, id: &str, now_ns: i64) -> Result<DocRef, EngineError> {
        match self.find(id) {
            Some((at, State::Active)) if !self.is_expired(at, now_ns) => Ok(at),
            _ => Err(EngineError::MemoryNotFound { id: id.to_owned() }),
        }
    }
}

/// The same of an active memory that somebody asked for: it is used.
pub(crate) fn answered(snapshot: &Snapshot, at: DocRef, now_ns: i64) -> MemoryDetail {
    let detail = detail(snapshot, at, State::Active, now_ns);
    // What the cold store did not give must not pass for the memory later.
    if !snapshot.lacks(at) {
        snapshot.used(at, (&detail.memory, &detail.vectors), now_ns);
    }
    detail
}

/// All that an answer says of a memory.
pub(crate) fn detail(snapshot: &Snapshot, at: DocRef, state: State, now_ns: i64) -> MemoryDetail {
    let memory = snapshot.memory(at);
    MemoryDetail {
        state,
        strength: strength(&memory, now_ns),
        confidence: confidence(&memory),
        vectors: snapshot.vectors(at),
        memory: memory.into_arc(),
    }
}

/// Ages from when it happened, where that is given and not behind the commit, else from the commit.
pub(crate) fn strength(memory: &Memory, now_ns: i64) -> Strength {
    let committed = memory.committed_at.0;
    let since = memory.content.occurred_at.filter(|at| *at <= committed).unwrap_or(committed);
    let elapsed_days = now_ns.saturating_sub(since) as f64 / NS_PER_DAY;
    Strength {
        retrievability: fsrs_retrievability(elapsed_days, INITIAL_STABILITY_DAYS) as f32,
        stability_days: INITIAL_STABILITY_DAYS as f32,
        law: "fsrs",
    }
}

/// The caller's statement as evidence. Most memories state none: their interval is found once.
fn confidence(memory: &Memory) -> Confidence {
    static UNSTATED: OnceLock<Confidence> = OnceLock::new();
    match memory.content.confidence {
        Some(stated) => statement(f64::from(stated)),
        None => *UNSTATED.get_or_init(|| statement(STATEMENT_DEFAULT)),
    }
}

fn statement(stated: f64) -> Confidence {
    let mean = stated.clamp(STATEMENT_BOUNDS.0, STATEMENT_BOUNDS.1);
    let beta =
        Beta { alpha: STATEMENT_OBSERVATIONS * mean, beta: STATEMENT_OBSERVATIONS * (1.0 - mean) };
    let (low, high) = beta.interval(INTERVAL_MASS);
    Confidence { mean: beta.mean() as f32, low: low as f32, high: high as f32, evidence: 1 }
}
