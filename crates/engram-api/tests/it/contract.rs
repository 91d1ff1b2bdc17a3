//! Types, schemas and examples say the same.

use std::collections::BTreeSet;

use engram_api::{
    AfterRecallInput, AroundInput, AssociateRequest, AssociateResponse, AssociationsRequest,
    AssociationsResponse, BeliefsRequest, BeliefsResponse, Comparisons, CompleteRequest,
    CompleteResponse, ConsolidateRequest, ConsolidateResponse, CreateSpaceRequest,
    DeleteSpaceResponse, DissociateRequest, DissociateResponse, FadingRequest, FadingResponse,
    FeedbackRequest, FeedbackResponse, FilterInput, ForgetReceiptRequest, ForgetReceiptResponse,
    ForgetRequest, ForgetResponse, GetRequest, HistoryRequest, HistoryResponse, ImagineRequest,
    ImagineResponse, JudgedRecallInput, ListRequest, ListResponse, ListSpacesResponse,
    MarksRequest, MarksResponse, MemoryDecay, MemoryInput, MemoryPatch, MemoryView, Method,
    NegativeInput, OPERATIONS, Operation, PartialInput, PredictRequest, PredictResponse,
    PrimeInput, Problem, RecallRequest, RecallResponse, RecognizeRequest, RecognizeResponse,
    RememberManyRequest, RememberManyResponse, RememberRequest, RememberResponse, RestoreRequest,
    RestoreResponse, RetentionRequest, RetentionResponse, Scope, SeedInput, SourceInput,
    SpaceDecay, SpaceStatsView, SpaceView, SpreadRequest, SpreadResponse, StatusView,
    TimeSpanInput, UndoConsolidationRequest, UndoConsolidationResponse, UpdateRequest,
    UpdateResponse, VersionView, WeightsInput, decode, schemas,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::checker::faults;

/// Reads the text as the type of that name and writes it again.
fn round_trip(name: &str, json: &str) -> Result<Value, Box<Problem>> {
    match name {
        "RememberRequest" => through::<RememberRequest>(json),
        "RememberResponse" => through::<RememberResponse>(json),
        "RememberManyRequest" => through::<RememberManyRequest>(json),
        "RememberManyResponse" => through::<RememberManyResponse>(json),
        "UpdateRequest" => through::<UpdateRequest>(json),
        "UpdateResponse" => through::<UpdateResponse>(json),
        "HistoryRequest" => through::<HistoryRequest>(json),
        "HistoryResponse" => through::<HistoryResponse>(json),
        "GetRequest" => through::<GetRequest>(json),
        "MemoryView" => through::<MemoryView>(json),
        "ListRequest" => through::<ListRequest>(json),
        "ListResponse" => through::<ListResponse>(json),
        "RecallRequest" => through::<RecallRequest>(json),
        "RecallResponse" => through::<RecallResponse>(json),
        "RecognizeRequest" => through::<RecognizeRequest>(json),
        "RecognizeResponse" => through::<RecognizeResponse>(json),
        "SpreadRequest" => through::<SpreadRequest>(json),
        "SpreadResponse" => through::<SpreadResponse>(json),
        "AssociateRequest" => through::<AssociateRequest>(json),
        "AssociateResponse" => through::<AssociateResponse>(json),
        "DissociateRequest" => through::<DissociateRequest>(json),
        "DissociateResponse" => through::<DissociateResponse>(json),
        "AssociationsRequest" => through::<AssociationsRequest>(json),
        "AssociationsResponse" => through::<AssociationsResponse>(json),
        "MarksRequest" => through::<MarksRequest>(json),
        "MarksResponse" => through::<MarksResponse>(json),
        "BeliefsRequest" => through::<BeliefsRequest>(json),
        "BeliefsResponse" => through::<BeliefsResponse>(json),
        "ConsolidateRequest" => through::<ConsolidateRequest>(json),
        "ConsolidateResponse" => through::<ConsolidateResponse>(json),
        "UndoConsolidationRequest" => through::<UndoConsolidationRequest>(json),
        "UndoConsolidationResponse" => through::<UndoConsolidationResponse>(json),
        "CompleteRequest" => through::<CompleteRequest>(json),
        "CompleteResponse" => through::<CompleteResponse>(json),
        "PredictRequest" => through::<PredictRequest>(json),
        "PredictResponse" => through::<PredictResponse>(json),
        "ImagineRequest" => through::<ImagineRequest>(json),
        "ImagineResponse" => through::<ImagineResponse>(json),
        "FadingRequest" => through::<FadingRequest>(json),
        "FadingResponse" => through::<FadingResponse>(json),
        "FeedbackRequest" => through::<FeedbackRequest>(json),
        "FeedbackResponse" => through::<FeedbackResponse>(json),
        "RetentionRequest" => through::<RetentionRequest>(json),
        "RetentionResponse" => through::<RetentionResponse>(json),
        "ForgetRequest" => through::<ForgetRequest>(json),
        "ForgetResponse" => through::<ForgetResponse>(json),
        "ForgetReceiptRequest" => through::<ForgetReceiptRequest>(json),
        "ForgetReceiptResponse" => through::<ForgetReceiptResponse>(json),
        "RestoreRequest" => through::<RestoreRequest>(json),
        "RestoreResponse" => through::<RestoreResponse>(json),
        "CreateSpaceRequest" => through::<CreateSpaceRequest>(json),
        "SpaceView" => through::<SpaceView>(json),
        "ListSpacesResponse" => through::<ListSpacesResponse>(json),
        "DeleteSpaceResponse" => through::<DeleteSpaceResponse>(json),
        "SpaceStatsView" => through::<SpaceStatsView>(json),
        "StatusView" => through::<StatusView>(json),
        "VersionView" => through::<VersionView>(json),
        "Problem" => through::<Problem>(json),
        _ => part_round_trip(name, json),
    }
}

/// The same of what stands in requests.
fn part_round_trip(name: &str, json: &str) -> Result<Value, Box<Problem>> {
    match name {
        "MemoryPatch" => through::<MemoryPatch>(json),
        "MemoryInput" => through::<MemoryInput>(json),
        "SourceInput" => through::<SourceInput>(json),
        "FilterInput" => through::<FilterInput>(json),
        "Comparisons" => through::<Comparisons>(json),
        "SeedInput" => through::<SeedInput>(json),
        "PartialInput" => through::<PartialInput>(json),
        "AroundInput" => through::<AroundInput>(json),
        "PrimeInput" => through::<PrimeInput>(json),
        "JudgedRecallInput" => through::<JudgedRecallInput>(json),
        "AfterRecallInput" => through::<AfterRecallInput>(json),
        "TimeSpanInput" => through::<TimeSpanInput>(json),
        "NegativeInput" => through::<NegativeInput>(json),
        "WeightsInput" => through::<WeightsInput>(json),
        "MemoryDecay" => through::<MemoryDecay>(json),
        "SpaceDecay" => through::<SpaceDecay>(json),
        other => panic!("type {other} is not in the list of this test"),
    }
}

fn through<T: DeserializeOwned + Serialize>(json: &str) -> Result<Value, Box<Problem>> {
    Ok(serde_json::to_value(decode::<T>(json.as_bytes())?).unwrap())
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
        let mut fields = fields_of_request(name);
        if *name == "RememberRequest" {
            fields.extend(["idempotency_key".to_owned(), "wait".to_owned()]);
        }
        let named: BTreeSet<String> =
            schema["properties"].as_object().unwrap().keys().cloned().collect();
        assert_eq!(fields, named, "{name}");
        seen += 1;
    }
    assert_eq!(seen, 42);
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
    fn walk(value: &Value) {
        if let Some(target) = value["$ref"].as_str() {
            assert!(schemas().contains_key(target.rsplit('/').next().unwrap()), "{target}");
        }
        match value {
            Value::Object(object) => object.values().for_each(walk),
            Value::Array(items) => items.iter().for_each(walk),
            _ => {}
        }
    }
    walk(&engram_api::openapi());
}
