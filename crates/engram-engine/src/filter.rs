//! Which memories an operation is about: a predicate over one memory's own fields.
//!
//! An empty filter matches everything; every condition that is set must hold. Ranges include their start and exclude
//! their end. A memory without the field that a condition names does not match, except under `NotEqual` and
//! `Exists(false)`.

use std::cmp::Ordering;

use engram_index::{LikePattern, order_int_float};

use crate::error::{EngineError, InvalidValue};
use crate::model::{Kind, Memory, MetaValue, Metadata};

/// Deepest nesting of `all`, `any` and `none`.
pub const FILTER_DEPTH_MAX: usize = 16;
/// Most conditions of a filter, nested ones included.
pub const FILTER_CONDITIONS_MAX: usize = 1_000;

/// Longest pattern of a filter, bytes: fitting takes time in the product of pattern and text.
pub(crate) const PATTERN_BYTES_MAX: usize = 256;

/// A half-open range of times in ns; an absent end is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct TimeRange {
    /// First instant inside.
    pub from: Option<i64>,
    /// First instant behind.
    pub until: Option<i64>,
}

impl TimeRange {
    /// Whether it ends before it starts.
    pub(crate) fn is_reversed(&self) -> bool {
        matches!((self.from, self.until), (Some(from), Some(until)) if until < from)
    }

    pub(crate) fn is_open(&self) -> bool {
        self.from.is_none() && self.until.is_none()
    }

    pub(crate) fn contains(&self, time: i64) -> bool {
        self.from.is_none_or(|from| from <= time) && self.until.is_none_or(|until| time < until)
    }
}

/// Conditions on one memory, all of which must hold.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Filter {
    /// Range of `occurred_at`, or of the commit time where that is not given.
    pub occurred: TimeRange,
    /// Range of the commit time.
    pub committed: TimeRange,
    /// Time at which it must be true, ns: not before its `valid_from` and before its `valid_until`, as far as these are given.
    pub valid_at: Option<i64>,
    /// Tags that must all be there.
    pub tags_all: Vec<String>,
    /// Tags of which one must be there.
    pub tags_any: Vec<String>,
    /// People of whom one must be there.
    pub people_any: Vec<String>,
    /// Kinds allowed; empty = all.
    pub kinds: Vec<Kind>,
    /// Session it must belong to.
    pub session: Option<String>,
    /// Place it must have happened at.
    pub place: Option<String>,
    /// Kind of source it must come from.
    pub source_kind: Option<String>,
    /// Reference that its source must have.
    pub source_reference: Option<String>,
    /// Least trust that its source must be stated to have, in [0, 1]; a memory without a stated trust does not match.
    pub min_trust: Option<f32>,
    /// Ids allowed; empty = all.
    pub ids: Vec<String>,
    /// Conditions on metadata.
    pub metadata: Vec<MetaCondition>,
    /// Conditions on what the memory itself says. No column answers them: each memory is looked at.
    pub fields: Vec<OwnCondition>,
    /// Filters that must all match.
    pub all: Vec<Filter>,
    /// Filters of which one must match; empty = no condition.
    pub any: Vec<Filter>,
    /// Filters of which none may match.
    pub none: Vec<Filter>,
}

/// A test of one metadata value.
#[derive(Clone, Debug, PartialEq)]
pub struct MetaCondition {
    /// Names from the top level down.
    pub path: Vec<String>,
    /// What must hold of the value there.
    pub test: MetaTest,
}

/// A test of one field of a memory itself.
#[derive(Clone, Debug, PartialEq)]
pub struct OwnCondition {
    /// Which field.
    pub field: OwnField,
    /// What must hold of its value. An empty text is none.
    pub test: MetaTest,
}

/// A field of a memory with one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnField {
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
    /// Number of its version.
    Version,
    /// Log sequence number of the commit that stored it.
    Lsn,
}

/// What may be asked of a metadata value. Numbers compare as numbers, strings as bytes; values of different sorts are
/// unequal and have no order. Where the value is a list, a test holds if it holds for one of its elements.
#[derive(Clone, Debug, PartialEq)]
pub enum MetaTest {
    /// Equal to.
    Equal(MetaValue),
    /// Absent, or not equal to.
    NotEqual(MetaValue),
    /// Less than.
    Less(MetaValue),
    /// Less than or equal to.
    AtMost(MetaValue),
    /// Greater than.
    Greater(MetaValue),
    /// Greater than or equal to.
    AtLeast(MetaValue),
    /// Equal to one of these.
    In(Vec<MetaValue>),
    /// A string that fits the pattern.
    Like(LikePattern),
    /// There is a value at the path; an explicit null counts.
    Exists,
    /// There is no value at the path.
    Missing,
}

/// From when until when something is true, ns; none = open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Validity {
    pub(crate) from: Option<i64>,
    pub(crate) until: Option<i64>,
}

impl Validity {
    pub(crate) fn holds(self, at_ns: i64) -> bool {
        self.from.is_none_or(|from| from <= at_ns) && self.until.is_none_or(|until| at_ns < until)
    }

    /// Lets it end by then.
    pub(crate) fn end(&mut self, at_ns: i64) {
        self.until = Some(self.until.map_or(at_ns, |until| until.min(at_ns)));
    }

    /// Lets it begin no earlier.
    pub(crate) fn begin(&mut self, at_ns: i64) {
        self.from = Some(self.from.map_or(at_ns, |from| from.max(at_ns)));
    }
}

impl Memory {
    /// From when until when it says that it is true.
    pub(crate) fn validity(&self) -> Validity {
        Validity { from: self.content.valid_from, until: self.content.valid_until }
    }
}

impl Filter {
    /// Refuses reversed ranges and filters that are nested or long beyond the limits.
    ///
    /// # Errors
    /// [`EngineError::Invalid`] with the path of the offending part.
    pub fn validate(&self) -> Result<(), EngineError> {
        let mut conditions = 0;
        self.validate_at("filter", 1, &mut conditions)
    }

    fn validate_at(
        &self,
        path: &str,
        depth: usize,
        conditions: &mut usize,
    ) -> Result<(), EngineError> {
        if depth > FILTER_DEPTH_MAX {
            return Err(EngineError::invalid(
                path,
                InvalidValue::TooDeep { max: FILTER_DEPTH_MAX },
            ));
        }
        for (name, range) in [("occurred", &self.occurred), ("committed", &self.committed)] {
            if range.is_reversed() {
                return Err(EngineError::invalid(format!("{path}.{name}"), InvalidValue::Reversed));
            }
        }
        if let Some(value) = self.min_trust.filter(|trust| !(0.0..=1.0).contains(trust)) {
            let value = f64::from(value);
            let problem = InvalidValue::OutOfRange { value, low: 0.0, high: 1.0 };
            return Err(EngineError::invalid(format!("{path}.min_trust"), problem));
        }
        let metadata = self.metadata.iter().map(|condition| ("metadata", &condition.test));
        let fields = self.fields.iter().map(|condition| ("fields", &condition.test));
        if let Some((name, _)) = metadata.chain(fields).find(|(_, test)| !test.is_finite()) {
            let problem = InvalidValue::NonFinite { position: 0 };
            return Err(EngineError::invalid(format!("{path}.{name}"), problem));
        }
        let metadata = self.metadata.iter().map(|condition| ("metadata", &condition.test));
        let fields = self.fields.iter().map(|condition| ("fields", &condition.test));
        for (name, test) in metadata.chain(fields) {
            if let MetaTest::Like(pattern) = test {
                let (bytes, max) = (pattern.bytes(), PATTERN_BYTES_MAX);
                if bytes > max {
                    let problem = InvalidValue::TooLong { bytes, max };
                    return Err(EngineError::invalid(format!("{path}.{name}"), problem));
                }
            }
        }
        *conditions += self.own_conditions();
        if *conditions > FILTER_CONDITIONS_MAX {
            let problem = InvalidValue::TooMany { count: *conditions, max: FILTER_CONDITIONS_MAX };
            return Err(EngineError::invalid(path, problem));
        }
        for (name, nested) in [("and", &self.all), ("or", &self.any), ("not", &self.none)] {
            for (index, filter) in nested.iter().enumerate() {
                filter.validate_at(&format!("{path}.{name}[{index}]"), depth + 1, conditions)?;
            }
        }
        Ok(())
    }

    fn own_conditions(&self) -> usize {
        let metadata = self.metadata.iter().map(|condition| &condition.test);
        let fields = self.fields.iter().map(|condition| &condition.test);
        let values: usize = metadata
            .chain(fields)
            .map(|test| match test {
                MetaTest::In(values) => values.len().max(1),
                _ => 1,
            })
            .sum();
        values
            + self.tags_all.len()
            + self.tags_any.len()
            + self.people_any.len()
            + self.kinds.len()
            + self.ids.len()
            + self.all.len()
            + self.any.len()
            + self.none.len()
    }

    /// Whether nothing is asked.
    pub fn is_empty(&self) -> bool {
        *self == Filter::default()
    }

    /// Whether it asks what is true at a time.
    pub(crate) fn asks_validity(&self) -> bool {
        let mut nested = self.all.iter().chain(&self.any).chain(&self.none);
        self.valid_at.is_some() || nested.any(Filter::asks_validity)
    }

    /// Whether `memory` meets every condition; it is true as long as it says.
    pub fn matches(&self, memory: &Memory) -> bool {
        self.matches_in(memory, memory.validity())
    }

    /// Whether `memory`, which is true as long as `validity` says, meets every condition.
    pub(crate) fn matches_in(&self, memory: &Memory, validity: Validity) -> bool {
        let nested = |filter: &Filter| filter.matches_in(memory, validity);
        self.matches_fields(memory)
            && self.valid_at.is_none_or(|at| validity.holds(at))
            && self.metadata.iter().all(|condition| condition.holds(&memory.content.metadata))
            && self.fields.iter().all(|condition| condition.holds(memory))
            && self.all.iter().all(nested)
            && (self.any.is_empty() || self.any.iter().any(nested))
            && !self.none.iter().any(nested)
    }

    fn matches_fields(&self, memory: &Memory) -> bool {
        let content = &memory.content;
        let committed = memory.committed_at.0;
        let occurred = memory.happened_at();
        let is =
            |wanted: &Option<String>, value: &String| wanted.as_ref().is_none_or(|w| w == value);
        (self.occurred.is_open() || self.occurred.contains(occurred))
            && (self.committed.is_open() || self.committed.contains(committed))
            && self.tags_all.iter().all(|tag| content.tags.contains(tag))
            && allows(&self.tags_any, &content.tags)
            && allows(&self.people_any, &content.people)
            && (self.kinds.is_empty() || self.kinds.contains(&content.kind))
            && is(&self.session, &content.session)
            && is(&self.place, &content.place)
            && is(&self.source_kind, &content.source.kind)
            && is(&self.source_reference, &content.source.reference)
            && self.min_trust.is_none_or(|least| content.source.trust.is_some_and(|t| t >= least))
            && (self.ids.is_empty() || self.ids.contains(&memory.id))
    }
}

fn allows(wanted: &[String], present: &[String]) -> bool {
    wanted.is_empty() || wanted.iter().any(|value| present.contains(value))
}

impl MetaTest {
    /// Whether every number in it is finite: NaN has no place in an order.
    fn is_finite(&self) -> bool {
        match self {
            MetaTest::Equal(value)
            | MetaTest::NotEqual(value)
            | MetaTest::Less(value)
            | MetaTest::AtMost(value)
            | MetaTest::Greater(value)
            | MetaTest::AtLeast(value) => is_finite(value),
            MetaTest::In(values) => values.iter().all(is_finite),
            MetaTest::Like(_) | MetaTest::Exists | MetaTest::Missing => true,
        }
    }
}

fn is_finite(value: &MetaValue) -> bool {
    match value {
        MetaValue::Float(number) => number.is_finite(),
        MetaValue::List(elements) => elements.iter().all(is_finite),
        MetaValue::Map(nested) => nested.values().all(is_finite),
        MetaValue::Null | MetaValue::Bool(_) | MetaValue::Int(_) | MetaValue::Text(_) => true,
    }
}

impl MetaCondition {
    fn holds(&self, metadata: &Metadata) -> bool {
        self.test.holds(lookup(metadata, &self.path))
    }
}

impl MetaTest {
    /// That a string fits a pattern: `%` stands for any characters, `_` for one, `\` takes the next as it is.
    pub fn like(pattern: &str) -> MetaTest {
        MetaTest::Like(LikePattern::new(pattern))
    }

    fn holds(&self, found: Option<&MetaValue>) -> bool {
        match (self, found) {
            (MetaTest::Missing, found) => found.is_none(),
            (MetaTest::Exists, found) => found.is_some(),
            (MetaTest::NotEqual(wanted), found) => {
                found.is_none_or(|v| !any(v, |v| equal(v, wanted)))
            }
            (_, None) => false,
            (MetaTest::Equal(wanted), Some(v)) => any(v, |v| equal(v, wanted)),
            (MetaTest::In(wanted), Some(v)) => any(v, |v| wanted.iter().any(|w| equal(v, w))),
            (MetaTest::Less(w), Some(v)) => any(v, |v| order(v, w).is_some_and(Ordering::is_lt)),
            (MetaTest::AtMost(w), Some(v)) => any(v, |v| order(v, w).is_some_and(Ordering::is_le)),
            (MetaTest::Greater(w), Some(v)) => any(v, |v| order(v, w).is_some_and(Ordering::is_gt)),
            (MetaTest::AtLeast(w), Some(v)) => any(v, |v| order(v, w).is_some_and(Ordering::is_ge)),
            (MetaTest::Like(pattern), Some(v)) => {
                any(v, |v| matches!(v, MetaValue::Text(text) if pattern.matches(text)))
            }
        }
    }
}

impl OwnCondition {
    /// Whether it asks for what the head of a cold memory lacks.
    pub(crate) fn asks_text(&self) -> bool {
        matches!(self.field, OwnField::Title | OwnField::Text)
    }

    pub(crate) fn holds(&self, memory: &Memory) -> bool {
        let content = &memory.content;
        let number = |number: f32| MetaValue::Float(f64::from(number));
        let whole = |number: u64| i64::try_from(number).ok().map(MetaValue::Int);
        let value = match self.field {
            OwnField::Title => return self.holds_text(&content.title),
            OwnField::Text => return self.holds_text(&content.text),
            OwnField::Session => return self.holds_text(&content.session),
            OwnField::Place => return self.holds_text(&content.place),
            OwnField::Subject => return self.holds_text(&content.subject),
            OwnField::Attribute => return self.holds_text(&content.attribute),
            OwnField::Principal => return self.holds_text(&memory.principal),
            OwnField::Importance => content.importance.map(number),
            OwnField::Confidence => content.confidence.map(number),
            OwnField::Trust => content.source.trust.map(number),
            OwnField::Version => whole(u64::from(memory.version)),
            OwnField::Lsn => whole(memory.lsn.0),
        };
        self.test.holds(value.as_ref())
    }

    /// The commonest test of a text copies none.
    fn holds_text(&self, text: &str) -> bool {
        match &self.test {
            MetaTest::Like(pattern) => !text.is_empty() && pattern.matches(text),
            test => {
                test.holds((!text.is_empty()).then(|| MetaValue::Text(text.to_owned())).as_ref())
            }
        }
    }
}

fn lookup<'a>(metadata: &'a Metadata, path: &[String]) -> Option<&'a MetaValue> {
    let (first, rest) = path.split_first()?;
    let value = metadata.get(first)?;
    match (rest.is_empty(), value) {
        (true, value) => Some(value),
        (false, MetaValue::Map(inner)) => lookup(inner, rest),
        (false, _) => None,
    }
}

fn any(value: &MetaValue, mut test: impl FnMut(&MetaValue) -> bool) -> bool {
    match value {
        MetaValue::List(elements) => test(value) || elements.iter().any(test),
        _ => test(value),
    }
}

fn equal(left: &MetaValue, right: &MetaValue) -> bool {
    match order(left, right) {
        Some(ordering) => ordering.is_eq(),
        None => left == right,
    }
}

fn order(left: &MetaValue, right: &MetaValue) -> Option<Ordering> {
    match (left, right) {
        (MetaValue::Int(a), MetaValue::Int(b)) => Some(a.cmp(b)),
        (MetaValue::Int(a), MetaValue::Float(b)) => Some(order_int_float(*a, *b)),
        (MetaValue::Float(a), MetaValue::Int(b)) => Some(order_int_float(*b, *a).reverse()),
        (MetaValue::Float(a), MetaValue::Float(b)) => a.partial_cmp(b),
        (MetaValue::Text(a), MetaValue::Text(b)) => Some(a.as_bytes().cmp(b.as_bytes())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_and_fractional_numbers_have_an_exact_order() {
        let beyond = (1_i64 << 53) + 1;
        let cases = [
            (1, 1.0, Ordering::Equal),
            (1, 1.5, Ordering::Less),
            (-1, -1.5, Ordering::Greater),
            (beyond, (1_i64 << 53) as f64, Ordering::Greater),
            (i64::MAX, 1e300, Ordering::Less),
            (i64::MIN, -1e300, Ordering::Greater),
            (i64::MIN, i64::MIN as f64, Ordering::Equal),
        ];
        for (int, float, expected) in cases {
            assert_eq!(order_int_float(int, float), expected, "{int} against {float}");
        }
    }

    #[test]
    fn tests_of_metadata() {
        let inner = Metadata::from([("floor".to_owned(), MetaValue::Int(3))]);
        let metadata = Metadata::from([
            ("city".to_owned(), MetaValue::Text("Berlin".to_owned())),
            ("rooms".to_owned(), MetaValue::List(vec![MetaValue::Int(1), MetaValue::Int(9)])),
            ("house".to_owned(), MetaValue::Map(inner)),
            ("none".to_owned(), MetaValue::Null),
        ]);
        let holds = |path: &str, test: MetaTest| {
            let path = path.split('.').map(str::to_owned).collect();
            MetaCondition { path, test }.holds(&metadata)
        };
        let text = |value: &str| MetaValue::Text(value.to_owned());
        assert!(holds("city", MetaTest::Equal(text("Berlin"))));
        assert!(!holds("city", MetaTest::NotEqual(text("Berlin"))));
        assert!(holds("absent", MetaTest::NotEqual(text("Berlin"))));
        assert!(holds("house.floor", MetaTest::AtLeast(MetaValue::Float(3.0))));
        assert!(!holds("house.floor", MetaTest::Greater(MetaValue::Float(3.0))));
        assert!(holds("rooms", MetaTest::Greater(MetaValue::Int(8))));
        assert!(holds("rooms", MetaTest::In(vec![MetaValue::Int(1)])));
        assert!(!holds("city", MetaTest::Less(MetaValue::Int(8))), "no order across sorts");
        assert!(holds("none", MetaTest::Exists));
        assert!(holds("none.deeper", MetaTest::Missing));
    }
}
