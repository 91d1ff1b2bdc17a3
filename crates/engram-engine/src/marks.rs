//! Which pairs of memories are marked, and how they stand.

use crate::engine::Engine;
use crate::error::EngineError;
use crate::mark::{MarkDetail, MarkEvidence, MarkPage, MarkState, MarksQuery};
use crate::memtable::{Mark, Snapshot};
use crate::model::State;
use crate::validate;

/// Marks that an answer shows beside one memory.
const SHOWN_MAX: usize = 16;
/// Names that a mark shows.
const NAMES_MAX: usize = 16;

impl Engine {
    /// The marked pairs of a space or of one memory, where both are recallable.
    ///
    /// # Errors
    /// An invalid limit; [`EngineError::MemoryNotFound`].
    pub fn marks(&self, space: &str, query: &MarksQuery) -> Result<MarkPage, EngineError> {
        validate::limit(query.limit)?;
        let space = self.serving(space)?;
        let snapshot = space.snapshot.load();
        let now_ns = self.now_ns();
        let marks: Vec<&Mark> = match &query.id {
            Some(id) => {
                let at = space.sound(snapshot.recallable(id, now_ns))?;
                snapshot.marks.of(snapshot.node(at)).collect()
            }
            None => snapshot.marks.sorted(),
        };
        let wanted = |mark: &&Mark| {
            let kind = mark.found.as_ref().map(|(found, _)| found.kind);
            query.kind.is_none_or(|wanted| kind == Some(wanted))
                && query.state.is_none_or(|wanted| state(mark) == wanted)
                && snapshot.shows(mark.earlier, now_ns)
                && snapshot.shows(mark.later, now_ns)
        };
        let found: Vec<&Mark> = marks.into_iter().filter(wanted).collect();
        let total = found.len() as u64;
        let page = found.into_iter().skip(query.offset as usize).take(query.limit);
        let items: Vec<MarkDetail> = page.map(|mark| snapshot.mark_detail(mark)).collect();
        let shown = u64::from(query.offset) + items.len() as u64;
        space.sound(Ok(()))?;
        let next = (shown < total && !items.is_empty()).then_some(shown as u32);
        Ok(MarkPage { items, next, total, lsn: snapshot.lsn })
    }
}

impl Snapshot {
    /// The pairs of a memory that an answer shows: those that nobody has decided, and contradictions.
    pub(crate) fn marks_shown(&self, node: u32, now_ns: i64) -> Vec<MarkDetail> {
        let shown = |mark: &&Mark| {
            matches!(state(mark), MarkState::Open | MarkState::Contradicts)
                && self.shows(mark.other(node), now_ns)
        };
        let marks = self.marks.of(node).filter(shown);
        marks.take(SHOWN_MAX).map(|mark| self.mark_detail(mark)).collect()
    }

    fn shows(&self, node: u32, now_ns: i64) -> bool {
        let found = self.doc_of_node(node);
        found.is_some_and(|(at, state)| state == State::Active && !self.is_expired(at, now_ns))
    }

    fn mark_detail(&self, mark: &Mark) -> MarkDetail {
        let end = |node: u32| {
            let at = self.doc_of_node(node).map(|(at, _)| at);
            let head = at.map(|at| self.head(at));
            head.map(|head| (head.id.clone(), head.happened_at())).unwrap_or_default()
        };
        let evidence = mark.found.as_ref().map(|(found, cosine)| MarkEvidence {
            kind: found.kind,
            ground: found.ground,
            cosine: *cosine,
            before: found.before.clone(),
            after: found.after.clone(),
            cues: found.cues.clone(),
        });
        let shared = self.associations.shared_entities(mark.earlier, mark.later);
        let names = shared.into_iter().filter_map(|node| self.associations.entity(node));
        MarkDetail {
            earlier: end(mark.earlier),
            later: end(mark.later),
            state: state(mark),
            evidence,
            shared: names.take(NAMES_MAX).map(|entity| entity.name.to_string()).collect(),
            since_ns: mark.since_ns,
            decided_ns: mark.decided.map(|decided| decided.at_ns),
        }
    }
}

fn state(mark: &Mark) -> MarkState {
    mark.decided.map_or(MarkState::Open, |decided| decided.decision.into())
}
