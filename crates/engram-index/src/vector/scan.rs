//! Exact search over quantised codes: the result is, bit for bit, that of scanning the full vectors.
//!
//! Three sieves, each wider than the error of what it looks at: the upper plane of the codes, both planes, the
//! full-precision vector. With `|q - q'|` and `|x - x'|` the errors of the codes, Cauchy-Schwarz gives
//! `|<q, x> - <q', x'>| <= |q - q'| |x| + |q'| |x - x'|`. A row is dropped only when even its score plus that bound is
//! below the `k` best lower bounds so far.

use std::ops::Range;

use super::aligned::AlignedBytes;
use super::codes::{CodeErrors, CodedQuery, Codes, encode, plane_bytes};
use super::filter::VectorFilter;
use super::kernels::{Kernels, NibbleRows};
use super::rows::VectorRows;
use crate::bytes::{IndexDamage, Input};
use crate::prefetch::LINE;
use crate::topk::TopK;

/// Rows that pass through a sieve together: their upper planes fit the second-level cache.
const CHUNK: usize = 512;

/// Bytes before the codes where they stand in one block.
const HEADER_BYTES: usize = LINE;
/// Of that, what the five fields take, in bytes.
const FIELDS_BYTES: usize = 20;

/// How many full-precision rows ahead of the one that is scored the processor is asked to fetch.
const ROWS_AHEAD: usize = 2;

/// Unit vectors as codes of eight bits, for exact search.
#[derive(Clone, Debug)]
pub struct QuantisedVectors {
    dimension: usize,
    len: usize,
    tables: Tables,
    errors: CodeErrors,
}

/// Where the codes stand.
#[derive(Clone, Debug)]
enum Tables {
    /// As they are pushed: upper planes, lower planes, scales.
    Growing(AlignedBytes, AlignedBytes, Vec<u8>),
    /// As they were opened.
    Sealed(AlignedBytes),
}

impl QuantisedVectors {
    /// No vectors of `dimension` components, which are 1 to 4,096.
    pub fn new(dimension: usize) -> QuantisedVectors {
        QuantisedVectors::with_capacity(dimension, 0)
    }

    /// As [`QuantisedVectors::new`], with room for so many: a block that grows holds up to twice its bytes.
    pub fn with_capacity(dimension: usize, vectors: usize) -> QuantisedVectors {
        assert!((1..=4096).contains(&dimension), "{dimension} components");
        let planes = || AlignedBytes::with_capacity(vectors * plane_bytes(dimension));
        QuantisedVectors {
            dimension,
            len: 0,
            tables: Tables::Growing(planes(), planes(), Vec::with_capacity(4 * vectors)),
            errors: CodeErrors::default(),
        }
    }

    /// Adds a vector. The first one behind opened bytes copies them. Panics when the dimension differs or a component is not
    /// finite.
    pub fn push(&mut self, vector: &[f32]) {
        assert_eq!(vector.len(), self.dimension, "vector of another dimension");
        if let Tables::Sealed(_) = &self.tables {
            let [high, low, scales] = self.parts();
            let (high, low) = (AlignedBytes::copy_of(high), AlignedBytes::copy_of(low));
            self.tables = Tables::Growing(high, low, scales.to_vec());
        }
        let plane = plane_bytes(self.dimension);
        if let Tables::Growing(high, low, scales) = &mut self.tables {
            let scale = encode(vector, high.grow(plane), low.grow(plane), &mut self.errors);
            scales.extend(scale.to_le_bytes());
        }
        self.len += 1;
    }

    /// The codes as bytes: a multiple of 64 of them.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(ranges(self.dimension, self.len).1);
        self.write_to(&mut |piece| bytes.extend_from_slice(piece));
        bytes
    }

    /// Calls `write` with [`QuantisedVectors::to_bytes`] piece by piece, without a copy of them.
    pub fn write_to(&self, write: &mut dyn FnMut(&[u8])) {
        let (ranges, end) = ranges(self.dimension, self.len);
        let mut header = [0; HEADER_BYTES];
        let CodeErrors { high, full, length } = self.errors;
        let errors = [high, full, length].map(f32::to_bits);
        let fields = [self.dimension as u32, self.len as u32].into_iter().chain(errors);
        for (at, field) in header.chunks_exact_mut(4).zip(fields) {
            at.copy_from_slice(&field.to_le_bytes());
        }
        write(&header);
        self.parts().into_iter().for_each(&mut *write);
        write(&[0; LINE][..end - ranges[2].end]);
    }

    /// Takes back the bytes of [`QuantisedVectors::to_bytes`] as they stand: nothing is copied, and all that is looked at is
    /// a number for each vector.
    ///
    /// # Errors
    /// The bytes are no codes. No bytes make it panic.
    pub fn open(bytes: AlignedBytes) -> Result<QuantisedVectors, IndexDamage> {
        let all = bytes.as_ref();
        let mut header = Input::new(all);
        let (dimension, len) = (header.len()?, header.len()?);
        let (high, full, length) = (header.f32()?, header.f32()?, header.f32()?);
        if !(1..=4096).contains(&dimension) {
            return Err(IndexDamage("codes of no dimension"));
        }
        let ([.., scales], end) = ranges(dimension, len);
        if end != all.len() {
            return Err(IndexDamage("codes of another length than they say"));
        }
        let is_zero = |bytes: &[u8]| bytes.iter().all(|byte| *byte == 0);
        if !is_zero(&all[FIELDS_BYTES..HEADER_BYTES]) || !is_zero(&all[scales.end..]) {
            return Err(IndexDamage("codes with something in their padding"));
        }
        let is_length = |x: f32| x.is_finite() && x >= 0.0;
        let (scales, _) = all[scales].as_chunks::<4>();
        let scaled = scales.iter().all(|scale| is_length(f32::from_le_bytes(*scale)));
        if !scaled || ![high, full, length].into_iter().all(is_length) {
            return Err(IndexDamage("a scale or an error of codes is out of range"));
        }
        let errors = CodeErrors { high, full, length };
        Ok(QuantisedVectors { dimension, len, tables: Tables::Sealed(bytes), errors })
    }

    /// Components of a vector.
    pub fn dimension(&self) -> usize {
        self.dimension
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
        match &self.tables {
            Tables::Growing(high, low, scales) => {
                high.heap_bytes() + low.heap_bytes() + scales.capacity()
            }
            Tables::Sealed(bytes) => bytes.heap_bytes(),
        }
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
        let [high, low, scales] = self.parts();
        Codes { high: rows(high), low: rows(low), scales, plane }
    }

    /// Upper planes, lower planes, scales.
    fn parts(&self) -> [&[u8]; 3] {
        match &self.tables {
            Tables::Growing(high, low, scales) => [high.as_ref(), low.as_ref(), scales],
            Tables::Sealed(bytes) => {
                ranges(self.dimension, self.len).0.map(|range| &bytes.as_ref()[range])
            }
        }
    }
}

/// Where upper planes, lower planes and scales stand in the bytes, and where these end.
fn ranges(dimension: usize, len: usize) -> ([Range<usize>; 3], usize) {
    let planes = plane_bytes(dimension) * len;
    let (low, scales) = (HEADER_BYTES + planes, HEADER_BYTES + 2 * planes);
    let end = scales + 4 * len;
    ([HEADER_BYTES..low, low..scales, scales..end], end.next_multiple_of(LINE))
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
                codes.prefetch_low(row);
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

    /// Passes `rows` through the sieves.
    pub(super) fn sift_rows(&mut self, codes: &Codes<'_>, rows: impl Iterator<Item = u32>) {
        self.list.clear();
        self.list.extend(rows);
        self.sift(codes);
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
        if !self.candidates.is_sorted_by_key(|candidate| candidate.0) {
            self.candidates.sort_unstable_by_key(|candidate| candidate.0);
        }
        let dot = Kernels::best().dot_f32;
        self.lower.reset(self.k);
        let best = &mut self.lower;
        let mut read = 0;
        for (place, &(row, upper)) in self.candidates.iter().enumerate() {
            if let Some(&(ahead, _)) = self.candidates.get(place + ROWS_AHEAD) {
                rows.prefetch(ahead);
            }
            if best.threshold().is_none_or(|bar| upper >= bar) {
                read += 1;
                rows.with_row(row, &mut |vector| best.push(u64::from(row), dot(query, vector)));
            }
        }
        self.hits.clear();
        self.hits.extend(self.lower.sorted().iter().map(|&(row, score)| (row as u32, score)));
        read
    }

    fn bar(&self) -> f64 {
        self.lower.threshold().map_or(f64::NEG_INFINITY, f64::from)
    }
}
