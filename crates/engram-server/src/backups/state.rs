//! What is known of the repositories, and what was asked of them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use engram_api::{ErrorCode, Problem};

use super::access::choose;
use super::jobs::{Job, JobRequest, Jobs};
use crate::bell::Bell;
use crate::config::Settings;

/// What is known of a repository.
#[derive(Clone, Debug, Default)]
pub(crate) struct RepositoryFigures {
    /// Why it does not work now.
    pub(crate) problem: Option<Box<Problem>>,
    /// All commits up to this time are archived, ns.
    pub(crate) archived_through: Option<i64>,
    /// Commits of all spaces that are archived.
    pub(crate) archived_commits: u64,
    /// Pieces of the log stored since the start.
    pub(crate) pieces: u64,
    /// Bytes sent since the start.
    pub(crate) sent_bytes: u64,
    /// Commits lost to the archive since the start.
    pub(crate) gaps: u64,
    /// Failures to archive since the start.
    pub(crate) archive_failures: u64,
    /// Failures of backups since the start.
    pub(crate) backup_failures: u64,
    /// Checks since the start that found something wrong.
    pub(crate) check_failures: u64,
    /// When the last backup was begun, ns.
    pub(crate) last_backup: Option<i64>,
    /// The same of the last full one.
    pub(crate) last_full: Option<i64>,
    /// Seconds that the last backup took.
    pub(crate) last_seconds: Option<f64>,
    /// Bytes that the last backup needs, as stored.
    pub(crate) last_bytes: Option<u64>,
    /// When the last check ended that found nothing wrong, ns, and how deep it went.
    pub(crate) last_check: Option<(i64, u8)>,
    /// When the last check ended that put a backup together, ns.
    pub(crate) last_restore_check: Option<i64>,
    /// Number of backups.
    pub(crate) backups: u64,
    /// Whether the newest backup is not good.
    pub(crate) newest_failed: bool,
    /// When a backup that was due was not made or not good, ns.
    pub(crate) failed_at: Option<i64>,
}

/// A repository of the configuration.
pub(crate) struct Slot {
    pub(crate) name: String,
    pub(crate) bell: Bell,
    pub(crate) figures: Mutex<RepositoryFigures>,
    pub(crate) queue: Mutex<VecDeque<Arc<Job>>>,
}

impl RepositoryFigures {
    /// Commits that are not archived, of so many that there are.
    pub(crate) fn waiting(&self, commits: u64) -> u64 {
        commits.saturating_sub(self.archived_commits)
    }
}

impl Slot {
    pub(crate) fn figures(&self) -> MutexGuard<'_, RepositoryFigures> {
        self.figures.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn next_job(&self) -> Option<Arc<Job>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

/// All repositories of a server.
pub(crate) struct Backups {
    slots: BTreeMap<String, Arc<Slot>>,
    jobs: Mutex<Jobs>,
}

/// Jobs of one repository that may wait.
const WAITING_MAX: usize = 16;
/// After which time it may be asked again, s.
const RETRY_SECONDS: u32 = 60;

impl Backups {
    pub(crate) fn new(settings: &Settings) -> Backups {
        let slot = |name: &String| Slot {
            name: name.clone(),
            bell: Bell::default(),
            figures: Mutex::default(),
            queue: Mutex::default(),
        };
        let slots = settings.repositories.keys().map(|name| (name.clone(), Arc::new(slot(name))));
        Backups { slots: slots.collect(), jobs: Mutex::default() }
    }

    /// The repositories by name.
    pub(crate) fn slots(&self) -> impl Iterator<Item = &Arc<Slot>> {
        self.slots.values()
    }

    /// Asks something of the repository of that name, or of the only one.
    pub(crate) fn ask(
        &self,
        repository: Option<&str>,
        request: JobRequest,
        now_ns: i64,
    ) -> Result<Arc<Job>, Box<Problem>> {
        let (name, slot) = choose(&self.slots, repository)?;
        let mut queue = slot.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if queue.len() >= WAITING_MAX {
            let detail = format!("{WAITING_MAX} jobs of repository `{name}` wait already");
            let problem = Problem::new(ErrorCode::RepositoryBusy, detail);
            return Err(Box::new(problem.with_retry_after(RETRY_SECONDS)));
        }
        let job =
            self.jobs.lock().unwrap_or_else(PoisonError::into_inner).add(name, request, now_ns);
        queue.push_back(Arc::clone(&job));
        drop(queue);
        slot.bell.ring();
        Ok(job)
    }

    /// What was asked, newest first.
    pub(crate) fn jobs(&self) -> Vec<Arc<Job>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner).newest()
    }
}
