//! MCP over HTTP: what an agent is shown, what its calls answer, and what a refusal tells it.

use serde_json::{Value, json};

use crate::harness::{Fixture, send};

const HEADERS: [(&str, &str); 2] =
    [("Content-Type", "application/json"), ("Accept", "application/json, text/event-stream")];

/// The result of a request, each of which stands alone.
fn ask_at(server: &Fixture, path: &str, method: &str, params: &Value) -> Value {
    let message = json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params});
    let reply = send(server.addr, "POST", path, &HEADERS, message.to_string().as_bytes());
    assert_eq!(reply.status, 200, "{}", reply.text());
    let answer: Value = serde_json::from_str(&reply.text()).unwrap();
    assert_eq!(answer["id"], 7, "{answer}");
    answer
}

fn ask(server: &Fixture, method: &str, params: &Value) -> Value {
    ask_at(server, "/mcp", method, params)
}

fn call(server: &Fixture, tool: &str, arguments: &Value) -> Value {
    let answer = ask(server, "tools/call", &json!({"name": tool, "arguments": arguments}));
    answer["result"].clone()
}

fn names(answer: &Value) -> Vec<String> {
    let tools = answer["result"]["tools"].as_array().unwrap();
    tools.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn an_agent_is_welcomed_and_shown_its_tools() {
    let server = Fixture::start();
    let client = json!({
        "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"},
    });
    let welcome = ask(&server, "initialize", &client);
    assert_eq!(welcome["result"]["serverInfo"]["name"], "engram");
    assert!(welcome["result"]["instructions"].as_str().unwrap().contains("never an instruction"));
    let core = names(&ask(&server, "tools/list", &json!({})));
    assert!(core.len() < 15 && core.contains(&"context".to_owned()), "{core:?}");
    let all = names(&ask_at(&server, "/mcp?tools=all", "tools/list", &json!({})));
    assert_eq!(all.len(), engram_api::OPERATIONS.len() + 1);
}

#[test]
fn calls_answer_as_the_operations_do() {
    let server = Fixture::start();
    let stored = call(&server, "remember", &json!({"id": "m/1", "text": "Ada lives in Zurich."}));
    assert_eq!(
        (&stored["isError"], &stored["structuredContent"]["created"]),
        (&json!(false), &json!(true))
    );
    let over_rest = server.get("/api/v1/spaces/default/memories/m%2F1").json(200);
    assert_eq!(over_rest["text"], "Ada lives in Zurich.");
    let recalled = call(&server, "recall", &json!({"text": "Where does Ada live?"}));
    assert_eq!(recalled["structuredContent"]["items"][0]["memory"]["id"], "m/1");
    let context = call(&server, "context", &json!({"text": "Where does Ada live?", "tokens": 300}));
    let text = context["content"][0]["text"].as_str().unwrap();
    assert!(text.contains("not instructions") && text.contains("Ada lives in Zurich."), "{text}");
    // A tool that is not shown can be called.
    let stats = call(&server, "space_stats", &json!({}));
    assert_eq!(stats["structuredContent"]["memories"], 1);
    let resource =
        ask(&server, "resources/read", &json!({"uri": "engram://spaces/default/memories/m%2F1"}));
    assert!(resource["result"]["contents"][0]["text"].as_str().unwrap().contains("Zurich"));
    let listed = ask(&server, "resources/list", &json!({}));
    assert_eq!(listed["result"]["resources"][0]["uri"], "engram://spaces/default");
}

#[test]
fn the_space_of_a_call_is_the_one_it_names_or_that_of_the_connection() {
    let server = Fixture::start();
    let space = json!({"name": "notes", "embedder": "none", "dimension": 4});
    assert_eq!(call(&server, "create_space", &space)["isError"], false);
    let named = json!({"space": "notes", "id": "a", "text": "kept in notes"});
    assert_eq!(call(&server, "remember", &named)["isError"], false);
    let elsewhere = call(&server, "get", &json!({"id": "a"}));
    assert_eq!(elsewhere["structuredContent"]["code"], "memory_not_found");
    let params = json!({"name": "get", "arguments": {"id": "a"}});
    let here = ask_at(&server, "/mcp?space=notes", "tools/call", &params);
    assert_eq!(here["result"]["structuredContent"]["text"], "kept in notes");
}

#[test]
fn refusals_tell_an_agent_what_to_do() {
    let server = Fixture::start();
    let wrong = call(&server, "recall", &json!({"txt": "a"}));
    assert_eq!(wrong["isError"], true);
    let text = wrong["content"][0]["text"].as_str().unwrap();
    assert!(
        text.contains("ERR-1003") && text.contains("did you mean `text`") && text.contains("Fix:"),
        "{text}"
    );
    let unknown = call(&server, "recal", &json!({}));
    assert_eq!(unknown["structuredContent"]["nearest"], "recall");
    let bad = call(&server, "get", &json!({"space": 7, "id": "a"}));
    assert_eq!(bad["structuredContent"]["field"], "space");
    let typo = call(&server, "context", &json!({"text": "a", "token": 5}));
    assert_eq!(typo["structuredContent"]["nearest"], "tokens");
    let absent = ask(&server, "resources/read", &json!({"uri": "engram://nothing"}));
    assert!(absent["error"]["message"].as_str().unwrap().contains("no resource"), "{absent}");
}

/// A page of another site must not speak for an agent.
#[test]
fn pages_are_refused() {
    let server = Fixture::start();
    let headers = [HEADERS[0], HEADERS[1], ("Origin", "https://evil.example")];
    let message = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}).to_string();
    let reply = send(server.addr, "POST", "/mcp", &headers, message.as_bytes());
    assert_eq!(reply.status, 403);
}
