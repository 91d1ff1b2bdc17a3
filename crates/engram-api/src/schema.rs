//! JSON Schemas of the wire types, written by hand with a few builders.
//!
//! Requests refuse unknown fields, answers may gain some. Tests hold every schema against its type: the examples must
//! pass both, and the fields of a request must be the same in both.

mod association;
mod consolidation;
mod learning;
mod mark;
mod completion;
mod query;
mod backup;
mod key;
mod changes;
mod memory;
mod update;
mod recall;
mod requests;
mod responses;
mod transfer;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// All schemas by the name of their type.
pub fn schemas() -> BTreeMap<&'static str, Value> {
    let mut all = BTreeMap::new();
    let groups = [
        memory::schemas(),
        recall::schemas(),
        association::schemas(),
        consolidation::schemas(),
        learning::schemas(),
        mark::schemas(),
        completion::schemas(),
        query::schemas(),
        changes::schemas(),
        backup::schemas(),
        key::schemas(),
        requests::schemas(),
        update::schemas(),
        responses::schemas(),
        transfer::schemas(),
    ];
    for (name, schema) in groups.into_iter().flatten() {
        let before = all.insert(name, schema);
        assert!(before.is_none(), "schema {name} is stated twice");
    }
    all
}

/// A schema with the name of its type.
type Named = (&'static str, Value);

/// A field of an object: name, schema, whether it must be there.
struct Field {
    name: &'static str,
    schema: Value,
    required: bool,
}

/// A field that must be there.
fn needs(name: &'static str, schema: Value, doc: &str) -> Field {
    Field { name, schema: described(schema, doc), required: true }
}

/// A field that may be absent.
fn may(name: &'static str, schema: Value, doc: &str) -> Field {
    Field { name, schema: described(schema, doc), required: false }
}

fn described(mut schema: Value, doc: &str) -> Value {
    let object = schema.as_object_mut().expect("the builders return objects");
    object.insert("description".to_owned(), Value::from(doc));
    schema
}

/// An object of a request: unknown fields are refused.
fn request(doc: &str, fields: Vec<Field>) -> Value {
    let mut schema = answer(doc, fields);
    schema["additionalProperties"] = Value::Bool(false);
    schema
}

/// An object of an answer: later versions may add fields.
fn answer(doc: &str, fields: Vec<Field>) -> Value {
    let required: Vec<&str> =
        fields.iter().filter(|field| field.required).map(|field| field.name).collect();
    let mut schema = json!({"type": "object", "description": doc});
    if !required.is_empty() {
        schema["required"] = Value::from(required);
    }
    let properties: Map<String, Value> =
        fields.into_iter().map(|field| (field.name.to_owned(), field.schema)).collect();
    schema["properties"] = Value::Object(properties);
    schema
}

fn text() -> Value {
    json!({"type": "string"})
}

fn text_of(min: u32, max: u32) -> Value {
    json!({"type": "string", "minLength": min, "maxLength": max})
}

fn one_of_names(names: &[&str]) -> Value {
    json!({"type": "string", "enum": names})
}

fn time() -> Value {
    json!({"type": "string", "format": "date-time"})
}

fn share() -> Value {
    json!({"type": "number", "minimum": 0, "maximum": 1})
}

fn number() -> Value {
    json!({"type": "number"})
}

fn count() -> Value {
    json!({"type": "integer", "minimum": 0})
}

fn integer(min: u32, max: u32) -> Value {
    json!({"type": "integer", "minimum": min, "maximum": max})
}

fn flag() -> Value {
    json!({"type": "boolean"})
}

fn list(items: &Value, max: u32) -> Value {
    json!({"type": "array", "items": items, "maxItems": max})
}

/// A list that must not be empty.
fn some(items: &Value, max: u32) -> Value {
    json!({"type": "array", "items": items, "minItems": 1, "maxItems": max})
}

fn any_list(items: &Value) -> Value {
    json!({"type": "array", "items": items})
}

fn ids() -> Value {
    any_list(&text_of(1, 256))
}

fn free_object() -> Value {
    json!({"type": "object", "additionalProperties": true})
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}
