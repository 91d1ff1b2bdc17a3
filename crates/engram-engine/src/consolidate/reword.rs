//! Beliefs in the words of a model, where one is configured. What it cannot say stays in the words of the memories.

use engram_embed::Phraser;

use super::Planned;
use super::draft::Draft;
use crate::error::EngineError;
use crate::memtable::Snapshot;
use crate::model::State;
use crate::space::{Space, embed_text};

/// Texts that a model is shown, and how much of each, bytes.
const TEXTS_MAX: usize = 8;
const TEXT_BYTES_MAX: usize = 1_000;

/// Puts the new texts of a step into the words of a model; why that failed last, if it did.
pub(super) fn reword(
    phraser: &dyn Phraser,
    (space, snapshot): (&Space, &Snapshot),
    planned: &mut Planned,
) -> Option<String> {
    let mut failed = None;
    for draft in planned.revised.iter_mut().filter_map(|revised| revised.text.as_mut()) {
        match reworded(phraser, (space, snapshot), draft) {
            Ok(()) => phraser.model().clone_into(&mut draft.model),
            Err(error) => failed = Some(error.to_string()),
        }
    }
    failed
}

fn reworded(
    phraser: &dyn Phraser,
    (space, snapshot): (&Space, &Snapshot),
    draft: &mut Draft,
) -> Result<(), EngineError> {
    let mut shown = draft.quoted.clone();
    shown.extend(draft.read.iter().filter(|node| !draft.quoted.contains(node)));
    shown.truncate(TEXTS_MAX.max(draft.quoted.len()));
    let mut texts = Vec::new();
    for node in &shown {
        if let Some((at, State::Active)) = snapshot.doc_of_node(*node) {
            texts.push(beginning(&snapshot.memory(at).content.text).to_owned());
        }
    }
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let said = phraser.phrase(&texts)?;
    let before = std::mem::replace(&mut draft.content.text, said);
    match space.embed(&[embed_text(&draft.content)]) {
        Ok(mut embedded) => {
            if let Some(vectors) = embedded.pop().filter(|vectors| !vectors.is_empty()) {
                draft.vectors = vectors;
            }
            // It may be words of anything that it was shown.
            shown.sort_unstable();
            draft.quoted = shown;
            Ok(())
        }
        Err(error) => {
            draft.content.text = before;
            Err(error)
        }
    }
}

fn beginning(text: &str) -> &str {
    let mut end = text.len().min(TEXT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
