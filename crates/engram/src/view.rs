//! How memories look to a person.

use std::fmt::Write as _;

use engram_api::{
    MemoryVersionView, MemoryView, NeighbourView, PathStepView, RecallResponse, RecalledView,
    RouteView, StateName, StrengthView,
};
use serde::Serialize;

use crate::output::{clean, pairs, shorten, table};

/// Characters of a text that a row of a table shows.
const TEXT_CHARS: usize = 160;

/// One memory with all its fields.
pub(crate) fn memory(memory: &MemoryView) -> String {
    let some = |text: &Option<String>| text.clone();
    let time = |time: Option<engram_api::Timestamp>| time.map(|time| time.to_string());
    let names = |names: &[String]| (!names.is_empty()).then(|| names.join(", "));
    let confidence = &memory.confidence;
    let strength = &memory.strength;
    pairs(&[
        ("id", Some(memory.id.clone())),
        ("version", Some(memory.version.to_string())),
        ("kind", json(&memory.kind)),
        ("state", (memory.state != StateName::Active).then(|| "suppressed".to_owned())),
        ("title", some(&memory.title)),
        ("text", some(&memory.text)),
        ("session", some(&memory.session)),
        ("occurred at", time(memory.occurred_at)),
        ("occurred until", time(memory.occurred_until)),
        ("place", some(&memory.place)),
        ("people", names(&memory.people)),
        ("entities", names(&memory.entities)),
        ("tags", names(&memory.tags)),
        ("metadata", (!memory.metadata.is_empty()).then(|| json(&memory.metadata)).flatten()),
        ("source", memory.source.as_ref().and_then(json)),
        ("subject", some(&memory.subject)),
        ("attribute", some(&memory.attribute)),
        (
            "confidence",
            Some(format!(
                "{:.2} ({:.2} to {:.2}, evidence {})",
                confidence.mean, confidence.low, confidence.high, confidence.evidence
            )),
        ),
        ("strength", Some(faded(strength))),
        ("used at", time(strength.used_at)),
        ("importance", memory.importance.map(|share| format!("{share:.2}"))),
        ("valid from", time(memory.valid_from)),
        ("valid until", time(memory.valid_until)),
        ("expires at", time(memory.expires_at)),
        ("fades", memory.decay.as_ref().and_then(json)),
        ("superseded by", some(&memory.superseded_by)),
        ("supersedes", names(&memory.supersedes)),
        ("lsn", Some(memory.lsn.to_string())),
        ("committed at", Some(memory.committed_at.to_string())),
        ("vectors", memory.vectors.as_ref().and_then(json)),
    ])
}

fn faded(strength: &StrengthView) -> String {
    let StrengthView { retrievability, stability_days, law, uses, .. } = strength;
    let stability =
        stability_days.map(|days| format!("stability {days:.1} days, ")).unwrap_or_default();
    format!("{retrievability:.2} ({stability}{law}, used {uses} times)")
}

/// A string without its quotes, everything else as JSON.
fn json<T: Serialize>(value: &T) -> Option<String> {
    let json = serde_json::to_string(value).ok()?;
    Some(json.trim_matches('"').to_owned())
}

/// Memories as rows.
pub(crate) fn memories(memories: &[MemoryView]) -> String {
    let mut table = table(&["id", "when", "people", "text"]);
    for memory in memories {
        table.add_row([
            clean(&memory.id),
            when(memory),
            clean(&memory.people.join(", ")),
            text(memory),
        ]);
    }
    table.to_string()
}

/// Versions as rows.
pub(crate) fn versions(versions: &[MemoryVersionView]) -> String {
    let mut table = table(&["version", "lsn", "committed at", "replaced at", "reason", "text"]);
    for version in versions {
        let said = version.memory.text.as_deref().unwrap_or_default();
        table.add_row([
            version.version.to_string(),
            version.lsn.to_string(),
            version.committed_at.to_string(),
            version.replaced_at.map(|time| time.to_string()).unwrap_or_default(),
            clean(version.reason.as_deref().unwrap_or_default()),
            shorten(said, TEXT_CHARS),
        ]);
    }
    table.to_string()
}

/// A recall as rows; with an explanation below each where the answer has one.
pub(crate) fn recall(answer: &RecallResponse) -> String {
    let mut table =
        table(&["#", "relevance", "strength", "confidence", "id", "when", "people", "text"]);
    for (index, item) in answer.items.iter().enumerate() {
        let around = item.neighbours.as_deref().unwrap_or_default();
        for neighbour in around.iter().filter(|neighbour| neighbour.distance < 0) {
            table.add_row(beside(neighbour));
        }
        let memory = &item.memory;
        table.add_row([
            (index + 1).to_string(),
            format!("{:.3}", item.relevance),
            format!("{:.2}", item.strength),
            format!("{:.2}", item.confidence),
            clean(&memory.id),
            when(memory),
            clean(&memory.people.join(", ")),
            text(memory),
        ]);
        for neighbour in around.iter().filter(|neighbour| neighbour.distance > 0) {
            table.add_row(beside(neighbour));
        }
    }
    let mut out = table.to_string();
    if answer.terms.is_some() {
        out += &how(answer);
    }
    out
}

/// A row for a memory that stands beside a recalled one.
fn beside(neighbour: &NeighbourView) -> [String; 8] {
    let memory = &neighbour.memory;
    let empty = String::new;
    [
        format!("{:+}", neighbour.distance),
        empty(),
        empty(),
        empty(),
        clean(&memory.id),
        when(memory),
        clean(&memory.people.join(", ")),
        text(memory),
    ]
}

/// How an answer was found: one paragraph for all, one line for each item.
fn how(answer: &RecallResponse) -> String {
    let mut out = String::new();
    let searched = &answer.searched;
    let terms = answer.terms.as_deref().unwrap_or_default();
    write!(
        out,
        "\n\n{} in mode {}; terms of the cue: {}; {} memories eligible, {} found by a route, {} vectors compared; \
         {} memories activated over {} associations{}; as of LSN {}, at {}",
        answer.outcome.as_str(),
        answer.mode.as_str(),
        clean(&terms.join(" ")),
        searched.eligible,
        searched.candidates,
        searched.vectors_scanned,
        searched.nodes_activated,
        searched.edges_followed,
        if searched.spread_cut { " (cut)" } else { "" },
        answer.snapshot_lsn,
        answer.recalled_at,
    )
    .expect("a string takes all that is written");
    for (index, item) in answer.items.iter().enumerate() {
        write!(out, "\n{}. {}", index + 1, why(item)).expect("a string takes all that is written");
    }
    out
}

/// Why an item is in the answer, in one line.
fn why(item: &RecalledView) -> String {
    let routes = &item.routes;
    let named = [
        ("vector: cosine", &routes.vector),
        ("text: BM25", &routes.text),
        ("context:", &routes.context),
        ("activation:", &routes.activation),
        ("strength:", &routes.strength),
        ("recency:", &routes.recency),
        ("importance:", &routes.importance),
        ("supersedes a match of:", &routes.succession),
        ("priming:", &routes.priming),
        ("negative:", &routes.negative),
    ];
    let mut parts: Vec<String> = named
        .into_iter()
        .filter_map(|(name, route)| {
            let RouteView { raw, normalised, weight, contribution } = (*route)?;
            Some(format!(
                "{name} {raw:.3}, normalised {normalised:.3} x weight {weight:.2} = {contribution:.3}"
            ))
        })
        .collect();
    if let Some(terms) = item.matched_terms.as_ref().filter(|terms| !terms.is_empty()) {
        parts.push(format!("matched: {}", clean(&terms.join(" "))));
    }
    if let Some(steps) = item.path.as_ref().filter(|steps| !steps.is_empty()) {
        parts.push(format!("path: {}", path(steps)));
    }
    if let Some(by) = &item.primed_by {
        let (id, seconds) = (clean(&by.id), by.seconds);
        parts.push(format!("primed by: {id}, {} turns and {seconds:.0} s ago", by.turns));
    }
    format!("{} = {:.3}: {}", clean(&item.memory.id), item.score, parts.join("; "))
}

/// The way of an activation: ids, and between them the associations.
pub(crate) fn path(steps: &[PathStepView]) -> String {
    let mut out = steps.first().map(|step| clean(&step.from)).unwrap_or_default();
    for step in steps {
        let label = step.label.as_ref().map(|label| format!(" {}", clean(label)));
        write!(
            out,
            " -[{}{} {:.2}]-> {}",
            step.kind.as_str(),
            label.unwrap_or_default(),
            step.weight,
            clean(&step.to)
        )
        .expect("a string takes all that is written");
    }
    out
}

/// When it happened, to the minute; else when it was stored.
pub(crate) fn when(memory: &MemoryView) -> String {
    let time = memory.occurred_at.unwrap_or(memory.committed_at).to_string();
    time.get(..16).map(|minute| minute.replace('T', " ")).unwrap_or(time)
}

/// Its title and text, shortened to a row.
pub(crate) fn text(memory: &MemoryView) -> String {
    let text = match (&memory.title, &memory.text) {
        (Some(title), Some(text)) => format!("{title}: {text}"),
        (Some(one), None) | (None, Some(one)) => one.clone(),
        (None, None) => "(a vector)".to_owned(),
    };
    shorten(&text, TEXT_CHARS)
}
