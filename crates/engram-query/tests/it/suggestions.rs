//! What is proposed at the end of a statement that is being typed.

use engram_query::complete;
use expect_test::{Expect, expect};

fn check(prefix: &str, expected: Expect) {
    let all = complete(prefix);
    let starts: Vec<usize> = all.iter().map(|one| one.start).collect();
    let texts: Vec<&str> = all.iter().map(|one| one.text.as_str()).collect();
    let start = starts.first().map_or(String::new(), |start| format!("{start}: "));
    assert!(starts.windows(2).all(|pair| pair[0] == pair[1]));
    expected.assert_eq(&format!("{start}{}", texts.join(" | ")));
}

#[test]
fn statements_and_clauses() {
    check(
        "",
        expect![
            "0: EXPLAIN | RECALL | RECOGNIZE | SPREAD | COMPLETE | PREDICT | IMAGINE | REMEMBER | UPDATE | FORGET | RECEIPT | RESTORE | GET | HISTORY | ASSOCIATE | DISSOCIATE | ASSOCIATIONS | MARKS | FEEDBACK | RETENTION | FADING | CONSOLIDATE | UNDO CONSOLIDATION | BELIEFS"
        ],
    );
    check("re", expect!["0: RECALL | RECOGNIZE | REMEMBER | RECEIPT | RESTORE | RETENTION"]);
    check("EXPLAIN f", expect!["8: FORGET | FEEDBACK | FADING"]);
    check(
        "RECALL ",
        expect![
            "7: 'text' | $name | VECTOR | LIKE MEMORY | NOT LIKE | WHERE | AS OF | ORDER BY | LIMIT | CURSOR | WITH | ;"
        ],
    );
    check(
        "RECALL 'x' ",
        expect![
            "11: VECTOR | LIKE MEMORY | NOT LIKE | MODE | WHERE | AS OF | ORDER BY | LIMIT | CURSOR | WITH | ;"
        ],
    );
    check("RECALL 'x' LIMIT 5 W", expect!["19: WHERE | WITH"]);
    check("RECALL 'x' ORDER ", expect!["17: BY"]);
    check("SPREAD ", expect!["7: FROM"]);
    check(
        "SPREAD FROM 'a' ",
        expect!["16: ACTIVATION | , | HOPS | KINDS | WHERE | LIMIT | WITH | ;"],
    );
    check("FORGET ", expect!["7: WHERE | 'text' | $name"]);
}

#[test]
fn fields_operators_and_values() {
    check(
        "RECALL 'x' WHERE ",
        expect![
            "17: NOT | ( | id | kind | title | text | session | place | person | people | tag | tags | subject | attribute | source.kind | source.ref | trust | source.trust | principal | source.principal | confidence | importance | occurred_at | committed_at | valid_at | version | lsn | metadata"
        ],
    );
    check("RECALL 'x' WHERE occ", expect!["17: occurred_at"]);
    check("RECALL 'x' WHERE source.", expect!["24: kind | ref | trust | principal"]);
    check(
        "RECALL 'x' WHERE place ",
        expect!["23: = | != | LIKE | IN | < | <= | > | >= | BETWEEN | IS NULL | NOT"],
    );
    check("RECALL 'x' WHERE place NOT ", expect!["27: LIKE | IN | BETWEEN"]);
    check("RECALL 'x' WHERE tag NOT ", expect!["25: IN"]);
    check(
        "RECALL 'x' WHERE occurred_at > ",
        expect!["31: TIMESTAMP '2026-01-05T00:00:00Z' | now() | $name"],
    );
    check("RECALL 'x' WHERE occurred_at > n", expect!["31: now()"]);
    check("RECALL 'x' WHERE kind = ", expect!["24: episode | fact | procedure | belief | $name"]);
    check(
        "RECALL 'x' WHERE kind = fact ",
        expect!["29: AND | OR | MODE | AS OF | ORDER BY | LIMIT | CURSOR | WITH | ;"],
    );
    check(
        "RECALL 'x' WHERE occurred_at > now() - 7 ",
        expect![
            "41: nanoseconds | microseconds | milliseconds | seconds | minutes | hours | days | weeks | months | years"
        ],
    );
    check("RECALL 'x' WHERE occurred_at > now() - 7 d", expect!["41: days"]);
    check("FORGET 'a' MODE ", expect!["16: suppress | delete | $name"]);
    check(
        "FEEDBACK ON 'a' ",
        expect!["16: supersedes | contradicts | unrelated | useful | not_useful | wrong | $name"],
    );
    check("RECALL 'x' ORDER BY re", expect!["20: relevance"]);
}

#[test]
fn settings() {
    check(
        "RECALL 'x' WITH (",
        expect![
            "17: around | context_tokens | diversity | exclude | include_vectors | min_relevance | min_trust | neighbours | observe | prime | weights"
        ],
    );
    check(
        "RECALL 'x' WITH (weights.",
        expect![
            "25: activation | context | importance | priming | recency | strength | text | vector"
        ],
    );
    check("RECALL 'x' WITH (weights = {re", expect!["28: recency"]);
    check("REMEMBER 'x' WITH (wait = ", expect!["26: links | $name"]);
    check(
        "REMEMBER (decay.law = ",
        expect!["22: fsrs | power | exponential | act_r | ebbinghaus | $name"],
    );
    check(
        "COMPLETE (",
        expect![
            "10: attribute | kind | metadata | occurred_at | people | place | session | subject | tags | text | title | vector"
        ],
    );
    check(
        "COMPLETE (place = 'p') FIELDS ",
        expect![
            "30: attribute | kind | metadata | people | place | session | subject | tags | title"
        ],
    );
}

#[test]
fn nothing_where_the_statement_is_wrong_or_a_text_is_open() {
    for prefix in
        ["RECALL 'x", "RECAL 'x' ", "RECALL 'x' WHERE nothing > 5 ", "RECALL 'x' LIMIT 5; "]
    {
        assert!(complete(prefix).is_empty(), "{prefix}");
    }
}
