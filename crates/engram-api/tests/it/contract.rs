//! Types, schemas and examples say the same.

use std::collections::BTreeSet;

use engram_api::{
    AfterRecallInput, AroundInput, AssociateRequest, AssociateResponse, AssociationsRequest,
    AssociationsResponse, BackupJobView, BackupStatusView, BeliefsRequest, BeliefsResponse,
    CallerView, CarriedInput, ChangesRequest, ChangesResponse, Comparisons, CompleteRequest,
    CompleteResponse, ConsolidateRequest, ConsolidateResponse, CreateBackupRequest,
    CreateKeyRequest, CreateRestorePointRequest, CreateSpaceRequest, DeleteSpaceResponse,
    DissociateRequest, DissociateResponse, EmbeddedInput, ExportRequest, ExportResponse,
    FadingRequest, FadingResponse, FeedbackRequest, FeedbackResponse, FilterInput,
    ForgetReceiptRequest, ForgetReceiptResponse, ForgetRequest, ForgetResponse, GetRequest,
    HistoryRequest, HistoryResponse, ImagineRequest, ImagineResponse, ImportRequest,
    ImportResponse, IssuedKeyView, JudgedRecallInput, KeyView, LearnedInput, ListKeysResponse,
    ListRequest, ListResponse, ListSpacesResponse, MarksRequest, MarksResponse, MemoryDecay,
    MemoryInput, MemoryPatch, MemoryView, Method, NegativeInput, OPERATIONS, Operation,
    PartialInput, PastInput, PredictRequest, PredictResponse, PrimeInput, Problem, QueryRequest,
    QueryResponse, RecallRequest, RecallResponse, RecognizeRequest, RecognizeResponse,
    RememberManyRequest, RememberManyResponse, RememberRequest, RememberResponse, RestoreRequest,
    RestoreResponse, RestoreSpaceRequest, RestoreTo, RetentionRequest, RetentionResponse,
    ReviewInput, RevokeKeyRequest, RotateKeyRequest, Scope, SeedInput, SourceEvidenceInput,
    SourceInput, SpaceDecay, SpaceStatsView, SpaceView, SpreadRequest, SpreadResponse, StatusView,
    TakeOverRepositoryRequest, TimeSpanInput, TransferAssociation, TransferBelief,
    TransferDecision, TransferMemory, UndoConsolidationRequest, UndoConsolidationResponse,
    UpdateRequest, UpdateResponse, VersionView, WeightsInput, decode, decode_proto, encode_proto,
    schemas,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::checker::faults;

/// Reads the text as the type of that name and writes it again.
fn round_trip(name: &str, json: &str) -> Result<Value, Box<Problem>> {
    match name {
        "RememberRequest" => through::<RememberRequest>(name, json),
        "RememberResponse" => through::<RememberResponse>(name, json),
        "RememberManyRequest" => through::<RememberManyRequest>(name, json),
        "RememberManyResponse" => through::<RememberManyResponse>(name, json),
        "UpdateRequest" => through::<UpdateRequest>(name, json),
        "UpdateResponse" => through::<UpdateResponse>(name, json),
        "HistoryRequest" => through::<HistoryRequest>(name, json),
        "HistoryResponse" => through::<HistoryResponse>(name, json),
        "GetRequest" => through::<GetRequest>(name, json),
        "MemoryView" => through::<MemoryView>(name, json),
        "ListRequest" => through::<ListRequest>(name, json),
        "ListResponse" => through::<ListResponse>(name, json),
        "RecallRequest" => through::<RecallRequest>(name, json),
        "RecallResponse" => through::<RecallResponse>(name, json),
        "RecognizeRequest" => through::<RecognizeRequest>(name, json),
        "RecognizeResponse" => through::<RecognizeResponse>(name, json),
        "SpreadRequest" => through::<SpreadRequest>(name, json),
        "SpreadResponse" => through::<SpreadResponse>(name, json),
        "AssociateRequest" => through::<AssociateRequest>(name, json),
        "AssociateResponse" => through::<AssociateResponse>(name, json),
        "DissociateRequest" => through::<DissociateRequest>(name, json),
        "DissociateResponse" => through::<DissociateResponse>(name, json),
        "AssociationsRequest" => through::<AssociationsRequest>(name, json),
        "AssociationsResponse" => through::<AssociationsResponse>(name, json),
        "MarksRequest" => through::<MarksRequest>(name, json),
        "MarksResponse" => through::<MarksResponse>(name, json),
        "BeliefsRequest" => through::<BeliefsRequest>(name, json),
        "BeliefsResponse" => through::<BeliefsResponse>(name, json),
        "ConsolidateRequest" => through::<ConsolidateRequest>(name, json),
        "ConsolidateResponse" => through::<ConsolidateResponse>(name, json),
        "UndoConsolidationRequest" => through::<UndoConsolidationRequest>(name, json),
        "UndoConsolidationResponse" => through::<UndoConsolidationResponse>(name, json),
        "CompleteRequest" => through::<CompleteRequest>(name, json),
        "CompleteResponse" => through::<CompleteResponse>(name, json),
        "PredictRequest" => through::<PredictRequest>(name, json),
        "PredictResponse" => through::<PredictResponse>(name, json),
        "ImagineRequest" => through::<ImagineRequest>(name, json),
        "ImagineResponse" => through::<ImagineResponse>(name, json),
        "FadingRequest" => through::<FadingRequest>(name, json),
        "FadingResponse" => through::<FadingResponse>(name, json),
        "FeedbackRequest" => through::<FeedbackRequest>(name, json),
        "FeedbackResponse" => through::<FeedbackResponse>(name, json),
        "RetentionRequest" => through::<RetentionRequest>(name, json),
        "RetentionResponse" => through::<RetentionResponse>(name, json),
        "ForgetRequest" => through::<ForgetRequest>(name, json),
        "ForgetResponse" => through::<ForgetResponse>(name, json),
        "ForgetReceiptRequest" => through::<ForgetReceiptRequest>(name, json),
        "ForgetReceiptResponse" => through::<ForgetReceiptResponse>(name, json),
        "RestoreRequest" => through::<RestoreRequest>(name, json),
        "RestoreResponse" => through::<RestoreResponse>(name, json),
        "CreateSpaceRequest" => through::<CreateSpaceRequest>(name, json),
        "SpaceView" => through::<SpaceView>(name, json),
        "ListSpacesResponse" => through::<ListSpacesResponse>(name, json),
        "DeleteSpaceResponse" => through::<DeleteSpaceResponse>(name, json),
        "SpaceStatsView" => through::<SpaceStatsView>(name, json),
        "ChangesRequest" => through::<ChangesRequest>(name, json),
        "ChangesResponse" => through::<ChangesResponse>(name, json),
        "QueryRequest" => through::<QueryRequest>(name, json),
        "QueryResponse" => through::<QueryResponse>(name, json),
        "CreateBackupRequest" => through::<CreateBackupRequest>(name, json),
        "CreateRestorePointRequest" => through::<CreateRestorePointRequest>(name, json),
        "RestoreSpaceRequest" => through::<RestoreSpaceRequest>(name, json),
        "TakeOverRepositoryRequest" => through::<TakeOverRepositoryRequest>(name, json),
        "CreateKeyRequest" => through::<CreateKeyRequest>(name, json),
        "RotateKeyRequest" => through::<RotateKeyRequest>(name, json),
        "RevokeKeyRequest" => through::<RevokeKeyRequest>(name, json),
        "KeyView" => through::<KeyView>(name, json),
        "IssuedKeyView" => through::<IssuedKeyView>(name, json),
        "ListKeysResponse" => through::<ListKeysResponse>(name, json),
        "CallerView" => through::<CallerView>(name, json),
        "BackupJobView" => through::<BackupJobView>(name, json),
        "BackupStatusView" => through::<BackupStatusView>(name, json),
        "ExportRequest" => through::<ExportRequest>(name, json),
        "ExportResponse" => through::<ExportResponse>(name, json),
        "ImportRequest" => through::<ImportRequest>(name, json),
        "ImportResponse" => through::<ImportResponse>(name, json),
        "StatusView" => through::<StatusView>(name, json),
        "VersionView" => through::<VersionView>(name, json),
        "Problem" => through::<Problem>(name, json),
        _ => part_round_trip(name, json),
    }
}

/// The same of what stands in requests.
fn part_round_trip(name: &str, json: &str) -> Result<Value, Box<Problem>> {
    match name {
        "RestoreTo" => through::<RestoreTo>(name, json),
        "MemoryPatch" => through::<MemoryPatch>(name, json),
        "MemoryInput" => through::<MemoryInput>(name, json),
        "SourceInput" => through::<SourceInput>(name, json),
        "FilterInput" => through::<FilterInput>(name, json),
        "Comparisons" => through::<Comparisons>(name, json),
        "SeedInput" => through::<SeedInput>(name, json),
        "PartialInput" => through::<PartialInput>(name, json),
        "AroundInput" => through::<AroundInput>(name, json),
        "PrimeInput" => through::<PrimeInput>(name, json),
        "JudgedRecallInput" => through::<JudgedRecallInput>(name, json),
        "AfterRecallInput" => through::<AfterRecallInput>(name, json),
        "TimeSpanInput" => through::<TimeSpanInput>(name, json),
        "NegativeInput" => through::<NegativeInput>(name, json),
        "WeightsInput" => through::<WeightsInput>(name, json),
        "MemoryDecay" => through::<MemoryDecay>(name, json),
        "SpaceDecay" => through::<SpaceDecay>(name, json),
        "TransferMemory" => through::<TransferMemory>(name, json),
        "LearnedInput" => through::<LearnedInput>(name, json),
        "PastInput" => through::<PastInput>(name, json),
        "ReviewInput" => through::<ReviewInput>(name, json),
        "SourceEvidenceInput" => through::<SourceEvidenceInput>(name, json),
        "CarriedInput" => through::<CarriedInput>(name, json),
        "EmbeddedInput" => through::<EmbeddedInput>(name, json),
        "TransferAssociation" => through::<TransferAssociation>(name, json),
        "TransferDecision" => through::<TransferDecision>(name, json),
        "TransferBelief" => through::<TransferBelief>(name, json),
        other => panic!("type {other} is not in the list of this test"),
    }
}

/// Through the type, and on the way through Protocol Buffers.
fn through<T: DeserializeOwned + Serialize>(name: &str, json: &str) -> Result<Value, Box<Problem>> {
    let read: T = decode(json.as_bytes())?;
    let value = serde_json::to_value(&read).unwrap();
    let bytes = encode_proto(name, "", &read).unwrap();
    let again: T = decode_proto(name, &bytes).unwrap();
    assert_eq!(serde_json::to_value(again).unwrap(), value, "{name} through Protocol Buffers");
    Ok(value)
}

fn examples() -> impl Iterator<Item = (&'static str, &'static str)> {
    OPERATIONS.iter().flat_map(|operation| {
        let request = operation.request.map(|name| (name, operation.request_example));
        request.into_iter().chain([(operation.response, operation.response_example)])
    })
}

#[test]
fn every_example_is_what_its_type_and_its_schema_say() {
    let schemas = schemas();
    for (name, example) in examples() {
        let value: Value = serde_json::from_str(example).expect(name);
        assert_eq!(faults(&value, &schemas[name]), Vec::<String>::new(), "{name}");
        let again = round_trip(name, example).unwrap();
        assert_eq!(faults(&again, &schemas[name]), Vec::<String>::new(), "{name}");
        for (field, value) in value.as_object().unwrap() {
            // Times come back in UTC; all else as it was written.
            if !field.starts_with("occurred") {
                assert_eq!(&again[field], value, "{name}.{field}");
            }
        }
    }
}

/// Serde names the fields of a strict type when it meets one that it does not know.
fn fields_of_request(name: &str) -> BTreeSet<String> {
    let problem = round_trip(name, r#"{"no such field": 1}"#).unwrap_err();
    assert_eq!(problem.code, "unknown_field", "{name}: {problem}");
    let (_, expected) = problem.detail.split_once("expected").unwrap();
    expected.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn strict_types_and_their_schemas_have_the_same_fields() {
    let schemas = schemas();
    let strict = schemas.iter().filter(|(_, schema)| schema["additionalProperties"] == false);
    let mut seen = 0;
    for (name, schema) in strict {
        let fields = fields_of_request(name);
        let named: BTreeSet<String> =
            schema["properties"].as_object().unwrap().keys().cloned().collect();
        assert_eq!(fields, named, "{name}");
        seen += 1;
    }
    assert_eq!(seen, 64);
}

#[test]
fn answers_show_every_property_in_an_example() {
    let schemas = schemas();
    let mut shown: BTreeSet<String> = BTreeSet::new();
    for (name, example) in examples() {
        // Through the type: a property that the type does not know is lost here.
        collect(&round_trip(name, example).unwrap(), name, &mut shown);
    }
    for name in [
        "MemoryView",
        "RecallResponse",
        "RecalledView",
        "NeighbourView",
        "PromptContextView",
        "SearchedView",
        "WeightsView",
        "PrimedView",
        "FadingView",
        "CalibrationView",
        "PrimedByView",
        "ReconsolidationView",
        "RoutesView",
        "RouteView",
        "PathStepView",
        "RecognizedView",
        "ActivatedView",
        "CompletedView",
        "FieldCandidateView",
        "PredictionView",
        "FollowedView",
        "ImaginedView",
        "AssociationView",
        "MarkView",
        "MarkEndView",
        "ReceiptView",
        "MemoryVersionView",
        "SpaceView",
        "SpaceStatsView",
        "KeyView",
        "CallerView",
    ] {
        for field in schemas[name]["properties"].as_object().unwrap().keys() {
            assert!(shown.contains(&format!("{name}.{field}")), "{name}.{field} is in no example");
        }
    }
}

fn collect(value: &Value, name: &str, shown: &mut BTreeSet<String>) {
    let schemas = schemas();
    let Some(object) = value.as_object() else {
        return;
    };
    for (field, value) in object {
        shown.insert(format!("{name}.{field}"));
        let property = &schemas[name]["properties"][field];
        for (target, values) in [
            (&property["$ref"], vec![value]),
            (
                &property["items"]["$ref"],
                value.as_array().map(|items| items.iter().collect()).unwrap_or_default(),
            ),
        ] {
            if let Some(target) = target.as_str() {
                let target = target.rsplit('/').next().unwrap();
                values.into_iter().for_each(|value| collect(value, target, shown));
            }
        }
    }
}

#[test]
fn the_table_is_sound() {
    let mut names = BTreeSet::new();
    let mut calls = BTreeSet::new();
    for operation in OPERATIONS {
        assert!(names.insert(operation.name), "{} stands twice", operation.name);
        assert_eq!(Operation::by_name(operation.name), Some(operation));
        for route in operation.routes {
            assert!(calls.insert((route.method.as_str(), route.path)), "{}", route.path);
            assert_eq!(
                operation.scope == Scope::Space,
                route.path.contains("{space}"),
                "{}",
                route.path
            );
            let request = operation.request.map(|name| schemas()[name].clone());
            for field in route.query {
                assert!(request.as_ref().unwrap()["properties"][field].is_object(), "{field}");
            }
        }
        let first = operation.routes[0];
        assert_eq!(first.method == Method::Post, operation.request.is_some(), "{}", operation.name);
    }
}

#[test]
fn every_reference_of_a_schema_has_its_target() {
    fn walk(document: &Value, value: &Value) {
        if let Some(target) = value["$ref"].as_str() {
            let place = target.strip_prefix('#').unwrap();
            assert!(document.pointer(place).is_some(), "{target}");
        }
        match value {
            Value::Object(object) => object.values().for_each(|inner| walk(document, inner)),
            Value::Array(items) => items.iter().for_each(|inner| walk(document, inner)),
            _ => {}
        }
    }
    let document = engram_api::openapi();
    walk(&document, &document);
}
