//! Newer versions of memories: requests for them, and what the history and the past must say.

use std::collections::BTreeSet;
use std::sync::Arc;

use engram_engine::{
    AsOf, ContentField, Created, Cue, MemoryContent, Mode, NewMemory, Update, Updated, VectorChange,
};
use engram_store::Lsn;

use crate::history::{Check, History};
use crate::model::{Image, Queued, Stored, Work, classify, slot, taken};
use crate::rng::Rng;

const WORDS: [&str; 6] = ["harbour", "lantern", "orchard", "granite", "meadow", "velvet"];
const DAY_NS: i64 = 86_400_000_000_000;
/// Bytes of an update, at most.
const UPDATE_BYTES: usize = 2_000;
/// Memories without older versions whose history is read in one pass.
const LOOKED_AT_MAX: usize = 4;

/// What an update asks for, and what the memory says after it.
struct Asked {
    request: Update,
    content: MemoryContent,
    given: Option<Vec<f32>>,
    token: String,
}

impl History {
    /// Updates a random memory: there, hidden, missing; in a field or two, wholly, or not at all.
    pub(crate) fn some_update(&mut self) -> Check {
        let nth = self.updates.index(self.spaces.len());
        let Some((name, place)) = self.spaces.iter().nth(nth) else { return Ok(()) };
        let (name, image) = (name.clone(), place.projected.clone());
        let nth = self.updates.index(image.ids.len());
        let id = match image.ids.keys().nth(nth) {
            Some(id) if !self.updates.chance(4) => id.clone(),
            _ => "nobody".to_owned(),
        };
        self.submit_update(&name, &id)?;
        if self.updates.chance(60) { self.drive() } else { Ok(()) }
    }

    /// Sends a random update of one memory.
    pub(crate) fn submit_update(&mut self, name: &str, id: &str) -> Check {
        let Some(place) = self.spaces.get(name) else { return Ok(()) };
        let (nature, deleting) = (place.nature.clone(), place.deleting);
        let before = place.projected.find(id).cloned();
        let now_ns = self.now_ns();
        let base = before.as_deref().cloned().unwrap_or_else(|| Stored::nothing(id));
        let asked = asked(&mut self.updates, &base, (nature.dimension, now_ns));
        let (slot, done) = slot::<Updated>();
        self.engine().update(name, asked.request.clone(), done);
        if self.unread(&slot) {
            return Ok(());
        }
        let blank = asked.given.is_none() && asked.content.text.trim().is_empty();
        let wrong = asked.request.if_version.is_some_and(|asked| asked != base.version);
        let refusal = match &before {
            _ if deleting => Some("no space"),
            Some(known) if known.visible(now_ns) && wrong => Some("version"),
            Some(known) if known.visible(now_ns) => blank.then_some("invalid"),
            _ => Some("no memory"),
        };
        self.note(format!("update {id} in {name} {:?} -> {refusal:?}", asked.request.fields));
        if let Some(expected) = refusal {
            return self.expect_refusal(slot, expected);
        }
        let same = asked.content == base.content && asked.given == base.given;
        let (lsn, time) = self.spaces[name].projected.next_stamp(now_ns);
        let memory =
            NewMemory { id: None, content: asked.content.clone(), vector: asked.given.clone() };
        let newer = Stored {
            version: base.version + 1,
            lsn,
            position: 0,
            time,
            principal: asked.request.principal,
            reason: asked.request.reason,
            vectors: self.author.vectors(&nature, &memory),
            content: asked.content,
            given: asked.given,
            token: asked.token,
            ..base.clone()
        };
        let expected = if same { base } else { newer };
        let created = if same { Created::Before } else { Created::Now };
        match taken(&slot) {
            None => {}
            Some(Err(error)) if self.overload(classify(&error), UPDATE_BYTES) => return Ok(()),
            Some(Ok(answer)) if same => return updated(&answer, &expected, created),
            Some(other) => return Err(format!("update answers {other:?} before it is driven")),
        }
        let stamp = (!same).then_some((lsn, time));
        self.tally.updated += u64::from(!same);
        let work = Work::Update { newer: Box::new(expected), created, slot };
        self.queue(name, Queued { stamp, work })
    }

    /// The history of every memory that has one, and of some that have none; and what was known at some commit.
    pub(crate) fn verify_versions(&self, name: &str, image: &Image, rng: &mut Rng) -> Check {
        let start = rng.index(image.ids.len());
        let some = image.ids.keys().cycle().skip(start).take(LOOKED_AT_MAX.min(image.ids.len()));
        let all: BTreeSet<&String> = image.past.keys().chain(some).collect();
        for id in all {
            self.verify_history(name, image, (id, &mut *rng))?;
        }
        for id in self.spaces[name].deleted.iter().filter(|id| image.find(id).is_none()) {
            match self.engine().history(name, &all_versions(id)) {
                Err(error) if classify(&error) == "no memory" || self.excused(&error) => {}
                other => return Err(format!("{id} was deleted and has the history {other:?}")),
            }
        }
        if image.past.is_empty() {
            return Ok(());
        }
        self.verify_past(name, image, rng.within(1, image.lsn))
    }

    fn verify_history(&self, name: &str, image: &Image, (id, rng): (&str, &mut Rng)) -> Check {
        let found = self.engine().history(name, &all_versions(id));
        let newest = image.find(id).ok_or_else(|| format!("{id} has a past and is not there"))?;
        if !newest.visible(self.now_ns()) {
            return match found {
                Err(error) if classify(&error) == "no memory" || self.excused(&error) => Ok(()),
                other => Err(format!("{id} is hidden and has the history {other:?}")),
            };
        }
        let found = self.told(found).map_err(|error| format!("history of {id}: {error}"))?;
        let Some(found) = found else { return Ok(()) };
        let older = image.past.get(id).into_iter().flatten().rev();
        let expected: Vec<&Arc<Stored>> = std::iter::once(newest).chain(older).collect();
        let mut replaced: Option<i64> = None;
        let mut same = |version: &engram_engine::Version, stored: &Stored| {
            let memory = &version.memory;
            let next = replaced.replace(stored.time);
            version.replaced_at.map(|time| time.0) == next
                && memory.id == id
                && memory.version == stored.version
                && (memory.lsn.0, memory.position) == stored.place()
                && memory.committed_at.0 == stored.time
                && (&memory.principal, &memory.reason) == (&stored.principal, &stored.reason)
                && memory.content == stored.content
        };
        let all = found.versions.len() == expected.len();
        let mut pairs = found.versions.iter().zip(&expected);
        if !all || !pairs.all(|(version, stored)| same(version, stored)) {
            return Err(format!("{id} has the history {found:?}, expected {expected:?}"));
        }
        let lsn = rng.within(1, image.lsn);
        let now_ns = self.now_ns();
        let then = expected.iter().find(|stored| stored.lsn <= lsn);
        let then = then.filter(|then| then.lsn == newest.lsn || !then.expired(now_ns));
        match (self.told(self.engine().get_as_of(name, id, AsOf::Lsn(Lsn(lsn)))), then) {
            (Ok(None), _) => Ok(()),
            (Ok(Some(found)), Some(then)) if found.memory.lsn.0 == then.lsn => Ok(()),
            (Err(error), None) if classify(&error) == "no memory" => Ok(()),
            (other, then) => Err(format!("{id} as of LSN {lsn} is {other:?}, expected {then:?}")),
        }
    }

    /// A word finds at a commit what held it then, of what is visible today.
    fn verify_past(&self, name: &str, image: &Image, lsn: u64) -> Check {
        let now_ns = self.now_ns();
        let known = |id: &String| {
            let newest = image.find(id).filter(|newest| newest.visible(now_ns))?;
            let older = image.past.get(id).into_iter().flatten().rev();
            let then = std::iter::once(newest).chain(older).find(|stored| stored.lsn <= lsn)?;
            Some(then).filter(|then| !then.expired(now_ns))
        };
        let then: Vec<&Arc<Stored>> = image.ids.keys().filter_map(known).collect();
        let tokens = image.past.values().flatten().chain(image.memories.values());
        let tokens: BTreeSet<&str> = tokens.map(|stored| stored.token.as_str()).collect();
        for token in tokens.into_iter().filter(|token| !token.is_empty()).take(LOOKED_AT_MAX) {
            let cue = Cue {
                text: token.to_owned(),
                mode: Mode::Keyword,
                limit: 1_000,
                as_of: Some(AsOf::Lsn(Lsn(lsn))),
                ..Cue::default()
            };
            let found = self.told(self.engine().recall(name, &cue));
            let found = found.map_err(|error| format!("recall as of {lsn}: {error}"))?;
            let Some(found) = found.filter(|found| found.missing.is_empty()) else { continue };
            let place = |id: &str, lsn: u64| (id.to_owned(), lsn);
            let items = found.items.iter().map(|item| &item.detail.memory);
            let found: BTreeSet<_> = items.map(|m| place(&m.id, m.lsn.0)).collect();
            let holders = then.iter().filter(|stored| stored.token == *token);
            let expected: BTreeSet<_> = holders.map(|s| place(s.name(), s.lsn)).collect();
            if found != expected {
                return Err(format!("{token} finds {found:?} as of {lsn}, expected {expected:?}"));
            }
        }
        Ok(())
    }
}

/// Compares the answer to an update with what must have come.
pub(crate) fn updated(answer: &Updated, expected: &Stored, created: Created) -> Check {
    let same = answer.id == expected.name()
        && answer.version == expected.version
        && (answer.lsn.0, answer.committed_at.0) == (expected.lsn, expected.time)
        && answer.created == created
        && answer.vectors as usize == expected.vectors.len()
        && answer.reconsolidation.is_none_or(|weighed| weighed.weight > 0.0);
    if same { Ok(()) } else { Err(format!("{answer:?}, expected {created:?} {expected:?}")) }
}

/// A random update, and what `base` says after it.
fn asked(rng: &mut Rng, base: &Stored, (dimension, now_ns): (u32, i64)) -> Asked {
    let mut content = base.content.clone();
    let mut asked = MemoryContent::default();
    let mut fields = Vec::new();
    let mut token = base.token.clone();
    if rng.chance(60) {
        token = format!("zv{}y9", rng.bits() % 1_000_000_007);
        asked.text = format!("{} {token}", rng.pick(&WORDS));
        if rng.chance(5) {
            (asked.text, token) = (String::new(), String::new());
        }
        content.text.clone_from(&asked.text);
        fields.push(ContentField::Text);
    }
    if rng.chance(25) {
        asked.title = if rng.chance(50) { (*rng.pick(&WORDS)).to_owned() } else { String::new() };
        content.title.clone_from(&asked.title);
        fields.push(ContentField::Title);
    }
    if rng.chance(25) {
        asked.session = (*rng.pick(&["s1", "s2", ""])).to_owned();
        content.session.clone_from(&asked.session);
        fields.push(ContentField::Session);
    }
    if rng.chance(25) {
        asked.people = vec![(*rng.pick(&["Ann", "Bob"])).to_owned()];
        content.people.clone_from(&asked.people);
        fields.push(ContentField::People);
    }
    if rng.chance(15) {
        asked.occurred_at = rng.chance(60).then(|| now_ns - rng.below(90) as i64 * DAY_NS);
        (content.occurred_at, content.occurred_until) = (asked.occurred_at, None);
        fields.extend([ContentField::OccurredAt, ContentField::OccurredUntil]);
    }
    if rng.chance(10) {
        asked.expires_at = rng.chance(50).then_some(now_ns + DAY_NS);
        content.expires_at = asked.expires_at;
        fields.push(ContentField::ExpiresAt);
    }
    let (vector, given) = match rng.below(10) {
        0 => (VectorChange::Clear, None),
        1 | 2 => {
            let mut vector: Vec<f32> =
                (0..dimension).map(|_| rng.below(2_001) as f32 / 1_000.0 - 1.0).collect();
            vector[0] += 2.5;
            (VectorChange::Set(vector.clone()), Some(vector))
        }
        _ => (VectorChange::Keep, base.given.clone()),
    };
    let if_version = match rng.below(10) {
        0 => Some(base.version + 1),
        1..4 => Some(base.version),
        _ => None,
    };
    let request = Update {
        id: base.name().to_owned(),
        content: asked,
        fields,
        vector,
        if_version,
        reason: format!("because {}", rng.below(100)),
        // Drawn from nothing: whoever replays a seed from before there was this meets the same requests.
        after_recall: (base.version % 2 == 1 && base.time <= now_ns).then_some(base.time),
        idempotency_key: None,
        principal: if rng.chance(30) { "writer".to_owned() } else { String::new() },
    };
    Asked { request, content, given, token }
}

fn all_versions(id: &str) -> engram_engine::HistoryQuery {
    engram_engine::HistoryQuery { id: id.to_owned(), before: None, limit: 1_000 }
}
