//! Reading a directory out as far as it can be read: commits of the log, memories of segments, manifests.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use engram_store::{
    CommitTime, Frame, Fs, InHistory, LogError, LogRecord, LogSurvey, Lsn, Manifest,
    ManifestSegment, SegmentRef, SpaceId, StoreError, segment_file_name,
};
use prost::Message;

use super::load::manifest_name;
use super::report::StoreFinding;
use super::roll::{Known, Roll};
use super::session::Offline;
use crate::chunk_file;
use crate::datadir::{SPACES_DIR, WAL_DIR};
use crate::error::EngineError;
use crate::identity::FIRST_TIMELINE;
use crate::mark::PairDecision;
use crate::memtable::Fate;
use crate::model::{Memory, MemoryContent, Source, State};
use crate::record::{
    CommitRecord, KIND_COMMIT, KIND_SPACE_CREATED, KIND_SPACE_DELETED, Op, SpaceRecord,
    decode_vectors,
};
use crate::request::Verdict;
use crate::residence::{Home, Residence};
use crate::settings::TAIL_MEMORIES_MAX;
use crate::space::{Embedders, Space, SpaceIdentity};
use crate::state_file;
use crate::stored::{CheckpointRecord, ROLE_CHUNK, ROLE_COLD, ROLE_STATE};

/// RAM for blocks, in bytes.
const RESIDENCE_BYTES: u64 = 64 << 20;

/// What is read out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DumpSection {
    /// The commits of the log, those behind a break too.
    Log,
    /// The memories in segments.
    Memories,
    /// The manifests.
    Manifest,
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DumpQuery {
    /// Name or UUID of a space; none = all.
    pub space: Option<String>,
    /// Only what was committed with this LSN or later.
    pub from: Lsn,
    /// What is read out.
    pub section: DumpSection,
}

/// One thing that was read.
#[derive(Clone, Debug, PartialEq)]
pub enum DumpedRecord {
    /// A commit.
    Commit {
        /// Name of its space, where that is known.
        space: Option<String>,
        /// Identity of its space.
        id: SpaceId,
        /// Its LSN there.
        lsn: Lsn,
        /// Its time.
        committed_at: CommitTime,
        /// The file it stands in, relative to the data directory.
        file: String,
        /// Where, in bytes.
        offset: u64,
        /// Whether all before it is there.
        place: InHistory,
        /// Who made it; empty = not authenticated.
        principal: String,
        /// What it does, in order.
        ops: Vec<LoggedOp>,
    },
    /// A memory of a segment.
    Memory(Box<DumpedMemory>),
    /// A manifest.
    Manifest(DumpedManifest),
}

/// A memory of a segment.
#[derive(Clone, Debug, PartialEq)]
pub struct DumpedMemory {
    /// Name of its space, where that is known.
    pub space: Option<String>,
    /// Identity of its space.
    pub space_id: SpaceId,
    /// The file it stands in, relative to the data directory.
    pub file: String,
    /// The memory.
    pub memory: Memory,
    /// Its state as of the manifest; none = the file that says so cannot be read, and it may have been deleted.
    pub state: Option<State>,
    /// Its vectors; none = they cannot be read.
    pub vectors: Option<Vec<Vec<f32>>>,
}

/// A manifest.
#[derive(Clone, Debug, PartialEq)]
pub struct DumpedManifest {
    /// Name of the space, where it can be read.
    pub space: Option<String>,
    /// The manifest.
    pub manifest: Manifest,
    /// Active memories.
    pub active: u64,
    /// Suppressed memories.
    pub suppressed: u64,
    /// Vectors of both.
    pub vectors: u64,
}

/// An operation as the log has it.
#[derive(Clone, Debug, PartialEq)]
pub enum LoggedOp {
    /// Birth of the space.
    SpaceCreated {
        /// Its name.
        name: String,
        /// Components of its vectors.
        dimension: u32,
        /// What computes them.
        embedder: String,
        /// Language of its text analysis.
        language: String,
    },
    /// End of the space.
    SpaceDeleted,
    /// A version of a memory.
    Put {
        /// Its id.
        id: String,
        /// Its version.
        version: u32,
        /// What it says.
        content: Box<MemoryContent>,
        /// Its vectors; none = their dimension is not known.
        vectors: Option<Vec<Vec<f32>>>,
    },
    /// A memory is hidden.
    Suppress(String),
    /// A memory is gone.
    Delete(String),
    /// A hidden memory is back.
    Restore(String),
    /// An explicit association.
    Associate {
        /// Id of the memory it leaves.
        from: String,
        /// Id of the memory it enters.
        to: String,
        /// What it says.
        relation: String,
        /// Its weight.
        weight: f32,
        /// Why it is there.
        reason: String,
    },
    /// Associations are gone.
    Dissociate {
        /// Id of the memory they leave.
        from: String,
        /// Id of the memory they enter.
        to: String,
    },
    /// Associations were formed.
    Link {
        /// Entities that it names.
        entities: u64,
        /// Edges that it adds.
        edges: u64,
        /// Edges that it takes away.
        removed: u64,
        /// Pairs of memories that say the same.
        repeats: u64,
        /// Pairs of memories of which one may change or deny the other.
        marks: u64,
    },
    /// Beliefs were made or changed, or are taken apart.
    Consolidate {
        /// Ids of those that were made or changed.
        beliefs: Vec<String>,
        /// Ids of those that are taken apart.
        dissolved: Vec<String>,
    },
    /// Memories were in answers.
    Use {
        /// How many.
        memories: u64,
    },
    /// Somebody judged a memory.
    Feedback {
        /// Its id.
        id: String,
        /// The judgement; none = one that this program does not know.
        verdict: Option<Verdict>,
        /// Why.
        reason: String,
        /// Who, as the caller named it.
        source: String,
        /// The other memory and the decision, where a pair is judged.
        pair: Option<(String, Option<PairDecision>)>,
    },
    /// Somebody said a memory again, and that was not stored as another one.
    Merge {
        /// Id of the memory.
        id: String,
        /// When what was sent happened, ns.
        occurred_at: Option<i64>,
        /// Where that came from.
        source: Source,
    },
    /// A graph is in use.
    Graph {
        /// Hash of its file, hexadecimal.
        hash: String,
    },
    /// What this program cannot read.
    Unknown(String),
}

type Visit<'a> = &'a mut dyn FnMut(DumpedRecord) -> ControlFlow<()>;

impl Offline {
    /// Shows what is asked for to `visit`, which may end it. Gives what had to be left out.
    ///
    /// # Errors
    /// [`EngineError::SpaceNotFound`]; a newer format; a failing disk. Damage is no error.
    pub fn dump(
        &self,
        query: &DumpQuery,
        visit: Visit<'_>,
    ) -> Result<Vec<StoreFinding>, EngineError> {
        let view = self.view()?;
        let roll = Roll::call(&view, &self.dir)?;
        let wanted = match &query.space {
            None => None,
            Some(name) => {
                let known = roll.find(name);
                let missing = || EngineError::SpaceNotFound { name: name.clone() };
                Some(known.ok_or_else(missing)?.id)
            }
        };
        let is_wanted = |id: SpaceId| wanted.is_none_or(|wanted| wanted == id);
        let mut left_out = Vec::new();
        if query.section == DumpSection::Log {
            return dump_log(&view, &self.dir, (&roll, query.from, &is_wanted), visit);
        }
        for known in roll.spaces.values().filter(|known| is_wanted(known.id) && !known.deleted) {
            if let Some(error) = &known.manifest_fault {
                let name = manifest_name(known);
                left_out.push(StoreFinding::of_error(SPACES_DIR, &name, error));
            }
            let Some(manifest) = &known.manifest else { continue };
            let flow = match query.section {
                DumpSection::Memories => {
                    let mut reading = Reading { known, from: query.from, left_out: &mut left_out };
                    reading.memories(&*view, &self.dir.join(SPACES_DIR), manifest, visit)
                }
                DumpSection::Manifest | DumpSection::Log => visit(dumped_manifest(known, manifest)),
            };
            if flow.is_break() {
                break;
            }
        }
        Ok(left_out)
    }
}

fn dumped_manifest(known: &Known, manifest: &Manifest) -> DumpedRecord {
    let record = CheckpointRecord::decode(manifest.payload.as_slice()).unwrap_or_default();
    DumpedRecord::Manifest(DumpedManifest {
        space: known.name(),
        manifest: manifest.clone(),
        active: record.active,
        suppressed: record.suppressed,
        vectors: record.vectors,
    })
}

fn dump_log(
    fs: &Arc<dyn Fs>,
    dir: &Path,
    (roll, from, is_wanted): (&Roll, Lsn, &dyn Fn(SpaceId) -> bool),
    visit: Visit<'_>,
) -> Result<Vec<StoreFinding>, EngineError> {
    let mut left_out = Vec::new();
    for damage in &roll.log.recovery.damage {
        let file = format!("{WAL_DIR}/{}", damage.file);
        left_out.push(StoreFinding::damage(file, damage.what.clone()).at(damage.offset));
    }
    let mut ended = false;
    let read = LogSurvey::open(fs, &dir.join(WAL_DIR), &mut |record| {
        let LogRecord::Commit { file, offset, frame, place } = record else { return Ok(()) };
        if frame.stamp.lsn < from || !is_wanted(frame.stamp.space) {
            return Ok(());
        }
        let known = &roll.spaces[&frame.stamp.space];
        let (principal, ops) = decode_commit(&frame, known);
        let flow = visit(DumpedRecord::Commit {
            space: known.name(),
            id: known.id,
            lsn: frame.stamp.lsn,
            committed_at: frame.stamp.time,
            file: format!("{WAL_DIR}/{file}"),
            offset,
            place,
            principal,
            ops,
        });
        ended = flow.is_break();
        if ended { Err(LogError::Replay("nobody reads on".to_owned())) } else { Ok(()) }
    });
    match read {
        Err(_) if ended => Ok(left_out),
        read => read.map(|_| left_out).map_err(EngineError::from),
    }
}

fn decode_commit(frame: &Frame, known: &Known) -> (String, Vec<LoggedOp>) {
    let payload = frame.payload.as_slice();
    let unreadable = |what: String| vec![LoggedOp::Unknown(what)];
    let ops = match frame.kind {
        KIND_SPACE_CREATED => match SpaceRecord::decode(payload) {
            Ok(SpaceRecord { name, dimension, embedder, language, .. }) => {
                vec![LoggedOp::SpaceCreated { name, dimension, embedder, language }]
            }
            Err(error) => unreadable(error.to_string()),
        },
        KIND_SPACE_DELETED => vec![LoggedOp::SpaceDeleted],
        KIND_COMMIT => match CommitRecord::decode(payload) {
            Ok(record) => {
                let dimension = known.record.as_ref().map(|record| record.dimension);
                let op = |op: crate::record::OpRecord| logged(op.op, dimension);
                return (record.principal, record.ops.into_iter().map(op).collect());
            }
            Err(error) => unreadable(error.to_string()),
        },
        kind => unreadable(format!("unknown kind {kind}")),
    };
    (String::new(), ops)
}

fn logged(op: Option<Op>, dimension: Option<u32>) -> LoggedOp {
    match op {
        Some(Op::Put(put)) => {
            let vectors = dimension.and_then(|dimension| decode_vectors(&put.vectors, dimension));
            match put.content.into_content() {
                Ok(content) => LoggedOp::Put {
                    id: put.id,
                    version: put.version,
                    content: Box::new(content),
                    vectors,
                },
                Err(what) => LoggedOp::Unknown(what),
            }
        }
        Some(Op::Suppress(id)) => LoggedOp::Suppress(id),
        Some(Op::Delete(id)) => LoggedOp::Delete(id),
        Some(Op::Restore(id)) => LoggedOp::Restore(id),
        Some(Op::Associate(edge)) => LoggedOp::Associate {
            from: edge.from,
            to: edge.to,
            relation: edge.relation,
            weight: edge.weight,
            reason: edge.reason,
        },
        Some(Op::Dissociate(edge)) => LoggedOp::Dissociate { from: edge.from, to: edge.to },
        Some(Op::Link(link)) => LoggedOp::Link {
            entities: link.entities.len() as u64,
            edges: (link.entity_edges.len() + link.edges.len()) as u64,
            removed: link.removed.len() as u64,
            repeats: link.repeats.len() as u64,
            marks: link.marks.len() as u64,
        },
        Some(Op::Use(used)) => LoggedOp::Use { memories: used.uses.len() as u64 },
        Some(Op::Consolidate(made)) => LoggedOp::Consolidate {
            beliefs: made.beliefs.into_iter().map(|belief| belief.id).collect(),
            dissolved: made.dissolved,
        },
        Some(Op::Feedback(said)) => LoggedOp::Feedback {
            id: said.id,
            verdict: Verdict::from_code(said.verdict),
            reason: said.reason,
            source: said.source,
            pair: (!said.other.is_empty())
                .then(|| (said.other, PairDecision::from_code(said.decision))),
        },
        Some(Op::Merge(merged)) => LoggedOp::Merge {
            id: merged.id,
            occurred_at: merged.occurred_at,
            source: Source {
                kind: merged.source_kind,
                reference: merged.source_reference,
                trust: merged.source_trust,
            },
        },
        Some(Op::Graph(graph)) => {
            LoggedOp::Graph { hash: graph.hash.iter().map(|byte| format!("{byte:02x}")).collect() }
        }
        None => LoggedOp::Unknown("an unknown operation".to_owned()),
    }
}

/// Reading the memories of one space.
struct Reading<'a> {
    known: &'a Known,
    from: Lsn,
    left_out: &'a mut Vec<StoreFinding>,
}

impl Reading<'_> {
    fn memories(
        &mut self,
        fs: &dyn Fs,
        dir: &Path,
        manifest: &Manifest,
        visit: Visit<'_>,
    ) -> ControlFlow<()> {
        let settings = self.known.record.as_ref().and_then(|record| record.settings().ok());
        let Some(settings) = settings else { return ControlFlow::Continue(()) };
        let identity =
            SpaceIdentity::new(self.known.id, self.known.label(), self.known.created_at, settings);
        let identity = Arc::new(identity);
        let residence = Residence::new(RESIDENCE_BYTES);
        let home = Home {
            fs,
            dir,
            space: identity.id,
            dimension: identity.settings.dimension as usize,
            timeline: FIRST_TIMELINE,
            residence: &residence,
            fault: &identity.fault,
            moves: &identity.moves,
            blobs: None,
        };
        let next_node = CheckpointRecord::decode(manifest.payload.as_slice()).unwrap_or_default();
        let space = Space::new(Arc::clone(&identity), &Embedders::new(), TAIL_MEMORIES_MAX);
        let file = |role: u8| move |file: &&ManifestSegment| file.role == role;
        let state = manifest.segments.iter().find(file(ROLE_STATE)).map(|file| &file.segment);
        let state = state.and_then(|segment| {
            let read = state_file::read(&home, segment, &space, next_node.next_node);
            read.map_err(|error| self.leave_out(segment, &error)).ok()
        });
        let is_chunk = |file: &&ManifestSegment| file.role == ROLE_CHUNK || file.role == ROLE_COLD;
        for (index, chunk) in manifest.segments.iter().filter(is_chunk).enumerate() {
            let fate = state.as_ref().and_then(|state| state.fates.get(index));
            let fate = fate.map(|(fate, _)| fate);
            if chunk.role == ROLE_COLD {
                let what = "its texts and vectors are in the cold store".to_owned();
                self.left_out.push(StoreFinding::damage(self.path(&chunk.segment), what));
            } else {
                self.chunk(&home, &chunk.segment, fate, visit)?;
            }
        }
        let segment = manifest.segments.iter().find(file(ROLE_STATE)).map(|file| &file.segment);
        for (tail, segment) in
            state.iter().flat_map(|state| &state.tail).zip(segment.into_iter().cycle())
        {
            let memory = Memory::clone(&tail.doc.memory);
            let vectors = Some(tail.doc.vectors.clone());
            self.show(segment, (memory, Some(tail.state), vectors), visit)?;
        }
        ControlFlow::Continue(())
    }

    fn chunk(
        &mut self,
        home: &Home<'_>,
        segment: &SegmentRef,
        fate: Option<&Fate>,
        visit: Visit<'_>,
    ) -> ControlFlow<()> {
        // Where its indexes are damaged, its memories may still be read.
        let whole = chunk_file::open(home, segment, fate.cloned().unwrap_or_default());
        let whole = whole.map_err(|error| self.leave_out(segment, &error)).ok();
        let sealed = match &whole {
            Some(view) => view.bodies.sealed.clone(),
            None => chunk_file::open_sealed(home, segment).ok().map(Arc::new),
        };
        let Some(sealed) = sealed else { return ControlFlow::Continue(()) };
        for local in 0..sealed.ends.len() as u32 {
            let state = match fate {
                None => None,
                Some(fate) if fate.deleted.contains(local) => continue,
                Some(fate) if fate.suppressed.contains(local) => Some(State::Suppressed),
                Some(_) => Some(State::Active),
            };
            let memory = match sealed.read_memory(local) {
                Ok(memory) => memory,
                Err(what) => {
                    let what = format!("memory {local}: {what}");
                    self.left_out.push(StoreFinding::damage(self.path(segment), what));
                    continue;
                }
            };
            let vectors = whole.as_ref().and_then(|view| {
                let mut vectors = Vec::new();
                for vector in view.chunk.vectors_of(local) {
                    view.with_vector(vector, &mut |row| vectors.push(row.to_vec()));
                }
                home.fault.quarantined().is_none().then_some(vectors)
            });
            self.show(segment, (memory, state, vectors), visit)?;
        }
        ControlFlow::Continue(())
    }

    fn show(
        &self,
        segment: &SegmentRef,
        (memory, state, vectors): (Memory, Option<State>, Option<Vec<Vec<f32>>>),
        visit: Visit<'_>,
    ) -> ControlFlow<()> {
        if memory.lsn < self.from {
            return ControlFlow::Continue(());
        }
        visit(DumpedRecord::Memory(Box::new(DumpedMemory {
            space: self.known.name(),
            space_id: self.known.id,
            file: self.path(segment),
            memory,
            state,
            vectors,
        })))
    }

    fn path(&self, segment: &SegmentRef) -> String {
        format!("{SPACES_DIR}/{}", segment_file_name(self.known.id, &segment.hash))
    }

    fn leave_out(&mut self, segment: &SegmentRef, error: &StoreError) {
        let name = segment_file_name(self.known.id, &segment.hash);
        self.left_out.push(StoreFinding::of_error(SPACES_DIR, &name, error));
    }
}
