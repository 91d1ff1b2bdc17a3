//! Reading tokens one after the other, and noting what could stand at the place that is read.
//!
//! Every question "does X stand here?" that is answered with no is noted; the notes are what an error says was expected and what
//! a shell proposes. There is no second description of the grammar.

use crate::error::{Checked, QueryError, QueryErrorKind};
use crate::keyword::is_keyword;
use crate::limits::{CONDITIONS_MAX, NESTING_MAX};
use crate::literal::Name;
use crate::span::Span;
use crate::token::{Token, TokenKind, tokens};

/// Something that could stand at a place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Expected {
    /// Keywords, with what they begin.
    Keyword(&'static str, &'static str),
    Symbol(&'static str),
    /// One of the names that a field or a clause takes.
    Word(&'static str),
    /// A field of memories or of a request, with what it means.
    Field(&'static str, &'static str),
    /// A value of a sort, with a sample of it.
    Value(&'static str, &'static str),
    End,
}

impl Expected {
    /// As it stands in an error; fields go together.
    fn shown(self) -> &'static str {
        match self {
            Expected::Keyword(words, _) => words,
            Expected::Symbol(symbol) => symbol,
            Expected::Word(word) => word,
            Expected::Field(..) => "a field",
            Expected::Value(sort, _) => sort,
            Expected::End => "the end",
        }
    }

    /// The word that can be typed here, where it is one.
    pub(crate) fn word(self) -> Option<&'static str> {
        match self {
            Expected::Keyword(words, _) => words.split(' ').next(),
            Expected::Word(word) | Expected::Field(word, _) => Some(word),
            Expected::Symbol(_) | Expected::Value(..) | Expected::End => None,
        }
    }
}

/// A place in the tokens of a text.
pub(crate) struct Reader<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    at: usize,
    nesting: usize,
    conditions: usize,
    expected: Vec<Expected>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(text: &'a str) -> Checked<Reader<'a>> {
        let tokens = tokens(text)?;
        Ok(Reader { text, tokens, at: 0, nesting: 0, conditions: 0, expected: Vec::new() })
    }

    pub(crate) fn token(&self) -> Token {
        let last = self.tokens.len().saturating_sub(1);
        let end = Token { kind: TokenKind::End, span: Span::default() };
        self.tokens.get(self.at.min(last)).copied().unwrap_or(end)
    }

    /// The text of a token.
    pub(crate) fn part(&self, span: Span) -> &'a str {
        self.text.get(span.start..span.end).unwrap_or_default()
    }

    pub(crate) fn at_end(&self) -> bool {
        self.token().kind == TokenKind::End
    }

    /// The place of the token that was read last.
    pub(crate) fn before(&self) -> Span {
        self.at
            .checked_sub(1)
            .and_then(|at| self.tokens.get(at))
            .map_or(Span::default(), |t| t.span)
    }

    pub(crate) fn advance(&mut self) -> Token {
        let token = self.token();
        self.at += 1;
        self.expected.clear();
        token
    }

    pub(crate) fn note(&mut self, expected: Expected) {
        self.expected.push(expected);
    }

    /// What could stand here, each once.
    pub(crate) fn expected(&self) -> Vec<Expected> {
        let mut seen: Vec<Expected> = Vec::new();
        for one in &self.expected {
            if !seen.contains(one) {
                seen.push(*one);
            }
        }
        seen
    }

    fn is_word(&self, at: usize, word: &str) -> bool {
        debug_assert!(is_keyword(word), "{word} is missing among the keywords");
        let Some(token) = self.tokens.get(at) else { return false };
        token.kind == TokenKind::Word && self.part(token.span).eq_ignore_ascii_case(word)
    }

    /// Whether the words stand here; nothing is noted.
    pub(crate) fn sees(&self, words: &str) -> bool {
        words.split(' ').enumerate().all(|(offset, word)| self.is_word(self.at + offset, word))
    }

    /// Goes on behind the words if the first of them stands here.
    pub(crate) fn phrase(&mut self, words: &'static str, doc: &'static str) -> Checked<bool> {
        let mut parts = words.split(' ');
        let first = parts.next().unwrap_or_default();
        if !self.is_word(self.at, first) {
            self.note(Expected::Keyword(words, doc));
            return Ok(false);
        }
        self.advance();
        for word in parts {
            self.expect_keyword(word)?;
        }
        Ok(true)
    }

    pub(crate) fn keyword(&mut self, word: &'static str) -> bool {
        if self.is_word(self.at, word) {
            self.advance();
            return true;
        }
        self.note(Expected::Keyword(word, ""));
        false
    }

    pub(crate) fn expect_keyword(&mut self, word: &'static str) -> Checked<()> {
        if self.keyword(word) { Ok(()) } else { Err(self.unexpected()) }
    }

    pub(crate) fn symbol(&mut self, symbol: &'static str) -> bool {
        if self.token().kind == TokenKind::Symbol(symbol) {
            self.advance();
            return true;
        }
        self.note(Expected::Symbol(symbol));
        false
    }

    pub(crate) fn expect_symbol(&mut self, symbol: &'static str) -> Checked<()> {
        if self.symbol(symbol) { Ok(()) } else { Err(self.unexpected()) }
    }

    /// A name: a word, or anything between double quotes.
    pub(crate) fn name(&mut self) -> Checked<Name> {
        let token = self.token();
        let text = match token.kind {
            TokenKind::Word => self.part(token.span).to_owned(),
            TokenKind::Quoted => unquoted(self.part(token.span), '"'),
            _ => return Err(self.unexpected()),
        };
        self.advance();
        Ok(Name { text, span: token.span })
    }

    /// Goes on behind the dot of a path that has so many parts.
    pub(crate) fn dot(&mut self, parts: usize) -> Checked<bool> {
        let token = self.token();
        if token.kind != TokenKind::Symbol(".") {
            return Ok(false);
        }
        if parts >= NESTING_MAX {
            let message = format!("a path has {NESTING_MAX} parts at most");
            return Err(QueryError::at(QueryErrorKind::TooDeep, token.span, message));
        }
        self.advance();
        Ok(true)
    }

    /// Counts a condition, and refuses more than there may be.
    pub(crate) fn count_condition(&mut self) -> Checked<()> {
        self.conditions += 1;
        if self.conditions <= CONDITIONS_MAX {
            return Ok(());
        }
        let message = format!("a statement has {CONDITIONS_MAX} conditions at most");
        Err(QueryError::at(QueryErrorKind::TooMany, self.token().span, message))
    }

    /// Runs `read` one level deeper, and refuses more levels than there may be.
    pub(crate) fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Checked<T>) -> Checked<T> {
        if self.nesting >= NESTING_MAX {
            let message = format!(
                "more than {NESTING_MAX} brackets, NOTs, lists or objects within each other"
            );
            return Err(QueryError::at(QueryErrorKind::TooDeep, self.token().span, message));
        }
        self.nesting += 1;
        let read = read(self);
        self.nesting -= 1;
        read
    }

    /// The error that the token here cannot stand here.
    pub(crate) fn unexpected(&self) -> Box<QueryError> {
        let token = self.token();
        let part = self.part(token.span);
        let mut shown: Vec<String> = Vec::new();
        for one in &self.expected {
            if !shown.iter().any(|other| other == one.shown()) {
                shown.push(one.shown().to_owned());
            }
        }
        let word = token.kind == TokenKind::Word;
        let unknown = word && !is_keyword(part) && !self.wants_name();
        let (kind, message) = match token.kind {
            TokenKind::End => (QueryErrorKind::Syntax, "the statement ends too early".to_owned()),
            _ if unknown => {
                (QueryErrorKind::UnknownKeyword, format!("unexpected {}", describe(token, part)))
            }
            _ => (QueryErrorKind::Syntax, format!("unexpected {}", describe(token, part))),
        };
        let error = QueryError::at(kind, token.span, message)
            .expecting(shown)
            .finding(describe(token, part));
        if word {
            error.near(part, self.expected.iter().filter_map(|one| one.word()))
        } else {
            error
        }
    }

    fn wants_name(&self) -> bool {
        self.expected.iter().any(|one| matches!(one, Expected::Field(..)))
    }
}

/// A token as an error names it.
fn describe(token: Token, part: &str) -> String {
    const CHARS_MAX: usize = 40;
    let short: String = part.chars().take(CHARS_MAX).collect();
    let short = if short.len() < part.len() { format!("{short}…") } else { short };
    match token.kind {
        TokenKind::End => "the end of the statement".to_owned(),
        TokenKind::Text => format!("the text {short}"),
        TokenKind::Number => format!("the number {short}"),
        TokenKind::Quoted => format!("the name {short}"),
        TokenKind::Word | TokenKind::Parameter | TokenKind::Symbol(_) => format!("`{short}`"),
    }
}

/// The content of a quoted token: a doubled quote stands for one.
pub(crate) fn unquoted(part: &str, quote: char) -> String {
    let inner = part.strip_prefix(quote).unwrap_or(part);
    let inner = inner.strip_suffix(quote).unwrap_or(inner);
    let pair: String = [quote, quote].iter().collect();
    inner.replace(&pair, quote.encode_utf8(&mut [0; 4]))
}
