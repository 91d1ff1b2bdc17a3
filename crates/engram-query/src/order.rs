//! ORDER BY: which fields an answer can be arranged by, and the arranging.
//!
//! Equal items keep their order. What is compared is what the answer shows, so the caller needs nothing but the answer.

use std::cmp::Ordering;

use engram_api::Timestamp;
use serde_json::{Number, Value};

/// A field that an answer is ordered by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderBy {
    /// Its name, one of those that ORDER BY knows; a path of the metadata starts with `metadata.`.
    pub field: String,
    /// From the greatest to the least.
    pub descending: bool,
    /// Items without the field come first; else they come last.
    pub nulls_first: bool,
}

/// A field that ORDER BY knows.
#[derive(Debug)]
pub(crate) struct OrderField {
    pub(crate) name: &'static str,
    pub(crate) doc: &'static str,
    /// Only what a cue recalled has it.
    pub(crate) needs_cue: bool,
    at: At,
}

/// Where an item has the field.
#[derive(Clone, Copy, Debug)]
enum At {
    /// In the item itself.
    Item,
    /// In the memory, by path.
    Memory(&'static [&'static str]),
    /// The same, a time.
    Time(&'static str),
    /// When it happened, else when it was stored, as a filter counts it.
    Happened,
    Metadata,
}

const fn of_item(name: &'static str, doc: &'static str) -> OrderField {
    OrderField { name, doc, needs_cue: true, at: At::Item }
}

const fn field(name: &'static str, at: At, doc: &'static str) -> OrderField {
    OrderField { name, doc, needs_cue: false, at }
}

/// The fields that ORDER BY knows, in the order of the reference page. `metadata` is followed by a path.
pub(crate) const ORDER_FIELDS: &[OrderField] = &[
    of_item("relevance", "How likely it is what the cue means; only with a cue."),
    of_item("score", "What ranks the answer; only with a cue."),
    field("strength", At::Memory(&["strength", "retrievability"]), "How retrievable it is now."),
    field("confidence", At::Memory(&["confidence", "mean"]), "How sure the store is of it."),
    field("importance", At::Memory(&["importance"]), "How much it matters."),
    field("trust", At::Memory(&["source", "trust"]), "How far its source is trusted."),
    field("occurred_at", At::Happened, "When it happened, else when it was stored."),
    field("committed_at", At::Time("committed_at"), "When it was stored."),
    field("valid_from", At::Time("valid_from"), "From when it is true."),
    field("valid_until", At::Time("valid_until"), "Until when it is true."),
    field("expires_at", At::Time("expires_at"), "From when it is no longer shown."),
    field("lsn", At::Memory(&["lsn"]), "Log sequence number of the commit that stored it."),
    field("version", At::Memory(&["version"]), "Its version."),
    field("id", At::Memory(&["id"]), "Its id."),
    field("kind", At::Memory(&["kind"]), "What sort of memory it is."),
    field("title", At::Memory(&["title"]), "Its heading."),
    field("text", At::Memory(&["text"]), "Its content."),
    field("session", At::Memory(&["session"]), "The conversation or run that it belongs to."),
    field("place", At::Memory(&["place"]), "Where it happened."),
    field("subject", At::Memory(&["subject"]), "What it is a statement about."),
    field("attribute", At::Memory(&["attribute"]), "Which property of the subject it states."),
    field("metadata", At::Metadata, "The caller's own data by path."),
];

/// The field of that name; `metadata` needs a path behind it and nothing else has one.
pub(crate) fn order_field(path: &[&str]) -> Option<&'static OrderField> {
    let (first, rest) = path.split_first()?;
    let found = ORDER_FIELDS.iter().find(|field| field.name.eq_ignore_ascii_case(first))?;
    (matches!(found.at, At::Metadata) != rest.is_empty()).then_some(found)
}

/// Arranges the items of an answer to a recall or a list: of each the JSON object as it stands in the answer.
pub fn order_items(items: &mut [Value], order: &[OrderBy]) {
    if order.is_empty() {
        return;
    }
    let keys = |item: &Value| order.iter().map(|by| key(item, &by.field)).collect::<Vec<Key>>();
    let mut keyed: Vec<(Vec<Key>, Value)> =
        items.iter_mut().map(|item| (keys(item), item.take())).collect();
    keyed.sort_by(|(left, _), (right, _)| {
        let pairs = left.iter().zip(right).zip(order);
        let mut compared = pairs.map(|((left, right), by)| by.compare(left, right));
        compared.find(|ordering| ordering.is_ne()).unwrap_or(Ordering::Equal)
    });
    for (place, (_, item)) in items.iter_mut().zip(keyed) {
        *place = item;
    }
}

/// What an item is ordered by. Of different sorts: numbers, then texts, then truth values.
#[derive(Debug)]
enum Key {
    Number(Number),
    Time(i64),
    Text(String),
    Flag(bool),
    Null,
}

impl OrderBy {
    fn compare(&self, left: &Key, right: &Key) -> Ordering {
        match (matches!(left, Key::Null), matches!(right, Key::Null)) {
            (false, false) if self.descending => compare(right, left),
            (false, false) => compare(left, right),
            (left, right) if self.nulls_first => right.cmp(&left),
            (left, right) => left.cmp(&right),
        }
    }
}

fn key(item: &Value, name: &str) -> Key {
    let memory = item.get("memory").filter(|memory| memory.is_object()).unwrap_or(item);
    let path: Vec<&str> = name.split('.').collect();
    let Some(field) = order_field(&path) else { return Key::Null };
    let time = |name: &str| match memory.get(name).and_then(Value::as_str).map(Timestamp::parse) {
        Some(Ok(time)) => Key::Time(time.nanoseconds()),
        _ => Key::Null,
    };
    match field.at {
        At::Item => plain(item.get(field.name)),
        At::Memory(path) => plain(lookup(memory, path)),
        At::Metadata => plain(lookup(memory, &path)),
        At::Time(name) => time(name),
        At::Happened => match time("occurred_at") {
            Key::Null => time("committed_at"),
            happened => happened,
        },
    }
}

fn lookup<'a>(value: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, name| value.get(name))
}

fn plain(value: Option<&Value>) -> Key {
    match value {
        Some(Value::Number(number)) => Key::Number(number.clone()),
        Some(Value::String(text)) => Key::Text(text.clone()),
        Some(Value::Bool(flag)) => Key::Flag(*flag),
        _ => Key::Null,
    }
}

fn compare(left: &Key, right: &Key) -> Ordering {
    match (left, right) {
        (Key::Number(left), Key::Number(right)) => compare_numbers(left, right),
        (Key::Time(left), Key::Time(right)) => left.cmp(right),
        (Key::Text(left), Key::Text(right)) => left.cmp(right),
        (Key::Flag(left), Key::Flag(right)) => left.cmp(right),
        _ => sort_rank(left).cmp(&sort_rank(right)),
    }
}

fn sort_rank(key: &Key) -> u8 {
    match key {
        Key::Number(_) => 0,
        Key::Time(_) => 1,
        Key::Text(_) => 2,
        Key::Flag(_) => 3,
        Key::Null => 4,
    }
}

/// Exact, so that the order is one: rounding whole numbers to floats would make unequal ones equal to a third.
fn compare_numbers(left: &Number, right: &Number) -> Ordering {
    match (whole(left), whole(right)) {
        (Some(left), Some(right)) => left.cmp(&right),
        (Some(left), None) => compare_mixed(left, float(right)),
        (None, Some(right)) => compare_mixed(right, float(left)).reverse(),
        (None, None) => float(left).partial_cmp(&float(right)).unwrap_or(Ordering::Equal),
    }
}

fn whole(number: &Number) -> Option<i128> {
    number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from))
}

fn float(number: &Number) -> f64 {
    number.as_f64().unwrap_or(0.0)
}

fn compare_mixed(whole: i128, float: f64) -> Ordering {
    // Far beyond any whole number of JSON, and exact below.
    const FAR: f64 = 1e30;
    if float >= FAR {
        return Ordering::Less;
    }
    if float <= -FAR {
        return Ordering::Greater;
    }
    let floor = float.floor();
    whole.cmp(&(floor as i128)).then(if float > floor { Ordering::Less } else { Ordering::Equal })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn by(field: &str, descending: bool, nulls_first: bool) -> OrderBy {
        OrderBy { field: field.to_owned(), descending, nulls_first }
    }

    fn ids(mut items: Vec<Value>, order: &[OrderBy]) -> String {
        order_items(&mut items, order);
        let id =
            |item: &Value| item["memory"]["id"].as_str().or(item["id"].as_str()).map(str::to_owned);
        items.iter().filter_map(id).collect::<Vec<String>>().join(" ")
    }

    #[test]
    fn recalled_and_listed_items_are_ordered_alike() {
        let memory = |id: &str, at: &str, strength: f64| json!({"id": id, "committed_at": at, "strength": {"retrievability": strength}, "confidence": {"mean": 0.5}});
        let listed = vec![
            memory("a", "2026-01-05T11:00:00Z", 0.25),
            memory("b", "2026-01-05T11:00:00.5Z", 0.75),
            memory("c", "2025-01-05T11:00:00Z", 0.75),
        ];
        let recalled: Vec<Value> = listed
            .iter()
            .enumerate()
            .map(|(rank, memory)| json!({"memory": memory, "relevance": rank, "strength": 0.0}))
            .collect();
        for items in [listed, recalled.clone()] {
            assert_eq!(ids(items.clone(), &[by("occurred_at", false, false)]), "c a b");
            let order = [by("strength", true, false), by("id", true, false)];
            assert_eq!(ids(items.clone(), &order), "c b a");
            assert_eq!(ids(items, &[by("confidence", true, false)]), "a b c", "equal ones stay");
        }
        assert_eq!(ids(recalled, &[by("relevance", true, false)]), "c b a");
    }

    #[test]
    fn what_is_absent_comes_last_unless_asked_for() {
        let item = |id: &str, value: Value| json!({"id": id, "metadata": {"n": {"x": value}}});
        let items = vec![
            json!({"id": "none"}),
            item("text", json!("a")),
            item("big", json!(9_007_199_254_740_993_i64)),
            item("float", json!(9_007_199_254_740_992.0)),
            item("half", json!(-0.5)),
            item("null", Value::Null),
        ];
        let n = |descending, nulls_first| [by("metadata.n.x", descending, nulls_first)];
        assert_eq!(ids(items.clone(), &n(false, false)), "half float big text none null");
        assert_eq!(ids(items.clone(), &n(true, false)), "text big float half none null");
        assert_eq!(ids(items.clone(), &n(false, true)), "none null half float big text");
        assert_eq!(ids(items, &[by("unknown", true, true)]), "none text big float half null");
    }
}
