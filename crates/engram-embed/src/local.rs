//! Models that run in this process: the built-in one and any BERT-family model from files.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use serde_json::Value;

use crate::convert::{ModelFiles, convert_model};
use crate::embedder::{EmbedText, Embedder, EmbedderIdentity, mean_vector};
use crate::encoder::Encoder;
use crate::error::EmbedError;
use crate::kernels::{self, KernelSet};
use crate::tokenizer::{TextRules, Tokenizer};

/// Tokens of one chunk, with start, end and prefix. Small sentence models are trained on such lengths, and a vector of a
/// longer text says less of each of its parts.
const WINDOW_TOKENS: usize = 128;

/// Tokens of content that neighbouring chunks share.
const OVERLAP_TOKENS: usize = 16;

/// Tokens of title, people and the model's own prefix that stand before each chunk; longer ones are cut
/// there. Content is never cut.
const PREFIX_TOKENS_MAX: usize = 32;

/// Positions below which prefix, marks and overlap would leave no room for content.
const POSITIONS_MIN: usize = 128;

/// BLAKE3 of the built-in weights; a test compares it with the committed file.
const BUILTIN_HASH: &str = "fe3f4ce770083abaef21a5c412051085307c99cd26ed2a763af2a5a488a4cf65";

static BUILTIN_WEIGHTS: &[u8] = include_bytes!("../../../models/all-minilm-l6-v2/model-int8.bin");
static BUILTIN_VOCABULARY: &[u8] = include_bytes!("../../../models/all-minilm-l6-v2/vocab.txt");

/// The built-in model, all-MiniLM-L6-v2 with 384 dimensions. Decoded at the first call, then shared.
///
/// # Errors
/// [`EmbedError::BadModel`] when the program's own copy is damaged.
pub fn builtin() -> Result<Arc<dyn Embedder>, EmbedError> {
    static MODEL: OnceLock<Result<Arc<LocalModel>, EmbedError>> = OnceLock::new();
    let model = MODEL.get_or_init(|| builtin_on(kernels::best()).map(Arc::new));
    model.clone().map(|model| model as Arc<dyn Embedder>)
}

/// The built-in model on a certain kernel set.
pub(crate) fn builtin_on(set: &'static KernelSet) -> Result<LocalModel, EmbedError> {
    let rules = TextRules { lowercase: true, strip_accents: true };
    let identity = EmbedderIdentity {
        provider: "builtin".to_owned(),
        model: "all-MiniLM-L6-v2".to_owned(),
        dimension: 384,
        weights_hash: BUILTIN_HASH.to_owned(),
    };
    let tokenizer = Tokenizer::new(Cow::Borrowed(BUILTIN_VOCABULARY), rules)?;
    let encoder = Encoder::new(Cow::Borrowed(BUILTIN_WEIGHTS), set)?;
    LocalModel::assemble(identity, tokenizer, encoder, &ModelPrefixes::default())
}

/// What a model was trained to see before texts and queries, such as `passage: ` and `query: `.
/// Empty for most models.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelPrefixes {
    /// Put before each chunk of a document, and before title and people.
    pub document: String,
    /// Put before each chunk of a query.
    pub query: String,
}

/// A BERT-family encoder that runs on the calling thread.
pub struct LocalModel {
    identity: EmbedderIdentity,
    tokenizer: Tokenizer,
    encoder: Encoder,
    window: usize,
    document_prefix: Vec<u32>,
    query_prefix: Vec<u32>,
}

impl LocalModel {
    /// Quantises a published model of the BERT family (BERT, MiniLM, bge, e5, gte) and makes it ready
    /// to run. `name` is recorded in the identity, with the BLAKE3 hash of the weights.
    ///
    /// # Errors
    /// [`EmbedError::BadModel`] when the files are damaged or the model is of another family.
    pub fn open(
        name: &str,
        files: &ModelFiles,
        prefixes: &ModelPrefixes,
    ) -> Result<Self, EmbedError> {
        let encoder = Encoder::new(Cow::Owned(convert_model(files)?), kernels::best())?;
        let dimension = u32::try_from(encoder.shape().hidden).expect("bounded by Shape::check");
        let identity = EmbedderIdentity {
            provider: "local".to_owned(),
            model: name.to_owned(),
            dimension,
            weights_hash: blake3::hash(&files.weights).to_hex().to_string(),
        };
        Self::assemble(identity, read_tokenizer(files)?, encoder, prefixes)
    }

    fn assemble(
        identity: EmbedderIdentity,
        tokenizer: Tokenizer,
        encoder: Encoder,
        prefixes: &ModelPrefixes,
    ) -> Result<Self, EmbedError> {
        let shape = encoder.shape();
        if tokenizer.len() > shape.vocabulary {
            let (words, rows) = (tokenizer.len(), shape.vocabulary);
            let message = format!("the vocabulary has {words} pieces, the weights have {rows}");
            return Err(EmbedError::bad_model(message));
        }
        if shape.positions < POSITIONS_MIN {
            let positions = shape.positions;
            let message = format!("the model has {positions} positions, not {POSITIONS_MIN}");
            return Err(EmbedError::bad_model(message));
        }
        let window = WINDOW_TOKENS.min(shape.positions);
        let document_prefix = tokenizer.tokens(&prefixes.document);
        let query_prefix = tokenizer.tokens(&prefixes.query);
        Ok(Self { identity, tokenizer, encoder, window, document_prefix, query_prefix })
    }

    /// Appends the sequences of one text and returns how many they are: 0 for blank text.
    fn add_chunks(&self, prefix: &[u32], text: &str, sequences: &mut Vec<Vec<u32>>) -> usize {
        let content = self.tokenizer.tokens(text);
        if content.is_empty() {
            return 0;
        }
        let prefix = &prefix[..prefix.len().min(PREFIX_TOKENS_MAX)];
        let capacity = self.window - 2 - prefix.len();
        let chunks = chunks(content.len(), capacity, |at| self.tokenizer.continues(content[at]));
        for chunk in &chunks {
            let mut sequence = Vec::with_capacity(prefix.len() + chunk.len() + 2);
            sequence.push(self.tokenizer.start());
            sequence.extend_from_slice(prefix);
            sequence.extend_from_slice(&content[chunk.clone()]);
            sequence.push(self.tokenizer.end());
            sequences.push(sequence);
        }
        chunks.len()
    }
}

impl Embedder for LocalModel {
    fn identity(&self) -> &EmbedderIdentity {
        &self.identity
    }

    fn embed_documents(&self, inputs: &[EmbedText<'_>]) -> Result<Vec<Vec<Vec<f32>>>, EmbedError> {
        let mut sequences = Vec::new();
        let mut counts = Vec::with_capacity(inputs.len());
        for input in inputs {
            let mut prefix = self.document_prefix.clone();
            prefix.extend(self.tokenizer.tokens(&input.prefix()));
            counts.push(self.add_chunks(&prefix, input.text, &mut sequences));
        }
        let mut vectors = self.encoder.embed(&sequences)?.into_iter();
        Ok(counts.iter().map(|&count| vectors.by_ref().take(count).collect()).collect())
    }

    fn embed_query(&self, text: &str) -> Result<Option<Vec<f32>>, EmbedError> {
        let mut sequences = Vec::new();
        self.add_chunks(&self.query_prefix, text, &mut sequences);
        Ok(mean_vector(&self.encoder.embed(&sequences)?))
    }
}

/// Divides `length` tokens into ranges of at most `capacity` that share [`OVERLAP_TOKENS`]. A range
/// starts and ends between words, unless a single word fills its last quarter.
fn chunks(length: usize, capacity: usize, continues: impl Fn(usize) -> bool) -> Vec<Range<usize>> {
    let word_start = |at: usize, lowest: usize| {
        let found = (lowest..=at).rev().find(|&at| !continues(at));
        found.unwrap_or(at)
    };
    let mut chunks = Vec::new();
    let mut start = 0;
    while length - start > capacity {
        let end = word_start(start + capacity, start + capacity / 4 * 3);
        chunks.push(start..end);
        start = word_start(end - OVERLAP_TOKENS, start + 1);
    }
    chunks.push(start..length);
    chunks
}

fn read_tokenizer(files: &ModelFiles) -> Result<Tokenizer, EmbedError> {
    if files.tokenizer.is_empty() {
        let rules = TextRules { lowercase: true, strip_accents: true };
        return Tokenizer::new(Cow::Owned(files.vocabulary.clone()), rules);
    }
    let bad = |what: &str| EmbedError::bad_model(format!("tokenizer.json: {what}"));
    let file: Value = serde_json::from_slice(&files.tokenizer).map_err(|e| bad(&e.to_string()))?;
    if file["model"]["type"].as_str().is_some_and(|kind| kind != "WordPiece") {
        return Err(bad("the model is not WordPiece"));
    }
    let normalizer = &file["normalizer"];
    let lowercase = normalizer["lowercase"].as_bool().unwrap_or(true);
    let strip_accents = normalizer["strip_accents"].as_bool().unwrap_or(lowercase);
    let rules = TextRules { lowercase, strip_accents };
    if !files.vocabulary.is_empty() {
        return Tokenizer::new(Cow::Owned(files.vocabulary.clone()), rules);
    }
    let pieces = file["model"]["vocab"].as_object().ok_or_else(|| bad("no vocabulary"))?;
    // An id that no piece has stays an empty line, which no text reaches.
    let mut lines = vec![""; pieces.len()];
    for (piece, id) in pieces {
        let id = id.as_u64().and_then(|id| usize::try_from(id).ok());
        let line = id.and_then(|id| lines.get_mut(id)).ok_or_else(|| bad("ids have gaps"))?;
        *line = piece;
    }
    Tokenizer::new(Cow::Owned(lines.join("\n").into_bytes()), rules)
}

#[cfg(test)]
mod tests;
