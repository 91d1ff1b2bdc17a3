//! One space: its settings, its text analysis, its embedder and its current snapshot.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use engram_embed::{EmbedText, Embedder, EmbedderIdentity};
use engram_index::Analyzer;
use engram_store::{CommitTime, SpaceId};
use prost::Message;

use crate::error::{EngineError, InvalidValue};
use crate::memtable::Snapshot;
use crate::model::{ContentHash, MemoryContent, NewMemory, SpaceInfo, SpaceStats};
use crate::record::{ContentRecord, encode_vectors};
use crate::settings::NewSpace;
use crate::settings::{EMBEDDER_NONE, EngineSettings, SpaceSettings};
use crate::validate;

/// The configured embedders by name.
pub(crate) type Embedders = BTreeMap<String, Arc<dyn Embedder>>;

/// A live space.
pub(crate) struct Space {
    pub(crate) id: SpaceId,
    pub(crate) name: String,
    pub(crate) created_at: CommitTime,
    pub(crate) settings: SpaceSettings,
    pub(crate) analyzer: Analyzer,
    /// The embedder, none for `none`, or why it cannot be used.
    embedder: Result<Option<Arc<dyn Embedder>>, EngineError>,
    /// Why nothing is served, where part of the log is damaged: a lost frame may have been a deletion.
    pub(crate) quarantined: Option<String>,
    pub(crate) snapshot: ArcSwap<Snapshot>,
    /// Held while a new snapshot is made from the current one and published.
    pub(crate) publishing: Mutex<()>,
}

/// A memory that passed every check that needs no order: analysed, embedded, ready to be committed.
#[derive(Clone, Debug)]
pub(crate) struct PreparedMemory {
    pub(crate) id: Option<String>,
    pub(crate) content: MemoryContent,
    pub(crate) record: ContentRecord,
    pub(crate) hash: ContentHash,
    pub(crate) vector_given: bool,
    pub(crate) terms: Vec<String>,
    pub(crate) vectors: Vec<Vec<f32>>,
}

impl Space {
    pub(crate) fn new(
        id: SpaceId,
        name: String,
        created_at: CommitTime,
        settings: SpaceSettings,
        embedders: &Embedders,
    ) -> Space {
        Space {
            id,
            name,
            created_at,
            analyzer: Analyzer::new(settings.language),
            embedder: resolve(&settings, embedders),
            settings,
            quarantined: None,
            snapshot: ArcSwap::default(),
            publishing: Mutex::new(()),
        }
    }

    pub(crate) fn info(&self) -> SpaceInfo {
        SpaceInfo {
            id: self.id,
            name: self.name.clone(),
            created_at: self.created_at,
            settings: self.settings.clone(),
            quarantined: self.quarantined.clone(),
        }
    }

    pub(crate) fn stats(&self) -> SpaceStats {
        let snapshot = self.snapshot.load();
        SpaceStats {
            memories: snapshot.figures.active,
            suppressed: snapshot.figures.suppressed,
            vectors: snapshot.figures.vectors,
            resident_bytes: snapshot.resident_bytes(self.settings.dimension),
            lsn: snapshot.lsn,
            committed_at: snapshot.committed_at,
            state_sum: snapshot.state_sum,
        }
    }

    /// The embedder; none where the space has none.
    pub(crate) fn embedder(&self) -> Result<Option<&Arc<dyn Embedder>>, EngineError> {
        match &self.embedder {
            Ok(embedder) => Ok(embedder.as_ref()),
            Err(error) => Err(error.clone()),
        }
    }

    /// Checks, analyses and embeds memories; the errors of single items name them by their place from `first`.
    pub(crate) fn prepare(
        &self,
        memories: Vec<NewMemory>,
        first: usize,
        settings: &EngineSettings,
    ) -> Result<Vec<Result<PreparedMemory, EngineError>>, EngineError> {
        let checked: Vec<Result<NewMemory, EngineError>> = memories
            .into_iter()
            .enumerate()
            .map(|(index, mut memory)| {
                validate::memory(&mut memory, self.settings.dimension, settings)
                    .map_err(|error| error.within(&format!("memories[{}]", first + index)))?;
                Ok(memory)
            })
            .collect();
        let mut embedded = self.embed(&checked)?.into_iter();
        let mut prepare = |memory: NewMemory| {
            let vectors = match &memory.vector {
                Some(vector) => vec![vector.clone()],
                None => embedded.next().unwrap_or_default(),
            };
            self.prepared(memory, vectors)
        };
        Ok(checked.into_iter().map(|memory| memory.map(&mut prepare)).collect())
    }

    /// Vectors of the items that bring none of their own, in order.
    fn embed(
        &self,
        checked: &[Result<NewMemory, EngineError>],
    ) -> Result<Vec<Vec<Vec<f32>>>, EngineError> {
        let texts: Vec<EmbedText<'_>> = checked
            .iter()
            .flatten()
            .filter(|memory| memory.vector.is_none())
            .map(|memory| EmbedText {
                title: &memory.content.title,
                people: &memory.content.people,
                text: &memory.content.text,
            })
            .collect();
        if texts.is_empty() {
            return Ok(Vec::new());
        }
        match self.embedder()? {
            Some(embedder) => Ok(embedder.embed_documents(&texts)?),
            None => Ok(Vec::new()),
        }
    }

    fn prepared(&self, memory: NewMemory, vectors: Vec<Vec<f32>>) -> PreparedMemory {
        let record = ContentRecord::from_content(&memory.content);
        PreparedMemory {
            hash: content_hash(&record, memory.vector.as_deref()),
            record,
            terms: self.terms(&memory.content),
            id: memory.id,
            content: memory.content,
            vector_given: memory.vector.is_some(),
            vectors,
        }
    }

    /// The searchable words of a memory: title, people and text.
    pub(crate) fn terms(&self, content: &MemoryContent) -> Vec<String> {
        let mut terms = Vec::new();
        self.analyzer.terms(&content.title, &mut terms);
        for person in &content.people {
            self.analyzer.terms(person, &mut terms);
        }
        self.analyzer.terms(&content.text, &mut terms);
        terms
    }
}

/// Settings of a new space from what was asked for and what is configured.
pub(crate) fn settle(new: &NewSpace, embedders: &Embedders) -> Result<SpaceSettings, EngineError> {
    validate::space_name(&new.name)?;
    let identity = if new.embedder == EMBEDDER_NONE {
        None
    } else {
        let unknown = || EngineError::EmbedderUnknown { name: new.embedder.clone() };
        Some(embedders.get(&new.embedder).ok_or_else(unknown)?.identity().clone())
    };
    let dimension = match (&identity, new.dimension) {
        (Some(identity), Some(asked)) if asked != identity.dimension => {
            let problem =
                InvalidValue::Dimension { expected: identity.dimension, found: asked as usize };
            return Err(EngineError::invalid("dimension", problem));
        }
        (Some(identity), _) => identity.dimension,
        (None, Some(asked)) => asked,
        (None, None) => return Err(EngineError::invalid("dimension", InvalidValue::Missing)),
    };
    validate::dimension(dimension)?;
    Ok(SpaceSettings {
        dimension,
        embedder: new.embedder.clone(),
        identity,
        language: new.language,
    })
}

fn resolve(
    settings: &SpaceSettings,
    embedders: &Embedders,
) -> Result<Option<Arc<dyn Embedder>>, EngineError> {
    let Some(recorded) = &settings.identity else {
        return Ok(None);
    };
    let name = settings.embedder.clone();
    let Some(embedder) = embedders.get(&name) else {
        return Err(EngineError::EmbedderUnknown { name });
    };
    if embedder.identity() != recorded {
        return Err(EngineError::EmbedderMismatch {
            name,
            found: describe(embedder.identity()),
            recorded: describe(recorded),
        });
    }
    Ok(Some(Arc::clone(embedder)))
}

fn describe(identity: &EmbedderIdentity) -> String {
    let EmbedderIdentity { provider, model, dimension, weights_hash } = identity;
    let hash = weights_hash.get(..12).unwrap_or("unknown weights");
    format!("{provider}/{model}, {dimension} dimensions, {hash}")
}

fn content_hash(record: &ContentRecord, vector: Option<&[f32]>) -> ContentHash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&record.encode_length_delimited_to_vec());
    if let Some(vector) = vector {
        hasher.update(&encode_vectors(&[vector.to_vec()]));
    }
    first_16(&hasher.finalize())
}

/// First 16 bytes of a hash.
pub(crate) fn first_16(hash: &blake3::Hash) -> [u8; 16] {
    let mut first = [0; 16];
    first.copy_from_slice(&hash.as_bytes()[..16]);
    first
}
