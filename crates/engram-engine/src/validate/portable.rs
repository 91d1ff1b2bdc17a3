//! Limits on what an import brings. What it says of the past is checked like what a file says of it; times ahead of the clock count
//! as now, as clocks of two machines never agree.

use engram_index::{
    PRESENTATION_DECAY_MAX, PRESENTATION_WEIGHT_MAX, PRESENTATIONS_MAX, Retention, WITNESSES_MAX,
};

use super::{
    Checked, ID_BYTES_MAX, NAME_BYTES_MAX, associate, length, memory, printable, time_span,
    too_many, unit_vector, within_days as within,
};
use crate::dynamics::Carried;
use crate::error::{EngineError, InvalidValue};
use crate::portable::{
    Embedded, MEMBERS_MAX, Past, Portable, PortableBelief, PortableDecision, PortableMemory,
};
use crate::settings::EngineSettings;

/// Most vectors of one memory.
const EMBEDDED_MAX: usize = 1_024;
/// How far from 1 the square of the length of a vector may be that counts as one of unit length.
const UNIT_TOLERANCE: f64 = 1e-5;
/// Most observations that an update may have carried over; what sources say in a century comes to less.
const OBSERVATIONS_MAX: f64 = 1e6;
/// FSRS knows difficulties from 1 to 10.
const DIFFICULTY: (f64, f64) = (1.0, 10.0);

/// Refuses a record that breaks a limit.
pub(crate) fn portable(
    record: &mut Portable,
    (dimension, settings): (u32, &EngineSettings),
    now_ns: i64,
) -> Checked {
    match record {
        Portable::Memory(brought) => {
            whole(brought, (dimension, settings), now_ns).map_err(|error| error.within("memory"))
        }
        Portable::Association(stated) => {
            associate(stated).map_err(|error| error.within("association"))
        }
        Portable::Decision(decided) => {
            decision(decided, now_ns).map_err(|error| error.within("decision"))
        }
        Portable::Belief(rests) => belief(rests).map_err(|error| error.within("belief")),
    }
}

fn whole(
    brought: &mut PortableMemory,
    (dimension, settings): (u32, &EngineSettings),
    now_ns: i64,
) -> Checked {
    if brought.memory.id.is_none() {
        return Err(EngineError::invalid("content.id", InvalidValue::Missing));
    }
    let given = brought.memory.vector.clone().filter(|vector| is_unit(vector));
    memory(&mut brought.memory, dimension, settings).map_err(|error| error.within("content"))?;
    if given.is_some() {
        // It has unit length already: not a bit of it changes, for its hash is about it.
        brought.memory.vector = given;
    }
    brought.first_stored_ns = brought.first_stored_ns.map(|at_ns| at_ns.min(now_ns));
    if let Some(Embedded { vectors, .. }) = &mut brought.embedded {
        if vectors.is_empty() {
            return Err(EngineError::invalid("embedded.vectors", InvalidValue::Missing));
        }
        too_many("embedded.vectors", vectors.len(), EMBEDDED_MAX)?;
        for vector in vectors.iter_mut() {
            if vector.len() != dimension as usize || !is_unit(vector) {
                unit_vector("embedded.vectors", vector, dimension)?;
            }
        }
    }
    let past = brought.learned.as_mut().and_then(|learned| learned.past.as_mut());
    past.map_or(Ok(()), |own| past_of(own, now_ns)).map_err(|error| error.within("learned.past"))
}

fn is_unit(vector: &[f32]) -> bool {
    let square: f64 = vector.iter().map(|part| f64::from(*part) * f64::from(*part)).sum();
    (square - 1.0).abs() <= UNIT_TOLERANCE
}

fn past_of(past: &mut Past, now_ns: i64) -> Checked {
    retention(&mut past.retention, now_ns)?;
    too_many("sources", past.evidence.witnesses().len(), WITNESSES_MAX)?;
    let Some(Carried { statement, supports, opposes, .. }) = past.carried else { return Ok(()) };
    within("carried.statement", statement, (f64::MIN_POSITIVE, 1.0))?;
    within("carried.supports", supports, (0.0, OBSERVATIONS_MAX))?;
    within("carried.opposes", opposes, (0.0, OBSERVATIONS_MAX))
}

fn retention(retention: &mut Retention, now_ns: i64) -> Checked {
    retention.born_ns = retention.born_ns.min(now_ns);
    time_span("first_stability_days", retention.first_stability_days)?;
    within("difficulty", retention.difficulty, DIFFICULTY)?;
    too_many("reviews", retention.presentations.len(), PRESENTATIONS_MAX)?;
    let mut before = retention.born_ns;
    for review in &mut retention.presentations {
        review.at_ns = review.at_ns.min(now_ns);
        review.since_ns = review.since_ns.min(now_ns);
        if review.at_ns < before || review.since_ns > review.at_ns {
            return Err(EngineError::invalid("reviews", InvalidValue::Reversed));
        }
        before = review.at_ns;
        time_span("reviews.stability_days", review.stability_days)?;
        within("reviews.decay", review.decay, (0.0, PRESENTATION_DECAY_MAX))?;
        within("reviews.weight", review.weight, (0.0, PRESENTATION_WEIGHT_MAX))?;
    }
    Ok(())
}

fn decision(decided: &mut PortableDecision, now_ns: i64) -> Checked {
    printable("id", &decided.id, ID_BYTES_MAX)?;
    printable("other", &decided.other, ID_BYTES_MAX)?;
    if decided.id == decided.other {
        return Err(EngineError::SelfAssociation { id: decided.id.clone() });
    }
    decided.decided_ns = decided.decided_ns.map(|at_ns| at_ns.min(now_ns));
    Ok(())
}

fn belief(rests: &PortableBelief) -> Checked {
    printable("id", &rests.id, ID_BYTES_MAX)?;
    length("model", &rests.model, NAME_BYTES_MAX)?;
    within("written", f64::from(rests.written), (0.0, MEMBERS_MAX as f64))?;
    for (field, ids) in
        [("members", &rests.members), ("dissent", &rests.dissent), ("quoted", &rests.quoted)]
    {
        too_many(field, ids.len(), MEMBERS_MAX)?;
        ids.iter().try_for_each(|id| printable(field, id, ID_BYTES_MAX))?;
    }
    Ok(())
}
