//! Which memories are looked at.

use std::collections::{HashMap, HashSet};

use super::docs::DocSet;
use super::table::{Evidence, Feature, Looked};
use crate::answer::Mode;
use crate::completion::{FieldName, Partial, held};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::filter::{Filter, MetaCondition, MetaTest, TimeRange};
use crate::memtable::{DocRef, Snapshot};
use crate::model::{Kind, MemoryContent, MetaValue};
use crate::recognize::{likeness, overlap, terms};
use crate::request::Cue;
use crate::space::Space;

/// Memories that text and vector find.
const RECALLED_MAX: usize = 100;
/// Agreement below which a memory has nothing to do with a text.
const DEGREE_MIN: f32 = 0.05;
/// Newest memories that are looked through for a title, a subject or an attribute, for which there are no columns.
const SCANNED_MAX: usize = 20_000;
/// Memories that agree with nothing and say what memories say in general.
const GENERAL_MAX: usize = 400;
/// Features that count: the rarest.
const FEATURES_MAX: usize = 24;
/// Classes from which on features do not split them any further.
const CLASSES_MAX: usize = 256;
/// What happened so much earlier or later happened at about the same time, ns.
const NEAR_NS: i64 = 12 * 3_600_000_000_000;

/// What evidence is wanted for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// For the values of fields: a memory agrees with a text that it is relevant for, and one that is stored twice to the letter
    /// counts once.
    Fields,
    /// For occasions of the same: a memory agrees with a text that says what it says, and each counts.
    Occasions,
}

/// What evidence is wanted of.
pub(crate) struct Asked<'a> {
    pub(crate) partial: &'a Partial,
    pub(crate) filter: &'a Filter,
    /// Fields that will be weighed; empty = all.
    pub(crate) fields: &'a [FieldName],
    /// Most memories that are looked at for agreeing with something.
    pub(crate) evidence_max: usize,
    pub(crate) purpose: Purpose,
}

/// Something that is known, and the memories that agree with it.
struct Known {
    field: Option<FieldName>,
    docs: DocSet,
    /// How far they agree; none = wholly.
    degrees: Option<HashMap<DocRef, f32>>,
    share: f64,
}

impl Known {
    fn degree(&self, at: DocRef) -> f32 {
        match &self.degrees {
            Some(degrees) => degrees.get(&at).copied().unwrap_or(0.0),
            None => f32::from(u8::from(self.docs.contains(at))),
        }
    }
}

impl Engine {
    /// Finds and looks at the memories that say something about a partial one.
    pub(crate) fn evidence(
        &self,
        space: &Space,
        snapshot: &Snapshot,
        asked: &Asked<'_>,
    ) -> Result<Evidence, EngineError> {
        let all = DocSet::recallable(snapshot, asked.filter, self.now_ns());
        let mut known = by_values(snapshot, &all, asked.partial);
        known.extend(by_time(snapshot, &all, asked.partial));
        known.extend(self.by_recall(space, snapshot, asked, &all)?);
        known.retain(|known| known.docs.len() > 0);
        known.sort_by(|a, b| a.share.total_cmp(&b.share));
        known.truncate(FEATURES_MAX);
        let (classes, rest) = classes(all, &known);
        let mut picked: Vec<(DocRef, f64)> = Vec::new();
        let mut pick = |class: &DocSet, count: usize| {
            let from = picked.len();
            picked.extend(class.spread_out(count).map(|at| (at, 0.0)));
            let taken = picked.len() - from;
            let each = class.len() as f64 / taken.max(1) as f64;
            picked[from..].iter_mut().for_each(|(_, stands_for)| *stands_for = each);
        };
        let sizes: Vec<usize> = classes.iter().map(|class| class.len() as usize).collect();
        for (class, count) in classes.iter().zip(allotted(&sizes, asked.evidence_max)) {
            pick(class, count);
        }
        pick(&rest, GENERAL_MAX);
        picked.sort_by_key(|(at, _)| *at);
        let mut evidence = looked_at(snapshot, asked, &picked, &known);
        evidence.agreeing = sizes.iter().sum::<usize>() as u64;
        evidence.given = asked.partial.known().into_iter().map(|(field, _)| field).collect();
        Ok(evidence)
    }

    /// What text and vector are about.
    fn by_recall(
        &self,
        space: &Space,
        snapshot: &Snapshot,
        asked: &Asked<'_>,
        all: &DocSet,
    ) -> Result<Option<Known>, EngineError> {
        let Partial { title, text, vector, .. } = asked.partial;
        let text = format!("{title} {text}").trim().to_owned();
        if text.is_empty() && vector.is_none() {
            return Ok(None);
        }
        let cue = Cue {
            vector: match vector {
                Some(vector) => Some(vector.clone()),
                None => space.embed_query(&text)?,
            },
            text,
            filter: asked.filter.clone(),
            mode: Mode::Hybrid,
            limit: RECALLED_MAX,
            ..Cue::default()
        };
        let own = terms(space, &cue.text);
        let degree = |(at, relevance): (DocRef, f32)| {
            let memory = snapshot.memory(at);
            let content = &memory.content;
            let said = if title.is_empty() { "" } else { &content.title };
            let theirs = terms(space, &format!("{said} {}", content.text));
            let cosine = cue.vector.as_ref().and_then(|vector| snapshot.cosine(at, vector));
            let same = likeness(cosine.unwrap_or(0.0), overlap(&own, &theirs));
            // Of many memories that say the same none stands out, and none is relevant.
            (at, if asked.purpose == Purpose::Fields { same.max(relevance) } else { same })
        };
        let found = self.found(space, snapshot, &cue)?.into_iter().map(degree);
        let found: Vec<(DocRef, f32)> = found.filter(|(_, degree)| *degree >= DEGREE_MIN).collect();
        let docs = all.only(found.iter().map(|(at, _)| *at));
        let sum: f64 = found.iter().map(|(_, degree)| f64::from(*degree)).sum();
        let share = sum / all.len().max(1) as f64;
        Ok(Some(Known { field: None, docs, degrees: Some(found.into_iter().collect()), share }))
    }
}

/// Each value that is known, with the memories that hold it.
fn by_values(snapshot: &Snapshot, all: &DocSet, partial: &Partial) -> Vec<Known> {
    let count = all.len().max(1);
    let mut known = Vec::new();
    let mut scanned = Vec::new();
    for (field, values) in partial.known() {
        for value in values {
            match condition(&field, &value) {
                Some(filter) => {
                    let docs = all.matching(snapshot, &filter);
                    let share = docs.len() as f64 / count as f64;
                    known.push(Known { field: Some(field.clone()), docs, degrees: None, share });
                }
                None => scanned.push((field.clone(), value, Vec::new())),
            }
        }
    }
    if scanned.is_empty() {
        return known;
    }
    for at in all.newest(SCANNED_MAX) {
        let head = snapshot.head(at);
        for (field, value, found) in &mut scanned {
            if holds(&head.content, field, value) {
                found.push(at);
            }
        }
    }
    let seen = count.min(SCANNED_MAX as u64) as f64;
    known.extend(scanned.into_iter().map(|(field, _, found)| Known {
        field: Some(field),
        share: found.len() as f64 / seen,
        docs: all.only(found.into_iter()),
        degrees: None,
    }));
    known
}

/// The filter that lets pass what holds a value; none for fields without a column.
fn condition(field: &FieldName, value: &MetaValue) -> Option<Filter> {
    let text = match value {
        MetaValue::Text(text) => text.clone(),
        _ => String::new(),
    };
    let none = Filter::default();
    match field {
        FieldName::Kind => Some(Filter { kinds: vec![Kind::from_name(&text)?], ..none }),
        FieldName::Session => Some(Filter { session: Some(text), ..none }),
        FieldName::Place => Some(Filter { place: Some(text), ..none }),
        FieldName::People => Some(Filter { people_any: vec![text], ..none }),
        FieldName::Tags => Some(Filter { tags_all: vec![text], ..none }),
        FieldName::Metadata(path) => {
            let test = MetaTest::Equal(value.clone());
            Some(Filter { metadata: vec![MetaCondition { path: path.clone(), test }], ..none })
        }
        FieldName::Title | FieldName::Subject | FieldName::Attribute => None,
    }
}

fn holds(content: &MemoryContent, field: &FieldName, value: &MetaValue) -> bool {
    let own = match field {
        FieldName::Title => &content.title,
        FieldName::Subject => &content.subject,
        FieldName::Attribute => &content.attribute,
        _ => return false,
    };
    matches!(value, MetaValue::Text(text) if text == own)
}

fn by_time(snapshot: &Snapshot, all: &DocSet, partial: &Partial) -> Option<Known> {
    let at = partial.occurred_at?;
    let (from, until) = (at.saturating_sub(NEAR_NS), at.saturating_add(NEAR_NS));
    let occurred = TimeRange { from: Some(from), until: Some(until) };
    let docs = all.matching(snapshot, &Filter { occurred, ..Filter::default() });
    let share = docs.len() as f64 / all.len().max(1) as f64;
    Some(Known { field: None, docs, degrees: None, share })
}

/// Memories with the same features together, those with the most telling ones first; and those with none.
fn classes(all: DocSet, known: &[Known]) -> (Vec<DocSet>, DocSet) {
    let mut classes: Vec<DocSet> = Vec::new();
    let mut rest = all;
    for feature in known {
        let splits = classes.len() < CLASSES_MAX;
        let mut refined = Vec::with_capacity(classes.len() * 2 + 1);
        for class in classes {
            if !splits {
                refined.push(class);
                continue;
            }
            let (with, without) = class.split(&feature.docs);
            refined.extend([with, without].into_iter().filter(|class| class.len() > 0));
        }
        let (with, without) = rest.split(&feature.docs);
        if with.len() > 0 {
            refined.push(with);
        }
        (classes, rest) = (refined, without);
    }
    (classes, rest)
}

/// How many of each class are looked at, `most` in all: of small ones all, of the others equally many.
fn allotted(sizes: &[usize], most: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..sizes.len()).collect();
    order.sort_by_key(|place| (sizes[*place], *place));
    let mut allotted = vec![0; sizes.len()];
    let mut left = most;
    for (done, place) in order.iter().enumerate() {
        let share = (left / (sizes.len() - done)).max(1).min(left);
        allotted[*place] = share.min(sizes[*place]);
        left -= allotted[*place];
    }
    allotted
}

/// Reads the memories.
fn looked_at(
    snapshot: &Snapshot,
    asked: &Asked<'_>,
    picked: &[(DocRef, f64)],
    known: &[Known],
) -> Evidence {
    let is_metadata = |field: &FieldName| matches!(field, FieldName::Metadata(_));
    let whole = asked.fields.is_empty() || asked.fields.iter().any(is_metadata);
    let mut evidence = Evidence::default();
    let mut seen = HashSet::new();
    for (at, count) in picked {
        let memory = if whole { snapshot.memory(*at) } else { snapshot.head(*at) };
        if asked.purpose == Purpose::Fields && !seen.insert(memory.content_hash) {
            continue;
        }
        let agrees = known.iter().any(|known| known.degree(*at) > 0.0);
        let looked = Looked { at: *at, id: memory.id.clone(), count: *count, agrees };
        evidence.look_at(looked, held(Some(memory.content.kind), &memory.content));
    }
    evidence.features = known
        .iter()
        .map(|known| Feature {
            field: known.field.clone(),
            degrees: evidence.looked.iter().map(|looked| known.degree(looked.at)).collect(),
            share: known.share,
        })
        .collect();
    evidence
}

#[cfg(test)]
mod tests {
    use super::allotted;

    #[test]
    fn small_classes_are_looked_at_whole() {
        assert_eq!(allotted(&[5, 1_000, 2_000], 205), [5, 100, 100]);
        assert_eq!(allotted(&[3, 2], 100), [3, 2]);
        assert_eq!(allotted(&[9, 9, 9], 2), [1, 1, 0]);
        assert!(allotted(&[], 10).is_empty());
    }
}
