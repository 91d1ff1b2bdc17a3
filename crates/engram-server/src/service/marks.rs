//! Marked pairs, page by page.

use engram_api::MarksRequest;
use engram_engine::EngineError;

use crate::convert;
use crate::cursor::CursorScope;
use crate::service::call::{Call, Context, Outcome};

pub(crate) fn marks(context: &Context, call: &Call) -> Outcome {
    let request: MarksRequest = call.decode()?;
    let space = context.engine.space(call.space())?;
    let listing = convert::marks_scope(&request);
    let scope = CursorScope { space: space.id.0, listing: &listing };
    let offset = match &request.cursor {
        None => 0,
        Some(text) => scope.decode_offset(text).ok_or(EngineError::CursorInvalid)?,
    };
    let page = context.engine.marks(call.space(), &convert::marks_query(request, offset))?;
    let next = page.next.map(|offset| scope.encode_offset(offset));
    Ok(call.answer(&convert::marks_response(page, next)))
}
