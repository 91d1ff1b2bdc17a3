//! What may enter: every limit on a memory, a cue or a name is checked here and nowhere else.

mod portable;

use engram_index::{VectorError, normalise};

use crate::association::{Associate, Spread};
use crate::completion::{Complete, FieldName, Imagine, Partial, Predict};
use crate::error::{EngineError, InvalidValue};
use crate::model::{MemoryContent, MetaValue, Metadata, NewMemory, OwnDecay, metadata_bytes};
use crate::request::{Cue, FadingQuery, Feedback, Recognize, Update};
use crate::settings::{EngineSettings, RankWeights};

/// Longest id, bytes.
pub const ID_BYTES_MAX: usize = 256;
/// Longest title, bytes.
pub const TITLE_BYTES_MAX: usize = 1_024;
/// Longest session, place, person, entity, subject, attribute or source kind, bytes.
pub const NAME_BYTES_MAX: usize = 256;
/// Longest source reference, bytes.
pub const REFERENCE_BYTES_MAX: usize = 2_048;
/// Most tags, and most people or entities, of a memory.
pub const LABELS_MAX: usize = 64;
/// Longest field of metadata that a space declares, bytes.
const METADATA_KEY_BYTES_MAX: usize = 128;
/// Deepest metadata that the log's encoding carries.
const METADATA_DEPTH_LIMIT: usize = 16;
/// Longest tag, bytes.
pub const TAG_BYTES_MAX: usize = 128;
/// Longest relation of an association, bytes.
pub const RELATION_BYTES_MAX: usize = 128;
/// Longest reason of an association or of an update, bytes.
pub const REASON_BYTES_MAX: usize = 1_024;
/// Largest dimension of a space.
pub const DIMENSION_MAX: u32 = 4_096;
/// Most items in one answer.
pub const LIMIT_MAX: usize = 1_000;
/// Most memories that are part of a cue, and most that it should not be like.
pub const CUE_IDS_MAX: usize = 16;
/// Most beliefs that one request takes back.
pub const BELIEFS_UNDONE_MAX: usize = 1_000;
/// Most ids that a cue excludes.
pub const EXCLUDED_MAX: usize = 1_000;
/// Most memories on each side that are given beside an item.
pub const NEIGHBOURS_MAX: u32 = 10;
/// Most items that the pages of one cue reach.
pub(crate) const RANKED_MAX: usize = 10_000;
/// Most matches of a recognition.
pub(crate) const MATCHES_MAX: usize = 100;
/// Most seeds of a spreading.
pub const SPREAD_SEEDS_MAX: usize = 64;
/// Most hops of a spreading.
pub const SPREAD_HOPS_MAX: u32 = 8;
/// Most associations that a spreading may follow.
pub const SPREAD_EDGES_MAX: u32 = 1_000_000;
/// Shortest and longest stability, days: about a tenth of a second to a century.
const TIME_SPAN_DAYS: (f64, f64) = (1e-6, 36_500.0);
/// The same of a half-life, so that its stability lies within the other bounds by every law.
const HALF_LIFE_DAYS: (f64, f64) = (1e-4, 36_500.0);
/// Most fields that are asked to be completed.
pub const COMPLETED_FIELDS_MAX: usize = 64;
/// Most memories that a completion may look at for agreeing with something.
pub const EVIDENCE_MAX: usize = 2_000;
/// Most memories later in a session that a prediction may reach.
pub const PREDICT_STEPS_MAX: u32 = 8;
/// Most memories that stand for the present of a prediction.
pub const ANTECEDENTS_MAX: usize = 100;
/// Longest text of a cue, bytes.
pub const CUE_BYTES_MAX: usize = 64 << 10;

/// Retrievabilities that a forecast may ask for.
const FADED_BELOW: (f64, f64) = (0.001, 0.999);

pub(crate) use self::portable::portable;

type Checked = Result<(), EngineError>;

/// Refuses a memory that breaks a limit; brings its vector to unit length.
pub(crate) fn memory(memory: &mut NewMemory, dimension: u32, settings: &EngineSettings) -> Checked {
    if let Some(id) = &memory.id {
        printable("id", id, ID_BYTES_MAX)?;
        if matches!(id.as_str(), "." | "..") {
            return Err(EngineError::invalid("id", InvalidValue::Dots));
        }
    }
    if let Some(vector) = &mut memory.vector {
        unit_vector("vector", vector, dimension)?;
    }
    if memory.vector.is_none() && memory.content.text.trim().is_empty() {
        return Err(EngineError::invalid("text", InvalidValue::NoContent));
    }
    content(&memory.content, settings)
}

fn content(content: &MemoryContent, settings: &EngineSettings) -> Checked {
    length("text", &content.text, settings.text_bytes_max)?;
    length("title", &content.title, TITLE_BYTES_MAX)?;
    length("source.ref", &content.source.reference, REFERENCE_BYTES_MAX)?;
    for (field, value) in [
        ("session", &content.session),
        ("place", &content.place),
        ("subject", &content.subject),
        ("attribute", &content.attribute),
        ("source.kind", &content.source.kind),
    ] {
        if !value.is_empty() {
            printable(field, value, NAME_BYTES_MAX)?;
        }
    }
    labels("tags", &content.tags, TAG_BYTES_MAX)?;
    labels("people", &content.people, NAME_BYTES_MAX)?;
    labels("entities", &content.entities, NAME_BYTES_MAX)?;
    for (field, value) in [
        ("confidence", content.confidence),
        ("importance", content.importance),
        ("source.trust", content.source.trust),
    ] {
        if let Some(value) = value {
            share(field, value)?;
        }
    }
    for (field, from, until) in [
        ("occurred_until", content.occurred_at, content.occurred_until),
        ("valid_until", content.valid_from, content.valid_until),
    ] {
        if let (Some(from), Some(until)) = (from, until)
            && until < from
        {
            return Err(EngineError::invalid(field, InvalidValue::Reversed));
        }
    }
    if let Some(OwnDecay::Fading { half_life_days: Some(days), .. }) = content.decay {
        within_days("decay.half_life_days", days, HALF_LIFE_DAYS)?;
    }
    metadata(&content.metadata, settings)
}

/// Refuses a forecast of what is no retrievability, or looks no time ahead.
pub(crate) fn fading(asked: &FadingQuery) -> Checked {
    let (low, high) = FADED_BELOW;
    if !(low..=high).contains(&asked.below) {
        let problem = InvalidValue::OutOfRange { value: asked.below, low, high };
        return Err(EngineError::invalid("below", problem));
    }
    asked.within_days.map_or(Ok(()), |days| time_span("within_days", days))?;
    limit(asked.limit)?;
    asked.filter.validate()
}

/// Refuses what is no number of days, or more than a century.
pub(crate) fn time_span(field: &str, days: f64) -> Checked {
    within_days(field, days, TIME_SPAN_DAYS)
}

fn within_days(field: &str, days: f64, (low, high): (f64, f64)) -> Checked {
    if (low..=high).contains(&days) {
        return Ok(());
    }
    Err(EngineError::invalid(field, InvalidValue::OutOfRange { value: days, low, high }))
}

/// Refuses a judgement that breaks a limit.
pub(crate) fn feedback(request: &Feedback) -> Checked {
    printable("id", &request.id, ID_BYTES_MAX)?;
    length("reason", &request.reason, REASON_BYTES_MAX)?;
    match (&request.verdict, &request.pair) {
        (Some(_), None) => {}
        (None, Some(pair)) => {
            printable("other", &pair.other, ID_BYTES_MAX)?;
            if pair.other == request.id {
                return Err(EngineError::SelfAssociation { id: pair.other.clone() });
            }
        }
        _ => return Err(EngineError::invalid("verdict", InvalidValue::Missing)),
    }
    if let Some(recalled) = request.recalled {
        share("recalled.relevance", recalled.relevance)?;
        recalled.uncalibrated.map_or(Ok(()), |said| share("recalled.uncalibrated", said))?;
    }
    if request.source.is_empty() {
        return Ok(());
    }
    printable("source", &request.source, NAME_BYTES_MAX)
}

fn metadata(metadata: &Metadata, settings: &EngineSettings) -> Checked {
    map(metadata, 1, settings.metadata_depth_max)?;
    let bytes = metadata_bytes(metadata);
    if bytes > settings.metadata_bytes_max {
        let problem = InvalidValue::TooLong { bytes, max: settings.metadata_bytes_max };
        return Err(EngineError::invalid("metadata", problem));
    }
    Ok(())
}

fn map(metadata: &Metadata, depth: usize, depth_max: usize) -> Checked {
    if depth > depth_max {
        return Err(EngineError::invalid("metadata", InvalidValue::TooDeep { max: depth_max }));
    }
    metadata.values().try_for_each(|inner| value(inner, depth, depth_max))
}

fn value(inner: &MetaValue, depth: usize, depth_max: usize) -> Checked {
    match inner {
        MetaValue::Null | MetaValue::Bool(_) | MetaValue::Int(_) | MetaValue::Text(_) => Ok(()),
        MetaValue::Float(number) if number.is_finite() => Ok(()),
        MetaValue::Float(_) => {
            Err(EngineError::invalid("metadata", InvalidValue::NonFinite { position: 0 }))
        }
        MetaValue::Map(nested) => map(nested, depth + 1, depth_max),
        MetaValue::List(_) if depth + 1 > depth_max => {
            Err(EngineError::invalid("metadata", InvalidValue::TooDeep { max: depth_max }))
        }
        MetaValue::List(elements) => {
            elements.iter().try_for_each(|element| value(element, depth + 1, depth_max))
        }
    }
}

/// Refuses a cue that breaks a limit; brings its vector to unit length.
pub(crate) fn cue(cue: &mut Cue, dimension: u32) -> Checked {
    length("text", &cue.text, CUE_BYTES_MAX)?;
    length("negative.text", &cue.negative.text, CUE_BYTES_MAX)?;
    limit(cue.limit)?;
    share("min_relevance", cue.min_relevance)?;
    share("diversity", cue.diversity)?;
    too_many("like", cue.like.len(), CUE_IDS_MAX)?;
    too_many("negative.like", cue.negative.like.len(), CUE_IDS_MAX)?;
    too_many("exclude", cue.exclude.len(), EXCLUDED_MAX)?;
    if cue.neighbours > NEIGHBOURS_MAX {
        let value = f64::from(cue.neighbours);
        let problem = InvalidValue::OutOfRange { value, low: 0.0, high: f64::from(NEIGHBOURS_MAX) };
        return Err(EngineError::invalid("neighbours", problem));
    }
    let shown = cue.limit * (1 + 2 * cue.neighbours as usize);
    if cue.neighbours > 0 && shown > LIMIT_MAX {
        let high = (LIMIT_MAX / cue.limit).saturating_sub(1) / 2;
        let value = f64::from(cue.neighbours);
        let problem = InvalidValue::OutOfRange { value, low: 0.0, high: high as f64 };
        return Err(EngineError::invalid("neighbours", problem));
    }
    labels("around.people", &cue.around.people, NAME_BYTES_MAX)?;
    labels("around.tags", &cue.around.tags, TAG_BYTES_MAX)?;
    if cue.around.time.is_reversed() {
        return Err(EngineError::invalid("around.time", InvalidValue::Reversed));
    }
    if let Some(session) = &cue.prime {
        printable("prime.session", session, NAME_BYTES_MAX)?;
    }
    if let Some(given) = &cue.weights {
        weights("weights", given)?;
    }
    if let Some(vector) = &mut cue.vector {
        unit_vector("vector", vector, dimension)?;
    }
    if cue.vector.is_none() && cue.text.trim().is_empty() && cue.like.is_empty() {
        return Err(EngineError::EmptyCue);
    }
    if cue.after.is_some_and(|after| after.offset as usize > RANKED_MAX) {
        return Err(EngineError::CursorInvalid);
    }
    cue.filter.validate()
}

/// Refuses weights outside of [0, 1].
fn weights(field: &str, weights: &RankWeights) -> Checked {
    for (name, weight) in [
        ("vector", weights.vector),
        ("text", weights.text),
        ("context", weights.context),
        ("activation", weights.activation),
        ("strength", weights.strength),
        ("recency", weights.recency),
        ("importance", weights.importance),
        ("priming", weights.priming),
    ] {
        share(&format!("{field}.{name}"), weight)?;
    }
    Ok(())
}

/// Refuses an update that breaks a limit by itself; what it comes to is checked like any memory.
pub(crate) fn update(request: &Update) -> Checked {
    id(&request.id)?;
    length("reason", &request.reason, REASON_BYTES_MAX)?;
    request.idempotency_key.as_deref().map_or(Ok(()), idempotency_key)
}

/// Refuses what is not an id.
pub(crate) fn id(id: &str) -> Checked {
    printable("id", id, ID_BYTES_MAX)
}

/// Refuses a number of matches outside 1 to 100.
pub(crate) fn recognize(asked: &Recognize) -> Checked {
    if asked.limit == 0 || asked.limit > MATCHES_MAX {
        let value = asked.limit as f64;
        let problem = InvalidValue::OutOfRange { value, low: 1.0, high: MATCHES_MAX as f64 };
        return Err(EngineError::invalid("limit", problem));
    }
    Ok(())
}

/// Refuses a partial memory that breaks a limit of memories or cues; brings its vector to unit length.
fn partial(partial: &mut Partial, dimension: u32, settings: &EngineSettings) -> Checked {
    length("text", &partial.text, CUE_BYTES_MAX)?;
    if let Some(vector) = &mut partial.vector {
        unit_vector("vector", vector, dimension)?;
    }
    let mut known = partial.content();
    known.text.clear();
    content(&known, settings)
}

fn fields(fields: &[FieldName]) -> Checked {
    too_many("fields", fields.len(), COMPLETED_FIELDS_MAX)
}

/// Refuses a number below 1 or above `max`.
fn within(field: &str, value: usize, max: usize) -> Checked {
    if value == 0 || value > max {
        let (value, high) = (value as f64, max as f64);
        let problem = InvalidValue::OutOfRange { value, low: 1.0, high };
        return Err(EngineError::invalid(field, problem));
    }
    Ok(())
}

/// Refuses a completion that breaks a limit or has nothing to go by.
pub(crate) fn complete(asked: &mut Complete, dimension: u32, settings: &EngineSettings) -> Checked {
    partial(&mut asked.partial, dimension, settings).map_err(|error| error.within("partial"))?;
    if asked.partial.is_empty() {
        return Err(EngineError::EmptyCue);
    }
    fields(&asked.fields)?;
    share("min_probability", asked.min_probability)?;
    within("evidence_max", asked.evidence_max, EVIDENCE_MAX)?;
    asked.filter.validate()
}

/// The same of something to be imagined.
pub(crate) fn imagine(asked: &mut Imagine, dimension: u32, settings: &EngineSettings) -> Checked {
    partial(&mut asked.partial, dimension, settings).map_err(|error| error.within("partial"))?;
    if asked.partial.is_empty() {
        return Err(EngineError::EmptyCue);
    }
    fields(&asked.fields)?;
    within("evidence_max", asked.evidence_max, EVIDENCE_MAX)?;
    asked.filter.validate()
}

/// The same of a prediction.
pub(crate) fn predict(asked: &mut Predict, dimension: u32, settings: &EngineSettings) -> Checked {
    partial(&mut asked.partial, dimension, settings).map_err(|error| error.within("partial"))?;
    if asked.partial.is_empty() && asked.like.is_empty() {
        return Err(EngineError::EmptyCue);
    }
    too_many("like", asked.like.len(), CUE_IDS_MAX)?;
    within("steps_max", asked.steps_max as usize, PREDICT_STEPS_MAX as usize)?;
    within("antecedents_max", asked.antecedents_max, ANTECEDENTS_MAX)?;
    within("limit", asked.limit, MATCHES_MAX)?;
    share("min_probability", asked.min_probability)?;
    asked.filter.validate()
}

/// Refuses a spreading that breaks a limit.
pub(crate) fn spread(asked: &Spread) -> Checked {
    limit(asked.limit)?;
    if asked.seeds.is_empty() {
        return Err(EngineError::invalid("seeds", InvalidValue::Empty));
    }
    too_many("seeds", asked.seeds.len(), SPREAD_SEEDS_MAX)?;
    for (index, (id, activation)) in asked.seeds.iter().enumerate() {
        printable(&format!("seeds[{index}].id"), id, ID_BYTES_MAX)?;
        let field = format!("seeds[{index}].activation");
        share(&field, *activation)?;
        if *activation == 0.0 {
            return Err(EngineError::invalid(field, positive(1.0)));
        }
    }
    for (field, value, max) in
        [("hops", asked.hops, SPREAD_HOPS_MAX), ("edges_max", asked.edges_max, SPREAD_EDGES_MAX)]
    {
        if value == 0 || value > max {
            let (value, high) = (f64::from(value), f64::from(max));
            return Err(EngineError::invalid(
                field,
                InvalidValue::OutOfRange { value, low: 1.0, high },
            ));
        }
    }
    asked.filter.validate()
}

/// A zero where something above it is needed.
fn positive(high: f64) -> InvalidValue {
    InvalidValue::OutOfRange { value: 0.0, low: f64::from(f32::MIN_POSITIVE), high }
}

/// Refuses an association that breaks a limit.
pub(crate) fn associate(request: &Associate) -> Checked {
    ends(&request.from, &request.to)?;
    if !request.relation.is_empty() {
        printable("relation", &request.relation, RELATION_BYTES_MAX)?;
    }
    length("reason", &request.reason, REASON_BYTES_MAX)?;
    share("weight", request.weight)?;
    if request.weight == 0.0 {
        return Err(EngineError::invalid("weight", positive(1.0)));
    }
    Ok(())
}

/// Refuses ids that cannot be, and an association of a memory with itself.
pub(crate) fn ends(from: &str, to: &str) -> Checked {
    printable("from", from, ID_BYTES_MAX)?;
    printable("to", to, ID_BYTES_MAX)?;
    if from == to {
        return Err(EngineError::SelfAssociation { id: from.to_owned() });
    }
    Ok(())
}

/// Refuses a number of items outside 1 to [`LIMIT_MAX`].
pub(crate) fn limit(limit: usize) -> Checked {
    if limit == 0 || limit > LIMIT_MAX {
        let problem =
            InvalidValue::OutOfRange { value: limit as f64, low: 1.0, high: LIMIT_MAX as f64 };
        return Err(EngineError::invalid("limit", problem));
    }
    Ok(())
}

/// Refuses what is not a space name.
pub(crate) fn space_name(name: &str) -> Checked {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
    let first = name.bytes().next();
    let starts = first.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    if !starts || name.len() > 64 || !name.bytes().all(allowed) {
        return Err(EngineError::invalid("name", InvalidValue::SpaceName));
    }
    Ok(())
}

/// Refuses what is no name of a field of metadata.
pub(crate) fn supersede_key(key: &str) -> Checked {
    printable("supersede_key", key, METADATA_KEY_BYTES_MAX)
}

/// Refuses a dimension outside 1 to [`DIMENSION_MAX`].
pub(crate) fn dimension(dimension: u32) -> Checked {
    if dimension == 0 || dimension > DIMENSION_MAX {
        let problem = InvalidValue::OutOfRange {
            value: f64::from(dimension),
            low: 1.0,
            high: f64::from(DIMENSION_MAX),
        };
        return Err(EngineError::invalid("dimension", problem));
    }
    Ok(())
}

/// Refuses an idempotency key that is not printable.
pub(crate) fn idempotency_key(key: &str) -> Checked {
    printable("idempotency_key", key, ID_BYTES_MAX)
}

/// Refuses more than a batch may hold, or nothing.
pub(crate) fn batch(field: &str, count: usize, settings: &EngineSettings) -> Checked {
    if count == 0 {
        return Err(EngineError::invalid(field, InvalidValue::Empty));
    }
    too_many(field, count, settings.batch_memories_max)
}

fn unit_vector(field: &str, vector: &mut [f32], dimension: u32) -> Checked {
    if vector.len() != dimension as usize {
        let problem = InvalidValue::Dimension { expected: dimension, found: vector.len() };
        return Err(EngineError::invalid(field, problem));
    }
    normalise(vector).map_err(|error| {
        let problem = match error {
            VectorError::NonFinite { position } => InvalidValue::NonFinite { position },
            VectorError::Zero => InvalidValue::ZeroVector,
        };
        EngineError::invalid(field, problem)
    })
}

fn share(field: &str, value: f32) -> Checked {
    if value.is_nan() {
        return Err(EngineError::invalid(field, InvalidValue::NonFinite { position: 0 }));
    }
    if !(0.0..=1.0).contains(&value) {
        // Through the shortest decimal form: the caller wrote 1.1, not 1.10000002384185791015625.
        let value = value.to_string().parse().unwrap_or(f64::from(value));
        let problem = InvalidValue::OutOfRange { value, low: 0.0, high: 1.0 };
        return Err(EngineError::invalid(field, problem));
    }
    Ok(())
}

fn length(field: &str, text: &str, max: usize) -> Checked {
    if text.len() > max {
        return Err(EngineError::invalid(field, InvalidValue::TooLong { bytes: text.len(), max }));
    }
    Ok(())
}

fn printable(field: &str, text: &str, max: usize) -> Checked {
    if text.is_empty() || text.len() > max || text.chars().any(char::is_control) {
        return Err(EngineError::invalid(field, InvalidValue::NotPrintable { max }));
    }
    Ok(())
}

/// Ids of beliefs that are taken back.
pub(crate) fn belief_ids(ids: &[String]) -> Checked {
    if ids.is_empty() {
        return Err(EngineError::invalid("ids", InvalidValue::Empty));
    }
    too_many("ids", ids.len(), BELIEFS_UNDONE_MAX)
}

fn too_many(field: &str, count: usize, max: usize) -> Checked {
    if count > max {
        return Err(EngineError::invalid(field, InvalidValue::TooMany { count, max }));
    }
    Ok(())
}

fn labels(field: &str, labels: &[String], bytes_max: usize) -> Checked {
    too_many(field, labels.len(), LABELS_MAX)?;
    for (index, label) in labels.iter().enumerate() {
        printable(&format!("{field}[{index}]"), label, bytes_max)?;
    }
    Ok(())
}

/// Refuses settings that would acknowledge what cannot be read back.
pub(crate) fn settings(settings: &EngineSettings) -> Checked {
    if settings.metadata_depth_max > METADATA_DEPTH_LIMIT {
        let value = settings.metadata_depth_max as f64;
        let problem =
            InvalidValue::OutOfRange { value, low: 1.0, high: METADATA_DEPTH_LIMIT as f64 };
        return Err(EngineError::invalid("metadata_depth_max", problem));
    }
    if settings.tail_memories_max == 0 {
        let problem = InvalidValue::OutOfRange { value: 0.0, low: 1.0, high: f64::INFINITY };
        return Err(EngineError::invalid("tail_memories_max", problem));
    }
    weights("weights", &settings.weights)?;
    Ok(())
}
