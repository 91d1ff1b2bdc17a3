//! Text to vector: a built-in local model, models of the same family from files, and remote
//! providers, all behind one trait.
//!
//! Nothing here opens a file, reads the environment or a clock, or starts a thread.

mod error;

mod embedder;

mod fixed;

pub use embedder::{EmbedText, Embedder, EmbedderIdentity};
pub use error::EmbedError;
pub use fixed::FixedEmbedder;
