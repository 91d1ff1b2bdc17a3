//! Answers: engine types to wire types.

use engram_api::{
    CalibrationView, DuplicatesName, EmbedderView, FORGET_IDS_MAX, ForgetModeName,
    ForgetReceiptResponse, ForgetResponse, KindName, ListResponse, MemoryView, PlaceName,
    PurgeStateName, QuotaView, ReceiptView, RememberManyResponse, RememberResponse, RememberResult,
    RestoreResponse, SourceView, SpaceStatsView, SpaceView, StateName, TiersView, Timestamp,
};
use engram_engine::{
    Created, DuplicatePolicy, ForgetReceipt, Forgotten, Kind, MemoryDetail, MetaValue, Metadata,
    ModeCalibration, Remembered, RememberedItem, Source, SpaceInfo, SpaceStats, State, Training,
};
use serde_json::{Map, Number, Value};

use super::learning::{
    confidence_view, consolidation_name, own_decay_view, space_decay_view, strength_view,
    summary_view,
};
use super::mark::mark_view;
use super::mode::mode_name;
use crate::config::QuotaSettings;
use crate::refusal::Refusal;

pub(super) fn kind_name(kind: Kind) -> KindName {
    match kind {
        Kind::Episode => KindName::Episode,
        Kind::Fact => KindName::Fact,
        Kind::Procedure => KindName::Procedure,
        Kind::Belief => KindName::Belief,
    }
}

pub(super) fn state_name(state: State) -> StateName {
    match state {
        State::Active => StateName::Active,
        State::Suppressed => StateName::Suppressed,
    }
}

pub(super) fn given(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// Whether an answer carries vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Vectors {
    Left,
    Shown,
}

impl From<bool> for Vectors {
    fn from(include_vectors: bool) -> Vectors {
        if include_vectors { Vectors::Shown } else { Vectors::Left }
    }
}

pub(crate) fn memory_view(detail: MemoryDetail, vectors: impl Into<Vectors>) -> MemoryView {
    let memory = &detail.memory;
    let content = &memory.content;
    let time = |ns: Option<i64>| ns.map(Timestamp);
    MemoryView {
        id: memory.id.clone(),
        version: memory.version,
        kind: kind_name(content.kind),
        state: state_name(detail.state),
        title: given(&content.title),
        text: given(&content.text),
        vectors: (vectors.into() == Vectors::Shown).then(|| detail.vectors.clone()),
        session: given(&content.session),
        occurred_at: time(content.occurred_at),
        occurred_until: time(content.occurred_until),
        place: given(&content.place),
        people: content.people.clone(),
        entities: content.entities.clone(),
        tags: content.tags.clone(),
        metadata: json_metadata(&content.metadata),
        source: source(&content.source, &memory.principal),
        subject: given(&content.subject),
        attribute: given(&content.attribute),
        confidence: confidence_view(&detail.confidence, content.confidence),
        strength: strength_view(&detail.strength),
        importance: content.importance,
        valid_from: time(content.valid_from),
        valid_until: time(content.valid_until),
        expires_at: time(content.expires_at),
        decay: content.decay.map(own_decay_view),
        belief: detail.belief.clone().map(summary_view),
        superseded_by: detail.superseded_by,
        supersedes: detail.supersedes,
        marks: detail.marks.into_iter().map(mark_view).collect(),
        lsn: memory.lsn.0,
        committed_at: Timestamp(memory.committed_at.0),
    }
}

fn source(source: &Source, principal: &str) -> Option<SourceView> {
    let view = SourceView {
        kind: given(&source.kind),
        reference: given(&source.reference),
        trust: source.trust,
        principal: given(principal),
    };
    (view != SourceView::default()).then_some(view)
}

pub(super) fn json_metadata(metadata: &Metadata) -> Map<String, Value> {
    metadata.iter().map(|(name, value)| (name.clone(), json_value(value))).collect()
}

pub(super) fn json_value(value: &MetaValue) -> Value {
    match value {
        MetaValue::Null => Value::Null,
        MetaValue::Bool(on) => Value::Bool(*on),
        MetaValue::Int(whole) => Value::from(*whole),
        // Not finite is refused at the entrance.
        MetaValue::Float(number) => Number::from_f64(*number).map_or(Value::Null, Value::Number),
        MetaValue::Text(text) => Value::String(text.clone()),
        MetaValue::List(items) => Value::Array(items.iter().map(json_value).collect()),
        MetaValue::Map(map) => Value::Object(json_metadata(map)),
    }
}

pub(crate) fn remember_response(item: RememberedItem) -> RememberResponse {
    RememberResponse {
        id: item.id,
        lsn: item.lsn.0,
        committed_at: Timestamp(item.committed_at.0),
        version: item.version,
        created: item.created == Created::Now,
        merged: item.created == Created::Merged,
        state: state_name(item.state),
        duplicates: item.duplicates,
        near_duplicates: item.near_duplicates,
        vectors: item.vectors,
    }
}

pub(crate) fn remember_many_response(remembered: Remembered) -> RememberManyResponse {
    let results: Vec<RememberResult> = remembered
        .items
        .into_iter()
        .map(|item| match item {
            Ok(item) => RememberResult::Stored(remember_response(item)),
            Err(error) => RememberResult::Refused(Refusal::from(error).0),
        })
        .collect();
    let stored = |result: &&RememberResult| match result {
        RememberResult::Stored(item) => item.created,
        RememberResult::Refused(_) => false,
    };
    RememberManyResponse {
        lsn: remembered.lsn.0,
        committed_at: Timestamp(remembered.committed_at.0),
        created: results.iter().filter(stored).count() as u64,
        results,
    }
}

pub(crate) fn forget_response(
    mode: ForgetModeName,
    dry_run: bool,
    receipt: ForgetReceipt,
) -> ForgetResponse {
    let count = receipt.ids.len() as u64;
    ForgetResponse {
        dry_run,
        mode,
        count,
        receipt: receipt.commit.map(|(lsn, time)| ReceiptView {
            lsn: lsn.0,
            committed_at: Timestamp(time.0),
            mode,
            count,
            remains: remains(mode).to_owned(),
        }),
        ids: first_ids(receipt.ids),
        beliefs: first_ids(receipt.beliefs),
    }
}

pub(crate) fn forget_receipt_response(found: Forgotten) -> ForgetReceiptResponse {
    let places = [
        (found.remains.files, PlaceName::Files),
        (found.remains.cold_store, PlaceName::ColdStore),
        (found.remains.log, PlaceName::Log),
    ];
    let held = places.into_iter().filter_map(|(holds, place)| holds.then_some(place));
    ForgetReceiptResponse {
        lsn: found.lsn.0,
        committed_at: Timestamp(found.committed_at.0),
        count: found.count,
        state: match found.purged_at {
            Some(_) => PurgeStateName::Purged,
            None => PurgeStateName::Pending,
        },
        held_in: held.collect(),
        due_at: found.due_at.map(Timestamp),
        purged_at: found.purged_at.map(Timestamp),
        backups: BACKUPS.to_owned(),
    }
}

/// What a server without backups of its own can say of copies.
const BACKUPS: &str = "this server keeps none; copies of its data directory, exports and versioned buckets are not known \
                       to it";

fn remains(mode: ForgetModeName) -> &'static str {
    match mode {
        ForgetModeName::Suppress => "the content, hidden: restore brings it back",
        ForgetModeName::Delete => {
            "nothing that an answer can reach; bytes in files, cold store and log until maintenance has purged them, \
             which the operation forget_receipt tells for this LSN; copies are not known to this server"
        }
    }
}

fn first_ids(mut ids: Vec<String>) -> Vec<String> {
    ids.truncate(FORGET_IDS_MAX);
    ids
}

pub(crate) fn restore_response(receipt: ForgetReceipt) -> RestoreResponse {
    RestoreResponse {
        count: receipt.ids.len() as u64,
        lsn: receipt.commit.map(|(lsn, _)| lsn.0),
        committed_at: receipt.commit.map(|(_, time)| Timestamp(time.0)),
        ids: first_ids(receipt.ids),
    }
}

pub(crate) fn list_response(
    items: Vec<MemoryDetail>,
    next_cursor: Option<String>,
    include_vectors: bool,
) -> ListResponse {
    let view = |detail| memory_view(detail, include_vectors);
    ListResponse { memories: items.into_iter().map(view).collect(), next_cursor }
}

/// The usual form of a UUID.
pub(crate) fn uuid_text(space: &SpaceInfo) -> String {
    space.id.to_string()
}

pub(crate) fn space_view(space: &SpaceInfo) -> SpaceView {
    let settings = &space.settings;
    let (provider, model, weights_hash) = match &settings.identity {
        Some(identity) => {
            (identity.provider.clone(), identity.model.clone(), identity.weights_hash.clone())
        }
        None => ("none".to_owned(), String::new(), String::new()),
    };
    SpaceView {
        name: space.name.clone(),
        uuid: uuid_text(space),
        dimension: settings.dimension,
        embedder: EmbedderView {
            name: settings.embedder.clone(),
            provider,
            model,
            dimension: settings.dimension,
            weights_hash,
        },
        language: settings.language.code().to_owned(),
        decay: space_decay_view(settings.decay),
        recall_trains: settings.training == Training::Recalled,
        duplicates: match settings.duplicates {
            DuplicatePolicy::Keep => DuplicatesName::Keep,
            DuplicatePolicy::Merge => DuplicatesName::Merge,
            DuplicatePolicy::Reject => DuplicatesName::Reject,
        },
        consolidation: consolidation_name(settings.consolidation),
        supersede_key: Some(settings.supersede_key.clone()).filter(|key| !key.is_empty()),
        created_at: Timestamp(space.created_at.0),
        quarantined: space.quarantined.clone(),
    }
}

pub(crate) fn stats_view(
    name: &str,
    stats: &SpaceStats,
    learned: &[ModeCalibration],
    quota: &QuotaSettings,
) -> SpaceStatsView {
    SpaceStatsView {
        name: name.to_owned(),
        memories: stats.memories,
        suppressed: stats.suppressed,
        vectors: stats.vectors,
        indexed_vectors: stats.indexed_vectors,
        associations: stats.associations,
        entities: stats.entities,
        unlinked: stats.unlinked,
        learned: stats.learned,
        beliefs: stats.beliefs,
        consolidated: stats.consolidated,
        unconsolidated: stats.unconsolidated,
        bytes: stats.resident_bytes,
        tiers: TiersView {
            hot_memories: stats.tiers.hot_memories,
            warm_memories: stats.tiers.warm_memories,
            cold_memories: stats.tiers.cold_memories,
            cold_bytes: stats.tiers.cold_bytes,
            moved_by_disuse: stats.moves.unused,
            segments: stats.tiers.segments,
            segment_bytes: stats.tiers.segment_bytes,
            moved_by_use: stats.moves.used,
            moved_by_room: stats.moves.room,
            moved_by_pressure: stats.moves.pressure,
            moved_by_quota: stats.moves.quota,
        },
        quota: (*quota != QuotaSettings::default()).then_some(QuotaView {
            memories: quota.memories,
            bytes: quota.bytes,
            writes_per_second: quota.writes_per_second,
            reads_per_second: quota.reads_per_second,
            calls: quota.calls,
        }),
        lsn: stats.lsn.0,
        committed_at: (stats.lsn.0 > 0).then_some(Timestamp(stats.committed_at.0)),
        calibration: learned.iter().map(calibration_view).collect(),
    }
}

fn calibration_view(learned: &ModeCalibration) -> CalibrationView {
    CalibrationView {
        mode: mode_name(learned.mode),
        judgements: learned.judgements,
        useful: learned.useful,
        slope: learned.fit.slope,
        shift: learned.fit.shift,
        error_before: learned.error_before,
        error_after: learned.error_after,
    }
}
