//! Sends records in batches, space by space, and counts what became of them.

use std::collections::{BTreeMap, BTreeSet};

use clap::ValueEnum;
use engram_api::{
    CreateSpaceRequest, ErrorCode, ForgetRequest, Problem, RememberManyRequest, RememberResult,
    StateName, nearest,
};
use engram_client::Client;
use serde::Serialize;

use super::form::Record;
use crate::failure::Failure;

/// Bytes of text and vectors in a batch after which it is sent: seconds of embedding on a slow machine, so that a request
/// ends long before its time-out.
const BATCH_BYTES: usize = 256 << 10;

/// What happens at a line that cannot be imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnError {
    /// Nothing is imported from a file with a broken line; a refused memory ends the import
    Stop,
    /// The line is reported and the rest is imported
    Skip,
}

/// What became of the lines.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Tally {
    /// Lines with content.
    pub(crate) read: u64,
    /// Memories that this import stored.
    pub(crate) created: u64,
    /// Memories that were there with the same content.
    pub(crate) already_there: u64,
    /// Memories that this import suppressed, as they were where they come from.
    pub(crate) suppressed: u64,
    /// Lines that were not imported.
    pub(crate) failed: u64,
    /// By space: memories stored or there already.
    pub(crate) spaces: BTreeMap<String, u64>,
}

/// A running import.
pub(crate) struct Importer {
    client: Client,
    source: String,
    on_error: OnError,
    batch_max: usize,
    known_spaces: BTreeSet<String>,
    batches: BTreeMap<String, Batch>,
    pub(crate) tally: Tally,
}

#[derive(Default)]
struct Batch {
    records: Vec<Record>,
    bytes: usize,
}

impl Importer {
    pub(crate) fn new(
        client: Client,
        source: String,
        on_error: OnError,
        batch_max: usize,
    ) -> Result<Importer, Failure> {
        let spaces = client.list_spaces()?.spaces;
        Ok(Importer {
            client,
            source,
            on_error,
            batch_max,
            known_spaces: spaces.into_iter().map(|space| space.name).collect(),
            batches: BTreeMap::new(),
            tally: Tally::default(),
        })
    }

    /// Creates a space with default settings unless it is there.
    pub(crate) fn create_space(&mut self, name: &str) -> Result<(), Failure> {
        if !self.known_spaces.contains(name) {
            let request =
                CreateSpaceRequest { name: name.to_owned(), ..CreateSpaceRequest::default() };
            self.client.create_space(&request)?;
            self.known_spaces.insert(name.to_owned());
        }
        Ok(())
    }

    /// Takes a record for a space; what has become a whole batch is sent. Gives the problems of refused memories.
    pub(crate) fn take(&mut self, space: &str, record: Record) -> Result<Vec<Problem>, Failure> {
        if !self.known_spaces.contains(space) {
            return Err(self.unknown_space(space));
        }
        let batch = self.batches.entry(space.to_owned()).or_default();
        batch.bytes += size(&record);
        batch.records.push(record);
        if batch.records.len() < self.batch_max && batch.bytes < BATCH_BYTES {
            return Ok(Vec::new());
        }
        let batch = self.batches.remove(space).expect("it was filled just now");
        self.send(space, batch)
    }

    fn unknown_space(&self, space: &str) -> Failure {
        let known = self.known_spaces.iter().map(String::as_str);
        let mut problem = Problem::new(
            ErrorCode::SpaceNotFound,
            format!("space `{space}` does not exist; --create-space creates it"),
        );
        problem.nearest = nearest(space, known).map(str::to_owned);
        Failure::Problem(Box::new(problem))
    }

    /// Sends what is left.
    pub(crate) fn finish(&mut self) -> Result<Vec<Problem>, Failure> {
        let mut problems = Vec::new();
        for (space, batch) in std::mem::take(&mut self.batches) {
            problems.extend(self.send(&space, batch)?);
        }
        Ok(problems)
    }

    fn send(&mut self, space: &str, batch: Batch) -> Result<Vec<Problem>, Failure> {
        let origins: Vec<(u64, StateName)> =
            batch.records.iter().map(|record| (record.line, record.state)).collect();
        let request = RememberManyRequest {
            memories: batch.records.into_iter().map(|record| record.memory).collect(),
            partial: self.on_error == OnError::Skip,
            ..RememberManyRequest::default()
        };
        let answer = match self.client.space(space).remember_many(&request) {
            Ok(answer) => answer,
            Err(error) => return Err(self.located(error.into(), &origins, &request)),
        };
        let mut problems = Vec::new();
        let mut hidden = BTreeSet::new();
        for (result, (line, state)) in answer.results.into_iter().zip(origins) {
            match result {
                RememberResult::Stored(stored) => {
                    *self.tally.spaces.entry(space.to_owned()).or_default() += 1;
                    match stored.created {
                        true => self.tally.created += 1,
                        false => self.tally.already_there += 1,
                    }
                    // What it was merged into is not what was hidden.
                    let states = (state, stored.state);
                    if states == (StateName::Suppressed, StateName::Active) && !stored.merged {
                        hidden.insert(stored.id);
                    }
                }
                RememberResult::Refused(mut problem) => {
                    self.tally.failed += 1;
                    problem.detail = format!("{} line {line}: {}", self.source, problem.detail);
                    problems.push(*problem);
                }
            }
        }
        self.suppress(space, hidden)?;
        Ok(problems)
    }

    /// Hides what was hidden where it comes from.
    fn suppress(&mut self, space: &str, ids: BTreeSet<String>) -> Result<(), Failure> {
        if ids.is_empty() {
            return Ok(());
        }
        let request =
            ForgetRequest { ids: Some(ids.into_iter().collect()), ..ForgetRequest::default() };
        self.tally.suppressed += self.client.space(space).forget(&request)?.count;
        Ok(())
    }

    /// Puts the line in front of a problem of a whole batch: by the index in its field, else by the id that it names,
    /// else the range of the batch.
    fn located(
        &self,
        failure: Failure,
        origins: &[(u64, StateName)],
        request: &RememberManyRequest,
    ) -> Failure {
        let Failure::Problem(mut problem) = failure else { return failure };
        let by_field = problem
            .field
            .as_deref()
            .and_then(|field| field.strip_prefix("memories[")?.split(']').next()?.parse().ok());
        let named = |id: &String| {
            problem.detail.contains(&format!("{id:?}"))
                || problem.detail.contains(&format!("`{id}`"))
        };
        let by_id =
            || request.memories.iter().position(|memory| memory.id.as_ref().is_some_and(named));
        let place = match by_field.or_else(by_id).and_then(|index: usize| origins.get(index)) {
            Some((line, _)) => format!("line {line}"),
            None => {
                let line = |origin: Option<&(u64, StateName)>| origin.map_or(0, |(line, _)| *line);
                format!("lines {} to {}", line(origins.first()), line(origins.last()))
            }
        };
        problem.detail = format!("{} {place}: {}", self.source, problem.detail);
        Failure::Problem(problem)
    }
}

/// Bytes of a record that count for a batch, about.
fn size(record: &Record) -> usize {
    let memory = &record.memory;
    memory.text.as_ref().map_or(0, String::len)
        // A component is written with about 12 characters.
        + memory.vector.as_ref().map_or(0, |vector| 12 * vector.len())
        + 256
}
