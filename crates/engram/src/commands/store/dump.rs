//! `engram store dump`.

use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;

use clap::{Args, ValueEnum};
use engram_api::{DecisionName, Timestamp, VerdictName};
use engram_engine::{
    DumpQuery, DumpSection, DumpedManifest, DumpedMemory, DumpedRecord, LoggedOp, MemoryContent,
    MetaValue, Metadata, OwnDecay, PairDecision, State, Verdict,
};
use engram_store::{InHistory, Lsn};
use serde_json::{Map, Value, json};

use super::{DirectoryFlags, failed};
use crate::failure::Failure;
use crate::output::{clean, note};

/// Works on a damaged directory as far as it can be read, and says on stderr what had to be left out (exit code 1 then). The server must
/// not run.
#[derive(Debug, Args)]
pub(crate) struct Dump {
    #[command(flatten)]
    directory: DirectoryFlags,
    /// Name or UUID of the one space to read
    #[arg(long, short = 's', value_name = "NAME")]
    space: Option<String>,
    /// Only what was committed with this LSN or later
    #[arg(long, value_name = "LSN", default_value_t = 0)]
    from: u64,
    /// What to read
    #[arg(long, value_enum, default_value = "log")]
    what: Section,
    /// Write vectors out; without this flag only their number is told
    #[arg(long)]
    vectors: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Section {
    /// The commits of the log, those behind a break too
    Log,
    /// The memories in segments, deleted ones apart
    Memories,
    /// The manifests
    Manifest,
}

/// What becomes of vectors.
#[derive(Clone, Copy)]
enum VectorForm {
    Counted,
    Written,
}

impl Dump {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let offline = self.directory.open()?;
        let section = match self.what {
            Section::Log => DumpSection::Log,
            Section::Memories => DumpSection::Memories,
            Section::Manifest => DumpSection::Manifest,
        };
        let form = if self.vectors { VectorForm::Written } else { VectorForm::Counted };
        let query = DumpQuery { space: self.space, from: Lsn(self.from), section };
        let mut out = BufWriter::new(io::stdout().lock());
        let mut written = Ok(());
        let left_out = offline.dump(&query, &mut |record| {
            written = writeln!(out, "{}", line(&record, form));
            if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        let left_out = left_out.map_err(failed)?;
        written.and_then(|()| out.flush())?;
        for one in &left_out {
            let at = one.offset.map(|offset| format!(" at {offset}")).unwrap_or_default();
            note(&format!("left out: {}{at}: {}", clean(&one.file), clean(&one.what)));
        }
        match left_out.is_empty() {
            true => Ok(()),
            false => Err(Failure::Partly("not everything could be read".to_owned())),
        }
    }
}

fn line(record: &DumpedRecord, form: VectorForm) -> Value {
    match record {
        DumpedRecord::Commit {
            space,
            id,
            lsn,
            committed_at,
            file,
            offset,
            place,
            principal,
            ops,
        } => json!({
            "type": "commit",
            "space": space,
            "uuid": id.to_string(),
            "lsn": lsn.0,
            "committed_at": Timestamp(committed_at.0).to_string(),
            "file": file,
            "offset": offset,
            "behind_break": *place == InHistory::BehindBreak,
            "principal": principal,
            "ops": ops.iter().map(|op| operation(op, form)).collect::<Vec<_>>(),
        }),
        DumpedRecord::Memory(memory) => memory_line(memory, form),
        DumpedRecord::Manifest(manifest) => manifest_line(manifest),
    }
}

fn memory_line(dumped: &DumpedMemory, form: VectorForm) -> Value {
    let memory = &dumped.memory;
    json!({
        "type": "memory",
        "space": dumped.space,
        "uuid": dumped.space_id.to_string(),
        "file": dumped.file,
        "id": memory.id,
        "version": memory.version,
        "lsn": memory.lsn.0,
        "committed_at": Timestamp(memory.committed_at.0).to_string(),
        "principal": memory.principal,
        "state": dumped.state.map_or("unknown", |state| match state {
            State::Active => "active",
            State::Suppressed => "suppressed",
        }),
        "content": content(&memory.content),
        "vectors": vectors(dumped.vectors.as_deref(), form),
    })
}

fn manifest_line(dumped: &DumpedManifest) -> Value {
    let manifest = &dumped.manifest;
    let segment = |one: &engram_store::ManifestSegment| {
        json!({
            "role": one.role,
            "file": engram_store::segment_file_name(manifest.space, &one.segment.hash),
            "bytes": one.segment.bytes,
            "min_lsn": one.segment.min_lsn.0,
            "max_lsn": one.segment.max_lsn.0,
        })
    };
    json!({
        "type": "manifest",
        "space": dumped.space,
        "uuid": manifest.space.to_string(),
        "number": manifest.number,
        "lsn": manifest.lsn.0,
        "committed_at": Timestamp(manifest.committed_at.0).to_string(),
        "state_sum": format!("{:016x}", manifest.state_sum),
        "active": dumped.active,
        "suppressed": dumped.suppressed,
        "vectors": dumped.vectors,
        "segments": manifest.segments.iter().map(segment).collect::<Vec<_>>(),
    })
}

fn operation(op: &LoggedOp, form: VectorForm) -> Value {
    match op {
        LoggedOp::SpaceCreated { name, dimension, embedder, language } => json!({
            "op": "create_space", "name": name, "dimension": dimension, "embedder": embedder, "language": language,
        }),
        LoggedOp::SpaceDeleted => json!({"op": "delete_space"}),
        LoggedOp::Put { id, version, content: said, vectors: own } => json!({
            "op": "put",
            "id": id,
            "version": version,
            "content": content(said),
            "vectors": vectors(own.as_deref(), form),
        }),
        LoggedOp::Suppress(id) => json!({"op": "suppress", "id": id}),
        LoggedOp::Delete(id) => json!({"op": "delete", "id": id}),
        LoggedOp::Restore(id) => json!({"op": "restore", "id": id}),
        LoggedOp::Associate { from, to, relation, weight, reason } => json!({
            "op": "associate", "from": from, "to": to, "relation": relation, "weight": weight, "reason": reason,
        }),
        LoggedOp::Dissociate { from, to } => json!({"op": "dissociate", "from": from, "to": to}),
        LoggedOp::Link { entities, edges, removed, repeats, marks } => json!({
            "op": "link", "entities": entities, "edges": edges, "removed": removed, "repeats": repeats,
            "marks": marks,
        }),
        LoggedOp::Consolidate { beliefs, dissolved } => {
            json!({"op": "consolidate", "beliefs": beliefs, "dissolved": dissolved})
        }
        LoggedOp::Use { memories } => json!({"op": "use", "memories": memories}),
        LoggedOp::Feedback { id, verdict, reason, source, pair } => {
            let verdict = verdict.map(|verdict| match verdict {
                Verdict::Useful => VerdictName::Useful,
                Verdict::NotUseful => VerdictName::NotUseful,
                Verdict::Wrong => VerdictName::Wrong,
            });
            let mut said = json!({
                "op": "feedback", "id": id, "verdict": verdict, "reason": reason, "source": source,
            });
            if let Some((other, decision)) = pair {
                said["other"] = json!(other);
                said["decision"] = json!(decision.map(|decision| match decision {
                    PairDecision::Supersedes => DecisionName::Supersedes,
                    PairDecision::Contradicts => DecisionName::Contradicts,
                    PairDecision::Unrelated => DecisionName::Unrelated,
                }));
            }
            said
        }
        LoggedOp::Merge { id, occurred_at, source } => json!({
            "op": "merge",
            "id": id,
            "occurred_at": occurred_at.map(Timestamp),
            "source": {"kind": source.kind, "ref": source.reference, "trust": source.trust},
        }),
        LoggedOp::Graph { hash } => json!({"op": "graph", "hash": hash}),
        LoggedOp::Unknown(what) => json!({"op": "unknown", "what": what}),
    }
}

/// Their number, or all of them; null where they cannot be read.
fn vectors(vectors: Option<&[Vec<f32>]>, form: VectorForm) -> Value {
    match (vectors, form) {
        (None, _) => Value::Null,
        (Some(vectors), VectorForm::Counted) => json!(vectors.len()),
        (Some(vectors), VectorForm::Written) => json!(vectors),
    }
}

/// What a memory says, in the words of the interface; what is not given is left out.
fn content(content: &MemoryContent) -> Value {
    let text = |text: &str| (!text.is_empty()).then(|| json!(text));
    let list = |list: &[String]| (!list.is_empty()).then(|| json!(list));
    let time = |time: Option<i64>| time.map(|time| json!(Timestamp(time).to_string()));
    let number = |number: Option<f32>| number.map(|number| json!(number));
    let source = &content.source;
    let source: Map<String, Value> = fields([
        ("kind", text(&source.kind)),
        ("ref", text(&source.reference)),
        ("trust", number(source.trust)),
    ]);
    let said = fields([
        ("kind", Some(json!(content.kind.name()))),
        ("title", text(&content.title)),
        ("text", text(&content.text)),
        ("session", text(&content.session)),
        ("occurred_at", time(content.occurred_at)),
        ("occurred_until", time(content.occurred_until)),
        ("place", text(&content.place)),
        ("people", list(&content.people)),
        ("entities", list(&content.entities)),
        ("tags", list(&content.tags)),
        ("metadata", (!content.metadata.is_empty()).then(|| metadata(&content.metadata))),
        ("source", (!source.is_empty()).then_some(Value::Object(source))),
        ("subject", text(&content.subject)),
        ("attribute", text(&content.attribute)),
        ("confidence", number(content.confidence)),
        ("importance", number(content.importance)),
        ("valid_from", time(content.valid_from)),
        ("valid_until", time(content.valid_until)),
        ("expires_at", time(content.expires_at)),
        ("decay", content.decay.map(decay)),
    ]);
    Value::Object(said)
}

fn decay(decay: OwnDecay) -> Value {
    match decay {
        OwnDecay::Pinned => json!({"pinned": true}),
        OwnDecay::Fading { law, half_life_days } => Value::Object(fields([
            ("law", law.map(|law| json!(law.name()))),
            ("half_life_days", half_life_days.map(|days| json!(days))),
        ])),
    }
}

fn fields<const N: usize>(all: [(&str, Option<Value>); N]) -> Map<String, Value> {
    let given = all.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    given.collect()
}

fn metadata(all: &Metadata) -> Value {
    Value::Object(all.iter().map(|(name, value)| (name.clone(), meta_value(value))).collect())
}

fn meta_value(value: &MetaValue) -> Value {
    match value {
        MetaValue::Null => Value::Null,
        MetaValue::Bool(flag) => json!(flag),
        MetaValue::Int(number) => json!(number),
        MetaValue::Float(number) => json!(number),
        MetaValue::Text(text) => json!(text),
        MetaValue::List(list) => Value::Array(list.iter().map(meta_value).collect()),
        MetaValue::Map(nested) => metadata(nested),
    }
}
