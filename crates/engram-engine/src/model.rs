//! The memory and what is asked about it: plain domain values, no wire form, no storage form.
//!
//! Times are `i64` nanoseconds since 1970-01-01 UTC. Confidence, trust, importance, relevance and strength are `f32`
//! in [0, 1].

mod worth;

use std::collections::BTreeMap;
use std::sync::Arc;

use engram_index::{DecayLaw, name_key};
use engram_store::{CommitTime, Lsn, SpaceId};

use crate::error::EngineError;
use crate::mark::MarkDetail;
use crate::moves::TierMoves;
use crate::settings::SpaceSettings;

pub use self::worth::{
    BeliefSummary, Confidence, MemoryRetention, PastReview, Reconsolidation, SourceEvidence,
    Standing, Strength,
};

/// What sort of memory it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Kind {
    /// Something that happened.
    #[default]
    Episode,
    /// Something that holds.
    Fact,
    /// How something is done.
    Procedure,
    /// Condensed from other memories.
    Belief,
}

impl Kind {
    /// All kinds, in the order of their codes in the log.
    pub const ALL: [Kind; 4] = [Kind::Episode, Kind::Fact, Kind::Procedure, Kind::Belief];

    /// Name in requests and answers.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Episode => "episode",
            Kind::Fact => "fact",
            Kind::Procedure => "procedure",
            Kind::Belief => "belief",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// A value of a memory's metadata.
#[derive(Clone, Debug, PartialEq)]
pub enum MetaValue {
    /// Explicitly nothing.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A finite number with a fraction, or beyond the range of [`MetaValue::Int`].
    Float(f64),
    /// A string.
    Text(String),
    /// An ordered list.
    List(Vec<MetaValue>),
    /// A nested object.
    Map(Metadata),
}

/// Metadata: names to values, in byte order of the names.
pub type Metadata = BTreeMap<String, MetaValue>;

/// Bytes of names and values, each value counting for at least eight.
pub(crate) fn metadata_bytes(metadata: &Metadata) -> usize {
    metadata.iter().map(|(name, value)| name.len() + value_bytes(value)).sum()
}

fn value_bytes(value: &MetaValue) -> usize {
    match value {
        MetaValue::Null | MetaValue::Bool(_) | MetaValue::Int(_) | MetaValue::Float(_) => 8,
        MetaValue::Text(text) => text.len().max(8),
        MetaValue::List(elements) => 8 + elements.iter().map(value_bytes).sum::<usize>(),
        MetaValue::Map(nested) => 8 + metadata_bytes(nested),
    }
}

/// Where a memory comes from, as the caller states it.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Source {
    /// For example `chat`, `document`, `sensor`.
    pub kind: String,
    /// Reference into the source, for example a URL or message id.
    pub reference: String,
    /// How far the source is trusted, in [0, 1]; none = not stated.
    pub trust: Option<f32>,
}

impl Source {
    /// How far it is trusted; fully where that is not stated.
    pub fn trusted(&self) -> f32 {
        self.trust.unwrap_or(1.0)
    }
}

/// Everything a caller states about a memory, apart from its id and vector.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct MemoryContent {
    /// Sort of memory.
    pub kind: Kind,
    /// Short heading; empty = none.
    pub title: String,
    /// The text; empty = none.
    pub text: String,
    /// Conversation or task it belongs to; empty = none.
    pub session: String,
    /// When it happened, ns.
    pub occurred_at: Option<i64>,
    /// When it ended, ns.
    pub occurred_until: Option<i64>,
    /// Where it happened; empty = none.
    pub place: String,
    /// Who took part.
    pub people: Vec<String>,
    /// Things it is about.
    pub entities: Vec<String>,
    /// Labels.
    pub tags: Vec<String>,
    /// Free structured data.
    pub metadata: Metadata,
    /// Where it comes from.
    pub source: Source,
    /// What an attribute is stated of; empty = none.
    pub subject: String,
    /// Which attribute is stated; empty = none.
    pub attribute: String,
    /// How sure the caller is that it is true, in [0, 1].
    pub confidence: Option<f32>,
    /// How much it matters, in [0, 1].
    pub importance: Option<f32>,
    /// True from, ns.
    pub valid_from: Option<i64>,
    /// True until, ns.
    pub valid_until: Option<i64>,
    /// Forgotten by itself at, ns.
    pub expires_at: Option<i64>,
    /// How it fades, where that is not as the space says.
    pub decay: Option<OwnDecay>,
}

impl MemoryContent {
    /// What it states something of: the attribute of a subject, both folded as names of entities are, where it names both; else
    /// what the field `key` of its metadata names. No two of different kinds are equal.
    pub(crate) fn claim(&self, key: &str) -> Option<String> {
        let (subject, attribute) = (name_key(&self.subject), name_key(&self.attribute));
        if !subject.is_empty() && !attribute.is_empty() {
            return Some(format!("{subject}\u{1f}{attribute}"));
        }
        if key.is_empty() {
            return None;
        }
        match self.metadata.get(key)? {
            MetaValue::Text(text) if !text.is_empty() => Some(format!("\u{1f}text\u{1f}{text}")),
            MetaValue::Int(number) => Some(format!("\u{1f}number\u{1f}{number}")),
            // Nothing else names one thing.
            _ => None,
        }
    }
}

/// How one memory fades.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum OwnDecay {
    /// Not at all.
    Pinned,
    /// By a law of its own.
    Fading {
        /// The law; none = that of the space.
        law: Option<DecayLaw>,
        /// Time until half of its retrievability is lost, days, finite and above 0; none = what the law begins with.
        half_life_days: Option<f64>,
    },
}

/// A memory to be stored.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct NewMemory {
    /// The caller's id: printable UTF-8, 1 to 256 bytes; none = a UUIDv7 is made.
    pub id: Option<String>,
    /// What it says.
    pub content: MemoryContent,
    /// The caller's own vector: dimension of the space, finite, not zero; stored with unit length.
    pub vector: Option<Vec<f32>>,
}

/// One version of a stored memory. Immutable; its state is kept beside it.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Memory {
    /// Id within the space.
    pub id: String,
    /// 1, 2, …
    pub version: u32,
    /// Position in the space's log: the commit.
    pub lsn: Lsn,
    /// Position within the commit, from 0.
    pub position: u32,
    /// Commit time.
    pub committed_at: CommitTime,
    /// Who wrote it, set by the server; empty = not authenticated.
    pub principal: String,
    /// What it says.
    pub content: MemoryContent,
    /// Hash of the content, and of the vector where the caller gave one.
    pub content_hash: ContentHash,
    /// Commit time of its first version.
    pub first_committed_at: CommitTime,
    /// Why it took the place of the version before; empty = not stated.
    pub reason: String,
    /// What the update weighed that stored this version; none = it was not weighed.
    pub reconsolidation: Option<Reconsolidation>,
}

/// Version of a memory that was not there before.
pub(crate) const FIRST_VERSION: u32 = 1;

impl Memory {
    /// From when on it fades, ns: when it happened, where that is given and not behind the commit.
    pub(crate) fn learned_at(&self) -> i64 {
        self.course().learned_at()
    }

    /// When it happened, ns: the commit time of its first version where that is not given. What is corrected later has
    /// not happened later.
    pub(crate) fn happened_at(&self) -> i64 {
        self.course().happened_at()
    }

    /// When it happened, was learned and how it fades.
    pub(crate) fn course(&self) -> Course {
        Course {
            committed_at: self.committed_at,
            first_committed_at: self.first_committed_at,
            occurred_at: self.content.occurred_at,
            decay: self.content.decay,
        }
    }

    /// When what it states of an attribute begins to hold, ns: where it is true from then on, else when it happened.
    pub(crate) fn stated_from(&self) -> i64 {
        self.content.valid_from.unwrap_or_else(|| self.happened_at())
    }

    /// Whether it has forgotten itself by then.
    pub(crate) fn is_expired(&self, now_ns: i64) -> bool {
        has_expired(self.content.expires_at, now_ns)
    }
}

/// What of a memory says when it happened and how it fades.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub(crate) struct Course {
    pub(crate) committed_at: CommitTime,
    pub(crate) first_committed_at: CommitTime,
    pub(crate) occurred_at: Option<i64>,
    pub(crate) decay: Option<OwnDecay>,
}

impl Course {
    pub(crate) fn learned_at(&self) -> i64 {
        let committed = self.committed_at.0;
        self.occurred_at.filter(|at| *at <= committed).unwrap_or(self.first_committed_at.0)
    }

    pub(crate) fn happened_at(&self) -> i64 {
        self.occurred_at.unwrap_or(self.first_committed_at.0)
    }
}

/// What ranking asks of a memory: it is read of hundreds for each answer, so nothing else is decoded for it.
#[derive(Clone, Debug, PartialEq, Default)]
pub(crate) struct Outline {
    pub(crate) course: Course,
    pub(crate) people: Vec<String>,
    pub(crate) importance: Option<f32>,
}

impl Outline {
    pub(crate) fn of(memory: &Memory) -> Outline {
        Outline {
            course: memory.course(),
            people: memory.content.people.clone(),
            importance: memory.content.importance,
        }
    }
}

/// The one rule of expiry: a memory is forgotten from its `expires_at` on.
pub(crate) fn has_expired(expires_at: Option<i64>, now_ns: i64) -> bool {
    expires_at.is_some_and(|expires_at| expires_at <= now_ns)
}

/// First 16 bytes of the BLAKE3 hash of a memory's content.
pub type ContentHash = [u8; 16];

/// Whether a memory can be recalled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Recallable.
    Active,
    /// Hidden, reversibly.
    Suppressed,
}

/// A memory as it is at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct MemoryDetail {
    /// The stored version.
    pub memory: Arc<Memory>,
    /// Whether it can be recalled.
    pub state: State,
    /// Strength at the time of the answer.
    pub strength: Strength,
    /// Confidence from its evidence.
    pub confidence: Confidence,
    /// What it rests on, where consolidation made it.
    pub belief: Option<BeliefSummary>,
    /// Its unit vectors, one per chunk of text or the caller's one.
    pub vectors: Vec<Vec<f32>>,
    /// Id of the memory that holds in its place.
    pub superseded_by: Option<String>,
    /// Ids of the memories in whose place it holds, at most 64, in the order of the log.
    pub supersedes: Vec<String>,
    /// Pairs with other memories that may change or deny one another, at most 16.
    pub marks: Vec<MarkDetail>,
}

/// Answer to a request to remember.
#[derive(Clone, Debug, PartialEq)]
pub struct Remembered {
    /// Last commit that this answer rests on.
    pub lsn: Lsn,
    /// Its commit time.
    pub committed_at: CommitTime,
    /// One result per memory of the request, in its order.
    pub items: Vec<Result<RememberedItem, EngineError>>,
}

/// What became of one memory.
#[derive(Clone, Debug, PartialEq)]
pub struct RememberedItem {
    /// Its id; of one that was merged, that of the memory that it repeats, like all that follows.
    pub id: String,
    /// Its version.
    pub version: u32,
    /// Commit that stored it.
    pub lsn: Lsn,
    /// Time of that commit.
    pub committed_at: CommitTime,
    /// Whether this request stored it, the same content was there under the same id, or it was merged.
    pub created: Created,
    /// Whether it can be recalled: what was there before may be suppressed.
    pub state: State,
    /// Ids of other memories with the same content, at most 10.
    pub duplicates: Vec<String>,
    /// Ids of memories that say the same in other content, at most 10; none = nobody looked for them.
    pub near_duplicates: Option<Vec<String>>,
    /// Number of vectors stored for it.
    pub vectors: u32,
}

/// What became of an update.
#[derive(Clone, Debug, PartialEq)]
pub struct Updated {
    /// Id of the memory.
    pub id: String,
    /// The version that it has now.
    pub version: u32,
    /// Commit that stored this version.
    pub lsn: Lsn,
    /// Time of that commit.
    pub committed_at: CommitTime,
    /// Whether this request stored it, or the memory said so already.
    pub created: Created,
    /// Number of vectors stored for it.
    pub vectors: u32,
    /// What the update weighed; none = it cited no recall, or said nothing otherwise.
    pub reconsolidation: Option<Reconsolidation>,
}

/// The versions of a memory.
#[derive(Clone, Debug, PartialEq)]
pub struct History {
    /// Newest first.
    pub versions: Vec<Version>,
    /// The versions before this one follow; none at the end.
    pub next: Option<u32>,
    /// Last commit that the answer saw.
    pub lsn: Lsn,
}

/// One version of a memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Version {
    /// What it said.
    pub memory: Arc<Memory>,
    /// When a newer version took its place; none = it is the newest.
    pub replaced_at: Option<CommitTime>,
}

/// Whether a request changed anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    /// Stored by this request.
    Now,
    /// Stored earlier with the same id and content.
    Before,
    /// Not stored: it says what a memory of another id says, and counts as a repetition of that one.
    Merged,
}

/// What `forget` or `restore` did, or would do.
#[derive(Clone, Debug, PartialEq)]
pub struct ForgetReceipt {
    /// Commit that did it; none for a dry run or when nothing matched.
    pub commit: Option<(Lsn, CommitTime)>,
    /// Ids concerned, in log order.
    pub ids: Vec<String>,
    /// Ids of beliefs in words of these memories, which went with them. They may come back in other words.
    pub beliefs: Vec<String>,
}

/// A page of a listing.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// In log order.
    pub items: Vec<MemoryDetail>,
    /// Where the next page starts; none at the end.
    pub next: Option<Cursor>,
}

/// A place in a space's log order: stays valid whatever is stored or forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Cursor {
    /// Commit of the last memory seen.
    pub lsn: u64,
    /// Its position within the commit.
    pub position: u32,
}

/// A space as it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct SpaceInfo {
    /// Identity in the log.
    pub id: SpaceId,
    /// Name.
    pub name: String,
    /// When it was created.
    pub created_at: CommitTime,
    /// Settings fixed at creation.
    pub settings: SpaceSettings,
    /// Why writes are refused, where part of its log is damaged.
    pub quarantined: Option<String>,
}

/// What is kept in RAM for all spaces of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct ResidenceStats {
    /// Bytes of state of the open spaces with the caches below, estimated.
    pub state_bytes: u64,
    /// How many there may be.
    pub state_bytes_max: u64,
    /// Bytes of cached blocks of segments.
    pub block_bytes: u64,
    /// Blocks found in the cache.
    pub block_hits: u64,
    /// Blocks read from files.
    pub block_misses: u64,
    /// Blocks dropped for others.
    pub block_evictions: u64,
    /// Bytes of single memories of warm segments that are kept in RAM.
    pub hot_bytes: u64,
    /// Such memories dropped for others.
    pub hot_evictions: u64,
}

/// Where the memories of a space reside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct TierStats {
    /// In RAM with text and vectors.
    pub hot_memories: u64,
    /// In local segments, read when needed.
    pub warm_memories: u64,
    /// In objects of the cold store, fetched when needed.
    pub cold_memories: u64,
    /// Segments of memories.
    pub segments: u64,
    /// Their bytes on disk.
    pub segment_bytes: u64,
    /// Bytes of objects in the cold store.
    pub cold_bytes: u64,
}

/// Figures of a space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct SpaceStats {
    /// Recallable memories.
    pub memories: u64,
    /// Suppressed memories.
    pub suppressed: u64,
    /// Vectors of both.
    pub vectors: u64,
    /// Vectors of the proximity graph; the others are compared one by one.
    pub indexed_vectors: u64,
    /// Associations between memories, and between memories and the entities that they name.
    pub associations: u64,
    /// People, things and places that memories name.
    pub entities: u64,
    /// Memories whose associations are not formed yet.
    pub unlinked: u64,
    /// Bytes of the space's state in RAM, estimated from the lengths of what it holds.
    pub resident_bytes: u64,
    /// What of it resides where.
    pub tiers: TierStats,
    /// How many of its memories moved between tiers since the start of the server, and why.
    pub moves: TierMoves,
    /// Last commit.
    pub lsn: Lsn,
    /// Its time.
    pub committed_at: CommitTime,
    /// Sum over the live state; equal on every replica that applied the same log.
    pub state_sum: u64,
    /// Memories that were used or judged since they were stored.
    pub learned: u64,
    /// Sum over what became of them; equal on every replica that applied the same log.
    pub learned_sum: u64,
    /// Beliefs that consolidation made.
    pub beliefs: u64,
    /// Memories that they rest on.
    pub consolidated: u64,
    /// Memories that consolidation has not looked at, and beliefs that it has to make anew.
    pub unconsolidated: u64,
    /// Sum over what beliefs rest on: equal wherever the same was consolidated.
    pub beliefs_sum: u64,
}
