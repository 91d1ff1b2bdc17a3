//! Pairs near in meaning of which the later one may change or deny the earlier one.

use engram_index::Analyzer;

use crate::contrast::{COMPARED_WORDS_MAX, Side, contrast};
use crate::memtable::Snapshot;
use crate::model::Memory;
use crate::record::MarkRecord;

/// The marks between a memory and those near it, which stand with their cosines. Two that state the same thing stand in a chain:
/// they need no mark.
pub(super) fn marks(
    (snapshot, analyzer): (&Snapshot, &Analyzer),
    (node, memory): (u32, &Memory),
    near: &[(u32, f32)],
) -> Vec<MarkRecord> {
    if memory.content.text.split_whitespace().count() > COMPARED_WORDS_MAX {
        return Vec::new();
    }
    let claim = memory.content.claim(&snapshot.supersede_key);
    let mark = |(other, cosine): &(u32, f32)| {
        let (at, _) = snapshot.doc_of_node(*other)?;
        let before = snapshot.memory(at);
        if claim.is_some() && before.content.claim(&snapshot.supersede_key) == claim {
            return None;
        }
        let first = (before.happened_at(), *other) < (memory.happened_at(), node);
        let ends = if first { (*other, node) } else { (node, *other) };
        let (earlier, later) =
            if first { (side(&before), side(memory)) } else { (side(memory), side(&before)) };
        let found = contrast(analyzer, earlier, later)?;
        Some(MarkRecord {
            earlier: ends.0,
            later: ends.1,
            kind: found.kind.code(),
            ground: found.ground.code(),
            cosine: *cosine,
            before: found.before,
            after: found.after,
            cues: found.cues,
        })
    };
    near.iter().filter_map(mark).collect()
}

fn side(memory: &Memory) -> Side<'_> {
    let content = &memory.content;
    Side { text: &content.text, people: &content.people, at_ns: memory.happened_at() }
}
