//! Schemas of the requests.

use super::{
    Field, Named, any_list, count, flag, integer, may, memory, needs, one_of_names, reference,
    request, some, text, text_of, update,
};

pub(super) fn schemas() -> Vec<Named> {
    let mut remember = memory::input();
    remember.extend(beside_memories());
    vec![
        ("WaitName", one_of_names(&["links"])),
        ("ListStateName", one_of_names(&["active", "suppressed", "all"])),
        ("ForgetModeName", one_of_names(&["suppress", "delete"])),
        (
            "RememberRequest",
            request(
                "A memory to store, a key that makes a retry safe, and what the answer waits for.",
                remember,
            ),
        ),
        ("RememberManyRequest", remember_many()),
        ("GetRequest", get()),
        ("ListRequest", list_memories()),
        ("ForgetRequest", forget()),
        (
            "ForgetReceiptRequest",
            request(
                "Asks what is left of what a forget deleted.",
                vec![needs("lsn", count(), "Log sequence number of the forget.")],
            ),
        ),
        ("RestoreRequest", restore()),
        ("CreateSpaceRequest", create_space()),
    ]
}

/// What a request to store may say beside the memories.
fn beside_memories() -> [Field; 2] {
    [
        may("idempotency_key", text_of(1, 256), "Makes a retry safe for 24 hours."),
        may(
            "wait",
            reference("WaitName"),
            "`links`: the answer waits for the associations; when absent it comes as soon as all is durable.",
        ),
    ]
}

fn remember_many() -> serde_json::Value {
    let [key, wait] = beside_memories();
    request(
        "Up to 1,000 memories for one commit.",
        vec![
            needs("memories", some(&reference("MemoryInput"), 1000), "The memories."),
            may(
                "partial",
                flag(),
                "False: one refused memory refuses all. True: the others are stored, and the answer has a problem in the place of each \
                 refused one; in JSON also of one that cannot be read, a bad time for example.",
            ),
            key,
            wait,
        ],
    )
}

fn get() -> serde_json::Value {
    request(
        "Names one memory.",
        vec![
            needs("id", text_of(1, 256), "Its id."),
            may("include_vectors", flag(), "Whether the answer holds its vectors."),
            may("as_of", update::as_of(), "The version known after this LSN, or at this time."),
        ],
    )
}

fn list_memories() -> serde_json::Value {
    request(
        "Asks for a page of memories, in the order of the log.",
        vec![
            may("cursor", text(), "`next_cursor` of the page before."),
            may("limit", integer(1, 1000), "Most memories in the page; 100 when absent."),
            may("filter", reference("FilterInput"), "Which memories."),
            may("state", reference("ListStateName"), "In which state; `active` when absent."),
            may("include_vectors", flag(), "Whether the answer holds their vectors."),
            may("as_of", update::as_of(), "What was known after this LSN, or at this time."),
        ],
    )
}

fn forget() -> serde_json::Value {
    request(
        "Names memories to forget: exactly one of `ids` and `filter`.",
        vec![
            may(
                "ids",
                any_list(&text()),
                "These; an unknown id is an error and nothing is forgotten.",
            ),
            may(
                "filter",
                reference("FilterInput"),
                "All that pass; at least one condition is needed.",
            ),
            may(
                "mode",
                reference("ForgetModeName"),
                "`suppress` (when absent) hides; `delete` is for good.",
            ),
            may("dry_run", flag(), "True: only say what would be forgotten."),
            may(
                "purge",
                flag(),
                "True, with mode `delete`: the bytes leave the disk with the next steps of maintenance.",
            ),
        ],
    )
}

fn restore() -> serde_json::Value {
    request(
        "Names suppressed memories to bring back: exactly one of `ids` and `filter`.",
        vec![
            may("ids", any_list(&text()), "These; an id that is not suppressed is an error."),
            may("filter", reference("FilterInput"), "All that pass; an empty filter restores all."),
        ],
    )
}

fn create_space() -> serde_json::Value {
    request(
        "A space to create. Its settings are fixed with it.",
        vec![
            needs(
                "name",
                text_of(1, 64),
                "1 to 64 of `a-z 0-9 - _`, starting with a letter or digit.",
            ),
            may(
                "dimension",
                integer(1, 4096),
                "Length of its vectors; the embedder's when absent.",
            ),
            may(
                "embedder",
                text(),
                "`builtin` (when absent), `none`, or the name of a configured embedder.",
            ),
            may("language", text(), "Two-letter code or `none`; `en` when absent."),
            may("decay", reference("SpaceDecay"), "How its memories fade."),
            may(
                "recall_trains",
                flag(),
                "Whether being recalled strengthens a memory; true when absent.",
            ),
            may(
                "duplicates",
                reference("DuplicatesName"),
                "What becomes of a memory that says what another one says; `keep` when absent.",
            ),
            may(
                "consolidation",
                reference("ConsolidationName"),
                "When beliefs are made; `on_demand` when absent.",
            ),
            may(
                "supersede_key",
                text_of(1, 128),
                "Field of the metadata whose value, a text or a whole number, names what a memory states: a newer one with the same value and another text supersedes an older one, as with `subject` and `attribute`.",
            ),
        ],
    )
}
