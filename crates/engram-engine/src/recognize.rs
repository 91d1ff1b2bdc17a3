//! Recognise: has this been seen before?
//!
//! Familiarity is a judgement about the whole, not a search for parts (Yonelinas, "The nature of recollection and
//! familiarity", 2002): it looks at what is nearest by vector and by words and says how near that is.

use std::collections::{BTreeMap, HashSet};

use engram_index::TextQuery;

use crate::answer::{Match, Recognition};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::memtable::{DocRef, Snapshot};
use crate::model::State;
use crate::read::answered;
use crate::request::{Cue, Recognize};
use crate::search::{Accepted, Wanted};
use crate::space::Space;
use crate::validate;

/// Matches that are looked at for one shown.
const CANDIDATES_PER_MATCH: usize = 4;
/// Cosines of unrelated texts lie below: the familiarity of a vector starts here.
const SIMILARITY_FLOOR: f32 = 0.5;
/// Familiarity from which something counts as known.
const KNOWN_FROM: f32 = 0.8;

impl Engine {
    /// Says how familiar a text or vector is, and what is nearest to it. Changes nothing.
    ///
    /// # Errors
    /// Neither text nor vector, a limit outside of 1 to 100, a failing embedder.
    pub fn recognize(&self, space: &str, asked: &Recognize) -> Result<Recognition, EngineError> {
        let space = self.serving(space)?;
        validate::recognize(asked)?;
        let mut cue = Cue {
            text: asked.text.clone(),
            vector: asked.vector.clone(),
            limit: asked.limit * CANDIDATES_PER_MATCH,
            ..Cue::default()
        };
        validate::cue(&mut cue, space.identity.settings.dimension)?;
        if cue.vector.is_none() {
            cue.vector = space.embed_query(&asked.text)?;
        }
        let snapshot = space.snapshot.load_full();
        let candidates = self.nearest_by_all(&space, &snapshot, &cue);
        let own = terms(&space, &cue.text);
        let mut matches: Vec<Match> = candidates
            .into_iter()
            .map(|at| self.compare(&space, &snapshot, (&cue, &own), at))
            .collect();
        let familiarity = |found: &Match| familiarity(found);
        matches.sort_by(|a, b| {
            let place = |found: &Match| (found.detail.memory.lsn, found.detail.memory.position);
            familiarity(b).total_cmp(&familiarity(a)).then_with(|| place(a).cmp(&place(b)))
        });
        matches.truncate(asked.limit);
        let familiarity = matches.first().map_or(0.0, familiarity);
        let known = familiarity >= KNOWN_FROM;
        space.sound(Ok(()))?;
        Ok(Recognition { familiarity, known, matches, lsn: snapshot.lsn })
    }

    /// What is nearest by vector and by words, each once, in the order of the log.
    fn nearest_by_all(&self, space: &Space, snapshot: &Snapshot, cue: &Cue) -> Vec<DocRef> {
        let now_ns = self.now_ns();
        let recallable = |at: DocRef| {
            snapshot.state(at) == Some(State::Active) && !snapshot.is_expired(at, now_ns)
        };
        let mut found: BTreeMap<u64, DocRef> = BTreeMap::new();
        let mut take = |scores: Vec<(u64, f32)>| {
            for (key, _) in scores {
                if let Some((at, _)) = snapshot.doc_of_node(key as u32) {
                    found.insert(key, at);
                }
            }
        };
        if let Some(vector) = &cue.vector {
            let accepted =
                Accepted { accept: &recallable, all_active: false, count: snapshot.figures.active };
            take(snapshot.nearest(vector, cue.limit, accepted).scores);
        }
        let mut terms = Vec::new();
        space.analyzer.terms(&cue.text, &mut terms);
        let wanted = Wanted::new(snapshot, &TextQuery::new(&terms));
        take(snapshot.best_by_words(&wanted, cue.limit, &recallable));
        found.into_values().collect()
    }

    fn compare(
        &self,
        space: &Space,
        snapshot: &Snapshot,
        (cue, own): (&Cue, &HashSet<String>),
        at: DocRef,
    ) -> Match {
        let memory = snapshot.memory(at);
        let similarity = cue.vector.as_ref().and_then(|vector| snapshot.cosine(at, vector));
        Match {
            similarity: similarity.unwrap_or(0.0),
            overlap: overlap(own, &terms(space, &memory.content.text)),
            exact: !cue.text.is_empty() && memory.content.text == cue.text,
            detail: answered(snapshot, at, self.now_ns()),
        }
    }
}

/// The analysed words of a text, each once.
pub(crate) fn terms(space: &Space, text: &str) -> HashSet<String> {
    let mut terms = Vec::new();
    space.analyzer.terms(text, &mut terms);
    terms.into_iter().collect()
}

/// 1 for a repetition; else what similarity or overlap says, whichever is larger.
fn familiarity(found: &Match) -> f32 {
    if found.exact {
        return 1.0;
    }
    likeness(found.similarity, found.overlap)
}

/// What cosine or overlap say, whichever is larger, in [0, 1].
pub(crate) fn likeness(similarity: f32, overlap: f32) -> f32 {
    let similarity = (similarity - SIMILARITY_FLOOR) / (1.0 - SIMILARITY_FLOOR);
    similarity.max(overlap).clamp(0.0, 1.0)
}

/// Shared terms over all terms of both (Jaccard), in [0, 1]; 0 where there are none.
pub(crate) fn overlap(one: &HashSet<String>, other: &HashSet<String>) -> f32 {
    let shared = one.intersection(other).count();
    let all = one.len() + other.len() - shared;
    if all == 0 { 0.0 } else { shared as f32 / all as f32 }
}
