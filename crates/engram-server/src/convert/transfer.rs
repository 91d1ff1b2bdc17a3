//! What moves between spaces, both ways.

use engram_api::{
    CarriedInput, EmbeddedInput, ExportRequest, ExportResponse, ImportResponse, LearnedInput,
    MemoryInput, PastInput, RecordCountsView, RefusedRecordView, ReviewInput, SourceEvidenceInput,
    SourceInput, StateName, Timestamp, TransferAssociation, TransferBelief, TransferDecision,
    TransferMemory, TransferRecord,
};
use engram_engine::{
    Associate, Carried, Embedded, Evidence, ExportCursor, ExportPage, ExportQuery, ExportVectors,
    Imported, Learned, NewMemory, Past, Portable, PortableBelief, PortableDecision, PortableMemory,
    Presentation, RecordCounts, Retention, State, Witness,
};

use super::association::WEIGHT_DEFAULT;
use super::learning::own_decay_view;
use super::mark::{decision, decision_name};
use super::request::{filter, new_memory, visibility};
use super::view::{given, json_metadata, kind_name, state_name};
use crate::refusal::Refusal;

/// Records of a page that asks for no number.
const EXPORT_LIMIT_DEFAULT: usize = 100;

/// What a cursor into an export is bound to, beside the space. Whether vectors go along changes no place.
pub(crate) fn export_scope(request: &ExportRequest) -> Vec<u8> {
    let scope = ("export", &request.filter, request.state.unwrap_or_default());
    serde_json::to_vec(&scope).expect("a request that was read can be written")
}

pub(crate) fn export_query(request: ExportRequest, after: Option<ExportCursor>) -> ExportQuery {
    ExportQuery {
        filter: filter(request.filter.unwrap_or_default()),
        visibility: visibility(request.state.unwrap_or_default()),
        vectors: match request.include_vectors {
            true => ExportVectors::All,
            false => ExportVectors::Needed,
        },
        after,
        limit: request.limit.map_or(EXPORT_LIMIT_DEFAULT, |limit| limit as usize),
    }
}

pub(crate) fn export_response(page: ExportPage, next_cursor: Option<String>) -> ExportResponse {
    ExportResponse {
        records: page.items.into_iter().map(record).collect(),
        next_cursor,
        snapshot_lsn: page.lsn.0,
    }
}

fn record(portable: Portable) -> TransferRecord {
    match portable {
        Portable::Memory(memory) => TransferRecord::Memory(Box::new(memory_record(*memory))),
        Portable::Association(stated) => TransferRecord::Association(TransferAssociation {
            relation: given(&stated.relation),
            weight: Some(stated.weight),
            reason: given(&stated.reason),
            from: stated.from,
            to: stated.to,
        }),
        Portable::Decision(decided) => TransferRecord::Decision(TransferDecision {
            id: decided.id,
            other: decided.other,
            decision: decision_name(decided.decision),
            decided_at: decided.decided_ns.map(Timestamp),
        }),
        Portable::Belief(rests) => TransferRecord::Belief(TransferBelief {
            id: rests.id,
            members: rests.members,
            dissent: rests.dissent,
            quoted: rests.quoted,
            model: given(&rests.model),
            written: rests.written,
            held: rests.held,
            outdated: rests.outdated,
        }),
    }
}

fn memory_record(portable: PortableMemory) -> TransferMemory {
    let PortableMemory { memory, state, first_stored_ns, learned, embedded } = portable;
    TransferMemory {
        content: memory_input(memory),
        state: Some(state_name(state)),
        first_stored_at: first_stored_ns.map(Timestamp),
        learned: learned.map(learned_record),
        embedded: embedded.map(|own| EmbeddedInput { by: own.by, vectors: own.vectors }),
    }
}

fn memory_input(memory: NewMemory) -> MemoryInput {
    let NewMemory { id, content, vector } = memory;
    let time = |ns: Option<i64>| ns.map(Timestamp);
    let source = SourceInput {
        kind: given(&content.source.kind),
        reference: given(&content.source.reference),
        trust: content.source.trust,
    };
    MemoryInput {
        id,
        kind: Some(kind_name(content.kind)),
        title: given(&content.title),
        text: given(&content.text),
        vector,
        session: given(&content.session),
        occurred_at: time(content.occurred_at),
        occurred_until: time(content.occurred_until),
        place: given(&content.place),
        people: content.people,
        entities: content.entities,
        tags: content.tags,
        metadata: json_metadata(&content.metadata),
        source: (source != SourceInput::default()).then_some(source),
        subject: given(&content.subject),
        attribute: given(&content.attribute),
        confidence: content.confidence,
        importance: content.importance,
        valid_from: time(content.valid_from),
        valid_until: time(content.valid_until),
        expires_at: time(content.expires_at),
        decay: content.decay.map(own_decay_view),
    }
}

fn learned_record(learned: Learned) -> LearnedInput {
    let Learned { past, looked_at, apart, is_belief } = learned;
    LearnedInput { past: past.map(past_record), consolidated: looked_at, apart, is_belief }
}

fn past_record(past: Past) -> PastInput {
    let Past { retention, evidence, carried } = past;
    let review = |review: &Presentation| ReviewInput {
        at: Timestamp(review.at_ns),
        since: Timestamp(review.since_ns),
        stability_days: review.stability_days,
        decay: review.decay,
        weight: review.weight,
    };
    let source = |witness: &Witness| SourceEvidenceInput {
        source: witness.source,
        supports: witness.supports,
        opposes: witness.opposes,
    };
    PastInput {
        learned_at: Timestamp(retention.born_ns),
        first_stability_days: retention.first_stability_days,
        difficulty: retention.difficulty,
        uses: retention.uses,
        reviews: retention.presentations.iter().map(review).collect(),
        sources: evidence.witnesses().iter().map(source).collect(),
        carried: carried.map(|own| CarriedInput {
            statement: own.statement,
            supports: own.supports,
            opposes: own.opposes,
            pieces: own.pieces,
        }),
    }
}

pub(crate) fn portable(record: TransferRecord, principal: &str) -> Portable {
    match record {
        TransferRecord::Memory(memory) => Portable::Memory(Box::new(portable_memory(*memory))),
        TransferRecord::Association(stated) => Portable::Association(Associate {
            from: stated.from,
            to: stated.to,
            relation: stated.relation.unwrap_or_default(),
            weight: stated.weight.unwrap_or(WEIGHT_DEFAULT),
            reason: stated.reason.unwrap_or_default(),
            principal: principal.to_owned(),
        }),
        TransferRecord::Decision(decided) => Portable::Decision(PortableDecision {
            id: decided.id,
            other: decided.other,
            decision: decision(decided.decision),
            decided_ns: decided.decided_at.map(Timestamp::nanoseconds),
        }),
        TransferRecord::Belief(rests) => Portable::Belief(PortableBelief {
            id: rests.id,
            members: rests.members,
            dissent: rests.dissent,
            quoted: rests.quoted,
            model: rests.model.unwrap_or_default(),
            written: rests.written,
            held: rests.held,
            outdated: rests.outdated,
        }),
    }
}

fn portable_memory(memory: TransferMemory) -> PortableMemory {
    let TransferMemory { content, state, first_stored_at, learned, embedded } = memory;
    PortableMemory {
        memory: new_memory(content),
        state: match state {
            Some(StateName::Suppressed) => State::Suppressed,
            Some(StateName::Active) | None => State::Active,
        },
        first_stored_ns: first_stored_at.map(Timestamp::nanoseconds),
        learned: learned.map(portable_learned),
        embedded: embedded.map(|own| Embedded { by: own.by, vectors: own.vectors }),
    }
}

fn portable_learned(learned: LearnedInput) -> Learned {
    let LearnedInput { past, consolidated, apart, is_belief } = learned;
    Learned { past: past.map(portable_past), looked_at: consolidated, apart, is_belief }
}

fn portable_past(past: PastInput) -> Past {
    let review = |review: ReviewInput| Presentation {
        at_ns: review.at.0,
        since_ns: review.since.0,
        stability_days: review.stability_days,
        decay: review.decay,
        weight: review.weight,
    };
    let source = |told: SourceEvidenceInput| Witness {
        source: told.source,
        supports: told.supports,
        opposes: told.opposes,
    };
    Past {
        retention: Retention {
            born_ns: past.learned_at.0,
            first_stability_days: past.first_stability_days,
            difficulty: past.difficulty,
            uses: past.uses,
            presentations: past.reviews.into_iter().map(review).collect(),
        },
        evidence: Evidence::of(past.sources.into_iter().map(source).collect()),
        carried: past.carried.map(|own| Carried {
            statement: own.statement,
            supports: own.supports,
            opposes: own.opposes,
            pieces: own.pieces,
        }),
    }
}

pub(crate) fn import_response(imported: Imported) -> ImportResponse {
    let refused = imported.refused.into_iter().map(|(place, error)| RefusedRecordView {
        index: place as u64,
        problem: Refusal::from(error).0,
    });
    ImportResponse {
        lsn: imported.lsn.0,
        committed_at: Timestamp(imported.committed_at.0),
        created: counts(imported.created),
        unchanged: counts(imported.unchanged),
        refused: refused.collect(),
    }
}

fn counts(counts: RecordCounts) -> RecordCountsView {
    let RecordCounts { memories, associations, decisions, beliefs } = counts;
    RecordCountsView { memories, associations, decisions, beliefs }
}
