//! How much a space may hold: never a memory more, whatever comes at once, and nothing that is there is in the way of a start.

use std::sync::mpsc;

use engram_engine::{
    EngineError, Execution, ForgetMode, ImportOptions, OnInvalid, Quota, Quotas, RememberOptions,
};

use crate::associating::associate;
use crate::harness::{Home, create_space, forget, ids, remember, settle, space, text};
use crate::storing::memory;
use crate::transferring::exported;
use crate::versions::{says, update};

fn home(each: Quota) -> Home {
    let mut home = Home::new();
    home.settings.quotas = Quotas { each, ..Quotas::default() };
    home
}

fn memories(max: u64) -> Home {
    home(Quota { memories_max: Some(max), ..Quota::default() })
}

fn too_many(held: u64, max: u64) -> EngineError {
    EngineError::QuotaExceeded { what: "memories", held, max }
}

#[test]
fn what_would_be_more_is_refused_as_a_whole() {
    let home = memories(3);
    let engine = home.open();
    let batch = |first: usize, count: usize| (first..first + count).map(memory).collect::<Vec<_>>();
    remember(&engine, batch(0, 2), RememberOptions::default()).unwrap();
    let best_effort =
        RememberOptions { on_invalid: OnInvalid::KeepOthers, ..RememberOptions::default() };
    for options in [RememberOptions::default(), best_effort] {
        let refused = remember(&engine, batch(2, 2), options);
        assert_eq!(refused, Err(too_many(2, 3)));
    }
    assert_eq!(engine.stats("default").unwrap().memories, 2, "none of them was stored");
    remember(&engine, batch(2, 1), RememberOptions::default()).unwrap();
    assert_eq!(remember(&engine, batch(3, 1), RememberOptions::default()), Err(too_many(3, 3)));
}

#[test]
fn what_is_stored_already_is_answered_and_changed_at_the_quota() {
    let home = memories(1);
    let engine = home.open();
    let keyed =
        || RememberOptions { idempotency_key: Some("k".to_owned()), ..RememberOptions::default() };
    let first = remember(&engine, vec![text("a", "tea")], keyed()).unwrap();
    let again = remember(&engine, vec![text("a", "tea")], keyed()).unwrap();
    assert_eq!(first.lsn, again.lsn);
    remember(&engine, vec![text("a", "tea")], RememberOptions::default()).unwrap();
    update(&engine, says("a", "coffee")).unwrap();
    let refused = remember(&engine, vec![text("b", "tea")], RememberOptions::default());
    assert_eq!(refused, Err(too_many(1, 1)));
}

#[test]
fn forgetting_makes_room_and_hiding_does_not() {
    let home = memories(1);
    let engine = home.open();
    remember(&engine, vec![text("a", "tea")], RememberOptions::default()).unwrap();
    forget(&engine, ids(&["a"]), ForgetMode::Suppress, Execution::Commit).unwrap();
    let refused = remember(&engine, vec![text("b", "tea")], RememberOptions::default());
    assert_eq!(refused, Err(too_many(1, 1)));
    forget(&engine, ids(&["a"]), ForgetMode::Delete, Execution::Commit).unwrap();
    remember(&engine, vec![text("b", "tea")], RememberOptions::default()).unwrap();
}

#[test]
fn what_is_queued_counts_as_stored() {
    let home = memories(10);
    let engine = home.open();
    let (sender, receiver) = mpsc::channel();
    for number in 0..30 {
        let sender = sender.clone();
        let done = Box::new(move |outcome: Result<_, EngineError>| {
            sender.send(outcome.is_ok()).unwrap();
        });
        engine.remember("default", vec![memory(number)], &RememberOptions::default(), done);
    }
    engine.drive().unwrap();
    assert_eq!(receiver.try_iter().filter(|stored| *stored).count(), 10);
    assert_eq!(engine.stats("default").unwrap().memories, 10);
}

#[test]
fn each_space_has_its_own_and_a_smaller_one_is_no_reason_not_to_open() {
    let mut home = memories(2);
    let small = Quota { memories_max: Some(1), ..Quota::default() };
    home.settings.quotas.own.insert("small".to_owned(), small);
    let engine = home.open();
    create_space(&engine, &space("small")).unwrap();
    let into = |name: &str, number: usize| {
        settle(&engine, |done| {
            engine.remember(name, vec![memory(number)], &RememberOptions::default(), done);
        })
    };
    into("small", 0).unwrap();
    assert_eq!(into("small", 1), Err(too_many(1, 1)));
    into("default", 0).unwrap();
    into("default", 1).unwrap();
    assert_eq!(into("default", 2), Err(too_many(2, 2)));
    home.settings.quotas.own.insert("default".to_owned(), small);
    let engine = home.open_again(engine);
    assert_eq!(engine.stats("default").unwrap().memories, 2);
    let refused = remember(&engine, vec![memory(2)], RememberOptions::default());
    assert_eq!(refused, Err(too_many(2, 1)));
}

#[test]
fn imports_count_too() {
    let home = memories(3);
    let engine = home.open();
    remember(&engine, (0..3).map(memory).collect(), RememberOptions::default()).unwrap();
    let records = exported(&engine, 10);
    let other = memories(2);
    let target = other.open();
    let refused = settle(&target, |done| {
        target.import("default", records, &ImportOptions::default(), done);
    });
    assert_eq!(refused.map(drop), Err(too_many(0, 2)));
}

#[test]
fn bytes_bound_whatever_adds_to_a_space_and_nothing_that_takes_away() {
    let home = home(Quota { bytes_max: Some(1), ..Quota::default() });
    let mut free = Home::new();
    let engine = free.open();
    remember(&engine, vec![text("a", "tea"), text("b", "milk")], RememberOptions::default())
        .unwrap();
    free.settings.quotas = home.settings.quotas;
    let engine = free.open_again(engine);
    let bytes = |outcome: Result<(), EngineError>| {
        assert!(
            matches!(outcome, Err(EngineError::QuotaExceeded { what: "bytes", max: 1, .. })),
            "{outcome:?}"
        );
    };
    bytes(remember(&engine, vec![text("c", "rum")], RememberOptions::default()).map(drop));
    bytes(update(&engine, says("a", "coffee")).map(drop));
    bytes(associate(&engine, "a", "b").map(drop));
    forget(&engine, ids(&["a"]), ForgetMode::Delete, Execution::Commit).unwrap();
}
