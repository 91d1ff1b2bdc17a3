//! Schemas of consolidation.

use serde_json::{Value, json};

use super::{
    Named, answer, any_list, count, flag, ids, may, needs, one_of_names, reference, request, text,
    text_of, time,
};

pub(super) fn schemas() -> Vec<Named> {
    vec![
        ("ConsolidationName", one_of_names(&["on_demand", "scheduled"])),
        ("ConsolidateRequest", consolidate()),
        ("ConsolidateResponse", consolidate_response()),
        ("UndoConsolidationRequest", undo()),
        ("UndoConsolidationResponse", undo_response()),
        ("BeliefsRequest", beliefs()),
        ("BeliefsResponse", beliefs_response()),
        ("BeliefView", belief()),
        ("CitationRoleName", one_of_names(&["quoted", "supports", "dissents"])),
        ("CitationView", citation()),
        ("BeliefSummaryView", summary()),
    ]
}

fn consolidate() -> Value {
    request(
        "Makes beliefs of what memories have in common.",
        vec![may(
            "budget_memories",
            json!({"type": "integer", "minimum": 1, "maximum": 100_000}),
            "The answer comes when about so many memories were looked at; 4,096 when absent.",
        )],
    )
}

fn consolidate_response() -> Value {
    answer(
        "What came of looking at memories.",
        vec![
            needs("memories", count(), "Memories that were looked at."),
            needs("formed", ids(), "Ids of beliefs that are new."),
            needs(
                "changed",
                ids(),
                "Ids of beliefs that rest on more or on less than before, or say something else.",
            ),
            needs("withdrawn", ids(), "Ids of beliefs that rest on too little now and are gone."),
            needs("remaining", count(), "Memories and beliefs that are still to be looked at."),
            may(
                "first_lsn",
                count(),
                "The first commit that carries it; absent where there was nothing to do. `undo_consolidation` takes it.",
            ),
            may("lsn", count(), "The last such commit."),
        ],
    )
}

fn undo() -> Value {
    request(
        "Takes back what consolidation made: exactly one of `ids` and `since_lsn` is given.",
        vec![
            may("ids", ids(), "These beliefs, at most 1,000."),
            may("since_lsn", count(), "All that came of commits from this one on."),
        ],
    )
}

fn undo_response() -> Value {
    answer(
        "What was taken back.",
        vec![
            needs("changed", ids(), "Ids of beliefs that rest on less than before."),
            needs("withdrawn", ids(), "Ids of beliefs that are gone."),
            may("lsn", count(), "The commit; absent where there was nothing to take back."),
        ],
    )
}

fn beliefs() -> Value {
    request(
        "Reads beliefs and why they exist: one by its id, or page by page.",
        vec![
            may("id", text_of(1, 256), "This belief only."),
            may("cursor", text(), "Where the page starts: `next_cursor` of the page before."),
            may(
                "limit",
                json!({"type": "integer", "minimum": 1, "maximum": 1_000}),
                "Beliefs of a page; 20 when absent.",
            ),
        ],
    )
}

fn beliefs_response() -> Value {
    answer(
        "Beliefs, in the order in which their texts were stored.",
        vec![
            needs("beliefs", any_list(&reference("BeliefView")), "The beliefs."),
            may("next_cursor", text(), "Where the next page starts; absent at the end."),
        ],
    )
}

fn belief() -> Value {
    answer(
        "A belief with all that it rests on.",
        vec![
            needs("memory", reference("MemoryView"), "The belief."),
            needs(
                "citations",
                any_list(&reference("CitationView")),
                "The memories that it rests on, at most 256, in the order of the log.",
            ),
            needs(
                "outdated",
                flag(),
                "Something that it rested on is gone or says something else: the next consolidation makes it anew.",
            ),
        ],
    )
}

fn citation() -> Value {
    answer(
        "A memory that a belief rests on.",
        vec![
            needs("id", text_of(1, 256), "Its id."),
            needs("role", reference("CitationRoleName"), "How the belief rests on it."),
            needs("since_lsn", count(), "The commit by which the belief came to rest on it."),
            needs("happened_at", time(), "When it happened."),
        ],
    )
}

fn summary() -> Value {
    answer(
        "What a belief that consolidation made rests on, in short.",
        vec![
            needs("count", count(), "Memories that it rests on."),
            needs("dissent", count(), "Those of them that speak against it."),
            needs("from", time(), "When the first of what it rests on happened."),
            needs("until", time(), "When the last of it ended."),
            needs(
                "citations",
                ids(),
                "Ids of memories that it rests on, first those whose words it is; at most 10.",
            ),
            may(
                "model",
                text(),
                "The model that put it into words; absent where they are words of its memories, or a caller's.",
            ),
            may("held", flag(), "A caller has written its text: consolidation leaves that alone."),
        ],
    )
}
