//! Whole numbers of a field in order: times, above all.

use super::part::ColumnPart;
use crate::set::Bitmap;

/// Immutable list of numbers with the ordinals that hold them, for ranges. An ordinal may hold any number of values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RangeColumn {
    /// Ascending.
    values: Box<[i64]>,
    /// The ordinal of each value; ascending where values are equal.
    ordinals: Box<[u32]>,
}

impl RangeColumn {
    /// From pairs of ordinal and value, in any order; repeated ones count once.
    pub fn build(pairs: impl IntoIterator<Item = (u32, i64)>) -> RangeColumn {
        let mut pairs: Vec<(i64, u32)> =
            pairs.into_iter().map(|(ordinal, value)| (value, ordinal)).collect();
        pairs.sort_unstable();
        pairs.dedup();
        RangeColumn {
            values: pairs.iter().map(|pair| pair.0).collect(),
            ordinals: pairs.iter().map(|pair| pair.1).collect(),
        }
    }

    /// The columns of all parts as one, under new ordinals.
    pub fn merge(parts: &[ColumnPart<'_, RangeColumn>]) -> RangeColumn {
        let pairs = parts.iter().flat_map(|(column, remap)| {
            let pairs = column.values.iter().zip(&column.ordinals);
            pairs.filter_map(move |(&value, &ordinal)| Some((remap(ordinal)?, value)))
        });
        RangeColumn::build(pairs)
    }

    /// The ordinals with a value from `from` on and before `until`; an absent end is open.
    pub fn range(&self, from: Option<i64>, until: Option<i64>) -> Bitmap {
        Bitmap::from_ordinals(self.slice(from, until))
    }

    /// How many values [`RangeColumn::range`] finds: the number of its ordinals where each holds one value, else a bound.
    pub fn count(&self, from: Option<i64>, until: Option<i64>) -> u64 {
        self.slice(from, until).len() as u64
    }

    /// The least and the greatest value; none when there is none.
    pub fn bounds(&self) -> Option<(i64, i64)> {
        Some((*self.values.first()?, *self.values.last()?))
    }

    /// Bytes held on the heap.
    pub fn heap_bytes(&self) -> usize {
        size_of_val(&*self.values) + size_of_val(&*self.ordinals)
    }

    fn slice(&self, from: Option<i64>, until: Option<i64>) -> &[u32] {
        let before = |end: i64| self.values.partition_point(|&value| value < end);
        let start = from.map_or(0, before);
        let end = until.map_or(self.values.len(), before);
        // Reversed ends leave nothing.
        &self.ordinals[start.min(end)..end]
    }
}
