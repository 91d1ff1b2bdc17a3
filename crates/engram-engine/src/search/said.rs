//! The one rule of what says again what another memory says: the same words and, where it has a vector, nearly the same
//! meaning. Associations, the policy for duplicates and answers that report them all ask here.

use engram_index::{Analyzer, Kernels, PostingsView};

use super::Accepted;
use crate::memtable::{DocRef, Snapshot};

/// The cosine from which on two texts are compared word by word: they may say the same.
const REPEAT_FROM: f32 = 0.95;
/// The nearest memories that are compared so, and the most that are found by words alone.
pub(crate) const REPEATED_MAX: usize = 16;
/// Words of a text by which its repetitions are looked up.
const TERMS_LOOKED_UP: usize = 64;

/// What a text says, whatever the case, the spaces and the signs around it: equal where the words and all signs between
/// them are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Saying([u8; 32]);

impl Saying {
    /// That of a text; none where it has no words.
    pub(crate) fn of(text: &str) -> Option<Saying> {
        let lower = text.to_lowercase();
        let words: Vec<&str> = lower.split_whitespace().collect();
        let words = words.join(" ");
        let inside = |c: char| c.is_alphanumeric() || matches!(c, '-' | '+' | '<' | '>' | '=');
        let words = words.trim_matches(|c| !inside(c));
        (!words.is_empty()).then(|| Saying(*blake3::hash(words.as_bytes()).as_bytes()))
    }
}

/// Whether a cosine is that of texts that may say the same.
pub(crate) fn is_near(cosine: f32) -> bool {
    cosine >= REPEAT_FROM
}

/// Whether what has these vectors, or none, may say the same as what has those.
pub(crate) fn may_repeat(later: &[Vec<f32>], earlier: &[Vec<f32>]) -> bool {
    let dot = Kernels::best().dot_f32;
    later.first().is_none_or(|own| earlier.iter().any(|other| is_near(dot(own, other))))
}

impl Snapshot {
    /// The accepted documents that a text with this vector, or none, repeats, in the order of the log.
    pub(crate) fn repeated(
        &self,
        (text, vector): (&str, Option<&[f32]>),
        analyzer: &Analyzer,
        accept: &(dyn Fn(DocRef) -> bool + Sync),
    ) -> Vec<DocRef> {
        let Some(saying) = Saying::of(text) else { return Vec::new() };
        let Some(vector) = vector else {
            return self.repeated_in_words((text, saying), analyzer, accept);
        };
        let accepted = Accepted { accept, all_active: false, count: self.figures.active };
        let nearest = self.nearest(vector, REPEATED_MAX, accepted).scores.into_iter();
        let near = nearest.filter(|(_, cosine)| is_near(*cosine)).map(|(node, _)| node as u32);
        self.saying(saying, near)
    }

    /// Those of the nodes that say this, in the order of the log.
    pub(crate) fn saying(&self, saying: Saying, near: impl Iterator<Item = u32>) -> Vec<DocRef> {
        // A belief is words of others.
        let own = near.filter(|node| self.beliefs.get(*node).is_none());
        let live = own.filter_map(|node| Some((node, self.doc_of_node(node)?.0)));
        let says = |at: DocRef| Saying::of(&self.memory(at).content.text) == Some(saying);
        let mut same: Vec<(u32, DocRef)> = live.filter(|(_, at)| says(*at)).collect();
        same.sort_unstable_by_key(|(node, _)| *node);
        same.into_iter().map(|(_, at)| at).collect()
    }

    /// Looks among the documents that hold the first words of the text.
    fn repeated_in_words(
        &self,
        (text, saying): (&str, Saying),
        analyzer: &Analyzer,
        accept: &dyn Fn(DocRef) -> bool,
    ) -> Vec<DocRef> {
        let mut terms = Vec::new();
        analyzer.terms(text, &mut terms);
        terms.sort_unstable();
        terms.dedup();
        terms.truncate(TERMS_LOOKED_UP);
        let chunks = (0_u32..).zip(&self.chunks).flat_map(|(index, view)| {
            let locals = holding_all(view.chunk.postings.view(), &terms);
            locals.into_iter().map(move |local| DocRef::Chunk(index, local))
        });
        let tail = (0_u32..)
            .zip(&self.tail)
            .filter(|(_, tail)| !holding_all(tail.doc.words.postings.view(), &terms).is_empty());
        let holding = chunks.chain(tail.map(|(index, _)| DocRef::Tail(index)));
        let is_own = |at: &DocRef| self.beliefs.get(self.node(*at)).is_none();
        let says =
            |at: &DocRef| is_own(at) && Saying::of(&self.memory(*at).content.text) == Some(saying);
        holding.filter(|at| accept(*at)).filter(says).take(REPEATED_MAX).collect()
    }
}

/// The documents that hold all terms; none where there is no term.
fn holding_all(postings: PostingsView<'_>, terms: &[String]) -> Vec<u32> {
    let lists: Option<Vec<_>> = terms.iter().map(|term| postings.postings(term)).collect();
    let lists = lists.unwrap_or_default();
    let Some(rarest) = lists.iter().min_by_key(|list| list.len()) else { return Vec::new() };
    let held = |doc: &u32| lists.iter().all(|list| list.contains(*doc));
    rarest.iter().map(|posting| posting.doc).filter(held).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_spaces_and_signs_around_do_not_count_and_signs_between_words_do() {
        let same = |one: &str, other: &str| Saying::of(one) == Saying::of(other);
        assert!(same("Ada moved  to Zurich.", "\"ada moved to\nZurich\"!"));
        assert!(!same("Ada moved to Zurich", "Ada moved to Bern"));
        assert!(!same("five-ten", "five ten") && !same("-5", "5") && !same("a, b", "a b"));
        assert_eq!((Saying::of(" ?! "), Saying::of("")), (None, None));
    }

    #[test]
    fn what_has_no_vector_is_judged_by_its_words() {
        let (own, near, far) = (vec![1.0, 0.0], vec![0.96, 0.28], vec![0.9, 0.435_889_9]);
        assert!(may_repeat(&[], &[]) && may_repeat(&[], std::slice::from_ref(&far)));
        assert!(may_repeat(std::slice::from_ref(&own), &[far.clone(), near]));
        assert!(!may_repeat(std::slice::from_ref(&own), &[far]) && !may_repeat(&[own], &[]));
    }
}
