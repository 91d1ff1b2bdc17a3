//! The associations of a space: a graph over the nodes of memories and entities, and what was said about its edges.
//!
//! Part of the immutable snapshot: a copy shares all but what changes. An entity lives as long as a memory names it, so
//! that nothing of a deleted memory stays behind.

use std::collections::BTreeSet;
use std::hash::{BuildHasherDefault, DefaultHasher};
use std::sync::Arc;

use engram_index::{Adjacency, Direction, Edge, EdgeWeight, Graph, Link, TitleMatcher};
use rpds::HashTrieMapSync;

use super::by_node::ByNode;
use super::successions::{Succession, Successions};
use crate::association::{EdgeKind, Statement};

/// The hasher has fixed keys: nothing differs between runs. Nothing is ever listed in the order of a hash.
pub(super) type Map<K, V> = HashTrieMapSync<K, V, BuildHasherDefault<DefaultHasher>>;

/// Edges of a node from which on no more are formed. What callers state is not bounded by it.
const DEGREE_MAX: u32 = 10_000;

/// What a title, an entity and a statement cost in RAM with their places in the maps, about; an entity without its place by
/// node.
const TITLE_BYTES: usize = 200;
const ENTITY_BYTES: usize = 200;
const STATEMENT_BYTES: usize = 240;

/// A person, thing or place that memories name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entity {
    /// Folded: what makes it the same entity.
    pub(crate) key: Arc<str>,
    /// As it was first written.
    pub(crate) name: Arc<str>,
}

/// The graph with its names.
#[derive(Clone, Debug)]
pub(crate) struct Associations {
    pub(crate) graph: Graph,
    nodes_of_keys: Map<Arc<str>, u32>,
    entities: ByNode<Entity>,
    statements: Map<(u32, u32), Statement>,
    /// Titles with the nodes of the memories that bear them.
    pub(crate) titles: TitleMatcher,
    /// What took the place of which memories; each stands beside an edge of the graph.
    pub(crate) successions: Successions,
    /// The associations of all memories with smaller nodes are formed.
    pub(crate) linked: u32,
}

impl Default for Associations {
    fn default() -> Associations {
        Associations {
            graph: Graph::default(),
            nodes_of_keys: Map::default(),
            entities: ByNode::default(),
            statements: Map::default(),
            titles: TitleMatcher::new(),
            successions: Successions::default(),
            linked: 0,
        }
    }
}

impl Associations {
    /// A graph and titles, without entities and statements.
    pub(crate) fn of(graph: Graph, titles: TitleMatcher) -> Associations {
        Associations { graph, titles, ..Associations::default() }
    }

    /// All entities with their nodes, ascending.
    pub(crate) fn entities(&self) -> impl Iterator<Item = (u32, &Entity)> {
        self.entities.iter()
    }

    /// All that was said about explicit associations, in no order.
    pub(crate) fn statements(&self) -> impl Iterator<Item = ((u32, u32), &Statement)> {
        self.statements.iter().map(|(pair, statement)| (*pair, statement))
    }

    /// Notes what was said about an association that is in the graph.
    pub(crate) fn put_statement(&mut self, pair: (u32, u32), statement: Statement) {
        self.statements.insert_mut(pair, statement);
    }

    /// Number of entities.
    pub(crate) fn entity_count(&self) -> usize {
        self.entities.len()
    }

    /// Estimated bytes in RAM.
    pub(crate) fn heap_bytes(&self) -> u64 {
        let entities = self.entities.len() * ENTITY_BYTES + self.entities.heap_bytes();
        let statements = self.statements.size() * STATEMENT_BYTES;
        let titles = self.titles.len() * TITLE_BYTES;
        let successions = self.successions.heap_bytes();
        (self.graph.heap_bytes() + titles + entities + statements + successions) as u64
    }

    /// The node of the entity with this key.
    pub(crate) fn node_of(&self, key: &str) -> Option<u32> {
        self.nodes_of_keys.get(key).copied()
    }

    /// The entity of a node; none for a memory.
    pub(crate) fn entity(&self, node: u32) -> Option<&Entity> {
        self.entities.get(node)
    }

    /// What was said about an explicit association.
    pub(crate) fn statement(&self, from: u32, to: u32) -> Option<&Statement> {
        self.statements.get(&(from, to))
    }

    /// Weight of an explicit association.
    pub(crate) fn stated_weight(&self, from: u32, to: u32) -> Option<EdgeWeight> {
        let kind = EdgeKind::Explicit.edge_type();
        let own = |link: &Link| {
            link.edge_type == kind && link.direction == Direction::Out && link.node == to
        };
        self.graph.links(from).find(own).map(|link| link.weight)
    }

    /// Adds an entity under a node that was never used. Its key must be free.
    pub(crate) fn admit(&mut self, node: u32, entity: Entity) {
        self.nodes_of_keys.insert_mut(Arc::clone(&entity.key), node);
        self.entities.insert(node, entity);
    }

    /// Adds an edge or changes its weight.
    pub(crate) fn connect(&mut self, from: u32, to: u32, kind: EdgeKind, weight: EdgeWeight) {
        self.graph.insert(Edge { from, to, edge_type: kind.edge_type(), weight });
    }

    /// Adds or replaces an explicit association.
    pub(crate) fn state(
        &mut self,
        (from, to): (u32, u32),
        weight: EdgeWeight,
        statement: Statement,
    ) {
        self.connect(from, to, EdgeKind::Explicit, weight);
        self.put_statement((from, to), statement);
    }

    /// Notes that one memory supersedes another; whatever did before no longer does.
    pub(crate) fn supersede(&mut self, older: u32, succession: Succession) {
        if let Some(before) = self.successions.get(older) {
            self.disconnect(before.by, older, EdgeKind::Supersedes);
        }
        self.connect(succession.by, older, EdgeKind::Supersedes, EdgeWeight::ONE);
        self.successions.put(older, succession);
    }

    /// Whether the chain from one memory on leads to another. Only what supersedes something can be led to.
    pub(crate) fn leads(&self, from: u32, to: u32) -> bool {
        self.supersedes(to).next().is_some() && self.successions.leads(from, to)
    }

    /// Nodes in whose place a memory stands, as the graph has it.
    pub(super) fn supersedes(&self, node: u32) -> impl Iterator<Item = u32> {
        let kind = EdgeKind::Supersedes.edge_type();
        let links = self.graph.links(node);
        links
            .filter(move |link| link.edge_type == kind && link.direction == Direction::Out)
            .map(|link| link.node)
    }

    /// Notes a succession whose edge is in the graph; whether it is.
    pub(crate) fn note_succession(&mut self, older: u32, succession: Succession) -> bool {
        let kind = EdgeKind::Supersedes.edge_type();
        let own = |link: &Link| {
            link.edge_type == kind && link.direction == Direction::In && link.node == succession.by
        };
        let there = self.graph.links(older).any(|link| own(&link));
        self.successions.note(older, succession);
        there
    }

    /// Removes an edge; whether it was there.
    pub(crate) fn disconnect(&mut self, from: u32, to: u32, kind: EdgeKind) -> bool {
        if kind == EdgeKind::Explicit {
            self.statements.remove_mut(&(from, to));
        }
        let removed = self.graph.remove(from, to, kind.edge_type()).is_some();
        if removed && kind == EdgeKind::Entity {
            self.drop_if_unnamed(to);
        }
        if removed && kind == EdgeKind::Supersedes {
            self.successions.remove(to);
        }
        removed
    }

    /// Removes what associates one memory with another in this way. Two memories are associated by the entities that both
    /// name: the first one no longer names them.
    pub(crate) fn part(&mut self, from: u32, to: u32, kind: EdgeKind) {
        if kind == EdgeKind::Entity {
            for entity in self.shared_entities(from, to) {
                self.disconnect(from, entity, kind);
            }
        } else {
            self.disconnect(from, to, kind);
        }
    }

    /// Nodes of the entities that both memories name, ascending.
    pub(crate) fn shared_entities(&self, one: u32, other: u32) -> Vec<u32> {
        let named = |memory: u32| {
            let links = self.graph.links(memory);
            links
                .filter(|link| link.edge_type == EdgeKind::Entity.edge_type())
                .map(|link| link.node)
        };
        let theirs: BTreeSet<u32> = named(other).collect();
        let shared: BTreeSet<u32> = named(one).filter(|node| theirs.contains(node)).collect();
        shared.into_iter().collect()
    }

    /// Removes a memory with all its edges, and the entities that no other memory names.
    pub(crate) fn forget(&mut self, node: u32) {
        let links: Vec<_> = self.graph.links(node).collect();
        self.graph.remove_node(node);
        self.close_row(&links);
        self.close_chain(node, &links);
        for link in links {
            match EdgeKind::from_code(link.edge_type.code()) {
                Some(EdgeKind::Explicit) => {
                    self.statements.remove_mut(&(node, link.node));
                    self.statements.remove_mut(&(link.node, node));
                }
                Some(EdgeKind::Entity) => self.drop_if_unnamed(link.node),
                _ => {}
            }
        }
    }

    /// Hands what was stated about a memory over to the node of its newer version, and forgets the old node: what was formed
    /// is formed anew from what the newer version says.
    pub(super) fn hand_over(&mut self, old: u32, new: u32) {
        let explicit = EdgeKind::Explicit.edge_type();
        let stated = |link: &Link| {
            let (before, after) = match link.direction {
                Direction::Out => ((old, link.node), (new, link.node)),
                Direction::In => ((link.node, old), (link.node, new)),
            };
            let statement = self.statement(before.0, before.1)?.clone();
            Some((after, link.weight, statement))
        };
        let links = self.graph.links(old).filter(|link| link.edge_type == explicit);
        let stated: Vec<_> = links.filter_map(|link| stated(&link)).collect();
        self.forget(old);
        for (pair, weight, statement) in stated {
            self.state(pair, weight, statement);
        }
    }

    /// Removes what follows one memory and what stands before another in their session: they will be neighbours.
    pub(crate) fn clear_row(&mut self, from: u32, to: u32) {
        let beside = |graph: &Graph, node: u32, direction: Direction| {
            let next = EdgeKind::Next.edge_type();
            let found = graph.links(node);
            let mut found = found.filter(|l| l.edge_type == next && l.direction == direction);
            found.next().map(|link| link.node)
        };
        if let Some(after) = beside(&self.graph, from, Direction::Out) {
            self.disconnect(from, after, EdgeKind::Next);
        }
        if let Some(before) = beside(&self.graph, to, Direction::In) {
            self.disconnect(before, to, EdgeKind::Next);
        }
    }

    /// Ties what stood before and after a memory in its session to each other.
    fn close_row(&mut self, links: &[Link]) {
        let beside = |direction: Direction| {
            let next = EdgeKind::Next.edge_type();
            links.iter().find(|link| link.edge_type == next && link.direction == direction)
        };
        if let (Some(before), Some(after)) = (beside(Direction::In), beside(Direction::Out))
            && before.node != after.node
        {
            self.connect(before.node, after.node, EdgeKind::Next, after.weight);
        }
    }

    /// What a memory superseded is superseded by what superseded it.
    fn close_chain(&mut self, node: u32, links: &[Link]) {
        let kind = EdgeKind::Supersedes.edge_type();
        let next = self.successions.get(node);
        self.successions.remove(node);
        let older = links.iter().filter(|l| l.edge_type == kind && l.direction == Direction::Out);
        for link in older {
            self.successions.remove(link.node);
            if let Some(next) = next.filter(|next| next.by != link.node) {
                self.supersede(link.node, next);
            }
        }
    }

    /// Whether both nodes may get another edge: a hub of everything says nothing, and each edge copies its page.
    pub(crate) fn has_room(&self, one: u32, other: u32) -> bool {
        self.graph.degree(one) < DEGREE_MAX && self.graph.degree(other) < DEGREE_MAX
    }

    fn drop_if_unnamed(&mut self, node: u32) {
        if self.graph.degree(node) == 0
            && let Some(entity) = self.entities.get(node)
        {
            let key = Arc::clone(&entity.key);
            self.nodes_of_keys.remove_mut(&key);
            self.entities.remove(node);
        }
    }
}
