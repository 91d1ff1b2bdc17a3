//! MCP over streamable HTTP. Each request stands alone: there is no session to lose, and none that could fill memory.

use std::sync::Arc;

use rmcp::transport::StreamableHttpService;
use rmcp::transport::streamable_http_server::StreamableHttpServerConfig;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;

use super::desk::Desk;
use super::handler::Handler;
use super::tools::Toolset;
use crate::node::Node;

/// The service. Host and origin are checked before it.
pub(crate) fn service(
    node: &Arc<Node>,
) -> StreamableHttpService<impl rmcp::ServerHandler, NeverSessionManager> {
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .with_max_request_body_bytes(node.settings.limits.request_bytes)
        .disable_allowed_hosts()
        .disable_allowed_origins();
    let space = node.settings.default_space.clone();
    let handler = Handler { desk: Desk::Here(Arc::clone(node)), space, tools: Toolset::Core };
    StreamableHttpService::new(move || Ok(handler.clone()), Arc::default(), config)
}
