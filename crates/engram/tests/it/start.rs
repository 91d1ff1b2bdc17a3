//! How a server starts, and how it refuses to.

use std::net::TcpListener;

use crate::world::{World, text};

#[test]
fn a_taken_port_is_named() {
    let world = World::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let outcome = world.run(&["start", "--http", &address, "--grpc", "off"]);
    outcome.fails(1, &["ERR-5009", &address]);
}

#[test]
fn a_data_directory_serves_one_server() {
    let world = World::new();
    let node = world.start();
    let data = world.data_dir();
    let outcome = world.run(&[
        "start",
        "--http",
        "127.0.0.1:0",
        "--grpc",
        "off",
        "--data-dir",
        data.to_str().unwrap(),
    ]);
    outcome.fails(1, &["ERR-5007"]);
    node.run(&["remember", "still here"]).ok();
}

#[test]
fn a_wrong_configuration_is_refused_with_the_nearest_name() {
    let world = World::new();
    let file = world.write("engram.toml", "[http]\nadr = \"127.0.0.1:0\"\n");
    world.run(&["start", "--config", &file]).fails(2, &["ERR-5010", "http.adr", "http.addr", ":2"]);
    world.run(&["start", "--config", "missing.toml"]).fails(2, &["missing.toml"]);
    world.run(&["start", "--http", "nowhere"]).fails(2, &["http.addr", "--http"]);
    let example = "example: --set limits.batch_memories=";
    world.run(&["start", "--set", "limits.batch_memories=0"]).fails(2, &[example]);
}

#[test]
fn the_configuration_says_where_each_value_comes_from() {
    let world = World::new();
    let file = world.write("engram.toml", "[limits]\nbatch_memories = 10\n");
    let rows = world
        .run(&[
            "--output",
            "json",
            "config",
            "show",
            "--origin",
            "--config",
            &file,
            "--http",
            "127.0.0.1:9",
        ])
        .ok()
        .json();
    assert_eq!(rows["http.addr"]["value"], "127.0.0.1:9");
    assert_eq!(rows["http.addr"]["origin"], "flag --http");
    assert_eq!(rows["limits.batch_memories"]["value"], "10");
    let origin = rows["limits.batch_memories"]["origin"].as_str().unwrap();
    assert!(origin.ends_with("engram.toml:2"), "{origin}");
    assert_eq!(rows["default_space.name"]["origin"], "default");
    let data_dir = rows["data_dir"]["value"].as_str().unwrap();
    assert!(data_dir.starts_with(world.path("").to_str().unwrap()), "{data_dir}");
}

#[test]
fn a_start_greets_with_something_to_try() {
    let world = World::new();
    let node = world.start();
    let log = text(&world.path("server.log"));
    assert!(log.contains("listening on 127.0.0.1:"), "{log}");
    node.stop();
    assert!(world.data_dir().is_dir());
}

#[test]
fn completions_and_versions_need_no_server() {
    let world = World::new();
    assert!(world.run(&["completions", "bash"]).ok().stdout.contains("_engram"));
    assert!(world.run(&["version"]).ok().stdout.starts_with("engram "));
    assert!(world.run(&["--version"]).ok().stdout.starts_with("engram "));
}
