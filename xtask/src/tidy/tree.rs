//! The files of the repository as the rules see them.

use std::fmt;
use std::fs;
use std::path::Path;
use std::process::Command;

use super::scan;
use crate::run;

/// The tracked files, and new ones that are not ignored, sorted by path.
pub(super) struct Tree {
    pub(super) files: Vec<File>,
}

/// One file. Texts are empty for a file that is not one of the read kinds.
pub(super) struct File {
    /// Relative to the root, with `/` between its parts.
    pub(super) path: String,
    pub(super) bytes: u64,
    pub(super) text: String,
    /// Rust only: comments and the insides of literals are blanks; same length, same lines.
    pub(super) code: String,
    /// Rust only: `code` with the items under `#[cfg(test)]` blanked too; all blank in a file of tests.
    pub(super) shipped: String,
}

/// What a rule found.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) path: String,
    /// From 1; 0 = the file as a whole.
    pub(super) line: usize,
    pub(super) what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.what)
    }
}

/// Endings of the files whose text is read.
const READ: [&str; 8] = [".rs", ".md", ".toml", ".sh", ".yml", ".yaml", ".proto", ".ci/run"];

impl Tree {
    /// Reads the repository at `root`.
    pub(super) fn read(root: &Path) -> Result<Tree, String> {
        let mut files = Vec::new();
        for path in listed(root)? {
            let full = root.join(&path);
            let failed = |error| format!("{path}: {error}");
            let bytes = fs::metadata(&full).map_err(failed)?.len();
            let text = if READ.iter().any(|ending| path.ends_with(ending)) {
                fs::read_to_string(&full).map_err(failed)?
            } else {
                String::new()
            };
            files.push(File::new(path, bytes, text));
        }
        Ok(Tree { files })
    }

    /// The Rust files.
    pub(super) fn rust(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.path.ends_with(".rs"))
    }

    /// The markdown pages.
    pub(super) fn pages(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.path.ends_with(".md"))
    }

    /// The file at `path`.
    pub(super) fn file(&self, path: &str) -> Option<&File> {
        let position = self.files.binary_search_by(|file| file.path.as_str().cmp(path)).ok()?;
        Some(&self.files[position])
    }

    /// Whether `path` is a folder that holds a file.
    pub(super) fn folder(&self, path: &str) -> bool {
        let prefix = format!("{path}/");
        self.files.iter().any(|file| file.path.starts_with(&prefix))
    }
}

impl File {
    fn new(path: String, bytes: u64, text: String) -> File {
        let rust = path.ends_with(".rs");
        let code = if rust { scan::blank_literals(&text) } else { String::new() };
        let tests = path.contains("/tests/") || path.ends_with("/tests.rs");
        let shipped = if tests { scan::blank_all(&code) } else { scan::blank_tests(&code) };
        File { path, bytes, text, code, shipped }
    }

    /// A finding at a byte offset of this file.
    pub(super) fn at(&self, offset: usize, what: impl Into<String>) -> Finding {
        let line = scan::line_of(&self.text, offset);
        Finding { path: self.path.clone(), line, what: what.into() }
    }

    /// A finding on this file as a whole.
    pub(super) fn whole(&self, what: impl Into<String>) -> Finding {
        Finding { path: self.path.clone(), line: 0, what: what.into() }
    }
}

/// The files of the repository: tracked ones and new ones that are not ignored, as paths relative to `root`.
fn listed(root: &Path) -> Result<Vec<String>, String> {
    let mut git = Command::new("git");
    git.current_dir(root).args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let output = String::from_utf8(run::output(&mut git)?)
        .map_err(|_| "a path of the repository is not UTF-8".to_owned())?;
    let mut paths: Vec<String> =
        output.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect();
    paths.sort();
    paths.dedup();
    paths.retain(|path| root.join(path).is_file());
    Ok(paths)
}

/// A tree made of samples, for the tests of the rules.
#[cfg(test)]
pub(super) fn sample(files: &[(&str, &str)]) -> Tree {
    let mut files: Vec<File> = files
        .iter()
        .map(|(path, text)| File::new((*path).to_owned(), text.len() as u64, (*text).to_owned()))
        .collect();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Tree { files }
}

/// Runs one check over samples and returns its findings, spelled.
#[cfg(test)]
pub(super) fn check(rule: fn(&Tree) -> Vec<Finding>, files: &[(&str, &str)]) -> Vec<String> {
    rule(&sample(files)).iter().map(Finding::to_string).collect()
}
