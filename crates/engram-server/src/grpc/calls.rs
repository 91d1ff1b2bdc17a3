//! From a call to the operation that it names, and from what became of it to an answer.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::Request;
use engram_api::{ProtoFile, ProtoRpc};
use futures_util::stream::try_unfold;
use tonic::codec::CompressionEncoding::{Gzip, Zstd};
use tonic::server::Grpc;
use tonic::{Response, Status};
use tower::service_fn;

use super::codec::RawCodec;
use super::ingest::ingest;
use super::request::{REQUEST_ID, Told, call_of, deadline, id_of, text_of};
use super::status::status;
use crate::node::Node;
use crate::refusal::Refusal;
use crate::service::{Door, Observed, Ran, Running, bounded, run, run_whole};

/// How long a stream of changes is silent before it says where it stands.
const ALIVE: Duration = Duration::from_secs(10);

const IDEMPOTENCY_KEY: &str = "idempotency-key";

type Http = axum::http::Response<tonic::body::Body>;

/// Answers a call of the service.
pub(super) async fn serve(
    State(node): State<Arc<Node>>,
    Path(method): Path<String>,
    request: Request<Body>,
) -> Http {
    let Some(rpc) = ProtoFile::current().rpcs.iter().find(|rpc| rpc.name == method) else {
        let shown: String = method.chars().take(100).collect();
        return Status::unimplemented(format!("no operation is called {shown:?}")).into_http();
    };
    let limit = node.settings.limits.request_bytes;
    let mut grpc = Grpc::new(RawCodec)
        .accept_compressed(Gzip)
        .accept_compressed(Zstd)
        .send_compressed(Gzip)
        .send_compressed(Zstd)
        .max_decoding_message_size(limit);
    if rpc.takes_stream {
        let call = move |request| ingest(Arc::clone(&node), rpc, request);
        return grpc.streaming(service_fn(call), request).await;
    }
    if rpc.streams {
        let call = move |request| steps(Arc::clone(&node), rpc, request);
        return grpc.server_streaming(service_fn(call), request).await;
    }
    let call = move |request| unary(Arc::clone(&node), rpc, request);
    grpc.unary(service_fn(call), request).await
}

async fn unary(
    node: Arc<Node>,
    rpc: &'static ProtoRpc,
    request: tonic::Request<Bytes>,
) -> Result<Response<Vec<u8>>, Status> {
    let id = id_of(request.metadata());
    let observed = Observed::begin(&node.metrics, Door::Grpc, rpc.operation.name, &id);
    let limit = deadline(&node, request.metadata());
    let working = Arc::clone(&node);
    let work = async move {
        let key = text_of(request.metadata(), IDEMPOTENCY_KEY);
        let (call, held) = call_of(&working, rpc, request.into_inner(), key)?;
        run_whole(&working, call, Some(held)).await
    };
    let answered = bounded(&node, limit, work).await.and_then(|answered| answered);
    match answered {
        Ok(answer) => {
            observed.end(rpc.operation.status);
            Ok(named(Response::new(answer.bytes), &id))
        }
        Err(refusal) => {
            observed.end(refusal.0.status);
            Err(refused(refusal, &id))
        }
    }
}

async fn steps(
    node: Arc<Node>,
    rpc: &'static ProtoRpc,
    request: tonic::Request<Bytes>,
) -> Result<Response<Told>, Status> {
    let id = id_of(request.metadata());
    let observed = Observed::begin(&node.metrics, Door::Grpc, rpc.operation.name, &id);
    let begun = async {
        let (call, held) = call_of(&node, rpc, request.into_inner(), None)?;
        run(&node, call, Some(held)).await
    };
    match begun.await {
        Ok(ran) => {
            observed.end(rpc.operation.status);
            Ok(named(Response::new(told(ran, id.clone())), &id))
        }
        Err(refusal) => {
            observed.end(refusal.0.status);
            Err(refused(refusal, &id))
        }
    }
}

/// What is left to be told.
enum Left {
    Work(Ran),
    Nothing,
}

fn told(ran: Ran, id: String) -> Told {
    let next = move |left: Left| {
        let id = id.clone();
        async move {
            let running: Running = match left {
                Left::Nothing => return Ok(None),
                Left::Work(Ran::Answered(answer)) => {
                    return Ok(Some((answer.bytes, Left::Nothing)));
                }
                Left::Work(Ran::Follows(mut follower)) => {
                    let page =
                        follower.next(ALIVE).await.map_err(|refusal| refused(refusal, &id))?;
                    let message = follower.message(&page).bytes;
                    return Ok(Some((message, Left::Work(Ran::Follows(follower)))));
                }
                Left::Work(Ran::Under(running)) => running,
            };
            let (running, stepped) =
                running.step().await.map_err(|refusal| refused(refusal, &id))?;
            let left = match stepped.more {
                true => Left::Work(Ran::Under(running)),
                false => Left::Nothing,
            };
            Ok(Some((stepped.told.bytes, left)))
        }
    };
    Box::pin(try_unfold(Left::Work(ran), next))
}

fn named<T>(mut response: Response<T>, id: &str) -> Response<T> {
    let id = id.parse().expect("request ids are plain ASCII");
    response.metadata_mut().insert(REQUEST_ID, id);
    response
}

fn refused(refusal: Refusal, id: &str) -> Status {
    status(refusal.0.with_request_id(id))
}
