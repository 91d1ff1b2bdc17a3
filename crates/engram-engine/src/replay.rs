//! Rebuilds every space from the log.
//!
//! A space whose frames do not add up is quarantined; the others open. Spaces deleted within the log leave nothing
//! behind but the request to release their frames.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use engram_store::{Frame, LogError, Lsn, Quarantine, Recovery, SpaceId};
use prost::Message;

use crate::apply::{apply, steps};
use crate::memtable::Snapshot;
use crate::queue::{IDEMPOTENCY_LIFETIME_NS, KeyUse, Overlay};
use crate::record::{
    CommitRecord, KIND_COMMIT, KIND_SPACE_CREATED, KIND_SPACE_DELETED, SpaceRecord,
};
use crate::space::{Embedders, Space};

/// Collects frames in log order.
pub(crate) struct Replay<'a> {
    embedders: &'a Embedders,
    spaces: HashMap<SpaceId, Rebuilding>,
    released: Vec<(SpaceId, Lsn)>,
    faults: Vec<Quarantine>,
}

/// A space on its way.
enum Rebuilding {
    Live(Box<LiveSpace>),
    /// Its first frames were dropped with their segments: it must turn out to be deleted.
    Headless,
    /// Its birth cannot be read.
    Unborn,
    Deleted,
}

/// A space that was created and not deleted so far.
struct LiveSpace {
    space: Space,
    snapshot: Snapshot,
    keys: Vec<KeyUse>,
    /// What did not add up; frames behind it are not applied.
    fault: Option<Quarantine>,
}

/// All that the log says.
pub(crate) struct Rebuilt {
    pub(crate) catalog: BTreeMap<String, Arc<Space>>,
    pub(crate) overlays: HashMap<SpaceId, Overlay>,
    /// Deleted spaces and the last LSN of each.
    pub(crate) released: Vec<(SpaceId, Lsn)>,
}

impl<'a> Replay<'a> {
    pub(crate) fn new(embedders: &'a Embedders) -> Replay<'a> {
        Replay { embedders, spaces: HashMap::new(), released: Vec::new(), faults: Vec::new() }
    }

    /// Takes the next frame. Never fails: what is wrong with one space is kept for the end.
    #[expect(clippy::unnecessary_wraps, reason = "the log's replay callback may fail")]
    pub(crate) fn frame(&mut self, frame: Frame) -> Result<(), LogError> {
        let stamp = frame.stamp;
        if frame.kind == KIND_SPACE_DELETED {
            self.released.push((stamp.space, stamp.lsn));
            self.spaces.insert(stamp.space, Rebuilding::Deleted);
            return Ok(());
        }
        match self.spaces.get_mut(&stamp.space) {
            Some(Rebuilding::Live(live)) => live.take(&frame),
            Some(_) => {}
            None => {
                let begun = self.begin(&frame);
                self.spaces.insert(stamp.space, begun);
            }
        }
        Ok(())
    }

    fn begin(&mut self, frame: &Frame) -> Rebuilding {
        if frame.kind != KIND_SPACE_CREATED {
            return Rebuilding::Headless;
        }
        let stamp = frame.stamp;
        let settled = SpaceRecord::decode(frame.payload.as_slice())
            .map_err(|error| format!("the space record does not decode: {error}"))
            .and_then(|record| Ok((record.settings()?, record.name)));
        let (settings, name) = match settled {
            Ok(settled) => settled,
            Err(reason) => {
                let expected = stamp.lsn;
                self.faults.push(Quarantine { space: stamp.space, expected, reason });
                return Rebuilding::Unborn;
            }
        };
        let space = Space::new(stamp.space, name, stamp.time, settings, self.embedders);
        let snapshot = Snapshot { lsn: stamp.lsn, committed_at: stamp.time, ..Snapshot::default() };
        Rebuilding::Live(Box::new(LiveSpace { space, snapshot, keys: Vec::new(), fault: None }))
    }

    /// Everything that was rebuilt, each snapshot after `complete` has added what the log only names; what is wrong is added
    /// to the recovery report.
    pub(crate) fn finish(
        mut self,
        recovery: &mut Recovery,
        complete: &mut dyn FnMut(SpaceId, &mut Snapshot),
    ) -> Rebuilt {
        for (id, rebuilding) in &self.spaces {
            if matches!(rebuilding, Rebuilding::Headless) {
                let reason = "the start of its log is missing".to_owned();
                self.faults.push(Quarantine { space: *id, expected: Lsn(1), reason });
            }
        }
        for rebuilding in self.spaces.values_mut() {
            if let Rebuilding::Live(live) = rebuilding {
                self.faults.extend(live.fault.take());
            }
        }
        recovery.quarantined.append(&mut self.faults);
        recovery.quarantined.sort_by_key(|quarantine| quarantine.space);
        let mut live: Vec<LiveSpace> = self
            .spaces
            .into_iter()
            .filter_map(|(id, rebuilding)| {
                let Rebuilding::Live(mut live) = rebuilding else { return None };
                let broken = recovery.quarantined.iter().find(|quarantine| quarantine.space == id);
                live.space.quarantined = broken.map(|quarantine| quarantine.reason.clone());
                Some(*live)
            })
            .collect();
        // A name is created again only after its deletion: where damage hides a deletion, the healthy or later space has
        // the name, and the other one stays in the report.
        live.sort_by_key(|live| {
            (live.space.quarantined.is_none(), live.space.created_at, live.space.id)
        });
        let mut catalog = BTreeMap::new();
        let mut overlays = HashMap::new();
        for LiveSpace { space, mut snapshot, keys, .. } in live {
            complete(space.id, &mut snapshot);
            let mut overlay = Overlay::new(snapshot.state_sum);
            let latest = snapshot.committed_at.0;
            for key in keys {
                if latest.saturating_sub(key.committed_at.0) <= IDEMPOTENCY_LIFETIME_NS {
                    overlay.use_key(key);
                }
            }
            space.snapshot.store(Arc::new(snapshot));
            overlays.insert(space.id, overlay);
            catalog.insert(space.name.clone(), Arc::new(space));
        }
        Rebuilt { catalog, overlays, released: self.released }
    }
}

impl LiveSpace {
    fn take(&mut self, frame: &Frame) {
        if self.fault.is_some() {
            return;
        }
        let (space, expected) = (frame.stamp.space, frame.stamp.lsn);
        if let Err(reason) = self.commit(frame) {
            self.fault = Some(Quarantine { space, expected, reason });
        }
    }

    fn commit(&mut self, frame: &Frame) -> Result<(), String> {
        let stamp = frame.stamp;
        if frame.kind != KIND_COMMIT {
            return Err(format!("LSN {} has the unknown kind {}", stamp.lsn, frame.kind));
        }
        let mut record = CommitRecord::decode(frame.payload.as_slice())
            .map_err(|error| format!("LSN {} does not decode: {error}", stamp.lsn))?;
        if let Some(record) = record.idempotency.take() {
            let (lsn, committed_at) = (stamp.lsn, stamp.time);
            self.keys.push(KeyUse { record, lsn, committed_at, queued: None });
        }
        let steps = steps(&self.space, stamp, record)?;
        apply(&mut self.snapshot, stamp, steps, self.space.indexing())?;
        if self.snapshot.state_sum != frame.state_sum {
            return Err(format!("the state after LSN {} is not what was committed", stamp.lsn));
        }
        while let Some(range) = self.snapshot.merge_due() {
            let before = self.snapshot.clone();
            let merged = before.merged(range.clone());
            self.snapshot.replace(range, merged, &before);
        }
        Ok(())
    }
}
