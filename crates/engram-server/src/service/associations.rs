//! Associations: made, taken away, read, and followed.

use engram_api::{AssociateRequest, AssociationsRequest, DissociateRequest, SpreadRequest};
use engram_engine::{AssociationReceipt, EngineError};

use crate::convert;
use crate::cursor::CursorScope;
use crate::refusal::Refusal;
use crate::service::call::{Call, Context, Outcome, Reply, done};

pub(crate) fn associate(context: &Context, call: &Call, reply: Reply) -> Result<(), Refusal> {
    let request: AssociateRequest = call.decode()?;
    let codec = call.codec;
    let done = done(reply, move |receipt: AssociationReceipt| {
        Ok(codec.answer(&convert::associate_response(&receipt)))
    });
    context.engine.associate(
        call.space(),
        convert::associate(request, call.caller.principal()),
        done,
    );
    Ok(())
}

pub(crate) fn dissociate(context: &Context, call: &Call, reply: Reply) -> Result<(), Refusal> {
    let request: DissociateRequest = call.decode()?;
    let codec = call.codec;
    let done = done(reply, move |receipt: AssociationReceipt| {
        Ok(codec.answer(&convert::dissociate_response(&receipt)))
    });
    context.engine.dissociate(
        call.space(),
        convert::dissociate(request, call.caller.principal()),
        done,
    );
    Ok(())
}

pub(crate) fn associations(context: &Context, call: &Call) -> Outcome {
    let request: AssociationsRequest = call.decode()?;
    let space = context.engine.space(call.space())?;
    let listing = convert::associations_scope(&request);
    let scope = CursorScope { space: space.id.0, listing: &listing };
    let offset = match &request.cursor {
        None => 0,
        Some(text) => scope.decode_offset(text).ok_or(EngineError::CursorInvalid)?,
    };
    let query = convert::association_query(request, offset);
    let page = context.engine.associations(call.space(), &query)?;
    let next = page.next.map(|offset| scope.encode_offset(offset));
    Ok(call.answer(&convert::associations_response(page, next)))
}

pub(crate) fn spread(context: &Context, call: &Call) -> Outcome {
    let request: SpreadRequest = call.decode()?;
    let activated = context.engine.spread(call.space(), &convert::spread(request))?;
    Ok(call.answer(&convert::spread_response(activated)))
}
