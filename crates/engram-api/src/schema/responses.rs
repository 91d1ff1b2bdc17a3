//! Schemas of the answers.

use serde_json::{Value, json};

use crate::space::DuplicatesName;

use super::{
    Named, answer, any_list, count, flag, may, needs, number, one_of_names, reference, share, text,
    time,
};

pub(super) fn schemas() -> Vec<Named> {
    vec![
        ("NodeState", one_of_names(&["starting", "ready", "read_only", "shutting_down"])),
        ("DuplicatesName", one_of_names(&DuplicatesName::ALL.map(DuplicatesName::as_str))),
        ("RememberResponse", remember()),
        ("RememberManyResponse", remember_many()),
        ("RememberResult", remember_result()),
        ("ListResponse", list_memories()),
        ("ForgetResponse", forget()),
        ("ReceiptView", receipt()),
        ("PurgeStateName", one_of_names(&["pending", "purged"])),
        ("PlaceName", one_of_names(&["files", "cold_store", "log"])),
        ("ForgetReceiptResponse", forget_receipt()),
        ("RestoreResponse", restore()),
        ("SpaceView", space()),
        ("EmbedderView", embedder()),
        ("ListSpacesResponse", list_spaces()),
        ("DeleteSpaceResponse", delete_space()),
        ("SpaceStatsView", space_stats()),
        ("CalibrationView", calibration()),
        ("TiersView", tiers()),
        ("QuotaView", quota()),
        ("StatusView", status()),
        ("VersionView", version()),
        ("Problem", problem()),
    ]
}

fn remember() -> Value {
    answer(
        "What became of a memory that was sent.",
        vec![
            needs("id", text(), "Its id: the caller's, or the one made for it."),
            needs("lsn", count(), "Log sequence number of the commit that stored it."),
            needs("committed_at", time(), "Time of that commit."),
            needs("version", count(), "Its version."),
            needs(
                "created",
                flag(),
                "False when the same id with the same content was there already, and when it was merged.",
            ),
            may(
                "merged",
                flag(),
                "True when it says what another memory says and counts as a repetition of that one; absent otherwise.",
            ),
            needs(
                "state",
                reference("StateName"),
                "Whether recall shows it: one that was there already may be suppressed.",
            ),
            needs(
                "duplicates",
                any_list(&text()),
                "Ids of other memories with the same content, at most 10.",
            ),
            may(
                "near_duplicates",
                any_list(&text()),
                "Ids of earlier memories that say the same in other content, at most 10; absent where nobody looked for them.",
            ),
            needs("vectors", count(), "Number of vectors it has."),
        ],
    )
}

fn remember_many() -> Value {
    answer(
        "What became of the memories of a batch.",
        vec![
            needs(
                "lsn",
                count(),
                "Log sequence number of the commit, or of the last one if nothing was new.",
            ),
            needs("committed_at", time(), "Time of that commit."),
            needs("created", count(), "How many memories this request stored."),
            needs(
                "results",
                any_list(&reference("RememberResult")),
                "One for each memory, in their order.",
            ),
        ],
    )
}

fn remember_result() -> Value {
    json!({
        "description": "Stored (now or before), or refused; refused only in an answer to `partial: true`.",
        "oneOf": [
            answer("Stored.", vec![needs("stored", reference("RememberResponse"), "What became of it.")]),
            answer("Refused.", vec![needs("refused", reference("Problem"), "Why it was refused.")]),
        ],
    })
}

fn list_memories() -> Value {
    answer(
        "A page of memories.",
        vec![
            needs("memories", any_list(&reference("MemoryView")), "In the order of the log."),
            may("next_cursor", text(), "Where the next page starts; absent at the end."),
        ],
    )
}

fn forget() -> Value {
    answer(
        "What was forgotten, or would be.",
        vec![
            needs("dry_run", flag(), "Whether it was only tried."),
            needs("mode", reference("ForgetModeName"), "How."),
            needs("count", count(), "How many memories."),
            needs("ids", any_list(&text()), "Their ids in the order of the log, at most 1,000."),
            may(
                "beliefs",
                any_list(&text()),
                "Beliefs in words of these memories, which went with them, at most 1,000.",
            ),
            may(
                "receipt",
                reference("ReceiptView"),
                "Absent after a dry run and when nothing was there.",
            ),
        ],
    )
}

fn receipt() -> Value {
    answer(
        "Proof of a forgetting.",
        vec![
            needs("lsn", count(), "Log sequence number of the commit that did it."),
            needs("committed_at", time(), "Time of that commit."),
            needs("mode", reference("ForgetModeName"), "How."),
            needs("count", count(), "How many memories."),
            needs("remains", text(), "What remains of them, and where."),
        ],
    )
}

fn forget_receipt() -> Value {
    answer(
        "What is left of deleted memories.",
        vec![
            needs("lsn", count(), "Log sequence number of the commit that deleted them."),
            needs("committed_at", time(), "Time of that commit."),
            needs("count", count(), "How many memories."),
            needs("state", reference("PurgeStateName"), "How far it is."),
            needs(
                "held_in",
                any_list(&reference("PlaceName")),
                "Where bytes of them may be; empty when they are purged.",
            ),
            may("due_at", time(), "From when on maintenance purges them, where that is ahead."),
            may("purged_at", time(), "When maintenance found nothing left of them."),
            needs("backups", text(), "What is known of copies."),
        ],
    )
}

fn restore() -> Value {
    answer(
        "What was restored.",
        vec![
            needs("count", count(), "How many memories."),
            needs("ids", any_list(&text()), "Their ids in the order of the log, at most 1,000."),
            may(
                "lsn",
                count(),
                "Log sequence number of the commit; absent when nothing was suppressed.",
            ),
            may("committed_at", time(), "Time of that commit."),
        ],
    )
}

fn space() -> Value {
    answer(
        "A space.",
        vec![
            needs("name", text(), "Its name."),
            needs("uuid", text(), "Its identity in the log."),
            needs("dimension", count(), "Length of its vectors."),
            needs("embedder", reference("EmbedderView"), "What computes its vectors."),
            needs("language", text(), "Language of the text analysis."),
            needs("decay", reference("SpaceDecay"), "How its memories fade."),
            needs("recall_trains", flag(), "Whether being recalled strengthens a memory."),
            needs(
                "duplicates",
                reference("DuplicatesName"),
                "What becomes of a memory that says what another one says.",
            ),
            needs("consolidation", reference("ConsolidationName"), "When beliefs are made."),
            may(
                "supersede_key",
                text(),
                "Field of the metadata that names what a memory states; absent where there is none.",
            ),
            needs("created_at", time(), "When it was created."),
            may(
                "quarantined",
                text(),
                "Why it refuses writes, where a part of its log is damaged.",
            ),
        ],
    )
}

fn embedder() -> Value {
    answer(
        "What computes a space's vectors.",
        vec![
            needs("name", text(), "Name in the configuration, or `none`."),
            needs("provider", text(), "`builtin`, `local`, `openai`, `ollama`, `tei` or `none`."),
            needs("model", text(), "Name of the model."),
            needs("dimension", count(), "Length of its vectors."),
            needs(
                "weights_hash",
                text(),
                "BLAKE3 of the weights, hexadecimal; empty for a remote model.",
            ),
        ],
    )
}

fn list_spaces() -> Value {
    answer(
        "All spaces, by name.",
        vec![needs("spaces", any_list(&reference("SpaceView")), "The spaces.")],
    )
}

fn delete_space() -> Value {
    answer(
        "A space that was deleted with all its memories.",
        vec![
            needs("name", text(), "Its name."),
            needs("uuid", text(), "Its identity in the log."),
            needs("memories", count(), "How many memories it had."),
        ],
    )
}

fn space_stats() -> Value {
    answer(
        "Figures of a space.",
        vec![
            needs("name", text(), "Its name."),
            needs("memories", count(), "Memories that recall can find."),
            needs("suppressed", count(), "Suppressed memories."),
            needs("vectors", count(), "Vectors of both."),
            needs(
                "indexed_vectors",
                count(),
                "Vectors in the graph of neighbours; the others are compared one by one.",
            ),
            needs("associations", count(), "Associations between its memories."),
            needs("entities", count(), "Entities that its memories are about."),
            needs("unlinked", count(), "Memories whose associations are not formed yet."),
            needs("learned", count(), "Memories that were used or judged since they were stored."),
            needs("beliefs", count(), "Beliefs that consolidation made."),
            needs("consolidated", count(), "Memories that they rest on."),
            needs(
                "unconsolidated",
                count(),
                "Memories and beliefs that consolidation has still to look at.",
            ),
            needs("bytes", count(), "Bytes of its state in RAM, estimated."),
            needs("tiers", reference("TiersView"), "Where its memories reside."),
            may(
                "quota",
                reference("QuotaView"),
                "What the operator allows it; absent where nothing is bounded.",
            ),
            needs("lsn", count(), "Last commit; 0 before the first."),
            may("committed_at", time(), "Time of the last commit."),
            may(
                "calibration",
                any_list(&reference("CalibrationView")),
                "What judgements taught of the relevance of its recalls, by mode.",
            ),
        ],
    )
}

fn calibration() -> Value {
    answer(
        "What judgements taught of the relevance of one mode.",
        vec![
            needs("mode", reference("ModeName"), "The mode."),
            needs("judgements", count(), "Judged items."),
            needs("useful", count(), "Those of them that were useful."),
            needs("slope", number(), "Slope of the map on the logit of relevance; 1 = none."),
            needs("shift", number(), "Its shift; 0 = none."),
            needs("error_before", share(), "Calibration error of what was judged, before the map."),
            needs("error_after", share(), "The same after it."),
        ],
    )
}

fn tiers() -> Value {
    let moved = |what: &str| format!("Memories that became {what}, since the server started.");
    answer(
        "Where the memories of a space reside, and how many moved.",
        vec![
            needs("hot_memories", count(), "Memories in RAM with text and vectors."),
            needs("warm_memories", count(), "Memories in local segments, read when needed."),
            needs(
                "cold_memories",
                count(),
                "Memories in objects of the cold store, fetched when needed.",
            ),
            needs("segments", count(), "Segments of memories."),
            needs("segment_bytes", count(), "Their bytes on disk."),
            needs("cold_bytes", count(), "Bytes of objects in the cold store."),
            needs("moved_by_use", count(), &moved("hot because they were in an answer")),
            needs(
                "moved_by_room",
                count(),
                &moved("hot because their segment is used and there was room"),
            ),
            needs(
                "moved_by_pressure",
                count(),
                &moved("warm because the node was above its budget"),
            ),
            needs("moved_by_quota", count(), &moved("warm because the space was above its quota")),
            needs("moved_by_disuse", count(), &moved("cold because nobody used them for long")),
        ],
    )
}

fn quota() -> Value {
    answer(
        "How much a space may hold and ask for; what is absent is not bounded.",
        vec![
            may("memories", count(), "Memories, suppressed ones and beliefs among them."),
            may("bytes", count(), "Bytes in RAM, in segments and in the cold store together."),
            may("writes_per_second", count(), "Requests a second that may change it."),
            may("reads_per_second", count(), "Requests a second that may read it."),
            may("calls", count(), "Requests that may be worked on at once."),
        ],
    )
}

fn status() -> Value {
    answer(
        "The node as it stands.",
        vec![
            needs("version", text(), "Version of the server."),
            needs("state", reference("NodeState"), "Whether it can serve."),
            needs("started_at", time(), "When it started."),
            needs("spaces", count(), "Number of spaces."),
            needs(
                "open_spaces",
                count(),
                "Spaces whose state is in RAM; the others are opened by the first request to them.",
            ),
            needs("memories", count(), "Memories that recall can find, in the open spaces."),
            needs("quarantined", any_list(&text()), "Spaces that refuse writes because of damage."),
            may("reason", text(), "Why writes are refused; absent when they are not."),
        ],
    )
}

fn version() -> Value {
    answer(
        "What the server is.",
        vec![
            needs("name", text(), "`engram`."),
            needs("version", text(), "Version of the server."),
            needs("api", text(), "Version of the interface."),
        ],
    )
}

fn problem() -> Value {
    answer(
        "An error (RFC 9457), media type application/problem+json.",
        vec![
            needs("type", text(), "`urn:engram:error:` and the code."),
            needs("title", text(), "What happened, the same for every problem of a code."),
            needs("status", count(), "HTTP status."),
            needs("detail", text(), "What happened in this case."),
            needs("code", text(), "Name in the catalogue."),
            needs("errno", text(), "Number in the catalogue: `ERR-1001`."),
            needs(
                "kind",
                one_of_names(&[
                    "fix_request",
                    "not_found",
                    "conflict",
                    "retry_later",
                    "give_up",
                    "call_operator",
                ]),
                "What the caller must do.",
            ),
            may("field", text(), "Path of the field that is wrong."),
            needs("fix", text(), "What to do about it."),
            needs("example", text(), "Something that is right."),
            may("nearest", text(), "The closest name that exists."),
            needs("retryable", flag(), "Whether sending the same request again may succeed."),
            may("retry_after_seconds", count(), "How long to wait before that."),
            may(
                "request_id",
                text(),
                "Id of the request, as in the header X-Request-Id and the server log.",
            ),
        ],
    )
}
