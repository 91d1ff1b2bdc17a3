//! Reads arrays of NumPy's format 1.0: one or two dimensions, C order, little endian; i8, i32, f16 or f32.

use std::error::Error;

use engram_index::f16_value;

pub(crate) struct Array {
    kind: String,
    shape: Vec<usize>,
    data: Vec<u8>,
}

#[expect(clippy::disallowed_methods, reason = "a benchmark reads its data")]
pub(crate) fn read(path: &str) -> Result<Array, Box<dyn Error>> {
    let bytes = std::fs::read(path).map_err(|error| format!("{path}: {error}"))?;
    let length = bytes.get(8..10).ok_or("no header")?;
    let start = 10 + usize::from(u16::from_le_bytes([length[0], length[1]]));
    let header = String::from_utf8(bytes.get(10..start).ok_or("no header")?.to_vec())?;
    if header.contains("'fortran_order': True") {
        return Err("not in C order".into());
    }
    let kind = between(&header, "'descr': '", "'")?.trim_start_matches(['<', '|']).to_owned();
    let shape = between(&header, "'shape': (", ")")?
        .split(',')
        .filter(|part| !part.trim().is_empty())
        .map(|part| part.trim().parse())
        .collect::<Result<_, _>>()?;
    Ok(Array { kind, shape, data: bytes[start..].to_vec() })
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Result<&'a str, Box<dyn Error>> {
    let (_, rest) = text.split_once(before).ok_or("no such field")?;
    let (found, _) = rest.split_once(after).ok_or("no such field")?;
    Ok(found)
}

impl Array {
    pub(crate) fn rows(&self) -> usize {
        self.shape[0]
    }

    pub(crate) fn columns(&self) -> usize {
        self.shape.get(1).copied().unwrap_or(1)
    }

    pub(crate) fn floats(&self) -> Result<Vec<f32>, Box<dyn Error>> {
        let words = || self.data.as_chunks::<4>().0.iter();
        match self.kind.as_str() {
            "i1" => Ok(self.data.iter().map(|&byte| f32::from(byte as i8)).collect()),
            "i4" => Ok(words().map(|word| i32::from_le_bytes(*word) as f32).collect()),
            "f4" => Ok(words().map(|word| f32::from_le_bytes(*word)).collect()),
            "f2" => {
                let (halves, _) = self.data.as_chunks::<2>();
                Ok(halves.iter().map(|half| f16_value(u16::from_le_bytes(*half))).collect())
            }
            other => Err(format!("numbers of kind {other}").into()),
        }
    }
}
