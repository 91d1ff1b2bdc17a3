//! Consolidation: what repeats becomes a belief that cites what it rests on, and goes when that goes.

use std::sync::Arc;

use engram_embed::{EmbedError, Phraser};
use engram_engine::{
    BeliefDetail, CitationRole, Consolidated, ContentField, Engine, EngineError, Execution,
    Feedback, ForgetMode, Kind, MemoryContent, MetaValue, Mode, NewMemory, NewSpace, Undo, Update,
    Verdict,
};
use engram_store::Lsn;

use crate::associating::link_all;
use crate::harness::{DAY, Home, NOW, forget, ids, recall, recalled_ids, restore, settle, store};

/// What Ada does, said in several ways.
const RUNS: [&str; 5] = [
    "Ada runs along the lake in the morning.",
    "Ada runs along the lake in the early morning.",
    "In the morning Ada runs along the lake again.",
    "Ada runs along the cold lake in the morning.",
    "Ada runs along the lake in the morning fog.",
];

fn seen(id: &str, day: i64, words: &str) -> NewMemory {
    NewMemory {
        id: Some(id.to_owned()),
        content: MemoryContent {
            text: words.to_owned(),
            session: format!("day-{day}"),
            occurred_at: Some(NOW - 100 * DAY + day * DAY),
            people: vec!["Ada".to_owned()],
            ..MemoryContent::default()
        },
        vector: None,
    }
}

fn small() -> Home {
    let mut home = Home::new();
    home.settings.tail_memories_max = 4;
    home.settings.deleted_kept_ns = 0;
    home
}

fn step(engine: &Engine) -> Result<Consolidated, EngineError> {
    settle(engine, |done| engine.consolidate("default", done))
}

/// Consolidates until nothing is left to do; ids of what was formed, changed and withdrawn.
pub(crate) fn consolidate_all(engine: &Engine) -> Consolidated {
    link_all(engine);
    let mut all = Consolidated::default();
    loop {
        let done = step(engine).unwrap();
        all.memories += done.memories;
        all.formed.extend(done.formed);
        all.changed.extend(done.changed);
        all.withdrawn.extend(done.withdrawn);
        if !done.more {
            return all;
        }
    }
}

fn undo(engine: &Engine, undo: &Undo) -> Result<Consolidated, EngineError> {
    settle(engine, |done| engine.undo_consolidation("default", undo, done))
}

fn beliefs(engine: &Engine) -> Vec<BeliefDetail> {
    engine.beliefs("default", None, 100).unwrap().items
}

fn store_runs(engine: &Engine, count: usize) {
    for (day, words) in (0..).zip(&RUNS[..count]) {
        store(engine, seen(&format!("run-{day}"), day, words));
    }
}

/// The one belief of the space.
fn one(engine: &Engine) -> BeliefDetail {
    let mut all = beliefs(engine);
    assert_eq!(all.len(), 1, "{all:#?}");
    all.remove(0)
}

fn cited(belief: &BeliefDetail) -> Vec<&str> {
    belief.citations.iter().map(|one| one.id.as_str()).collect()
}

#[test]
fn what_repeats_becomes_a_belief_that_is_recalled_and_cites() {
    let home = small();
    let engine = home.open();
    store(&engine, seen("printer", 9, "The printer on the second floor is out of paper."));
    store_runs(&engine, 4);
    let done = consolidate_all(&engine);
    assert_eq!((done.memories, done.formed.len(), done.changed.len()), (5, 1, 0));
    let belief = one(&engine);
    let memory = &belief.memory.memory;
    assert_eq!((memory.content.kind, memory.id.as_str()), (Kind::Belief, done.formed[0].as_str()));
    assert_eq!(cited(&belief), ["run-0", "run-1", "run-2", "run-3"]);
    let quoted: Vec<&str> = belief
        .citations
        .iter()
        .filter(|one| one.role == CitationRole::Quoted)
        .map(|one| one.id.as_str())
        .collect();
    assert!(!quoted.is_empty());
    for id in quoted {
        let source = engine.get("default", id).unwrap();
        assert!(memory.content.text.contains(source.memory.content.text.trim_end_matches('.')));
    }
    assert_eq!(memory.content.people, ["Ada"]);
    let summary = belief.memory.belief.as_ref().unwrap();
    let (from, until) = (NOW - 100 * DAY, NOW - 97 * DAY);
    assert_eq!((summary.count, summary.dissent), (4, 0));
    assert_eq!((summary.from_ns, summary.until_ns), (from, until));
    // One source that says it four times: 2 + 1 + 1/2 + 1/3 + 1/4 for it, 1 against.
    let mean = (2.0 + 25.0 / 12.0) / (3.0 + 25.0 / 12.0);
    assert!((f64::from(belief.memory.confidence.mean) - mean).abs() < 1e-6);
    assert_eq!(belief.memory.confidence.evidence, 4);
    let found = recall(&engine, Mode::Keyword, "lake morning");
    let item = found.items.iter().find(|item| item.detail.memory.id == memory.id).unwrap();
    assert_eq!(item.detail.belief.as_ref(), Some(summary));
    // What was stored before it is as it was: a belief repeats nothing.
    link_all(&engine);
    assert_eq!(engine.get("default", "run-0").unwrap().confidence.evidence, 1);
    assert_eq!(consolidate_all(&engine).formed, Vec::<String>::new());
    assert_eq!(step(&engine).unwrap().commit, None);
}

#[test]
fn three_turns_of_one_conversation_are_no_habit() {
    let home = small();
    let engine = home.open();
    for (minute, words) in (0..).zip(RUNS) {
        let mut turn = seen(&format!("t-{minute}"), 1, words);
        turn.content.occurred_at = Some(NOW - DAY + minute * 60_000_000_000);
        store(&engine, turn);
    }
    assert_eq!(consolidate_all(&engine).formed, Vec::<String>::new());
    store(&engine, seen("later", 2, RUNS[0]));
    assert_eq!(consolidate_all(&engine).formed.len(), 1);
    // Who is somebody else does not support it.
    let before = one(&engine).citations.len();
    let mut other = seen("other", 3, RUNS[0]);
    other.content.people = vec!["Bob".to_owned()];
    store(&engine, other);
    consolidate_all(&engine);
    assert_eq!(one(&engine).citations.len(), before);
}

#[test]
fn a_belief_grows_under_its_id_and_survives_restarts_and_checkpoints() {
    let home = small();
    let mut engine = home.open();
    store_runs(&engine, 3);
    let id = consolidate_all(&engine).formed.remove(0);
    store(&engine, seen("run-8", 8, RUNS[3]));
    store(&engine, seen("run-9", 9, RUNS[4]));
    let done = consolidate_all(&engine);
    assert_eq!((done.formed.len(), done.changed), (0, vec![id.clone()]));
    let before = one(&engine);
    assert_eq!((before.citations.len(), before.memory.memory.id.as_str()), (5, id.as_str()));
    assert!(before.memory.strength.uses >= 4, "each repetition strengthens it");
    let sums = |engine: &Engine| {
        let stats = engine.stats("default").unwrap();
        (
            stats.state_sum,
            stats.beliefs_sum,
            stats.beliefs,
            stats.consolidated,
            stats.unconsolidated,
        )
    };
    let known = sums(&engine);
    engine = home.open_again(engine);
    assert_eq!((sums(&engine), one(&engine)), (known, before.clone()));
    while engine.maintain(10_000).unwrap().more {}
    engine.checkpoint("default").unwrap();
    engine = home.open_again(engine);
    assert_eq!((sums(&engine), one(&engine)), (known, before));
    assert_eq!(step(&engine).unwrap(), Consolidated::default());
}

#[test]
fn a_belief_in_words_of_a_forgotten_memory_goes_with_it_and_comes_back_in_other_words() {
    let home = small();
    let mut engine = home.open();
    store_runs(&engine, 5);
    let id = consolidate_all(&engine).formed.remove(0);
    let belief = one(&engine);
    let quoted: Vec<String> = belief
        .citations
        .iter()
        .filter(|one| one.role == CitationRole::Quoted)
        .map(|one| one.id.clone())
        .collect();
    let names: Vec<&str> = quoted.iter().map(String::as_str).collect();
    let receipt = forget(&engine, ids(&names), ForgetMode::Delete, Execution::Commit).unwrap();
    assert_eq!((receipt.ids, receipt.beliefs), (quoted.clone(), vec![id.clone()]));
    assert_eq!(beliefs(&engine), Vec::new());
    assert!(matches!(engine.get("default", &id), Err(EngineError::MemoryNotFound { .. })));
    engine = home.open_again(engine);
    assert_eq!(beliefs(&engine), Vec::new());
    let done = consolidate_all(&engine);
    assert_eq!(done.formed, [id.as_str()]);
    let again = one(&engine);
    assert!(quoted.iter().all(|gone| !cited(&again).contains(&gone.as_str())));
    assert_eq!(again.memory.memory.version, 1, "no older version holds the words");
    // Hidden ones carry nothing either, and those that are shown again do.
    let left: Vec<String> = again.citations.iter().map(|one| one.id.clone()).collect();
    let names: Vec<&str> = left.iter().map(String::as_str).collect();
    forget(&engine, ids(&names[..2]), ForgetMode::Suppress, Execution::Commit).unwrap();
    consolidate_all(&engine);
    assert_eq!(beliefs(&engine), Vec::new());
    restore(&engine, ids(&names[..2])).unwrap();
    consolidate_all(&engine);
    assert_eq!(cited(&one(&engine)).len(), left.len());
    while engine.maintain(10_000).unwrap().more {}
    engine.checkpoint("default").unwrap();
    while engine.maintain(10_000).unwrap().more {}
}

#[test]
fn what_is_taken_back_does_not_come_back() {
    let home = small();
    let mut engine = home.open();
    store_runs(&engine, 3);
    let id = consolidate_all(&engine).formed.remove(0);
    let before = engine.stats("default").unwrap().lsn;
    store(&engine, seen("run-8", 8, RUNS[3]));
    store(&engine, seen("run-9", 9, RUNS[4]));
    consolidate_all(&engine);
    assert_eq!(one(&engine).citations.len(), 5);
    // Back to what it rested on before.
    let done = undo(&engine, &Undo::Since(Lsn(before.0 + 1))).unwrap();
    assert_eq!((done.changed, done.withdrawn.len()), (vec![id.clone()], 0));
    assert_eq!(cited(&one(&engine)), ["run-0", "run-1", "run-2"]);
    consolidate_all(&engine);
    assert_eq!(cited(&one(&engine)), ["run-0", "run-1", "run-2"]);
    let done = undo(&engine, &Undo::Beliefs(vec![id.clone()])).unwrap();
    assert_eq!(done.withdrawn, [id.as_str()]);
    consolidate_all(&engine);
    engine = home.open_again(engine);
    consolidate_all(&engine);
    assert_eq!(beliefs(&engine), Vec::new());
    let gone = undo(&engine, &Undo::Beliefs(vec![id]));
    assert!(matches!(gone, Err(EngineError::MemoryNotFound { .. })));
    // What was updated since is another matter.
    for day in 0..3 {
        let update = Update {
            id: format!("run-{day}"),
            content: MemoryContent {
                text: RUNS[[3, 4, 0][day]].to_owned(),
                ..MemoryContent::default()
            },
            fields: vec![ContentField::Text],
            ..Update::default()
        };
        settle(&engine, |done| engine.update("default", update, done)).unwrap();
    }
    assert_eq!(consolidate_all(&engine).formed.len(), 1);
}

#[test]
fn a_hidden_belief_stays_hidden_and_keeps_what_it_rests_on() {
    let home = small();
    let engine = home.open();
    store_runs(&engine, 3);
    let id = consolidate_all(&engine).formed.remove(0);
    forget(&engine, ids(&[&id]), ForgetMode::Suppress, Execution::Commit).unwrap();
    for day in 6..12 {
        store(&engine, seen(&format!("run-{day}"), day, RUNS[day as usize % 5]));
    }
    let done = consolidate_all(&engine);
    assert_eq!((done.formed.len(), beliefs(&engine).len()), (0, 0));
    restore(&engine, ids(&[&id])).unwrap();
    consolidate_all(&engine);
    assert_eq!(one(&engine).citations.len(), 9);
}

#[test]
fn doubts_show_as_dissent() {
    let home = small();
    let engine = home.open();
    store_runs(&engine, 5);
    consolidate_all(&engine);
    let before = one(&engine);
    let doubted = before.citations.iter().find(|one| one.role == CitationRole::Quoted).unwrap();
    for source in ["one", "two"] {
        let request = Feedback {
            id: doubted.id.clone(),
            verdict: Some(Verdict::Wrong),
            reason: String::new(),
            source: source.to_owned(),
            pair: None,
            recalled: None,
            principal: String::new(),
        };
        settle(&engine, |done| engine.feedback("default", request, done)).unwrap();
    }
    consolidate_all(&engine);
    let after = one(&engine);
    let summary = after.memory.belief.as_ref().unwrap();
    assert_eq!((summary.count, summary.dissent), (5, 1));
    assert!(after.memory.confidence.mean < before.memory.confidence.mean);
    let role = after.citations.iter().find(|one| one.id == doubted.id).unwrap().role;
    assert_eq!(role, CitationRole::Dissents);
}

#[test]
fn a_memory_that_is_forgotten_while_a_belief_of_it_is_queued_takes_it_along() {
    let home = small();
    let engine = home.open();
    store_runs(&engine, 3);
    link_all(&engine);
    engine.consolidate("default", Box::new(|done| assert!(done.is_ok())));
    let all = ids(&["run-0", "run-1", "run-2"]);
    let receipt = forget(&engine, all, ForgetMode::Delete, Execution::Commit).unwrap();
    assert_eq!(receipt.beliefs.len(), 1);
    assert_eq!(beliefs(&engine), Vec::new());
    assert_eq!(recalled_ids(&recall(&engine, Mode::Keyword, "lake")), Vec::<String>::new());
    // The other way round, the step is taken again.
    store_runs(&engine, 4);
    link_all(&engine);
    let gone = ids(&["run-0"]);
    let (sender, receiver) = std::sync::mpsc::channel();
    let request = engram_engine::Forget {
        selection: gone,
        mode: ForgetMode::Delete,
        purge: engram_engine::Purge::InTime,
        execution: Execution::Commit,
        principal: String::new(),
    };
    engine.forget("default", request, Box::new(move |done| sender.send(done).unwrap()));
    let done = step(&engine).unwrap();
    assert!(receiver.recv().unwrap().is_ok());
    assert!(done.more && done.formed.is_empty(), "{done:?}");
    assert_eq!(consolidate_all(&engine).formed.len(), 1);
    assert_eq!(cited(&one(&engine)), ["run-1", "run-2", "run-3"]);
}

/// Says how many texts it saw, or that it is away.
struct Counting(bool);

impl Phraser for Counting {
    fn model(&self) -> &str {
        "counting-1"
    }

    fn phrase(&self, texts: &[&str]) -> Result<String, EmbedError> {
        match self.0 {
            true => Ok(format!("Ada runs in the morning, {} say.", texts.len())),
            false => Err(EmbedError::Unavailable { message: "away".to_owned() }),
        }
    }
}

#[test]
fn a_model_may_put_it_into_words_and_is_not_needed() {
    let mut home = small();
    home.phraser = Some(Arc::new(Counting(true)));
    let engine = home.open();
    store_runs(&engine, 4);
    consolidate_all(&engine);
    let belief = one(&engine);
    let summary = belief.memory.belief.as_ref().unwrap();
    assert_eq!(belief.memory.memory.content.text, "Ada runs in the morning, 4 say.");
    assert_eq!(summary.model, "counting-1");
    // All that the model was shown may be in its words.
    assert!(belief.citations.iter().all(|citation| citation.role == CitationRole::Quoted));
    let gone = forget(&engine, ids(&["run-2"]), ForgetMode::Delete, Execution::Commit).unwrap();
    assert_eq!(gone.beliefs.len(), 1);

    let mut home = small();
    home.phraser = Some(Arc::new(Counting(false)));
    let engine = home.open();
    store_runs(&engine, 4);
    link_all(&engine);
    let done = step(&engine).unwrap();
    assert!(done.unphrased.as_deref().is_some_and(|why| why.contains("away")), "{done:?}");
    assert_eq!(one(&engine).memory.belief.unwrap().model, "");
}

/// What somebody states of where Ada lives.
fn lives(id: &str, day: i64, words: &str) -> NewMemory {
    let mut memory = seen(id, day, words);
    memory.content.subject = "Ada".to_owned();
    memory.content.attribute = "home".to_owned();
    memory
}

/// Ids of what the beliefs of the space rest on, sorted.
fn rested_on(engine: &Engine) -> Vec<Vec<String>> {
    let cited = |belief: BeliefDetail| {
        let mut cited: Vec<String> = belief.citations.into_iter().map(|it| it.id).collect();
        cited.sort();
        cited
    };
    beliefs(engine).into_iter().map(cited).collect()
}

#[test]
fn what_is_superseded_carries_no_belief_and_carries_one_again_when_it_holds_again() {
    let home = small();
    let engine = home.open();
    for day in 1..=3 {
        store(&engine, lives(&format!("paris-{day}"), day, "Ada lives in Paris near the river."));
    }
    consolidate_all(&engine);
    let paris = ["paris-1", "paris-2", "paris-3"].map(str::to_owned).to_vec();
    assert_eq!(rested_on(&engine), std::slice::from_ref(&paris));
    let id = one(&engine).memory.memory.id.clone();
    // One statement ends it; it is too little for a belief of its own.
    store(&engine, lives("basel-1", 4, "Ada lives in Basel near the river."));
    let done = consolidate_all(&engine);
    assert_eq!((done.withdrawn, rested_on(&engine).len()), (vec![id], 0));
    let engine = home.open_again(engine);
    assert_eq!(consolidate_all(&engine).memories, 0, "nothing is looked at twice");
    for day in 5..=6 {
        store(&engine, lives(&format!("basel-{day}"), day, "Ada lives in Basel near the river."));
    }
    consolidate_all(&engine);
    let basel = ["basel-1", "basel-5", "basel-6"].map(str::to_owned).to_vec();
    assert_eq!(rested_on(&engine), std::slice::from_ref(&basel));
    // Hidden, it supersedes nothing: what was true before holds again.
    forget(
        &engine,
        ids(&["basel-1", "basel-5", "basel-6"]),
        ForgetMode::Suppress,
        Execution::Commit,
    )
    .unwrap();
    consolidate_all(&engine);
    assert_eq!(rested_on(&engine), std::slice::from_ref(&paris));
    restore(&engine, ids(&["basel-1", "basel-5", "basel-6"])).unwrap();
    consolidate_all(&engine);
    assert_eq!(rested_on(&engine), std::slice::from_ref(&basel));
    forget(&engine, ids(&["basel-1", "basel-5", "basel-6"]), ForgetMode::Delete, Execution::Commit)
        .unwrap();
    let engine = home.open_again(engine);
    consolidate_all(&engine);
    assert_eq!(rested_on(&engine), [paris]);
}

#[test]
fn what_is_hidden_before_it_was_looked_at_is_no_work_left() {
    let home = small();
    let engine = home.open();
    store(&engine, seen("a", 1, "Ada runs."));
    store(&engine, seen("b", 2, "Bea swims."));
    link_all(&engine);
    forget(&engine, ids(&["a", "b"]), ForgetMode::Suppress, Execution::Commit).unwrap();
    assert_eq!(consolidate_all(&engine).memories, 0);
    assert_eq!((engine.unconsolidated("default"), step(&engine).unwrap().more), (0, false));
    restore(&engine, ids(&["a"])).unwrap();
    assert_eq!(consolidate_all(&engine).memories, 1, "shown again, it is looked at");
}

#[test]
fn what_a_declared_field_tells_apart_makes_no_belief_together() {
    let mut home = small();
    let key = Some("plan".to_owned());
    let space = NewSpace { supersede_key: key, ..crate::harness::space("default") };
    home.settings.default_space = Some(space);
    let engine = home.open();
    let told = |id: &str, day: i64, plan: &str| {
        let mut memory = seen(id, day, "It costs ten francs a month.");
        memory.content.metadata.insert("plan".to_owned(), MetaValue::Text(plan.to_owned()));
        store(&engine, memory);
    };
    for (day, plan) in ["basic", "pro", "team"].into_iter().enumerate() {
        told(plan, day as i64, plan);
    }
    consolidate_all(&engine);
    assert_eq!(rested_on(&engine).len(), 0);
    told("basic-2", 4, "basic");
    told("basic-3", 5, "basic");
    consolidate_all(&engine);
    assert_eq!(rested_on(&engine), [["basic", "basic-2", "basic-3"].map(str::to_owned).to_vec()]);
    let belief = one(&engine);
    let plan = &belief.memory.memory.content.metadata["plan"];
    assert_eq!(*plan, MetaValue::Text("basic".to_owned()));
    // A belief states nothing of its own: it supersedes nothing and is superseded by nothing.
    link_all(&engine);
    let id = &belief.memory.memory.id;
    let detail = engine.get("default", id).unwrap();
    assert_eq!((detail.superseded_by, detail.supersedes), (None, Vec::<String>::new()));
}
