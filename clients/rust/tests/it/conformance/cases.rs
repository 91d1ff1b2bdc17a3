//! The cases as they stand in files.

use std::collections::BTreeMap;
use std::path::Path;

use engram_api::{Operation, Scope};
use serde::Deserialize;
use serde_json::{Map, Value};

const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../conformance/cases");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "about")]
    _about: String,
    cases: Vec<Case>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    pub(super) name: String,
    pub(super) steps: Vec<Step>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Step {
    pub(super) operation: String,
    pub(super) space: Option<String>,
    #[serde(default)]
    pub(super) request: Map<String, Value>,
    #[serde(default)]
    pub(super) expect: Map<String, Value>,
    #[serde(default)]
    pub(super) capture: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) stream: bool,
    /// The types cannot say the request; of one that ends with a problem they tell so by themselves.
    #[serde(default)]
    pub(super) untyped: bool,
}

/// All cases, by file.
pub(super) fn read() -> Vec<Case> {
    let entries = std::fs::read_dir(Path::new(CASES)).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let mut cases = Vec::new();
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap();
        let file: File = serde_json::from_str(&text)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        cases.extend(file.cases);
    }
    cases
}

impl Step {
    /// What is not as the format says, if something is.
    pub(super) fn fault(&self) -> Option<String> {
        let Some(operation) = Operation::by_name(&self.operation) else {
            return Some(format!("{} is no operation", self.operation));
        };
        if (operation.scope == Scope::Space) != self.space.is_some() {
            return Some("it names a space, or does not, against the path".to_owned());
        }
        let has = |key: &str| self.expect.contains_key(key);
        let known: &[&str] = match (has("answer"), has("problem")) {
            (true, false) if self.stream => &["answer", "steps"],
            (true, false) => &["answer"],
            (false, true) => &["problem", "fields"],
            (false, false) if self.expect.is_empty() => &[],
            _ => return Some("it expects not exactly one of an answer and a problem".to_owned()),
        };
        let unknown = self.expect.keys().find(|key| !known.contains(&key.as_str()));
        if let Some(unknown) = unknown {
            return Some(format!("it expects {unknown}"));
        }
        (has("problem") && !self.capture.is_empty()).then(|| "it captures of a problem".to_owned())
    }
}
