//! Conditions against a plain evaluator: a random condition must hold for a memory exactly if the filter that it compiles to lets
//! the memory through. Both are evaluated here, each by its own documentation.

use engram_api::Timestamp;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::check::filter;

/// 2026-01-05T00:00:00Z.
const DAY_NS: i64 = 1_767_571_200_000_000_000;
const DAY_LENGTH_NS: i64 = 86_400_000_000_000;

/// A memory by the names that conditions use; lists for `tag` and `person`; absent fields are not there.
type Record = Map<String, Value>;

#[derive(Clone, Debug)]
enum Asked {
    Compare(&'static str, Value),
    Between(Value, Value),
    In(Vec<Value>),
    Like(&'static str),
    IsNull,
    ContainsAll(Vec<Value>),
    /// A comparison with a stretch of time, from its start to before its end.
    Time(&'static str, Stretch),
    TimeBetween(Stretch, Stretch),
    ValidAt(i64),
}

#[derive(Clone, Copy, Debug)]
enum Stretch {
    Instant(i64),
    Day(i64),
}

#[derive(Clone, Debug)]
enum Expression {
    All(Vec<Expression>),
    Any(Vec<Expression>),
    Not(Box<Expression>),
    Test(&'static str, Asked),
}

impl Stretch {
    fn ends(self) -> (i64, i64) {
        match self {
            Stretch::Instant(at) => (at, at + 1),
            Stretch::Day(day) => (DAY_NS + day * DAY_LENGTH_NS, DAY_NS + (day + 1) * DAY_LENGTH_NS),
        }
    }

    fn written(self) -> String {
        let start = Timestamp(self.ends().0).to_string();
        match self {
            Stretch::Instant(_) => format!("TIMESTAMP '{start}'"),
            Stretch::Day(_) => format!("DATE '{}'", &start[..10]),
        }
    }
}

fn literal(value: &Value) -> String {
    match value {
        Value::String(text) => format!("'{}'", text.replace('\'', "''")),
        other => other.to_string(),
    }
}

fn literals(values: &[Value]) -> String {
    values.iter().map(literal).collect::<Vec<String>>().join(", ")
}

fn written(expression: &Expression) -> String {
    let join = |parts: &[Expression], word: &str| {
        let parts: Vec<String> = parts.iter().map(|part| format!("({})", written(part))).collect();
        parts.join(word)
    };
    match expression {
        Expression::All(parts) => join(parts, " AND "),
        Expression::Any(parts) => join(parts, " OR "),
        Expression::Not(inner) => format!("NOT ({})", written(inner)),
        Expression::Test(field, asked) => match asked {
            Asked::Compare(sign, value) => format!("{field} {sign} {}", literal(value)),
            Asked::Between(low, high) => {
                format!("{field} BETWEEN {} AND {}", literal(low), literal(high))
            }
            Asked::In(values) => format!("{field} IN ({})", literals(values)),
            Asked::Like(pattern) => format!("{field} LIKE '{pattern}'"),
            Asked::IsNull => format!("{field} IS NULL"),
            Asked::ContainsAll(values) => format!("{field} CONTAINS ALL ({})", literals(values)),
            Asked::Time(sign, stretch) => format!("{field} {sign} {}", stretch.written()),
            Asked::TimeBetween(low, high) => {
                format!("{field} BETWEEN {} AND {}", low.written(), high.written())
            }
            Asked::ValidAt(at) => format!("valid_at = '{}'", Timestamp(*at)),
        },
    }
}

fn lookup<'a>(record: &'a Record, field: &str) -> Option<&'a Value> {
    match field.strip_prefix("metadata.") {
        Some(path) => {
            path.split('.').try_fold(record.get("metadata")?, |value, name| value.get(name))
        }
        None => record.get(field),
    }
}

/// A test holds for a list if it holds for one element.
fn any(value: Option<&Value>, test: impl Fn(&Value) -> bool) -> bool {
    match value {
        Some(Value::Array(items)) => items.iter().any(test),
        Some(value) => test(value),
        None => false,
    }
}

fn compare(left: &Value, sign: &str, right: &Value) -> bool {
    let ordering = match (left, right) {
        (Value::String(left), Value::String(right)) => Some(left.as_bytes().cmp(right.as_bytes())),
        (Value::Number(left), Value::Number(right)) => {
            left.as_f64().unwrap().partial_cmp(&right.as_f64().unwrap())
        }
        _ if sign == "=" => return left == right,
        _ => None,
    };
    ordering.is_some_and(|ordering| match sign {
        "=" => ordering.is_eq(),
        "<" => ordering.is_lt(),
        "<=" => ordering.is_le(),
        ">" => ordering.is_gt(),
        ">=" => ordering.is_ge(),
        other => panic!("{other}"),
    })
}

fn like(text: &[char], pattern: &[char]) -> bool {
    match pattern {
        [] => text.is_empty(),
        ['%', rest @ ..] => (0..=text.len()).any(|skipped| like(&text[skipped..], rest)),
        ['\\', letter, rest @ ..] => text.first() == Some(letter) && like(&text[1..], rest),
        ['_', rest @ ..] => !text.is_empty() && like(&text[1..], rest),
        [letter, rest @ ..] => text.first() == Some(letter) && like(&text[1..], rest),
    }
}

fn is_like(value: &Value, pattern: &str) -> bool {
    let letters = |text: &str| text.chars().collect::<Vec<char>>();
    value.as_str().is_some_and(|text| like(&letters(text), &letters(pattern)))
}

fn time(record: &Record, field: &str) -> i64 {
    let at = record.get(field).or_else(|| record.get("committed_at")).unwrap();
    at.as_i64().unwrap()
}

fn valid(record: &Record, at: i64) -> bool {
    let end = |name: &str| record.get(name).and_then(Value::as_i64);
    end("valid_from").is_none_or(|from| from <= at)
        && end("valid_until").is_none_or(|until| at < until)
}

/// What the page says of conditions.
fn holds(expression: &Expression, record: &Record) -> bool {
    match expression {
        Expression::All(parts) => parts.iter().all(|part| holds(part, record)),
        Expression::Any(parts) => parts.iter().any(|part| holds(part, record)),
        Expression::Not(inner) => !holds(inner, record),
        Expression::Test(field, asked) => {
            let value = lookup(record, field);
            match asked {
                Asked::Compare("!=", wanted) => !any(value, |value| compare(value, "=", wanted)),
                Asked::Compare(sign, wanted) => any(value, |value| compare(value, sign, wanted)),
                Asked::Between(low, high) => {
                    any(value, |value| compare(value, ">=", low))
                        && any(value, |value| compare(value, "<=", high))
                }
                Asked::In(wanted) => {
                    any(value, |value| wanted.iter().any(|wanted| compare(value, "=", wanted)))
                }
                Asked::Like(pattern) => any(value, |value| is_like(value, pattern)),
                Asked::IsNull => value.is_none(),
                Asked::ContainsAll(wanted) => {
                    wanted.iter().all(|wanted| any(value, |value| compare(value, "=", wanted)))
                }
                Asked::Time(sign, stretch) => {
                    let (at, (start, end)) = (time(record, field), stretch.ends());
                    match *sign {
                        "=" => start <= at && at < end,
                        "!=" => at < start || end <= at,
                        "<" => at < start,
                        "<=" => at < end,
                        ">" => at >= end,
                        _ => at >= start,
                    }
                }
                Asked::TimeBetween(low, high) => {
                    let at = time(record, field);
                    low.ends().0 <= at && at < high.ends().1
                }
                Asked::ValidAt(at) => valid(record, *at),
            }
        }
    }
}

/// What the reference of REST says of a filter.
fn passes(filter: &Value, record: &Record) -> bool {
    filter.as_object().unwrap().iter().all(|(key, wanted)| {
        let at = || Timestamp::parse(wanted.as_str().unwrap()).unwrap().nanoseconds();
        let nested = |wanted: &Value| passes(wanted, record);
        let one_of = |field: &str| {
            let wanted = wanted.as_array().unwrap();
            any(record.get(field), |value| wanted.contains(value))
        };
        match key.as_str() {
            "and" => wanted.as_array().unwrap().iter().all(nested),
            "or" => wanted.as_array().unwrap().iter().any(nested),
            "not" => !nested(wanted),
            "occurred_after" => time(record, "occurred_at") >= at(),
            "occurred_before" => time(record, "occurred_at") < at(),
            "committed_after" => time(record, "committed_at") >= at(),
            "committed_before" => time(record, "committed_at") < at(),
            "valid_at" => valid(record, at()),
            "tags" => {
                let has = |tag: &Value| any(record.get("tag"), |value| value == tag);
                wanted.as_array().unwrap().iter().all(has)
            }
            "tags_any" => one_of("tag"),
            "people" => one_of("person"),
            "kinds" => one_of("kind"),
            "ids" => one_of("id"),
            "session" | "place" => record.get(key) == Some(wanted),
            "source_kind" => record.get("source.kind") == Some(wanted),
            "min_trust" => any(record.get("trust"), |value| compare(value, ">=", wanted)),
            "fields" => all_compare(wanted, |field| record.get(field)),
            "metadata" => all_compare(wanted, |path| lookup(record, &format!("metadata.{path}"))),
            other => panic!("{other}"),
        }
    })
}

fn all_compare<'a>(wanted: &Value, value: impl Fn(&str) -> Option<&'a Value>) -> bool {
    wanted.as_object().unwrap().iter().all(|(path, comparisons)| {
        let value = value(path);
        comparisons.as_object().unwrap().iter().all(|(key, wanted)| match key.as_str() {
            "eq" => any(value, |value| compare(value, "=", wanted)),
            "ne" => !any(value, |value| compare(value, "=", wanted)),
            "lt" => any(value, |value| compare(value, "<", wanted)),
            "lte" => any(value, |value| compare(value, "<=", wanted)),
            "gt" => any(value, |value| compare(value, ">", wanted)),
            "gte" => any(value, |value| compare(value, ">=", wanted)),
            "in" => {
                let wanted = wanted.as_array().unwrap();
                any(value, |value| wanted.iter().any(|wanted| compare(value, "=", wanted)))
            }
            "like" => any(value, |value| is_like(value, wanted.as_str().unwrap())),
            "exists" => value.is_some() == wanted.as_bool().unwrap(),
            other => panic!("{other}"),
        })
    })
}

const TEXTS: [&str; 5] = ["a", "ab", "b", "a_b", "it's"];
const KINDS: [&str; 3] = ["episode", "fact", "belief"];
const SIGNS: [&str; 6] = ["=", "!=", "<", "<=", ">", ">="];

type Values = BoxedStrategy<Value>;

fn text() -> Values {
    prop::sample::select(TEXTS.to_vec()).prop_map(Value::from).boxed()
}

fn kind() -> Values {
    prop::sample::select(KINDS.to_vec()).prop_map(Value::from).boxed()
}

fn number() -> Values {
    prop::sample::select(vec![json!(0), json!(0.25), json!(0.5), json!(1)]).boxed()
}

fn scalar() -> Values {
    prop_oneof![text(), number(), prop::bool::ANY.prop_map(Value::from), Just(Value::Null)].boxed()
}

fn instant() -> impl Strategy<Value = i64> + Clone {
    (-1_i64..=2, -1_i64..=1).prop_map(|(day, ns)| DAY_NS + day * DAY_LENGTH_NS + ns)
}

fn stretch() -> impl Strategy<Value = Stretch> {
    prop_oneof![instant().prop_map(Stretch::Instant), (-1_i64..=1).prop_map(Stretch::Day)]
}

fn some(values: Values) -> impl Strategy<Value = Vec<Value>> {
    prop::collection::vec(values, 1..4)
}

fn compared(signs: &[&'static str], values: Values) -> impl Strategy<Value = Asked> {
    (prop::sample::select(signs.to_vec()), values)
        .prop_map(|(sign, value)| Asked::Compare(sign, value))
}

fn ordered(values: Values) -> BoxedStrategy<Asked> {
    prop_oneof![
        compared(&SIGNS, values.clone()),
        (values.clone(), values.clone()).prop_map(|(low, high)| Asked::Between(low, high)),
        some(values).prop_map(Asked::In),
        Just(Asked::IsNull),
    ]
    .boxed()
}

fn textual() -> BoxedStrategy<Asked> {
    let patterns = vec!["a%", "_", "%b", "a\\_b", "%", "a_b"];
    prop_oneof![3 => ordered(text()), 1 => prop::sample::select(patterns).prop_map(Asked::Like)]
        .boxed()
}

fn equal(values: Values) -> BoxedStrategy<Asked> {
    prop_oneof![compared(&SIGNS[..2], values.clone()), some(values).prop_map(Asked::In)].boxed()
}

fn listed() -> BoxedStrategy<Asked> {
    prop_oneof![equal(text()), some(text()).prop_map(Asked::ContainsAll)].boxed()
}

fn of_metadata() -> BoxedStrategy<Asked> {
    let ordered = prop_oneof![text(), number()].boxed();
    prop_oneof![
        textual(),
        equal(scalar()),
        compared(&SIGNS[2..], ordered),
        some(scalar()).prop_map(Asked::ContainsAll),
    ]
    .boxed()
}

fn of_time() -> BoxedStrategy<Asked> {
    let between = (-1_i64..=0, 0_i64..=1);
    prop_oneof![
        3 => (prop::sample::select(SIGNS.to_vec()), stretch())
            .prop_map(|(sign, at)| Asked::Time(sign, at)),
        1 => between
            .prop_map(|(low, high)| Asked::TimeBetween(Stretch::Day(low), Stretch::Day(high))),
    ]
    .boxed()
}

fn on(fields: &[&'static str], asked: BoxedStrategy<Asked>) -> BoxedStrategy<Expression> {
    (prop::sample::select(fields.to_vec()), asked)
        .prop_map(|(field, asked)| Expression::Test(field, asked))
        .boxed()
}

fn test() -> BoxedStrategy<Expression> {
    prop_oneof![
        on(&["title", "place", "session", "subject"], textual()),
        on(&["tag", "person"], listed()),
        on(&["kind"], equal(kind())),
        on(&["id", "source.kind"], equal(text())),
        on(&["trust", "importance"], ordered(number())),
        on(&["occurred_at", "committed_at"], of_time()),
        on(&["valid_at"], instant().prop_map(Asked::ValidAt).boxed()),
        on(&["metadata.m", "metadata.n.x"], of_metadata()),
    ]
    .boxed()
}

fn expression() -> impl Strategy<Value = Expression> {
    test().prop_recursive(3, 12, 4, |inner| {
        let some = || prop::collection::vec(inner.clone(), 1..4);
        prop_oneof![
            some().prop_map(Expression::All),
            some().prop_map(Expression::Any),
            inner.clone().prop_map(|inner| Expression::Not(Box::new(inner))),
        ]
    })
}

/// Names with a value each, some of them absent.
fn optional(names: &[&'static str], values: Values) -> BoxedStrategy<Record> {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    prop::collection::vec(prop::option::of(values), names.len())
        .prop_map(move |values| {
            let named = names.iter().cloned().zip(values);
            named.filter_map(|(name, value)| Some((name, value?))).collect()
        })
        .boxed()
}

fn record() -> impl Strategy<Value = Record> {
    let times = || instant().prop_map(Value::from).boxed();
    let list = || prop::collection::vec(text(), 0..3).prop_map(Value::from).boxed();
    let held = prop_oneof![
        3 => scalar(),
        1 => prop::collection::vec(scalar(), 0..3).prop_map(Value::from),
    ];
    let parts = (
        optional(&["title", "place", "session", "subject", "source.kind"], text()),
        optional(&["trust", "importance"], number()),
        optional(&["occurred_at", "valid_from", "valid_until"], times()),
        optional(&["m", "x"], held.boxed()),
        [text(), kind(), times(), list(), list()],
    );
    parts.prop_map(|(texts, numbers, times, mut metadata, always)| {
        let mut record: Record = [texts, numbers, times].into_iter().flatten().collect();
        if let Some(x) = metadata.remove("x") {
            metadata.insert("n".to_owned(), json!({"x": x}));
        }
        record.insert("metadata".to_owned(), Value::Object(metadata));
        let names = ["id", "kind", "committed_at", "tag", "person"];
        record.extend(names.map(str::to_owned).into_iter().zip(always));
        record
    })
}

/// Two tests of one time in an AND may leave nothing between them, which is refused; the rest must compile.
fn is_reversed(condition: &str) -> bool {
    let statement = format!("RECALL WHERE {condition}");
    crate::check::run(&statement).is_err_and(|error| error.message.starts_with("nothing lies from"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]
    #[test]
    fn a_filter_lets_through_what_its_condition_holds_for(
        expression in expression(),
        records in prop::collection::vec(record(), 6),
    ) {
        let condition = written(&expression);
        prop_assume!(!is_reversed(&condition));
        let filter = filter(&condition);
        for record in &records {
            let (wanted, found) = (holds(&expression, record), passes(&filter, record));
            prop_assert_eq!(wanted, found, "{}\n{}\n{:?}", condition, filter, record);
        }
    }
}
