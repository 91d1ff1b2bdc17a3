//! How a memory came to be as strong and as sure as it is, and how it will fade.

use engram_index::NS_PER_DAY;

use crate::dynamics::Trace;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::model::{MemoryRetention, PastReview, SourceEvidence, Standing};
use crate::validate;

/// Points of the curve ahead.
const POINTS: u32 = 24;
/// Retrievabilities that the forecast names the times of.
const LEVELS: [f32; 3] = [0.9, 0.5, 0.1];
/// How far the forecast looks, ns: a thousand years would not fit into the clock.
const FORECAST_NS: i64 = 100 * 365 * 86_400_000_000_000;

impl Engine {
    /// What was learned of a recallable memory, and how it fades within `horizon_days`.
    ///
    /// # Errors
    /// [`EngineError::MemoryNotFound`]; a horizon that is no time.
    pub fn retention(
        &self,
        space: &str,
        id: &str,
        horizon_days: f64,
    ) -> Result<MemoryRetention, EngineError> {
        validate::time_span("horizon_days", horizon_days)?;
        let space = self.serving(space)?;
        let snapshot = space.snapshot.load();
        let now_ns = self.now_ns();
        let at = space.sound(snapshot.recallable(id, now_ns))?;
        let (node, memory) = (snapshot.node(at), snapshot.head(at));
        let standing = snapshot.standing(node, &memory, now_ns);
        let fading = snapshot.fading(&memory.course());
        let known = snapshot.traces.get(node).cloned();
        let trace = known.unwrap_or_else(|| Trace::fresh(&fading));
        space.sound(Ok(()))?;
        let strength_at = |at_ns: i64| fading.retrievability(&trace.retention, at_ns);
        Ok(report(standing, &trace, &strength_at, (now_ns, horizon_days)))
    }
}

fn report(
    standing: Standing,
    trace: &Trace,
    strength_at: &dyn Fn(i64) -> f32,
    (now_ns, horizon_days): (i64, f64),
) -> MemoryRetention {
    let retention = &trace.retention;
    let from = now_ns.max(retention.latest_ns());
    let reviews = retention.presentations.iter().map(|review| PastReview {
        at_ns: review.at_ns,
        before: strength_at(review.at_ns.saturating_sub(1)),
        after: strength_at(review.at_ns),
        stability_days: review.stability_days as f32,
    });
    let horizon_ns = horizon_days * NS_PER_DAY;
    let ahead = (0..=POINTS).map(|point| {
        // Denser where the curve falls fast.
        let share = f64::from(point) / f64::from(POINTS);
        let at_ns = from.saturating_add((horizon_ns * share * share) as i64);
        (at_ns, strength_at(at_ns))
    });
    let falls = LEVELS.map(|level| (level, falls_to(level, from, strength_at)));
    let sources = trace.evidence.witnesses().iter();
    MemoryRetention {
        standing,
        learned_ns: retention.born_ns,
        difficulty: retention.difficulty as f32,
        reviews: reviews.collect(),
        ahead: ahead.collect(),
        falls: falls.to_vec(),
        sources: sources
            .map(|source| SourceEvidence { supports: source.supports, opposes: source.opposes })
            .collect(),
    }
}

/// When strength falls to a level, ns; none where it is below it already, or stays above.
fn falls_to(level: f32, from: i64, strength_at: &dyn Fn(i64) -> f32) -> Option<i64> {
    let (mut above, mut below) = (from, from.saturating_add(FORECAST_NS));
    if strength_at(above) <= level || strength_at(below) > level {
        return None;
    }
    while below - above > 1_000_000 {
        let middle = above + (below - above) / 2;
        if strength_at(middle) > level { above = middle } else { below = middle }
    }
    Some(below)
}
