//! What was asked of a repository, and what became of it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use engram_api::Problem;
use engram_backup::{BackupKind, BackupRecord, PointRecord, RestoreTarget};

/// Jobs that are remembered after their end.
const KEPT_MAX: usize = 100;

/// What is asked.
#[derive(Clone, Debug)]
pub(crate) enum JobRequest {
    /// A backup.
    Create { kind: BackupKind, spaces: Option<Vec<String>> },
    /// A name for this moment.
    Point { name: String },
    /// A space as it was, beside the live ones.
    RestoreSpace { space: String, new_name: String, target: RestoreTarget },
    /// The repository is this directory's from now on.
    TakeOver,
}

/// What a job has come to.
#[derive(Clone, Debug)]
pub(crate) enum JobState {
    /// Others come first.
    Waiting,
    /// It is being done: what, and how much of how much.
    Running { step: String, done: u64, total: u64 },
    /// A backup was made.
    Created(Box<BackupRecord>),
    /// A point was named.
    Named(PointRecord),
    /// A space was restored: its name, its last commit and the time of that.
    Restored { space: String, lsn: u64, committed_at: i64 },
    /// The repository was taken over.
    TakenOver,
    /// It came to nothing.
    Failed(Box<Problem>),
}

impl JobState {
    /// Whether nothing more will happen.
    pub(crate) fn is_over(&self) -> bool {
        !matches!(self, JobState::Waiting | JobState::Running { .. })
    }
}

/// Something that was asked of a repository.
pub(crate) struct Job {
    pub(crate) id: u64,
    pub(crate) repository: String,
    pub(crate) request: JobRequest,
    pub(crate) asked_at: i64,
    state: Mutex<(JobState, Option<i64>)>,
}

impl Job {
    /// What it has come to, and when it was over.
    pub(crate) fn state(&self) -> (JobState, Option<i64>) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set(&self, state: JobState, now_ns: i64) {
        let over = state.is_over().then_some(now_ns);
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = (state, over);
    }
}

/// The jobs of a server, of all repositories.
#[derive(Default)]
pub(crate) struct Jobs {
    last: u64,
    all: VecDeque<Arc<Job>>,
}

impl Jobs {
    pub(crate) fn add(&mut self, repository: &str, request: JobRequest, now_ns: i64) -> Arc<Job> {
        self.last += 1;
        let job = Arc::new(Job {
            id: self.last,
            repository: repository.to_owned(),
            request,
            asked_at: now_ns,
            state: Mutex::new((JobState::Waiting, None)),
        });
        self.all.push_back(Arc::clone(&job));
        while self.all.len() > KEPT_MAX
            && self.all.front().is_some_and(|job| job.state().0.is_over())
        {
            self.all.pop_front();
        }
        job
    }

    /// Newest first.
    pub(crate) fn newest(&self) -> Vec<Arc<Job>> {
        self.all.iter().rev().cloned().collect()
    }
}
