//! Schemas of the query language.

use serde_json::{Value, json};

use super::{Named, answer, any_list, free_object, may, needs, request, text, text_of};

pub(super) fn schemas() -> Vec<Named> {
    vec![("QueryRequest", query()), ("QueryResponse", response())]
}

fn query() -> Value {
    request(
        "A statement of the query language.",
        vec![
            needs("query", text_of(1, 65_536), "The statement."),
            may("parameters", free_object(), "Values of `$name` by name."),
            may("values", any_list(&json!({})), "Values of `$1`, `$2` and so on."),
        ],
    )
}

fn response() -> Value {
    answer(
        "What a statement came to.",
        vec![
            needs("operation", text(), "Name of the operation that it stands for."),
            may("request", free_object(), "The request of that operation; only under EXPLAIN."),
            may(
                "answer",
                json!({}),
                "The answer of that operation; absent where EXPLAIN only shows the plan.",
            ),
        ],
    )
}
