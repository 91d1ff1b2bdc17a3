//! The wire format below any type: keys and what stands behind them.

use std::fmt;

use prost::encoding::{WireType, decode_key, decode_varint, encode_key, encode_varint};

/// What stands behind a key.
#[derive(Clone, Copy, Debug)]
pub(super) enum Raw<'a> {
    Varint(u64),
    Fixed64([u8; 8]),
    Fixed32([u8; 4]),
    Bytes(&'a [u8]),
}

/// Why bytes are not what they should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum WireError {
    /// They are no message at all.
    Broken(String),
    /// A text is not UTF-8.
    NotUtf8,
    /// A number is not finite.
    NotFinite,
    /// A number is beyond what its type holds.
    TooLarge,
    /// Messages stand too deep in each other.
    TooDeep,
    /// The message has a field that this version does not know.
    Unknown(u32),
    /// They are a message, but not of the right content.
    Content(String),
}

impl WireError {
    pub(super) fn broken(message: impl fmt::Display) -> WireError {
        WireError::Broken(message.to_string())
    }
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WireError::Broken(message) | WireError::Content(message) => f.write_str(message),
            WireError::NotUtf8 => f.write_str("a string is not UTF-8"),
            WireError::NotFinite => f.write_str("a number is not finite"),
            WireError::TooLarge => f.write_str("no float holds this number"),
            WireError::TooDeep => f.write_str("messages stand too deep in each other"),
            WireError::Unknown(number) => write!(f, "no field has number {number}"),
        }
    }
}

impl std::error::Error for WireError {}

impl serde::de::Error for WireError {
    fn custom<T: fmt::Display>(message: T) -> WireError {
        WireError::Content(message.to_string())
    }
}

impl serde::ser::Error for WireError {
    fn custom<T: fmt::Display>(message: T) -> WireError {
        WireError::Content(message.to_string())
    }
}

/// The next field of a message: its number and what stands behind it.
pub(super) fn next<'a>(bytes: &mut &'a [u8]) -> Result<Option<(u32, Raw<'a>)>, WireError> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let (number, wire_type) = decode_key(bytes).map_err(WireError::broken)?;
    let raw = match wire_type {
        WireType::Varint => Raw::Varint(decode_varint(bytes).map_err(WireError::broken)?),
        WireType::SixtyFourBit => Raw::Fixed64(taken::<8>(bytes)?),
        WireType::ThirtyTwoBit => Raw::Fixed32(taken::<4>(bytes)?),
        WireType::LengthDelimited => {
            let length = decode_varint(bytes).map_err(WireError::broken)?;
            let length = usize::try_from(length).ok().filter(|length| *length <= bytes.len());
            let length = length.ok_or_else(cut_short)?;
            let (inside, rest) = bytes.split_at(length);
            *bytes = rest;
            Raw::Bytes(inside)
        }
        WireType::StartGroup | WireType::EndGroup => {
            return Err(WireError::broken("groups are not of proto3"));
        }
    };
    Ok(Some((number, raw)))
}

fn taken<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N], WireError> {
    let (first, rest) = bytes.split_first_chunk::<N>().ok_or_else(cut_short)?;
    *bytes = rest;
    Ok(*first)
}

fn cut_short() -> WireError {
    WireError::broken("the message ends before a field does")
}

/// What a text holds.
pub(super) fn text(raw: Raw<'_>) -> Result<&str, WireError> {
    let Raw::Bytes(bytes) = raw else { return Err(wrong("a string")) };
    std::str::from_utf8(bytes).map_err(|_| WireError::NotUtf8)
}

/// A number of the variable form.
pub(super) fn varint(raw: Raw<'_>) -> Result<u64, WireError> {
    let Raw::Varint(number) = raw else { return Err(wrong("a varint")) };
    Ok(number)
}

/// A float that is a number.
pub(super) fn float(raw: Raw<'_>) -> Result<f32, WireError> {
    let Raw::Fixed32(bytes) = raw else { return Err(wrong("a float")) };
    let value = f32::from_le_bytes(bytes);
    if value.is_finite() { Ok(value) } else { Err(WireError::NotFinite) }
}

/// A double that is a number.
pub(super) fn finite(value: f64) -> Result<f64, WireError> {
    if value.is_finite() { Ok(value) } else { Err(WireError::NotFinite) }
}

/// Another wire type than the field has.
pub(super) fn wrong(wanted: &str) -> WireError {
    WireError::broken(format!("a field has not the wire type of {wanted}"))
}

/// Writes a field that has a length: a text, a message, a packed list.
pub(super) fn put_nested<E>(
    out: &mut Vec<u8>,
    number: u32,
    inside: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    encode_key(number, WireType::LengthDelimited, out);
    let start = out.len();
    inside(out)?;
    put_length(out, start);
    Ok(())
}

/// Puts the length of what stands from `start` on before it.
pub(super) fn put_length(out: &mut Vec<u8>, start: usize) {
    let end = out.len();
    encode_varint((end - start) as u64, out);
    let written = out.len() - end;
    out[start..].rotate_right(written);
}

pub(super) fn put_bytes(out: &mut Vec<u8>, number: u32, bytes: &[u8]) {
    encode_key(number, WireType::LengthDelimited, out);
    encode_varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}
