//! The folder of a drill: outside of what must not be touched, with enough room, and gone afterwards.

use std::fs;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use engram_api::ErrorCode;
use engram_server::{Settings, StorePlace};
use engram_store::{Fs as _, RealFs};

use crate::commands::backup::bytes;
use crate::failure::Failure;
use crate::output::note;

/// What is left free whatever a drill needs: the disk may be that of the server.
const SPARE_BYTES: u64 = 512 << 20;

/// A folder of its own; dropping it removes it, unless it is kept.
pub(super) struct Scratch {
    dir: PathBuf,
    keep: bool,
}

impl Scratch {
    /// Makes it below a folder that is there.
    ///
    /// # Errors
    /// The folder is missing, or part of what must not be touched.
    pub(super) fn make(
        below: Option<&Path>,
        settings: &Settings,
        keep: bool,
    ) -> Result<Scratch, Failure> {
        let below = below.or(settings.backup.scratch_dir.as_deref()).map(Path::to_path_buf);
        let below = below.unwrap_or_else(std::env::temp_dir);
        let place = below.canonicalize().map_err(|error| told(&below, &error))?;
        let folders = settings.repositories.values().filter_map(|own| match &own.store.place {
            StorePlace::Folder(dir) => Some(("a repository", dir)),
            _ => None,
        });
        for (what, other) in
            std::iter::once(("the data directory", &settings.data_dir)).chain(folders)
        {
            // What is not there holds nothing.
            let Ok(other) = other.canonicalize() else { continue };
            if place.starts_with(&other) {
                let detail = format!(
                    "{} lies in {what} ({}): a drill writes elsewhere; name another folder with --scratch",
                    place.display(),
                    other.display()
                );
                return Err(Failure::usage(detail));
            }
        }
        let dir = place.join(format!("engram-drill-{}", std::process::id()));
        // Copies of memories are nobody else's business.
        let made = fs::DirBuilder::new().mode(0o700).create(&dir);
        made.map_err(|error| told(&dir, &error))?;
        Ok(Scratch { dir, keep })
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Makes sure that so many bytes can be written.
    ///
    /// # Errors
    /// They cannot.
    pub(super) fn room(&self, needed: u64) -> Result<(), Failure> {
        let free = RealFs.free_bytes(&self.dir).map_err(|error| told(&self.dir, &error))?;
        fits(free, needed).map_err(|detail| {
            let at = self.dir.parent().unwrap_or(&self.dir).display();
            Failure::new(ErrorCode::DiskFull, format!("{at} {detail}"))
        })
    }

    /// Removes all but these: what one runbook leaves must not take the room of the next.
    pub(super) fn clear_but(&self, stays: &[PathBuf]) {
        if self.keep {
            return;
        }
        for entry in fs::read_dir(&self.dir).into_iter().flatten().flatten() {
            if !stays.contains(&entry.path()) {
                // What cannot be removed now is tried again at the end.
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        match self.keep {
            true => note(&format!("the copies are in {}", self.dir.display())),
            false => {
                if let Err(error) = fs::remove_dir_all(&self.dir) {
                    note(&format!("{} was not removed: {error}", self.dir.display()));
                }
            }
        }
    }
}

/// Whether so much fits where so much is free; none = nobody knows.
fn fits(free: Option<u64>, needed: u64) -> Result<(), String> {
    let needed = needed.saturating_add(SPARE_BYTES);
    match free {
        Some(free) if free < needed => Err(format!(
            "has {} free and a drill needs {}: name a folder with more room with --scratch",
            bytes(free),
            bytes(needed)
        )),
        _ => Ok(()),
    }
}

/// Bytes of all files below a folder.
pub(super) fn size(dir: &Path) -> u64 {
    let mut all = 0;
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        all += match entry.metadata() {
            Ok(about) if about.is_dir() => size(&entry.path()),
            Ok(about) => about.len(),
            Err(_) => 0,
        };
    }
    all
}

/// Copies a folder with all that is in it.
pub(super) fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    fs::create_dir_all(to).map_err(|error| told(to, &error))?;
    for entry in fs::read_dir(from).map_err(|error| told(from, &error))? {
        let entry = entry.map_err(|error| told(from, &error))?;
        let (path, copy_path) = (entry.path(), to.join(entry.file_name()));
        match path.is_dir() {
            true => copy(&path, &copy_path)?,
            false => {
                fs::copy(&path, &copy_path).map_err(|error| told(&path, &error))?;
            }
        }
    }
    Ok(())
}

pub(super) fn told(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(ErrorCode::IoFailed, format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_asked_for_with_something_to_spare() {
        assert!(fits(None, u64::MAX).is_ok());
        assert!(fits(Some(SPARE_BYTES + 10), 10).is_ok());
        let refused = fits(Some(SPARE_BYTES + 9), 10).unwrap_err();
        assert!(refused.contains("--scratch"), "{refused}");
    }
}
