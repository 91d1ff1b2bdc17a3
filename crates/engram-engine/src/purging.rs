//! Receipts of deletions: what of the deleted memories is left where, and when nothing was.
//!
//! The files of a space hold nothing that was deleted before the first deletion of any of its chunks, once they are those of a
//! checkpoint behind it. The log holds nothing once no file of it has a frame up to the deletion. Only what was looked at is
//! claimed; that nothing is left is told when a checkpoint has it, so that a restart tells the same.

use engram_store::{CommitTime, Lsn, SpaceId};

use crate::catalog::Entry;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::memtable::ForgottenCommit;
use crate::space::{Space, SpaceIdentity};

/// A commit that deleted memories, and what is left of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forgotten {
    /// The commit.
    pub lsn: Lsn,
    /// Its time.
    pub committed_at: CommitTime,
    /// How many memories it deleted.
    pub count: u64,
    /// Where their bytes may still be.
    pub remains: Remains,
    /// When nothing was left, ns; none = something may be.
    pub purged_at: Option<i64>,
    /// From when on maintenance purges what is left, ns; none = it does already, or nothing is left.
    pub due_at: Option<i64>,
}

/// Places where deleted bytes may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Remains {
    /// Files of the space.
    pub files: bool,
    /// Objects of the cold store.
    pub cold_store: bool,
    /// Files of the log.
    pub log: bool,
}

impl Remains {
    fn any(self) -> bool {
        self.files || self.cold_store || self.log
    }
}

impl Engine {
    /// What is left of the memories that a commit deleted. The last 1,000 such commits of a space are kept.
    ///
    /// # Errors
    /// [`EngineError::ReceiptNotFound`].
    pub fn forgotten(&self, space: &str, lsn: Lsn) -> Result<Forgotten, EngineError> {
        let space = self.serving(space)?;
        let entry = self.catalog().find(&space.identity.name)?;
        let snapshot = space.snapshot.load();
        let commit = snapshot.forgotten.find(lsn);
        let commit = commit.ok_or(EngineError::ReceiptNotFound { lsn: lsn.0 })?;
        let purged_at = space.purges().told(lsn);
        let remains = match purged_at {
            Some(_) => Remains::default(),
            None => self.remains(&entry, &space, commit),
        };
        let kept_ns = self.settings().deleted_kept_ns;
        let due = space.identity.unpurged.is_urgent();
        let due_at = commit.at.0.saturating_add(kept_ns);
        let waits = purged_at.is_none() && !due && due_at > self.now_ns();
        let ForgottenCommit { lsn, at, count } = commit;
        let due_at = waits.then_some(due_at);
        space.sound(Ok(Forgotten { lsn, committed_at: at, count, remains, purged_at, due_at }))
    }

    /// Where something may be left of what a commit deleted.
    fn remains(&self, entry: &Entry, space: &Space, commit: ForgottenCommit) -> Remains {
        let snapshot = space.snapshot.load();
        let holds = space.identity.deleted_since() <= commit.at.0;
        let covers = entry.checkpoint().filter(|manifest| manifest.lsn >= commit.lsn);
        let (files, objects) =
            covers.map_or((true, true), |manifest| self.leftovers(space, &manifest));
        let is_cold = snapshot.chunks.iter().any(|view| view.bodies.cold.is_some());
        let has_objects = !space.objects.lock().is_ok_and(|objects| objects.is_empty());
        Remains {
            files: holds || files,
            cold_store: (holds && is_cold) || (objects && has_objects),
            log: self.log().holds(space.identity.id, commit.lsn),
        }
    }

    /// Notes of which deletions nothing is left, and has a checkpoint say so. The caller is the one maintainer, and all that a crash left behind
    /// is removed.
    pub(crate) fn confirm_purges(
        &self,
        entry: &Entry,
        space: &std::sync::Arc<Space>,
    ) -> Result<bool, EngineError> {
        let Some((_, since)) = space.identity.unpurged.left() else { return Ok(false) };
        if space.identity.deleted_since() <= since {
            return Ok(false);
        }
        let snapshot = space.snapshot.load_full();
        let left = |commit: &&ForgottenCommit| space.purges().seen(commit.lsn).is_none();
        let unpurged: Vec<ForgottenCommit> =
            snapshot.forgotten.all().iter().filter(left).copied().collect();
        let now_ns = self.now_ns();
        for commit in unpurged {
            if self.remains(entry, space, commit).any() {
                // What was deleted later is in later frames.
                break;
            }
            space.purges().see(commit.lsn, now_ns);
        }
        if !space.purges().any_unwritten() {
            return Ok(false);
        }
        self.checkpoint_space(entry, space).map(|checkpoint| checkpoint.is_some())
    }

    /// Makes the log let go of what is due: fills the file that is written to up where it has such frames, and names the spaces
    /// that keep the oldest file.
    pub(crate) fn log_to_purge(&self, deleted_before: i64) -> Result<Vec<SpaceId>, EngineError> {
        let mut due = false;
        for entry in self.catalog().all() {
            let identity = &entry.identity;
            let Some(lsn) = self.due_in_log(identity, &entry, deleted_before) else { continue };
            self.log().roll(identity.id, lsn)?;
            due = true;
        }
        Ok(if due { self.log().holding_back(HELD_BACK_MAX) } else { Vec::new() })
    }

    /// The last deletion that is due, where the files of its space have no trace of it and the log has.
    fn due_in_log(
        &self,
        identity: &SpaceIdentity,
        entry: &Entry,
        deleted_before: i64,
    ) -> Option<Lsn> {
        let (last, since) = identity.unpurged.left()?;
        let due_before = identity.unpurged.due_before(deleted_before);
        let clean_before = identity.deleted_since();
        if since >= due_before || since >= clean_before || identity.fault.intact().is_err() {
            return None;
        }
        let lsn = match entry.space() {
            None => last,
            Some(space) => {
                let snapshot = space.snapshot.load();
                let is_due = |commit: &&ForgottenCommit| {
                    commit.at.0 < due_before && commit.at.0 < clean_before
                };
                snapshot.forgotten.all().iter().rfind(is_due)?.lsn
            }
        };
        self.log().holds(identity.id, lsn).then_some(lsn)
    }

    /// Whether a closed space only has to be asked for what is gone by now.
    pub(crate) fn is_purged(&self, identity: &SpaceIdentity, deleted_before: i64) -> bool {
        identity.unpurged.left().is_some_and(|(last, since)| {
            since < identity.unpurged.due_before(deleted_before)
                && since < identity.deleted_since()
                && !self.log().holds(identity.id, last)
        })
    }
}

/// Spaces that one step asks whether they hold the log back.
pub(crate) const HELD_BACK_MAX: usize = 64;
