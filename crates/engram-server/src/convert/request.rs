//! Requests: wire types to engine types.

use engram_api::{
    Comparisons, CreateSpaceRequest, DuplicatesName, ErrorCode, FilterFieldName, FilterInput,
    ForgetModeName, ForgetRequest, KindName, ListRequest, ListStateName, MemoryInput,
    MetadataCondition, RestoreRequest, SourceInput, Timestamp,
};
use engram_engine::{
    DuplicatePolicy, Execution, Filter, Forget, ForgetMode, Kind, Language, MemoryContent,
    MetaCondition, MetaTest, MetaValue, Metadata, NewMemory, NewSpace, OnInvalid, OwnCondition,
    OwnField, Purge, RememberOptions, Restore, Selection, Source, TimeRange, Training, Visibility,
};
use serde_json::{Map, Value};

use super::learning::{consolidation, own_decay, space_decay};
use crate::refusal::Refusal;

const EMBEDDER_DEFAULT: &str = "builtin";

pub(crate) fn kind(name: KindName) -> Kind {
    match name {
        KindName::Episode => Kind::Episode,
        KindName::Fact => Kind::Fact,
        KindName::Procedure => Kind::Procedure,
        KindName::Belief => Kind::Belief,
    }
}

pub(crate) fn new_memory(input: MemoryInput) -> NewMemory {
    let ns = |time: Option<Timestamp>| time.map(Timestamp::nanoseconds);
    NewMemory {
        id: input.id,
        content: MemoryContent {
            kind: kind(input.kind.unwrap_or_default()),
            title: input.title.unwrap_or_default(),
            text: input.text.unwrap_or_default(),
            session: input.session.unwrap_or_default(),
            occurred_at: ns(input.occurred_at),
            occurred_until: ns(input.occurred_until),
            place: input.place.unwrap_or_default(),
            people: input.people,
            entities: input.entities,
            tags: input.tags,
            metadata: metadata(input.metadata),
            source: source(input.source),
            subject: input.subject.unwrap_or_default(),
            attribute: input.attribute.unwrap_or_default(),
            confidence: input.confidence,
            importance: input.importance,
            valid_from: ns(input.valid_from),
            valid_until: ns(input.valid_until),
            expires_at: ns(input.expires_at),
            decay: input.decay.map(own_decay),
        },
        vector: input.vector,
    }
}

pub(super) fn source(input: Option<SourceInput>) -> Source {
    let SourceInput { kind, reference, trust } = input.unwrap_or_default();
    Source { kind: kind.unwrap_or_default(), reference: reference.unwrap_or_default(), trust }
}

pub(crate) fn remember_options(
    on_invalid: OnInvalid,
    idempotency_key: Option<String>,
    principal: &str,
) -> RememberOptions {
    RememberOptions { on_invalid, idempotency_key, principal: principal.to_owned() }
}

pub(super) fn metadata(map: Map<String, Value>) -> Metadata {
    map.into_iter().map(|(name, value)| (name, meta_value(value))).collect()
}

fn meta_value(value: Value) -> MetaValue {
    match value {
        Value::Null => MetaValue::Null,
        Value::Bool(on) => MetaValue::Bool(on),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => MetaValue::Int(whole),
            // JSON text has no other numbers than these two.
            None => MetaValue::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::String(text) => MetaValue::Text(text),
        Value::Array(items) => MetaValue::List(items.into_iter().map(meta_value).collect()),
        Value::Object(map) => MetaValue::Map(metadata(map)),
    }
}

pub(super) fn time_range(after: Option<Timestamp>, before: Option<Timestamp>) -> TimeRange {
    TimeRange { from: after.map(Timestamp::nanoseconds), until: before.map(Timestamp::nanoseconds) }
}

pub(crate) fn filter(input: FilterInput) -> Filter {
    Filter {
        occurred: time_range(input.occurred_after, input.occurred_before),
        committed: time_range(input.committed_after, input.committed_before),
        valid_at: input.valid_at.map(Timestamp::nanoseconds),
        tags_all: input.tags,
        tags_any: input.tags_any,
        people_any: input.people,
        kinds: input.kinds.into_iter().map(kind).collect(),
        session: input.session,
        place: input.place,
        source_kind: input.source_kind,
        source_reference: input.source_ref,
        min_trust: input.min_trust,
        ids: input.ids,
        metadata: input.metadata.into_iter().flat_map(conditions).collect(),
        fields: input.fields.into_iter().flat_map(own_conditions).collect(),
        all: input.and.into_iter().map(filter).collect(),
        any: input.or.into_iter().map(filter).collect(),
        none: input.not.into_iter().map(|inner| filter(*inner)).collect(),
    }
}

fn conditions((path, condition): (String, MetadataCondition)) -> Vec<MetaCondition> {
    let path: Vec<String> = path.split('.').map(str::to_owned).collect();
    let tests = match condition {
        MetadataCondition::Equals(value) => vec![MetaTest::Equal(meta_value(value))],
        MetadataCondition::Compare(comparisons) => tests(*comparisons),
    };
    tests.into_iter().map(|test| MetaCondition { path: path.clone(), test }).collect()
}

fn own_conditions(
    (field, condition): (FilterFieldName, MetadataCondition),
) -> impl Iterator<Item = OwnCondition> {
    let own = match field {
        FilterFieldName::Title => OwnField::Title,
        FilterFieldName::Text => OwnField::Text,
        FilterFieldName::Session => OwnField::Session,
        FilterFieldName::Place => OwnField::Place,
        FilterFieldName::Subject => OwnField::Subject,
        FilterFieldName::Attribute => OwnField::Attribute,
        FilterFieldName::Importance => OwnField::Importance,
        FilterFieldName::Confidence => OwnField::Confidence,
        FilterFieldName::Trust => OwnField::Trust,
        FilterFieldName::Principal => OwnField::Principal,
        FilterFieldName::Version => OwnField::Version,
        FilterFieldName::Lsn => OwnField::Lsn,
    };
    let shares = [OwnField::Importance, OwnField::Confidence, OwnField::Trust];
    let as_kept = move |value: Value| match value.as_f64() {
        // What is kept in 32 bits is compared in 32 bits: 0.9 is 0.9.
        Some(number) if shares.contains(&own) => {
            Value::from(f64::from((number as f32).clamp(f32::MIN, f32::MAX)))
        }
        _ => value,
    };
    let tests = match condition {
        MetadataCondition::Equals(value) => vec![MetaTest::Equal(meta_value(as_kept(value)))],
        MetadataCondition::Compare(compare) => {
            let compare = *compare;
            tests(Comparisons {
                eq: compare.eq.map(as_kept),
                ne: compare.ne.map(as_kept),
                lt: compare.lt.map(as_kept),
                lte: compare.lte.map(as_kept),
                gt: compare.gt.map(as_kept),
                gte: compare.gte.map(as_kept),
                one_of: compare.one_of.map(|all| all.into_iter().map(as_kept).collect()),
                ..compare
            })
        }
    };
    tests.into_iter().map(move |test| OwnCondition { field: own, test })
}

fn tests(comparisons: Comparisons) -> Vec<MetaTest> {
    let Comparisons { eq, ne, lt, lte, gt, gte, one_of, like, exists } = comparisons;
    let mut tests = Vec::new();
    tests.extend(eq.map(|value| MetaTest::Equal(meta_value(value))));
    tests.extend(ne.map(|value| MetaTest::NotEqual(meta_value(value))));
    tests.extend(lt.map(|value| MetaTest::Less(meta_value(value))));
    tests.extend(lte.map(|value| MetaTest::AtMost(meta_value(value))));
    tests.extend(gt.map(|value| MetaTest::Greater(meta_value(value))));
    tests.extend(gte.map(|value| MetaTest::AtLeast(meta_value(value))));
    tests.extend(one_of.map(|values| MetaTest::In(values.into_iter().map(meta_value).collect())));
    tests.extend(like.map(|pattern| MetaTest::like(&pattern)));
    tests.extend(exists.map(|there| if there { MetaTest::Exists } else { MetaTest::Missing }));
    tests
}

/// What a cursor of a listing is bound to, beside the space.
pub(crate) fn list_scope(request: &ListRequest) -> Vec<u8> {
    let scope = (&request.filter, request.state.unwrap_or_default(), &request.as_of);
    serde_json::to_vec(&scope).expect("a filter that was read can be written")
}

pub(crate) fn visibility(state: ListStateName) -> Visibility {
    match state {
        ListStateName::Active => Visibility::Active,
        ListStateName::Suppressed => Visibility::Suppressed,
        ListStateName::All => Visibility::All,
    }
}

pub(crate) fn forget(request: ForgetRequest, principal: &str) -> Result<Forget, Refusal> {
    if request.filter.as_ref().is_some_and(FilterInput::is_empty) {
        let detail = "an empty filter would forget every memory; delete the space instead";
        return Err(Refusal::new(ErrorCode::SelectionAmbiguous, detail).with_field("filter"));
    }
    let mode = match request.mode.unwrap_or_default() {
        ForgetModeName::Suppress => ForgetMode::Suppress,
        ForgetModeName::Delete => ForgetMode::Delete,
    };
    if request.purge && mode == ForgetMode::Suppress {
        let detail = "only what is deleted can be purged";
        return Err(Refusal::new(ErrorCode::InvalidValue, detail).with_field("purge"));
    }
    Ok(Forget {
        selection: selection(request.ids, request.filter)?,
        mode,
        purge: if request.purge { Purge::Soon } else { Purge::InTime },
        execution: if request.dry_run { Execution::DryRun } else { Execution::Commit },
        principal: principal.to_owned(),
    })
}

pub(crate) fn restore(request: RestoreRequest, principal: &str) -> Result<Restore, Refusal> {
    Ok(Restore {
        selection: selection(request.ids, request.filter)?,
        execution: Execution::Commit,
        principal: principal.to_owned(),
    })
}

fn selection(ids: Option<Vec<String>>, input: Option<FilterInput>) -> Result<Selection, Refusal> {
    match (ids, input) {
        (Some(ids), None) if !ids.is_empty() => Ok(Selection::Ids(ids)),
        // The engine takes an empty filter for a forgotten one; here it was given on purpose (`forget` refused it).
        (None, Some(input)) if input.is_empty() => {
            Ok(Selection::Matching(Filter { all: vec![Filter::default()], ..Filter::default() }))
        }
        (None, Some(input)) => Ok(Selection::Matching(filter(input))),
        (Some(_), None) => Err(ambiguous("ids is empty")),
        (Some(_), Some(_)) => Err(ambiguous("both ids and filter are given")),
        (None, None) => Err(ambiguous("neither ids nor filter is given")),
    }
}

fn ambiguous(detail: &str) -> Refusal {
    Refusal::new(ErrorCode::SelectionAmbiguous, detail)
}

pub(crate) fn new_space(request: CreateSpaceRequest) -> Result<NewSpace, Refusal> {
    let language = match request.language {
        None => Language::English,
        Some(code) => Language::from_code(&code).ok_or_else(|| unknown_language(&code))?,
    };
    Ok(NewSpace {
        name: request.name,
        embedder: request.embedder.unwrap_or_else(|| EMBEDDER_DEFAULT.to_owned()),
        dimension: request.dimension,
        language,
        decay: space_decay(request.decay.unwrap_or_default()),
        training: match request.recall_trains {
            Some(false) => Training::Never,
            _ => Training::Recalled,
        },
        duplicates: match request.duplicates.unwrap_or_default() {
            DuplicatesName::Keep => DuplicatePolicy::Keep,
            DuplicatesName::Merge => DuplicatePolicy::Merge,
            DuplicatesName::Reject => DuplicatePolicy::Reject,
        },
        consolidation: consolidation(request.consolidation.unwrap_or_default()),
        supersede_key: request.supersede_key,
    })
}

fn unknown_language(code: &str) -> Refusal {
    let known: Vec<&str> = Language::ALL.iter().map(|language| language.code()).collect();
    let detail = format!("language {code:?} is not one of {}", known.join(", "));
    Refusal::new(ErrorCode::LanguageUnknown, detail).with_field("language")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_keep_every_condition() {
        let json = r#"{"occurred_after":"1970-01-01T00:00:01Z","tags":["a"],"tags_any":["b"],"people":["p"],
            "kinds":["fact"],"metadata":{"x.y":{"gte":1,"lt":2.5},"z":null,"w":{"ne":"v"}},
            "not":{"session":"s"}}"#;
        let filter = filter(serde_json::from_str(json).unwrap());
        assert_eq!(filter.occurred, TimeRange { from: Some(1_000_000_000), until: None });
        assert_eq!((filter.tags_all.len(), filter.tags_any.len(), filter.kinds.len()), (1, 1, 1));
        let path = |path: &str| path.split('.').map(str::to_owned).collect::<Vec<_>>();
        let condition = |at: &str, test| MetaCondition { path: path(at), test };
        let expected = [
            condition("w", MetaTest::NotEqual(MetaValue::Text("v".to_owned()))),
            condition("x.y", MetaTest::Less(MetaValue::Float(2.5))),
            condition("x.y", MetaTest::AtLeast(MetaValue::Int(1))),
            condition("z", MetaTest::Equal(MetaValue::Null)),
        ];
        assert_eq!(filter.metadata, expected);
        assert_eq!(filter.none[0].session.as_deref(), Some("s"));
    }

    #[test]
    fn selections_are_one_thing() {
        let code = |json: &str| {
            let refused = forget(serde_json::from_str(json).unwrap(), "").unwrap_err();
            refused.0.code
        };
        for json in
            ["{}", r#"{"ids":[]}"#, r#"{"filter":{}}"#, r#"{"ids":["a"],"filter":{"tags":["t"]}}"#]
        {
            assert_eq!(code(json), "selection_ambiguous", "{json}");
        }
        assert!(restore(serde_json::from_str(r#"{"filter":{}}"#).unwrap(), "").is_ok());
    }
}
