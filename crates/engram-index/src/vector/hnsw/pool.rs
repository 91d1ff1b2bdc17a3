//! The best nodes met on a walk, and which of them were looked behind.

/// A node with its score as one integer: smaller is better, ties go to the smaller node. The lowest bit marks a node
/// whose neighbours were looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry(u64);

impl Entry {
    /// `node` is below 2^31, `score` is not NaN.
    #[inline]
    pub(super) fn new(node: u32, score: f32) -> Entry {
        let bits = (score + 0.0).to_bits();
        let ascending = if bits >> 31 == 1 { !bits } else { bits | 1 << 31 };
        Entry(u64::from(!ascending) << 32 | u64::from(node) << 1)
    }

    #[inline]
    pub(super) fn node(self) -> u32 {
        self.0 as u32 >> 1
    }

    #[inline]
    pub(super) fn score(self) -> f32 {
        let ascending = !((self.0 >> 32) as u32);
        f32::from_bits(if ascending >> 31 == 1 { ascending & !(1 << 31) } else { !ascending })
    }
}

/// The best entries up to a number, sorted, best first. For the few dozens to hundreds of a search, shifting a
/// sorted array is faster than two heaps.
#[derive(Debug, Default)]
pub(super) struct Pool {
    entries: Vec<Entry>,
    size: usize,
    /// Everything before it was looked behind.
    cursor: usize,
}

impl Pool {
    /// Forgets everything and keeps at most `size` entries from now on.
    pub(super) fn reset(&mut self, size: usize) {
        self.entries.clear();
        self.size = size;
        self.cursor = 0;
    }

    /// Offers an entry.
    #[inline]
    pub(super) fn offer(&mut self, entry: Entry) {
        if self.entries.len() == self.size {
            if self.entries.last().is_none_or(|&worst| entry >= worst) {
                return;
            }
            self.entries.pop();
        }
        let place = self.entries.partition_point(|&other| other < entry);
        self.entries.insert(place, entry);
        self.cursor = self.cursor.min(place);
    }

    /// The best node that was not looked behind yet, and marks it.
    #[inline]
    pub(super) fn next(&mut self) -> Option<u32> {
        while let Some(entry) = self.entries.get_mut(self.cursor) {
            self.cursor += 1;
            if entry.0 & 1 == 0 {
                entry.0 |= 1;
                return Some(entry.node());
            }
        }
        None
    }

    /// The best node that [`Pool::next`] would return, without marking it.
    #[inline]
    pub(super) fn peek(&self) -> Option<u32> {
        let rest = self.entries.get(self.cursor..)?;
        rest.iter().find(|entry| entry.0 & 1 == 0).map(|entry| entry.node())
    }

    /// The kept entries, best first.
    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The worst entry once the pool is full.
    pub(super) fn bar(&self) -> Option<Entry> {
        self.entries.last().copied().filter(|_| self.entries.len() == self.size)
    }
}
