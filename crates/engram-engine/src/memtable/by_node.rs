//! A map by node that shares with its copies all but what changes.
//!
//! Nodes are given out one after the other, so a value is found by its place: two steps, no hash. A change copies a page of
//! [`PAGE_NODES`] values and the branch that it hangs on, unless nobody shares them.

use std::sync::Arc;

/// Nodes whose values lie in one piece of memory and are copied together.
const PAGE_NODES: usize = 32;
/// Pages of a branch.
const BRANCH_PAGES: usize = 128;
const BRANCH_NODES: usize = PAGE_NODES * BRANCH_PAGES;
/// What an allocation that is shared costs next to what it holds: two counts and the allocator's own.
const SHARED_BYTES: usize = 32;

type Page<T> = [Option<T>; PAGE_NODES];
type Branch<T> = [Option<Arc<Page<T>>>; BRANCH_PAGES];

/// Values by node, always listed by ascending node.
#[derive(Clone, Debug)]
pub(crate) struct ByNode<T> {
    /// Shared as well: a copy that nothing changes costs one count.
    branches: Arc<Vec<Option<Arc<Branch<T>>>>>,
    len: usize,
    /// Branches and pages that are there.
    allocated: (usize, usize),
}

impl<T> Default for ByNode<T> {
    fn default() -> ByNode<T> {
        ByNode { branches: Arc::default(), len: 0, allocated: (0, 0) }
    }
}

impl<T> ByNode<T> {
    #[inline]
    pub(crate) fn get(&self, node: u32) -> Option<&T> {
        let node = node as usize;
        let branch = self.branches.get(node / BRANCH_NODES)?.as_ref()?;
        let page = branch[node / PAGE_NODES % BRANCH_PAGES].as_ref()?;
        page[node % PAGE_NODES].as_ref()
    }

    pub(crate) fn contains(&self, node: u32) -> bool {
        self.get(node).is_some()
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All values with their nodes, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        self.from(0)
    }

    /// The values from a node on, ascending.
    pub(crate) fn from(&self, first: u32) -> impl Iterator<Item = (u32, &T)> {
        let branches = self.branches.iter().enumerate().skip(first as usize / BRANCH_NODES);
        let branches = branches.filter_map(|(at, branch)| Some((at, branch.as_ref()?)));
        let pages = branches.flat_map(|(at, branch)| {
            let pages = branch.iter().enumerate();
            pages.filter_map(move |(page, own)| Some((at * BRANCH_PAGES + page, own.as_ref()?)))
        });
        let values = pages.flat_map(|(at, page)| {
            let values = page.iter().enumerate();
            values.filter_map(move |(place, value)| {
                Some(((at * PAGE_NODES + place) as u32, value.as_ref()?))
            })
        });
        values.skip_while(move |(node, _)| *node < first)
    }

    /// All nodes that have a value, ascending.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = u32> {
        self.iter().map(|(node, _)| node)
    }

    /// Bytes held on the heap, without what the values hold there; what is shared with copies counts for each.
    pub(crate) fn heap_bytes(&self) -> usize {
        let (branches, pages) = self.allocated;
        self.branches.capacity() * size_of::<usize>()
            + branches * (size_of::<Branch<T>>() + SHARED_BYTES)
            + pages * (size_of::<Page<T>>() + SHARED_BYTES)
    }
}

impl<T: Clone> ByNode<T> {
    /// Sets a value; what stood there before.
    pub(crate) fn insert(&mut self, node: u32, value: T) -> Option<T> {
        let node = node as usize;
        let at = node / BRANCH_NODES;
        let all = Arc::make_mut(&mut self.branches);
        if at >= all.len() {
            all.resize(at + 1, None);
        }
        let (branches, pages) = &mut self.allocated;
        let branch = all[at].get_or_insert_with(|| {
            *branches += 1;
            Arc::new([const { None }; BRANCH_PAGES])
        });
        let page =
            Arc::make_mut(branch)[node / PAGE_NODES % BRANCH_PAGES].get_or_insert_with(|| {
                *pages += 1;
                Arc::new([const { None }; PAGE_NODES])
            });
        let before = Arc::make_mut(page)[node % PAGE_NODES].replace(value);
        self.len += usize::from(before.is_none());
        before
    }

    /// Takes a value out.
    pub(crate) fn remove(&mut self, node: u32) -> Option<T> {
        // Asked first: nothing is copied for a value that is not there.
        self.get(node)?;
        let node = node as usize;
        let slot = &mut Arc::make_mut(&mut self.branches)[node / BRANCH_NODES];
        let branch = Arc::make_mut(slot.as_mut()?);
        let hold = &mut branch[node / PAGE_NODES % BRANCH_PAGES];
        let page = Arc::make_mut(hold.as_mut()?);
        let value = page[node % PAGE_NODES].take();
        self.len -= 1;
        if page.iter().all(Option::is_none) {
            *hold = None;
            self.allocated.1 -= 1;
            if branch.iter().all(Option::is_none) {
                *slot = None;
                self.allocated.0 -= 1;
            }
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_sorted_map_and_copies_keep_what_they_had(
            changes in prop::collection::vec((0_u32..20_000, prop::option::of(any::<u16>())), 0..300),
            copied_at in 0_usize..300,
        ) {
            let (mut own, mut model) = (ByNode::default(), BTreeMap::new());
            let mut copy = None;
            for (step, (node, value)) in changes.into_iter().enumerate() {
                if step == copied_at {
                    copy = Some((own.clone(), model.clone()));
                }
                // Near nodes share pages.
                let node = if step % 2 == 0 { node } else { node % 100 };
                match value {
                    Some(value) => prop_assert_eq!(own.insert(node, value), model.insert(node, value)),
                    None => prop_assert_eq!(own.remove(node), model.remove(&node)),
                }
            }
            for (own, model) in [(own, model)].into_iter().chain(copy) {
                prop_assert_eq!(own.len(), model.len());
                prop_assert!(own.from(50).map(|(node, _)| node).eq(model.range(50..).map(|(node, _)| *node)));
                let listed: Vec<(u32, u16)> = own.iter().map(|(node, value)| (node, *value)).collect();
                prop_assert!(listed.iter().copied().eq(model.iter().map(|(node, value)| (*node, *value))));
                for (node, value) in &model {
                    prop_assert_eq!(own.get(*node), Some(value));
                }
                prop_assert!(!own.contains(20_000) && !own.contains(u32::MAX));
                prop_assert_eq!(own.allocated.1 == 0, model.is_empty());
            }
        }
    }

    #[test]
    fn what_is_near_is_cheap() {
        let mut own = ByNode::default();
        for node in 0..100_000_u32 {
            own.insert(node, node);
        }
        assert!(own.heap_bytes() < 100_000 * 10, "{}", own.heap_bytes());
        for node in 0..100_000 {
            own.remove(node);
        }
        assert!(own.is_empty() && own.allocated == (0, 0));
    }
}
