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
    let own = match &listed.standing {
        BackupStanding::Verified { level, .. } => format!("verified (level {level})"),
        other => other.name().to_owned(),
    };
    match listed.record.left_out.is_empty() {
        true => own,
        false => format!("{own}, without {}", clean(&listed.record.left_out.join(", "))),
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
        "false_reports": listed.false_reports.iter().map(|one| &one.what).collect::<Vec<_>>(),
        "whole": listed.record.is_whole(),
        "bytes": listed.record.bytes.stored,
        "content_bytes": listed.record.bytes.content,
        "sent_bytes": listed.record.sent.stored,
        "partial": listed.record.partial,
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

#[cfg(test)]
mod tests {
    use engram_backup::{BackupKind, Finding, StoredBytes};

    use super::*;

    fn listed(false_reports: Vec<Finding>, left_out: Vec<String>) -> Listed {
        let record = BackupRecord {
            id: "20260101t000000z-f".to_owned(),
            kind: BackupKind::Full,
            partial: false,
            parent: None,
            directory: String::new(),
            timeline: 1,
            version: String::new(),
            started_at: 0,
            ended_at: 0,
            spaces: Vec::new(),
            gone: Vec::new(),
            bytes: StoredBytes::default(),
            sent: StoredBytes::default(),
            left_out,
        };
        let standing = BackupStanding::Verified { level: 2, at: 0 };
        Listed { record, standing, pinned: false, false_reports }
    }

    #[test]
    fn false_reports_are_a_failure_that_names_one() {
        assert!(false_reports(&[listed(Vec::new(), Vec::new())]).is_ok());
        let one = Finding { what: "checks/a/1".to_owned(), why: "it is not signed".to_owned() };
        let refused = false_reports(&[listed(vec![one.clone(), one], Vec::new())]).unwrap_err();
        assert_eq!(refused.exit(), 1);
        assert_eq!(refused.text(), "checks/a/1: it is not signed (and 1 more)");
    }

    #[test]
    fn a_backup_that_lacks_a_space_is_not_listed_as_if_it_had_it() {
        assert_eq!(standing(&listed(Vec::new(), Vec::new())), "verified (level 2)");
        let without = listed(Vec::new(), vec!["notes".to_owned()]);
        assert_eq!(standing(&without), "verified (level 2), without notes");
        assert_eq!(to_json(&without)["whole"], false);
    }
}
