//! An issuer of tokens: its keys as they were read last, and when they may be read again.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use engram_api::ErrorCode;
use engram_store::{Clock, Fs};
use jsonwebtoken::Algorithm;
use serde_json::{Map, Value};
use tokio::sync::{Notify, watch};

use crate::auth::caller::{Caller, NEVER};
use crate::auth::tokens::claims::Expected;
use crate::auth::tokens::key_set::{KeySet, TokenKey};
use crate::auth::tokens::rights::Rights;
use crate::auth::tokens::source::Source;
use crate::config::{JwksSource, TokenAlgorithm, TokenSettings};
use crate::refusal::Refusal;

/// Least time between two readings that tokens of unknown keys ask for: a stranger can send as many of those as he likes.
const ASKED_GAP_NS: i64 = 30_000_000_000;
/// How often a file is looked at, and how soon an issuer that did not answer is asked again.
const LOOK: Duration = Duration::from_secs(30);
/// The longest that a request waits for keys.
const WAIT_MAX: Duration = Duration::from_secs(6);

/// An issuer of tokens.
pub(crate) struct Issuer {
    pub(super) name: String,
    expected: Expected,
    rights: Rights,
    algorithms: Vec<Algorithm>,
    source: Source,
    refresh: Duration,
    max_age_ns: i64,
    clock: Arc<dyn Clock>,
    keys: RwLock<KeySet>,
    /// When keys were read last, nanoseconds UTC; none before the first time.
    read_at: AtomicI64,
    reading: Mutex<Reading>,
    /// Counts readings that ended.
    ended: watch::Sender<u64>,
    wanted: Notify,
    failures: AtomicU64,
}

/// Whether keys are being read, and when a token asked for that last.
struct Reading {
    is_on: bool,
    asked_at: Option<i64>,
}

/// What a scrape shows of an issuer.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct IssuerFigures {
    /// Keys that are used.
    pub(crate) keys: usize,
    /// Seconds since they were read; none before the first time.
    pub(crate) age_seconds: Option<f64>,
    /// Readings that failed.
    pub(crate) failures: u64,
}

impl Issuer {
    /// Reads the keys if they stand in a file; else there are none before the first answer.
    ///
    /// # Errors
    /// A file cannot be used, or the settings give nothing.
    pub(super) fn open(
        name: &str,
        own: &TokenSettings,
        (fs, clock): (Arc<dyn Fs>, Arc<dyn Clock>),
    ) -> Result<Issuer, Refusal> {
        let refused = |field: &str, why: &str| {
            let key = format!("tokens.{name}.{field}");
            Refusal::new(ErrorCode::ConfigInvalid, format!("{key}: {why}")).with_field(key)
        };
        let rights = Rights::read(own).map_err(|refusal| {
            let field = refusal.0.field.as_deref().unwrap_or("role");
            refused(field.split('[').next().unwrap_or(field), &refusal.0.detail)
        })?;
        let source = Source::new(&own.source, fs).map_err(|why| refused("jwks_ca_file", &why))?;
        let nanoseconds = |span: Duration| i64::try_from(span.as_nanos()).unwrap_or(i64::MAX);
        let issuer = Issuer {
            name: name.to_owned(),
            expected: Expected {
                issuer: own.issuer.clone(),
                audience: own.audience.clone(),
                skew_ns: nanoseconds(own.clock_skew),
            },
            rights,
            algorithms: own.algorithms.iter().map(algorithm).collect(),
            source,
            refresh: own.refresh,
            max_age_ns: nanoseconds(own.max_age),
            clock,
            keys: RwLock::default(),
            read_at: AtomicI64::new(i64::MIN),
            // Whoever comes before the first answer waits for it.
            reading: Mutex::new(Reading { is_on: true, asked_at: None }),
            ended: watch::Sender::new(0),
            wanted: Notify::new(),
            failures: AtomicU64::new(0),
        };
        if matches!(own.source, JwksSource::File(_)) {
            let count = issuer.replace().map_err(|why| refused("jwks_file", &why))?;
            if count == 0 {
                return Err(refused("jwks_file", "it holds no key that can be used"));
            }
        }
        Ok(issuer)
    }

    /// The key that signed a token, if it says the truth about that.
    pub(super) fn key(&self, id: Option<&str>, algorithm: Algorithm) -> Option<Arc<TokenKey>> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        keys.find(id, algorithm, self.clock.now_ns())
    }

    /// Whether it accepts such signatures.
    pub(super) fn accepts(&self, algorithm: Algorithm) -> bool {
        self.algorithms.contains(&algorithm)
    }

    /// Who comes with a token that a key of this issuer signed.
    ///
    /// # Errors
    /// Its claims do not count here and now, or give nothing.
    pub(super) fn caller(
        &self,
        claims: &Map<String, Value>,
        key: &TokenKey,
    ) -> Result<Caller, Refusal> {
        let subject = self.expected.check(claims, self.clock.now_ns())?;
        let grant = self.rights.of(claims)?;
        // Keys begin with `key:`, certificates with `certificate:`, and a name has no colon.
        let principal = format!("token:{}:{}", self.name, subject.name);
        let ends_at = Arc::new(AtomicI64::new(subject.ends_ns));
        Ok(Caller::vouched(principal, grant, ends_at, Arc::clone(&key.ends_at)))
    }

    /// Has the keys read again for a token that names an unknown one, and waits for it, unless they were a moment ago.
    pub(super) async fn refreshed(&self, is_known: impl Fn() -> bool) {
        let mut ended = self.ended.subscribe();
        if self.ask(is_known) {
            // Whoever waits in vain finds no key.
            drop(tokio::time::timeout(WAIT_MAX, ended.changed()).await);
        }
    }

    /// Whether keys are being read, or are about to be because of this.
    fn ask(&self, is_known: impl Fn() -> bool) -> bool {
        let mut reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        if reading.is_on {
            return true;
        }
        // A reading may have ended since the key was looked for.
        if is_known() {
            return false;
        }
        let now = self.clock.now_ns();
        // A clock that was set back keeps nobody out.
        let is_soon = |asked: i64| (0..ASKED_GAP_NS).contains(&now.saturating_sub(asked));
        if reading.asked_at.is_some_and(is_soon) {
            return false;
        }
        *reading = Reading { is_on: true, asked_at: Some(now) };
        self.wanted.notify_one();
        true
    }

    /// Returns when a token has asked for keys.
    pub(super) async fn wanted(&self) {
        self.wanted.notified().await;
    }

    /// How long to wait for the next reading, after one that succeeded or did not.
    pub(super) fn pause(&self, is_read: bool) -> Duration {
        match self.source.is_file() {
            true => LOOK,
            false if is_read => self.refresh,
            false => self.refresh.min(LOOK),
        }
    }

    /// From here on requests with unknown keys wait for a reading.
    pub(super) fn begin(&self) {
        self.reading.lock().unwrap_or_else(PoisonError::into_inner).is_on = true;
    }

    /// Reads the keys again; what cannot be used changes nothing. False where that is so.
    pub(crate) fn reload(&self) -> bool {
        match self.replace() {
            Ok(0) => {
                tracing::warn!(
                    issuer = self.name,
                    "no key of the issuer can be used: its tokens are refused"
                );
                true
            }
            Ok(_) => true,
            Err(why) => {
                self.failed(&why);
                false
            }
        }
    }

    pub(super) fn failed(&self, why: &str) {
        self.failures.fetch_add(1, Ordering::Relaxed);
        tracing::error!(issuer = self.name, detail = why, "the keys of the issuer were not read");
    }

    /// Lets requests go on that wait for a reading.
    pub(super) fn end(&self) {
        self.reading.lock().unwrap_or_else(PoisonError::into_inner).is_on = false;
        self.ended.send_modify(|count| *count += 1);
    }

    /// Puts the keys as they are now in the place of those that were read before; how many there are.
    fn replace(&self) -> Result<usize, String> {
        let bytes = self.source.read()?;
        let set = KeySet::read(&bytes, &self.algorithms)?;
        let now = self.clock.now_ns();
        let ends_at = match self.source.is_file() {
            true => NEVER,
            false => now.saturating_add(self.max_age_ns).min(NEVER - 1),
        };
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        *keys = set.succeed(&keys, ends_at);
        self.read_at.store(now, Ordering::Relaxed);
        Ok(keys.count(now))
    }

    pub(super) fn figures(&self) -> IssuerFigures {
        let (now, read_at) = (self.clock.now_ns(), self.read_at.load(Ordering::Relaxed));
        let age = (read_at != i64::MIN).then(|| now.saturating_sub(read_at) as f64 / 1e9);
        IssuerFigures {
            keys: self.keys.read().unwrap_or_else(PoisonError::into_inner).count(now),
            age_seconds: age,
            failures: self.failures.load(Ordering::Relaxed),
        }
    }
}

fn algorithm(own: &TokenAlgorithm) -> Algorithm {
    match own {
        TokenAlgorithm::Rs256 => Algorithm::RS256,
        TokenAlgorithm::Es256 => Algorithm::ES256,
        TokenAlgorithm::EdDsa => Algorithm::EdDSA,
    }
}
