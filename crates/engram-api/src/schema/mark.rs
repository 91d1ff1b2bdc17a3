//! Schemas of marked pairs.

use serde_json::{Value, json};

use super::{
    Named, answer, any_list, count, integer, may, needs, one_of_names, reference, request, text,
    text_of, time,
};

pub(super) fn schemas() -> Vec<Named> {
    vec![
        ("MarkKindName", one_of_names(&["possible_update", "possible_contradiction"])),
        ("MarkGroundName", one_of_names(&["change", "negation", "opposite", "value"])),
        ("MarkStateName", one_of_names(&["open", "supersedes", "contradicts", "unrelated"])),
        ("DecisionName", one_of_names(&["supersedes", "contradicts", "unrelated"])),
        ("MarkEndView", end()),
        ("MarkView", mark()),
        ("MarksRequest", marks()),
        ("MarksResponse", marks_response()),
    ]
}

fn end() -> Value {
    answer(
        "One memory of a pair.",
        vec![
            needs("id", text(), "Its id."),
            needs("happened_at", time(), "When it happened, else when it was stored."),
        ],
    )
}

fn mark() -> Value {
    answer(
        "A pair of memories that was marked, or decided about.",
        vec![
            needs("earlier", reference("MarkEndView"), "The memory that happened first."),
            needs("later", reference("MarkEndView"), "The other."),
            needs("state", reference("MarkStateName"), "How far it is decided."),
            may(
                "kind",
                reference("MarkKindName"),
                "What the texts may be to each other; absent where only a decision is known.",
            ),
            may("ground", reference("MarkGroundName"), "What makes them differ."),
            may(
                "cosine",
                json!({"type": "number", "minimum": -1, "maximum": 1}),
                "Cosine of their vectors.",
            ),
            may("before", text(), "Words of the earlier one that the later one does not share."),
            may("after", text(), "Words of the later one that the earlier one does not share."),
            may("cues", any_list(&text()), "Words of the later one that tell of a change."),
            may("shared", any_list(&text()), "People, things and places that both name."),
            needs("since", time(), "Time of the commit that marked the pair."),
            may("decided_at", time(), "Time of the commit that decided it."),
        ],
    )
}

fn marks() -> Value {
    request(
        "Asks for a page of the pairs of memories of which one may change or deny the other.",
        vec![
            may("id", text_of(1, 256), "Only those of this memory."),
            may("kind", reference("MarkKindName"), "Only those of this kind."),
            may("state", reference("MarkStateName"), "Only those in this state; any when absent."),
            may("limit", integer(1, 1000), "Most pairs in the page; 100 when absent."),
            may("cursor", text(), "`next_cursor` of the page before."),
        ],
    )
}

fn marks_response() -> Value {
    answer(
        "A page of marked pairs.",
        vec![
            needs(
                "marks",
                any_list(&reference("MarkView")),
                "In the order in which their newer memories were stored.",
            ),
            needs("total", count(), "How many there are in all pages."),
            may("next_cursor", text(), "Where the next page starts; absent at the end."),
            needs("snapshot_lsn", count(), "Last commit that the answer saw."),
        ],
    )
}
