//! Files in memory: what a target lays out for the store to find.

use std::path::Path;

use engram_store::{Fs, FsFile, MemoryFs, OpenMode, read_all};

/// A file system with one folder.
pub(crate) fn folder(dir: &Path) -> MemoryFs {
    let fs = MemoryFs::new();
    fs.create_dir_all(dir).expect("a folder in memory is made");
    fs
}

/// Makes the file at `path` hold `bytes`, whatever was there.
pub(crate) fn put(fs: &dyn Fs, path: &Path, bytes: &[u8]) {
    let file: Box<dyn FsFile> = match fs.open(path, OpenMode::Create) {
        Ok(file) => file,
        Err(_) => fs.open(path, OpenMode::Write).expect("it is there"),
    };
    file.set_len(bytes.len() as u64).expect("a file in memory takes any length");
    file.write_at(0, bytes).expect("a file in memory takes all bytes");
}

/// The bytes of the file at `path`.
pub(crate) fn get(fs: &dyn Fs, path: &Path) -> Vec<u8> {
    read_all(fs, path).expect("the file is there")
}
