//! Recall: the ranking equals a naive one, whatever lies where, and shows its parts.

use std::collections::BTreeMap;

use engram_engine::{Cue, Engine, Execution, ForgetMode, Mode, NewMemory, RememberOptions};

use crate::harness::{Home, cue, forget, ids, recall, remember, store, text};

const WORDS: [&str; 24] = [
    "apple", "bread", "candle", "door", "engine", "forest", "garden", "harbour", "island",
    "jacket", "kettle", "lantern", "mirror", "needle", "orchard", "pencil", "quarry", "river",
    "saddle", "tower", "umbrella", "valley", "window", "yard",
];

fn sentence(seed: u32) -> String {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(12_345);
    let mut words = Vec::new();
    for _ in 0..3 + seed % 9 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        words.push(WORDS[(state >> 16) as usize % WORDS.len()]);
    }
    words.join(" ")
}

fn memories(count: u32) -> Vec<NewMemory> {
    (0..count).map(|n| text(&format!("m{n}"), &sentence(n))).collect()
}

/// Ids and relevance bits of the best 50.
fn ranking(engine: &Engine, mode: Mode, words: &str) -> Vec<(String, u32)> {
    let found = engine.recall("default", &Cue { limit: 50, ..cue(mode, words) }).unwrap();
    let item =
        |item: &engram_engine::Recalled| (item.detail.memory.id.clone(), item.relevance.to_bits());
    found.items.iter().map(item).collect()
}

#[test]
fn a_ranking_does_not_depend_on_batches_merges_or_restarts() {
    let rankings = |batch: usize, maintained: bool| {
        let home = Home::new();
        let mut engine = home.open();
        for part in memories(5_000).chunks(batch) {
            remember(&engine, part.to_vec(), RememberOptions::default()).unwrap();
        }
        for n in (0..5_000).step_by(7) {
            let mode = if n % 2 == 0 { ForgetMode::Delete } else { ForgetMode::Suppress };
            forget(&engine, ids(&[&format!("m{n}")]), mode, Execution::Commit).unwrap();
        }
        if maintained {
            while engine.maintain(1_000).unwrap().more {}
        } else {
            drop(engine);
            engine = home.open();
        }
        let cues = ["apple river", "umbrella", "tower yard window door"];
        let all = cues.iter().flat_map(|words| Mode::ALL.map(|mode| ranking(&engine, mode, words)));
        all.collect::<Vec<_>>()
    };
    let first = rankings(1_000, true);
    assert!(first.iter().all(|ranking| ranking.len() == 50));
    assert_eq!(first, rankings(123, false));
}

/// BM25 as in the textbook, over the words themselves.
fn textbook(corpus: &BTreeMap<String, Vec<String>>, query: &[&str]) -> Vec<(String, f64)> {
    let (k1, b) = (0.9, 0.4);
    let average = corpus.values().map(Vec::len).sum::<usize>() as f64 / corpus.len() as f64;
    let mut scores: Vec<(String, f64)> = Vec::new();
    for (id, words) in corpus {
        let mut score = 0.0;
        for term in query {
            let frequency = words.iter().filter(|word| word == term).count() as f64;
            let holding = corpus.values().filter(|words| words.iter().any(|w| w == term)).count();
            let rest = (corpus.len() - holding) as f64;
            let idf = (1.0 + (rest + 0.5) / (holding as f64 + 0.5)).ln();
            let length = 1.0 - b + b * words.len() as f64 / average;
            score += idf * frequency / (frequency + k1 * length);
        }
        scores.push((id.clone(), score));
    }
    scores
}

#[test]
fn keyword_scores_are_those_of_the_textbook_over_the_living() {
    let home = Home::new();
    let engine = home.open();
    remember(&engine, memories(600), RememberOptions::default()).unwrap();
    let mut corpus: BTreeMap<String, Vec<String>> = memories(600)
        .into_iter()
        .map(|memory| {
            let words = memory.content.text.split(' ').map(str::to_owned).collect();
            (memory.id.unwrap(), words)
        })
        .collect();
    for (n, mode) in
        [(3, ForgetMode::Delete), (300, ForgetMode::Suppress), (599, ForgetMode::Delete)]
    {
        let id = format!("m{n}");
        forget(&engine, ids(&[&id]), mode, Execution::Commit).unwrap();
        corpus.remove(&id);
    }
    let query = ["river", "forest"];
    let expected: BTreeMap<String, f64> = textbook(&corpus, &query).into_iter().collect();
    let found =
        engine.recall("default", &Cue { limit: 1_000, ..cue(Mode::Keyword, "river forest") });
    let found = found.unwrap();
    assert_eq!(found.items.len(), expected.values().filter(|score| **score > 0.0).count());
    for item in found.items {
        let raw = f64::from(item.parts.text.unwrap().raw);
        assert!((raw - expected[&item.detail.memory.id]).abs() < 1e-4);
        assert!(item.parts.vector.is_none());
    }
}

#[test]
fn every_memory_is_found_by_its_own_text_first() {
    let home = Home::new();
    let engine = home.open();
    for n in 0..300 {
        store(&engine, text(&format!("m{n}"), &format!("{} unique{n}", sentence(n))));
    }
    for n in (0..300).step_by(13) {
        let words = format!("{} unique{n}", sentence(n));
        for mode in Mode::ALL {
            let found = recall(&engine, mode, &words);
            assert_eq!(found.items[0].detail.memory.id, format!("m{n}"), "{mode:?}");
        }
    }
}

#[test]
fn an_answer_shows_its_parts() {
    let home = Home::new();
    let engine = home.open();
    store(&engine, text("a", "the kettle in the garden"));
    store(&engine, text("b", "a lantern by the river"));
    let found = recall(&engine, Mode::Hybrid, "kettles gardening");
    let best = &found.items[0];
    assert_eq!(best.detail.memory.id, "a");
    assert_eq!(best.matched_terms, ["kettl", "garden"]);
    let (vector, words) = (best.parts.vector.unwrap(), best.parts.text.unwrap());
    let strength = best.parts.strength.unwrap();
    let sum = vector.contribution + words.contribution + strength.contribution;
    assert!((sum - best.score).abs() < 1e-6);
    assert!(strength.contribution < 0.021, "it breaks ties");
    assert!((words.weight - 0.6).abs() < 1e-6 && (vector.weight - 0.4).abs() < 1e-6);
    assert_eq!(found.explanation.terms, ["kettl", "garden"]);
    assert_eq!((found.explanation.eligible, found.explanation.vectors_scanned), (2, 2));
    let strength = best.detail.strength;
    assert!((strength.retrievability - 1.0).abs() < 1e-6, "just stored");
    home.clock.advance(30 * crate::harness::DAY);
    let later = engine.get("default", "a").unwrap().strength;
    assert!((later.retrievability - 0.9).abs() < 1e-3, "stability is the time to 0.9");
    let confidence = best.detail.confidence;
    assert!(confidence.low < confidence.mean && confidence.mean < confidence.high);
}

#[test]
fn nothing_matches_is_an_empty_answer() {
    let home = Home::new();
    let engine = home.open();
    assert!(recall(&engine, Mode::Hybrid, "anything").items.is_empty());
    store(&engine, text("a", "kettle"));
    assert!(recall(&engine, Mode::Keyword, "zebra").items.is_empty());
}
