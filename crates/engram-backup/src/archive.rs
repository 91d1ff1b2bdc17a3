//! [`Archiver`]: the log goes out, piece by piece.
//!
//! Guarantees: the engine is told that commits are archived only when their piece is stored; what the log lost before it was archived is
//! told as a gap, never passed over; a directory that does not own the repository writes nothing.

use std::collections::HashMap;

use engram_engine::{DirectoryIdentity, Engine};
use engram_store::{Bug, Frame, Lsn, SpaceId, SpaceTip};

use crate::catalog::{HighestTimelines, Pieces};
use crate::error::BackupError;
use crate::keys;
use crate::piece;
use crate::record::{HeartbeatRecord, OwnerRecord};
use crate::repository::Repository;
use crate::time;

/// Payloads in one piece, bytes: what one commit has more stays whole.
const PIECE_BYTES: usize = 16 << 20;

/// Archives the log of an engine in a repository.
pub struct Archiver {
    directory: DirectoryIdentity,
    /// Which of the archives of the engine it is.
    slot: u32,
    /// The last commit of each space that is in the archive on this timeline.
    reached: HashMap<SpaceId, Lsn>,
}

/// Commits that the log lost before they were archived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The space.
    pub space: SpaceId,
    /// The first one.
    pub from: Lsn,
    /// The last one.
    pub through: Lsn,
}

/// What one step did.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ArchiveStep {
    /// Pieces stored.
    pub pieces: u64,
    /// Commits in them.
    pub commits: u64,
    /// Bytes as stored.
    pub bytes: u64,
    /// All commits up to this time are in the archive, ns.
    pub through: i64,
    /// What the log lost before it was archived; a backup that is begun later does not need it.
    pub gaps: Vec<Gap>,
}

impl Archiver {
    /// Finds out how far the log of an engine is archived; it is the engine's archive `slot`, counted from 0. With `take_over` the repository is this directory's from now on, whoever
    /// had it.
    ///
    /// # Errors
    /// `Foreign` where the repository is another directory's; `Diverged` where what it holds is not this directory's history. Taking over
    /// begins a timeline of its own then.
    pub fn begin(
        engine: &Engine,
        repository: &Repository,
        slot: u32,
        take_over: bool,
    ) -> Result<Archiver, BackupError> {
        let mut directory = engine.identity()?;
        own(repository, directory, (engine.now_ns(), take_over))?;
        let pieces = Pieces::read(repository)?;
        if let Some(what) = diverges(engine, (repository, &pieces), directory)? {
            if !take_over {
                return Err(BackupError::Diverged { what });
            }
            // What was archived on it is of another history: this one begins where no other is.
            let highest = HighestTimelines::read(repository, &pieces)?;
            let last = highest.archived.max(highest.begun).unwrap_or(0);
            directory = engine.begin_timeline(last.saturating_add(1))?;
            let (directory, timeline) = (directory.id.to_string(), directory.timeline);
            let record = OwnerRecord { directory, timeline, since: engine.now_ns() };
            repository.put_record(keys::OWNER, &record)?;
        }
        let mut reached: HashMap<SpaceId, Lsn> = HashMap::new();
        for piece in pieces.all().filter(|piece| piece.timeline == directory.timeline) {
            let last = reached.entry(piece.space).or_default();
            *last = piece.last.max(*last);
        }
        for (space, last) in &reached {
            engine.note_archived(slot, *space, *last);
        }
        Ok(Archiver { directory, slot, reached })
    }

    /// The last commit of a space that is in the archive.
    pub fn reached(&self, space: SpaceId) -> Lsn {
        self.reached.get(&space).copied().unwrap_or_default()
    }

    /// Commits of all spaces that are in the archive, or before it.
    pub fn archived(&self, engine: &Engine) -> u64 {
        let tips = engine.log_tips();
        tips.iter().map(|(space, tip)| tip.lsn.0.min(self.reached(*space).0)).sum()
    }

    /// The timeline that it archives.
    pub fn timeline(&self) -> u32 {
        self.directory.timeline
    }

    /// Stores what is durable and not in the archive yet.
    ///
    /// # Errors
    /// `Foreign` when the repository was taken over; the repository does not answer, the log cannot be read. What was stored counts.
    pub fn step(
        &mut self,
        engine: &Engine,
        repository: &Repository,
    ) -> Result<ArchiveStep, BackupError> {
        own(repository, self.directory, (engine.now_ns(), false))?;
        let (moment, tips) = engine.moment()?;
        let mut done = ArchiveStep { through: moment.0, ..ArchiveStep::default() };
        for (space, tip) in tips {
            if self.reached(space) < tip.lsn {
                self.archive_space(engine, repository, (space, tip.lsn), &mut done)?;
            }
        }
        let record =
            HeartbeatRecord { directory: self.directory.id.to_string(), through: done.through };
        repository.put_record(&keys::heartbeat(self.directory.timeline), &record)?;
        Ok(done)
    }

    fn archive_space(
        &mut self,
        engine: &Engine,
        repository: &Repository,
        (space, through): (SpaceId, Lsn),
        done: &mut ArchiveStep,
    ) -> Result<(), BackupError> {
        let before = self.reached(space);
        let mut batch: Vec<Frame> = Vec::new();
        let mut bytes = 0;
        for frame in engine.commits(space, Lsn(before.0 + 1))? {
            let frame = frame?;
            let lsn = frame.stamp.lsn;
            if lsn > through {
                break;
            }
            let next = batch.last().map_or(before.0, |last| last.stamp.lsn.0) + 1;
            // The first commits of a restored space are in the archive of the timeline before.
            if lsn.0 > next && before.0 > 0 {
                done.gaps.push(Gap { space, from: Lsn(next), through: Lsn(lsn.0 - 1) });
            }
            bytes += frame.payload.len();
            batch.push(frame);
            if bytes >= PIECE_BYTES {
                self.store(engine, repository, &mut batch, done)?;
                bytes = 0;
            }
        }
        self.store(engine, repository, &mut batch, done)?;
        if self.reached(space) == Lsn(0) {
            // All of it is in files that came from elsewhere: no log has it, and backups have the files.
            self.reached.insert(space, through);
            engine.note_archived(self.slot, space, through);
        }
        Ok(())
    }

    fn store(
        &mut self,
        engine: &Engine,
        repository: &Repository,
        batch: &mut Vec<Frame>,
        done: &mut ArchiveStep,
    ) -> Result<(), BackupError> {
        if batch.is_empty() {
            return Ok(());
        }
        if Bug::ArchivedUnstored.is_on()
            && let Some(last) = batch.last()
        {
            self.reached.insert(last.stamp.space, last.stamp.lsn);
            engine.note_archived(self.slot, last.stamp.space, last.stamp.lsn);
        }
        let (name, stored) = piece::store(repository, self.directory.timeline, batch)?;
        self.reached.insert(name.space, name.last);
        engine.note_archived(self.slot, name.space, name.last);
        done.pieces += 1;
        done.commits += batch.len() as u64;
        done.bytes += stored.stored;
        batch.clear();
        Ok(())
    }
}

/// Makes sure that the repository is this directory's.
fn own(
    repository: &Repository,
    directory: DirectoryIdentity,
    (now_ns, take_over): (i64, bool),
) -> Result<(), BackupError> {
    let own = directory.id.to_string();
    let found: Option<OwnerRecord> = repository.record(keys::OWNER)?;
    let record =
        OwnerRecord { directory: own.clone(), timeline: directory.timeline, since: now_ns };
    match found {
        Some(found) if found.directory == own => Ok(()),
        Some(found) if !take_over => Err(BackupError::Foreign {
            owner: found.directory,
            since: time::text(found.since),
            own,
        }),
        Some(_) => repository.put_record(keys::OWNER, &record).map(drop),
        None => match repository.put_new_record(keys::OWNER, &record) {
            // Somebody was faster: look again who.
            Err(BackupError::Conflict { .. }) => {
                let owner = repository.record::<OwnerRecord>(keys::OWNER)?;
                let owner = owner.filter(|owner| owner.directory != own);
                owner.map_or(Ok(()), |owner| {
                    let since = time::text(owner.since);
                    Err(BackupError::Foreign { owner: owner.directory, since, own })
                })
            }
            stored => stored.map(drop),
        },
    }
}

/// What shows that the archive of the timeline is not of this directory's history: another directory's heartbeat, or commits that its
/// log does not have, as after a repair or when a volume was set back.
fn diverges(
    engine: &Engine,
    (repository, pieces): (&Repository, &Pieces),
    directory: DirectoryIdentity,
) -> Result<Option<String>, BackupError> {
    let timeline = directory.timeline;
    let heartbeat: Option<HeartbeatRecord> = repository.record(&keys::heartbeat(timeline))?;
    if let Some(other) = heartbeat.filter(|own| own.directory != directory.id.to_string()) {
        return Ok(Some(format!("timeline {timeline} is that of directory {}", other.directory)));
    }
    let tips: HashMap<SpaceId, SpaceTip> = engine.log_tips().into_iter().collect();
    for piece in pieces.all().filter(|piece| piece.timeline == timeline) {
        let Some(tip) = tips.get(&piece.space) else { continue };
        if piece.last > tip.lsn || (piece.last == tip.lsn && piece.chain != tip.chain) {
            return Ok(Some(format!(
                "the archive has LSN {} of space {}, this directory ends at LSN {} or has another one",
                piece.last, piece.space, tip.lsn
            )));
        }
    }
    Ok(None)
}
