//! The record of what consolidation does: which beliefs rest on which memories, and what was looked at.

use prost::Message;

/// What a commit changes in connection with beliefs. Their texts are puts of the same commit and stand before it. Nodes are
/// those of memories, as in associations; what names a memory that is gone is skipped.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ConsolidateRecord {
    /// All memories below this node were looked at; 0 = no more than before.
    #[prost(uint32, tag = "1")]
    pub(crate) through: u32,
    #[prost(message, repeated, tag = "2")]
    pub(crate) beliefs: Vec<BeliefRecord>,
    /// Memories that were to be looked at again, and were.
    #[prost(uint32, repeated, tag = "3")]
    pub(crate) settled: Vec<u32>,
    /// Memories that make no belief until they are updated.
    #[prost(uint32, repeated, tag = "4")]
    pub(crate) apart: Vec<u32>,
    /// Beliefs that are taken apart, by id, before all else: what they rested on is looked at again.
    #[prost(string, repeated, tag = "5")]
    pub(crate) dissolved: Vec<String>,
}

/// How a belief changes.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct BeliefRecord {
    #[prost(string, tag = "1")]
    pub(crate) id: String,
    #[prost(uint32, repeated, tag = "2")]
    pub(crate) joined: Vec<u32>,
    #[prost(uint32, repeated, tag = "3")]
    pub(crate) left: Vec<u32>,
    /// All of its members that speak against it.
    #[prost(uint32, repeated, tag = "4")]
    pub(crate) dissent: Vec<u32>,
    /// Its text is that of the put before.
    #[prost(bool, tag = "5")]
    pub(crate) written: bool,
    /// Members whose words the text is.
    #[prost(uint32, repeated, tag = "6")]
    pub(crate) quoted: Vec<u32>,
    /// What put it into words; empty = they are words of its members.
    #[prost(string, tag = "7")]
    pub(crate) model: String,
    /// What it rests on where it comes from, in the place of all fields above but the id and the model.
    #[prost(message, optional, tag = "8")]
    pub(crate) brought: Option<BroughtRecord>,
}

/// What a belief rests on that comes from elsewhere. Ids are looked up when it is applied: the memories may stand in the same
/// commit. What is gone by then, or carries another belief, does not join.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct BroughtRecord {
    #[prost(string, repeated, tag = "1")]
    pub(crate) members: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    pub(crate) dissent: Vec<String>,
    #[prost(string, repeated, tag = "3")]
    pub(crate) quoted: Vec<String>,
    /// Members when its text was last written.
    #[prost(uint32, tag = "4")]
    pub(crate) written: u32,
    /// A caller has written its text.
    #[prost(bool, tag = "5")]
    pub(crate) held: bool,
    /// It is to be made anew.
    #[prost(bool, tag = "6")]
    pub(crate) outdated: bool,
}
