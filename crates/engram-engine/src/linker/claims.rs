//! The memories that state the same attribute of the same subject, in the order in which their statements begin to hold.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::search::Saying;

/// From when on it holds, ns; node of the first version, node.
pub(crate) type ClaimPlace = (i64, u32, u32);

/// Statements about one attribute that one new statement is compared with, on either side of it.
pub(crate) const CLAIMS_BESIDE_MAX: usize = 256;

/// Statements by what they are about. What is deleted stays until somebody looks at it.
#[derive(Default)]
pub(crate) struct Claims {
    places: HashMap<String, BTreeSet<ClaimPlace>>,
    /// What the statements say, where somebody asked for it, by node.
    values: BTreeMap<u32, Saying>,
}

/// A statement beside another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    pub(crate) node: u32,
    /// Equal for those that say the same.
    pub(crate) value: Saying,
}

impl Claims {
    /// Adds a memory that states something.
    pub(crate) fn insert(&mut self, claim: String, place: ClaimPlace) {
        self.places.entry(claim).or_default().insert(place);
    }

    /// The living statements before a place, nearest first, and those behind it. `value` says what one states; none = nothing.
    pub(crate) fn beside(
        &mut self,
        (claim, place): (&str, ClaimPlace),
        lives: &dyn Fn(u32) -> bool,
        value: &dyn Fn(u32) -> Option<Saying>,
    ) -> (Vec<Claim>, Vec<Claim>) {
        let Some(places) = self.places.get_mut(claim) else { return (Vec::new(), Vec::new()) };
        let values = &mut self.values;
        let mut gone = Vec::new();
        let mut living = |found: &mut dyn Iterator<Item = &ClaimPlace>| {
            let mut claims = Vec::new();
            for other in found.take(CLAIMS_BESIDE_MAX) {
                if !lives(other.2) {
                    gone.push(*other);
                    continue;
                }
                if let Some(value) = values.get(&other.2).copied().or_else(|| value(other.2)) {
                    values.insert(other.2, value);
                    claims.push(Claim { node: other.2, value });
                }
            }
            claims
        };
        let before = living(&mut places.range(..place).rev());
        let after = living(&mut places.range(place..).skip_while(|other| **other == place));
        for place in gone {
            places.remove(&place);
            values.remove(&place.2);
        }
        (before, after)
    }
}
