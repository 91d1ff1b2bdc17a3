//! The clauses that follow the head of a statement: their words, what they take, and which field of the request that is.

/// A clause.
#[derive(Debug)]
pub(crate) struct Clause {
    /// The words that it starts with.
    pub(crate) words: &'static str,
    /// What stands behind them.
    pub(crate) takes: Takes,
    /// The same as a rule of the grammar.
    pub(crate) grammar: &'static str,
    /// What it does, for whoever completes a statement.
    pub(crate) doc: &'static str,
}

/// What a clause takes, with the path in the request that it fills.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Takes {
    Value(&'static str),
    /// Values with commas between them.
    List(&'static str),
    /// Names of fields with commas between them.
    Names(&'static str),
    /// An interval, as days.
    Days(&'static str),
    /// Nothing: it sets the field to true.
    Flag(&'static str),
    Condition,
    AsOf,
    Order,
    Settings,
}

impl Takes {
    /// The field of the request that it fills; none where that is not one.
    pub(crate) fn slot(self) -> Option<&'static str> {
        let path = match self {
            Takes::Value(path)
            | Takes::List(path)
            | Takes::Names(path)
            | Takes::Days(path)
            | Takes::Flag(path) => path,
            Takes::Condition => "filter",
            Takes::AsOf => "as_of",
            Takes::Order | Takes::Settings => return None,
        };
        path.split('.').next()
    }
}

const fn clause(
    words: &'static str,
    takes: Takes,
    grammar: &'static str,
    doc: &'static str,
) -> Clause {
    Clause { words, takes, grammar, doc }
}

pub(crate) static WHERE: Clause =
    clause("WHERE", Takes::Condition, "\"WHERE\" condition", "which memories");
pub(crate) static AS_OF: Clause =
    clause("AS OF", Takes::AsOf, "\"AS OF\" ( \"LSN\" value | time )", "what was known then");
pub(crate) static ORDER_BY: Clause = clause(
    "ORDER BY",
    Takes::Order,
    "\"ORDER BY\" order { \",\" order }",
    "how the answer is arranged",
);
pub(crate) static LIMIT: Clause =
    clause("LIMIT", Takes::Value("limit"), "\"LIMIT\" value", "most items in the answer");
pub(crate) static CURSOR: Clause =
    clause("CURSOR", Takes::Value("cursor"), "\"CURSOR\" value", "where the answer goes on");
pub(crate) static WITH: Clause = clause(
    "WITH",
    Takes::Settings,
    "\"WITH\" \"(\" assignment { \",\" assignment } \")\"",
    "other settings",
);
pub(crate) static MODE: Clause =
    clause("MODE", Takes::Value("mode"), "\"MODE\" word", "how it is done");
pub(crate) static HOPS: Clause =
    clause("HOPS", Takes::Value("hops"), "\"HOPS\" value", "associations in a row");
pub(crate) static KINDS: Clause =
    clause("KINDS", Takes::List("kinds"), "\"KINDS\" word { \",\" word }", "kinds of associations");
pub(crate) static FIELDS: Clause =
    clause("FIELDS", Takes::Names("fields"), "\"FIELDS\" path { \",\" path }", "which fields");
pub(crate) static STEPS: Clause =
    clause("STEPS", Takes::Value("steps_max"), "\"STEPS\" value", "memories later at most");
pub(crate) static BUDGET: Clause =
    clause("BUDGET", Takes::Value("budget_memories"), "\"BUDGET\" value", "memories to look at");
pub(crate) static IF_VERSION: Clause = clause(
    "IF VERSION",
    Takes::Value("if_version"),
    "\"IF VERSION\" value",
    "the version that it must have",
);
pub(crate) static BECAUSE: Clause =
    clause("BECAUSE", Takes::Value("reason"), "\"BECAUSE\" value", "why");
pub(crate) static AFTER_RECALL: Clause = clause(
    "AFTER RECALL",
    Takes::Value("after_recall.recalled_at"),
    "\"AFTER RECALL\" time",
    "the recall that it follows",
);
pub(crate) static DRY_RUN: Clause =
    clause("DRY RUN", Takes::Flag("dry_run"), "\"DRY RUN\"", "only say what would be done");
pub(crate) static AS: Clause =
    clause("AS", Takes::Value("relation"), "\"AS\" value", "what the association says");
pub(crate) static WEIGHT: Clause =
    clause("WEIGHT", Takes::Value("weight"), "\"WEIGHT\" value", "how strong it is");
pub(crate) static DIRECTION: Clause =
    clause("DIRECTION", Takes::Value("direction"), "\"DIRECTION\" word", "which ends");
pub(crate) static KIND: Clause =
    clause("KIND", Takes::Value("kind"), "\"KIND\" word", "which kind");
pub(crate) static STATE: Clause =
    clause("STATE", Takes::Value("state"), "\"STATE\" word", "in which state");
pub(crate) static BELOW: Clause =
    clause("BELOW", Takes::Value("below"), "\"BELOW\" value", "what counts as faded");
pub(crate) static WITHIN_DAYS: Clause =
    clause("WITHIN", Takes::Days("within_days"), "\"WITHIN\" interval", "how far to look");
pub(crate) static WITHIN_HORIZON: Clause =
    clause("WITHIN", Takes::Days("horizon_days"), "\"WITHIN\" interval", "how far to look");
