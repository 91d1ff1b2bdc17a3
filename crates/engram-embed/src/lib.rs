//! Text to vector: a built-in local model, models of the same family from files, and remote
//! providers, all behind one trait.
//!
//! Nothing here opens a file, reads the environment or a clock, or starts a thread. Only the remote
//! providers touch the network.

mod error;

mod embedder;

mod unicode;

mod fixed;

mod arith;
mod kernels;

mod tokenizer;

mod blob;
mod safetensors;
mod convert;

mod encoder;
mod local;

mod endpoint;
mod chunk;
mod remote;
mod phrase;

/// One suite for every implementation of [`Embedder`].
pub mod conformance;

pub use convert::{FileReader, ModelFiles, convert_model};
pub use embedder::{EmbedText, Embedder, EmbedderIdentity};
pub use error::EmbedError;
pub use fixed::FixedEmbedder;
pub use kernels::kernel_name;
pub use local::{LocalModel, ModelPrefixes, builtin};
pub use phrase::{Phraser, PhraserConfig, RemotePhraser};
pub use remote::{RemoteConfig, RemoteEmbedder, RemoteKind};
