//! Times keyword search over a file of texts: pruned search against scoring everything, size and build time.
//!
//! Usage: `text_bench TEXTS.jsonl QUERIES.json [COPIES]`. A line of texts has the words in `"l"` and the description in
//! `"d"`; queries stand in `"q"`. The texts are repeated COPIES times, with words of other texts mixed in, for larger
//! corpora. Of each query the fastest of several runs counts, so that other load on the machine shows less.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a tool that measures and reports"
)]

use std::error::Error;
use std::time::{Duration, Instant};

use engram_index::{
    Analyzer, Bm25, CorpusStats, Language, Postings, PostingsWriter, Terms, TextField, TextQuery,
    TopK, WeightedQuery,
};

const ROUNDS: usize = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let texts = std::fs::read_to_string(args.next().ok_or("no file of texts")?)?;
    let queries = std::fs::read_to_string(args.next().ok_or("no file of queries")?)?;
    let copies: usize = args.next().map_or(Ok(1), |copies| copies.parse())?;
    let texts: Vec<String> = texts.lines().map(strings_of).collect();
    let queries: Vec<String> = queries.split("\"q\":").skip(1).map(strings_of).collect();
    let analyzer = Analyzer::new(Language::English);
    let postings = build(&analyzer, &texts, copies);
    let start = Instant::now();
    Postings::open(postings.to_bytes())?;
    println!("open and verify: {:.1} ms", start.elapsed().as_secs_f64() * 1e3);
    let weighted: Vec<WeightedQuery> =
        queries.iter().map(|query| weigh(&TextQuery::parse(&analyzer, query), &postings)).collect();
    let terms: usize = weighted.iter().map(|query| query.terms().len()).sum();
    println!("{} queries, {:.1} terms", weighted.len(), terms as f64 / weighted.len() as f64);
    for k in [10, 100, 200] {
        compare(&weighted, &postings, k);
    }
    let parse = Instant::now();
    for query in &queries {
        let parsed = weigh(&TextQuery::parse(&analyzer, query), &postings);
        std::hint::black_box(parsed);
    }
    println!("parse and weigh: {:.1} us a query", micros(parse.elapsed(), queries.len()));
    Ok(())
}

/// The string values of `"l"`, `"d"` or a query, which is all that the files hold in quotes besides keys.
fn strings_of(line: &str) -> String {
    let line = line.split_once("\"l\":").map_or(line, |(_, rest)| rest);
    let line = line.split_once("\"x\":").map_or(line, |(text, _)| text);
    let line = line.split_once('}').map_or(line, |(text, _)| text);
    line.replace("\"d\":", " ").replace("\\\"", " ").replace('"', " ")
}

fn build(analyzer: &Analyzer, texts: &[String], copies: usize) -> Postings {
    let start = Instant::now();
    let analysed: Vec<Terms> = texts
        .iter()
        .map(|text| {
            let mut terms = Terms::new();
            analyzer.analyze(text, &mut terms);
            terms
        })
        .collect();
    let analysis = start.elapsed();
    let start = Instant::now();
    let mut writer = PostingsWriter::new();
    for doc in 0..texts.len() * copies {
        let terms = &analysed[doc % texts.len()];
        let other = &analysed[doc.wrapping_mul(0x9E37_79B1) % texts.len()];
        let fields = [TextField::new(terms), TextField::new(other)];
        writer.add(doc as u32, &fields[..1 + usize::from(copies > 1 && doc % 2 == 1)]);
    }
    let postings = writer.finish();
    let docs = f64::from(postings.docs());
    let lists = postings.terms().map(|(_, list)| list.len()).sum::<usize>() as f64;
    println!(
        "{docs} documents, {} terms, {:.1} postings a document",
        postings.terms().len(),
        lists / docs
    );
    println!(
        "analysis of {} texts {:.2} s, building {:.2} s, {:.1} bytes a document",
        texts.len(),
        analysis.as_secs_f64(),
        start.elapsed().as_secs_f64(),
        postings.heap_bytes() as f64 / docs
    );
    postings
}

fn weigh(query: &TextQuery, postings: &Postings) -> WeightedQuery {
    let stats = CorpusStats { docs: u64::from(postings.docs()), total_len: postings.total_len() };
    query.weigh(Bm25::default(), stats, &mut |term| {
        postings.postings(term).map_or(0, |list| list.len() as u64)
    })
}

fn compare(queries: &[WeightedQuery], postings: &Postings, k: usize) {
    let mut times = [vec![Duration::MAX; queries.len()], vec![Duration::MAX; queries.len()]];
    let mut differing = 0;
    for _ in 0..ROUNDS {
        for (index, query) in queries.iter().enumerate() {
            let mut results = Vec::new();
            for (pruned, times) in times.iter_mut().enumerate() {
                let mut best = TopK::new(k);
                let start = Instant::now();
                if pruned == 1 {
                    query.search(postings.view(), 0, &mut |_| true, &mut best);
                } else {
                    query.scan(postings.view(), &mut |_| true, &mut |doc, score| {
                        best.push(u64::from(doc), score);
                    });
                }
                let best = best.into_sorted();
                times[index] = times[index].min(start.elapsed());
                results.push(best);
            }
            differing += usize::from(results[0] != results[1]);
        }
    }
    for (name, times) in ["everything", "pruned"].into_iter().zip(&mut times) {
        times.sort_unstable();
        let at = |share: f64| micros(times[((times.len() - 1) as f64 * share) as usize], 1);
        println!(
            "top {k} {name}: p50 {:.1} us, p99 {:.1} us, max {:.1} us",
            at(0.5),
            at(0.99),
            at(1.0)
        );
    }
    println!("top {k}: {differing} results differ");
}

fn micros(time: Duration, of: usize) -> f64 {
    time.as_secs_f64() * 1e6 / of as f64
}
