//! Which commit to go back to, and what is needed for that.

use std::collections::{BTreeMap, BTreeSet};

use engram_engine::{born_name, deletes_space};
use engram_store::{Frame, LogOptions, Lsn, SpaceId, SpaceTip};

use crate::catalog::{BackupListing, BackupStanding, HighestTimelines, find, list_backups};
use crate::error::{BackupError, nearest};
use crate::keys;
use crate::lineage::{Lineage, Span, Way};
use crate::piece;
use crate::record::{HeartbeatRecord, OwnerRecord, PointRecord, SpaceRecord, TipRecord, tip_of};
use crate::repository::Repository;
use crate::time;

/// Which commit to go back to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RestoreTarget {
    /// The last one that is archived.
    Latest,
    /// Where a backup ends.
    Backup(String),
    /// The last one up to a time, ns.
    Time {
        /// The time.
        at: i64,
        /// Whether a commit of just that time is taken.
        inclusive: bool,
    },
    /// The last one up to an LSN; of one space only.
    Lsn {
        /// The LSN.
        lsn: u64,
        /// Whether the commit with that LSN is taken.
        inclusive: bool,
    },
    /// Where the spaces stood when a point was named.
    Point(String),
}

/// What is needed to go back.
pub struct RestorePlan {
    /// The timeline that the target is on.
    pub timeline: u32,
    /// The spaces, by name.
    pub spaces: Vec<PlannedSpace>,
    /// All commits up to this time are archived, ns; none = nobody says.
    pub archived_through: Option<i64>,
    /// Bytes of files.
    pub bytes: u64,
    /// The target in words.
    pub target: String,
    /// Bytes of each file of the log that a restore writes: as much is needed for a log of a few commits. As the log has by default; whoever
    /// restores may say what fits.
    pub log_segment_bytes: u64,
    pub(crate) highest_timeline: u32,
}

/// A space that is put together again.
pub struct PlannedSpace {
    /// Identity in the log.
    pub id: SpaceId,
    /// Its name.
    pub name: String,
    /// The backup that its files come from; none = it is made of its log alone.
    pub backup: Option<String>,
    /// The last commit that these files hold; 0 without any.
    pub covered: u64,
    /// The last commit that is taken.
    pub last: TipRecord,
    /// LSN and time of the first commit that is left out; none = there is none.
    pub left_out: Option<(u64, i64)>,
    pub(crate) record: Option<SpaceRecord>,
    pub(crate) start: SpaceTip,
    pub(crate) spans: Vec<Span>,
}

/// Finds out what is needed for a target. Nothing is written.
///
/// # Errors
/// The target lies in the future or is too old; a backup, point or space of that name is not there; the archive has a gap before it.
pub fn plan(
    repository: &Repository,
    target: &RestoreTarget,
    timeline: Option<u32>,
    spaces: Option<&[String]>,
) -> Result<RestorePlan, BackupError> {
    let listing = list_backups(repository)?;
    let highest = HighestTimelines::read(repository, &listing.pieces)?;
    let backups = listing.backups.iter().map(|listed| listed.record.timeline).max();
    let archived = highest.archived.max(backups).unwrap_or(1);
    let (limit, own_timeline) = limit_of(repository, &listing, target)?;
    let owner: Option<OwnerRecord> = repository.record(keys::OWNER)?;
    let owned = owner.map(|owner| owner.timeline).filter(|own| *own <= archived);
    let timeline = timeline.or(own_timeline).or(owned).unwrap_or(archived);
    let lineage = Lineage::read(repository, timeline)?;
    let heartbeat: Option<HeartbeatRecord> = repository.record(&keys::heartbeat(timeline))?;
    let archived_through = heartbeat.map(|heartbeat| heartbeat.through);
    if let (Limit::Time(last), Some(through)) = (&limit, archived_through)
        && *last > through
    {
        let what = format!("the archive reaches {}", time::text(through));
        return Err(BackupError::FutureTarget { what });
    }
    let planner = Planner {
        repository,
        listing: &listing,
        lineage: &lineage,
        limit: &limit,
        wanted: spaces,
        known: known_tips(&listing, &lineage),
    };
    let bases = planner.bases()?;
    let mut ids: BTreeSet<SpaceId> = bases.keys().copied().collect();
    ids.extend(listing.pieces.spaces());
    ids.extend(planner.known.keys());
    if let Limit::Each(lasts) = &limit {
        ids.extend(lasts.keys());
    }
    let mut planned = Vec::new();
    for id in ids {
        planned.extend(planner.space(id, bases.get(&id).map_or(&[], Vec::as_slice))?);
    }
    planned.sort_by(|a, b| (&a.name, a.id).cmp(&(&b.name, b.id)));
    planner.check(&planned, &bases)?;
    let files = planned.iter().filter_map(|space| space.record.as_ref());
    let bytes = files.flat_map(|record| &record.files).map(|file| file.bytes.content).sum();
    let target = words(target);
    let highest_timeline = highest.begun.unwrap_or(0).max(archived);
    let log_segment_bytes = LogOptions::default().segment_bytes;
    Ok(RestorePlan {
        timeline,
        spaces: planned,
        archived_through,
        bytes,
        target,
        log_segment_bytes,
        highest_timeline,
    })
}

/// Up to which time all commits are archived, ns; none = nobody says.
///
/// # Errors
/// The repository does not answer.
pub fn archived_through(repository: &Repository) -> Result<Option<i64>, BackupError> {
    let owner: Option<OwnerRecord> = repository.record(keys::OWNER)?;
    let Some(owner) = owner else { return Ok(None) };
    let mut latest = None;
    for key in repository.list(keys::HEARTBEATS)? {
        let heartbeat: Option<HeartbeatRecord> = repository.record(&key)?;
        let own = heartbeat.filter(|heartbeat| heartbeat.directory == owner.directory);
        latest = latest.max(own.map(|heartbeat| heartbeat.through));
    }
    Ok(latest)
}

/// The last commit of each space that backups on a timeline know.
fn known_tips(listing: &BackupListing, lineage: &Lineage) -> BTreeMap<SpaceId, SpaceTip> {
    let mut known: BTreeMap<SpaceId, SpaceTip> = BTreeMap::new();
    for listed in listing.backups.iter().filter(|listed| lineage.has(&listed.record)) {
        for own in &listed.record.spaces {
            let Some(id) = own.space() else { continue };
            let tip = own.through.tip();
            let end = lineage.end_on(id, listed.record.timeline);
            if end.is_some_and(|end| tip.lsn <= end)
                && known.get(&id).is_none_or(|before| before.lsn < tip.lsn)
            {
                known.insert(id, tip);
            }
        }
    }
    known
}

fn words(target: &RestoreTarget) -> String {
    let up_to = |inclusive: &bool| if *inclusive { "up to and with" } else { "before" };
    match target {
        RestoreTarget::Latest => "the last archived commit".to_owned(),
        RestoreTarget::Backup(id) => format!("the end of backup {id}"),
        RestoreTarget::Time { at, inclusive } => {
            format!("{} {}", up_to(inclusive), time::text(*at))
        }
        RestoreTarget::Lsn { lsn, inclusive } => format!("{} LSN {lsn}", up_to(inclusive)),
        RestoreTarget::Point(name) => format!("restore point {name}"),
    }
}

/// Up to where commits are taken.
enum Limit {
    None,
    Time(i64),
    Lsn(Lsn),
    /// The spaces that are not named did not exist.
    Each(BTreeMap<SpaceId, Lsn>),
}

impl Limit {
    fn takes(&self, space: SpaceId, (lsn, time): (Lsn, i64)) -> bool {
        match self {
            Limit::None => true,
            Limit::Time(last) => time <= *last,
            Limit::Lsn(last) => lsn <= *last,
            Limit::Each(lasts) => lasts.get(&space).is_some_and(|last| lsn <= *last),
        }
    }
}

fn limit_of(
    repository: &Repository,
    listing: &BackupListing,
    target: &RestoreTarget,
) -> Result<(Limit, Option<u32>), BackupError> {
    Ok(match target {
        RestoreTarget::Latest => (Limit::None, None),
        // Times are whole nanoseconds: before one of them is up to the one before.
        RestoreTarget::Time { at, inclusive } => (Limit::Time(at - i64::from(!inclusive)), None),
        RestoreTarget::Lsn { lsn, inclusive } => {
            (Limit::Lsn(Lsn(lsn.saturating_sub(u64::from(!inclusive)))), None)
        }
        RestoreTarget::Backup(id) => {
            let found = find(listing, id)?;
            let spaces = listing.resolve(&found.record)?;
            let ends = spaces.iter().map(|(id, (space, _))| (*id, Lsn(space.through.lsn)));
            (Limit::Each(ends.collect()), Some(found.record.timeline))
        }
        RestoreTarget::Point(name) => {
            let record: Option<PointRecord> = match keys::is_name(name) {
                true => repository.record(&keys::point(name))?,
                false => None,
            };
            let Some(record) = record else {
                let known = repository.list(keys::POINTS)?;
                let known = known.iter().filter_map(|key| key.strip_prefix(keys::POINTS));
                let nearest = nearest(name, known);
                return Err(BackupError::UnknownPoint { name: name.clone(), nearest });
            };
            let ends = record.spaces.iter();
            let ends = ends.filter_map(|own| Some((SpaceId::parse(&own.space)?, Lsn(own.lsn))));
            (Limit::Each(ends.collect()), Some(record.timeline))
        }
    })
}

/// Files of a space in a backup: its record, whose backup has it, and where they end.
type Base = (SpaceRecord, String, SpaceTip);

struct Planner<'a> {
    repository: &'a Repository,
    listing: &'a BackupListing,
    lineage: &'a Lineage,
    limit: &'a Limit,
    wanted: Option<&'a [String]>,
    /// The last commit of each space that any backup on the timeline knows.
    known: BTreeMap<SpaceId, SpaceTip>,
}

impl Planner<'_> {
    /// What the backups on the timeline have of each space, the oldest first.
    fn bases(&self) -> Result<BTreeMap<SpaceId, Vec<Base>>, BackupError> {
        let mut bases: BTreeMap<SpaceId, Vec<Base>> = BTreeMap::new();
        for listed in &self.listing.backups {
            if !self.lineage.has(&listed.record) {
                continue;
            }
            for own in &listed.record.spaces {
                let key = keys::backup(&listed.record.id);
                let Some(id) = own.space() else { continue };
                let tip = own.decoded(&key)?.as_ref().map_or(SpaceTip::NONE, tip_of);
                let end = self.lineage.end_on(id, listed.record.timeline);
                if end.is_some_and(|end| tip.lsn <= end) {
                    bases.entry(id).or_default().push((own.clone(), listed.record.id.clone(), tip));
                }
            }
        }
        Ok(bases)
    }

    /// Whether a check found something wrong with a backup: it is used where there is nothing better, for what is used is compared.
    fn is_failed(&self, id: &str) -> bool {
        let found = self.listing.backups.iter().find(|listed| listed.record.id == id);
        found.is_some_and(|listed| matches!(listed.standing, BackupStanding::Failed { .. }))
    }

    fn is_wanted(&self, name: &str) -> bool {
        self.wanted.is_none_or(|wanted| wanted.iter().any(|own| own == name))
    }

    /// The plan of one space; none where it is not wanted, or did not exist at the target.
    fn space(&self, id: SpaceId, bases: &[Base]) -> Result<Option<PlannedSpace>, BackupError> {
        if bases.last().is_some_and(|(record, ..)| !self.is_wanted(&record.name)) {
            return Ok(None);
        }
        let fits = |(.., tip): &&Base| tip.lsn.0 > 0 && self.limit.takes(id, (tip.lsn, tip.time.0));
        let good = |base: &&Base| fits(base) && !self.is_failed(&base.1);
        let newest = |base: &&Base| base.2.lsn;
        let base = bases.iter().filter(good).max_by_key(newest);
        let base = base.or_else(|| bases.iter().filter(fits).max_by_key(newest));
        let start = base.map_or(SpaceTip::NONE, |(.., tip)| *tip);
        let way = self.lineage.way(&self.listing.pieces, id, start.lsn);
        if bases.is_empty() && way.spans.is_empty() && self.is_remnant(id)? {
            return Ok(None);
        }
        let found = self.end(id, start, way)?;
        let Some(End { last, spans, left_out, first }) = found else { return Ok(None) };
        let name = match (base, &first) {
            (Some((record, ..)), _) => record.name.clone(),
            (None, Some(first)) => match born_name(first) {
                Some(name) => name,
                None => return Ok(None),
            },
            (None, None) => return Ok(None),
        };
        if !self.is_wanted(&name) {
            return Ok(None);
        }
        Ok(Some(PlannedSpace {
            id,
            name,
            backup: base.map(|(_, backup, _)| backup.clone()),
            covered: start.lsn.0,
            last: TipRecord::new(&last),
            left_out,
            record: base.map(|(record, ..)| record.clone()),
            start,
            spans,
        }))
    }

    /// Whether what is archived of a space is its end alone: it was pruned, and archived once more by a process that found its last
    /// commits in the log. Nothing can be made of that, and it is gone.
    fn is_remnant(&self, id: SpaceId) -> Result<bool, BackupError> {
        let own = self.listing.pieces.of(id).iter();
        let own = own.filter(|piece| {
            self.lineage.end_on(id, piece.timeline).is_some_and(|end| piece.last <= end)
        });
        let Some(last) = own.max_by_key(|piece| piece.last) else { return Ok(false) };
        let Some(end) = piece::load(self.repository, last)?.pop() else { return Ok(false) };
        // An LSN is one of another space: this one has none to go back to.
        let is_past = matches!(self.limit, Limit::Lsn(_)) || self.takes(id, &end);
        Ok(deletes_space(&end) && is_past)
    }

    /// Where a space ends at the target; none where it is not there.
    fn end(&self, id: SpaceId, start: SpaceTip, way: Way) -> Result<Option<End>, BackupError> {
        let Way { spans, gap } = way;
        let mut end = End { last: start, spans: Vec::new(), left_out: None, first: None };
        let mut deleted = false;
        // What lies before the end is taken as a whole and read later: only its last part is looked at here.
        let from = self.first_undecided(id, &spans)?;
        end.spans.extend_from_slice(&spans[..from]);
        if from == spans.len() && from > 0 {
            let frames = spans[from - 1].load(self.repository)?;
            end.take(frames.last(), &mut deleted);
        }
        if let Some(span) = spans.get(from) {
            let frames = span.load(self.repository)?;
            let taken = frames.partition_point(|frame| self.takes(id, frame));
            if taken == 0 && from > 0 {
                let before = spans[from - 1].load(self.repository)?;
                end.take(before.last(), &mut deleted);
            }
            if taken > 0 {
                end.take(frames[..taken].last(), &mut deleted);
                end.spans.push(Span { last: end.last.lsn, ..*span });
            }
            end.left_out = frames.get(taken).map(|frame| (frame.stamp.lsn.0, frame.stamp.time.0));
        }
        if start.lsn.0 == 0 {
            let first = spans.first().filter(|_| !end.spans.is_empty());
            end.first = match first {
                Some(first) => first.load(self.repository)?.into_iter().next(),
                None => None,
            };
        }
        let matters = |(first, _): &(Lsn, Lsn)| match self.limit {
            Limit::None => true,
            Limit::Time(_) => end.left_out.is_none() && end.last.lsn.0 > 0,
            Limit::Lsn(_) | Limit::Each(_) => self.limit.takes(id, (*first, i64::MIN)),
        };
        if let Some((first, last)) = gap.filter(matters) {
            let what =
                format!("LSN {first} to {last} of space {id} were lost before they were archived");
            return Err(BackupError::Gap { what });
        }
        self.check_end(id, &end)?;
        Ok((end.last.lsn.0 > 0 && !deleted).then_some(end))
    }

    /// What is known to belong to the target must be there: a space that ends too early is an error, never a shorter space.
    fn check_end(&self, id: SpaceId, end: &End) -> Result<(), BackupError> {
        let named = match self.limit {
            Limit::Each(lasts) => lasts.get(&id).copied(),
            Limit::None | Limit::Time(_) | Limit::Lsn(_) => None,
        };
        let known =
            self.known.get(&id).copied().filter(|tip| {
                end.left_out.is_none() && self.limit.takes(id, (tip.lsn, tip.time.0))
            });
        let wanted = named.max(known.map(|tip| tip.lsn)).unwrap_or_default();
        if wanted <= end.last.lsn {
            return Ok(());
        }
        let what =
            format!("space {id} ends at LSN {}, LSN {wanted} belongs to the target", end.last.lsn);
        Err(BackupError::Gap { what })
    }

    fn takes(&self, id: SpaceId, frame: &Frame) -> bool {
        self.limit.takes(id, (frame.stamp.lsn, frame.stamp.time.0))
    }

    /// The first span that has a commit which is not taken; their number where all are.
    fn first_undecided(&self, id: SpaceId, spans: &[Span]) -> Result<usize, BackupError> {
        match self.limit {
            Limit::None => return Ok(spans.len()),
            Limit::Lsn(_) | Limit::Each(_) => {
                return Ok(
                    spans.partition_point(|span| self.limit.takes(id, (span.last, i64::MIN)))
                );
            }
            Limit::Time(_) => {}
        }
        // Times are in the pieces: as few as possible are read.
        let (mut low, mut high) = (0, spans.len());
        while low < high {
            let middle = low.midpoint(high);
            let frames = spans[middle].load(self.repository)?;
            match frames.last().is_some_and(|last| self.takes(id, last)) {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        Ok(low)
    }

    /// Whether the plan is what was asked for.
    fn check(
        &self,
        planned: &[PlannedSpace],
        bases: &BTreeMap<SpaceId, Vec<Base>>,
    ) -> Result<(), BackupError> {
        if let Limit::Each(lasts) = self.limit {
            let late = planned
                .iter()
                .find(|space| lasts.get(&space.id).is_some_and(|last| space.last.lsn < last.0));
            if let Some(late) = late {
                let what =
                    format!("the archive reaches LSN {} of space {:?}", late.last.lsn, late.name);
                return Err(BackupError::FutureTarget { what });
            }
        }
        for name in self.wanted.into_iter().flatten() {
            let known = || bases.values().flatten().map(|(record, ..)| record.name.as_str());
            if !planned.iter().any(|space| space.name == *name) {
                if known().any(|other| other == name) {
                    let what = format!("space {name:?} is in no backup that ends before it");
                    return Err(BackupError::TooOld { what });
                }
                let nearest = nearest(name, known());
                return Err(BackupError::UnknownSpace { name: name.clone(), nearest });
            }
        }
        if let Limit::Lsn(last) = self.limit {
            let [space] = planned else {
                let what = "an LSN belongs to one space: name it".to_owned();
                return Err(BackupError::UnknownSpace { name: what, nearest: None });
            };
            if space.last.lsn < last.0 {
                let what =
                    format!("the archive reaches LSN {} of space {:?}", space.last.lsn, space.name);
                return Err(BackupError::FutureTarget { what });
            }
        }
        // A backup or a point without spaces says that there were none.
        let has_none = matches!(self.limit, Limit::Each(lasts) if lasts.is_empty());
        if planned.is_empty() && !has_none {
            let oldest = bases.values().flatten().map(|(.., tip)| tip.time.0).min();
            let what = match oldest {
                Some(oldest) => {
                    format!("the oldest commit to go back to is of {}", time::text(oldest))
                }
                None => "there is no backup".to_owned(),
            };
            return Err(BackupError::TooOld { what });
        }
        self.check_age(planned, bases)
    }

    /// A space that was there at the target and can no longer be put together is an error, not a space less.
    fn check_age(
        &self,
        planned: &[PlannedSpace],
        bases: &BTreeMap<SpaceId, Vec<Base>>,
    ) -> Result<(), BackupError> {
        let Limit::Time(last) = self.limit else { return Ok(()) };
        for (id, own) in bases {
            let Some((record, _, tip)) = own.first() else { continue };
            let is_planned = planned.iter().any(|space| space.id == *id);
            let starts = !self.lineage.way(&self.listing.pieces, *id, Lsn(0)).spans.is_empty();
            if !is_planned && !starts && tip.time.0 > *last && self.is_wanted(&record.name) {
                let what = format!(
                    "the oldest commit of space {:?} to go back to is of {}",
                    record.name,
                    time::text(tip.time.0)
                );
                return Err(BackupError::TooOld { what });
            }
        }
        Ok(())
    }
}

/// Where a space ends at a target.
struct End {
    last: SpaceTip,
    spans: Vec<Span>,
    left_out: Option<(u64, i64)>,
    /// The birth of the space, where no files are needed.
    first: Option<Frame>,
}

impl End {
    fn take(&mut self, frame: Option<&Frame>, deleted: &mut bool) {
        if let Some(frame) = frame {
            self.last = frame.tip();
            *deleted = deletes_space(frame);
        }
    }
}
