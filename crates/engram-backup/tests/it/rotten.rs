//! A damaged file in the data directory costs the backup of its space, not that of the others.

use std::path::Path;

use engram_backup::{
    Archiver, BackupError, BackupKind, RestoreTarget, RetentionPolicy, VerifyLevel, list_backups,
    prune,
};
use engram_engine::Engine;
use engram_store::{BlobStore, Fs, OpenMode};

use crate::harness::{DAY, World, held, remember, settle, space};

/// Damages the files of a space that no backup has yet; how many.
fn rot(world: &World, engine: &Engine, name: &str) -> usize {
    let id = engine.space(name).unwrap().id.to_string();
    let dir = Path::new("/live/spaces");
    let stored = world.store.list("objects/").unwrap();
    let mut count = 0;
    for file in world.fs.list(dir).unwrap() {
        let Some(hash) = file.strip_prefix(&format!("{id}-")) else { continue };
        let Some(hash) = hash.strip_suffix(".segment") else { continue };
        if stored.iter().any(|key| key.ends_with(hash)) {
            continue;
        }
        let file = world.fs.open(&dir.join(&file), OpenMode::Write).unwrap();
        let mut byte = [0];
        file.read_at(100, &mut byte).unwrap();
        file.write_at(100, &[byte[0] ^ 1]).unwrap();
        count += 1;
    }
    count
}

#[test]
fn one_damaged_file_leaves_one_space_out_and_what_has_it_stays() {
    let world = World::new();
    let repository = world.repository();
    let engine = world.open("/live");
    let mut archiver = Archiver::begin(&engine, &repository, 0, false).unwrap();
    settle(&engine, |done| engine.create_space(&space("notes"), done)).unwrap();
    for name in ["default", "notes"] {
        (0..6).for_each(|n| remember(&engine, name, &format!("m{n}"), &format!("note {n}")));
    }
    let whole = world.backup(&engine, (&repository, &mut archiver), BackupKind::Full).unwrap();
    assert_eq!((whole.damaged.len(), whole.record.is_whole()), (0, true));
    world.verify(&repository, &whole.record.id, VerifyLevel::Bytes).unwrap();

    (6..12).for_each(|n| remember(&engine, "notes", &format!("m{n}"), &format!("note {n}")));
    engine.checkpoint("notes").unwrap();
    assert!(rot(&world, &engine, "notes") > 0);
    for day in 0..4 {
        world.clock.advance(DAY);
        remember(&engine, "default", &format!("d{day}"), "the others go on");
        let made = world.backup(&engine, (&repository, &mut archiver), BackupKind::Full).unwrap();
        assert_eq!(made.damaged.len(), 1, "{:?}", made.damaged);
        assert_eq!(made.damaged[0].what, "notes");
        assert_eq!(
            (made.record.left_out.as_slice(), made.record.is_whole()),
            (&["notes".to_owned()][..], false)
        );
        let names: Vec<&str> = made.record.spaces.iter().map(|own| own.name.as_str()).collect();
        assert_eq!(names, ["default"]);
        let report = world.verify(&repository, &made.record.id, VerifyLevel::Restore).unwrap();
        assert_eq!(report.findings, []);
    }
    // The last one that has the space is not pushed out by those that lack it.
    let policy = RetentionPolicy { daily: 1, weekly: 0, monthly: 0 };
    prune(&repository, policy, (false, None), &*world.clock, &mut |_| {}).unwrap();
    let left = list_backups(&repository).unwrap();
    assert!(left.backups.iter().any(|listed| listed.record.id == whole.record.id));
    // With the log behind it, the space comes back to where it stood.
    world.try_restore(&repository, &RestoreTarget::Latest, "/latest").unwrap();
    let restored = world.open("/latest");
    for name in ["default", "notes"] {
        assert_eq!(held(&restored, name), held(&engine, name), "{name}");
    }
}

#[test]
fn where_nothing_is_left_there_is_no_backup() {
    let world = World::new();
    let repository = world.repository();
    let engine = world.open("/live");
    let mut archiver = Archiver::begin(&engine, &repository, 0, false).unwrap();
    (0..6).for_each(|n| remember(&engine, "default", &format!("m{n}"), &format!("note {n}")));
    engine.checkpoint("default").unwrap();
    assert!(rot(&world, &engine, "default") > 0);
    let refused = world.backup(&engine, (&repository, &mut archiver), BackupKind::Full);
    assert!(matches!(refused, Err(BackupError::Corrupt { .. })), "{refused:?}");
    assert!(list_backups(&repository).unwrap().backups.is_empty());
}
