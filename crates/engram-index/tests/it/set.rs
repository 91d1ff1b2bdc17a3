//! Sets of ordinals against the set of the standard library.

use std::collections::BTreeSet;

use engram_index::Bitmap;
use proptest::prelude::*;

/// Ordinals that lie in few containers, close together (bits) or far apart (arrays), and at both ends of the range.
fn ordinals() -> impl Strategy<Value = Vec<u32>> {
    let dense = (0_u32..3, 0_u32..60_000, 1_u32..9_000)
        .prop_map(|(part, start, len)| (start..start + len).map(|v| part << 16 | v).collect());
    let sparse = prop::collection::vec(0_u32..400_000, 0..80);
    let ends = prop::collection::vec(prop_oneof![0_u32..3, u32::MAX - 2..=u32::MAX], 0..4);
    prop::collection::vec(prop_oneof![dense, sparse, ends], 0..4).prop_map(|lists| lists.concat())
}

fn same(set: &Bitmap, model: &BTreeSet<u32>) -> Result<(), TestCaseError> {
    prop_assert_eq!(set.len(), model.len() as u64);
    prop_assert_eq!(set.is_empty(), model.is_empty());
    prop_assert!(set.iter().eq(model.iter().copied()));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn operations_equal_those_of_a_plain_set(a in ordinals(), b in ordinals()) {
        let (left, right) = (Bitmap::from_ordinals(&a), Bitmap::from_iter(b.iter().copied()));
        let (a, b) = (BTreeSet::from_iter(a), BTreeSet::from_iter(b));
        same(&left, &a)?;
        same(&right, &b)?;
        same(&left.and(&right), &a.intersection(&b).copied().collect())?;
        same(&left.or(&right), &a.union(&b).copied().collect())?;
        same(&left.and_not(&right), &a.difference(&b).copied().collect())?;
        prop_assert_eq!(left.and_len(&right), a.intersection(&b).count() as u64);
        for &ordinal in a.iter().chain(&b) {
            prop_assert_eq!(left.contains(ordinal), a.contains(&ordinal));
        }
    }

    #[test]
    fn changes_one_by_one_lead_to_the_same_set(
        steps in prop::collection::vec((0_u32..3, 0_u32..3_000, 0_u32..6_000), 0..12),
    ) {
        let (mut set, mut model) = (Bitmap::new(), BTreeSet::new());
        for (kind, start, len) in steps {
            let before = set.clone();
            let before_model = model.clone();
            for ordinal in (start..start + len).map(|ordinal| ordinal + 63_000) {
                if kind == 0 {
                    prop_assert_eq!(set.remove(ordinal), model.remove(&ordinal));
                } else {
                    prop_assert_eq!(set.insert(ordinal), model.insert(ordinal));
                }
            }
            same(&before, &before_model)?;
            same(&set, &model)?;
            let built: Bitmap = model.iter().copied().collect();
            prop_assert_eq!(&set, &built, "the form follows from the content");
        }
    }
}

#[test]
fn ranges_from_zero() {
    for end in [0, 1, 63, 64, 65, 4_096, 4_097, 65_536, 65_537, 200_000] {
        let set = Bitmap::below(end);
        assert!(set.iter().eq(0..end), "{end}");
        assert_eq!(set, Bitmap::from_iter(0..end));
    }
}
