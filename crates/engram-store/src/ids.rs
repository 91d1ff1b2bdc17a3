//! The words of the store: who owns bytes, and where they stand in its history.
//!
//! Guarantee: the text form of an identifier is unique, so that a file name says whose file it is.

use std::fmt;

/// The UUID of a space: the owner of one logical log.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SpaceId(pub [u8; 16]);

/// Length of the text form of a [`SpaceId`], in characters.
const UUID_CHARS: usize = 36;

impl SpaceId {
    /// Reads the text form back; `None` for any other text, capital letters included.
    pub fn parse(text: &str) -> Option<SpaceId> {
        if text.len() != UUID_CHARS {
            return None;
        }
        let space = SpaceId(hex_bytes(&text.replace('-', ""))?);
        (space.to_string() == text).then_some(space)
    }
}

impl fmt::Display for SpaceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, byte) in self.0.iter().enumerate() {
            if matches!(position, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

/// Log sequence number: counts the commits of one space, dense, from 1. 0 means "before the first".
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Lsn(pub u64);

impl Lsn {
    /// Nobody counts so far. What says that it stands beyond is damaged, so that readers may count on from anything they take.
    pub(crate) const LIMIT: Lsn = Lsn(1 << 62);
}

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Commit time in nanoseconds since 1970 UTC, strictly increasing within a space.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct CommitTime(pub i64);

/// The 16 bytes that 32 lowercase hexadecimal digits stand for; `None` for any other text.
pub(crate) fn hex_bytes(digits: &str) -> Option<[u8; 16]> {
    let lower = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if digits.len() != 32 || !digits.bytes().all(lower) {
        return None;
    }
    u128::from_str_radix(digits, 16).ok().map(u128::to_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_space_is_read_back_from_its_text_only() {
        let space = SpaceId(std::array::from_fn(|position| position as u8 * 17));
        let text = space.to_string();
        assert_eq!(text, "00112233-4455-6677-8899-aabbccddeeff");
        assert_eq!(SpaceId::parse(&text), Some(space));
        let others = [
            "00112233-4455-6677-8899-AABBCCDDEEFF",
            "001122334455-6677-8899-aabbccddeeff-",
            "00112233-4455-6677-8899-aabbccddeef",
            "+0112233-4455-6677-8899-aabbccddeeff",
            "00112233-4455-6677-8899-aabbccddeefg",
            "0011223344556677-8899aabbccddeeff-é-",
            "",
        ];
        for other in others {
            assert_eq!(SpaceId::parse(other), None, "{other}");
        }
    }
}
