//! MCP over standard input and output, for clients that start their servers themselves.

use std::sync::Arc;

use engram_api::{ErrorCode, Problem};
use rmcp::ServiceExt;

use super::desk::{Desk, McpCall};
use super::handler::Handler;
use super::tools::Toolset;

/// Serves the client at the other end until it closes. Calls go to a server elsewhere. Must not be called from async code.
///
/// # Errors
/// The system refuses threads, or the client speaks another protocol.
pub fn serve_mcp_stdio(
    call: Arc<McpCall>,
    space: String,
    tools: Toolset,
) -> Result<(), Box<Problem>> {
    let failed = |message: String| Box::new(Problem::new(ErrorCode::IoFailed, message));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| failed(error.to_string()))?;
    let handler = Handler { desk: Desk::Elsewhere(call), space, tools };
    let served = runtime.block_on(async {
        let running = handler.serve(rmcp::transport::stdio()).await;
        let running = running.map_err(|error| error.to_string())?;
        running.waiting().await.map_err(|error| error.to_string())
    });
    // A thread that still reads from the closed input must not keep the process.
    runtime.shutdown_background();
    served.map(drop).map_err(failed)
}
