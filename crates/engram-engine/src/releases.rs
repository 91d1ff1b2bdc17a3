//! What must not go yet: frames of the log that no file covers or, where it is archived, that are not in the archive; files that
//! somebody copies.

use std::collections::HashMap;
use std::sync::Weak;

use engram_store::{Lsn, Manifest, SpaceId};

/// Manifests that somebody copies, by space.
pub(crate) type Holds = HashMap<SpaceId, Vec<Weak<Manifest>>>;

/// How far the frames of each space are in files, and in the archive.
#[derive(Default)]
pub(crate) struct Releases {
    spaces: HashMap<SpaceId, Kept>,
}

#[derive(Clone, Copy, Default)]
struct Kept {
    covered: Lsn,
    archived: Lsn,
}

impl Kept {
    fn free(self) -> Lsn {
        self.covered.min(self.archived)
    }
}

impl Releases {
    /// Notes up to where files cover a space; up to where its frames may go.
    pub(crate) fn cover(&mut self, space: SpaceId, through: Lsn) -> Lsn {
        let kept = self.spaces.entry(space).or_default();
        kept.covered = kept.covered.max(through);
        kept.free()
    }

    /// Notes up to where a space is archived; up to where its frames may go.
    pub(crate) fn archive(&mut self, space: SpaceId, through: Lsn) -> Lsn {
        let kept = self.spaces.entry(space).or_default();
        kept.archived = kept.archived.max(through);
        kept.free()
    }

    /// Gives up the frames that files cover and that are not archived: the spaces and up to where.
    pub(crate) fn give_up(&mut self) -> Vec<(SpaceId, Lsn)> {
        let behind = self.spaces.iter_mut().filter(|(_, kept)| kept.archived < kept.covered);
        behind
            .map(|(space, kept)| {
                kept.archived = kept.covered;
                (*space, kept.covered)
            })
            .collect()
    }
}
