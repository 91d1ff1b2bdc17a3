//! Memories of other programs: mem0 (mem0ai 2.2, `get_all` and the platform's export) and items of a LangGraph store, where LangMem
//! keeps its memories (langgraph-checkpoint 4.3, `Item.dict`; langmem 0.0.30).
//!
//! What has a place in a memory goes there; all else stays in the metadata under the name of the program. A time without an offset
//! is one in UTC, as both programs write them.

use engram_api::{KindName, MemoryInput, SourceInput, Timestamp};
use serde_json::{Map, Value};

/// Longest tag that is made of a foreign name, bytes.
const TAG_BYTES_MAX: usize = 128;
const NS_PER_DAY: i64 = 86_400_000_000_000;

type Fields = Map<String, Value>;

/// A memory of another program; none where the fields are of no program that is known here.
///
/// # Errors
/// What is wrong with the fields.
pub(super) fn foreign(fields: &Fields) -> Option<Result<MemoryInput, String>> {
    if fields.contains_key("memory_id") && fields.contains_key("new_memory") {
        let why = "this is a history of mem0, which tells of deleted memories too; import what get_all gives";
        return Some(Err(why.to_owned()));
    }
    if fields.get("memory").is_some_and(Value::is_string) {
        return Some(of_mem0(fields.clone()));
    }
    let is_item = fields.get("namespace").is_some_and(Value::is_array)
        && fields.get("key").is_some_and(Value::is_string)
        && fields.get("value").is_some_and(Value::is_object);
    is_item.then(|| of_store(fields.clone()))
}

/// A fact that mem0 has drawn from a conversation.
fn of_mem0(mut fields: Fields) -> Result<MemoryInput, String> {
    let mut memory = MemoryInput {
        id: text(&mut fields, "id"),
        kind: Some(KindName::Fact),
        text: text(&mut fields, "memory"),
        session: text(&mut fields, "run_id"),
        occurred_at: time(&mut fields, "created_at")?,
        expires_at: last_day(&mut fields, "expiration_date")?,
        people: ["user_id", "actor_id"].iter().filter_map(|name| text(&mut fields, name)).collect(),
        tags: labels(fields.remove("categories")),
        source: source("mem0"),
        ..MemoryInput::default()
    };
    memory.people.dedup();
    if let Some(Value::Object(own)) = fields.remove("metadata") {
        memory.metadata = own;
    }
    // What a search thought of it is nothing of the memory.
    fields.remove("score");
    keep(&mut memory.metadata, "mem0", fields);
    Ok(memory)
}

/// An item of a LangGraph store.
fn of_store(mut fields: Fields) -> Result<MemoryInput, String> {
    let namespace = labels(fields.get("namespace").cloned());
    let key = fields.get("key").and_then(Value::as_str).unwrap_or_default();
    let id = namespace.iter().map(String::as_str).chain([key]).collect::<Vec<&str>>().join("/");
    let occurred_at = time(&mut fields, "created_at")?;
    let Some(Value::Object(mut value)) = fields.remove("value") else {
        return Err("`value` is no object".to_owned());
    };
    let kind = text(&mut value, "kind");
    let text = told(&mut value, kind.as_deref()).ok_or("`value` says nothing in words")?;
    let mut memory = MemoryInput {
        id: Some(id),
        kind: Some(kind_of(kind.as_deref())),
        text: Some(text),
        occurred_at,
        tags: namespace.into_iter().filter(|tag| tag.len() <= TAG_BYTES_MAX).collect(),
        source: source("langgraph"),
        ..MemoryInput::default()
    };
    fields.remove("score");
    if let Some(kind) = kind {
        fields.insert("kind".to_owned(), kind.into());
    }
    if !value.is_empty() {
        fields.insert("value".to_owned(), value.into());
    }
    keep(&mut memory.metadata, "langgraph", fields);
    Ok(memory)
}

/// What an item says: its text, else all of its fields in words. A text is taken out; fields stay beside their words.
fn told(value: &mut Fields, kind: Option<&str>) -> Option<String> {
    for name in ["content", "text", "memory"] {
        match value.get(name) {
            Some(Value::String(_)) => return text(value, name),
            Some(Value::Object(inner)) if inner.len() == 1 => {
                let only = inner.get("content").and_then(Value::as_str).map(str::to_owned);
                if only.is_some() {
                    value.remove(name);
                    return only;
                }
            }
            _ => {}
        }
    }
    let whole = value.get("content").and_then(Value::as_object).unwrap_or(value);
    let words: Vec<String> = whole
        .iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| match value {
            Value::String(text) => format!("{name}: {text}"),
            other => format!("{name}: {other}"),
        })
        .collect();
    let kind = kind.map(|kind| format!("{kind}. ")).unwrap_or_default();
    (!words.is_empty()).then(|| format!("{kind}{}", words.join("; ")))
}

fn kind_of(kind: Option<&str>) -> KindName {
    let kind = kind.unwrap_or_default().to_lowercase();
    if kind.contains("episod") {
        KindName::Episode
    } else if kind.contains("procedur") {
        KindName::Procedure
    } else {
        KindName::Fact
    }
}

fn source(kind: &str) -> Option<SourceInput> {
    Some(SourceInput { kind: Some(kind.to_owned()), ..SourceInput::default() })
}

/// Keeps what is left under the name of its program.
fn keep(metadata: &mut Fields, program: &str, mut rest: Fields) {
    rest.retain(|_, value| !value.is_null());
    if !rest.is_empty() {
        metadata.insert(program.to_owned(), rest.into());
    }
}

fn text(fields: &mut Fields, name: &str) -> Option<String> {
    match fields.get(name) {
        Some(Value::String(text)) if !text.is_empty() => {
            let text = text.clone();
            fields.remove(name);
            Some(text)
        }
        _ => None,
    }
}

fn labels(list: Option<Value>) -> Vec<String> {
    let Some(Value::Array(items)) = list else { return Vec::new() };
    items.into_iter().filter_map(|item| item.as_str().map(str::to_owned)).collect()
}

fn time(fields: &mut Fields, name: &str) -> Result<Option<Timestamp>, String> {
    let Some(text) = text(fields, name) else { return Ok(None) };
    let time = Timestamp::parse(&text).or_else(|_| Timestamp::parse(&format!("{text}Z")));
    time.map(Some).map_err(|_| format!("`{name}` is no time: {text:?}"))
}

/// The end of the last day on which a memory is there.
fn last_day(fields: &mut Fields, name: &str) -> Result<Option<Timestamp>, String> {
    let Some(day) = text(fields, name) else { return Ok(None) };
    let start = day.get(..10).and_then(|day| Timestamp::parse(&format!("{day}T00:00:00Z")).ok());
    let start = start.ok_or_else(|| format!("`{name}` is no day: {day:?}"))?;
    Ok(Some(Timestamp(start.0.saturating_add(NS_PER_DAY))))
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(json: &str, expected: &Expect) {
        let fields: Fields = serde_json::from_str(json).unwrap();
        expected.assert_eq(&match foreign(&fields) {
            None => "of no program".to_owned(),
            Some(Err(why)) => why,
            Some(Ok(memory)) => serde_json::to_string(&memory).unwrap(),
        });
    }

    #[test]
    fn what_mem0_knows_finds_its_place() {
        check(
            r#"{"id":"4f6a","memory":"Likes sushi","hash":"9e1f","metadata":{"app":"menu"},"score":0.3,"created_at":"2024-07-01T10:00:00.123456-07:00","updated_at":null,"user_id":"alice","agent_id":"waiter","run_id":"r1","categories":["food"],"expiration_date":"2030-12-31"}"#,
            &expect![[
                r#"{"id":"4f6a","kind":"fact","text":"Likes sushi","session":"r1","occurred_at":"2024-07-01T17:00:00.123456Z","people":["alice"],"tags":["food"],"metadata":{"app":"menu","mem0":{"agent_id":"waiter","hash":"9e1f"}},"source":{"kind":"mem0"},"expires_at":"2031-01-01T00:00:00Z"}"#
            ]],
        );
        check(
            r#"{"id":"1","memory":"Moved","created_at":"2024-07-01T10:00:00"}"#,
            &expect![[
                r#"{"id":"1","kind":"fact","text":"Moved","occurred_at":"2024-07-01T10:00:00Z","source":{"kind":"mem0"}}"#
            ]],
        );
        check(
            r#"{"id":"1","memory":"Moved","created_at":"soon"}"#,
            &expect![[r#"`created_at` is no time: "soon""#]],
        );
        check(
            r#"{"id":"1","memory_id":"4f6a","old_memory":null,"new_memory":"x","event":"ADD","is_deleted":false}"#,
            &expect![
                "this is a history of mem0, which tells of deleted memories too; import what get_all gives"
            ],
        );
    }

    #[test]
    fn items_of_a_store_are_told_in_words() {
        check(
            r#"{"namespace":["memories","user123"],"key":"k1","value":{"kind":"Memory","content":{"content":"Prefers dark mode"}},"created_at":"2025-01-02T03:04:05.000006+00:00","updated_at":"2025-01-02T03:04:05.000006+00:00"}"#,
            &expect![[
                r#"{"id":"memories/user123/k1","kind":"fact","text":"Prefers dark mode","occurred_at":"2025-01-02T03:04:05.000006Z","tags":["memories","user123"],"metadata":{"langgraph":{"key":"k1","kind":"Memory","namespace":["memories","user123"],"updated_at":"2025-01-02T03:04:05.000006+00:00"}},"source":{"kind":"langgraph"}}"#
            ]],
        );
        check(
            r#"{"namespace":["memories"],"key":"k2","value":{"content":"Likes tea"}}"#,
            &expect![[
                r#"{"id":"memories/k2","kind":"fact","text":"Likes tea","tags":["memories"],"metadata":{"langgraph":{"key":"k2","namespace":["memories"]}},"source":{"kind":"langgraph"}}"#
            ]],
        );
        check(
            r#"{"namespace":["p"],"key":"k3","value":{"kind":"UserProfile","content":{"name":"Ada","age":36,"pet":null}}}"#,
            &expect![[
                r#"{"id":"p/k3","kind":"fact","text":"UserProfile. age: 36; name: Ada","tags":["p"],"metadata":{"langgraph":{"key":"k3","kind":"UserProfile","namespace":["p"],"value":{"content":{"age":36,"name":"Ada","pet":null}}}},"source":{"kind":"langgraph"}}"#
            ]],
        );
        check(
            r#"{"namespace":["p"],"key":"k4","value":{}}"#,
            &expect!["`value` says nothing in words"],
        );
        check(r#"{"text":"ours"}"#, &expect!["of no program"]);
    }
}
