//! [`FaultyBlobs`]: objects in memory whose store fails when it is told to.
//!
//! Every call of [`BlobStore`] is one numbered operation, counted over all reboots: what was put is durable, the store outlives
//! the processes that use it. A call of a process that has ended does nothing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use engram_store::{BlobError, BlobStore, MemoryBlobs};

use crate::faulty::{Fault, FaultyFs};
use crate::rng::Rng;

/// What goes wrong at one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlobFault {
    /// The call does nothing and says that the store is not available.
    Refused,
    /// The same, and so does every later call.
    Away,
    /// The next put or removal is done, and its answer is lost: a timeout.
    Lost,
    /// The call does nothing and says that this caller may not.
    Denied,
    /// The next read gives fewer bytes than there are.
    Short,
    /// The next read gives other bytes than were stored.
    Garbled,
    /// The process ends here; the call may or may not be done.
    Crash,
    /// The next object that is put as a new one is stored, and the answer is that there is one: whoever talks to the store tried
    /// it twice.
    Repeated,
}

impl BlobFault {
    /// All faults of a cold store, which is asked for no new objects.
    pub const ALL: [BlobFault; 7] = [
        BlobFault::Refused,
        BlobFault::Away,
        BlobFault::Lost,
        BlobFault::Denied,
        BlobFault::Short,
        BlobFault::Garbled,
        BlobFault::Crash,
    ];

    /// Name in traces and summaries.
    pub fn name(self) -> &'static str {
        match self {
            BlobFault::Refused => "store-refused",
            BlobFault::Away => "store-away",
            BlobFault::Lost => "store-lost",
            BlobFault::Denied => "store-denied",
            BlobFault::Short => "store-short",
            BlobFault::Garbled => "store-garbled",
            BlobFault::Crash => "store-crash",
            BlobFault::Repeated => "store-repeated",
        }
    }

    /// Whether what is read is wrong, which is damage and no absence.
    fn is_damage(self) -> bool {
        matches!(self, BlobFault::Short | BlobFault::Garbled)
    }
}

/// A fault of the disk or of the cold store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// By the number of the operation on files, counted anew after each reboot.
    Disk(Fault),
    /// By the number of the call, counted over all reboots.
    Store(BlobFault),
}

impl Trouble {
    /// All of both.
    pub fn all() -> impl Iterator<Item = Trouble> {
        let store = BlobFault::ALL.into_iter().map(Trouble::Store);
        Fault::ALL.into_iter().map(Trouble::Disk).chain(store)
    }

    /// Name in traces and summaries.
    pub fn name(self) -> &'static str {
        match self {
            Trouble::Disk(fault) => fault.name(),
            Trouble::Store(fault) => fault.name(),
        }
    }
}

/// What kind of call it is; decides how a fault shows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Call {
    Change,
    /// Stores an object unless there is one.
    New,
    Read,
}

struct State {
    rng: Rng,
    /// Number of the next call, from 0.
    next: u64,
    armed: Vec<(u64, BlobFault)>,
    away: bool,
    fired: BTreeMap<&'static str, u64>,
    /// Faults since this was last asked that leave something unread, and that give wrong bytes.
    absent: bool,
    damaged: bool,
    log: Vec<String>,
}

/// The store, as one process sees it; clones share the objects and the count of calls.
#[derive(Clone)]
pub struct FaultyBlobs {
    objects: MemoryBlobs,
    state: Arc<Mutex<State>>,
    /// The disk of the process: both end together.
    disk: FaultyFs,
}

impl FaultyBlobs {
    /// A store without objects, used by the process that uses `disk`.
    pub fn new(seed: u64, disk: &FaultyFs) -> FaultyBlobs {
        let state = State {
            rng: Rng::new(seed),
            next: 0,
            armed: Vec::new(),
            away: false,
            fired: BTreeMap::new(),
            absent: false,
            damaged: false,
            log: Vec::new(),
        };
        let state = Arc::new(Mutex::new(state));
        FaultyBlobs { objects: MemoryBlobs::new(), state, disk: disk.clone() }
    }

    /// The same store for the next process.
    pub fn after(&self, disk: &FaultyFs) -> FaultyBlobs {
        FaultyBlobs { disk: disk.clone(), ..self.clone() }
    }

    /// Arms a fault for the call of that number (see [`FaultyBlobs::calls`]).
    pub fn arm(&self, call: u64, fault: BlobFault) {
        self.state().armed.push((call, fault));
    }

    /// Takes back every fault that is armed or lasts.
    pub fn heal(&self) {
        let mut state = self.state();
        state.armed.clear();
        state.away = false;
    }

    /// Takes back what is armed; a store that is away stays so.
    pub fn disarm(&self) {
        self.state().armed.clear();
    }

    /// Calls so far.
    pub fn calls(&self) -> u64 {
        self.state().next
    }

    /// Whether the store is away until it is healed.
    pub fn is_away(&self) -> bool {
        self.state().away
    }

    /// Whether a call since the last [`FaultyBlobs::explain`] went unanswered, or the store is away.
    pub fn was_absent(&self) -> bool {
        let state = self.state();
        state.absent || state.away
    }

    /// Whether a read since the last [`FaultyBlobs::explain`] gave wrong bytes.
    pub fn was_damaged(&self) -> bool {
        self.state().damaged
    }

    /// What has shown explains nothing that happens from now on.
    pub fn explain(&self) {
        let mut state = self.state();
        (state.absent, state.damaged) = (false, false);
    }

    /// How often each fault showed, by [`BlobFault::name`].
    pub fn fired(&self) -> BTreeMap<&'static str, u64> {
        self.state().fired.clone()
    }

    /// Takes out the notes on faults that showed, in order.
    pub fn take_notes(&self) -> Vec<String> {
        std::mem::take(&mut self.state().log)
    }

    /// The objects without what goes wrong: who uses them sees what is stored.
    pub fn objects(&self) -> MemoryBlobs {
        self.objects.clone()
    }

    /// The objects with their bytes. No call.
    pub fn peek(&self) -> Vec<(String, Vec<u8>)> {
        let read = |key: String| {
            let mut bytes = vec![0; self.objects.len(&key).unwrap_or(0) as usize];
            self.objects.get_range(&key, 0, &mut bytes).ok()?;
            Some((key, bytes))
        };
        let keys = self.objects.list("").unwrap_or_default();
        keys.into_iter().filter_map(read).collect()
    }

    /// Flips the bits of `mask` in the byte at `offset` of an object, at rest. False when there is no such byte.
    pub fn rot(&self, key: &str, offset: u64, mask: u8) -> bool {
        let mut bytes = vec![0; self.objects.len(key).unwrap_or(0) as usize];
        let read = self.objects.get_range(key, 0, &mut bytes).is_ok();
        let Some(byte) = bytes.get_mut(offset as usize).filter(|_| read) else { return false };
        *byte ^= mask;
        self.objects.put(key, &bytes).is_ok()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts the call and says what goes wrong with it.
    fn begin(&self, call: Call, what: &str) -> Option<BlobFault> {
        let mut state = self.state();
        let number = state.next;
        state.next += 1;
        let due = |(at, fault): &(u64, BlobFault)| match fault {
            BlobFault::Lost => *at <= number && call != Call::Read,
            BlobFault::Repeated => *at <= number && call == Call::New,
            // They wait for bytes.
            BlobFault::Short | BlobFault::Garbled => false,
            _ => *at == number,
        };
        let Some(index) = state.armed.iter().position(due) else {
            return state.away.then_some(BlobFault::Away);
        };
        let (_, fault) = state.armed.swap_remove(index);
        *state.fired.entry(fault.name()).or_default() += 1;
        state.away |= fault == BlobFault::Away;
        // An object that is there is no call without an answer.
        state.absent |= fault != BlobFault::Repeated;
        state.log.push(format!("{} at call {number}, {what}", fault.name()));
        Some(fault)
    }

    /// A call that is done wholly or not at all.
    fn whole<T>(
        &self,
        call: Call,
        key: &str,
        work: impl FnOnce() -> Result<T, BlobError>,
    ) -> Result<T, BlobError> {
        if self.disk.crashed() {
            return Err(unavailable(key, "the process has ended"));
        }
        match self.begin(call, key) {
            None | Some(BlobFault::Short | BlobFault::Garbled) => work(),
            Some(BlobFault::Refused | BlobFault::Away) => Err(unavailable(key, "injected")),
            Some(BlobFault::Denied) => {
                Err(BlobError::Denied { key: key.to_owned(), what: "injected".to_owned() })
            }
            Some(BlobFault::Lost) => {
                work().and_then(|_| Err(unavailable(key, "injected: the answer is lost")))
            }
            Some(BlobFault::Repeated) => {
                work().and_then(|_| Err(BlobError::Exists { key: key.to_owned() }))
            }
            Some(BlobFault::Crash) => {
                let is_done = self.state().rng.chance(50);
                if is_done {
                    // Nobody is left to be told.
                    let _ = work();
                }
                self.disk.end();
                Err(unavailable(key, "the process has ended"))
            }
        }
    }

    /// Makes what was read wrong, where that is due.
    fn spoil(&self, read: usize, out: &mut [u8]) -> usize {
        let mut state = self.state();
        let spoiled = |fault: &(u64, BlobFault)| fault.1.is_damage() && fault.0 < state.next;
        let Some(index) = state.armed.iter().position(spoiled).filter(|_| read > 0) else {
            return read;
        };
        let (_, fault) = state.armed.swap_remove(index);
        *state.fired.entry(fault.name()).or_default() += 1;
        state.damaged = true;
        let (number, at) = (state.next - 1, state.rng.index(read));
        state.log.push(format!("{} at call {number}, byte {at} of {read}", fault.name()));
        match fault {
            BlobFault::Short => at,
            _ => {
                out[at] ^= 1 << state.rng.below(8);
                read
            }
        }
    }
}

fn unavailable(key: &str, what: &str) -> BlobError {
    BlobError::Unavailable { key: key.to_owned(), what: what.to_owned() }
}

impl BlobStore for FaultyBlobs {
    fn put(&self, key: &str, bytes: &[u8]) -> Result<(), BlobError> {
        self.whole(Call::Change, key, || self.objects.put(key, bytes))
    }

    fn put_new(&self, key: &str, bytes: &[u8]) -> Result<(), BlobError> {
        self.whole(Call::New, key, || self.objects.put_new(key, bytes))
    }

    fn get_range(&self, key: &str, offset: u64, out: &mut [u8]) -> Result<usize, BlobError> {
        let read = self.whole(Call::Read, key, || self.objects.get_range(key, offset, out))?;
        Ok(self.spoil(read, out))
    }

    fn len(&self, key: &str) -> Result<u64, BlobError> {
        self.whole(Call::Read, key, || self.objects.len(key))
    }

    fn list(&self, prefix: &str) -> Result<Vec<String>, BlobError> {
        self.whole(Call::Read, prefix, || self.objects.list(prefix))
    }

    fn delete(&self, key: &str) -> Result<(), BlobError> {
        self.whole(Call::Change, key, || self.objects.delete(key))
    }
}
