//! [`Vault`]: the backups of a history, and what must come back from them.
//!
//! It keeps the state of the model after every commit of every space, those that are gone too. What is archived it reads from the names
//! of the objects that are stored, not from what the archiver believes.

use std::collections::BTreeMap;

use engram_backup::{Archiver, Repository, RepositoryKey};
use engram_store::SpaceId;

use crate::cold::FaultyBlobs;
use crate::faulty::FaultyFs;
use crate::model::{Image, Nature, Place};
use crate::rng::Rng;

/// Below this the pieces of the log are stored, as `docs/internals/file-format.md` says.
const LOG: &str = "log/";
/// Below this the records of backups are.
pub(crate) const BACKUPS: &str = "backups/";
/// Below this the named points are.
pub(crate) const POINTS: &str = "points/";

/// What a ranking was, to be found again.
#[derive(Clone)]
pub(crate) struct Ranking {
    pub(crate) space: SpaceId,
    pub(crate) lsn: u64,
    pub(crate) now_ns: i64,
    pub(crate) seed: u64,
    pub(crate) answers: Vec<String>,
}

/// The last commit of each space at some moment.
pub(crate) type Ends = BTreeMap<SpaceId, u64>;

/// What was learned of the memories of a space, as the engine told it at some time.
#[derive(Clone)]
pub(crate) struct Sketch {
    pub(crate) now_ns: i64,
    pub(crate) lines: Vec<String>,
}

/// A space that is or was there, with its state after each commit.
#[derive(Clone)]
pub(crate) struct Chronicle {
    pub(crate) name: String,
    pub(crate) nature: Nature,
    pub(crate) created_at: i64,
    pub(crate) images: BTreeMap<u64, Image>,
    /// The commit that deleted it.
    pub(crate) gone: Option<(u64, i64)>,
    pub(crate) sums: BTreeMap<u64, u64>,
    pub(crate) learned: BTreeMap<u64, u64>,
    pub(crate) deleted: Vec<String>,
    pub(crate) rankings: BTreeMap<u64, Ranking>,
    pub(crate) sketches: BTreeMap<u64, Sketch>,
}

impl Chronicle {
    /// The last commit up to `lsn`; none where the space is not there then.
    pub(crate) fn at_lsn(&self, lsn: u64) -> Option<u64> {
        if self.gone.is_some_and(|(gone, _)| gone <= lsn) {
            return None;
        }
        self.images.range(..=lsn).next_back().map(|(lsn, _)| *lsn)
    }

    /// The last commit up to a time, of those up to `archived`.
    pub(crate) fn at_time(&self, time: i64, archived: u64) -> Option<u64> {
        if self.gone.is_some_and(|(gone, at)| gone <= archived && at <= time) {
            return None;
        }
        let taken = |(lsn, image): &(&u64, &Image)| **lsn <= archived && image.time <= time;
        self.images.iter().rev().find(taken).map(|(lsn, _)| *lsn)
    }
}

/// What the name of a piece of the log says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Piece {
    space: SpaceId,
    timeline: u32,
    first: u64,
    last: u64,
}

impl Piece {
    fn parse(key: &str) -> Option<Piece> {
        let (space, rest) = key.strip_prefix(LOG)?.split_once('/')?;
        let mut parts = rest.split('-');
        let timeline = u32::from_str_radix(parts.next()?, 16).ok()?;
        let first = u64::from_str_radix(parts.next()?, 16).ok()?;
        let last = u64::from_str_radix(parts.next()?, 16).ok()?;
        Some(Piece { space: SpaceId::parse(space)?, timeline, first, last })
    }
}

/// The backups of a history.
pub(crate) struct Vault {
    /// The repository.
    pub(crate) store: FaultyBlobs,
    /// Decides what is done with backups, and what goes wrong with them.
    pub(crate) rng: Rng,
    /// Chance in percent that something happens to the repository before it is used.
    pub(crate) weather: u64,
    pub(crate) secret: Option<RepositoryKey>,
    /// What this process holds of it.
    pub(crate) hands: Option<(Repository, Archiver)>,
    /// The timeline that is archived.
    pub(crate) timeline: u32,
    pub(crate) spaces: BTreeMap<SpaceId, Chronicle>,
    /// Up to where each space is archived, without gaps.
    pub(crate) archived: Ends,
    /// Where the backups end that are listed, by name.
    pub(crate) backups: BTreeMap<String, Ends>,
    /// Where the spaces stood when a point was named.
    pub(crate) points: BTreeMap<String, Ends>,
    /// Something was pruned: not all that was archived can be gone back to.
    pub(crate) pruned: bool,
    /// The clock was set back: times of commits and backups do not tell what came first.
    pub(crate) set_back: bool,
    /// Counts the draws of randomness.
    entropies: u64,
}

impl Vault {
    /// An empty repository, used by the process that uses `disk`.
    pub(crate) fn new(seed: u64, disk: &FaultyFs) -> Vault {
        let mut rng = Rng::new(seed ^ 0x0076_6175_6c74);
        let secret = rng.chance(25).then(|| RepositoryKey::parse(&"7d".repeat(32))).flatten();
        Vault {
            store: FaultyBlobs::new(rng.bits(), disk),
            weather: *rng.pick(&[0, 15, 40]),
            secret,
            hands: None,
            timeline: 1,
            spaces: BTreeMap::new(),
            archived: Ends::new(),
            backups: BTreeMap::new(),
            points: BTreeMap::new(),
            pruned: false,
            set_back: false,
            entropies: rng.bits(),
            rng,
        }
    }

    /// The process has ended: the next one uses `disk`.
    pub(crate) fn reboot(&mut self, disk: &FaultyFs) {
        self.hands = None;
        self.store = self.store.after(disk);
    }

    /// A number that no other draw of randomness got.
    pub(crate) fn entropy(&mut self) -> u64 {
        self.entropies = self.entropies.wrapping_add(1);
        self.entropies
    }

    /// Takes note of the states of a space.
    pub(crate) fn record(&mut self, name: &str, place: &Place, images: &[Image]) {
        let own = self.spaces.entry(place.id).or_insert_with(|| Chronicle {
            name: name.to_owned(),
            nature: place.nature.clone(),
            created_at: place.created_at,
            images: BTreeMap::new(),
            gone: None,
            sums: BTreeMap::new(),
            learned: BTreeMap::new(),
            deleted: Vec::new(),
            rankings: BTreeMap::new(),
            sketches: BTreeMap::new(),
        });
        for image in images {
            own.images.entry(image.lsn).or_insert_with(|| image.clone());
        }
    }

    /// Takes note of what a space was like that is there, or is gone now.
    pub(crate) fn note(&mut self, place: &Place) {
        let Some(own) = self.spaces.get_mut(&place.id) else { return };
        own.gone = place.gone_at;
        own.sums.clone_from(&place.sums);
        own.learned.clone_from(&place.learned);
        own.deleted.clone_from(&place.deleted);
    }

    /// Keeps a ranking of a space that is there.
    pub(crate) fn rank(&mut self, ranking: &Ranking) {
        if let Some(own) = self.spaces.get_mut(&ranking.space) {
            own.rankings.insert(ranking.lsn, ranking.clone());
        }
    }

    /// The keys of all objects that start with a prefix.
    pub(crate) fn keys(&self, prefix: &str) -> Vec<String> {
        let objects = engram_store::BlobStore::list(&self.store.objects(), prefix);
        objects.unwrap_or_default()
    }

    /// Counts anew up to where each space is archived. How many pieces begin before the one before them ends.
    pub(crate) fn count_archived(&mut self) -> u64 {
        let mut pieces: Vec<Piece> =
            self.keys(LOG).iter().filter_map(|key| Piece::parse(key)).collect();
        pieces.retain(|piece| piece.timeline == self.timeline);
        pieces.sort_unstable();
        let (mut overlaps, mut before) = (0, None);
        for piece in pieces {
            let end = self.archived.entry(piece.space).or_default();
            if piece.first <= *end + 1 {
                *end = piece.last.max(*end);
            }
            overlaps += u64::from(
                before.is_some_and(|(space, last)| space == piece.space && piece.first <= last),
            );
            before = Some((piece.space, piece.last));
        }
        overlaps
    }

    /// Up to where a space is archived.
    pub(crate) fn archived(&self, space: SpaceId) -> u64 {
        self.archived.get(&space).copied().unwrap_or_default()
    }

    /// The spaces that are there at the end of what is archived.
    pub(crate) fn latest(&self) -> Ends {
        self.ends(|id, own| own.at_lsn(self.archived(id)))
    }

    /// The spaces that `end` gives a commit of.
    pub(crate) fn ends(&self, end: impl Fn(SpaceId, &Chronicle) -> Option<u64>) -> Ends {
        self.spaces.iter().filter_map(|(id, own)| Some((*id, end(*id, own)?))).collect()
    }
}
