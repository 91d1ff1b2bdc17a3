//! The graph and its bytes against a map of edges.

use std::collections::BTreeMap;

use engram_index::{
    Adjacency, Direction, Edge, EdgeType, EdgeWeight, Graph, GraphBlock, GraphDamage, Link,
};
use proptest::prelude::*;

pub(crate) fn edge(from: u32, to: u32, code: u8, weight: f32) -> Edge {
    let edge_type = EdgeType::new(code).expect("a code below 16");
    let weight = EdgeWeight::new(weight).expect("a weight in (0, 1]");
    Edge { from, to, edge_type, weight }
}

/// Edges between nodes that lie close together and in other pages and branches.
pub(crate) fn edges(count: usize) -> impl Strategy<Value = Vec<Edge>> {
    let node = || prop_oneof![8 => 0_u32..40, 1 => 60_u32..70, 1 => 4_090_u32..4_100];
    let one = (node(), node(), 0_u8..16, 1_u32..=65_536)
        .prop_map(|(from, to, code, steps)| edge(from, to, code % 4 * 5, steps as f32 / 65_536.0));
    prop::collection::vec(one, 0..count)
}

type Model = BTreeMap<(u32, u32, EdgeType), EdgeWeight>;

fn same(graph: &impl Adjacency, model: &Model) -> Result<(), TestCaseError> {
    let listed: Vec<_> = graph.edges().map(|e| ((e.from, e.to, e.edge_type), e.weight)).collect();
    let expected: Vec<_> = model.iter().map(|(&key, &weight)| (key, weight)).collect();
    prop_assert_eq!(listed, expected);
    for node in model.keys().flat_map(|key| [key.0, key.1]) {
        let mut links: Vec<(u32, EdgeType, Direction, EdgeWeight)> = Vec::new();
        for (&(from, to, edge_type), &weight) in model {
            links.extend((from == node).then_some((to, edge_type, Direction::Out, weight)));
            links.extend((to == node).then_some((from, edge_type, Direction::In, weight)));
        }
        links.sort_unstable();
        let read = graph
            .links(node)
            .map(|link: Link| (link.node, link.edge_type, link.direction, link.weight));
        prop_assert_eq!(graph.degree(node) as usize, links.len());
        prop_assert!(read.eq(links.iter().copied()));
        for code in [0, 5, 15] {
            let edge_type = EdgeType::new(code).expect("a code below 16");
            let count = links.iter().filter(|l| (l.1, l.2) == (edge_type, Direction::In)).count();
            prop_assert_eq!(graph.degree_of(node, edge_type, Direction::In) as usize, count);
        }
    }
    for (&(from, to, edge_type), &weight) in model {
        prop_assert_eq!(graph.weight(from, to, edge_type), Some(weight));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn changes_equal_those_of_a_map(
        steps in prop::collection::vec((0_u8..8, edges(12)), 1..12),
    ) {
        let (mut graph, mut model) = (Graph::new(), Model::new());
        for (kind, edges) in steps {
            let (before, before_model) = (graph.clone(), model.clone());
            for e in edges {
                let key = (e.from, e.to, e.edge_type);
                match kind {
                    0 | 1 => {
                        prop_assert_eq!(graph.remove(e.from, e.to, e.edge_type), model.remove(&key));
                    }
                    2 => {
                        let count = model.len();
                        model.retain(|key, _| key.0 != e.from && key.1 != e.from);
                        prop_assert_eq!(graph.remove_node(e.from) as usize, count - model.len());
                    }
                    _ => prop_assert_eq!(graph.insert(e), model.insert(key, e.weight)),
                }
            }
            prop_assert_eq!(graph.edge_count(), model.len() as u64);
            same(&graph, &model)?;
            same(&before, &before_model)?;
        }
    }

    #[test]
    fn the_order_of_insertion_never_shows(edges in edges(200), turn in 0_usize..200) {
        let mut model = Model::new();
        for e in &edges {
            let weight = model.entry((e.from, e.to, e.edge_type)).or_insert(e.weight);
            *weight = e.weight.max(*weight);
        }
        let mut turned = edges.clone();
        turned.rotate_left(turn.min(edges.len()));
        turned.reverse();
        let graph = Graph::from_edges(&edges);
        same(&graph, &model)?;
        let mut single = Graph::new();
        for (&(from, to, edge_type), &weight) in model.iter().rev() {
            single.insert(Edge { from, to, edge_type, weight });
        }
        prop_assert_eq!(&graph, &Graph::from_edges(&turned));
        prop_assert_eq!(&graph, &single);
        let bytes = GraphBlock::write(&graph);
        prop_assert_eq!(&bytes, &GraphBlock::write(&single));
        let block = GraphBlock::open(&bytes).unwrap();
        same(&block, &model)?;
        let copy = Graph::copied(&block);
        prop_assert_eq!(&copy, &graph);
        prop_assert_eq!(copy.edge_count(), model.len() as u64);
        prop_assert_eq!(&bytes, &GraphBlock::write(&block));
    }

    #[test]
    fn new_ordinals(edges in edges(60), turn in 0_u32..5_000) {
        let graph = Graph::from_edges(&edges);
        let remap = |node: u32| (!node.is_multiple_of(3)).then_some((node + turn) % 5_000);
        let mut model = Model::new();
        for e in graph.edges() {
            if let (Some(from), Some(to)) = (remap(e.from), remap(e.to)) {
                model.insert((from, to, e.edge_type), e.weight);
            }
        }
        same(&graph.remapped(&remap), &model)?;
    }

    #[test]
    fn damaged_bytes_are_refused(
        edges in edges(30),
        at in any::<prop::sample::Index>(),
        bit in 0_u32..8,
        cut in any::<prop::sample::Index>(),
    ) {
        let bytes = GraphBlock::write(&Graph::from_edges(&edges));
        let mut flipped = bytes.clone();
        flipped[at.index(bytes.len())] ^= 1 << bit;
        prop_assert!(GraphBlock::open(&flipped).is_err());
        prop_assert_eq!(
            GraphBlock::open(&bytes[..cut.index(bytes.len())]).unwrap_err(),
            GraphDamage::Length
        );
    }

    #[test]
    fn no_bytes_make_it_panic(
        nodes in 0_u32..6,
        links in 0_u32..6,
        body in prop::collection::vec(prop_oneof![3 => 0_u8..4, 1 => any::<u8>()], 0..100),
    ) {
        let mut bytes = GraphBlock::write(&Graph::new());
        bytes[12..16].copy_from_slice(&nodes.to_le_bytes());
        bytes[16..20].copy_from_slice(&links.to_le_bytes());
        bytes.truncate(32);
        let table = (nodes as usize + 1).next_multiple_of(2) * 4;
        let len = 32 + table + links as usize * 8;
        bytes.extend(body.iter().copied().chain(std::iter::repeat(0)).take(len - 32));
        if let Ok(block) = GraphBlock::open(&bytes) {
            prop_assert_eq!(GraphBlock::write(&block), bytes);
        }
    }
}

#[test]
fn damage_has_its_name() {
    let graph = Graph::from_edges(&[edge(0, 1, 0, 1.0), edge(1, 2, 3, 0.5)]);
    let bytes = GraphBlock::write(&graph);
    let damaged = |at: usize, value: u8| {
        let mut bytes = bytes.clone();
        bytes[at] = value;
        GraphBlock::open(&bytes).unwrap_err().to_string()
    };
    expect_test::expect![[r#"
        no graph block
        graph block of format 2
        graph block of a wrong length
        graph block with unknown fields
        graph block with lists out of order
        links of node 1 are out of order
        a link of node 1 has no other end"#]]
    .assert_eq(
        &[(0, 1), (8, 2), (12, 7), (24, 1), (36, 9), (32 + 16 + 12, 9), (32 + 16 + 16, 7)]
            .map(|(at, value)| damaged(at, value))
            .join("\n"),
    );
}
