//! What a spreading found, and how it came there.

use super::frontier::Arrival;
use super::link::{Direction, EdgeType, EdgeWeight, PackedLink};

/// A node with its activation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Activated {
    /// The node.
    pub node: u32,
    /// Sum of what the seeds and all hops brought it, above 0 and finite.
    pub activation: f32,
}

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
pub struct Activation<'a> {
    /// The seeds, then what each hop reached; each by ascending node.
    pub(super) hops: &'a [Vec<Arrival>],
    pub(super) activated: &'a [Activated],
    pub(super) links_visited: u64,
    pub(super) budget_hit: bool,
}

impl<'a> Activation<'a> {
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

    /// The best step to `node` in that hop; none in hop 0.
    fn step_at(&self, hop: usize, node: u32) -> Option<Step> {
        if hop == 0 {
            return None;
        }
        let arrivals = self.hops.get(hop)?;
        let at = arrivals.binary_search_by_key(&node, |arrival| arrival.node).ok()?;
        let arrival = arrivals[at];
        let link = PackedLink(u64::from(arrival.via).to_le_bytes()).unpack();
        Some(Step {
            from: arrival.from,
            to: node,
            edge_type: link.edge_type,
            direction: link.direction,
            weight: link.weight,
            hop: hop as u32,
            contribution: arrival.best,
        })
    }
}
