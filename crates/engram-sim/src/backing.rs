//! Backups of a history: the log goes out, backups are made and removed, and the repository fails among it.
//!
//! After each step the names of what is stored are compared with what the archiver says, and with what the log still has.

use std::sync::Arc;

use engram_backup::{
    Archiver, BackupError, BackupKind, CreateOptions, Repository, RepositoryOptions,
    RetentionPolicy, VerifyLevel, VerifyOptions, create, list_backups, prune, restore_point,
    verify,
};
use engram_store::{BlobStore, Lsn, SeededEntropy};

use crate::cold::BlobFault;
use crate::faulty::FaultyFs;
use crate::history::{Check, History};
use crate::vault::{BACKUPS, Ends, POINTS, Vault};

/// Calls of the repository ahead within which a fault is armed: of a step of the archiver, of a backup.
const CALLS_AHEAD: [u64; 3] = [6, 20, 40];
/// Chance in percent that something else happens where a backup tells how far it is.
const MEANWHILE: u64 = 40;
/// Steps of the archiver within which all is archived when nothing fails.
const CAUGHT_UP_MAX: u32 = 3;

impl History {
    pub(crate) fn vault(&mut self) -> &mut Vault {
        self.vault.as_mut().expect("only histories with backups ask for them")
    }

    /// What is done with backups between two steps of the workload.
    pub(crate) fn keep(&mut self) -> Check {
        if self.fs.crashed() || self.engine().poisoned().is_some() {
            return self.tend();
        }
        let set_back = self.now_ns() < self.latest_ns;
        self.vault().set_back |= set_back;
        self.vault().store.explain();
        self.change_repository_weather();
        match self.vault().rng.below(100) {
            0..34 => self.archive()?,
            34..46 => self.back_up()?,
            46..50 => self.name_point()?,
            50..53 => self.check_backup()?,
            53..55 => self.prune()?,
            55..58 => self.squat()?,
            58..62 => self.go_back()?,
            62..70 if self.pending() == 0 => {
                self.capture()?;
                self.sketch()?;
            }
            _ => {}
        }
        self.tend()
    }

    fn change_repository_weather(&mut self) {
        let vault = self.vault();
        if !vault.rng.chance(vault.weather) {
            return;
        }
        if vault.store.is_away() {
            vault.store.heal();
            self.note("the repository is back");
            return;
        }
        let faults: Vec<BlobFault> =
            BlobFault::ALL.into_iter().chain([BlobFault::Repeated]).collect();
        for _ in 0..vault.rng.within(1, 3) {
            let fault = *vault.rng.pick(&faults);
            let within = *vault.rng.pick(&CALLS_AHEAD);
            let ahead = vault.rng.below(within);
            vault.store.arm(vault.store.calls() + ahead, fault);
        }
        self.note("the repository may fail soon");
    }

    /// Something may happen to the file that is sent next.
    fn threaten_file(&mut self) {
        let vault = self.vault();
        if vault.weather > 0 && vault.rng.chance(15) {
            let fault = *vault.rng.pick(&[BlobFault::Refused, BlobFault::Lost, BlobFault::Crash]);
            vault.store.arm(vault.store.calls() + vault.rng.below(3), fault);
        }
    }

    /// Whether something that was injected may explain an error of the backups.
    fn hindered(&mut self) -> bool {
        let absent = self.store.was_absent();
        let store = &self.vault().store;
        let hindered = store.was_absent() || store.was_damaged();
        hindered || absent || self.disturbed()
    }

    /// An error that something injected explains. Some say what can never be so.
    fn forgive(&mut self, what: &str, error: &BackupError) -> Check {
        self.note(format!("{what} fails: {error}"));
        let never = matches!(
            error,
            BackupError::Foreign { .. }
                | BackupError::Diverged { .. }
                | BackupError::Conflict { .. }
                | BackupError::PointExists { .. }
                | BackupError::Gap { .. }
                | BackupError::Busy { .. }
        );
        if !never && self.hindered() { Ok(()) } else { Err(format!("{what} fails: {error}")) }
    }

    fn options(&mut self) -> RepositoryOptions {
        RepositoryOptions { secret: self.vault().secret.clone(), zstd_level: 1 }
    }

    /// The repository as it is stored, whatever goes wrong with its calls; none where there is none yet.
    pub(crate) fn sound(&mut self) -> Check<Option<Repository>> {
        let (options, seed) = (self.options(), self.vault().entropy());
        let blobs: Arc<dyn BlobStore> = Arc::new(self.vault().store.objects());
        Repository::open(blobs, Arc::new(SeededEntropy::new(seed)), options)
            .map_err(|error| format!("the repository cannot be read: {error}"))
    }

    /// The repository and the archiver of this process; none where something injected keeps it from them.
    fn take_hands(&mut self) -> Check<Option<(Repository, Archiver)>> {
        if let Some(hands) = self.vault().hands.take() {
            return Ok(Some(hands));
        }
        let (options, seed) = (self.options(), self.vault().entropy());
        let blobs: Arc<dyn BlobStore> = Arc::new(self.vault().store.clone());
        let entropy = Arc::new(SeededEntropy::new(seed));
        let begun = Repository::open_or_begin(blobs, entropy, options).and_then(|repository| {
            let archiver = Archiver::begin(self.engine(), &repository, 0, false)?;
            Ok((repository, archiver))
        });
        match begun {
            Ok(hands) if hands.1.timeline() == self.vault().timeline => Ok(Some(hands)),
            Ok((_, archiver)) => Err(format!("timeline {} is archived", archiver.timeline())),
            Err(error) => self.forgive("begin to archive", &error).map(|()| None),
        }
    }

    /// Where the spaces stand that are there.
    fn standing(&self) -> Ends {
        self.spaces.values().map(|place| (place.id, place.published.lsn)).collect()
    }

    pub(crate) fn archive(&mut self) -> Check {
        let Some((repository, mut archiver)) = self.take_hands()? else { return Ok(()) };
        let result = archiver.step(self.engine(), &repository);
        self.vault().hands = Some((repository, archiver));
        match result {
            Ok(step) if !step.gaps.is_empty() => {
                return Err(format!("the log let go of what was not archived: {:?}", step.gaps));
            }
            Ok(step) => {
                self.note(format!("archived {} commits, {} pieces", step.commits, step.pieces));
                self.tally.pieces += step.pieces;
            }
            Err(error) => self.forgive("archive", &error)?,
        }
        self.audit()
    }

    /// Compares what is stored with what the archiver says and what the log has.
    fn audit(&mut self) -> Check {
        let overlaps = self.vault().count_archived();
        // Whoever was not told that a piece is stored sends its commits again, with those that came since.
        let fired = self.vault().store.fired();
        let untold = [BlobFault::Lost, BlobFault::Repeated].map(BlobFault::name);
        let untold: u64 = untold.iter().filter_map(|name| fired.get(name)).sum();
        if overlaps > untold {
            return Err(format!("{overlaps} pieces overlap, {untold} answers were lost"));
        }
        if self.fs.crashed() {
            return Ok(());
        }
        let vault = self.vault.as_deref().expect("it was there");
        let Some((_, archiver)) = &vault.hands else { return Ok(()) };
        let mut torn = Vec::new();
        for (space, tip) in self.engine().log_tips() {
            let archived = vault.archived(space);
            if archiver.reached(space).0 > archived {
                return Err(format!(
                    "{space} is said to be archived up to LSN {}, and is up to {archived}",
                    archiver.reached(space)
                ));
            }
            if archived < tip.lsn.0 {
                torn.push((space, archived + 1));
            }
        }
        for (space, next) in torn {
            let mut commits =
                self.engine().commits(space, Lsn(next)).map_err(|error| error.to_string())?;
            match commits.next() {
                Some(Ok(frame)) if frame.stamp.lsn.0 == next => {}
                Some(Err(_)) if self.disturbed() => {}
                other => {
                    let found = other.map(|frame| frame.map(|frame| frame.stamp.lsn));
                    return Err(format!("LSN {next} of {space} is nowhere, but {found:?}"));
                }
            }
        }
        Ok(())
    }

    fn back_up(&mut self) -> Check {
        let Some((repository, mut archiver)) = self.take_hands()? else { return Ok(()) };
        let kind = *self.vault().rng.pick(&BackupKind::ALL);
        let options = CreateOptions {
            kind,
            spaces: None,
            version: "sim".to_owned(),
            archive_interval_ns: *self.vault().rng.pick(&[0, i64::MAX]),
        };
        let before = self.standing();
        let engine = Arc::clone(self.engine.as_ref().expect("steps run on an open engine"));
        let (clock, mut others) = (self.clock.clone(), Ok(()));
        let result =
            create(&engine, (&repository, &mut archiver), &options, &clock, &mut |what, _, _| {
                if what == "files" {
                    self.threaten_file();
                }
                if others.is_ok() {
                    others = self.meanwhile();
                }
            });
        drop(engine);
        self.vault().hands = Some((repository, archiver));
        others?;
        let listed = self.note_backups(&before)?;
        let failed = self.hindered();
        for id in &listed {
            // Whatever failed about it: what is listed can be restored.
            self.go_back_to(id, failed)?;
        }
        match result {
            Ok(made) if listed.contains(&made.record.id) => {
                self.note(format!("backup {}", made.record.id));
                self.tally.backups += 1;
            }
            Ok(made) => return Err(format!("backup {} was made and is not there", made.record.id)),
            Err(error) => self.forgive("backup", &error)?,
        }
        self.audit()
    }

    /// What goes on while files are sent. No process ends here but by a fault.
    fn meanwhile(&mut self) -> Check {
        let over = self.fs.crashed() || self.blind || self.engine().poisoned().is_some();
        if over || !self.vault().rng.chance(MEANWHILE) {
            return Ok(());
        }
        self.clock.jump(1_000_000_007);
        match self.vault().rng.below(8) {
            0..3 => self.some_remember(),
            3 => self.some_change(),
            4 => self.some_space_request(),
            5 => self.drive(),
            6 => self.maintain(),
            _ => self.checkpoint(),
        }
    }

    /// Takes note of backups that are listed and were not; their names.
    fn note_backups(&mut self, before: &Ends) -> Check<Vec<String>> {
        let Some(repository) = self.sound()? else { return Ok(Vec::new()) };
        let listing = list_backups(&repository).map_err(|error| error.to_string())?;
        if !listing.damaged.is_empty() {
            return Err(format!("records of backups are damaged: {:?}", listing.damaged));
        }
        let mut new = Vec::new();
        for listed in &listing.backups {
            let record = &listed.record;
            if self.vault().backups.contains_key(&record.id) {
                continue;
            }
            let parent = record.parent.as_ref().and_then(|id| self.vault().backups.get(id));
            let mut ends = parent.cloned().unwrap_or_default();
            ends.retain(|id, _| !record.gone.contains(&id.to_string()));
            for space in &record.spaces {
                let id = engram_store::SpaceId::parse(&space.id).ok_or("a space has no id")?;
                ends.insert(id, space.through.lsn);
            }
            let late = before.iter().find(|(id, lsn)| {
                // One that was deleted meanwhile, or could not be read, is left out.
                let place = self.spaces.values().find(|place| place.id == **id);
                let place = place.filter(|_| record.left_out.is_empty());
                place.is_some() && ends.get(id).is_none_or(|end| end < *lsn)
            });
            if let Some((id, lsn)) = late {
                return Err(format!("LSN {lsn} of {id} is not in backup {}: {ends:?}", record.id));
            }
            self.vault().backups.insert(record.id.clone(), ends);
            new.push(record.id.clone());
        }
        Ok(new)
    }

    /// Names this moment, sometimes with a name that is taken.
    fn name_point(&mut self) -> Check {
        let Some((repository, mut archiver)) = self.take_hands()? else { return Ok(()) };
        let name = format!("p{}", self.vault().rng.below(8));
        let key = format!("{POINTS}{name}");
        let taken = self.vault().keys(POINTS).contains(&key);
        let ends = self.standing();
        let result = restore_point(self.engine(), (&repository, &mut archiver), &name);
        self.vault().hands = Some((repository, archiver));
        let there = self.vault().keys(POINTS).contains(&key);
        if there && !taken {
            self.vault().points.insert(name.clone(), ends);
        }
        match result {
            Ok(_) if taken || !there => Err(format!("point {name} was named, it was {taken}")),
            Ok(_) => Ok(()),
            Err(BackupError::PointExists { .. }) if taken => Ok(()),
            Err(error) => self.forgive("point", &error),
        }?;
        self.audit()
    }

    /// Somebody stored other bytes under the name of the next piece: that is an error for as long as they are there.
    fn squat(&mut self) -> Check {
        let Some(hands) = self.take_hands()? else { return Ok(()) };
        let next = self.engine().log_tips().into_iter().find_map(|(space, tip)| {
            let first = hands.1.reached(space).0 + 1;
            (first <= tip.lsn.0).then(|| {
                let chain: String = tip.chain.iter().map(|byte| format!("{byte:02x}")).collect();
                let timeline = hands.1.timeline();
                (
                    space,
                    format!("log/{space}/{timeline:08x}-{first:016x}-{:016x}-{chain}", tip.lsn.0),
                )
            })
        });
        let Some((space, key)) = next else {
            self.vault().hands = Some(hands);
            return Ok(());
        };
        let (repository, mut archiver) = hands;
        let before = archiver.reached(space);
        let objects = self.vault().store.objects();
        let is_ours = objects.len(&key).is_err();
        if is_ours {
            objects.put(&key, b"something else").map_err(|error| error.to_string())?;
        }
        let result = archiver.step(self.engine(), &repository);
        let reached = archiver.reached(space);
        self.vault().hands = Some((repository, archiver));
        if is_ours {
            objects.delete(&key).map_err(|error| error.to_string())?;
            if result.is_ok() || reached != before {
                return Err(format!("{key} held something else, archived: {result:?}"));
            }
            self.note("somebody else's bytes were refused");
        } else if let Err(error) = result {
            self.forgive("archive", &error)?;
        }
        self.audit()
    }

    /// Checks a backup, which finds nothing where nothing is wrong.
    fn check_backup(&mut self) -> Check {
        let nth = self.vault().rng.bits() as usize;
        let count = self.vault().backups.len().max(1);
        let Some(id) = self.vault().backups.keys().nth(nth % count).cloned() else {
            return Ok(());
        };
        let Some((repository, archiver)) = self.take_hands()? else { return Ok(()) };
        let levels = [VerifyLevel::Presence, VerifyLevel::Bytes, VerifyLevel::Restore];
        let level = *self.vault().rng.pick(&levels);
        let seed = self.vault().entropy();
        let fs = FaultyFs::new(seed);
        let cold = crate::cold::FaultyBlobs::new(seed, &fs);
        let options = VerifyOptions {
            level,
            fs: Arc::new(fs),
            clock: Arc::new(self.clock.clone()),
            entropy: Arc::new(SeededEntropy::new(seed)),
            blobs: Some(Arc::new(cold)),
            scratch: "/scratch".into(),
            drill: None,
        };
        let result = verify(&repository, &id, options, &mut |_, _, _| {});
        self.vault().hands = Some((repository, archiver));
        match result {
            Ok(check) if check.findings.is_empty() || self.hindered() => {
                let found = check.findings.len();
                self.note(format!("{id} checked at level {}, {found} findings", level as u8));
                Ok(())
            }
            Ok(check) => Err(format!("{id} has findings: {:?}", check.findings)),
            Err(error) => self.forgive("check", &error),
        }
    }

    /// Removes backups that are not needed any more.
    fn prune(&mut self) -> Check {
        let Some((repository, archiver)) = self.take_hands()? else { return Ok(()) };
        let directory = self.engine().identity().map(|own| own.id.to_string());
        let policy = RetentionPolicy { daily: 1, weekly: 0, monthly: 0 };
        let mut removed = 0;
        let result = directory.map_err(BackupError::from).and_then(|directory| {
            let clock = self.clock.clone();
            let whose = (false, Some(directory.as_str()));
            prune(&repository, policy, whose, &clock, &mut |_| removed += 1)
        });
        self.vault().hands = Some((repository, archiver));
        self.vault().pruned |= removed > 0;
        let listed = self.vault().keys(BACKUPS);
        self.vault().backups.retain(|id, _| listed.contains(&format!("{BACKUPS}{id}")));
        self.note(format!("pruned {removed} objects"));
        match result {
            Ok(_) => Ok(()),
            Err(error) => self.forgive("prune", &error),
        }
    }

    /// Once nothing fails any more, the archive catches up and is whole.
    pub(crate) fn catch_up(&mut self) -> Check {
        self.vault().store.heal();
        for _ in 0..CAUGHT_UP_MAX {
            self.vault().store.explain();
            self.archive()?;
        }
        let vault = self.vault.as_deref().expect("it was there");
        for (id, own) in &vault.spaces {
            let last = own.images.keys().next_back().copied().unwrap_or_default();
            let last = own.gone.map_or(last, |(gone, _)| gone);
            if vault.archived(*id) != last {
                let archived = vault.archived(*id);
                return Err(format!("{} is archived up to {archived} of {last}", own.name));
            }
        }
        Ok(())
    }
}
