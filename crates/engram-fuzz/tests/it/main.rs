//! The seeds of every target, and a fixed walk of changes from each: what every change of the code must pass, without libFuzzer.

use engram_fuzz::{TARGETS, Target};
use engram_store::{Entropy, SeededEntropy};

/// Changed inputs for each target.
const CHANGED: usize = 250;
/// Changes that one input differs by from a seed, at most.
const CHANGES_MAX: u32 = 6;

/// Numbers from a seed.
struct Numbers(SeededEntropy);

impl Numbers {
    fn below(&self, end: usize) -> usize {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        (u64::from_le_bytes(bytes) % end.max(1) as u64) as usize
    }
}

/// Turns bits, writes telling numbers, cuts out and doubles parts.
fn change(input: &mut Vec<u8>, numbers: &Numbers) {
    if input.is_empty() {
        input.push(0);
    }
    let at = numbers.below(input.len());
    match numbers.below(6) {
        0 | 1 => input[at] ^= 1 << numbers.below(8),
        2 => input[at] = [0, 1, 0x7F, 0x80, 0xFF][numbers.below(5)],
        3 => {
            let width = [2, 4, 8][numbers.below(3)].min(input.len() - at);
            let number = [0, 1, u64::MAX, u64::MAX - 1, 1 << 31, 1 << 63][numbers.below(6)];
            input[at..at + width].copy_from_slice(&number.to_le_bytes()[..width]);
        }
        4 => {
            let end = (at + 1 + numbers.below(64)).min(input.len());
            input.drain(at..end);
        }
        _ => {
            let end = (at + 1 + numbers.below(64)).min(input.len());
            let part = input[at..end].to_vec();
            input.splice(at..at, part);
        }
    }
}

fn walk(target: &Target) {
    let seeds = target.seeds();
    assert!(!seeds.is_empty());
    seeds.iter().for_each(|seed| target.run(seed));
    target.run(&[]);
    let numbers = Numbers(SeededEntropy::new(1));
    for _ in 0..CHANGED {
        let mut input = seeds[numbers.below(seeds.len())].clone();
        for _ in 0..=numbers.below(CHANGES_MAX as usize) {
            change(&mut input, &numbers);
        }
        target.run(&input);
    }
}

#[test]
fn any_input_is_decoded_or_refused() {
    for target in &TARGETS {
        println!("{}", target.name);
        walk(target);
    }
}
