//! Associations and what the engine derives by itself: requests, and commits that nobody waits for.

use std::path::Path;

use engram_engine::{
    Associate, AssociationQuery, AssociationReceipt, Dissociate, EdgeDirection, EdgeKind, Serial,
};
use engram_store::Stamp;

use crate::history::{Check, DATA_DIR, History};
use crate::model::{Image, Queued, Tie, Work, classify, slot, taken};

/// Relations that requests name; an empty one gets a name from the engine.
const RELATIONS: [&str; 3] = ["causes", "is part of", ""];
/// What the engine calls a relation without a name.
const RELATION_DEFAULT: &str = "related";
/// Rounds in which everything that is due must be derived.
const ROUNDS_MAX: u32 = 200;
/// Bytes of a request about an association, at most.
const REQUEST_BYTES: usize = 1_000;

impl History {
    /// States or takes away an association between random memories: there, missing, or the same twice.
    pub(crate) fn some_relation(&mut self) -> Check {
        let name = self.name();
        let image: Image =
            self.spaces.get(&name).map(|place| place.projected.clone()).unwrap_or_default();
        let mut ends = (self.some_end(&image), self.some_end(&image));
        if self.rng.chance(50) {
            let nth = self.rng.index(image.ties.len());
            if let Some((from, to)) = image.ties.keys().nth(nth) {
                let id = |place| image.memories.get(place).map(|stored| stored.name().to_owned());
                ends = (id(from).unwrap_or_default(), id(to).unwrap_or_default());
            }
        }
        if ends.0.is_empty() || ends.1.is_empty() {
            // An id that the engine makes is not known before the answer.
            return Ok(());
        }
        if self.rng.chance(65) {
            let weight = self.rng.within(u64::from(!self.rng.clone().chance(3)), 8) as f32 / 8.0;
            let relation = (*self.rng.pick(&RELATIONS)).to_owned();
            let reason = format!("because {}", self.rng.below(100));
            self.submit_associate(&name, ends, Tie { relation, weight, reason })?;
        } else {
            let kinds = match self.rng.below(3) {
                0 => Vec::new(),
                1 => vec![*self.rng.pick(&EdgeKind::ALL)],
                _ => vec![EdgeKind::Explicit],
            };
            self.submit_dissociate(&name, ends, kinds)?;
        }
        self.drive_maybe()
    }

    fn some_end(&mut self, image: &Image) -> String {
        let nth = self.rng.index(image.memories.len());
        match image.memories.values().nth(nth) {
            Some(stored) if !self.rng.chance(4) => stored.name().to_owned(),
            _ => "nobody".to_owned(),
        }
    }

    /// Sends a request to associate.
    pub(crate) fn submit_associate(
        &mut self,
        name: &str,
        (from, to): (String, String),
        mut tie: Tie,
    ) -> Check {
        let (slot, done) = slot::<AssociationReceipt>();
        let request = Associate {
            from: from.clone(),
            to: to.clone(),
            relation: tie.relation.clone(),
            weight: tie.weight,
            reason: tie.reason.clone(),
            principal: "someone".to_owned(),
        };
        self.engine().associate(name, request, done);
        if self.unread(&slot) {
            return Ok(());
        }
        self.note(format!("associate {from:?} with {to:?} in {name} {tie:?}"));
        let valid = if tie.weight > 0.0 { Ok(()) } else { Err("invalid") };
        if let Some(expected) = self.refused_ends(name, (&from, &to), valid) {
            return self.expect_refusal(slot, expected);
        }
        if tie.relation.is_empty() {
            RELATION_DEFAULT.clone_into(&mut tie.relation);
        }
        match taken(&slot) {
            None => {}
            Some(Err(error)) if self.overload(classify(&error), REQUEST_BYTES) => return Ok(()),
            Some(other) => return Err(format!("associate answers {other:?} before it is driven")),
        }
        let projected = &self.spaces[name].projected;
        let pair = projected.pair(&from, &to).ok_or("both ends are there")?;
        let created = !projected.ties.contains_key(&pair);
        let stamp = Some(projected.next_stamp(self.now_ns()));
        self.queue(name, Queued { stamp, work: Work::Associate { pair, tie, created, slot } })
    }

    /// Why a request about these two is refused, if it is.
    fn refused_ends(
        &self,
        name: &str,
        (from, to): (&str, &str),
        valid: Result<(), &'static str>,
    ) -> Option<&'static str> {
        if from == to {
            return Some("itself");
        }
        let place = match (valid, self.spaces.get(name)) {
            (Err(problem), _) => return Some(problem),
            (_, None) => return Some("no space"),
            (_, Some(place)) if place.deleting => return Some("no space"),
            (_, Some(place)) => place,
        };
        place.projected.pair(from, to).is_none().then_some("no memory")
    }

    /// Sends a request to take associations away. What the engine formed by itself is not in the model: requests about
    /// that are sent where nothing is queued, so that what they find is published.
    pub(crate) fn submit_dissociate(
        &mut self,
        name: &str,
        (from, to): (String, String),
        mut kinds: Vec<EdgeKind>,
    ) -> Check {
        let quiet = self.spaces.get(name).is_none_or(|place| place.queued.is_empty());
        if !quiet {
            kinds = vec![EdgeKind::Explicit];
        }
        let (slot, done) = slot::<AssociationReceipt>();
        let request = Dissociate {
            from: from.clone(),
            to: to.clone(),
            kinds: kinds.clone(),
            principal: "someone".to_owned(),
        };
        self.engine().dissociate(name, request, done);
        if self.unread(&slot) {
            return Ok(());
        }
        self.note(format!("dissociate {from:?} from {to:?} in {name} {kinds:?}"));
        if let Some(expected) = self.refused_ends(name, (&from, &to), Ok(())) {
            return self.expect_refusal(slot, expected);
        }
        let projected = &self.spaces[name].projected;
        let pair = projected.pair(&from, &to).ok_or("both ends are there")?;
        let asked = kinds.is_empty() || kinds.contains(&EdgeKind::Explicit);
        let stated = asked && projected.ties.contains_key(&pair);
        let only_stated = kinds == [EdgeKind::Explicit];
        let count = only_stated.then_some(u64::from(stated));
        let stamp = projected.next_stamp(self.now_ns());
        match taken(&slot) {
            None => {}
            Some(Err(error)) if self.overload(classify(&error), REQUEST_BYTES) => return Ok(()),
            Some(Ok(receipt)) if !stated && receipt.commit.is_none() && receipt.count == 0 => {
                return self.verify_parted(name, (&from, &to), &kinds);
            }
            Some(other) => return Err(format!("dissociate answers {other:?}, expected {stated}")),
        }
        let stamp = (stated || !only_stated).then_some(stamp);
        let parts = kinds.is_empty() || kinds.contains(&EdgeKind::Entity);
        let work = Work::Dissociate { pair, stated, parts, count, slot };
        self.queue(name, Queued { stamp, work })
    }

    /// An answer that there is nothing to take away rests on what is published: nothing that was acknowledged is there.
    fn verify_parted(&self, name: &str, (from, to): (&str, &str), kinds: &[EdgeKind]) -> Check {
        let query = AssociationQuery {
            id: from.to_owned(),
            direction: EdgeDirection::Out,
            kinds: kinds.to_vec(),
            limit: 1_000,
            offset: 0,
        };
        match self.engine().associations(name, &query) {
            Ok(page) if page.items.iter().any(|tie| tie.to == to) => {
                Err(format!("{from} and {to} are still associated: {:?}", page.items))
            }
            _ => Ok(()),
        }
    }
}

/// What the engine derives from the memories.
impl History {
    /// A step of forming associations or of building graphs, or all of them.
    pub(crate) fn derive(&mut self) -> Check {
        match self.rng.below(5) {
            0 | 1 => self.link()?,
            2 | 3 => self.index()?,
            _ => return self.derive_all(),
        }
        self.drive_maybe()
    }

    pub(crate) fn link(&mut self) -> Check {
        let budget = self.rng.within(1, 200);
        let result = self.engine().link(budget);
        self.note(format!("link {budget} -> {result:?}"));
        match result {
            Ok(linked) => self.queue_derived(linked.commits),
            Err(error) if !self.excused(&error) => Err(format!("link fails: {error}")),
            Err(_) => Ok(()),
        }
    }

    pub(crate) fn index(&mut self) -> Check {
        self.index_step().map(drop)
    }

    /// A step of indexing; whether it leaves work.
    fn index_step(&mut self) -> Result<bool, String> {
        let budget = self.rng.within(1, 200);
        let result = self.engine().index(budget, &Serial);
        self.note(format!("index {budget} -> {result:?}"));
        match result {
            Ok(indexed) => self.queue_derived(indexed.commits).map(|()| indexed.more),
            Err(error) if !self.excused(&error) => Err(format!("index fails: {error}")),
            Err(_) => Ok(false),
        }
    }

    pub(crate) fn queue_derived(&mut self, commits: Vec<(String, Stamp)>) -> Check {
        for (name, stamp) in commits {
            let place = self.spaces.get(&name).ok_or("something was derived in no space")?;
            let expected = place.projected.next_stamp(self.now_ns());
            if (stamp.lsn.0, stamp.time.0) != expected || stamp.space != place.id {
                return Err(format!("{name}: derived as {stamp:?}, expected {expected:?}"));
            }
            self.tally.derived += 1;
            self.queue(&name, Queued { stamp: Some(expected), work: Work::Derived })?;
        }
        Ok(())
    }

    /// Derives until nothing is left to do: no memory is without associations, no graph is due.
    pub(crate) fn derive_all(&mut self) -> Check {
        for name in self.spaces.keys() {
            // Only open spaces are worked on. One that cannot be read now shows below.
            let _ = self.engine().stats(name);
        }
        for _ in 0..ROUNDS_MAX {
            // What is still queued is looked at only when it is published.
            let quiet = self.pending() == 0;
            let before = self.tally.derived;
            self.link()?;
            let unfinished = self.index_step()?;
            self.drive()?;
            let lost = self.fs.crashed() || self.engine().poisoned().is_some();
            if lost || self.disturbed() || self.store.was_absent() {
                return Ok(());
            }
            if quiet && !unfinished && self.tally.derived == before {
                return self.verify_derived();
            }
        }
        Err("the engine derives for ever".to_owned())
    }

    fn verify_derived(&self) -> Check {
        for name in self.spaces.keys() {
            let stats = self.engine().stats(name).map_err(|error| error.to_string())?;
            if stats.unlinked > 0 {
                return Err(format!("{name}: {} memories stay unlinked", stats.unlinked));
            }
            let due = stats.vectors >= self.setup.graph_vectors_min;
            if due && stats.suppressed == 0 && stats.indexed_vectors == 0 {
                return Err(format!("{name}: no graph over {} vectors", stats.vectors));
            }
        }
        self.verify_graph_files()
    }

    /// Nothing of a deleted space or of an older graph stays in the directory of graphs.
    fn verify_graph_files(&self) -> Check {
        let files = self.fs.peek(&Path::new(DATA_DIR).join("index"));
        let mut names: Vec<String> = files
            .iter()
            .filter_map(|(path, _)| Some(path.file_name()?.to_str()?.to_owned()))
            .collect();
        for place in self.spaces.values() {
            let own = format!("{}-", place.id);
            if let Some(at) = names.iter().position(|name| name.starts_with(&own)) {
                names.remove(at);
            }
        }
        if names.is_empty() { Ok(()) } else { Err(format!("left over: {names:?}")) }
    }
}
