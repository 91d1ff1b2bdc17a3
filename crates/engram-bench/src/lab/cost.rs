//! What fading costs: how well old and new evidence is found with strength in the ranking and without it.

use std::path::Path;

use engram_api::{CreateSpaceRequest, LawName, ModeName, RecallRequest, SpaceDecay, WeightsInput};
use serde_json::{Value, json};

use super::report::Findings;
use super::subject::DAY_NS;
use crate::beir::EvalSet;
use crate::eval::{EvalScope, EvalSpace, SpacePlan, fill};
use crate::failure::BenchError;
use crate::grid::{Grid, points};
use crate::local::LocalServer;
use crate::numbers::{mean, round};

/// Weights of strength: none, the default, and two that somebody may want.
const WEIGHTS: [f32; 4] = [0.0, 0.02, 0.1, 0.3];
/// The default among them.
const DEFAULT: usize = 1;
/// Ages of the evidence, days: up to each of them.
const AGES: [(f64, &str); 4] =
    [(7.0, "up to 7 d"), (30.0, "7 to 30 d"), (90.0, "30 to 90 d"), (f64::INFINITY, "older")];
/// Points of R@10 that the default weight may cost in all, and with any age of at least `ENOUGH` questions.
const COST_MAX: f64 = 0.005;
const COST_OF_AGE_MAX: f64 = 0.02;
const ENOUGH: usize = 50;
const LIMIT: u32 = 10;

/// R@10 of one question with each weight, and the age of its evidence in days.
struct Outcome {
    age_days: f64,
    recall: Vec<f64>,
}

pub(super) fn run(
    server: &LocalServer,
    dir: &Path,
    (findings, progress): (&mut Findings, &mut dyn FnMut(&str)),
) -> Result<(), BenchError> {
    let set = EvalSet::read(dir)?;
    let plan = SpacePlan::new(&set, EvalScope::Groups)?;
    let mut told = serde_json::Map::new();
    let mut by_law = Grid::new(
        format!("Cost of fading on {}: R@10 by law and weight of strength.", set.name),
        &["law", "0", "0.02", "0.1", "0.3"],
    );
    for law in LawName::ALL {
        progress(&format!("storing {} with law {}", set.name, law.as_str()));
        let prefix = format!("{}-", law.as_str().replace('_', "-"));
        for space in &plan.spaces {
            let request = CreateSpaceRequest {
                name: format!("{prefix}{}", space.name),
                decay: Some(SpaceDecay { law, stability_days: None }),
                ..CreateSpaceRequest::default()
            };
            fill(server, &set, (space, &request), progress)?;
        }
        let outcomes = ask(server, (&set, &plan), &prefix, progress)?;
        for space in &plan.spaces {
            server.client.delete_space(&format!("{prefix}{}", space.name))?;
        }
        let all: Vec<f64> = (0..WEIGHTS.len()).map(|weight| overall(&outcomes, weight)).collect();
        let mut row = vec![law.as_str().to_owned()];
        row.extend(all.iter().map(|recall| points(*recall)));
        by_law.rows.push(row);
        if law == LawName::Fsrs {
            judge(&set.name, &outcomes, findings);
        }
        told.insert(law.as_str().to_owned(), by_age(&outcomes));
    }
    findings.grid(by_law);
    findings.set("cost", json!({ "set": set.name, "weights": WEIGHTS, "laws": told }));
    Ok(())
}

fn ask(
    server: &LocalServer,
    (set, plan): (&EvalSet, &SpacePlan),
    prefix: &str,
    progress: &mut dyn FnMut(&str),
) -> Result<Vec<Outcome>, BenchError> {
    let mut outcomes = Vec::new();
    for (query, space) in set.queries.iter().zip(&plan.of_query) {
        let space: &EvalSpace = &plan.spaces[*space];
        if query.gold.is_empty() || query.category.as_deref() == Some("adversarial") {
            continue;
        }
        let now_ns = space.now_ns(query);
        let times: Vec<i64> = space
            .documents
            .iter()
            .map(|at| &set.documents[*at])
            .filter(|document| query.gold.contains_key(&document.id))
            .filter_map(|document| document.memory.occurred_at.map(|at| at.nanoseconds()))
            .collect();
        let Some(oldest) = times.into_iter().min() else { continue };
        server.clock.set(now_ns);
        let client = server.client.space(format!("{prefix}{}", space.name));
        let mut recall = Vec::new();
        for strength in WEIGHTS {
            let answer = client.recall(&RecallRequest {
                text: Some(query.text.clone()),
                mode: Some(ModeName::Associative),
                limit: Some(LIMIT),
                weights: Some(WeightsInput { strength: Some(strength), ..WeightsInput::default() }),
                observe: true,
                ..RecallRequest::default()
            })?;
            let found = answer.items.iter().filter(|i| query.gold.contains_key(&i.memory.id));
            recall.push(found.count() as f64 / query.gold.len() as f64);
        }
        let age_days = now_ns.saturating_sub(oldest) as f64 / DAY_NS as f64;
        outcomes.push(Outcome { age_days, recall });
        if outcomes.len().is_multiple_of(100) {
            progress(&format!("{prefix}: {} questions asked", outcomes.len()));
        }
    }
    match outcomes.is_empty() {
        true => Err(BenchError::set(&set.name, "no question has evidence with a time")),
        false => Ok(outcomes),
    }
}

fn overall(outcomes: &[Outcome], weight: usize) -> f64 {
    mean(&outcomes.iter().map(|outcome| outcome.recall[weight]).collect::<Vec<_>>())
}

/// The outcomes of each age.
fn aged(outcomes: &[Outcome]) -> Vec<(&'static str, Vec<&Outcome>)> {
    let mut from = f64::NEG_INFINITY;
    let mut groups = Vec::new();
    for (until, name) in AGES {
        let inside = |outcome: &&Outcome| outcome.age_days > from && outcome.age_days <= until;
        groups.push((name, outcomes.iter().filter(inside).collect()));
        from = until;
    }
    groups
}

fn recall_of(group: &[&Outcome], weight: usize) -> f64 {
    mean(&group.iter().map(|outcome| outcome.recall[weight]).collect::<Vec<_>>())
}

fn by_age(outcomes: &[Outcome]) -> Value {
    let group = |(name, group): (&str, Vec<&Outcome>)| {
        let recall: Vec<f64> =
            (0..WEIGHTS.len()).map(|weight| round(recall_of(&group, weight), 4)).collect();
        json!({ "age": name, "questions": group.len(), "r@10": recall })
    };
    aged(outcomes).into_iter().map(group).collect()
}

fn judge(set: &str, outcomes: &[Outcome], findings: &mut Findings) {
    let mut grid = Grid::new(
        format!(
            "Cost of fading on {set}, law fsrs: R@10 by age of the evidence and weight of strength."
        ),
        &["age of the evidence", "questions", "0", "0.02", "0.1", "0.3"],
    );
    let mut dearest: f64 = 0.0;
    for (name, group) in aged(outcomes) {
        let mut row = vec![name.to_owned(), group.len().to_string()];
        row.extend((0..WEIGHTS.len()).map(|weight| points(recall_of(&group, weight))));
        grid.rows.push(row);
        if group.len() >= ENOUGH {
            dearest = dearest.max(recall_of(&group, 0) - recall_of(&group, DEFAULT));
        }
    }
    let cost = overall(outcomes, 0) - overall(outcomes, DEFAULT);
    findings.grid(grid);
    let found = format!("{:.2} points in all, {:.2} with one age", cost * 100.0, dearest * 100.0);
    let claim = format!(
        "the default weight costs at most {} points of R@10, and {} with any age",
        COST_MAX * 100.0,
        COST_OF_AGE_MAX * 100.0
    );
    findings.claim("cost", claim, (found, cost <= COST_MAX && dearest <= COST_OF_AGE_MAX));
}
