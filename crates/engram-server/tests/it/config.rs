//! Layers, origins and refusals of the configuration.

use std::collections::BTreeMap;
use std::time::Duration;

use engram_engine::EngineSettings;
use engram_server::{ConfigSources, EmbedderKind, LogFormat, Settings, StorePlace};
use expect_test::{Expect, expect};

fn sources(file: &str, env: &[(&str, &str)], flags: &[(&str, &str)]) -> ConfigSources {
    let owned = |pairs: &[(&str, &str)]| {
        pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect::<Vec<_>>()
    };
    let mut env: BTreeMap<String, String> = owned(env).into_iter().collect();
    env.entry("HOME".to_owned()).or_insert_with(|| "/home/ada".to_owned());
    ConfigSources {
        file: (!file.is_empty()).then(|| ("engram.toml".to_owned(), file.to_owned())),
        env,
        env_reserved: vec!["ENGRAM_URL".to_owned()],
        flags: owned(flags),
    }
}

fn origin(settings: &Settings, key: &str) -> String {
    let row = settings.rows.iter().find(|row| row.key == key).unwrap();
    format!("{} ({})", row.value.as_deref().unwrap_or("-"), row.origin)
}

#[test]
fn later_layers_win_and_origins_are_kept() {
    let file = "data_dir = \"/data\"\n[http]\naddr = \"127.0.0.1:1\"\n[limits]\nrequest_timeout = 5\n\
                [log]\nformat = \"text\"\nlevel = \"warn\"\n";
    let env =
        [("ENGRAM_HTTP__ADDR", "127.0.0.1:2"), ("ENGRAM_LOG__LEVEL", "debug"), ("ENGRAM_URL", "x")];
    let settings = Settings::load(&sources(file, &env, &[("http.addr", "127.0.0.1:3")])).unwrap();
    assert_eq!(settings.http_addr.port(), 3);
    assert_eq!(settings.log.format, LogFormat::Text);
    assert_eq!(settings.limits.request_timeout, Duration::from_secs(5));
    assert_eq!(origin(&settings, "http.addr"), "127.0.0.1:3 (flag --http)");
    assert_eq!(origin(&settings, "log.level"), "debug (environment ENGRAM_LOG__LEVEL)");
    assert_eq!(origin(&settings, "log.format"), "text (engram.toml:7)");
    assert_eq!(origin(&settings, "data_dir"), "/data (engram.toml:1)");
    assert_eq!(origin(&settings, "limits.request_bytes"), "16 MiB (default)");
}

#[test]
fn a_default_space_without_an_embedder_needs_a_dimension() {
    let load = |flags: &[(&str, &str)]| Settings::load(&sources("", &[], flags));
    let none = ("default_space.embedder", "none");
    assert_eq!(load(&[]).unwrap().default_dimension, None);
    let refused = load(&[none]).unwrap_err().to_string();
    assert!(refused.contains("default_space.dimension"), "{refused}");
    assert!(load(&[none, ("default_space.name", "")]).is_ok());
    let settings = load(&[none, ("default_space.dimension", "768")]).unwrap();
    assert_eq!(settings.default_dimension, Some(768));
    assert!(load(&[("default_space.dimension", "0")]).is_err());
}

#[test]
fn recall_is_set_as_the_engine_has_it_until_told_otherwise() {
    let load = |file: &str| Settings::load(&sources(file, &[], &[])).unwrap();
    let engine = EngineSettings::default();
    assert_eq!(load("").weights, engine.weights);
    assert_eq!(load("").graph_vectors_min, engine.graph_vectors_min);
    let set = load("[weights]\nrecency = 0.25\nactivation = 0").weights;
    assert_eq!((set.recency, set.activation), (0.25, 0.0));
}

#[test]
fn the_data_directory_follows_the_xdg_rules() {
    let dir = |env: &[(&str, &str)]| {
        let settings = Settings::load(&sources("", env, &[])).unwrap();
        settings.data_dir.display().to_string()
    };
    assert_eq!(dir(&[]), "/home/ada/.local/share/engram");
    assert_eq!(dir(&[("XDG_DATA_HOME", "/xdg")]), "/xdg/engram");
    assert_eq!(dir(&[("XDG_DATA_HOME", "relative")]), "/home/ada/.local/share/engram");
    let none = ConfigSources::default();
    assert!(Settings::load(&none).unwrap_err().to_string().contains("--data-dir"));
}

fn check(file: &str, env: &[(&str, &str)], expected: Expect) {
    expected.assert_eq(&Settings::load(&sources(file, env, &[])).unwrap_err().to_string());
}

#[test]
fn refusals_name_key_origin_range_and_example() {
    check(
        "[http]\nadr = \"x\"",
        &[],
        expect!["unknown setting `http.adr` (engram.toml:2); did you mean `http.addr`?"],
    );
    check(
        "colour = 1",
        &[],
        expect![
            "unknown setting `colour` (engram.toml:1); `engram config show` lists all settings"
        ],
    );
    check(
        "",
        &[("ENGRAM_HTTP__ADR", "x")],
        expect![
            "unknown setting `ENGRAM_HTTP__ADR` (environment ENGRAM_HTTP__ADR); did you mean `ENGRAM_HTTP__ADDR`?"
        ],
    );
    check(
        "[limits]\nrequest_bytes = \"2 TB\"",
        &[],
        expect![
            "`limits.request_bytes` is `\"2 TB\"` (engram.toml:2); allowed: 1 KiB to 1 GiB (bytes); for example `32 MiB`"
        ],
    );
    check(
        "[limits]\nconcurrent_requests = \"5\"",
        &[],
        expect![[
            r#"`limits.concurrent_requests` is `"5"` (engram.toml:2); allowed: 1 to 65536 (count); for example `512`"#
        ]],
    );
    check(
        "",
        &[("ENGRAM_LOG__FORMAT", "xml")],
        expect![
            "`log.format` is `xml` (environment ENGRAM_LOG__FORMAT); allowed: json, text (word); for example `text`"
        ],
    );
    check(
        "[weights]\nvector = 0\ntext = 0.0",
        &[],
        expect!["`weights.vector` (engram.toml:2): this and weights.text must not both be 0"],
    );
    check(
        "[wal]\nsegment_bytes = 100000",
        &[],
        expect!["`wal.segment_bytes` (engram.toml:2): must be a multiple of 4 KiB"],
    );
    check(
        "[default_space]\nlanguage = \"klingon\"",
        &[],
        expect![
            "`default_space.language` (engram.toml:2): `klingon` is not one of none, ar, da, nl, en, fi, fr, de, el, hu, it, no, pt, ro, ru, es, sv, ta, tr"
        ],
    );
    check(
        "[default_space]\nembedder = \"mine\"",
        &[],
        expect![
            "`default_space.embedder` (engram.toml:2): `mine` is neither `builtin`, `none` nor a name under `embedders`"
        ],
    );
    check(
        "[http]\nallowed_origins = [\"example.org\"]",
        &[],
        expect![
            "`http.allowed_origins` (engram.toml:2): `example.org` is not of the form https://host or https://host:port"
        ],
    );
    assert!(
        Settings::load(&sources("[http", &[], &[]))
            .unwrap_err()
            .to_string()
            .starts_with("engram.toml: ")
    );
}

#[test]
fn a_reachable_address_needs_consent() {
    check(
        "http.addr = \"0.0.0.0:7432\"",
        &[],
        expect![
            "`http.addr` (engram.toml:1): 0.0.0.0:7432 can be reached from other machines and requests are not authenticated; set auth.enabled = true, listen on 127.0.0.1, or accept the risk with --insecure-no-auth (insecure_no_auth = true)"
        ],
    );
    let consent = [("http.addr", "0.0.0.0:7432"), ("insecure_no_auth", "true")];
    assert!(Settings::load(&sources("", &[], &consent)).is_ok());
    check(
        "http.addr = \"0.0.0.0:7432\"\nauth.enabled = true",
        &[],
        expect![
            "`http.addr` (engram.toml:1): 0.0.0.0:7432 can be reached from other machines and keys would cross the network in plain text; set tls.cert_file and tls.key_file, or where something in front ends TLS, say so with --insecure-no-tls (insecure_no_tls = true)"
        ],
    );
    let with_keys = [("http.addr", "0.0.0.0:7432"), ("auth.enabled", "true")];
    let behind = [with_keys[0], with_keys[1], ("insecure_no_tls", "true")];
    let certified = [
        with_keys[0],
        with_keys[1],
        ("tls.cert_file", "server.pem"),
        ("tls.key_file", "server.key"),
    ];
    for enough in [&behind[..], &certified] {
        assert!(Settings::load(&sources("", &[], enough)).is_ok(), "{enough:?}");
    }
    let tls_alone = [with_keys[0], certified[2], certified[3]];
    assert!(Settings::load(&sources("", &[], &tls_alone)).is_err(), "TLS says not who asks");
    for loopback in ["127.0.0.1:0", "127.9.9.9:1", "[::1]:7432", "localhost:7432"] {
        assert!(
            Settings::load(&sources("", &[], &[("http.addr", loopback)])).is_ok(),
            "{loopback}"
        );
    }
}

#[test]
fn embedders_are_configured_by_name() {
    let file = "[embedders.mine]\nkind = \"openai\"\nurl = \"https://api.example.org/v1\"\nmodel = \"m\"\n\
                dimension = 8\napi_key_env = \"KEY\"\nquery_prefix = \"query:\"\n";
    let env = [
        ("KEY", "s3cret"),
        ("ENGRAM_EMBEDDERS__LOCAL__KIND", "local"),
        ("ENGRAM_EMBEDDERS__LOCAL__PATH", "/m"),
    ];
    let settings = Settings::load(&sources(file, &env, &[])).unwrap();
    let mine = &settings.embedders["mine"];
    assert_eq!((mine.kind, mine.dimension), (EmbedderKind::OpenAi, Some(8)));
    assert_eq!(mine.api_key.as_ref().unwrap().expose(), "s3cret");
    assert!(!format!("{settings:?}").contains("s3cret"));
    assert_eq!(settings.embedders["local"].kind, EmbedderKind::Local);
    check(
        "[embedders.mine]\nurl = \"x\"",
        &[],
        expect!["`embedders.mine.kind` (default): is required: openai, ollama, tei or local"],
    );
    check(
        "[embedders.mine]\nkind = \"ollama\"\nurl = \"x\"\ndimension = 3",
        &[],
        expect!["`embedders.mine.model` (default): is required for an embedder of this kind"],
    );
    check(
        file,
        &[],
        expect![
            "`embedders.mine.api_key_env` (engram.toml:6): the environment has no variable `KEY`"
        ],
    );
    check(
        "[embedders.mine]\nkinds = \"x\"",
        &[],
        expect![
            "unknown setting `embedders.mine.kinds` (engram.toml:2); did you mean `embedders.mine.kind`?"
        ],
    );
    check(
        "[embedders.builtin]\nkind = \"tei\"\nurl = \"x\"\ndimension = 3",
        &[],
        expect!["`embedders.builtin.kind` (engram.toml:2): the name `builtin` is reserved"],
    );
}

#[test]
fn cold_files_have_a_place_that_can_work() {
    let file = "[cold]\nurl = \"s3://bucket/a\"\ns3_endpoint = \"https://minio:9000\"\n\
                s3_access_key_env = \"KEY\"\ns3_secret_key_env = \"SECRET\"\n";
    let env = [("KEY", "acc3ss"), ("SECRET", "s3cret")];
    let settings = Settings::load(&sources(file, &env, &[])).unwrap();
    let cold = settings.cold.as_ref().unwrap();
    let (bucket, prefix) = ("bucket".to_owned(), "a".to_owned());
    assert_eq!(cold.place, StorePlace::S3 { bucket, prefix });
    assert_eq!(cold.s3_keys.as_ref().unwrap().1.expose(), "s3cret");
    assert_eq!((cold.s3_region.as_str(), cold.timeout), ("us-east-1", Duration::from_secs(10)));
    let shown = format!("{settings:?}");
    assert!(!shown.contains("s3cret") && !shown.contains("acc3ss"));
    assert_eq!(Settings::load(&sources("", &[], &[])).unwrap().cold, None);
    check(
        file,
        &env[..1],
        expect![
            "`cold.s3_secret_key_env` (engram.toml:5): the environment has no variable `SECRET`"
        ],
    );
    check(
        "[cold]\nurl = \"gs://bucket\"",
        &[],
        expect!["`cold.url` (engram.toml:2): must start with `file:///`, `s3://` or be `memory:`"],
    );
    check(
        "[cold]\nurl = \"s3://\"",
        &[],
        expect![
            "`cold.url` (engram.toml:2): `` is no bucket: 3 to 63 of a-z 0-9 - . between letters or digits"
        ],
    );
    check(
        "[cold]\nurl = \"s3://bucket/a//b\"",
        &[],
        expect![
            "`cold.url` (engram.toml:2): `a//b` is no prefix: up to 128 of A-Z a-z 0-9 - _ . = in parts between single slashes"
        ],
    );
    check(
        "[cold]\nurl = \"file://relative\"",
        &[],
        expect![
            "`cold.url` (engram.toml:2): a folder is `file:///` and its absolute path, without escapes"
        ],
    );
    check(
        "[cold]\nurl = \"memory:\"\ns3_endpoint = \"https://minio\"",
        &[],
        expect!["`cold.s3_endpoint` (engram.toml:3): needs a cold.url that starts with `s3://`"],
    );
    check(
        "[cold]\ns3_access_key_env = \"KEY\"",
        &env,
        expect![
            "`cold.s3_access_key_env` (engram.toml:2): needs a cold.url that starts with `s3://`"
        ],
    );
    check(
        "[cold]\nurl = \"s3://bucket\"\ns3_secret_key_env = \"KEY\"",
        &env,
        expect!["`cold.s3_access_key_env` (default): is required beside cold.s3_secret_key_env"],
    );
    let plain = "[cold]\nurl = \"s3://bucket\"\ns3_endpoint = \"http://minio:9000\"\n";
    check(
        plain,
        &[],
        expect![
            "`cold.s3_endpoint` (engram.toml:3): plain HTTP shows memories to the network; use `https://`, or accept the risk with cold.s3_allow_http = true"
        ],
    );
    assert!(Settings::load(&sources(plain, &[], &[("cold.s3_allow_http", "true")])).is_ok());
    check(
        "[cold]\nurl = \"s3://bucket\"\ns3_endpoint = \"minio:9000\"",
        &[],
        expect!["`cold.s3_endpoint` (engram.toml:3): must start with `https://`"],
    );
}
