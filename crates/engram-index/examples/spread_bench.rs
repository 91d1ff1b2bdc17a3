//! How fast activation spreads: `spread_bench [EDGES.tsv …]`.
//!
//! Prints one JSON line for each graph (uniform and power-law with 100,000 nodes and 1,000,000 edges, then the files: rows of
//! source, target and type) and number of hops: the median and 99th percentile over 2,000 single seeds of
//! - `walk`: a bare breadth-first walk over both directions of a CSR of node numbers, which counts the nodes it reaches;
//! - `csr` and `pages`: spreading without a budget over the immutable and the mutable graph, and the best ten nodes;
//! - `budget`: the same as `csr` with the default budget of links.
//!
//! `out_…` follow edges in their direction only. A last line tells what a snapshot costs in a graph of 1,000,000 nodes and
//! edges: a copy, and a copy with 20 new edges. Times are wall time of one thread in milliseconds.

use std::time::Instant;

use engram_index::{
    Adjacency, Direction, Edge, EdgeType, EdgeWeight, Graph, GraphBlock, SpreadSettings, Spreader,
    TopK,
};

const NODES: u32 = 100_000;
const EDGES: usize = 1_000_000;
const SEEDS: usize = 2_000;

/// Numbers of SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u32) -> u32 {
        (((self.next() >> 32) * u64::from(end)) >> 32) as u32
    }

    /// In [0, 1).
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

fn edge(from: u32, to: u32, code: u8, weight: f32) -> Option<Edge> {
    let (edge_type, weight) = (EdgeType::new(code)?, EdgeWeight::new(weight)?);
    Some(Edge { from, to, edge_type, weight })
}

/// Edges from uniform nodes to nodes that `target` draws.
fn generated(mut target: impl FnMut(&mut Numbers) -> u32) -> Vec<Edge> {
    let mut numbers = Numbers(6);
    let mut edges = Vec::with_capacity(EDGES);
    while edges.len() < EDGES {
        let (from, to) = (numbers.below(NODES), target(&mut numbers));
        let code = numbers.below(5) as u8;
        edges.extend(edge(from, to, code, 0.1 + 0.9 * numbers.unit() as f32));
    }
    edges
}

/// Nodes whose in-degree falls as rank^-0.6, spread over the ordinals: the first has about 4,000 edges.
fn power_law(numbers: &mut Numbers) -> u32 {
    let rank = (f64::from(NODES) * numbers.unit().powf(2.5)) as u32;
    (u64::from(rank) * 61_681 % u64::from(NODES)) as u32
}

fn read(path: &str) -> Result<Vec<Edge>, Box<dyn std::error::Error>> {
    #[expect(clippy::disallowed_methods, reason = "a benchmark reads its data")]
    let text = String::from_utf8(std::fs::read(path)?)?;
    let mut types: Vec<String> = Vec::new();
    let mut edges = Vec::new();
    for line in text.lines() {
        let mut columns = line.split('\t');
        let (Some(from), Some(to)) = (columns.next(), columns.next()) else { continue };
        let name = columns.next().unwrap_or_default().to_owned();
        let code = types.iter().position(|known| *known == name).unwrap_or_else(|| {
            types.push(name);
            types.len() - 1
        });
        edges.extend(edge(from.parse()?, to.parse()?, (code % EdgeType::COUNT) as u8, 0.5));
    }
    Ok(edges)
}

/// A compressed sparse row matrix of node numbers and nothing else.
struct Csr {
    starts: Vec<usize>,
    targets: Vec<u32>,
    seen: Vec<u32>,
    round: u32,
    queue: Vec<u32>,
}

impl Csr {
    fn new(graph: &Graph, out_only: bool) -> Csr {
        let (mut starts, mut targets) = (vec![0], Vec::new());
        for node in 0..graph.nodes() {
            let links = graph.links(node).filter(|l| !out_only || l.direction == Direction::Out);
            targets.extend(links.map(|link| link.node));
            starts.push(targets.len());
        }
        let seen = vec![0; graph.nodes() as usize];
        Csr { starts, targets, seen, round: 0, queue: Vec::new() }
    }

    fn walk(&mut self, seed: u32, hops: u32) -> usize {
        self.round += 1;
        self.queue.clear();
        self.queue.push(seed);
        self.seen[seed as usize] = self.round;
        let mut first = 0;
        for _ in 0..hops {
            let end = self.queue.len();
            for place in first..end {
                let node = self.queue[place] as usize;
                for &target in &self.targets[self.starts[node]..self.starts[node + 1]] {
                    if self.seen[target as usize] != self.round {
                        self.seen[target as usize] = self.round;
                        self.queue.push(target);
                    }
                }
            }
            first = end;
        }
        self.queue.len()
    }
}

/// Median and 99th percentile in milliseconds, and the mean of what `run` returns.
#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn measure(seeds: &[u32], mut run: impl FnMut(u32) -> usize) -> (f64, f64, f64) {
    seeds.iter().take(SEEDS / 10).for_each(|&seed| {
        run(seed);
    });
    let (mut times, mut sum) = (Vec::new(), 0);
    for &seed in seeds {
        let start = Instant::now();
        sum += run(seed);
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    let count = seeds.len();
    (times[count / 2], times[count * 99 / 100], sum as f64 / count as f64)
}

fn spread(
    (spreader, settings): (&mut Spreader, &SpreadSettings),
    graph: &impl Adjacency,
    seed: u32,
) -> usize {
    let found = spreader.spread(graph, settings, &[(seed, 1.0)], &|_| true);
    let mut best = TopK::new(10);
    for activated in found.nodes() {
        if best.threshold().is_some_and(|least| activated.activation < least) {
            continue;
        }
        best.push(u64::from(activated.node), activated.activation);
    }
    std::hint::black_box(best.into_sorted());
    found.nodes().len()
}

#[expect(clippy::print_stdout, reason = "the figures are this tool's output")]
fn report(name: &str, edges: &[Edge]) -> Result<(), Box<dyn std::error::Error>> {
    let graph = Graph::from_edges(edges);
    let bytes = GraphBlock::write(&graph);
    let block = GraphBlock::open(&bytes)?;
    let mut numbers = Numbers(7);
    let seeds: Vec<u32> = (0..SEEDS).map(|_| numbers.below(graph.nodes())).collect();
    let mut spreader = Spreader::new();
    for hops in [2, 3] {
        let mut parts = Vec::new();
        for (prefix, backward) in [("", 1.0), ("out_", 0.0)] {
            let settings = SpreadSettings {
                hops,
                backward: [backward; EdgeType::COUNT],
                link_budget: u64::MAX,
                ..SpreadSettings::default()
            };
            let mut csr = Csr::new(&graph, backward == 0.0);
            let mut line = |label: &str, (p50, p99, reached): (f64, f64, f64)| {
                parts.push(format!(
                    "\"{prefix}{label}\":{{\"p50_ms\":{p50:.4},\"p99_ms\":{p99:.4},\"reached\":{reached:.0}}}"
                ));
            };
            line("walk", measure(&seeds, |seed| csr.walk(seed, hops)));
            line("csr", measure(&seeds, |s| spread((&mut spreader, &settings), &block, s)));
            let bounded = SpreadSettings {
                link_budget: SpreadSettings::default().link_budget,
                ..settings.clone()
            };
            line("budget", measure(&seeds, |s| spread((&mut spreader, &bounded), &block, s)));
            line("pages", measure(&seeds, |s| spread((&mut spreader, &settings), &graph, s)));
        }
        println!(
            "{{\"graph\":\"{name}\",\"nodes\":{},\"edges\":{},\"heap_bytes\":{},\"block_bytes\":{},\"hops\":{hops},{}}}",
            graph.nodes(),
            graph.edge_count(),
            graph.heap_bytes(),
            bytes.len(),
            parts.join(",")
        );
    }
    Ok(())
}

/// What it costs to publish a snapshot and to change the graph behind it.
#[expect(clippy::print_stdout, reason = "the figures are this tool's output")]
fn report_changes() {
    const MANY: u32 = 1_000_000;
    let mut numbers = Numbers(8);
    let mut random = move || edge(numbers.below(MANY), numbers.below(MANY), 1, 0.5);
    let edges: Vec<Edge> = (0..MANY).filter_map(|_| random()).collect();
    let mut graph = Graph::from_edges(&edges);
    let seeds: Vec<u32> = (0..SEEDS as u32).collect();
    let copy = measure(&seeds, |_| std::hint::black_box(graph.clone()).edge_count() as usize);
    let commit = measure(&seeds, |_| {
        let snapshot = graph.clone();
        (0..20).filter_map(|_| random()).for_each(|edge| {
            graph.insert(edge);
        });
        snapshot.edge_count() as usize
    });
    println!(
        "{{\"graph\":\"changes\",\"nodes\":{MANY},\"copy\":{{\"p50_ms\":{:.4},\"p99_ms\":{:.4}}},\"copy_and_20_edges\":{{\"p50_ms\":{:.4},\"p99_ms\":{:.4}}}}}",
        copy.0, copy.1, commit.0, commit.1
    );
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    report("uniform", &generated(|numbers| numbers.below(NODES)))?;
    report("power-law", &generated(power_law))?;
    for path in std::env::args().skip(1) {
        let name = path.rsplit('/').next().unwrap_or_default();
        report(name, &read(&path)?)?;
    }
    report_changes();
    Ok(())
}
