//! Which backups stay.

use engram_backup::{
    Archiver, BackupKind, RestoreTarget, RetentionPolicy, VerifyLevel, list_backups, prune, set_pin,
};
use engram_store::BlobStore as _;

use crate::harness::{DAY, SECOND, World, held, remember, settle, space};

#[test]
fn generations_stay_and_what_stays_can_be_restored() {
    let world = World::new();
    let repository = world.repository();
    let engine = world.open("/live");
    let mut archiver = Archiver::begin(&engine, &repository, 0, false).unwrap();
    let mut pinned = String::new();
    for day in 0..40 {
        remember(&engine, "default", &format!("d{day}"), &format!("note of day {day}"));
        let kind = if day % 7 == 0 { BackupKind::Full } else { BackupKind::Incremental };
        let made = world.backup(&engine, (&repository, &mut archiver), kind).unwrap();
        // What was never checked does not count.
        if day != 38 {
            world.verify(&repository, &made.record.id, VerifyLevel::Bytes).unwrap();
        }
        if day == 2 {
            pinned = made.record.id.clone();
            set_pin(&repository, &pinned, true, &*world.clock).unwrap();
        }
        world.clock.advance(DAY);
    }
    let policy = RetentionPolicy { daily: 3, weekly: 2, monthly: 1 };
    let dry = prune(&repository, policy, (true, None), &*world.clock, &mut |_| {}).unwrap();
    assert_eq!(list_backups(&repository).unwrap().backups.len(), 40);
    let mut told = Vec::new();
    let log = &mut |key: &str| told.push(key.to_owned());
    let done = prune(&repository, policy, (false, None), &*world.clock, log).unwrap();
    assert_eq!(done, dry);
    assert!(done.pieces > 0 && done.objects > 0);
    assert_eq!(told.iter().filter(|key| key.starts_with("backups/")).count(), done.removed.len());
    let left = list_backups(&repository).unwrap();
    let ids: Vec<&str> = left.backups.iter().map(|listed| listed.record.id.as_str()).collect();
    assert!(ids.contains(&pinned.as_str()));
    // The pin keeps days 0 to 2; three days, their chain since day 35, and the two last full ones, days 28 and 35.
    assert_eq!(ids.len(), 3 + 1 + 5, "{ids:?}");
    for id in &ids {
        let report = world.verify(&repository, id, VerifyLevel::Restore).unwrap();
        assert_eq!(report.findings, [], "{id}");
    }
    let again = prune(&repository, policy, (false, None), &*world.clock, &mut |_| {}).unwrap();
    assert_eq!((again.removed.len(), again.objects, again.pieces), (0, 0, 0));
    world.try_restore(&repository, &RestoreTarget::Latest, "/latest").unwrap();
    assert_eq!(held(&world.open("/latest"), "default"), held(&engine, "default"));
}

/// Seed 21 of the backup cases of the simulator: the oldest backup stayed, and no moment between it and the next one could be gone back to.
#[test]
fn the_log_of_a_space_stays_that_was_born_behind_the_oldest_backup() {
    let world = World::new();
    let repository = world.repository();
    let engine = world.open("/live");
    let mut archiver = Archiver::begin(&engine, &repository, 0, false).unwrap();
    world.backup(&engine, (&repository, &mut archiver), BackupKind::Full).unwrap();
    world.clock.advance(SECOND);
    settle(&engine, |done| engine.create_space(&space("later"), done)).unwrap();
    remember(&engine, "later", "a", "one");
    let early = held(&engine, "later");
    world.clock.advance(SECOND);
    remember(&engine, "later", "b", "two");
    engine.checkpoint("later").unwrap();
    world.backup(&engine, (&repository, &mut archiver), BackupKind::Incremental).unwrap();
    let policy = RetentionPolicy::default();
    prune(&repository, policy, (false, None), &*world.clock, &mut |_| {}).unwrap();

    let between = RestoreTarget::Time { at: early.time, inclusive: true };
    world.try_restore(&repository, &between, "/between").unwrap();
    assert_eq!(held(&world.open("/between"), "later"), early);

    // Once no backup is left that is older than its end, nobody can go back to it.
    world.clock.advance(SECOND);
    settle(&engine, |done| engine.delete_space("later", done)).unwrap();
    for _ in 0..2 {
        world.clock.advance(DAY);
        let made = world.backup(&engine, (&repository, &mut archiver), BackupKind::Full).unwrap();
        world.verify(&repository, &made.record.id, VerifyLevel::Bytes).unwrap();
    }
    let policy = RetentionPolicy { daily: 1, weekly: 0, monthly: 0 };
    let mut gone = Vec::new();
    let log = &mut |key: &str| gone.push(key.to_owned());
    prune(&repository, policy, (false, None), &*world.clock, log).unwrap();
    let own = engram_store::BlobStore::list(&*world.store, "log/").unwrap();
    let id = engine.spaces()[0].id.to_string();
    assert!(own.iter().all(|key| key.contains(&id)), "{own:?}, {gone:?}");
    world.try_restore(&repository, &RestoreTarget::Latest, "/latest").unwrap();
    assert_eq!(held(&world.open("/latest"), "default"), held(&engine, "default"));
}

#[test]
fn a_space_that_came_and_went_between_two_backups_that_stay_is_not_left_out() {
    let world = World::new();
    let repository = world.repository();
    let engine = world.open("/live");
    let mut archiver = Archiver::begin(&engine, &repository, 0, false).unwrap();
    let first = world.backup(&engine, (&repository, &mut archiver), BackupKind::Full).unwrap();
    set_pin(&repository, &first.record.id, true, &*world.clock).unwrap();
    world.clock.advance(SECOND);
    settle(&engine, |done| engine.create_space(&space("later"), done)).unwrap();
    remember(&engine, "later", "a", "one");
    let alive = held(&engine, "later");
    world.backup(&engine, (&repository, &mut archiver), BackupKind::Incremental).unwrap();
    world.clock.advance(SECOND);
    settle(&engine, |done| engine.delete_space("later", done)).unwrap();
    for _ in 0..2 {
        world.clock.advance(DAY);
        let made = world.backup(&engine, (&repository, &mut archiver), BackupKind::Full).unwrap();
        world.verify(&repository, &made.record.id, VerifyLevel::Bytes).unwrap();
    }
    let policy = RetentionPolicy { daily: 1, weekly: 0, monthly: 0 };
    let done = prune(&repository, policy, (false, None), &*world.clock, &mut |_| {}).unwrap();
    assert_eq!(done.removed.len(), 1, "{done:?}");
    let during = RestoreTarget::Time { at: alive.time, inclusive: true };
    world.try_restore(&repository, &during, "/during").unwrap();
    assert_eq!(held(&world.open("/during"), "later"), alive);
}

/// An early form of the backup cases of the simulator found it: what a prune had removed was archived once more, in part, and that was a gap
/// for everybody.
#[test]
fn the_end_of_a_space_that_is_archived_again_after_a_prune_is_no_gap() {
    let world = World::new();
    let repository = world.repository();
    let engine = world.open("/live");
    let mut archiver = Archiver::begin(&engine, &repository, 0, false).unwrap();
    settle(&engine, |done| engine.create_space(&space("later"), done)).unwrap();
    for number in 0..40 {
        remember(&engine, "later", &format!("x{number}"), &"long text ".repeat(60));
    }
    archiver.step(&engine, &repository).unwrap();
    engine.checkpoint("later").unwrap();
    engine.checkpoint("default").unwrap();
    for _ in 0..10 {
        engine.maintain(1_000).unwrap();
    }
    settle(&engine, |done| engine.delete_space("later", done)).unwrap();
    for _ in 0..2 {
        world.clock.advance(DAY);
        world.backup(&engine, (&repository, &mut archiver), BackupKind::Full).unwrap();
    }
    let policy = RetentionPolicy::default();
    prune(&repository, policy, (false, None), &*world.clock, &mut |_| {}).unwrap();
    // The next process takes what its log still has for what was never archived.
    let mut archiver = Archiver::begin(&engine, &repository, 0, false).unwrap();
    let step = archiver.step(&engine, &repository).unwrap();
    assert!(step.pieces > 0, "{step:?}");
    world.try_restore(&repository, &RestoreTarget::Latest, "/latest").unwrap();
    assert_eq!(held(&world.open("/latest"), "default"), held(&engine, "default"));
}

#[test]
fn the_log_of_spaces_that_came_and_went_between_backups_goes() {
    let world = World::new();
    let repository = world.repository();
    let engine = world.open("/live");
    let mut archiver = Archiver::begin(&engine, &repository, 0, false).unwrap();
    let policy = RetentionPolicy { daily: 2, weekly: 0, monthly: 0 };
    let backup = |archiver: &mut Archiver, day: u32| {
        remember(&engine, "default", &format!("d{day}"), &format!("note of day {day}"));
        let made = world.backup(&engine, (&repository, archiver), BackupKind::Full).unwrap();
        world.verify(&repository, &made.record.id, VerifyLevel::Bytes).unwrap();
        world.clock.advance(DAY);
    };
    // One is deleted before the next backup, one lives on without ever being in one that stays.
    let live = |name: &str| {
        settle(&engine, |done| engine.create_space(&space(name), done)).unwrap();
        remember(&engine, name, "one", "it is there for an hour");
    };
    backup(&mut archiver, 0);
    live("short");
    archiver.step(&engine, &repository).unwrap();
    settle(&engine, |done| engine.delete_space("short", done)).unwrap();
    archiver.step(&engine, &repository).unwrap();
    let spaces = || -> std::collections::BTreeSet<String> {
        let keys = world.store.list("log/").unwrap();
        keys.iter().map(|key| key.split('/').nth(1).unwrap().to_owned()).collect()
    };
    assert_eq!(spaces().len(), 2);
    let prune = || prune(&repository, policy, (false, None), &*world.clock, &mut |_| {}).unwrap();
    // The oldest backup is from before it was deleted: a restore may go back to when it was there.
    backup(&mut archiver, 1);
    prune();
    assert_eq!(spaces().len(), 2);
    backup(&mut archiver, 2);
    backup(&mut archiver, 3);
    live("young");
    archiver.step(&engine, &repository).unwrap();
    assert!(prune().pieces > 0);
    assert_eq!(spaces().len(), 2, "the young one stays, the short one is gone");
    world.try_restore(&repository, &RestoreTarget::Latest, "/latest").unwrap();
    assert_eq!(held(&world.open("/latest"), "young"), held(&engine, "young"));
}
