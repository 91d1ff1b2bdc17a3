//! [`Segment`]: an open segment file, read in big runs or at random.
//!
//! Guarantees: no byte is handed out whose block does not match its checksum; nothing is allocated by what the file says
//! beyond its own length; a reader changes nothing, so that many threads share one.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use super::layout::{
    BLOCK, Footer, SEGMENT_BYTES_MIN, SectionTag, SegmentMeta, SegmentRef, TRAILER_BYTES, Trailer,
    corrupt, decode_header,
};
use super::name::segment_file_name;
use super::writer::SegmentWriter;
use crate::blob::{BlobError, BlobFile, BlobStore};
use crate::block::{BLOCK_BYTES, BlockCache, CachedFile};
use crate::bug::Bug;
use crate::error::StoreError;
use crate::fs::{Fs, FsFile, OpenMode};
use crate::ids::SpaceId;

/// Sequential reads of a local file are made in pieces of this size.
const PIECE_BYTES: usize = 1 << 20;
/// And those of an object, where each piece is a request that travels.
const BLOB_PIECE_BYTES: usize = 8 << 20;
/// Blocks that are loaded at once for a read through the cache.
const RUN_BLOCKS_MAX: usize = 16;

/// An open segment; keeps its file open.
pub struct Segment {
    file: Source,
    space: SpaceId,
    reference: SegmentRef,
    footer: Footer,
    cached: CachedFile,
}

/// The file with its name, for messages.
struct Source {
    name: String,
    file: Box<dyn FsFile>,
    /// How much is read at once, in bytes: whole blocks.
    piece_bytes: usize,
}

impl Source {
    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), StoreError> {
        let read = self.file.read_at(offset, out);
        let read = read.map_err(|source| StoreError::from_io("read", &self.name, source))?;
        if read < out.len() {
            let missing = (out.len() - read) as u64;
            return Err(corrupt(&self.name, offset + read as u64, missing, "the file ends here"));
        }
        Ok(())
    }
}

impl Segment {
    /// Opens the segment of `space` that `segment` names, in `dir`. Checks its length, header, footer and trailer; the
    /// sections are checked as they are read, and the hash by [`Segment::verify`].
    ///
    /// # Errors
    /// `Missing`, `Io`, `NewerFormat`, and `Corrupt` when the file is not the one that is meant, or damaged.
    pub fn open(
        fs: &dyn Fs,
        dir: &Path,
        space: SpaceId,
        segment: &SegmentRef,
        cache: Arc<BlockCache>,
    ) -> Result<Segment, StoreError> {
        let name = segment_file_name(space, &segment.hash);
        let opened = fs.open(&dir.join(&name), OpenMode::Read);
        let file = opened.map_err(|source| StoreError::from_io("open", &name, source))?;
        Segment::open_source(Source { name, file, piece_bytes: PIECE_BYTES }, space, segment, cache)
    }

    /// Opens a segment that is an object: as [`Segment::open`], and everything works on it, only slower. The
    /// object must not be replaced while it is open.
    ///
    /// # Errors
    /// As [`Segment::open`], here and later, and `Unavailable` whenever the store does not answer.
    pub fn open_blob(
        blobs: Arc<dyn BlobStore>,
        key: &str,
        space: SpaceId,
        segment: &SegmentRef,
        cache: Arc<BlockCache>,
    ) -> Result<Segment, StoreError> {
        let opened = BlobFile::open(blobs, key);
        let file = opened.map_err(|error| StoreError::from_io("open", key, error.into()))?;
        let (name, file) = (key.to_owned(), Box::new(file));
        let source = Source { name, file, piece_bytes: BLOB_PIECE_BYTES };
        Segment::open_source(source, space, segment, cache)
    }

    fn open_source(
        file: Source,
        space: SpaceId,
        segment: &SegmentRef,
        cache: Arc<BlockCache>,
    ) -> Result<Segment, StoreError> {
        let footer = read_footer(&file, space, segment.bytes)?;
        if (footer.min_lsn, footer.max_lsn) != (segment.min_lsn, segment.max_lsn) {
            return Err(corrupt(&file.name, 0, segment.bytes, "it covers other commits"));
        }
        let cached = CachedFile::new(cache, footer.sums.len() as u64);
        Ok(Segment { file, space, reference: *segment, footer, cached })
    }

    /// What the segment says of itself.
    pub fn meta(&self) -> SegmentMeta {
        SegmentMeta {
            space: self.space,
            min_lsn: self.footer.min_lsn,
            max_lsn: self.footer.max_lsn,
            epoch: self.footer.epoch,
        }
    }

    /// The error of an owner who cannot make sense of what the sections hold.
    pub fn damaged(&self, what: &str) -> StoreError {
        corrupt(&self.file.name, 0, self.reference.bytes, what)
    }

    /// What it was opened by.
    pub fn reference(&self) -> SegmentRef {
        self.reference
    }

    /// Length of a section in bytes; `None` when there is none with this tag.
    pub fn section_len(&self, tag: SectionTag) -> Option<u64> {
        self.footer.section(tag).map(|section| section.len)
    }

    /// Blocks with a checksum of their own: all before the footer.
    pub fn block_count(&self) -> u64 {
        self.footer.sums.len() as u64
    }

    /// Reads a whole section, past the cache.
    ///
    /// # Errors
    /// `Io`; `Corrupt` for damage, and when there is no such section.
    pub fn load(&self, tag: SectionTag) -> Result<Vec<u8>, StoreError> {
        let len = self.section_len(tag).ok_or_else(|| self.no_section(tag))?;
        // The section lies in the file, whose length was compared: this is no more than what is on the disk.
        let mut bytes = vec![0; len as usize];
        self.load_into(tag, 0, &mut bytes)?;
        Ok(bytes)
    }

    /// Reads a part of a section from `offset` on into `out`, past the cache, in big runs.
    ///
    /// # Errors
    /// `Io`; `Corrupt` for damage, and when the section does not have these bytes.
    pub fn load_into(
        &self,
        tag: SectionTag,
        offset: u64,
        out: &mut [u8],
    ) -> Result<(), StoreError> {
        let mut at = self.locate(tag, offset, out.len())?;
        let mut out = out;
        while !out.is_empty() {
            let within = (at % BLOCK) as usize;
            let whole = (out.len() / BLOCK_BYTES * BLOCK_BYTES).min(self.file.piece_bytes);
            let take = match within {
                0 if whole > 0 => whole,
                _ => (BLOCK_BYTES - within).min(out.len()),
            };
            let (part, rest) = out.split_at_mut(take);
            if within == 0 && whole > 0 {
                self.read_blocks(at / BLOCK, part)?;
            } else {
                let mut block = [0; BLOCK_BYTES];
                self.read_blocks(at / BLOCK, &mut block)?;
                part.copy_from_slice(&block[within..within + take]);
            }
            at += take as u64;
            out = rest;
        }
        Ok(())
    }

    /// Reads a part of a section from `offset` on into `out`, through the cache.
    ///
    /// # Errors
    /// `Io`; `Corrupt` for damage, and when the section does not have these bytes.
    pub fn read(&self, tag: SectionTag, offset: u64, out: &mut [u8]) -> Result<(), StoreError> {
        let mut at = self.locate(tag, offset, out.len())?;
        let mut out = out;
        while !out.is_empty() {
            let (number, within) = (at / BLOCK, (at % BLOCK) as usize);
            let mut take = (BLOCK_BYTES - within).min(out.len());
            if !self.cached.copy(number, within, &mut out[..take]) {
                let last = (at + out.len() as u64 - 1) / BLOCK;
                let blocks = self.load_run(number, last)?;
                take = (blocks.len() - within).min(out.len());
                out[..take].copy_from_slice(&blocks[within..within + take]);
            }
            at += take as u64;
            out = &mut out[take..];
        }
        Ok(())
    }

    /// Loads block `first` and what follows it up to `last` and is not cached either, a bounded run in one call, and
    /// puts it into the cache.
    fn load_run(&self, first: u64, last: u64) -> Result<Vec<u8>, StoreError> {
        let others = (first + 1..=last).take(RUN_BLOCKS_MAX - 1);
        let count = 1 + others.take_while(|number| self.cached.misses(*number)).count();
        let mut blocks = vec![0; count * BLOCK_BYTES];
        self.read_blocks(first, &mut blocks)?;
        for (number, block) in (first..).zip(blocks.chunks_exact(BLOCK_BYTES)) {
            self.cached.insert(number, block);
        }
        Ok(blocks)
    }

    /// Reads the whole file from the disk and compares everything: each block with its checksum, so that an error names block
    /// and section, then footer and trailer, then the hash with the reference.
    ///
    /// # Errors
    /// `Io`; `Corrupt` for the first damage.
    pub fn verify(&self) -> Result<(), StoreError> {
        let mut hasher = blake3::Hasher::new();
        self.scan(0..self.block_count(), &mut |bytes| {
            hasher.update(bytes);
        })?;
        let at = self.block_count() * BLOCK;
        let expected = self.footer.encode();
        let mut found = vec![0; expected.len()];
        self.file.read(at, &mut found)?;
        let bytes = found.len() as u64;
        if found != expected {
            return Err(corrupt(&self.file.name, at, bytes, "the footer is not what it was"));
        }
        hasher.update(&found);
        if *hasher.finalize().as_bytes() != self.reference.hash {
            let whole = self.reference.bytes;
            return Err(corrupt(&self.file.name, 0, whole, "the hash is not that of its name"));
        }
        Ok(())
    }

    /// Stores the whole file as the object `key`. What goes up was compared with the hash of the reference; afterwards the length
    /// of the object is asked for and compared. Holds the file in memory meanwhile.
    ///
    /// # Errors
    /// `Io`; `Corrupt` when this file is damaged, and then nothing goes up, or when the object is of another length;
    /// `Unavailable` when the store does not answer: then it is not known whether the object is there.
    pub fn upload(&self, blobs: &dyn BlobStore, key: &str) -> Result<(), StoreError> {
        // The length was compared when the file was opened: this is no more than what is on the disk.
        let mut bytes = vec![0; self.reference.bytes as usize];
        for (piece, at) in bytes.chunks_mut(self.file.piece_bytes).zip(0..) {
            self.file.read(at * self.file.piece_bytes as u64, piece)?;
        }
        if *blake3::hash(&bytes).as_bytes() != self.reference.hash {
            let what = "the hash is not that of its name";
            return Err(corrupt(&self.file.name, 0, self.reference.bytes, what));
        }
        let failed =
            |action| move |error: BlobError| StoreError::from_io(action, key, error.into());
        blobs.put(key, &bytes).map_err(failed("upload"))?;
        let found = blobs.len(key).map_err(failed("look at"))?;
        if found != self.reference.bytes {
            let what = format!("{found} bytes arrived where {} were sent", bytes.len());
            return Err(corrupt(key, 0, self.reference.bytes, &what));
        }
        Ok(())
    }

    /// Writes a segment with the same sections for another space into `dir`. What is copied was compared with its checksums.
    ///
    /// # Errors
    /// As [`Segment::load`] and [`SegmentWriter`].
    pub fn copy_for(
        &self,
        fs: &dyn Fs,
        dir: &Path,
        space: SpaceId,
    ) -> Result<SegmentRef, StoreError> {
        let meta = SegmentMeta { space, ..self.meta() };
        let mut writer = SegmentWriter::create(fs, dir, meta)?;
        let mut piece = Vec::new();
        for section in &self.footer.sections {
            writer.begin(section.tag)?;
            let mut offset = 0;
            while offset < section.len {
                piece.resize((section.len - offset).min(self.file.piece_bytes as u64) as usize, 0);
                self.load_into(section.tag, offset, &mut piece)?;
                writer.write(&piece)?;
                offset += piece.len() as u64;
            }
        }
        writer.finish()
    }

    /// Name of the file in a directory of segments, from which keys are made.
    pub fn file_name(&self) -> String {
        segment_file_name(self.space, &self.reference.hash)
    }

    /// Reads up to `count` blocks from block `first` on from the disk and compares each with its checksum; returns how many
    /// there were. For checking a file in steps.
    ///
    /// # Errors
    /// `Io`; `Corrupt` for the first damaged block.
    pub fn verify_blocks(&self, first: u64, count: u64) -> Result<u64, StoreError> {
        let end = first.saturating_add(count).min(self.block_count());
        self.scan(first..end, &mut |_| ())?;
        Ok(end.saturating_sub(first))
    }

    /// Reads and checks blocks in pieces, and shows each piece.
    fn scan(&self, blocks: Range<u64>, visit: &mut dyn FnMut(&[u8])) -> Result<(), StoreError> {
        let mut next = blocks.start;
        let mut buffer = Vec::new();
        while next < blocks.end {
            let count = (blocks.end - next).min((self.file.piece_bytes / BLOCK_BYTES) as u64);
            buffer.resize(count as usize * BLOCK_BYTES, 0);
            self.read_blocks(next, &mut buffer)?;
            visit(&buffer);
            next += count;
        }
        Ok(())
    }

    /// Fills `out`, whole blocks from block `first` on, and checks them.
    fn read_blocks(&self, first: u64, out: &mut [u8]) -> Result<(), StoreError> {
        self.file.read(first * BLOCK, out)?;
        for (number, block) in (first..).zip(out.chunks(BLOCK_BYTES)) {
            let is_sound = self.footer.sums.get(number as usize) == Some(&crc32c::crc32c(block));
            if !is_sound && !Bug::BlockUnchecked.is_on() {
                let owner = self.footer.owner(number);
                let what = format!("block {number} of {owner} is not what was written");
                return Err(corrupt(&self.file.name, number * BLOCK, BLOCK, &what));
            }
        }
        Ok(())
    }

    /// Where the byte at `offset` of a section stands in the file, with `len` bytes of the section from there on.
    fn locate(&self, tag: SectionTag, offset: u64, len: usize) -> Result<u64, StoreError> {
        let section = self.footer.section(tag).ok_or_else(|| self.no_section(tag))?;
        let end = offset.checked_add(len as u64);
        if end.is_none_or(|end| end > section.len) {
            let what = format!("section {tag} does not have {len} bytes at {offset}");
            return Err(corrupt(&self.file.name, section.offset, section.len, &what));
        }
        Ok(section.offset + offset)
    }

    fn no_section(&self, tag: SectionTag) -> StoreError {
        let what = format!("it has no section {tag}");
        corrupt(&self.file.name, 0, self.reference.bytes, &what)
    }
}

/// Reads header, trailer and footer of a file that is to be `len` bytes long and to belong to `space`.
fn read_footer(file: &Source, space: SpaceId, len: u64) -> Result<Footer, StoreError> {
    let name = file.name.as_str();
    let found = file.file.len().map_err(|source| StoreError::from_io("read", name, source))?;
    if found != len || len < SEGMENT_BYTES_MIN {
        let what = format!("the file has {found} bytes where {len} are due");
        return Err(corrupt(name, found.min(len), found.abs_diff(len), &what));
    }
    let mut header = [0; BLOCK_BYTES];
    file.read(0, &mut header)?;
    if decode_header(&header, name)? != space {
        return Err(corrupt(name, 16, 16, "it belongs to another space"));
    }
    let mut trailer = [0; TRAILER_BYTES];
    let trailer_at = len - TRAILER_BYTES as u64;
    file.read(trailer_at, &mut trailer)?;
    let trailer = Trailer::decode(&trailer, len, name)?;
    let mut footer = vec![0; (trailer_at - trailer.footer_offset) as usize];
    file.read(trailer.footer_offset, &mut footer)?;
    let footer = Footer::decode(&footer, &trailer, name)?;
    if footer.sums.first() != Some(&crc32c::crc32c(&header)) {
        return Err(corrupt(name, 0, BLOCK, "block 0 of the header is not what was written"));
    }
    Ok(footer)
}
