//! Beliefs and why they exist: which memories they rest on, and how.

use engram_store::Lsn;

use crate::engine::Engine;
use crate::error::EngineError;
use crate::memtable::{Belief, DocRef, Member, Snapshot};
use crate::model::{BeliefSummary, MemoryDetail, State};
use crate::read::{answered, detail};
use crate::validate;

/// Citations in a summary.
const CITATIONS_MAX: usize = 10;

/// A belief with all that it rests on.
#[derive(Clone, Debug, PartialEq)]
pub struct BeliefDetail {
    /// The belief.
    pub memory: MemoryDetail,
    /// The memories that it rests on, in the order of the log.
    pub citations: Vec<Citation>,
    /// Something that it rested on is gone or says something else; the next step of consolidation makes it anew.
    pub outdated: bool,
}

/// A memory that a belief rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Citation {
    /// Its id.
    pub id: String,
    /// How the belief rests on it.
    pub role: CitationRole,
    /// Commit by which the belief came to rest on it.
    pub since: Lsn,
    /// When it happened, ns.
    pub happened_ns: i64,
}

/// How a belief rests on a memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CitationRole {
    /// The text of the belief is words of it.
    Quoted,
    /// It says the same.
    Supports,
    /// It speaks against it.
    Dissents,
}

/// A page of beliefs.
#[derive(Clone, Debug, PartialEq)]
pub struct BeliefPage {
    /// In the order in which their texts were stored.
    pub items: Vec<BeliefDetail>,
    /// Where the next page starts; none at the end.
    pub next: Option<u64>,
    /// Last commit that the answer saw.
    pub lsn: Lsn,
}

impl Engine {
    /// A page of the beliefs that consolidation made, from behind `after`; only recallable ones.
    ///
    /// # Errors
    /// An invalid limit.
    pub fn beliefs(
        &self,
        space: &str,
        after: Option<u64>,
        limit: usize,
    ) -> Result<BeliefPage, EngineError> {
        validate::limit(limit)?;
        let space = self.serving(space)?;
        let snapshot = space.snapshot.load();
        let now_ns = self.now_ns();
        // No node is as great as that: nothing is behind it.
        let first =
            after.map_or(0, |after| u32::try_from(after.saturating_add(1)).unwrap_or(u32::MAX));
        let mut shown = snapshot.beliefs.from(first).filter_map(|(node, belief)| {
            let (at, state) = snapshot.doc_of_node(node)?;
            let is_shown = state == State::Active && !snapshot.is_expired(at, now_ns);
            is_shown.then_some((node, at, &**belief))
        });
        let page: Vec<(u32, DocRef, &Belief)> = shown.by_ref().take(limit).collect();
        let more = shown.next().is_some();
        let next = page.last().map(|(node, _, _)| u64::from(*node)).filter(|_| more);
        let told = |(_, at, belief): &(u32, DocRef, &Belief)| {
            snapshot.told(detail(&snapshot, *at, State::Active, now_ns), belief)
        };
        let items = page.iter().map(told).collect();
        space.sound(Ok(BeliefPage { items, next, lsn: snapshot.lsn }))
    }

    /// One belief, by id.
    ///
    /// # Errors
    /// [`EngineError::MemoryNotFound`], also where consolidation did not make the memory.
    pub fn belief(&self, space: &str, id: &str) -> Result<BeliefDetail, EngineError> {
        let space = self.serving(space)?;
        let snapshot = space.snapshot.load();
        let now_ns = self.now_ns();
        let found = snapshot.recallable(id, now_ns).and_then(|at| {
            let missing = || EngineError::MemoryNotFound { id: id.to_owned() };
            let belief = snapshot.beliefs.get(snapshot.node(at)).ok_or_else(missing)?;
            Ok(snapshot.told(answered(&snapshot, at, now_ns), belief))
        });
        space.sound(found)
    }
}

impl Snapshot {
    fn told(&self, memory: MemoryDetail, belief: &Belief) -> BeliefDetail {
        let citation = |member: &Member| {
            let (at, _) = self.doc_of_node(member.node)?;
            let head = self.head(at);
            let role = if belief.quoted.contains(&member.node) {
                CitationRole::Quoted
            } else if belief.dissent.contains(&member.node) {
                CitationRole::Dissents
            } else {
                CitationRole::Supports
            };
            let (since, happened_ns) = (member.since, head.happened_at());
            Some(Citation { id: head.id.clone(), role, since, happened_ns })
        };
        let citations = belief.members.iter().filter_map(citation).collect();
        BeliefDetail { memory, citations, outdated: belief.stale }
    }

    /// What a memory rests on, where it is a belief that consolidation made.
    pub(crate) fn belief_summary(&self, node: u32) -> Option<BeliefSummary> {
        let belief = self.beliefs.get(node)?;
        let others = belief.nodes().filter(|node| !belief.quoted.contains(node));
        let cited = belief.quoted.iter().copied().chain(others).take(CITATIONS_MAX);
        let id = |node: u32| Some(self.head(self.doc_of_node(node)?.0).id.clone());
        Some(BeliefSummary {
            count: belief.members.len() as u64,
            dissent: belief.dissent.len() as u64,
            from_ns: belief.span.0,
            until_ns: belief.span.1,
            citations: cited.filter_map(id).collect(),
            model: belief.model.to_string(),
            held: belief.held,
        })
    }
}
