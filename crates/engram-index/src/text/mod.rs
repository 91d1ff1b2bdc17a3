//! Text: from characters to terms, postings and BM25.

mod language;
mod stop_words;
mod fold;
mod segment;
mod analyzer;
mod postings;
mod bm25;

pub use analyzer::{Analyzer, TERM_BYTES_MAX};
pub use bm25::{Bm25, CorpusStats, TextQuery, WeightedQuery};
pub use language::Language;
pub use postings::{Posting, Postings, PostingsPart, PostingsWriter};
