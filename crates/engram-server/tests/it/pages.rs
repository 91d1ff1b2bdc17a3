//! Generated pages of the reference are what the tables say. `UPDATE_EXPECT=1` writes them.

use engram_server::{render_configuration_page, render_mcp_page, render_metrics_page};
use expect_test::expect_file;

#[test]
fn generated_configuration_page() {
    expect_file!["../../../../docs/reference/configuration.md"]
        .assert_eq(&render_configuration_page());
}

#[test]
fn generated_metrics_page() {
    expect_file!["../../../../docs/reference/metrics.md"].assert_eq(&render_metrics_page());
    expect_file!["../../../../docs/reference/mcp.md"].assert_eq(&render_mcp_page());
}
