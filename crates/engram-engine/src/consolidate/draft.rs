//! What a belief says: words of its members, and what they have in common.

use std::collections::{BTreeMap, BTreeSet};

use engram_index::{Analyzer, digest, name_key};

use crate::memtable::Snapshot;
use crate::model::{Kind, Memory, MemoryContent, Metadata, Source, State};

/// Members whose texts are compared; of more, these are spread evenly, with the first and the last.
const TEXTS_MAX: usize = 32;
/// Sentences of a belief.
const SENTENCES_MAX: usize = 3;
/// Kind of the source of beliefs.
pub(crate) const SOURCE_KIND: &str = "consolidation";

/// A belief in words.
pub(super) struct Draft {
    pub(super) content: MemoryContent,
    /// The members whose words it is, ascending.
    pub(super) quoted: Vec<u32>,
    /// The vectors of these words.
    pub(super) vectors: Vec<Vec<f32>>,
    /// Members whose texts were compared.
    pub(super) read: Vec<u32>,
    /// The model that wrote the text; empty = these are words of members.
    pub(super) model: String,
}

/// Puts into words what the members of a belief have in common. None where none of them has words that can be read now.
pub(super) fn draft(snapshot: &Snapshot, analyzer: &Analyzer, members: &[u32]) -> Option<Draft> {
    let mut read = Vec::new();
    for node in spread(members) {
        if let Some((at, State::Active)) = snapshot.doc_of_node(node)
            && !snapshot.is_cold(at)
        {
            read.push((node, at, snapshot.memory(at)));
        }
    }
    let texts: Vec<&str> = read.iter().map(|(_, _, memory)| memory.content.text.as_str()).collect();
    let memories: Vec<&Memory> = read.iter().map(|(_, _, memory)| &**memory).collect();
    let names = names(analyzer, &memories);
    let rarity = |term: &str| if names.contains(term) { 0.0 } else { snapshot.rarity(term) };
    let mut sentences = digest(analyzer, &texts, SENTENCES_MAX, &rarity);
    if sentences.is_empty() {
        return None;
    }
    // They are told in the order in which they happened.
    sentences.sort_by_key(|one| (read[one.text].2.happened_at(), read[one.text].0, one.start));
    let words: Vec<&str> =
        sentences.iter().map(|one| &texts[one.text][one.start..one.end]).collect();
    let mut quoted: Vec<usize> = sentences.iter().map(|one| one.text).collect();
    quoted.sort_unstable();
    quoted.dedup();
    let vectors = quoted.iter().filter_map(|place| {
        let mut vector = None;
        snapshot.with_vector(read[*place].1, 0, &mut |own| vector = Some(own.to_vec()));
        vector
    });
    Some(Draft {
        vectors: vectors.collect(),
        quoted: quoted.iter().map(|place| read[*place].0).collect(),
        content: MemoryContent {
            text: words.join(" "),
            ..common(&memories, &snapshot.supersede_key)
        },
        read: read.iter().map(|(node, _, _)| *node).collect(),
        model: String::new(),
    })
}

/// The terms of the names of people: who it is about is said apart, and is not what it says.
fn names(analyzer: &Analyzer, memories: &[&Memory]) -> BTreeSet<String> {
    let mut terms = Vec::new();
    for name in memories.iter().flat_map(|memory| &memory.content.people) {
        analyzer.terms(name, &mut terms);
    }
    terms.into_iter().collect()
}

/// Of many members so many that they can be compared.
fn spread(members: &[u32]) -> Vec<u32> {
    if members.len() <= TEXTS_MAX {
        return members.to_vec();
    }
    let place = |index: usize| index * (members.len() - 1) / (TEXTS_MAX - 1);
    (0..TEXTS_MAX).map(|index| members[place(index)]).collect()
}

/// What memories have in common, apart from what they say.
fn common(memories: &[&Memory], supersede_key: &str) -> MemoryContent {
    let names = |named: fn(&MemoryContent) -> &Vec<String>| {
        let mut counts: BTreeMap<String, (usize, String)> = BTreeMap::new();
        for memory in memories {
            for name in named(&memory.content) {
                let counted = counts.entry(name_key(name));
                counted.or_insert_with(|| (0, name.clone())).0 += 1;
            }
        }
        let most = |(count, _): &(usize, String)| count * 2 > memories.len();
        counts.into_values().filter(most).map(|(_, name)| name).collect::<Vec<String>>()
    };
    let one = |told: fn(&MemoryContent) -> &String| {
        let first = memories.first().map(|memory| told(&memory.content).clone());
        let first = first.unwrap_or_default();
        let same = memories.iter().all(|memory| *told(&memory.content) == first);
        if same { first } else { String::new() }
    };
    let least = |values: &mut dyn Iterator<Item = f32>| values.reduce(f32::min);
    let most = |values: &mut dyn Iterator<Item = f32>| values.reduce(f32::max);
    let contents = || memories.iter().map(|memory| &memory.content);
    // What names what they state.
    let mut metadata = Metadata::new();
    let mut named = contents().map(|content| content.metadata.get(supersede_key));
    if let Some(Some(first)) = named.next()
        && named.all(|other| other == Some(first))
    {
        metadata.insert(supersede_key.to_owned(), first.clone());
    }
    MemoryContent {
        kind: Kind::Belief,
        occurred_at: memories.iter().map(|memory| memory.happened_at()).min(),
        people: names(|content| &content.people),
        entities: names(|content| &content.entities),
        tags: names(|content| &content.tags),
        place: one(|content| &content.place),
        subject: one(|content| &content.subject),
        attribute: one(|content| &content.attribute),
        metadata,
        // Nobody is trusted more for being summed up.
        source: Source {
            kind: SOURCE_KIND.to_owned(),
            trust: least(&mut contents().filter_map(|content| content.source.trust)),
            ..Source::default()
        },
        importance: most(&mut contents().filter_map(|content| content.importance)),
        // It goes no later than the first of what it rests on.
        expires_at: contents().filter_map(|content| content.expires_at).min(),
        ..MemoryContent::default()
    }
}
