//! All values at one path of the metadata of a chunk.

use std::cmp::Ordering;

use super::keyword::KeywordColumn;
use super::part::ColumnPart;
use super::value::{FieldValue, Number, form};

/// Which values a test asks for, in the order of one sort.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Equal,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

impl Side {
    /// The places of the values for which a test holds, among `count` values in ascending order; `before` counts those
    /// for which a condition on their order to the wanted one holds: the first ones.
    fn places(
        self,
        count: usize,
        before: impl Fn(fn(Ordering) -> bool) -> usize,
    ) -> std::ops::Range<usize> {
        match self {
            Side::Equal => before(Ordering::is_lt)..before(Ordering::is_le),
            Side::Less => 0..before(Ordering::is_lt),
            Side::AtMost => 0..before(Ordering::is_le),
            Side::Greater => before(Ordering::is_le)..count,
            Side::AtLeast => before(Ordering::is_lt)..count,
        }
    }
}

/// Collects the values at one path.
#[derive(Debug, Default)]
pub(super) struct PathWriter {
    present: Vec<u32>,
    numbers: Vec<(Number, u32)>,
    texts: Strings,
    forms: Strings,
}

/// Strings of bytes with their ordinals, one after the other.
#[derive(Debug, Default)]
struct Strings {
    bytes: Vec<u8>,
    /// Ordinal, and where its string ends.
    ends: Vec<(u32, usize)>,
}

impl Strings {
    fn push(&mut self, ordinal: u32, string: &[u8]) {
        self.bytes.extend_from_slice(string);
        self.ends.push((ordinal, self.bytes.len()));
    }

    fn column(&self) -> KeywordColumn {
        let mut start = 0;
        KeywordColumn::build(self.ends.iter().map(|&(ordinal, end)| {
            let string = &self.bytes[start..end];
            start = end;
            (ordinal, string)
        }))
    }
}

impl PathWriter {
    /// Adds what `ordinal` has at the path; ordinals ascend.
    pub(super) fn add(&mut self, ordinal: u32, value: &FieldValue<'_>) {
        self.present.push(ordinal);
        self.add_one(ordinal, value);
        if let FieldValue::List(elements) = value {
            for element in elements {
                self.add_one(ordinal, element);
            }
        }
    }

    fn add_one(&mut self, ordinal: u32, value: &FieldValue<'_>) {
        match value {
            FieldValue::Int(_) | FieldValue::Float(_) => {
                self.numbers.extend(Number::of(value).map(|number| (number, ordinal)));
            }
            FieldValue::Text(text) => self.texts.push(ordinal, text.as_bytes()),
            FieldValue::Null | FieldValue::Bool(_) | FieldValue::List(_) | FieldValue::Map(_) => {
                if let Some(form) = form(value) {
                    self.forms.push(ordinal, &form);
                }
            }
        }
    }

    pub(super) fn finish(self) -> PathColumn {
        PathColumn {
            present: self.present.into(),
            texts: self.texts.column(),
            forms: self.forms.column(),
            numbers: Numbers::build(self.numbers),
        }
    }
}

/// The values at one path, by sort: only numbers and texts have an order.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PathColumn {
    /// Ordinals with any value, ascending.
    pub(super) present: Box<[u32]>,
    numbers: Numbers,
    texts: KeywordColumn,
    /// Null, true, false, lists and maps, by their form.
    forms: KeywordColumn,
}

impl PathColumn {
    /// Ordinals with a value that stands on that side of `wanted`; some repeat where lists have several of them.
    pub(super) fn find(&self, side: Side, wanted: &FieldValue<'_>) -> &[u32] {
        match wanted {
            FieldValue::Int(_) | FieldValue::Float(_) => {
                Number::of(wanted).map_or(&[], |wanted| self.numbers.find(side, wanted))
            }
            FieldValue::Text(text) => {
                let before = |holds: fn(Ordering) -> bool| {
                    self.texts.partition_point(|value| holds(value.cmp(text.as_bytes())))
                };
                self.texts.slice(side.places(self.texts.values().len(), before))
            }
            FieldValue::Null | FieldValue::Bool(_) | FieldValue::List(_) | FieldValue::Map(_) => {
                match form(wanted) {
                    Some(form) if side == Side::Equal => self.forms.ordinals(&form),
                    _ => &[],
                }
            }
        }
    }

    pub(super) fn merge(parts: &[ColumnPart<'_, PathColumn>]) -> PathColumn {
        let mut present = Vec::new();
        let mut numbers = Vec::new();
        for (column, remap) in parts {
            present.extend(column.present.iter().filter_map(|&ordinal| remap(ordinal)));
            let pairs = column.numbers.values.iter().zip(&column.numbers.ordinals);
            numbers.extend(pairs.filter_map(|(&value, &ordinal)| Some((value, remap(ordinal)?))));
        }
        present.sort_unstable();
        let texts: Vec<_> = parts.iter().map(|(column, remap)| (&column.texts, *remap)).collect();
        let forms: Vec<_> = parts.iter().map(|(column, remap)| (&column.forms, *remap)).collect();
        PathColumn {
            present: present.into(),
            numbers: Numbers::build(numbers),
            texts: KeywordColumn::merge(&texts),
            forms: KeywordColumn::merge(&forms),
        }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        size_of_val(&*self.present)
            + size_of_val(&*self.numbers.values)
            + size_of_val(&*self.numbers.ordinals)
            + self.texts.heap_bytes()
            + self.forms.heap_bytes()
    }
}

/// Numbers in ascending order, each with its ordinal.
#[derive(Clone, Debug)]
struct Numbers {
    values: Box<[Number]>,
    ordinals: Box<[u32]>,
}

impl PartialEq for Numbers {
    fn eq(&self, other: &Numbers) -> bool {
        let same = |a: &Number, b: &Number| a.order(*b).is_eq();
        self.ordinals == other.ordinals
            && self.values.iter().zip(&other.values).all(|(a, b)| same(a, b))
    }
}

impl Numbers {
    fn build(mut pairs: Vec<(Number, u32)>) -> Numbers {
        pairs.sort_unstable_by(|a, b| a.0.order(b.0).then(a.1.cmp(&b.1)));
        pairs.dedup_by(|a, b| a.1 == b.1 && a.0.order(b.0).is_eq());
        Numbers {
            values: pairs.iter().map(|pair| pair.0).collect(),
            ordinals: pairs.iter().map(|pair| pair.1).collect(),
        }
    }

    fn find(&self, side: Side, wanted: Number) -> &[u32] {
        let before = |holds: fn(Ordering) -> bool| {
            self.values.partition_point(|value| holds(value.order(wanted)))
        };
        &self.ordinals[side.places(self.values.len(), before)]
    }
}
