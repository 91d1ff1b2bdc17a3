//! Feedback: what somebody thinks of a memory strengthens or weakens it and is evidence for or against it.

use std::sync::Arc;

use engram_store::{CommitTime, Lsn};

use crate::apply::Step;
use crate::calibration::mode_code;
use crate::dynamics::witness;
use crate::engine::{Done, Engine, Submitted};
use crate::error::EngineError;
use crate::memtable::Snapshot;
use crate::model::{Standing, State};
use crate::queue::{CommitQueue, Known, writable};
use crate::record::{FeedbackRecord, Op};
use crate::request::{Feedback, JudgedRecall, Verdict};
use crate::space::Space;
use crate::validate;

/// The commit that carries a judgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeedbackReceipt {
    /// Position in the space's log.
    pub lsn: Lsn,
    /// Commit time.
    pub committed_at: CommitTime,
}

impl Engine {
    /// Takes in what somebody thinks of a recallable memory; `done` is called when that is durable.
    pub fn feedback(&self, space: &str, request: Feedback, done: Done<FeedbackReceipt>) {
        let checked = validate::feedback(&request).and_then(|()| self.serving(space));
        match checked {
            Ok(space) => {
                self.answer(done, |queue| space.sound(self.submit_feedback(queue, &space, request)))
            }
            Err(error) => done(Err(error)),
        }
    }

    /// Strength and confidence of a recallable memory of an open space; none where it is not there. Reads nothing from the cold store.
    pub fn standing(&self, space: &str, id: &str) -> Option<Standing> {
        let space = self.catalog().find(space).ok()?.space()?;
        let snapshot = space.snapshot.load();
        let now_ns = self.now_ns();
        let at = snapshot.recallable(id, now_ns).ok()?;
        let standing = snapshot.standing(snapshot.node(at), &snapshot.head(at), now_ns);
        space.intact().is_ok().then_some(standing)
    }

    fn submit_feedback(
        &self,
        queue: &mut CommitQueue,
        space: &Arc<Space>,
        request: Feedback,
    ) -> Submitted<FeedbackReceipt> {
        let snapshot = space.snapshot.load_full();
        let overlay = writable(queue, space)?;
        let now_ns = self.now_ns();
        let (known, _) = overlay.lookup(&snapshot, &request.id);
        let recallable = |known: &Known| known.state == State::Active && !known.is_expired(now_ns);
        if known.filter(recallable).is_none() {
            return Err(EngineError::MemoryNotFound { id: request.id });
        }
        if let Some(pair) = &request.pair {
            let (known, _) = overlay.lookup(&snapshot, &pair.other);
            if known.filter(recallable).is_none() {
                return Err(EngineError::MemoryNotFound { id: pair.other.clone() });
            }
        }
        let pair = request.pair.as_ref();
        let record = FeedbackRecord {
            id: request.id,
            verdict: request.verdict.map_or(0, Verdict::code),
            other: pair.map(|pair| pair.other.clone()).unwrap_or_default(),
            decision: pair.map_or(0, |pair| pair.decision.code()),
            reason: request.reason,
            source: request.source,
            relevance: request.recalled.map_or(0.0, |recalled| said(&snapshot, recalled)),
            mode: request.recalled.map_or(0, |recalled| mode_code(recalled.mode)),
            counted: false,
            decided_at: None,
        };
        let source = witness(&[&request.principal, &record.source]);
        let change = (Op::Feedback(record.clone()), Step::Feedback(record, source));
        let (stamp, number) = self.commit_step(queue, space, change, request.principal)?;
        Ok((FeedbackReceipt { lsn: stamp.lsn, committed_at: stamp.time }, Some(number)))
    }
}

/// What a recall said of the relevance of a memory before it was calibrated.
fn said(snapshot: &Snapshot, recalled: JudgedRecall) -> f32 {
    let fit = snapshot.calibration.fit(recalled.mode);
    recalled.uncalibrated.unwrap_or_else(|| fit.invert(recalled.relevance))
}
