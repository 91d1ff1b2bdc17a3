//! Sends records in batches, space by space, and counts what became of them.

use std::collections::{BTreeMap, BTreeSet};

use clap::ValueEnum;
use engram_api::{
    CreateSpaceRequest, ErrorCode, ImportRequest, Problem, RecordCountsView, RefusedRecordView,
    TransferRecord, nearest,
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
    /// Associations, decisions and beliefs that this import stored.
    pub(crate) said: RecordCountsView,
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

    /// Takes a record for a space; what has become a whole batch is sent. Gives the problems of refused records.
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
        let lines: Vec<u64> = batch.records.iter().map(|record| record.line).collect();
        let request = ImportRequest {
            records: batch.records.into_iter().map(|record| record.record).collect(),
            partial: self.on_error == OnError::Skip,
        };
        let answer = match self.client.space(space).import(&request) {
            Ok(answer) => answer,
            Err(error) => return Err(self.located(error.into(), &lines, &request)),
        };
        let (created, there) = (answer.created, answer.unchanged);
        self.tally.created += created.memories;
        self.tally.already_there += there.memories;
        let said = &mut self.tally.said;
        said.associations += created.associations;
        said.decisions += created.decisions;
        said.beliefs += created.beliefs;
        let stored = created.memories + there.memories;
        if stored > 0 {
            *self.tally.spaces.entry(space.to_owned()).or_default() += stored;
        }
        let problem = |refused: RefusedRecordView| {
            let line = lines.get(refused.index as usize).copied().unwrap_or(0);
            let mut problem = *refused.problem;
            problem.detail = format!("{} line {line}: {}", self.source, problem.detail);
            problem
        };
        let problems: Vec<Problem> = answer.refused.into_iter().map(problem).collect();
        self.tally.failed += problems.len() as u64;
        Ok(problems)
    }

    /// Puts the line in front of a problem of a whole batch: by the index in its field, else by the id that it names,
    /// else the range of the batch.
    fn located(&self, failure: Failure, lines: &[u64], request: &ImportRequest) -> Failure {
        let Failure::Problem(mut problem) = failure else { return failure };
        let by_field = problem
            .field
            .as_deref()
            .and_then(|field| field.strip_prefix("records[")?.split(']').next()?.parse().ok());
        let by_id = || {
            request.records.iter().position(|record| {
                named(record).iter().any(|id| {
                    let detail = &problem.detail;
                    detail.contains(&format!("{id:?}")) || detail.contains(&format!("`{id}`"))
                })
            })
        };
        let place = match by_field.or_else(by_id).and_then(|index: usize| lines.get(index)) {
            Some(line) => format!("line {line}"),
            None => {
                let line = |line: Option<&u64>| line.copied().unwrap_or(0);
                format!("lines {} to {}", line(lines.first()), line(lines.last()))
            }
        };
        problem.detail = format!("{} {place}: {}", self.source, problem.detail);
        Failure::Problem(problem)
    }
}

/// Ids that a record names, its own first.
fn named(record: &TransferRecord) -> Vec<&str> {
    match record {
        TransferRecord::Memory(memory) => memory.content.id.iter().map(String::as_str).collect(),
        TransferRecord::Association(stated) => vec![&stated.from, &stated.to],
        TransferRecord::Decision(decided) => vec![&decided.id, &decided.other],
        TransferRecord::Belief(rests) => vec![&rests.id],
    }
}

/// Bytes of a record that count for a batch, about.
fn size(record: &Record) -> usize {
    let TransferRecord::Memory(memory) = &record.record else { return 1_024 };
    let content = &memory.content;
    // A component is written with about 12 characters.
    let components = |vector: &Vec<f32>| 12 * vector.len();
    let embedded = memory.embedded.iter().flat_map(|own| &own.vectors).map(components);
    content.text.as_ref().map_or(0, String::len)
        + content.vector.as_ref().map_or(0, components)
        + embedded.sum::<usize>()
        + 512
}
