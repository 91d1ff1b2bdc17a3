//! All values at one path of the metadata of a chunk.

use std::cmp::Ordering;
use std::ops::Range;

use super::keyword::KeywordColumn;
use super::like::LikePattern;
use super::part::ColumnPart;
use super::range::RangeColumn;
use super::value::{FieldValue, Number, form};
use crate::bytes::{IndexDamage, Input};
use crate::set::Bitmap;

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
    fn places(self, count: usize, before: impl Fn(fn(Ordering) -> bool) -> usize) -> Range<usize> {
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
    ints: Vec<(u32, i64)>,
    /// By [`float_key`].
    floats: Vec<(u32, i64)>,
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
            FieldValue::Int(int) => self.ints.push((ordinal, *int)),
            FieldValue::Float(float) if float.is_nan() => {}
            FieldValue::Float(float) => self.floats.push((ordinal, float_key(*float))),
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
            present: Bitmap::from_ordinals(&self.present),
            ints: RangeColumn::build(self.ints),
            floats: RangeColumn::build(self.floats),
            texts: self.texts.column(),
            forms: self.forms.column(),
        }
    }
}

/// The values at one path, by sort: only numbers and texts have an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PathColumn {
    /// Ordinals with any value.
    pub(super) present: Bitmap,
    ints: RangeColumn,
    /// By [`float_key`].
    floats: RangeColumn,
    texts: KeywordColumn,
    /// Null, true, false, lists and maps, by their form.
    forms: KeywordColumn,
}

/// Places of values that a test asks for, in one column of a path or in both for numbers.
enum Found {
    Numbers { ints: Range<usize>, floats: Range<usize> },
    Texts(Range<usize>),
    Forms(Range<usize>),
    Nothing,
}

impl PathColumn {
    /// Ordinals with a value that stands on that side of `wanted`.
    pub(super) fn matching(&self, side: Side, wanted: &FieldValue<'_>) -> Bitmap {
        match self.find(side, wanted) {
            Found::Numbers { ints, floats } => self.ints.set(ints).or(&self.floats.set(floats)),
            Found::Texts(places) => self.texts.set(places),
            Found::Forms(places) => self.forms.set(places),
            Found::Nothing => Bitmap::new(),
        }
    }

    /// Ordinals with a text that fits. Every text is looked at, once.
    pub(super) fn like(&self, pattern: &LikePattern) -> Bitmap {
        let fits = |place: &usize| {
            std::str::from_utf8(self.texts.value(*place)).is_ok_and(|text| pattern.matches(text))
        };
        // Neighbours are asked for together.
        let (mut any, mut begun) = (Bitmap::new(), None);
        for place in 0..=self.texts.len() {
            let is_in = place < self.texts.len() && fits(&place);
            match (is_in, begun) {
                (true, None) => begun = Some(place),
                (false, Some(first)) => {
                    any = any.or(&self.texts.set(first..place));
                    begun = None;
                }
                _ => {}
            }
        }
        any
    }

    /// How many there are of these; those count several times whose lists have several such values.
    pub(super) fn count(&self, side: Side, wanted: &FieldValue<'_>) -> u64 {
        match self.find(side, wanted) {
            Found::Numbers { ints, floats } => (ints.len() + floats.len()) as u64,
            Found::Texts(places) => self.texts.count(places),
            Found::Forms(places) => self.forms.count(places),
            Found::Nothing => 0,
        }
    }

    fn find(&self, side: Side, wanted: &FieldValue<'_>) -> Found {
        match wanted {
            FieldValue::Int(_) | FieldValue::Float(_) => {
                let Some(wanted) = Number::of(wanted) else { return Found::Nothing };
                let places = |column: &RangeColumn, number: fn(i64) -> Number| {
                    side.places(column.len(), |holds| {
                        column.partition_point(|value| holds(number(value).order(wanted)))
                    })
                };
                Found::Numbers {
                    ints: places(&self.ints, Number::Int),
                    floats: places(&self.floats, |key| Number::Float(float_of(key))),
                }
            }
            FieldValue::Text(text) => {
                let before = |holds: fn(Ordering) -> bool| {
                    self.texts.partition_point(|value| holds(value.cmp(text.as_bytes())))
                };
                Found::Texts(side.places(self.texts.len(), before))
            }
            FieldValue::Null | FieldValue::Bool(_) | FieldValue::List(_) | FieldValue::Map(_) => {
                match form(wanted) {
                    Some(form) if side == Side::Equal => Found::Forms(self.forms.places(&form)),
                    _ => Found::Nothing,
                }
            }
        }
    }

    pub(super) fn merge(parts: &[ColumnPart<'_, PathColumn>]) -> PathColumn {
        fn of<'a, C>(
            parts: &[ColumnPart<'a, PathColumn>],
            column: fn(&'a PathColumn) -> &'a C,
        ) -> Vec<ColumnPart<'a, C>> {
            parts.iter().map(|(path, remap)| (column(path), *remap)).collect()
        }
        let present =
            parts.iter().flat_map(|(column, remap)| column.present.iter().filter_map(remap));
        PathColumn {
            present: present.collect(),
            ints: RangeColumn::merge(&of(parts, |column| &column.ints)),
            floats: RangeColumn::merge(&of(parts, |column| &column.floats)),
            texts: KeywordColumn::merge(&of(parts, |column| &column.texts)),
            forms: KeywordColumn::merge(&of(parts, |column| &column.forms)),
        }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.present.heap_bytes()
            + self.ints.heap_bytes()
            + self.floats.heap_bytes()
            + self.texts.heap_bytes()
            + self.forms.heap_bytes()
    }

    pub(super) fn append_to(&self, out: &mut Vec<u8>) {
        self.present.append_to(out);
        self.ints.append_to(out);
        self.floats.append_to(out);
        self.texts.append_to(out);
        self.forms.append_to(out);
    }

    /// Reads what [`PathColumn::append_to`] appended.
    pub(super) fn read(input: &mut Input<'_>) -> Result<PathColumn, IndexDamage> {
        let column = PathColumn {
            present: Bitmap::read(input)?,
            ints: RangeColumn::read(input)?,
            floats: RangeColumn::read(input)?,
            texts: KeywordColumn::read(input)?,
            forms: KeywordColumn::read(input)?,
        };
        let finite = float_key(f64::NEG_INFINITY)..=float_key(f64::INFINITY);
        match column.floats.bounds() {
            Some((least, greatest)) if !finite.contains(&least) || !finite.contains(&greatest) => {
                Err(IndexDamage("metadata with a number that is none"))
            }
            _ => Ok(column),
        }
    }

    /// The greatest ordinal with a value.
    pub(super) fn last_ordinal(&self) -> Option<u32> {
        let numbers = self.ints.last_ordinal().max(self.floats.last_ordinal());
        let strings = self.texts.last_ordinal().max(self.forms.last_ordinal());
        self.present.last().max(numbers).max(strings)
    }
}

/// A whole number for a float that is not NaN, in the same order; zero of either sign has the same.
fn float_key(float: f64) -> i64 {
    // Adding zero turns -0 into +0.
    flip((float + 0.0).to_bits() as i64)
}

fn float_of(key: i64) -> f64 {
    f64::from_bits(flip(key) as u64)
}

/// Turns round the order of negative numbers, which their bits have the other way; undoes itself.
fn flip(bits: i64) -> i64 {
    bits ^ (bits >> 63 & i64::MAX)
}
