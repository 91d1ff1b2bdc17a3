//! What recall and recognition answer.

use engram_index::RouteScore;
use engram_store::Lsn;

use crate::association::PathStep;
use crate::missing::MissingPart;
use crate::model::MemoryDetail;
use crate::settings::RankWeights;

/// How recall searches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Mode {
    /// BM25 only.
    Keyword,
    /// Vectors only.
    Similarity,
    /// Both, fused.
    Hybrid,
    /// Both, fused, and what they lead to by association.
    #[default]
    Associative,
}

impl Mode {
    /// All modes.
    pub const ALL: [Mode; 4] = [Mode::Keyword, Mode::Similarity, Mode::Hybrid, Mode::Associative];

    /// Name in requests and answers.
    pub fn name(self) -> &'static str {
        match self {
            Mode::Keyword => "keyword",
            Mode::Similarity => "similarity",
            Mode::Hybrid => "hybrid",
            Mode::Associative => "associative",
        }
    }

    /// The mode of that name.
    pub fn from_name(name: &str) -> Option<Mode> {
        Mode::ALL.into_iter().find(|mode| mode.name() == name)
    }
}

/// A place in the ranking of a cue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RankCursor {
    /// Items before it.
    pub offset: u32,
    /// Candidates that each route puts up, kept the same from page to page.
    pub depth: u32,
    /// Turn of the session that the answer was, from 1; 0 = of no session.
    pub turn: u32,
}

/// Answer to a cue.
#[derive(Clone, Debug, PartialEq)]
pub struct Recall {
    /// Best first; ties to the memory stored earlier.
    pub items: Vec<Recalled>,
    /// What the answer is worth as a whole.
    pub outcome: Outcome,
    /// Where the next page starts; none at the end.
    pub next: Option<RankCursor>,
    /// Parts of the space that could not be read: what of them belongs into the answer is not in it.
    pub missing: Vec<MissingPart>,
    /// Last commit that the answer saw.
    pub lsn: Lsn,
    /// When it was answered, ns: the clock that the ranking is a function of.
    pub at_ns: i64,
    /// Whether the memories in it count as used.
    pub trained: bool,
    /// What the session of the cue had in mind; none = the cue names none, or asks the past.
    pub primed: Option<Priming>,
    /// How it was searched.
    pub explanation: Explanation,
}

/// What a session had in mind when it recalled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Priming {
    /// Which turn of the session this is, from 1.
    pub turn: u32,
    /// Memories recalled in earlier turns of which something was left.
    pub memories: u64,
}

/// Why something was in mind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrimedBy {
    /// Id of the memory that the session recalled: the lifted one, or one that it belongs to.
    pub id: String,
    /// Turns since then, at least 1.
    pub turns: u32,
    /// Time since then, ns.
    pub age_ns: i64,
}

/// What an answer is worth as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// At least one memory is likely to match.
    Match,
    /// Several match about equally well and say different things.
    Ambiguous,
    /// Something was found, nothing of it is likely to match.
    Unsure,
    /// Nothing matches.
    Nothing,
}

/// One recalled memory and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Recalled {
    /// The memory now.
    pub detail: MemoryDetail,
    /// Estimated probability that it matches this cue, in [0, 1]; comparable between answers.
    pub relevance: f32,
    /// The same before what was learned of the space's relevance was applied.
    pub uncalibrated: f32,
    /// What orders the answer: the sum of its parts.
    pub score: f32,
    /// What each route and weight added to the score.
    pub parts: Parts,
    /// Terms of the cue that the memory holds, in the order of the cue.
    pub matched_terms: Vec<String>,
    /// The strongest way of activation from a seed to this memory; empty = nothing but the cue led here.
    pub path: Vec<PathStep>,
    /// What of the session's earlier recalls lifted it; none = nothing did.
    pub primed_by: Option<PrimedBy>,
    /// Other memories that are nearly the same: they compete with it for every cue. Says nothing of whether it is true.
    pub crowding: u32,
    /// What stands before and after it in its session, in order, where the cue asks for it.
    pub neighbours: Vec<Neighbour>,
}

/// Parts of a score; none = the part did not apply.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct Parts {
    /// Cosine with the cue's vector.
    pub vector: Option<RouteScore>,
    /// BM25 of the cue's words.
    pub text: Option<RouteScore>,
    /// Agreement with people, place, tags, session and time that the cue hints at.
    pub context: Option<RouteScore>,
    /// Activation that reached it over associations.
    pub activation: Option<RouteScore>,
    /// Retrievability now.
    pub strength: Option<RouteScore>,
    /// How recent it is.
    pub recency: Option<RouteScore>,
    /// Importance that the caller stated.
    pub importance: Option<RouteScore>,
    /// What it is lifted by to the place of a memory that it supersedes; the score is that of the superseded one.
    pub succession: Option<RouteScore>,
    /// What the session has in mind of it.
    pub priming: Option<RouteScore>,
    /// Likeness to what the answer should not be like; it counts against the memory.
    pub negative: Option<RouteScore>,
}

/// A memory beside a recalled one.
#[derive(Clone, Debug, PartialEq)]
pub struct Neighbour {
    /// The memory.
    pub detail: MemoryDetail,
    /// Its place: -1 = just before, 1 = just after.
    pub distance: i32,
}

/// How the vectors of a space were searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum VectorSearch {
    /// Not at all.
    #[default]
    None,
    /// Every vector was compared.
    Exact,
    /// Over the proximity graph, and exactly where it does not reach.
    Hnsw,
}

impl VectorSearch {
    /// Name in answers.
    pub fn name(self) -> &'static str {
        match self {
            VectorSearch::None => "none",
            VectorSearch::Exact => "exact",
            VectorSearch::Hnsw => "hnsw",
        }
    }
}

/// How an answer came about.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Explanation {
    /// Mode that ran.
    pub mode: Mode,
    /// Terms of the cue after analysis.
    pub terms: Vec<String>,
    /// Memories that were visible and passed the filter.
    pub eligible: u64,
    /// Memories that at least one route found.
    pub candidates: u64,
    /// Vectors compared with the cue's; 0 where the vector route did not run.
    pub vectors_scanned: u64,
    /// How the vectors were searched.
    pub vector_search: VectorSearch,
    /// Memories and entities that activation reached.
    pub nodes_activated: u64,
    /// Associations that activation followed.
    pub edges_followed: u64,
    /// Whether the budget of edges ended the spreading early.
    pub spread_cut: bool,
    /// Ids of the memories that activation started from.
    pub seeds: Vec<String>,
    /// The weights that counted.
    pub weights: RankWeights,
}

/// Whether something was seen before.
#[derive(Clone, Debug, PartialEq)]
pub struct Recognition {
    /// How familiar it is, in [0, 1]: 1 for a repetition, 0 for nothing alike.
    pub familiarity: f32,
    /// Whether that is enough to say that it is known.
    pub known: bool,
    /// What is nearest to it, nearest first.
    pub matches: Vec<Match>,
    /// Last commit that the answer saw.
    pub lsn: Lsn,
}

/// A memory that resembles what is to be recognised.
#[derive(Clone, Debug, PartialEq)]
pub struct Match {
    /// The memory.
    pub detail: MemoryDetail,
    /// Cosine of the nearest vectors, in [-1, 1]; 0 without vectors.
    pub similarity: f32,
    /// Shared terms over all terms of both (Jaccard), in [0, 1].
    pub overlap: f32,
    /// Whether the text is the same to the byte.
    pub exact: bool,
}

/// Recalled memories as a text for a prompt.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct PromptContext {
    /// The framed items.
    pub text: String,
    /// Its estimated size in tokens.
    pub tokens: u32,
    /// Items that are in it.
    pub included: usize,
    /// Items that did not fit.
    pub omitted: usize,
}
