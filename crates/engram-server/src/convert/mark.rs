//! Marked pairs, both ways.

use engram_api::{
    DecisionName, MarkEndView, MarkGroundName, MarkKindName, MarkStateName, MarkView, MarksRequest,
    MarksResponse, Timestamp,
};
use engram_engine::{
    MarkDetail, MarkGround, MarkKind, MarkPage, MarkState, MarksQuery, PairDecision,
};

/// Pairs of a page that asks for no number.
const PAGE_DEFAULT: usize = 100;

pub(super) fn decision(name: DecisionName) -> PairDecision {
    match name {
        DecisionName::Supersedes => PairDecision::Supersedes,
        DecisionName::Contradicts => PairDecision::Contradicts,
        DecisionName::Unrelated => PairDecision::Unrelated,
    }
}

pub(super) fn decision_name(decision: PairDecision) -> DecisionName {
    match decision {
        PairDecision::Supersedes => DecisionName::Supersedes,
        PairDecision::Contradicts => DecisionName::Contradicts,
        PairDecision::Unrelated => DecisionName::Unrelated,
    }
}

fn kind_name(kind: MarkKind) -> MarkKindName {
    match kind {
        MarkKind::PossibleUpdate => MarkKindName::PossibleUpdate,
        MarkKind::PossibleContradiction => MarkKindName::PossibleContradiction,
    }
}

fn kind(name: MarkKindName) -> MarkKind {
    match name {
        MarkKindName::PossibleUpdate => MarkKind::PossibleUpdate,
        MarkKindName::PossibleContradiction => MarkKind::PossibleContradiction,
    }
}

fn ground_name(ground: MarkGround) -> MarkGroundName {
    match ground {
        MarkGround::Change => MarkGroundName::Change,
        MarkGround::Negation => MarkGroundName::Negation,
        MarkGround::Opposite => MarkGroundName::Opposite,
        MarkGround::Value => MarkGroundName::Value,
    }
}

fn state_name(state: MarkState) -> MarkStateName {
    match state {
        MarkState::Open => MarkStateName::Open,
        MarkState::Supersedes => MarkStateName::Supersedes,
        MarkState::Contradicts => MarkStateName::Contradicts,
        MarkState::Unrelated => MarkStateName::Unrelated,
    }
}

fn state(name: MarkStateName) -> MarkState {
    match name {
        MarkStateName::Open => MarkState::Open,
        MarkStateName::Supersedes => MarkState::Supersedes,
        MarkStateName::Contradicts => MarkState::Contradicts,
        MarkStateName::Unrelated => MarkState::Unrelated,
    }
}

/// A text that is there.
fn said(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// What of a request decides which pairs are listed.
pub(crate) fn marks_scope(request: &MarksRequest) -> Vec<u8> {
    let scope = ("marks", &request.id, request.kind, request.state);
    serde_json::to_vec(&scope).expect("a request that was read can be written")
}

pub(crate) fn marks_query(request: MarksRequest, offset: u32) -> MarksQuery {
    MarksQuery {
        id: request.id,
        kind: request.kind.map(kind),
        state: request.state.map(state),
        limit: request.limit.map_or(PAGE_DEFAULT, |limit| limit as usize),
        offset,
    }
}

pub(crate) fn marks_response(page: MarkPage, next_cursor: Option<String>) -> MarksResponse {
    MarksResponse {
        marks: page.items.into_iter().map(mark_view).collect(),
        total: page.total,
        next_cursor,
        snapshot_lsn: page.lsn.0,
    }
}

pub(super) fn mark_view(mark: MarkDetail) -> MarkView {
    let end = |(id, at)| MarkEndView { id, happened_at: Timestamp(at) };
    let evidence = mark.evidence.as_ref();
    MarkView {
        earlier: end(mark.earlier),
        later: end(mark.later),
        state: state_name(mark.state),
        kind: evidence.map(|evidence| kind_name(evidence.kind)),
        ground: evidence.map(|evidence| ground_name(evidence.ground)),
        cosine: evidence.map(|evidence| evidence.cosine),
        before: evidence.and_then(|evidence| said(&evidence.before)),
        after: evidence.and_then(|evidence| said(&evidence.after)),
        cues: evidence.map(|evidence| evidence.cues.clone()).unwrap_or_default(),
        shared: mark.shared,
        since: Timestamp(mark.since_ns),
        decided_at: mark.decided_ns.map(Timestamp),
    }
}
