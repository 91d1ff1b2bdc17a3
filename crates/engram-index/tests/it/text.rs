//! Postings and BM25 against the textbook formula over plain strings.

use std::collections::BTreeMap;

use engram_index::{
    Analyzer, Bm25, CorpusStats, Language, Posting, Postings, PostingsPart, PostingsWriter,
    TextQuery,
};
use proptest::prelude::*;

fn build(docs: &[Vec<String>]) -> Postings {
    let mut writer = PostingsWriter::new();
    for (doc, terms) in (0..).zip(docs) {
        writer.add(doc, terms);
    }
    writer.finish()
}

fn scores(chunks: &[Postings], query: &[String]) -> Vec<Vec<(u32, f32)>> {
    let stats = CorpusStats {
        docs: chunks.iter().map(|c| u64::from(c.docs())).sum(),
        total_len: chunks.iter().map(Postings::total_len).sum(),
    };
    let mut df = |term: &str| {
        chunks.iter().map(|c| c.postings(term).map_or(0, |list| list.len() as u64)).sum()
    };
    let weighted = TextQuery::new(query).weigh(Bm25::default(), stats, &mut df);
    let scan = |chunk: &Postings| {
        let mut hits = Vec::new();
        weighted.scan(chunk, &mut |_| true, &mut |doc, score| hits.push((doc, score)));
        hits
    };
    chunks.iter().map(scan).collect()
}

/// BM25 as it stands in the literature, in f64, over strings.
fn textbook(docs: &[Vec<String>], query: &[String], doc: usize) -> f64 {
    let n = docs.len() as f64;
    let mean = docs.iter().map(Vec::len).sum::<usize>() as f64 / n;
    let mut score = 0.0;
    for term in query {
        let df = docs.iter().filter(|d| d.contains(term)).count() as f64;
        let tf = docs[doc].iter().filter(|t| *t == term).count() as f64;
        if tf > 0.0 {
            let idf = (1.0 + (n - df + 0.5) / (df + 0.5)).ln();
            let length = docs[doc].len() as f64 / mean;
            score += idf * tf / (tf + 0.9 * (1.0 - 0.4 + 0.4 * length));
        }
    }
    score
}

fn words() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec("[a-e]{1,2}", 0..12)
}

fn corpus() -> impl Strategy<Value = Vec<Vec<String>>> {
    prop::collection::vec(words(), 1..30)
}

proptest! {
    #[test]
    fn bm25_equals_the_textbook(docs in corpus(), query in words()) {
        let found: BTreeMap<u32, f32> =
            scores(&[build(&docs)], &query).remove(0).into_iter().collect();
        for doc in 0..docs.len() {
            let expected = textbook(&docs, &query, doc);
            let score = f64::from(found.get(&(doc as u32)).copied().unwrap_or(0.0));
            prop_assert!((score - expected).abs() <= 1e-5 * (1.0 + expected), "{score} {expected}");
            prop_assert_eq!(found.contains_key(&(doc as u32)), expected > 0.0);
        }
    }

    #[test]
    fn postings_equal_a_map(docs in corpus()) {
        let postings = build(&docs);
        let mut map: BTreeMap<&str, BTreeMap<u32, u32>> = BTreeMap::new();
        for (doc, terms) in (0..).zip(&docs) {
            prop_assert_eq!(postings.doc_len(doc) as usize, terms.len());
            for term in terms {
                *map.entry(term).or_default().entry(doc).or_default() += 1;
            }
        }
        prop_assert_eq!(postings.docs() as usize, docs.len());
        prop_assert_eq!(postings.total_len() as usize, docs.iter().map(Vec::len).sum::<usize>());
        let as_list = |docs: &BTreeMap<u32, u32>| -> Vec<Posting> {
            docs.iter().map(|(&doc, &frequency)| Posting { doc, frequency }).collect()
        };
        let expected: Vec<_> = map.iter().map(|(term, docs)| (*term, as_list(docs))).collect();
        let listed: Vec<_> = postings.terms().map(|(term, list)| (term, list.to_vec())).collect();
        prop_assert_eq!(&listed, &expected);
        for (term, list) in expected {
            prop_assert_eq!(postings.postings(term), Some(&list[..]));
        }
        for absent in ["", "f", "abc"] {
            prop_assert_eq!(postings.postings(absent), None);
        }
    }

    #[test]
    fn chunks_do_not_show(docs in corpus(), query in words(), cut in 0_usize..30) {
        let cut = cut.min(docs.len());
        let whole = scores(&[build(&docs)], &query).remove(0);
        let parts = scores(&[build(&docs[..cut]), build(&docs[cut..])], &query);
        let mut joined = parts[0].clone();
        joined.extend(parts[1].iter().map(|&(doc, score)| (doc + cut as u32, score)));
        prop_assert_eq!(joined, whole);
    }

    #[test]
    fn merging_equals_building_anew(
        docs in corpus(), dead in prop::collection::vec(any::<bool>(), 30), cut in 0_usize..30,
        turned in any::<bool>(),
    ) {
        let cut = cut.min(docs.len());
        let (first, second) = (build(&docs[..cut]), build(&docs[cut..]));
        let mut kept: Vec<usize> = (0..docs.len()).filter(|doc| !dead[*doc]).collect();
        if turned {
            kept.reverse();
        }
        let place = |doc: usize| kept.iter().position(|k| *k == doc).map(|new| new as u32);
        let (low, high) =
            (|doc: u32| place(doc as usize), |doc: u32| place(doc as usize + cut));
        let parts: [PostingsPart<'_>; 2] = [(&first, &low), (&second, &high)];
        let anew: Vec<Vec<String>> = kept.iter().map(|doc| docs[*doc].clone()).collect();
        prop_assert_eq!(Postings::merge(&parts), build(&anew));
    }
}

#[test]
fn ordinals_left_out_are_empty_documents() {
    let mut writer = PostingsWriter::new();
    writer.add(2, &["x".to_owned(), "x".to_owned()]);
    writer.add(4, &[]);
    let postings = writer.finish();
    assert_eq!((postings.docs(), postings.total_len()), (5, 2));
    assert_eq!((0..7).map(|doc| postings.doc_len(doc)).collect::<Vec<_>>(), [0, 0, 2, 0, 0, 0, 0]);
    assert_eq!(postings.postings("x"), Some(&[Posting { doc: 2, frequency: 2 }][..]));
}

#[test]
fn nothing_indexed_nothing_found() {
    assert_eq!(PostingsWriter::new().finish(), Postings::merge(&[]));
    let empty = Postings::default();
    assert_eq!((empty.docs(), empty.postings("x"), empty.terms().len()), (0, None, 0));
    assert_eq!(scores(&[empty], &["x".to_owned()]), [vec![]]);
    assert_eq!(CorpusStats::default().avg_len(), 1.0);
}

#[test]
fn idf_falls_with_document_frequency_and_stays_positive() {
    let bm25 = Bm25::default();
    assert!((bm25.idf(10, 3) - (1.0_f32 + 7.5 / 3.5).ln()).abs() < 1e-6);
    assert!(bm25.idf(1000, 1) > bm25.idf(1000, 2));
    assert!(bm25.idf(1000, 1000) > 0.0);
    assert_eq!(bm25.idf(5, 9), bm25.idf(0, 9), "more holders than documents counts as all");
}

#[test]
fn a_small_search_in_english() {
    let analyzer = Analyzer::new(Language::English);
    let terms = |text: &str| {
        let mut out = Vec::new();
        analyzer.terms(text, &mut out);
        out
    };
    let docs = [
        "LiHua: I'm going swimming with Wolfgang on 2026-01-05.",
        "Caroline's café opens at noon; she paints there.",
        "The swimmer swims in the lake every morning.",
        "東京タワーに行きました",
    ];
    let postings = build(&docs.map(terms));
    let best = |query: &str| {
        let mut hits = scores(std::slice::from_ref(&postings), &terms(query)).remove(0);
        hits.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        hits.first().map(|hit| hit.0)
    };
    assert_eq!(best("What did Li Hua plan?"), Some(0));
    assert_eq!(best("20260105_11:00"), Some(0));
    assert_eq!(best("painting in the cafe"), Some(1));
    assert_eq!(best("Who swims in lakes?"), Some(2));
    assert_eq!(best("東京"), Some(3));
    assert_eq!(best("the of and"), None);
    assert_eq!(best("unrelated"), None);
}
