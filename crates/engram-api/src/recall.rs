//! Recalling memories by a cue.

use serde::{Deserialize, Serialize};

use crate::association::PathStepView;
use crate::filter::FilterInput;
use crate::memory::MemoryView;
use crate::time::Timestamp;
use crate::update::AsOfInput;

/// How recall searches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModeName {
    /// Words only (BM25).
    Keyword,
    /// Vectors only.
    Similarity,
    /// Words, vectors and context, fused.
    Hybrid,
    /// The same, and what is associated with what they find.
    #[default]
    Associative,
}

impl ModeName {
    /// All modes.
    pub const ALL: [ModeName; 4] =
        [ModeName::Keyword, ModeName::Similarity, ModeName::Hybrid, ModeName::Associative];

    /// The name as it stands in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            ModeName::Keyword => "keyword",
            ModeName::Similarity => "similarity",
            ModeName::Hybrid => "hybrid",
            ModeName::Associative => "associative",
        }
    }
}

/// Recalls memories by a cue: any mix of a text, a vector, and memories to start from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecallRequest {
    /// Words and meaning to look for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// A vector in the dimension of the space; it takes the place of embedding the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vector: Option<Vec<f32>>,
    /// Ids of up to 16 memories that the answer should be like. They are not in the answer themselves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub like: Vec<String>,
    /// The situation that is asked about: what fits it ranks higher, what does not fit stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub around: Option<AroundInput>,
    /// What this recall belongs to: what that session recalled in its last turns and minutes ranks a little higher.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prime: Option<PrimeInput>,
    /// What the answer should not be like.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub negative: Option<NegativeInput>,
    /// Ids of up to 1,000 memories that are never in the answer; unknown ones are ignored.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<String>,
    /// How to search; `associative` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<ModeName>,
    /// Most items in the answer, 1 to 1,000; 10 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Where the answer goes on: `next_cursor` of an answer to the same cue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Which memories may be found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<FilterInput>,
    /// Only memories whose source is trusted at least so far, in \[0, 1\]; the same as in the filter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_trust: Option<f32>,
    /// Items below this relevance are left out, in \[0, 1\].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_relevance: Option<f32>,
    /// How much the items should differ from each other, in \[0, 1\]; 0 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diversity: Option<f32>,
    /// How many memories before and after each item in its session are shown beside it, 0 to 10; 0 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub neighbours: Option<u32>,
    /// How much each route counts, instead of the settings of the engine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<WeightsInput>,
    /// Recalls what was known after this LSN, or at this time: of each memory the version of then, and nothing that was stored
    /// later. What is forgotten since stays forgotten.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<AsOfInput>,
    /// True: this recall changes nothing. Else what is in the answer counts as used, where the space says `recall_trains`.
    #[serde(default)]
    pub observe: bool,
    /// Whether the answer says why each item is there and how it was searched.
    #[serde(default)]
    pub explain: bool,
    /// Whether the items hold their vectors.
    #[serde(default)]
    pub include_vectors: bool,
    /// Tokens that a text for a prompt may have, 1 to 200,000; without it there is no such text in the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_tokens: Option<u32>,
}

/// A situation that a cue hints at. Nothing in it excludes a memory.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AroundInput {
    /// Who took part.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub people: Vec<String>,
    /// Labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Where it happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// The conversation or run that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// When it happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<TimeSpanInput>,
}

/// A row of recalls, each of which biases the ones after it. The store forgets it with a restart, and soon by itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrimeInput {
    /// Name of the row, as the caller likes: the conversation that it leads now, say. It is not the session of a memory.
    pub session: String,
}

/// A stretch of time; an absent end is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeSpanInput {
    /// At or after this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Timestamp>,
    /// Before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Timestamp>,
}

/// What an answer should not be like.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NegativeInput {
    /// Words and meaning to stay away from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Ids of up to 16 memories to stay away from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub like: Vec<String>,
}

/// How much each route counts, each in \[0, 1\]; an absent one counts as the settings of the engine say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeightsInput {
    /// Nearness of the vectors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vector: Option<f32>,
    /// Words in common.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<f32>,
    /// Agreement with the situation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<f32>,
    /// Activation over associations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activation: Option<f32>,
    /// How retrievable the memory is now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strength: Option<f32>,
    /// How recently it happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recency: Option<f32>,
    /// How much it matters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub importance: Option<f32>,
    /// How much of it is in mind of the session that `prime` names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priming: Option<f32>,
}

/// How an answer fits its cue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MatchOutcome {
    /// At least one memory matches.
    Match,
    /// Several memories match about equally well and say different things.
    Ambiguous,
    /// Something was found, and none of it is likely to be what was meant.
    Unsure,
    /// Nothing matches.
    Nothing,
}

impl MatchOutcome {
    /// All outcomes.
    pub const ALL: [MatchOutcome; 4] =
        [MatchOutcome::Match, MatchOutcome::Ambiguous, MatchOutcome::Unsure, MatchOutcome::Nothing];

    /// The name as it stands in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            MatchOutcome::Match => "match",
            MatchOutcome::Ambiguous => "ambiguous",
            MatchOutcome::Unsure => "unsure",
            MatchOutcome::Nothing => "nothing",
        }
    }
}

/// A part of a space that could not be read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MissingPartView {
    /// Memories in it.
    pub memories: u64,
    /// What the cold store said.
    pub reason: String,
}

/// The answer to a cue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecallResponse {
    /// How it fits the cue.
    pub outcome: MatchOutcome,
    /// The memories, best first; equal ones in the order of the log.
    pub items: Vec<RecalledView>,
    /// The items as a text for a prompt; only with `context_tokens`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<PromptContextView>,
    /// Where the answer goes on; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    /// Parts of the space that could not be read now: what of them belongs into the answer is not in it. Absent when
    /// all could be read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<MissingPartView>,
    /// The mode that ran.
    pub mode: ModeName,
    /// How much was searched.
    pub searched: SearchedView,
    /// Weights that ranked the items; only with `explain`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<WeightsView>,
    /// Ids of the memories from which activation spread; only with `explain`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seeds: Option<Vec<String>>,
    /// Terms of the cue after analysis; only with `explain`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms: Option<Vec<String>>,
    /// Last commit that the answer saw.
    pub snapshot_lsn: u64,
    /// When it was answered, by the clock that strengths and priming are read with. An update can cite it.
    pub recalled_at: Timestamp,
    /// Whether what is in the answer counts as used: it is strengthened within about a second.
    pub trained: bool,
    /// What the session had in mind; only with `prime`, and not where the past is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub primed: Option<PrimedView>,
}

/// What a session had in mind when it recalled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrimedView {
    /// Which turn of the session this is, from 1; recalls that observe count none.
    pub turn: u32,
    /// Memories recalled in earlier turns of which something was left.
    pub memories: u64,
}

/// Recalled memories as a text for a prompt. Each stands between delimiters that its content cannot forge, with id,
/// source and trust; whole memories only.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromptContextView {
    /// The text.
    pub text: String,
    /// Tokens that it has at most, estimated.
    pub tokens: u32,
    /// How many items it holds.
    pub included: u64,
    /// How many items had no room.
    pub omitted: u64,
}

/// How the vectors were searched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VectorSearchName {
    /// Not at all.
    #[default]
    None,
    /// One by one.
    Exact,
    /// Through the graph of neighbours.
    Hnsw,
}

/// How much a recall searched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SearchedView {
    /// Memories that were visible and passed the filter.
    pub eligible: u64,
    /// Memories that at least one route found.
    pub candidates: u64,
    /// Vectors compared with the cue's; 0 where the vector route did not run.
    pub vectors_scanned: u64,
    /// How the vectors were searched.
    pub vector_search: VectorSearchName,
    /// Memories that activation reached.
    pub nodes_activated: u64,
    /// Associations that activation followed.
    pub edges_followed: u64,
    /// Whether the bound on associations cut the activation short.
    pub spread_cut: bool,
}

/// The weights that ranked an answer, each in \[0, 1\].
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WeightsView {
    /// Nearness of the vectors.
    pub vector: f32,
    /// Words in common.
    pub text: f32,
    /// Agreement with the situation.
    pub context: f32,
    /// Activation over associations.
    pub activation: f32,
    /// How retrievable the memory is now.
    pub strength: f32,
    /// How recently it happened.
    pub recency: f32,
    /// How much it matters.
    pub importance: f32,
    /// How much of it is in mind of the session.
    pub priming: f32,
}

/// A recalled memory with its numbers and the reason why it is here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecalledView {
    /// The memory.
    pub memory: MemoryView,
    /// How likely it is what the cue means, in \[0, 1\]; comparable between answers.
    pub relevance: f32,
    /// The same before judgements of earlier recalls calibrated it; feedback on this recall gives it back.
    pub uncalibrated: f32,
    /// What orders the answer: the sum of the contributions. Comparable within one answer.
    pub score: f32,
    /// How retrievable it is now, in \[0, 1\]: `memory.strength.retrievability`.
    pub strength: f32,
    /// How sure the store is that it is true, in \[0, 1\]: `memory.confidence.mean`.
    pub confidence: f32,
    /// Which routes found it, and what each added to the score.
    pub routes: RoutesView,
    /// Terms of the cue that it holds; only with `explain`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matched_terms: Option<Vec<String>>,
    /// The way of the activation from a seed to it, empty where none reached it; only with `explain`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<Vec<PathStepView>>,
    /// What of the session's earlier recalls lifted it; absent where nothing did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub primed_by: Option<PrimedByView>,
    /// Other memories that are nearly the same and compete with it for every cue (interference), at most 100. It lowers neither
    /// strength nor confidence.
    #[serde(default)]
    pub crowding: u32,
    /// Memories around it in its session, in their order; only where `neighbours` asks for some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub neighbours: Option<Vec<NeighbourView>>,
}

/// Why a memory was in mind of a session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PrimedByView {
    /// Id of the memory that the session recalled: this one, or one that it stands beside or is associated with.
    pub id: String,
    /// Turns since then, at least 1.
    pub turns: u32,
    /// Seconds since then.
    pub seconds: f64,
}

/// A memory beside a recalled one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NeighbourView {
    /// The memory.
    pub memory: MemoryView,
    /// How far from it: -1 = just before it, 1 = just after.
    pub distance: i32,
}

/// What each route says of a memory; absent = the route does not speak for it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RoutesView {
    /// By vector; raw = cosine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vector: Option<RouteView>,
    /// By words; raw = BM25.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<RouteView>,
    /// By agreement with the situation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<RouteView>,
    /// By association; raw = activation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activation: Option<RouteView>,
    /// By strength; raw = retrievability.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strength: Option<RouteView>,
    /// By the time since it happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recency: Option<RouteView>,
    /// By importance; raw = the memory's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub importance: Option<RouteView>,
    /// By a better match that it supersedes; raw = the score of that one, to which it is lifted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub succession: Option<RouteView>,
    /// By what the session has in mind; raw = what is left of its recalls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priming: Option<RouteView>,
    /// By likeness to what the answer should not be like; it counts against the memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub negative: Option<RouteView>,
}

/// The part of one route in a score.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RouteView {
    /// Score of the route in its own unit.
    pub raw: f32,
    /// The same brought to \[0, 1\].
    pub normalised: f32,
    /// Weight of the route in this answer.
    pub weight: f32,
    /// What it adds to the score.
    pub contribution: f32,
}
