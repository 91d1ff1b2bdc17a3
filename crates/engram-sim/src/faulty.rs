//! [`FaultyFs`]: files in memory that fail when they are told to.
//!
//! Every call of [`Fs`] and [`FsFile`] is one numbered operation. Faults are armed by number, so that a seed, or a
//! sweep over all numbers, places them exactly. Without an armed fault it behaves like any other file system.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use engram_store::{Fs, FsFile, FsLock, OpenMode};

use crate::disk::{Disk, Inode};
use crate::rng::Rng;

/// What goes wrong at one operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The operation fails with an input/output error.
    Io,
    /// The operation, and every later one, fails with an input/output error.
    IoForGood,
    /// The operation fails for lack of space.
    Full,
    /// The operation, and every later one that needs space, fails for lack of space.
    FullForGood,
    /// A write stores a part and fails; other operations are spared and the fault waits for the next write.
    ShortWrite,
    /// The process ends here; it may or may not get this operation done.
    Crash,
}

impl Fault {
    /// All faults.
    pub const ALL: [Fault; 6] = [
        Fault::Io,
        Fault::IoForGood,
        Fault::Full,
        Fault::FullForGood,
        Fault::ShortWrite,
        Fault::Crash,
    ];

    /// Name in traces and summaries.
    pub fn name(self) -> &'static str {
        match self {
            Fault::Io => "io",
            Fault::IoForGood => "io-for-good",
            Fault::Full => "full",
            Fault::FullForGood => "full-for-good",
            Fault::ShortWrite => "short-write",
            Fault::Crash => "crash",
        }
    }
}

/// A file system that breaks a promise in silence: with one of these the checkers must fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// `sync_data` says yes and does nothing: the effect of an acknowledgement before the sync.
    SyncData,
    /// `sync_dir` says yes and does nothing.
    SyncDir,
    /// Every third `sync_data` is forgotten.
    SyncSometimes,
    /// A write loses its last sector, in the cache too.
    LostSector,
    /// A rename leaves the replaced file in place until the directory is synced, and then too.
    RenameLost,
}

impl Lie {
    /// All lies.
    pub const ALL: [Lie; 5] =
        [Lie::SyncData, Lie::SyncDir, Lie::SyncSometimes, Lie::LostSector, Lie::RenameLost];
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Power cut: the page cache is gone.
    PowerCut,
    /// Kill -9: the page cache stays.
    Kill,
}

/// What kind of operation is being done; decides how a fault shows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Op {
    Read,
    /// Needs space, or changes names.
    Change,
    Write,
    SyncData,
    SyncDir,
}

struct State {
    disk: Disk,
    rng: Rng,
    /// Number of the next operation, from 0.
    next: u64,
    armed: Vec<(u64, Fault)>,
    lasting: Option<Fault>,
    dead: bool,
    lie: Option<Lie>,
    syncs: u64,
    locked: BTreeSet<PathBuf>,
    fired: BTreeMap<&'static str, u64>,
    log: Vec<String>,
}

/// The file system; clones share one disk and one count of operations.
#[derive(Clone)]
pub struct FaultyFs {
    state: Arc<Mutex<State>>,
}

/// How the operation at hand goes on.
enum Verdict {
    /// As it should.
    Do,
    /// It is done, then the process ends.
    DoAndDie,
    /// It is not done.
    Fail(io::Error),
    /// It is done in part.
    Part(io::Error),
}

impl FaultyFs {
    /// An empty disk. Two with the same seed and the same calls behave alike.
    pub fn new(seed: u64) -> FaultyFs {
        FaultyFs::from_disk(Disk::default(), Rng::new(seed))
    }

    fn from_disk(disk: Disk, rng: Rng) -> FaultyFs {
        let state = State {
            disk,
            rng,
            next: 0,
            armed: Vec::new(),
            lasting: None,
            dead: false,
            lie: None,
            syncs: 0,
            locked: BTreeSet::new(),
            fired: BTreeMap::new(),
            log: Vec::new(),
        };
        FaultyFs { state: Arc::new(Mutex::new(state)) }
    }

    /// Arms a fault for the operation of that number (see [`FaultyFs::operations`]).
    pub fn arm(&self, operation: u64, fault: Fault) {
        self.state().armed.push((operation, fault));
    }

    /// Takes back every fault that is armed or lasting, also a full disk. What has crashed stays so.
    pub fn heal(&self) {
        let mut state = self.state();
        state.armed.clear();
        state.lasting = None;
        state.disk.capacity = None;
    }

    /// Breaks a promise from now on, also after a reboot.
    pub fn lie(&self, lie: Lie) {
        self.state().lie = Some(lie);
    }

    /// Limits the bytes of all files together; none = no limit.
    pub fn limit(&self, bytes: Option<u64>) {
        self.state().disk.capacity = bytes;
    }

    /// Bytes of all files together.
    pub fn used(&self) -> u64 {
        let state = self.state();
        let disk = &state.disk;
        disk.inodes().map(|inode| disk.len(inode)).sum()
    }

    /// Operations done since the disk was made or rebooted.
    pub fn operations(&self) -> u64 {
        self.state().next
    }

    /// Whether a crash has happened: every call fails until the reboot.
    pub fn crashed(&self) -> bool {
        self.state().dead
    }

    /// Ends the process from outside of it: every call fails until the reboot.
    pub fn end(&self) {
        self.state().dead = true;
    }

    /// Whether a fault goes on until it is taken back.
    pub fn lasting(&self) -> bool {
        self.state().lasting.is_some()
    }

    /// How often each fault showed, by [`Fault::name`].
    pub fn fired(&self) -> BTreeMap<&'static str, u64> {
        self.state().fired.clone()
    }

    /// Takes out the notes on faults that showed, in order.
    pub fn take_notes(&self) -> Vec<String> {
        std::mem::take(&mut self.state().log)
    }

    /// The disk as the next process finds it. This file system is dead afterwards; nothing is armed on the new one.
    pub fn reboot(&self, end: End) -> FaultyFs {
        let mut state = self.state();
        state.dead = true;
        let mut rng = state.rng.split();
        let disk = match end {
            End::PowerCut => state.disk.cut_power(&mut rng),
            End::Kill => state.disk.kill(&mut rng),
        };
        let next = FaultyFs::from_disk(disk, rng);
        next.state().lie = state.lie;
        next
    }

    /// Flips the bits of `mask` in the byte at `offset` of a file, at rest. False when there is no such byte.
    pub fn rot(&self, path: &Path, offset: u64, mask: u8) -> bool {
        let mut state = self.state();
        let Some(inode) = state.disk.find(path).filter(|inode| offset < state.disk.len(*inode))
        else {
            return false;
        };
        state.disk.flip(inode, offset, mask);
        true
    }

    /// The files of a directory with their bytes as a reader sees them. Not an operation.
    pub fn peek(&self, dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
        let state = self.state();
        let files = state.disk.files(dir).into_iter();
        files.map(|(path, inode)| (path, state.disk.bytes(inode).to_vec())).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere must not hide its own message behind a poisoned mutex.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn io_error() -> io::Error {
    io::Error::other("injected input/output error")
}

fn full_error() -> io::Error {
    io::Error::new(io::ErrorKind::StorageFull, "injected: no space left on device")
}

impl State {
    /// Counts the operation and says what becomes of it.
    fn begin(&mut self, op: Op, what: impl FnOnce(&Disk) -> String) -> Verdict {
        let number = self.next;
        self.next += 1;
        if self.dead {
            return Verdict::Fail(io::Error::other("the process has ended"));
        }
        let due = |(at, fault): &(u64, Fault)| match fault {
            Fault::ShortWrite => *at <= number && op == Op::Write,
            Fault::Full | Fault::FullForGood => *at <= number && needs_space(op),
            _ => *at == number,
        };
        let fault = match self.armed.iter().position(due) {
            Some(index) => {
                let (_, fault) = self.armed.swap_remove(index);
                *self.fired.entry(fault.name()).or_default() += 1;
                self.log.push(format!(
                    "{} at operation {number}, {}",
                    fault.name(),
                    what(&self.disk)
                ));
                Some(fault)
            }
            None => self.lasting,
        };
        match fault {
            None => Verdict::Do,
            Some(Fault::Io) => Verdict::Part(io_error()),
            Some(Fault::IoForGood) => {
                self.lasting = Some(Fault::IoForGood);
                Verdict::Part(io_error())
            }
            Some(Fault::Full) => Verdict::Part(full_error()),
            Some(Fault::FullForGood) => {
                self.lasting = Some(Fault::FullForGood);
                if needs_space(op) { Verdict::Part(full_error()) } else { Verdict::Do }
            }
            Some(Fault::ShortWrite) => Verdict::Part(io_error()),
            Some(Fault::Crash) => {
                self.dead = true;
                if self.rng.chance(50) { Verdict::DoAndDie } else { Verdict::Fail(io_error()) }
            }
        }
    }
}

fn needs_space(op: Op) -> bool {
    matches!(op, Op::Change | Op::Write | Op::SyncData)
}

/// The error of an operation after which the process ends.
fn died<T>(result: io::Result<T>) -> io::Result<T> {
    result.and(Err(io_error()))
}

impl FaultyFs {
    /// An operation that is done wholly or not at all.
    fn whole<T>(
        &self,
        op: Op,
        what: impl FnOnce(&Disk) -> String,
        work: impl FnOnce(&mut State) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut state = self.state();
        match state.begin(op, what) {
            Verdict::Do => work(&mut state),
            Verdict::DoAndDie => died(work(&mut state)),
            Verdict::Fail(error) | Verdict::Part(error) => Err(error),
        }
    }

    fn file(&self, inode: Inode, mode: OpenMode) -> Box<dyn FsFile> {
        Box::new(FaultyFile { fs: self.clone(), inode, mode })
    }
}

fn short(path: &Path) -> String {
    path.file_name().and_then(|name| name.to_str()).unwrap_or("?").to_owned()
}

impl Fs for FaultyFs {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        let what = |_: &Disk| format!("create_dir_all {}", short(dir));
        self.whole(Op::Change, what, |state| state.disk.create_dir_all(dir))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let what = |_: &Disk| format!("list {}", short(dir));
        self.whole(Op::Read, what, |state| state.disk.list(dir))
    }

    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Box<dyn FsFile>> {
        let op = if mode == OpenMode::Create { Op::Change } else { Op::Read };
        let what = |_: &Disk| format!("open {mode:?} {}", short(path));
        let inode = self.whole(op, what, |state| {
            state.disk.require_parent(path)?;
            match (state.disk.find(path), mode) {
                (Some(_), OpenMode::Create) => Err(io::ErrorKind::AlreadyExists.into()),
                (Some(inode), _) => Ok(inode),
                (None, OpenMode::Create) => Ok(state.disk.create(path)),
                (None, _) => Err(io::ErrorKind::NotFound.into()),
            }
        })?;
        Ok(self.file(inode, mode))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let what = |_: &Disk| format!("rename {} to {}", short(from), short(to));
        self.whole(Op::Change, what, |state| match (state.lie, state.disk.find(to)) {
            (Some(Lie::RenameLost), Some(_)) => state.disk.remove(from),
            _ => state.disk.rename(from, to),
        })
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let what = |_: &Disk| format!("remove {}", short(path));
        self.whole(Op::Read, what, |state| state.disk.remove(path))
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let what = |_: &Disk| format!("sync_dir {}", short(dir));
        self.whole(Op::SyncDir, what, |state| {
            state.disk.require_dir(dir)?;
            if state.lie != Some(Lie::SyncDir) {
                state.disk.sync_dir(dir);
            }
            Ok(())
        })
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn FsLock>> {
        let what = |_: &Disk| format!("lock {}", short(path));
        self.whole(Op::Change, what, |state| {
            state.disk.require_parent(path)?;
            if !state.locked.insert(path.to_owned()) {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            if state.disk.find(path).is_none() {
                state.disk.create(path);
            }
            Ok(())
        })?;
        Ok(Box::new(FaultyLock { fs: self.clone(), path: path.to_owned() }))
    }
}

struct FaultyLock {
    fs: FaultyFs,
    path: PathBuf,
}

impl FsLock for FaultyLock {}

impl Drop for FaultyLock {
    fn drop(&mut self) {
        self.fs.state().locked.remove(&self.path);
    }
}

struct FaultyFile {
    fs: FaultyFs,
    inode: Inode,
    mode: OpenMode,
}

impl FaultyFile {
    fn require_writable(&self) -> io::Result<()> {
        match self.mode {
            OpenMode::Read => Err(io::ErrorKind::PermissionDenied.into()),
            OpenMode::Write | OpenMode::Create => Ok(()),
        }
    }

    fn what<'a>(&'a self, call: &'a str) -> impl FnOnce(&Disk) -> String + 'a {
        move |disk| format!("{call} {}", disk.name_of(self.inode))
    }
}

impl FsFile for FaultyFile {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let what = self.what("read_at");
        self.fs.whole(Op::Read, what, |state| Ok(state.disk.read(self.inode, offset, buf)))
    }

    fn write_at(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.require_writable()?;
        let mut state = self.fs.state();
        let (inode, len) = (self.inode, data.len());
        let what = |disk: &Disk| format!("write_at {} {offset}+{len}", disk.name_of(inode));
        match state.begin(Op::Write, what) {
            Verdict::Do => {
                let lost = state.lie == Some(Lie::LostSector) && len > 512;
                let kept = if lost { len - 512 } else { len };
                state.disk.write(inode, offset, &data[..kept])
            }
            Verdict::DoAndDie => died(state.disk.write(inode, offset, data)),
            Verdict::Fail(error) => Err(error),
            Verdict::Part(error) => {
                let kept = state.rng.below(len as u64 + 1) as usize;
                state.disk.write(inode, offset, &data[..kept]).and(Err(error))
            }
        }
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.fs.state();
        let state = &mut *state;
        let inode = self.inode;
        match state.begin(Op::SyncData, |disk| format!("sync_data {}", disk.name_of(inode))) {
            Verdict::Do => {
                state.syncs += 1;
                let forgotten = match state.lie {
                    Some(Lie::SyncData) => true,
                    Some(Lie::SyncSometimes) => state.syncs.is_multiple_of(3),
                    _ => false,
                };
                if !forgotten {
                    state.disk.sync(inode);
                }
                Ok(())
            }
            Verdict::DoAndDie => {
                state.disk.sync(inode);
                Err(io_error())
            }
            Verdict::Fail(error) => Err(error),
            Verdict::Part(error) => {
                let mut rng = state.rng.split();
                state.disk.fail_sync(inode, &mut rng);
                Err(error)
            }
        }
    }

    fn len(&self) -> io::Result<u64> {
        self.fs.whole(Op::Read, self.what("len"), |state| Ok(state.disk.len(self.inode)))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.require_writable()?;
        self.fs.whole(Op::Change, self.what("set_len"), |state| state.disk.set_len(self.inode, len))
    }
}
