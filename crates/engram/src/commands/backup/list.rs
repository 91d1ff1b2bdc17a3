//! `engram backup list` and `info`.

use clap::Args;
use engram_api::Timestamp;
use engram_backup::{BackupRecord, BackupStanding, Listed, find, list_backups};
use serde_json::{Value, json};

use super::{RepositoryFlags, bytes, failed};
use crate::failure::Failure;
use crate::output::{OutputFormat, clean, pairs, print, table};

#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    repository: RepositoryFlags,
}

impl List {
    pub(crate) fn run(self, output: OutputFormat) -> Result<(), Failure> {
        let access = self.repository.open()?;
        let listing = list_backups(&access.repository).map_err(failed)?;
        let damaged: Vec<Value> =
            listing.damaged.iter().map(|(id, why)| json!({"id": id, "why": why})).collect();
        let all: Vec<Value> = listing.backups.iter().map(to_json).collect();
        let told = json!({"backups": all, "damaged": damaged});
        print(output, &told, |_| show(&listing.backups))?;
        false_reports(&listing.backups)?;
        match (listing.backups.is_empty(), listing.damaged.first()) {
            (_, Some((id, why))) => Err(Failure::Partly(format!(
                "the record of backup {id} is damaged: {}",
                clean(why)
            ))),
            (true, None) => Err(Failure::NothingFound("there is no backup".to_owned())),
            (false, None) => Ok(()),
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Info {
    /// Name of the backup, or latest
    id: String,
    #[command(flatten)]
    repository: RepositoryFlags,
}

impl Info {
    pub(crate) fn run(self, output: OutputFormat) -> Result<(), Failure> {
        let access = self.repository.open()?;
        let listing = list_backups(&access.repository).map_err(failed)?;
        let listed = find(&listing, &self.id).map_err(failed)?;
        print(output, &to_json(listed), |_| show_one(listed))?;
        false_reports(std::slice::from_ref(listed))
    }
}

/// Reports of checks that no check wrote are told, and a failure: somebody else writes to the repository.
pub(super) fn false_reports(backups: &[Listed]) -> Result<(), Failure> {
    let mut all = backups.iter().flat_map(|listed| &listed.false_reports);
    let Some(first) = all.next() else { return Ok(()) };
    let more = all.count();
    let more = if more > 0 { format!(" (and {more} more)") } else { String::new() };
    Err(Failure::Partly(format!("{}: {}{more}", clean(&first.what), clean(&first.why))))
}

fn time(ns: i64) -> String {
    Timestamp(ns).to_string()
}

fn standing(listed: &Listed) -> String {
    match &listed.standing {
        BackupStanding::Verified { level, .. } => format!("verified (level {level})"),
        other => other.name().to_owned(),
    }
}

/// A backup for programs.
pub(super) fn to_json(listed: &Listed) -> Value {
    let BackupRecord { id, kind, parent, timeline, started_at, ended_at, .. } = &listed.record;
    let (checked_at, level) = match listed.standing {
        BackupStanding::Verified { level, at } => (Some(time(at)), Some(level)),
        _ => (None, None),
    };
    let failure = match &listed.standing {
        BackupStanding::Failed { what } => Some(what),
        _ => None,
    };
    let space = |own: &engram_backup::SpaceRecord| {
        json!({
            "name": own.name,
            "uuid": own.id,
            "covered_lsn": own.covered(),
            "lsn": own.through.lsn,
            "committed_at": time(own.through.committed_at),
            "files": own.files.len(),
        })
    };
    json!({
        "id": id,
        "kind": kind.name(),
        "parent": parent,
        "timeline": timeline,
        "directory": listed.record.directory,
        "started_at": time(*started_at),
        "ended_at": time(*ended_at),
        "state": listed.standing.name(),
        "checked_at": checked_at,
        "check_level": level,
        "failure": failure,
        "pinned": listed.pinned,
        "bytes": listed.record.bytes.stored,
        "content_bytes": listed.record.bytes.content,
        "sent_bytes": listed.record.sent.stored,
        "partial": listed.record.partial,
        "false_reports": listed.false_reports.iter().map(|one| &one.what).collect::<Vec<_>>(),
        "left_out": listed.record.left_out,
        "spaces": listed.record.spaces.iter().map(space).collect::<Vec<_>>(),
        "gone": listed.record.gone,
    })
}

fn show(backups: &[Listed]) -> String {
    let mut rows =
        table(&["backup", "kind", "builds on", "timeline", "size", "sent", "spaces", "state", ""]);
    for listed in backups {
        let record = &listed.record;
        rows.add_row([
            record.id.clone(),
            record.kind.name().to_owned(),
            record.parent.clone().unwrap_or_default(),
            record.timeline.to_string(),
            bytes(record.bytes.stored),
            bytes(record.sent.stored),
            record.spaces.len().to_string(),
            standing(listed),
            if listed.pinned { "pinned".to_owned() } else { String::new() },
        ]);
    }
    rows.to_string()
}

fn show_one(listed: &Listed) -> String {
    let record = &listed.record;
    let failure = match &listed.standing {
        BackupStanding::Failed { what } => Some(clean(what)),
        _ => None,
    };
    let about = pairs(&[
        ("backup", Some(record.id.clone())),
        ("kind", Some(record.kind.name().to_owned())),
        ("builds on", record.parent.clone()),
        ("state", Some(standing(listed))),
        ("failure", failure),
        ("timeline", Some(record.timeline.to_string())),
        ("directory", Some(record.directory.clone())),
        ("started at", Some(time(record.started_at))),
        ("ended at", Some(time(record.ended_at))),
        ("size", Some(bytes(record.bytes.stored))),
        ("sent", Some(bytes(record.sent.stored))),
        ("pinned", listed.pinned.then(|| "yes".to_owned())),
        ("left out", (!record.left_out.is_empty()).then(|| clean(&record.left_out.join(", ")))),
    ]);
    let mut rows = table(&["space", "files up to lsn", "ends at lsn", "committed at", "files"]);
    for space in &record.spaces {
        rows.add_row([
            clean(&space.name),
            space.covered().to_string(),
            space.through.lsn.to_string(),
            time(space.through.committed_at),
            space.files.len().to_string(),
        ]);
    }
    format!("{about}\n{rows}")
}
