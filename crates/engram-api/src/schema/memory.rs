//! Schemas of the memory, of its parts, and of the filter.

use serde_json::json;

use crate::filter::FilterFieldName;

use super::{
    Field, Named, answer, any_list, count, described, flag, free_object, list, may, needs, number,
    one_of_names, reference, request, share, text, text_of, time,
};

pub(super) fn schemas() -> Vec<Named> {
    let mut stored = vec![
        needs("id", text(), "Its id, unique in the space."),
        needs("version", count(), "1, 2, ...: a new version takes the place of the one before."),
        needs("kind", reference("KindName"), "What sort of memory it is."),
        needs("state", reference("StateName"), "Whether recall shows it."),
        may(
            "vectors",
            any_list(&any_list(&number())),
            "Its vectors, unit length, only when asked for.",
        ),
        needs("confidence", reference("ConfidenceView"), "How sure the store is that it is true."),
        needs("strength", reference("StrengthView"), "How retrievable it is now."),
        may("source", reference("SourceView"), "Where it comes from."),
        may(
            "belief",
            reference("BeliefSummaryView"),
            "What it rests on, where consolidation made it.",
        ),
        may("superseded_by", text(), "Id of the memory that holds in its place."),
        may("supersedes", any_list(&text()), "Ids of the memories in whose place it holds."),
        may(
            "marks",
            any_list(&reference("MarkView")),
            "Pairs with other memories of which one may change or deny the other.",
        ),
        needs("lsn", count(), "Log sequence number of the commit that stored this version."),
        needs("committed_at", time(), "Time of that commit: unique and increasing in the space."),
    ];
    stored.extend(content());
    vec![
        ("KindName", one_of_names(&["episode", "fact", "procedure", "belief"])),
        ("StateName", one_of_names(&["active", "suppressed"])),
        ("MemoryInput", request("A memory to store. It needs a text, a vector, or both.", input())),
        ("MemoryView", answer("A stored memory.", stored)),
        ("SourceInput", request("Where a memory comes from, as the caller says it.", source())),
        ("SourceView", answer("Where a memory comes from.", source_view())),
        ("StrengthView", strength()),
        ("ConfidenceView", confidence()),
        ("FilterInput", filter()),
        ("MetadataCondition", condition()),
        ("Comparisons", comparisons()),
    ]
}

/// The fields of [`crate::MemoryInput`].
pub(super) fn input() -> Vec<Field> {
    let mut fields = vec![
        may(
            "id",
            text_of(1, 256),
            "The caller's own id, 1 to 256 bytes of printable UTF-8; else a UUIDv7 is made.",
        ),
        may("kind", reference("KindName"), "What sort of memory it is; `episode` when absent."),
        may(
            "vector",
            any_list(&number()),
            "The caller's own vector, in the dimension of the space; it takes the place of embedding.",
        ),
        may("source", reference("SourceInput"), "Where it comes from."),
        may("confidence", share(), "How sure the caller is that it is true."),
    ];
    fields.extend(content());
    fields
}

/// The fields that are the same in a memory to store and in a stored one.
fn content() -> Vec<Field> {
    let names = list(&text_of(1, 256), 64);
    vec![
        may("title", text_of(0, 1024), "A heading. It is searched and embedded with the text."),
        may("text", text(), "The content, up to 64 KiB unless the server is set otherwise."),
        may("session", text_of(0, 256), "The conversation or run that it belongs to."),
        may("occurred_at", time(), "When it happened."),
        may("occurred_until", time(), "When it ended, if it lasted."),
        may("place", text_of(0, 256), "Where it happened."),
        may("people", names.clone(), "Who took part. Names are embedded with the text."),
        may("entities", names, "Other things that it is about."),
        may("tags", list(&text_of(1, 128), 64), "Labels."),
        may("metadata", free_object(), "Any JSON object, up to 16 KiB and 8 levels."),
        may("subject", text_of(0, 256), "What the memory is a statement about."),
        may("attribute", text_of(0, 256), "Which property of the subject it states."),
        may("importance", share(), "How much it matters."),
        may("valid_from", time(), "From when it is true (inclusive)."),
        may("valid_until", time(), "Until when it is true (exclusive)."),
        may("expires_at", time(), "From when it is no longer shown."),
        may(
            "decay",
            reference("MemoryDecay"),
            "How it fades, where that is not as the space says.",
        ),
    ]
}

fn source() -> Vec<Field> {
    vec![
        may("kind", text_of(0, 256), "What the source is, for example `user`, `tool`, `document`."),
        may("ref", text_of(0, 2048), "Where it can be found again, for example a URL."),
        may("trust", share(), "How far the source is trusted."),
    ]
}

fn source_view() -> Vec<Field> {
    let mut fields = source();
    fields.push(may("principal", text(), "Who stored the memory, where the server knows it."));
    fields
}

fn strength() -> serde_json::Value {
    answer(
        "How retrievable a memory is now. It decays with time and grows with use.",
        vec![
            needs("retrievability", share(), "Probability of retrieval now."),
            may(
                "stability_days",
                number(),
                "Days from the last use until retrievability falls to 0.9; absent for a pinned memory.",
            ),
            needs("law", text(), "The forgetting law, or `pinned`."),
            needs("uses", count(), "How often it was recalled, called useful, or said again."),
            may("used_at", time(), "When that was last; absent where it never was."),
        ],
    )
}

fn confidence() -> serde_json::Value {
    answer(
        "How sure the store is that a memory is true.",
        vec![
            needs("mean", share(), "Mean of the Beta distribution over the evidence."),
            needs("low", share(), "Lower end of the 90 % interval."),
            needs("high", share(), "Upper end of the 90 % interval."),
            needs("evidence", number(), "Pieces of evidence, the caller's statement included."),
            may("stated", share(), "What the caller gave; absent where none was given."),
        ],
    )
}

fn filter() -> serde_json::Value {
    let texts = any_list(&text());
    let nested = any_list(&reference("FilterInput"));
    request(
        "Conditions on memories; all that are given must hold. A memory without the field asked for does not pass, \
         except under `ne` and `exists: false`. Nested at most 16 levels.",
        vec![
            may(
                "occurred_after",
                time(),
                "Happened at or after; without `occurred_at` the commit time counts.",
            ),
            may("occurred_before", time(), "Happened before (exclusive)."),
            may("committed_after", time(), "Stored at or after."),
            may("committed_before", time(), "Stored before (exclusive)."),
            may("valid_at", time(), "True at this time: in its validity, as far as that is given."),
            may("tags", texts.clone(), "Carries all of these tags."),
            may("tags_any", texts.clone(), "Carries at least one of these tags."),
            may("people", texts.clone(), "At least one of these people took part."),
            may("kinds", any_list(&reference("KindName")), "Is of one of these kinds."),
            may("session", text(), "Belongs to this session."),
            may("place", text(), "Happened at this place."),
            may("source_kind", text(), "Comes from a source of this kind."),
            may("source_ref", text(), "Comes from exactly this source."),
            may("min_trust", share(), "The source is trusted so far; none stated = not passed."),
            may("ids", texts, "Has one of these ids."),
            may(
                "metadata",
                json!({"type": "object", "additionalProperties": reference("MetadataCondition")}),
                "Conditions by dotted path.",
            ),
            may(
                "fields",
                json!({
                    "type": "object", "additionalProperties": reference("MetadataCondition"),
                    "propertyNames": {"enum": FilterFieldName::ALL.map(FilterFieldName::as_str)},
                }),
                "Conditions on fields of the memory itself; importance, confidence and trust as they were stated. Each memory that is \
                 left is looked at.",
            ),
            may("and", nested.clone(), "All of these hold."),
            may("or", nested, "At least one of these holds."),
            may("not", reference("FilterInput"), "This does not hold."),
        ],
    )
}

fn condition() -> serde_json::Value {
    described(
        json!({"oneOf": [{"type": ["string", "number", "boolean", "null"]}, reference("Comparisons")]}),
        "A plain value asks for equality; an object compares. A list passes if one of its elements does.",
    )
}

fn comparisons() -> serde_json::Value {
    request(
        "Comparisons with the value at a path; all that are given must hold.",
        vec![
            may("eq", json!({}), "Equal to."),
            may("ne", json!({}), "Absent, or not equal to."),
            may("lt", json!({}), "Less than; numbers as numbers, strings by bytes."),
            may("lte", json!({}), "At most."),
            may("gt", json!({}), "Greater than."),
            may("gte", json!({}), "At least."),
            may("in", any_list(&json!({})), "Equal to one of these."),
            may(
                "like",
                text(),
                "A string that fits: `%` stands for any characters, `_` for one, `\\` takes the next as it is.",
            ),
            may("exists", flag(), "Whether the path is there."),
        ],
    )
}
