//! What the records of an import come to, in the order of commits: what is there, what is stored, what is refused.

use std::collections::HashMap;
use std::sync::Arc;

use engram_index::EdgeWeight;
use engram_store::{CommitTime, Lsn, Stamp};

use super::{Arriving, Imported, PreparedRecord, RecordCounts};
use crate::apply::Step;
use crate::association::Associate;
use crate::dynamics::witness;
use crate::error::{EngineError, InvalidValue};
use crate::memtable::{Doc, Snapshot, state_term};
use crate::model::{ContentHash, FIRST_VERSION, Kind, Memory, State};
use crate::portable::{Learned, PortableBelief, PortableDecision};
use crate::queue::{Known, Overlay};
use crate::record::{
    AssociateRecord, BeliefRecord, BroughtRecord, ConsolidateRecord, FeedbackRecord, LearnedRecord,
    Op, OpRecord, PutRecord, encode_vectors,
};
use crate::relate::RELATION_DEFAULT;
use crate::request::OnInvalid;
use crate::search::Saying;

/// What an import comes to, before the log has given it a stamp.
#[derive(Default)]
pub(super) struct Plan {
    /// Memories that forgot themselves and whose ids are stored anew: deleted first.
    expired: Vec<String>,
    arriving: Vec<Arriving>,
    /// What arrives, by id.
    arrived: HashMap<String, Arrived>,
    pub(super) associations: Vec<Associate>,
    decisions: Vec<PortableDecision>,
    pub(super) beliefs: Vec<PortableBelief>,
    created: RecordCounts,
    unchanged: RecordCounts,
    refused: Vec<(usize, EngineError)>,
    /// Queue number of the last commit that the answer rests on.
    pub(super) rests_on: Option<u64>,
    pub(super) state_sum: u64,
}

/// What is known of a memory that arrives with this import.
struct Arrived {
    hash: ContentHash,
    kind: Kind,
}

/// Whether a record changes anything.
enum Worth {
    Stored,
    There,
}

/// A document that is stored, its state, and what it says where the space looks at that.
pub(super) type StoredDoc = (Arc<Doc>, State, Option<Saying>);

/// All that decides about a record, under the lock of the queue.
pub(super) struct Planner<'a> {
    pub(super) overlay: &'a Overlay,
    pub(super) snapshot: &'a Snapshot,
    pub(super) now_ns: i64,
}

impl Planner<'_> {
    pub(super) fn plan(&self, items: Vec<Result<PreparedRecord, EngineError>>) -> Plan {
        let mut plan = Plan { state_sum: self.overlay.state_sum, ..Plan::default() };
        for (place, item) in items.into_iter().enumerate() {
            let outcome = item.and_then(|record| self.place(&mut plan, record, place));
            if let Err(error) = outcome {
                plan.refused.push((place, error));
            }
        }
        plan
    }

    fn place(
        &self,
        plan: &mut Plan,
        record: PreparedRecord,
        place: usize,
    ) -> Result<(), EngineError> {
        match record {
            PreparedRecord::Memory(arriving) => {
                let worth = self.memory(plan, *arriving, place)?;
                plan.count(&worth, |counts| &mut counts.memories);
            }
            PreparedRecord::Association(stated) => {
                let worth = self.association(plan, stated)?;
                plan.count(&worth, |counts| &mut counts.associations);
            }
            PreparedRecord::Decision(decided) => {
                let worth = self.decision(plan, decided)?;
                plan.count(&worth, |counts| &mut counts.decisions);
            }
            PreparedRecord::Belief(rests) => {
                let worth = self.belief(plan, rests, place)?;
                plan.count(&worth, |counts| &mut counts.beliefs);
            }
        }
        Ok(())
    }

    fn memory(
        &self,
        plan: &mut Plan,
        arriving: Arriving,
        place: usize,
    ) -> Result<Worth, EngineError> {
        let id = arriving.memory.id.clone().unwrap_or_default();
        let hash = arriving.memory.hash;
        if let Some(arrived) = plan.arrived.get(&id) {
            let field = format!("records[{place}].memory.content.id");
            let repeated = || EngineError::invalid(field, InvalidValue::Repeated);
            return if arrived.hash == hash { Ok(Worth::There) } else { Err(repeated()) };
        }
        let (known, rests_on) = self.overlay.lookup(self.snapshot, &id);
        let expired =
            |known: &Known| known.is_expired(self.now_ns) && arriving.memory.vectors.is_some();
        match known {
            Some(known) if expired(&known) => {
                plan.state_sum = plan.state_sum.wrapping_sub(known.term(&id));
                plan.expired.push(id.clone());
            }
            Some(known) if known.hash == hash => {
                plan.rests_on = plan.rests_on.max(rests_on);
                return Ok(Worth::There);
            }
            Some(_) => return Err(EngineError::IdConflict { id }),
            None if arriving.memory.vectors.is_none() => return Err(EngineError::Raced { id }),
            None => {}
        }
        let term = state_term(&id, FIRST_VERSION, &hash, arriving.state);
        plan.state_sum = plan.state_sum.wrapping_add(term);
        plan.arrived.insert(id, Arrived { hash, kind: arriving.memory.content.kind });
        plan.arriving.push(arriving);
        Ok(Worth::Stored)
    }

    /// Whether a memory is there by then, and what its answer rests on.
    fn lives(&self, plan: &mut Plan, id: &str) -> Result<(), EngineError> {
        if plan.arrived.contains_key(id) {
            return Ok(());
        }
        let (known, rests_on) = self.overlay.lookup(self.snapshot, id);
        plan.rests_on = plan.rests_on.max(rests_on);
        known.map(|_| ()).ok_or_else(|| EngineError::MemoryNotFound { id: id.to_owned() })
    }

    /// Node of a memory that nothing queued concerns.
    fn settled(&self, plan: &Plan, id: &str) -> Option<u32> {
        let (_, queued) = self.overlay.lookup(self.snapshot, id);
        let (at, _) = self.snapshot.find(id)?;
        (queued.is_none() && !plan.arrived.contains_key(id)).then(|| self.snapshot.node(at))
    }

    fn association(&self, plan: &mut Plan, mut stated: Associate) -> Result<Worth, EngineError> {
        self.lives(plan, &stated.from)?;
        self.lives(plan, &stated.to)?;
        if stated.relation.is_empty() {
            RELATION_DEFAULT.clone_into(&mut stated.relation);
        }
        let queued = self.overlay.pair(&stated.from, &stated.to).is_some();
        let ends = self.settled(plan, &stated.from).zip(self.settled(plan, &stated.to));
        let associations = &self.snapshot.associations;
        let same = |(from, to): (u32, u32)| {
            let said = associations.statement(from, to);
            associations.stated_weight(from, to) == EdgeWeight::new(stated.weight)
                && said.is_some_and(|said| {
                    *said.relation == *stated.relation && *said.reason == *stated.reason
                })
        };
        if !queued && ends.is_some_and(same) {
            return Ok(Worth::There);
        }
        plan.associations.push(stated);
        Ok(Worth::Stored)
    }

    fn decision(&self, plan: &mut Plan, decided: PortableDecision) -> Result<Worth, EngineError> {
        self.lives(plan, &decided.id)?;
        self.lives(plan, &decided.other)?;
        let ends = self.settled(plan, &decided.id).zip(self.settled(plan, &decided.other));
        let same = |(judged, other): (u32, u32)| {
            let known = self.snapshot.marks.get(judged, other).and_then(|mark| mark.decided);
            known.is_some_and(|own| own.decision == decided.decision && own.judged == judged)
        };
        if ends.is_some_and(same) {
            return Ok(Worth::There);
        }
        plan.decisions.push(decided);
        Ok(Worth::Stored)
    }

    fn belief(
        &self,
        plan: &mut Plan,
        rests: PortableBelief,
        place: usize,
    ) -> Result<Worth, EngineError> {
        self.lives(plan, &rests.id)?;
        let published = self.snapshot.find(&rests.id).map(|(at, _)| at);
        let kind = match (plan.arrived.get(&rests.id), self.overlay.doc(&rests.id)) {
            (Some(arrived), _) => Some(arrived.kind),
            (None, Some(doc)) => Some(doc.memory.content.kind),
            (None, None) => published.map(|at| self.snapshot.head(at).content.kind),
        };
        if kind != Some(Kind::Belief) {
            let field = format!("records[{place}].belief.id");
            return Err(EngineError::invalid(field, InvalidValue::NotABelief));
        }
        let carries = |node: u32| {
            let there = self.snapshot.beliefs.get(node)?;
            let members = rests.members.iter().filter_map(|id| self.snapshot.find(id));
            let mut nodes = members.map(|(at, _)| self.snapshot.node(at));
            nodes.all(|member| there.place(member).is_ok()).then_some(!there.members.is_empty())
        };
        let node = self.settled(plan, &rests.id);
        if node.and_then(carries) == Some(true) {
            return Ok(Worth::There);
        }
        plan.beliefs.push(rests);
        Ok(Worth::Stored)
    }
}

impl Plan {
    fn count(&mut self, worth: &Worth, sort: fn(&mut RecordCounts) -> &mut u64) {
        let counts = match worth {
            Worth::Stored => &mut self.created,
            Worth::There => &mut self.unchanged,
        };
        *sort(counts) += 1;
    }

    /// The first refusal that refuses the whole import. A race does so always: its retry must find no trace.
    pub(super) fn refusal(&self, on_invalid: OnInvalid) -> Option<&EngineError> {
        let mut errors = self.refused.iter().map(|(_, error)| error);
        errors.find(|error| {
            on_invalid == OnInvalid::RefuseAll || matches!(error, EngineError::Raced { .. })
        })
    }

    pub(super) fn changes_nothing(&self) -> bool {
        self.created == RecordCounts::default()
    }

    /// By how many memories the space grows.
    pub(super) fn stored(&self) -> u64 {
        (self.arriving.len() - self.expired.len()) as u64
    }

    pub(super) fn answer(&self, (lsn, committed_at): (Lsn, CommitTime)) -> Imported {
        Imported {
            lsn,
            committed_at,
            created: self.created,
            unchanged: self.unchanged,
            refused: self.refused.clone(),
        }
    }

    /// The operations of the commit, in the order of its steps.
    pub(super) fn ops(&mut self) -> Vec<OpRecord> {
        let op = |op: Op| OpRecord { op: Some(op) };
        let mut ops: Vec<OpRecord> =
            self.expired.iter().map(|id| op(Op::Delete(id.clone()))).collect();
        ops.extend(self.arriving.iter_mut().map(|arriving| op(Op::Put(put_record(arriving)))));
        ops.extend(self.hidden().map(|id| op(Op::Suppress(id))));
        ops.extend(self.associations.iter().map(|stated| op(Op::Associate(associate(stated)))));
        ops.extend(self.decisions.iter().map(|decided| op(Op::Feedback(feedback(decided)))));
        ops.extend(self.consolidation().map(|record| op(Op::Consolidate(record))));
        ops
    }

    /// The steps of the commit, and the documents that it stores.
    pub(super) fn steps(&mut self, stamp: Stamp, principal: &str) -> (Vec<Step>, Vec<StoredDoc>) {
        let hidden: Vec<String> = self.hidden().collect();
        let mut steps: Vec<Step> =
            std::mem::take(&mut self.expired).into_iter().map(Step::Delete).collect();
        let mut stored = Vec::with_capacity(self.arriving.len());
        for arriving in std::mem::take(&mut self.arriving) {
            let (state, saying) = (arriving.state, arriving.memory.saying);
            let (doc, learned) = doc(arriving, (stamp, steps.len() as u32), principal);
            steps.push(match learned {
                Some(learned) => Step::Arrive(Arc::clone(&doc), Box::new(learned)),
                None => Step::Put(Arc::clone(&doc)),
            });
            stored.push((doc, state, saying));
        }
        steps.extend(hidden.into_iter().map(|id| Step::SetState(id, State::Suppressed)));
        steps.extend(self.associations.iter().map(|stated| Step::Associate(associate(stated))));
        let source = witness(&[principal, ""]);
        let decisions = self.decisions.iter();
        steps.extend(decisions.map(|decided| Step::Feedback(feedback(decided), source)));
        steps.extend(self.consolidation().map(Step::Consolidate));
        (steps, stored)
    }

    /// Ids of memories that arrive hidden.
    fn hidden(&self) -> impl Iterator<Item = String> + '_ {
        let hidden = self.arriving.iter().filter(|arriving| arriving.state == State::Suppressed);
        hidden.filter_map(|arriving| arriving.memory.id.clone())
    }

    fn consolidation(&self) -> Option<ConsolidateRecord> {
        let beliefs: Vec<BeliefRecord> = self.beliefs.iter().map(belief_record).collect();
        (!beliefs.is_empty()).then(|| ConsolidateRecord { beliefs, ..ConsolidateRecord::default() })
    }
}

fn put_record(arriving: &mut Arriving) -> PutRecord {
    let memory = &mut arriving.memory;
    PutRecord {
        id: memory.id.clone().unwrap_or_default(),
        version: FIRST_VERSION,
        content: std::mem::take(&mut memory.record),
        content_hash: memory.hash.to_vec(),
        vectors: memory.vectors.as_deref().map(encode_vectors).unwrap_or_default(),
        vector_given: memory.vector_given,
        first_committed_at: arriving.first_committed_at.map(|time| time.0),
        learned: arriving.learned.as_ref().map(LearnedRecord::new),
        ..PutRecord::default()
    }
}

fn doc(
    arriving: Arriving,
    (stamp, position): (Stamp, u32),
    principal: &str,
) -> (Arc<Doc>, Option<Learned>) {
    let Arriving { memory: prepared, first_committed_at, learned, .. } = arriving;
    let memory = Memory {
        id: prepared.id.unwrap_or_default(),
        version: FIRST_VERSION,
        lsn: stamp.lsn,
        position,
        committed_at: stamp.time,
        principal: principal.to_owned(),
        content: prepared.content,
        content_hash: prepared.hash,
        first_committed_at: first_committed_at.unwrap_or(stamp.time),
        reason: String::new(),
        reconsolidation: None,
    };
    let vectors = prepared.vectors.unwrap_or_default();
    let doc = Doc { memory: Arc::new(memory), words: prepared.words, vectors };
    (Arc::new(doc), learned)
}

fn associate(stated: &Associate) -> AssociateRecord {
    AssociateRecord {
        from: stated.from.clone(),
        to: stated.to.clone(),
        relation: stated.relation.clone(),
        weight: stated.weight,
        reason: stated.reason.clone(),
    }
}

fn feedback(decided: &PortableDecision) -> FeedbackRecord {
    FeedbackRecord {
        id: decided.id.clone(),
        other: decided.other.clone(),
        decision: decided.decision.code(),
        counted: true,
        decided_at: decided.decided_ns,
        ..FeedbackRecord::default()
    }
}

fn belief_record(rests: &PortableBelief) -> BeliefRecord {
    BeliefRecord {
        id: rests.id.clone(),
        model: rests.model.clone(),
        brought: Some(BroughtRecord {
            members: rests.members.clone(),
            dissent: rests.dissent.clone(),
            quoted: rests.quoted.clone(),
            written: rests.written,
            held: rests.held,
            outdated: rests.outdated,
        }),
        ..BeliefRecord::default()
    }
}
