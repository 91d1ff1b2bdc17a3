//! The table of metrics and its reference page.

use std::fmt::Write as _;

/// How a metric behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// Only grows; written with `_total` at the end of its name.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts observations in buckets; written with `_bucket`, `_sum` and `_count`.
    Histogram,
    /// Always 1; its labels say something.
    Info,
}

impl MetricKind {
    /// Name of the type in the exposition format.
    pub fn name(self) -> &'static str {
        match self {
            Counter => "counter",
            Gauge => "gauge",
            Histogram => "histogram",
            Info => "info",
        }
    }
}

/// One metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetricEntry {
    /// Name without the ending that its kind adds.
    pub name: &'static str,
    /// How it behaves.
    pub kind: MetricKind,
    /// Names of its labels.
    pub labels: &'static [&'static str],
    /// What it says, with its unit.
    pub help: &'static str,
}

const fn row(
    name: &'static str,
    kind: MetricKind,
    labels: &'static [&'static str],
    help: &'static str,
) -> MetricEntry {
    MetricEntry { name, kind, labels, help }
}

use MetricKind::{Counter, Gauge, Histogram, Info};

const SPACE: &[&str] = &["space"];
const REPOSITORY: &[&str] = &["repository"];

/// All metrics, in the order of the generated page.
pub const METRICS: &[MetricEntry] = &[
    row("engram_build", Info, &["version"], "Version of the running server."),
    row("engram_ready", Gauge, &[], "1 while the server takes reads and writes, else 0."),
    row("engram_start_time_seconds", Gauge, &[], "When the server started, seconds since 1970."),
    row("engram_process_resident_bytes", Gauge, &[], "Bytes of the process that are in RAM."),
    row(
        "engram_requests",
        Counter,
        &["door", "operation", "status"],
        "Requests answered, by the door they came through (`rest`, `grpc`, `mcp`), operation (`none` where the path belongs to no operation) and \
         status, as HTTP has it.",
    ),
    row(
        "engram_request_seconds",
        Histogram,
        &["door", "operation"],
        "Time from the head of a request to its answer, seconds.",
    ),
    row("engram_requests_in_flight", Gauge, &[], "Requests worked on now."),
    row("engram_connections", Gauge, &[], "Open connections."),
    row("engram_panics", Counter, &[], "Requests that ended in a panic of the server."),
    row("engram_tls_handshakes_failed", Counter, &[], "Connections on which no TLS was agreed on."),
    row(
        "engram_tls_certificate_expiry_seconds",
        Gauge,
        &[],
        "When the certificate of the server ends, seconds since 1970; 0 without TLS.",
    ),
    row(
        "engram_tls_reload_failures",
        Counter,
        &[],
        "Times that new files of the certificate could not be used, and the old ones stayed.",
    ),
    row(
        "engram_token_keys",
        Gauge,
        &["issuer"],
        "Public keys of an issuer that tokens are checked with.",
    ),
    row(
        "engram_token_keys_age_seconds",
        Gauge,
        &["issuer"],
        "Time since they were read last, seconds; -1 before the first time.",
    ),
    row(
        "engram_token_keys_failures",
        Counter,
        &["issuer"],
        "Times that they could not be read or used, and the ones from before stayed.",
    ),
    row("engram_audit_failures", Counter, &[], "Writes of the audit log that failed."),
    row("engram_commit_batch_commits", Histogram, &[], "Commits that shared one sync of the log."),
    row(
        "engram_commit_seconds",
        Histogram,
        &[],
        "Time of one write, sync and apply of the log, seconds.",
    ),
    row("engram_commit_failures", Counter, &[], "Syncs of the log that failed."),
    row(
        "engram_recalls",
        Counter,
        &["mode", "outcome"],
        "Recalls answered, by mode and by how the answer fits its cue.",
    ),
    row(
        "engram_recall_seconds",
        Histogram,
        &["mode"],
        "Time that the engine took for a recall, seconds.",
    ),
    row("engram_embed_texts", Counter, &["embedder"], "Texts turned into vectors."),
    row("engram_embed_seconds", Counter, &["embedder"], "Time spent on that, seconds."),
    row("engram_embed_failures", Counter, &["embedder"], "Calls of an embedder that failed."),
    row("engram_log_frames", Counter, &[], "Frames made durable since the start."),
    row("engram_log_payload_bytes", Counter, &[], "Bytes of their payloads."),
    row("engram_log_syncs", Counter, &[], "Syncs of log files by commits."),
    row("engram_log_flushes", Counter, &[], "Batches written to the log."),
    row("engram_log_segments", Gauge, &[], "Segment files in use."),
    row("engram_log_segments_recycled", Counter, &[], "Segment files put to use again."),
    row("engram_log_queued_frames", Gauge, &[], "Frames that wait for their sync."),
    row("engram_fs_read_bytes", Counter, &[], "Bytes read from the data directory."),
    row("engram_fs_written_bytes", Counter, &[], "Bytes written to the data directory."),
    row("engram_log_bytes", Gauge, &[], "Bytes of the log on disk."),
    row("engram_spaces", Gauge, &[], "Spaces, closed ones too."),
    row("engram_open_spaces", Gauge, &[], "Spaces whose state is in RAM."),
    row("engram_state_bytes", Gauge, &[], "Bytes of state in RAM, estimated."),
    row(
        "engram_state_bytes_max",
        Gauge,
        &[],
        "Bytes of state that may be there (`memory.bytes_max`).",
    ),
    row("engram_block_cache_bytes", Gauge, &[], "Bytes of cached blocks of segments."),
    row("engram_block_cache_hits", Counter, &[], "Blocks found in the cache."),
    row("engram_block_cache_misses", Counter, &[], "Blocks read from files."),
    row("engram_block_cache_evictions", Counter, &[], "Blocks dropped for others."),
    row(
        "engram_hot_bytes",
        Gauge,
        &[],
        "Bytes of single memories of warm segments that are kept in RAM.",
    ),
    row("engram_hot_evictions", Counter, &[], "Such memories dropped for others."),
    row("engram_maintenance_checkpoints", Counter, &[], "Checkpoints of spaces."),
    row("engram_maintenance_merged_memories", Counter, &[], "Memories copied into merged chunks."),
    row("engram_maintenance_sealed_memories", Counter, &[], "Memories written into segments."),
    row("engram_maintenance_moved_memories", Counter, &[], "Memories that moved between tiers."),
    row(
        "engram_maintenance_closed_spaces",
        Counter,
        &[],
        "Spaces closed because nobody asked for them, or for want of room.",
    ),
    row(
        "engram_maintenance_scrubbed_blocks",
        Counter,
        &[],
        "Blocks of files whose checksums were compared.",
    ),
    row("engram_maintenance_failures", Counter, &[], "Steps of maintenance that failed."),
    row(
        "engram_memories_trained",
        Counter,
        &[],
        "Memories that the log says were in answers, once for each commit that says so.",
    ),
    row(
        "engram_memories_consolidated",
        Counter,
        &[],
        "Memories that scheduled consolidation looked at.",
    ),
    row("engram_beliefs_formed", Counter, &[], "Beliefs that scheduled consolidation made."),
    row(
        "engram_uses_dropped",
        Counter,
        &[],
        "Uses of memories that were not learned, because too many came within a second.",
    ),
    row("engram_maintenance_seconds", Histogram, &[], "Time of one step of maintenance, seconds."),
    row(
        "engram_space_requests",
        Counter,
        SPACE,
        "Requests of a space. Of this and the other metrics of spaces, only the busiest spaces have series of their own \
         (setting `metrics.spaces_max`); the label is empty on the series that sums up the rest.",
    ),
    row("engram_space_memories", Gauge, SPACE, "Memories that recall can find."),
    row("engram_space_suppressed", Gauge, SPACE, "Suppressed memories."),
    row("engram_space_vectors", Gauge, SPACE, "Vectors of both."),
    row(
        "engram_space_indexed_vectors",
        Gauge,
        SPACE,
        "Vectors that are searched over a graph; the others are compared one by one.",
    ),
    row("engram_space_associations", Gauge, SPACE, "Associations of memories."),
    row("engram_space_unlinked", Gauge, SPACE, "Memories whose associations are not formed yet."),
    row("engram_space_resident_bytes", Gauge, SPACE, "Bytes of the state in RAM, estimated."),
    row("engram_space_hot_memories", Gauge, SPACE, "Memories in RAM with text and vectors."),
    row(
        "engram_space_warm_memories",
        Gauge,
        SPACE,
        "Memories in local segments, read when needed.",
    ),
    row("engram_space_cold_memories", Gauge, SPACE, "Memories in objects of the cold store."),
    row("engram_space_segment_bytes", Gauge, SPACE, "Bytes of its segments of memories."),
    row("engram_space_lsn", Gauge, SPACE, "Last commit; on the series of the rest the sum."),
    row(
        "engram_repository_ready",
        Gauge,
        REPOSITORY,
        "1 while the repository of backups takes what it is sent, else 0.",
    ),
    row(
        "engram_archive_lag_seconds",
        Gauge,
        REPOSITORY,
        "Time since all was archived, seconds: what a lost disk would cost at most. 0 = all is; -1 = nothing ever was.",
    ),
    row("engram_archive_waiting_commits", Gauge, REPOSITORY, "Commits that are not archived."),
    row("engram_archive_pieces", Counter, REPOSITORY, "Pieces of the log archived."),
    row(
        "engram_archive_failures",
        Counter,
        REPOSITORY,
        "Times that the log could not be archived.",
    ),
    row(
        "engram_archive_lost_commits",
        Counter,
        REPOSITORY,
        "Commits that the log let go of before they were archived.",
    ),
    row("engram_repository_sent_bytes", Counter, REPOSITORY, "Bytes sent to the repository."),
    row("engram_backups", Gauge, REPOSITORY, "Backups in the repository."),
    row(
        "engram_backup_age_seconds",
        Gauge,
        REPOSITORY,
        "Time since the last backup was begun that did not fail, seconds; -1 = there is none.",
    ),
    row(
        "engram_backup_seconds",
        Gauge,
        REPOSITORY,
        "How long the last backup took; 0 = none was made since the start.",
    ),
    row("engram_backup_bytes", Gauge, REPOSITORY, "Bytes that the last backup needs, as stored."),
    row("engram_backup_failures", Counter, REPOSITORY, "Backups that were not made."),
    row(
        "engram_backup_check_age_seconds",
        Gauge,
        REPOSITORY,
        "Time since a backup was checked and found good, seconds; -1 = none was.",
    ),
    row("engram_backup_check_failures", Counter, REPOSITORY, "Checks that found something wrong."),
];

/// The entry of that name.
pub(super) fn entry(name: &str) -> &'static MetricEntry {
    METRICS.iter().find(|entry| entry.name == name).expect("a test writes every metric")
}

/// `docs/reference/metrics.md`, rendered from the table of metrics.
pub fn render_metrics_page() -> String {
    let mut page = String::from(
        "<!-- Generated by `cargo xtask gen`; do not edit. -->\n\
         # Metrics\n\n\
         `GET /metrics` answers in the OpenMetrics text format. Counters count from the start of the server.\n\n\
         | Name | Type | Labels | Meaning |\n|---|---|---|---|\n",
    );
    for entry in METRICS {
        let ending = match entry.kind {
            Counter => "_total",
            Info => "_info",
            Gauge | Histogram => "",
        };
        let labels: Vec<String> = entry.labels.iter().map(|label| format!("`{label}`")).collect();
        writeln!(
            page,
            "| `{}{ending}` | {} | {} | {} |",
            entry.name,
            entry.kind.name(),
            labels.join(", "),
            entry.help,
        )
        .expect("a string takes all that is written");
    }
    page
}
