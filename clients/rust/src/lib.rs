//! Rust client of Engram's REST interface: blocking, typed, without hidden state.
//!
//! Paths, methods and which calls only read come from the operations table of `engram-api`. A request is sent again, up to
//! [`ClientOptions::retries_max`] times, only where that is safe:
//!
//! | request | after a problem that is retryable | after a broken connection |
//! |---|---|---|
//! | reads, `import`, `associate`, `consolidate`, a dry run of `forget` | yes | no |
//! | `remember`, `remember_many` where all memories have ids of the caller | yes | no |
//! | other `remember`, `remember_many`, and every `update` | yes | yes |
//! | all others | no | no |
//!
//! Writes of the third row carry an idempotency key: the caller's, else one that the client makes for the call. The server
//! knows the request again by it for 24 hours and gives its first answer. After a time-out nothing is sent again.
//!
//! [`SpaceClient::follow_changes`] goes on behind the last commit that it told when its connection breaks.
//!
//! ```no_run
//! use engram_api::{MemoryInput, RecallRequest, RememberRequest};
//! use engram_client::Client;
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let space = Client::new("http://127.0.0.1:7432")?.space("default");
//!     let text = Some("Bob bakes bread on Sundays".to_owned());
//!     let memory = MemoryInput { text, ..MemoryInput::default() };
//!     space.remember(&RememberRequest { memory, ..RememberRequest::default() })?;
//!     let text = Some("who bakes?".to_owned());
//!     for item in space.recall(&RecallRequest { text, ..RecallRequest::default() })?.items {
//!         println!("{} {}", item.relevance, item.memory.text.unwrap_or_default());
//!     }
//!     Ok(())
//! }
//! ```

#![forbid(unsafe_code)]

mod error;
mod tls;
mod options;
mod events;
mod answer;
mod stream;
mod call;
mod transport;
mod client;
mod pages;
mod following;

pub use client::{Client, SpaceClient};
pub use error::ClientError;
pub use following::{ChangeEvent, ChangeFeed};
pub use options::{ApiKey, ApiKeyError, ClientOptions};
pub use pages::{MemoryPages, RecordPages};
pub use tls::{ClientAuthorities, ClientIdentity, ClientTls, ClientTlsError, OldestTls};
