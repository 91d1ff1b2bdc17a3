//! Asking: one recall, and what an evaluation keeps of its answer.

use std::collections::BTreeMap;
use std::time::Instant;

use engram_api::{MatchOutcome, ModeName, RecallRequest};

use super::load::EvalSpace;
use crate::beir::{EvalQuery, EvalSet};
use crate::failure::BenchError;
use crate::local::LocalServer;

/// What an evaluation keeps of one answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Asked {
    /// `_id` of each item, best first.
    pub(crate) ids: Vec<String>,
    /// The ids that they are stored under.
    pub(crate) stored: Vec<String>,
    /// Relevance of each item.
    pub(crate) relevance: Vec<f64>,
    /// Whether the answer was that nothing matches.
    pub(crate) nothing: bool,
    /// Time over HTTP.
    pub(crate) milliseconds: f64,
}

impl Asked {
    /// Relevance of the first item; 0 where there is none.
    pub(crate) fn first(&self) -> f64 {
        self.relevance.first().copied().unwrap_or(0.0)
    }
}

/// Asks queries of one set.
pub(crate) struct Asker<'a> {
    server: &'a LocalServer,
    limit: u32,
    /// The `_id` of a memory whose id could not be the same.
    renamed: BTreeMap<&'a str, &'a str>,
}

impl<'a> Asker<'a> {
    pub(crate) fn new(server: &'a LocalServer, set: &'a EvalSet, limit: u32) -> Asker<'a> {
        let pairs = set
            .documents
            .iter()
            .filter_map(|document| Some((document.memory.id.as_deref()?, document.id.as_str())));
        let renamed = pairs.filter(|(stored, id)| stored != id).collect();
        Asker { server, limit, renamed }
    }

    /// Asks without a trace, with the clock where the query has it.
    pub(crate) fn ask(
        &self,
        space: &EvalSpace,
        query: &EvalQuery,
        mode: ModeName,
    ) -> Result<Asked, BenchError> {
        self.server.clock.set(space.now_ns(query));
        let request = RecallRequest {
            text: Some(query.text.clone()),
            mode: Some(mode),
            limit: Some(self.limit),
            observe: true,
            ..RecallRequest::default()
        };
        let client = self.server.client.space(&space.name);
        let started = Instant::now();
        let answer = client.recall(&request)?;
        let milliseconds = started.elapsed().as_secs_f64() * 1e3;
        let id_of = |stored: &str| self.renamed.get(stored).copied().unwrap_or(stored).to_owned();
        Ok(Asked {
            ids: answer.items.iter().map(|item| id_of(&item.memory.id)).collect(),
            stored: answer.items.iter().map(|item| item.memory.id.clone()).collect(),
            relevance: answer.items.iter().map(|item| f64::from(item.relevance)).collect(),
            nothing: answer.outcome == MatchOutcome::Nothing,
            milliseconds,
        })
    }
}
