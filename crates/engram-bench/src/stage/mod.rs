//! What benchmarks run on: the machine, a server of its own process, and clients that put it under load.

mod machine;
mod child;
mod wire;
mod settle;
mod load;
mod venv;

pub(crate) use child::{ChildServer, data_dir, home};
pub(crate) use load::{Latencies, Load, Pace};
pub(crate) use machine::{MachineFacts, ThreadCpu, load_average};
pub(crate) use settle::{settle, space_stats};
pub(crate) use venv::{Python, lay_out};
pub(crate) use wire::Wire;
