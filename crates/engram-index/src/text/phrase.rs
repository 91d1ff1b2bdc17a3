//! Documents that hold quoted phrases.

use super::list::{BLOCK_DOCS, PostingList, read_positions};
use super::postings::PostingsView;
use super::query::{Phrase, WeightedQuery};

impl WeightedQuery {
    /// The documents of a chunk that hold all phrases of the query, ascending; `None` when it has no phrase.
    pub fn phrase_docs(&self, postings: PostingsView<'_>) -> Option<Vec<u32>> {
        let (first, others) = self.phrases.split_first()?;
        let mut docs = holders(first, postings);
        for phrase in others {
            let also = holders(phrase, postings);
            docs.retain(|doc| also.binary_search(doc).is_ok());
        }
        Some(docs)
    }
}

fn holders(phrase: &Phrase, postings: PostingsView<'_>) -> Vec<u32> {
    let mut walks = Vec::with_capacity(phrase.terms.len());
    for (term, place) in &phrase.terms {
        let Some(list) = postings.postings(term) else {
            return Vec::new();
        };
        walks.push(PositionWalk::new(list, *place));
    }
    // The rarest term proposes the documents.
    walks.sort_by_key(|walk| walk.list.len());
    let Some((rarest, others)) = walks.split_first_mut() else {
        return Vec::new();
    };
    let mut docs = Vec::new();
    let (mut starts, mut scratch) = (Vec::new(), Vec::new());
    'docs: for posting in rarest.list.iter() {
        if !others.iter_mut().all(|walk| walk.seek(posting.doc)) {
            continue;
        }
        rarest.seek(posting.doc);
        rarest.starts(&mut starts);
        for walk in &mut *others {
            walk.starts(&mut scratch);
            starts.retain(|start| scratch.binary_search(start).is_ok());
            if starts.is_empty() {
                continue 'docs;
            }
        }
        if !starts.is_empty() {
            docs.push(posting.doc);
        }
    }
    docs
}

/// A walk through the positions of one term of a phrase, ascending.
struct PositionWalk<'a> {
    list: PostingList<'a>,
    /// Where the term stands in the phrase.
    place: u32,
    /// The decoded block; the number of blocks when there is none yet.
    block: usize,
    len: usize,
    docs: [u32; BLOCK_DOCS],
    /// Place in the block that was sought.
    at: usize,
    /// Where the positions of the posting `next` of the block start.
    byte: usize,
    next: usize,
}

impl<'a> PositionWalk<'a> {
    fn new(list: PostingList<'a>, place: u32) -> PositionWalk<'a> {
        let mut walk = PositionWalk {
            list,
            place,
            block: 0,
            len: 0,
            docs: [0; BLOCK_DOCS],
            at: 0,
            byte: 0,
            next: 0,
        };
        walk.decode(0);
        walk
    }

    fn decode(&mut self, block: usize) {
        let located = self.list.block(block);
        located.docs(self.list.doc_before(block), &mut self.docs);
        (self.block, self.len, self.at) = (block, located.len, 0);
        (self.byte, self.next) = (self.list.block_positions_start(block), 0);
    }

    /// Whether the document holds the term. Documents are sought in ascending order.
    fn seek(&mut self, doc: u32) -> bool {
        if self.docs[self.len - 1] < doc {
            let block = match self.list.bound() {
                Some(_) => self.list.block_reaching(doc, self.block + 1),
                None => 1,
            };
            if block == self.list.block_count() {
                return false;
            }
            self.decode(block);
        }
        self.at += self.docs[self.at..self.len].partition_point(|other| *other < doc);
        self.docs[self.at] == doc
    }

    /// Where a phrase would start for each position in the document that was found; ascending.
    fn starts(&mut self, out: &mut Vec<u32>) {
        while self.next <= self.at {
            out.clear();
            read_positions(self.list.position_bytes(), &mut self.byte, out)
                .expect("checked when the postings were opened");
            self.next += 1;
        }
        out.retain_mut(|position| {
            let start = position.checked_sub(self.place);
            *position = start.unwrap_or(0);
            start.is_some()
        });
    }
}
