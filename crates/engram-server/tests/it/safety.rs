//! A web page cannot reach the server through a browser, and no header confuses it.

use crate::harness::{Fixture, parts, send};

const REMEMBER: &str = "/api/v1/spaces/default/remember";
const BODY: &[u8] = br#"{"text":"planted"}"#;
const JSON: (&str, &str) = ("Content-Type", "application/json");

#[test]
fn a_page_cannot_write() {
    let server = Fixture::start();
    let post = |headers: &[(&str, &str)]| send(server.addr, "POST", REMEMBER, headers, BODY);
    // A form or fetch without preflight: the three types that a page may send, and none.
    for media_type in
        ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
    {
        post(&[("Content-Type", media_type)]).problem(415, "media_type_unsupported");
    }
    post(&[("Content-Type", "text/plain; application/json")])
        .problem(415, "media_type_unsupported");
    post(&[("Content-Type", "application/jsonp")]).problem(415, "media_type_unsupported");
    post(&[]).problem(415, "media_type_unsupported");
    // With another origin, whatever the type.
    for origin in ["http://evil.example", "null", "http://localhost:7432", "file://"] {
        post(&[JSON, ("Origin", origin)]).problem(403, "origin_refused");
    }
    post(&[JSON, ("Sec-Fetch-Site", "cross-site")]).problem(403, "origin_refused");
    // Through a name that the attacker controls.
    for host in
        ["evil.example", "evil.example:7432", "127.0.0.1.evil.example", "localhost@evil.example"]
    {
        post(&[JSON, ("Host", host)]).problem(421, "host_refused");
    }
    // The preflight gets no permission.
    let asks = [("Origin", "http://evil.example"), ("Access-Control-Request-Method", "POST")];
    let preflight = send(server.addr, "OPTIONS", REMEMBER, &asks, b"");
    preflight.problem(403, "origin_refused");
    assert!(!preflight.headers.keys().any(|name| name.starts_with("access-control")));
    assert_eq!(server.count(), 0);
    post(&[("Content-Type", "Application/JSON; charset=utf-8")]).json(200);
}

#[test]
fn a_page_cannot_read() {
    let server = Fixture::start();
    for path in ["/api/v1/spaces", "/metrics", "/readyz", "/livez", "/nowhere"] {
        let get = |header| send(server.addr, "GET", path, &[header], b"");
        get(("Host", "evil.example")).problem(421, "host_refused");
        get(("Origin", "http://evil.example")).problem(403, "origin_refused");
    }
    let answer = server.get("/api/v1/spaces");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert_eq!(answer.header("cache-control"), "no-store");
}

#[test]
fn pages_of_listed_origins_may_ask_and_read() {
    let page = "https://console.example.org";
    let server = Fixture::start_with(&[("http.allowed_origins", page)], parts());
    let origin = ("Origin", page);
    let asks = [
        origin,
        ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", "content-type, idempotency-key"),
    ];
    let preflight = send(server.addr, "OPTIONS", REMEMBER, &asks, b"");
    assert_eq!((preflight.status, preflight.header("access-control-allow-origin")), (200, page));
    assert_eq!(preflight.header("access-control-allow-methods"), "GET,POST,DELETE");
    let allowed = preflight.header("access-control-allow-headers");
    for name in ["content-type", "idempotency-key", "if-match", "engram-timeout", "x-request-id"] {
        assert!(allowed.split(',').any(|one| one == name), "{name}: {allowed}");
    }
    assert_eq!(preflight.header("access-control-allow-credentials"), "");
    let stored = send(server.addr, "POST", REMEMBER, &[JSON, origin], BODY);
    stored.json(200);
    assert_eq!(stored.header("access-control-allow-origin"), page);
    assert_eq!(stored.header("access-control-expose-headers"), "etag,retry-after,x-request-id");
    // A page can read why it is refused, whatever refused it.
    for headers in [[JSON, origin], [("Engram-Timeout", "soon"), origin]] {
        let refused = send(server.addr, "POST", REMEMBER, &headers, b"{");
        assert_eq!((refused.status, refused.header("access-control-allow-origin")), (400, page));
    }
    // The lists stand above it.
    let evil = [("Origin", "http://evil.example"), ("Access-Control-Request-Method", "POST")];
    let refused = send(server.addr, "OPTIONS", REMEMBER, &evil, b"");
    refused.problem(403, "origin_refused");
    assert!(!refused.headers.keys().any(|name| name.starts_with("access-control")));
    let rebound = [origin, ("Host", "evil.example")];
    send(server.addr, "OPTIONS", REMEMBER, &rebound, b"").problem(421, "host_refused");
}

#[test]
fn without_listed_origins_no_answer_names_cors() {
    let server = Fixture::start();
    for (method, status) in [("GET", 200), ("OPTIONS", 405)] {
        let answer = send(server.addr, method, "/api/v1/spaces", &[], b"");
        assert_eq!(answer.status, status);
        let named = answer.headers.keys().any(|name| name.starts_with("access-control"));
        assert!(!named && !answer.header("vary").contains("origin"), "{:?}", answer.headers);
    }
}

#[test]
fn the_absolute_form_must_agree_with_the_host() {
    let server = Fixture::start();
    let path = format!("http://evil.example{REMEMBER}");
    send(server.addr, "POST", &path, &[JSON], BODY).problem(421, "host_refused");
    let path = format!("http://{}/livez", server.addr);
    send(server.addr, "GET", &path, &[], b"").json(200);
    let twice = [("Host", "localhost"), ("Host", "evil.example")];
    send(server.addr, "GET", "/livez", &twice, b"").problem(421, "host_refused");
}

#[test]
fn lists_let_in_whom_they_name() {
    let more = [
        ("http.allowed_hosts", "engram.internal"),
        ("http.allowed_origins", "https://console.example.org"),
    ];
    let server = Fixture::start_with(&more, parts());
    let get = |headers: &[(&str, &str)]| send(server.addr, "GET", "/livez", headers, b"").status;
    assert_eq!(get(&[("Host", "engram.internal:80")]), 200);
    assert_eq!(get(&[("Host", "x.engram.internal")]), 421);
    assert_eq!(get(&[("Origin", "https://console.example.org")]), 200);
    assert_eq!(get(&[("Origin", "http://console.example.org")]), 403);
    let local = format!("localhost:{}", server.addr.port());
    assert_eq!(get(&[("Host", &local)]), 200);
}

#[test]
fn request_ids_are_kept_when_sane() {
    let server = Fixture::start();
    let id = |given: &str| {
        let reply = send(server.addr, "GET", "/livez", &[("X-Request-Id", given)], b"");
        reply.header("x-request-id").to_owned()
    };
    assert_eq!(id("trace-7"), "trace-7");
    assert_ne!(id("a b"), "a b");
    assert_ne!(id(&"x".repeat(500)), "x".repeat(500));
    let bad = [("X-Request-Id", "mine"), ("Host", "evil.example")];
    let problem = send(server.addr, "GET", "/livez", &bad, b"").problem(421, "host_refused");
    assert_eq!(problem["request_id"], "mine");
}
