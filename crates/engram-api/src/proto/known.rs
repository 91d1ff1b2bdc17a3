//! The well-known types `Struct`, `Value` and `Timestamp`, which Protocol Buffers have for JSON and for times.

use prost_types::value::Kind as ValueKind;
use prost_types::{ListValue, Struct, Value as ProtoValue};
use serde_json::{Map, Number, Value};

use crate::time::Timestamp;

const NANOS: i64 = 1_000_000_000;
/// Whole numbers up to this one are exact in a `double`, 2^53.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// A time; `None` where it lies outside the years that are kept.
pub(super) fn to_time(time: prost_types::Timestamp) -> Option<Timestamp> {
    let nanos = i64::from(time.nanos);
    if !(0..NANOS).contains(&nanos) {
        return None;
    }
    time.seconds.checked_mul(NANOS)?.checked_add(nanos).map(Timestamp)
}

pub(super) fn from_time(time: Timestamp) -> prost_types::Timestamp {
    let nanos = i32::try_from(time.0.rem_euclid(NANOS)).expect("less than a second");
    prost_types::Timestamp { seconds: time.0.div_euclid(NANOS), nanos }
}

/// JSON; `None` where a number is not finite. Whole numbers become integers, as they are in JSON.
pub(super) fn to_json(value: ProtoValue) -> Option<Value> {
    Some(match value.kind {
        None | Some(ValueKind::NullValue(_)) => Value::Null,
        Some(ValueKind::BoolValue(flag)) => Value::Bool(flag),
        Some(ValueKind::StringValue(text)) => Value::String(text),
        Some(ValueKind::NumberValue(number)) => to_number(number)?,
        Some(ValueKind::StructValue(object)) => Value::Object(to_object(object)?),
        Some(ValueKind::ListValue(list)) => {
            Value::Array(list.values.into_iter().map(to_json).collect::<Option<_>>()?)
        }
    })
}

fn to_number(number: f64) -> Option<Value> {
    let whole = number.fract() == 0.0 && number.abs() <= EXACT_MAX;
    if whole && !(number == 0.0 && number.is_sign_negative()) {
        return Some(Value::from(number as i64));
    }
    Number::from_f64(number).map(Value::Number)
}

pub(super) fn to_object(object: Struct) -> Option<Map<String, Value>> {
    object.fields.into_iter().map(|(key, value)| Some((key, to_json(value)?))).collect()
}

pub(super) fn from_json(value: &Value) -> ProtoValue {
    let kind = match value {
        Value::Null => ValueKind::NullValue(0),
        Value::Bool(flag) => ValueKind::BoolValue(*flag),
        Value::String(text) => ValueKind::StringValue(text.clone()),
        Value::Number(number) => ValueKind::NumberValue(number.as_f64().unwrap_or(f64::MAX)),
        Value::Object(object) => ValueKind::StructValue(from_object(object)),
        Value::Array(list) => {
            ValueKind::ListValue(ListValue { values: list.iter().map(from_json).collect() })
        }
    };
    ProtoValue { kind: Some(kind) }
}

pub(super) fn from_object(object: &Map<String, Value>) -> Struct {
    Struct { fields: object.iter().map(|(key, value)| (key.clone(), from_json(value))).collect() }
}
