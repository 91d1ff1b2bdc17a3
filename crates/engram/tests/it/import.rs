//! What goes in by import comes out by export, and an import that was cut short goes on.

use std::io::Write as _;

use crate::world::{Node, World};

const OWN: &str = r#"{"id":"a","text":"first","tags":["x"],"occurred_at":"2026-01-05T11:00:00.123456789Z","confidence":0.75}
{"text":"no id","metadata":{"n":1}}

{"id":"c","text":"third"}
"#;

fn tally(node: &Node<'_>, args: &[&str]) -> serde_json::Value {
    node.json(&[&["import"], args].concat())
}

#[test]
fn our_own_lines_go_in_once() {
    let world = World::new();
    let node = world.start();
    let file = world.write("own.jsonl", OWN);
    let first = tally(&node, &[&file]);
    assert_eq!((first["read"].as_u64(), first["created"].as_u64()), (Some(3), Some(3)));
    let second = tally(&node, &[&file]);
    assert_eq!((second["created"].as_u64(), second["already_there"].as_u64()), (Some(0), Some(3)));
    assert_eq!(node.memories("default"), 3);
    assert_eq!(node.json(&["get", "own.jsonl:2"])["text"], "no id");
}

#[test]
fn an_export_comes_back_with_all_fields() {
    let world = World::new();
    let node = world.start();
    let file = world.write("own.jsonl", OWN);
    tally(&node, &[&file]);
    node.run(&[
        "remember",
        "everything",
        "--id",
        "all",
        "--title",
        "T",
        "--kind",
        "procedure",
        "--session",
        "s",
        "--at",
        "2026-01-01",
        "--until",
        "2026-01-02",
        "--place",
        "P",
        "--person",
        "Ada",
        "--entity",
        "E",
        "--tag",
        "t",
        "--meta",
        "a.b=[1,2.5,null,\"x\"]",
        "--source-kind",
        "chat",
        "--source-ref",
        "r",
        "--trust",
        "0.3",
        "--subject",
        "S",
        "--attribute",
        "A",
        "--confidence",
        "0.9",
        "--importance",
        "0.1",
        "--valid-from",
        "2026-01-01",
        "--valid-until",
        "2027-01-01",
        "--expires-at",
        "2099-01-01",
    ])
    .ok();
    let export = world.path("export.jsonl");
    node.run(&["export", export.to_str().unwrap()]).ok();
    node.run(&["export", export.to_str().unwrap()]).fails(1, &["ERR-5006"]);
    node.run(&["space", "create", "copy"]).ok();
    let copied = tally(&node, &[export.to_str().unwrap(), "--space", "copy"]);
    assert_eq!(copied["created"], 4);
    let plain = |space| stated(&node.run(&["export", "--space", space]).ok().stdout);
    assert_eq!(plain("copy"), plain("default"));

    // Vectors of a space without an embedder are carried, since nothing can make them again.
    node.run(&["space", "create", "raw", "--embedder", "none", "--dimension", "2"]).ok();
    node.run(&["remember", "--space", "raw", "--id", "v", "--vector", "[0.6,0.8]"]).ok();
    let raw = node.run(&["export", "--space", "raw"]).ok().stdout;
    node.run(&["space", "create", "raw-copy", "--embedder", "none", "--dimension", "2"]).ok();
    node.run_with_stdin(&["import", "-", "--space", "raw-copy"], &raw).ok();
    let copy = node.run(&["export", "--space", "raw-copy"]).ok().stdout;
    assert_eq!(stated(&copy), stated(&raw));
}

#[test]
fn confidence_comes_back_as_it_was_stated() {
    let world = World::new();
    let node = world.start();
    let lines = r#"{"id":"none","text":"a"}
{"id":"zero","text":"b","confidence":0}
{"id":"one","text":"c","confidence":1}
{"id":"half","text":"d","confidence":0.5}
{"id":"default","text":"e","confidence":0.6666667}
"#;
    node.run_with_stdin(&["import", "-"], lines).ok();
    assert!(node.json(&["get", "none"])["confidence"].get("stated").is_none());
    assert_eq!(node.json(&["get", "zero"])["confidence"]["stated"], 0.0);
    let export = node.run(&["export"]).ok().stdout;
    assert_eq!(stated(&export)[0].get("confidence"), None);
    assert_eq!(stated(&export)[2]["confidence"], 1.0);
    for (space, created, there) in [("default", 0, 5), ("copy", 5, 0)] {
        let args = ["-o", "json", "import", "-", "--space", space, "--create-space"];
        let tally = node.run_with_stdin(&args, &export).ok().json();
        assert_eq!((&tally["created"], &tally["already_there"]), (&created.into(), &there.into()));
        let again = node.run(&["export", "--space", space]).ok().stdout;
        assert_eq!(stated(&again), stated(&export));
    }
}

#[test]
fn what_was_suppressed_stays_suppressed() {
    let world = World::new();
    let node = world.start();
    let lines = "{\"id\":\"a\",\"text\":\"one\"}\n{\"id\":\"b\",\"text\":\"two\"}\n";
    node.run_with_stdin(&["import", "-"], lines).ok();
    node.run(&["forget", "b", "--yes"]).ok();
    assert_eq!(node.run(&["export"]).ok().stdout.lines().count(), 1);
    let hidden = node.run(&["export", "--state", "suppressed"]).ok().stdout;
    assert_eq!(stated(&hidden)[0]["id"], "b");
    let all = node.run(&["export", "--state", "all"]).ok().stdout;
    assert_eq!(all.lines().count(), 2);

    // Into the same space nothing is to do; into another one it goes as it is, once.
    for (space, created) in [("default", 0), ("copy", 2), ("copy", 0)] {
        let args = ["-o", "json", "import", "-", "--space", space, "--create-space"];
        let tally = node.run_with_stdin(&args, &all).ok().json();
        assert_eq!(tally["created"], created, "{space}");
    }
    node.run(&["get", "b", "--space", "copy"]).fails(3, &["ERR-2002"]);
    let listed = |state| node.json(&["list", "--space", "copy", "--state", state]);
    assert_eq!(listed("suppressed")["memories"][0]["id"], "b");
    assert_eq!(listed("active")["memories"][0]["id"], "a");
    assert_eq!(listed("all")["memories"].as_array().unwrap().len(), 2);
    let again = node.run(&["remember", "two", "--id", "b"]).ok().stdout;
    assert!(again.contains("suppressed"), "{again}");
    let odd = "{\"id\":\"c\",\"text\":\"x\",\"engram\":{\"state\":\"lost\"}}";
    node.run_with_stdin(&["import", "-"], odd).fails(2, &["stdin line 1", "engram.state"]);
}

/// What the memories of an export say.
fn stated(export: &str) -> Vec<serde_json::Value> {
    let lines = export.lines().map(|line| {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        record["memory"]["content"].clone()
    });
    lines.collect()
}

#[test]
fn a_copy_is_what_the_space_is() {
    let world = World::new();
    let node = world.start();
    let run = |args: &[&str]| node.run(args).ok();
    let lines = r#"{"id":"a","text":"Ada lives in Zurich","occurred_at":"2026-01-05T11:00:00Z"}
{"id":"b","text":"Bob bakes bread","decay":{"half_life_days":3.0}}
{"id":"c","text":"Ada lives in Basel"}
"#;
    node.run_with_stdin(&["import", "-"], lines).ok();
    run(&["recall", "who bakes bread?"]);
    run(&["feedback", "a", "useful", "--source", "reviewer"]);
    run(&["feedback", "c", "--other", "a", "--decision", "contradicts"]);
    run(&["associate", "a", "b", "--relation", "knows", "--weight", "0.3"]);
    run(&["forget", "b", "--yes"]);
    let all = |space| node.run(&["export", "--state", "all", "--space", space]).ok().stdout;
    // What the recall taught is in the log about a second later.
    let uses = || all("default").contains("\"uses\":1");
    while !uses() {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let export = all("default");
    let args = ["-o", "json", "import", "-", "--space", "copy", "--create-space"];
    let first = node.run_with_stdin(&args, &export).ok().json();
    let said = serde_json::json!({"memories": 0, "associations": 1, "decisions": 1, "beliefs": 0});
    assert_eq!((&first["created"], &first["said"]), (&3.into(), &said));
    assert_eq!(all("copy"), export);
    let second = node.run_with_stdin(&args, &export).ok().json();
    assert_eq!((&second["created"], &second["already_there"]), (&0.into(), &3.into()));
    assert_eq!(all("copy"), export);

    // A file whose ends are missing names the line.
    let stray = "{\"association\":{\"from\":\"a\",\"to\":\"nobody\"}}\n";
    node.run_with_stdin(&["import", "-"], stray).fails(3, &["ERR-2002", "stdin line 1"]);
}

#[test]
fn memories_of_other_programs_find_their_places() {
    let world = World::new();
    let node = world.start();
    let mem0 = world.write("mem0.json", include_str!("fixtures/mem0.json"));
    assert_eq!(tally(&node, &[&mem0])["created"], 2);
    let sushi = node.json(&["get", "bf4d4092-cf91-4181-bfeb-b6fa2ed3061b"]);
    assert_eq!((&sushi["text"], &sushi["kind"]), (&"Likes sushi".into(), &"fact".into()));
    assert_eq!(sushi["people"], serde_json::json!(["alice"]));
    assert_eq!(sushi["occurred_at"], "2024-07-02T02:12:30.541083Z");
    assert_eq!(sushi["metadata"]["mem0"]["agent_id"], "travel-assistant");
    assert_eq!(tally(&node, &[&mem0])["already_there"], 2);

    let items = world.write("langmem.jsonl", include_str!("fixtures/langmem.jsonl"));
    assert_eq!(tally(&node, &[&items])["created"], 3);
    let tone = node.json(&["get", "memories/user123/f3c1"]);
    assert_eq!(tone["text"], "Prefers dark mode in all apps");
    assert_eq!(tone["tags"], serde_json::json!(["memories", "user123"]));

    let history = world.write("history.json", include_str!("fixtures/mem0-history.json"));
    node.run(&["import", &history]).fails(2, &["history.json line 1", "get_all"]);
}

#[test]
fn a_half_line_imports_nothing_or_the_rest_as_asked() {
    let world = World::new();
    let node = world.start();
    let half =
        "{\"id\":\"a\",\"text\":\"one\"}\n{\"id\":\"b\",\"te\n{\"id\":\"c\",\"text\":\"three\"}\n";
    let file = world.write("half.jsonl", half);
    node.run(&["import", &file]).fails(2, &["ERR-1001", "half.jsonl line 2", "column"]);
    assert_eq!(node.memories("default"), 0);
    let outcome = node.run(&["import", &file, "--on-error", "skip", "--output", "json"]);
    let outcome = outcome.fails(1, &["half.jsonl line 2", "1 lines were not imported"]);
    assert_eq!(outcome.json()["created"], 2);
    assert_eq!(outcome.json()["failed"], 1);
    assert_eq!(node.memories("default"), 2);

    // From a pipe, which cannot be read twice, everything before the broken line is in.
    let outcome =
        node.run_with_stdin(&["import", "-"], "{\"id\":\"p\",\"text\":\"one\"}\n{\"id\":");
    outcome.fails(2, &["stdin line 2"]);
    assert_eq!(node.memories("default"), 3);
}

#[test]
fn a_refused_memory_is_named_by_its_line() {
    let world = World::new();
    let node = world.start();
    let lines = "{\"id\":\"a\",\"text\":\"one\"}\n{\"id\":\"b\",\"text\":\"two\",\"confidence\":1.5}\n{\"id\":\"c\",\"text\":\"three\"}\n";
    let file = world.write("bad.jsonl", lines);
    node.run(&["import", &file]).fails(2, &["ERR-1007", "bad.jsonl line 2"]);
    assert_eq!(node.memories("default"), 0);
    node.run(&["import", &file, "--on-error", "skip"]).fails(1, &["bad.jsonl line 2"]);
    assert_eq!(node.memories("default"), 2);
    let conflict = world.write(
        "conflict.jsonl",
        "{\"id\":\"x\",\"text\":\"x\"}\n{\"id\":\"a\",\"text\":\"other\"}\n",
    );
    node.run(&["import", &conflict]).fails(1, &["ERR-3002", "conflict.jsonl line 2"]);
    assert_eq!(node.json(&["get", "a"])["text"], "one");
}

#[test]
fn beir_directories_go_into_the_spaces_of_their_groups() {
    let world = World::new();
    let node = world.start();
    let corpus = r#"{"_id":"conv-1/1","text":"Ada: Hi Bob!","group":"conv-1","when":"2023-05-08T13:56:00Z","who":["Ada"],"metadata":{"session":"s1","turn":"D1"}}
{"_id":"conv-2/1","title":"T","text":"Bob: Hi!","group":"conv-2","who":["Bob"]}
"#;
    world.write("set/corpus.jsonl", corpus);
    let dir = world.path("set");
    let dir = dir.to_str().unwrap();
    node.run(&["import", dir]).fails(3, &["ERR-2001", "conv-1", "--create-space"]);
    let tally = tally(&node, &[dir, "--create-space"]);
    assert_eq!(tally["spaces"], serde_json::json!({"conv-1": 1, "conv-2": 1}));
    let memory = node.json(&["get", "conv-1/1", "--space", "conv-1"]);
    assert_eq!(memory["occurred_at"], "2023-05-08T13:56:00Z");
    assert_eq!(memory["session"], "s1");
    assert_eq!(memory["people"], serde_json::json!(["Ada"]));
    assert_eq!(memory["metadata"], serde_json::json!({"turn": "D1"}));
    // A space that was asked for holds all of them.
    node.run(&["import", dir, "--space", "all", "--create-space"]).ok();
    assert_eq!(node.memories("all"), 2);
    assert_eq!(node.json(&["get", "conv-2/1", "--space", "all"])["metadata"]["group"], "conv-2");
}

#[test]
fn foreign_lines_and_gzip_are_read() {
    let world = World::new();
    let node = world.start();
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gz.write_all(b"{\"k\":\"n1\",\"l\":[\"dog\",\"hound\"],\"d\":\"an animal\"}\n").unwrap();
    let file = world.write("words.jsonl.gz", gz.finish().unwrap());
    let done = tally(&node, &[&file, "--id-field", "k", "--text", "{l}: {d}"]);
    assert_eq!(done["created"], 1);
    assert_eq!(node.json(&["get", "n1"])["text"], "dog, hound: an animal");
}

#[test]
fn an_import_that_was_killed_goes_on() {
    let world = World::new();
    let lines: String = (0..3_000)
        .map(|number| format!("{{\"id\":\"m{number}\",\"text\":\"memory number {number}\"}}\n"))
        .collect();
    let file = world.write("many.jsonl", lines);
    let node = world.start();
    node.run(&["space", "create", "words", "--embedder", "none", "--dimension", "2"]).ok();
    let args = ["import", &file, "--space", "words", "--batch", "20"];
    let mut at_least = 0;
    let mut node = node;
    for _ in 0..3 {
        let mut child = node.spawn(&args);
        // Killed in the middle: as soon as more than before is acknowledged.
        while node.memories("words") <= at_least && child.try_wait().unwrap().is_none() {}
        let seen = node.memories("words");
        node.kill();
        let outcome = child.wait().unwrap();
        node = world.start();
        let now = node.memories("words");
        assert!(now >= seen, "{now} memories after the restart, {seen} were acknowledged");
        at_least = now;
        assert!(outcome.code() == Some(3) || at_least == 3_000, "{outcome}");
    }
    let done = tally(&node, &args[1..]);
    assert_eq!(done["created"].as_u64().unwrap() + done["already_there"].as_u64().unwrap(), 3_000);
    assert_eq!(done["already_there"].as_u64().unwrap(), at_least);
    assert_eq!(node.memories("words"), 3_000);
    node.run(&["recall", "number 2999", "--space", "words", "--mode", "keyword"]).ok();
}
