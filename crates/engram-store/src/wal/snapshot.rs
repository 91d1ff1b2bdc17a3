//! Where every space stands: the payload of checkpoint frames, and the `base` file.

use super::error::LogError;
use super::segment::SEQUENCE_LIMIT;
use super::types::SpaceTip;
use crate::format::{FORMAT_VERSION, array, u32_at, u64_at};
use crate::ids::{CommitTime, Lsn, SpaceId};

/// Name of the file that says where the log starts.
pub(crate) const BASE_NAME: &str = "base";

/// Space entries in one checkpoint frame, at most; small segments hold fewer.
const ENTRIES_PER_PART_MAX: u64 = 8_192;

const ENTRY_BYTES: usize = 64;
const PART_HEADER_BYTES: usize = 16;
const BASE_HEADER_BYTES: usize = 32;
const BASE_HASH_BYTES: usize = 16;
const BASE_MAGIC: [u8; 8] = *b"ENGRAMWB";
const FLAG_QUARANTINED: u32 = 1;
const FLAG_ADOPTED: u32 = 2;
const FLAG_UNLISTED_SUSPECT: u32 = 1;

/// One space in a snapshot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct SpaceEntry {
    pub(crate) space: SpaceId,
    pub(crate) tip: SpaceTip,
    pub(crate) quarantined: bool,
    /// It came with its files, later than checkpoints that are still in the log: these do not know it.
    pub(crate) adopted: bool,
}

impl SpaceEntry {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.space.0);
        out.extend_from_slice(&self.tip.lsn.0.to_le_bytes());
        out.extend_from_slice(&self.tip.time.0.to_le_bytes());
        out.extend_from_slice(&self.tip.chain);
        out.extend_from_slice(&self.tip.state_sum.to_le_bytes());
        let flag = |is_set: bool, flag: u32| if is_set { flag } else { 0 };
        let flags = flag(self.quarantined, FLAG_QUARANTINED) | flag(self.adopted, FLAG_ADOPTED);
        out.extend_from_slice(&flags.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
    }

    fn decode(row: &[u8]) -> SpaceEntry {
        let tip = SpaceTip {
            lsn: Lsn(u64_at(row, 16)),
            time: CommitTime(i64::from_le_bytes(array(row, 24))),
            chain: array(row, 32),
            state_sum: u64_at(row, 48),
        };
        let has = |flag: u32| u32_at(row, 56) & flag != 0;
        let (quarantined, adopted) = (has(FLAG_QUARANTINED), has(FLAG_ADOPTED));
        SpaceEntry { space: SpaceId(array(row, 0)), tip, quarantined, adopted }
    }
}

/// All spaces of the log at one point of it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Snapshot {
    pub(crate) entries: Vec<SpaceEntry>,
    /// Spaces that are not listed may have had commits that were lost.
    pub(crate) unlisted_suspect: bool,
}

impl Snapshot {
    /// Payloads of the checkpoint frames, each at most `payload_bytes_max` long.
    pub(crate) fn encode_parts(&self, payload_bytes_max: u64) -> Vec<Vec<u8>> {
        let room = (payload_bytes_max - PART_HEADER_BYTES as u64) / ENTRY_BYTES as u64;
        let per_part = room.min(ENTRIES_PER_PART_MAX) as usize;
        let mut chunks: Vec<&[SpaceEntry]> = self.entries.chunks(per_part).collect();
        if chunks.is_empty() {
            chunks.push(&[]);
        }
        let flags = if self.unlisted_suspect { FLAG_UNLISTED_SUSPECT } else { 0 };
        let parts = chunks.len() as u32;
        let encode = |(part, chunk): (usize, &&[SpaceEntry])| {
            let mut out = Vec::with_capacity(PART_HEADER_BYTES + chunk.len() * ENTRY_BYTES);
            for word in [part as u32, parts, flags, chunk.len() as u32] {
                out.extend_from_slice(&word.to_le_bytes());
            }
            chunk.iter().for_each(|entry| entry.encode(&mut out));
            out
        };
        chunks.iter().enumerate().map(encode).collect()
    }
}

/// Collects the parts of a checkpoint as they are read.
#[derive(Debug, Default)]
pub(crate) struct PartCollector {
    snapshot: Snapshot,
    next_part: u32,
}

impl PartCollector {
    /// Takes the payload of a checkpoint frame; gives the snapshot when it was the last part. A part out of order
    /// drops what was collected: an incomplete checkpoint proves nothing.
    pub(crate) fn push(&mut self, payload: &[u8]) -> Option<Snapshot> {
        let (head, rows) = payload.split_at_checked(PART_HEADER_BYTES)?;
        let [part, parts, flags, count] = [0, 4, 8, 12].map(|at| u32_at(head, at));
        if part == 0 {
            *self = PartCollector::default();
        }
        let next = part.checked_add(1).filter(|_| part == self.next_part);
        let (Some(next), true) = (next, rows.len() == count as usize * ENTRY_BYTES) else {
            *self = PartCollector { snapshot: Snapshot::default(), next_part: u32::MAX };
            return None;
        };
        self.next_part = next;
        self.snapshot.unlisted_suspect = flags & FLAG_UNLISTED_SUSPECT != 0;
        self.snapshot.entries.extend(rows.chunks_exact(ENTRY_BYTES).map(SpaceEntry::decode));
        (self.next_part == parts).then(|| std::mem::take(self).snapshot)
    }
}

/// The content of the `base` file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Base {
    /// The first segment that is kept.
    pub(crate) first_sequence: u64,
    /// Where each space stood at the end of the dropped prefix.
    pub(crate) entries: Vec<SpaceEntry>,
}

impl Base {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend_from_slice(&BASE_MAGIC);
        out.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&self.first_sequence.to_le_bytes());
        out.extend_from_slice(&(self.entries.len() as u64).to_le_bytes());
        self.entries.iter().for_each(|entry| entry.encode(&mut out));
        let hash = blake3::hash(&out);
        out.extend_from_slice(&hash.as_bytes()[..BASE_HASH_BYTES]);
        out
    }

    /// Decodes the file; `None` when it is not what was written.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Option<Base>, LogError> {
        let Some((body, hash)) = bytes
            .len()
            .checked_sub(BASE_HASH_BYTES)
            .and_then(|at| bytes.split_at_checked(at))
            .filter(|(body, _)| body.len() >= BASE_HEADER_BYTES)
        else {
            return Ok(None);
        };
        if body[0..8] != BASE_MAGIC || hash != &blake3::hash(body).as_bytes()[..BASE_HASH_BYTES] {
            return Ok(None);
        }
        let found = u32_at(body, 8);
        if found > FORMAT_VERSION {
            return Err(LogError::NewerFormat { found, supported: FORMAT_VERSION });
        }
        let rows = &body[BASE_HEADER_BYTES..];
        if rows.len() as u64 != u64_at(body, 24).saturating_mul(ENTRY_BYTES as u64) {
            return Ok(None);
        }
        let entries: Vec<SpaceEntry> =
            rows.chunks_exact(ENTRY_BYTES).map(SpaceEntry::decode).collect();
        let first_sequence = u64_at(body, 16);
        let counted = entries
            .iter()
            .all(|entry| entry.tip.lsn <= Lsn::LIMIT && entry.tip.time < CommitTime(i64::MAX));
        Ok((counted && first_sequence <= SEQUENCE_LIMIT)
            .then_some(Base { first_sequence, entries }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(count: u8) -> Vec<SpaceEntry> {
        let entry = |number: u8| SpaceEntry {
            space: SpaceId([number; 16]),
            tip: SpaceTip {
                lsn: Lsn(u64::from(number) + 1),
                time: CommitTime(-5),
                chain: [number; 16],
                state_sum: 99,
            },
            quarantined: number.is_multiple_of(2),
            adopted: number.is_multiple_of(3),
        };
        (0..count).map(entry).collect()
    }

    #[test]
    fn a_snapshot_comes_back_from_its_parts() {
        for count in [0, 1, 3, 10] {
            let snapshot = Snapshot { entries: entries(count), unlisted_suspect: count == 3 };
            let parts = snapshot.encode_parts(16 + 3 * 64 + 60);
            assert_eq!(parts.len(), usize::from(count).div_ceil(3).max(1));
            let mut collector = PartCollector::default();
            let (last, before) = parts.split_last().unwrap();
            assert!(before.iter().all(|part| collector.push(part).is_none()));
            assert_eq!(collector.push(last), Some(snapshot));
        }
    }

    #[test]
    fn an_incomplete_checkpoint_proves_nothing() {
        let parts =
            Snapshot { entries: entries(9), unlisted_suspect: false }.encode_parts(16 + 3 * 64);
        let mut collector = PartCollector::default();
        assert_eq!(collector.push(&parts[0]), None);
        assert_eq!(collector.push(&parts[2]), None, "part 1 is missing");
        assert_eq!(collector.push(&parts[1]), None);
        assert_eq!(collector.push(&parts[2]), None);
    }

    #[test]
    fn a_part_that_nothing_can_follow_proves_nothing() {
        let mut part = Snapshot { entries: entries(1), unlisted_suspect: false }.encode_parts(80);
        let part = &mut part[0];
        part[..4].copy_from_slice(&u32::MAX.to_le_bytes());
        let mut collector = PartCollector::default();
        // The first one puts the collector where it waits for the next beginning.
        assert_eq!([collector.push(part), collector.push(part)], [None, None]);
    }

    #[test]
    fn a_base_beyond_all_counting_is_none() {
        let refused = |change: fn(&mut Base)| {
            let mut base = Base { first_sequence: 4, entries: entries(2) };
            change(&mut base);
            assert_eq!(Base::decode(&base.encode()).unwrap(), None);
        };
        refused(|base| base.first_sequence = u64::MAX);
        refused(|base| base.entries[1].tip.lsn = Lsn(u64::MAX));
        refused(|base| base.entries[1].tip.time = CommitTime(i64::MAX));
    }

    #[test]
    fn a_base_comes_back_and_every_flip_is_seen() {
        let base = Base { first_sequence: 4, entries: entries(2) };
        let bytes = base.encode();
        assert_eq!(Base::decode(&bytes).unwrap(), Some(base));
        for position in 0..bytes.len() {
            let mut bad = bytes.clone();
            bad[position] ^= 1;
            assert_eq!(Base::decode(&bad).unwrap(), None, "{position}");
            assert_eq!(Base::decode(&bytes[..position]).unwrap(), None, "cut at {position}");
        }
    }
}
