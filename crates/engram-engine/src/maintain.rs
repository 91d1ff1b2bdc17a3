//! Maintenance in bounded steps: what makes the state small, the log short and the files sound, while reads and writes go on.
//!
//! A step never stops at the first failure: what could not be done is tried again, and the first error is told.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError};

use engram_store::{
    Segment, SegmentHash, SpaceId, StoreError, parse_segment_file_name, segment_file_name,
};

use crate::catalog::Entry;
use crate::checkpoint::unavailable;
use crate::chunk_file;
use crate::datadir::io_failure;
use crate::engine::{Engine, panicked};
use crate::error::{EngineError, LogFailure};
use crate::memtable::Snapshot;
use crate::purging::HELD_BACK_MAX;
use crate::reserve;
use crate::space::Space;
use crate::stored::ROLE_OBJECT;
use crate::upkeep::{Maintained, Swept, Upkeep};

/// Blocks of files that one step checks.
const SCRUB_BLOCKS: u64 = 256;

impl Engine {
    /// One bounded step of background work: removes what deleted spaces left behind, merges chunks, checkpoints spaces,
    /// moves memories between tiers, closes idle spaces, checks files, recycles log segments. Ends the rounds over spaces
    /// when about `budget_memories` memories were copied or written (what was begun is finished).
    ///
    /// # Errors
    /// The first failure; nothing is lost and the step may be repeated.
    pub fn maintain(&self, budget_memories: u64) -> Result<Maintained, EngineError> {
        let mut upkeep = self.maintaining()?;
        let now_ns = self.now_ns();
        let mut done = Maintained::default();
        let mut failed: Option<EngineError> = None;
        let mut disk_full = false;
        let mut note = |outcome: Result<(), EngineError>| {
            if let Err(error) = outcome {
                disk_full |= matches!(error, EngineError::Log(LogFailure::DiskFull(_)));
                failed.get_or_insert(error);
            }
        };
        note(self.remove_deleted());
        note(self.sweep(&mut upkeep));
        let swept = matches!(upkeep.swept, Swept::Done);
        let mut held_back = self.held_back();
        match self.log_to_purge(now_ns.saturating_sub(self.settings().deleted_kept_ns)) {
            Ok(spaces) => held_back.extend(spaces),
            Err(error) => note(Err(error)),
        }
        for entry in self.catalog().open_in_turn() {
            if done.work() >= budget_memories {
                done.more = true;
                break;
            }
            if let Some(space) = entry.space() {
                let budget = budget_memories - done.work();
                let due = (held_back.contains(&entry.identity.id), swept);
                note(self.maintain_space((&entry, &space), due, (now_ns, budget), &mut done));
            }
        }
        note(self.maintain_closed((&held_back, swept), (now_ns, budget_memories), &mut done));
        self.drop_covered_codes();
        note(self.tier(now_ns, &mut done));
        note(self.freeze_unused(now_ns, &mut done));
        note(self.close_idle(now_ns, &mut done));
        note(self.scrub(&mut upkeep, &mut done));
        // Last, so that a log in need of repair does not keep the rest from being done.
        match self.log().maintain() {
            Ok(log) => {
                done.segments = log.dropped + log.prepared + log.removed;
                done.more |= log.more || done.work() >= budget_memories;
            }
            Err(error) => note(Err(error.into())),
        }
        self.keep_reserve(&mut upkeep, (disk_full, failed.is_some()));
        match failed {
            Some(error) => Err(error),
            None => Ok(done),
        }
    }

    /// Gives the room for upkeep away on a full disk, and takes it back when there is room again.
    fn keep_reserve(&self, upkeep: &mut Upkeep, (disk_full, failed): (bool, bool)) {
        let bytes = self.settings().reserve_bytes;
        if disk_full {
            reserve::release(self.fs(), self.data_dir());
            upkeep.has_reserve = false;
        } else if bytes > 0 && !upkeep.has_reserve && !failed {
            upkeep.has_reserve = reserve::make(self.fs(), self.data_dir(), bytes);
        }
    }

    fn maintain_space(
        &self,
        (entry, space): (&Entry, &Arc<Space>),
        (is_due, swept): (bool, bool),
        (now_ns, budget): (i64, u64),
        done: &mut Maintained,
    ) -> Result<(), EngineError> {
        if space.intact().is_err() {
            return Ok(());
        }
        let deleted_before = now_ns.saturating_sub(self.settings().deleted_kept_ns);
        let deleted_before = space.identity.unpurged.due_before(deleted_before);
        let mut merged = 0;
        let mut purged = space.take_moved();
        let mut failed = None;
        while merged < budget {
            match merge_once(space, deleted_before) {
                Ok(Some(step)) => {
                    merged += step.memories.max(1);
                    purged |= step.purged;
                }
                Ok(None) => break,
                // The log must not grow because a cold chunk cannot be merged now.
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            }
        }
        done.merged_memories += merged;
        let log_bytes = space.log_bytes();
        // What is deleted is in the log, and perhaps in the state file, until the next checkpoint.
        let holds_deleted = space.identity.deleted_since() < deleted_before;
        let is_due =
            is_due || purged || holds_deleted || log_bytes >= self.settings().checkpoint_log_bytes;
        if is_due && let Some(checkpoint) = self.checkpoint_space(entry, space)? {
            done.checkpoints += 1;
            done.sealed_memories += checkpoint.sealed_memories;
        }
        if swept && self.confirm_purges(entry, space)? {
            done.checkpoints += 1;
        }
        failed.map_or(Ok(()), Err)
    }

    /// The spaces that keep the oldest log segment, where the log is longer than it should be.
    fn held_back(&self) -> HashSet<SpaceId> {
        if self.log().stats().bytes_on_disk <= self.settings().wal_bytes_max {
            return HashSet::new();
        }
        self.log().holding_back(HELD_BACK_MAX).into_iter().collect()
    }

    /// Opens closed spaces that hold the log back, or whose files or log have held something deleted for too long, writes
    /// their files anew, and closes them again.
    fn maintain_closed(
        &self,
        (held_back, swept): (&HashSet<SpaceId>, bool),
        (now_ns, budget): (i64, u64),
        done: &mut Maintained,
    ) -> Result<(), EngineError> {
        let deleted_before = now_ns.saturating_sub(self.settings().deleted_kept_ns);
        let mut failed = Ok(());
        for entry in self.catalog().all() {
            let identity = &entry.identity;
            let due_before = identity.unpurged.due_before(deleted_before);
            let is_due = held_back.contains(&identity.id)
                || identity.deleted_since() < due_before
                || (swept && self.is_purged(identity, deleted_before));
            if !is_due || entry.is_open() || identity.fault.intact().is_err() {
                continue;
            }
            if done.work() >= budget {
                done.more = true;
                break;
            }
            let before = entry.used_at();
            let outcome = self.open_entry(&entry).and_then(|space| {
                self.maintain_space((&entry, &space), (true, swept), (now_ns, budget), done)
            });
            entry.was_used_at(before, entry.used_at());
            // The others need not wait for one that cannot be opened or closed now.
            failed = outcome.and_then(|()| self.close_entry(&entry).map(|_| ())).and(failed);
        }
        failed
    }

    /// Removes the files of deleted spaces; only then may their frames go.
    fn remove_deleted(&self) -> Result<(), EngineError> {
        let deleted = self.deleted().clone();
        if deleted.is_empty() {
            return Ok(());
        }
        let names = self.file_names()?;
        let mut failed = Ok(());
        for (space, last) in deleted {
            if !self.held_files(space).is_empty() {
                // Its files go when nobody copies them any more.
                continue;
            }
            match self.remove_files(space, &names) {
                Ok(()) => {
                    self.release(space, last);
                    self.deleted().retain(|(other, _)| *other != space);
                }
                // The others need not wait for it.
                Err(error) => failed = Err(error),
            }
        }
        failed
    }

    fn remove_files(&self, space: SpaceId, names: &[String]) -> Result<(), EngineError> {
        let own = format!("{space}");
        let manifest = names.iter().find(|name| is_manifest_of(name, &own));
        let others = names.iter().filter(|name| name.starts_with(&own) && Some(*name) != manifest);
        // Without its manifest nothing of the space is read again.
        for name in manifest.into_iter().chain(others) {
            self.remove_file(name)?;
        }
        self.sync_spaces()?;
        self.remove_objects(&format!("{space}/"), &|_| false)
    }

    /// Removes the files and objects that no manifest names: what a crash left behind. Each space is looked at once after the
    /// open, while nobody can open or close it.
    fn sweep(&self, upkeep: &mut Upkeep) -> Result<(), EngineError> {
        let mut left = match std::mem::take(&mut upkeep.swept) {
            Swept::Done => {
                upkeep.swept = Swept::Done;
                return Ok(());
            }
            Swept::NotYet => self.catalog().all(),
            Swept::Left(left) => left,
        };
        let names = self.file_names()?;
        let mut files: HashMap<SpaceId, Vec<&String>> = HashMap::new();
        for name in &names {
            if let Some((space, _)) = parse_segment_file_name(name) {
                files.entry(space).or_default().push(name);
            }
        }
        let mut outcome = Ok(());
        left.retain(|entry| {
            let own = files.get(&entry.identity.id).map_or(&[][..], Vec::as_slice);
            let swept = self.sweep_space(entry, own);
            let failed = swept.is_err();
            if failed {
                outcome = swept;
            }
            failed
        });
        upkeep.swept = if left.is_empty() { Swept::Done } else { Swept::Left(left) };
        outcome
    }

    fn sweep_space(&self, entry: &Entry, files: &[&String]) -> Result<(), EngineError> {
        let slot = entry.slot();
        // The files of a space that is damaged may be all that is left of it.
        if entry.identity.fault.intact().is_err() {
            return Ok(());
        }
        let id = entry.identity.id;
        let (mut local, mut cold): (HashSet<SegmentHash>, HashSet<SegmentHash>) =
            Default::default();
        for file in entry.checkpoint().iter().flat_map(|manifest| &manifest.segments) {
            let set = if file.role == ROLE_OBJECT { &mut cold } else { &mut local };
            set.insert(file.segment.hash);
        }
        if let Some(space) = &*slot {
            local.extend(&*space.files.lock().unwrap_or_else(PoisonError::into_inner));
            let objects = space.objects.lock().unwrap_or_else(PoisonError::into_inner);
            cold.extend(objects.keys());
        }
        let held = self.held_files(id);
        local.extend(&held);
        cold.extend(&held);
        let local: HashSet<String> = local.iter().map(|hash| segment_file_name(id, hash)).collect();
        for name in files.iter().filter(|name| !local.contains(name.as_str())) {
            self.remove_file(name)?;
        }
        let cold: HashSet<String> =
            cold.iter().map(|hash| chunk_file::object_key(id, hash)).collect();
        self.remove_objects(&format!("{id}/"), &|key| cold.contains(key))
    }

    /// Removes the objects under a prefix that do not stay.
    fn remove_objects(
        &self,
        prefix: &str,
        stays: &dyn Fn(&str) -> bool,
    ) -> Result<(), EngineError> {
        let Some(blobs) = self.blobs() else { return Ok(()) };
        for key in blobs.list(prefix).map_err(unavailable)? {
            if !stays(&key) {
                blobs.delete(&key).map_err(unavailable)?;
            }
        }
        Ok(())
    }

    fn file_names(&self) -> Result<Vec<String>, EngineError> {
        let dir = self.spaces_dir();
        self.fs().list(dir).map_err(|error| io_failure(dir, &error))
    }

    fn sync_spaces(&self) -> Result<(), EngineError> {
        let dir = self.spaces_dir();
        self.fs().sync_dir(dir).map_err(|error| io_failure(dir, &error))
    }

    /// Compares the checksums of the next blocks of all files, space by space, round and round.
    fn scrub(&self, upkeep: &mut Upkeep, done: &mut Maintained) -> Result<(), EngineError> {
        if upkeep.to_scrub.is_empty() {
            upkeep.to_scrub =
                self.catalog().all().iter().map(|e| e.identity.name.clone()).collect();
            upkeep.scrubbed = (0, 0);
        }
        let Some(name) = upkeep.to_scrub.front() else { return Ok(()) };
        let found = self.catalog().find(name).ok();
        let sound = found.filter(|entry| entry.identity.fault.intact().is_ok());
        let Some((entry, manifest)) = sound.and_then(|e| Some((Arc::clone(&e), e.checkpoint()?)))
        else {
            upkeep.next_to_scrub();
            return Ok(());
        };
        let (place, block) = upkeep.scrubbed;
        let Some(file) = manifest.segments.get(place) else {
            upkeep.next_to_scrub();
            return Ok(());
        };
        if file.role == ROLE_OBJECT {
            // An object is compared with its checksums whenever it is fetched.
            upkeep.scrubbed = (place + 1, 0);
            return Ok(());
        }
        let cache = Arc::clone(&self.residence().blocks);
        let (id, dir) = (entry.identity.id, self.spaces_dir());
        let checked = Segment::open(self.fs(), dir, id, &file.segment, cache).and_then(|segment| {
            let checked = segment.verify_blocks(block, SCRUB_BLOCKS)?;
            Ok((checked, block + checked >= segment.block_count()))
        });
        match checked {
            Ok((checked, is_last)) => {
                done.scrubbed_blocks += checked;
                upkeep.scrubbed = if is_last { (place + 1, 0) } else { (place, block + checked) };
                Ok(())
            }
            // A checkpoint came in between: its files are another list.
            Err(StoreError::Missing { .. }) if entry.checkpoint() != Some(manifest) => Ok(()),
            Err(error) => {
                let failure = EngineError::from(error);
                if let EngineError::Log(LogFailure::Corrupt(why)) = &failure {
                    entry.identity.fault.quarantine(why.clone());
                }
                upkeep.next_to_scrub();
                Err(failure)
            }
        }
    }
}

fn is_manifest_of(name: &str, space: &str) -> bool {
    name.strip_prefix(space).is_some_and(|rest| rest == ".manifest")
}

/// What one merge did.
struct Merge {
    memories: u64,
    /// Deleted memories are no longer in it.
    purged: bool,
}

/// Merges the chunks of a space that are due. Writes go on meanwhile.
fn merge_once(space: &Space, deleted_before: i64) -> Result<Option<Merge>, EngineError> {
    let before = space.snapshot.load_full();
    let Some(range) = before.merge_due(deleted_before, space.indexing()) else { return Ok(None) };
    let purged = before.chunks[range.clone()].iter().any(|view| view.fate.dropped() > 0);
    let merged = before.merged(range.clone()).map_err(|reason| {
        let unavailable = EngineError::ColdUnavailable { reason };
        space.intact().err().unwrap_or(unavailable)
    })?;
    let memories = merged.chunk.len() as u64;
    let _publishing = space.publishing.lock().map_err(|_| panicked())?;
    let mut snapshot = Snapshot::clone(&space.snapshot.load());
    snapshot.replace(range, merged, &before);
    space.snapshot.store(Arc::new(snapshot));
    Ok(Some(Merge { memories, purged }))
}
