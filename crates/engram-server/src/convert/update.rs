//! Updates and the history, both ways.

use engram_api::{
    AsOfInput, ErrorCode, HistoryResponse, MemoryInput, MemoryPatch, MemoryVersionView,
    ReconsolidationView, SourceInput, Timestamp, UpdateRequest, UpdateResponse,
};
use engram_engine::{
    AsOf, ContentField, Created, History, MemoryContent, Reconsolidation, Update, Updated,
    VectorChange, Version,
};
use engram_store::Lsn;

use super::learning::{own_decay, own_decay_view};
use super::request::{kind, metadata, new_memory, source};
use super::view::{given, json_metadata, kind_name};
use crate::refusal::Refusal;

pub(crate) fn as_of(input: AsOfInput) -> AsOf {
    match input {
        AsOfInput::Lsn(lsn) => AsOf::Lsn(Lsn(lsn)),
        AsOfInput::Time(time) => AsOf::Time(time.nanoseconds()),
    }
}

pub(crate) fn update(
    request: UpdateRequest,
    key: Option<String>,
    principal: &str,
) -> Result<Update, Refusal> {
    let (content, fields, vector) = match (request.set, request.memory) {
        (Some(patch), None) => changes(patch),
        (None, Some(memory)) => whole(&request.id, memory)?,
        (Some(_), Some(_)) => return Err(refused(ErrorCode::InvalidValue, "both set and memory")),
        (None, None) => return Err(refused(ErrorCode::MissingField, "neither set nor memory")),
    };
    Ok(Update {
        id: request.id,
        content,
        fields,
        vector,
        if_version: request.if_version,
        reason: request.reason.unwrap_or_default(),
        after_recall: request.after_recall.map(|cited| cited.recalled_at.nanoseconds()),
        idempotency_key: key,
        principal: principal.to_owned(),
    })
}

fn refused(code: ErrorCode, given: &str) -> Refusal {
    let detail = format!("{given} is given; an update needs exactly one of them");
    Refusal::new(code, detail).with_field("set")
}

type Changes = (MemoryContent, Vec<ContentField>, VectorChange);

fn whole(id: &str, memory: MemoryInput) -> Result<Changes, Refusal> {
    if memory.id.as_ref().is_some_and(|other| other != id) {
        let detail = "memory.id is another id than that of the update; an id never changes";
        return Err(Refusal::new(ErrorCode::InvalidValue, detail).with_field("memory.id"));
    }
    let memory = new_memory(memory);
    let vector = memory.vector.map_or(VectorChange::Clear, VectorChange::Set);
    Ok((memory.content, ContentField::ALL.to_vec(), vector))
}

/// The fields that a patch gives.
fn named(patch: &MemoryPatch) -> Vec<ContentField> {
    let given = [
        (ContentField::Kind, patch.kind.is_some()),
        (ContentField::Title, patch.title.is_some()),
        (ContentField::Text, patch.text.is_some()),
        (ContentField::Session, patch.session.is_some()),
        (ContentField::OccurredAt, patch.occurred_at.is_some()),
        (ContentField::OccurredUntil, patch.occurred_until.is_some()),
        (ContentField::Place, patch.place.is_some()),
        (ContentField::People, patch.people.is_some()),
        (ContentField::Entities, patch.entities.is_some()),
        (ContentField::Tags, patch.tags.is_some()),
        (ContentField::Metadata, patch.metadata.is_some()),
        (ContentField::Source, patch.source.is_some()),
        (ContentField::Subject, patch.subject.is_some()),
        (ContentField::Attribute, patch.attribute.is_some()),
        (ContentField::Confidence, patch.confidence.is_some()),
        (ContentField::Importance, patch.importance.is_some()),
        (ContentField::ValidFrom, patch.valid_from.is_some()),
        (ContentField::ValidUntil, patch.valid_until.is_some()),
        (ContentField::ExpiresAt, patch.expires_at.is_some()),
        (ContentField::Decay, patch.decay.is_some()),
    ];
    given.into_iter().filter(|(_, given)| *given).map(|(field, _)| field).collect()
}

fn changes(patch: MemoryPatch) -> Changes {
    let ns = |time: Option<Timestamp>| time.map(Timestamp::nanoseconds);
    let fields = named(&patch);
    // A field that is given changes: to its value, or to what a memory without it has.
    let content = MemoryContent {
        kind: kind(patch.kind.flatten().unwrap_or_default()),
        title: patch.title.flatten().unwrap_or_default(),
        text: patch.text.flatten().unwrap_or_default(),
        session: patch.session.flatten().unwrap_or_default(),
        occurred_at: ns(patch.occurred_at.flatten()),
        occurred_until: ns(patch.occurred_until.flatten()),
        place: patch.place.flatten().unwrap_or_default(),
        people: patch.people.flatten().unwrap_or_default(),
        entities: patch.entities.flatten().unwrap_or_default(),
        tags: patch.tags.flatten().unwrap_or_default(),
        metadata: metadata(patch.metadata.flatten().unwrap_or_default()),
        source: source(patch.source.flatten()),
        subject: patch.subject.flatten().unwrap_or_default(),
        attribute: patch.attribute.flatten().unwrap_or_default(),
        confidence: patch.confidence.flatten(),
        importance: patch.importance.flatten(),
        valid_from: ns(patch.valid_from.flatten()),
        valid_until: ns(patch.valid_until.flatten()),
        expires_at: ns(patch.expires_at.flatten()),
        decay: patch.decay.flatten().map(own_decay),
    };
    let vector = match patch.vector {
        None => VectorChange::Keep,
        Some(None) => VectorChange::Clear,
        Some(Some(vector)) => VectorChange::Set(vector),
    };
    (content, fields, vector)
}

pub(crate) fn update_response(updated: Updated) -> UpdateResponse {
    UpdateResponse {
        id: updated.id,
        version: updated.version,
        lsn: updated.lsn.0,
        committed_at: Timestamp(updated.committed_at.0),
        updated: updated.created == Created::Now,
        vectors: updated.vectors,
        reconsolidated: updated.reconsolidation.map(reconsolidated),
    }
}

fn reconsolidated(weighed: Reconsolidation) -> ReconsolidationView {
    ReconsolidationView {
        recalled_at: Timestamp(weighed.recalled_at),
        confirmed: weighed.confirmed,
        established: weighed.established,
        labile: weighed.labile,
        weight: weighed.weight,
    }
}

pub(crate) fn history_response(history: History, next_cursor: Option<String>) -> HistoryResponse {
    HistoryResponse {
        next_cursor,
        versions: history.versions.into_iter().map(version).collect(),
        snapshot_lsn: history.lsn.0,
    }
}

fn version(version: Version) -> MemoryVersionView {
    let Version { memory, replaced_at } = version;
    MemoryVersionView {
        version: memory.version,
        lsn: memory.lsn.0,
        committed_at: Timestamp(memory.committed_at.0),
        replaced_at: replaced_at.map(|time| Timestamp(time.0)),
        reason: given(&memory.reason),
        principal: given(&memory.principal),
        reconsolidated: memory.reconsolidation.map(reconsolidated),
        memory: input(&memory.id, &memory.content),
    }
}

/// What a memory says, as it could be stored again.
fn input(id: &str, content: &MemoryContent) -> MemoryInput {
    let time = |ns: Option<i64>| ns.map(Timestamp);
    let source = SourceInput {
        kind: given(&content.source.kind),
        reference: given(&content.source.reference),
        trust: content.source.trust,
    };
    MemoryInput {
        id: Some(id.to_owned()),
        kind: Some(kind_name(content.kind)),
        title: given(&content.title),
        text: given(&content.text),
        vector: None,
        session: given(&content.session),
        occurred_at: time(content.occurred_at),
        occurred_until: time(content.occurred_until),
        place: given(&content.place),
        people: content.people.clone(),
        entities: content.entities.clone(),
        tags: content.tags.clone(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_fields_that_are_given_change() {
        let read = |json: &str| update(serde_json::from_str(json).unwrap(), None, "");
        let asked = read(r#"{"id":"a","set":{"title":null,"tags":["x"],"vector":null}}"#).unwrap();
        assert_eq!(asked.fields, [ContentField::Title, ContentField::Tags]);
        assert_eq!((asked.content.title.as_str(), asked.content.tags.len()), ("", 1));
        assert_eq!(asked.vector, VectorChange::Clear);
        let asked = read(r#"{"id":"a","memory":{"text":"b"}}"#).unwrap();
        assert_eq!(asked.fields, ContentField::ALL);
        assert_eq!(asked.vector, VectorChange::Clear);
        assert_eq!(read(r#"{"id":"a","set":{}}"#).unwrap().vector, VectorChange::Keep);
    }

    #[test]
    fn an_update_is_one_thing() {
        for (json, code) in [
            (r#"{"id":"a"}"#, "missing_field"),
            (r#"{"id":"a","set":{},"memory":{"text":"b"}}"#, "invalid_value"),
            (r#"{"id":"a","memory":{"id":"b","text":"b"}}"#, "invalid_value"),
        ] {
            let refused = update(serde_json::from_str(json).unwrap(), None, "").unwrap_err();
            assert_eq!(refused.0.code, code, "{json}");
        }
    }
}
