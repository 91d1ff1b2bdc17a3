//! Making a backup while reads and writes go on.
//!
//! Guarantee: the record of a backup is stored last, when every object that it names is stored and the log that belongs to it is in the
//! archive. What fails before leaves objects that the next backup uses or a prune removes, and no backup.

use std::collections::{BTreeMap, BTreeSet};

use engram_engine::{Engine, EngineError, HeldSpace, LogFailure};
use engram_store::{Bug, Clock, ManifestSegment, SpaceId};

use crate::archive::Archiver;
use crate::catalog::{BackupListing, BackupStanding, Finding, Listed, list_backups};
use crate::error::{BackupError, nearest};
use crate::keys;
use crate::lease::Lease;
use crate::record::{
    BackupKind, BackupRecord, FileRecord, FileRole, ForkRecord, ManifestRecord, PointRecord,
    SpaceRecord, TipRecord,
};
use crate::repository::{Repository, StoredBytes};
use crate::time;

/// What kind of backup of what.
#[derive(Clone, Debug)]
pub struct CreateOptions {
    /// The kind. One that builds on another becomes a full one where there is none to build on.
    pub kind: BackupKind,
    /// Only these spaces, by name; none = all of them. Others do not build on such a backup.
    pub spaces: Option<Vec<String>>,
    /// Version of the program.
    pub version: String,
    /// The log goes on going out while files do, at this interval, ns.
    pub archive_interval_ns: i64,
}

/// A backup that was made.
#[derive(Clone, Debug, PartialEq)]
pub struct CreatedBackup {
    /// Its record.
    pub record: BackupRecord,
    /// Objects that were stored for it.
    pub objects: u64,
    /// Spaces that it lacks because a file of theirs is damaged or cannot be read, and which file.
    pub damaged: Vec<Finding>,
}

/// Makes a backup. The log goes on being archived meanwhile. `progress` is told what is being done, and bytes done of all.
///
/// # Errors
/// No backup was made: the repository or the database failed, somebody else is at work in the repository.
pub fn create(
    engine: &Engine,
    (repository, archiver): (&Repository, &mut Archiver),
    options: &CreateOptions,
    clock: &dyn Clock,
    progress: &mut dyn FnMut(&str, u64, u64),
) -> Result<CreatedBackup, BackupError> {
    let directory = engine.identity()?.id.to_string();
    let lease = Lease::take(repository, "a backup is made", Some(&directory), clock)?;
    let progress = &mut |what: &str, done, total| {
        // One that was lost is found before the record is stored.
        let _ = lease.keep(clock);
        progress(what, done, total);
    };
    let listing = list_backups(repository)?;
    let started_at = clock.now_ns();
    let parent = parent(&listing, options, archiver.timeline());
    let kind = if parent.is_some() { options.kind } else { BackupKind::Full };
    let names = names(engine, options.spaces.as_deref())?;
    let before = match parent {
        Some(parent) => listing.resolve(parent)?,
        None => BTreeMap::new(),
    };
    let (mut held, mut left_out) = hold(engine, &names, kind, progress)?;
    let changed: Vec<&HeldSpace> =
        held.iter().filter(|space| has_changed(space, before.get(&space.id))).collect();
    let mut sender = Sender::new(engine, repository, &mut *progress);
    // What a check found wrong is not taken for what it says it is.
    sender.distrusts = listing.backups.iter().any(is_bad);
    sender.total = changed.iter().map(|space| size(space)).sum();
    let mut archived_at = started_at;
    let mut between = || {
        if clock.now_ns().saturating_sub(archived_at) >= options.archive_interval_ns {
            archived_at = clock.now_ns();
            archiver.step(engine, repository)?;
        }
        Ok(())
    };
    let (spaces, damaged) = sender.send_all(&changed, &mut between)?;
    let Sender { sent, needed, objects, .. } = sender;
    progress("log", 0, 0);
    leave_out(&damaged, &mut held, &mut left_out)?;
    if !Bug::RecordedEarly.is_on() {
        archive_rest(engine, (repository, archiver), &held)?;
    }
    let gone = gone(&before, &held, &left_out);
    let record = BackupRecord {
        id: name(&listing, started_at, kind),
        kind,
        partial: options.spaces.is_some(),
        parent: parent.map(|parent| parent.id.clone()),
        directory,
        timeline: archiver.timeline(),
        version: options.version.clone(),
        started_at,
        ended_at: clock.now_ns(),
        spaces,
        gone,
        bytes: needed,
        sent,
        left_out,
    };
    lease.check()?;
    repository.put_new_record(&keys::backup(&record.id), &record)?;
    if Bug::RecordedEarly.is_on() {
        archive_rest(engine, (repository, archiver), &held)?;
    }
    Ok(CreatedBackup { record, objects, damaged })
}

/// Takes spaces with damaged files out of what is backed up; where nothing is left, there is no backup.
fn leave_out(
    damaged: &[Finding],
    held: &mut Vec<HeldSpace>,
    left_out: &mut Vec<String>,
) -> Result<(), BackupError> {
    left_out.extend(damaged.iter().map(|one| one.what.clone()));
    held.retain(|space| !left_out.contains(&space.name));
    match damaged.first() {
        Some(first) if held.is_empty() => {
            Err(BackupError::corrupt(&format!("space {:?}", first.what), first.why.clone()))
        }
        _ => Ok(()),
    }
}

/// The spaces that the backups before have and that are gone. What cannot be read now is not: it stays as those backups have it.
fn gone(
    before: &BTreeMap<SpaceId, (SpaceRecord, String)>,
    held: &[HeldSpace],
    left_out: &[String],
) -> Vec<String> {
    let mut here: BTreeSet<SpaceId> = held.iter().map(|space| space.id).collect();
    let kept = before.iter().filter(|(_, (space, _))| left_out.contains(&space.name));
    here.extend(kept.map(|(id, _)| *id));
    before.keys().filter(|id| !here.contains(id)).map(ToString::to_string).collect()
}

fn is_bad(listed: &Listed) -> bool {
    matches!(listed.standing, BackupStanding::Failed { .. })
}

/// A backup is none without the log that belongs to it.
fn archive_rest(
    engine: &Engine,
    (repository, archiver): (&Repository, &mut Archiver),
    held: &[HeldSpace],
) -> Result<(), BackupError> {
    archiver.step(engine, repository)?;
    let late = held.iter().find(|space| {
        space.tip.lsn > space.covered() && archiver.reached(space.id) < space.tip.lsn
    });
    match late {
        None => Ok(()),
        Some(late) => {
            let what = format!("the log of space {:?} ends before the backup does", late.name);
            Err(BackupError::Gap { what })
        }
    }
}

/// The backup that one of this kind builds on.
fn parent<'a>(
    listing: &'a BackupListing,
    options: &CreateOptions,
    timeline: u32,
) -> Option<&'a BackupRecord> {
    if options.kind == BackupKind::Full || options.spaces.is_some() {
        return None;
    }
    let usable = |listed: &&Listed| {
        let (record, standing) = (&listed.record, &listed.standing);
        let wanted = options.kind == BackupKind::Incremental || record.kind == BackupKind::Full;
        wanted
            && !record.partial
            && record.timeline == timeline
            && !matches!(standing, BackupStanding::Failed { .. })
            && listing.chain(record).is_ok()
    };
    listing.backups.iter().rev().find(usable).map(|listed| &listed.record)
}

fn names(engine: &Engine, wanted: Option<&[String]>) -> Result<Vec<String>, BackupError> {
    let known: Vec<String> = engine.spaces().into_iter().map(|space| space.name).collect();
    let Some(wanted) = wanted else { return Ok(known) };
    for name in wanted {
        if !known.contains(name) {
            let nearest = nearest(name, known.iter().map(String::as_str));
            return Err(BackupError::UnknownSpace { name: name.clone(), nearest });
        }
    }
    Ok(wanted.to_vec())
}

/// Holds the spaces as they stand; for a full backup their files are as new as possible. One that cannot be read is left out: the
/// others must not wait for it, and the backups before have it as it was.
fn hold(
    engine: &Engine,
    names: &[String],
    kind: BackupKind,
    progress: &mut dyn FnMut(&str, u64, u64),
) -> Result<(Vec<HeldSpace>, Vec<String>), BackupError> {
    let (mut held, mut left_out) = (Vec::with_capacity(names.len()), Vec::new());
    for (number, name) in names.iter().enumerate() {
        if kind == BackupKind::Full {
            progress("checkpoints", number as u64, names.len() as u64);
            match engine.checkpoint(name) {
                Ok(_) | Err(EngineError::SpaceNotFound { .. }) => {}
                // The log has what the files do not; a quarantined space shows when it is held, a damaged file when it is sent.
                Err(EngineError::Log(LogFailure::Quarantined(_) | LogFailure::Corrupt(_))) => {}
                Err(error) => return Err(error.into()),
            }
        }
        match engine.hold(name) {
            Ok(space) => held.push(space),
            Err(EngineError::SpaceNotFound { .. }) => {}
            Err(EngineError::Log(LogFailure::Quarantined(_))) => left_out.push(name.clone()),
            Err(error) => return Err(error.into()),
        }
    }
    Ok((held, left_out))
}

fn has_changed(space: &HeldSpace, before: Option<&(SpaceRecord, String)>) -> bool {
    before.is_none_or(|(before, _)| {
        before.covered() != space.covered().0
            || before.through != TipRecord::new(&space.tip)
            || before.name != space.name
            || before.manifest.as_ref().map(|own| &own.bytes)
                != space.manifest.as_ref().map(|own| own.encode()).as_ref()
    })
}

fn size(space: &HeldSpace) -> u64 {
    let files = space.manifest.iter().flat_map(|manifest| &manifest.segments);
    files.map(|file| file.segment.bytes).sum()
}

/// Sends what the repository does not have.
struct Sender<'a> {
    engine: &'a Engine,
    repository: &'a Repository,
    progress: &'a mut dyn FnMut(&str, u64, u64),
    /// Objects that are there are read before they count.
    distrusts: bool,
    done: u64,
    total: u64,
    sent: StoredBytes,
    needed: StoredBytes,
    objects: u64,
}

impl<'a> Sender<'a> {
    fn new(
        engine: &'a Engine,
        repository: &'a Repository,
        progress: &'a mut dyn FnMut(&str, u64, u64),
    ) -> Sender<'a> {
        let (sent, needed) = (StoredBytes::default(), StoredBytes::default());
        Sender {
            engine,
            repository,
            progress,
            distrusts: false,
            done: 0,
            total: 0,
            sent,
            needed,
            objects: 0,
        }
    }

    /// The spaces that were sent, and what is wrong with the others.
    fn send_all(
        &mut self,
        spaces: &[&HeldSpace],
        between: &mut dyn FnMut() -> Result<(), BackupError>,
    ) -> Result<(Vec<SpaceRecord>, Vec<Finding>), BackupError> {
        let (mut sent, mut damaged) = (Vec::with_capacity(spaces.len()), Vec::new());
        for space in spaces {
            match self.send(space, between)? {
                Ok(record) => sent.push(record),
                Err(finding) => damaged.push(finding),
            }
        }
        Ok((sent, damaged))
    }

    /// Gives what is wrong where a file of the space is damaged: others must not wait for it, and the backups before have it as it was.
    fn send(
        &mut self,
        space: &HeldSpace,
        between: &mut dyn FnMut() -> Result<(), BackupError>,
    ) -> Result<Result<SpaceRecord, Finding>, BackupError> {
        let mut files = Vec::new();
        if let Some(manifest) = &space.manifest {
            for file in &manifest.segments {
                between()?;
                match self.send_segment(space, file)? {
                    Ok(sent) => files.push(sent),
                    Err(why) => return Ok(Err(Finding { what: space.name.clone(), why })),
                }
            }
        }
        if let Some(hash) = space.graph()
            && let Some(bytes) = self.send_graph(space, hash)?
        {
            files.push(FileRecord { role: FileRole::Graph, hash, bytes });
        }
        let manifest = space.manifest.as_ref().map(|manifest| ManifestRecord {
            bytes: manifest.encode(),
            lsn: manifest.lsn.0,
            committed_at: manifest.committed_at.0,
        });
        Ok(Ok(SpaceRecord {
            id: space.id.to_string(),
            name: space.name.clone(),
            manifest,
            files,
            through: TipRecord::new(&space.tip),
        }))
    }

    fn send_segment(
        &mut self,
        space: &HeldSpace,
        file: &ManifestSegment,
    ) -> Result<Result<FileRecord, String>, BackupError> {
        let hash = file.segment.hash;
        let key = keys::object(space.id, &hash);
        (self.progress)("files", self.done, self.total);
        let bytes = match self.there(&key, &hash)? {
            Some(stored) => StoredBytes { content: file.segment.bytes, stored },
            None => {
                let content = match self.engine.held_bytes(space, file) {
                    Ok(content) if *blake3::hash(&content).as_bytes() == hash => content,
                    Ok(_) => return Ok(Err(format!("{key}: the file is damaged"))),
                    Err(EngineError::Log(failure)) => return Ok(Err(format!("{key}: {failure}"))),
                    Err(error) => return Err(error.into()),
                };
                self.store(&key, &content)?
            }
        };
        self.count(bytes);
        Ok(Ok(FileRecord { role: FileRole::Segment, hash, bytes }))
    }

    /// None where the graph is gone by now: it is built anew after a restore.
    fn send_graph(
        &mut self,
        space: &HeldSpace,
        hash: [u8; 32],
    ) -> Result<Option<StoredBytes>, BackupError> {
        let key = keys::object(space.id, &hash);
        let content = self.engine.held_graph(space.id, hash)?;
        let Some(content) = content.filter(|bytes| *blake3::hash(bytes).as_bytes() == hash) else {
            return Ok(None);
        };
        let bytes = match self.there(&key, &hash)? {
            Some(stored) => StoredBytes { content: content.len() as u64, stored },
            None => self.store(&key, &content)?,
        };
        self.count(bytes);
        Ok(Some(bytes))
    }

    /// How long an object is, as stored, that need not be sent. A damaged one that is found is removed, to be sent again.
    fn there(&self, key: &str, hash: &[u8; 32]) -> Result<Option<u64>, BackupError> {
        let stored = self.repository.has_content(key, hash)?;
        if stored.is_some() && !self.distrusts {
            return Ok(stored);
        }
        match self.repository.find(key) {
            Ok(None) => Ok(None),
            Ok(Some(content)) if *blake3::hash(&content).as_bytes() == *hash => Ok(stored),
            Ok(Some(_)) | Err(BackupError::Corrupt { .. }) => {
                self.repository.delete(key)?;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn store(&mut self, key: &str, content: &[u8]) -> Result<StoredBytes, BackupError> {
        let stored = match self.repository.put_new(key, content) {
            Err(_) if Bug::SendingBelieved.is_on() => StoredBytes::default(),
            stored => stored?,
        };
        self.objects += 1;
        self.sent.content += stored.content;
        self.sent.stored += stored.stored;
        Ok(stored)
    }

    fn count(&mut self, bytes: StoredBytes) {
        self.needed.content += bytes.content;
        self.needed.stored += bytes.stored;
        self.done += bytes.content;
    }
}

/// A name that no other backup has and that sorts behind them.
fn name(listing: &BackupListing, started_at: i64, kind: BackupKind) -> String {
    let letter = &kind.name()[..1];
    let base = format!("{}-{letter}", time::compact(started_at));
    let taken = |name: &str| {
        let known = listing.backups.iter().any(|listed| listed.record.id == name);
        known || listing.damaged.iter().any(|(id, _)| id == name)
    };
    let numbered = (2..).map(|number| format!("{base}{number}"));
    let mut names = std::iter::once(base.clone()).chain(numbered);
    names.find(|name| !taken(name)).unwrap_or(base)
}

/// Names this moment, so that a restore can go back to it.
///
/// # Errors
/// `PointExists`, `BadName`; the repository or the database failed.
pub fn restore_point(
    engine: &Engine,
    (repository, archiver): (&Repository, &mut Archiver),
    name: &str,
) -> Result<PointRecord, BackupError> {
    if !keys::is_name(name) {
        return Err(BackupError::BadName { name: name.to_owned() });
    }
    let (moment, tips) = engine.moment()?;
    let live: BTreeSet<SpaceId> = engine.space_ids().into_iter().collect();
    let spaces = tips
        .iter()
        .filter(|(space, _)| live.contains(space))
        .map(|(space, tip)| ForkRecord { space: space.to_string(), lsn: tip.lsn.0 })
        .collect();
    let record =
        PointRecord { name: name.to_owned(), timeline: archiver.timeline(), at: moment.0, spaces };
    archiver.step(engine, repository)?;
    match repository.put_new_record(&keys::point(name), &record) {
        Err(BackupError::Conflict { .. }) => {
            Err(BackupError::PointExists { name: name.to_owned() })
        }
        stored => stored.map(|_| record),
    }
}
