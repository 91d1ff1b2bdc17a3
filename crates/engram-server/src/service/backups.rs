//! What the operations on backups do: they ask the thread of a repository and show what it says.

use engram_api::{
    CreateBackupRequest, CreateRestorePointRequest, RestoreSpaceRequest, TakeOverRepositoryRequest,
};

use crate::backups::JobRequest;
use crate::convert;
use crate::service::call::{Call, Context, Outcome};

pub(super) fn create_backup(context: &Context, call: &Call) -> Outcome {
    let request: CreateBackupRequest = call.decode()?;
    let kind = convert::backup_kind(request.kind);
    ask(context, call, request.repository, JobRequest::Create { kind, spaces: request.spaces })
}

pub(super) fn create_restore_point(context: &Context, call: &Call) -> Outcome {
    let request: CreateRestorePointRequest = call.decode()?;
    ask(context, call, request.repository, JobRequest::Point { name: request.name })
}

pub(super) fn restore_space(context: &Context, call: &Call) -> Outcome {
    let request: RestoreSpaceRequest = call.decode()?;
    let target = convert::restore_target(request.to, request.exclusive)?;
    let RestoreSpaceRequest { name: space, new_name, .. } = request;
    ask(context, call, request.repository, JobRequest::RestoreSpace { space, new_name, target })
}

pub(super) fn take_over_repository(context: &Context, call: &Call) -> Outcome {
    let request: TakeOverRepositoryRequest = call.decode()?;
    ask(context, call, request.repository, JobRequest::TakeOver)
}

pub(super) fn backup_status(context: &Context, call: &Call) -> Outcome {
    Ok(call.answer(&convert::backup_status(&context.backups, context.engine.commit_count())))
}

fn ask(context: &Context, call: &Call, repository: Option<String>, request: JobRequest) -> Outcome {
    let now_ns = context.engine.now_ns();
    let job = context.backups.ask(repository.as_deref(), request, now_ns)?;
    Ok(call.answer(&convert::backup_job(&job)))
}
