//! Moving memories between spaces: out page by page, in batch by batch.

use engram_api::{ExportRequest, ImportRequest};
use engram_engine::{EngineError, ImportOptions, Imported, OnInvalid, Portable, PreparedImport};

use crate::convert;
use crate::cursor::CursorScope;
use crate::refusal::Refusal;
use crate::service::call::{Call, Context, Outcome, Reply, done};
use crate::service::parts::{in_parts, worth_spreading};

pub(crate) fn export(context: &Context, call: &Call) -> Outcome {
    let request: ExportRequest = call.decode()?;
    let space = context.engine.space(call.space())?;
    let listing = convert::export_scope(&request);
    let scope = CursorScope { space: space.id.0, listing: &listing };
    let after = match &request.cursor {
        None => None,
        Some(text) => Some(scope.decode_export(text).ok_or(EngineError::CursorInvalid)?),
    };
    let page = context.engine.export(call.space(), &convert::export_query(request, after))?;
    let next = page.next.map(|cursor| scope.encode_export(cursor));
    Ok(call.answer(&convert::export_response(page, next)))
}

pub(crate) fn import(context: &Context, call: &Call, reply: Reply) -> Result<(), Refusal> {
    let request: ImportRequest = call.decode()?;
    let on_invalid = if request.partial { OnInvalid::KeepOthers } else { OnInvalid::RefuseAll };
    let principal = call.caller.principal();
    call.caller.is_trusted("import")?;
    let options = ImportOptions { on_invalid, principal: principal.to_owned() };
    let codec = call.codec;
    let done =
        done(
            reply,
            move |imported: Imported| Ok(codec.answer(&convert::import_response(imported))),
        );
    let records: Vec<Portable> =
        request.records.into_iter().map(|record| convert::portable(record, principal)).collect();
    let engine = &context.engine;
    if worth_spreading(engine, call.space(), records.len()) {
        let work = |(first, part)| engine.prepare_import(call.space(), part, first);
        let prepared = in_parts(&context.helpers, records, work, PreparedImport::append)?;
        engine.import_prepared(prepared, &options, done);
    } else {
        engine.import(call.space(), records, &options, done);
    }
    Ok(())
}
