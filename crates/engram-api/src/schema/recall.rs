//! Schemas of recall and recognize, both ways.

use serde_json::{Value, json};

use super::{
    Field, Named, answer, any_list, count, flag, integer, list, may, needs, number, one_of_names,
    reference, request, share, text, text_of, time, update,
};

pub(super) fn schemas() -> Vec<Named> {
    let weights = request(
        "How much each route counts; an absent one counts as the settings of the engine say.",
        weights().into_iter().map(|(name, doc)| may(name, share(), doc)).collect(),
    );
    vec![
        ("ModeName", one_of_names(&["keyword", "similarity", "hybrid", "associative"])),
        ("MatchOutcome", one_of_names(&["match", "ambiguous", "unsure", "nothing"])),
        ("VectorSearchName", one_of_names(&["none", "exact", "hnsw"])),
        ("RecallRequest", recall()),
        ("AroundInput", around()),
        ("PrimeInput", prime()),
        ("TimeSpanInput", time_span()),
        ("NegativeInput", negative()),
        ("WeightsInput", weights),
        ("RecallResponse", recall_response()),
        ("MissingPartView", missing_part()),
        ("PromptContextView", prompt_context()),
        ("SearchedView", searched()),
        ("WeightsView", weights_view()),
        ("RecalledView", recalled()),
        ("PrimedView", primed()),
        ("PrimedByView", primed_by()),
        ("NeighbourView", neighbour()),
        ("RoutesView", routes()),
        ("RouteView", route()),
        ("RecognizeRequest", recognize()),
        ("RecognizeResponse", recognize_response()),
        ("RecognizedView", recognized()),
    ]
}

fn recall() -> Value {
    let mut fields = cue();
    fields.extend([
        may("mode", reference("ModeName"), "How to search; `associative` when absent."),
        may("limit", integer(1, 1000), "Most items in the answer; 10 when absent."),
        may("cursor", text(), "`next_cursor` of an answer to the same cue."),
        may("filter", reference("FilterInput"), "Which memories may be found."),
        may("min_trust", share(), "Only from sources trusted so far; the same as in the filter."),
        may("min_relevance", share(), "Items below are left out."),
        may("diversity", share(), "How much the items should differ; 0 when absent."),
        may(
            "neighbours",
            integer(0, 10),
            "How many memories before and after each item in its session are shown beside it.",
        ),
        may("weights", reference("WeightsInput"), "How much each route counts."),
        may("as_of", update::as_of(), "Recalls what was known after this LSN, or at this time."),
        may("observe", flag(), "True: this recall changes nothing."),
        may("explain", flag(), "Whether the answer says why each item is there."),
        may("include_vectors", flag(), "Whether the items hold their vectors."),
        may(
            "context_tokens",
            integer(1, 200_000),
            "Tokens that a text for a prompt may have; without it there is none in the answer.",
        ),
    ]);
    request("A cue: any mix of a text, a vector, and memories to start from.", fields)
}

fn cue() -> Vec<Field> {
    let ids = |max| list(&text(), max);
    vec![
        may("text", text(), "Words and meaning to look for."),
        may("vector", any_list(&number()), "Takes the place of embedding the text."),
        may(
            "like",
            ids(16),
            "Ids of memories that the answer should be like, themselves left out.",
        ),
        may(
            "around",
            reference("AroundInput"),
            "The situation asked about: what fits it ranks higher, what does not fit stays.",
        ),
        may(
            "prime",
            reference("PrimeInput"),
            "What this recall belongs to: what that session recalled in its last turns and minutes ranks a little higher.",
        ),
        may("negative", reference("NegativeInput"), "What the answer should not be like."),
        may("exclude", ids(1000), "Ids that are never in the answer; unknown ones are ignored."),
    ]
}

fn around() -> Value {
    request(
        "A situation that a cue hints at. Nothing in it excludes a memory.",
        vec![
            may("people", list(&text_of(1, 256), 64), "Who took part."),
            may("tags", list(&text_of(1, 128), 64), "Labels."),
            may("place", text_of(0, 256), "Where it happened."),
            may("session", text_of(0, 256), "The conversation or run that it belongs to."),
            may("time", reference("TimeSpanInput"), "When it happened."),
        ],
    )
}

fn prime() -> Value {
    request(
        "A row of recalls, each of which biases the ones after it.",
        vec![needs(
            "session",
            text_of(1, 256),
            "Name of the row: the conversation that the caller leads now, say. It is not the session of a memory.",
        )],
    )
}

fn primed() -> Value {
    answer(
        "What a session had in mind when it recalled.",
        vec![
            needs("turn", count(), "Which turn of the session this is, from 1."),
            needs("memories", count(), "Memories of earlier turns of which something was left."),
        ],
    )
}

fn primed_by() -> Value {
    answer(
        "Why a memory was in mind of a session.",
        vec![
            needs("id", text(), "Id of the recalled memory: this one, or one that it belongs to."),
            needs("turns", count(), "Turns since then, at least 1."),
            needs("seconds", number(), "Seconds since then."),
        ],
    )
}

fn time_span() -> Value {
    request(
        "A stretch of time; an absent end is open.",
        vec![
            may("after", time(), "At or after this time."),
            may("before", time(), "Before this time."),
        ],
    )
}

fn negative() -> Value {
    request(
        "What an answer should not be like.",
        vec![
            may("text", text(), "Words and meaning to stay away from."),
            may("like", list(&text(), 16), "Ids of memories to stay away from."),
        ],
    )
}

/// The routes with weights.
fn weights() -> [(&'static str, &'static str); 8] {
    [
        ("vector", "Nearness of the vectors."),
        ("text", "Words in common."),
        ("context", "Agreement with the situation."),
        ("activation", "Activation over associations."),
        ("strength", "How retrievable the memory is now."),
        ("recency", "How recently it happened."),
        ("importance", "How much it matters."),
        ("priming", "How much of it is in mind of the session that `prime` names."),
    ]
}

fn weights_view() -> Value {
    answer(
        "The weights that ranked an answer.",
        weights().into_iter().map(|(name, doc)| needs(name, share(), doc)).collect(),
    )
}

fn missing_part() -> Value {
    answer(
        "A part of a space that could not be read.",
        vec![
            needs("memories", count(), "Memories in it."),
            needs("reason", text(), "What the cold store said."),
        ],
    )
}

fn recall_response() -> Value {
    answer(
        "The answer to a cue.",
        vec![
            needs(
                "outcome",
                reference("MatchOutcome"),
                "How it fits: a match; several good matches that say different things; something found of which none is \
                 likely; nothing.",
            ),
            needs(
                "items",
                any_list(&reference("RecalledView")),
                "Best first; equal ones in the order of the log.",
            ),
            may(
                "context",
                reference("PromptContextView"),
                "The items as a text for a prompt; only with `context_tokens`.",
            ),
            may("next_cursor", text(), "Where the answer goes on; absent at the end."),
            may(
                "missing",
                any_list(&reference("MissingPartView")),
                "Parts of the space that could not be read now: what of them belongs into the answer is not in it. Absent when \
                 all could be read.",
            ),
            needs("mode", reference("ModeName"), "The mode that ran."),
            needs("searched", reference("SearchedView"), "How much was searched."),
            may(
                "weights",
                reference("WeightsView"),
                "Weights that ranked the items; only with `explain`.",
            ),
            may(
                "seeds",
                any_list(&text()),
                "Ids from which activation spread; only with `explain`.",
            ),
            may(
                "terms",
                any_list(&text()),
                "Terms of the cue after analysis; only with `explain`.",
            ),
            needs("snapshot_lsn", count(), "Last commit that the answer saw."),
            needs("recalled_at", time(), "When it was answered; an update can cite it."),
            needs("trained", flag(), "Whether this recall strengthened what it found."),
            may("primed", reference("PrimedView"), "What the session had in mind; with `prime`."),
        ],
    )
}

fn prompt_context() -> Value {
    answer(
        "Recalled memories as a text for a prompt, each between delimiters that its content cannot forge.",
        vec![
            needs("text", text(), "The text: whole memories with id, source and trust."),
            needs("tokens", count(), "Tokens that it has at most, estimated."),
            needs("included", count(), "How many items it holds."),
            needs("omitted", count(), "How many items had no room."),
        ],
    )
}

fn recalled() -> Value {
    answer(
        "A recalled memory, its numbers, and why it is here.",
        vec![
            needs("memory", reference("MemoryView"), "The memory."),
            needs(
                "relevance",
                share(),
                "How likely it is what the cue means; comparable between answers of a space.",
            ),
            needs(
                "uncalibrated",
                share(),
                "Relevance before judgements of earlier recalls calibrated it.",
            ),
            needs(
                "score",
                number(),
                "What orders the answer: the sum of the contributions; comparable within one answer.",
            ),
            needs("strength", share(), "How retrievable it is now."),
            needs("confidence", share(), "How sure the store is that it is true."),
            needs("routes", reference("RoutesView"), "Which routes found it, and what each added."),
            may(
                "matched_terms",
                any_list(&text()),
                "Terms of the cue that it holds; only with `explain`.",
            ),
            may(
                "path",
                any_list(&reference("PathStepView")),
                "The way of the activation from a seed, empty where none reached it; only with `explain`.",
            ),
            may("primed_by", reference("PrimedByView"), "What of the session's recalls lifted it."),
            needs(
                "crowding",
                count(),
                "Other memories that are nearly the same and compete with it; at most 100 are counted.",
            ),
            may(
                "neighbours",
                any_list(&reference("NeighbourView")),
                "Memories around it in its session; only where `neighbours` asks for some.",
            ),
        ],
    )
}

fn neighbour() -> Value {
    answer(
        "A memory beside a recalled one.",
        vec![
            needs("memory", reference("MemoryView"), "The memory."),
            needs("distance", json!({"type": "integer"}), "-1 = just before it, 1 = just after."),
        ],
    )
}

fn searched() -> Value {
    answer(
        "How much a recall searched.",
        vec![
            needs("eligible", count(), "Memories that were visible and passed the filter."),
            needs("candidates", count(), "Memories that at least one route found."),
            needs("vectors_scanned", count(), "Vectors compared with the cue's."),
            needs("vector_search", reference("VectorSearchName"), "How the vectors were searched."),
            needs("nodes_activated", count(), "Memories that activation reached."),
            needs("edges_followed", count(), "Associations that activation followed."),
            needs("spread_cut", flag(), "Whether the bound on associations cut it short."),
        ],
    )
}

fn routes() -> Value {
    answer(
        "What each route says of a memory; absent = the route does not speak for it.",
        vec![
            may("vector", reference("RouteView"), "By vector; raw = cosine."),
            may("text", reference("RouteView"), "By words; raw = BM25."),
            may("context", reference("RouteView"), "By agreement with the situation."),
            may("activation", reference("RouteView"), "By association; raw = activation."),
            may("strength", reference("RouteView"), "By strength; raw = retrievability."),
            may("recency", reference("RouteView"), "By the time since it happened."),
            may("importance", reference("RouteView"), "By importance; raw = the memory's."),
            may("priming", reference("RouteView"), "By what the session has in mind."),
            may(
                "succession",
                reference("RouteView"),
                "By a better match that it supersedes; raw = the score of that one, to which it is lifted.",
            ),
            may(
                "negative",
                reference("RouteView"),
                "By likeness to what the answer should not be like; it counts against the memory.",
            ),
        ],
    )
}

fn route() -> Value {
    answer(
        "The part of one route in a score.",
        vec![
            needs("raw", number(), "Score of the route in its own unit."),
            needs("normalised", share(), "The same brought to [0, 1]."),
            needs("weight", share(), "Weight of the route in this answer."),
            needs("contribution", number(), "What it adds to the score."),
        ],
    )
}

fn recognize() -> Value {
    request(
        "What is to be recognised: a text, a vector, or both.",
        vec![
            may("text", text(), "The text."),
            may("vector", any_list(&number()), "Takes the place of embedding the text."),
            may("limit", integer(1, 100), "Most matches in the answer; 5 when absent."),
        ],
    )
}

fn recognize_response() -> Value {
    answer(
        "How familiar it is.",
        vec![
            needs("familiarity", share(), "1 = the same is stored."),
            needs("known", flag(), "Whether it counts as seen before."),
            needs("matches", any_list(&reference("RecognizedView")), "Closest first."),
            needs("snapshot_lsn", count(), "Last commit that the answer saw."),
        ],
    )
}

fn recognized() -> Value {
    answer(
        "A memory that resembles what was shown.",
        vec![
            needs("memory", reference("MemoryView"), "The memory."),
            needs("similarity", number(), "Cosine of the two vectors; 0 where one has none."),
            needs("overlap", share(), "Share of the words of both that they have in common."),
            needs("exact", flag(), "Whether the text is the same."),
        ],
    )
}
