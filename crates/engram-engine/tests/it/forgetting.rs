//! Forget: hidden or gone from every route, and still so after a restart.

use engram_engine::{
    Created, EngineError, Execution, Filter, ForgetMode, Mode, RememberOptions, Selection,
    Visibility,
};

use crate::harness::{
    DAY, Home, NOW, forget, ids, list_ids, recall, recalled_ids, restore, store, text,
};

fn visible(engine: &engram_engine::Engine, id: &str, word: &str) -> bool {
    let listed = list_ids(engine, 100, Visibility::Active).contains(&id.to_owned());
    assert_eq!(engine.get("default", id).is_ok(), listed);
    for mode in Mode::ALL {
        let found = recalled_ids(&recall(engine, mode, word)).contains(&id.to_owned());
        assert_eq!(found, listed, "{mode:?}");
    }
    listed
}

#[test]
fn suppressed_is_hidden_until_restored() {
    let home = Home::new();
    {
        let engine = home.open();
        store(&engine, text("a", "apples"));
        store(&engine, text("b", "pears"));
        let receipt =
            forget(&engine, ids(&["a"]), ForgetMode::Suppress, Execution::Commit).unwrap();
        assert_eq!(receipt.ids, ["a"]);
        assert!(!visible(&engine, "a", "apples"));
        let again = forget(&engine, ids(&["a"]), ForgetMode::Suppress, Execution::Commit).unwrap();
        assert_eq!((again.ids.len(), again.commit), (0, None));
    }
    let engine = home.open();
    assert!(!visible(&engine, "a", "apples") && visible(&engine, "b", "pears"));
    assert_eq!(list_ids(&engine, 1, Visibility::Suppressed), ["a"]);
    restore(&engine, ids(&["a"])).unwrap();
    assert!(visible(&engine, "a", "apples"));
    drop(engine);
    assert!(visible(&home.open(), "a", "apples"));
}

#[test]
fn deleted_does_not_come_back() {
    let home = Home::new();
    {
        let engine = home.open();
        for n in 0..700 {
            store(&engine, text(&format!("m{n}"), &format!("word{n}")));
        }
        for n in [0, 255, 256, 699] {
            let id = format!("m{n}");
            forget(&engine, ids(&[&id]), ForgetMode::Delete, Execution::Commit).unwrap();
            assert!(!visible(&engine, &id, &format!("word{n}")));
        }
    }
    for _ in 0..2 {
        let engine = home.open();
        assert_eq!(engine.stats("default").unwrap().memories, 696);
        for n in [0, 255, 256, 699] {
            assert!(!visible(&engine, &format!("m{n}"), &format!("word{n}")));
        }
        assert!(restore(&engine, ids(&["m0"])).is_err());
    }
    let engine = home.open();
    let item = store(&engine, text("m0", "other"));
    assert_eq!(item.created, Created::Now, "a deleted id is free");
}

#[test]
fn an_unknown_id_refuses_the_whole_request() {
    let home = Home::new();
    let engine = home.open();
    store(&engine, text("a", "apples"));
    let refused = forget(&engine, ids(&["a", "x"]), ForgetMode::Delete, Execution::Commit);
    assert_eq!(refused, Err(EngineError::MemoryNotFound { id: "x".into() }));
    assert!(visible(&engine, "a", "apples"));
}

#[test]
fn by_filter_with_a_dry_run_first() {
    let home = Home::new();
    let engine = home.open();
    for n in 0..10 {
        let mut memory = text(&format!("m{n}"), "note");
        memory.content.tags = vec![if n % 2 == 0 { "even".into() } else { "odd".into() }];
        store(&engine, memory);
    }
    let filter = Filter { tags_all: vec!["even".into()], ..Filter::default() };
    let select = || Selection::Matching(filter.clone());
    let planned = forget(&engine, select(), ForgetMode::Delete, Execution::DryRun).unwrap();
    assert_eq!((planned.ids.len(), planned.commit), (5, None));
    assert_eq!(engine.stats("default").unwrap().memories, 10);
    let done = forget(&engine, select(), ForgetMode::Delete, Execution::Commit).unwrap();
    assert_eq!(done.ids, planned.ids);
    assert!(done.commit.is_some());
    assert_eq!(list_ids(&engine, 2, Visibility::All), ["m1", "m3", "m5", "m7", "m9"]);
    let all = Selection::Matching(Filter::default());
    assert!(forget(&engine, all, ForgetMode::Delete, Execution::Commit).is_err());
}

#[test]
fn forgetting_sees_what_is_queued_before_it() {
    let home = Home::new();
    let engine = home.open();
    let (sender, receiver) = std::sync::mpsc::channel();
    let told = sender.clone();
    engine.remember(
        "default",
        vec![text("a", "apples")],
        &RememberOptions::default(),
        Box::new(move |outcome| told.send(outcome.is_ok()).unwrap()),
    );
    let request = engram_engine::Forget {
        purge: Default::default(),
        selection: ids(&["a"]),
        mode: ForgetMode::Delete,
        execution: Execution::Commit,
        principal: String::new(),
    };
    engine.forget(
        "default",
        request,
        Box::new(move |outcome| sender.send(outcome.is_ok()).unwrap()),
    );
    engine.drive().unwrap();
    assert_eq!(receiver.try_iter().collect::<Vec<_>>(), [true, true]);
    assert_eq!(engine.stats("default").unwrap().memories, 0);
}

#[test]
fn a_memory_forgets_itself_when_it_expires() {
    let home = Home::new();
    let engine = home.open();
    let mut memory = text("a", "apples");
    memory.content.expires_at = Some(NOW + DAY);
    store(&engine, memory);
    assert!(visible(&engine, "a", "apples"));
    home.clock.advance(DAY);
    assert!(!visible(&engine, "a", "apples"));
}

#[test]
fn pages_stay_in_place_while_memories_come_and_go() {
    let home = Home::new();
    let engine = home.open();
    for n in 0..9 {
        store(&engine, text(&format!("m{n}"), "note"));
    }
    let mut query = engram_engine::ListQuery {
        filter: Filter::default(),
        after: None,
        limit: 3,
        visibility: Visibility::Active,
        as_of: None,
    };
    let first = engine.list("default", &query).unwrap();
    forget(&engine, ids(&["m0", "m2", "m4"]), ForgetMode::Delete, Execution::Commit).unwrap();
    store(&engine, text("late", "note"));
    query.after = first.next;
    let second = engine.list("default", &query).unwrap();
    let seen: Vec<&str> = second.items.iter().map(|item| item.memory.id.as_str()).collect();
    assert_eq!(seen, ["m3", "m5", "m6"]);
}
