//! Schemas of exports and imports.

use serde_json::{Value, json};

use super::{
    Field, Named, answer, any_list, count, flag, integer, list, may, needs, number, reference,
    request, text, text_of, time,
};

pub(super) fn schemas() -> Vec<Named> {
    vec![
        ("ExportRequest", export()),
        ("ExportResponse", export_response()),
        ("ImportRequest", import()),
        ("ImportResponse", import_response()),
        ("RecordCountsView", counts()),
        ("RefusedRecordView", refused()),
        ("TransferRecord", record()),
        ("TransferMemory", memory()),
        ("LearnedInput", learned()),
        ("PastInput", past()),
        ("ReviewInput", review()),
        ("SourceEvidenceInput", source()),
        ("CarriedInput", carried()),
        ("EmbeddedInput", embedded()),
        ("TransferAssociation", association()),
        ("TransferDecision", decision()),
        ("TransferBelief", belief()),
    ]
}

fn export() -> Value {
    request(
        "Asks for a page of an export: memories in the order of the log, then what was said about them.",
        vec![
            may("cursor", text(), "`next_cursor` of the page before."),
            may("limit", integer(1, 1000), "Most records in the page; 100 when absent."),
            may(
                "filter",
                reference("FilterInput"),
                "Which memories. What was said about two memories goes with them where both go.",
            ),
            may("state", reference("ListStateName"), "In which state; `active` when absent."),
            may(
                "include_vectors",
                flag(),
                "Whether vectors go with memories that their text could make again.",
            ),
        ],
    )
}

fn export_response() -> Value {
    answer(
        "A page of an export.",
        vec![
            needs(
                "records",
                any_list(&reference("TransferRecord")),
                "The records. A page may have none and yet be followed by others.",
            ),
            may("next_cursor", text(), "Where the next page starts; absent at the end."),
            needs("snapshot_lsn", count(), "Last commit that the answer saw."),
        ],
    )
}

fn import() -> Value {
    request(
        "Up to 1,000 records for one commit.",
        vec![
            needs(
                "records",
                list(&reference("TransferRecord"), 1000),
                "The records. What a record names must stand before it or be there.",
            ),
            may(
                "partial",
                flag(),
                "False: one refused record refuses all. True: the others are stored.",
            ),
        ],
    )
}

fn import_response() -> Value {
    answer(
        "What became of the records of an import.",
        vec![
            needs(
                "lsn",
                count(),
                "Log sequence number of the commit, or of the last one that the answer rests on.",
            ),
            needs("committed_at", time(), "Time of that commit."),
            needs("created", reference("RecordCountsView"), "Records that this import stored."),
            needs(
                "unchanged",
                reference("RecordCountsView"),
                "Records that were there already. Nothing of them changed.",
            ),
            needs(
                "refused",
                any_list(&reference("RefusedRecordView")),
                "Refused records; only with `partial: true`.",
            ),
        ],
    )
}

fn counts() -> Value {
    answer(
        "How many records of each sort.",
        vec![
            needs("memories", count(), "Memories."),
            needs("associations", count(), "Associations."),
            needs("decisions", count(), "Decisions about pairs."),
            needs("beliefs", count(), "What beliefs rest on."),
        ],
    )
}

fn refused() -> Value {
    answer(
        "A record that was refused.",
        vec![
            needs("index", count(), "Its place among the records, from 0."),
            needs("problem", reference("Problem"), "Why."),
        ],
    )
}

fn record() -> Value {
    let one = |field: &str, name: &str, doc: &str| {
        let mut target = reference(name);
        target["description"] = Value::from(doc);
        json!({
            "type": "object", "required": [field], "properties": {field: target}, "additionalProperties": false,
        })
    };
    json!({
        "description": "One thing that an export gives and an import takes.",
        "oneOf": [
            one("memory", "TransferMemory", "A memory with what happened to it."),
            one("association", "TransferAssociation", "An association that somebody stated."),
            one("decision", "TransferDecision", "What somebody decided about two memories."),
            one("belief", "TransferBelief", "What a belief rests on; its text is a memory."),
        ],
    })
}

fn memory() -> Value {
    request(
        "A memory with what happened to it.",
        vec![
            needs("content", reference("MemoryInput"), "The memory; it must have an id."),
            may("state", reference("StateName"), "Whether recall shows it; `active` when absent."),
            may(
                "first_stored_at",
                time(),
                "When it was first stored; now when absent or ahead of the clock.",
            ),
            may(
                "learned",
                reference("LearnedInput"),
                "What happened to it. When absent that is not known, and its repetitions are counted.",
            ),
            may(
                "embedded",
                reference("EmbeddedInput"),
                "Its vectors, where the same embedder computed them.",
            ),
        ],
    )
}

fn learned() -> Value {
    request(
        "What happened to a memory. Without any field: nothing but that it was stored.",
        vec![
            may("past", reference("PastInput"), "Its reviews and evidence."),
            may("consolidated", flag(), "Consolidation does not look at it again."),
            may("apart", flag(), "It makes no belief until it is updated."),
            may("is_belief", flag(), "Consolidation made it; what it rests on follows."),
        ],
    )
}

/// A number of days that a law can work with.
fn days() -> Value {
    json!({"type": "number", "minimum": 0.000_001, "maximum": 36_500})
}

fn between(low: f64, high: f64) -> Value {
    json!({"type": "number", "minimum": low, "maximum": high})
}

fn past() -> Value {
    request(
        "Reviews of a memory and evidence for it. Times ahead of the clock count as now.",
        vec![
            needs("learned_at", time(), "From when on it fades."),
            needs("first_stability_days", days(), "Its stability then, days."),
            needs("difficulty", between(1.0, 10.0), "How slowly it grows stable, 1 (fast) to 10."),
            may("uses", count(), "How often it was recalled, called useful, or said again."),
            may("reviews", list(&reference("ReviewInput"), 16), "Its reviews, oldest first."),
            may(
                "sources",
                list(&reference("SourceEvidenceInput"), 32),
                "What each source said of it beyond the statement of who stored it.",
            ),
            may(
                "carried",
                reference("CarriedInput"),
                "What a weighed update left of what was believed before it.",
            ),
        ],
    )
}

fn review() -> Value {
    request(
        "A use, a repetition or a judgement of a memory.",
        vec![
            needs("at", time(), "When it was."),
            needs("since", time(), "From when on forgetting counts after it, not behind `at`."),
            needs("stability_days", days(), "Stability after it, days."),
            may("decay", between(0.0, 8.0), "Its own decay, where the law is `act_r`; else 0."),
            may("weight", between(0.0, 2.0), "How much of a review it was; 0 for a lapse."),
        ],
    )
}

fn said() -> [Field; 2] {
    [
        may("supports", count(), "How often it spoke for the memory."),
        may("opposes", count(), "How often it spoke against it."),
    ]
}

fn source() -> Value {
    let mut fields =
        vec![needs("source", text_of(16, 16), "Which source: 16 hexadecimal digits of a hash.")];
    fields.extend(said());
    request("What one source said of a memory.", fields)
}

fn carried() -> Value {
    request(
        "What a weighed update left of what was believed before it.",
        vec![
            needs(
                "statement",
                number(),
                "Share that the statement counts of a statement, above 0 and up to 1.",
            ),
            may("supports", number(), "Observations that speak for what is said now."),
            may("opposes", number(), "Observations that speak against it."),
            may("pieces", count(), "Pieces of evidence that they came from."),
        ],
    )
}

fn embedded() -> Value {
    request(
        "Vectors that an embedder computed of a memory.",
        vec![
            needs(
                "by",
                text(),
                "Which embedder, as an export names it. Another one than that of the space computes them anew.",
            ),
            needs("vectors", any_list(&any_list(&number())), "Vectors of unit length, 1 to 1,024."),
        ],
    )
}

fn association() -> Value {
    request(
        "An association that somebody stated.",
        vec![
            needs("from", text_of(1, 256), "Id of the memory where it starts."),
            needs("to", text_of(1, 256), "Id of the memory where it ends."),
            may("relation", text_of(1, 128), "What it says; `related` when absent."),
            may(
                "weight",
                json!({"type": "number", "exclusiveMinimum": 0, "maximum": 1}),
                "How strong it is; 0.8 when absent.",
            ),
            may("reason", text_of(0, 1024), "Why it is there."),
        ],
    )
}

fn decision() -> Value {
    request(
        "What somebody decided about two memories. What it is evidence for is not counted: `learned` has it.",
        vec![
            needs("id", text_of(1, 256), "Id of the memory that was judged."),
            needs("other", text_of(1, 256), "Id of the other."),
            needs("decision", reference("DecisionName"), "What was decided."),
            may("decided_at", time(), "When; now when absent or ahead of the clock."),
        ],
    )
}

fn belief() -> Value {
    let ids = || list(&text_of(1, 256), 256);
    request(
        "What a belief rests on.",
        vec![
            needs("id", text_of(1, 256), "Its id; a memory of kind `belief` has it."),
            may(
                "members",
                ids(),
                "Ids of the memories that it rests on. What is not there, or carries another belief, is left out.",
            ),
            may("dissent", ids(), "Those of them that speak against it."),
            may("quoted", ids(), "Those of them whose words its text is."),
            may(
                "model",
                text_of(1, 256),
                "The model that wrote its text; absent where these are words of members.",
            ),
            may("written", integer(0, 256), "Members when its text was last written."),
            may("held", flag(), "A caller has written its text: consolidation leaves that alone."),
            may("outdated", flag(), "Something that it rested on is gone or says something else."),
        ],
    )
}
