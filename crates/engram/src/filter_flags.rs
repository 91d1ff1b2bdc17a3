//! The flags of a filter: the same for recall, spread, list, forget, restore and export.

use clap::Args;
use engram_api::{
    EdgeKindName, FilterFieldName, FilterInput, KindName, ListStateName, MetadataCondition,
    Timestamp, decode,
};
use serde_json::Value;

use crate::failure::Failure;
use crate::values;

/// Conditions on memories; all that are given must hold.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Filter")]
pub(crate) struct FilterFlags {
    /// Happened at or after this time or date
    #[arg(long, value_name = "TIME", value_parser = values::time)]
    after: Option<Timestamp>,
    /// Happened before this time or date
    #[arg(long, value_name = "TIME", value_parser = values::time)]
    before: Option<Timestamp>,
    /// Stored at or after this time or date
    #[arg(long, value_name = "TIME", value_parser = values::time)]
    committed_after: Option<Timestamp>,
    /// Stored before this time or date
    #[arg(long, value_name = "TIME", value_parser = values::time)]
    committed_before: Option<Timestamp>,
    /// True at this time or date
    #[arg(long, value_name = "TIME", value_parser = values::time)]
    valid_at: Option<Timestamp>,
    /// Carries this tag; repeated: all of them
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// Carries at least one of these tags
    #[arg(long = "any-tag", value_name = "TAG")]
    tags_any: Vec<String>,
    /// This person took part; repeated: at least one of them
    #[arg(long = "person", value_name = "NAME")]
    people: Vec<String>,
    /// Is of this kind; repeated: of one of them
    #[arg(long = "kind", value_name = "KIND", value_parser = kind)]
    kinds: Vec<KindName>,
    /// Belongs to this session
    #[arg(long, value_name = "SESSION")]
    session: Option<String>,
    /// Happened at this place
    #[arg(long, value_name = "PLACE")]
    place: Option<String>,
    /// Comes from a source of this kind
    #[arg(long, value_name = "KIND")]
    source_kind: Option<String>,
    /// Comes from exactly this source
    #[arg(long, value_name = "REF")]
    source_ref: Option<String>,
    /// The source is trusted at least so far, 0 to 1
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true)]
    min_trust: Option<f32>,
    /// Was stored by this caller, as `source.principal` names it
    #[arg(long, value_name = "PRINCIPAL")]
    principal: Option<String>,
    /// Metadata at this dotted path equals this value (JSON, or else text)
    #[arg(long = "meta", value_name = "PATH=VALUE", value_parser = values::key_value)]
    metadata: Vec<(String, Value)>,
    /// A whole filter as JSON, in the form of the interface; must hold as well
    #[arg(long, value_name = "JSON")]
    filter: Option<String>,
}

/// Reads which states a listing shows.
pub(crate) fn list_state(text: &str) -> Result<ListStateName, String> {
    serde_json::from_value(Value::from(text))
        .map_err(|_| "expected active, suppressed or all".to_owned())
}

/// Reads a kind of memory.
pub(crate) fn kind(text: &str) -> Result<KindName, String> {
    serde_json::from_value(Value::from(text))
        .map_err(|_| "expected episode, fact, procedure or belief".to_owned())
}

/// Reads a kind of association.
pub(crate) fn edge_kind(text: &str) -> Result<EdgeKindName, String> {
    serde_json::from_value(Value::from(text))
        .map_err(|_| "expected explicit, entity, mention, next or near".to_owned())
}

/// Reads a whole filter from a flag.
pub(crate) fn written(json: Option<&str>) -> Result<Option<FilterInput>, Failure> {
    let Some(json) = json else { return Ok(None) };
    let filter = decode(json.as_bytes()).map_err(|mut problem| {
        problem.detail = format!("--filter: {}", problem.detail);
        problem
    })?;
    Ok(Some(filter))
}

impl FilterFlags {
    /// The filter, or none where no flag was given.
    pub(crate) fn filter(&self) -> Result<Option<FilterInput>, Failure> {
        let equals = |(path, value): &(String, Value)| {
            (path.clone(), MetadataCondition::Equals(value.clone()))
        };
        let principal = |name: &String| {
            let equals = MetadataCondition::Equals(Value::from(name.as_str()));
            (FilterFieldName::Principal, equals)
        };
        let written = written(self.filter.as_deref())?;
        let flags = FilterInput {
            occurred_after: self.after,
            occurred_before: self.before,
            committed_after: self.committed_after,
            committed_before: self.committed_before,
            valid_at: self.valid_at,
            tags: self.tags.clone(),
            tags_any: self.tags_any.clone(),
            people: self.people.clone(),
            kinds: self.kinds.clone(),
            session: self.session.clone(),
            place: self.place.clone(),
            source_kind: self.source_kind.clone(),
            source_ref: self.source_ref.clone(),
            min_trust: self.min_trust,
            metadata: self.metadata.iter().map(equals).collect(),
            fields: self.principal.iter().map(principal).collect(),
            ..FilterInput::default()
        };
        Ok(match (flags.is_empty(), written) {
            (true, written) => written,
            (false, None) => Some(flags),
            (false, Some(written)) => Some(FilterInput { and: vec![written], ..flags }),
        })
    }
}
