//! Writing the audit log: by a thread of its own, which syncs what has gathered.
//!
//! A request does not wait for it. What does not fit into the queue, or comes from strangers faster than a limit, is counted and told by a
//! line of its own, so that a flood of refusals can neither fill the disk nor hide behind itself in silence.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use engram_store::{Clock, Fs, FsFile, OpenMode};

use super::files::{files, path_of, read};
use super::line::{AuditEvent, AuditLine, AuditOutcome, NO_LINE};
use crate::auth::Rate;
use crate::config::AuditLevel;

/// Events that wait for the thread.
const QUEUE: usize = 4_096;
/// Refusals of strangers that are written down each second.
const STRANGERS_PER_SECOND: u32 = 100;
/// How often the thread tells what was missed while nothing happens, and how often it looks for files that are too old.
const LOOK: Duration = Duration::from_secs(10);
const LOOK_FOR_OLD: Duration = Duration::from_secs(3_600);
/// Bytes from which on the next file begins.
const FILE_BYTES: u64 = 64 << 20;

/// What the audit log is written with.
pub(crate) struct AuditParts {
    pub(crate) fs: Arc<dyn Fs>,
    pub(crate) clock: Arc<dyn Clock>,
    /// How long lines are kept.
    pub(crate) kept: Duration,
    pub(crate) dir: PathBuf,
}

/// Takes events; they are on disk within moments.
pub(crate) struct AuditLog {
    level: AuditLevel,
    clock: Arc<dyn Clock>,
    sender: Mutex<Option<SyncSender<AuditEvent>>>,
    /// What was sent, until somebody writes it.
    waiting: Mutex<Option<Receiver<AuditEvent>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    strangers: Rate,
    started: Instant,
    missed: Arc<AtomicU64>,
    failures: Arc<AtomicU64>,
}

impl AuditLog {
    /// A log that takes events and keeps them until it may write.
    pub(crate) fn new(level: AuditLevel, clock: Arc<dyn Clock>) -> AuditLog {
        let (sender, receiver) = sync_channel(QUEUE);
        AuditLog {
            level,
            clock,
            sender: Mutex::new(Some(sender)),
            waiting: Mutex::new(Some(receiver)),
            thread: Mutex::new(None),
            strangers: Rate::new(STRANGERS_PER_SECOND),
            started: Instant::now(),
            missed: Arc::default(),
            failures: Arc::default(),
        }
    }

    /// Begins to write behind what is there. Nobody else may write there.
    ///
    /// # Errors
    /// The folder cannot be read or written.
    pub(crate) fn begin(&self, parts: AuditParts) -> std::io::Result<()> {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(events) = waiting.filter(|_| self.level != AuditLevel::Off) else { return Ok(()) };
        let counts = (Arc::clone(&self.missed), Arc::clone(&self.failures));
        let mut writer = Writer::open(parts, counts)?;
        let work = move || writer.run(&events);
        let thread = std::thread::Builder::new().name("engram-audit".to_owned()).spawn(work)?;
        *self.thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
        Ok(())
    }

    /// Least of what is written down.
    pub(crate) fn level(&self) -> AuditLevel {
        self.level
    }

    /// The time of an event that happens now.
    pub(crate) fn now_ns(&self) -> i64 {
        self.clock.now_ns()
    }

    /// Writes down an event.
    pub(crate) fn record(&self, event: AuditEvent) {
        let is_stranger = event.principal.is_empty() && event.outcome != AuditOutcome::Done;
        let now_ns = u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        if is_stranger && self.strangers.take(now_ns).is_err() {
            self.missed.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = sender.as_ref()
            && sender.try_send(event).is_err()
        {
            self.missed.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Writes that failed since the start.
    pub(crate) fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// Writes what waits, and ends.
    pub(crate) fn close(&self) {
        drop(self.sender.lock().unwrap_or_else(PoisonError::into_inner).take());
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            tracing::error!("the thread of the audit log panicked");
        }
    }
}

struct Writer {
    parts: AuditParts,
    /// The file that is appended to, and how much of it is acknowledged.
    open: Option<(Box<dyn FsFile>, u64)>,
    next: u64,
    previous: String,
    missed: Arc<AtomicU64>,
    failures: Arc<AtomicU64>,
}

impl Writer {
    fn open(
        parts: AuditParts,
        (missed, failures): (Arc<AtomicU64>, Arc<AtomicU64>),
    ) -> std::io::Result<Writer> {
        parts.fs.create_dir_all(&parts.dir)?;
        let (next, previous, open) = (1, NO_LINE.to_owned(), None);
        let mut writer = Writer { parts, open, next, previous, missed, failures };
        writer.go_on()?;
        Ok(writer)
    }

    /// Finds the place behind the last whole line. A file without one was begun when a crash came, so the line stands in the one before.
    fn go_on(&mut self) -> std::io::Result<()> {
        let found = files(&*self.parts.fs, &self.parts.dir)?;
        for (place, file) in found.iter().rev().enumerate() {
            let text = read(&*self.parts.fs, &file.path)?;
            if place == 0 {
                let opened = self.parts.fs.open(&file.path, OpenMode::Write)?;
                // What a crash cut off was promised to nobody.
                opened.set_len(text.whole_bytes)?;
                self.open = Some((opened, text.whole_bytes));
                self.next = file.first;
            }
            if let Some(line) = text.lines.iter().rev().find_map(|line| line.as_ref().ok()) {
                (self.next, self.previous) = (line.seq + 1, line.hash.clone());
                break;
            }
        }
        Ok(())
    }

    fn run(&mut self, events: &Receiver<AuditEvent>) {
        let mut looked: Option<Instant> = None;
        loop {
            let batch = match events.recv_timeout(LOOK) {
                Ok(first) => std::iter::once(first).chain(events.try_iter().take(QUEUE)).collect(),
                Err(RecvTimeoutError::Timeout) => Vec::new(),
                Err(RecvTimeoutError::Disconnected) => {
                    self.write(Vec::new());
                    return;
                }
            };
            self.write(batch);
            if looked.is_none_or(|at| at.elapsed() >= LOOK_FOR_OLD) {
                self.remove_old();
                looked = Some(Instant::now());
            }
        }
    }

    /// Appends a batch, and what was missed before it.
    fn write(&mut self, mut batch: Vec<AuditEvent>) {
        let missed = self.missed.swap(0, Ordering::Relaxed);
        let lost = missed + batch.len() as u64;
        if missed > 0 {
            batch.push(AuditEvent {
                at_ns: self.parts.clock.now_ns(),
                door: "none",
                operation: "none",
                space: String::new(),
                principal: String::new(),
                client: String::new(),
                request_id: String::new(),
                outcome: AuditOutcome::Missed(missed),
            });
        }
        if batch.is_empty() {
            return;
        }
        if let Err(error) = self.append(&batch) {
            self.failures.fetch_add(1, Ordering::Relaxed);
            // They are told of when writing works again.
            self.missed.fetch_add(lost, Ordering::Relaxed);
            tracing::error!(%error, "the audit log was not written");
        }
    }

    fn append(&mut self, batch: &[AuditEvent]) -> std::io::Result<()> {
        let (mut text, mut next, mut previous) = (String::new(), self.next, self.previous.clone());
        for event in batch {
            let line = AuditLine::of(event, next, &previous);
            text.push_str(&line.text());
            text.push('\n');
            (next, previous) = (next + 1, line.hash);
        }
        if self.open.as_ref().is_none_or(|(_, bytes)| *bytes >= FILE_BYTES) {
            let path = path_of(&self.parts.dir, self.next);
            let file = self.parts.fs.open(&path, OpenMode::Create)?;
            self.open = Some((file, 0));
            self.parts.fs.sync_dir(&self.parts.dir)?;
        }
        let (file, bytes) = self.open.as_mut().expect("it was opened");
        // What a failed write left behind the last acknowledged line goes.
        file.set_len(*bytes)?;
        file.write_at(*bytes, text.as_bytes())?;
        file.sync_data()?;
        *bytes += text.len() as u64;
        (self.next, self.previous) = (next, previous);
        Ok(())
    }

    /// Removes files of which every line is too old; the newest stays.
    fn remove_old(&self) {
        let Ok(found) = files(&*self.parts.fs, &self.parts.dir) else { return };
        let kept_ns = i64::try_from(self.parts.kept.as_nanos()).unwrap_or(i64::MAX);
        let before = self.parts.clock.now_ns().saturating_sub(kept_ns);
        for pair in found.windows(2) {
            if !self.begins_before(&pair[1].path, before) {
                return;
            }
            if let Err(error) = self.parts.fs.remove(&pair[0].path) {
                tracing::warn!(%error, "a file of the audit log was not removed");
                return;
            }
            tracing::info!(file = %pair[0].path.display(), "a file of the audit log is older than audit.kept and was removed");
        }
    }

    /// Whether the first line of a file, and so all before it, is older than a time.
    fn begins_before(&self, path: &Path, ns: i64) -> bool {
        let text = read(&*self.parts.fs, path);
        let first = text.ok().and_then(|text| text.lines.into_iter().next()?.ok());
        first
            .and_then(|line| engram_api::Timestamp::parse(&line.at).ok())
            .is_some_and(|at| at.nanoseconds() < ns)
    }
}
