//! Any bytes as a manifest, with its hash put right or left as it came.
//!
//! What decodes is encoded as the same bytes; one turned bit anywhere is found.

use engram_store::{CommitTime, Lsn, Manifest, ManifestSegment, SegmentRef, SpaceId};

use crate::input::Input;

const HASH_BYTES: usize = 16;

pub(crate) fn run(input: &[u8]) {
    let mut input = Input::new(input);
    let choice = input.byte();
    let turned = usize::from(input.u16());
    let mut bytes = input.rest().to_vec();
    if choice & 1 == 0 {
        let hash = blake3::hash(&bytes);
        bytes.extend_from_slice(&hash.as_bytes()[..HASH_BYTES]);
    }
    let Ok(manifest) = Manifest::decode(&bytes) else { return };
    assert!(manifest.encode() == bytes, "a manifest has one form");
    let at = turned / 8 % bytes.len();
    bytes[at] ^= 1 << (turned % 8);
    assert!(Manifest::decode(&bytes).is_err(), "a turned bit of byte {at} is not found");
    assert!(Manifest::decode(&bytes[..at]).is_err(), "nor that it ends at {at}");
}

/// Manifests of no segment and of several.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    [(0, 0), (1, 10), (3, 200)]
        .into_iter()
        .map(|(segments, payload)| seed(segments, payload))
        .collect()
}

fn seed(segments: u8, payload: usize) -> Vec<u8> {
    let segment = |role: u8| ManifestSegment {
        role,
        segment: SegmentRef {
            hash: [role; 32],
            bytes: 8_192,
            min_lsn: Lsn(1),
            max_lsn: Lsn(u64::from(role)),
        },
    };
    let manifest = Manifest {
        space: SpaceId([7; 16]),
        number: 3,
        lsn: Lsn(9),
        committed_at: CommitTime(1_000),
        chain: [4; 16],
        state_sum: 12,
        segments: (1..=segments).map(segment).collect(),
        payload: vec![1; payload],
    };
    let bytes = manifest.encode();
    let mut input = vec![0, 9, 1];
    input.extend_from_slice(&bytes[..bytes.len() - HASH_BYTES]);
    input
}
