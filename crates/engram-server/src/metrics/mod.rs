//! What the server counts, and how it is written for Prometheus.
//!
//! One table names every metric; registration takes its texts from there, and a test compares what is written with the
//! table. The number of series is bounded: operations and statuses are fixed sets, spaces have a limit.

mod table;

mod registry;

mod scrape;

pub(crate) use registry::{EmbedSample, Metrics, RecallSample, RequestSample};
pub(crate) use scrape::{EngineFigures, SpaceFigures, encode};
pub use table::{METRICS, MetricEntry, MetricKind, render_metrics_page};
