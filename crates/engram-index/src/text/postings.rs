//! Which documents hold which term: written once, then immutable, merged into larger ones.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

/// One document of a term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Posting {
    /// Ordinal of the document.
    pub doc: u32,
    /// How often the term occurs in it, at least 1.
    pub frequency: u32,
}

/// The hasher has fixed keys: no table here differs between runs. Nothing is ever listed in the order of a hash.
type FixedState = BuildHasherDefault<DefaultHasher>;

/// Collects documents; becomes [`Postings`].
#[derive(Debug, Default)]
pub struct PostingsWriter {
    terms: HashMap<String, Vec<Posting>, FixedState>,
    doc_lens: Vec<u32>,
}

impl PostingsWriter {
    /// An empty collection.
    pub fn new() -> PostingsWriter {
        PostingsWriter::default()
    }

    /// Adds document `doc` with its terms, repeated as they occur. Documents come in ascending order; an ordinal that
    /// is left out is an empty document. Panics when `doc` is not above the one before.
    pub fn add(&mut self, doc: u32, terms: &[String]) {
        assert!(doc as usize >= self.doc_lens.len(), "documents are added in ascending order");
        self.doc_lens.resize(doc as usize, 0);
        self.doc_lens.push(u32::try_from(terms.len()).expect("a text is far below 4 Gi terms"));
        for term in terms {
            if !self.terms.contains_key(term) {
                self.terms.insert(term.clone(), Vec::new());
            }
            let list = self.terms.get_mut(term).expect("inserted above");
            match list.last_mut() {
                Some(last) if last.doc == doc => last.frequency += 1,
                _ => list.push(Posting { doc, frequency: 1 }),
            }
        }
    }

    /// Ends writing. Panics when the chunk holds 4 Gi bytes of terms or 4 Gi postings.
    pub fn finish(self) -> Postings {
        let mut terms: Vec<(String, Vec<Posting>)> = self.terms.into_iter().collect();
        terms.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        let mut builder = Builder::default();
        for (term, list) in &terms {
            builder.push(term, list);
        }
        builder.finish(self.doc_lens)
    }
}

/// A source of [`Postings::merge`]: the postings, and the new ordinal of each of their documents (`None` drops it).
pub type PostingsPart<'a> = (&'a Postings, &'a dyn Fn(u32) -> Option<u32>);

/// Immutable postings of a chunk of documents `0..docs()`, compact and cheap to merge: terms are kept in byte order.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Postings {
    /// All terms, one after the other, in byte order.
    text: Box<str>,
    /// Where each term ends in `text`.
    text_ends: Box<[u32]>,
    /// All postings, term by term, each list by ascending document.
    lists: Box<[Posting]>,
    /// Where each list ends in `lists`.
    list_ends: Box<[u32]>,
    /// Open addressing with linear probing: 1 + index of a term, 0 = free. A power of two, at most half full.
    table: Box<[u32]>,
    doc_lens: Box<[u32]>,
    total_len: u64,
}

impl Postings {
    /// Number of documents, empty ones included.
    pub fn docs(&self) -> u32 {
        self.doc_lens.len() as u32
    }

    /// Terms of the document, repetitions counted; 0 for an ordinal that is not there.
    pub fn doc_len(&self, doc: u32) -> u32 {
        self.doc_lens.get(doc as usize).copied().unwrap_or(0)
    }

    /// Sum of all document lengths.
    pub fn total_len(&self) -> u64 {
        self.total_len
    }

    /// The documents that hold `term`, by ascending ordinal; never an empty slice.
    pub fn postings(&self, term: &str) -> Option<&[Posting]> {
        let mask = self.table.len().checked_sub(1)?;
        let mut slot = hash(term) & mask;
        loop {
            let index = (self.table[slot] as usize).checked_sub(1)?;
            if self.term(index) == term {
                return Some(self.list(index));
            }
            slot = (slot + 1) & mask;
        }
    }

    /// All terms in byte order, each with its documents.
    pub fn terms(&self) -> impl ExactSizeIterator<Item = (&str, &[Posting])> {
        (0..self.text_ends.len()).map(|index| (self.term(index), self.list(index)))
    }

    /// Bytes held on the heap.
    pub fn heap_bytes(&self) -> usize {
        let words =
            self.text_ends.len() + self.list_ends.len() + self.table.len() + self.doc_lens.len();
        self.text.len() + words * size_of::<u32>() + size_of_val(&*self.lists)
    }

    /// The documents of all parts under their new ordinals. Documents that are mapped to `None` disappear with their
    /// terms; a new ordinal that nobody takes is an empty document. Panics when two documents get the same
    /// ordinal, and where [`PostingsWriter::finish`] does.
    pub fn merge(parts: &[PostingsPart<'_>]) -> Postings {
        let mut doc_lens: Vec<Option<u32>> = Vec::new();
        for (postings, remap) in parts {
            for (doc, &len) in (0_u32..).zip(&postings.doc_lens) {
                let Some(new) = remap(doc) else { continue };
                let new = new as usize;
                doc_lens.resize(doc_lens.len().max(new + 1), None);
                assert!(doc_lens[new].replace(len).is_none(), "two documents got one ordinal");
            }
        }
        let doc_lens = doc_lens.into_iter().map(Option::unwrap_or_default).collect();
        merge_terms(parts).finish(doc_lens)
    }

    fn term(&self, index: usize) -> &str {
        &self.text[bounds(&self.text_ends, index)]
    }

    fn list(&self, index: usize) -> &[Posting] {
        &self.lists[bounds(&self.list_ends, index)]
    }
}

fn merge_terms(parts: &[PostingsPart<'_>]) -> Builder {
    let mut builder = Builder::default();
    // The next term of each part, smallest first; parts with the same term in their order.
    let mut heads: BinaryHeap<Reverse<(&str, usize, usize)>> = BinaryHeap::new();
    for (part, (postings, _)) in parts.iter().enumerate() {
        if !postings.text_ends.is_empty() {
            heads.push(Reverse((postings.term(0), part, 0)));
        }
    }
    let mut list = Vec::new();
    while let Some(Reverse((term, part, index))) = heads.pop() {
        let (postings, remap) = parts[part];
        list.extend(postings.list(index).iter().filter_map(|posting| {
            Some(Posting { doc: remap(posting.doc)?, frequency: posting.frequency })
        }));
        if index + 1 < postings.text_ends.len() {
            heads.push(Reverse((postings.term(index + 1), part, index + 1)));
        }
        if heads.peek().is_some_and(|Reverse(next)| next.0 == term) {
            continue;
        }
        if !list.is_sorted_by_key(|posting| posting.doc) {
            list.sort_unstable_by_key(|posting| posting.doc);
        }
        if !list.is_empty() {
            builder.push(term, &list);
            list.clear();
        }
    }
    builder
}

fn bounds(ends: &[u32], index: usize) -> std::ops::Range<usize> {
    let start = if index == 0 { 0 } else { ends[index - 1] };
    start as usize..ends[index] as usize
}

fn hash(term: &str) -> usize {
    FixedState::default().hash_one(term) as usize
}

/// Takes terms in byte order.
#[derive(Default)]
struct Builder {
    text: String,
    text_ends: Vec<u32>,
    lists: Vec<Posting>,
    list_ends: Vec<u32>,
}

impl Builder {
    fn push(&mut self, term: &str, list: &[Posting]) {
        self.text.push_str(term);
        self.lists.extend_from_slice(list);
        let end =
            |len: usize| u32::try_from(len).expect("a chunk stays below 4 Gi bytes and postings");
        self.text_ends.push(end(self.text.len()));
        self.list_ends.push(end(self.lists.len()));
    }

    fn finish(self, doc_lens: Vec<u32>) -> Postings {
        let slots = (self.text_ends.len() * 2).next_power_of_two();
        let mut postings = Postings {
            text: self.text.into(),
            text_ends: self.text_ends.into(),
            lists: self.lists.into(),
            list_ends: self.list_ends.into(),
            table: vec![0; slots].into(),
            total_len: doc_lens.iter().copied().map(u64::from).sum(),
            doc_lens: doc_lens.into(),
        };
        for index in 0..postings.text_ends.len() {
            let mut slot = hash(postings.term(index)) & (slots - 1);
            while postings.table[slot] != 0 {
                slot = (slot + 1) & (slots - 1);
            }
            postings.table[slot] = index as u32 + 1;
        }
        postings
    }
}
