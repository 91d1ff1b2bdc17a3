//! [`FileMoves`]: many files that change places at once, so that a repaired directory takes the place of a damaged one in one step.
//!
//! Guarantees: nothing is ever overwritten or removed, files only change their names; until the list of moves is durable all files are
//! where they were; from then on [`FileMoves::finish`] completes the moves, as often as it is interrupted.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::StoreError;
use crate::fs::{Fs, OpenMode, read_all, write_atomically};

/// Name of the list of moves that are under way.
pub const MOVES_NAME: &str = "REPAIR";
/// The list is a few names; more is none of ours. In bytes.
const MOVES_BYTES_MAX: u64 = 64 << 20;
const FIRST_LINE: &str = "engram repair, format 1";
/// Folder, within that of the moves, of the files that come in.
const NEW_DIR: &str = "new";
const FOLDER_PREFIX: &str = "repair-";
const SUM_BYTES: usize = 16;

/// Files of a directory that move out of it and into it at once. All names are relative to the directory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileMoves {
    /// Folder in the directory that takes what moves out, under the same names. Starts with `repair-`.
    pub folder: String,
    /// Files that move out.
    pub aside: Vec<String>,
    /// Files that move in: each is ready at [`FileMoves::place_of_new`], and complete and synced there.
    pub install: Vec<String>,
}

impl FileMoves {
    /// Where a file is made ready that will move in as `name`.
    pub fn place_of_new(&self, dir: &Path, name: &str) -> PathBuf {
        dir.join(&self.folder).join(NEW_DIR).join(name)
    }

    /// Moves everything. An error before the list of moves is durable leaves all as it was; after that, the next [`FileMoves::finish`]
    /// completes it.
    ///
    /// # Errors
    /// `Io`, `DiskFull`; `Corrupt` for names that are none.
    pub fn carry_out(&self, fs: &dyn Fs, dir: &Path) -> Result<(), StoreError> {
        let bytes = self.encode();
        let moves = FileMoves::decode(&bytes)?;
        for name in moves.aside.iter().chain(&moves.install) {
            let place = dir.join(&moves.folder).join(name);
            let parent = place.parent().unwrap_or(dir);
            fs.create_dir_all(parent).map_err(|source| failed("create", name, source))?;
            let target = dir.join(name);
            let parent = target.parent().unwrap_or(dir);
            fs.create_dir_all(parent).map_err(|source| failed("create", name, source))?;
        }
        let written = write_atomically(fs, &dir.join(MOVES_NAME), &bytes);
        written.map_err(|source| failed("write", MOVES_NAME, source))?;
        moves.complete(fs, dir)
    }

    /// Completes moves that were interrupted. True when there were some.
    ///
    /// # Errors
    /// `Io`; `Corrupt` when the list of moves is not what was written, `NewerFormat`.
    pub fn finish(fs: &dyn Fs, dir: &Path) -> Result<bool, StoreError> {
        let path = dir.join(MOVES_NAME);
        let len = match fs.open(&path, OpenMode::Read).and_then(|file| file.len()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            len => len.map_err(|source| failed("read", MOVES_NAME, source))?,
        };
        if len > MOVES_BYTES_MAX {
            return Err(corrupt());
        }
        let bytes = read_all(fs, &path).map_err(|source| failed("read", MOVES_NAME, source))?;
        FileMoves::decode(&bytes)?.complete(fs, dir)?;
        Ok(true)
    }

    /// First all moves out, made durable; then all moves in. So a file at the place of one that moved in is never taken for the one
    /// that moved out.
    fn complete(&self, fs: &dyn Fs, dir: &Path) -> Result<(), StoreError> {
        let aside = |name: &String| (dir.join(name), dir.join(&self.folder).join(name));
        move_all(fs, &self.aside, aside, Occupied::Stays)?;
        let install = |name: &String| (self.place_of_new(dir, name), dir.join(name));
        move_all(fs, &self.install, install, Occupied::IsReplaced)?;
        let removed = fs.remove(&dir.join(MOVES_NAME)).and_then(|()| fs.sync_dir(dir));
        removed.map_err(|source| failed("remove", MOVES_NAME, source))
    }

    fn encode(&self) -> Vec<u8> {
        let mut text = format!("{FIRST_LINE}\nfolder {}\n", self.folder);
        for (word, names) in [("aside", &self.aside), ("install", &self.install)] {
            for name in names {
                text.push_str(&format!("{word} {name}\n"));
            }
        }
        let sum = sum(text.as_bytes());
        text.push_str(&format!("sum {sum}\n"));
        text.into_bytes()
    }

    fn decode(bytes: &[u8]) -> Result<FileMoves, StoreError> {
        let text = std::str::from_utf8(bytes).map_err(|_| corrupt())?;
        let (body, last) = text
            .strip_suffix('\n')
            .and_then(|text| text.rfind('\n').map(|at| text.split_at(at + 1)))
            .ok_or_else(corrupt)?;
        if last.strip_prefix("sum ") != Some(sum(body.as_bytes()).as_str()) {
            return Err(corrupt());
        }
        let mut lines = body.lines();
        let first = lines.next().unwrap_or_default();
        if first != FIRST_LINE {
            let version = first.strip_prefix("engram repair, format ");
            return Err(match version.and_then(|version| version.parse().ok()) {
                Some(found) => StoreError::NewerFormat { found, supported: 1 },
                None => corrupt(),
            });
        }
        let folder = lines.next().and_then(|line| line.strip_prefix("folder ")).map(str::to_owned);
        let folder = folder.filter(|folder| folder.starts_with(FOLDER_PREFIX) && is_name(folder));
        let folder = folder.ok_or_else(corrupt)?;
        let mut moves = FileMoves { folder, aside: Vec::new(), install: Vec::new() };
        for line in lines {
            let (word, name) = line.split_once(' ').ok_or_else(corrupt)?;
            let parts: Vec<&str> = name.split('/').collect();
            if parts.len() > 2 || !parts.iter().all(|part| is_name(part)) || name == MOVES_NAME {
                return Err(corrupt());
            }
            match word {
                "aside" => moves.aside.push(name.to_owned()),
                "install" => moves.install.push(name.to_owned()),
                _ => return Err(corrupt()),
            }
        }
        Ok(moves)
    }
}

/// What a file at the target means.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Occupied {
    /// The move was made already.
    Stays,
    IsReplaced,
}

fn move_all(
    fs: &dyn Fs,
    names: &[String],
    ends: impl Fn(&String) -> (PathBuf, PathBuf),
    occupied: Occupied,
) -> Result<(), StoreError> {
    let mut dirs = BTreeSet::new();
    for name in names {
        let (from, to) = ends(name);
        dirs.extend([&from, &to].into_iter().filter_map(|path| path.parent().map(Path::to_owned)));
        let is_done = !exists(fs, &from) || (occupied == Occupied::Stays && exists(fs, &to));
        if !is_done {
            fs.rename(&from, &to).map_err(|source| failed("rename", name, source))?;
        }
    }
    for dir in dirs {
        match fs.sync_dir(&dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            synced => synced.map_err(|source| failed("sync", MOVES_NAME, source))?,
        }
    }
    Ok(())
}

/// What cannot be opened is there all the same.
fn exists(fs: &dyn Fs, path: &Path) -> bool {
    !matches!(fs.open(path, OpenMode::Read), Err(error) if error.kind() == io::ErrorKind::NotFound)
}

/// A name that stays within its directory.
fn is_name(part: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    !part.is_empty() && !part.starts_with('.') && part.bytes().all(plain)
}

fn sum(body: &[u8]) -> String {
    let hash = blake3::hash(body);
    hash.as_bytes()[..SUM_BYTES].iter().map(|byte| format!("{byte:02x}")).collect()
}

fn failed(action: &'static str, file: &str, source: io::Error) -> StoreError {
    StoreError::from_io(action, file, source)
}

fn corrupt() -> StoreError {
    let (file, what) = (MOVES_NAME.to_owned(), "it is not what was written".to_owned());
    StoreError::Corrupt { file, offset: 0, bytes: 0, what }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::any;
    use proptest::{collection, proptest};

    use super::*;
    use crate::fs::MemoryFs;

    fn sample() -> FileMoves {
        FileMoves {
            folder: "repair-1".to_owned(),
            aside: vec!["wal/1.wal".to_owned(), "wal/base".to_owned()],
            install: vec!["wal/base".to_owned(), "FORMAT".to_owned()],
        }
    }

    fn filled() -> MemoryFs {
        let fs = MemoryFs::new();
        for name in ["wal/1.wal", "wal/base", "repair-1/new/wal/base", "repair-1/new/FORMAT"] {
            let path = Path::new("/d").join(name);
            fs.create_dir_all(path.parent().unwrap()).unwrap();
            fs.open(&path, OpenMode::Create).unwrap().write_at(0, name.as_bytes()).unwrap();
        }
        fs
    }

    fn content(fs: &MemoryFs, name: &str) -> Option<String> {
        let bytes = read_all(fs, &Path::new("/d").join(name)).ok()?;
        Some(String::from_utf8(bytes).unwrap())
    }

    #[track_caller]
    fn check_moved(fs: &MemoryFs) {
        let now = ["wal/1.wal", "wal/base", "repair-1/wal/1.wal", "repair-1/wal/base", "FORMAT"];
        let said = [
            None,
            Some("repair-1/new/wal/base"),
            Some("wal/1.wal"),
            Some("wal/base"),
            Some("repair-1/new/FORMAT"),
        ];
        for (name, said) in now.into_iter().zip(said) {
            assert_eq!(content(fs, name).as_deref(), said, "{name}");
        }
        assert_eq!(content(fs, MOVES_NAME), None);
    }

    #[test]
    fn moves_come_back_and_every_change_is_seen() {
        let bytes = sample().encode();
        assert_eq!(FileMoves::decode(&bytes).unwrap(), sample());
        for position in 0..bytes.len() {
            let mut bad = bytes.clone();
            bad[position] ^= 1;
            assert!(FileMoves::decode(&bad).is_err(), "{position}");
            assert!(FileMoves::decode(&bytes[..position]).is_err(), "cut at {position}");
        }
    }

    #[test]
    fn names_that_leave_the_directory_are_refused() {
        for name in ["../x", "/etc/passwd", "a/../b", "a/b/c", "", ".", "a//b", "REPAIR", "a b"] {
            let bad = FileMoves { aside: vec![name.to_owned()], ..sample() };
            assert!(FileMoves::decode(&bad.encode()).is_err(), "{name}");
        }
        let bad = FileMoves { folder: "wal".to_owned(), ..sample() };
        assert!(bad.carry_out(&filled(), Path::new("/d")).is_err());
    }

    #[test]
    fn moves_are_finished_from_wherever_they_were_interrupted() {
        let dir = Path::new("/d");
        let fs = filled();
        sample().carry_out(&fs, dir).unwrap();
        check_moved(&fs);
        assert!(!FileMoves::finish(&fs, dir).unwrap(), "nothing is left to do");
        let steps = [
            ("wal/1.wal", "repair-1/wal/1.wal"),
            ("wal/base", "repair-1/wal/base"),
            ("repair-1/new/wal/base", "wal/base"),
            ("repair-1/new/FORMAT", "FORMAT"),
        ];
        for done in 0..=steps.len() {
            let fs = filled();
            fs.create_dir_all(&dir.join("repair-1/wal")).unwrap();
            write_atomically(&fs, &dir.join(MOVES_NAME), &sample().encode()).unwrap();
            for (from, to) in &steps[..done] {
                fs.rename(&dir.join(from), &dir.join(to)).unwrap();
            }
            assert!(FileMoves::finish(&fs, dir).unwrap());
            check_moved(&fs);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_decoded_or_refused(bytes in collection::vec(any::<u8>(), 0..200)) {
            let _ = FileMoves::decode(&bytes);
        }
    }
}
