//! Any bytes as the graph of a space's vectors, under the hash that the files of the space name, or under another.
//!
//! Bytes that are not those that the hash names are of no use to anybody: what is found is what exact scans find. Others may be any
//! graph: it is refused, or searched without finding what is not there.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use engram_store::{Fs, Manifest, read_manifests};

use crate::files::{get, put};
use crate::home::{DIR, copy, meet, similar};
use crate::input::Input;

const HEADER_BYTES: usize = 64;
/// Where the length of the graph stands in the header, and how many bytes a hash has in a name.
const GRAPH_LEN_AT: usize = 16;
const NAME_HASH_BYTES: usize = 16;

/// What the input is: the whole file, its header, its graph, the owners of its vectors, or the whole file under the old hash.
const WHOLE: u8 = 0;
const HEADER: u8 = 1;
const GRAPH: u8 = 2;
const OWNERS: u8 = 3;
const UNNAMED: u8 = 4;

pub(crate) fn run(input: &[u8]) {
    let mut input = Input::new(input);
    let choice = input.byte() % (UNNAMED + 1);
    let fs = copy();
    let path = graph(&*fs);
    let sound = get(&*fs, &path);
    let bytes = assemble(choice, &sound, input.rest());
    if choice == UNNAMED {
        put(&*fs, &path, &bytes);
        let found = similar(&fs);
        let without = copy();
        without.remove(&path).expect("it is there");
        assert!(bytes == sound || found == similar(&without), "a damaged graph is searched");
    } else {
        name(&fs, &path, &bytes);
    }
    meet(&fs);
}

fn assemble(choice: u8, sound: &[u8], given: &[u8]) -> Vec<u8> {
    let (header, graph, owners) = parts(sound);
    match choice {
        HEADER => {
            let mut header = header.to_vec();
            header.iter_mut().zip(given).for_each(|(byte, given)| *byte = *given);
            [&header, graph, owners].concat()
        }
        GRAPH => {
            let mut header = header.to_vec();
            let len = (given.len() as u64).to_le_bytes();
            header[GRAPH_LEN_AT..GRAPH_LEN_AT + 8].copy_from_slice(&len);
            [&header, given, owners].concat()
        }
        OWNERS => [header, graph, given].concat(),
        _ => given.to_vec(),
    }
}

/// Header, graph and owners of a sound file.
fn parts(sound: &[u8]) -> (&[u8], &[u8], &[u8]) {
    let (header, body) = sound.split_at(HEADER_BYTES);
    let len = header[GRAPH_LEN_AT..GRAPH_LEN_AT + 8].try_into().expect("eight bytes");
    let (graph, owners) = body.split_at(u64::from_le_bytes(len) as usize);
    (header, graph, owners)
}

/// Puts the bytes where their hash leads, and that hash in the place of the old one in the manifest.
fn name(fs: &Arc<dyn Fs>, path: &Path, bytes: &[u8]) {
    let old = *blake3::hash(&get(&**fs, path)).as_bytes();
    let new = *blake3::hash(bytes).as_bytes();
    let mut manifest = manifest(&**fs);
    let payload = &mut manifest.payload;
    let at = payload.windows(old.len()).position(|window| window == old);
    let at = at.expect("the payload names the graph");
    payload[at..at + new.len()].copy_from_slice(&new);
    manifest.write(&**fs, &Path::new(DIR).join("spaces")).expect("memory takes it");
    let hex: String = new[..NAME_HASH_BYTES].iter().map(|byte| format!("{byte:02x}")).collect();
    let place = path.with_file_name(format!("{}-{hex}.graph", manifest.space));
    put(&**fs, &place, bytes);
}

fn manifest(fs: &dyn Fs) -> Manifest {
    let listing = read_manifests(fs, &Path::new(DIR).join("spaces")).expect("the files are sound");
    listing.manifests.into_iter().next().expect("the space was checkpointed")
}

/// The one graph of the directory.
fn graph(fs: &dyn Fs) -> PathBuf {
    let dir = Path::new(DIR).join("index");
    let names = fs.list(&dir).expect("the folder is there");
    let name = names.iter().find(|name| name.ends_with(".graph"));
    dir.join(name.expect("a graph was built"))
}

/// The file as it is, and each of its parts.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let fs = copy();
    let sound = get(&*fs, &graph(&*fs));
    let (header, graph, owners) = parts(&sound);
    let parts = [&sound, header, graph, owners, &sound];
    (WHOLE..=UNNAMED).zip(parts).map(|(choice, part)| [&[choice], part].concat()).collect()
}
