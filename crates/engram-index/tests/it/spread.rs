//! Spreading activation against two oracles: the same rules over a plain list of edges, which must agree bit for bit, and
//! powers of a dense matrix.

use std::collections::BTreeMap;

use engram_index::{
    Adjacency, Direction, Edge, EdgeType, Fan, Graph, GraphBlock, HubDamping, Returns,
    SpreadProblem, SpreadSettings, Spreader,
};
use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::graph::{edge, edges};

/// A link as a sortable row: other node, type, direction, weight.
type Row = (u32, EdgeType, Direction, f32);

fn rows(edges: &[Edge]) -> BTreeMap<u32, Vec<Row>> {
    let mut rows: BTreeMap<u32, Vec<Row>> = BTreeMap::new();
    for e in edges {
        let weight = e.weight.get();
        rows.entry(e.from).or_default().push((e.to, e.edge_type, Direction::Out, weight));
        rows.entry(e.to).or_default().push((e.from, e.edge_type, Direction::In, weight));
    }
    rows.values_mut().for_each(|rows| rows.sort_by_key(|row| (row.0, row.1, row.2)));
    rows
}

fn factor(settings: &SpreadSettings, row: &Row) -> f32 {
    let table = match row.2 {
        Direction::Out => &settings.forward,
        Direction::In => &settings.backward,
    };
    table[usize::from(row.1.code())]
}

fn log_damping(fan: usize) -> f32 {
    1.0 / (1.0 + libm::logf(1.0 + fan as f32))
}

/// What the rules lead to.
#[derive(Default)]
struct Found {
    activation: BTreeMap<u32, f32>,
    /// The greatest contribution to each node.
    best: BTreeMap<u32, f32>,
    visited: u64,
    budget_hit: bool,
}

/// The rules as they are written down, over maps.
fn naive(
    edges: &[Edge],
    settings: &SpreadSettings,
    seeds: &[(u32, f32)],
    accept: &dyn Fn(u32) -> bool,
) -> Found {
    let rows = rows(edges);
    let none = Vec::new();
    let rows_of = |node: u32| rows.get(&node).unwrap_or(&none);
    let fan = |node: u32| rows_of(node).iter().filter(|row| factor(settings, row) > 0.0).count();
    let mut sorted = seeds.to_vec();
    sorted.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let mut pulses: BTreeMap<u32, f32> = BTreeMap::new();
    for (node, activation) in sorted {
        if activation > 0.0 && accept(node) {
            *pulses.entry(node).or_insert(0.0) += activation;
        }
    }
    let mut found = Found { activation: pulses.clone(), ..Found::default() };
    for _ in 0..settings.hops {
        let mut order: Vec<(u32, f32)> =
            pulses.iter().map(|(&node, &pulse)| (node, pulse)).collect();
        order.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let (mut pushing, mut left) = (Vec::new(), settings.link_budget - found.visited);
        for (node, pulse) in order {
            let work = rows_of(node).len() as u64;
            if work <= left {
                left -= work;
                pushing.push((node, pulse));
            } else {
                found.budget_hit = true;
            }
        }
        found.visited = settings.link_budget - left;
        pushing.sort_by_key(|pushing| pushing.0);
        let mut next: BTreeMap<u32, (f32, f32)> = BTreeMap::new();
        for (node, pulse) in pushing {
            let carried =
                |row: &Row| factor(settings, row) * settings.decay / 65_536.0 * (row.3 * 65_536.0);
            let damping = match settings.fan {
                Fan::None => 1.0,
                Fan::Log => log_damping(fan(node)),
                Fan::Inverse => 1.0 / fan(node).max(1) as f32,
                Fan::Share => {
                    let sum: f32 = rows_of(node).iter().map(carried).sum();
                    if sum > 0.0 { settings.decay / sum } else { 0.0 }
                }
            };
            for row in rows_of(node) {
                let contribution = pulse * damping * carried(row);
                if contribution > 0.0 {
                    let (sum, best) = next.entry(row.0).or_default();
                    *sum += contribution;
                    *best = best.max(contribution);
                }
            }
        }
        let mut arrivals: Vec<(u32, f32, f32)> = Vec::new();
        for (node, (pulse, best)) in next {
            let damping = match settings.hubs {
                HubDamping::None => 1.0,
                HubDamping::Log => log_damping(fan(node)),
            };
            let (pulse, best) = (pulse * damping, best * damping);
            let known = found.activation.contains_key(&node);
            let dropped = settings.returns == Returns::Drop && known;
            if accept(node) && pulse >= settings.pulse_min && !dropped {
                arrivals.push((node, pulse, best));
            }
        }
        arrivals.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        arrivals.truncate(settings.survivors_max.unwrap_or(u32::MAX) as usize);
        pulses.clear();
        for (node, pulse, best) in arrivals {
            pulses.insert(node, pulse);
            *found.activation.entry(node).or_insert(0.0) += pulse;
            let greatest = found.best.entry(node).or_insert(best);
            *greatest = greatest.max(best);
        }
    }
    found
}

/// Σ over hops of powers of one dense matrix in f64, times the seeds.
fn dense(edges: &[Edge], settings: &SpreadSettings, seeds: &[(u32, f32)], n: usize) -> Vec<f64> {
    let rows = rows(edges);
    let mut matrix = vec![vec![0.0_f64; n]; n];
    let mut fans = vec![0.0_f64; n];
    for (&node, rows) in &rows {
        let carried = |row: &Row| f64::from(factor(settings, row)) * f64::from(row.3);
        let fan = rows.iter().filter(|row| factor(settings, row) > 0.0).count() as f64;
        fans[node as usize] = fan;
        let sum: f64 = rows.iter().map(carried).sum();
        let damping = match settings.fan {
            Fan::None => 1.0,
            Fan::Log => 1.0 / (1.0 + (1.0 + fan).ln()),
            Fan::Inverse => 1.0 / fan.max(1.0),
            Fan::Share => 1.0 / sum.max(f64::MIN_POSITIVE),
        };
        for row in rows {
            matrix[row.0 as usize][node as usize] +=
                f64::from(settings.decay) * damping * carried(row);
        }
    }
    if settings.hubs == HubDamping::Log {
        for (row, fan) in matrix.iter_mut().zip(&fans) {
            row.iter_mut().for_each(|cell| *cell /= 1.0 + (1.0 + fan).ln());
        }
    }
    let mut pulse = vec![0.0_f64; n];
    seeds.iter().for_each(|seed| pulse[seed.0 as usize] += f64::from(seed.1));
    let mut total = pulse.clone();
    for _ in 0..settings.hops {
        pulse = matrix.iter().map(|row| row.iter().zip(&pulse).map(|(m, p)| m * p).sum()).collect();
        total.iter_mut().zip(&pulse).for_each(|(total, pulse)| *total += pulse);
    }
    total
}

fn settings() -> impl Strategy<Value = SpreadSettings> {
    let factors = || prop::array::uniform16(prop_oneof![Just(0.0_f32), Just(1.0), 0.0_f32..1.0]);
    let fan = prop_oneof![Just(Fan::None), Just(Fan::Log), Just(Fan::Inverse), Just(Fan::Share)];
    let hubs = prop_oneof![Just(HubDamping::None), Just(HubDamping::Log)];
    let returns = prop_oneof![Just(Returns::Count), Just(Returns::Drop)];
    let bounds =
        (prop::option::of(0_u32..12), prop_oneof![Just(0.0_f32), 0.0_f32..0.1], 0_u64..400);
    (1_u32..5, 0.05_f32..=1.0, factors(), factors(), (fan, hubs, returns, bounds)).prop_map(
        |(
            hops,
            decay,
            forward,
            backward,
            (fan, hubs, returns, (survivors_max, pulse_min, link_budget)),
        )| {
            SpreadSettings {
                hops,
                decay,
                forward,
                backward,
                fan,
                hubs,
                returns,
                survivors_max,
                pulse_min,
                link_budget,
            }
        },
    )
}

fn seeds() -> impl Strategy<Value = Vec<(u32, f32)>> {
    prop::collection::vec((0_u32..45, prop_oneof![Just(0.0_f32), Just(1.0), 0.0_f32..2.0]), 0..6)
}

/// The result on nodes below this is compared with the dense oracle.
const DENSE_NODES: u32 = 100;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn equals_the_written_rules_bit_for_bit(
        edges in edges(120),
        settings in settings(),
        mut seeds in seeds(),
        refused in 0_u32..7,
    ) {
        let graph = Graph::from_edges(&edges);
        let edges: Vec<Edge> = graph.edges().collect();
        let accept = |node: u32| node % 7 != refused || refused == 0;
        let expected = naive(&edges, &settings, &seeds, &accept);
        let mut spreader = Spreader::new();
        let bytes = GraphBlock::write(&graph);
        let block = GraphBlock::open(&bytes).unwrap();
        // The same memory serves again and again, on both forms, with the seeds in another order.
        for _ in 0..2 {
            let found = spreader.spread(&graph, &settings, &seeds, &accept);
            prop_assert_eq!(found.links_visited(), expected.visited);
            prop_assert_eq!(found.budget_hit(), expected.budget_hit);
            let activated: BTreeMap<u32, f32> =
                found.nodes().iter().map(|a| (a.node, a.activation)).collect();
            prop_assert_eq!(&activated, &expected.activation);
            for &node in activated.keys() {
                let best = found.best_step(node).map(|step| step.contribution);
                prop_assert_eq!(best, expected.best.get(&node).copied());
            }
            seeds.reverse();
            let found = spreader.spread(&block, &settings, &seeds, &accept);
            prop_assert!(found.nodes().iter().map(|a| (a.node, a.activation)).eq(activated));
        }
    }

    #[test]
    fn equals_powers_of_a_dense_matrix(edges in edges(120), settings in settings(), seeds in seeds()) {
        let settings = SpreadSettings {
            returns: Returns::Count,
            survivors_max: None,
            pulse_min: 0.0,
            link_budget: u64::MAX,
            ..settings
        };
        let edges: Vec<Edge> =
            edges.into_iter().filter(|e| e.from.max(e.to) < DENSE_NODES).collect();
        let graph = Graph::from_edges(&edges);
        let edges: Vec<Edge> = graph.edges().collect();
        let expected = dense(&edges, &settings, &seeds, DENSE_NODES as usize);
        let mut spreader = Spreader::new();
        let found = spreader.spread(&graph, &settings, &seeds, &|_| true);
        for (node, expected) in (0_u32..).zip(expected) {
            let activation = f64::from(found.of(node).unwrap_or(0.0));
            prop_assert!((activation - expected).abs() <= 1e-5 * expected + 1e-30, "{node}");
        }
    }

    #[test]
    fn pagerank_equals_power_iteration(edges in edges(120), seed in 0_u32..40) {
        let edges: Vec<Edge> =
            edges.into_iter().filter(|e| e.from.max(e.to) < DENSE_NODES).collect();
        let graph = Graph::from_edges(&edges);
        let edges: Vec<Edge> = graph.edges().collect();
        prop_assume!(graph.degree(seed) > 0);
        let restart = 0.5_f32;
        let settings = SpreadSettings {
            link_budget: u64::MAX,
            ..SpreadSettings::pagerank(restart, 32)
        };
        // r = restart · e + (1 - restart) · P · r, iterated until nothing moves.
        let n = DENSE_NODES as usize;
        let step = SpreadSettings { hops: 1, decay: 1.0, ..settings };
        let mut rank = vec![0.0_f64; n];
        for _ in 0..80 {
            let now: Vec<(u32, f32)> = (0_u32..).zip(&rank).map(|(v, r)| (v, *r as f32)).collect();
            let moved = dense(&edges, &step, &now, n);
            let walk = moved.iter().zip(&now).map(|(sum, at)| sum - f64::from(at.1));
            rank = walk.map(|walk| walk * 0.5).collect();
            rank[seed as usize] += 0.5;
        }
        let mut spreader = Spreader::new();
        let found = spreader.spread(&graph, &settings, &[(seed, restart)], &|_| true);
        let sum: f64 = found.nodes().iter().map(|a| f64::from(a.activation)).sum();
        prop_assert!((sum - 1.0).abs() < 1e-5, "nothing is lost: {sum}");
        for (node, expected) in (0_u32..).zip(rank) {
            let activation = f64::from(found.of(node).unwrap_or(0.0));
            prop_assert!((activation - expected).abs() < 1e-6, "{node}: {activation} {expected}");
        }
    }

    #[test]
    fn paths_lead_from_a_seed_over_edges_that_are_there(
        edges in edges(120),
        settings in settings(),
        seeds in seeds(),
    ) {
        let graph = Graph::from_edges(&edges);
        let mut spreader = Spreader::new();
        let found = spreader.spread(&graph, &settings, &seeds, &|_| true);
        for activated in found.nodes() {
            let path = found.path(activated.node);
            let is_seed = |node: u32| seeds.iter().any(|seed| seed.0 == node && seed.1 > 0.0);
            let Some(last) = path.last() else {
                prop_assert!(is_seed(activated.node));
                continue;
            };
            prop_assert_eq!(Some(*last), found.best_step(activated.node));
            prop_assert!(is_seed(path[0].from));
            prop_assert_eq!(last.to, activated.node);
            for (hop, step) in (1_u32..).zip(&path) {
                prop_assert_eq!(step.hop, hop);
                prop_assert!(step.contribution > 0.0 && step.contribution <= f32::MAX);
                let (from, to) = match step.direction {
                    Direction::Out => (step.from, step.to),
                    Direction::In => (step.to, step.from),
                };
                prop_assert_eq!(graph.weight(from, to, step.edge_type), Some(step.weight));
            }
            prop_assert!(path.windows(2).all(|pair| pair[0].to == pair[1].from));
        }
    }
}

fn check(edges: &[Edge], settings: &SpreadSettings, seeds: &[(u32, f32)], expected: Expect) {
    let mut spreader = Spreader::new();
    let graph = Graph::from_edges(edges);
    let found = spreader.spread(&graph, settings, seeds, &|node| node != 9);
    let mut lines = Vec::new();
    for activated in found.nodes() {
        let path = found.path(activated.node).into_iter().map(|step| {
            let arrow = if step.direction == Direction::Out { "→" } else { "←" };
            format!(" {} {}{arrow}", step.from, step.edge_type.code())
        });
        let path: String = path.collect();
        lines.push(format!("{:.4}{path} {}", activated.activation, activated.node));
    }
    lines.push(format!(
        "{} links{}",
        found.links_visited(),
        ["", ", cut"][usize::from(found.budget_hit())]
    ));
    expected.assert_eq(&lines.join("\n"));
}

#[test]
fn small_graphs() {
    let plain = SpreadSettings { fan: Fan::None, ..SpreadSettings::default() };
    let chain = [edge(0, 1, 0, 1.0), edge(1, 2, 1, 0.5), edge(3, 1, 2, 0.25), edge(2, 9, 0, 1.0)];
    check(
        &chain,
        &plain,
        &[(0, 1.0)],
        expect![[r#"
        1.2500 0 0→ 1 0← 0
        0.5000 0 0→ 1
        0.1250 0 0→ 1 1→ 2
        0.0625 0 0→ 1 2← 3
        4 links"#]],
    );
    let forward = SpreadSettings { backward: [0.0; 16], ..plain };
    check(
        &chain,
        &forward,
        &[(0, 1.0), (3, 1.0)],
        expect![[r#"
        1.0000 0
        0.6250 0 0→ 1
        0.1562 0 0→ 1 1→ 2
        1.0000 3
        5 links"#]],
    );
    let star: Vec<Edge> = (1..9).map(|leaf| edge(0, leaf, 3, leaf as f32 / 8.0)).collect();
    let inhibited = SpreadSettings { survivors_max: Some(2), ..forward };
    check(
        &star,
        &inhibited,
        &[(0, 1.0)],
        expect![[r#"
        1.0000 0
        0.4375 0 3→ 7
        0.5000 0 3→ 8
        10 links"#]],
    );
    let fanned = SpreadSettings { fan: Fan::Inverse, ..forward };
    check(
        &star[..4],
        &fanned,
        &[(0, 1.0)],
        expect![[r#"
        1.0000 0
        0.0156 0 3→ 1
        0.0312 0 3→ 2
        0.0469 0 3→ 3
        0.0625 0 3→ 4
        8 links"#]],
    );
    let once = SpreadSettings { returns: Returns::Drop, ..plain };
    check(
        &chain,
        &once,
        &[(0, 1.0)],
        expect![[r#"
        1.0000 0
        0.5000 0 0→ 1
        0.1250 0 0→ 1 1→ 2
        0.0625 0 0→ 1 2← 3
        4 links"#]],
    );
    let poor = SpreadSettings { link_budget: 5, ..plain };
    check(
        &star,
        &poor,
        &[(0, 1.0), (3, 0.5), (20, 0.0), (21, 0.1)],
        expect![[r#"
        1.0938 3 3← 0
        0.5000 3
        0.1000 21
        1 links, cut"#]],
    );
}

/// The bits of a larger graph with hubs, pinned: another machine, compiler or order of additions would change them.
#[test]
fn the_bits_are_those_of_every_machine() {
    let mut state = 1_u64;
    let mut random = |end: u64| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 33) * end) >> 31
    };
    let mut edges = Vec::new();
    for _ in 0..20_000 {
        let (from, to) = (random(2_000) as u32, (random(2_000) * random(2_000) / 2_000) as u32);
        edges.push(edge(from, to, random(6) as u8, (random(1_000) + 1) as f32 / 1_000.0));
    }
    let graph = Graph::from_edges(&edges);
    let mut lines = Vec::new();
    for (fan, hubs) in [
        (Fan::Log, HubDamping::Log),
        (Fan::Inverse, HubDamping::None),
        (Fan::Share, HubDamping::None),
    ] {
        let settings = SpreadSettings { hops: 3, fan, hubs, ..SpreadSettings::default() };
        let mut spreader = Spreader::new();
        let found = spreader.spread(&graph, &settings, &[(3, 1.0), (700, 0.3)], &|_| true);
        // FNV-1a, in words instead of bytes.
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for activated in found.nodes() {
            for word in [activated.node, activated.activation.to_bits()] {
                hash = (hash ^ u64::from(word)).wrapping_mul(0x0100_0000_01b3);
            }
        }
        let hit = found.budget_hit();
        lines.push(format!("{} {} {hit} {hash:016x}", found.nodes().len(), found.links_visited()));
    }
    expect![[r#"
        1998 19997 true 7df6a604c5161dc7
        1999 19997 true 776a41fc57479029
        1998 19999 true c212579df4e0a344"#]]
    .assert_eq(&lines.join("\n"));
}

#[test]
fn great_activations_stay_finite() {
    let edges: Vec<Edge> = (1..50).map(|leaf| edge(0, leaf, 0, 1.0)).collect();
    let settings = SpreadSettings { hops: 32, decay: 1.0, fan: Fan::None, ..Default::default() };
    let mut spreader = Spreader::new();
    let graph = Graph::from_edges(&edges);
    let found = spreader.spread(&graph, &settings, &[(0, f32::MAX)], &|_| true);
    assert!(found.nodes().iter().all(|a| a.activation > 0.0 && a.activation.is_finite()));
    assert_eq!(found.nodes().len(), 50);
}

#[test]
fn a_panic_of_the_filter_leaves_nothing_behind() {
    let graph = Graph::from_edges(&[edge(0, 1, 0, 1.0), edge(1, 2, 0, 1.0)]);
    let settings = SpreadSettings::default();
    let mut spreader = Spreader::new();
    let broken = std::panic::AssertUnwindSafe(|| {
        spreader.spread(&graph, &settings, &[(0, 1.0)], &|node| {
            assert_ne!(node, 2, "broken on purpose");
            true
        });
    });
    let _ = std::panic::catch_unwind(broken);
    let after = spreader.spread(&graph, &settings, &[(2, 1.0)], &|_| true).nodes().to_vec();
    assert_eq!(after, Spreader::new().spread(&graph, &settings, &[(2, 1.0)], &|_| true).nodes());
}

#[test]
fn settings_out_of_range() {
    let wrong = |change: &dyn Fn(&mut SpreadSettings)| {
        let mut settings = SpreadSettings::default();
        change(&mut settings);
        settings.check().unwrap_err()
    };
    assert_eq!(wrong(&|s| s.hops = 0), SpreadProblem::Hops);
    assert_eq!(wrong(&|s| s.hops = 33), SpreadProblem::Hops);
    assert_eq!(wrong(&|s| s.decay = f32::NAN), SpreadProblem::Decay);
    assert_eq!(wrong(&|s| s.decay = 0.0), SpreadProblem::Decay);
    let third = EdgeType::new(3).unwrap();
    assert_eq!(wrong(&|s| s.backward[3] = -0.1), SpreadProblem::Factor(third));
    assert_eq!(wrong(&|s| s.forward[3] = f32::NAN), SpreadProblem::Factor(third));
    assert_eq!(wrong(&|s| s.pulse_min = f32::INFINITY), SpreadProblem::PulseMin);
    assert_eq!(EdgeType::new(16), None);
}
