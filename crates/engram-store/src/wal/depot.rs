//! The depot: the log's directory, and the segment files in it that are not (or no longer) part of the log.
//!
//! Guarantee: a file gets a segment name only after its zeros and its header are synced, and
//! [`Depot::activate`] returns only after the name is synced too. A crash anywhere in here leaves at most a
//! spare, and spares found at open are zeroed again before use.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use super::error::LogError;
use super::segment::{Predecessor, SegmentHeader, segment_name, spare_name};
use super::types::LogOptions;
use crate::bug::Bug;
use crate::entropy::Entropy;
use crate::fs::{Fs, FsFile, OpenMode};
use crate::sync::guard;

/// Zeros are written in pieces of this size.
const ZERO_BYTES: usize = 1 << 20;

/// A segment that is open for writing.
#[derive(Clone)]
pub(crate) struct OpenSegment {
    pub(crate) header: SegmentHeader,
    pub(crate) name: String,
    pub(crate) file: Arc<dyn FsFile>,
}

/// A spare file.
#[derive(Clone, Copy, Debug)]
struct Spare {
    number: u64,
    /// Known to be `segment_bytes` of synced zeros.
    clean: bool,
    /// It held commits since the log was opened.
    used: bool,
}

pub(crate) struct Depot {
    pub(crate) fs: Arc<dyn Fs>,
    pub(crate) dir: PathBuf,
    pub(crate) options: LogOptions,
    salt_key: [u8; 32],
    spares: Mutex<Vec<Spare>>,
    next_spare: AtomicU64,
    recycled: AtomicU64,
}

impl Depot {
    pub(crate) fn new(
        fs: Arc<dyn Fs>,
        dir: &Path,
        options: LogOptions,
        entropy: &dyn Entropy,
    ) -> Depot {
        let mut salt_key = [0; 32];
        entropy.fill(&mut salt_key);
        Depot {
            fs,
            dir: dir.to_owned(),
            options,
            salt_key,
            spares: Mutex::new(Vec::new()),
            next_spare: AtomicU64::new(1),
            recycled: AtomicU64::new(0),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    pub(crate) fn open_file(
        &self,
        name: &str,
        mode: OpenMode,
    ) -> Result<Box<dyn FsFile>, LogError> {
        self.fs
            .open(&self.path(name), mode)
            .map_err(|source| LogError::from_io("open", name, source))
    }

    pub(crate) fn sync_dir(&self) -> Result<(), LogError> {
        let result = self.fs.sync_dir(&self.dir);
        result.map_err(|source| LogError::from_io("sync", "the log directory", source))
    }

    /// Takes note of a spare file that was found at open; nothing is known about its content.
    pub(crate) fn found_spare(&self, number: u64) {
        self.next_spare.fetch_max(number + 1, Ordering::Relaxed);
        guard(&self.spares).push(Spare { number, clean: false, used: false });
    }

    /// Segments that were put to use again.
    pub(crate) fn recycled(&self) -> u64 {
        self.recycled.load(Ordering::Relaxed)
    }

    /// Makes the segment `sequence` from a spare, or from a new file when there is none.
    ///
    /// An error leaves nothing that matters: a spare of unknown content, or a segment without frames.
    pub(crate) fn activate(
        &self,
        sequence: u64,
        follows: Predecessor,
    ) -> Result<OpenSegment, LogError> {
        let spare = match self.take_spare() {
            Some(spare) if spare.clean || Bug::SpareNotZeroed.is_on() => spare,
            Some(spare) => self.zero(spare)?,
            None => self.create()?,
        };
        let mut salt = [0; 16];
        let hash = blake3::keyed_hash(&self.salt_key, &sequence.to_le_bytes());
        salt.copy_from_slice(&hash.as_bytes()[..16]);
        let segment_bytes = self.options.segment_bytes;
        let header = SegmentHeader { sequence, segment_bytes, salt, follows };
        let named = self.name_segment(spare, header);
        if named.is_err() {
            guard(&self.spares).push(Spare { clean: false, ..spare });
        }
        let segment = named?;
        if spare.used {
            self.recycled.fetch_add(1, Ordering::Relaxed);
        }
        // The spare has its new name already: after an error it is a segment without frames, which the next try replaces.
        if !Bug::SegmentNameUnsynced.is_on() {
            self.sync_dir()?;
        }
        Ok(segment)
    }

    /// Gives the file its header and its name, which is not durable yet. After an error it is still the spare.
    fn name_segment(&self, spare: Spare, header: SegmentHeader) -> Result<OpenSegment, LogError> {
        let (from, name) = (spare_name(spare.number), segment_name(header.sequence));
        let file = self.open_file(&from, OpenMode::Write)?;
        file.write_at(0, &header.encode())
            .map_err(|source| LogError::from_io("write", &from, source))?;
        file.sync_data().map_err(|source| LogError::from_io("sync", &from, source))?;
        let renamed = self.fs.rename(&self.path(&from), &self.path(&name));
        renamed.map_err(|source| LogError::from_io("rename", &from, source))?;
        Ok(OpenSegment { header, name, file: Arc::from(file) })
    }

    /// Turns the segment `name` into a spare.
    pub(crate) fn retire(&self, name: &str) -> Result<(), LogError> {
        let number = self.next_spare.fetch_add(1, Ordering::Relaxed);
        let renamed = self.fs.rename(&self.path(name), &self.path(&spare_name(number)));
        renamed.map_err(|source| LogError::from_io("rename", name, source))?;
        guard(&self.spares).push(Spare { number, clean: false, used: true });
        self.sync_dir()
    }

    /// One step towards one clean spare and no more than `spare_segments_max` of them: (prepared, removed).
    pub(crate) fn tidy(&self) -> Result<(u64, u64), LogError> {
        if let Some(spare) = self.take_excess() {
            self.remove(spare)?;
            return Ok((0, 1));
        }
        if !self.wants_clean() {
            return Ok((0, 0));
        }
        let spare = match self.take_dirty() {
            Some(spare) => self.zero(spare)?,
            None => self.create()?,
        };
        guard(&self.spares).push(spare);
        Ok((1, 0))
    }

    /// True when [`Depot::tidy`] would do something.
    pub(crate) fn is_untidy(&self) -> bool {
        self.wants_clean() || guard(&self.spares).len() > self.spares_max()
    }

    /// Whether a spare may still have frames in it.
    pub(crate) fn has_remains(&self) -> bool {
        guard(&self.spares).iter().any(|spare| !spare.clean)
    }

    fn spares_max(&self) -> usize {
        self.options.spare_segments_max as usize
    }

    fn wants_clean(&self) -> bool {
        let spares = guard(&self.spares);
        // Spares that are kept anyway are zeroed ahead of time.
        self.spares_max() > 0 && (spares.is_empty() || spares.iter().any(|spare| !spare.clean))
    }

    /// Takes a spare for use: a clean one if there is any.
    fn take_spare(&self) -> Option<Spare> {
        let mut spares = guard(&self.spares);
        let clean = spares.iter().position(|spare| spare.clean);
        let at = clean.or_else(|| spares.len().checked_sub(1))?;
        Some(spares.remove(at))
    }

    fn take_dirty(&self) -> Option<Spare> {
        let mut spares = guard(&self.spares);
        let at = spares.iter().position(|spare| !spare.clean)?;
        Some(spares.remove(at))
    }

    fn take_excess(&self) -> Option<Spare> {
        let mut spares = guard(&self.spares);
        if spares.len() <= self.spares_max() {
            return None;
        }
        let dirty = spares.iter().position(|spare| !spare.clean);
        Some(spares.remove(dirty.unwrap_or(0)))
    }

    fn remove(&self, spare: Spare) -> Result<(), LogError> {
        let name = spare_name(spare.number);
        let removed = self.fs.remove(&self.path(&name));
        removed.map_err(|source| LogError::from_io("remove", &name, source))?;
        self.sync_dir()
    }

    fn create(&self) -> Result<Spare, LogError> {
        let number = self.next_spare.fetch_add(1, Ordering::Relaxed);
        let name = spare_name(number);
        let file = self.open_file(&name, OpenMode::Create)?;
        self.fill(Spare { number, clean: true, used: false }, file.as_ref())
    }

    fn zero(&self, spare: Spare) -> Result<Spare, LogError> {
        let name = spare_name(spare.number);
        let file = self.open_file(&name, OpenMode::Write)?;
        self.fill(Spare { clean: true, ..spare }, file.as_ref())
    }

    /// Writes zeros all over the file and syncs them. A file that cannot be filled is removed: on a full
    /// disk it would only take away the room that is missing.
    fn fill(&self, spare: Spare, file: &dyn FsFile) -> Result<Spare, LogError> {
        let name = spare_name(spare.number);
        let result = self.write_zeros(file);
        if let Err(source) = result {
            // The first error is the one that matters; a file that stays is a spare at the next open.
            let _ = self.fs.remove(&self.path(&name));
            return Err(LogError::from_io("fill", &name, source));
        }
        self.sync_dir()?;
        Ok(spare)
    }

    fn write_zeros(&self, file: &dyn FsFile) -> std::io::Result<()> {
        let len = self.options.segment_bytes;
        if file.len()? > len {
            file.set_len(len)?;
        }
        let zeros = vec![0; ZERO_BYTES.min(len as usize)];
        let mut offset = 0;
        while offset < len {
            let step = (len - offset).min(zeros.len() as u64);
            file.write_at(offset, &zeros[..step as usize])?;
            offset += step;
        }
        file.sync_data()
    }
}
