//! Duplicates in the reference model: by comparing a memory with all others.

use std::sync::Arc;

use engram_engine::{DuplicatePolicy, MemoryContent, NewMemory};

use crate::model::{Draft, Image, Plan, Stored, Verdict};

/// The cosine from which on texts with the same words say the same.
const NEAR: f64 = 0.95;

impl Image {
    /// Ids of recallable memories with this content, in log order, at most `limit`.
    pub(crate) fn duplicates(
        &self,
        memory: &NewMemory,
        (now_ns, limit): (i64, usize),
    ) -> Vec<String> {
        let same = |stored: &&Arc<Stored>| stored.visible(now_ns) && stored.same_content(memory);
        let found = self.memories.values().filter(same).take(limit);
        found.map(|stored| stored.name().to_owned()).collect()
    }

    /// What the policy of a space makes of a memory that repeats another one; none = it is stored.
    pub(crate) fn repetition(
        &self,
        draft: &Draft,
        plan: &Plan,
        (policy, now_ns): (DuplicatePolicy, i64),
        is_superseded: &dyn Fn(&str) -> bool,
    ) -> Option<Verdict> {
        if policy == DuplicatePolicy::Keep {
            return None;
        }
        let there = self.memories.values().filter(|stored| {
            let leaves = stored.id.as_ref().is_some_and(|id| plan.expired.contains(id));
            stored.visible(now_ns) && !leaves
        });
        let there = there.map(|stored| (&**stored, None));
        let all: Vec<(&Stored, Option<usize>)> =
            there.chain(plan.puts.iter().zip((0..).map(Some))).collect();
        let exact = |stored: &Stored| {
            stored.content == draft.memory.content && stored.given == draft.memory.vector
        };
        // Those of the same content come first.
        let (same, others): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|(stored, _)| exact(stored));
        let near = others.into_iter().filter(|(stored, _)| says_the_same(draft, stored));
        // What is superseded and said again is news.
        let holds = |(stored, put): &(&Stored, Option<usize>)| {
            put.is_some() || stored.id.as_deref().is_none_or(|id| !is_superseded(id))
        };
        let mut repeated = same.into_iter().chain(near).filter(holds);
        if policy == DuplicatePolicy::Reject {
            return repeated.next().map(|_| Verdict::Refused("duplicate"));
        }
        if draft.memory.id.is_some() {
            return None;
        }
        let new = &draft.memory.content;
        let (stored, put) = repeated.find(|(stored, _)| states_no_more(new, &stored.content))?;
        Some(match put {
            Some(put) => Verdict::MergedInto(put),
            None => {
                let (lsn, time) = (stored.lsn, stored.time);
                Verdict::Merged { id: stored.id.clone(), lsn, time }
            }
        })
    }
}

fn says_the_same(draft: &Draft, stored: &Stored) -> bool {
    let words = folded(&draft.memory.content.text);
    let near = |own: &Vec<f32>| stored.vectors.iter().any(|other| cosine(own, other) >= NEAR);
    !words.is_empty()
        && words == folded(&stored.content.text)
        && draft.vectors.first().is_none_or(near)
}

/// The texts that are made here have words of letters and digits, and rows of dashes, which count.
fn folded(text: &str) -> String {
    let words: Vec<String> = text.to_lowercase().split_whitespace().map(str::to_owned).collect();
    words.join(" ")
}

fn cosine(one: &[f32], other: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum()
    };
    dot(one, other) / (dot(one, one) * dot(other, other)).sqrt()
}

/// Whether the earlier memory has all that the new one states, but for its source, whose trust must be the same, and the time at
/// which it happened.
fn states_no_more(new: &MemoryContent, earlier: &MemoryContent) -> bool {
    let mut together = earlier.clone();
    for (own, all) in [
        (&new.title, &mut together.title),
        (&new.session, &mut together.session),
        (&new.place, &mut together.place),
        (&new.subject, &mut together.subject),
        (&new.attribute, &mut together.attribute),
    ] {
        if !own.is_empty() {
            all.clone_from(own);
        }
    }
    for (own, all) in [
        (&new.people, &mut together.people),
        (&new.entities, &mut together.entities),
        (&new.tags, &mut together.tags),
    ] {
        let more: Vec<String> = own.iter().filter(|one| !all.contains(one)).cloned().collect();
        all.extend(more);
    }
    together.metadata.extend(new.metadata.clone());
    together.kind = new.kind;
    together.occurred_until = new.occurred_until.or(together.occurred_until);
    together.confidence = new.confidence.or(together.confidence);
    together.importance = new.importance.or(together.importance);
    (together.valid_from, together.valid_until) = (new.valid_from, new.valid_until);
    together.expires_at = new.expires_at;
    together.decay = new.decay;
    together == *earlier && new.source.trust == earlier.source.trust
}
