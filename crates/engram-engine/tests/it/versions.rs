//! Newer versions of memories: they take over at once and for good, and the older ones are told by the history only.

use engram_engine::{
    AsOf, Associate, AssociationQuery, ContentField, Created, Cue, EdgeDirection, EdgeKind, Effect,
    Engine, EngineError, Execution, Filter, ForgetMode, History, HistoryQuery, InvalidValue,
    ListQuery, MemoryContent, Mode, NewMemory, RememberOptions, Update, Updated, VectorChange,
    Visibility,
};
use engram_store::Lsn;

use crate::associating::link_all;
use crate::harness::{
    DAY, Home, NOW, cue, forget, ids, list_ids, recall, recalled_ids, remember, restore, settle,
    store, text,
};

pub(crate) fn says(id: &str, text: &str) -> Update {
    Update {
        id: id.to_owned(),
        content: MemoryContent { text: text.to_owned(), ..MemoryContent::default() },
        fields: vec![ContentField::Text],
        ..Update::default()
    }
}

pub(crate) fn update(engine: &Engine, request: Update) -> Result<Updated, EngineError> {
    settle(engine, |done| engine.update("default", request, done))
}

/// All versions, newest first, read two at a time.
fn history_of(engine: &Engine, id: &str) -> Result<History, EngineError> {
    let mut query = HistoryQuery { id: id.to_owned(), before: None, limit: 2 };
    let mut all = engine.history("default", &query)?;
    while let Some(next) = all.next {
        query.before = Some(next);
        let page = engine.history("default", &query)?;
        assert!((1..=2).contains(&page.versions.len()));
        all.versions.extend(page.versions);
        all.next = page.next;
    }
    Ok(all)
}

/// The texts of all versions, newest first.
fn texts(engine: &Engine, id: &str) -> Vec<String> {
    let history = history_of(engine, id).unwrap();
    history.versions.iter().map(|version| version.memory.content.text.clone()).collect()
}

fn found(engine: &Engine, word: &str) -> Vec<String> {
    recalled_ids(&recall(engine, Mode::Keyword, word))
}

fn small() -> Home {
    let mut home = Home::of_dimension(8);
    home.settings.tail_memories_max = 4;
    home.settings.deleted_kept_ns = 0;
    home
}

/// Maintains until nothing is left to do.
fn settle_down(engine: &Engine) {
    while engine.maintain(10_000).unwrap().more {}
}

#[test]
fn the_newest_version_is_the_only_one_that_counts() {
    let home = Home::new();
    let engine = home.open();
    store(&engine, text("other", "a granite wall"));
    let first = store(&engine, text("m", "the ferry leaves at noon"));
    let before = engine.stats("default").unwrap();
    let answer = update(&engine, says("m", "the train leaves at dawn")).unwrap();
    assert_eq!((answer.version, answer.created, answer.vectors), (2, Created::Now, 1));
    assert!(answer.lsn > first.lsn);
    let detail = engine.get("default", "m").unwrap();
    assert_eq!(detail.memory.content.text, "the train leaves at dawn");
    assert_eq!((detail.memory.version, detail.memory.lsn), (2, answer.lsn));
    assert_eq!(found(&engine, "ferry"), Vec::<String>::new());
    assert_eq!(found(&engine, "train"), ["m"]);
    let similar = recall(&engine, Mode::Similarity, "the ferry leaves at noon");
    assert_eq!(similar.items.iter().filter(|item| item.detail.memory.id == "m").count(), 1);
    assert_eq!(list_ids(&engine, 10, Visibility::All), ["other", "m"]);
    let after = engine.stats("default").unwrap();
    assert_eq!((after.memories, after.vectors), (before.memories, before.vectors));
    assert_ne!(after.state_sum, before.state_sum);
    // What it says is taken; what it said is free.
    let again = store(&engine, text("m", "the train leaves at dawn"));
    assert_eq!((again.created, again.version), (Created::Before, 2));
    let twin = store(&engine, text("twin", "the ferry leaves at noon"));
    assert_eq!(twin.duplicates, Vec::<String>::new());
    let refused =
        remember(&engine, vec![text("m", "the ferry leaves at noon")], RememberOptions::default());
    assert!(matches!(refused, Err(EngineError::IdConflict { .. })), "{refused:?}");
}

#[test]
fn a_history_has_every_version_with_its_time_and_reason() {
    let home = Home::new();
    let engine = home.open();
    store(&engine, text("m", "one"));
    home.clock.advance(DAY);
    let reason = "it was wrong".to_owned();
    let principal = "ann".to_owned();
    update(&engine, Update { reason, principal, ..says("m", "two") }).unwrap();
    home.clock.advance(DAY);
    update(&engine, says("m", "three")).unwrap();
    let history = history_of(&engine, "m").unwrap();
    let versions: Vec<_> = history.versions.iter().map(|version| &version.memory).collect();
    assert_eq!(versions.iter().map(|memory| memory.version).collect::<Vec<_>>(), [3, 2, 1]);
    assert_eq!(
        (versions[1].reason.as_str(), versions[1].principal.as_str()),
        ("it was wrong", "ann")
    );
    assert_eq!((versions[0].reason.as_str(), versions[2].reason.as_str()), ("", ""));
    let replaced: Vec<_> = history.versions.iter().map(|version| version.replaced_at).collect();
    assert_eq!(replaced, [None, Some(versions[0].committed_at), Some(versions[1].committed_at)]);
    assert_eq!(versions[0].first_committed_at, versions[2].committed_at);
    let missing = history_of(&engine, "nobody");
    assert!(matches!(missing, Err(EngineError::MemoryNotFound { .. })), "{missing:?}");
}

#[test]
fn a_patch_changes_what_it_names_and_keeps_the_rest() {
    let home = Home::new();
    let engine = home.open();
    let mut memory = text("m", "the ferry leaves");
    memory.content.title = "Ferry".to_owned();
    memory.content.tags = vec!["a".to_owned(), "b".to_owned()];
    memory.content.occurred_at = Some(NOW - DAY);
    store(&engine, memory.clone());
    let content = MemoryContent { tags: vec!["c".to_owned()], ..MemoryContent::default() };
    let fields = vec![ContentField::Tags, ContentField::Title];
    let request = Update { id: "m".to_owned(), content, fields, ..Update::default() };
    let vectors = engine.get("default", "m").unwrap().vectors;
    assert_eq!(update(&engine, request.clone()).unwrap().version, 2);
    let now = engine.get("default", "m").unwrap();
    let mut expected = memory.content;
    (expected.tags, expected.title) = (vec!["c".to_owned()], String::new());
    assert_eq!(now.memory.content, expected);
    assert_ne!(now.vectors, vectors, "the title is embedded");
    // The same again changes nothing.
    let same = update(&engine, request).unwrap();
    assert_eq!((same.version, same.created, same.lsn), (2, Created::Before, now.memory.lsn));
    // All fields: the whole content.
    let whole = Update { fields: ContentField::ALL.to_vec(), ..says("m", "only this") };
    update(&engine, whole).unwrap();
    let now = engine.get("default", "m").unwrap().memory.content.clone();
    assert_eq!(now, MemoryContent { text: "only this".to_owned(), ..MemoryContent::default() });
    // What it comes to is checked like any memory.
    let blank = update(&engine, says("m", " "));
    let problem = InvalidValue::NoContent;
    assert_eq!(blank, Err(EngineError::Invalid { field: "text".to_owned(), problem }));
}

#[test]
fn a_given_vector_stays_until_it_is_replaced_or_cleared() {
    let home = Home::of_dimension(4);
    let engine = home.open();
    let vector = Some(vec![3.0, 0.0, 4.0, 0.1]);
    store(&engine, NewMemory { vector, ..text("m", "the ferry") });
    let given = engine.get("default", "m").unwrap().vectors;
    update(&engine, says("m", "the train")).unwrap();
    assert_eq!(engine.get("default", "m").unwrap().vectors, given);
    let set = VectorChange::Set(vec![0.0, 2.0, 0.0, 0.0]);
    let request = Update { id: "m".to_owned(), vector: set, ..Update::default() };
    assert_eq!(update(&engine, request).unwrap().version, 3);
    assert_eq!(engine.get("default", "m").unwrap().vectors, [[0.0, 1.0, 0.0, 0.0]]);
    let vector = VectorChange::Clear;
    let request = Update { id: "m".to_owned(), vector, ..Update::default() };
    assert_eq!(update(&engine, request).unwrap().version, 4);
    store(&engine, text("twin", "the train"));
    let of = |id: &str| engine.get("default", id).unwrap().vectors;
    assert_eq!(of("m"), of("twin"));
}

#[test]
fn a_version_that_was_overtaken_is_refused() {
    let home = Home::new();
    let engine = home.open();
    store(&engine, text("m", "one"));
    let second = Update { if_version: Some(1), ..says("m", "two") };
    update(&engine, second.clone()).unwrap();
    let late = update(&engine, second);
    let expected = EngineError::VersionMismatch { id: "m".to_owned(), asked: 1, found: 2 };
    assert_eq!(late, Err(expected));
    assert_eq!(texts(&engine, "m"), ["two", "one"]);
    let nobody = update(&engine, says("nobody", "two"));
    assert!(matches!(nobody, Err(EngineError::MemoryNotFound { .. })), "{nobody:?}");
}

#[test]
fn updates_before_one_sync_follow_each_other() {
    let home = Home::new();
    let engine = home.open();
    let (sender, receiver) = std::sync::mpsc::channel();
    let done = |sender: &std::sync::mpsc::Sender<Result<Updated, EngineError>>| {
        let sender = sender.clone();
        Box::new(move |outcome| sender.send(outcome).unwrap())
    };
    engine.remember("default", vec![text("m", "one")], &RememberOptions::default(), {
        Box::new(|outcome| assert!(outcome.is_ok()))
    });
    engine.update("default", says("m", "two"), done(&sender));
    let tagged = MemoryContent { tags: vec!["t".to_owned()], ..MemoryContent::default() };
    let fields = vec![ContentField::Tags];
    let patch = Update { id: "m".to_owned(), content: tagged, fields, ..Update::default() };
    engine.update("default", patch, done(&sender));
    engine.update("default", Update { if_version: Some(2), ..says("m", "x") }, done(&sender));
    assert!(receiver.try_recv().is_err(), "nothing is acknowledged before it is durable");
    engine.drive().unwrap();
    let answers: Vec<_> = receiver.try_iter().collect();
    assert_eq!(answers[0].as_ref().unwrap().version, 2);
    assert_eq!(answers[1].as_ref().unwrap().version, 3);
    assert!(matches!(answers[2], Err(EngineError::VersionMismatch { found: 3, .. })));
    let now = engine.get("default", "m").unwrap();
    assert_eq!((now.memory.content.text.as_str(), now.memory.content.tags.len()), ("two", 1));
    assert_eq!(texts(&engine, "m"), ["two", "two", "one"]);
}

#[test]
fn a_retry_with_a_key_gets_the_first_answer() {
    let home = Home::new();
    let engine = home.open();
    store(&engine, text("m", "one"));
    let key = Some("k".to_owned());
    let request = Update { idempotency_key: key.clone(), if_version: Some(1), ..says("m", "two") };
    let first = update(&engine, request.clone()).unwrap();
    assert_eq!(update(&engine, request.clone()).unwrap(), first);
    let other = update(&engine, Update { idempotency_key: key, ..says("m", "three") });
    assert!(matches!(other, Err(EngineError::IdempotencyConflict { .. })), "{other:?}");
    drop(engine);
    let engine = home.open();
    assert_eq!(update(&engine, request.clone()).unwrap(), first);
    engine.checkpoint("default").unwrap();
    forget(&engine, ids(&["m"]), ForgetMode::Delete, Execution::Commit).unwrap();
    drop(engine);
    let engine = home.open();
    assert_eq!(update(&engine, request).unwrap(), first, "also when the memory is gone");
}

/// Versions before, in and behind chunks, through restarts, checkpoints and merges.
#[test]
fn older_versions_survive_whatever_happens_to_chunks() {
    let home = small();
    let mut engine = home.open();
    for n in 0..20 {
        store(&engine, text(&format!("m{n}"), &format!("first{n} river")));
    }
    for round in ["second", "third"] {
        for n in (0..20).step_by(3) {
            update(&engine, says(&format!("m{n}"), &format!("{round}{n} river"))).unwrap();
        }
        for n in 0..24 {
            store(&engine, text(&format!("{round}{n}"), "filler"));
        }
    }
    let sum = engine.stats("default").unwrap();
    let check = |engine: &Engine, when: &str| {
        for n in 0..20 {
            let id = format!("m{n}");
            let all = [format!("third{n} river"), format!("second{n} river")];
            let mut expected: Vec<String> = if n % 3 == 0 { all.to_vec() } else { Vec::new() };
            expected.push(format!("first{n} river"));
            assert_eq!(texts(engine, &id), expected, "{when}");
            let is_old = n % 3 == 0;
            assert_eq!(found(engine, &format!("first{n}")).is_empty(), is_old, "{when}");
        }
        let now = engine.stats("default").unwrap();
        let figures = (now.memories, now.vectors, now.state_sum);
        assert_eq!(figures, (sum.memories, sum.vectors, sum.state_sum), "{when}");
    };
    check(&engine, "at first");
    engine = home.open_again(engine);
    check(&engine, "replayed");
    engine.checkpoint("default").unwrap();
    engine = home.open_again(engine);
    check(&engine, "from files");
    // Merges go over all chunks: half of what is left is deleted.
    let fillers: Vec<String> =
        ["second", "third"].iter().flat_map(|r| (0..24).map(move |n| format!("{r}{n}"))).collect();
    let fillers: Vec<&str> = fillers.iter().map(String::as_str).collect();
    forget(&engine, ids(&fillers), ForgetMode::Delete, Execution::Commit).unwrap();
    home.clock.advance(DAY);
    settle_down(&engine);
    let merged = engine.stats("default").unwrap();
    assert_eq!(merged.memories, 20);
    for n in 0..20 {
        assert_eq!(texts(&engine, &format!("m{n}")).len(), if n % 3 == 0 { 3 } else { 1 });
    }
    engine = home.open_again(engine);
    for n in (0..20).step_by(3) {
        let expected = ["third", "second", "first"].map(|word| format!("{word}{n} river"));
        assert_eq!(texts(&engine, &format!("m{n}")), expected);
    }
}

#[test]
fn a_delete_takes_all_versions_from_the_disk_too() {
    let home = small();
    let engine = home.open();
    for n in 0..9 {
        store(&engine, text(&format!("m{n}"), "filler"));
    }
    store(&engine, text("m", "the zanzibar ferry"));
    update(&engine, says("m", "the quokka train")).unwrap();
    for n in 9..18 {
        store(&engine, text(&format!("m{n}"), "filler"));
    }
    update(&engine, says("m", "the walrus coach")).unwrap();
    engine.checkpoint("default").unwrap();
    assert!(home.holds("spaces", "zanzibar") && home.holds("spaces", "quokka"));
    forget(&engine, ids(&["m"]), ForgetMode::Delete, Execution::Commit).unwrap();
    let gone = history_of(&engine, "m");
    assert!(matches!(gone, Err(EngineError::MemoryNotFound { .. })), "{gone:?}");
    let as_of = AsOf::Time(NOW + 100 * DAY);
    assert!(engine.get_as_of("default", "m", as_of).is_err());
    // The id is free for another memory, which has no past.
    store(&engine, text("m", "a new start"));
    assert_eq!(texts(&engine, "m"), ["a new start"]);
    home.clock.advance(DAY);
    settle_down(&engine);
    engine.checkpoint("default").unwrap();
    for word in ["zanzibar", "quokka", "walrus"] {
        assert!(!home.holds("spaces", word), "{word}");
    }
    let engine = home.open_again(engine);
    assert_eq!(texts(&engine, "m"), ["a new start"]);
}

#[test]
fn what_is_hidden_hides_its_past() {
    let home = Home::new();
    let engine = home.open();
    let first = store(&engine, text("m", "the ferry"));
    update(&engine, says("m", "the train")).unwrap();
    forget(&engine, ids(&["m"]), ForgetMode::Suppress, Execution::Commit).unwrap();
    assert!(matches!(history_of(&engine, "m"), Err(EngineError::MemoryNotFound { .. })));
    let as_of = Some(AsOf::Lsn(first.lsn));
    let then = Cue { as_of, ..cue(Mode::Keyword, "ferry") };
    assert_eq!(recalled_ids(&engine.recall("default", &then).unwrap()), Vec::<String>::new());
    let refused = update(&engine, says("m", "the coach"));
    assert!(matches!(refused, Err(EngineError::MemoryNotFound { .. })), "{refused:?}");
    restore(&engine, ids(&["m"])).unwrap();
    assert_eq!(texts(&engine, "m"), ["the train", "the ferry"]);
    assert_eq!(recalled_ids(&engine.recall("default", &then).unwrap()), ["m"]);
}

#[test]
fn stated_associations_go_over_and_sessions_keep_their_order() {
    let home = Home::new();
    let engine = home.open();
    let turn = |id: &str, words: &str| {
        let mut memory = text(id, words);
        memory.content.session = "s".to_owned();
        memory
    };
    // One commit: they happened at the same time, and only their order tells them apart.
    let turns = vec![turn("a", "hello"), turn("b", "the ferry"), turn("c", "goodbye")];
    remember(&engine, turns, RememberOptions::default()).unwrap();
    store(&engine, text("x", "an island"));
    for (from, to) in [("b", "x"), ("x", "b")] {
        let request = Associate {
            from: from.to_owned(),
            to: to.to_owned(),
            relation: "causes".to_owned(),
            weight: 0.5,
            reason: "said so".to_owned(),
            principal: String::new(),
        };
        settle(&engine, |done| engine.associate("default", request, done)).unwrap();
    }
    link_all(&engine);
    home.clock.advance(DAY);
    update(&engine, says("b", "the train")).unwrap();
    let check = |engine: &Engine| {
        let query = AssociationQuery {
            id: "b".to_owned(),
            direction: EdgeDirection::Both,
            kinds: Vec::new(),
            limit: 100,
            offset: 0,
        };
        let page = engine.associations("default", &query).unwrap();
        let mut ties: Vec<_> =
            page.items.iter().map(|tie| (tie.kind, tie.from.as_str(), tie.to.as_str())).collect();
        ties.retain(|(kind, ..)| matches!(kind, EdgeKind::Explicit | EdgeKind::Next));
        ties.sort_unstable();
        let next = [(EdgeKind::Next, "a", "b"), (EdgeKind::Next, "b", "c")];
        let stated = [(EdgeKind::Explicit, "b", "x"), (EdgeKind::Explicit, "x", "b")];
        let mut expected = [stated, next].concat();
        expected.sort_unstable();
        assert_eq!(ties, expected);
        let tie = page.items.iter().find(|tie| tie.kind == EdgeKind::Explicit).unwrap();
        assert_eq!((tie.label.as_str(), tie.reason.as_str()), ("causes", "said so"));
    };
    link_all(&engine);
    check(&engine);
    engine.checkpoint("default").unwrap();
    let engine = home.open_again(engine);
    check(&engine);
    // A later turn stands behind all of them, however often one is told anew.
    update(&engine, says("c", "see you")).unwrap();
    store(&engine, turn("d", "and then"));
    link_all(&engine);
    check(&engine);
}

/// What was found before an update is committed behind it: its session stays one row.
#[test]
fn links_that_were_found_before_an_update_tear_no_row() {
    let home = Home::new();
    let engine = home.open();
    let turn = |id: &str, minute: i64| {
        let mut memory = text(id, id);
        memory.content.session = "s".to_owned();
        memory.content.occurred_at = Some(NOW + minute);
        memory
    };
    for (id, minute) in [("a", 1), ("b", 2), ("d", 4)] {
        store(&engine, turn(id, minute));
    }
    link_all(&engine);
    store(&engine, turn("c", 3));
    engine.update("default", says("b", "told anew"), Box::new(|outcome| assert!(outcome.is_ok())));
    // It sees what is published: the older version.
    engine.link(1_000).unwrap();
    engine.drive().unwrap();
    link_all(&engine);
    let next = |id: &str| {
        let query = AssociationQuery {
            id: id.to_owned(),
            direction: EdgeDirection::Both,
            kinds: vec![EdgeKind::Next],
            limit: 100,
            offset: 0,
        };
        let page = engine.associations("default", &query).unwrap();
        let mut ties: Vec<String> =
            page.items.iter().map(|tie| format!("{}{}", tie.from, tie.to)).collect();
        ties.sort_unstable();
        ties
    };
    assert_eq!(next("a"), ["ab"]);
    assert_eq!(next("b"), ["ab", "bc"]);
    assert_eq!(next("c"), ["bc", "cd"]);
    assert_eq!(next("d"), ["cd"]);
}

#[test]
fn the_past_is_what_was_known_then() {
    let home = small();
    let engine = home.open();
    for n in 0..6 {
        store(&engine, text(&format!("f{n}"), "filler granite"));
    }
    let first = store(&engine, text("m", "the ferry is red"));
    home.clock.advance(DAY);
    let second = update(&engine, says("m", "the ferry is blue")).unwrap();
    home.clock.advance(DAY);
    store(&engine, text("late", "the ferry is gone"));
    update(&engine, says("m", "the train is green")).unwrap();
    forget(&engine, ids(&["f0"]), ForgetMode::Delete, Execution::Commit).unwrap();
    let check = |engine: &Engine| {
        let at = |as_of: AsOf, mode: Mode, words: &str| {
            let asked = Cue { as_of: Some(as_of), limit: 100, ..cue(mode, words) };
            let answer = engine.recall("default", &asked).unwrap();
            let items = answer.items.iter().map(|item| &item.detail.memory);
            items.map(|m| (m.id.clone(), m.version)).collect::<Vec<_>>()
        };
        let m = |version: u32| vec![("m".to_owned(), version)];
        assert_eq!(at(AsOf::Lsn(first.lsn), Mode::Keyword, "ferry"), m(1));
        assert_eq!(at(AsOf::Lsn(second.lsn), Mode::Keyword, "ferry"), m(2));
        assert_eq!(at(AsOf::Lsn(Lsn(first.lsn.0 - 1)), Mode::Keyword, "ferry"), []);
        assert_eq!(at(AsOf::Time(NOW + DAY / 2), Mode::Keyword, "ferry"), m(1));
        assert_eq!(at(AsOf::Time(NOW + 9 * DAY), Mode::Keyword, "train"), m(3));
        let mut near = at(AsOf::Lsn(second.lsn), Mode::Similarity, "the ferry is blue");
        near.retain(|(id, _)| !id.starts_with('f'));
        assert_eq!(near, m(2));
        for mode in Mode::ALL {
            let all = at(AsOf::Lsn(second.lsn), mode, "filler granite ferry");
            assert!(!all.iter().any(|(id, _)| id == "f0" || id == "late"), "{mode:?}: {all:?}");
        }
        let get = |as_of: AsOf| {
            let detail = engine.get_as_of("default", "m", as_of);
            detail.map(|detail| (detail.memory.version, detail.vectors.len()))
        };
        assert_eq!(get(AsOf::Lsn(first.lsn)).unwrap(), (1, 1));
        assert_eq!(get(AsOf::Time(NOW + DAY + DAY / 2)).unwrap(), (2, 1));
        assert_eq!(get(AsOf::Lsn(Lsn(1_000))).unwrap(), (3, 1));
        let early = get(AsOf::Time(NOW - DAY));
        assert!(matches!(early, Err(EngineError::MemoryNotFound { .. })), "{early:?}");
    };
    check(&engine);
    engine.checkpoint("default").unwrap();
    let engine = home.open_again(engine);
    check(&engine);
    home.clock.advance(DAY);
    settle_down(&engine);
    check(&engine);
}

#[test]
fn what_was_true_then_passes_a_filter() {
    let home = small();
    let engine = home.open();
    for (n, (from, until)) in
        [(None, None), (Some(10), None), (None, Some(20)), (Some(10), Some(20))]
            .into_iter()
            .enumerate()
    {
        let mut memory = text(&format!("m{n}"), "the ferry");
        (memory.content.valid_from, memory.content.valid_until) = (from, until);
        store(&engine, memory);
    }
    store(&engine, text("m4", "the ferry"));
    let valid = |at: i64| {
        let filter = Filter { valid_at: Some(at), ..Filter::default() };
        let query = ListQuery {
            filter: filter.clone(),
            after: None,
            limit: 10,
            visibility: Visibility::Active,
            as_of: None,
        };
        let page = engine.list("default", &query).unwrap();
        let listed: Vec<String> = page.items.iter().map(|item| item.memory.id.clone()).collect();
        let asked = Cue { filter, ..cue(Mode::Keyword, "ferry") };
        let mut recalled = recalled_ids(&engine.recall("default", &asked).unwrap());
        recalled.sort_unstable();
        assert_eq!(recalled, listed);
        listed
    };
    assert_eq!(valid(9), ["m0", "m2", "m4"]);
    assert_eq!(valid(10), ["m0", "m1", "m2", "m3", "m4"]);
    assert_eq!(valid(19), ["m0", "m1", "m2", "m3", "m4"]);
    assert_eq!(valid(20), ["m0", "m1", "m4"]);
    assert_eq!(valid(i64::MAX), ["m0", "m1", "m4"]);
}

#[test]
fn a_listing_of_the_past_pages_as_it_was() {
    let home = small();
    let engine = home.open();
    for n in 0..6 {
        store(&engine, text(&format!("m{n}"), "the ferry"));
    }
    let then = engine.stats("default").unwrap().lsn;
    update(&engine, says("m1", "the train")).unwrap();
    store(&engine, text("late", "the coach"));
    let mut query = ListQuery {
        filter: Filter::default(),
        after: None,
        limit: 2,
        visibility: Visibility::Active,
        as_of: Some(AsOf::Lsn(then)),
    };
    let mut listed = Vec::new();
    loop {
        let page = engine.list("default", &query).unwrap();
        listed.extend(page.items.iter().map(|item| {
            (item.memory.id.clone(), item.memory.version, item.memory.content.text.clone())
        }));
        // What comes between two pages is not in the next one.
        update(&engine, says("m4", &format!("the quokka {}", listed.len()))).unwrap();
        match page.next {
            Some(next) => query.after = Some(next),
            None => break,
        }
    }
    let was = |n: usize| (format!("m{n}"), 1, "the ferry".to_owned());
    assert_eq!(listed, (0..6).map(was).collect::<Vec<_>>());
    forget(&engine, ids(&["m2"]), ForgetMode::Suppress, Execution::Commit).unwrap();
    query.after = None;
    query.limit = 10;
    let left = engine.list("default", &query).unwrap();
    assert_eq!(left.items.len(), 5, "what is hidden today is hidden with its past");
}

#[test]
fn a_use_counts_for_the_version_that_came_before_it_was_told() {
    for in_chunks in [false, true] {
        let home = small();
        let engine = home.open();
        store(&engine, text("m", "the zanzibar ferry"));
        if in_chunks {
            (0..9).for_each(|n| drop(store(&engine, text(&format!("n{n}"), "filler"))));
        }
        let cue = Cue { effect: Effect::Train, ..cue(Mode::Keyword, "zanzibar") };
        assert!(engine.recall("default", &cue).unwrap().trained);
        update(&engine, says("m", "the zanzibar train")).unwrap();
        update(&engine, says("m", "the zanzibar coach")).unwrap();
        engine.train().unwrap();
        engine.drive().unwrap();
        assert_eq!(engine.get("default", "m").unwrap().strength.uses, 1);
    }
}
