//! One space: its settings, its text analysis, its embedder and its current snapshot.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use arc_swap::ArcSwap;
use engram_embed::{EmbedError, EmbedText, Embedder, EmbedderIdentity};
use engram_index::{Analyzer, Terms};
use engram_store::{CommitTime, Manifest, SegmentHash, SpaceId};
use prost::Message;

use crate::error::{EngineError, InvalidValue, LogFailure};
use crate::fault::SpaceFault;
use crate::feed::Feed;
use crate::indexer::Indexer;
use crate::linker::{LinkWaiters, Linker};
use crate::memtable::{ChunkView, Cold, Indexing, Snapshot, VersionDoc, Words};
use crate::missing::{MissingPart, take_missing};
use crate::model::{
    ContentHash, Memory, MemoryContent, NewMemory, SpaceInfo, SpaceStats, TierStats,
};
use crate::moves::Moves;
use crate::priming::Sessions;
use crate::purges::{Purges, Unpurged};
use crate::record::{ContentRecord, encode_vectors};
use crate::search::Saying;
use crate::settings::{DuplicatePolicy, EMBEDDER_NONE, EngineSettings, NewSpace, SpaceSettings};
use crate::stored::ROLE_OBJECT;
use crate::uses::Uses;
use crate::validate;

/// The configured embedders by name.
pub(crate) type Embedders = BTreeMap<String, Arc<dyn Embedder>>;

/// What a space is, open or not.
pub(crate) struct SpaceIdentity {
    pub(crate) id: SpaceId,
    pub(crate) name: String,
    pub(crate) created_at: CommitTime,
    pub(crate) settings: SpaceSettings,
    pub(crate) fault: Arc<SpaceFault>,
    pub(crate) moves: Arc<Moves>,
    /// What its sessions have in mind.
    pub(crate) sessions: Sessions,
    /// Since when its files or its log may hold something deleted, ns; `i64::MAX` = they do not.
    deleted_since: AtomicI64,
    /// What was deleted and may be left somewhere.
    pub(crate) unpurged: Unpurged,
}

impl SpaceIdentity {
    pub(crate) fn new(
        id: SpaceId,
        name: String,
        created_at: CommitTime,
        settings: SpaceSettings,
    ) -> SpaceIdentity {
        SpaceIdentity {
            id,
            name,
            created_at,
            settings,
            fault: Arc::default(),
            moves: Arc::default(),
            sessions: Sessions::default(),
            deleted_since: AtomicI64::new(i64::MAX),
            unpurged: Unpurged::default(),
        }
    }

    pub(crate) fn deleted_since(&self) -> i64 {
        self.deleted_since.load(Ordering::Relaxed)
    }

    /// Notes that something was deleted then, or may have been.
    pub(crate) fn note_deleted(&self, at_ns: i64) {
        self.deleted_since.fetch_min(at_ns, Ordering::Relaxed);
    }

    /// Notes since when the files of a checkpoint hold something deleted, which is all that is left.
    pub(crate) fn settle_deleted(&self, since_ns: Option<i64>) {
        self.deleted_since.store(since_ns.unwrap_or(i64::MAX), Ordering::Relaxed);
    }

    pub(crate) fn info(&self) -> SpaceInfo {
        SpaceInfo {
            id: self.id,
            name: self.name.clone(),
            created_at: self.created_at,
            settings: self.settings.clone(),
            quarantined: self.fault.quarantined().map(str::to_owned),
        }
    }
}

/// An open space: its state is in memory.
pub(crate) struct Space {
    pub(crate) identity: Arc<SpaceIdentity>,
    pub(crate) analyzer: Analyzer,
    /// Memories of the tail that become a chunk.
    pub(crate) tail_memories_max: usize,
    /// The embedder, none for `none`, or why it cannot be used.
    embedder: Result<Option<Arc<dyn Embedder>>, EngineError>,
    pub(crate) snapshot: ArcSwap<Snapshot>,
    /// Held while a new snapshot is made from the current one and published.
    pub(crate) publishing: Mutex<()>,
    pub(crate) linker: Mutex<Linker>,
    pub(crate) indexer: Mutex<Indexer>,
    pub(crate) link_waiters: LinkWaiters,
    pub(crate) uses: Uses,
    pub(crate) feed: Feed,
    /// When deleted memories were gone from everywhere.
    pub(crate) purges: Mutex<Purges>,
    /// A commit of consolidation is queued.
    pub(crate) consolidating: AtomicBool,
    /// Bytes of commits that are in the log and in no file.
    log_bytes: AtomicU64,
    /// Chunks went into the cold store since the last checkpoint: their local files can go with the next one.
    moved: AtomicBool,
    /// Memories whose associations are not formed, as of the last published snapshot.
    unlinked: AtomicU64,
    /// Files that were written for it or that its manifest names.
    pub(crate) files: Mutex<BTreeSet<SegmentHash>>,
    /// The same of objects of the cold store, each with who reads it.
    pub(crate) objects: Mutex<BTreeMap<SegmentHash, Weak<Cold>>>,
}

/// A memory that passed every check that needs no order: analysed, embedded, ready to be committed.
#[derive(Debug)]
pub(crate) struct PreparedMemory {
    pub(crate) id: Option<String>,
    pub(crate) content: MemoryContent,
    pub(crate) record: ContentRecord,
    pub(crate) hash: ContentHash,
    pub(crate) vector_given: bool,
    pub(crate) words: Words,
    /// What it says, where the space looks at that.
    pub(crate) saying: Option<Saying>,
    /// None where the same memory is there already, so that embedding it again would be wasted.
    pub(crate) vectors: Option<Vec<Vec<f32>>>,
}

impl Space {
    pub(crate) fn new(
        identity: Arc<SpaceIdentity>,
        embedders: &Embedders,
        tail_memories_max: usize,
    ) -> Space {
        Space {
            tail_memories_max,
            analyzer: Analyzer::new(identity.settings.language),
            embedder: resolve(&identity.settings, embedders),
            snapshot: ArcSwap::from_pointee(Snapshot::empty(&identity.settings)),
            identity,
            publishing: Mutex::new(()),
            linker: Mutex::default(),
            indexer: Mutex::default(),
            link_waiters: LinkWaiters::default(),
            uses: Uses::default(),
            feed: Feed::default(),
            purges: Mutex::default(),
            consolidating: AtomicBool::new(false),
            log_bytes: AtomicU64::new(0),
            moved: AtomicBool::new(false),
            unlinked: AtomicU64::new(0),
            files: Mutex::default(),
            objects: Mutex::default(),
        }
    }

    /// # Errors
    /// The space is quarantined: what was read of it may be wrong.
    pub(crate) fn intact(&self) -> Result<(), EngineError> {
        self.identity.fault.intact()
    }

    /// Changes where parts of the published state reside.
    pub(crate) fn change_views(
        &self,
        mut change: impl FnMut(&mut ChunkView),
    ) -> Result<(), EngineError> {
        let poisoned = |_| {
            let why = "publishing a state panicked; reopen to recover".to_owned();
            EngineError::Log(LogFailure::Poisoned(why))
        };
        let _publishing = self.publishing.lock().map_err(poisoned)?;
        let mut snapshot = Snapshot::clone(&self.snapshot.load());
        snapshot.chunks.iter_mut().for_each(&mut change);
        self.snapshot.store(Arc::new(snapshot));
        Ok(())
    }

    /// An outcome, unless what it rests on may have been read wrong or was not read.
    pub(crate) fn sound<T>(&self, outcome: Result<T, EngineError>) -> Result<T, EngineError> {
        let missing = take_missing();
        self.intact()?;
        match missing.into_iter().next() {
            Some(MissingPart { reason, .. }) => Err(EngineError::ColdUnavailable { reason }),
            None => outcome,
        }
    }

    pub(crate) fn note_log_bytes(&self, bytes: u64) {
        self.log_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn log_bytes(&self) -> u64 {
        self.log_bytes.load(Ordering::Relaxed)
    }

    /// Bytes of commits that a checkpoint has put into files.
    pub(crate) fn settle_log_bytes(&self, bytes: u64) {
        self.log_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    pub(crate) fn purges(&self) -> MutexGuard<'_, Purges> {
        self.purges.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what of a state is not gone from everywhere.
    pub(crate) fn settle_purges(&self, snapshot: &Snapshot) {
        self.identity.unpurged.settle(snapshot, &self.purges());
    }

    pub(crate) fn note_moved(&self) {
        self.moved.store(true, Ordering::Relaxed);
    }

    /// Whether that was noted since it was last asked.
    pub(crate) fn take_moved(&self) -> bool {
        self.moved.swap(false, Ordering::Relaxed)
    }

    /// Notes the files and objects of a manifest.
    pub(crate) fn note_files(&self, manifest: &Manifest) {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let mut objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        for file in &manifest.segments {
            if file.role == ROLE_OBJECT {
                objects.insert(file.segment.hash, Weak::new());
            } else {
                files.insert(file.segment.hash);
            }
        }
    }

    /// Notes who reads an object: it is not removed before.
    pub(crate) fn note_object(&self, cold: &Arc<Cold>) {
        let mut objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        objects.insert(cold.object.hash, Arc::downgrade(cold));
    }

    /// Whether associations, a graph or what was learned are on their way.
    pub(crate) fn has_work(&self) -> bool {
        // Whoever holds it is at work.
        let building = self.indexer.try_lock().map_or(true, |indexer| indexer.is_at_work());
        self.intact().is_ok()
            && (building || self.unlinked() > 0 || self.link_waiters.any() || self.uses.any())
    }

    pub(crate) fn note_unlinked(&self, snapshot: &Snapshot) {
        self.unlinked.store(snapshot.unlinked(), Ordering::Relaxed);
    }

    pub(crate) fn unlinked(&self) -> u64 {
        self.unlinked.load(Ordering::Relaxed)
    }

    pub(crate) fn stats(&self) -> SpaceStats {
        let snapshot = self.snapshot.load();
        SpaceStats {
            memories: snapshot.figures.active,
            suppressed: snapshot.figures.suppressed,
            vectors: snapshot.figures.vectors,
            indexed_vectors: snapshot
                .proximity
                .as_ref()
                .map_or(0, |view| view.graph.owners.len() as u64 - view.hidden.len()),
            associations: snapshot.associations.graph.edge_count(),
            entities: snapshot.associations.entity_count() as u64,
            unlinked: snapshot.unlinked(),
            resident_bytes: snapshot.resident_bytes(),
            tiers: tiers(&snapshot),
            moves: self.identity.moves.so_far(),
            lsn: snapshot.lsn,
            committed_at: snapshot.committed_at,
            state_sum: snapshot.state_sum,
            learned: snapshot.traces.len() as u64,
            learned_sum: snapshot.learned_sum(),
            beliefs: snapshot.beliefs.len() as u64,
            consolidated: snapshot.beliefs.members() as u64,
            unconsolidated: snapshot.unconsolidated(),
            beliefs_sum: snapshot.beliefs.sum(),
        }
    }

    /// What its state is built by.
    pub(crate) fn indexing(&self) -> Indexing<'_> {
        Indexing {
            analyzer: &self.analyzer,
            dimension: self.identity.settings.dimension,
            tail_memories_max: self.tail_memories_max,
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
        now_ns: i64,
    ) -> Result<Vec<Result<PreparedMemory, EngineError>>, EngineError> {
        let mut items: Vec<Result<PreparedMemory, EngineError>> = memories
            .into_iter()
            .enumerate()
            .map(|(index, mut memory)| {
                validate::memory(&mut memory, self.identity.settings.dimension, settings)
                    .map_err(|error| error.within(&format!("memories[{}]", first + index)))?;
                Ok(self.analysed(memory))
            })
            .collect();
        self.embed_missing(items.iter_mut().flatten(), now_ns)?;
        Ok(items)
    }

    /// Embeds memories that have no vectors, but for those that are there already.
    pub(crate) fn embed_missing<'a>(
        &self,
        memories: impl Iterator<Item = &'a mut PreparedMemory>,
        now_ns: i64,
    ) -> Result<(), EngineError> {
        let snapshot = self.snapshot.load();
        let is_there = |memory: &PreparedMemory| {
            let found = memory.id.as_deref().and_then(|id| snapshot.find(id));
            found.is_some_and(|(at, _)| {
                let stored = snapshot.head(at);
                stored.content_hash == memory.hash && !stored.is_expired(now_ns)
            })
        };
        let wanted = memories.filter(|memory| memory.vectors.is_none() && !is_there(memory));
        let mut wanted: Vec<&mut PreparedMemory> = wanted.collect();
        let texts: Vec<EmbedText<'_>> =
            wanted.iter().map(|memory| embed_text(&memory.content)).collect();
        let embedded = self.embed(&texts)?;
        for (memory, vectors) in wanted.iter_mut().zip(embedded) {
            memory.vectors = Some(vectors);
        }
        Ok(())
    }

    /// What names the embedder of the space, so that vectors of the same one can be told; none where it has none.
    pub(crate) fn embedded_by(&self) -> Option<String> {
        let identity = self.identity.settings.identity.as_ref()?;
        let EmbedderIdentity { provider, model, dimension, weights_hash } = identity;
        Some(format!("{provider}/{model}/{dimension}/{weights_hash}"))
    }

    /// Analyses what a memory says from now on, and embeds it where it neither brings a vector nor says what `before` said to
    /// the embedder.
    pub(crate) fn prepare_newer(
        &self,
        memory: NewMemory,
        before: &VersionDoc,
    ) -> Result<PreparedMemory, EngineError> {
        let mut prepared = self.analysed(memory);
        if prepared.vectors.is_some() {
            return Ok(prepared);
        }
        let (now, then) = (embed_text(&prepared.content), embed_text(&before.memory.content));
        let same = (now.title, now.people, now.text) == (then.title, then.people, then.text);
        prepared.vectors = if same && given_vector(before).is_none() {
            Some(before.vectors.clone())
        } else {
            self.embed(&[now])?.pop()
        };
        Ok(prepared)
    }

    /// Vectors of texts, in order; checked, as nobody checks them later.
    pub(crate) fn embed(&self, texts: &[EmbedText<'_>]) -> Result<Vec<Vec<Vec<f32>>>, EngineError> {
        if texts.is_empty() {
            return Ok(Vec::new());
        }
        let Some(embedder) = self.embedder()? else {
            return Ok(vec![Vec::new(); texts.len()]);
        };
        let embedded = embedder.embed_documents(texts)?;
        if embedded.len() != texts.len() {
            return Err(bad_embedder("it answered another number of texts"));
        }
        embedded.iter().flatten().try_for_each(|vector| self.check_vector(vector))?;
        Ok(embedded)
    }

    /// Vector of a cue's text; none for blank text or without an embedder.
    pub(crate) fn embed_query(&self, text: &str) -> Result<Option<Vec<f32>>, EngineError> {
        let Some(embedder) = self.embedder()? else {
            return Ok(None);
        };
        let vector = embedder.embed_query(text)?;
        vector.iter().try_for_each(|vector| self.check_vector(vector))?;
        Ok(vector)
    }

    fn check_vector(&self, vector: &[f32]) -> Result<(), EngineError> {
        if vector.len() != self.identity.settings.dimension as usize {
            return Err(bad_embedder("its vectors have another dimension"));
        }
        if vector.iter().any(|component| !component.is_finite()) {
            return Err(bad_embedder("its vectors are not finite"));
        }
        Ok(())
    }

    pub(crate) fn analysed(&self, memory: NewMemory) -> PreparedMemory {
        let record = ContentRecord::from_content(&memory.content);
        PreparedMemory {
            hash: content_hash(&record, memory.vector.as_deref()),
            record,
            words: self.words(&memory.content),
            saying: self.saying(&memory.content),
            id: memory.id,
            content: memory.content,
            vector_given: memory.vector.is_some(),
            vectors: memory.vector.map(|vector| vec![vector]),
        }
    }

    /// What a memory says, where the space does more with repetitions than keep them.
    fn saying(&self, content: &MemoryContent) -> Option<Saying> {
        let looks = self.identity.settings.duplicates != DuplicatePolicy::Keep;
        looks.then(|| Saying::of(&content.text)).flatten()
    }

    /// The searchable words of a memory: title, people and text.
    pub(crate) fn words(&self, content: &MemoryContent) -> Words {
        let mut terms = Terms::new();
        self.analyzer.analyze(&content.title, &mut terms);
        for person in &content.people {
            self.analyzer.analyze(person, &mut terms);
        }
        self.analyzer.analyze(&content.text, &mut terms);
        Words::new(terms)
    }
}

/// What resides where.
pub(crate) fn tiers(snapshot: &Snapshot) -> TierStats {
    let mut tiers = TierStats { hot_memories: snapshot.tail.len() as u64, ..TierStats::default() };
    for view in &snapshot.chunks {
        let live = view.live();
        let hot = view.bodies.hot_memories(live);
        tiers.hot_memories += hot;
        let rest = if view.bodies.cold.is_some() {
            &mut tiers.cold_memories
        } else {
            &mut tiers.warm_memories
        };
        *rest += live - hot;
        if let Some(cold) = &view.bodies.cold {
            tiers.segments += 1;
            tiers.segment_bytes += cold.local_file.bytes;
            tiers.cold_bytes += cold.object.bytes;
        }
        if let Some(sealed) = &view.bodies.sealed {
            tiers.segments += 1;
            tiers.segment_bytes += sealed.file.bytes;
        }
    }
    tiers
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
    validate::time_span("decay.stability_days", new.decay.stability_days)?;
    if let Some(key) = &new.supersede_key {
        validate::supersede_key(key)?;
    }
    Ok(SpaceSettings {
        dimension,
        embedder: new.embedder.clone(),
        identity,
        language: new.language,
        decay: new.decay,
        training: new.training,
        duplicates: new.duplicates,
        supersede_key: new.supersede_key.clone().unwrap_or_default(),
        consolidation: new.consolidation,
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

/// What of a memory is embedded.
pub(crate) fn embed_text(content: &MemoryContent) -> EmbedText<'_> {
    EmbedText { title: &content.title, people: &content.people, text: &content.text }
}

fn bad_embedder(what: &str) -> EngineError {
    EngineError::Embed(EmbedError::BadModel { message: what.to_owned() })
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

/// The vector of a stored version that its caller gave: its hash is about it, too.
pub(crate) fn given_vector(stored: &VersionDoc) -> Option<&Vec<f32>> {
    stored.vectors.first().filter(|_| has_given_vector(&stored.memory))
}

/// Whether the caller gave the vector of a memory, which must have its text.
pub(crate) fn has_given_vector(memory: &Memory) -> bool {
    let record = ContentRecord::from_content(&memory.content);
    content_hash(&record, None) != memory.content_hash
}

/// First 16 bytes of a hash.
pub(crate) fn first_16(hash: &blake3::Hash) -> [u8; 16] {
    let mut first = [0; 16];
    first.copy_from_slice(&hash.as_bytes()[..16]);
    first
}
