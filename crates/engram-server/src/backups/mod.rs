//! Backups by the server: a thread for each repository archives the log, makes backups when they are due or asked for, checks them and
//! removes what the policy does not keep.
//!
//! A repository that is away costs nothing but its own backups: the thread tries again, the log keeps what is not archived.

mod paced;

mod problem;

mod access;

mod jobs;

mod state;

mod worker;

pub use access::{RepositoryAccess, repository_names};
pub use problem::backup_problem;

pub(crate) use access::parts;
pub(crate) use jobs::{Job, JobRequest, JobState};
pub(crate) use state::{Backups, RepositoryFigures, Slot};
pub(crate) use worker::{WorkerParts, work};
