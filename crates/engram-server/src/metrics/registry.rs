//! Counters and histograms that grow while the server works.

use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use engram_engine::Maintained;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Metric, Registry};

use super::table::entry;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RequestLabels {
    door: &'static str,
    operation: &'static str,
    status: u16,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OperationLabels {
    door: &'static str,
    operation: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct EmbedderLabels {
    embedder: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RecallLabels {
    mode: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ModeLabels {
    mode: &'static str,
}

/// An answered recall.
pub(crate) struct RecallSample {
    /// The mode that ran.
    pub(crate) mode: &'static str,
    /// How the answer fits its cue.
    pub(crate) outcome: &'static str,
    /// Time in the engine.
    pub(crate) elapsed: Duration,
}

/// An answered request.
pub(crate) struct RequestSample {
    pub(crate) door: &'static str,
    pub(crate) operation: &'static str,
    pub(crate) status: u16,
    pub(crate) elapsed: Duration,
}

/// A call of an embedder.
pub(crate) struct EmbedSample<'a> {
    pub(crate) embedder: &'a str,
    pub(crate) texts: u64,
    pub(crate) elapsed: Duration,
    /// Whether it gave vectors.
    pub(crate) outcome: Result<(), ()>,
}

/// All that is counted as it happens.
pub(crate) struct Metrics {
    pub(super) registry: Registry,
    requests: Family<RequestLabels, Counter>,
    request_seconds: Family<OperationLabels, Histogram>,
    pub(crate) in_flight: Gauge,
    pub(crate) connections: Gauge,
    pub(crate) panics: Counter,
    /// Connections on which no TLS was agreed on.
    pub(crate) tls_refused: Counter,
    pub(crate) commit_batch: Histogram,
    pub(crate) commit_seconds: Histogram,
    pub(crate) commit_failures: Counter,
    checkpoints: Counter,
    merged_memories: Counter,
    sealed_memories: Counter,
    moved_memories: Counter,
    closed_spaces: Counter,
    scrubbed_blocks: Counter,
    pub(crate) maintenance_failures: Counter,
    pub(crate) memories_trained: Counter,
    pub(crate) memories_consolidated: Counter,
    pub(crate) beliefs_formed: Counter,
    pub(crate) uses_dropped: Counter,
    pub(crate) maintenance_seconds: Histogram,
    recalls: Family<RecallLabels, Counter>,
    recall_seconds: Family<ModeLabels, Histogram>,
    embed_texts: Family<EmbedderLabels, Counter>,
    embed_seconds: Family<EmbedderLabels, Counter<f64, AtomicU64>>,
    embed_failures: Family<EmbedderLabels, Counter>,
    /// Requests of each space; only names of spaces that exist get in.
    spaces: Mutex<HashMap<String, u64>>,
}

/// Registers under a name of the table, with the table's help.
pub(super) fn register(registry: &mut Registry, name: &'static str, metric: impl Metric) {
    // The registry ends the text with a full stop itself.
    registry.register(name, entry(name).help.trim_end_matches('.'), metric);
}

/// 50 microseconds to 26 seconds, doubling.
fn latency() -> Histogram {
    Histogram::new(exponential_buckets(50e-6, 2.0, 20))
}

impl Metrics {
    pub(crate) fn new(version: &'static str) -> Metrics {
        let mut metrics = Metrics {
            registry: Registry::default(),
            requests: Family::default(),
            request_seconds: Family::new_with_constructor(latency),
            in_flight: Gauge::default(),
            connections: Gauge::default(),
            panics: Counter::default(),
            tls_refused: Counter::default(),
            commit_batch: Histogram::new(exponential_buckets(1.0, 2.0, 11)),
            commit_seconds: latency(),
            commit_failures: Counter::default(),
            checkpoints: Counter::default(),
            merged_memories: Counter::default(),
            sealed_memories: Counter::default(),
            moved_memories: Counter::default(),
            closed_spaces: Counter::default(),
            scrubbed_blocks: Counter::default(),
            maintenance_failures: Counter::default(),
            memories_trained: Counter::default(),
            memories_consolidated: Counter::default(),
            beliefs_formed: Counter::default(),
            uses_dropped: Counter::default(),
            maintenance_seconds: latency(),
            recalls: Family::default(),
            recall_seconds: Family::new_with_constructor(latency),
            embed_texts: Family::default(),
            embed_seconds: Family::default(),
            embed_failures: Family::default(),
            spaces: Mutex::new(HashMap::new()),
        };
        let registry = &mut metrics.registry;
        register(registry, "engram_build", Info::new([("version", version)]));
        register(registry, "engram_requests", metrics.requests.clone());
        register(registry, "engram_request_seconds", metrics.request_seconds.clone());
        register(registry, "engram_requests_in_flight", metrics.in_flight.clone());
        register(registry, "engram_connections", metrics.connections.clone());
        register(registry, "engram_panics", metrics.panics.clone());
        register(registry, "engram_tls_handshakes_failed", metrics.tls_refused.clone());
        register(registry, "engram_commit_batch_commits", metrics.commit_batch.clone());
        register(registry, "engram_commit_seconds", metrics.commit_seconds.clone());
        register(registry, "engram_commit_failures", metrics.commit_failures.clone());
        for (name, counter) in [
            ("engram_maintenance_checkpoints", &metrics.checkpoints),
            ("engram_maintenance_merged_memories", &metrics.merged_memories),
            ("engram_maintenance_sealed_memories", &metrics.sealed_memories),
            ("engram_maintenance_moved_memories", &metrics.moved_memories),
            ("engram_maintenance_closed_spaces", &metrics.closed_spaces),
            ("engram_maintenance_scrubbed_blocks", &metrics.scrubbed_blocks),
            ("engram_maintenance_failures", &metrics.maintenance_failures),
            ("engram_memories_trained", &metrics.memories_trained),
            ("engram_memories_consolidated", &metrics.memories_consolidated),
            ("engram_beliefs_formed", &metrics.beliefs_formed),
            ("engram_uses_dropped", &metrics.uses_dropped),
        ] {
            register(registry, name, counter.clone());
        }
        register(registry, "engram_maintenance_seconds", metrics.maintenance_seconds.clone());
        register(registry, "engram_recalls", metrics.recalls.clone());
        register(registry, "engram_recall_seconds", metrics.recall_seconds.clone());
        register(registry, "engram_embed_texts", metrics.embed_texts.clone());
        register(registry, "engram_embed_seconds", metrics.embed_seconds.clone());
        register(registry, "engram_embed_failures", metrics.embed_failures.clone());
        metrics
    }

    pub(crate) fn maintained(&self, done: &Maintained) {
        self.checkpoints.inc_by(done.checkpoints);
        self.merged_memories.inc_by(done.merged_memories);
        self.sealed_memories.inc_by(done.sealed_memories);
        self.moved_memories.inc_by(done.moved_memories);
        self.closed_spaces.inc_by(done.closed_spaces);
        self.scrubbed_blocks.inc_by(done.scrubbed_blocks);
    }

    pub(crate) fn request(&self, sample: &RequestSample) {
        let RequestSample { door, operation, status, elapsed } = *sample;
        self.requests.get_or_create(&RequestLabels { door, operation, status }).inc();
        let labels = OperationLabels { door, operation };
        self.request_seconds.get_or_create(&labels).observe(elapsed.as_secs_f64());
    }

    pub(crate) fn recall(&self, sample: &RecallSample) {
        let RecallSample { mode, outcome, elapsed } = *sample;
        self.recalls.get_or_create(&RecallLabels { mode, outcome }).inc();
        self.recall_seconds.get_or_create(&ModeLabels { mode }).observe(elapsed.as_secs_f64());
    }

    pub(crate) fn embed(&self, sample: &EmbedSample<'_>) {
        let labels = EmbedderLabels { embedder: sample.embedder.to_owned() };
        match sample.outcome {
            Ok(()) => {
                self.embed_texts.get_or_create(&labels).inc_by(sample.texts);
                self.embed_seconds.get_or_create(&labels).inc_by(sample.elapsed.as_secs_f64());
            }
            Err(()) => {
                self.embed_failures.get_or_create(&labels).inc();
            }
        }
    }

    /// Counts a request of a space that exists.
    pub(crate) fn space_request(&self, space: &str) {
        let mut spaces = self.spaces.lock().unwrap_or_else(PoisonError::into_inner);
        match spaces.get_mut(space) {
            Some(count) => *count += 1,
            None => {
                spaces.insert(space.to_owned(), 1);
            }
        }
    }

    /// Requests of the spaces named; counts of others are dropped, since those spaces are gone.
    pub(super) fn space_requests<'a>(
        &self,
        live: impl Iterator<Item = &'a str>,
    ) -> HashMap<String, u64> {
        let mut spaces = self.spaces.lock().unwrap_or_else(PoisonError::into_inner);
        let mut kept = HashMap::new();
        for name in live {
            if let Some((name, count)) = spaces.remove_entry(name) {
                kept.insert(name, count);
            }
        }
        spaces.clone_from(&kept);
        kept
    }
}
