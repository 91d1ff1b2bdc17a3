//! The server: Engram over HTTP, with its configuration, limits, health and metrics.
//!
//! The only async crate. It translates between the contract and the engine, drives the engine with its own threads, and
//! keeps a client from taking more than its share or from reaching it through a web page. It reads no environment and
//! prints nothing: configuration comes in as values, logs go out as events.

#![forbid(unsafe_code)]

mod config;

mod logs;

mod refusal;

mod tls;

mod auth;

mod audit;

mod blobs;

mod bell;

mod backups;

mod cursor;

mod convert;

mod progress;

mod system;

mod metrics;

mod place;

mod lanes;

mod embedding;

mod embedders;

mod drive;

mod bells;

mod quotas;

mod node;

mod service;

mod rest;

mod grpc;

mod mcp;

mod begun;

mod listener;

mod server;

mod run;

pub use audit::{AuditFault, AuditSummary, verify_audit};
pub use auth::{OfflineKeys, look_at_keys};
pub use backups::{RepositoryAccess, backup_problem, repository_names};
pub use config::{
    AuditLevel, AuditSettings, BackupSettings, CertificateSettings, ConfigError, ConfigRow,
    ConfigSources, EmbedderKind, EmbedderSettings, JwksSource, LimitSettings, LogFormat, LogLevel,
    LogSettings, Origin, PhraserSettings, QuotaSettings, QuotasSettings, RepositorySettings,
    SETTINGS, Secret, Setting, SettingKind, SettingValue, Settings, StorageSettings, StorePlace,
    StoreSettings, TlsSettings, TlsVersion, TokenAlgorithm, TokenSettings,
    render_configuration_page,
};
pub use embedding::EmbedderMap;
pub use logs::init_logs;
pub use mcp::{McpCall, Toolset, render_mcp_page, serve_mcp_stdio};
pub use metrics::{METRICS, MetricEntry, MetricKind, render_metrics_page};
pub use refusal::engine_problem;
pub use run::{Ended, ServerEvent, run};
pub use server::{RunningServer, Server, ServerParts, StopHandle};
pub use tls::{TlsFacts, look_at_tls};
