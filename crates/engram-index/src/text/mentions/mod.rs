//! What a text mentions, found by its spelling alone: names, quoted titles, handles, tags, addresses, quantities, dates.
//!
//! The rules know no language model and no dictionary of names; the same text gives the same mentions everywhere. They
//! miss names in scripts without capitals, and take a capitalised word for a name where only its meaning would tell.

mod scan;
mod marked;
mod numbers;
mod dates;
mod common_words;
mod names;

use super::analyzer::Analyzer;
use scan::{Scan, Taken, key_of};

/// What a mention is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MentionKind {
    /// A run of capitalised words: person, place, organisation, product.
    Name,
    /// A title between quotes.
    Quoted,
    /// `@handle`.
    Handle,
    /// `#tag`.
    Tag,
    /// An e-mail or web address.
    Address,
    /// A number with its unit or currency.
    Quantity,
    /// A calendar date, or its month or day alone.
    Date,
}

/// Something that a text mentions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mention {
    /// What it is.
    pub kind: MentionKind,
    /// The same for every spelling of the same thing: folded words with single spaces; for a quantity the number and the
    /// short unit (`5 km`, `20 usd`); for a date ISO 8601 (`2026-01-05`, `2026-01`, `--01-05`).
    pub key: String,
    /// Bytes of the text, `start..end`.
    pub start: usize,
    /// End of the range.
    pub end: usize,
}

impl Analyzer {
    /// What the text mentions, by ascending place, not overlapping. Stop words of the language decide what is no name.
    pub fn mentions(&self, text: &str) -> Vec<Mention> {
        let scan = Scan::new(text);
        let mut taken = Taken::default();
        marked::addresses(&scan, &mut taken);
        marked::handles_and_tags(&scan, &mut taken);
        dates::dates(&scan, self.language(), &mut taken);
        numbers::quantities(&scan, &mut taken);
        marked::titles(&scan, self, &mut taken);
        names::names(&scan, self, &mut taken);
        taken.into_sorted()
    }
}

/// The key of a name that somebody states, as mentions have them: folded words with single spaces.
pub fn name_key(name: &str) -> String {
    key_of(name)
}

#[cfg(test)]
mod tests;
