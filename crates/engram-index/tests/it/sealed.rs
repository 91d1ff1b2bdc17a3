//! Structures as bytes: what was written opens to the same answers, and no bytes at all make opening panic.

use std::fmt::Debug;

use engram_index::{
    AlignedBytes, Analyzer, Bitmap, ColumnPart, Edge, EdgeType, EdgeWeight, FieldTest, FieldValue,
    FlatVectors, FlatWriter, Graph, GraphBlock, HnswBuilder, HnswScratch, HnswSettings,
    IndexDamage, KeywordColumn, Language, MetadataColumn, MetadataWriter, QuantisedVectors,
    RangeColumn, RowMajor, ScanScratch, SearchRoute, Serial, TitleMatcher, VectorFilter,
    VectorQuery, VectorRows, normalise,
};
use proptest::prelude::*;

/// Bytes that were cut anywhere are refused; bytes with a changed bit are refused, or open to something that `read` may ask
/// anything without a panic.
fn survives<T, E>(bytes: &[u8], open: impl Fn(&[u8]) -> Result<T, E>, read: impl Fn(&T)) {
    assert!(open(bytes).is_ok());
    let step = (bytes.len() / 100).max(1);
    for len in (0..bytes.len().min(200)).chain((0..bytes.len()).step_by(step)) {
        assert!(open(&bytes[..len]).is_err(), "cut to {len} of {}", bytes.len());
    }
    let longer = [bytes, &[0][..]].concat();
    assert!(open(&longer).is_err(), "a byte more");
    let mut changed = bytes.to_vec();
    for at in (0..bytes.len().min(250)).chain((0..bytes.len()).step_by(step)) {
        for mask in [1, 0x80] {
            changed[at] ^= mask;
            if let Ok(opened) = open(&changed) {
                read(&opened);
            }
            changed[at] ^= mask;
        }
    }
}

fn reopened<T: PartialEq + Debug>(
    built: &T,
    bytes: &[u8],
    open: impl Fn(&[u8]) -> Result<T, IndexDamage>,
) -> T {
    let opened = open(bytes).expect("just written");
    assert_eq!(&opened, built);
    opened
}

/// Pairs of ordinal and word; one word is in many documents.
fn words() -> impl Strategy<Value = Vec<(u32, String)>> {
    let few = prop::collection::vec((0_u32..9_000, "[ab]{0,2}"), 0..60);
    let many = prop::option::of((0_u32..3_000, 3_900_u32..4_300));
    (few, many).prop_map(|(mut pairs, many)| {
        let (start, len) = many.unwrap_or((0, 0));
        pairs.extend((start..start + len).map(|ordinal| (ordinal, "a".to_owned())));
        pairs
    })
}

fn keywords(pairs: &[(u32, String)]) -> KeywordColumn {
    KeywordColumn::build(pairs.iter().map(|(ordinal, word)| (*ordinal, word.as_bytes())))
}

/// In order, nearly so, or not at all.
fn numbers() -> impl Strategy<Value = Vec<(u32, i64)>> {
    let any_number = prop_oneof![any::<i64>(), -3_i64..3];
    let without_order = prop::collection::vec((0_u32..900, any_number), 0..300);
    let in_order = (any::<u32>(), prop::collection::vec(0_i64..5, 0..300));
    let in_order = in_order.prop_map(|(first, gaps)| {
        let mut sum = -50;
        let first = first.min(u32::MAX - 299);
        let values = gaps.into_iter().map(|gap| {
            sum += gap;
            sum * 1_000
        });
        (first..=u32::MAX).zip(values).collect()
    });
    prop_oneof![without_order, in_order]
}

fn metadata(values: &[(u8, i64)]) -> MetadataColumn {
    let mut writer = MetadataWriter::new();
    for (ordinal, (sort, number)) in (0_u32..).zip(values) {
        let text = number.to_string();
        let value = match sort {
            0 => FieldValue::Int(*number),
            1 => FieldValue::Float(*number as f64 / 4.0),
            2 => FieldValue::Text(&text),
            3 => FieldValue::List(vec![FieldValue::Int(*number), FieldValue::Text(&text)]),
            4 => FieldValue::Map(vec![("inner", FieldValue::Int(*number))]),
            5 => FieldValue::Null,
            _ => continue,
        };
        writer.add(ordinal, &[("field", value)]);
    }
    writer.finish(values.len() as u32)
}

fn ask_metadata(column: &MetadataColumn) {
    let values =
        [FieldValue::Int(1), FieldValue::Float(-0.5), FieldValue::Text("1"), FieldValue::Null];
    for value in values {
        for path in [&["field"][..], &["field", "inner"]] {
            for test in [
                FieldTest::Equal(value.clone()),
                FieldTest::NotEqual(value.clone()),
                FieldTest::Less(value.clone()),
                FieldTest::AtLeast(value.clone()),
                FieldTest::Missing,
            ] {
                assert!(column.matching(path, &test).len() <= u64::from(column.docs()));
                column.count_max(path, &test);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn keyword_columns(pairs in words(), others in words(), dropped in 0_u32..5) {
        let (a, b) = (keywords(&pairs), keywords(&others));
        let open = |column: &KeywordColumn| {
            reopened(column, &column.to_bytes(), KeywordColumn::open)
        };
        let (c, d) = (open(&a), open(&b));
        let last = pairs.iter().map(|pair| pair.0).max();
        prop_assert_eq!(c.last_ordinal(), last);
        let keep = |ordinal: u32| (ordinal % 5 != dropped).then_some(ordinal + 7);
        let parts: [ColumnPart<'_, KeywordColumn>; 2] = [(&c, &keep), (&d, &keep)];
        let all: Vec<(u32, String)> = pairs
            .iter()
            .chain(&others)
            .filter_map(|(ordinal, word)| Some((keep(*ordinal)?, word.clone())))
            .collect();
        prop_assert_eq!(KeywordColumn::merge(&parts), keywords(&all));
    }

    #[test]
    fn range_columns(pairs in numbers(), others in numbers(), end in any::<i64>()) {
        let open = |pairs: &[(u32, i64)]| {
            let column = RangeColumn::build(pairs.iter().copied());
            reopened(&column, &column.to_bytes(), RangeColumn::open)
        };
        let (a, b) = (open(&pairs), open(&others));
        let inside = |until: i64| -> Bitmap {
            pairs.iter().filter(|pair| pair.1 < until).map(|pair| pair.0).collect()
        };
        for until in [end, 0, 2_000] {
            prop_assert_eq!(a.range(None, Some(until)), inside(until));
        }
        prop_assert_eq!(a.last_ordinal(), pairs.iter().map(|pair| pair.0).max());
        let keep = |ordinal: u32| (!ordinal.is_multiple_of(5)).then_some(ordinal / 5);
        let all = pairs.iter().chain(&others).filter_map(|p| Some((keep(p.0)?, p.1)));
        prop_assert_eq!(RangeColumn::merge(&[(&a, &keep), (&b, &keep)]), RangeColumn::build(all));
    }

    #[test]
    fn metadata_columns(values in prop::collection::vec((0_u8..7, -9_i64..9), 0..80)) {
        let column = metadata(&values);
        let opened = reopened(&column, &column.to_bytes(), MetadataColumn::open);
        let keep = |ordinal: u32| (!ordinal.is_multiple_of(3)).then_some(ordinal);
        let docs = column.docs();
        let merged = MetadataColumn::merge(&[(&opened, &keep)], docs);
        let kept: Vec<(u8, i64)> = (0..)
            .zip(&values)
            .map(|(ordinal, value)| if keep(ordinal).is_some() { *value } else { (6, 0) })
            .collect();
        prop_assert_eq!(merged, metadata(&kept));
    }

    #[test]
    fn sets(lists in prop::collection::vec((0_u32..300_000, 1_u32..90_000, 1_usize..30), 0..4)) {
        let ordinals = lists.iter().flat_map(|&(start, len, step)| (start..start + len).step_by(step));
        let set: Bitmap = ordinals.collect();
        let opened = reopened(&set, &set.to_bytes(), Bitmap::open);
        prop_assert_eq!(opened.last(), set.iter().last());
        prop_assert!(opened.iter().eq(set.iter()));
        let mut grown = opened.clone();
        prop_assert!(grown.insert(7_000_000));
        prop_assert_eq!(opened, set);
    }

    #[test]
    fn titles(
        titles in prop::collection::vec(("[AaBb]b{0,1}( [ab]b{0,1}){0,2}", 0_u64..9), 0..40),
        gone in prop::collection::vec(any::<bool>(), 40),
        text in prop::collection::vec("[AaBb]b{0,1}", 0..30),
    ) {
        let analyzer = Analyzer::new(Language::None);
        let mut built = TitleMatcher::new();
        titles.iter().for_each(|(title, key)| built.insert(&analyzer, title, *key));
        let bytes = built.to_bytes();
        let mut opened = TitleMatcher::open(&bytes).unwrap();
        let text = text.join(" ");
        prop_assert_eq!(built.find(&text), opened.find(&text));
        // It shrinks and grows as the other does.
        for ((title, key), gone) in titles.iter().zip(&gone) {
            if *gone {
                built.remove(&analyzer, title, *key);
                opened.remove(&analyzer, title, *key);
            } else {
                built.insert(&analyzer, title, key + 100);
                opened.insert(&analyzer, title, key + 100);
            }
        }
        prop_assert_eq!(built.find(&text), opened.find(&text));
        prop_assert_eq!((built.len(), built.to_bytes()), (opened.len(), opened.to_bytes()));
        for (title, key) in &titles {
            opened.remove(&analyzer, title, *key);
            opened.remove(&analyzer, title, key + 100);
        }
        prop_assert_eq!(opened.to_bytes(), TitleMatcher::new().to_bytes());
    }

    #[test]
    fn codes(dimension in 1_usize..200, count in 0_usize..40, seed in any::<u32>()) {
        let all = vectors(dimension, count + 1, seed);
        let (query, all) = all.split_at(dimension);
        let rows = RowMajor::new(dimension, all);
        let mut codes = QuantisedVectors::with_capacity(dimension, count);
        all.chunks_exact(dimension).for_each(|row| codes.push(row));
        let bytes = codes.to_bytes();
        let mut opened = QuantisedVectors::open(AlignedBytes::copy_of(&bytes)).unwrap();
        prop_assert_eq!(opened.to_bytes(), &bytes[..]);
        let found = |codes: &QuantisedVectors| {
            let mut scratch = ScanScratch::default();
            codes.scan((query, 5), &VectorFilter::All, &rows, &mut scratch);
            scratch.hits().to_vec()
        };
        prop_assert_eq!(found(&opened), found(&codes));
        codes.push(query);
        opened.push(query);
        prop_assert_eq!(opened.to_bytes(), codes.to_bytes());
    }
}

/// Unit vectors, the same for the same seed.
fn vectors(dimension: usize, count: usize, seed: u32) -> Vec<f32> {
    let component = |n: usize| ((n as f32 + seed as f32 * 1e-4) * 0.73).sin() + 0.01;
    let mut all: Vec<f32> = (0..dimension * count).map(component).collect();
    all.chunks_exact_mut(dimension).for_each(|row| {
        if normalise(row).is_err() {
            row[0] = 1.0;
        }
    });
    all
}

#[test]
fn damaged_columns() {
    let mut pairs: Vec<(u32, String)> = (0..60).map(|n| (n * 7, format!("w{}", n % 20))).collect();
    pairs.extend((0..4_500).map(|n| (n, "everywhere".to_owned())));
    let column = keywords(&pairs);
    survives(&column.to_bytes(), KeywordColumn::open, |column| {
        column.any(&[b"w1", b"everywhere"]);
        column.values().for_each(|(value, count)| assert!(column.equal(value).len() == count));
        assert_eq!(KeywordColumn::merge(&[(column, &Some)]).last_ordinal(), column.last_ordinal());
    });
    for step in [1, 3] {
        let column = RangeColumn::build((0..500).map(|n| (n * step % 500, i64::from(n) * 12_345)));
        survives(&column.to_bytes(), RangeColumn::open, |column| {
            assert!(
                column.range(Some(0), Some(1 << 40)).len() <= column.count(Some(0), Some(1 << 40))
            );
            assert_eq!(
                RangeColumn::merge(&[(column, &Some)]).last_ordinal(),
                column.last_ordinal()
            );
        });
    }
    let values: Vec<(u8, i64)> = (0..50).map(|n| (n as u8 % 7, n % 11)).collect();
    survives(&metadata(&values).to_bytes(), MetadataColumn::open, |column| {
        ask_metadata(column);
        MetadataColumn::merge(&[(column, &Some)], column.docs());
    });
}

#[test]
fn damaged_sets() {
    let parts = [0..70_000, 140_000..145_000];
    let set: Bitmap = parts.into_iter().flatten().chain((200_000..205_000).step_by(9)).collect();
    survives(&set.to_bytes(), Bitmap::open, |set| {
        assert_eq!(set.iter().count() as u64, set.len());
        assert_eq!(set.iter().last(), set.last());
        assert!(set.iter().is_sorted_by(|a, b| a < b));
        assert_eq!(set.and_not(&set.and(set)).len(), 0);
    });
}

/// What is in every document of a chunk takes next to nothing.
#[test]
fn full_parts_take_four_bytes() {
    assert_eq!(Bitmap::below(3 << 16).to_bytes().len(), 4 + 3 * 4);
    let everywhere = KeywordColumn::build((0..1_000_000).map(|ordinal| (ordinal, &b"x"[..])));
    assert!(everywhere.heap_bytes() < 140_000, "{}", everywhere.heap_bytes());
    let bytes = everywhere.to_bytes();
    assert!(bytes.len() < 9_000, "{}", bytes.len());
    assert_eq!(KeywordColumn::open(&bytes).unwrap(), everywhere);
}

#[test]
fn damaged_titles() {
    let analyzer = Analyzer::new(Language::English);
    let mut titles = TitleMatcher::new();
    for key in 0..60 {
        titles.insert(&analyzer, &format!("Title {} of Many", key % 25), key * 1_000);
    }
    survives(&titles.to_bytes(), TitleMatcher::open, |titles| {
        titles.find("The Title 7 of Many, title 8 of many");
        let mut titles = titles.clone();
        titles.remove(&analyzer, "Title 7 of Many", 7_000);
        titles.insert(&analyzer, "Title 7 of Many", 7_000);
    });
}

#[test]
fn damaged_codes() {
    let dimension = 96;
    let all = vectors(dimension, 20, 5);
    let rows = RowMajor::new(dimension, &all);
    let mut codes = QuantisedVectors::new(dimension);
    all.chunks_exact(dimension).for_each(|row| codes.push(row));
    let bytes = codes.to_bytes();
    // Whole lines, as an aligned block has.
    let open = |bytes: &[u8]| match bytes.len() % 64 {
        0 => QuantisedVectors::open(AlignedBytes::copy_of(bytes)),
        _ => Err(IndexDamage("no whole lines")),
    };
    survives(&bytes, open, |codes| {
        let mut scratch = ScanScratch::default();
        if codes.len() <= rows.len() && codes.to_bytes()[..4] == bytes[..4] {
            codes.scan((rows.row(1), 3), &VectorFilter::All, &rows, &mut scratch);
        }
    });
    assert!(QuantisedVectors::open(AlignedBytes::default()).is_err());
    // One form for the same codes: behind the fields, and behind the last scale.
    for at in [20, 63, bytes.len() - 1] {
        let mut bad = bytes.clone();
        bad[at] = 1;
        assert!(open(&bad).is_err(), "{at}");
    }
}

#[test]
fn full_vectors_open_whole() {
    let mut writer = FlatWriter::new(3);
    writer.push(4, &[1.0, 0.0, 0.0]);
    writer.push(9, &[0.0, 1.0, 0.0]);
    let built = writer.finish();
    let opened =
        FlatVectors::open(3, built.owners().to_vec(), built.components().to_vec()).unwrap();
    assert_eq!((opened.len(), opened.owner(1)), (2, 9));
    let mut seen = Vec::new();
    opened.with_row(1, &mut |vector| seen.extend_from_slice(vector));
    assert_eq!(seen, [0.0, 1.0, 0.0]);
    assert!(FlatVectors::open(0, vec![], vec![]).is_err());
    assert!(FlatVectors::open(3, vec![1], vec![1.0; 4]).is_err());
    assert!(FlatVectors::open(usize::MAX, vec![1, 2], vec![1.0; 4]).is_err());
    for wrong in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        assert!(FlatVectors::open(2, vec![1], vec![1.0, wrong]).is_err());
    }
    assert!(FlatVectors::open(2, vec![1], vec![f32::MAX, -f32::MIN_POSITIVE]).is_ok());
}

/// Rows that stand somewhere else, some of which cannot be read.
struct Remote<'a> {
    rows: RowMajor<'a>,
    lost: u32,
    asked: std::sync::Mutex<Vec<u32>>,
}

impl VectorRows for Remote<'_> {
    fn with_row(&self, ordinal: u32, visit: &mut dyn FnMut(&[f32])) {
        self.asked.lock().expect("no panic before").push(ordinal);
        if ordinal != self.lost {
            let copy = self.rows.row(ordinal).to_vec();
            visit(&copy);
        }
    }
}

#[test]
fn rows_are_asked_for_once_and_in_order() {
    let all = vectors(32, 3_000, 1);
    let rows = RowMajor::new(32, &all);
    let mut codes = QuantisedVectors::new(32);
    all.chunks_exact(32).for_each(|row| codes.push(row));
    let mut scratch = ScanScratch::default();
    let query = rows.row(1_234);
    codes.scan((query, 8), &VectorFilter::All, &rows, &mut scratch);
    let expected = scratch.hits().to_vec();
    for lost in [u32::MAX, 1_234] {
        let remote = Remote { rows, lost, asked: std::sync::Mutex::default() };
        let read = codes.scan((query, 8), &VectorFilter::All, &remote, &mut scratch);
        let asked = remote.asked.into_inner().unwrap();
        assert_eq!(asked.len(), read);
        assert!(asked.is_sorted_by(|a, b| a < b));
        let hits = scratch.hits();
        assert!(hits.iter().all(|hit| hit.0 != lost));
        let kept: Vec<_> = expected.iter().filter(|hit| hit.0 != lost).collect();
        assert!(hits.iter().zip(kept).all(|(a, b)| a == b));
    }
}

#[test]
fn a_graph_asks_for_rows_in_order() {
    let all = vectors(32, 2_000, 3);
    let rows = RowMajor::new(32, &all);
    let settings = HnswSettings { m: 4, ef_construction: 16, ..HnswSettings::default() };
    let mut builder = HnswBuilder::new(settings, 32);
    all.chunks_exact(32).for_each(|row| builder.push(row));
    let graph = builder.finish(&Serial);
    let mut scratch = HnswScratch::default();
    let remote = Remote { rows, lost: u32::MAX, asked: std::sync::Mutex::default() };
    let query = VectorQuery { vector: rows.row(77), k: 10, ef: 20, filter: VectorFilter::All };
    let report = graph.search(&query, &remote, &mut scratch);
    assert_eq!(report.route, SearchRoute::Graph);
    let asked = remote.asked.into_inner().unwrap();
    assert_eq!(asked.len() as u64, report.read);
    assert!(asked.len() >= 10 && asked.is_sorted_by(|a, b| a < b), "{asked:?}");
}

#[test]
fn damaged_graphs() {
    let weight = EdgeWeight::new(0.25).unwrap();
    let edges: Vec<Edge> = (0..90_u32)
        .map(|n| Edge {
            from: n * 7 % 30,
            to: n * 11 % 29,
            edge_type: EdgeType::new(n as u8 % 3).unwrap(),
            weight,
        })
        .collect();
    let graph = Graph::from_edges(&edges);
    survives(
        &GraphBlock::write(&graph),
        |bytes| GraphBlock::open(bytes).map(|b| Graph::copied(&b)),
        |graph| {
            let mut graph = graph.clone();
            (0..30).for_each(|node| {
                graph.remove_node(node);
            });
            assert_eq!(graph.edge_count(), 0);
        },
    );
}
