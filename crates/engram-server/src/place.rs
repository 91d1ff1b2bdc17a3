//! The places of connections: counted while anything of a connection is there, also after it became a WebSocket.

use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;

use crate::metrics::Metrics;

/// The place of one connection. It is free again when its last holder drops it.
#[derive(Clone)]
pub(crate) struct Place {
    _taken: Arc<Taken>,
}

struct Taken {
    metrics: Arc<Metrics>,
    _permit: OwnedSemaphorePermit,
}

impl Place {
    pub(crate) fn new(permit: OwnedSemaphorePermit, metrics: Arc<Metrics>) -> Place {
        metrics.connections.inc();
        Place { _taken: Arc::new(Taken { metrics, _permit: permit }) }
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.metrics.connections.dec();
    }
}
