//! Reading the durable commits of one space, across segments.
//!
//! Guarantee: a frame that is handed out was verified by its checksums, its place in the history and, from the second on,
//! its chain; anything else is a [`LogError::Corrupt`].

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use super::catalog::{Catalog, SealedSegment};
use super::depot::{Depot, OpenSegment};
use super::error::LogError;
use super::frame::{Decoded, FRAME_HEADER_BYTES, FrameKind, Salt, decode, decode_header};
use super::segment::{SegmentHeader, SegmentIndex, TRAILER_BYTES, Trailer};
use super::types::Frame;
use crate::fs::{FsFile, OpenMode};
use crate::ids::{Lsn, SpaceId};
use crate::sync::guard;

/// Sealed segments whose index is kept in memory, at most.
const LOADED_SEGMENTS_MAX: usize = 16;
/// Bytes read at once for a frame; longer ones take a second read.
const FIRST_READ_BYTES: u64 = 4096;

/// A sealed segment, open for reading.
struct Loaded {
    sequence: u64,
    file: Box<dyn FsFile>,
    index: Arc<SegmentIndex>,
}

/// The sealed segments that were read last.
#[derive(Default)]
pub(crate) struct LoadedSegments {
    segments: Mutex<VecDeque<Arc<Loaded>>>,
}

impl LoadedSegments {
    fn get(&self, depot: &Depot, sealed: &SealedSegment) -> Result<Arc<Loaded>, LogError> {
        let sequence = sealed.header.sequence;
        let is_it = |loaded: &Arc<Loaded>| loaded.sequence == sequence;
        if let Some(loaded) = guard(&self.segments).iter().find(|loaded| is_it(loaded)) {
            return Ok(Arc::clone(loaded));
        }
        // Loading holds no lock: two readers may both load it, which is harmless.
        let loaded = Arc::new(load(depot, sealed)?);
        let mut segments = guard(&self.segments);
        segments.retain(|other| !is_it(other));
        segments.truncate(LOADED_SEGMENTS_MAX - 1);
        segments.push_front(Arc::clone(&loaded));
        Ok(loaded)
    }

    /// Forgets a dropped segment.
    pub(crate) fn forget(&self, sequence: u64) {
        guard(&self.segments).retain(|loaded| loaded.sequence != sequence);
    }
}

fn corrupt(name: &str, offset: u64, what: &str) -> LogError {
    LogError::Corrupt { file: name.to_owned(), offset, what: what.to_owned() }
}

/// Up to `len` bytes at `offset`: less only where a damaged file ends.
fn read(file: &dyn FsFile, name: &str, offset: u64, len: u64) -> Result<Vec<u8>, LogError> {
    let mut bytes = vec![0; len as usize];
    let read = file.read_at(offset, &mut bytes);
    let read = read.map_err(|source| LogError::from_io("read", name, source))?;
    bytes.truncate(read);
    Ok(bytes)
}

fn load(depot: &Depot, sealed: &SealedSegment) -> Result<Loaded, LogError> {
    let (header, name) = (&sealed.header, sealed.name.as_str());
    let file = depot.open_file(name, OpenMode::Read)?;
    let index = match &sealed.pinned {
        Some(index) => Arc::clone(index),
        None => Arc::new(load_footer(file.as_ref(), name, header)?),
    };
    Ok(Loaded { sequence: header.sequence, file, index })
}

fn load_footer(
    file: &dyn FsFile,
    name: &str,
    header: &SegmentHeader,
) -> Result<SegmentIndex, LogError> {
    let at = header.area_end();
    let trailer = Trailer::decode(&read(file, name, at, TRAILER_BYTES)?, header);
    let trailer = trailer.ok_or_else(|| corrupt(name, at, "the trailer is damaged"))?;
    let offset = u64::from(trailer.footer_offset);
    let frame = read_frame(file, name, header, offset)?;
    let index = match decode_at(&frame, header.salt(), offset) {
        Some((FrameKind::Footer, frame)) => SegmentIndex::decode(&frame.payload),
        _ => None,
    };
    index.ok_or_else(|| corrupt(name, offset, "the footer is damaged"))
}

/// The bytes of the frame at `offset`, header and payload, not yet verified but for the header.
fn read_frame(
    file: &dyn FsFile,
    name: &str,
    segment: &SegmentHeader,
    offset: u64,
) -> Result<Vec<u8>, LogError> {
    let room = segment.area_end().saturating_sub(offset);
    if room < FRAME_HEADER_BYTES {
        return Err(corrupt(name, offset, "no frame fits here"));
    }
    let mut bytes = read(file, name, offset, room.min(FIRST_READ_BYTES))?;
    let header = decode_header(&bytes, segment.salt(), offset);
    let header = header.ok_or_else(|| corrupt(name, offset, "the frame header is damaged"))?;
    let len = header.frame_bytes();
    if len > room {
        return Err(corrupt(name, offset, "the frame is longer than its segment"));
    }
    if len > bytes.len() as u64 {
        let rest = len - bytes.len() as u64;
        let from = offset + bytes.len() as u64;
        bytes.extend_from_slice(&read(file, name, from, rest)?);
    }
    // What a short file lacks reads as zeros, as in recovery; the checksum decides.
    bytes.resize(len as usize, 0);
    Ok(bytes)
}

fn decode_at(bytes: &[u8], salt: Salt, offset: u64) -> Option<(FrameKind, Frame)> {
    match decode(bytes, salt, offset) {
        Decoded::Valid(header, payload) => Some((header.frame_kind, header.into_frame(payload))),
        Decoded::BadPayload(_) | Decoded::Nothing => None,
    }
}

/// A run of commits in one segment.
enum Source {
    Sealed(Arc<SealedSegment>),
    Active { segment: OpenSegment, first: u64, offsets: Vec<u32>, _pin: Arc<()> },
}

impl Source {
    fn end(&self, space: SpaceId) -> u64 {
        match self {
            Source::Sealed(sealed) => sealed.spaces.get(&space).map_or(0, |range| range.1),
            Source::Active { first, offsets, .. } => first + offsets.len() as u64,
        }
    }
}

/// The durable commits of one space in order, as of the call of [`super::ShardLog::read_space`]. After an error it ends.
pub struct SpaceFrames<'a> {
    depot: &'a Depot,
    loaded: &'a LoadedSegments,
    space: SpaceId,
    next: u64,
    sources: VecDeque<Source>,
    open: Option<Arc<Loaded>>,
    chain: Option<[u8; 16]>,
}

impl<'a> SpaceFrames<'a> {
    pub(crate) fn new(
        depot: &'a Depot,
        loaded: &'a LoadedSegments,
        catalog: &Catalog,
        space: SpaceId,
        from: Lsn,
    ) -> SpaceFrames<'a> {
        let mut sources = VecDeque::new();
        let mut first = None;
        for sealed in &catalog.sealed {
            if let Some(range) = sealed.spaces.get(&space).filter(|range| range.1 > from.0) {
                first.get_or_insert(range.0);
                sources.push_back(Source::Sealed(Arc::clone(sealed)));
            }
        }
        if let Some(active) = &catalog.active
            && let Some(entry) = active.index.spaces.get(&space)
            && entry.end() > from.0
        {
            first.get_or_insert(entry.first.0);
            let skip = from.0.saturating_sub(entry.first.0);
            sources.push_back(Source::Active {
                segment: active.segment.clone(),
                first: entry.first.0 + skip,
                offsets: entry.offsets[skip as usize..].to_vec(),
                _pin: Arc::clone(&active.pin),
            });
        }
        let next = from.0.max(first.unwrap_or(0));
        SpaceFrames { depot, loaded, space, next, sources, open: None, chain: None }
    }

    /// The LSN of the next frame: more than what was asked for when the commits before it were released and dropped.
    /// `None` at the end.
    pub fn next_lsn(&self) -> Option<Lsn> {
        (!self.sources.is_empty()).then_some(Lsn(self.next))
    }

    fn read(&mut self) -> Result<Option<Frame>, LogError> {
        while self.sources.front().is_some_and(|source| source.end(self.space) <= self.next) {
            self.sources.pop_front();
            self.open = None;
        }
        let Some(source) = self.sources.front() else {
            return Ok(None);
        };
        let frame = match source {
            Source::Active { segment, first, offsets, .. } => {
                let offset = u64::from(offsets[(self.next - first) as usize]);
                self.frame_at(segment.file.as_ref(), &segment.name, &segment.header, offset)?
            }
            Source::Sealed(sealed) => {
                let loaded = match &self.open {
                    Some(loaded) => Arc::clone(loaded),
                    None => self.loaded.get(self.depot, sealed)?,
                };
                let entry = loaded.index.spaces.get(&self.space);
                let offset = entry.and_then(|entry| {
                    let position = self.next.checked_sub(entry.first.0)?;
                    entry.offsets.get(position as usize)
                });
                let missing = || corrupt(&sealed.name, 0, "the footer lacks a commit");
                let offset = u64::from(*offset.ok_or_else(missing)?);
                let frame =
                    self.frame_at(loaded.file.as_ref(), &sealed.name, &sealed.header, offset)?;
                self.open = Some(loaded);
                frame
            }
        };
        self.chain = Some(frame.chain);
        self.next += 1;
        Ok(Some(frame))
    }

    fn frame_at(
        &self,
        file: &dyn FsFile,
        name: &str,
        segment: &SegmentHeader,
        offset: u64,
    ) -> Result<Frame, LogError> {
        let bytes = read_frame(file, name, segment, offset)?;
        let Decoded::Valid(header, payload) = decode(&bytes, segment.salt(), offset) else {
            return Err(corrupt(name, offset, "the frame is damaged"));
        };
        let stamp = header.stamp;
        let is_it = header.frame_kind == FrameKind::Commit
            && stamp.space == self.space
            && stamp.lsn.0 == self.next;
        let continues =
            self.chain.is_none_or(|chain| header.chain_after(&chain, payload) == header.chain);
        if !is_it || !continues {
            return Err(corrupt(name, offset, "the frame is not the next one of its space"));
        }
        Ok(header.into_frame(payload))
    }
}

impl Iterator for SpaceFrames<'_> {
    type Item = Result<Frame, LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        let result = self.read();
        if result.is_err() {
            self.sources.clear();
        }
        result.transpose()
    }
}

/// The last commit of each space in a sealed segment.
pub(crate) fn last_commits(
    depot: &Depot,
    loaded: &LoadedSegments,
    sealed: &SealedSegment,
) -> Result<Vec<Frame>, LogError> {
    let segment = loaded.get(depot, sealed)?;
    let mut frames = Vec::new();
    for (space, entry) in &segment.index.spaces {
        let offset = entry.offsets.last().map_or(0, |offset| u64::from(*offset));
        let bytes = read_frame(segment.file.as_ref(), &sealed.name, &sealed.header, offset)?;
        match decode_at(&bytes, sealed.header.salt(), offset) {
            Some((FrameKind::Commit, frame)) if frame.stamp.space == *space => frames.push(frame),
            _ => return Err(corrupt(&sealed.name, offset, "the frame is damaged")),
        }
    }
    Ok(frames)
}
