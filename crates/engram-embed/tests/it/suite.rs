//! The conformance suite on the embedders that need no other files.

use engram_embed::conformance::check_embedder;
use engram_embed::{FixedEmbedder, builtin};

#[test]
fn the_builtin_model_keeps_the_promises() {
    check_embedder(&*builtin().unwrap());
}

#[test]
fn the_fixed_embedder_keeps_the_promises() {
    check_embedder(&FixedEmbedder::new(64));
    check_embedder(&FixedEmbedder::new(384));
}

#[test]
fn related_texts_are_nearer_than_unrelated_ones() {
    let embedder = builtin().unwrap();
    let vector = |text: &str| embedder.embed_query(text).unwrap().unwrap();
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f32>();
    let question = vector("Who cannot eat nuts?");
    let near = dot(&question, &vector("Bob is allergic to peanuts."));
    let far = dot(&question, &vector("The train to Oslo was late again."));
    assert!(near > far + 0.3, "near {near}, far {far}");
}
