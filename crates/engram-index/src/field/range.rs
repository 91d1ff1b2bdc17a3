//! Whole numbers of a field in order: times, above all.

use std::ops::Range;

use super::packed::Packed;
use super::part::ColumnPart;
use crate::bytes::{IndexDamage, Input};
use crate::set::Bitmap;

/// Immutable list of numbers with the ordinals that hold them, for ranges. An ordinal may hold any number of values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RangeColumn {
    /// Ascending.
    values: Packed,
    ordinals: Ordinals,
}

/// The ordinal of each value; ascending where values are equal.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Ordinals {
    /// One after the other from this one on: the values ascend with the ordinals, and each ordinal has one.
    Run(u32),
    Listed(Packed),
}

impl Default for Ordinals {
    fn default() -> Ordinals {
        Ordinals::Run(0)
    }
}

impl RangeColumn {
    /// From pairs of ordinal and value, in any order; repeated ones count once. Panics for 4 Gi pairs.
    pub fn build(pairs: impl IntoIterator<Item = (u32, i64)>) -> RangeColumn {
        let mut pairs: Vec<(i64, u32)> =
            pairs.into_iter().map(|(ordinal, value)| (value, ordinal)).collect();
        if !pairs.is_sorted() {
            pairs.sort_unstable();
        }
        pairs.dedup();
        let first = pairs.first().map_or(0, |pair| pair.1);
        let run = (u64::from(first)..).zip(&pairs).all(|(next, pair)| next == u64::from(pair.1));
        let numbers = |number: fn(&(i64, u32)) -> i64| {
            Packed::new(&pairs.iter().map(number).collect::<Vec<i64>>())
        };
        RangeColumn {
            values: numbers(|pair| pair.0),
            ordinals: if run {
                Ordinals::Run(first)
            } else {
                Ordinals::Listed(numbers(|pair| i64::from(pair.1)))
            },
        }
    }

    /// The columns of all parts as one, under new ordinals. Panics where [`RangeColumn::build`] does.
    pub fn merge(parts: &[ColumnPart<'_, RangeColumn>]) -> RangeColumn {
        let pairs = parts.iter().flat_map(|(column, remap)| {
            let places = 0..column.values.len();
            let pairs = column.values.iter(places.clone()).zip(column.ordinals(places));
            pairs.filter_map(move |(value, ordinal)| Some((remap(ordinal)?, value)))
        });
        RangeColumn::build(pairs)
    }

    /// The ordinals with a value from `from` on and before `until`; an absent end is open.
    pub fn range(&self, from: Option<i64>, until: Option<i64>) -> Bitmap {
        self.set(self.places(from, until))
    }

    /// How many values [`RangeColumn::range`] finds: the number of its ordinals where each holds one value, else a bound.
    pub fn count(&self, from: Option<i64>, until: Option<i64>) -> u64 {
        self.places(from, until).len() as u64
    }

    /// The least and the greatest value; none when there is none.
    pub fn bounds(&self) -> Option<(i64, i64)> {
        let last = self.values.len().checked_sub(1)?;
        Some((self.values.get(0), self.values.get(last)))
    }

    /// The least and the greatest value of the ordinals that `accept` lets pass; none when there is none. Asks from both ends.
    pub fn bounds_where(&self, accept: &dyn Fn(u32) -> bool) -> Option<(i64, i64)> {
        let mut places = 0..self.values.len();
        let mut passes = |place: &usize| self.ordinals(*place..place + 1).any(accept);
        let first = places.find(&mut passes)?;
        let last = places.rfind(&mut passes).unwrap_or(first);
        Some((self.values.get(first), self.values.get(last)))
    }

    /// Calls `visit` with every ordinal and its value, by ascending value.
    pub fn each(&self, visit: &mut dyn FnMut(u32, i64)) {
        let places = 0..self.values.len();
        let pairs = self.ordinals(places.clone()).zip(self.values.iter(places));
        pairs.for_each(|(ordinal, value)| visit(ordinal, value));
    }

    /// The greatest ordinal with a value; none when there is none.
    pub fn last_ordinal(&self) -> Option<u32> {
        self.ordinals(0..self.values.len()).max()
    }

    /// Bytes held on the heap.
    pub fn heap_bytes(&self) -> usize {
        let ordinals = match &self.ordinals {
            Ordinals::Run(_) => 0,
            Ordinals::Listed(ordinals) => ordinals.heap_bytes(),
        };
        self.values.heap_bytes() + ordinals
    }

    /// The column as bytes. Equal columns give equal bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.append_to(&mut bytes);
        bytes
    }

    /// Appends [`RangeColumn::to_bytes`].
    pub fn append_to(&self, out: &mut Vec<u8>) {
        self.values.append_to(out);
        match &self.ordinals {
            Ordinals::Run(first) => {
                out.push(0);
                out.extend(first.to_le_bytes());
            }
            Ordinals::Listed(ordinals) => {
                out.push(1);
                ordinals.append_to(out);
            }
        }
    }

    /// Takes back the bytes of [`RangeColumn::to_bytes`].
    ///
    /// # Errors
    /// The bytes are no column. No bytes make it panic.
    pub fn open(bytes: &[u8]) -> Result<RangeColumn, IndexDamage> {
        let mut input = Input::new(bytes);
        let column = RangeColumn::read(&mut input)?;
        input.end()?;
        Ok(column)
    }

    /// Reads what [`RangeColumn::append_to`] appended.
    pub(super) fn read(input: &mut Input<'_>) -> Result<RangeColumn, IndexDamage> {
        let values = Packed::read(input)?;
        let ordinals = match input.u8()? {
            0 => Ordinals::Run(input.u32()?),
            1 => Ordinals::Listed(Packed::read(input)?),
            _ => return Err(IndexDamage("ordinals in an unknown form")),
        };
        let count = values.len();
        let fit = match &ordinals {
            Ordinals::Run(first) => u64::from(*first) + count as u64 <= 1 << 32,
            Ordinals::Listed(listed) => {
                let all = listed.len() == count;
                all && listed.iter(0..count).all(|ordinal| u32::try_from(ordinal).is_ok())
            }
        };
        if !fit {
            return Err(IndexDamage("values without an ordinal"));
        }
        let column = RangeColumn { values, ordinals };
        let pairs = column.values.iter(0..count).zip(column.ordinals(0..count));
        if !pairs.is_sorted_by(|a, b| a < b) {
            return Err(IndexDamage("the values of a column do not ascend"));
        }
        Ok(column)
    }

    /// Number of values.
    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    /// How many values `before` holds for: they are the first ones.
    pub(super) fn partition_point(&self, before: impl Fn(i64) -> bool) -> usize {
        self.values.partition_point(before)
    }

    /// The ordinals of the values at neighbouring places.
    pub(super) fn set(&self, places: Range<usize>) -> Bitmap {
        match &self.ordinals {
            Ordinals::Run(_) if places.is_empty() => Bitmap::new(),
            Ordinals::Run(first) => {
                let ordinal = |place: usize| u64::from(*first) + place as u64;
                Bitmap::run(ordinal(places.start) as u32, ordinal(places.end))
            }
            Ordinals::Listed(ordinals) => {
                let mut listed = Vec::with_capacity(places.len());
                ordinals.iter(places).for_each(|ordinal| listed.push(ordinal as u32));
                Bitmap::from_ordinals(&listed)
            }
        }
    }

    fn ordinals(&self, places: Range<usize>) -> impl Iterator<Item = u32> + '_ {
        let (first, run, listed) = match &self.ordinals {
            Ordinals::Run(first) => (u64::from(*first), places, None),
            Ordinals::Listed(ordinals) => (0, 0..0, Some(ordinals.iter(places))),
        };
        let run = run.map(move |place| (first + place as u64) as u32);
        run.chain(listed.into_iter().flatten().map(|ordinal| ordinal as u32))
    }

    fn places(&self, from: Option<i64>, until: Option<i64>) -> Range<usize> {
        let before = |end: i64| self.values.partition_point(|value| value < end);
        let start = from.map_or(0, before);
        let end = until.map_or(self.values.len(), before);
        // Reversed ends leave nothing.
        start.min(end)..end
    }
}
