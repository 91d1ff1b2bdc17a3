//! How a timeline came about: which commits of a space it shares with those before it.

use std::collections::BTreeMap;

use engram_store::{Frame, Lsn, SpaceId, SpaceTip};

use crate::catalog::Pieces;
use crate::error::BackupError;
use crate::keys::{self, PieceName};
use crate::piece;
use crate::record::{BackupRecord, TimelineRecord};
use crate::repository::Repository;

/// A timeline and those that it goes on from.
pub(crate) struct Lineage {
    /// The timeline itself first. Of each, up to where each space is on it; none = to its end.
    steps: Vec<(u32, Option<BTreeMap<SpaceId, Lsn>>)>,
}

/// A part of a piece that lies on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) piece: PieceName,
    /// The first commit that is taken of it.
    pub(crate) first: Lsn,
    /// The last one.
    pub(crate) last: Lsn,
}

/// The pieces from one commit on, and where they end.
pub(crate) struct Way {
    pub(crate) spans: Vec<Span>,
    /// Commits that are missing behind the last span though later ones are there.
    pub(crate) gap: Option<(Lsn, Lsn)>,
}

impl Lineage {
    /// # Errors
    /// A record of a timeline is damaged; the repository does not answer.
    pub(crate) fn read(repository: &Repository, timeline: u32) -> Result<Lineage, BackupError> {
        let mut steps: Vec<(u32, Option<BTreeMap<SpaceId, Lsn>>)> = vec![(timeline, None)];
        let mut current = timeline;
        // Timelines go on from lower numbers only: there is no circle.
        while let Some(record) = repository.record::<TimelineRecord>(&keys::timeline(current))? {
            if record.timeline != current || record.parent >= current {
                return Err(BackupError::corrupt(
                    &keys::timeline(current),
                    "it is another timeline",
                ));
            }
            let forks = record.forks.iter();
            let mut ends: BTreeMap<SpaceId, Lsn> = forks
                .filter_map(|fork| Some((SpaceId::parse(&fork.space)?, Lsn(fork.lsn))))
                .collect();
            if let Some((_, Some(later))) = steps.last() {
                // A space that a later timeline left earlier is on this one up to there only.
                ends.retain(|space, _| later.contains_key(space));
                for (space, end) in &mut ends {
                    *end = later.get(space).map_or(*end, |later| *later.min(end));
                }
            }
            steps.push((record.parent, Some(ends)));
            current = record.parent;
        }
        Ok(Lineage { steps })
    }

    /// Up to where the commits of a space on a timeline are part of this one; none = none of them.
    pub(crate) fn end_on(&self, space: SpaceId, timeline: u32) -> Option<Lsn> {
        let (_, ends) = self.steps.iter().find(|(own, _)| *own == timeline)?;
        ends.as_ref().map_or(Some(Lsn(u64::MAX)), |ends| ends.get(&space).copied())
    }

    /// Whether a backup was made on this timeline, or on one that it goes on from.
    pub(crate) fn has(&self, backup: &BackupRecord) -> bool {
        self.steps.iter().any(|(own, _)| *own == backup.timeline)
    }

    /// The pieces of a space behind one commit.
    pub(crate) fn way(&self, pieces: &Pieces, space: SpaceId, after: Lsn) -> Way {
        let on_way = |piece: &PieceName| {
            let end = self.end_on(space, piece.timeline)?;
            Some((*piece, Lsn(piece.last.0.min(end.0))))
                .filter(|(piece, last)| piece.first <= *last)
        };
        let usable: Vec<(PieceName, Lsn)> = pieces.of(space).iter().filter_map(on_way).collect();
        let mut spans: Vec<Span> = Vec::new();
        let mut next = after.0 + 1;
        loop {
            let covers =
                |(piece, last): &&(PieceName, Lsn)| piece.first.0 <= next && last.0 >= next;
            // Of several the one that goes on longest, the newest timeline's where they are equal.
            let best =
                usable.iter().filter(covers).max_by_key(|(piece, last)| (*last, piece.timeline));
            let Some((piece, last)) = best else { break };
            spans.push(Span { piece: *piece, first: Lsn(next), last: *last });
            next = last.0 + 1;
        }
        let later =
            usable.iter().map(|(piece, _)| piece.first.0).filter(|first| *first > next).min();
        let gap = later.map(|first| (Lsn(next), Lsn(first - 1)));
        Way { spans, gap }
    }
}

impl Span {
    /// The commits of it.
    pub(crate) fn load(&self, repository: &Repository) -> Result<Vec<Frame>, BackupError> {
        let mut frames = piece::load(repository, &self.piece)?;
        frames.retain(|frame| (self.first..=self.last).contains(&frame.stamp.lsn));
        Ok(frames)
    }
}

/// Moves `tip` on by a commit of a piece.
pub(crate) fn follow(
    tip: &mut SpaceTip,
    frame: &Frame,
    piece: &PieceName,
) -> Result<(), BackupError> {
    if !frame.continues(tip) {
        let what = format!("LSN {} does not follow the commit before it", frame.stamp.lsn);
        return Err(BackupError::corrupt(&piece.key(), what));
    }
    *tip = frame.tip();
    Ok(())
}
