//! The health service of gRPC: serving while reads are served.

use std::sync::Arc;

use engram_api::{PACKAGE, SERVICE};
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::server::{HealthReporter, health_reporter};

use crate::node::{Node, Phase};

/// The service; it follows the node's life as long as the runtime lives.
pub(super) fn health(node: &Arc<Node>) -> HealthServer<impl Health> {
    let (reporter, server) = health_reporter();
    tokio::spawn(follow(Arc::clone(node), reporter));
    server
}

async fn follow(node: Arc<Node>, reporter: HealthReporter) {
    let mut phase = node.phase.subscribe();
    loop {
        let status = match *phase.borrow_and_update() {
            Phase::Ready => ServingStatus::Serving,
            Phase::Opening | Phase::Draining | Phase::Failed(_) => ServingStatus::NotServing,
        };
        for service in [String::new(), format!("{PACKAGE}.{SERVICE}")] {
            reporter.set_service_status(service, status).await;
        }
        if phase.changed().await.is_err() {
            return;
        }
    }
}
