//! The best documents of a chunk without scoring all that hold a term.
//!
//! MaxScore (Turtle and Flood, "Query Evaluation: Strategies and Optimizations", 1995) with block bounds (Ding and
//! Suel, 2011), evaluated in windows of documents: a term whose bounds cannot lift a document over the threshold, even
//! together with all weaker terms, is only looked up for documents that the stronger terms found. Sums are exact
//! (`Fixed`), so pruning never shows: the result is that of scoring everything.

use super::bm25::{Fixed, to_score};
use super::cursor::{Cursor, NO_DOC};
use super::postings::PostingsView;
use super::query::WeightedQuery;
use crate::topk::TopK;

/// Documents of the smallest and of the largest window.
const WINDOW_DOCS_MIN: u32 = 1 << 11;
const WINDOW_DOCS_MAX: u32 = 1 << 13;

/// Postings of the essential terms that a window should hold.
const WINDOW_POSTINGS: u64 = 1 << 10;

impl WeightedQuery {
    /// Scores all documents of a chunk and calls `hit`, by ascending ordinal, for each that holds a term and the
    /// phrases of the query and that `accept` lets pass. The score of a document does not depend on the chunk it lies
    /// in.
    pub fn scan(
        &self,
        postings: PostingsView<'_>,
        accept: &mut dyn FnMut(u32) -> bool,
        hit: &mut dyn FnMut(u32, f32),
    ) {
        if let Some(docs) = self.phrase_docs(postings) {
            for (&doc, score) in docs.iter().zip(self.score_docs(postings, &docs)) {
                if accept(doc) {
                    hit(doc, score);
                }
            }
            return;
        }
        if postings.docs() == 1 {
            // A chunk of one document, as for what was just written: many of them are asked in turn.
            let score: Fixed = self.shares(postings, 0).map(|(_, share)| share).sum();
            if score > 0 && accept(0) {
                hit(0, to_score(score));
            }
            return;
        }
        let mut scores: Vec<Fixed> = Vec::new();
        for (term, weight) in &self.terms {
            let Some(list) = postings.postings(term) else {
                continue;
            };
            scores.resize(postings.docs() as usize, 0);
            for posting in list.iter() {
                let len = postings.doc_len(posting.doc);
                scores[posting.doc as usize] += self.norm.fixed(posting.frequency, len, *weight);
            }
        }
        for (doc, score) in (0_u32..).zip(scores) {
            if score > 0 && accept(doc) {
                hit(doc, to_score(score));
            }
        }
    }

    /// Offers to `best` what [`WeightedQuery::scan`] would hit, under the keys `base + ordinal`, but leaves out what
    /// cannot enter: `best` holds the same in the end. Called for one chunk after the other with one `best`, the
    /// threshold carries over; ascending bases prune most. `accept` is asked about few documents, in any number.
    pub fn search(
        &self,
        postings: PostingsView<'_>,
        base: u64,
        accept: &mut dyn FnMut(u32) -> bool,
        best: &mut TopK,
    ) {
        if self.has_phrases() {
            let hit = &mut |doc, score| best.push(base + u64::from(doc), score);
            return self.scan(postings, accept, hit);
        }
        let cursors = self.cursors(postings);
        if !cursors.is_empty() {
            Search::new(cursors, postings.docs(), base).run(accept, best);
        }
    }

    /// The scores of given documents, in ascending order of their ordinals; 0 for one that holds no term. Phrases are
    /// not demanded.
    pub fn score_docs(&self, postings: PostingsView<'_>, docs: &[u32]) -> Vec<f32> {
        let mut scores: Vec<Fixed> = vec![0; docs.len()];
        for mut cursor in self.cursors(postings) {
            for (&doc, score) in docs.iter().zip(&mut scores) {
                *score += cursor.score_at(doc);
            }
        }
        scores.into_iter().map(to_score).collect()
    }

    /// What each term adds to the score of a document: the place of the term in [`WeightedQuery::terms`] and its share,
    /// for the terms that the document holds.
    pub fn explain(&self, postings: PostingsView<'_>, doc: u32) -> Vec<(usize, f32)> {
        self.shares(postings, doc).map(|(index, share)| (index, to_score(share))).collect()
    }

    fn shares(&self, postings: PostingsView<'_>, doc: u32) -> impl Iterator<Item = (usize, Fixed)> {
        self.terms.iter().enumerate().filter_map(move |(index, (term, weight))| {
            let frequency = postings.postings(term)?.frequency(doc);
            let len = postings.doc_len(doc);
            (frequency > 0).then(|| (index, self.norm.fixed(frequency, len, *weight)))
        })
    }

    fn cursors<'a>(&self, postings: PostingsView<'a>) -> Vec<Cursor<'a>> {
        let cursor = |(term, weight): &(String, f32)| {
            Some(Cursor::new(postings.postings(term)?, postings, (self.norm, *weight)))
        };
        self.terms.iter().filter_map(cursor).collect()
    }
}

/// One search in one chunk.
struct Search<'a> {
    /// By ascending bound.
    cursors: Vec<Cursor<'a>>,
    docs: u32,
    base: u64,
    window: Window,
}

/// Sums of the documents `start..end`.
struct Window {
    start: u32,
    end: u32,
    sums: Vec<Fixed>,
    /// A bit for each document that has a sum.
    touched: Vec<u64>,
    /// The cursors by ascending bound in this window, with the sum of the bounds up to and including each.
    order: Vec<(usize, Fixed)>,
    /// How many of `order` are not essential.
    optional: usize,
}

impl<'a> Search<'a> {
    fn new(mut cursors: Vec<Cursor<'a>>, docs: u32, base: u64) -> Search<'a> {
        cursors.sort_by_key(Cursor::bound);
        let window = Window {
            start: 0,
            end: 0,
            sums: Vec::new(),
            touched: Vec::new(),
            order: Vec::new(),
            optional: 0,
        };
        Search { cursors, docs, base, window }
    }

    fn run(&mut self, accept: &mut dyn FnMut(u32) -> bool, best: &mut TopK) {
        while let Some(essential) = self.next_window(best) {
            if self.plan(best) {
                self.gather();
                self.settle(accept, best);
            }
            for cursor in &mut self.cursors[essential..] {
                cursor.seek(self.window.end);
            }
        }
    }

    /// Whether a document of the window, or one behind it, with this sum would enter.
    fn enters(&self, best: &TopK, doc: u32, sum: Fixed) -> bool {
        best.admits(self.base + u64::from(doc), to_score(sum))
    }

    /// Moves to the next window that may hold something; says from which cursor on all are essential.
    fn next_window(&mut self, best: &TopK) -> Option<usize> {
        let from = self.window.end;
        let mut sum = 0;
        let essential = self.cursors.iter().position(|cursor| {
            sum += cursor.bound();
            self.enters(best, from, sum)
        })?;
        let start = self.cursors[essential..].iter().map(Cursor::doc).min()?;
        if start == NO_DOC {
            return None;
        }
        let postings: u64 = self.cursors[essential..].iter().map(Cursor::postings).sum();
        let fitting = u64::from(self.docs) * WINDOW_POSTINGS / postings;
        let docs = fitting.clamp(u64::from(WINDOW_DOCS_MIN), u64::from(WINDOW_DOCS_MAX)) as u32;
        self.window.start = start;
        self.window.end = start.saturating_add(docs & !63);
        Some(essential)
    }

    /// Divides the terms for this window; `false` when nothing in it can enter.
    fn plan(&mut self, best: &TopK) -> bool {
        let (start, end) = (self.window.start, self.window.end);
        let mut order = std::mem::take(&mut self.window.order);
        order.clear();
        let bounds = self.cursors.iter_mut().map(|cursor| cursor.bound_within(start, end));
        order.extend(bounds.enumerate().filter(|(_, bound)| *bound > 0));
        order.sort_by_key(|(_, bound)| *bound);
        let mut sum = 0;
        for (_, bound) in &mut order {
            sum += *bound;
            *bound = sum;
        }
        let first = order.iter().position(|(_, sum)| self.enters(best, start, *sum));
        self.window.optional = first.unwrap_or(order.len());
        self.window.order = order;
        first.is_some()
    }

    /// Adds up the essential terms.
    fn gather(&mut self) {
        let Window { start, end, sums, touched, order, optional } = &mut self.window;
        let docs = (*end - *start) as usize;
        sums.resize(docs.max(sums.len()), 0);
        touched.resize(docs.div_ceil(64).max(touched.len()), 0);
        for (cursor, _) in &order[*optional..] {
            let cursor = &mut self.cursors[*cursor];
            cursor.seek(*start);
            cursor.add_up_to(*end, &mut |doc, score| {
                let at = (doc - *start) as usize;
                sums[at] += score;
                touched[at / 64] |= 1 << (at % 64);
            });
        }
    }

    /// Completes the sums that may enter and offers them; leaves the window empty.
    fn settle(&mut self, accept: &mut dyn FnMut(u32) -> bool, best: &mut TopK) {
        let (start, optional) = (self.window.start, self.window.optional);
        let optional_sum = match optional {
            0 => 0,
            _ => self.window.order[optional - 1].1,
        };
        for word in 0..((self.window.end - start) as usize).div_ceil(64) {
            let mut bits = std::mem::take(&mut self.window.touched[word]);
            while bits != 0 {
                let at = word * 64 + bits.trailing_zeros() as usize;
                bits &= bits - 1;
                let sum = std::mem::take(&mut self.window.sums[at]);
                let doc = start + at as u32;
                if self.enters(best, doc, sum + optional_sum)
                    && accept(doc)
                    && let Some(sum) = self.complete(best, doc, sum)
                {
                    best.push(self.base + u64::from(doc), to_score(sum));
                }
            }
        }
    }

    /// Adds the terms that are not essential, strongest first; `None` as soon as the document cannot enter.
    fn complete(&mut self, best: &TopK, doc: u32, mut sum: Fixed) -> Option<Fixed> {
        for place in (0..self.window.optional).rev() {
            let (cursor, bounds) = self.window.order[place];
            if !self.enters(best, doc, sum + bounds) {
                return None;
            }
            sum += self.cursors[cursor].score_at(doc);
        }
        Some(sum)
    }
}
