//! `engram-fuzz seeds DIR` writes the seeds of all targets, a folder for each; `engram-fuzz run TARGET FILE...` runs inputs.

use std::path::Path;
use std::process::ExitCode;

use engram_fuzz::{TARGETS, run};
use engram_store::{Fs, RealFs, read_all, write_atomically};

const USAGE: &str = "usage: engram-fuzz seeds DIR | engram-fuzz run TARGET FILE...";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments.as_slice() {
        ["seeds", dir] => write_seeds(dir.as_ref()),
        ["run", target, files @ ..] if TARGETS.iter().any(|known| known.name == *target) => {
            run_files(target, files)
        }
        _ => Err(USAGE.to_owned()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            say(&problem);
            ExitCode::FAILURE
        }
    }
}

fn write_seeds(dir: &Path) -> Result<(), String> {
    for target in &TARGETS {
        let folder = dir.join(target.name);
        let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
        RealFs.create_dir_all(&folder).map_err(failed)?;
        for (number, seed) in target.seeds().iter().enumerate() {
            let path = folder.join(format!("seed-{number:03}"));
            write_atomically(&RealFs, &path, seed).map_err(failed)?;
        }
    }
    Ok(())
}

fn run_files(target: &str, files: &[&str]) -> Result<(), String> {
    for file in files {
        let input = read_all(&RealFs, file.as_ref()).map_err(|error| format!("{file}: {error}"))?;
        run(target, &input);
        say(&format!("{file}: passed"));
    }
    Ok(())
}

#[expect(clippy::print_stderr, reason = "a program says what it did")]
fn say(line: &str) {
    eprintln!("{line}");
}
