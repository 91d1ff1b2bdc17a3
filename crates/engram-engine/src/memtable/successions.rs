//! Which memories are superseded, by what, and from when on.
//!
//! Every one stands beside an edge of the graph from the newer memory to the older one; kept apart, it is found without
//! walking over the edges, and says when the newer one begins to be true.

use std::collections::HashMap;

use super::by_node::ByNode;
use crate::filter::{Filter, Validity};
use crate::model::Memory;

/// What took the place of a memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Succession {
    /// Node of the memory that supersedes it.
    pub(crate) by: u32,
    /// From when on that one holds in its place, ns.
    pub(crate) since_ns: i64,
}

/// The successions by node of the superseded memory. A copy shares all but what changes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Successions {
    map: ByNode<Succession>,
    /// Superseded nodes whose succession came, changed or went since somebody asked.
    turned: Vec<u32>,
    /// Wrapping sum over them.
    sum: u64,
}

impl Successions {
    /// What supersedes a memory; one thing at most.
    pub(crate) fn get(&self, older: u32) -> Option<Succession> {
        self.map.get(older).copied()
    }

    /// Whether the chain from one memory on leads to another.
    pub(super) fn leads(&self, from: u32, to: u32) -> bool {
        let mut at = from;
        // No chain is longer than all of them.
        for _ in 0..self.map.len() {
            match self.get(at) {
                Some(next) if next.by == to => return true,
                Some(next) => at = next.by,
                None => return false,
            }
        }
        false
    }

    pub(super) fn put(&mut self, older: u32, succession: Succession) {
        self.turned.push(older);
        self.note(older, succession);
    }

    /// Sets one as it was when it was written down: nothing turns by that.
    pub(super) fn note(&mut self, older: u32, succession: Succession) {
        self.take(older);
        self.sum = self.sum.wrapping_add(term(older, succession));
        self.map.insert(older, succession);
    }

    pub(super) fn remove(&mut self, older: u32) {
        if self.take(older) {
            self.turned.push(older);
        }
    }

    fn take(&mut self, older: u32) -> bool {
        let taken = self.map.remove(older);
        if let Some(own) = taken {
            self.sum = self.sum.wrapping_sub(term(older, own));
        }
        taken.is_some()
    }

    /// The nodes whose succession came, changed or went since the last time.
    pub(crate) fn take_turned(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.turned)
    }

    /// Sum over all of them: equal wherever the same holds in the place of the same.
    pub(super) fn sum(&self) -> u64 {
        self.sum
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    /// All of them by node of the superseded memory.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, Succession)> {
        self.map.iter().map(|(older, own)| (older, *own))
    }

    /// Estimated bytes in RAM.
    pub(super) fn heap_bytes(&self) -> usize {
        self.map.heap_bytes()
    }
}

/// What a succession adds to the sum.
fn term(older: u32, Succession { by, since_ns }: Succession) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&older.to_le_bytes());
    hasher.update(&by.to_le_bytes());
    hasher.update(&since_ns.to_le_bytes());
    let mut term = [0; 8];
    term.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    u64::from_le_bytes(term)
}

/// From when until when memories of chains are true, by node, where a filter asks for that; all others are true as they say.
#[derive(Debug, Default)]
pub(crate) struct Validities {
    own: HashMap<u32, Validity>,
}

impl Validities {
    pub(super) fn of(own: HashMap<u32, Validity>) -> Validities {
        Validities { own }
    }

    /// Whether a filter lets a memory pass, which may be in a chain.
    pub(crate) fn pass(&self, filter: &Filter, node: u32, memory: &Memory) -> bool {
        match self.own.get(&node) {
            Some(validity) => filter.matches_in(memory, *validity),
            None => filter.matches(memory),
        }
    }

    /// Those with nodes in that range.
    pub(super) fn within(&self, (first, last): (u32, u32)) -> Vec<(u32, Validity)> {
        let own = self.own.iter().map(|(node, validity)| (*node, *validity));
        own.filter(|(node, _)| (first..=last).contains(node)).collect()
    }
}
