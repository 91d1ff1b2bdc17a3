//! Faults that a process meets on a sound disk: system calls that fail, kills at any moment, and a disk that fills up.
//!
//! System calls are made to fail by `strace`, so the server that ships is tested as it is. Whatever fails, the server
//! refuses with an error of its catalogue or serves, and a restart without faults has everything acknowledged.

mod ground;
mod trace;
mod tracer;
mod fault;
mod faults;
mod kills;
mod full;
mod suite;

pub(crate) use suite::run;
