//! The terms of a text with their places, in two allocations.

/// Positions between two texts of one [`Terms`] and between two fields of a document: more than the longest gap that
/// a quoted phrase bridges, so that no phrase is found across them.
pub(super) const TEXT_GAP: u32 = 16;

/// Terms in the order of their text, each with its position: the number of the word it comes from. Words that are
/// left out (stop words) take a position, so what stands next to each other stays known. The parts of a word of several
/// parts have ascending positions; its whole stands at the position of the first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    text: String,
    /// Where each term ends in `text`, and its position.
    ends: Vec<(u32, u32)>,
    /// The position behind the last word.
    end: u32,
}

impl Terms {
    /// No terms.
    pub fn new() -> Terms {
        Terms::default()
    }

    /// Number of terms, repetitions counted.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no term.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The terms with their positions, which never descend.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, u32)> {
        (0..self.ends.len()).map(|index| {
            let start = if index == 0 { 0 } else { self.ends[index - 1].0 };
            let (end, position) = self.ends[index];
            (&self.text[start as usize..end as usize], position)
        })
    }

    /// The position behind the last word, stop words included.
    pub fn end(&self) -> u32 {
        self.end
    }

    /// Appends a term. Panics when the terms take 4 Gi bytes or `position` lies before the last one's.
    pub fn push(&mut self, term: &str, position: u32) {
        assert!(
            self.ends.last().is_none_or(|last| last.1 <= position),
            "terms come in the order of the text"
        );
        self.text.push_str(term);
        let end = u32::try_from(self.text.len()).expect("a text is far below 4 GiB");
        self.ends.push((end, position));
        self.reach(position.saturating_add(1));
    }

    /// Moves the end behind words that left no term.
    pub(super) fn reach(&mut self, end: u32) {
        self.end = self.end.max(end);
    }

    /// Where a further text starts.
    pub(super) fn next_text(&self) -> u32 {
        if self.end == 0 { 0 } else { self.end.saturating_add(TEXT_GAP) }
    }
}

impl<T: AsRef<str>> FromIterator<T> for Terms {
    /// Terms that follow each other without gaps.
    fn from_iter<I: IntoIterator<Item = T>>(terms: I) -> Terms {
        let mut out = Terms::new();
        for (position, term) in (0..).zip(terms) {
            out.push(term.as_ref(), position);
        }
        out
    }
}
