//! What the operations on keys do, and who the caller is.

use engram_api::{
    CallerView, CreateKeyRequest, ErrorCode, ListKeysResponse, OPERATIONS, RevokeKeyRequest,
    RotateKeyRequest, Timestamp,
};

use crate::auth::{Grant, new_key};
use crate::node::Node;
use crate::refusal::Refusal;
use crate::service::call::{Answer, Call, Context, Outcome};

pub(super) fn create_key(context: &Context, call: &Call) -> Outcome {
    let request: CreateKeyRequest = call.decode()?;
    let new = new_key(request)?;
    covered(call, &new.grant)?;
    let outlives =
        call.caller.ends_at().is_some_and(|ends| new.expires_at.is_none_or(|at| at > ends));
    if outlives || call.caller.is_limited() && new.requests_per_second.is_none() {
        let detail = "the caller has an end or a rate, and the key would have none such: give it one no later and no higher";
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
    if let Some(grant) = keys.grant(&request.id)? {
        covered(call, &grant)?;
    }
    Ok(call.answer(&keys.rotate(&request.id, request.overlap_seconds)?))
}

pub(super) fn revoke_key(context: &Context, call: &Call) -> Outcome {
    let request: RevokeKeyRequest = call.decode()?;
    let keys = context.access.keys()?;
    // Nobody shuts those out who may do more than he.
    if let Some(grant) = keys.grant(&request.id)? {
        covered(call, &grant)?;
    }
    Ok(call.answer(&keys.revoke(&request.id)?))
}

fn covered(call: &Call, grant: &Grant) -> Result<(), Refusal> {
    if call.caller.grant().covers(grant) {
        return Ok(());
    }
    let detail = "the key may do what the caller itself may not";
    Err(Refusal::new(ErrorCode::Forbidden, detail))
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
