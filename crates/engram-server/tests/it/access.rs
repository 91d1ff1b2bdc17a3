//! Who may do what, from the attacker's side: every operation over every door with every credential that is not enough.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use engram_api::{
    CreateKeyRequest, IssuedKeyView, Method, OPERATIONS, Operation, Permission, ProtoFile,
    RevokeKeyRequest, RoleName, Scope, Timestamp, encode_proto,
};
use engram_server::{OfflineKeys, Server, verify_audit};
use engram_store::{Clock as _, SystemClock};
use serde::Serialize;
use serde_json::{Value, json};
use tempfile::TempDir;
use tonic::Code;

use crate::grpc::GrpcClient;
use crate::harness::{Fixture, Reply, parts, send, settings};

const AUTH: [(&str, &str); 1] = [("auth.enabled", "true")];
/// Stands in the space that the attacker must not see.
pub(crate) const CLASSIFIED: &str = "classified: the vault opens at nine";

/// A server with two spaces, a key for everything, and keys that are not enough.
pub(crate) struct World {
    pub(crate) server: Fixture,
    pub(crate) operator: String,
    /// Credentials that prove nothing, by what is wrong with them.
    worthless: Vec<(&'static str, Option<String>)>,
    /// May do everything that may be done in one space, which is not the one that is asked about.
    elsewhere: String,
    /// May call `version` and what needs no permission.
    powerless: String,
}

fn request(name: &str, role: Option<RoleName>, spaces: &[&str]) -> CreateKeyRequest {
    let spaces = spaces.iter().map(|&space| space.to_owned()).collect();
    CreateKeyRequest { name: name.to_owned(), role, spaces, ..CreateKeyRequest::default() }
}

fn world() -> World {
    world_with(&[])
}

/// The same with more settings.
pub(crate) fn world_with(more: &[(&str, &str)]) -> World {
    let dir = Arc::new(TempDir::new().unwrap());
    let keys = OfflineKeys::open(dir.path()).unwrap();
    let create = |request| keys.create(request).unwrap();
    let operator = create(request("operator", Some(RoleName::Operator), &["*"])).secret;
    let elsewhere = create(request("elsewhere", Some(RoleName::SpaceAdmin), &["own*"])).secret;
    let powerless = create(CreateKeyRequest {
        operations: vec!["version".to_owned()],
        ..request("powerless", None, &["*"])
    });
    let all = |name| request(name, Some(RoleName::Operator), &["*"]);
    let revoked = create(all("revoked"));
    keys.revoke(&RevokeKeyRequest { id: revoked.key.id.clone() }).unwrap();
    let past = Timestamp(SystemClock.now_ns() - 1_000_000_000);
    let expired = create(CreateKeyRequest { expires_at: Some(past), ..all("expired") });
    let worthless = vec![
        ("no credential", None),
        ("revoked", Some(bearer(&revoked))),
        ("expired", Some(bearer(&expired))),
        ("wrong secret under a known id", Some(format!("Bearer {}", forged(&operator)))),
        ("one character is wrong", Some(format!("Bearer {}", flipped(&operator)))),
        ("the id alone", Some(format!("Bearer {}", operator.split('_').nth(1).unwrap()))),
        ("another scheme", Some(format!("Basic {operator}"))),
        ("no scheme", Some(operator.clone())),
        ("an empty credential", Some("Bearer ".to_owned())),
    ];
    drop(keys);
    let server = Fixture::begin(dir, &[&AUTH, more].concat(), parts());
    server.server().wait_ready().unwrap();
    let world = World { server, operator, worthless, elsewhere, powerless: powerless.secret };
    for space in ["own", "vault"] {
        let body = json!({"name": space, "embedder": "builtin"});
        world.post(&world.operator, "/api/v1/spaces", &body).json(201);
    }
    let secret = json!({"id": "m1", "text": CLASSIFIED});
    world.post(&world.operator, "/api/v1/spaces/vault/remember", &secret).json(200);
    world
}

fn bearer(key: &IssuedKeyView) -> String {
    format!("Bearer {}", key.secret)
}

/// A well-formed key with the id of this one and another secret.
fn forged(secret: &str) -> String {
    let id = secret.split('_').nth(1).unwrap();
    let text = format!("engram_{id}_{}", "5e".repeat(32));
    let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    let checksum: String = digest.as_ref()[..4].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{text}_{checksum}")
}

fn flipped(secret: &str) -> String {
    let at = secret.len() - 20;
    let other = if secret.as_bytes()[at] == b'0' { "1" } else { "0" };
    let mut changed = secret.to_owned();
    changed.replace_range(at..=at, other);
    changed
}

impl World {
    /// A stream of changes of the space `vault`.
    pub(crate) fn follow(&self, secret: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.server.addr).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let head = format!(
            "GET /api/v1/spaces/vault/changes?after=0 HTTP/1.1\r\nHost: {}\r\nAccept: text/event-stream\r\n\
             Authorization: Bearer {secret}\r\n\r\n",
            self.server.addr
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream
    }

    pub(crate) fn send(
        &self,
        credential: Option<&str>,
        method: &str,
        path: &str,
        body: &[u8],
    ) -> Reply {
        let mut headers = vec![("Accept", "application/json, text/event-stream")];
        if !body.is_empty() {
            headers.push(("Content-Type", "application/json"));
        }
        if let Some(credential) = credential {
            headers.push(("Authorization", credential));
        }
        send(self.server.addr, method, path, &headers, body)
    }

    pub(crate) fn post(&self, key: &str, path: &str, body: &Value) -> Reply {
        self.send(Some(&format!("Bearer {key}")), "POST", path, body.to_string().as_bytes())
    }

    pub(crate) fn get(&self, key: &str, path: &str) -> Reply {
        self.send(Some(&format!("Bearer {key}")), "GET", path, b"")
    }

    /// An operation over REST, with the example of the contract as its request.
    pub(crate) fn rest(
        &self,
        credential: Option<&str>,
        operation: &Operation,
        space: &str,
    ) -> Reply {
        let route = operation.routes[0];
        let path = route.path.replace("{space}", space).replace("{id}", "m1");
        let path = path.replace("{lsn}", "1");
        let body = match route.method {
            Method::Post => operation.request_example.as_bytes(),
            Method::Get | Method::Delete => b"",
        };
        self.send(credential, route.method.as_str(), &path, body)
    }

    pub(crate) fn mcp(
        &self,
        credential: Option<&str>,
        operation: &Operation,
        space: &str,
    ) -> Reply {
        let mut arguments: Value = match operation.request {
            Some(_) => serde_json::from_str(operation.request_example).unwrap(),
            None => json!({}),
        };
        if operation.scope == Scope::Space {
            arguments["space"] = Value::from(space);
        }
        let params = json!({"name": operation.name, "arguments": arguments});
        let message = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
        self.send(credential, "POST", "/mcp", message.to_string().as_bytes())
    }
}

/// What an answer must not say to who may not know it.
pub(crate) fn says_nothing(reply: &Reply, place: &str) {
    let text = reply.text();
    assert!(!text.contains(CLASSIFIED) && !text.contains("m1\""), "{place}: {text}");
}

/// A request that says nothing but its space.
#[derive(Serialize)]
struct Nothing {}

pub(crate) fn grpc_requests(space: &str) -> Vec<(String, &'static Operation, Vec<u8>)> {
    let requests = ProtoFile::current().rpcs.iter().map(|rpc| {
        // Who may not is refused before anybody looks at what is missing.
        let bytes = encode_proto(&rpc.request, space, &Nothing {}).unwrap();
        (format!("/engram.v1.Engram/{}", rpc.name), rpc.operation, bytes)
    });
    requests.collect()
}

#[test]
fn without_a_valid_credential_nothing_is_done_over_any_door() {
    let world = world();
    let mut grpc = GrpcClient::of(&world.server);
    for (what, credential) in &world.worthless {
        let credential = credential.as_deref();
        for operation in OPERATIONS {
            let place = format!("{} with {what}", operation.name);
            for reply in [
                world.rest(credential, operation, "vault"),
                world.mcp(credential, operation, "vault"),
            ] {
                says_nothing(&reply, &place);
                reply.problem(401, "unauthenticated");
                assert!(reply.header("www-authenticate").starts_with("Bearer"), "{place}");
            }
        }
        for (path, _, bytes) in grpc_requests("vault") {
            let status = grpc.with_credential(&path, credential, bytes).unwrap_err();
            assert_eq!(status.code(), Code::Unauthenticated, "{path} with {what}: {status}");
        }
        for path in ["/metrics", "/nowhere", "/api/v1/spaces"] {
            world.send(credential, "GET", path, b"").problem(401, "unauthenticated");
        }
    }
    let count = world.get(&world.operator, "/api/v1/spaces/vault/stats").json(200);
    assert_eq!(count["memories"], 1, "nothing was written or forgotten");
}

#[test]
fn a_space_of_others_is_answered_as_one_that_is_not_there() {
    let world = world();
    vault_is_not_there(&world, &format!("Bearer {}", world.elsewhere));
    let listed = world.get(&world.elsewhere, "/api/v1/spaces").json(200);
    let names: Vec<&str> =
        listed["spaces"].as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["own"]);
    let status = world.get(&world.elsewhere, "/api/v1/status").json(200);
    assert_eq!((&status["spaces"], &status["memories"]), (&json!(1), &json!(0)));
    world.get(&world.elsewhere, "/metrics").problem(403, "forbidden");
    world.get(&world.elsewhere, "/api/v1/backups").problem(403, "forbidden");
    for taken in ["vault", "vaulx"] {
        let body = json!({"name": taken, "embedder": "none", "dimension": 4});
        world.post(&world.elsewhere, "/api/v1/spaces", &body).problem(403, "forbidden");
    }
    let query = json!({"query": "GET 'm1'"});
    let path = "/api/v1/spaces/vault/query";
    world.post(&world.elsewhere, path, &query).problem(404, "space_not_found");
    let inside = json!({"name": "own-2", "embedder": "none", "dimension": 4});
    world.post(&world.elsewhere, "/api/v1/spaces", &inside).json(201);
}

/// Over no door the space `vault` is answered otherwise than one that does not exist.
pub(crate) fn vault_is_not_there(world: &World, credential: &str) {
    let mut grpc = GrpcClient::of(&world.server);
    let of_spaces = || OPERATIONS.iter().filter(|operation| operation.scope == Scope::Space);
    for operation in of_spaces() {
        let [there, absent] = ["vault", "vaulx"].map(|space| {
            let rest = world.rest(Some(credential), operation, space);
            says_nothing(&rest, operation.name);
            rest.problem(404, "space_not_found");
            let mcp = world.mcp(Some(credential), operation, space);
            says_nothing(&mcp, operation.name);
            let told: Value = serde_json::from_str(&mcp.text()).unwrap();
            assert_eq!(told["result"]["structuredContent"]["code"], "space_not_found", "{told}");
            let without = |text: String| text.replace(space, "SPACE");
            let ids = |value: Value| {
                let mut value = value;
                value["request_id"] = Value::Null;
                without(value.to_string())
            };
            (
                ids(serde_json::from_slice(&rest.body).unwrap()),
                rest.headers.keys().cloned().collect::<Vec<_>>(),
            )
        });
        assert_eq!(there, absent, "{}", operation.name);
    }
    for (path, operation, bytes) in grpc_requests("vault") {
        if operation.scope == Scope::Space {
            let answered = grpc.with_credential(&path, Some(credential), bytes);
            match (answered, path.as_str()) {
                // A stream of requests answers each of them by itself.
                (Ok(message), "/engram.v1.Engram/Ingest") => {
                    let text = String::from_utf8_lossy(&message).into_owned();
                    assert!(text.contains("space_not_found"), "{text}");
                }
                (answered, _) => {
                    let status = answered.expect_err(&path);
                    assert_eq!(status.code(), Code::NotFound, "{path}: {status}");
                }
            }
        }
    }
}

#[test]
fn each_operation_needs_its_permission_over_every_door() {
    let world = world();
    permissions_are_asked(&world, &world.powerless);
}

/// Over no door a credential without permissions does anything, in spaces that it may see.
pub(crate) fn permissions_are_asked(world: &World, secret: &str) {
    let mut grpc = GrpcClient::of(&world.server);
    let credential = format!("Bearer {secret}");
    for operation in OPERATIONS.iter().filter(|one| one.permission != Permission::Any) {
        let rest = world.rest(Some(&credential), operation, "vault");
        says_nothing(&rest, operation.name);
        let problem = rest.problem(403, "forbidden");
        let permission = operation.permission.as_str();
        assert!(problem["detail"].as_str().unwrap().contains(permission), "{problem}");
        let mcp = world.mcp(Some(&credential), operation, "vault");
        says_nothing(&mcp, operation.name);
        let told: Value = serde_json::from_str(&mcp.text()).unwrap();
        assert_eq!(told["result"]["structuredContent"]["code"], "forbidden", "{told}");
    }
    for (path, operation, bytes) in grpc_requests("vault") {
        if operation.permission != Permission::Any && path != "/engram.v1.Engram/Ingest" {
            let status = grpc.with_credential(&path, Some(&credential), bytes).unwrap_err();
            assert_eq!(status.code(), Code::PermissionDenied, "{path}: {status}");
        }
    }
    for statement in ["GET 'm1'", "RECALL 'vault'", "FORGET 'm1'", "REMEMBER 'x'", "LIST"] {
        let body = json!({"query": statement});
        let reply = world.post(secret, "/api/v1/spaces/vault/query", &body);
        says_nothing(&reply, statement);
        assert!(reply.status == 403 || reply.status == 400, "{statement}: {}", reply.text());
    }
    let resource = json!({"jsonrpc": "2.0", "id": 1, "method": "resources/read",
        "params": {"uri": "engram://spaces/vault/memories/m1"}});
    let reply = world.post(secret, "/mcp", &resource);
    says_nothing(&reply, "a resource");
    assert!(reply.text().contains("permission"), "{}", reply.text());
}

#[test]
fn requests_that_say_two_things_open_no_other_space() {
    let world = world();
    let own = format!("Bearer {}", world.elsewhere);
    for path in [
        "/api/v1/spaces/own/../vault/memories/m1",
        "/api/v1/spaces/own%2F..%2Fvault/memories/m1",
        "/api/v1/spaces/own/%2e%2e/vault/memories/m1",
        "/api/v1/spaces//vault/memories/m1",
        "/api/v1/spaces/own/memories/..%2F..%2Fvault%2Fmemories%2Fm1",
        "/api/v1/spaces/own;vault/memories/m1",
        "/api/v1/spaces/VAULT/memories/m1",
    ] {
        let reply = world.send(Some(&own), "GET", path, b"");
        says_nothing(&reply, path);
        assert!((400..500).contains(&reply.status), "{path}: {}", reply.status);
    }
    let body = json!({"space": "vault", "text": "x"});
    world.post(&world.elsewhere, "/api/v1/spaces/own/recall", &body).problem(400, "unknown_field");
    let twice =
        [("Authorization", own.as_str()), ("Authorization", &format!("Bearer {}", world.operator))];
    let path = "/api/v1/spaces/vault/memories/m1";
    send(world.server.addr, "GET", path, &twice, b"").problem(401, "unauthenticated");
    let named =
        [("Authorization", own.as_str()), ("X-Engram-Space", "vault"), ("X-Original-Url", path)];
    let reply = send(world.server.addr, "GET", "/api/v1/spaces/own/memories/m1", &named, b"");
    reply.problem(404, "memory_not_found");
    for at in ["/mcp?space=vault", "/mcp?space=own&space=vault"] {
        let params = json!({"name": "get", "arguments": {"id": "m1"}});
        let message = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
        let reply = world.post(&world.elsewhere, at, &message);
        says_nothing(&reply, at);
        assert!(reply.text().contains("space_not_found"), "{}", reply.text());
    }
}

#[test]
fn a_revoked_key_is_refused_at_once_and_its_streams_end() {
    let world = world();
    let body = json!({"name": "follower", "role": "reader", "spaces": ["vault"]});
    let issued = world.post(&world.operator, "/api/v1/keys", &body).json(201);
    let secret = issued["secret"].as_str().unwrap();
    let mut stream = world.follow(secret);
    let mut seen = read_until(&mut stream, "m1");
    let revoke = json!({"id": issued["key"]["id"]});
    let revoked = world.post(&world.operator, "/api/v1/keys/revoke", &revoke).json(200);
    assert!(revoked["revoked_at"].is_string());
    world.get(secret, "/api/v1/whoami").problem(401, "unauthenticated");
    let more = json!({"id": "m2", "text": "after the end"});
    world.post(&world.operator, "/api/v1/spaces/vault/remember", &more).json(200);
    seen += &read_until(&mut stream, "unauthenticated");
    assert!(!seen.contains("m2"), "{seen}");
}

/// What arrives up to a text; the test fails when it does not come.
pub(crate) fn read_until(stream: &mut TcpStream, text: &str) -> String {
    let (mut seen, mut buffer) = (String::new(), [0; 4096]);
    let until = Instant::now() + Duration::from_secs(30);
    while !seen.contains(text) {
        // What says that it lives comes for ever.
        assert!(Instant::now() < until, "{text:?} did not come: {seen}");
        let read = stream.read(&mut buffer).unwrap();
        assert_ne!(read, 0, "{text:?} did not come: {seen}");
        seen.push_str(&String::from_utf8_lossy(&buffer[..read]));
    }
    seen
}

#[test]
fn a_key_has_its_rate_and_gives_no_more_than_it_has() {
    let world = world();
    let body =
        json!({"name": "slow", "role": "reader", "spaces": ["own"], "requests_per_second": 2});
    let issued = world.post(&world.operator, "/api/v1/keys", &body).json(201);
    let slow = issued["secret"].as_str().unwrap();
    let statuses: Vec<u16> = (0..6).map(|_| world.get(slow, "/api/v1/spaces/own").status).collect();
    assert!(statuses.contains(&429) && statuses[..2] == [200, 200], "{statuses:?}");
    let limited = world.get(slow, "/api/v1/spaces/own");
    limited.problem(429, "rate_limited");
    assert_eq!(limited.header("retry-after"), "1");
    let other = world.get(&world.operator, "/api/v1/spaces/own");
    assert_eq!(other.status, 200, "others have their own");
    let body = json!({"name": "minter", "operations": ["create_key", "rotate_key", "list_keys"], "spaces": ["*"]});
    let minter = world.post(&world.operator, "/api/v1/keys", &body).json(201);
    let minter = minter["secret"].as_str().unwrap();
    let more = json!({"name": "more", "role": "reader", "spaces": ["vault"]});
    world.post(minter, "/api/v1/keys", &more).problem(403, "forbidden");
    let keys = world.get(minter, "/api/v1/keys").json(200);
    let operator = keys["keys"].as_array().unwrap().iter().find(|key| key["name"] == "operator");
    let id = &operator.unwrap()["id"];
    world.post(minter, "/api/v1/keys/rotate", &json!({"id": id})).problem(403, "forbidden");
    let text = keys.to_string();
    assert!(!text.contains("sha256") && !text.contains(&world.operator), "{text}");
    let again = json!({"name": "slow", "role": "reader", "spaces": ["own"]});
    world.post(&world.operator, "/api/v1/keys", &again).problem(409, "key_exists");
}

#[test]
fn memories_say_who_wrote_them_and_claim_no_more_than_their_writer_may() {
    let world = world();
    let body = json!({"name": "scraper", "role": "writer", "spaces": ["own"], "trust_max": 0.25});
    let issued = world.post(&world.operator, "/api/v1/keys", &body).json(201);
    let scraper = issued["secret"].as_str().unwrap();
    let path = "/api/v1/spaces/own/remember";
    let claims = [
        ("source.trust", json!({"text": "x", "source": {"trust": 0.5}})),
        ("confidence", json!({"text": "x", "confidence": 0.9})),
        ("importance", json!({"text": "x", "importance": 0.9})),
    ];
    for (field, body) in claims {
        let problem = world.post(scraper, path, &body).problem(403, "forbidden");
        assert_eq!(problem["field"], field);
    }
    let forged = json!({"text": "x", "source": {"principal": "key:operator"}});
    world.post(scraper, path, &forged).problem(400, "unknown_field");
    world.post(scraper, path, &json!({"id": "s1", "text": "seen on a page"})).json(200);
    let shown = world.get(scraper, "/api/v1/spaces/own/memories/s1").json(200);
    assert_eq!(shown["source"], json!({"principal": "key:scraper", "trust": 0.25}));
    let many = json!({"memories": [{"text": "y"}, {"text": "z", "importance": 1.0}]});
    let refused = world.post(scraper, "/api/v1/spaces/own/remember_many", &many);
    assert_eq!(refused.problem(403, "forbidden")["field"], "memories[1].importance");
    let update = json!({"id": "s1", "set": {"importance": 0.8}});
    let refused = world.post(scraper, "/api/v1/spaces/own/update", &update);
    refused.problem(403, "forbidden");
    let trusted = json!({"id": "t1", "text": "the vault is empty"});
    world.post(&world.operator, path, &trusted).json(200);
    let rewrite = json!({"id": "t1", "set": {"text": "the vault is full"}});
    let update = "/api/v1/spaces/own/update";
    world.post(scraper, update, &rewrite).problem(403, "forbidden");
    let own = json!({"id": "s1", "set": {"text": "seen on another page"}});
    world.post(scraper, update, &own).json(200);
    let praise = json!({"id": "s1", "verdict": "useful"});
    world.post(scraper, "/api/v1/spaces/own/feedback", &praise).problem(403, "forbidden");
    let looked = world.post(scraper, "/api/v1/spaces/own/recall", &json!({"text": "a page"}));
    assert_eq!(looked.json(200)["trained"], false);
    let judge =
        json!({"name": "judge", "operations": ["feedback"], "spaces": ["own"], "trust_max": 0.5});
    world.post(&world.operator, "/api/v1/keys", &judge).problem(400, "invalid_value");
    let whoami = world.get(scraper, "/api/v1/whoami").json(200);
    assert_eq!(whoami["principal"], "key:scraper");
    assert_eq!(whoami["spaces"], json!(["own"]));
}

#[test]
fn who_may_not_train_leaves_no_trace_by_looking() {
    let world = world();
    let body = json!({"name": "looker", "role": "reader", "spaces": ["vault"]});
    let issued = world.post(&world.operator, "/api/v1/keys", &body).json(201);
    let looker = issued["secret"].as_str().unwrap();
    let cue = json!({"text": "the vault"});
    let path = "/api/v1/spaces/vault/recall";
    assert_eq!(world.post(looker, path, &cue).json(200)["trained"], false);
    assert_eq!(world.post(&world.operator, path, &cue).json(200)["trained"], true);
}

#[test]
fn what_everybody_may_see_tells_nothing_of_the_node() {
    let world = world();
    for path in ["/livez", "/readyz", "/openapi.json", "/docs"] {
        assert_eq!(world.send(None, "GET", path, b"").status, 200, "{path}");
    }
    let ready = world.send(None, "GET", "/readyz", b"").json(200);
    assert_eq!(ready, json!({"ready": true, "state": "ready"}));
    assert!(world.get(&world.operator, "/readyz").json(200)["recovery"].is_object());
    assert!(world.get(&world.operator, "/metrics").text().contains("engram_"));
}

#[test]
fn the_audit_log_tells_who_did_what_and_nothing_of_what_was_said() {
    let mut world = world();
    world.get(&world.operator, "/api/v1/status").json(200);
    world.send(None, "GET", "/api/v1/spaces", b"").problem(401, "unauthenticated");
    world.get(&world.elsewhere, "/api/v1/spaces/vault").problem(404, "space_not_found");
    let forget = json!({"ids": ["m1"], "mode": "delete"});
    world.post(&world.operator, "/api/v1/spaces/vault/forget", &forget).json(200);
    world.server.stop().unwrap();
    let dir = world.server.dir.path().join("audit");
    let summary = verify_audit(&dir, None).unwrap();
    let file = std::fs::read_dir(&dir).unwrap().next().unwrap().unwrap().path();
    let text = std::fs::read_to_string(&file).unwrap();
    let secret = world.operator.split('_').nth(2).unwrap();
    assert!(!text.contains(CLASSIFIED) && !text.contains(secret), "{text}");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len() as u64, summary.last);
    let told = |principal: &str, operation: &str, space: &str, result: &str| {
        let fits = |line: &&Value| {
            let is = |field: &str, value: &str| line[field].as_str().unwrap_or_default() == value;
            is("principal", principal)
                && is("operation", operation)
                && is("space", space)
                && is("result", result)
        };
        lines.iter().filter(fits).count()
    };
    assert_eq!(told("key:operator", "create_space", "", "done"), 2);
    assert_eq!(told("key:operator", "forget", "vault", "done"), 1);
    assert_eq!(told("key:elsewhere", "get_space", "vault", "space_not_found"), 1);
    assert_eq!(told("", "list_spaces", "", "unauthenticated"), 1);
    assert_eq!(told("key:operator", "status", "", "done"), 0, "reading is no matter of security");
    assert_eq!(told("key:operator", "remember", "vault", "done"), 0);
    assert!(lines[0]["client"].as_str().unwrap().starts_with("127.0.0.1:"), "{}", lines[0]);
    for (at, line) in text.lines().enumerate() {
        let changed = text.replacen(line, &line.replace("done", "dome").replace("key:", "kex:"), 1);
        let gone = text.replacen(&format!("{line}\n"), "", 1);
        let is_last = at + 1 == lines.len();
        for (what, damaged) in [("changed", changed), ("taken out", gone)] {
            std::fs::write(&file, &damaged).unwrap();
            let found = verify_audit(&dir, Some(&summary.head));
            assert!(damaged == text || found.is_err(), "line {at} {what}: {found:?}");
            if what == "taken out" && is_last {
                assert!(verify_audit(&dir, None).is_ok(), "only the noted hash tells");
            }
        }
    }
    std::fs::write(&file, &text).unwrap();
    let server = Fixture::begin(Arc::clone(&world.server.dir), &AUTH, parts());
    server.server().wait_ready().unwrap();
    send(server.addr, "GET", "/api/v1/spaces", &[], b"");
    drop(server);
    let later = verify_audit(&dir, Some(&summary.head)).unwrap();
    assert_eq!(later.last, summary.last + 1, "it goes on behind what is there");
}

#[test]
fn keys_that_cannot_be_read_let_nobody_in() {
    let dir = TempDir::new().unwrap();
    let keys = OfflineKeys::open(dir.path()).unwrap();
    keys.create(request("operator", Some(RoleName::Operator), &["*"])).unwrap();
    drop(keys);
    let path = dir.path().join("KEYS");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("operator", "operatos")).unwrap();
    let refused = Server::start_with(settings(dir.path(), &AUTH), parts()).err().unwrap();
    assert_eq!(refused.code, "keys_unreadable");
    assert_eq!(OfflineKeys::open(dir.path()).err().unwrap().code, "keys_unreadable");
    std::fs::write(&path, text).unwrap();
    let server = Fixture::begin(Arc::new(dir), &AUTH, parts());
    server.server().wait_ready().unwrap();
    let held = OfflineKeys::open(server.dir.path()).err().unwrap();
    assert_eq!(held.code, "data_dir_locked");
}
