//! What a checkpoint keeps of consolidation: what beliefs rest on, and which memories are still to be looked at.

use engram_index::{Bitmap, Evidence, WITNESSES_MAX, Witness};
use engram_store::{Lsn, Segment, StoreError};
use prost::Message;

use super::{BELIEF_NOTES, BELIEFS, read_nodes};
use crate::memtable::{Belief, Beliefs, Member};
use crate::portable::MEMBERS_MAX;
use crate::record::WitnessRecord;
use crate::stored::{append_message, read_messages};

/// What a belief rests on.
#[derive(Clone, PartialEq, Message)]
struct BeliefStateRecord {
    #[prost(uint32, tag = "1")]
    node: u32,
    /// Nodes of its members, ascending.
    #[prost(uint32, repeated, tag = "2")]
    members: Vec<u32>,
    /// The commit by which each of them joined.
    #[prost(uint64, repeated, tag = "3")]
    since: Vec<u64>,
    /// Nodes, ascending.
    #[prost(uint32, repeated, tag = "4")]
    quoted: Vec<u32>,
    /// Nodes, ascending.
    #[prost(uint32, repeated, tag = "5")]
    dissent: Vec<u32>,
    #[prost(message, repeated, tag = "6")]
    witnesses: Vec<WitnessRecord>,
    #[prost(sint64, tag = "7")]
    from: i64,
    #[prost(sint64, tag = "8")]
    until: i64,
    /// Members when its text was last written.
    #[prost(uint32, tag = "9")]
    written: u32,
    #[prost(bool, tag = "10")]
    stale: bool,
    #[prost(bool, tag = "11")]
    held: bool,
    #[prost(string, tag = "12")]
    model: String,
}

/// What else is noted.
#[derive(Clone, PartialEq, Message)]
struct NotesRecord {
    /// The memories below this node were looked at.
    #[prost(uint32, tag = "1")]
    through: u32,
    /// Nodes of memories that make no belief, ascending.
    #[prost(uint32, repeated, tag = "2")]
    apart: Vec<u32>,
    #[prost(message, repeated, tag = "3")]
    again: Vec<AgainRecord>,
    /// Set of nodes that were looked at where their memories come from; empty = there are none.
    #[prost(bytes = "vec", tag = "4")]
    seen: Vec<u8>,
}

/// A memory that is to be looked at again.
#[derive(Clone, PartialEq, Message)]
struct AgainRecord {
    #[prost(uint32, tag = "1")]
    node: u32,
    /// Id of the belief that rested on it; empty = none did.
    #[prost(string, tag = "2")]
    former: String,
}

impl BeliefStateRecord {
    fn new(node: u32, belief: &Belief) -> BeliefStateRecord {
        let witness = |witness: &Witness| WitnessRecord {
            source: witness.source,
            supports: witness.supports,
            opposes: witness.opposes,
        };
        BeliefStateRecord {
            node,
            members: belief.nodes().collect(),
            since: belief.members.iter().map(|member| member.since.0).collect(),
            quoted: belief.quoted.clone(),
            dissent: belief.dissent.clone(),
            witnesses: belief.evidence.witnesses().iter().map(witness).collect(),
            from: belief.span.0,
            until: belief.span.1,
            written: belief.written,
            stale: belief.stale,
            held: belief.held,
            model: belief.model.to_string(),
        }
    }

    /// What it says, or nothing where it cannot be that.
    fn into_belief(self) -> Option<Belief> {
        let ascends = |nodes: &[u32]| nodes.is_sorted_by(|one, next| one < next);
        let sound = ascends(&self.members)
            && ascends(&self.quoted)
            && ascends(&self.dissent)
            && self.members.len() == self.since.len()
            && self.members.len() <= MEMBERS_MAX
            && self.witnesses.len() <= WITNESSES_MAX;
        let witness = |witness: WitnessRecord| Witness {
            source: witness.source,
            supports: witness.supports,
            opposes: witness.opposes,
        };
        let members = self.members.into_iter().zip(self.since);
        let belief = Belief {
            members: members.map(|(node, since)| Member { node, since: Lsn(since) }).collect(),
            quoted: self.quoted,
            dissent: self.dissent,
            evidence: Evidence::of(self.witnesses.into_iter().map(witness).collect()),
            span: (self.from, self.until),
            written: self.written,
            stale: self.stale,
            held: self.held,
            model: self.model.into(),
        };
        sound.then_some(belief)
    }
}

/// What each belief rests on.
pub(super) fn write(beliefs: &Beliefs) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (node, belief) in beliefs.iter() {
        append_message(&BeliefStateRecord::new(node, belief), &mut bytes);
    }
    bytes
}

/// What is still to be looked at.
pub(super) fn write_notes(beliefs: &Beliefs) -> Vec<u8> {
    let again = |(node, former): (u32, &std::sync::Arc<str>)| AgainRecord {
        node,
        former: former.to_string(),
    };
    let seen: Vec<u32> = beliefs.all_seen().collect();
    let record = NotesRecord {
        through: beliefs.through,
        apart: beliefs.all_apart().collect(),
        again: beliefs.all_again().map(again).collect(),
        seen: match seen.is_empty() {
            true => Vec::new(),
            false => Bitmap::from_ordinals(&seen).to_bytes(),
        },
    };
    record.encode_to_vec()
}

/// State files of spaces in which nothing was consolidated have no such sections.
pub(super) fn read(segment: &Segment, next_node: u32) -> Result<Beliefs, StoreError> {
    let mut beliefs = Beliefs::default();
    if segment.section_len(BELIEFS).is_none() {
        return Ok(beliefs);
    }
    let told = |what: String| segment.damaged(&what);
    let wrong = || segment.damaged("a belief is not what it should be");
    let mut after = None;
    for record in read_messages::<BeliefStateRecord>(&segment.load(BELIEFS)?).map_err(told)? {
        let node = record.node;
        let belief = record.into_belief().ok_or_else(wrong)?;
        let fits = |other: u32| other < next_node && other != node && beliefs.on(other).is_none();
        if Some(node) <= after || node >= next_node || !belief.nodes().all(fits) {
            return Err(wrong());
        }
        after = Some(node);
        beliefs.put(node, belief);
    }
    let notes = NotesRecord::decode(segment.load(BELIEF_NOTES)?.as_slice());
    let notes = notes.map_err(|error| told(error.to_string()))?;
    if notes.through > next_node {
        return Err(wrong());
    }
    beliefs.through = notes.through;
    notes.apart.into_iter().for_each(|node| beliefs.set_apart(node));
    notes.again.into_iter().for_each(|again| beliefs.look_again(again.node, again.former.into()));
    if !notes.seen.is_empty() {
        let seen = read_nodes(&notes.seen, next_node).map_err(told)?;
        seen.into_iter().for_each(|node| beliefs.note_seen(node));
    }
    Ok(beliefs)
}
