//! The memories of each session in the order in which they happened.

use std::collections::{BTreeSet, HashMap};

use crate::model::Memory;

/// Time in ns, node of the first version, node.
type Place = (i64, u32, u32);

/// Sessions by name. What is deleted stays until somebody looks at it.
#[derive(Default)]
pub(crate) struct Sessions {
    places: HashMap<String, BTreeSet<Place>>,
}

impl Sessions {
    /// Adds a memory that belongs to a session; others are ignored. `nodes` are that of its first version and its own.
    pub(crate) fn insert(&mut self, session: &str, happened_at: i64, nodes: (u32, u32)) {
        if session.is_empty() {
            return;
        }
        let place = (happened_at, nodes.0, nodes.1);
        match self.places.get_mut(session) {
            Some(places) => {
                places.insert(place);
            }
            None => {
                self.places.insert(session.to_owned(), BTreeSet::from([place]));
            }
        }
    }

    /// The nearest nodes before and after a memory in its session that `lives` lets pass. Others are dropped.
    pub(crate) fn beside(
        &mut self,
        memory: &Memory,
        nodes: (u32, u32),
        lives: &dyn Fn(u32) -> bool,
    ) -> (Option<u32>, Option<u32>) {
        let Some(places) = self.places.get_mut(&memory.content.session) else {
            return (None, None);
        };
        let place = (memory.happened_at(), nodes.0, nodes.1);
        let mut gone = Vec::new();
        let mut living = |found: &mut dyn Iterator<Item = &Place>| {
            for other in found {
                if lives(other.2) {
                    return Some(other.2);
                }
                gone.push(*other);
            }
            None
        };
        let before = living(&mut places.range(..place).rev());
        let after = living(&mut places.range(place..).skip_while(|other| **other == place));
        for place in gone {
            places.remove(&place);
        }
        (before, after)
    }
}
