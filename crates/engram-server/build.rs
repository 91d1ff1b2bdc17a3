//! Compiles the `.proto` file to the descriptors that reflection serves. No `protoc` is needed.

use std::path::Path;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../engram-api/proto");
    let file = root.join("engram/v1/engram.proto");
    println!("cargo::rerun-if-changed={}", file.display());
    let out = std::env::var("OUT_DIR")?;
    let descriptors = protox::Compiler::new([&root])?
        .include_imports(true)
        .open_file(&file)?
        .encode_file_descriptor_set();
    std::fs::write(Path::new(&out).join("engram.binpb"), descriptors)?;
    Ok(())
}
