//! Postings and BM25 against the textbook formula over plain strings.

use std::collections::BTreeMap;

use engram_index::{
    Analyzer, Bm25, CorpusStats, Language, Posting, Postings, PostingsError, PostingsPart,
    PostingsWriter, Terms, TextField, TextQuery, TopK, WEIGHT_ONE, WeightedQuery,
};
use expect_test::expect;
use proptest::prelude::*;

fn build(docs: &[Vec<String>]) -> Postings {
    let mut writer = PostingsWriter::new();
    for (doc, terms) in (0..).zip(docs) {
        writer.add(doc, &[TextField::new(&terms.iter().collect())]);
    }
    writer.finish()
}

fn weigh(query: &TextQuery, chunks: &[Postings]) -> WeightedQuery {
    let stats = CorpusStats {
        docs: chunks.iter().map(|c| u64::from(c.docs())).sum(),
        total_len: chunks.iter().map(Postings::total_len).sum(),
    };
    let mut df = |term: &str| {
        chunks.iter().map(|c| c.postings(term).map_or(0, |list| list.len() as u64)).sum()
    };
    query.weigh(Bm25::default(), stats, &mut df)
}

fn scores(chunks: &[Postings], query: &[String]) -> Vec<Vec<(u32, f32)>> {
    let weighted = weigh(&TextQuery::new(query), chunks);
    let scan = |chunk: &Postings| {
        let mut hits = Vec::new();
        weighted.scan(chunk.view(), &mut |_| true, &mut |doc, score| hits.push((doc, score)));
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
            prop_assert_eq!(postings.doc_len(doc), terms.len() as u32 * WEIGHT_ONE);
            for term in terms {
                *map.entry(term).or_default().entry(doc).or_default() += WEIGHT_ONE;
            }
        }
        prop_assert_eq!(postings.docs() as usize, docs.len());
        let occurrences = docs.iter().map(Vec::len).sum::<usize>() as u64;
        prop_assert_eq!(postings.total_len(), occurrences * u64::from(WEIGHT_ONE));
        let as_list = |docs: &BTreeMap<u32, u32>| -> Vec<Posting> {
            docs.iter().map(|(&doc, &frequency)| Posting { doc, frequency }).collect()
        };
        let expected: Vec<_> = map.iter().map(|(term, docs)| (*term, as_list(docs))).collect();
        let listed: Vec<_> = postings.terms().map(|(term, list)| (term, list.iter().collect())).collect();
        prop_assert_eq!(&listed, &expected);
        for (term, list) in expected {
            prop_assert_eq!(postings.postings(term).map(|list| list.iter().collect()), Some(list));
        }
        for absent in ["", "f", "abc"] {
            prop_assert!(postings.postings(absent).is_none());
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
        let parts: [PostingsPart<'_>; 2] = [(first.view(), &low), (second.view(), &high)];
        let anew: Vec<Vec<String>> = kept.iter().map(|doc| docs[*doc].clone()).collect();
        prop_assert_eq!(Postings::merge(&parts), build(&anew));
    }
}

#[test]
fn ordinals_left_out_are_empty_documents() {
    let mut writer = PostingsWriter::new();
    writer.add(2, &[TextField::new(&["x", "x"].iter().collect())]);
    writer.add(4, &[]);
    let postings = writer.finish();
    assert_eq!((postings.docs(), postings.total_len()), (5, 16));
    assert_eq!((0..7).map(|doc| postings.doc_len(doc)).collect::<Vec<_>>(), [0, 0, 16, 0, 0, 0, 0]);
    let list = postings.postings("x").unwrap();
    assert_eq!(list.iter().collect::<Vec<_>>(), [Posting { doc: 2, frequency: 16 }]);
}

#[test]
fn nothing_indexed_nothing_found() {
    assert_eq!(PostingsWriter::new().finish(), Postings::merge(&[]));
    let empty = Postings::default();
    assert_eq!((empty.docs(), empty.postings("x").is_none(), empty.terms().len()), (0, true, 0));
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

/// A document of two fields, of which the second has a weight of its own and no positions.
type TwoFields = (Vec<String>, Vec<String>);

/// Many documents of few words, so that lists have several blocks and many scores are equal.
fn large_corpus() -> impl Strategy<Value = Vec<TwoFields>> {
    // Squares favour small numbers: some words are everywhere, some are rare.
    let word = (0_u32..20, 0_u32..20).prop_map(|(a, b)| format!("w{}", a * b));
    let words = |most| prop::collection::vec(word.clone(), 0..most);
    prop::collection::vec((words(9), words(4)), 1..700)
}

fn build_weighted(docs: &[TwoFields], weight: u32) -> Postings {
    let mut writer = PostingsWriter::new();
    for (doc, (text, context)) in (0..).zip(docs) {
        let (text, context): (Terms, Terms) = (text.iter().collect(), context.iter().collect());
        let context = TextField::new(&context).weighted(weight).unquotable();
        writer.add(doc, &[TextField::new(&text), context]);
    }
    writer.finish()
}

/// The best `k` over all chunks by scoring everything, or by pruning; in the given order of chunks.
fn best_of(
    chunks: &[Postings],
    query: &WeightedQuery,
    (k, pruned, turned): (usize, bool, bool),
    accept: &dyn Fn(u64) -> bool,
) -> Vec<(u64, f32)> {
    let mut best = TopK::new(k);
    let mut order: Vec<usize> = (0..chunks.len()).collect();
    if turned {
        order.reverse();
    }
    for chunk in order {
        let base = (chunk as u64) << 32;
        let accept = &mut |doc: u32| accept(base + u64::from(doc));
        let view = chunks[chunk].view();
        if pruned {
            query.search(view, base, accept, &mut best);
        } else {
            query.scan(view, accept, &mut |doc, score| best.push(base + u64::from(doc), score));
        }
    }
    best.into_sorted()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn pruning_never_shows(
        docs in large_corpus(),
        query in prop::collection::vec((0_u32..20, 0_u32..20), 1..9),
        cuts in (0_usize..700, 0_usize..700),
        k in 0_usize..40, weight in 0_u32..9, modulus in 1_u64..5, turned in any::<bool>(),
    ) {
        let query: Vec<String> = query.iter().map(|(a, b)| format!("w{}", a * b)).collect();
        let (a, b) = (cuts.0.min(docs.len()), cuts.1.min(docs.len()));
        let (a, b) = (a.min(b), a.max(b));
        let pieces = [&docs[..a], &docs[a..b], &docs[b..]];
        let chunks = pieces.map(|docs| build_weighted(docs, weight));
        let weighted = weigh(&TextQuery::new(&query), &chunks);
        let accept = |key: u64| key.is_multiple_of(modulus);
        let exhaustive = best_of(&chunks, &weighted, (k, false, false), &accept);
        let pruned = best_of(&chunks, &weighted, (k, true, turned), &accept);
        prop_assert_eq!(&pruned, &exhaustive);
        for (base, chunk) in (0_u64..).zip(&chunks) {
            let base = base << 32;
            let own = exhaustive.iter().filter(|hit| hit.0 >> 32 == base >> 32);
            let mut own: Vec<_> = own.map(|hit| ((hit.0 - base) as u32, hit.1)).collect();
            own.sort_by_key(|hit| hit.0);
            let ordinals: Vec<u32> = own.iter().map(|hit| hit.0).collect();
            let again = weighted.score_docs(chunk.view(), &ordinals);
            prop_assert_eq!(again, own.iter().map(|hit| hit.1).collect::<Vec<_>>());
            for (doc, score) in own {
                let sum: f32 =
                    weighted.explain(chunk.view(), doc).iter().map(|part| part.1).sum();
                prop_assert!((sum - score).abs() <= 1e-5 * score);
            }
        }
    }

    #[test]
    fn weighted_fields_equal_the_textbook(docs in large_corpus(), weight in 0_u32..30) {
        let chunk = build_weighted(&docs, weight);
        let weighted =
            weigh(&TextQuery::new(&["w4".to_owned(), "w6".to_owned()]), std::slice::from_ref(&chunk));
        let share = f64::from(weight) / f64::from(WEIGHT_ONE);
        let len = |doc: &TwoFields| doc.0.len() as f64 + share * doc.1.len() as f64;
        let mean = docs.iter().map(len).sum::<f64>() / docs.len() as f64;
        let tf = |doc: &TwoFields, term: &str| {
            let count = |words: &[String]| words.iter().filter(|word| *word == term).count() as f64;
            count(&doc.0) + share * count(&doc.1)
        };
        let mut expected = vec![0.0; docs.len()];
        for term in ["w4", "w6"] {
            let df = docs.iter().filter(|doc| tf(doc, term) > 0.0).count() as f64;
            let idf = (1.0 + (docs.len() as f64 - df + 0.5) / (df + 0.5)).ln();
            for (doc, score) in docs.iter().zip(&mut expected) {
                let tf = tf(doc, term);
                let discount = 0.9 * (0.6 + 0.4 * len(doc) / mean);
                *score += if tf > 0.0 { idf * tf / (tf + discount) } else { 0.0 };
            }
        }
        let ordinals: Vec<u32> = (0..chunk.docs()).collect();
        for (score, expected) in weighted.score_docs(chunk.view(), &ordinals).iter().zip(expected) {
            prop_assert!((f64::from(*score) - expected).abs() <= 1e-5 * (1.0 + expected));
        }
    }

    #[test]
    fn frequencies_of_many_are_those_of_each(docs in large_corpus(), step in 1_usize..40) {
        let postings = build_weighted(&docs, 3);
        for (_, list) in postings.terms() {
            let asked = || (0..postings.docs() + 3).step_by(step);
            let mut found = Vec::new();
            list.frequencies(asked(), &mut found);
            prop_assert_eq!(found, asked().map(|doc| list.frequency(doc)).collect::<Vec<_>>());
        }
    }

    #[test]
    fn bytes_open_again_and_damage_never_panics(
        docs in large_corpus(), damage in prop::collection::vec((any::<usize>(), any::<u8>()), 1..4),
        cut in any::<usize>(),
    ) {
        let postings = build_weighted(&docs, 3);
        let bytes = postings.to_bytes().to_vec();
        let opened = Postings::open(&bytes[..]).unwrap();
        prop_assert_eq!(opened.to_bytes(), postings.to_bytes());
        let mut hurt = bytes.clone();
        for (at, mask) in damage {
            let at = at % hurt.len();
            hurt[at] ^= mask;
        }
        prop_assert!(Postings::open(&bytes[..cut % bytes.len()]).is_err());
        if let Ok(opened) = Postings::open(&hurt[..]) {
            let terms: Vec<String> = (0..40).map(|n| format!("w{n}")).collect();
            let weighted = TextQuery::new(&terms).weigh(
                Bm25::default(),
                CorpusStats { docs: 1000, total_len: 9000 },
                &mut |_| 9,
            );
            weighted.search(opened.view(), 0, &mut |_| true, &mut TopK::new(5));
            weighted.scan(opened.view(), &mut |_| true, &mut |_, _| ());
            for (_, list) in opened.terms() {
                prop_assert_eq!(list.iter().count(), list.len());
            }
        }
    }

    #[test]
    fn phrases_equal_a_search_for_neighbours(docs in large_corpus(), a in 0_u32..9, b in 0_u32..9) {
        let chunks = [build_weighted(&docs, 4)];
        let cue = format!("\"w{a} w{b}\"");
        let query = TextQuery::parse(&Analyzer::new(Language::None), &cue);
        let weighted = weigh(&query, &chunks);
        let holds = |doc: &TwoFields| {
            doc.0.windows(2).any(|two| two[0] == format!("w{a}") && two[1] == format!("w{b}"))
        };
        let expected: Vec<u32> =
            (0..).zip(&docs).filter(|(_, doc)| holds(doc)).map(|(doc, _)| doc).collect();
        prop_assert_eq!(weighted.phrase_docs(chunks[0].view()), Some(expected.clone()));
        let mut hits = Vec::new();
        weighted.scan(chunks[0].view(), &mut |_| true, &mut |doc, _| hits.push(doc));
        prop_assert_eq!(hits, expected);
        let all = (usize::from(u16::MAX), true, false);
        let exhaustive = best_of(&chunks, &weighted, (all.0, false, false), &|_| true);
        prop_assert_eq!(best_of(&chunks, &weighted, all, &|_| true), exhaustive);
    }
}

#[test]
fn foreign_bytes_are_named() {
    let bytes = build(&[vec!["a".to_owned()]]).to_bytes().to_vec();
    let mut newer = bytes.clone();
    newer[8] = 2;
    assert_eq!(Postings::open(newer).unwrap_err(), PostingsError::NewerFormat(2));
    for bytes in [vec![], b"ENGRAMTX".to_vec(), vec![0; 100], bytes[1..].to_vec()] {
        let error = Postings::open(bytes).unwrap_err();
        assert_eq!(error.to_string(), "damaged postings: no header");
    }
}

#[test]
fn phrases_stay_within_fields_and_texts() {
    let analyzer = Analyzer::new(Language::English);
    let terms = |texts: &[&str]| {
        let mut out = Terms::new();
        for text in texts {
            analyzer.analyze(text, &mut out);
        }
        out
    };
    let mut writer = PostingsWriter::new();
    let docs = [
        (vec!["State of the art"], "a museum"),
        (vec!["the state and its fine art"], "state of the art"),
        (vec!["state", "of the art"], "museum"),
        (vec!["a state", "x"], "art of the state of an art, LiHua's: state-of-the-art"),
    ];
    for (doc, (titles, text)) in (0..).zip(&docs) {
        let (titles, text) = (terms(titles), terms(&[*text]));
        let text = TextField::new(&text);
        let text = if doc == 1 { text.unquotable() } else { text };
        writer.add(doc, &[TextField::new(&titles).weighted(2 * WEIGHT_ONE), text]);
    }
    let chunks = [writer.finish()];
    let found =
        |cue: &str| weigh(&TextQuery::parse(&analyzer, cue), &chunks).phrase_docs(chunks[0].view());
    assert_eq!(found("state of the art"), None);
    assert_eq!(found(r#""state of the art""#), Some(vec![0, 3]));
    assert_eq!(found(r#""state art""#), Some(vec![]));
    assert_eq!(found(r#""fine art""#), Some(vec![1]));
    assert_eq!(found(r#""li hua" "state of the art""#), Some(vec![3]));
    assert_eq!(found(r#""art museum""#), Some(vec![]));
    assert_eq!(found(r#""unheard of""#), Some(vec![]));
    assert_eq!(found(r#""of the""#), None);
}

/// Bytes that were written once: what changes them needs a new format version and a fixture of its own.
#[test]
fn the_bytes_of_version_1() {
    let mut writer = PostingsWriter::new();
    for doc in 0..130 {
        let words: Terms = std::iter::repeat_n("a", 1 + doc as usize % 3).collect();
        let near: Terms = ["b"].iter().take(usize::from(doc == 7)).collect();
        let near = TextField::new(&near).weighted(3).unquotable();
        writer.add(doc, &[TextField::new(&words), near]);
    }
    let postings = writer.finish();
    let bytes = postings.to_bytes();
    let behind_lens = 48 + 4 * 130;
    let shown: Vec<String> = bytes[..48]
        .chunks(16)
        .chain(bytes[behind_lens..].chunks(32))
        .map(|row| row.iter().map(|byte| format!("{byte:02x}")).collect())
        .collect();
    expect![[r#"
        454e4752414d54580100000082000000
        1b080000000000000200000002000000
        6f000000620100000000000000000000
        0100000068000000020000006f00000061628201001800180010001000080008
        00080008007f0000002200000018001800100010000800080008000800810000
        0025000000180018000800080008000800080008000062244992244992244992
        244992244992244992244992244992244992244992244900620201e102030207
        025c010000610100000005000107000101000500010700010100050001070001
        0100050001070001010005000107000101000500010700010100050001070001
        0100050001070001010005000107000101000500010700010100050001070001
        0100050001070001010005000107000101000500010700010100050001070001
        0100050001070001010005000107000101000500010700010100050001070001
        0100050001070001010005000107000101000500010700010100050001070001
        0100050001070001010005000107000101000500010700010100050001070001
        0100050001070001010005000107000101000500010700010100050001070001
        0100050001070001010005000107000101000500010700010100050001070001
        0100050001070001010005000107000101000500010700010100050001070001
        0100050001070001010005000107000101000500010700010100050001070001
        0100010000000000000000"#]]
    .assert_eq(&shown.join("\n"));
    assert_eq!(Postings::open(bytes).unwrap().terms().len(), 2);
}
