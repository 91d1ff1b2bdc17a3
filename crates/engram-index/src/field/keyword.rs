//! Exact values of a field: which ordinals hold which.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher};

use super::part::ColumnPart;
use crate::set::Bitmap;

/// Fixed keys; and nothing is listed in the order of a hash.
type FixedState = BuildHasherDefault<DefaultHasher>;

/// Immutable map from values, compared as bytes, to the ordinals that hold them: tags, people, place, session and the
/// like. An ordinal may hold any number of values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeywordColumn {
    /// All values, one after the other, in byte order.
    bytes: Box<[u8]>,
    /// Where each value ends in `bytes`.
    value_ends: Box<[u32]>,
    /// The ordinals of each value, ascending.
    ordinals: Box<[u32]>,
    /// Where those of each value end in `ordinals`.
    list_ends: Box<[u32]>,
}

impl KeywordColumn {
    /// From pairs of ordinal and value, in any order; repeated ones count once. Panics for 4 Gi bytes of values or 4 Gi pairs.
    pub fn build<'a>(pairs: impl IntoIterator<Item = (u32, &'a [u8])>) -> KeywordColumn {
        let mut lists: HashMap<&[u8], Vec<u32>, FixedState> = HashMap::default();
        for (ordinal, value) in pairs {
            lists.entry(value).or_default().push(ordinal);
        }
        let mut lists: Vec<(&[u8], Vec<u32>)> = lists.into_iter().collect();
        lists.sort_unstable_by_key(|list| list.0);
        let end = |len: usize| u32::try_from(len).expect("a chunk stays below 4 Gi of everything");
        let (mut bytes, mut value_ends) = (Vec::new(), Vec::new());
        let (mut ordinals, mut list_ends) = (Vec::new(), Vec::new());
        for (value, list) in &mut lists {
            if !list.is_sorted() {
                list.sort_unstable();
            }
            list.dedup();
            bytes.extend_from_slice(value);
            ordinals.extend_from_slice(list);
            value_ends.push(end(bytes.len()));
            list_ends.push(end(ordinals.len()));
        }
        KeywordColumn {
            bytes: bytes.into(),
            value_ends: value_ends.into(),
            ordinals: ordinals.into(),
            list_ends: list_ends.into(),
        }
    }

    /// The columns of all parts as one, under new ordinals. Panics where [`KeywordColumn::build`] does.
    pub fn merge(parts: &[ColumnPart<'_, KeywordColumn>]) -> KeywordColumn {
        let mut pairs = Vec::new();
        for (column, remap) in parts {
            for (value, ordinals) in column.values() {
                let kept = ordinals.iter().filter_map(|&ordinal| remap(ordinal));
                pairs.extend(kept.map(|ordinal| (ordinal, value)));
            }
        }
        KeywordColumn::build(pairs)
    }

    /// The ordinals that hold `value`, ascending.
    pub fn ordinals(&self, value: &[u8]) -> &[u32] {
        let at = self.partition_point(|other| other < value);
        let found = at < self.value_ends.len() && self.value(at) == value;
        if found { self.list(at) } else { &[] }
    }

    /// The ordinals that hold `value`.
    pub fn equal(&self, value: &[u8]) -> Bitmap {
        Bitmap::from_ordinals(self.ordinals(value))
    }

    /// The ordinals that hold one of `values`.
    pub fn any(&self, values: &[&[u8]]) -> Bitmap {
        let lists: Vec<&[u32]> = values.iter().map(|value| self.ordinals(value)).collect();
        Bitmap::from_ordinals(&lists.concat())
    }

    /// The ordinals of neighbouring values, named by their places in byte order; ascending within each value.
    pub(super) fn slice(&self, range: std::ops::Range<usize>) -> &[u32] {
        let start = |index: usize| match index.checked_sub(1) {
            Some(before) => self.list_ends[before] as usize,
            None => 0,
        };
        &self.ordinals[start(range.start)..start(range.end)]
    }

    /// How many values `before` holds for: they are the first ones in byte order.
    pub(super) fn partition_point(&self, before: impl Fn(&[u8]) -> bool) -> usize {
        let (mut low, mut high) = (0, self.value_ends.len());
        while low < high {
            let middle = low.midpoint(high);
            if before(self.value(middle)) { low = middle + 1 } else { high = middle }
        }
        low
    }

    /// All values in byte order, each with its ordinals in ascending order.
    pub fn values(&self) -> impl ExactSizeIterator<Item = (&[u8], &[u32])> {
        (0..self.value_ends.len()).map(|index| (self.value(index), self.list(index)))
    }

    /// Bytes held on the heap.
    pub fn heap_bytes(&self) -> usize {
        let numbers = self.value_ends.len() + self.ordinals.len() + self.list_ends.len();
        self.bytes.len() + numbers * size_of::<u32>()
    }

    fn value(&self, index: usize) -> &[u8] {
        let start = if index == 0 { 0 } else { self.value_ends[index - 1] };
        &self.bytes[start as usize..self.value_ends[index] as usize]
    }

    fn list(&self, index: usize) -> &[u32] {
        self.slice(index..index + 1)
    }
}
