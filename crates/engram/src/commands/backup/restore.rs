//! `engram backup restore`.

use std::path::{Path, PathBuf};

use clap::Args;
use engram_api::{RestoreSpaceRequest, Timestamp};
use engram_backup::{RestorePlan, Restored, plan};
use serde_json::{Value, json};

use super::ask::end;
use super::target::TargetFlag;
use super::together::{Place, put_together};
use super::{RepositoryFlags, bytes, failed, progress, step};
use crate::connection::Connection;
use crate::failure::Failure;
use crate::output::{OutputFormat, clean, print, table};

/// With --into: a data directory, from the repository alone. With --as: a space under a new name, by the server, beside the live
/// ones. A time is exact to the nanosecond.
#[derive(Debug, Args)]
pub(crate) struct Restore {
    #[command(flatten)]
    repository: RepositoryFlags,
    /// Where to go back to: latest, a time (RFC 3339, up to nine digits of a second), lsn:N (of one space), point:NAME, backup:ID
    #[arg(long, value_name = "TARGET", default_value = "latest")]
    to: TargetFlag,
    /// Leave out the commit that is named: stop just before it
    #[arg(long)]
    exclusive: bool,
    /// The data directory to put together; it must be missing or empty
    #[arg(
        long,
        value_name = "DIR",
        conflicts_with = "new_name",
        required_unless_present_any = ["new_name", "dry_run"]
    )]
    into: Option<PathBuf>,
    /// Name that the space of --space gets beside the live ones
    #[arg(long = "as", value_name = "NAME", requires = "spaces")]
    new_name: Option<String>,
    /// Only this space; may be repeated
    #[arg(long = "space", short = 's', value_name = "NAME")]
    spaces: Vec<String>,
    /// The timeline that the target is on; the newest when absent
    #[arg(long, value_name = "N")]
    timeline: Option<u32>,
    /// Say what would be restored: the last commit that is taken of each space, and the first that is left out
    #[arg(long)]
    dry_run: bool,
    /// Take the place of a directory that is there: it is moved aside, and files of it are used where they are the same
    #[arg(long)]
    force: bool,
    /// Do not look at every byte of what was put together
    #[arg(long)]
    no_verify: bool,
}

impl Restore {
    pub(crate) fn run(self, connection: &Connection) -> Result<(), Failure> {
        match (&self.new_name, self.dry_run) {
            (Some(_), false) => self.beside(connection),
            _ => self.directory(connection.output),
        }
    }

    fn beside(self, connection: &Connection) -> Result<(), Failure> {
        let [space] = &self.spaces[..] else {
            return Err(Failure::usage("--as restores one space: name it with --space"));
        };
        if self.timeline.is_some() {
            let detail = "--timeline needs --into: a server restores from its own timeline";
            return Err(Failure::usage(detail));
        }
        let client = connection.client()?;
        let job = client.restore_space(&RestoreSpaceRequest {
            repository: self.repository.repository.clone(),
            name: space.clone(),
            new_name: self.new_name.clone().unwrap_or_default(),
            to: self.to.clone().wire(),
            exclusive: self.exclusive,
        })?;
        end(connection, &client, job)
    }

    fn directory(self, output: OutputFormat) -> Result<(), Failure> {
        let access = self.repository.open()?;
        let wanted = (!self.spaces.is_empty()).then_some(&self.spaces[..]);
        let target = self.to.clone().target(self.exclusive);
        let plan = plan(&access.repository, &target, self.timeline, wanted).map_err(failed)?;
        let (Some(dir), false) = (&self.into, self.dry_run) else {
            print(output, &to_json(&plan, None), |_| show(&plan, None))?;
            return Ok(());
        };
        let place = Place {
            dir,
            cold: access.cold.clone(),
            force: self.force,
            look: !self.no_verify,
            begins_timeline: true,
        };
        let bar = progress();
        let together = put_together(&access.repository, &plan, &place, &mut step(&bar));
        bar.finish_and_clear();
        let together = together?;
        let about = Some((&together.restored, together.aside.as_deref()));
        print(output, &to_json(&plan, about), |_| show(&plan, about))?;
        Ok(())
    }
}

fn to_json(plan: &RestorePlan, done: Option<(&Restored, Option<&Path>)>) -> Value {
    let time = |ns: i64| Timestamp(ns).to_string();
    let spaces: Vec<Value> = plan
        .spaces
        .iter()
        .map(|space| {
            let left_out =
                space.left_out.map(|(lsn, at)| json!({"lsn": lsn, "committed_at": time(at)}));
            json!({
                "name": space.name,
                "uuid": space.id.to_string(),
                "backup": space.backup,
                "covered_lsn": space.covered,
                "last": {"lsn": space.last.lsn, "committed_at": time(space.last.committed_at)},
                "first_left_out": left_out,
            })
        })
        .collect();
    let mut told = json!({
        "target": plan.target,
        "from_timeline": plan.timeline,
        "archived_through": plan.archived_through.map(time),
        "bytes": plan.bytes,
        "spaces": spaces,
    });
    if let Some((restored, aside)) = done {
        told["timeline"] = restored.directory.timeline.into();
        told["directory"] = restored.directory.id.to_string().into();
        told["commits"] = restored.commits.into();
        told["fetched_bytes"] = restored.fetched.into();
        told["reused_bytes"] = restored.reused.into();
        told["moved_aside"] = aside.map(|path| path.display().to_string()).into();
    }
    told
}

fn show(plan: &RestorePlan, done: Option<(&Restored, Option<&Path>)>) -> String {
    let time = |ns: i64| Timestamp(ns).to_string();
    let mut rows = table(&[
        "space",
        "files of backup",
        "last lsn",
        "committed at",
        "first left out",
        "committed at",
    ]);
    for space in &plan.spaces {
        rows.add_row([
            clean(&space.name),
            space.backup.clone().unwrap_or_else(|| "log only".to_owned()),
            space.last.lsn.to_string(),
            time(space.last.committed_at),
            space.left_out.map(|(lsn, _)| lsn.to_string()).unwrap_or_default(),
            space.left_out.map(|(_, at)| time(at)).unwrap_or_default(),
        ]);
    }
    let mut text = format!("{}, timeline {}\n{rows}", plan.target, plan.timeline);
    if let Some((restored, aside)) = done {
        text.push_str(&format!(
            "\nrestored on timeline {}: {} commits replayed, {} fetched, {} reused",
            restored.directory.timeline,
            restored.commits,
            bytes(restored.fetched),
            bytes(restored.reused)
        ));
        if let Some(aside) = aside {
            text.push_str(&format!("\nwhat was there before is in {}", aside.display()));
        }
    }
    text
}
