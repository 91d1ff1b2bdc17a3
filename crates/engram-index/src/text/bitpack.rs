//! Small numbers in few bits: packed runs of one width, and varints.

use crate::bytes::put_bits;

/// Bytes that must follow packed values: they are read in words of 8 bytes.
pub(super) const PADDING: usize = 8;

/// Bits that `max` needs, 0 for 0.
pub(super) fn width_of(max: u32) -> u32 {
    u32::BITS - max.leading_zeros()
}

/// Bytes of `count` values of `width` bits.
pub(super) fn packed_bytes(count: usize, width: u32) -> usize {
    (count * width as usize).div_ceil(8)
}

/// Appends the values, lowest bits first; each fits `width` bits.
pub(super) fn pack(values: impl Iterator<Item = u32>, width: u32, out: &mut Vec<u8>) {
    let fits = |value: &u32| debug_assert!(width_of(*value) <= width);
    put_bits(values.inspect(fits).map(u64::from), width, out);
}

/// Fills `out` with values of `width` bits, at most 32. `bytes` goes on for [`PADDING`] bytes behind them.
pub(super) fn unpack(bytes: &[u8], width: u32, out: &mut [u32]) {
    if width == 0 {
        return out.fill(0);
    }
    for (index, value) in out.iter_mut().enumerate() {
        *value = unpack_one(bytes, width, index);
    }
}

/// The value at `index` of a run as in [`unpack`].
#[inline]
pub(super) fn unpack_one(bytes: &[u8], width: u32, index: usize) -> u32 {
    let bit = index * width as usize;
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[bit / 8..bit / 8 + PADDING]);
    ((u64::from_le_bytes(word) >> (bit % 8)) & ((1 << width) - 1)) as u32
}

/// Reads a varint at `at` and moves behind it; `None` when it does not end in `bytes` or exceeds 63 bits.
#[inline]
pub(super) fn get_varint(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let mut value = 0;
    for shift in (0..63).step_by(7) {
        let byte = *bytes.get(*at)?;
        *at += 1;
        value |= u64::from(byte & 0x7F) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

/// The u32 that stands at `at`, little endian. Panics when `bytes` ends before.
#[inline]
pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytes::put_varint;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_packed_comes_back(
            values in prop::collection::vec(any::<u32>(), 0..130), width in 0_u32..=32,
        ) {
            let mask = ((1_u64 << width) - 1) as u32;
            let values: Vec<u32> = values.into_iter().map(|value| value & mask).collect();
            let mut bytes = Vec::new();
            pack(values.iter().copied(), width, &mut bytes);
            prop_assert_eq!(bytes.len(), packed_bytes(values.len(), width));
            bytes.resize(bytes.len() + PADDING, 0xFF);
            let mut back = vec![7; values.len()];
            unpack(&bytes, width, &mut back);
            prop_assert_eq!(back, values);
        }

        #[test]
        fn varints_come_back(values in prop::collection::vec(0_u64..1 << 63, 0..9)) {
            let mut bytes = Vec::new();
            for value in &values {
                put_varint(*value, &mut bytes);
            }
            let mut at = 0;
            for value in &values {
                prop_assert_eq!(get_varint(&bytes, &mut at), Some(*value));
            }
            prop_assert_eq!((at, get_varint(&bytes, &mut at)), (bytes.len(), None));
        }
    }
}
