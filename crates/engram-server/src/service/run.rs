//! How a request of an operation runs, whatever door it came through: gates first, then its own work in its own lane.

use std::sync::Arc;
use std::time::Duration;

use engram_api::{ErrorCode, Operation};
use engram_engine::Engine;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::auth::Caller;
use crate::lanes::Lane;
use crate::node::Node;
use crate::quotas::SpacePlace;
use crate::refusal::Refusal;
use crate::service::audited::Audited;
use crate::service::call::{Answer, BegunNested, Call, Context, Finish, Next, Stepped, Steps};
use crate::service::follow::{Follower, follow};
use crate::service::held::Held;
use crate::service::observe::Observed;
use crate::service::operations::{HANDLERS, Handler};

/// How long a write may be kept waiting for associations to be formed, and how often it asks.
const SLOWED_MAX: Duration = Duration::from_secs(10);
const SLOWED_STEP: Duration = Duration::from_millis(10);

/// What begins nested work.
type Begin = fn(&Context, &Call) -> BegunNested;

/// What became of a call.
pub(crate) enum Ran {
    Answered(Answer),
    /// It goes on in steps.
    Under(Running),
    /// It goes on for as long as somebody listens.
    Follows(Follower),
}

/// Work in steps, with what it holds until the last one.
pub(crate) struct Running {
    node: Arc<Node>,
    steps: Box<dyn Steps>,
    caller: Caller,
    /// Its places among the requests of the server and of its space.
    places: Arc<(OwnedSemaphorePermit, SpacePlace)>,
}

/// Runs a call. `held` is the memory that its body is counted for.
///
/// # Errors
/// Whoever asks may not, asks too often, or what the operation says.
pub(crate) async fn run(node: &Arc<Node>, call: Call, held: Option<Held>) -> Result<Ran, Refusal> {
    if let Err(refusal) = node.access.charge(&call.caller) {
        if let Some(audited) = Audited::of(node, &call) {
            audited.refused(&refusal);
        }
        return Err(refusal);
    }
    carry_out(node, call, held).await
}

/// Runs a part of a request that was charged as a whole to its end.
pub(crate) async fn run_part(
    node: &Arc<Node>,
    call: Call,
    held: Option<Held>,
) -> Result<Answer, Refusal> {
    whole(carry_out(node, call, held).await?).await
}

/// The same for a part of a call, which counts as one.
async fn carry_out(node: &Arc<Node>, call: Call, held: Option<Held>) -> Result<Ran, Refusal> {
    let audited = Audited::of(node, &call);
    let outcome = work(node, call, held).await;
    if let Some(audited) = audited {
        audited.end(&outcome);
    }
    outcome
}

async fn work(node: &Arc<Node>, call: Call, held: Option<Held>) -> Result<Ran, Refusal> {
    node.access.authorise(&call.caller, call.operation, &call.space)?;
    let handler = handler(&call);
    if let Handler::Node(look) = handler {
        return Ok(Ran::Answered(look(node, &call)));
    }
    let engine = Arc::clone(node.engine()?);
    let is_there = !call.space.is_empty() && engine.space(&call.space).is_ok();
    if is_there {
        node.metrics.space_request(&call.space);
    }
    if let Handler::Nested(begin) = handler {
        return nested(node, begin, (engine, call)).await.map(Ran::Answered);
    }
    let space_place = match is_there {
        true => node.quotas.enter(&call.space, call.operation)?,
        false => None,
    };
    if let Handler::Follow = handler {
        let follower = begin_to_follow(node, engine, call).await?;
        return Ok(Ran::Follows(follower.holding(space_place)));
    }
    // Only now: a client that is slow with its body takes no place from the others.
    let admitted = Arc::clone(&node.admission)
        .try_acquire_owned()
        .map_err(|_| Refusal::new(ErrorCode::Overloaded, "too many requests are worked on now"))?;
    let context = context(node, engine);
    let places = Arc::new((admitted, space_place));
    match handler {
        Handler::Node(_) | Handler::Nested(_) | Handler::Follow => unreachable!("it has answered"),
        Handler::Look(look) => look(&context, &call).map(Ran::Answered),
        Handler::Steps(begin) => {
            let steps = begin(&context, &call)?;
            let caller = call.caller;
            Ok(Ran::Under(Running { node: Arc::clone(node), steps, caller, places }))
        }
        Handler::Search(search) => {
            let lane = node.lane(&context.engine, &call.space, Lane::Read);
            // Whoever gives up early must not take another place while this is worked on.
            let kept = Arc::clone(&places);
            let job = move || {
                let answer = search(&context, &call);
                drop((held, kept));
                answer
            };
            let answer = node.lanes.run(lane, job).await.map_err(|panic| node.panicked(panic))?;
            answer.map(Ran::Answered)
        }
        Handler::Commit(commit) => {
            if let Some(reason) = node.write_fault() {
                return Err(Refusal::new(ErrorCode::LogPoisoned, reason));
            }
            slow_down(&context.engine, &call.space).await;
            let lane = node.lane(&context.engine, &call.space, Lane::Write);
            let (reply, finished) = oneshot::channel::<Finish>();
            let kept = Arc::clone(&places);
            let job = move || {
                let submitted = commit(&context, &call, reply);
                drop((held, kept));
                submitted
            };
            node.lanes.run(lane, job).await.map_err(|panic| node.panicked(panic))??;
            finish(node, finished).await.map(Ran::Answered)
        }
    }
}

/// Looks at the place to follow from; who follows takes no place among the requests.
async fn begin_to_follow(
    node: &Arc<Node>,
    engine: Arc<Engine>,
    call: Call,
) -> Result<Follower, Refusal> {
    if engine.is_open(&call.space) {
        return follow(node, &engine, &call);
    }
    let following = Arc::clone(node);
    let begin = move || follow(&following, &engine, &call);
    node.lanes.run(Lane::Waiting, begin).await.map_err(|panic| node.panicked(panic))?
}

fn context(node: &Node, engine: Arc<Engine>) -> Context {
    Context {
        engine,
        helpers: Arc::clone(&node.helpers),
        metrics: Arc::clone(&node.metrics),
        backups: Arc::clone(&node.backups),
        access: Arc::clone(&node.access),
        quotas: Arc::clone(&node.quotas),
    }
}

/// Runs the calls that one stands for, each as if it had come alone.
async fn nested(
    node: &Arc<Node>,
    begin: Begin,
    (engine, call): (Arc<Engine>, Call),
) -> Result<Answer, Refusal> {
    let mut statement = begin(&context(node, engine), &call)?;
    let mut next = statement.next(None)?;
    loop {
        match next {
            Next::Done(answer) => return Ok(answer),
            Next::Call(call) => {
                let ran = Box::pin(carry_out(node, call, None)).await?;
                let answer = Box::pin(whole(ran)).await?;
                next = statement.next(Some(answer))?;
            }
        }
    }
}

/// Runs a call to its end: work in steps ends between two of them when the caller gives up.
pub(crate) async fn run_whole(
    node: &Arc<Node>,
    call: Call,
    held: Option<Held>,
) -> Result<Answer, Refusal> {
    whole(run(node, call, held).await?).await
}

async fn whole(ran: Ran) -> Result<Answer, Refusal> {
    let mut running = match ran {
        Ran::Answered(answer) => return Ok(answer),
        Ran::Follows(follower) => return follower.once().await,
        Ran::Under(running) => running,
    };
    loop {
        let (taken, stepped) = running.step().await?;
        if !stepped.more {
            return Ok(taken.done());
        }
        running = taken;
    }
}

fn handler(call: &Call) -> Handler {
    let found = HANDLERS.iter().find(|(name, _)| *name == call.operation.name);
    found.expect("a test compares the tables").1
}

impl Running {
    /// One step, unless the server is about to stop. A panic in it takes the work with it.
    pub(crate) async fn step(self) -> Result<(Running, Stepped), Refusal> {
        let Running { node, mut steps, caller, places } = self;
        node.engine()?;
        node.access.still(&caller)?;
        let job = move || {
            let stepped = steps.step();
            (steps, places, stepped)
        };
        // It waits for the disk, perhaps for a model, more than it works.
        let ran = node.lanes.run(Lane::Waiting, job).await;
        let (steps, places, stepped) = ran.map_err(|panic| node.panicked(panic))?;
        Ok((Running { node, steps, caller, places }, stepped?))
    }

    /// All that was done so far.
    pub(crate) fn done(&self) -> Answer {
        self.steps.done()
    }

    /// How long a listener may keep it waiting.
    pub(crate) fn patience(&self) -> Duration {
        self.node.settings.limits.request_timeout
    }
}

/// Runs work as a task of its own, within a time: a client that goes away does not stop it half-way, and a panic stays in it.
pub(crate) async fn bounded<T: Send + 'static>(
    node: &Node,
    limit: Duration,
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, Refusal> {
    // The limit goes with the work: nobody may be left to wait for it.
    match tokio::spawn(tokio::time::timeout(limit, work)).await {
        Ok(Ok(result)) => Ok(result),
        Err(_) => {
            node.metrics.panics.inc();
            let detail = "the request panicked; the server's log says where";
            Err(Refusal::new(ErrorCode::Internal, detail))
        }
        Ok(Err(_)) => {
            let detail = format!(
                "no answer within {} ms; a write may still take effect, and its id or idempotency key makes a retry safe",
                limit.as_millis()
            );
            Err(Refusal::new(ErrorCode::RequestTimeout, detail))
        }
    }
}

/// The same of work that answers a call of `operation`, which is counted as it ends.
pub(crate) async fn answered(
    node: &Node,
    (observed, operation): (Observed<'_>, &Operation),
    limit: Duration,
    work: impl Future<Output = Result<Answer, Refusal>> + Send + 'static,
) -> Result<Answer, Refusal> {
    let outcome = bounded(node, limit, work).await.and_then(|answered| answered);
    observed.end(match &outcome {
        Ok(_) => operation.status,
        Err(refusal) => refusal.0.status,
    });
    outcome
}

/// Keeps a write waiting while its space has too many memories without associations. Where that does not help, the engine
/// refuses it.
async fn slow_down(engine: &Engine, space: &str) {
    let mut waited = Duration::ZERO;
    while engine.is_lagging(space) && waited < SLOWED_MAX {
        tokio::time::sleep(SLOWED_STEP).await;
        waited += SLOWED_STEP;
    }
}

async fn finish(node: &Node, finished: oneshot::Receiver<Finish>) -> Result<Answer, Refusal> {
    tokio::select! {
        biased;
        finish = finished => match finish {
            Ok(finish) => finish(),
            // The writer dropped it: it panicked.
            Err(_) => Err(unknown_outcome(node)),
        },
        () = node.faults.wait() => Err(unknown_outcome(node)),
    }
}

fn unknown_outcome(node: &Node) -> Refusal {
    let reason = node.write_fault().unwrap_or_else(|| "the writer ended".to_owned());
    let detail = format!("the write was not acknowledged and may or may not be durable: {reason}");
    Refusal::new(ErrorCode::LogPoisoned, detail)
}
