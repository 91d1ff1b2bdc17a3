//! Statements of the query language.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Runs a statement.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueryRequest {
    /// The statement.
    pub query: String,
    /// Values of `$name` by name.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub parameters: Map<String, Value>,
    /// Values of `$1`, `$2` and so on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<Value>,
}

/// What a statement came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QueryResponse {
    /// Name of the operation that it stands for.
    pub operation: String,
    /// The request of that operation; only under EXPLAIN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Map<String, Value>>,
    /// The answer of that operation; absent where EXPLAIN only shows the plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Value>,
}
