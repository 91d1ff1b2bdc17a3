//! Bearer tokens of issuers that the configuration names (JWT, RFC 7519): who a token is of, and what it gives.
//!
//! Guarantees: a token counts if a key of its issuer signed it with that key's own algorithm, for this server, for now. What is not
//! signed by such a key is answered in the same words whatever is wrong with it. Nothing of a token but its `sub` gets anywhere: not
//! into logs, not into errors. No request waits for an issuer longer than a moment, and nobody can have one asked again and again.

mod signature;

mod key_set;

mod rights;

mod claims;

mod source;

mod issuer;

mod resolver;

mod keeper;

pub(super) use issuer::Issuer;
pub(crate) use issuer::IssuerFigures;
pub(crate) use keeper::keep;
pub(super) use resolver::Tokens;
