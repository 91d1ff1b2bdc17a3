//! Learning: recalls that count as uses, judgements, and the commits that tell of them.

use engram_engine::{
    Cue, Effect, Feedback, FeedbackReceipt, JudgedRecall, Mode, PairDecision, PairJudgement,
    Verdict,
};

use crate::draft::phrase;
use crate::history::{Check, History};
use crate::model::{Image, Queued, Work, classify, slot, taken};

/// Chance in percent that a step learns something beside what else it does.
const LEARNS: u64 = 10;
/// Chance in percent that a judgement is one of a pair.
const DECIDES: u64 = 40;
/// Bytes of a judgement, at most.
const JUDGEMENT_BYTES: usize = 1_000;
/// Chance in percent that what was learned is driven at once.
const DRIVEN_AT_ONCE: u64 = 60;

impl History {
    /// Somebody uses or judges memories, perhaps.
    pub(crate) fn learn(&mut self) -> Check {
        let able = !self.blind && !self.fs.crashed() && self.engine().poisoned().is_none();
        if !self.scholar.chance(LEARNS) || !able || self.spaces.is_empty() {
            return Ok(());
        }
        let nth = self.scholar.index(self.spaces.len());
        let Some(name) = self.spaces.keys().nth(nth).cloned() else { return Ok(()) };
        if self.scholar.chance(50) { self.use_some(&name) } else { self.judge_some(&name) }
    }

    fn use_some(&mut self, name: &str) -> Check {
        // One commit of uses is under way at a time: what waits for another would be told by the close, unasked.
        self.drive()?;
        if self.fs.crashed() || self.engine().poisoned().is_some() {
            return Ok(());
        }
        let Some(place) = self.spaces.get(name) else { return Ok(()) };
        let deleting = place.deleting;
        let text = phrase(&mut self.scholar);
        let mode = *self.scholar.pick(&[Mode::Keyword, Mode::Hybrid, Mode::Associative]);
        let cue = Cue { text, mode, limit: 5, effect: Effect::Train, ..Cue::default() };
        match self.engine().recall(name, &cue) {
            Ok(answer) if answer.trained != answer.items.is_empty() => {}
            Ok(answer) => return Err(format!("{answer:?} trains nothing")),
            Err(error) if classify(&error) == "no space" && deleting => return Ok(()),
            Err(error) if self.excused(&error) => {
                self.blind |= self.injected();
                return Ok(());
            }
            Err(error) => return Err(format!("recall fails: {error}")),
        }
        self.train()?;
        self.drive_some()
    }

    /// Not with the numbers of the other steps: these stay what they were before there was anything to learn.
    fn drive_some(&mut self) -> Check {
        if self.scholar.chance(DRIVEN_AT_ONCE) { self.drive() } else { Ok(()) }
    }

    /// Has what was used committed.
    pub(crate) fn train(&mut self) -> Check {
        let result = self.engine().train();
        self.note(format!("train -> {result:?}"));
        match result {
            Ok(trained) => self.queue_derived(trained.commits),
            Err(error) if !self.excused(&error) => Err(format!("train fails: {error}")),
            Err(_) => Ok(()),
        }
    }

    /// Sometimes a decision about a memory and another one.
    fn pair_with(&mut self, image: &Image, id: &str) -> Option<PairJudgement> {
        let nth = self.scholar.index(image.memories.len());
        let decision = *self.scholar.pick(&PairDecision::ALL);
        let wanted = self.scholar.chance(DECIDES);
        let other = image.memories.values().nth(nth).map(|stored| stored.name().to_owned())?;
        let pair = wanted && !other.is_empty() && other != id;
        pair.then_some(PairJudgement { other, decision })
    }

    fn judge_some(&mut self, name: &str) -> Check {
        let image = self.spaces[name].projected.clone();
        let nth = self.scholar.index(image.memories.len());
        let known = image.memories.values().nth(nth).map(|stored| stored.name().to_owned());
        let id = known.filter(|_| !self.scholar.chance(5)).unwrap_or_else(|| "nobody".to_owned());
        if id.is_empty() {
            // An id that the engine makes is not known before the answer.
            return Ok(());
        }
        let pair = self.pair_with(&image, &id);
        let (slot, done) = slot::<FeedbackReceipt>();
        let verdict = *self.scholar.pick(&Verdict::ALL);
        let request = Feedback {
            id: id.clone(),
            verdict: pair.is_none().then_some(verdict),
            pair: pair.clone(),
            reason: "it was tried".to_owned(),
            source: format!("judge {}", self.scholar.below(3)),
            recalled: recalled(&id),
            principal: String::new(),
        };
        self.note(format!("judge {id:?} in {name} {:?} {pair:?}", request.verdict));
        self.engine().feedback(name, request, done);
        if self.unread(&slot) {
            return Ok(());
        }
        let place = &self.spaces[name];
        let now_ns = self.now_ns();
        let there = |id: &str| image.find(id).is_some_and(|stored| stored.visible(now_ns));
        let there = there(&id) && pair.is_none_or(|pair| there(&pair.other));
        if place.deleting || !there {
            let expected = if place.deleting { "no space" } else { "no memory" };
            return self.expect_refusal(slot, expected);
        }
        match taken(&slot) {
            None => {}
            Some(Err(error)) if self.overload(classify(&error), JUDGEMENT_BYTES) => return Ok(()),
            Some(other) => return Err(format!("feedback answers {other:?} before it is driven")),
        }
        let stamp = Some(image.next_stamp(now_ns));
        self.queue(name, Queued { stamp, work: Work::Judge { slot } })?;
        self.drive_some()
    }
}

/// What a judgement says of the recall that it is about: of every other id. Drawn from nothing, so that seeds stay what they are.
fn recalled(id: &str) -> Option<JudgedRecall> {
    let sum: usize = id.bytes().map(usize::from).sum();
    let mode = Mode::ALL[sum / 2 % Mode::ALL.len()];
    let relevance = (sum % 101) as f32 / 100.0;
    sum.is_multiple_of(2).then_some(JudgedRecall { relevance, uncalibrated: None, mode })
}
