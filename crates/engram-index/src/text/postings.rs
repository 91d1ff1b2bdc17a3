//! Which documents hold which term: immutable, one run of bytes in memory, on disk and on the way between them.
//!
//! [`Postings::open`] checks every byte it will ever read, so that no later call can fail; the bytes may be owned,
//! shared or borrowed. Their layout stands in the file format.

use std::fmt;

use super::bitpack::{PADDING, u32_at};
use super::list::{PostingList, Surroundings, open_list, verify_list};

const MAGIC: [u8; 8] = *b"ENGRAMTX";
const VERSION: u32 = 1;
const HEADER_BYTES: usize = 48;
/// Of each term: where its text and where its list end, u32 each.
const RECORD_BYTES: usize = 8;

/// Why bytes are no postings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PostingsError {
    /// Written by a later version, which is given: upgrade.
    NewerFormat(u32),
    /// Damaged, or never postings: rebuild from the log.
    Corrupt(&'static str),
}

impl fmt::Display for PostingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PostingsError::NewerFormat(version) => {
                write!(f, "postings of format {version}, which is newer than {VERSION}")
            }
            PostingsError::Corrupt(what) => write!(f, "damaged postings: {what}"),
        }
    }
}

impl std::error::Error for PostingsError {}

/// Immutable postings of a chunk of documents `0..docs()`. The same documents give the same bytes, whether they were
/// written at once or merged.
#[derive(Clone, Debug)]
pub struct Postings<B = Box<[u8]>> {
    bytes: B,
    layout: Layout,
}

impl Default for Postings {
    fn default() -> Postings {
        Sections::default().finish()
    }
}

impl<B: AsRef<[u8]>> PartialEq for Postings<B> {
    fn eq(&self, other: &Postings<B>) -> bool {
        self.to_bytes() == other.to_bytes()
    }
}

impl<B: AsRef<[u8]>> Eq for Postings<B> {}

impl<B: AsRef<[u8]>> Postings<B> {
    /// Takes bytes of [`Postings::to_bytes`] after checking all of them: the time is linear in their number.
    ///
    /// # Errors
    /// The bytes are damaged, of something else, or of a later version. No bytes make it panic.
    pub fn open(bytes: B) -> Result<Postings<B>, PostingsError> {
        let layout = Layout::read(bytes.as_ref())?;
        let postings = Postings { bytes, layout };
        postings.view().verify().map_err(PostingsError::Corrupt)?;
        Ok(postings)
    }

    /// The bytes, to be stored and opened again.
    pub fn to_bytes(&self) -> &[u8] {
        self.bytes.as_ref()
    }

    /// What queries read.
    pub fn view(&self) -> PostingsView<'_> {
        self.layout.view(self.bytes.as_ref())
    }

    /// Number of documents, empty ones included.
    pub fn docs(&self) -> u32 {
        self.layout.docs
    }

    /// Sum of all document lengths, in units of 1 / `WEIGHT_ONE` term.
    pub fn total_len(&self) -> u64 {
        self.layout.total_len
    }

    /// Length of the document, as in [`PostingsView::doc_len`].
    pub fn doc_len(&self, doc: u32) -> u32 {
        self.view().doc_len(doc)
    }

    /// The documents that hold `term`.
    pub fn postings(&self, term: &str) -> Option<PostingList<'_>> {
        self.view().postings(term)
    }

    /// Number of different terms.
    pub fn term_count(&self) -> u32 {
        self.layout.terms
    }

    /// All terms in byte order, each with its documents.
    pub fn terms(&self) -> impl ExactSizeIterator<Item = (&str, PostingList<'_>)> {
        let view = self.view();
        (0..view.term_count()).map(move |index| (view.term(index), view.list(index)))
    }

    /// Bytes held, on the heap where the bytes are owned.
    pub fn heap_bytes(&self) -> usize {
        self.bytes.as_ref().len()
    }
}

/// Where the sections of verified bytes start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Layout {
    docs: u32,
    terms: u32,
    total_len: u64,
    records: usize,
    text: usize,
    lists: usize,
    positions: usize,
}

impl Layout {
    fn read(bytes: &[u8]) -> Result<Layout, PostingsError> {
        let corrupt = PostingsError::Corrupt;
        if bytes.len() < HEADER_BYTES + PADDING || bytes[..8] != MAGIC {
            return Err(corrupt("no header"));
        }
        match u32_at(bytes, 8) {
            VERSION => {}
            version if version > VERSION => return Err(PostingsError::NewerFormat(version)),
            _ => return Err(corrupt("no version")),
        }
        let (docs, terms) = (u32_at(bytes, 12), u32_at(bytes, 24));
        let ends = [
            HEADER_BYTES as u64 + 4 * u64::from(docs),
            RECORD_BYTES as u64 * u64::from(terms),
            u64::from(u32_at(bytes, 28)),
            u64::from(u32_at(bytes, 32)),
            u64::from(u32_at(bytes, 36)),
            PADDING as u64,
        ];
        if ends.iter().sum::<u64>() != bytes.len() as u64 {
            return Err(corrupt("the sections do not fill the bytes"));
        }
        if bytes[40..HEADER_BYTES].iter().chain(&bytes[bytes.len() - PADDING..]).any(|b| *b != 0) {
            return Err(corrupt("bytes that must be zero are not"));
        }
        let records = ends[0] as usize;
        let text = records + ends[1] as usize;
        let lists = text + ends[2] as usize;
        let positions = lists + ends[3] as usize;
        let total_len = u64::from(u32_at(bytes, 16)) | u64::from(u32_at(bytes, 20)) << 32;
        Ok(Layout { docs, terms, total_len, records, text, lists, positions })
    }

    fn view<'a>(&self, bytes: &'a [u8]) -> PostingsView<'a> {
        PostingsView {
            total_len: self.total_len,
            doc_lens: &bytes[HEADER_BYTES..self.records],
            records: &bytes[self.records..self.text],
            text: &bytes[self.text..self.lists],
            lists: &bytes[self.lists..],
            positions: &bytes[self.positions..],
        }
    }
}

/// The readable side of [`Postings`], whoever holds the bytes.
#[derive(Clone, Copy, Debug)]
pub struct PostingsView<'a> {
    total_len: u64,
    doc_lens: &'a [u8],
    records: &'a [u8],
    text: &'a [u8],
    /// To the end of the bytes, as is `positions`: packed values are read in words.
    lists: &'a [u8],
    positions: &'a [u8],
}

impl<'a> PostingsView<'a> {
    /// Number of documents, empty ones included.
    pub fn docs(&self) -> u32 {
        (self.doc_lens.len() / 4) as u32
    }

    /// Length of the document in units of 1 / `WEIGHT_ONE` term, repetitions counted and fields weighted; 0 for an
    /// ordinal that is not there.
    #[inline]
    pub fn doc_len(&self, doc: u32) -> u32 {
        match self.doc_lens.get(doc as usize * 4..doc as usize * 4 + 4) {
            Some(len) => u32_at(len, 0),
            None => 0,
        }
    }

    /// Sum of all document lengths, in the same units.
    pub fn total_len(&self) -> u64 {
        self.total_len
    }

    /// The documents that hold `term`.
    pub fn postings(&self, term: &str) -> Option<PostingList<'a>> {
        let (mut low, mut high) = (0, self.term_count());
        while low < high {
            let middle = low + (high - low) / 2;
            match self.term_bytes(middle).cmp(term.as_bytes()) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return Some(self.list(middle)),
            }
        }
        None
    }

    /// Number of different terms.
    pub(super) fn term_count(&self) -> usize {
        self.records.len() / RECORD_BYTES
    }

    /// The term at a place of the byte order.
    pub(super) fn term(&self, index: usize) -> &'a str {
        std::str::from_utf8(self.term_bytes(index)).expect("checked when the postings were opened")
    }

    /// Its documents.
    pub(super) fn list(&self, index: usize) -> PostingList<'a> {
        let start = self.bounds(index, 4).start;
        open_list(&self.lists[start..], self.positions)
            .expect("checked when the postings were opened")
    }

    fn term_bytes(&self, index: usize) -> &'a [u8] {
        &self.text[self.bounds(index, 0)]
    }

    /// What a field of the records says about where something starts and ends.
    fn bounds(&self, index: usize, field: usize) -> std::ops::Range<usize> {
        let end = |index: usize| u32_at(self.records, index * RECORD_BYTES + field) as usize;
        let start = if index == 0 { 0 } else { end(index - 1) };
        start..end(index)
    }

    fn verify(&self) -> Result<(), &'static str> {
        let lens: u64 = (0..self.docs()).map(|doc| u64::from(self.doc_len(doc))).sum();
        if lens != self.total_len {
            return Err("the lengths do not add up");
        }
        let lists_end = self.lists.len() - self.positions.len();
        let positions_end = self.positions.len() - PADDING;
        let mut before: Option<&str> = None;
        let mut positions_start = 0;
        for index in 0..self.term_count() {
            let term = self.text.get(self.checked_bounds(index, 0)?);
            let term = term.and_then(|term| std::str::from_utf8(term).ok());
            let term = term.ok_or("a term is no text")?;
            if before.is_some_and(|before| before >= term) {
                return Err("the terms do not ascend");
            }
            before = Some(term);
            let list = self.checked_bounds(index, 4)?;
            if list.end > lists_end {
                return Err("a list lies outside");
            }
            let around = Surroundings {
                doc_lens: self.doc_lens.as_chunks().0,
                list_bytes: list.len(),
                positions_start,
                positions_end,
            };
            positions_start = verify_list(&self.lists[list.start..], self.positions, &around)?;
        }
        let last =
            |field| self.term_count().checked_sub(1).map_or(0, |i| self.bounds(i, field).end);
        let all_read = last(0) == self.text.len() && last(4) == lists_end;
        if all_read && positions_start == positions_end { Ok(()) } else { Err("bytes of no term") }
    }

    fn checked_bounds(
        &self,
        index: usize,
        field: usize,
    ) -> Result<std::ops::Range<usize>, &'static str> {
        let bounds = self.bounds(index, field);
        if bounds.start > bounds.end { Err("the terms run backwards") } else { Ok(bounds) }
    }
}

/// Takes terms in byte order and puts the bytes together.
#[derive(Debug, Default)]
pub(super) struct Sections {
    pub(super) doc_lens: Vec<u32>,
    records: Vec<u8>,
    text: Vec<u8>,
    pub(super) lists: Vec<u8>,
    pub(super) positions: Vec<u8>,
}

impl Sections {
    pub(super) fn new(doc_lens: Vec<u32>) -> Sections {
        Sections { doc_lens, ..Sections::default() }
    }

    /// Ends a term whose list has just been appended.
    pub(super) fn end_term(&mut self, term: &str) {
        self.text.extend_from_slice(term.as_bytes());
        for len in [self.text.len(), self.lists.len()] {
            self.records.extend(super::list::offset(len).to_le_bytes());
        }
    }

    pub(super) fn finish(self) -> Postings {
        let offset = super::list::offset;
        let total_len: u64 = self.doc_lens.iter().copied().map(u64::from).sum();
        let docs = offset(self.doc_lens.len());
        let terms = offset(self.records.len() / RECORD_BYTES);
        let mut bytes = Vec::from(MAGIC);
        for word in [VERSION, docs, total_len as u32, (total_len >> 32) as u32, terms] {
            bytes.extend(word.to_le_bytes());
        }
        for section in [&self.text, &self.lists, &self.positions] {
            bytes.extend(offset(section.len()).to_le_bytes());
        }
        bytes.resize(HEADER_BYTES, 0);
        bytes.extend(self.doc_lens.iter().flat_map(|len| len.to_le_bytes()));
        for section in [self.records, self.text, self.lists, self.positions] {
            bytes.extend(section);
        }
        bytes.resize(bytes.len() + PADDING, 0);
        let layout = Layout::read(&bytes).expect("written just above");
        Postings { bytes: bytes.into(), layout }
    }
}
