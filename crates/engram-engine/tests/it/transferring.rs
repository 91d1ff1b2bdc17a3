//! Export and import: a copy of a space is what the space is, and stays so through restarts.

use engram_engine::{
    Associate, AssociationQuery, ContentField, Cue, DecayLaw, EdgeDirection, Effect, Embedded,
    Engine, EngineError, Evidence, Execution, ExportPhase, ExportQuery, ExportVectors, Feedback,
    Filter, ForgetMode, ImportOptions, Imported, InvalidValue, Learned, MarksQuery, MemoryContent,
    Mode, NewMemory, OnInvalid, OwnDecay, PairDecision, PairJudgement, Past, Portable,
    PortableBelief, PortableMemory, Presentation, RecordCounts, Retention, Source, State, Update,
    VectorChange, Verdict, Visibility, Witness,
};

use crate::associating::link_all;
use crate::consolidating::consolidate_all;
use crate::harness::{DAY, Home, NOW, cue, forget, ids, settle, store, text};

fn small() -> Home {
    let mut home = Home::new();
    home.settings.tail_memories_max = 4;
    home.settings.checkpoint_log_bytes = 1;
    home.settings.deleted_kept_ns = 0;
    home
}

fn said(id: &str, day: i64, words: &str) -> NewMemory {
    let mut memory = text(id, words);
    memory.content.occurred_at = Some(NOW - 100 * DAY + day * DAY);
    memory.content.session = format!("day-{day}");
    memory
}

fn from(reference: &str, mut memory: NewMemory) -> NewMemory {
    memory.content.source =
        Source { kind: "chat".into(), reference: reference.into(), trust: None };
    memory
}

fn states(id: &str, day: i64, value: &str) -> NewMemory {
    let mut memory = said(id, day, value);
    memory.content.subject = "Ada".into();
    memory.content.attribute = "city".into();
    memory
}

fn judge(engine: &Engine, id: &str, verdict: Option<Verdict>, pair: Option<(&str, PairDecision)>) {
    let pair = pair.map(|(other, decision)| PairJudgement { other: other.into(), decision });
    let request = Feedback {
        id: id.into(),
        verdict,
        pair,
        reason: String::new(),
        source: "reviewer".into(),
        recalled: None,
        principal: String::new(),
    };
    settle(engine, |done| engine.feedback("default", request, done)).unwrap();
}

fn associate(engine: &Engine, from: &str, to: &str, weight: f32) {
    let request = Associate {
        from: from.into(),
        to: to.into(),
        relation: "caused".into(),
        weight,
        reason: "said so".into(),
        principal: String::new(),
    };
    settle(engine, |done| engine.associate("default", request, done)).unwrap();
}

fn update(engine: &Engine, id: &str, words: &str) {
    let content = MemoryContent { text: words.into(), ..MemoryContent::default() };
    let request = Update {
        id: id.into(),
        content,
        fields: vec![ContentField::Text],
        vector: VectorChange::Keep,
        if_version: None,
        reason: "corrected".into(),
        after_recall: None,
        idempotency_key: None,
        principal: String::new(),
    };
    settle(engine, |done| engine.update("default", request, done)).unwrap();
}

/// A bit of everything that can be learned.
fn live(home: &Home, engine: &Engine) {
    store(engine, text("kettle", "the kettle boils in the kitchen"));
    let mut fading = text("fading", "a harbour in the fog");
    fading.content.decay =
        Some(OwnDecay::Fading { law: Some(DecayLaw::ActR), half_life_days: Some(3.0) });
    store(engine, fading);
    let mut pinned = text("pinned", "the violin lies in its case");
    pinned.content.decay = Some(OwnDecay::Pinned);
    store(engine, pinned);
    for (day, words) in [
        "Ada runs along the lake in the morning.",
        "Ada runs along the lake in the early morning.",
        "In the morning Ada runs along the lake again.",
        "Ada runs along the cold lake in the morning.",
    ]
    .into_iter()
    .enumerate()
    {
        store(engine, said(&format!("run-{day}"), day as i64, words));
    }
    store(engine, from("a", said("tea", 1, "Bob drinks green tea.")));
    store(engine, from("b", said("tea-again", 9, "Bob drinks green tea.")));
    store(engine, states("zurich", 1, "Zurich"));
    store(engine, states("basel", 20, "Basel"));
    store(engine, states("basel-again", 30, "Basel"));
    store(engine, text("hidden", "granite is hard to carve"));
    let mut planned = text("planned", "the orchard is to be pruned");
    planned.content.occurred_at = Some(NOW + 20 * DAY);
    store(engine, planned);
    let mut given = text("given", "a vector of its own");
    given.vector = Some((0..512).map(|place| (place % 7) as f32 - 2.0).collect());
    store(engine, given);
    update(engine, "kettle", "the kettle whistles in the kitchen");
    consolidate_all(engine);

    home.clock.set(NOW + 30 * DAY);
    for words in ["kettle in the kitchen", "harbour fog", "green tea"] {
        let asked = Cue { effect: Effect::Train, ..cue(Mode::Hybrid, words) };
        engine.recall("default", &asked).unwrap();
    }
    engine.train().unwrap();
    engine.drive().unwrap();
    judge(engine, "tea", Some(Verdict::Useful), None);
    judge(engine, "fading", Some(Verdict::Wrong), None);
    judge(engine, "pinned", Some(Verdict::NotUseful), None);
    associate(engine, "kettle", "tea", 0.3);
    associate(engine, "tea", "pinned", 1.0);
    judge(engine, "given", None, Some(("fading", PairDecision::Contradicts)));
    judge(engine, "planned", None, Some(("pinned", PairDecision::Supersedes)));
    judge(engine, "tea", None, Some(("kettle", PairDecision::Unrelated)));
    home.clock.set(NOW + 31 * DAY);
    forget(engine, ids(&["hidden"]), ForgetMode::Suppress, Execution::Commit).unwrap();
    consolidate_all(engine);
}

pub(crate) fn exported(engine: &Engine, limit: usize) -> Vec<Portable> {
    let mut query = ExportQuery {
        filter: Filter::default(),
        visibility: Visibility::All,
        vectors: ExportVectors::Needed,
        after: None,
        limit,
    };
    let mut all = Vec::new();
    loop {
        let page = engine.export("default", &query).unwrap();
        assert!(page.items.len() <= limit);
        all.extend(page.items);
        match page.next {
            Some(next) => query.after = Some(next),
            None => return all,
        }
    }
}

fn import(engine: &Engine, records: &[Portable]) -> Result<Imported, EngineError> {
    let options = ImportOptions::default();
    settle(engine, |done| engine.import("default", records.to_vec(), &options, done))
}

fn import_all(engine: &Engine, records: &[Portable]) -> RecordCounts {
    let mut created = RecordCounts::default();
    for batch in records.chunks(7) {
        let answer = import(engine, batch).unwrap();
        assert_eq!(answer.refused, []);
        created.memories += answer.created.memories;
        created.associations += answer.created.associations;
        created.decisions += answer.created.decisions;
        created.beliefs += answer.created.beliefs;
    }
    created
}

/// All that answers tell of each memory, apart from LSNs.
fn told(engine: &Engine) -> Vec<String> {
    let mut told = Vec::new();
    for record in exported(engine, 1_000) {
        let Portable::Memory(own) = record else { break };
        let id = own.memory.id.unwrap();
        if own.state == State::Suppressed {
            continue;
        }
        let detail = engine.get("default", &id).unwrap();
        let worth = (detail.strength, detail.confidence, detail.belief, detail.superseded_by);
        told.push(format!("{id} {:?} {worth:?}", detail.memory.first_committed_at));
        let asked = AssociationQuery {
            id: id.clone(),
            direction: EdgeDirection::Both,
            kinds: Vec::new(),
            limit: 1_000,
            offset: 0,
        };
        let page = engine.associations("default", &asked).unwrap();
        let mut ties: Vec<String> = page.items.iter().map(|tie| format!("{tie:?}")).collect();
        ties.sort();
        told.extend(ties);
    }
    for belief in engine.beliefs("default", None, 100).unwrap().items {
        let cited = belief.citations.iter().map(|one| (&one.id, one.role, one.happened_ns));
        let cited: Vec<_> = cited.collect();
        told.push(format!("{} {cited:?} {}", belief.memory.memory.id, belief.outdated));
    }
    let asked = MarksQuery { id: None, kind: None, state: None, limit: 100, offset: 0 };
    for mark in engine.marks("default", &asked).unwrap().items {
        told.push(format!(
            "{:?} {:?} {:?}",
            mark.earlier,
            mark.later,
            (mark.state, mark.decided_ns)
        ));
    }
    told
}

fn sums(engine: &Engine) -> (u64, u64, u64) {
    let stats = engine.stats("default").unwrap();
    (stats.state_sum, stats.learned_sum, stats.beliefs_sum)
}

#[test]
fn a_copy_is_what_the_space_is() {
    let (home, other) = (small(), small());
    let (engine, copy) = (home.open(), other.open());
    live(&home, &engine);
    other.clock.set(NOW + 31 * DAY);
    let records = exported(&engine, 3);
    assert_eq!(records, exported(&engine, 1_000), "however long the pages are");
    let created = import_all(&copy, &records);
    let sorts = [created.memories, created.associations, created.decisions, created.beliefs];
    assert_eq!(sorts, [16, 2, 3, 1]);
    let done = consolidate_all(&copy);
    assert_eq!((done.formed.len(), done.changed.len(), done.withdrawn.len()), (0, 0, 0));
    let again = exported(&copy, 5);
    for (one, other) in records.iter().zip(&again) {
        assert_eq!(one, other);
    }
    assert_eq!(again.len(), records.len());
    for (one, other) in told(&engine).iter().zip(&told(&copy)) {
        assert_eq!(one, other);
    }
    assert_eq!(told(&engine).len(), told(&copy).len());
}

#[test]
fn an_import_may_be_repeated_and_survives_restarts() {
    let (home, other) = (small(), small());
    let (engine, mut copy) = (home.open(), other.open());
    live(&home, &engine);
    other.clock.set(NOW + 31 * DAY);
    let records = exported(&engine, 1_000);
    import_all(&copy, &records);
    link_all(&copy);
    let (before, lsn) = (sums(&copy), copy.stats("default").unwrap().lsn);
    let waiting = copy.unconsolidated("default");
    assert_eq!(import_all(&copy, &records), RecordCounts::default());
    link_all(&copy);
    assert_eq!((sums(&copy), copy.stats("default").unwrap().lsn), (before, lsn));
    copy = other.open_again(copy);
    assert_eq!(sums(&copy), before, "from the log");
    while copy.maintain(10_000).unwrap().more {}
    copy = other.open_again(copy);
    assert_eq!(sums(&copy), before, "from files");
    // What came in is told from what was said here: a restart must not forget it.
    store(&copy, from("c", said("tea-here", 40, "Bob drinks green tea.")));
    assert_eq!(copy.unconsolidated("default"), waiting);
    let uses = |copy: &Engine| copy.get("default", "tea").unwrap().strength.uses;
    let at_first = uses(&copy);
    link_all(&copy);
    assert_eq!(uses(&copy), at_first + 1);
    assert_eq!(copy.unconsolidated("default"), waiting + 1);
}

fn whole(id: &str, words: &str, learned: Option<Learned>) -> Portable {
    Portable::Memory(Box::new(PortableMemory {
        memory: text(id, words),
        state: State::Active,
        first_stored_ns: None,
        learned,
        embedded: None,
    }))
}

#[test]
fn what_is_not_known_to_be_counted_counts() {
    let home = small();
    let engine = home.open();
    let known = Some(Learned::default());
    let records = [
        whole("a", "Ada moved to Basel", known.clone()),
        whole("b", "Ada moved to Basel", known),
        whole("c", "Bob bakes bread", None),
        whole("d", "Bob bakes bread", None),
    ];
    import(&engine, &records).unwrap();
    link_all(&engine);
    let uses = |id: &str| engine.get("default", id).unwrap().strength.uses;
    assert_eq!((uses("a"), uses("c")), (0, 1));
    // An update says something that was said nowhere else.
    update(&engine, "a", "Bob bakes bread");
    link_all(&engine);
    import(&engine, &[whole("e", "Bob bakes bread", Some(Learned::default()))]).unwrap();
    link_all(&engine);
    assert_eq!((uses("a"), uses("c")), (1, 2));
}

#[test]
fn duplicates_are_kept_and_ends_that_are_not_there_refused() {
    let mut home = small();
    let policy = engram_engine::DuplicatePolicy::Reject;
    home.settings.default_space =
        Some(engram_engine::NewSpace { duplicates: policy, ..crate::harness::space("default") });
    let engine = home.open();
    let stated = |to: &str| {
        Portable::Association(Associate {
            from: "a".into(),
            to: to.into(),
            relation: String::new(),
            weight: 0.5,
            reason: String::new(),
            principal: String::new(),
        })
    };
    let records = [whole("a", "one", None), whole("b", "one", None), stated("b"), stated("nobody")];
    let refused = import(&engine, &records).unwrap_err();
    assert_eq!(refused, EngineError::MemoryNotFound { id: "nobody".into() });
    assert_eq!(engine.stats("default").unwrap().memories, 0, "all or nothing");
    let options = ImportOptions { on_invalid: OnInvalid::KeepOthers, ..ImportOptions::default() };
    let answer =
        settle(&engine, |done| engine.import("default", records.to_vec(), &options, done)).unwrap();
    assert_eq!((answer.created.memories, answer.created.associations), (2, 1));
    let (place, error) = &answer.refused[0];
    assert_eq!((*place, error), (3, &refused));
    let conflict = import(&engine, &[whole("a", "other", None)]).unwrap_err();
    assert_eq!(conflict, EngineError::IdConflict { id: "a".into() });
    let belief = PortableBelief { id: "a".into(), ..PortableBelief::default() };
    let wrong = import(&engine, &[Portable::Belief(belief)]).unwrap_err();
    assert_eq!(wrong, EngineError::invalid("records[0].belief.id", InvalidValue::NotABelief));
}

fn past() -> Past {
    let review = |at_ns| Presentation {
        at_ns,
        since_ns: at_ns,
        stability_days: 3.0,
        decay: 0.0,
        weight: 1.0,
    };
    Past {
        retention: Retention {
            born_ns: NOW - DAY,
            first_stability_days: 2.0,
            difficulty: 5.0,
            uses: 2,
            presentations: vec![review(NOW - 3), review(NOW - 2)],
        },
        evidence: Evidence::of(vec![Witness { source: 1, supports: 2, opposes: 3 }]),
        carried: None,
    }
}

#[test]
fn what_no_law_can_work_with_is_refused() {
    let home = small();
    let engine = home.open();
    let check = |field: &str, change: &dyn Fn(&mut Past)| {
        let mut past = past();
        change(&mut past);
        let learned = Learned { past: Some(past), ..Learned::default() };
        let error = import(&engine, &[whole("a", "one", Some(learned))]).unwrap_err();
        let named = matches!(&error, EngineError::Invalid { field: found, .. } if *found == format!("records[0].memory.{field}"));
        assert!(named, "{field}: {error:?}");
    };
    let of = |past: &mut Past, change: &dyn Fn(&mut Retention)| change(&mut past.retention);
    check("learned.past.difficulty", &|past| of(past, &|own| own.difficulty = f64::NAN));
    check("learned.past.first_stability_days", &|past| {
        of(past, &|own| own.first_stability_days = f64::INFINITY);
    });
    check("learned.past.reviews", &|past| of(past, &|own| own.presentations.swap(0, 1)));
    check("learned.past.reviews", &|past| of(past, &|own| own.presentations[0].since_ns = NOW));
    check("learned.past.reviews", &|past| {
        of(past, &|own| own.presentations = vec![own.presentations[0]; 17]);
    });
    check("learned.past.reviews.weight", &|past| {
        of(past, &|own| own.presentations[1].weight = 2.5);
    });
    check("learned.past.sources", &|past| {
        let witness = |source| Witness { source, supports: 1, opposes: 0 };
        past.evidence = Evidence::of((0..33).map(witness).collect());
    });
    check("learned.past.carried.statement", &|past| {
        let (statement, supports, opposes, pieces) = (0.0, 1.0, 1.0, 1);
        past.carried = Some(engram_engine::Carried { statement, supports, opposes, pieces });
    });

    // The clock of another machine may be ahead.
    let mut ahead = past();
    ahead.retention.presentations[1].at_ns = NOW + DAY;
    let learned = Learned { past: Some(ahead), ..Learned::default() };
    import(&engine, &[whole("a", "one", Some(learned))]).unwrap();
    assert_eq!(engine.get("default", "a").unwrap().strength.used_at, Some(NOW));
}

#[test]
fn vectors_of_another_embedder_are_made_anew() {
    let home = small();
    let engine = home.open();
    store(&engine, text("a", "a harbour in the fog"));
    let query = ExportQuery {
        filter: Filter::default(),
        visibility: Visibility::Active,
        vectors: ExportVectors::All,
        after: None,
        limit: 10,
    };
    let page = engine.export("default", &query).unwrap();
    let Portable::Memory(own) = &page.items[0] else { panic!("a memory comes first") };
    let Embedded { by, vectors } = own.embedded.clone().unwrap();
    let odd = vec![vectors[0].iter().rev().copied().collect::<Vec<f32>>()];
    for (id, by, expected) in [("same", by, &odd), ("other", "none/at/all".to_owned(), &vectors)] {
        let mut brought = own.clone();
        brought.memory.id = Some(id.into());
        brought.embedded = Some(Embedded { by, vectors: odd.clone() });
        import(&engine, &[Portable::Memory(brought)]).unwrap();
        assert_eq!(&engine.get("default", id).unwrap().vectors, expected, "{id}");
    }
}

#[test]
fn a_filter_takes_along_what_was_said_about_what_it_takes() {
    let home = small();
    let engine = home.open();
    for id in ["a", "b", "c"] {
        let mut memory = text(id, &format!("memory {id}"));
        memory.content.tags = vec![if id == "c" { "out".into() } else { "in".into() }];
        store(&engine, memory);
    }
    associate(&engine, "a", "b", 0.5);
    associate(&engine, "a", "c", 0.5);
    judge(&engine, "b", None, Some(("c", PairDecision::Unrelated)));
    let mut query = ExportQuery {
        filter: Filter { tags_all: vec!["in".into()], ..Filter::default() },
        visibility: Visibility::Active,
        vectors: ExportVectors::Needed,
        after: None,
        limit: 2,
    };
    let page = engine.export("default", &query).unwrap();
    assert_eq!(page.items.len(), 2);
    query.after = page.next;
    // What is stored after the memories were read has no place in the export.
    let mut late = text("late", "late");
    late.content.tags = vec!["in".into()];
    store(&engine, late);
    associate(&engine, "a", "late", 0.5);
    query.limit = 10;
    assert_eq!(query.after.unwrap().phase, ExportPhase::Associations);
    let rest = engine.export("default", &query).unwrap();
    assert_eq!((rest.items.len(), rest.next), (1, None), "{:?}", rest.items);
    assert!(matches!(&rest.items[0], Portable::Association(stated) if stated.to == "b"));
}
