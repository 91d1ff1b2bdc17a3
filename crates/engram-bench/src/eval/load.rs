//! From a set to spaces: which space each document goes into, under which clock, and the storing itself.

use std::collections::{BTreeMap, BTreeSet};

use engram_api::{CreateSpaceRequest, RememberManyRequest};

use super::options::EvalScope;
use crate::beir::{Document, EvalQuery, EvalSet};
use crate::failure::BenchError;
use crate::local::LocalServer;

/// Memories in one request, and bytes of their texts after which it is sent.
const BATCH_MEMORIES: usize = 100;
const BATCH_BYTES: usize = 256 << 10;

/// Name of the space of a set without groups, and of a pooled one.
const ONE_SPACE: &str = "all";

/// Where the clock stands for a space whose memories carry no time: 2026-01-01T00:00:00Z.
pub(crate) const FIXED_NOW_NS: i64 = 1_767_225_600_000_000_000;

const DAY_NS: i64 = 86_400_000_000_000;

/// One space of an evaluation.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct EvalSpace {
    pub(crate) name: String,
    /// Positions of its documents in the set.
    pub(crate) documents: Vec<usize>,
    /// Newest time of a document.
    newest_ns: Option<i64>,
}

impl EvalSpace {
    fn new(name: String) -> EvalSpace {
        EvalSpace { name, documents: Vec::new(), newest_ns: None }
    }

    fn take(&mut self, at: usize, document: &Document) {
        self.documents.push(at);
        let when = document.memory.occurred_at.map(|when| when.nanoseconds());
        self.newest_ns = self.newest_ns.max(when);
    }

    /// The clock for a query: its own time, else a day after the newest document, else a fixed one.
    pub(crate) fn now_ns(&self, query: &EvalQuery) -> i64 {
        let own = query.when.map(|when| when.nanoseconds());
        own.unwrap_or_else(|| self.stored_ns().saturating_add(DAY_NS))
    }

    /// The clock while its documents are stored: when the last of them had happened.
    fn stored_ns(&self) -> i64 {
        self.newest_ns.unwrap_or(FIXED_NOW_NS - DAY_NS)
    }
}

/// The spaces of a set, and the one that each query is asked in.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SpacePlan {
    pub(crate) spaces: Vec<EvalSpace>,
    /// By position of the query.
    pub(crate) of_query: Vec<usize>,
}

impl SpacePlan {
    /// A space for each group, or one for all.
    ///
    /// # Errors
    /// A query names a group that no document has.
    pub(crate) fn new(set: &EvalSet, scope: EvalScope) -> Result<SpacePlan, BenchError> {
        let mut spaces: Vec<EvalSpace> = Vec::new();
        let mut by_group: BTreeMap<Option<&str>, usize> = BTreeMap::new();
        let mut names = BTreeSet::new();
        let key = |group: &'_ Option<String>| -> Option<String> {
            if scope == EvalScope::Pooled { None } else { group.clone() }
        };
        let groups: Vec<Option<String>> =
            set.documents.iter().map(|document| key(&document.group)).collect();
        for (at, (document, group)) in set.documents.iter().zip(&groups).enumerate() {
            let space = *by_group.entry(group.as_deref()).or_insert_with(|| {
                spaces.push(EvalSpace::new(free_name(group.as_deref(), &mut names)));
                spaces.len() - 1
            });
            spaces[space].take(at, document);
        }
        let mut of_query = Vec::new();
        for query in &set.queries {
            let group = key(&query.group);
            let Some(space) = by_group.get(&group.as_deref()) else {
                let message = match group {
                    Some(group) => format!("no document has the group {group:?}"),
                    None => "it names no group, and the documents do".to_owned(),
                };
                return Err(BenchError::set(format!("query {:?}", query.id), message));
            };
            of_query.push(*space);
        }
        Ok(SpacePlan { spaces, of_query })
    }
}

/// A name that the contract allows and no other group has.
fn free_name(group: Option<&str>, taken: &mut BTreeSet<String>) -> String {
    let plain: String = group
        .unwrap_or(ONE_SPACE)
        .to_ascii_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') { c } else { '-' })
        .take(56)
        .collect();
    let plain = match plain.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        true => plain,
        false => format!("g{plain}"),
    };
    let numbered = (2..).map(|n| format!("{plain}-{n}"));
    let mut names = std::iter::once(plain.clone()).chain(numbered);
    let free = names.find(|name| !taken.contains(name)).expect("numbers do not end");
    taken.insert(free.clone());
    free
}

/// What is in the spaces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Loaded {
    pub(crate) memories: u64,
    pub(crate) vectors: u64,
    pub(crate) embedder: String,
}

/// Creates the spaces and stores the documents.
pub(crate) fn load(
    server: &LocalServer,
    set: &EvalSet,
    plan: &SpacePlan,
    progress: &mut dyn FnMut(&str),
) -> Result<Loaded, BenchError> {
    let mut loaded = Loaded::default();
    for space in &plan.spaces {
        let request =
            CreateSpaceRequest { name: space.name.clone(), ..CreateSpaceRequest::default() };
        loaded.embedder = fill(server, set, (space, &request), progress)?;
        let stats = server.client.space(&space.name).stats()?;
        loaded.memories += stats.memories;
        loaded.vectors += stats.vectors;
    }
    Ok(loaded)
}

/// Creates a space as requested and stores the documents of `space` in it; the name of its model.
pub(crate) fn fill(
    server: &LocalServer,
    set: &EvalSet,
    (space, request): (&EvalSpace, &CreateSpaceRequest),
    progress: &mut dyn FnMut(&str),
) -> Result<String, BenchError> {
    server.clock.set(space.stored_ns());
    let view = server.client.create_space(request)?;
    let client = server.client.space(&request.name);
    for batch in batches(set, &space.documents) {
        let memories = batch.iter().map(|at| set.documents[*at].memory.clone()).collect();
        client
            .remember_many(&RememberManyRequest { memories, ..RememberManyRequest::default() })?;
        progress(&format!("storing {}: {} more", request.name, batch.len()));
    }
    // The clock must not move on while associations of this space are formed.
    progress(&format!("forming associations in {}", request.name));
    server.settle(&[&request.name])?;
    Ok(view.embedder.model)
}

/// Cuts documents into requests.
fn batches<'a>(set: &EvalSet, mut documents: &'a [usize]) -> Vec<&'a [usize]> {
    let mut batches = Vec::new();
    while !documents.is_empty() {
        let mut bytes = 0;
        let fits = |at: &&usize| {
            let before = bytes;
            bytes += set.documents[**at].memory.text.as_ref().map_or(0, String::len);
            before < BATCH_BYTES
        };
        let count = documents.iter().take(BATCH_MEMORIES).take_while(fits).count();
        let (batch, rest) = documents.split_at(count);
        batches.push(batch);
        documents = rest;
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;
    use engram_api::{MemoryInput, Timestamp};

    fn set(groups: &[Option<&str>], asked: &[Option<&str>]) -> EvalSet {
        let documents = groups.iter().enumerate().map(|(n, group)| Document {
            id: n.to_string(),
            memory: MemoryInput {
                occurred_at: (n > 0).then_some(Timestamp(n as i64)),
                text: Some("x".repeat(100_000)),
                ..MemoryInput::default()
            },
            group: group.map(str::to_owned),
        });
        let queries = asked.iter().map(|group| EvalQuery {
            id: String::new(),
            text: String::new(),
            group: group.map(str::to_owned),
            category: None,
            when: None,
            gold: BTreeMap::new(),
        });
        EvalSet {
            name: String::new(),
            documents: documents.collect(),
            queries: queries.collect(),
            gold_missing: 0,
        }
    }

    #[test]
    fn groups_become_spaces() {
        let set = set(&[Some("A b"), Some("a-b"), Some("A b"), Some("_")], &[Some("a-b")]);
        let plan = SpacePlan::new(&set, EvalScope::Groups).unwrap();
        let names: Vec<&str> = plan.spaces.iter().map(|space| space.name.as_str()).collect();
        assert_eq!(names, ["a-b", "a-b-2", "g_"]);
        assert_eq!(plan.of_query, [1]);
        assert_eq!(plan.spaces[0].documents, [0, 2]);
        let pooled = SpacePlan::new(&set, EvalScope::Pooled).unwrap();
        assert_eq!((pooled.spaces.len(), pooled.spaces[0].name.as_str()), (1, "all"));
    }

    #[test]
    fn queries_need_a_space() {
        let other = set(&[Some("a")], &[Some("b")]);
        assert!(SpacePlan::new(&other, EvalScope::Groups).is_err());
        assert!(SpacePlan::new(&other, EvalScope::Pooled).is_ok());
        assert!(SpacePlan::new(&set(&[Some("a")], &[None]), EvalScope::Groups).is_err());
    }

    #[test]
    fn the_clock_stands_a_day_after_the_newest() {
        let set = set(&[None, None, None], &[None]);
        let space = &SpacePlan::new(&set, EvalScope::Groups).unwrap().spaces[0];
        assert_eq!(space.now_ns(&set.queries[0]), 2 + DAY_NS);
        let mut asked = set.queries[0].clone();
        asked.when = Some(Timestamp(7));
        assert_eq!(space.now_ns(&asked), 7);
        assert_eq!(EvalSpace::new(String::new()).now_ns(&set.queries[0]), FIXED_NOW_NS);
    }

    #[test]
    fn batches_are_bounded_in_bytes() {
        let set = set(&[None; 7], &[]);
        let all: Vec<usize> = (0..7).collect();
        let sizes: Vec<usize> = batches(&set, &all).iter().map(|batch| batch.len()).collect();
        assert_eq!(sizes, [3, 3, 1]);
    }
}
