//! Import: memories with what happened to them elsewhere, and what was said about them there, in one commit.
//!
//! Nothing is counted that was counted where it comes from, and what is there already is left as it is: an import that was
//! interrupted is taken up by sending it again. The space's rule for duplicates has no say.

mod plan;

use std::sync::Arc;

use engram_store::{CommitTime, Lsn};
use prost::Message;

use self::plan::{Plan, Planner};
use crate::association::Associate;
use crate::engine::{Done, Engine, Submitted};
use crate::error::EngineError;
use crate::model::State;
use crate::portable::{Learned, Portable, PortableBelief, PortableDecision, PortableMemory};
use crate::queue::{Change, CommitQueue, Known, Submission, writable};
use crate::record::{CommitRecord, KIND_COMMIT};
use crate::request::OnInvalid;
use crate::settings::EngineSettings;
use crate::space::{PreparedMemory, Space};
use crate::validate;

/// How an import is carried out.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ImportOptions {
    /// What happens when some records are refused.
    pub on_invalid: OnInvalid,
    /// Who asks; set by the server.
    pub principal: String,
}

/// How many records of each sort.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct RecordCounts {
    /// Memories.
    pub memories: u64,
    /// Associations.
    pub associations: u64,
    /// Decisions about pairs.
    pub decisions: u64,
    /// What beliefs rest on.
    pub beliefs: u64,
}

/// What became of the records of an import.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// Last commit that the answer rests on.
    pub lsn: Lsn,
    /// Its time.
    pub committed_at: CommitTime,
    /// Records that this import stored.
    pub created: RecordCounts,
    /// Records that were there already.
    pub unchanged: RecordCounts,
    /// Places of refused records, ascending, and why.
    pub refused: Vec<(usize, EngineError)>,
}

/// Records that are checked, analysed and embedded, ready to be committed to their space. Parts that were prepared on several
/// threads are put together with [`PreparedImport::append`].
pub struct PreparedImport {
    space: Arc<Space>,
    items: Vec<Result<PreparedRecord, EngineError>>,
}

/// A record that passed every check that needs no order.
enum PreparedRecord {
    Memory(Box<Arriving>),
    Association(Associate),
    Decision(PortableDecision),
    Belief(PortableBelief),
}

/// A memory that is to be stored.
struct Arriving {
    memory: PreparedMemory,
    state: State,
    first_committed_at: Option<CommitTime>,
    learned: Option<Learned>,
}

impl PreparedImport {
    /// Adds the records of `other`, which was prepared for the same space, behind these.
    ///
    /// # Errors
    /// [`EngineError::SpaceNotFound`] when the space was deleted and its name given to another one in between.
    pub fn append(&mut self, mut other: PreparedImport) -> Result<(), EngineError> {
        if !Arc::ptr_eq(&self.space, &other.space) {
            return Err(EngineError::SpaceNotFound { name: self.space.identity.name.clone() });
        }
        self.items.append(&mut other.items);
        Ok(())
    }
}

impl Engine {
    /// Checks, analyses and embeds records. CPU work: may run on several threads for parts of one request, `first` being the
    /// place of the part's first record in it.
    ///
    /// # Errors
    /// The space or its embedder refuses all; single refusals stay inside.
    pub fn prepare_import(
        &self,
        space: &str,
        records: Vec<Portable>,
        first: usize,
    ) -> Result<PreparedImport, EngineError> {
        let space = self.serving(space)?;
        let now_ns = self.now_ns();
        let prepare = |(place, record)| {
            prepared(&space, record, (self.settings(), now_ns))
                .map_err(|error| error.within(&format!("records[{place}]")))
        };
        let mut items: Vec<Result<PreparedRecord, EngineError>> =
            (first..).zip(records).map(prepare).collect();
        let memories = items.iter_mut().flatten().filter_map(|record| match record {
            PreparedRecord::Memory(arriving) => Some(&mut arriving.memory),
            _ => None,
        });
        space.embed_missing(memories, now_ns)?;
        Ok(PreparedImport { space, items })
    }

    /// Stores 1 to 1,000 records in one commit; `done` is called when they are durable and can be read.
    pub fn import(
        &self,
        space: &str,
        records: Vec<Portable>,
        options: &ImportOptions,
        done: Done<Imported>,
    ) {
        let prepared = validate::batch("records", records.len(), self.settings())
            .and_then(|()| self.prepare_import(space, records, 0));
        match prepared {
            Ok(prepared) => self.import_prepared(prepared, options, done),
            Err(error) => done(Err(error)),
        }
    }

    /// Stores prepared records in one commit; `done` is called when they are durable and can be read.
    pub fn import_prepared(
        &self,
        prepared: PreparedImport,
        options: &ImportOptions,
        done: Done<Imported>,
    ) {
        let PreparedImport { space, items } = prepared;
        if let Err(error) = validate::batch("records", items.len(), self.settings()) {
            return done(Err(error));
        }
        self.answer(done, |queue| space.sound(self.submit_import(queue, &space, items, options)));
    }

    fn submit_import(
        &self,
        queue: &mut CommitQueue,
        space: &Arc<Space>,
        items: Vec<Result<PreparedRecord, EngineError>>,
        options: &ImportOptions,
    ) -> Submitted<Imported> {
        let snapshot = space.snapshot.load_full();
        let (waiting, max) = (space.unlinked(), self.settings().index_lag_memories_max);
        if waiting > max {
            return Err(EngineError::Lagging { waiting, max });
        }
        let overlay = writable(queue, space)?;
        let planner = Planner { overlay, snapshot: &snapshot, now_ns: self.now_ns() };
        let plan = planner.plan(items);
        if let Some(error) = plan.refusal(options.on_invalid) {
            return Err(error.clone());
        }
        if plan.changes_nothing() {
            let answer = plan.answer((snapshot.lsn, snapshot.committed_at));
            return Ok((answer, plan.rests_on));
        }
        self.within_quota(space, (&snapshot, overlay), plan.stored())?;
        self.commit_import(queue, space, plan, options)
    }

    fn commit_import(
        &self,
        queue: &mut CommitQueue,
        space: &Arc<Space>,
        mut plan: Plan,
        options: &ImportOptions,
    ) -> Submitted<Imported> {
        let record = CommitRecord {
            ops: plan.ops(),
            idempotency: None,
            principal: options.principal.clone(),
        };
        let submission = Submission {
            space: Arc::clone(space),
            kind: KIND_COMMIT,
            payload: record.encode_to_vec(),
            state_sum: plan.state_sum,
            now_ns: self.now_ns(),
        };
        let (number, born) = (queue.next_number(), plan.stored());
        let bytes_max = self.settings().commit_queue_bytes_max;
        let mut docs = Vec::new();
        let stamp = queue.submit(self.log(), bytes_max, submission, |stamp| {
            let (steps, stored) = plan.steps(stamp, &options.principal);
            docs = stored;
            Change::Commit(steps)
        })?;
        let overlay = queue.overlays.entry(space.identity.id).or_default();
        overlay.state_sum = plan.state_sum;
        overlay.bear(number, born);
        for (doc, state, saying) in docs {
            overlay.touch_doc(number, &doc, Known::stored(&doc, state));
            if let Some(saying) = saying {
                overlay.touch_saying(number, saying, doc.memory.id.clone());
            }
        }
        for stated in &plan.associations {
            let pair = (stated.from.clone(), stated.to.clone());
            overlay.touch_pair((number, stamp.lsn), pair, true);
        }
        for belief in &plan.beliefs {
            overlay.touch_quotes(number, &belief.id, &belief.quoted);
        }
        Ok((plan.answer((stamp.lsn, stamp.time)), Some(number)))
    }
}

/// Checks and analyses a record.
fn prepared(
    space: &Space,
    mut record: Portable,
    (settings, now_ns): (&EngineSettings, i64),
) -> Result<PreparedRecord, EngineError> {
    if let Portable::Memory(memory) = &mut record {
        let own = space.embedded_by();
        memory.embedded = memory.embedded.take().filter(|given| Some(&given.by) == own.as_ref());
    }
    validate::portable(&mut record, (space.identity.settings.dimension, settings), now_ns)?;
    Ok(match record {
        Portable::Memory(memory) => {
            PreparedRecord::Memory(Box::new(arriving(space, *memory, now_ns)))
        }
        Portable::Association(stated) => PreparedRecord::Association(stated),
        Portable::Decision(decided) => PreparedRecord::Decision(decided),
        Portable::Belief(rests) => PreparedRecord::Belief(rests),
    })
}

fn arriving(space: &Space, brought: PortableMemory, now_ns: i64) -> Arriving {
    let PortableMemory { memory, state, first_stored_ns, learned, embedded } = brought;
    let mut memory = space.analysed(memory);
    if memory.vectors.is_none() {
        memory.vectors = embedded.map(|own| own.vectors);
    }
    let earlier = first_stored_ns.filter(|at_ns| *at_ns < now_ns);
    Arriving { memory, state, first_committed_at: earlier.map(CommitTime), learned }
}
