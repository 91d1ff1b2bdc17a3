//! The statements: one table row for each, and what is read of one.
//!
//! A row names the operation, what its head is and which clauses may follow. Every field of the request that neither takes can
//! be set by WITH.

use engram_api::Operation;

use crate::clause::{
    self, AFTER_RECALL, AS, AS_OF, BECAUSE, BELOW, BUDGET, CURSOR, Clause, DIRECTION, DRY_RUN,
    HOPS, IF_VERSION, KIND, KINDS, LIMIT, MODE, ORDER_BY, STATE, STEPS, WEIGHT, WHERE, WITH,
    WITHIN_DAYS, WITHIN_HORIZON,
};
use crate::condition::Condition;
use crate::literal::{Literal, Name};
use crate::shape::{ANY, Shape, Slot, slots};
use crate::span::Span;

/// A statement of the language.
#[derive(Debug)]
pub struct StatementEntry {
    /// The words that it starts with.
    pub keyword: &'static str,
    /// The operation that it runs.
    pub operation: &'static str,
    /// Its rule of the grammar, in the notation of the reference page.
    pub grammar: &'static str,
    /// Statements that are right. One with parameters states them in a comment: `-- {"name": value}`.
    pub examples: &'static [&'static str],
    pub(crate) head: Head,
    /// Fields of the request that the head fills.
    pub(crate) own: &'static [&'static str],
    pub(crate) clauses: &'static [&'static Clause],
}

/// What stands between the keyword and the clauses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Head {
    /// A cue; without one the statement is the next row.
    Cue,
    /// A RECALL without a cue.
    Listing,
    Nothing,
    Seeds,
    /// The known fields of a memory.
    Partial,
    /// Memories, or the known fields of one, that stand for the present.
    Present,
    /// One memory to store; with more of them the statement is the next row.
    Memory,
    /// Memories to store.
    Memories,
    /// An id and the fields that change.
    Patch,
    /// Ids, or a condition.
    Chosen,
    /// The same, or all.
    ChosenOrAll,
    /// Two ids with a word between them.
    Pair(&'static str),
    Id,
    OfId,
    OfIdOrAll,
    Known,
    Judgement,
    Undone,
    OfLsn,
}

/// A statement as it was read.
#[derive(Debug)]
pub(crate) struct Statement {
    pub(crate) entry: &'static StatementEntry,
    /// It starts with EXPLAIN.
    pub(crate) explain: bool,
    /// Its first words.
    pub(crate) span: Span,
    pub(crate) parts: Vec<Part>,
}

/// A part of a statement that fills something of its request.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) span: Span,
    /// What it is called in an error.
    pub(crate) place: &'static str,
    pub(crate) content: Content,
}

/// What a part says, with the path in the request that it fills.
#[derive(Debug)]
pub(crate) enum Content {
    Value(&'static str, Literal),
    List(&'static str, Vec<Literal>),
    Names(&'static str, Vec<String>),
    Days(&'static str, Literal),
    Flag(&'static str),
    /// A text or, as a parameter, a vector.
    Cue(Literal),
    Filter(Condition),
    /// No condition at all, said on purpose.
    Everything,
    AsOf(Place),
    Order(Vec<OrderTerm>),
    /// Fields of the request itself.
    Settings(Vec<Assignment>),
    /// Fields of an object of the request.
    Fields(&'static str, Vec<Assignment>),
    Memories(Vec<Draft>),
    Seeds(Vec<Seed>),
}

/// A memory that activation starts from: its id, and how active it is.
pub(crate) type Seed = (Literal, Option<Literal>);

/// A place in the history of a space.
#[derive(Debug)]
pub(crate) enum Place {
    Lsn(Literal),
    Time(Literal),
}

/// A field and its value.
#[derive(Debug)]
pub(crate) struct Assignment {
    pub(crate) path: Vec<Name>,
    pub(crate) shape: &'static Shape,
    pub(crate) literal: Literal,
}

/// A memory to store.
#[derive(Debug)]
pub(crate) enum Draft {
    Text(Literal),
    Fields(Vec<Assignment>),
}

/// A field that the answer is ordered by.
#[derive(Debug)]
pub(crate) struct OrderTerm {
    pub(crate) path: Vec<Name>,
    pub(crate) descending: bool,
    pub(crate) nulls_first: bool,
}

impl StatementEntry {
    /// The fields of its request.
    pub(crate) fn slots(&self) -> &'static [Slot] {
        let operation = Operation::by_name(self.operation);
        operation.and_then(|operation| operation.request).map_or(&[], slots)
    }

    /// What a field of its request takes; `path` has dots where it lies within another one.
    pub(crate) fn shape(&self, path: &str) -> &'static Shape {
        let mut slots = self.slots();
        let mut shape = &ANY;
        for name in path.split('.') {
            shape = slots.iter().find(|slot| slot.name == name).map_or(&ANY, |slot| &slot.shape);
            slots = match shape {
                Shape::Object(inner) => inner,
                _ => &[],
            };
        }
        shape
    }

    /// The fields of an object in its request.
    pub(crate) fn parts_of(&self, path: &str) -> &'static [Slot] {
        match self.shape(path) {
            Shape::Object(inner) => inner,
            _ => &[],
        }
    }

    /// The fields of its request that WITH can set.
    pub(crate) fn settings(&self) -> impl Iterator<Item = &'static Slot> + Clone + use<'_> {
        self.slots().iter().filter(|slot| {
            let name = slot.name.as_str();
            name != "explain"
                && !self.own.contains(&name)
                && !self.clauses.iter().any(|clause| clause.takes.slot() == Some(name))
        })
    }
}

/// The statements, in the order of the reference page.
pub const STATEMENTS: &[StatementEntry] = &[
    StatementEntry {
        keyword: "RECALL",
        operation: "recall",
        grammar: "\"RECALL\" cue { mode | where | as_of | order_by | limit | cursor | with }",
        examples: &[
            "RECALL 'Where does Ada live?' WHERE person = 'Ada' AND occurred_at >= now() - 30 days LIMIT 5",
            "-- {\"question\": \"train to Basel\", \"since\": \"2026-01-01T00:00:00Z\"}\n\
             RECALL $question NOT LIKE 'holidays' MODE hybrid\n\
             WHERE occurred_at > $since AND NOT (tag = 'draft' OR metadata.ticket.state = 'closed')\n\
             ORDER BY occurred_at DESC\n\
             WITH (min_relevance = 0.25, neighbours = 1, weights.recency = 0.2)",
            "RECALL LIKE MEMORY 'chat-16', 'chat-9' NOT LIKE MEMORY 'chat-3' AS OF LSN 1200",
            "-- {\"v\": [0.1, -0.2, 0.3]}\n\
             RECALL VECTOR $v MODE similarity WITH (around = {people: ['Ada'], place: 'Zurich'}, observe = true)",
        ],
        head: Head::Cue,
        own: &["text", "vector", "like", "negative"],
        clauses: &[&MODE, &WHERE, &AS_OF, &ORDER_BY, &LIMIT, &CURSOR, &WITH],
    },
    StatementEntry {
        keyword: "RECALL",
        operation: "list",
        grammar: "\"RECALL\" { where | as_of | order_by | limit | cursor | with }",
        examples: &[
            "RECALL WHERE kind IN (fact, belief) AND confidence >= 0.75 AND title LIKE 'Moving%'",
            "RECALL WHERE session = 'chat-2026-01' ORDER BY occurred_at DESC, id LIMIT 20",
            "RECALL WHERE committed_at = DATE '2026-01-05' WITH (state = all)",
            "RECALL",
        ],
        head: Head::Listing,
        own: &[],
        clauses: &[&WHERE, &AS_OF, &ORDER_BY, &LIMIT, &CURSOR, &WITH],
    },
    StatementEntry {
        keyword: "RECOGNIZE",
        operation: "recognize",
        grammar: "\"RECOGNIZE\" ( value [ \"VECTOR\" vector ] | \"VECTOR\" vector ) { limit }",
        examples: &["RECOGNIZE 'Ada: I moved to Zurich last week!' LIMIT 3"],
        head: Head::Known,
        own: &["text", "vector"],
        clauses: &[&LIMIT],
    },
    StatementEntry {
        keyword: "SPREAD",
        operation: "spread",
        grammar: "\"SPREAD FROM\" seed { \",\" seed } { hops | kinds | where | limit | with }",
        examples: &[
            "SPREAD FROM 'chat-16' ACTIVATION 1.0, 'chat-9' ACTIVATION 0.5 HOPS 2 KINDS explicit, next\n\
             WHERE person = 'Ada' LIMIT 5 WITH (edges_max = 10000)",
        ],
        head: Head::Seeds,
        own: &["seeds"],
        clauses: &[&HOPS, &KINDS, &WHERE, &LIMIT, &WITH],
    },
    StatementEntry {
        keyword: "COMPLETE",
        operation: "complete",
        grammar: "\"COMPLETE\" memory { fields | where | with }",
        examples: &[
            "COMPLETE (text = 'The deployment failed again.', tags = ['incident'], metadata.ticket.priority = 2)\n\
             FIELDS place, people, metadata.ticket.team WHERE kind = episode WITH (min_probability = 0.5)",
        ],
        head: Head::Partial,
        own: &["partial"],
        clauses: &[&clause::FIELDS, &WHERE, &WITH],
    },
    StatementEntry {
        keyword: "PREDICT",
        operation: "predict",
        grammar: "\"PREDICT\" ( \"AFTER\" ids [ \"FROM\" memory ] | \"FROM\" memory [ \"AFTER\" ids ] ) \
                  { steps | where | limit | with }",
        examples: &[
            "PREDICT AFTER 'chat-17' STEPS 2 WHERE person = 'Ada' LIMIT 5 WITH (min_probability = 0.25)",
            "PREDICT FROM (text = 'Ada moved.', people = 'Ada')",
        ],
        head: Head::Present,
        own: &["like", "partial"],
        clauses: &[&STEPS, &WHERE, &LIMIT, &WITH],
    },
    StatementEntry {
        keyword: "IMAGINE",
        operation: "imagine",
        grammar: "\"IMAGINE\" memory { fields | where | with }",
        examples: &["IMAGINE (place = 'Zurich') FIELDS people, tags WHERE kind = episode"],
        head: Head::Partial,
        own: &["partial"],
        clauses: &[&clause::FIELDS, &WHERE, &WITH],
    },
    StatementEntry {
        keyword: "REMEMBER",
        operation: "remember",
        grammar: "\"REMEMBER\" ( value | memory ) { with }",
        examples: &[
            "REMEMBER 'Ada: I moved to Zurich last week.' WITH (people = ['Ada'], tags = ['travel'], wait = links)",
            "REMEMBER (id = 'chat-17', kind = fact, text = 'Ada lives in Zurich.', subject = 'Ada', attribute = 'city',\n\
             occurred_at = TIMESTAMP '2026-01-05T12:00:00+01:00', metadata = {ticket: {priority: 2}},\n\
             source.kind = 'chat', decay = {law: exponential, half_life_days: 30})",
        ],
        head: Head::Memory,
        own: &[],
        clauses: &[&WITH],
    },
    StatementEntry {
        keyword: "REMEMBER",
        operation: "remember_many",
        grammar: "\"REMEMBER\" ( value | memory ) \",\" ( value | memory ) { \",\" ( value | memory ) } { with }",
        examples: &[
            "REMEMBER 'Ada: I moved.', (text = 'Bob: Congratulations!', people = 'Bob') WITH (partial = true)",
        ],
        head: Head::Memories,
        own: &["memories"],
        clauses: &[&WITH],
    },
    StatementEntry {
        keyword: "UPDATE",
        operation: "update",
        grammar: "\"UPDATE\" value \"SET\" assignment { \",\" assignment } \
                  { if_version | because | after_recall | with }",
        examples: &[
            "UPDATE 'chat-17' SET text = 'Ada: I moved to Basel last week.', place = NULL, tags = ['travel', 'corrected']\n\
             IF VERSION 1 BECAUSE 'She corrected herself.'",
        ],
        head: Head::Patch,
        own: &["id", "set", "memory"],
        clauses: &[&IF_VERSION, &BECAUSE, &AFTER_RECALL, &WITH],
    },
    StatementEntry {
        keyword: "FORGET",
        operation: "forget",
        grammar: "\"FORGET\" ( ids | where ) { mode | dry_run | with }",
        examples: &[
            "FORGET 'chat-17', 'chat-18' MODE delete WITH (purge = true)",
            "FORGET WHERE session = 'chat-2026-01' AND importance < 0.25 DRY RUN",
        ],
        head: Head::Chosen,
        own: &["ids", "filter"],
        clauses: &[&MODE, &DRY_RUN, &WITH],
    },
    StatementEntry {
        keyword: "RECEIPT",
        operation: "forget_receipt",
        grammar: "\"RECEIPT OF LSN\" value",
        examples: &["RECEIPT OF LSN 17"],
        head: Head::OfLsn,
        own: &["lsn"],
        clauses: &[],
    },
    StatementEntry {
        keyword: "RESTORE",
        operation: "restore",
        grammar: "\"RESTORE\" ( ids | where | \"ALL\" )",
        examples: &["RESTORE 'chat-17'", "RESTORE WHERE session = 'chat-2026-01'", "RESTORE ALL"],
        head: Head::ChosenOrAll,
        own: &["ids", "filter"],
        clauses: &[],
    },
    StatementEntry {
        keyword: "GET",
        operation: "get",
        grammar: "\"GET\" value { as_of | with }",
        examples: &[
            "GET 'chat-17' AS OF TIMESTAMP '2026-01-05T11:00:00Z'",
            "GET 'chat-17' WITH (include_vectors = true)",
        ],
        head: Head::Id,
        own: &["id"],
        clauses: &[&AS_OF, &WITH],
    },
    StatementEntry {
        keyword: "HISTORY",
        operation: "history",
        grammar: "\"HISTORY OF\" value { limit | cursor }",
        examples: &["HISTORY OF 'chat-17' LIMIT 10"],
        head: Head::OfId,
        own: &["id"],
        clauses: &[&LIMIT, &CURSOR],
    },
    StatementEntry {
        keyword: "ASSOCIATE",
        operation: "associate",
        grammar: "\"ASSOCIATE\" value \"WITH\" value { as | weight | because }",
        examples: &[
            "ASSOCIATE 'chat-16' WITH 'chat-17' AS 'caused' WEIGHT 0.75 BECAUSE 'She said so on the phone.'",
        ],
        head: Head::Pair("WITH"),
        own: &["from", "to"],
        clauses: &[&AS, &WEIGHT, &BECAUSE],
    },
    StatementEntry {
        keyword: "DISSOCIATE",
        operation: "dissociate",
        grammar: "\"DISSOCIATE\" value \"FROM\" value { kinds }",
        examples: &["DISSOCIATE 'chat-17' FROM 'chat-16' KINDS explicit"],
        head: Head::Pair("FROM"),
        own: &["from", "to"],
        clauses: &[&KINDS],
    },
    StatementEntry {
        keyword: "ASSOCIATIONS",
        operation: "associations",
        grammar: "\"ASSOCIATIONS OF\" value { direction | kinds | limit | cursor }",
        examples: &["ASSOCIATIONS OF 'chat-17' DIRECTION out KINDS explicit, near LIMIT 20"],
        head: Head::OfId,
        own: &["id"],
        clauses: &[&DIRECTION, &KINDS, &LIMIT, &CURSOR],
    },
    StatementEntry {
        keyword: "MARKS",
        operation: "marks",
        grammar: "\"MARKS\" [ \"OF\" value ] { kind | state | limit | cursor }",
        examples: &["MARKS OF 'chat-17' KIND possible_update STATE open"],
        head: Head::OfIdOrAll,
        own: &["id"],
        clauses: &[&KIND, &STATE, &LIMIT, &CURSOR],
    },
    StatementEntry {
        keyword: "FEEDBACK",
        operation: "feedback",
        grammar: "\"FEEDBACK ON\" value ( word | word value ) { because | with }",
        examples: &[
            "FEEDBACK ON 'chat-17' useful BECAUSE 'it answered the question'\n\
             WITH (source = 'reviewer-1', recalled = {relevance: 0.75, mode: associative})",
            "FEEDBACK ON 'chat-40' supersedes 'chat-17'",
        ],
        head: Head::Judgement,
        own: &["id", "verdict", "other", "decision"],
        clauses: &[&BECAUSE, &WITH],
    },
    StatementEntry {
        keyword: "RETENTION",
        operation: "retention",
        grammar: "\"RETENTION OF\" value { within }",
        examples: &["RETENTION OF 'chat-17' WITHIN 90 days"],
        head: Head::OfId,
        own: &["id"],
        clauses: &[&WITHIN_HORIZON],
    },
    StatementEntry {
        keyword: "FADING",
        operation: "fading",
        grammar: "\"FADING\" { below | within | where | limit }",
        examples: &["FADING BELOW 0.5 WITHIN 30 days WHERE person = 'Ada' LIMIT 5"],
        head: Head::Nothing,
        own: &[],
        clauses: &[&BELOW, &WITHIN_DAYS, &WHERE, &LIMIT],
    },
    StatementEntry {
        keyword: "CONSOLIDATE",
        operation: "consolidate",
        grammar: "\"CONSOLIDATE\" { budget }",
        examples: &["CONSOLIDATE BUDGET 1000"],
        head: Head::Nothing,
        own: &[],
        clauses: &[&BUDGET],
    },
    StatementEntry {
        keyword: "UNDO CONSOLIDATION",
        operation: "undo_consolidation",
        grammar: "\"UNDO CONSOLIDATION\" ( \"OF\" ids | \"SINCE LSN\" value )",
        examples: &[
            "UNDO CONSOLIDATION OF 'belief-3f2a9c5b7d8e1f60'",
            "UNDO CONSOLIDATION SINCE LSN 16",
        ],
        head: Head::Undone,
        own: &["ids", "since_lsn"],
        clauses: &[],
    },
    StatementEntry {
        keyword: "BELIEFS",
        operation: "beliefs",
        grammar: "\"BELIEFS\" [ \"OF\" value ] { limit | cursor }",
        examples: &["BELIEFS LIMIT 20", "BELIEFS OF 'belief-3f2a9c5b7d8e1f60'"],
        head: Head::OfIdOrAll,
        own: &["id"],
        clauses: &[&LIMIT, &CURSOR],
    },
];

/// The row behind `entry`: the same keyword without a cue, or with more than one memory.
pub(crate) fn sibling(entry: &'static StatementEntry) -> &'static StatementEntry {
    STATEMENTS
        .iter()
        .find(|other| other.keyword == entry.keyword && other.operation != entry.operation)
        .unwrap_or(entry)
}

/// The fields of a memory to store.
pub(crate) fn memory_slots() -> &'static [Slot] {
    let update = STATEMENTS.iter().find(|entry| entry.operation == "update");
    update.map_or(&[], |entry| entry.parts_of("memory"))
}

#[cfg(test)]
mod tests {
    use engram_api::{OPERATIONS, Scope};

    use super::*;

    /// Operations that carry statements, follow a space, or move what it holds.
    const WITHOUT_STATEMENT: [&str; 4] = ["query", "changes", "export", "import"];

    #[test]
    fn every_operation_on_memories_has_a_statement() {
        for operation in OPERATIONS {
            let wanted = operation.scope == Scope::Space
                && operation.request.is_some()
                && !WITHOUT_STATEMENT.contains(&operation.name);
            let there = STATEMENTS.iter().any(|entry| entry.operation == operation.name);
            assert_eq!(wanted, there, "{}", operation.name);
        }
    }

    #[test]
    fn what_a_row_fills_is_a_field_of_its_request() {
        for entry in STATEMENTS {
            let names: Vec<&str> = entry.slots().iter().map(|slot| slot.name.as_str()).collect();
            let taken = entry.clauses.iter().filter_map(|clause| clause.takes.slot());
            for name in entry.own.iter().copied().chain(taken) {
                assert!(names.contains(&name), "{}: {name}", entry.operation);
            }
        }
    }

    #[test]
    fn with_stands_where_there_is_something_to_set() {
        for entry in STATEMENTS {
            let with = entry.clauses.iter().any(|clause| clause.takes == clause::Takes::Settings);
            assert_eq!(entry.settings().next().is_some(), with, "{}", entry.operation);
        }
    }
}
