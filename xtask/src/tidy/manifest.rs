//! The part of Cargo.toml that the rules ask for: package name, dependencies, explicit target paths.
//!
//! One dependency a line is the house style; a `[dependencies.name]` table is understood too.

use super::tree::{File, Tree};

/// One package of the workspace.
pub(super) struct Manifest<'a> {
    pub(super) file: &'a File,
    /// The folder of the package, without a slash at its end; empty for the root.
    pub(super) folder: &'a str,
    pub(super) package: String,
    pub(super) dependencies: Vec<Dependency>,
    /// Values of `path` in the target tables, relative to the folder.
    pub(super) targets: Vec<String>,
    /// `autotests = false`: only named targets under tests/ count.
    pub(super) named_tests_only: bool,
}

/// One line of a dependency table.
pub(super) struct Dependency {
    pub(super) name: String,
    pub(super) offset: usize,
    pub(super) kind: Kind,
    /// The comment behind it or on the line above, without the `#`.
    pub(super) reason: String,
}

/// Which table a dependency stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Normal,
    Build,
    Dev,
}

/// What the lines of the current table mean.
enum Section {
    Package,
    Dependencies(Kind),
    Target,
    Other,
}

/// The packages of the tree, sorted by folder.
pub(super) fn all(tree: &Tree) -> Vec<Manifest<'_>> {
    tree.files
        .iter()
        .filter(|file| file.path == "Cargo.toml" || file.path.ends_with("/Cargo.toml"))
        .map(parse)
        .filter(|manifest| !manifest.package.is_empty())
        .collect()
}

fn parse(file: &File) -> Manifest<'_> {
    let folder = file.path.strip_suffix("Cargo.toml").expect("the caller filters by this name");
    let mut manifest = Manifest {
        file,
        folder: folder.trim_end_matches('/'),
        package: String::new(),
        dependencies: Vec::new(),
        targets: Vec::new(),
        named_tests_only: false,
    };
    let mut section = Section::Other;
    let mut offset = 0;
    let mut above = "";
    for line in file.text.split_inclusive('\n') {
        let trimmed = line.trim();
        if let Some(header) = trimmed.strip_prefix('[') {
            section = manifest.open(header, offset, above);
        } else if let Some((key, value)) = trimmed.split_once('=') {
            manifest.line(&section, (key.trim(), value.trim()), (offset, above));
        }
        above = trimmed.strip_prefix('#').map_or("", str::trim);
        offset += line.len();
    }
    manifest
}

impl Manifest<'_> {
    /// Enters a table. The header comes without its first bracket.
    fn open(&mut self, header: &str, offset: usize, above: &str) -> Section {
        let (name, behind) = header.rsplit_once(']').unwrap_or((header, ""));
        let name = name.trim_matches(['[', ']']);
        // `target.'cfg(unix)'.dependencies` counts like `dependencies`.
        let name = match name.strip_prefix("target.") {
            Some(rest) => rest.rsplit_once("'.").map_or(rest, |(_, table)| table),
            None => name,
        };
        let (table, key) = name.split_once('.').unwrap_or((name, ""));
        let kind = match table {
            "dependencies" => Kind::Normal,
            "build-dependencies" => Kind::Build,
            "dev-dependencies" => Kind::Dev,
            "package" => return Section::Package,
            "lib" | "bin" | "test" | "bench" | "example" => return Section::Target,
            _ => return Section::Other,
        };
        if key.is_empty() {
            return Section::Dependencies(kind);
        }
        let reason = comment(behind).unwrap_or(above).to_owned();
        self.dependencies.push(Dependency { name: key.to_owned(), offset, kind, reason });
        Section::Other
    }

    fn line(
        &mut self,
        section: &Section,
        (key, value): (&str, &str),
        (offset, above): (usize, &str),
    ) {
        match section {
            Section::Package if key == "name" => self.package = unquoted(value),
            Section::Package if key == "autotests" => self.named_tests_only = value == "false",
            Section::Target if key == "path" => self.targets.push(unquoted(value)),
            Section::Dependencies(kind) if !key.starts_with('#') => {
                let name = key.split('.').next().unwrap_or(key).trim_matches('"').to_owned();
                let reason = comment(value).unwrap_or(above).to_owned();
                self.dependencies.push(Dependency { name, offset, kind: *kind, reason });
            }
            _ => {}
        }
    }
}

fn comment(text: &str) -> Option<&str> {
    text.split_once('#').map(|(_, comment)| comment.trim())
}

fn unquoted(value: &str) -> String {
    value.split('"').nth(1).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tree::sample;

    #[test]
    fn dependencies_are_read_with_kind_and_reason() {
        let text = "[package]\nname = \"a\" # x\nautotests = false\n[dependencies]\nb.workspace = true # why b\n\
                    # why c\nc = { version = \"1\" }\nd = \"1\"\n[target.'cfg(unix)'.dependencies]\ne = \"1\"\n\
                    [dev-dependencies.f] # why f\nversion = \"1\"\n[[test]]\nname = \"it\"\npath = \"tests/it/main.rs\"\n";
        let tree = sample(&[("crates/a/Cargo.toml", text), ("Cargo.toml", "[workspace]\n")]);
        let manifests = all(&tree);
        assert_eq!(manifests.len(), 1);
        let manifest = &manifests[0];
        assert_eq!((manifest.folder, manifest.package.as_str()), ("crates/a", "a"));
        assert!(manifest.named_tests_only);
        assert_eq!(manifest.targets, ["tests/it/main.rs"]);
        let read: Vec<_> = manifest
            .dependencies
            .iter()
            .map(|one| (one.name.as_str(), one.kind, one.reason.as_str()))
            .collect();
        let expected = [
            ("b", Kind::Normal, "why b"),
            ("c", Kind::Normal, "why c"),
            ("d", Kind::Normal, ""),
            ("e", Kind::Normal, ""),
            ("f", Kind::Dev, "why f"),
        ];
        assert_eq!(read, expected);
    }
}
