//! Partial memories: what is known of one, and what is asked and told about the rest of it. Plain domain values.

use std::fmt;

use engram_store::Lsn;

use crate::filter::Filter;
use crate::model::{Kind, MemoryContent, MemoryDetail, MetaValue, Metadata};

/// A field that can be completed, in the order in which answers name them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FieldName {
    /// Sort of memory.
    Kind,
    /// Short heading.
    Title,
    /// Conversation or task it belongs to.
    Session,
    /// Where it happened.
    Place,
    /// Who took part; completed name by name.
    People,
    /// Labels; completed label by label.
    Tags,
    /// What an attribute is stated of.
    Subject,
    /// Which attribute is stated.
    Attribute,
    /// A value of the metadata: names from the top level down.
    Metadata(Vec<String>),
}

/// What the name of a field of the metadata begins with.
const METADATA_PREFIX: &str = "metadata.";

impl FieldName {
    /// The field of that name.
    pub fn from_name(name: &str) -> Option<FieldName> {
        Some(match name {
            "kind" => FieldName::Kind,
            "title" => FieldName::Title,
            "session" => FieldName::Session,
            "place" => FieldName::Place,
            "people" => FieldName::People,
            "tags" => FieldName::Tags,
            "subject" => FieldName::Subject,
            "attribute" => FieldName::Attribute,
            _ => {
                let path = name.strip_prefix(METADATA_PREFIX)?.split('.');
                let path: Vec<String> = path.map(str::to_owned).collect();
                if path.iter().any(String::is_empty) {
                    return None;
                }
                FieldName::Metadata(path)
            }
        })
    }

    /// Whether a memory holds a list of values of it, each of which counts by itself.
    pub fn is_list(&self) -> bool {
        matches!(self, FieldName::People | FieldName::Tags)
    }
}

/// The name in requests and answers.
impl fmt::Display for FieldName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FieldName::Kind => "kind",
            FieldName::Title => "title",
            FieldName::Session => "session",
            FieldName::Place => "place",
            FieldName::People => "people",
            FieldName::Tags => "tags",
            FieldName::Subject => "subject",
            FieldName::Attribute => "attribute",
            FieldName::Metadata(path) => return write!(f, "{METADATA_PREFIX}{}", path.join(".")),
        })
    }
}

/// What is known of a memory: at least one of its parts is given.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Partial {
    /// Sort of memory; none = not known.
    pub kind: Option<Kind>,
    /// Short heading; empty = not known.
    pub title: String,
    /// Words and meaning; empty = not known.
    pub text: String,
    /// A vector of the space's dimension; takes the place of the text's own embedding.
    pub vector: Option<Vec<f32>>,
    /// Conversation or task it belongs to; empty = not known.
    pub session: String,
    /// When it happened, ns: agrees with what happened within twelve hours of it.
    pub occurred_at: Option<i64>,
    /// Where it happened; empty = not known.
    pub place: String,
    /// Who took part.
    pub people: Vec<String>,
    /// Labels.
    pub tags: Vec<String>,
    /// Structured data; each value at the end of a path counts by itself.
    pub metadata: Metadata,
    /// What an attribute is stated of; empty = not known.
    pub subject: String,
    /// Which attribute is stated; empty = not known.
    pub attribute: String,
}

impl Partial {
    /// The same as the content of a memory, whose kind says nothing.
    pub(crate) fn content(&self) -> MemoryContent {
        MemoryContent {
            title: self.title.clone(),
            text: self.text.clone(),
            session: self.session.clone(),
            occurred_at: self.occurred_at,
            place: self.place.clone(),
            people: self.people.clone(),
            tags: self.tags.clone(),
            metadata: self.metadata.clone(),
            subject: self.subject.clone(),
            attribute: self.attribute.clone(),
            ..MemoryContent::default()
        }
    }

    /// Whether nothing is known.
    pub(crate) fn is_empty(&self) -> bool {
        let text = self.text.trim().is_empty() && self.vector.is_none();
        text && self.occurred_at.is_none() && self.known().is_empty()
    }

    /// The fields that are known, with their values.
    pub(crate) fn known(&self) -> Vec<(FieldName, Vec<MetaValue>)> {
        held(self.kind, &self.content())
    }
}

/// The fields that a memory holds, with their values: several of a list, else one. Explicit nulls are no values.
pub(crate) fn held(
    kind: Option<Kind>,
    content: &MemoryContent,
) -> Vec<(FieldName, Vec<MetaValue>)> {
    let text = |text: &str| MetaValue::Text(text.to_owned());
    let mut held = Vec::new();
    held.extend(kind.map(|kind| (FieldName::Kind, vec![text(kind.name())])));
    for (field, value) in [
        (FieldName::Title, &content.title),
        (FieldName::Session, &content.session),
        (FieldName::Place, &content.place),
        (FieldName::Subject, &content.subject),
        (FieldName::Attribute, &content.attribute),
    ] {
        if !value.is_empty() {
            held.push((field, vec![text(value)]));
        }
    }
    for (field, labels) in [(FieldName::People, &content.people), (FieldName::Tags, &content.tags)]
    {
        if !labels.is_empty() {
            held.push((field, labels.iter().map(|label| text(label)).collect()));
        }
    }
    leaves(&content.metadata, &mut Vec::new(), &mut held);
    held
}

fn leaves(
    metadata: &Metadata,
    path: &mut Vec<String>,
    held: &mut Vec<(FieldName, Vec<MetaValue>)>,
) {
    for (name, value) in metadata {
        path.push(name.clone());
        match value {
            MetaValue::Null => {}
            MetaValue::Map(inner) => leaves(inner, path, held),
            value => held.push((FieldName::Metadata(path.clone()), vec![value.clone()])),
        }
        path.pop();
    }
}

/// What tells values apart: equal numbers are one value, however they are written.
pub(crate) fn value_key(value: &MetaValue) -> String {
    match value {
        MetaValue::Float(number) if number.trunc() == *number && number.abs() < 9e15 => {
            format!("Int({})", *number as i64)
        }
        MetaValue::List(elements) => {
            let keys: Vec<String> = elements.iter().map(value_key).collect();
            format!("{keys:?}")
        }
        value => format!("{value:?}"),
    }
}

/// Asks for the missing fields of a partial memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Complete {
    /// What is known.
    pub partial: Partial,
    /// Which fields to fill, at most 64; empty = all that the evidence holds and the partial memory does not. One that is known
    /// is judged as if it were not.
    pub fields: Vec<FieldName>,
    /// Which memories may be evidence.
    pub filter: Filter,
    /// How probable a value must be at least, by the lower end of its 90 % interval, in [0, 1].
    pub min_probability: f32,
    /// Most memories to look at that agree with the partial one, 1 to 10,000.
    pub evidence_max: usize,
}

/// What the fields of a partial memory probably are.
#[derive(Clone, Debug, PartialEq)]
pub struct Completion {
    /// One answer for each field, by their order.
    pub fields: Vec<CompletedField>,
    /// Memories that were looked at.
    pub looked_at: u64,
    /// Last commit that the answer saw.
    pub lsn: Lsn,
}

/// What one field probably is, or why that cannot be told.
#[derive(Clone, Debug, PartialEq)]
pub struct CompletedField {
    /// The field.
    pub field: FieldName,
    /// Its value: a list where a memory holds one, of the elements that are probable enough.
    pub filled: Result<FieldCandidate, Abstention>,
    /// Other values, single elements of a list, most probable first, at most 5.
    pub alternatives: Vec<FieldCandidate>,
    /// Memories that hold the field, as many as would say the same with equal weights.
    pub evidence: f32,
}

/// A value with its evidence.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldCandidate {
    /// The value; at least one memory holds it.
    pub value: MetaValue,
    /// How probable it is, in [0, 1]; of several elements, that of the least probable one.
    pub probability: f32,
    /// Lower end of the 90 % interval of that.
    pub low: f32,
    /// Ids of the memories that hold it and count most, at most 10.
    pub sources: Vec<String>,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Abstention {
    /// Nothing that is stored agrees with what is known and says something of what is asked.
    NoEvidence,
    /// What there is says one thing, but it is too little to rely on.
    TooThin,
    /// What there is says different things, or the same as without anything known.
    NoAgreement,
}

impl Abstention {
    /// Name in answers.
    pub fn name(self) -> &'static str {
        match self {
            Abstention::NoEvidence => "no_evidence",
            Abstention::TooThin => "too_thin",
            Abstention::NoAgreement => "no_agreement",
        }
    }
}

/// Asks for a whole memory around a partial one, however thin the evidence is.
#[derive(Clone, Debug, PartialEq)]
pub struct Imagine {
    /// What is given.
    pub partial: Partial,
    /// Which fields to make up, at most 64; empty = all that the evidence holds and the partial memory does not.
    pub fields: Vec<FieldName>,
    /// Which memories may lend their values.
    pub filter: Filter,
    /// Most memories to look at that agree with the partial one, 1 to 10,000.
    pub evidence_max: usize,
}

/// A memory that nobody stored: values of several memories put together.
#[derive(Clone, Debug, PartialEq)]
pub struct Imagined {
    /// What was given, with what was made up.
    pub partial: Partial,
    /// The fields that were made up, in the order in which they were chosen: each fits what was given and those before it.
    pub parts: Vec<(FieldName, FieldCandidate)>,
    /// Why nothing was made up.
    pub abstained: Option<Abstention>,
    /// Memories looked at that hold all the values of the parts together; 0 = it is new as a whole.
    pub precedents: u64,
    /// Memories that were looked at.
    pub looked_at: u64,
    /// Last commit that the answer saw.
    pub lsn: Lsn,
}

/// Asks for what tends to follow.
#[derive(Clone, Debug, PartialEq)]
pub struct Predict {
    /// Ids of memories, at most 16: what followed them, and what resembles them, counts.
    pub like: Vec<String>,
    /// What is known of the present; may be empty where `like` is not.
    pub partial: Partial,
    /// How many memories later in the session a follower may stand, 1 to 8.
    pub steps_max: u32,
    /// Which memories may stand for the present.
    pub filter: Filter,
    /// Most memories to stand for the present, 1 to 200.
    pub antecedents_max: usize,
    /// Most predictions, 1 to 100.
    pub limit: usize,
    /// Predictions below are left out, in [0, 1].
    pub min_probability: f32,
}

/// What tends to follow.
#[derive(Clone, Debug, PartialEq)]
pub struct Predictions {
    /// Most probable first, ties by log order.
    pub items: Vec<Prediction>,
    /// Why there is none.
    pub abstained: Option<Abstention>,
    /// Memories that stood for the present and that something followed.
    pub antecedents: u64,
    /// Last commit that the answer saw.
    pub lsn: Lsn,
}

/// Something that follows.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// A memory that says it: the one behind the antecedent that counts most.
    pub detail: MemoryDetail,
    /// How probable it is that it follows within the steps, in [0, 1].
    pub probability: f32,
    /// Lower end of the 90 % interval of that.
    pub low: f32,
    /// Antecedents that it followed.
    pub count: u64,
    /// Where it was seen, at most 10.
    pub sources: Vec<Followed>,
}

/// One memory that followed another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Followed {
    /// Id of the memory that stood for the present.
    pub antecedent: String,
    /// Id of the memory that followed it.
    pub follower: String,
    /// How many memories later in the session, from 1.
    pub steps: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_have_names_and_the_reverse() {
        for name in ["kind", "title", "session", "place", "people", "tags", "subject", "attribute"]
        {
            assert_eq!(FieldName::from_name(name).unwrap().to_string(), name);
        }
        let nested = FieldName::from_name("metadata.ticket.priority").unwrap();
        assert_eq!(nested, FieldName::Metadata(vec!["ticket".to_owned(), "priority".to_owned()]));
        assert_eq!(nested.to_string(), "metadata.ticket.priority");
        for name in ["text", "metadata", "metadata.", "metadata.a..b", ""] {
            assert_eq!(FieldName::from_name(name), None, "{name}");
        }
    }

    #[test]
    fn memories_hold_what_is_said_of_them() {
        let inner = Metadata::from([
            ("floor".to_owned(), MetaValue::Int(3)),
            ("none".to_owned(), MetaValue::Null),
        ]);
        let content = MemoryContent {
            place: "here".to_owned(),
            people: vec!["Ada".to_owned(), "Bob".to_owned()],
            metadata: Metadata::from([("house".to_owned(), MetaValue::Map(inner))]),
            ..MemoryContent::default()
        };
        let fields = held(None, &content);
        let names: Vec<String> = fields.iter().map(|(field, _)| field.to_string()).collect();
        assert_eq!(names, ["place", "people", "metadata.house.floor"]);
        assert_eq!(fields[1].1.len(), 2);
        assert_eq!(held(Some(Kind::Fact), &content)[0].0, FieldName::Kind);
    }

    #[test]
    fn equal_numbers_are_one_value() {
        let key = value_key;
        assert_eq!(key(&MetaValue::Int(5)), key(&MetaValue::Float(5.0)));
        assert_ne!(key(&MetaValue::Int(5)), key(&MetaValue::Float(5.5)));
        assert_ne!(key(&MetaValue::Int(5)), key(&MetaValue::Text("5".to_owned())));
        let list = |n: MetaValue| MetaValue::List(vec![n]);
        assert_eq!(key(&list(MetaValue::Int(5))), key(&list(MetaValue::Float(5.0))));
    }
}
