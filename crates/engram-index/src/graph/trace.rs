//! What a spreading found, and how it came there.
//!
//! Pushing keeps no predecessors: a link stands at both of its nodes, so what came over it can be computed again from the
//! node that it reached. Only the few nodes that are explained pay for that.

use super::factors::{Factors, log_damping};
use super::frontier::{Activated, Arrival};
use super::link::{Adjacency, Direction, EdgeType, EdgeWeight};
use super::settings::HubDamping;

/// One edge of a path along which activation came.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// Node that the activation left.
    pub from: u32,
    /// Node that it reached.
    pub to: u32,
    /// Type of the edge.
    pub edge_type: EdgeType,
    /// Out: the edge was followed in its direction. In: against it.
    pub direction: Direction,
    /// Weight of the edge.
    pub weight: EdgeWeight,
    /// Which hop it was, from 1.
    pub hop: u32,
    /// What it brought.
    pub contribution: f32,
}

/// The result of a spreading, in the memory of its spreader.
#[derive(Clone, Copy, Debug)]
pub struct Activation<'a, G> {
    pub(super) graph: &'a G,
    pub(super) factors: Factors,
    pub(super) hubs: HubDamping,
    /// The seeds, then what each hop reached; each by ascending node.
    pub(super) hops: &'a [Vec<Arrival>],
    pub(super) activated: &'a [Activated],
    pub(super) links_visited: u64,
    pub(super) budget_hit: bool,
}

impl<'a, G: Adjacency> Activation<'a, G> {
    /// All activated nodes, the seeds among them, by ascending node.
    pub fn nodes(&self) -> &'a [Activated] {
        self.activated
    }

    /// The activation of `node`; none when it was not reached.
    pub fn of(&self, node: u32) -> Option<f32> {
        let at = self.activated.binary_search_by_key(&node, |activated| activated.node).ok()?;
        Some(self.activated[at].activation)
    }

    /// How many links were looked at: the work that counts against the budget.
    pub fn links_visited(&self) -> u64 {
        self.links_visited
    }

    /// Whether some nodes did not conduct because the budget did not allow it.
    pub fn budget_hit(&self) -> bool {
        self.budget_hit
    }

    /// The step that brought `node` the most, the earlier hop of equal ones; none for a node that is only a seed or was
    /// not reached.
    pub fn best_step(&self, node: u32) -> Option<Step> {
        let mut best: Option<Step> = None;
        for hop in 1..self.hops.len() {
            if let Some(step) = self.step_at(hop, node)
                && best.is_none_or(|best| step.contribution > best.contribution)
            {
                best = Some(step);
            }
        }
        best
    }

    /// The steps from a seed to `node` that end with [`Activation::best_step`]: each is the one that brought its node the
    /// most in the hop before. Empty where there is no best step.
    pub fn path(&self, node: u32) -> Vec<Step> {
        let mut path: Vec<Step> = Vec::new();
        let mut next = self.best_step(node);
        while let Some(step) = next {
            path.push(step);
            next = self.step_at(step.hop as usize - 1, step.from);
        }
        path.reverse();
        path
    }

    /// The best step to `node` in that hop, of equal ones that from the smaller node; none in hop 0.
    fn step_at(&self, hop: usize, node: u32) -> Option<Step> {
        let before = self.hops.get(hop.checked_sub(1)?)?;
        find(self.hops.get(hop)?, node)?;
        let links = self.graph.packed(node);
        let damping = match self.hubs {
            HubDamping::None => 1.0,
            HubDamping::Log => log_damping(self.factors.fan(links)),
        };
        let mut best: Option<Step> = None;
        for link in links {
            let Some(source) = find(before, link.node()) else { continue };
            let carrier = link.seen_from_other(node);
            let contribution = self.factors.contribution(source.share, carrier) * damping;
            if contribution > best.map_or(0.0, |step| step.contribution) {
                let (from, seen) = (source.node, carrier.unpack());
                let (edge_type, direction, weight) = (seen.edge_type, seen.direction, seen.weight);
                let hop = hop as u32;
                best =
                    Some(Step { from, to: node, edge_type, direction, weight, hop, contribution });
            }
        }
        best
    }
}

fn find(arrivals: &[Arrival], node: u32) -> Option<Arrival> {
    let at = arrivals.binary_search_by_key(&node, |arrival| arrival.node).ok()?;
    Some(arrivals[at])
}
