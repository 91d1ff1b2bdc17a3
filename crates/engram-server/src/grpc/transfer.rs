//! An export as one stream of records, and a stream of requests as one import.
//!
//! The next page is read when the client has taken the last one, and the next request when the batch before is durable: a slow side
//! is held back by the flow control of the connection, and no more than a page or a batch is in memory.

use std::collections::VecDeque;
use std::sync::Arc;

use axum::body::Bytes;
use engram_api::{
    ErrorCode, ExportRequest, ExportResponse, ImportRequest, ImportResponse, ProtoRpc,
    RecordCountsView, TransferRecord, decode_proto, encode_proto, space_of,
};
use futures_util::StreamExt as _;
use futures_util::stream::try_unfold;
use serde::de::DeserializeOwned;
use tokio::time::timeout;
use tonic::{Response, Status, Streaming};

use super::ingest::held_back;
use super::request::{Sender, Told, caller_of, id_of};
use super::status::refused;
use crate::node::Node;
use crate::refusal::Refusal;
use crate::service::{
    Call, Codec, Door, Held, Observed, allowed, answered, run_part, space_name, to_json,
};

/// Records and bytes from which on a batch is committed.
const BATCH_RECORDS: usize = 1_000;
const BATCH_BYTES: usize = 1 << 20;
/// Refused records after which an import ends: it is the wrong file.
const REFUSED_MAX: usize = 1_000;

/// An export under way.
struct Export {
    node: Arc<Node>,
    caller: Sender,
    rpc: &'static ProtoRpc,
    space: String,
    request: ExportRequest,
    id: String,
    /// Records that were read and not taken yet.
    page: VecDeque<TransferRecord>,
    /// Nothing follows the page.
    has_all: bool,
}

pub(super) async fn export_stream(
    node: Arc<Node>,
    rpc: &'static ProtoRpc,
    request: tonic::Request<Bytes>,
) -> Result<Response<Told>, Status> {
    let id = id_of(&request);
    let caller = caller_of(&request).map_err(|refusal| refused(refusal, &id))?;
    let body = request.into_inner();
    let begun = space_of(&rpc.request, &body).map_err(Refusal::from).and_then(|space| {
        let space = space_name(space)?;
        allowed(&node, &caller, rpc.operation, &space)?;
        node.access.charge(&caller.0)?;
        Ok((space, decode_proto(&rpc.request, &body)?))
    });
    let (space, request) = begun.map_err(|refusal| refused(refusal, &id))?;
    let page = VecDeque::new();
    let mut export = Export { node, caller, rpc, space, request, id, page, has_all: false };
    // What is wrong with the request is told at once.
    export.fetch().await?;
    Ok(Response::new(Box::pin(try_unfold(export, next))))
}

async fn next(mut export: Export) -> Result<Option<(Vec<u8>, Export)>, Status> {
    while export.page.is_empty() && !export.has_all {
        export.fetch().await?;
    }
    let Some(record) = export.page.pop_front() else { return Ok(None) };
    let message = encode_proto(export.rpc.response, "", &record)
        .expect("a test writes a record as a message");
    Ok(Some((message, export)))
}

impl Export {
    async fn fetch(&mut self) -> Result<(), Status> {
        let body = to_json(&self.request);
        let answer: Result<ExportResponse, Refusal> =
            called((&self.node, &self.caller), self.rpc, (&self.space, body), (&self.id, None))
                .await;
        let answer = answer.map_err(|refusal| refused(refusal, &self.id))?;
        self.page = answer.records.into();
        self.has_all = answer.next_cursor.is_none();
        self.request.cursor = answer.next_cursor;
        Ok(())
    }
}

/// An import under way.
struct Import {
    node: Arc<Node>,
    caller: Sender,
    rpc: &'static ProtoRpc,
    id: String,
    /// Space of the requests; empty before the first.
    space: String,
    batch: ImportRequest,
    bytes: usize,
    held: Option<Held>,
    /// Records of the batches before.
    before: u64,
    all: Option<ImportResponse>,
}

pub(super) async fn import_stream(
    node: Arc<Node>,
    rpc: &'static ProtoRpc,
    request: tonic::Request<Streaming<Bytes>>,
) -> Result<Response<Vec<u8>>, Status> {
    let id = id_of(&request);
    let caller = caller_of(&request).map_err(|refusal| refused(refusal, &id))?;
    let mut import = Import {
        node,
        caller,
        rpc,
        id,
        space: String::new(),
        batch: ImportRequest::default(),
        bytes: 0,
        held: None,
        before: 0,
        all: None,
    };
    let charged = import.node.access.charge(&import.caller.0);
    charged.map_err(|refusal| refused(refusal, &import.id))?;
    let mut messages = request.into_inner();
    let patience = import.node.settings.limits.request_timeout;
    loop {
        let taken = match timeout(patience, messages.next()).await {
            Ok(None) => break,
            Ok(Some(message)) => import.take(message?).await,
            // A client that is silent must not hold memory that others need.
            Err(_) => import.commit().await,
        };
        taken.map_err(|refusal| refused(refusal, &import.id))?;
    }
    import.commit().await.map_err(|refusal| refused(refusal, &import.id))?;
    let Some(answer) = import.all else {
        let detail = "the stream has no records";
        return Err(refused(Refusal::new(ErrorCode::MissingField, detail), &import.id));
    };
    let message = encode_proto(rpc.response, "", &answer)
        .expect("a test writes an answer of every operation as a message");
    Ok(Response::new(message))
}

impl Import {
    /// Takes a request; what fills a batch is committed.
    async fn take(&mut self, message: Bytes) -> Result<(), Refusal> {
        let space = space_name(space_of(&self.rpc.request, &message)?)?;
        allowed(&self.node, &self.caller, self.rpc.operation, &space)?;
        let request: ImportRequest = decode_proto(&self.rpc.request, &message)?;
        let is_same = self.space == space && self.batch.partial == request.partial;
        if !self.space.is_empty() && !is_same {
            let detail = "all requests of a stream name the same space, and the same for partial";
            return Err(Refusal::new(ErrorCode::InvalidValue, detail).with_field("space"));
        }
        (self.space, self.batch.partial) = (space, request.partial);
        if self.batch.records.len() + request.records.len() > BATCH_RECORDS {
            self.commit().await?;
        }
        self.bytes += message.len();
        match &mut self.held {
            Some(held) => held.grow(&self.node, self.bytes)?,
            None => self.held = Some(Held::of(&self.node, self.bytes)?),
        }
        self.batch.records.extend(request.records);
        if self.batch.records.len() >= BATCH_RECORDS || self.bytes >= BATCH_BYTES {
            self.commit().await?;
        }
        Ok(())
    }

    async fn commit(&mut self) -> Result<(), Refusal> {
        if self.batch.records.is_empty() {
            return Ok(());
        }
        let count = self.batch.records.len() as u64;
        let body = to_json(&self.batch);
        self.batch.records.clear();
        self.bytes = 0;
        let (space, held) = (self.space.clone(), self.held.take());
        let answer: Result<ImportResponse, Refusal> =
            called((&self.node, &self.caller), self.rpc, (&space, body), (&self.id, held)).await;
        let mut answer = answer.map_err(|refusal| placed(refusal, self.before))?;
        answer.refused.iter_mut().for_each(|refused| refused.index += self.before);
        self.before += count;
        self.all = Some(match self.all.take() {
            None => answer,
            Some(all) => joined(all, answer),
        });
        let refused = self.all.as_ref().map_or(0, |all| all.refused.len());
        if refused > REFUSED_MAX {
            let detail = format!(
                "more than {REFUSED_MAX} records were refused; what was in order is stored"
            );
            return Err(Refusal::new(ErrorCode::TooMany, detail).with_field("records"));
        }
        Ok(())
    }
}

/// A refusal of a record of a batch, by its place in the stream.
fn placed(Refusal(mut problem): Refusal, before: u64) -> Refusal {
    let moved = problem.field.as_deref().and_then(|field| {
        let (place, rest) = field.strip_prefix("records[")?.split_once(']')?;
        Some(format!("records[{}]{rest}", place.parse::<u64>().ok()? + before))
    });
    problem.field = moved.or(problem.field);
    Refusal(problem)
}

fn joined(mut all: ImportResponse, next: ImportResponse) -> ImportResponse {
    all.refused.extend(next.refused);
    ImportResponse {
        lsn: next.lsn.max(all.lsn),
        committed_at: next.committed_at.max(all.committed_at),
        created: sum(all.created, next.created),
        unchanged: sum(all.unchanged, next.unchanged),
        refused: all.refused,
    }
}

fn sum(one: RecordCountsView, other: RecordCountsView) -> RecordCountsView {
    RecordCountsView {
        memories: one.memories + other.memories,
        associations: one.associations + other.associations,
        decisions: one.decisions + other.decisions,
        beliefs: one.beliefs + other.beliefs,
    }
}

/// Runs a part of a stream as a call of its operation, which is counted as any other.
async fn called<T: DeserializeOwned>(
    (node, caller): (&Arc<Node>, &Sender),
    rpc: &'static ProtoRpc,
    (space, body): (&str, Vec<u8>),
    (id, held): (&str, Option<Held>),
) -> Result<T, Refusal> {
    let observed = Observed::begin(&node.metrics, Door::Grpc, rpc.operation.name, id);
    let (working, caller, space) = (Arc::clone(node), caller.clone(), space.to_owned());
    let limit = node.settings.limits.request_timeout;
    let body = Bytes::from(body);
    let work = async move {
        let _held = held;
        held_back(|| {
            let call = Call {
                caller: caller.0.clone(),
                origin: caller.1.clone(),
                operation: rpc.operation,
                space: space.clone(),
                body: body.clone(),
                codec: Codec::Json,
                key: None,
                if_version: None,
                limit,
            };
            let node = Arc::clone(&working);
            async move { run_part(&node, call, None).await }
        })
        .await
    };
    let answer = answered(node, (observed, rpc.operation), limit, work).await?;
    Ok(engram_api::decode(&answer.bytes)?)
}
