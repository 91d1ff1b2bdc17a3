//! What every embedder promises, as one suite that is run on every implementation.

use crate::embedder::{EmbedText, Embedder};

/// Checks an embedder against the promises of the [`Embedder`] trait.
///
/// # Panics
/// When a promise is broken or the embedder returns an error.
pub fn check_embedder(embedder: &dyn Embedder) {
    assert!(embedder.identity().dimension >= 1, "vectors have a dimension");
    assert!(!embedder.identity().provider.is_empty(), "the provider has a name");
    check_blank(embedder);
    check_batches(embedder);
    check_prefix(embedder);
    check_long_text(embedder);
}

fn documents(embedder: &dyn Embedder, inputs: &[EmbedText<'_>]) -> Vec<Vec<Vec<f32>>> {
    let vectors = embedder.embed_documents(inputs).expect("the embedder works");
    assert_eq!(vectors.len(), inputs.len(), "one list for each input");
    for vector in vectors.iter().flatten() {
        check_vector(embedder, vector);
    }
    vectors
}

fn query(embedder: &dyn Embedder, text: &str) -> Option<Vec<f32>> {
    let vector = embedder.embed_query(text).expect("the embedder works");
    if let Some(vector) = &vector {
        check_vector(embedder, vector);
    }
    vector
}

fn check_vector(embedder: &dyn Embedder, vector: &[f32]) {
    assert_eq!(vector.len(), embedder.identity().dimension as usize, "the identity's dimension");
    let square: f64 = vector.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
    assert!((square - 1.0).abs() < 1e-5, "unit norm, not {square}");
}

fn plain(text: &str) -> EmbedText<'_> {
    EmbedText { text, ..Default::default() }
}

fn check_blank(embedder: &dyn Embedder) {
    for blank in ["", "  ", "\t\r\n", "\u{200b}\u{feff}", "\u{0}\u{7f}", "\u{a0}\u{3000}"] {
        assert!(query(embedder, blank).is_none(), "no vector for blank {blank:?}");
        let titled = EmbedText { title: "Title", people: &[], text: blank };
        assert!(documents(embedder, &[titled])[0].is_empty(), "no vector for blank {blank:?}");
    }
    for visible in ["a", "?", "\u{4e2d}", "\u{1f600}", "\u{5d0}"] {
        assert!(query(embedder, visible).is_some(), "a vector for {visible:?}");
    }
    assert!(documents(embedder, &[]).is_empty(), "nothing for nothing");
}

fn check_batches(embedder: &dyn Embedder) {
    let long = "The river was low that summer and the boats lay in the mud. ".repeat(40);
    let mut inputs: Vec<EmbedText<'_>> =
        ["one", "Ann likes green tea.", "", &long, "Bob does not.", "one"].map(plain).to_vec();
    let together = documents(embedder, &inputs);
    assert!(together == documents(embedder, &inputs), "the same text has the same vectors");
    assert_eq!(together[0], together[5], "the place in a batch does not matter");
    assert!(together[1] != together[4], "different texts differ");
    for (input, vectors) in inputs.iter().zip(&together) {
        assert!(documents(embedder, &[*input])[0] == *vectors, "alone as in a batch");
    }
    inputs.reverse();
    let mut reversed = documents(embedder, &inputs);
    reversed.reverse();
    assert!(reversed == together, "the order of a batch does not matter");
}

fn check_prefix(embedder: &dyn Embedder) {
    let people = ["Ann".to_owned()];
    let variants = [
        plain("likes green tea"),
        EmbedText { title: "Drinks", ..plain("likes green tea") },
        EmbedText { people: &people, ..plain("likes green tea") },
        EmbedText { title: "Drinks", people: &people, ..plain("likes green tea") },
    ];
    let vectors = documents(embedder, &variants);
    for (i, vector) in vectors.iter().enumerate() {
        assert_eq!(vector.len(), 1, "short text has one vector");
        assert!(!vectors[..i].contains(vector), "title and people change the vector");
    }
}

fn check_long_text(embedder: &dyn Embedder) {
    // The last sentence stands far behind the first window.
    let filler = "The river was low that summer and the boats lay in the mud. ".repeat(60);
    let long = format!("{filler}Ann likes green tea.");
    let other = format!("{filler}Quarterly tax report.");
    let vectors = documents(embedder, &[plain(&long), plain(&other)]);
    assert!(vectors[0].len() > 1, "long text has several vectors");
    assert!(vectors[0] != vectors[1], "the end of a long text counts");
    assert!(query(embedder, &long).is_some(), "a long query has one vector");
    assert!(query(embedder, &long) != query(embedder, &other), "the end of a long query counts");
    let word = "x".repeat(20_000);
    assert!(!documents(embedder, &[plain(&word)])[0].is_empty(), "an endless word has a vector");
}
