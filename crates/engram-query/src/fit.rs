//! From values to the JSON of a request, checked against what the field takes.

use engram_api::Timestamp;
use serde_json::{Map, Value};

use crate::error::{Checked, QueryError, QueryErrorKind};
use crate::given::{Data, Given, Member};
use crate::literal::Name;
use crate::shape::{NUMBER, Shape, Slot, find};
use crate::time::Stretch;

/// The JSON of a value for a field of a shape. `place` is what the field is called in an error.
pub(crate) fn fit(shape: &Shape, given: &Given<'_>, place: &str) -> Checked<Value> {
    match (shape, &given.data) {
        (Shape::Text, Data::Text(text)) => Ok(Value::from(text.as_ref())),
        (Shape::Texts { max }, Data::List(items)) => texts(*max, items, given, place),
        (Shape::Texts { max }, Data::Text(_)) => {
            texts(*max, std::slice::from_ref(given), given, place)
        }
        (Shape::Number { .. } | Shape::Whole { .. }, Data::Number(_)) => {
            in_range(shape, given, place)
        }
        (Shape::Flag, Data::Flag(flag)) => Ok(Value::from(*flag)),
        (Shape::Word(names), Data::Word(_) | Data::Text(_)) => word(names, given, place),
        (Shape::Words(names), Data::List(items)) => {
            items.iter().map(|item| word(names, item, place)).collect()
        }
        (Shape::Words(names), Data::Word(_) | Data::Text(_)) => {
            Ok(Value::Array(vec![word(names, given, place)?]))
        }
        (Shape::Time, Data::Time(_) | Data::Text(_) | Data::Day(_)) => {
            Ok(Value::from(Timestamp(instant(given, place)?).to_string()))
        }
        (Shape::Vector, Data::List(items)) => vector(items, given, place),
        (Shape::Free, Data::Object(_)) | (Shape::Any, _) => any(given, place),
        (Shape::Object(slots), Data::Object(members)) => object(slots, members, place),
        _ => Err(wrong_type(&shape.describe(), given, place)),
    }
}

/// The error of a value of another type.
pub(crate) fn wrong_type(wanted: &str, given: &Given<'_>, place: &str) -> Box<QueryError> {
    let found = given.describe();
    let message = format!("`{place}` takes {wanted}, not {found}");
    QueryError::at(QueryErrorKind::WrongType, given.span, message)
        .expecting(vec![wanted.to_owned()])
        .finding(found)
}

fn out_of_range(wanted: &str, given: &Given<'_>, place: &str) -> Box<QueryError> {
    let mut error = wrong_type(wanted, given, place);
    error.kind = QueryErrorKind::OutOfRange;
    error
}

fn texts(max: usize, items: &[Given<'_>], whole: &Given<'_>, place: &str) -> Checked<Value> {
    if items.len() > max {
        let message = format!("`{place}` takes up to {max} texts, not {}", items.len());
        return Err(QueryError::at(QueryErrorKind::TooMany, whole.span, message));
    }
    items.iter().map(|item| fit(&Shape::Text, item, place)).collect()
}

fn in_range(shape: &Shape, given: &Given<'_>, place: &str) -> Checked<Value> {
    let Data::Number(number) = &given.data else {
        return Err(wrong_type(&shape.describe(), given, place));
    };
    let fits = match shape {
        Shape::Number { low, high, above_low } => {
            let value = number.as_f64().unwrap_or(f64::NAN);
            (*low..=*high).contains(&value) && !(*above_low && value == *low)
        }
        Shape::Whole { low, high } => match number.as_u64() {
            Some(value) => (*low..=*high).contains(&value),
            None if number.is_f64() => return Err(wrong_type(&shape.describe(), given, place)),
            None => false,
        },
        _ => false,
    };
    if fits {
        return Ok(Value::Number(number.clone()));
    }
    Err(out_of_range(&shape.describe(), given, place))
}

/// One of a few names.
pub(crate) fn word(names: &[String], given: &Given<'_>, place: &str) -> Checked<Value> {
    let name: &str = match &given.data {
        Data::Word(word) => word,
        Data::Text(text) => text.as_ref(),
        _ => return Err(wrong_type(&format!("one of {}", names.join(", ")), given, place)),
    };
    if names.iter().any(|one| one == name) {
        return Ok(Value::from(name));
    }
    let message = format!("`{place}` takes one of {}, not `{name}`", names.join(", "));
    Err(QueryError::at(QueryErrorKind::UnknownValue, given.span, message)
        .expecting(names.to_vec())
        .finding(format!("`{name}`"))
        .near(name, names.iter().map(String::as_str)))
}

/// A point in time, ns.
pub(crate) fn instant(given: &Given<'_>, place: &str) -> Checked<i64> {
    match &given.data {
        Data::Time(at) => Ok(*at),
        Data::Text(text) => Timestamp::parse(text).map(Timestamp::nanoseconds).map_err(|error| {
            let message = format!("`{place}`: {error}");
            QueryError::at(QueryErrorKind::WrongType, given.span, message)
        }),
        Data::Day(_) => {
            let mut error = wrong_type("a point in time", given, place);
            error.message += "; write TIMESTAMP '2026-01-05T00:00:00Z' for where a day begins";
            Err(error)
        }
        _ => Err(wrong_type("a time", given, place)),
    }
}

/// A stretch of time: a whole day, or the nanosecond of a point in time.
pub(crate) fn stretch(given: &Given<'_>, place: &str) -> Checked<Stretch> {
    let day = match &given.data {
        Data::Day(day) => Some(*day),
        Data::Text(text) => Stretch::day(text),
        _ => None,
    };
    match day {
        Some(day) => Ok(day),
        None => Stretch::instant(instant(given, place)?).ok_or_else(|| {
            let message = format!("`{place}`: there is no time behind this one");
            QueryError::at(QueryErrorKind::OutOfRange, given.span, message)
        }),
    }
}

fn vector(items: &[Given<'_>], whole: &Given<'_>, place: &str) -> Checked<Value> {
    if items.is_empty() {
        return Err(out_of_range("a list of at least one number", whole, place));
    }
    items.iter().map(|item| component(item, place)).collect()
}

fn component(item: &Given<'_>, place: &str) -> Checked<Value> {
    let number = fit(&NUMBER, item, place)?;
    let limit = f64::from(f32::MAX);
    if number.as_f64().is_some_and(|value| value.abs() <= limit) {
        return Ok(number);
    }
    Err(out_of_range("numbers that 32 bits can hold", item, place))
}

/// Any JSON value; a time is written as text.
fn any(given: &Given<'_>, place: &str) -> Checked<Value> {
    Ok(match &given.data {
        Data::Null => Value::Null,
        Data::Flag(flag) => Value::from(*flag),
        Data::Number(number) => Value::Number(number.clone()),
        Data::Text(text) => Value::from(text.as_ref()),
        Data::Time(at) => Value::from(Timestamp(*at).to_string()),
        Data::List(items) => {
            Value::Array(items.iter().map(|item| any(item, place)).collect::<Checked<_>>()?)
        }
        Data::Object(members) => {
            let mut map = Map::new();
            for member in members {
                once(&mut map, member, any(&member.given, place)?)?;
            }
            Value::Object(map)
        }
        Data::Word(_) | Data::Day(_) | Data::Interval(_) => {
            return Err(wrong_type("a JSON value", given, place));
        }
    })
}

fn object(slots: &[Slot], members: &[Member<'_>], place: &str) -> Checked<Value> {
    let mut map = Map::new();
    for member in members {
        let name = Name { text: member.name.to_owned(), span: member.span };
        let slot = find(slots, &name)?;
        // As if it were not given.
        if matches!(member.given.data, Data::Null) {
            continue;
        }
        let place = format!("{place}.{}", member.name);
        once(&mut map, member, fit(&slot.shape, &member.given, &place)?)?;
    }
    Ok(Value::Object(map))
}

fn once(map: &mut Map<String, Value>, member: &Member<'_>, value: Value) -> Checked<()> {
    if map.insert(member.name.to_owned(), value).is_none() {
        return Ok(());
    }
    let message = format!("`{}` is given twice", member.name);
    Err(QueryError::at(QueryErrorKind::Duplicate, member.span, message))
}
