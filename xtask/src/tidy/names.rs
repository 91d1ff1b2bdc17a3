//! One concept, one name, one home: no public type name is defined twice in the workspace.

use std::collections::BTreeMap;

use super::scan;
use super::tree::{Finding, Tree};

/// Public types that share their name with an earlier one.
pub(super) fn duplicates(tree: &Tree) -> Vec<Finding> {
    let mut first: BTreeMap<&str, String> = BTreeMap::new();
    let mut findings = Vec::new();
    for file in tree.rust() {
        for (offset, name) in public_types(&file.shipped) {
            let here = file.at(offset, "");
            match first.get(name) {
                Some(home) => {
                    findings.push(
                        file.at(offset, format!("public type {name} is also defined at {home}")),
                    );
                }
                None => {
                    first.insert(name, format!("{}:{}", here.path, here.line));
                }
            }
        }
    }
    findings
}

/// The names behind `pub struct`, `pub enum`, `pub trait`, `pub union` and `pub type`.
fn public_types(code: &str) -> Vec<(usize, &str)> {
    let words: Vec<(usize, &str)> = scan::words(code).collect();
    words
        .windows(3)
        .filter(|window| {
            let [(start, first), (keyword_start, keyword), (name_start, _)] = window else {
                return false;
            };
            let blank = |from: usize, to: usize| code[from..to].trim().is_empty();
            *first == "pub"
                && matches!(*keyword, "struct" | "enum" | "trait" | "union" | "type")
                && blank(start + first.len(), *keyword_start)
                && blank(keyword_start + keyword.len(), *name_start)
        })
        .map(|window| window[2])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tree::check;

    #[test]
    fn a_public_name_has_one_home() {
        let good = [
            ("a/src/lib.rs", "pub struct A;\npub(crate) struct B;\n// pub enum C\n"),
            (
                "b/src/lib.rs",
                "pub(crate) enum A {}\npub struct B;\n#[cfg(test)]\nmod t { pub struct A; }\n",
            ),
        ];
        assert!(check(duplicates, &good).is_empty());
        let bad =
            [("a/src/lib.rs", "pub struct A<T>(T);\n"), ("b/src/lib.rs", "\npub trait A {}\n")];
        assert_eq!(
            check(duplicates, &bad),
            ["b/src/lib.rs:2: public type A is also defined at a/src/lib.rs:1"]
        );
    }
}
