//! Reading a whole segment as a list of frames and holes, and telling a torn tail from damage.
//!
//! Pure: bytes in, verdicts out. Guarantee: an item [`Item::Frame`] is byte for byte what was written there.

use super::frame::{Decoded, FRAME_ALIGN, FrameHeader, FrameKind, decode};
use super::segment::{HEADER_PAGE_BYTES, SegmentHeader, SegmentIndex, Trailer};
use crate::bug::Bug;

/// What stands in a segment, in the order of offsets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Item {
    /// An intact frame.
    Frame { offset: u64, header: FrameHeader },
    /// A frame of which only the header is intact.
    BadPayload { offset: u64, header: FrameHeader },
    /// Bytes that are no frame.
    Hole { offset: u64, bytes: u64 },
}

impl Item {
    pub(crate) fn offset(&self) -> u64 {
        match self {
            Item::Frame { offset, .. }
            | Item::BadPayload { offset, .. }
            | Item::Hole { offset, .. } => *offset,
        }
    }

    /// The offset behind the item.
    pub(crate) fn end(&self) -> u64 {
        match self {
            Item::Frame { offset, header } | Item::BadPayload { offset, header } => {
                offset + header.frame_bytes()
            }
            Item::Hole { offset, bytes } => offset + bytes,
        }
    }

    fn is_bad(&self) -> bool {
        !matches!(self, Item::Frame { .. })
    }

    /// True for a footer frame, intact or with a broken payload.
    fn is_footer(&self) -> bool {
        match self {
            Item::Frame { header, .. } | Item::BadPayload { header, .. } => {
                header.frame_kind == FrameKind::Footer
            }
            Item::Hole { .. } => false,
        }
    }

    /// Where the batch that wrote this item started; unknown for holes.
    fn batch_start(&self) -> Option<u64> {
        match self {
            Item::Frame { header, .. } | Item::BadPayload { header, .. } => {
                Some(u64::from(header.batch_start))
            }
            Item::Hole { .. } => None,
        }
    }
}

/// A scanned segment.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    pub(crate) items: Vec<Item>,
    /// The index in the footer frame, when the scan got there.
    pub(crate) footer: Option<SegmentIndex>,
    pub(crate) trailer: Option<Trailer>,
    /// Behind the last piece that the device could not read; 0 when it could read all.
    pub(crate) unreadable_end: u64,
}

/// Scans a segment; `bytes` are all `segment_bytes` of it.
pub(crate) fn scan(bytes: &[u8], segment: &SegmentHeader) -> Scan {
    let salt = segment.salt();
    let area = &bytes[..segment.area_end() as usize];
    let trailer = Trailer::decode(&bytes[area.len()..], segment);
    let mut found = Scan { trailer, ..Scan::default() };
    let mut offset = HEADER_PAGE_BYTES;
    while offset < area.len() as u64 {
        let item = match decode(&area[offset as usize..], salt, offset) {
            Decoded::Valid(header, payload) if header.frame_kind == FrameKind::Footer => {
                found.footer = SegmentIndex::decode(payload);
                match found.footer {
                    Some(_) => Item::Frame { offset, header },
                    // To write behind it would hide what is written from every scan.
                    None => Item::BadPayload { offset, header },
                }
            }
            Decoded::Valid(header, _) => Item::Frame { offset, header },
            Decoded::BadPayload(header) => Item::BadPayload { offset, header },
            Decoded::Nothing => match hole_at(bytes, area, segment, offset) {
                Some(hole) => hole,
                None => break,
            },
        };
        found.items.push(item);
        offset = item.end();
        // Nothing is ever written between footer and trailer.
        if item.is_footer() {
            break;
        }
    }
    found
}

/// The hole that starts at `offset`; `None` when only zeros follow, which is the end of the log. It ends at the next intact
/// header, whatever became of the payload: the header's `batch_start` may prove that what is before it was synced.
fn hole_at(bytes: &[u8], area: &[u8], segment: &SegmentHeader, offset: u64) -> Option<Item> {
    let last = last_nonzero(&bytes[offset as usize..])?;
    let mut next = offset + FRAME_ALIGN;
    while next < area.len() as u64 {
        let decoded = decode(&area[next as usize..], segment.salt(), next);
        if !matches!(decoded, Decoded::Nothing) {
            return Some(Item::Hole { offset, bytes: next - offset });
        }
        next += FRAME_ALIGN;
    }
    Some(Item::Hole { offset, bytes: last as u64 + 1 })
}

/// Position of the last byte that is not zero.
pub(crate) fn last_nonzero(bytes: &[u8]) -> Option<usize> {
    const STEP: usize = 4096;
    const ZEROS: [u8; STEP] = [0; STEP];
    let mut end = bytes.len();
    while end > 0 {
        let start = end.saturating_sub(STEP);
        let part = &bytes[start..end];
        // Comparing slices is a memcmp, which matters for 64 MiB of zeros.
        if part != &ZEROS[..part.len()] {
            return part.iter().rposition(|byte| *byte != 0).map(|at| start + at);
        }
        end = start;
    }
    None
}

impl Scan {
    /// Offset behind the last intact frame.
    pub(crate) fn end(&self) -> u64 {
        let frame = self.items.iter().rev().find(|item| !item.is_bad());
        frame.map_or(HEADER_PAGE_BYTES, Item::end)
    }

    /// Start of the batch of the last intact frame.
    pub(crate) fn last_batch_start(&self) -> u64 {
        let frame = self.items.iter().rev().find(|item| !item.is_bad());
        frame.and_then(Item::batch_start).unwrap_or(HEADER_PAGE_BYTES)
    }

    pub(crate) fn is_damaged(&self) -> bool {
        self.items.iter().any(Item::is_bad)
    }

    /// True when the last item stands where the footer does: the damage there hides no commit behind it.
    pub(crate) fn ends_with_damaged_footer(&self) -> bool {
        match self.items.last() {
            Some(item) if item.is_footer() => item.is_bad(),
            Some(item) => {
                let at = self.trailer.map(|trailer| u64::from(trailer.footer_offset));
                at == Some(item.offset())
            }
            None => false,
        }
    }

    /// For the last segment of the log: takes away the torn tail and returns where it starts. What is bad and
    /// stays is damage.
    ///
    /// A batch is written only after the sync of the one before, so bad bytes at X had been synced when a batch that starts behind
    /// X left any trace. What cannot be read may be that trace. Frames of the same batch prove nothing: the disk writes sectors in any order.
    pub(crate) fn take_torn_tail(&mut self) -> Option<u64> {
        let trailer = self.trailer.map(|trailer| u64::from(trailer.batch_start));
        let latest = self.items.iter().filter_map(Item::batch_start).chain(trailer).max();
        let latest = latest.max(Some(self.unreadable_end));
        let proven = |item: &Item| {
            latest.is_some_and(|start| start > item.offset()) && !Bug::DamageTakenForTail.is_on()
        };
        let torn = self.items.iter().position(|item| item.is_bad() && !proven(item))?;
        let cut = self.items[torn].offset();
        self.cut_at(cut);
        Some(cut)
    }

    /// Takes away what stands at `cut` and behind it.
    pub(crate) fn cut_at(&mut self, cut: u64) {
        self.items.retain(|item| item.offset() < cut);
        if let Some(Item::Hole { offset, bytes }) = self.items.last_mut() {
            *bytes = (*bytes).min(cut - *offset);
        }
        self.footer = None;
        self.trailer = None;
    }
}
