//! The course of an evaluation.

use std::time::Instant;

use super::ask::{Asked, Asker};
use super::judge::{self, Column};
use super::learn::Learner;
use super::load::{FIXED_NOW_NS, SpacePlan, load};
use super::options::{EvalOptions, EvalScope};
use super::report::{CrossFigures, EvalReport, EvalTimes, LearnedFigures, Named};
use crate::beir::{Document, EvalSet};
use crate::failure::BenchError;
use crate::local::LocalServer;
use crate::metrics::DEPTH;
use crate::numbers::round;
use crate::textbook::TextbookBm25;

/// Questions of this category ask for what was never said; their gold is the trap, not an answer.
const ADVERSARIAL: &str = "adversarial";

/// Loads a set into fresh spaces of a server of its own and asks all its queries.
///
/// # Errors
/// The set cannot be read or does not fit the options, or the server refuses something.
pub fn evaluate(
    options: &EvalOptions,
    progress: &mut dyn FnMut(&str),
) -> Result<EvalReport, BenchError> {
    if (options.limit as usize) < DEPTH {
        return Err(BenchError::BadOption(format!("the limit must be at least {DEPTH}")));
    }
    let set = EvalSet::read(&options.dir)?;
    let plan = SpacePlan::new(&set, options.scope)?;
    if options.cross && plan.spaces.len() < 2 {
        let message = "asking in another group's space needs two groups that are not pooled";
        return Err(BenchError::BadOption(message.to_owned()));
    }
    let server = LocalServer::start(FIXED_NOW_NS)?;
    let started = Instant::now();
    let loaded = load(&server, &set, &plan, progress)?;
    let load_seconds = round(started.elapsed().as_secs_f64(), 3);
    let run = Run { options, set: &set, plan: &plan };
    let answers = run.ask_all(&server, progress)?;
    let cross = run.cross(&server, &answers, progress)?;
    let learned = run.learned(&server, &answers, progress)?;
    server.stop()?;
    let mut report = run.judge(&answers);
    report.cross = cross;
    for ((_, calibration), learned) in report.calibration.iter_mut().zip(learned) {
        calibration.learned = Some(learned);
    }
    report.memories = loaded.memories;
    report.vectors = loaded.vectors;
    report.embedder = loaded.embedder;
    report.times.load_seconds = load_seconds;
    Ok(report)
}

struct Run<'a> {
    options: &'a EvalOptions,
    set: &'a EvalSet,
    plan: &'a SpacePlan,
}

impl Run<'_> {
    fn ask_all(
        &self,
        server: &LocalServer,
        progress: &mut dyn FnMut(&str),
    ) -> Result<Named<Vec<Asked>>, BenchError> {
        let asker = Asker::new(server, self.set, self.options.limit);
        let mut all = Vec::new();
        for mode in &self.options.modes {
            let mut answers = Vec::new();
            for (query, space) in self.set.queries.iter().zip(&self.plan.of_query) {
                answers.push(asker.ask(&self.plan.spaces[*space], query, *mode)?);
                if answers.len().is_multiple_of(100) {
                    progress(&format!("{}: {} queries asked", mode.as_str(), answers.len()));
                }
            }
            all.push((mode.as_str().to_owned(), answers));
        }
        Ok(all)
    }

    /// Each wanted query in the space after its own.
    fn cross(
        &self,
        server: &LocalServer,
        answers: &[(String, Vec<Asked>)],
        progress: &mut dyn FnMut(&str),
    ) -> Result<Named<CrossFigures>, BenchError> {
        if !self.options.cross {
            return Ok(Vec::new());
        }
        let asker = Asker::new(server, self.set, self.options.limit);
        let wanted = self.wanted();
        let mut figures = Vec::new();
        for (mode, (name, home)) in self.options.modes.iter().zip(answers) {
            progress(&format!("{name}: asking in other spaces"));
            let mut abroad = Vec::new();
            for at in &wanted {
                let space = (self.plan.of_query[*at] + 1) % self.plan.spaces.len();
                abroad.push(asker.ask(&self.plan.spaces[space], &self.set.queries[*at], *mode)?);
            }
            let home: Vec<&Asked> = wanted.iter().map(|at| &home[*at]).collect();
            let abroad: Vec<&Asked> = abroad.iter().collect();
            figures.push((name.clone(), judge::cross(&home, &abroad)));
        }
        Ok(figures)
    }

    /// What judgements of one half of the answers do to the other half, by mode; last, for they change the spaces.
    fn learned(
        &self,
        server: &LocalServer,
        answers: &[(String, Vec<Asked>)],
        progress: &mut dyn FnMut(&str),
    ) -> Result<Vec<LearnedFigures>, BenchError> {
        if !self.options.calibrate {
            return Ok(Vec::new());
        }
        let asker = Asker::new(server, self.set, self.options.limit);
        let learner = Learner { server, asker: &asker, set: self.set, plan: self.plan };
        let wanted = self.wanted();
        let by_mode = self.options.modes.iter().zip(answers);
        by_mode.map(|(mode, (_, all))| learner.learn((*mode, all), &wanted, progress)).collect()
    }

    /// The category that is shown but does not count, if the set has others beside it.
    fn left_out(&self) -> Option<&'static str> {
        let queries = &self.set.queries;
        let is_trap = |category: &Option<String>| category.as_deref() == Some(ADVERSARIAL);
        let some = queries.iter().any(|query| is_trap(&query.category));
        let all = queries.iter().all(|query| is_trap(&query.category));
        (!self.options.with_adversarial && some && !all).then_some(ADVERSARIAL)
    }

    /// Positions of the queries that count and have an answer.
    fn wanted(&self) -> Vec<usize> {
        let left_out = self.left_out();
        let counts = |at: &usize| {
            let query = &self.set.queries[*at];
            !query.gold.is_empty() && (left_out.is_none() || query.category.as_deref() != left_out)
        };
        (0..self.set.queries.len()).filter(counts).collect()
    }

    /// Textbook BM25 over the texts, and for a set with titles also over titles and texts.
    fn baselines(&self) -> Vec<Column> {
        let queries = &self.set.queries;
        let plain = |one: &Document| one.memory.text.clone().unwrap_or_default();
        let titled = |one: &Document| {
            format!("{} {}", one.memory.title.as_deref().unwrap_or_default(), plain(one))
        };
        let mut columns = vec![Column::new("bm25", queries, self.textbook(&plain).iter())];
        if self.set.documents.iter().any(|one| one.memory.title.is_some()) {
            columns.push(Column::new("bm25-title", queries, self.textbook(&titled).iter()));
        }
        columns
    }

    /// Ranked lists of textbook BM25 over what the query's space holds.
    fn textbook(&self, content: &dyn Fn(&Document) -> String) -> Vec<Vec<String>> {
        let mut lists = vec![Vec::new(); self.set.queries.len()];
        let limit = self.options.limit as usize;
        for (place, space) in self.plan.spaces.iter().enumerate() {
            let documents = || space.documents.iter().map(|at| &self.set.documents[*at]);
            let index = TextbookBm25::new(documents().map(content));
            let ids: Vec<&String> = documents().map(|one| &one.id).collect();
            for (at, query) in self.set.queries.iter().enumerate() {
                if self.plan.of_query[at] == place {
                    let found = index.search(&query.text, limit);
                    lists[at] = found.into_iter().map(|one| ids[one].clone()).collect();
                }
            }
        }
        lists
    }

    fn judge(&self, answers: &[(String, Vec<Asked>)]) -> EvalReport {
        let queries = &self.set.queries;
        let column = |(name, answers): &(String, Vec<Asked>)| {
            Column::new(name, queries, answers.iter().map(|answer| &answer.ids))
        };
        let modes: Vec<Column> = answers.iter().map(column).collect();
        let baselines = self.baselines();
        let wanted = self.wanted();
        let overall = judge::category(&modes, &baselines, &wanted);
        let categories = judge::categories(queries)
            .into_iter()
            .map(|(name, members)| (name, judge::category(&modes, &baselines, &members)))
            .filter(|(_, report)| report.queries > 0);
        let by_mode = |(name, answers): &(String, Vec<Asked>)| {
            (name.clone(), judge::calibration(queries, answers, &wanted))
        };
        let no_answer = answers.iter().filter_map(|(name, answers)| {
            Some((name.clone(), judge::no_answer(queries, answers, &wanted)?))
        });
        let recall = answers.iter().map(|(name, answers)| (name.clone(), judge::times(answers)));
        EvalReport {
            set: self.set.name.clone(),
            scope: match self.options.scope {
                EvalScope::Groups => "groups",
                EvalScope::Pooled => "pooled",
            },
            version: env!("CARGO_PKG_VERSION"),
            embedder: String::new(),
            spaces: self.plan.spaces.len(),
            memories: 0,
            vectors: 0,
            queries: overall.queries,
            left_out: self.left_out().into_iter().map(str::to_owned).collect(),
            gold_missing: self.set.gold_missing,
            limit: self.options.limit,
            modes: overall.modes,
            baselines: overall.baselines,
            differences: overall.differences,
            categories: categories.collect(),
            calibration: answers.iter().map(by_mode).collect(),
            no_answer: no_answer.collect(),
            cross: Vec::new(),
            times: EvalTimes { load_seconds: 0.0, recall: recall.collect() },
        }
    }
}
