//! One suite for every implementation of a seam.
//!
//! Whoever implements [`Fs`], [`BlobStore`], [`Clock`] or [`Entropy`] (the simulator's faulty file system too, with its faults switched
//! off) calls the matching `check_` function from a test. A check panics with a message that names the broken promise.

use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::Arc;

use crate::blob::{BLOB_KEY_BYTES_MAX, BlobError, BlobFile, BlobStore};
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

/// Checks every promise of [`BlobStore`] that one caller can see without a power cut. `blobs` has nothing under
/// `conformance/`, and nothing stays there.
///
/// # Panics
/// When a promise is broken.
pub fn check_blobs(blobs: &Arc<dyn BlobStore>) {
    check_objects(blobs.as_ref());
    check_ranges(blobs.as_ref());
    check_listing(blobs.as_ref());
    check_keys(blobs.as_ref());
    check_blob_file(blobs);
    for key in blobs.list("conformance/").expect("listed") {
        blobs.delete(&key).expect("deleted");
    }
    assert!(blobs.list("conformance/").expect("listed").is_empty(), "everything is deleted");
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

fn fetch(blobs: &dyn BlobStore, key: &str) -> Vec<u8> {
    let len = blobs.len(key).expect("the object is there");
    let mut bytes = vec![0xEE; len as usize + 3];
    let read = blobs.get_range(key, 0, &mut bytes).expect("get_range works");
    assert_eq!(read as u64, len, "get_range and len agree on {key}");
    bytes.truncate(read);
    bytes
}

fn expect_absent<T: std::fmt::Debug>(result: Result<T, BlobError>, key: &str) {
    assert_eq!(result.err(), Some(BlobError::NotFound { key: key.to_owned() }), "no {key}");
}

fn check_objects(blobs: &dyn BlobStore) {
    let key = "conformance/objects/one";
    expect_absent(blobs.len(key), key);
    expect_absent(blobs.get_range(key, 0, &mut [0; 4]), key);
    blobs.delete(key).expect("deleting what is not there is fine");
    blobs.put(key, b"first version").expect("put creates");
    assert_eq!(fetch(blobs, key), b"first version");
    blobs.put(key, b"second").expect("put replaces");
    assert_eq!(fetch(blobs, key), b"second", "replaced as a whole");
    let exists = Err(BlobError::Exists { key: key.to_owned() });
    assert_eq!(blobs.put_new(key, b"third"), exists, "put_new of an existing object");
    assert_eq!(fetch(blobs, key), b"second", "a refused put_new changes nothing");
    blobs.delete(key).expect("deleted");
    expect_absent(blobs.len(key), key);
    expect_absent(blobs.get_range(key, 0, &mut [0; 4]), key);
    blobs.put_new(key, b"fourth").expect("put_new creates after a delete");
    assert_eq!(fetch(blobs, key), b"fourth");
    blobs.put(key, b"").expect("an object may be empty");
    assert_eq!(blobs.len(key), Ok(0));
    assert_eq!(blobs.get_range(key, 0, &mut [0; 4]), Ok(0), "nothing in an empty object");
    assert_eq!(blobs.put_new(key, b""), exists, "an empty object is one");
}

fn check_ranges(blobs: &dyn BlobStore) {
    let key = "conformance/ranges";
    // Longer than what any implementation sends in one piece.
    let pattern: Vec<u8> = (0..20_000_003_u32).map(|number| (number % 251) as u8).collect();
    blobs.put(key, &pattern).expect("a long object is put");
    assert_eq!(blobs.len(key), Ok(pattern.len() as u64));
    assert!(fetch(blobs, key) == pattern, "a long object comes back");
    let range = |offset: u64, len: usize| {
        let mut bytes = vec![0xEE; len];
        let read = blobs.get_range(key, offset, &mut bytes).expect("get_range works");
        assert!(bytes[read..].iter().all(|byte| *byte == 0xEE), "what is not read is not touched");
        bytes.truncate(read);
        bytes
    };
    let end = pattern.len() as u64;
    assert_eq!(range(0, 1), pattern[..1]);
    assert_eq!(range(12_345_678, 70_000), pattern[12_345_678..12_415_678]);
    assert_eq!(range(end - 5, 5), pattern[pattern.len() - 5..]);
    assert_eq!(range(end - 5, 500), pattern[pattern.len() - 5..], "less only at the end");
    assert!(range(7, 0).is_empty(), "nothing asked, nothing read");
    for behind in [end, end + 1, 1 << 40, u64::MAX] {
        assert!(range(behind, 9).is_empty(), "nothing at {behind}");
    }
}

fn check_listing(blobs: &dyn BlobStore) {
    let above = "conformance/list/";
    assert_eq!(blobs.list(above), Ok(Vec::new()), "nothing listed where nothing is");
    // As bytes, `-` and `.` sort before `/`, digits behind.
    let names = ["a", "a-b", "a.b", "a/b", "a/b.c", "a/c/d", "a0", "ab"];
    for name in names.iter().rev() {
        blobs.put(&format!("{above}{name}"), name.as_bytes()).expect("put");
    }
    let listed = |prefix: &str| -> Vec<String> {
        let keys = blobs.list(&format!("{above}{prefix}")).expect("listed");
        let strip = |key: &String| key.strip_prefix(above).expect("it has the prefix").to_owned();
        keys.iter().map(strip).collect()
    };
    assert_eq!(listed(""), names, "sorted as bytes");
    assert_eq!(listed("a/"), ["a/b", "a/b.c", "a/c/d"], "by whole parts");
    assert_eq!(listed("a/c/"), ["a/c/d"]);
    assert_eq!(listed("a/b/"), [""; 0], "an object is not below itself");
    let everything = blobs.list("").expect("the empty prefix lists all");
    assert!(everything.is_sorted() && everything.contains(&format!("{above}a/c/d")));
    blobs.delete(&format!("{above}a/b")).expect("deleted");
    assert_eq!(listed("a/"), ["a/b.c", "a/c/d"], "deleted is not listed");
    let many: Vec<String> = (0..25).map(|number| format!("many/{number:04}")).collect();
    for name in &many {
        blobs.put(&format!("{above}{name}"), b"").expect("put");
    }
    assert_eq!(listed("many/"), many, "all pages");
}

fn check_keys(blobs: &dyn BlobStore) {
    let longest = format!("conformance/{:=<1$}", "", BLOB_KEY_BYTES_MAX - "conformance/".len());
    for good in ["conformance/A-Z_0.9=", "conformance/..a", "conformance/x.tmp", &longest] {
        blobs.put(good, good.as_bytes()).expect("any key is taken");
        assert_eq!(fetch(blobs, good), good.as_bytes());
        assert!(blobs.list("conformance/").expect("listed").iter().any(|key| key == good));
        blobs.delete(good).expect("deleted");
    }
    for bad in ["", "/a", "conformance/", "conformance/../a", "conformance//a", "a b", "ä"] {
        let failed = |result: Result<(), BlobError>, call: &str| {
            assert!(
                matches!(result, Err(BlobError::Failed { .. })),
                "{call} of {bad:?}: {result:?}"
            );
        };
        failed(blobs.put(bad, b""), "put");
        failed(blobs.put_new(bad, b""), "put_new");
        failed(blobs.get_range(bad, 0, &mut [0]).map(drop), "get_range");
        failed(blobs.len(bad).map(drop), "len");
        failed(blobs.delete(bad), "delete");
    }
    for bad in ["conformance", "/", "../"] {
        assert!(matches!(blobs.list(bad), Err(BlobError::Failed { .. })), "list of {bad:?}");
    }
}

fn check_blob_file(blobs: &Arc<dyn BlobStore>) {
    let key = "conformance/file";
    assert!(BlobFile::open(Arc::clone(blobs), key).is_err(), "no object, no file");
    blobs.put(key, b"abcdef").expect("put");
    let file = BlobFile::open(Arc::clone(blobs), key).expect("opened");
    assert_eq!(file.len().expect("it has a length"), 6);
    assert_eq!(read(&file, 2, 3), b"cde");
    assert_eq!(read(&file, 4, 9), b"ef", "a short read only at the end");
    assert!(read(&file, 6, 9).is_empty() && read(&file, u64::MAX, 9).is_empty());
    expect_kind(file.write_at(0, b"x"), ErrorKind::PermissionDenied, "write of an object");
    expect_kind(file.set_len(1), ErrorKind::PermissionDenied, "set_len of an object");
    expect_kind(file.sync_data(), ErrorKind::PermissionDenied, "sync of an object");
    blobs.delete(key).expect("deleted");
    expect_kind(file.read_at(0, &mut [0; 4]), ErrorKind::NotFound, "read of what is deleted");
}
