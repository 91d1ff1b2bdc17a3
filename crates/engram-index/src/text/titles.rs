//! Finding known titles and names in a text.
//!
//! A title is a sequence of folded tokens: parts of words as the analysis separates them, neither stemmed nor without
//! stop words, and single characters where a script has no spaces. So `LiHua`, `Li Hua` and `li-hua` are one name. A
//! text is searched from left to right for the longest known sequence that starts at each token; where one was found,
//! the search goes on behind it.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::Arc;

use super::analyzer::Analyzer;
use super::fold::fold;
use super::segment::{Token, segment};

/// Most tokens of a title; longer ones are not looked for.
const TITLE_TOKENS_MAX: usize = 24;

/// Most keys of a title that is looked for.
pub const TITLE_KEYS_MAX: usize = 64;

/// Bits of a hash that choose a branch, and entries that a leaf holds before it becomes one.
const BRANCH_BITS: u32 = 4;
const LEAF_ENTRIES_MAX: usize = 12;

/// A title that was found in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TitleMatch {
    /// The keys under which the title is known, ascending.
    pub keys: Vec<u64>,
    /// Bytes of the text, `start..end`.
    pub start: usize,
    /// End of the range.
    pub end: usize,
}

/// A dictionary of titles. It grows and shrinks title by title, and a clone shares everything with the original until
/// one of them changes, so readers keep theirs while the writer goes on.
#[derive(Clone, Debug, Default)]
pub struct TitleMatcher {
    root: Arc<Node>,
    titles: usize,
}

/// A node of a hash trie.
#[derive(Clone, Debug)]
enum Node {
    Leaf(Vec<Entry>),
    Branch(Box<[Arc<Node>; 1 << BRANCH_BITS]>),
}

impl Default for Node {
    fn default() -> Node {
        Node::Leaf(Vec::new())
    }
}

/// What is known about a sequence of tokens.
#[derive(Clone, Debug)]
struct Entry {
    hash: u64,
    /// The tokens with a space between them.
    tokens: Arc<str>,
    /// Keys of the titles that are this sequence, ascending, each with whether it is written with a capital.
    keys: Vec<(u64, Initial)>,
    /// Number of titles of each length that start with this token; only of single tokens.
    lengths: Vec<(u8, u32)>,
}

/// How a title begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Initial {
    Capital,
    Other,
}

/// A folded token with its place in the text.
struct Piece {
    folded: String,
    start: usize,
    end: usize,
    initial: Initial,
}

impl TitleMatcher {
    /// An empty dictionary.
    pub fn new() -> TitleMatcher {
        TitleMatcher::default()
    }

    /// Number of titles; a title with a part in parentheses counts as two.
    pub fn len(&self) -> usize {
        self.titles
    }

    /// Whether there is no title.
    pub fn is_empty(&self) -> bool {
        self.titles == 0
    }

    /// Adds a title under a key of the caller's. A title that ends in parentheses (`Danny Huston (actor)`) is also
    /// found without them. Titles that would be found everywhere are left out: stop words only, a single character, too
    /// many tokens. Adding the same title under the same key again changes nothing.
    pub fn insert(&mut self, analyzer: &Analyzer, title: &str, key: u64) {
        for (tokens, initial) in sequences(analyzer, title) {
            if self.change(&tokens, |entry| match entry.keys.binary_search_by_key(&key, |k| k.0) {
                Ok(_) => false,
                Err(at) => {
                    entry.keys.insert(at, (key, initial));
                    true
                }
            }) {
                self.titles += 1;
                self.count(&tokens, 1);
            }
        }
    }

    /// Takes back [`TitleMatcher::insert`] of the same title and key; without effect when it was never done.
    pub fn remove(&mut self, analyzer: &Analyzer, title: &str, key: u64) {
        for (tokens, _) in sequences(analyzer, title) {
            let known =
                self.entry(&tokens).is_some_and(|entry| entry.keys.iter().any(|k| k.0 == key));
            if known {
                self.change(&tokens, |entry| {
                    entry.keys.retain(|known| known.0 != key);
                    true
                });
                self.titles -= 1;
                self.count(&tokens, -1);
            }
        }
    }

    /// The titles in a text, by ascending place, not overlapping. A title of one token that is written with a capital
    /// is only found with a capital: `Music` is a name, `music` is not. A title under more than [`TITLE_KEYS_MAX`] keys
    /// names none of them and is passed over.
    pub fn find(&self, text: &str) -> Vec<TitleMatch> {
        let mut found = Vec::new();
        if self.is_empty() {
            return found;
        }
        let pieces = pieces_of(text);
        let mut at = 0;
        while at < pieces.len() {
            match self.longest_at(&pieces[at..]) {
                Some((length, keys)) => {
                    let (start, end) = (pieces[at].start, pieces[at + length - 1].end);
                    found.push(TitleMatch { keys, start, end });
                    at += length;
                }
                None => at += 1,
            }
        }
        found
    }

    /// The longest title that the tokens start with.
    fn longest_at(&self, pieces: &[Piece]) -> Option<(usize, Vec<u64>)> {
        let first = self.entry(&pieces[0].folded)?;
        for (length, _) in first.lengths.iter().rev() {
            let length = usize::from(*length);
            let Some(window) = pieces.get(..length) else { continue };
            let Some(entry) = self.entry(&joined(window)) else { continue };
            if entry.keys.len() > TITLE_KEYS_MAX {
                continue;
            }
            let fits = |initial: Initial| {
                length > 1 || initial == Initial::Other || pieces[0].initial == Initial::Capital
            };
            let keys: Vec<u64> = entry.keys.iter().filter(|k| fits(k.1)).map(|k| k.0).collect();
            if !keys.is_empty() {
                return Some((length, keys));
            }
        }
        None
    }

    fn entry(&self, tokens: &str) -> Option<&Entry> {
        let hash = hash_of(tokens);
        let mut node = &*self.root;
        let mut shift = 0;
        loop {
            match node {
                Node::Leaf(entries) => {
                    return entries.iter().find(|e| e.hash == hash && &*e.tokens == tokens);
                }
                Node::Branch(children) => {
                    node = &children[slot(hash, shift)];
                    shift += BRANCH_BITS;
                }
            }
        }
    }

    /// Changes the entry of a sequence, made when it is not there; nodes that a clone shares are copied. Says what
    /// `change` says.
    fn change(&mut self, tokens: &str, change: impl FnOnce(&mut Entry) -> bool) -> bool {
        let hash = hash_of(tokens);
        let mut node = Arc::make_mut(&mut self.root);
        let mut shift = 0;
        loop {
            if let Node::Leaf(entries) = node {
                let known = entries.iter().any(|e| e.hash == hash && &*e.tokens == tokens);
                if !known && entries.len() >= LEAF_ENTRIES_MAX && shift < u64::BITS {
                    *node = split(std::mem::take(entries), shift);
                }
            }
            match node {
                Node::Branch(children) => {
                    node = Arc::make_mut(&mut children[slot(hash, shift)]);
                    shift += BRANCH_BITS;
                }
                Node::Leaf(entries) => {
                    let at = entries.iter().position(|e| e.hash == hash && &*e.tokens == tokens);
                    let at = at.unwrap_or_else(|| {
                        let (keys, lengths) = (Vec::new(), Vec::new());
                        entries.push(Entry { hash, tokens: tokens.into(), keys, lengths });
                        entries.len() - 1
                    });
                    let changed = change(&mut entries[at]);
                    if entries[at].keys.is_empty() && entries[at].lengths.is_empty() {
                        entries.swap_remove(at);
                    }
                    return changed;
                }
            }
        }
    }

    /// Notes at its first token that a title appeared or disappeared.
    fn count(&mut self, tokens: &str, by: i32) {
        let length = tokens.split(' ').count() as u8;
        let first = tokens.split(' ').next().unwrap_or_default();
        self.change(first, |entry| {
            let at = entry.lengths.binary_search_by_key(&length, |known| known.0);
            let at = at.unwrap_or_else(|at| {
                entry.lengths.insert(at, (length, 0));
                at
            });
            entry.lengths[at].1 = entry.lengths[at].1.saturating_add_signed(by);
            entry.lengths.retain(|known| known.1 > 0);
            true
        });
    }
}

fn split(entries: Vec<Entry>, shift: u32) -> Node {
    let mut children: [Vec<Entry>; 1 << BRANCH_BITS] = Default::default();
    for entry in entries {
        children[slot(entry.hash, shift)].push(entry);
    }
    Node::Branch(Box::new(children.map(|entries| Arc::new(Node::Leaf(entries)))))
}

fn slot(hash: u64, shift: u32) -> usize {
    (hash.checked_shr(shift).unwrap_or(0) & ((1 << BRANCH_BITS) - 1)) as usize
}

/// Fixed keys; nothing is ever listed in the order of hashes.
fn hash_of(tokens: &str) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(tokens)
}

/// The sequences under which a title is found.
fn sequences(analyzer: &Analyzer, title: &str) -> Vec<(String, Initial)> {
    let title = title.trim();
    let bare = title.strip_suffix(')').and_then(|rest| rest.rsplit_once('(')).map(|(bare, _)| bare);
    let mut sequences: Vec<(String, Initial)> = Vec::new();
    for form in std::iter::once(title).chain(bare) {
        let pieces = pieces_of(form);
        let telling = |piece: &Piece| !analyzer.is_stop_word(&piece.folded);
        let tokens = joined(&pieces);
        let usable = (1..=TITLE_TOKENS_MAX).contains(&pieces.len())
            && pieces.iter().any(telling)
            && tokens.chars().nth(1).is_some();
        if usable && sequences.iter().all(|known| known.0 != tokens) {
            sequences.push((tokens, pieces[0].initial));
        }
    }
    sequences
}

fn joined(pieces: &[Piece]) -> String {
    let mut tokens = String::new();
    for piece in pieces {
        if !tokens.is_empty() {
            tokens.push(' ');
        }
        tokens.push_str(&piece.folded);
    }
    tokens
}

fn pieces_of(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut push = |start: usize, token: &str| {
        let folded = fold(token);
        let capital = token.starts_with(char::is_uppercase);
        let initial = if capital { Initial::Capital } else { Initial::Other };
        if !folded.is_empty() {
            pieces.push(Piece { folded, start, end: start + token.len(), initial });
        }
    };
    segment(text, &mut |token| match token {
        Token::Word(parts) => parts.iter().for_each(|part| push(part.start, part.text)),
        Token::Unspaced(start, run) => {
            run.char_indices().for_each(|(at, c)| push(start + at, c.encode_utf8(&mut [0; 4])));
        }
        Token::Emoji(_) => {}
    });
    pieces
}

mod stored;
#[cfg(test)]
mod tests;
