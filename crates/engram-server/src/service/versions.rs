//! Update and history.

use engram_api::{HistoryRequest, UpdateRequest};
use engram_engine::{EngineError, HistoryQuery};

use crate::convert;
use crate::cursor::CursorScope;
use crate::refusal::Refusal;
use crate::service::call::{Call, Context, Outcome, Reply, done};

/// Versions of a page that asks for no number.
const VERSIONS_DEFAULT: u32 = 100;

pub(crate) fn update(context: &Context, call: &Call, reply: Reply) -> Result<(), Refusal> {
    let mut request: UpdateRequest = call.decode()?;
    let key = call.idempotency_key(request.idempotency_key.take())?;
    request.if_version = call.if_version(request.if_version)?;
    let codec = call.codec;
    let done = done(reply, move |updated| {
        let view = convert::update_response(updated);
        Ok(codec.answer(&view).of_version(view.version))
    });
    let mut update = convert::update(request, key, call.caller.principal())?;
    call.caller.bound_claims(&mut update.content, "set")?;
    if call.caller.is_bounded() {
        // Writers of the space are many, but each memory has its own trust.
        let now = context.engine.get(call.space(), &update.id)?;
        call.caller.may_change(&now.memory.content.source)?;
        update.if_version.get_or_insert(now.memory.version);
    }
    context.engine.update(call.space(), update, done);
    Ok(())
}

pub(crate) fn history(context: &Context, call: &Call) -> Outcome {
    let request: HistoryRequest = call.decode()?;
    let space = context.engine.space(call.space())?;
    let scope = CursorScope { space: space.id.0, listing: request.id.as_bytes() };
    let before = match &request.cursor {
        None => None,
        Some(text) => Some(scope.decode_version(text).ok_or(EngineError::CursorInvalid)?),
    };
    let limit = request.limit.unwrap_or(VERSIONS_DEFAULT) as usize;
    let query = HistoryQuery { id: request.id.clone(), before, limit };
    let history = context.engine.history(call.space(), &query)?;
    let next = history.next.map(|version| scope.encode_version(version));
    Ok(call.answer(&convert::history_response(history, next)))
}
