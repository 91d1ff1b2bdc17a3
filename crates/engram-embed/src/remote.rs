//! Embedding over HTTP: the OpenAI form that many servers speak, Ollama, and Hugging Face's
//! text-embeddings-inference (TEI).
//!
//! Calls block, are bounded in time and size and are not repeated here: the caller sees
//! [`EmbedError::Unavailable`] and decides. The API key is sent, never shown.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::chunk::chunk_texts;
use crate::embedder::{EmbedText, Embedder, EmbedderIdentity, mean_vector, normalise};
use crate::endpoint::Endpoint;
use crate::error::EmbedError;
use crate::local::ModelPrefixes;

/// Dimensions that a provider may have.
const DIMENSION_MAX: u32 = 4096;

/// The protocol of a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RemoteKind {
    /// `POST /v1/embeddings`, as OpenAI and many compatible servers have it.
    OpenAi,
    /// `POST /api/embed`, told not to truncate.
    Ollama,
    /// `POST /embed`, told not to truncate.
    Tei,
}

impl RemoteKind {
    fn name(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Ollama => "ollama",
            Self::Tei => "tei",
        }
    }

    fn path(self) -> &'static str {
        match self {
            Self::OpenAi => "/v1/embeddings",
            Self::Ollama => "/api/embed",
            Self::Tei => "/embed",
        }
    }
}

/// Where and how to reach a provider.
#[derive(Clone)]
pub struct RemoteConfig {
    /// The protocol.
    pub kind: RemoteKind,
    /// Base address such as `http://127.0.0.1:11434`, with or without the protocol's path.
    pub url: String,
    /// The model's name at the provider.
    pub model: String,
    /// Numbers in each vector, 1 to 4096; other answers are an error.
    pub dimension: u32,
    /// Sent as bearer token where given.
    pub api_key: Option<String>,
    /// What the model wants to see before texts and queries.
    pub prefixes: ModelPrefixes,
    /// Bound of one request with its answer.
    pub timeout: Duration,
    /// Texts in one request, at least 1.
    pub batch_texts_max: usize,
}

impl RemoteConfig {
    /// A provider without key and prefixes, 30 seconds a request, 32 texts a request.
    pub fn new(kind: RemoteKind, url: &str, model: &str, dimension: u32) -> Self {
        Self {
            kind,
            url: url.to_owned(),
            model: model.to_owned(),
            dimension,
            api_key: None,
            prefixes: ModelPrefixes::default(),
            timeout: Duration::from_secs(30),
            batch_texts_max: 32,
        }
    }

    fn endpoint(&self) -> String {
        Endpoint::address(&self.url, self.kind.path())
    }
}

impl fmt::Debug for RemoteConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteConfig")
            .field("kind", &self.kind)
            .field("url", &self.url)
            .field("model", &self.model)
            .field("dimension", &self.dimension)
            .field("api_key", &self.api_key.as_ref().map(|_| "redacted"))
            .field("prefixes", &self.prefixes)
            .field("timeout", &self.timeout)
            .field("batch_texts_max", &self.batch_texts_max)
            .finish()
    }
}

/// An embedder behind HTTP. Long text is divided by an estimate of its tokens (one for four letters), with
/// the window and overlap of the local models.
#[derive(Debug)]
pub struct RemoteEmbedder {
    config: RemoteConfig,
    endpoint: Endpoint,
    identity: EmbedderIdentity,
}

impl RemoteEmbedder {
    /// Checks the configuration; nothing is sent yet.
    ///
    /// # Errors
    /// [`EmbedError::Refused`] for an address that is not HTTP, a dimension or batch size out of
    /// range.
    pub fn new(config: RemoteConfig) -> Result<Self, EmbedError> {
        if !(1..=DIMENSION_MAX).contains(&config.dimension) {
            let message = format!("dimension {} is not 1 to {DIMENSION_MAX}", config.dimension);
            return Err(EmbedError::refused(message));
        }
        if config.batch_texts_max == 0 {
            return Err(EmbedError::refused("the batch size must be above zero"));
        }
        let identity = EmbedderIdentity {
            provider: config.kind.name().to_owned(),
            model: config.model.clone(),
            dimension: config.dimension,
            weights_hash: String::new(),
        };
        let endpoint = Endpoint::new(config.endpoint(), config.api_key.clone(), config.timeout)?;
        Ok(Self { config, endpoint, identity })
    }

    /// Vectors of texts that fit the window, in order.
    fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, EmbedError> {
        let mut vectors = Vec::with_capacity(texts.len());
        for batch in texts.chunks(self.config.batch_texts_max) {
            let answer = self.endpoint.post(&self.request(batch))?;
            let batch_vectors = self.parse(&answer)?;
            if batch_vectors.len() != batch.len() {
                let (got, sent) = (batch_vectors.len(), batch.len());
                return Err(EmbedError::bad_model(format!("{got} vectors for {sent} texts")));
            }
            vectors.extend(batch_vectors);
        }
        for vector in &mut vectors {
            if vector.len() != self.config.dimension as usize {
                let (got, expected) = (vector.len(), self.config.dimension);
                let message = format!("vectors of {got} numbers, configured are {expected}");
                return Err(EmbedError::bad_model(message));
            }
            if !normalise(vector) {
                return Err(EmbedError::bad_model("a vector is zero or not finite"));
            }
        }
        Ok(vectors)
    }

    fn request(&self, texts: &[String]) -> Value {
        let model = &self.config.model;
        match self.config.kind {
            RemoteKind::OpenAi => {
                json!({"model": model, "input": texts, "encoding_format": "float"})
            }
            RemoteKind::Ollama => json!({"model": model, "input": texts, "truncate": false}),
            RemoteKind::Tei => json!({"inputs": texts, "truncate": false}),
        }
    }

    fn parse(&self, answer: &[u8]) -> Result<Vec<Vec<f32>>, EmbedError> {
        let vectors = match self.config.kind {
            RemoteKind::OpenAi => serde_json::from_slice(answer).map(OpenAiAnswer::vectors),
            RemoteKind::Ollama => {
                serde_json::from_slice(answer).map(|answer: OllamaAnswer| answer.embeddings)
            }
            RemoteKind::Tei => serde_json::from_slice(answer),
        };
        vectors.map_err(|error| self.endpoint.unexpected(error))
    }
}

impl Embedder for RemoteEmbedder {
    fn identity(&self) -> &EmbedderIdentity {
        &self.identity
    }

    fn embed_documents(&self, inputs: &[EmbedText<'_>]) -> Result<Vec<Vec<Vec<f32>>>, EmbedError> {
        let mut texts = Vec::new();
        let mut counts = Vec::with_capacity(inputs.len());
        for input in inputs {
            let prefix = format!("{}{}", self.config.prefixes.document, input.prefix());
            let chunks = chunk_texts(&prefix, input.text);
            counts.push(chunks.len());
            texts.extend(chunks);
        }
        let mut vectors = self.embed(&texts)?.into_iter();
        Ok(counts.iter().map(|&count| vectors.by_ref().take(count).collect()).collect())
    }

    fn embed_query(&self, text: &str) -> Result<Option<Vec<f32>>, EmbedError> {
        let chunks = chunk_texts(&self.config.prefixes.query, text);
        Ok(mean_vector(&self.embed(&chunks)?))
    }
}

#[derive(Deserialize)]
struct OpenAiAnswer {
    data: Vec<OpenAiRow>,
}

#[derive(Deserialize)]
struct OpenAiRow {
    index: usize,
    embedding: Vec<f32>,
}

impl OpenAiAnswer {
    fn vectors(mut self) -> Vec<Vec<f32>> {
        self.data.sort_by_key(|row| row.index);
        self.data.into_iter().map(|row| row.embedding).collect()
    }
}

#[derive(Deserialize)]
struct OllamaAnswer {
    embeddings: Vec<Vec<f32>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_completed() {
        let endpoint = |kind, url| RemoteConfig::new(kind, url, "m", 3).endpoint();
        assert_eq!(endpoint(RemoteKind::OpenAi, "https://h/v1/"), "https://h/v1/embeddings");
        assert_eq!(endpoint(RemoteKind::OpenAi, "https://h"), "https://h/v1/embeddings");
        assert_eq!(endpoint(RemoteKind::Ollama, "http://h:1/api/embed"), "http://h:1/api/embed");
        assert_eq!(endpoint(RemoteKind::Tei, "http://h:1"), "http://h:1/embed");
    }

    #[test]
    fn the_key_is_never_shown() {
        let mut config = RemoteConfig::new(RemoteKind::Tei, "http://h", "m", 3);
        config.api_key = Some("sekret".to_owned());
        assert!(!format!("{config:?}").contains("sekret"));
        let embedder = RemoteEmbedder::new(config).unwrap();
        assert!(!format!("{embedder:?}").contains("sekret"));
    }

    #[test]
    fn a_wrong_configuration_is_refused() {
        let build = |url, dimension| {
            RemoteEmbedder::new(RemoteConfig::new(RemoteKind::Tei, url, "m", dimension))
        };
        for (url, dimension) in [("ftp://h", 3), ("http://h", 0), ("http://h", 5000)] {
            assert!(matches!(build(url, dimension), Err(EmbedError::Refused { .. })));
        }
    }
}
