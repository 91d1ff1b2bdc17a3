//! Any bytes as one section of a state file or a chunk, or as payload or numbers of a manifest, in files that are sound.
//!
//! What does not decode or does not fit the other files quarantines the space; what is taken is served, written anew, and there after
//! a restart.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use engram_store::{
    BlockCache, CommitTime, Fs, Lsn, Manifest, SectionTag, Segment, SegmentRef, SegmentWriter,
    read_manifests,
};

use crate::home::{DIR, copy, meet};
use crate::input::Input;

/// Sections of the files in the order of the manifest: state file, chunk.
const FILES: [&[&[u8; 4]]; 2] = [
    &[b"FATE", b"TAIL", b"GRPH", b"ENTI", b"STMT", b"TITL", b"KEYS"],
    &[b"NODE", b"BYID", b"BYCO", b"OWNE", b"CODE", b"POST", b"COLS", b"RECO", b"ENDS", b"VECS"],
];
/// The choices behind all sections: the payload of the manifest, then its numbers.
const PAYLOAD: usize = FILES[0].len() + FILES[1].len();
const NUMBERS: usize = PAYLOAD + 1;

pub(crate) fn run(input: &[u8]) {
    let mut input = Input::new(input);
    let choice = usize::from(input.byte()) % (NUMBERS + 1);
    let fs = copy();
    let mut manifest = manifest(&*fs);
    match place(choice) {
        Some((file, tag)) => {
            let sound = manifest.segments[file].segment;
            manifest.segments[file].segment =
                rewrite(&*fs, (&manifest, &sound), (file, tag), input.rest());
        }
        None if choice == PAYLOAD => manifest.payload = input.rest().to_vec(),
        None => {
            // Zeros leave a number as it is.
            let mut changed = |number: u64| number ^ u64::from_le_bytes(input.array());
            manifest.number = changed(manifest.number);
            manifest.lsn = Lsn(changed(manifest.lsn.0));
            manifest.state_sum = changed(manifest.state_sum);
            let time = changed(manifest.committed_at.0.cast_unsigned());
            manifest.committed_at = CommitTime(time.cast_signed());
        }
    }
    manifest.write(&*fs, &folder()).expect("memory takes it");
    meet(&fs);
}

fn folder() -> PathBuf {
    Path::new(DIR).join("spaces")
}

fn manifest(fs: &dyn Fs) -> Manifest {
    let listing = read_manifests(fs, &folder()).expect("the files are sound");
    listing.manifests.into_iter().next().expect("the space was checkpointed")
}

/// Which section of which file a choice means; none = the manifest.
fn place(choice: usize) -> Option<(usize, SectionTag)> {
    let state = FILES[0].len();
    let (file, section) = if choice < state { (0, choice) } else { (1, choice - state) };
    FILES[file].get(section).map(|tag| (file, SectionTag(**tag)))
}

/// Writes a segment anew with other bytes in one section.
fn rewrite(
    fs: &dyn Fs,
    (manifest, segment): (&Manifest, &SegmentRef),
    (file, changed): (usize, SectionTag),
    bytes: &[u8],
) -> SegmentRef {
    let opened = open(fs, (manifest, segment));
    let mut writer = SegmentWriter::create(fs, &folder(), opened.meta()).expect("memory takes it");
    for tag in FILES[file].iter().map(|tag| SectionTag(**tag)) {
        writer.begin(tag).expect("memory takes it");
        let kept = opened.load(tag).expect("the files are sound");
        writer.write(if tag == changed { bytes } else { &kept }).expect("memory takes it");
    }
    writer.finish().expect("memory takes it")
}

fn open(fs: &dyn Fs, (manifest, segment): (&Manifest, &SegmentRef)) -> Segment {
    let cache = Arc::new(BlockCache::new(0));
    Segment::open(fs, &folder(), manifest.space, segment, cache).expect("the files are sound")
}

/// Every section as it is, and the payload.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let fs = copy();
    let manifest = manifest(&*fs);
    let seed = |choice: usize| {
        let bytes = match place(choice) {
            Some((file, tag)) => {
                let opened = open(&*fs, (&manifest, &manifest.segments[file].segment));
                opened.load(tag).expect("the files are sound")
            }
            None if choice == PAYLOAD => manifest.payload.clone(),
            None => vec![0; 32],
        };
        [vec![choice as u8], bytes].concat()
    };
    (0..=NUMBERS).map(seed).collect()
}
