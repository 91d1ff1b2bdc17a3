//! A data directory without a server: what is damaged in it, what can be read, and how it is mended.
//!
//! Guarantees: [`Offline::verify`], [`Offline::dump`] and [`Offline::plan_repair`] never write; [`Offline::repair`] takes what it mended
//! into use only after a deep check of it, and removes nothing: what it replaces lies in a folder of the directory afterwards.

mod report;

mod session;

mod roll;

mod load;

mod verify;

mod choice;

mod plan;

mod repair;

mod dump;

pub use dump::{DumpQuery, DumpSection, DumpedManifest, DumpedMemory, DumpedRecord, LoggedOp};
pub use plan::{LostCommits, RepairPlan, SpaceFate, SpaceRepair};
pub use repair::Repaired;
pub use report::{FindingWeight, SpaceVerdict, StoreFinding, VerifyReport};
pub use session::Offline;
