//! The memories that state the same attribute of the same subject, in the order in which their statements begin to hold.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::search::Saying;

/// From when on it holds, ns; node of the first version, node.
pub(crate) type ClaimPlace = (i64, u32, u32);

/// Statements about one attribute that one new statement is compared with, on either side of it.
pub(crate) const CLAIMS_BESIDE_MAX: usize = 256;
/// Statements on either side that are looked at in all: those that are trusted less count for themselves, so that few of them hide nothing.
const CLAIMS_SEEN_MAX: usize = 16 * CLAIMS_BESIDE_MAX;

/// Statements by what they are about. What is deleted stays until somebody looks at it.
#[derive(Default)]
pub(crate) struct Claims {
    places: HashMap<String, BTreeSet<ClaimPlace>>,
    /// What the statements say, where somebody asked for it, by node.
    stated: BTreeMap<u32, Stated>,
}

/// What is said, and how far whoever says it is trusted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Stated {
    /// Equal for those that say the same.
    pub(crate) value: Saying,
    /// In [0, 1].
    pub(crate) trust: f32,
}

impl Stated {
    /// Whether a later statement of this takes the place of an earlier one: it says something else, and is trusted as much.
    pub(crate) fn supersedes(self, earlier: Stated) -> bool {
        self.value != earlier.value && self.trust >= earlier.trust
    }
}

/// A statement beside another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Claim {
    pub(crate) node: u32,
    pub(crate) stated: Stated,
}

/// The most trusted of some statements: all that decides whether one of them supersedes another one.
#[derive(Default)]
pub(crate) struct MostTrusted {
    first: Option<Stated>,
    /// The most trusted of those that say something else.
    second: Option<Stated>,
}

impl MostTrusted {
    pub(crate) fn add(&mut self, stated: Stated) {
        let Some(first) = self.first else {
            self.first = Some(stated);
            return;
        };
        let is_more = stated.trust > first.trust;
        if stated.value != first.value {
            let other = if is_more { first } else { stated };
            if is_more || self.second.is_none_or(|second| other.trust > second.trust) {
                self.second = Some(other);
            }
        }
        if is_more {
            self.first = Some(stated);
        }
    }

    /// Whether one of them supersedes it.
    pub(crate) fn supersede(&self, earlier: Stated) -> bool {
        let says_else = |stated: &Stated| stated.value != earlier.value;
        let strongest = self.first.filter(says_else).or(self.second);
        strongest.is_some_and(|strongest| strongest.supersedes(earlier))
    }

    /// Whether one of them supersedes it, whatever it is.
    pub(crate) fn supersede_all(&self) -> bool {
        self.second.is_some_and(|second| second.trust >= 1.0)
    }
}

impl Claims {
    /// Adds a memory that states something.
    pub(crate) fn insert(&mut self, claim: String, place: ClaimPlace) {
        self.places.entry(claim).or_default().insert(place);
    }

    /// The living statements before a place, nearest first, and those behind it, of one that is trusted so far. `stated` says what one states; none = nothing.
    pub(crate) fn beside(
        &mut self,
        (claim, place, trust): (&str, ClaimPlace, f32),
        lives: &dyn Fn(u32) -> bool,
        stated: &dyn Fn(u32) -> Option<Stated>,
    ) -> (Vec<Claim>, Vec<Claim>) {
        let Some(places) = self.places.get_mut(claim) else { return (Vec::new(), Vec::new()) };
        let known = &mut self.stated;
        let mut gone = Vec::new();
        let mut living = |found: &mut dyn Iterator<Item = &ClaimPlace>| {
            let mut claims = Vec::new();
            // Of those that are trusted less, and of the others.
            let mut left = [CLAIMS_BESIDE_MAX; 2];
            for other in found.take(CLAIMS_SEEN_MAX) {
                if !lives(other.2) {
                    gone.push(*other);
                    continue;
                }
                let Some(stated) = known.get(&other.2).copied().or_else(|| stated(other.2)) else {
                    continue;
                };
                known.insert(other.2, stated);
                let sort = usize::from(stated.trust >= trust);
                if left == [0, 0] {
                    break;
                }
                if left[sort] > 0 {
                    left[sort] -= 1;
                    claims.push(Claim { node: other.2, stated });
                }
            }
            claims
        };
        let before = living(&mut places.range(..place).rev());
        let after = living(&mut places.range(place..).skip_while(|other| **other == place));
        for place in gone {
            places.remove(&place);
            known.remove(&place.2);
        }
        (before, after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stated(value: &str, trust: f32) -> Stated {
        Stated { value: Saying::of(value).unwrap(), trust }
    }

    #[test]
    fn the_most_trusted_decide_as_all_of_them_would() {
        let all: Vec<Stated> = ["tea", "milk", "rum"]
            .into_iter()
            .flat_map(|value| [0.0, 0.5, 1.0].map(|trust| stated(value, trust)))
            .collect();
        for first in &all {
            for second in &all {
                for third in &all {
                    let some = [*first, *second, *third];
                    let mut most = MostTrusted::default();
                    some.iter().for_each(|one| most.add(*one));
                    for earlier in &all {
                        let any = some.iter().any(|later| later.supersedes(*earlier));
                        assert_eq!(most.supersede(*earlier), any, "{some:?} {earlier:?}");
                    }
                    let every =
                        all.iter().all(|earlier| some.iter().any(|one| one.supersedes(*earlier)));
                    assert!(every || !most.supersede_all(), "{some:?}");
                }
            }
        }
    }
}
