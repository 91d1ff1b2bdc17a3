//! The part of a set that shares its upper sixteen bits: a sorted array while it is sparse, bits above that.
//!
//! The form follows from the count alone, so equal sets have equal parts.

use std::sync::Arc;

use crate::bytes::{IndexDamage, Input};

/// Most values of an array; from here on bits take no more room.
const ARRAY_VALUES_MAX: usize = 4_096;
const WORDS: usize = 1_024;
/// Most values that there can be.
const VALUES_MAX: u32 = 1 << 16;

/// Up to 65,536 values. Behind `Arc`: a copy of a set shares what neither changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Container {
    /// At most [`ARRAY_VALUES_MAX`] values in ascending order.
    Array(Arc<Vec<u16>>),
    /// The bits of more values, and how many there are.
    Bits(Arc<[u64; WORDS]>, u32),
}

impl Container {
    /// An empty array: the only container that may be empty, and only until its first value.
    pub(super) fn new() -> Container {
        Container::Array(Arc::new(Vec::new()))
    }

    /// From values in ascending order without repetition.
    pub(super) fn from_ascending(values: Vec<u16>) -> Container {
        if values.len() <= ARRAY_VALUES_MAX {
            return Container::Array(Arc::new(values));
        }
        let mut words = [0; WORDS];
        for &value in &values {
            words[word(value)] |= bit(value);
        }
        Container::Bits(Arc::new(words), values.len() as u32)
    }

    /// From up to [`WORDS`] words of bits; words that are left out are zero.
    pub(super) fn from_words(head: &[u64]) -> Container {
        let mut words = [0; WORDS];
        words[..head.len()].copy_from_slice(head);
        Container::from_bits(words)
    }

    fn from_bits(words: [u64; WORDS]) -> Container {
        let count: u32 = words.iter().map(|word| word.count_ones()).sum();
        if count as usize > ARRAY_VALUES_MAX {
            return Container::Bits(Arc::new(words), count);
        }
        let mut values = Vec::with_capacity(count as usize);
        for_each_bit(&words, |value| values.push(value));
        Container::Array(Arc::new(values))
    }

    pub(super) fn len(&self) -> u32 {
        match self {
            Container::Array(values) => values.len() as u32,
            Container::Bits(_, count) => *count,
        }
    }

    pub(super) fn contains(&self, value: u16) -> bool {
        match self {
            Container::Array(values) => values.binary_search(&value).is_ok(),
            Container::Bits(words, _) => words[word(value)] & bit(value) != 0,
        }
    }

    /// Whether the value was absent.
    pub(super) fn insert(&mut self, value: u16) -> bool {
        match self {
            Container::Array(values) => {
                let Err(at) = values.binary_search(&value) else { return false };
                if values.len() < ARRAY_VALUES_MAX {
                    Arc::make_mut(values).insert(at, value);
                } else {
                    let mut all = values.to_vec();
                    all.insert(at, value);
                    *self = Container::from_ascending(all);
                }
                true
            }
            Container::Bits(words, count) => {
                let added = words[word(value)] & bit(value) == 0;
                if added {
                    Arc::make_mut(words)[word(value)] |= bit(value);
                    *count += 1;
                }
                added
            }
        }
    }

    /// Whether the value was there.
    pub(super) fn remove(&mut self, value: u16) -> bool {
        match self {
            Container::Array(values) => {
                let Ok(at) = values.binary_search(&value) else { return false };
                Arc::make_mut(values).remove(at);
                true
            }
            Container::Bits(words, count) => {
                if words[word(value)] & bit(value) == 0 {
                    return false;
                }
                Arc::make_mut(words)[word(value)] &= !bit(value);
                *count -= 1;
                if *count as usize <= ARRAY_VALUES_MAX {
                    *self = Container::from_bits(**words);
                }
                true
            }
        }
    }

    /// What is in both. May be empty.
    pub(super) fn and(&self, other: &Container) -> Container {
        match (self, other) {
            (Container::Bits(a, _), Container::Bits(b, _)) => zip_words(a, b, |a, b| a & b),
            (Container::Array(values), Container::Array(others)) => {
                Container::Array(Arc::new(intersection(values, others)))
            }
            (Container::Array(values), bits) | (bits, Container::Array(values)) => {
                Container::Array(Arc::new(filtered(values, |value| bits.contains(value))))
            }
        }
    }

    /// How many are in both.
    pub(super) fn and_len(&self, other: &Container) -> u32 {
        match (self, other) {
            (Container::Bits(a, _), Container::Bits(b, _)) => {
                a.iter().zip(b.iter()).map(|(a, b)| (a & b).count_ones()).sum()
            }
            (Container::Array(values), Container::Array(others)) => {
                intersection(values, others).len() as u32
            }
            (Container::Array(values), bits) | (bits, Container::Array(values)) => {
                values.iter().filter(|&&value| bits.contains(value)).count() as u32
            }
        }
    }

    /// What is in one of both.
    pub(super) fn or(&self, other: &Container) -> Container {
        match (self, other) {
            (Container::Bits(a, _), Container::Bits(b, _)) => zip_words(a, b, |a, b| a | b),
            (Container::Array(values), Container::Array(others)) => {
                Container::from_ascending(union(values, others))
            }
            (Container::Array(values), Container::Bits(words, _))
            | (Container::Bits(words, _), Container::Array(values)) => {
                let mut words = **words;
                for &value in values.iter() {
                    words[word(value)] |= bit(value);
                }
                Container::from_bits(words)
            }
        }
    }

    /// What is in this and not in the other. May be empty.
    pub(super) fn and_not(&self, other: &Container) -> Container {
        match (self, other) {
            (Container::Bits(a, _), Container::Bits(b, _)) => zip_words(a, b, |a, b| a & !b),
            (Container::Bits(words, _), Container::Array(values)) => {
                let mut words = **words;
                for &value in values.iter() {
                    words[word(value)] &= !bit(value);
                }
                Container::from_bits(words)
            }
            (Container::Array(values), other) => {
                Container::Array(Arc::new(filtered(values, |value| !other.contains(value))))
            }
        }
    }

    /// All values, ascending.
    pub(super) fn values(&self) -> Values<'_> {
        match self {
            Container::Array(values) => Values::Array(values.iter()),
            Container::Bits(words, _) => Values::Bits { words, index: 0, rest: words[0] },
        }
    }

    /// The greatest value; none when it is empty.
    pub(super) fn last(&self) -> Option<u16> {
        match self {
            Container::Array(values) => values.last().copied(),
            Container::Bits(words, _) => {
                let index = words.iter().rposition(|&word| word != 0)?;
                Some((index * 64) as u16 + 63 - words[index].leading_zeros() as u16)
            }
        }
    }

    /// Appends the values. How many there are is put down elsewhere, and says it all when nothing is missing.
    pub(super) fn append_to(&self, out: &mut Vec<u8>) {
        match self {
            Container::Array(values) => out.extend(values.iter().flat_map(|v| v.to_le_bytes())),
            Container::Bits(_, VALUES_MAX) => {}
            Container::Bits(words, _) => out.extend(words.iter().flat_map(|w| w.to_le_bytes())),
        }
    }

    /// Reads `count` values, 1 to 65,536. Containers without a gap are copies of `full`.
    pub(super) fn read(
        count: u32,
        input: &mut Input<'_>,
        full: &mut Option<Container>,
    ) -> Result<Container, IndexDamage> {
        if count == VALUES_MAX {
            let whole = || Container::Bits(Arc::new([u64::MAX; WORDS]), VALUES_MAX);
            return Ok(full.get_or_insert_with(whole).clone());
        }
        if count as usize <= ARRAY_VALUES_MAX {
            let values = input.arrays(count as usize)?.iter().map(|v| u16::from_le_bytes(*v));
            let values: Vec<u16> = values.collect();
            if !values.is_sorted_by(|a, b| a < b) {
                return Err(IndexDamage("the ordinals of a set do not ascend"));
            }
            return Ok(Container::Array(Arc::new(values)));
        }
        let mut words = [0; WORDS];
        for (word, bytes) in words.iter_mut().zip(input.arrays(WORDS)?) {
            *word = u64::from_le_bytes(*bytes);
        }
        if words.iter().map(|word| word.count_ones()).sum::<u32>() != count {
            return Err(IndexDamage("a set holds more or fewer ordinals than it says"));
        }
        Ok(Container::Bits(Arc::new(words), count))
    }

    pub(super) fn heap_bytes(&self) -> usize {
        match self {
            Container::Array(values) => size_of::<Vec<u16>>() + values.capacity() * 2,
            Container::Bits(..) => WORDS * 8,
        }
    }
}

/// The values of a container in ascending order.
#[derive(Clone, Debug)]
pub(super) enum Values<'a> {
    Array(std::slice::Iter<'a, u16>),
    /// What is left of the word at `index`, and the words behind it.
    Bits {
        words: &'a [u64; WORDS],
        index: usize,
        rest: u64,
    },
}

impl Iterator for Values<'_> {
    type Item = u16;

    #[inline]
    fn next(&mut self) -> Option<u16> {
        match self {
            Values::Array(values) => values.next().copied(),
            Values::Bits { words, index, rest } => {
                while *rest == 0 {
                    *rest = *words.get(*index + 1)?;
                    *index += 1;
                }
                let value = (*index * 64) as u16 + rest.trailing_zeros() as u16;
                *rest &= *rest - 1;
                Some(value)
            }
        }
    }
}

fn word(value: u16) -> usize {
    usize::from(value) / 64
}

fn bit(value: u16) -> u64 {
    1 << (value % 64)
}

fn zip_words(a: &[u64; WORDS], b: &[u64; WORDS], join: impl Fn(u64, u64) -> u64) -> Container {
    Container::from_bits(std::array::from_fn(|index| join(a[index], b[index])))
}

fn for_each_bit(words: &[u64; WORDS], mut each: impl FnMut(u16)) {
    for (index, &word) in words.iter().enumerate() {
        let mut rest = word;
        while rest != 0 {
            each((index * 64) as u16 + rest.trailing_zeros() as u16);
            rest &= rest - 1;
        }
    }
}

fn filtered(values: &[u16], keep: impl Fn(u16) -> bool) -> Vec<u16> {
    values.iter().copied().filter(|&value| keep(value)).collect()
}

fn intersection(a: &[u16], b: &[u16]) -> Vec<u16> {
    let (small, large) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    // A few values are looked up; of many, both sides are walked.
    if small.len() * 16 < large.len() {
        return filtered(small, |value| large.binary_search(&value).is_ok());
    }
    let mut both = Vec::with_capacity(small.len());
    let mut at = 0;
    for &value in small {
        while large.get(at).is_some_and(|&other| other < value) {
            at += 1;
        }
        if large.get(at) == Some(&value) {
            both.push(value);
        }
    }
    both
}

fn union(a: &[u16], b: &[u16]) -> Vec<u16> {
    let mut all = Vec::with_capacity(a.len() + b.len());
    let (mut left, mut right) = (0, 0);
    while left < a.len() && right < b.len() {
        let (x, y) = (a[left], b[right]);
        all.push(x.min(y));
        left += usize::from(x <= y);
        right += usize::from(y <= x);
    }
    all.extend_from_slice(&a[left..]);
    all.extend_from_slice(&b[right..]);
    all
}
