//! What the functions of operations share: the request as they see it, what they work with, how they answer.

use std::sync::Arc;

use axum::body::Bytes;
use engram_api::{ErrorCode, Operation, decode};
use engram_engine::{Done, Engine};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::oneshot;

use crate::lanes::HelperPlaces;
use crate::metrics::Metrics;
use crate::refusal::Refusal;

/// A request as the operations see it, whatever door it came through.
pub(crate) struct Call {
    pub(crate) operation: &'static Operation,
    /// Name of the space; empty where the operation is about the node.
    pub(crate) space: String,
    /// The request, not looked at yet.
    pub(crate) body: Bytes,
    /// An idempotency key that came beside the request.
    pub(crate) key: Option<String>,
}

/// A success, encoded as the door wants it.
#[derive(Debug)]
pub(crate) struct Answer(pub(crate) Vec<u8>);

/// How answers to a call are encoded.
#[derive(Clone, Copy)]
pub(crate) struct Answering;

impl Answering {
    pub(crate) fn with(self, value: &impl Serialize) -> Answer {
        Answer(to_json(value))
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
        Ok(decode(&self.body)?)
    }

    pub(crate) fn answering(&self) -> Answering {
        Answering
    }

    pub(crate) fn answer(&self, value: &impl Serialize) -> Answer {
        self.answering().with(value)
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
