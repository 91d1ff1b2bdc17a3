//! A folder of vectors with queries, texts and, where known, the source of each query.
//!
//! Files are found by how their names begin and end: `base_*_i8.npy` with `base_*_scale_f32.npy` (vector = code times
//! scale of the row), `query_*.npy`, `queries_*.json`, `texts_*.jsonl.gz`.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use engram_index::{Kernels, TopK};
use flate2::bufread::MultiGzDecoder;
use serde::Deserialize;

use super::npy::Npy;
use crate::failure::BenchError;

/// Vectors of a base set, and what is asked of them.
pub(crate) struct VectorSet {
    pub(crate) name: String,
    dir: PathBuf,
    pub(crate) dimension: usize,
    codes: Vec<i8>,
    scales: Vec<f32>,
    /// Row by row, unit length.
    pub(crate) queries: Vec<f32>,
    pub(crate) query_texts: Vec<String>,
    /// Row of the base that each query was made of, where it is in the set.
    pub(crate) query_sources: Vec<Option<u32>>,
}

#[derive(Deserialize)]
struct QueryRow {
    src: i64,
    q: String,
}

#[derive(Deserialize)]
struct TextRow {
    #[serde(default)]
    l: Vec<String>,
    #[serde(default)]
    d: String,
    /// The whole text, in sets that have no lemmas.
    #[serde(default)]
    t: String,
}

impl VectorSet {
    pub(crate) fn read(dir: &Path) -> Result<VectorSet, BenchError> {
        let codes = Npy::read(&find(dir, "base_", "_i8.npy")?)?;
        let (rows, dimension) = codes.rows_and_columns();
        let scales = Npy::read(&find(dir, "base_", "_scale_f32.npy")?)?.into_f32()?;
        let queries = Npy::read(&find(dir, "query_", ".npy")?)?;
        let place = dir.display().to_string();
        let (count, query_dimension) = queries.rows_and_columns();
        if scales.len() != rows || query_dimension != dimension || dimension == 0 {
            return Err(BenchError::set(place, "base, scales and queries do not fit together"));
        }
        let path = find(dir, "queries_", ".json")?;
        let text = std::fs::read_to_string(&path).map_err(BenchError::file(&path))?;
        let rows: Vec<QueryRow> = serde_json::from_str(&text)
            .map_err(|error| BenchError::set(path.display().to_string(), error.to_string()))?;
        if rows.len() != count {
            return Err(BenchError::set(place, "as many query texts as query vectors are needed"));
        }
        let mut queries = queries.into_f32()?;
        queries.chunks_exact_mut(dimension).for_each(to_unit);
        let name = dir
            .canonicalize()
            .ok()
            .and_then(|path| path.file_name().map(|name| name.to_string_lossy().into_owned()));
        Ok(VectorSet {
            name: name.unwrap_or_default(),
            dir: dir.to_owned(),
            dimension,
            codes: codes.into_i8()?,
            scales,
            queries,
            query_sources: rows.iter().map(|row| u32::try_from(row.src).ok()).collect(),
            query_texts: rows.into_iter().map(|row| row.q).collect(),
        })
    }

    /// Vectors of the base.
    pub(crate) fn len(&self) -> usize {
        self.scales.len()
    }

    /// Vector of row `i`, as the set has it: of about unit length.
    pub(crate) fn vector(&self, i: usize) -> impl Iterator<Item = f32> + '_ {
        let codes = &self.codes[i * self.dimension..(i + 1) * self.dimension];
        codes.iter().map(move |code| f32::from(*code) * self.scales[i])
    }

    /// The same, unit length: what a space makes of it.
    pub(crate) fn unit_vector(&self, i: usize) -> Vec<f32> {
        let mut vector: Vec<f32> = self.vector(i).collect();
        to_unit(&mut vector);
        vector
    }

    /// The first `rows` vectors, unit length, row by row.
    pub(crate) fn unit_vectors(&self, rows: usize) -> Vec<f32> {
        let mut all = Vec::with_capacity(rows * self.dimension);
        for row in 0..rows {
            all.extend(self.vector(row));
        }
        all.chunks_exact_mut(self.dimension).for_each(to_unit);
        all
    }

    /// Query vector `i`.
    pub(crate) fn query(&self, i: usize) -> &[f32] {
        &self.queries[i * self.dimension..(i + 1) * self.dimension]
    }

    /// The texts of the base, row by row.
    pub(crate) fn texts(&self) -> Result<Vec<String>, BenchError> {
        let path = find(&self.dir, "texts_", ".jsonl.gz")?;
        let mut texts = Vec::with_capacity(self.len());
        for line in gz_lines(&path)? {
            let line = line.map_err(BenchError::file(&path))?;
            let row: TextRow = serde_json::from_str(&line)
                .map_err(|error| BenchError::set(path.display().to_string(), error.to_string()))?;
            texts.push(match row.t.is_empty() {
                true => format!("{}: {}", row.l.join(", "), row.d),
                false => row.t,
            });
        }
        match texts.len() == self.len() {
            true => Ok(texts),
            false => {
                let message = format!("{} texts for {} vectors", texts.len(), self.len());
                Err(BenchError::set(path.display().to_string(), message))
            }
        }
    }
}

fn gz_lines(path: &Path) -> Result<impl Iterator<Item = std::io::Result<String>>, BenchError> {
    let file = std::fs::File::open(path).map_err(BenchError::file(path))?;
    Ok(BufReader::new(MultiGzDecoder::new(BufReader::new(file))).lines())
}

/// The one file whose name begins and ends so.
fn find(dir: &Path, start: &str, end: &str) -> Result<PathBuf, BenchError> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(BenchError::file(dir))? {
        let path = entry.map_err(BenchError::file(dir))?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        if name.is_some_and(|name| name.starts_with(start) && name.ends_with(end)) {
            found.push(path);
        }
    }
    match (found.pop(), found.is_empty()) {
        (Some(path), true) => Ok(path),
        (None, _) => {
            Err(BenchError::set(dir.display().to_string(), format!("no file {start}*{end}")))
        }
        (Some(_), false) => {
            Err(BenchError::set(dir.display().to_string(), format!("several files {start}*{end}")))
        }
    }
}

/// Scales a vector to unit length; one of length 0 stays.
pub(super) fn to_unit(vector: &mut [f32]) {
    let norm = vector.iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>().sqrt();
    if norm > 0.0 {
        vector.iter_mut().for_each(|x| *x = (f64::from(*x) / norm) as f32);
    }
}

/// A row and how near it is.
type Nearest = (u32, f32);

/// The exact `k` nearest rows of each query by dot product, best first: the truth that recall is measured against.
pub(crate) fn exact_top(
    rows: &[f32],
    queries: &[f32],
    dimension: usize,
    k: usize,
) -> Vec<Vec<Nearest>> {
    // A block of rows stays in the cache for all queries.
    const BLOCK_ROWS: usize = 128;
    let dot = Kernels::best().dot_f32;
    let mut tops: Vec<TopK> = queries.chunks_exact(dimension).map(|_| TopK::new(k)).collect();
    for (block, part) in rows.chunks(BLOCK_ROWS * dimension).enumerate() {
        for (query, top) in queries.chunks_exact(dimension).zip(&mut tops) {
            for (row, vector) in part.chunks_exact(dimension).enumerate() {
                top.push((block * BLOCK_ROWS + row) as u64, dot(query, vector));
            }
        }
    }
    let narrow = |(row, score): (u64, f32)| (row as u32, score);
    tops.into_iter().map(|top| top.into_sorted().into_iter().map(narrow).collect()).collect()
}
