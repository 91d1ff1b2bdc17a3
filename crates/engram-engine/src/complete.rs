//! Complete: what the missing fields of a partial memory probably are, by the memories that resemble it.
//!
//! A field is filled where the evidence agrees and is enough: the lower end of the interval of a value's probability must reach
//! what the caller asks for, and lie above the value's share among memories in general, so that a field which does not depend on
//! what is known is left open. No value is ever told that no memory holds.

use crate::completion::{
    Abstention, Complete, CompletedField, Completion, FieldCandidate, FieldName,
};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::memtable::Snapshot;
use crate::space::Space;
use crate::support::{Asked, Evidence, Purpose, Weighed, low};
use crate::validate;

/// Other values that are named.
const ALTERNATIVES_MAX: usize = 5;
/// Probability below which a value is not worth naming.
const ALTERNATIVE_MIN: f32 = 0.01;
/// Values of a list that are judged, most probable first.
const ELEMENTS_MAX: usize = 64;
/// Memories below which nothing that was found to say nothing is called disagreement.
const THIN_BELOW: f64 = 4.0;
/// Share among all memories from which on a value needs nothing to speak for it but that.
const CONSTANT_FROM: f64 = 0.9;

impl Engine {
    /// Fills the fields of a partial memory from the memories that agree with what is known of it. Changes nothing.
    ///
    /// # Errors
    /// Nothing that is known, an invalid value, a failing embedder.
    pub fn complete(&self, space: &str, asked: &Complete) -> Result<Completion, EngineError> {
        let space = self.serving(space)?;
        let mut asked = asked.clone();
        let dimension = space.identity.settings.dimension;
        validate::complete(&mut asked, dimension, self.settings())?;
        let snapshot = space.snapshot.load_full();
        let completed = self.completed(&space, &snapshot, &asked);
        space.sound(completed)
    }

    fn completed(
        &self,
        space: &Space,
        snapshot: &Snapshot,
        asked: &Complete,
    ) -> Result<Completion, EngineError> {
        let wanted = Asked {
            partial: &asked.partial,
            filter: &asked.filter,
            fields: &asked.fields,
            evidence_max: asked.evidence_max,
            purpose: Purpose::Fields,
        };
        let evidence = self.evidence(space, snapshot, &wanted)?;
        let fields = evidence.wanted(&asked.fields, validate::COMPLETED_FIELDS_MAX);
        let least = f64::from(asked.min_probability);
        Ok(Completion {
            fields: fields.into_iter().map(|field| judged(&evidence, field, least)).collect(),
            looked_at: evidence.looked.len() as u64,
            lsn: snapshot.lsn,
        })
    }
}

/// What the evidence says of one field.
fn judged(evidence: &Evidence, field: FieldName, least: f64) -> CompletedField {
    let agrees = |row: &(u32, Vec<u32>)| evidence.looked[row.0 as usize].agrees;
    let column = evidence.columns.get(&field).filter(|column| column.rows.iter().any(agrees));
    let Some(column) = column else {
        let filled = Err(Abstention::NoEvidence);
        return CompletedField { field, filled, alternatives: Vec::new(), evidence: 0.0 };
    };
    let weighed = evidence.weigh(&field, column);
    let ranking = weighed.ranking();
    let judged = if field.is_list() { ELEMENTS_MAX } else { 1 };
    let mut probable = ranking.iter().copied().take(judged);
    let filled: Vec<u32> = if field.is_list() {
        probable.filter(|place| is_sure(&weighed, *place, least)).collect()
    } else {
        probable.find(|place| is_sure(&weighed, *place, least)).into_iter().collect()
    };
    let others = ranking.iter().filter(|place| !filled.contains(place));
    let alternatives: Vec<FieldCandidate> = others
        .take(ALTERNATIVES_MAX)
        .map(|place| weighed.candidate(*place))
        .filter(|candidate| candidate.probability >= ALTERNATIVE_MIN)
        .collect();
    let whole = || match filled.first() {
        Some(_) if field.is_list() => weighed.candidate_of_all(&filled),
        Some(place) => Some(weighed.candidate(*place)),
        None => None,
    };
    CompletedField {
        filled: whole().ok_or_else(|| reason(&weighed, ranking.first().copied(), least)),
        alternatives,
        evidence: weighed.effective as f32,
        field,
    }
}

/// Whether a value may be told: probable enough, and not merely frequent, unless nearly all memories hold it.
fn is_sure(weighed: &Weighed<'_>, place: u32, least: f64) -> bool {
    let (_, general) = weighed.shares[place as usize];
    let low = low(weighed.belief(place));
    let depends = weighed.informed && low > general;
    low >= least && (depends || weighed.low_in_general(place) >= CONSTANT_FROM)
}

/// Why the best value may not be told.
fn reason(weighed: &Weighed<'_>, best: Option<u32>, least: f64) -> Abstention {
    let Some(best) = best else { return Abstention::NoEvidence };
    let (own, _) = weighed.shares[best as usize];
    let would_do = own > 0.5 && own >= least;
    let thin = if weighed.informed { would_do } else { weighed.effective < THIN_BELOW };
    if thin && low(weighed.belief(best)) < least {
        return Abstention::TooThin;
    }
    Abstention::NoAgreement
}
