//! What the operations on keys do, and who the caller is.

use engram_api::{
    CallerView, CreateKeyRequest, ErrorCode, ListKeysResponse, OPERATIONS, RevokeKeyRequest,
    RotateKeyRequest, Timestamp,
};

use crate::auth::new_key;
use crate::node::Node;
use crate::refusal::Refusal;
use crate::service::call::{Answer, Call, Context, Outcome};

pub(super) fn create_key(context: &Context, call: &Call) -> Outcome {
    let request: CreateKeyRequest = call.decode()?;
    let new = new_key(request)?;
    if !call.caller.grant().covers(&new.grant) {
        let detail = "the key would allow what the caller itself may not do";
        return Err(Refusal::new(ErrorCode::Forbidden, detail));
    }
    Ok(call.answer(&context.access.keys()?.create(new)?))
}

pub(super) fn list_keys(context: &Context, call: &Call) -> Outcome {
    Ok(call.answer(&ListKeysResponse { keys: context.access.keys()?.list() }))
}

pub(super) fn rotate_key(context: &Context, call: &Call) -> Outcome {
    let request: RotateKeyRequest = call.decode()?;
    let keys = context.access.keys()?;
    // The new secret is shown to the caller, who then has what the key allows.
    if keys.grant(&request.id)?.is_some_and(|grant| !call.caller.grant().covers(&grant)) {
        let detail = "the key allows what the caller itself may not do";
        return Err(Refusal::new(ErrorCode::Forbidden, detail));
    }
    Ok(call.answer(&keys.rotate(&request.id, request.overlap_seconds)?))
}

pub(super) fn revoke_key(context: &Context, call: &Call) -> Outcome {
    let request: RevokeKeyRequest = call.decode()?;
    Ok(call.answer(&context.access.keys()?.revoke(&request.id)?))
}

pub(super) fn whoami(node: &Node, call: &Call) -> Answer {
    let (caller, authentication) = (&call.caller, node.access.is_on());
    let grant = caller.grant();
    let named = OPERATIONS.iter().filter(|operation| grant.names(operation));
    call.answer(&CallerView {
        authentication,
        principal: caller.is_known().then(|| caller.principal().to_owned()),
        operations: named.map(|operation| operation.name.to_owned()).collect(),
        spaces: grant.spaces.entries().to_vec(),
        expires_at: caller.ends_at().map(Timestamp),
    })
}
