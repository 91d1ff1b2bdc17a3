//! Schemas of forgetting and feedback.

use serde_json::{Value, json};

use super::{
    Named, answer, any_list, count, flag, integer, may, needs, number, one_of_names, reference,
    request, share, text_of, time,
};

pub(super) fn schemas() -> Vec<Named> {
    vec![
        ("LawName", one_of_names(&["fsrs", "power", "exponential", "act_r", "ebbinghaus"])),
        ("VerdictName", one_of_names(&["useful", "not_useful", "wrong"])),
        ("MemoryDecay", memory_decay()),
        ("SpaceDecay", space_decay()),
        ("FeedbackRequest", feedback()),
        ("JudgedRecallInput", judged_recall()),
        ("FeedbackResponse", feedback_response()),
        ("RetentionRequest", retention()),
        ("RetentionResponse", retention_response()),
        ("FadingRequest", fading()),
        ("FadingResponse", fading_response()),
        ("FadingView", fading_view()),
        ("ReviewView", review()),
        ("CurvePoint", curve_point()),
        ("FallView", fall()),
        ("SourceEvidenceView", source_evidence()),
    ]
}

fn days() -> Value {
    json!({"type": "number", "minimum": 0.000_001, "maximum": 36_500})
}

fn memory_decay() -> Value {
    request(
        "How one memory fades, where that is not as its space says.",
        vec![
            may("pinned", flag(), "True: it does not fade; then the other fields say nothing."),
            may("law", reference("LawName"), "Its law; that of the space when absent."),
            may(
                "half_life_days",
                json!({"type": "number", "minimum": 0.0001, "maximum": 36_500}),
                "Days until half of its retrievability is lost; what the law begins with when absent.",
            ),
        ],
    )
}

fn space_decay() -> Value {
    request(
        "How the memories of a space fade.",
        vec![
            may("law", reference("LawName"), "The law; `fsrs` when absent."),
            may(
                "stability_days",
                days(),
                "Days until the retrievability of a new memory falls to 0.9. When absent 30, and 1.9 minutes with \
                 `ebbinghaus`.",
            ),
        ],
    )
}

fn feedback() -> Value {
    request(
        "What somebody thinks of a memory, or decides about it and another one: `verdict`, or `other` and `decision`.",
        vec![
            needs("id", text_of(1, 256), "Id of the memory."),
            may("verdict", reference("VerdictName"), "What they think of it."),
            may("other", text_of(1, 256), "Id of the other memory of a pair."),
            may(
                "decision",
                reference("DecisionName"),
                "What they decide about the pair: `supersedes` = `id` holds in the place of `other`.",
            ),
            may("reason", text_of(0, 1024), "Why."),
            may(
                "source",
                text_of(0, 256),
                "Whose judgement it is, where one caller speaks for several: each counts as a source of its own.",
            ),
            may(
                "recalled",
                reference("JudgedRecallInput"),
                "What a recall showed of the memory, where the judgement is about that: relevance is calibrated by it.",
            ),
        ],
    )
}

fn judged_recall() -> Value {
    request(
        "What a recall showed of a judged memory.",
        vec![
            needs("relevance", share(), "Its `relevance`."),
            needs("mode", reference("ModeName"), "`mode` of the answer."),
            may(
                "uncalibrated",
                share(),
                "Its `uncalibrated`; when absent, it is worked out from the calibration of now.",
            ),
        ],
    )
}

fn feedback_response() -> Value {
    answer(
        "A judgement is durable, and what came of it.",
        vec![
            needs("id", text_of(1, 256), "Id of the memory."),
            needs("lsn", count(), "Log sequence number of the commit."),
            needs("committed_at", time(), "Time of that commit."),
            may("strength", reference("StrengthView"), "How retrievable the memory is now."),
            may("confidence", reference("ConfidenceView"), "How sure the store is of it now."),
        ],
    )
}

fn retention() -> Value {
    request(
        "Asks how a memory came to be as strong and as sure as it is, and how it will fade.",
        vec![
            needs("id", text_of(1, 256), "Id of the memory."),
            may("horizon_days", days(), "How far the curve looks ahead; 365 when absent."),
        ],
    )
}

fn retention_response() -> Value {
    answer(
        "How a memory came to be as strong and as sure as it is, and how it will fade.",
        vec![
            needs("id", text_of(1, 256), "Id of the memory."),
            needs("strength", reference("StrengthView"), "How retrievable it is now."),
            needs("confidence", reference("ConfidenceView"), "How sure the store is of it now."),
            needs("learned_at", time(), "From when on it fades."),
            needs("difficulty", number(), "How slowly it grows stable, 1 (fast) to 10."),
            needs(
                "reviews",
                any_list(&reference("ReviewView")),
                "The last 16 uses, repetitions and judgements, oldest first.",
            ),
            needs(
                "curve",
                any_list(&reference("CurvePoint")),
                "The forgetting curve from now on, if nobody uses it.",
            ),
            needs(
                "falls_to",
                any_list(&reference("FallView")),
                "When it will fall to 0.9, 0.5 and 0.1.",
            ),
            needs(
                "sources",
                any_list(&reference("SourceEvidenceView")),
                "Evidence beyond the statement of who stored it, a source each.",
            ),
        ],
    )
}

fn fading() -> Value {
    request(
        "Asks which memories soonest fall below a retrievability, if nobody uses them.",
        vec![
            may(
                "below",
                json!({"type": "number", "minimum": 0.001, "maximum": 0.999}),
                "Retrievability below which a memory counts as faded; 0.5 when absent.",
            ),
            may("within_days", days(), "How far to look; as far as time goes when absent."),
            may("limit", integer(1, 1000), "Most items; 10 when absent."),
            may("filter", reference("FilterInput"), "Which memories."),
        ],
    )
}

fn fading_response() -> Value {
    answer(
        "What fades next.",
        vec![
            needs("items", any_list(&reference("FadingView")), "Soonest first."),
            needs(
                "falling",
                count(),
                "Memories that will fall in that time, the items among them.",
            ),
            needs("below_now", count(), "Memories that are below already."),
            needs(
                "staying",
                count(),
                "Memories that do not fall in that time: pinned, stable enough, or gone by their own expiry before.",
            ),
            may(
                "missing",
                any_list(&reference("MissingPartView")),
                "Parts of the space that could not be read now.",
            ),
            needs("at", time(), "When it was worked out."),
            needs("snapshot_lsn", count(), "Last commit that the answer saw."),
        ],
    )
}

fn fading_view() -> Value {
    answer(
        "A memory and when it falls.",
        vec![
            needs("memory", reference("MemoryView"), "The memory, with its strength now."),
            needs("below_at", time(), "From when on it is below."),
            needs("in_days", number(), "Days until then."),
        ],
    )
}

fn review() -> Value {
    answer(
        "A use, a repetition or a judgement of a memory.",
        vec![
            needs("at", time(), "When it was."),
            needs("before", share(), "Retrievability just before it."),
            needs("after", share(), "Retrievability after it."),
            needs("stability_days", number(), "Stability after it."),
        ],
    )
}

fn curve_point() -> Value {
    answer(
        "A point of a forgetting curve.",
        vec![
            needs("at", time(), "When."),
            needs("retrievability", share(), "Retrievability then."),
        ],
    )
}

fn fall() -> Value {
    answer(
        "When a memory falls to a level.",
        vec![
            needs("retrievability", share(), "The level."),
            may("at", time(), "When; absent where it is there already, or not within a century."),
        ],
    )
}

fn source_evidence() -> Value {
    answer(
        "What one source said of a memory.",
        vec![
            needs("supports", count(), "How often it spoke for it."),
            needs("opposes", count(), "How often it spoke against it."),
        ],
    )
}
