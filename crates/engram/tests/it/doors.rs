//! The query language, the change feed and MCP from the command line.

use std::io::{BufRead as _, BufReader};

use serde_json::{Value, json};

use crate::world::World;

#[test]
fn a_statement_is_run_and_a_wrong_one_is_shown() {
    let world = World::new();
    let node = world.start();
    node.run(&["query", "REMEMBER (id = 'a', text = 'Ada lives in Zurich.', people = ['Ada'])"])
        .ok();
    let found = node.run(&[
        "query",
        "RECALL $1 WHERE person = $who",
        "Where does Ada live?",
        "-p",
        "who=Ada",
    ]);
    assert!(found.ok().stdout.contains("Ada lives in Zurich."));
    node.run(&["query", "RECALL WHERE kind = fact"]).fails(3, &["no memory passes"]);
    let wrong = node.run(&["query", "RECALL 'a' WHER kind = fact"]);
    wrong.fails(2, &["line 1, column 12", "           ^^^^", "did you mean `WHERE`?"]);
    let problem = node.run(&["-o", "json", "query", "RECALL 'a' WHER kind = fact"]).fails(2, &[]);
    let problem: Value = serde_json::from_str(&problem.stderr).unwrap();
    assert_eq!(problem["code"], "query_invalid");
    let plan = node.json(&["query", "EXPLAIN FORGET 'a' MODE delete"]);
    assert_eq!(plan["request"], json!({"ids": ["a"], "mode": "delete"}));
}

#[test]
fn the_shell_runs_a_script_until_something_fails() {
    let world = World::new();
    let node = world.start();
    let script = "REMEMBER (id = 'a', text = 'one; two'); -- a comment; of course\nGET 'a';\n";
    assert!(node.run_with_stdin(&["shell"], script).ok().stdout.contains("one; two"));
    let failing = node.run_with_stdin(&["shell"], "GET 'nobody'; GET 'a';");
    let failed = failing.fails(3, &["ERR-2002"]);
    assert!(!failed.stdout.contains("one; two"), "{}", failed.stdout);
}

#[test]
fn changes_are_shown_from_a_commit_on() {
    let world = World::new();
    let node = world.start();
    node.run(&["remember", "--id", "a", "Ada lives in Zurich."]).ok();
    node.run(&["forget", "a", "--yes"]).ok();
    let shown = node.run(&["changes", "--after", "1"]).ok();
    let lines: Vec<&str> = shown.stdout.lines().collect();
    assert!(lines[0].contains("remembered a") && lines[1].contains("suppressed a"), "{lines:?}");
    assert!(shown.stderr.contains("--after"), "{}", shown.stderr);
    node.run(&["changes", "--after", "999"]).fails(2, &["ERR-1021"]);
}

#[test]
fn changes_are_shown_as_they_come() {
    let world = World::new();
    let node = world.start();
    node.run(&["remember", "--id", "a", "Ada lives in Zurich."]).ok();
    node.run(&["changes", "--follow", "--limit", "3"]).fails(2, &["--limit"]);
    node.run(&["changes", "--follow", "--space", "nowhere"]).fails(3, &["ERR-2001"]);
    let mut following = node.spawn(&["changes", "--follow", "--after", "1"]);
    let mut lines = BufReader::new(following.stdout.take().unwrap()).lines();
    let mut next = || lines.next().unwrap().unwrap();
    assert!(next().ends_with("remembered a"));
    node.run(&["remember", "--id", "b", "Ben bakes bread."]).ok();
    assert!(next().ends_with("remembered b"));
    // Whoever follows a space is told when it is gone.
    node.run(&["space", "delete", "default", "--yes"]).ok();
    let left = following.wait_with_output().unwrap();
    assert_eq!(left.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&left.stderr).contains("ERR-2001"));
}

/// A client that starts its server by itself: one message a line.
#[test]
fn an_agent_is_served_on_stdin_and_stdout() {
    let world = World::new();
    let node = world.start();
    let message = |id: u32, method: &str, params: Value| {
        json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).to_string() + "\n"
    };
    let client = json!({
        "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"},
    });
    let call = |name: &str, arguments: Value| json!({"name": name, "arguments": arguments});
    let talk = [
        message(1, "initialize", client),
        json!({"jsonrpc": "2.0", "method": "notifications/initialized"}).to_string() + "\n",
        message(2, "tools/list", json!({})),
        message(
            3,
            "tools/call",
            call("remember", json!({"id": "a", "text": "Ada lives in Zurich."})),
        ),
    ];
    let said = node.run_with_stdin(&["mcp"], &talk.concat()).ok();
    let answers: Vec<Value> =
        said.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let answer = |id: u32| answers.iter().find(|answer| answer["id"] == id).unwrap();
    assert_eq!(answer(1)["result"]["serverInfo"]["name"], "engram");
    assert!(answer(2)["result"]["tools"].as_array().unwrap().len() > 10);
    assert_eq!(answer(3)["result"]["structuredContent"]["created"], true);
    assert_eq!(node.json(&["get", "a"])["text"], "Ada lives in Zurich.");
}
