//! Associations and spreading activation, both ways.

use engram_api::{
    ActivatedView, AssociateRequest, AssociateResponse, AssociationView, AssociationsRequest,
    AssociationsResponse, DirectionName, DissociateRequest, DissociateResponse, EdgeKindName,
    PathStepView, SpreadRequest, SpreadResponse, Timestamp,
};
use engram_engine::{
    Associate, Association, AssociationPage, AssociationQuery, AssociationReceipt, Dissociate,
    EdgeDirection, EdgeKind, PathStep, Spread, SpreadAnswer,
};

use super::request::filter;
use super::view::{Vectors, given, memory_view};

/// Weight of an explicit association whose caller gives none.
pub(super) const WEIGHT_DEFAULT: f32 = 0.8;
/// Associations of a page that asks for no number.
const PAGE_DEFAULT: usize = 100;
/// Memories of a spread that asks for no number.
const SPREAD_LIMIT_DEFAULT: usize = 10;
const SPREAD_HOPS_DEFAULT: u32 = 2;
const SPREAD_EDGES_DEFAULT: u32 = 20_000;

fn edge_kind(name: EdgeKindName) -> EdgeKind {
    match name {
        EdgeKindName::Explicit => EdgeKind::Explicit,
        EdgeKindName::Entity => EdgeKind::Entity,
        EdgeKindName::Mention => EdgeKind::Mention,
        EdgeKindName::Next => EdgeKind::Next,
        EdgeKindName::Near => EdgeKind::Near,
        EdgeKindName::Supersedes => EdgeKind::Supersedes,
        EdgeKindName::Contradicts => EdgeKind::Contradicts,
    }
}

fn edge_kind_name(kind: EdgeKind) -> EdgeKindName {
    match kind {
        EdgeKind::Explicit => EdgeKindName::Explicit,
        EdgeKind::Entity => EdgeKindName::Entity,
        EdgeKind::Mention => EdgeKindName::Mention,
        EdgeKind::Next => EdgeKindName::Next,
        EdgeKind::Near => EdgeKindName::Near,
        EdgeKind::Supersedes => EdgeKindName::Supersedes,
        EdgeKind::Contradicts => EdgeKindName::Contradicts,
    }
}

fn edge_kinds(names: Vec<EdgeKindName>) -> Vec<EdgeKind> {
    names.into_iter().map(edge_kind).collect()
}

pub(crate) fn associate(request: AssociateRequest, principal: &str) -> Associate {
    Associate {
        from: request.from,
        to: request.to,
        relation: request.relation.unwrap_or_default(),
        weight: request.weight.unwrap_or(WEIGHT_DEFAULT),
        reason: request.reason.unwrap_or_default(),
        principal: principal.to_owned(),
    }
}

pub(crate) fn associate_response(receipt: &AssociationReceipt) -> AssociateResponse {
    AssociateResponse {
        created: receipt.created,
        count: receipt.count,
        lsn: receipt.commit.map(|(lsn, _)| lsn.0),
        committed_at: receipt.commit.map(|(_, time)| Timestamp(time.0)),
    }
}

pub(crate) fn dissociate(request: DissociateRequest, principal: &str) -> Dissociate {
    Dissociate {
        from: request.from,
        to: request.to,
        kinds: edge_kinds(request.kinds),
        principal: principal.to_owned(),
    }
}

pub(crate) fn dissociate_response(receipt: &AssociationReceipt) -> DissociateResponse {
    DissociateResponse {
        count: receipt.count,
        lsn: receipt.commit.map(|(lsn, _)| lsn.0),
        committed_at: receipt.commit.map(|(_, time)| Timestamp(time.0)),
    }
}

/// What a cursor into the associations of a memory is bound to, beside the space.
pub(crate) fn associations_scope(request: &AssociationsRequest) -> Vec<u8> {
    let scope = (&request.id, request.direction.unwrap_or_default(), &request.kinds);
    serde_json::to_vec(&scope).expect("a request that was read can be written")
}

pub(crate) fn association_query(request: AssociationsRequest, offset: u32) -> AssociationQuery {
    AssociationQuery {
        id: request.id,
        direction: match request.direction.unwrap_or_default() {
            DirectionName::Out => EdgeDirection::Out,
            DirectionName::In => EdgeDirection::In,
            DirectionName::Both => EdgeDirection::Both,
        },
        kinds: edge_kinds(request.kinds),
        limit: request.limit.map_or(PAGE_DEFAULT, |limit| limit as usize),
        offset,
    }
}

pub(crate) fn associations_response(
    page: AssociationPage,
    next_cursor: Option<String>,
) -> AssociationsResponse {
    AssociationsResponse {
        associations: page.items.into_iter().map(association_view).collect(),
        total: page.total,
        next_cursor,
        snapshot_lsn: page.lsn.0,
    }
}

fn association_view(association: Association) -> AssociationView {
    AssociationView {
        from: association.from,
        to: association.to,
        kind: edge_kind_name(association.kind),
        label: given(&association.label),
        reason: given(&association.reason),
        weight: association.weight,
    }
}

pub(super) fn path_view(path: Vec<PathStep>) -> Vec<PathStepView> {
    let step = |step: PathStep| PathStepView {
        kind: edge_kind_name(step.kind),
        label: given(&step.label),
        weight: step.weight,
        from: step.from,
        to: step.to,
    };
    path.into_iter().map(step).collect()
}

pub(crate) fn spread(request: SpreadRequest) -> Spread {
    let seeds = request.seeds.into_iter();
    Spread {
        seeds: seeds.map(|seed| (seed.id, seed.activation.unwrap_or(1.0))).collect(),
        hops: request.hops.unwrap_or(SPREAD_HOPS_DEFAULT),
        kinds: edge_kinds(request.kinds),
        filter: filter(request.filter.unwrap_or_default()),
        limit: request.limit.map_or(SPREAD_LIMIT_DEFAULT, |limit| limit as usize),
        edges_max: request.edges_max.unwrap_or(SPREAD_EDGES_DEFAULT),
    }
}

pub(crate) fn spread_response(activated: SpreadAnswer) -> SpreadResponse {
    let items = activated.items.into_iter().map(|item| ActivatedView {
        memory: memory_view(item.detail, Vectors::Left),
        activation: item.activation,
        path: path_view(item.path),
    });
    SpreadResponse {
        items: items.collect(),
        edges_followed: activated.edges_followed,
        cut: activated.cut,
        snapshot_lsn: activated.lsn.0,
    }
}
