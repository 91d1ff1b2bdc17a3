//! MCP (Model Context Protocol): the operations as tools of an agent, memories and spaces as resources.

mod tools;

mod desk;

mod handler;

mod http;

mod stdio;

mod page;

pub use desk::McpCall;
pub(crate) use http::service;
pub use page::render_mcp_page;
pub use stdio::serve_mcp_stdio;
pub use tools::Toolset;
