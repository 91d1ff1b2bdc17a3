//! The table of rules, and the run over all of them.

use std::path::Path;

use super::tree::{Finding, Tree};
use super::{crates, files, layers, lints, modules, names, prose, size, words};
use crate::run;

/// One rule: its name, what to do about a finding, and the check.
struct Rule {
    name: &'static str,
    fix: &'static str,
    check: fn(&Tree) -> Vec<Finding>,
}

const RULES: [Rule; 22] = [
    Rule {
        name: "crate-arrows",
        fix: "depend only along the arrows of ARCHITECTURE.md; move the shared part down",
        check: crates::arrows,
    },
    Rule {
        name: "crate-cycle",
        fix: "drop the dev-dependency that closes the circle; test from the higher crate",
        check: crates::cycles,
    },
    Rule {
        name: "dependency-count",
        fix: "a crate below the server has at most 12 foreign dependencies; write or drop one",
        check: crates::count,
    },
    Rule {
        name: "dependency-reason",
        fix: "say behind the dependency, after a #, what it is for",
        check: crates::reasons,
    },
    Rule {
        name: "module-order",
        fix: "list the imported module before the importing one, or move the shared item down",
        check: layers::order,
    },
    Rule {
        name: "module-circle",
        fix: "move what both modules need into a third one below them",
        check: layers::circles,
    },
    Rule {
        name: "file-length",
        fix: "split the file by concept; 600 lines without tests is the limit",
        check: size::files,
    },
    Rule {
        name: "function-length",
        fix: "push the leaves down into functions of their own; 70 lines is the limit",
        check: size::functions,
    },
    Rule {
        name: "function-parameters",
        fix: "pass a struct of what belongs together; 5 parameters is the limit",
        check: size::parameters,
    },
    Rule {
        name: "duplicate-type-name",
        fix: "one concept, one name, one home: rename one of the two or share it",
        check: names::duplicates,
    },
    Rule {
        name: "allow-attribute",
        fix: "use #[expect(lint, reason = \"...\")], which goes stale loudly",
        check: lints::allows,
    },
    Rule {
        name: "expect-reason",
        fix: "add reason = \"...\" to the attribute",
        check: lints::reasons,
    },
    Rule {
        name: "unsafe-code",
        fix: "write #![forbid(unsafe_code)] at the root of the crate",
        check: lints::unsafe_code,
    },
    Rule {
        name: "forbidden-word",
        fix: "finish it or leave it out; plans and places of work do not belong in the tree",
        check: words::forbidden,
    },
    Rule {
        name: "blob",
        fix: "keep files under 256 KiB; generate large data in the test that needs it",
        check: files::blobs,
    },
    Rule {
        name: "root-entries",
        fix: "at most 24 entries at the root; move one into a folder",
        check: files::root_entries,
    },
    Rule {
        name: "unreachable-file",
        fix: "declare the file with `mod`, make it a target, or delete it",
        check: modules::unreachable,
    },
    Rule {
        name: "prose-ratio",
        fix: "shorten the pages: prose stays below 0.4 lines per line of Rust",
        check: prose::ratio,
    },
    Rule {
        name: "adr-form",
        fix: "docs/adr holds NNNN-title.md, numbered without gap, at most 80 lines each",
        check: prose::decisions,
    },
    Rule {
        name: "link",
        fix: "point the link at a file of the repository, relative to its own page",
        check: prose::links,
    },
    Rule {
        name: "docs-index",
        fix: "link every page under docs/ from docs/README.md",
        check: prose::index,
    },
    Rule {
        name: "generated-header",
        fix: "pages under docs/reference are generated and say so in their first lines",
        check: prose::generated,
    },
];

/// Runs every rule over the repository at `root`.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    let mut tree = Tree::read(root)?;
    modules::set_tests_apart(&mut tree);
    let mut total = 0;
    for rule in &RULES {
        let findings = (rule.check)(&tree);
        for finding in &findings {
            run::say(&format!("{finding} [{}]", rule.name));
        }
        if !findings.is_empty() {
            run::say(&format!("  fix {}: {}\n", rule.name, rule.fix));
        }
        total += findings.len();
    }
    if total == 0 {
        run::say(&format!("tidy: {} rules, {} files, no findings", RULES.len(), tree.files.len()));
        return Ok(());
    }
    Err(format!("tidy: {total} findings"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tree::sample;
    use std::collections::BTreeSet;

    #[test]
    fn rules_have_distinct_names_and_an_empty_tree_is_tidy() {
        let names: BTreeSet<&str> = RULES.iter().map(|rule| rule.name).collect();
        assert_eq!(names.len(), RULES.len());
        let tree = sample(&[]);
        for rule in &RULES {
            assert_eq!((rule.check)(&tree), [], "{}", rule.name);
        }
    }
}
