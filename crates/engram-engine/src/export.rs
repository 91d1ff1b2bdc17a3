//! Export: what import takes, page by page in an order that never changes: memories in the order of the log, then what was
//! said about them. A file read from top to bottom always finds what it refers to.
//!
//! A pure read: nothing counts as used.

use std::collections::BTreeSet;

use engram_index::{Adjacency, Direction};
use engram_store::Lsn;

use crate::association::{Associate, EdgeKind};
use crate::dynamics::Trace;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::filter::Filter;
use crate::memtable::{DocRef, Mark, Snapshot};
use crate::model::{Cursor, Memory, NewMemory, State};
use crate::portable::{
    Embedded, Learned, Past, Portable, PortableBelief, PortableDecision, PortableMemory,
};
use crate::request::Visibility;
use crate::space::{Space, has_given_vector};
use crate::validate;

/// Nodes that one page passes in search of what was said about them.
const PASSED_MAX: u32 = 100_000;

/// What to export.
#[derive(Clone, Debug, PartialEq)]
pub struct ExportQuery {
    /// Which memories. What was said about two memories goes with them where both go.
    pub filter: Filter,
    /// In which state.
    pub visibility: Visibility,
    /// Which vectors go with memories.
    pub vectors: ExportVectors,
    /// Where the page starts; none = at the start.
    pub after: Option<ExportCursor>,
    /// Most records in the page, 1 to 1,000.
    pub limit: usize,
}

/// Which vectors go with memories.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportVectors {
    /// Those that nothing could make again: what callers gave, and those of beliefs.
    Needed,
    /// All of them.
    All,
}

/// A part of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ExportPhase {
    /// Memories.
    Memories,
    /// Associations that somebody stated.
    Associations,
    /// Decisions about pairs.
    Decisions,
    /// What beliefs rest on.
    Beliefs,
}

/// A place in an export: what comes behind it is still to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExportCursor {
    /// The part.
    pub phase: ExportPhase,
    /// In the part with the memories the commit of the last one; else the first node that was not passed.
    pub first: u64,
    /// There its position in the commit; else how many records of that node were passed.
    pub second: u32,
    /// Nodes from this one on came after the memories were read.
    pub bound: u32,
}

/// A page of an export.
#[derive(Clone, Debug, PartialEq)]
pub struct ExportPage {
    /// The records. A page may have none and yet be followed by others.
    pub items: Vec<Portable>,
    /// Where the next page starts; none at the end.
    pub next: Option<ExportCursor>,
    /// Last commit that the answer saw.
    pub lsn: Lsn,
}

impl ExportPhase {
    /// All parts, in their order.
    pub const ALL: [ExportPhase; 4] = [
        ExportPhase::Memories,
        ExportPhase::Associations,
        ExportPhase::Decisions,
        ExportPhase::Beliefs,
    ];

    fn next(self) -> Option<ExportPhase> {
        ExportPhase::ALL.into_iter().find(|phase| *phase > self)
    }
}

impl Engine {
    /// A page of an export.
    ///
    /// # Errors
    /// An invalid filter or limit.
    pub fn export(&self, space: &str, query: &ExportQuery) -> Result<ExportPage, EngineError> {
        validate::limit(query.limit)?;
        query.filter.validate()?;
        let space = self.serving(space)?;
        let snapshot = space.snapshot.load_full();
        let mut page = Page {
            space: &space,
            snapshot: &snapshot,
            query,
            now_ns: self.now_ns(),
            items: Vec::new(),
            chosen: None,
            bound: 0,
            passed: 0,
        };
        let next = page.fill();
        space.sound(Ok(ExportPage { items: page.items, next, lsn: snapshot.lsn }))
    }
}

/// A page that is being made.
struct Page<'a> {
    space: &'a Space,
    snapshot: &'a Snapshot,
    query: &'a ExportQuery,
    now_ns: i64,
    items: Vec<Portable>,
    /// Nodes of the memories that the filter lets pass; none = all, or nothing is asked of that yet.
    chosen: Option<BTreeSet<u32>>,
    /// Nodes from this one on came after the memories were read.
    bound: u32,
    /// Nodes that were passed.
    passed: u32,
}

impl Page<'_> {
    fn fill(&mut self) -> Option<ExportCursor> {
        let mut at = match self.query.after {
            Some(after) if after.phase != ExportPhase::Memories => after,
            after => {
                let after = after.map(|at| Cursor { lsn: at.first, position: at.second });
                if let Some(next) = self.memories(after) {
                    return Some(next);
                }
                let (phase, bound) = (ExportPhase::Associations, self.snapshot.next_node);
                ExportCursor { phase, first: 0, second: 0, bound }
            }
        };
        self.bound = at.bound;
        self.choose();
        loop {
            if let Some(next) = self.said(at) {
                return Some(next);
            }
            at = ExportCursor { phase: at.phase.next()?, first: 0, second: 0, ..at };
        }
    }

    fn shows(&self, at: DocRef, state: State) -> bool {
        let shown = match self.query.visibility {
            Visibility::Active => state == State::Active,
            Visibility::Suppressed => state == State::Suppressed,
            Visibility::All => true,
        };
        shown && !self.snapshot.is_expired(at, self.now_ns)
    }

    fn memories(&mut self, after: Option<Cursor>) -> Option<ExportCursor> {
        let (snapshot, query) = (self.snapshot, self.query);
        let validities = snapshot.validities(&query.filter, self.now_ns);
        let mut last = None;
        for (at, state) in snapshot.selected(after, &query.filter, &validities) {
            if !self.shows(at, state) {
                continue;
            }
            if self.items.len() == query.limit {
                return last;
            }
            let memory = snapshot.memory(at).into_arc();
            last = Some(ExportCursor {
                phase: ExportPhase::Memories,
                first: memory.lsn.0,
                second: memory.position,
                bound: 0,
            });
            self.items.push(Portable::Memory(Box::new(self.whole(at, state, &memory))));
        }
        None
    }

    fn whole(&self, at: DocRef, state: State, memory: &Memory) -> PortableMemory {
        let node = self.snapshot.node(at);
        let given = has_given_vector(memory);
        let is_belief = self.snapshot.beliefs.get(node).is_some();
        let needed = given || is_belief || self.query.vectors == ExportVectors::All;
        let vectors = if needed { self.snapshot.vectors(at) } else { Vec::new() };
        let (vector, embedded) = match given {
            true => (vectors.into_iter().next(), None),
            false => {
                let by = self.space.embedded_by().filter(|_| !vectors.is_empty());
                (None, by.map(|by| Embedded { by, vectors }))
            }
        };
        PortableMemory {
            memory: NewMemory {
                id: Some(memory.id.clone()),
                content: memory.content.clone(),
                vector,
            },
            state,
            first_stored_ns: Some(memory.first_committed_at.0),
            learned: Some(self.learned(node, memory, is_belief)),
            embedded,
        }
    }

    fn learned(&self, node: u32, memory: &Memory, is_belief: bool) -> Learned {
        let beliefs = &self.snapshot.beliefs;
        // What was told before it happened fades from another time than one that is stored now.
        let foretold =
            memory.content.occurred_at.is_some_and(|at_ns| at_ns > memory.committed_at.0);
        let fresh = || Trace::fresh(&self.snapshot.fading(&memory.course()));
        let past = match self.snapshot.traces.get(node) {
            Some(trace) => Some(Past::from(trace)),
            None => foretold.then(|| Past::from(&fresh())),
        };
        Learned {
            past,
            looked_at: beliefs.has_settled(node),
            apart: beliefs.is_apart(node),
            is_belief,
        }
    }

    fn choose(&mut self) {
        let filter = &self.query.filter;
        if filter.is_empty() {
            return;
        }
        let validities = self.snapshot.validities(filter, self.now_ns);
        let selected = self.snapshot.selected(None, filter, &validities);
        self.chosen = Some(selected.map(|(at, _)| self.snapshot.node(at)).collect());
    }

    /// Id of a memory that goes with the export and was there when its memories were read.
    fn id(&self, node: u32) -> Option<String> {
        let (at, state) = self.snapshot.doc_of_node(node)?;
        let was_there = self.snapshot.versions.first(node) < self.bound;
        let is_chosen = self.chosen.as_ref().is_none_or(|chosen| chosen.contains(&node));
        let goes = was_there && is_chosen && self.shows(at, state);
        goes.then(|| self.snapshot.head(at).id.clone())
    }

    /// What was said, node by node; where it goes on once the page is full.
    fn said(&mut self, at: ExportCursor) -> Option<ExportCursor> {
        let first = u32::try_from(at.first).unwrap_or(u32::MAX);
        let mut seen = at.second;
        for node in first..self.snapshot.next_node {
            let stopped = ExportCursor { first: node.into(), second: seen, ..at };
            if self.passed == PASSED_MAX {
                return Some(stopped);
            }
            self.passed += 1;
            let all = match at.phase {
                ExportPhase::Memories => Vec::new(),
                ExportPhase::Associations => self.associations(node),
                ExportPhase::Decisions => self.decisions(node),
                ExportPhase::Beliefs => self.belief(node).into_iter().collect(),
            };
            for record in all.into_iter().skip(seen as usize) {
                if self.items.len() == self.query.limit {
                    return Some(ExportCursor { second: seen, ..stopped });
                }
                seen += 1;
                self.items.push(record);
            }
            seen = 0;
        }
        None
    }

    fn associations(&self, node: u32) -> Vec<Portable> {
        let associations = &self.snapshot.associations;
        let kind = EdgeKind::Explicit.edge_type();
        let links = associations.graph.links(node);
        let mut stated: Vec<(u32, f32)> = links
            .filter(|link| link.edge_type == kind && link.direction == Direction::Out)
            .map(|link| (link.node, link.weight.get()))
            .collect();
        if stated.is_empty() {
            return Vec::new();
        }
        let Some(from) = self.id(node) else { return Vec::new() };
        stated.sort_unstable_by_key(|(to, _)| *to);
        let record = |(other, weight): (u32, f32)| {
            let to = self.id(other)?;
            let said = associations.statement(node, other)?;
            let (relation, reason) = (said.relation.to_string(), said.reason.to_string());
            let (from, principal) = (from.clone(), String::new());
            Some(Portable::Association(Associate { from, to, relation, weight, reason, principal }))
        };
        stated.into_iter().filter_map(record).collect()
    }

    /// The decisions about a memory and those stored before it.
    fn decisions(&self, node: u32) -> Vec<Portable> {
        let marks = self.snapshot.marks.of(node).filter(|mark| mark.other(node) < node);
        let record = |mark: &Mark| {
            let decided = mark.decided?;
            Some(Portable::Decision(PortableDecision {
                id: self.id(decided.judged)?,
                other: self.id(mark.other(decided.judged))?,
                decision: decided.decision,
                decided_ns: Some(decided.at_ns),
            }))
        };
        marks.filter_map(record).collect()
    }

    fn belief(&self, node: u32) -> Option<Portable> {
        let belief = self.snapshot.beliefs.get(node)?;
        let ids = |nodes: &mut dyn Iterator<Item = u32>| {
            nodes.filter_map(|node| self.id(node)).collect::<Vec<String>>()
        };
        Some(Portable::Belief(PortableBelief {
            id: self.id(node)?,
            members: ids(&mut belief.nodes()),
            dissent: ids(&mut belief.dissent.iter().copied()),
            quoted: ids(&mut belief.quoted.iter().copied()),
            model: belief.model.to_string(),
            written: belief.written,
            held: belief.held,
            outdated: belief.stale,
        }))
    }
}
