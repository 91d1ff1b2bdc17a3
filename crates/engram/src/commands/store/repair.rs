//! `engram store repair`.

use clap::Args;
use engram_engine::{LostCommits, RepairPlan, Repaired, SpaceFate, SpaceRepair};
use serde_json::{Value, json};

use super::verify::label;
use super::{DirectoryFlags, failed, progress, step, verify};
use crate::failure::Failure;
use crate::output::{OutputFormat, clean, note, print, table};
use crate::values::confirm;

/// What is mended takes the place of what is damaged in one step, after a check of all of it; what is replaced moves into a folder
/// `repair-TIME` of the data directory. The server must not run.
#[derive(Debug, Args)]
pub(crate) struct Repair {
    #[command(flatten)]
    directory: DirectoryFlags,
    /// Only say what would be done and what would be lost
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long, short = 'y')]
    yes: bool,
}

impl Repair {
    pub(crate) fn run(self, output: OutputFormat) -> Result<(), Failure> {
        let offline = self.directory.open()?;
        let bar = progress();
        let plan = offline.plan_repair(&mut step(&bar));
        bar.finish_and_clear();
        let plan = plan.map_err(failed)?;
        if self.dry_run || plan.is_empty() {
            // Only a repair that was interrupted is completed here, which the check has seen.
            if !self.dry_run {
                offline.repair(&plan, &mut |_| ()).map_err(failed)?;
            }
            print(output, &to_json(&plan, None), |_| explain(&plan))?;
            return Ok(());
        }
        note(&explain(&plan));
        if !self.yes {
            confirm("Repair the data directory so?")?;
        }
        let bar = progress();
        let repaired = offline.repair(&plan, &mut step(&bar));
        bar.finish_and_clear();
        let repaired = repaired.map_err(failed)?;
        print(output, &to_json(&plan, repaired.as_ref()), |_| done(repaired.as_ref()))?;
        Ok(())
    }
}

fn done(repaired: Option<&Repaired>) -> String {
    let Some(repaired) = repaired else { return "nothing was to be done".to_owned() };
    let log = repaired.commits.map(|count| format!("; the new log holds {count} commits"));
    format!(
        "repaired: {} files moved into {}{}",
        repaired.moved,
        repaired.folder,
        log.unwrap_or_default()
    )
}

fn to_json(plan: &RepairPlan, repaired: Option<&Repaired>) -> Value {
    let space = |one: &SpaceRepair| {
        json!({
            "name": one.name,
            "uuid": one.id.to_string(),
            "fate": fate_name(one.fate),
            "keeps_through": one.keeps_through.0,
            "keeps_memories": one.keeps_memories,
            "had_memories": one.had_memories,
            "lost": one.lost.as_ref().map(|lost| json!({
                "from": lost.from.0,
                "through": lost.through.map(|lsn| lsn.0),
                "readable_commits": lost.readable,
                "readable_memories": lost.readable_memories,
            })),
            "why": one.why,
        })
    };
    json!({
        "needed": !plan.is_empty(),
        "loses": plan.loses(),
        "unknown_losses": plan.unknown_losses,
        "rewrites_log": plan.rewrites_log,
        "aside": plan.aside,
        "spaces": plan.spaces.iter().map(space).collect::<Vec<_>>(),
        "check": verify::to_json(&plan.report),
        "repaired": repaired.map(|repaired| json!({
            "folder": repaired.folder,
            "moved": repaired.moved,
            "commits": repaired.commits,
        })),
    })
}

fn fate_name(fate: SpaceFate) -> &'static str {
    match fate {
        SpaceFate::Kept => "kept",
        SpaceFate::Cut => "cut",
        SpaceFate::Rebuilt => "rebuilt",
        SpaceFate::MovedAside => "moved_aside",
        SpaceFate::WasDeleted => "was_deleted",
    }
}

/// What is wrong, what would be done, what would be lost.
fn explain(plan: &RepairPlan) -> String {
    if plan.is_empty() {
        return "nothing to repair: the data directory is intact".to_owned();
    }
    let mut text = verify::show(&plan.report) + "\n\nA repair would do this:\n";
    if plan.rewrites_log {
        text += "  write the log anew out of what is intact in it\n";
    }
    if !plan.aside.is_empty() {
        text += &format!("  move {} files aside:\n", plan.aside.len());
        plan.aside.iter().for_each(|file| text += &format!("    {}\n", clean(file)));
    }
    if !plan.spaces.is_empty() {
        let mut rows = table(&["space", "becomes", "keeps through lsn", "memories", "loses"]);
        for one in &plan.spaces {
            rows.add_row([
                clean(&label(one.name.as_deref(), &one.id.to_string())),
                fate_text(one.fate).to_owned(),
                one.keeps_through.to_string(),
                one.keeps_memories.map(|count| count.to_string()).unwrap_or_default(),
                loss(one),
            ]);
        }
        text += &format!("\n{rows}\n");
    }
    if plan.unknown_losses {
        text += "\nSpaces of which nothing at all is left may have stood in the damaged part of the log.\n";
    }
    text += match plan.loses() {
        true => {
            "\nWhat is lost may have been a deletion: memories that were forgotten by it are back. What can still be read of it is \
             shown by `engram store dump`. A backup has the rest."
        }
        false => "\nNothing is lost.",
    };
    text
}

fn fate_text(fate: SpaceFate) -> &'static str {
    match fate {
        SpaceFate::Kept => "whole",
        SpaceFate::Cut => "shorter",
        SpaceFate::Rebuilt => "rebuilt from the log",
        SpaceFate::MovedAside => "moved aside whole",
        SpaceFate::WasDeleted => "gone, as it was deleted",
    }
}

fn loss(space: &SpaceRepair) -> String {
    let memories = space.had_memories.map(|count| format!(", {count} memories in its files"));
    let memories = memories.filter(|_| space.fate == SpaceFate::MovedAside).unwrap_or_default();
    match &space.lost {
        None => "nothing".to_owned(),
        Some(LostCommits { from, through: None, .. }) => {
            format!("LSN {from} and later, if there were any{memories}")
        }
        Some(LostCommits { from, through: Some(through), readable, readable_memories }) => {
            let range = format!("LSN {from} to {through}{memories}");
            match readable {
                0 => range,
                _ => format!(
                    "{range}; {readable} of them with {readable_memories} memories can be dumped"
                ),
            }
        }
    }
}
