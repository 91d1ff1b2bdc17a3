//! What each operation does: decode, convert, ask the engine, convert back. One function each, one table of all.

use std::sync::Arc;

use engram_api::{
    CreateSpaceRequest, DeleteSpaceResponse, ErrorCode, ForgetReceiptRequest, ForgetRequest,
    GetRequest, ListRequest, ListSpacesResponse, ListStateName, RememberRequest, RememberResult,
    RestoreRequest, StatusView, Timestamp, VersionView, WaitName,
};
use engram_engine::{Done, EngineError, ListQuery, NewMemory, OnInvalid, Prepared, Remembered};
use engram_store::Lsn;

use crate::convert;
use crate::cursor::CursorScope;
use crate::node::Node;
use crate::refusal::Refusal;
use crate::service::associations::{associate, associations, dissociate, spread};
use crate::service::backups::{
    backup_status, create_backup, create_restore_point, restore_space, take_over_repository,
};
use crate::service::call::{
    Answer, Begun, BegunNested, Call, Context, Finish, Outcome, Reply, done,
};
use crate::service::completion::{complete, imagine, predict};
use crate::service::consolidation::{beliefs, consolidate, undo_consolidation};
use crate::service::feedback::{fading, feedback, retention};
use crate::service::keys::{create_key, list_keys, revoke_key, rotate_key, whoami};
use crate::service::marks::marks;
use crate::service::parts::{in_parts, worth_spreading};
use crate::service::query::query;
use crate::service::recall::{recall, recognize};
use crate::service::transfer::{export, import};
use crate::service::versions::{history, update};

/// Memories of a page that asks for no number.
const LIST_LIMIT_DEFAULT: u32 = 100;
/// How an operation runs.
#[derive(Clone, Copy)]
pub(crate) enum Handler {
    /// Says something of the node; also while it is not ready.
    Node(fn(&Node, &Call) -> Answer),
    /// Looks something up, in microseconds.
    Look(fn(&Context, &Call) -> Outcome),
    /// Searches.
    Search(fn(&Context, &Call) -> Outcome),
    /// Goes on for long, in steps.
    Steps(fn(&Context, &Call) -> Begun),
    /// Waits for what happens in a space.
    Follow,
    /// Stands for calls of other operations.
    Nested(fn(&Context, &Call) -> BegunNested),
    /// Ends in a commit, which sends the answer.
    Commit(fn(&Context, &Call, Reply) -> Result<(), Refusal>),
}

/// Every operation of the contract.
pub(crate) const HANDLERS: &[(&str, Handler)] = &[
    ("remember", Handler::Commit(remember)),
    ("remember_many", Handler::Commit(remember_many)),
    ("update", Handler::Commit(update)),
    ("history", Handler::Search(history)),
    ("get", Handler::Search(get)),
    ("list", Handler::Search(list)),
    ("recall", Handler::Search(recall)),
    ("recognize", Handler::Search(recognize)),
    ("spread", Handler::Search(spread)),
    ("complete", Handler::Search(complete)),
    ("predict", Handler::Search(predict)),
    ("imagine", Handler::Search(imagine)),
    ("associate", Handler::Commit(associate)),
    ("dissociate", Handler::Commit(dissociate)),
    ("associations", Handler::Search(associations)),
    ("marks", Handler::Search(marks)),
    ("forget", Handler::Commit(forget)),
    ("forget_receipt", Handler::Search(forget_receipt)),
    ("restore", Handler::Commit(restore)),
    ("feedback", Handler::Commit(feedback)),
    ("retention", Handler::Search(retention)),
    ("consolidate", Handler::Steps(consolidate)),
    ("undo_consolidation", Handler::Commit(undo_consolidation)),
    ("beliefs", Handler::Search(beliefs)),
    ("fading", Handler::Search(fading)),
    ("changes", Handler::Follow),
    ("query", Handler::Nested(query)),
    ("export", Handler::Search(export)),
    ("import", Handler::Commit(import)),
    ("create_space", Handler::Commit(create_space)),
    ("list_spaces", Handler::Look(list_spaces)),
    ("get_space", Handler::Look(get_space)),
    ("delete_space", Handler::Commit(delete_space)),
    ("space_stats", Handler::Search(space_stats)),
    ("create_key", Handler::Search(create_key)),
    ("list_keys", Handler::Look(list_keys)),
    ("rotate_key", Handler::Search(rotate_key)),
    ("revoke_key", Handler::Search(revoke_key)),
    ("whoami", Handler::Node(whoami)),
    ("status", Handler::Node(status)),
    ("version", Handler::Node(version)),
    ("create_backup", Handler::Look(create_backup)),
    ("create_restore_point", Handler::Look(create_restore_point)),
    ("restore_space", Handler::Look(restore_space)),
    ("take_over_repository", Handler::Look(take_over_repository)),
    ("backup_status", Handler::Look(backup_status)),
];

fn remember(context: &Context, call: &Call, reply: Reply) -> Result<(), Refusal> {
    let request: RememberRequest = call.decode()?;
    let key = call.idempotency_key(request.idempotency_key)?;
    let codec = call.codec;
    let mut memories = vec![convert::new_memory(request.memory)];
    call.caller.bound_claims(&mut memories[0].content, "")?;
    let options = convert::remember_options(OnInvalid::RefuseAll, key, call.caller.principal());
    let done = when_stored(context, call, (request.wait, reply), move |result| {
        let mut items = result.map_err(alone)?.items;
        match items.pop() {
            Some(Ok(item)) => Ok(codec.answer(&convert::remember_response(item))),
            Some(Err(error)) => Err(alone(error).into()),
            None => Err(Refusal::new(ErrorCode::Internal, "the engine answered nothing")),
        }
    });
    context.engine.remember(call.space(), memories, &options, done);
    Ok(())
}

/// Tells `reply` how to answer when the commit is durable or, where the request waits for links, when the associations
/// of its memories are formed. The memories stay stored whatever becomes of the wait.
fn when_stored(
    context: &Context,
    call: &Call,
    (wait, reply): (Option<WaitName>, Reply),
    view: impl FnOnce(Result<Remembered, EngineError>) -> Outcome + Send + 'static,
) -> Done<Remembered> {
    let (engine, space) = (Arc::clone(&context.engine), call.space().to_owned());
    Box::new(move |result| match (result, wait) {
        (Ok(mut remembered), Some(WaitName::Links)) => {
            let lsn = remembered.lsn;
            let (asked, name) = (Arc::clone(&engine), space.clone());
            let linked = Box::new(move |linked: Result<(), EngineError>| {
                let finish: Finish = Box::new(move || {
                    linked?;
                    asked.find_near_duplicates(&name, &mut remembered)?;
                    view(Ok(remembered))
                });
                // The receiver is gone when the request ran out of time.
                drop(reply.send(finish));
            });
            engine.when_linked(&space, lsn, linked);
        }
        (result, _) => {
            let finish: Finish = Box::new(move || view(result));
            drop(reply.send(finish));
        }
    })
}

/// The fields of a single memory stand at the top of its request.
fn alone(error: EngineError) -> EngineError {
    match error {
        EngineError::Invalid { field, problem } => {
            let field = field.strip_prefix("memories[0].").unwrap_or(&field).to_owned();
            EngineError::Invalid { field, problem }
        }
        other => other,
    }
}

fn remember_many(context: &Context, call: &Call, reply: Reply) -> Result<(), Refusal> {
    let (request, unread) = call.decode_many()?;
    let key = call.idempotency_key(request.idempotency_key)?;
    let codec = call.codec;
    let on_invalid = if request.partial { OnInvalid::KeepOthers } else { OnInvalid::RefuseAll };
    let options = convert::remember_options(on_invalid, key, call.caller.principal());
    let done = when_stored(context, call, (request.wait, reply), move |remembered| {
        let mut response = convert::remember_many_response(remembered?);
        for (place, problem) in unread {
            response.results[place] = RememberResult::Refused(problem);
        }
        Ok(codec.answer(&response))
    });
    let mut memories: Vec<NewMemory> =
        request.memories.into_iter().map(convert::new_memory).collect();
    for (place, memory) in memories.iter_mut().enumerate() {
        call.caller.bound_claims(&mut memory.content, &format!("memories[{place}]"))?;
    }
    let engine = &context.engine;
    if worth_spreading(engine, call.space(), memories.len()) {
        let work = |(first, part)| engine.prepare(call.space(), part, first);
        let prepared = in_parts(&context.helpers, memories, work, Prepared::append)?;
        engine.remember_prepared(prepared, &options, done);
    } else {
        engine.remember(call.space(), memories, &options, done);
    }
    Ok(())
}

fn get(context: &Context, call: &Call) -> Outcome {
    let request: GetRequest = call.decode()?;
    let detail = match request.as_of {
        None => context.engine.get(call.space(), &request.id)?,
        Some(as_of) => {
            context.engine.get_as_of(call.space(), &request.id, convert::as_of(as_of))?
        }
    };
    let view = convert::memory_view(detail, request.include_vectors);
    Ok(call.answer(&view).of_version(view.version))
}

fn list(context: &Context, call: &Call) -> Outcome {
    let request: ListRequest = call.decode()?;
    let is_past = request.as_of.is_some();
    if is_past && request.state.unwrap_or_default() != ListStateName::Active {
        let detail = "as_of lists what is active today";
        return Err(Refusal::new(ErrorCode::InvalidValue, detail).with_field("state"));
    }
    let space = context.engine.space(call.space())?;
    let listing = convert::list_scope(&request);
    let scope = CursorScope { space: space.id.0, listing: &listing };
    let after = match &request.cursor {
        None => None,
        Some(text) => Some(scope.decode(text).ok_or(EngineError::CursorInvalid)?),
    };
    let query = ListQuery {
        filter: convert::filter(request.filter.unwrap_or_default()),
        after,
        limit: request.limit.unwrap_or(LIST_LIMIT_DEFAULT) as usize,
        visibility: convert::visibility(request.state.unwrap_or_default()),
        as_of: request.as_of.map(convert::as_of),
    };
    let page = context.engine.list(call.space(), &query)?;
    let next = page.next.map(|cursor| scope.encode(cursor));
    Ok(call.answer(&convert::list_response(page.items, next, request.include_vectors)))
}

fn forget(context: &Context, call: &Call, reply: Reply) -> Result<(), Refusal> {
    let request: ForgetRequest = call.decode()?;
    let (mode, dry_run) = (request.mode.unwrap_or_default(), request.dry_run);
    let codec = call.codec;
    let done = done(reply, move |receipt| {
        Ok(codec.answer(&convert::forget_response(mode, dry_run, receipt)))
    });
    let forget = convert::forget(request, call.caller.principal())?;
    context.engine.forget(call.space(), forget, done);
    Ok(())
}

fn forget_receipt(context: &Context, call: &Call) -> Outcome {
    let request: ForgetReceiptRequest = call.decode()?;
    let found = context.engine.forgotten(call.space(), Lsn(request.lsn))?;
    Ok(call.answer(&convert::forget_receipt_response(found)))
}

fn restore(context: &Context, call: &Call, reply: Reply) -> Result<(), Refusal> {
    let request: RestoreRequest = call.decode()?;
    let codec = call.codec;
    let done = done(reply, move |receipt| Ok(codec.answer(&convert::restore_response(receipt))));
    let restore = convert::restore(request, call.caller.principal())?;
    context.engine.restore(call.space(), restore, done);
    Ok(())
}

fn create_space(context: &Context, call: &Call, reply: Reply) -> Result<(), Refusal> {
    let request: CreateSpaceRequest = call.decode()?;
    if !call.caller.sees(&request.name) {
        // Said whether or not there is such a space.
        let detail = format!("{:?} is not among the spaces of this caller", request.name);
        return Err(Refusal::new(ErrorCode::Forbidden, detail).with_field("name"));
    }
    let new = convert::new_space(request)?;
    let codec = call.codec;
    // The engine's answer carries the time of the request; what is asked for again carries the commit's.
    let engine = Arc::clone(&context.engine);
    let done = done(reply, move |info: engram_engine::SpaceInfo| {
        let info = engine.space(&info.name).unwrap_or(info);
        Ok(codec.answer(&convert::space_view(&info)))
    });
    context.engine.create_space(&new, done);
    Ok(())
}

fn list_spaces(context: &Context, call: &Call) -> Outcome {
    let spaces = context.engine.spaces();
    let own = spaces.iter().filter(|space| call.caller.sees(&space.name));
    let spaces = own.map(convert::space_view).collect();
    Ok(call.answer(&ListSpacesResponse { spaces }))
}

fn get_space(context: &Context, call: &Call) -> Outcome {
    Ok(call.answer(&convert::space_view(&context.engine.space(call.space())?)))
}

fn delete_space(context: &Context, call: &Call, reply: Reply) -> Result<(), Refusal> {
    let memories = context.engine.stats(call.space())?.memories;
    let codec = call.codec;
    let done = done(reply, move |info: engram_engine::SpaceInfo| {
        let uuid = convert::uuid_text(&info);
        Ok(codec.answer(&DeleteSpaceResponse { name: info.name, uuid, memories }))
    });
    context.engine.delete_space(call.space(), done);
    Ok(())
}

fn space_stats(context: &Context, call: &Call) -> Outcome {
    let stats = context.engine.stats(call.space())?;
    let learned = context.engine.calibration(call.space())?;
    Ok(call.answer(&convert::stats_view(
        call.space(),
        &stats,
        &learned,
        &context.quotas.of(call.space()),
    )))
}

fn status(node: &Node, call: &Call) -> Answer {
    let figures = node.figures();
    let engine = node.opened.get().map(|opened| &opened.engine);
    let mut spaces = engine.map_or_else(Vec::new, |engine| engine.spaces());
    spaces.retain(|space| call.caller.sees(&space.name));
    let open: Vec<_> =
        figures.spaces.iter().filter(|space| call.caller.sees(&space.name)).collect();
    let known = spaces.len() as u64;
    let quarantined = spaces.into_iter().filter(|space| space.quarantined.is_some());
    call.answer(&StatusView {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        state: node.state(),
        started_at: Timestamp(node.started_at_ns),
        spaces: known,
        open_spaces: open.len() as u64,
        memories: open.iter().map(|space| space.stats.memories).sum(),
        quarantined: quarantined.map(|space| space.name).collect(),
        reason: node.write_fault(),
    })
}

fn version(_node: &Node, call: &Call) -> Answer {
    call.answer(&VersionView {
        name: "engram".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        api: "v1".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use engram_api::OPERATIONS;

    use super::*;

    #[test]
    fn every_operation_has_one_handler_and_the_reverse() {
        let operations: BTreeSet<&str> = OPERATIONS.iter().map(|op| op.name).collect();
        let handlers: BTreeSet<&str> = HANDLERS.iter().map(|(name, _)| *name).collect();
        assert_eq!(operations, handlers);
        assert_eq!(handlers.len(), HANDLERS.len(), "no operation has two");
    }
}
