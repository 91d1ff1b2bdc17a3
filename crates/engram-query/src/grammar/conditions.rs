//! The grammar of conditions.

use super::values::{enclosed, literal};
use crate::condition::{Comparison, Condition, Field, Operator, Test};
use crate::error::{Checked, QueryError, QueryErrorKind};
use crate::field::{NOT_FILTERABLE, field, field_names};
use crate::literal::{Name, dotted, span_of};
use crate::reader::{Expected, Reader};
use crate::shape::{Shape, TEXT};
use crate::token::TokenKind;

/// A condition: OR binds less than AND, AND less than NOT.
pub(super) fn condition(reader: &mut Reader<'_>) -> Checked<Condition> {
    let mut parts = vec![conjunction(reader)?];
    while reader.keyword("OR") {
        parts.push(conjunction(reader)?);
    }
    Ok(one_or(parts, Condition::Any))
}

fn conjunction(reader: &mut Reader<'_>) -> Checked<Condition> {
    let mut parts = vec![negation(reader)?];
    while reader.keyword("AND") {
        parts.push(negation(reader)?);
    }
    Ok(one_or(parts, Condition::All))
}

fn one_or(mut parts: Vec<Condition>, join: fn(Vec<Condition>) -> Condition) -> Condition {
    if parts.len() == 1 { parts.swap_remove(0) } else { join(parts) }
}

fn negation(reader: &mut Reader<'_>) -> Checked<Condition> {
    if reader.keyword("NOT") {
        let inner = reader.nested(negation)?;
        return Ok(Condition::Not(Box::new(inner)));
    }
    if reader.symbol("(") {
        let inner = reader.nested(condition)?;
        reader.expect_symbol(")")?;
        return Ok(inner);
    }
    test(reader)
}

fn test(reader: &mut Reader<'_>) -> Checked<Condition> {
    reader.count_condition()?;
    let field = named_field(reader)?;
    let operand = field.entry.operand().shape();
    let operators = field.entry.operators().iter().copied();
    note_operators(reader, operators.clone());
    let start = reader.token().span;
    let asked = if reader.keyword("NOT") {
        note_operators(reader, operators.filter(|name| BEHIND_NOT.contains(name)));
        let asked = wordy(reader, operand)?.ok_or_else(|| reader.unexpected())?;
        Asked { negated: true, ..asked }
    } else {
        match wordy(reader, operand)? {
            Some(asked) => asked,
            None => operator(reader, operand)?,
        }
    };
    let Asked { name, operator, negated } = asked;
    if !field.entry.operators().contains(&name) {
        let known = field.entry.operators().iter().map(|name| (*name).to_owned()).collect();
        let message = format!("`{}` cannot be asked with {name}", field.shown());
        let span = start.to(reader.before());
        return Err(QueryError::at(QueryErrorKind::NotPossible, span, message)
            .expecting(known)
            .finding(name));
    }
    let test = Condition::Test(Test { field, operator });
    Ok(if negated { Condition::Not(Box::new(test)) } else { test })
}

/// An operator with its operands.
struct Asked {
    /// Its name among the operators of a field.
    name: &'static str,
    operator: Operator,
    negated: bool,
}

fn plain(name: &'static str, operator: Operator) -> Asked {
    Asked { name, operator, negated: false }
}

/// The operators that NOT may stand before.
const BEHIND_NOT: [&str; 3] = ["IN", "LIKE", "BETWEEN"];

/// One of the operators that NOT may stand before; none where another one stands here.
fn wordy(reader: &mut Reader<'_>, operand: &'static Shape) -> Checked<Option<Asked>> {
    if reader.sees("IN") {
        reader.advance();
        return Ok(Some(plain("IN", Operator::In(enclosed(reader, operand)?))));
    }
    if reader.sees("LIKE") {
        reader.advance();
        return Ok(Some(plain("LIKE", Operator::Like(literal(reader, &TEXT)?))));
    }
    if reader.sees("BETWEEN") {
        reader.advance();
        let low = literal(reader, operand)?;
        reader.expect_keyword("AND")?;
        let high = literal(reader, operand)?;
        return Ok(Some(plain("BETWEEN", Operator::Between(low, high))));
    }
    Ok(None)
}

fn operator(reader: &mut Reader<'_>, operand: &'static Shape) -> Checked<Asked> {
    const COMPARISONS: [(&str, &str, Comparison); 7] = [
        ("=", "=", Comparison::Equal),
        ("!=", "!=", Comparison::NotEqual),
        ("<>", "!=", Comparison::NotEqual),
        ("<=", "<=", Comparison::AtMost),
        ("<", "<", Comparison::Less),
        (">=", ">=", Comparison::AtLeast),
        (">", ">", Comparison::Greater),
    ];
    let kind = reader.token().kind;
    let symbol = COMPARISONS.iter().find(|(symbol, ..)| kind == TokenKind::Symbol(symbol));
    if let Some((_, name, comparison)) = symbol {
        reader.advance();
        let value = literal(reader, operand)?;
        return Ok(plain(name, Operator::Compare(*comparison, value)));
    }
    if reader.sees("IS") {
        reader.advance();
        let negated = reader.keyword("NOT");
        reader.expect_keyword("NULL")?;
        return Ok(Asked { name: "IS NULL", operator: Operator::IsNull, negated });
    }
    if reader.sees("CONTAINS") {
        reader.advance();
        return Ok(plain("CONTAINS", contains(reader, operand)?));
    }
    Err(reader.unexpected())
}

fn contains(reader: &mut Reader<'_>, operand: &'static Shape) -> Checked<Operator> {
    if reader.keyword("ALL") {
        return Ok(Operator::ContainsAll(enclosed(reader, operand)?));
    }
    reader.expect_keyword("ANY")?;
    Ok(Operator::In(enclosed(reader, operand)?))
}

fn note_operators(reader: &mut Reader<'_>, names: impl Iterator<Item = &'static str>) {
    for name in names {
        let word = name.starts_with(|letter: char| letter.is_ascii_alphabetic());
        reader.note(if word { Expected::Keyword(name, "") } else { Expected::Symbol(name) });
    }
}

fn named_field(reader: &mut Reader<'_>) -> Checked<Field> {
    for (name, entry) in field_names() {
        reader.note(Expected::Field(name, entry.doc));
    }
    let mut path = vec![reader.name()?];
    while reader.dot(path.len())? {
        note_parts(reader, &path);
        path.push(reader.name()?);
    }
    let names: Vec<&str> = path.iter().map(|name| name.text.as_str()).collect();
    match field(&names) {
        Some((entry, used)) => {
            let rest = path.get(used..).unwrap_or_default();
            metadata_path(rest)?;
            Ok(Field { entry, path: dotted(rest), span: span_of(&path) })
        }
        None => Err(unknown(&path)),
    }
}

/// Notes the second parts of fields that have two.
fn note_parts(reader: &mut Reader<'_>, path: &[Name]) {
    let [first] = path else { return };
    let prefix = format!("{}.", first.text.to_ascii_lowercase());
    for (name, entry) in field_names() {
        if let Some(rest) = name.strip_prefix(&prefix) {
            reader.note(Expected::Field(rest, entry.doc));
        }
    }
}

/// The parts of a path are separated with dots, so none of them can have one.
pub(super) fn metadata_path(path: &[Name]) -> Checked<()> {
    match path.iter().find(|name| name.text.contains('.') || name.text.is_empty()) {
        Some(name) => {
            let message = "a path cannot lead to a key that is empty or has a dot in it";
            Err(QueryError::at(QueryErrorKind::NotPossible, name.span, message))
        }
        None => Ok(()),
    }
}

fn unknown(path: &[Name]) -> Box<QueryError> {
    let shown = dotted(path);
    let lower = shown.to_ascii_lowercase();
    let span = span_of(path);
    if let Some((_, why)) = NOT_FILTERABLE.iter().find(|(name, _)| *name == lower) {
        return QueryError::at(QueryErrorKind::NotPossible, span, *why)
            .finding(format!("`{shown}`"));
    }
    let message = match lower.as_str() {
        "metadata" => "metadata is asked by path: metadata.ticket.priority".to_owned(),
        _ => format!("no field is called `{shown}`; a key of the metadata is metadata.{shown}"),
    };
    QueryError::at(QueryErrorKind::UnknownField, span, message)
        .expecting(field_names().map(|(name, _)| name.to_owned()).collect())
        .finding(format!("`{shown}`"))
        .near(&shown, field_names().map(|(name, _)| name))
}
