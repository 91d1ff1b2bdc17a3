//! Embedders as the engine gets them: built from the configuration, and metered.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use engram_embed::{EmbedError, EmbedText, Embedder, EmbedderIdentity};

use crate::metrics::{EmbedSample, Metrics};

/// Embedders by the name that spaces choose them with.
pub type EmbedderMap = BTreeMap<String, Arc<dyn Embedder>>;

type Vectors = Vec<Vec<Vec<f32>>>;

/// Where an embedder computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Locality {
    /// On the cores of this machine.
    Here,
    /// Behind a network: more cores of ours do not help.
    Remote,
}

impl Locality {
    /// By the provider that a space records.
    pub(crate) fn of(identity: &EmbedderIdentity) -> Locality {
        match identity.provider.as_str() {
            "openai" | "ollama" | "tei" => Locality::Remote,
            _ => Locality::Here,
        }
    }
}

/// An embedder that counts what it does.
pub(crate) struct MeteredEmbedder {
    name: String,
    inner: Arc<dyn Embedder>,
    metrics: Arc<Metrics>,
}

/// Wraps every embedder of the map.
pub(crate) fn meter(embedders: EmbedderMap, metrics: &Arc<Metrics>) -> EmbedderMap {
    embedders
        .into_iter()
        .map(|(name, inner)| {
            let metered: Arc<dyn Embedder> = Arc::new(MeteredEmbedder {
                name: name.clone(),
                inner,
                metrics: Arc::clone(metrics),
            });
            (name, metered)
        })
        .collect()
}

impl MeteredEmbedder {
    fn metered<T>(
        &self,
        texts: usize,
        work: impl FnOnce() -> Result<T, EmbedError>,
    ) -> Result<T, EmbedError> {
        let started = Instant::now();
        let result = work();
        self.metrics.embed(&EmbedSample {
            embedder: &self.name,
            texts: texts as u64,
            elapsed: started.elapsed(),
            outcome: result.as_ref().map(|_| ()).map_err(|_| ()),
        });
        result
    }
}

impl Embedder for MeteredEmbedder {
    fn identity(&self) -> &EmbedderIdentity {
        self.inner.identity()
    }

    fn embed_documents(&self, inputs: &[EmbedText<'_>]) -> Result<Vectors, EmbedError> {
        self.metered(inputs.len(), || self.inner.embed_documents(inputs))
    }

    fn embed_query(&self, text: &str) -> Result<Option<Vec<f32>>, EmbedError> {
        self.metered(1, || self.inner.embed_query(text))
    }
}
