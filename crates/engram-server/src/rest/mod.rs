//! HTTP: who may ask, which operation is meant, what it is given, how it is answered.

mod reply;

mod guard;

mod deadline;

mod target;

mod body;

mod steps;

mod feed;

mod socket;

mod caller;

mod execute;

mod health;

mod docs;

mod cors;

mod router;

pub(crate) use caller::ClientAddr;
pub(crate) use guard::HostList;
pub(crate) use router::{LocalAddr, router};
pub(crate) use target::percent_decoded;
