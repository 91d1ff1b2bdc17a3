//! Errors as they are shown.

use engram_query::{
    CONDITIONS_MAX, NESTING_MAX, Parameters, QueryErrorKind, STATEMENT_BYTES_MAX, render,
};
use expect_test::{Expect, expect};

use crate::check::run;

fn check(statement: &str, expected: Expect) {
    let error = run(statement).unwrap_err();
    expected.assert_eq(&format!("{}\n{}", error.kind.as_str(), render(&error, statement)));
}

#[test]
fn words_that_do_not_belong() {
    check(
        "RECAL 'x'",
        expect![[r#"
        unknown_keyword
        error: unexpected `RECAL`
         --> line 1, column 1
          |
        1 | RECAL 'x'
          | ^^^^^
          = did you mean `RECALL`?
          = expected EXPLAIN, RECALL, RECOGNIZE, SPREAD, COMPLETE, PREDICT, IMAGINE, REMEMBER, UPDATE, FORGET, RECEIPT, RESTORE, or 12 others
          = example: RECALL 'Where does Ada live?' WHERE person = 'Ada' AND occurred_at >= now() - 30 days LIMIT 5
    "#]],
    );
    check(
        "",
        expect![[r#"
        syntax
        error: the statement ends too early
         --> line 1, column 1
          |
        1 | 
          | ^
          = expected EXPLAIN, RECALL, RECOGNIZE, SPREAD, COMPLETE, PREDICT, IMAGINE, REMEMBER, UPDATE, FORGET, RECEIPT, RESTORE, or 12 others
          = example: RECALL 'Where does Ada live?' WHERE person = 'Ada' AND occurred_at >= now() - 30 days LIMIT 5
    "#]],
    );
    check(
        "RECALL 'x' WHER place = 'p'",
        expect![[r#"
        unknown_keyword
        error: unexpected `WHER`
         --> line 1, column 12
          |
        1 | RECALL 'x' WHER place = 'p'
          |            ^^^^
          = did you mean `WHERE`?
          = expected VECTOR, LIKE MEMORY, NOT LIKE, MODE, WHERE, AS OF, ORDER BY, LIMIT, CURSOR, WITH, ;, the end
          = example: RECALL 'Where does Ada live?' WHERE person = 'Ada' AND occurred_at >= now() - 30 days LIMIT 5
    "#]],
    );
    check(
        "RECALL 'x' HOPS 2",
        expect![[r#"
        syntax
        error: unexpected `HOPS`
         --> line 1, column 12
          |
        1 | RECALL 'x' HOPS 2
          |            ^^^^
          = expected VECTOR, LIKE MEMORY, NOT LIKE, MODE, WHERE, AS OF, ORDER BY, LIMIT, CURSOR, WITH, ;, the end
          = example: RECALL 'Where does Ada live?' WHERE person = 'Ada' AND occurred_at >= now() - 30 days LIMIT 5
    "#]],
    );
    check(
        "RECALL 'x' NOT 'y'",
        expect![[r#"
        syntax
        error: unexpected the text 'y'
         --> line 1, column 16
          |
        1 | RECALL 'x' NOT 'y'
          |                ^^^
          = expected LIKE
          = example: RECALL 'Where does Ada live?' WHERE person = 'Ada' AND occurred_at >= now() - 30 days LIMIT 5
    "#]],
    );
    check(
        "RECALL NOT LIKE 'y'",
        expect![[r#"
            syntax
            error: NOT LIKE says what to stay away from; say what to look for
             --> line 1, column 20
              |
            1 | RECALL NOT LIKE 'y'
              |                    ^
              = expected VECTOR, LIKE MEMORY, NOT LIKE
              = example: RECALL 'Where does Ada live?' WHERE person = 'Ada' AND occurred_at >= now() - 30 days LIMIT 5
        "#]],
    );
    check(
        "UPDATE 'a'",
        expect![[r#"
            syntax
            error: the statement ends too early
             --> line 1, column 11
              |
            1 | UPDATE 'a'
              |           ^
              = expected SET
              = example: UPDATE 'chat-17' SET text = 'Ada: I moved to Basel last week.', place = NULL, tags = ['travel', 'corrected'] IF VERSION 1 BECAUSE 'She corrected herself.'
        "#]],
    );
    check(
        "RECALL 'x'; RECALL 'y'",
        expect![[r#"
        syntax
        error: only one statement can be given at a time
         --> line 1, column 13
          |
        1 | RECALL 'x'; RECALL 'y'
          |             ^^^^^^
          = example: RECALL 'Where does Ada live?' WHERE person = 'Ada' AND occurred_at >= now() - 30 days LIMIT 5
    "#]],
    );
    check(
        "RECALL 'x' LIMIT 5 WHERE tag = 'a' LIMIT 6",
        expect![[r#"
        duplicate
        error: LIMIT stands here a second time
         --> line 1, column 36
          |
        1 | RECALL 'x' LIMIT 5 WHERE tag = 'a' LIMIT 6
          |                                    ^^^^^
          = example: RECALL 'Where does Ada live?' WHERE person = 'Ada' AND occurred_at >= now() - 30 days LIMIT 5
    "#]],
    );
    check(
        "PREDICT AFTER 'a' AFTER 'b'",
        expect![[r#"
        duplicate
        error: AFTER stands here a second time
         --> line 1, column 19
          |
        1 | PREDICT AFTER 'a' AFTER 'b'
          |                   ^^^^^
          = example: PREDICT AFTER 'chat-17' STEPS 2 WHERE person = 'Ada' LIMIT 5 WITH (min_probability = 0.25)
    "#]],
    );
    check(
        "DRY RUN",
        expect![[r#"
        syntax
        error: unexpected `DRY`
         --> line 1, column 1
          |
        1 | DRY RUN
          | ^^^
          = expected EXPLAIN, RECALL, RECOGNIZE, SPREAD, COMPLETE, PREDICT, IMAGINE, REMEMBER, UPDATE, FORGET, RECEIPT, RESTORE, or 12 others
          = example: RECALL 'Where does Ada live?' WHERE person = 'Ada' AND occurred_at >= now() - 30 days LIMIT 5
    "#]],
    );
}

#[test]
fn fields_that_do_not_exist_or_cannot_be_asked() {
    check(
        "RECALL 'x' WHERE ocurred_at > now()",
        expect![[r#"
        unknown_field
        error: no field is called `ocurred_at`; a key of the metadata is metadata.ocurred_at
         --> line 1, column 18
          |
        1 | RECALL 'x' WHERE ocurred_at > now()
          |                  ^^^^^^^^^^
          = did you mean `occurred_at`?
          = expected id, kind, title, text, session, place, person, people, tag, tags, subject, attribute, or 14 others
          = example: RECALL 'Where does Ada live?' WHERE person = 'Ada' AND occurred_at >= now() - 30 days LIMIT 5
    "#]],
    );
    check(
        "RECALL 'x' WHERE ticket.priority = 2",
        expect![[r#"
        unknown_field
        error: no field is called `ticket.priority`; a key of the metadata is metadata.ticket.priority
         --> line 1, column 18
          |
        1 | RECALL 'x' WHERE ticket.priority = 2
          |                  ^^^^^^^^^^^^^^^
          = expected id, kind, title, text, session, place, person, people, tag, tags, subject, attribute, or 14 others
          = example: RECALL 'Where does Ada live?' WHERE person = 'Ada' AND occurred_at >= now() - 30 days LIMIT 5
    "#]],
    );
    check(
        "RECALL 'x' WHERE strength > 0.5",
        expect![[r#"
        not_possible
        error: strength changes with time and use, so no filter can ask for it; ORDER BY strength sorts by it, FADING finds what falls below it
         --> line 1, column 18
          |
        1 | RECALL 'x' WHERE strength > 0.5
          |                  ^^^^^^^^
          = example: RECALL 'Where does Ada live?' WHERE person = 'Ada' AND occurred_at >= now() - 30 days LIMIT 5
    "#]],
    );
    check(
        "RECALL 'x' WHERE relevance > 0.5",
        expect![[r#"
        not_possible
        error: relevance belongs to a cue, not to a memory; write WITH (min_relevance = 0.5)
         --> line 1, column 18
          |
        1 | RECALL 'x' WHERE relevance > 0.5
          |                  ^^^^^^^^^
          = example: RECALL 'Where does Ada live?' WHERE person = 'Ada' AND occurred_at >= now() - 30 days LIMIT 5
    "#]],
    );
    check(
        "RECALL 'x' WHERE metadata = 2",
        expect![[r#"
            unknown_field
            error: metadata is asked by path: metadata.ticket.priority
             --> line 1, column 18
              |
            1 | RECALL 'x' WHERE metadata = 2
              |                  ^^^^^^^^
              = expected id, kind, title, text, session, place, person, people, tag, tags, subject, attribute, or 14 others
              = example: RECALL 'Where does Ada live?' WHERE person = 'Ada' AND occurred_at >= now() - 30 days LIMIT 5
        "#]],
    );
    check(
        "RECALL 'x' WHERE metadata.\"a.b\" = 2",
        expect![[r#"
            not_possible
            error: a path cannot lead to a key that is empty or has a dot in it
             --> line 1, column 27
              |
            1 | RECALL 'x' WHERE metadata."a.b" = 2
              |                           ^^^^^
              = example: RECALL 'Where does Ada live?' WHERE person = 'Ada' AND occurred_at >= now() - 30 days LIMIT 5
        "#]],
    );
    check(
        "RECALL 'x' WHERE kind LIKE 'f%'",
        expect![[r#"
        not_possible
        error: `kind` cannot be asked with LIKE
         --> line 1, column 23
          |
        1 | RECALL 'x' WHERE kind LIKE 'f%'
          |                       ^^^^^^^^^
          = expected =, !=, IN
          = example: RECALL 'Where does Ada live?' WHERE person = 'Ada' AND occurred_at >= now() - 30 days LIMIT 5
    "#]],
    );
    check(
        "RECALL 'x' WHERE id IS NOT NULL",
        expect![[r#"
        not_possible
        error: `id` cannot be asked with IS NULL
         --> line 1, column 21
          |
        1 | RECALL 'x' WHERE id IS NOT NULL
          |                     ^^^^^^^^^^^
          = expected =, !=, IN
          = example: RECALL 'Where does Ada live?' WHERE person = 'Ada' AND occurred_at >= now() - 30 days LIMIT 5
    "#]],
    );
    check(
        "RECALL 'x' WHERE place ILIKE 'z%'",
        expect![[r#"
        unknown_keyword
        error: unexpected `ILIKE`
         --> line 1, column 24
          |
        1 | RECALL 'x' WHERE place ILIKE 'z%'
          |                        ^^^^^
          = did you mean `LIKE`?
          = expected =, !=, LIKE, IN, <, <=, >, >=, BETWEEN, IS NULL, NOT
          = example: RECALL 'Where does Ada live?' WHERE person = 'Ada' AND occurred_at >= now() - 30 days LIMIT 5
    "#]],
    );
    check(
        "RECALL 'x' WITH (min_relevanc = 0.5)",
        expect![[r#"
        unknown_field
        error: no field or setting `min_relevanc` can be given here
         --> line 1, column 18
          |
        1 | RECALL 'x' WITH (min_relevanc = 0.5)
          |                  ^^^^^^^^^^^^
          = did you mean `min_relevance`?
          = expected around, context_tokens, diversity, exclude, include_vectors, min_relevance, min_trust, neighbours, observe, prime, weights
          = example: RECALL 'Where does Ada live?' WHERE person = 'Ada' AND occurred_at >= now() - 30 days LIMIT 5
    "#]],
    );
    check(
        "RECALL 'x' WITH (weights.recensy = 0.5)",
        expect![[r#"
        unknown_field
        error: no field or setting `recensy` can be given here
         --> line 1, column 26
          |
        1 | RECALL 'x' WITH (weights.recensy = 0.5)
          |                          ^^^^^^^
          = did you mean `recency`?
          = expected activation, context, importance, priming, recency, strength, text, vector
          = example: RECALL 'Where does Ada live?' WHERE person = 'Ada' AND occurred_at >= now() - 30 days LIMIT 5
    "#]],
    );
    check(
        "RECALL 'x' WITH (weights = {recensy: 0.5})",
        expect![[r#"
        unknown_field
        error: no field or setting `recensy` can be given here
         --> line 1, column 29
          |
        1 | RECALL 'x' WITH (weights = {recensy: 0.5})
          |                             ^^^^^^^
          = did you mean `recency`?
          = expected activation, context, importance, priming, recency, strength, text, vector
          = example: RECALL 'Where does Ada live?' WHERE person = 'Ada' AND occurred_at >= now() - 30 days LIMIT 5
    "#]],
    );
    check(
        "RECALL 'x' WITH (diversity.x = 0.5)",
        expect![[r#"
        unknown_field
        error: `diversity` has no parts: it takes a number from 0 to 1
         --> line 1, column 28
          |
        1 | RECALL 'x' WITH (diversity.x = 0.5)
          |                            ^
          = example: RECALL 'Where does Ada live?' WHERE person = 'Ada' AND occurred_at >= now() - 30 days LIMIT 5
    "#]],
    );
    check(
        "RECALL 'x' ORDER BY relevanc",
        expect![[r#"
        unknown_field
        error: ORDER BY knows no field `relevanc`
         --> line 1, column 21
          |
        1 | RECALL 'x' ORDER BY relevanc
          |                     ^^^^^^^^
          = did you mean `relevance`?
          = expected relevance, score, strength, confidence, importance, trust, occurred_at, committed_at, valid_from, valid_until, expires_at, lsn, or 10 others
          = example: RECALL 'Where does Ada live?' WHERE person = 'Ada' AND occurred_at >= now() - 30 days LIMIT 5
    "#]],
    );
    check(
        "RECALL WHERE tag = 'a' ORDER BY relevance",
        expect![[r#"
        not_possible
        error: only what a cue recalled has `relevance`
         --> line 1, column 33
          |
        1 | RECALL WHERE tag = 'a' ORDER BY relevance
          |                                 ^^^^^^^^^
          = example: RECALL WHERE kind IN (fact, belief) AND confidence >= 0.75 AND title LIKE 'Moving%'
    "#]],
    );
    check(
        "UPDATE 'a' SET metadata.x = 1",
        expect![[r#"
            not_possible
            error: an update takes `metadata` as a whole: metadata = {…}
             --> line 1, column 16
              |
            1 | UPDATE 'a' SET metadata.x = 1
              |                ^^^^^^^^^^
              = example: UPDATE 'chat-17' SET text = 'Ada: I moved to Basel last week.', place = NULL, tags = ['travel', 'corrected'] IF VERSION 1 BECAUSE 'She corrected herself.'
        "#]],
    );
    check(
        "COMPLETE (place = 'p') FIELDS text",
        expect![[r#"
            unknown_field
            error: no field or setting `text` can be given here
             --> line 1, column 31
              |
            1 | COMPLETE (place = 'p') FIELDS text
              |                               ^^^^
              = expected attribute, kind, metadata, people, place, session, subject, tags, title
              = example: COMPLETE (text = 'The deployment failed again.', tags = ['incident'], metadata.ticket.priority = 2) FIELDS place, people, metadata.ticket.team WHERE kind = episode WITH (min_probability = 0.5)
        "#]],
    );
    check(
        "COMPLETE (place = 'p') FIELDS metadata",
        expect![[r#"
            unknown_field
            error: `metadata` is filled by path: metadata.ticket.team
             --> line 1, column 31
              |
            1 | COMPLETE (place = 'p') FIELDS metadata
              |                               ^^^^^^^^
              = example: COMPLETE (text = 'The deployment failed again.', tags = ['incident'], metadata.ticket.priority = 2) FIELDS place, people, metadata.ticket.team WHERE kind = episode WITH (min_probability = 0.5)
        "#]],
    );
}

#[test]
fn values_of_the_wrong_type_or_size() {
    check(
        "RECALL 'x' LIMIT 'five'",
        expect![[r#"
        wrong_type
        error: `LIMIT` takes a whole number from 1 to 1000, not the text 'five'
         --> line 1, column 18
          |
        1 | RECALL 'x' LIMIT 'five'
          |                  ^^^^^^
          = expected a whole number from 1 to 1000
          = example: RECALL 'Where does Ada live?' WHERE person = 'Ada' AND occurred_at >= now() - 30 days LIMIT 5
    "#]],
    );
    check(
        "RECALL 'x' LIMIT 0",
        expect![[r#"
        out_of_range
        error: `LIMIT` takes a whole number from 1 to 1000, not the number 0
         --> line 1, column 18
          |
        1 | RECALL 'x' LIMIT 0
          |                  ^
          = expected a whole number from 1 to 1000
          = example: RECALL 'Where does Ada live?' WHERE person = 'Ada' AND occurred_at >= now() - 30 days LIMIT 5
    "#]],
    );
    check(
        "RECALL 'x' LIMIT 2.5",
        expect![[r#"
        wrong_type
        error: `LIMIT` takes a whole number from 1 to 1000, not the number 2.5
         --> line 1, column 18
          |
        1 | RECALL 'x' LIMIT 2.5
          |                  ^^^
          = expected a whole number from 1 to 1000
          = example: RECALL 'Where does Ada live?' WHERE person = 'Ada' AND occurred_at >= now() - 30 days LIMIT 5
    "#]],
    );
    check(
        "RECALL 'x' LIMIT -1",
        expect![[r#"
        out_of_range
        error: `LIMIT` takes a whole number from 1 to 1000, not the number -1
         --> line 1, column 18
          |
        1 | RECALL 'x' LIMIT -1
          |                  ^^
          = expected a whole number from 1 to 1000
          = example: RECALL 'Where does Ada live?' WHERE person = 'Ada' AND occurred_at >= now() - 30 days LIMIT 5
    "#]],
    );
    check(
        "RECALL 'x' MODE fuzzy",
        expect![[r#"
        unknown_value
        error: `MODE` takes one of keyword, similarity, hybrid, associative, not `fuzzy`
         --> line 1, column 17
          |
        1 | RECALL 'x' MODE fuzzy
          |                 ^^^^^
          = expected keyword, similarity, hybrid, associative
          = example: RECALL 'Where does Ada live?' WHERE person = 'Ada' AND occurred_at >= now() - 30 days LIMIT 5
    "#]],
    );
    check(
        "RECALL 'x' WHERE kind = facts",
        expect![[r#"
        unknown_value
        error: `kind` takes one of episode, fact, procedure, belief, not `facts`
         --> line 1, column 25
          |
        1 | RECALL 'x' WHERE kind = facts
          |                         ^^^^^
          = did you mean `fact`?
          = expected episode, fact, procedure, belief
          = example: RECALL 'Where does Ada live?' WHERE person = 'Ada' AND occurred_at >= now() - 30 days LIMIT 5
    "#]],
    );
    check(
        "RECALL 'x' WHERE place = Zurich",
        expect![[r#"
        wrong_type
        error: a text stands between single quotes: 'Zurich'
         --> line 1, column 26
          |
        1 | RECALL 'x' WHERE place = Zurich
          |                          ^^^^^^
          = expected 'Zurich'
          = example: RECALL 'Where does Ada live?' WHERE person = 'Ada' AND occurred_at >= now() - 30 days LIMIT 5
    "#]],
    );
    check(
        "RECALL 'x' WHERE place = \"Zurich\"",
        expect![[r#"
        wrong_type
        error: double quotes name a field; a text stands between single quotes
         --> line 1, column 26
          |
        1 | RECALL 'x' WHERE place = "Zurich"
          |                          ^^^^^^^^
          = expected 'Zurich'
          = example: RECALL 'Where does Ada live?' WHERE person = 'Ada' AND occurred_at >= now() - 30 days LIMIT 5
    "#]],
    );
    check(
        "RECALL 'x' WHERE place = 5",
        expect![[r#"
        wrong_type
        error: `place` takes a text, not the number 5
         --> line 1, column 26
          |
        1 | RECALL 'x' WHERE place = 5
          |                          ^
          = expected a text
          = example: RECALL 'Where does Ada live?' WHERE person = 'Ada' AND occurred_at >= now() - 30 days LIMIT 5
    "#]],
    );
    check(
        "RECALL 'x' WHERE place = NULL",
        expect![[r#"
        wrong_type
        error: `place` takes a text, not NULL; nothing equals NULL: write place IS NULL
         --> line 1, column 26
          |
        1 | RECALL 'x' WHERE place = NULL
          |                          ^^^^
          = expected a text
          = example: RECALL 'Where does Ada live?' WHERE person = 'Ada' AND occurred_at >= now() - 30 days LIMIT 5
    "#]],
    );
    check(
        "RECALL 'x' WHERE place = ''",
        expect![[r#"
        out_of_range
        error: no memory has an empty `place`; ask with IS NULL for none
         --> line 1, column 26
          |
        1 | RECALL 'x' WHERE place = ''
          |                          ^^
          = example: RECALL 'Where does Ada live?' WHERE person = 'Ada' AND occurred_at >= now() - 30 days LIMIT 5
    "#]],
    );
    check(
        "RECALL 'x' WHERE importance > 5",
        expect![[r#"
        out_of_range
        error: `importance` takes a number from 0 to 1, not the number 5
         --> line 1, column 31
          |
        1 | RECALL 'x' WHERE importance > 5
          |                               ^
          = expected a number from 0 to 1
          = example: RECALL 'Where does Ada live?' WHERE person = 'Ada' AND occurred_at >= now() - 30 days LIMIT 5
    "#]],
    );
    check(
        "RECALL 'x' WHERE occurred_at > 'yesterday'",
        expect![[r#"
        wrong_type
        error: `occurred_at`: bad time `yesterday`: it needs a date, a time with seconds, and Z or an offset; expected RFC 3339 such as 2026-01-05T11:00:00Z or 2026-01-05T12:00:00.123456789+01:00
         --> line 1, column 32
          |
        1 | RECALL 'x' WHERE occurred_at > 'yesterday'
          |                                ^^^^^^^^^^^
          = example: RECALL 'Where does Ada live?' WHERE person = 'Ada' AND occurred_at >= now() - 30 days LIMIT 5
    "#]],
    );
    check(
        "RECALL 'x' WHERE occurred_at > TIMESTAMP '2026-02-30T00:00:00Z'",
        expect![[r#"
        wrong_type
        error: bad time `2026-02-30T00:00:00Z`: no such date, hour or offset; expected RFC 3339 such as 2026-01-05T11:00:00Z or 2026-01-05T12:00:00.123456789+01:00
         --> line 1, column 42
          |
        1 | RECALL 'x' WHERE occurred_at > TIMESTAMP '2026-02-30T00:00:00Z'
          |                                          ^^^^^^^^^^^^^^^^^^^^^^
          = example: RECALL 'Where does Ada live?' WHERE person = 'Ada' AND occurred_at >= now() - 30 days LIMIT 5
    "#]],
    );
    check(
        "RECALL 'x' WHERE occurred_at = DATE '5.1.2026'",
        expect![[r#"
        wrong_type
        error: '5.1.2026' is no day; write it like DATE '2026-01-05'
         --> line 1, column 37
          |
        1 | RECALL 'x' WHERE occurred_at = DATE '5.1.2026'
          |                                     ^^^^^^^^^^
          = example: RECALL 'Where does Ada live?' WHERE person = 'Ada' AND occurred_at >= now() - 30 days LIMIT 5
    "#]],
    );
    check(
        "RECALL 'x' WHERE valid_at = DATE '2026-01-05'",
        expect![[r#"
        wrong_type
        error: `valid_at` takes a point in time, not a day; write TIMESTAMP '2026-01-05T00:00:00Z' for where a day begins
         --> line 1, column 29
          |
        1 | RECALL 'x' WHERE valid_at = DATE '2026-01-05'
          |                             ^^^^^^^^^^^^^^^^^
          = expected a point in time
          = example: RECALL 'Where does Ada live?' WHERE person = 'Ada' AND occurred_at >= now() - 30 days LIMIT 5
    "#]],
    );
    check(
        "RECALL 'x' WHERE occurred_at > now() - 7 dayz",
        expect![[r#"
        unknown_keyword
        error: unexpected `dayz`
         --> line 1, column 42
          |
        1 | RECALL 'x' WHERE occurred_at > now() - 7 dayz
          |                                          ^^^^
          = did you mean `days`?
          = expected nanoseconds, microseconds, milliseconds, seconds, minutes, hours, days, weeks, months, years
          = example: RECALL 'Where does Ada live?' WHERE person = 'Ada' AND occurred_at >= now() - 30 days LIMIT 5
    "#]],
    );
    check(
        "RECALL 'x' WHERE occurred_at > now() - INTERVAL 'a week'",
        expect![[r#"
        wrong_type
        error: an interval is made of whole numbers and units: INTERVAL '1 day 12 hours'
         --> line 1, column 40
          |
        1 | RECALL 'x' WHERE occurred_at > now() - INTERVAL 'a week'
          |                                        ^^^^^^^^^^^^^^^^^
          = expected nanoseconds, microseconds, milliseconds, seconds, minutes, hours, days, weeks, months, years
          = example: RECALL 'Where does Ada live?' WHERE person = 'Ada' AND occurred_at >= now() - 30 days LIMIT 5
    "#]],
    );
    check(
        "RECALL 'x' WHERE occurred_at > now() - 900 years",
        expect![[r#"
        out_of_range
        error: this time lies outside of the years 1678 to 2262
         --> line 1, column 32
          |
        1 | RECALL 'x' WHERE occurred_at > now() - 900 years
          |                                ^^^^^^^^^^^^^^^^^
          = example: RECALL 'Where does Ada live?' WHERE person = 'Ada' AND occurred_at >= now() - 30 days LIMIT 5
    "#]],
    );
    check(
        "RECALL 'x' WHERE occurred_at BETWEEN now() AND now() - 7 days",
        expect![[r#"
        out_of_range
        error: nothing lies from 2026-02-01T00:00:00Z to before 2026-01-25T00:00:00.000000001Z
         --> line 1, column 12
          |
        1 | RECALL 'x' WHERE occurred_at BETWEEN now() AND now() - 7 days
          |            ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
          = example: RECALL 'Where does Ada live?' WHERE person = 'Ada' AND occurred_at >= now() - 30 days LIMIT 5
    "#]],
    );
    check(
        "RECALL 'x' WHERE metadata.a > TRUE",
        expect![[r#"
        wrong_type
        error: `metadata.a` takes a number or a text, for others have no order, not true
         --> line 1, column 31
          |
        1 | RECALL 'x' WHERE metadata.a > TRUE
          |                               ^^^^
          = expected a number or a text, for others have no order
          = example: RECALL 'Where does Ada live?' WHERE person = 'Ada' AND occurred_at >= now() - 30 days LIMIT 5
    "#]],
    );
    check(
        "RECALL 'x' WHERE metadata.a = [1]",
        expect![[r#"
        wrong_type
        error: `metadata.a` takes a text, a number, true, false or null, not a list of 1
         --> line 1, column 31
          |
        1 | RECALL 'x' WHERE metadata.a = [1]
          |                               ^^^
          = expected a text, a number, true, false or null
          = example: RECALL 'Where does Ada live?' WHERE person = 'Ada' AND occurred_at >= now() - 30 days LIMIT 5
    "#]],
    );
    check(
        "RECALL 'x' WHERE title LIKE 'a\\'",
        expect![[r#"
        out_of_range
        error: a pattern cannot end with \, which takes the meaning from what follows
         --> line 1, column 29
          |
        1 | RECALL 'x' WHERE title LIKE 'a\'
          |                             ^^^^
          = example: RECALL 'Where does Ada live?' WHERE person = 'Ada' AND occurred_at >= now() - 30 days LIMIT 5
    "#]],
    );
    check(
        "RECALL 'x' WHERE lsn = 99999999999999999999",
        expect![[r#"
        out_of_range
        error: the number 99999999999999999999 is too large to be kept
         --> line 1, column 24
          |
        1 | RECALL 'x' WHERE lsn = 99999999999999999999
          |                        ^^^^^^^^^^^^^^^^^^^^
          = example: RECALL 'Where does Ada live?' WHERE person = 'Ada' AND occurred_at >= now() - 30 days LIMIT 5
    "#]],
    );
    check(
        "RECALL VECTOR [1, 'a']",
        expect![[r#"
            wrong_type
            error: `VECTOR` takes a number, not the text 'a'
             --> line 1, column 19
              |
            1 | RECALL VECTOR [1, 'a']
              |                   ^^^
              = expected a number
              = example: RECALL 'Where does Ada live?' WHERE person = 'Ada' AND occurred_at >= now() - 30 days LIMIT 5
        "#]],
    );
    check(
        "ASSOCIATE 'a' WITH 'b' WEIGHT 0",
        expect![[r#"
        out_of_range
        error: `WEIGHT` takes a number above 0 and up to 1, not the number 0
         --> line 1, column 31
          |
        1 | ASSOCIATE 'a' WITH 'b' WEIGHT 0
          |                               ^
          = expected a number above 0 and up to 1
          = example: ASSOCIATE 'chat-16' WITH 'chat-17' AS 'caused' WEIGHT 0.75 BECAUSE 'She said so on the phone.'
    "#]],
    );
    check(
        "FADING WITHIN 1 month",
        expect![[r#"
        wrong_type
        error: `WITHIN` takes days or shorter units, for months differ in length, not an interval
         --> line 1, column 15
          |
        1 | FADING WITHIN 1 month
          |               ^^^^^^^
          = expected days or shorter units, for months differ in length
          = example: FADING BELOW 0.5 WITHIN 30 days WHERE person = 'Ada' LIMIT 5
    "#]],
    );
    check(
        "FORGET 'a' WITH (purge = true)",
        expect![[r#"
        not_possible
        error: only what is deleted can be purged; write MODE delete
         --> line 1, column 1
          |
        1 | FORGET 'a' WITH (purge = true)
          | ^^^^^^
          = example: FORGET 'chat-17', 'chat-18' MODE delete WITH (purge = true)
    "#]],
    );
    check(
        "REMEMBER (text = 't', people = [1])",
        expect![[r#"
        wrong_type
        error: `people` takes a text, not the number 1
         --> line 1, column 33
          |
        1 | REMEMBER (text = 't', people = [1])
          |                                 ^
          = expected a text
          = example: REMEMBER 'Ada: I moved to Zurich last week.' WITH (people = ['Ada'], tags = ['travel'], wait = links)
    "#]],
    );
    check(
        "REMEMBER (text = 't', decay = {law: slow})",
        expect![[r#"
        unknown_value
        error: `decay.law` takes one of fsrs, power, exponential, act_r, ebbinghaus, not `slow`
         --> line 1, column 37
          |
        1 | REMEMBER (text = 't', decay = {law: slow})
          |                                     ^^^^
          = expected fsrs, power, exponential, act_r, ebbinghaus
          = example: REMEMBER 'Ada: I moved to Zurich last week.' WITH (people = ['Ada'], tags = ['travel'], wait = links)
    "#]],
    );
    check(
        "FEEDBACK ON 'a' usefull",
        expect![[r#"
            unknown_value
            error: no feedback is called `usefull`
             --> line 1, column 17
              |
            1 | FEEDBACK ON 'a' usefull
              |                 ^^^^^^^
              = did you mean `useful`?
              = expected useful, not_useful, wrong, supersedes, contradicts, unrelated
              = example: FEEDBACK ON 'chat-17' useful BECAUSE 'it answered the question' WITH (source = 'reviewer-1', recalled = {relevance: 0.75, mode: associative})
        "#]],
    );
    check(
        "RECALL WHERE tag = 'a' ORDER BY lsn CURSOR 'c'",
        expect![[r#"
        not_possible
        error: a list that is ordered is read as a whole: CURSOR has no place in it
         --> line 1, column 1
          |
        1 | RECALL WHERE tag = 'a' ORDER BY lsn CURSOR 'c'
          | ^^^^^^
          = example: RECALL WHERE kind IN (fact, belief) AND confidence >= 0.75 AND title LIKE 'Moving%'
    "#]],
    );
}

#[test]
fn the_same_twice() {
    check(
        "REMEMBER (text = 'a', text = 'b')",
        expect![[r#"
        duplicate
        error: `text` is given twice
         --> line 1, column 23
          |
        1 | REMEMBER (text = 'a', text = 'b')
          |                       ^^^^
          = example: REMEMBER 'Ada: I moved to Zurich last week.' WITH (people = ['Ada'], tags = ['travel'], wait = links)
    "#]],
    );
    check(
        "REMEMBER 'a' WITH (text = 'b')",
        expect![[r#"
        duplicate
        error: `text` is given twice
         --> line 1, column 20
          |
        1 | REMEMBER 'a' WITH (text = 'b')
          |                    ^^^^
          = example: REMEMBER 'Ada: I moved to Zurich last week.' WITH (people = ['Ada'], tags = ['travel'], wait = links)
    "#]],
    );
    check(
        "REMEMBER (metadata = {a: 1}, metadata.a = 2)",
        expect![[r#"
        duplicate
        error: `metadata.a` is given twice
         --> line 1, column 30
          |
        1 | REMEMBER (metadata = {a: 1}, metadata.a = 2)
          |                              ^^^^^^^^^^
          = example: REMEMBER 'Ada: I moved to Zurich last week.' WITH (people = ['Ada'], tags = ['travel'], wait = links)
    "#]],
    );
    check(
        "REMEMBER (metadata = {a: 1, a: 2})",
        expect![[r#"
        duplicate
        error: `a` is given twice
         --> line 1, column 29
          |
        1 | REMEMBER (metadata = {a: 1, a: 2})
          |                             ^
          = example: REMEMBER 'Ada: I moved to Zurich last week.' WITH (people = ['Ada'], tags = ['travel'], wait = links)
    "#]],
    );
    check(
        "RECALL 'x' NOT LIKE 'a' NOT LIKE 'b'",
        expect![[r#"
        duplicate
        error: `negative.text` is given twice
         --> line 1, column 25
          |
        1 | RECALL 'x' NOT LIKE 'a' NOT LIKE 'b'
          |                         ^^^^^^^^^^^^
          = example: RECALL 'Where does Ada live?' WHERE person = 'Ada' AND occurred_at >= now() - 30 days LIMIT 5
    "#]],
    );
}

#[test]
fn texts_that_do_not_end_and_odd_characters() {
    check(
        "RECALL 'x WHERE place = \n5",
        expect![[r#"
        unterminated
        error: this text does not end; close it with '
         --> line 1, column 8
          |
        1 | RECALL 'x WHERE place = 
          |        ^
          = example: RECALL 'Where does Ada live?' WHERE person = 'Ada' AND occurred_at >= now() - 30 days LIMIT 5
    "#]],
    );
    check(
        "RECALL 'x' /* no end",
        expect![[r#"
        unterminated
        error: this comment does not end; write */ behind it
         --> line 1, column 12
          |
        1 | RECALL 'x' /* no end
          |            ^^
          = example: RECALL 'Where does Ada live?' WHERE person = 'Ada' AND occurred_at >= now() - 30 days LIMIT 5
    "#]],
    );
    check(
        "RECALL ‘x’",
        expect![[r#"
        syntax
        error: ‘ is no quote here; a text stands between straight ones: 'text'
         --> line 1, column 8
          |
        1 | RECALL ‘x’
          |        ^
          = example: RECALL 'Where does Ada live?' WHERE person = 'Ada' AND occurred_at >= now() - 30 days LIMIT 5
    "#]],
    );
    check(
        "RECALL 'x' WHERE place = ?",
        expect![[r#"
        syntax
        error: a parameter is written $1 or $name
         --> line 1, column 26
          |
        1 | RECALL 'x' WHERE place = ?
          |                          ^
          = example: RECALL 'Where does Ada live?' WHERE person = 'Ada' AND occurred_at >= now() - 30 days LIMIT 5
    "#]],
    );
    check(
        "RECALL 'x' LIMIT 5minutes",
        expect![[r#"
        syntax
        error: a number cannot run into a word; put a blank between them
         --> line 1, column 18
          |
        1 | RECALL 'x' LIMIT 5minutes
          |                  ^^^^^^^^
          = example: RECALL 'Where does Ada live?' WHERE person = 'Ada' AND occurred_at >= now() - 30 days LIMIT 5
    "#]],
    );
    check(
        "RECALL 'x' WHERE metadata.a == 5",
        expect![[r#"
        syntax
        error: unexpected `=`
         --> line 1, column 30
          |
        1 | RECALL 'x' WHERE metadata.a == 5
          |                              ^
          = expected a value, a parameter
          = example: RECALL 'Where does Ada live?' WHERE person = 'Ada' AND occurred_at >= now() - 30 days LIMIT 5
    "#]],
    );
}

#[test]
fn parameters_that_are_missing_or_left_over() {
    check(
        "-- {\"question\": \"x\"}\nRECALL $qestion",
        expect![[r#"
        missing_parameter
        error: the parameter $qestion has no value
         --> line 2, column 8
          |
        2 | RECALL $qestion
          |        ^^^^^^^^
          = did you mean `$question`?
          = expected $question
          = example: RECALL 'Where does Ada live?' WHERE person = 'Ada' AND occurred_at >= now() - 30 days LIMIT 5
    "#]],
    );
    check(
        "RECALL $1",
        expect![[r#"
        missing_parameter
        error: the parameter $1 has no value
         --> line 1, column 8
          |
        1 | RECALL $1
          |        ^^
          = example: RECALL 'Where does Ada live?' WHERE person = 'Ada' AND occurred_at >= now() - 30 days LIMIT 5
    "#]],
    );
    check(
        "-- {\"a\": \"x\", \"b\": 1}\nRECALL $a",
        expect![[r#"
        unused_parameter
        error: the statement does not use the parameter $b
         --> line 2, column 1
          |
        2 | RECALL $a
          | ^^^^^^
          = example: RECALL 'Where does Ada live?' WHERE person = 'Ada' AND occurred_at >= now() - 30 days LIMIT 5
    "#]],
    );
    check(
        "-- {\"n\": \"ten\"}\nRECALL 'x' LIMIT $n",
        expect![[r#"
        wrong_type
        error: `LIMIT` takes a whole number from 1 to 1000, not $n, which is the text 'ten'
         --> line 2, column 18
          |
        2 | RECALL 'x' LIMIT $n
          |                  ^^
          = expected a whole number from 1 to 1000
          = example: RECALL 'Where does Ada live?' WHERE person = 'Ada' AND occurred_at >= now() - 30 days LIMIT 5
    "#]],
    );
    check(
        "-- {\"ids\": []}\nFORGET WHERE id IN $ids",
        expect![[r#"
        out_of_range
        error: the list that `id` is compared with is empty
         --> line 2, column 20
          |
        2 | FORGET WHERE id IN $ids
          |                    ^^^^
          = example: FORGET 'chat-17', 'chat-18' MODE delete WITH (purge = true)
    "#]],
    );
    check(
        "-- {\"ids\": []}\nFORGET $ids",
        expect![[r#"
        out_of_range
        error: FORGET names nothing: the list is empty
         --> line 2, column 8
          |
        2 | FORGET $ids
          |        ^^^^
          = example: FORGET 'chat-17', 'chat-18' MODE delete WITH (purge = true)
    "#]],
    );
    check(
        "-- {\"v\": null}\nUPDATE 'a' SET place = 'p' IF VERSION $v",
        expect![[r#"
            wrong_type
            error: `IF VERSION` takes a whole number from 0, not $v, which is NULL
             --> line 2, column 39
              |
            2 | UPDATE 'a' SET place = 'p' IF VERSION $v
              |                                       ^^
              = expected a whole number from 0
              = example: UPDATE 'chat-17' SET text = 'Ada: I moved to Basel last week.', place = NULL, tags = ['travel', 'corrected'] IF VERSION 1 BECAUSE 'She corrected herself.'
        "#]],
    );
}

#[test]
fn the_place_of_an_error_is_found_on_long_and_odd_lines() {
    let long =
        format!("RECALL '{}' WHERE plaze = 'x' AND text = '{}'", "a".repeat(200), "b".repeat(90));
    check(
        &long,
        expect![[r#"
        unknown_field
        error: no field is called `plaze`; a key of the metadata is metadata.plaze
         --> line 1, column 217
          |
        1 | …aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' WHERE plaze = 'x' AND text = 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb…
          |                                          ^^^^^
          = did you mean `place`?
          = expected id, kind, title, text, session, place, person, people, tag, tags, subject, attribute, or 14 others
          = example: RECALL 'Where does Ada live?' WHERE person = 'Ada' AND occurred_at >= now() - 30 days LIMIT 5
    "#]],
    );
    check(
        "RECALL 'Zürich 東京'\n\tWHERE\u{1b}[31m x = 1",
        expect![[r#"
        syntax
        error: the character '\u{1b}' has no meaning here
         --> line 2, column 7
          |
        2 |  WHERE·[31m x = 1
          |       ^
          = example: RECALL 'Where does Ada live?' WHERE person = 'Ada' AND occurred_at >= now() - 30 days LIMIT 5
    "#]],
    );
    check(
        "RECALL 'Zürich'\r\n\tAND",
        expect![[r#"
        syntax
        error: unexpected `AND`
         --> line 2, column 2
          |
        2 |  AND
          |  ^^^
          = expected VECTOR, LIKE MEMORY, NOT LIKE, MODE, WHERE, AS OF, ORDER BY, LIMIT, CURSOR, WITH, ;, the end
          = example: RECALL 'Where does Ada live?' WHERE person = 'Ada' AND occurred_at >= now() - 30 days LIMIT 5
    "#]],
    );
}

#[test]
fn limits_hold() {
    let kind =
        |statement: &str| run(statement).map_err(|error| error.kind).map(|plan| plan.operation);
    let long = format!("RECALL '{}'", "a".repeat(STATEMENT_BYTES_MAX));
    assert_eq!(kind(&long), Err(QueryErrorKind::TooLong));
    let nested =
        |count: usize| format!("RECALL WHERE {}tag = 'a'{}", "(".repeat(count), ")".repeat(count));
    assert_eq!(kind(&nested(NESTING_MAX)), Ok("list"));
    assert_eq!(kind(&nested(NESTING_MAX + 1)), Err(QueryErrorKind::TooDeep));
    let nots = |count: usize| format!("RECALL WHERE {} tag = 'a'", "NOT ".repeat(count));
    assert_eq!(kind(&nots(NESTING_MAX)), Ok("list"));
    assert_eq!(kind(&nots(NESTING_MAX + 1)), Err(QueryErrorKind::TooDeep));
    let listed = |count: usize| {
        format!("REMEMBER (metadata.a = {}{})", "[".repeat(count), "]".repeat(count))
    };
    assert_eq!(kind(&listed(NESTING_MAX)), Ok("remember"));
    assert_eq!(kind(&listed(NESTING_MAX + 1)), Err(QueryErrorKind::TooDeep));
    // Each pair of brackets alternates OR and AND, so that nothing can be flattened.
    let levels = |count: usize| {
        let open = "place = 'p' OR subject = 's' AND (".repeat(count);
        format!("RECALL WHERE {open}tag = 'a' OR place = 'q'{}", ")".repeat(count))
    };
    assert_eq!(kind(&levels(14)), Ok("list"));
    assert_eq!(kind(&levels(15)), Err(QueryErrorKind::TooDeep));
    let values = |count: usize| {
        let ids: Vec<String> = (0..count).map(|n| format!("'{n}'")).collect();
        format!("RECALL WHERE id IN ({})", ids.join(", "))
    };
    assert_eq!(kind(&values(CONDITIONS_MAX)), Ok("list"));
    assert_eq!(kind(&values(CONDITIONS_MAX + 1)), Err(QueryErrorKind::TooMany));
    let terms = |count: usize| format!("RECALL ORDER BY {}", vec!["lsn"; count].join(", "));
    assert_eq!(kind(&terms(8)), Ok("list"));
    assert_eq!(kind(&terms(9)), Err(QueryErrorKind::TooMany));
    let mut deep = serde_json::Value::Null;
    for _ in 0..NESTING_MAX + 2 {
        deep = serde_json::json!([deep]);
    }
    let parameters = Parameters::none().with("p", deep);
    let error = engram_query::compile("REMEMBER (metadata.a = $p)", &parameters, 0).unwrap_err();
    assert_eq!(error.kind, QueryErrorKind::TooDeep);
}
