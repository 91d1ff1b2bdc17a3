//! `engram harden`: looks at a host and a configuration, and says what lets others in.
//!
//! Guarantees: nothing is changed without `--fix`, and with it permissions only; nothing is reported that was not read, and what could
//! not be read is said; no secret is shown.

mod checks;

mod host;

mod files;

mod doors;

mod keys;

mod stores;

mod unit;

#[cfg(test)]
mod page;

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use clap::Args;
use engram_api::ErrorCode;
use engram_server::Settings;
use engram_store::{Clock as _, SystemClock};
use serde_json::{Value, json};

use self::checks::{Check, Finding, Findings, Mend, Severity};
use crate::commands::start::ServerFlags;
use crate::failure::Failure;
use crate::output::{OutputFormat, clean, note, print, table};

/// Reads the configuration as `engram start` would (give it the same flags and environment), the files that it names, the keys, and the
/// machine, and lists what lets others in, with what to do. Needs no server; one that runs is found by its lock and looked at, too.
/// Nothing is changed without `--fix`. Exit code 0 if nothing is found at or above `--fail-at`, else 1.
#[derive(Debug, Args)]
pub(crate) struct Harden {
    /// Take permissions that others have from the data directory, KEYS, the audit log, the configuration file and files of secrets
    /// that belong to the account of the data directory; nothing else is changed
    #[arg(long)]
    fix: bool,
    /// Least severity that makes the exit code 1
    #[arg(long, value_name = "SEVERITY", value_enum, default_value = "medium")]
    fail_at: Severity,
    /// Leave this out: a risk that is taken; may be repeated
    #[arg(long = "ignore", value_name = "ID", value_enum, hide_possible_values = true)]
    ignored: Vec<Check>,
    /// A unit of systemd that starts the server: look at it, too
    #[arg(long, value_name = "FILE")]
    unit: Option<PathBuf>,
    /// Write JSON, as with --output json
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerFlags,
}

impl Harden {
    pub(crate) fn run(self, output: OutputFormat) -> Result<(), Failure> {
        let settings = self.server.settings()?;
        let mut findings = self.look(&settings)?;
        let mut mended = Vec::new();
        if self.fix {
            mended = mend(&findings);
            findings = self.look(&settings)?;
        }
        let format = if self.json { OutputFormat::Json } else { output };
        print(format, &to_json(&findings, &mended), |_| show(&findings, &mended))?;
        let severe = findings.found.iter().filter(|one| one.check.row().severity >= self.fail_at);
        match severe.count() {
            0 => Ok(()),
            count => {
                let least = self.fail_at.name();
                Err(Failure::Partly(format!("findings of severity {least} or above: {count}")))
            }
        }
    }

    /// Everything, the worst first.
    fn look(&self, settings: &Settings) -> Result<Findings, Failure> {
        let mut found = Findings::default();
        let (config, now_ns) = (self.server.config_file(), SystemClock.now_ns());
        let process = host::process(&settings.data_dir);
        files::look(settings, config, process.as_ref(), &mut found);
        doors::look(settings, now_ns, &mut found);
        keys::look(settings, now_ns, &mut found);
        stores::look(settings, config, &mut found);
        host::look(settings, process.as_ref(), files::data_owner(settings), &mut found);
        if let Some(path) = &self.unit {
            let text = fs::read_to_string(path).map_err(|error| told(path, &error))?;
            unit::look(path, &text, &stores::secret_variables(settings), &mut found);
        }
        found.found.retain(|one| !self.ignored.contains(&one.check));
        found.found.sort_by_key(|one| (std::cmp::Reverse(one.check.row().severity), one.check));
        Ok(found)
    }
}

fn told(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(ErrorCode::IoFailed, format!("{}: {error}", path.display()))
}

/// Does what takes nothing from the server. What cannot be done stays a finding.
fn mend(findings: &Findings) -> Vec<Mend> {
    let mends = findings.found.iter().filter_map(|one| one.mend.clone());
    let done = |mend: &Mend| {
        let set = close(mend);
        let told = |error: &_| note(&format!("not fixed: {}: {error}", mend.path.display()));
        set.inspect_err(told).is_ok()
    };
    mends.filter(done).collect()
}

/// Takes permissions from the file that was looked at, and from no other that stands in its place by now.
fn close(mend: &Mend) -> std::io::Result<()> {
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
    let file = fs::OpenOptions::new().read(true).custom_flags(flags).open(&mend.path)?;
    let stat = file.metadata()?;
    if (stat.dev(), stat.ino()) != mend.file {
        return Err(std::io::Error::other("it is another file by now"));
    }
    file.set_permissions(Permissions::from_mode(stat.mode() & mend.mode))
}

/// The report for programs.
fn to_json(findings: &Findings, mended: &[Mend]) -> Value {
    let finding = |one: &Finding| {
        let row = one.check.row();
        json!({
            "id": one.check.name(),
            "severity": row.severity.name(),
            "about": row.about,
            "place": one.place,
            "what": one.what,
            "fix": row.cure,
            "fixable": one.mend.is_some(),
        })
    };
    let fixed = |one: &Mend| json!({"path": one.path, "mode": format!("{:04o}", one.mode)});
    json!({
        "findings": findings.found.iter().map(finding).collect::<Vec<_>>(),
        "fixed": mended.iter().map(fixed).collect::<Vec<_>>(),
        "unseen": findings.unseen,
    })
}

/// The report for people.
fn show(findings: &Findings, mended: &[Mend]) -> String {
    let mut text = String::new();
    for one in mended {
        text += &format!(
            "fixed: {} has the mode {:04o}\n",
            clean(&one.path.display().to_string()),
            one.mode
        );
    }
    if !findings.found.is_empty() {
        let mut rows = table(&["severity", "id", "where", "what", "what to do"]);
        for one in &findings.found {
            let row = one.check.row();
            rows.add_row([
                row.severity.name(),
                one.check.name(),
                clean(&one.place),
                clean(&one.what),
                row.cure.to_owned(),
            ]);
        }
        text += &format!("{rows}\n\n");
    }
    for what in &findings.unseen {
        text += &format!("not looked at: {}\n", clean(what));
    }
    text + &format!("{} findings", findings.found.len())
}
