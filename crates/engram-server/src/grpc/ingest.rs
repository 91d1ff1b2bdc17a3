//! Many writes over one stream. A few are under way at the same time; the next one is read when one of them is durable, so that a
//! client that is faster than the log is held back by the flow control of its connection.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use engram_api::{ErrorCode, Problem, ProtoRpc, encode_proto, wrap_proto};
use futures_util::StreamExt as _;
use tonic::{Response, Status, Streaming};

use super::request::{Sender, Told, call_of, caller_of, id_of};
use super::status::refused;
use crate::node::{Node, Phase};
use crate::refusal::Refusal;
use crate::service::{Answer, Door, Observed, answered, run_part};

/// Requests of one stream that are under way at the same time.
const UNDER_WAY: usize = 16;
/// How long a request is held back before it is tried again, where the server has too much to do.
const HELD_BACK: Duration = Duration::from_millis(20);

pub(super) async fn ingest(
    node: Arc<Node>,
    rpc: &'static ProtoRpc,
    request: tonic::Request<Streaming<Bytes>>,
) -> Result<Response<Told>, Status> {
    let id = id_of(&request);
    let caller = caller_of(&request).map_err(|refusal| refused(refusal, &id))?;
    let mut phase = node.phase.subscribe();
    let stopping = async move { drop(phase.wait_for(|phase| *phase != Phase::Ready).await) };
    let one = move |(place, message): (u64, Result<Bytes, Status>)| {
        let (node, id, caller) = (Arc::clone(&node), format!("{id}-{place}"), caller.clone());
        async move { Ok(result(rpc, stored(&node, rpc, (caller, message?, &id)).await, &id)) }
    };
    let numbered = futures_util::stream::iter(0_u64..).zip(request.into_inner());
    // A server that stops takes no more; what is under way is answered.
    let taken = numbered.take_until(stopping);
    Ok(Response::new(Box::pin(taken.map(one).buffered(UNDER_WAY))))
}

/// The answer of one request, which is counted as any other.
async fn stored(
    node: &Arc<Node>,
    rpc: &'static ProtoRpc,
    (caller, message, id): (Sender, Bytes, &str),
) -> Result<Answer, Refusal> {
    let observed = Observed::begin(&node.metrics, Door::Grpc, rpc.operation.name, id);
    let working = Arc::clone(node);
    let work = async move {
        // Once, however often it is held back.
        working.access.charge(&caller.0)?;
        held_back(|| once(&working, rpc, (caller.clone(), message.clone()))).await
    };
    let limit = node.settings.limits.request_timeout;
    answered(node, (observed, rpc.operation), limit, work).await
}

/// What comes of work that is tried again as long as there is nothing wrong but the moment.
pub(super) async fn held_back<W: Future<Output = Result<Answer, Refusal>>>(
    mut work: impl FnMut() -> W,
) -> Result<Answer, Refusal> {
    loop {
        match work().await {
            Err(refusal) if is_for_later(&refusal) => tokio::time::sleep(HELD_BACK).await,
            other => return other,
        }
    }
}

async fn once(
    node: &Arc<Node>,
    rpc: &'static ProtoRpc,
    message: (Sender, Bytes),
) -> Result<Answer, Refusal> {
    let (call, held) = call_of(node, rpc, message, None)?;
    run_part(node, call, Some(held)).await
}

/// Nothing was stored, and nothing is wrong but the moment.
fn is_for_later(refusal: &Refusal) -> bool {
    refusal.0.error_code() == Some(ErrorCode::Overloaded)
}

fn result(rpc: &ProtoRpc, outcome: Result<Answer, Refusal>, id: &str) -> Vec<u8> {
    match outcome {
        Ok(answer) => wrap_proto(rpc.response, "stored", &answer.bytes),
        Err(Refusal(problem)) => {
            let problem: Problem = problem.with_request_id(id);
            let bytes = encode_proto("Problem", "", &problem)
                .expect("a test writes a problem as a message");
            wrap_proto(rpc.response, "refused", &bytes)
        }
    }
}
