//! What the areas share: compiling with parameters at a fixed time, and reading a request as its operation does.

use engram_api::{
    AssociateRequest, AssociationsRequest, BeliefsRequest, CompleteRequest, ConsolidateRequest,
    DissociateRequest, FadingRequest, FeedbackRequest, ForgetReceiptRequest, ForgetRequest,
    GetRequest, HistoryRequest, ImagineRequest, ListRequest, MarksRequest, PredictRequest,
    RecallRequest, RecognizeRequest, RememberManyRequest, RememberRequest, RestoreRequest,
    RetentionRequest, SpreadRequest, UndoConsolidationRequest, UpdateRequest, decode,
};
use engram_query::{Parameters, Plan, QueryError, compile};
use serde_json::Value;

/// 2026-02-01T00:00:00Z.
pub(crate) const NOW_NS: i64 = 1_769_904_000_000_000_000;

/// A statement with its parameters in a comment before it, as the examples have them: `-- {"name": value}`.
pub(crate) fn parameters(text: &str) -> Parameters {
    let comment = text.lines().next().and_then(|line| line.strip_prefix("-- "));
    match comment.map(serde_json::from_str::<Value>) {
        Some(Ok(Value::Object(named))) => Parameters::named(named),
        Some(Ok(Value::Array(values))) => Parameters::positional(values),
        _ => Parameters::none(),
    }
}

pub(crate) fn run(text: &str) -> Result<Plan, Box<QueryError>> {
    compile(text, &parameters(text), NOW_NS)
}

/// The plan, whose request the operation must accept.
pub(crate) fn plan(text: &str) -> Plan {
    let plan = match run(text) {
        Ok(plan) => plan,
        Err(error) => panic!("{}", engram_query::render(&error, text)),
    };
    accept(&plan).unwrap_or_else(|problem| panic!("{text}\n{}\n{problem}", plan.request));
    plan
}

/// Reads the request as its operation does.
pub(crate) fn accept(plan: &Plan) -> Result<(), String> {
    let body = serde_json::to_vec(&plan.request).unwrap();
    let read = match plan.operation {
        "remember" => decode::<RememberRequest>(&body).map(drop),
        "remember_many" => decode::<RememberManyRequest>(&body).map(drop),
        "update" => decode::<UpdateRequest>(&body).map(drop),
        "history" => decode::<HistoryRequest>(&body).map(drop),
        "get" => decode::<GetRequest>(&body).map(drop),
        "list" => decode::<ListRequest>(&body).map(drop),
        "recall" => decode::<RecallRequest>(&body).map(drop),
        "recognize" => decode::<RecognizeRequest>(&body).map(drop),
        "spread" => decode::<SpreadRequest>(&body).map(drop),
        "complete" => decode::<CompleteRequest>(&body).map(drop),
        "predict" => decode::<PredictRequest>(&body).map(drop),
        "imagine" => decode::<ImagineRequest>(&body).map(drop),
        "associate" => decode::<AssociateRequest>(&body).map(drop),
        "dissociate" => decode::<DissociateRequest>(&body).map(drop),
        "associations" => decode::<AssociationsRequest>(&body).map(drop),
        "marks" => decode::<MarksRequest>(&body).map(drop),
        "forget" => decode::<ForgetRequest>(&body).map(drop),
        "forget_receipt" => decode::<ForgetReceiptRequest>(&body).map(drop),
        "restore" => decode::<RestoreRequest>(&body).map(drop),
        "feedback" => decode::<FeedbackRequest>(&body).map(drop),
        "retention" => decode::<RetentionRequest>(&body).map(drop),
        "consolidate" => decode::<ConsolidateRequest>(&body).map(drop),
        "undo_consolidation" => decode::<UndoConsolidationRequest>(&body).map(drop),
        "beliefs" => decode::<BeliefsRequest>(&body).map(drop),
        "fading" => decode::<FadingRequest>(&body).map(drop),
        other => panic!("operation {other} is not in the list of this test"),
    };
    read.map_err(|problem| problem.to_string())
}

/// The filter that a condition comes to.
pub(crate) fn filter(condition: &str) -> Value {
    plan(&format!("RECALL WHERE {condition}")).request["filter"].clone()
}
