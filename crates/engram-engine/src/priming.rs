//! What the sessions of a space recalled last. It biases what they recall next, for some turns and minutes.
//!
//! Volatile on purpose: nothing of it is in the log, and a restart forgets it. It is bounded: a space keeps 256 sessions of 8
//! turns with 16 memories each, below half a MiB; of too many sessions the one goes that left nothing for longest. It belongs
//! to the space and not to its open state, so that an answer does not show whether an idle space was closed in between.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use engram_index::{PRIMED_TURNS_MAX, priming};

const NS_PER_MINUTE: f64 = 60e9;
/// Sessions of a space that are kept.
const SESSIONS_MAX: usize = 256;
/// Memories of a turn that are kept: the best.
const TURN_MEMORIES_MAX: usize = 16;

/// The sessions of one space.
#[derive(Default)]
pub(crate) struct Sessions {
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    sessions: HashMap<String, Session>,
    /// Turns noted in all sessions; tells which session left something last.
    noted: u64,
}

#[derive(Default)]
struct Session {
    noted: u64,
    /// Number of its last turn, from 1.
    turn: u32,
    /// The last turns, oldest first.
    turns: VecDeque<Turn>,
}

struct Turn {
    number: u32,
    at_ns: i64,
    /// Nodes with how well each fitted.
    memories: Vec<(u32, f32)>,
}

/// What a recall of a session finds in mind.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct InMind {
    /// Which turn of its session the recall is, from 1.
    pub(crate) turn: u32,
    /// What is left of earlier recalls, by node.
    pub(crate) residues: BTreeMap<u32, Residue>,
}

/// What is left of the recalls of one memory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Residue {
    /// Sum over the recalls, above 0.
    pub(crate) level: f32,
    /// Turns since the last of them, at least 1.
    pub(crate) turns: u32,
    /// Time since then, ns.
    pub(crate) age_ns: i64,
}

impl Sessions {
    /// What is in mind of a session for its turn of that number; none = its next one.
    pub(crate) fn in_mind(&self, session: &str, turn: Option<u32>, now_ns: i64) -> InMind {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(session) = kept.sessions.get(session) else {
            return InMind { turn: turn.unwrap_or(1), residues: BTreeMap::new() };
        };
        let turn = turn.unwrap_or(session.turn.saturating_add(1));
        let mut residues: BTreeMap<u32, Residue> = BTreeMap::new();
        for past in session.turns.iter().rev().filter(|past| past.number < turn) {
            let turns = turn - past.number;
            let age_ns = now_ns.saturating_sub(past.at_ns).max(0);
            let left = priming(turns, age_ns as f64 / NS_PER_MINUTE) as f32;
            for (node, fit) in past.memories.iter().filter(|_| left > 0.0) {
                let newest = Residue { level: 0.0, turns, age_ns };
                residues.entry(*node).or_insert(newest).level += left * fit;
            }
        }
        InMind { turn, residues }
    }

    /// Notes the nodes of an answer, best first, each with how well it fitted: the next turn of the session.
    pub(crate) fn note(&self, session: &str, used: &[(u32, f32)], now_ns: i64) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let noted = kept.noted + 1;
        kept.noted = noted;
        if !kept.sessions.contains_key(session) {
            if kept.sessions.len() >= SESSIONS_MAX {
                kept.drop_oldest();
            }
            kept.sessions.insert(session.to_owned(), Session::default());
        }
        let Some(session) = kept.sessions.get_mut(session) else { return };
        session.noted = noted;
        session.turn = session.turn.saturating_add(1);
        let fits = |(_, fit): &&(u32, f32)| *fit > 0.0;
        let memories = used.iter().filter(fits).take(TURN_MEMORIES_MAX).copied().collect();
        session.turns.push_back(Turn { number: session.turn, at_ns: now_ns, memories });
        while session.turns.len() > PRIMED_TURNS_MAX as usize {
            session.turns.pop_front();
        }
    }
}

impl Kept {
    fn drop_oldest(&mut self) {
        // No two sessions have noted the same turn, so the order of the table does not matter.
        let oldest = self.sessions.iter().min_by_key(|(_, session)| session.noted);
        if let Some(name) = oldest.map(|(name, _)| name.clone()) {
            self.sessions.remove(&name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000_000_000;

    #[test]
    fn what_was_recalled_stays_in_mind_of_its_session_for_turns_and_minutes() {
        let sessions = Sessions::default();
        assert_eq!(sessions.in_mind("a", None, 0), InMind { turn: 1, ..InMind::default() });
        sessions.note("a", &[(3, 0.5), (7, 1.0), (9, 0.0)], 0);
        sessions.note("a", &[(7, 1.0)], MINUTE);
        assert_eq!(sessions.in_mind("b", None, MINUTE).residues, BTreeMap::new());
        let found = sessions.in_mind("a", None, MINUTE);
        assert_eq!((found.turn, found.residues.len()), (3, 2), "9 did not fit at all");
        let root = 0.5_f32.sqrt();
        assert!((found.residues[&3].level - 0.5 * 0.5 * root).abs() < 1e-6);
        assert!((found.residues[&7].level - (1.0 + 0.5 * root)).abs() < 1e-6);
        let (three, seven) = (found.residues[&3], found.residues[&7]);
        assert_eq!((three.turns, three.age_ns), (2, MINUTE));
        assert_eq!((seven.turns, seven.age_ns), (1, 0), "of its last recall");
        // The second page of an answer is that of its turn.
        let page = sessions.in_mind("a", Some(2), MINUTE);
        assert_eq!((page.turn, page.residues[&7].turns), (2, 1));
        assert!(sessions.in_mind("a", None, 70 * MINUTE).residues.is_empty());
        (0..PRIMED_TURNS_MAX).for_each(|_| sessions.note("a", &[], MINUTE));
        assert!(sessions.in_mind("a", None, MINUTE).residues.is_empty());
    }

    #[test]
    fn sessions_turns_and_memories_are_bounded() {
        let sessions = Sessions::default();
        let many: Vec<(u32, f32)> = (0..100).map(|node| (node, 1.0)).collect();
        sessions.note("first", &many, 0);
        assert_eq!(sessions.in_mind("first", None, 0).residues.len(), TURN_MEMORIES_MAX);
        for number in 1..SESSIONS_MAX {
            sessions.note(&number.to_string(), &many, 0);
        }
        sessions.note("first", &[(1, 1.0)], 0);
        sessions.note("one more", &many, 0);
        let turn = |name: &str| sessions.in_mind(name, None, 0).turn;
        assert_eq!((turn("first"), turn("1"), turn("2"), turn("one more")), (3, 1, 2, 2));
        assert_eq!(sessions.kept.lock().unwrap().sessions.len(), SESSIONS_MAX);
    }
}
