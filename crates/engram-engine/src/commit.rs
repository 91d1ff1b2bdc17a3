//! Commits of one step: what a request about associations does, and what the engine does by itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use engram_store::Stamp;
use prost::Message;

use crate::apply::Step;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::queue::{Change, CommitQueue, Submission, Waiter, writable};
use crate::record::{CommitRecord, KIND_COMMIT, Op, OpRecord};
use crate::space::Space;

impl Engine {
    /// Queues a commit that changes no memory; its stamp and queue number.
    pub(crate) fn commit_step(
        &self,
        queue: &mut CommitQueue,
        space: &Arc<Space>,
        (op, step): (Op, Step),
        principal: String,
    ) -> Result<(Stamp, u64), EngineError> {
        let record =
            CommitRecord { ops: vec![OpRecord { op: Some(op) }], idempotency: None, principal };
        let submission = Submission {
            space: Arc::clone(space),
            kind: KIND_COMMIT,
            payload: record.encode_to_vec(),
            state_sum: queue.overlays.entry(space.identity.id).or_default().state_sum,
            now_ns: self.now_ns(),
        };
        let number = queue.next_number();
        let bytes_max = self.settings().commit_queue_bytes_max;
        let steps = vec![step];
        let stamp = queue.submit(self.log(), bytes_max, submission, |_| Change::Commit(steps))?;
        Ok((stamp, number))
    }

    /// Queues a commit of the engine's own; none when the space takes no writes now, so that it is tried again. `pending`
    /// holds from then until the commit is durable or has failed, which `over` is told just before.
    pub(crate) fn commit_own(
        &self,
        space: &Arc<Space>,
        change: (Op, Step),
        pending: &Arc<AtomicBool>,
        over: impl FnOnce(&Result<(), EngineError>) + Send + 'static,
    ) -> Result<Option<Stamp>, EngineError> {
        let mut queue = self.queue()?;
        if writable(&mut queue, space).is_err() {
            return Ok(None);
        }
        let (stamp, number) = match self.commit_step(&mut queue, space, change, String::new()) {
            Ok(queued) => queued,
            Err(EngineError::Overloaded { .. } | EngineError::Closing) => return Ok(None),
            Err(error) => return Err(error),
        };
        pending.store(true, Ordering::Release);
        let pending = Arc::clone(pending);
        let waiter: Waiter = Box::new(move |outcome| {
            over(&outcome);
            pending.store(false, Ordering::Release);
        });
        let at_once = queue.wait(Some(number), waiter);
        debug_assert!(at_once.is_none(), "the commit was queued under the same lock");
        Ok(Some(stamp))
    }
}
