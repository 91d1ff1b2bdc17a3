//! gRPC: the same operations as messages of `engram.v1`, with health and reflection.

mod status;

mod codec;

mod request;

mod ingest;

mod transfer;

mod calls;

mod health;

mod router;

pub(crate) use router::router;
