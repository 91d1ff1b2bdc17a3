//! [`Roll`]: every space that manifests, files and log know, with how far each of them reaches.
//!
//! The log is read once. Two histories of a space are followed in it: from where the log starts, and from where the manifest stands. What
//! stands behind a break of one may go on from the other.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use engram_store::{
    CommitTime, Frame, Fs, InHistory, LogRecord, LogSurvey, Lsn, Manifest, SpaceId, SpaceTip,
    StoreError, TraceWitness, list_files, parse_segment_file_name, read_manifests,
};
use prost::Message;

use crate::datadir::{SPACES_DIR, WAL_DIR};
use crate::error::EngineError;
use crate::record::{
    CommitRecord, KIND_COMMIT, KIND_SPACE_CREATED, KIND_SPACE_DELETED, Op, SpaceRecord,
};
use crate::stored::CheckpointRecord;

/// A space as far as it is known.
pub(super) struct Known {
    pub(super) id: SpaceId,
    /// Its birth, from the log or the manifest.
    pub(super) record: Option<SpaceRecord>,
    pub(super) created_at: CommitTime,
    pub(super) manifest: Option<Manifest>,
    /// Why its manifest is of no use.
    pub(super) manifest_fault: Option<StoreError>,
    /// There are segments of it.
    pub(super) has_segments: bool,
    /// Where the log starts for it.
    pub(super) start: SpaceTip,
    /// How far the log reaches from there without a break.
    pub(super) log_tip: SpaceTip,
    /// How far it reaches from the manifest.
    pub(super) files_tip: SpaceTip,
    /// The log has another history than the manifest.
    pub(super) is_forked: bool,
    /// An intact commit says that it was deleted.
    pub(super) deleted: bool,
    /// Intact commits in the log.
    pub(super) commits: u64,
    /// The last commit that anything tells of.
    pub(super) seen: Lsn,
    /// Its last commit by the checkpoint that ends the log.
    pub(super) proven_end: Option<Lsn>,
    /// Why the log broke it.
    pub(super) quarantine: Option<String>,
    /// Intact commits that the log's history does not reach, with the memories that each stores.
    pub(super) later: Vec<(Lsn, u64)>,
}

impl Known {
    fn new(id: SpaceId) -> Known {
        Known {
            id,
            record: None,
            created_at: CommitTime(0),
            manifest: None,
            manifest_fault: None,
            has_segments: false,
            start: SpaceTip::NONE,
            log_tip: SpaceTip::NONE,
            files_tip: SpaceTip::NONE,
            is_forked: false,
            deleted: false,
            commits: 0,
            seen: Lsn(0),
            proven_end: None,
            quarantine: None,
            later: Vec::new(),
        }
    }

    /// What people call it.
    pub(super) fn label(&self) -> String {
        self.name().unwrap_or_else(|| self.id.to_string())
    }

    pub(super) fn name(&self) -> Option<String> {
        self.record.as_ref().map(|record| record.name.clone())
    }

    /// Whether the log has everything of it, from its birth on.
    pub(super) fn has_head(&self) -> bool {
        self.start.lsn.0 == 0 && self.log_tip.lsn.0 > 0
    }

    /// A space that was deleted and of which nothing is left but its place in the log's books.
    pub(super) fn is_gone(&self) -> bool {
        let nothing = self.manifest.is_none() && self.manifest_fault.is_none();
        nothing && !self.has_segments && self.commits == 0 && self.quarantine.is_none()
    }

    /// It was deleted and the log says so without a break.
    pub(super) fn is_well_deleted(&self) -> bool {
        self.deleted && self.later.is_empty() && self.quarantine.is_none()
    }

    fn see(&mut self, lsn: Lsn) {
        self.seen = self.seen.max(lsn);
    }

    fn adopt(&mut self, manifest: Manifest) {
        let Manifest { lsn, committed_at, chain, state_sum, .. } = manifest;
        self.see(lsn);
        self.files_tip = SpaceTip { lsn, time: committed_at, chain, state_sum };
        let record = CheckpointRecord::decode(manifest.payload.as_slice());
        let record = record.ok().and_then(|record| Some((record.created_at, record.space?)));
        match record.filter(|(_, record)| record.settings().is_ok()) {
            Some((created_at, record)) => {
                self.created_at = CommitTime(created_at);
                self.record = Some(record);
                self.manifest = Some(manifest);
            }
            None => self.manifest_fault = Some(manifest.damaged("it names no space")),
        }
    }

    fn commit(&mut self, frame: &Frame, place: InHistory) {
        let lsn = frame.stamp.lsn;
        self.see(lsn);
        self.commits += 1;
        if frame.kind == KIND_SPACE_CREATED && lsn == Lsn(1) && self.record.is_none() {
            self.record = SpaceRecord::decode(frame.payload.as_slice()).ok();
            self.created_at = frame.stamp.time;
        }
        self.deleted |= frame.kind == KIND_SPACE_DELETED;
        let stands = self.manifest.as_ref().map(|manifest| (manifest.lsn, manifest.chain));
        self.is_forked |= stands.is_some_and(|(at, chain)| at == lsn && chain != frame.chain);
        if self.manifest.is_some() && frame.continues(&self.files_tip) {
            self.files_tip = frame.tip();
        }
        match place {
            InHistory::Unbroken => self.log_tip = frame.tip(),
            InHistory::BehindBreak => self.later.push((lsn, puts(frame))),
        }
    }
}

/// How many memories a commit stores.
fn puts(frame: &Frame) -> u64 {
    if frame.kind != KIND_COMMIT {
        return 0;
    }
    let record = CommitRecord::decode(frame.payload.as_slice()).unwrap_or_default();
    record.ops.iter().filter(|op| matches!(op.op, Some(Op::Put(_)))).count() as u64
}

/// All spaces of a directory, and its log.
pub(super) struct Roll {
    pub(super) spaces: BTreeMap<SpaceId, Known>,
    pub(super) log: LogSurvey,
    /// What the commits of the log take in it, in bytes, about.
    pub(super) log_bytes: u64,
}

/// What a frame takes beside its payload, in bytes, at most.
const FRAME_BYTES: u64 = 96;

impl Roll {
    /// Reads manifests and log. `fs` is a view: leftovers are removed from it.
    pub(super) fn call(fs: &Arc<dyn Fs>, dir: &Path) -> Result<Roll, EngineError> {
        let mut spaces: BTreeMap<SpaceId, Known> = BTreeMap::new();
        let files = dir.join(SPACES_DIR);
        for name in list_files(&**fs, &files)? {
            if let Some((space, _)) = parse_segment_file_name(&name) {
                entry(&mut spaces, space).has_segments = true;
            }
        }
        let listing = read_manifests(&**fs, &files)?;
        for manifest in listing.manifests {
            let id = manifest.space;
            entry(&mut spaces, id).adopt(manifest);
        }
        for (id, error) in listing.damaged {
            entry(&mut spaces, id).manifest_fault = Some(error);
        }
        let mut log_bytes = 0;
        let log = LogSurvey::open(fs, &dir.join(WAL_DIR), &mut |record| {
            match record {
                LogRecord::Commit { frame, place, .. } => {
                    log_bytes += frame.payload.len() as u64 + FRAME_BYTES;
                    entry(&mut spaces, frame.stamp.space).commit(&frame, place);
                }
                LogRecord::Damaged { space, lsn, .. } => entry(&mut spaces, space).see(lsn),
                LogRecord::Trace { space, lsn, witness } => {
                    let known = entry(&mut spaces, space);
                    known.see(lsn);
                    known.proven_end = (witness == TraceWitness::Checkpoint).then_some(lsn);
                }
            }
            Ok(())
        })?;
        for (id, start) in &log.starts {
            let known = entry(&mut spaces, *id);
            known.start = *start;
            known.see(start.lsn);
            if known.log_tip.lsn < start.lsn {
                known.log_tip = *start;
            }
        }
        for broken in &log.recovery.quarantined {
            let known = entry(&mut spaces, broken.space);
            known.quarantine = Some(broken.cause().to_owned());
        }
        if !log.recovery.clean {
            // What the last checkpoint says was overtaken.
            spaces.values_mut().for_each(|known| known.proven_end = None);
        }
        Ok(Roll { spaces, log, log_bytes })
    }
}

fn entry(spaces: &mut BTreeMap<SpaceId, Known>, id: SpaceId) -> &mut Known {
    spaces.entry(id).or_insert_with(|| Known::new(id))
}
