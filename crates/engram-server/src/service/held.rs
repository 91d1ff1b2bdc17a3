//! Memory that requests take, counted for the whole server.

use std::sync::Arc;

use engram_api::ErrorCode;
use tokio::sync::OwnedSemaphorePermit;

use crate::node::{Node, kib};
use crate::refusal::Refusal;

/// Memory is asked for in steps of this many KiB, for the bytes that really arrive: a client that announces much and
/// sends nothing takes nothing from the others.
const STEP_KIB: u32 = 64;

/// Memory that is counted until this is dropped.
pub(crate) struct Held(OwnedSemaphorePermit);

impl Held {
    pub(crate) fn first(node: &Node) -> Result<Held, Refusal> {
        reserve(node).map(Held)
    }

    /// So many bytes, which are there already.
    pub(crate) fn of(node: &Node, bytes: usize) -> Result<Held, Refusal> {
        let mut held = Held::first(node)?;
        held.grow(node, bytes)?;
        Ok(held)
    }

    /// Counts so many bytes in all.
    pub(crate) fn grow(&mut self, node: &Node, bytes: usize) -> Result<(), Refusal> {
        while kib(bytes) > self.0.num_permits() {
            self.0.merge(reserve(node)?);
        }
        Ok(())
    }
}

fn reserve(node: &Node) -> Result<OwnedSemaphorePermit, Refusal> {
    Arc::clone(&node.bodies).try_acquire_many_owned(STEP_KIB).map_err(|_| {
        Refusal::new(ErrorCode::Overloaded, "the bodies of other requests fill the memory for them")
    })
}
