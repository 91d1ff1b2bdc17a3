//! What commits do to beliefs: consolidation makes and changes them, and what becomes of a memory becomes of what rests
//! on it.

use std::sync::Arc;

use engram_index::{Evidence, Review};
use engram_store::Lsn;

use super::beliefs::{Belief, Member};
use super::snapshot::Snapshot;
use crate::dynamics::source_of;
use crate::model::{Memory, State};
use crate::portable::MEMBERS_MAX;

/// How consolidation changes a belief.
pub(crate) struct BeliefChange {
    /// Memories it rests on from now on; what another belief rests on, or what is gone, is left out.
    pub(crate) joined: Vec<u32>,
    /// Memories it no longer rests on.
    pub(crate) left: Vec<u32>,
    /// Its members that speak against it.
    pub(crate) dissent: Vec<u32>,
    /// Its text is new: the members whose words it is, and the model that wrote it.
    pub(crate) written: Option<(Vec<u32>, String)>,
    /// It comes from elsewhere, where its repetitions are counted.
    pub(crate) brought: Option<Brought>,
}

/// How a belief stands where it comes from.
pub(crate) struct Brought {
    /// Members when its text was last written.
    pub(crate) written: u32,
    pub(crate) held: bool,
    pub(crate) stale: bool,
}

impl Snapshot {
    /// Changes what a belief rests on. Each memory that joins is a repetition of what it says.
    pub(crate) fn believe(&mut self, node: u32, change: BeliefChange, lsn: Lsn) {
        let mut belief =
            self.beliefs.get(node).map_or_else(Belief::default, |known| Belief::clone(known));
        let is_new = belief.members.is_empty();
        for left in &change.left {
            if let Ok(place) = belief.place(*left) {
                belief.members.remove(place);
            }
        }
        let mut reviews = Vec::new();
        for joining in change.joined {
            let Some((at, State::Active)) = self.doc_of_node(joining) else { continue };
            let is_free = self.beliefs.on(joining).is_none_or(|on| on == node);
            if joining == node || !is_free || belief.members.len() >= MEMBERS_MAX {
                continue;
            }
            if let Err(place) = belief.place(joining) {
                belief.members.insert(place, Member { node: joining, since: lsn });
                reviews.push(self.head(at).learned_at());
            }
        }
        belief.dissent = change.dissent;
        belief.dissent.sort_unstable();
        if let Some((mut quoted, model)) = change.written {
            quoted.sort_unstable();
            belief.quoted = quoted;
            belief.model = model.into();
            belief.written = belief.members.len() as u32;
            belief.held = false;
        }
        belief.stale = false;
        let counts = change.brought.is_none();
        if let Some(Brought { written, held, stale }) = change.brought {
            let members: Vec<u32> = belief.nodes().collect();
            let is_member = |node: &u32| members.binary_search(node).is_ok();
            belief.dissent.retain(is_member);
            belief.quoted.retain(is_member);
            (belief.written, belief.held, belief.stale) = (written, held, stale);
        }
        self.settle_belief(node, belief);
        // What it was made from is no repetition of it: the first of them is when it began.
        reviews.sort_unstable();
        for at_ns in reviews.into_iter().skip(usize::from(is_new)).filter(|_| counts) {
            let at_ns = at_ns.min(self.committed_at.0);
            self.learn(node, |trace, law| {
                trace.retention.review(law, at_ns, Review::Used { share: 1.0 });
            });
        }
    }

    /// Takes a belief apart: what it rested on is looked at again, and may make it anew under its id.
    pub(crate) fn dissolve(&mut self, node: u32, id: &str) {
        let Some(belief) = self.beliefs.remove(node) else { return };
        let former: Arc<str> = id.into();
        belief.nodes().for_each(|member| self.beliefs.look_again(member, Arc::clone(&former)));
    }

    /// A memory is gone for good, and whatever is known of it in connection with beliefs. Where it was a belief itself, what
    /// it rested on makes no other: somebody did not want it.
    pub(super) fn forget_in_beliefs(&mut self, node: u32) {
        if !self.beliefs.concerns(node) {
            return;
        }
        if let Some(belief) = self.beliefs.remove(node) {
            belief.nodes().for_each(|member| self.beliefs.set_apart(member));
        }
        self.leave_belief(node);
        self.beliefs.drop_notes(node);
    }

    /// A memory has a newer version, which is looked at like a new memory. A belief goes with its newer version.
    pub(super) fn carry_belief(&mut self, old: u32, new: u32) {
        if !self.beliefs.concerns(old) {
            return;
        }
        if let Some(belief) = self.beliefs.remove(old) {
            self.beliefs.put(new, Belief { held: true, ..Belief::clone(&belief) });
        }
        self.leave_belief(old);
        self.beliefs.drop_notes(old);
    }

    /// A memory was hidden or shown: hidden ones carry no belief.
    pub(super) fn show_in_beliefs(&mut self, node: u32, state: State) {
        match state {
            State::Suppressed => {
                self.leave_belief(node);
                self.beliefs.settled(node);
            }
            // Newer ones are looked at in their turn; a belief is no case for another.
            State::Active => self.reconsider(node),
        }
        // What it stands in the place of holds again, or no more.
        for older in self.superseded(node, self.committed_at.0) {
            self.reconsider(older);
        }
    }

    /// What holds now changed for a memory: only what nothing supersedes carries a belief.
    pub(crate) fn reconsider(&mut self, node: u32) {
        let is_active = self.doc_of_node(node).is_some_and(|(_, state)| state == State::Active);
        if self.beliefs.on(node).is_some() {
            self.doubt(node);
        } else if is_active && self.beliefs.has_passed(node) && self.beliefs.get(node).is_none() {
            self.beliefs.look_again(node, Arc::default());
        }
    }

    /// The belief that rests on a memory rests on it no more.
    fn leave_belief(&mut self, node: u32) {
        let Some(on) = self.beliefs.on(node) else { return };
        let Some(known) = self.beliefs.get(on) else { return };
        let mut belief = Belief::clone(known);
        belief.members.retain(|member| member.node != node);
        belief.quoted.retain(|quoted| *quoted != node);
        belief.dissent.retain(|other| *other != node);
        belief.stale = true;
        self.settle_belief(on, belief);
    }

    /// Somebody doubts a memory: a belief that rests on it is to be looked at.
    pub(crate) fn doubt(&mut self, node: u32) {
        let known = self.beliefs.on(node).and_then(|on| Some((on, self.beliefs.get(on)?)));
        if let Some((on, known)) = known {
            let belief = Belief { stale: true, ..Belief::clone(known) };
            self.beliefs.put(on, belief);
        }
    }

    /// Puts a belief back with the evidence and the span that its members come to.
    fn settle_belief(&mut self, node: u32, mut belief: Belief) {
        let (mut evidence, mut span): (Evidence, Option<(i64, i64)>) = (Evidence::default(), None);
        for member in &belief.members {
            let Some((at, _)) = self.doc_of_node(member.node) else { continue };
            let head = self.head(at);
            match belief.dissent.binary_search(&member.node) {
                Ok(_) => evidence.oppose(source_of(&head)),
                Err(_) => evidence.support(source_of(&head)),
            }
            let (from, until) = lasted(&head);
            span =
                Some(span.map_or((from, until), |known| (known.0.min(from), known.1.max(until))));
        }
        belief.evidence = evidence;
        belief.span = span.unwrap_or_default();
        self.beliefs.put(node, belief);
    }
}

/// When what a memory tells of began and ended, ns.
fn lasted(memory: &Memory) -> (i64, i64) {
    let from = memory.happened_at();
    (from, memory.content.occurred_until.unwrap_or(from).max(from))
}
