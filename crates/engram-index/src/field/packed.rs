//! Whole numbers in few bits: each block of neighbours as distances from its least, all counted in one unit.
//!
//! Times in whole seconds, kept in nanoseconds and in order, take one or two bytes each.

use std::ops::Range;

use crate::bytes::{IndexDamage, Input, put_bits, put_len};

/// Numbers of a block.
const BLOCK: usize = 128;
/// A distance is read out of one word of eight bytes, wherever in a byte it starts; wider ones take a word.
const WIDTH_MAX: u32 = 56;
/// Bytes behind the last distance, so that a word can be read there.
const PADDING: usize = 8;

/// Immutable list of whole numbers, read by place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Packed {
    len: usize,
    /// What all distances are multiples of; at least 1.
    unit: u64,
    blocks: Box<[Frame]>,
    distances: Box<[u8]>,
}

/// What the distances of a block are counted from, and where they stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Frame {
    base: i64,
    start: u32,
    width: u8,
}

impl Default for Packed {
    fn default() -> Packed {
        Packed::new(&[])
    }
}

impl Packed {
    /// Panics for 4 Gi numbers or bytes.
    pub(super) fn new(numbers: &[i64]) -> Packed {
        let mut unit = 0;
        let base_of = |block: &[i64]| block.iter().copied().min().unwrap_or(0);
        for block in numbers.chunks(BLOCK) {
            let base = base_of(block);
            for &number in block {
                unit = common_divisor(number.wrapping_sub(base) as u64, unit);
            }
        }
        let unit = unit.max(1);
        let mut distances = Vec::new();
        let mut frame = |block: &[i64]| {
            let base = base_of(block);
            let start = u32::try_from(distances.len()).expect("a chunk stays below 4 GiB");
            let distance = |number: i64| number.wrapping_sub(base) as u64 / unit;
            let greatest = block.iter().map(|&number| distance(number)).max().unwrap_or(0);
            let width = match u64::BITS - greatest.leading_zeros() {
                width @ 0..=WIDTH_MAX => width,
                _ => u64::BITS,
            };
            put_bits(block.iter().map(|&number| distance(number)), width, &mut distances);
            Frame { base, start, width: width as u8 }
        };
        let blocks = numbers.chunks(BLOCK).map(&mut frame).collect();
        distances.resize(distances.len() + PADDING, 0);
        Packed { len: numbers.len(), unit, blocks, distances: distances.into() }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The number at a place; panics when there is none.
    #[inline]
    pub(super) fn get(&self, place: usize) -> i64 {
        self.blocks[place / BLOCK].number(place % BLOCK, self.unit, &self.distances)
    }

    /// The numbers at neighbouring places.
    pub(super) fn iter(&self, places: Range<usize>) -> impl Iterator<Item = i64> + '_ {
        let blocks = places.start / BLOCK..places.end.div_ceil(BLOCK);
        blocks.flat_map(move |block| {
            let frame = self.blocks[block];
            let first = block * BLOCK;
            let within = places.start.max(first) - first..places.end.min(first + BLOCK) - first;
            within.map(move |index| frame.number(index, self.unit, &self.distances))
        })
    }

    /// How many numbers `before` holds for, of a list in ascending order: they are the first ones.
    pub(super) fn partition_point(&self, before: impl Fn(i64) -> bool) -> usize {
        let block = self.blocks.partition_point(|frame| before(frame.base));
        // The bases of the blocks behind do not pass; that of this one does.
        let mut low = block.saturating_sub(1) * BLOCK;
        let mut high = (block * BLOCK).min(self.len);
        while low < high {
            let middle = low.midpoint(high);
            if before(self.get(middle)) { low = middle + 1 } else { high = middle }
        }
        low
    }

    pub(super) fn heap_bytes(&self) -> usize {
        size_of_val(&*self.blocks) + self.distances.len()
    }

    pub(super) fn append_to(&self, out: &mut Vec<u8>) {
        put_len(self.len, out);
        out.extend(self.unit.to_le_bytes());
        for frame in &self.blocks {
            out.extend(frame.base.to_le_bytes());
            out.push(frame.width);
        }
        out.extend_from_slice(&self.distances[..self.distances.len() - PADDING]);
    }

    /// Reads what [`Packed::append_to`] appended. Whatever the numbers are, they can be read.
    pub(super) fn read(input: &mut Input<'_>) -> Result<Packed, IndexDamage> {
        let (len, unit) = (input.len()?, input.u64()?);
        if unit == 0 {
            return Err(IndexDamage("numbers without a unit"));
        }
        let heads = input.arrays::<9>(len.div_ceil(BLOCK))?;
        let mut blocks = Vec::with_capacity(heads.len());
        let mut end = 0_u64;
        for (index, [base @ .., width]) in heads.iter().enumerate() {
            if !matches!(u32::from(*width), 0..=WIDTH_MAX | u64::BITS) {
                return Err(IndexDamage("numbers of an unknown width"));
            }
            let start = u32::try_from(end).map_err(|_| IndexDamage("numbers beyond 4 GiB"))?;
            blocks.push(Frame { base: i64::from_le_bytes(*base), start, width: *width });
            let count = BLOCK.min(len - index * BLOCK);
            end += (count as u64 * u64::from(*width)).div_ceil(8);
        }
        let bytes = input.bytes(end as usize)?;
        let mut distances = Vec::with_capacity(bytes.len() + PADDING);
        distances.extend_from_slice(bytes);
        distances.resize(bytes.len() + PADDING, 0);
        Ok(Packed { len, unit, blocks: blocks.into(), distances: distances.into() })
    }
}

impl Frame {
    /// Wraps where only damaged bytes lead.
    #[inline]
    fn number(&self, index: usize, unit: u64, distances: &[u8]) -> i64 {
        let bit = index * usize::from(self.width);
        let at = self.start as usize + bit / 8;
        let mut word = [0; 8];
        word.copy_from_slice(&distances[at..at + 8]);
        let mask = match self.width {
            64 => u64::MAX,
            width => (1 << width) - 1,
        };
        let distance = u64::from_le_bytes(word) >> (bit % 8) & mask;
        self.base.wrapping_add(distance.wrapping_mul(unit) as i64)
    }
}

/// Of numbers that divide each other mostly: one remainder is all it takes then. 0 is divided by everything.
fn common_divisor(mut a: u64, mut b: u64) -> u64 {
    while b > 1 {
        (a, b) = (b, a % b);
        if b == 0 {
            return a;
        }
    }
    if b == 1 { 1 } else { a }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn numbers() -> impl Strategy<Value = Vec<i64>> {
        let number = prop_oneof![
            any::<i64>(),
            -9_i64..9,
            (0_i64..1_000_000).prop_map(|second| second * 1_000_000_000),
            prop::sample::select(vec![i64::MIN, i64::MAX, 0]),
        ];
        prop_oneof![
            prop::collection::vec(number, 0..400),
            (any::<i64>(), prop::collection::vec(0_i64..99, 0..400))
                .prop_map(|(base, all)| all.iter().map(|n| base.wrapping_add(n * 7)).collect()),
        ]
    }

    proptest! {
        #[test]
        fn what_is_packed_comes_back(mut numbers in numbers(), sought in any::<prop::sample::Index>()) {
            let packed = Packed::new(&numbers);
            prop_assert!(packed.iter(0..packed.len()).eq(numbers.iter().copied()));
            let mut bytes = Vec::new();
            packed.append_to(&mut bytes);
            let mut input = Input::new(&bytes);
            prop_assert_eq!(Packed::read(&mut input), Ok(packed));
            prop_assert_eq!(input.end(), Ok(()));
            numbers.sort_unstable();
            let packed = Packed::new(&numbers);
            if !numbers.is_empty() {
                let sought = numbers[sought.index(numbers.len())];
                for end in [sought, sought.wrapping_add(1), sought.wrapping_sub(1)] {
                    let expected = numbers.partition_point(|&number| number < end);
                    prop_assert_eq!(packed.partition_point(|number| number < end), expected);
                }
            }
        }
    }

    #[test]
    fn seconds_in_order_take_little() {
        let seconds: Vec<i64> =
            (0..100_000).map(|n| (1_700_000_000 + n * 31) * 1_000_000_000).collect();
        let packed = Packed::new(&seconds);
        assert_eq!(packed.unit, 31_000_000_000);
        assert!(packed.heap_bytes() < 110_000, "{}", packed.heap_bytes());
    }
}
