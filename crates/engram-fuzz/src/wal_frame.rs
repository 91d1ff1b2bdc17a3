//! Any bytes as the frames of one log segment, their sums put right.
//!
//! Whatever they say, the log opens, replays only what fits together, and comes to the same verdicts each time.

use std::path::Path;

use engram_store::{LogError, MemoryFs, SpaceId};

use crate::files::{folder, get, put};
use crate::input::Input;
use crate::log_files::{DIR, append, check_reopened, open};
use crate::log_image::{AREA_END, Chain, FIRST_FRAME, Sealing, empty, with_frames};

const FIRST: &str = "0000000000000001.wal";
const BASE_ENTRIES_MAX: u8 = 3;
const BASE_ENTRY_BYTES: usize = 64;

pub(crate) fn run(input: &[u8]) {
    let mut input = Input::new(input);
    let sealing = Sealing::of(input.byte());
    let (base, chains) = base(&mut input);
    let (segment, sealed) = with_frames(input.rest(), chains, sealing);
    let dir = Path::new(DIR);
    let fs = folder(dir);
    put(&fs, &dir.join(FIRST), &segment);
    if let Some(base) = base {
        put(&fs, &dir.join("base"), &base);
    }
    if sealed {
        // A segment is sealed only when the next one is there.
        put(&fs, &dir.join("0000000000000002.wal"), &empty(2));
    }
    let opened = open(&fs).expect("no bytes of a frame keep the log from opening");
    let checked = check_reopened(&fs, opened);
    assert!(matches!(checked, Ok(()) | Err(LogError::Corrupt { .. })), "nor again: {checked:?}");
}

/// A file that says where spaces stood before the first frame, with their chains; none where the input names no space.
fn base(input: &mut Input<'_>) -> (Option<Vec<u8>>, Vec<Chain>) {
    let count = input.byte() % (BASE_ENTRIES_MAX + 1);
    if count == 0 {
        return (None, Vec::new());
    }
    let mut base = b"ENGRAMWB".to_vec();
    base.extend_from_slice(&1_u64.to_le_bytes());
    base.extend_from_slice(&1_u64.to_le_bytes());
    base.extend_from_slice(&u64::from(count).to_le_bytes());
    let mut chains: Vec<Chain> = Vec::new();
    for _ in 0..count {
        let mut entry: [u8; BASE_ENTRY_BYTES] = input.array();
        // A base speaks of spaces that had a commit.
        entry[16] |= 1;
        let part = |at: usize| entry[at..at + 16].try_into().expect("sixteen bytes");
        chains.retain(|(space, _)| *space != part(0));
        chains.push((part(0), part(32)));
        base.extend_from_slice(&entry);
    }
    let hash = blake3::hash(&base);
    base.extend_from_slice(&hash.as_bytes()[..16]);
    (Some(base), chains)
}

/// Logs as the store writes them: one batch, several, closed, and a full segment.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let logs = [(1, 40), (3, 40), (5, 300), (40, 400)];
    let mut seeds: Vec<Vec<u8>> = logs.map(|(commits, len)| seed(commits, len)).to_vec();
    // The same behind a base that knows one of the spaces.
    let mut entry = [0; BASE_ENTRY_BYTES];
    entry[..16].fill(9);
    entry[16] = 7;
    seeds.push([&[0, 1], &entry[..], &seeds[1][2..]].concat());
    seeds
}

fn seed(commits: u8, len: usize) -> Vec<u8> {
    let dir = Path::new(DIR);
    let fs: MemoryFs = folder(dir);
    let opened = open(&fs).expect("an empty folder is a log");
    for commit in 0..commits {
        let payload = vec![commit; len];
        append(&opened.log, SpaceId([commit % 3 + 1; 16]), &payload).expect("memory takes it");
    }
    opened.log.close().expect("memory takes it");
    let file = get(&fs, &dir.join(FIRST));
    let area = &file[FIRST_FRAME..AREA_END];
    let end = area.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let mut input = vec![0, 0];
    input.extend_from_slice(&area[..end]);
    input
}
