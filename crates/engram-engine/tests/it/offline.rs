//! Directories without a server: every kind of damage is found, mended without touching what is intact, and told truly.

use std::collections::BTreeMap;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use engram_engine::{
    Components, DumpQuery, DumpSection, DumpedRecord, Engine, EngineError, EngineSettings, Filter,
    FindingWeight, ListQuery, LogFailure, Offline, RememberOptions, RepairPlan, Serial, SpaceFate,
    VerifyReport, Visibility,
};
use engram_store::{
    Entropy as _, Entry, Fs, FsFile, FsLock, InHistory, LogOptions, Lsn, ManualClock, MemoryFs,
    OpenMode, SeededEntropy, ShardLog, SpaceId, VerifyDepth, read_all,
};

use crate::harness::{Home, NOW, settle, space, text};

const DIR: &str = "/data";
const FOLDERS: [&str; 4] = ["", "wal", "spaces", "index"];

/// What a space holds: LSN, id and text of its memories, in order.
type Content = Vec<(u64, String, String)>;

/// A directory with what its spaces hold.
struct Filled {
    fs: MemoryFs,
    spaces: BTreeMap<String, Content>,
}

fn engine(fs: &MemoryFs) -> Result<Engine, EngineError> {
    let components = Components {
        blobs: None,
        fs: Arc::new(fs.clone()),
        clock: Arc::new(ManualClock::new(NOW)),
        entropy: Arc::new(SeededEntropy::new(7)),
        phraser: None,
        embedders: Home::new().embedders,
        wake: Arc::new(|| {}),
    };
    let settings = EngineSettings {
        wal_segment_bytes: 64 << 10,
        default_space: None,
        graph_vectors_min: 20,
        ..EngineSettings::default()
    };
    Ok(Engine::open(components, settings, Path::new(DIR))?.0)
}

fn offline(fs: &MemoryFs) -> Offline {
    let clock = Arc::new(ManualClock::new(NOW));
    let entropy = Arc::new(SeededEntropy::new(9));
    Offline::open(Arc::new(fs.clone()), clock, entropy, Path::new(DIR)).unwrap().unwrap()
}

fn verify(fs: &MemoryFs) -> VerifyReport {
    offline(fs).verify(VerifyDepth::Deep, None, &mut |_| ()).unwrap()
}

fn plan(fs: &MemoryFs) -> RepairPlan {
    offline(fs).plan_repair(&mut |_| ()).unwrap()
}

fn store(engine: &Engine, name: &str, numbers: std::ops::Range<u32>) {
    for number in numbers {
        let memory = text(&format!("{name}-{number}"), &format!("note {number} of {name}"));
        let options = RememberOptions::default();
        settle(engine, |done| engine.remember(name, vec![memory], &options, done)).unwrap();
    }
}

fn content(engine: &Engine, name: &str) -> Result<Content, EngineError> {
    let all = Visibility::All;
    let query = ListQuery {
        filter: Filter::default(),
        after: None,
        limit: 1000,
        visibility: all,
        as_of: None,
    };
    let page = engine.list(name, &query)?;
    let memory = |item: &engram_engine::MemoryDetail| {
        let memory = &item.memory;
        (memory.lsn.0, memory.id.clone(), memory.content.text.clone())
    };
    Ok(page.items.iter().map(memory).collect())
}

/// `filed` stands in files with a tail in the log, `old` in files alone, `logged` in the log alone, `both` in files and, from its birth on,
/// in the log; the start of the log is gone.
fn fill() -> Filled {
    let fs = MemoryFs::new();
    let engine = engine(&fs).unwrap();
    for name in ["filed", "old", "gone"] {
        settle(&engine, |done| engine.create_space(&space(name), done)).unwrap();
        store(&engine, name, 0..30);
    }
    engine.index(1000, &Serial).unwrap();
    engine.drive().unwrap();
    settle(&engine, |done| engine.delete_space("gone", done)).unwrap();
    for name in ["filed", "old"] {
        engine.checkpoint(name).unwrap();
    }
    while engine.maintain(1000).unwrap().more {}
    assert!(fs.list(&Path::new(DIR).join("wal")).unwrap().contains(&"base".to_owned()));
    settle(&engine, |done| engine.create_space(&space("logged"), done)).unwrap();
    store(&engine, "logged", 0..20);
    store(&engine, "filed", 30..40);
    store(&engine, "logged", 20..40);
    store(&engine, "filed", 40..45);
    settle(&engine, |done| engine.create_space(&space("both"), done)).unwrap();
    store(&engine, "both", 0..20);
    engine.checkpoint("both").unwrap();
    store(&engine, "both", 20..26);
    let names = ["both", "filed", "logged", "old"];
    let spaces = names.map(|name| (name.to_owned(), content(&engine, name).unwrap()));
    engine.close().unwrap();
    drop(engine);
    Filled { fs, spaces: BTreeMap::from(spaces) }
}

impl Filled {
    /// A copy of its files.
    fn copy(&self) -> MemoryFs {
        let copy = MemoryFs::new();
        for (path, bytes) in files(&self.fs) {
            let path = Path::new(DIR).join(path);
            copy.create_dir_all(path.parent().unwrap()).unwrap();
            write(&copy, &path, &bytes);
        }
        copy
    }

    fn id(&self, name: &str) -> String {
        let report = verify(&self.copy());
        let found = report.spaces.iter().find(|space| space.name.as_deref() == Some(name));
        found.unwrap().id.to_string()
    }

    /// The first file of a space that ends so.
    fn file(&self, name: &str, suffix: &str) -> String {
        let id = self.id(name);
        let found =
            files(&self.fs).into_keys().find(|path| path.contains(&id) && path.ends_with(suffix));
        found.unwrap()
    }

    /// Where the commit of a space with this LSN stands.
    fn place(&self, name: &str, lsn: u64) -> (String, usize) {
        let query =
            DumpQuery { space: Some(name.to_owned()), from: Lsn(lsn), section: DumpSection::Log };
        let mut place = None;
        offline(&self.fs)
            .dump(&query, &mut |record| {
                if let DumpedRecord::Commit { file, offset, .. } = record {
                    place = Some((file, offset as usize));
                }
                ControlFlow::Break(())
            })
            .unwrap();
        place.unwrap()
    }
}

fn files(fs: &MemoryFs) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for folder in FOLDERS {
        let dir = Path::new(DIR).join(folder);
        for name in fs.list(&dir).unwrap_or_default() {
            let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
            files.insert(path.clone(), read_all(fs, &Path::new(DIR).join(&path)).unwrap());
        }
    }
    files
}

fn write(fs: &MemoryFs, path: &Path, bytes: &[u8]) {
    let _ = fs.remove(path);
    let file = fs.open(path, OpenMode::Create).unwrap();
    file.set_len(bytes.len() as u64).unwrap();
    file.write_at(0, bytes).unwrap();
}

fn change(fs: &MemoryFs, path: &str, change: impl FnOnce(&mut Vec<u8>)) {
    let path = Path::new(DIR).join(path);
    let mut bytes = read_all(fs, &path).unwrap();
    change(&mut bytes);
    write(fs, &path, &bytes);
}

/// Repairs, and compares what is there afterwards with what was there before and with what the plan said. Gives the plan.
#[track_caller]
fn check_repair(filled: &Filled, fs: &MemoryFs, case: &str) -> RepairPlan {
    let before = files(fs);
    let found = verify(fs);
    assert_eq!(files(fs), before, "{case}: a check writes nothing");
    let plan = plan(fs);
    assert_eq!(files(fs), before, "{case}: a plan writes nothing");
    assert!(found.is_intact() || !plan.is_empty(), "{case}: {found:?}");
    let repaired = offline(fs).repair(&plan, &mut |_| ());
    let repaired = repaired.expect(case);
    assert_eq!(repaired.is_some(), !plan.is_empty(), "{case}");
    let after = verify(fs);
    assert!(after.is_intact(), "{case}: {after:?}");
    assert!(self::plan(fs).is_empty(), "{case}: a second repair has nothing to do");
    let engine = engine(fs).expect(case);
    for (name, content) in &filled.spaces {
        check_space(&engine, (name, content), &plan, case);
    }
    assert!(engine.space("gone").is_err(), "{case}: what was deleted stays deleted");
    for (name, _) in filled.spaces.iter().filter(|(name, _)| engine.space(name).is_ok()) {
        store(&engine, name, 900..901);
    }
    plan
}

#[track_caller]
fn check_space(engine: &Engine, (name, before): (&str, &Content), plan: &RepairPlan, case: &str) {
    let told = plan.spaces.iter().find(|space| space.name.as_deref() == Some(name));
    // What is moved aside may not even have a name any more.
    let nameless = |space: &&engram_engine::SpaceRepair| space.name.is_none();
    let told = told.or_else(|| match engine.space(name) {
        Ok(_) => None,
        Err(_) => plan.spaces.iter().find(nameless),
    });
    let Some(told) = told else {
        let now = content(engine, name).expect(case);
        assert_eq!(now, *before, "{case}: {name} was not to be touched");
        return;
    };
    if told.fate == SpaceFate::MovedAside {
        assert!(engine.space(name).is_err(), "{case}: {name} is moved aside");
        return;
    }
    let now = content(engine, name).expect(case);
    let through = told.keeps_through.0;
    let kept: Content = before.iter().filter(|(lsn, ..)| *lsn <= through).cloned().collect();
    assert_eq!(now, kept, "{case}: {name} keeps LSN {through}");
    if let Some(count) = told.keeps_memories {
        assert_eq!(count, kept.len() as u64, "{case}: {name}");
    }
    let last = before.last().map_or(0, |(lsn, ..)| *lsn);
    assert!(through >= last || told.lost.is_some(), "{case}: {name} loses without a word");
    if let Some(lost) = told.lost {
        assert_eq!(lost.from.0, through + 1, "{case}: {name}");
        assert!(lost.readable_memories <= (before.len() - kept.len()) as u64, "{case}: {name}");
    }
}

#[test]
fn an_intact_directory_is_left_alone() {
    let filled = fill();
    let fs = filled.copy();
    let report = verify(&fs);
    assert!(report.is_intact(), "{report:?}");
    let said: Vec<_> =
        report.spaces.iter().map(|space| (space.name.clone(), space.memories)).collect();
    let due: Vec<_> = filled
        .spaces
        .iter()
        .map(|(name, content)| (Some(name.clone()), Some(content.len() as u64)))
        .collect();
    assert_eq!(said, due);
    let plan = plan(&fs);
    assert!(plan.is_empty() && !plan.loses());
    let before = files(&fs);
    assert_eq!(offline(&fs).repair(&plan, &mut |_| ()).unwrap(), None);
    assert_eq!(files(&fs), before);
}

#[test]
fn a_directory_in_use_and_one_that_is_none_are_refused() {
    let filled = fill();
    let engine = engine(&filled.fs).unwrap();
    let open = |dir: &str| {
        let (clock, entropy) = (Arc::new(ManualClock::new(0)), Arc::new(SeededEntropy::new(0)));
        Offline::open(Arc::new(filled.fs.clone()), clock, entropy, Path::new(dir))
    };
    assert!(matches!(open(DIR), Err(EngineError::DataDirLocked { .. })));
    drop(engine);
    let held = open(DIR).unwrap();
    assert!(matches!(self::engine(&filled.fs), Err(EngineError::DataDirLocked { .. })));
    drop(held);
    assert!(open("/data/spaces").unwrap().is_none());
    assert!(open("/elsewhere").unwrap().is_none());
    assert_eq!(
        filled.fs.list(Path::new("/data/spaces")).unwrap().iter().find(|name| *name == "LOCK"),
        None
    );
}

#[test]
fn any_flipped_bit_is_harmless_or_mended() {
    let filled = fill();
    let entropy = SeededEntropy::new(23);
    let draw = || {
        let mut bytes = [0; 8];
        entropy.fill(&mut bytes);
        u64::from_le_bytes(bytes) as usize
    };
    for (path, bytes) in files(&filled.fs) {
        let used: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at] != 0).collect();
        if used.is_empty() || path.contains("spare") || path == "FORMAT" {
            continue;
        }
        for _ in 0..6 {
            let (at, bit) = (used[draw() % used.len()], draw() % 8);
            let fs = filled.copy();
            change(&fs, &path, |bytes| bytes[at] ^= 1 << bit);
            check_repair(&filled, &fs, &format!("bit {bit} of byte {at} of {path}"));
        }
    }
}

#[test]
fn any_file_that_is_short_or_gone_is_harmless_or_mended() {
    let filled = fill();
    for (path, bytes) in files(&filled.fs) {
        if path.contains("spare") || path == "LOCK" {
            continue;
        }
        for len in [0, bytes.len() / 3, bytes.len() * 2 / 3, bytes.len() - 1] {
            let fs = filled.copy();
            change(&fs, &path, |bytes| bytes.truncate(len));
            check_repair(&filled, &fs, &format!("{path} cut to {len} bytes"));
        }
        let fs = filled.copy();
        fs.remove(&Path::new(DIR).join(&path)).unwrap();
        check_repair(&filled, &fs, &format!("{path} removed"));
    }
}

/// Flips a bit in the middle of a commit.
fn break_commit(filled: &Filled, fs: &MemoryFs, name: &str, lsn: u64) {
    let (file, offset) = filled.place(name, lsn);
    change(fs, &file, |bytes| bytes[offset + 100] ^= 4);
}

#[test]
fn commits_that_the_files_have_are_not_missed() {
    let filled = fill();
    let fs = filled.copy();
    break_commit(&filled, &fs, "both", 5);
    let plan = check_repair(&filled, &fs, "a commit below the manifest");
    assert!(plan.rewrites_log && !plan.loses());
    assert_eq!(plan.spaces.len(), 1);
    assert_eq!(plan.spaces[0].fate, SpaceFate::Kept);
    assert_eq!(plan.spaces[0].keeps_memories, Some(26));
}

#[test]
fn a_broken_space_ends_before_its_break() {
    let filled = fill();
    for (name, lsn, last) in [("logged", 12, 41), ("both", 24, 27), ("filed", 35, 47)] {
        let fs = filled.copy();
        break_commit(&filled, &fs, name, lsn);
        let found = verify(&fs);
        let broken: Vec<_> = found.spaces.iter().filter(|space| space.fault.is_some()).collect();
        assert_eq!(broken.len(), 1, "{found:?}");
        let damage = found.findings.iter().find(|one| one.weight == FindingWeight::Damage).unwrap();
        let (file, offset) = filled.place(name, lsn);
        assert_eq!((&damage.file, damage.offset), (&file, Some(offset as u64)));
        assert_eq!(damage.spaces, [name]);
        let plan = check_repair(&filled, &fs, name);
        let [told] = plan.spaces.as_slice() else { panic!("{name}: {:?}", plan.spaces) };
        assert_eq!((told.fate, told.keeps_through.0), (SpaceFate::Cut, lsn - 1));
        let lost = told.lost.unwrap();
        assert_eq!((lost.from.0, lost.through), (lsn, Some(Lsn(last))));
        assert_eq!((lost.readable, lost.readable_memories), (last - lsn, last - lsn));
    }
}

#[test]
fn intact_commits_that_make_no_sense_end_their_space() {
    let filled = fill();
    let id = SpaceId::parse(&filled.id("logged")).unwrap();
    let fs = filled.copy();
    let (wal, entropy) = (Path::new(DIR).join("wal"), SeededEntropy::new(3));
    let options = LogOptions { segment_bytes: 64 << 10, ..LogOptions::default() };
    let shared: Arc<dyn Fs> = Arc::new(fs.clone());
    let (log, _) = ShardLog::open(shared, &wal, options, &entropy, &mut |_| Ok(())).unwrap();
    for payload in [b"no protobuf".to_vec(), Vec::new()] {
        log.append(Entry { space: id, kind: 3, payload, state_sum: 1 }, NOW).unwrap();
    }
    log.close().unwrap();
    drop(log);
    let surface = offline(&fs).verify(VerifyDepth::Surface, None, &mut |_| ()).unwrap();
    assert!(surface.is_intact(), "every byte is what was written: {surface:?}");
    let found = offline(&fs).verify(VerifyDepth::Deep, Some("logged"), &mut |_| ()).unwrap();
    let fault = found.spaces[0].fault.as_ref().unwrap();
    assert!(found.spaces.len() == 1 && fault.contains("LSN 42 does not decode"), "{found:?}");
    let others = offline(&fs).verify(VerifyDepth::Deep, Some("old"), &mut |_| ()).unwrap();
    assert!(others.is_intact() && others.findings.is_empty(), "{others:?}");
    let plan = check_repair(&filled, &fs, "no sense");
    assert_eq!((plan.spaces[0].fate, plan.spaces[0].keeps_through.0), (SpaceFate::Cut, 41));
    assert_eq!(plan.spaces[0].lost.unwrap().through, Some(Lsn(43)));
}

#[test]
fn damaged_files_are_built_anew_where_the_log_has_everything() {
    let filled = fill();
    for suffix in [".manifest", ".segment"] {
        let fs = filled.copy();
        change(&fs, &filled.file("both", suffix), |bytes| {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
        });
        let plan = check_repair(&filled, &fs, suffix);
        assert!(!plan.rewrites_log && !plan.loses());
        assert_eq!(plan.spaces[0].fate, SpaceFate::Rebuilt);
        let fs = filled.copy();
        change(&fs, &filled.file("old", suffix), |bytes| {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
        });
        let plan = check_repair(&filled, &fs, suffix);
        assert!(plan.loses());
        assert_eq!(plan.spaces[0].fate, SpaceFate::MovedAside);
        let had = if suffix == ".segment" { Some(30) } else { None };
        assert_eq!(plan.spaces[0].had_memories, had);
    }
}

#[test]
fn what_was_being_written_is_moved_aside() {
    let filled = fill();
    let fs = filled.copy();
    let id = filled.id("filed");
    let names = [
        format!("spaces/{id}-3.segment.tmp"),
        format!("spaces/{id}.manifest.tmp"),
        format!("index/{id}.graph.tmp"),
        "wal/base.tmp".to_owned(),
        "FORMAT.tmp".to_owned(),
    ];
    for name in &names {
        write(&fs, &Path::new(DIR).join(name), b"half a f");
    }
    let mut plan = check_repair(&filled, &fs, "leftovers");
    assert!(plan.report.is_intact() && !plan.loses());
    let mut due = names.to_vec();
    due.sort();
    plan.aside.sort();
    assert_eq!(plan.aside, due);
}

#[test]
fn a_dump_reads_around_damage() {
    let filled = fill();
    let dump = |fs: &MemoryFs, name: &str, section: DumpSection| {
        let query = DumpQuery { space: Some(name.to_owned()), from: Lsn(0), section };
        let mut records = Vec::new();
        let left_out = offline(fs).dump(&query, &mut |record| {
            records.push(record);
            ControlFlow::Continue(())
        });
        (records, left_out.unwrap())
    };
    let (records, left_out) = dump(&filled.copy(), "logged", DumpSection::Log);
    assert_eq!((records.len(), left_out.len()), (41, 0));
    let fs = filled.copy();
    break_commit(&filled, &fs, "logged", 12);
    let (records, left_out) = dump(&fs, "logged", DumpSection::Log);
    assert_eq!((records.len(), left_out.len()), (40, 1));
    let behind = records.iter().filter(|record| {
        matches!(record, DumpedRecord::Commit { place: InHistory::BehindBreak, .. })
    });
    assert_eq!(behind.count(), 29);

    let (records, left_out) = dump(&filled.copy(), "old", DumpSection::Memories);
    assert_eq!((records.len(), left_out.len()), (30, 0));
    assert!(records.iter().all(|record| match record {
        DumpedRecord::Memory(memory) => memory.vectors.as_ref().is_some_and(|all| all.len() == 1),
        _ => false,
    }));
    let (records, left_out) = dump(&filled.copy(), "old", DumpSection::Manifest);
    assert_eq!((records.len(), left_out.len()), (1, 0));
    let unknown = DumpQuery {
        space: Some("nobody".to_owned()),
        from: Lsn(0),
        section: DumpSection::Manifest,
    };
    let asked = offline(&filled.fs).dump(&unknown, &mut |_| ControlFlow::Continue(()));
    assert!(matches!(asked, Err(EngineError::SpaceNotFound { .. })));
}

/// Files in memory that are gone after so many changes: what a crash leaves.
#[derive(Clone)]
struct Dying {
    fs: MemoryFs,
    left: Arc<AtomicI64>,
    /// Bytes that are free, as it says.
    room: Option<u64>,
}

impl Dying {
    fn change(&self) -> io::Result<()> {
        match self.left.fetch_sub(1, Ordering::Relaxed) {
            left if left > 0 => Ok(()),
            _ => Err(io::Error::other("the machine is gone")),
        }
    }
}

impl Fs for Dying {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        self.change()?;
        self.fs.create_dir_all(dir)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.fs.list(dir)
    }

    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Box<dyn FsFile>> {
        if mode == OpenMode::Create {
            self.change()?;
        }
        Ok(Box::new(DyingFile { file: self.fs.open(path, mode)?, fs: self.clone() }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.change()?;
        self.fs.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.change()?;
        self.fs.remove(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.change()?;
        self.fs.sync_dir(dir)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn FsLock>> {
        self.fs.lock(path)
    }

    fn free_bytes(&self, _dir: &Path) -> io::Result<Option<u64>> {
        Ok(self.room)
    }
}

struct DyingFile {
    file: Box<dyn FsFile>,
    fs: Dying,
}

impl FsFile for DyingFile {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        self.file.read_at(offset, buf)
    }

    fn write_at(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.fs.change()?;
        self.file.write_at(offset, data)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.fs.change()?;
        self.file.sync_data()
    }

    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.fs.change()?;
        self.file.set_len(len)
    }
}

#[test]
fn a_repair_that_is_interrupted_leaves_the_old_directory_or_the_new_one() {
    let filled = fill();
    let damaged = || {
        let fs = filled.copy();
        break_commit(&filled, &fs, "logged", 12);
        change(&fs, &filled.file("old", ".segment"), |bytes| bytes[5000] ^= 1);
        fs
    };
    let before = files(&damaged());
    let (mut left_old, mut left_new) = (0, 0);
    for steps in 0.. {
        let fs = damaged();
        let left = Arc::new(AtomicI64::new(i64::MAX));
        let dying = Dying { fs: fs.clone(), left: Arc::clone(&left), room: None };
        let (clock, entropy) = (Arc::new(ManualClock::new(NOW)), Arc::new(SeededEntropy::new(9)));
        let offline = Offline::open(Arc::new(dying), clock, entropy, Path::new(DIR));
        let offline = offline.unwrap().unwrap();
        let plan = offline.plan_repair(&mut |_| ()).unwrap();
        left.store(steps, Ordering::Relaxed);
        let outcome = offline.repair(&plan, &mut |_| ());
        drop(offline);
        let decided = fs.list(Path::new(DIR)).unwrap().contains(&"REPAIR".to_owned());
        let mut now = files(&fs);
        now.remove("REPAIR.tmp");
        if !decided && outcome.is_err() && now == before {
            left_old += 1;
            continue;
        }
        left_new += 1;
        assert!(verify(&fs).is_intact(), "{steps}");
        assert!(self::plan(&fs).is_empty(), "{steps}");
        let engine = engine(&fs).unwrap();
        for (name, content) in &filled.spaces {
            check_space(&engine, (name, content), &plan, &format!("after {steps} steps"));
        }
        assert!(!fs.list(Path::new(DIR)).unwrap().contains(&"REPAIR".to_owned()));
        if outcome.is_ok() {
            break;
        }
    }
    assert!(left_old > 10 && left_new > 10, "{left_old} {left_new}");
}

#[test]
fn a_repair_without_room_changes_nothing() {
    let filled = fill();
    let fs = filled.copy();
    break_commit(&filled, &fs, "logged", 12);
    let before = files(&fs);
    let dying =
        Dying { fs: fs.clone(), left: Arc::new(AtomicI64::new(i64::MAX)), room: Some(100_000) };
    let (clock, entropy) = (Arc::new(ManualClock::new(NOW)), Arc::new(SeededEntropy::new(9)));
    let offline = Offline::open(Arc::new(dying), clock, entropy, Path::new(DIR)).unwrap().unwrap();
    let plan = offline.plan_repair(&mut |_| ()).unwrap();
    let refused = offline.repair(&plan, &mut |_| ());
    assert!(matches!(refused, Err(EngineError::Log(LogFailure::DiskFull(_)))), "{refused:?}");
    assert_eq!(files(&fs), before);
}
