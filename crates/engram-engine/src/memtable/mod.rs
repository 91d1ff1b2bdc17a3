//! The in-memory state of a space, as readers see it: immutable snapshots.
//!
//! A snapshot is a short tail of single documents, searched one by one, and a list of immutable chunks with postings,
//! vectors and id map. Publishing a snapshot copies pointers, never documents. Rankings do not depend on where the
//! boundaries between chunks lie: BM25 statistics are counted over the live documents, the vector scan is exact.

mod associations;
mod columns;
mod proximity;
mod chunk;
mod snapshot;

pub(crate) use associations::Entity;
pub(crate) use chunk::{Doc, Words};
pub(crate) use proximity::{GraphHash, Proximity, ProximityView};
pub(crate) use snapshot::{ChunkView, DocRef, Indexing, Snapshot, state_term};
