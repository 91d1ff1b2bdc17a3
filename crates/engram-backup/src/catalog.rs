//! Which backups there are, what each of them needs, and how good they are.

use std::collections::{BTreeMap, BTreeSet};

use engram_store::{Clock, Lsn, SpaceId};

use crate::error::{BackupError, nearest};
use crate::keys::{self, PieceName};
use crate::lease::Lease;
use crate::record::{BackupRecord, SpaceRecord, VerificationRecord};
use crate::repository::Repository;

/// Longest chain of backups that is followed.
const CHAIN_MAX: usize = 10_000;

/// How good a backup is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BackupStanding {
    /// The log that belongs to it is not all in the archive yet.
    WaitingForLog,
    /// All of it is there, and nobody has checked it yet.
    Complete,
    /// The last check found nothing wrong.
    Verified {
        /// How deep it went.
        level: u8,
        /// When, ns.
        at: i64,
    },
    /// The last check found something wrong, or a backup that it builds on is missing.
    Failed {
        /// The first finding.
        what: String,
    },
}

impl BackupStanding {
    /// Its name.
    pub fn name(&self) -> &'static str {
        match self {
            BackupStanding::WaitingForLog => "waiting-for-log",
            BackupStanding::Complete => "complete",
            BackupStanding::Verified { .. } => "verified",
            BackupStanding::Failed { .. } => "failed",
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The object or the space.
    pub what: String,
    /// What is wrong with it.
    pub why: String,
}

/// A backup as it is listed.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed {
    /// What it says of itself.
    pub record: BackupRecord,
    /// How good it is.
    pub standing: BackupStanding,
    /// Nothing removes it.
    pub pinned: bool,
    /// Reports of checks of it that no check wrote: they do not count.
    pub false_reports: Vec<Finding>,
}

/// All that is known of the backups of a repository.
pub struct BackupListing {
    /// Oldest first.
    pub backups: Vec<Listed>,
    /// Names of records that cannot be read, and why.
    pub damaged: Vec<(String, String)>,
    pub(crate) pieces: Pieces,
}

/// The pieces of the log of each space.
#[derive(Default)]
pub(crate) struct Pieces {
    by_space: BTreeMap<SpaceId, Vec<PieceName>>,
}

impl Pieces {
    /// # Errors
    /// The repository does not answer.
    pub(crate) fn read(repository: &Repository) -> Result<Pieces, BackupError> {
        let mut pieces = Pieces::default();
        for key in repository.list(keys::LOG)? {
            if let Some(piece) = PieceName::parse(&key) {
                pieces.by_space.entry(piece.space).or_default().push(piece);
            }
        }
        // By timeline, then by first and last commit: as the keys sort.
        pieces.by_space.values_mut().for_each(|own| own.sort_unstable());
        Ok(pieces)
    }

    pub(crate) fn of(&self, space: SpaceId) -> &[PieceName] {
        self.by_space.get(&space).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn spaces(&self) -> impl Iterator<Item = SpaceId> {
        self.by_space.keys().copied()
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &PieceName> {
        self.by_space.values().flatten()
    }

    /// Whether the commits behind `after` up to `through` are there on a timeline; the first that is not otherwise.
    pub(crate) fn covers(
        &self,
        space: SpaceId,
        timeline: u32,
        (after, through): (Lsn, Lsn),
    ) -> Result<(), Lsn> {
        let mut next = after.0 + 1;
        for piece in self.of(space).iter().filter(|piece| piece.timeline == timeline) {
            if piece.first.0 <= next && piece.last.0 >= next {
                next = piece.last.0 + 1;
            }
        }
        if next > through.0 { Ok(()) } else { Err(Lsn(next)) }
    }
}

/// The highest timelines of a repository.
pub(crate) struct HighestTimelines {
    /// Of those that something was archived on.
    pub(crate) archived: Option<u32>,
    /// Of those that a restore began.
    pub(crate) begun: Option<u32>,
}

impl HighestTimelines {
    /// # Errors
    /// The repository does not answer.
    pub(crate) fn read(
        repository: &Repository,
        pieces: &Pieces,
    ) -> Result<HighestTimelines, BackupError> {
        let of = |prefix| {
            let keys = repository.list(prefix)?;
            Ok::<_, BackupError>(keys.iter().filter_map(|key| keys::timeline_of(key)).max())
        };
        let pieces = pieces.all().map(|piece| piece.timeline).max();
        Ok(HighestTimelines {
            archived: of(keys::HEARTBEATS)?.max(pieces),
            begun: of(keys::TIMELINES)?,
        })
    }
}

/// Reads what is known of all backups.
///
/// # Errors
/// The repository does not answer; another key.
pub fn list_backups(repository: &Repository) -> Result<BackupListing, BackupError> {
    let mut records = Vec::new();
    let mut damaged = Vec::new();
    for key in repository.list(keys::BACKUPS)? {
        let id = key.strip_prefix(keys::BACKUPS).unwrap_or(&key).to_owned();
        match repository.record::<BackupRecord>(&key) {
            Ok(Some(record)) if record.id == id => records.push(record),
            Ok(Some(record)) => damaged.push((id, format!("it calls itself {}", record.id))),
            Ok(None) => {}
            Err(BackupError::Corrupt { what, .. }) => damaged.push((id, what)),
            Err(error) => return Err(error),
        }
    }
    let pieces = Pieces::read(repository)?;
    let pinned = pins(repository)?;
    let Checks { last: checks, false_reports } = Checks::read(repository)?;
    let ids: BTreeSet<&str> = records.iter().map(|record| record.id.as_str()).collect();
    let standing = |record: &BackupRecord| {
        if let Some(parent) = record.parent.as_deref().filter(|parent| !ids.contains(parent)) {
            return BackupStanding::Failed {
                what: format!("backup {parent}, which it builds on, is missing"),
            };
        }
        if !has_log(record, &pieces) {
            return BackupStanding::WaitingForLog;
        }
        match checks.get(&record.id) {
            None => BackupStanding::Complete,
            Some(check) => match check.findings.first() {
                Some(first) => BackupStanding::Failed { what: first.clone() },
                None => BackupStanding::Verified { level: check.level, at: check.at },
            },
        }
    };
    let backups = records.iter().map(|record| Listed {
        standing: standing(record),
        pinned: pinned.contains(&record.id),
        false_reports: false_reports.get(&record.id).cloned().unwrap_or_default(),
        record: record.clone(),
    });
    Ok(BackupListing { backups: backups.collect(), damaged, pieces })
}

/// Whether the log of the spaces of a record is archived up to where the backup ends.
fn has_log(record: &BackupRecord, pieces: &Pieces) -> bool {
    record.spaces.iter().all(|own| {
        let range = (Lsn(own.covered()), Lsn(own.through.lsn));
        own.space().is_some_and(|id| pieces.covers(id, record.timeline, range).is_ok())
    })
}

/// What reports of checks say.
#[derive(Default)]
struct Checks {
    /// The last check of each backup. One that found something counts until a deeper or equally deep one finds nothing.
    last: BTreeMap<String, VerificationRecord>,
    /// Reports that no check wrote, by the backup that they stand under.
    false_reports: BTreeMap<String, Vec<Finding>>,
}

impl Checks {
    fn read(repository: &Repository) -> Result<Checks, BackupError> {
        let mut checks = Checks::default();
        for key in repository.list(keys::CHECKS)? {
            let check = match repository.record::<VerificationRecord>(&key) {
                // A note that cannot be read says nothing; the backup it was about is none the worse.
                Ok(None) | Err(BackupError::Corrupt { .. }) => continue,
                check => check?,
            };
            let Some(check) = check else { continue };
            match check.doubt(&key, repository.secret()) {
                Some(doubt) => checks.refuse(key, doubt),
                None => checks.take(check),
            }
        }
        Ok(checks)
    }

    fn take(&mut self, check: VerificationRecord) {
        match self.last.get(&check.backup) {
            Some(known) if !known.findings.is_empty() && check.level < known.level => {}
            Some(known)
                if known.findings.is_empty()
                    && check.findings.is_empty()
                    && check.level < known.level => {}
            _ => drop(self.last.insert(check.backup.clone(), check)),
        }
    }

    fn refuse(&mut self, key: String, doubt: &str) {
        let below = key.strip_prefix(keys::CHECKS).unwrap_or(&key);
        let backup = below.split('/').next().unwrap_or(below).to_owned();
        let why = format!(
            "no check wrote this report, {doubt}: it does not count; find out who can write to the repository, then remove it"
        );
        self.false_reports.entry(backup).or_default().push(Finding { what: key, why });
    }
}

/// Names of the backups that nothing removes.
///
/// # Errors
/// The repository does not answer.
pub fn pins(repository: &Repository) -> Result<BTreeSet<String>, BackupError> {
    let keys = repository.list(keys::PINS)?;
    Ok(keys.iter().filter_map(|key| key.strip_prefix(keys::PINS)).map(str::to_owned).collect())
}

/// Keeps a backup from being removed, or lets it be: not while somebody else may be removing it.
///
/// # Errors
/// `UnknownBackup`; `Busy`; the repository does not answer.
pub fn set_pin(
    repository: &Repository,
    id: &str,
    pinned: bool,
    clock: &dyn Clock,
) -> Result<(), BackupError> {
    let _lease = Lease::take(repository, "a backup is pinned or let go", None, clock)?;
    let listing = list_backups(repository)?;
    let id = find(&listing, id)?.record.id.clone();
    match pinned {
        true => repository.put(&keys::pin(&id), b"").map(drop),
        false => repository.delete(&keys::pin(&id)),
    }
}

/// The backup of that name; `latest` is the newest one that did not fail.
///
/// # Errors
/// `UnknownBackup`.
pub fn find<'a>(listing: &'a BackupListing, id: &str) -> Result<&'a Listed, BackupError> {
    let good = |listed: &&Listed| !matches!(listed.standing, BackupStanding::Failed { .. });
    let found = match id {
        "latest" => listing.backups.iter().rev().find(good),
        id => listing.backups.iter().find(|listed| listed.record.id == id),
    };
    let known = || listing.backups.iter().map(|listed| listed.record.id.as_str());
    found.ok_or_else(|| BackupError::UnknownBackup {
        id: id.to_owned(),
        nearest: nearest(id, known()),
    })
}

impl BackupListing {
    /// All spaces of a backup: what its own record does not have comes from those that it builds on. With each, the backup whose record
    /// has it.
    ///
    /// # Errors
    /// A backup of the chain is missing.
    pub(crate) fn resolve(
        &self,
        record: &BackupRecord,
    ) -> Result<BTreeMap<SpaceId, (SpaceRecord, String)>, BackupError> {
        let mut spaces = BTreeMap::new();
        for own in self.chain(record)?.iter().rev() {
            for gone in own.gone.iter().filter_map(|id| SpaceId::parse(id)) {
                spaces.remove(&gone);
            }
            for space in &own.spaces {
                if let Some(id) = space.space() {
                    spaces.insert(id, (space.clone(), own.id.clone()));
                }
            }
        }
        Ok(spaces)
    }

    /// A backup and those that it builds on, up to a full one.
    pub(crate) fn chain<'a>(
        &'a self,
        record: &'a BackupRecord,
    ) -> Result<Vec<&'a BackupRecord>, BackupError> {
        let mut chain = vec![record];
        let mut current = record;
        while let Some(parent) = &current.parent {
            let found = self.backups.iter().find(|listed| listed.record.id == *parent);
            let found = found.filter(|_| chain.len() < CHAIN_MAX);
            current = &found.ok_or_else(|| missing_parent(parent))?.record;
            chain.push(current);
        }
        Ok(chain)
    }
}

fn missing_parent(parent: &str) -> BackupError {
    BackupError::Missing { key: keys::backup(parent), what: "backup that others build on" }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use engram_store::{MemoryBlobs, SeededEntropy};

    use super::*;
    use crate::envelope::RepositoryKey;
    use crate::record::BackupKind;
    use crate::repository::{RepositoryOptions, StoredBytes};

    const ID: &str = "20260101t000000z-f";

    fn key(digit: &str) -> Option<RepositoryKey> {
        RepositoryKey::parse(&digit.repeat(64))
    }

    /// A repository with one backup that needs no object.
    fn repository(secret: Option<RepositoryKey>) -> Repository {
        let options = RepositoryOptions { secret, zstd_level: 1 };
        let (blobs, entropy) = (Arc::new(MemoryBlobs::new()), Arc::new(SeededEntropy::new(7)));
        let repository = Repository::open_or_begin(blobs, entropy, options).unwrap();
        let record = BackupRecord {
            id: ID.to_owned(),
            kind: BackupKind::Full,
            partial: false,
            parent: None,
            directory: "d".to_owned(),
            timeline: 1,
            version: "test".to_owned(),
            started_at: 1,
            ended_at: 2,
            spaces: Vec::new(),
            gone: Vec::new(),
            bytes: StoredBytes::default(),
            sent: StoredBytes::default(),
            left_out: Vec::new(),
        };
        repository.put_new_record(&keys::backup(ID), &record).unwrap();
        repository
    }

    fn report() -> VerificationRecord {
        VerificationRecord {
            backup: ID.to_owned(),
            level: 2,
            at: 3,
            took: 1,
            objects: 0,
            bytes: 0,
            findings: Vec::new(),
            signature: String::new(),
        }
    }

    /// How the backup stands with this report under this name, and what is said of the report.
    fn listed(
        repository: &Repository,
        name: &str,
        report: &VerificationRecord,
    ) -> (String, String) {
        let name = format!("{}{name}", keys::CHECKS);
        repository.put_record(&name, report).unwrap();
        let listing = list_backups(repository).unwrap();
        repository.delete(&name).unwrap();
        let why = listing.backups[0].false_reports.first().map(|one| one.why.clone());
        (listing.backups[0].standing.name().to_owned(), why.unwrap_or_default())
    }

    #[test]
    fn reports_count_that_who_has_the_key_signed() {
        for secret in [None, key("a")] {
            let repository = repository(secret.clone());
            let name = format!("{ID}/1");
            let good = report().signed(secret.as_ref()).unwrap();
            assert_eq!(listed(&repository, &name, &good), ("verified".to_owned(), String::new()));
            let bad = VerificationRecord { findings: vec!["x".to_owned()], ..report() };
            let bad = bad.signed(secret.as_ref()).unwrap();
            assert_eq!(listed(&repository, &name, &bad), ("failed".to_owned(), String::new()));
        }
    }

    #[test]
    fn a_changed_report_counts_as_none_and_is_told() {
        let secret = key("a");
        let repository = repository(secret.clone());
        let good = report().signed(secret.as_ref()).unwrap();
        let other = report().signed(key("b").as_ref()).unwrap();
        let mut flipped = good.clone();
        let last = flipped.signature.pop().unwrap();
        flipped.signature.push(if last == '0' { '1' } else { '0' });
        let mutilated = [
            VerificationRecord { level: 4, ..good.clone() },
            VerificationRecord { at: 4, ..good.clone() },
            VerificationRecord { took: 9, ..good.clone() },
            VerificationRecord { objects: 9, ..good.clone() },
            VerificationRecord { bytes: 9, ..good.clone() },
            VerificationRecord { findings: vec!["x".to_owned()], ..good.clone() },
            flipped,
            other,
            VerificationRecord { backup: "20260101t000000z-i".to_owned(), ..good },
        ];
        let name = format!("{ID}/1");
        for report in mutilated {
            let (standing, why) = listed(&repository, &name, &report);
            assert_eq!(standing, "complete", "{report:?}");
            assert!(why.contains("its signature does not fit"), "{why}");
        }
        let (standing, why) = listed(&repository, &name, &report());
        assert_eq!((standing.as_str(), why.contains("it is not signed")), ("complete", true));
    }

    #[test]
    fn a_report_in_the_wrong_place_counts_as_none() {
        let secret = key("a");
        let (plain, repository) = (repository(None), repository(secret.clone()));
        let elsewhere = VerificationRecord { backup: "20260101t000000z-i".to_owned(), ..report() };
        let elsewhere = elsewhere.signed(secret.as_ref()).unwrap();
        let (standing, why) = listed(&repository, &format!("{ID}/1"), &elsewhere);
        assert_eq!((standing.as_str(), why.contains("another backup")), ("complete", true));
        let signed = report().signed(secret.as_ref()).unwrap();
        let (standing, why) = listed(&plain, &format!("{ID}/1"), &signed);
        assert_eq!((standing.as_str(), why.contains("has no key")), ("complete", true));
    }
}
