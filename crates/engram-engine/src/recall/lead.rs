//! What the best candidates lead to: one step of spreading activation.
//!
//! The best candidates are seeds. Each passes its score on over its associations, damped where its fan is wide; a memory
//! gets the largest share that reaches it, not the sum: many weak ways to a hub are no reason to recall it. An entity that
//! two memories name counts as one step between them, where few name it and the cue does not ask for it anyway.
//! `docs/adr/0009-one-step-of-activation.md` has the measurements.

use std::collections::BTreeMap;

use engram_index::{Adjacency, Direction, Link, log_damping};

use super::Probe;
use crate::association::{EdgeKind, PathStep};
use crate::memtable::Snapshot;

/// Candidates that pass activation on.
pub(super) const SEEDS_MAX: usize = 8;
/// Links that one recall may follow.
const LINK_BUDGET: u64 = 20_000;
/// Memories that may name an entity for it to lead from one to the other.
const ENTITY_FAN_MAX: u32 = 8;

/// Links of a node that are counted: the damping hardly grows beyond.
const FAN_COUNTED_MAX: usize = 1_024;

/// What an association of one kind passes on, along its direction and against it.
const fn factors(kind: EdgeKind) -> (f32, f32) {
    match kind {
        EdgeKind::Explicit => (1.0, 1.0),
        EdgeKind::Mention => (1.0, 0.4),
        EdgeKind::Entity => (0.25, 0.25),
        // What follows in a session counts as context of the words, what is near was found by its vector.
        EdgeKind::Next | EdgeKind::Near | EdgeKind::Contradicts => (0.0, 0.0),
        // What was true leads to what is true.
        EdgeKind::Supersedes => (0.0, 1.0),
    }
}

/// The share of activation that reached one memory, and from where.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lead {
    pub(super) activation: f32,
    pub(super) seed: u32,
    kind: EdgeKind,
    /// Entity between the two.
    entity: Option<u32>,
    weight: f32,
}

/// What one recall followed.
#[derive(Debug, Default)]
pub(super) struct Led {
    pub(super) leads: BTreeMap<u32, Lead>,
    pub(super) links_followed: u64,
    /// The budget ended it early.
    pub(super) cut: bool,
}

impl Led {
    fn offer(&mut self, node: u32, lead: Lead) {
        let better = |known: &Lead| {
            lead.activation > known.activation
                || (lead.activation == known.activation && lead.seed < known.seed)
        };
        match self.leads.get(&node) {
            Some(known) if !better(known) => {}
            _ => {
                self.leads.insert(node, lead);
            }
        }
    }

    /// Counts links before they are followed; whether the budget allows it.
    fn pay(&mut self, links: u32) -> bool {
        if self.links_followed + u64::from(links) > LINK_BUDGET {
            self.cut = true;
            return false;
        }
        self.links_followed += u64::from(links);
        true
    }
}

impl Probe<'_> {
    /// Passes the activation of `seeds` (nodes, strongest first) on.
    pub(super) fn lead(&self, seeds: &[(u32, f32)]) -> Led {
        let mut led = Led::default();
        let graph = &self.snapshot.associations.graph;
        for (seed, activation) in seeds {
            if !led.pay(graph.degree(*seed)) {
                continue;
            }
            let fan = degree(self.snapshot, *seed);
            for link in graph.links(*seed) {
                let Some(kind) = EdgeKind::from_code(link.edge_type.code()) else { continue };
                let passed = activation * factor(kind, link.direction) * link.weight.get();
                if passed <= 0.0 {
                    continue;
                }
                if kind == EdgeKind::Entity {
                    self.over_entity(&mut led, (*seed, passed), link);
                    continue;
                }
                let there = degree(self.snapshot, link.node).of(kind);
                // The square root is correctly rounded by IEEE 754.
                let damping = (log_damping(fan.of(kind)) * log_damping(there)).sqrt();
                let lead = Lead {
                    activation: passed * damping,
                    seed: *seed,
                    kind,
                    entity: None,
                    weight: link.weight.get(),
                };
                self.offer(&mut led, link.node, lead);
            }
        }
        led
    }

    fn over_entity(&self, led: &mut Led, (seed, passed): (u32, f32), link: Link) {
        let graph = &self.snapshot.associations.graph;
        let fan = graph.degree(link.node);
        if !(2..=ENTITY_FAN_MAX).contains(&fan) || self.cue_names(link.node) || !led.pay(fan) {
            return;
        }
        for other in graph.links(link.node).filter(|other| other.node != seed) {
            let weight = other.weight.get();
            let lead = Lead {
                activation: passed * weight * log_damping(fan),
                seed,
                kind: EdgeKind::Entity,
                entity: Some(link.node),
                weight: link.weight.get() * weight,
            };
            self.offer(led, other.node, lead);
        }
    }

    fn offer(&self, led: &mut Led, node: u32, lead: Lead) {
        let found = self.snapshot.doc_of_node(node);
        if found.is_some_and(|(at, _)| self.eligible.accepts(self.snapshot, at)) {
            led.offer(node, lead);
        }
    }

    /// Whether the cue holds every word of an entity's name: it asks for it, and finds it by its words.
    fn cue_names(&self, entity: u32) -> bool {
        let Some(entity) = self.snapshot.associations.entity(entity) else { return true };
        let mut words = entity.key.split(' ');
        words.all(|word| self.cue_words.contains(word))
    }

    /// The way from a seed to a memory.
    pub(super) fn path(&self, node: u32, lead: &Lead) -> Vec<PathStep> {
        vec![self.snapshot.path_step((lead.seed, node), lead.kind, lead.entity, lead.weight)]
    }
}

fn factor(kind: EdgeKind, direction: Direction) -> f32 {
    let (forward, backward) = factors(kind);
    match direction {
        Direction::Out => forward,
        Direction::In => backward,
    }
}

/// How many links of each kind a node has.
struct Degree {
    by_kind: [u32; EdgeKind::ALL.len()],
}

impl Degree {
    fn of(&self, kind: EdgeKind) -> u32 {
        self.by_kind[usize::from(kind.code())]
    }
}

fn degree(snapshot: &Snapshot, node: u32) -> Degree {
    let mut degree = Degree { by_kind: [0; EdgeKind::ALL.len()] };
    for link in snapshot.associations.graph.links(node).take(FAN_COUNTED_MAX) {
        if let Some(of_kind) = degree.by_kind.get_mut(usize::from(link.edge_type.code())) {
            *of_kind += 1;
        }
    }
    degree
}
