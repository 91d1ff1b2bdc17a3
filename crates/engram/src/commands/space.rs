//! `engram space`.

use clap::{Args, Subcommand, ValueEnum};
use engram_api::{
    CalibrationView, ConsolidationName, CreateSpaceRequest, DuplicatesName, QuotaView,
    SpaceStatsView, SpaceView,
};

use crate::connection::Connection;
use crate::decay_flags::SpaceDecayFlags;
use crate::failure::Failure;
use crate::output::{clean, pairs, print, table};
use crate::values::confirm;

#[derive(Debug, Subcommand)]
pub(crate) enum Space {
    /// Create a space; its settings are fixed with it
    Create(Create),
    /// List all spaces
    List,
    /// Show a space and its settings
    Get(Named),
    /// Delete a space with all its memories, for good
    Delete(Delete),
    /// Count what a space holds
    Stats(Named),
}

#[derive(Debug, Args)]
pub(crate) struct Create {
    /// Its name: 1 to 64 of a-z 0-9 - _, starting with a letter or digit
    name: String,
    /// What computes its vectors: builtin, none, or the name of a configured embedder
    #[arg(long, value_name = "NAME")]
    embedder: Option<String>,
    /// Length of its vectors; the embedder's when absent
    #[arg(long, value_name = "N")]
    dimension: Option<u32>,
    /// Language of the text analysis: a two-letter code, or none
    #[arg(long, value_name = "CODE")]
    language: Option<String>,
    #[command(flatten)]
    decay: SpaceDecayFlags,
    /// Being recalled does not strengthen its memories
    #[arg(long)]
    no_training: bool,
    /// Make beliefs behind what is stored, not only when asked
    #[arg(long)]
    consolidate: bool,
    /// What becomes of a memory that says what another one says; keep when absent
    #[arg(long, value_enum)]
    duplicates: Option<DuplicatesFlag>,
    /// Field of the metadata whose value names what a memory states: newer ones supersede older ones with the same value
    #[arg(long, value_name = "FIELD")]
    supersede_key: Option<String>,
}

/// A policy for duplicates.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum DuplicatesFlag {
    /// It is stored, reported and linked
    Keep,
    /// It counts as a repetition, unless it states something more
    Merge,
    /// It is refused
    Reject,
}

impl From<DuplicatesFlag> for DuplicatesName {
    fn from(policy: DuplicatesFlag) -> DuplicatesName {
        match policy {
            DuplicatesFlag::Keep => DuplicatesName::Keep,
            DuplicatesFlag::Merge => DuplicatesName::Merge,
            DuplicatesFlag::Reject => DuplicatesName::Reject,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Named {
    /// Name of the space
    name: String,
}

#[derive(Debug, Args)]
pub(crate) struct Delete {
    /// Name of the space
    name: String,
    /// Do not ask
    #[arg(long, short = 'y')]
    yes: bool,
}

impl Space {
    pub(crate) fn run(&self, connection: &Connection) -> Result<(), Failure> {
        match self {
            Space::Create(create) => create.run(connection),
            Space::List => list(connection),
            Space::Get(named) => {
                connection.named_space(&named.name)?;
                let space = connection.client()?.get_space(&named.name)?;
                print(connection.output, &space, show)?;
                Ok(())
            }
            Space::Delete(delete) => delete.run(connection),
            Space::Stats(named) => stats(connection, &named.name),
        }
    }
}

impl Create {
    fn run(&self, connection: &Connection) -> Result<(), Failure> {
        let space = connection.client()?.create_space(&CreateSpaceRequest {
            name: self.name.clone(),
            dimension: self.dimension,
            embedder: self.embedder.clone(),
            language: self.language.clone(),
            decay: self.decay.decay(),
            recall_trains: self.no_training.then_some(false),
            duplicates: self.duplicates.map(DuplicatesName::from),
            consolidation: self.consolidate.then_some(ConsolidationName::Scheduled),
            supersede_key: self.supersede_key.clone(),
        })?;
        print(connection.output, &space, show)?;
        Ok(())
    }
}

fn list(connection: &Connection) -> Result<(), Failure> {
    let answer = connection.client()?.list_spaces()?;
    print(connection.output, &answer, |answer| {
        let mut rows = table(&[
            "name",
            "embedder",
            "dimension",
            "language",
            "duplicates",
            "created at",
            "quarantined",
        ]);
        for space in &answer.spaces {
            rows.add_row([
                space.name.clone(),
                clean(&space.embedder.name),
                space.dimension.to_string(),
                space.language.clone(),
                space.duplicates.as_str().to_owned(),
                space.created_at.to_string(),
                clean(space.quarantined.as_deref().unwrap_or_default()),
            ]);
        }
        rows.to_string()
    })?;
    Ok(())
}

fn show(space: &SpaceView) -> String {
    let embedder = &space.embedder;
    let model = match embedder.model.as_str() {
        "" => None,
        model => Some(format!("{} {model} {}", embedder.provider, embedder.weights_hash)),
    };
    pairs(&[
        ("name", Some(space.name.clone())),
        ("uuid", Some(space.uuid.clone())),
        ("embedder", Some(embedder.name.clone())),
        ("model", model),
        ("dimension", Some(space.dimension.to_string())),
        ("language", Some(space.language.clone())),
        ("law of forgetting", Some(space.decay.law.as_str().to_owned())),
        ("stability at first", space.decay.stability_days.map(|days| format!("{days} days"))),
        (
            "consolidation",
            Some(match space.consolidation {
                ConsolidationName::OnDemand => "on demand".to_owned(),
                ConsolidationName::Scheduled => "scheduled".to_owned(),
            }),
        ),
        ("recall trains", Some(if space.recall_trains { "yes" } else { "no" }.to_owned())),
        ("duplicates", Some(space.duplicates.as_str().to_owned())),
        ("supersede key", space.supersede_key.as_deref().map(clean)),
        ("created at", Some(space.created_at.to_string())),
        ("quarantined", space.quarantined.clone()),
    ])
}

impl Delete {
    fn run(&self, connection: &Connection) -> Result<(), Failure> {
        let client = connection.client()?;
        let held = connection.named_space(&self.name)?.stats()?;
        if !self.yes {
            confirm(&format!(
                "Delete space {} with {} memories for good?",
                held.name,
                held.memories + held.suppressed
            ))?;
        }
        let gone = client.delete_space(&self.name)?;
        print(connection.output, &gone, |gone| {
            format!("deleted space {} with {} memories", gone.name, gone.memories)
        })?;
        Ok(())
    }
}

/// What was learned of relevance, a mode after the other; none where nothing was judged.
fn calibration(stats: &SpaceStatsView) -> Option<String> {
    let told = |of: &CalibrationView| {
        let (mode, slope, shift) = (of.mode.as_str(), of.slope, of.shift);
        let (before, after) = (of.error_before, of.error_after);
        format!(
            "{mode}: slope {slope:.2}, shift {shift:+.2} of {} judgements; error {before:.3} before, {after:.3} after",
            of.judgements
        )
    };
    let all: Vec<String> = stats.calibration.iter().map(told).collect();
    (!all.is_empty()).then(|| all.join("; "))
}

fn quota(quota: &QuotaView) -> String {
    let parts = [
        (quota.memories, "memories"),
        (quota.bytes, "bytes"),
        (quota.writes_per_second.map(u64::from), "writes a second"),
        (quota.reads_per_second.map(u64::from), "reads a second"),
        (quota.calls.map(u64::from), "requests at once"),
    ];
    let told = |(most, what): &(Option<u64>, &str)| most.map(|most| format!("{most} {what}"));
    parts.iter().filter_map(told).collect::<Vec<_>>().join(", ")
}

fn stats(connection: &Connection, name: &str) -> Result<(), Failure> {
    let stats = connection.named_space(name)?.stats()?;
    print(connection.output, &stats, |stats| {
        pairs(&[
            ("name", Some(stats.name.clone())),
            ("memories", Some(stats.memories.to_string())),
            ("suppressed", Some(stats.suppressed.to_string())),
            ("vectors", Some(stats.vectors.to_string())),
            ("vectors in the graph", Some(stats.indexed_vectors.to_string())),
            ("associations", Some(stats.associations.to_string())),
            ("entities", Some(stats.entities.to_string())),
            ("not associated yet", Some(stats.unlinked.to_string())),
            ("used or judged", Some(stats.learned.to_string())),
            ("bytes in RAM", Some(stats.bytes.to_string())),
            ("hot", Some(format!("{} memories in RAM", stats.tiers.hot_memories))),
            ("warm", Some(format!("{} memories in segments", stats.tiers.warm_memories))),
            ("cold", Some(format!("{} memories in the cold store", stats.tiers.cold_memories))),
            ("bytes in the cold store", Some(stats.tiers.cold_bytes.to_string())),
            ("became cold by disuse", Some(stats.tiers.moved_by_disuse.to_string())),
            ("segments", Some(stats.tiers.segments.to_string())),
            ("bytes of segments", Some(stats.tiers.segment_bytes.to_string())),
            ("became hot by use", Some(stats.tiers.moved_by_use.to_string())),
            ("became hot by room", Some(stats.tiers.moved_by_room.to_string())),
            ("became warm by pressure", Some(stats.tiers.moved_by_pressure.to_string())),
            ("quota", stats.quota.as_ref().map(quota)),
            ("became warm by quota", Some(stats.tiers.moved_by_quota.to_string())),
            ("lsn", Some(stats.lsn.to_string())),
            ("committed at", stats.committed_at.map(|time| time.to_string())),
            ("relevance learned", calibration(stats)),
        ])
    })?;
    Ok(())
}
