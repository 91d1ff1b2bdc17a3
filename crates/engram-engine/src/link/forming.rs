//! What one commit of associations holds.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use engram_index::{Analyzer, Mention, MentionKind, TextQuery, name_key};

use super::marking::marks;
use crate::association::EdgeKind;
use crate::linker::{Known, MostTrusted, Stated};
use crate::memtable::{DocRef, Snapshot};
use crate::model::{Memory, MemoryContent, State};
use crate::record::{
    EdgeRecord, EntityEdgeRecord, EntityRecord, LinkRecord, MarkRecord, RepeatRecord,
};
use crate::search::{Accepted, REPEATED_MAX, Saying, Wanted, is_near};

/// Weight of the edge to what follows in the same session.
const NEXT_WEIGHT: f32 = 1.0;
/// Weight of an entity that the caller names, as one of `people` or `entities`, and of one that the text names.
const ENTITY_WEIGHT: f32 = 1.0;
/// Weight of a quantity or a date that the text names: many things have it in common.
const FIGURE_WEIGHT: f32 = 0.25;
/// Weight of the edge from a text to the memory whose title it mentions.
const MENTION_WEIGHT: f32 = 1.0;
/// Weight of the edge from a statement to the one that it supersedes.
const SUPERSEDES_WEIGHT: f32 = 1.0;
/// How many of the nearest memories stored before it a memory is associated with, and from which cosine on.
const NEAR_MAX: usize = 4;
const NEAR_FROM: f32 = 0.6;
/// Entities that one text is searched for, and memories of one title or mentioned by one text.
const PER_MEMORY_MAX: usize = 64;
/// Earlier memories that may mention a new title.
const MENTIONING_MAX: usize = 1_000;

/// Collects the associations of a run of memories.
pub(super) struct Forming<'a> {
    snapshot: &'a Snapshot,
    analyzer: &'a Analyzer,
    entities: Vec<EntityRecord>,
    entity_places: HashMap<String, u32>,
    /// By memory node and place of the entity.
    entity_edges: BTreeMap<(u32, u32), f32>,
    /// By from, to and kind.
    edges: BTreeMap<(u32, u32, EdgeKind), f32>,
    removed: Vec<(u32, u32, EdgeKind)>,
    /// Earlier and later memories that say the same.
    repeats: Vec<(u32, u32)>,
    marks: Vec<MarkRecord>,
}

impl<'a> Forming<'a> {
    pub(super) fn new(snapshot: &'a Snapshot, analyzer: &'a Analyzer) -> Forming<'a> {
        Forming {
            snapshot,
            analyzer,
            entities: Vec::new(),
            entity_places: HashMap::new(),
            entity_edges: BTreeMap::new(),
            edges: BTreeMap::new(),
            removed: Vec::new(),
            repeats: Vec::new(),
            marks: Vec::new(),
        }
    }

    /// Finds the associations of one memory with those that were looked at before it.
    pub(super) fn look_at(&mut self, known: &mut Known, node: u32, at: DocRef) {
        let memory = self.snapshot.memory(at);
        let nodes = (self.snapshot.versions.first(node), node);
        known.sessions.insert(&memory.content.session, memory.happened_at(), nodes);
        known.claim(self.snapshot, &memory, nodes);
        if !memory.content.session.is_empty() {
            self.follow(known, &memory, node);
        }
        let content = &memory.content;
        for name in content.people.iter().chain(&content.entities) {
            self.name(node, (name_key(name), name), ENTITY_WEIGHT);
        }
        self.name_what_the_text_names(node, content);
        self.mention(node, content);
        if !content.title.is_empty() {
            self.mentioned(node, &content.title);
        }
        let near = self.near(node, at);
        let close = near.iter().flatten().take(NEAR_MAX).filter(|(_, cosine)| *cosine >= NEAR_FROM);
        let close: Vec<(u32, f32)> = close.copied().collect();
        self.marks.extend(marks((self.snapshot, self.analyzer), (node, &memory), &close));
        let alike = |near: Vec<(u32, f32)>| {
            let alike = near.into_iter().filter(|(_, cosine)| is_near(*cosine));
            alike.map(|(other, _)| other).collect()
        };
        self.repeat((node, &memory), near.map(alike));
        self.succeed(known, &memory, nodes);
    }

    /// Puts what the memory states of an attribute into the chain of those who state something of it: each is superseded by
    /// the first one behind it that states another value and is trusted as much.
    fn succeed(&mut self, known: &mut Known, memory: &Memory, nodes: (u32, u32)) {
        if self.snapshot.beliefs.get(nodes.1).is_some() {
            // It says what others state; it is no statement of its own.
            return;
        }
        let Some(claim) = memory.content.claim(&self.snapshot.supersede_key) else { return };
        let stated = |content: &MemoryContent| {
            let value = Saying::of(&content.text)?;
            Some(Stated { value, trust: content.source.trusted() })
        };
        let Some(own) = stated(&memory.content) else { return };
        let of_node = |node: u32| {
            let (at, _) = self.snapshot.doc_of_node(node)?;
            stated(&self.snapshot.memory(at).content)
        };
        let place = (memory.stated_from(), nodes.0, nodes.1);
        let lives = |node: u32| self.snapshot.doc_of_node(node).is_some();
        let (before, after) = known.claims.beside((&claim, place, own.trust), &lives, &of_node);
        let next = |earlier: Stated| after.iter().find(|later| later.stated.supersedes(earlier));
        let node = nodes.1;
        if let Some(newer) = next(own) {
            self.edges.insert((newer.node, node, EdgeKind::Supersedes), SUPERSEDES_WEIGHT);
        }
        let mut between = MostTrusted::default();
        for older in &before {
            if own.supersedes(older.stated) && !between.supersede(older.stated) {
                // What is superseded by one thing at most: where it is superseded already, that gives way when this is applied.
                if let Some(newer) = next(older.stated) {
                    self.edges.remove(&(newer.node, older.node, EdgeKind::Supersedes));
                }
                self.edges.insert((node, older.node, EdgeKind::Supersedes), SUPERSEDES_WEIGHT);
            }
            between.add(older.stated);
            if between.supersede_all() {
                break;
            }
        }
        if let Some(last) = before.first().filter(|last| last.stated.value == own.value) {
            self.say_again(last.node, nodes);
        }
    }

    /// The memory states again what an earlier one states of the same attribute.
    fn say_again(&mut self, earlier: u32, (first, node): (u32, u32)) {
        if first == node && earlier < node && !self.repeats.contains(&(earlier, node)) {
            self.repeats.push((earlier, node));
        }
    }

    /// What was stored before and lies near in meaning, with its cosine, the nearest first; none where the memory has no
    /// vector.
    fn near(&mut self, node: u32, at: DocRef) -> Option<Vec<(u32, f32)>> {
        let mut vector = Vec::new();
        self.snapshot.with_vector(at, 0, &mut |own| vector.extend_from_slice(own));
        if vector.is_empty() {
            return None;
        }
        let earlier = |other: DocRef| self.is_earlier(other, node);
        let accepted =
            Accepted { accept: &earlier, all_active: false, count: self.snapshot.figures.active };
        let nearest = self.snapshot.nearest(&vector, REPEATED_MAX, accepted);
        let nearest = nearest.scores.into_iter().map(|(other, cosine)| (other as u32, cosine));
        let nearest: Vec<(u32, f32)> = nearest.collect();
        for (other, cosine) in nearest.iter().take(NEAR_MAX) {
            if *cosine >= NEAR_FROM {
                self.edges.insert((node, *other, EdgeKind::Near), cosine.min(1.0));
            }
        }
        Some(nearest)
    }

    /// Whether a memory is recallable and stands before another one.
    fn is_earlier(&self, other: DocRef, node: u32) -> bool {
        self.snapshot.node(other) < node && self.snapshot.state(other) == Some(State::Active)
    }

    /// Notes which earlier memories it says again.
    fn repeat(&mut self, (node, memory): (u32, &Memory), alike: Option<Vec<u32>>) {
        // Who corrects a memory says nothing again, and neither does a belief, which is words of others.
        let is_belief = self.snapshot.beliefs.get(node).is_some();
        if is_belief || self.snapshot.versions.first(node) != node {
            return;
        }
        let text = memory.content.text.as_str();
        let same = match (alike, Saying::of(text)) {
            (_, None) => return,
            (Some(alike), Some(saying)) => self.snapshot.saying(saying, alike.into_iter()),
            (None, Some(_)) => {
                let earlier = |other: DocRef| self.is_earlier(other, node);
                self.snapshot.repeated((text, None), self.analyzer, &earlier)
            }
        };
        let earlier = same.into_iter().map(|at| self.snapshot.node(at));
        self.repeats.extend(earlier.map(|earlier| (earlier, node)));
    }

    fn name_what_the_text_names(&mut self, node: u32, content: &MemoryContent) {
        let named = self.analyzer.mentions(&content.text);
        for Mention { kind, key, start, end } in named.into_iter().take(PER_MEMORY_MAX) {
            let weight = match kind {
                MentionKind::Quantity | MentionKind::Date => FIGURE_WEIGHT,
                MentionKind::Name
                | MentionKind::Quoted
                | MentionKind::Handle
                | MentionKind::Tag
                | MentionKind::Address => ENTITY_WEIGHT,
            };
            self.name(node, (key, &content.text[start..end]), weight);
        }
        // A memory names what its title names.
        for title in [content.title.as_str(), without_parentheses(&content.title)] {
            self.name(node, (name_key(title), title), ENTITY_WEIGHT);
        }
    }

    /// The text of the memory mentions titles of others, whichever came first.
    fn mention(&mut self, node: u32, content: &MemoryContent) {
        let titles = &self.snapshot.associations.titles;
        let found = titles.find(&content.text).into_iter().flat_map(|found| found.keys);
        for titled in found.take(PER_MEMORY_MAX) {
            let titled = titled as u32;
            if titled != node && !self.has_title(titled, &content.title) {
                self.edges.insert((node, titled, EdgeKind::Mention), MENTION_WEIGHT);
            }
        }
    }

    /// Texts that were looked at before mention the title of the memory.
    fn mentioned(&mut self, node: u32, title: &str) {
        let titles = &self.snapshot.associations.titles;
        if !titles.find(title).iter().any(|found| found.keys.contains(&u64::from(node))) {
            // Many bear it: it names none of them.
            return;
        }
        let linked = self.snapshot.associations.linked;
        let quoted = |title: &str| format!("\"{}\"", title.replace(['"', '“', '”', '„'], " "));
        let mut candidates = BTreeSet::new();
        for title in [title, without_parentheses(title)] {
            let query = TextQuery::parse(self.analyzer, &quoted(title));
            let wanted = Wanted::new(self.snapshot, &query);
            let holding = self.snapshot.phrase_docs(&wanted.weighted).unwrap_or_default();
            candidates.extend(holding.into_iter().take(MENTIONING_MAX));
        }
        for at in candidates {
            let other = self.snapshot.node(at);
            if other >= linked || other == node {
                continue;
            }
            let memory = self.snapshot.memory(at);
            if memory.content.title == title {
                continue;
            }
            let found = titles.find(&memory.content.text);
            if found.iter().any(|found| found.keys.contains(&u64::from(node))) {
                self.edges.insert((other, node, EdgeKind::Mention), MENTION_WEIGHT);
            }
        }
    }

    fn has_title(&self, node: u32, title: &str) -> bool {
        let found = self.snapshot.doc_of_node(node);
        found.is_some_and(|(at, _)| self.snapshot.head(at).content.title == title)
    }

    /// Puts the memory between its neighbours in the session.
    fn follow(&mut self, known: &mut Known, memory: &Memory, node: u32) {
        let snapshot = self.snapshot;
        let lives = |node: u32| snapshot.doc_of_node(node).is_some();
        let nodes = (snapshot.versions.first(node), node);
        let (before, after) = known.sessions.beside(memory, nodes, &lives);
        if let (Some(before), Some(after)) = (before, after) {
            let edge = (before, after, EdgeKind::Next);
            if self.edges.remove(&edge).is_none() {
                self.removed.push(edge);
            }
        }
        if let Some(before) = before {
            self.edges.insert((before, node, EdgeKind::Next), NEXT_WEIGHT);
        }
        if let Some(after) = after {
            self.edges.insert((node, after, EdgeKind::Next), NEXT_WEIGHT);
        }
    }

    /// The memory names an entity.
    fn name(&mut self, node: u32, (key, name): (String, &str), weight: f32) {
        if key.is_empty() {
            return;
        }
        let place = match self.entity_places.get(&key) {
            Some(place) => *place,
            None => {
                let place = self.entities.len() as u32;
                self.entities.push(EntityRecord { key: key.clone(), name: name.to_owned() });
                self.entity_places.insert(key, place);
                place
            }
        };
        let edge = self.entity_edges.entry((node, place)).or_insert(weight);
        *edge = edge.max(weight);
    }

    /// The record, once all nodes below `through` were looked at.
    pub(super) fn finish(self, through: u32) -> LinkRecord {
        let edge = |(from, to, kind): (u32, u32, EdgeKind), weight: f32| EdgeRecord {
            from,
            to,
            kind: u32::from(kind.code()),
            weight,
        };
        let entity_edge = |((memory, entity), weight)| EntityEdgeRecord { memory, entity, weight };
        // What was said again elsewhere was counted there.
        let traces = &self.snapshot.traces;
        let counts = |(earlier, later): &(u32, u32)| !traces.told_both(*earlier, *later);
        LinkRecord {
            through,
            entities: self.entities,
            entity_edges: self.entity_edges.into_iter().map(entity_edge).collect(),
            edges: self.edges.into_iter().map(|(key, weight)| edge(key, weight)).collect(),
            removed: self.removed.into_iter().map(|key| edge(key, 0.0)).collect(),
            repeats: self
                .repeats
                .into_iter()
                .filter(counts)
                .map(|(earlier, later)| RepeatRecord { earlier, later })
                .collect(),
            marks: self.marks,
        }
    }
}

/// A title without a part in parentheses at its end: `Danny Huston (actor)` is also called `Danny Huston`.
fn without_parentheses(title: &str) -> &str {
    match title.trim_end().strip_suffix(')').and_then(|open| open.rfind('(')) {
        Some(at) => title[..at].trim_end(),
        None => title,
    }
}
