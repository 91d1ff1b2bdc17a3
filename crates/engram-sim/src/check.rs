//! The checkers: what the engine says, compared with the model, by every route.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use engram_engine::{
    Cue, Cursor, Effect, Filter, ListQuery, MemoryDetail, Mode, Recall, State, Visibility,
};

use crate::draft::phrase;
use crate::history::{Check, History};
use crate::model::{Image, Place, Stored, classify};
use crate::rng::Rng;
use crate::vault::Ranking;

/// Before every expiry and every commit: nothing is hidden by time.
pub(crate) const DAWN_NS: i64 = 1;
/// Memories of a space that are searched for by themselves in one pass.
const SEARCHED_MAX: usize = 12;
/// Longest text for which the memory must be among the best few for it, in bytes.
const SHORT_TEXT_BYTES: usize = 120;
/// Memories of a space up to which each is found by its own text among all.
const FUSED_MAX: usize = 100;
/// Cues of a captured ranking, per mode.
const RANKED_CUES: u64 = 2;

pub(crate) fn query(filter: Filter, limit: usize, visibility: Visibility) -> ListQuery {
    ListQuery { filter, after: None, limit, visibility, as_of: None }
}

/// The bits of vectors: equal means equal, NaN and signs included.
fn bits(vectors: &[Vec<f32>]) -> Vec<Vec<u32>> {
    vectors.iter().map(|vector| vector.iter().map(|x| x.to_bits()).collect()).collect()
}

impl History {
    /// Everything, by every route. The engine is open.
    pub(crate) fn verify(&mut self) -> Check {
        let names: Vec<String> = self.engine().spaces().into_iter().map(|info| info.name).collect();
        let expected: Vec<String> = self.spaces.keys().cloned().collect();
        if names != expected {
            return Err(format!("spaces {names:?}, expected {expected:?}"));
        }
        for name in names {
            self.verify_space(&name).map_err(|what| format!("{name}: {what}"))?;
        }
        Ok(())
    }

    /// One space, by every route.
    pub(crate) fn verify_space(&mut self, name: &str) -> Check {
        let mut rng = self.rng.split();
        let place = &self.spaces[name];
        let info = self.engine().space(name).map_err(|error| error.to_string())?;
        let nature = (info.settings.dimension, info.settings.identity.is_some());
        if info.id != place.id
            || info.created_at.0 != place.created_at
            || nature != (place.nature.dimension, place.nature.embeds)
            || info.settings.language != place.nature.language
            || info.settings.duplicates != place.nature.duplicates
            || info.quarantined.is_some()
        {
            return Err(format!("the space is {info:?}"));
        }
        let image = place.published.clone();
        self.verify_stats(name, &image)?;
        self.verify_lists(name, &image, &mut rng)?;
        self.verify_gets(name, &image)?;
        self.verify_searches(name, &image, &mut rng)?;
        self.verify_ties(name, &image, &mut rng)?;
        let mut other = self.updates.split();
        self.verify_versions(name, &image, &mut other)?;
        self.verify_ranking(name)
    }

    fn verify_stats(&self, name: &str, image: &Image) -> Check {
        let stats = self.engine().stats(name).map_err(|error| error.to_string())?;
        let count = |state| image.memories.values().filter(|m| m.state == state).count() as u64;
        let vectors: usize = image.memories.values().map(|memory| memory.vectors.len()).sum();
        let found = (stats.memories, stats.suppressed, stats.vectors);
        let expected = (count(State::Active), count(State::Suppressed), vectors as u64);
        if found != expected {
            return Err(format!("(active, suppressed, vectors) {found:?}, expected {expected:?}"));
        }
        if (stats.lsn.0, stats.committed_at.0) != (image.lsn, image.time) {
            let found = (stats.lsn.0, stats.committed_at.0);
            return Err(format!("last commit {found:?}, expected {:?}", (image.lsn, image.time)));
        }
        match self.spaces[name].sums.get(&image.lsn) {
            Some(sum) if *sum != stats.state_sum => {
                Err(format!("state sum {:x}, it was {sum:x}", stats.state_sum))
            }
            _ => match self.spaces[name].indexed.get(&image.lsn) {
                Some(indexed) if *indexed != stats.indexed_vectors => {
                    let found = stats.indexed_vectors;
                    Err(format!("{found} vectors are in the graph, there were {indexed}"))
                }
                _ => Ok(()),
            },
        }
    }

    /// All pages of a listing; none where some of it is out of reach and the engine says so.
    pub(crate) fn pages(
        &self,
        name: &str,
        mut query: ListQuery,
    ) -> Check<Option<Vec<MemoryDetail>>> {
        let mut all: Vec<MemoryDetail> = Vec::new();
        loop {
            let page = self.told(self.engine().list(name, &query));
            let Some(page) = page.map_err(|error| error.to_string())? else { return Ok(None) };
            if page.items.len() > query.limit {
                return Err(format!("a page of {} for {}", page.items.len(), query.limit));
            }
            all.extend(page.items);
            query.after = match page.next {
                None => return Ok(Some(all)),
                Some(next) => {
                    let last = all.last().ok_or("an empty page has a successor")?;
                    let place = Cursor { lsn: last.memory.lsn.0, position: last.memory.position };
                    if next != place {
                        return Err(format!("the next page starts behind {next:?}, not {place:?}"));
                    }
                    Some(next)
                }
            };
        }
    }

    /// The id at each place of the log, whatever its state.
    pub(crate) fn ids_by_place(&self, name: &str) -> Check<BTreeMap<(u64, u32), String>> {
        let all = query(Filter::default(), 1_000, Visibility::All);
        let found = self.clock.at(DAWN_NS, || self.pages(name, all))?;
        let found = found.ok_or("the cold store is away")?;
        let place = |item: &MemoryDetail| (item.memory.lsn.0, item.memory.position);
        Ok(found.iter().map(|item| (place(item), item.memory.id.clone())).collect())
    }

    fn verify_lists(&mut self, name: &str, image: &Image, rng: &mut Rng) -> Check {
        let limit = if image.memories.len() > 100 { 50 } else { rng.within(1, 9) as usize };
        let all = query(Filter::default(), limit, Visibility::All);
        let found = self.clock.at(DAWN_NS, || self.pages(name, all))?;
        self.verify_listing(name, found, &image.memories.values().collect::<Vec<_>>())?;
        let now_ns = self.now_ns();
        for visibility in [Visibility::Active, Visibility::Suppressed] {
            let question = self.author.question(image);
            let state = match visibility {
                Visibility::Suppressed => State::Suppressed,
                _ => State::Active,
            };
            let shown = |memory: &&Arc<Stored>| memory.state == state && !memory.expired(now_ns);
            let found = self.pages(name, query(Filter::default(), 1_000, visibility))?;
            let expected: Vec<&Arc<Stored>> = image.memories.values().filter(shown).collect();
            self.verify_listing(name, found, &expected)?;
            let found = self.pages(name, query(question.filter.clone(), limit, visibility))?;
            let expected: Vec<&Arc<Stored>> =
                expected.into_iter().filter(|memory| question.matches(memory)).collect();
            self.verify_listing(name, found, &expected)
                .map_err(|what| format!("filter {}: {what}", question.name))?;
        }
        Ok(())
    }

    fn verify_listing(
        &mut self,
        name: &str,
        found: Option<Vec<MemoryDetail>>,
        expected: &[&Arc<Stored>],
    ) -> Check {
        let Some(found) = found else { return Ok(()) };
        if found.len() != expected.len() {
            let ids = |places: Vec<&str>| places.join(" ");
            return Err(format!(
                "{} memories listed, expected {}: [{}], expected [{}]",
                found.len(),
                expected.len(),
                ids(found.iter().map(|item| item.memory.id.as_str()).collect()),
                ids(expected.iter().map(|stored| stored.name()).collect()),
            ));
        }
        found.iter().zip(expected).try_for_each(|(item, stored)| self.compare(name, item, stored))
    }

    /// One memory, field by field, and bit by bit with what it was when it was first seen.
    fn compare(&mut self, name: &str, found: &MemoryDetail, stored: &Stored) -> Check {
        self.tally.compared += 1;
        let memory = &found.memory;
        let same = memory.id == stored.name()
            && memory.version == stored.version
            && memory.reason == stored.reason
            && (memory.lsn.0, memory.position) == stored.place()
            && memory.committed_at.0 == stored.time
            && memory.principal == stored.principal
            && memory.content == stored.content
            && found.state == stored.state;
        if !same {
            return Err(format!("found {memory:?} {:?}, expected {stored:?}", found.state));
        }
        let near = |a: &[f32], b: &[f32]| {
            let norm = |v: &[f32]| v.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
            let dot: f64 = a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum();
            a.len() == b.len() && (norm(a) - 1.0).abs() < 1e-5 && dot > norm(b) * (1.0 - 1e-5)
        };
        let vectors = found.vectors.len() == stored.vectors.len()
            && found.vectors.iter().zip(&stored.vectors).all(|(a, b)| near(a, b));
        if !vectors {
            return Err(format!("{} has the vectors {:?}", memory.id, found.vectors));
        }
        let sight = (memory.content_hash, bits(&found.vectors));
        let key = (self.spaces[name].id, stored.lsn, stored.position);
        let first = self.seen.entry(key).or_insert_with(|| sight.clone());
        if *first != sight {
            return Err(format!("{} is not what it was when it was first read", memory.id));
        }
        Ok(())
    }

    fn verify_gets(&mut self, name: &str, image: &Image) -> Check {
        let now_ns = self.now_ns();
        for stored in image.memories.values() {
            let found = match self.told(self.engine().get(name, stored.name())) {
                Ok(Some(found)) => Ok(found),
                Ok(None) => continue,
                Err(error) => Err(error),
            };
            match found {
                Ok(found) if stored.visible(now_ns) => self.compare(name, &found, stored)?,
                Err(error) if !stored.visible(now_ns) && classify(&error) == "no memory" => {}
                other => return Err(format!("get of {}: {other:?}", stored.name())),
            }
        }
        for id in self.spaces[name].deleted.iter().filter(|id| image.find(id).is_none()) {
            if let Ok(found) = self.engine().get(name, id) {
                return Err(format!("{id} was deleted and came back as {found:?}"));
            }
        }
        Ok(())
    }

    /// What is recalled; none where some of it is out of reach and the answer says so. Then nothing is in it that could not be
    /// read.
    fn recall(&self, name: &str, cue: &Cue) -> Check<Option<Recall>> {
        let recall = self.told(self.engine().recall(name, cue));
        let recall = recall.map_err(|error| format!("recall of {cue:?} fails: {error}"))?;
        let recall = match recall {
            Some(recall) if !recall.missing.is_empty() => recall,
            all => return Ok(all),
        };
        let image = &self.spaces[name].published;
        let same = |item: &engram_engine::Recalled| {
            let memory = &item.detail.memory;
            image.find(&memory.id).is_some_and(|stored| stored.content == memory.content)
        };
        let named = recall.missing.iter().all(|part| part.memories > 0);
        if !named || !self.store.was_absent() || !recall.items.iter().all(same) {
            return Err(format!("{:?} is missing in {:?}", recall.missing, recall.items));
        }
        Ok(None)
    }

    /// Every memory of a sample is found by its own text and vector; what is hidden is not.
    fn verify_searches(&mut self, name: &str, image: &Image, rng: &mut Rng) -> Check {
        let all: Vec<Arc<Stored>> = image.memories.values().cloned().collect();
        let start = rng.index(all.len());
        for stored in all.iter().cycle().skip(start).take(SEARCHED_MAX.min(all.len())) {
            self.search_token(name, image, stored)?;
            if stored.visible(self.now_ns()) {
                self.search_text(name, image, stored)?;
                self.search_vector(name, image, stored)?;
            }
        }
        for mode in Mode::ALL {
            self.search_phrase(name, image, (mode, phrase(rng)))?;
        }
        Ok(())
    }

    /// A word that stands in one content only finds exactly the visible memories with that content.
    fn search_token(&self, name: &str, image: &Image, stored: &Stored) -> Check {
        if stored.token.is_empty() {
            return Ok(());
        }
        let now_ns = self.now_ns();
        let (text, mode) = (stored.token.clone(), Mode::Keyword);
        let cue = Cue { text, mode, limit: 1_000, effect: Effect::Observe, ..Cue::default() };
        let Some(recall) = self.recall(name, &cue)? else { return Ok(()) };
        let found: BTreeSet<&str> =
            recall.items.iter().map(|item| item.detail.memory.id.as_str()).collect();
        let holders = image.memories.values().filter(|memory| memory.token == stored.token);
        let expected: BTreeSet<&str> =
            holders.filter(|memory| memory.visible(now_ns)).map(|memory| memory.name()).collect();
        if found != expected || recall.items.len() != expected.len() {
            return Err(format!("{} finds {found:?}, expected {expected:?}", stored.token));
        }
        Ok(())
    }

    fn search_text(&self, name: &str, image: &Image, stored: &Stored) -> Check {
        let text = stored.content.text.clone();
        let twins = image.memories.values().filter(|other| other.content.text == text).count();
        if stored.token.is_empty() || text.len() > SHORT_TEXT_BYTES || twins > 5 {
            return Ok(());
        }
        // A long text may hold all these words many times.
        let long = |other: &&Arc<Stored>| other.content.text.len() > SHORT_TEXT_BYTES;
        let limit = 10 + image.memories.values().filter(long).count();
        for mode in [Mode::Keyword, Mode::Hybrid, Mode::Associative] {
            // Titles, people and times that the text names by chance lift others.
            let limit = if mode == Mode::Keyword { limit } else { FUSED_MAX };
            if mode != Mode::Keyword && image.memories.len() > FUSED_MAX {
                continue;
            }
            let cue =
                Cue { text: text.clone(), mode, limit, effect: Effect::Observe, ..Cue::default() };
            let Some(recall) = self.recall(name, &cue)? else { continue };
            // What supersedes it stands before it.
            let own = |item: &engram_engine::Recalled| {
                item.detail.memory.id == stored.name() || item.parts.succession.is_some()
            };
            if !recall.items.iter().any(own) {
                let items: Vec<_> = recall
                    .items
                    .iter()
                    .map(|item| (&item.detail.memory.content.text, item.relevance))
                    .collect();
                return Err(format!("{mode:?} of {text:?} does not find it, but {items:?}"));
            }
        }
        Ok(())
    }

    fn search_vector(&self, name: &str, image: &Image, stored: &Stored) -> Check {
        let Some(vector) = stored.vectors.first().cloned() else { return Ok(()) };
        let now_ns = self.now_ns();
        let cue = Cue {
            vector: Some(vector),
            mode: Mode::Similarity,
            limit: 5,
            effect: Effect::Observe,
            ..Cue::default()
        };
        let Some(recall) = self.recall(name, &cue)? else { return Ok(()) };
        let eligible = image.memories.values().filter(|memory| memory.visible(now_ns));
        if recall.explanation.eligible != eligible.clone().count() as u64 {
            return Err(format!("{} memories are eligible", recall.explanation.eligible));
        }
        let own = recall.items.iter().any(|item| item.detail.memory.id == stored.name());
        let raw = |item: &engram_engine::Recalled| item.parts.vector.map_or(0.0, |score| score.raw);
        // What supersedes it stands before it.
        let before = |item: &engram_engine::Recalled| {
            raw(item) > 1.0 - 1e-5 || item.parts.succession.is_some()
        };
        let equals = recall.items.iter().all(before);
        let crowded = recall.items.len() == 5 && equals;
        if !own && !crowded {
            let items: Vec<_> =
                recall.items.iter().map(|item| (&item.detail.memory.id, raw(item))).collect();
            return Err(format!("the vector of {} finds {items:?}", stored.name()));
        }
        Ok(())
    }

    /// Any answer: only what is visible, each once, best first, at most the limit.
    fn search_phrase(&self, name: &str, image: &Image, (mode, text): (Mode, String)) -> Check {
        let embeds = self.spaces[name].nature.embeds;
        let cue =
            Cue { text, mode, limit: 7, neighbours: 2, effect: Effect::Observe, ..Cue::default() };
        if !embeds && mode == Mode::Similarity {
            return match self.engine().recall(name, &cue) {
                Err(error) if classify(&error) == "mode unsupported" => Ok(()),
                Err(error) if self.excused(&error) => Ok(()),
                other => Err(format!("recall of {cue:?} without an embedder: {other:?}")),
            };
        }
        let Some(recall) = self.recall(name, &cue)? else { return Ok(()) };
        let now_ns = self.now_ns();
        let mut ids = BTreeSet::new();
        for pair in recall.items.windows(2) {
            if pair[0].relevance < pair[1].relevance {
                return Err(format!("{mode:?} of {:?} is not ordered", cue.text));
            }
        }
        for item in &recall.items {
            let id = item.detail.memory.id.as_str();
            let visible = |id: &str| image.find(id).is_some_and(|stored| stored.visible(now_ns));
            let beside = item.neighbours.iter().map(|beside| beside.detail.memory.id.as_str());
            let known = visible(id)
                && self.conducts(&item.path, &visible)
                && beside.into_iter().all(|beside| beside != id && visible(beside));
            let in_range = (0.0..=1.0).contains(&item.relevance);
            if !known || !ids.insert(id) || !in_range {
                return Err(format!("{mode:?} of {:?} finds {item:?}", cue.text));
            }
        }
        if recall.items.len() > 7 || recall.lsn.0 != image.lsn {
            return Err(format!("{} items as of {}", recall.items.len(), recall.lsn));
        }
        Ok(())
    }
}

/// Rankings survive a restart bit for bit.
impl History {
    /// Keeps what some cues find now, to ask them again after a restart.
    pub(crate) fn capture(&mut self) -> Check {
        let names: Vec<String> = self.spaces.keys().cloned().collect();
        for name in names {
            let seed = self.rng.bits();
            let answers = match self.answers(&name, seed) {
                Err(what) if self.injected() => {
                    self.note(format!("cannot see: {what}"));
                    self.blind = true;
                    return Ok(());
                }
                answers => answers?,
            };
            let Some(answers) = answers else { continue };
            let Place { id, published, .. } = &self.spaces[&name];
            let ranking =
                Ranking { space: *id, lsn: published.lsn, now_ns: self.now_ns(), seed, answers };
            if let Some(vault) = &mut self.vault {
                vault.rank(&ranking);
            }
            self.rankings.insert(name, ranking);
        }
        Ok(())
    }

    fn verify_ranking(&self, name: &str) -> Check {
        let place = &self.spaces[name];
        let current =
            |ranking: &&Ranking| ranking.space == place.id && ranking.lsn == place.published.lsn;
        let Some(ranking) = self.rankings.get(name).filter(current) else { return Ok(()) };
        let answers = self.clock.at(ranking.now_ns, || self.answers(name, ranking.seed))?;
        let Some(answers) = answers else { return Ok(()) };
        if answers != ranking.answers {
            return Err(format!("rankings changed: {answers:#?}, before {:#?}", ranking.answers));
        }
        Ok(())
    }

    /// What some cues find; none where some of it is out of reach.
    fn answers(&self, name: &str, seed: u64) -> Check<Option<Vec<String>>> {
        let mut rng = Rng::new(seed);
        let mut answers = Vec::new();
        for mode in Mode::ALL {
            if mode == Mode::Similarity && !self.spaces[name].nature.embeds {
                continue;
            }
            for _ in 0..RANKED_CUES {
                let cue = Cue {
                    text: phrase(&mut rng),
                    mode,
                    limit: 20,
                    effect: Effect::Observe,
                    ..Cue::default()
                };
                let Some(recall) = self.recall(name, &cue)? else { return Ok(None) };
                let lines: Vec<String> = recall.items.iter().map(ranked).collect();
                answers.push(format!("{mode:?} {:?}: {}", cue.text, lines.join("; ")));
            }
        }
        let image = &self.spaces[name].published;
        let visible: Vec<&Arc<Stored>> =
            image.memories.values().filter(|memory| memory.visible(self.now_ns())).collect();
        if !visible.is_empty() {
            let id = visible[rng.index(visible.len())].name();
            let Some(spread) = self.spread(name, (id, 2))? else { return Ok(None) };
            let line = |item: &engram_engine::SpreadItem| {
                let bits = item.activation.to_bits();
                format!("{} {bits:x} {:?}", item.detail.memory.id, item.path)
            };
            let lines: Vec<String> = spread.items.iter().map(line).collect();
            answers.push(format!("spread from {id}: {}", lines.join("; ")));
        }
        Ok(Some(answers))
    }
}

/// A recalled memory with every bit of its scores.
fn ranked(item: &engram_engine::Recalled) -> String {
    let bits = |part: Option<engram_engine::RouteScore>| {
        part.map(|part| (part.raw.to_bits(), part.contribution.to_bits()))
    };
    let parts = &item.parts;
    format!(
        "{} {:x} {:x} {:x?} {:x?} {:x?} {:x?} {:?}",
        item.detail.memory.id,
        item.relevance.to_bits(),
        item.score.to_bits(),
        bits(parts.vector),
        bits(parts.text),
        bits(parts.context),
        bits(parts.activation),
        item.path
    )
}
