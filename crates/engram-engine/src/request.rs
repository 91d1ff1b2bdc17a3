//! What is asked of the engine: plain values, checked where they enter.

use crate::answer::{Mode, RankCursor};
use crate::filter::{Filter, TimeRange};
use crate::mark::PairJudgement;
use engram_store::Lsn;

use crate::model::{Cursor, MemoryContent};
use crate::settings::RankWeights;

/// How memories are stored: one commit, all or nothing unless `on_invalid` says otherwise.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct RememberOptions {
    /// What happens when some of them are refused.
    pub on_invalid: OnInvalid,
    /// Makes a retry safe for 24 hours.
    pub idempotency_key: Option<String>,
    /// Who asks; set by the server.
    pub principal: String,
}

/// What a batch does with items that are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum OnInvalid {
    /// Nothing is stored.
    #[default]
    RefuseAll,
    /// The others are stored.
    KeepOthers,
}

/// How a memory is forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ForgetMode {
    /// Hidden from recall, get and list; `restore` brings it back.
    #[default]
    Suppress,
    /// Gone from every route at once; not reversible.
    Delete,
}

/// Which memories an operation is about.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "one per request, never in a collection")]
pub enum Selection {
    /// These ids; an unknown one is an error.
    Ids(Vec<String>),
    /// All that match.
    Matching(Filter),
}

/// Whether an operation is carried out or only reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Execution {
    /// Do it.
    #[default]
    Commit,
    /// Say what would be done.
    DryRun,
}

/// A request to forget.
#[derive(Clone, Debug, PartialEq)]
pub struct Forget {
    /// Which memories.
    pub selection: Selection,
    /// How.
    pub mode: ForgetMode,
    /// Whether it is carried out.
    pub execution: Execution,
    /// When the bytes of what is deleted are to be gone.
    pub purge: Purge,
    /// Who asks; set by the server.
    pub principal: String,
}

/// When the bytes of deleted memories leave files and log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Purge {
    /// When they have been deleted for as long as the settings say.
    #[default]
    InTime,
    /// With the next steps of maintenance.
    Soon,
}

/// A request to undo a suppression.
#[derive(Clone, Debug, PartialEq)]
pub struct Restore {
    /// Which memories; a filter looks at suppressed ones only.
    pub selection: Selection,
    /// Whether it is carried out.
    pub execution: Execution,
    /// Who asks; set by the server.
    pub principal: String,
}

/// A place in the history of a space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AsOf {
    /// After this commit.
    Lsn(Lsn),
    /// At this time, ns.
    Time(i64),
}

/// A request for a newer version of a memory.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Update {
    /// Which memory.
    pub id: String,
    /// What it says from now on, as far as `fields` names it; the rest is ignored.
    pub content: MemoryContent,
    /// Which fields change; the others stay as they are.
    pub fields: Vec<ContentField>,
    /// What becomes of its vectors.
    pub vector: VectorChange,
    /// The version that it must have; none = any.
    pub if_version: Option<u32>,
    /// Why it changes; empty = not stated.
    pub reason: String,
    /// When the recall was answered that it followed, ns: it weighs less against what is well established; none = it cites no
    /// recall, and is not weighed.
    pub after_recall: Option<i64>,
    /// Makes a retry safe for 24 hours.
    pub idempotency_key: Option<String>,
    /// Who asks; set by the server.
    pub principal: String,
}

/// What an update does to the vectors of a memory.
#[derive(Clone, Debug, PartialEq, Default)]
pub enum VectorChange {
    /// A vector that the caller gave stays; those of the text follow the text.
    #[default]
    Keep,
    /// From now on the text is embedded.
    Clear,
    /// The caller's own vector.
    Set(Vec<f32>),
}

/// A field of the content of a memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each is the field of that name")]
pub enum ContentField {
    Kind,
    Title,
    Text,
    Session,
    OccurredAt,
    OccurredUntil,
    Place,
    People,
    Entities,
    Tags,
    Metadata,
    Source,
    Subject,
    Attribute,
    Confidence,
    Importance,
    ValidFrom,
    ValidUntil,
    ExpiresAt,
    Decay,
}

impl ContentField {
    /// All of them: an update of these replaces the whole content.
    pub const ALL: [ContentField; 20] = [
        ContentField::Kind,
        ContentField::Title,
        ContentField::Text,
        ContentField::Session,
        ContentField::OccurredAt,
        ContentField::OccurredUntil,
        ContentField::Place,
        ContentField::People,
        ContentField::Entities,
        ContentField::Tags,
        ContentField::Metadata,
        ContentField::Source,
        ContentField::Subject,
        ContentField::Attribute,
        ContentField::Confidence,
        ContentField::Importance,
        ContentField::ValidFrom,
        ContentField::ValidUntil,
        ContentField::ExpiresAt,
        ContentField::Decay,
    ];

    /// Makes this field of `to` that of `from`.
    pub(crate) fn copy(self, from: &MemoryContent, to: &mut MemoryContent) {
        match self {
            ContentField::Kind => to.kind = from.kind,
            ContentField::Title => to.title.clone_from(&from.title),
            ContentField::Text => to.text.clone_from(&from.text),
            ContentField::Session => to.session.clone_from(&from.session),
            ContentField::OccurredAt => to.occurred_at = from.occurred_at,
            ContentField::OccurredUntil => to.occurred_until = from.occurred_until,
            ContentField::Place => to.place.clone_from(&from.place),
            ContentField::People => to.people.clone_from(&from.people),
            ContentField::Entities => to.entities.clone_from(&from.entities),
            ContentField::Tags => to.tags.clone_from(&from.tags),
            ContentField::Metadata => to.metadata.clone_from(&from.metadata),
            ContentField::Source => to.source.clone_from(&from.source),
            ContentField::Subject => to.subject.clone_from(&from.subject),
            ContentField::Attribute => to.attribute.clone_from(&from.attribute),
            ContentField::Confidence => to.confidence = from.confidence,
            ContentField::Importance => to.importance = from.importance,
            ContentField::ValidFrom => to.valid_from = from.valid_from,
            ContentField::ValidUntil => to.valid_until = from.valid_until,
            ContentField::ExpiresAt => to.expires_at = from.expires_at,
            ContentField::Decay => to.decay = from.decay,
        }
    }
}

/// Which states a listing shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Visibility {
    /// Recallable memories.
    #[default]
    Active,
    /// Suppressed memories.
    Suppressed,
    /// Both.
    All,
}

/// Which versions of a memory to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryQuery {
    /// Which memory.
    pub id: String,
    /// Versions from this one on are left out; none = from the newest on.
    pub before: Option<u32>,
    /// Most versions in the answer, 1 to 1,000.
    pub limit: usize,
}

/// What to list.
#[derive(Clone, Debug, PartialEq)]
pub struct ListQuery {
    /// Which memories.
    pub filter: Filter,
    /// Where the page starts: behind this place; none = at the first memory.
    pub after: Option<Cursor>,
    /// Most items of the page, 1 to 1,000.
    pub limit: usize,
    /// In which states.
    pub visibility: Visibility,
    /// Lists what was known then, of what is active today; none = now.
    pub as_of: Option<AsOf>,
}

/// What to recall by: any mix of its parts, at least one of which is given.
#[derive(Clone, Debug, PartialEq)]
pub struct Cue {
    /// Words and meaning. A cue that is nothing but parts between double quotes finds what holds them word by word; in a
    /// longer cue such a part lifts what holds it.
    pub text: String,
    /// A vector of the space's dimension; takes the place of the text's own embedding.
    pub vector: Option<Vec<f32>>,
    /// Ids of memories that the answer should be like, at most 16. They are not in the answer.
    pub like: Vec<String>,
    /// Hints that lift what agrees with them and leave nothing out.
    pub around: CueContext,
    /// What the answer should not be like.
    pub negative: NegativeCue,
    /// Ids that are not in the answer, at most 1,000; unknown ones are ignored.
    pub exclude: Vec<String>,
    /// How to search.
    pub mode: Mode,
    /// Which memories may be found.
    pub filter: Filter,
    /// Most items in the answer, 1 to 1,000.
    pub limit: usize,
    /// Where the page starts: a place that an answer to the same cue has named; none = at the best.
    pub after: Option<RankCursor>,
    /// Items below are left out, in [0, 1].
    pub min_relevance: f32,
    /// How much an item is set back for resembling a better one, in [0, 1]; 0 = not at all.
    pub diversity: f32,
    /// Memories before and after each item in its session that are given beside it, 0 to 10; with
    /// the limit no more than 1,000 memories in all.
    pub neighbours: u32,
    /// Weights of the parts of a score; none = those of the engine.
    pub weights: Option<RankWeights>,
    /// Session whose last recalls bias this one; none = no session. What a cue recalls from the past is not biased.
    pub prime: Option<String>,
    /// Recalls what was known then; none = now.
    pub as_of: Option<AsOf>,
    /// What the answer does to the memories in it.
    pub effect: Effect,
}

/// What an answer does to the memories in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Effect {
    /// They count as used, where the space lets recall train.
    #[default]
    Train,
    /// Nothing.
    Observe,
}

/// What somebody thinks of a memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Feedback {
    /// Which memory.
    pub id: String,
    /// What they think of it; exactly one of this and `pair` is given.
    pub verdict: Option<Verdict>,
    /// What they decide about it and another memory.
    pub pair: Option<PairJudgement>,
    /// Why; empty = not said.
    pub reason: String,
    /// Whose judgement it is, beside the principal; empty = the principal's own.
    pub source: String,
    /// What a recall showed of it that the judgement is about; none = it is about no recall.
    pub recalled: Option<JudgedRecall>,
    /// Who asks; set by the server.
    pub principal: String,
}

/// What a recall showed of a judged memory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct JudgedRecall {
    /// Its relevance, in [0, 1].
    pub relevance: f32,
    /// The same before it was calibrated; none = as the calibration of now makes of the relevance.
    pub uncalibrated: Option<f32>,
    /// The mode that ran.
    pub mode: Mode,
}

/// What to forecast.
#[derive(Clone, Debug, PartialEq)]
pub struct FadingQuery {
    /// Retrievability below which a memory counts as faded, above 0 and below 1.
    pub below: f64,
    /// How far to look, days; none = as far as time goes.
    pub within_days: Option<f64>,
    /// Most items, 1 to 1,000.
    pub limit: usize,
    /// Which memories.
    pub filter: Filter,
}

/// A judgement of a memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It served: it grows stable, and this speaks for it.
    Useful,
    /// It did not serve: it fades sooner. That says nothing of whether it is true.
    NotUseful,
    /// It is not true: it fades sooner, and this speaks against it.
    Wrong,
}

impl Verdict {
    /// All verdicts, in the order of their codes in the log, from 1.
    pub const ALL: [Verdict; 3] = [Verdict::Useful, Verdict::NotUseful, Verdict::Wrong];

    pub(crate) fn code(self) -> u32 {
        self as u32 + 1
    }

    pub(crate) fn from_code(code: u32) -> Option<Verdict> {
        Verdict::ALL.into_iter().find(|verdict| verdict.code() == code)
    }
}

/// What the caller knows of the circumstances of what it looks for.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct CueContext {
    /// Who took part.
    pub people: Vec<String>,
    /// Labels.
    pub tags: Vec<String>,
    /// Where it happened; empty = no hint.
    pub place: String,
    /// Conversation or task it belongs to; empty = no hint.
    pub session: String,
    /// When it happened.
    pub time: TimeRange,
}

/// What an answer should not be like.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct NegativeCue {
    /// Words and meaning; empty = none.
    pub text: String,
    /// Ids of memories, at most 16.
    pub like: Vec<String>,
}

impl Default for Cue {
    fn default() -> Cue {
        Cue {
            text: String::new(),
            vector: None,
            like: Vec::new(),
            around: CueContext::default(),
            negative: NegativeCue::default(),
            exclude: Vec::new(),
            mode: Mode::default(),
            filter: Filter::default(),
            limit: 10,
            after: None,
            min_relevance: 0.0,
            diversity: 0.0,
            neighbours: 0,
            weights: None,
            effect: Effect::default(),
            as_of: None,
            prime: None,
        }
    }
}

/// What to recognise: a text, a vector, or both.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Recognize {
    /// Words and meaning.
    pub text: String,
    /// A vector of the space's dimension; takes the place of the text's own embedding.
    pub vector: Option<Vec<f32>>,
    /// Most matches in the answer, 1 to 100.
    pub limit: usize,
}
