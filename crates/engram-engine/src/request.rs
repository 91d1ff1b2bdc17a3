//! What is asked of the engine: plain values, checked where they enter.

use crate::filter::Filter;
use crate::model::{Cursor, Mode};

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
    /// Who asks; set by the server.
    pub principal: String,
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
}

/// What to recall by.
#[derive(Clone, Debug, PartialEq)]
pub struct Cue {
    /// Words and meaning.
    pub text: String,
    /// A vector of the space's dimension; takes the place of the text's own embedding.
    pub vector: Option<Vec<f32>>,
    /// How to search.
    pub mode: Mode,
    /// Which memories may be found.
    pub filter: Filter,
    /// Most items in the answer, 1 to 1,000.
    pub limit: usize,
    /// Items below are left out, in [0, 1].
    pub min_relevance: f32,
}

impl Default for Cue {
    fn default() -> Cue {
        Cue {
            text: String::new(),
            vector: None,
            mode: Mode::default(),
            filter: Filter::default(),
            limit: 10,
            min_relevance: 0.0,
        }
    }
}
