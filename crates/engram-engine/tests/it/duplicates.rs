//! What becomes of a memory that says what another one says: kept, merged or refused.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;

use engram_engine::{
    Created, DuplicatePolicy, EMBEDDER_NONE, Engine, EngineError, ForgetMode, MemoryContent,
    NewMemory, NewSpace, OnInvalid, RememberOptions, Remembered, RememberedItem, Source, Update,
    VectorChange,
};

use crate::associating::link_all;
use crate::harness::{DAY, Home, NOW, create_space, forget, ids, remember, restore, settle, space};

fn home(policy: DuplicatePolicy) -> Home {
    let mut home = Home::new();
    home.settings.default_space = Some(NewSpace { duplicates: policy, ..space("default") });
    home
}

fn says(text: &str) -> NewMemory {
    let content = MemoryContent { text: text.to_owned(), ..MemoryContent::default() };
    NewMemory { content, ..NewMemory::default() }
}

fn from(text: &str, reference: &str) -> NewMemory {
    let mut memory = says(text);
    memory.content.source =
        Source { kind: "chat".into(), reference: reference.into(), trust: None };
    memory
}

fn all(engine: &Engine, memories: Vec<NewMemory>) -> Result<Remembered, EngineError> {
    remember(engine, memories, RememberOptions::default())
}

fn one(engine: &Engine, memory: NewMemory) -> Result<RememberedItem, EngineError> {
    all(engine, vec![memory])?.items.remove(0)
}

fn named(id: &str, memory: NewMemory) -> NewMemory {
    NewMemory { id: Some(id.to_owned()), ..memory }
}

fn is_duplicate_of<T: std::fmt::Debug>(answer: Result<T, EngineError>, id: &str) {
    let same = matches!(&answer, Err(EngineError::Duplicate { id: found }) if found == id);
    assert!(same, "expected a refusal for {id}, got {answer:?}");
}

#[test]
fn a_repetition_is_merged_counts_and_survives_a_restart() {
    let home = home(DuplicatePolicy::Merge);
    let engine = home.open();
    let first = one(&engine, from("Ada moved to Zurich.", "a")).unwrap();
    home.clock.set(NOW + 3 * DAY);
    let before = engine.stats("default").unwrap();
    let again = one(&engine, from("ada moved  to Zurich", "b")).unwrap();
    assert_eq!((&again.id, again.created, again.lsn), (&first.id, Created::Merged, first.lsn));
    let after = engine.stats("default").unwrap();
    assert_eq!((after.memories, after.lsn.0), (1, before.lsn.0 + 1), "in the log, not beside it");
    let known = engine.get("default", &first.id).unwrap();
    assert_eq!((known.strength.uses, known.strength.used_at), (1, Some(NOW + 3 * DAY)));
    assert_eq!(known.confidence.evidence, 2, "another source says so");
    // The same source again is no evidence, and what happened earlier was said earlier.
    home.clock.set(NOW + 9 * DAY);
    let mut earlier = from("Ada moved to Zurich!", "a");
    earlier.content.occurred_at = Some(NOW + 8 * DAY);
    assert_eq!(one(&engine, earlier).unwrap().created, Created::Merged);
    let known = engine.get("default", &first.id).unwrap();
    assert_eq!((known.strength.used_at, known.confidence.evidence), (Some(NOW + 8 * DAY), 2));
    let learned = engine.stats("default").unwrap().learned_sum;
    let engine = home.open_again(engine);
    assert_eq!(engine.stats("default").unwrap().learned_sum, learned, "replayed alike");
    assert_eq!(one(&engine, says("ADA MOVED TO ZURICH")).unwrap().id, first.id);
}

#[test]
fn nothing_that_is_stated_is_lost_in_a_merge() {
    let home = home(DuplicatePolicy::Merge);
    let engine = home.open();
    let mut rich = says("Tea at five.");
    rich.content.tags = vec!["tea".into(), "daily".into()];
    let first = one(&engine, rich).unwrap();
    let mut less = says("tea at five");
    less.content.tags = vec!["tea".into()];
    assert_eq!(one(&engine, less).unwrap().created, Created::Merged);
    let mut more = says("tea at five");
    more.content.place = "garden".into();
    let kept = one(&engine, more).unwrap();
    assert_eq!((kept.created, &kept.duplicates), (Created::Now, &Vec::new()));
    assert_eq!(kept.near_duplicates, Some(vec![first.id.clone()]));
    let own = one(&engine, named("mine", says("Tea at five."))).unwrap();
    assert_eq!(own.created, Created::Now, "who gives an id will ask for it");
    assert_eq!(own.near_duplicates.unwrap(), [first.id, kept.id]);
    assert_eq!(engine.get("default", "mine").unwrap().memory.content.text, "Tea at five.");
}

#[test]
fn what_is_trusted_differently_is_not_merged() {
    let home = home(DuplicatePolicy::Merge);
    let engine = home.open();
    let of = |trust: Option<f32>| {
        let mut memory = says("Tea at five.");
        memory.content.source.trust = trust;
        memory
    };
    let known = one(&engine, of(None)).unwrap();
    let doubted = one(&engine, of(Some(0.5))).unwrap();
    assert_eq!(doubted.created, Created::Now);
    assert_eq!(engine.get("default", &known.id).unwrap().strength.uses, 0);
    let again = one(&engine, of(Some(0.5))).unwrap();
    assert_eq!((again.created, again.id), (Created::Merged, doubted.id));
    let trusted = one(&engine, of(Some(0.75))).unwrap();
    assert_eq!(trusted.created, Created::Now, "a doubtful one takes no trusted statement in");
    let known_again = one(&engine, of(None)).unwrap();
    assert_eq!((known_again.created, known_again.id), (Created::Merged, known.id));
}

#[test]
fn a_batch_is_merged_into_itself_and_its_answer_is_kept_by_the_key() {
    let home = home(DuplicatePolicy::Merge);
    let engine = home.open();
    let batch = || vec![says("one"), says("two"), says("One!"), says("three"), says("TWO")];
    let options = RememberOptions { idempotency_key: Some("k".into()), ..Default::default() };
    let answer = remember(&engine, batch(), options.clone()).unwrap();
    let items: Vec<&RememberedItem> = answer.items.iter().flatten().collect();
    let created: Vec<Created> = items.iter().map(|item| item.created).collect();
    use Created::{Merged, Now};
    assert_eq!(created, [Now, Now, Merged, Now, Merged]);
    assert_eq!((&items[2].id, &items[4].id), (&items[0].id, &items[1].id));
    assert_eq!(engine.get("default", &items[0].id).unwrap().strength.uses, 1);
    engine.close().unwrap();
    let engine = home.open_again(engine);
    let lsn = engine.stats("default").unwrap().lsn;
    assert_eq!(remember(&engine, batch(), options).unwrap(), answer);
    assert_eq!(engine.stats("default").unwrap().lsn, lsn, "a retry is no repetition");
}

#[test]
fn a_duplicate_is_refused_with_the_id_of_the_earlier_one() {
    let home = home(DuplicatePolicy::Reject);
    let engine = home.open();
    let tea = one(&engine, named("tea", says("Tea at five."))).unwrap();
    let lsn = tea.lsn;
    is_duplicate_of(one(&engine, says("Tea at five.")), "tea");
    is_duplicate_of(one(&engine, named("other", says(" tea at FIVE"))), "tea");
    is_duplicate_of(all(&engine, vec![says("coffee"), says("tea at five")]), "tea");
    assert_eq!(engine.stats("default").unwrap().lsn, lsn, "all or nothing");
    let again = one(&engine, named("tea", says("Tea at five."))).unwrap();
    assert_eq!((again.created, again.lsn), (Created::Before, lsn), "the same id is no duplicate");
    let coffee = vec![named("c", says("coffee")), says("Coffee."), says("milk")];
    is_duplicate_of(all(&engine, coffee), "c");
    // What is hidden or gone is in nobody's way.
    forget(&engine, ids(&["tea"]), ForgetMode::Suppress, engram_engine::Execution::Commit).unwrap();
    assert_eq!(one(&engine, says("tea at five")).unwrap().created, Created::Now);
    restore(&engine, ids(&["tea"])).unwrap();
    is_duplicate_of(one(&engine, says("Tea at five")), "tea");
}

#[test]
fn a_partial_batch_tells_each_refusal_and_a_retry_tells_it_again() {
    let home = home(DuplicatePolicy::Reject);
    let engine = home.open();
    one(&engine, named("tea", says("tea"))).unwrap();
    let batch = || vec![says("Tea"), named("c", says("coffee")), says("coffee!")];
    let options = RememberOptions {
        on_invalid: OnInvalid::KeepOthers,
        idempotency_key: Some("k".into()),
        ..RememberOptions::default()
    };
    let answer = remember(&engine, batch(), options.clone()).unwrap();
    is_duplicate_of(answer.items[0].clone(), "tea");
    assert_eq!(answer.items[1].as_ref().unwrap().created, Created::Now);
    is_duplicate_of(answer.items[2].clone(), "c");
    engine.close().unwrap();
    let engine = home.open_again(engine);
    assert_eq!(remember(&engine, batch(), options).unwrap(), answer);
}

#[test]
fn what_is_queued_counts_before_it_is_durable() {
    for policy in [DuplicatePolicy::Merge, DuplicatePolicy::Reject] {
        let home = home(policy);
        let engine = home.open();
        one(&engine, named("x", says("nothing yet"))).unwrap();
        let (sender, receiver) = mpsc::channel();
        let send = |memory: NewMemory| {
            let sender = sender.clone();
            let done = Box::new(move |outcome| sender.send(outcome).unwrap());
            engine.remember("default", vec![memory], &RememberOptions::default(), done);
        };
        send(named("a", says("tea")));
        send(says("Tea."));
        let update = Update {
            id: "x".into(),
            content: says("milk").content,
            fields: vec![engram_engine::ContentField::Text],
            vector: VectorChange::Keep,
            ..Update::default()
        };
        engine.update("default", update, Box::new(|outcome| drop(outcome.unwrap())));
        send(says("Milk!"));
        assert!(receiver.try_recv().is_err(), "nothing is told before the sync that it rests on");
        engine.drive().unwrap();
        let next = || receiver.try_recv().unwrap();
        assert_eq!(next().unwrap().items[0].as_ref().unwrap().created, Created::Now);
        for id in ["a", "x"] {
            match policy {
                DuplicatePolicy::Reject => is_duplicate_of(next(), id),
                _ => {
                    let answer = next().unwrap();
                    let item = answer.items[0].as_ref().unwrap();
                    assert_eq!((item.created, item.id.as_str()), (Created::Merged, id));
                }
            }
        }
        assert_eq!(engine.stats("default").unwrap().memories, 2);
    }
}

#[test]
fn of_writers_at_once_one_gets_in() {
    const ROUNDS: u32 = 60;
    let home = home(DuplicatePolicy::Reject);
    let engine = home.open();
    let stored = AtomicU32::new(0);
    let over = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for round in 0..ROUNDS {
                    let (sender, receiver) = mpsc::channel();
                    let done = Box::new(move |outcome| sender.send(outcome).unwrap());
                    let memory = says(&format!("round {round}"));
                    engine.remember("default", vec![memory], &RememberOptions::default(), done);
                    let answer = receiver.recv().unwrap();
                    if let Err(error) = &answer {
                        assert!(matches!(error, EngineError::Duplicate { .. }), "{error}");
                    }
                    stored.fetch_add(u32::from(answer.is_ok()), Ordering::Relaxed);
                }
                over.fetch_add(1, Ordering::Relaxed);
            });
        }
        while over.load(Ordering::Relaxed) < 3 {
            engine.drive().unwrap();
            std::thread::yield_now();
        }
    });
    assert_eq!(stored.into_inner(), ROUNDS);
    assert_eq!(engine.stats("default").unwrap().memories, u64::from(ROUNDS));
}

#[test]
fn without_vectors_the_words_decide() {
    let home = Home::new();
    let engine = home.open();
    let new = NewSpace {
        embedder: EMBEDDER_NONE.to_owned(),
        dimension: Some(4),
        duplicates: DuplicatePolicy::Reject,
        ..space("words")
    };
    create_space(&engine, &new).unwrap();
    let send = |memory: NewMemory| {
        let options = RememberOptions::default();
        settle(&engine, |done| engine.remember("words", vec![memory], &options, done))
    };
    send(named("a", says("The cat sat on the mat."))).unwrap();
    is_duplicate_of(send(says("the cat sat on the mat")), "a");
    send(says("the mat sat on the cat")).unwrap();
    let with_vector =
        |text: &str, vector: [f32; 4]| NewMemory { vector: Some(vector.to_vec()), ..says(text) };
    send(named("v", with_vector("a dog", [1.0, 0.0, 0.0, 0.0]))).unwrap();
    send(named("w", with_vector("A dog", [0.0, 1.0, 0.0, 0.0]))).unwrap();
    is_duplicate_of(send(with_vector("A dog.", [0.99, 0.01, 0.0, 0.0])), "v");
}

#[test]
fn near_duplicates_are_found_where_they_are_asked_for_and_kept_ones_are_repetitions() {
    let home = Home::new();
    let engine = home.open();
    let first = one(&engine, from("Tea at five", "a")).unwrap();
    let mut answer = all(&engine, vec![from("tea at five.", "b"), says("coffee")]).unwrap();
    assert_eq!(answer.items[0].as_ref().unwrap().near_duplicates, None, "nobody looked");
    engine.find_near_duplicates("default", &mut answer).unwrap();
    let near = |place: usize| answer.items[place].as_ref().unwrap().near_duplicates.clone();
    assert_eq!((near(0), near(1)), (Some(vec![first.id.clone()]), Some(Vec::new())));
    while engine.link(100).unwrap().more {
        engine.drive().unwrap();
    }
    engine.drive().unwrap();
    let known = engine.get("default", &first.id).unwrap();
    assert_eq!((known.strength.uses, known.confidence.evidence), (1, 2));
}

#[test]
fn what_is_superseded_and_said_again_is_news() {
    for policy in [DuplicatePolicy::Merge, DuplicatePolicy::Reject] {
        let engine = home(policy).open();
        let costs = |price: &str| {
            let mut memory = says(&format!("It costs {price}."));
            memory.content.subject = "The plan".to_owned();
            memory.content.attribute = "price".to_owned();
            let item = one(&engine, memory).unwrap();
            link_all(&engine);
            item
        };
        let (ten, twelve) = (costs("10"), costs("12"));
        let again = costs("10");
        assert_eq!(again.created, Created::Now, "{policy:?}");
        let by = |item: &RememberedItem| engine.get("default", &item.id).unwrap().superseded_by;
        assert_eq!(
            [by(&ten), by(&twelve), by(&again)],
            [Some(twelve.id), Some(again.id.clone()), None]
        );
    }
}
