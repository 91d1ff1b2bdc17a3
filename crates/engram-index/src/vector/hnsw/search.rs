//! Searching a graph.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::super::filter::VectorFilter;
use super::super::kernels::Kernels;
use super::super::rows::VectorRows;
use super::super::scan::ScanScratch;
use super::format::Hnsw;
use super::layer::LayerView;
use super::pool::Entry;
use super::walk::Walk;
use crate::topk::TopK;

/// What is searched.
#[derive(Clone, Copy, Debug)]
pub struct VectorQuery<'a> {
    /// Unit vector of the graph's dimension, all components finite.
    pub vector: &'a [f32],
    /// How many are wanted.
    pub k: usize,
    /// How many candidates the walk keeps: more find more and cost more. At least `k` are kept.
    pub ef: usize,
    /// What may be returned.
    pub filter: VectorFilter<'a>,
}

/// The way a search took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SearchRoute {
    /// Along the links of the graph: nearly always the nearest.
    Graph,
    /// Over all that may be returned: always the nearest.
    Exact,
}

/// What a search did. Work is counted, never timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SearchReport {
    /// The way.
    pub route: SearchRoute,
    /// Codes compared.
    pub scored: u64,
    /// Full-precision vectors read.
    pub read: u64,
}

/// What a search works with and its result; reused, it allocates nothing after the first searches.
#[derive(Debug)]
pub struct HnswScratch {
    walk: Walk,
    scan: ScanScratch,
    /// Nodes to leave by their links next, where a filter is in force.
    frontier: BinaryHeap<Reverse<Entry>>,
    top: TopK,
    hits: Vec<(u32, f32)>,
}

impl Default for HnswScratch {
    fn default() -> HnswScratch {
        HnswScratch {
            walk: Walk::default(),
            scan: ScanScratch::default(),
            frontier: BinaryHeap::new(),
            top: TopK::new(0),
            hits: Vec::new(),
        }
    }
}

impl HnswScratch {
    /// What the last search found: ordinals with their canonical dot product, best first, ties to the smaller ordinal.
    pub fn hits(&self) -> &[(u32, f32)] {
        &self.hits
    }
}

impl<B: AsRef<[u8]>> Hnsw<B> {
    /// Finds the vectors of the highest dot product with the query's; the result is in [`HnswScratch::hits`]. Candidates are
    /// found by codes and ranked by the canonical f32 dot product with the vectors of `rows`.
    ///
    /// A filter that lets few pass is answered by an exact scan of those; one that the walk cannot satisfy within the work
    /// of that scan, too. Panics when the dimension differs.
    pub fn search(
        &self,
        query: &VectorQuery<'_>,
        rows: &dyn VectorRows,
        scratch: &mut HnswScratch,
    ) -> SearchReport {
        assert_eq!(query.vector.len(), self.dimension, "query of another dimension");
        scratch.hits.clear();
        let count = query.filter.count(self.len());
        if count == 0 || query.k == 0 {
            return SearchReport { route: SearchRoute::Exact, scored: 0, read: 0 };
        }
        let (views, layers) = self.views();
        let reach = rerank_count(query.k).min(query.ef.max(query.k));
        let size = query.ef.max(query.k);
        if count <= self.scan_limit(size) {
            return self.scan(query, rows, &views[0], scratch);
        }
        scratch.walk.query.set(query.vector);
        scratch.walk.scored = 0;
        let entry = scratch.walk.descend(&views[..layers], 0);
        if count == self.len() {
            scratch.walk.run(&views[0], entry, size);
        } else if !scratch.walk_filtered(&views[0], entry, (size, count), &query.filter) {
            let before = scratch.walk.scored;
            let report = self.scan(query, rows, &views[0], scratch);
            return SearchReport { scored: report.scored + before, ..report };
        }
        let read = scratch.rank(query, reach, rows);
        SearchReport { route: SearchRoute::Graph, scored: scratch.walk.scored, read }
    }

    /// Up to how many vectors an exact scan is less work than a walk that keeps `size` of them. A walk scores about
    /// half of the links of `size` nodes where everything may be returned, and `len / count` times as many where
    /// `count` may be; the scan scores `count`, at half the price, for its rows stand in order.
    fn scan_limit(&self, size: usize) -> usize {
        let walk = size as u64 * u64::from(self.settings.m);
        (2 * walk * self.len() as u64).isqrt() as usize
    }

    fn scan(
        &self,
        query: &VectorQuery<'_>,
        rows: &dyn VectorRows,
        view: &LayerView<'_>,
        scratch: &mut HnswScratch,
    ) -> SearchReport {
        let scan = &mut scratch.scan;
        scan.start(query.vector, query.k, &self.errors);
        let scored = scan.sift_filtered(&view.codes, view.len as u32, &query.filter);
        let read = scan.finish(query.vector, rows) as u64;
        scratch.hits.extend_from_slice(scan.hits());
        SearchReport { route: SearchRoute::Exact, scored, read }
    }
}

/// How many of the nearest by the upper plane of the codes are ranked in full precision. On 100,000 sentence embeddings the
/// first 24 held all of the true first 10.
fn rerank_count(k: usize) -> usize {
    2 * k + 8
}

impl HnswScratch {
    /// As [`Walk::run`], but the pool holds only nodes that may be returned: the walk goes through the others and goes
    /// on until the pool is full of nearer ones. Gives up, with `false`, when it has scored twice as many nodes as may
    /// be returned.
    fn walk_filtered(
        &mut self,
        layer: &LayerView<'_>,
        entry: u32,
        (size, count): (usize, usize),
        filter: &VectorFilter<'_>,
    ) -> bool {
        let HnswScratch { walk, frontier, .. } = self;
        frontier.clear();
        walk.begin(layer, entry);
        walk.pool.reset(size);
        let mut visit = |walk: &mut Walk| {
            walk.score_fresh(layer, &mut |pool, entry| {
                if pool.bar().is_none_or(|bar| entry < bar) {
                    frontier.push(Reverse(entry));
                    if filter.accepts(entry.node()) {
                        pool.offer(entry);
                    }
                }
            });
            frontier.pop()
        };
        let mut next = visit(walk);
        while let Some(Reverse(best)) = next {
            if walk.pool.bar().is_some_and(|bar| best > bar) {
                return true;
            }
            if walk.scored > 2 * count as u64 {
                return false;
            }
            walk.meet_neighbours(layer, best.node());
            next = visit(walk);
        }
        true
    }

    /// Ranks the best `reach` of the pool in full precision; returns how many there were.
    fn rank(&mut self, query: &VectorQuery<'_>, reach: usize, rows: &dyn VectorRows) -> u64 {
        let pool = self.walk.pool.entries();
        let pool = &pool[..reach.min(pool.len())];
        let dot = Kernels::best().dot_f32;
        self.top.reset(query.k);
        for entry in pool {
            let score = dot(query.vector, rows.row(entry.node()));
            self.top.push(u64::from(entry.node()), score);
        }
        self.hits.extend(self.top.sorted().iter().map(|&(node, score)| (node as u32, score)));
        pool.len() as u64
    }
}
