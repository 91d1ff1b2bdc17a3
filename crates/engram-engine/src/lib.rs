//! The database: spaces, commits, recall and forgetting, over the store, the indexes and the embedders.
//!
//! A commit is submitted, made durable by whoever drives the engine, then applied and published as a new snapshot; only
//! then is it acknowledged. Readers take a snapshot and never wait. Everything but the log is derived from it.

#![forbid(unsafe_code)]

mod error;

mod fault;

mod moves;

mod missing;

mod settings;

mod contrast;

mod mark;

mod model;

mod dynamics;

mod reconsolidation;

mod filter;

mod association;

mod portable;

mod answer;

mod calibration;

mod request;

mod completion;

mod validate;

mod record;

mod stored;

mod memtable;

mod purges;

mod residence;

mod search;

mod linker;

mod uses;

mod priming;

mod datadir;

mod identity;

mod releases;

mod reserve;

mod indexer;

mod feed;

mod space;

mod apply;

mod changes;

mod queue;

mod chunk_file;

mod state_file;

mod catalog;

mod census;

mod upkeep;

mod engine;

mod following;

mod opening;

mod commit;

mod quota;

mod remember;

mod update;

mod forget;

mod read;

mod retention;

mod history;

mod fading;

mod relate;

mod marks;

mod link;

mod index;

mod train;

mod feedback;

mod beliefs;

mod import;

mod export;

mod consolidate;

mod checkpoint;

mod tiering;

mod purging;

mod holding;

mod directory;

mod adopting;

mod maintain;

mod spreading;

mod recall;

mod recognize;

mod support;

mod complete;

mod imagine;

mod predict;

mod prompt;

mod offline;

// What callers need of the layers below to fill in settings, and to say what happened to a memory.
pub use engram_index::{
    DecayLaw, Evidence, Language, Parallel, Presentation, Recalibration, Retention, RouteScore,
    Serial, Witness,
};

pub use answer::{
    Explanation, Match, Mode, Neighbour, Outcome, Parts, PrimedBy, Priming, PromptContext,
    RankCursor, Recall, Recalled, Recognition, VectorSearch,
};
pub use association::{
    Associate, Association, AssociationPage, AssociationQuery, AssociationReceipt, Dissociate,
    EdgeDirection, EdgeKind, PathStep, Spread, SpreadAnswer, SpreadItem,
};
pub use beliefs::{BeliefDetail, BeliefPage, Citation, CitationRole};
pub use calibration::ModeCalibration;
pub use checkpoint::Checkpoint;
pub use completion::{
    Abstention, Complete, CompletedField, Completion, FieldCandidate, FieldName, Followed, Imagine,
    Imagined, Partial, Predict, Prediction, Predictions,
};
pub use consolidate::{Consolidated, Undo};
pub use contrast::{MarkGround, MarkKind};
pub use datadir::lock_directory;
pub use directory::{NewDirectory, reusable};
pub use dynamics::Carried;
pub use engine::{Components, Done, Driven, Engine};
pub use error::{EngineError, InvalidValue, LogFailure};
pub use export::{ExportCursor, ExportPage, ExportPhase, ExportQuery, ExportVectors};
pub use fading::{FadingForecast, FadingMemory};
pub use feed::{ChangeListener, FeedChange, FeedCommit, FeedPage};
pub use feedback::FeedbackReceipt;
pub use filter::{
    FILTER_CONDITIONS_MAX, FILTER_DEPTH_MAX, Filter, MetaCondition, MetaTest, OwnCondition,
    OwnField, TimeRange,
};
pub use holding::{HeldSpace, born_name, deletes_space};
pub use identity::DirectoryIdentity;
pub use import::{ImportOptions, Imported, PreparedImport, RecordCounts};
pub use index::Indexed;
pub use link::Linked;
pub use mark::{
    MarkDetail, MarkEvidence, MarkPage, MarkState, MarksQuery, PairDecision, PairJudgement,
};
pub use missing::MissingPart;
pub use model::{
    BeliefSummary, Confidence, ContentHash, Created, Cursor, ForgetReceipt, History, Kind, Memory,
    MemoryContent, MemoryDetail, MemoryRetention, MetaValue, Metadata, NewMemory, OwnDecay, Page,
    PastReview, Reconsolidation, Remembered, RememberedItem, ResidenceStats, Source,
    SourceEvidence, SpaceInfo, SpaceStats, Standing, State, Strength, TierStats, Updated, Version,
};
pub use moves::TierMoves;
pub use offline::{
    DumpQuery, DumpSection, DumpedManifest, DumpedMemory, DumpedRecord, FindingWeight, LoggedOp,
    LostCommits, Offline, RepairPlan, Repaired, SpaceFate, SpaceRepair, SpaceVerdict, StoreFinding,
    VerifyReport,
};
pub use portable::{
    Embedded, Learned, Past, Portable, PortableBelief, PortableDecision, PortableMemory,
};
pub use prompt::CONTEXT_TOKENS_MAX;
pub use purging::{Forgotten, Remains};
pub use remember::Prepared;
pub use request::{
    AsOf, ContentField, Cue, CueContext, Effect, Execution, FadingQuery, Feedback, Forget,
    ForgetMode, HistoryQuery, JudgedRecall, ListQuery, NegativeCue, OnInvalid, Purge, Recognize,
    RememberOptions, Restore, Selection, Update, VectorChange, Verdict, Visibility,
};
pub use settings::{
    Consolidation, DecaySettings, DuplicatePolicy, EMBEDDER_NONE, EngineSettings, NewSpace, Quota,
    Quotas, RankWeights, SpaceSettings, Training,
};
pub use train::Trained;
pub use upkeep::Maintained;
pub use validate::{
    ANTECEDENTS_MAX, BELIEFS_UNDONE_MAX, COMPLETED_FIELDS_MAX, CUE_BYTES_MAX, CUE_IDS_MAX,
    DIMENSION_MAX, EVIDENCE_MAX, EXCLUDED_MAX, ID_BYTES_MAX, LABELS_MAX, LIMIT_MAX, NAME_BYTES_MAX,
    NEIGHBOURS_MAX, PREDICT_STEPS_MAX, REASON_BYTES_MAX, REFERENCE_BYTES_MAX, RELATION_BYTES_MAX,
    SPREAD_EDGES_MAX, SPREAD_HOPS_MAX, SPREAD_SEEDS_MAX, TAG_BYTES_MAX, TITLE_BYTES_MAX,
};
