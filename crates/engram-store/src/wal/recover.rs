//! Recovery: from the files of the log directory to a log that can be served and written.
//!
//! The rules stand in the format document. Guarantees: what was acknowledged is replayed or its space is
//! quarantined; what is replayed is on the disk (not only in the page cache) before the caller sees it; damage
//! and what proves it are never cut or overwritten, so that each open comes to the same verdicts. Every step may be interrupted by a crash and starts over at the next open.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::catalog::{ActiveView, Catalog, SealedSegment};
use super::depot::{Depot, OpenSegment};
use super::error::LogError;
use super::found::{Found, Image, PIECE_BYTES, read_image};
use super::frame::{FRAME_HEADER_BYTES, FrameKind};
use super::replay::{Place, Replayer, SpaceState};
use super::scan::{Item, Scan, last_nonzero, scan};
use super::segment::{
    Fill, HEADER_PAGE_BYTES, Predecessor, SEQUENCE_LIMIT, SegmentHeader, SegmentIndex, Trailer,
    parse_segment_name, parse_spare_name,
};
use super::snapshot::{BASE_NAME, Base};
use super::types::{Recovery, TornTail};
use crate::bug::Bug;
use crate::fs::{FsFile, OpenMode};
use crate::ids::SpaceId;

/// The recovered log, ready for the writer.
pub(crate) struct Recovered {
    pub(crate) spaces: HashMap<SpaceId, SpaceState>,
    pub(crate) unseen_suspect: bool,
    pub(crate) catalog: Catalog,
    pub(crate) fill: Fill,
    pub(crate) ready: VecDeque<OpenSegment>,
    pub(crate) next_sequence: u64,
    /// What the next segment to be made follows.
    pub(crate) follows: Predecessor,
    pub(crate) recovery: Recovery,
}

/// The segments in order, and what else the directory says.
struct Listing {
    base: Option<Base>,
    /// `base` is there and not readable.
    base_damaged: bool,
    segments: Vec<Found>,
}

/// Recovers the log in the depot's directory.
pub(crate) fn recover(depot: &Depot, replayer: &mut Replayer<'_>) -> Result<Recovered, LogError> {
    let mut listing = list(depot)?;
    let tail = find_tail(depot, &listing.segments)?;
    let behind = listing.segments.split_off(tail.map_or(0, |tail| tail + 1));
    let mut ready = take_ready(depot, behind)?;

    let first = listing.base.as_ref().map_or(1, |base| base.first_sequence);
    if let Some(base) = &listing.base {
        replayer.start_from(&base.entries);
    }
    check_start(&listing, ready.front(), first, replayer);

    let mut run = Run { depot, replayer, catalog: Catalog::default(), clean: false };
    let mut expected = first.max(first_sequence(&listing, &ready).unwrap_or(first));
    let mut outcome = None;
    let count = listing.segments.len();
    for position in 0..count {
        let segment = &listing.segments[position];
        run.gap(expected, segment.sequence);
        expected = segment.sequence + 1;
        let next = listing.segments.get(position + 1).and_then(|next| next.header);
        let followed_by = match position + 1 == count {
            true => Position::Tail,
            false => Position::Inner(next.map_or(Predecessor::Sealed, |next| next.follows)),
        };
        outcome = Some(run.segment(segment, followed_by)?);
    }
    let end = run.settle_end(outcome, &mut ready, expected)?;
    depot.sync_dir()?;
    Ok(run.finish(end, ready))
}

/// Where a segment stands in the log.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Position {
    /// The last one with frames.
    Tail,
    /// One with successors, and what the next one says of it.
    Inner(Predecessor),
}

/// What became of the last segment with frames.
enum Outcome {
    /// It takes more frames.
    Open(ActiveView, Fill),
    /// It ends with its footer.
    Sealed,
    /// It takes no more, and the next one says so.
    Retired(Predecessor),
}

/// Where the writer goes on.
struct End {
    active: Option<ActiveView>,
    fill: Fill,
    next_sequence: u64,
    follows: Predecessor,
}

fn list(depot: &Depot) -> Result<Listing, LogError> {
    let dir_error = |source| LogError::from_io("list", "the log directory", source);
    depot.fs.create_dir_all(&depot.dir).map_err(dir_error)?;
    let names = depot.fs.list(&depot.dir).map_err(dir_error)?;
    let has_base = names.iter().any(|name| name == BASE_NAME);
    let base = if has_base { read_base(depot)? } else { None };
    let first = base.as_ref().map_or(0, |base| base.first_sequence);
    for number in names.iter().filter_map(|name| parse_spare_name(name)) {
        depot.found_spare(number);
    }
    let mut segments = Vec::new();
    for name in names {
        let Some(sequence) = parse_segment_name(&name) else {
            continue;
        };
        if sequence > SEQUENCE_LIMIT {
            // To count on from it would end in numbers that are used already.
            let what =
                "no log counts so far: the file is none of this log, move it away".to_owned();
            return Err(LogError::Corrupt { file: name, offset: 0, what });
        }
        if sequence < first {
            // The crash came between the new base and the renaming of what it had dropped.
            depot.retire(&name)?;
            continue;
        }
        segments.push(Found::new(depot, name, sequence)?);
    }
    Ok(Listing { base_damaged: has_base && base.is_none(), base, segments })
}

fn read_base(depot: &Depot) -> Result<Option<Base>, LogError> {
    let file = depot.open_file(BASE_NAME, OpenMode::Read)?;
    let io = |source| LogError::from_io("read", BASE_NAME, source);
    match read_image(file.as_ref(), file.len().map_err(io)? as usize, PIECE_BYTES) {
        Ok(image) => Base::decode(&image.bytes),
        // What cannot be read at the second try is damaged.
        Err(_) => Ok(None),
    }
}

/// Position of the last segment with a byte behind its header page. A file of the wrong length counts: it was
/// whole when it got its name.
fn find_tail(depot: &Depot, segments: &[Found]) -> Result<Option<usize>, LogError> {
    for (position, segment) in segments.iter().enumerate().rev() {
        if segment.is_short() {
            return Ok(Some(position));
        }
        let bytes = segment.read(depot)?.bytes;
        if last_nonzero(&bytes[HEADER_PAGE_BYTES as usize..]).is_some() {
            return Ok(Some(position));
        }
    }
    Ok(None)
}

/// The empty segments behind the tail; those with a broken header become spares.
fn take_ready(depot: &Depot, behind: Vec<Found>) -> Result<VecDeque<OpenSegment>, LogError> {
    let mut ready = VecDeque::new();
    for found in behind {
        match found.header {
            Some(header) => {
                let file = Arc::from(depot.open_file(&found.name, OpenMode::Write)?);
                ready.push_back(OpenSegment { header, name: found.name, file });
            }
            None => depot.retire(&found.name)?,
        }
    }
    Ok(ready)
}

fn first_sequence(listing: &Listing, ready: &VecDeque<OpenSegment>) -> Option<u64> {
    let found = listing.segments.first().map(|segment| segment.sequence);
    found.or_else(|| ready.front().map(|segment| segment.header.sequence))
}

/// Reports what is wrong with the start of the log: without it nobody is proven intact.
fn check_start(
    listing: &Listing,
    ready: Option<&OpenSegment>,
    first: u64,
    replayer: &mut Replayer<'_>,
) {
    let found = listing.segments.first().map(|segment| segment.sequence);
    let found = found.or_else(|| ready.map(|segment| segment.header.sequence));
    let whole = Place { file: BASE_NAME, offset: 0, bytes: 0 };
    if listing.base_damaged {
        replayer.damage(whole, "it is not what was written".to_owned());
    }
    let lost = match found {
        Some(found) => found > first,
        // A base is written only while segments are kept behind it.
        None => listing.base.is_some() || listing.base_damaged,
    };
    if lost {
        let start = found.map_or("nothing".to_owned(), |found| format!("segment {found}"));
        let what = format!("the log starts with {start} where segment {first} is due");
        replayer.unknown_hole(whole, &what);
    }
}

struct Run<'r, 'f> {
    depot: &'r Depot,
    replayer: &'r mut Replayer<'f>,
    catalog: Catalog,
    /// The last frame so far completes a checkpoint.
    clean: bool,
}

impl Run<'_, '_> {
    /// Reports the segments that are missing before `found`.
    fn gap(&mut self, expected: u64, found: u64) {
        if found > expected {
            let file = super::segment::segment_name(expected);
            let place = Place { file: &file, offset: 0, bytes: 0 };
            let what = format!("{} segments are missing from here", found - expected);
            self.replayer.unknown_hole(place, &what);
            self.clean = false;
        }
    }

    /// Takes one segment with everything in it.
    fn segment(&mut self, found: &Found, position: Position) -> Result<Outcome, LogError> {
        let Some(header) = found.header else {
            let what = "the segment header is damaged, nothing behind it can be read";
            self.replayer.unknown_hole(found.place(0, found.len), what);
            self.clean = false;
            return Ok(Outcome::Retired(Predecessor::Retired));
        };
        let mut image = found.read(self.depot)?;
        let mut scanned = scan(&image.bytes, &header);
        scanned.unreadable_end = image.unreadable_end();
        let mut retired = None;
        match position {
            Position::Tail if !found.is_short() => {
                retired = self.repair_tail(found, &header, &mut image, &mut scanned)?;
            }
            Position::Inner(Predecessor::Torn(cut)) => scanned.cut_at(u64::from(cut)),
            Position::Tail | Position::Inner(_) => {}
        }
        if let Some(footer) = &scanned.footer {
            self.replayer.footer(footer)?;
        }
        let index = self.replay(found, &image.bytes, &scanned)?;
        if self.check_end(found, &header, &scanned, position) || position != Position::Tail {
            retired.get_or_insert(Predecessor::Retired);
        }
        self.enter(found, header, &scanned, index, retired)
    }

    /// Puts the segment into the catalog, or opens it for more unless it is `retired` or full.
    fn enter(
        &mut self,
        found: &Found,
        header: SegmentHeader,
        scanned: &Scan,
        replayed: Replayed,
        retired: Option<Predecessor>,
    ) -> Result<Outcome, LogError> {
        let is_sealed = scanned.footer.is_some() && scanned.trailer.is_some();
        let damaged = scanned.is_damaged() || found.is_short();
        let fill = Fill {
            end: scanned.end(),
            spaces: replayed.index.spaces.len() as u64,
            frames: replayed.index.frames,
        };
        // The writer keeps room for the footer; what stands on the disk need not.
        let has_room = fill.has_room(header.area_end());
        if !is_sealed && retired.is_none() && !damaged && has_room {
            let file = Arc::from(self.depot.open_file(&found.name, OpenMode::Write)?);
            let segment = OpenSegment { header, name: found.name.clone(), file };
            return Ok(Outcome::Open(ActiveView::new(segment, replayed.index), fill));
        }
        let (name, index) = (found.name.clone(), replayed.index);
        let sealed = match scanned.trailer {
            Some(trailer) if is_sealed && !damaged && !replayed.skipped => {
                SealedSegment::with_footer(header, name, &index, trailer.footer_offset)
            }
            _ => SealedSegment::without_footer(header, name, index),
        };
        self.catalog.sealed.push_back(Arc::new(sealed));
        let retired = Outcome::Retired(retired.unwrap_or(Predecessor::Retired));
        Ok(if is_sealed { Outcome::Sealed } else { retired })
    }

    /// Cuts the torn tail and makes the last batch durable, before anybody sees it. In a damaged log nothing is erased, for
    /// the torn batch may be all that proves the damage: then the segment is retired.
    fn repair_tail(
        &mut self,
        found: &Found,
        header: &SegmentHeader,
        image: &mut Image,
        scanned: &mut Scan,
    ) -> Result<Option<Predecessor>, LogError> {
        let mut retired = None;
        let file = self.depot.open_file(&found.name, OpenMode::Write)?;
        let write = |offset, bytes: &[u8]| write(file.as_ref(), &found.name, offset, bytes);
        let mut batch = scanned.last_batch_start()..scanned.end();
        if let Some(cut) = scanned.take_torn_tail() {
            let behind = last_nonzero(&image.bytes[cut as usize..]).map_or(0, |last| last + 1);
            batch = scanned.last_batch_start()..scanned.end();
            if scanned.is_damaged() || !self.replayer.recovery.damage.is_empty() {
                // The evidence may be in the page cache only, too.
                batch.end = cut + behind as u64;
                retired = Some(Predecessor::Torn(cut as u32));
            } else {
                let torn = &mut image.bytes[cut as usize..cut as usize + behind];
                torn.fill(0);
                if !Bug::TornTailKept.is_on() {
                    write(cut, torn)?;
                }
            }
            self.replayer.recovery.torn_tail =
                Some(TornTail { file: found.name.clone(), offset: cut, bytes: behind as u64 });
        }
        if Bug::TailUnsynced.is_on() {
            return Ok(retired);
        }
        for part in image.readable(batch.clone()) {
            write(part.start, &image.bytes[part.start as usize..part.end as usize])?;
        }
        if scanned.footer.is_some() && image.unreadable_end() <= header.area_end() {
            let last = scanned.items.last().expect("the footer is an item");
            let (footer_offset, batch_start) = (last.offset() as u32, batch.start as u32);
            let trailer = Trailer { footer_offset, batch_start };
            write(header.area_end(), &trailer.encode(header))?;
            scanned.trailer = Some(trailer);
        }
        let synced = file.sync_data();
        synced.map_err(|source| LogError::from_io("sync", &found.name, source))?;
        Ok(retired)
    }

    fn replay(
        &mut self,
        found: &Found,
        bytes: &[u8],
        scanned: &Scan,
    ) -> Result<Replayed, LogError> {
        let mut done = Replayed { index: SegmentIndex::default(), skipped: false };
        for item in &scanned.items {
            let (offset, len) = (item.offset(), item.end() - item.offset());
            let place = found.place(offset, len);
            let mut completes = false;
            match item {
                Item::Frame { header, .. } => {
                    let start = (offset + FRAME_HEADER_BYTES) as usize;
                    let payload = &bytes[start..start + header.payload_len as usize];
                    match header.frame_kind {
                        FrameKind::Commit if self.replayer.commit(place, header, payload)? => {
                            done.index.push(header.stamp.space, header.stamp.lsn, offset);
                        }
                        FrameKind::Commit => done.skipped = true,
                        FrameKind::Checkpoint => {
                            completes = self.replayer.checkpoint(place, payload)?;
                        }
                        FrameKind::Footer | FrameKind::Padding => completes = self.clean,
                    }
                }
                Item::BadPayload { header, .. } => self.replayer.bad_payload(place, header)?,
                Item::Hole { .. } => self.hole(place, scanned),
            }
            self.clean = completes;
        }
        Ok(done)
    }

    fn hole(&mut self, place: Place<'_>, scanned: &Scan) {
        let footer_lost = |trailer: Trailer| u64::from(trailer.footer_offset) == place.offset;
        if let Some(footer) = &scanned.footer {
            self.replayer.known_hole(place, footer);
        } else if scanned.trailer.is_some_and(footer_lost) {
            self.replayer.damage(place, "the footer is damaged, no commit is lost".to_owned());
        } else {
            self.replayer.unknown_hole(place, "no frame here, its owner is unknown");
        }
    }

    /// Looks for what is missing at the end of a segment. True when something is.
    fn check_end(
        &mut self,
        found: &Found,
        header: &SegmentHeader,
        scanned: &Scan,
        position: Position,
    ) -> bool {
        let end = scanned.end();
        let rest = found.place(end, header.segment_bytes - end);
        if scanned.footer.is_some() && !found.is_short() {
            if scanned.trailer.is_none() {
                let what = "the trailer is damaged, no commit is lost".to_owned();
                self.replayer.damage(found.place(header.area_end(), 64), what);
                return true;
            }
            return false;
        }
        if found.is_short() {
            let place = found.place(found.len, header.segment_bytes.saturating_sub(found.len));
            self.replayer.unknown_hole(place, "the file is shorter than it was made");
            self.clean = false;
            return true;
        }
        if position == Position::Inner(Predecessor::Sealed) && !scanned.ends_with_damaged_footer() {
            self.replayer.unknown_hole(rest, "the footer is missing, so what was here is unknown");
            self.clean = false;
            return true;
        }
        false
    }

    /// Decides where the writer goes on.
    fn settle_end(
        &mut self,
        outcome: Option<Outcome>,
        ready: &mut VecDeque<OpenSegment>,
        expected: u64,
    ) -> Result<End, LogError> {
        let mut end = End {
            active: None,
            fill: Fill::EMPTY,
            next_sequence: expected,
            follows: Predecessor::Sealed,
        };
        match outcome {
            Some(Outcome::Open(active, fill)) => {
                (end.active, end.fill) = (Some(active), fill);
            }
            Some(Outcome::Retired(retired)) => {
                // The next segment must say what it follows; the ready ones cannot any more.
                while let Some(segment) = ready.pop_back() {
                    self.depot.retire(&segment.name)?;
                }
                end.follows = retired;
            }
            Some(Outcome::Sealed) => {
                // A segment is sealed only when the next one has its name. A missing one leaves its number free,
                // as evidence for later opens.
                let found = ready.front().map_or(expected + 1, |next| next.header.sequence);
                if found > expected || ready.is_empty() {
                    self.gap(expected, found);
                    end.next_sequence = found;
                }
            }
            None => {}
        }
        // Nothing was ever written behind a gap here, since what is before it is not sealed.
        let due = end.next_sequence..;
        let fits = |(segment, due): &(&OpenSegment, u64)| segment.header.sequence == *due;
        let keep = ready.iter().zip(due).take_while(fits).count();
        while ready.len() > keep {
            let segment = ready.pop_back().expect("it is longer than what is kept");
            self.depot.retire(&segment.name)?;
        }
        end.next_sequence += keep as u64;
        if end.active.is_none() {
            let open = |segment| ActiveView::new(segment, SegmentIndex::default());
            end.active = ready.pop_front().map(open);
        }
        Ok(end)
    }

    fn finish(mut self, end: End, ready: VecDeque<OpenSegment>) -> Recovered {
        self.replayer.finish();
        self.catalog.active = end.active;
        self.catalog.frozen =
            self.replayer.unseen_suspect || !self.replayer.recovery.quarantined.is_empty();
        let mut recovery = std::mem::take(&mut self.replayer.recovery);
        recovery.segments = self.catalog.segments() + ready.len() as u64;
        recovery.clean = self.clean && recovery.torn_tail.is_none();
        Recovered {
            spaces: std::mem::take(&mut self.replayer.spaces),
            unseen_suspect: self.replayer.unseen_suspect,
            catalog: self.catalog,
            fill: end.fill,
            ready,
            next_sequence: end.next_sequence,
            follows: end.follows,
            recovery,
        }
    }
}

fn write(file: &dyn FsFile, name: &str, offset: u64, bytes: &[u8]) -> Result<(), LogError> {
    if bytes.is_empty() {
        return Ok(());
    }
    let written = file.write_at(offset, bytes);
    written.map_err(|source| LogError::from_io("write", name, source))
}

/// What was replayed of a segment.
struct Replayed {
    index: SegmentIndex,
    /// Some frames were left out: they stand behind a break.
    skipped: bool,
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::entropy::SeededEntropy;
    use crate::fs::{Fs, MemoryFs};
    use crate::wal::frame::{FrameHeader, encode};
    use crate::wal::log::ShardLog;
    use crate::wal::segment::{TRAILER_BYTES, segment_name};
    use crate::wal::types::{Entry, LogOptions};

    const SEGMENT_BYTES: u64 = 16 << 10;

    /// A log of one segment that starts with this frame.
    fn log_of(kind: FrameKind, payload: &[u8]) -> MemoryFs {
        let salt = [4; 16];
        let follows = Predecessor::Sealed;
        let header = SegmentHeader { sequence: 1, segment_bytes: SEGMENT_BYTES, salt, follows };
        let mut bytes = header.encode();
        let frame = FrameHeader::service(kind, 1, HEADER_PAGE_BYTES as u32);
        encode(&mut bytes, header.salt(), HEADER_PAGE_BYTES, &frame, payload);
        bytes.resize(SEGMENT_BYTES as usize, 0);
        let fs = MemoryFs::new();
        fs.create_dir_all(Path::new("/wal")).unwrap();
        let path = Path::new("/wal").join(segment_name(1));
        fs.open(&path, OpenMode::Create).unwrap().write_at(0, &bytes).unwrap();
        fs
    }

    /// Replays the log, appends one commit, and gives how many there were and how many places are damaged.
    fn open_and_append(fs: &MemoryFs) -> (u64, usize) {
        let options = LogOptions { segment_bytes: SEGMENT_BYTES, ..LogOptions::default() };
        let shared = Arc::new(fs.clone());
        let entropy = SeededEntropy::new(1);
        let opened = ShardLog::open(shared, "/wal".as_ref(), options, &entropy, &mut |_| Ok(()));
        let (log, recovery) = opened.unwrap();
        assert_eq!(recovery.quarantined, []);
        let entry = Entry { space: SpaceId([1; 16]), kind: 1, payload: vec![7], state_sum: 0 };
        log.append(entry, 5).unwrap();
        assert_eq!(log.flush().unwrap().len(), 1);
        (recovery.frames, recovery.damage.len())
    }

    #[test]
    fn a_segment_without_room_for_its_footer_takes_no_more() {
        let room = SEGMENT_BYTES - HEADER_PAGE_BYTES - TRAILER_BYTES - FRAME_HEADER_BYTES;
        let fs = log_of(FrameKind::Padding, &vec![0; room as usize]);
        assert_eq!([(); 3].map(|()| open_and_append(&fs)), [(0, 0), (1, 0), (2, 0)]);
    }

    #[test]
    fn nothing_is_written_behind_a_footer_that_says_nothing() {
        let fs = log_of(FrameKind::Footer, &[0xFF; 20]);
        assert_eq!([(); 3].map(|()| open_and_append(&fs)), [(0, 0), (1, 0), (2, 0)]);
    }
}
