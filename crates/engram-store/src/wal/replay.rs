//! Rebuilding where every space stands, and the verdicts: who is intact, who is quarantined.
//!
//! Fed in log order with frames, holes and checkpoints. Guarantee: a frame is handed to the caller only when
//! it continues the verified chain of its space; a space that may have lost a commit is never called intact.

use std::collections::{HashMap, HashSet};

use super::error::LogError;
use super::frame::{FrameHeader, FrameKind};
use super::segment::SegmentIndex;
use super::snapshot::{PartCollector, Snapshot, SpaceEntry};
use super::types::{
    Damage, Frame, Quarantine, REPAIR, Recovery, SpaceTip, TraceWitness, place_text,
};
use crate::ids::{CommitTime, Lsn, SpaceId};

/// Where a space stands.
#[derive(Clone, Debug)]
pub(crate) struct SpaceState {
    pub(crate) tip: SpaceTip,
    /// A hole may hold commits of this space behind `tip`.
    suspect: bool,
    /// Why it refuses writes.
    pub(crate) quarantine: Option<String>,
    /// It came with its files, and nothing that it has in this log was seen yet.
    adopted: bool,
}

impl SpaceState {
    fn at(tip: SpaceTip) -> SpaceState {
        SpaceState { tip, suspect: false, quarantine: None, adopted: false }
    }
}

/// Where a frame, a hole or a bad frame stands.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) file: &'a str,
    pub(crate) offset: u64,
    pub(crate) bytes: u64,
}

/// What a recovery comes across, whatever becomes of it.
pub(crate) enum Sighting<'a> {
    /// An intact commit; whether its space is unbroken up to it.
    Commit { place: Place<'a>, header: &'a FrameHeader, payload: &'a [u8], accepted: bool },
    /// A commit of which only the header is intact.
    BadCommit { place: Place<'a>, header: &'a FrameHeader },
    /// Where a space stood.
    Trace { space: SpaceId, lsn: Lsn, witness: TraceWitness },
}

/// Who is shown what a recovery comes across.
pub(crate) type Witness<'a> = &'a mut dyn FnMut(Sighting<'_>) -> Result<(), LogError>;

/// The state of a running recovery.
pub(crate) struct Replayer<'a> {
    replay: &'a mut dyn FnMut(Frame) -> Result<(), LogError>,
    witness: Option<Witness<'a>>,
    pub(crate) spaces: HashMap<SpaceId, SpaceState>,
    /// A hole may hold commits of spaces that were never seen.
    pub(crate) unseen_suspect: bool,
    collector: PartCollector,
    pub(crate) recovery: Recovery,
}

impl<'a> Replayer<'a> {
    pub(crate) fn new(replay: &'a mut dyn FnMut(Frame) -> Result<(), LogError>) -> Replayer<'a> {
        Replayer {
            replay,
            witness: None,
            spaces: HashMap::new(),
            unseen_suspect: false,
            collector: PartCollector::default(),
            recovery: Recovery::default(),
        }
    }

    /// The same with somebody who is shown everything.
    pub(crate) fn witnessed(
        replay: &'a mut dyn FnMut(Frame) -> Result<(), LogError>,
        witness: Witness<'a>,
    ) -> Replayer<'a> {
        Replayer { witness: Some(witness), ..Replayer::new(replay) }
    }

    fn show(&mut self, sighting: Sighting<'_>) -> Result<(), LogError> {
        match &mut self.witness {
            Some(witness) => witness(sighting),
            None => Ok(()),
        }
    }

    /// Starts from where the dropped prefix of the log left the spaces.
    pub(crate) fn start_from(&mut self, entries: &[SpaceEntry]) {
        for entry in entries {
            let state = SpaceState { adopted: entry.adopted, ..SpaceState::at(entry.tip) };
            self.spaces.insert(entry.space, state);
        }
    }

    /// Takes an intact commit frame. True when it was replayed, false when its space is broken before it.
    pub(crate) fn commit(
        &mut self,
        place: Place<'_>,
        header: &FrameHeader,
        payload: &[u8],
    ) -> Result<bool, LogError> {
        let accepted = self.judge(place, header, payload)?;
        self.show(Sighting::Commit { place, header, payload, accepted })?;
        Ok(accepted)
    }

    fn judge(
        &mut self,
        place: Place<'_>,
        header: &FrameHeader,
        payload: &[u8],
    ) -> Result<bool, LogError> {
        let space = header.stamp.space;
        let suspect = self.unseen_suspect;
        let unseen = || SpaceState { suspect, ..SpaceState::at(SpaceTip::NONE) };
        let state = self.spaces.entry(space).or_insert_with(unseen);
        if state.quarantine.is_some() {
            return Ok(false);
        }
        let expected = state.tip.lsn.0 + 1;
        let found = header.stamp.lsn.0;
        let what = if found != expected {
            format!("space {space} has LSN {found} where {expected} is due")
        } else if header.chain_after(&state.tip.chain, payload) != header.chain {
            format!("the chain of space {space} does not fit at LSN {found}")
        } else if header.stamp.time <= state.tip.time {
            format!("the commit time of space {space} does not increase at LSN {found}")
        } else if header.stamp.time == CommitTime(i64::MAX) {
            format!("the commit time of space {space} leaves none for what follows LSN {found}")
        } else {
            state.tip = header.tip();
            state.suspect = false;
            state.adopted = false;
            self.recovery.frames += 1;
            (self.replay)(header.into_frame(payload))?;
            return Ok(true);
        };
        // A hole before this frame was reported already and explains the break.
        if !state.suspect {
            self.damage(place, what.clone());
        }
        self.quarantine(space, place, &what);
        Ok(false)
    }

    /// Takes a checkpoint frame. True when it completes a checkpoint.
    pub(crate) fn checkpoint(
        &mut self,
        place: Place<'_>,
        payload: &[u8],
    ) -> Result<bool, LogError> {
        let Some(snapshot) = self.collector.push(payload) else {
            return Ok(false);
        };
        for entry in &snapshot.entries {
            let witness = match entry.quarantined {
                true => TraceWitness::DamagedLog,
                false => TraceWitness::Checkpoint,
            };
            self.show(Sighting::Trace { space: entry.space, lsn: entry.tip.lsn, witness })?;
        }
        self.compare(place, &snapshot);
        Ok(true)
    }

    /// Takes note of what a footer says of its segment.
    pub(crate) fn footer(&mut self, footer: &SegmentIndex) -> Result<(), LogError> {
        footer.spaces.iter().try_for_each(|(space, entry)| {
            let lsn = Lsn(entry.end().saturating_sub(1));
            self.show(Sighting::Trace { space: *space, lsn, witness: TraceWitness::Footer })
        })
    }

    /// A checkpoint settles every suspicion before it: it lists all spaces there were.
    fn compare(&mut self, place: Place<'_>, snapshot: &Snapshot) {
        let listed: HashSet<SpaceId> = snapshot.entries.iter().map(|entry| entry.space).collect();
        for entry in &snapshot.entries {
            let empty = || SpaceState::at(SpaceTip::NONE);
            let state = self.spaces.entry(entry.space).or_insert_with(empty);
            if state.quarantine.is_some() {
                continue;
            }
            if entry.quarantined {
                self.quarantine(entry.space, place, "an earlier recovery quarantined it");
            } else if state.tip == entry.tip {
                state.suspect = false;
                state.adopted = false;
            } else {
                let (lsn, found) = (entry.tip.lsn, state.tip.lsn);
                let space = entry.space;
                let what = format!(
                    "the checkpoint has space {space} at LSN {lsn}, the log before it ends at {found}"
                );
                if !state.suspect && !self.unseen_suspect {
                    self.damage(place, what.clone());
                }
                self.quarantine(space, place, &what);
            }
        }
        // Whoever was adopted since is listed by the checkpoints behind its adoption.
        let is_unlisted =
            |(space, state): &(&SpaceId, &SpaceState)| !listed.contains(*space) && !state.adopted;
        let mut unlisted: Vec<SpaceId> =
            self.spaces.iter().filter(is_unlisted).map(|(space, _)| *space).collect();
        unlisted.sort_unstable();
        for space in unlisted {
            self.quarantine(space, place, "the checkpoint does not know it");
        }
        self.unseen_suspect = snapshot.unlisted_suspect;
    }

    /// Takes a frame of which only the header is intact: the owner is known.
    pub(crate) fn bad_payload(
        &mut self,
        place: Place<'_>,
        header: &FrameHeader,
    ) -> Result<(), LogError> {
        match header.frame_kind {
            FrameKind::Commit => {
                let (space, lsn) = (header.stamp.space, header.stamp.lsn);
                let what = format!("the payload of LSN {lsn} of space {space} is damaged");
                self.damage(place, what.clone());
                self.quarantine(space, place, &what);
                self.show(Sighting::BadCommit { place, header })?;
            }
            FrameKind::Checkpoint => self.damage(place, "a checkpoint is damaged".to_owned()),
            FrameKind::Footer => self.damage(place, "the footer is damaged".to_owned()),
            FrameKind::Padding => self.damage(place, "padding is damaged".to_owned()),
        }
        Ok(())
    }

    /// Takes a hole in a segment whose footer is intact: it names what was in the hole.
    pub(crate) fn known_hole(&mut self, place: Place<'_>, footer: &SegmentIndex) {
        let range = place.offset..place.offset + place.bytes;
        let mut lost = Vec::new();
        for (space, entry) in &footer.spaces {
            let hit = entry.offsets.iter().position(|at| range.contains(&u64::from(*at)));
            if let Some(position) = hit {
                lost.push((*space, Lsn(entry.first.0 + position as u64)));
            }
        }
        self.damage(place, format!("no frame here; by the footer {} spaces had some", lost.len()));
        for (space, lsn) in lost {
            self.quarantine(space, place, &format!("LSN {lsn} of space {space} is lost"));
        }
    }

    /// Takes a hole that may have held commits of anybody.
    pub(crate) fn unknown_hole(&mut self, place: Place<'_>, what: &str) {
        self.damage(place, what.to_owned());
        self.suspect_all();
    }

    /// From here on every space must prove that it lost nothing.
    pub(crate) fn suspect_all(&mut self) {
        self.unseen_suspect = true;
        for state in self.spaces.values_mut() {
            state.suspect = true;
        }
    }

    pub(crate) fn damage(&mut self, place: Place<'_>, what: String) {
        self.recovery.damage.push(Damage {
            file: place.file.to_owned(),
            offset: place.offset,
            bytes: place.bytes,
            what,
            repair: REPAIR,
        });
    }

    fn quarantine(&mut self, space: SpaceId, place: Place<'_>, what: &str) {
        let state = self.spaces.entry(space).or_insert_with(|| SpaceState::at(SpaceTip::NONE));
        if state.quarantine.is_none() {
            let reason = format!("{what} {}; {REPAIR}", place_text(place.file, place.offset));
            state.quarantine = Some(reason);
        }
    }

    /// Nothing more comes: who is still under suspicion is quarantined.
    pub(crate) fn finish(&mut self) {
        let mut quarantined = Vec::new();
        for (space, state) in &mut self.spaces {
            if state.suspect && state.quarantine.is_none() {
                let reason = "a hole in the log may hold its last commits";
                state.quarantine = Some(format!("{reason}; {REPAIR}"));
            }
            if let Some(reason) = &state.quarantine {
                quarantined.push(Quarantine {
                    space: *space,
                    expected: Lsn(state.tip.lsn.0 + 1),
                    reason: reason.clone(),
                });
            }
        }
        quarantined.sort_unstable_by_key(|entry| entry.space);
        self.recovery.quarantined = quarantined;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wal::types::Stamp;

    const PLACE: Place<'_> = Place { file: "segment", offset: 4096, bytes: 96 };

    fn header(lsn: u64, time: i64, before: &[u8; 16]) -> FrameHeader {
        let mut header = FrameHeader::service(FrameKind::Commit, 1, 4096);
        header.stamp = Stamp { space: SpaceId([1; 16]), lsn: Lsn(lsn), time: CommitTime(time) };
        header.chain = header.chain_after(before, b"payload");
        header
    }

    /// Feeds `second` behind an intact first commit; gives what was reported.
    fn verdict(second: impl Fn(&FrameHeader) -> FrameHeader) -> (u64, usize, usize) {
        let mut accept = |_| Ok(());
        let mut replayer = Replayer::new(&mut accept);
        let first = header(1, 10, &[0; 16]);
        assert!(replayer.commit(PLACE, &first, b"payload").unwrap());
        let accepted = replayer.commit(PLACE, &second(&first), b"payload").unwrap();
        replayer.finish();
        let recovery = &replayer.recovery;
        assert_eq!(accepted, recovery.frames == 2);
        (recovery.frames, recovery.damage.len(), recovery.quarantined.len())
    }

    #[test]
    fn a_commit_continues_lsn_chain_and_time_of_its_space() {
        assert_eq!(verdict(|first| header(2, 11, &first.chain)), (2, 0, 0));
        assert_eq!(verdict(|first| header(3, 11, &first.chain)), (1, 1, 1), "a gap");
        assert_eq!(verdict(|first| header(1, 11, &first.chain)), (1, 1, 1), "a repetition");
        assert_eq!(verdict(|_| header(2, 11, &[9; 16])), (1, 1, 1), "another history");
        assert_eq!(verdict(|first| header(2, 10, &first.chain)), (1, 1, 1), "the same time");
        let last = verdict(|first| header(2, i64::MAX, &first.chain));
        assert_eq!(last, (1, 1, 1), "a time that nothing can follow");
    }
}
