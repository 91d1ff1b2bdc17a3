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

use super::frontier::{Arrival, Cell, Marks};
use super::link::{Adjacency, PackedLink};
use super::settings::{Factors, Fan, HubDamping, SpreadSettings};
use super::trace::{Activated, Activation};
use crate::topk::by_rank;

/// Fans whose logarithmic damping is kept in a table.
const FANS_TABLED: u32 = 1_024;

/// The memory that spreading works in: 20 bytes for each node of the largest graph it has seen. It may serve any
/// number of graphs one after the other; once it has grown, a spreading allocates nothing.
#[derive(Debug)]
pub struct Spreader {
    cells: Vec<Cell>,
    /// Nodes whose cell is not zero.
    touched: Marks,
    /// Activation of the nodes that are marked as reached; zero elsewhere.
    totals: Vec<f32>,
    reached: Marks,
    /// The seeds and what each hop reached, by ascending node; kept for the trace.
    hops: Vec<Vec<Arrival>>,
    /// Pulses with their places, where the strongest are looked for.
    ranks: Vec<(u64, f32)>,
    activated: Vec<Activated>,
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
            cells: Vec::new(),
            touched: Marks::default(),
            totals: Vec::new(),
            reached: Marks::default(),
            hops: Vec::new(),
            ranks: Vec::new(),
            activated: Vec::new(),
            links_visited: 0,
            budget_hit: false,
            spreading: false,
            log_damping: (0..FANS_TABLED).map(log_damping).collect(),
        }
    }

    /// Spreads activation from `seeds` (node, activation). A node that `accept` refuses neither appears nor conducts.
    /// Seeds may stand in any order; those of one node are added up, those without activation are left out. Panics when
    /// `settings` are out of range ([`SpreadSettings::check`]) or a seed is negative or not finite.
    pub fn spread<G: Adjacency>(
        &mut self,
        graph: &G,
        settings: &SpreadSettings,
        seeds: &[(u32, f32)],
        accept: &dyn Fn(u32) -> bool,
    ) -> Activation<'_> {
        settings.check().expect("the settings are in range");
        let course = Course { graph, settings, factors: Factors::new(settings), accept };
        let hops = settings.hops as usize;
        self.begin(graph.nodes(), hops, seeds);
        self.plant(seeds, accept);
        for hop in 1..=hops {
            self.push_all(&course, hop - 1);
            self.settle(&course, hop);
        }
        self.finish(hops)
    }

    /// Makes room. Cells and totals are zero after each spreading, unless `accept` panicked.
    fn begin(&mut self, nodes: u32, hops: usize, seeds: &[(u32, f32)]) {
        if self.spreading {
            *self = Spreader::new();
        }
        self.spreading = true;
        let seeded = seeds.iter().map(|seed| seed.0 as usize + 1).max().unwrap_or(0);
        let nodes = seeded.max(nodes as usize);
        if self.cells.len() < nodes {
            self.cells.resize(nodes, Cell::default());
            self.totals.resize(nodes, 0.0);
        }
        self.touched.grow(nodes);
        self.reached.grow(nodes);
        if self.hops.len() <= hops {
            self.hops.resize_with(hops + 1, Vec::new);
        }
        self.hops.iter_mut().for_each(Vec::clear);
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
            self.hops[0].push(Arrival { node, pulse, best: 0.0, from: 0, via: 0, links: 0 });
            self.totals[node as usize] = pulse;
            self.reached.set(node);
        }
    }

    /// Lets the nodes that `hop` reached push over their links.
    fn push_all<G: Adjacency>(&mut self, course: &Course<'_, G>, hop: usize) {
        self.choose(course, hop);
        let frontier = std::mem::take(&mut self.hops[hop]);
        for arrival in frontier.iter().filter(|arrival| arrival.links > 0) {
            let links = course.graph.packed(arrival.node);
            let share = (arrival.pulse * self.fan_damping(course, links)).min(f32::MAX);
            self.push(&course.factors, (arrival.node, share), links);
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

    /// Adds the contributions of one node, of which each link carries `share`, to the cells of its neighbours.
    #[inline]
    fn push(&mut self, factors: &Factors, (from, share): (u32, f32), links: &[PackedLink]) {
        for link in links {
            let contribution = share * (factors.by_tag[link.tag()] * link.steps());
            if contribution > 0.0 {
                let cell = &mut self.cells[link.node() as usize];
                if cell.pulse == 0.0 {
                    self.touched.set(link.node());
                }
                cell.pulse += contribution;
                if contribution > cell.best {
                    (cell.best, cell.from, cell.via) = (contribution, from, link.bits() as u32);
                }
            }
        }
    }

    /// Turns what the cells hold into the arrivals of `hop`.
    fn settle<G: Adjacency>(&mut self, course: &Course<'_, G>, hop: usize) {
        let mut arrivals = std::mem::take(&mut self.hops[hop]);
        let Spreader { cells, touched, log_damping, .. } = self;
        touched.drain(|node| {
            let Cell { pulse, best, from, via } = std::mem::take(&mut cells[node as usize]);
            if !(course.accept)(node) {
                return;
            }
            let damping = hub_damping(course, node, log_damping);
            // A sum may leave the range of f32, a contribution never does: factors and weights are at most 1.
            let (pulse, best) = (pulse.min(f32::MAX) * damping, best * damping);
            if pulse > 0.0 && pulse >= course.settings.pulse_min {
                arrivals.push(Arrival { node, pulse, best, from, via, links: 0 });
            }
        });
        if let Some(most) = course.settings.survivors_max {
            self.inhibit(&mut arrivals, most as usize);
        }
        for arrival in &arrivals {
            self.totals[arrival.node as usize] += arrival.pulse;
            self.reached.set(arrival.node);
        }
        self.hops[hop] = arrivals;
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

    fn finish(&mut self, hops: usize) -> Activation<'_> {
        self.spreading = false;
        self.activated.clear();
        let Spreader { totals, reached, activated, .. } = self;
        reached.drain(|node| {
            let activation = std::mem::take(&mut totals[node as usize]).min(f32::MAX);
            activated.push(Activated { node, activation });
        });
        Activation {
            hops: &self.hops[..=hops],
            activated: &self.activated,
            links_visited: self.links_visited,
            budget_hit: self.budget_hit,
        }
    }

    fn fan_damping<G: Adjacency>(&self, course: &Course<'_, G>, links: &[PackedLink]) -> f32 {
        match course.settings.fan {
            Fan::None => 1.0,
            Fan::Log => damped(fan(&course.factors, links), &self.log_damping),
            Fan::Inverse => 1.0 / fan(&course.factors, links).max(1) as f32,
            Fan::Share => {
                let carried =
                    links.iter().map(|link| course.factors.by_tag[link.tag()] * link.steps());
                let sum: f32 = carried.sum();
                // The sum contains the decay once too often. Links that carry nothing get nothing.
                if sum > 0.0 { (course.settings.decay / sum).min(f32::MAX) } else { 0.0 }
            }
        }
    }
}

fn hub_damping<G: Adjacency>(course: &Course<'_, G>, node: u32, table: &[f32]) -> f32 {
    match course.settings.hubs {
        HubDamping::None => 1.0,
        HubDamping::Log => damped(fan(&course.factors, course.graph.packed(node)), table),
    }
}

/// How many of the links conduct.
#[inline]
fn fan(factors: &Factors, links: &[PackedLink]) -> u32 {
    if factors.all_conduct() {
        return links.len() as u32;
    }
    links.iter().map(|link| u32::from(factors.conducts(link.tag()))).sum()
}

#[inline]
fn damped(fan: u32, table: &[f32]) -> f32 {
    table.get(fan as usize).copied().unwrap_or_else(|| log_damping(fan))
}

/// What a fan leaves of an activation: 1 / (1 + ln(1 + fan)).
pub fn log_damping(fan: u32) -> f32 {
    1.0 / (1.0 + libm::logf(1.0 + fan as f32))
}
