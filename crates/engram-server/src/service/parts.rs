//! Batches that several cores prepare: part by part, put together in their order.

use engram_engine::{Engine, EngineError};

use crate::embedding::Locality;
use crate::lanes::{HelperPlaces, spread};

/// What of a batch a core prepares at a time.
const PART_ITEMS: usize = 16;

/// More cores help with more than one part, where the vectors are computed here. A batch that is too large is left to
/// the engine to refuse.
pub(crate) fn worth_spreading(engine: &Engine, space: &str, count: usize) -> bool {
    let parts = PART_ITEMS + 1..=engine.settings().batch_memories_max;
    let here = engine.space(space).is_ok_and(|info| {
        info.settings.identity.as_ref().is_none_or(|id| Locality::of(id) == Locality::Here)
    });
    parts.contains(&count) && here
}

/// Prepares more than one part; `work` gets each with the place of its first item.
pub(crate) fn in_parts<T: Send, P: Send>(
    helpers: &HelperPlaces,
    items: Vec<T>,
    work: impl Fn((usize, Vec<T>)) -> Result<P, EngineError> + Sync,
    append: fn(&mut P, P) -> Result<(), EngineError>,
) -> Result<P, EngineError> {
    let mut parts = Vec::with_capacity(items.len() / PART_ITEMS + 1);
    let mut items = items.into_iter().peekable();
    let mut first = 0;
    while items.peek().is_some() {
        let part: Vec<T> = items.by_ref().take(PART_ITEMS).collect();
        first += part.len();
        parts.push((first - part.len(), part));
    }
    let mut prepared = spread(helpers, parts, work).into_iter();
    let mut whole = prepared.next().expect("there are at least two parts")?;
    for part in prepared {
        append(&mut whole, part?)?;
    }
    Ok(whole)
}
