//! Bytes as hexadecimal digits: how records and keys write them.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serializer};

/// Lower-case digits.
pub(crate) fn encode(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// The bytes of digits; none for anything else, capital letters included.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    if !text.len().is_multiple_of(2) {
        return None;
    }
    text.as_bytes()
        .chunks_exact(2)
        .map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?))
        .collect()
}

/// The same of a known length.
pub(crate) fn decode_array<const N: usize>(text: &str) -> Option<[u8; N]> {
    decode(text)?.try_into().ok()
}

/// For fields of records.
pub(crate) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&encode(bytes))
}

/// For fields of records that hold any number of bytes.
pub(crate) mod bytes {
    use super::{D, Deserialize as _, decode};

    pub(crate) use super::serialize;

    pub(crate) fn deserialize<'de, De: D<'de>>(from: De) -> Result<Vec<u8>, De::Error> {
        use serde::de::Error as _;
        decode(&String::deserialize(from)?)
            .ok_or_else(|| De::Error::custom("no hexadecimal digits"))
    }
}

use Deserializer as D;

/// For fields of records that hold a known number of bytes.
pub(crate) fn deserialize<'de, De: Deserializer<'de>, const N: usize>(
    from: De,
) -> Result<[u8; N], De::Error> {
    let text = String::deserialize(from)?;
    decode_array(&text).ok_or_else(|| De::Error::custom("another number of hexadecimal digits"))
}
