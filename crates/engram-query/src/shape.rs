//! What the requests of the operations take: read from the schemas of the API crate, once.
//!
//! No field of a request is named here: one that is added there can be set in a statement without a line of code.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use engram_api::{OPERATIONS, Scope, schemas};
use serde_json::Value;

use crate::error::{Checked, QueryError, QueryErrorKind};
use crate::literal::{Name, dotted, span_of};

/// A field of a request.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) name: String,
    pub(crate) shape: Shape,
    pub(crate) doc: String,
}

/// What a field of a request takes.
#[derive(Debug)]
pub(crate) enum Shape {
    Text,
    Texts {
        max: usize,
    },
    Number {
        low: f64,
        high: f64,
        above_low: bool,
    },
    Whole {
        low: u64,
        high: u64,
    },
    Flag,
    Word(Vec<String>),
    Words(Vec<String>),
    Time,
    Vector,
    /// An object of any content.
    Free,
    Object(Vec<Slot>),
    /// Any JSON value.
    Any,
}

/// References within each other that are followed; nothing in a request is deeper, save filters, which are written as conditions.
const REFERENCE_DEPTH_MAX: usize = 6;

pub(crate) static ANY: Shape = Shape::Any;
pub(crate) static TEXT: Shape = Shape::Text;
pub(crate) static TIME: Shape = Shape::Time;
pub(crate) static NUMBER: Shape = Shape::Number { low: f64::MIN, high: f64::MAX, above_low: false };
pub(crate) static SHARE: Shape = Shape::Number { low: 0.0, high: 1.0, above_low: false };
pub(crate) static WHOLE: Shape = Shape::Whole { low: 0, high: u64::MAX };

static REQUESTS: LazyLock<BTreeMap<&'static str, Vec<Slot>>> = LazyLock::new(|| {
    let all = schemas();
    let requests = OPERATIONS.iter().filter(|operation| operation.scope == Scope::Space);
    requests
        .filter_map(|operation| operation.request)
        .chain(["FilterInput"])
        .filter_map(|name| Some((name, slots_of(all.get(name)?, &all, 0))))
        .collect()
});

/// The fields of a request by the name of its type; empty where there is none.
pub(crate) fn slots(type_name: &str) -> &'static [Slot] {
    REQUESTS.get(type_name).map_or(&[], Vec::as_slice)
}

fn slots_of(schema: &Value, all: &BTreeMap<&'static str, Value>, depth: usize) -> Vec<Slot> {
    let properties = schema["properties"].as_object().into_iter().flatten();
    properties
        .map(|(name, schema)| Slot {
            name: name.clone(),
            shape: shape_of(schema, all, depth),
            doc: schema["description"].as_str().unwrap_or_default().to_owned(),
        })
        .collect()
}

fn shape_of(schema: &Value, all: &BTreeMap<&'static str, Value>, depth: usize) -> Shape {
    if let Some(target) = schema["$ref"].as_str() {
        let name = target.rsplit('/').next().unwrap_or_default();
        return match all.get(name) {
            Some(target) if depth < REFERENCE_DEPTH_MAX && name != "FilterInput" => {
                shape_of(target, all, depth + 1)
            }
            _ => Shape::Any,
        };
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        // `X or null`: a field that an update clears by null.
        let not_null: Vec<&Value> = choices.iter().filter(|one| one["type"] != "null").collect();
        return match not_null.as_slice() {
            [only] => shape_of(only, all, depth),
            _ => Shape::Any,
        };
    }
    if schema["enum"].is_array() {
        return Shape::Word(names_of(&schema["enum"]));
    }
    let low = schema["minimum"].as_f64().or(schema["exclusiveMinimum"].as_f64());
    match schema["type"].as_str() {
        Some("string") if schema["format"] == "date-time" => Shape::Time,
        Some("string") => Shape::Text,
        Some("boolean") => Shape::Flag,
        Some("integer") => Shape::Whole {
            low: schema["minimum"].as_u64().unwrap_or(0),
            high: schema["maximum"].as_u64().unwrap_or(u64::MAX),
        },
        Some("number") => Shape::Number {
            low: low.unwrap_or(f64::MIN),
            high: schema["maximum"].as_f64().unwrap_or(f64::MAX),
            above_low: !schema["exclusiveMinimum"].is_null(),
        },
        Some("array") => match shape_of(&schema["items"], all, depth) {
            Shape::Text => Shape::Texts {
                max: schema["maxItems"].as_u64().map_or(usize::MAX, |max| max as usize),
            },
            Shape::Word(names) => Shape::Words(names),
            Shape::Number { .. } => Shape::Vector,
            _ => Shape::Any,
        },
        Some("object") if schema["properties"].is_object() => {
            Shape::Object(slots_of(schema, all, depth))
        }
        Some("object") => Shape::Free,
        _ => Shape::Any,
    }
}

fn names_of(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

impl Shape {
    /// What it takes, for an error or a table.
    pub(crate) fn describe(&self) -> String {
        match self {
            Shape::Text => "a text".to_owned(),
            Shape::Texts { max: usize::MAX } => "a list of texts".to_owned(),
            Shape::Texts { max } => format!("a list of up to {max} texts"),
            Shape::Number { low: f64::MIN, .. } => "a number".to_owned(),
            Shape::Number { low, high, above_low: true } => {
                format!("a number above {low} and up to {high}")
            }
            Shape::Number { low, high, .. } => format!("a number from {low} to {high}"),
            Shape::Whole { low, high: u64::MAX } => format!("a whole number from {low}"),
            Shape::Whole { low, high } => format!("a whole number from {low} to {high}"),
            Shape::Flag => "true or false".to_owned(),
            Shape::Word(names) => format!("one of {}", names.join(", ")),
            Shape::Words(names) => format!("some of {}", names.join(", ")),
            Shape::Time => "a time".to_owned(),
            Shape::Vector => "a list of numbers".to_owned(),
            Shape::Free => "an object".to_owned(),
            Shape::Object(slots) => {
                let names: Vec<&str> = slots.iter().map(|slot| slot.name.as_str()).collect();
                format!("an object of {}", names.join(", "))
            }
            Shape::Any => "any value".to_owned(),
        }
    }

    /// The names that it takes, where these are few.
    pub(crate) fn words(&self) -> &[String] {
        match self {
            Shape::Word(names) | Shape::Words(names) => names,
            _ => &[],
        }
    }
}

/// The slot of that name.
pub(crate) fn find<'a>(
    slots: impl IntoIterator<Item = &'a Slot> + Clone,
    name: &Name,
) -> Checked<&'a Slot> {
    if let Some(slot) = slots.clone().into_iter().find(|slot| slot.name == name.text) {
        return Ok(slot);
    }
    let message = format!("no field or setting `{}` can be given here", name.text);
    let names = || slots.clone().into_iter().map(|slot| slot.name.as_str());
    Err(QueryError::at(QueryErrorKind::UnknownField, name.span, message)
        .expecting(names().map(str::to_owned).collect())
        .finding(format!("`{}`", name.text))
        .near(&name.text, names()))
}

/// What stands at the end of a path that is not empty.
pub(crate) fn descend<'a>(
    slots: impl IntoIterator<Item = &'a Slot> + Clone,
    path: &[Name],
) -> Checked<&'a Shape> {
    let Some((first, rest)) = path.split_first() else { return Ok(&ANY) };
    let mut shape = &find(slots, first)?.shape;
    for (position, name) in rest.iter().enumerate() {
        shape = match shape {
            Shape::Object(inner) => &find(inner, name)?.shape,
            Shape::Free | Shape::Any => &ANY,
            _ => {
                let whole = dotted(&path[..=position]);
                let message = format!("`{whole}` has no parts: it takes {}", shape.describe());
                let span = span_of(&rest[position..]);
                return Err(QueryError::at(QueryErrorKind::UnknownField, span, message));
            }
        };
    }
    Ok(shape)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_come_from_the_schemas() {
        let shape = |name: &str, field: &str| {
            let slot = slots(name).iter().find(|slot| slot.name == field).unwrap();
            slot.shape.describe()
        };
        assert_eq!(shape("RecallRequest", "limit"), "a whole number from 1 to 1000");
        assert_eq!(shape("RecallRequest", "min_trust"), "a number from 0 to 1");
        assert_eq!(shape("RecallRequest", "vector"), "a list of numbers");
        assert_eq!(shape("RecallRequest", "like"), "a list of up to 16 texts");
        assert_eq!(shape("RecallRequest", "prime"), "an object of session");
        assert_eq!(shape("RecallRequest", "filter"), "any value");
        assert_eq!(shape("AssociateRequest", "weight"), "a number above 0 and up to 1");
        assert_eq!(shape("FilterInput", "kinds"), "some of episode, fact, procedure, belief");
        assert_eq!(shape("RememberRequest", "metadata"), "an object");
        assert_eq!(shape("RememberRequest", "occurred_at"), "a time");
        let Shape::Object(patch) =
            &slots("UpdateRequest").iter().find(|s| s.name == "set").unwrap().shape
        else {
            panic!()
        };
        let title = patch.iter().find(|slot| slot.name == "title").unwrap();
        assert_eq!(title.shape.describe(), "a text");
    }

    #[test]
    fn every_field_of_every_request_has_a_shape_or_a_clause() {
        let mut any: Vec<String> = Vec::new();
        for (name, slots) in REQUESTS.iter() {
            let open = slots.iter().filter(|slot| matches!(slot.shape, Shape::Any));
            any.extend(open.map(|slot| format!("{name}.{}", slot.name)));
        }
        any.retain(|field| !field.ends_with(".filter") && !field.ends_with(".as_of"));
        any.retain(|field| !field.starts_with("FilterInput."));
        assert_eq!(
            any,
            [
                "ImportRequest.records",
                "QueryRequest.values",
                "RememberManyRequest.memories",
                "SpreadRequest.seeds",
            ]
        );
    }
}
