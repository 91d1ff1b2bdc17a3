//! What is restored is what was there, at every commit.

use std::path::Path;

use engram_backup::{
    Archiver, BackupError, BackupKind, RepositoryKey, RestoreTarget, VerifyLevel, plan,
};
use engram_engine::{Engine, ForgetMode};
use engram_store::{Fs as _, MemoryFs, read_all, write_atomically};

use crate::harness::{DAY, Held, NOW, SECOND, World, forget, held, remember, settle, space};

/// Works on the default space for a while; what it held after each commit, by LSN.
fn work(world: &World, engine: &Engine, rounds: usize, mut each: impl FnMut(usize)) -> Vec<Held> {
    let mut history = vec![held(engine, "default")];
    for round in 0..rounds {
        world.clock.advance(SECOND);
        match round % 7 {
            3 => forget(engine, "default", &format!("m{}", round - 1), ForgetMode::Delete),
            5 => forget(engine, "default", &format!("m{}", round - 1), ForgetMode::Suppress),
            _ => {
                remember(engine, "default", &format!("m{round}"), &format!("note {round} of a day"))
            }
        }
        history.push(held(engine, "default"));
        each(round);
    }
    history
}

#[test]
fn every_commit_can_be_gone_back_to_with_backups_of_all_kinds_between() {
    let world = World::new();
    let engine = world.open("/live");
    let repository = world.repository();
    let mut archiver = Archiver::begin(&engine, &repository, 0, false).unwrap();
    let history = work(&world, &engine, 40, |round| match round {
        5 | 30 => {
            world.backup(&engine, (&repository, &mut archiver), BackupKind::Full).unwrap();
        }
        12 | 20 => {
            engine.maintain(1_000).unwrap();
            world.backup(&engine, (&repository, &mut archiver), BackupKind::Incremental).unwrap();
        }
        25 => {
            engine.checkpoint("default").unwrap();
            world.backup(&engine, (&repository, &mut archiver), BackupKind::Differential).unwrap();
        }
        _ if round % 4 == 0 => drop(archiver.step(&engine, &repository).unwrap()),
        _ => {}
    });
    archiver.step(&engine, &repository).unwrap();
    for (number, expected) in history.iter().enumerate().skip(1) {
        let targets = [
            RestoreTarget::Lsn { lsn: expected.lsn, inclusive: true },
            RestoreTarget::Lsn { lsn: expected.lsn + 1, inclusive: false },
            RestoreTarget::Time { at: expected.time, inclusive: true },
            RestoreTarget::Time { at: expected.time + 1, inclusive: false },
        ];
        let target = &targets[number % targets.len()];
        let dir = format!("/restored-{number}");
        let (plan, _) = world.try_restore(&repository, target, &dir).unwrap();
        assert_eq!(plan.spaces[0].last.lsn, expected.lsn, "{target:?}");
        let restored = world.open(&dir);
        let found = held(&restored, "default");
        assert_eq!(&found, expected, "{target:?}");
    }
    let (_, restored) = world.try_restore(&repository, &RestoreTarget::Latest, "/latest").unwrap();
    assert_eq!(Some(&held(&world.open("/latest"), "default")), history.last());
    assert_eq!(restored.directory.timeline, 42);
}

#[test]
fn spaces_that_come_and_go_are_there_when_they_were() {
    let world = World::new();
    let engine = world.open("/live");
    let repository = world.repository();
    let mut archiver = Archiver::begin(&engine, &repository, 0, false).unwrap();
    world.backup(&engine, (&repository, &mut archiver), BackupKind::Full).unwrap();
    world.clock.advance(SECOND);
    settle(&engine, |done| engine.create_space(&space("later"), done)).unwrap();
    remember(&engine, "later", "a", "one");
    let alive = held(&engine, "later");
    world.clock.advance(SECOND);
    world.backup(&engine, (&repository, &mut archiver), BackupKind::Incremental).unwrap();
    world.clock.advance(SECOND);
    settle(&engine, |done| engine.delete_space("later", done)).unwrap();
    archiver.step(&engine, &repository).unwrap();
    engine.maintain(1_000).unwrap();

    let before = RestoreTarget::Time { at: NOW + SECOND, inclusive: true };
    let plan_before = plan(&repository, &before, None, None).unwrap();
    assert_eq!(plan_before.spaces.len(), 1);
    let during = RestoreTarget::Time { at: alive.time, inclusive: true };
    world.try_restore(&repository, &during, "/during").unwrap();
    assert_eq!(held(&world.open("/during"), "later"), alive);
    world.try_restore(&repository, &RestoreTarget::Latest, "/after").unwrap();
    let names: Vec<String> =
        world.open("/after").spaces().into_iter().map(|space| space.name).collect();
    assert_eq!(names, ["default"]);
}

#[test]
fn a_restored_directory_goes_on_on_a_timeline_of_its_own() {
    let world = World::new();
    let repository = world.repository();
    let engine = world.open("/live");
    let mut archiver = Archiver::begin(&engine, &repository, 0, false).unwrap();
    let history = work(&world, &engine, 12, |round| {
        if round == 4 {
            world.backup(&engine, (&repository, &mut archiver), BackupKind::Full).unwrap();
        }
    });
    archiver.step(&engine, &repository).unwrap();
    let fork = history[8].lsn;
    let target = RestoreTarget::Lsn { lsn: fork, inclusive: true };
    world.try_restore(&repository, &target, "/second").unwrap();

    let second = world.open("/second");
    let refused = Archiver::begin(&second, &repository, 0, false).err().unwrap();
    assert!(matches!(refused, BackupError::Foreign { .. }), "{refused}");
    let mut own = Archiver::begin(&second, &repository, 0, true).unwrap();
    world.clock.advance(SECOND);
    remember(&second, "default", "new", "written after the restore");
    own.step(&second, &repository).unwrap();
    // The one that was replaced notices.
    remember(&engine, "default", "late", "written by the old one");
    let refused = archiver.step(&engine, &repository).unwrap_err();
    assert!(matches!(refused, BackupError::Foreign { .. }), "{refused}");

    world.try_restore(&repository, &RestoreTarget::Latest, "/third").unwrap();
    assert_eq!(held(&world.open("/third"), "default"), held(&second, "default"));
    let old = plan(&repository, &RestoreTarget::Latest, Some(1), None).unwrap();
    world.restore_plan(&repository, &old, "/first").unwrap();
    assert_eq!(Some(&held(&world.open("/first"), "default")), history.last());
    // A backup on the new timeline is complete, and goes on from the old one's files.
    let made = world.backup(&second, (&repository, &mut own), BackupKind::Full).unwrap();
    let report = world.verify(&repository, &made.record.id, VerifyLevel::Restore).unwrap();
    assert_eq!(report.findings, []);
}

#[test]
fn the_log_keeps_what_is_not_archived_and_a_gap_is_told() {
    let world = World::new();
    let repository = world.repository();
    let engine = world.open("/live");
    let mut archiver = Archiver::begin(&engine, &repository, 0, false).unwrap();
    remember(&engine, "default", "first", "one");
    archiver.step(&engine, &repository).unwrap();
    for number in 0..40 {
        remember(&engine, "default", &format!("x{number}"), &"long text ".repeat(60));
    }
    engine.checkpoint("default").unwrap();
    for _ in 0..10 {
        engine.maintain(1_000).unwrap();
    }
    assert!(engine.log_stats().segments > 1, "nothing is dropped that is not archived");
    engine.give_up_unarchived(0);
    for _ in 0..10 {
        engine.maintain(1_000).unwrap();
    }
    remember(&engine, "default", "last", "one");
    let step = archiver.step(&engine, &repository).unwrap();
    assert_eq!(step.gaps.len(), 1);
    let refused = plan(&repository, &RestoreTarget::Latest, None, None).err().unwrap();
    assert!(matches!(refused, BackupError::Gap { .. }), "{refused}");
    // A new full backup does not need what is missing.
    world.backup(&engine, (&repository, &mut archiver), BackupKind::Full).unwrap();
    world.try_restore(&repository, &RestoreTarget::Latest, "/restored").unwrap();
    assert_eq!(held(&world.open("/restored"), "default"), held(&engine, "default"));
}

#[test]
fn points_have_names_and_targets_have_bounds() {
    let world = World::new();
    let repository = world.repository();
    let engine = world.open("/live");
    let mut archiver = Archiver::begin(&engine, &repository, 0, false).unwrap();
    world.backup(&engine, (&repository, &mut archiver), BackupKind::Full).unwrap();
    remember(&engine, "default", "a", "one");
    let at = (&repository, &mut archiver);
    engram_backup::restore_point(&engine, at, "before-import").unwrap();
    let expected = held(&engine, "default");
    world.clock.advance(SECOND);
    remember(&engine, "default", "b", "two");
    archiver.step(&engine, &repository).unwrap();
    let point = RestoreTarget::Point("before-import".to_owned());
    world.try_restore(&repository, &point, "/point").unwrap();
    assert_eq!(held(&world.open("/point"), "default"), expected);

    let error =
        |target: RestoreTarget| plan(&repository, &target, None, None).err().unwrap().to_string();
    assert!(error(RestoreTarget::Point("before-imports".into())).contains("no restore point"));
    assert!(error(RestoreTarget::Backup("x".into())).contains("no backup"));
    assert!(
        error(RestoreTarget::Time { at: NOW + DAY, inclusive: true }).contains("in the future")
    );
    assert!(error(RestoreTarget::Time { at: NOW - DAY, inclusive: true }).contains("too old"));
    assert!(error(RestoreTarget::Lsn { lsn: 99, inclusive: true }).contains("in the future"));
    let wanted = ["defualt".to_owned()];
    let unknown = plan(&repository, &RestoreTarget::Latest, None, Some(&wanted)).err().unwrap();
    assert!(matches!(unknown, BackupError::UnknownSpace { nearest: Some(_), .. }), "{unknown}");
    let again =
        engram_backup::restore_point(&engine, (&repository, &mut archiver), "before-import");
    assert!(matches!(again, Err(BackupError::PointExists { .. })));
}

#[test]
fn an_encrypted_repository_needs_its_key() {
    let mut world = World::new();
    world.secret = RepositoryKey::parse(&"ab".repeat(32));
    let repository = world.repository();
    let engine = world.open("/live");
    let mut archiver = Archiver::begin(&engine, &repository, 0, false).unwrap();
    remember(&engine, "default", "a", "a very secret sentence");
    let made = world.backup(&engine, (&repository, &mut archiver), BackupKind::Full).unwrap();
    let report = world.verify(&repository, &made.record.id, VerifyLevel::Restore).unwrap();
    assert_eq!(report.findings, []);
    for wrong in [None, RepositoryKey::parse(&"ac".repeat(32))] {
        let refused = world.try_repository(wrong).err().unwrap();
        assert!(matches!(refused, BackupError::WrongKey(_)), "{refused}");
    }
    world.try_restore(&repository, &RestoreTarget::Latest, "/restored").unwrap();
    assert_eq!(held(&world.open("/restored"), "default"), held(&engine, "default"));
}

#[test]
fn a_space_whose_files_are_in_no_backup_is_an_error_and_not_left_out() {
    let world = World::new();
    let repository = world.repository();
    let engine = world.open("/live");
    let mut archiver = Archiver::begin(&engine, &repository, 0, false).unwrap();
    world.backup(&engine, (&repository, &mut archiver), BackupKind::Full).unwrap();
    let other = world.open("/other");
    for number in 0..4 {
        remember(&other, "default", &format!("o{number}"), "somewhere else");
    }
    engine.adopt_space(&other, "default", "came").unwrap();
    remember(&engine, "came", "here", "written here");
    archiver.step(&engine, &repository).unwrap();
    let refused = plan(&repository, &RestoreTarget::Latest, None, None).err().unwrap();
    assert!(matches!(refused, BackupError::Gap { .. }), "{refused}");
    world.backup(&engine, (&repository, &mut archiver), BackupKind::Incremental).unwrap();
    world.try_restore(&repository, &RestoreTarget::Latest, "/restored").unwrap();
    assert_eq!(held(&world.open("/restored"), "came"), held(&engine, "came"));
}

/// Seed 16 of the backup cases of the simulator: such a backup was listed as complete, and every check of it failed.
#[test]
fn a_backup_of_a_directory_without_spaces_is_one_of_none() {
    let world = World::new();
    let repository = world.repository();
    let engine = world.open("/live");
    let mut archiver = Archiver::begin(&engine, &repository, 0, false).unwrap();
    settle(&engine, |done| engine.delete_space("default", done)).unwrap();
    let made = world.backup(&engine, (&repository, &mut archiver), BackupKind::Full).unwrap();
    let report = world.verify(&repository, &made.record.id, VerifyLevel::Restore).unwrap();
    assert_eq!(report.findings, []);
    let target = RestoreTarget::Backup(made.record.id);
    world.try_restore(&repository, &target, "/none").unwrap();
    assert!(world.open("/none").spaces().is_empty());
}

#[test]
fn a_directory_that_was_set_back_begins_a_timeline_of_its_own() {
    let world = World::new();
    let repository = world.repository();
    let engine = world.open("/live");
    let mut archiver = Archiver::begin(&engine, &repository, 0, false).unwrap();
    remember(&engine, "default", "a", "one");
    world.backup(&engine, (&repository, &mut archiver), BackupKind::Full).unwrap();
    drop(engine);
    let earlier = copy(&world.fs, "/live");
    let engine = world.open("/live");
    remember(&engine, "default", "b", "two");
    archiver.step(&engine, &repository).unwrap();
    let first = held(&engine, "default");
    drop(engine);

    let back = World { fs: earlier, ..world };
    let engine = back.open("/live");
    let refused = Archiver::begin(&engine, &repository, 0, false).err().unwrap();
    assert!(matches!(refused, BackupError::Diverged { .. }), "{refused}");
    let mut archiver = Archiver::begin(&engine, &repository, 0, true).unwrap();
    assert_eq!(archiver.timeline(), 2);
    remember(&engine, "default", "c", "another two");
    back.backup(&engine, (&repository, &mut archiver), BackupKind::Full).unwrap();
    back.try_restore(&repository, &RestoreTarget::Latest, "/second").unwrap();
    assert_eq!(held(&back.open("/second"), "default"), held(&engine, "default"));
    let old = plan(&repository, &RestoreTarget::Latest, Some(1), None).unwrap();
    back.restore_plan(&repository, &old, "/first").unwrap();
    assert_eq!(held(&back.open("/first"), "default"), first);
}

/// The files of a data directory, apart from those of the first.
fn copy(fs: &MemoryFs, dir: &str) -> MemoryFs {
    let other = MemoryFs::default();
    for folder in ["", "wal", "spaces", "index"] {
        let folder = Path::new(dir).join(folder);
        other.create_dir_all(&folder).unwrap();
        for name in fs.list(&folder).unwrap_or_default() {
            if let Ok(bytes) = read_all(fs, &folder.join(&name)) {
                write_atomically(&other, &folder.join(name), &bytes).unwrap();
            }
        }
    }
    other
}
