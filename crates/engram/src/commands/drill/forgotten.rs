//! Memories that were deleted by mistake: the space as it was comes back beside the live one, and from there what is wanted.

use std::time::Instant;

use engram_api::{
    BackupJobStateName, BackupJobView, BackupKindName, CreateBackupRequest, ExportRequest,
    ForgetModeName, ForgetRequest, GetRequest, ImportRequest, KindName, ListRequest, MemoryView,
    RestoreSpaceRequest, RestoreTo, SpaceStatsView, TransferRecord,
};
use engram_client::Client;

use super::copy::{CopyServer, cold_dir, settle};
use super::report::{Outcome, Recovered};
use super::scratch::{copy, size};
use super::stage::Stage;
use crate::commands::backup::{step, wait};
use crate::failure::Failure;

/// Memories that are deleted.
const VICTIMS: usize = 2;
/// Memories among which they are looked for.
const LOOKED_AT: u32 = 100;
/// The space as it was.
const THEN: &str = "engram-drill-then";

pub(super) fn run(stage: &Stage<'_>) -> Result<Outcome, Failure> {
    let Some(own) = stage.settings.repositories.get(&stage.repository) else {
        return Ok(Outcome::not_possible("the repository is not configured any more"));
    };
    let dir = stage.scratch.path("live");
    copy(&stage.uninjured.dir, &dir)?;
    let cold = cold_dir(&stage.uninjured.dir);
    if cold.is_dir() {
        copy(&cold, &cold_dir(&dir))?;
    }
    // It archives into a repository of its own, as the live one does into another.
    let place = stage.scratch.path("live-repository");
    let repository = Some((stage.repository.as_str(), own, place.as_path()));
    let server = CopyServer::start(stage.settings, &dir, repository, stage.now_ns)?;
    let client = server.client();
    let spaces = stage.uninjured.goldens.iter().map(|golden| golden.space.as_str());
    let mut found = None;
    for space in spaces {
        let victims = victims(client, space)?;
        if !victims.is_empty() {
            found = Some((space, victims));
            break;
        }
    }
    let Some((space, victims)) = found else {
        return Ok(Outcome::not_possible("no space has a memory that could be forgotten"));
    };
    let mut accident = Accident { stage, client, space, victims, steps: Vec::new() };
    let (mut recovered, wrong) = accident.undo()?;
    recovered.bytes = size(&dir) + size(&cold_dir(&dir));
    let steps = accident.steps;
    server.stop()?;
    Ok(Outcome::done(steps, recovered, wrong))
}

struct Accident<'a> {
    stage: &'a Stage<'a>,
    client: &'a Client,
    space: &'a str,
    victims: Vec<MemoryView>,
    steps: Vec<String>,
}

impl Accident<'_> {
    /// Forgets, and takes it back. Gives what was recovered, and what is wrong with it.
    fn undo(&mut self) -> Result<(Recovered, Vec<String>), Failure> {
        let (client, space) = (self.client, self.space);
        let full = CreateBackupRequest {
            kind: Some(BackupKindName::Full),
            ..CreateBackupRequest::default()
        };
        self.over(client.create_backup(&full)?)?;
        settle(client, space)?;
        let before = client.space(space).stats()?;
        let ids: Vec<String> = self.victims.iter().map(|memory| memory.id.clone()).collect();
        let forgotten = client.space(space).forget(&ForgetRequest {
            ids: Some(ids.clone()),
            mode: Some(ForgetModeName::Delete),
            ..ForgetRequest::default()
        })?;
        let lsn = forgotten.receipt.map(|receipt| receipt.lsn).unwrap_or_default();
        self.steps.push(format!("deleted {} memories of space {space:?} at LSN {lsn}", ids.len()));

        let begun = Instant::now();
        let to = RestoreTo { lsn: Some(lsn), ..RestoreTo::default() };
        let job = self.over(client.restore_space(&RestoreSpaceRequest {
            repository: None,
            name: space.to_owned(),
            new_name: THEN.to_owned(),
            to: Some(to),
            exclusive: true,
        })?)?;
        let records = self.records(&ids)?;
        client.space(space).import(&ImportRequest { records, partial: false })?;
        let mut wrong = self.missing()?;
        let rto = begun.elapsed();
        self.steps.push(format!(
            "restored it to just before that as {THEN:?}, copied {} memories back",
            ids.len()
        ));
        let reached = job.restored.as_ref().map_or(0, |restored| restored.lsn);
        let then = client.space(THEN).stats()?;
        wrong.extend(self.compare(&before, &then, forgotten.beliefs.len() as u64)?);
        client.delete_space(THEN)?;
        self.steps.push(format!("deleted {THEN:?}"));
        let lost_commits = (lsn.saturating_sub(1)).saturating_sub(reached);
        let recovered = Recovered {
            target: format!("before LSN {lsn} of space {space:?}"),
            rto_ns: i64::try_from(rto.as_nanos()).unwrap_or(i64::MAX),
            // Nothing but the accident is undone.
            rpo_ns: match (lost_commits, before.committed_at, then.committed_at) {
                (0, ..) => Some(0),
                (_, Some(last), Some(reached)) => Some(last.0.saturating_sub(reached.0)),
                _ => None,
            },
            lost_commits,
            last_commit: then.committed_at.map(|at| at.0),
            spaces: vec![(space.to_owned(), reached)],
            bytes: 0,
            recalls: self.goldens().count() as u64,
        };
        Ok((recovered, wrong))
    }

    /// Waits for a job; a failed one is a failure.
    fn over(&self, job: BackupJobView) -> Result<BackupJobView, Failure> {
        let mut job = wait(self.client, job, &mut step(self.stage.bar()))?;
        match (job.problem.take(), job.state) {
            (Some(problem), _) => Err(Failure::Problem(Box::new(problem))),
            (None, BackupJobStateName::Failed) => {
                Err(Failure::Partly(format!("job {} of the copy failed", job.id)))
            }
            (None, _) => Ok(job),
        }
    }

    /// The records of memories in the space as it was.
    fn records(&self, ids: &[String]) -> Result<Vec<TransferRecord>, Failure> {
        let mut records = Vec::new();
        for record in self.client.space(THEN).export_pages(ExportRequest::default()) {
            let record = record?;
            if let TransferRecord::Memory(memory) = &record
                && memory.content.id.as_ref().is_some_and(|id| ids.contains(id))
            {
                records.push(record);
            }
            if records.len() == ids.len() {
                break;
            }
        }
        Ok(records)
    }

    /// Memories that are not back as they were.
    fn missing(&self) -> Result<Vec<String>, Failure> {
        let mut wrong = Vec::new();
        for memory in &self.victims {
            let request = GetRequest { id: memory.id.clone(), ..GetRequest::default() };
            let back = self.client.space(self.space).get(&request)?;
            if (&back.text, &back.title, back.kind) != (&memory.text, &memory.title, memory.kind) {
                wrong.push(format!("memory {:?} is not what it was", memory.id));
            }
        }
        Ok(wrong)
    }

    fn goldens(&self) -> impl Iterator<Item = &super::copy::Golden> {
        self.stage.uninjured.goldens.iter().filter(|golden| golden.space == self.space)
    }

    /// Whether the space as it was is as it was, and the live one has all that it had.
    fn compare(
        &self,
        before: &SpaceStatsView,
        then: &SpaceStatsView,
        beliefs_gone: u64,
    ) -> Result<Vec<String>, Failure> {
        let mut wrong = Vec::new();
        if (then.memories, then.suppressed) != (before.memories, before.suppressed) {
            wrong.push(format!(
                "{} memories as it was, there were {}",
                then.memories, before.memories
            ));
        }
        for golden in self.goldens() {
            if !golden.holds_soon(self.client, THEN)? {
                wrong.push(golden.differs());
            }
        }
        let now = self.client.space(self.space).stats()?;
        if now.memories + beliefs_gone < before.memories {
            wrong.push(format!("{} memories now, there were {}", now.memories, before.memories));
        }
        Ok(wrong)
    }
}

/// Memories to forget: no beliefs, which are made of others.
fn victims(client: &Client, space: &str) -> Result<Vec<MemoryView>, Failure> {
    let request = ListRequest { limit: Some(LOOKED_AT), ..ListRequest::default() };
    let mut memories = client.space(space).list(&request)?.memories;
    memories.retain(|memory| memory.kind != KindName::Belief);
    memories.truncate(VICTIMS);
    Ok(memories)
}
