//! What a memory is worth and how it came to that: strength, confidence, what a belief rests on.

/// How retrievable a memory is at one moment: decays unless used.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Strength {
    /// Probability of retrieval in [0, 1].
    pub retrievability: f32,
    /// Time until retrievability falls to 0.9, days; infinite for a pinned memory.
    pub stability_days: f32,
    /// Name of the law, or `pinned`.
    pub law: &'static str,
    /// How often it was used: recalled, called useful, repeated.
    pub uses: u32,
    /// When that was last, ns.
    pub used_at: Option<i64>,
}

/// How sure we are that a memory is true.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Confidence {
    /// Mean of the Beta distribution over its evidence.
    pub mean: f32,
    /// Lower end of the 90 % interval.
    pub low: f32,
    /// Upper end of the 90 % interval.
    pub high: f32,
    /// Pieces of evidence: the statement of who stored it, and what came since.
    pub evidence: u32,
}

/// What a memory is worth at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Standing {
    /// How retrievable it is.
    pub strength: Strength,
    /// How sure we are of it.
    pub confidence: Confidence,
    /// The confidence that the caller stated.
    pub stated: Option<f32>,
}

/// What was learned of a memory, and how it will fade.
#[derive(Clone, Debug, PartialEq)]
pub struct MemoryRetention {
    /// What it is worth now.
    pub standing: Standing,
    /// From when on it fades, ns.
    pub learned_ns: i64,
    /// How slowly it grows stable, 1 (fast) to 10.
    pub difficulty: f32,
    /// The last reviews, oldest first.
    pub reviews: Vec<PastReview>,
    /// Retrievability from now on: times in ns, ascending.
    pub ahead: Vec<(i64, f32)>,
    /// Levels of retrievability and when it falls to each, ns; none where it is there already, or not within a century.
    pub falls: Vec<(f32, Option<i64>)>,
    /// Evidence beyond the statement of who stored it, by source, in the order of their first word.
    pub sources: Vec<SourceEvidence>,
}

/// A review of a memory: a use, a repetition or a judgement.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PastReview {
    /// When it was, ns.
    pub at_ns: i64,
    /// Retrievability just before it.
    pub before: f32,
    /// Retrievability after it.
    pub after: f32,
    /// Stability after it, days.
    pub stability_days: f32,
}

/// What one source said of a memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceEvidence {
    /// How often it spoke for it.
    pub supports: u32,
    /// How often it spoke against it.
    pub opposes: u32,
}

/// What a belief that consolidation made rests on, in short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BeliefSummary {
    /// Memories that it rests on.
    pub count: u64,
    /// Those of them that speak against it.
    pub dissent: u64,
    /// When the first of what it rests on happened, ns.
    pub from_ns: i64,
    /// When the last of it ended, ns.
    pub until_ns: i64,
    /// Ids of memories that it rests on, first those whose words it is; at most 10.
    pub citations: Vec<String>,
    /// Model that put it into words; empty = they are words of its memories, or a caller's.
    pub model: String,
    /// A caller has written its text.
    pub held: bool,
}

/// What an update weighed that followed a recall and said something else.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct Reconsolidation {
    /// When the recall was answered, ns.
    pub recalled_at: i64,
    /// Whether the recall left a use of the memory in the log: only then the memory was open to change.
    pub confirmed: bool,
    /// How established the memory was, in [0, 1).
    pub established: f32,
    /// How open the recall left it, in [0, 1].
    pub labile: f32,
    /// What the update counts of a statement, in (0, 1].
    pub weight: f32,
}
