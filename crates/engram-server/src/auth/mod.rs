//! Who a caller is, and what it may do: one resolver for every door and stream.
//!
//! Guarantees: without a credential that is valid now nothing is done; a caller learns of no space but its own; a key that was revoked
//! ends streams that are open, and so does a token. Secrets are kept as hashes and appear in no log, error or `Debug`.

mod secret;

mod spaces;

mod grant;

mod rate;

mod caller;

mod record;

mod ring;

mod tokens;

mod access;

mod offline;

pub(crate) use access::{Access, Credentials};
pub(crate) use caller::Caller;
pub(crate) use grant::Grant;
pub(crate) use offline::new_key;
pub use offline::{OfflineKeys, look_at_keys};
pub(crate) use rate::{Rate, limited};
pub(crate) use ring::RingParts;
pub(crate) use tokens::{IssuerFigures, keep};
