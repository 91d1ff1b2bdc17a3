//! The grammar of values, names and assignments.

use engram_api::Timestamp;
use serde_json::Number;

use crate::error::{Checked, QueryError, QueryErrorKind};
use crate::keyword::is_keyword;
use crate::literal::{Base, Datum, Literal, Moment, Name};
use crate::reader::{Expected, Reader, unquoted};
use crate::shape::{ANY, NUMBER, Shape, Slot, TEXT, descend};
use crate::span::Span;
use crate::statement::Assignment;
use crate::time::{Interval, Sign, Stretch, UNIT_NAMES, bad_interval};
use crate::token::TokenKind;

/// A sample of a time, for whoever completes a statement.
const TIME_SAMPLE: &str = "TIMESTAMP '2026-01-05T00:00:00Z'";

/// A value. The shape says what fits; whether it does is seen when parameters are known.
pub(super) fn literal(reader: &mut Reader<'_>, shape: &'static Shape) -> Checked<Literal> {
    note(reader, shape);
    let token = reader.token();
    let part = reader.part(token.span);
    let datum = match token.kind {
        TokenKind::Text => {
            reader.advance();
            Datum::Text(unquoted(part, '\''))
        }
        TokenKind::Parameter => {
            reader.advance();
            Datum::Parameter(part.trim_start_matches('$').to_owned())
        }
        TokenKind::Number | TokenKind::Symbol("-") => Datum::Number(number(reader)?),
        TokenKind::Symbol("[") => list_in_brackets(reader, shape)?,
        TokenKind::Symbol("{") => object(reader, shape)?,
        TokenKind::Word => word(reader, shape)?,
        TokenKind::Quoted => {
            let message = "double quotes name a field; a text stands between single quotes";
            let text = unquoted(part, '"').replace('\'', "''");
            return Err(QueryError::at(QueryErrorKind::WrongType, token.span, message)
                .expecting(vec![format!("'{text}'")])
                .finding(part));
        }
        TokenKind::Symbol(_) | TokenKind::End => return Err(reader.unexpected()),
    };
    Ok(Literal { span: token.span.to(reader.before()), datum })
}

/// Notes what a shape takes.
fn note(reader: &mut Reader<'_>, shape: &'static Shape) {
    match shape {
        Shape::Text | Shape::Texts { .. } => reader.note(Expected::Value("a text", "'text'")),
        Shape::Number { .. } => reader.note(Expected::Value("a number", "0.5")),
        Shape::Whole { .. } => reader.note(Expected::Value("a whole number", "10")),
        Shape::Flag => {
            reader.note(Expected::Keyword("TRUE", ""));
            reader.note(Expected::Keyword("FALSE", ""));
        }
        Shape::Word(names) | Shape::Words(names) => {
            names.iter().for_each(|name| reader.note(Expected::Word(name)));
        }
        Shape::Time => {
            reader.note(Expected::Value("a time", TIME_SAMPLE));
            reader.note(Expected::Value("now()", "now()"));
        }
        Shape::Vector => reader.note(Expected::Value("a list of numbers", "[0.1, -0.2]")),
        Shape::Free | Shape::Object(_) => reader.note(Expected::Symbol("{")),
        Shape::Any => reader.note(Expected::Value("a value", "'text'")),
    }
    reader.note(Expected::Value("a parameter", "$name"));
}

fn number(reader: &mut Reader<'_>) -> Checked<Number> {
    let start = reader.token().span;
    let negative = reader.symbol("-");
    let token = reader.token();
    if token.kind != TokenKind::Number {
        reader.note(Expected::Value("a number", "0.5"));
        return Err(reader.unexpected());
    }
    let digits = reader.part(token.span);
    reader.advance();
    let text = if negative { format!("-{digits}") } else { digits.to_owned() };
    let read = if digits.contains(['.', 'e', 'E']) {
        text.parse().ok().and_then(Number::from_f64)
    } else {
        let signed = text.parse::<i64>().ok().map(Number::from);
        signed.or_else(|| text.parse::<u64>().ok().map(Number::from))
    };
    read.ok_or_else(|| {
        let message = format!("the number {text} is too large to be kept");
        QueryError::at(QueryErrorKind::OutOfRange, start.to(token.span), message)
    })
}

/// What a list of a shape holds.
fn element(shape: &'static Shape) -> &'static Shape {
    match shape {
        Shape::Texts { .. } => &TEXT,
        Shape::Vector => &NUMBER,
        _ => shape,
    }
}

fn list_in_brackets(reader: &mut Reader<'_>, shape: &'static Shape) -> Checked<Datum> {
    reader.advance();
    reader.nested(|reader| {
        let mut items = Vec::new();
        if reader.symbol("]") {
            return Ok(Datum::List(items));
        }
        loop {
            items.push(literal(reader, element(shape))?);
            if reader.symbol("]") {
                return Ok(Datum::List(items));
            }
            reader.expect_symbol(",")?;
        }
    })
}

fn object(reader: &mut Reader<'_>, shape: &'static Shape) -> Checked<Datum> {
    let slots: &'static [Slot] = match shape {
        Shape::Object(slots) => slots,
        _ => &[],
    };
    reader.advance();
    reader.nested(|reader| {
        let mut entries = Vec::new();
        if reader.symbol("}") {
            return Ok(Datum::Object(entries));
        }
        loop {
            note_slots(reader, slots);
            let name = key(reader)?;
            reader.expect_symbol(":")?;
            let slot = slots.iter().find(|slot| slot.name == name.text);
            entries.push((name, literal(reader, slot.map_or(&ANY, |slot| &slot.shape))?));
            if reader.symbol("}") {
                return Ok(Datum::Object(entries));
            }
            reader.expect_symbol(",")?;
        }
    })
}

/// The key of an object: a name, or a text as other languages write it.
fn key(reader: &mut Reader<'_>) -> Checked<Name> {
    let token = reader.token();
    if token.kind == TokenKind::Text {
        reader.advance();
        return Ok(Name { text: unquoted(reader.part(token.span), '\''), span: token.span });
    }
    reader.note(Expected::Value("a name", "name"));
    reader.name()
}

/// A value that starts with a word.
fn word(reader: &mut Reader<'_>, shape: &'static Shape) -> Checked<Datum> {
    let token = reader.token();
    let part = reader.part(token.span);
    match part.to_ascii_uppercase().as_str() {
        "TRUE" => {
            reader.advance();
            Ok(Datum::Flag(true))
        }
        "FALSE" => {
            reader.advance();
            Ok(Datum::Flag(false))
        }
        "NULL" => {
            reader.advance();
            Ok(Datum::Null)
        }
        "NOW" => {
            reader.advance();
            reader.expect_symbol("(")?;
            reader.expect_symbol(")")?;
            moment(reader, Base::Now)
        }
        "TIMESTAMP" => {
            let (span, text) = text_behind(reader)?;
            let time = Timestamp::parse(&text).map_err(|error| {
                QueryError::at(QueryErrorKind::WrongType, span, error.to_string())
            })?;
            moment(reader, Base::At(time.nanoseconds()))
        }
        "DATE" => {
            let (span, text) = text_behind(reader)?;
            let day = Stretch::day(&text).ok_or_else(|| {
                let message = format!("'{text}' is no day; write it like DATE '2026-01-05'");
                QueryError::at(QueryErrorKind::WrongType, span, message)
            })?;
            Ok(Datum::Day(day))
        }
        "INTERVAL" => Ok(interval(reader)?.datum),
        _ if !shape.words().is_empty() => {
            reader.advance();
            Ok(Datum::Word(part.to_ascii_lowercase()))
        }
        _ if is_keyword(part) => Err(reader.unexpected()),
        _ => {
            let message = format!("a text stands between single quotes: '{part}'");
            Err(QueryError::at(QueryErrorKind::WrongType, token.span, message)
                .expecting(vec![format!("'{part}'")])
                .finding(format!("`{part}`")))
        }
    }
}

/// Goes on behind a word and the text that must follow it.
fn text_behind(reader: &mut Reader<'_>) -> Checked<(Span, String)> {
    reader.advance();
    reader.note(Expected::Value("a text", "'2026-01-05'"));
    let token = reader.token();
    if token.kind != TokenKind::Text {
        return Err(reader.unexpected());
    }
    reader.advance();
    Ok((token.span, unquoted(reader.part(token.span), '\'')))
}

/// The intervals behind a time.
fn moment(reader: &mut Reader<'_>, base: Base) -> Checked<Datum> {
    let mut shifts = Vec::new();
    loop {
        let sign = if reader.symbol("+") {
            Sign::Plus
        } else if reader.symbol("-") {
            Sign::Minus
        } else {
            return Ok(Datum::Moment(Moment { base, shifts }));
        };
        shifts.push((sign, interval(reader)?));
    }
}

/// A length of time: `INTERVAL '7 days'`, `7 days`, or a parameter.
pub(super) fn interval(reader: &mut Reader<'_>) -> Checked<Literal> {
    reader.note(Expected::Keyword("INTERVAL", "a length of time: INTERVAL '7 days'"));
    reader.note(Expected::Value("a whole number and a unit", "7 days"));
    reader.note(Expected::Value("a parameter", "$name"));
    let token = reader.token();
    let part = reader.part(token.span);
    let (span, read) = match token.kind {
        TokenKind::Word if reader.sees("INTERVAL") => {
            let (behind, text) = text_behind(reader)?;
            (token.span.to(behind), Interval::parse(&text))
        }
        TokenKind::Number => {
            reader.advance();
            UNIT_NAMES.iter().for_each(|unit| reader.note(Expected::Word(unit)));
            let unit = reader.token();
            if unit.kind != TokenKind::Word {
                return Err(reader.unexpected());
            }
            let known = Interval::of(1, reader.part(unit.span)).is_some();
            if !known {
                return Err(reader.unexpected());
            }
            reader.advance();
            let count = part.parse().ok();
            let read = count.and_then(|count| Interval::of(count, reader.part(unit.span)));
            (token.span.to(unit.span), read)
        }
        TokenKind::Parameter => {
            reader.advance();
            let datum = Datum::Parameter(part.trim_start_matches('$').to_owned());
            return Ok(Literal { span: token.span, datum });
        }
        _ => return Err(reader.unexpected()),
    };
    let datum = read.map(Datum::Interval).ok_or_else(|| bad_interval(span))?;
    Ok(Literal { span, datum })
}

/// Values with commas between them.
pub(super) fn list(reader: &mut Reader<'_>, shape: &'static Shape) -> Checked<Vec<Literal>> {
    let mut items = vec![literal(reader, element(shape))?];
    while reader.symbol(",") {
        items.push(literal(reader, element(shape))?);
    }
    Ok(items)
}

/// Values between round brackets, a list, or a parameter that is one.
pub(super) fn enclosed(reader: &mut Reader<'_>, shape: &'static Shape) -> Checked<Vec<Literal>> {
    if !reader.symbol("(") {
        let kind = reader.token().kind;
        if !matches!(kind, TokenKind::Symbol("[") | TokenKind::Parameter) {
            return Err(reader.unexpected());
        }
        return Ok(vec![literal(reader, shape)?]);
    }
    let items = list(reader, shape)?;
    reader.expect_symbol(")")?;
    Ok(items)
}

fn note_slots(reader: &mut Reader<'_>, slots: impl IntoIterator<Item = &'static Slot>) {
    for slot in slots {
        reader.note(Expected::Field(&slot.name, &slot.doc));
    }
}

/// A field and its value.
pub(super) fn assignment(
    reader: &mut Reader<'_>,
    slots: impl IntoIterator<Item = &'static Slot> + Clone,
) -> Checked<Assignment> {
    note_slots(reader, slots.clone());
    let mut path = vec![reader.name()?];
    let mut shape = descend(slots.clone(), &path)?;
    while reader.dot(path.len())? {
        if let Shape::Object(inner) = shape {
            note_slots(reader, inner);
        }
        path.push(reader.name()?);
        shape = descend(slots.clone(), &path)?;
    }
    reader.expect_symbol("=")?;
    Ok(Assignment { path, shape, literal: literal(reader, shape)? })
}

/// Assignments with commas between them.
pub(super) fn assignments(
    reader: &mut Reader<'_>,
    slots: impl IntoIterator<Item = &'static Slot> + Clone,
) -> Checked<Vec<Assignment>> {
    let mut all = vec![assignment(reader, slots.clone())?];
    while reader.symbol(",") {
        all.push(assignment(reader, slots.clone())?);
    }
    Ok(all)
}

/// Assignments between round brackets.
pub(super) fn assignments_in_brackets(
    reader: &mut Reader<'_>,
    slots: impl IntoIterator<Item = &'static Slot> + Clone,
) -> Checked<Vec<Assignment>> {
    reader.expect_symbol("(")?;
    let all = assignments(reader, slots)?;
    reader.expect_symbol(")")?;
    Ok(all)
}

/// A name and the names behind its dots.
pub(super) fn path(reader: &mut Reader<'_>) -> Checked<Vec<Name>> {
    let mut path = vec![reader.name()?];
    while reader.dot(path.len())? {
        path.push(reader.name()?);
    }
    Ok(path)
}
