//! Schemas of completion, prediction and imagination, both ways.

use serde_json::{Value, json};

use super::{
    Field, Named, answer, any_list, count, flag, free_object, integer, list, may, needs, number,
    one_of_names, reference, request, share, text, text_of, time,
};

pub(super) fn schemas() -> Vec<Named> {
    vec![
        ("AbstentionName", one_of_names(&["no_evidence", "too_thin", "no_agreement"])),
        ("PartialInput", partial()),
        ("CompleteRequest", complete()),
        ("CompleteResponse", complete_response()),
        ("CompletedView", completed()),
        ("FieldCandidateView", candidate()),
        ("PredictRequest", predict()),
        ("PredictResponse", predict_response()),
        ("PredictionView", prediction()),
        ("FollowedView", followed()),
        ("ImagineRequest", imagine()),
        ("ImagineResponse", imagine_response()),
        ("ImaginedView", imagined()),
    ]
}

fn partial() -> Value {
    request(
        "What is known of a memory. At least one field is given.",
        vec![
            may("kind", reference("KindName"), "What sort of memory it is."),
            may("title", text_of(0, 1024), "A heading."),
            may("text", text(), "Words and meaning: what is about the same counts as alike."),
            may("vector", any_list(&number()), "Takes the place of embedding the text."),
            may("session", text_of(0, 256), "The conversation or run that it belongs to."),
            may("occurred_at", time(), "When it happened: twelve hours around it count as alike."),
            may("place", text_of(0, 256), "Where it happened."),
            may("people", list(&text_of(1, 256), 64), "Who took part."),
            may("tags", list(&text_of(1, 128), 64), "Labels."),
            may("metadata", free_object(), "Each value at the end of a path counts by itself."),
            may("subject", text_of(0, 256), "What the memory is a statement about."),
            may("attribute", text_of(0, 256), "Which property of the subject it states."),
        ],
    )
}

/// The fields of a request that gathers evidence, before and behind those of its own.
fn evidence(mut own: Vec<Field>) -> Vec<Field> {
    own.extend([
        may("filter", reference("FilterInput"), "Which memories may be evidence."),
        may(
            "evidence_max",
            integer(1, 2_000),
            "Most memories to look at that agree with something given; 1,000 when absent.",
        ),
    ]);
    own
}

fn abstained() -> Field {
    may("abstained", reference("AbstentionName"), "Why there is no answer.")
}

fn lsn() -> Field {
    needs("snapshot_lsn", count(), "Last commit that the answer saw.")
}

fn complete() -> Value {
    request(
        "A partial memory whose missing fields are asked for.",
        evidence(vec![
            needs("partial", reference("PartialInput"), "What is known."),
            may(
                "fields",
                list(&text(), 64),
                "`kind`, `title`, `session`, `place`, `people`, `tags`, `subject`, `attribute`, or `metadata.` and a \
                 dotted path; when absent, all that memories like it hold and that are not given. A given one is judged as if it \
                 were not.",
            ),
            may(
                "min_probability",
                share(),
                "How probable a value must be, by the lower end of its interval; 0.5 when absent.",
            ),
        ]),
    )
}

fn complete_response() -> Value {
    answer(
        "What the missing fields are.",
        vec![
            needs("fields", any_list(&reference("CompletedView")), "One answer for each field."),
            needs("looked_at", count(), "How many memories were looked at."),
            lsn(),
        ],
    )
}

fn completed() -> Value {
    answer(
        "What one field is, or why it is left open.",
        vec![
            needs("field", text(), "The field."),
            may(
                "filled",
                reference("FieldCandidateView"),
                "Its value; a list for `people` and `tags`. Absent where the field is left open.",
            ),
            abstained(),
            needs(
                "alternatives",
                any_list(&reference("FieldCandidateView")),
                "Other values, most probable first, at most 5; single ones of a list.",
            ),
            needs("evidence", number(), "As many memories of equal weight would say as much."),
        ],
    )
}

/// Any JSON value.
fn value() -> Value {
    json!({})
}

fn candidate() -> Value {
    answer(
        "A value with its evidence.",
        vec![
            needs("value", value(), "The value. Some memory holds it."),
            needs(
                "probability",
                share(),
                "How probable it is; of a list, its least probable element.",
            ),
            needs("low", share(), "Lower end of the 90 % interval of that."),
            needs(
                "sources",
                any_list(&text()),
                "Ids of memories that hold it, those that count most first, at most 10.",
            ),
        ],
    )
}

fn predict() -> Value {
    request(
        "A present whose continuation is asked for: memories, a partial memory, or both.",
        vec![
            may(
                "like",
                list(&text(), 16),
                "Ids of memories: what followed them, and memories that say the same.",
            ),
            may("partial", reference("PartialInput"), "What is known of the present."),
            may(
                "steps_max",
                integer(1, 8),
                "How many memories later in the session it may follow; 1 when absent.",
            ),
            may("filter", reference("FilterInput"), "Which memories may stand for the present."),
            may(
                "antecedents_max",
                integer(1, 100),
                "Most memories to stand for the present; 50 when absent.",
            ),
            may("limit", integer(1, 100), "Most predictions in the answer; 5 when absent."),
            may("min_probability", share(), "Predictions below are left out; 0.2 when absent."),
        ],
    )
}

fn predict_response() -> Value {
    answer(
        "What tends to follow.",
        vec![
            needs("predictions", any_list(&reference("PredictionView")), "Most probable first."),
            abstained(),
            needs(
                "antecedents",
                count(),
                "How many memories stood for the present and had something behind them.",
            ),
            lsn(),
        ],
    )
}

fn prediction() -> Value {
    answer(
        "Something that tends to follow.",
        vec![
            needs("memory", reference("MemoryView"), "A memory that says it."),
            needs("probability", share(), "How probable it is that it follows."),
            needs("low", share(), "Lower end of the 90 % interval of that."),
            needs("count", count(), "How many of the antecedents it followed."),
            needs(
                "sources",
                any_list(&reference("FollowedView")),
                "Where it was seen, at most 10.",
            ),
        ],
    )
}

fn followed() -> Value {
    answer(
        "One memory that followed another.",
        vec![
            needs("antecedent", text(), "Id of the memory that stood for the present."),
            needs("follower", text(), "Id of the memory that followed it."),
            needs("steps", count(), "How many memories later in the session, from 1."),
        ],
    )
}

fn imagine() -> Value {
    request(
        "A partial memory around which one is to be made up.",
        evidence(vec![
            needs("partial", reference("PartialInput"), "What is given; it is kept."),
            may(
                "fields",
                list(&text(), 64),
                "Which fields to make up; up to 16 that memories like it hold, when absent.",
            ),
        ]),
    )
}

fn imagine_response() -> Value {
    answer(
        "A memory that might be. Nobody stored it, and it is not stored now.",
        vec![
            needs("imagined", flag(), "Always true: this is made up."),
            needs("memory", reference("PartialInput"), "What was given, with what was made up."),
            needs(
                "parts",
                any_list(&reference("ImaginedView")),
                "What was made up, in the order in which it was chosen.",
            ),
            abstained(),
            needs(
                "precedents",
                count(),
                "How many of the memories looked at hold all the parts together; 0 = it is new as a whole.",
            ),
            needs("looked_at", count(), "How many memories were looked at."),
            lsn(),
        ],
    )
}

fn imagined() -> Value {
    answer(
        "One part of what was made up.",
        vec![
            needs("field", text(), "The field."),
            needs("value", value(), "Its value."),
            needs(
                "probability",
                share(),
                "How probable it is, given what was given and the parts before it.",
            ),
            needs("sources", any_list(&text()), "Ids of the memories that it is taken from."),
        ],
    )
}
