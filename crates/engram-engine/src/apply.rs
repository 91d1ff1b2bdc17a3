//! What a durable commit does to the state of its space: the same code when it is acknowledged and when it is replayed.

use std::sync::Arc;

use engram_store::Stamp;

use crate::memtable::{Doc, Snapshot};
use crate::model::{Memory, State};
use crate::record::{CommitRecord, Op, PutRecord, decode_vectors};
use crate::space::Space;

/// One step of a commit.
#[derive(Debug)]
pub(crate) enum Step {
    /// A memory appears.
    Put(Arc<Doc>),
    /// A memory becomes active or suppressed.
    SetState(String, State),
    /// A memory is gone.
    Delete(String),
}

/// Applies the steps of one commit.
///
/// # Errors
/// A step that does not fit the state: impossible for a commit of this process, damage in a replay.
pub(crate) fn apply(
    snapshot: &mut Snapshot,
    stamp: Stamp,
    steps: Vec<Step>,
    dimension: u32,
) -> Result<(), String> {
    for step in steps {
        match step {
            Step::Put(doc) => {
                if snapshot.find(&doc.memory.id).is_some() {
                    return Err(format!("LSN {} stores an id that is live", stamp.lsn));
                }
                snapshot.put(doc, dimension);
            }
            Step::SetState(id, state) => match snapshot.find(&id) {
                Some((at, _)) => {
                    snapshot.set_state(at, state);
                }
                None => return Err(format!("LSN {} changes an id that is not live", stamp.lsn)),
            },
            Step::Delete(id) => match snapshot.find(&id) {
                Some((at, _)) => snapshot.delete(at),
                None => return Err(format!("LSN {} deletes an id that is not live", stamp.lsn)),
            },
        }
    }
    snapshot.lsn = stamp.lsn;
    snapshot.committed_at = stamp.time;
    Ok(())
}

/// The steps of a commit record.
///
/// # Errors
/// What of the record this program cannot read.
pub(crate) fn steps(
    space: &Space,
    stamp: Stamp,
    record: CommitRecord,
) -> Result<Vec<Step>, String> {
    let principal = record.principal;
    (0_u32..)
        .zip(record.ops)
        .map(|(position, op)| match op.op {
            Some(Op::Put(put)) => {
                Ok(Step::Put(Arc::new(doc(space, stamp, position, put, &principal)?)))
            }
            Some(Op::Suppress(id)) => Ok(Step::SetState(id, State::Suppressed)),
            Some(Op::Restore(id)) => Ok(Step::SetState(id, State::Active)),
            Some(Op::Delete(id)) => Ok(Step::Delete(id)),
            None => Err(format!("LSN {} holds an unknown operation", stamp.lsn)),
        })
        .collect()
}

fn doc(
    space: &Space,
    stamp: Stamp,
    position: u32,
    put: PutRecord,
    principal: &str,
) -> Result<Doc, String> {
    let content_hash = put
        .content_hash
        .try_into()
        .map_err(|_| format!("LSN {} has a content hash of another length", stamp.lsn))?;
    let vectors = decode_vectors(&put.vectors, space.settings.dimension)
        .ok_or_else(|| format!("LSN {} has vectors of another dimension", stamp.lsn))?;
    let content = put.content.into_content()?;
    let words = space.words(&content);
    let memory = Memory {
        id: put.id,
        version: put.version,
        lsn: stamp.lsn,
        position,
        committed_at: stamp.time,
        principal: principal.to_owned(),
        content,
        content_hash,
    };
    Ok(Doc { memory: Arc::new(memory), words, vectors })
}
