//! What an export takes out of a space and an import brings into one: memories with what happened to them, and what was
//! said about them.
//!
//! Associations that were formed are not among it: they are formed anew from the same content.

use engram_index::{Evidence, Retention};

use crate::association::Associate;
use crate::dynamics::{Carried, Trace};
use crate::mark::PairDecision;
use crate::model::{NewMemory, State};

/// Most memories that one belief rests on.
pub(crate) const MEMBERS_MAX: usize = 256;

/// One thing on its way out of a space or into one.
#[derive(Clone, Debug, PartialEq)]
pub enum Portable {
    /// A memory.
    Memory(Box<PortableMemory>),
    /// An association that somebody stated.
    Association(Associate),
    /// What somebody decided about two memories.
    Decision(PortableDecision),
    /// What a belief rests on; its text is a memory.
    Belief(PortableBelief),
}

/// A memory with what happened to it.
#[derive(Clone, Debug, PartialEq)]
pub struct PortableMemory {
    /// The memory; it must have an id.
    pub memory: NewMemory,
    /// Whether it can be recalled.
    pub state: State,
    /// When its first version was stored, ns; none = now. A time ahead of the clock counts as now.
    pub first_stored_ns: Option<i64>,
    /// What happened to it; none = not known, so that its repetitions count.
    pub learned: Option<Learned>,
    /// Its vectors, where they need not be computed.
    pub embedded: Option<Embedded>,
}

/// What happened to a memory.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Learned {
    /// Its reviews and evidence; none = nothing happened since it was stored.
    pub past: Option<Past>,
    /// Consolidation has looked at it.
    pub looked_at: bool,
    /// It makes no belief until it is updated.
    pub apart: bool,
    /// Consolidation made it.
    pub is_belief: bool,
}

/// Reviews of a memory and evidence for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Past {
    /// How well it is retained. Times ahead of the clock count as now.
    pub retention: Retention,
    /// What speaks for and against it beyond the statement of who stored it.
    pub evidence: Evidence,
    /// What a weighed update left of what was believed before it.
    pub carried: Option<Carried>,
}

/// Vectors that somebody computed of a memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Embedded {
    /// Identity of the embedder. Another one than that of the space computes them anew.
    pub by: String,
    /// Unit vectors of the dimension of the space, 1 to 1,024.
    pub vectors: Vec<Vec<f32>>,
}

/// What somebody decided about two memories.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortableDecision {
    /// Id of the memory that was judged.
    pub id: String,
    /// Id of the other.
    pub other: String,
    /// What was decided.
    pub decision: PairDecision,
    /// When, ns; none = now.
    pub decided_ns: Option<i64>,
}

/// What a belief rests on. What is gone is left out when it is applied.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct PortableBelief {
    /// Its id.
    pub id: String,
    /// Ids of the memories that it rests on, at most 256.
    pub members: Vec<String>,
    /// Those of them that speak against it.
    pub dissent: Vec<String>,
    /// Those of them whose words its text is.
    pub quoted: Vec<String>,
    /// The model that wrote its text; empty = these are words of members.
    pub model: String,
    /// Members when its text was last written.
    pub written: u32,
    /// A caller has written its text.
    pub held: bool,
    /// Something that it rested on is gone or says something else.
    pub outdated: bool,
}

impl From<&Trace> for Past {
    fn from(trace: &Trace) -> Past {
        let Trace { retention, evidence, carried } = trace.clone();
        Past { retention, evidence, carried }
    }
}

impl From<Past> for Trace {
    fn from(past: Past) -> Trace {
        let Past { retention, evidence, carried } = past;
        Trace { retention, evidence, carried }
    }
}
