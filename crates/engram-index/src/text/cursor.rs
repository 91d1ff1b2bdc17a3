//! A walk through the documents of one term, with scores and bounds.

use super::bm25::{Fixed, Norm, to_fixed};
use super::list::{BLOCK_DOCS, PostingList};
use super::postings::PostingsView;

/// Above all ordinals: the end of a list.
pub(super) const NO_DOC: u32 = u32::MAX;

/// Blocks that are looked at for a bound of a window; for more, the bound of the list must do.
const WINDOW_BLOCKS_MAX: usize = 8;

/// Stands on a document of a list. It only moves forward.
#[derive(Debug)]
pub(super) struct Cursor<'a> {
    list: PostingList<'a>,
    postings: PostingsView<'a>,
    norm: Norm,
    weight: f32,
    /// No posting scores more.
    bound: Fixed,
    /// The decoded block; the number of blocks at the end.
    block: usize,
    len: usize,
    /// Place in the block.
    at: usize,
    /// Where the search for the blocks of a window starts.
    window_block: usize,
    docs: [u32; BLOCK_DOCS],
}

impl<'a> Cursor<'a> {
    /// Stands on the first document.
    pub(super) fn new(
        list: PostingList<'a>,
        postings: PostingsView<'a>,
        (norm, weight): (Norm, f32),
    ) -> Cursor<'a> {
        let docs = [0; BLOCK_DOCS];
        let mut cursor = Cursor {
            list,
            postings,
            norm,
            weight,
            bound: 0,
            block: 0,
            len: 0,
            at: 0,
            window_block: 0,
            docs,
        };
        cursor.decode(0);
        cursor.bound = match list.bound() {
            Some(bound) => norm.bound(bound, weight),
            None => cursor.best_of_block(),
        };
        cursor
    }

    /// No posting of the list scores more.
    pub(super) fn bound(&self) -> Fixed {
        self.bound
    }

    /// Number of postings.
    pub(super) fn postings(&self) -> u64 {
        self.list.len() as u64
    }

    /// The document it stands on, [`NO_DOC`] at the end.
    pub(super) fn doc(&self) -> u32 {
        if self.at < self.len { self.docs[self.at] } else { NO_DOC }
    }

    /// Moves to the first document that is not below `doc`.
    pub(super) fn seek(&mut self, doc: u32) {
        if self.doc() >= doc {
            return;
        }
        if self.docs[self.len - 1] < doc {
            let next = match self.list.bound() {
                Some(_) => self.list.block_reaching(doc, self.block + 1),
                None => 1,
            };
            self.decode(next);
        }
        self.at += self.docs[self.at..self.len].partition_point(|other| *other < doc);
    }

    /// Moves as [`Cursor::seek`] does; the score of `doc`, 0 when it does not hold the term.
    pub(super) fn score_at(&mut self, doc: u32) -> Fixed {
        self.seek(doc);
        if self.doc() != doc {
            return 0;
        }
        let frequency = self.list.block(self.block).frequency(self.at);
        self.norm.fixed(frequency, self.postings.doc_len(doc), self.weight)
    }

    /// Calls `add` for each document from here to below `end`, with its score, and moves behind them.
    pub(super) fn add_up_to(&mut self, end: u32, add: &mut impl FnMut(u32, Fixed)) {
        let (mut frequencies, mut scores) = ([0; BLOCK_DOCS], [0.0; BLOCK_DOCS]);
        while self.doc() < end {
            self.list.block(self.block).frequencies(&mut frequencies);
            let docs = &self.docs[self.at..self.len];
            let below = docs.partition_point(|doc| *doc < end);
            let docs = &docs[..below];
            for (score, &doc) in scores.iter_mut().zip(docs) {
                *score = self.postings.doc_len(doc) as f32;
            }
            self.norm.scores(&frequencies[self.at..], &mut scores[..below], self.weight);
            for (&doc, &score) in docs.iter().zip(&scores) {
                add(doc, to_fixed(score));
            }
            self.at += below;
            if self.at == self.len {
                self.decode(self.block + 1);
            }
        }
    }

    /// No posting of the documents `start..end` scores more; 0 when there is none. Windows come in ascending order.
    pub(super) fn bound_within(&mut self, start: u32, end: u32) -> Fixed {
        if self.list.bound().is_none() {
            let from = self.docs[..self.len].partition_point(|doc| *doc < start);
            let any = self.docs[..self.len].get(from).is_some_and(|doc| *doc < end);
            return if any { self.bound } else { 0 };
        }
        let count = self.list.block_count();
        let first = self.list.block_reaching(start, self.window_block);
        self.window_block = first;
        let mut bound = 0;
        for block in first..count {
            if block > first && self.list.last_doc(block - 1) >= end - 1 {
                return bound;
            }
            if block - first == WINDOW_BLOCKS_MAX {
                return self.bound;
            }
            bound = bound.max(self.norm.bound(self.list.block_bound(block), self.weight));
        }
        bound
    }

    fn decode(&mut self, block: usize) {
        (self.block, self.at, self.len) = (block, 0, 0);
        if block < self.list.block_count() {
            let located = self.list.block(block);
            located.docs(self.list.doc_before(block), &mut self.docs);
            self.len = located.len;
        }
    }

    fn best_of_block(&self) -> Fixed {
        let mut frequencies = [0; BLOCK_DOCS];
        self.list.block(self.block).frequencies(&mut frequencies);
        let scores = self.docs[..self.len].iter().zip(&frequencies).map(|(&doc, &frequency)| {
            self.norm.fixed(frequency, self.postings.doc_len(doc), self.weight)
        });
        scores.max().unwrap_or(0)
    }
}
