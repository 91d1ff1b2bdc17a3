//! Each command once as it is meant, and with what it must refuse.

use crate::world::World;

#[test]
fn a_memory_goes_in_with_all_fields_and_comes_out_with_them() {
    let world = World::new();
    let node = world.start();
    node.run(&[
        "remember",
        "Ada: I moved to Zurich",
        "--id",
        "chat/1 ü",
        "--kind",
        "fact",
        "--title",
        "Moving",
        "--session",
        "s1",
        "--at",
        "2026-01-05T12:00:00.123456789+01:00",
        "--until",
        "2026-01-05T12:00:00+00:00",
        "--place",
        "Zurich",
        "--person",
        "Ada",
        "--person",
        "Bob",
        "--entity",
        "Zurich",
        "--tag",
        "travel",
        "--tag",
        "home",
        "--meta",
        "ticket.priority=2",
        "--meta",
        "lang=en",
        "--source-kind",
        "chat",
        "--source-ref",
        "https://chat.example.org/1",
        "--trust",
        "0.5",
        "--subject",
        "Ada",
        "--attribute",
        "city",
        "--confidence",
        "0.75",
        "--importance",
        "0.25",
        "--valid-from",
        "2026-01-01",
        "--valid-until",
        "2027-01-01",
        "--expires-at",
        "2099-01-01",
    ])
    .ok();
    let memory = node.json(&["get", "chat/1 ü"]);
    let expected = serde_json::json!({
        "id": "chat/1 ü", "version": 1, "kind": "fact", "state": "active", "title": "Moving",
        "text": "Ada: I moved to Zurich", "session": "s1", "occurred_at": "2026-01-05T11:00:00.123456789Z",
        "occurred_until": "2026-01-05T12:00:00Z", "place": "Zurich", "people": ["Ada", "Bob"],
        "entities": ["Zurich"], "tags": ["travel", "home"],
        "metadata": {"lang": "en", "ticket": {"priority": 2}}, "subject": "Ada", "attribute": "city",
        "importance": 0.25, "valid_from": "2026-01-01T00:00:00Z", "valid_until": "2027-01-01T00:00:00Z",
        "expires_at": "2099-01-01T00:00:00Z",
    });
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(&memory[field], value, "{field}");
    }
    assert_eq!(memory["source"]["kind"], "chat");
    assert_eq!(memory["source"]["ref"], "https://chat.example.org/1");
    assert_eq!(memory["source"]["trust"], 0.5);
    assert!(memory["confidence"]["low"].as_f64() < memory["confidence"]["mean"].as_f64());
    assert!(memory["strength"]["retrievability"].is_number());
    let table = node.run(&["get", "chat/1 ü"]).ok().stdout;
    assert!(table.contains("2026-01-05T11:00:00.123456789Z"), "{table}");
}

#[test]
fn a_memory_is_updated_and_its_past_is_shown() {
    let world = World::new();
    let node = world.start();
    node.run(&["remember", "the ferry is red", "--id", "m", "--place", "Zurich", "--tag", "a"])
        .ok();
    let said = node.run(&["update", "m"]).fails(2, &["name a field"]).stdout;
    assert!(said.is_empty());
    let update = ["update", "m", "--text", "the ferry is blue", "--clear", "place", "--tag", "b"];
    let more = ["--set", r#"{"subject":"ferry"}"#, "--if-version", "1", "--reason", "painted"];
    let said = node.run(&[&update[..], &more[..]].concat()).ok().stdout;
    assert!(said.contains("updated m to version 2"), "{said}");
    node.run(&[&update[..], &more[..]].concat()).fails(1, &["version 2"]);
    node.run(&["update", "m", "--clear", "plaice"]).fails(2, &["plaice"]);
    let now = node.json(&["get", "m"]);
    assert_eq!((&now["place"], &now["subject"]), (&serde_json::Value::Null, &"ferry".into()));
    assert_eq!(now["tags"], serde_json::json!(["b"]));
    let history = node.run(&["history", "m"]).ok().stdout;
    for shown in ["the ferry is red", "the ferry is blue", "painted"] {
        assert!(history.contains(shown), "{history}");
    }
    let first = node.json(&["history", "m"])["versions"][1]["lsn"].to_string();
    assert_eq!(node.json(&["get", "m", "--as-of", &first])["text"], "the ferry is red");
    let recall = ["recall", "ferry", "-m", "keyword", "--as-of", &first];
    assert_eq!(node.json(&recall)["items"][0]["memory"]["text"], "the ferry is red");
    node.run(&["update", "m", "--valid-until", "2026-01-01"]).ok();
    let list =
        |at: &str| node.json(&["list", "--valid-at", at])["memories"].as_array().map(Vec::len);
    assert_eq!((list("2025-12-31"), list("2026-01-01")), (Some(1), Some(0)));
}

#[test]
fn recall_filters_and_explains() {
    let world = World::new();
    let node = world.start();
    for (id, at, person, text) in [
        ("a", "2026-01-05", "Ada", "the bakery on the corner sells rye bread"),
        ("b", "2026-02-05", "Bob", "the bakery on the corner is closed in February"),
        ("c", "2026-02-06", "Bob", "the parking garage is full"),
    ] {
        node.run(&["remember", text, "--id", id, "--at", at, "--person", person, "--tag", person])
            .ok();
    }
    let ids = |args: &[&str]| -> Vec<String> {
        let args: Vec<&str> =
            ["recall", "bakery"].into_iter().chain(args.iter().copied()).collect();
        let answer = node.json(&args);
        let items = answer["items"].as_array().unwrap();
        items.iter().map(|item| item["memory"]["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(&["--after", "2026-02-01", "--mode", "keyword"]), ["b"]);
    assert_eq!(ids(&["--before", "2026-02-01", "--mode", "keyword"]), ["a"]);
    assert_eq!(ids(&["--person", "Ada"]), ["a"]);
    assert_eq!(ids(&["--filter", r#"{"not": {"tags": ["Bob"]}}"#]), ["a"]);
    assert_eq!(ids(&["--limit", "1", "--person", "Bob"]), ["b"]);

    let answer = node.json(&["recall", "bakery bread", "--explain"]);
    let first = &answer["items"][0];
    assert_eq!(first["memory"]["id"], "a");
    let parts = first["routes"].as_object().unwrap().values();
    let sum: f64 = parts.map(|part| part["contribution"].as_f64().unwrap()).sum();
    assert!((sum - first["score"].as_f64().unwrap()).abs() < 1e-3, "{first}");
    assert!(!first["matched_terms"].as_array().unwrap().is_empty());
    assert_eq!(answer["trained"], true);
    let observed = node.json(&["recall", "bakery bread", "--observe"]);
    assert_eq!(observed["trained"], false);
    let shown = node.run(&["recall", "bakery bread", "--explain"]).ok().stdout;
    assert!(shown.contains("BM25") && shown.contains("matched:"), "{shown}");
}

#[test]
fn a_cue_has_more_than_a_text() {
    let world = World::new();
    let node = world.start();
    for (id, person, text) in [
        ("am", "Ada", "the morning train leaves at seven"),
        ("pm", "Bob", "the evening train leaves at nine"),
        ("cat", "Bob", "a cat sleeps on the sofa"),
    ] {
        node.run(&["remember", text, "--id", id, "--person", person, "--session", "s", "--wait"])
            .ok();
    }
    let ids = |args: &[&str]| -> Vec<String> {
        let args: Vec<&str> =
            ["recall", "--mode", "keyword"].into_iter().chain(args.iter().copied()).collect();
        let answer = node.json(&args);
        let items = answer["items"].as_array().unwrap();
        items.iter().map(|item| item["memory"]["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(&["--like", "am"]), ["pm"]);
    assert_eq!(ids(&["train", "--exclude", "am"]), ["pm"]);
    assert_eq!(ids(&["train", "--around-person", "Bob"]), ["pm", "am"]);
    assert_eq!(ids(&["train", "--not", "evening"])[0], "am");
    node.run(&["recall", "train", "--weight", "txt=1"]).fails(2, &["unknown field `txt`"]);
    node.run(&["recall", "train", "--weight", "text=2"]).fails(2, &["ERR-1007"]);
    node.run(&["recall", "train", "--min-trust", "0.5", "-m", "keyword"]).fails(3, &["nothing"]);

    let page = node.json(&["recall", "train", "-m", "keyword", "-n", "1"]);
    let cursor = page["next_cursor"].as_str().unwrap();
    assert_eq!(ids(&["train", "--cursor", cursor]).len(), 1);
    let shown = node.run(&["recall", "train", "-m", "keyword", "-n", "1"]).ok();
    assert!(shown.stderr.contains(cursor), "{}", shown.stderr);
    node.run(&["recall", "other", "--cursor", cursor]).fails(2, &["ERR-1021"]);

    let prompt = node.run(&["recall", "train", "--context-tokens", "500"]).ok();
    assert!(prompt.stdout.contains("the morning train leaves at seven"), "{}", prompt.stdout);
    assert!(prompt.stderr.contains("had no room"), "{}", prompt.stderr);
    node.run(&["recall", "train", "--context-tokens", "0"]).fails(2, &["ERR-1007"]);
    let beside = node.run(&["recall", "morning", "-m", "keyword", "--neighbours", "1"]).ok();
    assert!(beside.stdout.contains("+1"), "{}", beside.stdout);
}

#[test]
fn associations_are_made_shown_followed_and_taken_away() {
    let world = World::new();
    let node = world.start();
    for (id, text) in [("outage", "db-2 was down"), ("disk", "a disk was full"), ("sofa", "a sofa")]
    {
        node.run(&["remember", text, "--id", id]).ok();
    }
    let make = ["associate", "outage", "disk", "-r", "caused by", "-w", "0.9", "--reason", "seen"];
    assert!(node.run(&make).ok().stdout.starts_with("associated outage -> disk"));
    assert!(node.run(&make).ok().stdout.starts_with("changed"));
    node.run(&["associate", "outage", "outage"]).fails(2, &["ERR-1033"]);
    node.run(&["associate", "outage", "disk", "-w", "0"]).fails(2, &["ERR-1007"]);
    node.run(&["associate", "outage", "nobody"]).fails(3, &["ERR-2002"]);
    let shown = node.run(&["associations", "outage", "--edge", "explicit"]).ok().stdout;
    assert!(shown.contains("caused by") && shown.contains("seen"), "{shown}");
    let inwards = ["associations", "outage", "--edge", "explicit", "--direction", "in"];
    node.run(&inwards).fails(3, &["no such association"]);
    node.run(&["associations", "outage", "--edge", "nere"]).fails(2, &["near"]);

    let spread = node.json(&["spread", "outage", "--edge", "explicit", "--hops", "1"]);
    let reached = spread["items"].as_array().unwrap();
    assert!(reached.iter().any(|item| item["memory"]["id"] == "disk"), "{spread}");
    let way = node.run(&["spread", "outage"]).ok().stdout;
    assert!(way.contains("outage -[explicit caused by 0.90]-> disk"), "{way}");

    let known = node.run(&["recognize", "a disk was full"]).ok().stdout;
    assert!(known.starts_with("known, familiarity 1.000"), "{known}");
    node.run(&["recognize", "quantum chromodynamics on the lattice"])
        .fails(3, &["not seen before"]);

    let gone = node.run(&["dissociate", "outage", "disk", "--edge", "explicit"]).ok().stdout;
    assert!(gone.starts_with("took 1 associations"), "{gone}");
    node.run(&["dissociate", "outage", "disk", "--edge", "explicit"]).fails(3, &["no such"]);
    assert!(node.run(&["space", "stats", "default"]).ok().stdout.contains("associations"));
}

#[test]
fn partial_memories_are_completed_continued_and_imagined() {
    let world = World::new();
    let node = world.start();
    let mut lines = String::new();
    for n in 0..12 {
        let (place, person) = if n % 2 == 0 { ("harbour", "Ada") } else { ("airport", "Bob") };
        for (step, text) in ["arrival of goods", "goods are counted"].iter().enumerate() {
            let memory = serde_json::json!({
                "id": format!("{n}-{step}"), "text": text, "place": place, "people": [person],
                "session": format!("shift {n}"), "occurred_at": format!("2026-01-{:02}T0{step}:00:00Z", n + 1),
            });
            lines += &format!("{memory}\n");
        }
    }
    node.run_with_stdin(&["import", "-"], &lines).ok();
    let shown = node.run(&["complete", "--place", "harbour"]).ok().stdout;
    assert!(shown.contains("Ada") && shown.contains("(no agreement)"), "{shown}");
    let only = ["complete", "--person", "Bob", "--field", "place", "--min-probability", "0.6"];
    let answer = node.json(&only);
    assert_eq!(answer["fields"][0]["filled"]["value"], "airport");
    node.run(&["complete", "--place", "nowhere", "--field", "tags"]).fails(3, &["no field"]);
    node.run(&["complete"]).fails(2, &["ERR-1012"]);
    node.run(&["complete", "--place", "x", "--field", "plaec"]).fails(2, &["place"]);
    node.run(&["complete", "--place", "x", "--filter", "{"]).fails(2, &["--filter"]);

    let made = node.run(&["imagine", "--place", "harbour", "--field", "people"]).ok().stdout;
    assert!(made.starts_with("imagined, not remembered: 12 of") && made.contains("Ada"), "{made}");
    node.run(&["imagine", "--place", "nowhere"]).fails(3, &["nothing is known"]);

    // One more memory waits for all associations before it.
    node.run(&["remember", "the end", "--wait"]).ok();
    let next = node.run(&["predict", "--like", "0-0"]).ok().stdout;
    assert!(next.starts_with("12 occasions") && next.contains("goods are counted"), "{next}");
    node.run(&["predict", "--like", "0-1"]).fails(3, &["no evidence"]);
}

#[test]
fn forget_asks_tries_and_restores() {
    let world = World::new();
    let node = world.start();
    for id in ["a", "b", "c"] {
        node.run(&["remember", &format!("memory {id}"), "--id", id, "--tag", "x"]).ok();
    }
    // Without a terminal nobody can say yes.
    node.run(&["forget", "a"]).fails(2, &["--yes"]);
    node.run(&["forget"]).fails(2, &["ERR-1026"]);
    node.run(&["forget", "a", "--tag", "x"]).fails(2, &["ERR-1026"]);
    let tried = node.json(&["forget", "--tag", "x", "--dry-run"]);
    assert_eq!((tried["count"].as_u64(), tried["receipt"].is_null()), (Some(3), true));
    assert_eq!(node.memories("default"), 3);
    // One unknown id refuses all.
    node.run(&["forget", "a", "nope", "--yes"]).fails(3, &["nope"]);
    assert_eq!(node.memories("default"), 3);
    assert_eq!(node.json(&["forget", "--tag", "x", "--yes"])["count"], 3);
    assert_eq!(node.memories("default"), 0);
    node.run(&["forget", "--tag", "x", "--yes"]).fails(3, &["nothing matches"]);
    assert_eq!(node.json(&["restore", "--all"])["count"], 3);
    assert_eq!(node.memories("default"), 3);
    node.run(&["restore", "--all"]).fails(3, &[]);
}

#[test]
fn spaces_are_made_listed_and_deleted() {
    let world = World::new();
    let node = world.start();
    node.run(&["space", "create", "team-notes", "--language", "de"]).ok();
    node.run(&["space", "create", "team-notes"]).fails(1, &["ERR-3001"]);
    node.run(&["space", "create", "Team Notes"]).fails(2, &["ERR-1015"]);
    node.run(&["space", "create", "x", "--embedder", "nope"]).fails(2, &["ERR-1023"]);
    node.run(&["space", "create", "x", "--language", "xx"]).fails(2, &["ERR-1025"]);
    let names: Vec<String> = node.json(&["space", "list"])["spaces"]
        .as_array()
        .unwrap()
        .iter()
        .map(|space| space["name"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(names, ["default", "team-notes"]);
    assert_eq!(node.json(&["space", "get", "team-notes"])["language"], "de");
    let typo = node.run(&["remember", "a text", "--space", "team-note"]);
    typo.fails(3, &["ERR-2001", "team-notes"]);
    node.run(&["remember", "ein Text", "--space", "team-notes"]).ok();
    node.run(&["space", "delete", "team-notes"]).fails(2, &["1 memories", "--yes"]);
    assert_eq!(node.json(&["space", "delete", "team-notes", "--yes"])["memories"], 1);
    node.run(&["space", "get", "team-notes"]).fails(3, &["ERR-2001"]);
    node.stop();
    let node = world.start();
    node.run(&["space", "get", "team-notes"]).fails(3, &["ERR-2001"]);
}

#[test]
fn bad_input_is_refused_with_its_code_and_nothing_is_stored() {
    let world = World::new();
    let node = world.start();
    node.run(&["remember", "first", "--id", "taken"]).ok();
    node.run(&["remember", "first", "--id", "taken"]).ok();
    let long_id = "x".repeat(10_000);
    let long_text = "word ".repeat(200_000);
    let many: Vec<String> = (0..10_000).map(|number| format!("--tag=t{number}")).collect();
    let bomb = format!("bomb={}1{}", "{\"a\":".repeat(50), "}".repeat(50));
    let large = format!("large=\"{}\"", "x".repeat(20_000));
    let refused: &[(&[&str], i32, &str)] = &[
        (&["remember", "x", "--id", "taken"], 1, "ERR-3002"),
        (&["remember", "x", "--id", &long_id], 2, "ERR-1014"),
        (&["remember", "x", "--id", "a\u{7}b"], 2, "ERR-1014"),
        (&["remember", "x", "--confidence", "1.5"], 2, "ERR-1007"),
        (&["remember", "x", "--importance", "-0.1"], 2, "ERR-1007"),
        (&["remember", "x", "--trust", "2"], 2, "ERR-1007"),
        (&["remember", "x", "--vector", "[1,2,3]"], 2, "ERR-1010"),
        (&["remember", "x", "--vector", "[NaN]"], 2, "JSON list"),
        (&["remember", "x", "--at", "yesterday"], 2, "RFC 3339"),
        (&["remember", "x", "--meta", &bomb], 2, "ERR-1020"),
        (&["remember", "x", "--meta", &large], 2, "ERR-1019"),
        (&["remember", ""], 2, "ERR-1011"),
        (&["recall"], 2, "ERR-1012"),
        (&["recall", ""], 2, "ERR-1012"),
        (&["recall", "x", "--limit", "0"], 2, "ERR-1013"),
        (&["recall", "x", "--limit", "1001"], 2, "ERR-1013"),
        (&["recall", "x", "--min-relevance", "2"], 2, "ERR-1007"),
        (&["recall", "x", "--space", "defualt"], 3, "did you mean `default`"),
        (&["recall", "x", "--filter", "{"], 2, "ERR-1001"),
        (&["list", "--cursor", "nonsense"], 2, "ERR-1021"),
        (&["get", "nope"], 3, "ERR-2002"),
        (&["get"], 2, "required"),
        (&["nonsense"], 2, "unrecognized"),
    ];
    for (args, exit, said) in refused {
        node.run(args).fails(*exit, &[said]);
    }
    node.run_with_stdin(&["remember"], &long_text).fails(2, &["ERR-1016"]);
    let args: Vec<&str> =
        ["remember", "x"].into_iter().chain(many.iter().map(String::as_str)).collect();
    node.run(&args).fails(2, &["ERR-1018"]);
    assert_eq!(node.memories("default"), 1);
    assert_eq!(node.json(&["get", "taken"])["text"], "first");

    let problem = node.run(&["--output", "json", "get", "nope"]);
    assert_eq!(problem.stdout, "");
    let problem: serde_json::Value = serde_json::from_str(&problem.stderr).unwrap();
    assert_eq!(problem["code"], "memory_not_found");
    assert!(problem["request_id"].is_string());
}

#[test]
fn text_can_come_from_stdin() {
    let world = World::new();
    let node = world.start();
    node.run_with_stdin(&["remember", "-", "--id", "piped"], "from a pipe\n").ok();
    assert_eq!(node.json(&["get", "piped"])["text"], "from a pipe");
    let listed = node.json(&["list"]);
    assert_eq!(listed["memories"].as_array().unwrap().len(), 1);
}

#[test]
fn list_goes_on_where_it_ended() {
    let world = World::new();
    let node = world.start();
    for number in 0..5 {
        node.run(&["remember", &format!("memory {number}"), "--id", &number.to_string()]).ok();
    }
    let mut seen = Vec::new();
    let mut cursor = None::<String>;
    loop {
        let mut args = vec!["list", "--limit", "2"];
        if let Some(cursor) = &cursor {
            args.extend(["--cursor", cursor]);
        }
        let page = node.json(&args);
        for memory in page["memories"].as_array().unwrap() {
            seen.push(memory["id"].as_str().unwrap().to_owned());
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => break,
        }
    }
    assert_eq!(seen, ["0", "1", "2", "3", "4"]);
}
