//! The model that puts beliefs into words.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Read, Secret};
use crate::config::error::ConfigError;

/// The model that puts beliefs into words, and how it is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhraserSettings {
    /// Base address of the service.
    pub url: String,
    /// Name of the model.
    pub model: String,
    /// Credential.
    pub api_key: Option<Secret>,
    /// How long one belief may take.
    pub timeout: Duration,
}

impl Read<'_> {
    pub(super) fn phraser(
        &self,
        env: &BTreeMap<String, String>,
    ) -> Result<Option<PhraserSettings>, Box<ConfigError>> {
        let Some(url) = self.maybe_text("consolidation.url") else {
            return match self.maybe_text("consolidation.model") {
                Some(_) => Err(self.conflict("consolidation.model", "needs a consolidation.url")),
                None => Ok(None),
            };
        };
        let Some(model) = self.maybe_text("consolidation.model") else {
            return Err(
                self.conflict("consolidation.model", "is required beside consolidation.url")
            );
        };
        Ok(Some(PhraserSettings {
            url,
            model,
            api_key: self.secret("consolidation.api_key_env", env)?,
            timeout: Duration::from_millis(self.number("consolidation.timeout")),
        }))
    }
}
