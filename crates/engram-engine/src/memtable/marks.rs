//! Pairs of memories of which the later one may change or deny the earlier one, and what was decided about pairs.
//!
//! Part of the immutable snapshot: a copy shares all but what changes. A pair goes with either of its memories.

use std::hash::{BuildHasherDefault, DefaultHasher};
use std::sync::Arc;

use rpds::HashTrieMapSync;

use super::by_node::ByNode;
use crate::contrast::Contrast;
use crate::mark::PairDecision;

/// The hasher has fixed keys: nothing differs between runs. Nothing is ever listed in the order of a hash.
type Map<K, V> = HashTrieMapSync<K, V, BuildHasherDefault<DefaultHasher>>;

/// What a mark costs in RAM with its places in the maps, about, without its words.
const MARK_BYTES: usize = 360;

/// What is known of a pair.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Mark {
    /// Node of the memory that happened first, and of the other.
    pub(crate) earlier: u32,
    pub(crate) later: u32,
    /// What was found between their texts, and their cosine; none = only what somebody decided.
    pub(crate) found: Option<(Contrast, f32)>,
    /// Commit time of the first word about the pair, ns.
    pub(crate) since_ns: i64,
    /// What somebody decided.
    pub(crate) decided: Option<Decided>,
}

/// A decision about a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Decided {
    pub(crate) decision: PairDecision,
    /// Commit time, ns.
    pub(crate) at_ns: i64,
    /// Node of the memory that was judged: the one that supersedes the other, where one does.
    pub(crate) judged: u32,
}

impl Mark {
    fn key(&self) -> (u32, u32) {
        key(self.earlier, self.later)
    }

    /// The other memory of the pair.
    pub(crate) fn other(&self, node: u32) -> u32 {
        if self.earlier == node { self.later } else { self.earlier }
    }

    fn replaced(mut self, old: u32, new: u32) -> Mark {
        let judged = self.decided.as_mut().map(|decided| &mut decided.judged);
        for node in [&mut self.earlier, &mut self.later].into_iter().chain(judged) {
            if *node == old {
                *node = new;
            }
        }
        self
    }
}

fn key(one: u32, other: u32) -> (u32, u32) {
    (one.min(other), one.max(other))
}

/// The marks by pair of nodes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Marks {
    pairs: Map<(u32, u32), Arc<Mark>>,
    /// The others that a node makes pairs with, ascending.
    beside: ByNode<Arc<Vec<u32>>>,
    /// Bytes of words.
    words: usize,
    /// Wrapping sum over them.
    sum: u64,
}

impl Marks {
    pub(crate) fn get(&self, one: u32, other: u32) -> Option<&Mark> {
        self.pairs.get(&key(one, other)).map(|mark| &**mark)
    }

    /// Whether somebody decided that one memory stands in the place of another, or something else about the two; none = nobody
    /// decided.
    pub(crate) fn decided_supersession(&self, newer: u32, older: u32) -> Option<bool> {
        let decided = self.get(newer, older)?.decided?;
        Some(decided.decision == PairDecision::Supersedes && decided.judged == newer)
    }

    /// The marks of a memory, in the order of the others.
    pub(crate) fn of(&self, node: u32) -> impl Iterator<Item = &Mark> {
        let others = self.beside.get(node).map(|others| others.as_slice()).unwrap_or_default();
        others.iter().filter_map(move |other| self.get(node, *other))
    }

    /// All of them, in the order of the log.
    pub(crate) fn sorted(&self) -> Vec<&Mark> {
        let mut all: Vec<&Mark> = self.pairs.values().map(|mark| &**mark).collect();
        all.sort_unstable_by_key(|mark| (mark.earlier.max(mark.later), mark.key()));
        all
    }

    /// Notes what is known of a pair, in the place of what was known before.
    pub(crate) fn put(&mut self, mark: Mark) {
        let (one, other) = mark.key();
        self.remove(one, other);
        for (node, beside) in [(one, other), (other, one)] {
            let mut others = self.beside.get(node).map(|all| all.to_vec()).unwrap_or_default();
            if let Err(place) = others.binary_search(&beside) {
                others.insert(place, beside);
            }
            self.beside.insert(node, Arc::new(others));
        }
        self.words += words(&mark);
        self.sum = self.sum.wrapping_add(term(&mark));
        self.pairs.insert_mut((one, other), Arc::new(mark));
    }

    pub(crate) fn remove(&mut self, one: u32, other: u32) {
        let Some(mark) = self.pairs.get(&key(one, other)) else { return };
        self.words -= words(mark);
        self.sum = self.sum.wrapping_sub(term(mark));
        self.pairs.remove_mut(&key(one, other));
        for (node, beside) in [(one, other), (other, one)] {
            let Some(others) = self.beside.get(node) else { continue };
            let left: Vec<u32> = others.iter().copied().filter(|other| *other != beside).collect();
            match left.is_empty() {
                true => self.beside.remove(node),
                false => self.beside.insert(node, Arc::new(left)),
            };
        }
    }

    /// Forgets all pairs of a memory.
    pub(super) fn forget(&mut self, node: u32) {
        for other in self.others(node) {
            self.remove(node, other);
        }
    }

    /// What was decided goes with the newer version of a memory; what was found in its text is looked for anew. Returns the
    /// decided pairs under their new nodes.
    pub(super) fn hand_over(&mut self, old: u32, new: u32) -> Vec<Mark> {
        let others = self.others(old);
        let known = others.iter().filter_map(|other| self.get(old, *other).cloned());
        let decided = known.filter(|mark| mark.decided.is_some());
        let decided: Vec<Mark> = decided.map(|mark| mark.replaced(old, new)).collect();
        self.forget(old);
        for mark in &decided {
            self.put(Mark { found: None, ..mark.clone() });
        }
        decided
    }

    fn others(&self, node: u32) -> Vec<u32> {
        self.beside.get(node).map(|others| others.to_vec()).unwrap_or_default()
    }

    /// Sum over all of them: equal wherever the same is known of the same pairs.
    pub(super) fn sum(&self) -> u64 {
        self.sum
    }

    /// Estimated bytes in RAM.
    pub(super) fn heap_bytes(&self) -> u64 {
        (self.pairs.size() * MARK_BYTES + self.words + self.beside.heap_bytes()) as u64
    }
}

fn words(mark: &Mark) -> usize {
    let found = mark.found.as_ref().map(|(found, _)| found);
    found.map_or(0, |found| {
        found.before.len() + found.after.len() + found.cues.iter().map(String::len).sum::<usize>()
    })
}

/// What a mark adds to the sum.
fn term(mark: &Mark) -> u64 {
    let mut hasher = blake3::Hasher::new();
    let mut part = |bytes: &[u8]| {
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    part(&mark.earlier.to_le_bytes());
    part(&mark.later.to_le_bytes());
    part(&mark.since_ns.to_le_bytes());
    if let Some((found, cosine)) = &mark.found {
        part(&found.kind.code().to_le_bytes());
        part(&found.ground.code().to_le_bytes());
        part(&cosine.to_bits().to_le_bytes());
        part(found.before.as_bytes());
        part(found.after.as_bytes());
        found.cues.iter().for_each(|cue| part(cue.as_bytes()));
    }
    if let Some(Decided { decision, at_ns, judged }) = mark.decided {
        part(&decision.code().to_le_bytes());
        part(&at_ns.to_le_bytes());
        part(&judged.to_le_bytes());
    }
    let mut term = [0; 8];
    term.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    u64::from_le_bytes(term)
}
