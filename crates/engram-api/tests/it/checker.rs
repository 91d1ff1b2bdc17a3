//! A small JSON Schema checker: only what the schemas of this crate use.

use serde_json::Value;

/// What is wrong with `value` under `schema`; empty = nothing. Properties that the schema does not name are faults, even
/// where the schema would let them pass.
pub(crate) fn faults(value: &Value, schema: &Value) -> Vec<String> {
    let mut out = Vec::new();
    check(value, schema, "$", &mut out);
    out
}

fn check(value: &Value, schema: &Value, path: &str, out: &mut Vec<String>) {
    if let Some(target) = schema["$ref"].as_str() {
        let name = target.rsplit('/').next().unwrap();
        let all = engram_api::schemas();
        match all.get(name) {
            Some(target) => check(value, target, path, out),
            None => out.push(format!("{path}: no schema {name}")),
        }
        return;
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        let passing = choices.iter().filter(|choice| faults(value, choice).is_empty()).count();
        if passing != 1 {
            out.push(format!("{path}: {passing} of the choices pass"));
        }
    }
    if let Some(names) = schema["enum"].as_array()
        && !names.contains(value)
    {
        out.push(format!("{path}: {value} is not in {names:?}"));
    }
    match &schema["type"] {
        Value::Null => {}
        Value::String(kind) if is(value, kind) => {}
        Value::Array(kinds) if kinds.iter().any(|kind| is(value, kind.as_str().unwrap())) => {}
        wanted => out.push(format!("{path}: {value} is not {wanted}")),
    }
    if let Some(number) = value.as_f64()
        && (schema["minimum"].as_f64().is_some_and(|low| number < low)
            || schema["maximum"].as_f64().is_some_and(|high| number > high))
    {
        out.push(format!("{path}: {number} is out of range"));
    }
    if let Some(items) = value.as_array() {
        for (index, item) in items.iter().enumerate() {
            check(item, &schema["items"], &format!("{path}[{index}]"), out);
        }
    }
    if let Some(object) = value.as_object() {
        check_object(object, schema, path, out);
    }
}

fn check_object(
    object: &serde_json::Map<String, Value>,
    schema: &Value,
    path: &str,
    out: &mut Vec<String>,
) {
    for name in schema["required"].as_array().into_iter().flatten() {
        if !object.contains_key(name.as_str().unwrap()) {
            out.push(format!("{path}: {name} is missing"));
        }
    }
    for (name, value) in object {
        let inner = format!("{path}.{name}");
        match (&schema["properties"][name], &schema["additionalProperties"]) {
            (Value::Null, Value::Bool(true)) => {}
            (Value::Null, Value::Object(_)) => {
                check(value, &schema["additionalProperties"], &inner, out);
            }
            (Value::Null, _) if schema["type"] == "object" => {
                out.push(format!("{inner}: the schema does not name it"));
            }
            (Value::Null, _) => {}
            (property, _) => check(value, property, &inner, out),
        }
    }
}

fn is(value: &Value, kind: &str) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_u64() || value.is_i64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("unknown type {other}"),
    }
}

#[test]
fn the_checker_finds_faults() {
    let schema = serde_json::json!({"type": "object", "required": ["a"], "properties": {"a": {"type": "number", "maximum": 1}}});
    let count = |json: &str| faults(&serde_json::from_str(json).unwrap(), &schema).len();
    assert_eq!(count(r#"{"a": 1}"#), 0);
    assert_eq!(count(r#"{"a": 2}"#), 1);
    assert_eq!(count(r#"{"a": "x", "b": 1}"#), 2);
    assert_eq!(count("{}"), 1);
    assert_eq!(count("[]"), 1);
}
