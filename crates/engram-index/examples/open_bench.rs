//! What it costs to seal the structures of a chunk as bytes and to open them again: bytes, time, heap.
//!
//! `cargo run --release -p engram-index --example open_bench -- [titles|graph|columns|postings|codes|hnsw]`

#![expect(clippy::print_stdout, reason = "an example prints what it measures")]
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use std::hint::black_box;
use std::time::Instant;

use engram_index::{
    Adjacency, AlignedBytes, Analyzer, Bitmap, Edge, EdgeType, EdgeWeight, FieldValue, FlatVectors,
    Graph, GraphBlock, Hnsw, KeywordColumn, Language, MetadataColumn, MetadataWriter, Postings,
    PostingsWriter, QuantisedVectors, RangeColumn, Terms, TextField, TitleMatcher,
};

const MILLION: u32 = 1_000_000;

/// Numbers without any order, the same each time.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 20
    }

    fn below(&mut self, end: u32) -> u32 {
        (self.next() % u64::from(end)) as u32
    }
}

fn main() {
    let all: [(&str, fn()); 6] = [
        ("titles", titles),
        ("graph", graph),
        ("columns", columns),
        ("postings", postings),
        ("codes", codes),
        ("hnsw", hnsw),
    ];
    let wanted = std::env::args().nth(1);
    for (name, run) in all {
        if wanted.as_deref().is_none_or(|wanted| wanted == name) {
            run();
        }
    }
}

fn timed<T>(what: &str, run: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = run();
    println!("{what}: {:.3} s", start.elapsed().as_secs_f64());
    result
}

/// The best of a few times: others use the machine, too.
fn best<T>(what: &str, mut run: impl FnMut() -> T) -> T {
    let mut fastest = f64::INFINITY;
    let mut result = None;
    for _ in 0..5 {
        let start = Instant::now();
        let done = run();
        fastest = fastest.min(start.elapsed().as_secs_f64());
        result = Some(done);
    }
    println!("{what}: {fastest:.3} s");
    result.expect("ran five times")
}

/// Seals and opens, and prints what it cost for each document.
fn sealed<T>(
    name: &str,
    heap: usize,
    write: impl FnOnce() -> Vec<u8>,
    open: impl FnOnce(&[u8]) -> T,
) {
    let start = Instant::now();
    let bytes = write();
    let written = start.elapsed();
    let start = Instant::now();
    black_box(open(&bytes));
    let each = |bytes: usize| bytes as f64 / f64::from(MILLION);
    println!(
        "{name}: heap {:.2} B, file {:.2} B a document; write {:.1} ms, open {:.1} ms",
        each(heap),
        each(bytes.len()),
        written.as_secs_f64() * 1e3,
        start.elapsed().as_secs_f64() * 1e3
    );
}

fn titles() {
    let analyzer = Analyzer::new(Language::English);
    let mut noise = Noise(1);
    let mut titles = TitleMatcher::new();
    timed("titles: build", || {
        for key in 0..u64::from(MILLION) {
            let title = format!("Word{} of Name{}", noise.below(50_000), noise.below(400_000));
            titles.insert(&analyzer, &title, key);
        }
    });
    let bytes = best("titles: write", || titles.to_bytes());
    println!("titles: {} titles, {} MB", titles.len(), bytes.len() / 1_000_000);
    let opened = best("titles: open", || TitleMatcher::open(&bytes).expect("just written"));
    assert_eq!(opened.len(), titles.len());
}

fn graph() {
    let mut noise = Noise(2);
    let weight = EdgeWeight::new(0.5).expect("in range");
    let edge_type = EdgeType::new(1).expect("in range");
    let edges: Vec<Edge> = (0..10 * MILLION)
        .map(|_| Edge { from: noise.below(MILLION), to: noise.below(MILLION), edge_type, weight })
        .collect();
    let graph = timed("graph: build", || Graph::from_edges(&edges));
    drop(edges);
    println!("graph: {} edges, heap {} MB", graph.edge_count(), graph.heap_bytes() / 1_000_000);
    let bytes = best("graph: write", || GraphBlock::write(&graph));
    println!("graph: {} MB", bytes.len() / 1_000_000);
    let block = best("graph: check", || GraphBlock::open(&bytes).expect("just written"));
    let copy = best("graph: copy", || Graph::copied(&block));
    assert_eq!(copy.degree(7), graph.degree(7));
}

fn columns() {
    let mut noise = Noise(3);
    let keywords = |name: &str, value: &dyn Fn(u32) -> String| {
        let values: Vec<String> = (0..MILLION).map(value).collect();
        let column = KeywordColumn::build((0..).zip(values.iter().map(|v| v.as_bytes())));
        let heap = column.heap_bytes();
        sealed(name, heap, || column.to_bytes(), |bytes| KeywordColumn::open(bytes).is_ok());
    };
    keywords("keywords, one value", &|_| "episode".to_owned());
    keywords("keywords, 4 values", &|n| format!("kind{}", n % 4));
    keywords("keywords, 50,000 sessions", &|n| format!("session-{}", n / 20));
    keywords("keywords, each its own", &|n| format!("reference-{n}"));
    let mut numbers = |name: &str, value: &mut dyn FnMut(u32, &mut Noise) -> i64| {
        let pairs: Vec<(u32, i64)> = (0..MILLION).map(|n| (n, value(n, &mut noise))).collect();
        let column = RangeColumn::build(pairs.iter().copied());
        let heap = column.heap_bytes();
        sealed(name, heap, || column.to_bytes(), |bytes| RangeColumn::open(bytes).is_ok());
        let start = Instant::now();
        let found = column.range(Some(0), None).len();
        println!("{name}: range of {found} in {:.2} ms", start.elapsed().as_secs_f64() * 1e3);
    };
    let mut now = 1_700_000_000_000_000_000;
    numbers("numbers, ns ascending", &mut |_, noise| {
        now += i64::from(noise.below(u32::MAX)) * 15;
        now
    });
    numbers("numbers, seconds nearly ascending", &mut |n, noise| {
        (1_700_000_000 + i64::from(n * 31) - i64::from(noise.below(86_400))) * 1_000_000_000
    });
    numbers("numbers, ns without order", &mut |_, noise| {
        i64::from(noise.below(31_000_000)) * 1_000_000_007
    });
    numbers("numbers, all alike", &mut |_, _| 5);
    let mut writer = MetadataWriter::new();
    for n in 0..MILLION {
        let (int, float) =
            (FieldValue::Int(i64::from(n % 977)), FieldValue::Float(f64::from(n).sqrt()));
        writer.add(n, &[("int", int), ("float", float), ("flag", FieldValue::Bool(n % 3 == 0))]);
    }
    let column = writer.finish(MILLION);
    let heap = column.heap_bytes();
    let open = |bytes: &[u8]| MetadataColumn::open(bytes).is_ok();
    sealed("metadata, 3 paths", heap, || column.to_bytes(), open);
    let set: Bitmap = (0..MILLION).filter(|n| n % 5 != 0).collect();
    sealed("set", set.heap_bytes(), || set.to_bytes(), |bytes| Bitmap::open(bytes).is_ok());
}

fn postings() {
    let mut noise = Noise(4);
    let mut writer = PostingsWriter::new();
    timed("postings: build", || {
        for doc in 0..MILLION {
            // Few words are frequent: the smaller of two numbers, squared.
            let words = (0..30).map(|_| {
                let x = f64::from(noise.below(MILLION)) / f64::from(MILLION);
                format!("w{}", (x * x * x * 200_000.0) as u32)
            });
            writer.add(doc, &[TextField::new(&words.collect::<Terms>())]);
        }
    });
    let postings = timed("postings: finish", || writer.finish());
    println!("postings: heap {} B a document", postings.heap_bytes() / MILLION as usize);
    let bytes = postings.to_bytes().to_vec();
    best("postings: open", || assert!(Postings::open(&bytes[..]).is_ok()));
}

fn codes() {
    const DIMENSION: usize = 384;
    const VECTORS: usize = 200_000;
    let mut noise = Noise(5);
    let components: Vec<f32> =
        (0..DIMENSION * VECTORS).map(|_| noise.below(2_000) as f32 / 20_000.0 - 0.05).collect();
    let mut codes = QuantisedVectors::new(DIMENSION);
    timed("codes: build, 200,000 of 384", || {
        components.chunks_exact(DIMENSION).for_each(|row| codes.push(row));
    });
    println!("codes: heap {} MB", codes.heap_bytes() / 1_000_000);
    let bytes = timed("codes: write", || codes.to_bytes());
    println!("codes: {} MB", bytes.len() / 1_000_000);
    let aligned = timed("codes: read in", || {
        let mut aligned = AlignedBytes::zeroed(bytes.len());
        aligned.as_mut_slice().copy_from_slice(&bytes);
        aligned
    });
    let opened = timed("codes: open", || QuantisedVectors::open(aligned).expect("just written"));
    assert_eq!(opened.len(), codes.len());
    let owners = (0..VECTORS as u32).collect();
    timed("flat: open", || assert!(FlatVectors::open(DIMENSION, owners, components).is_ok()));
}

/// A graph of random links: building a true one takes minutes, checking it takes the same.
fn hnsw() {
    const M: usize = 16;
    const PLANE: usize = 192;
    let count = MILLION as usize;
    let stride = PLANE + 8 * M;
    let len = 128 + count * (stride + PLANE + 4);
    let mut noise = Noise(6);
    let mut bytes = AlignedBytes::zeroed(len);
    let all = bytes.as_mut_slice();
    all[..8].copy_from_slice(b"ENGRAMHN");
    for (at, field) in [(8, 1), (12, 384), (16, M as u32), (20, 200), (32, 1), (64, MILLION)] {
        all[at..at + 4].copy_from_slice(&u32::to_le_bytes(field));
    }
    for (node, row) in all[128..].chunks_exact_mut(stride).take(count).enumerate() {
        for link in row[PLANE..].chunks_exact_mut(4) {
            let other = (node as u32 + 1 + noise.below(MILLION - 1)) % MILLION;
            link.copy_from_slice(&other.to_le_bytes());
        }
    }
    println!("hnsw: {} B a vector", len / count);
    timed("hnsw: open", || assert!(Hnsw::open(bytes).is_ok()));
}
