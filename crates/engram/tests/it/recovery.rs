//! What the tests of backups share: homes with repositories, and how a recovery is measured.

use std::path::Path;
use std::time::{Duration, Instant};

use engram_api::Timestamp;
use serde_json::Value;

use crate::world::{CONFIG_NAME, Node, World};

/// How long something is waited for.
const WAIT: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(100);

/// A home whose server has these repositories, each in a folder, and archives each second.
pub(crate) fn world(repositories: &[&str]) -> World {
    let world = World::new();
    configure(&world, repositories, "");
    world
}

/// The same for a home that is there, with more lines of configuration.
pub(crate) fn configure(world: &World, repositories: &[&str], more: &str) {
    let data_dir = world.data_dir();
    let mut config =
        format!("data_dir = \"{}\"\n[backup]\narchive_interval = \"1 s\"\n", data_dir.display());
    for name in repositories {
        let dir = world.path(&format!("repository-{name}"));
        config += &format!("[repositories.{name}]\nurl = \"file://{}\"\n", dir.display());
    }
    world.write(CONFIG_NAME, config + more);
}

pub(crate) fn remember(node: &Node<'_>, range: std::ops::Range<u32>) {
    for number in range {
        let (id, text) = (format!("m{number}"), format!("note {number} about the harbour"));
        node.run(&["remember", &text, "--id", &id]).ok();
    }
}

/// Waits until nothing follows any more, and all that is durable is archived.
pub(crate) fn archived(node: &Node<'_>) {
    let limit = Instant::now() + WAIT;
    loop {
        let unlinked = node.json(&["space", "stats", "default"])["unlinked"].as_u64().unwrap();
        let status = node.json(&["backup", "status"]);
        let waiting = |own: &Value| own["waiting_commits"] != 0 || own["ready"] != true;
        if unlinked == 0 && !status["repositories"].as_array().unwrap().iter().any(waiting) {
            return;
        }
        assert!(Instant::now() < limit, "{unlinked} unlinked, {status}");
        std::thread::sleep(PAUSE);
    }
}

/// Flips bits in the middle of each file that is meant; their number.
pub(crate) fn damage_every(dir: &Path, is_it: impl Fn(&str) -> bool) -> usize {
    let mut count = 0;
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if is_it(path.file_name().unwrap().to_str().unwrap()) {
            let mut bytes = std::fs::read(&path).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 0x55;
            std::fs::write(&path, bytes).unwrap();
            count += 1;
        }
    }
    count
}

/// How a recall in `default` ranks, without leaving a trace.
fn ranking(node: &Node<'_>) -> Vec<String> {
    let found = node.json(&["recall", "note 3 about the harbour", "--observe"]);
    let items = found["items"].as_array().unwrap();
    items.iter().map(|item| item["memory"]["id"].as_str().unwrap().to_owned()).collect()
}

/// Where `default` stood, and what it answered, before a disaster.
pub(crate) struct Before {
    lsn: u64,
    committed_at: i64,
    ranking: Vec<String>,
}

/// What a recovery cost.
pub(crate) struct Cost {
    /// Acknowledged commits that are not in it.
    pub(crate) lost_commits: u64,
    /// Time between the last acknowledged commit and the last one that is in it, ns.
    pub(crate) rpo_ns: i64,
}

impl Before {
    pub(crate) fn of(node: &Node<'_>) -> Before {
        let (lsn, committed_at) = stand(node);
        Before { lsn, committed_at, ranking: ranking(node) }
    }

    /// Measures a recovery that began at `begun`, at its first right answer.
    #[track_caller]
    pub(crate) fn recovered(&self, what: &str, begun: Instant, node: &Node<'_>) -> Cost {
        assert_eq!(ranking(node), self.ranking, "{what}");
        self.cost(what, begun, node)
    }

    /// The same where fewer memories are back than there were.
    #[track_caller]
    pub(crate) fn cost(&self, what: &str, begun: Instant, node: &Node<'_>) -> Cost {
        let rto = begun.elapsed();
        let (lsn, committed_at) = stand(node);
        let lost_commits = self.lsn.saturating_sub(lsn);
        let rpo_ns = if lost_commits == 0 { 0 } else { self.committed_at - committed_at };
        println!(
            "{what}: RTO {:.3} s, RPO {:.3} s, {lost_commits} commits lost",
            rto.as_secs_f64(),
            rpo_ns as f64 / 1e9
        );
        Cost { lost_commits, rpo_ns }
    }
}

fn stand(node: &Node<'_>) -> (u64, i64) {
    let stats = node.json(&["space", "stats", "default"]);
    let at = Timestamp::parse(stats["committed_at"].as_str().unwrap()).unwrap();
    (stats["lsn"].as_u64().unwrap(), at.0)
}
