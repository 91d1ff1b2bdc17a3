//! The services by path.

use std::sync::Arc;

use axum::Router;
use axum::routing::post;
use engram_api::{PACKAGE, SERVICE};
use tonic::Status;
use tonic_reflection::server::Builder;

use super::calls::serve;
use super::health::health;
use crate::node::Node;

/// The messages and services of `engram.v1`, as the build compiled them.
const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/engram.binpb"));

/// All services. Must be called inside the runtime.
pub(crate) fn router(node: Arc<Node>) -> Router {
    let reflection = || {
        let builder = Builder::configure();
        let builder = builder.register_encoded_file_descriptor_set(DESCRIPTORS);
        builder.register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let descriptors = "the build compiled the descriptors";
    let health = health(&node);
    Router::new()
        .route(&format!("/{PACKAGE}.{SERVICE}/{{method}}"), post(serve))
        .route_service("/grpc.health.v1.Health/{method}", health)
        .route_service(
            "/grpc.reflection.v1.ServerReflection/{method}",
            reflection().build_v1().expect(descriptors),
        )
        .route_service(
            "/grpc.reflection.v1alpha.ServerReflection/{method}",
            reflection().build_v1alpha().expect(descriptors),
        )
        .fallback(async || {
            Status::unimplemented("no service has this path").into_http::<tonic::body::Body>()
        })
        .with_state(node)
}
