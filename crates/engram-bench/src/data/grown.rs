//! Sets larger than the one that there are embeddings for, grown from it so that they keep its geometry and its words.
//!
//! Vector `i` is `normalise(base[i mod n] + sigma * noise)` with standard normal noise and `sigma = 0.6 / sqrt(d)`; text
//! `i` is that of the same row with 30 % of its words drawn from the texts of other rows. Every memory has a generator
//! of its own, so that any part of a set can be made alone.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::npy::write_head;
use super::set::{VectorSet, exact_top, to_unit};
use crate::failure::BenchError;
use crate::numbers::SplitMix;

/// Length of the noise beside a vector of length 1, unless something else is asked for.
pub(crate) const NOISE: f64 = 0.6;
/// Share of the words that come from elsewhere.
const FOREIGN_WORDS: f64 = 0.3;
/// Nearest rows in the truth of a written set.
const TRUTH_DEPTH: usize = 100;

/// How large the memories of a grown set are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Shape {
    /// The first so many components of the base.
    pub(crate) dimension: usize,
    /// Longest text, bytes.
    pub(crate) text_bytes_max: usize,
    /// Length of the noise beside a vector of length 1.
    pub(crate) noise: f64,
}

/// A set of any size.
pub(crate) struct GrownSet<'a> {
    base: &'a VectorSet,
    texts: &'a [String],
    shape: Shape,
    seed: u64,
}

impl<'a> GrownSet<'a> {
    /// `texts` are those of the base.
    pub(crate) fn new(
        base: &'a VectorSet,
        texts: &'a [String],
        shape: Shape,
        seed: u64,
    ) -> Result<GrownSet<'a>, BenchError> {
        if shape.dimension == 0 || shape.dimension > base.dimension {
            let message = format!("the dimension must be 1 to {}", base.dimension);
            return Err(BenchError::BadOption(message));
        }
        Ok(GrownSet { base, texts, shape, seed })
    }

    pub(crate) fn dimension(&self) -> usize {
        self.shape.dimension
    }

    /// Number in the set of what is said for the `i`-th time where `kinds` things are said again and again.
    pub(crate) fn repeated(&self, i: usize, kinds: usize) -> usize {
        i % kinds + self.base.len() * (i / kinds)
    }

    /// Vector of memory `i`, unit length.
    pub(crate) fn vector(&self, i: usize) -> Vec<f32> {
        let mut vector: Vec<f32> =
            self.base.vector(i % self.base.len()).take(self.shape.dimension).collect();
        to_unit(&mut vector);
        let sigma = self.shape.noise / (self.shape.dimension as f64).sqrt();
        let mut rng = SplitMix::part(self.seed, 2 * i as u64);
        for pair in vector.chunks_mut(2) {
            let (a, b) = rng.normal_pair();
            for (component, noise) in pair.iter_mut().zip([a, b]) {
                *component = (f64::from(*component) + sigma * noise) as f32;
            }
        }
        to_unit(&mut vector);
        vector
    }

    /// Text of memory `i`.
    pub(crate) fn text(&self, i: usize) -> String {
        let mut rng = SplitMix::part(self.seed, 2 * i as u64 + 1);
        let own = &self.texts[i % self.texts.len()];
        let words: Vec<&str> = own
            .split_whitespace()
            .map(|word| {
                if rng.unit() > FOREIGN_WORDS {
                    return word;
                }
                let other = &self.texts[rng.below(self.texts.len())];
                let count = other.split_whitespace().count();
                let drawn = other.split_whitespace().nth(rng.below(count.max(1)));
                drawn.unwrap_or(word)
            })
            .collect();
        let mut text = words.join(" ");
        text.truncate(text.floor_char_boundary(self.shape.text_bytes_max));
        text
    }

    /// The queries of the base, cut to the dimension of this set, unit length, row by row.
    pub(crate) fn queries(&self) -> Vec<f32> {
        let mut cut = Vec::new();
        for query in self.base.queries.chunks_exact(self.base.dimension) {
            cut.extend_from_slice(&query[..self.shape.dimension]);
        }
        cut.chunks_exact_mut(self.shape.dimension).for_each(to_unit);
        cut
    }
}

/// Writes the first `count` memories in the form in which sets are read, with the exact nearest 100 of each query.
/// Components are kept as int8 times a scale of the row.
pub(crate) fn write_grown(
    set: &GrownSet<'_>,
    count: usize,
    dir: &Path,
    progress: &mut dyn FnMut(&str),
) -> Result<(), BenchError> {
    std::fs::create_dir_all(dir).map_err(BenchError::file(dir))?;
    let dimension = set.dimension();
    let path = dir.join("base_grown_i8.npy");
    let mut codes = create(&path)?;
    write_head(&mut codes, "|i1", &[count, dimension]).map_err(BenchError::file(&path))?;
    let mut scales = Vec::with_capacity(count);
    let mut rows = Vec::with_capacity(count * dimension);
    for i in 0..count {
        let (row, scale) = quantise(&set.vector(i));
        let bytes: Vec<u8> = row.iter().map(|code| code.cast_unsigned()).collect();
        codes.write_all(&bytes).map_err(BenchError::file(&path))?;
        rows.extend(row.iter().map(|code| f32::from(*code) * scale));
        scales.push(scale);
        if (i + 1).is_multiple_of(50_000) {
            progress(&format!("{} of {count} vectors", i + 1));
        }
    }
    codes.flush().map_err(BenchError::file(&path))?;
    write_f32(&dir.join("base_grown_scale_f32.npy"), &[count], &scales)?;
    write_texts(set, count, dir)?;
    progress("the exact nearest of each query");
    let queries = set.queries();
    write_f32(&dir.join("query_grown_f32.npy"), &[queries.len() / dimension, dimension], &queries)?;
    let truth = exact_top(&rows, &queries, dimension, TRUTH_DEPTH.min(count));
    let ids: Vec<i32> = truth.iter().flatten().map(|(row, _)| row.cast_signed()).collect();
    let path = dir.join("truth_grown_i32.npy");
    let mut file = create(&path)?;
    let shape = [truth.len(), TRUTH_DEPTH.min(count)];
    write_head(&mut file, "<i4", &shape).map_err(BenchError::file(&path))?;
    for id in ids {
        file.write_all(&id.to_le_bytes()).map_err(BenchError::file(&path))?;
    }
    file.flush().map_err(BenchError::file(&path))
}

fn create(path: &Path) -> Result<BufWriter<File>, BenchError> {
    File::create(path).map(BufWriter::new).map_err(BenchError::file(path))
}

fn write_f32(path: &Path, shape: &[usize], values: &[f32]) -> Result<(), BenchError> {
    let mut file = create(path)?;
    write_head(&mut file, "<f4", shape).map_err(BenchError::file(path))?;
    for value in values {
        file.write_all(&value.to_le_bytes()).map_err(BenchError::file(path))?;
    }
    file.flush().map_err(BenchError::file(path))
}

fn write_texts(set: &GrownSet<'_>, count: usize, dir: &Path) -> Result<(), BenchError> {
    let path = dir.join("texts_grown.jsonl.gz");
    let mut out = GzEncoder::new(create(&path)?, Compression::fast());
    for i in 0..count {
        let line = serde_json::json!({ "i": i, "t": set.text(i) });
        writeln!(out, "{line}").map_err(BenchError::file(&path))?;
    }
    out.finish().and_then(|mut file| file.flush()).map_err(BenchError::file(&path))?;
    let path = dir.join("queries_grown.json");
    let rows: Vec<serde_json::Value> = set
        .base
        .query_texts
        .iter()
        .zip(&set.base.query_sources)
        .map(|(text, source)| serde_json::json!({ "src": source.map_or(-1, i64::from), "q": text }))
        .collect();
    std::fs::write(&path, serde_json::Value::from(rows).to_string())
        .map_err(BenchError::file(&path))
}

/// Codes in [-127, 127] and the scale that brings them back.
fn quantise(vector: &[f32]) -> (Vec<i8>, f32) {
    let largest = vector.iter().fold(0.0_f32, |largest, x| largest.max(x.abs()));
    let scale = if largest > 0.0 { largest / 127.0 } else { 1.0 };
    (vector.iter().map(|x| (x / scale).round() as i8).collect(), scale)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A small set in its folder: 40 rows of 8 components and 4 queries, each made of a row.
    pub(crate) fn small(dir: &Path) -> VectorSet {
        let mut rng = SplitMix::new(1);
        let mut row = || -> Vec<f32> {
            let mut row: Vec<f32> = (0..8).map(|_| rng.normal_pair().0 as f32).collect();
            to_unit(&mut row);
            row
        };
        let rows: Vec<Vec<f32>> = (0..40).map(|_| row()).collect();
        let mut codes = create(&dir.join("base_small_i8.npy")).unwrap();
        write_head(&mut codes, "|i1", &[40, 8]).unwrap();
        let coded: Vec<(Vec<i8>, f32)> = rows.iter().map(|row| quantise(row)).collect();
        for (row, _) in &coded {
            codes.write_all(&row.iter().map(|c| c.cast_unsigned()).collect::<Vec<u8>>()).unwrap();
        }
        codes.flush().unwrap();
        let scales: Vec<f32> = coded.iter().map(|(_, scale)| *scale).collect();
        write_f32(&dir.join("base_small_scale_f32.npy"), &[40], &scales).unwrap();
        write_f32(&dir.join("query_small_f32.npy"), &[4, 8], &rows[..4].concat()).unwrap();
        let queries: String = (0..4)
            .map(|i| format!("{{\"src\":{i},\"q\":\"word{i}\"}}"))
            .collect::<Vec<_>>()
            .join(",");
        std::fs::write(dir.join("queries_small.json"), format!("[{queries}]")).unwrap();
        let mut texts =
            GzEncoder::new(create(&dir.join("texts_small.jsonl.gz")).unwrap(), Compression::fast());
        for i in 0..40 {
            writeln!(
                texts,
                "{{\"i\":{i},\"l\":[\"word{i}\"],\"d\":\"the meaning of number {i}\",\"x\":[]}}"
            )
            .unwrap();
        }
        texts.finish().unwrap().flush().unwrap();
        VectorSet::read(dir).unwrap()
    }

    const SHAPE: Shape = Shape { dimension: 8, text_bytes_max: 64, noise: NOISE };

    #[test]
    fn a_set_grows_around_its_base() {
        let dir = tempfile::tempdir().unwrap();
        let base = small(dir.path());
        let texts = base.texts().unwrap();
        assert_eq!(texts[3], "word3: the meaning of number 3");
        let grown = GrownSet::new(&base, &texts, SHAPE, 7).unwrap();
        let cosine: f32 = grown
            .vector(43)
            .iter()
            .zip(base.unit_vectors(4)[24..].iter())
            .map(|(a, b)| a * b)
            .sum();
        assert!((0.5..0.999).contains(&cosine), "{cosine}");
        assert_eq!(grown.vector(43), GrownSet::new(&base, &texts, SHAPE, 7).unwrap().vector(43));
        assert_ne!(grown.vector(43), grown.vector(3));
        assert_eq!(grown.text(43).split_whitespace().count(), 6);
        assert!(GrownSet::new(&base, &texts, Shape { dimension: 9, ..SHAPE }, 7).is_err());
    }

    #[test]
    fn a_written_set_can_be_read() {
        let dir = tempfile::tempdir().unwrap();
        let base = small(dir.path());
        let texts = base.texts().unwrap();
        let grown = GrownSet::new(&base, &texts, Shape { dimension: 4, ..SHAPE }, 7).unwrap();
        let out = dir.path().join("grown");
        write_grown(&grown, 100, &out, &mut |_| {}).unwrap();
        let read = VectorSet::read(&out).unwrap();
        assert_eq!((read.len(), read.dimension, read.query_texts.len()), (100, 4, 4));
        assert_eq!(read.texts().unwrap()[41], grown.text(41));
        let kept: Vec<f32> = read.vector(41).collect();
        let off = kept.iter().zip(grown.vector(41)).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(off < 0.005, "{off}");
    }

    #[test]
    fn the_nearest_are_exact() {
        let rows = [1.0, 0.0, 0.0, 1.0, 0.6, 0.8, 0.6, 0.8];
        let top = exact_top(&rows, &[0.0, 1.0], 2, 3);
        let ids: Vec<u32> = top[0].iter().map(|(row, _)| *row).collect();
        assert_eq!(ids, [1, 2, 3]);
    }
}
