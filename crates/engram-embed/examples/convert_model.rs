//! Rebuilds the built-in model's blob from the published files: `convert_model PATH OUT`.
//!
//! PATH is `model.safetensors` in its directory, or that directory; OUT is the directory that takes
//! `model-int8.bin` and `vocab.txt`. Prints the BLAKE3 hashes of the blob and of the source weights.

use std::path::Path;

use engram_embed::{EmbedError, ModelFiles, convert_model};

#[expect(clippy::disallowed_methods, reason = "a tool run by hand reads and writes plain files")]
#[expect(clippy::print_stdout, reason = "the hashes are this tool's output")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [source, out] = arguments.as_slice() else {
        return Err("usage: convert_model PATH OUT".into());
    };
    let source = Path::new(source);
    let directory = if source.is_dir() { source } else { source.parent().unwrap_or(source) };
    let mut read = |name: &str| match std::fs::read(directory.join(name)) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(EmbedError::BadModel { message: format!("{name}: {error}") }),
    };
    let files = ModelFiles::gather(&mut read)?;
    let blob = convert_model(&files)?;
    let out = Path::new(out);
    std::fs::write(out.join("model-int8.bin"), &blob)?;
    std::fs::write(out.join("vocab.txt"), &files.vocabulary)?;
    println!("source weights blake3 {}", blake3::hash(&files.weights));
    println!("blob           blake3 {} ({} bytes)", blake3::hash(&blob), blob.len());
    Ok(())
}
