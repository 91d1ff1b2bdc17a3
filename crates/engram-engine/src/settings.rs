//! Settings of the engine and of a space: plain values, validated where they enter.

use std::collections::BTreeMap;

use engram_embed::EmbedderIdentity;
use engram_index::{DecayLaw, Language};

/// Name of the embedder choice that stores no vectors of its own.
pub const EMBEDDER_NONE: &str = "none";
/// New memories of a space that are searched one by one, unless the settings say otherwise.
pub(crate) const TAIL_MEMORIES_MAX: usize = 256;

/// Limits and sizes of an engine. Every field bounds something a caller can send or the engine can hold.
#[derive(Clone, Debug, PartialEq)]
pub struct EngineSettings {
    /// Bytes of one log segment.
    pub wal_segment_bytes: u64,
    /// Zeroed segments kept ready.
    pub wal_spare_segments_max: u32,
    /// Archives that the log goes into: it lets go of nothing that one of them does not say to have.
    pub log_archives: u32,
    /// Bytes that may wait for the log before writes are refused with `Overloaded`.
    pub commit_queue_bytes_max: u64,
    /// Longest text of a memory, bytes.
    pub text_bytes_max: usize,
    /// Largest metadata of a memory, bytes of names and values.
    pub metadata_bytes_max: usize,
    /// Deepest metadata, levels.
    pub metadata_depth_max: usize,
    /// Most memories in one request.
    pub batch_memories_max: usize,
    /// New memories of a space that are searched one by one before they become a chunk; at least 1. Shows in no answer.
    pub tail_memories_max: usize,
    /// Vectors of a space from which on they are searched over a graph; fewer are compared one by one.
    pub graph_vectors_min: u64,
    /// Memories of a space whose associations may be waiting to be formed, before writes are refused with `Lagging`.
    pub index_lag_memories_max: u64,
    /// Bytes of state that all spaces of the node may hold in RAM. Above it memories move into their files, and idle spaces
    /// are closed.
    pub memory_bytes_max: u64,
    /// Bytes of state that one space may hold in RAM before its memories move into their files; none = as the node.
    pub space_memory_bytes_max: Option<u64>,
    /// How much spaces may hold.
    pub quotas: Quotas,
    /// Spaces that may be open at once.
    pub open_spaces_max: usize,
    /// How long nobody asks for a space before it is closed, ns.
    pub space_idle_ns: i64,
    /// Bytes of commits of one space in the log before it is checkpointed.
    pub checkpoint_log_bytes: u64,
    /// Bytes of log on disk before the spaces that hold it back are checkpointed.
    pub wal_bytes_max: u64,
    /// Bytes of disk kept for upkeep when the disk is full; 0 = none.
    pub reserve_bytes: u64,
    /// How long deleted memories may stay in segments, ns.
    pub deleted_kept_ns: i64,
    /// How long memories must have been unused to go into the cold store, ns; none = never.
    pub cold_after_ns: Option<i64>,
    /// The same where beliefs rest on nearly all memories of a chunk; what is longer than the other says nothing.
    pub cold_covered_after_ns: i64,
    /// Least memories of a chunk that goes there: an object for a few would cost more than it saves.
    pub cold_memories_min: usize,
    /// What counts in recall, unless a cue says otherwise.
    pub weights: RankWeights,
    /// Space that a fresh data directory starts with; none = no space.
    pub default_space: Option<NewSpace>,
}

impl Default for EngineSettings {
    fn default() -> EngineSettings {
        EngineSettings {
            wal_segment_bytes: 64 << 20,
            wal_spare_segments_max: 2,
            log_archives: 0,
            commit_queue_bytes_max: 256 << 20,
            text_bytes_max: 64 << 10,
            metadata_bytes_max: 16 << 10,
            metadata_depth_max: 8,
            batch_memories_max: 1_000,
            tail_memories_max: TAIL_MEMORIES_MAX,
            graph_vectors_min: 5_000,
            index_lag_memories_max: 20_000,
            memory_bytes_max: 4 << 30,
            space_memory_bytes_max: None,
            quotas: Quotas::default(),
            open_spaces_max: 1_000,
            space_idle_ns: 300_000_000_000,
            checkpoint_log_bytes: 32 << 20,
            wal_bytes_max: 512 << 20,
            reserve_bytes: 0,
            deleted_kept_ns: 24 * 3_600 * 1_000_000_000,
            cold_after_ns: Some(30 * 24 * 3_600 * 1_000_000_000),
            cold_covered_after_ns: i64::MAX,
            cold_memories_min: 4_096,
            weights: RankWeights::default(),
            default_space: None,
        }
    }
}

/// How much one space may hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quota {
    /// Memories, beliefs and suppressed ones among them; none = any number.
    pub memories_max: Option<u64>,
    /// Bytes that it occupies in RAM, in segments and in the cold store; none = any number.
    pub bytes_max: Option<u64>,
}

/// How much spaces may hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quotas {
    /// Where nothing else is said of a space.
    pub each: Quota,
    /// What is said of single spaces, by name. It takes the place of the other as a whole.
    pub own: BTreeMap<String, Quota>,
}

impl Quotas {
    /// The quota of a space.
    pub fn of(&self, space: &str) -> Quota {
        self.own.get(space).copied().unwrap_or(self.each)
    }
}

/// What each part of a score counts. Parts whose weight is 0 are not computed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RankWeights {
    /// Of similarity.
    pub vector: f32,
    /// Of BM25.
    pub text: f32,
    /// Of hints.
    pub context: f32,
    /// Of activation.
    pub activation: f32,
    /// Of strength.
    pub strength: f32,
    /// Of recency.
    pub recency: f32,
    /// Of importance.
    pub importance: f32,
    /// Of what the session has in mind, where the cue names one.
    pub priming: f32,
}

impl Default for RankWeights {
    /// Measured on dialogue and on passages; strength breaks ties, recency and importance are for callers that want them.
    fn default() -> RankWeights {
        RankWeights {
            vector: 0.4,
            text: 0.6,
            context: 1.0,
            activation: 1.0,
            strength: 0.02,
            recency: 0.0,
            importance: 0.0,
            priming: 0.1,
        }
    }
}

/// Settings of a space, fixed when it is created.
#[derive(Clone, Debug, PartialEq)]
pub struct SpaceSettings {
    /// Length of its vectors, 1 to 4,096.
    pub dimension: u32,
    /// Name of its embedder, or `none`.
    pub embedder: String,
    /// What that embedder was when the space was created; none for `none`.
    pub identity: Option<EmbedderIdentity>,
    /// Language of the text analysis.
    pub language: Language,
    /// How its memories fade.
    pub decay: DecaySettings,
    /// What becomes of the memories that recall answers with.
    pub training: Training,
    /// What becomes of a memory that says what another one says.
    pub duplicates: DuplicatePolicy,
    /// Field of the metadata whose value names what a memory states: those with the same value supersede each other, as those
    /// of one subject and attribute do. Empty = none.
    pub supersede_key: String,
    /// When beliefs are made.
    pub consolidation: Consolidation,
}

/// How memories fade where nothing else is said of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DecaySettings {
    /// The law.
    pub law: DecayLaw,
    /// Time until the retrievability of a new memory has fallen to 0.9, days; finite and above 0.
    pub stability_days: f64,
}

impl DecaySettings {
    /// That law with its own stability.
    pub fn of(law: DecayLaw) -> DecaySettings {
        DecaySettings { law, stability_days: law.stability_days() }
    }
}

impl Default for DecaySettings {
    fn default() -> DecaySettings {
        DecaySettings::of(DecayLaw::default())
    }
}

/// Whether being recalled strengthens a memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Training {
    /// It does, unless the caller only observes.
    #[default]
    Recalled,
    /// It never does.
    Never,
}

/// What becomes of a new memory that says what one that is there says: that has the same content, or the same words and
/// nearly the same vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum DuplicatePolicy {
    /// It is stored, reported and linked.
    #[default]
    Keep,
    /// It counts as a repetition of the earlier one, unless that would lose something that it states.
    Merge,
    /// It is refused.
    Reject,
}

impl DuplicatePolicy {
    /// All policies, in the order of their codes in the log.
    pub const ALL: [DuplicatePolicy; 3] =
        [DuplicatePolicy::Keep, DuplicatePolicy::Merge, DuplicatePolicy::Reject];

    /// Name in requests and answers.
    pub fn name(self) -> &'static str {
        match self {
            DuplicatePolicy::Keep => "keep",
            DuplicatePolicy::Merge => "merge",
            DuplicatePolicy::Reject => "reject",
        }
    }
}

/// When what memories have in common becomes beliefs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Consolidation {
    /// When somebody asks for it.
    #[default]
    OnDemand,
    /// Behind what is stored, within a budget of the server.
    Scheduled,
}

/// A space to be created.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct NewSpace {
    /// Name: 1 to 64 of `a-z 0-9 - _`, starting with a letter or digit.
    pub name: String,
    /// Name of a configured embedder, or `none`.
    pub embedder: String,
    /// Dimension of the vectors; none = the embedder's.
    pub dimension: Option<u32>,
    /// Language of the text analysis.
    pub language: Language,
    /// How its memories fade.
    pub decay: DecaySettings,
    /// Whether recall strengthens them.
    pub training: Training,
    /// What becomes of a memory that says what another one says.
    pub duplicates: DuplicatePolicy,
    /// Field of the metadata whose value names what a memory states.
    pub supersede_key: Option<String>,
    /// When beliefs are made.
    pub consolidation: Consolidation,
}
