//! Configuration: one table of settings, four layers, every value with its origin.
//!
//! Guarantees that an unknown key, a value of the wrong type or outside its range stops the start with the key, the
//! place it came from, what is allowed and an example; nothing is guessed and nothing is ignored. The environment is
//! passed in as a map: this crate never reads it itself.

mod value;

mod table;

mod origin;

mod error;

mod layers;

mod store;

mod settings;

mod page;

pub use error::ConfigError;
pub use layers::{ConfigRow, ConfigSources};
pub use origin::Origin;
pub use page::render_configuration_page;
pub use settings::{
    AuditLevel, AuditSettings, BackupSettings, CertificateSettings, EmbedderKind, EmbedderSettings,
    JwksSource, LimitSettings, LogFormat, LogLevel, LogSettings, PhraserSettings, QuotaSettings,
    QuotasSettings, RepositorySettings, Secret, Settings, StorageSettings, StoreSettings,
    TlsSettings, TlsVersion, TokenAlgorithm, TokenSettings,
};
pub use store::StorePlace;
pub use table::{SETTINGS, Setting};
pub use value::{SettingKind, SettingValue};
