//! [`Offline`]: the lock on a data directory that no server has.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use engram_store::{Clock, Entropy, FileMoves, Fs, FsLock, OverlayFs};

use crate::datadir::{self, FORMAT_FILE, WAL_DIR, io_failure};
use crate::error::EngineError;

/// A data directory that this process has to itself.
pub struct Offline {
    pub(super) fs: Arc<dyn Fs>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) entropy: Arc<dyn Entropy>,
    pub(super) dir: PathBuf,
    _lock: Box<dyn FsLock>,
}

impl Offline {
    /// Locks a data directory; none when there is no such directory.
    ///
    /// # Errors
    /// [`EngineError::DataDirLocked`] while a server has it; a failing disk.
    pub fn open(
        fs: Arc<dyn Fs>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        dir: &Path,
    ) -> Result<Option<Offline>, EngineError> {
        let names = match fs.list(dir) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            names => names.map_err(|error| io_failure(dir, &error))?,
        };
        // A lock must not be left in a directory that is none of ours.
        let is_ours = names.iter().any(|name| name == FORMAT_FILE || name == datadir::LOCK_FILE)
            || fs.list(&dir.join(WAL_DIR)).is_ok();
        if !is_ours {
            return Ok(None);
        }
        let lock = datadir::lock_directory(&*fs, dir)?;
        Ok(Some(Offline { fs, clock, entropy, dir: dir.to_path_buf(), _lock: lock }))
    }

    /// The directory as it is, or as it will be once an interrupted repair is completed. What is written to it goes nowhere.
    ///
    /// # Errors
    /// What is left of that repair cannot be read.
    pub(super) fn view(&self) -> Result<Arc<dyn Fs>, EngineError> {
        let overlay = OverlayFs::new(Arc::clone(&self.fs));
        FileMoves::finish(&overlay, &self.dir)?;
        Ok(Arc::new(overlay))
    }
}
