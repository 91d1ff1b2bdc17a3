//! Which spaces the manifests and the log know, without their state: what an open of the data directory needs.
//!
//! Frames of memories are counted, not decoded: a space is read when it is first asked for. Spaces deleted within the log leave
//! nothing behind but the request to remove their files and release their frames.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use engram_store::{
    CommitTime, Frame, LogError, Lsn, Manifest, ManifestListing, Quarantine, Recovery, SpaceId,
};
use prost::Message;

use crate::catalog::Entry;
use crate::record::{KIND_COMMIT, KIND_SPACE_CREATED, KIND_SPACE_DELETED, SpaceRecord};
use crate::space::SpaceIdentity;
use crate::stored::CheckpointRecord;

/// Collects manifests, then frames in log order.
pub(crate) struct Census {
    spaces: HashMap<SpaceId, Seen>,
    deleted: Vec<(SpaceId, Lsn)>,
    faults: Vec<Quarantine>,
}

/// A space as far as it is known.
enum Seen {
    Live(Box<Live>),
    /// Its first frames were dropped with their segments: it must turn out to be deleted.
    Headless,
    /// Its birth cannot be read.
    Unborn,
    Deleted,
}

struct Live {
    record: SpaceRecord,
    created_at: CommitTime,
    checkpoint: Option<Manifest>,
    deleted_since: Option<i64>,
    /// The last commit that deleted something of which something may be left, and the time of the first.
    unpurged: Option<(Lsn, i64)>,
}

/// What is known at the end.
pub(crate) struct Counted {
    pub(crate) entries: BTreeMap<String, Arc<Entry>>,
    /// Deleted spaces and the last LSN of each.
    pub(crate) deleted: Vec<(SpaceId, Lsn)>,
}

impl Census {
    /// Starts with what the manifests say.
    pub(crate) fn new(listing: ManifestListing) -> Census {
        let mut census = Census { spaces: HashMap::new(), deleted: Vec::new(), faults: Vec::new() };
        for (space, error) in listing.damaged {
            census.unborn(space, Lsn(0), format!("its manifest is damaged: {error}"));
        }
        for manifest in listing.manifests {
            let space = manifest.space;
            let record = CheckpointRecord::decode(manifest.payload.as_slice());
            let known = record.map_err(|error| error.to_string()).and_then(|record| {
                let created_at = CommitTime(record.created_at);
                let deleted_since = record.deleted_since;
                let unpurged =
                    (record.unpurged > 0).then_some((Lsn(record.unpurged), record.unpurged_since));
                let record = record.space.ok_or("it names no space")?;
                record.settings()?;
                Ok(Live { record, created_at, checkpoint: None, deleted_since, unpurged })
            });
            match known {
                Ok(live) => {
                    let live = Live { checkpoint: Some(manifest), ..live };
                    census.spaces.insert(space, Seen::Live(Box::new(live)));
                }
                Err(why) => census.unborn(space, manifest.lsn, format!("its manifest: {why}")),
            }
        }
        census
    }

    fn unborn(&mut self, space: SpaceId, expected: Lsn, reason: String) {
        self.faults.push(Quarantine { space, expected, reason });
        self.spaces.insert(space, Seen::Unborn);
    }

    /// Takes the next frame. Never fails: what is wrong with one space is kept for the end.
    #[expect(clippy::unnecessary_wraps, reason = "the log's replay callback may fail")]
    pub(crate) fn frame(&mut self, frame: &Frame) -> Result<(), LogError> {
        let stamp = frame.stamp;
        if frame.kind == KIND_SPACE_DELETED {
            self.deleted.push((stamp.space, stamp.lsn));
            self.spaces.insert(stamp.space, Seen::Deleted);
        } else if let Some(Seen::Live(live)) = self.spaces.get_mut(&stamp.space) {
            // It is not decoded, and may delete something that the files hold.
            let behind = live.checkpoint.as_ref().is_none_or(|manifest| manifest.lsn < stamp.lsn);
            if behind && frame.kind == KIND_COMMIT {
                let since = live.deleted_since.map_or(stamp.time.0, |at| at.min(stamp.time.0));
                live.deleted_since = Some(since);
            }
        } else if !self.spaces.contains_key(&stamp.space) {
            self.first(frame);
        }
        Ok(())
    }

    fn first(&mut self, frame: &Frame) {
        let stamp = frame.stamp;
        if frame.kind != KIND_SPACE_CREATED {
            self.spaces.insert(stamp.space, Seen::Headless);
            return;
        }
        let record = SpaceRecord::decode(frame.payload.as_slice())
            .map_err(|error| format!("the space record does not decode: {error}"))
            .and_then(|record| record.settings().map(|_| record));
        match record {
            Ok(record) => {
                let created_at = stamp.time;
                let live = Live {
                    record,
                    created_at,
                    checkpoint: None,
                    deleted_since: None,
                    unpurged: None,
                };
                self.spaces.insert(stamp.space, Seen::Live(Box::new(live)));
            }
            Err(reason) => self.unborn(stamp.space, stamp.lsn, reason),
        }
    }

    /// Everything that is there; what is wrong is added to the recovery report. `durable_lsn` is the last LSN of a space in
    /// the log.
    pub(crate) fn finish(
        mut self,
        recovery: &mut Recovery,
        durable_lsn: &dyn Fn(SpaceId) -> Lsn,
    ) -> Counted {
        for (id, seen) in &self.spaces {
            match seen {
                Seen::Headless => {
                    let reason = "the start of its log is missing".to_owned();
                    self.faults.push(Quarantine { space: *id, expected: Lsn(1), reason });
                }
                Seen::Live(live) => self.faults.extend(live.is_ahead(*id, durable_lsn(*id))),
                Seen::Unborn | Seen::Deleted => {}
            }
        }
        for fault in self.faults {
            if matches!(self.spaces.get(&fault.space), Some(Seen::Deleted)) {
                continue;
            }
            if recovery.quarantined.iter().all(|known| known.space != fault.space) {
                recovery.quarantined.push(fault);
            }
        }
        recovery.quarantined.sort_by_key(|quarantine| quarantine.space);
        let mut live: Vec<Entry> = self
            .spaces
            .into_iter()
            .filter_map(|(id, seen)| {
                let Seen::Live(live) = seen else { return None };
                let Live { record, created_at, checkpoint, deleted_since, unpurged } = *live;
                let settings = record.settings().ok()?;
                let identity = SpaceIdentity::new(id, record.name, created_at, settings);
                let broken = recovery.quarantined.iter().find(|known| known.space == id);
                if let Some(broken) = broken {
                    identity.fault.quarantine(broken.reason.clone());
                }
                let entry = Entry::closed(identity, checkpoint);
                if let Some(since) = deleted_since {
                    entry.identity.note_deleted(since);
                }
                if let Some((lsn, since)) = unpurged {
                    entry.identity.unpurged.note(lsn, since);
                }
                Some(entry)
            })
            .collect();
        // A name is created again only after its deletion: where damage hides a deletion, the healthy or later space has
        // the name, and the other one stays in the report.
        live.sort_by_key(|entry| {
            let identity = &entry.identity;
            (identity.fault.quarantined().is_none(), identity.created_at, identity.id)
        });
        let named = live.into_iter().map(|entry| (entry.identity.name.clone(), Arc::new(entry)));
        Counted { entries: named.collect(), deleted: self.deleted }
    }
}

impl Live {
    /// What is wrong where the files of a space hold more than its log.
    fn is_ahead(&self, space: SpaceId, durable: Lsn) -> Option<Quarantine> {
        let lsn = self.checkpoint.as_ref()?.lsn;
        (lsn > durable).then(|| Quarantine {
            space,
            expected: Lsn(durable.0 + 1),
            reason: format!("its log ends at LSN {durable}, its checkpoint is at LSN {lsn}"),
        })
    }
}
