//! Spaces: created on purpose, walls between them, and what opening a directory refuses.

use std::path::Path;
use std::sync::Arc;

use engram_embed::FixedEmbedder;
use engram_engine::{EngineError, NewSpace, RememberOptions};
use engram_store::{Fs, MemoryFs, write_atomically};

use crate::harness::{
    DIMENSION, Home, create_space, cue, recalled_ids, settle, space, store, text,
};

#[test]
fn a_fresh_directory_has_the_default_space_and_no_other() {
    let home = Home::new();
    let engine = home.open();
    let names: Vec<String> = engine.spaces().into_iter().map(|space| space.name).collect();
    assert_eq!(names, ["default"]);
    let refused = settle(&engine, |done| {
        engine.remember("other", vec![text("a", "x")], &RememberOptions::default(), done);
    });
    assert_eq!(refused, Err(EngineError::SpaceNotFound { name: "other".into() }));
    assert_eq!(engine.spaces().len(), 1, "never created by accident");
}

#[test]
fn a_deleted_default_space_stays_deleted() {
    let home = Home::new();
    let engine = home.open();
    settle(&engine, |done| engine.delete_space("default", done)).unwrap();
    drop(engine);
    assert!(home.open().spaces().is_empty());
}

#[test]
fn spaces_do_not_see_each_other() {
    let home = Home::new();
    let engine = home.open();
    create_space(&engine, &space("b")).unwrap();
    assert_eq!(
        create_space(&engine, &space("b")),
        Err(EngineError::SpaceExists { name: "b".into() })
    );
    store(&engine, text("a", "secret"));
    let stored = settle(&engine, |done| {
        engine.remember("b", vec![text("a", "public")], &RememberOptions::default(), done);
    })
    .unwrap();
    assert_eq!(stored.lsn.0, 2, "each space counts its own commits");
    assert!(stored.items[0].as_ref().unwrap().duplicates.is_empty());
    let found = engine.recall("b", &cue(engram_engine::Mode::Keyword, "secret")).unwrap();
    assert!(recalled_ids(&found).is_empty());
}

#[test]
fn a_name_is_free_again_and_empty_after_deletion() {
    let home = Home::new();
    let engine = home.open();
    store(&engine, text("a", "old"));
    let old = settle(&engine, |done| engine.delete_space("default", done)).unwrap();
    let new = create_space(&engine, &space("default")).unwrap();
    assert_ne!(old.id, new.id);
    drop(engine);
    let engine = home.open();
    assert_eq!(engine.stats("default").unwrap().memories, 0);
    assert_eq!(engine.space("default").unwrap().id, new.id);
}

#[test]
fn settings_of_a_space_are_checked() {
    let home = Home::new();
    let engine = home.open();
    let refuse = |change: &dyn Fn(&mut NewSpace)| {
        let mut new = space("x");
        change(&mut new);
        create_space(&engine, &new).unwrap_err().to_string()
    };
    let messages = [
        refuse(&|new| new.name = "Upper".into()),
        refuse(&|new| new.name = "-x".into()),
        refuse(&|new| new.embedder = "absent".into()),
        refuse(&|new| new.dimension = Some(DIMENSION + 1)),
        refuse(&|new| new.embedder = "none".into()),
        refuse(&|new| {
            new.embedder = "none".into();
            new.dimension = Some(5_000);
        }),
    ];
    expect_test::expect![[r#"
        name: must be 1 to 64 of a-z 0-9 - _, starting with a letter or digit
        name: must be 1 to 64 of a-z 0-9 - _, starting with a letter or digit
        embedder "absent" is not configured
        dimension: has 513 dimensions, the space has 512
        dimension: is required
        dimension: is 5000, must lie in [1, 4096]"#]]
    .assert_eq(&messages.join("\n"));
}

#[test]
fn another_embedder_than_the_recorded_one_is_refused() {
    let mut home = Home::new();
    store(&home.open(), text("a", "apples"));
    home.embedders.insert("fixed".to_owned(), Arc::new(FixedEmbedder::new(DIMENSION + 1)));
    let engine = home.open();
    let refused = settle(&engine, |done| {
        engine.remember("default", vec![text("b", "x")], &RememberOptions::default(), done);
    });
    assert!(matches!(refused, Err(EngineError::EmbedderMismatch { .. })), "{refused:?}");
    assert!(engine.get("default", "a").is_ok(), "what is stored stays readable");
    let keyword = cue(engram_engine::Mode::Keyword, "apples");
    assert_eq!(recalled_ids(&engine.recall("default", &keyword).unwrap()), ["a"]);
}

#[test]
fn one_process_at_a_time() {
    let home = Home::new();
    let engine = home.open();
    let second = home.try_open().map(|_| ());
    assert_eq!(second, Err(EngineError::DataDirLocked { dir: "/data".into() }));
    drop(engine);
    home.open();
}

#[test]
fn a_newer_format_is_refused() {
    let home = Home::new();
    drop(home.open());
    let write = |fs: &MemoryFs, line: &str| {
        write_atomically(fs as &dyn Fs, Path::new("/data/FORMAT"), line.as_bytes()).unwrap();
    };
    write(&home.fs, "engram data directory, format 2\n");
    let refused = home.try_open().map(|_| ());
    assert_eq!(refused, Err(EngineError::NewerFormat { found: 2, supported: 1 }));
    write(&home.fs, "something else\n");
    assert!(matches!(home.try_open().map(|_| ()), Err(EngineError::Log(_))));
}

#[test]
fn after_closing_writes_are_refused_and_reads_go_on() {
    let home = Home::new();
    let engine = home.open();
    store(&engine, text("a", "apples"));
    engine.close().unwrap();
    let refused = settle(&engine, |done| {
        engine.remember("default", vec![text("b", "x")], &RememberOptions::default(), done);
    });
    assert_eq!(refused, Err(EngineError::Closing));
    assert!(engine.get("default", "a").is_ok());
}
