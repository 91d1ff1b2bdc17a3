//! The words of the language. None is reserved: where a field or a value may stand, its name is taken as that.

/// Every keyword, sorted.
pub const KEYWORDS: &[&str] = &[
    "ACTIVATION",
    "AFTER",
    "ALL",
    "AND",
    "ANY",
    "AS",
    "ASC",
    "ASSOCIATE",
    "ASSOCIATIONS",
    "BECAUSE",
    "BELIEFS",
    "BELOW",
    "BETWEEN",
    "BUDGET",
    "BY",
    "COMPLETE",
    "CONSOLIDATE",
    "CONSOLIDATION",
    "CONTAINS",
    "CURSOR",
    "DATE",
    "DESC",
    "DIRECTION",
    "DISSOCIATE",
    "DRY",
    "EXPLAIN",
    "FADING",
    "FALSE",
    "FEEDBACK",
    "FIELDS",
    "FIRST",
    "FORGET",
    "FROM",
    "GET",
    "HISTORY",
    "HOPS",
    "IF",
    "IMAGINE",
    "IN",
    "INTERVAL",
    "IS",
    "KIND",
    "KINDS",
    "LAST",
    "LIKE",
    "LIMIT",
    "LSN",
    "MARKS",
    "MEMORY",
    "MODE",
    "NOT",
    "NOW",
    "NULL",
    "NULLS",
    "OF",
    "ON",
    "OR",
    "ORDER",
    "PREDICT",
    "RECALL",
    "RECEIPT",
    "RECOGNIZE",
    "REMEMBER",
    "RESTORE",
    "RETENTION",
    "RUN",
    "SET",
    "SINCE",
    "SPREAD",
    "STATE",
    "STEPS",
    "TIMESTAMP",
    "TRUE",
    "UNDO",
    "UPDATE",
    "VECTOR",
    "VERSION",
    "WEIGHT",
    "WHERE",
    "WITH",
    "WITHIN",
];

/// Whether a word is a keyword, in any case.
pub(crate) fn is_keyword(word: &str) -> bool {
    KEYWORDS.binary_search(&word.to_ascii_uppercase().as_str()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_are_sorted_and_found_in_any_case() {
        assert!(KEYWORDS.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(is_keyword("recall") && is_keyword("NULLS") && !is_keyword("fact"));
    }
}
