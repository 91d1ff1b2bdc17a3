//! Counts over histories: what was tried.

use std::collections::BTreeMap;
use std::fmt;

/// What histories did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Histories.
    pub cases: u64,
    /// Steps of the workload.
    pub steps: u64,
    /// Commits that were acknowledged.
    pub acknowledged: u64,
    /// Commits without an answer that were there after a crash.
    pub survivors: u64,
    /// Commits of associations and graphs that the engine derived.
    pub derived: u64,
    /// Newer versions of memories that were sent.
    pub updated: u64,
    /// Attempts to open the data directory.
    pub openings: u64,
    /// Clean closes.
    pub closes: u64,
    /// Power cuts.
    pub power_cuts: u64,
    /// Kills that left the page cache alone.
    pub kills: u64,
    /// Torn tails that recovery cut.
    pub torn_tails: u64,
    /// Log segments put to use again.
    pub recycled: u64,
    /// Bits flipped at rest.
    pub rotten: u64,
    /// Of these, how many were reported as damage, quarantine, a torn tail or a refusal to open.
    pub rot_reported: u64,
    /// Memories compared field by field.
    pub compared: u64,
    /// Objects in the cold store at the ends of histories.
    pub cold_objects: u64,
    /// Pieces of the log that were archived.
    pub pieces: u64,
    /// Backups that were made.
    pub backups: u64,
    /// Moments that were gone back to.
    pub restores: u64,
    /// Injected faults that showed, by name.
    pub faults: BTreeMap<&'static str, u64>,
}

impl Tally {
    /// Adds what another history did.
    pub fn add(&mut self, other: &Tally) {
        for (own, others) in [
            (&mut self.cases, other.cases),
            (&mut self.steps, other.steps),
            (&mut self.acknowledged, other.acknowledged),
            (&mut self.survivors, other.survivors),
            (&mut self.derived, other.derived),
            (&mut self.updated, other.updated),
            (&mut self.openings, other.openings),
            (&mut self.closes, other.closes),
            (&mut self.power_cuts, other.power_cuts),
            (&mut self.kills, other.kills),
            (&mut self.torn_tails, other.torn_tails),
            (&mut self.recycled, other.recycled),
            (&mut self.rotten, other.rotten),
            (&mut self.rot_reported, other.rot_reported),
            (&mut self.compared, other.compared),
            (&mut self.cold_objects, other.cold_objects),
            (&mut self.pieces, other.pieces),
            (&mut self.backups, other.backups),
            (&mut self.restores, other.restores),
        ] {
            *own += others;
        }
        self.faults_fired(&other.faults);
    }

    pub(crate) fn faults_fired(&mut self, fired: &BTreeMap<&'static str, u64>) {
        for (name, count) in fired {
            *self.faults.entry(name).or_default() += count;
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} cases, {} steps, {} commits acknowledged, {} survived without an answer, {} derived, {} updates",
            self.cases, self.steps, self.acknowledged, self.survivors, self.derived, self.updated
        )?;
        writeln!(
            f,
            "{} openings, {} clean closes, {} power cuts, {} kills, {} torn tails, {} segments recycled",
            self.openings, self.closes, self.power_cuts, self.kills, self.torn_tails, self.recycled
        )?;
        writeln!(
            f,
            "{} memories compared, {} cold objects at the end, {} bits flipped at rest ({} reported, the others harmless)",
            self.compared, self.cold_objects, self.rotten, self.rot_reported
        )?;
        if self.restores > 0 {
            let (pieces, backups) = (self.pieces, self.backups);
            writeln!(f, "{pieces} pieces archived, {backups} backups, {} restores", self.restores)?;
        }
        let faults: Vec<String> =
            self.faults.iter().map(|(name, count)| format!("{name} {count}")).collect();
        write!(
            f,
            "faults: {}",
            if faults.is_empty() { "none".to_owned() } else { faults.join(", ") }
        )
    }
}
