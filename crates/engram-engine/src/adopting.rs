//! Taking in a space of another data directory under a new name and a new identity: how a space is restored beside the live one.
//!
//! Its commits keep their LSNs, times and chain up to where it is taken over; what follows is written on the log of this directory.

use std::collections::HashMap;
use std::sync::Arc;

use engram_store::{CommitTime, Manifest, ManifestSegment, Segment, SegmentRef, SpaceId, SpaceTip};
use prost::Message;

use crate::catalog::Entry;
use crate::chunk_file::object_key;
use crate::datadir::INDEX_DIR;
use crate::directory::write_file;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::holding::{corrupt, graph_of};
use crate::identity::draw_uuid;
use crate::indexer::graph_file_name;
use crate::model::SpaceInfo;
use crate::space::SpaceIdentity;
use crate::stored::{CheckpointRecord, ROLE_OBJECT};
use crate::validate;

impl Engine {
    /// Takes in the space `name` of another engine as it stands there, as `new_name`. Its files are copied; the other engine keeps its
    /// own. Durable on return.
    ///
    /// # Errors
    /// [`EngineError::SpaceExists`], an invalid name, a space that is not there or not intact, a failing disk. Nothing is visible then.
    pub fn adopt_space(
        &self,
        from: &Engine,
        name: &str,
        new_name: &str,
    ) -> Result<SpaceInfo, EngineError> {
        validate::space_name(new_name)?;
        from.checkpoint(name)?;
        let held = from.hold(name)?;
        let source = held.manifest.clone();
        let source = source.ok_or_else(|| corrupt(format!("space {name:?} has no files")))?;
        if source.lsn != held.tip.lsn {
            return Err(corrupt(format!("space {name:?} was written to while it was copied")));
        }
        let id = draw_uuid(self.entropy());
        self.reserve_name(new_name, id)?;
        let taken = self.copy_space(from, &source, (id, new_name));
        let admitted = taken.and_then(|manifest| self.admit_adopted(manifest));
        self.queue()?.names.remove(new_name);
        admitted
    }

    /// Keeps a name from being given to another space meanwhile.
    fn reserve_name(&self, name: &str, id: SpaceId) -> Result<(), EngineError> {
        let mut queue = self.queue()?;
        if queue.closing {
            return Err(EngineError::Closing);
        }
        if self.catalog().contains(name) || queue.names.contains_key(name) {
            return Err(EngineError::SpaceExists { name: name.to_owned() });
        }
        queue.names.insert(name.to_owned(), id);
        Ok(())
    }

    /// Copies the files of a space for its new identity; the manifest that names them, not written yet.
    fn copy_space(
        &self,
        from: &Engine,
        source: &Manifest,
        (id, name): (SpaceId, &str),
    ) -> Result<Manifest, EngineError> {
        let mut record = CheckpointRecord::decode(source.payload.as_slice())
            .map_err(|error| corrupt(format!("the manifest of space {name:?}: {error}")))?;
        if let Some(space) = &mut record.space {
            name.clone_into(&mut space.name);
        }
        let mut segments = Vec::with_capacity(source.segments.len());
        let mut copied: HashMap<[u8; 32], SegmentRef> = HashMap::new();
        for file in &source.segments {
            let segment = match copied.get(&file.segment.hash) {
                Some(known) => *known,
                None => self.copy_file(from, (source.space, id), file)?,
            };
            copied.insert(file.segment.hash, segment);
            segments.push(ManifestSegment { role: file.role, segment });
        }
        if let Some(hash) = graph_of(source)
            && let Some(graph) = from.held_graph(source.space, hash)?
        {
            let path = self.data_dir().join(INDEX_DIR).join(graph_file_name(id, hash));
            write_file(self.fs(), &path, &graph)?;
        }
        let payload = record.encode_to_vec();
        Ok(Manifest { space: id, number: 1, segments, payload, ..source.clone() })
    }

    fn copy_file(
        &self,
        from: &Engine,
        (old, new): (SpaceId, SpaceId),
        file: &ManifestSegment,
    ) -> Result<SegmentRef, EngineError> {
        let cache = Arc::clone(&self.residence().blocks);
        if file.role != ROLE_OBJECT {
            let dir = from.spaces_dir();
            let segment = Segment::open(from.fs(), dir, old, &file.segment, cache)?;
            return Ok(segment.copy_for(self.fs(), self.spaces_dir(), new)?);
        }
        let unconfigured =
            || EngineError::ColdUnavailable { reason: "no cold store is configured".to_owned() };
        let source = from.blobs().ok_or_else(unconfigured)?;
        let target = self.blobs().ok_or_else(unconfigured)?;
        let key = object_key(old, &file.segment.hash);
        let object =
            Segment::open_blob(Arc::clone(source), &key, old, &file.segment, Arc::clone(&cache))?;
        // By way of a file: an object goes up whole.
        let copy = object.copy_for(self.fs(), self.spaces_dir(), new)?;
        let local = Segment::open(self.fs(), self.spaces_dir(), new, &copy, cache)?;
        local.upload(&**target, &object_key(new, &copy.hash))?;
        self.remove_file(&local.file_name())?;
        Ok(copy)
    }

    /// Makes a copied space one of this directory. A crash before the manifest leaves files that nobody names.
    fn admit_adopted(&self, manifest: Manifest) -> Result<SpaceInfo, EngineError> {
        let record = CheckpointRecord::decode(manifest.payload.as_slice());
        let record = record.map_err(|error| corrupt(error.to_string()))?;
        let space =
            record.space.ok_or_else(|| corrupt("the manifest names no space".to_owned()))?;
        let settings = space.settings().map_err(corrupt)?;
        let tip = SpaceTip {
            lsn: manifest.lsn,
            time: manifest.committed_at,
            chain: manifest.chain,
            state_sum: manifest.state_sum,
        };
        self.log().adopt(manifest.space, tip)?;
        manifest.write(self.fs(), self.spaces_dir())?;
        let created_at = CommitTime(record.created_at);
        let identity = SpaceIdentity::new(manifest.space, space.name, created_at, settings);
        let info = identity.info();
        self.release(manifest.space, manifest.lsn);
        self.catalog().admit_closed(Arc::new(Entry::closed(identity, Some(manifest))));
        Ok(info)
    }
}
