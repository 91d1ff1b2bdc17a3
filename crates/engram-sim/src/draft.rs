//! Random content: memories good and bad, filters, words.

use std::sync::Arc;

use engram_embed::{EmbedText, Embedder, FixedEmbedder};
use engram_engine::{
    Filter, Kind, MemoryContent, MetaCondition, MetaTest, MetaValue, Metadata, NewMemory, Source,
};

use crate::model::{Draft, Image, Nature, Stored};
use crate::rng::Rng;

const WORDS: [&str; 24] = [
    "garden",
    "walks",
    "river",
    "running",
    "Bäcker",
    "coffee",
    "train",
    "window",
    "letters",
    "moon",
    "quiet",
    "brother",
    "painting",
    "storm",
    "recipe",
    "school",
    "garage",
    "violin",
    "harvest",
    "mountain",
    "日本語",
    "naïve",
    "keys",
    "ticket",
];
const PEOPLE: [&str; 4] = ["Ann", "Bob", "Çağrı", "Li Hua"];
const TAGS: [&str; 4] = ["red", "blue", "grün", "a-b"];
const SESSIONS: [&str; 3] = ["s1", "s2", "evening"];
const ODD_IDS: [&str; 4] = ["ä b", "...", "a/b%2F?", "🦀"];
/// Words of a text; what is longer is padded.
const WORDS_MAX: usize = 40;
/// Ids that requests share, so that they meet.
const IDS: u64 = 30;
const DAY_NS: i64 = 86_400_000_000_000;

/// Makes content; remembers what it made, to repeat some of it.
pub(crate) struct Author {
    rng: Rng,
    tokens: u64,
    made: Vec<Draft>,
    embedder: FixedEmbedder,
}

/// A filter and the same question asked of the model.
pub(crate) struct Question {
    pub(crate) filter: Filter,
    pub(crate) name: String,
    matches: Box<dyn Fn(&Stored) -> bool>,
}

impl Question {
    pub(crate) fn matches(&self, stored: &Stored) -> bool {
        (self.matches)(stored)
    }
}

fn some(rng: &mut Rng, percent: u64, choices: &[&str]) -> String {
    if rng.chance(percent) { (*rng.pick(choices)).to_owned() } else { String::new() }
}

impl Author {
    pub(crate) fn new(rng: Rng, embedder: FixedEmbedder) -> Author {
        Author { rng, tokens: 0, made: Vec::new(), embedder }
    }

    /// A memory for a space of that nature; `image` is what is there. Its text is long in `heavy` percent of cases.
    pub(crate) fn draft(
        &mut self,
        nature: &Nature,
        image: &Image,
        (now_ns, heavy): (i64, u64),
    ) -> Draft {
        let roll = self.rng.below(100);
        if roll < 14 && !image.memories.is_empty() {
            return self.repeat(image);
        }
        let mut draft = if roll < 26 && !self.made.is_empty() {
            let earlier = self.rng.index(self.made.len());
            self.made[earlier].clone()
        } else {
            self.fresh(now_ns, heavy)
        };
        draft.memory.id = self.id();
        if draft.memory.vector.is_some() || draft.memory.content.text.is_empty() {
            draft.memory.vector = Some(self.vector(nature.dimension));
        }
        draft.vectors = self.vectors(nature, &draft.memory);
        if self.made.len() < 50 && draft.memory.vector.is_none() {
            self.made.push(draft.clone());
        }
        if self.rng.chance(8) { self.spoil(draft, nature) } else { draft }
    }

    /// A small memory without ids, for large batches.
    pub(crate) fn crumb(&mut self, nature: &Nature) -> Draft {
        self.tokens += 1;
        let token = format!("zq{}x7", self.tokens);
        let text = format!("{} {token}", self.rng.pick(&WORDS));
        let content = MemoryContent { text, ..MemoryContent::default() };
        let memory = NewMemory { id: None, content, vector: None };
        let vectors = self.vectors(nature, &memory);
        Draft { memory, valid: true, token, vectors }
    }

    /// The vectors that a memory must get.
    pub(crate) fn vectors(&self, nature: &Nature, memory: &NewMemory) -> Vec<Vec<f32>> {
        if let Some(vector) = &memory.vector {
            return vec![vector.clone()];
        }
        if !nature.embeds {
            return Vec::new();
        }
        let content = &memory.content;
        let input =
            EmbedText { title: &content.title, people: &content.people, text: &content.text };
        let mut all =
            self.embedder.embed_documents(&[input]).expect("the fixed embedder never fails");
        all.pop().unwrap_or_default()
    }

    fn id(&mut self) -> Option<String> {
        match self.rng.below(100) {
            0..55 => Some(format!("m{}", self.rng.below(IDS))),
            55..60 => Some((*self.rng.pick(&ODD_IDS)).to_owned()),
            60..62 => Some("x".repeat(256)),
            _ => None,
        }
    }

    /// What is there already, sent again.
    fn repeat(&mut self, image: &Image) -> Draft {
        let nth = self.rng.index(image.memories.len());
        let stored: &Arc<Stored> = image.memories.values().nth(nth).expect("nth is in range");
        let memory = NewMemory {
            id: stored.id.clone(),
            content: stored.content.clone(),
            vector: stored.given.clone(),
        };
        let (token, vectors) = (stored.token.clone(), stored.vectors.clone());
        Draft { memory, valid: true, token, vectors }
    }

    fn vector(&mut self, dimension: u32) -> Vec<f32> {
        let mut vector: Vec<f32> =
            (0..dimension).map(|_| self.rng.below(2_001) as f32 / 1_000.0 - 1.0).collect();
        vector[0] += 2.5;
        vector
    }

    fn fresh(&mut self, now_ns: i64, heavy: u64) -> Draft {
        let rng = &mut self.rng;
        self.tokens += 1;
        let mut token = format!("zq{}x7", self.tokens);
        let mut words: Vec<&str> = Vec::new();
        let count = if rng.chance(heavy) { rng.within(200, 1_200) } else { rng.within(1, 7) };
        for _ in 0..count {
            words.push(*rng.pick(&WORDS));
        }
        let at = rng.index(words.len() + 1);
        // A long text is long for the log; most of it is no words, whose analysis would be most of the work.
        let padding: usize = words.iter().skip(WORDS_MAX).map(|word| word.len() + 1).sum();
        words.truncate(WORDS_MAX);
        words.insert(at.min(words.len()), &token);
        let mut text = words.join(" ") + &"-".repeat(padding);
        if rng.chance(8) {
            text = String::new();
            token = String::new();
        }
        let content = self.content(text, now_ns);
        let vector = self.rng.chance(25).then(Vec::new);
        let memory = NewMemory { id: None, content, vector };
        Draft { memory, valid: true, token, vectors: Vec::new() }
    }

    fn content(&mut self, text: String, now_ns: i64) -> MemoryContent {
        let rng = &mut self.rng;
        let mut content = MemoryContent {
            kind: *rng.pick(&Kind::ALL),
            title: some(rng, 30, &WORDS),
            text,
            session: some(rng, 50, &SESSIONS),
            place: some(rng, 20, &WORDS),
            subject: some(rng, 10, &PEOPLE),
            attribute: some(rng, 10, &WORDS),
            ..MemoryContent::default()
        };
        if content.text.len().is_multiple_of(3) {
            // Few subjects and attributes, so that statements meet; no number is drawn for it.
            PEOPLE[0].clone_into(&mut content.subject);
            WORDS[content.text.len() % 2].clone_into(&mut content.attribute);
        }
        if rng.chance(40) {
            content.people = vec![(*rng.pick(&PEOPLE)).to_owned()];
        }
        for tag in TAGS {
            if rng.chance(25) {
                content.tags.push(tag.to_owned());
            }
        }
        if rng.chance(30) {
            let from = now_ns - rng.below(400) as i64 * DAY_NS;
            content.occurred_at = Some(from);
            content.occurred_until = rng.chance(30).then_some(from + 1);
            content.valid_from = rng.chance(20).then_some(i64::MIN);
            content.valid_until = rng.chance(20).then_some(i64::MAX);
        }
        if rng.chance(30) {
            content.metadata = metadata(rng);
            content.source = Source {
                kind: "chat".to_owned(),
                reference: "ref/1".to_owned(),
                trust: rng.chance(50).then_some(0.25),
            };
        }
        content.confidence = rng.chance(20).then(|| rng.below(101) as f32 / 100.0);
        content.importance = rng.chance(20).then_some(1.0);
        content.expires_at = rng.chance(12).then(|| now_ns + rng.below(8) as i64 * DAY_NS / 4);
        content
    }

    /// Breaks one rule.
    fn spoil(&mut self, mut draft: Draft, nature: &Nature) -> Draft {
        let memory = &mut draft.memory;
        let content = &mut memory.content;
        let dimension = nature.dimension as usize;
        match self.rng.below(10) {
            0 => memory.vector = Some(vec![1.0; dimension + 1]),
            1 => memory.vector = Some(vec![f32::NAN; dimension]),
            2 => memory.vector = Some(vec![0.0; dimension]),
            3 => content.confidence = Some(1.5),
            4 => {
                content.text = " \n".to_owned();
                memory.vector = None;
            }
            5 => memory.id = Some("a\u{7}b".to_owned()),
            6 => memory.id = Some("x".repeat(257)),
            7 => content.tags = vec!["t".to_owned(); 65],
            8 => {
                for _ in 0..9 {
                    let inner = std::mem::take(&mut content.metadata);
                    content.metadata.insert("m".to_owned(), MetaValue::Map(inner));
                }
            }
            _ => (content.occurred_at, content.occurred_until) = (Some(2), Some(1)),
        }
        draft.valid = false;
        draft
    }

    /// A filter that is not empty.
    pub(crate) fn question(&mut self, image: &Image) -> Question {
        let rng = &mut self.rng;
        let mut filter = Filter::default();
        let matches: Box<dyn Fn(&Stored) -> bool> = match rng.below(6) {
            0 => {
                let tag = (*rng.pick(&TAGS)).to_owned();
                filter.tags_any = vec![tag.clone()];
                Box::new(move |stored| stored.content.tags.contains(&tag))
            }
            1 => {
                let session = (*rng.pick(&SESSIONS)).to_owned();
                filter.session = Some(session.clone());
                Box::new(move |stored| stored.content.session == session)
            }
            2 => {
                let kind = *rng.pick(&Kind::ALL);
                filter.kinds = vec![kind];
                Box::new(move |stored| stored.content.kind == kind)
            }
            3 => {
                let person = (*rng.pick(&PEOPLE)).to_owned();
                filter.people_any = vec![person.clone()];
                Box::new(move |stored| stored.content.people.contains(&person))
            }
            4 => {
                let until = image.time.saturating_sub(rng.below(60) as i64 * 1_000_000_000);
                filter.committed.until = Some(until);
                Box::new(move |stored| stored.time < until)
            }
            _ => {
                let path = vec!["n".to_owned()];
                let wanted = MetaValue::Int(rng.below(3) as i64);
                let test = MetaTest::Equal(wanted.clone());
                filter.metadata = vec![MetaCondition { path, test }];
                Box::new(move |stored| stored.content.metadata.get("n") == Some(&wanted))
            }
        };
        let name = if filter.tags_any.is_empty() {
            format!(
                "{:?}{:?}{:?}{:?}",
                filter.session, filter.kinds, filter.people_any, filter.committed.until
            )
        } else {
            format!("{:?}", filter.tags_any)
        };
        Question { filter, name, matches }
    }
}

fn metadata(rng: &mut Rng) -> Metadata {
    let inner = Metadata::from([("deep".to_owned(), MetaValue::List(vec![MetaValue::Null]))]);
    Metadata::from([
        ("n".to_owned(), MetaValue::Int(rng.below(3) as i64)),
        ("f".to_owned(), MetaValue::Float(0.5)),
        ("b".to_owned(), MetaValue::Bool(rng.chance(50))),
        ("t".to_owned(), MetaValue::Text("täxt".to_owned())),
        ("m".to_owned(), MetaValue::Map(inner)),
    ])
}

/// A sentence of common words, to search with.
pub(crate) fn phrase(rng: &mut Rng) -> String {
    let count = rng.within(1, 4);
    let words: Vec<&str> = (0..count).map(|_| *rng.pick(&WORDS)).collect();
    words.join(" ")
}
