//! The conformance suite on the implementations of this crate.

use std::os::unix::fs::PermissionsExt as _;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use engram_store::{
    BlobError, BlobStore, Clock, Entropy, Fs, FsBlobs, ManualClock, MemoryBlobs, MemoryFs,
    OpenMode, OsEntropy, OverlayBlobs, OverlayFs, RealFs, SeededEntropy, SystemClock, conformance,
    read_all,
};

use crate::support::FaultyBlobs;

#[test]
fn the_real_file_system_conforms() {
    let scratch = tempfile::tempdir().unwrap();
    conformance::check_fs(&RealFs, &scratch.path().join("suite"));
}

#[test]
fn other_accounts_get_into_no_directory_that_is_created() {
    let scratch = tempfile::tempdir().unwrap();
    let (first, last) = (scratch.path().join("a"), scratch.path().join("a/b"));
    RealFs.create_dir_all(&last).unwrap();
    for dir in [&first, &last] {
        assert_eq!(std::fs::metadata(dir).unwrap().permissions().mode() & 0o777, 0o700);
    }
    std::fs::set_permissions(&first, std::fs::Permissions::from_mode(0o755)).unwrap();
    RealFs.create_dir_all(&last).unwrap();
    let kept = std::fs::metadata(&first).unwrap().permissions().mode() & 0o777;
    assert_eq!(kept, 0o755, "one that is there is left alone");
}

#[test]
fn the_memory_file_system_conforms() {
    conformance::check_fs(&MemoryFs::new(), "/suite".as_ref());
}

#[test]
fn stores_of_objects_conform() {
    let faultless = FaultyBlobs::default();
    conformance::check_blobs(&(Arc::new(faultless) as Arc<dyn BlobStore>));
    let shared = MemoryBlobs::new();
    let blobs: Arc<dyn BlobStore> = Arc::new(shared.clone());
    conformance::check_blobs(&blobs);
    blobs.put("seen", b"by the clone").unwrap();
    assert_eq!(shared.len("seen"), Ok(12));
    let blobs = FsBlobs::open(Arc::new(MemoryFs::new()), "/objects".into()).unwrap();
    conformance::check_blobs(&(Arc::new(blobs) as Arc<dyn BlobStore>));
    let scratch = tempfile::tempdir().unwrap();
    let blobs = FsBlobs::open(Arc::new(RealFs), scratch.path().join("deep/objects")).unwrap();
    conformance::check_blobs(&(Arc::new(blobs) as Arc<dyn BlobStore>));
}

#[test]
fn a_folder_that_another_process_changes_is_waited_for() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("objects");
    let open = || FsBlobs::open(Arc::new(RealFs), dir.clone()).unwrap();
    let hurried = open();
    let lock = || Some(RealFs.lock(&dir.join("lock")).unwrap());
    let held = Arc::new(Mutex::new(lock()));
    assert!(matches!(hurried.put("a", b"1"), Err(BlobError::Unavailable { .. })));
    let holder = Arc::clone(&held);
    let patient = open().with_pause(move |waited| {
        if waited == 3 {
            holder.lock().unwrap().take();
        }
        waited < 10
    });
    patient.put("a", b"1").unwrap();
    *held.lock().unwrap() = lock();
    let asked = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&asked);
    let patient = open().with_pause(move |waited| {
        counted.store(waited, Ordering::Relaxed);
        waited < 5
    });
    assert!(matches!(patient.put("a", b"2"), Err(BlobError::Unavailable { .. })));
    assert_eq!(asked.load(Ordering::Relaxed), 5);
}

#[test]
fn the_overlay_of_objects_conforms_and_leaves_what_is_below_alone() {
    let (below, changes) = (MemoryBlobs::new(), MemoryBlobs::new());
    for key in ["a/one", "a/two", "a/three"] {
        below.put(key, key.as_bytes()).unwrap();
    }
    let overlay: Arc<dyn BlobStore> =
        Arc::new(OverlayBlobs::new(Arc::new(below.clone()), Arc::new(changes)));
    conformance::check_blobs(&overlay);
    overlay.put("a/one", b"changed").unwrap();
    overlay.delete("a/two").unwrap();
    assert!(matches!(overlay.put_new("a/three", b"again"), Err(BlobError::Exists { .. })));
    assert_eq!(overlay.list("a/"), Ok(vec!["a/one".to_owned(), "a/three".to_owned()]));
    assert_eq!((overlay.len("a/one"), overlay.len("a/three")), (Ok(7), Ok(7)));
    assert!(matches!(overlay.len("a/two"), Err(BlobError::NotFound { .. })));
    let mut bytes = [0; 7];
    overlay.get_range("a/one", 0, &mut bytes).unwrap();
    assert_eq!(&bytes, b"changed");
    overlay.put_new("a/two", b"new").unwrap();
    assert_eq!(overlay.len("a/two"), Ok(3));
    assert_eq!(below.list(""), Ok(["a/one", "a/three", "a/two"].map(str::to_owned).to_vec()));
    assert_eq!((below.len("a/one"), below.len("a/two")), (Ok(5), Ok(5)));
}

#[test]
fn the_overlay_conforms_and_leaves_what_is_below_alone() {
    let below = MemoryFs::new();
    conformance::check_fs(&OverlayFs::new(Arc::new(below.clone())), "/suite".as_ref());
    assert!(below.list("/".as_ref()).is_err(), "nothing was made below");

    below.create_dir_all("/d".as_ref()).unwrap();
    let bytes: Vec<u8> = (0..10_000_u32).map(|at| at as u8 | 1).collect();
    below.open("/d/f".as_ref(), OpenMode::Create).unwrap().write_at(0, &bytes).unwrap();
    let overlay = OverlayFs::new(Arc::new(below.clone()));
    overlay.rename("/d/f".as_ref(), "/d/g".as_ref()).unwrap();
    assert_eq!(overlay.list("/d".as_ref()).unwrap(), ["g"]);
    let file = overlay.open("/d/g".as_ref(), OpenMode::Write).unwrap();
    let mut due = bytes.clone();
    file.write_at(4_090, &[0; 20]).unwrap();
    due[4_090..4_110].fill(0);
    file.set_len(9_000).unwrap();
    file.set_len(12_000).unwrap();
    due.truncate(9_000);
    due.resize(12_000, 0);
    file.write_at(11_990, b"end").unwrap();
    due[11_990..11_993].copy_from_slice(b"end");
    assert_eq!(read_all(&overlay, "/d/g".as_ref()).unwrap(), due);
    assert_eq!(read_all(&below, "/d/f".as_ref()).unwrap(), bytes);
    assert_eq!(below.list("/d".as_ref()).unwrap(), ["f"]);
    overlay.remove("/d/g".as_ref()).unwrap();
    assert!(overlay.list("/d".as_ref()).unwrap().is_empty());
}

#[test]
fn clocks_conform() {
    conformance::check_clock(&SystemClock);
    let clock = ManualClock::new(5);
    conformance::check_clock(&clock);
    let same = clock.clone();
    clock.advance(-3);
    assert_eq!(same.now_ns(), 2);
    clock.set(77);
    assert_eq!(same.now_ns(), 77);
}

#[test]
fn entropy_conforms() {
    conformance::check_entropy(&OsEntropy);
    conformance::check_entropy(&SeededEntropy::new(7));
    let draw = |seed| {
        let mut bytes = [0; 16];
        SeededEntropy::new(seed).fill(&mut bytes);
        bytes
    };
    assert_eq!(draw(1), draw(1), "a seed replays");
    assert_ne!(draw(1), draw(2), "seeds differ");
}
