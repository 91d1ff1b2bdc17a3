//! Which backups stay: generations by day, week and month, and what others build on.
//!
//! Guarantees: only verified backups of all spaces count for a generation; two full ones stay whatever the policy says; a backup that another builds on
//! stays with it; a pinned one stays. An object goes only when no record names it, a piece of the log when no backup needs it.

use std::collections::{BTreeMap, BTreeSet};

use engram_engine::deletes_space;
use engram_store::{Clock, Frame, Lsn, SpaceId};

use crate::catalog::{BackupListing, BackupStanding, Listed, list_backups};
use crate::error::BackupError;
use crate::keys::PieceName;
use crate::lease::Lease;
use crate::record::BackupKind;
use crate::repository::Repository;
use crate::{keys, piece, time};

/// Full backups that always stay.
const FULL_MIN: usize = 2;

/// How many generations stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetentionPolicy {
    /// Days with a backup, the last ones.
    pub daily: u32,
    /// Weeks.
    pub weekly: u32,
    /// Months.
    pub monthly: u32,
}

impl Default for RetentionPolicy {
    fn default() -> RetentionPolicy {
        RetentionPolicy { daily: 7, weekly: 4, monthly: 12 }
    }
}

/// Why a backup stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The backup.
    pub id: String,
    /// Why.
    pub why: &'static str,
}

/// What a prune did, or would do.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct PruneReport {
    /// Backups that stay.
    pub kept: Vec<Kept>,
    /// Backups that go, oldest first.
    pub removed: Vec<String>,
    /// Objects that go.
    pub objects: u64,
    /// Pieces of the log that go.
    pub pieces: u64,
    /// Bytes of both, as stored.
    pub bytes: u64,
}

/// Removes what the policy does not keep; `directory` is that of a server. With `dry_run` nothing is removed. `log` is told of everything before it goes.
///
/// # Errors
/// `Busy`; the repository does not answer: what is left is removed by the next prune.
pub fn prune(
    repository: &Repository,
    policy: RetentionPolicy,
    (dry_run, directory): (bool, Option<&str>),
    clock: &dyn Clock,
    log: &mut dyn FnMut(&str),
) -> Result<PruneReport, BackupError> {
    let lease = Lease::take(repository, "backups are pruned", directory, clock)?;
    let listing = list_backups(repository)?;
    let kept = keep(&listing, policy);
    let stays = |id: &str| kept.iter().any(|own| own.id == id);
    let gone: Vec<&Listed> =
        listing.backups.iter().filter(|listed| !stays(&listed.record.id)).collect();
    let mut report = PruneReport {
        removed: gone.iter().map(|listed| listed.record.id.clone()).collect(),
        kept,
        ..PruneReport::default()
    };
    let stay: Vec<&Listed> = listing
        .backups
        .iter()
        .filter(|listed| report.kept.iter().any(|own| own.id == listed.record.id))
        .collect();
    let mut doomed: Vec<String> = Vec::new();
    for listed in &gone {
        // First the record: nobody starts to use what is about to go. The newest of a chain goes before what it builds on.
        doomed.insert(0, keys::backup(&listed.record.id));
    }
    for listed in &gone {
        doomed.extend(repository.list(&keys::checks_of(&listed.record.id))?);
    }
    // What cannot be read may name objects: none of them goes.
    if listing.damaged.is_empty() && !stay.is_empty() {
        let objects = unneeded_objects(repository, &stay)?;
        report.objects = objects.len() as u64;
        let pieces = unneeded_pieces(repository, &listing, &stay)?;
        report.pieces = pieces.len() as u64;
        for key in objects.iter().chain(&pieces) {
            lease.keep(clock)?;
            report.bytes += repository.stored_len(key)?;
        }
        doomed.extend(objects);
        doomed.extend(pieces);
    }
    if !dry_run {
        for key in &doomed {
            // Whoever holds it now may build on what is about to go.
            lease.keep(clock)?;
            log(key);
            repository.delete(key)?;
        }
    }
    Ok(report)
}

/// The backups that stay, newest first.
fn keep(listing: &BackupListing, policy: RetentionPolicy) -> Vec<Kept> {
    let newest: Vec<&Listed> = listing.backups.iter().rev().collect();
    let mut why: BTreeMap<&str, &'static str> = BTreeMap::new();
    let mut keep = |id: &'_ str, reason: &'static str| {
        if let Some(own) = newest.iter().find(|listed| listed.record.id == id) {
            why.entry(own.record.id.as_str()).or_insert(reason);
        }
    };
    for listed in newest.iter().filter(|listed| listed.pinned) {
        keep(&listed.record.id, "pinned");
    }
    let good = |listed: &&&Listed| !matches!(listed.standing, BackupStanding::Failed { .. });
    let full = newest
        .iter()
        .filter(good)
        .filter(|listed| listed.record.kind == BackupKind::Full && listed.record.is_whole());
    for listed in full.take(FULL_MIN) {
        keep(&listed.record.id, "one of the last two full ones");
    }
    // Better ones that are not good than none: what is wrong may be one space.
    let full = |listed: &&&Listed| listed.record.kind == BackupKind::Full && !listed.record.partial;
    let is_whole = |listed: &&&Listed| listed.record.is_whole();
    if newest.iter().filter(good).filter(full).filter(is_whole).count() < FULL_MIN {
        for listed in newest.iter().filter(full).take(FULL_MIN) {
            keep(&listed.record.id, "one of the last two full ones");
        }
    }
    let verified: Vec<&&Listed> = newest.iter().filter(|listed| counts(listed)).collect();
    // What is newer than the last verified one may be all there is of the latest time.
    let last_verified = verified.first().map(|listed| listed.record.started_at);
    for listed in newest.iter().filter(good) {
        if last_verified.is_none_or(|last| listed.record.started_at > last) {
            keep(&listed.record.id, "newer than any verified one");
        }
    }
    type Period = fn(i64) -> i64;
    let generations: [(Period, u32, &'static str); 3] = [
        (|at| time::calendar(at).0, policy.daily, "daily"),
        (|at| time::calendar(at).1, policy.weekly, "weekly"),
        (|at| time::calendar(at).2, policy.monthly, "monthly"),
    ];
    for (period, count, reason) in generations {
        let mut seen = BTreeSet::new();
        for listed in &verified {
            let own = period(listed.record.started_at);
            if (seen.len() as u32) < count && seen.insert(own) {
                keep(&listed.record.id, reason);
            }
        }
    }
    let chains: Vec<String> = why
        .keys()
        .filter_map(|id| newest.iter().find(|listed| listed.record.id == **id))
        .filter_map(|listed| listing.chain(&listed.record).ok())
        .flat_map(|chain| chain.into_iter().skip(1).map(|own| own.id.clone()))
        .collect();
    for id in &chains {
        if let Some(own) = newest.iter().find(|listed| listed.record.id == *id) {
            why.entry(own.record.id.as_str()).or_insert("others build on it");
        }
    }
    let order = newest.iter().filter_map(|listed| {
        let id = listed.record.id.as_str();
        why.get(id).map(|why| Kept { id: id.to_owned(), why })
    });
    order.collect()
}

/// Whether a backup counts for a generation: one that lacks a space takes the place of none that has it. Who asked for some spaces knows
/// what is in it.
fn counts(listed: &Listed) -> bool {
    matches!(listed.standing, BackupStanding::Verified { .. }) && listed.record.left_out.is_empty()
}

/// Objects that no backup which stays names.
fn unneeded_objects(repository: &Repository, stay: &[&Listed]) -> Result<Vec<String>, BackupError> {
    let spaces = stay.iter().flat_map(|listed| &listed.record.spaces);
    let needed: BTreeSet<String> = spaces
        .filter_map(|space| Some((space.space()?, space)))
        .flat_map(|(id, space)| space.files.iter().map(move |file| keys::object(id, &file.hash)))
        .collect();
    let all = repository.list(keys::OBJECTS)?;
    Ok(all.into_iter().filter(|key| !needed.contains(key)).collect())
}

/// Pieces of the log that nobody needs who goes back to the oldest backup that stays, or to any moment behind it: those that end where the
/// oldest files of their space do, and those of spaces that were gone by then.
fn unneeded_pieces(
    repository: &Repository,
    listing: &BackupListing,
    stay: &[&Listed],
) -> Result<Vec<String>, BackupError> {
    // One of some spaces says nothing of the others.
    let Some(first) = stay.iter().find(|listed| !listed.record.partial) else {
        return Ok(Vec::new());
    };
    let there = listing.resolve(&first.record)?;
    let mut oldest: BTreeMap<SpaceId, Lsn> = BTreeMap::new();
    for listed in stay {
        let Ok(spaces) = listing.resolve(&listed.record) else { continue };
        // One that was born behind the first backup is made of its log alone, up to where later backups have files of it.
        for (id, (space, _)) in spaces.into_iter().filter(|(id, _)| there.contains_key(id)) {
            let covered = Lsn(space.covered());
            oldest.entry(id).and_modify(|own| *own = covered.min(*own)).or_insert(covered);
        }
    }
    let mut gone = BTreeSet::new();
    for space in listing.pieces.spaces().filter(|space| !there.contains_key(space)) {
        if is_gone(repository, listing.pieces.of(space), first.record.started_at)? {
            gone.insert(space);
        }
    }
    let unneeded = listing.pieces.all().filter(|piece| {
        let covered = oldest.get(&piece.space);
        gone.contains(&piece.space) || covered.is_some_and(|covered| piece.last <= *covered)
    });
    Ok(unneeded.map(PieceName::key).collect())
}

/// Whether a space that the oldest backup has not was deleted, on each of its timelines, before a time: no restore goes back so far. What cannot be
/// read stays.
fn is_gone(
    repository: &Repository,
    pieces: &[PieceName],
    begin_ns: i64,
) -> Result<bool, BackupError> {
    let mut ends: BTreeMap<u32, &PieceName> = BTreeMap::new();
    for piece in pieces {
        let end = ends.entry(piece.timeline).or_insert(piece);
        if piece.last > end.last {
            *end = piece;
        }
    }
    for piece in ends.values() {
        let frames = match piece::load(repository, piece) {
            Err(BackupError::Corrupt { .. } | BackupError::Missing { .. }) => return Ok(false),
            frames => frames?,
        };
        let is_end = |frame: &Frame| deletes_space(frame) && frame.stamp.time.0 < begin_ns;
        if !frames.last().is_some_and(is_end) {
            return Ok(false);
        }
    }
    Ok(true)
}
