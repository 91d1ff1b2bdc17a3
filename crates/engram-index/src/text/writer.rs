//! Collecting documents into postings, and merging postings into larger ones.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::hash::{BuildHasherDefault, DefaultHasher};

use super::list::{Entry, FREQUENCY_MAX, PostingList, read_positions, write_list};
use super::postings::{Postings, PostingsView, Sections};
use super::terms::{TEXT_GAP, Terms};

/// The weight of a plain field: frequencies and lengths are counted in units of 1 / 8 occurrence, so that weights of
/// fields add up exactly.
pub const WEIGHT_ONE: u32 = 8;

/// The hasher has fixed keys: no table here differs between runs. Nothing is ever listed in the order of a hash.
type FixedState = BuildHasherDefault<DefaultHasher>;

/// A part of a document, such as its title. A term that occurs in several fields has the weighted sum of its
/// occurrences as its frequency, and so has the length (Robertson, Zaragoza and Taylor, "Simple BM25 Extension to
/// Multiple Weighted Fields", 2004).
#[derive(Clone, Copy, Debug)]
pub struct TextField<'a> {
    terms: &'a Terms,
    weight: u32,
    quotable: bool,
}

impl<'a> TextField<'a> {
    /// A field whose every occurrence counts once.
    pub fn new(terms: &'a Terms) -> TextField<'a> {
        TextField { terms, weight: WEIGHT_ONE, quotable: true }
    }

    /// Counts an occurrence as `weight / WEIGHT_ONE`; 0 leaves the field out.
    pub fn weighted(self, weight: u32) -> TextField<'a> {
        TextField { weight, ..self }
    }

    /// Keeps no positions: a quoted phrase is not found in this field. For words that stand near the document but not
    /// in it.
    pub fn unquotable(self) -> TextField<'a> {
        TextField { quotable: false, ..self }
    }
}

/// Collects documents; becomes [`Postings`].
#[derive(Debug, Default)]
pub struct PostingsWriter {
    ids: HashMap<Box<str>, u32, FixedState>,
    lists: Vec<OpenList>,
    doc_lens: Vec<u32>,
}

/// The postings of a term while they grow.
#[derive(Debug, Default)]
struct OpenList {
    entries: Vec<Entry>,
    positions: Vec<u32>,
}

impl PostingsWriter {
    /// An empty collection.
    pub fn new() -> PostingsWriter {
        PostingsWriter::default()
    }

    /// Adds document `doc` with its fields; a plain document has one, [`TextField::new`]. Documents come in ascending
    /// order; an ordinal that is left out is an empty document. Panics when `doc` is not above the one before, or when
    /// a document is longer than 2^31 units.
    pub fn add(&mut self, doc: u32, fields: &[TextField<'_>]) {
        assert!(doc as usize >= self.doc_lens.len(), "documents are added in ascending order");
        let mut len = 0_u64;
        let mut base = 0;
        for field in fields.iter().filter(|field| field.weight > 0) {
            len += field.terms.len() as u64 * u64::from(field.weight);
            assert!(len <= u64::from(FREQUENCY_MAX), "a text is far below 2^31 units");
            for (term, position) in field.terms.iter() {
                self.list(term).add(doc, field, base + position);
            }
            if field.quotable {
                base += field.terms.end().saturating_add(TEXT_GAP);
            }
        }
        self.doc_lens.resize(doc as usize, 0);
        self.doc_lens.push(len as u32);
    }

    /// Ends writing. Panics when a section of the chunk takes 4 GiB.
    pub fn finish(self) -> Postings {
        let mut terms: Vec<(Box<str>, u32)> = self.ids.into_iter().collect();
        terms.sort_unstable();
        let mut out = Sections::new(self.doc_lens);
        for (term, id) in &terms {
            let list = &self.lists[*id as usize];
            push_term(&mut out, term, &list.entries, &list.positions);
        }
        out.finish()
    }

    fn list(&mut self, term: &str) -> &mut OpenList {
        let id = match self.ids.get(term) {
            Some(id) => *id,
            None => {
                let id = self.lists.len() as u32;
                self.ids.insert(term.into(), id);
                self.lists.push(OpenList::default());
                id
            }
        };
        &mut self.lists[id as usize]
    }
}

impl OpenList {
    fn add(&mut self, doc: u32, field: &TextField<'_>, position: u32) {
        if self.entries.last().is_none_or(|last| last.doc != doc) {
            let start = u32::try_from(self.positions.len()).expect("far below 4 Gi occurrences");
            self.entries.push(Entry { doc, frequency: 0, start, count: 0 });
        }
        let Some(entry) = self.entries.last_mut() else { return };
        entry.frequency += field.weight;
        if field.quotable {
            entry.count += 1;
            self.positions.push(position);
        }
    }
}

fn push_term(out: &mut Sections, term: &str, entries: &[Entry], positions: &[u32]) {
    write_list(entries, positions, &out.doc_lens, &mut out.lists, &mut out.positions);
    out.end_term(term);
}

/// A source of [`Postings::merge`]: the postings, and the new ordinal of each of their documents (`None` drops it).
pub type PostingsPart<'a> = (PostingsView<'a>, &'a dyn Fn(u32) -> Option<u32>);

impl Postings {
    /// The documents of all parts under their new ordinals. Documents that are mapped to `None` disappear with their
    /// terms; a new ordinal that nobody takes is an empty document. Panics when two documents get the same ordinal,
    /// and where [`PostingsWriter::finish`] does.
    pub fn merge(parts: &[PostingsPart<'_>]) -> Postings {
        let mut doc_lens: Vec<Option<u32>> = Vec::new();
        for (postings, remap) in parts {
            for doc in 0..postings.docs() {
                let Some(new) = remap(doc) else { continue };
                let new = new as usize;
                doc_lens.resize(doc_lens.len().max(new + 1), None);
                let taken = doc_lens[new].replace(postings.doc_len(doc));
                assert!(taken.is_none(), "two documents got one ordinal");
            }
        }
        let doc_lens = doc_lens.into_iter().map(Option::unwrap_or_default).collect();
        let mut out = Sections::new(doc_lens);
        merge_terms(parts, &mut out);
        out.finish()
    }
}

fn merge_terms(parts: &[PostingsPart<'_>], out: &mut Sections) {
    // The next term of each part, smallest first; parts with the same term in their order.
    let mut heads: BinaryHeap<Reverse<(&str, usize, usize)>> = BinaryHeap::new();
    for (part, (postings, _)) in parts.iter().enumerate() {
        if postings.term_count() > 0 {
            heads.push(Reverse((postings.term(0), part, 0)));
        }
    }
    let mut open = OpenList::default();
    while let Some(Reverse((term, part, index))) = heads.pop() {
        let (postings, remap) = parts[part];
        take_over(postings.list(index), remap, &mut open);
        if index + 1 < postings.term_count() {
            heads.push(Reverse((postings.term(index + 1), part, index + 1)));
        }
        if heads.peek().is_some_and(|Reverse(next)| next.0 == term) {
            continue;
        }
        if !open.entries.is_sorted_by_key(|entry| entry.doc) {
            open.entries.sort_unstable_by_key(|entry| entry.doc);
        }
        if !open.entries.is_empty() {
            push_term(out, term, &open.entries, &open.positions);
        }
        open.entries.clear();
        open.positions.clear();
    }
}

fn take_over(list: PostingList<'_>, remap: &dyn Fn(u32) -> Option<u32>, open: &mut OpenList) {
    let bytes = list.position_bytes();
    let mut at = 0;
    for (index, posting) in list.iter().enumerate() {
        if index.is_multiple_of(super::list::BLOCK_DOCS) {
            at = list.block_positions_start(index / super::list::BLOCK_DOCS);
        }
        let start = open.positions.len();
        read_positions(bytes, &mut at, &mut open.positions)
            .expect("checked when the postings were opened");
        match remap(posting.doc) {
            None => open.positions.truncate(start),
            Some(doc) => open.entries.push(Entry {
                doc,
                frequency: posting.frequency,
                start: u32::try_from(start).expect("far below 4 Gi occurrences"),
                count: (open.positions.len() - start) as u32,
            }),
        }
    }
}
