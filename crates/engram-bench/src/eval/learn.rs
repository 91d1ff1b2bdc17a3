//! Calibration as a user teaches it: half of the answers are judged through the feedback of the interface, then the other half
//! of the queries is asked again.

use engram_api::{FeedbackRequest, JudgedRecallInput, ModeName, VerdictName};

use super::ask::{Asked, Asker};
use super::judge::{is_second_half, judged};
use super::load::SpacePlan;
use super::report::LearnedFigures;
use crate::beir::EvalSet;
use crate::calibration::{CalibrationFigures, Judged};
use crate::failure::BenchError;
use crate::local::LocalServer;
use crate::metrics::DEPTH;

/// Teaches and asks.
pub(crate) struct Learner<'a> {
    pub(crate) server: &'a LocalServer,
    pub(crate) asker: &'a Asker<'a>,
    pub(crate) set: &'a EvalSet,
    pub(crate) plan: &'a SpacePlan,
}

impl Learner<'_> {
    /// Judges the first items of the answers of one half, and asks the other half again. Nothing of this mode may have been
    /// judged before.
    pub(crate) fn learn(
        &self,
        (mode, answers): (ModeName, &[Asked]),
        wanted: &[usize],
        progress: &mut dyn FnMut(&str),
    ) -> Result<LearnedFigures, BenchError> {
        let queries = &self.set.queries;
        let halves = |second: bool| {
            let of_half = move |at: &&usize| is_second_half(&queries[**at].id) == second;
            wanted.iter().filter(of_half).copied().collect::<Vec<usize>>()
        };
        let (taught, asked) = (halves(false), halves(true));
        let mut judgements = 0;
        for at in taught {
            judgements += self.teach(mode, at, &answers[at])?;
        }
        progress(&format!("{}: {judgements} judgements given", mode.as_str()));
        let (mut before, mut after): (Vec<Judged>, Vec<Judged>) = (Vec::new(), Vec::new());
        for at in asked {
            let space = &self.plan.spaces[self.plan.of_query[at]];
            let again = self.asker.ask(space, &queries[at], mode)?;
            before.extend(judged(&queries[at], &answers[at]));
            after.extend(judged(&queries[at], &again));
        }
        let (shipped, learned) = (CalibrationFigures::of(&before), CalibrationFigures::of(&after));
        Ok(LearnedFigures { judgements, shipped, learned })
    }

    /// Judges the first items of one answer; how many.
    fn teach(&self, mode: ModeName, at: usize, answer: &Asked) -> Result<usize, BenchError> {
        let query = &self.set.queries[at];
        let space = &self.plan.spaces[self.plan.of_query[at]];
        self.server.clock.set(space.now_ns(query));
        let client = self.server.client.space(&space.name);
        let items = judged(query, answer);
        for (id, (relevance, right)) in answer.stored.iter().zip(&items).take(DEPTH) {
            client.feedback(&FeedbackRequest {
                id: id.clone(),
                verdict: Some(if *right { VerdictName::Useful } else { VerdictName::NotUseful }),
                other: None,
                decision: None,
                reason: None,
                source: None,
                recalled: Some(JudgedRecallInput {
                    relevance: *relevance as f32,
                    mode,
                    // It was asked before anything was judged.
                    uncalibrated: Some(*relevance as f32),
                }),
            })?;
        }
        Ok(items.len())
    }
}
