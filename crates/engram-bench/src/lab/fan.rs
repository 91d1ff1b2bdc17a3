//! The fan effect: the more is known of a concept, the less activation each piece of it gets (Anderson, "Retrieval of
//! propositional information from long-term memory", 1974).

use engram_api::{EdgeKindName, LawName, MemoryInput, SeedInput, SpreadRequest};
use serde_json::json;

use super::report::Findings;
use super::subject::{MINUTE_NS, START_NS, Subject, item};
use crate::failure::BenchError;
use crate::grid::Grid;
use crate::local::LocalServer;
use crate::numbers::{mean, round};

/// Facts that are known of each person.
const FANS: [usize; 5] = [1, 2, 3, 5, 10];
/// Activation of a fact must fall by at least this share from each fan to the next.
const FALL: f64 = 0.05;
const PEOPLE: [&str; 5] = ["Ada Hill", "Bo Lund", "Cleo Marsh", "Dan Frost", "Eve Stone"];
const PLACES: [&str; 10] = [
    "park", "church", "bank", "harbour", "theatre", "garage", "bakery", "museum", "stadium",
    "forest",
];

pub(super) fn run(server: &LocalServer, findings: &mut Findings) -> Result<(), BenchError> {
    let subject = Subject::new(server, "fan", LawName::Fsrs)?;
    let mut at = START_NS;
    let mut study = |memory: MemoryInput| {
        at += MINUTE_NS;
        subject.study(at, memory)
    };
    for (person, fan) in PEOPLE.iter().zip(FANS) {
        let of = |memory: MemoryInput| MemoryInput { people: vec![(*person).to_owned()], ..memory };
        study(of(item(format!("probe {fan}"), "who is this")))?;
        for place in &PLACES[..fan] {
            study(of(item(format!("{fan} {place}"), format!("The hippie is in the {place}."))))?;
        }
    }
    let mut activations = Vec::new();
    for fan in FANS {
        let answer = subject.client.spread(&SpreadRequest {
            seeds: vec![SeedInput { id: format!("probe {fan}"), activation: None }],
            kinds: vec![EdgeKindName::Entity],
            limit: Some(100),
            ..SpreadRequest::default()
        })?;
        let own = format!("{fan} ");
        let facts = answer.items.iter().filter(|item| item.memory.id.starts_with(&own));
        activations.push(mean(&facts.map(|item| f64::from(item.activation)).collect::<Vec<_>>()));
    }
    let falls = activations.windows(2).all(|pair| pair[1] <= pair[0] * (1.0 - FALL));
    let mut grid = Grid::new(
        "Fan: activation of each fact of a person, by the number of facts that are known of them.",
        &["facts", "activation of each"],
    );
    for (fan, activation) in FANS.iter().zip(&activations) {
        grid.rows.push(vec![fan.to_string(), format!("{activation:.4}")]);
    }
    findings.grid(grid);
    let (first, last) = (activations[0], activations[FANS.len() - 1]);
    let found = (format!("{first:.3} with one fact, {last:.3} with ten"), falls && last > 0.0);
    findings.claim("fan", format!("activation falls by {FALL} or more with each fan"), found);
    let rounded: Vec<f64> = activations.iter().map(|activation| round(*activation, 5)).collect();
    findings.set("fan", json!({ "fan": FANS, "activation": rounded }));
    Ok(())
}
