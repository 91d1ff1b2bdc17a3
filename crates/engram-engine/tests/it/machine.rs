//! Any sequence of operations against a plain map: what the map says is what every route says, also after restarts,
//! checkpoints, merges and closed spaces. A failure shrinks to a short sequence.

use std::collections::BTreeMap;

use engram_engine::{
    Associate, AssociationQuery, CitationRole, Created, Dissociate, EdgeDirection, EdgeKind,
    Engine, EngineError, Execution, Filter, Forget, ForgetMode, Kind, ListQuery, MemoryContent,
    Mode, NewMemory, RememberOptions, Restore, Selection, Serial, State, Undo, Visibility,
};
use proptest::prelude::*;

use crate::harness::{DAY, Home, create_space, cue, recalled_ids, settle, space};

const SPACES: [&str; 2] = ["default", "other"];
/// Ids that are written again and again.
const IDS: u8 = 6;
/// Memories of a batch: a chunk and a few more.
const BATCH: usize = 260;
const SMALL_DIMENSION: u32 = 8;
const WORDS: [&str; 4] = ["river", "harbour", "lantern", "orchard"];

#[derive(Clone, Debug)]
enum Op {
    /// Stores under an id a text that one of few words decides.
    Remember {
        space: usize,
        id: u8,
        word: usize,
    },
    /// Stores many memories with ids of their own.
    RememberMany {
        space: usize,
    },
    /// Forgets a share of the memories.
    ForgetMany {
        space: usize,
        every: usize,
    },
    Suppress {
        space: usize,
        id: u8,
    },
    Delete {
        space: usize,
        id: u8,
    },
    Restore {
        space: usize,
        id: u8,
    },
    Associate {
        space: usize,
        ends: (u8, u8),
        weight: u8,
    },
    Dissociate {
        space: usize,
        ends: (u8, u8),
    },
    /// Forms associations and builds graphs.
    Derive,
    /// Makes beliefs, at most so many steps.
    Consolidate {
        space: usize,
        steps: usize,
    },
    /// Takes the first belief back.
    Undo {
        space: usize,
    },
    Checkpoint {
        space: usize,
    },
    Maintain,
    /// Nobody asks for a day: the spaces are closed.
    Idle,
    /// The next process finds all spaces closed.
    Restart,
    /// Compares everything, which opens the spaces.
    Look,
}

fn op() -> impl Strategy<Value = Op> {
    let place = || (0..SPACES.len(), 0..IDS);
    let ends = || (0..SPACES.len(), (0..IDS, 0..IDS));
    prop_oneof![
        6 => (place(), 0..WORDS.len()).prop_map(|((space, id), word)| Op::Remember { space, id, word }),
        3 => (0..SPACES.len()).prop_map(|space| Op::RememberMany { space }),
        1 => (0..SPACES.len(), 2..9_usize).prop_map(|(space, every)| Op::ForgetMany { space, every }),
        3 => place().prop_map(|(space, id)| Op::Suppress { space, id }),
        3 => place().prop_map(|(space, id)| Op::Delete { space, id }),
        2 => place().prop_map(|(space, id)| Op::Restore { space, id }),
        3 => (ends(), 1..5_u8).prop_map(|((space, ends), weight)| Op::Associate { space, ends, weight }),
        1 => ends().prop_map(|(space, ends)| Op::Dissociate { space, ends }),
        2 => Just(Op::Derive),
        3 => (0..SPACES.len(), 1..6_usize).prop_map(|(space, steps)| Op::Consolidate { space, steps }),
        1 => (0..SPACES.len()).prop_map(|space| Op::Undo { space }),
        2 => (0..SPACES.len()).prop_map(|space| Op::Checkpoint { space }),
        2 => Just(Op::Maintain),
        2 => Just(Op::Idle),
        3 => Just(Op::Restart),
        3 => Just(Op::Look),
    ]
}

#[derive(Clone, Debug, Default)]
struct Model {
    memories: BTreeMap<String, (String, State)>,
    ties: BTreeMap<(String, String), f32>,
    /// Batches so far.
    batches: usize,
    /// What the sums of state and beliefs were when they were last looked at, with the LSN.
    sum: (u64, u64, u64),
}

struct Machine {
    home: Home,
    engine: Option<Engine>,
    models: [Model; 2],
}

fn id(number: u8) -> String {
    format!("m{number}")
}

impl Machine {
    fn new() -> Machine {
        let mut home = Home::of_dimension(SMALL_DIMENSION);
        home.settings.wal_segment_bytes = 64 << 10;
        home.settings.wal_spare_segments_max = 1;
        home.settings.wal_bytes_max = 128 << 10;
        home.settings.checkpoint_log_bytes = 16 << 10;
        home.settings.graph_vectors_min = 200;
        home.settings.space_idle_ns = DAY;
        home.settings.deleted_kept_ns = 0;
        let engine = home.open();
        create_space(&engine, &space("other")).unwrap();
        Machine { home, engine: Some(engine), models: [Model::default(), Model::default()] }
    }

    fn engine(&self) -> &Engine {
        self.engine.as_ref().unwrap()
    }

    fn apply(&mut self, op: Op) {
        match op {
            Op::Remember { space, id, word } => self.remember(space, id, word),
            Op::RememberMany { space } => self.remember_many(space),
            Op::ForgetMany { space, every } => {
                let picked = self.models[space].memories.keys().step_by(every).cloned().collect();
                self.change(space, picked, Some(ForgetMode::Delete));
            }
            Op::Suppress { space, id: n } => {
                self.change(space, vec![id(n)], Some(ForgetMode::Suppress));
            }
            Op::Delete { space, id: n } => {
                self.change(space, vec![id(n)], Some(ForgetMode::Delete));
            }
            Op::Restore { space, id: n } => self.change(space, vec![id(n)], None),
            Op::Associate { space, ends, weight } => self.associate(space, ends, weight),
            Op::Dissociate { space, ends } => self.dissociate(space, ends),
            Op::Derive => self.derive(),
            Op::Consolidate { space, steps } => {
                self.derive();
                let (name, engine) = (SPACES[space], self.engine());
                let step = || settle(engine, |done| engine.consolidate(name, done)).unwrap();
                (0..steps).any(|_| !step().more);
            }
            Op::Undo { space } => {
                let (name, engine) = (SPACES[space], self.engine());
                if let Some(first) = engine.beliefs(name, None, 1).unwrap().items.first() {
                    let undo = Undo::Beliefs(vec![first.memory.memory.id.clone()]);
                    settle(engine, |done| engine.undo_consolidation(name, &undo, done)).unwrap();
                }
            }
            Op::Checkpoint { space } => {
                self.engine().checkpoint(SPACES[space]).unwrap();
            }
            Op::Maintain => self.maintain(),
            Op::Idle => {
                self.home.clock.advance(DAY);
                self.engine().maintain(10_000).unwrap();
            }
            Op::Look => self.check(),
            Op::Restart => {
                self.engine = None;
                self.engine = Some(self.home.open());
            }
        }
    }

    fn remember(&mut self, space: usize, n: u8, word: usize) {
        let text = format!("{} by {}", WORDS[word], id(n));
        let answer = self.store(space, vec![(id(n), text.clone())]);
        let known = self.models[space].memories.get(&id(n));
        match known {
            Some((old, _)) if *old != text => {
                assert!(matches!(answer, Err(EngineError::IdConflict { .. })), "{answer:?}");
            }
            known => {
                let before = known.is_some();
                let item = answer.unwrap().items.remove(0).unwrap();
                assert_eq!(item.created == Created::Before, before);
                let kept = known.map_or(State::Active, |(_, state)| *state);
                assert_eq!(item.state, kept);
                self.models[space].memories.insert(id(n), (text, kept));
            }
        }
    }

    fn remember_many(&mut self, space: usize) {
        let model = &mut self.models[space];
        let first = model.batches * BATCH;
        model.batches += 1;
        let text = |n: usize| format!("{} {} {n}", WORDS[n % 4], WORDS[n / 4 % 4]);
        let batch: Vec<(String, String)> =
            (first..first + BATCH).map(|n| (format!("b{n}"), text(n))).collect();
        self.store(space, batch.clone()).unwrap();
        let stored = batch.into_iter().map(|(id, text)| (id, (text, State::Active)));
        self.models[space].memories.extend(stored);
    }

    fn store(
        &self,
        space: usize,
        batch: Vec<(String, String)>,
    ) -> Result<engram_engine::Remembered, EngineError> {
        let memory = |(id, text): (String, String)| NewMemory {
            content: MemoryContent {
                text,
                session: format!("s{}", id.len()),
                title: if id.len() == 2 { format!("Note {id}") } else { String::new() },
                ..MemoryContent::default()
            },
            id: Some(id),
            vector: None,
        };
        let batch = batch.into_iter().map(memory).collect();
        let options = RememberOptions::default();
        settle(self.engine(), |done| self.engine().remember(SPACES[space], batch, &options, done))
    }

    /// Forgets in that mode, or restores; one id that is not there refuses all.
    fn change(&mut self, space: usize, wanted: Vec<String>, mode: Option<ForgetMode>) {
        if wanted.is_empty() {
            return;
        }
        let (name, engine) = (SPACES[space], self.engine());
        let (selection, execution) = (Selection::Ids(wanted.clone()), Execution::Commit);
        let principal = String::new();
        let answer = match mode {
            Some(mode) => {
                let request =
                    Forget { selection, mode, purge: Default::default(), execution, principal };
                settle(engine, |done| engine.forget(name, request, done))
            }
            None => {
                let request = Restore { selection, execution, principal };
                settle(engine, |done| engine.restore(name, request, done))
            }
        };
        let model = &mut self.models[space];
        if !wanted.iter().all(|id| model.memories.contains_key(id)) {
            assert!(matches!(answer, Err(EngineError::MemoryNotFound { .. })), "{answer:?}");
            return;
        }
        answer.unwrap();
        for id in wanted {
            let state = match mode {
                None => State::Active,
                Some(ForgetMode::Suppress) => State::Suppressed,
                Some(ForgetMode::Delete) => {
                    model.memories.remove(&id);
                    model.ties.retain(|(from, to), _| *from != id && *to != id);
                    continue;
                }
            };
            model.memories.get_mut(&id).unwrap().1 = state;
        }
    }

    fn associate(&mut self, space: usize, (from, to): (u8, u8), weight: u8) {
        let (from, to, weight) = (id(from), id(to), f32::from(weight) / 4.0);
        let stated = Associate {
            from: from.clone(),
            to: to.clone(),
            relation: "leads to".into(),
            weight,
            reason: String::new(),
            principal: String::new(),
        };
        let engine = self.engine();
        let answer = settle(engine, |done| engine.associate(SPACES[space], stated, done));
        let model = &mut self.models[space];
        let there = model.memories.contains_key(&from) && model.memories.contains_key(&to);
        assert_eq!(answer.is_ok(), there && from != to, "{answer:?}");
        if answer.is_ok() {
            model.ties.insert((from, to), weight);
        }
    }

    fn dissociate(&mut self, space: usize, (from, to): (u8, u8)) {
        let (from, to) = (id(from), id(to));
        let kinds = vec![EdgeKind::Explicit];
        let request =
            Dissociate { from: from.clone(), to: to.clone(), kinds, principal: String::new() };
        let engine = self.engine();
        let answer = settle(engine, |done| engine.dissociate(SPACES[space], request, done));
        let was = self.models[space].ties.remove(&(from, to)).is_some();
        assert_eq!(answer.map_or(0, |receipt| receipt.count), u64::from(was));
    }

    fn maintain(&self) {
        let ends = (0..100).any(|_| !self.engine().maintain(10_000).unwrap().more);
        assert!(ends, "maintenance goes on and on");
    }

    fn derive(&self) {
        let engine = self.engine();
        while engine.link(10_000).unwrap().memories > 0 {
            engine.drive().unwrap();
        }
        while !engine.index(10_000, &Serial).unwrap().commits.is_empty() {
            engine.drive().unwrap();
        }
    }

    fn check(&mut self) {
        for place in 0..SPACES.len() {
            self.check_listing(place);
            self.check_routes(place);
            self.check_ties(place);
        }
    }

    fn check_listing(&mut self, place: usize) {
        let (name, model) = (SPACES[place], &self.models[place]);
        let engine = self.engine();
        let mut query = ListQuery {
            filter: Filter::default(),
            after: None,
            limit: 900,
            visibility: Visibility::All,
            as_of: None,
        };
        let (mut listed, mut beliefs) = (BTreeMap::new(), BTreeMap::new());
        loop {
            let page = engine.list(name, &query).unwrap();
            for item in page.items {
                if item.memory.content.kind == Kind::Belief {
                    beliefs.insert(item.memory.id.clone(), item.vectors.len() as u64);
                    continue;
                }
                let text = item.memory.content.text.clone();
                let twice = listed.insert(item.memory.id.clone(), (text, item.state));
                assert!(twice.is_none(), "{} is listed twice", item.memory.id);
            }
            match page.next {
                Some(next) => query.after = Some(next),
                None => break,
            }
        }
        let differs = |id: &&String| listed.get(*id) != model.memories.get(*id);
        let other = listed.keys().chain(model.memories.keys()).find(differs);
        let found = other.map(|id| (id, listed.get(id), model.memories.get(id)));
        assert_eq!(found, None, "{name}: listed and expected");
        let stats = engine.stats(name).unwrap();
        let active = model.memories.values().filter(|(_, state)| *state == State::Active).count();
        let vectors = listed.len() as u64 + beliefs.values().sum::<u64>();
        assert_eq!((stats.memories, stats.vectors), ((active + beliefs.len()) as u64, vectors));
        self.check_beliefs(place, &beliefs);
        let sum = (stats.lsn.0, stats.state_sum, stats.beliefs_sum);
        let known = self.models[place].sum;
        assert!(known.0 != sum.0 || known == sum, "the sums of LSN {} changed", sum.0);
        self.models[place].sum = sum;
    }

    /// Beliefs are words of what they quote, and rest on what is there and shown, each memory under one of them.
    fn check_beliefs(&self, place: usize, listed: &BTreeMap<String, u64>) {
        let (name, model, engine) = (SPACES[place], &self.models[place], self.engine());
        let beliefs = engine.beliefs(name, None, 1_000).unwrap().items;
        let ids: Vec<&String> = beliefs.iter().map(|belief| &belief.memory.memory.id).collect();
        assert_eq!(ids.len(), listed.len(), "{name}: {ids:?} and {listed:?}");
        let mut cited = BTreeMap::new();
        for belief in &beliefs {
            let text = &belief.memory.memory.content.text;
            let mut quoted = 0;
            for citation in &belief.citations {
                let known = model.memories.get(&citation.id);
                assert!(
                    matches!(known, Some((_, State::Active))),
                    "{name}: a belief rests on {citation:?}, which is {known:?}"
                );
                let words = known.map_or("", |(words, _)| words);
                assert_eq!(cited.insert(citation.id.clone(), text), None, "{name}: cited twice");
                if citation.role == CitationRole::Quoted {
                    assert!(text.contains(words), "{name}: {text:?} quotes {words:?}");
                    quoted += words.len();
                }
            }
            assert!(quoted + 3 > text.len(), "{name}: {text:?} holds words of nobody");
        }
    }

    /// The ids that are written again are got, found by their words, and not found when they are hidden or gone.
    fn check_routes(&self, place: usize) {
        let (name, model, engine) = (SPACES[place], &self.models[place], self.engine());
        for number in 0..IDS {
            let known = model.memories.get(&id(number));
            let active = known.is_some_and(|(_, state)| *state == State::Active);
            let got = engine.get(name, &id(number)).ok();
            let got = got.map(|detail| detail.memory.content.text.clone());
            assert_eq!(got.as_ref(), known.map(|(text, _)| text).filter(|_| active), "{name}");
            for mode in [Mode::Keyword, Mode::Similarity, Mode::Associative] {
                let word = known.map_or("river", |(text, _)| text.as_str());
                let mut asked = cue(mode, &format!("{word} by {}", id(number)));
                asked.limit = 1_000;
                asked.filter = Filter { ids: vec![id(number)], ..Filter::default() };
                let found = recalled_ids(&engine.recall(name, &asked).unwrap());
                assert_eq!(
                    found,
                    if active { vec![id(number)] } else { vec![] },
                    "{name} {mode:?}"
                );
            }
        }
    }

    fn check_ties(&self, place: usize) {
        let (name, model, engine) = (SPACES[place], &self.models[place], self.engine());
        let mut found = BTreeMap::new();
        let shown = |id: &str| model.memories.get(id).is_some_and(|(_, s)| *s == State::Active);
        for number in (0..IDS).filter(|number| shown(&id(*number))) {
            let query = AssociationQuery {
                id: id(number),
                direction: EdgeDirection::Out,
                kinds: vec![EdgeKind::Explicit],
                limit: 100,
                offset: 0,
            };
            for tie in engine.associations(name, &query).unwrap().items {
                found.insert((tie.from, tie.to), tie.weight);
            }
        }
        let mut expected = model.ties.clone();
        expected.retain(|(from, to), _| shown(from) && shown(to));
        assert_eq!(found, expected, "{name}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, max_shrink_iters: 100, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_is_what_the_map_says(ops in prop::collection::vec(op(), 1..32)) {
        let mut machine = Machine::new();
        for op in ops {
            machine.apply(op);
        }
        machine.check();
        machine.apply(Op::Restart);
        machine.apply(Op::Maintain);
        machine.check();
    }
}
