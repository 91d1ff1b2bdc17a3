//! What the tests of the log share: opening, filling and mangling logs, and a file system that fails on demand.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use engram_store::{
    BlobError, BlobStore, Entry, Frame, Fs, FsFile, FsLock, LogError, LogOptions, Lsn, MemoryBlobs,
    MemoryFs, OpenMode, Recovery, SeededEntropy, ShardLog, SpaceId, read_all,
};

pub(crate) const DIR: &str = "/data/wal";
pub(crate) const SMALL: LogOptions =
    LogOptions { segment_bytes: 16 << 10, spare_segments_max: 2, epoch: 1 };

pub(crate) fn space(number: u32) -> SpaceId {
    let mut bytes = [0xA0; 16];
    bytes[12..].copy_from_slice(&number.to_be_bytes());
    SpaceId(bytes)
}

pub(crate) fn entry(number: u32, payload: &[u8]) -> Entry {
    let state_sum = payload.iter().map(|byte| u64::from(*byte)).sum();
    Entry { space: space(number), kind: 3, payload: payload.to_vec(), state_sum }
}

/// Everything an open gives.
pub(crate) struct Opened {
    pub(crate) log: ShardLog,
    pub(crate) recovery: Recovery,
    pub(crate) frames: Vec<Frame>,
}

impl Opened {
    /// Payloads of each space in replay order.
    pub(crate) fn by_space(&self) -> BTreeMap<SpaceId, Vec<Vec<u8>>> {
        by_space(&self.frames)
    }
}

pub(crate) fn by_space(frames: &[Frame]) -> BTreeMap<SpaceId, Vec<Vec<u8>>> {
    let mut spaces: BTreeMap<SpaceId, Vec<Vec<u8>>> = BTreeMap::new();
    for frame in frames {
        spaces.entry(frame.stamp.space).or_default().push(frame.payload.clone());
    }
    spaces
}

static OPENS: AtomicU64 = AtomicU64::new(1);

pub(crate) fn try_open(fs: Arc<dyn Fs>, options: LogOptions) -> Result<Opened, LogError> {
    let mut frames = Vec::new();
    let entropy = SeededEntropy::new(OPENS.fetch_add(1, Ordering::Relaxed));
    let (log, recovery) = ShardLog::open(fs, DIR.as_ref(), options, &entropy, &mut |frame| {
        frames.push(frame);
        Ok(())
    })?;
    Ok(Opened { log, recovery, frames })
}

pub(crate) fn open(fs: &(impl Fs + Clone + 'static)) -> Opened {
    try_open(Arc::new(fs.clone()), SMALL).unwrap()
}

/// Appends and flushes one batch.
pub(crate) fn commit(log: &ShardLog, batch: &[(u32, &[u8])]) {
    for (number, payload) in batch {
        log.append(entry(*number, payload), 1_000).unwrap();
    }
    assert_eq!(log.flush().unwrap().len(), batch.len());
}

pub(crate) fn read_payloads(log: &ShardLog, number: u32, from: u64) -> Vec<Vec<u8>> {
    let frames = log.read_space(space(number), Lsn(from)).unwrap();
    frames.map(|frame| frame.unwrap().payload).collect()
}

pub(crate) fn segments(fs: &dyn Fs) -> Vec<String> {
    let names = fs.list(DIR.as_ref()).unwrap();
    names.into_iter().filter(|name| !name.starts_with("spare-") && name.ends_with(".wal")).collect()
}

/// A deep copy of the log directory with `change` applied to the bytes of one file.
pub(crate) fn mangled(fs: &dyn Fs, name: &str, change: impl FnOnce(&mut Vec<u8>)) -> MemoryFs {
    let copy = MemoryFs::new();
    copy.create_dir_all(DIR.as_ref()).unwrap();
    let mut change = Some(change);
    for file in fs.list(DIR.as_ref()).unwrap() {
        let path = Path::new(DIR).join(&file);
        let mut bytes = read_all(fs, &path).unwrap();
        if file == name {
            change.take().unwrap()(&mut bytes);
        }
        let file = copy.open(&path, OpenMode::Create).unwrap();
        file.set_len(bytes.len() as u64).unwrap();
        file.write_at(0, &bytes).unwrap();
    }
    assert!(change.is_none(), "{name} is there");
    copy
}

pub(crate) fn file_bytes(fs: &dyn Fs, name: &str) -> Vec<u8> {
    read_all(fs, &Path::new(DIR).join(name)).unwrap()
}

/// Offsets of the frames of a segment, found by walking their lengths.
pub(crate) fn frame_offsets(bytes: &[u8]) -> Vec<usize> {
    let mut offsets = Vec::new();
    let mut at = 4096;
    while at + 88 < bytes.len() && bytes[at + 4] != 0 {
        offsets.push(at);
        let len = u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
        at += 88 + len.next_multiple_of(8);
    }
    offsets
}

type SyncHook = Box<dyn Fn() -> io::Result<()> + Send>;

/// What a [`FailingFs`] does.
#[derive(Default)]
pub(crate) struct Faults {
    /// Counts every call that changes files.
    pub(crate) changes: AtomicU64,
    pub(crate) reads: AtomicU64,
    pub(crate) writes: AtomicU64,
    pub(crate) syncs: AtomicU64,
    /// The change with this number, and all after it, fail; 0 = none.
    pub(crate) fail_from: AtomicU64,
    /// Only the change with this number fails; 0 = none.
    pub(crate) fail_at: AtomicU64,
    /// The changes, by what they do.
    pub(crate) trace: Mutex<Vec<&'static str>>,
    /// Growing a file fails with `StorageFull`.
    pub(crate) full: AtomicBool,
    /// Reading this part of this file fails, as many times as `unreadable_times` says.
    pub(crate) unreadable: Mutex<Option<(String, Range<u64>)>>,
    pub(crate) unreadable_times: AtomicU64,
    pub(crate) renamed: AtomicBool,
    /// Syncing the directory after a rename fails with `StorageFull`.
    pub(crate) full_dir: AtomicBool,
    /// Files that are open now, and the most that ever were.
    pub(crate) handles: (AtomicU64, AtomicU64),
    /// Called in each `sync_data`.
    pub(crate) on_sync: Mutex<Option<SyncHook>>,
}

/// A file system in memory that fails as [`Faults`] says. A failed write leaves half of its bytes.
#[derive(Clone, Default)]
pub(crate) struct FailingFs {
    pub(crate) inner: MemoryFs,
    pub(crate) faults: Arc<Faults>,
}

impl Faults {
    fn change(&self, what: &'static str) -> io::Result<()> {
        let number = self.changes.fetch_add(1, Ordering::SeqCst) + 1;
        self.trace.lock().unwrap().push(what);
        let from = self.fail_from.load(Ordering::SeqCst);
        let fails = from != 0 && number >= from || number == self.fail_at.load(Ordering::SeqCst);
        if fails { Err(io::Error::other("injected")) } else { Ok(()) }
    }
}

impl Fs for FailingFs {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        self.inner.create_dir_all(dir)
    }
    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.inner.list(dir)
    }
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Box<dyn FsFile>> {
        if mode == OpenMode::Create {
            self.faults.change("create")?;
        }
        let file = self.inner.open(path, mode)?;
        let name = path.file_name().unwrap().to_str().unwrap();
        let (now, most) = &self.faults.handles;
        most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        Ok(Box::new(FailingFile { file, name: name.to_owned(), faults: Arc::clone(&self.faults) }))
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.faults.change("rename")?;
        self.faults.renamed.store(true, Ordering::SeqCst);
        self.inner.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.faults.change("remove")?;
        self.inner.remove(path)
    }
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.faults.change("sync_dir")?;
        if self.faults.full_dir.load(Ordering::SeqCst)
            && self.faults.renamed.swap(false, Ordering::SeqCst)
        {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.inner.sync_dir(dir)
    }
    fn lock(&self, path: &Path) -> io::Result<Box<dyn FsLock>> {
        self.inner.lock(path)
    }
}

struct FailingFile {
    name: String,
    file: Box<dyn FsFile>,
    faults: Arc<Faults>,
}

impl Drop for FailingFile {
    fn drop(&mut self) {
        self.faults.handles.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl FsFile for FailingFile {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        self.faults.reads.fetch_add(1, Ordering::SeqCst);
        if let Some((name, range)) = self.faults.unreadable.lock().unwrap().as_ref()
            && *name == self.name
            && offset < range.end
            && range.start < offset + buf.len() as u64
            && self.faults.unreadable_times.load(Ordering::SeqCst) > 0
        {
            self.faults.unreadable_times.fetch_sub(1, Ordering::SeqCst);
            return Err(io::Error::other("a sector cannot be read"));
        }
        self.file.read_at(offset, buf)
    }
    fn write_at(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.faults.writes.fetch_add(1, Ordering::SeqCst);
        if let Err(error) = self.faults.change("write") {
            self.file.write_at(offset, &data[..data.len() / 2])?;
            return Err(error);
        }
        if self.faults.full.load(Ordering::SeqCst)
            && offset + data.len() as u64 > self.file.len()?
        {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.file.write_at(offset, data)
    }
    fn sync_data(&self) -> io::Result<()> {
        self.faults.syncs.fetch_add(1, Ordering::SeqCst);
        self.faults.change("sync")?;
        if let Some(hook) = self.faults.on_sync.lock().unwrap().as_ref() {
            hook()?;
        }
        self.file.sync_data()
    }
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.faults.change("set_len")?;
        self.file.set_len(len)
    }
}

/// The path of a file of this crate.
pub(crate) fn crate_path(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(relative)
}

type CallHook = Box<dyn Fn(&str) + Send>;

/// What a [`FaultyBlobs`] does.
#[derive(Default)]
pub(crate) struct BlobFaults {
    /// Counts every call.
    pub(crate) calls: AtomicU64,
    /// The call with this number fails for good; 0 = none.
    pub(crate) fail_at: AtomicU64,
    /// The call with this number is `Unavailable`; 0 = none. A change is made all the same.
    pub(crate) unavailable_at: AtomicU64,
    /// Every call is `Unavailable`, and nothing is changed.
    pub(crate) away: AtomicBool,
    /// What is put loses its last byte.
    pub(crate) cuts: AtomicBool,
    /// Called before each call with its key, to wait or to look.
    pub(crate) on_call: Mutex<Option<CallHook>>,
}

/// Objects in memory that fail as [`BlobFaults`] says.
#[derive(Clone, Default)]
pub(crate) struct FaultyBlobs {
    pub(crate) inner: MemoryBlobs,
    pub(crate) faults: Arc<BlobFaults>,
}

impl FaultyBlobs {
    fn call<T>(
        &self,
        key: &str,
        call: impl FnOnce() -> Result<T, BlobError>,
    ) -> Result<T, BlobError> {
        let faults = &self.faults;
        if let Some(hook) = faults.on_call.lock().unwrap().as_ref() {
            hook(key);
        }
        let number = faults.calls.fetch_add(1, Ordering::SeqCst) + 1;
        let (key, what) = (key.to_owned(), "injected".to_owned());
        if faults.away.load(Ordering::SeqCst) {
            return Err(BlobError::Unavailable { key, what });
        }
        if faults.fail_at.load(Ordering::SeqCst) == number {
            return Err(BlobError::Failed { key, what });
        }
        let result = call();
        if faults.unavailable_at.load(Ordering::SeqCst) == number {
            return Err(BlobError::Unavailable { key, what });
        }
        result
    }

    fn kept<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        let cut = usize::from(self.faults.cuts.load(Ordering::SeqCst));
        &bytes[..bytes.len().saturating_sub(cut)]
    }
}

impl BlobStore for FaultyBlobs {
    fn put(&self, key: &str, bytes: &[u8]) -> Result<(), BlobError> {
        self.call(key, || self.inner.put(key, self.kept(bytes)))
    }
    fn put_new(&self, key: &str, bytes: &[u8]) -> Result<(), BlobError> {
        self.call(key, || self.inner.put_new(key, self.kept(bytes)))
    }
    fn get_range(&self, key: &str, offset: u64, out: &mut [u8]) -> Result<usize, BlobError> {
        self.call(key, || self.inner.get_range(key, offset, out))
    }
    fn len(&self, key: &str) -> Result<u64, BlobError> {
        self.call(key, || self.inner.len(key))
    }
    fn list(&self, prefix: &str) -> Result<Vec<String>, BlobError> {
        self.call(prefix, || self.inner.list(prefix))
    }
    fn delete(&self, key: &str) -> Result<(), BlobError> {
        self.call(key, || self.inner.delete(key))
    }
}
