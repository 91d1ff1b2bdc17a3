//! What succession means for readers: which memory holds in the place of another, and from when until when each is true.
//!
//! A superseded memory is true until the one that supersedes it begins, and that one is not true before. What is deleted,
//! hidden, expired or not known yet supersedes nothing: the next one in the chain counts in its place.

use std::collections::HashMap;

use super::snapshot::Snapshot;
use super::successions::Validities;
use crate::filter::{Filter, Validity};
use crate::model::State;

/// Steps along one chain: what is hidden in a row beyond them hides the rest.
const CHAIN_MAX: usize = 1_000;
/// Superseded memories that an answer names for one memory.
const SUPERSEDED_SHOWN_MAX: usize = 64;

impl Snapshot {
    /// Node of the memory that holds in the place of another and can be recalled, and from when on, ns.
    pub(crate) fn successor(&self, node: u32, now_ns: i64) -> Option<(u32, i64)> {
        let successions = &self.associations.successions;
        let mut at = node;
        for _ in 0..CHAIN_MAX {
            let next = successions.get(at)?;
            if next.by == node {
                return None;
            }
            if self.is_recallable(next.by, now_ns) {
                return Some((next.by, next.since_ns));
            }
            at = next.by;
        }
        None
    }

    /// Nodes of the recallable memories in whose place one holds, in the order of the log.
    pub(crate) fn superseded(&self, node: u32, now_ns: i64) -> Vec<u32> {
        let supersedes = |node: u32| self.associations.supersedes(node);
        let mut found = Vec::new();
        if self.associations.successions.is_empty() {
            return found;
        }
        let mut open: Vec<u32> = supersedes(node).collect();
        let mut steps = 0;
        while let Some(older) = open.pop() {
            steps += 1;
            if found.len() == SUPERSEDED_SHOWN_MAX || steps > CHAIN_MAX {
                break;
            }
            if older == node || found.contains(&older) {
                continue;
            }
            if self.is_recallable(older, now_ns) {
                found.push(older);
            } else {
                // What is hidden leaves its place to the one behind it.
                open.extend(supersedes(older));
            }
        }
        found.sort_unstable();
        found
    }

    /// Their ids.
    pub(crate) fn superseded_ids(&self, node: u32, now_ns: i64) -> Vec<String> {
        self.superseded(node, now_ns).into_iter().map(|older| self.id_of_node(older)).collect()
    }

    /// From when until when the memories of chains are true; none are looked at unless the filter asks for it.
    pub(crate) fn validities(&self, filter: &Filter, now_ns: i64) -> Validities {
        let successions = &self.associations.successions;
        if successions.is_empty() || !filter.asks_validity() {
            return Validities::default();
        }
        let mut own: HashMap<u32, Validity> = HashMap::new();
        let stated = |node: u32| {
            let at = self.doc_of_node(node).map(|(at, _)| at);
            at.map_or(Validity::default(), |at| self.head(at).validity())
        };
        for (older, _) in successions.iter() {
            if !self.is_recallable(older, now_ns) {
                continue;
            }
            let Some((newer, since_ns)) = self.successor(older, now_ns) else { continue };
            own.entry(older).or_insert_with(|| stated(older)).end(since_ns);
            own.entry(newer).or_insert_with(|| stated(newer)).begin(since_ns);
        }
        Validities::of(own)
    }

    fn is_recallable(&self, node: u32, now_ns: i64) -> bool {
        let found = self.doc_of_node(node);
        found.is_some_and(|(at, state)| state == State::Active && !self.is_expired(at, now_ns))
    }
}
