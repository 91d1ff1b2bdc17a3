//! A space is restored beside the live one.

use engram_backup::{Archiver, BackupKind, RestoreTarget, plan};
use engram_engine::{EngineError, ForgetMode};

use crate::harness::{World, forget, held, remember};

#[test]
fn a_forgotten_memory_comes_back_beside_the_live_space() {
    let world = World::new();
    let repository = world.repository();
    let engine = world.open("/live");
    let mut archiver = Archiver::begin(&engine, &repository, 0, false).unwrap();
    for number in 0..20 {
        remember(&engine, "default", &format!("m{number}"), &format!("note {number} of a day"));
    }
    world.backup(&engine, (&repository, &mut archiver), BackupKind::Full).unwrap();
    remember(&engine, "default", "more", "one more");
    let before = held(&engine, "default");
    forget(&engine, "default", "m3", ForgetMode::Delete);
    archiver.step(&engine, &repository).unwrap();

    let target = RestoreTarget::Lsn { lsn: before.lsn, inclusive: true };
    let wanted = ["default".to_owned()];
    let plan = plan(&repository, &target, None, Some(&wanted)).unwrap();
    world.restore_plan(&repository, &plan, "/scratch").unwrap();
    let scratch = world.open("/scratch");
    let taken = engine.adopt_space(&scratch, "default", "default");
    assert!(matches!(taken, Err(EngineError::SpaceExists { .. })));
    engine.adopt_space(&scratch, "default", "yesterday").unwrap();
    drop(scratch);
    assert_eq!(held(&engine, "yesterday"), before);
    assert_eq!(engine.spaces().len(), 2);

    // It takes writes, survives a kill, a clean stop, and a log that was shortened.
    remember(&engine, "yesterday", "after", "written after it came back");
    let after = held(&engine, "yesterday");
    let live = held(&engine, "default");
    drop(engine);
    let engine = world.open("/live");
    assert_eq!(held(&engine, "yesterday"), after);
    engine.close().unwrap();
    drop(engine);
    let engine = world.open("/live");
    assert_eq!((held(&engine, "yesterday"), held(&engine, "default")), (after.clone(), live));
    // It is archived and backed up like any other.
    let mut archiver = Archiver::begin(&engine, &repository, 0, false).unwrap();
    world.backup(&engine, (&repository, &mut archiver), BackupKind::Full).unwrap();
    world.try_restore(&repository, &RestoreTarget::Latest, "/all").unwrap();
    assert_eq!(held(&world.open("/all"), "yesterday"), after);
}

#[test]
fn a_space_that_came_later_survives_checkpoints_that_do_not_know_it() {
    let world = World::new();
    let engine = world.open("/live");
    remember(&engine, "default", "a", "one");
    // The log holds a checkpoint from before the space was there.
    engine.close().unwrap();
    drop(engine);
    let other = world.open("/other");
    remember(&other, "default", "b", "two");
    let engine = world.open("/live");
    engine.adopt_space(&other, "default", "came").unwrap();
    let came = held(&engine, "came");
    drop(engine);
    let engine = world.open("/live");
    assert_eq!(held(&engine, "came"), came);
    remember(&engine, "came", "c", "three");
    engine.close().unwrap();
    drop(engine);
    let engine = world.open("/live");
    assert_eq!(held(&engine, "came").lsn, came.lsn + 1);
}
