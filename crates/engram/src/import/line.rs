//! The line of an export: a memory in the form that remember takes, and beside it what only the store knows.

use engram_api::{
    ConfidenceView, MemoryInput, MemoryView, SourceInput, StateName, StrengthView, Timestamp,
};
use serde::Serialize;

/// Field of a line that import leaves aside: it describes the memory in the store that it came from.
pub(crate) const PROVENANCE_FIELD: &str = "engram";

/// One memory of an export.
#[derive(Debug, Serialize)]
pub(crate) struct ExportLine {
    #[serde(flatten)]
    memory: MemoryInput,
    engram: Provenance,
}

/// What only the store knows.
#[derive(Debug, Serialize)]
struct Provenance {
    space: String,
    version: u32,
    state: StateName,
    lsn: u64,
    committed_at: Timestamp,
    confidence: ConfidenceView,
    strength: StrengthView,
    #[serde(skip_serializing_if = "Option::is_none")]
    principal: Option<String>,
}

/// Whether a line carries the vector of its memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum VectorChoice {
    /// Where the memory has exactly one.
    Carry,
    /// Only where the memory has no text that could be embedded again.
    TextFirst,
}

impl ExportLine {
    pub(crate) fn new(view: MemoryView, space: &str, vectors: VectorChoice) -> ExportLine {
        let has_text = view.text.as_ref().is_some_and(|text| !text.trim().is_empty());
        let vector = match view.vectors {
            Some(mut all) if all.len() == 1 && (vectors == VectorChoice::Carry || !has_text) => {
                all.pop()
            }
            _ => None,
        };
        let source = view.source.unwrap_or_default();
        let stated =
            SourceInput { kind: source.kind, reference: source.reference, trust: source.trust };
        let confidence = view.confidence.stated;
        ExportLine {
            engram: Provenance {
                space: space.to_owned(),
                version: view.version,
                state: view.state,
                lsn: view.lsn,
                committed_at: view.committed_at,
                confidence: view.confidence,
                strength: view.strength,
                principal: source.principal,
            },
            memory: MemoryInput {
                id: Some(view.id),
                kind: Some(view.kind),
                title: view.title,
                text: view.text,
                vector,
                session: view.session,
                occurred_at: view.occurred_at,
                occurred_until: view.occurred_until,
                place: view.place,
                people: view.people,
                entities: view.entities,
                tags: view.tags,
                metadata: view.metadata,
                source: (stated != SourceInput::default()).then_some(stated),
                subject: view.subject,
                attribute: view.attribute,
                confidence,
                importance: view.importance,
                valid_from: view.valid_from,
                valid_until: view.valid_until,
                expires_at: view.expires_at,
                decay: view.decay,
            },
        }
    }
}
