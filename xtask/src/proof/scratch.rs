//! Places to work in: a folder that is removed unless something failed in it, and mounts that never outlive their value.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::run;

/// A folder of this run.
pub(crate) struct Scratch {
    pub(crate) path: PathBuf,
    kept: bool,
}

impl Scratch {
    pub(crate) fn new(name: &str) -> Result<Scratch, String> {
        let path = std::env::temp_dir().join(format!("engram-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Scratch { path, kept: false })
    }

    /// A new empty folder in it.
    pub(crate) fn folder(&self, name: &str) -> Result<PathBuf, String> {
        let path = self.path.join(name);
        fs::create_dir_all(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(path)
    }

    /// Leaves everything where it is, as evidence.
    pub(crate) fn keep(&mut self) {
        self.kept = true;
        run::say(&format!("kept: {}", self.path.display()));
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !self.kept {
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// A mounted file system. Dropping it unmounts, which also detaches the loop device that `mount` attached.
pub(crate) struct Mount {
    pub(crate) place: PathBuf,
    mounted: bool,
}

impl Mount {
    /// `mount` with these arguments, at `place`.
    pub(crate) fn new(arguments: &[&str], place: &Path) -> Result<Mount, String> {
        quiet(tool("mount")?.args(arguments).arg(place))?;
        Ok(Mount { place: place.to_path_buf(), mounted: true })
    }

    pub(crate) fn unmount(mut self) -> Result<(), String> {
        quiet(tool("umount")?.arg(&self.place))?;
        self.mounted = false;
        Ok(())
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        if self.mounted {
            // Lazily: a process that is still dying must not keep it.
            let _ = tool("umount").and_then(|mut umount| quiet(umount.arg("-l").arg(&self.place)));
        }
    }
}

/// Runs a program of the system; what it says goes into the error.
pub(crate) fn quiet(command: &mut Command) -> Result<(), String> {
    let name = Path::new(command.get_program()).to_string_lossy().into_owned();
    let output =
        command.stdin(Stdio::null()).output().map_err(|error| format!("{name}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{name} failed ({}): {}", output.status, said.trim().replace('\n', " ")))
}

/// A program of the system, looked for where shells look and where the tools of file systems are.
pub(crate) fn tool(program: &str) -> Result<Command, String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    let mut places = folders.map(|folder| folder.join(program));
    places
        .find(|place| place.is_file())
        .map(Command::new)
        .ok_or_else(|| format!("no {program} is installed"))
}
