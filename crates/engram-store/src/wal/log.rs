//! [`ShardLog`]: the log as its users see it.
//!
//! Locks, always taken in this order and never across the wrong I/O: `upkeep` (one `maintain` at a time), `writer` (one flush
//! at a time, held during its I/O), `catalog` (short), `front` (short; all that `append` takes). So appends go on while a
//! flush waits for the disk, and gather for the next one: group commit.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use super::catalog::{Catalog, SealedSegment};
use super::depot::Depot;
use super::error::LogError;
use super::frame::{FrameHeader, FrameKind};
use super::front::{Front, Status, chain_on, stamps};
use super::read::{OpenFiles, SpaceFrames, last_commits};
use super::recover::recover;
use super::replay::Replayer;
use super::segment::SegmentIndex;
use super::snapshot::{BASE_NAME, Base, SpaceEntry};
use super::types::{Entry, Frame, LogMaintenance, LogOptions, LogStats, Recovery, SpaceTip, Stamp};
use super::writer::{Item, WriteError, Writer, Written};
use crate::bug::Bug;
use crate::entropy::Entropy;
use crate::fs::{Fs, read_all, write_atomically};
use crate::ids::{Lsn, SpaceId};
use crate::sync::guard;

/// One physical log that carries the logical logs of many spaces.
///
/// Promises:
/// - a stamp that [`ShardLog::flush`] returned is replayed by every later [`ShardLog::open`], or its space is reported in
///   [`Recovery::quarantined`];
/// - per space, LSNs are dense and commit times strictly increase, across restarts too;
/// - readers see durable frames only;
/// - after a failed write, sync or a panic in a flush the log acknowledges nothing more until it is opened again;
/// - after a full disk it takes nothing more until [`ShardLog::rollback`], so that no commit gets the LSN of a refused one
///   before its owner has heard of the refusal.
pub struct ShardLog {
    depot: Depot,
    upkeep: Mutex<()>,
    writer: Mutex<Writer>,
    catalog: Mutex<Catalog>,
    front: Mutex<Front>,
    files: OpenFiles,
    counters: Counters,
}

#[derive(Default)]
struct Counters {
    frames: AtomicU64,
    payload_bytes: AtomicU64,
    syncs: AtomicU64,
    flushes: AtomicU64,
}

impl ShardLog {
    /// Recovers the log in `dir` (created when missing) and calls `replay` with every intact frame of every space in log
    /// order: per space dense, chain verified, durable. Frames behind a break of a space's chain are left out; the space is
    /// then in [`Recovery::quarantined`]. The caller holds the lock on the data directory.
    ///
    /// # Errors
    /// `Io` and `DiskFull` from the device, `NewerFormat`, `BadOption`, and whatever `replay` returned, which
    /// aborts the open. The files are as good as before in each case.
    pub fn open(
        fs: Arc<dyn Fs>,
        dir: &Path,
        options: LogOptions,
        entropy: &dyn Entropy,
        replay: &mut dyn FnMut(Frame) -> Result<(), LogError>,
    ) -> Result<(ShardLog, Recovery), LogError> {
        options.check()?;
        let depot = Depot::new(fs, dir, options, entropy);
        let mut replayer = Replayer::new(replay);
        let recovered = recover(&depot, &mut replayer)?;
        let active = recovered.catalog.active.as_ref();
        let mut writer = Writer {
            active: active.map(|view| view.segment.clone()),
            index: active.map_or(SegmentIndex::default(), |view| view.index.clone()),
            fill: recovered.fill,
            ready: recovered.ready,
            next_sequence: recovered.next_sequence,
            follows: recovered.follows,
            clean: recovered.recovery.clean,
        };
        if recovered.recovery == Recovery::default() {
            // A full disk is told at the start of a new log, and its first commit costs one sync.
            writer.start(&depot)?;
        }
        let log = ShardLog {
            depot,
            upkeep: Mutex::new(()),
            writer: Mutex::new(writer),
            catalog: Mutex::new(recovered.catalog),
            front: Mutex::new(Front::new(recovered.spaces, recovered.unseen_suspect)),
            files: OpenFiles::default(),
            counters: Counters::default(),
        };
        Ok((log, recovered.recovery))
    }

    /// Queues a commit and returns its place: the next LSN and the time `max(wall_ns, last + 1)`. Never waits for I/O. It is
    /// durable when a [`ShardLog::flush`] returned its stamp.
    ///
    /// A space that the log has never seen is taken as new, in a damaged log too: its UUID must be freshly drawn, so that it
    /// cannot be one whose commits were all lost. A caller that keeps a record of its own of a space compares it with
    /// [`ShardLog::durable_lsn`] after the open.
    ///
    /// # Errors
    /// `Poisoned`, `Closed`, `Quarantined`, `PayloadTooLarge`; `DiskFull` while the log is halted.
    pub fn append(&self, entry: Entry, wall_ns: i64) -> Result<Stamp, LogError> {
        let (bytes, max) = (entry.payload.len() as u64, self.depot.options.payload_bytes_max());
        if bytes > max {
            return Err(LogError::PayloadTooLarge { bytes, max });
        }
        if self.writer.is_poisoned() {
            return Err(self.panicked());
        }
        guard(&self.front).append(entry, wall_ns)
    }

    /// Writes all that is queued, syncs it once (once more for each segment that gets full) and returns the stamps that are
    /// durable now, in the order of the appends. An empty queue gives an empty list. One flush runs at a time; appends
    /// go on meanwhile.
    ///
    /// # Errors
    /// Nothing of what was queued is acknowledged, nor what was appended meanwhile.
    /// `DiskFull`: there was no room for the next segment and nothing was written. The log is *halted*: appends, flushes and
    /// closing are refused with this error until [`ShardLog::rollback`].
    /// `Poisoned`: a write or sync failed; the queue is dropped, LSNs and times are back at the durable state, and what of it
    /// is on the disk is found out by the next open. `Closed`.
    pub fn flush(&self) -> Result<Vec<Stamp>, LogError> {
        let mut writer = self.lock_writer()?;
        guard(&self.front).check_open()?;
        self.write_queue(&mut writer)
    }

    /// Ends the halt after a `DiskFull` of [`ShardLog::flush`] or [`ShardLog::close`]: drops what is queued, puts LSNs, times
    /// and chains back at the durable state, and lets appends in. Never waits for I/O, so a caller can drop its own
    /// view of the refused commits under the same lock. Does nothing when the log is not halted.
    pub fn rollback(&self) {
        guard(&self.front).resume();
    }

    /// The LSN that the next append to `space` gets, queued ones counted.
    pub fn next_lsn(&self, space: SpaceId) -> Lsn {
        guard(&self.front).next_lsn(space)
    }

    /// The last durable LSN of `space`; `Lsn(0)` when it has none.
    pub fn durable_lsn(&self, space: SpaceId) -> Lsn {
        guard(&self.front).durable_lsn(space)
    }

    /// The last durable commit of `space`; `None` when it has none. Of a quarantined space, the last before its break.
    pub fn tip(&self, space: SpaceId) -> Option<SpaceTip> {
        guard(&self.front).tip(space)
    }

    /// Every space that is not quarantined and its last durable commit, ascending. Spaces that are gone stand here too, as long
    /// as the log remembers them.
    pub fn tips(&self) -> Vec<(SpaceId, SpaceTip)> {
        let entries = guard(&self.front).snapshot().entries;
        let sound = entries.iter().filter(|entry| !entry.quarantined);
        sound.map(|entry| (entry.space, entry.tip)).collect()
    }

    /// Takes in a space whose commits up to `tip` are in files that came from elsewhere: its next commit follows that one. Durable
    /// on return. The log must not know the space.
    ///
    /// # Errors
    /// `Io`, `DiskFull`, `Poisoned`, `Closed`; `Quarantined` where the log knows the space or is damaged. Nothing is changed then.
    pub fn adopt(&self, space: SpaceId, tip: SpaceTip) -> Result<(), LogError> {
        let _no_drop = guard(&self.upkeep);
        let refused = |reason: &str| LogError::Quarantined { space, reason: reason.to_owned() };
        if guard(&self.catalog).frozen {
            return Err(refused("a damaged log takes in no space"));
        }
        let known = {
            let front = guard(&self.front);
            front.check_open()?;
            front.next_lsn(space) != Lsn(1)
        };
        if known {
            return Err(refused("the log knows it already"));
        }
        let base = self.read_base()?.unwrap_or(Base { first_sequence: 1, entries: Vec::new() });
        let entry = SpaceEntry { space, tip, quarantined: false, adopted: true };
        let others = base.entries.into_iter().filter(|other| other.space != space);
        let entries = others.chain([entry]).collect();
        self.write_base(&Base { entries, ..base })?;
        guard(&self.front).settle([(space, tip)].into());
        Ok(())
    }

    /// The durable frames of `space` from LSN `from` on, as of now. What was released and dropped is skipped: see
    /// [`SpaceFrames::next_lsn`]. Works on a poisoned or closed log, and on a quarantined space up to its break.
    ///
    /// # Errors
    /// None yet; the items carry `Io` and `Corrupt`.
    pub fn read_space(&self, space: SpaceId, from: Lsn) -> Result<SpaceFrames<'_>, LogError> {
        let catalog = guard(&self.catalog);
        Ok(SpaceFrames::new(&self.depot, &self.files, &catalog, space, from))
    }

    /// Says that nobody needs the frames of `space` up to `through` any more; [`ShardLog::maintain`] may drop them. Kept in
    /// memory only: repeat it after an open.
    pub fn release(&self, space: SpaceId, through: Lsn) {
        guard(&self.catalog).release(space, through);
    }

    /// Up to `max` spaces, ascending, whose unreleased frames keep the oldest sealed segment from being dropped: whoever
    /// wants the log to be shorter makes them durable elsewhere and releases them. None when there is no such segment or everything
    /// in it is released, and none in a log with quarantined spaces, which drops nothing whatever is released.
    pub fn holding_back(&self, max: usize) -> Vec<SpaceId> {
        let mut catalog = guard(&self.catalog);
        if catalog.frozen {
            return Vec::new();
        }
        catalog.held().into_iter().flatten().take(max).copied().collect()
    }

    /// Whether a file of the log may still have a frame of `space` up to `through`, released or not. Spares that were not zeroed
    /// since they held commits count too: what they hold is not known.
    pub fn holds(&self, space: SpaceId, through: Lsn) -> bool {
        guard(&self.catalog).holds(space, through) || self.depot.has_remains()
    }

    /// Fills the segment that is written to up with its footer where it has a frame of `space` up to `through`, so that it can
    /// be dropped once all in it is released; whether it did.
    ///
    /// # Errors
    /// `DiskFull` and `Io` before anything was written: the log is as good as before. `Poisoned`, `Closed`.
    pub fn roll(&self, space: SpaceId, through: Lsn) -> Result<bool, LogError> {
        let mut writer = self.lock_writer()?;
        guard(&self.front).check_open()?;
        if writer.index.spaces.get(&space).is_none_or(|own| own.first > through) {
            return Ok(false);
        }
        match writer.roll(&self.depot) {
            Ok(written) => {
                writer.clean = false;
                self.counters.syncs.fetch_add(written.syncs, Ordering::Relaxed);
                written.publish(&mut guard(&self.catalog));
                Ok(true)
            }
            Err(WriteError { error, began: false }) => Err(error),
            Err(WriteError { error, .. }) => Err(self.poison(error.to_string())),
        }
    }

    /// One bounded step of upkeep: drops the oldest segment when everything in it is released, or makes one spare segment
    /// ready, or removes one too many. Call it again while [`LogMaintenance::more`] is true. Flushes go on meanwhile.
    /// A halted log is kept up too, for dropping makes room.
    ///
    /// # Errors
    /// `Io` and `DiskFull`; the log is as good as before. `Corrupt` when the segment to drop cannot be read: it
    /// stays. `Poisoned`, `Closed`.
    pub fn maintain(&self) -> Result<LogMaintenance, LogError> {
        let _one_at_a_time = guard(&self.upkeep);
        if self.writer.is_poisoned() {
            return Err(self.panicked());
        }
        match guard(&self.front).check_open() {
            Ok(()) | Err(LogError::DiskFull { .. }) => {}
            Err(error) => return Err(error),
        }
        let mut done = LogMaintenance::default();
        let candidate = guard(&self.catalog).droppable();
        match candidate {
            Some(oldest) => done.dropped = u64::from(self.drop_oldest(&oldest)?),
            None => (done.prepared, done.removed) = self.depot.tidy()?,
        }
        done.more = self.depot.is_untidy() || guard(&self.catalog).droppable().is_some();
        Ok(done)
    }

    /// Flushes, then writes a checkpoint (where every space stands) as a batch of its own, which the next open compares
    /// with what it replays. Afterwards appends and flushes are refused. Closing a closed log does nothing.
    ///
    /// # Errors
    /// As [`ShardLog::flush`]; `DiskFull` leaves the log halted, and it can be closed after [`ShardLog::rollback`].
    pub fn close(&self) -> Result<(), LogError> {
        let mut writer = self.lock_writer()?;
        {
            let mut front = guard(&self.front);
            match front.check_open() {
                Err(LogError::Closed) => return Ok(()),
                result => result?,
            }
            // Appends must not slip in between the last flush and the checkpoint.
            front.status = Status::Closed;
        }
        self.write_queue(&mut writer)?;
        self.write_checkpoint(&mut writer)
    }

    /// Why the log refuses everything, if it does.
    pub fn poisoned(&self) -> Option<String> {
        if self.writer.is_poisoned() {
            return Some(self.panicked().to_string());
        }
        match &guard(&self.front).status {
            Status::Poisoned(reason) => Some(reason.clone()),
            Status::Open | Status::Halted(_) | Status::Closed => None,
        }
    }

    /// Counters since the open.
    pub fn stats(&self) -> LogStats {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (segments, bytes_on_disk) = {
            let catalog = guard(&self.catalog);
            (catalog.segments(), catalog.bytes())
        };
        let queued = guard(&self.front).queue.len() as u64;
        LogStats {
            frames: load(&self.counters.frames),
            payload_bytes: load(&self.counters.payload_bytes),
            syncs: load(&self.counters.syncs),
            flushes: load(&self.counters.flushes),
            segments,
            bytes_on_disk,
            recycled: self.depot.recycled(),
            queued,
        }
    }

    fn lock_writer(&self) -> Result<MutexGuard<'_, Writer>, LogError> {
        self.writer.lock().map_err(|_| self.panicked())
    }

    /// A panic in a flush left the end of the log unknown.
    fn panicked(&self) -> LogError {
        self.poison("a flush panicked".to_owned())
    }

    fn poison(&self, reason: String) -> LogError {
        let mut front = guard(&self.front);
        front.roll_back();
        if !matches!(front.status, Status::Poisoned(_)) && !Bug::PoisonForgotten.is_on() {
            front.status = Status::Poisoned(reason.clone());
        }
        LogError::Poisoned { reason }
    }

    fn write_queue(&self, writer: &mut Writer) -> Result<Vec<Stamp>, LogError> {
        let (queue, mut tips) = guard(&self.front).take_queue();
        if queue.is_empty() {
            return Ok(Vec::new());
        }
        let epoch = self.depot.options.epoch;
        let mut items = Vec::with_capacity(queue.len());
        for queued in &queue {
            let header = chain_on(queued, epoch, &mut tips);
            items.push(Item { header, payload: &queued.entry.payload });
        }
        writer.clean = false;
        self.commit(writer, &items)?;
        // The frames can be read before anybody hears that they are durable.
        guard(&self.front).settle(tips);
        Ok(stamps(&queue))
    }

    fn write_checkpoint(&self, writer: &mut Writer) -> Result<(), LogError> {
        if writer.clean {
            return Ok(());
        }
        let parts = guard(&self.front).snapshot();
        let parts = parts.encode_parts(self.depot.options.payload_bytes_max());
        let header = FrameHeader::service(FrameKind::Checkpoint, self.depot.options.epoch, 0);
        let checkpoint = parts.iter().map(|payload| Item { header, payload: payload.as_slice() });
        // One bad block must not take the last commits and the proof that they were durable.
        let padding = writer.padding();
        let header = FrameHeader::service(FrameKind::Padding, header.epoch, 0);
        let padding = padding.iter().map(|payload| Item { header, payload: payload.as_slice() });
        let items: Vec<Item<'_>> = padding.chain(checkpoint).collect();
        self.commit(writer, &items)?;
        writer.clean = true;
        Ok(())
    }

    fn commit(&self, writer: &mut Writer, items: &[Item<'_>]) -> Result<(), LogError> {
        match writer.write(&self.depot, items) {
            Ok(written) => {
                self.count(&written, items);
                written.publish(&mut guard(&self.catalog));
                Ok(())
            }
            Err(WriteError { error: LogError::DiskFull { file }, began: false }) => {
                guard(&self.front).halt(&file);
                Err(LogError::DiskFull { file })
            }
            Err(WriteError { error, .. }) => Err(self.poison(error.to_string())),
        }
    }

    fn count(&self, written: &Written, items: &[Item<'_>]) {
        let add = |counter: &AtomicU64, value: u64| counter.fetch_add(value, Ordering::Relaxed);
        let is_commit = |item: &&Item<'_>| item.header.frame_kind == FrameKind::Commit;
        let bytes = items.iter().filter(is_commit).map(|item| item.payload.len() as u64);
        add(&self.counters.frames, items.iter().filter(is_commit).count() as u64);
        add(&self.counters.payload_bytes, bytes.sum());
        add(&self.counters.syncs, written.syncs);
        add(&self.counters.flushes, 1);
    }

    /// Records where the spaces stand behind the oldest segment, then takes it out of the log.
    fn drop_oldest(&self, oldest: &Arc<SealedSegment>) -> Result<bool, LogError> {
        let base = self.base_behind(oldest)?;
        // A reader may have come in between; the new base is right with or without the segment.
        self.write_base(&base)?;
        if !guard(&self.catalog).take_oldest(oldest) {
            return Ok(false);
        }
        self.files.forget(oldest.header.sequence);
        self.depot.retire(&oldest.name)?;
        Ok(true)
    }

    fn base_behind(&self, oldest: &SealedSegment) -> Result<Base, LogError> {
        let before = self.read_base()?.map(|base| base.entries).unwrap_or_default();
        let before = before.into_iter().map(|entry| (entry.space, entry));
        let mut entries: BTreeMap<SpaceId, SpaceEntry> = before.collect();
        for (space, tip) in last_commits(&self.depot, &self.files, oldest)? {
            entries.insert(space, SpaceEntry { space, tip, quarantined: false, adopted: false });
        }
        let entries = entries.into_values().collect();
        Ok(Base { first_sequence: oldest.header.sequence + 1, entries })
    }

    /// None where nothing was dropped yet.
    fn read_base(&self) -> Result<Option<Base>, LogError> {
        let io = |source| LogError::from_io("read", BASE_NAME, source);
        let bytes = match read_all(self.depot.fs.as_ref(), &self.depot.path(BASE_NAME)) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            result => result.map_err(io)?,
        };
        let corrupt = || LogError::Corrupt {
            file: BASE_NAME.to_owned(),
            offset: 0,
            what: "it is not what was written".to_owned(),
        };
        Base::decode(&bytes)?.ok_or_else(corrupt).map(Some)
    }

    fn write_base(&self, base: &Base) -> Result<(), LogError> {
        let path = self.depot.path(BASE_NAME);
        let written = write_atomically(self.depot.fs.as_ref(), &path, &base.encode());
        written.map_err(|source| LogError::from_io("write", BASE_NAME, source))
    }
}
