//! What is gone as a whole: the data directory, or the node with it.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;

use engram_backup::{
    Archiver, BackupKind, CreateOptions, VerifyLevel, VerifyOptions, create, verify,
};
use engram_server::{RepositoryAccess, StorePlace};
use engram_store::{FsBlobs, OsEntropy, RealFs, SystemClock};

use super::report::Outcome;
use super::stage::{Recovery, Stage, engine};
use crate::commands::backup::{failed, step, work_with};
use crate::failure::Failure;

/// The log goes out at the end only: nobody writes meanwhile.
const ARCHIVE_INTERVAL_NS: i64 = i64::MAX;

/// Everything comes back from the repository, and the new directory takes the repository over.
pub(super) fn data_directory(stage: &Stage<'_>) -> Result<Outcome, Failure> {
    let dir = stage.scratch.path("restored");
    let access = own_changes(stage)?;
    let mut steps = vec!["there is no data directory".to_owned()];
    let how = Recovery {
        access: &access,
        target: &stage.target,
        dir: &dir,
        force: false,
        through: stage.archived_through,
    };
    let (recovered, mut wrong) = stage.recover(&how, &stage.uninjured)?;
    steps.push("restored into an empty directory; a server on it answers".to_owned());
    let (backup, found) = take_over(stage, &access, &dir)?;
    steps.push(format!(
        "took a copy of the repository over, made full backup {backup}, checked it at level 4"
    ));
    wrong.extend(found);
    Ok(Outcome::done(steps, recovered, wrong))
}

/// The same from another machine, where only the configuration and the key are left.
pub(super) fn node(stage: &Stage<'_>) -> Result<Outcome, Failure> {
    let place =
        stage.settings.repositories.get(&stage.repository).map(|own| own.store.place.clone());
    if let Some(StorePlace::Folder(folder)) = &place
        && is_on_one_disk(folder, &stage.settings.data_dir)
    {
        return Ok(Outcome::not_possible(format!(
            "repository {:?} is on the disk of the data directory ({}): who loses the node loses both; \
             add a repository elsewhere",
            stage.repository,
            folder.display()
        )));
    }
    let dir = stage.scratch.path("other-node");
    let access = own_changes(stage)?;
    let how = Recovery {
        access: &access,
        target: &stage.target,
        dir: &dir,
        force: false,
        through: stage.archived_through,
    };
    let (recovered, wrong) = stage.recover(&how, &stage.uninjured)?;
    let steps = vec![
        "nothing is left but the repository, its key and the configuration".to_owned(),
        "opened the repository anew, restored into an empty directory; a server on it answers"
            .to_owned(),
    ];
    Ok(Outcome::done(steps, recovered, wrong))
}

/// The repository, with a folder for what a runbook writes to it.
fn own_changes(stage: &Stage<'_>) -> Result<RepositoryAccess, Failure> {
    let changes = FsBlobs::open(Arc::new(RealFs), stage.scratch.path("repository-changes"));
    stage.access(Arc::new(changes.map_err(|error| failed(error.into()))?))
}

/// What follows a restore that takes the place of a server. Gives the name of the backup, and what is wrong with it.
fn take_over(
    stage: &Stage<'_>,
    access: &RepositoryAccess,
    dir: &Path,
) -> Result<(String, Vec<String>), Failure> {
    let engine = engine(dir, stage.cold(dir)?, 1)?;
    let repository = &access.repository;
    let mut archiver = Archiver::begin(&engine, repository, 0, true).map_err(failed)?;
    let options = CreateOptions {
        kind: BackupKind::Full,
        spaces: None,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        archive_interval_ns: ARCHIVE_INTERVAL_NS,
    };
    let at = (repository, &mut archiver);
    let made = create(&engine, at, &options, &SystemClock, &mut step(stage.bar()));
    let id = made.map_err(failed)?.record.id;
    drop(engine);
    let scratch = stage.scratch.path("check");
    let cold = stage.cold(&scratch)?;
    let mut work =
        |dir: &Path, plan: &engram_backup::RestorePlan| work_with(dir, plan, cold.clone());
    let options = VerifyOptions {
        level: VerifyLevel::Drill,
        fs: Arc::new(RealFs),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(OsEntropy),
        blobs: cold.clone(),
        scratch,
        drill: Some(&mut work),
    };
    let report = verify(repository, &id, options, &mut step(stage.bar())).map_err(failed)?;
    let wrong = report.findings.iter();
    Ok((id, wrong.map(|one| format!("{}: {}", one.what, one.why)).collect()))
}

/// Whether two folders are on one volume; what is missing counts as the folder above it.
fn is_on_one_disk(one: &Path, other: &Path) -> bool {
    let device = |path: &Path| {
        path.ancestors().find_map(|above| fs::metadata(above).ok()).map(|about| about.dev())
    };
    device(one) == device(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_on_the_disk_of_the_folder_above_it() {
        let dir = tempfile::tempdir().unwrap();
        assert!(is_on_one_disk(&dir.path().join("not/there"), dir.path()));
        assert!(!is_on_one_disk(Path::new("/proc"), dir.path()));
    }
}
