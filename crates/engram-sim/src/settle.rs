//! How the model follows the engine: answers that come, and what a crash left of requests without one.

use std::collections::BTreeMap;

use engram_engine::DuplicatePolicy;
use engram_engine::{AssociationReceipt, Engine, FeedbackReceipt, Language};
use engram_store::SpaceId;

use crate::arrive::arrived;
use crate::history::{Check, DIMENSION, History};
use crate::model::{Fate, Image, Nature, Place, Queued, Work, classify, taken};
use crate::versions::updated;

/// Answers.
impl History {
    /// Takes the answers that have come and moves the model along. What was refused for lack of space is dropped, what
    /// got another error stays queued as unknown.
    pub(crate) fn settle(&mut self) -> Check {
        self.settle_refusals()?;
        let created = self.settle_creations()?;
        let mut acknowledged = created.len() as u64;
        let mut dismissed = Vec::new();
        let mut batches = BTreeMap::new();
        let over = !self.fs.crashed() && self.engine().poisoned().is_none();
        for (name, place) in &mut self.spaces {
            let mut images = vec![place.published.clone()];
            let engine = self.engine.as_deref().expect("answers come from an open engine");
            // A space that could not be read has in its log what it did not publish.
            let sound = engine.space(name).is_ok_and(|space| space.quarantined.is_none());
            let reached = Reached { lsn: reached(engine, name, place.id), over: over && sound };
            let gone = settle_place(place, &mut images, reached)
                .map_err(|what| format!("{name}: {what}"))?;
            acknowledged += images.len() as u64 - 1 + u64::from(gone);
            batches.insert(name.clone(), images);
            if gone {
                dismissed.push(name.clone());
            }
        }
        self.chronicle(&batches);
        if acknowledged > 0 {
            self.begin_batch(batches, &created);
        }
        for name in dismissed {
            self.dismiss(&name);
        }
        self.tally.acknowledged += acknowledged;
        self.record_sums()
    }

    /// A flush that writes something makes the one before it proven. `batches` holds the states of spaces before and after
    /// each of its commits.
    fn begin_batch(&mut self, batches: BTreeMap<String, Vec<Image>>, created: &[String]) {
        self.closed = false;
        self.ghosts.clear();
        for (name, place) in &mut self.spaces {
            place.last_batch = vec![place.published.clone()];
            if created.contains(name) {
                place.last_batch.insert(0, Image::default());
            }
        }
        for (name, images) in batches {
            let place = self.spaces.get_mut(&name).filter(|_| images.len() > 1);
            if let Some(place) = place {
                place.last_batch = images;
            }
        }
    }

    /// Keeps the states that commits led to, where backups must bring them back.
    fn chronicle(&mut self, batches: &BTreeMap<String, Vec<Image>>) {
        let Some(vault) = &mut self.vault else { return };
        for (name, images) in batches {
            if let Some(place) = self.spaces.get(name) {
                vault.record(name, place, images);
            }
        }
    }

    fn dismiss(&mut self, name: &str) {
        if let Some(place) = self.spaces.remove(name) {
            self.ghosts.push(place.id);
            if let Some(vault) = &mut self.vault {
                vault.note(&place);
            }
        }
        self.rankings.remove(name);
    }

    /// A refusal that waited comes as it must, or as the failure of what it waited for.
    fn settle_refusals(&mut self) -> Check {
        for refusal in std::mem::take(&mut self.refusals) {
            match (refusal.take)() {
                None => self.refusals.push(refusal),
                Some(Some(error)) if classify(&error) == refusal.expected => {}
                Some(Some(error)) if self.disturbed() => self.note(format!("late: {error}")),
                other => return Err(format!("expected {:?}, got {other:?}", refusal.expected)),
            }
        }
        Ok(())
    }

    fn settle_creations(&mut self) -> Check<Vec<String>> {
        let (mut waiting, mut created) = (Vec::new(), Vec::new());
        for creating in std::mem::take(&mut self.creating) {
            match taken(&creating.slot) {
                Some(Ok(info)) => {
                    if info.name != creating.name || info.created_at.0 != creating.time {
                        return Err(format!("{} was created as {info:?}", creating.name));
                    }
                    self.admit(&creating.name, info.id, (creating.time, creating.nature.clone()));
                    created.push(creating.name);
                }
                Some(Err(error)) if classify(&error) == "disk full" => {}
                _ => waiting.push(creating),
            }
        }
        self.creating = waiting;
        Ok(created)
    }

    fn admit(&mut self, name: &str, id: SpaceId, (time, nature): (i64, Nature)) {
        let image = Image { lsn: 1, time, ..Image::default() };
        let place = Place {
            id,
            created_at: time,
            nature,
            published: image.clone(),
            projected: image.clone(),
            queued: Vec::new(),
            deleting: false,
            sums: BTreeMap::new(),
            indexed: BTreeMap::new(),
            learned: BTreeMap::new(),
            last_batch: vec![image],
            deleted: Vec::new(),
            gone_at: None,
        };
        if let Some(vault) = &mut self.vault {
            vault.record(name, &place, std::slice::from_ref(&place.published));
        }
        self.spaces.insert(name.to_owned(), place);
    }

    pub(crate) fn record_sums(&mut self) -> Check {
        let Some(engine) = &self.engine else { return Ok(()) };
        for (name, place) in self.spaces.iter_mut().filter(|(_, place)| place.queued.is_empty()) {
            // To open one only for this would meet the faults of other steps.
            if !engine.is_open(name) {
                continue;
            }
            let stats = engine.stats(name).map_err(|error| format!("stats of {name}: {error}"))?;
            let known = place.sums.entry(stats.lsn.0).or_insert(stats.state_sum);
            if *known != stats.state_sum {
                return Err(format!("the state sum of {name} changed at LSN {}", stats.lsn));
            }
            let known = place.learned.entry(stats.lsn.0).or_insert(stats.learned_sum);
            if *known != stats.learned_sum {
                return Err(format!("what {name} learned changed at LSN {}", stats.lsn));
            }
            let known = place.indexed.entry(stats.lsn.0).or_insert(stats.indexed_vectors);
            if *known != stats.indexed_vectors {
                return Err(format!(
                    "{} vectors of {name} are in the graph at LSN {}, there were {known}",
                    stats.indexed_vectors, stats.lsn
                ));
            }
        }
        Ok(())
    }

    /// Graphs may be gone, which is no loss: they are built again.
    pub(crate) fn forget_graphs(&mut self) {
        self.spaces.values_mut().for_each(|place| place.indexed.clear());
    }

    /// Commits that wait for their answer.
    pub(crate) fn pending(&self) -> u64 {
        let queued = self.spaces.values().flat_map(|place| &place.queued);
        queued.filter(|queued| queued.stamp.is_some()).count() as u64 + self.creating.len() as u64
    }
}

/// Last LSN of a space, none where it is gone, and its ids by place.
type FoundSpace = (Option<u64>, BTreeMap<(u64, u32), String>);

/// What tells of commits that nobody waits for.
#[derive(Clone, Copy)]
struct Reached {
    /// Last LSN that is published.
    lsn: u64,
    /// Whether what is not published was refused.
    over: bool,
}

/// The last published LSN of a space; one that is gone, or closed, has none of its commits left to wait for.
fn reached(engine: &Engine, name: &str, id: SpaceId) -> u64 {
    match engine.space(name) {
        Ok(info) if info.id == id && engine.is_open(name) => {
            engine.stats(name).map_or(u64::MAX, |stats| stats.lsn.0)
        }
        _ => u64::MAX,
    }
}

/// Whether the space is gone.
fn settle_place(place: &mut Place, images: &mut Vec<Image>, reached: Reached) -> Check<bool> {
    let mut waiting: Vec<Queued> = Vec::new();
    let mut refused = false;
    let mut gone = false;
    for mut queued in std::mem::take(&mut place.queued) {
        match answer(&mut queued, &place.published, reached)? {
            Answer::Yes => {
                let commit = queued.stamp.is_some();
                if commit && (refused || waiting.iter().any(|other| other.stamp.is_some())) {
                    return Err("a commit was acknowledged behind one that was not".to_owned());
                }
                if let Work::Change { ids, fate: Fate::Delete, .. } = &queued.work {
                    place.deleted.extend(ids.iter().cloned());
                }
                if matches!(queued.work, Work::Delete { .. }) {
                    gone = true;
                    place.gone_at = queued.stamp;
                }
                if commit && !gone {
                    place.published.apply(&queued);
                    images.push(place.published.clone());
                }
            }
            Answer::Refused => refused |= queued.stamp.is_some(),
            Answer::Unknown => waiting.push(queued),
        }
    }
    place.queued = waiting;
    if place.queued.is_empty() {
        place.projected = place.published.clone();
        place.deleting = false;
    }
    Ok(gone)
}

enum Answer {
    Yes,
    Refused,
    Unknown,
}

fn refusal(error: &engram_engine::EngineError) -> Answer {
    match classify(error) {
        "disk full" => Answer::Refused,
        _ => Answer::Unknown,
    }
}

/// Takes the answer to one request and compares it with what must have come.
fn answer(queued: &mut Queued, published: &Image, reached: Reached) -> Check<Answer> {
    let outcome = outcome(queued, reached)?;
    let is_misplaced = queued.stamp.is_some_and(|(lsn, _)| lsn != published.lsn + 1);
    if matches!(outcome, Answer::Yes) && is_misplaced {
        return Err(format!("{:?} was acknowledged at LSN {}", queued.stamp, published.lsn));
    }
    Ok(outcome)
}

/// The same, wherever it stands.
fn outcome(queued: &mut Queued, reached: Reached) -> Check<Answer> {
    match &mut queued.work {
        Work::Remember { plan, keyed, slot } => match taken(slot) {
            Some(Ok(answer)) => {
                plan.settle(&answer)?;
                if let Some((_, keyed)) = keyed {
                    keyed.plan = plan.clone();
                    keyed.answer = Some(answer);
                }
            }
            Some(Err(error)) => return Ok(refusal(&error)),
            None => return Ok(Answer::Unknown),
        },
        Work::Again { plan, slot } => match taken(slot) {
            Some(Ok(answer)) => plan.settle(&answer)?,
            Some(Err(error)) => return Ok(refusal(&error)),
            None => return Ok(Answer::Unknown),
        },
        Work::Change { ids, slot, .. } => match taken(slot) {
            Some(Ok(receipt)) => {
                let stamp = receipt.commit.map(|(lsn, time)| (lsn.0, time.0));
                if stamp != queued.stamp || receipt.ids != *ids {
                    return Err(format!(
                        "receipt {receipt:?}, expected {:?} {ids:?}",
                        queued.stamp
                    ));
                }
            }
            Some(Err(error)) => return Ok(refusal(&error)),
            None => return Ok(Answer::Unknown),
        },
        Work::Update { newer, created, slot } => match taken(slot) {
            Some(Ok(answer)) => updated(&answer, newer, *created)?,
            Some(Err(error)) => return Ok(refusal(&error)),
            None => return Ok(Answer::Unknown),
        },
        Work::Delete { slot } => match taken(slot) {
            Some(Ok(_)) => {}
            Some(Err(error)) => return Ok(refusal(&error)),
            None => return Ok(Answer::Unknown),
        },
        Work::Associate { created, slot, .. } => match taken(slot) {
            Some(Ok(receipt)) => related(&receipt, queued.stamp, (*created, Some(1)))?,
            Some(Err(error)) => return Ok(refusal(&error)),
            None => return Ok(Answer::Unknown),
        },
        Work::Dissociate { count, slot, .. } => match taken(slot) {
            Some(Ok(receipt)) => related(&receipt, queued.stamp, (false, *count))?,
            Some(Err(error)) => return Ok(refusal(&error)),
            None => return Ok(Answer::Unknown),
        },
        Work::Judge { slot } => match taken(slot) {
            Some(Ok(receipt)) => judged(&receipt, queued.stamp)?,
            Some(Err(error)) => return Ok(refusal(&error)),
            None => return Ok(Answer::Unknown),
        },
        Work::Arrive { slot, .. } => match taken(slot) {
            Some(Ok(answer)) => arrived(&answer, queued.stamp)?,
            Some(Err(error)) => return Ok(refusal(&error)),
            None => return Ok(Answer::Unknown),
        },
        Work::Derived => match queued.stamp {
            Some((lsn, _)) if lsn <= reached.lsn => {}
            _ if reached.over => return Ok(Answer::Refused),
            _ => return Ok(Answer::Unknown),
        },
    }
    Ok(Answer::Yes)
}

/// Compares the answer to a judgement with what must have come.
fn judged(receipt: &FeedbackReceipt, stamp: Option<(u64, i64)>) -> Check {
    match stamp == Some((receipt.lsn.0, receipt.committed_at.0)) {
        true => Ok(()),
        false => Err(format!("{receipt:?}, expected {stamp:?}")),
    }
}

/// Compares the answer to a request about an association with what must have come.
fn related(
    receipt: &AssociationReceipt,
    stamp: Option<(u64, i64)>,
    (created, count): (bool, Option<u64>),
) -> Check {
    let found = receipt.commit.map(|(lsn, time)| (lsn.0, time.0));
    let counted = count.unwrap_or(receipt.count.max(1)) == receipt.count;
    if found != stamp || receipt.created != created || !counted {
        return Err(format!("{receipt:?}, expected {stamp:?}, created {created}, {count:?}"));
    }
    Ok(())
}

/// After a crash: which of the unanswered commits survived.
impl History {
    /// Takes over what the engine found. Survivors must be the first of what waited, per space.
    pub(crate) fn reconcile(&mut self) -> Check {
        // All is read before the model moves: a fault may keep it from being read.
        let mut found = Vec::new();
        for name in self.spaces.keys() {
            found.push((name.clone(), self.found(name)?));
        }
        let created = self.reconcile_creations()?;
        let mut batches = BTreeMap::new();
        let mut dismissed = Vec::new();
        for (name, (lsn, ids)) in found {
            let place = self.spaces.get_mut(&name).expect("the name is from the map");
            let mut images = vec![place.published.clone()];
            let survived = survivors(place, lsn, &ids, &mut images)
                .map_err(|what| format!("{name}: {what}"))?;
            self.tally.survivors += survived;
            if lsn.is_none() {
                dismissed.push(name.clone());
            }
            batches.insert(name, images);
        }
        self.chronicle(&batches);
        let survived = batches.values().any(|images| images.len() > 1);
        if survived || !dismissed.is_empty() || !created.is_empty() {
            self.begin_batch(batches, &created);
        }
        for name in dismissed {
            self.dismiss(&name);
        }
        self.record_sums()
    }

    /// The last LSN of a space and its ids by place; no LSN where it is gone.
    fn found(&self, name: &str) -> Check<FoundSpace> {
        match self.engine().stats(name) {
            Ok(stats) => Ok((Some(stats.lsn.0), self.ids_by_place(name)?)),
            Err(error) if classify(&error) == "no space" => Ok((None, BTreeMap::new())),
            Err(error) => Err(format!("{name} cannot be read: {error}")),
        }
    }

    fn reconcile_creations(&mut self) -> Check<Vec<String>> {
        let mut created = Vec::new();
        for creating in std::mem::take(&mut self.creating) {
            if let Ok(info) = self.engine().space(&creating.name) {
                if info.created_at.0 != creating.time {
                    return Err(format!("{} came back as {info:?}", creating.name));
                }
                self.tally.survivors += 1;
                self.admit(&creating.name, info.id, (creating.time, creating.nature));
                created.push(creating.name);
            }
        }
        if self.setup.default_space && !self.default_born {
            self.default_born = true;
            let info = self.engine().space("default").map_err(|error| error.to_string())?;
            let nature = Nature {
                dimension: DIMENSION,
                embeds: true,
                language: Language::English,
                duplicates: DuplicatePolicy::Keep,
            };
            self.admit("default", info.id, (info.created_at.0, nature));
            created.push("default".to_owned());
        }
        Ok(created)
    }
}

/// Applies the commits that survived; returns how many.
fn survivors(
    place: &mut Place,
    lsn: Option<u64>,
    ids: &BTreeMap<(u64, u32), String>,
    images: &mut Vec<Image>,
) -> Check<u64> {
    let waiting = std::mem::take(&mut place.queued);
    let mut commits: Vec<Queued> =
        waiting.into_iter().filter(|queued| queued.stamp.is_some()).collect();
    let deletes = commits.last().is_some_and(|last| matches!(last.work, Work::Delete { .. }));
    let end = match lsn {
        None if deletes => {
            place.gone_at = commits.last().and_then(|last| last.stamp);
            for queued in commits.iter().take(commits.len() - 1) {
                place.published.apply(queued);
                images.push(place.published.clone());
            }
            return Ok(commits.len() as u64);
        }
        None => return Err("the space is gone and nobody deleted it".to_owned()),
        Some(lsn) => lsn,
    };
    let most = place.published.lsn + commits.len() as u64 - u64::from(deletes);
    if end < place.published.lsn || end > most {
        return Err(format!(
            "LSN {end} was found, {} was acknowledged and {} commits were waiting",
            place.published.lsn,
            commits.len()
        ));
    }
    let survived = end - place.published.lsn;
    for queued in commits.iter_mut().take(survived as usize) {
        if let Work::Remember { plan, keyed, .. } = &mut queued.work {
            for stored in &mut plan.puts {
                // Ids that the engine made were never told to anybody.
                if stored.id.is_none() {
                    stored.id = ids.get(&stored.place()).cloned();
                }
            }
            if let Some((_, keyed)) = keyed {
                keyed.plan = plan.clone();
            }
        }
        if let Work::Change { ids, fate: Fate::Delete, .. } = &queued.work {
            place.deleted.extend(ids.iter().cloned());
        }
        place.published.apply(queued);
        images.push(place.published.clone());
    }
    place.projected = place.published.clone();
    place.deleting = false;
    Ok(survived)
}
