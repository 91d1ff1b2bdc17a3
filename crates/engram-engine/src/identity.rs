//! Who a data directory is: its own identity and the timeline that its commits are written on.
//!
//! A restore begins a new timeline, so that what is written afterwards is never taken for what was written before. A directory that
//! was never restored and is archived nowhere needs no such file: it is on timeline 1.

use std::io::ErrorKind;
use std::path::Path;

use engram_store::{Entropy, Fs, SpaceId, read_all, write_atomically};

use crate::datadir::io_failure;
use crate::error::{EngineError, LogFailure};

/// Name of the file in the data directory.
pub(crate) const IDENTITY_FILE: &str = "IDENTITY";
const FIRST_LINE: &str = "engram identity, format 1";
/// Timeline of a directory that was never restored.
pub(crate) const FIRST_TIMELINE: u32 = 1;

/// Who a data directory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DirectoryIdentity {
    /// Drawn at random, never twice.
    pub id: SpaceId,
    /// The timeline that its commits are written on, from 1.
    pub timeline: u32,
}

impl DirectoryIdentity {
    /// One that was never there before.
    pub fn draw(entropy: &dyn Entropy, timeline: u32) -> DirectoryIdentity {
        DirectoryIdentity { id: draw_uuid(entropy), timeline }
    }

    /// That of a directory; none where it has no such file.
    ///
    /// # Errors
    /// The file cannot be read, or is not what was written.
    pub(crate) fn read(fs: &dyn Fs, dir: &Path) -> Result<Option<DirectoryIdentity>, EngineError> {
        let path = dir.join(IDENTITY_FILE);
        let bytes = match read_all(fs, &path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            read => read.map_err(|error| io_failure(&path, &error))?,
        };
        let told = std::str::from_utf8(&bytes).ok().and_then(DirectoryIdentity::parse);
        told.map(Some).ok_or_else(|| {
            let what = format!("{} does not say who the directory is", path.display());
            EngineError::Log(LogFailure::Corrupt(what))
        })
    }

    pub(crate) fn write(&self, fs: &dyn Fs, dir: &Path) -> Result<(), EngineError> {
        let path = dir.join(IDENTITY_FILE);
        let text = format!("{FIRST_LINE}\ndirectory {}\ntimeline {}\n", self.id, self.timeline);
        write_atomically(fs, &path, text.as_bytes()).map_err(|error| io_failure(&path, &error))
    }

    fn parse(text: &str) -> Option<DirectoryIdentity> {
        let mut lines = text.lines();
        let first = lines.next()? == FIRST_LINE;
        let id = SpaceId::parse(lines.next()?.strip_prefix("directory ")?)?;
        let timeline = lines.next()?.strip_prefix("timeline ")?.parse().ok()?;
        (first && lines.next().is_none() && timeline >= FIRST_TIMELINE)
            .then_some(DirectoryIdentity { id, timeline })
    }
}

/// A random UUID, version 4.
pub(crate) fn draw_uuid(entropy: &dyn Entropy) -> SpaceId {
    let mut id = SpaceId([0; 16]);
    entropy.fill(&mut id.0);
    id.0[6] = 0x40 | (id.0[6] & 0x0f);
    id.0[8] = 0x80 | (id.0[8] & 0x3f);
    id
}

#[cfg(test)]
mod tests {
    use engram_store::{MemoryFs, SeededEntropy};

    use super::*;

    #[test]
    fn an_identity_is_read_as_it_was_written_and_nothing_else_is() {
        let (fs, dir) = (MemoryFs::new(), Path::new("data"));
        fs.create_dir_all(dir).unwrap();
        assert_eq!(DirectoryIdentity::read(&fs, dir).unwrap(), None);
        let identity = DirectoryIdentity::draw(&SeededEntropy::new(1), 7);
        identity.write(&fs, dir).unwrap();
        assert_eq!(DirectoryIdentity::read(&fs, dir).unwrap(), Some(identity));
        for bad in ["", "engram identity, format 2\ndirectory x\ntimeline 1\n"] {
            write_atomically(&fs, &dir.join(IDENTITY_FILE), bad.as_bytes()).unwrap();
            assert!(DirectoryIdentity::read(&fs, dir).is_err(), "{bad}");
        }
    }
}
