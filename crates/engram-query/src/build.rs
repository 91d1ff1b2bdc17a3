//! From a statement to its plan: every part fills its field of the request.

use serde_json::{Map, Value, json};

use crate::error::{Checked, QueryError, QueryErrorKind};
use crate::filter::filter;
use crate::fit::{fit, instant, wrong_type};
use crate::given::{Data, Given, Scope};
use crate::literal::{Literal, dotted, span_of};
use crate::order::{OrderBy, order_field};
use crate::plan::Plan;
use crate::shape::{SHARE, Shape, TEXT, WHOLE};
use crate::span::Span;
use crate::statement::{
    Assignment, Content, Draft, Head, OrderTerm, Part, Place, Seed, Statement, StatementEntry,
};

/// How many items a listing has when nothing is said.
const LIST_LIMIT_DEFAULT: u64 = 100;

/// The plan of a statement.
pub(crate) fn build<'a>(statement: &'a Statement, scope: &mut Scope<'a>) -> Checked<Plan> {
    let mut request = Request { entry: statement.entry, json: Map::new(), order: Vec::new() };
    for part in &statement.parts {
        request.fill(part, scope)?;
    }
    let Request { entry, mut json, order } = request;
    if statement.explain && entry.operation == "recall" {
        json.insert("explain".to_owned(), Value::from(true));
    }
    if json.contains_key("purge") && json.get("mode").and_then(Value::as_str) != Some("delete") {
        let message = "only what is deleted can be purged; write MODE delete";
        return Err(QueryError::at(QueryErrorKind::NotPossible, statement.span, message));
    }
    let mut keep = None;
    if entry.head == Head::Listing && !order.is_empty() {
        if json.contains_key("cursor") {
            let message = "a list that is ordered is read as a whole: CURSOR has no place in it";
            return Err(QueryError::at(QueryErrorKind::NotPossible, statement.span, message));
        }
        keep = json.get("limit").and_then(Value::as_u64).or(Some(LIST_LIMIT_DEFAULT));
        if let Shape::Whole { high, .. } = entry.shape("limit") {
            json.insert("limit".to_owned(), Value::from(*high));
        }
    }
    Ok(Plan {
        operation: entry.operation,
        request: Value::Object(json),
        explain: statement.explain,
        order,
        keep,
    })
}

/// A request that is being filled.
struct Request {
    entry: &'static StatementEntry,
    json: Map<String, Value>,
    order: Vec<OrderBy>,
}

impl Request {
    fn fill<'a>(&mut self, part: &'a Part, scope: &mut Scope<'a>) -> Checked<()> {
        let span = part.span;
        match &part.content {
            Content::Value(path, literal) => self.value(path, literal, part, scope),
            Content::List(path, literals) => self.list(path, literals, part, scope),
            Content::Names(path, names) => self.put(path, json!(names), span),
            Content::Flag(path) => self.put(path, Value::from(true), span),
            Content::Everything => self.put("filter", json!({}), span),
            Content::Filter(condition) => {
                let filter = filter(condition, span, scope)?;
                self.put("filter", filter, span)
            }
            Content::Days(path, literal) => {
                let days = days(&scope.resolve(literal)?, part.place)?;
                let days = fit(self.entry.shape(path), &days, part.place)?;
                self.put(path, days, span)
            }
            Content::Cue(literal) => {
                let given = scope.resolve(literal)?;
                let path = if matches!(given.data, Data::List(_)) { "vector" } else { "text" };
                let cue = fit(self.entry.shape(path), &given, part.place)?;
                self.put(path, cue, span)
            }
            Content::AsOf(place) => {
                let as_of = as_of(place, scope)?;
                self.put("as_of", as_of, span)
            }
            Content::Order(terms) => {
                self.order = ordered(terms, self.entry)?;
                Ok(())
            }
            Content::Settings(assignments) => {
                assign(&mut self.json, assignments, scope, Nulls::Skip)
            }
            Content::Fields(path, assignments) => {
                let nulls = if *path == "set" { Nulls::Keep } else { Nulls::Skip };
                let mut fields = Map::new();
                assign(&mut fields, assignments, scope, nulls)?;
                if fields.is_empty() {
                    let message = "at least one field must have a value";
                    return Err(QueryError::at(QueryErrorKind::OutOfRange, span, message));
                }
                self.put(path, Value::Object(fields), span)
            }
            Content::Memories(drafts) => {
                let memories = memories(drafts, scope)?;
                self.put("memories", memories, span)
            }
            Content::Seeds(seeds) => {
                let seeds = seed_list(seeds, span, scope)?;
                self.put("seeds", seeds, span)
            }
        }
    }

    fn value<'a>(
        &mut self,
        path: &str,
        literal: &'a Literal,
        part: &'a Part,
        scope: &mut Scope<'a>,
    ) -> Checked<()> {
        let given = scope.resolve(literal)?;
        // The first page: the caller has no cursor yet.
        if path == "cursor" && matches!(given.data, Data::Null) {
            return Ok(());
        }
        let value = fit(self.entry.shape(path), &given, part.place)?;
        self.put(path, value, part.span)
    }

    fn list<'a>(
        &mut self,
        path: &str,
        literals: &'a [Literal],
        part: &'a Part,
        scope: &mut Scope<'a>,
    ) -> Checked<()> {
        let mut elements = Vec::new();
        for literal in literals {
            elements.extend(scope.resolve(literal)?.elements());
        }
        if elements.is_empty() {
            let message = format!("{} names nothing: the list is empty", part.place);
            return Err(QueryError::at(QueryErrorKind::OutOfRange, part.span, message));
        }
        let list = Given::derived(part.span, Data::List(elements));
        let value = fit(self.entry.shape(path), &list, part.place)?;
        self.put(path, value, part.span)
    }

    fn put(&mut self, path: &str, value: Value, span: Span) -> Checked<()> {
        put(&mut self.json, path.split('.'), value, span)
    }
}

/// Puts a value at the end of a path, making the objects on the way.
fn put<'p>(
    map: &mut Map<String, Value>,
    path: impl Iterator<Item = &'p str>,
    value: Value,
    span: Span,
) -> Checked<()> {
    let mut names = path.peekable();
    let mut shown = String::new();
    let mut here = map;
    while let Some(name) = names.next() {
        shown += if shown.is_empty() { "" } else { "." };
        shown += name;
        let last = names.peek().is_none();
        let there = here.contains_key(name);
        if last && !there {
            here.insert(name.to_owned(), value);
            return Ok(());
        }
        match here.entry(name).or_insert_with(|| json!({})) {
            Value::Object(inner) if !last => here = inner,
            _ => break,
        }
    }
    let message = format!("`{shown}` is given twice");
    Err(QueryError::at(QueryErrorKind::Duplicate, span, message).finding(format!("`{shown}`")))
}

/// What a field that is set to NULL comes to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Nulls {
    /// As if it were not given.
    Skip,
    /// A null, which clears it.
    Keep,
}

fn assign<'a>(
    map: &mut Map<String, Value>,
    assignments: &'a [Assignment],
    scope: &mut Scope<'a>,
    nulls: Nulls,
) -> Checked<()> {
    for Assignment { path, shape, literal } in assignments {
        let given = scope.resolve(literal)?;
        let inside_metadata = matches!(shape, Shape::Any);
        let value = match (&given.data, nulls) {
            (Data::Null, Nulls::Skip) if !inside_metadata => continue,
            (Data::Null, Nulls::Keep) => Value::Null,
            _ => fit(shape, &given, &dotted(path))?,
        };
        put(map, path.iter().map(|name| name.text.as_str()), value, span_of(path))?;
    }
    Ok(())
}

/// An interval as a number of days.
fn days<'a>(given: &Given<'a>, place: &str) -> Checked<Given<'a>> {
    let interval = given
        .interval()
        .ok_or_else(|| wrong_type("an interval such as INTERVAL '30 days'", given, place))?;
    let number = interval.days().and_then(serde_json::Number::from_f64);
    match number {
        Some(number) => Ok(Given::derived(given.span, Data::Number(number))),
        None => Err(wrong_type("days or shorter units, for months differ in length", given, place)),
    }
}

fn as_of<'a>(place: &'a Place, scope: &mut Scope<'a>) -> Checked<Value> {
    match place {
        Place::Lsn(literal) => fit(&WHOLE, &scope.resolve(literal)?, "AS OF LSN"),
        Place::Time(literal) => {
            let given = scope.resolve(literal)?;
            match given.data {
                Data::Number(_) => Err(wrong_type("a time, or LSN and a number", &given, "AS OF")),
                _ => {
                    let at = instant(&given, "AS OF")?;
                    Ok(Value::from(engram_api::Timestamp(at).to_string()))
                }
            }
        }
    }
}

fn ordered(terms: &[OrderTerm], entry: &StatementEntry) -> Checked<Vec<OrderBy>> {
    let mut order = Vec::new();
    for term in terms {
        let names: Vec<&str> = term.path.iter().map(|name| name.text.as_str()).collect();
        let span = span_of(&term.path);
        let shown = dotted(&term.path);
        let known = || crate::order::ORDER_FIELDS.iter().map(|field| field.name);
        let Some(field) = order_field(&names) else {
            let message = format!("ORDER BY knows no field `{shown}`");
            return Err(QueryError::at(QueryErrorKind::UnknownField, span, message)
                .expecting(known().map(str::to_owned).collect())
                .finding(format!("`{shown}`"))
                .near(&shown, known()));
        };
        if field.needs_cue && entry.head == Head::Listing {
            let message = format!("only what a cue recalled has `{}`", field.name);
            return Err(QueryError::at(QueryErrorKind::NotPossible, span, message)
                .finding(format!("`{shown}`")));
        }
        let mut path = vec![field.name];
        path.extend(names.iter().skip(1));
        order.push(OrderBy {
            field: path.join("."),
            descending: term.descending,
            nulls_first: term.nulls_first,
        });
    }
    Ok(order)
}

fn memories<'a>(drafts: &'a [Draft], scope: &mut Scope<'a>) -> Checked<Value> {
    let mut memories = Vec::new();
    for draft in drafts {
        let mut memory = Map::new();
        match draft {
            Draft::Text(literal) => {
                let text = fit(&TEXT, &scope.resolve(literal)?, "REMEMBER")?;
                memory.insert("text".to_owned(), text);
            }
            Draft::Fields(fields) => assign(&mut memory, fields, scope, Nulls::Skip)?,
        }
        memories.push(Value::Object(memory));
    }
    Ok(Value::Array(memories))
}

fn seed_list<'a>(seeds: &'a [Seed], span: Span, scope: &mut Scope<'a>) -> Checked<Value> {
    /// As many as the operation takes.
    const SEEDS_MAX: usize = 64;
    let mut list = Vec::new();
    for (id, activation) in seeds {
        let active = match activation {
            Some(literal) => Some(fit(&SHARE, &scope.resolve(literal)?, "ACTIVATION")?),
            None => None,
        };
        for id in scope.resolve(id)?.elements() {
            let mut seed = Map::from_iter([("id".to_owned(), fit(&TEXT, &id, "SPREAD")?)]);
            seed.extend(active.clone().map(|active| ("activation".to_owned(), active)));
            list.push(Value::Object(seed));
        }
    }
    if (1..=SEEDS_MAX).contains(&list.len()) {
        return Ok(Value::Array(list));
    }
    let message = format!("SPREAD starts from 1 to {SEEDS_MAX} memories, not from {}", list.len());
    Err(QueryError::at(QueryErrorKind::TooMany, span, message))
}
