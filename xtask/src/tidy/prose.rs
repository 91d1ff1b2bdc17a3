//! Pages: how many, of what form, and whether their links lead somewhere.

use super::modules::resolve;
use super::tree::{File, Finding, Tree};

/// Lines of prose per 10 lines of Rust that the pages stay below.
const PROSE_LINES_PER_TEN: usize = 4;
const DECISION_LINES_MAX: usize = 80;
const REFERENCE: &str = "docs/reference/";
const DECISIONS: &str = "docs/adr/";
const INDEX: &str = "docs/README.md";
/// A generated page says so within its first lines.
const HEADER_LINES: usize = 5;

/// Written prose against lines of Rust.
pub(super) fn ratio(tree: &Tree) -> Vec<Finding> {
    let written = tree.pages().filter(|page| !page.path.starts_with(REFERENCE));
    let prose: usize = written.map(|page| page.text.lines().count()).sum();
    let code: usize = tree.rust().map(|file| file.text.lines().count()).sum();
    if prose == 0 || prose * 10 < code * PROSE_LINES_PER_TEN {
        return Vec::new();
    }
    let what = format!("{prose} lines of prose for {code} lines of Rust");
    vec![Finding { path: ".".to_owned(), line: 0, what }]
}

/// The form of the decision records.
pub(super) fn decisions(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let pages = tree.pages().filter(|page| page.path.starts_with(DECISIONS));
    for (position, page) in pages.enumerate() {
        let name = &page.path[DECISIONS.len()..];
        if !name.starts_with(&format!("{position:04}-")) {
            findings.push(page.whole(format!("the number here must be {position:04}")));
        }
        let lines = page.text.lines().count();
        if lines > DECISION_LINES_MAX {
            findings.push(page.whole(format!("{lines} lines, {DECISION_LINES_MAX} are the limit")));
        }
    }
    findings
}

/// Relative links that lead to no file.
pub(super) fn links(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for page in tree.pages() {
        for (line, target) in targets(page) {
            if leads_to(page, &target).is_some_and(|path| !exists(tree, &path)) {
                let what = format!("link to {target} leads nowhere");
                findings.push(Finding { path: page.path.clone(), line, what });
            }
        }
    }
    findings
}

fn exists(tree: &Tree, path: &str) -> bool {
    path.is_empty() || tree.file(path).is_some() || tree.folder(path)
}

/// Pages under docs/ that the index links neither by themselves nor by a folder around them.
pub(super) fn index(tree: &Tree) -> Vec<Finding> {
    let Some(index) = tree.file(INDEX) else {
        return Vec::new();
    };
    let linked: Vec<String> =
        targets(index).iter().filter_map(|(_, target)| leads_to(index, target)).collect();
    let is_linked = |path: &str| {
        linked.iter().any(|link| {
            path.strip_prefix(link).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    };
    tree.pages()
        .filter(|page| page.path.starts_with("docs/") && page.path != INDEX)
        .filter(|page| !is_linked(&page.path))
        .map(|page| page.whole(format!("{INDEX} does not link this page")))
        .collect()
}

/// Reference pages that do not say that they are generated.
pub(super) fn generated(tree: &Tree) -> Vec<Finding> {
    tree.pages()
        .filter(|page| page.path.starts_with(REFERENCE))
        .filter(|page| {
            let mut head = page.text.lines().take(HEADER_LINES);
            !head.any(|line| line.to_ascii_lowercase().contains("generated"))
        })
        .map(|page| page.whole("no line at the top says that this page is generated"))
        .collect()
}

/// The targets of the links of a page with their lines, code aside.
fn targets(page: &File) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut fenced = false;
    for (position, line) in page.text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            let line = without_code(line);
            for (at, _) in line.match_indices("](") {
                let target = line[at + 2..].split([')', ' ']).next().unwrap_or_default();
                found.push((position + 1, target.trim_matches(['<', '>']).to_owned()));
            }
        }
    }
    found
}

/// The line without its parts between backticks.
fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect::<Vec<&str>>().join("`")
}

/// The path a link leads to; none for another site or a place on the same page.
fn leads_to(page: &File, target: &str) -> Option<String> {
    let path = target.split('#').next().unwrap_or_default();
    if path.is_empty() || path.contains("://") || path.starts_with("mailto:") {
        return None;
    }
    let folder = page.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    Some(resolve(folder, path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tree::check;

    #[test]
    fn prose_stays_below_its_share() {
        let code = "//\n".repeat(100);
        let page = |lines: usize| "text\n".repeat(lines);
        let reference = ("docs/reference/r.md", "x\n".repeat(500));
        let files =
            |lines: usize| [("a.rs", code.clone()), ("README.md", page(lines)), reference.clone()];
        let found = |lines: usize| {
            let files = files(lines);
            let files: Vec<(&str, &str)> = files.iter().map(|(p, t)| (*p, t.as_str())).collect();
            check(ratio, &files)
        };
        assert!(found(39).is_empty());
        assert_eq!(found(40), [".:0: 40 lines of prose for 100 lines of Rust"]);
    }

    #[test]
    fn decisions_are_numbered_and_short() {
        let limit = "x\n".repeat(80);
        let good = [("docs/adr/0000-template.md", ""), ("docs/adr/0001-a.md", limit.as_str())];
        assert!(check(decisions, &good).is_empty());
        let long = "x\n".repeat(81);
        let bad = [("docs/adr/0000-template.md", long.as_str()), ("docs/adr/0002-b.md", "")];
        assert_eq!(
            check(decisions, &bad),
            [
                "docs/adr/0000-template.md:0: 81 lines, 80 are the limit",
                "docs/adr/0002-b.md:0: the number here must be 0001",
            ]
        );
    }

    #[test]
    fn links_lead_somewhere() {
        let good = "[a](../a.md#x) [b](b/) [c](https://example.org/c) `[d](d.md)` [e](#e)\n```\n[f](f.md)\n```\n";
        let files = [("a.md", ""), ("docs/b/c.md", ""), ("docs/p.md", good)];
        assert!(check(links, &files).is_empty());
        let bad = [("docs/p.md", "\n[a](a.md) [b](../docs/p.md)\n")];
        assert_eq!(check(links, &bad), ["docs/p.md:2: link to a.md leads nowhere"]);
    }

    #[test]
    fn the_index_links_every_page() {
        let index = ("docs/README.md", "[a](a.md) [records](adr)\n");
        let good = [index, ("docs/a.md", ""), ("docs/adr/0000-x.md", ""), ("README.md", "")];
        assert!(check(super::index, &good).is_empty());
        assert_eq!(
            check(super::index, &[index, ("docs/b/c.md", "")]),
            ["docs/b/c.md:0: docs/README.md does not link this page"]
        );
    }

    #[test]
    fn reference_pages_say_that_they_are_generated() {
        let good = ("docs/reference/a.md", "<!-- Generated from the table. -->\n# A\n");
        assert!(check(generated, &[good, ("docs/b.md", "# B\n")]).is_empty());
        assert_eq!(
            check(generated, &[("docs/reference/a.md", "# A\n")]),
            ["docs/reference/a.md:0: no line at the top says that this page is generated"]
        );
    }
}
