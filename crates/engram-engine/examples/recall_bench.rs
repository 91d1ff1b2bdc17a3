//! What a recall costs in this process: CPU time for each, by mode, with strength in the ranking and without, from RAM and
//! from files.
//!
//! `cargo run --release -p engram-engine --example recall_bench -- DIR [MEMORIES] [RECALLS]` makes the directory where it is
//! not there yet; `valgrind --tool=callgrind --toggle-collect='*::Engine::recall'` counts instructions of a second run.

#![expect(clippy::print_stdout, reason = "an example prints what it measures")]
#![expect(clippy::unwrap_used, reason = "an example fails where it cannot go on")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, mpsc};

use engram_engine::{
    Components, Cue, Done, Effect, Engine, EngineError, EngineSettings, MemoryContent, Mode,
    NewMemory, NewSpace, RankWeights, Recall, RememberOptions, Serial,
};
use engram_store::{Clock, Fs, ManualClock, RealFs, SeededEntropy};

const SPACE: &str = "default";
const DIMENSION: usize = 384;
/// 2026-01-01T00:00:00Z.
const NOW: i64 = 1_767_225_600_000_000_000;
const HOUR: i64 = 3_600_000_000_000;
const TOPICS: usize = 500;
const WORDS: u64 = 20_000;

/// Numbers without any order, the same each time.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 20
    }

    fn share(&mut self) -> f32 {
        (self.next() % 10_000) as f32 / 10_000.0
    }

    /// A word; small numbers are frequent.
    fn word(&mut self) -> String {
        let rank = (self.share() * self.share() * self.share() * WORDS as f32) as u64;
        format!("w{rank}")
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number =
        |place: usize, default| arguments.get(place).map_or(default, |n| n.parse().unwrap());
    let dir = Path::new(arguments.first().expect("a directory is named"));
    let (memories, recalls) = (number(1, 20_000), number(2, 2_000));
    let fs = Arc::new(RealFs);
    if fs.list(dir).is_err() {
        make(dir, memories);
    }
    for (residence, memory_bytes_max) in [("RAM", 4_u64 << 30), ("files", 0)] {
        let engine = open(dir, memory_bytes_max);
        warm_up(&engine, memories, recalls.min(500));
        for mode in [Mode::Hybrid, Mode::Associative] {
            let cost = |strength| {
                let cues: Vec<Cue> =
                    (0..recalls).map(|n| cue(n, memories, mode, strength)).collect();
                let before = cpu_ns();
                let answers: Vec<Recall> =
                    cues.iter().map(|cue| engine.recall(SPACE, cue).unwrap()).collect();
                let spent = (cpu_ns() - before) as f64 / recalls as f64 / 1e3;
                (spent, answers.iter().fold(0, told))
            };
            // In turn, as others use the machine, too; the least counts.
            let rounds: [_; 5] = std::array::from_fn(|_| (cost(0.0), cost(0.02)));
            let least = |costs: [f64; 5]| costs.into_iter().fold(f64::MAX, f64::min);
            let (without, with) =
                (least(rounds.map(|round| round.0.0)), least(rounds.map(|round| round.1.0)));
            println!(
                "{residence}, {}: {without:.1} us without strength, {with:.1} us with it ({:+.2} %); \
                 ids and scores {:016x}, {:016x}",
                mode.name(),
                (with / without - 1.0) * 100.0,
                rounds[0].0.1,
                rounds[0].1.1
            );
        }
    }
}

/// A number that says what an answer holds, to compare the bits of two builds.
fn told(sum: u64, answer: &Recall) -> u64 {
    let mix = |sum: u64, word: u64| (sum ^ word).wrapping_mul(0x0000_0100_0000_01b3);
    answer.items.iter().fold(sum, |sum, item| {
        let sum = item.detail.memory.id.bytes().fold(sum, |sum, byte| mix(sum, u64::from(byte)));
        mix(mix(sum, u64::from(item.score.to_bits())), u64::from(item.relevance.to_bits()))
    })
}

fn open(dir: &Path, memory_bytes_max: u64) -> Engine {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(NOW + 1_000 * HOUR));
    let components = Components {
        fs: Arc::new(RealFs),
        clock,
        blobs: None,
        entropy: Arc::new(SeededEntropy::new(7)),
        phraser: None,
        embedders: BTreeMap::new(),
        wake: Arc::new(|| {}),
    };
    let space = NewSpace {
        name: SPACE.to_owned(),
        embedder: "none".to_owned(),
        dimension: Some(DIMENSION as u32),
        ..NewSpace::default()
    };
    let settings = EngineSettings {
        memory_bytes_max,
        default_space: Some(space),
        index_lag_memories_max: u64::MAX,
        ..EngineSettings::default()
    };
    Engine::open(components, settings, dir).unwrap().0
}

fn make(dir: &Path, memories: usize) {
    RealFs.create_dir_all(dir).unwrap();
    let engine = open(dir, 4 << 30);
    for first in (0..memories).step_by(1_000) {
        let batch = (first..memories.min(first + 1_000)).map(memory).collect();
        let options = RememberOptions::default();
        settle(&engine, |done| engine.remember(SPACE, batch, &options, done)).unwrap();
        engine.maintain(10_000).unwrap();
    }
    while engine.link(100_000).unwrap().memories > 0 {
        engine.drive().unwrap();
    }
    while !engine.index(1_000_000, &Serial).unwrap().commits.is_empty() {
        engine.drive().unwrap();
    }
    while engine.maintain(1_000_000).unwrap().more {}
    engine.checkpoint(SPACE).unwrap();
    engine.close().unwrap();
}

/// Brings what is used to where the budget wants it.
fn warm_up(engine: &Engine, memories: usize, recalls: usize) {
    for n in 0..recalls {
        engine.recall(SPACE, &cue(n, memories, Mode::Hybrid, 0.0)).unwrap();
    }
    for _ in 0..50 {
        engine.maintain(1_000_000).unwrap();
    }
}

fn cue(n: usize, memories: usize, mode: Mode, strength: f32) -> Cue {
    let like = memory(n * 7_919 % memories);
    let text: Vec<&str> = like.content.text.split(' ').step_by(3).take(8).collect();
    let weights = RankWeights { strength, ..RankWeights::default() };
    Cue {
        text: text.join(" "),
        vector: like.vector,
        mode,
        weights: Some(weights),
        effect: Effect::Observe,
        ..Cue::default()
    }
}

fn memory(n: usize) -> NewMemory {
    let mut noise = Noise(n as u64 + 1);
    noise.next();
    let words: Vec<String> = (0..30).map(|_| noise.word()).collect();
    let mut topic = Noise((n % TOPICS) as u64 * 31 + 5);
    let vector =
        (0..DIMENSION).map(|_| topic.share() - 0.5 + 0.6 * (noise.share() - 0.5)).collect();
    NewMemory {
        id: Some(format!("memory-{n}")),
        content: MemoryContent {
            text: words.join(" "),
            session: format!("session {}", n / 20),
            people: if n.is_multiple_of(2) {
                vec![format!("Person {}", n % 300)]
            } else {
                Vec::new()
            },
            occurred_at: Some(NOW + n as i64 * (HOUR / 200)),
            ..MemoryContent::default()
        },
        vector: Some(vector),
    }
}

fn settle<T: Send + 'static>(
    engine: &Engine,
    submit: impl FnOnce(Done<T>),
) -> Result<T, EngineError> {
    let (sender, receiver) = mpsc::channel();
    submit(Box::new(move |outcome| sender.send(outcome).unwrap()));
    engine.drive()?;
    receiver.try_recv().expect("answered after driving")
}

/// Time that this process was on a core, ns.
fn cpu_ns() -> u64 {
    let told = std::fs::read_to_string("/proc/self/schedstat").unwrap();
    told.split(' ').next().unwrap().parse().unwrap()
}
