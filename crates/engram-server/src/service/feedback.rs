//! Feedback, what came of it, and what fades next.

use std::sync::Arc;

use engram_api::{FadingRequest, FeedbackRequest, RetentionRequest};
use engram_engine::FeedbackReceipt;

use crate::convert;
use crate::refusal::Refusal;
use crate::service::call::{Call, Context, Outcome, Reply, done};

/// How far a curve looks ahead where the request does not say, days.
const HORIZON_DAYS: f64 = 365.0;

pub(crate) fn feedback(context: &Context, call: &Call, reply: Reply) -> Result<(), Refusal> {
    let request: FeedbackRequest = call.decode()?;
    let judgement = convert::feedback(request, call.caller.principal())?;
    let codec = call.codec;
    let (engine, space) = (Arc::clone(&context.engine), call.space().to_owned());
    let id = judgement.id.clone();
    let done = done(reply, move |receipt: FeedbackReceipt| {
        // This runs where nothing may wait: it reads what is at hand.
        let now = engine.standing(&space, &id);
        Ok(codec.answer(&convert::feedback_response(id, receipt, now)))
    });
    context.engine.feedback(call.space(), judgement, done);
    Ok(())
}

pub(crate) fn retention(context: &Context, call: &Call) -> Outcome {
    let request: RetentionRequest = call.decode()?;
    let horizon_days = request.horizon_days.unwrap_or(HORIZON_DAYS);
    let told = context.engine.retention(call.space(), &request.id, horizon_days)?;
    Ok(call.answer(&convert::retention_response(request.id, told)))
}

pub(crate) fn fading(context: &Context, call: &Call) -> Outcome {
    let request: FadingRequest = call.decode()?;
    let forecast = context.engine.fading(call.space(), &convert::fading(request))?;
    Ok(call.answer(&convert::fading_response(forecast)))
}
