//! What is wrong with a repository is found at the level that says so, and never restored.

use engram_backup::{
    Archiver, BackupError, BackupKind, CreateOptions, RestoreTarget, RetentionPolicy, VerifyLevel,
    create, list_backups, prune, set_pin,
};
use engram_store::BlobStore;

use crate::harness::{SECOND, World, remember};

/// A repository with a full and an incremental backup, and the name of the second.
fn filled(world: &World) -> String {
    let repository = world.repository();
    let engine = world.open("/live");
    let mut archiver = Archiver::begin(&engine, &repository, 0, false).unwrap();
    for number in 0..12 {
        remember(&engine, "default", &format!("m{number}"), &format!("note {number} of a day"));
    }
    world.backup(&engine, (&repository, &mut archiver), BackupKind::Full).unwrap();
    remember(&engine, "default", "more", "one more");
    archiver.step(&engine, &repository).unwrap();
    remember(&engine, "default", "last", "the last one");
    let made =
        world.backup(&engine, (&repository, &mut archiver), BackupKind::Incremental).unwrap();
    made.record.id
}

fn read(world: &World, key: &str) -> Vec<u8> {
    let mut bytes = vec![0; world.store.len(key).unwrap() as usize];
    world.store.get_range(key, 0, &mut bytes).unwrap();
    bytes
}

fn keys(world: &World, prefix: &str) -> Vec<String> {
    world.store.list(prefix).unwrap()
}

/// The lowest level that finds something wrong with the newest backup; 0 = the listing shows it, none = no level does.
fn caught(mutilate: impl FnOnce(&World, &str)) -> Option<u8> {
    let world = World::new();
    let id = filled(&world);
    let repository = world.repository();
    let intact = world.verify(&repository, &id, VerifyLevel::Restore).unwrap();
    assert_eq!(intact.findings, []);
    for key in keys(&world, "checks/") {
        world.store.delete(&key).unwrap();
    }
    mutilate(&world, &id);
    let level = found_at(&world, &id);
    // Nothing that was found wrong is restored as if it were right.
    let restored = world.try_restore(&repository, &RestoreTarget::Backup(id), "/restored");
    assert!(level.is_none() || restored.is_err(), "found at level {level:?} and restored");
    level
}

fn found_at(world: &World, id: &str) -> Option<u8> {
    let repository = world.repository();
    let listing = list_backups(&repository).unwrap();
    let listed = listing.backups.iter().find(|listed| listed.record.id == id);
    if !listing.damaged.is_empty() || listed.is_none_or(|own| own.standing.name() != "complete") {
        return Some(0);
    }
    let levels = [VerifyLevel::Presence, VerifyLevel::Bytes, VerifyLevel::Restore];
    levels
        .into_iter()
        .find(|level| !world.verify(&repository, id, *level).unwrap().findings.is_empty())
        .map(|level| level as u8)
}

fn flip(world: &World, key: &str, at: usize) {
    let mut bytes = read(world, key);
    let at = at.min(bytes.len() - 1);
    bytes[at] ^= 0x10;
    world.store.put(key, &bytes).unwrap();
}

#[test]
fn missing_objects_are_found_by_presence() {
    let missing = |world: &World, _: &str| {
        world.store.delete(&keys(world, "objects/")[0]).unwrap();
    };
    assert_eq!(caught(missing), Some(1));
}

#[test]
fn half_uploaded_objects_are_found_by_presence() {
    let half = |world: &World, _: &str| {
        let key = &keys(world, "objects/")[0];
        let bytes = read(world, key);
        world.store.put(key, &bytes[..bytes.len() / 2]).unwrap();
    };
    assert_eq!(caught(half), Some(1));
}

#[test]
fn swapped_objects_are_found_by_presence() {
    let swap = |world: &World, _: &str| {
        let keys = keys(world, "objects/");
        let [one, two] = [&keys[0], &keys[1]].map(|key| read(world, key));
        world.store.put(&keys[0], &two).unwrap();
        world.store.put(&keys[1], &one).unwrap();
    };
    assert_eq!(caught(swap), Some(1));
}

#[test]
fn flipped_bits_of_files_are_found_by_bytes() {
    for at in [100, 200, usize::MAX] {
        let flipped = |world: &World, _: &str| flip(world, &keys(world, "objects/")[0], at);
        assert_eq!(caught(flipped), Some(2), "byte {at}");
    }
}

#[test]
fn flipped_bits_and_cut_pieces_of_the_log_are_found_by_bytes() {
    let flipped = |world: &World, _: &str| {
        flip(world, keys(world, "log/").last().unwrap(), 120);
    };
    assert_eq!(caught(flipped), Some(2));
    let cut = |world: &World, _: &str| {
        let key = keys(world, "log/").pop().unwrap();
        let bytes = read(world, &key);
        world.store.put(&key, &bytes[..bytes.len() - 20]).unwrap();
    };
    assert_eq!(caught(cut), Some(2));
}

#[test]
fn a_gap_in_the_log_makes_a_backup_wait_for_it() {
    let gap = |world: &World, _: &str| {
        let pieces = keys(world, "log/");
        world.store.delete(&pieces[pieces.len() - 2]).unwrap();
    };
    assert_eq!(caught(gap), Some(0));
}

#[test]
fn a_piece_under_the_name_of_another_is_found_by_bytes() {
    let swapped = |world: &World, _: &str| {
        let pieces = keys(world, "log/");
        let [.., one, two] = &pieces[..] else { unreachable!() };
        let bytes = read(world, one);
        world.store.put(two, &bytes).unwrap();
    };
    assert_eq!(caught(swapped), Some(2));
}

#[test]
fn missing_and_damaged_records_show_in_the_listing() {
    let orphan = |world: &World, _: &str| {
        world.store.delete(&keys(world, "backups/")[0]).unwrap();
    };
    assert_eq!(caught(orphan), Some(0));
    let damaged = |world: &World, id: &str| flip(world, &format!("backups/{id}"), 130);
    assert_eq!(caught(damaged), Some(0));
    // An older record under the name of a newer one.
    let old = |world: &World, id: &str| {
        let bytes = read(world, &keys(world, "backups/")[0]);
        world.store.put(&format!("backups/{id}"), &bytes).unwrap();
    };
    assert_eq!(caught(old), Some(0));
}

#[test]
fn the_log_of_another_timeline_is_never_taken() {
    let world = World::new();
    let id = filled(&world);
    let repository = world.repository();
    // The same numbers on a timeline that the backup is not on.
    let last = keys(&world, "log/").pop().unwrap();
    let foreign = last.replace("/00000001-", "/00000009-");
    let bytes = read(&world, &last);
    world.store.delete(&last).unwrap();
    world.store.put(&foreign, &bytes).unwrap();
    assert_eq!(found_at(&world, &id), Some(0));
    assert!(world.try_restore(&repository, &RestoreTarget::Backup(id), "/restored").is_err());
}

#[test]
fn the_same_name_with_other_content_is_refused() {
    let world = World::new();
    filled(&world);
    let repository = world.repository();
    let engine = world.open("/other");
    // Another directory that was copied and calls itself the same.
    let refused = Archiver::begin(&engine, &repository, 0, false).err().unwrap();
    assert!(matches!(refused, BackupError::Foreign { .. }), "{refused}");
}

#[test]
fn a_store_that_cannot_be_read_is_an_error_and_no_finding() {
    let world = World::new();
    let id = filled(&world);
    let repository = world.repository();
    let refused = world.verify(&repository, "20990101t000000z-f", VerifyLevel::Presence);
    assert!(matches!(refused, Err(BackupError::UnknownBackup { .. })));
    assert!(world.verify(&repository, &id, VerifyLevel::Presence).unwrap().findings.is_empty());
}

#[test]
fn a_full_backup_after_a_bad_one_sends_damaged_objects_again() {
    let world = World::new();
    let id = filled(&world);
    let repository = world.repository();
    for key in keys(&world, "objects/") {
        flip(&world, &key, 200);
    }
    assert!(!world.verify(&repository, &id, VerifyLevel::Bytes).unwrap().findings.is_empty());
    let engine = world.open("/live");
    let mut archiver = Archiver::begin(&engine, &repository, 0, false).unwrap();
    let made = world.backup(&engine, (&repository, &mut archiver), BackupKind::Full).unwrap();
    let report = world.verify(&repository, &made.record.id, VerifyLevel::Restore).unwrap();
    assert_eq!(report.findings, []);
}

#[test]
fn a_lease_that_was_left_behind_is_taken_over_by_its_own_directory_only() {
    let world = World::new();
    filled(&world);
    let repository = world.repository();
    let engine = world.open("/live");
    let mut archiver = Archiver::begin(&engine, &repository, 0, false).unwrap();
    // What a process that dies in the middle of a backup leaves.
    let mut left = Vec::new();
    let options = CreateOptions {
        kind: BackupKind::Full,
        spaces: None,
        version: "test".to_owned(),
        archive_interval_ns: i64::MAX,
    };
    let at = (&repository, &mut archiver);
    let mut look = |_: &str, _, _| left = read(&world, "lease");
    create(&engine, at, &options, &*world.clock, &mut look).unwrap();
    world.store.put("lease", &left).unwrap();
    let policy = RetentionPolicy::default();
    let refused = prune(&repository, policy, (true, None), &*world.clock, &mut |_| {});
    assert!(matches!(refused, Err(BackupError::Busy { .. })));
    let refused = set_pin(&repository, "latest", true, &*world.clock);
    assert!(matches!(refused, Err(BackupError::Busy { .. })));
    world.backup(&engine, (&repository, &mut archiver), BackupKind::Full).unwrap();
}

#[test]
fn a_lease_lasts_as_long_as_the_work_does() {
    let world = World::new();
    filled(&world);
    let repository = world.repository();
    let engine = world.open("/live");
    let mut archiver = Archiver::begin(&engine, &repository, 0, false).unwrap();
    remember(&engine, "default", "new", "something to send");
    let options = CreateOptions {
        kind: BackupKind::Full,
        spaces: None,
        version: "test".to_owned(),
        archive_interval_ns: i64::MAX,
    };
    // Each step takes five hours, and somebody else would like to work, too.
    let mut refused = 0;
    let mut slow = |_: &str, _, _| {
        world.clock.advance(5 * 3_600 * SECOND);
        let other = prune(
            &repository,
            RetentionPolicy::default(),
            (true, None),
            &*world.clock,
            &mut |_| {},
        );
        assert!(matches!(other, Err(BackupError::Busy { .. })), "{other:?}");
        refused += 1;
    };
    create(&engine, (&repository, &mut archiver), &options, &*world.clock, &mut slow).unwrap();
    assert!(refused > 2, "{refused} steps");
}
