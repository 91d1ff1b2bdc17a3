//! Update and history.

use engram_api::{HistoryRequest, UpdateRequest, decode};

use crate::convert;
use crate::refusal::Refusal;
use crate::rest::call::{Call, Context, Outcome, Reply, done};
use crate::rest::reply::Answer;

pub(crate) fn update(context: &Context, call: &Call, reply: Reply) -> Result<(), Refusal> {
    let mut request: UpdateRequest = decode(&call.body)?;
    let key = call.idempotency_key(request.idempotency_key.take())?;
    let status = call.operation.status;
    let done =
        done(reply, move |updated| Ok(Answer::json(status, &convert::update_response(updated))));
    context.engine.update(call.space(), convert::update(request, key)?, done);
    Ok(())
}

pub(crate) fn history(context: &Context, call: &Call) -> Outcome {
    let request: HistoryRequest = decode(&call.body)?;
    let history = context.engine.history(call.space(), &request.id)?;
    Ok(call.answer(&convert::history_response(history)))
}
