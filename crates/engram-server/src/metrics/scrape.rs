//! What is read from the engine and the system at the moment of a scrape, and the writing of it all.

use std::collections::HashMap;
use std::sync::atomic::AtomicU64;

use engram_engine::{ResidenceStats, SpaceStats};
use engram_store::LogStats;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::registry::{Metrics, register};
use crate::auth::IssuerFigures;
use crate::backups::RepositoryFigures;
use crate::system::resident_bytes;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct SpaceLabels {
    space: String,
}

/// A space and its figures.
pub(crate) struct SpaceFigures {
    pub(crate) name: String,
    pub(crate) stats: SpaceStats,
}

/// What the node knows at the moment of a scrape.
pub(crate) struct EngineFigures {
    pub(crate) ready: bool,
    pub(crate) start_time_seconds: f64,
    /// When the certificate ends, seconds since 1970, and how often a new one could not be used.
    pub(crate) tls: (f64, u64),
    pub(crate) audit_failures: u64,
    /// The issuers of tokens.
    pub(crate) issuers: Vec<(String, IssuerFigures)>,
    pub(crate) log: LogStats,
    pub(crate) read_bytes: u64,
    pub(crate) written_bytes: u64,
    pub(crate) residence: ResidenceStats,
    /// Spaces, closed ones too.
    pub(crate) spaces_known: usize,
    /// The open ones.
    pub(crate) spaces: Vec<SpaceFigures>,
    /// Spaces with series of their own.
    pub(crate) spaces_max: usize,
    /// The repositories of backups.
    pub(crate) repositories: Vec<(String, RepositoryFigures)>,
    pub(crate) now_ns: i64,
    /// Commits of all spaces.
    pub(crate) commits: u64,
}

/// Everything in the OpenMetrics text format.
pub(crate) fn encode(metrics: &Metrics, figures: &EngineFigures) -> String {
    let mut registry = Registry::default();
    register_node(&mut registry, figures);
    register_issuers(&mut registry, figures);
    register_log(&mut registry, figures);
    register_spaces(&mut registry, metrics, figures);
    register_repositories(&mut registry, figures);
    let mut text = String::new();
    encode_registry(&mut text, &metrics.registry)
        .and_then(|()| encode_registry(&mut text, &registry))
        .and_then(|()| encode_eof(&mut text))
        .expect("a string takes all that is written");
    text
}

fn gauge(registry: &mut Registry, name: &'static str, value: f64) {
    let gauge = Gauge::<f64, AtomicU64>::default();
    gauge.set(value);
    register(registry, name, gauge);
}

fn counter(registry: &mut Registry, name: &'static str, value: u64) {
    let counter = Counter::<u64>::default();
    counter.inc_by(value);
    register(registry, name, counter);
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RepositoryLabels {
    repository: String,
}

fn register_repositories(registry: &mut Registry, figures: &EngineFigures) {
    let all = &figures.repositories;
    let labels = |name: &String| RepositoryLabels { repository: name.clone() };
    let age = |at: Option<i64>| at.map_or(-1.0, |at| (figures.now_ns - at) as f64 / 1e9);
    type Value<'a> = &'a dyn Fn(&RepositoryFigures) -> f64;
    let gauges: [(&'static str, Value<'_>); 8] = [
        ("engram_repository_ready", &|own| f64::from(u8::from(own.problem.is_none()))),
        ("engram_archive_lag_seconds", &|own| match own.waiting(figures.commits) {
            0 => 0.0,
            _ => age(own.archived_through),
        }),
        ("engram_archive_waiting_commits", &|own| own.waiting(figures.commits) as f64),
        ("engram_backups", &|own| own.backups as f64),
        ("engram_backup_age_seconds", &|own| age(own.last_backup)),
        ("engram_backup_seconds", &|own| own.last_seconds.unwrap_or_default()),
        ("engram_backup_bytes", &|own| own.last_bytes.unwrap_or_default() as f64),
        ("engram_backup_check_age_seconds", &|own| age(own.last_check.map(|(at, _)| at))),
    ];
    for (name, value) in gauges {
        let family = Family::<RepositoryLabels, Gauge<f64, AtomicU64>>::default();
        for (repository, own) in all {
            family.get_or_create(&labels(repository)).set(value(own));
        }
        register(registry, name, family);
    }
    type Count<'a> = &'a dyn Fn(&RepositoryFigures) -> u64;
    let counters: [(&'static str, Count<'_>); 6] = [
        ("engram_archive_pieces", &|own| own.pieces),
        ("engram_archive_failures", &|own| own.archive_failures),
        ("engram_archive_lost_commits", &|own| own.gaps),
        ("engram_repository_sent_bytes", &|own| own.sent_bytes),
        ("engram_backup_failures", &|own| own.backup_failures),
        ("engram_backup_check_failures", &|own| own.check_failures),
    ];
    for (name, count) in counters {
        let family = Family::<RepositoryLabels, Counter<u64>>::default();
        for (repository, own) in all {
            family.get_or_create(&labels(repository)).inc_by(count(own));
        }
        register(registry, name, family);
    }
}

fn register_node(registry: &mut Registry, figures: &EngineFigures) {
    gauge(registry, "engram_ready", if figures.ready { 1.0 } else { 0.0 });
    gauge(registry, "engram_start_time_seconds", figures.start_time_seconds);
    gauge(registry, "engram_tls_certificate_expiry_seconds", figures.tls.0);
    counter(registry, "engram_tls_reload_failures", figures.tls.1);
    counter(registry, "engram_audit_failures", figures.audit_failures);
    gauge(registry, "engram_process_resident_bytes", resident_bytes() as f64);
    gauge(registry, "engram_spaces", figures.spaces_known as f64);
    gauge(registry, "engram_open_spaces", figures.spaces.len() as f64);
    let residence = &figures.residence;
    gauge(registry, "engram_state_bytes", residence.state_bytes as f64);
    gauge(registry, "engram_state_bytes_max", residence.state_bytes_max as f64);
    gauge(registry, "engram_block_cache_bytes", residence.block_bytes as f64);
    counter(registry, "engram_block_cache_hits", residence.block_hits);
    counter(registry, "engram_block_cache_misses", residence.block_misses);
    counter(registry, "engram_block_cache_evictions", residence.block_evictions);
    gauge(registry, "engram_hot_bytes", residence.hot_bytes as f64);
    counter(registry, "engram_hot_evictions", residence.hot_evictions);
    counter(registry, "engram_fs_read_bytes", figures.read_bytes);
    counter(registry, "engram_fs_written_bytes", figures.written_bytes);
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct IssuerLabels {
    issuer: String,
}

fn register_issuers(registry: &mut Registry, figures: &EngineFigures) {
    let keys = Family::<IssuerLabels, Gauge<f64, AtomicU64>>::default();
    let age = Family::<IssuerLabels, Gauge<f64, AtomicU64>>::default();
    let failures = Family::<IssuerLabels, Counter<u64>>::default();
    for (name, own) in &figures.issuers {
        let labels = IssuerLabels { issuer: name.clone() };
        keys.get_or_create(&labels).set(own.keys as f64);
        age.get_or_create(&labels).set(own.age_seconds.unwrap_or(-1.0));
        failures.get_or_create(&labels).inc_by(own.failures);
    }
    register(registry, "engram_token_keys", keys);
    register(registry, "engram_token_keys_age_seconds", age);
    register(registry, "engram_token_keys_failures", failures);
}

fn register_log(registry: &mut Registry, figures: &EngineFigures) {
    let log = &figures.log;
    counter(registry, "engram_log_frames", log.frames);
    counter(registry, "engram_log_payload_bytes", log.payload_bytes);
    counter(registry, "engram_log_syncs", log.syncs);
    counter(registry, "engram_log_flushes", log.flushes);
    gauge(registry, "engram_log_segments", log.segments as f64);
    gauge(registry, "engram_log_bytes", log.bytes_on_disk as f64);
    counter(registry, "engram_log_segments_recycled", log.recycled);
    gauge(registry, "engram_log_queued_frames", log.queued as f64);
}

fn register_spaces(registry: &mut Registry, metrics: &Metrics, figures: &EngineFigures) {
    let requests = metrics.space_requests(figures.spaces.iter().map(|space| space.name.as_str()));
    let rows = by_space(figures, &requests);
    let family = |value: fn(&SpaceRow) -> u64| {
        let family: Family<SpaceLabels, Gauge<f64, AtomicU64>> = Family::default();
        for row in &rows {
            let labels = SpaceLabels { space: row.space.clone() };
            family.get_or_create(&labels).set(value(row) as f64);
        }
        family
    };
    let counts: Family<SpaceLabels, Counter> = Family::default();
    for row in &rows {
        counts.get_or_create(&SpaceLabels { space: row.space.clone() }).inc_by(row.requests);
    }
    register(registry, "engram_space_requests", counts);
    register(registry, "engram_space_memories", family(|row| row.memories));
    register(registry, "engram_space_suppressed", family(|row| row.suppressed));
    register(registry, "engram_space_vectors", family(|row| row.vectors));
    register(registry, "engram_space_indexed_vectors", family(|row| row.indexed_vectors));
    register(registry, "engram_space_associations", family(|row| row.associations));
    register(registry, "engram_space_unlinked", family(|row| row.unlinked));
    register(registry, "engram_space_resident_bytes", family(|row| row.resident_bytes));
    register(registry, "engram_space_hot_memories", family(|row| row.hot));
    register(registry, "engram_space_warm_memories", family(|row| row.warm));
    register(registry, "engram_space_cold_memories", family(|row| row.cold));
    register(registry, "engram_space_segment_bytes", family(|row| row.segment_bytes));
    register(registry, "engram_space_lsn", family(|row| row.lsn));
}

#[derive(Debug, Default, PartialEq, Eq)]
struct SpaceRow {
    space: String,
    requests: u64,
    memories: u64,
    suppressed: u64,
    vectors: u64,
    indexed_vectors: u64,
    associations: u64,
    unlinked: u64,
    resident_bytes: u64,
    hot: u64,
    warm: u64,
    cold: u64,
    segment_bytes: u64,
    lsn: u64,
}

/// The busiest spaces by requests, ties by name, and one row with an empty name for all others.
fn by_space(figures: &EngineFigures, requests: &HashMap<String, u64>) -> Vec<SpaceRow> {
    let mut rows: Vec<SpaceRow> = figures
        .spaces
        .iter()
        .map(|space| SpaceRow {
            space: space.name.clone(),
            requests: requests.get(&space.name).copied().unwrap_or(0),
            memories: space.stats.memories,
            suppressed: space.stats.suppressed,
            vectors: space.stats.vectors,
            indexed_vectors: space.stats.indexed_vectors,
            associations: space.stats.associations,
            unlinked: space.stats.unlinked,
            resident_bytes: space.stats.resident_bytes,
            hot: space.stats.tiers.hot_memories,
            warm: space.stats.tiers.warm_memories,
            cold: space.stats.tiers.cold_memories,
            segment_bytes: space.stats.tiers.segment_bytes,
            lsn: space.stats.lsn.0,
        })
        .collect();
    rows.sort_by(|a, b| b.requests.cmp(&a.requests).then_with(|| a.space.cmp(&b.space)));
    if rows.len() > figures.spaces_max {
        let mut rest = SpaceRow::default();
        for row in rows.drain(figures.spaces_max..) {
            rest.requests += row.requests;
            rest.memories += row.memories;
            rest.suppressed += row.suppressed;
            rest.vectors += row.vectors;
            rest.indexed_vectors += row.indexed_vectors;
            rest.associations += row.associations;
            rest.unlinked += row.unlinked;
            rest.resident_bytes += row.resident_bytes;
            rest.hot += row.hot;
            rest.warm += row.warm;
            rest.cold += row.cold;
            rest.segment_bytes += row.segment_bytes;
            rest.lsn += row.lsn;
        }
        rows.push(rest);
    }
    rows
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use super::super::registry::{EmbedSample, RecallSample, RequestSample};
    use super::super::table::{METRICS, MetricKind};
    use super::*;

    fn figures(spaces: &[&str], spaces_max: usize) -> EngineFigures {
        let stats = SpaceStats { memories: 10, ..SpaceStats::default() };
        EngineFigures {
            repositories: vec![("main".to_owned(), RepositoryFigures::default())],
            now_ns: 0,
            commits: 0,
            ready: true,
            start_time_seconds: 1.5,
            tls: (0.0, 0),
            audit_failures: 0,
            issuers: vec![("main".to_owned(), IssuerFigures::default())],
            log: LogStats::default(),
            read_bytes: 0,
            written_bytes: 0,
            residence: ResidenceStats::default(),
            spaces_known: spaces.len(),
            spaces: spaces
                .iter()
                .map(|name| SpaceFigures { name: (*name).to_owned(), stats })
                .collect(),
            spaces_max,
        }
    }

    #[test]
    fn everything_written_is_in_the_table_and_the_reverse() {
        let metrics = Metrics::new("0.0.0");
        let elapsed = Duration::from_millis(1);
        metrics.request(&RequestSample { door: "rest", operation: "get", status: 200, elapsed });
        metrics.recall(&RecallSample { mode: "keyword", outcome: "match", elapsed });
        for outcome in [Ok(()), Err(())] {
            metrics.embed(&EmbedSample { embedder: "builtin", texts: 1, elapsed, outcome });
        }
        let text = encode(&metrics, &figures(&["a"], 1));
        let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
        let written: BTreeSet<String> = types.map(str::to_owned).collect();
        let name = |kind: MetricKind| kind.name();
        let listed: BTreeSet<String> =
            METRICS.iter().map(|entry| format!("{} {}", entry.name, name(entry.kind))).collect();
        assert_eq!(written, listed);
        for entry in METRICS.iter().filter(|entry| entry.kind != MetricKind::Histogram) {
            let sample = text.lines().find(|line| {
                line.strip_prefix(entry.name).is_some_and(|rest| !rest.starts_with(" gauge"))
            });
            let sample = sample.unwrap_or_else(|| panic!("{} has no sample", entry.name));
            for label in entry.labels {
                assert!(sample.contains(&format!("{label}=\"")), "{sample}");
            }
        }
    }

    #[test]
    fn only_the_busiest_spaces_stand_alone() {
        let metrics = Metrics::new("0.0.0");
        for space in ["b", "b", "c", "gone"] {
            metrics.space_request(space);
        }
        let text = encode(&metrics, &figures(&["a", "b", "c", "d"], 2));
        let lines: Vec<&str> =
            text.lines().filter(|line| line.starts_with("engram_space_")).collect();
        let memories: BTreeSet<&str> =
            lines.iter().filter_map(|line| line.strip_prefix("engram_space_memories")).collect();
        let expected = ["{space=\"b\"} 10.0", "{space=\"c\"} 10.0", "{space=\"\"} 20.0"];
        assert_eq!(memories, BTreeSet::from(expected));
        assert!(!text.contains("gone"));
    }
}
