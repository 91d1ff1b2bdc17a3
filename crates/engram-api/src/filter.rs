//! The filter that recall, list, forget and restore share: which memories an operation may touch.
//!
//! All fields of one filter must hold; an empty filter lets everything through. Time ranges include
//! their `after` end and exclude their `before` end. A memory without the field that a condition
//! asks for does not pass it, except under `ne` and `exists: false`.

use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::memory::KindName;
use crate::time::Timestamp;

/// Conditions on memories; all that are given must hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FilterInput {
    /// Happened at or after this time; a memory without `occurred_at` counts from its commit time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurred_after: Option<Timestamp>,
    /// Happened before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurred_before: Option<Timestamp>,
    /// Stored at or after this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub committed_after: Option<Timestamp>,
    /// Stored before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub committed_before: Option<Timestamp>,
    /// True at this time: not before `valid_from` and before `valid_until`, as far as the memory states them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_at: Option<Timestamp>,
    /// Carries all of these tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Carries at least one of these tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags_any: Vec<String>,
    /// At least one of these people took part.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub people: Vec<String>,
    /// Is of one of these kinds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<KindName>,
    /// Belongs to this session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// Happened at this place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// Comes from a source of this kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_kind: Option<String>,
    /// Comes from exactly this source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_ref: Option<String>,
    /// The source is trusted at least so far, in \[0, 1\]; a memory without a stated trust does not pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_trust: Option<f32>,
    /// Has one of these ids.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ids: Vec<String>,
    /// Conditions on metadata by dotted path, for example `{"ticket.priority": {"gte": 2}}`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, MetadataCondition>,
    /// Conditions on fields of the memory itself, for example `{"text": {"like": "%lake%"}, "importance": {"gte": 0.5}}`.
    #[serde(
        default,
        skip_serializing_if = "BTreeMap::is_empty",
        deserialize_with = "of_their_sort"
    )]
    pub fields: BTreeMap<FilterFieldName, MetadataCondition>,
    /// All of these hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub and: Vec<FilterInput>,
    /// At least one of these holds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub or: Vec<FilterInput>,
    /// This does not hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not: Option<Box<FilterInput>>,
}

impl FilterInput {
    /// Whether it states no condition at all, and so lets everything through.
    pub fn is_empty(&self) -> bool {
        *self == FilterInput::default()
    }
}

/// Fields of a memory that have one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FilterFieldName {
    /// Heading.
    Title,
    /// Content.
    Text,
    /// Session.
    Session,
    /// Place.
    Place,
    /// What it is a statement about.
    Subject,
    /// Which property it states.
    Attribute,
    /// Importance, as it was stated.
    Importance,
    /// Confidence, as it was stated.
    Confidence,
    /// Trust in its source, as it was stated.
    Trust,
    /// Who stored this version, where the server knew it.
    Principal,
    /// Version.
    Version,
    /// Log sequence number of the commit that stored it.
    Lsn,
}

impl FilterFieldName {
    /// All of them.
    pub const ALL: [FilterFieldName; 12] = {
        use FilterFieldName::{
            Attribute, Confidence, Importance, Lsn, Place, Principal, Session, Subject, Text,
            Title, Trust, Version,
        };
        [
            Title, Text, Session, Place, Subject, Attribute, Importance, Confidence, Trust,
            Principal, Version, Lsn,
        ]
    };

    /// The name as it stands in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            FilterFieldName::Title => "title",
            FilterFieldName::Text => "text",
            FilterFieldName::Session => "session",
            FilterFieldName::Place => "place",
            FilterFieldName::Subject => "subject",
            FilterFieldName::Attribute => "attribute",
            FilterFieldName::Importance => "importance",
            FilterFieldName::Confidence => "confidence",
            FilterFieldName::Trust => "trust",
            FilterFieldName::Principal => "principal",
            FilterFieldName::Version => "version",
            FilterFieldName::Lsn => "lsn",
        }
    }

    /// Whether it holds a number; all others hold a string.
    pub fn is_number(self) -> bool {
        use FilterFieldName::{Confidence, Importance, Lsn, Trust, Version};
        matches!(self, Importance | Confidence | Trust | Version | Lsn)
    }
}

/// Refuses what can never hold: a string where the field has numbers, and the reverse.
fn of_their_sort<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<FilterFieldName, MetadataCondition>, D::Error> {
    let conditions: BTreeMap<FilterFieldName, MetadataCondition> =
        BTreeMap::deserialize(deserializer)?;
    for (field, condition) in &conditions {
        let fits = |value: &Value| match field.is_number() {
            true => value.is_number(),
            false => value.is_string(),
        };
        let all_fit = match condition {
            MetadataCondition::Equals(value) => fits(value),
            MetadataCondition::Compare(compare) => {
                let Comparisons { eq, ne, lt, lte, gt, gte, one_of, like, exists: _ } = &**compare;
                let single = [eq, ne, lt, lte, gt, gte].into_iter().flatten();
                single.chain(one_of.iter().flatten()).all(fits)
                    && (like.is_none() || !field.is_number())
            }
        };
        if !all_fit {
            let sort = if field.is_number() { "a number" } else { "a string" };
            let name = field.as_str();
            return Err(D::Error::custom(format!(
                "`{name}` holds {sort} and is compared with something else"
            )));
        }
    }
    Ok(conditions)
}

/// What the value at a metadata path must be. Where the value is a list, a test holds if it holds for one element.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum MetadataCondition {
    /// Equals this string, number, boolean or null.
    Equals(Value),
    /// Passes all of these comparisons.
    Compare(Box<Comparisons>),
}

/// Comparisons with the value at a metadata path; all that are given must hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Comparisons {
    /// Equal to.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub eq: Option<Value>,
    /// Absent, or not equal to.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub ne: Option<Value>,
    /// Less than; numbers with numbers, strings with strings by bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lt: Option<Value>,
    /// At most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lte: Option<Value>,
    /// Greater than.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gt: Option<Value>,
    /// At least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gte: Option<Value>,
    /// Equal to one of these.
    #[serde(rename = "in", default, skip_serializing_if = "Option::is_none")]
    pub one_of: Option<Vec<Value>>,
    /// A string that fits this pattern: `%` any characters, `_` one, `\\` takes the next as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub like: Option<String>,
    /// Whether the path is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exists: Option<bool>,
}

/// Keeps `null` apart from an absent field: `{"eq": null}` asks for a null.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

impl<'de> Deserialize<'de> for MetadataCondition {
    /// An object is read as comparisons and must be one; a plain value means equality. Written by hand
    /// because an untagged enum would hide which field of the object is wrong.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<MetadataCondition, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Array(_) => Err(D::Error::custom(
                "a metadata condition is a plain value or an object of comparisons; for one of several values \
                 write {\"in\": [...]}",
            )),
            object @ Value::Object(_) => {
                let comparisons: Comparisons =
                    serde_json::from_value(object).map_err(D::Error::custom)?;
                if comparisons == Comparisons::default() {
                    return Err(D::Error::custom(
                        "an object of comparisons needs at least one of eq, ne, lt, lte, gt, gte, in, like, exists",
                    ));
                }
                Ok(MetadataCondition::Compare(Box::new(comparisons)))
            }
            plain => Ok(MetadataCondition::Equals(plain)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_values_and_comparisons_are_told_apart() {
        let json =
            r#"{"metadata":{"a.b":3,"c":{"lt":5,"gte":1},"d":{"eq":null},"e":{"exists":false}}}"#;
        let filter: FilterInput = serde_json::from_str(json).unwrap();
        assert_eq!(filter.metadata["a.b"], MetadataCondition::Equals(3.into()));
        let MetadataCondition::Compare(range) = &filter.metadata["c"] else { panic!() };
        assert_eq!((&range.gte, &range.lt), (&Some(1.into()), &Some(5.into())));
        let MetadataCondition::Compare(null) = &filter.metadata["d"] else { panic!() };
        assert_eq!(null.eq, Some(Value::Null));
        assert_eq!(serde_json::to_string(&filter).unwrap(), json);
    }

    #[test]
    fn wrong_comparisons_say_what_is_possible() {
        let error = |json: &str| serde_json::from_str::<FilterInput>(json).unwrap_err().to_string();
        assert!(error(r#"{"metadata":{"a":{"greater":1}}}"#).contains("unknown field `greater`"));
        assert!(error(r#"{"metadata":{"a":{}}}"#).contains("at least one of"));
        assert!(error(r#"{"metadata":{"a":[1,2]}}"#).contains("\"in\""));
    }

    #[test]
    fn a_filter_is_empty_only_without_any_condition() {
        let filter: FilterInput =
            serde_json::from_str(r#"{"and":[{"or":[{"not":{"tags":["a"]}}]}]}"#).unwrap();
        assert!(FilterInput::default().is_empty());
        assert!(!filter.is_empty());
    }
}
