//! Feedback.

use std::sync::Arc;

use engram_api::{FeedbackRequest, decode};
use engram_engine::FeedbackReceipt;

use crate::convert;
use crate::refusal::Refusal;
use crate::rest::call::{Call, Context, Reply, done};
use crate::rest::reply::Answer;

pub(crate) fn feedback(context: &Context, call: &Call, reply: Reply) -> Result<(), Refusal> {
    let request: FeedbackRequest = decode(&call.body)?;
    let status = call.operation.status;
    let (engine, space) = (Arc::clone(&context.engine), call.space().to_owned());
    let id = request.id.clone();
    let done = done(reply, move |receipt: FeedbackReceipt| {
        let now = engine.get(&space, &id).ok();
        Ok(Answer::json(status, &convert::feedback_response(id, receipt, now.as_ref())))
    });
    context.engine.feedback(call.space(), convert::feedback(request), done);
    Ok(())
}
