//! Conditions to filters.

use expect_test::{Expect, expect};

use crate::check::filter;

fn check(condition: &str, expected: Expect) {
    expected.assert_eq(&filter(condition).to_string());
}

#[test]
fn plain_fields_have_keys_of_their_own() {
    check("id = 'a'", expect![[r#"{"ids":["a"]}"#]]);
    check("id IN ('a', 'b')", expect![[r#"{"ids":["a","b"]}"#]]);
    check("kind = fact OR kind = 'belief'", expect![[r#"{"kinds":["fact","belief"]}"#]]);
    check(
        "session = 's' AND place = 'p' AND source.kind = 'chat' AND source.ref = 'r'",
        expect![[r#"{"place":"p","session":"s","source_kind":"chat","source_ref":"r"}"#]],
    );
    check(
        "source.kind IN ('chat', 'mail')",
        expect![[r#"{"or":[{"source_kind":"chat"},{"source_kind":"mail"}]}"#]],
    );
    check(
        "tag = 'a' AND tag = 'b' AND tags IN ('c', 'd')",
        expect![[r#"{"tags":["a","b"],"tags_any":["c","d"]}"#]],
    );
    check("tags CONTAINS ALL ('a', 'b')", expect![[r#"{"tags":["a","b"]}"#]]);
    check("tags CONTAINS ANY ('a', 'b')", expect![[r#"{"tags_any":["a","b"]}"#]]);
    check(
        "person = 'Ada' AND people CONTAINS ALL ['Bob', 'Cy']",
        expect![[r#"{"and":[{"people":["Cy"]},{"people":["Bob"]}],"people":["Ada"]}"#]],
    );
    check("trust >= 0.5", expect![[r#"{"min_trust":0.5}"#]]);
    check("source.trust > 0.5", expect![[r#"{"fields":{"trust":{"gt":0.5}}}"#]]);
    check(
        "valid_at = TIMESTAMP '2026-01-05T00:00:00Z'",
        expect![[r#"{"valid_at":"2026-01-05T00:00:00Z"}"#]],
    );
}

#[test]
fn ends_of_ranges_are_exact() {
    check(
        "occurred_at >= '2026-01-05T00:00:00Z'",
        expect![[r#"{"occurred_after":"2026-01-05T00:00:00Z"}"#]],
    );
    check(
        "occurred_at > '2026-01-05T00:00:00Z'",
        expect![[r#"{"occurred_after":"2026-01-05T00:00:00.000000001Z"}"#]],
    );
    check(
        "occurred_at < '2026-01-05T00:00:00Z'",
        expect![[r#"{"occurred_before":"2026-01-05T00:00:00Z"}"#]],
    );
    check(
        "occurred_at <= '2026-01-05T00:00:00Z'",
        expect![[r#"{"occurred_before":"2026-01-05T00:00:00.000000001Z"}"#]],
    );
    check(
        "occurred_at = '2026-01-05T00:00:00Z'",
        expect![[
            r#"{"occurred_after":"2026-01-05T00:00:00Z","occurred_before":"2026-01-05T00:00:00.000000001Z"}"#
        ]],
    );
    check(
        "occurred_at != '2026-01-05T00:00:00Z'",
        expect![[
            r#"{"not":{"occurred_after":"2026-01-05T00:00:00Z","occurred_before":"2026-01-05T00:00:00.000000001Z"}}"#
        ]],
    );
    check(
        "committed_at = DATE '2026-01-05'",
        expect![[
            r#"{"committed_after":"2026-01-05T00:00:00Z","committed_before":"2026-01-06T00:00:00Z"}"#
        ]],
    );
    check(
        "committed_at > '2026-01-05'",
        expect![[r#"{"committed_after":"2026-01-06T00:00:00Z"}"#]],
    );
    check(
        "committed_at <= DATE '2026-01-05'",
        expect![[r#"{"committed_before":"2026-01-06T00:00:00Z"}"#]],
    );
    check(
        "occurred_at BETWEEN DATE '2026-01-05' AND DATE '2026-01-06'",
        expect![[
            r#"{"occurred_after":"2026-01-05T00:00:00Z","occurred_before":"2026-01-07T00:00:00Z"}"#
        ]],
    );
    check(
        "occurred_at NOT BETWEEN now() - 7 days AND now()",
        expect![[
            r#"{"not":{"occurred_after":"2026-01-25T00:00:00Z","occurred_before":"2026-02-01T00:00:00.000000001Z"}}"#
        ]],
    );
    check(
        "occurred_at IN (DATE '2026-01-05', DATE '2026-02-05')",
        expect![[
            r#"{"or":[{"occurred_after":"2026-01-05T00:00:00Z","occurred_before":"2026-01-06T00:00:00Z"},{"occurred_after":"2026-02-05T00:00:00Z","occurred_before":"2026-02-06T00:00:00Z"}]}"#
        ]],
    );
    check(
        "occurred_at > now() - INTERVAL '1 month' - 12 hours",
        expect![[r#"{"occurred_after":"2025-12-31T12:00:00.000000001Z"}"#]],
    );
}

#[test]
fn other_fields_are_compared() {
    check(
        "title LIKE 'Mov\\_ng%' AND text NOT LIKE '%draft%'",
        expect![[
            r#"{"fields":{"title":{"like":"Mov\\_ng%"}},"not":{"fields":{"text":{"like":"%draft%"}}}}"#
        ]],
    );
    check(
        "session != 's' AND session IN ('a', 'b')",
        expect![[r#"{"fields":{"session":{"in":["a","b"],"ne":"s"}}}"#]],
    );
    check(
        "place IS NULL OR subject IS NOT NULL",
        expect![[
            r#"{"or":[{"fields":{"place":{"exists":false}}},{"fields":{"subject":{"exists":true}}}]}"#
        ]],
    );
    check(
        "importance BETWEEN 0.25 AND 0.75 AND confidence < 1",
        expect![[r#"{"fields":{"confidence":{"lt":1},"importance":{"gte":0.25,"lte":0.75}}}"#]],
    );
    check(
        "version = 2 AND lsn > 100 AND lsn <= 200",
        expect![[r#"{"fields":{"lsn":{"gt":100,"lte":200},"version":{"eq":2}}}"#]],
    );
    check(
        "attribute > 'a' AND attribute > 'b'",
        expect![[
            r#"{"and":[{"fields":{"attribute":{"gt":"b"}}}],"fields":{"attribute":{"gt":"a"}}}"#
        ]],
    );
}

#[test]
fn metadata_is_asked_by_path() {
    check(
        "metadata.ticket.priority >= 2 AND metadata.ticket.priority < 5",
        expect![[r#"{"metadata":{"ticket.priority":{"gte":2,"lt":5}}}"#]],
    );
    check("metadata.\"odd key\".x = 'a'", expect![[r#"{"metadata":{"odd key.x":{"eq":"a"}}}"#]]);
    check(
        "metadata.a = NULL AND metadata.b IS NULL AND metadata.c IS NOT NULL",
        expect![[r#"{"metadata":{"a":{"eq":null},"b":{"exists":false},"c":{"exists":true}}}"#]],
    );
    check(
        "metadata.a IN (1, 'x', TRUE, NULL) AND metadata.a LIKE 'x%'",
        expect![[r#"{"metadata":{"a":{"in":[1,"x",true,null],"like":"x%"}}}"#]],
    );
    check(
        "metadata.a != 1 AND metadata.a != 2",
        expect![[r#"{"and":[{"metadata":{"a":{"ne":2}}}],"metadata":{"a":{"ne":1}}}"#]],
    );
    check(
        "metadata.labels CONTAINS ALL ('a', 'b')",
        expect![[
            r#"{"and":[{"metadata":{"labels":{"eq":"b"}}}],"metadata":{"labels":{"eq":"a"}}}"#
        ]],
    );
    check("METADATA.Case = ''", expect![[r#"{"metadata":{"Case":{"eq":""}}}"#]]);
}

#[test]
fn conditions_are_joined_without_needless_nesting() {
    check(
        "person = 'Ada' AND (tag = 'a' AND (place = 'p' AND kind = fact))",
        expect![[r#"{"kinds":["fact"],"people":["Ada"],"place":"p","tags":["a"]}"#]],
    );
    check(
        "person = 'Ada' AND person = 'Bob'",
        expect![[r#"{"and":[{"people":["Bob"]}],"people":["Ada"]}"#]],
    );
    check("place = 'p' AND place = 'p'", expect![[r#"{"place":"p"}"#]]);
    check(
        "tag = 'a' OR place = 'p' AND person = 'Ada' OR tag = 'b'",
        expect![[r#"{"or":[{"tags_any":["a","b"]},{"people":["Ada"],"place":"p"}]}"#]],
    );
    check(
        "(tag = 'a' OR place = 'p') AND (tag = 'b' OR place = 'q')",
        expect![[
            r#"{"and":[{"or":[{"tags":["b"]},{"place":"q"}]}],"or":[{"tags":["a"]},{"place":"p"}]}"#
        ]],
    );
    check(
        "(tag = 'a' OR (place = 'p' OR occurred_at IN ('2026-01-05', '2026-01-07')))",
        expect![[
            r#"{"or":[{"tags":["a"]},{"place":"p"},{"occurred_after":"2026-01-05T00:00:00Z","occurred_before":"2026-01-06T00:00:00Z"},{"occurred_after":"2026-01-07T00:00:00Z","occurred_before":"2026-01-08T00:00:00Z"}]}"#
        ]],
    );
    check(
        "NOT (tag = 'a' OR place = 'p')",
        expect![[r#"{"not":{"or":[{"tags":["a"]},{"place":"p"}]}}"#]],
    );
    check("NOT NOT tag = 'a'", expect![[r#"{"tags":["a"]}"#]]);
    check(
        "NOT place = 'p' AND NOT subject != 'x' AND NOT subject IS NULL",
        expect![[r#"{"fields":{"place":{"ne":"p"},"subject":{"eq":"x","exists":true}}}"#]],
    );
    check("NOT (NOT (tag = 'a' AND place = 'p'))", expect![[r#"{"place":"p","tags":["a"]}"#]]);
    check(
        "tag != 'a' AND kind != fact",
        expect![[r#"{"and":[{"not":{"kinds":["fact"]}}],"not":{"tags":["a"]}}"#]],
    );
    check("NOT id NOT IN ('a', 'b')", expect![[r#"{"ids":["a","b"]}"#]]);
}
