//! What a condition can ask of a memory, and how a filter says it.

use crate::shape::{self, Shape, slots};

/// A field of memories that `WHERE` can name.
#[derive(Clone, Copy, Debug)]
pub struct FieldEntry {
    /// Its name in a statement.
    pub name: &'static str,
    /// Another name of it; empty where there is none.
    pub alias: &'static str,
    /// What it means, in one sentence.
    pub doc: &'static str,
    /// How a filter asks for it.
    pub(crate) home: Home,
}

/// How a filter asks for a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Home {
    /// A range of times: the keys of its start and of its end.
    Range { after: &'static str, before: &'static str },
    /// A point in time.
    At(&'static str),
    /// A list of the memory: the keys that ask for all, if there is one, and for any of some values.
    Listed { all: Option<&'static str>, any: &'static str },
    /// Something that every memory has exactly one of: the key takes a list.
    OneOf { key: &'static str, operand: Operand },
    /// A text that a key of its own asks for; other comparisons go by `fields` where it is among them.
    Plain { key: &'static str, compared: bool },
    /// Only comparisons ask for it.
    Compared(Operand),
    /// Only comparisons, but the least trust, which has a key of its own.
    Trust,
    /// A path of the metadata.
    Metadata,
}

/// What a field is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operand {
    Text,
    /// A number from 0 to 1.
    Share,
    Whole,
    Kind,
    /// A point in time.
    Instant,
    /// The same, or a whole day.
    Time,
    /// A text, a number, true, false or null.
    Scalar,
}

impl Operand {
    /// What its values look like.
    pub(crate) fn shape(self) -> &'static Shape {
        match self {
            Operand::Text => &shape::TEXT,
            Operand::Share => &shape::SHARE,
            Operand::Whole => &shape::WHOLE,
            Operand::Time | Operand::Instant => &shape::TIME,
            Operand::Scalar => &shape::ANY,
            Operand::Kind => slots("FilterInput")
                .iter()
                .find(|slot| slot.name == "kinds")
                .map_or(&shape::ANY, |slot| &slot.shape),
        }
    }

    /// What it is, for an error or a table.
    pub(crate) fn describe(self) -> &'static str {
        match self {
            Operand::Text => "a text",
            Operand::Share => "a number from 0 to 1",
            Operand::Whole => "a whole number",
            Operand::Kind => "a kind of memory",
            Operand::Instant => "a time",
            Operand::Time => "a time or a day",
            Operand::Scalar => "a text, a number, true, false or null",
        }
    }
}

const EQUALITY: &[&str] = &["=", "!=", "IN"];
const ORDERED: &[&str] = &["=", "!=", "<", "<=", ">", ">=", "BETWEEN", "IN", "IS NULL"];
const TEXTUAL: &[&str] = &["=", "!=", "LIKE", "IN", "<", "<=", ">", ">=", "BETWEEN", "IS NULL"];
const TIMES: &[&str] = &["=", "!=", "<", "<=", ">", ">=", "BETWEEN", "IN"];

impl FieldEntry {
    /// The operators that it can be asked with.
    pub fn operators(&self) -> &'static [&'static str] {
        match self.home {
            Home::Range { .. } => TIMES,
            Home::At(_) => &["=", "!="],
            Home::Listed { .. } => &["=", "!=", "IN", "CONTAINS"],
            Home::OneOf { .. } | Home::Plain { compared: false, .. } => EQUALITY,
            Home::Plain { .. } | Home::Compared(Operand::Text) => TEXTUAL,
            Home::Compared(_) | Home::Trust => ORDERED,
            Home::Metadata => {
                &["=", "!=", "<", "<=", ">", ">=", "BETWEEN", "IN", "LIKE", "IS NULL", "CONTAINS"]
            }
        }
    }

    /// What it is compared with, in words.
    pub fn takes(&self) -> &'static str {
        self.operand().describe()
    }

    pub(crate) fn operand(&self) -> Operand {
        match self.home {
            Home::Range { .. } => Operand::Time,
            Home::At(_) => Operand::Instant,
            Home::OneOf { operand, .. } | Home::Compared(operand) => operand,
            Home::Listed { .. } | Home::Plain { .. } => Operand::Text,
            Home::Trust => Operand::Share,
            Home::Metadata => Operand::Scalar,
        }
    }
}

const fn row(name: &'static str, alias: &'static str, home: Home, doc: &'static str) -> FieldEntry {
    FieldEntry { name, alias, doc, home }
}

const OCCURRED: Home = Home::Range { after: "occurred_after", before: "occurred_before" };
const COMMITTED: Home = Home::Range { after: "committed_after", before: "committed_before" };
const KIND: Home = Home::OneOf { key: "kinds", operand: Operand::Kind };
const ID: Home = Home::OneOf { key: "ids", operand: Operand::Text };
const TAG: Home = Home::Listed { all: Some("tags"), any: "tags_any" };
const PERSON: Home = Home::Listed { all: None, any: "people" };
const TEXT: Home = Home::Compared(Operand::Text);
const SHARE: Home = Home::Compared(Operand::Share);
const WHOLE: Home = Home::Compared(Operand::Whole);

/// The fields that `WHERE` can name, in the order of the reference page. `metadata` is followed by a path.
pub const FIELDS: &[FieldEntry] = &[
    row("id", "", ID, "Its id."),
    row("kind", "", KIND, "What sort of memory it is: episode, fact, procedure or belief."),
    row("title", "", TEXT, "Its heading."),
    row("text", "", TEXT, "Its content."),
    row(
        "session",
        "",
        Home::Plain { key: "session", compared: true },
        "The conversation or run that it belongs to.",
    ),
    row("place", "", Home::Plain { key: "place", compared: true }, "Where it happened."),
    row("person", "people", PERSON, "Who took part: one of them is meant."),
    row("tag", "tags", TAG, "Its labels: one of them is meant."),
    row("subject", "", TEXT, "What it is a statement about."),
    row("attribute", "", TEXT, "Which property of the subject it states."),
    row(
        "source.kind",
        "",
        Home::Plain { key: "source_kind", compared: false },
        "What its source is.",
    ),
    row(
        "source.ref",
        "",
        Home::Plain { key: "source_ref", compared: false },
        "Where its source can be found again.",
    ),
    row("trust", "source.trust", Home::Trust, "How far its source is trusted."),
    row("principal", "source.principal", TEXT, "Who stored it, where the server knew it."),
    row("confidence", "", SHARE, "How sure one is that it is true."),
    row("importance", "", SHARE, "How much it matters."),
    row(
        "occurred_at",
        "",
        OCCURRED,
        "When it happened; a memory without it counts from when it was stored.",
    ),
    row("committed_at", "", COMMITTED, "When it was stored."),
    row(
        "valid_at",
        "",
        Home::At("valid_at"),
        "A time at which it is true, as far as it states its validity.",
    ),
    row("version", "", WHOLE, "Its version, from 1."),
    row("lsn", "", WHOLE, "Log sequence number of the commit that stored it."),
    row(
        "metadata",
        "",
        Home::Metadata,
        "The caller's own data by path; of a list, one element is meant.",
    ),
];

/// Names that are no fields of a filter, and why.
pub(crate) const NOT_FILTERABLE: &[(&str, &str)] = &[
    (
        "strength",
        "strength changes with time and use, so no filter can ask for it; ORDER BY strength sorts by it, FADING finds what \
         falls below it",
    ),
    ("relevance", "relevance belongs to a cue, not to a memory; write WITH (min_relevance = 0.5)"),
    ("score", "score orders the items of one answer and means nothing beyond it"),
    ("vector", "a vector is no condition; RECALL VECTOR $v finds what is near it"),
    ("valid_from", "ask for what is true at a time: valid_at = TIMESTAMP '2026-01-05T00:00:00Z'"),
    ("valid_until", "ask for what is true at a time: valid_at = TIMESTAMP '2026-01-05T00:00:00Z'"),
    (
        "state",
        "a condition sees what is active; write WITH (state = suppressed) to list the others",
    ),
];

/// The field of that path and, of metadata, how many parts of the path name it.
pub(crate) fn field(path: &[&str]) -> Option<(&'static FieldEntry, usize)> {
    let joined = path.join(".").to_ascii_lowercase();
    let whole = FIELDS.iter().find(|entry| {
        entry.home != Home::Metadata && (entry.name == joined || entry.alias == joined)
    });
    if let Some(entry) = whole {
        return Some((entry, path.len()));
    }
    let first = path.first()?;
    let metadata = FIELDS.iter().find(|entry| entry.home == Home::Metadata)?;
    (first.eq_ignore_ascii_case(metadata.name) && path.len() > 1).then_some((metadata, 1))
}

/// Every name that a condition can start with.
pub(crate) fn field_names() -> impl Iterator<Item = (&'static str, &'static FieldEntry)> {
    FIELDS.iter().flat_map(|entry| {
        [entry.name, entry.alias]
            .into_iter()
            .filter(|name| !name.is_empty())
            .map(move |name| (name, entry))
    })
}
