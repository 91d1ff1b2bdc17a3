//! Completion, prediction and imagination, both ways.

use engram_api::{
    AbstentionName, CompleteRequest, CompleteResponse, CompletedView, ErrorCode,
    FieldCandidateView, FollowedView, ImagineRequest, ImagineResponse, ImaginedView, PartialInput,
    PredictRequest, PredictResponse, PredictionView, Problem, Timestamp, nearest,
};
use engram_engine::{
    Abstention, Complete, CompletedField, Completion, FieldCandidate, FieldName, Followed, Imagine,
    Imagined, Partial, Predict, Prediction, Predictions,
};

use super::request::{filter, kind, metadata};
use super::view::{Vectors, given, json_metadata, json_value, kind_name, memory_view};
use crate::refusal::Refusal;

/// What counts where a request says nothing.
const MIN_PROBABILITY_DEFAULT: f32 = 0.5;
const EVIDENCE_DEFAULT: usize = 1_000;
const STEPS_DEFAULT: u32 = 1;
const ANTECEDENTS_DEFAULT: usize = 50;
const PREDICTIONS_DEFAULT: usize = 5;
const PREDICTED_FROM_DEFAULT: f32 = 0.2;
/// Names of fields, apart from those of the metadata.
const FIELD_NAMES: [&str; 8] =
    ["kind", "title", "session", "place", "people", "tags", "subject", "attribute"];

fn partial(input: PartialInput) -> Partial {
    Partial {
        kind: input.kind.map(kind),
        title: input.title.unwrap_or_default(),
        text: input.text.unwrap_or_default(),
        vector: input.vector,
        session: input.session.unwrap_or_default(),
        occurred_at: input.occurred_at.map(Timestamp::nanoseconds),
        place: input.place.unwrap_or_default(),
        people: input.people,
        tags: input.tags,
        metadata: metadata(input.metadata),
        subject: input.subject.unwrap_or_default(),
        attribute: input.attribute.unwrap_or_default(),
    }
}

/// The same on its way back. Vectors stay behind.
fn partial_view(partial: Partial) -> PartialInput {
    PartialInput {
        kind: partial.kind.map(kind_name),
        title: given(&partial.title),
        text: given(&partial.text),
        vector: None,
        session: given(&partial.session),
        occurred_at: partial.occurred_at.map(Timestamp),
        place: given(&partial.place),
        people: partial.people,
        tags: partial.tags,
        metadata: json_metadata(&partial.metadata),
        subject: given(&partial.subject),
        attribute: given(&partial.attribute),
    }
}

fn field_names(names: &[String]) -> Result<Vec<FieldName>, Refusal> {
    let field = |(index, name): (usize, &String)| {
        FieldName::from_name(name).ok_or_else(|| {
            let known = FIELD_NAMES.join(", ");
            let detail = format!("{name:?} is none of {known}, nor `metadata.` and a dotted path");
            let nearest = nearest(name, FIELD_NAMES).map(str::to_owned);
            let problem = Problem::new(ErrorCode::InvalidValue, detail).with_nearest(nearest);
            Refusal::from(problem.with_field(format!("fields[{index}]")))
        })
    };
    names.iter().enumerate().map(field).collect()
}

pub(crate) fn complete(request: CompleteRequest) -> Result<Complete, Refusal> {
    Ok(Complete {
        fields: field_names(&request.fields)?,
        partial: partial(request.partial),
        filter: filter(request.filter.unwrap_or_default()),
        min_probability: request.min_probability.unwrap_or(MIN_PROBABILITY_DEFAULT),
        evidence_max: request.evidence_max.map_or(EVIDENCE_DEFAULT, |most| most as usize),
    })
}

pub(crate) fn complete_response(completion: Completion) -> CompleteResponse {
    CompleteResponse {
        fields: completion.fields.into_iter().map(completed_view).collect(),
        looked_at: completion.looked_at,
        snapshot_lsn: completion.lsn.0,
    }
}

fn completed_view(completed: CompletedField) -> CompletedView {
    let (filled, abstained) = match completed.filled {
        Ok(candidate) => (Some(candidate_view(candidate)), None),
        Err(abstention) => (None, Some(abstention_name(abstention))),
    };
    CompletedView {
        field: completed.field.to_string(),
        filled,
        abstained,
        alternatives: completed.alternatives.into_iter().map(candidate_view).collect(),
        evidence: completed.evidence,
    }
}

fn candidate_view(candidate: FieldCandidate) -> FieldCandidateView {
    FieldCandidateView {
        value: json_value(&candidate.value),
        probability: candidate.probability,
        low: candidate.low,
        sources: candidate.sources,
    }
}

fn abstention_name(abstention: Abstention) -> AbstentionName {
    match abstention {
        Abstention::NoEvidence => AbstentionName::NoEvidence,
        Abstention::TooThin => AbstentionName::TooThin,
        Abstention::NoAgreement => AbstentionName::NoAgreement,
    }
}

pub(crate) fn predict(request: PredictRequest) -> Predict {
    Predict {
        like: request.like,
        partial: partial(request.partial.unwrap_or_default()),
        steps_max: request.steps_max.unwrap_or(STEPS_DEFAULT),
        filter: filter(request.filter.unwrap_or_default()),
        antecedents_max: request.antecedents_max.map_or(ANTECEDENTS_DEFAULT, |most| most as usize),
        limit: request.limit.map_or(PREDICTIONS_DEFAULT, |limit| limit as usize),
        min_probability: request.min_probability.unwrap_or(PREDICTED_FROM_DEFAULT),
    }
}

pub(crate) fn predict_response(predictions: Predictions) -> PredictResponse {
    PredictResponse {
        predictions: predictions.items.into_iter().map(prediction_view).collect(),
        abstained: predictions.abstained.map(abstention_name),
        antecedents: predictions.antecedents,
        snapshot_lsn: predictions.lsn.0,
    }
}

fn prediction_view(prediction: Prediction) -> PredictionView {
    let followed = |pair: Followed| FollowedView {
        antecedent: pair.antecedent,
        follower: pair.follower,
        steps: pair.steps,
    };
    PredictionView {
        memory: memory_view(prediction.detail, Vectors::Left),
        probability: prediction.probability,
        low: prediction.low,
        count: prediction.count,
        sources: prediction.sources.into_iter().map(followed).collect(),
    }
}

pub(crate) fn imagine(request: ImagineRequest) -> Result<Imagine, Refusal> {
    Ok(Imagine {
        fields: field_names(&request.fields)?,
        partial: partial(request.partial),
        filter: filter(request.filter.unwrap_or_default()),
        evidence_max: request.evidence_max.map_or(EVIDENCE_DEFAULT, |most| most as usize),
    })
}

pub(crate) fn imagine_response(imagined: Imagined) -> ImagineResponse {
    let part = |(field, candidate): (FieldName, FieldCandidate)| ImaginedView {
        field: field.to_string(),
        value: json_value(&candidate.value),
        probability: candidate.probability,
        sources: candidate.sources,
    };
    ImagineResponse {
        imagined: true,
        memory: partial_view(imagined.partial),
        parts: imagined.parts.into_iter().map(part).collect(),
        abstained: imagined.abstained.map(abstention_name),
        precedents: imagined.precedents,
        looked_at: imagined.looked_at,
        snapshot_lsn: imagined.lsn.0,
    }
}
