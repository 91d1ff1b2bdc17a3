//! Any bytes as an index structure that stands in a segment or a graph file.
//!
//! What opens answers every question that it may be asked, and gives the same bytes again. The container's sums are not looked at:
//! these readers check the structure by themselves.

use engram_index::{
    Adjacency, AlignedBytes, Analyzer, Bitmap, Bm25, CorpusStats, Edge, EdgeType, EdgeWeight,
    FieldTest, FieldValue, Graph, GraphBlock, Hnsw, HnswBuilder, HnswScratch, HnswSettings,
    KeywordColumn, Language, LikePattern, MetadataColumn, MetadataWriter, Postings, PostingsWriter,
    QuantisedVectors, RangeColumn, RowMajor, ScanScratch, Serial, SpreadSettings, Spreader, Terms,
    TextField, TextQuery, TitleMatcher, TopK, VectorFilter, VectorQuery,
};

use crate::input::Input;

/// Components that a target multiplies out, at most.
const COMPONENTS_MAX: usize = 1 << 16;

const LINE_BYTES: usize = 64;

type Check = fn(&[u8]);

/// One for each structure; the first byte of an input chooses.
const CHECKS: [Check; 8] = [bitmap, keywords, ranges, metadata, titles, graph, postings, vectors];

pub(crate) fn run(input: &[u8]) {
    let mut input = Input::new(input);
    let check = CHECKS[usize::from(input.byte()) % CHECKS.len()];
    check(input.rest());
}

fn bitmap(bytes: &[u8]) {
    let Ok(set) = Bitmap::open(bytes) else { return };
    assert!(set.to_bytes() == bytes, "a set has one form");
    // A set of few bytes may hold billions: all of a part is written as nothing.
    let first: Vec<u32> = set.iter().take(10_000).collect();
    assert!(first.is_sorted_by(|a, b| a < b) && first.iter().all(|one| set.contains(*one)));
    assert_eq!(set.is_empty(), set.last().is_none());
    assert_eq!(set.and_len(&set), set.len());
    assert!(set.and_not(&set).is_empty() && set.or(&set) == set);
}

fn keywords(bytes: &[u8]) {
    let Ok(column) = KeywordColumn::open(bytes) else { return };
    assert!(column.to_bytes() == bytes, "a column has one form");
    let mut entries = 0;
    column.each(&mut |_, _| entries += 1);
    let values: Vec<(Vec<u8>, u64)> =
        column.values().map(|(value, count)| (value.to_vec(), count)).collect();
    assert_eq!(values.iter().map(|(_, count)| count).sum::<u64>(), entries);
    for (value, count) in values.iter().take(64) {
        assert_eq!(column.equal(value).len(), *count);
    }
    let _ = column.last_ordinal();
}

fn ranges(bytes: &[u8]) {
    let Ok(column) = RangeColumn::open(bytes) else { return };
    assert!(column.to_bytes() == bytes, "a column has one form");
    let mut pairs = Vec::new();
    column.each(&mut |ordinal, value| pairs.push((ordinal, value)));
    assert_eq!(column.count(None, None), pairs.len() as u64);
    let lowest = pairs.iter().map(|(_, value)| *value).min();
    let highest = pairs.iter().map(|(_, value)| *value).max();
    assert_eq!(column.bounds(), lowest.zip(highest));
    if let Some((low, high)) = column.bounds() {
        let middle = low.midpoint(high);
        let below = column.count(None, Some(middle)) + column.count(Some(middle), None);
        let _ = (below, column.range(Some(middle), None), column.bounds_where(&|one| one > 3));
    }
    let _ = column.last_ordinal();
}

fn metadata(bytes: &[u8]) {
    let Ok(column) = MetadataColumn::open(bytes) else { return };
    assert!(column.to_bytes() == bytes, "a column has one form");
    let any = LikePattern::new("%");
    let nested = FieldValue::List(vec![FieldValue::Int(1), FieldValue::Null]);
    let values = [
        FieldValue::Int(7),
        FieldValue::Float(0.5),
        FieldValue::Text("a"),
        nested,
        FieldValue::Null,
    ];
    for path in [&["n"][..], &["deep"], &["map", "in"], &[]] {
        for value in &values {
            let tests = [
                FieldTest::Equal(value.clone()),
                FieldTest::NotEqual(value.clone()),
                FieldTest::Less(value.clone()),
                FieldTest::AtLeast(value.clone()),
                FieldTest::Like(&any),
                FieldTest::Exists,
                FieldTest::Missing,
            ];
            for test in tests {
                // Sets of nearly all of four billion are counted, not made.
                if column.docs() < 1 << 20 {
                    let found = column.matching(path, &test).len();
                    assert!(found <= column.count_max(path, &test), "{path:?} {test:?}");
                }
            }
        }
    }
}

fn titles(bytes: &[u8]) {
    let Ok(matcher) = TitleMatcher::open(bytes) else { return };
    assert!(matcher.to_bytes() == bytes, "a dictionary has one form");
    let text = "Log 70 and a House of the River, the harbour log";
    for found in matcher.find(text) {
        assert!(text.get(found.start..found.end).is_some() && !found.keys.is_empty());
    }
    let analyzer = Analyzer::new(Language::English);
    let mut changed = matcher;
    changed.insert(&analyzer, "The House of the River", 9);
    changed.remove(&analyzer, "The House of the River", 9);
}

fn graph(bytes: &[u8]) {
    let Ok(block) = GraphBlock::open(bytes) else { return };
    assert!(GraphBlock::write(&block) == bytes, "a graph has one block");
    let mut copy = Graph::copied(&block);
    assert!(GraphBlock::write(&copy) == bytes, "nor is it another after a copy");
    let Some(last) = block.nodes().checked_sub(1) else { return };
    let settings = SpreadSettings::default();
    Spreader::new().spread(&block, &settings, &[(0, 1.0), (last, 0.5)], &|_| true);
    copy.remove_node(last);
    copy.remove_node(0);
    assert!(GraphBlock::open(&GraphBlock::write(&copy)).is_ok());
}

fn postings(bytes: &[u8]) {
    let Ok(postings) = Postings::open(bytes) else { return };
    let mut most = ("", 0);
    for (term, list) in postings.terms() {
        let docs: Vec<u32> = list.iter().map(|posting| posting.doc).collect();
        assert_eq!(docs.len(), list.len());
        assert!(docs.is_sorted_by(|a, b| a < b));
        assert!(docs.iter().all(|doc| *doc < postings.docs() && list.contains(*doc)));
        if docs.len() > most.1 {
            most = (term, docs.len());
        }
    }
    let lengths: u64 = (0..postings.docs()).map(|doc| u64::from(postings.doc_len(doc))).sum();
    assert_eq!(lengths, postings.total_len());
    let stats = CorpusStats { docs: u64::from(postings.docs()), total_len: postings.total_len() };
    for cue in [format!("river {}", most.0), format!("\"river {}\"", most.0)] {
        let query = TextQuery::parse(&Analyzer::new(Language::English), &cue)
            .with_terms(&[most.0.to_owned()]);
        let df = &mut |term: &str| postings.postings(term).map_or(0, |list| list.len() as u64);
        let query = query.weigh(Bm25::default(), stats, df);
        let mut best = TopK::new(10);
        query.search(postings.view(), 0, &mut |_| true, &mut best);
        let mut all = TopK::new(10);
        query.scan(postings.view(), &mut |_| true, &mut |doc, score| {
            all.push(u64::from(doc), score);
        });
        // Bounds that lie cost results and are not told from honest ones by their structure.
        let _ = (best.into_sorted(), all.into_sorted());
    }
}

/// The codes of a scan and the block of a graph share their first bytes with nothing: one of them refuses.
fn vectors(bytes: &[u8]) {
    // Aligned bytes are whole lines of the processor's cache; so are both structures.
    let bytes = &bytes[..bytes.len() / LINE_BYTES * LINE_BYTES];
    if let Ok(codes) = QuantisedVectors::open(AlignedBytes::copy_of(bytes)) {
        assert!(codes.to_bytes() == bytes, "codes have one form");
        if codes.len() * codes.dimension() <= COMPONENTS_MAX {
            let rows = vec![0.5; codes.len() * codes.dimension()];
            let rows = RowMajor::new(codes.dimension(), &rows);
            let query = vec![0.25; codes.dimension()];
            codes.scan((&query, 5), &VectorFilter::All, &rows, &mut ScanScratch::default());
        }
    }
    if let Ok(graph) = Hnsw::open(AlignedBytes::copy_of(bytes)) {
        assert!(graph.bytes() == bytes);
        if graph.len() * graph.dimension() <= COMPONENTS_MAX {
            let rows = vec![0.5; graph.len() * graph.dimension()];
            let rows = RowMajor::new(graph.dimension(), &rows);
            let vector = vec![0.25; graph.dimension()];
            let mut scratch = HnswScratch::default();
            for filter in [VectorFilter::All, VectorFilter::Bits { words: &[5], count: 2 }] {
                let query = VectorQuery { vector: &vector, k: 3, ef: 8, filter };
                graph.search(&query, &rows, &mut scratch);
                assert!(scratch.hits().iter().all(|(node, _)| (*node as usize) < graph.len()));
            }
        }
    }
}

/// One of each structure, and a larger one where the form changes with the size.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let sets = [Bitmap::new(), Bitmap::from_ordinals(&[1, 5, 70_000]), Bitmap::below(70_000)];
    let mut seeds: Vec<(u8, Vec<u8>)> = sets.iter().map(|set| (0, set.to_bytes())).collect();
    let tags = |n: u32| (n, if n.is_multiple_of(3) { b"x".as_slice() } else { b"yy" });
    for count in [0, 5, 5_000] {
        seeds.push((1, KeywordColumn::build((0..count).map(tags)).to_bytes()));
    }
    for step in [0, 7, 1 << 40] {
        seeds.push((2, RangeColumn::build((0..150).map(|n| (n, i64::from(n) * step))).to_bytes()));
        seeds.push((2, RangeColumn::build((0..9).map(|n| (n, -step * i64::from(n)))).to_bytes()));
    }
    seeds.push((3, metadata_seed()));
    let analyzer = Analyzer::new(Language::English);
    let mut matcher = TitleMatcher::new();
    seeds.push((4, matcher.to_bytes()));
    for (title, key) in [("Log 70", 3), ("the House of the River", 4), ("log 70", 5)] {
        matcher.insert(&analyzer, title, key);
    }
    seeds.push((4, matcher.to_bytes()));
    let weight = EdgeWeight::new(0.5).expect("half is a weight");
    let near = EdgeType::new(4).expect("there are more types");
    let edge = |(from, to)| Edge { from, to, edge_type: near, weight };
    let edges = [(0, 1), (1, 2), (5, 0)].map(edge);
    seeds.push((5, GraphBlock::write(&Graph::new())));
    seeds.push((5, GraphBlock::write(&Graph::from_edges(&edges))));
    seeds.extend([3, 300].map(|docs| (6, postings_seed(docs))));
    seeds.extend(vectors_seeds().map(|bytes| (7, bytes)));
    let input = |(choice, bytes): (u8, Vec<u8>)| [vec![choice], bytes].concat();
    seeds.into_iter().map(input).collect()
}

fn metadata_seed() -> Vec<u8> {
    let mut writer = MetadataWriter::new();
    for ordinal in 0..6 {
        let list = FieldValue::List(vec![FieldValue::Bool(true), FieldValue::Text("a")]);
        let inner = FieldValue::Map(vec![("in", FieldValue::Float(0.25))]);
        let number = FieldValue::Int(i64::from(ordinal));
        writer.add(ordinal, &[("n", number), ("deep", list), ("map", inner)]);
    }
    writer.finish(7).to_bytes()
}

fn postings_seed(docs: u32) -> Vec<u8> {
    let analyzer = Analyzer::new(Language::English);
    let mut writer = PostingsWriter::new();
    for doc in 0..docs {
        let mut terms = Terms::new();
        analyzer.analyze(&format!("river harbour {} of {doc} river", doc % 7), &mut terms);
        writer.add(doc, &[TextField::new(&terms)]);
    }
    writer.finish().to_bytes().to_vec()
}

fn vectors_seeds() -> [Vec<u8>; 2] {
    let vector = |n: usize| -> Vec<f32> {
        (0..4).map(|at| ((n * 7 + at * 3) % 11) as f32 / 11.0 - 0.4).collect()
    };
    let mut codes = QuantisedVectors::new(4);
    let mut graph = HnswBuilder::new(HnswSettings::default(), 4);
    for n in 0..20 {
        codes.push(&vector(n));
        graph.push(&vector(n));
    }
    [codes.to_bytes(), graph.finish(&Serial).bytes().to_vec()]
}
