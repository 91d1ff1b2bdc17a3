//! Exceptions from lints: expected with a reason, never allowed.

use super::scan;
use super::tree::{Finding, Tree};

/// What stands in the root of a crate without unsafe code.
const FORBIDDEN: &str = "forbid(unsafe_code)";

/// Attributes that allow a lint.
pub(super) fn allows(tree: &Tree) -> Vec<Finding> {
    attributes(tree, |inner| calls(inner, "allow").then_some("this attribute allows a lint"))
}

/// Attributes that expect a lint without a reason.
pub(super) fn reasons(tree: &Tree) -> Vec<Finding> {
    attributes(tree, |inner| {
        let reason = scan::words(inner).any(|(offset, word)| {
            word == "reason" && inner[offset + word.len()..].trim_start().starts_with('=')
        });
        (calls(inner, "expect") && !reason).then_some("this exception has no reason")
    })
}

/// Roots of crates without unsafe code that do not say so.
pub(super) fn unsafe_code(tree: &Tree) -> Vec<Finding> {
    let has =
        |file: &super::tree::File, word: &str| scan::words(&file.code).any(|(_, one)| one == word);
    let mut findings = Vec::new();
    for root in tree.rust() {
        let folder = ["lib.rs", "main.rs"].iter().find_map(|name| root.path.strip_suffix(name));
        let Some(folder) = folder.filter(|folder| folder.ends_with("/src/")) else { continue };
        let mut own = tree.rust().filter(|file| file.path.starts_with(folder));
        let says = scan::attributes(&root.code).iter().any(|(_, inner)| inner.trim() == FORBIDDEN);
        if !says && !own.any(|file| has(file, "unsafe")) {
            findings
                .push(root.whole("the crate has no unsafe code and does not forbid it".to_owned()));
        }
    }
    findings
}

fn attributes(tree: &Tree, judge: impl Fn(&str) -> Option<&'static str>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        for (offset, inner) in scan::attributes(&file.code) {
            findings.extend(judge(inner).map(|what| file.at(offset, what)));
        }
    }
    findings
}

/// Whether an attribute is `name(…)`, or a conditional one that holds it.
fn calls(inner: &str, name: &str) -> bool {
    let mut words = scan::words(inner);
    let first = words.next().map_or("", |(_, word)| word);
    let call = |(offset, word): (usize, &str)| {
        word == name && inner[offset + word.len()..].trim_start().starts_with('(')
    };
    first == name && call((inner.find(name).unwrap_or(0), name))
        || first == "cfg_attr" && words.any(call)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tree::check;

    #[test]
    fn a_crate_without_unsafe_code_says_so() {
        let says = [("a/src/lib.rs", "#![forbid(unsafe_code)]\n"), ("a/src/b.rs", "fn f() {}\n")];
        assert!(check(unsafe_code, &says).is_empty());
        let has = [("a/src/lib.rs", "mod b;\n"), ("a/src/b.rs", "fn f() { unsafe { g() } }\n")];
        assert!(check(unsafe_code, &has).is_empty());
        let silent = [("a/src/main.rs", "fn main() { f(\"unsafe\") } // unsafe\n")];
        let found = "a/src/main.rs:0: the crate has no unsafe code and does not forbid it";
        assert_eq!(check(unsafe_code, &silent), [found]);
    }

    #[test]
    fn allowing_is_found_and_expecting_is_not() {
        let good = "#![expect(a, reason = \"b\")]\n// #[allow(a)]\nfn f() { g(\"#[allow(a)]\").allow(x); }\n";
        assert!(check(allows, &[("a/src/lib.rs", good)]).is_empty());
        let bad = "#![allow(a)]\n#[cfg_attr(test, allow(b))]\nfn f() {}\n#[ allow (c)]\n";
        assert_eq!(
            check(allows, &[("a/src/lib.rs", bad)]),
            [
                "a/src/lib.rs:1: this attribute allows a lint",
                "a/src/lib.rs:2: this attribute allows a lint",
                "a/src/lib.rs:4: this attribute allows a lint",
            ]
        );
    }

    #[test]
    fn expecting_needs_a_reason() {
        let good = "#[expect(\n  a,\n  reason = \"b\"\n)]\nfn f() { x.expect(\"y\"); }\n";
        assert!(check(reasons, &[("a/src/lib.rs", good)]).is_empty());
        let bad = "\n#[expect(a)]\n#[cfg_attr(test, expect(reason))]\n";
        assert_eq!(
            check(reasons, &[("a/src/lib.rs", bad)]),
            [
                "a/src/lib.rs:2: this exception has no reason",
                "a/src/lib.rs:3: this exception has no reason",
            ]
        );
    }
}
