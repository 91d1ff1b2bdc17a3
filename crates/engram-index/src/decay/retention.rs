//! What use makes of a memory: how its stability grows and shrinks with each review.

use super::NS_PER_DAY;
use super::law::{ACT_R_DECAY, DecayLaw, retrieved};

const NS_PER_SECOND: f64 = 1e9;
/// Reviews that are kept of a memory: strength can be told as of any time since the first of them.
pub const PRESENTATIONS_MAX: usize = 16;
/// Largest decay of a presentation: that of one among all of a memory's within the same second.
pub const PRESENTATION_DECAY_MAX: f64 = 8.0;
/// Largest weight of a presentation.
pub const PRESENTATION_WEIGHT_MAX: f64 = 2.0;
/// Longest stability, days: a century, as in FSRS.
const STABILITY_DAYS_MAX: f64 = 36_500.0;
/// Shortest stability, days: a tenth of a second.
const STABILITY_DAYS_MIN: f64 = 1e-6;
/// Default weights of FSRS-4.5 by their numbers there.
const W4: f64 = 5.1618;
const W6: f64 = 0.8975;
const W7: f64 = 0.031;
const W8: f64 = 1.6474;
const W9: f64 = 0.1367;
const W10: f64 = 1.0461;
const W11: f64 = 2.1072;
const W12: f64 = 0.0793;
const W13: f64 = 0.3246;
const W14: f64 = 1.587;
const W16: f64 = 2.8755;
/// What a lapse leaves of a stability, at most.
const LAPSE_LEFT_MAX: f64 = 0.9;
/// Share of the activation at the time of a presentation that adds to its decay (Pavlik and Anderson 2005).
const ACT_R_GROWTH: f64 = 0.217;
/// What a presentation that was called useful weighs among those of ACT-R.
const ACT_R_USEFUL: f64 = PRESENTATION_WEIGHT_MAX;

/// Something that happened to a memory and tells how well it serves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Review {
    /// It was in an answer; a share in [0, 1] of a full review, as it was more or less what was asked for.
    Used {
        /// How much of a review it was.
        share: f64,
    },
    /// Somebody called it useful: the grade "easy".
    Useful,
    /// Somebody called it not useful: a lapse that was "hard".
    NotUseful,
    /// Somebody called it wrong: a lapse, "again".
    Wrong,
}

impl Review {
    /// Grade of FSRS: 1 again, 2 hard, 3 good, 4 easy.
    fn grade(self) -> f64 {
        match self {
            Review::Wrong => 1.0,
            Review::NotUseful => 2.0,
            Review::Used { .. } => 3.0,
            Review::Useful => 4.0,
        }
    }

    fn is_lapse(self) -> bool {
        matches!(self, Review::NotUseful | Review::Wrong)
    }

    fn share(self) -> f64 {
        match self {
            Review::Used { share } => share.clamp(0.0, 1.0),
            _ => 1.0,
        }
    }
}

/// What one review left behind.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Presentation {
    /// When it was, ns.
    pub at_ns: i64,
    /// From when on forgetting counts after it, ns: a full review begins anew, a part of one moves it on by that part, a lapse
    /// leaves it.
    pub since_ns: i64,
    /// Stability after it, days.
    pub stability_days: f64,
    /// Its own decay, where the law is [`DecayLaw::ActR`].
    pub decay: f64,
    /// How much of a review it was, in [0, 2]; 0 for a lapse.
    pub weight: f64,
}

/// How well a memory is retained: what it began with, and the reviews since.
#[derive(Clone, Debug, PartialEq)]
pub struct Retention {
    /// When it was learned, ns.
    pub born_ns: i64,
    /// Its stability then, days.
    pub first_stability_days: f64,
    /// How slowly it grows stable, 1 (fast) to 10.
    pub difficulty: f64,
    /// All reviews that strengthened it.
    pub uses: u32,
    /// The reviews that are kept, oldest first.
    pub presentations: Vec<Presentation>,
}

impl Retention {
    /// A memory that was just learned.
    pub fn new(born_ns: i64, stability_days: f64) -> Retention {
        let first_stability_days = stability_days.clamp(STABILITY_DAYS_MIN, STABILITY_DAYS_MAX);
        let presentations = Vec::new();
        Retention { born_ns, first_stability_days, difficulty: W4, uses: 0, presentations }
    }

    /// Stability now, days.
    pub fn stability_days(&self) -> f64 {
        self.presentations.last().map_or(self.first_stability_days, |last| last.stability_days)
    }

    /// When the last of what is known of it happened, ns.
    pub fn latest_ns(&self) -> i64 {
        self.presentations.last().map_or(self.born_ns, |last| last.at_ns)
    }

    /// When it last was in use, ns; none = never since it was learned.
    pub fn used_ns(&self) -> Option<i64> {
        let used = self.presentations.iter().rev().find(|review| review.weight > 0.0);
        used.map(|review| review.at_ns)
    }

    /// Retrievability in [0, 1] as of a time, with what was known of it then.
    pub fn retrievability(&self, law: DecayLaw, at_ns: i64) -> f64 {
        let known = self.presentations.partition_point(|review| review.at_ns <= at_ns);
        let known = &self.presentations[..known];
        let (since, stability) = match known.last() {
            Some(last) => (last.since_ns, last.stability_days),
            None => (self.born_ns, self.first_stability_days),
        };
        if law == DecayLaw::ActR && !known.is_empty() {
            let threshold = ACT_R_DECAY * libm::log(1.0 / (stability * NS_PER_DAY / NS_PER_SECOND));
            return retrieved(libm::log(self.activity(known, at_ns)) - threshold);
        }
        law.retrievability(days(since, at_ns), stability)
    }

    /// The first time from `from_ns` on at which retrievability is below `threshold`, if nothing more happens to the memory;
    /// none = not before the end of time as 64 bits of nanoseconds count it. Exact where the law can be inverted, else to the
    /// nanosecond.
    pub fn when_below(&self, law: DecayLaw, threshold: f64, from_ns: i64) -> Option<i64> {
        let from_ns = from_ns.max(self.latest_ns());
        if self.retrievability(law, from_ns) < threshold {
            return Some(from_ns);
        }
        if law == DecayLaw::ActR && !self.presentations.is_empty() {
            return self.searched_below(law, threshold, from_ns);
        }
        let since = self.presentations.last().map_or(self.born_ns, |last| last.since_ns);
        let days = law.when_below(threshold, self.stability_days());
        let elapsed_ns = libm::ceil(days * NS_PER_DAY);
        // The conversion of what is above would saturate.
        let elapsed_ns = (elapsed_ns < i64::MAX as f64).then_some(elapsed_ns as i64)?;
        since.checked_add(elapsed_ns).map(|at_ns| at_ns.max(from_ns))
    }

    /// The same for a sum of powers, which has no inverse: by halving, for it only falls.
    fn searched_below(&self, law: DecayLaw, threshold: f64, from_ns: i64) -> Option<i64> {
        let (mut above, mut below) = (from_ns, i64::MAX);
        if self.retrievability(law, below) >= threshold {
            return None;
        }
        while below.saturating_sub(above) > 1 {
            let middle = above + below.saturating_sub(above) / 2;
            if self.retrievability(law, middle) < threshold {
                below = middle
            } else {
                above = middle
            }
        }
        Some(below)
    }

    /// Sum over the presentations of ACT-R, each faded by its own decay: the exponential of activation.
    fn activity(&self, known: &[Presentation], at_ns: i64) -> f64 {
        let faded = |(at, decay): (i64, f64)| libm::pow(seconds(at, at_ns), -decay);
        let first = faded((self.born_ns, ACT_R_DECAY));
        known
            .iter()
            .fold(first, |sum, review| sum + review.weight * faded((review.at_ns, review.decay)))
    }

    /// Takes in a review. Times that run backwards count as the latest one known. Panics for a share that is NaN.
    pub fn review(&mut self, law: DecayLaw, at_ns: i64, review: Review) {
        let since = self.presentations.last().map_or(self.born_ns, |last| last.since_ns);
        let at_ns = at_ns.max(self.latest_ns());
        let retrievability = self.retrievability(law, at_ns);
        let stability = self.stability_days();
        let before = self.difficulty;
        let stepped = before - W6 * (review.grade() - 3.0) * review.share();
        self.difficulty = (W7 * W4 + (1.0 - W7) * stepped).clamp(1.0, 10.0);
        let (since_ns, grown) = if review.is_lapse() {
            (since, lapsed(stability, before, retrievability))
        } else if law == DecayLaw::ActR {
            (at_ns, stability)
        } else {
            let part = review.share() * at_ns.saturating_sub(since) as f64;
            // A long time may round up by some nanoseconds.
            let since = since.saturating_add(part as i64).min(at_ns);
            (since, grown(stability, before, retrievability, review))
        };
        let (decay, weight) = match (law, review.is_lapse()) {
            (DecayLaw::ActR, false) => {
                let decay =
                    ACT_R_GROWTH.mul_add(self.activity(&self.presentations, at_ns), ACT_R_DECAY);
                let useful = review == Review::Useful;
                (decay, if useful { ACT_R_USEFUL } else { review.share() })
            }
            (_, true) => (0.0, 0.0),
            (_, false) => (0.0, review.share()),
        };
        self.uses = self.uses.saturating_add(u32::from(!review.is_lapse()));
        let stability_days = grown.clamp(STABILITY_DAYS_MIN, STABILITY_DAYS_MAX);
        self.keep(Presentation { at_ns, since_ns, stability_days, decay, weight });
    }

    /// Of too many reviews the one goes that weighs least now; all alike, the oldest.
    fn keep(&mut self, review: Presentation) {
        if self.presentations.len() == PRESENTATIONS_MAX {
            let worth = |old: &Presentation| {
                old.weight * libm::pow(seconds(old.at_ns, review.at_ns), -old.decay)
            };
            let least = (0..self.presentations.len()).reduce(|least, other| {
                let [a, b] = [least, other].map(|place| worth(&self.presentations[place]));
                if b < a { other } else { least }
            });
            self.presentations.remove(least.unwrap_or(0));
        }
        self.presentations.push(review);
    }
}

/// Stability after a success (FSRS-4.5): the more, the less retrievable it was, which is the spacing effect.
fn grown(stability: f64, difficulty: f64, retrievability: f64, review: Review) -> f64 {
    let bonus = if review == Review::Useful { W16 } else { 1.0 };
    let gain = libm::exp(W8)
        * (11.0 - difficulty)
        * libm::pow(stability, -W9)
        * libm::expm1(W10 * (1.0 - retrievability))
        * bonus;
    stability * review.share().mul_add(gain, 1.0)
}

/// Stability after a lapse (FSRS-4.5). Where that formula leaves it as it was, which it does below a day, a tenth is lost.
fn lapsed(stability: f64, difficulty: f64, retrievability: f64) -> f64 {
    let after = W11
        * libm::pow(difficulty, -W12)
        * (libm::pow(stability + 1.0, W13) - 1.0)
        * libm::exp(W14 * (1.0 - retrievability));
    after.min(LAPSE_LEFT_MAX * stability)
}

fn days(from_ns: i64, until_ns: i64) -> f64 {
    until_ns.saturating_sub(from_ns) as f64 / NS_PER_DAY
}

/// At least one: the power laws of ACT-R count in seconds, and have no value at none.
fn seconds(from_ns: i64, until_ns: i64) -> f64 {
    (until_ns.saturating_sub(from_ns) as f64 / NS_PER_SECOND).max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DAY: i64 = 86_400_000_000_000;
    const USED: Review = Review::Used { share: 1.0 };

    fn learned(law: DecayLaw) -> Retention {
        Retention::new(0, law.stability_days())
    }

    #[test]
    fn a_success_after_its_stability_grows_it_as_fsrs_does() {
        let mut memory = Retention::new(0, 10.0);
        memory.review(DecayLaw::Fsrs, 10 * DAY, USED);
        // 10 * (1 + e^1.6474 * (11 - 5.1618) * 10^-0.1367 * (e^(1.0461 * 0.1) - 1))
        let expected = 34.407_465;
        let found = memory.stability_days();
        assert!((found - expected).abs() < 1e-6, "{found}");
        assert_eq!(memory.used_ns(), Some(10 * DAY));
    }

    #[test]
    fn what_is_used_at_once_again_gains_nothing_but_what_is_spaced_does() {
        for law in [DecayLaw::Fsrs, DecayLaw::Power, DecayLaw::Exponential] {
            let [mut massed, mut spaced] = [learned(law), learned(law)];
            massed.review(law, 0, USED);
            spaced.review(law, 20 * DAY, USED);
            assert_eq!(massed.stability_days(), law.stability_days());
            assert!(spaced.stability_days() > 1.5 * law.stability_days(), "{law:?}");
        }
    }

    #[test]
    fn spaced_beats_massed_at_long_lags_and_massed_wins_at_short_ones() {
        let law = DecayLaw::ActR;
        let [mut massed, mut spaced] = [Retention::new(DAY, 30.0), Retention::new(0, 30.0)];
        massed.review(law, DAY, USED);
        spaced.review(law, DAY, USED);
        let at = |memory: &Retention, lag: i64| memory.retrievability(law, DAY + lag);
        let minute = DAY / 1_440;
        assert!(at(&massed, minute / 6) > at(&spaced, minute / 6));
        assert!(at(&spaced, 60 * DAY) > at(&massed, 60 * DAY) + 0.01);
    }

    #[test]
    fn feedback_that_it_was_no_use_weakens_and_begins_nothing_anew() {
        for law in DecayLaw::ALL {
            let mut memory = learned(law);
            memory.review(law, 10 * DAY, USED);
            let before = memory.retrievability(law, 20 * DAY);
            memory.review(law, 20 * DAY, Review::NotUseful);
            let after = memory.retrievability(law, 20 * DAY);
            assert!(after < before, "{law:?}: {before} to {after}");
            assert_eq!(memory.retrievability(law, 20 * DAY - 1), {
                let mut other = learned(law);
                other.review(law, 10 * DAY, USED);
                other.retrievability(law, 20 * DAY - 1)
            });
        }
    }

    fn review() -> impl Strategy<Value = Review> {
        prop_oneof![
            4 => (0.0..=1.0_f64).prop_map(|share| Review::Used { share }),
            1 => Just(Review::Useful),
            1 => Just(Review::NotUseful),
            1 => Just(Review::Wrong),
        ]
    }

    proptest! {
        #[test]
        fn the_forecast_is_where_the_curve_is(
            law in proptest::sample::select(DecayLaw::ALL.to_vec()),
            reviews in proptest::collection::vec((0..200 * DAY, 0.0..=1.0_f64), 0..5),
            threshold in 0.05..0.95_f64, later in 0..400 * DAY,
        ) {
            let (mut memory, mut now) = (learned(law), 0);
            for (pause, share) in reviews {
                now += pause;
                memory.review(law, now, Review::Used { share });
            }
            let from = now + later;
            let Some(at) = memory.when_below(law, threshold, from) else { return Ok(()) };
            prop_assert!(at >= from);
            let step = 1_000_000 + (at - now) / 1_000_000;
            prop_assert!(memory.retrievability(law, at.saturating_add(step)) < threshold + 1e-9);
            if at > from {
                let just_before = memory.retrievability(law, (at - step).max(from));
                prop_assert!(just_before >= threshold - 1e-9, "{just_before} at {threshold}");
            } else {
                prop_assert!(memory.retrievability(law, at) < threshold + 1e-9);
            }
        }

        #[test]
        fn only_reviews_raise_it_and_only_lapses_lower_its_stability(
            law in proptest::sample::select(DecayLaw::ALL.to_vec()),
            reviews in proptest::collection::vec((0..400 * DAY, review()), 0..40),
            later in proptest::collection::vec(0..400 * DAY, 1..8),
        ) {
            let mut memory = learned(law);
            let mut now = 0;
            for (pause, review) in reviews {
                let (before, stability) =
                    (memory.retrievability(law, now + pause), memory.stability_days());
                prop_assert!(before <= memory.retrievability(law, now));
                now += pause;
                memory.review(law, now, review);
                let after = memory.retrievability(law, now);
                prop_assert!((0.0..=1.0).contains(&after));
                prop_assert!((1.0..=10.0).contains(&memory.difficulty));
                prop_assert!(memory.presentations.len() <= PRESENTATIONS_MAX);
                if review.is_lapse() {
                    prop_assert!(after <= before && memory.stability_days() <= stability);
                } else if law != DecayLaw::ActR {
                    prop_assert!(after >= before && memory.stability_days() >= stability);
                }
            }
            for pause in later {
                let before = memory.retrievability(law, now);
                now += pause;
                prop_assert!(memory.retrievability(law, now) <= before);
            }
        }
    }
}
