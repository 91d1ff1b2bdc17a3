//! Facts that are stated anew: chains that form by themselves, what holds now and what held then, and what is undone.

use engram_engine::{
    AsOf, Associate, AssociationQuery, Cue, Dissociate, EdgeDirection, EdgeKind, Engine,
    EngineError, Execution, Filter, ForgetMode, ListQuery, MetaValue, Mode, NewMemory, NewSpace,
    Update, Visibility,
};
use engram_engine::{ContentField, MemoryContent};

use crate::associating::link_all;
use crate::harness::{
    DAY, Home, NOW, create_space, cue, forget, ids, recall, recalled_ids, restore, settle, space,
    store, text,
};

/// What a memory states of where somebody lives, from a day on.
fn lives(id: &str, said: &str, day: i64) -> NewMemory {
    let mut memory = text(id, said);
    memory.content.subject = "Ada Lovelace".to_owned();
    memory.content.attribute = "home".to_owned();
    memory.content.valid_from = Some(NOW + day * DAY);
    memory
}

fn small() -> Home {
    let mut home = Home::of_dimension(8);
    home.settings.tail_memories_max = 4;
    home.settings.deleted_kept_ns = 0;
    home
}

/// What stands in the place of a memory, and in whose place it stands.
fn standing(engine: &Engine, id: &str) -> (Option<String>, Vec<String>) {
    let detail = engine.get("default", id).unwrap();
    (detail.superseded_by, detail.supersedes)
}

fn by(engine: &Engine, id: &str) -> Option<String> {
    standing(engine, id).0
}

fn some(id: &str) -> Option<String> {
    Some(id.to_owned())
}

/// The same from a source that is trusted so far.
fn doubted(id: &str, said: &str, day: i64, trust: f32) -> NewMemory {
    let mut memory = lives(id, said, day);
    memory.content.source.trust = Some(trust);
    memory
}

/// Who is true on a day.
fn valid(engine: &Engine, day: i64) -> Vec<String> {
    let filter = Filter { valid_at: Some(NOW + day * DAY), ..Filter::default() };
    let visibility = Visibility::Active;
    let query =
        ListQuery { filter: filter.clone(), after: None, limit: 100, visibility, as_of: None };
    let page = engine.list("default", &query).unwrap();
    let listed: Vec<String> = page.items.iter().map(|item| item.memory.id.clone()).collect();
    let cue = Cue { filter, limit: 100, ..cue(Mode::Keyword, "lives") };
    let mut found = recalled_ids(&engine.recall("default", &cue).unwrap());
    found.sort();
    let mut sorted = listed.clone();
    sorted.sort();
    assert_eq!(found, sorted, "recall and list agree");
    listed
}

#[test]
fn a_newer_value_supersedes_and_a_late_arrival_is_superseded() {
    let home = Home::new();
    let engine = home.open();
    store(&engine, lives("paris", "Ada lives in Paris", 10));
    let mut other = lives("bo", "Bo lives in Oslo", 20);
    other.content.subject = "Bo".to_owned();
    store(&engine, other);
    let mut folded = lives("basel", "Ada lives in Basel", 20);
    folded.content.subject = "ADA  LOVELACE".to_owned();
    store(&engine, folded);
    link_all(&engine);
    assert_eq!(standing(&engine, "paris"), (some("basel"), vec![]));
    assert_eq!(standing(&engine, "basel"), (None, vec!["paris".to_owned()]));
    assert_eq!(standing(&engine, "bo"), (None, vec![]));
    // Told last, true first, and one between the two.
    store(&engine, lives("rome", "Ada lives in Rome", 1));
    store(&engine, lives("lima", "Ada lives in Lima", 15));
    link_all(&engine);
    let chain = ["rome", "paris", "lima", "basel"].map(|id| by(&engine, id));
    assert_eq!(chain, [some("paris"), some("lima"), some("basel"), None]);
    // Said again: no update, but a use of what was there.
    store(&engine, lives("again", "Ada lives in Basel.", 30));
    link_all(&engine);
    assert_eq!(standing(&engine, "again"), (None, vec![]));
    assert_eq!(by(&engine, "basel"), None);
    assert_eq!(engine.get("default", "basel").unwrap().strength.uses, 1);
    store(&engine, lives("kyoto", "Ada lives in Kyoto", 40));
    link_all(&engine);
    assert_eq!(standing(&engine, "kyoto").1, ["basel", "again"]);
}

#[test]
fn what_is_trusted_less_supersedes_nothing() {
    let memories = || {
        [
            lives("london", "Ada lives in London.", 0),
            doubted("rome", "Ada lives in Rome.", 1, 0.25),
            lives("paris", "Ada lives in Paris.", 2),
            doubted("oslo", "Ada lives in Oslo.", 3, 0.25),
            doubted("kiev", "Ada lives in Kiev.", 4, 0.75),
            doubted("bern", "Ada lives in Bern.", 5, 0.25),
        ]
    };
    // The order in which they are heard of makes no difference.
    for order in [[0, 1, 2, 3, 4, 5], [5, 4, 3, 2, 1, 0], [3, 5, 0, 4, 2, 1], [2, 4, 1, 5, 3, 0]] {
        let home = small();
        let engine = home.open();
        for index in order {
            store(&engine, memories()[index].clone());
            link_all(&engine);
        }
        let all = ["london", "rome", "paris", "oslo", "kiev", "bern"].map(|id| by(&engine, id));
        assert_eq!(
            all,
            [some("paris"), some("paris"), None, some("kiev"), None, None],
            "{order:?}"
        );
        let engine = home.open_again(engine);
        assert_eq!(by(&engine, "paris"), None);
    }
}

#[test]
fn an_untrusted_repetition_does_not_shield_what_a_trusted_one_supersedes() {
    let home = small();
    let engine = home.open();
    store(&engine, lives("london", "Ada lives in London.", 0));
    store(&engine, doubted("rumour", "Ada lives in Paris.", 1, 0.25));
    store(&engine, lives("paris", "Ada lives in Paris.", 2));
    link_all(&engine);
    assert_eq!(by(&engine, "london"), some("paris"));
    assert_eq!((by(&engine, "rumour"), by(&engine, "paris")), (None, None));
}

#[test]
fn many_rumours_do_not_hide_what_a_trusted_statement_supersedes() {
    let home = small();
    let engine = home.open();
    store(&engine, lives("london", "Ada lives in London.", 0));
    for number in 0..300 {
        let said = format!("Ada lives in rumour {number}.");
        store(&engine, doubted(&format!("rumour-{number}"), &said, 1, 0.25));
    }
    store(&engine, lives("paris", "Ada lives in Paris.", 2));
    link_all(&engine);
    assert_eq!(by(&engine, "london"), some("paris"));
}

#[test]
fn without_times_of_validity_what_happened_and_then_the_log_decides() {
    let home = Home::new();
    let engine = home.open();
    let stated = |id: &str, said: &str, occurred_at: Option<i64>| {
        let mut memory = lives(id, said, 0);
        memory.content.valid_from = None;
        memory.content.occurred_at = occurred_at;
        memory
    };
    store(&engine, stated("first", "Ada lives here", Some(NOW - 5 * DAY)));
    store(&engine, stated("late", "Ada lives there", Some(NOW - 9 * DAY)));
    store(&engine, stated("one", "Ada lives with Bo", Some(NOW - DAY)));
    store(&engine, stated("two", "Ada lives with Cy", Some(NOW - DAY)));
    link_all(&engine);
    let chain = ["late", "first", "one", "two"].map(|id| by(&engine, id));
    assert_eq!(chain, [some("first"), some("one"), some("two"), None]);
}

#[test]
fn what_held_then_is_what_is_valid_then() {
    for mut home in [Home::new(), small()] {
        home.settings.checkpoint_log_bytes = 1;
        let engine = home.open();
        store(&engine, lives("paris", "Ada lives in Paris", 10));
        let mut open = lives("basel", "Ada lives in Basel", 20);
        open.content.valid_from = None;
        open.content.occurred_at = Some(NOW + 20 * DAY);
        store(&engine, open);
        for n in 0..6 {
            store(&engine, text(&format!("n{n}"), "nobody stays anywhere"));
        }
        link_all(&engine);
        store(&engine, lives("kyoto", "Ada lives in Kyoto", 30));
        link_all(&engine);
        let check = |engine: &Engine| {
            let then = |day| {
                let all = valid_of(engine, day);
                all.into_iter().filter(|id| !id.starts_with('n')).collect::<Vec<_>>()
            };
            assert_eq!(then(5), Vec::<String>::new());
            assert_eq!(then(10), ["paris"]);
            assert_eq!(then(19), ["paris"]);
            assert_eq!(then(20), ["basel"]);
            assert_eq!(then(30), ["kyoto"]);
        };
        check(&engine);
        while engine.maintain(10_000).unwrap().more {}
        check(&engine);
        let engine = home.open_again(engine);
        check(&engine);
        assert_eq!(by(&engine, "paris"), some("basel"));
        forget(&engine, ids(&["basel"]), ForgetMode::Suppress, Execution::Commit).unwrap();
        assert_eq!(by(&engine, "paris"), some("kyoto"), "what is hidden supersedes nothing");
        assert!(valid_of(&engine, 25).contains(&"paris".to_owned()));
        restore(&engine, ids(&["basel"])).unwrap();
        check(&engine);
        forget(&engine, ids(&["basel"]), ForgetMode::Delete, Execution::Commit).unwrap();
        assert_eq!(by(&engine, "paris"), some("kyoto"), "the chain is closed");
        assert!(valid_of(&engine, 25).contains(&"paris".to_owned()));
        forget(&engine, ids(&["kyoto"]), ForgetMode::Delete, Execution::Commit).unwrap();
        assert_eq!(standing(&engine, "paris"), (None, vec![]), "the older one is current again");
        let engine = home.open_again(engine);
        assert_eq!(standing(&engine, "paris"), (None, vec![]));
        assert!(valid_of(&engine, 99).contains(&"paris".to_owned()));
    }
}

fn valid_of(engine: &Engine, day: i64) -> Vec<String> {
    let filter = Filter { valid_at: Some(NOW + day * DAY), ..Filter::default() };
    let visibility = Visibility::Active;
    let query = ListQuery { filter, after: None, limit: 100, visibility, as_of: None };
    let page = engine.list("default", &query).unwrap();
    page.items.iter().map(|item| item.memory.id.clone()).collect()
}

#[test]
fn the_newer_one_stands_before_a_better_match_that_it_supersedes() {
    let home = Home::new();
    let engine = home.open();
    store(&engine, lives("old", "Ada lives in Paris near the river", 1));
    store(&engine, lives("new", "Ada lives abroad", 2));
    store(&engine, text("noise", "Ada lives to paint the river in Paris"));
    let ask = "Ada lives in Paris near the river";
    let before = recalled_ids(&recall(&engine, Mode::Hybrid, ask));
    assert_eq!(before[0], "old");
    link_all(&engine);
    for mode in Mode::ALL {
        for diversity in [0.0, 0.7] {
            let cue = Cue { diversity, ..cue(mode, ask) };
            let answer = engine.recall("default", &cue).unwrap();
            let found = recalled_ids(&answer);
            let place = |id: &str| found.iter().position(|other| other == id).unwrap();
            assert!(place("new") < place("old"), "{mode:?} {diversity}: {found:?}");
            let new = &answer.items[place("new")];
            assert!(new.parts.succession.is_some(), "{mode:?}: {:?}", new.parts);
            assert_eq!(new.detail.supersedes, ["old"]);
            if diversity == 0.0 {
                assert!(answer.items.is_sorted_by(|a, b| a.relevance >= b.relevance));
            }
        }
    }
    // What was known or true before the newer one: the older one, and nothing above it.
    let old = engine.get("default", "old").unwrap().memory.lsn;
    let known = Cue { as_of: Some(AsOf::Lsn(old)), ..cue(Mode::Hybrid, ask) };
    let answer = engine.recall("default", &known).unwrap();
    assert_eq!(recalled_ids(&answer), ["old"]);
    assert_eq!(answer.items[0].detail.superseded_by, None);
    assert_eq!(valid(&engine, 1), ["old", "noise"]);
    assert_eq!(valid(&engine, 2), ["new", "noise"]);
}

#[test]
fn chains_are_associations_like_others() {
    let home = small();
    let engine = home.open();
    store(&engine, lives("a", "Ada lives in Paris", 1));
    store(&engine, lives("b", "Ada lives in Basel", 2));
    link_all(&engine);
    let query = AssociationQuery {
        id: "b".to_owned(),
        direction: EdgeDirection::Out,
        kinds: vec![EdgeKind::Supersedes],
        limit: 10,
        offset: 0,
    };
    let page = engine.associations("default", &query).unwrap();
    assert_eq!((page.total, page.items[0].to.as_str(), page.items[0].weight), (1, "a", 1.0));
    // A newer version takes its place in the chain by what it says.
    let request = Update {
        id: "b".to_owned(),
        content: MemoryContent { text: "Ada lives in Paris".to_owned(), ..Default::default() },
        fields: vec![ContentField::Text],
        ..Update::default()
    };
    settle(&engine, |done| engine.update("default", request, done)).unwrap();
    assert_eq!(by(&engine, "a"), None);
    link_all(&engine);
    assert_eq!(by(&engine, "a"), None, "it says the same now");
    store(&engine, lives("c", "Ada lives in Rome", 3));
    link_all(&engine);
    assert_eq!(standing(&engine, "c").1, ["a", "b"]);
    let request = Dissociate {
        from: "c".to_owned(),
        to: "a".to_owned(),
        kinds: Vec::new(),
        principal: String::new(),
    };
    let receipt = settle(&engine, |done| engine.dissociate("default", request, done)).unwrap();
    assert!(receipt.count > 0);
    assert_eq!((by(&engine, "a"), by(&engine, "b")), (None, some("c")));
    let stated = Associate {
        from: "a".to_owned(),
        to: "c".to_owned(),
        relation: "supersedes".to_owned(),
        weight: 1.0,
        reason: String::new(),
        principal: String::new(),
    };
    settle(&engine, |done| engine.associate("default", stated, done)).unwrap();
    assert_eq!(by(&engine, "c"), None, "a relation of that name is none of these");
}

/// What a memory states of what a field of its metadata names.
fn keyed(id: &str, said: &str, plan: MetaValue, day: i64) -> NewMemory {
    let mut memory = text(id, said);
    memory.content.metadata.insert("plan".to_owned(), plan);
    memory.content.valid_from = Some(NOW + day * DAY);
    memory
}

#[test]
fn a_declared_field_of_the_metadata_names_what_is_stated() {
    let mut home = small();
    let key = Some("plan".to_owned());
    home.settings.default_space = Some(NewSpace { supersede_key: key, ..space("default") });
    let engine = home.open();
    let named = |name: &str| MetaValue::Text(name.to_owned());
    store(&engine, keyed("a", "It costs 10.", named("basic"), 1));
    store(&engine, keyed("b", "It costs 12.", named("basic"), 2));
    store(&engine, keyed("other", "It costs 30.", named("Basic"), 3));
    store(&engine, keyed("number", "It costs 5.", MetaValue::Int(7), 1));
    store(&engine, keyed("again", "It costs 6.", MetaValue::Int(7), 2));
    store(&engine, keyed("text", "It costs 8.", named("7"), 3));
    store(&engine, keyed("list", "It costs 1.", MetaValue::List(vec![named("basic")]), 4));
    store(&engine, keyed("empty", "It costs 2.", named(""), 1));
    store(&engine, keyed("empty-too", "It costs 3.", named(""), 2));
    let mut both = lives("paris", "Ada lives in Paris", 1);
    both.content.metadata.insert("plan".to_owned(), named("basic"));
    store(&engine, both);
    store(&engine, lives("basel", "Ada lives in Basel", 2));
    link_all(&engine);
    let engine = home.open_again(engine);
    store(&engine, keyed("c", "It costs 15.", named("basic"), 5));
    link_all(&engine);
    let chain = ["a", "b", "c", "other"].map(|id| by(&engine, id));
    assert_eq!(chain, [some("b"), some("c"), None, None], "values are compared as they are");
    assert_eq!(["number", "again", "text"].map(|id| by(&engine, id)), [some("again"), None, None]);
    assert_eq!(["list", "empty", "empty-too"].map(|id| by(&engine, id)), [None, None, None]);
    assert_eq!(by(&engine, "paris"), some("basel"), "subject and attribute say more");
    // A space that declares no field has no such chains, and no field is one without a name.
    create_space(&engine, &space("plain")).unwrap();
    for refused in ["", "a\nb"] {
        let new = NewSpace { supersede_key: Some(refused.to_owned()), ..space("bad") };
        let error = create_space(&engine, &new).unwrap_err();
        let field =
            matches!(&error, EngineError::Invalid { field, .. } if field == "supersede_key");
        assert!(field, "{error:?}");
    }
}
