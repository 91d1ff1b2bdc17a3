//! Names of segment files: whose they are, and what is in them.

use std::fmt::Write;

use super::layout::SegmentHash;
use crate::ids::{SpaceId, hex_bytes};

const SUFFIX: &str = ".segment";
const TEMPORARY_SUFFIX: &str = ".segment.tmp";
/// Of the hash, this many bytes stand in the name.
const HASH_BYTES: usize = 16;

/// Name of the segment of `space` with this hash.
pub fn segment_file_name(space: SpaceId, hash: &SegmentHash) -> String {
    let mut name = format!("{space}-");
    for byte in &hash[..HASH_BYTES] {
        write!(name, "{byte:02x}").expect("a string takes what is written to it");
    }
    name.push_str(SUFFIX);
    name
}

/// The space in the name of a segment, and the first half of the hash; `None` when it is no such name.
pub fn parse_segment_file_name(name: &str) -> Option<(SpaceId, [u8; 16])> {
    let (space, digits) = name.strip_suffix(SUFFIX)?.rsplit_once('-')?;
    Some((SpaceId::parse(space)?, hex_bytes(digits)?))
}

/// Name of a segment that is being written.
pub(super) fn temporary_name(space: SpaceId, number: u32) -> String {
    format!("{space}-{number}{TEMPORARY_SUFFIX}")
}

/// True for the name of a segment that is, or was, being written.
pub(crate) fn is_segment_leftover(name: &str) -> bool {
    let parts = name.strip_suffix(TEMPORARY_SUFFIX).and_then(|stem| stem.rsplit_once('-'));
    parts.is_some_and(|(space, number)| {
        let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        digits && SpaceId::parse(space).is_some()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_and_others_refused() {
        let space = SpaceId([0xAB; 16]);
        let hash: SegmentHash = std::array::from_fn(|position| position as u8);
        let name = segment_file_name(space, &hash);
        assert_eq!(
            name,
            "abababab-abab-abab-abab-abababababab-000102030405060708090a0b0c0d0e0f.segment"
        );
        let half = std::array::from_fn(|position| position as u8);
        assert_eq!(parse_segment_file_name(&name), Some((space, half)));
        let others = [
            name.to_uppercase(),
            name.replace("00010203", "+0010203"),
            name.replace("-0001", "0001"),
            format!("{name}.tmp"),
            temporary_name(space, 3),
            ".segment".to_owned(),
        ];
        for other in others {
            assert_eq!(parse_segment_file_name(&other), None, "{other}");
        }
    }

    #[test]
    fn only_names_of_unfinished_segments_are_leftovers() {
        let space = SpaceId([1; 16]);
        assert!(is_segment_leftover(&temporary_name(space, 12)));
        let others = [
            segment_file_name(space, &[0; 32]),
            format!("{space}-.segment.tmp"),
            format!("{space}-+1.segment.tmp"),
            format!("{space}.segment.tmp"),
            format!("{space}.manifest.tmp"),
            "notes.tmp".to_owned(),
        ];
        for other in others {
            assert!(!is_segment_leftover(&other), "{other}");
        }
    }
}
