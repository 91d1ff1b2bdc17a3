//! What a checkpoint keeps of a space beyond its chunks: the tail, what became of documents, the associations, and the
//! idempotency keys. One segment, written anew by each checkpoint.
//!
//! The sections are listed in `docs/internals/file-format.md`.

mod beliefs;

use std::sync::Arc;

use engram_index::{Adjacency, Bitmap, Graph, GraphBlock, Outcomes, TitleMatcher};
use engram_store::{
    Bug, CommitTime, Lsn, SectionTag, Segment, SegmentMeta, SegmentRef, SegmentWriter, StoreError,
};

use crate::association::Statement;
use crate::calibration::{Calibration, mode_code, mode_of_code};
use crate::mark::PairDecision;
use crate::memtable::{
    Associations, Beliefs, Decided, Doc, Entity, FORGOTTEN_MAX, Fate, ForgottenCommit, Lineage,
    Mark, Marks, Snapshot, Succession, TailDoc, Traces, Versions,
};
use crate::model::State;
use crate::purges::Purges;
use crate::queue::KeyUse;
use crate::record::{MarkRecord, TraceRecord, decode_vectors, encode_vectors};
use crate::residence::Home;
use crate::space::Space;
use crate::stored::{
    ChunkRecord, EntityNodeRecord, ForgottenRecord, KeyRecord, LineageRecord, MemoryRecord,
    OutcomesRecord, PairRecord, StatementRecord, SuccessionRecord, TailRecord, append_message,
    read_messages,
};

const FATES: SectionTag = SectionTag(*b"FATE");
const TAIL: SectionTag = SectionTag(*b"TAIL");
const GRAPH: SectionTag = SectionTag(*b"GRPH");
const ENTITIES: SectionTag = SectionTag(*b"ENTI");
const STATEMENTS: SectionTag = SectionTag(*b"STMT");
const TITLES: SectionTag = SectionTag(*b"TITL");
const TRACES: SectionTag = SectionTag(*b"TRAC");
const KEYS: SectionTag = SectionTag(*b"KEYS");
/// Only where relevance was judged.
const CALIBRATION: SectionTag = SectionTag(*b"CALI");
/// Only where a memory has more than one version.
const VERSIONS: SectionTag = SectionTag(*b"VERS");
/// Only where memories were deleted.
const FORGOTTEN: SectionTag = SectionTag(*b"FORG");

/// Only where something was consolidated.
const BELIEFS: SectionTag = SectionTag(*b"BLIF");
const BELIEF_NOTES: SectionTag = SectionTag(*b"BNOT");
/// Only where a memory is superseded.
const SUCCESSIONS: SectionTag = SectionTag(*b"SUPR");

/// Only where memories came in with what happened to them.
const TOLD: SectionTag = SectionTag(*b"TOLD");

/// Only where a pair is marked.
const MARKS: SectionTag = SectionTag(*b"MARK");

/// What became of a chunk, and when it was last used, how much.
pub(crate) type FateAndUse = (Fate, (i64, f32));

/// What a state file holds.
pub(crate) struct StateFile {
    /// What became of the documents of each chunk, and when it was last used, how much.
    pub(crate) fates: Vec<FateAndUse>,
    pub(crate) tail: Vec<TailDoc>,
    /// Older versions that are in no chunk.
    pub(crate) older: Vec<TailDoc>,
    pub(crate) versions: Versions,
    pub(crate) associations: Associations,
    pub(crate) traces: Traces,
    pub(crate) beliefs: Beliefs,
    pub(crate) marks: Marks,
    pub(crate) calibration: Calibration,
    pub(crate) keys: Vec<KeyUse>,
    /// Commits that deleted memories, and when nothing was left of them.
    pub(crate) forgotten: Vec<(ForgottenCommit, Option<i64>)>,
}

/// Writes the state file of a snapshot.
pub(crate) fn write(
    home: &Home<'_>,
    snapshot: &Snapshot,
    (keys, purges): (&[KeyUse], &Purges),
) -> Result<SegmentRef, StoreError> {
    let lsn = snapshot.lsn;
    let meta = SegmentMeta { space: home.space, min_lsn: lsn, max_lsn: lsn, epoch: home.timeline };
    let mut writer = SegmentWriter::create(home.fs, home.dir, meta)?;
    let mut section = |tag, bytes: &[u8]| {
        writer.begin(tag)?;
        writer.write(bytes)
    };
    section(FATES, &fates(snapshot))?;
    section(TAIL, &tail(snapshot))?;
    let associations = &snapshot.associations;
    section(GRAPH, &GraphBlock::write(&associations.graph))?;
    section(ENTITIES, &entities(associations))?;
    section(STATEMENTS, &statements(associations))?;
    section(TITLES, &associations.titles.to_bytes())?;
    section(TRACES, &traces(&snapshot.traces))?;
    let mut bytes = Vec::new();
    for key in keys.iter().filter(|_| !Bug::KeysForgotten.is_on()) {
        let KeyUse { record, lsn, committed_at, .. } = key;
        let record =
            KeyRecord { request: record.clone(), lsn: lsn.0, committed_at: committed_at.0 };
        append_message(&record, &mut bytes);
    }
    section(KEYS, &bytes)?;
    let versions = versions(&snapshot.versions);
    if !versions.is_empty() {
        section(VERSIONS, &versions)?;
    }
    let forgotten = forgotten(snapshot, purges);
    if !forgotten.is_empty() {
        section(FORGOTTEN, &forgotten)?;
    }
    if !snapshot.beliefs.is_blank() {
        section(BELIEFS, &beliefs::write(&snapshot.beliefs))?;
        section(BELIEF_NOTES, &beliefs::write_notes(&snapshot.beliefs))?;
    }
    let successions = successions(associations);
    if !successions.is_empty() {
        section(SUCCESSIONS, &successions)?;
    }
    let marks = marks(&snapshot.marks);
    if !marks.is_empty() {
        section(MARKS, &marks)?;
    }
    let calibration = calibration(&snapshot.calibration);
    if !calibration.is_empty() {
        section(CALIBRATION, &calibration)?;
    }
    let told: Vec<u32> = snapshot.traces.all_told().collect();
    if !told.is_empty() {
        section(TOLD, &Bitmap::from_ordinals(&told).to_bytes())?;
    }
    writer.finish()
}

fn fates(snapshot: &Snapshot) -> Vec<u8> {
    let mut bytes = Vec::new();
    for view in &snapshot.chunks {
        let record = ChunkRecord {
            deleted: view.fate.deleted.to_bytes(),
            suppressed: view.fate.suppressed.to_bytes(),
            deleted_since: view.fate.deleted_since,
            heat: view.chunk.heat.last().1,
            used_at: view.chunk.heat.last().0,
        };
        append_message(&record, &mut bytes);
    }
    bytes
}

fn tail(snapshot: &Snapshot) -> Vec<u8> {
    let mut all: Vec<&TailDoc> = snapshot.tail.iter().chain(&snapshot.older).collect();
    all.sort_unstable_by_key(|tail| tail.node);
    let mut bytes = Vec::new();
    for tail in all {
        let record = TailRecord {
            node: tail.node,
            suppressed: tail.state == State::Suppressed,
            memory: MemoryRecord::new(&tail.doc.memory),
            vectors: encode_vectors(&tail.doc.vectors),
        };
        append_message(&record, &mut bytes);
    }
    bytes
}

fn traces(traces: &Traces) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (node, trace) in traces.iter().filter(|_| !Bug::TracesForgotten.is_on()) {
        append_message(&TraceRecord::new(node, trace), &mut bytes);
    }
    bytes
}

fn marks(marks: &Marks) -> Vec<u8> {
    let mut bytes = Vec::new();
    marks.sorted().into_iter().for_each(|mark| append_message(&pair_record(mark), &mut bytes));
    bytes
}

fn pair_record(mark: &Mark) -> PairRecord {
    let Mark { earlier, later, found, since_ns, decided } = mark;
    let mut record = MarkRecord { earlier: *earlier, later: *later, ..MarkRecord::default() };
    if let Some((found, cosine)) = found {
        (record.kind, record.ground) = (found.kind.code(), found.ground.code());
        (record.before, record.after) = (found.before.clone(), found.after.clone());
        (record.cues, record.cosine) = (found.cues.clone(), *cosine);
    }
    PairRecord {
        mark: record,
        since: *since_ns,
        decision: decided.map_or(0, |decided| decided.decision.code()),
        decided: decided.map_or(0, |decided| decided.at_ns),
        judged: decided.map_or(0, |decided| decided.judged),
    }
}

/// The mark of a record; none = it is not what it should be.
fn mark_of(record: PairRecord) -> Option<Mark> {
    let (earlier, later, cosine) = (record.mark.earlier, record.mark.later, record.mark.cosine);
    let found = match record.mark.kind {
        0 => None,
        _ => Some((record.mark.contrast()?, cosine)),
    };
    let decided = match record.decision {
        0 => None,
        code => {
            let decision = PairDecision::from_code(code)?;
            Some(Decided { decision, at_ns: record.decided, judged: record.judged })
        }
    };
    let judged = decided.is_none_or(|own| own.judged == earlier || own.judged == later);
    let sound = earlier != later && judged && cosine.is_finite();
    (sound && (found.is_some() || decided.is_some())).then_some(Mark {
        earlier,
        later,
        found,
        since_ns: record.since,
        decided,
    })
}

fn calibration(calibration: &Calibration) -> Vec<u8> {
    let mut bytes = Vec::new();
    for mode in calibration.judged() {
        let (hits, misses) = calibration.outcomes(mode).counts().iter().copied().unzip();
        append_message(&OutcomesRecord { mode: mode_code(mode), hits, misses }, &mut bytes);
    }
    bytes
}

fn versions(versions: &Versions) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (node, Lineage { first, replaced }) in versions.iter() {
        let replaced = replaced.map_or(0, |lsn| lsn.0);
        append_message(&LineageRecord { node, first, replaced }, &mut bytes);
    }
    bytes
}

fn forgotten(snapshot: &Snapshot, purges: &Purges) -> Vec<u8> {
    let mut bytes = Vec::new();
    for ForgottenCommit { lsn, at, count } in snapshot.forgotten.all() {
        let purged_at = purges.seen(*lsn);
        let record = ForgottenRecord { lsn: lsn.0, committed_at: at.0, count: *count, purged_at };
        append_message(&record, &mut bytes);
    }
    bytes
}

fn successions(associations: &Associations) -> Vec<u8> {
    let mut bytes = Vec::new();
    let kept = associations.successions.iter();
    for (older, own) in kept.filter(|_| !Bug::SuccessionsForgotten.is_on()) {
        let Succession { by, since_ns } = own;
        append_message(&SuccessionRecord { older, by, since: since_ns }, &mut bytes);
    }
    bytes
}

fn entities(associations: &Associations) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (node, entity) in associations.entities() {
        let (key, name) = (entity.key.to_string(), entity.name.to_string());
        append_message(&EntityNodeRecord { node, key, name }, &mut bytes);
    }
    bytes
}

fn statements(associations: &Associations) -> Vec<u8> {
    let mut statements: Vec<_> = associations.statements().collect();
    statements.sort_unstable_by_key(|(pair, _)| *pair);
    let mut bytes = Vec::new();
    for ((from, to), statement) in statements {
        let (relation, reason) = (statement.relation.to_string(), statement.reason.to_string());
        append_message(&StatementRecord { from, to, relation, reason }, &mut bytes);
    }
    bytes
}

/// Reads the state file of a space that has so many chunks.
pub(crate) fn read(
    home: &Home<'_>,
    file: &SegmentRef,
    space: &Space,
    next_node: u32,
) -> Result<StateFile, StoreError> {
    let cache = Arc::clone(&home.residence.blocks);
    let segment = Segment::open(home.fs, home.dir, home.space, file, cache)?;
    let wrong = |what: String| segment.damaged(&what);
    let versions = match segment.section_len(VERSIONS) {
        Some(_) => read_versions(&segment.load(VERSIONS)?, next_node).map_err(wrong)?,
        None => Versions::default(),
    };
    let all = read_tail(&segment.load(TAIL)?, space, next_node).map_err(wrong)?;
    let (older, tail) = all.into_iter().partition(|tail| versions.is_older(tail.node));
    Ok(StateFile {
        fates: read_fates(&segment.load(FATES)?).map_err(wrong)?,
        tail,
        older,
        versions,
        associations: read_associations(&segment, next_node)?,
        traces: read_traces(&segment, next_node)?,
        beliefs: beliefs::read(&segment, next_node)?,
        marks: read_marks(&segment, next_node)?,
        calibration: read_calibration(&segment)?,
        keys: read_keys(&segment.load(KEYS)?).map_err(wrong)?,
        forgotten: match segment.section_len(FORGOTTEN) {
            Some(_) => read_forgotten(&segment.load(FORGOTTEN)?).map_err(wrong)?,
            None => Vec::new(),
        },
    })
}

fn read_fates(bytes: &[u8]) -> Result<Vec<FateAndUse>, String> {
    let fate = |record: ChunkRecord| {
        let set = |bytes: &[u8]| Bitmap::open(bytes).map(Arc::new).map_err(|e| e.to_string());
        let ChunkRecord { deleted, suppressed, deleted_since, heat, used_at } = record;
        let (deleted, suppressed) = (set(&deleted)?, set(&suppressed)?);
        // The lineages say how many of them are older versions.
        let fate = Fate { deleted, older: 0, suppressed, deleted_since };
        Ok((fate, (used_at, heat)))
    };
    read_messages::<ChunkRecord>(bytes)?.into_iter().map(fate).collect()
}

fn read_tail(bytes: &[u8], space: &Space, next_node: u32) -> Result<Vec<TailDoc>, String> {
    let mut tail: Vec<TailDoc> = Vec::new();
    for record in read_messages::<TailRecord>(bytes)? {
        let after = tail.last().is_none_or(|last| last.node < record.node);
        if !after || record.node >= next_node {
            return Err("the nodes of its tail do not ascend".to_owned());
        }
        let vectors = decode_vectors(&record.vectors, space.identity.settings.dimension)
            .ok_or("a memory of its tail has vectors that are none of this space")?;
        let memory = record.memory.into_memory()?;
        let words = space.words(&memory.content);
        let state = if record.suppressed { State::Suppressed } else { State::Active };
        let doc = Arc::new(Doc { memory: Arc::new(memory), words, vectors });
        tail.push(TailDoc { doc, node: record.node, state });
    }
    Ok(tail)
}

fn read_forgotten(bytes: &[u8]) -> Result<Vec<(ForgottenCommit, Option<i64>)>, String> {
    let mut forgotten: Vec<(ForgottenCommit, Option<i64>)> = Vec::new();
    for record in read_messages::<ForgottenRecord>(bytes)? {
        let ForgottenRecord { lsn, committed_at, count, purged_at } = record;
        let after = forgotten.last().is_none_or(|(last, _)| last.lsn.0 < lsn);
        if !after || forgotten.len() >= FORGOTTEN_MAX {
            return Err("its deletions are not what they should be".to_owned());
        }
        let commit = ForgottenCommit { lsn: Lsn(lsn), at: CommitTime(committed_at), count };
        forgotten.push((commit, purged_at));
    }
    Ok(forgotten)
}

fn read_versions(bytes: &[u8], next_node: u32) -> Result<Versions, String> {
    let mut versions = Versions::default();
    let mut after = None;
    for LineageRecord { node, first, replaced } in read_messages::<LineageRecord>(bytes)? {
        if Some(node) <= after || node >= next_node || first > node {
            return Err("a lineage is not what it should be".to_owned());
        }
        after = Some(node);
        let replaced = (replaced > 0).then_some(Lsn(replaced));
        versions.insert(node, Lineage { first, replaced });
    }
    Ok(versions)
}

fn read_associations(segment: &Segment, next_node: u32) -> Result<Associations, StoreError> {
    let wrong = |what: &str| segment.damaged(what);
    let bytes = segment.load(GRAPH)?;
    let block = GraphBlock::open(&bytes).map_err(|error| wrong(&error.to_string()))?;
    let graph = Graph::copied(&block);
    if graph.nodes() > next_node {
        return Err(wrong("its graph has nodes that are not there"));
    }
    let titles = TitleMatcher::open(&segment.load(TITLES)?);
    let titles = titles.map_err(|error| wrong(&error.to_string()))?;
    let mut associations = Associations::of(graph, titles);
    let told = |what: String| wrong(&what);
    let entities = read_messages::<EntityNodeRecord>(&segment.load(ENTITIES)?).map_err(told)?;
    for EntityNodeRecord { node, key, name } in entities {
        if node >= next_node || associations.node_of(&key).is_some() {
            return Err(wrong("an entity is not what it should be"));
        }
        associations.admit(node, Entity { key: key.into(), name: name.into() });
    }
    let statements = read_messages::<StatementRecord>(&segment.load(STATEMENTS)?).map_err(told)?;
    for StatementRecord { from, to, relation, reason } in statements {
        if from >= next_node || to >= next_node {
            return Err(wrong("a statement is about nodes that are not there"));
        }
        let statement = Statement { relation: relation.into(), reason: reason.into() };
        associations.put_statement((from, to), statement);
    }
    if segment.section_len(SUCCESSIONS).is_some() {
        let records = read_messages::<SuccessionRecord>(&segment.load(SUCCESSIONS)?);
        for SuccessionRecord { older, by, since } in records.map_err(told)? {
            if !associations.note_succession(older, Succession { by, since_ns: since }) {
                return Err(wrong("what supersedes a memory is not associated with it"));
            }
        }
    }
    Ok(associations)
}

/// State files from before anything was learned have no such section.
fn read_traces(segment: &Segment, next_node: u32) -> Result<Traces, StoreError> {
    let mut traces = Traces::default();
    if segment.section_len(TRACES).is_none() {
        return Ok(traces);
    }
    let records = read_messages::<TraceRecord>(&segment.load(TRACES)?);
    for record in records.map_err(|what| segment.damaged(&what))? {
        let node = record.node;
        match record.into_trace() {
            Some(trace) if node < next_node && traces.get(node).is_none() => {
                traces.put(node, trace);
            }
            _ => return Err(segment.damaged("a trace is not what it should be")),
        }
    }
    if segment.section_len(TOLD).is_some() {
        let told = read_nodes(&segment.load(TOLD)?, next_node);
        let told = told.map_err(|what| segment.damaged(&what))?;
        told.into_iter().for_each(|node| traces.note_told(node));
    }
    Ok(traces)
}

/// The nodes of a set.
fn read_nodes(bytes: &[u8], next_node: u32) -> Result<Vec<u32>, String> {
    let set = Bitmap::open(bytes).map_err(|error| error.to_string())?;
    let nodes: Vec<u32> = set.iter().collect();
    match nodes.last().is_none_or(|last| *last < next_node) {
        true => Ok(nodes),
        false => Err("it names memories that are not there".to_owned()),
    }
}

fn read_marks(segment: &Segment, next_node: u32) -> Result<Marks, StoreError> {
    let mut marks = Marks::default();
    if segment.section_len(MARKS).is_none() {
        return Ok(marks);
    }
    let records = read_messages::<PairRecord>(&segment.load(MARKS)?);
    for record in records.map_err(|what| segment.damaged(&what))? {
        match mark_of(record) {
            Some(mark)
                if mark.earlier.max(mark.later) < next_node
                    && marks.get(mark.earlier, mark.later).is_none() =>
            {
                marks.put(mark);
            }
            _ => return Err(segment.damaged("a marked pair is not what it should be")),
        }
    }
    Ok(marks)
}

/// There only where relevance was judged.
fn read_calibration(segment: &Segment) -> Result<Calibration, StoreError> {
    let mut calibration = Calibration::default();
    if segment.section_len(CALIBRATION).is_none() {
        return Ok(calibration);
    }
    let records = read_messages::<OutcomesRecord>(&segment.load(CALIBRATION)?);
    for OutcomesRecord { mode, hits, misses } in records.map_err(|what| segment.damaged(&what))? {
        let counts: Vec<(u64, u64)> = hits.iter().copied().zip(misses.iter().copied()).collect();
        let outcomes = Outcomes::of(&counts).filter(|_| hits.len() == misses.len());
        match (mode_of_code(mode), outcomes) {
            (Some(mode), Some(outcomes)) if calibration.outcomes(mode).total().0 == 0 => {
                calibration.set(mode, outcomes);
            }
            _ => return Err(segment.damaged("its judgements are not what they should be")),
        }
    }
    Ok(calibration)
}

fn read_keys(bytes: &[u8]) -> Result<Vec<KeyUse>, String> {
    let key = |record: KeyRecord| KeyUse {
        record: record.request,
        lsn: Lsn(record.lsn),
        committed_at: CommitTime(record.committed_at),
        queued: None,
    };
    Ok(read_messages::<KeyRecord>(bytes)?.into_iter().map(key).collect())
}
