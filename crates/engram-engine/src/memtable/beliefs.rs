//! What consolidation knows of the memories of a space: which beliefs it made, on which memories they rest, and which
//! memories are still to be looked at.
//!
//! Part of the immutable snapshot: a copy shares all but what changes. A belief's text is a memory like any other; what
//! it rests on stands here, so that citations never outlive what they cite.

use std::collections::BTreeSet;
use std::sync::Arc;

use engram_index::{Evidence, Witness};
use engram_store::Lsn;

use super::associations::Map;

/// What a belief, and a memory it rests on, cost in RAM with their places in the maps, about.
const BELIEF_BYTES: usize = 320;
const MEMBER_BYTES: usize = 72;

/// A memory that a belief rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) node: u32,
    /// Commit by which the belief came to rest on it.
    pub(crate) since: Lsn,
}

/// What a belief rests on.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(crate) struct Belief {
    /// By node, ascending.
    pub(crate) members: Vec<Member>,
    /// Those of the members whose words are its text, ascending.
    pub(crate) quoted: Vec<u32>,
    /// Those of the members that speak against it, ascending.
    pub(crate) dissent: Vec<u32>,
    /// What its members say for and against it, by source.
    pub(crate) evidence: Evidence,
    /// When the first of what it rests on happened, and when the last, ns.
    pub(crate) span: (i64, i64),
    /// Members when its text was last written.
    pub(crate) written: u32,
    /// Something it rested on is gone or says something else.
    pub(crate) stale: bool,
    /// A caller has written its text: consolidation leaves that alone.
    pub(crate) held: bool,
    /// The model that put it into words; empty = these are words of its members.
    pub(crate) model: Arc<str>,
}

impl Belief {
    /// Whether it rests on a memory.
    pub(crate) fn place(&self, node: u32) -> Result<usize, usize> {
        self.members.binary_search_by_key(&node, |member| member.node)
    }

    pub(crate) fn nodes(&self) -> impl DoubleEndedIterator<Item = u32> + '_ {
        self.members.iter().map(|member| member.node)
    }
}

/// The beliefs by node.
#[derive(Clone, Debug, Default)]
pub(crate) struct Beliefs {
    map: Map<u32, Arc<Belief>>,
    /// The belief that rests on a memory; no memory carries two.
    of_member: Map<u32, u32>,
    /// Beliefs of which something is gone or says something else.
    stale: Map<u32, ()>,
    /// Memories that are to be looked at again, with the id of the belief that rested on them; empty = none did.
    again: Map<u32, Arc<str>>,
    /// Memories that make no belief until they are updated: somebody took back what they made.
    apart: Map<u32, ()>,
    /// The memories below this node were looked at.
    pub(crate) through: u32,
    /// Wrapping sum over all of it but `through`.
    sum: u64,
}

impl Beliefs {
    /// The belief that a node stands for.
    pub(crate) fn get(&self, node: u32) -> Option<&Arc<Belief>> {
        self.map.get(&node)
    }

    /// Node of the belief that rests on a memory.
    pub(crate) fn on(&self, member: u32) -> Option<u32> {
        self.of_member.get(&member).copied()
    }

    /// Whether there is anything to know of a node: most have nothing to do with beliefs.
    pub(crate) fn concerns(&self, node: u32) -> bool {
        self.map.contains_key(&node)
            || self.of_member.contains_key(&node)
            || self.again.contains_key(&node)
            || self.apart.contains_key(&node)
    }

    /// Sets what a belief rests on.
    pub(crate) fn put(&mut self, node: u32, belief: Belief) {
        self.remove(node);
        for member in &belief.members {
            self.of_member.insert_mut(member.node, node);
        }
        if belief.stale {
            self.stale.insert_mut(node, ());
        }
        self.sum = self.sum.wrapping_add(term(node, &belief));
        self.map.insert_mut(node, Arc::new(belief));
    }

    /// Takes a belief away; what it rested on.
    pub(crate) fn remove(&mut self, node: u32) -> Option<Arc<Belief>> {
        let belief = self.map.get(&node).map(Arc::clone)?;
        self.sum = self.sum.wrapping_sub(term(node, &belief));
        self.map.remove_mut(&node);
        self.stale.remove_mut(&node);
        for member in &belief.members {
            self.of_member.remove_mut(&member.node);
        }
        Some(belief)
    }

    /// Notes that a memory is to be looked at, whatever made it a case.
    pub(crate) fn look_again(&mut self, node: u32, former: Arc<str>) {
        self.settled(node);
        self.sum = self.sum.wrapping_add(again_term(node, &former));
        self.again.insert_mut(node, former);
    }

    /// Notes that a memory was looked at.
    pub(crate) fn settled(&mut self, node: u32) {
        if let Some(former) = self.again.get(&node) {
            self.sum = self.sum.wrapping_sub(again_term(node, former));
            self.again.remove_mut(&node);
        }
    }

    /// Notes that a memory is to make no belief.
    pub(crate) fn set_apart(&mut self, node: u32) {
        if !self.apart.contains_key(&node) {
            self.sum = self.sum.wrapping_add(apart_term(node));
            self.apart.insert_mut(node, ());
        }
    }

    /// Whether it was noted that a memory is to make no belief.
    pub(crate) fn is_apart(&self, node: u32) -> bool {
        self.apart.contains_key(&node)
    }

    /// Forgets what is noted of a memory that is gone.
    pub(crate) fn drop_notes(&mut self, node: u32) {
        self.settled(node);
        if self.apart.contains_key(&node) {
            self.sum = self.sum.wrapping_sub(apart_term(node));
            self.apart.remove_mut(&node);
        }
    }

    /// Id of the belief that rested on a memory, where it is to be looked at again.
    pub(crate) fn former(&self, node: u32) -> Option<&Arc<str>> {
        self.again.get(&node)
    }

    /// All beliefs with their nodes, ascending.
    pub(crate) fn sorted(&self) -> Vec<(u32, &Arc<Belief>)> {
        let mut all: Vec<_> = self.map.iter().map(|(node, belief)| (*node, belief)).collect();
        all.sort_unstable_by_key(|(node, _)| *node);
        all
    }

    /// Nodes of all beliefs, in no order.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = u32> {
        self.map.keys().copied()
    }

    /// Memories that are to be looked at again with the ids of their former beliefs, by node.
    pub(crate) fn all_again(&self) -> Vec<(u32, &Arc<str>)> {
        let mut all: Vec<_> = self.again.iter().map(|(node, former)| (*node, former)).collect();
        all.sort_unstable_by_key(|(node, _)| *node);
        all
    }

    /// Memories that are to make no belief, ascending.
    pub(crate) fn all_apart(&self) -> BTreeSet<u32> {
        self.apart.keys().copied().collect()
    }

    /// Number of beliefs.
    pub(crate) fn len(&self) -> usize {
        self.map.size()
    }

    /// Number of memories that beliefs rest on.
    pub(crate) fn members(&self) -> usize {
        self.of_member.size()
    }

    /// Beliefs of which something is gone or says something else, by node, at most `count`.
    pub(crate) fn stale(&self, count: usize) -> Vec<u32> {
        let mut all: Vec<u32> = self.stale.keys().copied().collect();
        all.sort_unstable();
        all.truncate(count);
        all
    }

    /// Memories that are to be looked at again, and beliefs that are to be made anew.
    pub(crate) fn waiting(&self) -> u64 {
        (self.again.size() + self.stale.size()) as u64
    }

    /// Sum over what was made: equal wherever the same was consolidated.
    pub(crate) fn sum(&self) -> u64 {
        self.sum
    }

    /// Estimated bytes in RAM.
    pub(crate) fn heap_bytes(&self) -> u64 {
        let notes = self.of_member.size() * 2 + self.again.size() + self.apart.size();
        (self.map.size() * BELIEF_BYTES + notes * MEMBER_BYTES) as u64
    }
}

/// What a belief adds to the sum.
fn term(node: u32, belief: &Belief) -> u64 {
    let mut hasher = blake3::Hasher::new();
    let mut word = |word: u64| {
        hasher.update(&word.to_le_bytes());
    };
    word(u64::from(node));
    for Member { node, since } in &belief.members {
        word(u64::from(*node));
        word(since.0);
    }
    for list in [&belief.quoted, &belief.dissent] {
        word(list.len() as u64);
        list.iter().for_each(|node| word(u64::from(*node)));
    }
    for Witness { source, supports, opposes } in belief.evidence.witnesses() {
        word(*source);
        word(u64::from(*supports) << 32 | u64::from(*opposes));
    }
    word(belief.span.0 as u64);
    word(belief.span.1 as u64);
    word(u64::from(belief.written) << 2 | u64::from(belief.stale) << 1 | u64::from(belief.held));
    hasher.update(belief.model.as_bytes());
    first_8(&hasher)
}

fn again_term(node: u32, former: &str) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"again").update(&node.to_le_bytes()).update(former.as_bytes());
    first_8(&hasher)
}

fn apart_term(node: u32) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"apart").update(&node.to_le_bytes());
    first_8(&hasher)
}

fn first_8(hasher: &blake3::Hasher) -> u64 {
    let mut first = [0; 8];
    first.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    u64::from_le_bytes(first)
}
