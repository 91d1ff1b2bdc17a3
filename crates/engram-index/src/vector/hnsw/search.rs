//! Searching a graph.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::super::filter::VectorFilter;
use super::super::rows::VectorRows;
use super::super::scan::ScanScratch;
use super::format::Hnsw;
use super::layer::LayerView;
use super::pool::Entry;
use super::walk::Walk;

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
#[derive(Debug, Default)]
pub struct HnswScratch {
    walk: Walk,
    scan: ScanScratch,
    /// Nodes to leave by their links next, where a filter is in force.
    frontier: BinaryHeap<Reverse<Entry>>,
    hits: Vec<(u32, f32)>,
}

impl HnswScratch {
    /// What the last search found: ordinals with their canonical dot product, best first, ties to the smaller ordinal.
    pub fn hits(&self) -> &[(u32, f32)] {
        &self.hits
    }
}

impl<B: AsRef<[u8]>> Hnsw<B> {
    /// Finds the vectors of the highest dot product with the query's; the result is in [`HnswScratch::hits`]. The walk keeps
    /// `ef` candidates by their codes; of these the result is the best by the canonical f32 dot product with the
    /// vectors of `rows`, exactly. Where so many vectors are alike that the codes tell none of the candidates apart, the
    /// walk is repeated with twice as many.
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
        let mut size = query.ef.max(query.k);
        scratch.walk.scored = 0;
        if count > self.scan_limit(size) {
            scratch.walk.query.set(query.vector);
            let entry = scratch.walk.descend(&views[..layers], 0);
            while count > self.scan_limit(size) {
                // A count steers the way; only a filter that lets all pass need not be asked.
                if matches!(query.filter, VectorFilter::All) {
                    scratch.walk.run(&views[0], entry, size);
                } else if !scratch.walk_filtered(&views[0], entry, (size, count), &query.filter) {
                    break;
                }
                if !scratch.walk.is_ambiguous(&views[0], &self.errors) {
                    return self.rank(query, rows, &views[0], scratch);
                }
                size *= 2;
            }
        }
        self.scan(query, rows, &views[0], scratch)
    }

    /// Up to how many vectors an exact scan is less work than a walk that keeps `size` of them. A walk scores about
    /// half of the links of `size` nodes where everything may be returned, and `len / count` times as many where
    /// `count` may be; the scan scores `count`, at half the price, for its rows stand in order.
    fn scan_limit(&self, size: usize) -> usize {
        let walk = size as u64 * u64::from(self.settings.m);
        (2 * walk * self.len() as u64).isqrt() as usize
    }

    /// Passes the pool through the sieves of an exact scan.
    fn rank(
        &self,
        query: &VectorQuery<'_>,
        rows: &dyn VectorRows,
        view: &LayerView<'_>,
        scratch: &mut HnswScratch,
    ) -> SearchReport {
        let HnswScratch { walk, scan, hits, .. } = scratch;
        scan.start(query.vector, query.k, &self.errors);
        scan.sift_rows(&view.codes, walk.pool.entries().iter().map(|entry| entry.node()));
        let read = scan.finish(query.vector, rows) as u64;
        hits.extend_from_slice(scan.hits());
        SearchReport { route: SearchRoute::Graph, scored: walk.scored, read }
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
        let before = scratch.walk.scored;
        let scored = before + scan.sift_filtered(&view.codes, view.len as u32, &query.filter);
        let read = scan.finish(query.vector, rows) as u64;
        scratch.hits.extend_from_slice(scan.hits());
        SearchReport { route: SearchRoute::Exact, scored, read }
    }
}

impl HnswScratch {
    /// As [`Walk::run`], but the pool holds only nodes that may be returned: the walk goes through the others and goes
    /// on until the pool is full of nearer ones. Gives up, with `false`, when it has scored twice as many nodes as may
    /// be returned, or when it ran out of nodes.
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
        walk.pool.entries().len() == size.min(count)
    }
}
