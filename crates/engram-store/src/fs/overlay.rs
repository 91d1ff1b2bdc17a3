//! [`OverlayFs`]: another file system, seen through changes that stay in memory.
//!
//! Code that writes, recovery above all, can be run on files that must not be touched: it sees its own changes, the files below
//! never do. Only what is changed takes memory, in pages; zeros behind the end of what is below take none.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::{Fs, FsFile, FsLock, OpenMode};
use crate::sync::guard;

const PAGE_BYTES: u64 = 4096;
const ZEROS: [u8; PAGE_BYTES as usize] = [0; PAGE_BYTES as usize];

/// A file system over another one, which is only read. Clones share their changes. Locks are its own: whoever must keep others away
/// from the files below locks them there.
#[derive(Clone)]
pub struct OverlayFs {
    below: Arc<dyn Fs>,
    changes: Arc<Mutex<Changes>>,
}

#[derive(Default)]
struct Changes {
    dirs: BTreeSet<PathBuf>,
    /// What stands in the way of the files below; none = the file is gone.
    files: BTreeMap<PathBuf, Option<Arc<Mutex<Layer>>>>,
    locked: BTreeSet<PathBuf>,
}

/// A file of its own, or what changed of one below.
#[derive(Default)]
struct Layer {
    below: Option<PathBuf>,
    /// How much of the file below still shows, in bytes.
    below_bytes: u64,
    len: u64,
    pages: HashMap<u64, Box<[u8]>>,
}

impl OverlayFs {
    /// Over `below`, without any change.
    pub fn new(below: Arc<dyn Fs>) -> OverlayFs {
        OverlayFs { below, changes: Arc::default() }
    }

    /// The layer of a file that is to be changed or moved.
    fn layer(&self, path: &Path) -> io::Result<Arc<Mutex<Layer>>> {
        if let Some(known) = guard(&self.changes).files.get(path) {
            return known.clone().ok_or_else(|| io::ErrorKind::NotFound.into());
        }
        let len = self.below.open(path, OpenMode::Read)?.len()?;
        let below = Some(path.to_owned());
        let layer = Layer { below, below_bytes: len, len, pages: HashMap::new() };
        let layer = Arc::new(Mutex::new(layer));
        guard(&self.changes).files.insert(path.to_owned(), Some(Arc::clone(&layer)));
        Ok(layer)
    }

    fn handle(&self, layer: Arc<Mutex<Layer>>, mode: OpenMode) -> io::Result<Box<dyn FsFile>> {
        let below = guard(&layer).below.clone();
        let below = below.map(|path| self.below.open(&path, OpenMode::Read)).transpose()?;
        Ok(Box::new(OverlayFile { layer, below, mode }))
    }

    fn has_dir(&self, dir: &Path) -> io::Result<()> {
        if guard(&self.changes).dirs.contains(dir) {
            return Ok(());
        }
        self.below.list(dir).map(|_| ())
    }

    fn require_parent(&self, path: &Path) -> io::Result<()> {
        match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => self.has_dir(parent),
            _ => Ok(()),
        }
    }

    fn exists(&self, path: &Path) -> bool {
        let known = guard(&self.changes).files.get(path).map(Option::is_some);
        known.unwrap_or_else(|| self.below.open(path, OpenMode::Read).is_ok())
    }
}

impl Fs for OverlayFs {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        for level in dir.ancestors().filter(|level| !level.as_os_str().is_empty()) {
            if self.has_dir(level).is_ok() {
                continue;
            }
            if self.exists(level) {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            guard(&self.changes).dirs.insert(level.to_owned());
        }
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let below = self.below.list(dir);
        let changes = guard(&self.changes);
        let below = match below {
            Err(error) if error.kind() == io::ErrorKind::NotFound && changes.dirs.contains(dir) => {
                Vec::new()
            }
            result => result?,
        };
        let mut names: BTreeSet<String> = below.into_iter().collect();
        for (path, file) in &changes.files {
            let name = path.file_name().and_then(|name| name.to_str());
            if let (Some(name), true) = (name, path.parent() == Some(dir)) {
                match file {
                    Some(_) => names.insert(name.to_owned()),
                    None => names.remove(name),
                };
            }
        }
        Ok(names.into_iter().collect())
    }

    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Box<dyn FsFile>> {
        match mode {
            OpenMode::Create => {
                self.require_parent(path)?;
                if self.exists(path) {
                    return Err(io::ErrorKind::AlreadyExists.into());
                }
                let layer: Arc<Mutex<Layer>> = Arc::default();
                let file = Some(Arc::clone(&layer));
                guard(&self.changes).files.insert(path.to_owned(), file);
                self.handle(layer, mode)
            }
            OpenMode::Write => self.handle(self.layer(path)?, mode),
            OpenMode::Read => {
                let known = guard(&self.changes).files.get(path).cloned();
                match known {
                    Some(Some(layer)) => self.handle(layer, mode),
                    Some(None) => Err(io::ErrorKind::NotFound.into()),
                    None => self.below.open(path, mode),
                }
            }
        }
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.require_parent(to)?;
        let layer = self.layer(from)?;
        let mut changes = guard(&self.changes);
        changes.files.insert(from.to_owned(), None);
        changes.files.insert(to.to_owned(), Some(layer));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        if !self.exists(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        guard(&self.changes).files.insert(path.to_owned(), None);
        Ok(())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.has_dir(dir)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn FsLock>> {
        self.require_parent(path)?;
        if !guard(&self.changes).locked.insert(path.to_owned()) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let lock = OverlayLock { changes: Arc::clone(&self.changes), path: path.to_owned() };
        if !self.exists(path) {
            self.open(path, OpenMode::Create)?;
        }
        Ok(Box::new(lock))
    }
}

struct OverlayLock {
    changes: Arc<Mutex<Changes>>,
    path: PathBuf,
}

impl FsLock for OverlayLock {}

impl Drop for OverlayLock {
    fn drop(&mut self) {
        guard(&self.changes).locked.remove(&self.path);
    }
}

struct OverlayFile {
    layer: Arc<Mutex<Layer>>,
    below: Option<Box<dyn FsFile>>,
    mode: OpenMode,
}

impl OverlayFile {
    fn require_writable(&self) -> io::Result<()> {
        match self.mode {
            OpenMode::Read => Err(io::ErrorKind::PermissionDenied.into()),
            OpenMode::Write | OpenMode::Create => Ok(()),
        }
    }

    /// Fills `buf` with what is below, zeros behind its end.
    fn read_below(&self, layer: &Layer, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let shown = layer.below_bytes.saturating_sub(offset).min(buf.len() as u64) as usize;
        let mut read = 0;
        if let (Some(below), true) = (&self.below, shown > 0) {
            read = below.read_at(offset, &mut buf[..shown])?;
        }
        buf[read..].fill(0);
        Ok(())
    }
}

impl FsFile for OverlayFile {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let layer = guard(&self.layer);
        let count = layer.len.saturating_sub(offset).min(buf.len() as u64) as usize;
        let buf = &mut buf[..count];
        self.read_below(&layer, offset, buf)?;
        if layer.pages.is_empty() {
            return Ok(count);
        }
        let mut done = 0;
        while done < count {
            let (page, within) = split(offset + done as u64);
            let step = (PAGE_BYTES as usize - within).min(count - done);
            if let Some(bytes) = layer.pages.get(&page) {
                buf[done..done + step].copy_from_slice(&bytes[within..within + step]);
            }
            done += step;
        }
        Ok(count)
    }

    fn write_at(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.require_writable()?;
        let end = offset.checked_add(data.len() as u64).ok_or(io::ErrorKind::FileTooLarge)?;
        let mut layer = guard(&self.layer);
        let mut done = 0;
        while done < data.len() {
            let (page, within) = split(offset + done as u64);
            let step = (PAGE_BYTES as usize - within).min(data.len() - done);
            let part = &data[done..done + step];
            done += step;
            let unseen = page * PAGE_BYTES >= layer.below_bytes;
            if unseen && part == &ZEROS[..step] && !layer.pages.contains_key(&page) {
                continue;
            }
            if !layer.pages.contains_key(&page) {
                let mut bytes = vec![0; PAGE_BYTES as usize].into_boxed_slice();
                if step < PAGE_BYTES as usize {
                    self.read_below(&layer, page * PAGE_BYTES, &mut bytes)?;
                }
                layer.pages.insert(page, bytes);
            }
            if let Some(bytes) = layer.pages.get_mut(&page) {
                bytes[within..within + step].copy_from_slice(part);
            }
        }
        layer.len = layer.len.max(end);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(guard(&self.layer).len)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.require_writable()?;
        let mut layer = guard(&self.layer);
        if len < layer.len {
            layer.below_bytes = layer.below_bytes.min(len);
            let (page, within) = split(len);
            layer.pages.retain(|number, _| *number <= page);
            if let Some(bytes) = layer.pages.get_mut(&page) {
                bytes[within..].fill(0);
            }
        }
        layer.len = len;
        Ok(())
    }
}

fn split(offset: u64) -> (u64, usize) {
    (offset / PAGE_BYTES, (offset % PAGE_BYTES) as usize)
}
