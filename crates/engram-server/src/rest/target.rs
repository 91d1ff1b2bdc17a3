//! What the path and the query of a request name, decoded without guessing.

use engram_api::{ErrorCode, Route, nearest};
use engram_engine::ID_BYTES_MAX;
use serde_json::{Map, Value};

use crate::refusal::Refusal;
use crate::service::space_name;

/// The variable parts of a path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) space: String,
    pub(crate) id: Option<String>,
    pub(crate) lsn: Option<u64>,
}

/// Reads the parts of `path` that stand under a name in the template. Path and template have as many segments, since
/// the router matched them.
pub(crate) fn target(template: &str, path: &str) -> Result<Target, Refusal> {
    let mut target = Target::default();
    for (name, raw) in template.split('/').zip(path.split('/')) {
        match name {
            "{space}" => target.space = space_name(percent_decoded(raw)?)?,
            "{lsn}" => target.lsn = Some(lsn(raw)?),
            "{id}" => target.id = Some(memory_id(percent_decoded(raw)?)?),
            _ => {}
        }
    }
    Ok(target)
}

fn lsn(raw: &str) -> Result<u64, Refusal> {
    raw.parse().map_err(|_| {
        let detail = "an LSN in a path is a whole number";
        Refusal::new(ErrorCode::InvalidValue, detail).with_field("lsn")
    })
}

/// `.` and `..` never arrive from a client that normalises paths: they are refused for all, so that none is surprised.
fn memory_id(id: String) -> Result<String, Refusal> {
    let bad = |detail: &str| Err(Refusal::new(ErrorCode::BadId, detail).with_field("id"));
    if id == "." || id == ".." {
        return bad("an id is neither . nor ..");
    }
    if id.is_empty() || id.len() > ID_BYTES_MAX || id.chars().any(char::is_control) {
        return bad("an id has 1 to 256 bytes of printable UTF-8");
    }
    Ok(id)
}

/// The text that a part of an address stands for.
pub(crate) fn percent_decoded(raw: &str) -> Result<String, Refusal> {
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw.as_bytes();
    while let [byte, after @ ..] = rest {
        rest = after;
        if *byte != b'%' {
            bytes.push(*byte);
            continue;
        }
        let digit = |byte: u8| char::from(byte).to_digit(16);
        match after {
            [high, low, after @ ..] if digit(*high).is_some() && digit(*low).is_some() => {
                let value = digit(*high).zip(digit(*low)).map_or(0, |(high, low)| high * 16 + low);
                bytes.push(value as u8);
                rest = after;
            }
            _ => {
                let detail = "a % in the path or query is not followed by two hexadecimal digits";
                return Err(Refusal::new(ErrorCode::UnsafeRequest, detail));
            }
        }
    }
    String::from_utf8(bytes).map_err(|_| {
        let detail = "the percent-encoded bytes in the path or query are not UTF-8";
        Refusal::new(ErrorCode::InvalidUtf8, detail)
    })
}

/// The request that a route without a body stands for: the id of its path and the fields of its query, as JSON.
pub(crate) fn request_of(route: &Route, target: &Target, query: &str) -> Result<Vec<u8>, Refusal> {
    let mut fields = Map::new();
    if let Some(id) = &target.id {
        fields.insert("id".to_owned(), Value::from(id.as_str()));
    }
    if let Some(lsn) = target.lsn {
        fields.insert("lsn".to_owned(), Value::from(lsn));
    }
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (percent_decoded(name)?, percent_decoded(value)?);
        if !route.query.contains(&name.as_str()) {
            return Err(unknown_field(route, &name));
        }
        let repeated = fields.insert(name.clone(), query_value(&name, value)).is_some();
        if repeated {
            let detail = format!("{name} stands twice in the query");
            return Err(Refusal::new(ErrorCode::InvalidValue, detail).with_field(name));
        }
    }
    Ok(serde_json::to_vec(&fields).expect("a map of plain values can be written"))
}

/// A cursor is text whatever it looks like; the other fields of queries are numbers and switches.
fn query_value(name: &str, value: String) -> Value {
    if name == "cursor" {
        return Value::String(value);
    }
    serde_json::from_str(&value).unwrap_or(Value::String(value))
}

fn unknown_field(route: &Route, name: &str) -> Refusal {
    let known = route.query.join(", ");
    let detail = match route.query {
        [] => format!("the query field {name:?} is not known; this route takes none"),
        _ => format!("the query field {name:?} is not known; this route takes {known}"),
    };
    let found = nearest(name, route.query.iter().copied()).map(str::to_owned);
    let problem = engram_api::Problem::new(ErrorCode::UnknownField, detail);
    Refusal::from(problem.with_field(name).with_nearest(found))
}

#[cfg(test)]
mod tests {
    use engram_api::Method;

    use super::*;

    const ONE: &str = "/api/v1/spaces/{space}/memories/{id}";

    fn read(path: &str) -> Result<Target, String> {
        target(ONE, path).map_err(|refusal| refusal.0.code)
    }

    #[test]
    fn names_are_decoded_once() {
        let found = read("/api/v1/spaces/notes/memories/a%2Fb%20%C3%BC%2541+x").unwrap();
        assert_eq!(found.space, "notes");
        assert_eq!(found.id.as_deref(), Some("a/b \u{fc}%41+x"));
    }

    #[test]
    fn bad_names_are_refused() {
        let id = |id: &str| read(&format!("/api/v1/spaces/notes/memories/{id}"));
        for (raw, code) in [
            ("..", "bad_id"),
            (".", "bad_id"),
            ("%2e%2E", "bad_id"),
            ("a%00b", "bad_id"),
            ("a%0Ab", "bad_id"),
            ("%ff", "invalid_utf8"),
            ("%zz", "unsafe_request"),
            ("%", "unsafe_request"),
            ("%2", "unsafe_request"),
            ("%+1", "unsafe_request"),
        ] {
            assert_eq!(id(raw).unwrap_err(), code, "{raw}");
        }
        assert_eq!(id(&"x".repeat(10_000)).unwrap_err(), "bad_id");
        for space in ["..", "Notes", "a%2Fb", "-a", "%20"] {
            let path = format!("/api/v1/spaces/{space}/memories/x");
            assert_eq!(read(&path).unwrap_err(), "bad_space_name", "{space}");
        }
    }

    #[test]
    fn queries_become_requests() {
        let route = Route { method: Method::Get, path: ONE, query: &["cursor", "limit"] };
        let read = |query: &str| {
            let bytes = request_of(&route, &Target::default(), query);
            bytes.map(|bytes| String::from_utf8(bytes).unwrap()).map_err(|refusal| refusal.0.code)
        };
        assert_eq!(read("").unwrap(), "{}");
        assert_eq!(read("limit=5&cursor=7").unwrap(), r#"{"cursor":"7","limit":5}"#);
        assert_eq!(read("limit=x").unwrap(), r#"{"limit":"x"}"#);
        assert_eq!(read("limt=5").unwrap_err(), "unknown_field");
        assert_eq!(read("limit=5&limit=6").unwrap_err(), "invalid_value");
        assert_eq!(read("cursor=%").unwrap_err(), "unsafe_request");
    }
}
