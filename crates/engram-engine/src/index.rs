//! Building the proximity graphs of spaces, behind the acknowledgement and in bounded steps.
//!
//! A graph is due when a space has more vectors outside of it than exact scans should look at. It is built from one
//! snapshot, written to a file, and put into use by a commit that names it: which vectors are searched over the graph and
//! which are compared one by one is a function of the log. What was deleted meanwhile is hidden in it until the next one
//! is built from scratch.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use engram_index::{HnswBuilder, HnswSettings, Parallel};
use engram_store::{Stamp, write_atomically};

use crate::apply::Step;
use crate::datadir::{INDEX_DIR, io_failure};
use crate::engine::Engine;
use crate::error::{EngineError, LogFailure};
use crate::indexer::{Building, Indexer, graph_file_name, remove_graphs};
use crate::memtable::{Proximity, Snapshot};
use crate::missing::take_missing;
use crate::record::{GraphRecord, Op};
use crate::space::Space;

/// A graph is extended when as many vectors are outside as this share of those inside: an extension looks at each of them
/// again.
const GROWTH_SHARE: u64 = 16;
/// And at least this share of the count from which a graph is built at all.
const GROWTH_MIN_SHARE: u64 = 4;
/// The shares for a space that is quiet: what is compared one by one costs every recall, and no writer waits for an extension.
const QUIET_GROWTH_SHARE: u64 = 128;
const QUIET_GROWTH_MIN_SHARE: u64 = 16;
/// A space is quiet without a commit for a second, and one more for each so many vectors of its graph: an extension copies and
/// writes all of it, which short pauses of a writer are not worth.
const QUIET_NS: i64 = 1_000_000_000;
const QUIET_VECTORS: u64 = 50_000;
/// A graph is built from scratch when this share of its vectors, in percent, belongs to memories that are gone. Suppressed
/// ones stay in it, as they may come back.
const GONE_PERCENT_MAX: u64 = 30;

/// What one call of [`Engine::index`] did.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Indexed {
    /// Vectors linked into graphs.
    pub vectors: u64,
    /// Commits that put a graph into use, with the names of their spaces; durable after the next drive.
    pub commits: Vec<(String, Stamp)>,
    /// Another call would find work.
    pub more: bool,
}

impl Engine {
    /// One step of building the graphs that are due: links about `budget_vectors` vectors; the last step of a graph
    /// finishes it whole. Uses the threads of `parallel`; the graph does not depend on their number. Call it from one
    /// thread.
    ///
    /// # Errors
    /// A graph could not be written, an old one not removed, or the log takes no commits. The work is done again. Where other
    /// spaces have commits, these are reported and the next call tells the error.
    pub fn index(
        &self,
        budget_vectors: u64,
        parallel: &dyn Parallel,
    ) -> Result<Indexed, EngineError> {
        let mut done = Indexed::default();
        if self.poisoned().is_some() {
            return Ok(done);
        }
        let mut failed = self.tidy_graphs().err();
        for space in self.catalog().open_spaces() {
            if space.intact().is_err() {
                continue;
            }
            if done.vectors >= budget_vectors {
                done.more = true;
                break;
            }
            if let Err(error) = self.index_space(&space, budget_vectors, parallel, &mut done) {
                failed.get_or_insert(error);
            }
        }
        match failed {
            Some(error) if done.commits.is_empty() => return Err(error),
            Some(_) => done.more = true,
            None => {}
        }
        if !done.commits.is_empty() {
            self.wake();
        }
        Ok(done)
    }

    fn index_space(
        &self,
        space: &Arc<Space>,
        budget_vectors: u64,
        parallel: &dyn Parallel,
        done: &mut Indexed,
    ) -> Result<(), EngineError> {
        let mut indexer = space.indexer.lock().map_err(|_| panicked())?;
        if indexer.pending.load(Ordering::Acquire) {
            return Ok(());
        }
        if indexer.written.is_some() {
            return self.put_into_use(space, &mut indexer, done);
        }
        let building = match indexer.building.take() {
            Some(building) => building,
            None => {
                drop(take_missing());
                let dimension = space.identity.settings.dimension;
                let begun = self.begin(&space.snapshot.load_full(), dimension);
                // A graph without what could not be read would hide it for good.
                match space.sound(Ok(begun))? {
                    Some(building) => building,
                    None => return Ok(()),
                }
            }
        };
        let mut building = building;
        while done.vectors < budget_vectors {
            match building.builder.step(parallel) {
                0 => {
                    done.vectors += building.builder.left() as u64;
                    let Building { builder, owners, through } = building;
                    let graph = Proximity::new(builder.finish(parallel), owners, through);
                    self.write_graph(space, &graph)?;
                    indexer.written = Some(Arc::new(graph));
                    return self.put_into_use(space, &mut indexer, done);
                }
                linked => done.vectors += linked as u64,
            }
        }
        done.more = true;
        indexer.building = Some(building);
        Ok(())
    }

    /// What is to be built from this snapshot, if anything is due.
    fn begin(&self, snapshot: &Snapshot, dimension: u32) -> Option<Building> {
        let least = self.settings().graph_vectors_min.max(1);
        let base = snapshot.proximity.as_ref();
        let covered = base.map_or(0, |view| view.graph.owners.len() as u64);
        let outside = snapshot.vectors_from(base.map_or(0, |view| view.graph.through));
        let gone = (covered + outside).saturating_sub(snapshot.figures.vectors);
        let worn = gone * 100 > covered * GONE_PERCENT_MAX;
        let pause = QUIET_NS.saturating_mul((1 + covered / QUIET_VECTORS) as i64);
        let quiet = self.now_ns().saturating_sub(snapshot.committed_at.0) >= pause;
        let (min_share, share) = match quiet {
            true => (QUIET_GROWTH_MIN_SHARE, QUIET_GROWTH_SHARE),
            false => (GROWTH_MIN_SHARE, GROWTH_SHARE),
        };
        let growth = (least / min_share).max(covered / share).max(1);
        let due = match base {
            None => outside >= least,
            Some(_) => worn || outside >= growth,
        };
        if !due {
            return None;
        }
        let (mut builder, mut owners, from) = match base.filter(|_| !worn) {
            Some(view) => {
                let graph = &view.graph;
                (HnswBuilder::resume(&graph.hnsw), graph.owners.clone(), graph.through)
            }
            None => (HnswBuilder::new(HnswSettings::default(), dimension as usize), Vec::new(), 0),
        };
        snapshot.each_vector(from, &mut |node, vector| {
            owners.push(node);
            builder.push(vector);
        });
        Some(Building { builder, owners, through: snapshot.next_node })
    }

    fn write_graph(&self, space: &Space, graph: &Proximity) -> Result<(), EngineError> {
        let dir = self.data_dir().join(INDEX_DIR);
        let path = dir.join(graph_file_name(space.identity.id, graph.hash));
        let fs = self.fs();
        self.graphs_are_stale();
        fs.create_dir_all(&dir).map_err(|error| io_failure(&dir, &error))?;
        write_atomically(fs, &path, &graph.to_bytes()).map_err(|error| io_failure(&path, &error))
    }

    /// Queues the commit that names the written graph. It waits for a later call where the space takes no writes now.
    fn put_into_use(
        &self,
        space: &Arc<Space>,
        indexer: &mut Indexer,
        done: &mut Indexed,
    ) -> Result<(), EngineError> {
        let Some(graph) = &indexer.written else { return Ok(()) };
        let record = GraphRecord { hash: graph.hash.to_vec(), through: graph.through };
        let change = (Op::Graph(record), Step::Graph(graph.hash, Some(Arc::clone(graph))));
        if let Some(stamp) = self.commit_own(space, change, &indexer.pending, |_| {})? {
            done.commits.push((space.identity.name.clone(), stamp));
            indexer.written = None;
        }
        Ok(())
    }

    /// Removes the files of graphs that no space uses, after a graph was put into use or a space was deleted. A graph whose
    /// commit is queued is in no snapshot yet and must stay: then it waits for a later call.
    fn tidy_graphs(&self) -> Result<(), EngineError> {
        let spaces = self.catalog().open_spaces();
        for space in &spaces {
            if space.indexer.lock().map_err(|_| panicked())?.holds_a_file() {
                return Ok(());
            }
        }
        if !self.take_stale_graphs() {
            return Ok(());
        }
        let used = |space: &Arc<Space>| {
            let hash = space.snapshot.load().graph_hash;
            (
                space.identity.id.to_string(),
                hash.map(|hash| graph_file_name(space.identity.id, hash)),
            )
        };
        let open: HashMap<String, Option<String>> = spaces.iter().map(used).collect();
        let known = self.catalog().all();
        let known: HashSet<String> =
            known.iter().map(|entry| entry.identity.id.to_string()).collect();
        // Which graph a closed space uses stands in its log: its graphs stay until it is open.
        let stays = |space: &str, name: &str| match open.get(space) {
            Some(used) => used.as_deref() == Some(name),
            None => known.contains(space),
        };
        let removed = remove_graphs(self.fs(), self.data_dir(), &stays);
        if removed.is_err() {
            self.graphs_are_stale();
        }
        removed
    }
}

fn panicked() -> EngineError {
    EngineError::Log(LogFailure::Poisoned("building a graph panicked".to_owned()))
}
