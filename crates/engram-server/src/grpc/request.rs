//! What stands in a message and beside it.

use std::pin::Pin;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{Extensions, HeaderMap};
use engram_api::{ErrorCode, ProtoRpc, Scope, space_of};
use futures_util::Stream;
use tonic::Status;
use tonic::metadata::MetadataMap;

use crate::auth::Caller;
use crate::node::Node;
use crate::refusal::Refusal;
use crate::rest::ClientAddr;
use crate::service::{Call, Codec, Door, Held, Origin, request_id, space_name};

const IDEMPOTENCY_KEY: &str = "idempotency-key";
const TIMEOUT: &str = "grpc-timeout";
pub(super) const REQUEST_ID: &str = "x-request-id";

/// Messages that follow each other.
pub(super) type Told = Pin<Box<dyn Stream<Item = Result<Vec<u8>, Status>> + Send>>;

/// The call that a message is, and the memory that it is counted for.
pub(super) fn call_of(
    node: &Node,
    rpc: &'static ProtoRpc,
    ((caller, origin), body): (Sender, Bytes),
    key: Option<String>,
) -> Result<(Call, Held), Refusal> {
    let held = Held::of(node, body.len())?;
    let space = match rpc.operation.scope {
        Scope::Space => space_name(space_of(&rpc.request, &body)?)?,
        Scope::Node => String::new(),
    };
    let call = Call {
        caller,
        origin,
        operation: rpc.operation,
        space,
        body,
        codec: Codec::Proto(rpc),
        key,
        if_version: None,
        limit: node.settings.limits.request_timeout,
    };
    Ok((call, held))
}

/// An idempotency key beside the message. One that cannot be read must not be left out: the write would not be safe to repeat.
pub(super) fn key_of(metadata: &MetadataMap) -> Result<Option<String>, Refusal> {
    let key = text_of(metadata, IDEMPOTENCY_KEY);
    if key.is_none() && metadata.contains_key(IDEMPOTENCY_KEY) {
        let detail = "the key in the metadata is not ASCII; name it in the message";
        return Err(Refusal::new(ErrorCode::InvalidValue, detail).with_field("idempotency_key"));
    }
    Ok(key)
}

fn text_of(metadata: &MetadataMap, name: &str) -> Option<String> {
    metadata.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

/// The id of a call, as it was drawn when it came in: the answer and the audit log name the same.
pub(super) fn id_of<T>(request: &tonic::Request<T>) -> String {
    let sender = request.extensions().get::<Sender>();
    sender.map_or_else(|| request_id(None), |(_, origin)| origin.request_id.clone())
}

/// Where a call comes from.
pub(super) fn origin_of(headers: &HeaderMap, extensions: &Extensions) -> Origin {
    let id = request_id(headers.get(REQUEST_ID).and_then(|value| value.to_str().ok()));
    let client = extensions.get::<ClientAddr>().map(|ClientAddr(addr)| *addr);
    Origin { door: Door::Grpc, request_id: id, client }
}

/// Who sends a call, and from where, as it was put beside it.
pub(super) type Sender = (Caller, Origin);

pub(super) fn caller_of<T>(request: &tonic::Request<T>) -> Result<Sender, Refusal> {
    request.extensions().get::<Sender>().cloned().ok_or_else(|| {
        Refusal::new(ErrorCode::Unauthenticated, "nobody looked at who sends this call")
    })
}

/// The time that the client gives the call, no longer than the settings give it.
pub(super) fn deadline(node: &Node, metadata: &MetadataMap) -> Duration {
    let limit = node.settings.limits.request_timeout;
    let given = text_of(metadata, TIMEOUT).and_then(|text| timeout(&text));
    given.map_or(limit, |given| given.min(limit))
}

/// A time as gRPC writes it: up to eight digits and a unit.
fn timeout(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let count: u64 = digits.parse().ok().filter(|_| digits.len() <= 8)?;
    Some(match unit {
        "H" => Duration::from_secs(count * 3_600),
        "M" => Duration::from_secs(count * 60),
        "S" => Duration::from_secs(count),
        "m" => Duration::from_millis(count),
        "u" => Duration::from_micros(count),
        "n" => Duration::from_nanos(count),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_read_as_grpc_writes_them() {
        assert_eq!(timeout("5S"), Some(Duration::from_secs(5)));
        assert_eq!(timeout("250m"), Some(Duration::from_millis(250)));
        for bad in ["", "S", "5", "5s", "-1S", "123456789S", "\u{fc}"] {
            assert_eq!(timeout(bad), None, "{bad}");
        }
    }
}
