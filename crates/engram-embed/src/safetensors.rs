//! Reads tensors out of a safetensors file: a length, a JSON table of names, types and places, then
//! the numbers.

use serde_json::{Map, Value};

use crate::arith::f16_to_f32;
use crate::error::EmbedError;

/// A parsed table over the bytes of a file.
pub(crate) struct Tensors<'a> {
    table: Map<String, Value>,
    data: &'a [u8],
}

impl<'a> Tensors<'a> {
    /// Reads the table.
    pub(crate) fn parse(file: &'a [u8]) -> Result<Self, EmbedError> {
        let damaged = || EmbedError::bad_model("not a safetensors file");
        let (length, rest) = file.split_first_chunk::<8>().ok_or_else(damaged)?;
        let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| damaged())?;
        let (table, data) = rest.split_at_checked(length).ok_or_else(damaged)?;
        let table = serde_json::from_slice(table).map_err(|_| damaged())?;
        Ok(Self { table, data })
    }

    /// Whether there is a tensor of this name.
    pub(crate) fn contains(&self, name: &str) -> bool {
        self.table.contains_key(name)
    }

    /// The numbers of a tensor, which must have this shape, as f32.
    pub(crate) fn read(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, EmbedError> {
        let wrong = |what: &str| EmbedError::bad_model(format!("tensor {name}: {what}"));
        let entry = self.table.get(name).ok_or_else(|| wrong("missing"))?;
        let numbers = |key: &str| -> Option<Vec<usize>> {
            let list = entry.get(key)?.as_array()?;
            list.iter().map(|n| n.as_u64().and_then(|n| usize::try_from(n).ok())).collect()
        };
        if numbers("shape").as_deref() != Some(shape) {
            return Err(wrong(&format!("its shape is not {shape:?}")));
        }
        let place = numbers("data_offsets").filter(|place| place.len() == 2);
        let place = place.ok_or_else(|| wrong("no place"))?;
        let bytes = self.data.get(place[0]..place[1]).ok_or_else(|| wrong("beyond the file"))?;
        let values = decode(entry.get("dtype").and_then(Value::as_str), bytes)
            .ok_or_else(|| wrong("its type is none of F32, F16, BF16"))?;
        if values.len() != shape.iter().product::<usize>() {
            return Err(wrong("its size does not fit its shape"));
        }
        if values.iter().any(|x| !x.is_finite()) {
            return Err(wrong("a number is not finite"));
        }
        Ok(values)
    }
}

fn decode(kind: Option<&str>, bytes: &[u8]) -> Option<Vec<f32>> {
    let halves = || bytes.as_chunks::<2>().0.iter().map(|&pair| u16::from_le_bytes(pair));
    match kind? {
        "F32" => {
            Some(bytes.as_chunks::<4>().0.iter().map(|&word| f32::from_le_bytes(word)).collect())
        }
        "F16" => Some(halves().map(f16_to_f32).collect()),
        "BF16" => Some(halves().map(|bits| f32::from_bits(u32::from(bits) << 16)).collect()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(table: &str, data: &[u8]) -> Vec<u8> {
        let mut file = (table.len() as u64).to_le_bytes().to_vec();
        file.extend_from_slice(table.as_bytes());
        file.extend_from_slice(data);
        file
    }

    fn check(entry: &str, data: &[u8]) -> Result<Vec<f32>, EmbedError> {
        Tensors::parse(&file(&format!("{{\"w\":{entry}}}"), data))?.read("w", &[2])
    }

    #[test]
    fn three_types_are_read() {
        let entry = |kind: &str, end: usize| {
            format!("{{\"dtype\":\"{kind}\",\"shape\":[2],\"data_offsets\":[0,{end}]}}")
        };
        assert_eq!(check(&entry("F32", 8), &[0, 0, 128, 63, 0, 0, 0, 192]).unwrap(), [1.0, -2.0]);
        assert_eq!(check(&entry("F16", 4), &[0, 0x3c, 0, 0xc0]).unwrap(), [1.0, -2.0]);
        assert_eq!(check(&entry("BF16", 4), &[128, 63, 0, 192]).unwrap(), [1.0, -2.0]);
        assert!(check(&entry("I64", 4), &[0; 4]).is_err());
        assert!(check(&entry("F32", 8), &[0; 7]).is_err());
        assert!(check(&entry("F32", 4), &[0; 4]).is_err());
        assert!(check(&entry("F16", 4), &[0, 0x7e, 0, 0]).is_err());
    }

    #[test]
    fn damage_is_an_error() {
        assert!(Tensors::parse(b"short").is_err());
        assert!(Tensors::parse(&[255; 20]).is_err());
        assert!(Tensors::parse(&file("{", &[])).is_err());
        assert!(check("{\"shape\":[2],\"data_offsets\":[0]}", &[0; 8]).is_err());
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(
            table: String, data: Vec<u8>, offsets: (u64, u64), shape: Vec<u64>,
        ) {
            let _ = Tensors::parse(&data);
            let _ = Tensors::parse(&file(&table, &data)).map(|tensors| tensors.read("w", &[2]));
            let (from, to) = offsets;
            let entry = serde_json::json!(
                {"dtype": "F16", "shape": shape, "data_offsets": [from % 9, to % 9]}
            );
            let _ = check(&entry.to_string(), &data);
        }
    }
}
