//! The documents of one term: blocks of 128, packed, each with its last document and a bound of its scores.
//!
//! A list of one block has no table: it is decoded as a whole whenever it is used. The bytes are described in the file
//! format. Reading takes verified bytes (`verify_list`) and never fails on them.

use super::bitpack::{get_varint, pack, packed_bytes, u32_at, unpack, unpack_one, width_of};
use super::impact::{IMPACT_BYTES, Impacts, covers, covers_all, pairs_of};
use crate::bytes::put_varint;

/// Documents of a full block.
pub(super) const BLOCK_DOCS: usize = 128;

/// Bytes of a block in the table of its list: last document u32, end of the block u32, bound.
const ENTRY_BYTES: usize = 8 + IMPACT_BYTES;

/// The greatest frequency; it leaves 5 bits for a width.
pub(super) const FREQUENCY_MAX: u32 = i32::MAX as u32;

/// Most trailing zero bits that a block leaves out of its frequencies.
const SHIFT_MAX: u32 = 7;

/// One document of a term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Posting {
    /// Ordinal of the document.
    pub doc: u32,
    /// How often the term occurs in it, weighted by field, in units of 1 / `WEIGHT_ONE`; at least 1.
    pub frequency: u32,
}

/// The documents of one term, by ascending ordinal; never empty.
#[derive(Clone, Copy, Debug)]
pub struct PostingList<'a> {
    df: u32,
    /// Where the positions of the list start in the section of all positions.
    positions_start: u32,
    /// Bound of all postings; empty in a list of one block.
    bound: &'a [u8],
    table: &'a [u8],
    /// From the first block to the end of the index.
    blocks: &'a [u8],
    /// From the first position of the list to the end of the index.
    positions: &'a [u8],
}

/// One block, located but not decoded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block<'a> {
    pub(super) len: usize,
    doc_width: u32,
    frequency_width: u32,
    shift: u32,
    packed_docs: &'a [u8],
    packed_frequencies: &'a [u8],
}

impl<'a> PostingList<'a> {
    /// Number of documents that hold the term.
    #[expect(clippy::len_without_is_empty, reason = "a list is never empty")]
    pub fn len(&self) -> usize {
        self.df as usize
    }

    /// The documents with their frequencies.
    pub fn iter(&self) -> impl Iterator<Item = Posting> + use<'a> {
        let list = *self;
        let (mut docs, mut frequencies) = ([0; BLOCK_DOCS], [0; BLOCK_DOCS]);
        let (mut block, mut at, mut len) = (0, 0, 0);
        std::iter::from_fn(move || {
            if at == len {
                if block == list.block_count() {
                    return None;
                }
                let next = list.block(block);
                next.docs(list.doc_before(block), &mut docs);
                next.frequencies(&mut frequencies);
                (block, at, len) = (block + 1, 0, next.len);
            }
            at += 1;
            Some(Posting { doc: docs[at - 1], frequency: frequencies[at - 1] })
        })
    }

    /// Whether the document holds the term.
    pub fn contains(&self, doc: u32) -> bool {
        self.find(doc).is_some()
    }

    /// How often the term occurs in the document, as in [`Posting`]; 0 when it does not.
    pub fn frequency(&self, doc: u32) -> u32 {
        self.find(doc).map_or(0, |(block, index)| self.block(block).frequency(index))
    }

    /// The same of many documents, which ascend, in their order. Blocks are decoded once.
    pub fn frequencies(&self, docs: impl Iterator<Item = u32>, out: &mut Vec<u32>) {
        let mut decoded = [0; BLOCK_DOCS];
        let (mut block, mut of, mut len, mut at) = (0, None, 0, 0);
        for doc in docs {
            block = self.block_reaching(doc, block);
            if block == self.block_count() {
                out.push(0);
                continue;
            }
            let located = self.block(block);
            if of != Some(block) {
                located.docs(self.doc_before(block), &mut decoded);
                (of, len, at) = (Some(block), located.len, 0);
            }
            at += decoded[at..len].partition_point(|other| *other < doc);
            let holds = at < len && decoded[at] == doc;
            out.push(if holds { located.frequency(at) } else { 0 });
        }
    }

    /// Block and place of a document.
    pub(super) fn find(&self, doc: u32) -> Option<(usize, usize)> {
        let block = self.block_reaching(doc, 0);
        if block == self.block_count() {
            return None;
        }
        let mut docs = [0; BLOCK_DOCS];
        let located = self.block(block);
        located.docs(self.doc_before(block), &mut docs);
        docs[..located.len].binary_search(&doc).ok().map(|index| (block, index))
    }

    pub(super) fn block_count(&self) -> usize {
        self.len().div_ceil(BLOCK_DOCS)
    }

    /// The first block from `from` on whose last document is not below `doc`; the number of blocks when there is none.
    pub(super) fn block_reaching(&self, doc: u32, from: usize) -> usize {
        let count = self.block_count();
        if self.table.is_empty() {
            return from.min(count);
        }
        // The wanted block is mostly near.
        let (mut low, mut step) = (from, 1);
        while low + step <= count && self.last_doc(low + step - 1) < doc {
            low += step;
            step *= 2;
        }
        let mut high = (low + step - 1).min(count);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.last_doc(middle) < doc {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// Last document of a block, of a list that has a table.
    pub(super) fn last_doc(&self, block: usize) -> u32 {
        u32_at(self.table, block * ENTRY_BYTES)
    }

    /// Bound of all scores of the list; `None` for a list of one block.
    pub(super) fn bound(&self) -> Option<&'a [u8]> {
        (!self.bound.is_empty()).then_some(self.bound)
    }

    /// Bound of the scores of a block, of a list that has a table.
    pub(super) fn block_bound(&self, block: usize) -> &'a [u8] {
        &self.table[block * ENTRY_BYTES + 8..(block + 1) * ENTRY_BYTES]
    }

    /// What [`Block::docs`] adds up from.
    pub(super) fn doc_before(&self, block: usize) -> u32 {
        if block == 0 { u32::MAX } else { self.last_doc(block - 1) }
    }

    pub(super) fn block(&self, block: usize) -> Block<'a> {
        let start = match block {
            0 => 0,
            _ => u32_at(self.table, (block - 1) * ENTRY_BYTES + 4) as usize,
        };
        let len = BLOCK_DOCS.min(self.len() - block * BLOCK_DOCS);
        locate(&self.blocks[start..], len)
    }

    /// Where the positions of a block start in [`PostingList::position_bytes`].
    pub(super) fn block_positions_start(&self, block: usize) -> usize {
        match block {
            0 => self.position_table_bytes(),
            _ => u32_at(self.positions, (block - 1) * 4) as usize,
        }
    }

    pub(super) fn position_bytes(&self) -> &'a [u8] {
        self.positions
    }

    /// Ends of the blocks, u32 each, stand before the positions of a list of several blocks.
    fn position_table_bytes(&self) -> usize {
        if self.table.is_empty() { 0 } else { self.block_count() * 4 }
    }
}

fn locate(bytes: &[u8], len: usize) -> Block<'_> {
    let (doc_width, packing) = (u32::from(bytes[0]), bytes[1]);
    let packed_docs = &bytes[2..];
    Block {
        len,
        doc_width,
        frequency_width: u32::from(packing & 0x1F),
        shift: u32::from(packing >> 5),
        packed_docs,
        packed_frequencies: &packed_docs[packed_bytes(len, doc_width)..],
    }
}

impl Block<'_> {
    /// Bytes of the block.
    fn bytes(&self) -> usize {
        2 + packed_bytes(self.len, self.doc_width) + packed_bytes(self.len, self.frequency_width)
    }

    pub(super) fn docs(&self, before: u32, out: &mut [u32; BLOCK_DOCS]) {
        unpack(self.packed_docs, self.doc_width, &mut out[..self.len]);
        let mut doc = before;
        for slot in &mut out[..self.len] {
            doc = doc.wrapping_add(*slot).wrapping_add(1);
            *slot = doc;
        }
    }

    pub(super) fn frequencies(&self, out: &mut [u32; BLOCK_DOCS]) {
        unpack(self.packed_frequencies, self.frequency_width, &mut out[..self.len]);
        for slot in &mut out[..self.len] {
            *slot = (*slot + 1) << self.shift;
        }
    }

    pub(super) fn frequency(&self, index: usize) -> u32 {
        (unpack_one(self.packed_frequencies, self.frequency_width, index) + 1) << self.shift
    }
}

/// A posting with its positions, to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) doc: u32,
    pub(super) frequency: u32,
    /// The positions: where they start in those of the list, and how many.
    pub(super) start: u32,
    pub(super) count: u32,
}

/// Appends a list. `entries` ascend by document and are not empty.
pub(super) fn write_list(
    entries: &[Entry],
    positions: &[u32],
    doc_lens: &[u32],
    lists: &mut Vec<u8>,
    position_bytes: &mut Vec<u8>,
) {
    put_varint(entries.len() as u64, lists);
    put_varint(position_bytes.len() as u64, lists);
    let impacts = |entries: &[Entry]| {
        let pair = |entry: &Entry| (entry.frequency, doc_lens[entry.doc as usize]);
        Impacts::new(entries.iter().map(pair))
    };
    let mut of_list = Impacts::default();
    let count = entries.len().div_ceil(BLOCK_DOCS);
    let table = lists.len() + IMPACT_BYTES;
    if count > 1 {
        lists.resize(table + count * ENTRY_BYTES, 0);
    }
    let first_block = lists.len();
    let first_position = position_bytes.len();
    if count > 1 {
        position_bytes.resize(first_position + count * 4, 0);
    }
    let mut before = u32::MAX;
    for (index, block) in entries.chunks(BLOCK_DOCS).enumerate() {
        write_block(block, before, lists);
        for entry in block {
            let (start, end) = (entry.start, entry.start + entry.count);
            write_positions(&positions[start as usize..end as usize], position_bytes);
        }
        before = block[block.len() - 1].doc;
        if count > 1 {
            let end = offset(lists.len() - first_block);
            let entry = &mut lists[table + index * ENTRY_BYTES..][..ENTRY_BYTES];
            entry[..4].copy_from_slice(&before.to_le_bytes());
            entry[4..8].copy_from_slice(&end.to_le_bytes());
            let of_block = impacts(block);
            entry[8..].copy_from_slice(&of_block.to_bytes());
            of_list.merge(&of_block);
            let end = offset(position_bytes.len() - first_position);
            position_bytes[first_position + index * 4..][..4].copy_from_slice(&end.to_le_bytes());
        }
    }
    if count > 1 {
        lists[table - IMPACT_BYTES..table].copy_from_slice(&of_list.to_bytes());
    }
}

/// An offset as it is stored.
pub(super) fn offset(bytes: usize) -> u32 {
    u32::try_from(bytes).expect("a chunk stays below 4 GiB of postings")
}

fn write_block(entries: &[Entry], before: u32, out: &mut Vec<u8>) {
    let befores = std::iter::once(before).chain(entries.iter().map(|entry| entry.doc));
    let gaps: Vec<u32> = befores
        .zip(entries)
        .map(|(before, entry)| entry.doc.wrapping_sub(before).wrapping_sub(1))
        .collect();
    let bits = entries.iter().fold(0, |bits, entry| bits | entry.frequency);
    let shift = bits.trailing_zeros().min(SHIFT_MAX);
    let frequencies = || entries.iter().map(|entry| (entry.frequency >> shift) - 1);
    let doc_width = gaps.iter().copied().map(width_of).max().unwrap_or(0);
    let frequency_width = frequencies().map(width_of).max().unwrap_or(0);
    out.push(doc_width as u8);
    out.push((frequency_width | shift << 5) as u8);
    pack(gaps.into_iter(), doc_width, out);
    pack(frequencies(), frequency_width, out);
}

/// A single position takes one varint; otherwise their number comes first.
fn write_positions(positions: &[u32], out: &mut Vec<u8>) {
    if let [position] = positions {
        return put_varint(u64::from(*position) << 1, out);
    }
    put_varint((positions.len() as u64) << 1 | 1, out);
    let mut before = 0;
    for &position in positions {
        put_varint(u64::from(position - before), out);
        before = position;
    }
}

/// Appends the positions of the posting at `at` and moves behind it; `None` when the bytes are none.
pub(super) fn read_positions(bytes: &[u8], at: &mut usize, out: &mut Vec<u32>) -> Option<()> {
    let head = get_varint(bytes, at)?;
    if head & 1 == 0 {
        out.push(u32::try_from(head >> 1).ok()?);
        return Some(());
    }
    let mut position = 0_u64;
    for _ in 0..head >> 1 {
        position = position.checked_add(get_varint(bytes, at)?)?;
        out.push(u32::try_from(position).ok()?);
    }
    Some(())
}

/// Moves behind the positions of a posting as [`read_positions`] does, without keeping them.
#[inline]
fn skip_positions(bytes: &[u8], at: &mut usize) -> Option<()> {
    let head = get_varint(bytes, at)?;
    let mut position = if head & 1 == 0 { head >> 1 } else { 0 };
    if head & 1 == 1 {
        for _ in 0..head >> 1 {
            position = position.checked_add(get_varint(bytes, at)?)?;
        }
    }
    u32::try_from(position).ok().map(|_| ())
}

/// Finds the parts of the list that starts at `lists`; `None` when they do not fit. `lists` and `positions` go on to
/// the end of the index.
pub(super) fn open_list<'a>(lists: &'a [u8], positions: &'a [u8]) -> Option<PostingList<'a>> {
    let mut at = 0;
    let df = u32::try_from(get_varint(lists, &mut at)?).ok().filter(|df| *df > 0)?;
    let positions_start = u32::try_from(get_varint(lists, &mut at)?).ok()?;
    let blocks = (df as usize).div_ceil(BLOCK_DOCS);
    let (bound, table) = if blocks > 1 {
        let table = at + IMPACT_BYTES;
        let end = table.checked_add(blocks.checked_mul(ENTRY_BYTES)?)?;
        (lists.get(at..table)?, lists.get(table..end)?)
    } else {
        (&lists[..0], &lists[..0])
    };
    let blocks = &lists[at + bound.len() + table.len()..];
    let positions = positions.get(positions_start as usize..)?;
    Some(PostingList { df, positions_start, bound, table, blocks, positions })
}

/// What [`verify_list`] compares with.
pub(super) struct Surroundings<'a> {
    pub(super) doc_lens: &'a [[u8; 4]],
    /// Bytes of the list.
    pub(super) list_bytes: usize,
    /// Where its positions must start, and where those of all lists end, in the section of positions.
    pub(super) positions_start: usize,
    pub(super) positions_end: usize,
}

/// Checks every byte of a list, so that reading it cannot fail; returns where its positions end. `lists` starts with
/// the list.
pub(super) fn verify_list(
    lists: &[u8],
    positions: &[u8],
    around: &Surroundings<'_>,
) -> Result<usize, &'static str> {
    let list = open_list(lists, positions).ok_or("a list does not fit")?;
    let head = lists.len() - list.blocks.len();
    let room = around.list_bytes.checked_sub(head).ok_or("the table of a list does not fit")?;
    if list.positions_start as usize != around.positions_start {
        return Err("the positions of a list start at a wrong place");
    }
    let room_of_positions = around.positions_end - around.positions_start;
    let own_positions = &positions[around.positions_start..around.positions_end];
    let mut block_start = 0;
    let mut at = list.position_table_bytes();
    if at > room_of_positions {
        return Err("the table of the positions of a list does not fit");
    }
    for block in 0..list.block_count() {
        let end = verify_block(&list, block, block_start, (room, around.doc_lens))?;
        if !list.table.is_empty() && u32_at(list.table, block * ENTRY_BYTES + 4) as usize != end {
            return Err("a block of a list ends at a wrong place");
        }
        block_start = end;
        for _ in 0..BLOCK_DOCS.min(list.len() - block * BLOCK_DOCS) {
            skip_positions(own_positions, &mut at).ok_or("the positions of a list do not fit")?;
        }
        if !list.table.is_empty() && u32_at(list.positions, block * 4) as usize != at {
            return Err("a block of positions ends at a wrong place");
        }
    }
    if block_start != room {
        return Err("a list ends at a wrong place");
    }
    Ok(around.positions_start + at)
}

/// Checks a block that starts at `start` and returns where it ends.
fn verify_block(
    list: &PostingList<'_>,
    index: usize,
    start: usize,
    (room, doc_lens): (usize, &[[u8; 4]]),
) -> Result<usize, &'static str> {
    let bytes = list.blocks[..room].get(start..).filter(|bytes| bytes.len() >= 2);
    let bytes = bytes.ok_or("a block of a list does not fit")?;
    let len = BLOCK_DOCS.min(list.len() - index * BLOCK_DOCS);
    if bytes[0] > 32 || 2 + packed_bytes(len, u32::from(bytes[0])) > bytes.len() {
        return Err("the documents of a block do not fit");
    }
    let end = start + locate(bytes, len).bytes();
    if end > room {
        return Err("the frequencies of a block do not fit");
    }
    let block = locate(&list.blocks[start..], len);
    let (mut docs, mut frequencies) = ([0; BLOCK_DOCS], [0; BLOCK_DOCS]);
    let before = list.doc_before(index);
    block.docs(before, &mut docs);
    let (docs, frequencies) = (&docs[..len], &mut frequencies[..len]);
    unpack(block.packed_frequencies, block.frequency_width, frequencies);
    let ascend = docs.windows(2).fold(true, |ascend, pair| ascend & (pair[0] < pair[1]));
    if !ascend || (before != u32::MAX && docs[0] <= before) {
        return Err("the documents of a list do not ascend");
    }
    if docs[len - 1] as usize >= doc_lens.len() {
        return Err("a list names a document that is not there");
    }
    let greatest = u64::from(frequencies.iter().fold(0, |max: u32, f| max.max(*f)));
    if (greatest + 1) << block.shift > u64::from(FREQUENCY_MAX) {
        return Err("a frequency is too large");
    }
    if let Some(whole) = list.bound() {
        let mut lens = [0; BLOCK_DOCS];
        for ((frequency, len), doc) in frequencies.iter_mut().zip(&mut lens).zip(docs) {
            *frequency = (*frequency + 1) << block.shift;
            *len = u32::from_le_bytes(doc_lens[*doc as usize]);
        }
        let (own, lens) = (list.block_bound(index), &lens[..len]);
        // What covers the pairs of a bound covers all that these cover; mostly that is so.
        let nested = pairs_of(own).all(|(frequency, len)| covers(whole, frequency, len));
        if !covers_all(own, frequencies, lens) || !nested && !covers_all(whole, frequencies, lens) {
            return Err("the bound of a block is too low");
        }
    }
    if list.bound().is_some() && list.last_doc(index) != docs[len - 1] {
        return Err("the table of a list names a wrong document");
    }
    Ok(end)
}
