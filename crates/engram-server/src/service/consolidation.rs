//! Consolidation: run, read, taken back.

use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use engram_api::{
    BeliefsRequest, ConsolidateRequest, ConsolidateResponse, ErrorCode, UndoConsolidationRequest,
};
use engram_engine::{Consolidated, Cursor, Engine, EngineError};

use crate::convert;
use crate::cursor::CursorScope;
use crate::drive::told;
use crate::refusal::Refusal;
use crate::service::call::{
    Answer, Begun, Call, Codec, Context, Outcome, Reply, Stepped, Steps, done,
};

/// Memories that a request which names no number looks at.
const BUDGET_DEFAULT: u32 = 4_096;
const BUDGET_MAX: u32 = 100_000;
/// Beliefs of a page that asks for no number.
const BELIEFS_DEFAULT: u32 = 20;
/// How long a step waits for one that is under way, and how often it asks.
const PATIENCE: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(5);
/// How long a commit may take to become durable before the request is given up; the step goes on.
const DURABLE_WITHIN: Duration = Duration::from_secs(30);

pub(crate) fn consolidate(context: &Context, call: &Call) -> Begun {
    let request: ConsolidateRequest = call.decode()?;
    let budget = request.budget_memories.unwrap_or(BUDGET_DEFAULT);
    if !(1..=BUDGET_MAX).contains(&budget) {
        let detail = format!("budget_memories lies between 1 and {BUDGET_MAX}");
        return Err(Refusal::new(ErrorCode::OutOfRange, detail).with_field("budget_memories"));
    }
    context.engine.space(call.space())?;
    Ok(Box::new(Consolidation {
        engine: Arc::clone(&context.engine),
        space: call.space().to_owned(),
        budget: u64::from(budget),
        codec: call.codec,
        all: ConsolidateResponse::default(),
    }))
}

/// A consolidation under way.
struct Consolidation {
    engine: Arc<Engine>,
    space: String,
    /// Memories to look at.
    budget: u64,
    codec: Codec,
    all: ConsolidateResponse,
}

impl Steps for Consolidation {
    fn step(&mut self) -> Result<Stepped, Refusal> {
        let mut waited = Duration::ZERO;
        let step = loop {
            let step = step(&self.engine, &self.space)?;
            // Something else was committed meanwhile, and the step is to be taken again.
            if !(step.more && step.commit.is_none()) || waited >= PATIENCE {
                break step;
            }
            std::thread::sleep(PAUSE);
            waited += PAUSE;
        };
        told(step.unphrased.as_deref());
        let unfinished = step.more;
        let view = convert::step_view(step, self.engine.unconsolidated(&self.space));
        let told = self.codec.answer(&view);
        self.all.add(view);
        Ok(Stepped { told, more: unfinished && self.all.memories < self.budget })
    }

    fn done(&self) -> Answer {
        self.codec.answer(&self.all)
    }
}

/// One step, when it is durable. Runs where waiting is allowed.
fn step(engine: &Engine, space: &str) -> Result<Consolidated, Refusal> {
    let mut waited = Duration::ZERO;
    loop {
        let (sender, receiver) = sync_channel(1);
        let done = Box::new(move |outcome| drop(sender.send(outcome)));
        engine.consolidate(space, done);
        let outcome = receiver.recv_timeout(DURABLE_WITHIN).map_err(|_| {
            Refusal::new(ErrorCode::Overloaded, "a commit of consolidation is not durable yet")
        })?;
        match outcome {
            Err(EngineError::Consolidating { .. }) if waited < PATIENCE => {
                std::thread::sleep(PAUSE);
                waited += PAUSE;
            }
            outcome => return Ok(outcome?),
        }
    }
}

pub(crate) fn undo_consolidation(
    context: &Context,
    call: &Call,
    reply: Reply,
) -> Result<(), Refusal> {
    let request: UndoConsolidationRequest = call.decode()?;
    let codec = call.codec;
    let done = done(reply, move |undone| Ok(codec.answer(&convert::undo_response(undone))));
    call.caller.is_trusted("undo_consolidation")?;
    context.engine.undo_consolidation(call.space(), &convert::undo(request)?, done);
    Ok(())
}

pub(crate) fn beliefs(context: &Context, call: &Call) -> Outcome {
    let request: BeliefsRequest = call.decode()?;
    if let Some(id) = &request.id {
        let belief = context.engine.belief(call.space(), id)?;
        return Ok(call.answer(&convert::beliefs_response(vec![belief], None)));
    }
    let space = context.engine.space(call.space())?;
    let scope = CursorScope { space: space.id.0, listing: b"beliefs" };
    let after = match &request.cursor {
        None => None,
        Some(text) => Some(scope.decode(text).ok_or(EngineError::CursorInvalid)?.lsn),
    };
    let limit = request.limit.unwrap_or(BELIEFS_DEFAULT) as usize;
    let page = context.engine.beliefs(call.space(), after, limit)?;
    let next = page.next.map(|node| scope.encode(Cursor { lsn: node, position: 0 }));
    Ok(call.answer(&convert::beliefs_response(page.items, next)))
}
