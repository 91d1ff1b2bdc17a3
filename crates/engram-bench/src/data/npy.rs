//! The NPY format of NumPy, versions 1 to 3, little-endian and in C order: the part of it that sets of vectors need.

use std::io::Write;
use std::path::Path;

use crate::failure::BenchError;

const MAGIC: &[u8] = b"\x93NUMPY";

/// An array as it lies in its file.
pub(crate) struct Npy {
    place: String,
    /// For example `<f4`.
    kind: String,
    pub(crate) shape: Vec<usize>,
    data: Vec<u8>,
}

impl Npy {
    pub(crate) fn read(path: &Path) -> Result<Npy, BenchError> {
        let mut bytes = std::fs::read(path).map_err(BenchError::file(path))?;
        let place = path.display().to_string();
        let bad = |message: &str| BenchError::set(place.clone(), message);
        let header = header(&bytes).ok_or_else(|| bad("this is no NPY file"))?;
        let text = String::from_utf8_lossy(&bytes[header.clone()]).into_owned();
        let (kind, shape) =
            describe(&text).ok_or_else(|| bad("its header says nothing that can be read here"))?;
        let data = bytes.split_off(header.end);
        let width: usize =
            kind.trim_start_matches(|c: char| !c.is_ascii_digit()).parse().unwrap_or(0);
        let wanted = shape.iter().product::<usize>() * width;
        if data.len() != wanted {
            return Err(bad(&format!("{} bytes of data, the header says {wanted}", data.len())));
        }
        Ok(Npy { place, kind, shape, data })
    }

    /// Rows and columns; a plain list has one column.
    pub(crate) fn rows_and_columns(&self) -> (usize, usize) {
        let rows = self.shape.first().copied().unwrap_or(1);
        (rows, self.shape.iter().skip(1).product())
    }

    pub(crate) fn into_i8(self) -> Result<Vec<i8>, BenchError> {
        self.check("|i1")?;
        Ok(self.data.into_iter().map(u8::cast_signed).collect())
    }

    /// From single or half precision.
    pub(crate) fn into_f32(self) -> Result<Vec<f32>, BenchError> {
        if self.kind == "<f2" {
            let (halves, _) = self.data.as_chunks::<2>();
            return Ok(halves.iter().map(|half| from_half(u16::from_le_bytes(*half))).collect());
        }
        self.check("<f4")?;
        let (words, _) = self.data.as_chunks::<4>();
        Ok(words.iter().map(|word| f32::from_le_bytes(*word)).collect())
    }

    fn check(&self, kind: &str) -> Result<(), BenchError> {
        match self.kind == kind {
            true => Ok(()),
            false => {
                let message = format!("it holds {}, expected {kind}", self.kind);
                Err(BenchError::set(self.place.clone(), message))
            }
        }
    }
}

/// Where the description stands.
fn header(bytes: &[u8]) -> Option<std::ops::Range<usize>> {
    if !bytes.starts_with(MAGIC) {
        return None;
    }
    let (start, len) = match bytes.get(6)? {
        1 => (10, usize::from(u16::from_le_bytes(bytes.get(8..10)?.try_into().ok()?))),
        2 | 3 => (12, u32::from_le_bytes(bytes.get(8..12)?.try_into().ok()?) as usize),
        _ => return None,
    };
    let end = start + len;
    (end <= bytes.len()).then_some(start..end)
}

/// Kind and shape of a description such as `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`.
fn describe(text: &str) -> Option<(String, Vec<usize>)> {
    let after = |name: &str| Some(text.split_once(name)?.1.trim_start_matches([':', ' ']));
    let kind = after("'descr'")?.strip_prefix('\'')?.split('\'').next()?;
    after("'fortran_order'")?.strip_prefix("False")?;
    let shape = after("'shape'")?.strip_prefix('(')?.split(')').next()?;
    let numbers = shape.split(',').map(str::trim).filter(|number| !number.is_empty());
    let shape: Option<Vec<usize>> = numbers.map(|number| number.parse().ok()).collect();
    Some((kind.to_owned(), shape?))
}

/// IEEE 754 binary16 to binary32, exact.
fn from_half(half: u16) -> f32 {
    let sign = if half & 0x8000 == 0 { 1.0 } else { -1.0 };
    let (exponent, fraction) = ((half >> 10) & 0x1F, f32::from(half & 0x3FF));
    match exponent {
        0 => sign * fraction * 2_f32.powi(-24),
        31 if fraction == 0.0 => sign * f32::INFINITY,
        31 => f32::NAN,
        _ => sign * (1.0 + fraction / 1_024.0) * 2_f32.powi(i32::from(exponent) - 15),
    }
}

/// Writes the head of an array of version 1; the data follows in C order.
pub(crate) fn write_head(out: &mut dyn Write, kind: &str, shape: &[usize]) -> std::io::Result<()> {
    let shape: Vec<String> = shape.iter().map(|side| format!("{side},")).collect();
    let mut text =
        format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({}), }}", shape.join(" "));
    // The data begins at a multiple of 64 bytes.
    while !(MAGIC.len() + 4 + text.len() + 1).is_multiple_of(64) {
        text.push(' ');
    }
    text.push('\n');
    out.write_all(MAGIC)?;
    out.write_all(&[1, 0])?;
    out.write_all(&(text.len() as u16).to_le_bytes())?;
    out.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(kind: &str, shape: &[usize], data: &[u8]) -> (tempfile::TempDir, std::path::PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.npy");
        let mut bytes = Vec::new();
        write_head(&mut bytes, kind, shape).unwrap();
        assert_eq!(bytes.len() % 64, 0);
        bytes.extend_from_slice(data);
        std::fs::write(&path, bytes).unwrap();
        (dir, path)
    }

    #[test]
    fn arrays_come_back() {
        let (_dir, path) = file("|i1", &[2, 3], &[1, 255, 3, 4, 5, 128]);
        let array = Npy::read(&path).unwrap();
        assert_eq!(array.rows_and_columns(), (2, 3));
        assert_eq!(array.into_i8().unwrap(), [1, -1, 3, 4, 5, -128]);
        let (_dir, path) = file("<f4", &[1], &1.5_f32.to_le_bytes());
        let array = Npy::read(&path).unwrap();
        assert_eq!(array.rows_and_columns(), (1, 1));
        assert_eq!(array.into_f32().unwrap(), [1.5]);
    }

    #[test]
    fn halves_are_exact() {
        for (half, value) in [
            (0x3C00, 1.0),
            (0xC000, -2.0),
            (0x3555, 0.333_251_95),
            (0x0001, 5.960_464_5e-8),
            (0x7BFF, 65_504.0),
        ] {
            assert_eq!(from_half(half), value, "{half:x}");
        }
        assert!(from_half(0x7C01).is_nan());
        assert_eq!(from_half(0xFC00), f32::NEG_INFINITY);
    }

    #[test]
    fn broken_files_are_refused() {
        let (_dir, path) = file("<f4", &[2], &[0; 4]);
        assert!(Npy::read(&path).is_err());
        let (_dir, path) = file("<f8", &[1], &[0; 8]);
        assert!(Npy::read(&path).unwrap().into_f32().is_err());
        std::fs::write(&path, b"no").unwrap();
        assert!(Npy::read(&path).is_err());
    }
}
