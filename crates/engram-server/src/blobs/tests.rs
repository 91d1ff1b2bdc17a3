//! The store that the configuration names, over a service on this machine that fails on demand.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use engram_store::{BlobError, BlobStore, conformance};

use super::fake_s3::{ACCESS_KEY, BUCKET, FakeS3};
use super::*;
use crate::config::ConfigSources;

const SECRET_KEY: &str = "a-secret-that-nobody-shall-see";

fn settings(pairs: &[(&str, &str)]) -> Settings {
    let mut flags = vec![("data_dir".to_owned(), "/nowhere".to_owned())];
    flags.extend(pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
    let variables = [("ACCESS", ACCESS_KEY), ("SECRET", SECRET_KEY), ("WRONG", "another-key")];
    let env = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    Settings::load(&ConfigSources { flags, env, ..ConfigSources::default() }).unwrap()
}

fn reached(service: &FakeS3, pairs: &[(&str, &str)]) -> Arc<dyn BlobStore> {
    let endpoint = format!("http://{}", service.addr);
    let mut all = vec![
        ("cold.s3_endpoint", endpoint.as_str()),
        ("cold.s3_allow_http", "true"),
        ("cold.s3_access_key_env", "ACCESS"),
        ("cold.s3_secret_key_env", "SECRET"),
        ("cold.url", "s3://bucket/above/all"),
    ];
    all.extend(pairs);
    open_blobs(&settings(&all), service.runtime.handle()).unwrap().unwrap()
}

#[test]
fn a_service_conforms_below_a_prefix_and_without() {
    let service = FakeS3::start();
    service.shelf().objects.insert("above/allover".to_owned(), "not ours".into());
    service.shelf().objects.insert("above/all/not a key".to_owned(), "not ours".into());
    let blobs = reached(&service, &[]);
    conformance::check_blobs(&blobs);
    blobs.put("one/two", b"x").unwrap();
    assert_eq!(blobs.list("").unwrap(), ["one/two"], "nothing of others");
    assert!(service.shelf().objects.contains_key("above/all/one/two"));
    conformance::check_blobs(&reached(&service, &[("cold.url", "s3://bucket")]));
    assert!(service.shelf().uploads.is_empty(), "no upload is left");
    assert_eq!(service.shelf().objects.len(), 3);
}

#[test]
fn folders_and_memory_are_opened_by_their_address() {
    let scratch = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let folder = format!("file://{}/cold", scratch.path().display());
    for url in [folder.as_str(), "memory:"] {
        let opened = open_blobs(&settings(&[("cold.url", url)]), runtime.handle()).unwrap();
        conformance::check_blobs(&opened.unwrap());
    }
    assert!(scratch.path().join("cold").is_dir());
    assert!(open_blobs(&settings(&[]), runtime.handle()).unwrap().is_none());
    std::fs::write(scratch.path().join("file"), "").unwrap();
    let url = format!("file://{}/file/below", scratch.path().display());
    let refused = open_blobs(&settings(&[("cold.url", &url)]), runtime.handle()).err().unwrap();
    assert!(
        refused.to_string().contains("cold.url") || refused.to_string().contains("file/below"),
        "{refused}"
    );
}

#[test]
fn of_many_who_create_one_wins() {
    let service = FakeS3::start();
    let blobs = reached(&service, &[]);
    (0..5).for_each(|round| check_race(blobs.as_ref(), &format!("race/{round}")));
}

fn check_race(blobs: &dyn BlobStore, key: &str) {
    let results = std::thread::scope(|scope| {
        let racers = [0_u8; 8].map(|_| scope.spawn(|| blobs.put_new(key, b"mine")));
        racers.map(|racer| racer.join().unwrap())
    });
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1, "{results:?}");
    let lost = |result: &&Result<(), BlobError>| matches!(result, Err(BlobError::Exists { .. }));
    assert_eq!(results.iter().filter(lost).count(), 7, "{results:?}");
}

#[test]
fn what_passes_is_tried_again_and_what_stays_is_told() {
    let service = FakeS3::start();
    let blobs = reached(&service, &[]);
    let busy = (StatusCode::SERVICE_UNAVAILABLE, "SlowDown");
    service.shelf().next = vec![busy; 2];
    blobs.put("a", b"x").unwrap();
    assert_eq!(service.shelf().requests.len(), 3);
    service.shelf().next = vec![busy; 99];
    let told = blobs.len("a");
    assert!(matches!(told, Err(BlobError::Unavailable { .. })), "{told:?}");
    assert_eq!(service.shelf().next.len(), 95, "four attempts");
    service.shelf().next.clear();
    type IsRight = fn(&BlobError) -> bool;
    let cases: [(StatusCode, &str, IsRight); 5] = [
        (StatusCode::TOO_MANY_REQUESTS, "SlowDown", |_| false),
        (StatusCode::FORBIDDEN, "AccessDenied", |error| matches!(error, BlobError::Denied { .. })),
        (StatusCode::UNAUTHORIZED, "Who", |error| matches!(error, BlobError::Denied { .. })),
        (StatusCode::BAD_REQUEST, "Odd", |error| matches!(error, BlobError::Failed { .. })),
        (StatusCode::CONFLICT, "ConditionalRequestConflict", |error| {
            matches!(error, BlobError::Unavailable { .. })
        }),
    ];
    for (status, code, is_right) in cases {
        service.shelf().next = vec![(status, code)];
        match blobs.put_new(&format!("b/{code}"), b"x") {
            Ok(()) => assert_eq!(status, StatusCode::TOO_MANY_REQUESTS, "only this is tried again"),
            Err(error) => assert!(is_right(&error), "{status}: {error:?}"),
        }
    }
    service.shelf().next = vec![(StatusCode::CONFLICT, "OperationAborted")];
    let told = blobs.put("a", b"y");
    assert!(matches!(told, Err(BlobError::Unavailable { .. })), "{told:?}");
}

#[test]
fn an_answer_that_is_lost_is_asked_for_again() {
    let service = FakeS3::start();
    let blobs = reached(&service, &[]);
    service.shelf().lose_answer = true;
    blobs.put("a", b"xyz").unwrap();
    assert!(service.shelf().requests.len() >= 2, "the put was repeated");
    service.shelf().lose_answer = true;
    assert_eq!(blobs.get_range("a", 0, &mut [0; 9]), Ok(3));
    // Whether a creation that was not answered took place is for the caller to find out.
    service.shelf().lose_answer = true;
    let told = blobs.put_new("b", b"x");
    assert!(matches!(told, Err(BlobError::Unavailable { .. })), "{told:?}");
    assert_eq!(blobs.len("b"), Ok(1));
}

#[test]
fn a_service_that_is_silent_or_gone_costs_bounded_time() {
    let service = FakeS3::start();
    let blobs = reached(&service, &[("cold.timeout", "300ms")]);
    blobs.put("a", b"x").unwrap();
    service.shelf().delay = Duration::from_secs(60);
    let start = Instant::now();
    let told = blobs.get_range("a", 0, &mut [0]);
    assert!(matches!(told, Err(BlobError::Unavailable { .. })), "{told:?}");
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    let nobody = [("cold.s3_endpoint", "http://127.0.0.1:1"), ("cold.timeout", "2s")];
    let told = reached(&service, &nobody).put("a", b"x");
    assert!(matches!(told, Err(BlobError::Unavailable { .. })), "{told:?}");
}

#[test]
fn refusals_name_the_reason_and_no_credential() {
    let service = FakeS3::start();
    let wrong = reached(&service, &[("cold.s3_access_key_env", "WRONG")]);
    let denied = wrong.put("a", b"x").unwrap_err();
    assert!(matches!(denied, BlobError::Denied { .. }), "{denied:?}");
    let text = format!("{denied} {denied:?}");
    assert!(text.contains("SignatureDoesNotMatch") && text.contains("as the test wants"), "{text}");
    for secret in [SECRET_KEY, ACCESS_KEY, "another-key", "StringToSign"] {
        assert!(!text.contains(secret), "{text}");
    }
    // The answer to this has no body, as it is with every service.
    let denied = wrong.len("a").unwrap_err();
    assert!(matches!(denied, BlobError::Denied { .. }), "{denied:?}");
    assert!(denied.to_string().contains("SignatureDoesNotMatch"), "{denied}");
    let nowhere = reached(&service, &[("cold.url", "s3://nowhere")]);
    let reads = [nowhere.get_range("a", 0, &mut [0]).map(drop), nowhere.len("a").map(drop)];
    for result in reads.into_iter().chain([nowhere.put("a", b"x")]) {
        assert!(matches!(result, Err(BlobError::Failed { .. })), "{result:?}");
    }
    assert!(matches!(nowhere.list(""), Err(BlobError::Failed { .. })));
}

#[test]
fn a_long_object_goes_up_in_parts_or_not_at_all() {
    let service = FakeS3::start();
    let blobs = reached(&service, &[]);
    let long: Vec<u8> = (0..(17_u32 << 20)).map(|number| (number % 249) as u8).collect();
    blobs.put("long", &long).unwrap();
    let parts = |service: &FakeS3| {
        let requests = &service.shelf().requests;
        requests.iter().filter(|request| request.contains("partNumber=")).count()
    };
    assert_eq!(parts(&service), 3);
    assert!(service.shelf().objects["above/all/long"] == long);
    service.shelf().broken = Some("partNumber=2");
    let told = blobs.put("long", &vec![0; long.len()]);
    assert!(matches!(told, Err(BlobError::Unavailable { .. })), "{told:?}");
    assert!(service.shelf().uploads.is_empty(), "the upload is given up");
    assert!(service.shelf().objects["above/all/long"] == long, "the old object stays");
}

#[test]
fn a_long_object_is_read_in_parts() {
    let service = FakeS3::start();
    let blobs = reached(&service, &[]);
    // Longer than any answer that is read, as the file of a large space in a repository is.
    let long: Vec<u8> = (0..(65_u32 << 20)).map(|number| (number % 251) as u8).collect();
    service.shelf().objects.insert("above/all/long".to_owned(), long.clone().into());
    let mut whole = vec![0; long.len() + 1];
    assert_eq!(blobs.get_range("long", 0, &mut whole), Ok(long.len()));
    assert!(whole[..long.len()] == long);
    let mut middle = vec![0; 20 << 20];
    assert_eq!(blobs.get_range("long", 12_345, &mut middle), Ok(middle.len()));
    assert!(middle == long[12_345..][..middle.len()]);
    // Its end is that of a part.
    service.shelf().objects.insert("above/all/even".to_owned(), long[..16 << 20].to_vec().into());
    assert_eq!(blobs.get_range("even", 0, &mut whole), Ok(16 << 20));
}

#[test]
fn threads_of_the_runtime_are_never_blocked() {
    let service = FakeS3::start();
    let blobs = reached(&service, &[]);
    blobs.put("a", b"x").unwrap();
    let handle = service.runtime.handle();
    let here = Arc::clone(&blobs);
    let blocking = handle.spawn_blocking(move || here.len("a"));
    assert_eq!(service.runtime.block_on(blocking).unwrap(), Ok(1), "threads that may wait");
    let reactor = handle.spawn(async move { blobs.len("a") });
    assert!(service.runtime.block_on(reactor).unwrap_err().is_panic());
}

/// Against a real service, with an empty bucket named `bucket`; `cargo xtask s3` starts one.
#[test]
#[ignore = "needs a service"]
fn a_real_service_conforms() {
    let service = |pairs: &[(&str, &str)]| {
        let mut flags = vec![
            ("data_dir", "/nowhere".to_owned()),
            ("cold.url", format!("s3://{BUCKET}/engram-test")),
            ("cold.s3_endpoint", std::env::var("S3_ENDPOINT").unwrap()),
            ("cold.s3_allow_http", "true".to_owned()),
            ("cold.s3_access_key_env", "S3_ACCESS_KEY".to_owned()),
            ("cold.s3_secret_key_env", "S3_SECRET_KEY".to_owned()),
        ];
        flags.extend(pairs.iter().map(|(key, value)| (*key, (*value).to_owned())));
        let flags = flags.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        let env = std::env::vars().chain([("WRONG".to_owned(), "wrong".to_owned())]).collect();
        Settings::load(&ConfigSources { flags, env, ..Default::default() }).unwrap()
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let open =
        |pairs: &[(&str, &str)]| open_blobs(&service(pairs), runtime.handle()).unwrap().unwrap();
    let blobs = open(&[]);
    conformance::check_blobs(&blobs);
    (0..20).for_each(|round| check_race(blobs.as_ref(), &format!("race/{round}")));
    let long: Vec<u8> = (0..(17_u32 << 20)).map(|number| (number % 249) as u8).collect();
    blobs.put("long/parts", &long).unwrap();
    blobs.put_new("long/new", &long).unwrap();
    for key in blobs.list("long/").unwrap() {
        let mut whole = vec![0; long.len() + 1];
        assert_eq!(blobs.get_range(&key, 0, &mut whole), Ok(long.len()), "{key}");
        assert!(whole[..long.len()] == long, "{key}");
    }
    // More keys than a page of a listing has.
    (0..1_100).for_each(|number| blobs.put(&format!("many/{number:04}"), b"x").unwrap());
    assert_eq!(blobs.list("many/").unwrap().len(), 1_100);
    let told = open(&[("cold.url", "s3://no-such-bucket")]).put_new("a", b"x");
    assert!(
        matches!(&told, Err(BlobError::Failed { what, .. }) if what.contains("bucket")),
        "{told:?}"
    );
    for wrong in ["cold.s3_access_key_env", "cold.s3_secret_key_env"] {
        let told = open(&[(wrong, "WRONG")]).len("a");
        assert!(matches!(told, Err(BlobError::Denied { .. })), "{told:?}");
    }
    for key in blobs.list("").unwrap() {
        blobs.delete(&key).unwrap();
    }
    assert!(blobs.list("").unwrap().is_empty());
}
