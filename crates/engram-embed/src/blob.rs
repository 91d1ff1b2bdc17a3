//! The quantised model file.
//!
//! All numbers are little-endian; nothing is padded except the header.
//!
//! | bytes | content |
//! |---|---|
//! | 8 | magic `ENGRBERT` |
//! | 4 | format version, 1 |
//! | 7 x 4 | layers, hidden, heads, intermediate, vocabulary, positions, pooling (0 mean, 1 first token) |
//! | 4 | epsilon of the layer normalisations, f32 |
//! | 20 | zero |
//!
//! Then without gaps: word embeddings (vocabulary x hidden, quantised), position embeddings with the
//! embedding of token type 0 added (positions x hidden, quantised), their normalisation (weight, bias);
//! then for each layer: query, key and value as one matrix (3 hidden x hidden) with bias,
//! attention output (hidden x hidden) with bias, normalisation, intermediate (intermediate x hidden)
//! with bias, output (hidden x intermediate) with bias, normalisation.
//!
//! A *quantised* matrix is its int8 values row by row, each in -127..=127, then its scales row by
//! row: one f16 for each block of 64 values of a row. value = int8 * scale. Biases and normalisations
//! are f32. The blob ends with the last normalisation.

use std::ops::Range;

use crate::arith::{BLOCK, LANES, f16_from_f32, f16_to_f32};
use crate::error::EmbedError;

const MAGIC: &[u8; 8] = b"ENGRBERT";
const VERSION: u32 = 1;
const HEADER_BYTES: usize = 64;

/// Bounds what a damaged header can ask for.
const SIZE_MAX: usize = 1 << 20;

/// How token vectors become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pooling {
    /// The mean over all tokens.
    Mean,
    /// The vector of the first token.
    First,
}

/// The sizes of a BERT encoder.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Shape {
    pub(crate) layers: usize,
    pub(crate) hidden: usize,
    pub(crate) heads: usize,
    pub(crate) intermediate: usize,
    pub(crate) vocabulary: usize,
    pub(crate) positions: usize,
    pub(crate) pooling: Pooling,
    pub(crate) epsilon: f32,
}

impl Shape {
    /// Refuses what the encoder cannot run.
    pub(crate) fn check(&self) -> Result<(), EmbedError> {
        let sizes = [
            ("layers", self.layers),
            ("hidden size", self.hidden),
            ("heads", self.heads),
            ("intermediate size", self.intermediate),
            ("vocabulary size", self.vocabulary),
            ("positions", self.positions),
        ];
        for (name, size) in sizes {
            if !(1..=SIZE_MAX).contains(&size) {
                return Err(EmbedError::bad_model(format!("{name} is {size}")));
            }
        }
        if !self.hidden.is_multiple_of(BLOCK) || !self.intermediate.is_multiple_of(BLOCK) {
            let sizes = format!("{} and {}", self.hidden, self.intermediate);
            return Err(EmbedError::bad_model(format!(
                "hidden and intermediate sizes must be multiples of {BLOCK}, they are {sizes}"
            )));
        }
        if !self.hidden.is_multiple_of(self.heads * LANES) {
            let width = format!("{} over {} heads", self.hidden, self.heads);
            return Err(EmbedError::bad_model(format!(
                "the width of a head must be a multiple of {LANES}, it is {width}"
            )));
        }
        if !(self.epsilon.is_finite() && self.epsilon > 0.0) {
            return Err(EmbedError::bad_model(format!("epsilon is {}", self.epsilon)));
        }
        Ok(())
    }
}

/// Appends the parts of a blob in their order.
pub(crate) struct BlobWriter {
    bytes: Vec<u8>,
}

impl BlobWriter {
    /// Starts a blob with its header.
    pub(crate) fn new(shape: &Shape) -> Self {
        let mut bytes = MAGIC.to_vec();
        let pooling = match shape.pooling {
            Pooling::Mean => 0,
            Pooling::First => 1,
        };
        let sizes = [
            shape.layers,
            shape.hidden,
            shape.heads,
            shape.intermediate,
            shape.vocabulary,
            shape.positions,
            pooling,
        ];
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        for size in sizes {
            let size = u32::try_from(size).expect("bounded by Shape::check");
            bytes.extend_from_slice(&size.to_le_bytes());
        }
        bytes.extend_from_slice(&shape.epsilon.to_le_bytes());
        bytes.resize(HEADER_BYTES, 0);
        Self { bytes }
    }

    /// Appends a matrix of rows of `width` values, a multiple of [`BLOCK`], quantised.
    pub(crate) fn matrix(&mut self, values: &[f32]) {
        let mut scales = Vec::with_capacity(values.len() / BLOCK * 2);
        self.bytes.reserve(values.len() + values.len() / BLOCK * 2);
        for block in values.chunks_exact(BLOCK) {
            let most = block.iter().fold(0.0f32, |most, x| most.max(x.abs()));
            let bits = f16_from_f32(most / 127.0);
            let scale = f16_to_f32(bits);
            scales.extend_from_slice(&bits.to_le_bytes());
            // Divided by the rounded scale: the error of rounding it is not added to the values.
            let quantise = |x: f32| {
                let steps = if scale > 0.0 { x / scale } else { 0.0 };
                steps.round_ties_even().clamp(-127.0, 127.0) as i8 as u8
            };
            self.bytes.extend(block.iter().map(|&x| quantise(x)));
        }
        self.bytes.extend_from_slice(&scales);
    }

    /// Appends plain numbers.
    pub(crate) fn plain(&mut self, values: &[f32]) {
        values.iter().for_each(|x| self.bytes.extend_from_slice(&x.to_le_bytes()));
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

/// Where a quantised matrix stands in a blob.
#[derive(Clone, Debug)]
pub(crate) struct MatrixPlace {
    pub(crate) values: Range<usize>,
    pub(crate) scales: Range<usize>,
}

impl MatrixPlace {
    /// All scales, row by row.
    pub(crate) fn scales(&self, blob: &[u8]) -> Vec<f32> {
        let (pairs, _) = blob[self.scales.clone()].as_chunks::<2>();
        pairs.iter().map(|&pair| f16_to_f32(u16::from_le_bytes(pair))).collect()
    }
}

/// Reads the parts of a blob in their order.
pub(crate) struct BlobReader<'a> {
    blob: &'a [u8],
    at: usize,
}

impl<'a> BlobReader<'a> {
    /// Reads and checks the header.
    pub(crate) fn new(blob: &'a [u8]) -> Result<(Self, Shape), EmbedError> {
        let mut reader = Self { blob, at: 0 };
        let header = reader.range(HEADER_BYTES)?;
        let header = &blob[header];
        if &header[..8] != MAGIC {
            return Err(EmbedError::bad_model("not a quantised model file"));
        }
        let (words, _) = header[8..].as_chunks::<4>();
        let number = |i: usize| u32::from_le_bytes(words[i]);
        if number(0) != VERSION {
            let found = number(0);
            return Err(EmbedError::bad_model(format!("model format {found}, not {VERSION}")));
        }
        let size = |i: usize| number(i) as usize;
        let pooling = match number(7) {
            0 => Pooling::Mean,
            1 => Pooling::First,
            other => return Err(EmbedError::bad_model(format!("pooling {other} is unknown"))),
        };
        let shape = Shape {
            layers: size(1),
            hidden: size(2),
            heads: size(3),
            intermediate: size(4),
            vocabulary: size(5),
            positions: size(6),
            pooling,
            epsilon: f32::from_le_bytes(words[8]),
        };
        shape.check()?;
        Ok((reader, shape))
    }

    /// The place of the next matrix.
    pub(crate) fn matrix(&mut self, rows: usize, width: usize) -> Result<MatrixPlace, EmbedError> {
        let values = self.range(rows * width)?;
        let scales = self.range(rows * width / BLOCK * 2)?;
        Ok(MatrixPlace { values, scales })
    }

    /// The next plain numbers.
    pub(crate) fn plain(&mut self, count: usize) -> Result<Vec<f32>, EmbedError> {
        let range = self.range(count * 4)?;
        let (words, _) = self.blob[range].as_chunks::<4>();
        let values: Vec<f32> = words.iter().map(|&word| f32::from_le_bytes(word)).collect();
        if values.iter().any(|x| !x.is_finite()) {
            return Err(EmbedError::bad_model("a bias or normalisation is not finite"));
        }
        Ok(values)
    }

    /// Bytes read so far.
    pub(crate) fn position(&self) -> usize {
        self.at
    }

    /// Checks that nothing follows.
    pub(crate) fn finish(self) -> Result<(), EmbedError> {
        if self.at == self.blob.len() {
            return Ok(());
        }
        let (length, needed) = (self.blob.len(), self.at);
        Err(EmbedError::bad_model(format!("{length} bytes where {needed} are needed")))
    }

    fn range(&mut self, bytes: usize) -> Result<Range<usize>, EmbedError> {
        let end = self.at + bytes;
        if end > self.blob.len() {
            let length = self.blob.len();
            return Err(EmbedError::bad_model(format!("cut off at {length} bytes")));
        }
        let range = self.at..end;
        self.at = end;
        Ok(range)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape() -> Shape {
        Shape {
            layers: 1,
            hidden: 64,
            heads: 2,
            intermediate: 128,
            vocabulary: 10,
            positions: 8,
            pooling: Pooling::First,
            epsilon: 1e-12,
        }
    }

    #[test]
    fn parts_come_back() {
        let mut writer = BlobWriter::new(&shape());
        let values: Vec<f32> = (0..128).map(|i| (i as f32 - 60.0) * 0.01).collect();
        writer.matrix(&values);
        writer.plain(&[1.5, -2.0]);
        let blob = writer.finish();
        let (mut reader, read) = BlobReader::new(&blob).unwrap();
        assert_eq!(read, shape());
        let place = reader.matrix(2, 64).unwrap();
        let scales = place.scales(&blob);
        for (i, &value) in values.iter().enumerate() {
            let step = scales[i / BLOCK];
            let got = f32::from(blob[place.values.start + i] as i8) * step;
            assert!((got - value).abs() <= step * 0.51, "{got} for {value}");
        }
        assert_eq!(reader.plain(2).unwrap(), [1.5, -2.0]);
        reader.finish().unwrap();
    }

    #[test]
    fn damage_is_an_error() {
        let mut blob = BlobWriter::new(&shape()).finish();
        assert!(BlobReader::new(&blob[..63]).is_err());
        let (mut reader, _) = BlobReader::new(&blob).unwrap();
        assert!(reader.matrix(1, 64).is_err());
        blob[8] = 9;
        assert!(BlobReader::new(&blob).is_err_and(|e| e.to_string().contains("format 9")));
        blob[8] = 1;
        blob[16] = 65;
        assert!(BlobReader::new(&blob).is_err());
        blob[0] = 0;
        assert!(BlobReader::new(&blob).is_err());
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(damage: Vec<(usize, u8)>, cut in 0usize..400) {
            let mut writer = BlobWriter::new(&shape());
            writer.matrix(&[0.5; 128]);
            writer.plain(&[1.0; 8]);
            let mut blob = writer.finish();
            for (at, byte) in damage {
                let length = blob.len();
                blob[at % length] = byte;
            }
            blob.truncate(cut);
            if let Ok((mut reader, shape)) = BlobReader::new(&blob) {
                let rows = shape.vocabulary.min(4);
                let _ = reader.matrix(rows, shape.hidden).and_then(|_| reader.plain(8));
            }
        }
    }
}
