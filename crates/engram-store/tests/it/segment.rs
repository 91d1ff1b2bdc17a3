//! Segments and the block cache when nothing fails: round trips, names, boundaries, bounds.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use engram_store::{
    BLOCK_BYTES, BLOCK_COST_BYTES, BlockCache, BlockCacheStats, Fs, Lsn, MemoryFs, RealFs,
    SectionTag, Segment, SegmentMeta, SegmentRef, SegmentWriter, StoreError,
    parse_segment_file_name, segment_file_name,
};
use proptest::prelude::{any, prop};
use proptest::{collection, proptest};

use crate::support::{FailingFs, space};

pub(crate) const DIR: &str = "/data/segments";

pub(crate) fn meta() -> SegmentMeta {
    SegmentMeta { space: space(7), min_lsn: Lsn(3), max_lsn: Lsn(90), epoch: 2 }
}

pub(crate) fn tag(name: &str) -> SectionTag {
    SectionTag(name.as_bytes().try_into().unwrap())
}

pub(crate) fn directory() -> MemoryFs {
    let fs = MemoryFs::new();
    fs.create_dir_all(DIR.as_ref()).unwrap();
    fs
}

/// Bytes without a period that a block or a piece could hide.
pub(crate) fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2) | 1;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        (state >> 33) as u8
    };
    (0..len).map(|_| next()).collect()
}

/// Sections with names that follow from their place.
pub(crate) fn name_of(position: usize) -> SectionTag {
    tag(&format!("s{position:03}"))
}

pub(crate) fn try_write(
    fs: &dyn Fs,
    dir: &Path,
    sections: &[Vec<u8>],
    chunk: usize,
) -> Result<SegmentRef, StoreError> {
    let mut writer = SegmentWriter::create(fs, dir, meta())?;
    for (position, bytes) in sections.iter().enumerate() {
        writer.begin(name_of(position))?;
        for part in bytes.chunks(chunk.max(1)) {
            writer.write(part)?;
        }
    }
    writer.finish()
}

pub(crate) fn write(fs: &dyn Fs, sections: &[Vec<u8>]) -> SegmentRef {
    try_write(fs, DIR.as_ref(), sections, usize::MAX).unwrap()
}

fn cache(blocks: u64) -> Arc<BlockCache> {
    Arc::new(BlockCache::new(blocks * BLOCK_COST_BYTES))
}

pub(crate) fn try_open_segment(fs: &dyn Fs, segment: &SegmentRef) -> Result<Segment, StoreError> {
    Segment::open(fs, DIR.as_ref(), space(7), segment, cache(64))
}

fn check_sections(segment: &Segment, sections: &[Vec<u8>]) {
    assert_eq!(segment.meta(), meta());
    assert_eq!(segment.section_len(name_of(sections.len())), None);
    for (position, bytes) in sections.iter().enumerate() {
        let tag = name_of(position);
        assert_eq!(segment.section_len(tag), Some(bytes.len() as u64));
        assert!(segment.load(tag).unwrap() == *bytes, "section {position}");
    }
    segment.verify().unwrap();
    let blocks: u64 = sections.iter().map(|bytes| bytes.len().div_ceil(BLOCK_BYTES) as u64).sum();
    assert_eq!(segment.block_count(), 1 + blocks);
    assert_eq!(segment.verify_blocks(0, u64::MAX).unwrap(), 1 + blocks);
    assert_eq!(segment.verify_blocks(1, 2).unwrap(), blocks.min(2));
    assert_eq!(segment.verify_blocks(blocks + 1, 5).unwrap(), 0);
}

#[test]
fn sections_of_every_awkward_length_come_back() {
    let fs = directory();
    let lengths =
        [0, 1, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 0, 3 << 20, (1 << 20) - BLOCK_BYTES];
    let sections: Vec<Vec<u8>> =
        lengths.iter().zip(1..).map(|(len, seed)| noise(*len, seed)).collect();
    let segment = write(&fs, &sections);
    check_sections(&try_open_segment(&fs, &segment).unwrap(), &sections);
    // However the bytes come, the file is the same and has the same name.
    for chunk in [1 << 20, 4_095, 100_003] {
        assert_eq!(try_write(&fs, DIR.as_ref(), &sections, chunk).unwrap(), segment);
    }
    let name = segment_file_name(space(7), &segment.hash);
    assert_eq!(fs.list(DIR.as_ref()).unwrap(), std::slice::from_ref(&name));
    let (owner, half) = parse_segment_file_name(&name).unwrap();
    assert_eq!((owner, &half[..]), (space(7), &segment.hash[..16]));
    let bytes = engram_store::read_all(&fs, &Path::new(DIR).join(&name)).unwrap();
    assert_eq!(bytes.len() as u64, segment.bytes);
    assert_eq!(*blake3::hash(&bytes).as_bytes(), segment.hash);
}

#[test]
fn a_segment_without_sections_is_fine() {
    let fs = directory();
    let segment = write(&fs, &[]);
    check_sections(&try_open_segment(&fs, &segment).unwrap(), &[]);
}

#[test]
fn meta_and_sections_decide_the_name() {
    let fs = directory();
    let sections = [noise(10, 1)];
    let first = write(&fs, &sections);
    let metas = [
        SegmentMeta { max_lsn: Lsn(91), ..meta() },
        SegmentMeta { epoch: 3, ..meta() },
        SegmentMeta { space: space(8), ..meta() },
    ];
    for other in metas {
        let mut writer = SegmentWriter::create(&fs, DIR.as_ref(), other).unwrap();
        writer.begin(name_of(0)).unwrap();
        writer.write(&sections[0]).unwrap();
        assert_ne!(writer.finish().unwrap().hash, first.hash);
    }
    assert_ne!(write(&fs, &[noise(10, 2)]).hash, first.hash);
}

#[test]
fn two_writers_of_one_space_do_not_meet_and_a_dropped_one_leaves_nothing() {
    let fs = directory();
    let mut first = SegmentWriter::create(&fs, DIR.as_ref(), meta()).unwrap();
    let mut second = SegmentWriter::create(&fs, DIR.as_ref(), meta()).unwrap();
    assert_eq!(fs.list(DIR.as_ref()).unwrap().len(), 2);
    first.begin(name_of(0)).unwrap();
    second.begin(name_of(0)).unwrap();
    first.write(&noise(5_000, 1)).unwrap();
    second.write(&noise(9_000, 2)).unwrap();
    let second = second.finish().unwrap();
    drop(first);
    assert_eq!(fs.list(DIR.as_ref()).unwrap(), [segment_file_name(space(7), &second.hash)]);
    check_sections(&try_open_segment(&fs, &second).unwrap(), &[noise(9_000, 2)]);
}

#[test]
fn a_segment_works_on_real_files() {
    let scratch = tempfile::tempdir().unwrap();
    let sections = [noise(3_000_000, 1), noise(77, 2)];
    let segment = try_write(&RealFs, scratch.path(), &sections, 65_536).unwrap();
    let opened = Segment::open(&RealFs, scratch.path(), space(7), &segment, cache(10)).unwrap();
    check_sections(&opened, &sections);
    let mut out = vec![0; 50_000];
    opened.read(name_of(0), 1_234_567, &mut out).unwrap();
    assert!(out == sections[0][1_234_567..1_284_567]);
}

#[test]
fn the_wrong_reference_is_refused() {
    let fs = directory();
    let segment = write(&fs, &[noise(5_000, 1)]);
    let expect_corrupt = |result: Result<Segment, StoreError>, why: &str| {
        let error = result.err().expect(why);
        assert!(matches!(error, StoreError::Corrupt { .. }), "{why}: {error}");
    };
    let other = SegmentRef { bytes: segment.bytes + 1, ..segment };
    expect_corrupt(try_open_segment(&fs, &other), "another length");
    let other = SegmentRef { min_lsn: Lsn(4), ..segment };
    expect_corrupt(try_open_segment(&fs, &other), "other commits");
    let other = SegmentRef { hash: [0; 32], ..segment };
    assert!(matches!(try_open_segment(&fs, &other), Err(StoreError::Missing { .. })));
    let mut other = segment;
    other.hash[31] ^= 1;
    let opened = try_open_segment(&fs, &other).unwrap();
    assert!(matches!(opened.verify(), Err(StoreError::Corrupt { .. })), "the hash alone differs");
    let from = Path::new(DIR).join(segment_file_name(space(7), &segment.hash));
    fs.rename(&from, &Path::new(DIR).join(segment_file_name(space(8), &segment.hash))).unwrap();
    let stolen = Segment::open(&fs, DIR.as_ref(), space(8), &segment, cache(1));
    expect_corrupt(stolen, "the file of another space");
}

#[test]
fn what_a_section_does_not_have_is_an_error() {
    let fs = directory();
    let segment = write(&fs, &[noise(5_000, 1), Vec::new()]);
    let opened = try_open_segment(&fs, &segment).unwrap();
    let mut byte = [0];
    assert!(opened.load(tag("none")).is_err());
    for (position, offset) in [(0, 5_000), (0, u64::MAX), (1, 0)] {
        assert!(opened.read(name_of(position), offset, &mut byte).is_err());
        assert!(opened.load_into(name_of(position), offset, &mut byte).is_err());
    }
    assert!(opened.read(name_of(0), 4_999, &mut [0, 0]).is_err(), "over the end");
    for offset in [0, 5_000] {
        opened.read(name_of(0), offset, &mut []).unwrap();
        opened.load_into(name_of(0), offset, &mut []).unwrap();
    }
}

proptest! {
    #![proptest_config(proptest::test_runner::Config {
        cases: 60, failure_persistence: None, ..Default::default()
    })]

    #[test]
    fn reads_of_any_part_give_what_was_written(
        lengths in collection::vec(0..40_000_usize, 1..5),
        blocks in 0..12_u64,
        reads in collection::vec((any::<prop::sample::Index>(), 0.0..1.0, 0.0..1.0), 1..40),
    ) {
        let fs = directory();
        let sections: Vec<Vec<u8>> =
            lengths.iter().zip(1..).map(|(len, seed)| noise(*len, seed)).collect();
        let segment = write(&fs, &sections);
        let cache = cache(blocks);
        let opened =
            Segment::open(&fs, DIR.as_ref(), space(7), &segment, Arc::clone(&cache)).unwrap();
        for (section, from, share) in reads {
            let position = section.index(sections.len());
            let bytes = &sections[position];
            let from = (bytes.len() as f64 * from) as usize;
            let len = ((bytes.len() - from) as f64 * share) as usize;
            let mut out = vec![0xEE; len];
            opened.read(name_of(position), from as u64, &mut out).unwrap();
            assert!(out == bytes[from..from + len]);
            out.fill(0xEE);
            opened.load_into(name_of(position), from as u64, &mut out).unwrap();
            assert!(out == bytes[from..from + len]);
            assert!(cache.stats().bytes <= blocks * BLOCK_COST_BYTES);
        }
    }
}

/// Reads one byte of block `number` of the first section.
fn touch(segment: &Segment, number: u64) {
    segment.read(name_of(0), number * BLOCK_BYTES as u64, &mut [0]).unwrap();
}

fn seen(cache: &BlockCache) -> (u64, u64, u64, u64) {
    let BlockCacheStats { hits, misses, evictions, bytes } = cache.stats();
    assert_eq!(bytes % BLOCK_COST_BYTES, 0);
    (hits, misses, evictions, bytes / BLOCK_COST_BYTES)
}

#[test]
fn the_cache_keeps_its_limit_and_forgets_dropped_segments() {
    let fs = directory();
    let segment = write(&fs, &[noise(100 * BLOCK_BYTES, 1)]);
    let cache = cache(30);
    let open = || Segment::open(&fs, DIR.as_ref(), space(7), &segment, Arc::clone(&cache)).unwrap();
    let (first, second) = (open(), open());
    (0..20).for_each(|number| touch(&first, number));
    assert_eq!(seen(&cache), (0, 20, 0, 20));
    (0..20).for_each(|number| touch(&first, number));
    assert_eq!(seen(&cache), (20, 20, 0, 20));
    (0..20).for_each(|number| touch(&second, number));
    assert_eq!(seen(&cache), (20, 40, 10, 30), "each open segment has blocks of its own");
    drop(second);
    let left = seen(&cache).3;
    assert!((10..=20).contains(&left), "the blocks of the first one stay: {left}");
    cache.set_bytes_max(5 * BLOCK_COST_BYTES + 5);
    assert_eq!(seen(&cache).3, 5);
    (0..100).for_each(|number| touch(&first, number));
    assert_eq!(seen(&cache).3, 5);
    cache.set_bytes_max(0);
    assert_eq!(seen(&cache).3, 0);
    touch(&first, 1);
    let before = seen(&cache);
    touch(&first, 1);
    assert_eq!(seen(&cache), (before.0, before.1 + 1, before.2, 0), "nothing is cached");
    cache.set_bytes_max(u64::MAX);
    (0..100).for_each(|number| touch(&first, number));
    assert_eq!(seen(&cache).3, 100);
    drop(first);
    assert_eq!(seen(&cache).3, 0);
}

#[test]
fn a_long_read_loads_only_what_is_not_cached_and_in_few_calls() {
    let fs = FailingFs::default();
    fs.create_dir_all(DIR.as_ref()).unwrap();
    let bytes = noise(40 * BLOCK_BYTES, 1);
    let segment = write(&fs, std::slice::from_ref(&bytes));
    let cache = cache(100);
    let opened = Segment::open(&fs, DIR.as_ref(), space(7), &segment, Arc::clone(&cache)).unwrap();
    touch(&opened, 5);
    let reads = || fs.faults.reads.load(Ordering::SeqCst);
    let before = reads();
    let mut out = vec![0; 30 * BLOCK_BYTES];
    opened.read(name_of(0), 100, &mut out).unwrap();
    assert!(out == bytes[100..100 + out.len()]);
    assert_eq!(reads() - before, 3, "blocks 0 to 4, 6 to 21, 22 to 30");
    assert_eq!(seen(&cache), (1, 31, 0, 31));
    out.fill(0);
    opened.read(name_of(0), 100, &mut out).unwrap();
    assert!(out == bytes[100..100 + out.len()]);
    assert_eq!((reads() - before, seen(&cache)), (3, (32, 31, 0, 31)));
}

#[test]
fn a_segment_may_be_shared_by_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Segment>();
    shared::<BlockCache>();
}

#[test]
fn a_scan_does_not_empty_the_cache() {
    let fs = directory();
    let segment = write(&fs, &[noise(2_000 * BLOCK_BYTES, 1)]);
    let cache = cache(400);
    let opened = Segment::open(&fs, DIR.as_ref(), space(7), &segment, Arc::clone(&cache)).unwrap();
    let hot = 0..100;
    for _ in 0..4 {
        hot.clone().for_each(|number| touch(&opened, number));
    }
    (100..700).for_each(|number| touch(&opened, number));
    let (hits, ..) = seen(&cache);
    hot.for_each(|number| touch(&opened, number));
    let stayed = seen(&cache).0 - hits;
    assert!(stayed > 90, "{stayed} of 100 hot blocks outlived a scan of 600");
}

#[test]
fn many_threads_read_through_one_small_cache() {
    let fs = directory();
    let bytes = noise(200 * BLOCK_BYTES, 1);
    let segment = write(&fs, std::slice::from_ref(&bytes));
    let cache = cache(37);
    let opened = Segment::open(&fs, DIR.as_ref(), space(7), &segment, Arc::clone(&cache)).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4_usize {
            let (opened, bytes, cache) = (&opened, &bytes, &cache);
            scope.spawn(move || {
                let mut out = [0; 100];
                for round in 0..5_000_usize {
                    let from = (round * (7_919 + thread * 2)) % (bytes.len() - 100);
                    opened.read(name_of(0), from as u64, &mut out).unwrap();
                    assert!(out == bytes[from..from + 100]);
                    assert!(cache.stats().bytes <= 37 * BLOCK_COST_BYTES);
                    if round % 1_000 == 999 {
                        cache.set_bytes_max((10 + thread as u64 * 9) * BLOCK_COST_BYTES);
                    }
                }
            });
        }
    });
    let (hits, misses, ..) = seen(&cache);
    assert!(hits + misses >= 20_000);
    drop(opened);
    assert_eq!(seen(&cache).3, 0);
}
