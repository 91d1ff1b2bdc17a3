//! The in-memory state of a space, as readers see it: immutable snapshots.
//!
//! A snapshot is a short tail of single documents, searched one by one, and a list of immutable chunks with postings,
//! vectors and id map. Publishing a snapshot copies pointers, never documents. Rankings do not depend on where the
//! boundaries between chunks lie: BM25 statistics are counted over the live documents, the vector scan is exact.

mod by_node;
mod successions;
mod associations;
mod traces;
mod beliefs;
mod marks;
mod columns;
mod forgotten;
mod heat;
mod clock_cache;
mod proximity;
mod records;
mod resident;
mod cold;
mod bodies;
mod chunk;
mod view;
mod lineage;
mod snapshot;
mod versions;
mod succeeding;
mod change;
mod believe;

pub(crate) use associations::{Associations, Entity};
pub(crate) use beliefs::{Belief, Beliefs, Member};
pub(crate) use believe::{BeliefChange, Brought};
pub(crate) use bodies::{Bodies, CODES, RECORDS, Sealed, VECTORS};
pub(crate) use change::state_term;
pub(crate) use chunk::{Chunk, ChunkParts, Doc, Hashes, Words};
pub(crate) use clock_cache::ClockCache;
pub(crate) use cold::{Cold, FRAME_MEMORIES, FRAMES, Frame, HEADS, pack};
pub(crate) use columns::Columns;
pub(crate) use forgotten::{FORGOTTEN_MAX, ForgottenCommit, ForgottenCommits};
pub(crate) use lineage::{Lineage, Versions};
pub(crate) use marks::{Decided, Mark, Marks};
pub(crate) use proximity::{GraphHash, Proximity, ProximityView};
pub(crate) use records::RecordsWriter;
pub(crate) use resident::{HotPart, HotSet, Resident};
pub(crate) use snapshot::{DocRef, Figures, Indexing, Snapshot, TailDoc};
pub(crate) use successions::{Succession, Validities};
pub(crate) use traces::Traces;
pub(crate) use versions::VersionDoc;
pub(crate) use view::{ChunkView, Fate};
