//! `engram backup verify`, `check`, `prune`, `pin` and `unpin`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use engram_api::{ErrorCode, Timestamp};
use engram_backup::{
    BackupCheck, BackupStanding, Finding, RestorePlan, RetentionPolicy, VerifyLevel, VerifyOptions,
    archived_through, find, list_backups, prune, set_pin, verify,
};
use engram_store::{Clock, FsBlobs, OsEntropy, RealFs, SystemClock};
use serde_json::json;

use super::list::false_reports;
use super::together::work_with;
use super::{RepositoryFlags, bytes, failed, progress, step};
use crate::failure::Failure;
use crate::output::{OutputFormat, clean, note, print, table};
use crate::values::confirm;

/// Level 1: every object is there, the log has no gap. 2: every byte is what was written. 3: it is put together, every record
/// decodes and every checksum of the state fits. 4: a commit behind it is put together too, opened and worked with. The live database is
/// not touched.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// Name of the backup, or latest
    #[arg(default_value = "latest")]
    id: String,
    #[command(flatten)]
    repository: RepositoryFlags,
    /// How deep the check goes, 1 to 4
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=4))]
    level: u8,
    /// Folder in which it is put together, from level 3 on; a new one below it is used and removed
    #[arg(long, value_name = "DIR")]
    scratch: Option<PathBuf>,
}

impl Verify {
    pub(crate) fn run(self, output: OutputFormat) -> Result<(), Failure> {
        let access = self.repository.open()?;
        let level = VerifyLevel::of(self.level).unwrap_or(VerifyLevel::Bytes);
        let below = self.scratch.unwrap_or_else(std::env::temp_dir);
        let scratch = below.join(format!("engram-check-{}", std::process::id()));
        let cold_dir = scratch.with_extension("cold");
        let fs = Arc::new(RealFs);
        let cold = match level >= VerifyLevel::Restore {
            true => {
                let cold = FsBlobs::open(fs.clone(), cold_dir.clone());
                let cold =
                    cold.map_err(|error| Failure::new(ErrorCode::IoFailed, error.to_string()))?;
                Some(Arc::new(cold) as Arc<dyn engram_store::BlobStore>)
            }
            false => None,
        };
        let mut work = |dir: &Path, plan: &RestorePlan| work_with(dir, plan, cold.clone());
        let options = VerifyOptions {
            level,
            fs,
            clock: Arc::new(SystemClock),
            entropy: Arc::new(OsEntropy),
            blobs: cold.clone(),
            scratch: scratch.clone(),
            drill: Some(&mut work),
        };
        let bar = progress();
        let report = verify(&access.repository, &self.id, options, &mut step(&bar));
        bar.finish_and_clear();
        for dir in [&scratch, &cold_dir] {
            // They are this command's own; what stays takes room and harms nobody.
            let _ = std::fs::remove_dir_all(dir);
        }
        let report = report.map_err(failed)?;
        print(output, &to_json(&report), |_| show(&report))?;
        match (report.findings.is_empty(), report.false_reports.is_empty()) {
            (true, true) => Ok(()),
            (true, false) => {
                let what = format!(
                    "backup {} is good, but has reports of checks that no check wrote",
                    report.backup
                );
                Err(Failure::Partly(what))
            }
            (false, _) => Err(Failure::Partly(format!("backup {} is not good", report.backup))),
        }
    }
}

fn to_json(report: &BackupCheck) -> serde_json::Value {
    let told = |all: &[Finding]| -> Vec<serde_json::Value> {
        all.iter().map(|one| json!({"what": one.what, "why": one.why})).collect()
    };
    json!({
        "backup": report.backup,
        "level": report.level as u8,
        "good": report.findings.is_empty(),
        "objects": report.objects,
        "bytes": report.bytes,
        "seconds": report.took_ns as f64 / 1e9,
        "restore_seconds": report.restore_ns.map(|ns| ns as f64 / 1e9),
        "target": report.target,
        "findings": told(&report.findings),
        "false_reports": told(&report.false_reports),
    })
}

fn show(report: &BackupCheck) -> String {
    let seconds = report.took_ns as f64 / 1e9;
    let mut text = format!(
        "backup {}, level {}: {} objects, {} compared, {seconds:.1} s",
        report.backup,
        report.level as u8,
        report.objects,
        bytes(report.bytes)
    );
    if let (Some(ns), Some(target)) = (report.restore_ns, &report.target) {
        text.push_str(&format!("\nput together: {target}, in {:.1} s", ns as f64 / 1e9));
    }
    if report.findings.is_empty() {
        text.push_str("\nnothing is wrong with it");
    }
    let mut all = report.findings.iter().chain(&report.false_reports).peekable();
    if all.peek().is_none() {
        return text;
    }
    let mut rows = table(&["what", "why"]);
    for one in all {
        rows.add_row([clean(&one.what), clean(&one.why)]);
    }
    format!("{text}\n{rows}")
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    #[command(flatten)]
    repository: RepositoryFlags,
    /// Oldest that the newest good backup may be, hours
    #[arg(long, value_name = "HOURS", default_value_t = 26)]
    max_age: u64,
}

impl Check {
    pub(crate) fn run(self, output: OutputFormat) -> Result<(), Failure> {
        let access = self.repository.open()?;
        let listing = list_backups(&access.repository).map_err(failed)?;
        let good = listing.backups.iter().rev().find(|listed| {
            let standing = &listed.standing;
            !listed.record.partial
                && matches!(standing, BackupStanding::Verified { .. } | BackupStanding::Complete)
        });
        let Some(good) = good else {
            let detail = "no backup is complete".to_owned();
            return Err(Failure::new(ErrorCode::BackupFailed, detail));
        };
        let age = SystemClock.now_ns().saturating_sub(good.record.started_at);
        let limit = Duration::from_secs(self.max_age.saturating_mul(3_600)).as_nanos() as i64;
        let hours = age as f64 / 3.6e12;
        let newest_failed = listing
            .backups
            .last()
            .is_some_and(|last| matches!(last.standing, BackupStanding::Failed { .. }));
        let told = json!({
            "backup": good.record.id,
            "state": good.standing.name(),
            "started_at": Timestamp(good.record.started_at).to_string(),
            "age_hours": hours,
            "newest_failed": newest_failed,
            "left_out": good.record.left_out,
        });
        print(output, &told, |_| {
            format!("backup {}: {}, {hours:.1} h old", good.record.id, good.standing.name())
        })?;
        false_reports(&listing.backups)?;
        if !good.record.left_out.is_empty() {
            let names = clean(&good.record.left_out.join(", "));
            return Err(Failure::Partly(format!("the newest good backup is without: {names}")));
        }
        if newest_failed {
            return Err(Failure::Partly("the newest backup is not good".to_owned()));
        }
        let archived = archived_through(&access.repository).map_err(failed)?;
        let behind = archived.map_or(i64::MAX, |at| SystemClock.now_ns().saturating_sub(at));
        if behind > limit {
            let what = format!("nothing was archived for more than {} h", self.max_age);
            return Err(Failure::Partly(what));
        }
        if age > limit {
            let what = format!("the newest good backup is older than {} h", self.max_age);
            return Err(Failure::Partly(what));
        }
        Ok(())
    }
}

/// What the policy keeps: the newest backup of each of the last days, weeks and months, counting verified ones only; what
/// these build on; pinned ones; the last two full ones.
#[derive(Debug, Args)]
pub(crate) struct Prune {
    #[command(flatten)]
    repository: RepositoryFlags,
    /// Say what would be removed, and remove nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long, short = 'y')]
    yes: bool,
}

impl Prune {
    pub(crate) fn run(self, output: OutputFormat) -> Result<(), Failure> {
        let settings = self.repository.settings()?;
        let access = self.repository.open()?;
        let (daily, weekly, monthly) = settings.backup.keep;
        let policy = RetentionPolicy { daily, weekly, monthly };
        let repository = &access.repository;
        let mut report =
            prune(repository, policy, (true, None), &SystemClock, &mut |_| {}).map_err(failed)?;
        let count = report.removed.len();
        if !self.dry_run && (count > 0 || report.objects > 0 || report.pieces > 0) {
            if !self.yes {
                confirm(&format!("Remove {count} backups for good?"))?;
            }
            let mut log = |key: &str| note(&format!("removed {}", clean(key)));
            report =
                prune(repository, policy, (false, None), &SystemClock, &mut log).map_err(failed)?;
        }
        let told = json!({
            "dry_run": self.dry_run,
            "removed": report.removed,
            "kept": report
                .kept
                .iter()
                .map(|kept| json!({"id": kept.id, "why": kept.why}))
                .collect::<Vec<_>>(),
            "objects": report.objects,
            "pieces": report.pieces,
            "bytes": report.bytes,
        });
        print(output, &told, |_| {
            let mut rows = table(&["backup", "", "why"]);
            for kept in &report.kept {
                rows.add_row([kept.id.clone(), "stays".to_owned(), kept.why.to_owned()]);
            }
            for id in &report.removed {
                rows.add_row([id.clone(), "goes".to_owned(), String::new()]);
            }
            let freed = bytes(report.bytes);
            format!(
                "{rows}\n{} objects and {} pieces of the log go: {freed}",
                report.objects, report.pieces
            )
        })?;
        Ok(())
    }
}

#[derive(Debug, Args)]
pub(crate) struct Pin {
    /// Name of the backup, or latest
    id: String,
    #[command(flatten)]
    repository: RepositoryFlags,
}

impl Pin {
    pub(crate) fn run(self, output: OutputFormat, pinned: bool) -> Result<(), Failure> {
        let access = self.repository.open()?;
        set_pin(&access.repository, &self.id, pinned, &SystemClock).map_err(failed)?;
        let listing = list_backups(&access.repository).map_err(failed)?;
        let id = find(&listing, &self.id).map_err(failed)?.record.id.clone();
        print(output, &json!({"id": id, "pinned": pinned}), |_| {
            let what = if pinned { "is pinned" } else { "is not pinned" };
            format!("backup {id} {what}")
        })?;
        Ok(())
    }
}
