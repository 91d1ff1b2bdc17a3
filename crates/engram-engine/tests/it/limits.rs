//! Bad input: refused with the place and the reason, and nothing is stored.

use engram_engine::{
    Cue, EngineError, Filter, MetaCondition, MetaTest, MetaValue, Metadata, Mode, NewMemory,
    RememberOptions, TimeRange,
};

use crate::harness::{DIMENSION, Home, remember, text};

#[test]
fn memories_beyond_the_limits() {
    let home = Home::new();
    let engine = home.open();
    let refuse = |change: &dyn Fn(&mut NewMemory)| {
        let mut memory = text("a", "apples");
        change(&mut memory);
        remember(&engine, vec![memory], RememberOptions::default()).unwrap_err().to_string()
    };
    let deep = (0..9).fold(MetaValue::Null, |inner, _| {
        MetaValue::Map(Metadata::from([("x".to_owned(), inner)]))
    });
    let messages = [
        refuse(&|memory| memory.vector = Some(vec![1.0; 3])),
        refuse(&|memory| memory.vector = Some(vec![f32::NAN; DIMENSION as usize])),
        refuse(&|memory| memory.vector = Some(vec![0.0; DIMENSION as usize])),
        refuse(&|memory| memory.content.confidence = Some(1.5)),
        refuse(&|memory| memory.content.importance = Some(-0.1)),
        refuse(&|memory| memory.content.source.trust = Some(f32::NAN)),
        refuse(&|memory| memory.id = Some("x".repeat(10_000))),
        refuse(&|memory| memory.id = Some("a\u{7}b".into())),
        refuse(&|memory| memory.id = Some(String::new())),
        refuse(&|memory| memory.content.text = "x".repeat(1 << 20)),
        refuse(&|memory| memory.content.text = " \n ".into()),
        refuse(&|memory| memory.content.tags = vec!["t".into(); 10_000]),
        refuse(&|memory| memory.content.tags = vec!["t".repeat(129)]),
        refuse(&|memory| {
            memory.content.metadata = Metadata::from([("x".to_owned(), deep.clone())]);
        }),
        refuse(&|memory| {
            let big = MetaValue::Text("x".repeat(17 << 10));
            memory.content.metadata = Metadata::from([("x".to_owned(), big)]);
        }),
        refuse(&|memory| {
            let empty = MetaValue::List(vec![MetaValue::Text(String::new()); 3_000]);
            memory.content.metadata = Metadata::from([("x".to_owned(), empty)]);
        }),
        refuse(&|memory| {
            memory.content.occurred_at = Some(1);
            memory.content.occurred_until = Some(0);
        }),
    ];
    expect_test::expect![[r#"
        memories[0].vector: has 3 dimensions, the space has 512
        memories[0].vector: is not finite at position 0
        memories[0].vector: is the zero vector
        memories[0].confidence: is 1.5, must lie in [0, 1]
        memories[0].importance: is -0.1, must lie in [0, 1]
        memories[0].source.trust: is not finite at position 0
        memories[0].id: must be 1 to 256 bytes of printable UTF-8
        memories[0].id: must be 1 to 256 bytes of printable UTF-8
        memories[0].id: must be 1 to 256 bytes of printable UTF-8
        memories[0].text: has 1048576 bytes, at most 65536 are allowed
        memories[0].text: needs text, a vector or both
        memories[0].tags: has 10000 elements, at most 64 are allowed
        memories[0].tags[0]: must be 1 to 128 bytes of printable UTF-8
        memories[0].metadata: is nested deeper than 8 levels
        memories[0].metadata: has 17409 bytes, at most 16384 are allowed
        memories[0].metadata: has 24009 bytes, at most 16384 are allowed
        memories[0].occurred_until: ends before it starts"#]]
    .assert_eq(&messages.join("\n"));
    assert_eq!(engine.stats("default").unwrap().memories, 0);
}

#[test]
fn batches_and_keys() {
    let home = Home::new();
    let engine = home.open();
    let none = remember(&engine, Vec::new(), RememberOptions::default()).unwrap_err();
    let many = vec![text("a", "x"); 1_001];
    let many = remember(&engine, many, RememberOptions::default()).unwrap_err();
    let options =
        RememberOptions { idempotency_key: Some("\n".into()), ..RememberOptions::default() };
    let key = remember(&engine, vec![text("a", "x")], options).unwrap_err();
    let repeated = vec![text("a", "x"), text("a", "y")];
    let repeated = remember(&engine, repeated, RememberOptions::default()).unwrap_err();
    expect_test::expect![[r#"
        memories: must not be empty
        memories: has 1001 elements, at most 1000 are allowed
        idempotency_key: must be 1 to 256 bytes of printable UTF-8
        memories[1].id: repeats the id of an earlier item with other content"#]]
    .assert_eq(&[none, many, key, repeated].map(|error| error.to_string()).join("\n"));
}

#[test]
fn cues() {
    let home = Home::new();
    let engine = home.open();
    let refuse = |change: &dyn Fn(&mut Cue)| {
        let mut cue = Cue { text: "apples".into(), ..Cue::default() };
        change(&mut cue);
        engine.recall("default", &cue).unwrap_err().to_string()
    };
    let nested = |depth: usize| {
        (0..depth)
            .fold(Filter::default(), |inner, _| Filter { all: vec![inner], ..Filter::default() })
    };
    let messages = [
        refuse(&|cue| cue.text = String::new()),
        refuse(&|cue| cue.limit = 0),
        refuse(&|cue| cue.limit = 1_001),
        refuse(&|cue| cue.min_relevance = f32::NAN),
        refuse(&|cue| cue.vector = Some(vec![f32::INFINITY; DIMENSION as usize])),
        refuse(&|cue| cue.text = "x".repeat(1 << 20)),
        refuse(&|cue| {
            cue.mode = Mode::Keyword;
            cue.text = String::new();
            cue.vector = Some(vec![1.0; DIMENSION as usize]);
        }),
        refuse(&|cue| cue.filter = nested(1_000)),
        refuse(&|cue| cue.filter.ids = vec!["x".into(); 1_001]),
        refuse(&|cue| cue.filter.occurred = TimeRange { from: Some(2), until: Some(1) }),
    ];
    expect_test::expect![[r#"
        the cue is empty
        limit: is 0, must lie in [1, 1000]
        limit: is 1001, must lie in [1, 1000]
        min_relevance: is not finite at position 0
        vector: is not finite at position 0
        text: has 1048576 bytes, at most 65536 are allowed
        mode keyword is not possible: it needs text
        filter.and[0].and[0].and[0].and[0].and[0].and[0].and[0].and[0].and[0].and[0].and[0].and[0].and[0].and[0].and[0].and[0]: is nested deeper than 16 levels
        filter: has 1001 elements, at most 1000 are allowed
        filter.occurred: ends before it starts"#]]
    .assert_eq(&messages.join("\n"));
}

#[test]
fn an_exact_filter_on_metadata_selects() {
    let home = Home::new();
    let engine = home.open();
    for n in 0..20 {
        let mut memory = text(&format!("m{n}"), "apples");
        memory.content.metadata = Metadata::from([("n".to_owned(), MetaValue::Int(n))]);
        remember(&engine, vec![memory], RememberOptions::default()).unwrap();
    }
    let condition = MetaCondition {
        path: vec!["n".to_owned()],
        test: MetaTest::AtLeast(MetaValue::Float(17.5)),
    };
    let filter = Filter { metadata: vec![condition], ..Filter::default() };
    let cue = Cue { text: "apples".into(), filter, ..Cue::default() };
    let found = engine.recall("default", &cue).unwrap();
    assert_eq!(crate::harness::recalled_ids(&found), ["m18", "m19"]);
    assert_eq!(found.explanation.eligible, 2);
    let missing = engine.get("default", "absent");
    assert_eq!(missing, Err(EngineError::MemoryNotFound { id: "absent".into() }));
}
