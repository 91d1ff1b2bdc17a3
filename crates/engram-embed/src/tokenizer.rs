//! WordPiece as BERT models were trained with: text to token ids.
//!
//! Guarantees the ids of the reference tokenizer, including its treatment of the literal texts
//! `[CLS]`, `[SEP]`, `[MASK]`, `[PAD]` and `[UNK]`, which become those tokens.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;

use crate::error::EmbedError;
use crate::unicode::{is_accent, is_ideograph, is_punctuation, is_removed};

/// Characters of a word beyond which it becomes `[UNK]`.
const WORD_CHARS_MAX: usize = 100;

/// Marks a piece that continues a word.
const CONTINUATION: &[u8] = b"##";

const SPECIALS: [&str; 5] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];

/// How text is changed before it is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TextRules {
    /// Lower-case, as uncased models need it.
    pub(crate) lowercase: bool,
    /// Strip accents.
    pub(crate) strip_accents: bool,
}

/// A vocabulary with the rules to apply it.
#[derive(Debug)]
pub(crate) struct Tokenizer {
    /// All pieces, each followed by one byte that is no part of it.
    pieces: Cow<'static, [u8]>,
    /// Where each piece starts in `pieces`, and one bound behind the last.
    starts: Vec<u32>,
    /// Open addressing: id + 1 of a piece, 0 where empty. The length is a power of two.
    table: Vec<u32>,
    piece_bytes_max: usize,
    rules: TextRules,
    /// Ids in the order of `SPECIALS`; `None` where the vocabulary has no such piece.
    specials: [Option<u32>; SPECIALS.len()],
}

impl Tokenizer {
    /// Reads a vocabulary of one piece a line; the line number from 0 is the id.
    pub(crate) fn new(lines: Cow<'static, [u8]>, rules: TextRules) -> Result<Self, EmbedError> {
        let mut starts = vec![0u32];
        let mut text = lines;
        if text.last() != Some(&b'\n') {
            text.to_mut().push(b'\n');
        }
        for (at, _) in text.iter().enumerate().filter(|&(_, &byte)| byte == b'\n') {
            starts.push(u32::try_from(at + 1).map_err(|_| too_large())?);
        }
        let count = starts.len() - 1;
        let mut tokenizer = Self {
            pieces: text,
            starts,
            table: vec![0; (count * 2).next_power_of_two()],
            piece_bytes_max: 0,
            rules,
            specials: [None; SPECIALS.len()],
        };
        for id in 0..u32::try_from(count).map_err(|_| too_large())? {
            tokenizer.insert(id);
        }
        tokenizer.specials = SPECIALS.map(|name| tokenizer.find(name.as_bytes()));
        // Padding and masks are never produced; the other three are.
        for (name, id) in SPECIALS.iter().zip(tokenizer.specials).take(4).skip(1) {
            if id.is_none() {
                return Err(EmbedError::bad_model(format!("the vocabulary has no {name}")));
            }
        }
        Ok(tokenizer)
    }

    /// Number of ids.
    pub(crate) fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// The token that opens every sequence.
    pub(crate) fn start(&self) -> u32 {
        self.specials[2].expect("checked by new")
    }

    /// The token that closes every sequence.
    pub(crate) fn end(&self) -> u32 {
        self.specials[3].expect("checked by new")
    }

    /// Whether the token continues a word.
    pub(crate) fn continues(&self, id: u32) -> bool {
        self.piece(id).starts_with(CONTINUATION)
    }

    /// The ids of a text, without start and end tokens. Empty for blank text.
    pub(crate) fn tokens(&self, text: &str) -> Vec<u32> {
        let mut ids = Vec::with_capacity(text.len() / 4);
        let mut rest = text;
        while let Some((at, special)) = self.next_special(rest) {
            self.plain_tokens(&rest[..at], &mut ids);
            ids.push(self.specials[special].expect("next_special finds known ones"));
            rest = &rest[at + SPECIALS[special].len()..];
        }
        self.plain_tokens(rest, &mut ids);
        ids
    }

    fn next_special(&self, text: &str) -> Option<(usize, usize)> {
        text.match_indices('[').find_map(|(at, _)| {
            let known = |i: &usize| self.specials[*i].is_some();
            let found =
                (0..SPECIALS.len()).filter(known).find(|&i| text[at..].starts_with(SPECIALS[i]));
            found.map(|special| (at, special))
        })
    }

    fn plain_tokens(&self, text: &str, ids: &mut Vec<u32>) {
        let clean = text.chars().filter(|&c| !is_removed(c)).flat_map(|c| {
            let around = is_ideograph(c).then_some(' ');
            around.into_iter().chain([c]).chain(around)
        });
        let mut word = Word::default();
        if self.rules.strip_accents {
            clean.nfd().filter(|&c| !is_accent(c)).for_each(|c| self.take(c, &mut word, ids));
        } else {
            clean.for_each(|c| self.take(c, &mut word, ids));
        }
        self.finish(&mut word, ids);
    }

    /// Takes one character of normalised text: lower-cases it and adds it to the word or ends that.
    fn take(&self, c: char, word: &mut Word, ids: &mut Vec<u32>) {
        if self.rules.lowercase {
            c.to_lowercase().for_each(|c| self.divide(c, word, ids));
        } else {
            self.divide(c, word, ids);
        }
    }

    fn divide(&self, c: char, word: &mut Word, ids: &mut Vec<u32>) {
        if c.is_whitespace() {
            self.finish(word, ids);
        } else if is_punctuation(c) {
            self.finish(word, ids);
            word.push(c);
            self.finish(word, ids);
        } else {
            word.push(c);
        }
    }

    /// Divides a word greedily into the longest pieces of the vocabulary; a word with a rest that no piece
    /// fits is unknown as a whole.
    fn finish(&self, word: &mut Word, ids: &mut Vec<u32>) {
        if word.chars == 0 {
            return;
        }
        let before = ids.len();
        if word.chars > WORD_CHARS_MAX || !self.divide_word(&mut word.bytes, ids) {
            ids.truncate(before);
            ids.push(self.specials[1].expect("checked by new"));
        }
        *word = Word { bytes: std::mem::take(&mut word.bytes), chars: 0 };
        word.bytes.clear();
    }

    /// `bytes` is the word behind two bytes of room, where the continuation mark of each piece is put.
    fn divide_word(&self, bytes: &mut [u8], ids: &mut Vec<u32>) -> bool {
        let mark = CONTINUATION.len();
        let mut from = mark;
        while from < bytes.len() {
            let mut lead = from;
            if from > mark {
                // The bytes before `from` belong to a piece that is done.
                lead = from - mark;
                bytes[lead..from].copy_from_slice(CONTINUATION);
            }
            let mut end = bytes.len().min(lead + self.piece_bytes_max);
            let found = loop {
                if end <= from {
                    return false;
                }
                // UTF-8: a byte 10xxxxxx continues a character.
                let boundary = end == bytes.len() || bytes[end] & 0xc0 != 0x80;
                if boundary && let Some(id) = self.find(&bytes[lead..end]) {
                    break id;
                }
                end -= 1;
            };
            ids.push(found);
            from = end;
        }
        true
    }

    fn piece(&self, id: u32) -> &[u8] {
        let at = id as usize;
        let line = &self.pieces[self.starts[at] as usize..self.starts[at + 1] as usize - 1];
        line.strip_suffix(b"\r").unwrap_or(line)
    }

    fn insert(&mut self, id: u32) {
        let piece = self.piece(id);
        let length = piece.len();
        // A piece given twice keeps its last id, as in the reference.
        let slot = self.slot(piece);
        self.table[slot] = id + 1;
        self.piece_bytes_max = self.piece_bytes_max.max(length);
    }

    fn find(&self, piece: &[u8]) -> Option<u32> {
        self.table[self.slot(piece)].checked_sub(1)
    }

    /// Where the piece stands in the table, or the empty slot where it would.
    fn slot(&self, piece: &[u8]) -> usize {
        // FNV-1a: short keys, no attacker chooses the vocabulary.
        let mut hash = 0xcbf2_9ce4_8422_2325u64;
        for &byte in piece {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        let mask = self.table.len() - 1;
        let mut slot = (hash ^ hash >> 32) as usize & mask;
        while self.table[slot] != 0 && self.piece(self.table[slot] - 1) != piece {
            slot = (slot + 1) & mask;
        }
        slot
    }
}

/// The word being gathered, behind room for one continuation mark.
#[derive(Default)]
struct Word {
    bytes: Vec<u8>,
    chars: usize,
}

impl Word {
    fn push(&mut self, c: char) {
        if self.chars == 0 {
            self.bytes.extend_from_slice(CONTINUATION);
        }
        self.chars += 1;
        // An overlong word is unknown whatever it is: do not keep it.
        if self.chars <= WORD_CHARS_MAX {
            self.bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
}

fn too_large() -> EmbedError {
    EmbedError::bad_model("the vocabulary is larger than 4 GiB")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokenizer() -> Tokenizer {
        let lines: &[u8] = b"[PAD]\n[UNK]\n[CLS]\n[SEP]\nun\n##able\n##a\nca\n##fe\n!\nx";
        let rules = TextRules { lowercase: true, strip_accents: true };
        Tokenizer::new(Cow::Borrowed(lines), rules).unwrap()
    }

    #[test]
    fn words_become_the_longest_pieces() {
        let tokenizer = tokenizer();
        assert_eq!(tokenizer.tokens("Unable CAFE\u{301}! una unb"), [4, 5, 7, 8, 9, 4, 6, 1]);
        assert_eq!(tokenizer.tokens("x[SEP]x [MASK"), [10, 3, 10, 1, 1]);
        assert!(tokenizer.continues(5) && !tokenizer.continues(4));
    }

    #[test]
    fn overlong_words_are_unknown_and_blank_text_is_empty() {
        let tokenizer = tokenizer();
        assert_eq!(tokenizer.tokens(&format!("un{}", "a".repeat(98))).len(), 99);
        assert_eq!(tokenizer.tokens(&format!("un{}", "a".repeat(99))), [1]);
        assert_eq!(tokenizer.tokens(" \t\u{200b}\u{0}\u{a0}\n"), [0u32; 0]);
    }

    #[test]
    fn a_vocabulary_without_its_marks_is_refused() {
        let rules = TextRules { lowercase: true, strip_accents: true };
        let error = Tokenizer::new(Cow::Borrowed(b"a\nb\n"), rules).unwrap_err();
        assert!(error.to_string().contains("[UNK]"), "{error}");
    }
}
