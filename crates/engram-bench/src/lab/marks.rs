//! Marks from text alone: how many of those that are made are right, and how many of the right ones are made, on labelled pairs;
//! and how many arise among the memories of a set.
//!
//! The lines of the pairs with odd numbers were there to tune the rules on, those with even numbers only to measure.

use std::path::Path;

use engram_api::{LawName, MarkKindName, MarksRequest, MemoryInput, Timestamp};
use serde::Deserialize;
use serde_json::json;

use super::report::Findings;
use super::subject::{DAY_NS, START_NS, Subject, item};
use crate::beir::EvalSet;
use crate::eval::{EvalScope, SpacePlan, fill};
use crate::failure::BenchError;
use crate::grid::{Grid, points};
use crate::local::LocalServer;
use crate::numbers::round;

/// Share of the marks of each kind on the half for measuring that must be right.
const PRECISION_MIN: f64 = 0.8;
/// Marks among 1,000 memories of a set, at most.
const MARKS_MAX: f64 = 20.0;
/// Days between the two memories of a pair.
const APART_DAYS: i64 = 30;
/// Pairs of one answer.
const PAGE: u32 = 1_000;

/// One side of a labelled pair.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SideLine {
    text: String,
    #[serde(default)]
    people: Vec<String>,
}

/// A labelled pair.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PairLine {
    id: String,
    label: Label,
    earlier: SideLine,
    later: SideLine,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Label {
    Update,
    Contradiction,
    Neither,
}

impl Label {
    fn of(kind: MarkKindName) -> Label {
        match kind {
            MarkKindName::PossibleUpdate => Label::Update,
            MarkKindName::PossibleContradiction => Label::Contradiction,
        }
    }
}

/// How often a kind was found where it is, where it is not, and missed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    right: u32,
    wrong: u32,
    missed: u32,
}

impl Tally {
    fn precision(self) -> f64 {
        f64::from(self.right) / f64::from((self.right + self.wrong).max(1))
    }

    fn recall(self) -> f64 {
        f64::from(self.right) / f64::from((self.right + self.missed).max(1))
    }
}

pub(super) fn run(
    server: &LocalServer,
    (pairs, set): (&Path, Option<&Path>),
    (findings, progress): (&mut Findings, &mut dyn FnMut(&str)),
) -> Result<(), BenchError> {
    let pairs = read(pairs)?;
    let mut tallies = [[Tally::default(); 2]; 2];
    for (number, pair) in pairs.iter().enumerate() {
        let found = mark_of(server, pair)?;
        for (place, kind) in MarkKindName::ALL.into_iter().enumerate() {
            let tally = &mut tallies[number % 2][place];
            let (found, meant) = (found == Some(kind), pair.label == Label::of(kind));
            tally.right += u32::from(found && meant);
            tally.wrong += u32::from(found && !meant);
            tally.missed += u32::from(!found && meant);
        }
    }
    tell(findings, pairs.len(), &tallies);
    if let Some(set) = set {
        flood(server, set, (findings, progress))?;
    }
    Ok(())
}

/// How a pair is marked in a space of its own.
fn mark_of(server: &LocalServer, pair: &PairLine) -> Result<Option<MarkKindName>, BenchError> {
    let name = format!("marks-{}", pair.id);
    let subject = Subject::new(server, &name, LawName::Fsrs)?;
    for (side, id, at_ns) in [
        (&pair.earlier, "earlier", START_NS),
        (&pair.later, "later", START_NS + APART_DAYS * DAY_NS),
    ] {
        let memory = MemoryInput {
            people: side.people.clone(),
            occurred_at: Some(Timestamp(at_ns)),
            ..item(id, side.text.as_str())
        };
        subject.study(at_ns, memory)?;
    }
    let page = subject.client.marks(&MarksRequest::default())?;
    server.client.delete_space(&name)?;
    Ok(page.marks.into_iter().next().and_then(|mark| mark.kind))
}

fn tell(findings: &mut Findings, count: usize, tallies: &[[Tally; 2]; 2]) {
    let mut grid = Grid::new(
        format!("Marks on {count} labelled pairs, by half."),
        &["half", "kind", "right", "wrong", "missed", "precision, %", "recall, %"],
    );
    let mut told = serde_json::Map::new();
    for (half, tallies) in ["tuned", "measured"].into_iter().zip(tallies) {
        let mut kinds = serde_json::Map::new();
        for (kind, tally) in MarkKindName::ALL.into_iter().zip(tallies) {
            let (precision, recall) = (tally.precision(), tally.recall());
            grid.rows.push(vec![
                half.to_owned(),
                kind.as_str().to_owned(),
                tally.right.to_string(),
                tally.wrong.to_string(),
                tally.missed.to_string(),
                points(precision),
                points(recall),
            ]);
            let figures = json!({
                "right": tally.right, "wrong": tally.wrong, "missed": tally.missed,
                "precision": round(precision, 4), "recall": round(recall, 4),
            });
            kinds.insert(kind.as_str().to_owned(), figures);
            if half == "measured" {
                let claim = format!("at least {PRECISION_MIN} of {} right", kind.as_str());
                let found = format!("{precision:.3}");
                findings.claim("marks", claim, (found, precision >= PRECISION_MIN));
            }
        }
        told.insert(half.to_owned(), kinds.into());
    }
    findings.grid(grid);
    findings.set("marks", json!({ "pairs": count, "halves": told }));
}

/// How many marks the memories of a set make.
fn flood(
    server: &LocalServer,
    dir: &Path,
    (findings, progress): (&mut Findings, &mut dyn FnMut(&str)),
) -> Result<(), BenchError> {
    let set = EvalSet::read(dir)?;
    let plan = SpacePlan::new(&set, EvalScope::Groups)?;
    let (mut marks, mut memories) = (0, 0);
    let mut grid = Grid::new(
        format!("Marks among the memories of {}.", set.name),
        &["kind", "earlier", "later"],
    );
    for space in &plan.spaces {
        let name = format!("marks-{}", space.name);
        let request = engram_api::CreateSpaceRequest { name: name.clone(), ..Default::default() };
        fill(server, &set, (space, &request), progress)?;
        memories += space.documents.len() as u64;
        let client = server.client.space(&name);
        let page = client.marks(&MarksRequest { limit: Some(PAGE), ..Default::default() })?;
        marks += page.total;
        for mark in page.marks {
            let text = |id: &str| {
                let document = set.documents.iter().find(|document| document.id == id);
                document.and_then(|document| document.memory.text.clone()).unwrap_or_default()
            };
            let kind = mark.kind.map(|kind| kind.as_str().to_owned()).unwrap_or_default();
            grid.rows.push(vec![kind, text(&mark.earlier.id), text(&mark.later.id)]);
        }
        server.client.delete_space(&name)?;
    }
    let share = marks as f64 * 1_000.0 / memories.max(1) as f64;
    findings.claim(
        "marks",
        format!("at most {MARKS_MAX} marks among 1,000 memories of {}", set.name),
        (format!("{share:.1}"), share <= MARKS_MAX),
    );
    findings.set(
        "marks_in_set",
        json!({ "set": set.name, "memories": memories, "marks": marks, "in_1000": round(share, 2) }),
    );
    findings.grid(grid);
    Ok(())
}

fn read(file: &Path) -> Result<Vec<PairLine>, BenchError> {
    let text = std::fs::read_to_string(file).map_err(BenchError::file(file))?;
    let mut pairs = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let pair = serde_json::from_str(line).map_err(|error| {
            BenchError::set(format!("{}, line {}", file.display(), number + 1), error.to_string())
        })?;
        pairs.push(pair);
    }
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_labelled_pairs_are_many_and_balanced() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../eval/marks/pairs.jsonl");
        let pairs = read(&file).unwrap();
        assert!(pairs.len() >= 120);
        for half in 0..2 {
            for label in [Label::Update, Label::Contradiction, Label::Neither] {
                let own = pairs.iter().skip(half).step_by(2);
                assert!(own.filter(|pair| pair.label == label).count() >= 20, "{label:?}");
            }
        }
        let dir = tempfile::tempdir().unwrap();
        let bad = dir.path().join("pairs.jsonl");
        std::fs::write(&bad, "{\"id\":\"a\"}\n").unwrap();
        assert!(read(&bad).is_err());
    }

    #[test]
    fn shares_of_nothing_are_none() {
        assert_eq!((Tally::default().precision(), Tally::default().recall()), (0.0, 0.0));
        let tally = Tally { right: 3, wrong: 1, missed: 2 };
        assert_eq!((tally.precision(), tally.recall()), (0.75, 0.6));
    }
}
