//! From conditions to the filter of a request.
//!
//! A filter is a conjunction of keys, so a conjunction of conditions is one filter as long as their keys differ; what does not fit
//! goes into its `and`. No condition is changed beyond what two truth values allow: NOT of NOT goes away, NOT of `=` is `!=`, and
//! equalities of one field that OR joins are one list.

use engram_api::Timestamp;
use serde_json::{Map, Value, json};

use crate::condition::{Comparison, Condition, Field, Operator, Test};
use crate::error::{Checked, QueryError, QueryErrorKind};
use crate::field::{Home, Operand};
use crate::fit::{fit, instant, stretch, word, wrong_type};
use crate::given::{Data, Given, Scope};
use crate::limits::{CONDITIONS_MAX, FILTER_DEPTH_MAX};
use crate::literal::Literal;
use crate::span::Span;

/// The JSON of a filter.
type Filter = Map<String, Value>;

/// The filter that lets through what the condition holds for.
pub(crate) fn filter<'a>(
    condition: &'a Condition,
    span: Span,
    scope: &mut Scope<'a>,
) -> Checked<Value> {
    let filter = compile(condition, scope)?;
    let depth = check(&filter, span)?;
    if depth > FILTER_DEPTH_MAX {
        let message =
            format!("this is a filter of {depth} levels; {FILTER_DEPTH_MAX} are the most");
        return Err(QueryError::at(QueryErrorKind::TooDeep, span, message));
    }
    let conditions = count(&filter);
    if conditions > CONDITIONS_MAX {
        let message = format!("these are {conditions} conditions; {CONDITIONS_MAX} are the most");
        return Err(QueryError::at(QueryErrorKind::TooMany, span, message));
    }
    Ok(Value::Object(filter))
}

fn compile<'a>(condition: &'a Condition, scope: &mut Scope<'a>) -> Checked<Filter> {
    match condition {
        Condition::All(parts) => {
            let mut all = Filter::new();
            for part in parts {
                merge(&mut all, compile(part, scope)?);
            }
            Ok(all)
        }
        Condition::Any(parts) => any(parts, scope),
        Condition::Not(inner) => negation(inner, scope),
        Condition::Test(test) => compile_test(test, scope),
    }
}

fn negation<'a>(condition: &'a Condition, scope: &mut Scope<'a>) -> Checked<Filter> {
    match condition {
        Condition::Not(inner) => compile(inner, scope),
        Condition::Test(Test { field, operator: Operator::Compare(Comparison::Equal, value) }) => {
            let value = scope.resolve(value)?;
            unequal(field, value)
        }
        Condition::Test(Test {
            field,
            operator: Operator::Compare(Comparison::NotEqual, value),
        }) => {
            let value = scope.resolve(value)?;
            one_of(field, vec![value])
        }
        Condition::Test(Test { field, operator: Operator::IsNull }) => {
            Ok(compared(field, "exists", Value::from(true)))
        }
        _ => Ok(not(compile(condition, scope)?)),
    }
}

/// `not` of `not` goes away.
fn not(filter: Filter) -> Filter {
    if filter.len() == 1
        && let Some(Value::Object(inner)) = filter.get("not")
    {
        return inner.clone();
    }
    single("not", Value::Object(filter))
}

/// Alternatives; those that ask one field for equality become one of them, where the first of them stood.
fn any<'a>(parts: &'a [Condition], scope: &mut Scope<'a>) -> Checked<Filter> {
    let mut groups: Vec<(&Field, Vec<Given<'a>>)> = Vec::new();
    let mut order: Vec<Result<usize, Filter>> = Vec::new();
    for part in parts {
        let Some((field, values)) = equality(part) else {
            order.push(Err(compile(part, scope)?));
            continue;
        };
        let values = flatten(field, values, scope)?;
        let same = |known: &Field| known.entry.name == field.entry.name && known.path == field.path;
        match groups.iter().position(|(known, _)| same(known)) {
            Some(at) => groups[at].1.extend(values),
            None => {
                order.push(Ok(groups.len()));
                groups.push((field, values));
            }
        }
    }
    let mut alternatives = Vec::new();
    for one in order {
        let filter = match one {
            Ok(group) => one_of(groups[group].0, std::mem::take(&mut groups[group].1))?,
            Err(filter) => filter,
        };
        match filter.get("or") {
            Some(Value::Array(inner)) if filter.len() == 1 => alternatives.extend(inner.clone()),
            _ => alternatives.push(Value::Object(filter)),
        }
    }
    Ok(either(alternatives))
}

fn either(mut alternatives: Vec<Value>) -> Filter {
    match alternatives.pop() {
        Some(Value::Object(only)) if alternatives.is_empty() => only,
        last => {
            alternatives.extend(last);
            single("or", Value::Array(alternatives))
        }
    }
}

/// The field and the values of a test for equality.
fn equality(condition: &Condition) -> Option<(&Field, &[Literal])> {
    match condition {
        Condition::Test(Test { field, operator: Operator::Compare(Comparison::Equal, value) }) => {
            Some((field, std::slice::from_ref(value)))
        }
        Condition::Test(Test { field, operator: Operator::In(values) }) => Some((field, values)),
        _ => None,
    }
}

fn compile_test<'a>(test: &'a Test, scope: &mut Scope<'a>) -> Checked<Filter> {
    let field = &test.field;
    match &test.operator {
        Operator::Compare(Comparison::Equal, value) => {
            let value = scope.resolve(value)?;
            one_of(field, vec![value])
        }
        Operator::Compare(Comparison::NotEqual, value) => unequal(field, scope.resolve(value)?),
        Operator::Compare(comparison, value) => {
            let value = scope.resolve(value)?;
            ordered(field, *comparison, &value)
        }
        Operator::Between(low, high) => {
            let (low, high) = (scope.resolve(low)?, scope.resolve(high)?);
            let mut both = ordered(field, Comparison::AtLeast, &low)?;
            merge(&mut both, ordered(field, Comparison::AtMost, &high)?);
            Ok(both)
        }
        Operator::In(values) => one_of(field, flatten(field, values, scope)?),
        Operator::Like(pattern) => like(field, &scope.resolve(pattern)?),
        Operator::IsNull => Ok(compared(field, "exists", Value::from(false))),
        Operator::ContainsAll(values) => {
            let mut all = Filter::new();
            for value in flatten(field, values, scope)? {
                merge(&mut all, one_of(field, vec![value])?);
            }
            Ok(all)
        }
    }
}

/// The values of a list, of which there must be one: an empty list would let nothing through, or to a filter mean anything.
fn flatten<'a>(
    field: &Field,
    values: &'a [Literal],
    scope: &mut Scope<'a>,
) -> Checked<Vec<Given<'a>>> {
    let mut all = Vec::new();
    for value in values {
        all.extend(scope.resolve(value)?.elements());
    }
    let span = values.first().map_or(field.span, |value| value.span);
    if all.is_empty() {
        let message = format!("the list that `{}` is compared with is empty", field.shown());
        return Err(QueryError::at(QueryErrorKind::OutOfRange, span, message));
    }
    if all.len() > CONDITIONS_MAX {
        let message =
            format!("`{}` is compared with {CONDITIONS_MAX} values at most", field.shown());
        return Err(QueryError::at(QueryErrorKind::TooMany, span, message));
    }
    Ok(all)
}

/// The field has one of the values.
fn one_of(field: &Field, values: Vec<Given<'_>>) -> Checked<Filter> {
    if let Home::Range { .. } = field.entry.home {
        let days = values.iter().map(|value| within(field, value).map(Value::Object));
        return Ok(either(days.collect::<Checked<Vec<Value>>>()?));
    }
    if let Home::At(key) = field.entry.home {
        let times = values.iter().map(|value| {
            let at = instant(value, &field.shown())?;
            Ok(Value::Object(single(key, Timestamp(at).to_string().into())))
        });
        return Ok(either(times.collect::<Checked<Vec<Value>>>()?));
    }
    let mut values =
        values.iter().map(|value| operand(field, value)).collect::<Checked<Vec<Value>>>()?;
    let only = if values.len() == 1 { values.pop() } else { None };
    Ok(match (field.entry.home, only) {
        (Home::Listed { all: Some(key), .. }, Some(only)) => single(key, json!([only])),
        (Home::Listed { any: key, .. } | Home::OneOf { key, .. }, Some(only)) => {
            single(key, json!([only]))
        }
        (Home::Listed { any: key, .. } | Home::OneOf { key, .. }, None) => {
            single(key, Value::Array(values))
        }
        (Home::Plain { key, .. }, Some(only)) => single(key, only),
        (Home::Plain { key, compared: false }, None) => {
            either(values.into_iter().map(|value| Value::Object(single(key, value))).collect())
        }
        (_, Some(only)) => compared(field, Comparison::Equal.key(), only),
        (_, None) => compared(field, "in", Value::Array(values)),
    })
}

/// The field does not have the value, or is not there.
fn unequal(field: &Field, value: Given<'_>) -> Checked<Filter> {
    match field.entry.home {
        Home::Plain { compared: true, .. } | Home::Compared(_) | Home::Trust | Home::Metadata => {
            let value = operand(field, &value)?;
            Ok(compared(field, Comparison::NotEqual.key(), value))
        }
        _ => Ok(not(one_of(field, vec![value])?)),
    }
}

/// The field comes before or after the value.
fn ordered(field: &Field, comparison: Comparison, value: &Given<'_>) -> Checked<Filter> {
    let place = field.shown();
    if let Home::Range { after, before } = field.entry.home {
        let day = stretch(value, &place)?;
        let (key, at) = match comparison {
            Comparison::Less => (before, day.start),
            Comparison::AtMost => (before, day.end),
            Comparison::Greater => (after, day.end),
            _ => (after, day.start),
        };
        return Ok(single(key, Timestamp(at).to_string().into()));
    }
    let json = operand(field, value)?;
    if !(json.is_number() || json.is_string()) {
        return Err(wrong_type("a number or a text, for others have no order", value, &place));
    }
    if field.entry.home == Home::Trust && comparison == Comparison::AtLeast {
        return Ok(single("min_trust", json));
    }
    Ok(compared(field, comparison.key(), json))
}

/// The field lies within a day, or is a point in time.
fn within(field: &Field, value: &Given<'_>) -> Checked<Filter> {
    let mut both = ordered(field, Comparison::AtLeast, value)?;
    both.extend(ordered(field, Comparison::AtMost, value)?);
    Ok(both)
}

fn like(field: &Field, pattern: &Given<'_>) -> Checked<Filter> {
    let place = field.shown();
    let Data::Text(text) = &pattern.data else {
        return Err(wrong_type("a text with % and _", pattern, &place));
    };
    let escapes = text.bytes().rev().take_while(|byte| *byte == b'\\').count();
    if escapes % 2 == 1 {
        let message = "a pattern cannot end with \\, which takes the meaning from what follows";
        return Err(QueryError::at(QueryErrorKind::OutOfRange, pattern.span, message));
    }
    Ok(compared(field, "like", Value::from(text.as_ref())))
}

/// The JSON of a value that a field is compared with.
fn operand(field: &Field, given: &Given<'_>) -> Checked<Value> {
    let place = field.shown();
    let operand = field.entry.operand();
    if operand == Operand::Scalar {
        return match &given.data {
            Data::Null | Data::Flag(_) | Data::Number(_) | Data::Text(_) => {
                fit(operand.shape(), given, &place)
            }
            _ => Err(wrong_type(operand.describe(), given, &place)),
        };
    }
    if matches!(given.data, Data::Null) {
        let mut error = wrong_type(operand.describe(), given, &place);
        if field.entry.operators().contains(&"IS NULL") {
            error.message += &format!("; nothing equals NULL: write {place} IS NULL");
        }
        return Err(error);
    }
    match &given.data {
        Data::Text(text) if operand == Operand::Text && text.is_empty() => {
            let message = format!("no memory has an empty `{place}`; ask with IS NULL for none");
            Err(QueryError::at(QueryErrorKind::OutOfRange, given.span, message))
        }
        _ if operand == Operand::Kind => word(operand.shape().words(), given, &place),
        _ => fit(operand.shape(), given, &place),
    }
}

/// A comparison of a field that has no key of its own.
fn compared(field: &Field, comparison: &str, value: Value) -> Filter {
    let inner = Value::Object(single(comparison, value));
    match field.entry.home {
        Home::Metadata => single("metadata", Value::Object(single(&field.path, inner))),
        _ => single("fields", Value::Object(single(field.entry.name, inner))),
    }
}

fn single(key: &str, value: Value) -> Filter {
    Filter::from_iter([(key.to_owned(), value)])
}

/// Makes both hold: keys that are free are taken, lists of tags joined, comparisons of one field put together.
fn merge(all: &mut Filter, other: Filter) {
    for (key, value) in other {
        let rest = match (key.as_str(), all.get_mut(&key), value) {
            (_, None, value) => {
                all.insert(key, value);
                continue;
            }
            (_, Some(present), value) if *present == value => continue,
            ("tags", Some(Value::Array(present)), Value::Array(tags)) => {
                let news: Vec<Value> =
                    tags.into_iter().filter(|tag| !present.contains(tag)).collect();
                present.extend(news);
                continue;
            }
            ("and", Some(Value::Array(present)), Value::Array(more)) => {
                present.extend(more);
                continue;
            }
            ("metadata" | "fields", Some(Value::Object(present)), Value::Object(more)) => {
                let rest = merge_comparisons(present, more);
                if rest.is_empty() {
                    continue;
                }
                Value::Object(rest)
            }
            (_, Some(_), value) => value,
        };
        let rest = Value::Object(single(&key, rest));
        match all.get_mut("and") {
            Some(Value::Array(present)) => present.push(rest),
            _ => {
                all.insert("and".to_owned(), json!([rest]));
            }
        }
    }
}

/// Puts comparisons of one path together where they differ in kind; gives back what finds its place taken.
fn merge_comparisons(present: &mut Filter, more: Filter) -> Filter {
    let mut rest = Filter::new();
    for (path, comparisons) in more {
        match (present.get_mut(&path), comparisons) {
            (None, comparisons) => {
                present.insert(path, comparisons);
            }
            (Some(Value::Object(known)), Value::Object(news))
                if !news.keys().any(|key| known.contains_key(key)) =>
            {
                known.extend(news);
            }
            (Some(_), comparisons) => {
                rest.insert(path, comparisons);
            }
        }
    }
    rest
}

/// The levels of a filter; refuses ranges that end before they start, which the operations refuse too.
fn check(filter: &Filter, span: Span) -> Checked<usize> {
    for (after, before) in
        [("occurred_after", "occurred_before"), ("committed_after", "committed_before")]
    {
        let time = |key: &str| {
            let text = filter.get(key)?.as_str()?;
            Timestamp::parse(text).ok()
        };
        if let (Some(from), Some(until)) = (time(after), time(before))
            && until < from
        {
            let message = format!("nothing lies from {from} to before {until}");
            return Err(QueryError::at(QueryErrorKind::OutOfRange, span, message));
        }
    }
    let mut deepest = 0;
    for inner in nested(filter) {
        deepest = deepest.max(check(inner, span)?);
    }
    Ok(deepest + 1)
}

fn nested(filter: &Filter) -> impl Iterator<Item = &Filter> {
    let lists = ["and", "or"].into_iter().filter_map(|key| filter.get(key)?.as_array()).flatten();
    lists.chain(filter.get("not")).filter_map(Value::as_object)
}

/// The values and nested filters of a filter.
fn count(filter: &Filter) -> usize {
    let own: usize = filter
        .iter()
        .map(|(key, value)| match (key.as_str(), value) {
            ("metadata" | "fields", Value::Object(paths)) => {
                let comparisons = paths.values().filter_map(Value::as_object).flatten();
                comparisons.map(|(_, value)| value.as_array().map_or(1, Vec::len)).sum()
            }
            (_, Value::Array(values)) => values.len(),
            _ => 1,
        })
        .sum();
    own + nested(filter).map(count).sum::<usize>()
}
