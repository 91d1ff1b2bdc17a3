//! Any bytes as the list of moves of a repair, in a directory that holds files under the names that it may give.
//!
//! A list that is not what was written moves nothing. One that is, however it came about, changes names and nothing else: no content
//! is lost but that of a file that another one takes the place of, nothing outside of the directory is touched, and carrying it out a
//! second time changes nothing more.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use engram_store::{FileMoves, Fs, MOVES_NAME, MemoryFs, StoreError};

use crate::files::{folder, get, put};
use crate::input::Input;

const DIR: &str = "/data";
const OUTSIDE: &str = "/other";
const SUM_BYTES: usize = 16;
/// The files below the directory, each of which holds its own name.
const FILES: [&str; 9] = [
    "FORMAT",
    "wal/0001.wal",
    "wal/0002.wal",
    "spaces/a.segment",
    "spaces/a.manifest",
    "repair-1/wal/0001.wal",
    "repair-1/new/wal/0001.wal",
    "repair-1/new/spaces/a.manifest",
    "repair-1/new/spaces/b.manifest",
];
const FOLDERS: [&str; 6] =
    ["wal", "spaces", "repair-1/wal", "repair-1/spaces", "repair-1/new/wal", "repair-1/new/spaces"];

pub(crate) fn run(input: &[u8]) {
    let mut input = Input::new(input);
    let is_signed = input.byte() & 1 == 1;
    let mut list = input.rest().to_vec();
    if is_signed {
        list.extend_from_slice(format!("sum {}\n", sum(&list)).as_bytes());
    }
    let fs = directory();
    let before = contents(&fs);
    put(&fs, &Path::new(DIR).join(MOVES_NAME), &list);
    match FileMoves::finish(&fs, DIR.as_ref()) {
        Ok(moved) => {
            assert!(moved && is_sound(&list), "what was not written is carried out");
            let after = contents(&fs);
            check_kept(&before, &after, &list);
            let again = FileMoves::finish(&fs, DIR.as_ref());
            assert!(matches!(again, Ok(false)), "what is done is done");
            put(&fs, &Path::new(DIR).join(MOVES_NAME), &list);
            FileMoves::finish(&fs, DIR.as_ref()).expect("it was carried out before");
            assert!(contents(&fs) == after, "a second time changes something");
        }
        Err(StoreError::Corrupt { .. } | StoreError::NewerFormat { .. }) => {
            fs.remove(&Path::new(DIR).join(MOVES_NAME)).expect("a list that is refused stays");
            assert!(contents(&fs) == before, "a list that is refused moves something");
        }
        // A name of the list is a folder here, or the folder that it moves to is not there.
        Err(StoreError::Io { .. } | StoreError::Missing { .. }) => assert!(is_sound(&list)),
        Err(other) => unreachable!("memory has no such trouble: {other}"),
    }
    let outside = get(&fs, &Path::new(OUTSIDE).join("file"));
    assert!(outside == b"outside", "something outside of the directory is touched");
}

/// What is gone stood at a place that the list moves another file to.
fn check_kept(
    before: &BTreeMap<PathBuf, Vec<u8>>,
    after: &BTreeMap<PathBuf, Vec<u8>>,
    list: &[u8],
) {
    let list = String::from_utf8_lossy(list);
    for (path, content) in before {
        let name = path.strip_prefix(DIR).map(|name| name.to_string_lossy().into_owned());
        let replaced = name.is_ok_and(|name| list.lines().any(|l| l == format!("install {name}")));
        let kept = after.values().any(|other| other == content);
        assert!(kept || replaced, "{} is lost", path.display());
    }
    let made = after.values().find(|content| !before.values().any(|other| other == *content));
    assert!(made.is_none(), "content that nobody wrote");
}

/// Whether the list ends with its sum.
fn is_sound(list: &[u8]) -> bool {
    let Some(body) = list.strip_suffix(b"\n") else { return false };
    let at = body.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    body[at..] == *format!("sum {}", sum(&list[..at])).as_bytes()
}

fn sum(body: &[u8]) -> String {
    let hash = blake3::hash(body);
    hash.as_bytes()[..SUM_BYTES].iter().map(|byte| format!("{byte:02x}")).collect()
}

fn directory() -> MemoryFs {
    let fs = folder(DIR.as_ref());
    for folder in FOLDERS {
        fs.create_dir_all(&Path::new(DIR).join(folder)).expect("a folder in memory is made");
    }
    for file in FILES {
        put(&fs, &Path::new(DIR).join(file), file.as_bytes());
    }
    fs.create_dir_all(OUTSIDE.as_ref()).expect("a folder in memory is made");
    put(&fs, &Path::new(OUTSIDE).join("file"), b"outside");
    fs
}

/// All files below the directory.
fn contents(fs: &MemoryFs) -> BTreeMap<PathBuf, Vec<u8>> {
    let dirs = FOLDERS.into_iter().chain(["", "repair-1", "repair-1/new"]);
    let mut found = BTreeMap::new();
    for dir in dirs.map(|dir| Path::new(DIR).join(dir)) {
        for name in fs.list(&dir).unwrap_or_default() {
            found.insert(dir.join(&name), get(fs, &dir.join(&name)));
        }
    }
    found
}

/// A list as a repair writes it, one without a move, and ones that must be refused.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let head = "engram repair, format 1\nfolder repair-1\n";
    let lists = [
        format!(
            "{head}aside wal/0001.wal\naside wal/0002.wal\naside spaces/a.manifest\n\
             install wal/0001.wal\ninstall spaces/a.manifest\ninstall spaces/b.manifest\n"
        ),
        head.to_owned(),
        format!("{head}install spaces/a.manifest\n"),
        format!("{head}aside ../other/file\n"),
        "engram repair, format 1\nfolder repair-0\naside wal/0001.wal\n".to_owned(),
        "engram repair, format 2\nfolder repair-1\n".to_owned(),
        "engram repair, format 1\nfolder spaces\naside FORMAT\n".to_owned(),
    ];
    let signed = lists.iter().map(|list| [b"\x01", list.as_bytes()].concat());
    let whole = format!("{head}sum {}\n", sum(head.as_bytes()));
    signed.chain([[b"\x00", whole.as_bytes()].concat()]).collect()
}
