//! Going back: what a restore brings is what the model had at that commit, by every route.

use std::path::Path;
use std::sync::Arc;

use engram_backup::{
    BackupError, PlannedSpace, Repository, RestoreOptions, RestorePlan, RestoreTarget,
    archived_through, plan, restore,
};
use engram_engine::{Filter, State, Visibility};
use engram_store::{BlobStore, Clock, SeededEntropy, SpaceId};

use crate::check::query;
use crate::faulty::End;
use crate::history::{Check, DATA_DIR, History, Setup};
use crate::model::{Place, Stored};
use crate::vault::{Chronicle, Ends, Sketch};

/// Targets at the end of a history whose plans are compared, and how many of them are restored.
const PLANNED: u32 = 12;
const RESTORED: u32 = 2;

/// Which spaces are asked for; none = all.
type Wanted = Option<Vec<String>>;

impl History {
    /// Keeps what was learned of the memories of all spaces.
    pub(crate) fn sketch(&mut self) -> Check {
        let names: Vec<String> = self.spaces.keys().cloned().collect();
        for name in names {
            let now_ns = self.now_ns();
            let lines = match self.sketch_of(&name, now_ns) {
                Err(what) if self.injected() => {
                    self.note(format!("cannot see: {what}"));
                    self.blind = true;
                    return Ok(());
                }
                lines => lines?,
            };
            let Place { id, published, .. } = &self.spaces[&name];
            let (id, lsn) = (*id, published.lsn);
            if let (Some(lines), Some(own)) = (lines, self.vault().spaces.get_mut(&id)) {
                own.sketches.insert(lsn, Sketch { now_ns, lines });
            }
        }
        Ok(())
    }

    /// Strength, confidence, succession, marks and associations of each memory; none where some of it is out of reach.
    fn sketch_of(&self, name: &str, now_ns: i64) -> Check<Option<Vec<String>>> {
        let all = query(Filter::default(), 1_000, Visibility::All);
        self.clock.at(now_ns, || {
            let Some(found) = self.pages(name, all)? else { return Ok(None) };
            let mut lines = Vec::with_capacity(found.len());
            for item in &found {
                let (id, own) = (&item.memory.id, &item.memory.content);
                let is_shown =
                    item.state == State::Active && own.expires_at.is_none_or(|at| at > now_ns);
                let ties = if is_shown { self.associations(name, id)? } else { Some(Vec::new()) };
                let Some(ties) = ties else { return Ok(None) };
                lines.push(format!(
                    "{id}: {:?} {:?} {:?} {:?} {:?} {ties:?}",
                    item.strength, item.confidence, item.superseded_by, item.supersedes, item.marks
                ));
            }
            Ok(Some(lines))
        })
    }

    /// Goes back to some moment, which need not be there.
    pub(crate) fn go_back(&mut self) -> Check {
        let Some(repository) = self.sound()? else { return Ok(()) };
        self.vault().count_archived();
        let (target, wanted) = self.some_target();
        if let Some((plan, ends)) = self.planned(&repository, (&target, wanted))? {
            self.come_back(&repository, (&plan, &ends))?;
        }
        Ok(())
    }

    /// Plans to go back to a backup, which is possible for as long as it is listed; goes where something `failed` about it, and sometimes
    /// else.
    pub(crate) fn go_back_to(&mut self, id: &str, failed: bool) -> Check {
        let Some(repository) = self.sound()? else { return Ok(()) };
        // What waits for its answer is not in the model yet.
        let known = |vault: &crate::vault::Vault| {
            vault.backups.get(id).is_some_and(|ends| {
                let known = |(id, end): (_, &u64)| {
                    vault.spaces.get(id).is_some_and(|own| own.images.contains_key(end))
                };
                ends.iter().all(known)
            })
        };
        let target = RestoreTarget::Backup(id.to_owned());
        let planned = self.planned(&repository, (&target, None))?;
        let goes = known(self.vault()) && (failed || self.vault().rng.chance(20));
        match planned.filter(|_| goes) {
            Some((plan, ends)) => self.come_back(&repository, (&plan, &ends)),
            None => Ok(()),
        }
    }

    /// The end: every backup that is listed can be planned, and some moments are gone back to.
    pub(crate) fn go_back_for_good(&mut self) -> Check {
        let Some(repository) = self.sound()? else { return Ok(()) };
        self.vault().count_archived();
        let ids: Vec<String> = self.vault().backups.keys().cloned().collect();
        let mut targets: Vec<(RestoreTarget, Wanted)> =
            ids.into_iter().map(|id| (RestoreTarget::Backup(id), None)).collect();
        let points: Vec<String> = self.vault().points.keys().cloned().collect();
        targets.extend(points.into_iter().map(|name| (RestoreTarget::Point(name), None)));
        targets.extend((0..PLANNED).map(|_| self.some_target()));
        let mut plans = Vec::new();
        for (target, wanted) in targets {
            plans.extend(self.planned(&repository, (&target, wanted))?);
        }
        for _ in 0..RESTORED {
            let nth = self.vault().rng.index(plans.len());
            if let Some((plan, ends)) = plans.get(nth) {
                self.come_back(&repository, (plan, ends))?;
            }
        }
        let latest = (RestoreTarget::Latest, None);
        match self.planned(&repository, (&latest.0, latest.1))? {
            Some((plan, ends)) => self.come_back(&repository, (&plan, &ends)),
            None => Ok(()),
        }
    }

    /// A moment to go back to.
    fn some_target(&mut self) -> (RestoreTarget, Wanted) {
        let vault = self.vault();
        let rng = &mut vault.rng;
        let inclusive = rng.chance(50);
        let nth = rng.bits() as usize;
        let some = |count: usize| nth % count.max(1);
        let own = vault.spaces.values().nth(some(vault.spaces.len()));
        let kind = rng.below(10);
        let lsn = own.and_then(|own| own.images.keys().nth(rng.index(own.images.len())).copied());
        let target = match (kind, own, lsn) {
            (0..3, Some(own), Some(lsn)) => {
                let lsn = lsn + u64::from(!inclusive);
                return (RestoreTarget::Lsn { lsn, inclusive }, Some(vec![own.name.clone()]));
            }
            (3..6, Some(own), Some(lsn)) => {
                let near = *rng.pick(&[-1, 0, 0, 0, 1, 1_000_000_000]);
                RestoreTarget::Time { at: own.images[&lsn].time + near, inclusive }
            }
            (6 | 7, ..) => match vault.backups.keys().nth(some(vault.backups.len())) {
                Some(id) => RestoreTarget::Backup(id.clone()),
                None => RestoreTarget::Latest,
            },
            (8, ..) => match vault.points.keys().nth(some(vault.points.len())) {
                Some(name) => RestoreTarget::Point(name.clone()),
                None => RestoreTarget::Latest,
            },
            _ => RestoreTarget::Latest,
        };
        let named = own.filter(|_| rng.chance(20)).map(|own| vec![own.name.clone()]);
        (target, named)
    }

    /// Where the spaces end at a target; none where it cannot be gone back to.
    fn expected(
        &mut self,
        target: &RestoreTarget,
        wanted: Option<&[String]>,
        through: Option<i64>,
    ) -> Option<Ends> {
        let vault = self.vault();
        let mut ends = match target {
            RestoreTarget::Latest => vault.latest(),
            RestoreTarget::Backup(id) => vault.backups.get(id)?.clone(),
            RestoreTarget::Point(name) => vault.points.get(name)?.clone(),
            RestoreTarget::Time { at, inclusive } => {
                let last = at - i64::from(!inclusive);
                if through.is_some_and(|through| last > through) {
                    return None;
                }
                vault.ends(|id, own| own.at_time(last, vault.archived(id)))
            }
            RestoreTarget::Lsn { lsn, inclusive } => {
                let last = lsn - u64::from(!inclusive);
                vault.ends(|id, own| own.at_lsn(last.min(vault.archived(id))))
            }
        };
        if let Some(wanted) = wanted {
            let is_wanted = |own: &Chronicle| wanted.contains(&own.name);
            ends.retain(|id, _| vault.spaces.get(id).is_some_and(is_wanted));
        }
        let said = matches!(target, RestoreTarget::Backup(_) | RestoreTarget::Point(_));
        let is_there = match target {
            // A name that two spaces had one after the other says too little.
            RestoreTarget::Lsn { lsn, inclusive } => {
                let last = lsn - u64::from(!inclusive);
                ends.len() == 1 && ends.values().all(|end| *end == last)
            }
            _ => !ends.is_empty() || (said && wanted.is_none()),
        };
        is_there.then_some(ends)
    }

    /// The plan of a target, compared with the model; none where both say that it cannot be gone back to.
    fn planned(
        &mut self,
        repository: &Repository,
        (target, wanted): (&RestoreTarget, Wanted),
    ) -> Check<Option<(RestorePlan, Ends)>> {
        let through = archived_through(repository).map_err(|error| error.to_string())?;
        let ends = self.expected(target, wanted.as_deref(), through);
        let found = plan(repository, target, None, wanted.as_deref());
        self.note(format!("plan {target:?} of {wanted:?}: {ends:?}"));
        match (found, ends) {
            (Ok(mut plan), ends) => {
                let last = |space: &PlannedSpace| (space.id, space.last.lsn);
                let found: Ends = plan.spaces.iter().map(last).collect();
                if ends.as_ref() != Some(&found) && !self.is_left(target, &found) {
                    return Err(format!("{target:?} of {wanted:?} is {found:?}, not {ends:?}"));
                }
                // The files of a log are as short here as they can be.
                plan.log_segment_bytes = self.setup.segment_bytes;
                Ok(Some((plan, found)))
            }
            (Err(_), None) => Ok(None),
            (Err(error), Some(ends)) => {
                let is_old = matches!(
                    error,
                    BackupError::TooOld { .. }
                        | BackupError::Gap { .. }
                        | BackupError::UnknownSpace { .. }
                );
                if is_old && self.vault().pruned && !self.is_kept(target, &ends) {
                    return Ok(None);
                }
                Err(format!("{target:?} of {wanted:?} is refused: {error}"))
            }
        }
    }

    /// Whether an LSN means the one space of that name that is left: the others were pruned.
    fn is_left(&mut self, target: &RestoreTarget, found: &Ends) -> bool {
        let RestoreTarget::Lsn { lsn, inclusive } = target else { return false };
        let last = lsn - u64::from(!inclusive);
        let vault = self.vault();
        let had = |(id, end): (&SpaceId, &u64)| {
            *end == last && vault.spaces.get(id).is_some_and(|own| own.at_lsn(last) == Some(last))
        };
        vault.pruned && found.len() == 1 && found.iter().all(had)
    }

    /// Whether a target is not before a backup that is there.
    fn is_kept(&mut self, target: &RestoreTarget, ends: &Ends) -> bool {
        let vault = self.vault();
        if vault.set_back && matches!(target, RestoreTarget::Time { .. }) {
            return false;
        }
        let is_early = |(id, end): (&SpaceId, &u64)| match target {
            RestoreTarget::Time { at, .. } => {
                let image = vault.spaces.get(id).and_then(|own| own.images.get(end));
                image.is_some_and(|image| image.time < *at)
            }
            _ => true,
        };
        let after = |backup: &Ends| {
            let has = |(id, end): (&SpaceId, &u64)| backup.get(id).is_some_and(|own| own <= end);
            ends.iter().all(has) && backup.iter().all(is_early)
        };
        matches!(target, RestoreTarget::Backup(_)) || vault.backups.values().any(after)
    }

    /// Restores a plan and compares everything; then the database works with it.
    fn come_back(&mut self, repository: &Repository, plan: (&RestorePlan, &Ends)) -> Check {
        let target = plan.0.target.clone();
        let returned = self.returned(repository, plan).and_then(|mut other| {
            other.go_on().map_err(|what| format!("going on: {what}")).map(|()| other)
        });
        let other = returned.map_err(|what| format!("restored to {target}: {what}"))?;
        self.note(format!("restored to {target}: {:016x}", other.trace.hash()));
        self.tally.restores += 1;
        self.tally.compared += other.tally.compared;
        Ok(())
    }

    /// What a restore of a plan brings, opened and compared with the model.
    fn returned(
        &mut self,
        repository: &Repository,
        (plan, ends): (&RestorePlan, &Ends),
    ) -> Check<History> {
        let setup = Setup { faults: 0, weather: 0, archives: 0, ..self.setup };
        let mut other = History::new(self.vault().entropy(), setup);
        other.clock.set(self.now_ns());
        (other.latest_ns, other.default_born) = (self.latest_ns, true);
        let blobs = || Arc::new(other.store.clone()) as Arc<dyn BlobStore>;
        let options = RestoreOptions {
            fs: Arc::new(other.fs.clone()),
            clock: Arc::new(other.clock.clone()) as Arc<dyn Clock>,
            entropy: Arc::new(SeededEntropy::new(self.vault().entropy())),
            blobs: setup.cold_after_ns.map(|_| blobs()),
            reuse: None,
            begins_timeline: false,
        };
        restore(repository, plan, &options, Path::new(DATA_DIR), &mut |_, _, _| {})
            .map_err(|error| error.to_string())?;
        // What is restored is durable.
        other.reboot(End::PowerCut);
        let recovery = other.open_engine(None)?;
        if !recovery.damage.is_empty() || !recovery.quarantined.is_empty() {
            return Err(format!("it is damaged: {recovery:?}"));
        }
        for place in self.spaces.values() {
            self.vault.as_mut().expect("it was there").note(place);
        }
        for (id, lsn) in ends {
            let own = &self.vault().spaces[id];
            let place = place((*id, *lsn), own)?;
            let (name, sketch) = (own.name.clone(), own.sketches.get(lsn).cloned());
            other.rankings.extend(own.rankings.get(lsn).map(|own| (name.clone(), own.clone())));
            let seen = self.seen.iter().filter(|((space, at, _), _)| space == id && at <= lsn);
            other.seen.extend(seen.map(|(key, sight)| (*key, sight.clone())));
            other.spaces.insert(name.clone(), place);
            other.fill_ids(&name)?;
            if let Some(sketch) = sketch
                && other.sketch_of(&name, sketch.now_ns)?.as_ref() != Some(&sketch.lines)
            {
                let found = other.sketch_of(&name, sketch.now_ns)?;
                return Err(format!("{name}: learned {found:#?}, it was {:#?}", sketch.lines));
            }
        }
        other.verify()?;
        other.record_sums()?;
        Ok(other)
    }

    /// Ids that the engine made and told nobody, for the process ended before the answer.
    fn fill_ids(&mut self, name: &str) -> Check {
        let image = &self.spaces[name].published;
        if image.memories.values().all(|stored| stored.id.is_some()) {
            return Ok(());
        }
        let ids = self.ids_by_place(name)?;
        let place = self.spaces.get_mut(name).expect("it was there");
        let nameless = |stored: &&Arc<Stored>| stored.id.is_none();
        let found: Vec<Stored> = place
            .published
            .memories
            .values()
            .filter(nameless)
            .map(|stored| Stored { id: ids.get(&stored.place()).cloned(), ..Stored::clone(stored) })
            .collect();
        found.into_iter().for_each(|stored| place.published.put(stored));
        place.projected = place.published.clone();
        place.last_batch = vec![place.published.clone()];
        Ok(())
    }

    /// Works with what was restored for a while.
    fn go_on(&mut self) -> Check {
        for _ in 0..self.rng.below(6) {
            self.step()?;
        }
        self.fs.heal();
        self.squeezed = false;
        self.drive()?;
        self.tend()?;
        self.close_and_open()
    }
}

/// A space as the model had it at one commit.
fn place((id, lsn): (SpaceId, u64), own: &Chronicle) -> Check<Place> {
    let image = own.images.get(&lsn);
    let image = image.ok_or_else(|| format!("{} never had LSN {lsn}", own.name))?;
    Ok(Place {
        id,
        created_at: own.created_at,
        nature: own.nature.clone(),
        published: image.clone(),
        projected: image.clone(),
        queued: Vec::new(),
        deleting: false,
        sums: own.sums.range(..=lsn).map(|(lsn, sum)| (*lsn, *sum)).collect(),
        // A graph that is gone is built anew.
        indexed: std::collections::BTreeMap::new(),
        learned: own.learned.range(..=lsn).map(|(lsn, sum)| (*lsn, *sum)).collect(),
        last_batch: vec![image.clone()],
        deleted: own.deleted.clone(),
        gone_at: None,
    })
}
