//! The configuration as typed values, checked as a whole.

mod backup;
mod phraser;
mod quotas;
mod security;
mod store;
mod tokens;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use engram_engine::{Language, RankWeights};

pub use self::backup::{BackupSettings, RepositorySettings};
pub use self::phraser::PhraserSettings;
pub use self::quotas::{QuotaSettings, QuotasSettings};
pub use self::security::{AuditLevel, AuditSettings, CertificateSettings, TlsSettings, TlsVersion};
pub use self::store::StoreSettings;
pub use self::tokens::{JwksSource, TokenAlgorithm, TokenSettings};
use super::error::ConfigError;
use super::layers::{ConfigRow, ConfigSources, Placed, fill_data_dir, merge};
use super::origin::Origin;
use super::value::SettingValue;

/// Log segments are written in pages of this size.
const PAGE_BYTES: u64 = 4 << 10;

/// A credential. It has no readable form, so it cannot reach a log.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a credential.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// The credential itself, for the request that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Where state resides, and when it goes into files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StorageSettings {
    /// Size of the log from which on spaces are checkpointed for its sake.
    pub wal_bytes_max: u64,
    /// Bytes of commits of one space in the log before it is checkpointed.
    pub checkpoint_log_bytes: u64,
    /// Room kept for upkeep on a full disk.
    pub reserve_bytes: u64,
    /// How long deleted memories may stay in files.
    pub deleted_kept: Duration,
    /// Bytes of state in RAM; none = half of what the machine has.
    pub memory_bytes_max: Option<u64>,
    /// Bytes of state of one space in RAM; none = as much as the server.
    pub space_memory_bytes_max: Option<u64>,
    /// How long memories must have been unused to go into the cold store.
    pub cold_after: Duration,
    /// The same where beliefs rest on nearly all memories of a chunk.
    pub cold_covered_after: Duration,
    /// Spaces that may be open at once.
    pub open_spaces_max: usize,
    /// How long nobody asks for a space before it is closed.
    pub space_idle: Duration,
}

/// Bounds on what a client can ask of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitSettings {
    /// Largest body of a request.
    pub request_bytes: usize,
    /// Longest text of a memory.
    pub text_bytes: usize,
    /// Largest metadata of a memory.
    pub metadata_bytes: usize,
    /// Most memories in one request.
    pub batch_memories: usize,
    /// Requests worked on at the same time.
    pub concurrent_requests: usize,
    /// Open connections.
    pub connections: usize,
    /// Bytes that may wait for the log.
    pub commit_queue_bytes: u64,
    /// Memories of a space that may wait for their associations before writes are slowed.
    pub index_lag_memories: u64,
    /// Time for one request.
    pub request_timeout: Duration,
    /// Time for requests under way after the server was told to stop.
    pub drain_timeout: Duration,
}

/// Least severity that is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// Faults.
    Error,
    /// And what may become one.
    Warn,
    /// And what an operator wants to know.
    Info,
    /// And what a developer wants to know.
    Debug,
    /// Everything.
    Trace,
}

/// Form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// Text for people.
    Text,
}

/// What is logged, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// Least severity.
    pub level: LogLevel,
    /// Form.
    pub format: LogFormat,
}

/// What computes the vectors of a configured embedder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmbedderKind {
    /// An OpenAI-compatible service.
    OpenAi,
    /// Ollama.
    Ollama,
    /// Text Embeddings Inference.
    Tei,
    /// A model directory on this machine.
    Local,
}

/// A configured embedder. What its kind requires is there.
#[derive(Clone, Debug, PartialEq)]
pub struct EmbedderSettings {
    /// What computes.
    pub kind: EmbedderKind,
    /// Base address of the service; empty for `local`.
    pub url: String,
    /// Name of the model; may be empty for `tei` and `local`.
    pub model: String,
    /// Length of the vectors; none = as the model directory says.
    pub dimension: Option<u32>,
    /// Credential from the environment.
    pub api_key: Option<Secret>,
    /// File that holds the credential.
    pub api_key_file: Option<PathBuf>,
    /// Model directory; none unless `local`.
    pub path: Option<PathBuf>,
    /// Text put before each cue.
    pub query_prefix: String,
    /// Text put before each memory.
    pub document_prefix: String,
}

/// The configuration of a server, valid as a whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Directory of the log.
    pub data_dir: PathBuf,
    /// Where HTTP listens.
    pub http_addr: SocketAddr,
    /// Where gRPC listens; none = nowhere.
    pub grpc_addr: Option<SocketAddr>,
    /// Further values of `Host` that are served.
    pub allowed_hosts: Vec<String>,
    /// Values of `Origin` that are served.
    pub allowed_origins: Vec<String>,
    /// Whether requests must say whose they are.
    pub authenticates: bool,
    /// Certificates of the server; none = plain text.
    pub tls: Option<TlsSettings>,
    /// Clients that are known by their certificates, by name.
    pub certificates: BTreeMap<String, CertificateSettings>,
    /// Issuers of tokens, by name.
    pub tokens: BTreeMap<String, TokenSettings>,
    /// The audit log.
    pub audit: AuditSettings,
    /// Bounds on requests.
    pub limits: LimitSettings,
    /// How much spaces may hold and ask for.
    pub quotas: QuotasSettings,
    /// The log of the server itself.
    pub log: LogSettings,
    /// Bytes of one log segment.
    pub wal_segment_bytes: u64,
    /// Zeroed segments kept ready.
    pub wal_spare_segments: u32,
    /// Space of a fresh data directory; empty = none.
    pub default_space: String,
    /// Its embedder.
    pub default_embedder: String,
    /// Length of its vectors; none = the embedder's.
    pub default_dimension: Option<u32>,
    /// Code of its language.
    pub default_language: String,
    /// What counts in recall, unless a request says otherwise.
    pub weights: RankWeights,
    /// Vectors of a space from which on they are searched over a graph.
    pub graph_vectors_min: u64,
    /// Where state resides, and when it goes into files.
    pub storage: StorageSettings,
    /// The store that holds cold files; none = all files stay in the data directory.
    pub cold: Option<StoreSettings>,
    /// When backups are made, and which of them stay.
    pub backup: BackupSettings,
    /// Repositories of backups by name.
    pub repositories: BTreeMap<String, RepositorySettings>,
    /// The model that puts beliefs into words; none = they are words of the memories they rest on.
    pub phraser: Option<PhraserSettings>,
    /// Spaces with metric series of their own.
    pub metrics_spaces_max: usize,
    /// Embedders by name, without `builtin` and `none`.
    pub embedders: BTreeMap<String, EmbedderSettings>,
    /// All values with their origins, for `config show`.
    pub rows: Vec<ConfigRow>,
}

impl Settings {
    /// Merges the layers and checks the result.
    ///
    /// # Errors
    /// [`ConfigError`] for the first thing that is wrong.
    pub fn load(sources: &ConfigSources) -> Result<Settings, Box<ConfigError>> {
        let mut values = merge(sources)?;
        fill_data_dir(&mut values, &sources.env)?;
        let rows = values
            .iter()
            .map(|(key, placed)| ConfigRow {
                key: key.clone(),
                value: placed.show(),
                origin: placed.origin.clone(),
            })
            .collect();
        let read = Read { values: &values };
        let settings = Settings {
            data_dir: PathBuf::from(read.text("data_dir")),
            http_addr: read.text("http.addr").parse().expect("the table's type checked it"),
            // Anything but an address is `off`.
            grpc_addr: read.text("grpc.addr").parse().ok(),
            allowed_hosts: read.list("http.allowed_hosts"),
            allowed_origins: read.list("http.allowed_origins"),
            authenticates: read.is_on("auth.enabled"),
            tls: read.tls()?,
            certificates: read.certificates()?,
            tokens: read.tokens()?,
            audit: read.audit(),
            limits: read.limits(),
            quotas: read.quotas(),
            log: read.log(),
            wal_segment_bytes: read.number("wal.segment_bytes"),
            wal_spare_segments: read.number("wal.spare_segments") as u32,
            default_space: read.text("default_space.name"),
            default_embedder: read.text("default_space.embedder"),
            default_dimension: read.maybe_number("default_space.dimension"),
            default_language: read.text("default_space.language"),
            weights: read.weights(),
            graph_vectors_min: read.number("index.graph_vectors_min"),
            storage: read.storage(),
            cold: read.store("cold", &sources.env)?,
            backup: read.backup(),
            repositories: read.repositories(&sources.env)?,
            phraser: read.phraser(&sources.env)?,
            metrics_spaces_max: read.number("metrics.spaces_max") as usize,
            embedders: read.embedders(&sources.env)?,
            rows,
        };
        read.check_bind(&settings)?;
        read.check_rest(&settings)?;
        Ok(settings)
    }
}

/// Typed access to the merged values. A wrong type is a fault of the table, found by the first test that loads.
struct Read<'a> {
    values: &'a BTreeMap<String, Placed>,
}

impl Read<'_> {
    fn value(&self, key: &str) -> Option<&SettingValue> {
        self.values.get(key).and_then(|placed| placed.value.as_ref())
    }

    fn maybe_text(&self, key: &str) -> Option<String> {
        match self.value(key) {
            Some(SettingValue::Text(text)) => Some(text.clone()),
            _ => None,
        }
    }

    fn text(&self, key: &str) -> String {
        self.maybe_text(key).unwrap_or_default()
    }

    fn number(&self, key: &str) -> u64 {
        match self.value(key) {
            Some(SettingValue::Number(number)) => *number,
            other => unreachable!("{key} holds {other:?}"),
        }
    }

    /// For counts that fit 32 bits and may be absent.
    fn maybe_number(&self, key: &str) -> Option<u32> {
        self.value(key).map(|_| self.number(key) as u32)
    }

    fn share(&self, key: &str) -> f32 {
        match self.value(key) {
            Some(SettingValue::Share(share)) => *share,
            other => unreachable!("{key} holds {other:?}"),
        }
    }

    fn list(&self, key: &str) -> Vec<String> {
        match self.value(key) {
            Some(SettingValue::List(items)) => items.clone(),
            other => unreachable!("{key} holds {other:?}"),
        }
    }

    fn limits(&self) -> LimitSettings {
        let size = |key| usize::try_from(self.number(key)).unwrap_or(usize::MAX);
        let span = |key| Duration::from_millis(self.number(key));
        LimitSettings {
            request_bytes: size("limits.request_bytes"),
            text_bytes: size("limits.text_bytes"),
            metadata_bytes: size("limits.metadata_bytes"),
            batch_memories: size("limits.batch_memories"),
            concurrent_requests: size("limits.concurrent_requests"),
            connections: size("limits.connections"),
            commit_queue_bytes: self.number("limits.commit_queue_bytes"),
            index_lag_memories: self.number("limits.index_lag_memories"),
            request_timeout: span("limits.request_timeout"),
            drain_timeout: span("limits.drain_timeout"),
        }
    }

    fn log(&self) -> LogSettings {
        let level = match self.text("log.level").as_str() {
            "error" => LogLevel::Error,
            "warn" => LogLevel::Warn,
            "debug" => LogLevel::Debug,
            "trace" => LogLevel::Trace,
            _ => LogLevel::Info,
        };
        let format = match self.text("log.format").as_str() {
            "text" => LogFormat::Text,
            _ => LogFormat::Json,
        };
        LogSettings { level, format }
    }

    fn embedders(
        &self,
        env: &BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, EmbedderSettings>, Box<ConfigError>> {
        let mut embedders = BTreeMap::new();
        for key in self.values.keys() {
            let name = key.strip_prefix("embedders.").and_then(|rest| rest.strip_suffix(".kind"));
            if let Some(name) = name {
                embedders.insert(name.to_owned(), self.embedder(name, env)?);
            }
        }
        Ok(embedders)
    }

    fn embedder(
        &self,
        name: &str,
        env: &BTreeMap<String, String>,
    ) -> Result<EmbedderSettings, Box<ConfigError>> {
        let at = |field: &str| format!("embedders.{name}.{field}");
        if matches!(name, "builtin" | "none") {
            return Err(self.conflict(&at("kind"), &format!("the name `{name}` is reserved")));
        }
        let kind = match self.text(&at("kind")).as_str() {
            "openai" => EmbedderKind::OpenAi,
            "ollama" => EmbedderKind::Ollama,
            "tei" => EmbedderKind::Tei,
            "local" => EmbedderKind::Local,
            _ => {
                return Err(self.conflict(&at("kind"), "is required: openai, ollama, tei or local"));
            }
        };
        let required: &[&str] = match kind {
            EmbedderKind::OpenAi | EmbedderKind::Ollama => &["url", "model", "dimension"],
            EmbedderKind::Tei => &["url", "dimension"],
            EmbedderKind::Local => &["path"],
        };
        for field in required {
            if self.value(&at(field)).is_none() {
                return Err(self.conflict(&at(field), "is required for an embedder of this kind"));
            }
        }
        let api_key = self.secret(&at("api_key_env"), env)?;
        Ok(EmbedderSettings {
            kind,
            url: self.text(&at("url")),
            model: self.text(&at("model")),
            dimension: self.maybe_number(&at("dimension")),
            api_key,
            api_key_file: self.maybe_text(&at("api_key_file")).map(PathBuf::from),
            path: self.maybe_text(&at("path")).map(PathBuf::from),
            query_prefix: self.text(&at("query_prefix")),
            document_prefix: self.text(&at("document_prefix")),
        })
    }

    /// The credential in the variable that `key` names.
    fn secret(
        &self,
        key: &str,
        env: &BTreeMap<String, String>,
    ) -> Result<Option<Secret>, Box<ConfigError>> {
        let Some(variable) = self.maybe_text(key) else {
            return Ok(None);
        };
        let missing =
            || self.conflict(key, &format!("the environment has no variable `{variable}`"));
        Ok(Some(Secret::new(env.get(&variable).ok_or_else(missing)?)))
    }

    /// Without authentication, whoever can connect can read and delete everything.
    fn storage(&self) -> StorageSettings {
        let bytes = |key: &str| self.value(key).map(|_| self.number(key));
        StorageSettings {
            wal_bytes_max: self.number("wal.bytes_max"),
            checkpoint_log_bytes: self.number("checkpoint.log_bytes"),
            reserve_bytes: self.number("disk.reserve_bytes"),
            deleted_kept: Duration::from_millis(self.number("checkpoint.deleted_kept")),
            memory_bytes_max: bytes("memory.bytes_max"),
            space_memory_bytes_max: bytes("memory.space_bytes_max"),
            cold_after: Duration::from_millis(self.number("cold.after")),
            cold_covered_after: Duration::from_millis(self.number("cold.covered_after")),
            open_spaces_max: self.number("memory.open_spaces_max") as usize,
            space_idle: Duration::from_millis(self.number("memory.space_idle")),
        }
    }

    fn weights(&self) -> RankWeights {
        RankWeights {
            vector: self.share("weights.vector"),
            text: self.share("weights.text"),
            context: self.share("weights.context"),
            activation: self.share("weights.activation"),
            strength: self.share("weights.strength"),
            recency: self.share("weights.recency"),
            importance: self.share("weights.importance"),
            priming: self.share("weights.priming"),
        }
    }

    fn check_rest(&self, settings: &Settings) -> Result<(), Box<ConfigError>> {
        if settings.weights.vector + settings.weights.text <= 0.0 {
            return Err(self.conflict("weights.vector", "this and weights.text must not both be 0"));
        }
        if !settings.wal_segment_bytes.is_multiple_of(PAGE_BYTES) {
            return Err(self.conflict("wal.segment_bytes", "must be a multiple of 4 KiB"));
        }
        if Language::from_code(&settings.default_language).is_none() {
            let known: Vec<&str> = Language::ALL.iter().map(|language| language.code()).collect();
            let message =
                format!("`{}` is not one of {}", settings.default_language, known.join(", "));
            return Err(self.conflict("default_space.language", &message));
        }
        let embedder = settings.default_embedder.as_str();
        let known =
            matches!(embedder, "builtin" | "none") || settings.embedders.contains_key(embedder);
        if !known {
            return Err(self.conflict(
                "default_space.embedder",
                &format!("`{embedder}` is neither `builtin`, `none` nor a name under `embedders`"),
            ));
        }
        let unknown_length = embedder == "none" && settings.default_dimension.is_none();
        if unknown_length && !settings.default_space.is_empty() {
            return Err(self.conflict(
                "default_space.dimension",
                "is required where default_space.embedder is `none`",
            ));
        }
        for origin in &settings.allowed_origins {
            let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
            if host.is_none_or(|host| host.is_empty() || host.contains('/')) {
                return Err(self.conflict(
                    "http.allowed_origins",
                    &format!("`{origin}` is not of the form https://host or https://host:port"),
                ));
            }
        }
        Ok(())
    }

    fn conflict(&self, key: &str, message: &str) -> Box<ConfigError> {
        let origin = self.values.get(key).map_or(Origin::Default, |placed| placed.origin.clone());
        let (key, message) = (key.to_owned(), message.to_owned());
        Box::new(ConfigError::Conflict { key, origin, message })
    }
}
