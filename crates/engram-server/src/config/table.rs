//! The table of settings: the one place where a key, its type, default, range and meaning stand.

mod backups;
mod quotas;
mod security;
mod tokens;

use self::backups::BACKUPS;
use self::quotas::QUOTAS;
use self::security::SECURITY;
use self::tokens::TOKENS;
use super::value::SettingKind;
use engram_api::{joined_rows, rows_in};

/// One setting.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Setting {
    /// Key with dots between the levels; `*` stands for a name that the operator chooses.
    pub key: &'static str,
    /// Type and range.
    pub kind: SettingKind,
    /// Default, as it would be written in the environment; none = absent.
    pub default: Option<&'static str>,
    /// Flag of `engram start` that sets it.
    pub flag: Option<&'static str>,
    /// A value to take as an example.
    pub example: &'static str,
    /// What it does.
    pub doc: &'static str,
}

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// Longest time span a setting may hold: a day, in milliseconds.
const DAY_MS: u64 = 86_400_000;

const fn setting(
    key: &'static str,
    kind: SettingKind,
    default: Option<&'static str>,
    example: &'static str,
    doc: &'static str,
) -> Setting {
    Setting { key, kind, default, flag: None, example, doc }
}

impl Setting {
    const fn with_flag(self, flag: &'static str) -> Setting {
        Setting { flag: Some(flag), ..self }
    }

    /// The key with `name` in the place of the operator's choice.
    pub fn key_for(&self, name: &str) -> String {
        self.key.replacen('*', name, 1)
    }

    /// Name of the environment variable that sets it.
    pub fn env_name(&self) -> String {
        env_name(self.key).replacen('*', "NAME", 1)
    }
}

/// `http.addr` is `ENGRAM_HTTP__ADDR`.
pub(super) fn env_name(key: &str) -> String {
    let levels: Vec<String> = key.split('.').map(str::to_uppercase).collect();
    format!("{ENV_PREFIX}{}", levels.join("__"))
}

/// What the names of all environment variables of the configuration start with.
pub(super) const ENV_PREFIX: &str = "ENGRAM_";

const PARTS: &[&[Setting]] = &[SERVER, QUOTAS, SECURITY, TOKENS, BACKUPS];

/// All settings, in the order of the generated page.
pub const SETTINGS: &[Setting] = &joined_rows::<Setting, { rows_in(PARTS) }>(PARTS);

const SERVER: &[Setting] = &[
    setting(
        "data_dir",
        SettingKind::Path,
        None,
        "/var/lib/engram",
        "Directory of the log and everything derived from it; it is created when absent. Default: `engram/` in the \
         XDG data home (`$XDG_DATA_HOME`, else `~/.local/share`).",
    )
    .with_flag("--data-dir"),
    setting(
        "http.addr",
        SettingKind::Address,
        Some("127.0.0.1:7432"),
        "127.0.0.1:7432",
        "Address and port of the HTTP listener (REST, health, metrics). Port 0 takes any free port.",
    )
    .with_flag("--http"),
    setting(
        "http.allowed_hosts",
        SettingKind::List,
        Some(""),
        "engram.internal,engram.internal:7432",
        "Further values of the `Host` header that are served; a name without a port allows every port. The loopback \
         names and the listening address are always served.",
    ),
    setting(
        "http.allowed_origins",
        SettingKind::List,
        Some(""),
        "https://console.example.org",
        "Values of the `Origin` header that are served. A browser sends one with every request that a page of \
         another site makes; by default all are refused. Pages of these origins may read answers (CORS) and follow \
         spaces by WebSocket.",
    ),
    setting(
        "grpc.addr",
        SettingKind::AddressOrOff,
        Some("127.0.0.1:50051"),
        "127.0.0.1:50051",
        "Address and port of the gRPC listener. Port 0 takes any free port; `off` listens nowhere.",
    )
    .with_flag("--grpc"),
    setting(
        "limits.request_bytes",
        SettingKind::Bytes { min: KIB, max: GIB },
        Some("16 MiB"),
        "32 MiB",
        "Largest body of a request.",
    ),
    setting(
        "limits.text_bytes",
        SettingKind::Bytes { min: 1, max: 16 * MIB },
        Some("64 KiB"),
        "128 KiB",
        "Longest text of a memory.",
    ),
    setting(
        "limits.metadata_bytes",
        SettingKind::Bytes { min: 1, max: 16 * MIB },
        Some("16 KiB"),
        "32 KiB",
        "Largest metadata of a memory: bytes of its names and values.",
    ),
    setting(
        "limits.batch_memories",
        SettingKind::Count { min: 1, max: 100_000 },
        Some("1000"),
        "5000",
        "Most memories in one `remember_many`.",
    ),
    setting(
        "limits.concurrent_requests",
        SettingKind::Count { min: 1, max: 65_536 },
        Some("256"),
        "512",
        "Requests worked on at the same time; one more is answered with `overloaded`.",
    ),
    setting(
        "limits.connections",
        SettingKind::Count { min: 1, max: 65_536 },
        Some("1024"),
        "4096",
        "Open connections; more wait to be accepted.",
    ),
    setting(
        "limits.commit_queue_bytes",
        SettingKind::Bytes { min: MIB, max: 64 * GIB },
        Some("256 MiB"),
        "1 GiB",
        "Bytes that may wait for the log before writes are answered with `overloaded`.",
    ),
    setting(
        "limits.request_timeout",
        SettingKind::Span { min_ms: 1, max_ms: DAY_MS },
        Some("30 s"),
        "2 m",
        "Time from a request's head to its answer. Past it the answer is an error, never a \
         shortened result.",
    ),
    setting(
        "limits.drain_timeout",
        SettingKind::Span { min_ms: 0, max_ms: DAY_MS },
        Some("10 s"),
        "30 s",
        "Time that requests under way have to finish after the server was told to stop.",
    ),
    setting(
        "log.level",
        SettingKind::OneOf(&["error", "warn", "info", "debug", "trace"]),
        Some("info"),
        "debug",
        "Least severity that is logged to stderr.",
    )
    .with_flag("--log-level"),
    setting(
        "log.format",
        SettingKind::OneOf(&["json", "text"]),
        Some("json"),
        "text",
        "Form of the log: one JSON object a line, or text for people.",
    )
    .with_flag("--log-format"),
    setting(
        "wal.segment_bytes",
        SettingKind::Bytes { min: 64 * KIB, max: GIB },
        Some("64 MiB"),
        "128 MiB",
        "Size of one file of the log. A commit must fit into one.",
    ),
    setting(
        "wal.spare_segments",
        SettingKind::Count { min: 0, max: 64 },
        Some("2"),
        "4",
        "Zeroed log files kept ready, so that a commit never waits for one to be made.",
    ),
    setting(
        "wal.bytes_max",
        SettingKind::Bytes { min: MIB, max: 1024 * GIB },
        Some("512 MiB"),
        "4 GiB",
        "Size of the log from which on spaces are checkpointed so that its oldest file can be dropped. A longer log means \
         fewer checkpoints.",
    ),
    setting(
        "checkpoint.log_bytes",
        SettingKind::Bytes { min: 64 * KIB, max: 64 * GIB },
        Some("32 MiB"),
        "128 MiB",
        "Bytes of commits of one space in the log before the space is checkpointed: what opening it has to read again.",
    ),
    setting(
        "checkpoint.deleted_kept",
        SettingKind::Span { min_ms: 0, max_ms: 3_650 * DAY_MS },
        Some("24 h"),
        "1 h",
        "How long deleted memories may stay in the files of a space before these are written anew without them.",
    ),
    setting(
        "disk.reserve_bytes",
        SettingKind::Bytes { min: 0, max: 64 * GIB },
        Some("64 MiB"),
        "1 GiB",
        "Room kept in a file of the data directory for checkpoints and merges on a full disk; 0 keeps none.",
    ),
    setting(
        "memory.bytes_max",
        SettingKind::Bytes { min: 16 * MIB, max: 64 * 1024 * GIB },
        None,
        "8 GiB",
        "Bytes of state that the server keeps in RAM. Above it the least used memories stay in their files, and spaces \
         that nobody asks for are closed. Default: half of the machine's memory, or of the control group's limit.",
    ),
    setting(
        "memory.space_bytes_max",
        SettingKind::Bytes { min: MIB, max: 64 * 1024 * GIB },
        None,
        "1 GiB",
        "The same for each single space; absent = only the limit of the server.",
    ),
    setting(
        "memory.open_spaces_max",
        SettingKind::Count { min: 1, max: 1_000_000 },
        Some("1000"),
        "200",
        "Spaces that may be open at once; a further one closes the one not asked for longest.",
    ),
    setting(
        "memory.space_idle",
        SettingKind::Span { min_ms: 1, max_ms: 3_650 * DAY_MS },
        Some("5 m"),
        "1 h",
        "How long nobody asks for a space before it is closed. The next request opens it again.",
    ),
    setting(
        "cold.url",
        SettingKind::Text,
        None,
        "s3://my-bucket/engram",
        "Store that holds cold files: `file:///DIR` for a folder, which may be mounted, `s3://BUCKET/PREFIX` for a service \
         that speaks the protocol of S3, `memory:` for tests. Absent = all files stay in the data directory.",
    ),
    setting(
        "cold.after",
        SettingKind::Span { min_ms: 0, max_ms: 36_500 * DAY_MS },
        Some("720 h"),
        "2160 h",
        "How long memories must have been unused to go into the cold store, where there is one.",
    ),
    setting(
        "cold.covered_after",
        SettingKind::Span { min_ms: 0, max_ms: 36_500 * DAY_MS },
        Some("720 h"),
        "24 h",
        "The same for parts of a space where beliefs rest on four of five memories: these stand for them. What is longer \
         than cold.after says nothing.",
    ),
    setting(
        "cold.s3_endpoint",
        SettingKind::Text,
        None,
        "https://minio.internal:9000",
        "Base address of the service; the bucket is the first part of the path below it. Absent = AWS.",
    ),
    setting(
        "cold.s3_region",
        SettingKind::Text,
        Some("us-east-1"),
        "eu-central-1",
        "Region of the bucket, which is part of every signature.",
    ),
    setting(
        "cold.s3_access_key_env",
        SettingKind::Text,
        None,
        "AWS_ACCESS_KEY_ID",
        "Name of the environment variable that holds the access key. Absent = the role of the machine, as AWS tells it.",
    ),
    setting(
        "cold.s3_secret_key_env",
        SettingKind::Text,
        None,
        "AWS_SECRET_ACCESS_KEY",
        "Name of the environment variable that holds the secret of the access key.",
    ),
    setting(
        "cold.s3_allow_http",
        SettingKind::Switch,
        Some("false"),
        "true",
        "Allows an endpoint without TLS.",
    ),
    setting(
        "cold.timeout",
        SettingKind::Span { min_ms: 100, max_ms: 3_600_000 },
        Some("10 s"),
        "30 s",
        "Time for one request to the store. What fails at once is tried up to three times more within this time.",
    ),
    setting(
        "limits.index_lag_memories",
        SettingKind::Count { min: 1_000, max: 100_000_000 },
        Some("20000"),
        "100000",
        "Memories of a space whose associations may wait to be formed. Above it writes to the space wait up to ten \
         seconds, then they are answered with `overloaded`.",
    ),
    setting(
        "default_space.name",
        SettingKind::Text,
        Some("default"),
        "notes",
        "Space that a fresh data directory starts with; empty for none.",
    ),
    setting(
        "default_space.embedder",
        SettingKind::Text,
        Some("builtin"),
        "none",
        "Embedder of that space: `builtin`, `none` or a name under `embedders`.",
    ),
    setting(
        "default_space.dimension",
        SettingKind::Count { min: 1, max: 4_096 },
        None,
        "768",
        "Length of that space's vectors; the embedder's when absent, and required where the embedder is `none`.",
    ),
    setting(
        "default_space.language",
        SettingKind::Text,
        Some("en"),
        "de",
        "Language of that space's text analysis: a two-letter code, or `none`.",
    ),
    setting(
        "index.graph_vectors_min",
        SettingKind::Count { min: 1, max: 1_000_000_000 },
        Some("5000"),
        "20000",
        "Vectors of a space from which on they are searched over a graph; fewer are compared one by one, and so are those \
         that the graph does not have yet.",
    ),
    setting(
        "weights.vector",
        SettingKind::Share,
        Some("0.4"),
        "0.5",
        "Weight of similarity in recall, unless a request says otherwise; so for all weights. This and `weights.text` must not both be 0.",
    ),
    setting(
        "weights.text",
        SettingKind::Share,
        Some("0.6"),
        "0.5",
        "Weight of the words (BM25).",
    ),
    setting(
        "weights.context",
        SettingKind::Share,
        Some("1"),
        "0.5",
        "Weight of agreement with the situation that a cue hints at.",
    ),
    setting(
        "weights.activation",
        SettingKind::Share,
        Some("1"),
        "0.5",
        "Weight of activation over associations, in mode `associative`.",
    ),
    setting(
        "weights.strength",
        SettingKind::Share,
        Some("0.02"),
        "0.1",
        "Weight of strength: how retrievable a memory is now.",
    ),
    setting(
        "weights.recency",
        SettingKind::Share,
        Some("0"),
        "0.1",
        "Weight of recency.",
    ),
    setting(
        "weights.importance",
        SettingKind::Share,
        Some("0"),
        "0.1",
        "Weight of the importance that callers stated.",
    ),
    setting(
        "weights.priming",
        SettingKind::Share,
        Some("0.1"),
        "0.2",
        "Weight of what a session has in mind, for recalls that name one with `prime`.",
    ),
    setting(
        "metrics.spaces_max",
        SettingKind::Count { min: 0, max: 100_000 },
        Some("100"),
        "500",
        "Spaces with metric series of their own, the busiest first; the others share one series.",
    ),
    setting(
        "consolidation.url",
        SettingKind::Text,
        None,
        "http://127.0.0.1:11434/v1",
        "Base address of a service that speaks the OpenAI form of chat completions: its model puts beliefs into words. Absent \
         = beliefs are words of the memories they rest on, and nothing leaves the machine.",
    ),
    setting(
        "consolidation.model",
        SettingKind::Text,
        None,
        "llama3.1:8b",
        "Name of the model. Required beside `consolidation.url`.",
    ),
    setting(
        "consolidation.api_key_env",
        SettingKind::Text,
        None,
        "OPENAI_API_KEY",
        "Name of the environment variable that holds the credential.",
    ),
    setting(
        "consolidation.timeout",
        SettingKind::Span { min_ms: 100, max_ms: 600_000 },
        Some("30 s"),
        "1 m",
        "How long one belief may take; one that takes longer is in the words of its memories.",
    ),
    setting(
        "embedders.*.kind",
        SettingKind::OneOf(&["openai", "ollama", "tei", "local"]),
        None,
        "ollama",
        "What computes the vectors: an OpenAI-compatible service, Ollama, Text Embeddings Inference, or a model \
         directory on this machine. Required for each embedder.",
    ),
    setting(
        "embedders.*.url",
        SettingKind::Text,
        None,
        "http://127.0.0.1:11434",
        "Base address of the service. Required unless the kind is `local`.",
    ),
    setting(
        "embedders.*.model",
        SettingKind::Text,
        None,
        "nomic-embed-text",
        "Name of the model. Required for `openai` and `ollama`.",
    ),
    setting(
        "embedders.*.dimension",
        SettingKind::Count { min: 1, max: 4_096 },
        None,
        "768",
        "Length of its vectors. Required unless the kind is `local`.",
    ),
    setting(
        "embedders.*.api_key_env",
        SettingKind::Text,
        None,
        "OPENAI_API_KEY",
        "Name of the environment variable that holds the credential.",
    ),
    setting(
        "embedders.*.api_key_file",
        SettingKind::Path,
        None,
        "/run/secrets/openai",
        "File that holds the credential.",
    ),
    setting(
        "embedders.*.path",
        SettingKind::Path,
        None,
        "/models/bge-small-en",
        "Directory with `config.json`, `vocab.txt` and `model.safetensors`. Required for `local`.",
    ),
    setting(
        "embedders.*.query_prefix",
        SettingKind::Text,
        Some(""),
        "query: ",
        "Text put before each cue, as the model was trained.",
    ),
    setting(
        "embedders.*.document_prefix",
        SettingKind::Text,
        Some(""),
        "passage: ",
        "Text put before each memory, as the model was trained.",
    ),
];

/// The setting that a concrete key belongs to, with the operator's name in it (empty for plain keys).
pub(super) fn setting_of(key: &str) -> Option<(&'static Setting, &str)> {
    SETTINGS.iter().find_map(|setting| match setting.key.split_once('*') {
        None => (setting.key == key).then_some((setting, "")),
        Some((before, after)) => {
            let name = key.strip_prefix(before)?.strip_suffix(after)?;
            is_name(name).then_some((setting, name))
        }
    })
}

/// Names of embedders: what can also stand in the name of an environment variable.
fn is_name(name: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    (1..=64).contains(&name.len()) && name.chars().all(inner) && !name.contains("__")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_and_examples_are_valid() {
        for setting in SETTINGS {
            for text in setting.default.into_iter().chain([setting.example]) {
                assert!(setting.kind.read_text(text).is_some(), "{}: {text}", setting.key);
            }
            assert!(setting.doc.ends_with('.'), "{}", setting.key);
        }
    }

    #[test]
    fn keys_are_found_with_the_name_inside() {
        let (setting, name) = setting_of("embedders.my-model.kind").unwrap();
        assert_eq!((setting.key, name), ("embedders.*.kind", "my-model"));
        assert!(setting_of("embedders..kind").is_none());
        assert!(setting_of("embedders.A.kind").is_none());
        assert!(setting_of("http").is_none());
        assert_eq!(setting_of("http.addr").unwrap().0.env_name(), "ENGRAM_HTTP__ADDR");
    }
}
