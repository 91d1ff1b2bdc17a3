//! The tree of modules: which file is which module, and which files no module leads to.

use std::collections::BTreeSet;

use super::manifest::{self, Manifest};
use super::scan;
use super::tree::{File, Finding, Tree};

/// A file's place in its crate.
pub(super) struct Module<'a> {
    pub(super) file: &'a File,
    /// The names from the crate's root down to this module; empty for the root itself.
    pub(super) path: Vec<String>,
    /// The target that it was reached from.
    pub(super) root: &'a str,
    /// Only declarations under `#[cfg(test)]` lead to it.
    tests: bool,
}

/// A file that another one names.
struct Child<'a> {
    file: &'a File,
    /// The names that lead to it from the other.
    names: Vec<String>,
    tests: bool,
}

/// A `mod name;` of a file.
#[derive(Debug, PartialEq, Eq)]
struct Declaration {
    name: String,
    offset: usize,
    /// The inline modules around it.
    inside: Vec<String>,
    /// The value of `#[path = "…"]`, if any.
    path: Option<String>,
}

/// Every Rust file that a target of the package leads to, the roots first.
pub(super) fn of_package<'a>(tree: &'a Tree, manifest: &Manifest<'_>) -> Vec<Module<'a>> {
    let mut modules: Vec<Module<'a>> = targets(tree, manifest)
        .into_iter()
        .map(|file| Module { file, path: Vec::new(), root: &file.path, tests: false })
        .collect();
    let mut seen: BTreeSet<(&str, &str)> =
        modules.iter().map(|module| (module.root, module.file.path.as_str())).collect();
    let mut next = 0;
    while next < modules.len() {
        let Module { file, root, tests, .. } = modules[next];
        let path = modules[next].path.clone();
        for child in children(tree, file, path.is_empty()) {
            if seen.insert((root, child.file.path.as_str())) {
                let path = path.iter().cloned().chain(child.names).collect();
                modules.push(Module { file: child.file, path, root, tests: tests || child.tests });
            }
        }
        next += 1;
    }
    modules
}

/// The files that Cargo compiles as roots.
fn targets<'a>(tree: &'a Tree, manifest: &Manifest<'_>) -> Vec<&'a File> {
    let prefix =
        if manifest.folder.is_empty() { String::new() } else { format!("{}/", manifest.folder) };
    tree.rust()
        .filter(|file| {
            let Some(path) = file.path.strip_prefix(&prefix) else {
                return false;
            };
            let parts: Vec<&str> = path.split('/').collect();
            match parts.as_slice() {
                ["build.rs"] | ["src", "lib.rs" | "main.rs"] => true,
                ["src", "bin", _] | ["src", "bin", _, "main.rs"] => true,
                ["examples" | "benches", _] | ["examples" | "benches", _, "main.rs"] => true,
                ["tests", _] | ["tests", _, "main.rs"] if !manifest.named_tests_only => true,
                _ => manifest.targets.iter().any(|target| target == path),
            }
        })
        .collect()
}

/// The files that the declarations and inclusions of `file` name.
fn children<'a>(tree: &'a Tree, file: &File, is_root: bool) -> Vec<Child<'a>> {
    let (folder, name) = file.path.rsplit_once('/').unwrap_or(("", &file.path));
    let stem = name.trim_end_matches(".rs");
    let base =
        if is_root || stem == "mod" { folder.to_owned() } else { format!("{folder}/{stem}") };
    let mut found = Vec::new();
    for one in declarations(file) {
        let names: Vec<String> = one.inside.iter().cloned().chain([one.name.clone()]).collect();
        let candidates = match &one.path {
            Some(path) => vec![resolve(folder, path)],
            None => {
                let path = format!("{base}/{}", names.join("/"));
                vec![format!("{path}.rs"), format!("{path}/mod.rs")]
            }
        };
        let tests = !is_shipped(file, &one);
        let child = candidates.iter().find_map(|path| tree.file(path));
        found.extend(child.map(|file| Child { file, names, tests }));
    }
    for (offset, _) in file.code.match_indices("include!(\"") {
        let inside = &file.text[offset + "include!(\"".len()..];
        let path = resolve(folder, inside.split('"').next().unwrap_or_default());
        let included = tree.file(&path);
        found.extend(included.map(|file| Child { file, names: Vec::new(), tests: false }));
    }
    found
}

fn declarations(file: &File) -> Vec<Declaration> {
    let code = &file.code;
    let mut found = Vec::new();
    // Inline modules around the current word, each with the offset behind it.
    let mut around: Vec<(String, usize)> = Vec::new();
    let mut words = scan::words(code).peekable();
    while let Some((offset, word)) = words.next() {
        around.retain(|(_, end)| *end > offset);
        if word != "mod" {
            continue;
        }
        let Some((start, name)) = words.peek().copied() else {
            break;
        };
        let behind = start + name.len();
        let rest = code[behind..].trim_start();
        if rest.starts_with('{') {
            let open = code.len() - rest.len();
            around.push((name.to_owned(), scan::matching(code, open)));
        } else if rest.starts_with(';') {
            let inside = around.iter().map(|(name, _)| name.clone()).collect();
            let path = path_attribute(file, offset);
            found.push(Declaration { name: name.to_owned(), offset, inside, path });
        }
    }
    found
}

/// The file named by a `path` attribute on the item at `offset`.
fn path_attribute(file: &File, offset: usize) -> Option<String> {
    let item = file.code[..offset].rfind([';', '}']).map_or(0, |end| end + 1);
    let code = &file.code[item..offset];
    let (at, _) = scan::attributes(code).into_iter().find(|(_, inner)| {
        inner.strip_prefix("path").is_some_and(|rest| rest.trim_start().starts_with('='))
    })?;
    file.text[item + at..].split('"').nth(1).map(str::to_owned)
}

/// `path` seen from `folder`, with its dots removed. Steps above the root are dropped.
pub(super) fn resolve(folder: &str, path: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            name => parts.push(name),
        }
    }
    parts.join("/")
}

/// The modules that a file declares in shipped code, in order, each with its offset.
pub(super) fn table(file: &File) -> Vec<(String, usize)> {
    declarations(file)
        .into_iter()
        .filter(|one| one.inside.is_empty() && is_shipped(file, one))
        .map(|one| (one.name, one.offset))
        .collect()
}

fn is_shipped(file: &File, declaration: &Declaration) -> bool {
    file.shipped[declaration.offset..].starts_with("mod")
}

/// Takes the files that only `#[cfg(test)]` leads to out of the shipped code.
pub(super) fn set_tests_apart(tree: &mut Tree) {
    let mut shipped = BTreeSet::new();
    let mut tests = BTreeSet::new();
    for manifest in manifest::all(tree) {
        for module in of_package(tree, &manifest) {
            let set = if module.tests { &mut tests } else { &mut shipped };
            set.insert(module.file.path.clone());
        }
    }
    for file in &mut tree.files {
        if tests.contains(&file.path) && !shipped.contains(&file.path) {
            file.shipped = scan::blank_all(&file.code);
        }
    }
}

/// Rust files that nothing compiles.
pub(super) fn unreachable(tree: &Tree) -> Vec<Finding> {
    let mut reached = BTreeSet::new();
    for manifest in manifest::all(tree) {
        reached.extend(of_package(tree, &manifest).iter().map(|module| module.file.path.as_str()));
    }
    tree.rust()
        .filter(|file| !reached.contains(file.path.as_str()))
        .map(|file| file.whole("no `mod` and no target leads to this file"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tree::{check, sample};

    const MANIFEST: (&str, &str) = (
        "a/Cargo.toml",
        "[package]\nname = \"a\"\nautotests = false\n[[test]]\npath = \"tests/it/main.rs\"\n",
    );

    #[test]
    fn declared_files_are_reachable() {
        let files = [
            MANIFEST,
            (
                "a/src/lib.rs",
                "mod b;\npub(crate) mod c;\nmod d { mod e; }\n#[path = \"odd.rs\"]\nmod f;\n",
            ),
            ("a/src/b.rs", "#[cfg(test)]\nmod tests;\ninclude!(\"g.rs\");\n"),
            ("a/src/b/tests.rs", ""),
            ("a/src/g.rs", ""),
            ("a/src/c/mod.rs", "mod h;"),
            ("a/src/c/h.rs", ""),
            ("a/src/d/e.rs", ""),
            ("a/src/odd.rs", ""),
            ("a/examples/x.rs", ""),
            ("a/tests/it/main.rs", "mod y;"),
            ("a/tests/it/y.rs", ""),
        ];
        assert!(check(unreachable, &files).is_empty(), "{:?}", check(unreachable, &files));
    }

    #[test]
    fn files_under_cfg_test_are_not_shipped() {
        let mut tree = sample(&[
            MANIFEST,
            ("a/src/lib.rs", "mod b;\n#[cfg(test)]\nmod oracle;\n"),
            ("a/src/b.rs", "fn b() {}"),
            ("a/src/oracle.rs", "mod deep;\nfn o() {}"),
            ("a/src/oracle/deep.rs", "fn d() {}"),
        ]);
        set_tests_apart(&mut tree);
        let shipped = |path: &str| !tree.file(path).unwrap().shipped.trim().is_empty();
        assert!(shipped("a/src/b.rs"));
        assert!(!shipped("a/src/oracle.rs"));
        assert!(!shipped("a/src/oracle/deep.rs"));
    }

    #[test]
    fn forgotten_files_are_found() {
        let files =
            [MANIFEST, ("a/src/lib.rs", "// mod b;\n"), ("a/src/b.rs", ""), ("a/tests/z.rs", "")];
        assert_eq!(
            check(unreachable, &files),
            [
                "a/src/b.rs:0: no `mod` and no target leads to this file",
                "a/tests/z.rs:0: no `mod` and no target leads to this file",
            ]
        );
    }
}
