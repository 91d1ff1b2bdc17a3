//! From a call to the operation that it names, and from what became of it to an answer.

use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::Request;
use engram_api::{ProtoFile, ProtoRpc, Streaming};
use futures_util::StreamExt as _;
use futures_util::stream::{once, try_unfold, unfold};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::timeout;
use tonic::codec::CompressionEncoding::{Gzip, Zstd};
use tonic::server::Grpc;
use tonic::{Response, Status};
use tower::service_fn;

use super::codec::RawCodec;
use super::ingest::ingest;
use super::request::{REQUEST_ID, Told, call_of, caller_of, deadline, id_of, key_of, origin_of};
use super::status::refused;
use super::transfer::{export_stream, import_stream};
use crate::auth::Credentials;
use crate::node::Node;
use crate::refusal::Refusal;
use crate::service::{
    Door, Follower, Held, Observed, Ran, Running, answered, audit_stranger, run, run_whole,
};
use crate::tls::PeerCertificate;

/// Messages that wait for a client that reads slowly; the work waits with them.
const WAITING_MESSAGES: usize = 8;
/// How long a stream of changes is silent before it says where it stands.
const ALIVE: Duration = Duration::from_secs(10);

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
    let peer = request.extensions().get::<Arc<PeerCertificate>>().map(Arc::as_ref);
    let identified = node.access.identify(Credentials { headers: request.headers(), peer }).await;
    let caller = match identified {
        Ok(caller) => caller,
        Err(refusal) => {
            let origin = origin_of(request.headers(), request.extensions());
            let status = refused(Refusal(refusal.0.clone()), &origin.request_id);
            audit_stranger(&node, origin, rpc.operation.name, &refusal);
            return status.into_http();
        }
    };
    let mut request = request;
    let origin = origin_of(request.headers(), request.extensions());
    let id = origin.request_id.clone();
    request.extensions_mut().insert((caller, origin));
    let limit = node.settings.limits.request_bytes;
    let mut grpc = Grpc::new(RawCodec)
        .accept_compressed(Gzip)
        .accept_compressed(Zstd)
        .send_compressed(Gzip)
        .send_compressed(Zstd)
        .max_decoding_message_size(limit);
    let streaming = rpc.operation.streaming();
    if rpc.takes_stream && streaming == Some(Streaming::Parts) {
        let call = move |request| import_stream(Arc::clone(&node), rpc, request);
        return grpc.client_streaming(service_fn(call), request).await;
    }
    if rpc.takes_stream {
        let call = move |request| ingest(Arc::clone(&node), rpc, request);
        return grpc.streaming(service_fn(call), request).await;
    }
    if rpc.streams && streaming == Some(Streaming::Pages) {
        let call = move |request| export_stream(Arc::clone(&node), rpc, request);
        return grpc.server_streaming(service_fn(call), request).await;
    }
    if rpc.streams {
        let call = move |request| steps(Arc::clone(&node), rpc, request);
        return grpc.server_streaming(service_fn(call), request).await;
    }
    let (limit, counting) = (node.settings.limits.request_timeout, Arc::clone(&node));
    let call = move |request| unary(Arc::clone(&node), rpc, request);
    let counted = request.map(|body| counted(counting, body, id));
    let answered = timeout(limit * 2, grpc.unary(service_fn(call), counted)).await;
    let slow = |_| Status::deadline_exceeded("the message did not arrive in time").into_http();
    answered.unwrap_or_else(slow)
}

/// A body whose bytes are counted among those that the server holds, as they arrive.
fn counted(node: Arc<Node>, body: Body, id: String) -> Body {
    let (mut held, mut bytes) = (None, 0);
    let frames = body.into_data_stream().map(move |frame| {
        let frame = frame.map_err(|error| Status::from_error(error.into()))?;
        bytes += frame.len();
        let counted = match held.as_mut() {
            None => Held::first(&node).and_then(|first| held.insert(first).grow(&node, bytes)),
            Some(held) => held.grow(&node, bytes),
        };
        // A status among the causes of an error is what the caller is told.
        counted.map_err(|refusal| refused(refusal, &id))?;
        Ok::<Bytes, Status>(frame)
    });
    Body::from_stream(frames)
}

async fn unary(
    node: Arc<Node>,
    rpc: &'static ProtoRpc,
    request: tonic::Request<Bytes>,
) -> Result<Response<Vec<u8>>, Status> {
    let id = id_of(&request);
    let observed = Observed::begin(&node.metrics, Door::Grpc, rpc.operation.name, &id);
    let limit = deadline(&node, request.metadata());
    let working = Arc::clone(&node);
    let work = async move {
        let key = key_of(request.metadata())?;
        let caller = caller_of(&request)?;
        let (mut call, held) = call_of(&working, rpc, (caller, request.into_inner()), key)?;
        call.limit = limit;
        run_whole(&working, call, Some(held)).await
    };
    let answer = answered(&node, (observed, rpc.operation), limit, work).await;
    answer
        .map(|answer| named(Response::new(answer.bytes), &id))
        .map_err(|refusal| refused(refusal, &id))
}

async fn steps(
    node: Arc<Node>,
    rpc: &'static ProtoRpc,
    request: tonic::Request<Bytes>,
) -> Result<Response<Told>, Status> {
    let id = id_of(&request);
    let observed = Observed::begin(&node.metrics, Door::Grpc, rpc.operation.name, &id);
    let begun = async {
        let caller = caller_of(&request)?;
        let (call, held) = call_of(&node, rpc, (caller, request.into_inner()), None)?;
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

/// The messages of a stream.
fn told(ran: Ran, id: String) -> Told {
    match ran {
        Ran::Answered(answer) => Box::pin(once(ready(Ok(answer.bytes)))),
        Ran::Follows(follower) => {
            let next = move |mut follower: Follower| {
                let id = id.clone();
                async move {
                    let page =
                        follower.next(ALIVE).await.map_err(|refusal| refused(refusal, &id))?;
                    Ok(Some((follower.message(&page).bytes, follower)))
                }
            };
            Box::pin(try_unfold(follower, next))
        }
        Ran::Under(running) => {
            let (sender, receiver) = channel(WAITING_MESSAGES);
            tokio::spawn(tell(running, id, sender));
            let next = |mut receiver: Receiver<Result<Vec<u8>, Status>>| async move {
                receiver.recv().await.map(|message| (message, receiver))
            };
            Box::pin(unfold(receiver, next))
        }
    }
}

/// Does the steps, whether or not the client reads; one that reads nothing for as long as a request may take ends them.
async fn tell(mut running: Running, id: String, sender: Sender<Result<Vec<u8>, Status>>) {
    let patience = running.patience();
    loop {
        let (message, next) = match running.step().await {
            Ok((running, stepped)) => (Ok(stepped.told.bytes), stepped.more.then_some(running)),
            Err(refusal) => (Err(refused(refusal, &id)), None),
        };
        let is_heard = matches!(timeout(patience, sender.send(message)).await, Ok(Ok(())));
        match next {
            Some(next) if is_heard => running = next,
            _ => return,
        }
    }
}

fn named<T>(mut response: Response<T>, id: &str) -> Response<T> {
    let id = id.parse().expect("request ids are plain ASCII");
    response.metadata_mut().insert(REQUEST_ID, id);
    response
}
