//! The server from outside: real sockets, real files unless a fault is the point.

#![expect(clippy::unwrap_used, reason = "a test that cannot unwrap fails, as it should")]

mod harness;

mod access;
mod associations;
mod bad_input;
mod certificates;
mod completing;
mod consolidating;
mod config;
mod faults;
mod following;
mod grpc;
mod issuer;
mod life;
mod malformed;
mod marking;
mod mcp;
mod operations;
mod pages;
mod querying;
mod quotas;
mod recalling;
mod safety;
mod sockets;
mod tokens;
mod transport;
mod versions;
