//! The graph that is written to: a copy costs microseconds, a change copies one page on each side of the edge.

use std::sync::Arc;

use super::link::{Adjacency, Direction, Edge, EdgeType, EdgeWeight, Link, PackedLink};

/// Nodes whose links lie in one piece of memory and are copied together.
const PAGE_NODES: usize = 64;
/// Pages of a branch. A copy of the graph counts up one number for each branch (245 for a million nodes), a change behind
/// it one for each page of the branches that it touches.
const BRANCH_PAGES: usize = 64;
const BRANCH_NODES: usize = PAGE_NODES * BRANCH_PAGES;
/// A full page grows by one part in this many: doubling would waste half of a graph that only grows slowly.
const GROWTH: usize = 8;

/// A typed, weighted, directed graph over dense ordinals, with at most one edge for each (from, to, type).
///
/// It is persistent: a clone shares all pages with its origin, and a change to one of both copies the pages it touches.
/// The order of insertion never shows: links are sorted. A change near a node of very many edges moves all of them: bound
/// the edges of a node, of which spreading lets each carry little anyway.
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
        let (mut links, starts) = grouped(edges, nodes as usize);
        Graph::assemble(nodes, |node, list| {
            let links = &mut links[starts[node as usize]..starts[node as usize + 1]];
            links.sort_unstable_by_key(|link| link.bits());
            // The weight is the lowest part: the heaviest of several stands last.
            for same in links.chunk_by(|a, b| a.key() == b.key()) {
                list.extend(same.last());
            }
        })
    }

    /// The same edges, from whatever holds them.
    pub fn copied(graph: &impl Adjacency) -> Graph {
        Graph::assemble(graph.nodes(), |node, list| list.extend_from_slice(graph.packed(node)))
    }

    /// The same edges between new ordinals; `None` drops a node with its edges. Of edges that fall together the heaviest
    /// stays. Panics for the node `u32::MAX`.
    pub fn remapped(&self, remap: &dyn Fn(u32) -> Option<u32>) -> Graph {
        let edges: Vec<Edge> = self
            .edges()
            .filter_map(|edge| Some(Edge { from: remap(edge.from)?, to: remap(edge.to)?, ..edge }))
            .collect();
        Graph::from_edges(&edges)
    }

    /// A graph whose lists `append` writes, node by node.
    fn assemble(nodes: u32, mut append: impl FnMut(u32, &mut Vec<PackedLink>)) -> Graph {
        let mut graph = Graph { nodes, ..Graph::default() };
        let empty = Arc::new(Page::empty());
        let mut list = Vec::new();
        for first in (0..nodes).step_by(PAGE_NODES) {
            let mut starts = [0; PAGE_NODES + 1];
            list.clear();
            for place in 0..PAGE_NODES {
                let node = first + place as u32;
                if node < nodes {
                    append(node, &mut list);
                }
                starts[place + 1] = list.len() as u32;
            }
            graph.edges += list.len() as u64;
            if (first as usize).is_multiple_of(BRANCH_NODES) {
                graph.branches.push(Arc::default());
            }
            let branch = graph.branches.last_mut().expect("pushed for the first page");
            let page = if list.is_empty() {
                Arc::clone(&empty)
            } else {
                Arc::new(Page { starts, links: list.clone() })
            };
            Arc::make_mut(branch).pages.push(page);
        }
        graph.edges /= 2;
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

/// The links of all nodes, node by node, and where those of each node start; then the end.
fn grouped(edges: &[Edge], nodes: usize) -> (Vec<PackedLink>, Vec<usize>) {
    let mut starts = vec![0_usize; nodes + 1];
    for edge in edges {
        starts[edge.from as usize + 1] += 1;
        starts[edge.to as usize + 1] += 1;
    }
    for node in 0..nodes {
        starts[node + 1] += starts[node];
    }
    let mut links = vec![PackedLink([0; 8]); edges.len() * 2];
    let mut next = starts.clone();
    for &edge in edges {
        for (node, link) in ends_of(edge) {
            links[next[node as usize]] = link;
            next[node as usize] += 1;
        }
    }
    (links, starts)
}

fn above(node: u32) -> u32 {
    node.checked_add(1).expect("the greatest u32 is no node")
}
