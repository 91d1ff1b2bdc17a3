//! From text to tokens. Whatever the bytes are, it ends: each step takes at least one character.

use crate::error::{Checked, QueryError, QueryErrorKind};
use crate::span::Span;

/// What a token is; its text is its span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// A name or a keyword.
    Word,
    /// A name between double quotes.
    Quoted,
    /// A text between single quotes.
    Text,
    Number,
    /// `$` and a name or a number.
    Parameter,
    Symbol(&'static str),
    End,
}

/// A token and its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) span: Span,
}

/// Longer ones first.
const SYMBOLS: [&str; 20] = [
    "!=", "<>", "<=", ">=", "(", ")", "[", "]", "{", "}", ",", ";", ":", ".", "=", "<", ">", "+",
    "-", "*",
];

/// Splits a text into tokens; the last one is [`TokenKind::End`].
pub(crate) fn tokens(text: &str) -> Checked<Vec<Token>> {
    let mut lexer = Lexer { text, at: 0 };
    let mut tokens = Vec::new();
    loop {
        lexer.skip_blanks()?;
        let start = lexer.at;
        let kind = lexer.next()?;
        tokens.push(Token { kind, span: Span { start, end: lexer.at } });
        if kind == TokenKind::End {
            return Ok(tokens);
        }
    }
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn skip_while(&mut self, test: impl Fn(char) -> bool) {
        let rest = self.rest();
        let length = rest.find(|letter| !test(letter)).unwrap_or(rest.len());
        self.at += length;
    }

    /// Goes on behind blanks and comments.
    fn skip_blanks(&mut self) -> Checked<()> {
        loop {
            self.skip_while(char::is_whitespace);
            if self.rest().starts_with("--") {
                self.skip_while(|letter| letter != '\n');
            } else if self.rest().starts_with("/*") {
                self.skip_comment()?;
            } else {
                return Ok(());
            }
        }
    }

    /// Comments may stand within each other, as in SQL.
    fn skip_comment(&mut self) -> Checked<()> {
        let start = self.at;
        let mut open = 0_usize;
        loop {
            let rest = self.rest();
            if rest.starts_with("/*") {
                open += 1;
                self.at += 2;
            } else if rest.starts_with("*/") {
                open -= 1;
                self.at += 2;
            } else if let Some(letter) = rest.chars().next() {
                self.at += letter.len_utf8();
            } else {
                let span = Span { start, end: start + 2 };
                let message = "this comment does not end; write */ behind it";
                return Err(QueryError::at(QueryErrorKind::Unterminated, span, message));
            }
            if open == 0 {
                return Ok(());
            }
        }
    }

    fn next(&mut self) -> Checked<TokenKind> {
        let Some(letter) = self.peek() else { return Ok(TokenKind::End) };
        match letter {
            '\'' => self.quoted('\'', TokenKind::Text, "this text does not end; close it with '"),
            '"' => self.quoted('"', TokenKind::Quoted, "this name does not end; close it with \""),
            '$' => self.parameter(),
            '0'..='9' => self.number(),
            letter if starts_word(letter) => {
                self.skip_while(goes_on_word);
                Ok(TokenKind::Word)
            }
            letter => self.symbol(letter),
        }
    }

    /// A doubled quote stands for one.
    fn quoted(&mut self, quote: char, kind: TokenKind, message: &str) -> Checked<TokenKind> {
        let start = self.at;
        self.at += 1;
        loop {
            self.skip_while(|letter| letter != quote);
            if self.peek().is_none() {
                let span = Span { start, end: start + 1 };
                return Err(QueryError::at(QueryErrorKind::Unterminated, span, message));
            }
            self.at += 1;
            if self.peek() != Some(quote) {
                return Ok(kind);
            }
            self.at += 1;
        }
    }

    fn parameter(&mut self) -> Checked<TokenKind> {
        let start = self.at;
        self.at += 1;
        self.skip_while(goes_on_word);
        if self.at > start + 1 {
            return Ok(TokenKind::Parameter);
        }
        let span = Span { start, end: self.at };
        let message = "a parameter is a $ with a name or a number behind it";
        Err(QueryError::at(QueryErrorKind::Syntax, span, message)
            .expecting(vec!["$name".to_owned(), "$1".to_owned()]))
    }

    /// Digits, a fraction, an exponent. Whether the number can be kept is seen when it is read.
    fn number(&mut self) -> Checked<TokenKind> {
        let start = self.at;
        let digits = |letter: char| letter.is_ascii_digit();
        self.skip_while(digits);
        let mut behind = self.rest().chars();
        if behind.next() == Some('.') && behind.next().is_some_and(digits) {
            self.at += 1;
            self.skip_while(digits);
        }
        let rest = self.rest();
        if let Some(exponent) = rest.strip_prefix(['e', 'E']) {
            let unsigned = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            if unsigned.starts_with(digits) {
                self.at += rest.len() - unsigned.len();
                self.skip_while(digits);
            }
        }
        if self.peek().is_some_and(goes_on_word) {
            self.skip_while(goes_on_word);
            let span = Span { start, end: self.at };
            let message = "a number cannot run into a word; put a blank between them";
            return Err(QueryError::at(QueryErrorKind::Syntax, span, message));
        }
        Ok(TokenKind::Number)
    }

    fn symbol(&mut self, letter: char) -> Checked<TokenKind> {
        if let Some(symbol) = SYMBOLS.iter().find(|symbol| self.rest().starts_with(**symbol)) {
            self.at += symbol.len();
            return Ok(TokenKind::Symbol(symbol));
        }
        let span = Span { start: self.at, end: self.at + letter.len_utf8() };
        let message = match letter {
            '‘' | '’' | '‚' | '“' | '”' | '„' | '`' | '´' => {
                format!("{letter} is no quote here; a text stands between straight ones: 'text'")
            }
            '?' => "a parameter is written $1 or $name".to_owned(),
            letter => format!("the character {letter:?} has no meaning here"),
        };
        Err(QueryError::at(QueryErrorKind::Syntax, span, message))
    }
}

fn starts_word(letter: char) -> bool {
    letter == '_' || letter.is_alphabetic()
}

fn goes_on_word(letter: char) -> bool {
    letter == '_' || letter.is_alphanumeric()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<(TokenKind, &str)> {
        let all = tokens(text).unwrap();
        all.iter().map(|token| (token.kind, &text[token.span.start..token.span.end])).collect()
    }

    #[test]
    fn tokens_are_cut_where_they_end() {
        let text = "a.b>=-1.5e-3 'it''s' \"x\"\"y\" $1 $näme 7 days -- c\n/* /* */ */ <>";
        let found: Vec<&str> = kinds(text).iter().map(|(_, part)| *part).collect();
        let expected = [
            "a",
            ".",
            "b",
            ">=",
            "-",
            "1.5e-3",
            "'it''s'",
            "\"x\"\"y\"",
            "$1",
            "$näme",
            "7",
            "days",
            "<>",
            "",
        ];
        assert_eq!(found, expected);
        assert_eq!(kinds("1.x").len(), 4);
        assert_eq!(kinds("").len(), 1);
    }

    #[test]
    fn what_does_not_end_is_found_where_it_starts() {
        for (text, at) in [("a 'b", 2), ("\"b", 0), ("a /* b /* */", 2), ("'''", 0)] {
            let error = tokens(text).unwrap_err();
            assert_eq!(
                (error.kind, error.span.start),
                (QueryErrorKind::Unterminated, at),
                "{text}"
            );
        }
        for text in ["7days", "1e5x", "$", "a ? b", "“a”", "#"] {
            assert_eq!(tokens(text).unwrap_err().kind, QueryErrorKind::Syntax, "{text}");
        }
    }
}
