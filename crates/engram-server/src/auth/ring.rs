//! The keys of a node: created, rotated, revoked, and looked up with each request. Nothing is remembered of a lookup, so that what is
//! revoked is refused with the next request.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use engram_api::{ErrorCode, IssuedKeyView, KeyView, Problem, nearest};
use engram_store::{Clock, Entropy, Fs};

use crate::auth::caller::{Caller, EndsAt, NEVER};
use crate::auth::grant::Grant;
use crate::auth::rate::Rate;
use crate::auth::record::{KeyRecord, hash_text, read_keys, write_keys};
use crate::auth::secret::{KeyText, SecretHash};
use crate::refusal::Refusal;

/// Keys that may be kept, ended ones included.
const KEYS_MAX: usize = 10_000;
/// Longest name of a key, bytes.
const NAME_BYTES_MAX: usize = 64;
/// Most requests per second that a limit may name.
const RATE_MAX: u32 = 1_000_000;
/// How long an old secret works beside the new one, seconds.
const OVERLAP_SECONDS: u32 = 86_400;
/// The longest that it may.
const OVERLAP_SECONDS_MAX: u32 = 30 * 86_400;
const SECOND_NS: i64 = 1_000_000_000;
/// How exactly the last use is known.
const USED_STEP_NS: i64 = 60 * SECOND_NS;
/// Uses that are not on disk yet are written when the last that is lies so far back.
const USED_WRITTEN_NS: i64 = 600 * SECOND_NS;

/// What a new key is to be.
#[derive(Clone, Debug)]
pub(crate) struct NewKey {
    pub(crate) name: String,
    pub(crate) grant: Grant,
    pub(crate) expires_at: Option<i64>,
    pub(crate) requests_per_second: Option<u32>,
}

/// The seams that keys need.
#[derive(Clone)]
pub(crate) struct RingParts {
    pub(crate) fs: Arc<dyn Fs>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
}

/// The keys of a node.
pub(crate) struct KeyRing {
    parts: RingParts,
    dir: PathBuf,
    keys: RwLock<BTreeMap<String, Entry>>,
    /// Held while the file is written: changes come one after the other. False until the data directory is known to be this process's
    /// alone: another one may still change the file.
    writing: Mutex<bool>,
}

struct Entry {
    record: KeyRecord,
    grant: Arc<Grant>,
    current: LiveSecret,
    old: Option<LiveSecret>,
    rate: Option<Arc<Rate>>,
    used_at: AtomicI64,
}

/// A secret, and when it ends: whoever came with it asks again.
struct LiveSecret {
    hash: SecretHash,
    ends_at: EndsAt,
}

impl KeyRing {
    /// Reads the keys of a data directory.
    ///
    /// # Errors
    /// The file is damaged or cannot be read.
    pub(crate) fn open(parts: RingParts, dir: PathBuf) -> Result<KeyRing, Refusal> {
        let keys = RwLock::new(entries(&parts, &dir)?);
        Ok(KeyRing { parts, dir, keys, writing: Mutex::new(false) })
    }

    /// Reads them again, and may write them from now on: the data directory is locked.
    ///
    /// # Errors
    /// As [`KeyRing::open`].
    pub(crate) fn own(&self) -> Result<(), Refusal> {
        let mut writing = self.begin();
        let read = entries(&self.parts, &self.dir)?;
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = read;
        *writing = true;
        Ok(())
    }

    /// Whether any key can be used.
    pub(crate) fn has_valid(&self) -> bool {
        let now = self.parts.clock.now_ns();
        self.read().values().any(|entry| now < entry.current.ends_at.load(Ordering::Acquire))
    }

    /// Who comes with this key, and whether what is on disk of its last use is old.
    ///
    /// # Errors
    /// There is no such key, or it has ended.
    pub(crate) fn find(&self, text: &str) -> Result<(Caller, bool), Refusal> {
        let unknown =
            || Refusal::new(ErrorCode::Unauthenticated, "the key is not one of this server");
        let Some(key) = KeyText::parse(text) else {
            let detail = "the credential is no key: a character is missing or wrong";
            return Err(Refusal::new(ErrorCode::Unauthenticated, detail));
        };
        let (hash, now) = (key.hash(), self.parts.clock.now_ns());
        let (caller, is_stale) = {
            let keys = self.read();
            let entry = keys.get(&key.id).ok_or_else(unknown)?;
            let secrets = [Some(&entry.current), entry.old.as_ref()];
            let found = secrets.into_iter().flatten().find(|own| own.hash.matches(&hash));
            (entry.caller(found.ok_or_else(unknown)?), entry.used(now))
        };
        caller.is_valid(now)?;
        Ok((caller, is_stale))
    }

    pub(crate) fn list(&self) -> Vec<KeyView> {
        let mut keys: Vec<KeyView> = self.read().values().map(Entry::view).collect();
        keys.sort_by(|a, b| a.name.cmp(&b.name));
        keys
    }

    /// Creates a key.
    ///
    /// # Errors
    /// Its name was given before or is none, a limit is out of its range, or the file cannot be written.
    pub(crate) fn create(&self, new: NewKey) -> Result<IssuedKeyView, Refusal> {
        check(&new)?;
        let _writing = self.begin();
        let text = KeyText::draw(&*self.parts.entropy);
        let record = KeyRecord {
            id: text.id.clone(),
            name: new.name,
            role: new.grant.role,
            operations: new.grant.operations.iter().map(|one| one.name.to_owned()).collect(),
            spaces: new.grant.spaces.entries().to_vec(),
            created_at: self.parts.clock.now_ns(),
            expires_at: new.expires_at,
            revoked_at: None,
            last_used_at: None,
            requests_per_second: new.requests_per_second,
            trust_max: new.grant.trust_max,
            sha256: hash_text(&text.hash()),
            old_sha256: None,
            old_until: None,
        };
        {
            let keys = self.read();
            if keys.len() >= KEYS_MAX {
                let detail = format!("the server keeps {KEYS_MAX} keys, ended ones included");
                return Err(Refusal::new(ErrorCode::TooMany, detail));
            }
            if keys.values().any(|entry| entry.record.name == record.name) {
                let detail = format!("a key has or had the name {:?}", record.name);
                return Err(Refusal::new(ErrorCode::KeyExists, detail).with_field("name"));
            }
        }
        let view = self.put(record)?;
        Ok(IssuedKeyView { key: view, secret: text.expose() })
    }

    /// Gives a key another secret; the one that it has works for `overlap_seconds`.
    ///
    /// # Errors
    /// There is no such key or it has ended, or the file cannot be written.
    pub(crate) fn rotate(
        &self,
        id: &str,
        overlap_seconds: Option<u32>,
    ) -> Result<IssuedKeyView, Refusal> {
        let overlap = overlap_seconds.unwrap_or(OVERLAP_SECONDS);
        if overlap > OVERLAP_SECONDS_MAX {
            let detail = format!("overlap_seconds lies between 0 and {OVERLAP_SECONDS_MAX}");
            return Err(Refusal::new(ErrorCode::OutOfRange, detail).with_field("overlap_seconds"));
        }
        let _writing = self.begin();
        let now = self.parts.clock.now_ns();
        let mut record = self.record(id)?;
        if record.revoked_at.is_some() || record.expires_at.is_some_and(|ends| ends <= now) {
            let detail = format!("the key {id:?} has ended; create another one");
            return Err(Refusal::new(ErrorCode::KeyNotFound, detail).with_field("id"));
        }
        let text = KeyText::with_id(record.id.clone(), &*self.parts.entropy);
        record.old_sha256 = Some(std::mem::replace(&mut record.sha256, hash_text(&text.hash())));
        record.old_until = Some(now + i64::from(overlap) * SECOND_NS);
        let view = self.put(record)?;
        Ok(IssuedKeyView { key: view, secret: text.expose() })
    }

    /// Ends a key at once. One that has ended stays as it is.
    ///
    /// # Errors
    /// There is no such key, or the file cannot be written: then it still works.
    pub(crate) fn revoke(&self, id: &str) -> Result<KeyView, Refusal> {
        let _writing = self.begin();
        let mut record = self.record(id)?;
        if record.revoked_at.is_some() {
            return Ok(record.view());
        }
        record.revoked_at = Some(self.parts.clock.now_ns());
        self.put(record)
    }

    /// What a key allows; none where it has ended.
    ///
    /// # Errors
    /// There is no such key.
    pub(crate) fn grant(&self, id: &str) -> Result<Option<Arc<Grant>>, Refusal> {
        let record = self.record(id)?;
        let keys = self.read();
        let live = keys.get(id).filter(|_| record.revoked_at.is_none());
        Ok(live.map(|entry| Arc::clone(&entry.grant)))
    }

    fn record(&self, id: &str) -> Result<KeyRecord, Refusal> {
        let keys = self.read();
        if let Some(entry) = keys.get(id) {
            return Ok(KeyRecord { last_used_at: entry.last_used(), ..entry.record.clone() });
        }
        let shown: String = id.chars().take(100).collect();
        let found = nearest(&shown, keys.keys().map(String::as_str)).map(str::to_owned);
        let problem = Problem::new(ErrorCode::KeyNotFound, format!("no key has the id {shown:?}"));
        Err(Refusal::from(problem.with_field("id").with_nearest(found)))
    }

    /// Makes a record durable, then what it says true.
    fn put(&self, record: KeyRecord) -> Result<KeyView, Refusal> {
        let mut entry = Entry::of(record)?;
        {
            let keys = self.read();
            let others = keys.iter().filter(|(id, _)| **id != entry.record.id);
            let all: Vec<KeyRecord> =
                others.map(|(_, other)| other.saved()).chain([entry.saved()]).collect();
            write_keys(&*self.parts.fs, &self.dir, all.iter())?;
        }
        let view = entry.view();
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = keys.get(&view.id) {
            entry.take_over(before);
        }
        keys.insert(view.id.clone(), entry);
        Ok(view)
    }

    /// Writes down when keys were used last.
    pub(crate) fn save(&self) -> Result<(), Refusal> {
        let writing = self.begin();
        if !*writing {
            return Ok(());
        }
        let all: Vec<KeyRecord> = self.read().values().map(Entry::saved).collect();
        write_keys(&*self.parts.fs, &self.dir, all.iter())?;
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        for entry in keys.values_mut() {
            entry.record.last_used_at = entry.last_used();
        }
        Ok(())
    }

    fn begin(&self) -> MutexGuard<'_, bool> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, BTreeMap<String, Entry>> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner)
    }
}

fn entries(parts: &RingParts, dir: &Path) -> Result<BTreeMap<String, Entry>, Refusal> {
    let mut keys = BTreeMap::new();
    for record in read_keys(&*parts.fs, dir)? {
        keys.insert(record.id.clone(), Entry::of(record)?);
    }
    Ok(keys)
}

impl Entry {
    fn of(record: KeyRecord) -> Result<Entry, Refusal> {
        let damaged = || {
            let detail = format!("the record of the key {:?} holds no hash", record.id);
            Refusal::new(ErrorCode::KeysUnreadable, detail)
        };
        let grant = record.grant().map_err(|refusal| {
            let detail = format!("the key {:?}: {}", record.id, refusal.0.detail);
            Refusal::new(ErrorCode::KeysUnreadable, detail)
        })?;
        let ends = [record.expires_at, record.revoked_at].into_iter().flatten().min();
        let ends = ends.unwrap_or(NEVER);
        let live = |hash, ends| LiveSecret { hash, ends_at: Arc::new(AtomicI64::new(ends)) };
        let current = live(record.hash().ok_or_else(damaged)?, ends);
        let old = record.old_hash().zip(record.old_until);
        let old = old.map(|(hash, until)| live(hash, until.min(ends)));
        let rate = record.requests_per_second.map(|per_second| Arc::new(Rate::new(per_second)));
        let used_at = AtomicI64::new(record.last_used_at.unwrap_or(i64::MIN));
        Ok(Entry { grant: Arc::new(grant), current, old, rate, used_at, record })
    }

    fn caller(&self, secret: &LiveSecret) -> Caller {
        let principal = format!("key:{}", self.record.name);
        let ends_at = Arc::clone(&secret.ends_at);
        Caller::known(principal, Arc::clone(&self.grant), ends_at, self.rate.clone())
    }

    /// Those who came with a secret of the key as it was end when the key as it is now says so; with one that it has no more, at once.
    fn take_over(&mut self, before: &Entry) {
        for secret in [Some(&before.current), before.old.as_ref()].into_iter().flatten() {
            let now = [Some(&mut self.current), self.old.as_mut()];
            let same = now.into_iter().flatten().find(|own| own.hash.matches(&secret.hash));
            let Some(same) = same else {
                secret.ends_at.store(i64::MIN, Ordering::Release);
                continue;
            };
            secret.ends_at.store(same.ends_at.load(Ordering::Acquire), Ordering::Release);
            same.ends_at = Arc::clone(&secret.ends_at);
        }
    }

    /// Notes a use; true when what is on disk of it is old.
    fn used(&self, now: i64) -> bool {
        let before = self.used_at.load(Ordering::Relaxed);
        if before != i64::MIN && now.saturating_sub(before) < USED_STEP_NS {
            return false;
        }
        let noted =
            self.used_at.compare_exchange(before, now, Ordering::Relaxed, Ordering::Relaxed);
        let written = self.record.last_used_at;
        // Of those who come at the same time one writes.
        noted.is_ok() && written.is_none_or(|at| now.saturating_sub(at) >= USED_WRITTEN_NS)
    }

    fn last_used(&self) -> Option<i64> {
        Some(self.used_at.load(Ordering::Relaxed)).filter(|at| *at != i64::MIN)
    }

    fn saved(&self) -> KeyRecord {
        KeyRecord { last_used_at: self.last_used(), ..self.record.clone() }
    }

    fn view(&self) -> KeyView {
        self.saved().view()
    }
}

fn check(new: &NewKey) -> Result<(), Refusal> {
    let letter = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b);
    let name = &new.name;
    if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.bytes().all(letter) {
        let detail = format!("the name of a key has 1 to {NAME_BYTES_MAX} of a-z 0-9 - _ .");
        return Err(Refusal::new(ErrorCode::InvalidValue, detail).with_field("name"));
    }
    if new.requests_per_second.is_some_and(|rate| rate == 0 || rate > RATE_MAX) {
        let detail = format!("requests_per_second lies between 1 and {RATE_MAX}");
        return Err(Refusal::new(ErrorCode::OutOfRange, detail).with_field("requests_per_second"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use engram_store::{ManualClock, MemoryFs, SeededEntropy};

    use super::*;

    const DAY_NS: i64 = 86_400 * SECOND_NS;

    struct World {
        fs: MemoryFs,
        clock: ManualClock,
        ring: KeyRing,
    }

    fn world() -> World {
        let (fs, clock) = (MemoryFs::new(), ManualClock::new(DAY_NS));
        fs.create_dir_all("data".as_ref()).unwrap();
        let ring = open(&fs, &clock);
        World { fs, clock, ring }
    }

    fn open(fs: &MemoryFs, clock: &ManualClock) -> KeyRing {
        let parts = RingParts {
            fs: Arc::new(fs.clone()),
            clock: Arc::new(clock.clone()),
            entropy: Arc::new(SeededEntropy::new(3)),
        };
        let ring = KeyRing::open(parts, "data".into()).unwrap();
        ring.own().unwrap();
        ring
    }

    fn new(name: &str) -> NewKey {
        let grant = Grant::everything();
        NewKey { name: name.to_owned(), grant, expires_at: None, requests_per_second: None }
    }

    /// As the server does with each request.
    fn used_by(ring: &KeyRing, secret: &str) -> Caller {
        let (caller, is_stale) = ring.find(secret).unwrap();
        if is_stale {
            ring.save().unwrap();
        }
        caller
    }

    fn refused(ring: &KeyRing, secret: &str) -> String {
        ring.find(secret).unwrap_err().0.code
    }

    #[test]
    fn a_key_works_until_it_is_revoked_and_its_open_streams_with_it() {
        let w = world();
        assert!(!w.ring.has_valid());
        let issued = w.ring.create(new("agent")).unwrap();
        let caller = used_by(&w.ring, &issued.secret);
        assert_eq!(caller.principal(), "key:agent");
        assert!(w.ring.has_valid());
        let again = open(&w.fs, &w.clock);
        assert!(again.find(&issued.secret).is_ok(), "it is on disk");
        w.ring.revoke(&issued.key.id).unwrap();
        assert!(caller.is_valid(w.clock.now_ns()).is_err(), "who is at work already ends");
        assert_eq!(refused(&w.ring, &issued.secret), "unauthenticated");
        assert_eq!(refused(&open(&w.fs, &w.clock), &issued.secret), "unauthenticated");
        assert_eq!(w.ring.create(new("agent")).unwrap_err().0.code, "key_exists");
        assert_eq!(w.ring.rotate(&issued.key.id, None).unwrap_err().0.code, "key_not_found");
    }

    #[test]
    fn a_rotated_key_has_two_secrets_for_a_while() {
        let w = world();
        let first = w.ring.create(new("agent")).unwrap();
        let of_first = used_by(&w.ring, &first.secret);
        let second = w.ring.rotate(&first.key.id, Some(60)).unwrap();
        assert_eq!(second.key.id, first.key.id);
        for ring in [&w.ring, &open(&w.fs, &w.clock)] {
            assert!(ring.find(&first.secret).is_ok() && ring.find(&second.secret).is_ok());
        }
        w.clock.advance(60 * SECOND_NS);
        assert_eq!(refused(&w.ring, &first.secret), "unauthenticated");
        assert!(of_first.is_valid(w.clock.now_ns()).is_err());
        assert!(w.ring.find(&second.secret).is_ok());
        let of_second = used_by(&w.ring, &second.secret);
        w.ring.rotate(&first.key.id, Some(60)).unwrap();
        w.ring.rotate(&first.key.id, Some(60)).unwrap();
        assert!(of_second.is_valid(w.clock.now_ns()).is_err(), "two rotations ago");
    }

    #[test]
    fn a_key_ends_when_it_says_so() {
        let w = world();
        let ends = w.clock.now_ns() + SECOND_NS;
        let issued = w.ring.create(NewKey { expires_at: Some(ends), ..new("agent") }).unwrap();
        let caller = used_by(&w.ring, &issued.secret);
        assert_eq!(caller.ends_at(), Some(ends));
        w.clock.set(ends);
        assert!(caller.is_valid(ends).is_err() && w.ring.find(&issued.secret).is_err());
        assert!(!w.ring.has_valid());
    }

    #[test]
    fn a_foreign_secret_under_a_known_id_is_refused_as_an_unknown_key_is() {
        let w = world();
        let issued = w.ring.create(new("agent")).unwrap();
        let forged = KeyText::with_id(issued.key.id, &SeededEntropy::new(99)).expose();
        let unknown = KeyText::draw(&SeededEntropy::new(98)).expose();
        let told = |secret: &str| w.ring.find(secret).unwrap_err().0.detail;
        assert_eq!(told(&forged), told(&unknown));
    }

    #[test]
    fn the_last_use_is_known_to_the_minute_and_kept() {
        let w = world();
        let issued = w.ring.create(new("agent")).unwrap();
        let used = |ring: &KeyRing| ring.list()[0].last_used_at.map(|at| at.0);
        assert_eq!(used(&w.ring), None);
        used_by(&w.ring, &issued.secret);
        let first = w.clock.now_ns();
        assert_eq!((used(&w.ring), used(&open(&w.fs, &w.clock))), (Some(first), Some(first)));
        w.clock.advance(30 * SECOND_NS);
        used_by(&w.ring, &issued.secret);
        assert_eq!(used(&w.ring), Some(first));
        w.clock.advance(30 * SECOND_NS);
        used_by(&w.ring, &issued.secret);
        assert_eq!(used(&w.ring), Some(first + 60 * SECOND_NS));
        assert_eq!(used(&open(&w.fs, &w.clock)), Some(first), "not worth a write yet");
        w.ring.save().unwrap();
        assert_eq!(used(&open(&w.fs, &w.clock)), Some(first + 60 * SECOND_NS));
    }

    #[test]
    fn names_and_limits_are_checked() {
        let w = world();
        for bad in ["", "Agent", "a b", &"x".repeat(65), "key:agent"] {
            assert_eq!(w.ring.create(new(bad)).unwrap_err().0.code, "invalid_value", "{bad}");
        }
        let none = NewKey { requests_per_second: Some(0), ..new("agent") };
        assert_eq!(w.ring.create(none).unwrap_err().0.code, "out_of_range");
        let key = w.ring.create(new("agent")).unwrap().key;
        let long = w.ring.rotate(&key.id, Some(u32::MAX)).unwrap_err();
        assert_eq!(long.0.code, "out_of_range");
        assert_eq!(w.ring.revoke("nobody").unwrap_err().0.code, "key_not_found");
    }
}
