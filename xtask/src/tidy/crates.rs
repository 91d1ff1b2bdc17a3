//! Which crate may depend on which, and on how much else.

use std::collections::{BTreeMap, BTreeSet};

use super::manifest::{self, Dependency, Kind, Manifest};
use super::tree::{Finding, Tree};

/// One crate: the crates of the workspace that it may depend on, and whether it stands below the server.
struct Crate {
    name: &'static str,
    may_use: &'static [&'static str],
    place: Place,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// No server, no client, no system: few foreign dependencies, each with its reason.
    BelowServer,
    Edge,
}

const CRATES: [Crate; 15] = [
    Crate { name: "engram-store", may_use: &[], place: Place::BelowServer },
    Crate { name: "engram-index", may_use: &[], place: Place::BelowServer },
    Crate { name: "engram-embed", may_use: &[], place: Place::BelowServer },
    Crate { name: "engram-api", may_use: &[], place: Place::BelowServer },
    Crate { name: "engram-query", may_use: &["engram-api"], place: Place::BelowServer },
    Crate {
        name: "engram-engine",
        may_use: &["engram-store", "engram-index", "engram-embed"],
        place: Place::BelowServer,
    },
    Crate {
        name: "engram-backup",
        may_use: &["engram-embed", "engram-engine", "engram-store"],
        place: Place::BelowServer,
    },
    Crate {
        name: "engram-server",
        may_use: &[
            "engram-api",
            "engram-backup",
            "engram-engine",
            "engram-embed",
            "engram-query",
            "engram-store",
        ],
        place: Place::Edge,
    },
    Crate { name: "engram-client", may_use: &["engram-api"], place: Place::Edge },
    Crate {
        name: "engram-bench",
        may_use: &[
            "engram-api",
            "engram-client",
            "engram-embed",
            "engram-engine",
            "engram-index",
            "engram-server",
            "engram-store",
        ],
        place: Place::Edge,
    },
    Crate {
        name: "engram",
        may_use: &[
            "engram-api",
            "engram-backup",
            "engram-bench",
            "engram-client",
            "engram-engine",
            "engram-query",
            "engram-server",
            "engram-store",
        ],
        place: Place::Edge,
    },
    Crate {
        name: "engram-sim",
        may_use: &["engram-backup", "engram-engine", "engram-embed", "engram-store"],
        place: Place::Edge,
    },
    Crate {
        name: "engram-fuzz",
        may_use: &["engram-engine", "engram-embed", "engram-index", "engram-store"],
        place: Place::Edge,
    },
    Crate { name: "engram-libfuzzer", may_use: &["engram-fuzz"], place: Place::Edge },
    Crate { name: "xtask", may_use: &[], place: Place::Edge },
];

/// Foreign dependencies of a crate below the server, at most.
const FOREIGN_DEPENDENCIES_MAX: usize = 12;

fn row(package: &str) -> Option<&'static Crate> {
    CRATES.iter().find(|row| row.name == package)
}

fn packages<'a>(manifests: &'a [Manifest<'_>]) -> BTreeSet<&'a str> {
    manifests.iter().map(|manifest| manifest.package.as_str()).collect()
}

/// Dependencies between the crates of the workspace follow the table.
pub(super) fn arrows(tree: &Tree) -> Vec<Finding> {
    let manifests = manifest::all(tree);
    let packages = packages(&manifests);
    let mut findings = Vec::new();
    for manifest in &manifests {
        let Some(row) = row(&manifest.package) else {
            let what =
                format!("crate {} has no row in the table of xtask's tidy", manifest.package);
            findings.push(manifest.file.whole(what));
            continue;
        };
        for one in manifest.dependencies.iter().filter(|one| one.kind != Kind::Dev) {
            let name = one.name.as_str();
            if packages.contains(name) && !row.may_use.contains(&name) {
                let what = format!("{} must not depend on {name}", manifest.package);
                findings.push(manifest.file.at(one.offset, what));
            }
        }
    }
    findings
}

/// No circle of crates, counting the dependencies of tests too.
pub(super) fn cycles(tree: &Tree) -> Vec<Finding> {
    let manifests = manifest::all(tree);
    let edges: BTreeMap<&str, Vec<&str>> = manifests
        .iter()
        .map(|manifest| {
            let to = manifest.dependencies.iter().map(|one| one.name.as_str()).collect();
            (manifest.package.as_str(), to)
        })
        .collect();
    let mut findings = Vec::new();
    for manifest in &manifests {
        for one in &manifest.dependencies {
            if reaches(&edges, &one.name, &manifest.package) {
                let what = format!("{} and {} depend on each other", manifest.package, one.name);
                findings.push(manifest.file.at(one.offset, what));
            }
        }
    }
    findings
}

/// Whether `to` is `from` or lies somewhere behind it.
pub(super) fn reaches(edges: &BTreeMap<&str, Vec<&str>>, from: &str, to: &str) -> bool {
    let mut open = vec![from];
    let mut seen = BTreeSet::new();
    while let Some(here) = open.pop() {
        if here == to {
            return true;
        }
        if seen.insert(here) {
            open.extend(edges.get(here).into_iter().flatten());
        }
    }
    false
}

/// The shipped dependencies of a manifest that are not of the workspace.
fn foreign<'a>(
    manifest: &'a Manifest<'_>,
    packages: &BTreeSet<&str>,
) -> impl Iterator<Item = &'a Dependency> {
    let own: BTreeSet<String> = packages.iter().map(|name| (*name).to_owned()).collect();
    manifest
        .dependencies
        .iter()
        .filter(move |one| one.kind != Kind::Dev && !own.contains(&one.name))
}

/// The crates below the server keep their foreign dependencies few.
pub(super) fn count(tree: &Tree) -> Vec<Finding> {
    let manifests = manifest::all(tree);
    let packages = packages(&manifests);
    below_server(&manifests)
        .filter_map(|manifest| {
            let count = foreign(manifest, &packages).count();
            let what =
                format!("{count} foreign dependencies, {FOREIGN_DEPENDENCIES_MAX} are the limit");
            (count > FOREIGN_DEPENDENCIES_MAX).then(|| manifest.file.whole(what))
        })
        .collect()
}

/// The crates below the server say why they need each foreign dependency.
pub(super) fn reasons(tree: &Tree) -> Vec<Finding> {
    let manifests = manifest::all(tree);
    let packages = packages(&manifests);
    let mut findings = Vec::new();
    for manifest in below_server(&manifests) {
        for one in foreign(manifest, &packages).filter(|one| one.reason.is_empty()) {
            let what = format!("dependency {} has no reason", one.name);
            findings.push(manifest.file.at(one.offset, what));
        }
    }
    findings
}

fn below_server<'a, 'b>(manifests: &'b [Manifest<'a>]) -> impl Iterator<Item = &'b Manifest<'a>> {
    manifests.iter().filter(|manifest| {
        row(&manifest.package).is_some_and(|row| row.place == Place::BelowServer)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tree::check;

    const STORE: (&str, &str) =
        ("crates/engram-store/Cargo.toml", "[package]\nname = \"engram-store\"\n");

    #[test]
    fn arrows_follow_the_table() {
        let good =
            "[package]\nname = \"engram-engine\"\n[dependencies]\nengram-store.workspace = true\n";
        assert!(check(arrows, &[STORE, ("crates/e/Cargo.toml", good)]).is_empty());
        let bad =
            "[package]\nname = \"engram-index\"\n[dependencies]\nengram-store.workspace = true\n";
        assert_eq!(
            check(arrows, &[STORE, ("crates/i/Cargo.toml", bad)]),
            ["crates/i/Cargo.toml:4: engram-index must not depend on engram-store"]
        );
        let unknown = "[package]\nname = \"engram-new\"\n";
        assert_eq!(
            check(arrows, &[("crates/n/Cargo.toml", unknown)]),
            ["crates/n/Cargo.toml:0: crate engram-new has no row in the table of xtask's tidy"]
        );
    }

    #[test]
    fn tests_may_use_more_but_not_in_a_circle() {
        let wider = "[package]\nname = \"engram-index\"\n[dev-dependencies]\nengram-store.workspace = true\n";
        let files = [STORE, ("crates/i/Cargo.toml", wider)];
        assert!(check(arrows, &files).is_empty());
        assert!(check(cycles, &files).is_empty());
        let back = "[package]\nname = \"engram-store\"\n[dev-dependencies]\nengram-index.workspace = true\n";
        assert_eq!(
            check(cycles, &[("crates/i/Cargo.toml", wider), ("crates/s/Cargo.toml", back)]),
            [
                "crates/i/Cargo.toml:4: engram-index and engram-store depend on each other",
                "crates/s/Cargo.toml:4: engram-store and engram-index depend on each other",
            ]
        );
    }

    #[test]
    fn foreign_dependencies_are_few_and_explained() {
        let manifest = |count: usize, reason: &str| {
            let lines: String = (0..count).map(|n| format!("d{n} = \"1\"{reason}\n")).collect();
            format!("[package]\nname = \"engram-store\"\n[dependencies]\n{lines}")
        };
        let path = "crates/s/Cargo.toml";
        let good = manifest(12, " # why");
        assert!(check(count, &[(path, &good)]).is_empty());
        assert!(check(reasons, &[(path, &good)]).is_empty());
        assert_eq!(
            check(count, &[(path, &manifest(13, " # why"))]),
            ["crates/s/Cargo.toml:0: 13 foreign dependencies, 12 are the limit"]
        );
        assert_eq!(
            check(reasons, &[(path, &manifest(1, ""))]),
            ["crates/s/Cargo.toml:4: dependency d0 has no reason"]
        );
    }
}
