//! The runbooks of `docs/operating/disaster-recovery.md`, step by step, with the real program. Each says what the recovery cost.

use std::time::Instant;

use crate::bucket::{Bucket, VARIABLES};
use crate::recovery::{Before, archived, configure, damage_every, remember, world};
use crate::world::World;

#[test]
fn a_lost_data_directory_is_restored_and_takes_over() {
    let world = world(&["main"]);
    let node = world.start();
    remember(&node, 0..10);
    node.run(&["backup", "create", "--kind", "full"]).ok();
    remember(&node, 10..15);
    archived(&node);
    let (exported, before) = (node.export("default"), Before::of(&node));
    node.kill();
    std::fs::remove_dir_all(world.data_dir()).unwrap();

    let dir = world.data_dir();
    let begun = Instant::now();
    world.run(&["backup", "restore", "--into", dir.to_str().unwrap()]).ok();
    let node = world.start();
    let cost = before.recovered("lost data directory", begun, &node);
    assert_eq!((cost.lost_commits, cost.rpo_ns), (0, 0));
    assert_eq!(node.export("default"), exported);
    let refused = node.run(&["backup", "create"]);
    assert!(
        refused.stderr.contains("repository_foreign") || refused.exit == 1,
        "{}",
        refused.stderr
    );
    node.run(&["backup", "take-over"]).ok();
    remember(&node, 15..18);
    node.run(&["backup", "create", "--kind", "full"]).ok();
    assert_eq!(node.memories("default"), 18);
    world.run(&["backup", "verify", "--level", "4"]).ok();
    world.run(&["backup", "check"]).ok();
}

#[test]
fn a_lost_node_is_replaced_from_a_remote_repository() {
    let bucket = Bucket::start();
    let (exported, before) = {
        let lost = World::with_variables(&VARIABLES);
        configure(&lost, &[], &bucket.config("far"));
        let node = lost.start();
        remember(&node, 0..8);
        node.run(&["backup", "create", "--kind", "full"]).ok();
        remember(&node, 8..12);
        archived(&node);
        let seen = (node.export("default"), Before::of(&node));
        node.kill();
        seen
        // The whole home goes with the end of this block.
    };

    // Another machine: a configuration that names the repository, the credentials, and nothing else.
    let world = World::with_variables(&VARIABLES);
    configure(&world, &[], &bucket.config("far"));
    let dir = world.data_dir();
    let begun = Instant::now();
    world.run(&["backup", "restore", "--dry-run"]).ok();
    world.run(&["backup", "restore", "--into", dir.to_str().unwrap()]).ok();
    let node = world.start();
    let cost = before.recovered("lost node", begun, &node);
    assert_eq!((cost.lost_commits, cost.rpo_ns), (0, 0));
    assert_eq!(node.export("default"), exported);
    node.run(&["backup", "take-over"]).ok();
    remember(&node, 12..14);
    node.run(&["backup", "create", "--kind", "full"]).ok();
    world.run(&["backup", "verify", "--level", "4"]).ok();
    world.run(&["backup", "check"]).ok();
}

#[test]
fn an_accidental_forget_is_undone_beside_the_live_space() {
    let world = world(&["main"]);
    let node = world.start();
    remember(&node, 0..8);
    node.run(&["backup", "create", "--kind", "full"]).ok();
    archived(&node);
    let before = Before::of(&node);
    let receipt = node.json(&["forget", "m3", "m4", "--delete", "--yes"]);
    let lsn = receipt["receipt"]["lsn"].as_u64().unwrap();
    archived(&node);

    let begun = Instant::now();
    let at = format!("lsn:{lsn}");
    let restore = ["backup", "restore", "--to", &at, "--exclusive", "--space", "default"];
    let dry = [&["--output", "json"], &restore[..], &["--dry-run"]].concat();
    let plan = world.run(&dry).ok().json();
    assert_eq!(plan["spaces"][0]["last"]["lsn"], lsn - 1);
    assert_eq!(plan["spaces"][0]["first_left_out"]["lsn"], lsn);
    node.run(&[&restore[..], &["--as", "then"]].concat()).ok();
    assert_eq!(node.memories("then"), 8);
    assert_eq!(node.memories("default"), 6);
    // What is wanted back goes through export and import.
    let lines = node.export("then");
    let wanted: Vec<&str> =
        lines.lines().filter(|line| line.contains("\"m3\"") || line.contains("\"m4\"")).collect();
    let file = world.write("back.jsonl", wanted.join("\n"));
    node.run(&["import", &file]).ok();
    node.run(&["get", "m3"]).ok();
    let cost = before.cost("accidental forget", begun, &node);
    assert_eq!((cost.lost_commits, cost.rpo_ns), (0, 0));
    assert_eq!(node.memories("default"), 8);
    node.run(&["space", "delete", "then", "--yes"]).ok();
    // What was forgotten stays forgotten in a restore to a later target.
    let dir = world.path("later");
    let dir = dir.to_str().unwrap();
    world.run(&["backup", "restore", "--to", &at, "--space", "default", "--into", dir]).ok();
    let told = ["--output", "json", "store", "verify", "--deep", "--data-dir", dir];
    assert_eq!(world.run(&told).ok().json()["spaces"][0]["memories"], 6);
}

#[test]
fn a_corrupted_log_is_replaced() {
    let world = world(&["main"]);
    let node = world.start();
    remember(&node, 0..6);
    node.run(&["backup", "create", "--kind", "full"]).ok();
    remember(&node, 6..12);
    archived(&node);
    let (exported, before) = (node.export("default"), Before::of(&node));
    node.kill();
    let dir = world.data_dir();
    let dir = dir.to_str().unwrap();
    // A commit that others follow: the log of after the backup.
    let dump = ["store", "dump", "--data-dir", dir];
    let lines = world.run(&dump).ok().stdout;
    let commits: Vec<serde_json::Value> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let commits: Vec<_> = commits.iter().filter(|one| one["offset"].is_u64()).collect();
    assert!(commits.len() > 4, "{lines}");
    let injured = &commits[commits.len() / 2];
    let path = world.data_dir().join(injured["file"].as_str().unwrap());
    let mut bytes = std::fs::read(&path).unwrap();
    let at = injured["offset"].as_u64().unwrap() as usize;
    bytes[at + 24..at + 40].iter_mut().for_each(|byte| *byte ^= 0x5a);
    std::fs::write(&path, bytes).unwrap();
    let found = world.run(&["store", "verify", "--deep", "--data-dir", dir]);
    assert_eq!(found.exit, 1, "{}", found.stderr);
    world.run(&["store", "repair", "--dry-run", "--data-dir", dir]);

    let begun = Instant::now();
    world.run(&["backup", "restore", "--into", dir, "--force"]).ok();
    let node = world.start();
    let cost = before.recovered("corrupted log", begun, &node);
    assert_eq!((cost.lost_commits, cost.rpo_ns), (0, 0));
    assert_eq!(node.export("default"), exported);
    node.run(&["backup", "take-over"]).ok();
}

#[test]
fn damaged_segments_are_replaced_and_the_rest_is_used_again() {
    let world = world(&["main"]);
    let node = world.start();
    remember(&node, 0..12);
    node.run(&["backup", "create", "--kind", "full"]).ok();
    remember(&node, 12..14);
    archived(&node);
    let (exported, before) = (node.export("default"), Before::of(&node));
    node.stop();
    let spaces = world.data_dir().join("spaces");
    assert!(damage_every(&spaces, |name| name.ends_with(".segment")) > 0);
    let dir = world.data_dir();
    let dir = dir.to_str().unwrap();
    let found = world.run(&["store", "verify", "--deep", "--data-dir", dir]);
    assert_eq!(found.exit, 1, "{}", found.stderr);

    world.run(&["backup", "restore", "--into", dir]).fails(2, &["not empty"]);
    let begun = Instant::now();
    world.run(&["backup", "restore", "--into", dir, "--force"]).ok();
    let node = world.start();
    let cost = before.recovered("damaged segment", begun, &node);
    assert_eq!((cost.lost_commits, cost.rpo_ns), (0, 0));
    assert_eq!(node.export("default"), exported);
    // A directory that a server has is not moved.
    world.run(&["backup", "restore", "--into", dir, "--force"]).fails(1, &["locked"]);
}

#[test]
fn ransomware_spoils_all_it_reaches_and_the_last_clean_point_is_restored() {
    let bucket = Bucket::start();
    let world = World::with_variables(&VARIABLES);
    configure(&world, &["near"], &bucket.config("far"));
    let node = world.start();
    remember(&node, 0..6);
    for name in ["far", "near"] {
        node.run(&["backup", "create", "--kind", "full", "--repository", name]).ok();
    }
    archived(&node);
    let (clean, exported) = (bucket.moment(), node.export("default"));
    remember(&node, 6..9);
    archived(&node);
    let before = Before::of(&node);
    node.stop();
    // It has this machine, and with that the credentials of the bucket.
    let near = world.path("repository-near");
    assert!(damage_every(&near, |name| name.starts_with("objects%")) > 0);
    for key in bucket.objects().keys().filter(|key| key.contains("/objects/")) {
        bucket.change(key, Some(b"pay to read this".repeat(20)));
    }
    let last = bucket.objects().into_keys().rfind(|key| key.contains("/log/")).unwrap();
    bucket.change(&last, None);
    std::fs::remove_dir_all(world.data_dir()).unwrap();

    let into = world.path("restored");
    let into = into.to_str().unwrap();
    for name in ["near", "far"] {
        let found = world.run(&["backup", "verify", "--repository", name, "--level", "2"]);
        assert_eq!(found.exit, 1, "{}", found.stderr);
        world.run(&["backup", "check", "--repository", name]).fails(1, &[]);
        let refused = world.run(&["backup", "restore", "--repository", name, "--into", into]);
        assert_ne!(refused.exit, 0, "{name}");
        let _ = std::fs::remove_dir_all(into);
    }

    // The owner of the bucket sets it back to before the attack: what was overwritten or deleted is there.
    let begun = Instant::now();
    bucket.set_back(clean);
    let list = ["--output", "json", "backup", "list", "--repository", "far"];
    let list = world.run(&list).ok().json();
    let good = list["backups"].as_array().unwrap().iter().rfind(|own| own["state"] == "verified");
    let target = format!("backup:{}", good.unwrap()["id"].as_str().unwrap());
    let far = ["--repository", "far"];
    world.run(&[&["backup", "verify", "--level", "2"], &far[..]].concat()).ok();
    let dir = world.data_dir();
    let restore = ["backup", "restore", "--to", &target, "--into", dir.to_str().unwrap()];
    world.run(&[&restore[..], &far].concat()).ok();
    // New, empty repositories: nobody knows what else is in the old ones.
    std::fs::remove_dir_all(near).unwrap();
    let bucket = Bucket::start();
    configure(&world, &["near"], &bucket.config("far"));
    let node = world.start();
    let cost = before.cost("ransomware", begun, &node);
    assert_eq!(node.export("default"), exported);
    assert!(cost.lost_commits >= 3 && cost.rpo_ns > 0, "three notes came after the clean point");
    node.run(&[&["backup", "create", "--kind", "full"], &far[..]].concat()).ok();
    world.run(&[&["backup", "verify", "--level", "3"], &far[..]].concat()).ok();
}

#[test]
fn a_wrong_restore_is_taken_back_along_the_old_timeline() {
    let world = world(&["main"]);
    let node = world.start();
    remember(&node, 0..4);
    node.run(&["backup", "create", "--kind", "full"]).ok();
    archived(&node);
    let point = node.json(&["space", "stats", "default"])["lsn"].as_u64().unwrap();
    remember(&node, 4..8);
    archived(&node);
    let (exported, before) = (node.export("default"), Before::of(&node));
    node.stop();
    // The wrong target, and the server goes on from there.
    let dir = world.data_dir();
    let dir = dir.to_str().unwrap();
    let at = format!("lsn:{point}");
    let wrong = ["backup", "restore", "--to", &at, "--space", "default", "--into", dir, "--force"];
    world.run(&wrong).ok();
    let node = world.start();
    node.run(&["backup", "take-over"]).ok();
    remember(&node, 20..22);
    archived(&node);
    assert_eq!(node.memories("default"), 6);
    node.stop();

    let begun = Instant::now();
    world.run(&["backup", "restore", "--timeline", "1", "--into", dir, "--force"]).ok();
    let node = world.start();
    let cost = before.recovered("wrong restore", begun, &node);
    assert_eq!((cost.lost_commits, cost.rpo_ns), (0, 0));
    assert_eq!(node.export("default"), exported);
}
