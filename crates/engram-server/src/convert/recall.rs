//! Recall and recognition, both ways.

use engram_api::{
    MatchOutcome, MissingPartView, NeighbourView, PrimedByView, PrimedView, PromptContextView,
    RecallRequest, RecallResponse, RecalledView, RecognizeRequest, RecognizeResponse,
    RecognizedView, RouteView, RoutesView, SearchedView, Timestamp, VectorSearchName, WeightsInput,
    WeightsView,
};
use engram_engine::{
    Cue, CueContext, Effect, Explanation, MissingPart, NegativeCue, Neighbour, Outcome,
    PromptContext, RankCursor, RankWeights, Recall, Recalled, Recognition, Recognize, RouteScore,
    VectorSearch,
};

use super::association::path_view;
use super::mode::{mode, mode_name};
use super::request::{filter, time_range};
use super::update::as_of;
use super::view::{Vectors, memory_view};

/// Items of a recall that asks for no number.
const RECALL_LIMIT_DEFAULT: usize = 10;
/// Matches of a recognition that asks for no number.
const RECOGNIZE_LIMIT_DEFAULT: usize = 5;

/// The cue of a request. `usual` are the weights of the engine for those that the request leaves out.
pub(crate) fn cue(request: RecallRequest, after: Option<RankCursor>, usual: &RankWeights) -> Cue {
    let around = request.around.unwrap_or_default();
    let time = around.time.unwrap_or_default();
    let negative = request.negative.unwrap_or_default();
    let mut filter = filter(request.filter.unwrap_or_default());
    filter.min_trust = match (filter.min_trust, request.min_trust) {
        (Some(one), Some(other)) => Some(one.max(other)),
        (one, other) => one.or(other),
    };
    Cue {
        text: request.text.unwrap_or_default(),
        vector: request.vector,
        like: request.like,
        around: CueContext {
            people: around.people,
            tags: around.tags,
            place: around.place.unwrap_or_default(),
            session: around.session.unwrap_or_default(),
            time: time_range(time.after, time.before),
        },
        negative: NegativeCue { text: negative.text.unwrap_or_default(), like: negative.like },
        exclude: request.exclude,
        mode: mode(request.mode.unwrap_or_default()),
        filter,
        limit: request.limit.map_or(RECALL_LIMIT_DEFAULT, |limit| limit as usize),
        after,
        min_relevance: request.min_relevance.unwrap_or(0.0),
        diversity: request.diversity.unwrap_or(0.0),
        neighbours: request.neighbours.unwrap_or(0),
        weights: request.weights.map(|given| weights(&given, usual)),
        effect: if request.observe { Effect::Observe } else { Effect::Train },
        as_of: request.as_of.map(as_of),
        prime: request.prime.map(|prime| prime.session),
    }
}

fn weights(given: &WeightsInput, usual: &RankWeights) -> RankWeights {
    RankWeights {
        vector: given.vector.unwrap_or(usual.vector),
        text: given.text.unwrap_or(usual.text),
        context: given.context.unwrap_or(usual.context),
        activation: given.activation.unwrap_or(usual.activation),
        strength: given.strength.unwrap_or(usual.strength),
        recency: given.recency.unwrap_or(usual.recency),
        importance: given.importance.unwrap_or(usual.importance),
        priming: given.priming.unwrap_or(usual.priming),
    }
}

/// What a cursor into an answer is bound to, beside the space: all that decides which memories come in which order, and
/// nothing of how they are shown.
pub(crate) fn recall_scope(request: &RecallRequest) -> Vec<u8> {
    let scope = RecallRequest {
        mode: Some(request.mode.unwrap_or_default()),
        limit: None,
        cursor: None,
        neighbours: None,
        observe: false,
        explain: false,
        include_vectors: false,
        context_tokens: None,
        ..request.clone()
    };
    serde_json::to_vec(&scope).expect("a request that was read can be written")
}

pub(crate) fn outcome_name(outcome: Outcome) -> MatchOutcome {
    match outcome {
        Outcome::Match => MatchOutcome::Match,
        Outcome::Ambiguous => MatchOutcome::Ambiguous,
        Outcome::Unsure => MatchOutcome::Unsure,
        Outcome::Nothing => MatchOutcome::Nothing,
    }
}

/// What an answer to a cue shows beside the memories.
pub(crate) struct Presentation {
    pub(crate) explain: bool,
    pub(crate) include_vectors: bool,
    pub(crate) neighbours: bool,
    pub(crate) next_cursor: Option<String>,
    pub(crate) context: Option<PromptContext>,
}

pub(super) fn missing_part(part: MissingPart) -> MissingPartView {
    MissingPartView { memories: part.memories, reason: part.reason }
}

pub(crate) fn recall_response(recall: Recall, shown: Presentation) -> RecallResponse {
    let Presentation { explain, .. } = shown;
    let explanation = recall.explanation;
    RecallResponse {
        outcome: outcome_name(recall.outcome),
        missing: recall.missing.into_iter().map(missing_part).collect(),
        mode: mode_name(explanation.mode),
        searched: searched(&explanation),
        weights: explain.then(|| weights_view(&explanation.weights)),
        seeds: explain.then_some(explanation.seeds),
        terms: explain.then_some(explanation.terms),
        items: recall.items.into_iter().map(|item| recalled_view(item, &shown)).collect(),
        context: shown.context.map(|context| PromptContextView {
            text: context.text,
            tokens: context.tokens,
            included: context.included as u64,
            omitted: context.omitted as u64,
        }),
        next_cursor: shown.next_cursor,
        snapshot_lsn: recall.lsn.0,
        recalled_at: Timestamp(recall.at_ns),
        trained: recall.trained,
        primed: recall.primed.map(|had| PrimedView { turn: had.turn, memories: had.memories }),
    }
}

fn searched(explanation: &Explanation) -> SearchedView {
    SearchedView {
        eligible: explanation.eligible,
        candidates: explanation.candidates,
        vectors_scanned: explanation.vectors_scanned,
        vector_search: match explanation.vector_search {
            VectorSearch::None => VectorSearchName::None,
            VectorSearch::Exact => VectorSearchName::Exact,
            VectorSearch::Hnsw => VectorSearchName::Hnsw,
        },
        nodes_activated: explanation.nodes_activated,
        edges_followed: explanation.edges_followed,
        spread_cut: explanation.spread_cut,
    }
}

fn weights_view(weights: &RankWeights) -> WeightsView {
    WeightsView {
        vector: weights.vector,
        text: weights.text,
        context: weights.context,
        activation: weights.activation,
        strength: weights.strength,
        recency: weights.recency,
        importance: weights.importance,
        priming: weights.priming,
    }
}

fn recalled_view(item: Recalled, shown: &Presentation) -> RecalledView {
    let vectors = Vectors::from(shown.include_vectors);
    let route = |score: Option<RouteScore>| {
        score.map(|score| RouteView {
            raw: score.raw,
            normalised: score.normalised,
            weight: score.weight,
            contribution: score.contribution,
        })
    };
    let neighbour = |neighbour: Neighbour| NeighbourView {
        memory: memory_view(neighbour.detail, vectors),
        distance: neighbour.distance,
    };
    RecalledView {
        relevance: item.relevance,
        uncalibrated: item.uncalibrated,
        score: item.score,
        strength: item.detail.strength.retrievability,
        confidence: item.detail.confidence.mean,
        routes: RoutesView {
            vector: route(item.parts.vector),
            text: route(item.parts.text),
            context: route(item.parts.context),
            activation: route(item.parts.activation),
            strength: route(item.parts.strength),
            recency: route(item.parts.recency),
            importance: route(item.parts.importance),
            succession: route(item.parts.succession),
            priming: route(item.parts.priming),
            negative: route(item.parts.negative),
        },
        matched_terms: shown.explain.then_some(item.matched_terms),
        path: shown.explain.then(|| path_view(item.path)),
        primed_by: item.primed_by.map(|by| PrimedByView {
            id: by.id,
            turns: by.turns,
            seconds: by.age_ns as f64 / 1e9,
        }),
        crowding: item.crowding,
        neighbours: shown.neighbours.then(|| item.neighbours.into_iter().map(neighbour).collect()),
        memory: memory_view(item.detail, vectors),
    }
}

pub(crate) fn recognize(request: RecognizeRequest) -> Recognize {
    Recognize {
        text: request.text.unwrap_or_default(),
        vector: request.vector,
        limit: request.limit.map_or(RECOGNIZE_LIMIT_DEFAULT, |limit| limit as usize),
    }
}

pub(crate) fn recognize_response(recognition: Recognition) -> RecognizeResponse {
    let matches = recognition.matches.into_iter().map(|found| RecognizedView {
        memory: memory_view(found.detail, Vectors::Left),
        similarity: found.similarity,
        overlap: found.overlap,
        exact: found.exact,
    });
    RecognizeResponse {
        familiarity: recognition.familiarity,
        known: recognition.known,
        matches: matches.collect(),
        snapshot_lsn: recognition.lsn.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_bound_to_the_cue_and_not_to_the_looks() {
        let scope = |json: &str| recall_scope(&serde_json::from_str(json).unwrap());
        let cue = scope(r#"{"text":"a","limit":5}"#);
        for same in [
            r#"{"text":"a","limit":50,"explain":true,"context_tokens":9,"neighbours":1}"#,
            r#"{"text":"a","mode":"associative","cursor":"x"}"#,
        ] {
            assert_eq!(scope(same), cue, "{same}");
        }
        for other in [
            r#"{"text":"b"}"#,
            r#"{"text":"a","mode":"keyword"}"#,
            r#"{"text":"a","like":["x"]}"#,
            r#"{"text":"a","prime":{"session":"x"}}"#,
            r#"{"text":"a","negative":{"text":"b"}}"#,
            r#"{"text":"a","filter":{"tags":["t"]}}"#,
            r#"{"text":"a","min_trust":0.5}"#,
            r#"{"text":"a","diversity":0.5}"#,
            r#"{"text":"a","weights":{"recency":0}}"#,
        ] {
            assert_ne!(scope(other), cue, "{other}");
        }
    }

    #[test]
    fn the_higher_of_two_trusts_and_the_weights_left_out_hold() {
        let json =
            r#"{"text":"a","min_trust":0.25,"filter":{"min_trust":0.5},"weights":{"recency":0}}"#;
        let usual = RankWeights { recency: 1.0, text: 0.75, ..RankWeights::default() };
        let cue = cue(serde_json::from_str(json).unwrap(), None, &usual);
        assert_eq!(cue.filter.min_trust, Some(0.5));
        let weights = cue.weights.unwrap();
        assert_eq!((weights.recency, weights.text), (0.0, 0.75));
    }
}
