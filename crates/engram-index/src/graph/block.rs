//! A graph as bytes: the layout stands in `docs/internals/file-format.md` under "Graph block".
//!
//! Nothing is decoded to be read: opening checks the bytes once, then a list of links is a slice of them. What is to be
//! changed is copied into a graph that can be written to.

use super::link::{Adjacency, Direction, PackedLink, packed_links};
use crate::mix::mix;

const MAGIC: [u8; 8] = *b"ENGRAMGR";
const VERSION: u32 = 1;
const HEADER_BYTES: usize = 32;

/// What is wrong with the bytes of a graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GraphDamage {
    /// The magic is another one: these bytes are something else.
    Foreign,
    /// Written by a newer format, of this version.
    Newer(u32),
    /// More or fewer bytes than the header says.
    Length,
    /// A field that must be zero is not.
    Reserved,
    /// The starts of the lists do not ascend from zero to the number of links.
    Starts,
    /// The links of this node are out of order, doubled, or lead to a node that is not there.
    Links(u32),
    /// A link of this node is missing at the other end of its edge, or differs there.
    Unpaired(u32),
}

impl std::fmt::Display for GraphDamage {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            GraphDamage::Foreign => out.write_str("no graph block"),
            GraphDamage::Newer(version) => write!(out, "graph block of format {version}"),
            GraphDamage::Length => out.write_str("graph block of a wrong length"),
            GraphDamage::Reserved => out.write_str("graph block with unknown fields"),
            GraphDamage::Starts => out.write_str("graph block with lists out of order"),
            GraphDamage::Links(node) => write!(out, "links of node {node} are out of order"),
            GraphDamage::Unpaired(node) => write!(out, "a link of node {node} has no other end"),
        }
    }
}

impl std::error::Error for GraphDamage {}

/// An immutable graph over borrowed bytes.
#[derive(Clone, Copy, Debug)]
pub struct GraphBlock<'a> {
    starts: &'a [[u8; 4]],
    links: &'a [PackedLink],
}

impl Adjacency for GraphBlock<'_> {
    fn nodes(&self) -> u32 {
        (self.starts.len() - 1) as u32
    }

    #[inline]
    fn packed(&self, node: u32) -> &[PackedLink] {
        let node = node as usize;
        match (self.starts.get(node), self.starts.get(node + 1)) {
            (Some(start), Some(end)) => {
                &self.links[u32::from_le_bytes(*start) as usize..u32::from_le_bytes(*end) as usize]
            }
            _ => &[],
        }
    }
}

impl<'a> GraphBlock<'a> {
    /// The bytes of a graph. Equal graphs give equal bytes. Panics for 2³¹ edges and more.
    pub fn write(graph: &impl Adjacency) -> Vec<u8> {
        let used = (0..graph.nodes()).rev().find(|&node| graph.degree(node) > 0);
        let nodes = used.map_or(0, |node| node + 1);
        let links: u64 = (0..nodes).map(|node| u64::from(graph.degree(node))).sum();
        assert!(u32::try_from(links).is_ok(), "a graph block holds fewer than 2^31 edges");
        let mut bytes = Vec::with_capacity(links_at(nodes as usize) + links as usize * 8);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&nodes.to_le_bytes());
        bytes.extend_from_slice(&links.to_le_bytes());
        bytes.extend_from_slice(&[0; 8]);
        let mut start = 0_u32;
        bytes.extend_from_slice(&start.to_le_bytes());
        for node in 0..nodes {
            start += graph.degree(node);
            bytes.extend_from_slice(&start.to_le_bytes());
        }
        bytes.resize(links_at(nodes as usize), 0);
        for node in 0..nodes {
            bytes.extend(graph.packed(node).iter().flat_map(|link| link.0));
        }
        bytes
    }

    /// Checks everything that reading relies on, in time linear in the number of edges.
    ///
    /// # Errors
    /// [`GraphDamage`] for whatever [`GraphBlock::write`] would not have written.
    pub fn open(bytes: &'a [u8]) -> Result<GraphBlock<'a>, GraphDamage> {
        let (header, rest) =
            bytes.split_first_chunk::<HEADER_BYTES>().ok_or(GraphDamage::Length)?;
        let (words, _) = header.as_chunks::<4>();
        let word = |index: usize| u32::from_le_bytes(words[index]);
        if header[..8] != MAGIC {
            return Err(GraphDamage::Foreign);
        }
        if word(2) != VERSION {
            return Err(GraphDamage::Newer(word(2)));
        }
        if word(5) != 0 || word(6) != 0 || word(7) != 0 {
            return Err(GraphDamage::Reserved);
        }
        let (nodes, links) = (word(3) as usize, word(4) as usize);
        let table = links_at(nodes) - HEADER_BYTES;
        if rest.len() as u64 != table as u64 + links as u64 * 8 {
            return Err(GraphDamage::Length);
        }
        let (table, tail) = rest.split_at(table);
        let (starts, padding) = table.as_chunks::<4>().0.split_at(nodes + 1);
        if padding.iter().any(|word| *word != [0; 4]) {
            return Err(GraphDamage::Reserved);
        }
        let block = GraphBlock { starts, links: packed_links(tail.as_chunks().0) };
        block.check_starts()?;
        block.check_order()?;
        // Going from each link to its other end takes most of a second for ten million edges; the sum takes what reading
        // them takes. It tells pairs from anything else but by design or one chance in 2^64, and then no reading fails.
        if block.balance() != 0 {
            block.check_pairs()?;
        }
        Ok(block)
    }

    fn check_starts(&self) -> Result<(), GraphDamage> {
        let starts = self.starts.iter().map(|start| u32::from_le_bytes(*start));
        let whole = starts.clone().next() == Some(0)
            && starts.clone().next_back() == Some(self.links.len() as u32)
            && starts.is_sorted();
        if whole { Ok(()) } else { Err(GraphDamage::Starts) }
    }

    fn check_order(&self) -> Result<(), GraphDamage> {
        for node in 0..self.nodes() {
            let links = self.packed(node);
            let known = links.iter().all(|link| link.is_clean() && link.node() < self.nodes());
            if !known || !links.windows(2).all(|pair| pair[0].key() < pair[1].key()) {
                return Err(GraphDamage::Links(node));
            }
        }
        // A last node without links would make two blocks of one graph.
        match self.nodes().checked_sub(1) {
            Some(last) if self.degree(last) == 0 => Err(GraphDamage::Links(last)),
            _ => Ok(()),
        }
    }

    /// A sum over what the edges are, as they leave a node less as they enter one: zero when these are the same.
    fn balance(&self) -> u64 {
        let mut balance = 0_u64;
        for node in 0..self.nodes() {
            for link in self.packed(node) {
                let back = link.seen_from_other(node);
                let (from, sign) = if is_out(*link) { (node, 1) } else { (link.node(), u64::MAX) };
                let edge = if is_out(*link) { link.bits() } else { back.bits() };
                balance = balance.wrapping_add(mix(edge ^ mix(u64::from(from))).wrapping_mul(sign));
            }
        }
        balance
    }

    /// Lists are in order, so going through the nodes meets the incoming links of each node one after the other.
    fn check_pairs(&self) -> Result<(), GraphDamage> {
        let mut next: Vec<u32> =
            self.starts.iter().map(|start| u32::from_le_bytes(*start)).collect();
        let mut paired = 0;
        for node in 0..self.nodes() {
            for link in self.packed(node).iter().filter(|link| is_out(**link)) {
                let other = link.node() as usize;
                let end = u32::from_le_bytes(self.starts[other + 1]) as usize;
                let mut at = next[other] as usize;
                while at < end && is_out(self.links[at]) {
                    at += 1;
                }
                if at == end || self.links[at] != link.seen_from_other(node) {
                    return Err(GraphDamage::Unpaired(node));
                }
                next[other] = at as u32 + 1;
                paired += 2;
            }
        }
        if paired == self.links.len() {
            return Ok(());
        }
        let alone = (0..self.nodes()).find(|&node| self.has_incoming(node, next[node as usize]));
        Err(GraphDamage::Unpaired(alone.unwrap_or(0)))
    }

    /// Whether a link from `at` on in the list of `node` is incoming.
    fn has_incoming(&self, node: u32, at: u32) -> bool {
        let end = u32::from_le_bytes(self.starts[node as usize + 1]);
        self.links[at as usize..end as usize].iter().any(|link| !is_out(*link))
    }
}

fn is_out(link: PackedLink) -> bool {
    link.unpack().direction == Direction::Out
}

/// Where the links start: behind the header and the starts, at a multiple of eight.
fn links_at(nodes: usize) -> usize {
    HEADER_BYTES + ((nodes + 1) * 4).next_multiple_of(8)
}
