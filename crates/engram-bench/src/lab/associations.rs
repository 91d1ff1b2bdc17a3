//! Association norms: what people answer to a word is what comes to mind first (Nelson, McEvoy and Schreiber, "The University of
//! South Florida free association norms", 2004, is the usual file).

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use engram_api::{LawName, ModeName, RecallRequest, RememberManyRequest};
use serde_json::json;

use super::report::Findings;
use super::subject::{Subject, item};
use crate::failure::BenchError;
use crate::grid::{Grid, points};
use crate::local::LocalServer;
use crate::numbers::{quantile, round};

/// Cues that are asked, at most: those that stand first in the file.
const CUES_MAX: usize = 1_000;
/// Items of an answer; a target behind them counts as one behind.
const DEPTH: usize = 100;
const NEAR: usize = 10;
/// How much more often than by chance a target must be among the first ten.
const OVER_CHANCE: f64 = 5.0;
/// Memories in one request.
const BATCH: usize = 500;

struct Norm {
    cue: String,
    target: String,
    strength: f64,
}

pub(super) fn run(
    server: &LocalServer,
    file: &Path,
    findings: &mut Findings,
) -> Result<(), BenchError> {
    let norms = read(file)?;
    let subject = Subject::new(server, "associations", LawName::Fsrs)?;
    let words: BTreeSet<&str> =
        norms.iter().flat_map(|norm| [norm.cue.as_str(), norm.target.as_str()]).collect();
    let ids: BTreeMap<&str, String> =
        words.iter().enumerate().map(|(n, word)| (*word, format!("w{n}"))).collect();
    let memories: Vec<_> = words.iter().map(|word| item(ids[word].clone(), *word)).collect();
    for batch in memories.chunks(BATCH) {
        let memories = batch.to_vec();
        subject.client.remember_many(&RememberManyRequest { memories, ..Default::default() })?;
    }
    let mut strongest: BTreeMap<&str, &Norm> = BTreeMap::new();
    for norm in &norms {
        let room = strongest.len() < CUES_MAX;
        match strongest.get_mut(norm.cue.as_str()) {
            Some(known) if known.strength < norm.strength => *known = norm,
            None if room => {
                strongest.insert(&norm.cue, norm);
            }
            _ => {}
        }
    }
    let mut ranks = Vec::new();
    for norm in strongest.values() {
        let answer = subject.client.recall(&RecallRequest {
            like: vec![ids[norm.cue.as_str()].clone()],
            mode: Some(ModeName::Associative),
            limit: Some(DEPTH as u32),
            observe: true,
            ..RecallRequest::default()
        })?;
        let target = &ids[norm.target.as_str()];
        let place = answer.items.iter().position(|item| item.memory.id == *target);
        ranks.push(place.unwrap_or(DEPTH) as f64 + 1.0);
    }
    tell(findings, ranks, words.len());
    Ok(())
}

fn tell(findings: &mut Findings, mut ranks: Vec<f64>, words: usize) {
    let within = |depth: usize| {
        ranks.iter().filter(|rank| **rank <= depth as f64).count() as f64 / ranks.len() as f64
    };
    let (near, far) = (within(NEAR), within(DEPTH));
    let chance = |depth: usize| (depth as f64 / (words - 1) as f64).min(1.0);
    let over = near / chance(NEAR);
    ranks.sort_by(f64::total_cmp);
    let median = quantile(&ranks, 0.5);
    let mut grid = Grid::new(
        format!(
            "Associations: the strongest associate of {} cues among {words} words, beside chance.",
            ranks.len()
        ),
        &["among the first", "found, %", "by chance, %"],
    );
    for (depth, found) in [(NEAR, near), (DEPTH, far)] {
        grid.rows.push(vec![depth.to_string(), points(found), points(chance(depth))]);
    }
    findings.grid(grid);
    let claim =
        format!("among the first {NEAR} at least {OVER_CHANCE} times as often as by chance");
    findings.claim("associations", claim, (format!("{over:.0} times"), over >= OVER_CHANCE));
    findings.set(
        "associations",
        json!({
            "words": words, "cues": ranks.len(), "median_rank": median,
            "hit@10": round(near, 4), "hit@100": round(far, 4), "chance@10": round(chance(NEAR), 6),
        }),
    );
}

fn read(file: &Path) -> Result<Vec<Norm>, BenchError> {
    let text = std::fs::read_to_string(file).map_err(BenchError::file(file))?;
    let mut norms = Vec::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let bad = || {
            let place = format!("{}, line {}", file.display(), number + 1);
            BenchError::set(place, "expected cue, target and strength, separated by tabs")
        };
        let [cue, target, strength] =
            line.split('\t').collect::<Vec<_>>().try_into().map_err(|_| bad())?;
        let strength: f64 = strength.trim().parse().map_err(|_| bad())?;
        if cue.trim().is_empty() || target.trim().is_empty() || !strength.is_finite() {
            return Err(bad());
        }
        let word = |word: &str| word.trim().to_lowercase();
        let norm = Norm { cue: word(cue), target: word(target), strength };
        if norm.cue != norm.target {
            norms.push(norm);
        }
    }
    match norms.is_empty() {
        true => Err(BenchError::set(file.display().to_string(), "it holds no norm")),
        false => Ok(norms),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn norms_are_read_line_by_line() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("norms.tsv");
        std::fs::write(&file, "Dog\tcat\t0.67\n\ndog\tdog\t1\nbread\tbutter\t0.5\n").unwrap();
        let norms = read(&file).unwrap();
        let told: Vec<_> = norms.iter().map(|n| (n.cue.as_str(), n.target.as_str())).collect();
        assert_eq!(told, [("dog", "cat"), ("bread", "butter")]);
        std::fs::write(&file, "dog cat 0.67\n").unwrap();
        assert!(read(&file).is_err());
    }
}
