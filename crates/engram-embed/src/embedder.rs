//! The seam between text and vectors.
//!
//! Guarantees of every implementation, checked by `conformance::check_embedder`: vectors have unit
//! norm and the identity's dimension; blank text has no vector; long text is divided into several
//! vectors and never cut; a text's vectors do not depend on what else stands in the batch.

use crate::error::EmbedError;

/// What a space records about the embedder of its vectors. Vectors of two identities are never
/// compared with each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmbedderIdentity {
    /// Who computes: `builtin`, `local`, `openai`, `ollama`, `tei` or `fixed`.
    pub provider: String,
    /// The model's name, as its provider knows it.
    pub model: String,
    /// Numbers in each vector, at least 1.
    pub dimension: u32,
    /// BLAKE3 of the weights in lower-case hexadecimal; empty where the weights are out of reach.
    pub weights_hash: String,
}

/// One text to embed, with what it needs to stand alone: a passage without the name of its speaker
/// or subject is found much less often.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EmbedText<'a> {
    /// Title, may be empty. Put before every chunk.
    pub title: &'a str,
    /// Names of the people concerned, may be empty. Put before every chunk.
    pub people: &'a [String],
    /// The content. Blank content (only white space and invisible control or format characters)
    /// has no vector, whatever title and people are.
    pub text: &'a str,
}

impl EmbedText<'_> {
    /// Title and people as they stand before each chunk: `Title. Ann, Bob: `; empty without both.
    pub(crate) fn prefix(&self) -> String {
        let mut prefix = String::new();
        let title = self.title.trim();
        if !title.is_empty() {
            prefix.push_str(title);
            prefix.push_str(". ");
        }
        let people: Vec<&str> =
            self.people.iter().map(|name| name.trim()).filter(|name| !name.is_empty()).collect();
        if !people.is_empty() {
            prefix.push_str(&people.join(", "));
            prefix.push_str(": ");
        }
        prefix
    }
}

/// Text to vectors. Calls block and use the calling thread only; the caller parallelises.
pub trait Embedder: Send + Sync {
    /// Provider, model, dimension and weights of this embedder.
    fn identity(&self) -> &EmbedderIdentity;

    /// Vectors of stored texts: one list for each input, in order, with one unit-norm vector for
    /// each chunk; an empty list for blank text.
    ///
    /// # Errors
    /// See [`EmbedError`]; an error concerns the whole call and nothing is returned in part.
    fn embed_documents(&self, inputs: &[EmbedText<'_>]) -> Result<Vec<Vec<Vec<f32>>>, EmbedError>;

    /// The one unit-norm vector of a query: the renormalised mean of its chunks' vectors when it
    /// is longer than the model's window. `None` for blank text.
    ///
    /// # Errors
    /// See [`EmbedError`].
    fn embed_query(&self, text: &str) -> Result<Option<Vec<f32>>, EmbedError>;
}

/// Scales to unit norm, summing in a fixed order. `false` when the vector is zero or not finite.
pub(crate) fn normalise(vector: &mut [f32]) -> bool {
    let mut square = 0.0f64;
    for &x in vector.iter() {
        square += f64::from(x) * f64::from(x);
    }
    if !square.is_finite() || square <= 0.0 {
        return false;
    }
    let scale = 1.0 / square.sqrt();
    for x in vector.iter_mut() {
        *x = (f64::from(*x) * scale) as f32;
    }
    true
}

/// The renormalised mean of unit vectors; the first one when they cancel out. `None` for none.
pub(crate) fn mean_vector(vectors: &[Vec<f32>]) -> Option<Vec<f32>> {
    let first = vectors.first()?;
    if vectors.len() == 1 {
        return Some(first.clone());
    }
    let mut mean = vec![0.0f32; first.len()];
    for vector in vectors {
        for (sum, x) in mean.iter_mut().zip(vector) {
            *sum += x;
        }
    }
    Some(if normalise(&mut mean) { mean } else { first.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefix_carries_title_and_people() {
        let people = ["Ann".to_owned(), " ".to_owned(), "Bob ".to_owned()];
        let text = EmbedText { title: " Trip ", people: &people, text: "x" };
        assert_eq!(text.prefix(), "Trip. Ann, Bob: ");
        assert_eq!(EmbedText { text: "x", ..Default::default() }.prefix(), "");
    }

    #[test]
    fn opposite_vectors_fall_back_to_the_first() {
        let vectors = [vec![1.0, 0.0], vec![-1.0, 0.0]];
        assert_eq!(mean_vector(&vectors), Some(vec![1.0, 0.0]));
        assert_eq!(mean_vector(&[]), None);
    }
}
