//! What lies in the repository at all.

use std::collections::BTreeSet;

use super::tree::{Finding, Tree};

/// Size above which a file is a blob, in bytes.
const BLOB_BYTES_MIN: u64 = 256 * 1024 + 1;

/// Folders and files that may hold blobs, with the reason.
const BLOBS: [(&str, &str); 1] =
    [("models/", "weights of the built-in embedding model, compiled in")];

const ROOT_ENTRIES_MAX: usize = 24;

/// Large files outside of the listed places.
pub(super) fn blobs(tree: &Tree) -> Vec<Finding> {
    tree.files
        .iter()
        .filter(|file| file.bytes >= BLOB_BYTES_MIN)
        .filter(|file| !BLOBS.iter().any(|(place, _)| file.path.starts_with(place)))
        .map(|file| file.whole(format!("{} KiB, 256 are the limit", file.bytes / 1024)))
        .collect()
}

/// Too many files and folders at the root.
pub(super) fn root_entries(tree: &Tree) -> Vec<Finding> {
    let entries: BTreeSet<&str> =
        tree.files.iter().filter_map(|file| file.path.split('/').next()).collect();
    if entries.len() <= ROOT_ENTRIES_MAX {
        return Vec::new();
    }
    let count = entries.len();
    let what = format!("{count} entries at the root, {ROOT_ENTRIES_MAX} are the limit");
    vec![Finding { path: ".".to_owned(), line: 0, what }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tree::check;

    #[test]
    fn blobs_are_found_outside_their_places() {
        let limit = "x".repeat(256 * 1024);
        let large = format!("{limit}x");
        assert!(check(blobs, &[("a.bin", &limit), ("models/m.bin", &large)]).is_empty());
        assert_eq!(
            check(blobs, &[("a/models/m.bin", &large)]),
            ["a/models/m.bin:0: 256 KiB, 256 are the limit"]
        );
    }

    #[test]
    fn the_root_stays_small() {
        let names: Vec<String> = (0..25).map(|n| format!("f{n}")).collect();
        let files: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "")).collect();
        let mut good = files[..23].to_vec();
        good.extend([("d/a", ""), ("d/b", "")]);
        assert!(check(root_entries, &good).is_empty());
        assert_eq!(check(root_entries, &files), [".:0: 25 entries at the root, 24 are the limit"]);
    }
}
