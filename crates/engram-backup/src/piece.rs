//! Pieces of the log of one space: commits that follow each other, with their chain.

use engram_store::{CommitTime, Frame, Lsn, SpaceId, SpaceTip, Stamp};

use crate::error::BackupError;
use crate::keys::PieceName;
use crate::repository::{Repository, StoredBytes};

const MAGIC: [u8; 8] = *b"ENGRAMLP";
const FORMAT: u32 = 1;
/// Magic, format, count, space, first LSN.
const HEADER_BYTES: usize = 8 + 4 + 4 + 16 + 8;
/// Kind, epoch, key, time, state sum, chain, length of the payload.
const COMMIT_BYTES: usize = 1 + 4 + 4 + 8 + 8 + 16 + 4;

/// The bytes of a piece. The commits are of one space and follow each other; there is at least one.
pub(crate) fn encode(frames: &[Frame]) -> Vec<u8> {
    let payloads: usize = frames.iter().map(|frame| frame.payload.len()).sum();
    let mut out = Vec::with_capacity(HEADER_BYTES + frames.len() * COMMIT_BYTES + payloads);
    let Some(first) = frames.first() else { return out };
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&FORMAT.to_le_bytes());
    out.extend_from_slice(&(frames.len() as u32).to_le_bytes());
    out.extend_from_slice(&first.stamp.space.0);
    out.extend_from_slice(&first.stamp.lsn.0.to_le_bytes());
    for frame in frames {
        out.push(frame.kind);
        out.extend_from_slice(&frame.epoch.to_le_bytes());
        out.extend_from_slice(&frame.key_id.to_le_bytes());
        out.extend_from_slice(&frame.stamp.time.0.to_le_bytes());
        out.extend_from_slice(&frame.state_sum.to_le_bytes());
        out.extend_from_slice(&frame.chain);
        out.extend_from_slice(&(frame.payload.len() as u32).to_le_bytes());
        out.extend_from_slice(&frame.payload);
    }
    out
}

/// The commits of a piece; what is wrong with it otherwise.
pub(crate) fn decode(bytes: &[u8]) -> Result<Vec<Frame>, &'static str> {
    let mut reader = Reader { left: bytes };
    if reader.array::<8>()? != MAGIC {
        return Err("it is no piece of a log");
    }
    if u32::from_le_bytes(reader.array()?) > FORMAT {
        return Err("it was written by a newer version");
    }
    let count = u32::from_le_bytes(reader.array()?);
    let space = SpaceId(reader.array()?);
    let first = u64::from_le_bytes(reader.array()?);
    // Each commit has so many bytes at least: no more room is made than there can be commits.
    let mut frames = Vec::with_capacity((count as usize).min(bytes.len() / COMMIT_BYTES));
    for number in 0..u64::from(count) {
        let lsn = first.checked_add(number).ok_or("its numbers are too large")?;
        let kind = reader.array::<1>()?[0];
        let epoch = u32::from_le_bytes(reader.array()?);
        let key_id = u32::from_le_bytes(reader.array()?);
        let time = CommitTime(i64::from_le_bytes(reader.array()?));
        let state_sum = u64::from_le_bytes(reader.array()?);
        let chain = reader.array()?;
        let length = u32::from_le_bytes(reader.array()?);
        let payload = reader.take(length as usize)?.to_vec();
        let stamp = Stamp { space, lsn: Lsn(lsn), time };
        frames.push(Frame { stamp, kind, epoch, key_id, state_sum, chain, payload });
    }
    if reader.left.is_empty() { Ok(frames) } else { Err("something follows its last commit") }
}

struct Reader<'a> {
    left: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], &'static str> {
        let (taken, left) = self.left.split_at_checked(count).ok_or("it is cut")?;
        self.left = left;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], &'static str> {
        self.take(N)?.try_into().map_err(|_| "it is cut")
    }
}

/// Stores the piece of these commits.
pub(crate) fn store(
    repository: &Repository,
    timeline: u32,
    frames: &[Frame],
) -> Result<(PieceName, StoredBytes), BackupError> {
    let ends = frames.first().zip(frames.last());
    let (first, last) =
        ends.ok_or_else(|| BackupError::corrupt("log", "a piece without commits"))?;
    let name = PieceName {
        space: first.stamp.space,
        timeline,
        first: first.stamp.lsn,
        last: last.stamp.lsn,
        chain: last.chain,
    };
    let stored = repository.put_new(&name.key(), &encode(frames))?;
    Ok((name, stored))
}

/// The commits of a piece, as its name says, each the next one of the one before.
pub(crate) fn load(repository: &Repository, name: &PieceName) -> Result<Vec<Frame>, BackupError> {
    let key = name.key();
    let frames = decode(&repository.get(&key)?).map_err(|what| BackupError::corrupt(&key, what))?;
    let ends = frames.first().zip(frames.last()).is_some_and(|(first, last)| {
        first.stamp.space == name.space
            && first.stamp.lsn == name.first
            && last.stamp.lsn == name.last
            && last.chain == name.chain
    });
    let mut before: Option<SpaceTip> = None;
    let chained = frames.iter().all(|frame| {
        let continues = before.as_ref().is_none_or(|tip| frame.continues(tip));
        before = Some(frame.tip());
        continues
    });
    if !ends || !chained {
        return Err(BackupError::corrupt(&key, "its commits are not those of its name"));
    }
    Ok(frames)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(lsn: u64, payload: &[u8]) -> Frame {
        let stamp = Stamp { space: SpaceId([3; 16]), lsn: Lsn(lsn), time: CommitTime(lsn as i64) };
        let (chain, payload) = ([lsn as u8; 16], payload.to_vec());
        Frame { stamp, kind: 3, epoch: 2, key_id: 0, state_sum: lsn * 7, chain, payload }
    }

    #[test]
    fn commits_come_back_as_they_were() {
        let frames = vec![frame(5, b"one"), frame(6, b""), frame(7, &[9; 5_000])];
        assert_eq!(decode(&encode(&frames)).unwrap(), frames);
    }

    #[test]
    fn cuts_and_tails_are_refused() {
        let bytes = encode(&[frame(1, b"one"), frame(2, b"two")]);
        for length in 0..bytes.len() {
            assert!(decode(&bytes[..length]).is_err(), "{length}");
        }
        assert!(decode(&[&bytes[..], b"x"].concat()).is_err());
        let mut endless = bytes;
        endless[12..16].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(decode(&endless).is_err());
    }
}
