//! Loading single spaces as a server would, to see whether they add up.

use std::path::Path;
use std::sync::Arc;

use engram_store::{
    Frame, Fs, LogError, Lsn, Manifest, StoreError, VerifyDepth, segment_file_name, verify_segment,
};

use super::report::StoreFinding;
use super::roll::Known;
use crate::datadir::SPACES_DIR;
use crate::identity::FIRST_TIMELINE;
use crate::memtable::{Snapshot, state_term};
use crate::model::State;
use crate::opening::Loading;
use crate::record::KIND_SPACE_CREATED;
use crate::residence::{Home, Residence};
use crate::settings::TAIL_MEMORIES_MAX;
use crate::space::{Embedders, Space, SpaceIdentity};
use crate::stored::ROLE_OBJECT;

/// RAM for what is read at once, in bytes.
const RESIDENCE_BYTES: u64 = 256 << 20;

/// A space that is loaded commit by commit.
pub(super) struct Trial {
    loading: Loading,
    identity: Arc<SpaceIdentity>,
}

/// Where a history stops making sense, and why.
pub(super) type Break = (Lsn, String);

/// Name of the manifest of a space.
pub(super) fn manifest_name(known: &Known) -> String {
    format!("{}.manifest", known.id)
}

/// What is wrong with the files that a manifest names.
pub(super) fn check_segments(
    fs: &dyn Fs,
    dir: &Path,
    manifest: &Manifest,
    depth: VerifyDepth,
) -> Vec<StoreFinding> {
    let dir = dir.join(SPACES_DIR);
    let mut findings = Vec::new();
    // Objects are in the cold store, which is not asked here.
    for file in manifest.segments.iter().filter(|file| file.role != ROLE_OBJECT) {
        let segment = (manifest.space, &file.segment);
        if let Err(error) = verify_segment(fs, &dir, segment, depth) {
            let name = segment_file_name(manifest.space, &file.segment.hash);
            findings.push(StoreFinding::of_error(SPACES_DIR, &name, &error));
        }
    }
    findings
}

impl Trial {
    /// A space as its files have it, with its memories compared to the sum of its state; without a manifest, nothing yet. None where
    /// its birth is not known, so that it cannot be loaded.
    ///
    /// # Errors
    /// What is wrong with the files.
    pub(super) fn start(
        fs: &dyn Fs,
        dir: &Path,
        known: &Known,
        manifest: Option<&Manifest>,
    ) -> Result<Option<Trial>, StoreFinding> {
        let settings = known.record.as_ref().and_then(|record| record.settings().ok());
        let Some((settings, name)) = settings.zip(known.name()) else { return Ok(None) };
        let identity = SpaceIdentity::new(known.id, name, known.created_at, settings);
        let identity = Arc::new(identity);
        let space = Space::new(Arc::clone(&identity), &Embedders::new(), TAIL_MEMORIES_MAX);
        let Some(manifest) = manifest else {
            return Ok(Some(Trial { loading: Loading::empty(space), identity }));
        };
        let residence = Residence::new(RESIDENCE_BYTES);
        let spaces_dir = dir.join(SPACES_DIR);
        let home = Home {
            fs,
            dir: &spaces_dir,
            space: known.id,
            dimension: identity.settings.dimension as usize,
            timeline: FIRST_TIMELINE,
            residence: &residence,
            fault: &identity.fault,
            moves: &identity.moves,
            blobs: None,
        };
        let loading = Loading::of_files(&home, space, manifest).map_err(|error| {
            let file = match &error {
                StoreError::Corrupt { file, .. }
                | StoreError::Missing { file }
                | StoreError::Unavailable { file, .. }
                | StoreError::Io { file, .. } => file.clone(),
                StoreError::DiskFull { .. } | StoreError::NewerFormat { .. } => {
                    manifest_name(known)
                }
            };
            StoreFinding::of_error(SPACES_DIR, &file, &error)
        })?;
        for view in &loading.snapshot.chunks {
            // A server reads them late, when it compares vectors. Damage is noted as a fault.
            let _ = view.codes();
            view.drop_codes();
            if view.bodies.cold.is_none() {
                view.each_vector(0..view.chunk.vector_count() as u32, &mut |_, _| ());
            }
        }
        let trial = Trial { loading, identity };
        match trial.mismatch() {
            Some(what) => {
                Err(StoreFinding::damage(format!("{SPACES_DIR}/{}", manifest_name(known)), what))
            }
            None => Ok(Some(trial)),
        }
    }

    /// Applies commits as long as they make sense. Gives where they stop to, if they do.
    ///
    /// # Errors
    /// The disk fails.
    pub(super) fn follow(
        &mut self,
        frames: impl Iterator<Item = Result<Frame, LogError>>,
    ) -> Result<Option<Break>, LogError> {
        for frame in frames {
            let next = Lsn(self.loading.snapshot.lsn.0 + 1);
            let frame = match frame {
                Ok(frame) => frame,
                Err(LogError::Corrupt { what, .. }) => return Ok(Some((next, what))),
                Err(error) => return Err(error),
            };
            let is_birth = frame.kind == KIND_SPACE_CREATED;
            if next == Lsn(1) && !is_birth {
                return Ok(Some((next, "the log does not begin with its birth".to_owned())));
            }
            if let Err(what) = self.loading.take(&frame) {
                return Ok(Some((next, what)));
            }
        }
        Ok(self.mismatch().map(|what| (self.loading.snapshot.lsn, what)))
    }

    pub(super) fn lsn(&self) -> Lsn {
        self.loading.snapshot.lsn
    }

    /// Memories, suppressed ones too.
    pub(super) fn memories(&self) -> u64 {
        let figures = &self.loading.snapshot.figures;
        figures.active + figures.suppressed
    }

    pub(super) fn snapshot(&self) -> &Snapshot {
        &self.loading.snapshot
    }

    /// Counts and adds up all memories. What does not fit what the state says of itself, if anything.
    fn mismatch(&self) -> Option<String> {
        let snapshot = &self.loading.snapshot;
        let (mut sum, mut active, mut suppressed, mut vectors) = (0_u64, 0, 0, 0);
        for (at, state) in snapshot.places() {
            let memory = snapshot.head(at);
            let (hash, version) = (&memory.content_hash, memory.version);
            if snapshot.find(&memory.id) != Some((at, state)) {
                return Some(format!("its index of ids does not find {:?}", memory.id));
            }
            sum = sum.wrapping_add(state_term(&memory.id, version, hash, state));
            vectors += u64::from(snapshot.vector_count(at));
            match state {
                State::Active => active += 1,
                State::Suppressed => suppressed += 1,
            }
        }
        if let Some(why) = self.identity.fault.quarantined() {
            return Some(why.to_owned());
        }
        let figures = &snapshot.figures;
        let counted = (sum, active, suppressed, vectors);
        let said = (snapshot.state_sum, figures.active, figures.suppressed, figures.vectors);
        (counted != said).then(|| "its memories do not add up to what it says of itself".to_owned())
    }
}
