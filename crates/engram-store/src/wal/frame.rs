//! The frame: the unit of the log, encoded and decoded.
//!
//! Guarantee: `decode` accepts only what `encode` wrote at that very offset of that very life of a
//! segment file (salted, offset-bound checksums), so untrusted payload bytes never pass for a frame.

use super::types::{Frame, SpaceTip, Stamp};
use crate::bug::Bug;
use crate::format::{array, u32_at, u64_at};
use crate::ids::{CommitTime, Lsn, SpaceId};

/// Length of a frame header, in bytes.
pub(crate) const FRAME_HEADER_BYTES: u64 = 88;
/// Frames start at multiples of this.
pub(crate) const FRAME_ALIGN: u64 = 8;

const CRC_AT: usize = 84;

/// What a frame is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum FrameKind {
    Commit = 1,
    Checkpoint = 2,
    Footer = 3,
    /// Zeros that keep what follows out of the block of what is before.
    Padding = 4,
}

impl FrameKind {
    fn from_byte(byte: u8) -> Option<FrameKind> {
        match byte {
            1 => Some(FrameKind::Commit),
            2 => Some(FrameKind::Checkpoint),
            3 => Some(FrameKind::Footer),
            4 => Some(FrameKind::Padding),
            _ => None,
        }
    }
}

/// The random salt of one life of a segment file, folded into a CRC state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Salt(u32);

impl Salt {
    pub(crate) fn new(bytes: &[u8; 16]) -> Salt {
        Salt(crc32c::crc32c(bytes))
    }

    /// The CRC of `bytes` as they stand at `offset`.
    pub(crate) fn crc(self, offset: u64, bytes: &[u8]) -> u32 {
        crc32c::crc32c_append(crc32c::crc32c_append(self.0, &offset.to_le_bytes()), bytes)
    }

    /// The CRC of a padded payload of the frame at `offset`.
    fn payload_crc(self, offset: u64, padded: &[u8]) -> u32 {
        crc32c::crc32c_append(self.crc(offset, b"P"), padded)
    }
}

/// A decoded frame header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct FrameHeader {
    pub(crate) frame_kind: FrameKind,
    pub(crate) entry_kind: u8,
    pub(crate) epoch: u32,
    pub(crate) key_id: u32,
    pub(crate) stamp: Stamp,
    pub(crate) batch_start: u32,
    pub(crate) state_sum: u64,
    pub(crate) chain: [u8; 16],
    pub(crate) payload_len: u32,
    payload_crc: u32,
}

impl FrameHeader {
    /// A header without a commit in it: checkpoint or footer.
    pub(crate) fn service(frame_kind: FrameKind, epoch: u32, batch_start: u32) -> FrameHeader {
        FrameHeader {
            frame_kind,
            entry_kind: 0,
            epoch,
            key_id: 0,
            stamp: Stamp { space: SpaceId([0; 16]), lsn: Lsn(0), time: CommitTime(0) },
            batch_start,
            state_sum: 0,
            chain: [0; 16],
            payload_len: 0,
            payload_crc: 0,
        }
    }

    /// The header of a commit that was written before.
    pub(crate) fn of_frame(frame: &Frame) -> FrameHeader {
        FrameHeader {
            entry_kind: frame.kind,
            key_id: frame.key_id,
            stamp: frame.stamp,
            state_sum: frame.state_sum,
            chain: frame.chain,
            ..FrameHeader::service(FrameKind::Commit, frame.epoch, 0)
        }
    }

    /// Length of the frame in the segment, padding included.
    pub(crate) fn frame_bytes(&self) -> u64 {
        frame_bytes(u64::from(self.payload_len))
    }

    /// True when `padded` (payload and padding) is what was written with this header at `offset`.
    pub(crate) fn payload_matches(&self, salt: Salt, offset: u64, padded: &[u8]) -> bool {
        salt.payload_crc(offset, padded) == self.payload_crc
    }

    /// The frame as the log hands it out.
    pub(crate) fn into_frame(self, payload: &[u8]) -> Frame {
        Frame {
            stamp: self.stamp,
            kind: self.entry_kind,
            epoch: self.epoch,
            key_id: self.key_id,
            state_sum: self.state_sum,
            chain: self.chain,
            payload: payload.to_vec(),
        }
    }

    /// Where its space stands after this commit.
    pub(crate) fn tip(&self) -> SpaceTip {
        let Stamp { lsn, time, .. } = self.stamp;
        SpaceTip { lsn, time, chain: self.chain, state_sum: self.state_sum }
    }

    /// The chain value that follows `previous` with this commit.
    pub(crate) fn chain_after(&self, previous: &[u8; 16], payload: &[u8]) -> [u8; 16] {
        let mut hasher = blake3::Hasher::new();
        hasher.update(previous);
        hasher.update(&self.stamp.space.0);
        hasher.update(&self.stamp.lsn.0.to_le_bytes());
        hasher.update(&self.stamp.time.0.to_le_bytes());
        hasher.update(&[self.entry_kind]);
        hasher.update(&self.epoch.to_le_bytes());
        hasher.update(&self.key_id.to_le_bytes());
        hasher.update(&self.state_sum.to_le_bytes());
        hasher.update(payload);
        array(hasher.finalize().as_bytes(), 0)
    }
}

impl Frame {
    /// Where its space stands after this commit.
    pub fn tip(&self) -> SpaceTip {
        FrameHeader::of_frame(self).tip()
    }

    /// Whether this commit is the next one of a space that stands at `tip`: LSN, time, and the hash over the whole history.
    pub fn continues(&self, tip: &SpaceTip) -> bool {
        let Stamp { lsn, time, .. } = self.stamp;
        Some(lsn.0) == tip.lsn.0.checked_add(1)
            && time > tip.time
            && FrameHeader::of_frame(self).chain_after(&tip.chain, &self.payload) == self.chain
    }
}

/// Length of a frame with `payload_len` bytes of payload.
pub(crate) fn frame_bytes(payload_len: u64) -> u64 {
    FRAME_HEADER_BYTES + payload_len.next_multiple_of(FRAME_ALIGN)
}

/// Appends the frame to `out`, to be written at `offset`; fills in lengths and checksums.
pub(crate) fn encode(
    out: &mut Vec<u8>,
    salt: Salt,
    offset: u64,
    header: &FrameHeader,
    payload: &[u8],
) {
    let start = out.len();
    let body = start + FRAME_HEADER_BYTES as usize;
    let len = u32::try_from(payload.len()).expect("payloads are bounded by wal_payload_bytes_max");
    out.extend_from_slice(&[0; FRAME_HEADER_BYTES as usize]);
    out.extend_from_slice(payload);
    out.resize(start + frame_bytes(u64::from(len)) as usize, 0);
    let payload_crc = salt.payload_crc(offset, &out[body..]);

    let head = &mut out[start..body];
    head[0..4].copy_from_slice(&len.to_le_bytes());
    head[4] = header.frame_kind as u8;
    head[5] = header.entry_kind;
    head[8..12].copy_from_slice(&header.epoch.to_le_bytes());
    head[12..16].copy_from_slice(&header.key_id.to_le_bytes());
    head[16..32].copy_from_slice(&header.stamp.space.0);
    head[32..40].copy_from_slice(&header.stamp.lsn.0.to_le_bytes());
    head[40..48].copy_from_slice(&header.stamp.time.0.to_le_bytes());
    head[48..52].copy_from_slice(&header.batch_start.to_le_bytes());
    head[52..56].copy_from_slice(&payload_crc.to_le_bytes());
    head[56..64].copy_from_slice(&header.state_sum.to_le_bytes());
    head[64..80].copy_from_slice(&header.chain);
    let crc = salt.crc(offset, &head[..CRC_AT]);
    head[CRC_AT..].copy_from_slice(&crc.to_le_bytes());
}

/// Decodes the header in the first 88 bytes of `bytes`, which stand at `offset`. `None` when it is not one.
pub(crate) fn decode_header(bytes: &[u8], salt: Salt, offset: u64) -> Option<FrameHeader> {
    let head = bytes.get(..FRAME_HEADER_BYTES as usize)?;
    // Cheap tests first: recovery tries every eighth byte of a hole.
    let frame_kind = FrameKind::from_byte(head[4])?;
    if head[6..8] != [0; 2] || head[80..84] != [0; 4] {
        return None;
    }
    let batch_start = u32_at(head, 48);
    if u64::from(batch_start) > offset || u32_at(head, CRC_AT) != salt.crc(offset, &head[..CRC_AT])
    {
        return None;
    }
    let stamp = Stamp {
        space: SpaceId(array(head, 16)),
        lsn: Lsn(u64_at(head, 32)),
        time: CommitTime(i64::from_le_bytes(array(head, 40))),
    };
    Some(FrameHeader {
        frame_kind,
        entry_kind: head[5],
        epoch: u32_at(head, 8),
        key_id: u32_at(head, 12),
        stamp,
        batch_start,
        state_sum: u64_at(head, 56),
        chain: array(head, 64),
        payload_len: u32_at(head, 0),
        payload_crc: u32_at(head, 52),
    })
}

/// What stands at a frame boundary.
pub(crate) enum Decoded<'a> {
    /// A frame, intact.
    Valid(FrameHeader, &'a [u8]),
    /// The header is intact, the payload is not.
    BadPayload(FrameHeader),
    /// No frame.
    Nothing,
}

/// Decodes the frame at the start of `bytes`, which stand at `offset` of their segment.
pub(crate) fn decode(bytes: &[u8], salt: Salt, offset: u64) -> Decoded<'_> {
    let Some(header) = decode_header(bytes, salt, offset) else {
        return Decoded::Nothing;
    };
    let Some(frame) = bytes.get(..header.frame_bytes() as usize) else {
        return Decoded::Nothing;
    };
    let padded = &frame[FRAME_HEADER_BYTES as usize..];
    if header.payload_matches(salt, offset, padded) || Bug::PayloadUnchecked.is_on() {
        Decoded::Valid(header, &padded[..header.payload_len as usize])
    } else {
        Decoded::BadPayload(header)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> (Salt, FrameHeader, Vec<u8>) {
        let stamp =
            Stamp { space: SpaceId([7; 16]), lsn: Lsn(3), time: CommitTime(1_700_000_000_000) };
        let mut header = FrameHeader::service(FrameKind::Commit, 2, 4096);
        header.stamp = stamp;
        header.entry_kind = 9;
        header.state_sum = 0xABCD;
        let payload = b"thirteen byte".to_vec();
        header.chain = header.chain_after(&[0; 16], &payload);
        (Salt::new(&[5; 16]), header, payload)
    }

    fn placed(offset: u64) -> (Salt, Vec<u8>) {
        let (salt, header, payload) = sample();
        let mut area = vec![0; offset as usize];
        encode(&mut area, salt, offset, &header, &payload);
        (salt, area)
    }

    #[test]
    fn a_frame_comes_back() {
        let (salt, area) = placed(8192);
        let (_, header, payload) = sample();
        let Decoded::Valid(found, bytes) = decode(&area[8192..], salt, 8192) else {
            panic!("not decoded");
        };
        assert_eq!(found.stamp, header.stamp);
        assert_eq!(found.into_frame(bytes), header.into_frame(&payload));
        assert_eq!(area.len() as u64, 8192 + frame_bytes(13));
    }

    #[test]
    fn a_frame_is_bound_to_its_offset_and_salt() {
        let (salt, area) = placed(8192);
        let mut moved = vec![0; 8200];
        moved.extend_from_slice(&area[8192..]);
        assert!(matches!(decode(&moved[8200..], salt, 8200), Decoded::Nothing));
        assert!(matches!(decode(&area[8192..], Salt::new(&[6; 16]), 8192), Decoded::Nothing));
    }

    #[test]
    fn every_flipped_bit_is_seen() {
        let (salt, area) = placed(4096);
        for position in 4096..area.len() {
            for bit in 0..8 {
                let mut bad = area.clone();
                bad[position] ^= 1 << bit;
                let seen = decode(&bad[4096..], salt, 4096);
                assert!(!matches!(seen, Decoded::Valid(..)), "bit {bit} of byte {position}");
                let named = matches!(seen, Decoded::BadPayload(_));
                assert_eq!(named, position >= 4096 + 88, "the header alone names the owner");
            }
        }
    }
}
