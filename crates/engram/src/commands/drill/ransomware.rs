//! Somebody spoils the repository: that is found, nothing spoiled is restored, and the last clean point is.
//!
//! What is spoiled is the repository as a runbook sees it, with changes in memory over objects that are only read; the intact one is the
//! repository itself, as a copy that nobody can change would be.

use std::sync::Arc;

use engram_backup::{
    BackupListing, BackupStanding, Repository, RestorePlan, RestoreTarget, VerifyLevel,
    VerifyOptions, list_backups, plan, verify,
};
use engram_server::RepositoryAccess;
use engram_store::{
    BlobError, BlobStore, Entropy as _, MemoryBlobs, OsEntropy, RealFs, SpaceId, SystemClock,
};

use super::copy::cold_dir;
use super::report::Outcome;
use super::stage::{Recovery, Stage, time};
use crate::commands::backup::{Place, failed, put_together, step, work_with};
use crate::failure::Failure;

/// What is left of an encrypted object, bytes: how long it is does not matter to who cannot read it.
const NOISE_BYTES: usize = 128;

/// How somebody spoils a repository.
#[derive(Clone, Copy)]
enum Attack {
    Encrypts,
    Deletes,
    Changes,
}

const ATTACKS: [Attack; 3] = [Attack::Encrypts, Attack::Deletes, Attack::Changes];

pub(super) fn run(stage: &Stage<'_>) -> Result<Outcome, Failure> {
    let intact = stage.access(Arc::new(MemoryBlobs::new()))?;
    let listing = list_backups(&intact.repository).map_err(failed)?;
    let Some(victim) = victim(&listing) else {
        return Ok(Outcome::not_possible("the repository has no backup yet, only the log"));
    };
    let mut steps = Vec::new();
    let mut wrong = Vec::new();
    for attack in ATTACKS {
        let spoiled = stage.access(Arc::new(MemoryBlobs::new()))?;
        let what = attack.spoil(&*spoiled.store, &victim)?;
        let found = match found_at(&spoiled.repository, &victim.backup)? {
            Some(0) => "the list of backups shows it".to_owned(),
            Some(level) => format!("a check at level {level} finds it"),
            None => {
                wrong.push(format!("{what}: no check finds it"));
                "no check finds it".to_owned()
            }
        };
        let then = match restored(stage, (&intact, &spoiled), &victim.backup)? {
            Restoring::Refused => "a restore is refused",
            Restoring::Right => "a restore does without it, from other backups and the log",
            Restoring::Wrong => {
                wrong.push(format!("{what}: it was restored as if it were right"));
                "a restore takes it"
            }
        };
        steps.push(format!("{what}: {found}, {then}"));
    }
    let Some((clean, ended_at)) = clean_point(&listing, &intact.repository)? else {
        wrong.push("no backup of the intact repository is good".to_owned());
        let outcome = Outcome::broke(&Failure::Partly(wrong.join("; ")));
        return Ok(Outcome { steps, ..outcome });
    };
    let target = RestoreTarget::Backup(clean.clone());
    let due = plan(&intact.repository, &target, None, None).map_err(failed)?;
    let uninjured = stage.uninjured_at(&intact, due, "uninjured-then")?;
    let dir = stage.scratch.path("restored");
    let how = Recovery {
        access: &intact,
        target: &target,
        dir: &dir,
        force: false,
        through: Some(ended_at),
    };
    let (recovered, found) = stage.recover(&how, &uninjured)?;
    steps.push(format!("restored backup {clean} of {} from the intact repository", time(ended_at)));
    wrong.extend(found);
    Ok(Outcome::done(steps, recovered, wrong))
}

/// What a restore of something spoiled comes to.
enum Restoring {
    Refused,
    Right,
    Wrong,
}

/// What is spoiled.
struct Victim {
    backup: String,
    /// One of its objects.
    object: String,
}

/// The newest backup that names a file, and such a file; where none does, the newest one and a piece of its log.
fn victim(listing: &BackupListing) -> Option<Victim> {
    let newest = || listing.backups.iter().rev().map(|listed| &listed.record);
    let with_files = newest().find_map(|record| {
        let (space, file) = record.spaces.iter().find_map(|own| Some((own, own.files.first()?)))?;
        let hash: String = file.hash.iter().map(|byte| format!("{byte:02x}")).collect();
        Some(Victim { backup: record.id.clone(), object: format!("objects/{}/{hash}", space.id) })
    });
    let with_log = || {
        let record = newest().next()?;
        let space = record.spaces.first()?;
        Some(Victim { backup: record.id.clone(), object: format!("log/{}/", space.id) })
    };
    with_files.or_else(with_log)
}

impl Attack {
    /// Spoils a repository; says how.
    fn spoil(self, store: &dyn BlobStore, victim: &Victim) -> Result<String, Failure> {
        let object = match victim.object.ends_with('/') {
            true => store.list(&victim.object).map_err(lost)?.into_iter().next(),
            false => Some(victim.object.clone()),
        };
        let object = object.unwrap_or_else(|| victim.object.clone());
        match self {
            Attack::Encrypts => {
                let mut noise = [0; NOISE_BYTES];
                OsEntropy.fill(&mut noise);
                let mut count = 0;
                for prefix in ["objects/", "log/"] {
                    for key in store.list(prefix).map_err(lost)? {
                        store.put(&key, &noise).map_err(lost)?;
                        count += 1;
                    }
                }
                Ok(format!("{count} objects were encrypted"))
            }
            Attack::Deletes => {
                store.delete(&object).map_err(lost)?;
                Ok("an object was deleted".to_owned())
            }
            Attack::Changes => {
                let bytes = store.len(&object).map_err(lost)?;
                let mut content = vec![0; usize::try_from(bytes).unwrap_or(usize::MAX)];
                let read = store.get_range(&object, 0, &mut content).map_err(lost)?;
                content.truncate(read);
                if let Some(last) = content.last_mut() {
                    *last ^= 1;
                }
                store.put(&object, &content).map_err(lost)?;
                Ok("one bit of an object was changed".to_owned())
            }
        }
    }
}

fn lost(error: BlobError) -> Failure {
    failed(error.into())
}

/// Where it is found that a backup is spoiled: 0 = in the list; none = nowhere.
fn found_at(repository: &Repository, backup: &str) -> Result<Option<u8>, Failure> {
    let listing = list_backups(repository).map_err(failed)?;
    let listed = listing.backups.iter().find(|listed| listed.record.id == backup);
    let is_good = |standing: &BackupStanding| {
        matches!(standing, BackupStanding::Complete | BackupStanding::Verified { .. })
    };
    if !listed.is_some_and(|listed| is_good(&listed.standing)) {
        return Ok(Some(0));
    }
    for level in [VerifyLevel::Presence, VerifyLevel::Bytes] {
        if !is_clean(repository, backup, level)? {
            return Ok(Some(level as u8));
        }
    }
    Ok(None)
}

fn is_clean(repository: &Repository, backup: &str, level: VerifyLevel) -> Result<bool, Failure> {
    let options = VerifyOptions {
        level,
        fs: Arc::new(RealFs),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(OsEntropy),
        blobs: None,
        // Nothing is put together at these levels.
        scratch: std::env::temp_dir(),
        drill: None,
    };
    let report = verify(repository, backup, options, &mut |_, _, _| {}).map_err(failed)?;
    Ok(report.findings.is_empty())
}

/// What a restore of a spoiled backup comes to: refused, or right all the same, from other backups or the log.
fn restored(
    stage: &Stage<'_>,
    (intact, spoiled): (&RepositoryAccess, &RepositoryAccess),
    backup: &str,
) -> Result<Restoring, Failure> {
    let target = RestoreTarget::Backup(backup.to_owned());
    let due = plan(&intact.repository, &target, None, None).map_err(failed)?;
    let Ok(found) = plan(&spoiled.repository, &target, None, None) else {
        return Ok(Restoring::Refused);
    };
    let dir = stage.scratch.path("spoiled");
    let cold = stage.cold(&dir)?;
    let place =
        Place { dir: &dir, cold: cold.clone(), force: false, look: true, begins_timeline: false };
    let outcome = match put_together(&spoiled.repository, &found, &place, &mut step(stage.bar())) {
        Err(_) => Restoring::Refused,
        Ok(_) => {
            let is_sound = work_with(&dir, &found, cold).is_ok_and(|wrong| wrong.is_empty());
            let ends = |plan: &RestorePlan| -> Vec<(SpaceId, u64, u64)> {
                let spaces = plan.spaces.iter();
                spaces.map(|own| (own.id, own.last.lsn, own.last.state_sum)).collect()
            };
            match is_sound && ends(&found) == ends(&due) {
                true => Restoring::Right,
                false => Restoring::Wrong,
            }
        }
    };
    // The next attack finds nothing of it.
    for dir in [cold_dir(&dir), dir] {
        let _ = std::fs::remove_dir_all(dir);
    }
    Ok(outcome)
}

/// The newest backup that is known to be good, and when it ended: one that was checked, else one that is checked now.
fn clean_point(
    listing: &BackupListing,
    intact: &Repository,
) -> Result<Option<(String, i64)>, Failure> {
    let newest = || listing.backups.iter().rev().filter(|listed| !listed.record.partial);
    let told = |record: &engram_backup::BackupRecord| (record.id.clone(), record.ended_at);
    let is_verified =
        |standing: &BackupStanding| matches!(standing, BackupStanding::Verified { .. });
    if let Some(found) = newest().find(|listed| is_verified(&listed.standing)) {
        return Ok(Some(told(&found.record)));
    }
    for listed in newest().filter(|listed| listed.standing == BackupStanding::Complete) {
        if is_clean(intact, &listed.record.id, VerifyLevel::Bytes)? {
            return Ok(Some(told(&listed.record)));
        }
    }
    Ok(None)
}
