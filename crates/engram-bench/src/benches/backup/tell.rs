//! The report: tables for people, and the same figures as JSON.

use serde_json::{Value, json};

use super::line::{Rate, at};
use super::making::{MadeBackup, WRITES_MIN, WRITES_PER_SECOND};
use super::size::{LEVELS, Measured, NEW_SHARE};
use crate::benches::recall::stored_json;
use crate::benches::report::ReportBuilder;
use crate::grid::Grid;
use crate::numbers::round;

/// What times are told for beside those that were measured.
const FAR_BYTES: f64 = 1e10;
/// The 99th percentile of writes during a full backup, over that before, may be this.
const NOTICED_MAX: f64 = 1.5;

pub(super) fn tell(report: &mut ReportBuilder, all: &[Measured]) {
    report.set("writes_per_second", WRITES_PER_SECOND);
    report.set("new_share", NEW_SHARE);
    report.set("noticed_max", NOTICED_MAX);
    report.set("sizes", all.iter().map(size_json).collect::<Vec<Value>>());
    report.grid(backups(all));
    report.grid(writes(all));
    report.grid(restores(all));
    report.grid(checks(all));
    if let [.., small, large] = all {
        let (grid, told) = far(small, large);
        report.set("at_10_gb_seconds", told);
        report.grid(grid);
    }
}

impl Measured {
    fn made(&self) -> Rate {
        Rate { bytes: self.content_bytes, seconds: self.full.parts().0 }
    }

    fn restored(&self) -> Rate {
        self.at_end.restored
    }

    fn over_copy(&self, rate: Rate) -> f64 {
        rate.mb_per_second() / self.copied.mb_per_second().max(1e-9)
    }

    fn p99_ratio(&self) -> f64 {
        self.noticed.during.p99_ms / self.noticed.before.p99_ms.max(1e-9)
    }

    /// Commits that were decoded and applied in a second: what the space that ends at the last commit has to replay more than the one that
    /// ends with the full backup, over what it takes longer to open. None where that is not longer.
    fn replayed(&self) -> Option<(u64, f64)> {
        let commits = self.at_end.commits.saturating_sub(self.at_full.commits);
        let seconds = self.at_end.open_seconds - self.at_full.open_seconds;
        (commits > 0 && seconds > 0.0).then(|| (commits, commits as f64 / seconds))
    }
}

fn size_json(size: &Measured) -> Value {
    let backup = |made: &MadeBackup| {
        let (seconds, check_seconds) = made.parts();
        json!({
            "seconds": round(seconds, 3),
            "check_seconds": round(check_seconds, 3),
            "stored_bytes": made.view.bytes,
        })
    };
    let new = Rate { bytes: size.new_content, seconds: size.incremental.parts().0 };
    let per_gb = |seconds: f64| round(seconds / (size.checked_bytes.max(1) as f64 / 1e9), 3);
    let checks: serde_json::Map<String, Value> = LEVELS
        .iter()
        .zip(&size.checks)
        .map(|(level, seconds)| {
            let told = json!({ "seconds": round(*seconds, 3), "seconds_per_gb": per_gb(*seconds) });
            ((*level).to_owned(), told)
        })
        .collect();
    json!({
        "memories": size.memories,
        "new_memories": size.new,
        "stored": stored_json(&size.stored),
        "plain_copy": size.copied.to_json(),
        "full": backup(&size.full),
        "full_content": size.made().to_json(),
        "full_over_copy": round(size.over_copy(size.made()), 3),
        "writes": {
            "before": size.noticed.before,
            "during": size.noticed.during,
            "p50_ratio": round(size.noticed.during.p50_ms / size.noticed.before.p50_ms.max(1e-9), 3),
            "p99_ratio": round(size.p99_ratio(), 3),
            "enough_samples": size.noticed.during.requests >= WRITES_MIN,
        },
        "incremental": backup(&size.incremental),
        "incremental_content": new.to_json(),
        "incremental_grown_bytes": size.grown_bytes,
        "restore": size.restored().to_json(),
        "restore_over_copy": round(size.over_copy(size.restored()), 3),
        "replay": {
            "commits": size.replayed().map(|(commits, _)| commits),
            "commits_per_second": size.replayed().map(|(_, rate)| round(rate, 1)),
            "open_seconds_at_full": round(size.at_full.open_seconds, 3),
            "open_seconds": round(size.at_end.open_seconds, 3),
            "indexed_seconds_after": round(size.at_end.indexed_seconds, 3),
        },
        "recovery_seconds": round(size.recovery_seconds, 3),
        "checked_bytes": size.checked_bytes,
        "checks": checks,
    })
}

fn mb(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / 1e6)
}

fn backups(all: &[Measured]) -> Grid {
    let title = format!(
        "Backups into a folder beside a plain copy of the data directory with fsync. Full: files as they are (MB/s) over the seconds \
         until it was made; then every byte is compared. Incremental: {:.0} % new memories.",
        NEW_SHARE * 100.0
    );
    let header = [
        "memories",
        "copy MB",
        "copy MB/s",
        "full MB",
        "stored MB",
        "made s",
        "compared s",
        "MB/s",
        "of copy",
        "incremental: new MB",
        "stored MB",
        "made s",
        "compared s",
    ];
    let mut grid = Grid::new(title, &header);
    for size in all {
        let ((made, check), (more, more_check)) = (size.full.parts(), size.incremental.parts());
        grid.rows.push(vec![
            size.memories.to_string(),
            mb(size.copied.bytes),
            format!("{:.0}", size.copied.mb_per_second()),
            mb(size.content_bytes),
            mb(size.full.view.bytes),
            format!("{made:.2}"),
            format!("{check:.2}"),
            format!("{:.1}", size.made().mb_per_second()),
            format!("{:.2}", size.over_copy(size.made())),
            mb(size.new_content),
            mb(size.grown_bytes),
            format!("{more:.2}"),
            format!("{more_check:.2}"),
        ]);
    }
    grid
}

fn writes(all: &[Measured]) -> Grid {
    let title = format!(
        "Durable writes before a full backup and while it is made and compared: open loop, {WRITES_PER_SECOND:.0} single memories a second \
         arrive at random; latency from the arrival. The bar of p99 is {NOTICED_MAX} times."
    );
    let header = [
        "memories",
        "before: writes",
        "p50 ms",
        "p99 ms",
        "during: writes",
        "p50 ms",
        "p99 ms",
        "max ms",
        "p50 times",
        "p99 times",
    ];
    let mut grid = Grid::new(title, &header);
    for size in all {
        let (before, during) = (&size.noticed.before, &size.noticed.during);
        let few = if during.requests < WRITES_MIN { " (few writes)" } else { "" };
        grid.rows.push(vec![
            size.memories.to_string(),
            before.requests.to_string(),
            format!("{:.2}", before.p50_ms),
            format!("{:.2}", before.p99_ms),
            during.requests.to_string(),
            format!("{:.2}", during.p50_ms),
            format!("{:.2}", during.p99_ms),
            format!("{:.2}", during.max_ms),
            format!("{:.2}", during.p50_ms / before.p50_ms.max(1e-9)),
            format!("{:.2}{few}", size.p99_ratio()),
        ]);
    }
    grid
}

fn restores(all: &[Measured]) -> Grid {
    let title = "Restores to an empty directory. Replay: commits that are decoded and applied when the space is opened, beside the same \
                 space as the full backup has it. Recovery: from the start of a restore with its check to the first right answer.";
    let header = [
        "memories",
        "restored MB",
        "s",
        "MB/s",
        "of copy",
        "opens in s",
        "as of the full backup, s",
        "commits replayed",
        "per s",
        "indexed after s",
        "recovery s",
    ];
    let mut grid = Grid::new(title, &header);
    for size in all {
        let (restored, replayed) = (size.restored(), size.replayed());
        let none = || "too few".to_owned();
        grid.rows.push(vec![
            size.memories.to_string(),
            mb(restored.bytes),
            format!("{:.2}", restored.seconds),
            format!("{:.1}", restored.mb_per_second()),
            format!("{:.2}", size.over_copy(restored)),
            format!("{:.3}", size.at_end.open_seconds),
            format!("{:.3}", size.at_full.open_seconds),
            replayed.map_or_else(none, |(commits, _)| commits.to_string()),
            replayed.map_or_else(none, |(_, rate)| format!("{rate:.0}")),
            format!("{:.2}", size.at_end.indexed_seconds),
            format!("{:.2}", size.recovery_seconds),
        ]);
    }
    grid
}

fn checks(all: &[Measured]) -> Grid {
    let title = "Checks of the newest backup, each level with those below it: seconds, and seconds for a GB of content.";
    let mut header = vec!["memories", "content MB"];
    let names: Vec<String> = LEVELS.iter().map(|level| format!("level {level}: s, s/GB")).collect();
    header.extend(names.iter().map(String::as_str));
    let mut grid = Grid::new(title, &header);
    for size in all {
        let gb = size.checked_bytes.max(1) as f64 / 1e9;
        let mut row = vec![size.memories.to_string(), mb(size.checked_bytes)];
        row.extend(size.checks.iter().map(|seconds| format!("{seconds:.2}, {:.2}", seconds / gb)));
        grid.rows.push(row);
    }
    grid
}

/// A time of a size.
type Seconds = fn(&Measured) -> f64;

/// The straight line through the two largest sizes, at 10 GB.
fn far(small: &Measured, large: &Measured) -> (Grid, Value) {
    let figures: [(&str, Seconds); 6] = [
        ("plain copy", |size| size.copied.seconds),
        ("full backup", |size| size.full.parts().0),
        ("restore", |size| size.at_end.restored.seconds),
        ("recovery", |size| size.recovery_seconds),
        ("check 2", |size| size.checks[1]),
        ("check 4", |size| size.checks[3]),
    ];
    let title =
        "At 10 GB of content, s: on the straight line through the two largest sizes, in bytes.";
    let mut grid = Grid::new(title, &figures.map(|(name, _)| name));
    let mut told = serde_json::Map::new();
    let mut row = Vec::new();
    for (name, seconds) in figures {
        let rate = |size: &Measured| Rate { bytes: size.content_bytes, seconds: seconds(size) };
        let found = at(FAR_BYTES, (rate(small), rate(large)));
        row.push(found.map_or_else(|| "no line".to_owned(), |seconds| format!("{seconds:.0}")));
        told.insert(name.replace(' ', "_"), found.map(|seconds| round(seconds, 1)).into());
    }
    grid.rows.push(row);
    (grid, Value::Object(told))
}
