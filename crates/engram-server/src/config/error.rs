//! Why a configuration was refused.

use std::fmt;

use super::origin::Origin;

/// A refused configuration. The text names the key, where the value came from, what is allowed and an example; it
/// never shows a credential.
#[derive(Clone, Debug, PartialEq)]
pub enum ConfigError {
    /// The file is not TOML.
    Syntax {
        /// The file.
        file: String,
        /// What is wrong and where.
        message: String,
    },
    /// The file cannot be read.
    Unreadable {
        /// The file.
        file: String,
        /// Why.
        message: String,
    },
    /// No setting has this key.
    UnknownKey {
        /// The key as it was written.
        key: String,
        /// Where.
        origin: Origin,
        /// The key that was most likely meant.
        nearest: Option<String>,
    },
    /// The value is of another type or outside its range.
    BadValue {
        /// The key.
        key: String,
        /// Where the value came from.
        origin: Origin,
        /// The value.
        value: String,
        /// What is allowed.
        allowed: String,
        /// A value that would do.
        example: String,
    },
    /// Values that exclude each other, or one that another one needs.
    Conflict {
        /// The key to look at first.
        key: String,
        /// Where its value came from.
        origin: Origin,
        /// What is wrong, and what to do.
        message: String,
    },
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConfigError::Syntax { file, message } => write!(f, "{file}: {message}"),
            ConfigError::Unreadable { file, message } => {
                write!(f, "{file}: cannot be read: {message}")
            }
            ConfigError::UnknownKey { key, origin, nearest } => {
                write!(f, "unknown setting `{key}` ({origin})")?;
                match nearest {
                    Some(name) => write!(f, "; did you mean `{name}`?"),
                    None => f.write_str("; `engram config show` lists all settings"),
                }
            }
            ConfigError::BadValue { key, origin, value, allowed, example } => write!(
                f,
                "`{key}` is `{value}` ({origin}); allowed: {allowed}; for example `{example}`"
            ),
            ConfigError::Conflict { key, origin, message } => {
                write!(f, "`{key}` ({origin}): {message}")
            }
        }
    }
}

impl std::error::Error for ConfigError {}
