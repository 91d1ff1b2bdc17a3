//! Reading the durable commits of one space, across segments.
//!
//! Guarantee: a frame that is handed out was verified by its checksums, its place in the history and, from the second on,
//! its chain; anything else is a [`LogError::Corrupt`].

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use super::catalog::{Catalog, SealedSegment, SpaceRun, Whereabouts};
use super::depot::{Depot, OpenSegment};
use super::error::LogError;
use super::frame::{Decoded, FRAME_HEADER_BYTES, FrameKind, decode, decode_header};
use super::segment::{SegmentHeader, SegmentIndex, TRAILER_BYTES, Trailer, footer_slot};
use super::types::{Frame, SpaceTip};
use crate::format::u32_at;
use crate::fs::{FsFile, OpenMode};
use crate::ids::{Lsn, SpaceId};
use crate::sync::guard;

/// Files of sealed segments that are kept open, at most.
const OPEN_FILES_MAX: usize = 16;
/// Bytes read at once for a frame; longer ones take a second read.
const FIRST_READ_BYTES: u64 = 4096;
/// Frame offsets read at once from a footer.
const OFFSETS_MAX: u64 = 1024;
const OFFSET_BYTES: u64 = 4;

/// The files of the sealed segments that were read last, the latest first.
#[derive(Default)]
pub(crate) struct OpenFiles {
    files: Mutex<VecDeque<(u64, Arc<dyn FsFile>)>>,
}

impl OpenFiles {
    fn get(&self, depot: &Depot, sealed: &SealedSegment) -> Result<Arc<dyn FsFile>, LogError> {
        let sequence = sealed.header.sequence;
        {
            let mut files = guard(&self.files);
            if let Some(place) = files.iter().position(|(other, _)| *other == sequence) {
                files.make_contiguous()[..=place].rotate_right(1);
                return Ok(Arc::clone(&files[0].1));
            }
        }
        // Opening holds no lock: two readers may both open it, which is harmless.
        let file: Arc<dyn FsFile> = Arc::from(depot.open_file(&sealed.name, OpenMode::Read)?);
        let mut files = guard(&self.files);
        files.retain(|(other, _)| *other != sequence);
        files.truncate(OPEN_FILES_MAX - 1);
        files.push_front((sequence, Arc::clone(&file)));
        Ok(file)
    }

    /// Forgets a dropped segment.
    pub(crate) fn forget(&self, sequence: u64) {
        guard(&self.files).retain(|(other, _)| *other != sequence);
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

/// Up to [`OFFSETS_MAX`] offsets of the frames of a space, from that of LSN `from` on. Those from a footer are not verified: what
/// stands there must be the frame that is looked for.
fn offsets(
    sealed: &SealedSegment,
    file: &dyn FsFile,
    run: &SpaceRun,
    from: u64,
) -> Result<Vec<u32>, LogError> {
    let skip = from.saturating_sub(run.first.0);
    let count = u64::from(run.count).saturating_sub(skip).min(OFFSETS_MAX);
    let at = match &sealed.whereabouts {
        Whereabouts::Memory(index) => {
            let entry = index.spaces.get(&run.space);
            let offsets = entry.and_then(|entry| entry.offsets.get(skip as usize..));
            return Ok(offsets.unwrap_or_default().iter().take(count as usize).copied().collect());
        }
        Whereabouts::Footer(footer) => {
            footer_slot(*footer, sealed.runs.len() as u64, u64::from(run.position) + skip)
        }
    };
    let bytes = read(file, &sealed.name, at, count * OFFSET_BYTES)?;
    Ok(bytes.chunks_exact(OFFSET_BYTES as usize).map(|bytes| u32_at(bytes, 0)).collect())
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
    let index = match decode(&frame, header.salt(), offset) {
        Decoded::Valid(found, payload) if found.frame_kind == FrameKind::Footer => {
            SegmentIndex::decode(payload)
        }
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

/// A run of commits in one segment.
enum Source {
    Sealed(Arc<SealedSegment>),
    Active { segment: OpenSegment, first: u64, offsets: Vec<u32>, _pin: Arc<()> },
}

impl Source {
    fn end(&self, space: SpaceId) -> u64 {
        match self {
            Source::Sealed(sealed) => sealed.run(space).map_or(0, SpaceRun::end),
            Source::Active { first, offsets, .. } => first + offsets.len() as u64,
        }
    }
}

/// The sealed segment that is being read: its file, and where the next frames stand.
struct OpenSource {
    file: Arc<dyn FsFile>,
    /// LSN of the first of `offsets`.
    first: u64,
    offsets: Vec<u32>,
}

impl OpenSource {
    fn offset(&self, lsn: u64) -> Option<u64> {
        let position = lsn.checked_sub(self.first)?;
        self.offsets.get(position as usize).map(|offset| u64::from(*offset))
    }
}

/// The durable commits of one space in order, as of the call of [`super::ShardLog::read_space`]. After an error it ends.
pub struct SpaceFrames<'a> {
    depot: &'a Depot,
    files: &'a OpenFiles,
    space: SpaceId,
    next: u64,
    sources: VecDeque<Source>,
    open: Option<OpenSource>,
    chain: Option<[u8; 16]>,
}

impl<'a> SpaceFrames<'a> {
    pub(crate) fn new(
        depot: &'a Depot,
        files: &'a OpenFiles,
        catalog: &Catalog,
        space: SpaceId,
        from: Lsn,
    ) -> SpaceFrames<'a> {
        let mut sources = VecDeque::new();
        let mut first = None;
        for sealed in &catalog.sealed {
            if let Some(run) = sealed.run(space).filter(|run| run.end() > from.0) {
                first.get_or_insert(run.first.0);
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
        SpaceFrames { depot, files, space, next, sources, open: None, chain: None }
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
                let sealed = Arc::clone(sealed);
                self.sealed_frame(&sealed)?
            }
        };
        self.chain = Some(frame.chain);
        self.next += 1;
        Ok(Some(frame))
    }

    fn sealed_frame(&mut self, sealed: &SealedSegment) -> Result<Frame, LogError> {
        let missing = || corrupt(&sealed.name, 0, "the footer lacks a commit");
        let known = |open: &OpenSource| open.offset(self.next).is_some();
        let open = match self.open.take().filter(known) {
            Some(open) => open,
            None => {
                let file = self.files.get(self.depot, sealed)?;
                let run = sealed.run(self.space).ok_or_else(missing)?;
                let offsets = offsets(sealed, file.as_ref(), run, self.next)?;
                OpenSource { file, first: self.next, offsets }
            }
        };
        let offset = open.offset(self.next).ok_or_else(missing)?;
        let frame = self.frame_at(open.file.as_ref(), &sealed.name, &sealed.header, offset);
        if let (Err(LogError::Corrupt { .. }), Whereabouts::Footer(_)) =
            (&frame, &sealed.whereabouts)
        {
            // The offset may be what is wrong; then the footer is to be named.
            load_footer(open.file.as_ref(), &sealed.name, &sealed.header)?;
        }
        self.open = Some(open);
        frame
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
    files: &OpenFiles,
    sealed: &SealedSegment,
) -> Result<Vec<(SpaceId, SpaceTip)>, LogError> {
    let file = files.get(depot, sealed)?;
    let loaded;
    let index = match &sealed.whereabouts {
        Whereabouts::Memory(index) => index,
        Whereabouts::Footer(_) => {
            loaded = load_footer(file.as_ref(), &sealed.name, &sealed.header)?;
            &loaded
        }
    };
    let mut tips = Vec::with_capacity(index.spaces.len());
    for (space, entry) in &index.spaces {
        let offset = entry.offsets.last().map_or(0, |offset| u64::from(*offset));
        let bytes = read_frame(file.as_ref(), &sealed.name, &sealed.header, offset)?;
        match decode(&bytes, sealed.header.salt(), offset) {
            Decoded::Valid(header, _)
                if header.frame_kind == FrameKind::Commit && header.stamp.space == *space =>
            {
                tips.push((*space, header.tip()));
            }
            _ => return Err(corrupt(&sealed.name, offset, "the frame is damaged")),
        }
    }
    Ok(tips)
}
