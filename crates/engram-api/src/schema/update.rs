//! Schemas of updates and of the history.

use serde_json::{Value, json};

use super::{
    Field, Named, answer, any_list, count, flag, integer, may, memory, needs, reference, request,
    share, text, text_of, time,
};

pub(super) fn schemas() -> Vec<Named> {
    vec![
        (
            "MemoryPatch",
            request(
                "Fields of a memory to change: one that is given takes the place of what was there, `null` clears it, \
                 all others stay.",
                patch(),
            ),
        ),
        ("UpdateRequest", update()),
        ("AfterRecallInput", after_recall()),
        ("UpdateResponse", update_response()),
        ("ReconsolidationView", reconsolidation()),
        (
            "HistoryRequest",
            request(
                "Names one memory, and a page of its versions.",
                vec![
                    needs("id", text_of(1, 256), "Its id."),
                    may("cursor", text(), "`next_cursor` of the page before."),
                    may("limit", integer(1, 1000), "Most versions in the page; 100 when absent."),
                ],
            ),
        ),
        (
            "HistoryResponse",
            answer(
                "The versions of a memory.",
                vec![
                    needs("versions", any_list(&reference("MemoryVersionView")), "Newest first."),
                    may("next_cursor", text(), "Where the next page starts; absent at the end."),
                    needs("snapshot_lsn", count(), "Last commit that the answer saw."),
                ],
            ),
        ),
        ("MemoryVersionView", version()),
    ]
}

/// A place in the history of a space.
pub(super) fn as_of() -> Value {
    json!({"oneOf": [count(), time()]})
}

/// The fields of a memory, each of which may be null.
fn patch() -> Vec<Field> {
    let nullable = |mut field: Field| {
        let doc = field.schema["description"].take();
        let schema = field.schema.as_object_mut().expect("a field has an object as its schema");
        schema.remove("description");
        let schema = field.schema;
        Field { schema: json!({"oneOf": [schema, {"type": "null"}], "description": doc}), ..field }
    };
    memory::input().into_iter().filter(|field| field.name != "id").map(nullable).collect()
}

fn update() -> Value {
    request(
        "A newer version of a memory: exactly one of `set` and `memory`.",
        vec![
            needs("id", text_of(1, 256), "Its id."),
            may("set", reference("MemoryPatch"), "The fields that change."),
            may(
                "memory",
                reference("MemoryInput"),
                "The whole content: what it does not say is cleared. Its `id` may be left out.",
            ),
            may("if_version", count(), "The version that the memory must have; any when absent."),
            may("reason", text_of(0, 1024), "Why it changes; kept with the version."),
            may(
                "after_recall",
                reference("AfterRecallInput"),
                "The recall that it followed: it weighs less against what is well established.",
            ),
            may("idempotency_key", text_of(1, 256), "Makes a retry safe for 24 hours."),
        ],
    )
}

fn update_response() -> Value {
    answer(
        "What became of an update.",
        vec![
            needs("id", text(), "Id of the memory."),
            needs("version", count(), "The version that it has now."),
            needs("lsn", count(), "Log sequence number of the commit that stored this version."),
            needs("committed_at", time(), "Time of that commit."),
            needs("updated", flag(), "False when the memory said so already."),
            needs("vectors", count(), "Number of vectors it has."),
            may("reconsolidated", reference("ReconsolidationView"), "What the update weighed."),
        ],
    )
}

fn after_recall() -> Value {
    request(
        "A recall, as an update cites it.",
        vec![needs("recalled_at", time(), "`recalled_at` of its answer.")],
    )
}

fn reconsolidation() -> Value {
    answer(
        "What an update weighed that followed a recall and said something else.",
        vec![
            needs("recalled_at", time(), "When the recall was answered."),
            needs("confirmed", flag(), "Whether it left a use of the memory in the log."),
            needs("established", share(), "How established the memory was."),
            needs("labile", share(), "How open the recall left it: 1 at once, 0 after six hours."),
            needs("weight", share(), "What the update counts of a statement."),
        ],
    )
}

fn version() -> Value {
    answer(
        "One version of a memory.",
        vec![
            needs("version", count(), "1, 2, ..."),
            needs("lsn", count(), "Log sequence number of the commit that stored it."),
            needs("committed_at", time(), "Time of that commit."),
            may("replaced_at", time(), "When a newer version took its place."),
            may("reason", text(), "Why it took the place of the version before."),
            may("principal", text(), "Who stored it, where the server knows that."),
            may("reconsolidated", reference("ReconsolidationView"), "What the update weighed."),
            needs("memory", reference("MemoryInput"), "What it says, without vectors."),
        ],
    )
}
