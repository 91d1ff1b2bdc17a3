//! The last pass over a graph: every vector can be found.
//!
//! Pruning may leave a node without a link to it, above all among near duplicates. Two steps mend that. First, every
//! node that no path from the entry reaches is linked from a near node. Then nodes are searched by their own codes, and
//! one that the search misses is linked from where the search ended. A new graph looks for all of its nodes; an extension
//! for those that it added and for a share of the others, since it takes the way to hardly one in 30,000 of these.

use std::sync::{Mutex, PoisonError};

use super::super::codes::CodeErrors;
use super::super::parallel::Parallel;
use super::build::{HnswBuilder, Worker};
use super::format::{Hnsw, layers, serialize};
use super::layer::LayerView;

/// Size of the pool with which a node must find itself; searches use a larger one.
const CHECK_SIZE: usize = 24;

/// Pool of nodes all alike with which a check ends: a search goes on to larger ones, and to the exact scan.
const ALIKE_SIZE_MAX: usize = 8 * CHECK_SIZE;

/// Rounds of checking and mending, at most; a mended node may have pushed out the way to another one.
const ROUNDS_MAX: usize = 4;

/// An extension looks for one in so many of the nodes that were there before, others each time.
const RECHECK_SHARE: u32 = 16;

/// Nodes of one task.
const TASK: usize = 256;

impl HnswBuilder {
    /// Links what is left, makes vectors findable, and ends the building.
    pub fn finish(mut self, parallel: &dyn Parallel) -> Hnsw {
        self.link_rest(parallel);
        if !self.is_empty() {
            self.connect();
            let mut suspects = self.suspects();
            for _ in 0..ROUNDS_MAX {
                suspects = self.missed(&suspects, parallel);
                if suspects.is_empty() {
                    break;
                }
                let mut worker = Worker::default();
                for &node in &suspects {
                    self.attach(node, CHECK_SIZE, &mut worker);
                }
            }
        }
        serialize(self.settings, self.dimension, self.errors, &self.layers)
    }

    /// A builder that goes on where `graph` ended: the next vector gets the ordinal [`Hnsw::len`].
    pub fn resume<B: AsRef<[u8]>>(graph: &Hnsw<B>) -> HnswBuilder {
        let mut builder = HnswBuilder::new(graph.settings, graph.dimension);
        builder.layers = layers(graph);
        builder.linked = graph.len();
        builder.resumed = graph.len();
        builder.errors = graph.errors;
        builder
    }

    /// The nodes that [`HnswBuilder::finish`] looks for.
    fn suspects(&self) -> Vec<u32> {
        let before = self.resumed as u32;
        let turn = before % RECHECK_SHARE;
        let again = (0..before).filter(|node| node % RECHECK_SHARE == turn);
        again.chain(before..self.len() as u32).collect()
    }

    /// Links every node that cannot be reached on the lowest layer from one that can.
    fn connect(&mut self) {
        let size = self.settings.ef_construction as usize;
        let mut worker = Worker::default();
        let views = self.views();
        let top = views.len() - 1;
        let entry = (1..=top).rev().fold(0, |node, layer| views[layer].below(node));
        let mut reached = vec![false; self.len()];
        spread(&views[0], entry, &mut reached);
        for node in 0..self.len() as u32 {
            if !reached[node as usize] {
                self.attach(node, size, &mut worker);
                spread(&self.layers[0].view(), node, &mut reached);
            }
        }
    }

    /// Those of `nodes` that a search for their own codes does not find.
    fn missed(&self, nodes: &[u32], parallel: &dyn Parallel) -> Vec<u32> {
        let views = self.views();
        let slots: Vec<Mutex<Vec<u32>>> = nodes.chunks(TASK).map(|_| Mutex::default()).collect();
        self.each(parallel, slots.len(), &|task, worker| {
            let mut missed = Vec::new();
            for &node in nodes.chunks(TASK).nth(task).unwrap_or_default() {
                if !worker.finds(&views, node, &self.errors) {
                    missed.push(node);
                }
            }
            *slots[task].lock().unwrap_or_else(PoisonError::into_inner) = missed;
        });
        let slots = slots.into_iter();
        slots.flat_map(|slot| slot.into_inner().unwrap_or_else(PoisonError::into_inner)).collect()
    }

    /// Unless a walk with a pool of `size` finds `node`, links it from the nearest found that has room for a link. Without
    /// one, it takes the place of the last link of the nearest, and that link becomes its own: what was reachable stays so.
    fn attach(&mut self, node: u32, size: usize, worker: &mut Worker) {
        let views = self.views();
        worker.search(&views, node, size);
        let found: Vec<u32> = worker.walk.pool.entries().iter().map(|entry| entry.node()).collect();
        let capacity = views[0].shape.capacity;
        let links = |node: u32| views[0].links(node).collect::<Vec<u32>>();
        let with_room = found.iter().find(|&&host| links(host).len() < capacity);
        let Some(&host) = with_room.or(found.first()) else { return };
        if found.contains(&node) {
            return;
        }
        let mut host_links = links(host);
        let mut own = links(node);
        if !host_links.contains(&node) {
            if host_links.len() == capacity {
                let moved = host_links.pop().filter(|moved| !own.contains(moved));
                if own.len() == capacity {
                    own.pop();
                }
                own.extend(moved);
            }
            host_links.push(node);
        }
        self.layers[0].set_links(host, &host_links);
        self.layers[0].set_links(node, &own);
    }
}

impl Worker {
    /// Walks to the codes of `node`.
    fn search(&mut self, views: &[LayerView<'_>], node: u32, size: usize) {
        self.walk.query.set_coded(&views[0].codes, node);
        let entry = self.walk.descend(views, 0);
        self.walk.run(&views[0], entry, size);
    }

    /// Whether a search for its own codes meets `node`. As a search does, it takes a larger pool where the codes cannot tell
    /// the nodes of a full one apart, and stops caring at [`ALIKE_SIZE_MAX`].
    fn finds(&mut self, views: &[LayerView<'_>], node: u32, errors: &CodeErrors) -> bool {
        let mut size = CHECK_SIZE;
        loop {
            self.search(views, node, size);
            if self.walk.pool.entries().iter().any(|entry| entry.node() == node) {
                return true;
            }
            if !self.walk.is_ambiguous(&views[0], errors) {
                return false;
            }
            if size >= ALIKE_SIZE_MAX {
                return true;
            }
            size *= 2;
        }
    }
}

/// Marks what links lead to from `start`.
fn spread(layer: &LayerView<'_>, start: u32, reached: &mut [bool]) {
    let mut open = vec![start];
    reached[start as usize] = true;
    while let Some(node) = open.pop() {
        for link in layer.links(node) {
            if !reached[link as usize] {
                reached[link as usize] = true;
                open.push(link);
            }
        }
    }
}
