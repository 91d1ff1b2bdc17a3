//! The commands, one file each.

pub(crate) mod associate;
pub(crate) mod associations;
pub(crate) mod bench;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod dissociate;
pub(crate) mod eval;
pub(crate) mod export;
pub(crate) mod feedback;
pub(crate) mod forget;
pub(crate) mod get;
pub(crate) mod healthcheck;
pub(crate) mod import;
pub(crate) mod lab;
pub(crate) mod list;
pub(crate) mod recall;
pub(crate) mod recognize;
pub(crate) mod remember;
pub(crate) mod restore;
pub(crate) mod retention;
pub(crate) mod space;
pub(crate) mod spread;
pub(crate) mod start;
pub(crate) mod status;
pub(crate) mod store;
pub(crate) mod version;
