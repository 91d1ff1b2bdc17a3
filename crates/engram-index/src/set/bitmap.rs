//! A compressed set of ordinals, in the form of Roaring bitmaps (Chambi, Lemire, Kaser, Godin, "Better bitmap
//! performance with Roaring bitmaps", 2016), without run containers: sets here are results of filters and marks of
//! deletion, which have few runs, and each form less is one pair of cases less in every operation.

use std::cmp::Ordering;

use super::container::{Container, Values};
use crate::bytes::{IndexDamage, Input, put_len};

/// A set of `u32`. A copy is cheap: it shares every part of 65,536 ordinals that is not changed in one of both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bitmap {
    /// Upper sixteen bits of the ordinals, ascending.
    keys: Vec<u16>,
    /// One for each key, never empty.
    containers: Vec<Container>,
}

impl Bitmap {
    /// An empty set.
    pub fn new() -> Bitmap {
        Bitmap::default()
    }

    /// All ordinals below `end`.
    pub fn below(end: u32) -> Bitmap {
        Bitmap::run(0, u64::from(end))
    }

    /// All ordinals from `start` on and below `end`, which is 2³² at most.
    pub(crate) fn run(start: u32, end: u64) -> Bitmap {
        let mut set = Bitmap::new();
        let start = u64::from(start);
        for key in start >> 16..end.div_ceil(1 << 16) {
            let words: [u64; 1_024] = std::array::from_fn(|word| {
                let first = key << 16 | (word as u64) << 6;
                let below = |end: u64| match end.saturating_sub(first) {
                    rest @ 0..=63 => (1 << rest) - 1,
                    _ => u64::MAX,
                };
                below(end) & !below(start)
            });
            set.push(key as u16, Container::from_words(&words));
        }
        set
    }

    /// The ordinals in the list, which may repeat and stand in any order.
    pub fn from_ordinals(ordinals: &[u32]) -> Bitmap {
        let Some(&max) = ordinals.iter().max() else { return Bitmap::new() };
        let words = max as usize / 64 + 1;
        if ordinals.len() < words / 16 {
            let mut sorted = ordinals.to_vec();
            sorted.sort_unstable();
            sorted.dedup();
            return Bitmap::from_ascending(&sorted);
        }
        let mut bits = vec![0_u64; words];
        for &ordinal in ordinals {
            bits[ordinal as usize / 64] |= 1 << (ordinal % 64);
        }
        Bitmap::from_words(&bits)
    }

    fn from_ascending(ordinals: &[u32]) -> Bitmap {
        let mut set = Bitmap::new();
        for run in ordinals.chunk_by(|a, b| a >> 16 == b >> 16) {
            let values = run.iter().map(|&ordinal| ordinal as u16).collect();
            set.push((run[0] >> 16) as u16, Container::from_ascending(values));
        }
        set
    }

    fn from_words(words: &[u64]) -> Bitmap {
        let mut set = Bitmap::new();
        for (key, part) in words.chunks(1_024).enumerate() {
            set.push(key as u16, Container::from_words(part));
        }
        set
    }

    /// Adds a part behind the others, unless it is empty.
    fn push(&mut self, key: u16, container: Container) {
        if container.len() > 0 {
            self.keys.push(key);
            self.containers.push(container);
        }
    }

    /// Adds `ordinal`; whether it was absent.
    pub fn insert(&mut self, ordinal: u32) -> bool {
        let (key, value) = split(ordinal);
        let at = self.keys.binary_search(&key).unwrap_or_else(|at| {
            self.keys.insert(at, key);
            self.containers.insert(at, Container::new());
            at
        });
        self.containers[at].insert(value)
    }

    /// Takes `ordinal` out; whether it was there.
    pub fn remove(&mut self, ordinal: u32) -> bool {
        let (key, value) = split(ordinal);
        let Ok(at) = self.keys.binary_search(&key) else { return false };
        let present = self.containers[at].remove(value);
        if self.containers[at].len() == 0 {
            self.keys.remove(at);
            self.containers.remove(at);
        }
        present
    }

    /// Whether `ordinal` is in the set.
    #[inline]
    pub fn contains(&self, ordinal: u32) -> bool {
        let (key, value) = split(ordinal);
        self.part(key).is_some_and(|container| container.contains(value))
    }

    /// How many ordinals there are.
    pub fn len(&self) -> u64 {
        self.containers.iter().map(|container| u64::from(container.len())).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// What is in both sets.
    pub fn and(&self, other: &Bitmap) -> Bitmap {
        let mut both = Bitmap::new();
        for (&key, container) in self.keys.iter().zip(&self.containers) {
            if let Some(others) = other.part(key) {
                both.push(key, container.and(others));
            }
        }
        both
    }

    /// How many are in both sets, without building the set of them.
    pub fn and_len(&self, other: &Bitmap) -> u64 {
        let parts = self.keys.iter().zip(&self.containers);
        let counts = parts.filter_map(|(&key, part)| Some(part.and_len(other.part(key)?)));
        counts.map(u64::from).sum()
    }

    /// What is in one of both sets.
    pub fn or(&self, other: &Bitmap) -> Bitmap {
        let mut all = Bitmap::new();
        let (mut left, mut right) = (0, 0);
        loop {
            let order = match (self.keys.get(left), other.keys.get(right)) {
                (None, None) => return all,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(a), Some(b)) => a.cmp(b),
            };
            match order {
                Ordering::Less => all.push(self.keys[left], self.containers[left].clone()),
                Ordering::Greater => all.push(other.keys[right], other.containers[right].clone()),
                Ordering::Equal => {
                    all.push(self.keys[left], self.containers[left].or(&other.containers[right]));
                }
            }
            left += usize::from(order.is_le());
            right += usize::from(order.is_ge());
        }
    }

    /// What is in this set and not in the other.
    pub fn and_not(&self, other: &Bitmap) -> Bitmap {
        let mut rest = Bitmap::new();
        for (&key, container) in self.keys.iter().zip(&self.containers) {
            match other.part(key) {
                Some(others) => rest.push(key, container.and_not(others)),
                None => rest.push(key, container.clone()),
            }
        }
        rest
    }

    /// The greatest ordinal; none in an empty set.
    pub fn last(&self) -> Option<u32> {
        let value = self.containers.last()?.last()?;
        Some(u32::from(*self.keys.last()?) << 16 | u32::from(value))
    }

    /// The set as bytes. Equal sets give equal bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.append_to(&mut bytes);
        bytes
    }

    /// Appends [`Bitmap::to_bytes`].
    pub fn append_to(&self, out: &mut Vec<u8>) {
        put_len(self.keys.len(), out);
        for (key, container) in self.keys.iter().zip(&self.containers) {
            out.extend(key.to_le_bytes());
            out.extend(((container.len() - 1) as u16).to_le_bytes());
        }
        self.containers.iter().for_each(|container| container.append_to(out));
    }

    /// Takes back the bytes of [`Bitmap::to_bytes`].
    ///
    /// # Errors
    /// The bytes are no set. No bytes make it panic.
    pub fn open(bytes: &[u8]) -> Result<Bitmap, IndexDamage> {
        let mut input = Input::new(bytes);
        let set = Bitmap::read(&mut input)?;
        input.end()?;
        Ok(set)
    }

    /// Reads what [`Bitmap::append_to`] appended.
    pub(crate) fn read(input: &mut Input<'_>) -> Result<Bitmap, IndexDamage> {
        let count = input.len()?;
        let heads = input.arrays::<4>(count)?;
        let (mut keys, mut containers) = (Vec::with_capacity(count), Vec::with_capacity(count));
        let mut full = None;
        for &[k0, k1, c0, c1] in heads {
            let key = u16::from_le_bytes([k0, k1]);
            if keys.last().is_some_and(|before| *before >= key) {
                return Err(IndexDamage("the parts of a set do not ascend"));
            }
            keys.push(key);
            let len = u32::from(u16::from_le_bytes([c0, c1])) + 1;
            containers.push(Container::read(len, input, &mut full)?);
        }
        Ok(Bitmap { keys, containers })
    }

    /// All ordinals, ascending.
    pub fn iter(&self) -> BitmapIter<'_> {
        BitmapIter { set: self, part: 0, values: self.containers.first().map(Container::values) }
    }

    /// Bytes held on the heap; what is shared with copies counts for each.
    pub fn heap_bytes(&self) -> usize {
        let tables = self.keys.capacity() * size_of::<u16>()
            + self.containers.capacity() * size_of::<Container>();
        tables + self.containers.iter().map(Container::heap_bytes).sum::<usize>()
    }

    fn part(&self, key: u16) -> Option<&Container> {
        // Ordinals are dense, so a part mostly stands at the place of its key.
        let place = usize::from(key);
        let at = match self.keys.get(place) {
            Some(here) if *here == key => place,
            _ => self.keys.binary_search(&key).ok()?,
        };
        Some(&self.containers[at])
    }
}

impl FromIterator<u32> for Bitmap {
    fn from_iter<I: IntoIterator<Item = u32>>(ordinals: I) -> Bitmap {
        Bitmap::from_ordinals(&ordinals.into_iter().collect::<Vec<u32>>())
    }
}

impl<'a> IntoIterator for &'a Bitmap {
    type Item = u32;
    type IntoIter = BitmapIter<'a>;

    fn into_iter(self) -> BitmapIter<'a> {
        self.iter()
    }
}

/// The ordinals of a [`Bitmap`] in ascending order.
#[derive(Clone, Debug)]
pub struct BitmapIter<'a> {
    set: &'a Bitmap,
    part: usize,
    /// What is left of the part; none behind the last one.
    values: Option<Values<'a>>,
}

impl Iterator for BitmapIter<'_> {
    type Item = u32;

    #[inline]
    fn next(&mut self) -> Option<u32> {
        loop {
            if let Some(value) = self.values.as_mut()?.next() {
                return Some(u32::from(self.set.keys[self.part]) << 16 | u32::from(value));
            }
            self.part += 1;
            self.values = self.set.containers.get(self.part).map(Container::values);
        }
    }
}

fn split(ordinal: u32) -> (u16, u16) {
    ((ordinal >> 16) as u16, ordinal as u16)
}
