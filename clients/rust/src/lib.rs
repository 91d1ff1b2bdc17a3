//! Rust client of Engram's REST interface: blocking, typed, without hidden state.
//!
//! Paths, methods and which calls may be repeated come from the operations table of `engram-api`. The client sends a
//! request again only where that is safe: the server said that the same request may succeed later, and the call is one
//! whose repetition changes nothing. It never makes ids or idempotency keys of its own: the caller decides.

mod error;
mod options;
mod events;
mod transport;
mod client;
mod pages;

pub use client::{Client, SpaceClient};
pub use error::ClientError;
pub use options::ClientOptions;
pub use pages::MemoryPages;
