//! Imagine: a memory that might be, put together from values of memories that are.
//!
//! Episodic simulation recombines what is remembered (Schacter and Addis, "The cognitive neuroscience of constructive memory",
//! 2007). The surest field is chosen first, then counts as known for the next one, so that the parts fit each other; greedy search
//! does not always find the most probable combination. Unlike completion it never holds back, and nothing of it is stored.

use std::collections::BTreeSet;

use crate::completion::{Abstention, FieldCandidate, FieldName, Imagine, Imagined, Partial};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::memtable::Snapshot;
use crate::model::{Kind, MetaValue, Metadata};
use crate::space::Space;
use crate::support::{Asked, Evidence, Feature, Purpose};
use crate::validate;

/// Fields that are made up where none are named.
const PARTS_MAX: usize = 16;
/// Probability from which on a further element of a list is taken.
const ELEMENT_FROM: f64 = 0.5;

impl Engine {
    /// Fills the fields of a partial memory with what fits best, however thin that is. Changes and stores nothing.
    ///
    /// # Errors
    /// Nothing that is given, an invalid value, a failing embedder.
    pub fn imagine(&self, space: &str, asked: &Imagine) -> Result<Imagined, EngineError> {
        let space = self.serving(space)?;
        let mut asked = asked.clone();
        let dimension = space.identity.settings.dimension;
        validate::imagine(&mut asked, dimension, self.settings())?;
        let snapshot = space.snapshot.load_full();
        let imagined = self.imagined(&space, &snapshot, asked);
        space.sound(imagined)
    }

    fn imagined(
        &self,
        space: &Space,
        snapshot: &Snapshot,
        asked: Imagine,
    ) -> Result<Imagined, EngineError> {
        let wanted = Asked {
            partial: &asked.partial,
            filter: &asked.filter,
            fields: &asked.fields,
            evidence_max: asked.evidence_max,
            purpose: Purpose::Fields,
        };
        let mut evidence = self.evidence(space, snapshot, &wanted)?;
        let most = if asked.fields.is_empty() { PARTS_MAX } else { validate::COMPLETED_FIELDS_MAX };
        let mut open: BTreeSet<FieldName> =
            evidence.wanted(&asked.fields, most).into_iter().collect();
        open.retain(|field| evidence.agreeing > 0 && !evidence.given.contains(field));
        let mut partial = asked.partial;
        let mut parts: Vec<(FieldName, FieldCandidate)> = Vec::new();
        while let Some((field, candidate, share)) = surest(&evidence, &open) {
            open.remove(&field);
            if put(&mut partial, &field, &candidate.value) {
                let degrees = degrees(&evidence, &field, &candidate.value);
                evidence.features.push(Feature { field: Some(field.clone()), degrees, share });
                parts.push((field, candidate));
            }
        }
        let held: Vec<Vec<f32>> = parts
            .iter()
            .map(|(field, candidate)| degrees(&evidence, field, &candidate.value))
            .collect();
        let places = 0..evidence.looked.len();
        let precedents = places.filter(|place| held.iter().all(|degrees| degrees[*place] >= 1.0));
        Ok(Imagined {
            partial,
            abstained: parts.is_empty().then_some(Abstention::NoEvidence),
            precedents: if parts.is_empty() { 0 } else { precedents.count() as u64 },
            parts,
            looked_at: evidence.looked.len() as u64,
            lsn: snapshot.lsn,
        })
    }
}

/// The open field whose best value is the most probable one, with that value and its share among memories in general.
fn surest(
    evidence: &Evidence,
    open: &BTreeSet<FieldName>,
) -> Option<(FieldName, FieldCandidate, f64)> {
    let mut best: Option<(f64, &FieldName)> = None;
    for field in open {
        let Some(column) = evidence.columns.get(field) else { continue };
        let weighed = evidence.weigh(field, column);
        let Some(first) = weighed.ranking().first().copied() else { continue };
        let probability = weighed.belief(first).mean();
        if best.is_none_or(|(most, _)| probability > most) {
            best = Some((probability, field));
        }
    }
    let (_, field) = best?;
    let weighed = evidence.weigh(field, evidence.columns.get(field)?);
    let ranking = weighed.ranking();
    let first = *ranking.first()?;
    let (_, share) = weighed.shares[first as usize];
    if !field.is_list() {
        return Some((field.clone(), weighed.candidate(first), share));
    }
    let also = |place: &u32| *place == first || weighed.belief(*place).mean() >= ELEMENT_FROM;
    let elements: Vec<u32> = ranking.iter().copied().filter(also).collect();
    Some((field.clone(), weighed.candidate_of_all(&elements)?, share))
}

/// How far each memory holds a value: of a list, the share of its elements.
fn degrees(evidence: &Evidence, field: &FieldName, value: &MetaValue) -> Vec<f32> {
    match value {
        MetaValue::List(elements) if field.is_list() && !elements.is_empty() => {
            let mut sum = vec![0.0_f32; evidence.looked.len()];
            for element in elements {
                for (sum, degree) in sum.iter_mut().zip(evidence.holding(field, element)) {
                    *sum += degree;
                }
            }
            sum.iter().map(|sum| sum / elements.len() as f32).collect()
        }
        value => evidence.holding(field, value),
    }
}

/// Puts a value where it belongs; whether there is room: below a plain value of the metadata, and in the place of nested ones,
/// there is none.
fn put(partial: &mut Partial, field: &FieldName, value: &MetaValue) -> bool {
    let text = |value: &MetaValue| match value {
        MetaValue::Text(text) => text.clone(),
        _ => String::new(),
    };
    let labels = |value: &MetaValue| match value {
        MetaValue::List(elements) => elements.iter().map(text).collect(),
        _ => Vec::new(),
    };
    match field {
        FieldName::Kind => partial.kind = Kind::from_name(&text(value)),
        FieldName::Title => partial.title = text(value),
        FieldName::Session => partial.session = text(value),
        FieldName::Place => partial.place = text(value),
        FieldName::People => partial.people = labels(value),
        FieldName::Tags => partial.tags = labels(value),
        FieldName::Subject => partial.subject = text(value),
        FieldName::Attribute => partial.attribute = text(value),
        FieldName::Metadata(path) => return put_metadata(&mut partial.metadata, path, value),
    }
    true
}

fn put_metadata(metadata: &mut Metadata, path: &[String], value: &MetaValue) -> bool {
    let Some((first, rest)) = path.split_first() else { return false };
    if rest.is_empty() {
        let free = !metadata.contains_key(first);
        if free {
            metadata.insert(first.clone(), value.clone());
        }
        return free;
    }
    let inner = metadata.entry(first.clone());
    match inner.or_insert_with(|| MetaValue::Map(Metadata::new())) {
        MetaValue::Map(inner) => put_metadata(inner, rest, value),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_go_where_they_belong() {
        let mut partial = Partial::default();
        let text = |text: &str| MetaValue::Text(text.to_owned());
        let name = |name: &str| FieldName::from_name(name).unwrap();
        for (field, value) in [
            ("kind", text("fact")),
            ("people", MetaValue::List(vec![text("Ada")])),
            ("metadata.a.b", MetaValue::Int(1)),
            ("metadata.a.c", MetaValue::Int(2)),
        ] {
            assert!(put(&mut partial, &name(field), &value), "{field}");
        }
        for taken in ["metadata.a", "metadata.a.b", "metadata.a.b.c"] {
            assert!(!put(&mut partial, &name(taken), &MetaValue::Int(3)), "{taken}");
        }
        assert_eq!((partial.kind, partial.people.len()), (Some(Kind::Fact), 1));
        let fields: Vec<String> =
            partial.known().iter().map(|(field, _)| field.to_string()).collect();
        assert_eq!(fields, ["kind", "people", "metadata.a.b", "metadata.a.c"]);
    }
}
