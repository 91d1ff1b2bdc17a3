//! Bytes of structures that are sealed into files: how numbers are put down, and how they are taken back from bytes that
//! nobody vouches for.
//!
//! Sums against damage are kept by whoever stores the bytes. A reader still checks all that later code counts on: no bytes
//! make it panic, and it allocates a small multiple of their number at most.

use std::fmt;

/// Bytes are not what the structure was written as; what is wrong with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexDamage(pub &'static str);

impl fmt::Display for IndexDamage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "damaged index: {}", self.0)
    }
}

impl std::error::Error for IndexDamage {}

const SHORT: IndexDamage = IndexDamage("the bytes end early");

/// What is left to read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Input<'a> {
    rest: &'a [u8],
}

impl<'a> Input<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Input<'a> {
        Input { rest: bytes }
    }

    /// Fails unless everything was read.
    pub(crate) fn end(self) -> Result<(), IndexDamage> {
        if self.rest.is_empty() { Ok(()) } else { Err(IndexDamage("bytes behind the end")) }
    }

    /// How many bytes are left.
    pub(crate) fn remaining(&self) -> usize {
        self.rest.len()
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Result<&'a [u8], IndexDamage> {
        let (bytes, rest) = self.rest.split_at_checked(count).ok_or(SHORT)?;
        self.rest = rest;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], IndexDamage> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(SHORT)?;
        self.rest = rest;
        Ok(*bytes)
    }

    /// `count` elements of `N` bytes.
    pub(crate) fn arrays<const N: usize>(
        &mut self,
        count: usize,
    ) -> Result<&'a [[u8; N]], IndexDamage> {
        let bytes = self.bytes(count.checked_mul(N).ok_or(SHORT)?)?;
        Ok(bytes.as_chunks().0)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, IndexDamage> {
        Ok(self.array::<1>()?[0])
    }

    pub(crate) fn u32(&mut self) -> Result<u32, IndexDamage> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, IndexDamage> {
        self.array().map(u64::from_le_bytes)
    }

    pub(crate) fn f32(&mut self) -> Result<f32, IndexDamage> {
        self.u32().map(f32::from_bits)
    }

    /// A u32 that counts or measures something.
    pub(crate) fn len(&mut self) -> Result<usize, IndexDamage> {
        self.u32().map(|len| len as usize)
    }

    pub(crate) fn u32s(&mut self, count: usize) -> Result<Box<[u32]>, IndexDamage> {
        Ok(self.arrays(count)?.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect())
    }

    /// A number in groups of 7 bits, lowest first, the high bit set on all bytes but the last.
    pub(crate) fn varint(&mut self) -> Result<u64, IndexDamage> {
        let mut value = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.u8()?;
            let group = u64::from(byte & 0x7f);
            if group << shift >> shift != group {
                break;
            }
            value |= group << shift;
            if byte == 0 && shift > 0 {
                return Err(IndexDamage("a number is longer than it needs to be"));
            }
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(IndexDamage("a number exceeds 64 bits"))
    }
}

/// Appends the numbers.
pub(crate) fn put_u32s(numbers: &[u32], out: &mut Vec<u8>) {
    out.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
}

/// Appends a length or count. Panics from 4 Gi on: a chunk stays below that in everything.
pub(crate) fn put_len(len: usize, out: &mut Vec<u8>) {
    let len = u32::try_from(len).expect("a chunk stays below 4 Gi of everything");
    out.extend(len.to_le_bytes());
}

/// Appends what [`Input::varint`] reads.
pub(crate) fn put_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends values of `width` bits, lowest bits first, up to a whole byte.
pub(crate) fn put_bits(values: impl Iterator<Item = u64>, width: u32, out: &mut Vec<u8>) {
    let (mut word, mut bits) = (0_u128, 0);
    for value in values {
        word |= u128::from(value) << bits;
        bits += width;
        while bits >= 8 {
            out.push(word as u8);
            word >>= 8;
            bits -= 8;
        }
    }
    if bits > 0 {
        out.push(word as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn varints_come_back(values in prop::collection::vec(any::<u64>(), 0..9)) {
            let mut bytes = Vec::new();
            for value in &values {
                put_varint(*value, &mut bytes);
            }
            let mut input = Input::new(&bytes);
            for value in &values {
                prop_assert_eq!(input.varint(), Ok(*value));
            }
            prop_assert_eq!((input.varint(), input.end()), (Err(SHORT), Ok(())));
        }
    }

    #[test]
    fn what_is_not_there_is_not_read() {
        let mut input = Input::new(&[1, 2, 3]);
        assert_eq!(input.u32(), Err(SHORT));
        assert_eq!(input.arrays::<8>(usize::MAX), Err(SHORT));
        assert_eq!(input.bytes(2), Ok(&[1, 2][..]));
        assert_eq!((input.u8(), input.u8()), (Ok(3), Err(SHORT)));
        assert_eq!(Input::new(&[0xff; 10]).varint(), Err(IndexDamage("a number exceeds 64 bits")));
        // One form for each number, so that equal structures give equal bytes.
        assert!(Input::new(&[0xcc, 0]).varint().is_err());
        assert!(Input::new(&[0]).end().is_err());
    }
}
