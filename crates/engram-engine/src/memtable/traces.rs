//! What use and evidence have made of the memories of a space.
//!
//! Part of the immutable snapshot: a copy shares all but what changes. A memory to which nothing happened since it was
//! stored has no trace: it is what its content and the space's settings make of it.

use std::sync::Arc;

use engram_index::{Presentation, Witness};

use super::by_node::ByNode;
use crate::dynamics::{Carried, Trace};

/// What the allocations of a trace cost next to what they hold, bytes.
const ALLOCATED_BYTES: usize = 64;

/// The traces by node.
#[derive(Clone, Debug, Default)]
pub(crate) struct Traces {
    map: ByNode<Arc<Trace>>,
    /// Memories that came in with what happened to them: what repeats one another among them is counted already.
    told: ByNode<()>,
    /// Reviews and witnesses of all of them.
    parts: usize,
    /// Wrapping sum over them.
    sum: u64,
}

impl Traces {
    /// The trace of a memory, if anything happened to it.
    pub(crate) fn get(&self, node: u32) -> Option<&Trace> {
        self.map.get(node).map(|trace| &**trace)
    }

    /// Changes the trace of a memory; `fresh` makes one where nothing has happened yet.
    pub(crate) fn change(
        &mut self,
        node: u32,
        fresh: impl FnOnce() -> Trace,
        change: impl FnOnce(&mut Trace),
    ) {
        let mut trace = self.map.get(node).map_or_else(fresh, |trace| Trace::clone(trace));
        change(&mut trace);
        self.put(node, trace);
    }

    /// Sets the trace of a memory.
    pub(crate) fn put(&mut self, node: u32, trace: Trace) {
        self.take(node);
        self.parts += parts(&trace);
        self.sum = self.sum.wrapping_add(term(node, &trace));
        self.map.insert(node, Arc::new(trace));
    }

    /// What happened to a memory goes with its newer version. What that says was said nowhere else.
    pub(crate) fn hand_over(&mut self, old: u32, new: u32) {
        if let Some(trace) = self.map.get(old).map(|trace| Trace::clone(trace)) {
            self.put(new, trace);
        }
        self.remove(old);
    }

    /// Forgets what happened to a memory.
    pub(crate) fn remove(&mut self, node: u32) {
        self.take(node);
        if self.told.remove(node).is_some() {
            self.sum = self.sum.wrapping_sub(told_term(node));
        }
    }

    fn take(&mut self, node: u32) {
        if let Some(old) = self.map.get(node) {
            self.parts -= parts(old);
            self.sum = self.sum.wrapping_sub(term(node, old));
            self.map.remove(node);
        }
    }

    /// Notes that a memory came in with what happened to it.
    pub(crate) fn note_told(&mut self, node: u32) {
        if self.told.insert(node, ()).is_none() {
            self.sum = self.sum.wrapping_add(told_term(node));
        }
    }

    /// Whether that was noted of both of two memories.
    pub(crate) fn told_both(&self, one: u32, other: u32) -> bool {
        self.told.contains(one) && self.told.contains(other)
    }

    /// Memories that came in with what happened to them, ascending.
    pub(crate) fn all_told(&self) -> impl Iterator<Item = u32> {
        self.told.nodes()
    }

    /// All traces with their nodes, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &Trace)> {
        self.map.iter().map(|(node, trace)| (node, &**trace))
    }

    /// Sum over all traces: equal wherever the same was learned.
    pub(crate) fn sum(&self) -> u64 {
        self.sum
    }

    /// Number of memories to which something happened.
    pub(crate) fn len(&self) -> usize {
        self.map.len()
    }

    /// Estimated bytes in RAM.
    pub(crate) fn heap_bytes(&self) -> u64 {
        let part = size_of::<Presentation>().max(size_of::<Witness>());
        let traces = self.map.len() * (size_of::<Trace>() + ALLOCATED_BYTES);
        let maps = self.map.heap_bytes() + self.told.heap_bytes();
        (maps + traces + self.parts * part) as u64
    }
}

/// What a trace adds to the sum.
fn term(node: u32, trace: &Trace) -> u64 {
    let Trace { retention, evidence, carried } = trace;
    let mut hasher = blake3::Hasher::new();
    let mut word = |word: u64| {
        hasher.update(&word.to_le_bytes());
    };
    word(u64::from(node));
    word(retention.born_ns as u64);
    word(retention.first_stability_days.to_bits());
    word(retention.difficulty.to_bits());
    word(u64::from(retention.uses));
    for review in &retention.presentations {
        word(review.at_ns as u64);
        word(review.since_ns as u64);
        word(review.stability_days.to_bits());
        word(review.decay.to_bits());
        word(review.weight.to_bits());
    }
    for witness in evidence.witnesses() {
        word(witness.source);
        word(u64::from(witness.supports) << 32 | u64::from(witness.opposes));
    }
    if let Some(Carried { statement, supports, opposes, pieces }) = carried {
        [statement, supports, opposes].into_iter().for_each(|number| word(number.to_bits()));
        word(u64::from(*pieces));
    }
    let mut term = [0; 8];
    term.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    u64::from_le_bytes(term)
}

fn told_term(node: u32) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"told").update(&node.to_le_bytes());
    let mut term = [0; 8];
    term.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    u64::from_le_bytes(term)
}

fn parts(trace: &Trace) -> usize {
    trace.retention.presentations.len() + trace.evidence.witnesses().len()
}
