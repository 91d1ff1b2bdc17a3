//! Room kept for upkeep on a full disk.
//!
//! A full disk can only be helped by upkeep: a checkpoint lets the log go, a merge lets deleted memories go. Both need room
//! first. So a file of zeros stands by; it is removed when the disk is full, and made again when there is room.

use std::path::Path;

use engram_store::{Fs, OpenMode};

/// Name of the file in the data directory.
const RESERVE_FILE: &str = "reserve";
/// Zeros are written in pieces of this size.
const PIECE_BYTES: usize = 1 << 20;

/// Makes the file where it is missing; whether it stands by now. What it cannot get it does without.
pub(crate) fn make(fs: &dyn Fs, dir: &Path, bytes: u64) -> bool {
    let path = dir.join(RESERVE_FILE);
    let there = fs.open(&path, OpenMode::Read).and_then(|file| file.len());
    match there {
        Ok(len) if len == bytes => return true,
        // Of another setting, or not finished.
        Ok(_) => release(fs, dir),
        Err(_) => {}
    }
    let made = || {
        let file = fs.open(&path, OpenMode::Create)?;
        let zeros = vec![0; PIECE_BYTES];
        let mut at = 0;
        while at < bytes {
            let piece = (bytes - at).min(zeros.len() as u64);
            file.write_at(at, &zeros[..piece as usize])?;
            at += piece;
        }
        file.sync_data()
    };
    let outcome: std::io::Result<()> = made();
    if outcome.is_err() {
        release(fs, dir);
    }
    outcome.is_ok()
}

/// Removes the file, so that there is room.
pub(crate) fn release(fs: &dyn Fs, dir: &Path) {
    // Without the file there is nothing to give.
    let _ = fs.remove(&dir.join(RESERVE_FILE));
}
