//! Columns of fields against a test of one document after the other.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::sync::LazyLock;

use engram_index::{
    Bitmap, ColumnPart, FieldTest, FieldValue, KeywordColumn, LikePattern, MetadataColumn,
    MetadataWriter, RangeColumn,
};
use proptest::prelude::*;

static PATTERNS: LazyLock<[LikePattern; 3]> =
    LazyLock::new(|| ["%", "a%", "_"].map(LikePattern::new));

type Value = FieldValue<'static>;
type Document = Vec<(&'static str, Value)>;

fn name() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["", "a", "b", "ab", "a.b", "\0"])
}

fn value() -> impl Strategy<Value = Value> {
    const EDGE: i64 = 1 << 53;
    let int = prop::sample::select(vec![-1, 0, 1, 2, EDGE, EDGE + 1, i64::MIN, i64::MAX]);
    let float = prop::sample::select(vec![
        -1.0,
        -0.0,
        0.0,
        0.5,
        1.0,
        EDGE as f64,
        1e300,
        -1e300,
        i64::MIN as f64,
        f64::INFINITY,
        f64::NAN,
    ]);
    let leaf = prop_oneof![
        Just(FieldValue::Null),
        any::<bool>().prop_map(FieldValue::Bool),
        int.prop_map(FieldValue::Int),
        float.prop_map(FieldValue::Float),
        name().prop_map(FieldValue::Text),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(FieldValue::List),
            entries(inner).prop_map(FieldValue::Map),
        ]
    })
}

fn entries(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Document> {
    prop::collection::btree_map(name(), value, 0..3).prop_map(|map| map.into_iter().collect())
}

/// Some documents have none, and so does the end.
fn documents() -> impl Strategy<Value = Vec<Option<Document>>> {
    prop::collection::vec(prop::option::weighted(0.9, entries(value())), 0..24)
}

fn test() -> impl Strategy<Value = FieldTest<'static>> {
    prop_oneof![
        value().prop_map(FieldTest::Equal),
        value().prop_map(FieldTest::NotEqual),
        value().prop_map(FieldTest::Less),
        value().prop_map(FieldTest::AtMost),
        value().prop_map(FieldTest::Greater),
        value().prop_map(FieldTest::AtLeast),
        prop::collection::vec(value(), 0..4).prop_map(FieldTest::In),
        (0..PATTERNS.len()).prop_map(|n| FieldTest::Like(&PATTERNS[n])),
        Just(FieldTest::Exists),
        Just(FieldTest::Missing),
    ]
}

fn lookup<'a>(document: &'a [(&str, Value)], path: &[&str]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    let value = &document.iter().find(|entry| entry.0 == *first)?.1;
    match value {
        value if rest.is_empty() => Some(value),
        FieldValue::Map(inner) => lookup(inner, rest),
        _ => None,
    }
}

/// Exact order by way of 128-bit integers: every float here is whole, a half, or far beyond i64.
fn order(left: &Value, right: &Value) -> Option<Ordering> {
    let doubled = |value: &Value| match value {
        FieldValue::Int(int) => Some(i128::from(*int) * 2),
        FieldValue::Float(float) if float.is_nan() => None,
        FieldValue::Float(float) => Some((float * 2.0) as i128),
        _ => None,
    };
    match (left, right) {
        (FieldValue::Float(a), FieldValue::Float(b)) => a.partial_cmp(b),
        (FieldValue::Text(a), FieldValue::Text(b)) => Some(a.as_bytes().cmp(b.as_bytes())),
        _ => Some(doubled(left)?.cmp(&doubled(right)?)),
    }
}

fn holds(test: &FieldTest<'static>, found: Option<&Value>) -> bool {
    let any = |passes: &dyn Fn(&Value) -> bool| match found {
        Some(list @ FieldValue::List(elements)) => passes(list) || elements.iter().any(passes),
        Some(value) => passes(value),
        None => false,
    };
    let equal = |a: &Value, b: &Value| order(a, b).map_or_else(|| a == b, Ordering::is_eq);
    let compares = |wanted: &Value, passes: fn(Ordering) -> bool| {
        any(&|value| order(value, wanted).is_some_and(passes))
    };
    match test {
        FieldTest::Equal(wanted) => any(&|value| equal(value, wanted)),
        FieldTest::NotEqual(wanted) => !any(&|value| equal(value, wanted)),
        FieldTest::In(wanted) => any(&|value| wanted.iter().any(|wanted| equal(value, wanted))),
        FieldTest::Less(wanted) => compares(wanted, Ordering::is_lt),
        FieldTest::AtMost(wanted) => compares(wanted, Ordering::is_le),
        FieldTest::Greater(wanted) => compares(wanted, Ordering::is_gt),
        FieldTest::AtLeast(wanted) => compares(wanted, Ordering::is_ge),
        FieldTest::Like(pattern) => {
            any(&|value| matches!(value, FieldValue::Text(text) if pattern.matches(text)))
        }
        FieldTest::Exists => found.is_some(),
        FieldTest::Missing => found.is_none(),
    }
}

fn column(documents: &[Option<Document>]) -> MetadataColumn {
    let mut writer = MetadataWriter::new();
    for (ordinal, document) in (0_u32..).zip(documents) {
        if let Some(document) = document {
            writer.add(ordinal, document);
        }
    }
    writer.finish(documents.len() as u32)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn metadata_equals_a_test_of_each_document(
        documents in documents(),
        path in prop::collection::vec(name(), 0..3),
        test in test(),
    ) {
        let column = column(&documents);
        let expected: Vec<u32> = (0_u32..)
            .zip(&documents)
            .filter(|(_, document)| {
                holds(&test, document.as_ref().and_then(|document| lookup(document, &path)))
            })
            .map(|(ordinal, _)| ordinal)
            .collect();
        let found = column.matching(&path, &test);
        prop_assert!(found.iter().eq(expected.iter().copied()), "{:?} {:?}", found, expected);
        prop_assert!(column.count_max(&path, &test) >= found.len());
    }

    #[test]
    fn merged_columns_equal_those_built_at_once(
        documents in documents(),
        cut in any::<prop::sample::Index>(),
        dropped in 0_u32..5,
        pairs in prop::collection::vec((0_u32..40, -5_i64..5), 0..60),
    ) {
        // The second part comes first; every fifth document is dropped.
        let cut = cut.index(documents.len() + 1);
        let (first, second) = documents.split_at(cut);
        let kept = |place: usize| place as u32 % 5 != dropped;
        let order: Vec<usize> =
            (cut..documents.len()).chain(0..cut).filter(|&place| kept(place)).collect();
        let new = |place: usize| order.iter().position(|&p| p == place).map(|p| p as u32);
        let merged: Vec<Option<Document>> =
            order.iter().map(|&place| documents[place].clone()).collect();
        let of_first = |ordinal: u32| new(ordinal as usize);
        let of_second = |ordinal: u32| new(ordinal as usize + cut);
        let (a, b) = (column(first), column(second));
        let parts: [ColumnPart<'_, MetadataColumn>; 2] = [(&b, &of_second), (&a, &of_first)];
        prop_assert_eq!(MetadataColumn::merge(&parts, order.len() as u32), column(&merged));

        let half = |first: bool| {
            pairs.iter().copied().filter(move |pair| (pair.0 < 20) == first).collect::<Vec<_>>()
        };
        let (a, b) = (RangeColumn::build(half(true)), RangeColumn::build(half(false)));
        let keep = |ordinal: u32| (ordinal % 5 != dropped).then_some(ordinal + 7);
        let remapped = || pairs.iter().filter_map(|pair| Some((keep(pair.0)?, pair.1)));
        prop_assert_eq!(
            RangeColumn::merge(&[(&b, &keep), (&a, &keep)]),
            RangeColumn::build(remapped())
        );
        let words = |pairs: &[(u32, i64)]| {
            let words: Vec<(u32, String)> =
                pairs.iter().map(|pair| (pair.0, "x".repeat(pair.1.unsigned_abs() as usize))).collect();
            KeywordColumn::build(words.iter().map(|pair| (pair.0, pair.1.as_bytes())))
        };
        let (a, b) = (words(&half(true)), words(&half(false)));
        prop_assert_eq!(
            KeywordColumn::merge(&[(&a, &keep), (&b, &keep)]),
            words(&remapped().collect::<Vec<_>>())
        );
    }

    #[test]
    fn ranges_equal_a_scan(
        pairs in prop::collection::vec((0_u32..50, -9_i64..9), 0..80),
        from in prop::option::of(-10_i64..10),
        until in prop::option::of(-10_i64..10),
    ) {
        let column = RangeColumn::build(pairs.iter().copied());
        let inside: BTreeSet<(u32, i64)> = pairs
            .iter()
            .copied()
            .filter(|pair| from.is_none_or(|from| from <= pair.1))
            .filter(|pair| until.is_none_or(|until| pair.1 < until))
            .collect();
        let expected: Bitmap = inside.iter().map(|pair| pair.0).collect();
        prop_assert_eq!(column.range(from, until), expected);
        prop_assert_eq!(column.count(from, until), inside.len() as u64);
        let values = || pairs.iter().map(|pair| pair.1);
        prop_assert_eq!(column.bounds(), values().min().zip(values().max()));
    }

    #[test]
    fn keywords_equal_a_scan(
        pairs in prop::collection::vec((0_u32..50, "[ab]{0,2}"), 0..80),
        wanted in prop::collection::vec("[ab]{0,3}", 0..4),
    ) {
        let column = KeywordColumn::build(pairs.iter().map(|p| (p.0, p.1.as_bytes())));
        let having = |words: &[String]| -> Bitmap {
            pairs.iter().filter(|pair| words.contains(&pair.1)).map(|pair| pair.0).collect()
        };
        let bytes: Vec<&[u8]> = wanted.iter().map(|word| word.as_bytes()).collect();
        prop_assert_eq!(column.any(&bytes), having(&wanted));
        for word in &wanted {
            let one = having(std::slice::from_ref(word));
            prop_assert_eq!(column.equal(word.as_bytes()), one);
        }
        let listed: u64 = column.values().map(|(_, count)| count).sum();
        prop_assert_eq!(listed, pairs.iter().collect::<BTreeSet<_>>().len() as u64);
    }
}

#[test]
fn heap_bytes_are_those_of_the_content() {
    let keywords = KeywordColumn::build([(0, &b"red"[..]), (1, b"red"), (1, b"blue")]);
    assert_eq!(keywords.heap_bytes(), 7 + 4 * (2 + 3 + 2));
    // The frame of one block of equal numbers, and the padding behind it; the ordinals follow each other.
    assert_eq!(RangeColumn::build([(0, 5), (1, 5)]).heap_bytes(), 16 + 8);
    let of_half = RangeColumn::build((0..1_000).map(|n| (n, i64::from(n / 2))));
    assert!(of_half.heap_bytes() < 1_000, "{}", of_half.heap_bytes());
    assert_eq!(column(&[]).heap_bytes(), 0);
    assert!(column(&[Some(vec![("a", FieldValue::Int(1))])]).heap_bytes() > 24);
}
