//! The words of the log: what goes in, what comes out, settings and reports.

use crate::ids::{CommitTime, Lsn, SpaceId};

/// What an operator does about damage.
pub(crate) const REPAIR: &str = "stop the server and run `engram store verify`; `engram store repair` mends what can be mended, a \
                      backup has the rest";

/// The largest payload of a frame, in bytes, whatever the segment size; see [`LogOptions::payload_bytes_max`].
pub const WAL_PAYLOAD_BYTES_MAX: u64 = 48 << 20;

/// Settings of a [`super::ShardLog`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LogOptions {
    /// Length of a new segment file in bytes: a multiple of 4,096 from 16 KiB to 1 GiB. Default 64 MiB.
    /// Existing segments keep theirs.
    pub segment_bytes: u64,
    /// How many spare segments are kept for reuse. Default 2; 0 removes dropped segments.
    pub spare_segments_max: u32,
    /// The timeline that new frames belong to. Default 1.
    pub epoch: u32,
}

impl Default for LogOptions {
    fn default() -> LogOptions {
        LogOptions { segment_bytes: 64 << 20, spare_segments_max: 2, epoch: 1 }
    }
}

/// One commit to append.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// The space it belongs to.
    pub space: SpaceId,
    /// What the payload is; the log only stores it.
    pub kind: u8,
    /// At most [`LogOptions::payload_bytes_max`] bytes.
    pub payload: Vec<u8>,
    /// Rolling checksum of the space's live state after this commit; the log only stores it.
    pub state_sum: u64,
}

/// The place of a commit in the history of its space.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Stamp {
    /// The space.
    pub space: SpaceId,
    /// Its LSN there.
    pub lsn: Lsn,
    /// Its commit time.
    pub time: CommitTime,
}

/// Where a space stands: its last commit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SpaceTip {
    /// LSN of the commit.
    pub lsn: Lsn,
    /// Its commit time.
    pub time: CommitTime,
    /// Hash over the whole history of the space up to and with it.
    pub chain: [u8; 16],
    /// Rolling checksum of the live state of the space after it.
    pub state_sum: u64,
}

impl SpaceTip {
    /// Before the first commit.
    pub const NONE: SpaceTip =
        SpaceTip { lsn: Lsn(0), time: CommitTime(i64::MIN), chain: [0; 16], state_sum: 0 };
}

/// One commit as it stands in the log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Frame {
    /// Space, LSN and commit time.
    pub stamp: Stamp,
    /// What the payload is.
    pub kind: u8,
    /// The timeline it was written on.
    pub epoch: u32,
    /// The key that seals the payload; 0 = plain.
    pub key_id: u32,
    /// Rolling checksum of the space's live state after this commit.
    pub state_sum: u64,
    /// Hash over the whole history of the space up to and with this commit.
    pub chain: [u8; 16],
    /// The bytes that were appended.
    pub payload: Vec<u8>,
}

/// What [`super::ShardLog::open`] found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Recovery {
    /// Frames replayed.
    pub frames: u64,
    /// Segments that hold frames, or are ready to.
    pub segments: u64,
    /// The unfinished batch at the end, if any: it was never acknowledged and is left out.
    pub torn_tail: Option<TornTail>,
    /// Bytes that had been durable and are wrong now. Never cut; see [`Damage`].
    pub damage: Vec<Damage>,
    /// Spaces whose history the damage broke; they are readable up to the break and refuse writes.
    pub quarantined: Vec<Quarantine>,
    /// True when a checkpoint was the last thing in the log: it was closed, not killed.
    pub clean: bool,
}

/// The unfinished batch at the end of the log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TornTail {
    /// Name of the segment file.
    pub file: String,
    /// Where the cut was made, in bytes.
    pub offset: u64,
    /// How many bytes it has. They are zeroed; in a damaged log they stay as evidence.
    pub bytes: u64,
}

/// Bytes that were durable once and are not what was written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Damage {
    /// Name of the file.
    pub file: String,
    /// Where the wrong bytes start.
    pub offset: u64,
    /// How many bytes are affected.
    pub bytes: u64,
    /// What is wrong there.
    pub what: String,
    /// What an operator does about it.
    pub repair: &'static str,
}

/// A space that refuses writes because its history is broken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Quarantine {
    /// The space.
    pub space: SpaceId,
    /// The first LSN that is missing, or that cannot be proven to be unused.
    pub expected: Lsn,
    /// What broke it.
    pub reason: String,
}

/// Who says where a space stood.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TraceWitness {
    /// A checkpoint: by then it had no other commits.
    Checkpoint,
    /// A checkpoint of a log in which the space was broken already.
    DamagedLog,
    /// The footer of a segment.
    Footer,
}

impl Quarantine {
    /// What broke it, without what to do about it.
    pub fn cause(&self) -> &str {
        self.reason
            .strip_suffix(REPAIR)
            .map_or(self.reason.as_str(), |cause| cause.trim_end_matches([' ', ';']))
    }

    /// Whether this very damage broke the space. False for what only may have.
    pub fn is_by(&self, damage: &Damage) -> bool {
        self.reason.contains(&place_text(&damage.file, damage.offset))
    }
}

/// How a reason names the place of the damage.
pub(crate) fn place_text(file: &str, offset: u64) -> String {
    format!("({file} at {offset})")
}

/// Counters of a log since it was opened (`segments`, `bytes_on_disk` and `queued` are current values).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LogStats {
    /// Frames made durable.
    pub frames: u64,
    /// Their payloads, in bytes.
    pub payload_bytes: u64,
    /// `sync_data` calls on log files by commits.
    pub syncs: u64,
    /// Flushes that wrote something.
    pub flushes: u64,
    /// Segment files in use now.
    pub segments: u64,
    /// What they take on the disk, in bytes: all of a segment counts from the start.
    pub bytes_on_disk: u64,
    /// Segments that were put to use again after their content was released.
    pub recycled: u64,
    /// Frames queued now, not yet durable.
    pub queued: u64,
}

/// What one call of [`super::ShardLog::maintain`] did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LogMaintenance {
    /// Segments dropped because everything in them was released.
    pub dropped: u64,
    /// Spare segments made ready (created, or zeroed again).
    pub prepared: u64,
    /// Spare segments removed because there were too many.
    pub removed: u64,
    /// True when another call would find work.
    pub more: bool,
}
