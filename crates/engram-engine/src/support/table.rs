//! The memories that were looked at, field by field.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use engram_index::{agreement, attention};

use crate::completion::{FieldName, value_key};
use crate::memtable::DocRef;
use crate::model::MetaValue;

/// Fields that are told apart; of the metadata, those that come first in the order of the log.
const COLUMNS_MAX: usize = 256;

/// A memory that was looked at.
pub(crate) struct Looked {
    pub(crate) at: DocRef,
    pub(crate) id: String,
    /// How many of its class it stands for.
    pub(crate) count: f64,
    /// Whether it agrees with something that is known.
    pub(crate) agrees: bool,
}

/// The values of one field.
#[derive(Default)]
pub(crate) struct Column {
    /// Each once, by the first memory that holds it.
    pub(crate) values: Vec<MetaValue>,
    places: HashMap<String, u32>,
    /// Memories that hold the field, by their place among those looked at, with the places of their values.
    pub(crate) rows: Vec<(u32, Vec<u32>)>,
}

impl Column {
    fn put(&mut self, entry: u32, values: Vec<MetaValue>) {
        let mut held: Vec<u32> = values.into_iter().map(|value| self.place(value)).collect();
        held.sort_unstable();
        held.dedup();
        self.rows.push((entry, held));
    }

    fn place(&mut self, value: MetaValue) -> u32 {
        let next = self.values.len() as u32;
        let place = *self.places.entry(value_key(&value)).or_insert(next);
        if place == next {
            self.values.push(value);
        }
        place
    }

    pub(crate) fn place_of(&self, value: &MetaValue) -> Option<u32> {
        self.places.get(&value_key(value)).copied()
    }
}

/// Something that is known, and which memories agree with it.
pub(crate) struct Feature {
    /// The field whose value it is; none for text, vector and time.
    pub(crate) field: Option<FieldName>,
    /// How far each memory that was looked at agrees, in [0, 1].
    pub(crate) degrees: Vec<f32>,
    /// Mean degree over all memories that may be evidence, in [0, 1].
    pub(crate) share: f64,
}

/// The memories that were looked at, and what is known.
#[derive(Default)]
pub(crate) struct Evidence {
    /// In the order of the log.
    pub(crate) looked: Vec<Looked>,
    pub(crate) columns: BTreeMap<FieldName, Column>,
    pub(crate) features: Vec<Feature>,
    /// Fields that are known.
    pub(crate) given: BTreeSet<FieldName>,
    /// Memories that agree with something that is known.
    pub(crate) agreeing: u64,
}

impl Evidence {
    /// Adds a memory with the fields that it holds.
    pub(super) fn look_at(&mut self, looked: Looked, held: Vec<(FieldName, Vec<MetaValue>)>) {
        let entry = self.looked.len() as u32;
        self.looked.push(looked);
        for (field, values) in held {
            if self.columns.contains_key(&field) || self.columns.len() < COLUMNS_MAX {
                self.columns.entry(field).or_default().put(entry, values);
            }
        }
    }

    /// How far each memory that was looked at holds this value: 1 or 0.
    pub(crate) fn holding(&self, field: &FieldName, value: &MetaValue) -> Vec<f32> {
        let mut degrees = vec![0.0; self.looked.len()];
        if let Some(column) = self.columns.get(field)
            && let Some(place) = column.place_of(value)
        {
            for (entry, held) in &column.rows {
                if held.contains(&place) {
                    degrees[*entry as usize] = 1.0;
                }
            }
        }
        degrees
    }

    /// Fields to be filled: those asked for, else at most `most` that are not known and that agreeing memories hold, those that
    /// most of them hold.
    pub(crate) fn wanted(&self, asked: &[FieldName], most: usize) -> Vec<FieldName> {
        if !asked.is_empty() {
            return asked.iter().cloned().collect::<BTreeSet<_>>().into_iter().collect();
        }
        let agrees = |entry: u32| self.looked[entry as usize].agrees;
        let holders = |column: &Column| column.rows.iter().filter(|row| agrees(row.0)).count();
        let open = self.columns.iter().filter(|(field, _)| !self.given.contains(field));
        let open = open.map(|(field, column)| (holders(column), field));
        let mut open: Vec<(usize, &FieldName)> = open.filter(|(count, _)| *count > 0).collect();
        open.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
        open.truncate(most);
        let wanted: BTreeSet<&FieldName> = open.into_iter().map(|(_, field)| field).collect();
        wanted.into_iter().cloned().collect()
    }

    /// How much each memory that agrees with something resembles what is known, in (0, 1]: 1 for the one that does most.
    pub(crate) fn likeness(&self) -> BTreeMap<DocRef, f64> {
        let score = |entry: usize| {
            let says = |known: &Feature| agreement(f64::from(known.degrees[entry]), known.share);
            self.features.iter().map(says).sum::<f64>()
        };
        let scores: Vec<f64> = (0..self.looked.len()).map(score).collect();
        let weights = attention(&scores, &vec![1.0; scores.len()]);
        let most = weights.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
        let entries = self.looked.iter().zip(&weights).filter(|(looked, _)| looked.agrees);
        entries.map(|(looked, weight)| (looked.at, weight / most)).collect()
    }
}
