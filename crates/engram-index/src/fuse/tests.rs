use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;

fn check(vector: &[(u64, f32)], text: &[(u64, f32)], weights: FuseWeights, expected: &Expect) {
    let mut lines = String::new();
    for result in fuse(vector, text, weights) {
        let part = |route: Option<RouteScore>| {
            route.map_or("-".to_owned(), |r| {
                format!("{:.3} -> {:.3} * {:.2}", r.raw, r.normalised, r.weight)
            })
        };
        lines += &format!(
            "{} {:.3} | {} | {}\n",
            result.key,
            result.score,
            part(result.vector),
            part(result.text)
        );
    }
    expected.assert_eq(&lines);
}

const KEYWORD: FuseWeights = FuseWeights { vector: 0.0, text: 1.0 };

#[test]
fn both_routes() {
    check(
        &[(1, 0.9), (2, 0.8), (3, 0.5)],
        &[(2, 10.0), (4, 4.0), (3, 6.0)],
        FuseWeights::default(),
        &expect![[r#"
            2 0.945 | 0.800 -> 0.864 * 0.40 | 10.000 -> 1.000 * 0.60
            3 0.505 | 0.500 -> 0.455 * 0.40 | 6.000 -> 0.538 * 0.60
            1 0.400 | 0.900 -> 1.000 * 0.40 | -
            4 0.185 | - | 4.000 -> 0.308 * 0.60
        "#]],
    );
}

#[test]
fn one_route() {
    let two = [(7, 5.0), (3, 5.0)];
    check(
        &[],
        &two,
        KEYWORD,
        &expect![[r#"
            3 1.000 | - | 5.000 -> 1.000 * 1.00
            7 1.000 | - | 5.000 -> 1.000 * 1.00
        "#]],
    );
    check(
        &[(7, 0.25)],
        &[],
        FuseWeights { vector: 2.0, text: 0.0 },
        &expect![[r#"
        7 1.000 | 0.250 -> 1.000 * 1.00 | -
    "#]],
    );
    check(&[], &[], KEYWORD, &expect![""]);
}

#[test]
fn odd_scores() {
    check(
        &[(1, f32::NAN), (2, -0.5), (3, f32::INFINITY)],
        &[(4, 1.0), (4, 3.0), (5, f32::NEG_INFINITY), (6, 0.0)],
        FuseWeights { vector: 1.0, text: 1.0 },
        &expect![[r#"
            4 0.500 | - | 3.000 -> 1.000 * 0.50
            2 0.000 | -0.500 -> 0.000 * 0.50 | -
            6 0.000 | - | 0.000 -> 0.000 * 0.50
        "#]],
    );
    // The order of a route survives when every cosine is negative.
    check(
        &[(1, -0.2), (2, -0.9)],
        &[],
        FuseWeights { vector: 1.0, text: 0.0 },
        &expect![[r#"
            1 1.000 | -0.200 -> 1.000 * 1.00 | -
            2 0.000 | -0.900 -> 0.000 * 1.00 | -
        "#]],
    );
}

#[test]
#[should_panic(expected = "weights must be finite")]
fn weights_must_not_both_be_zero() {
    fuse(&[], &[], FuseWeights { vector: 0.0, text: 0.0 });
}

fn route() -> impl Strategy<Value = Vec<(u64, f32)>> {
    prop::collection::vec((0_u64..30, -1.0_f32..40.0), 0..40)
}

proptest! {
    #[test]
    fn parts_explain_the_score(
        vector in route(), text in route(), a in 0.0_f32..2.0, b in 0.01_f32..2.0, turn in 0_usize..40,
    ) {
        let weights = FuseWeights { vector: a, text: b };
        let results = fuse(&vector, &text, weights);
        for result in &results {
            prop_assert!((0.0..=1.0).contains(&result.score));
            let parts = [result.vector, result.text].map(|r| r.map_or(0.0, |r| r.contribution));
            prop_assert_eq!(parts[0] + parts[1], result.score);
            for part in [result.vector, result.text].into_iter().flatten() {
                prop_assert_eq!(part.weight * part.normalised, part.contribution);
                prop_assert!((0.0..=1.0).contains(&part.normalised));
            }
        }
        let in_order = |x: &Fused, y: &Fused| x.score > y.score || (x.score == y.score && x.key < y.key);
        prop_assert!(results.windows(2).all(|pair| in_order(&pair[0], &pair[1])));
        let turned = |mut list: Vec<(u64, f32)>| {
            let by = if list.is_empty() { 0 } else { turn % list.len() };
            list.rotate_left(by);
            list
        };
        prop_assert_eq!(fuse(&turned(vector), &turned(text), weights), results);
    }

    #[test]
    fn one_route_keeps_its_order(scores in prop::collection::vec(-100_i16..100, 1..40)) {
        let route: Vec<(u64, f32)> =
            (0..).zip(scores).map(|(key, score)| (key, f32::from(score) / 100.0)).collect();
        let mut expected = route.clone();
        expected.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let weights = FuseWeights { vector: 1.0, text: 0.0 };
        let found: Vec<u64> = fuse(&route, &[], weights).iter().map(|result| result.key).collect();
        prop_assert_eq!(found, expected.iter().map(|entry| entry.0).collect::<Vec<_>>());
    }
}
