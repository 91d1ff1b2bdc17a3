//! `engram audit`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use engram_api::{ErrorCode, Problem};
use engram_server::verify_audit;
use serde::Serialize;

use crate::commands::start::ServerFlags;
use crate::failure::Failure;
use crate::output::{OutputFormat, clean, pairs, print};

#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// Check that the audit log is as it was written (exit code 1 if not)
    Verify(Verify),
}

impl Audit {
    pub(crate) fn run(self, output: OutputFormat) -> Result<(), Failure> {
        match self {
            Audit::Verify(command) => command.run(output),
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// Folder of the audit log; that of the configuration when absent
    dir: Option<PathBuf>,
    /// Hash of a line that was noted down before: it must still be there
    #[arg(long, value_name = "HASH")]
    noted: Option<String>,
    /// Configuration file (TOML) that names the folder
    #[arg(long, value_name = "FILE", env = "ENGRAM_CONFIG", hide_env_values = true)]
    config: Option<PathBuf>,
}

/// What was found.
#[derive(Debug, Serialize)]
struct Found {
    dir: String,
    first: u64,
    last: u64,
    head: String,
    files: usize,
    torn_bytes: u64,
}

impl Verify {
    fn run(self, output: OutputFormat) -> Result<(), Failure> {
        let dir = match self.dir {
            Some(dir) => dir,
            None => {
                let settings = ServerFlags::for_directory(None, self.config).settings()?;
                settings.audit.dir.unwrap_or_else(|| settings.data_dir.join("audit"))
            }
        };
        let summary = verify_audit(&dir, self.noted.as_deref()).map_err(|fault| {
            let detail = format!("{}, line {}: {}", fault.file, fault.line, fault.what);
            Failure::Problem(Box::new(Problem::new(ErrorCode::DataDamaged, detail)))
        })?;
        let found = Found {
            dir: dir.display().to_string(),
            first: summary.first,
            last: summary.last,
            head: summary.head,
            files: summary.files,
            torn_bytes: summary.torn_bytes,
        };
        print(output, &found, |found| {
            let torn = (found.torn_bytes > 0).then(|| found.torn_bytes.to_string());
            pairs(&[
                ("folder", Some(clean(&found.dir))),
                ("first line", Some(found.first.to_string())),
                ("last line", Some(found.last.to_string())),
                ("hash of the last line", Some(clean(&found.head))),
                ("files", Some(found.files.to_string())),
                ("bytes of a line that was cut off", torn),
            ])
        })?;
        Ok(())
    }
}
