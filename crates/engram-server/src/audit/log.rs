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
use crate::config::{AuditLevel, AuditSettings};

/// Events that wait for the thread.
const QUEUE: usize = 4_096;
/// Refusals of strangers that are written down each second.
const STRANGERS_PER_SECOND: u32 = 100;
/// How often the thread tells what was missed while nothing happens, and how often it looks for files that are too old.
const LOOK: Duration = Duration::from_secs(10);
const LOOK_FOR_OLD: Duration = Duration::from_secs(3_600);
/// Bytes from which on the next file begins.
const FILE_BYTES: u64 = 64 << 20;

/// What the audit log is made with.
pub(crate) struct AuditParts {
    pub(crate) fs: Arc<dyn Fs>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) settings: AuditSettings,
    pub(crate) dir: PathBuf,
}

/// Takes events; they are on disk within moments.
pub(crate) struct AuditLog {
    level: AuditLevel,
    clock: Arc<dyn Clock>,
    sender: Mutex<Option<SyncSender<AuditEvent>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    strangers: Rate,
    started: Instant,
    missed: Arc<AtomicU64>,
    failures: Arc<AtomicU64>,
}

impl AuditLog {
    /// Begins to write behind what is there.
    ///
    /// # Errors
    /// The folder cannot be read or written.
    pub(crate) fn open(parts: AuditParts) -> std::io::Result<AuditLog> {
        let (missed, failures) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let (level, clock) = (parts.settings.level, Arc::clone(&parts.clock));
        let (mut sender, mut thread) = (None, None);
        if level != AuditLevel::Off {
            let mut writer = Writer::open(parts, Arc::clone(&missed), Arc::clone(&failures))?;
            let (send, receive) = sync_channel(QUEUE);
            let work = move || writer.run(&receive);
            let begun = std::thread::Builder::new().name("engram-audit".to_owned()).spawn(work)?;
            (sender, thread) = (Some(send), Some(begun));
        }
        Ok(AuditLog {
            level,
            clock,
            sender: Mutex::new(sender),
            thread: Mutex::new(thread),
            strangers: Rate::new(STRANGERS_PER_SECOND),
            started: Instant::now(),
            missed,
            failures,
        })
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
    /// The file that is appended to, how long it is, and when it began.
    open: Option<(Box<dyn FsFile>, u64)>,
    next: u64,
    previous: String,
    missed: Arc<AtomicU64>,
    failures: Arc<AtomicU64>,
}

impl Writer {
    fn open(
        parts: AuditParts,
        missed: Arc<AtomicU64>,
        failures: Arc<AtomicU64>,
    ) -> std::io::Result<Writer> {
        parts.fs.create_dir_all(&parts.dir)?;
        let (mut next, mut previous, mut open) = (1, NO_LINE.to_owned(), None);
        if let Some(last) = files(&*parts.fs, &parts.dir)?.last() {
            let text = read(&*parts.fs, &last.path)?;
            next = last.first;
            if let Some(line) = text.lines.iter().rev().find_map(|line| line.as_ref().ok()) {
                (next, previous) = (line.seq + 1, line.hash.clone());
            }
            let file = parts.fs.open(&last.path, OpenMode::Write)?;
            // A crash may have cut the last line off; it was promised to nobody.
            file.set_len(text.whole_bytes)?;
            open = Some((file, text.whole_bytes));
        }
        Ok(Writer { parts, open, next, previous, missed, failures })
    }

    fn run(&mut self, events: &Receiver<AuditEvent>) {
        let mut looked: Option<Instant> = None;
        loop {
            let first = match events.recv_timeout(LOOK) {
                Ok(event) => Some(event),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => {
                    self.write(Vec::new());
                    return;
                }
            };
            match first {
                Some(first) => {
                    let batch = std::iter::once(first).chain(events.try_iter().take(QUEUE));
                    self.write(batch.collect());
                }
                None => {
                    self.write(Vec::new());
                    if looked.is_none_or(|at| at.elapsed() >= LOOK_FOR_OLD) {
                        self.remove_old();
                        looked = Some(Instant::now());
                    }
                }
            }
        }
    }

    /// Appends a batch, and what was missed before it.
    fn write(&mut self, mut batch: Vec<AuditEvent>) {
        let missed = self.missed.swap(0, Ordering::Relaxed);
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
            self.missed.fetch_add(batch.len() as u64, Ordering::Relaxed);
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
        if self.open.is_none() {
            self.reopen();
        }
        if self.open.as_ref().is_none_or(|(_, bytes)| *bytes >= FILE_BYTES) {
            let path = path_of(&self.parts.dir, self.next);
            let file = self.parts.fs.open(&path, OpenMode::Create)?;
            self.parts.fs.sync_dir(&self.parts.dir)?;
            self.open = Some((file, 0));
        }
        let (file, bytes) = self.open.as_mut().expect("it was opened");
        let written = file.write_at(*bytes, text.as_bytes()).and_then(|()| file.sync_data());
        if let Err(error) = written {
            // What is there is found out before the next line.
            self.open = None;
            return Err(error);
        }
        *bytes += text.len() as u64;
        (self.next, self.previous) = (next, previous);
        Ok(())
    }

    /// Finds out what became of the file after a failed write.
    fn reopen(&mut self) {
        let found = files(&*self.parts.fs, &self.parts.dir).ok();
        let Some(last) = found.and_then(|files| files.last().cloned()) else { return };
        let Ok(text) = read(&*self.parts.fs, &last.path) else { return };
        self.next = last.first;
        if let Some(line) = text.lines.iter().rev().find_map(|line| line.as_ref().ok()) {
            (self.next, self.previous) = (line.seq + 1, line.hash.clone());
        }
        let opened = self.parts.fs.open(&last.path, OpenMode::Write);
        let cut = opened.and_then(|file| file.set_len(text.whole_bytes).map(|()| file));
        self.open = cut.ok().map(|file| (file, text.whole_bytes));
    }

    /// Removes files of which every line is too old; the newest stays.
    fn remove_old(&self) {
        let Ok(found) = files(&*self.parts.fs, &self.parts.dir) else { return };
        let kept_ns = i64::try_from(self.parts.settings.kept.as_nanos()).unwrap_or(i64::MAX);
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
