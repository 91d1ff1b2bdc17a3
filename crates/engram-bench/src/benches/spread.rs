//! `spread`: activation over a graph of 100,000 nodes and a million edges.

use std::collections::VecDeque;
use std::time::Instant;

use engram_index::{Adjacency, Edge, EdgeType, EdgeWeight, Graph, SpreadSettings, Spreader};
use serde_json::json;

use super::options::BenchOptions;
use super::report::ReportBuilder;
use crate::failure::BenchError;
use crate::grid::Grid;
use crate::numbers::SplitMix;
use crate::stage::Latencies;

/// Edges for each node.
const FAN: usize = 10;
const HOPS: [u32; 2] = [2, 3];

pub(super) fn run(
    options: &BenchOptions,
    report: &mut ReportBuilder,
    progress: &mut dyn FnMut(&str),
) -> Result<(), BenchError> {
    let nodes = options.size(100_000, 10_000);
    progress(&format!("{nodes} nodes"));
    let graph = Graph::from_edges(&edges(nodes, options.seed));
    let rows = CompressedRows::of(&graph);
    let seeds = seeds(nodes, if options.quick { 200 } else { 2_000 }, options.seed);
    let title = format!(
        "Spreading from one node over {nodes} nodes and {} edges, in process, beside a bare walk that only counts.",
        graph.edge_count()
    );
    let header = ["hops", "spread p50 ms", "p99 ms", "links a spread", "walk p50 ms", "p99 ms"];
    let mut grid = Grid::new(title, &header);
    let mut hops_json = serde_json::Map::new();
    for hops in HOPS {
        progress(&format!("{hops} hops"));
        let (spread, links) = spreads(&graph, hops, &seeds);
        let walk = walks(&rows, hops, &seeds);
        let ms = |number: f64| format!("{number:.4}");
        let cells = [
            ms(spread.p50_ms),
            ms(spread.p99_ms),
            links.to_string(),
            ms(walk.p50_ms),
            ms(walk.p99_ms),
        ];
        grid.rows.push([vec![hops.to_string()], cells.to_vec()].concat());
        hops_json
            .insert(hops.to_string(), json!({ "spread": spread, "links": links, "walk": walk }));
    }
    report.set("nodes", nodes);
    report.set("edges", graph.edge_count());
    report.set("seed", options.seed);
    report.set("hops", hops_json);
    report.grid(grid);
    Ok(())
}

/// Edges between nodes drawn at random; half of their ends fall on one node of a hundred, as fans do in memory.
fn edges(nodes: usize, seed: u64) -> Vec<Edge> {
    let mut rng = SplitMix::new(seed);
    let hubs = (nodes / 100).max(1);
    let mut edges = Vec::with_capacity(nodes * FAN);
    for from in 0..nodes {
        for _ in 0..FAN {
            let to = if rng.below(20) == 0 { rng.below(hubs) } else { rng.below(nodes) };
            let kind = EdgeType::new(rng.below(4) as u8).expect("there are sixteen types");
            let weight = EdgeWeight::new(rng.unit() as f32).expect("it is in (0, 1]");
            edges.push(Edge { from: from as u32, to: to as u32, edge_type: kind, weight });
        }
    }
    edges
}

fn seeds(nodes: usize, count: usize, seed: u64) -> Vec<u32> {
    let mut rng = SplitMix::part(seed, 1);
    (0..count).map(|_| rng.below(nodes) as u32).collect()
}

/// Latencies, and links looked at by one spread on average.
fn spreads(graph: &Graph, hops: u32, seeds: &[u32]) -> (Latencies, u64) {
    // No budget: what is compared is the whole work.
    let settings = SpreadSettings { hops, link_budget: u64::MAX, ..SpreadSettings::default() };
    let mut spreader = Spreader::new();
    let (mut links, mut milliseconds) = (0, Vec::new());
    let started = Instant::now();
    for seed in seeds {
        let begin = Instant::now();
        let activation = spreader.spread(graph, &settings, &[(*seed, 1.0)], &|_| true);
        links += activation.links_visited();
        milliseconds.push(begin.elapsed().as_secs_f64() * 1e3);
    }
    let seconds = started.elapsed().as_secs_f64();
    (Latencies::of(milliseconds, seconds), links / seeds.len().max(1) as u64)
}

/// The same graph as two plain arrays.
struct CompressedRows {
    starts: Vec<u32>,
    ends: Vec<u32>,
}

impl CompressedRows {
    fn of(graph: &Graph) -> CompressedRows {
        let (mut starts, mut ends) = (vec![0], Vec::new());
        for node in 0..graph.nodes() {
            ends.extend(graph.links(node).map(|link| link.node));
            starts.push(ends.len() as u32);
        }
        CompressedRows { starts, ends }
    }

    fn of_node(&self, node: u32) -> &[u32] {
        let place = node as usize;
        &self.ends[self.starts[place] as usize..self.starts[place + 1] as usize]
    }
}

/// Breadth first, each node once, without scores.
fn walks(rows: &CompressedRows, hops: u32, seeds: &[u32]) -> Latencies {
    let mut mark = vec![0_u32; rows.starts.len()];
    let mut milliseconds = Vec::new();
    let started = Instant::now();
    for (round, seed) in (1_u32..).zip(seeds) {
        let begin = Instant::now();
        let mut open = VecDeque::from([(*seed, 0)]);
        mark[*seed as usize] = round;
        while let Some((node, depth)) = open.pop_front() {
            if depth == hops {
                continue;
            }
            for next in rows.of_node(node) {
                if mark[*next as usize] != round {
                    mark[*next as usize] = round;
                    open.push_back((*next, depth + 1));
                }
            }
        }
        milliseconds.push(begin.elapsed().as_secs_f64() * 1e3);
    }
    Latencies::of(milliseconds, started.elapsed().as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_see_the_same_graph() {
        let graph = Graph::from_edges(&edges(200, 3));
        let rows = CompressedRows::of(&graph);
        assert_eq!(rows.ends.len() as u64, 2 * graph.edge_count());
        let (spread, links) = spreads(&graph, 2, &seeds(200, 5, 3));
        assert_eq!(spread.requests, 5);
        assert!(links > 20, "{links}");
        assert_eq!(walks(&rows, 2, &seeds(200, 5, 3)).requests, 5);
    }
}
