//! Pure structures over dense `u32` ordinals: vectors, text, sets and columns, graphs, ranking, forgetting and evidence.
//!
//! Ordinals and plain numbers go in, results come out. The index never sees an id, a file, a lock or a clock; it draws
//! no random number and starts no thread. The same input gives the same bits on every machine: f32 sums use one fixed
//! order of operations (module `vector`), transcendental functions come from crate `libm`, hash tables never decide an
//! order, and ties always go to the smaller key.

mod bytes;
mod prefetch;
mod mix;
mod topk;
mod vector;
mod text;
mod set;
mod field;
mod graph;
mod fuse;
mod decay;
mod evidence;
mod calibration;
mod attend;

pub use attend::{agreement, attention, dependence, effective_count};
pub use bytes::IndexDamage;
pub use calibration::{OUTCOME_BINS, Outcomes, Recalibration};
pub use decay::{
    DecayLaw, Establishment, NS_PER_DAY, PRESENTATION_DECAY_MAX, PRESENTATION_WEIGHT_MAX,
    PRESENTATIONS_MAX, PRIMED_MINUTES_MAX, PRIMED_TURNS_MAX, Presentation, Retention, Review,
    lability, priming, recency,
};
pub use evidence::{Beta, Evidence, WITNESSES_MAX, Witness};
pub use field::{
    ColumnPart, FieldTest, FieldValue, KeywordColumn, LikePattern, MetadataColumn, MetadataWriter,
    RangeColumn, order_int_float,
};
pub use fuse::{RouteScore, bm25_share, cosine_share, ln_1p, logistic};
pub use graph::{
    Activated, Activation, Adjacency, Direction, Edge, EdgeType, EdgeWeight, Fan, Graph,
    GraphBlock, GraphDamage, HubDamping, Link, PackedLink, Returns, SPREAD_HOPS_MAX, SpreadProblem,
    SpreadSettings, Spreader, Step, log_damping,
};
pub use set::{Bitmap, BitmapIter};
pub use text::{
    Analyzer, Bm25, CorpusStats, Language, Mention, MentionKind, Phrase, Posting, PostingList,
    Postings, PostingsError, PostingsPart, PostingsView, PostingsWriter, Sentence, TERM_BYTES_MAX,
    TITLE_KEYS_MAX, Terms, TextField, TextQuery, TitleMatch, TitleMatcher, WEIGHT_ONE,
    WeightedQuery, digest, name_key,
};
pub use topk::TopK;
pub use vector::{
    AlignedBytes, DOT_I8_ELEMENTS_MAX, EF_SEARCH_DEFAULT, FlatVectors, FlatWriter, Hnsw,
    HnswBuilder, HnswError, HnswScratch, HnswSettings, Kernels, Parallel, QuantisedVectors,
    RowMajor, ScanScratch, SearchReport, SearchRoute, Serial, VECTORS_MAX, VectorError,
    VectorFilter, VectorQuery, VectorRows, f16_bits, f16_value, normalise,
};
