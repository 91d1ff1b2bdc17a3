//! Exact values of a field: which ordinals hold which.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher};
use std::ops::Range;

use super::part::ColumnPart;
use crate::bytes::{IndexDamage, Input, put_len, put_u32s};
use crate::set::Bitmap;

/// Fixed keys; and nothing is listed in the order of a hash.
type FixedState = BuildHasherDefault<DefaultHasher>;

/// From so many ordinals on, a set of them is smaller than their list: one that all of a chunk's documents are in takes a
/// bit for each.
const SET_ORDINALS_MIN: usize = 4_096;

/// Immutable map from values, compared as bytes, to the ordinals that hold them: tags, people, place, session and the
/// like. An ordinal may hold any number of values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeywordColumn {
    /// All values, one after the other, in byte order.
    bytes: Box<[u8]>,
    /// Where each value ends in `bytes`.
    value_ends: Box<[u32]>,
    /// The ordinals of each value, ascending; without those of the values in `sets`.
    ordinals: Box<[u32]>,
    /// Where those of each value end in `ordinals`.
    list_ends: Box<[u32]>,
    /// The places of values with many ordinals, ascending, with these.
    sets: Box<[(u32, Bitmap)]>,
}

impl KeywordColumn {
    /// From pairs of ordinal and value, in any order; repeated ones count once. Panics for 4 Gi bytes of values or 4 Gi pairs.
    pub fn build<'a>(pairs: impl IntoIterator<Item = (u32, &'a [u8])>) -> KeywordColumn {
        let mut lists: HashMap<&[u8], Vec<u32>, FixedState> = HashMap::default();
        for (ordinal, value) in pairs {
            lists.entry(value).or_default().push(ordinal);
        }
        KeywordColumn::from_lists(lists)
    }

    /// The columns of all parts as one, under new ordinals. Panics where [`KeywordColumn::build`] does.
    pub fn merge(parts: &[ColumnPart<'_, KeywordColumn>]) -> KeywordColumn {
        let mut lists: HashMap<&[u8], Vec<u32>, FixedState> = HashMap::default();
        for (column, remap) in parts {
            for place in 0..column.len() {
                let list = lists.entry(column.value(place)).or_default();
                list.extend(column.list(place..place + 1).iter().filter_map(|&o| remap(o)));
                for set in column.sets(place..place + 1) {
                    list.extend(set.iter().filter_map(remap));
                }
            }
        }
        lists.retain(|_, list| !list.is_empty());
        KeywordColumn::from_lists(lists)
    }

    fn from_lists(lists: HashMap<&[u8], Vec<u32>, FixedState>) -> KeywordColumn {
        let mut lists: Vec<(&[u8], Vec<u32>)> = lists.into_iter().collect();
        lists.sort_unstable_by_key(|list| list.0);
        let end = |len: usize| u32::try_from(len).expect("a chunk stays below 4 Gi of everything");
        let (mut bytes, mut value_ends) = (Vec::new(), Vec::new());
        let (mut ordinals, mut list_ends) = (Vec::new(), Vec::new());
        let mut sets = Vec::new();
        for (place, (value, list)) in lists.iter_mut().enumerate() {
            if !list.is_sorted() {
                list.sort_unstable();
            }
            list.dedup();
            bytes.extend_from_slice(value);
            if list.len() >= SET_ORDINALS_MIN {
                sets.push((end(place), Bitmap::from_ordinals(list)));
            } else {
                ordinals.extend_from_slice(list);
            }
            value_ends.push(end(bytes.len()));
            list_ends.push(end(ordinals.len()));
        }
        KeywordColumn {
            bytes: bytes.into(),
            value_ends: value_ends.into(),
            ordinals: ordinals.into(),
            list_ends: list_ends.into(),
            sets: sets.into(),
        }
    }

    /// The ordinals that hold `value`.
    pub fn equal(&self, value: &[u8]) -> Bitmap {
        self.set(self.places(value))
    }

    /// The ordinals that hold one of `values`.
    pub fn any(&self, values: &[&[u8]]) -> Bitmap {
        let places: Vec<Range<usize>> = values.iter().map(|value| self.places(value)).collect();
        let lists: Vec<&[u32]> = places.iter().map(|places| self.list(places.clone())).collect();
        let sets = places.into_iter().flat_map(|places| self.sets(places));
        sets.fold(Bitmap::from_ordinals(&lists.concat()), |any, set| any.or(set))
    }

    /// All values in byte order, each with the number of its ordinals.
    pub fn values(&self) -> impl ExactSizeIterator<Item = (&[u8], u64)> {
        (0..self.len()).map(|place| (self.value(place), self.count(place..place + 1)))
    }

    /// Calls `visit` with every value, in byte order, and each of its ordinals.
    pub fn each(&self, visit: &mut dyn FnMut(&[u8], u32)) {
        for place in 0..self.len() {
            let value = self.value(place);
            self.list(place..place + 1).iter().for_each(|ordinal| visit(value, *ordinal));
            for set in self.sets(place..place + 1) {
                set.iter().for_each(|ordinal| visit(value, ordinal));
            }
        }
    }

    /// The greatest ordinal with a value; none when there is none.
    pub fn last_ordinal(&self) -> Option<u32> {
        let sets = self.sets.iter().filter_map(|(_, set)| set.last());
        self.ordinals.iter().copied().chain(sets).max()
    }

    /// Bytes held on the heap.
    pub fn heap_bytes(&self) -> usize {
        let numbers = self.value_ends.len() + self.ordinals.len() + self.list_ends.len();
        let sets: usize = self.sets.iter().map(|(_, set)| set.heap_bytes()).sum();
        self.bytes.len() + numbers * size_of::<u32>() + size_of_val(&*self.sets) + sets
    }

    /// The column as bytes. Equal columns give equal bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.append_to(&mut bytes);
        bytes
    }

    /// Appends [`KeywordColumn::to_bytes`].
    pub fn append_to(&self, out: &mut Vec<u8>) {
        for len in [self.value_ends.len(), self.bytes.len(), self.ordinals.len(), self.sets.len()] {
            put_len(len, out);
        }
        put_u32s(&self.value_ends, out);
        put_u32s(&self.list_ends, out);
        put_u32s(&self.ordinals, out);
        for (place, set) in &self.sets {
            out.extend(place.to_le_bytes());
            set.append_to(out);
        }
        out.extend_from_slice(&self.bytes);
    }

    /// Takes back the bytes of [`KeywordColumn::to_bytes`].
    ///
    /// # Errors
    /// The bytes are no column. No bytes make it panic.
    pub fn open(bytes: &[u8]) -> Result<KeywordColumn, IndexDamage> {
        let mut input = Input::new(bytes);
        let column = KeywordColumn::read(&mut input)?;
        input.end()?;
        Ok(column)
    }

    /// Reads what [`KeywordColumn::append_to`] appended.
    pub(super) fn read(input: &mut Input<'_>) -> Result<KeywordColumn, IndexDamage> {
        let (values, bytes, ordinals) = (input.len()?, input.len()?, input.len()?);
        let set_count = input.len()?;
        let value_ends = input.u32s(values)?;
        let list_ends = input.u32s(values)?;
        let ordinals = input.u32s(ordinals)?;
        let mut sets = Vec::new();
        for _ in 0..set_count {
            sets.push((input.u32()?, Bitmap::read(input)?));
        }
        let (bytes, sets) = (input.bytes(bytes)?.into(), sets.into());
        let column = KeywordColumn { bytes, value_ends, ordinals, list_ends, sets };
        column.check().map_err(IndexDamage)?;
        Ok(column)
    }

    fn check(&self) -> Result<(), &'static str> {
        let cut = |ends: &[u32], len: usize| {
            ends.is_sorted() && ends.last().map_or(0, |end| *end as usize) == len
        };
        if !cut(&self.value_ends, self.bytes.len()) || !cut(&self.list_ends, self.ordinals.len()) {
            return Err("the values of a column or their lists do not fit");
        }
        if !(1..self.len()).all(|place| self.value(place - 1) < self.value(place)) {
            return Err("the values of a column do not ascend");
        }
        let beyond = self.sets.last().is_some_and(|(place, _)| *place as usize >= self.len());
        if beyond || !self.sets.is_sorted_by(|a, b| a.0 < b.0) {
            return Err("the sets of a column do not belong to values");
        }
        let mut sets = self.sets.iter().peekable();
        for place in 0..self.len() {
            let list = self.list(place..place + 1);
            let set = sets.next_if(|(of, _)| *of as usize == place);
            if set.map_or(list.is_empty(), |(_, set)| set.is_empty() || !list.is_empty()) {
                return Err("a value of a column has no ordinals, or has them twice");
            }
            if !list.is_sorted_by(|a, b| a < b) {
                return Err("the ordinals of a value do not ascend");
            }
        }
        Ok(())
    }

    /// Number of values.
    pub(super) fn len(&self) -> usize {
        self.value_ends.len()
    }

    /// How many values `before` holds for: they are the first ones in byte order.
    pub(super) fn partition_point(&self, before: impl Fn(&[u8]) -> bool) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            if before(self.value(middle)) { low = middle + 1 } else { high = middle }
        }
        low
    }

    /// The place of a value, if it is there.
    pub(super) fn places(&self, value: &[u8]) -> Range<usize> {
        let at = self.partition_point(|other| other < value);
        let found = at < self.len() && self.value(at) == value;
        at..at + usize::from(found)
    }

    /// The ordinals of the values at neighbouring places.
    pub(super) fn set(&self, places: Range<usize>) -> Bitmap {
        let listed = Bitmap::from_ordinals(self.list(places.clone()));
        self.sets(places).fold(listed, |any, set| any.or(set))
    }

    /// How many ordinals the values at neighbouring places have; those of several count several times.
    pub(super) fn count(&self, places: Range<usize>) -> u64 {
        let listed = self.list(places.clone()).len() as u64;
        self.sets(places).fold(listed, |count, set| count + set.len())
    }

    pub(super) fn value(&self, place: usize) -> &[u8] {
        let start = if place == 0 { 0 } else { self.value_ends[place - 1] };
        &self.bytes[start as usize..self.value_ends[place] as usize]
    }

    /// The ordinals of the values at neighbouring places, but for those in sets.
    fn list(&self, places: Range<usize>) -> &[u32] {
        let start = |place: usize| match place.checked_sub(1) {
            Some(before) => self.list_ends[before] as usize,
            None => 0,
        };
        &self.ordinals[start(places.start)..start(places.end)]
    }

    /// The sets of the values at neighbouring places.
    fn sets(&self, places: Range<usize>) -> impl Iterator<Item = &Bitmap> {
        let first = self.sets.partition_point(|(place, _)| (*place as usize) < places.start);
        let sets = self.sets[first..].iter();
        sets.take_while(move |(place, _)| (*place as usize) < places.end).map(|(_, set)| set)
    }
}
