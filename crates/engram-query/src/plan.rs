//! What a statement comes to: an operation, its request, and what is done with the answer.

use serde_json::Value;

use crate::order::OrderBy;

/// What the caller of [`compile`](crate::compile) does.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Name of the operation.
    pub operation: &'static str,
    /// Its request, as the operation takes it.
    pub request: Value,
    /// The statement starts with EXPLAIN; [`Plan::is_shown_only`] says what that means.
    pub explain: bool,
    /// How the items of the answer are arranged, by [`order_items`](crate::order_items).
    pub order: Vec<OrderBy>,
    /// A list that is ordered: every page of it is read, ordered as a whole, and so many items are kept. None in every other
    /// plan: a page is the answer. The items of a recall are the most relevant ones whatever their order.
    pub keep: Option<u64>,
}

impl Plan {
    /// Whether nothing is run and the plan itself is the answer. A recall is run under EXPLAIN, and its answer explains itself.
    pub fn is_shown_only(&self) -> bool {
        self.explain && self.operation != "recall"
    }
}
