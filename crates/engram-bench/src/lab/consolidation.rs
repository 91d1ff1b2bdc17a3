//! What consolidation saves and what it costs: days that are much alike, before and after their beliefs stand for them.

use std::time::{Duration, Instant};

use engram_api::{
    ConsolidateRequest, CreateSpaceRequest, MemoryInput, ModeName, RecallRequest,
    RememberManyRequest, Timestamp,
};
use serde_json::{Value, json};

use super::report::Findings;
use super::subject::{DAY_NS, START_NS};
use crate::failure::BenchError;
use crate::grid::{Grid, points};
use crate::local::LocalServer;
use crate::numbers::{mean, round};

/// Bytes that must be saved at least, and the share of R@10 that must be left.
const SAVED_MIN: f64 = 0.5;
const RECALL_LEFT_MIN: f64 = 0.95;
/// How often each thing is done.
const REPEATED: usize = 20;
const LIMIT: u32 = 10;
const BATCH: usize = 500;
const SPACE: &str = "days";
/// How long memories have to move.
const MOVED_WITHIN: Duration = Duration::from_secs(120);
/// A tier in which nothing moves for so long is settled.
const QUIET: Duration = Duration::from_secs(4);

const NAMES: [&str; 30] = [
    "Ada", "Boris", "Chiara", "Dmitri", "Elif", "Farid", "Greta", "Hiro", "Ines", "Jonas", "Katya",
    "Luca", "Marta", "Nadia", "Omar", "Paula", "Quentin", "Rosa", "Sven", "Tomoko", "Ursula",
    "Viktor", "Wanda", "Ximena", "Yusuf", "Zora", "Anselm", "Bettina", "Cyril", "Doris",
];
/// What is done, as a question has it and as it is told.
const DEEDS: [(&str, &str); 14] = [
    ("water the tomatoes on the balcony", "watered the tomatoes on the balcony"),
    ("run along the lake", "ran along the lake"),
    ("repair old radios in the cellar", "repaired old radios in the cellar"),
    ("play chess in the park", "played chess in the park"),
    ("bake rye bread", "baked rye bread"),
    ("feed the neighbour's cat", "fed the neighbour's cat"),
    ("practise the cello", "practised the cello"),
    ("swim at the public pool", "swam at the public pool"),
    ("write letters to a pen friend", "wrote letters to a pen friend"),
    ("cycle to the old quarry", "cycled to the old quarry"),
    ("sketch buildings downtown", "sketched buildings downtown"),
    ("learn Portuguese verbs", "learned Portuguese verbs"),
    ("sort the stamp collection", "sorted the stamp collection"),
    ("volunteer at the food bank", "volunteered at the food bank"),
];
/// How it is told: the deed stands for `{}`.
const FRAMES: [&str; 10] = [
    "Today {}.",
    "{} once more.",
    "This morning {}.",
    "{}, as so often.",
    "Before work {}.",
    "{} in spite of the rain.",
    "In the evening {}.",
    "{} with a friend.",
    "{}, a little later than usual.",
    "After lunch {}.",
];

/// What was found at one moment.
struct Found {
    /// Share of the evidence that is in answers.
    direct: Vec<f64>,
    /// The same with what beliefs in the answers cite.
    cited: Vec<f64>,
    /// Bytes in RAM and in local segments.
    bytes: u64,
    cold_memories: u64,
}

pub(super) fn run(
    findings: &mut Findings,
    progress: &mut dyn FnMut(&str),
) -> Result<(), BenchError> {
    let objects = tempfile::TempDir::new().map_err(BenchError::file(&std::env::temp_dir()))?;
    let flags = [
        ("cold.url", format!("file://{}", objects.path().display())),
        ("cold.covered_after", "0 s".to_owned()),
        ("checkpoint.log_bytes", "1 MiB".to_owned()),
    ];
    let server = LocalServer::start_with(START_NS, &flags)?;
    let outcome = tried(&server, findings, progress);
    server.stop()?;
    outcome
}

fn tried(
    server: &LocalServer,
    findings: &mut Findings,
    progress: &mut dyn FnMut(&str),
) -> Result<(), BenchError> {
    let request = CreateSpaceRequest { name: SPACE.to_owned(), ..CreateSpaceRequest::default() };
    server.client.create_space(&request)?;
    let memories = memories();
    for (nth, batch) in memories.chunks(BATCH).enumerate() {
        let memories = batch.to_vec();
        let request = RememberManyRequest { memories, ..RememberManyRequest::default() };
        server.client.space(SPACE).remember_many(&request)?;
        progress(&format!("consolidation: {} days stored", (nth + 1) * BATCH));
    }
    server.settle(&[SPACE])?;
    settled(server)?;
    let before = look(server)?;
    progress("consolidation: making beliefs");
    let (beliefs, covered) = consolidate(server)?;
    // Commit times run ahead of a clock that stands: until it moves on, all was used just now.
    server.clock.set(START_NS + DAY_NS);
    settled(server)?;
    let after = look(server)?;
    tell(findings, (memories.len(), beliefs, covered), (&before, &after));
    Ok(())
}

/// Makes all beliefs; how many there are, and on how many memories they rest.
fn consolidate(server: &LocalServer) -> Result<(u64, u64), BenchError> {
    let space = server.client.space(SPACE);
    loop {
        let answer = space.consolidate(&ConsolidateRequest::default())?;
        if answer.remaining == 0 || answer.memories == 0 {
            let stats = server.client.space(SPACE).stats()?;
            return Ok((stats.beliefs, stats.consolidated));
        }
        server.settle(&[SPACE])?;
    }
}

/// Waits until memories have moved where they belong.
fn settled(server: &LocalServer) -> Result<(), BenchError> {
    let started = Instant::now();
    let (mut last, mut since) = (None, Instant::now());
    while started.elapsed() < MOVED_WITHIN && since.elapsed() < QUIET {
        let tiers = server.client.space(SPACE).stats()?.tiers;
        if last.as_ref() != Some(&tiers) {
            (last, since) = (Some(tiers), Instant::now());
        }
        std::thread::sleep(Duration::from_millis(250));
    }
    Ok(())
}

fn look(server: &LocalServer) -> Result<Found, BenchError> {
    let stats = server.client.space(SPACE).stats()?;
    let (mut direct, mut cited) = (Vec::new(), Vec::new());
    for (person, name) in NAMES.iter().enumerate() {
        for (deed, (asked, _)) in DEEDS.iter().enumerate() {
            let answer = server.client.space(SPACE).recall(&RecallRequest {
                text: Some(format!("Does {name} {asked}?")),
                mode: Some(ModeName::Associative),
                limit: Some(LIMIT),
                observe: true,
                ..RecallRequest::default()
            })?;
            let mine = |id: &String| id.starts_with(&format!("{person}-{deed}-"));
            let own = answer.items.iter().filter(|item| mine(&item.memory.id)).count();
            let beliefs = answer.items.iter().filter_map(|item| item.memory.belief.as_ref());
            let through: std::collections::BTreeSet<&String> = answer
                .items
                .iter()
                .map(|item| &item.memory.id)
                .chain(beliefs.flat_map(|belief| &belief.citations))
                .filter(|id| mine(id))
                .collect();
            let most = REPEATED.min(LIMIT as usize);
            direct.push(own as f64 / most as f64);
            cited.push(through.len().min(most) as f64 / most as f64);
        }
    }
    let bytes = stats.bytes + stats.tiers.segment_bytes;
    Ok(Found { direct, cited, bytes, cold_memories: stats.tiers.cold_memories })
}

/// Everybody does everything again and again, told in other words on other days; the days of all are mixed.
fn memories() -> Vec<MemoryInput> {
    let mut memories = Vec::new();
    for round in 0..REPEATED {
        for (person, name) in NAMES.iter().enumerate() {
            for (deed, (_, told)) in DEEDS.iter().enumerate() {
                let day = (round * DEEDS.len() + (deed + person) % DEEDS.len()) as i64;
                let frame = FRAMES[(round + person + deed) % FRAMES.len()];
                memories.push(MemoryInput {
                    id: Some(format!("{person}-{deed}-{round}")),
                    text: Some(frame.replace("{}", &format!("{name} {told}"))),
                    session: Some(format!("{name}-{day}")),
                    people: vec![(*name).to_owned()],
                    occurred_at: Some(Timestamp(START_NS - 400 * DAY_NS + day * DAY_NS)),
                    ..MemoryInput::default()
                });
            }
        }
    }
    memories
}

fn tell(
    findings: &mut Findings,
    (memories, beliefs, covered): (usize, u64, u64),
    (before, after): (&Found, &Found),
) {
    let saved = 1.0 - after.bytes as f64 / before.bytes.max(1) as f64;
    let recall = mean(&before.direct);
    let (left, left_direct) = (mean(&after.cited) / recall, mean(&after.direct) / recall);
    let mut grid = Grid::new(
        format!("Consolidation: {memories} episodes, {beliefs} beliefs resting on {covered}."),
        &["", "hot + warm MiB", "cold memories", "R@10", "R@10 with citations"],
    );
    for (name, found) in [("before", before), ("after", after)] {
        grid.rows.push(vec![
            name.to_owned(),
            format!("{:.1}", found.bytes as f64 / f64::from(1 << 20)),
            found.cold_memories.to_string(),
            points(mean(&found.direct)),
            points(mean(&found.cited)),
        ]);
    }
    findings.grid(grid);
    findings.claim(
        "consolidation",
        format!("at least {:.0} % of hot and warm bytes are saved", SAVED_MIN * 100.0),
        (format!("{:.1} %", saved * 100.0), saved >= SAVED_MIN),
    );
    findings.claim(
        "consolidation",
        format!(
            "R@10, with what beliefs cite, is at least {:.0} % of before",
            RECALL_LEFT_MIN * 100.0
        ),
        (
            format!("{:.1} %; {:.1} % without citations", left * 100.0, left_direct * 100.0),
            left >= RECALL_LEFT_MIN,
        ),
    );
    let told = |found: &Found| -> Value {
        json!({
            "bytes": found.bytes, "cold_memories": found.cold_memories,
            "r@10": round(mean(&found.direct), 4), "r@10_cited": round(mean(&found.cited), 4),
        })
    };
    findings.set(
        "consolidation",
        json!({
            "memories": memories, "beliefs": beliefs, "covered": covered,
            "before": told(before), "after": told(after), "saved": round(saved, 4),
        }),
    );
}
