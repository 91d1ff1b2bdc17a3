//! Exact search over quantised codes: the result is, bit for bit, that of scanning the full vectors.
//!
//! Three sieves, each wider than the error of what it looks at: the upper plane of the codes, both planes, the
//! full-precision vector. With `|q - q'|` and `|x - x'|` the errors of the codes, Cauchy-Schwarz gives
//! `|<q, x> - <q', x'>| <= |q - q'| |x| + |q'| |x - x'|`. A row is dropped only when even its score plus that bound is
//! below the `k` best lower bounds so far.

use super::aligned::AlignedBytes;
use super::codes::{CodeErrors, CodedQuery, Codes, encode, plane_bytes};
use super::filter::VectorFilter;
use super::kernels::{Kernels, NibbleRows};
use super::rows::VectorRows;
use crate::topk::TopK;

/// Rows that pass through a sieve together: their upper planes fit the second-level cache.
const CHUNK: usize = 512;

/// Unit vectors as codes of eight bits, for exact search.
#[derive(Clone, Debug)]
pub struct QuantisedVectors {
    dimension: usize,
    len: usize,
    high: AlignedBytes,
    low: AlignedBytes,
    scales: Vec<u8>,
    errors: CodeErrors,
}

impl QuantisedVectors {
    /// No vectors of `dimension` components, which are 1 to 4,096.
    pub fn new(dimension: usize) -> QuantisedVectors {
        assert!((1..=4096).contains(&dimension), "{dimension} components");
        QuantisedVectors {
            dimension,
            len: 0,
            high: AlignedBytes::default(),
            low: AlignedBytes::default(),
            scales: Vec::new(),
            errors: CodeErrors::default(),
        }
    }

    /// Adds a vector of finite components. Panics when the dimension differs.
    pub fn push(&mut self, vector: &[f32]) {
        assert_eq!(vector.len(), self.dimension, "vector of another dimension");
        let plane = plane_bytes(self.dimension);
        let (high, low) = (self.high.grow(plane), self.low.grow(plane));
        let scale = encode(vector, high, low, &mut self.errors);
        self.scales.extend(scale.to_le_bytes());
        self.len += 1;
    }

    /// Number of vectors.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no vector.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes held on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.high.heap_bytes() + self.low.heap_bytes() + self.scales.capacity()
    }

    /// The `k` vectors of the highest canonical dot product with `query` among those that `filter` lets pass, best first,
    /// ties to the smaller ordinal; in [`ScanScratch::hits`]. Scores that are NaN do not count. Returns how many
    /// full-precision vectors were read.
    pub fn scan(
        &self,
        (query, k): (&[f32], usize),
        filter: &VectorFilter<'_>,
        rows: &dyn VectorRows,
        scratch: &mut ScanScratch,
    ) -> usize {
        assert_eq!(query.len(), self.dimension, "query of another dimension");
        let codes = self.codes();
        scratch.start(query, k, &self.errors);
        if let VectorFilter::All = filter {
            for start in (0..self.len as u32).step_by(CHUNK) {
                scratch.list.clear();
                scratch.list.extend(start..(start + CHUNK as u32).min(self.len as u32));
                scratch.sift(&codes);
            }
        } else {
            scratch.sift_filtered(&codes, self.len as u32, filter);
        }
        scratch.finish(query, rows)
    }

    /// As [`QuantisedVectors::scan`] without a filter, for many queries at once: the codes pass through the caches once for
    /// all of them. `queries` are vectors one after the other, one for each of `scratches`.
    pub fn scan_many(
        &self,
        (queries, k): (&[f32], usize),
        rows: &dyn VectorRows,
        scratches: &mut [ScanScratch],
    ) -> usize {
        assert_eq!(queries.len(), scratches.len() * self.dimension, "one scratch for each query");
        let codes = self.codes();
        for (query, scratch) in queries.chunks_exact(self.dimension).zip(scratches.iter_mut()) {
            scratch.start(query, k, &self.errors);
        }
        for start in (0..self.len as u32).step_by(CHUNK) {
            for scratch in scratches.iter_mut() {
                scratch.list.clear();
                scratch.list.extend(start..(start + CHUNK as u32).min(self.len as u32));
                scratch.sift(&codes);
            }
        }
        let queries = queries.chunks_exact(self.dimension);
        queries.zip(scratches).map(|(query, scratch)| scratch.finish(query, rows)).sum()
    }

    fn codes(&self) -> Codes<'_> {
        let plane = plane_bytes(self.dimension);
        let rows = |bytes| NibbleRows { bytes, stride: plane };
        Codes {
            high: rows(self.high.as_ref()),
            low: rows(self.low.as_ref()),
            scales: &self.scales,
            plane,
        }
    }
}

/// What a scan works with and its result; reused, it allocates nothing after the first scans.
#[derive(Debug)]
pub struct ScanScratch {
    query: CodedQuery,
    /// Rows of the chunk that is looked at.
    list: Vec<u32>,
    passed: Vec<u32>,
    sums: Vec<i32>,
    spare: Vec<i32>,
    /// Lower bounds of the best rows.
    lower: TopK,
    k: usize,
    /// Rows with an upper bound of their score.
    candidates: Vec<(u32, f32)>,
    /// What the errors of the upper plane, of both planes, and of the query can add to a score. The first two in units of
    /// the scale of a row.
    slack: [f64; 3],
    hits: Vec<(u32, f32)>,
}

impl Default for ScanScratch {
    fn default() -> ScanScratch {
        ScanScratch {
            query: CodedQuery::default(),
            list: Vec::new(),
            passed: Vec::new(),
            sums: Vec::new(),
            spare: Vec::new(),
            lower: TopK::new(0),
            k: 0,
            candidates: Vec::new(),
            slack: [0.0; 3],
            hits: Vec::new(),
        }
    }
}

impl ScanScratch {
    /// What the last scan found: ordinals with their canonical dot product, best first.
    pub fn hits(&self) -> &[(u32, f32)] {
        &self.hits
    }

    /// Prepares for a query over codes with these errors.
    pub(super) fn start(&mut self, query: &[f32], k: usize, errors: &CodeErrors) {
        self.query.set(query);
        self.lower.reset(k);
        self.k = k;
        self.candidates.clear();
        let coded_length = f64::from(self.query.length) + f64::from(self.query.error);
        // The canonical sum itself is rounded: at most once for each block of 16 and each level of the tree, twice to be sure.
        let roundings = (query.len() / 16 + 6) as f64 * 2.0 * f64::from(f32::EPSILON);
        let longest = f64::from(errors.length);
        self.slack = [
            // The estimate rounds half a unit.
            coded_length * f64::from(errors.high) + 0.5 * f64::from(self.query.scale),
            coded_length * f64::from(errors.full),
            f64::from(self.query.error) * longest
                + roundings * f64::from(self.query.length) * longest
                + f64::from(f32::MIN_POSITIVE),
        ];
    }

    /// Passes the rows of `list` through both sieves of codes.
    pub(super) fn sift(&mut self, codes: &Codes<'_>) {
        codes.estimate(&self.query, &self.list, &mut self.sums);
        let query_scale = f64::from(self.query.scale);
        let [high, full, query_slack] = self.slack;
        let bar = self.bar();
        self.passed.clear();
        for (&row, &sum) in self.list.iter().zip(&self.sums) {
            let scale = f64::from(codes.scale(row));
            if (f64::from(sum) * query_scale + high) * scale + query_slack >= bar {
                self.passed.push(row);
            }
        }
        codes.full(&self.query, &self.passed, &mut self.sums, &mut self.spare);
        for (&row, &sum) in self.passed.iter().zip(&self.sums) {
            let scale = f64::from(codes.scale(row));
            let score = f64::from(sum) * query_scale * scale;
            let slack = full * scale + query_slack;
            let upper = ((score + slack) as f32).next_up();
            if f64::from(upper) >= self.lower.threshold().map_or(f64::NEG_INFINITY, f64::from) {
                self.candidates.push((row, upper));
                self.lower.push(u64::from(row), ((score - slack) as f32).next_down());
            }
        }
    }

    /// Passes every row below `length` that `filter` lets pass through the sieves.
    /// Returns how many those are.
    pub(super) fn sift_filtered(
        &mut self,
        codes: &Codes<'_>,
        length: u32,
        filter: &VectorFilter<'_>,
    ) -> u64 {
        let mut passed = 0;
        let mut list = std::mem::take(&mut self.list);
        list.clear();
        filter.each(length, &mut |row| {
            codes.prefetch(row);
            passed += 1;
            list.push(row);
            if list.len() == CHUNK / 8 {
                std::mem::swap(&mut list, &mut self.list);
                self.sift(codes);
                std::mem::swap(&mut list, &mut self.list);
                list.clear();
            }
        });
        self.list = list;
        self.sift(codes);
        passed
    }

    /// Scores what is left in full precision. Returns how many rows that were.
    pub(super) fn finish(&mut self, query: &[f32], rows: &dyn VectorRows) -> usize {
        let bar = self.lower.threshold().unwrap_or(f32::NEG_INFINITY);
        self.candidates.retain(|candidate| candidate.1 >= bar);
        let dot = Kernels::best().dot_f32;
        self.lower.reset(self.k);
        for &(row, _) in &self.candidates {
            self.lower.push(u64::from(row), dot(query, rows.row(row)));
        }
        self.hits.clear();
        self.hits.extend(self.lower.sorted().iter().map(|&(row, score)| (row as u32, score)));
        self.candidates.len()
    }

    fn bar(&self) -> f64 {
        self.lower.threshold().map_or(f64::NEG_INFINITY, f64::from)
    }
}
