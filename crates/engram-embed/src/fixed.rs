//! An embedder without a model, for tests and the simulator: texts that share words are near each
//! other, and the vectors are the same on every machine and for ever.

use crate::embedder::{EmbedText, Embedder, EmbedderIdentity, normalise};
use crate::error::EmbedError;
use crate::unicode::is_removed;

/// Words in one vector of [`FixedEmbedder`].
const CHUNK_WORDS: usize = 200;

/// Hashed bag of words with signs, unit norm, at most 200 words a vector. Deterministic.
#[derive(Clone, Debug)]
pub struct FixedEmbedder {
    identity: EmbedderIdentity,
}

impl FixedEmbedder {
    /// An embedder of `dimension` numbers a vector; 0 is taken as 1.
    pub fn new(dimension: u32) -> Self {
        Self {
            identity: EmbedderIdentity {
                provider: "fixed".to_owned(),
                model: "bag-of-words".to_owned(),
                dimension: dimension.max(1),
                weights_hash: String::new(),
            },
        }
    }

    fn vector(&self, prefix: &[String], words: &[String]) -> Vec<f32> {
        let dimension = self.identity.dimension as usize;
        let mut vector = vec![0.0f32; dimension];
        for word in prefix.iter().chain(words) {
            let hash = blake3::hash(word.as_bytes());
            for pair in hash.as_bytes().chunks_exact(8).take(4) {
                let bits = u64::from_le_bytes(pair.try_into().expect("chunks of 8 bytes"));
                let sign = if bits >> 63 == 0 { 1.0 } else { -1.0 };
                vector[((bits & (u64::MAX >> 1)) % dimension as u64) as usize] += sign;
            }
        }
        if !normalise(&mut vector) {
            // The signs cancelled out: any fixed direction will do.
            vector.fill(0.0);
            vector[0] = 1.0;
        }
        vector
    }
}

impl Embedder for FixedEmbedder {
    fn identity(&self) -> &EmbedderIdentity {
        &self.identity
    }

    fn embed_documents(&self, inputs: &[EmbedText<'_>]) -> Result<Vec<Vec<Vec<f32>>>, EmbedError> {
        let vectors = |input: &EmbedText<'_>| {
            let prefix = words(&input.prefix());
            words(input.text).chunks(CHUNK_WORDS).map(|chunk| self.vector(&prefix, chunk)).collect()
        };
        Ok(inputs.iter().map(vectors).collect())
    }

    fn embed_query(&self, text: &str) -> Result<Option<Vec<f32>>, EmbedError> {
        let words = words(text);
        Ok((!words.is_empty()).then(|| self.vector(&[], &words)))
    }
}

/// Lower-cased words without the punctuation around them; a word of punctuation only is kept.
fn words(text: &str) -> Vec<String> {
    let separates = |c: char| c.is_whitespace() || is_removed(c);
    let mut words = Vec::new();
    for word in text.split(separates).filter(|word| !word.is_empty()) {
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
        words.push(if bare.is_empty() { word.to_owned() } else { bare.to_lowercase() });
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_words_are_near() {
        let embedder = FixedEmbedder::new(64);
        let vector = |text: &str| embedder.embed_query(text).unwrap().unwrap();
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f32>();
        let near = dot(&vector("the red cat sleeps"), &vector("The red cat, sleeps!"));
        let far = dot(&vector("the red cat sleeps"), &vector("quarterly tax report"));
        assert!(near > 0.999 && far < 0.6, "near {near}, far {far}");
    }

    #[test]
    fn blank_text_has_no_vector() {
        let embedder = FixedEmbedder::new(8);
        assert_eq!(embedder.embed_query(" \t\n\u{200b}").unwrap(), None);
        assert!(embedder.embed_query("!").unwrap().is_some());
    }
}
