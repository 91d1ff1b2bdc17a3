//! `engram backup restore`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use engram_api::{ErrorCode, RestoreSpaceRequest, Timestamp};
use engram_backup::{BackupError, Finding, RestoreOptions, RestorePlan, Restored, plan, restore};
use engram_engine::{
    Components, Cue, Effect, Engine, EngineError, EngineSettings, Filter, ListQuery, Mode, Offline,
    Visibility,
};
use engram_store::{BlobStore, Clock, OsEntropy, RealFs, SystemClock, VerifyDepth};
use serde_json::{Value, json};

use super::ask::end;
use super::target::TargetFlag;
use super::{RepositoryFlags, bytes, failed, progress, step};
use crate::connection::Connection;
use crate::failure::Failure;
use crate::output::{OutputFormat, clean, print, table};

/// Memories of each space that a drill looks for.
const DRILL_MEMORIES: usize = 20;

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
        let aside = make_room(dir, self.force)?;
        let options = RestoreOptions {
            fs: Arc::new(RealFs),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(OsEntropy),
            blobs: access.cold.clone(),
            reuse: aside.clone(),
            begins_timeline: true,
        };
        let bar = progress();
        let restored = restore(&access.repository, &plan, &options, dir, &mut step(&bar));
        bar.finish_and_clear();
        let restored = restored.map_err(failed)?;
        if !self.no_verify {
            look_at(dir)?;
        }
        let about = Some((&restored, aside.as_deref()));
        print(output, &to_json(&plan, about), |_| show(&plan, about))?;
        Ok(())
    }
}

/// Moves a directory that is in the way aside, where that is wanted; to where.
fn make_room(dir: &Path, force: bool) -> Result<Option<PathBuf>, Failure> {
    let told = |error: std::io::Error| {
        Failure::new(ErrorCode::IoFailed, format!("{}: {error}", dir.display()))
    };
    let is_empty = match fs::read_dir(dir) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => true,
        entries => entries.map_err(told)?.next().is_none(),
    };
    if is_empty {
        return Ok(None);
    }
    if !force {
        let detail = format!(
            "{} is not empty; restore into another directory, or move this one aside with --force",
            dir.display()
        );
        return Err(Failure::usage(detail));
    }
    // Held by a server, it is not touched.
    let opened = Offline::open(Arc::new(RealFs), Arc::new(SystemClock), Arc::new(OsEntropy), dir);
    match opened.map_err(|error| failed(error.into()))? {
        Some(lock) => drop(lock),
        None => {
            let detail = format!("{} is no data directory; it is not moved", dir.display());
            return Err(Failure::usage(detail));
        }
    }
    let now = SystemClock.now_ns() / 1_000_000_000;
    let mut name = dir.file_name().unwrap_or_default().to_owned();
    name.push(format!(".before-restore-{now}"));
    let aside = dir.with_file_name(name);
    fs::rename(dir, &aside).map_err(told)?;
    Ok(Some(aside))
}

fn look_at(dir: &Path) -> Result<(), Failure> {
    let told = |error: EngineError| failed(error.into());
    let opened = Offline::open(Arc::new(RealFs), Arc::new(SystemClock), Arc::new(OsEntropy), dir);
    let Some(offline) = opened.map_err(told)? else { return Ok(()) };
    let report = offline.verify(VerifyDepth::Deep, None, &mut |_| {}).map_err(told)?;
    if report.is_intact() {
        return Ok(());
    }
    let first = report.findings.first().map(|one| format!("{}: {}", one.file, one.what));
    let fault = report.spaces.iter().find_map(|space| space.fault.clone());
    let detail = format!(
        "what was put together in {} is not intact: {}",
        dir.display(),
        first.or(fault).unwrap_or_default()
    );
    Err(Failure::new(ErrorCode::RepositoryDamaged, detail))
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

/// Opens what was put together and works with it: each space must stand where its last commit says, list its memories, and find them
/// by their words.
pub(super) fn drill(
    dir: &Path,
    plan: &RestorePlan,
    blobs: Option<Arc<dyn BlobStore>>,
) -> Result<Vec<Finding>, BackupError> {
    let components = Components {
        fs: Arc::new(RealFs),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(OsEntropy),
        blobs,
        // What is asked needs words only.
        embedders: BTreeMap::new(),
        phraser: None,
        wake: Arc::new(|| {}),
    };
    let settings = EngineSettings { reserve_bytes: 0, ..EngineSettings::default() };
    let (engine, _) = Engine::open(components, settings, dir)?;
    let mut findings = Vec::new();
    for space in &plan.spaces {
        let mut find = |why: String| findings.push(Finding { what: space.name.clone(), why });
        let stats = engine.stats(&space.name)?;
        if (stats.lsn.0, stats.state_sum) != (space.last.lsn, space.last.state_sum) {
            find(format!("it stands at LSN {} and not at {}", stats.lsn, space.last.lsn));
            continue;
        }
        for (id, text) in some_memories(&engine, &space.name)? {
            if !recalls(&engine, &space.name, &id, &text)? {
                find(format!("memory {id:?} is not found by its own words"));
            }
        }
    }
    Ok(findings)
}

fn some_memories(engine: &Engine, space: &str) -> Result<Vec<(String, String)>, EngineError> {
    let query = ListQuery {
        filter: Filter::default(),
        after: None,
        limit: DRILL_MEMORIES,
        visibility: Visibility::Active,
        as_of: None,
    };
    let page = engine.list(space, &query)?;
    let memories = page.items.into_iter().map(|item| item.memory);
    Ok(memories.map(|memory| (memory.id.clone(), memory.content.text.clone())).collect())
}

fn recalls(engine: &Engine, space: &str, id: &str, text: &str) -> Result<bool, EngineError> {
    let words: Vec<&str> = text.split_whitespace().take(12).collect();
    if words.is_empty() {
        return Ok(true);
    }
    let cue = Cue {
        text: words.join(" "),
        mode: Mode::Keyword,
        limit: 50,
        effect: Effect::Observe,
        ..Cue::default()
    };
    let found = engine.recall(space, &cue)?;
    // Many memories may say the same: then the page is full of what is as good.
    let is_full = found.items.len() >= 50;
    Ok(is_full || found.items.iter().any(|item| item.detail.memory.id == id))
}
