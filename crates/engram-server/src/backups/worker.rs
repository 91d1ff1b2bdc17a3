//! The thread of one repository.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use engram_api::{ErrorCode, Problem};
use engram_backup::{
    Archiver, BackupError, BackupKind, BackupStanding, CreateOptions, CreatedBackup, Repository,
    RepositoryOptions, RestoreOptions, RestoreTarget, RetentionPolicy, VerifyLevel, VerifyOptions,
    create, list_backups, plan, prune, remove_directory, restore, restore_point, verify,
};
use engram_engine::{Components, Engine, EngineError, EngineSettings};
use engram_store::{BlobStore, Fs, FsBlobs};

use super::access::open_or_begin;
use super::jobs::{Job, JobRequest, JobState};
use super::problem::repository_problem;
use super::state::Slot;
use crate::bell::Woken;
use crate::config::BackupSettings;

/// Name of the folder in the data directory where backups are put together.
const SCRATCH_DIR: &str = "restore-check";
/// Pause after a failure, at most.
const RETRY_PAUSE: Duration = Duration::from_secs(60);
/// Pause after a backup of its own that was not made or not good, ns: half an hour.
const RETRY_BACKUP_NS: i64 = 1_800 * 1_000_000_000;

/// What the thread works with.
pub(crate) struct WorkerParts {
    pub(crate) engine: Arc<Engine>,
    pub(crate) components: Components,
    pub(crate) slot: Arc<Slot>,
    /// Which of the archives of the engine it is.
    pub(crate) number: u32,
    pub(crate) store: (Arc<dyn BlobStore>, RepositoryOptions),
    pub(crate) settings: BackupSettings,
    pub(crate) data_dir: PathBuf,
}

/// A place to put a backup together; what is there goes with it.
struct Scratch {
    fs: Arc<dyn Fs>,
    dir: PathBuf,
    cold: Arc<dyn BlobStore>,
}

impl Drop for Scratch {
    fn drop(&mut self) {
        for dir in [self.dir.clone(), self.dir.with_extension("cold")] {
            remove_directory(&*self.fs, &dir);
            // The seam removes files only. What is not empty stays, and so does what is on no real disk.
            for folder in ["wal", "spaces", "index", ""] {
                let _ = std::fs::remove_dir(dir.join(folder));
            }
        }
    }
}

/// A repository that works.
struct Opened {
    repository: Repository,
    archiver: Archiver,
}

/// Works until it is told to stop; what was written by then is archived first.
pub(crate) fn work(parts: &WorkerParts) {
    let mut opened: Option<Opened> = None;
    let mut archived: Option<Instant> = None;
    let interval = parts.settings.archive_interval;
    loop {
        let rest = archived.map_or(Duration::ZERO, |last| {
            let pause = if opened.is_some() { interval } else { interval.min(RETRY_PAUSE) };
            pause.saturating_sub(last.elapsed())
        });
        let woken = parts.slot.bell.sleep(Some(rest));
        let job = parts.slot.next_job();
        let take_over = job.as_ref().is_some_and(|job| matches!(job.request, JobRequest::TakeOver));
        if opened.is_none() || take_over {
            opened = parts.open(take_over);
        }
        if let Some(opened) = &mut opened {
            parts.archive(opened);
        }
        archived = Some(Instant::now());
        if woken == Woken::Stopped {
            return;
        }
        match (job, &mut opened) {
            (Some(job), Some(opened)) => parts.run(&job, opened),
            (Some(job), None) => parts.refuse(&job),
            (None, Some(opened)) => parts.keep_up(opened),
            (None, None) => {}
        }
        parts.guard_log();
    }
}

impl WorkerParts {
    fn now_ns(&self) -> i64 {
        self.engine.now_ns()
    }

    /// Opens the repository and finds out how far it got. What is wrong stands in the figures.
    fn open(&self, take_over: bool) -> Option<Opened> {
        let begun =
            open_or_begin(&self.slot.name, &self.store, Arc::clone(&self.components.entropy));
        let begun = begun.and_then(|repository| {
            let archiver = Archiver::begin(&self.engine, &repository, self.number, take_over)
                .map_err(|error| self.problem(error))?;
            Ok(Opened { repository, archiver })
        });
        match begun {
            Ok(opened) => {
                tracing::info!(
                    repository = self.slot.name,
                    timeline = opened.archiver.timeline(),
                    "the log is archived"
                );
                self.slot.figures().problem = None;
                self.look_around(&opened.repository);
                Some(opened)
            }
            Err(problem) => {
                self.failed(&problem, "the repository cannot be used; it will be tried again");
                None
            }
        }
    }

    fn problem(&self, error: BackupError) -> Box<Problem> {
        Box::new(repository_problem(&self.slot.name, error))
    }

    fn failed(&self, problem: &Problem, what: &str) {
        tracing::warn!(
            repository = self.slot.name,
            code = problem.code,
            detail = problem.detail,
            "{what}"
        );
        let mut figures = self.slot.figures();
        figures.archive_failures += 1;
        figures.problem = Some(Box::new(problem.clone()));
    }

    /// Notes what the repository says of its backups.
    fn look_around(&self, repository: &Repository) {
        let Ok(listing) = list_backups(repository) else { return };
        for one in listing.backups.iter().flat_map(|listed| &listed.false_reports) {
            tracing::error!(repository = self.slot.name, report = one.what, "{}", one.why);
        }
        let mut figures = self.slot.figures();
        figures.backups = listing.backups.len() as u64;
        figures.newest_failed = listing
            .backups
            .last()
            .is_some_and(|last| matches!(last.standing, BackupStanding::Failed { .. }));
        let whole = |kind: Option<BackupKind>| {
            let mut found = listing.backups.iter().rev().filter(|listed| {
                let record = &listed.record;
                !record.partial
                    && kind.is_none_or(|kind| record.kind == kind)
                    && !matches!(listed.standing, BackupStanding::Failed { .. })
            });
            found.next().map(|listed| &listed.record)
        };
        figures.last_backup = whole(None).map(|record| record.started_at);
        figures.last_full = whole(Some(BackupKind::Full)).map(|record| record.started_at);
        figures.last_bytes = whole(None).map(|record| record.bytes.stored);
        for listed in &listing.backups {
            if let BackupStanding::Verified { level, at } = listed.standing {
                figures.last_check = figures.last_check.max(Some((at, level)));
                if level >= VerifyLevel::Restore as u8 {
                    figures.last_restore_check = figures.last_restore_check.max(Some(at));
                }
            }
        }
    }

    fn archive(&self, opened: &mut Opened) {
        self.step(&opened.repository, &mut opened.archiver);
    }

    fn step(&self, repository: &Repository, archiver: &mut Archiver) {
        match archiver.step(&self.engine, repository) {
            Ok(step) => {
                let mut figures = self.slot.figures();
                figures.problem = None;
                figures.archived_through = Some(step.through);
                figures.pieces += step.pieces;
                figures.sent_bytes = repository.sent_bytes();
                for gap in &step.gaps {
                    figures.gaps += gap.through.0 - gap.from.0 + 1;
                    tracing::error!(
                        repository = self.slot.name,
                        space = %gap.space,
                        from = gap.from.0,
                        through = gap.through.0,
                        "commits were lost to the archive; make a full backup"
                    );
                }
            }
            Err(error) => self.failed(&self.problem(error), "the log was not archived"),
        }
        self.slot.figures().archived_commits = archiver.archived(&self.engine);
    }

    /// A repository that is away must not fill the disk.
    fn guard_log(&self) {
        let is_behind = self.slot.figures().problem.is_some();
        if is_behind && self.engine.log_stats().bytes_on_disk > self.settings.log_bytes_max {
            tracing::error!(
                repository = self.slot.name,
                "the log is longer than backup.log_bytes_max: it lets go of what is not archived"
            );
            self.engine.give_up_unarchived(self.number);
        }
    }

    fn refuse(&self, job: &Job) {
        let problem = self.slot.figures().problem.clone();
        let unknown =
            || Box::new(Problem::new(ErrorCode::RepositoryUnavailable, "it cannot be used"));
        job.set(JobState::Failed(problem.unwrap_or_else(unknown)), self.now_ns());
    }

    fn run(&self, job: &Job, opened: &mut Opened) {
        let outcome = match &job.request {
            JobRequest::Create { kind, spaces } => {
                self.create(opened, (*kind, spaces.clone()), Some(job))
            }
            JobRequest::Point { name } => {
                let at = (&opened.repository, &mut opened.archiver);
                let named = restore_point(&self.engine, at, name).map(JobState::Named);
                named.map_err(|error| self.problem(error))
            }
            JobRequest::RestoreSpace { space, new_name, target } => {
                let names = (space.as_str(), new_name.as_str());
                let restored = self.restore_space(opened, names, target, job);
                // Until then nothing but this disk has it as it is now.
                if restored.is_ok() {
                    let made = self.create(opened, (BackupKind::Incremental, None), None);
                    made.and(restored)
                } else {
                    restored
                }
            }
            JobRequest::TakeOver => Ok(JobState::TakenOver),
        };
        job.set(outcome.unwrap_or_else(JobState::Failed), self.now_ns());
    }

    /// Makes a backup, and checks every byte of it.
    fn create(
        &self,
        opened: &mut Opened,
        (kind, spaces): (BackupKind, Option<Vec<String>>),
        job: Option<&Job>,
    ) -> Result<JobState, Box<Problem>> {
        let started = Instant::now();
        let options = CreateOptions {
            kind,
            spaces,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            archive_interval_ns: self.settings.archive_interval.as_nanos() as i64,
        };
        let mut progress = |step: &str, done, total| {
            if let Some(job) = job {
                job.set(JobState::Running { step: step.to_owned(), done, total }, 0);
            }
        };
        let at = (&opened.repository, &mut opened.archiver);
        let clock = &*self.components.clock;
        let made = create(&self.engine, at, &options, clock, &mut progress);
        let made = made.inspect_err(|error| {
            self.slot.figures().backup_failures += 1;
            tracing::error!(repository = self.slot.name, %error, "no backup was made");
        });
        let CreatedBackup { record, damaged, .. } = made.map_err(|error| self.problem(error))?;
        for one in &damaged {
            self.slot.figures().backup_failures += 1;
            tracing::error!(
                repository = self.slot.name,
                space = one.what,
                file = one.why,
                "a space is not in the backup: restore it from an older one"
            );
        }
        tracing::info!(
            repository = self.slot.name,
            backup = record.id,
            kind = record.kind.name(),
            bytes = record.bytes.stored,
            sent = record.sent.stored,
            seconds = started.elapsed().as_secs_f64(),
            "a backup was made"
        );
        self.slot.figures().last_seconds = Some(started.elapsed().as_secs_f64());
        let good = self.check(opened, &record.id, VerifyLevel::Bytes);
        self.look_around(&opened.repository);
        good?;
        Ok(JobState::Created(Box::new(record)))
    }

    /// An empty place to put a backup together, and a cold store for it: never the live one, for what works there removes what it
    /// does not know.
    fn scratch(&self) -> Result<Scratch, Box<Problem>> {
        let own = format!("{SCRATCH_DIR}-{}", self.slot.name);
        let dir = self.settings.scratch_dir.as_ref().unwrap_or(&self.data_dir).join(own);
        let fs = Arc::clone(&self.components.fs);
        // A process that died may have left something.
        remove_directory(&*fs, &dir);
        let cold = FsBlobs::open(Arc::clone(&fs), dir.with_extension("cold"));
        let cold = cold.map_err(|error| Problem::new(ErrorCode::IoFailed, error.to_string()))?;
        Ok(Scratch { fs, dir, cold: Arc::new(cold) })
    }

    /// Checks a backup; the log goes on being archived meanwhile.
    fn check(&self, opened: &mut Opened, id: &str, level: VerifyLevel) -> Result<(), Box<Problem>> {
        let scratch = self.scratch()?;
        let options = VerifyOptions {
            level,
            fs: Arc::clone(&self.components.fs),
            clock: Arc::clone(&self.components.clock),
            entropy: Arc::clone(&self.components.entropy),
            blobs: Some(Arc::clone(&scratch.cold)),
            scratch: scratch.dir.clone(),
            drill: None,
        };
        let mut archived = Instant::now();
        let report = verify(&opened.repository, id, options, &mut |_, _, _| {
            if archived.elapsed() >= self.settings.archive_interval {
                self.step(&opened.repository, &mut opened.archiver);
                archived = Instant::now();
            }
        });
        let report = report.map_err(|error| self.problem(error))?;
        let Some(first) = report.findings.first() else {
            let mut figures = self.slot.figures();
            figures.last_check = Some((self.now_ns(), level as u8));
            if level >= VerifyLevel::Restore {
                figures.last_restore_check = Some(self.now_ns());
            }
            return Ok(());
        };
        self.slot.figures().check_failures += 1;
        let detail = format!("backup {id} is not good: {}: {}", first.what, first.why);
        tracing::error!(repository = self.slot.name, backup = id, detail, "a backup is not good");
        Err(Box::new(Problem::new(ErrorCode::BackupFailed, detail)))
    }

    /// Does what is due by itself: a backup, or a check that puts the newest one together.
    fn keep_up(&self, opened: &mut Opened) {
        let now = self.now_ns();
        let figures = self.slot.figures().clone();
        if figures.failed_at.is_some_and(|at| now.saturating_sub(at) < RETRY_BACKUP_NS) {
            return;
        }
        let is_due = |last: Option<i64>, every: Duration| {
            let every = every.as_nanos() as i64;
            every > 0 && last.is_none_or(|last| now.saturating_sub(last) >= every)
        };
        let full_every = self.settings.full_every;
        let kind = if is_due(figures.last_full, full_every)
            || (figures.newest_failed && !full_every.is_zero())
        {
            Some(BackupKind::Full)
        } else if is_due(figures.last_backup, self.settings.incremental_every) {
            Some(BackupKind::Incremental)
        } else {
            None
        };
        if let Some(kind) = kind {
            // What went wrong is in the log and in the figures.
            match self.create(opened, (kind, None), None) {
                Ok(_) => self.prune(&opened.repository),
                Err(_) => self.slot.figures().failed_at = Some(now),
            }
        } else if figures.backups > 0
            && is_due(figures.last_restore_check, self.settings.restore_check_every)
            && let Err(problem) = self.check(opened, "latest", VerifyLevel::Restore)
        {
            tracing::error!(repository = self.slot.name, detail = problem.detail, "a check failed");
            // The next one is due as if this one had been good: it must not run without end.
            self.slot.figures().last_restore_check = Some(now);
        }
    }

    fn prune(&self, repository: &Repository) {
        let (daily, weekly, monthly) = self.settings.keep;
        let policy = RetentionPolicy { daily, weekly, monthly };
        let name = &self.slot.name;
        let directory = self.engine.identity().map(|own| own.id.to_string()).ok();
        let how = (false, directory.as_deref());
        let mut log = |key: &str| tracing::info!(repository = name, key, "removed by retention");
        let pruned = prune(repository, policy, how, &*self.components.clock, &mut log);
        if let Err(error) = pruned {
            tracing::warn!(repository = name, %error, "retention will be tried again");
        }
    }

    /// Puts a space together beside the live ones and takes it in.
    fn restore_space(
        &self,
        opened: &Opened,
        (space, new_name): (&str, &str),
        target: &RestoreTarget,
        job: &Job,
    ) -> Result<JobState, Box<Problem>> {
        let told = |error| self.problem(error);
        let wanted = [space.to_owned()];
        let (repository, timeline) = (&opened.repository, opened.archiver.timeline());
        // Where the target says its timeline, it is that one.
        let timeline = match target {
            RestoreTarget::Backup(_) | RestoreTarget::Point(_) => None,
            _ => Some(timeline),
        };
        let plan = plan(repository, target, timeline, Some(&wanted)).map_err(told)?;
        let place = self.scratch()?;
        let options = RestoreOptions {
            fs: Arc::clone(&self.components.fs),
            clock: Arc::clone(&self.components.clock),
            entropy: Arc::clone(&self.components.entropy),
            blobs: Some(Arc::clone(&place.cold)),
            reuse: Some(self.data_dir.clone()),
            begins_timeline: false,
        };
        let mut progress = |step: &str, done, total| {
            job.set(JobState::Running { step: step.to_owned(), done, total }, 0);
        };
        restore(repository, &plan, &options, &place.dir, &mut progress).map_err(told)?;
        progress("taking over", 0, 0);
        let scratch = self.open_scratch(&place).map_err(|error| told(error.into()))?;
        let taken = self.engine.adopt_space(&scratch, space, new_name);
        let taken = taken.map_err(|error| told(error.into()))?;
        drop(scratch);
        let stats = self.engine.stats(&taken.name).map_err(|error| told(error.into()))?;
        tracing::info!(space, as_space = new_name, lsn = stats.lsn.0, "a space was restored");
        Ok(JobState::Restored {
            space: taken.name,
            lsn: stats.lsn.0,
            committed_at: stats.committed_at.0,
        })
    }

    fn open_scratch(&self, place: &Scratch) -> Result<Engine, EngineError> {
        let (wake, blobs) = (Arc::new(|| {}), Some(Arc::clone(&place.cold)));
        let components = Components { wake, blobs, ..self.components.clone() };
        let own = EngineSettings { default_space: None, ..self.engine.settings().clone() };
        let settings = EngineSettings { log_archives: 0, reserve_bytes: 0, ..own };
        Ok(Engine::open(components, settings, &place.dir)?.0)
    }
}
