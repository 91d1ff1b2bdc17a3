//! Consolidation, both ways.

use engram_api::{
    BeliefView, BeliefsResponse, CitationRoleName, CitationView, ConsolidateResponse, ErrorCode,
    Timestamp, UndoConsolidationRequest, UndoConsolidationResponse,
};
use engram_engine::{BeliefDetail, Citation, CitationRole, Consolidated, Undo};
use engram_store::Lsn;

use super::view::{Vectors, memory_view};
use crate::refusal::Refusal;

/// Adds what one step did to what those before it did.
pub(crate) fn step_view(step: Consolidated, remaining: u64) -> ConsolidateResponse {
    let lsn = step.commit.map(|stamp| stamp.lsn.0);
    ConsolidateResponse {
        memories: step.memories,
        formed: step.formed,
        changed: step.changed,
        withdrawn: step.withdrawn,
        remaining,
        first_lsn: lsn,
        lsn,
    }
}

pub(crate) fn undo(request: UndoConsolidationRequest) -> Result<Undo, Refusal> {
    let ambiguous = |detail: &str| Err(Refusal::new(ErrorCode::SelectionAmbiguous, detail));
    match (request.ids, request.since_lsn) {
        (Some(ids), None) if !ids.is_empty() => Ok(Undo::Beliefs(ids)),
        (None, Some(lsn)) => Ok(Undo::Since(Lsn(lsn))),
        (Some(_), None) => ambiguous("ids is empty"),
        (None, None) => ambiguous("neither ids nor since_lsn is given"),
        (Some(_), Some(_)) => ambiguous("both ids and since_lsn are given"),
    }
}

pub(crate) fn undo_response(done: Consolidated) -> UndoConsolidationResponse {
    let lsn = done.commit.map(|stamp| stamp.lsn.0);
    UndoConsolidationResponse { changed: done.changed, withdrawn: done.withdrawn, lsn }
}

pub(crate) fn beliefs_response(
    items: Vec<BeliefDetail>,
    next_cursor: Option<String>,
) -> BeliefsResponse {
    BeliefsResponse { beliefs: items.into_iter().map(belief_view).collect(), next_cursor }
}

fn belief_view(belief: BeliefDetail) -> BeliefView {
    let citation = |citation: Citation| CitationView {
        id: citation.id,
        role: match citation.role {
            CitationRole::Quoted => CitationRoleName::Quoted,
            CitationRole::Supports => CitationRoleName::Supports,
            CitationRole::Dissents => CitationRoleName::Dissents,
        },
        since_lsn: citation.since.0,
        happened_at: Timestamp(citation.happened_ns),
    };
    BeliefView {
        memory: memory_view(belief.memory, Vectors::Left),
        citations: belief.citations.into_iter().map(citation).collect(),
        outdated: belief.outdated,
    }
}
