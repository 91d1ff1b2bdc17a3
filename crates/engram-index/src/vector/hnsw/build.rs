//! Building a graph, batch by batch.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use super::super::codes::CodeErrors;
use super::super::parallel::Parallel;
use super::layer::{Layer, LayerShape, LayerView};
use super::pool::Entry;
use super::select::Selector;
use super::settings::{HnswSettings, VECTORS_MAX};
use super::walk::Walk;

/// Nodes that are linked together. Each searches the graph as it was before the batch, and is compared with all that
/// stand before it in the batch, so a batch costs no quality.
const BATCH: usize = 256;

/// Nodes or targets of one task.
const TASK: usize = 16;

/// Builds a graph: push vectors, step until nothing is left, finish. The bytes are a function of the settings and the
/// vectors, never of the number of threads or of when the steps were made.
#[derive(Debug)]
pub struct HnswBuilder {
    pub(super) settings: HnswSettings,
    pub(super) dimension: usize,
    /// From the lowest up. The lowest has all nodes that were pushed, the others those that were linked.
    pub(super) layers: Vec<Layer>,
    /// Nodes that are part of the graph.
    pub(super) linked: usize,
    /// Nodes of the graph that this one extends.
    pub(super) resumed: usize,
    pub(super) errors: CodeErrors,
    workers: Mutex<Vec<Worker>>,
}

/// What one task works with.
#[derive(Debug, Default)]
pub(super) struct Worker {
    pub(super) walk: Walk,
    pub(super) selector: Selector,
}

/// A node of a batch on one layer.
#[derive(Clone, Debug, Default)]
struct Newcomer {
    node: u32,
    links: Vec<u32>,
}

/// A link that a newcomer wants to have from `target`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Reverse {
    layer: usize,
    target: u32,
    source: u32,
}

impl HnswBuilder {
    /// An empty graph. Panics for settings that are not valid and for dimensions outside of 1 to 4,096.
    pub fn new(settings: HnswSettings, dimension: usize) -> HnswBuilder {
        assert!(settings.is_valid(), "{settings:?}");
        assert!((1..=4096).contains(&dimension), "{dimension} components");
        let lowest = Layer::new(LayerShape::new(dimension, settings.capacity(0)));
        HnswBuilder {
            settings,
            dimension,
            layers: vec![lowest],
            linked: 0,
            resumed: 0,
            errors: CodeErrors::default(),
            workers: Mutex::default(),
        }
    }

    /// Adds a unit vector; its ordinal is the number of vectors before. Cheap: the graph grows in [`HnswBuilder::step`].
    /// Panics when the dimension differs, when a component is not finite, and above [`VECTORS_MAX`] vectors.
    pub fn push(&mut self, vector: &[f32]) {
        assert_eq!(vector.len(), self.dimension, "vector of another dimension");
        assert!(self.len() < VECTORS_MAX, "too many vectors");
        self.layers[0].push(vector, &mut self.errors);
    }

    /// Number of vectors pushed.
    pub fn len(&self) -> usize {
        self.layers[0].len
    }

    /// Whether no vector was pushed.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of vectors that are not part of the graph yet.
    pub fn left(&self) -> usize {
        self.len() - self.linked
    }

    /// Links the next whole batch of vectors, if one was pushed. Returns how many vectors that were, 0 or 256.
    pub fn step(&mut self, parallel: &dyn Parallel) -> usize {
        let count = if self.left() < BATCH { 0 } else { BATCH };
        self.link(self.linked..self.linked + count, parallel);
        count
    }

    /// Links what is left, whole batch or not.
    pub(super) fn link_rest(&mut self, parallel: &dyn Parallel) {
        while self.left() > 0 {
            let count = self.left().min(BATCH);
            self.link(self.linked..self.linked + count, parallel);
        }
    }

    /// Hands workers to `task`, one for each of the tasks that run at a time.
    pub(super) fn each(
        &self,
        parallel: &dyn Parallel,
        tasks: usize,
        task: &(dyn Fn(usize, &mut Worker) + Sync),
    ) {
        parallel.run(tasks, &|number| {
            let pool = || self.workers.lock().unwrap_or_else(PoisonError::into_inner);
            let mut worker = pool().pop().unwrap_or_default();
            task(number, &mut worker);
            pool().push(worker);
        });
    }

    pub(super) fn views(&self) -> Vec<LayerView<'_>> {
        self.layers.iter().map(Layer::view).collect()
    }

    fn link(&mut self, batch: Range<usize>, parallel: &dyn Parallel) {
        if batch.is_empty() {
            return;
        }
        // Layers that had a node before the batch: there is something to walk on.
        let walkable = self.layers.iter().take_while(|layer| layer.len > 0).count();
        let walkable = if self.linked == 0 { 0 } else { walkable };
        let newcomers = self.enter(batch.clone());
        let found = self.find(&newcomers, walkable, parallel);
        let mut reverse = Vec::new();
        for (newcomers, found) in newcomers.iter().zip(found) {
            for (layer, (&node, links)) in newcomers.iter().zip(&found).enumerate() {
                self.layers[layer].set_links(node, links);
                reverse.extend(links.iter().map(|&target| Reverse { layer, target, source: node }));
            }
        }
        reverse.sort_unstable();
        self.link_back(&reverse, parallel);
        self.linked = batch.end;
    }

    /// Enters the nodes of the batch into their layers. Returns the numbers of each node in its layers, from the lowest up.
    fn enter(&mut self, batch: Range<usize>) -> Vec<Vec<u32>> {
        batch
            .map(|ordinal| {
                let mut numbers = vec![ordinal as u32];
                for above in 1..=self.settings.level(ordinal as u32) {
                    if above == self.layers.len() {
                        let shape = LayerShape::new(self.dimension, self.settings.capacity(above));
                        self.layers.push(Layer::new(shape));
                    }
                    let (lower, upper) = self.layers.split_at_mut(above);
                    numbers.push(upper[0].push_above(&lower[above - 1], numbers[above - 1]));
                }
                numbers
            })
            .collect()
    }

    /// The links that each newcomer chooses on each of its layers.
    fn find(
        &self,
        newcomers: &[Vec<u32>],
        walkable: usize,
        parallel: &dyn Parallel,
    ) -> Vec<Vec<Vec<u32>>> {
        let views = self.views();
        let slots: Vec<Mutex<Vec<Vec<u32>>>> = newcomers.iter().map(|_| Mutex::default()).collect();
        self.each(parallel, newcomers.len().div_ceil(TASK), &|task, worker| {
            for (place, slot) in slots.iter().enumerate().skip(task * TASK).take(TASK) {
                let links = self.find_one(&views, walkable, (newcomers, place), worker);
                *slot.lock().unwrap_or_else(PoisonError::into_inner) = links;
            }
        });
        slots
            .into_iter()
            .map(|slot| slot.into_inner().unwrap_or_else(PoisonError::into_inner))
            .collect()
    }

    fn find_one(
        &self,
        views: &[LayerView<'_>],
        walkable: usize,
        (newcomers, place): (&[Vec<u32>], usize),
        worker: &mut Worker,
    ) -> Vec<Vec<u32>> {
        let own = &newcomers[place];
        let mut links = vec![Vec::new(); own.len()];
        worker.walk.query.set_coded(&views[0].codes, own[0]);
        let start = own.len().min(walkable);
        let mut entry =
            if start > 0 { worker.walk.descend(&views[..walkable], start - 1) } else { 0 };
        for layer in (0..own.len()).rev() {
            let view = &views[layer];
            let size = self.settings.ef_construction as usize;
            if layer < walkable {
                worker.walk.run(view, entry, size);
                let best = worker.walk.pool.entries().first().map_or(entry, |best| best.node());
                entry = if layer > 0 { view.below(best) } else { 0 };
            } else {
                worker.walk.pool.reset(size);
            }
            worker.walk.fresh.clear();
            let before = newcomers[..place].iter().filter_map(|numbers| numbers.get(layer));
            worker.walk.fresh.extend(before);
            worker.walk.score_fresh(view, &mut |pool, entry| pool.offer(entry));
            worker.gather_pool(view);
            worker.selector.select(view, view.codes.scale(own[layer]), self.settings.m as usize);
            links[layer].clone_from(&worker.selector.chosen);
        }
        links
    }

    /// Adds the reverse links; a node without room for all of them chooses again.
    fn link_back(&mut self, reverse: &[Reverse], parallel: &dyn Parallel) {
        let groups: Vec<&[Reverse]> =
            reverse.chunk_by(|a, b| (a.layer, a.target) == (b.layer, b.target)).collect();
        let slots: Vec<Mutex<Newcomer>> = groups.iter().map(|_| Mutex::default()).collect();
        let views = self.views();
        self.each(parallel, groups.len().div_ceil(TASK), &|task, worker| {
            for (group, slot) in groups.iter().zip(&slots).skip(task * TASK).take(TASK) {
                let (layer, node) = (group[0].layer, group[0].target);
                let sources = group.iter().map(|link| link.source);
                let links = worker.choose_again(&views[layer], node, sources);
                *slot.lock().unwrap_or_else(PoisonError::into_inner) = Newcomer { node, links };
            }
        });
        drop(views);
        for (group, slot) in groups.iter().zip(slots) {
            let update = slot.into_inner().unwrap_or_else(PoisonError::into_inner);
            self.layers[group[0].layer].set_links(update.node, &update.links);
        }
    }
}

impl Worker {
    /// Makes the nodes of the pool the candidates of the selector, with exact scores.
    pub(super) fn gather_pool(&mut self, view: &LayerView<'_>) {
        self.walk.fresh.clear();
        self.walk.fresh.extend(self.walk.pool.entries().iter().map(|entry| entry.node()));
        self.gather_fresh(view);
    }

    fn gather_fresh(&mut self, view: &LayerView<'_>) {
        let walk = &mut self.walk;
        view.codes.full(&walk.query, &walk.fresh, &mut walk.sums, &mut walk.spare);
        self.selector.candidates.clear();
        self.selector.candidates.extend(
            walk.fresh
                .iter()
                .zip(&walk.sums)
                .map(|(&node, &sum)| Entry::new(node, sum as f32 * view.codes.scale(node))),
        );
        self.selector.candidates.sort_unstable();
    }

    /// The links of `node` together with new ones, chosen again where they are too many.
    fn choose_again(
        &mut self,
        view: &LayerView<'_>,
        node: u32,
        sources: impl Iterator<Item = u32>,
    ) -> Vec<u32> {
        let mut links: Vec<u32> = view.links(node).collect();
        // A newcomer may have chosen the node and be chosen by it.
        let known = links.len();
        for source in sources {
            if !links[..known].contains(&source) {
                links.push(source);
            }
        }
        if links.len() <= view.shape.capacity {
            return links;
        }
        self.walk.query.set_coded(&view.codes, node);
        self.walk.fresh.clear();
        self.walk.fresh.append(&mut links);
        self.gather_fresh(view);
        self.selector.select(view, view.codes.scale(node), view.shape.capacity);
        links.extend_from_slice(&self.selector.chosen);
        links
    }
}
