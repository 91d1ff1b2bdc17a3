//! A log that was really written, and then bits of its files turned, files cut or gone.
//!
//! What was acknowledged is replayed byte for byte, or its loss is reported.

use std::collections::BTreeMap;
use std::path::Path;

use engram_store::{Entry, Frame, Fs, LogError, MemoryFs, SpaceId};

use crate::files::{folder, get, put};
use crate::input::Input;
use crate::log_files::{DIR, Opened, check_reopened, open};

/// Steps of the writing, at most.
const STEPS_MAX: usize = 48;
/// Turned bits, cuts and losses, at most: a few hundred turned bits could spell what a sum cannot tell apart.
const FAULTS_MAX: usize = 12;

/// The commits of each space that were acknowledged.
type Acknowledged = BTreeMap<SpaceId, Vec<Frame>>;

pub(crate) fn run(input: &[u8]) {
    let mut input = Input::new(input);
    let fs = folder(DIR.as_ref());
    write(&fs, &mut input);
    let intact = open(&fs).expect("what was written opens");
    assert!(intact.recovery.quarantined.is_empty() && intact.recovery.damage.is_empty());
    let acknowledged = by_space(intact.frames);
    drop(intact.log);
    for _ in 0..FAULTS_MAX {
        if !input.is_empty() {
            break_one(&fs, &mut input);
        }
    }
    let opened = open(&fs).expect("damage keeps no log from opening");
    check_told(&acknowledged, &opened);
    check_reopened(&fs, opened).expect("it opens again and takes more");
}

/// Writes a log as the input says: appends, flushes, restarts, and drops of what is released.
fn write(fs: &MemoryFs, input: &mut Input<'_>) {
    let mut log = open(fs).expect("an empty folder is a log").log;
    let steps = usize::from(input.byte()) % (STEPS_MAX + 1);
    for _ in 0..steps {
        let byte = input.byte();
        let outcome = match byte >> 6 {
            0 | 1 => append(&log, byte),
            2 => log.flush().map(|_| ()),
            _ if byte & 1 == 0 => release(&log, byte),
            _ => {
                let closed = if byte & 2 == 0 { log.close() } else { log.flush().map(|_| ()) };
                drop(log);
                log = open(fs).expect("what was written opens").log;
                closed
            }
        };
        outcome.expect("memory takes it");
    }
    log.flush().expect("memory takes it");
}

fn append(log: &engram_store::ShardLog, byte: u8) -> Result<(), LogError> {
    let payload = vec![byte; usize::from(byte & 0x3F) * 40];
    let space = SpaceId([byte % 3 + 1; 16]);
    let entry = Entry { space, kind: 1, payload, state_sum: u64::from(byte) };
    log.append(entry, i64::from(byte)).map(|_| ())
}

/// Lets the log drop what stands in full segments.
fn release(log: &engram_store::ShardLog, byte: u8) -> Result<(), LogError> {
    for number in 1..=3 {
        let space = SpaceId([number; 16]);
        let behind = u64::from(byte >> 2 & 3);
        log.release(space, engram_store::Lsn(log.durable_lsn(space).0.saturating_sub(behind)));
    }
    while log.maintain()?.more {}
    Ok(())
}

/// Turns a bit, cuts a file or takes one away.
fn break_one(fs: &MemoryFs, input: &mut Input<'_>) {
    let dir = Path::new(DIR);
    let names = fs.list(dir).expect("the folder is there");
    let names: Vec<&String> = names.iter().filter(|name| !name.starts_with("spare-")).collect();
    let choice = input.byte();
    let at = usize::from(input.u16());
    let name = names[usize::from(choice >> 3) % names.len()];
    let path = dir.join(name);
    let mut bytes = get(fs, &path);
    match choice & 7 {
        0 if names.iter().filter(|name| name.ends_with(".wal")).count() > 1 => {
            fs.remove(&path).expect("it is there");
        }
        1 => {
            bytes.truncate(at);
            put(fs, &path, &bytes);
        }
        bit if !bytes.is_empty() => {
            let at = at % bytes.len();
            bytes[at] ^= 1 << bit;
            put(fs, &path, &bytes);
        }
        _ => {}
    }
}

/// What of the acknowledged commits is missing is reported, and nothing is there that was never written.
fn check_told(acknowledged: &Acknowledged, opened: &Opened) {
    let Opened { frames, recovery, .. } = opened;
    let found = by_space(frames.clone());
    for (space, frames) in &found {
        let written = acknowledged.get(space).map(Vec::as_slice).unwrap_or_default();
        assert!(frames.iter().all(|frame| written.contains(frame)), "{space}: never written");
    }
    for (space, written) in acknowledged {
        let found = found.get(space).map(Vec::as_slice).unwrap_or_default();
        let quarantined = recovery.quarantined.iter().any(|one| one.space == *space);
        // Turned bits in what was written last look like a write that was cut short, and are reported as one.
        let torn = recovery.torn_tail.is_some() && written.starts_with(found);
        // Of a space without any frame nobody knows the name.
        let unseen = found.is_empty() && !recovery.damage.is_empty();
        let told = quarantined || torn || unseen;
        assert!(found == written || told, "{space}: lost in silence");
    }
}

fn by_space(frames: Vec<Frame>) -> Acknowledged {
    let mut spaces = Acknowledged::new();
    for frame in frames {
        spaces.entry(frame.stamp.space).or_default().push(frame);
    }
    spaces
}

/// Logs of several segments, and one fault of each sort.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let write = |steps: &[u8]| {
        let mut input = vec![steps.len() as u8];
        input.extend_from_slice(steps);
        input
    };
    let long: Vec<u8> = (0..24_u8).flat_map(|n| [0x30 + n % 16, 0x80]).collect();
    let dropped: Vec<u8> = long.iter().take(40).copied().chain([0xC4, 0x31, 0xC1, 0x32]).collect();
    let mut seeds = Vec::new();
    for steps in [vec![0x11, 0x12, 0x80, 0x13, 0xC1], long, dropped] {
        for fault in [[0, 0, 0], [1, 0, 0x20], [2, 0x40, 0x10], [11, 0x50, 0x10], [3, 0, 0x12]] {
            let mut input = write(&steps);
            input.extend_from_slice(&fault);
            seeds.push(input);
        }
        seeds.push(write(&steps));
    }
    seeds
}
