//! How memories look to a person.

use std::fmt::Write as _;

use engram_api::{MemoryView, RecallResponse, RecalledView, RouteView, StateName};
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
        (
            "strength",
            Some(format!(
                "{:.2} (stability {} days, {})",
                strength.retrievability, strength.stability_days, strength.law
            )),
        ),
        ("importance", memory.importance.map(|share| format!("{share:.2}"))),
        ("valid from", time(memory.valid_from)),
        ("valid until", time(memory.valid_until)),
        ("expires at", time(memory.expires_at)),
        ("lsn", Some(memory.lsn.to_string())),
        ("committed at", Some(memory.committed_at.to_string())),
        ("vectors", memory.vectors.as_ref().and_then(json)),
    ])
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

/// A recall as rows; with an explanation below each where the answer has one.
pub(crate) fn recall(answer: &RecallResponse) -> String {
    let mut table =
        table(&["#", "relevance", "strength", "confidence", "id", "when", "people", "text"]);
    for (index, item) in answer.items.iter().enumerate() {
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
    }
    let mut out = table.to_string();
    if let Some(terms) = &answer.terms {
        let searched = &answer.searched;
        write!(
            out,
            "\n\nmode {}; terms of the cue: {}; {} memories eligible, {} found by a route, {} vectors compared; \
             as of LSN {}",
            answer.mode.as_str(),
            clean(&terms.join(" ")),
            searched.eligible,
            searched.candidates,
            searched.vectors_scanned,
            answer.snapshot_lsn,
        )
        .expect("a string takes all that is written");
        for (index, item) in answer.items.iter().enumerate() {
            write!(out, "\n{}. {}", index + 1, why(item))
                .expect("a string takes all that is written");
        }
    }
    out
}

/// Why an item is in the answer, in one line.
fn why(item: &RecalledView) -> String {
    let route = |name: &str, unit: &str, route: &RouteView| {
        format!(
            "{name}: {unit} {:.3}, normalised {:.3} x weight {:.2} = {:.3}",
            route.raw, route.normalised, route.weight, route.contribution
        )
    };
    let mut parts = Vec::new();
    if let Some(vector) = &item.routes.vector {
        parts.push(route("vector", "cosine", vector));
    }
    if let Some(text) = &item.routes.text {
        parts.push(route("text", "BM25", text));
    }
    if let Some(terms) = item.matched_terms.as_ref().filter(|terms| !terms.is_empty()) {
        parts.push(format!("matched: {}", clean(&terms.join(" "))));
    }
    format!("{} = {:.3}: {}", clean(&item.memory.id), item.relevance, parts.join("; "))
}

/// When it happened, to the minute; else when it was stored.
fn when(memory: &MemoryView) -> String {
    let time = memory.occurred_at.unwrap_or(memory.committed_at).to_string();
    time.get(..16).map(|minute| minute.replace('T', " ")).unwrap_or(time)
}

fn text(memory: &MemoryView) -> String {
    let text = match (&memory.title, &memory.text) {
        (Some(title), Some(text)) => format!("{title}: {text}"),
        (Some(one), None) | (None, Some(one)) => one.clone(),
        (None, None) => "(a vector)".to_owned(),
    };
    shorten(&text, TEXT_CHARS)
}
