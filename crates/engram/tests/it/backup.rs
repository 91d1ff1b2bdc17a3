//! `engram backup` where it is used wrongly, and what it leaves behind.

use crate::recovery::{remember, world};

#[test]
fn wrong_use_is_told() {
    let world = world(&["main"]);
    world.run(&["backup", "list"]).fails(3, &["holds nothing yet"]);
    let node = world.start();
    remember(&node, 0..2);
    node.run(&["backup", "create"]).ok();
    node.run(&["backup", "create", "--repository", "mian"]).fails(3, &["main"]);
    node.run(&["backup", "create", "--space", "defualt"]).fails(3, &["default"]);
    world.run(&["backup", "info", "nothing"]).fails(3, &["no backup"]);
    let future = ["backup", "restore", "--to", "2199-01-01T00:00:00Z", "--dry-run"];
    world.run(&future).fails(2, &["future", "archive reaches"]);
    let past = ["backup", "restore", "--to", "1999-01-01T00:00:00Z", "--dry-run"];
    world.run(&past).fails(2, &["too old"]);
    world
        .run(&["backup", "restore", "--to", "yesterday", "--dry-run"])
        .fails(2, &["expected latest"]);
    node.run(&["backup", "point", "Bad Name"]).fails(2, &["no name"]);
    node.run(&["backup", "restore", "--as", "x"]).fails(2, &["--space"]);
}

#[test]
fn checks_and_restores_leave_nothing_in_the_data_directory() {
    let world = world(&["main"]);
    let node = world.start();
    remember(&node, 0..4);
    node.run(&["backup", "create", "--kind", "full"]).ok();
    node.run(&["backup", "restore", "--space", "default", "--as", "then"]).ok();
    // Checks that are due by themselves end with the server.
    node.stop();
    let names = std::fs::read_dir(world.data_dir()).unwrap();
    let names: Vec<String> =
        names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert!(!names.iter().any(|name| name.starts_with("restore-check")), "{names:?}");
}
