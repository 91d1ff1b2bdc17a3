//! [`SegmentWriter`]: from sections to a sealed file, as a stream.
//!
//! Guarantees: memory stays at one buffer and 4 bytes for each block; until [`SegmentWriter::finish`] renames it, the
//! file has a temporary name and is removed again when the writer is dropped; after an error nothing can be finished.

use std::io;
use std::path::{Path, PathBuf};

use super::layout::{
    BLOCK, Footer, Section, SectionTag, SegmentHash, SegmentMeta, SegmentRef, encode_header,
};
use super::name::{segment_file_name, temporary_name};
use crate::block::BLOCK_BYTES;
use crate::bug::Bug;
use crate::error::StoreError;
use crate::fs::{Fs, FsFile, OpenMode};

/// Bytes are written in pieces of this size: whole blocks, and large enough to cost few calls.
const PIECE_BYTES: usize = 1 << 20;

/// Writes one segment file.
pub struct SegmentWriter<'a> {
    fs: &'a dyn Fs,
    dir: PathBuf,
    meta: SegmentMeta,
    temporary: Option<Temporary>,
    /// What is not written yet; starts at a multiple of [`PIECE_BYTES`].
    buffer: Vec<u8>,
    /// Bytes written.
    written: u64,
    hasher: blake3::Hasher,
    sections: Vec<Section>,
    sums: Vec<u32>,
    failed: bool,
}

/// The file that is being written; gone once it has its name.
struct Temporary {
    name: String,
    file: Box<dyn FsFile>,
}

impl<'a> SegmentWriter<'a> {
    /// Starts a segment in `dir`, which exists. Several writers may work in one directory, of one space too.
    ///
    /// # Errors
    /// `DiskFull` and `Io`; `Missing` when there is no such directory.
    pub fn create(
        fs: &'a dyn Fs,
        dir: &Path,
        meta: SegmentMeta,
    ) -> Result<SegmentWriter<'a>, StoreError> {
        let temporary = create_temporary(fs, dir, meta)?;
        Ok(SegmentWriter {
            fs,
            dir: dir.to_owned(),
            meta,
            temporary: Some(temporary),
            buffer: encode_header(meta.space).to_vec(),
            written: 0,
            hasher: blake3::Hasher::new(),
            sections: Vec::new(),
            sums: Vec::new(),
            failed: false,
        })
    }

    /// Starts the next section and ends the one before.
    ///
    /// # Errors
    /// As [`SegmentWriter::write`].
    ///
    /// # Panics
    /// When a section has this tag already.
    pub fn begin(&mut self, tag: SectionTag) -> Result<(), StoreError> {
        let known = self.sections.iter().any(|section| section.tag == tag);
        assert!(!known, "section {tag} is begun twice");
        self.end_section()?;
        self.sections.push(Section { tag, offset: self.at(), len: 0 });
        Ok(())
    }

    /// Adds bytes to the section that was begun last.
    ///
    /// # Errors
    /// `DiskFull` and `Io`. Afterwards this segment cannot be finished.
    ///
    /// # Panics
    /// When no section was begun.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.push(bytes)?;
        let section = self.sections.last_mut().expect("a section was begun");
        section.len += bytes.len() as u64;
        Ok(())
    }

    /// Seals the file: writes the footer, syncs, gives it its name and syncs the directory.
    ///
    /// # Errors
    /// `DiskFull` and `Io`. There is no such segment then; only when the last step failed, the syncing of the directory, the
    /// complete file may stand there, and writing it again replaces it.
    pub fn finish(mut self) -> Result<SegmentRef, StoreError> {
        self.end_section()?;
        self.write_buffer()?;
        let footer = Footer {
            min_lsn: self.meta.min_lsn,
            max_lsn: self.meta.max_lsn,
            epoch: self.meta.epoch,
            sections: std::mem::take(&mut self.sections),
            sums: std::mem::take(&mut self.sums),
        };
        self.buffer = footer.encode();
        self.write_piece()?;
        let hash: SegmentHash = *self.hasher.finalize().as_bytes();
        let temporary = self.temporary.as_ref().expect("it is taken below only");
        let unsynced = Bug::SealedUnsynced.is_on();
        let synced = if unsynced { Ok(()) } else { temporary.file.sync_data() };
        synced.map_err(|source| StoreError::from_io("sync", &temporary.name, source))?;
        let path = self.dir.join(segment_file_name(self.meta.space, &hash));
        let renamed = self.fs.rename(&self.dir.join(&temporary.name), &path);
        renamed.map_err(|source| StoreError::from_io("rename", &temporary.name, source))?;
        self.temporary = None;
        let synced = self.fs.sync_dir(&self.dir);
        synced.map_err(|source| {
            StoreError::from_io("sync", "the directory of the segments", source)
        })?;
        let (min_lsn, max_lsn) = (self.meta.min_lsn, self.meta.max_lsn);
        Ok(SegmentRef { hash, bytes: self.written, min_lsn, max_lsn })
    }

    /// Where the next byte goes.
    fn at(&self) -> u64 {
        self.written + self.buffer.len() as u64
    }

    /// Fills the last block of the section with zeros.
    fn end_section(&mut self) -> Result<(), StoreError> {
        let gap = self.at().next_multiple_of(BLOCK) - self.at();
        self.push(&[0; BLOCK_BYTES][..gap as usize])
    }

    fn push(&mut self, mut bytes: &[u8]) -> Result<(), StoreError> {
        while !bytes.is_empty() {
            let room = PIECE_BYTES - self.buffer.len();
            let (now, rest) = bytes.split_at(room.min(bytes.len()));
            self.buffer.extend_from_slice(now);
            bytes = rest;
            if self.buffer.len() == PIECE_BYTES {
                self.write_buffer()?;
            }
        }
        Ok(())
    }

    /// Writes the buffer, which holds whole blocks, and keeps their checksums.
    fn write_buffer(&mut self) -> Result<(), StoreError> {
        self.sums.extend(self.buffer.chunks(BLOCK_BYTES).map(crc32c::crc32c));
        self.write_piece()
    }

    fn write_piece(&mut self) -> Result<(), StoreError> {
        let temporary = self.temporary.as_ref().expect("it is there until the file has its name");
        let written = if self.failed {
            Err(io::Error::other("an earlier write failed"))
        } else {
            temporary.file.write_at(self.written, &self.buffer)
        };
        if let Err(source) = written {
            self.failed = true;
            return Err(StoreError::from_io("write", &temporary.name, source));
        }
        self.hasher.update(&self.buffer);
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}

impl Drop for SegmentWriter<'_> {
    fn drop(&mut self) {
        if let Some(temporary) = self.temporary.take() {
            // What stays is removed at the next start.
            let _ = self.fs.remove(&self.dir.join(temporary.name));
        }
    }
}

/// Creates a file under a temporary name that nobody uses.
fn create_temporary(fs: &dyn Fs, dir: &Path, meta: SegmentMeta) -> Result<Temporary, StoreError> {
    let mut number = 0;
    loop {
        let name = temporary_name(meta.space, number);
        match fs.open(&dir.join(&name), OpenMode::Create) {
            Ok(file) => return Ok(Temporary { name, file }),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < u32::MAX => {
                number += 1;
            }
            Err(source) => return Err(StoreError::from_io("create", &name, source)),
        }
    }
}
