//! Text: from characters to terms, postings and BM25.

mod language;
mod stop_words;
mod fold;
mod units;
mod terms;
mod segment;
mod analyzer;
mod bitpack;
mod impact;
mod list;
mod postings;
mod writer;
mod bm25;
mod query;
mod cursor;
mod phrase;
mod search;
mod mentions;
mod titles;
mod digest;

pub use analyzer::{Analyzer, TERM_BYTES_MAX};
pub use bm25::{Bm25, CorpusStats};
pub use digest::{Sentence, digest};
pub use language::Language;
pub use list::{Posting, PostingList};
pub use mentions::{Mention, MentionKind, name_key};
pub use postings::{Postings, PostingsError, PostingsView};
pub use query::{Phrase, TextQuery, WeightedQuery};
pub use terms::Terms;
pub use titles::{TITLE_KEYS_MAX, TitleMatch, TitleMatcher};
pub use writer::{PostingsPart, PostingsWriter, TextField, WEIGHT_ONE};
