//! The graph that is written to: a copy costs microseconds, a change copies one page on each side of the edge.

use std::sync::Arc;

use super::link::{Adjacency, Direction, Edge, EdgeType, EdgeWeight, Link, PackedLink};

/// Nodes whose links lie in one piece of memory and are copied together.
const PAGE_NODES: usize = 64;
/// Pages of a branch: a million nodes have 62 branches, which is what a copy of the graph copies.
const BRANCH_PAGES: usize = 256;
const BRANCH_NODES: usize = PAGE_NODES * BRANCH_PAGES;
/// A full page grows by one part in this many: doubling would waste half of a graph that only grows slowly.
const GROWTH: usize = 8;

/// A typed, weighted, directed graph over dense ordinals, with at most one edge for each (from, to, type).
///
/// It is persistent: a clone shares all pages with its origin, and a change to one of both copies the pages it touches.
/// The order of insertion never shows: links are sorted.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    branches: Vec<Arc<Branch>>,
    /// One more than the greatest node that ever had an edge.
    nodes: u32,
    edges: u64,
}

/// Up to [`BRANCH_PAGES`] pages; those behind the last are empty.
#[derive(Clone, Debug, Default)]
struct Branch {
    pages: Vec<Arc<Page>>,
}

/// The links of [`PAGE_NODES`] nodes.
#[derive(Clone, Debug)]
struct Page {
    /// Where the links of each node start, and where the last ones end.
    starts: [u32; PAGE_NODES + 1],
    links: Vec<PackedLink>,
}

impl Adjacency for Graph {
    fn nodes(&self) -> u32 {
        self.nodes
    }

    #[inline]
    fn packed(&self, node: u32) -> &[PackedLink] {
        let node = node as usize;
        let branch = self.branches.get(node / BRANCH_NODES);
        let page = branch.and_then(|branch| branch.pages.get(node / PAGE_NODES % BRANCH_PAGES));
        page.map_or(&[], |page| page.links(node % PAGE_NODES))
    }
}

impl Graph {
    /// A graph without edges.
    pub fn new() -> Graph {
        Graph::default()
    }

    /// A graph of many edges at once, in any order; of edges that differ in nothing but weight the heaviest stays.
    /// Panics for the node `u32::MAX`.
    pub fn from_edges(edges: &[Edge]) -> Graph {
        let nodes = edges.iter().map(|edge| above(edge.from.max(edge.to))).max().unwrap_or(0);
        // Links by node, counted and then placed.
        let mut ends = vec![0_usize; nodes as usize + 1];
        for edge in edges {
            ends[edge.from as usize + 1] += 1;
            ends[edge.to as usize + 1] += 1;
        }
        for node in 0..nodes as usize {
            ends[node + 1] += ends[node];
        }
        let mut links = vec![PackedLink([0; 8]); edges.len() * 2];
        let mut next = ends.clone();
        for &edge in edges {
            for (node, link) in ends_of(edge) {
                links[next[node as usize]] = link;
                next[node as usize] += 1;
            }
        }
        let mut graph = Graph { nodes, ..Graph::default() };
        let mut kept = 0;
        for first in (0..nodes as usize).step_by(PAGE_NODES) {
            let mut page = Page::empty();
            for place in 0..PAGE_NODES {
                if let (Some(&start), Some(&end)) =
                    (ends.get(first + place), ends.get(first + place + 1))
                {
                    page.append_sorted(&mut links[start..end]);
                }
                page.starts[place + 1] = page.links.len() as u32;
            }
            page.links.shrink_to_fit();
            kept += page.links.len() as u64;
            if first % BRANCH_NODES == 0 {
                graph.branches.push(Arc::default());
            }
            let branch = graph.branches.last_mut().expect("pushed for the first page");
            Arc::make_mut(branch).pages.push(Arc::new(page));
        }
        graph.edges = kept / 2;
        graph
    }

    /// Adds an edge or gives it a new weight; returns the weight it had. Panics for the node `u32::MAX`.
    pub fn insert(&mut self, edge: Edge) -> Option<EdgeWeight> {
        self.nodes = self.nodes.max(above(edge.from.max(edge.to)));
        let [(from, out), (to, into)] = ends_of(edge);
        let before = self.page_mut(from).put(from as usize % PAGE_NODES, out);
        if before.map(PackedLink::weight) != Some(edge.weight) {
            self.page_mut(to).put(to as usize % PAGE_NODES, into);
        }
        self.edges += u64::from(before.is_none());
        before.map(PackedLink::weight)
    }

    /// Takes an edge out; returns the weight it had.
    pub fn remove(&mut self, from: u32, to: u32, edge_type: EdgeType) -> Option<EdgeWeight> {
        // Asked first: a page is not copied for an edge that is not there.
        let weight = self.weight(from, to, edge_type)?;
        for (node, link) in ends_of(Edge { from, to, edge_type, weight }) {
            self.page_mut(node).take(node as usize % PAGE_NODES, link);
        }
        self.edges -= 1;
        Some(weight)
    }

    /// Takes out all edges that leave or enter `node`; returns how many there were.
    pub fn remove_node(&mut self, node: u32) -> u32 {
        let links = self.packed(node).to_vec();
        let mut removed = 0;
        for link in links {
            // An edge from the node to itself stands here twice, and is gone at the second time.
            let here = self.page_mut(node).take(node as usize % PAGE_NODES, link);
            let other = link.node();
            self.page_mut(other).take(other as usize % PAGE_NODES, link.seen_from_other(node));
            removed += u32::from(here);
        }
        self.edges -= u64::from(removed);
        removed
    }

    /// Number of edges.
    pub fn edge_count(&self) -> u64 {
        self.edges
    }

    /// Bytes held on the heap; what is shared with copies counts for each.
    pub fn heap_bytes(&self) -> usize {
        let pages = self.branches.iter().flat_map(|branch| &branch.pages);
        let links: usize = pages.clone().map(|page| page.links.capacity()).sum();
        self.branches.len() * size_of::<Branch>()
            + pages.count() * (size_of::<Arc<Page>>() + size_of::<Page>())
            + links * size_of::<PackedLink>()
    }

    fn page_mut(&mut self, node: u32) -> &mut Page {
        let node = node as usize;
        let (branch, page) = (node / BRANCH_NODES, node / PAGE_NODES % BRANCH_PAGES);
        while self.branches.len() <= branch {
            self.branches.push(Arc::default());
        }
        let branch = Arc::make_mut(&mut self.branches[branch]);
        while branch.pages.len() <= page {
            branch.pages.push(Arc::new(Page::empty()));
        }
        Arc::make_mut(&mut branch.pages[page])
    }
}

/// Equal when the same edges are there, whatever was there before.
impl PartialEq for Graph {
    fn eq(&self, other: &Graph) -> bool {
        self.edges == other.edges && self.edges().eq(other.edges())
    }
}

impl Page {
    fn empty() -> Page {
        Page { starts: [0; PAGE_NODES + 1], links: Vec::new() }
    }

    #[inline]
    fn links(&self, place: usize) -> &[PackedLink] {
        &self.links[self.starts[place] as usize..self.starts[place + 1] as usize]
    }

    /// Appends links after sorting them, of those that differ in weight only the heaviest.
    fn append_sorted(&mut self, links: &mut [PackedLink]) {
        links.sort_unstable_by_key(|link| link.bits());
        for same in links.chunk_by(|a, b| a.key() == b.key()) {
            self.links.extend(same.last());
        }
    }

    /// Adds a link or replaces the one with its key; returns that one.
    fn put(&mut self, place: usize, link: PackedLink) -> Option<PackedLink> {
        let start = self.starts[place] as usize;
        match self.links(place).binary_search_by_key(&link.key(), |other| other.key()) {
            Ok(at) => Some(std::mem::replace(&mut self.links[start + at], link)),
            Err(at) => {
                if self.links.len() == self.links.capacity() {
                    self.links.reserve_exact(self.links.len() / GROWTH + 4);
                }
                self.links.insert(start + at, link);
                self.starts[place + 1..].iter_mut().for_each(|start| *start += 1);
                None
            }
        }
    }

    /// Takes out the link with the key of `link`; whether it was there.
    fn take(&mut self, place: usize, link: PackedLink) -> bool {
        let start = self.starts[place] as usize;
        let found = self.links(place).binary_search_by_key(&link.key(), |other| other.key());
        if let Ok(at) = found {
            self.links.remove(start + at);
            self.starts[place + 1..].iter_mut().for_each(|start| *start -= 1);
        }
        found.is_ok()
    }
}

/// The two nodes of an edge, each with the link it keeps: that of the node it leaves first.
fn ends_of(edge: Edge) -> [(u32, PackedLink); 2] {
    let Edge { from, to, edge_type, weight } = edge;
    let out = Link { node: to, edge_type, direction: Direction::Out, weight };
    let into = Link { node: from, edge_type, direction: Direction::In, weight };
    [(from, PackedLink::pack(out)), (to, PackedLink::pack(into))]
}

fn above(node: u32) -> u32 {
    node.checked_add(1).expect("the greatest u32 is no node")
}
