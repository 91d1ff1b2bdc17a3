//! What the functions of operations share: the request as they see it, what they work with, how they answer.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use engram_api::{
    ErrorCode, Operation, ProtoRpc, RememberManyRequest, Unread, decode, decode_many, decode_proto,
    encode_proto,
};
use engram_engine::{Done, Engine};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::oneshot;

use crate::auth::{Access, Caller};
use crate::backups::Backups;
use crate::lanes::HelperPlaces;
use crate::metrics::Metrics;
use crate::quotas::SpaceQuotas;
use crate::refusal::Refusal;
use crate::service::observe::Origin;

/// Longest name of a space, bytes.
const SPACE_BYTES_MAX: usize = 64;

/// A request as the operations see it, whatever door it came through.
pub(crate) struct Call {
    /// Who asks.
    pub(crate) caller: Caller,
    pub(crate) origin: Origin,
    pub(crate) operation: &'static Operation,
    /// Name of the space; empty where the operation is about the node.
    pub(crate) space: String,
    /// The request, not looked at yet.
    pub(crate) body: Bytes,
    pub(crate) codec: Codec,
    /// An idempotency key that came beside the request.
    pub(crate) key: Option<String>,
    /// The version that a memory must have, said beside the request.
    pub(crate) if_version: Option<u32>,
    /// The time that it has.
    pub(crate) limit: Duration,
}

/// A success, encoded as the door wants it.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) bytes: Vec<u8>,
    /// Version of the one memory that it shows or stored.
    pub(crate) version: Option<u32>,
}

impl Answer {
    /// It is about this version of one memory.
    pub(crate) fn of_version(mut self, version: u32) -> Answer {
        self.version = Some(version);
        self
    }
}

/// How requests and answers are written.
#[derive(Clone, Copy)]
pub(crate) enum Codec {
    Json,
    /// Protocol Buffers, in the messages of this call.
    Proto(&'static ProtoRpc),
}

impl Codec {
    pub(crate) fn answer(self, value: &impl Serialize) -> Answer {
        let bytes = match self {
            Codec::Json => to_json(value),
            Codec::Proto(rpc) => encode_proto(rpc.operation.response, "", value)
                .expect("a test writes an answer of every operation as a message"),
        };
        Answer { bytes, version: None }
    }
}

pub(crate) fn to_json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("wire types hold nothing that JSON cannot say")
}

/// Work that is done in steps, each of which can be told while the next one runs.
pub(crate) trait Steps: Send {
    /// Does the next step. Runs where waiting is allowed.
    fn step(&mut self) -> Result<Stepped, Refusal>;

    /// All that was done so far.
    fn done(&self) -> Answer;
}

/// Work that is done by calls of other operations, one after the other.
pub(crate) trait Nested: Send {
    /// The next call, after the answer of the last one.
    fn next(&mut self, last: Option<Answer>) -> Result<Next, Refusal>;
}

/// What follows in nested work.
pub(crate) enum Next {
    /// A call of an operation that is not nested itself; its answer is JSON.
    Call(Call),
    Done(Answer),
}

/// Nested work that has begun.
pub(crate) type BegunNested = Result<Box<dyn Nested>, Refusal>;

/// Work that has begun.
pub(crate) type Begun = Result<Box<dyn Steps>, Refusal>;

/// What one step did.
pub(crate) struct Stepped {
    pub(crate) told: Answer,
    /// Whether another one follows.
    pub(crate) more: bool,
}

/// What operations work with.
pub(crate) struct Context {
    pub(crate) engine: Arc<Engine>,
    pub(crate) helpers: Arc<HelperPlaces>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) backups: Arc<Backups>,
    pub(crate) access: Arc<Access>,
    pub(crate) quotas: Arc<SpaceQuotas>,
}

/// Makes the answer when the commit is durable; runs away from the writer.
pub(crate) type Finish = Box<dyn FnOnce() -> Result<Answer, Refusal> + Send>;
pub(crate) type Reply = oneshot::Sender<Finish>;

pub(crate) type Outcome = Result<Answer, Refusal>;

impl Call {
    pub(crate) fn space(&self) -> &str {
        &self.space
    }

    pub(crate) fn decode<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        Ok(match self.codec {
            Codec::Json => decode(&self.body)?,
            Codec::Proto(rpc) => decode_proto(&rpc.request, &self.body)?,
        })
    }

    /// A batch, and the problems of the memories in it that cannot be read.
    pub(crate) fn decode_many(&self) -> Result<(RememberManyRequest, Unread), Refusal> {
        Ok(match self.codec {
            Codec::Json => decode_many(&self.body)?,
            Codec::Proto(_) => (self.decode()?, Vec::new()),
        })
    }

    pub(crate) fn answer(&self, value: &impl Serialize) -> Answer {
        self.codec.answer(value)
    }

    /// The version beside the request and the one in it; both may be given if they agree.
    pub(crate) fn if_version(&self, in_body: Option<u32>) -> Result<Option<u32>, Refusal> {
        match (self.if_version, in_body) {
            (Some(header), Some(body)) if header != body => {
                let detail = "the header If-Match and the body name different versions";
                Err(Refusal::new(ErrorCode::InvalidValue, detail).with_field("if_version"))
            }
            (header, body) => Ok(header.or(body)),
        }
    }

    /// The key beside the request and the one in it; both may be given if they agree.
    pub(crate) fn idempotency_key(
        &self,
        in_body: Option<String>,
    ) -> Result<Option<String>, Refusal> {
        match (&self.key, in_body) {
            (Some(header), Some(body)) if *header != body => {
                let detail = "the header Idempotency-Key and the body name different keys";
                Err(Refusal::new(ErrorCode::InvalidValue, detail).with_field("idempotency_key"))
            }
            (Some(header), _) => Ok(Some(header.clone())),
            (None, body) => Ok(body),
        }
    }
}

/// The name, if it can be one of a space.
pub(crate) fn space_name(name: String) -> Result<String, Refusal> {
    let first = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let all = name.chars().all(|c| first(c) || c == '-' || c == '_');
    if name.len() > SPACE_BYTES_MAX || !all || !name.starts_with(first) {
        let detail =
            "the name of a space is 1 to 64 of a-z 0-9 - _, starting with a letter or digit";
        return Err(Refusal::new(ErrorCode::BadSpaceName, detail));
    }
    Ok(name)
}

/// Tells `reply` how to answer. The writer calls it, so it does no more than hand over.
pub(crate) fn done<T: Send + 'static>(
    reply: Reply,
    view: impl FnOnce(T) -> Outcome + Send + 'static,
) -> Done<T> {
    Box::new(move |result| {
        let finish: Finish = Box::new(move || view(result?));
        // The receiver is gone when the request ran out of time.
        drop(reply.send(finish));
    })
}
