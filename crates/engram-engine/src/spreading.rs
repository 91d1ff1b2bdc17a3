//! Spread: activation from chosen memories over the associations of a space, with the paths it took.

use std::cell::RefCell;

use engram_index::{Activation, EdgeType, EdgeWeight, Graph, Returns, SpreadSettings, Spreader};

use crate::association::{EdgeKind, PathStep, Spread, SpreadAnswer, SpreadItem};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::memtable::Snapshot;
use crate::model::State;
use crate::read::answered;
use crate::validate;

thread_local! {
    /// Memory to spread in, grown to the largest space that this thread has seen and used again.
    static SPREADER: RefCell<Spreader> = RefCell::new(Spreader::new());
}

impl Engine {
    /// Spreads activation from memories over their associations: each hop halves it, a wide fan damps it by 1 / (1 + ln(1 +
    /// fan)), what reaches a memory on several ways adds up, what comes back to where it was counts no more. An entity stands between the memories that name it and takes
    /// a hop of its own. Suppressed and expired memories neither appear nor conduct. Changes nothing.
    ///
    /// # Errors
    /// Invalid numbers, an invalid filter, [`EngineError::MemoryNotFound`] for a seed.
    pub fn spread(&self, space: &str, asked: &Spread) -> Result<SpreadAnswer, EngineError> {
        validate::spread(asked)?;
        let space = self.serving(space)?;
        let snapshot = space.snapshot.load_full();
        let now_ns = self.now_ns();
        let mut seeds = Vec::with_capacity(asked.seeds.len());
        for (id, activation) in &asked.seeds {
            let at = space.sound(snapshot.recallable(id, now_ns))?;
            seeds.push((snapshot.node(at), *activation));
        }
        let accept = |node: u32| match snapshot.doc_of_node(node) {
            Some((at, state)) => state == State::Active && !snapshot.is_expired(at, now_ns),
            None => snapshot.associations.entity(node).is_some(),
        };
        let answer = SPREADER.with_borrow_mut(|spreader| {
            let settings = settings(asked);
            let graph = &snapshot.associations.graph;
            let activation = spreader.spread(graph, &settings, &seeds, &accept);
            answer(&snapshot, asked, &activation, now_ns)
        });
        space.sound(Ok(answer))
    }
}

fn settings(asked: &Spread) -> SpreadSettings {
    let mut factors = [0.0; EdgeType::COUNT];
    for kind in EdgeKind::ALL {
        if asked.kinds.is_empty() || asked.kinds.contains(&kind) {
            factors[usize::from(kind.code())] = 1.0;
        }
    }
    SpreadSettings {
        hops: asked.hops,
        forward: factors,
        backward: factors,
        returns: Returns::Drop,
        link_budget: u64::from(asked.edges_max),
        ..SpreadSettings::default()
    }
}

fn answer(
    snapshot: &Snapshot,
    asked: &Spread,
    activation: &Activation<'_, Graph>,
    now_ns: i64,
) -> SpreadAnswer {
    let validities = snapshot.validities(&asked.filter, now_ns);
    let shown = |node: u32| {
        let (at, _) = snapshot.doc_of_node(node)?;
        let passes = || validities.pass(&asked.filter, node, &snapshot.memory(at));
        (asked.filter.is_empty() || passes()).then_some(at)
    };
    let mut found: Vec<_> = activation
        .nodes()
        .iter()
        .filter_map(|reached| Some((shown(reached.node)?, reached.node, reached.activation)))
        .collect();
    found.sort_by(|a, b| b.2.total_cmp(&a.2).then(a.1.cmp(&b.1)));
    found.truncate(asked.limit);
    let item = |(at, node, strength)| SpreadItem {
        detail: answered(snapshot, at, now_ns),
        activation: strength,
        path: path(snapshot, activation, node),
    };
    SpreadAnswer {
        items: found.into_iter().map(item).collect(),
        edges_followed: activation.links_visited(),
        cut: activation.budget_hit(),
        lsn: snapshot.lsn,
    }
}

/// The strongest way to a memory; two steps over an entity become one between the memories that name it.
fn path(snapshot: &Snapshot, activation: &Activation<'_, Graph>, node: u32) -> Vec<PathStep> {
    let mut steps: Vec<PathStep> = Vec::new();
    let mut over: Option<(u32, f32)> = None;
    for step in activation.path(node) {
        let Some(kind) = EdgeKind::from_code(step.edge_type.code()) else { continue };
        let weight = step.weight.get();
        if snapshot.associations.entity(step.to).is_some() {
            over = Some((step.from, weight));
            continue;
        }
        let (from, weight, entity) = match over.take() {
            Some((from, first)) => (from, first * weight, Some(step.from)),
            None => (step.from, weight, None),
        };
        steps.push(snapshot.path_step((from, step.to), kind, entity, weight));
    }
    steps
}

impl Snapshot {
    /// One step between two memories as an answer shows it.
    pub(crate) fn path_step(
        &self,
        (from, to): (u32, u32),
        kind: EdgeKind,
        entity: Option<u32>,
        weight: f32,
    ) -> PathStep {
        let stated = || {
            let said = self.associations.statement(from, to);
            said.or_else(|| self.associations.statement(to, from))
        };
        let label = match (kind, entity) {
            (EdgeKind::Explicit, _) => stated().map(|said| said.relation.to_string()),
            (_, Some(entity)) => {
                self.associations.entity(entity).map(|entity| entity.name.to_string())
            }
            (_, None) => None,
        };
        let label = label.unwrap_or_default();
        // Two associations make one over an entity; each other weight is shown as it was stated.
        let weight = match (entity, EdgeWeight::new(weight)) {
            (None, Some(weight)) => weight.stated(),
            _ => weight,
        };
        PathStep { from: self.id_of_node(from), to: self.id_of_node(to), kind, label, weight }
    }
}
