//! From an operation and its request to a call, ready to be sent, and when it may be sent again.

use engram_api::{Method, Operation};
use serde::Serialize;

/// Length of a key that the client makes, bytes: no two calls of a space make the same in 24 hours.
const KEY_BYTES: usize = 16;

/// When a request may be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// Twice may do more than once, or hide what the first one did.
    Never,
    /// After a problem that says that the same request may succeed later.
    IfRefused,
    /// Also when no answer came: the server knows the request again, and gives the first answer.
    IfLost,
}

impl Repeat {
    /// For a request that changes nothing, or nothing more the second time.
    pub(crate) fn if_safe(safe: bool) -> Repeat {
        if safe { Repeat::IfRefused } else { Repeat::Never }
    }
}

/// A request, ready to be sent.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    /// Path with percent-encoded names and, where needed, a query.
    pub(crate) path: String,
    pub(crate) body: Option<Vec<u8>>,
    pub(crate) repeat: Repeat,
}

impl Call {
    /// A call of an operation by its first route.
    pub(crate) fn new(
        operation: &Operation,
        space: Option<&str>,
        body: Option<Vec<u8>>,
        repeat: Repeat,
    ) -> Call {
        let route = operation.routes[0];
        let path = match space {
            Some(space) => in_space(route.path, space),
            None => route.path.to_owned(),
        };
        Call { method: route.method, path, body, repeat }
    }
}

/// The path by which an operation of a space is reached with this method.
pub(crate) fn path(name: &str, method: Method, space: &str) -> String {
    let operation = Operation::by_name(name).expect("the names in this crate are in the table");
    let route = operation.routes.iter().find(|route| route.method == method);
    in_space(route.expect("the table has such a route").path, space)
}

fn in_space(path: &str, space: &str) -> String {
    path.replace("{space}", &encode(space))
}

/// By what a server knows a write again that comes a second time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KnownBy {
    /// By the caller's idempotency key.
    Key,
    /// By the ids of all its memories.
    Ids,
    /// By nothing that the caller gave.
    Nothing,
}

/// A write as JSON and when it may be sent again; what nothing identifies gets an idempotency key of its own.
pub(crate) fn write<T: Serialize>(request: &T, known_by: KnownBy) -> (Vec<u8>, Repeat) {
    #[derive(Serialize)]
    struct Keyed<'a, T> {
        #[serde(flatten)]
        request: &'a T,
        idempotency_key: String,
    }
    match known_by {
        KnownBy::Key => (json(request), Repeat::IfLost),
        KnownBy::Ids => (json(request), Repeat::IfRefused),
        KnownBy::Nothing => match random_key() {
            Some(idempotency_key) => (json(&Keyed { request, idempotency_key }), Repeat::IfLost),
            // The system has no randomness to give: then the request is sent, and sent once.
            None => (json(request), Repeat::Never),
        },
    }
}

fn random_key() -> Option<String> {
    let mut bytes = [0; KEY_BYTES];
    getrandom::fill(&mut bytes).ok()?;
    Some(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// A request as JSON.
pub(crate) fn json<T: Serialize>(request: &T) -> Vec<u8> {
    serde_json::to_vec(request).expect("requests have string keys and plain values")
}

/// Percent-encodes a name for one segment of a path: all but the unreserved characters of RFC 3986.
fn encode(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(byte.into());
            }
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use engram_api::{MemoryInput, RememberRequest};
    use serde_json::Value;

    use super::*;

    #[test]
    fn names_become_one_segment() {
        assert_eq!(encode("chat/17 ü%?"), "chat%2F17%20%C3%BC%25%3F");
        assert_eq!(encode("a-b_c.d~e"), "a-b_c.d~e");
    }

    #[test]
    fn what_nothing_identifies_gets_a_key_of_its_own() {
        let memory = MemoryInput { text: Some("one".to_owned()), ..MemoryInput::default() };
        let request = RememberRequest { memory, ..RememberRequest::default() };
        let key = || {
            let (body, repeat) = write(&request, KnownBy::Nothing);
            assert_eq!(repeat, Repeat::IfLost);
            let mut sent: Value = serde_json::from_slice(&body).unwrap();
            let key = sent["idempotency_key"].take();
            assert_eq!(sent["text"], "one");
            key.as_str().unwrap().to_owned()
        };
        let (first, second) = (key(), key());
        assert_eq!((first.len(), second.len()), (32, 32));
        assert_ne!(first, second);
        assert_eq!(write(&request, KnownBy::Ids), (json(&request), Repeat::IfRefused));
        assert_eq!(write(&request, KnownBy::Key), (json(&request), Repeat::IfLost));
    }
}
