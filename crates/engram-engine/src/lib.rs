//! The database: spaces, commits, recall and forgetting, over the store, the indexes and the embedders.
//!
//! A commit is submitted, made durable by whoever drives the engine, then applied and published as a new snapshot; only
//! then is it acknowledged. Readers take a snapshot and never wait. Everything but the log is derived from it.

mod error;

mod settings;

mod model;

mod filter;

mod request;

mod validate;

mod record;

mod memtable;

mod space;

mod apply;

mod queue;

mod replay;

mod datadir;

mod engine;

mod remember;

mod forget;

mod read;

mod recall;

// What callers need of the layers below to fill in settings.
pub use engram_index::{FuseWeights, Language, RouteScore};

pub use engine::{Components, Done, Driven, Engine, Maintained};
pub use error::{EngineError, InvalidValue, LogFailure};
pub use filter::{
    FILTER_CONDITIONS_MAX, FILTER_DEPTH_MAX, Filter, MetaCondition, MetaTest, TimeRange,
};
pub use model::{
    Confidence, ContentHash, Created, Cursor, Explanation, ForgetReceipt, Kind, Memory,
    MemoryContent, MemoryDetail, MetaValue, Metadata, Mode, NewMemory, Page, Recall, Recalled,
    Remembered, RememberedItem, Source, SpaceInfo, SpaceStats, State, Strength,
};
pub use remember::Prepared;
pub use request::{
    Cue, Execution, Forget, ForgetMode, ListQuery, OnInvalid, RememberOptions, Restore, Selection,
    Visibility,
};
pub use settings::{EMBEDDER_NONE, EngineSettings, NewSpace, SpaceSettings};
pub use validate::{
    CUE_BYTES_MAX, DIMENSION_MAX, ID_BYTES_MAX, LABELS_MAX, LIMIT_MAX, NAME_BYTES_MAX,
    REFERENCE_BYTES_MAX, TAG_BYTES_MAX, TITLE_BYTES_MAX,
};
