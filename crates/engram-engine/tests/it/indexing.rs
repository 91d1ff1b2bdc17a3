//! Graphs of vectors: built behind the acknowledgement, named by the log, never needed for an answer.

use std::sync::Arc;

use engram_embed::{Embedder, FixedEmbedder};
use engram_engine::{
    Cue, Engine, Execution, ForgetMode, MemoryContent, Mode, NewMemory, RememberOptions, Serial,
    VectorSearch,
};

use crate::harness::{Home, forget, ids, remember};

const AXES: u32 = 32;

/// A direction that is the same for the same number and far from all others.
fn vector(n: u32) -> Vec<f32> {
    let mut state = u64::from(n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let component = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / 8_388_608.0 - 1.0
    };
    (0..AXES).map(component).collect()
}

fn fill(engine: &Engine, numbers: std::ops::Range<u32>) {
    let memory = |n: u32| NewMemory {
        id: Some(format!("m{n}")),
        content: MemoryContent { tags: vec![format!("t{}", n % 5)], ..MemoryContent::default() },
        vector: Some(vector(n)),
    };
    remember(engine, numbers.map(memory).collect(), RememberOptions::default()).unwrap();
}

fn fill_up_to(engine: &Engine, end: u32) {
    let from = engine.stats("default").unwrap().memories as u32;
    for first in (from..end).step_by(1_000) {
        fill(engine, first..(first + 1_000).min(end));
    }
}

fn index_all(engine: &Engine) -> u64 {
    let mut vectors = 0;
    loop {
        let done = engine.index(300, &Serial).unwrap();
        engine.drive().unwrap();
        vectors += done.vectors;
        if !done.more {
            return vectors;
        }
    }
}

fn nearest(engine: &Engine, n: u32) -> (String, VectorSearch) {
    let cue = Cue { vector: Some(vector(n)), mode: Mode::Similarity, limit: 1, ..Cue::default() };
    let found = engine.recall("default", &cue).unwrap();
    let first = found.items.first().map(|item| item.detail.memory.id.clone());
    (first.unwrap_or_default(), found.explanation.vector_search)
}

fn home() -> Home {
    let mut home = Home::new();
    home.settings.graph_vectors_min = 8_800;
    let fixed: Arc<dyn Embedder> = Arc::new(FixedEmbedder::new(AXES));
    home.embedders.insert("fixed".to_owned(), fixed);
    home
}

#[test]
fn every_vector_is_found_by_itself_inside_and_outside_of_the_graph() {
    let home = home();
    let mut engine = home.open();
    fill(&engine, 0..1_000);
    assert_eq!(index_all(&engine), 0, "too few");
    assert_eq!(nearest(&engine, 7).1, VectorSearch::Exact);
    fill_up_to(&engine, 9_000);
    assert_eq!(index_all(&engine), 9_000);
    fill(&engine, 9_000..9_100);
    assert_eq!(index_all(&engine), 0, "not enough to extend");
    assert_eq!(engine.stats("default").unwrap().indexed_vectors, 9_000);
    for reopened in [false, true] {
        for n in (0..9_100).step_by(19) {
            assert_eq!(nearest(&engine, n), (format!("m{n}"), VectorSearch::Hnsw), "{reopened}");
        }
        drop(engine);
        engine = home.open();
    }
    fill_up_to(&engine, 11_600);
    assert_eq!(index_all(&engine), 2_600, "extended by what is outside");
    assert_eq!(nearest(&engine, 11_599), ("m11599".to_owned(), VectorSearch::Hnsw));
}

#[test]
fn what_is_forgotten_is_not_found_in_the_graph() {
    let home = home();
    let mut engine = home.open();
    fill_up_to(&engine, 9_000);
    index_all(&engine);
    for reopened in [false, true] {
        if !reopened {
            let gone: Vec<String> = (0..100).map(|n| format!("m{n}")).collect();
            let gone: Vec<&str> = gone.iter().map(String::as_str).collect();
            forget(&engine, ids(&gone[..50]), ForgetMode::Delete, Execution::Commit).unwrap();
            forget(&engine, ids(&gone[50..]), ForgetMode::Suppress, Execution::Commit).unwrap();
        }
        for n in 0..100 {
            assert_ne!(nearest(&engine, n).0, format!("m{n}"));
        }
        assert_eq!(nearest(&engine, 500).0, "m500");
        drop(engine);
        engine = home.open();
    }
    let all: Vec<String> = (100..3_000).map(|n| format!("m{n}")).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    forget(&engine, ids(&all), ForgetMode::Delete, Execution::Commit).unwrap();
    assert_eq!(index_all(&engine), 6_050, "built from scratch, without what is gone");
    let stats = engine.stats("default").unwrap();
    assert_eq!(stats.indexed_vectors, stats.memories);
}

#[test]
fn a_filter_is_answered_by_what_it_lets_pass() {
    let engine = home().open();
    fill_up_to(&engine, 9_000);
    index_all(&engine);
    let filter = engine_filter("t3");
    for n in (0..9_000).step_by(131) {
        let cue = Cue {
            vector: Some(vector(n)),
            mode: Mode::Similarity,
            filter: filter.clone(),
            limit: 5,
            ..Cue::default()
        };
        let found = engine.recall("default", &cue).unwrap();
        let tagged = |item: &engram_engine::Recalled| item.detail.memory.content.tags == ["t3"];
        assert!(!found.items.is_empty() && found.items.iter().all(tagged));
        if n % 5 == 3 {
            assert_eq!(found.items[0].detail.memory.id, format!("m{n}"));
        }
    }
}

fn engine_filter(tag: &str) -> engram_engine::Filter {
    engram_engine::Filter { tags_all: vec![tag.to_owned()], ..engram_engine::Filter::default() }
}

#[test]
fn without_its_file_a_graph_is_done_without_and_built_anew() {
    let home = home();
    let engine = home.open();
    fill_up_to(&engine, 9_000);
    index_all(&engine);
    drop(engine);
    home.remove_graphs();
    let engine = home.open();
    assert_eq!(nearest(&engine, 9), ("m9".to_owned(), VectorSearch::Exact));
    assert_eq!(index_all(&engine), 9_000);
    assert_eq!(nearest(&engine, 9), ("m9".to_owned(), VectorSearch::Hnsw));
    assert_eq!(home.graphs().len(), 1);
}

#[test]
fn memories_in_the_graph_are_linked_later_and_never_to_themselves() {
    let home = home();
    let engine = home.open();
    fill_up_to(&engine, 9_000);
    index_all(&engine);
    for _ in 0..4 {
        engine.link(1_000).unwrap();
        engine.drive().unwrap();
    }
    assert_eq!(engine.poisoned(), None);
    drop(engine);
    assert_eq!(home.open().space("default").unwrap().quarantined, None);
}

#[test]
fn what_a_cue_excludes_is_not_found_over_the_graph() {
    let engine = home().open();
    fill_up_to(&engine, 9_100);
    index_all(&engine);
    fill(&engine, 9_100..9_200);
    for n in (0..9_000).step_by(101) {
        let without = engram_engine::Filter {
            none: vec![engram_engine::Filter {
                ids: vec![format!("m{n}")],
                ..engram_engine::Filter::default()
            }],
            ..engram_engine::Filter::default()
        };
        let cue =
            Cue { vector: Some(vector(n)), mode: Mode::Similarity, limit: 3, ..Cue::default() };
        let by_id = Cue { exclude: vec![format!("m{n}")], ..cue.clone() };
        let by_filter = Cue { filter: without, ..cue };
        for cue in [by_id, by_filter] {
            let found = engine.recall("default", &cue).unwrap();
            assert!(found.items.len() == 3);
            assert!(found.items.iter().all(|item| item.detail.memory.id != format!("m{n}")));
        }
    }
}
