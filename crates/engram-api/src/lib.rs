//! The contract: what a caller can ask of Engram, in which form, and which errors can come back.
//!
//! Operations, wire types, errors, their schemas and the reference pages stand here as data and plain types. The crate
//! knows no engine, no server and no transport, and does no input or output. Wire types exist nowhere else.

#![forbid(unsafe_code)]

mod rows;
mod time;
mod error;
mod problem;
mod decay;
mod belief;
mod mark;
mod memory;
mod filter;
mod remember;
mod update;
mod read;
mod association;
mod recall;
mod recognize;
mod feedback;
mod changes;
mod backup;
mod key;
mod fading;
mod completion;
mod consolidation;
mod query;
mod forget;
mod space;
mod transfer;
mod operation;
mod schema;
mod proto;
mod openapi;
mod reference;
mod browse;

pub use association::{
    ActivatedView, AssociateRequest, AssociateResponse, AssociationView, AssociationsRequest,
    AssociationsResponse, DirectionName, DissociateRequest, DissociateResponse, EdgeKindName,
    PathStepView, SeedInput, SpreadRequest, SpreadResponse,
};
pub use backup::{
    BackupJobName, BackupJobStateName, BackupJobView, BackupKindName, BackupStatusView, BackupView,
    CreateBackupRequest, CreateRestorePointRequest, RepositoryView, RestoreSpaceRequest, RestoreTo,
    RestoredSpaceView, TakeOverRepositoryRequest,
};
pub use belief::BeliefSummaryView;
pub use browse::{BROWSE_STYLE, BROWSE_STYLE_PATH, browse_page};
pub use changes::{
    ChangeName, ChangeView, ChangesRequest, ChangesResponse, CommitView, MissedView,
};
pub use completion::{
    AbstentionName, CompleteRequest, CompleteResponse, CompletedView, FieldCandidateView,
    FollowedView, ImagineRequest, ImagineResponse, ImaginedView, PartialInput, PredictRequest,
    PredictResponse, PredictionView,
};
pub use consolidation::{
    BeliefView, BeliefsRequest, BeliefsResponse, CitationRoleName, CitationView,
    ConsolidateRequest, ConsolidateResponse, ConsolidationName, UndoConsolidationRequest,
    UndoConsolidationResponse,
};
pub use decay::{LawName, MemoryDecay, SpaceDecay};
pub use error::{ERRORS, ErrorCode, ErrorEntry, Remedy};
pub use fading::{FadingRequest, FadingResponse, FadingView};
pub use feedback::{
    CurvePoint, DecisionName, FallView, FeedbackRequest, FeedbackResponse, JudgedRecallInput,
    RetentionRequest, RetentionResponse, ReviewView, SourceEvidenceView, VerdictName,
};
pub use filter::{Comparisons, FilterFieldName, FilterInput, MetadataCondition};
pub use forget::{
    FORGET_IDS_MAX, ForgetModeName, ForgetReceiptRequest, ForgetReceiptResponse, ForgetRequest,
    ForgetResponse, PlaceName, PurgeStateName, ReceiptView, RestoreRequest, RestoreResponse,
};
pub use key::{
    CallerView, CreateKeyRequest, IssuedKeyView, KeyView, ListKeysResponse, RevokeKeyRequest,
    RoleName, RotateKeyRequest,
};
pub use mark::{
    MarkEndView, MarkGroundName, MarkKindName, MarkStateName, MarkView, MarksRequest, MarksResponse,
};
pub use memory::{
    ConfidenceView, KindName, MemoryInput, MemoryView, SourceInput, SourceView, StateName,
    StrengthView,
};
pub use openapi::openapi;
pub use operation::{Method, OPERATIONS, Operation, Permission, Route, Scope, Streaming};
pub use problem::{PROBLEM_MEDIA_TYPE, Problem, decode, nearest};
pub use proto::{
    PACKAGE, ProtoEnum, ProtoField, ProtoFile, ProtoKind, ProtoLabel, ProtoMessage, ProtoRpc,
    SERVICE, decode_proto, encode_proto, space_of, wrap_proto,
};
pub use query::{QueryRequest, QueryResponse};
pub use read::{GetRequest, ListRequest, ListResponse, ListStateName};
pub use recall::{
    AroundInput, MatchOutcome, MissingPartView, ModeName, NegativeInput, NeighbourView, PrimeInput,
    PrimedByView, PrimedView, PromptContextView, RecallRequest, RecallResponse, RecalledView,
    RouteView, RoutesView, SearchedView, TimeSpanInput, VectorSearchName, WeightsInput,
    WeightsView,
};
pub use recognize::{RecognizeRequest, RecognizeResponse, RecognizedView};
pub use reference::{ReferencePage, reference_pages};
pub use remember::{
    RememberManyRequest, RememberManyResponse, RememberRequest, RememberResponse, RememberResult,
    Unread, WaitName, decode_many,
};
pub use rows::{joined_rows, rows_in};
pub use schema::schemas;
pub use space::{
    CalibrationView, CreateSpaceRequest, DeleteSpaceResponse, DuplicatesName, EmbedderView,
    ListSpacesResponse, NodeState, QuotaView, SpaceStatsView, SpaceView, StatusView, TiersView,
    VersionView,
};
pub use time::{Timestamp, TimestampError};
pub use transfer::{
    CarriedInput, EmbeddedInput, ExportRequest, ExportResponse, ImportRequest, ImportResponse,
    LearnedInput, PastInput, RecordCountsView, RefusedRecordView, ReviewInput, SourceEvidenceInput,
    TransferAssociation, TransferBelief, TransferDecision, TransferMemory, TransferRecord,
};
pub use update::{
    AfterRecallInput, AsOfInput, HistoryRequest, HistoryResponse, MemoryPatch, MemoryVersionView,
    ReconsolidationView, UpdateRequest, UpdateResponse,
};
