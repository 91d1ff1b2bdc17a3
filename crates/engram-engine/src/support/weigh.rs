//! What the memories say about one field, and by how much each of them counts.

use engram_index::{Beta, agreement, attention, dependence, effective_count};

use super::table::{Column, Evidence, Feature};
use crate::completion::{FieldCandidate, FieldName};
use crate::model::MetaValue;

/// Most memories named as sources.
const SOURCES_MAX: usize = 10;
/// Share of the distribution that an interval covers.
const INTERVAL_MASS: f64 = 0.9;
/// What the share of a value among all memories weighs beside the evidence, in observations: thin evidence stays near it.
const PRIOR_OBSERVATIONS: f64 = 1.0;
/// Expected share of a value of which nothing is known: with one observation the prior of Jeffreys.
const UNDECIDED: f64 = 0.5;
/// Keeps the parameters of a distribution positive.
const EVIDENCE_MIN: f64 = 1e-6;

/// The values of a field with what speaks for each.
pub(crate) struct Weighed<'a> {
    evidence: &'a Evidence,
    column: &'a Column,
    /// Of each row of the column; they sum to 1.
    weights: Vec<f64>,
    /// Of each value: its share of the weights, and its share among memories in general.
    pub(crate) shares: Vec<(f64, f64)>,
    /// Memories of equal weight that would say as much.
    pub(crate) effective: f64,
    /// The same of all memories that hold the field.
    effective_general: f64,
    /// Share of all memories that hold the field, and as how many of equal weight all count.
    held: (f64, f64),
    /// Whether something that is known says something about the field.
    pub(crate) informed: bool,
}

impl Evidence {
    /// What the memories say about a field, judged by all features but its own.
    pub(crate) fn weigh<'a>(&'a self, field: &FieldName, column: &'a Column) -> Weighed<'a> {
        let counts: Vec<f64> =
            column.rows.iter().map(|row| self.looked[row.0 as usize].count).collect();
        let general = shares(column, &normalised(&counts));
        let features: Vec<&Feature> =
            self.features.iter().filter(|known| known.field.as_ref() != Some(field)).collect();
        let mut says: Vec<f64> =
            features.iter().map(|known| informs(column, &counts, known, &general)).collect();
        let informed = says.iter().any(|says| *says > 0.0);
        if !informed {
            // What is known says nothing that counts. What agrees with most of it is named all the same.
            says.fill(1.0);
        }
        let score = |row: &(u32, Vec<u32>)| {
            let of_feature = |(known, says): (&&Feature, &f64)| {
                says * agreement(f64::from(known.degrees[row.0 as usize]), known.share)
            };
            features.iter().zip(&says).map(of_feature).sum::<f64>()
        };
        let scores: Vec<f64> = column.rows.iter().map(score).collect();
        let weights = attention(&scores, &counts);
        let own = shares(column, &weights);
        Weighed {
            evidence: self,
            column,
            shares: own.into_iter().zip(general).collect(),
            effective: effective_count(&weights),
            effective_general: effective_count(&counts),
            held: self.held(&counts),
            weights,
            informed,
        }
    }
}

impl Evidence {
    /// What share of all memories that were looked at those of these counts are, and as how many of equal weight all count.
    fn held(&self, counts: &[f64]) -> (f64, f64) {
        let all: Vec<f64> = self.looked.iter().map(|looked| looked.count).collect();
        let share = counts.iter().sum::<f64>() / all.iter().sum::<f64>().max(f64::MIN_POSITIVE);
        (share.min(1.0), effective_count(&all))
    }
}

fn normalised(counts: &[f64]) -> Vec<f64> {
    attention(&vec![0.0; counts.len()], counts)
}

/// Share of the weights that each value has; of a list each element by itself.
fn shares(column: &Column, weights: &[f64]) -> Vec<f64> {
    let mut shares = vec![0.0; column.values.len()];
    for ((_, held), weight) in column.rows.iter().zip(weights) {
        for place in held {
            shares[*place as usize] += weight;
        }
    }
    shares
}

/// Whether the memories that agree with a feature say something else about the field than memories in general.
fn informs(column: &Column, counts: &[f64], known: &Feature, general: &[f64]) -> f64 {
    let degree = |row: &(u32, Vec<u32>)| f64::from(known.degrees[row.0 as usize]);
    let weights: Vec<f64> =
        column.rows.iter().zip(counts).map(|(row, count)| count * degree(row)).collect();
    let own = shares(column, &normalised(&weights));
    let pairs: Vec<(f64, f64)> = own.into_iter().zip(general.iter().copied()).collect();
    dependence(effective_count(&weights), &pairs)
}

impl Weighed<'_> {
    /// Values by their share of the weights, largest first; equal ones in the order of the log.
    pub(crate) fn ranking(&self) -> Vec<u32> {
        let mut places: Vec<u32> = (0..self.shares.len() as u32).collect();
        places.sort_by(|a, b| {
            let share = |place: &u32| self.shares[*place as usize].0;
            share(b).total_cmp(&share(a)).then(a.cmp(b))
        });
        places.retain(|place| self.shares[*place as usize].0 > 0.0);
        places
    }

    /// How probable a value is: its share, drawn towards that among memories in general where the evidence is thin.
    pub(crate) fn belief(&self, place: u32) -> Beta {
        let (own, general) = self.shares[place as usize];
        // How common a value is in general is no surer than the memories are many.
        let known = self.effective_general / (self.effective_general + PRIOR_OBSERVATIONS);
        beta(own, general * known, self.effective)
    }

    /// Lower end of the interval of a value's share among memories in general, those without the field too.
    pub(crate) fn low_in_general(&self, place: u32) -> f64 {
        let (_, general) = self.shares[place as usize];
        let (held, all) = self.held;
        low(beta(general * held, UNDECIDED, all))
    }

    /// A value as an answer shows it.
    pub(crate) fn candidate(&self, place: u32) -> FieldCandidate {
        let belief = self.belief(place);
        FieldCandidate {
            value: self.column.values[place as usize].clone(),
            probability: belief.mean() as f32,
            low: low(belief) as f32,
            sources: self.sources(&[place]),
        }
    }

    /// Several elements of a list as one value: as sure as the least sure of them.
    pub(crate) fn candidate_of_all(&self, places: &[u32]) -> Option<FieldCandidate> {
        let least = places
            .iter()
            .copied()
            .min_by(|a, b| self.belief(*a).mean().total_cmp(&self.belief(*b).mean()))?;
        let value = |place: &u32| self.column.values[*place as usize].clone();
        Some(FieldCandidate {
            value: MetaValue::List(places.iter().map(value).collect()),
            sources: self.sources(places),
            ..self.candidate(least)
        })
    }

    /// Ids of the memories that hold one of these values, those that count most first.
    fn sources(&self, places: &[u32]) -> Vec<String> {
        let holds = |held: &[u32]| held.iter().any(|place| places.contains(place));
        let rows = self.column.rows.iter().zip(&self.weights);
        let mut rows: Vec<(u32, f64)> = rows
            .filter(|((_, held), weight)| **weight > 0.0 && holds(held))
            .map(|((entry, _), weight)| {
                (*entry, weight / self.evidence.looked[*entry as usize].count)
            })
            .collect();
        rows.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        rows.truncate(SOURCES_MAX);
        rows.iter().map(|(entry, _)| self.evidence.looked[*entry as usize].id.clone()).collect()
    }
}

/// What so many memories with this share say, over one observation of `expected`.
fn beta(share: f64, expected: f64, memories: f64) -> Beta {
    let prior = PRIOR_OBSERVATIONS;
    Beta {
        alpha: (share * memories + expected * prior).max(EVIDENCE_MIN),
        beta: ((1.0 - share) * memories + (1.0 - expected) * prior).max(EVIDENCE_MIN),
    }
}

/// Lower end of the interval.
pub(crate) fn low(belief: Beta) -> f64 {
    belief.interval(INTERVAL_MASS).0
}
