//! The order of the modules within a crate.
//!
//! The root (`lib.rs` or `main.rs`) lists its modules in layer order: a module imports only from modules listed
//! before it. Deeper tables are free in their order but may not form circles. A re-export counts as the module that
//! it comes from, so that going through the root hides nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::crates::reaches;
use super::manifest;
use super::modules::{self, Module};
use super::scan;
use super::tree::{File, Finding, Tree};

/// A file that lists modules, and where in the crate it stands.
struct Table<'a> {
    file: &'a File,
    path: Vec<String>,
    root: &'a str,
    /// In the order of the file.
    children: Vec<String>,
    /// Names that the file re-exports, and the child each comes from.
    exports: BTreeMap<String, String>,
}

/// One child of a table importing from another.
struct Import<'a> {
    table: usize,
    from: String,
    to: String,
    file: &'a File,
    offset: usize,
}

/// Imports that point to a module listed later in the crate's root.
pub(super) fn order(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for manifest in manifest::all(tree) {
        let modules = modules::of_package(tree, &manifest);
        let tables = tables(&modules);
        for import in imports(&modules, &tables) {
            let table = &tables[import.table];
            let place = |name: &str| table.children.iter().position(|child| child == name);
            if table.path.is_empty() && place(&import.to) > place(&import.from) {
                let what = format!(
                    "module {} imports from {}, which {} lists later",
                    import.from, import.to, table.file.path
                );
                findings.push(import.file.at(import.offset, what));
            }
        }
    }
    findings
}

/// Circles among the modules of one table below the crate's root.
pub(super) fn circles(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for manifest in manifest::all(tree) {
        let modules = modules::of_package(tree, &manifest);
        let tables = tables(&modules);
        let imports = imports(&modules, &tables);
        for (position, table) in
            tables.iter().enumerate().filter(|(_, table)| !table.path.is_empty())
        {
            let own: Vec<&Import<'_>> =
                imports.iter().filter(|import| import.table == position).collect();
            let mut edges: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
            for import in &own {
                edges.entry(&import.from).or_default().push(&import.to);
            }
            for import in own.iter().filter(|import| reaches(&edges, &import.to, &import.from)) {
                let (from, to) = (&import.from, &import.to);
                let what =
                    format!("modules {from} and {to} of {} form a circle", table.path.join("::"));
                findings.push(import.file.at(import.offset, what));
            }
        }
    }
    findings
}

fn tables<'a>(modules: &[Module<'a>]) -> Vec<Table<'a>> {
    let mut tables = Vec::new();
    for module in modules {
        let children: Vec<String> =
            modules::table(module.file).into_iter().map(|(name, _)| name).collect();
        if children.is_empty() {
            continue;
        }
        let exports = exports(&module.file.shipped, &children);
        let path = module.path.clone();
        tables.push(Table { file: module.file, path, root: module.root, children, exports });
    }
    tables
}

/// The names that `use` items of a table bring into it, and the child each comes from.
fn exports(code: &str, children: &[String]) -> BTreeMap<String, String> {
    let mut exports = BTreeMap::new();
    for (offset, _) in scan::words(code).filter(|(_, word)| *word == "use") {
        for (_, path) in paths(code, offset + "use".len()) {
            let path = match path.first().map(String::as_str) {
                Some("self" | "crate") => &path[1..],
                _ => &path[..],
            };
            if let [child, .., name] = path
                && children.contains(child)
            {
                exports.insert(name.clone(), child.clone());
            }
        }
    }
    exports
}

/// Every import of one child of a table from another, once per line.
fn imports<'a>(modules: &[Module<'a>], tables: &[Table<'a>]) -> Vec<Import<'a>> {
    let mut found = Vec::new();
    for module in modules {
        let mut seen = BTreeSet::new();
        for (offset, path) in relative_paths(&module.file.shipped) {
            let Some(target) = absolute(&module.path, &path) else {
                continue;
            };
            for (position, table) in tables.iter().enumerate() {
                let Some((from, to)) = edge(table, module, &target) else {
                    continue;
                };
                let line = scan::line_of(&module.file.text, offset);
                if from != to && seen.insert((position, to.clone(), line)) {
                    found.push(Import { table: position, from, to, file: module.file, offset });
                }
            }
        }
    }
    found
}

/// The children of `table` that a path used in `module` runs from and to.
fn edge(table: &Table<'_>, module: &Module<'_>, target: &[String]) -> Option<(String, String)> {
    let depth = table.path.len();
    if table.root != module.root
        || !module.path.starts_with(&table.path)
        || !target.starts_with(&table.path)
    {
        return None;
    }
    let from = module.path.get(depth)?;
    let name = target.get(depth)?;
    let to = if table.children.contains(name) { name } else { table.exports.get(name)? };
    Some((from.clone(), to.clone()))
}

/// The paths that start with `crate`, `super` or `self`, each with its offset.
fn relative_paths(code: &str) -> Vec<(usize, Vec<String>)> {
    let mut found = Vec::new();
    for (offset, word) in scan::words(code) {
        let starts = matches!(word, "crate" | "super" | "self");
        if starts
            && code[offset + word.len()..].trim_start().starts_with("::")
            && !code[..offset].trim_end().ends_with("::")
        {
            found.extend(paths(code, offset));
        }
    }
    found
}

/// The path at `start`, one for each leaf of its braces, each with the offset where its leaf stands.
fn paths(code: &str, start: usize) -> Vec<(usize, Vec<String>)> {
    let mut found = Vec::new();
    // Where to read on, and the names so far.
    let mut open: Vec<(usize, Vec<String>)> = vec![(start, Vec::new())];
    while let Some((at, mut names)) = open.pop() {
        let at = at + (code[at..].len() - code[at..].trim_start().len());
        if code[at..].starts_with('{') {
            let end = scan::matching(code, at);
            let inside = code.get(at + 1..end - 1).unwrap_or_default();
            let leaves = split_commas(inside);
            open.extend(leaves.into_iter().map(|leaf| (at + 1 + leaf, names.clone())));
            continue;
        }
        let length = code[at..].bytes().take_while(|byte| scan::is_word(*byte)).count();
        if length > 0 {
            names.push(code[at..at + length].to_owned());
        }
        let rest = code[at + length..].trim_start();
        if length > 0 && rest.starts_with("::") {
            open.push((code.len() - rest.len() + 2, names));
        } else if !names.is_empty() {
            found.push((at, names));
        }
    }
    found
}

/// The offsets where the parts of a list start that is separated by commas outside of brackets.
fn split_commas(list: &str) -> Vec<usize> {
    let mut starts = vec![0];
    let mut depth = 0_usize;
    for (offset, byte) in list.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => starts.push(offset + 1),
            _ => {}
        }
    }
    starts.retain(|start| {
        let first = list[*start..].trim_start().bytes().next();
        first.is_some_and(|byte| byte != b',')
    });
    starts
}

/// A path seen from the module `from`, as names from the crate's root.
fn absolute(from: &[String], path: &[String]) -> Option<Vec<String>> {
    let mut names: Vec<String> = match path.first()?.as_str() {
        "crate" => Vec::new(),
        _ => from.to_vec(),
    };
    for name in path {
        match name.as_str() {
            "crate" | "self" => {}
            "super" => {
                names.pop()?;
            }
            _ => names.push(name.clone()),
        }
    }
    Some(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tree::check;

    const MANIFEST: (&str, &str) = ("a/Cargo.toml", "[package]\nname = \"a\"\n");

    #[test]
    fn imports_run_downward() {
        let files = [
            MANIFEST,
            ("a/src/lib.rs", "mod low;\nmod high;\npub use high::Top;\npub use low::Base;\n"),
            ("a/src/low.rs", "use std::fmt;\n#[cfg(test)]\nmod tests { use crate::high::Top; }\n"),
            ("a/src/high.rs", "use crate::low::{self, Base};\nfn f() { crate::low::g(); }\n"),
        ];
        assert!(check(order, &files).is_empty());
    }

    #[test]
    fn upward_imports_are_found_by_every_spelling() {
        let spellings = [
            "use crate::high::Top;",
            "use crate::{b::C, high::{Top, X}};",
            "use super::high::Top;",
            "fn f() { let x = crate::high::Top; }",
            "use crate::Top;",
        ];
        for spelling in spellings {
            let files = [
                MANIFEST,
                ("a/src/lib.rs", "mod low;\nmod high;\npub use high::{Top, X as Y};\n"),
                ("a/src/low.rs", spelling),
                ("a/src/high.rs", ""),
            ];
            assert_eq!(
                check(order, &files),
                ["a/src/low.rs:1: module low imports from high, which a/src/lib.rs lists later"],
                "{spelling}"
            );
        }
    }

    #[test]
    fn circles_below_the_root_are_found() {
        let table = ("a/src/m/mod.rs", "mod x;\nmod y;\npub(crate) use y::Y;\n");
        let root = ("a/src/lib.rs", "mod m;\n");
        let x = ("a/src/m/x.rs", "use super::Y;\n");
        let good = [MANIFEST, root, table, x, ("a/src/m/y.rs", "use crate::m::y::Y;")];
        assert!(check(circles, &good).is_empty());
        assert!(check(order, &good).is_empty());
        let bad = [MANIFEST, root, table, x, ("a/src/m/y.rs", "\nuse crate::m::x::X;")];
        assert_eq!(
            check(circles, &bad),
            [
                "a/src/m/x.rs:1: modules x and y of m form a circle",
                "a/src/m/y.rs:2: modules y and x of m form a circle",
            ]
        );
    }
}
