//! Schemas of associations and of spreading activation, both ways.

use serde_json::{Value, json};

use super::{
    Field, Named, answer, any_list, count, flag, integer, list, may, needs, one_of_names,
    reference, request, share, text, text_of, time,
};

pub(super) fn schemas() -> Vec<Named> {
    vec![
        (
            "EdgeKindName",
            one_of_names(&[
                "explicit",
                "entity",
                "mention",
                "next",
                "near",
                "supersedes",
                "contradicts",
            ]),
        ),
        ("DirectionName", one_of_names(&["out", "in", "both"])),
        ("AssociateRequest", associate()),
        ("AssociateResponse", associate_response()),
        ("DissociateRequest", dissociate()),
        ("DissociateResponse", dissociate_response()),
        ("AssociationsRequest", associations()),
        ("AssociationsResponse", associations_response()),
        ("AssociationView", association()),
        ("PathStepView", answer("One step of activation from memory to memory.", edge())),
        ("SpreadRequest", spread()),
        ("SeedInput", seed()),
        ("SpreadResponse", spread_response()),
        ("ActivatedView", activated()),
    ]
}

/// A share above 0.
fn positive_share() -> Value {
    json!({"type": "number", "exclusiveMinimum": 0, "maximum": 1})
}

fn kinds() -> Field {
    may("kinds", list(&reference("EdgeKindName"), 7), "Of these kinds; of all when absent.")
}

fn ends() -> Vec<Field> {
    vec![
        needs("from", text_of(1, 256), "Id of the memory where it starts."),
        needs("to", text_of(1, 256), "Id of the memory where it ends."),
    ]
}

fn receipt() -> [Field; 2] {
    [
        may(
            "lsn",
            count(),
            "Log sequence number of the commit; absent when there was nothing to do.",
        ),
        may("committed_at", time(), "Time of that commit."),
    ]
}

fn associate() -> Value {
    let mut fields = ends();
    fields.extend([
        may(
            "relation",
            text_of(1, 128),
            "What it says, for example `caused`; `related` when absent.",
        ),
        may("weight", positive_share(), "How strong it is; 0.8 when absent."),
        may("reason", text_of(0, 1024), "Why it is there."),
    ]);
    request(
        "An association to make. The same pair again takes the new relation, weight and reason.",
        fields,
    )
}

fn associate_response() -> Value {
    let mut fields = vec![
        needs("created", flag(), "True when the pair had no explicit association before."),
        needs("count", count(), "How many associations were made or changed."),
    ];
    fields.extend(receipt());
    answer("What became of an association.", fields)
}

fn dissociate() -> Value {
    let mut fields = ends();
    fields.push(kinds());
    request("Associations to take away: those from one memory to the other.", fields)
}

fn dissociate_response() -> Value {
    let mut fields =
        vec![needs("count", count(), "How many were taken away; 0 when there were none.")];
    fields.extend(receipt());
    answer("What was taken away.", fields)
}

fn associations() -> Value {
    request(
        "Asks for a page of the associations of a memory, strongest first.",
        vec![
            needs("id", text_of(1, 256), "Id of the memory."),
            may("direction", reference("DirectionName"), "Which ends; `both` when absent."),
            kinds(),
            may("limit", integer(1, 1000), "Most associations in the page; 100 when absent."),
            may("cursor", text(), "`next_cursor` of the page before."),
        ],
    )
}

fn associations_response() -> Value {
    answer(
        "A page of associations.",
        vec![
            needs("associations", any_list(&reference("AssociationView")), "Strongest first."),
            needs("total", count(), "How many there are in all pages."),
            may("next_cursor", text(), "Where the next page starts; absent at the end."),
            needs("snapshot_lsn", count(), "Last commit that the answer saw."),
        ],
    )
}

/// The fields that an association and a step along it share.
fn edge() -> Vec<Field> {
    vec![
        needs("from", text(), "Id of the memory where it starts."),
        needs("to", text(), "Id of the memory where it ends."),
        needs("kind", reference("EdgeKindName"), "Why the two are associated."),
        may(
            "label",
            text(),
            "The relation that a caller gave, or the name of the entity that the two share.",
        ),
        needs("weight", share(), "How strong it is."),
    ]
}

fn association() -> Value {
    let mut fields = edge();
    fields.push(may("reason", text(), "Why it is there, as its caller said."));
    answer("One association.", fields)
}

fn spread() -> Value {
    request(
        "Memories from which activation spreads over associations.",
        vec![
            needs("seeds", list(&reference("SeedInput"), 64), "Where it starts: 1 to 64 memories."),
            may("hops", integer(1, 8), "Associations in a row; 2 when absent."),
            kinds(),
            may(
                "filter",
                reference("FilterInput"),
                "Which memories the answer may hold; activation passes through the others.",
            ),
            may("limit", integer(1, 1000), "Most memories in the answer; 10 when absent."),
            may(
                "edges_max",
                integer(1, 1_000_000),
                "Most associations to follow in all; 20,000 when absent.",
            ),
        ],
    )
}

fn seed() -> Value {
    request(
        "A memory from which activation spreads.",
        vec![
            needs("id", text_of(1, 256), "Its id."),
            may("activation", positive_share(), "How active it is at the start; 1 when absent."),
        ],
    )
}

fn spread_response() -> Value {
    answer(
        "What activation reached.",
        vec![
            needs(
                "items",
                any_list(&reference("ActivatedView")),
                "Most active first, seeds included.",
            ),
            needs("edges_followed", count(), "How many associations were followed."),
            needs("cut", flag(), "Whether the bound on associations cut it short."),
            needs("snapshot_lsn", count(), "Last commit that the answer saw."),
        ],
    )
}

fn activated() -> Value {
    answer(
        "A memory that activation reached.",
        vec![
            needs("memory", reference("MemoryView"), "The memory."),
            needs("activation", share(), "Share of the activation of all seeds that reached it."),
            needs(
                "path",
                any_list(&reference("PathStepView")),
                "The way on which most of it came, from a seed on; empty for a seed.",
            ),
        ],
    )
}
