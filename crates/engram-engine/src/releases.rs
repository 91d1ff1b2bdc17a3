//! What must not go yet: frames of the log that no file covers or, where it is archived, that are not in every archive; files that
//! somebody copies.

use std::collections::{BTreeMap, HashMap};
use std::sync::Weak;

use engram_store::{Lsn, Manifest, SpaceId};

/// Manifests that somebody copies, by space.
pub(crate) type Holds = HashMap<SpaceId, Vec<Weak<Manifest>>>;

/// How far the frames of each space are in files, and in the archives.
#[derive(Default)]
pub(crate) struct Releases {
    archives: u32,
    spaces: HashMap<SpaceId, Kept>,
}

#[derive(Clone, Default)]
struct Kept {
    covered: Lsn,
    /// By archive.
    archived: BTreeMap<u32, Lsn>,
}

impl Kept {
    /// Up to where no archive lacks anything.
    fn archived(&self, archives: u32) -> Lsn {
        let all = (0..archives).map(|archive| self.archived.get(&archive).copied());
        all.map(Option::unwrap_or_default).min().unwrap_or(self.covered)
    }

    fn free(&self, archives: u32) -> Lsn {
        self.covered.min(self.archived(archives))
    }
}

impl Releases {
    /// Of a log that goes into so many archives.
    pub(crate) fn new(archives: u32) -> Releases {
        Releases { archives, spaces: HashMap::new() }
    }

    /// Notes up to where files cover a space; up to where its frames may go.
    pub(crate) fn cover(&mut self, space: SpaceId, through: Lsn) -> Lsn {
        let kept = self.spaces.entry(space).or_default();
        kept.covered = kept.covered.max(through);
        kept.free(self.archives)
    }

    /// Notes up to where an archive has a space; up to where its frames may go.
    pub(crate) fn archive(&mut self, archive: u32, space: SpaceId, through: Lsn) -> Lsn {
        let kept = self.spaces.entry(space).or_default();
        let archived = kept.archived.entry(archive).or_default();
        *archived = through.max(*archived);
        kept.free(self.archives)
    }

    /// Gives up the frames that files cover and that one archive lacks: the spaces, and up to where their frames may go.
    pub(crate) fn give_up(&mut self, archive: u32) -> Vec<(SpaceId, Lsn)> {
        let archives = self.archives;
        let lacks =
            |kept: &Kept| kept.archived.get(&archive).copied().unwrap_or_default() < kept.covered;
        let behind = self.spaces.iter_mut().filter(|(_, kept)| lacks(kept));
        behind
            .map(|(space, kept)| {
                kept.archived.insert(archive, kept.covered);
                (*space, kept.free(archives))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_stay_until_files_and_every_archive_have_them() {
        let space = SpaceId([1; 16]);
        let mut releases = Releases::new(2);
        assert_eq!(releases.archive(0, space, Lsn(9)), Lsn(0));
        assert_eq!(releases.cover(space, Lsn(7)), Lsn(0));
        assert_eq!(releases.archive(1, space, Lsn(4)), Lsn(4));
        assert_eq!(releases.give_up(0), []);
        assert_eq!(releases.give_up(1), [(space, Lsn(7))]);
        assert_eq!(releases.give_up(1), []);
        assert_eq!(Releases::new(0).cover(space, Lsn(7)), Lsn(7));
    }
}
