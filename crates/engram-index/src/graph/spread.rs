//! Spreading activation: seeds push their activation over the links of a graph, hop by hop.
//!
//! With pulses p₀ = seeds, the fan damping f and the hub damping g, one hop computes, for every node v,
//! `p_(h+1)(v) = g(v) · Σ over links u→v of p_h(u) · f(u) · decay · factor(type, direction) · weight`,
//! and the activation of v is Σ_h p_h(v). Without inhibition and budget this is a power series of one matrix.
//!
//! # Canonical order
//! Nodes of a hop push in ascending order, each over its links in their order; sums over hops go from the seeds on. All
//! arithmetic is f32, each operation rounded alone. So a result depends on nothing but the edges, the seeds and the settings.
//!
//! # Budget
//! Work is counted in links looked at, never in time. When the nodes of a hop have more links than the budget allows,
//! the most activated ones go first (the smaller ordinal of equal ones); one that has more links than are left is passed
//! over, and the answer says that the budget was hit.

use super::factors::{Factors, log_damping};
use super::frontier::{Activated, Arrival, Marks};
use super::link::{Adjacency, PackedLink};
use super::settings::{Fan, HubDamping, Returns, SpreadSettings};
use super::trace::Activation;
use crate::topk::by_rank;

/// Fans whose logarithmic damping is kept in a table.
const FANS_TABLED: u32 = 1_024;

/// Nodes whose links are touched before the first of them pushes: misses of the cache then wait together, not in turn.
const BATCH: usize = 16;
/// Links of a node that are touched, one for each eight (a line of the cache); the processor foresees the others.
const TOUCHED_LINKS: usize = 64;

/// The memory that spreading works in: four bytes for each node of the largest graph it has seen. It may serve any
/// number of graphs one after the other; once it has grown, a spreading allocates nothing.
#[derive(Debug)]
pub struct Spreader {
    /// What the hop has brought to each node so far; zero between hops.
    pulses: Vec<f32>,
    /// Nodes whose pulse is not zero.
    touched: Marks,
    /// The seeds and what each hop reached, by ascending node; kept for the trace.
    hops: Vec<Vec<Arrival>>,
    /// Pulses with their places, where the strongest are looked for.
    ranks: Vec<(u64, f32)>,
    activated: Vec<Activated>,
    /// Where the next state of `activated` is put together.
    merged: Vec<Activated>,
    links_visited: u64,
    budget_hit: bool,
    /// A spreading has begun and not ended.
    spreading: bool,
    /// 1 / (1 + ln(1 + fan)).
    log_damping: Vec<f32>,
}

/// What stays the same during one spreading.
struct Course<'a, G> {
    graph: &'a G,
    settings: &'a SpreadSettings,
    factors: Factors,
    accept: &'a dyn Fn(u32) -> bool,
}

impl Default for Spreader {
    fn default() -> Spreader {
        Spreader::new()
    }
}

impl Spreader {
    /// A spreader that has not seen a graph.
    pub fn new() -> Spreader {
        Spreader {
            pulses: Vec::new(),
            touched: Marks::default(),
            hops: Vec::new(),
            ranks: Vec::new(),
            activated: Vec::new(),
            merged: Vec::new(),
            links_visited: 0,
            budget_hit: false,
            spreading: false,
            log_damping: (0..FANS_TABLED).map(log_damping).collect(),
        }
    }

    /// Spreads activation from `seeds` (node, activation). A node that `accept` refuses neither appears nor conducts.
    /// Seeds may stand in any order; those of one node are added up, those without activation are left out. Panics when
    /// `settings` are out of range ([`SpreadSettings::check`]) or a seed is negative or not finite.
    pub fn spread<'a, G: Adjacency>(
        &'a mut self,
        graph: &'a G,
        settings: &SpreadSettings,
        seeds: &[(u32, f32)],
        accept: &dyn Fn(u32) -> bool,
    ) -> Activation<'a, G> {
        settings.check().expect("the settings are in range");
        let course = Course { graph, settings, factors: Factors::new(settings), accept };
        let hops = settings.hops as usize;
        self.begin(graph.nodes(), hops);
        self.plant(seeds, accept);
        for hop in 1..=hops {
            self.push_all(&course, hop - 1);
            self.settle(&course, hop);
        }
        self.spreading = false;
        Activation {
            graph,
            factors: course.factors,
            hubs: settings.hubs,
            hops: &self.hops[..=hops],
            activated: &self.activated,
            links_visited: self.links_visited,
            budget_hit: self.budget_hit,
        }
    }

    /// Makes room. Pulses are zero after each spreading, unless `accept` panicked.
    fn begin(&mut self, nodes: u32, hops: usize) {
        if self.spreading {
            *self = Spreader::new();
        }
        self.spreading = true;
        if self.pulses.len() < nodes as usize {
            self.pulses.resize(nodes as usize, 0.0);
            self.touched.grow(nodes as usize);
        }
        if self.hops.len() <= hops {
            self.hops.resize_with(hops + 1, Vec::new);
        }
        self.hops.iter_mut().for_each(Vec::clear);
        self.activated.clear();
        (self.links_visited, self.budget_hit) = (0, false);
    }

    fn plant(&mut self, seeds: &[(u32, f32)], accept: &dyn Fn(u32) -> bool) {
        self.ranks.clear();
        for &(node, activation) in seeds {
            assert!(activation >= 0.0 && activation.is_finite(), "seed {node} has {activation}");
            if activation > 0.0 && accept(node) {
                self.ranks.push((u64::from(node), activation));
            }
        }
        // Seeds of one node are added from the smallest on, in whatever order they came.
        self.ranks.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        for same in self.ranks.chunk_by(|a, b| a.0 == b.0) {
            let pulse = same.iter().map(|seed| seed.1).sum::<f32>().min(f32::MAX);
            let node = same[0].0 as u32;
            self.hops[0].push(Arrival { node, pulse, share: 0.0, links: 0 });
        }
        self.add_up(0);
    }

    /// Lets the nodes that `hop` reached push over their links.
    fn push_all<G: Adjacency>(&mut self, course: &Course<'_, G>, hop: usize) {
        self.choose(course, hop);
        let mut frontier = std::mem::take(&mut self.hops[hop]);
        for batch in frontier.chunks_mut(BATCH) {
            let mut touched = 0;
            for arrival in batch.iter_mut().filter(|arrival| arrival.links > 0) {
                let links = course.graph.packed(arrival.node);
                touched ^= links
                    .iter()
                    .take(TOUCHED_LINKS)
                    .step_by(8)
                    .fold(0, |all, link| all ^ link.bits());
                arrival.share = (arrival.pulse * self.fan_damping(course, links)).min(f32::MAX);
            }
            std::hint::black_box(touched);
            for arrival in batch.iter().filter(|arrival| arrival.share > 0.0) {
                self.push(&course.factors, arrival.share, course.graph.packed(arrival.node));
            }
        }
        self.hops[hop] = frontier;
    }

    /// Counts the links of the nodes that `hop` reached, and picks nodes while the budget lasts.
    fn choose<G: Adjacency>(&mut self, course: &Course<'_, G>, hop: usize) {
        let frontier = &mut self.hops[hop];
        let mut wanted = 0;
        for arrival in frontier.iter_mut() {
            arrival.links = course.graph.degree(arrival.node);
            wanted += u64::from(arrival.links);
        }
        let mut left = course.settings.link_budget.saturating_sub(self.links_visited);
        if wanted <= left {
            self.links_visited += wanted;
            return;
        }
        self.budget_hit = true;
        self.ranks.clear();
        self.ranks.extend((0_u64..).zip(frontier.iter().map(|arrival| arrival.pulse)));
        self.ranks.sort_unstable_by(|a, b| by_rank(*a, *b));
        for &(place, _) in &self.ranks {
            let links = &mut frontier[place as usize].links;
            if u64::from(*links) <= left {
                left -= u64::from(*links);
                self.links_visited += u64::from(*links);
            } else {
                *links = 0;
            }
        }
    }

    /// Adds what one node pushes over each of its links.
    #[inline]
    fn push(&mut self, factors: &Factors, share: f32, links: &[PackedLink]) {
        for &link in links {
            let contribution = factors.contribution(share, link);
            if contribution > 0.0 {
                self.pulses[link.node() as usize] += contribution;
                self.touched.set(link.node());
            }
        }
    }

    /// Turns the pulses into the arrivals of `hop`.
    fn settle<G: Adjacency>(&mut self, course: &Course<'_, G>, hop: usize) {
        let mut arrivals = std::mem::take(&mut self.hops[hop]);
        let Spreader { pulses, touched, log_damping, .. } = self;
        touched.drain(|node| {
            let pulse = std::mem::take(&mut pulses[node as usize]);
            if !(course.accept)(node) {
                return;
            }
            // A sum may leave the range of f32, a contribution never does: factors and weights are at most 1.
            let pulse = pulse.min(f32::MAX) * hub_damping(course, node, log_damping);
            if pulse > 0.0 && pulse >= course.settings.pulse_min {
                arrivals.push(Arrival { node, pulse, share: 0.0, links: 0 });
            }
        });
        if course.settings.returns == Returns::Drop {
            drop_known(&mut arrivals, &self.activated);
        }
        if let Some(most) = course.settings.survivors_max {
            self.inhibit(&mut arrivals, most as usize);
        }
        self.hops[hop] = arrivals;
        self.add_up(hop);
    }

    /// Adds the pulses of `hop` to the activation. Both lists ascend, and a hop is mostly longer than all before it.
    fn add_up(&mut self, hop: usize) {
        let Spreader { hops, activated, merged, .. } = self;
        merged.clear();
        let mut before = activated.iter().peekable();
        for &Arrival { node, pulse, .. } in &hops[hop] {
            while let Some(&&sooner) = before.peek()
                && sooner.node < node
            {
                merged.push(sooner);
                before.next();
            }
            let same = before.next_if(|activated| activated.node == node);
            let sum = same.map_or(0.0, |activated| activated.activation) + pulse;
            merged.push(Activated { node, activation: sum.min(f32::MAX) });
        }
        merged.extend(before);
        std::mem::swap(activated, merged);
    }

    /// Keeps the `most` strongest arrivals, the smaller ordinal of equal ones.
    fn inhibit(&mut self, arrivals: &mut Vec<Arrival>, most: usize) {
        if arrivals.len() <= most {
            return;
        }
        let Some(last) = most.checked_sub(1) else { return arrivals.clear() };
        let rank = |arrival: &Arrival| (u64::from(arrival.node), arrival.pulse);
        self.ranks.clear();
        self.ranks.extend(arrivals.iter().map(rank));
        let (_, &mut weakest, _) = self.ranks.select_nth_unstable_by(last, |a, b| by_rank(*a, *b));
        arrivals.retain(|arrival| by_rank(rank(arrival), weakest).is_le());
    }

    fn fan_damping<G: Adjacency>(&self, course: &Course<'_, G>, links: &[PackedLink]) -> f32 {
        match course.settings.fan {
            Fan::None => 1.0,
            Fan::Log => damped(course.factors.fan(links), &self.log_damping),
            Fan::Inverse => 1.0 / course.factors.fan(links).max(1) as f32,
            Fan::Share => {
                let carried = links.iter().map(|&link| course.factors.carried(link));
                let sum: f32 = carried.sum();
                // The sum contains the decay once too often. Links that carry nothing get nothing.
                if sum > 0.0 { (course.settings.decay / sum).min(f32::MAX) } else { 0.0 }
            }
        }
    }
}

/// Leaves out the nodes that are activated already. Both lists ascend.
fn drop_known(arrivals: &mut Vec<Arrival>, activated: &[Activated]) {
    let mut known = activated.iter().map(|activated| activated.node).peekable();
    arrivals.retain(|arrival| {
        while known.next_if(|&node| node < arrival.node).is_some() {}
        known.peek() != Some(&arrival.node)
    });
}

fn hub_damping<G: Adjacency>(course: &Course<'_, G>, node: u32, table: &[f32]) -> f32 {
    match course.settings.hubs {
        HubDamping::None => 1.0,
        HubDamping::Log => damped(course.factors.fan(course.graph.packed(node)), table),
    }
}

#[inline]
fn damped(fan: u32, table: &[f32]) -> f32 {
    table.get(fan as usize).copied().unwrap_or_else(|| log_damping(fan))
}
