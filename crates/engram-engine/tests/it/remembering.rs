//! Remember: what is acknowledged is there, once, after any restart.

use engram_engine::{
    Created, EngineError, Execution, Forget, ForgetMode, InvalidValue, Kind, MemoryContent,
    MetaValue, Metadata, Mode, NewMemory, OnInvalid, OwnDecay, RememberOptions, Selection, Source,
    State, Visibility,
};

use crate::harness::{DAY, Home, NOW, list_ids, recall, recalled_ids, remember, store, text};

fn keyed(key: &str) -> RememberOptions {
    RememberOptions { idempotency_key: Some(key.to_owned()), ..RememberOptions::default() }
}

#[test]
fn every_field_is_there_after_a_restart() {
    let home = Home::new();
    let content = MemoryContent {
        kind: Kind::Fact,
        title: "Keys".into(),
        text: "The spare keys hang behind the clock.".into(),
        session: "s1".into(),
        occurred_at: Some(NOW - 3 * DAY),
        occurred_until: Some(NOW - 2 * DAY),
        place: "hall".into(),
        people: vec!["Ana".into()],
        entities: vec!["clock".into()],
        tags: vec!["home".into()],
        metadata: Metadata::from([("floor".to_owned(), MetaValue::Int(2))]),
        source: Source { kind: "chat".into(), reference: "m/1".into(), trust: Some(0.5) },
        subject: "keys".into(),
        attribute: "place".into(),
        confidence: Some(0.9),
        importance: Some(0.1),
        valid_from: Some(NOW),
        valid_until: Some(NOW + DAY),
        expires_at: Some(NOW + 9 * DAY),
        decay: Some(OwnDecay::Pinned),
    };
    let memory = NewMemory { id: Some("k".into()), content: content.clone(), vector: None };
    let before = {
        let engine = home.open();
        let item = store(&engine, memory);
        assert_eq!((item.created, item.version, item.vectors), (Created::Now, 1, 1));
        engine.get("default", "k").unwrap()
    };
    let engine = home.open();
    let after = engine.get("default", "k").unwrap();
    assert_eq!(after, before);
    assert_eq!(after.memory.content, content);
    assert_eq!(after.memory.committed_at.0, NOW + 1, "the space was created at the same instant");
}

#[test]
fn ten_texts_without_vectors_are_ten_memories() {
    let home = Home::new();
    let texts: Vec<NewMemory> = (0..10)
        .map(|n| NewMemory {
            content: MemoryContent { text: format!("note {n}"), ..MemoryContent::default() },
            ..NewMemory::default()
        })
        .collect();
    {
        let engine = home.open();
        for memory in texts {
            store(&engine, memory);
        }
        assert_eq!(engine.stats("default").unwrap().memories, 10);
    }
    for _ in 0..2 {
        let engine = home.open();
        assert_eq!(list_ids(&engine, 3, Visibility::Active).len(), 10);
        engine.close().unwrap();
    }
}

#[test]
fn the_same_id_again_answers_as_before_or_conflicts() {
    let home = Home::new();
    let engine = home.open();
    let first = store(&engine, text("a", "one"));
    let again = store(&engine, text("a", "one"));
    assert_eq!((again.created, again.lsn), (Created::Before, first.lsn));
    let refused = remember(&engine, vec![text("a", "two")], RememberOptions::default());
    assert_eq!(refused, Err(EngineError::IdConflict { id: "a".into() }));
    assert_eq!(engine.stats("default").unwrap().lsn, first.lsn, "nothing was committed");
}

#[test]
fn a_queued_id_counts_before_it_is_durable() {
    let home = Home::new();
    let engine = home.open();
    let (sender, receiver) = std::sync::mpsc::channel();
    for content in ["one", "one", "two"] {
        let sender = sender.clone();
        let options = RememberOptions::default();
        let done = Box::new(move |outcome| sender.send(outcome).unwrap());
        engine.remember("default", vec![text("a", content)], &options, done);
    }
    assert!(receiver.try_recv().is_err(), "nothing is told before the sync that it rests on");
    assert_eq!(engine.drive().unwrap().commits, 1);
    let next = || receiver.try_recv().unwrap();
    assert_eq!(next().unwrap().items[0].as_ref().unwrap().created, Created::Now);
    assert_eq!(next().unwrap().items[0].as_ref().unwrap().created, Created::Before);
    assert_eq!(next(), Err(EngineError::IdConflict { id: "a".into() }));
}

#[test]
fn equal_content_is_reported_and_kept() {
    let home = Home::new();
    let engine = home.open();
    assert!(store(&engine, text("a", "tea")).duplicates.is_empty());
    assert_eq!(store(&engine, text("b", "tea")).duplicates, ["a"]);
    let both = vec![text("c", "tea"), text("d", "tea")];
    let answer = remember(&engine, both, RememberOptions::default()).unwrap();
    assert_eq!(answer.items[1].as_ref().unwrap().duplicates, ["a", "b", "c"]);
    assert_eq!(engine.stats("default").unwrap().memories, 4);
}

#[test]
fn duplicates_are_recallable_memories_that_hold_this_content_now() {
    let home = Home::new();
    let engine = home.open();
    store(&engine, text("hidden", "tea"));
    store(&engine, text("changed", "tea"));
    let (sender, receiver) = std::sync::mpsc::channel();
    let change = |id: &str, mode: ForgetMode| {
        let selection = Selection::Ids(vec![id.to_owned()]);
        let (execution, principal) = (Execution::Commit, String::new());
        let request = Forget { selection, mode, purge: Default::default(), execution, principal };
        engine.forget("default", request, Box::new(|outcome| assert!(outcome.is_ok())));
    };
    change("hidden", ForgetMode::Suppress);
    change("changed", ForgetMode::Delete);
    for memory in [text("changed", "coffee"), text("new", "tea"), text("last", "tea")] {
        let sender = sender.clone();
        let done = Box::new(move |outcome| sender.send(outcome).unwrap());
        engine.remember("default", vec![memory], &RememberOptions::default(), done);
    }
    engine.drive().unwrap();
    let duplicates: Vec<Vec<String>> = receiver
        .try_iter()
        .map(|outcome: Result<engram_engine::Remembered, EngineError>| {
            outcome.unwrap().items[0].as_ref().unwrap().duplicates.clone()
        })
        .collect();
    assert_eq!(duplicates, [vec![], vec![], vec!["new".to_owned()]]);
}

#[test]
fn an_expired_id_is_free_and_a_suppressed_one_says_so() {
    let home = Home::new();
    {
        let engine = home.open();
        let mut expiring = text("a", "one");
        expiring.content.expires_at = Some(NOW + DAY);
        store(&engine, expiring);
        home.clock.advance(DAY);
        let again = store(&engine, text("a", "two"));
        assert_eq!(again.created, Created::Now);
        assert_eq!(engine.stats("default").unwrap().memories, 1);
        let selection = Selection::Ids(vec!["a".to_owned()]);
        let (mode, execution) = (ForgetMode::Suppress, Execution::Commit);
        crate::harness::forget(&engine, selection, mode, execution).unwrap();
        let hidden = store(&engine, text("a", "two"));
        assert_eq!((hidden.created, hidden.state), (Created::Before, State::Suppressed));
    }
    let engine = home.open();
    assert_eq!(list_ids(&engine, 10, Visibility::Suppressed), ["a"]);
    assert_eq!(engine.stats("default").unwrap().memories, 0);
}

#[test]
fn keys_of_one_space_do_not_age_by_the_commits_of_another() {
    let home = Home::new();
    {
        let engine = home.open();
        crate::harness::create_space(&engine, &crate::harness::space("other")).unwrap();
        remember(&engine, vec![text("a", "once")], keyed("k")).unwrap();
        home.clock.advance(2 * DAY);
        crate::harness::settle(&engine, |done| {
            engine.remember("other", vec![text("b", "x")], &RememberOptions::default(), done);
        })
        .unwrap();
        home.clock.set(NOW);
    }
    let engine = home.open();
    let other = remember(&engine, vec![text("x", "other")], keyed("k"));
    assert_eq!(other, Err(EngineError::IdempotencyConflict { key: "k".into() }));
}

#[test]
fn what_is_there_is_not_embedded_again_but_stored_again_when_deleted() {
    let home = Home::new();
    let engine = home.open();
    store(&engine, text("a", "one"));
    let prepared = engine.prepare("default", vec![text("a", "one")], 0).unwrap();
    let selection = Selection::Ids(vec!["a".to_owned()]);
    let (mode, execution) = (ForgetMode::Delete, Execution::Commit);
    crate::harness::forget(&engine, selection, mode, execution).unwrap();
    let options = RememberOptions { on_invalid: OnInvalid::KeepOthers, ..keyed("k") };
    let raced = crate::harness::settle(&engine, |done| {
        engine.remember_prepared(prepared, &options, done);
    });
    assert_eq!(raced, Err(EngineError::Raced { id: "a".into() }));
    let again = remember(&engine, vec![text("a", "one")], options).unwrap();
    assert_eq!(again.items[0].as_ref().unwrap().created, Created::Now, "no key was kept");
    assert_eq!(again.items[0].as_ref().unwrap().vectors, 1);
}

#[test]
fn a_batch_is_one_commit_and_all_or_nothing() {
    let home = Home::new();
    let engine = home.open();
    let bad = NewMemory { id: Some("bad".into()), ..NewMemory::default() };
    let batch = vec![text("a", "one"), bad, text("b", "two")];
    let refused = remember(&engine, batch.clone(), RememberOptions::default());
    let expected = EngineError::invalid("memories[1].text", InvalidValue::NoContent);
    assert_eq!(refused, Err(expected.clone()));
    assert_eq!(engine.stats("default").unwrap().memories, 0);

    let partial =
        RememberOptions { on_invalid: OnInvalid::KeepOthers, ..RememberOptions::default() };
    let answer = remember(&engine, batch, partial).unwrap();
    assert_eq!(answer.items[1], Err(expected));
    let lsns: Vec<u64> = answer.items.iter().flatten().map(|item| item.lsn.0).collect();
    assert_eq!(lsns, [answer.lsn.0; 2]);
    assert_eq!(list_ids(&engine, 10, Visibility::Active), ["a", "b"]);
}

#[test]
fn an_idempotency_key_answers_for_a_day_also_after_a_restart() {
    let home = Home::new();
    let anonymous = || NewMemory { id: None, ..text("", "once") };
    let first = {
        let engine = home.open();
        remember(&engine, vec![anonymous()], keyed("k")).unwrap()
    };
    let engine = home.open();
    for _ in 0..3 {
        assert_eq!(remember(&engine, vec![anonymous()], keyed("k")).unwrap(), first);
    }
    assert_eq!(engine.stats("default").unwrap().memories, 1);
    let other = remember(&engine, vec![text("x", "other")], keyed("k"));
    assert_eq!(other, Err(EngineError::IdempotencyConflict { key: "k".into() }));
    home.clock.advance(DAY + 2);
    let later = remember(&engine, vec![anonymous()], keyed("k")).unwrap();
    assert_ne!(later, first);
    assert_eq!(engine.stats("default").unwrap().memories, 2);
}

#[test]
fn a_retry_by_key_repeats_refusals_too() {
    let home = Home::new();
    let engine = home.open();
    store(&engine, text("taken", "one"));
    let blank = NewMemory { id: Some("blank".into()), ..NewMemory::default() };
    let batch = vec![text("a", "x"), text("a", "y"), text("taken", "two"), blank, text("b", "z")];
    let options = RememberOptions { on_invalid: OnInvalid::KeepOthers, ..keyed("k") };
    let first = remember(&engine, batch.clone(), options.clone()).unwrap();
    let refused = [false, true, true, true, false];
    assert_eq!(first.items.iter().map(Result::is_err).collect::<Vec<_>>(), refused);
    assert_eq!(remember(&engine, batch.clone(), options.clone()).unwrap(), first);
    drop(engine);
    assert_eq!(remember(&home.open(), batch, options).unwrap(), first);
}

#[test]
fn a_memory_is_recallable_when_it_is_acknowledged() {
    let home = Home::new();
    let engine = home.open();
    for n in 0..600 {
        let id = format!("m{n}");
        store(&engine, text(&id, &format!("entry number{n} of the book")));
        for mode in Mode::ALL {
            let found = recall(&engine, mode, &format!("number{n}"));
            assert_eq!(recalled_ids(&found)[0], id, "{mode:?}");
        }
    }
}

#[test]
fn commit_times_grow_while_the_clock_stands_or_jumps_back() {
    let home = Home::new();
    let engine = home.open();
    let mut last = 0;
    for n in 0..5 {
        let item = store(&engine, text(&n.to_string(), "x"));
        assert!(item.committed_at.0 > last);
        last = item.committed_at.0;
        home.clock.set(NOW - i64::from(n) * DAY);
    }
}
