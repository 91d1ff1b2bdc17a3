use super::*;

fn builtin_tokenizer() -> Tokenizer {
    let rules = TextRules { lowercase: true, strip_accents: true };
    Tokenizer::new(Cow::Borrowed(BUILTIN_VOCABULARY), rules).unwrap()
}

fn plain(text: &str) -> EmbedText<'_> {
    EmbedText { text, ..Default::default() }
}

/// Lines of a fixture: a JSON string, a tabulator, the rest.
fn fixture(lines: &str) -> Vec<(String, &str)> {
    let pair = |line| {
        let (text, rest) = str::split_once(line, '\t').expect("a tabulator");
        (serde_json::from_str(text).expect("a JSON string"), rest)
    };
    lines.lines().map(pair).collect()
}

#[test]
fn the_committed_weights_have_the_recorded_hash() {
    assert_eq!(blake3::hash(BUILTIN_WEIGHTS).to_hex().as_str(), BUILTIN_HASH);
}

#[test]
fn token_ids_equal_the_reference() {
    let tokenizer = builtin_tokenizer();
    let cases = fixture(include_str!("../../tests/fixtures/tokens.txt"));
    assert_eq!(cases.len(), 300);
    for (text, expected) in cases {
        // `7*3` stands for three times 7.
        let runs = expected.split_whitespace().map(|run| run.split_once('*').unwrap_or((run, "1")));
        let number = |text: &str| text.parse::<u32>().expect("a number");
        let expected: Vec<u32> =
            runs.flat_map(|(id, count)| vec![number(id); number(count) as usize]).collect();
        assert_eq!(tokenizer.tokens(&text), expected, "{text:?}");
    }
}

#[test]
fn vectors_are_near_the_float32_reference() {
    let embedder = builtin().unwrap();
    for (text, expected) in fixture(include_str!("../../tests/fixtures/golden.txt")) {
        let vector = embedder.embed_query(&text).unwrap().unwrap();
        assert_eq!(expected.len(), vector.len() * 2);
        let (mut dot, mut square) = (0.0f64, 0.0f64);
        for (i, &x) in vector.iter().enumerate() {
            let byte = u8::from_str_radix(&expected[i * 2..i * 2 + 2], 16).unwrap();
            let reference = f64::from(byte as i8);
            dot += reference * f64::from(x);
            square += reference * reference;
        }
        let cosine = dot / square.sqrt();
        assert!(cosine >= 0.998, "{cosine} for {text:?}");
    }
}

#[test]
fn every_kernel_set_gives_the_same_bits() {
    let long = "A long walk along the river ended at the old mill. ".repeat(8);
    let texts = ["one", "Bob is allergic to peanuts.", &long].map(plain);
    let results: Vec<_> = kernels::available()
        .iter()
        .map(|set| (set.name, builtin_on(set).unwrap().embed_documents(&texts).unwrap()))
        .collect();
    for (name, vectors) in &results {
        assert!(*vectors == results[0].1, "{name} differs from {}", results[0].0);
    }
}

#[test]
fn query_and_document_without_prefix_are_the_same_vector() {
    let embedder = builtin().unwrap();
    let documents = embedder.embed_documents(&[plain("green tea")]).unwrap();
    assert_eq!(embedder.embed_query("green tea").unwrap().as_ref(), Some(&documents[0][0]));
}

#[test]
fn text_that_fits_is_one_chunk_and_one_token_more_is_two() {
    let embedder = builtin().unwrap();
    // A window of 128 with start and end.
    let count = |words: usize| {
        let text = "tea ".repeat(words);
        embedder.embed_documents(&[plain(&text)]).unwrap()[0].len()
    };
    assert_eq!((count(126), count(127), count(126 + 110), count(126 + 111)), (1, 2, 2, 3));
}

#[test]
fn a_long_prefix_leaves_room_for_content() {
    let model = builtin_on(kernels::best()).unwrap();
    let title = "tea ".repeat(5000);
    let text = "milk ".repeat(500);
    let input = EmbedText { title: &title, people: &[], text: &text };
    // 126 - 32 tokens a chunk, each 16 less than that behind the one before.
    assert_eq!(model.embed_documents(&[input]).unwrap()[0].len(), 1 + (500usize - 94).div_ceil(78));
}

#[test]
fn chunks_cover_everything_and_overlap() {
    for length in [1, 62, 63, 190, 191, 1000] {
        for capacity in [62, 190, 254] {
            for every in [1, 3, 40, 10_000] {
                let continues = |at: usize| !at.is_multiple_of(every);
                let chunks = chunks(length, capacity, continues);
                assert_eq!((chunks[0].start, chunks[chunks.len() - 1].end), (0, length));
                assert!(chunks.iter().all(|chunk| (1..=capacity).contains(&chunk.len())));
                for pair in chunks.windows(2) {
                    assert!(pair[1].start > pair[0].start && pair[1].end > pair[0].end);
                    assert!(pair[0].end >= pair[1].start + OVERLAP_TOKENS, "{pair:?}");
                }
            }
        }
    }
}

#[test]
fn chunks_start_between_words() {
    let chunks = chunks(100, 62, |at| !at.is_multiple_of(5));
    assert_eq!(chunks, [0..60, 40..100]);
}

#[test]
fn pieces_of_any_text_spell_its_words() {
    use proptest::prelude::any;
    use proptest::test_runner::{Config, TestRunner};

    let tokenizer = builtin_tokenizer();
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::default() });
    let check = |text: String| {
        let tokens = tokenizer.tokens(&text);
        assert!(tokens.iter().all(|&id| (id as usize) < tokenizer.len()));
        // Every piece but a special one stands for text; spaces only divide.
        assert!(tokens.len() <= text.chars().count() * 4);
        assert_eq!(tokenizer.tokens(&format!(" {text}\n")), tokens);
        let halves: Vec<u32> =
            [&*text, "\u{4e2d}", &*text].iter().flat_map(|part| tokenizer.tokens(part)).collect();
        assert_eq!(tokenizer.tokens(&format!("{text} \u{4e2d} {text}")), halves);
        Ok(())
    };
    runner.run(&any::<String>(), check).expect("holds for every text");
}
