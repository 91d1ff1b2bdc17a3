//! Schemas of forgetting and feedback.

use serde_json::{Value, json};

use super::{
    Named, answer, count, flag, may, needs, one_of_names, reference, request, text_of, time,
};

pub(super) fn schemas() -> Vec<Named> {
    vec![
        ("LawName", one_of_names(&["fsrs", "power", "exponential", "act_r", "ebbinghaus"])),
        ("VerdictName", one_of_names(&["useful", "not_useful", "wrong"])),
        ("MemoryDecay", memory_decay()),
        ("SpaceDecay", space_decay()),
        ("FeedbackRequest", feedback()),
        ("FeedbackResponse", feedback_response()),
    ]
}

fn days() -> Value {
    json!({"type": "number", "minimum": 0.000_001, "maximum": 365_250})
}

fn memory_decay() -> Value {
    request(
        "How one memory fades, where that is not as its space says.",
        vec![
            may("pinned", flag(), "True: it does not fade; then the other fields say nothing."),
            may("law", reference("LawName"), "Its law; that of the space when absent."),
            may(
                "half_life_days",
                days(),
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
        "What somebody thinks of a memory.",
        vec![
            needs("id", text_of(1, 256), "Id of the memory."),
            needs("verdict", reference("VerdictName"), "What they think."),
            may("reason", text_of(0, 1024), "Why."),
            may(
                "source",
                text_of(0, 256),
                "Whose judgement it is, where one caller speaks for several: each counts as a source of its own.",
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
