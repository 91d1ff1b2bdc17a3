//! What fades next: the memories that soonest fall below a retrievability, if nobody uses them.
//!
//! A pure read as of now. The laws are inverted, so no curve is walked. Most memories have no trace and no fading of their own:
//! when they fall is a constant after they were learned, and their times stand in columns. Only what has its own fading, or
//! happened in the future of its commit, is looked at one by one; which these are is found once for each chunk.

use std::collections::BinaryHeap;

use engram_index::{DecayLaw, NS_PER_DAY};

use crate::dynamics::Trace;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::memtable::{ChunkView, DocRef, Snapshot, TailDoc, Validities};
use crate::missing::{MissingPart, take_missing};
use crate::model::{Course, MemoryDetail, State};
use crate::read::detail;
use crate::request::FadingQuery;
use crate::validate;

/// A memory and when it falls.
#[derive(Clone, Debug, PartialEq)]
pub struct FadingMemory {
    /// The memory now.
    pub detail: MemoryDetail,
    /// From when on it is below, ns.
    pub below_ns: i64,
}

/// What fades next.
#[derive(Clone, Debug, PartialEq)]
pub struct FadingForecast {
    /// Soonest first; at once, the memory stored earlier.
    pub items: Vec<FadingMemory>,
    /// Memories that will fall within the time asked for, the items among them.
    pub falling: u64,
    /// Memories that are below already.
    pub below_now: u64,
    /// Memories that do not fall in that time: pinned, stable enough, or gone by their own expiry before.
    pub staying: u64,
    /// Parts of the space that could not be read.
    pub missing: Vec<MissingPart>,
    /// When it was worked out, ns.
    pub at_ns: i64,
    /// Last commit that the answer saw.
    pub lsn: engram_store::Lsn,
}

impl Engine {
    /// The recallable memories that soonest fall below a retrievability. Counts as no use of them.
    ///
    /// # Errors
    /// A threshold, time, limit or filter out of range.
    pub fn fading(&self, space: &str, asked: &FadingQuery) -> Result<FadingForecast, EngineError> {
        validate::fading(asked)?;
        let space = self.serving(space)?;
        let snapshot = space.snapshot.load();
        let now_ns = self.now_ns();
        let mut search = Search::new(&snapshot, asked, now_ns);
        for (index, view) in (0_u32..).zip(&snapshot.chunks) {
            search.chunk(index, view);
        }
        for (index, tail) in (0_u32..).zip(&snapshot.tail) {
            search.tail(index, tail);
        }
        let mut forecast = search.forecast();
        space.intact()?;
        forecast.missing = take_missing();
        Ok(forecast)
    }
}

/// The soonest falls so far.
struct Search<'a> {
    snapshot: &'a Snapshot,
    asked: &'a FadingQuery,
    /// When facts that were stated anew hold.
    validities: Validities,
    now_ns: i64,
    /// Last time that counts.
    until_ns: i64,
    /// From learning to the fall of a memory without a trace that fades as the space says, ns; none = it does not fall.
    usual_ns: Option<i64>,
    /// Time, node and place; the latest on top.
    soonest: BinaryHeap<(i64, u32, DocRef)>,
    falling: u64,
    below_now: u64,
    staying: u64,
}

impl<'a> Search<'a> {
    fn new(snapshot: &'a Snapshot, asked: &'a FadingQuery, now_ns: i64) -> Search<'a> {
        let span = asked.within_days.map(|days| (days * NS_PER_DAY) as i64);
        let usual = snapshot.decay.law.when_below(asked.below, snapshot.decay.stability_days);
        Search {
            snapshot,
            asked,
            validities: snapshot.validities(&asked.filter, now_ns),
            now_ns,
            until_ns: span.map_or(i64::MAX, |span| now_ns.saturating_add(span)),
            usual_ns: whole_ns(usual),
            soonest: BinaryHeap::new(),
            falling: 0,
            below_now: 0,
            staying: 0,
        }
    }

    fn chunk(&mut self, index: u32, view: &ChunkView) {
        let snapshot = self.snapshot;
        let expired = view.chunk.columns.expired(self.now_ns);
        let matching = view.active_of(&view.matching(&self.asked.filter, &self.validities));
        let eligible = expired.map_or(matching.clone(), |gone| matching.and_not(&gone));
        let expiries = view.chunk.columns.expiries();
        let own = view.own_fading();
        let expires = |local: u32| expiries.get(&local).copied();
        view.chunk.columns.each_time(&mut |local, happened_ns| {
            if !eligible.contains(local) || own.contains(local) {
                return;
            }
            let (node, at) = (view.chunk.node(local), DocRef::Chunk(index, local));
            let falls = match snapshot.traces.get(node) {
                Some(trace) => self.traced(trace, snapshot.decay.law),
                None => self.usual_ns.and_then(|after| happened_ns.checked_add(after)),
            };
            self.offer((node, at), falls, expires(local));
        });
        for local in own.iter().filter(|local| eligible.contains(*local)) {
            let (node, at) = (view.chunk.node(local), DocRef::Chunk(index, local));
            let falls = self.alone(node, &view.outline(local).course);
            self.offer((node, at), falls, expires(local));
        }
    }

    fn tail(&mut self, index: u32, tail: &TailDoc) {
        let memory = &tail.doc.memory;
        let counts = tail.state == State::Active
            && !memory.is_expired(self.now_ns)
            && self.validities.pass(&self.asked.filter, tail.node, memory);
        if counts {
            let falls = self.alone(tail.node, &memory.course());
            self.offer((tail.node, DocRef::Tail(index)), falls, memory.content.expires_at);
        }
    }

    /// When one memory falls; none = never.
    fn alone(&self, node: u32, course: &Course) -> Option<i64> {
        let fading = self.snapshot.fading(course);
        if fading.is_pinned() {
            return None;
        }
        match self.snapshot.traces.get(node) {
            Some(trace) => self.traced(trace, fading.law()),
            None => self.traced(&Trace::fresh(&fading), fading.law()),
        }
    }

    fn traced(&self, trace: &Trace, law: DecayLaw) -> Option<i64> {
        trace.retention.when_below(law, self.asked.below, i64::MIN)
    }

    /// Takes in when a memory falls.
    fn offer(&mut self, (node, at): (u32, DocRef), falls: Option<i64>, expires: Option<i64>) {
        let Some(falls) = falls.filter(|falls| *falls <= self.until_ns) else {
            self.staying += 1;
            return;
        };
        if falls <= self.now_ns {
            self.below_now += 1;
            return;
        }
        if expires.is_some_and(|expires| expires <= falls) {
            self.staying += 1;
            return;
        }
        self.falling += 1;
        self.soonest.push((falls, node, at));
        if self.soonest.len() > self.asked.limit {
            self.soonest.pop();
        }
    }

    fn forecast(self) -> FadingForecast {
        let (snapshot, now_ns) = (self.snapshot, self.now_ns);
        let mut items = Vec::new();
        for (below_ns, _, at) in self.soonest.into_sorted_vec() {
            let shown = detail(snapshot, at, State::Active, now_ns);
            if !snapshot.lacks(at) {
                items.push(FadingMemory { detail: shown, below_ns });
            }
        }
        FadingForecast {
            items,
            falling: self.falling,
            below_now: self.below_now,
            staying: self.staying,
            missing: Vec::new(),
            at_ns: now_ns,
            lsn: snapshot.lsn,
        }
    }
}

/// Days as nanoseconds, rounded up; none where they do not fit.
fn whole_ns(days: f64) -> Option<i64> {
    let ns = (days * NS_PER_DAY).ceil();
    (ns < i64::MAX as f64).then_some(ns as i64)
}
