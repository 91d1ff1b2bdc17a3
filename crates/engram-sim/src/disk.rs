//! What a disk holds, what only the page cache holds, and what a power cut leaves of the difference.
//!
//! No fault is decided here; this is the model of the hardware and the kernel:
//! - a write, a change of length, a creation, a rename or a removal is *pending* until it is synced;
//! - a power cut keeps any subset of the pending sectors, in any order, and any subset of the pending changes of names;
//! - a failed sync leaves its pages clean: they are read back, but no later sync will write them.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use crate::rng::Rng;

/// Bytes that a drive writes at once: one of these is drawn for each power cut.
const SECTOR_BYTES: [u64; 2] = [512, 4096];
/// Bytes that the page cache gives up at once.
const PAGE_BYTES: usize = 4096;

/// Names a file whatever it is called.
pub(crate) type Inode = u64;

/// A change of a file that is not durable yet.
#[derive(Clone, Debug)]
enum Pending {
    Write { offset: u64, data: Vec<u8> },
    Length(u64),
}

/// One file.
#[derive(Clone, Debug, Default)]
struct Content {
    /// What the next read sees.
    cache: Vec<u8>,
    /// What is on the platter.
    durable: Vec<u8>,
    pending: Vec<Pending>,
}

/// A change of names that is not durable yet.
#[derive(Clone, Debug)]
enum Naming {
    Link(PathBuf, Inode),
    Unlink(PathBuf, Inode),
    Rename(PathBuf, PathBuf, Inode),
}

impl Naming {
    fn inode(&self) -> Inode {
        match self {
            Naming::Link(_, inode) | Naming::Unlink(_, inode) | Naming::Rename(_, _, inode) => {
                *inode
            }
        }
    }

    fn concerns(&self, dir: &Path) -> bool {
        let inside = |path: &Path| path.parent() == Some(dir);
        match self {
            Naming::Link(path, _) | Naming::Unlink(path, _) => inside(path),
            Naming::Rename(from, to, _) => inside(from) || inside(to),
        }
    }

    fn apply(&self, names: &mut BTreeMap<PathBuf, Inode>) {
        match self {
            Naming::Link(path, inode) => {
                names.insert(path.clone(), *inode);
            }
            Naming::Unlink(path, inode) => {
                if names.get(path) == Some(inode) {
                    names.remove(path);
                }
            }
            Naming::Rename(from, to, inode) => {
                if names.get(from) == Some(inode) {
                    names.remove(from);
                }
                names.insert(to.clone(), *inode);
            }
        }
    }
}

/// Directories, names and files, each as the cache shows them and as they are on the platter.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk {
    dirs: BTreeSet<PathBuf>,
    names: BTreeMap<PathBuf, Inode>,
    durable_names: BTreeMap<PathBuf, Inode>,
    naming: Vec<Naming>,
    contents: BTreeMap<Inode, Content>,
    next: Inode,
    /// Bytes that all files together may have.
    pub(crate) capacity: Option<u64>,
}

/// How much of what was pending a power cut leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Survival {
    Nothing,
    Everything,
    /// Each part by itself, with this chance in percent.
    Some(u64),
}

impl Survival {
    fn draw(rng: &mut Rng) -> Survival {
        match rng.below(6) {
            0 => Survival::Nothing,
            1 => Survival::Everything,
            2 => Survival::Some(10),
            3 => Survival::Some(90),
            _ => Survival::Some(50),
        }
    }

    fn spares(self, rng: &mut Rng) -> bool {
        match self {
            Survival::Nothing => false,
            Survival::Everything => true,
            Survival::Some(percent) => rng.chance(percent),
        }
    }
}

impl Content {
    fn put(bytes: &mut Vec<u8>, offset: u64, data: &[u8]) {
        let (start, end) = (offset as usize, offset as usize + data.len());
        if bytes.len() < end {
            bytes.resize(end, 0);
        }
        bytes[start..end].copy_from_slice(data);
    }

    fn apply(bytes: &mut Vec<u8>, change: &Pending) {
        match change {
            Pending::Write { offset, data } => Content::put(bytes, *offset, data),
            Pending::Length(len) => bytes.resize(*len as usize, 0),
        }
    }

    fn sync(&mut self) {
        for change in std::mem::take(&mut self.pending) {
            Content::apply(&mut self.durable, &change);
        }
    }

    /// Some sectors of what is pending reach the platter; nothing is pending afterwards.
    fn tear(&mut self, rng: &mut Rng) {
        let sector = *rng.pick(&SECTOR_BYTES);
        let survival = Survival::draw(rng);
        let before = self.durable.len();
        let mut wanted = before;
        for change in std::mem::take(&mut self.pending) {
            match &change {
                Pending::Write { offset, data } => {
                    wanted = wanted.max(*offset as usize + data.len());
                    self.tear_write(*offset, data, sector, (survival, rng));
                }
                Pending::Length(len) => {
                    wanted = *len as usize;
                    if survival.spares(rng) {
                        Content::apply(&mut self.durable, &change);
                    }
                }
            }
        }
        // The length is metadata of its own: it may be older or newer than the sectors.
        if self.durable.len() > before && rng.chance(20) {
            self.durable.truncate(before);
        } else if self.durable.len() < wanted && rng.chance(20) {
            self.durable.resize(wanted, 0);
        }
    }

    fn tear_write(
        &mut self,
        offset: u64,
        data: &[u8],
        sector: u64,
        (survival, rng): (Survival, &mut Rng),
    ) {
        let end = offset + data.len() as u64;
        let mut at = offset;
        while at < end {
            let next = ((at / sector + 1) * sector).min(end);
            if survival.spares(rng) {
                let part = &data[(at - offset) as usize..(next - offset) as usize];
                Content::put(&mut self.durable, at, part);
            }
            at = next;
        }
    }

    /// The kernel gives up clean pages: where nothing is pending, the platter shows through.
    fn evict(&mut self, rng: &mut Rng) {
        if self.cache == self.durable {
            return;
        }
        let mut shown = self.durable.clone();
        for change in &self.pending {
            Content::apply(&mut shown, change);
        }
        if shown.len() != self.cache.len() {
            return;
        }
        for page in (0..shown.len()).step_by(PAGE_BYTES) {
            let end = (page + PAGE_BYTES).min(shown.len());
            if rng.chance(50) {
                self.cache[page..end].copy_from_slice(&shown[page..end]);
            }
        }
    }
}

/// Names.
impl Disk {
    pub(crate) fn create_dir_all(&mut self, dir: &Path) -> io::Result<()> {
        let levels = dir.ancestors().filter(|level| !level.as_os_str().is_empty());
        for level in levels {
            if self.names.contains_key(level) {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            self.dirs.insert(level.to_owned());
        }
        Ok(())
    }

    pub(crate) fn require_dir(&self, dir: &Path) -> io::Result<()> {
        let known = self.dirs.contains(dir) || dir.as_os_str().is_empty();
        known.then_some(()).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    pub(crate) fn require_parent(&self, path: &Path) -> io::Result<()> {
        self.require_dir(path.parent().ok_or(io::ErrorKind::InvalidInput)?)
    }

    pub(crate) fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.require_dir(dir)?;
        let inside = self.names.keys().filter(|path| path.parent() == Some(dir));
        Ok(inside.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect())
    }

    pub(crate) fn find(&self, path: &Path) -> Option<Inode> {
        self.names.get(path).copied()
    }

    /// The name that shows an inode, for messages.
    pub(crate) fn name_of(&self, inode: Inode) -> String {
        let path = self.names.iter().find(|(_, other)| **other == inode).map(|(path, _)| path);
        let name = path.and_then(|path| path.file_name()).and_then(|name| name.to_str());
        name.unwrap_or("a removed file").to_owned()
    }

    /// Every file that has a name.
    pub(crate) fn inodes(&self) -> impl Iterator<Item = Inode> + '_ {
        self.names.values().copied()
    }

    /// All files of a directory.
    pub(crate) fn files(&self, dir: &Path) -> Vec<(PathBuf, Inode)> {
        let inside = self.names.iter().filter(|(path, _)| path.parent() == Some(dir));
        inside.map(|(path, inode)| (path.clone(), *inode)).collect()
    }

    pub(crate) fn create(&mut self, path: &Path) -> Inode {
        let inode = self.next;
        self.next += 1;
        self.contents.insert(inode, Content::default());
        self.change(Naming::Link(path.to_owned(), inode));
        inode
    }

    pub(crate) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        self.require_parent(to)?;
        let inode = self.find(from).ok_or(io::ErrorKind::NotFound)?;
        if from != to {
            self.change(Naming::Rename(from.to_owned(), to.to_owned(), inode));
        }
        Ok(())
    }

    pub(crate) fn remove(&mut self, path: &Path) -> io::Result<()> {
        let inode = self.find(path).ok_or(io::ErrorKind::NotFound)?;
        self.change(Naming::Unlink(path.to_owned(), inode));
        Ok(())
    }

    fn change(&mut self, naming: Naming) {
        naming.apply(&mut self.names);
        self.naming.push(naming);
    }

    pub(crate) fn sync_dir(&mut self, dir: &Path) {
        let (synced, rest): (Vec<Naming>, Vec<Naming>) =
            std::mem::take(&mut self.naming).into_iter().partition(|naming| naming.concerns(dir));
        for naming in synced {
            naming.apply(&mut self.durable_names);
        }
        self.naming = rest;
    }
}

/// Bytes.
impl Disk {
    fn content(&self, inode: Inode) -> &Content {
        self.contents.get(&inode).expect("contents stay as long as the disk")
    }

    fn content_mut(&mut self, inode: Inode) -> &mut Content {
        self.contents.get_mut(&inode).expect("contents stay as long as the disk")
    }

    pub(crate) fn len(&self, inode: Inode) -> u64 {
        self.content(inode).cache.len() as u64
    }

    pub(crate) fn read(&self, inode: Inode, offset: u64, buf: &mut [u8]) -> usize {
        let bytes = &self.content(inode).cache;
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
        let count = buf.len().min(bytes.len() - start);
        buf[..count].copy_from_slice(&bytes[start..start + count]);
        count
    }

    /// Bytes that the volume has left for growth.
    fn room(&self) -> u64 {
        let used: u64 = self.inodes().map(|inode| self.len(inode)).sum();
        self.capacity.map_or(u64::MAX, |capacity| capacity.saturating_sub(used))
    }

    /// Writes what fits; `StorageFull` when not all of it did.
    pub(crate) fn write(&mut self, inode: Inode, offset: u64, data: &[u8]) -> io::Result<()> {
        let len = self.len(inode);
        let end = offset + data.len() as u64;
        let growth = end.saturating_sub(len);
        let missing = growth.saturating_sub(self.room());
        let fits = data.len().saturating_sub(missing as usize);
        if fits > 0 {
            let content = self.content_mut(inode);
            Content::put(&mut content.cache, offset, &data[..fits]);
            content.pending.push(Pending::Write { offset, data: data[..fits].to_vec() });
        }
        if missing > 0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    pub(crate) fn set_len(&mut self, inode: Inode, len: u64) -> io::Result<()> {
        if len.saturating_sub(self.len(inode)) > self.room() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let content = self.content_mut(inode);
        content.cache.resize(len as usize, 0);
        content.pending.push(Pending::Length(len));
        Ok(())
    }

    pub(crate) fn sync(&mut self, inode: Inode) {
        self.content_mut(inode).sync();
    }

    /// A sync that failed: some of it was written, the rest is clean in the cache and lost on the platter.
    pub(crate) fn fail_sync(&mut self, inode: Inode, rng: &mut Rng) {
        self.content_mut(inode).tear(rng);
    }

    /// Flips the bits of `mask` in one byte, on the platter and in the cache.
    pub(crate) fn flip(&mut self, inode: Inode, offset: u64, mask: u8) {
        let content = self.content_mut(inode);
        for bytes in [&mut content.durable, &mut content.cache] {
            if let Some(byte) = bytes.get_mut(offset as usize) {
                *byte ^= mask;
            }
        }
    }

    /// The bytes that a read would see.
    pub(crate) fn bytes(&self, inode: Inode) -> &[u8] {
        &self.content(inode).cache
    }
}

/// The end of a process or of the power.
impl Disk {
    /// What the next process finds after a power cut.
    pub(crate) fn cut_power(&self, rng: &mut Rng) -> Disk {
        let mut disk = self.clone();
        let survival = Survival::draw(rng);
        // A later change of a file's name builds on the earlier ones.
        let mut lost = BTreeSet::new();
        for naming in std::mem::take(&mut disk.naming) {
            if lost.contains(&naming.inode()) || !survival.spares(rng) {
                lost.insert(naming.inode());
            } else {
                naming.apply(&mut disk.durable_names);
            }
        }
        disk.names = disk.durable_names.clone();
        for content in disk.contents.values_mut() {
            content.tear(rng);
            content.cache = content.durable.clone();
        }
        disk.drop_unnamed();
        disk
    }

    /// What the next process finds after a kill -9: everything, as the page cache shows it.
    pub(crate) fn kill(&self, rng: &mut Rng) -> Disk {
        let mut disk = self.clone();
        if rng.chance(50) {
            for content in disk.contents.values_mut() {
                content.evict(rng);
            }
        }
        disk
    }

    fn drop_unnamed(&mut self) {
        let named: BTreeSet<Inode> =
            self.names.values().chain(self.durable_names.values()).copied().collect();
        self.contents.retain(|inode, _| named.contains(inode));
    }
}
