//! A store of objects: that of cold files, or a repository of backups.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Read, Secret};
use crate::config::error::ConfigError;
use crate::config::store::StorePlace;
use crate::config::value::SettingValue;

/// A store of objects, and how it is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreSettings {
    /// Where the objects are.
    pub place: StorePlace,
    /// Base address of the service that speaks S3; none = that of AWS in the region.
    pub s3_endpoint: Option<String>,
    /// Region of the bucket.
    pub s3_region: String,
    /// Access key and its secret; none = those of the machine's role.
    pub s3_keys: Option<(Secret, Secret)>,
    /// Time for one request.
    pub timeout: Duration,
}

impl Read<'_> {
    /// The store whose settings stand below `prefix`; none where it has no address.
    pub(super) fn store(
        &self,
        prefix: &str,
        env: &BTreeMap<String, String>,
    ) -> Result<Option<StoreSettings>, Box<ConfigError>> {
        let at = |field: &str| format!("{prefix}.{field}");
        let place = match self.maybe_text(&at("url")) {
            None => None,
            Some(url) => {
                let read = StorePlace::read(&url);
                Some(read.map_err(|message| self.conflict(&at("url"), &message))?)
            }
        };
        let s3_only = ["s3_endpoint", "s3_access_key_env", "s3_secret_key_env"].map(at);
        if !matches!(place, Some(StorePlace::S3 { .. }))
            && let Some(key) = s3_only.iter().find(|key| self.value(key).is_some())
        {
            let message = format!("needs a {prefix}.url that starts with `s3://`");
            return Err(self.conflict(key, &message));
        }
        let Some(place) = place else {
            return Ok(None);
        };
        Ok(Some(StoreSettings {
            place,
            s3_endpoint: self.s3_endpoint(prefix)?,
            s3_region: self.text(&at("s3_region")),
            s3_keys: self.s3_keys(prefix, env)?,
            timeout: Duration::from_millis(self.number(&at("timeout"))),
        }))
    }

    fn s3_endpoint(&self, prefix: &str) -> Result<Option<String>, Box<ConfigError>> {
        let key = format!("{prefix}.s3_endpoint");
        let Some(endpoint) = self.maybe_text(&key) else {
            return Ok(None);
        };
        let http_allowed =
            self.value(&format!("{prefix}.s3_allow_http")) == Some(&SettingValue::Switch(true));
        let message = match endpoint.split_once("://") {
            Some(("https", _)) => return Ok(Some(endpoint)),
            Some(("http", _)) if http_allowed => return Ok(Some(endpoint)),
            Some(("http", _)) => format!(
                "plain HTTP shows memories to the network; use `https://`, or accept the risk with {prefix}.s3_allow_http = \
                 true"
            ),
            _ => "must start with `https://`".to_owned(),
        };
        Err(self.conflict(&key, &message))
    }

    fn s3_keys(
        &self,
        prefix: &str,
        env: &BTreeMap<String, String>,
    ) -> Result<Option<(Secret, Secret)>, Box<ConfigError>> {
        let [access, secret] =
            ["access", "secret"].map(|which| format!("{prefix}.s3_{which}_key_env"));
        match (self.secret(&access, env)?, self.secret(&secret, env)?) {
            (Some(access), Some(secret)) => Ok(Some((access, secret))),
            (None, None) => Ok(None),
            (Some(_), None) => Err(self.conflict(&secret, &format!("is required beside {access}"))),
            (None, Some(_)) => Err(self.conflict(&access, &format!("is required beside {secret}"))),
        }
    }
}
