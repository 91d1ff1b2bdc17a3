//! What the suites against the real binary share: a server under their control, writers that note every answer, an
//! oracle of what must be there, and the kernel calls.
//!
//! The server is a black box behind HTTP. Nothing here links a crate of the workspace, so a mistake in the client or in
//! the engine cannot hide in the check as well.

mod settings;
mod random;
mod json;
mod http;
mod kernel;
mod options;
mod scratch;
mod server;
mod content;
mod ledger;
mod compare;
mod workload;
mod check;
mod doubt;

pub(crate) use check::{reads, reopen, serves, settle};
pub(crate) use doubt::self_check;
pub(crate) use json::Json;
pub(crate) use kernel::{
    Shutdown, dies_with_us, interrupted, is_root, isolate_mounts, shutdown, stop_on_interrupt,
};
pub(crate) use ledger::{Answer, Deed, Ledger};
pub(crate) use options::{Defaults, Options};
pub(crate) use random::Random;
pub(crate) use scratch::{Mount, Scratch, quiet, tool};
pub(crate) use server::{Server, Setup};
pub(crate) use workload::{Crew, Plan, prepare};
