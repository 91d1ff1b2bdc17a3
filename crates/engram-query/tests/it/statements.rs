//! Statements to plans.

use engram_query::{Parameters, compile};
use expect_test::{Expect, expect};
use serde_json::json;

use crate::check::{NOW_NS, plan};

fn check(statement: &str, expected: Expect) {
    let plan = plan(statement);
    let mut out = format!("{} {:#}", plan.operation, plan.request);
    for by in &plan.order {
        let direction = if by.descending { "desc" } else { "asc" };
        let nulls = if by.nulls_first { "first" } else { "last" };
        out += &format!("\norder by {} {direction}, nulls {nulls}", by.field);
    }
    if let Some(keep) = plan.keep {
        out += &format!("\nof all pages, keep {keep}");
    }
    if plan.is_shown_only() {
        out += "\nshown only";
    }
    expected.assert_eq(&out);
}

#[test]
fn recall_by_a_cue() {
    check(
        "recall 'it''s' limit 3;",
        expect![[r#"
        recall {
          "limit": 3,
          "text": "it's"
        }"#]],
    );
    check(
        "RECALL 'train' VECTOR [0.5, -1e-3] LIKE MEMORY 'a', 'b' NOT LIKE 'bus' NOT LIKE MEMORY 'c' \
         MODE Hybrid LIMIT 7 CURSOR 'abc'",
        expect![[r#"
            recall {
              "cursor": "abc",
              "like": [
                "a",
                "b"
              ],
              "limit": 7,
              "mode": "hybrid",
              "negative": {
                "like": [
                  "c"
                ],
                "text": "bus"
              },
              "text": "train",
              "vector": [
                0.5,
                -0.001
              ]
            }"#]],
    );
    check(
        "RECALL 'x' WITH (around = {people: 'Ada', time: {after: now() - 1 day, before: now()}}, around.place = 'Zurich', \
         prime.session = 's', exclude = ['a'], min_trust = 0.5, min_relevance = 0.25, diversity = 1, neighbours = 2, \
         weights = {text: 0.5}, weights.recency = 0.2, observe = TRUE, include_vectors = false, context_tokens = 500, \
         around.session = NULL)",
        expect![[r#"
            recall {
              "around": {
                "people": [
                  "Ada"
                ],
                "place": "Zurich",
                "time": {
                  "after": "2026-01-31T00:00:00Z",
                  "before": "2026-02-01T00:00:00Z"
                }
              },
              "context_tokens": 500,
              "diversity": 1,
              "exclude": [
                "a"
              ],
              "include_vectors": false,
              "min_relevance": 0.25,
              "min_trust": 0.5,
              "neighbours": 2,
              "observe": true,
              "prime": {
                "session": "s"
              },
              "text": "x",
              "weights": {
                "recency": 0.2,
                "text": 0.5
              }
            }"#]],
    );
    check(
        "EXPLAIN RECALL 'x' AS OF LSN 12",
        expect![[r#"
        recall {
          "as_of": 12,
          "explain": true,
          "text": "x"
        }"#]],
    );
    check(
        "RECALL 'x' AS OF TIMESTAMP '2026-01-05T12:00:00+01:00' + 1 hour",
        expect![[r#"
        recall {
          "as_of": "2026-01-05T12:00:00Z",
          "text": "x"
        }"#]],
    );
    check(
        "RECALL 'x' ORDER BY relevance DESC, metadata.\"odd key\".x NULLS FIRST, occurred_at",
        expect![[r#"
            recall {
              "text": "x"
            }
            order by relevance desc, nulls last
            order by metadata.odd key.x asc, nulls first
            order by occurred_at asc, nulls last"#]],
    );
}

#[test]
fn recall_without_a_cue_lists() {
    check(
        "RECALL WHERE kind = fact LIMIT 5 AS OF LSN 3 CURSOR NULL",
        expect![[r#"
        list {
          "as_of": 3,
          "filter": {
            "kinds": [
              "fact"
            ]
          },
          "limit": 5
        }"#]],
    );
    check(
        "RECALL LIMIT 5",
        expect![[r#"
        list {
          "limit": 5
        }"#]],
    );
    check(
        "RECALL WITH (state = 'all', include_vectors = true)",
        expect![[r#"
        list {
          "include_vectors": true,
          "state": "all"
        }"#]],
    );
    check(
        "RECALL WHERE session = 's' ORDER BY occurred_at DESC LIMIT 20",
        expect![[r#"
        list {
          "filter": {
            "session": "s"
          },
          "limit": 1000
        }
        order by occurred_at desc, nulls last
        of all pages, keep 20"#]],
    );
    check(
        "EXPLAIN RECALL ORDER BY strength",
        expect![[r#"
        list {
          "limit": 1000
        }
        order by strength asc, nulls last
        of all pages, keep 100
        shown only"#]],
    );
}

#[test]
fn parameters_have_the_types_of_json() {
    let compiled = |text: &str, parameters: &Parameters| {
        let plan = compile(text, parameters, NOW_NS).unwrap();
        plan.request.to_string()
    };
    let named = Parameters::none()
        .with("q", "Where?")
        .with("ids", json!(["a", "b"]))
        .with("n", 5)
        .with("since", "2026-01-01T00:00:00Z")
        .with("window", "2 days")
        .with("kinds", json!(["fact"]));
    expect![[r#"{"filter":{"committed_before":"2026-01-30T00:00:00Z","ids":["a","b"],"kinds":["fact"],"occurred_after":"2026-01-01T00:00:00.000000001Z"},"like":["a","b"],"limit":5,"text":"Where?"}"#]].assert_eq(&compiled(
        "RECALL $q LIKE MEMORY $ids LIMIT $n WHERE occurred_at > $since AND id IN $ids AND kind IN $kinds \
         AND committed_at < now() - $window",
        &named,
    ));
    let positional = Parameters::positional([json!([0.5, 0.25]), json!("similarity")]);
    expect![[r#"{"mode":"similarity","vector":[0.5,0.25]}"#]]
        .assert_eq(&compiled("RECALL $1 MODE $2", &positional));
    let text = Parameters::none().with("t", "' OR 1 = 1 -- \"");
    expect![[r#"{"filter":{"place":"' OR 1 = 1 -- \""},"text":"' OR 1 = 1 -- \""}"#]]
        .assert_eq(&compiled("RECALL $t WHERE place = $t", &text));
}

#[test]
fn memories_are_stored() {
    check(
        "REMEMBER 'Ada moved.'",
        expect![[r#"
        remember {
          "text": "Ada moved."
        }"#]],
    );
    check(
        "REMEMBER 'Ada moved.' WITH (wait = links, idempotency_key = 'k', tags = 'travel', place = NULL)",
        expect![[r#"
            remember {
              "idempotency_key": "k",
              "tags": [
                "travel"
              ],
              "text": "Ada moved.",
              "wait": "links"
            }"#]],
    );
    check(
        "REMEMBER (id = 'a', text = 't', vector = [1, 0], people = ['Ada'], metadata = {a: {b: [1, NULL, 'x']}, \"c d\": TRUE}, \
         metadata.a.c = 2, source = {kind: 'chat', \"ref\": 'r'}, source.trust = 0.5, decay.pinned = true, \
         occurred_at = '2026-01-05T11:00:00Z', expires_at = now() + INTERVAL '1 month')",
        expect![[r#"
            remember {
              "decay": {
                "pinned": true
              },
              "expires_at": "2026-03-01T00:00:00Z",
              "id": "a",
              "metadata": {
                "a": {
                  "b": [
                    1,
                    null,
                    "x"
                  ],
                  "c": 2
                },
                "c d": true
              },
              "occurred_at": "2026-01-05T11:00:00Z",
              "people": [
                "Ada"
              ],
              "source": {
                "kind": "chat",
                "ref": "r",
                "trust": 0.5
              },
              "text": "t",
              "vector": [
                1,
                0
              ]
            }"#]],
    );
    check(
        "REMEMBER 'a', (text = 'b', kind = procedure) WITH (partial = true, wait = links)",
        expect![[r#"
            remember_many {
              "memories": [
                {
                  "text": "a"
                },
                {
                  "kind": "procedure",
                  "text": "b"
                }
              ],
              "partial": true,
              "wait": "links"
            }"#]],
    );
    check(
        "UPDATE 'a' SET text = 'b', place = NULL, metadata = {x: NULL} IF VERSION 3 BECAUSE 'why' \
         AFTER RECALL '2026-01-06T08:59:00Z' WITH (idempotency_key = 'k')",
        expect![[r#"
            update {
              "after_recall": {
                "recalled_at": "2026-01-06T08:59:00Z"
              },
              "id": "a",
              "idempotency_key": "k",
              "if_version": 3,
              "reason": "why",
              "set": {
                "metadata": {
                  "x": null
                },
                "place": null,
                "text": "b"
              }
            }"#]],
    );
}

#[test]
fn memories_are_forgotten_and_brought_back() {
    check(
        "FORGET 'a', 'b'",
        expect![[r#"
        forget {
          "ids": [
            "a",
            "b"
          ]
        }"#]],
    );
    check(
        "FORGET WHERE tag = 'draft' MODE delete DRY RUN",
        expect![[r#"
        forget {
          "dry_run": true,
          "filter": {
            "tags": [
              "draft"
            ]
          },
          "mode": "delete"
        }"#]],
    );
    check(
        "FORGET 'a' WITH (purge = true) MODE delete",
        expect![[r#"
        forget {
          "ids": [
            "a"
          ],
          "mode": "delete",
          "purge": true
        }"#]],
    );
    check(
        "RECEIPT OF LSN 17",
        expect![[r#"
        forget_receipt {
          "lsn": 17
        }"#]],
    );
    check(
        "RESTORE ['a', 'b']",
        expect![[r#"
        restore {
          "ids": [
            "a",
            "b"
          ]
        }"#]],
    );
    check(
        "RESTORE WHERE place = 'Zurich'",
        expect![[r#"
        restore {
          "filter": {
            "place": "Zurich"
          }
        }"#]],
    );
    check(
        "RESTORE ALL",
        expect![[r#"
        restore {
          "filter": {}
        }"#]],
    );
}

#[test]
fn associations_are_made_and_walked() {
    check(
        "ASSOCIATE 'a' WITH 'b' AS 'caused' WEIGHT 0.75 BECAUSE 'why'",
        expect![[r#"
        associate {
          "from": "a",
          "reason": "why",
          "relation": "caused",
          "to": "b",
          "weight": 0.75
        }"#]],
    );
    check(
        "DISSOCIATE 'a' FROM 'b' KINDS explicit, next",
        expect![[r#"
        dissociate {
          "from": "a",
          "kinds": [
            "explicit",
            "next"
          ],
          "to": "b"
        }"#]],
    );
    check(
        "ASSOCIATIONS OF 'a' DIRECTION in KINDS near LIMIT 10 CURSOR 'c'",
        expect![[r#"
        associations {
          "cursor": "c",
          "direction": "in",
          "id": "a",
          "kinds": [
            "near"
          ],
          "limit": 10
        }"#]],
    );
    check(
        "SPREAD FROM 'a' ACTIVATION 0.5, 'b' HOPS 3 KINDS supersedes WHERE person = 'Ada' LIMIT 4 WITH (edges_max = 100)",
        expect![[r#"
            spread {
              "edges_max": 100,
              "filter": {
                "people": [
                  "Ada"
                ]
              },
              "hops": 3,
              "kinds": [
                "supersedes"
              ],
              "limit": 4,
              "seeds": [
                {
                  "activation": 0.5,
                  "id": "a"
                },
                {
                  "id": "b"
                }
              ]
            }"#]],
    );
    check("MARKS", expect!["marks {}"]);
    check(
        "MARKS OF 'a' STATE contradicts KIND possible_update LIMIT 5",
        expect![[r#"
        marks {
          "id": "a",
          "kind": "possible_update",
          "limit": 5,
          "state": "contradicts"
        }"#]],
    );
}

#[test]
fn partial_memories_are_completed() {
    check(
        "COMPLETE (place = 'Zurich', people = 'Ada', metadata.a.b = 2) FIELDS title, metadata.a.c WHERE kind = episode \
         WITH (min_probability = 0.5, evidence_max = 10)",
        expect![[r#"
            complete {
              "evidence_max": 10,
              "fields": [
                "title",
                "metadata.a.c"
              ],
              "filter": {
                "kinds": [
                  "episode"
                ]
              },
              "min_probability": 0.5,
              "partial": {
                "metadata": {
                  "a": {
                    "b": 2
                  }
                },
                "people": [
                  "Ada"
                ],
                "place": "Zurich"
              }
            }"#]],
    );
    check(
        "PREDICT AFTER 'a', 'b' FROM (text = 't') STEPS 2 LIMIT 3",
        expect![[r#"
        predict {
          "like": [
            "a",
            "b"
          ],
          "limit": 3,
          "partial": {
            "text": "t"
          },
          "steps_max": 2
        }"#]],
    );
    check(
        "PREDICT FROM (text = 't') AFTER 'a' WITH (antecedents_max = 5)",
        expect![[r#"
        predict {
          "antecedents_max": 5,
          "like": [
            "a"
          ],
          "partial": {
            "text": "t"
          }
        }"#]],
    );
    check(
        "IMAGINE (place = 'Zurich') FIELDS people",
        expect![[r#"
        imagine {
          "fields": [
            "people"
          ],
          "partial": {
            "place": "Zurich"
          }
        }"#]],
    );
}

#[test]
fn the_rest() {
    check(
        "GET 'a' AS OF LSN 4 WITH (include_vectors = true)",
        expect![[r#"
        get {
          "as_of": 4,
          "id": "a",
          "include_vectors": true
        }"#]],
    );
    check(
        "HISTORY OF 'a' LIMIT 2",
        expect![[r#"
        history {
          "id": "a",
          "limit": 2
        }"#]],
    );
    check(
        "RECOGNIZE 'seen?' VECTOR [1, 0] LIMIT 3",
        expect![[r#"
        recognize {
          "limit": 3,
          "text": "seen?",
          "vector": [
            1,
            0
          ]
        }"#]],
    );
    check(
        "RECOGNIZE VECTOR [1, 0]",
        expect![[r#"
        recognize {
          "vector": [
            1,
            0
          ]
        }"#]],
    );
    check(
        "FEEDBACK ON 'a' not_useful WITH (recalled.relevance = 0.5, recalled.mode = keyword)",
        expect![[r#"
            feedback {
              "id": "a",
              "recalled": {
                "mode": "keyword",
                "relevance": 0.5
              },
              "verdict": "not_useful"
            }"#]],
    );
    check(
        "FEEDBACK ON 'a' Contradicts 'b' BECAUSE 'why'",
        expect![[r#"
        feedback {
          "decision": "contradicts",
          "id": "a",
          "other": "b",
          "reason": "why"
        }"#]],
    );
    check(
        "RETENTION OF 'a' WITHIN INTERVAL '36 hours'",
        expect![[r#"
        retention {
          "horizon_days": 1.5,
          "id": "a"
        }"#]],
    );
    check(
        "FADING BELOW 0.25 WITHIN 2 weeks WHERE tag = 'x' LIMIT 3",
        expect![[r#"
        fading {
          "below": 0.25,
          "filter": {
            "tags": [
              "x"
            ]
          },
          "limit": 3,
          "within_days": 14.0
        }"#]],
    );
    check(
        "EXPLAIN CONSOLIDATE BUDGET 100",
        expect![[r#"
        consolidate {
          "budget_memories": 100
        }
        shown only"#]],
    );
    check("CONSOLIDATE", expect!["consolidate {}"]);
    check(
        "UNDO CONSOLIDATION OF 'a', 'b'",
        expect![[r#"
        undo_consolidation {
          "ids": [
            "a",
            "b"
          ]
        }"#]],
    );
    check(
        "UNDO CONSOLIDATION SINCE LSN 3",
        expect![[r#"
        undo_consolidation {
          "since_lsn": 3
        }"#]],
    );
    check(
        "BELIEFS OF 'a'",
        expect![[r#"
        beliefs {
          "id": "a"
        }"#]],
    );
    check(
        "BELIEFS LIMIT 3 CURSOR 'c'",
        expect![[r#"
        beliefs {
          "cursor": "c",
          "limit": 3
        }"#]],
    );
}

#[test]
fn comments_case_and_blanks_do_not_count() {
    let plain = plan("RECALL 'x' WHERE person = 'Ada' LIMIT 3");
    let other = "/* a /* b */ */ rEcAlL\n\t'x' -- cue\nwhere PERSON='Ada'limit 3 ; -- end";
    assert_eq!(plan(other), plain);
}
