//! `engram drill` on real repositories: what it measures, and that it leaves them as they are.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde_json::Value;

use crate::bucket::{Bucket, VARIABLES};
use crate::recovery::{archived, configure, damage_every, remember, world};
use crate::world::{World, text};

/// Every file below a folder with its content and when it was changed.
fn files(dir: &Path) -> BTreeMap<PathBuf, (Vec<u8>, SystemTime)> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            found.extend(files(&entry.path()));
        } else {
            let changed = entry.metadata().unwrap().modified().unwrap();
            found.insert(entry.path(), (std::fs::read(entry.path()).unwrap(), changed));
        }
    }
    found
}

/// A world whose server has memories in two spaces, made a backup, and went on.
fn filled(world: &World) {
    let node = world.start();
    remember(&node, 0..10);
    node.run(&["space", "create", "notes"]).ok();
    node.run(&["remember", "a note of its own", "--space", "notes"]).ok();
    node.run(&["space", "create", "empty"]).ok();
    node.run(&["backup", "create", "--kind", "full"]).ok();
    remember(&node, 10..14);
    archived(&node);
    node.stop();
}

fn runbook<'a>(report: &'a Value, name: &str) -> &'a Value {
    let all = report["runbooks"].as_array().unwrap();
    all.iter().find(|own| own["name"] == name).unwrap_or_else(|| panic!("no {name} in {report}"))
}

#[track_caller]
fn passed(report: &Value, name: &str) {
    let own = runbook(report, name);
    assert_eq!(own["state"], "passed", "{own:#}");
    assert!(own["rto_seconds"].as_f64().unwrap() > 0.0, "{own:#}");
    assert!(own["rpo_seconds"].as_f64().unwrap() >= 0.0, "{own:#}");
    assert!(own["bytes"].as_u64().unwrap() > 0 && own["recalls"].as_u64().unwrap() > 0, "{own:#}");
}

#[test]
fn every_runbook_passes_on_copies_and_the_originals_stay_as_they_are() {
    let world = world(&["main"]);
    filled(&world);
    let (repository, data) = (world.path("repository-main"), world.data_dir());
    let before = (files(&repository), files(&data));
    let scratch = world.path("scratch");
    std::fs::create_dir(&scratch).unwrap();
    let (place, file) = (scratch.to_str().unwrap(), world.path("report.json"));
    let drill = ["drill", "--json", "--scratch", place, "--report", file.to_str().unwrap()];
    let report = world.run(&drill).ok().json();
    assert_eq!((files(&repository), files(&data)), before, "nothing was touched");
    assert_eq!(std::fs::read_dir(&scratch).unwrap().count(), 0, "nothing stays");
    assert_eq!(serde_json::from_str::<Value>(&text(&file)).unwrap(), report);
    assert_eq!(
        (&report["failed"], &report["spaces"], &report["memories"]),
        (&0.into(), &3.into(), &15.into())
    );
    for name in [
        "lost-data-directory",
        "accidental-forget",
        "corrupted-log",
        "damaged-segment",
        "ransomware",
    ] {
        passed(&report, name);
    }
    for name in ["lost-data-directory", "corrupted-log", "damaged-segment", "accidental-forget"] {
        assert_eq!(runbook(&report, name)["lost_commits"], 0, "{name}");
    }
    // Four notes came after the only backup.
    let lost = &runbook(&report, "ransomware")["lost_commits"];
    assert!(lost.as_u64().unwrap() >= 4, "{lost}");
    let node = runbook(&report, "lost-node");
    assert_eq!(node["state"], "not_possible");
    assert!(node["why"][0].as_str().unwrap().contains("elsewhere"), "{node}");
}

#[test]
fn a_lost_node_is_drilled_with_a_remote_repository_and_the_report_is_for_people() {
    let bucket = Bucket::start();
    let world = World::with_variables(&VARIABLES);
    configure(&world, &[], &bucket.config("far"));
    filled(&world);
    let before = bucket.objects();
    let drill = ["drill", "--runbook", "lost-node", "--runbook", "ransomware"];
    let told = world.run(&drill).ok().stdout;
    assert_eq!(bucket.objects(), before, "nothing was touched");
    for part in [
        "# Disaster-recovery drill",
        "| far (s3://bucket/engram) |",
        "## lost-node: passed",
        "## ransomware: passed",
    ] {
        assert!(told.contains(part), "{part} is missing in {told}");
    }
    assert!(!told.contains("corrupted-log"), "{told}");
    assert!(!told.contains(VARIABLES[1].1), "{told}");
}

#[test]
fn what_a_drill_cannot_do_is_told() {
    let world = world(&["main"]);
    world.run(&["drill"]).fails(3, &["holds nothing yet"]);
    assert!(!world.path("repository-main").exists(), "it was not made");
    filled(&world);
    let inside = world.data_dir().join("spaces");
    world
        .run(&["drill", "--scratch", inside.to_str().unwrap()])
        .fails(2, &["the data directory", "--scratch"]);
    let inside = world.path("repository-main");
    world.run(&["drill", "--scratch", inside.to_str().unwrap()]).fails(2, &["a repository"]);
    world.run(&["drill", "--repository", "mian"]).fails(3, &["main"]);
    // A repository that is spoiled fails the drill before any runbook: there is nothing to compare with.
    assert!(damage_every(&inside, |name| name.starts_with("objects%")) > 0);
    let refused = world.run(&["drill"]);
    assert_eq!(refused.exit, 1, "{} {}", refused.stdout, refused.stderr);
}
