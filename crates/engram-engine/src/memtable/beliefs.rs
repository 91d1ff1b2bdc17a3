//! What consolidation knows of the memories of a space: which beliefs it made, on which memories they rest, and which
//! memories are still to be looked at.
//!
//! Part of the immutable snapshot: a copy shares all but what changes. A belief's text is a memory like any other; what
//! it rests on stands here, so that citations never outlive what they cite.

use std::sync::Arc;

use engram_index::{Evidence, Witness};
use engram_store::Lsn;

use super::by_node::ByNode;

/// What a belief costs in RAM, about, without the places of what it rests on.
const BELIEF_BYTES: usize = 320;

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
    map: ByNode<Arc<Belief>>,
    /// The belief that rests on a memory; no memory carries two.
    of_member: ByNode<u32>,
    /// Beliefs of which something is gone or says something else.
    stale: ByNode<()>,
    /// Memories that are to be looked at again, with the id of the belief that rested on them; empty = none did.
    again: ByNode<Arc<str>>,
    /// Memories that make no belief until they are updated: somebody took back what they made.
    apart: ByNode<()>,
    /// Memories from `through` on that were looked at where they come from.
    seen: ByNode<()>,
    /// The memories below this node were looked at.
    pub(crate) through: u32,
    /// Wrapping sum over all of it but `through`.
    sum: u64,
}

impl Beliefs {
    /// The belief that a node stands for.
    pub(crate) fn get(&self, node: u32) -> Option<&Arc<Belief>> {
        self.map.get(node)
    }

    /// Node of the belief that rests on a memory.
    pub(crate) fn on(&self, member: u32) -> Option<u32> {
        self.of_member.get(member).copied()
    }

    /// Whether there is anything to know of a node: most have nothing to do with beliefs.
    pub(crate) fn concerns(&self, node: u32) -> bool {
        self.map.contains(node)
            || self.of_member.contains(node)
            || self.again.contains(node)
            || self.apart.contains(node)
            || self.seen.contains(node)
    }

    /// Whether nothing was consolidated here or where memories come from.
    pub(crate) fn is_blank(&self) -> bool {
        let notes = self.again.is_empty() && self.apart.is_empty() && self.seen.is_empty();
        self.through == 0 && self.map.is_empty() && notes
    }

    /// Sets what a belief rests on.
    pub(crate) fn put(&mut self, node: u32, belief: Belief) {
        self.remove(node);
        for member in &belief.members {
            self.of_member.insert(member.node, node);
        }
        if belief.stale {
            self.stale.insert(node, ());
        }
        self.sum = self.sum.wrapping_add(term(node, &belief));
        self.map.insert(node, Arc::new(belief));
    }

    /// Takes a belief away; what it rested on.
    pub(crate) fn remove(&mut self, node: u32) -> Option<Arc<Belief>> {
        let belief = self.map.get(node).map(Arc::clone)?;
        self.sum = self.sum.wrapping_sub(term(node, &belief));
        self.map.remove(node);
        self.stale.remove(node);
        for member in &belief.members {
            self.of_member.remove(member.node);
        }
        Some(belief)
    }

    /// Notes that a memory is to be looked at, whatever made it a case.
    pub(crate) fn look_again(&mut self, node: u32, former: Arc<str>) {
        self.settled(node);
        self.sum = self.sum.wrapping_add(again_term(node, &former));
        self.again.insert(node, former);
    }

    /// Notes that a memory was looked at.
    pub(crate) fn settled(&mut self, node: u32) {
        if let Some(former) = self.again.get(node) {
            self.sum = self.sum.wrapping_sub(again_term(node, former));
            self.again.remove(node);
        }
    }

    /// Notes that a memory is to make no belief.
    pub(crate) fn set_apart(&mut self, node: u32) {
        if !self.apart.contains(node) {
            self.sum = self.sum.wrapping_add(apart_term(node));
            self.apart.insert(node, ());
        }
    }

    /// Whether it was noted that a memory is to make no belief.
    pub(crate) fn is_apart(&self, node: u32) -> bool {
        self.apart.contains(node)
    }

    /// Notes that a memory was looked at where it comes from.
    pub(crate) fn note_seen(&mut self, node: u32) {
        if node >= self.through && self.seen.insert(node, ()).is_none() {
            self.sum = self.sum.wrapping_add(seen_term(node));
        }
    }

    /// Whether a memory was looked at, here or where it comes from.
    pub(crate) fn has_passed(&self, node: u32) -> bool {
        node < self.through || self.seen.contains(node)
    }

    /// The same, and it is not to be looked at again.
    pub(crate) fn has_settled(&self, node: u32) -> bool {
        self.has_passed(node) && !self.again.contains(node)
    }

    /// Memories from `through` on that were looked at where they come from, ascending.
    pub(crate) fn all_seen(&self) -> impl Iterator<Item = u32> {
        self.seen.nodes()
    }

    /// How many of them lie below a node.
    pub(crate) fn seen_below(&self, node: u32) -> u64 {
        (self.seen.len() - self.seen.from(node).count()) as u64
    }

    /// Notes that all memories below a node were looked at.
    pub(crate) fn advance(&mut self, through: u32) {
        self.through = self.through.max(through);
        let passed = self.seen.nodes().take_while(|node| *node < self.through);
        for node in passed.collect::<Vec<u32>>() {
            self.forget_seen(node);
        }
    }

    fn forget_seen(&mut self, node: u32) {
        if self.seen.remove(node).is_some() {
            self.sum = self.sum.wrapping_sub(seen_term(node));
        }
    }

    /// Forgets what is noted of a memory that is gone.
    pub(crate) fn drop_notes(&mut self, node: u32) {
        self.settled(node);
        self.forget_seen(node);
        if self.apart.contains(node) {
            self.sum = self.sum.wrapping_sub(apart_term(node));
            self.apart.remove(node);
        }
    }

    /// Id of the belief that rested on a memory, where it is to be looked at again.
    pub(crate) fn former(&self, node: u32) -> Option<&Arc<str>> {
        self.again.get(node)
    }

    /// All beliefs with their nodes, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &Arc<Belief>)> {
        self.map.iter()
    }

    /// The beliefs from a node on, ascending.
    pub(crate) fn from(&self, first: u32) -> impl Iterator<Item = (u32, &Arc<Belief>)> {
        self.map.from(first)
    }

    /// Nodes of all beliefs, ascending.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = u32> {
        self.map.nodes()
    }

    /// Memories that are to be looked at again with the ids of their former beliefs, by node.
    pub(crate) fn all_again(&self) -> impl Iterator<Item = (u32, &Arc<str>)> {
        self.again.iter()
    }

    /// Memories that are to make no belief, ascending.
    pub(crate) fn all_apart(&self) -> impl Iterator<Item = u32> {
        self.apart.nodes()
    }

    /// Number of beliefs.
    pub(crate) fn len(&self) -> usize {
        self.map.len()
    }

    /// Number of memories that beliefs rest on.
    pub(crate) fn members(&self) -> usize {
        self.of_member.len()
    }

    /// Beliefs of which something is gone or says something else, by node.
    pub(crate) fn stale(&self) -> impl Iterator<Item = u32> {
        self.stale.nodes()
    }

    /// Memories that are to be looked at again, and beliefs that are to be made anew.
    pub(crate) fn waiting(&self) -> u64 {
        (self.again.len() + self.stale.len()) as u64
    }

    /// Sum over what was made: equal wherever the same was consolidated.
    pub(crate) fn sum(&self) -> u64 {
        self.sum
    }

    /// Estimated bytes in RAM.
    pub(crate) fn heap_bytes(&self) -> u64 {
        let beliefs = self.map.len() * BELIEF_BYTES + self.of_member.len() * size_of::<Member>();
        let notes = self.stale.heap_bytes()
            + self.again.heap_bytes()
            + self.apart.heap_bytes()
            + self.seen.heap_bytes();
        (self.map.heap_bytes() + beliefs + self.of_member.heap_bytes() + notes) as u64
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

fn seen_term(node: u32) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"seen").update(&node.to_le_bytes());
    first_8(&hasher)
}

fn first_8(hasher: &blake3::Hasher) -> u64 {
    let mut first = [0; 8];
    first.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    u64::from_le_bytes(first)
}
