//! [`MemoryFs`]: files in memory, for tests and throw-away databases.
//!
//! It behaves like a machine that never loses power: a sync does nothing. Pages that hold only zeros take no
//! memory, so a pre-allocated log segment costs what was written to it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::{Fs, FsFile, FsLock, OpenMode};
use crate::sync::guard;

const PAGE_BYTES: usize = 4096;

/// Files in memory; clones share the same files.
#[derive(Clone, Debug, Default)]
pub struct MemoryFs {
    tree: Arc<Mutex<Tree>>,
}

#[derive(Debug, Default)]
struct Tree {
    dirs: BTreeSet<PathBuf>,
    files: BTreeMap<PathBuf, Arc<Mutex<Pages>>>,
    locked: BTreeSet<PathBuf>,
}

impl MemoryFs {
    /// An empty file system without any directory.
    pub fn new() -> MemoryFs {
        MemoryFs::default()
    }
}

impl Tree {
    fn require_parent(&self, path: &Path) -> io::Result<()> {
        match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() && !self.dirs.contains(parent) => {
                Err(io::ErrorKind::NotFound.into())
            }
            _ => Ok(()),
        }
    }

    fn require_dir(&self, dir: &Path) -> io::Result<()> {
        if self.dirs.contains(dir) { Ok(()) } else { Err(io::ErrorKind::NotFound.into()) }
    }
}

impl Fs for MemoryFs {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        let mut tree = guard(&self.tree);
        for level in dir.ancestors().filter(|level| !level.as_os_str().is_empty()) {
            if tree.files.contains_key(level) {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            tree.dirs.insert(level.to_owned());
        }
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let tree = guard(&self.tree);
        tree.require_dir(dir)?;
        let files = tree.files.keys().filter(|path| path.parent() == Some(dir));
        Ok(files.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect())
    }

    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Box<dyn FsFile>> {
        let mut tree = guard(&self.tree);
        tree.require_parent(path)?;
        let pages = match (tree.files.get(path), mode) {
            (Some(_), OpenMode::Create) => return Err(io::ErrorKind::AlreadyExists.into()),
            (Some(pages), _) => Arc::clone(pages),
            (None, OpenMode::Create) => {
                let pages = Arc::new(Mutex::new(Pages::default()));
                tree.files.insert(path.to_owned(), Arc::clone(&pages));
                pages
            }
            (None, _) => return Err(io::ErrorKind::NotFound.into()),
        };
        Ok(Box::new(MemoryFile { pages, mode }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut tree = guard(&self.tree);
        tree.require_parent(to)?;
        let pages = tree.files.remove(from).ok_or(io::ErrorKind::NotFound)?;
        tree.files.insert(to.to_owned(), pages);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let removed = guard(&self.tree).files.remove(path);
        removed.map(|_| ()).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        guard(&self.tree).require_dir(dir)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn FsLock>> {
        let mut tree = guard(&self.tree);
        tree.require_parent(path)?;
        if !tree.locked.insert(path.to_owned()) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        tree.files.entry(path.to_owned()).or_default();
        Ok(Box::new(MemoryLock { tree: Arc::clone(&self.tree), path: path.to_owned() }))
    }
}

struct MemoryLock {
    tree: Arc<Mutex<Tree>>,
    path: PathBuf,
}

impl FsLock for MemoryLock {}

impl Drop for MemoryLock {
    fn drop(&mut self) {
        guard(&self.tree).locked.remove(&self.path);
    }
}

struct MemoryFile {
    pages: Arc<Mutex<Pages>>,
    mode: OpenMode,
}

impl MemoryFile {
    fn require_writable(&self) -> io::Result<()> {
        match self.mode {
            OpenMode::Read => Err(io::ErrorKind::PermissionDenied.into()),
            OpenMode::Write | OpenMode::Create => Ok(()),
        }
    }
}

impl FsFile for MemoryFile {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        guard(&self.pages).read(offset, buf)
    }

    fn write_at(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.require_writable()?;
        guard(&self.pages).write(offset, data)
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(guard(&self.pages).len as u64)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.require_writable()?;
        let len = to_position(len)?;
        guard(&self.pages).resize(len);
        Ok(())
    }
}

fn to_position(offset: u64) -> io::Result<usize> {
    usize::try_from(offset).map_err(|_| io::ErrorKind::FileTooLarge.into())
}

/// The content of one file. Invariant: a page that is not in the map reads as zeros, and the bytes of the last page
/// behind `len` are zero.
#[derive(Debug, Default)]
struct Pages {
    len: usize,
    pages: HashMap<usize, Box<[u8]>>,
}

impl Pages {
    fn read(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let start = to_position(offset)?.min(self.len);
        let count = buf.len().min(self.len - start);
        let mut done = 0;
        while done < count {
            let (page, within) = ((start + done) / PAGE_BYTES, (start + done) % PAGE_BYTES);
            let step = (PAGE_BYTES - within).min(count - done);
            match self.pages.get(&page) {
                Some(bytes) => {
                    buf[done..done + step].copy_from_slice(&bytes[within..within + step]);
                }
                None => buf[done..done + step].fill(0),
            }
            done += step;
        }
        Ok(count)
    }

    fn write(&mut self, offset: u64, data: &[u8]) -> io::Result<()> {
        let start = to_position(offset)?;
        let end = start.checked_add(data.len()).ok_or(io::ErrorKind::FileTooLarge)?;
        let mut done = 0;
        while done < data.len() {
            let (page, within) = ((start + done) / PAGE_BYTES, (start + done) % PAGE_BYTES);
            let step = (PAGE_BYTES - within).min(data.len() - done);
            let part = &data[done..done + step];
            if step == PAGE_BYTES && part.iter().all(|byte| *byte == 0) {
                self.pages.remove(&page);
            } else {
                let empty = || vec![0; PAGE_BYTES].into_boxed_slice();
                let bytes = self.pages.entry(page).or_insert_with(empty);
                bytes[within..within + step].copy_from_slice(part);
            }
            done += step;
        }
        self.len = self.len.max(end);
        Ok(())
    }

    fn resize(&mut self, len: usize) {
        if len < self.len {
            let (page, within) = (len / PAGE_BYTES, len % PAGE_BYTES);
            self.pages.retain(|number, _| *number <= page);
            if let Some(bytes) = self.pages.get_mut(&page) {
                bytes[within..].fill(0);
            }
        }
        self.len = len;
    }
}
