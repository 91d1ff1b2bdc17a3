//! Memories that come in from elsewhere, with what happened to them there.

use engram_engine::{
    Evidence, ImportOptions, Imported, Learned, MemoryContent, NewMemory, Past, Portable,
    PortableMemory, Presentation, Retention, State, Witness,
};

use crate::history::{Check, History};
use crate::model::{Queued, Stored, Work, classify, slot, taken};
use crate::rng::Rng;

const WORDS: [&str; 4] = ["ferry", "beacon", "thimble", "saddle"];
const DAY_NS: i64 = 86_400_000_000_000;
/// Bytes of an import of one memory, at most.
const ARRIVAL_BYTES: usize = 2_000;
/// Chance in percent that an import is driven at once.
const DRIVEN_AT_ONCE: u64 = 60;

impl History {
    /// A memory comes into a random space: shown or hidden, with a past, with none, or of unknown past.
    pub(crate) fn import_some(&mut self) -> Check {
        let nth = self.arrivals.index(self.spaces.len());
        let Some((name, place)) = self.spaces.iter().nth(nth) else { return Ok(()) };
        let (name, nature, deleting) = (name.clone(), place.nature.clone(), place.deleting);
        let now_ns = self.now_ns();
        let rng = &mut self.arrivals;
        let token = format!("zi{:x}x9", rng.bits() >> 40);
        let content = MemoryContent {
            text: format!("{} {token}", rng.pick(&WORDS)),
            occurred_at: Some(now_ns - rng.below(50) as i64 * DAY_NS),
            ..MemoryContent::default()
        };
        let state = if rng.chance(20) { State::Suppressed } else { State::Active };
        let memory = NewMemory { id: Some(token.clone()), content, vector: None };
        let learned = learned(rng, now_ns);
        let brought = PortableMemory {
            memory: memory.clone(),
            state,
            first_stored_ns: None,
            learned,
            embedded: None,
        };
        if self.spaces[&name].projected.find(&token).is_some() {
            return Ok(());
        }
        let (slot, done) = slot::<Imported>();
        let records = vec![Portable::Memory(Box::new(brought))];
        self.engine().import(&name, records, &ImportOptions::default(), done);
        self.note(format!("import {token} into {name} {state:?}"));
        if self.unread(&slot) {
            return Ok(());
        }
        if deleting {
            return self.expect_refusal(slot, "no space");
        }
        match taken(&slot) {
            None => {}
            Some(Err(error)) if self.overload(classify(&error), ARRIVAL_BYTES) => return Ok(()),
            Some(other) => return Err(format!("import answers {other:?} before it is driven")),
        }
        let (lsn, time) = self.spaces[&name].projected.next_stamp(now_ns);
        let stored = Stored {
            lsn,
            time,
            vectors: self.author.vectors(&nature, &memory),
            content: memory.content,
            state,
            token: token.clone(),
            ..Stored::nothing(&token)
        };
        let work = Work::Arrive { stored: Box::new(stored), slot };
        self.queue(&name, Queued { stamp: Some((lsn, time)), work })?;
        if self.arrivals.chance(DRIVEN_AT_ONCE) { self.drive() } else { Ok(()) }
    }
}

/// What happened to a memory; none = not known.
fn learned(rng: &mut Rng, now_ns: i64) -> Option<Learned> {
    let looked_at = rng.chance(50);
    let past = past(rng, now_ns);
    match rng.below(10) {
        0..2 => None,
        2..5 => Some(Learned { looked_at, ..Learned::default() }),
        _ => Some(Learned { past: Some(past), looked_at, ..Learned::default() }),
    }
}

fn past(rng: &mut Rng, now_ns: i64) -> Past {
    let born_ns = now_ns - 60 * DAY_NS;
    let mut at_ns = born_ns;
    let mut presentations = Vec::new();
    for _ in 0..rng.below(5) {
        at_ns += rng.below(10) as i64 * DAY_NS;
        let stability_days = 1.0 + rng.below(90) as f64;
        let weight = rng.below(3) as f64;
        let since_ns = born_ns.max(at_ns - DAY_NS);
        presentations.push(Presentation { at_ns, since_ns, stability_days, decay: 0.0, weight });
    }
    let witness = |source| Witness { source, supports: 1, opposes: source as u32 % 2 };
    Past {
        retention: Retention {
            born_ns,
            first_stability_days: 3.5,
            difficulty: 1.0 + rng.below(9) as f64,
            uses: presentations.len() as u32,
            presentations,
        },
        evidence: Evidence::of((0..rng.below(4)).map(witness).collect()),
        carried: None,
    }
}

/// Compares the answer to an import with what must have come.
pub(crate) fn arrived(answer: &Imported, stamp: Option<(u64, i64)>) -> Check {
    let found = Some((answer.lsn.0, answer.committed_at.0));
    match found == stamp && answer.created.memories == 1 && answer.refused.is_empty() {
        true => Ok(()),
        false => Err(format!("{answer:?}, expected {stamp:?}")),
    }
}
