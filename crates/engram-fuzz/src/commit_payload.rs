//! Any payloads as the next commits of a space, in a log that is sound.
//!
//! What does not decode or does not fit the state quarantines the space; what is taken is served, written to files, and there after a
//! restart.

use std::path::Path;
use std::sync::Arc;

use engram_store::{Entry, Fs, LogOptions, SeededEntropy, ShardLog, SpaceId};

use crate::home::{DIR, copy, meet};
use crate::input::Input;
use crate::protobuf::{Field, fields};

const COMMITS_MAX: usize = 4;
const PAYLOAD_BYTES_MAX: u16 = 8_000;

pub(crate) fn run(input: &[u8]) {
    let fs = copy();
    append(&fs, Input::new(input));
    meet(&fs);
}

/// Appends what the input says. The state sum is right for commits that only put memories or change no memory.
fn append(fs: &Arc<dyn Fs>, mut input: Input<'_>) {
    let entropy = SeededEntropy::new(9);
    let dir = Path::new(DIR).join("wal");
    let options = LogOptions { segment_bytes: 16 << 10, ..LogOptions::default() };
    let mut owner = None;
    let (log, _) = ShardLog::open(Arc::clone(fs), &dir, options, &entropy, &mut |frame| {
        owner.get_or_insert(frame.stamp.space);
        Ok(())
    })
    .expect("the log is sound");
    let space = owner.expect("the log holds commits");
    let mut state_sum = log.tip(space).map_or(0, |tip| tip.state_sum);
    for number in 0..COMMITS_MAX {
        if input.is_empty() {
            break;
        }
        let choice = input.byte();
        let len = input.u16() % PAYLOAD_BYTES_MAX;
        let payload = input.take(usize::from(len)).to_vec();
        // Mostly commits of the space; now and then another kind, or the birth of another space.
        let kind = if choice & 0xF0 == 0 { choice & 7 } else { 3 };
        let another = choice & 0xF0 == 0 && choice & 8 != 0;
        let space = if another { SpaceId([number as u8 + 1; 16]) } else { space };
        state_sum = state_sum.wrapping_add(sum_of_puts(&payload));
        let entry = Entry { space, kind, payload, state_sum: if another { 0 } else { state_sum } };
        log.append(entry, 0).expect("the log takes any payload");
        log.flush().expect("memory takes it");
    }
    log.close().expect("memory takes it");
}

/// What the puts of a commit add to the sum over the live memories.
fn sum_of_puts(payload: &[u8]) -> u64 {
    let messages = |bytes, number| {
        fields(bytes).into_iter().filter_map(move |field| match field {
            (found, Field::Bytes(inner)) if found == number => Some(inner),
            _ => None,
        })
    };
    let puts = messages(payload, 1).flat_map(|op| messages(op, 1));
    puts.map(sum_of_put).fold(0, u64::wrapping_add)
}

fn sum_of_put(put: &[u8]) -> u64 {
    let (mut id, mut version, mut hash): (&[u8], u32, &[u8]) = (&[], 0, &[]);
    for field in fields(put) {
        match field {
            (1, Field::Bytes(bytes)) => id = bytes,
            (2, Field::Number(number)) => version = number as u32,
            (4, Field::Bytes(bytes)) => hash = bytes,
            _ => {}
        }
    }
    let mut hasher = blake3::Hasher::new();
    hasher.update(&version.to_le_bytes());
    hasher.update(&[0]);
    hasher.update(hash);
    hasher.update(id);
    u64::from_le_bytes(hasher.finalize().as_bytes()[..8].try_into().expect("eight bytes"))
}

/// The commits that made the directory, each as the next one, and births of spaces.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let fs = copy();
    let dir = Path::new(DIR).join("wal");
    let mut inputs: Vec<Vec<u8>> = Vec::new();
    let entropy = SeededEntropy::new(9);
    let options = LogOptions { segment_bytes: 16 << 10, ..LogOptions::default() };
    let opened = ShardLog::open(fs, &dir, options, &entropy, &mut |frame| {
        inputs.push(input_of(0x10, &frame.payload));
        Ok(())
    });
    opened.expect("the log is sound");
    inputs.extend(made_by_hand());
    inputs
}

fn input_of(choice: u8, payload: &[u8]) -> Vec<u8> {
    let mut input = vec![choice];
    input.extend_from_slice(&(payload.len() as u16).to_le_bytes());
    input.extend_from_slice(payload);
    input
}

/// One commit of each operation.
fn made_by_hand() -> Vec<Vec<u8>> {
    let text =
        |number: u8, text: &str| [&[number << 3 | 2, text.len() as u8], text.as_bytes()].concat();
    let weight = |number: u8| [&[number << 3 | 5][..], &0.5_f32.to_le_bytes()].concat();
    let message = |number: u8, parts: &[Vec<u8>]| {
        let inner = parts.concat();
        [&[number << 3 | 2, inner.len() as u8][..], &inner].concat()
    };
    let number = |field: u8, value: u8| vec![field << 3, value];
    let content = message(3, &[text(2, "A title"), text(3, "a text"), text(4, "s1")]);
    let hash = message(4, &[vec![7; 16]]);
    let vector = message(5, &[[0.5_f32; 4].iter().flat_map(|one| one.to_le_bytes()).collect()]);
    let put = message(1, &[text(1, "new"), number(2, 1), content, hash, vector]);
    let associate = message(5, &[text(1, "m1"), text(2, "m2"), text(3, "is"), weight(4)]);
    let dissociate = message(6, &[text(1, "m3"), text(2, "m4"), number(3, 0)]);
    let entity = message(2, &[text(1, "ada"), text(2, "Ada")]);
    let named = message(3, &[number(1, 2), number(2, 0), weight(3)]);
    let edge = |field| message(field, &[number(1, 1), number(2, 2), number(3, 4), weight(4)]);
    let link = message(7, &[number(1, 50), entity, named, edge(4), edge(5)]);
    let graph = message(8, &[message(1, &[vec![3; 32]]), number(2, 9)]);
    let key = message(2, &[text(1, "k"), message(2, &[vec![1; 16]]), message(3, &[text(1, "m1")])]);
    let mut inputs: Vec<Vec<u8>> =
        [put, associate, dissociate, link, graph, text(2, "m1"), text(3, "m2")]
            .into_iter()
            .map(|op| input_of(0x10, &[message(1, &[op]), key.clone(), text(3, "op")].concat()))
            .collect();
    let birth = [text(1, "other"), number(2, 4), text(3, "none"), text(5, "en")].concat();
    inputs.push(input_of(9, &birth));
    inputs.push(input_of(2, &[]));
    inputs
}
