//! The grammar of statements: a head of its own for each, then clauses in any order, each once.

use engram_api::Operation;

use super::conditions::{condition, metadata_path};
use super::values::{assignments, assignments_in_brackets, interval, list, literal, path};
use crate::clause::{Clause, Takes};
use crate::error::{Checked, QueryError, QueryErrorKind};
use crate::limits::ORDER_FIELDS_MAX;
use crate::literal::{dotted, span_of};
use crate::order::ORDER_FIELDS;
use crate::reader::{Expected, Reader};
use crate::shape::{SHARE, Shape, TEXT, TIME, WHOLE, find};
use crate::span::Span;
use crate::statement::{
    Content, Draft, Head, OrderTerm, Part, Place, STATEMENTS, Seed, Statement, StatementEntry,
    memory_slots, sibling,
};
use crate::token::TokenKind;

/// The first words of a statement.
pub(crate) struct Opening {
    pub(crate) entry: &'static StatementEntry,
    explain: bool,
    span: Span,
}

/// What statements are called elsewhere, and here.
const OTHER_LANGUAGES: [(&str, &str); 8] = [
    ("SELECT", "RECALL"),
    ("LIST", "RECALL"),
    ("SEARCH", "RECALL"),
    ("MATCH", "RECALL"),
    ("INSERT", "REMEMBER"),
    ("CREATE", "REMEMBER"),
    ("DELETE", "FORGET"),
    ("MERGE", "UPDATE"),
];

/// Reads the first words.
pub(crate) fn opening(reader: &mut Reader<'_>) -> Checked<Opening> {
    let explain = reader.phrase("EXPLAIN", "shows what a statement does")?;
    let span = reader.token().span;
    let mut before = "";
    for entry in STATEMENTS.iter() {
        let summary = Operation::by_name(entry.operation).map_or("", |one| one.summary);
        if entry.keyword != before && reader.phrase(entry.keyword, summary)? {
            return Ok(Opening { entry, explain, span: span.to(reader.before()) });
        }
        before = entry.keyword;
    }
    let mut error = reader.unexpected();
    let word = reader.part(error.span).to_ascii_uppercase();
    if let Some((_, ours)) = OTHER_LANGUAGES.iter().find(|(theirs, _)| *theirs == word) {
        error.nearest = Some((*ours).to_owned());
    }
    Err(error)
}

/// Reads all that follows them, to the end of the text.
pub(crate) fn body(reader: &mut Reader<'_>, opening: Opening) -> Checked<Statement> {
    let Opening { entry, explain, span } = opening;
    let (entry, mut parts) = head(reader, entry)?;
    let mut seen = Vec::new();
    while let Some(part) = next_clause(reader, entry, &mut seen)? {
        parts.push(part);
    }
    if reader.symbol(";") && !reader.at_end() {
        let message = "only one statement can be given at a time";
        return Err(QueryError::at(QueryErrorKind::Syntax, reader.token().span, message));
    }
    reader.note(Expected::End);
    if !reader.at_end() {
        return Err(reader.unexpected());
    }
    Ok(Statement { entry, explain, span, parts })
}

type Parts = Checked<Vec<Part>>;

/// A part that started at `start`.
fn part(reader: &Reader<'_>, start: Span, place: &'static str, content: Content) -> Part {
    Part { span: start.to(reader.before()), place, content }
}

fn one(reader: &Reader<'_>, start: Span, place: &'static str, content: Content) -> Parts {
    Ok(vec![part(reader, start, place, content)])
}

/// Goes on behind the words of a clause, which may stand once.
fn fresh(
    reader: &mut Reader<'_>,
    words: &'static str,
    doc: &'static str,
    seen: &mut Vec<&'static str>,
) -> Checked<bool> {
    if seen.contains(&words) {
        if !reader.sees(words) {
            return Ok(false);
        }
        let message = format!("{words} stands here a second time");
        return Err(
            QueryError::at(QueryErrorKind::Duplicate, reader.token().span, message).finding(words)
        );
    }
    let there = reader.phrase(words, doc)?;
    if there {
        seen.push(words);
    }
    Ok(there)
}

fn head(
    reader: &mut Reader<'_>,
    entry: &'static StatementEntry,
) -> Checked<(&'static StatementEntry, Vec<Part>)> {
    let start = reader.token().span;
    let place = entry.keyword;
    let parts = match entry.head {
        Head::Cue => {
            let parts = cue(reader, entry)?;
            return Ok((if parts.is_empty() { sibling(entry) } else { entry }, parts));
        }
        Head::Memory => return memories(reader, entry),
        Head::Nothing | Head::Listing | Head::Memories => Ok(Vec::new()),
        Head::Seeds => {
            reader.expect_keyword("FROM")?;
            let seeds = seeds(reader)?;
            one(reader, start, place, Content::Seeds(seeds))
        }
        Head::Partial => {
            let known = assignments_in_brackets(reader, entry.parts_of("partial"))?;
            one(reader, start, place, Content::Fields("partial", known))
        }
        Head::Present => present(reader, entry),
        Head::Patch => patch(reader, entry),
        Head::Chosen => chosen(reader, entry),
        Head::ChosenOrAll if reader.keyword("ALL") => {
            one(reader, start, place, Content::Everything)
        }
        Head::ChosenOrAll => chosen(reader, entry),
        Head::Pair(between) => {
            let mut parts = named(reader, place, "from")?;
            reader.expect_keyword(between)?;
            parts.extend(named(reader, between, "to")?);
            Ok(parts)
        }
        Head::Id => named(reader, place, "id"),
        Head::OfId => {
            reader.expect_keyword("OF")?;
            named(reader, place, "id")
        }
        Head::OfIdOrAll if reader.keyword("OF") => named(reader, place, "id"),
        Head::OfIdOrAll => Ok(Vec::new()),
        Head::Known => known(reader, entry),
        Head::Judgement => judgement(reader, entry),
        Head::Undone => undone(reader, entry),
        Head::OfLsn => {
            reader.expect_keyword("OF")?;
            reader.expect_keyword("LSN")?;
            let lsn = literal(reader, entry.shape("lsn"))?;
            one(reader, start, place, Content::Value("lsn", lsn))
        }
    };
    Ok((entry, parts?))
}

/// An id that fills a field of the request.
fn named(reader: &mut Reader<'_>, place: &'static str, slot: &'static str) -> Parts {
    let start = reader.token().span;
    let id = literal(reader, &TEXT)?;
    one(reader, start, place, Content::Value(slot, id))
}

/// A text or a parameter, if one stands here.
fn text_or_parameter(reader: &mut Reader<'_>, place: &'static str) -> Parts {
    reader.note(Expected::Value("a text", "'text'"));
    reader.note(Expected::Value("a parameter", "$name"));
    let start = reader.token();
    if !matches!(start.kind, TokenKind::Text | TokenKind::Parameter) {
        return Ok(Vec::new());
    }
    let text = literal(reader, &TEXT)?;
    one(reader, start.span, place, Content::Cue(text))
}

/// What RECALL is asked with. It needs something to look for, not only something to stay away from.
fn cue(reader: &mut Reader<'_>, entry: &'static StatementEntry) -> Parts {
    let mut parts = text_or_parameter(reader, entry.keyword)?;
    let mut seen = Vec::new();
    let mut wanted = !parts.is_empty();
    loop {
        let start = reader.token().span;
        if fresh(reader, "VECTOR", "what is near a vector", &mut seen)? {
            let vector = literal(reader, entry.shape("vector"))?;
            parts.push(part(reader, start, "VECTOR", Content::Value("vector", vector)));
            wanted = true;
        } else if fresh(reader, "LIKE MEMORY", "what is like memories", &mut seen)? {
            let ids = list(reader, &TEXT)?;
            parts.push(part(reader, start, "LIKE MEMORY", Content::List("like", ids)));
            wanted = true;
        } else if reader.phrase("NOT LIKE", "what it should not be like")? {
            let content = if reader.keyword("MEMORY") {
                Content::List("negative.like", list(reader, &TEXT)?)
            } else {
                Content::Value("negative.text", literal(reader, &TEXT)?)
            };
            parts.push(part(reader, start, "NOT LIKE", content));
        } else if wanted || parts.is_empty() {
            return Ok(parts);
        } else {
            let mut error = reader.unexpected();
            error.message = "NOT LIKE says what to stay away from; say what to look for".to_owned();
            return Err(error);
        }
    }
}

fn known(reader: &mut Reader<'_>, entry: &'static StatementEntry) -> Parts {
    let mut parts = text_or_parameter(reader, entry.keyword)?;
    let start = reader.token().span;
    if reader.phrase("VECTOR", "what is near a vector")? {
        let vector = literal(reader, entry.shape("vector"))?;
        parts.push(part(reader, start, "VECTOR", Content::Value("vector", vector)));
    }
    if parts.is_empty() { Err(reader.unexpected()) } else { Ok(parts) }
}

fn seeds(reader: &mut Reader<'_>) -> Checked<Vec<Seed>> {
    let mut seeds = Vec::new();
    loop {
        let id = literal(reader, &TEXT)?;
        let activation = if reader.phrase("ACTIVATION", "how active it is at the start")? {
            Some(literal(reader, &SHARE)?)
        } else {
            None
        };
        seeds.push((id, activation));
        if !reader.symbol(",") {
            return Ok(seeds);
        }
    }
}

fn present(reader: &mut Reader<'_>, entry: &'static StatementEntry) -> Parts {
    let mut parts = Vec::new();
    let mut seen = Vec::new();
    loop {
        let start = reader.token().span;
        if fresh(reader, "AFTER", "memories of the present", &mut seen)? {
            let ids = list(reader, &TEXT)?;
            parts.push(part(reader, start, "AFTER", Content::List("like", ids)));
        } else if fresh(reader, "FROM", "what is known of the present", &mut seen)? {
            let known = assignments_in_brackets(reader, entry.parts_of("partial"))?;
            parts.push(part(reader, start, "FROM", Content::Fields("partial", known)));
        } else if parts.is_empty() {
            return Err(reader.unexpected());
        } else {
            return Ok(parts);
        }
    }
}

/// One memory is `remember`, more of them are `remember_many`.
fn memories(
    reader: &mut Reader<'_>,
    entry: &'static StatementEntry,
) -> Checked<(&'static StatementEntry, Vec<Part>)> {
    let start = reader.token().span;
    let mut drafts = vec![draft(reader)?];
    while reader.symbol(",") {
        drafts.push(draft(reader)?);
    }
    let (entry, content) = match drafts.pop() {
        Some(Draft::Text(text)) if drafts.is_empty() => (entry, Content::Value("text", text)),
        Some(Draft::Fields(fields)) if drafts.is_empty() => (entry, Content::Settings(fields)),
        last => {
            drafts.extend(last);
            (sibling(entry), Content::Memories(drafts))
        }
    };
    Ok((entry, vec![part(reader, start, entry.keyword, content)]))
}

fn draft(reader: &mut Reader<'_>) -> Checked<Draft> {
    if reader.token().kind == TokenKind::Symbol("(") {
        return Ok(Draft::Fields(assignments_in_brackets(reader, memory_slots())?));
    }
    reader.note(Expected::Symbol("("));
    Ok(Draft::Text(literal(reader, &TEXT)?))
}

fn patch(reader: &mut Reader<'_>, entry: &'static StatementEntry) -> Parts {
    let mut parts = named(reader, entry.keyword, "id")?;
    let start = reader.token().span;
    reader.expect_keyword("SET")?;
    let fields = assignments(reader, entry.parts_of("set"))?;
    if let Some(deep) = fields.iter().find(|field| field.path.len() > 1) {
        let name = deep.path.first().map_or("", |name| name.text.as_str());
        let message = format!("an update takes `{name}` as a whole: {name} = {{…}}");
        let span = span_of(&deep.path);
        return Err(QueryError::at(QueryErrorKind::NotPossible, span, message)
            .finding(format!("`{}`", dotted(&deep.path))));
    }
    parts.push(part(reader, start, "SET", Content::Fields("set", fields)));
    Ok(parts)
}

fn chosen(reader: &mut Reader<'_>, entry: &'static StatementEntry) -> Parts {
    let start = reader.token().span;
    if reader.phrase("WHERE", "which memories")? {
        let filter = condition(reader)?;
        return one(reader, start, "WHERE", Content::Filter(filter));
    }
    let ids = list(reader, &TEXT)?;
    one(reader, start, entry.keyword, Content::List("ids", ids))
}

fn judgement(reader: &mut Reader<'_>, entry: &'static StatementEntry) -> Parts {
    reader.expect_keyword("ON")?;
    let mut parts = named(reader, entry.keyword, "id")?;
    let token = reader.token();
    let (verdict, decision) = (entry.shape("verdict"), entry.shape("decision"));
    let word = reader.part(token.span).to_ascii_lowercase();
    if token.kind == TokenKind::Word && decision.words().contains(&word) {
        let decided = literal(reader, decision)?;
        parts.push(part(reader, token.span, "FEEDBACK", Content::Value("decision", decided)));
        parts.extend(named(reader, entry.keyword, "other")?);
        return Ok(parts);
    }
    let names = || verdict.words().iter().chain(decision.words()).map(String::as_str);
    if token.kind == TokenKind::Word && !verdict.words().contains(&word) {
        let message = format!("no feedback is called `{word}`");
        return Err(QueryError::at(QueryErrorKind::UnknownValue, token.span, message)
            .expecting(names().map(str::to_owned).collect())
            .finding(format!("`{word}`"))
            .near(&word, names()));
    }
    decision.words().iter().for_each(|word| reader.note(Expected::Word(word)));
    let judged = literal(reader, verdict)?;
    parts.push(part(reader, token.span, "FEEDBACK", Content::Value("verdict", judged)));
    Ok(parts)
}

fn undone(reader: &mut Reader<'_>, entry: &'static StatementEntry) -> Parts {
    let start = reader.token().span;
    if reader.keyword("OF") {
        let ids = list(reader, &TEXT)?;
        return one(reader, start, entry.keyword, Content::List("ids", ids));
    }
    reader.expect_keyword("SINCE")?;
    reader.expect_keyword("LSN")?;
    let lsn = literal(reader, entry.shape("since_lsn"))?;
    one(reader, start, entry.keyword, Content::Value("since_lsn", lsn))
}

/// The next clause; none where none of the statement's stands here.
fn next_clause(
    reader: &mut Reader<'_>,
    entry: &'static StatementEntry,
    seen: &mut Vec<&'static str>,
) -> Checked<Option<Part>> {
    let start = reader.token().span;
    for clause in entry.clauses {
        if fresh(reader, clause.words, clause.doc, seen)? {
            let content = content(reader, entry, clause)?;
            return Ok(Some(part(reader, start, clause.words, content)));
        }
    }
    Ok(None)
}

fn content(
    reader: &mut Reader<'_>,
    entry: &'static StatementEntry,
    clause: &'static Clause,
) -> Checked<Content> {
    Ok(match clause.takes {
        Takes::Value(path) => Content::Value(path, literal(reader, entry.shape(path))?),
        Takes::List(path) => Content::List(path, list(reader, entry.shape(path))?),
        Takes::Names(path) => Content::Names(path, names(reader, entry)?),
        Takes::Days(path) => Content::Days(path, interval(reader)?),
        Takes::Flag(path) => Content::Flag(path),
        Takes::Condition => Content::Filter(condition(reader)?),
        Takes::AsOf if reader.keyword("LSN") => Content::AsOf(Place::Lsn(literal(reader, &WHOLE)?)),
        Takes::AsOf => Content::AsOf(Place::Time(literal(reader, &TIME)?)),
        Takes::Order => Content::Order(order(reader)?),
        Takes::Settings => Content::Settings(assignments_in_brackets(reader, entry.settings())?),
    })
}

/// Names of fields that can be filled: not those that only say what is alike.
fn names(reader: &mut Reader<'_>, entry: &'static StatementEntry) -> Checked<Vec<String>> {
    let fillable = entry
        .parts_of("partial")
        .iter()
        .filter(|slot| !matches!(slot.shape, Shape::Vector | Shape::Time) && slot.name != "text");
    let mut names = Vec::new();
    loop {
        for slot in fillable.clone() {
            reader.note(Expected::Field(&slot.name, &slot.doc));
        }
        let path = path(reader)?;
        if let Some(first) = path.first() {
            let slot = find(fillable.clone(), first)?;
            let free = matches!(slot.shape, Shape::Free);
            if free != (path.len() > 1) {
                let message = match free {
                    true => format!("`{0}` is filled by path: {0}.ticket.team", slot.name),
                    false => format!("`{}` has no parts", slot.name),
                };
                let span = span_of(&path);
                return Err(QueryError::at(QueryErrorKind::UnknownField, span, message));
            }
        }
        metadata_path(&path)?;
        names.push(dotted(&path));
        if !reader.symbol(",") {
            return Ok(names);
        }
    }
}

fn order(reader: &mut Reader<'_>) -> Checked<Vec<OrderTerm>> {
    let mut terms = Vec::new();
    loop {
        for field in ORDER_FIELDS {
            reader.note(Expected::Field(field.name, field.doc));
        }
        let path = path(reader)?;
        metadata_path(&path)?;
        if terms.len() == ORDER_FIELDS_MAX {
            let message = format!("an answer is ordered by {ORDER_FIELDS_MAX} fields at most");
            return Err(QueryError::at(QueryErrorKind::TooMany, span_of(&path), message));
        }
        let descending = !reader.keyword("ASC") && reader.keyword("DESC");
        let mut nulls_first = false;
        if reader.keyword("NULLS") {
            nulls_first = reader.keyword("FIRST");
            if !nulls_first {
                reader.expect_keyword("LAST")?;
            }
        }
        terms.push(OrderTerm { path, descending, nulls_first });
        if !reader.symbol(",") {
            return Ok(terms);
        }
    }
}
