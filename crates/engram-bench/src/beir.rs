//! The BEIR form of a set: `corpus.jsonl`, `queries.jsonl` and `qrels.tsv`, with the fields that a memory needs beyond
//! it: `group`, `when`, `who`.
//!
//! A set is read strictly: a wrong field, an unknown query or an id that occurs twice is an error with file and line,
//! because a set that is read half gives figures that are wrong without a sign.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use engram_api::{MemoryInput, Timestamp, decode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::failure::BenchError;

/// Longest id that the contract allows, bytes.
const ID_BYTES_MAX: usize = 256;

/// One document of a corpus.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BeirLine {
    #[serde(rename = "_id")]
    id: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    text: String,
    group: Option<String>,
    when: Option<Timestamp>,
    #[serde(default)]
    who: Vec<String>,
    #[serde(default)]
    metadata: Map<String, Value>,
}

impl BeirLine {
    /// The memory, and the space that its group names.
    pub fn split(self) -> (MemoryInput, Option<String>) {
        let mut metadata = self.metadata;
        let session = match metadata.remove("session") {
            Some(Value::String(session)) => Some(session),
            Some(other) => {
                metadata.insert("session".to_owned(), other);
                None
            }
            None => None,
        };
        let memory = MemoryInput {
            id: Some(self.id),
            title: Some(self.title).filter(|title| !title.is_empty()),
            text: Some(self.text),
            session,
            occurred_at: self.when,
            people: self.who,
            metadata,
            ..MemoryInput::default()
        };
        (memory, self.group)
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct QueryLine {
    #[serde(rename = "_id")]
    id: String,
    text: String,
    group: Option<String>,
    category: Option<String>,
    when: Option<Timestamp>,
    #[serde(default, rename = "metadata")]
    _metadata: Option<Value>,
}

/// A document of a set.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Document {
    /// Its `_id`.
    pub(crate) id: String,
    /// What is stored; its id is the `_id` where the contract allows that.
    pub(crate) memory: MemoryInput,
    pub(crate) group: Option<String>,
}

/// A query of a set.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct EvalQuery {
    pub(crate) id: String,
    pub(crate) text: String,
    pub(crate) group: Option<String>,
    pub(crate) category: Option<String>,
    pub(crate) when: Option<Timestamp>,
    /// `_id` of each relevant document with its positive gain; empty: nothing in the set answers the query.
    pub(crate) gold: BTreeMap<String, u32>,
}

/// A set in memory.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct EvalSet {
    pub(crate) name: String,
    pub(crate) documents: Vec<Document>,
    pub(crate) queries: Vec<EvalQuery>,
    /// Lines of the qrels whose document the corpus does not have; they count as never found.
    pub(crate) gold_missing: usize,
}

impl EvalSet {
    /// Reads the folder.
    pub(crate) fn read(dir: &Path) -> Result<EvalSet, BenchError> {
        let canonical = dir.canonicalize().map_err(BenchError::file(dir))?;
        let name = canonical.file_name().map(|name| name.to_string_lossy().into_owned());
        let documents = read_corpus(&dir.join("corpus.jsonl"))?;
        let mut queries = read_queries(&dir.join("queries.jsonl"))?;
        let qrels = [dir.join("qrels.tsv"), dir.join("qrels").join("test.tsv")];
        let qrels = qrels.iter().find(|path| path.is_file()).unwrap_or(&qrels[0]);
        read_qrels(qrels, &mut queries)?;
        let known: BTreeSet<&str> = documents.iter().map(|document| document.id.as_str()).collect();
        let gold = queries.iter().flat_map(|query| query.gold.keys());
        let gold_missing = gold.filter(|id| !known.contains(id.as_str())).count();
        Ok(EvalSet { name: name.unwrap_or_default(), documents, queries, gold_missing })
    }
}

fn read_corpus(path: &Path) -> Result<Vec<Document>, BenchError> {
    let mut documents = Vec::new();
    let mut seen = BTreeSet::new();
    for (place, line) in json_lines::<BeirLine>(path)? {
        let (mut memory, group) = line.split();
        let id = memory.id.take().unwrap_or_default();
        if !seen.insert(id.clone()) {
            return Err(BenchError::set(place, format!("the _id {id:?} occurs twice")));
        }
        memory.id = Some(if is_memory_id(&id) { id.clone() } else { place });
        documents.push(Document { id, memory, group });
    }
    Ok(documents)
}

/// Whether the contract takes an id as it is; another one gives way to the place of its line.
fn is_memory_id(id: &str) -> bool {
    (1..=ID_BYTES_MAX).contains(&id.len())
        && !matches!(id, "." | "..")
        && !id.chars().any(char::is_control)
}

fn read_queries(path: &Path) -> Result<Vec<EvalQuery>, BenchError> {
    let mut queries = Vec::new();
    let mut seen = BTreeSet::new();
    for (place, line) in json_lines::<QueryLine>(path)? {
        let QueryLine { id, text, group, category, when, _metadata } = line;
        if !seen.insert(id.clone()) {
            return Err(BenchError::set(place, format!("the _id {id:?} occurs twice")));
        }
        queries.push(EvalQuery { id, text, group, category, when, gold: BTreeMap::new() });
    }
    Ok(queries)
}

/// Lines of query, document and score between tabs; a first line whose score is no number is the header. A score of 0
/// or less says that the document is not relevant.
fn read_qrels(path: &Path, queries: &mut [EvalQuery]) -> Result<(), BenchError> {
    let text = std::fs::read_to_string(path).map_err(BenchError::file(path))?;
    let places: BTreeMap<String, usize> =
        queries.iter().enumerate().map(|(at, query)| (query.id.clone(), at)).collect();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let place = || place_of(path, number + 1);
        let fields: Vec<&str> = line.trim_end_matches('\r').split('\t').collect();
        let [query, document, score] = fields[..] else {
            return Err(BenchError::set(place(), "expected query, document and score, with tabs"));
        };
        let Ok(score) = score.trim().parse::<i64>() else {
            if number == 0 {
                continue;
            }
            return Err(BenchError::set(place(), format!("the score {score:?} is no number")));
        };
        let Some(at) = places.get(query) else {
            return Err(BenchError::set(place(), format!("there is no query {query:?}")));
        };
        if score > 0 {
            let gain = u32::try_from(score).unwrap_or(u32::MAX);
            queries[*at].gold.insert(document.to_owned(), gain);
        }
    }
    Ok(())
}

fn place_of(path: &Path, line: usize) -> String {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    format!("{} line {line}", name.unwrap_or_default())
}

fn json_lines<T: DeserializeOwned>(path: &Path) -> Result<Vec<(String, T)>, BenchError> {
    let text = std::fs::read_to_string(path).map_err(BenchError::file(path))?;
    let mut lines = Vec::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let place = place_of(path, number + 1);
        match decode(line.as_bytes()) {
            Ok(value) => lines.push((place, value)),
            Err(problem) => {
                let detail = problem.detail.strip_prefix("line 1, ").unwrap_or(&problem.detail);
                return Err(BenchError::set(place, detail));
            }
        }
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(corpus: &str, queries: &str, qrels: &str) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in
            [("corpus.jsonl", corpus), ("queries.jsonl", queries), ("qrels.tsv", qrels)]
        {
            std::fs::write(dir.path().join(name), text).unwrap();
        }
        dir
    }

    #[test]
    fn a_set_is_read_with_its_gold() {
        let corpus = "{\"_id\":\"a\",\"text\":\"x\",\"group\":\"g\",\"metadata\":{\"session\":\"s\"}}\n\n\
                      {\"_id\":\"..\",\"text\":\"y\"}\n";
        let queries =
            "{\"_id\":\"q\",\"text\":\"?\",\"category\":\"c\",\"when\":\"2026-01-05T11:00:00Z\"}\n";
        let qrels = "query-id\tcorpus-id\tscore\nq\ta\t2\nq\tb\t1\nq\t..\t0\n";
        let set = EvalSet::read(folder(corpus, queries, qrels).path()).unwrap();
        assert_eq!(set.documents[0].memory.session.as_deref(), Some("s"));
        assert_eq!(set.documents[1].memory.id.as_deref(), Some("corpus.jsonl line 3"));
        let gold = &set.queries[0].gold;
        assert_eq!(
            gold.iter().map(|(id, gain)| (id.as_str(), *gain)).collect::<Vec<_>>(),
            [("a", 2), ("b", 1)]
        );
        assert_eq!(set.gold_missing, 1);
    }

    #[test]
    fn faults_name_their_line() {
        let fault = |corpus: &str, queries: &str, qrels: &str| {
            EvalSet::read(folder(corpus, queries, qrels).path()).unwrap_err().to_string()
        };
        let (corpus, query) =
            ("{\"_id\":\"a\",\"text\":\"x\"}\n", "{\"_id\":\"q\",\"text\":\"?\"}\n");
        assert!(
            fault("{\"_id\":\"a\",\"txt\":\"x\"}", query, "").contains("line 1: unknown field")
        );
        assert!(fault(&corpus.repeat(2), query, "").contains("line 2: the _id \"a\" occurs twice"));
        assert!(fault(corpus, &query.repeat(2), "").contains("occurs twice"));
        assert!(
            fault(corpus, query, "q\ta\t1\nr\ta\t1").contains("line 2: there is no query \"r\"")
        );
        assert!(fault(corpus, query, "q\ta").contains("expected query"));
        assert!(fault(corpus, query, "q\ta\t1\nq\ta\tx").contains("no number"));
    }
}
