//! How fast the store is with many spaces: `store_bench DIR`, in a directory that does not exist yet; it is left behind.
//!
//! Prints one JSON line for each of
//! - `cache`: nanoseconds to copy 64 bytes, and 4,096, out of a cached block, by one thread and by two;
//! - `segment`: MB/s to write (sync included), load, verify and read at random from a segment of 256 MiB;
//! - `manifests`: milliseconds to read 10,000 manifests of two segments and 200 bytes of payload;
//! - `spaces`: milliseconds to read the frames of 10,000 spaces, 3 each in different segments, one space after the other, and to
//!   release them, to ask what holds the log back, and to drop the oldest segment.
//!
//! Times are wall time. The files stand in the page cache when they are read.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark measures time and prints it"
)]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use engram_store::{
    BLOCK_BYTES, BlockCache, CommitTime, Entry, Fs, LogOptions, Lsn, Manifest, ManifestSegment,
    RealFs, SectionTag, SeededEntropy, Segment, SegmentMeta, SegmentRef, SegmentWriter, ShardLog,
    SpaceId, read_manifests,
};

const SPACES: u32 = 10_000;
const TAG: SectionTag = SectionTag(*b"data");

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn main() -> Outcome {
    let dir = std::env::args().nth(1).ok_or("store_bench DIR")?;
    let dir = PathBuf::from(dir);
    RealFs.create_dir_all(&dir)?;
    cache(&dir)?;
    segment(&dir)?;
    manifests(&dir.join("manifests"))?;
    spaces(&dir.join("wal"))
}

fn space(number: u32) -> SpaceId {
    // Spread like random UUIDs.
    let hash = u128::from(number).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835);
    SpaceId(hash.to_be_bytes())
}

fn ms(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1_000.0
}

fn write(dir: &Path, bytes: usize) -> Result<SegmentRef, Box<dyn std::error::Error>> {
    let meta = SegmentMeta { space: space(0), min_lsn: Lsn(1), max_lsn: Lsn(2), epoch: 1 };
    let mut writer = SegmentWriter::create(&RealFs, dir, meta)?;
    writer.begin(TAG)?;
    let piece: Vec<u8> =
        (0..100_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let mut left = bytes;
    while left > 0 {
        let now = left.min(piece.len());
        writer.write(&piece[..now])?;
        left -= now;
    }
    Ok(writer.finish()?)
}

/// Reads `count` times `len` bytes of pseudo-random blocks and gives nanoseconds for each.
fn hits(
    segment: &Segment,
    len: usize,
    count: u64,
    seed: u64,
) -> Result<f64, engram_store::StoreError> {
    let blocks = segment.block_count() - 1;
    let mut out = vec![0; len];
    let mut state = seed;
    let start = Instant::now();
    for _ in 0..count {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let block = (state >> 33) % blocks;
        segment.read(TAG, block * BLOCK_BYTES as u64, &mut out)?;
    }
    Ok(start.elapsed().as_secs_f64() * 1e9 / count as f64)
}

fn cache(dir: &Path) -> Outcome {
    for megabytes in [1, 64] {
        let bytes = megabytes << 20;
        let reference = write(dir, bytes)?;
        let cache = Arc::new(BlockCache::new(2 * bytes as u64));
        let segment = Segment::open(&RealFs, dir, space(0), &reference, Arc::clone(&cache))?;
        let mut all = vec![0; bytes];
        segment.read(TAG, 0, &mut all)?;
        let one = hits(&segment, 64, 2_000_000, 1)?;
        let whole = hits(&segment, BLOCK_BYTES, 1_000_000, 1)?;
        let two = std::thread::scope(|scope| {
            let threads: Vec<_> = [1, 2]
                .map(|seed| {
                    scope.spawn({
                        let segment = &segment;
                        move || hits(segment, 64, 2_000_000, seed)
                    })
                })
                .into();
            let times: Vec<f64> =
                threads.into_iter().filter_map(|thread| thread.join().ok()?.ok()).collect();
            times.iter().sum::<f64>() / times.len() as f64
        });
        println!(
            r#"{{"measure":"cache","mib":{megabytes},"hit_64_ns":{one:.1},"hit_4096_ns":{whole:.1},"hit_64_two_threads_ns":{two:.1},"stats":"{:?}"}}"#,
            cache.stats()
        );
    }
    Ok(())
}

fn segment(dir: &Path) -> Outcome {
    const BYTES: usize = 256 << 20;
    let rate = |start: Instant| BYTES as f64 / 1e6 / start.elapsed().as_secs_f64();
    let start = Instant::now();
    let reference = write(dir, BYTES)?;
    let written = rate(start);
    let cache = Arc::new(BlockCache::new(16 << 20));
    let start = Instant::now();
    let segment = Segment::open(&RealFs, dir, space(0), &reference, cache)?;
    let opened = ms(start);
    let start = Instant::now();
    let bytes = segment.load(TAG)?;
    let loaded = rate(start);
    drop(bytes);
    let start = Instant::now();
    segment.verify()?;
    let verified = rate(start);
    let miss = hits(&segment, 64, 200_000, 3)?;
    println!(
        r#"{{"measure":"segment","write_mb_s":{written:.0},"open_ms":{opened:.3},"load_mb_s":{loaded:.0},"verify_mb_s":{verified:.0},"miss_ns":{miss:.0}}}"#
    );
    Ok(())
}

fn manifests(dir: &Path) -> Outcome {
    RealFs.create_dir_all(dir)?;
    let segment = SegmentRef { hash: [7; 32], bytes: 1 << 20, min_lsn: Lsn(1), max_lsn: Lsn(9) };
    for number in 0..SPACES {
        let manifest = Manifest {
            space: space(number),
            number: 1,
            lsn: Lsn(9),
            committed_at: CommitTime(5),
            chain: [3; 16],
            state_sum: 4,
            segments: vec![ManifestSegment { role: 1, segment }; 2],
            payload: vec![9; 200],
        };
        // What is measured is reading; syncing each would only take time.
        let path = dir.join(format!("{}.manifest", manifest.space));
        RealFs.open(&path, engram_store::OpenMode::Create)?.write_at(0, &manifest.encode())?;
    }
    let start = Instant::now();
    let listing = read_manifests(&RealFs, dir)?;
    let time = ms(start);
    let count = listing.manifests.len();
    println!(r#"{{"measure":"manifests","count":{count},"read_ms":{time:.1}}}"#);
    Ok(())
}

fn spaces(dir: &Path) -> Outcome {
    let options = LogOptions { segment_bytes: 4 << 20, ..LogOptions::default() };
    let entropy = SeededEntropy::new(1);
    let fs: Arc<dyn Fs> = Arc::new(RealFs);
    let (log, _) = ShardLog::open(fs, dir, options, &entropy, &mut |_| Ok(()))?;
    let entry =
        |number| Entry { space: space(number), kind: 1, payload: vec![5; 200], state_sum: 1 };
    for round in 0..3 {
        for number in 0..SPACES {
            log.append(entry(number), round)?;
        }
        log.flush()?;
    }
    // What the last segment is filled up with, so that it is sealed too.
    while log.stats().segments < 4 {
        log.append(Entry { payload: vec![0; 1 << 20], ..entry(SPACES) }, 0)?;
        log.flush()?;
    }
    let start = Instant::now();
    let mut frames = 0;
    for number in 0..SPACES {
        for frame in log.read_space(space(number), Lsn(1))? {
            frame?;
            frames += 1;
        }
    }
    let read = ms(start);
    let start = Instant::now();
    let held = log.holding_back(usize::MAX).len();
    let asked = ms(start);
    let start = Instant::now();
    (0..SPACES).for_each(|number| log.release(space(number), Lsn(3)));
    let released = ms(start);
    let start = Instant::now();
    (0..SPACES).for_each(|number| log.release(space(number), Lsn(3)));
    let again = ms(start);
    let start = Instant::now();
    let mut dropped = log.maintain()?.dropped;
    let first_drop = ms(start);
    let start = Instant::now();
    dropped += log.maintain()?.dropped;
    let second_drop = ms(start);
    let segments = log.stats().segments;
    println!(
        r#"{{"measure":"spaces","frames":{frames},"read_ms":{read:.1},"held":{held},"holding_back_ms":{asked:.2},"release_ms":{released:.2},"release_again_ms":{again:.2},"drop_ms":[{first_drop:.1},{second_drop:.1}],"dropped":{dropped},"segments_left":{segments}}}"#
    );
    Ok(())
}
