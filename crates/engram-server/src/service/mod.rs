//! What each operation does, and how a request of one runs. Knows no protocol: the doors hand calls in and carry answers out.

mod observe;

mod held;

mod call;

mod audited;

mod parts;

mod recall;

mod associations;

mod consolidation;
mod feedback;
mod marks;
mod completion;

mod versions;

mod backups;

mod keys;

mod query;

mod follow;

mod transfer;

mod operations;

mod run;

pub(crate) use audited::{allowed, audit_stranger};
pub(crate) use call::{Answer, Call, Codec, space_name, to_json};
pub(crate) use follow::Follower;
pub(crate) use held::Held;
pub(crate) use observe::{Door, Observed, Origin, request_id};
pub(crate) use run::{Ran, Running, answered, bounded, run, run_part, run_whole};
