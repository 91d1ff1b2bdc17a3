//! One suite for every implementation of a seam.
//!
//! Whoever implements [`Fs`], [`Clock`] or [`Entropy`] (the simulator's faulty file system too, with its faults switched
//! off) calls the matching `check_` function from a test. A check panics with a message that names the broken promise.

use std::io::{self, ErrorKind};
use std::path::Path;

use crate::clock::Clock;
use crate::entropy::Entropy;
use crate::fs::{Fs, FsFile, OpenMode, read_all, write_atomically};

/// Checks every promise of [`Fs`] and [`FsFile`] that can be seen without a power cut. `scratch` is a
/// path that the suite may create and fill.
///
/// # Panics
/// When a promise is broken.
pub fn check_fs(fs: &dyn Fs, scratch: &Path) {
    check_directories(fs, scratch);
    check_open_modes(fs, scratch);
    check_positional_io(fs, scratch);
    check_rename_and_remove(fs, scratch);
    check_locks(fs, scratch);
    check_helpers(fs, scratch);
}

/// Checks that `clock` shows a time of this era and does not run backwards when nobody moves it.
///
/// # Panics
/// When a promise is broken.
pub fn check_clock(clock: &dyn Clock) {
    let first = clock.now_ns();
    let second = clock.now_ns();
    assert!(first > 0, "the clock shows nanoseconds since 1970, not {first}");
    assert!(second >= first, "an untouched clock went back from {first} to {second}");
}

/// Checks that `entropy` fills whole buffers of any length and does not repeat itself.
///
/// # Panics
/// When a promise is broken.
pub fn check_entropy(entropy: &dyn Entropy) {
    entropy.fill(&mut []);
    let (mut first, mut second) = ([0; 32], [0; 32]);
    entropy.fill(&mut first);
    entropy.fill(&mut second);
    assert_ne!(first, second, "two fills gave the same 32 bytes");
    let mut long = vec![0; 4099];
    entropy.fill(&mut long);
    for (position, part) in long.chunks(64).filter(|part| part.len() == 64).enumerate() {
        assert!(part.iter().any(|byte| *byte != 0), "64 bytes at part {position} were not filled");
    }
    let (mut low, mut high) = (u8::MAX, 0);
    for byte in long {
        (low, high) = (low.min(byte), high.max(byte));
    }
    assert!(low < 8 && high > 247, "4,099 bytes stay between {low} and {high}");
}

fn expect_kind<T>(result: io::Result<T>, kind: ErrorKind, what: &str) {
    match result {
        Ok(_) => assert_eq!("success", format!("{kind:?}"), "{what}"),
        Err(error) => assert_eq!(error.kind(), kind, "{what}"),
    }
}

fn read(file: &dyn FsFile, offset: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0xEE; len];
    let count = file.read_at(offset, &mut bytes).expect("read_at works");
    bytes.truncate(count);
    bytes
}

fn check_directories(fs: &dyn Fs, scratch: &Path) {
    let missing = scratch.join("absent");
    expect_kind(fs.list(&missing), ErrorKind::NotFound, "list of a missing directory");
    let deep = scratch.join("one/two");
    fs.create_dir_all(&deep).expect("several levels are created");
    fs.create_dir_all(&deep).expect("an existing directory is fine");
    assert!(fs.list(&deep).expect("the new directory is listed").is_empty());
    for name in ["b", "a", "c.wal"] {
        fs.open(&deep.join(name), OpenMode::Create).expect("a file is created");
    }
    assert_eq!(fs.list(&deep).expect("listed"), ["a", "b", "c.wal"], "names are sorted");
    assert!(fs.list(scratch).expect("listed").is_empty(), "directories are not listed as files");
    fs.sync_dir(&deep).expect("a directory can be synced");
    expect_kind(
        fs.open(&missing.join("file"), OpenMode::Create),
        ErrorKind::NotFound,
        "creation in a missing directory",
    );
}

fn check_open_modes(fs: &dyn Fs, scratch: &Path) {
    let path = scratch.join("modes");
    expect_kind(fs.open(&path, OpenMode::Read), ErrorKind::NotFound, "Read of a missing file");
    expect_kind(fs.open(&path, OpenMode::Write), ErrorKind::NotFound, "Write of a missing file");
    let created = fs.open(&path, OpenMode::Create).expect("Create makes the file");
    expect_kind(fs.open(&path, OpenMode::Create), ErrorKind::AlreadyExists, "Create twice");
    created.write_at(0, b"abc").expect("a created file is writable");
    assert_eq!(read(created.as_ref(), 0, 3), b"abc", "a created file is readable");
    let reader = fs.open(&path, OpenMode::Read).expect("Read opens");
    assert_eq!(read(reader.as_ref(), 0, 3), b"abc", "a second handle sees the bytes");
    assert!(reader.write_at(0, b"x").is_err(), "a Read handle must refuse writes");
    let writer = fs.open(&path, OpenMode::Write).expect("Write opens");
    writer.write_at(1, b"X").expect("Write writes");
    assert_eq!(read(reader.as_ref(), 0, 9), b"aXc", "Write keeps the other bytes");
}

fn check_positional_io(fs: &dyn Fs, scratch: &Path) {
    let file = fs.open(&scratch.join("positional"), OpenMode::Create).expect("created");
    assert!(file.is_empty().expect("is_empty works"), "a created file is empty");
    assert!(read(file.as_ref(), 0, 4).is_empty(), "nothing to read in an empty file");
    file.write_at(10_000, b"tail").expect("a write behind the end grows the file");
    assert_eq!(file.len().expect("len works"), 10_004);
    assert_eq!(read(file.as_ref(), 9_998, 100), b"\0\0tail", "a short read only at the end");
    assert!(read(file.as_ref(), 10_004, 4).is_empty(), "nothing behind the end");
    assert!(read(file.as_ref(), 99_999, 4).is_empty(), "nothing far behind the end");
    let pattern: Vec<u8> = (0..9_000_u32).map(|number| (number % 251) as u8).collect();
    file.write_at(500, &pattern).expect("a write over several pages");
    assert_eq!(read(file.as_ref(), 500, pattern.len()), pattern, "the bytes come back");
    file.write_at(4_096, &[0; 4_096]).expect("a page of zeros");
    assert_eq!(read(file.as_ref(), 4_096, 4_096), [0; 4_096], "zeros overwrite");
    assert_eq!(read(file.as_ref(), 4_095, 1), [pattern[3_595]], "the byte before stays");
    file.write_at(3, b"").expect("an empty write is fine");
    file.sync_data().expect("sync_data works");
    file.set_len(1_000).expect("set_len cuts");
    assert_eq!(file.len().expect("len works"), 1_000);
    file.set_len(2_000).expect("set_len extends");
    assert_eq!(read(file.as_ref(), 1_000, 2_000), [0; 1_000], "the extension is zeros");
    assert_eq!(read(file.as_ref(), 500, 500), pattern[..500], "what was kept is unchanged");
}

fn check_rename_and_remove(fs: &dyn Fs, scratch: &Path) {
    let (from, to) = (scratch.join("from"), scratch.join("to"));
    expect_kind(fs.rename(&from, &to), ErrorKind::NotFound, "rename of a missing file");
    expect_kind(fs.remove(&from), ErrorKind::NotFound, "remove of a missing file");
    let handle = fs.open(&from, OpenMode::Create).expect("created");
    handle.write_at(0, b"new").expect("written");
    let old = fs.open(&to, OpenMode::Create).expect("created");
    old.write_at(0, b"older").expect("written");
    fs.rename(&from, &to).expect("rename replaces");
    expect_kind(fs.open(&from, OpenMode::Read), ErrorKind::NotFound, "the old name is gone");
    assert_eq!(read_all(fs, &to).expect("read"), b"new", "the new content has the name");
    handle.write_at(3, b"er").expect("the handle follows the file");
    assert_eq!(read_all(fs, &to).expect("read"), b"newer", "the handle follows the file");
    fs.remove(&to).expect("removed");
    expect_kind(fs.open(&to, OpenMode::Read), ErrorKind::NotFound, "a removed file is gone");
    fs.sync_dir(scratch).expect("the directory can be synced");
}

fn check_locks(fs: &dyn Fs, scratch: &Path) {
    let path = scratch.join("lock");
    let held = fs.lock(&path).expect("a free lock is taken and its file created");
    expect_kind(fs.lock(&path), ErrorKind::WouldBlock, "a held lock");
    drop(held);
    drop(fs.lock(&path).expect("a dropped lock is free again"));
}

fn check_helpers(fs: &dyn Fs, scratch: &Path) {
    let path = scratch.join("atomic");
    expect_kind(read_all(fs, &path), ErrorKind::NotFound, "read_all of a missing file");
    write_atomically(fs, &path, b"first").expect("written");
    write_atomically(fs, &path, b"2").expect("replaced");
    assert_eq!(read_all(fs, &path).expect("read"), b"2", "replaced as a whole");
    let leftover = fs.open(&scratch.join("atomic.tmp"), OpenMode::Create).expect("created");
    leftover.write_at(0, b"leftover of a crash").expect("written");
    write_atomically(fs, &path, b"third").expect("a leftover is overwritten");
    assert_eq!(read_all(fs, &path).expect("read"), b"third");
    let names = fs.list(scratch).expect("listed");
    assert!(!names.iter().any(|name| name.ends_with(".tmp")), "no temporary file stays: {names:?}");
}
