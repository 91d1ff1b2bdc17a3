//! A short text as the comparison reads it: its words without what carries no statement, and what kind of statement it is.

use engram_index::Analyzer;

use super::lexicon::{
    BE_NOW, BE_PAST, CHANGES, CUE_PHRASES, CUES, DEICTIC, EVENTS, FILLERS, HEDGES, HELPERS,
    INTERJECTIONS, LISTED, MONTHS, NEGATORS, NUMBERS, ORDINALS, SPEAKERS, UNIVERSALS, WEEKDAYS,
    has,
};

/// What a word is, where it is a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Number,
    /// A month, a day of the week, a year.
    Date,
    Ordinal,
    /// Written with a capital inside a sentence.
    Name,
}

/// One word that counts.
#[derive(Clone, Debug)]
pub(super) struct Word {
    /// As it stands in the text, without signs around it.
    pub(super) raw: String,
    /// In lower case.
    pub(super) lower: String,
    /// What makes it the same word: its stem; `be` for all forms of that.
    pub(super) key: String,
    pub(super) value: Option<Value>,
    /// It says something: no helper, pronoun or preposition.
    pub(super) content: bool,
}

/// A text as statements.
#[derive(Clone, Debug, Default)]
pub(super) struct Said {
    pub(super) words: Vec<Word>,
    /// Words that say no, in their order.
    pub(super) negations: Vec<String>,
    pub(super) universal: bool,
    /// Words and phrases that say that something has changed.
    pub(super) cues: Vec<String>,
    /// Verbs of change.
    pub(super) changes: Vec<String>,
    /// A question, a wish, a plan, a condition.
    pub(super) hedged: bool,
    /// One of several.
    pub(super) listed: bool,
    /// Its time depends on when it is said.
    pub(super) deictic: bool,
    /// It tells what happened once.
    pub(super) event: bool,
}

impl Said {
    pub(super) fn read(analyzer: &Analyzer, text: &str) -> Said {
        let mut said = Said { hedged: text.contains('?'), ..Said::default() };
        let tokens = tokens(text);
        let lower: Vec<String> = tokens.iter().map(|(raw, _)| raw.to_lowercase()).collect();
        let line = format!(" {} ", lower.join(" "));
        for phrase in CUE_PHRASES {
            if line.contains(&format!(" {phrase} ")) {
                said.cues.push(phrase.to_owned());
            }
        }
        said.listed = line.contains(" as well ");
        for ((raw, begins), lower) in tokens.into_iter().zip(lower) {
            said.take(analyzer, raw, begins, lower);
        }
        said
    }

    fn take(&mut self, analyzer: &Analyzer, raw: String, begins: bool, lower: String) {
        // `May` inside a sentence is a month.
        self.hedged |= has(HEDGES, &lower) && (begins || raw != "May");
        self.listed |= has(LISTED, &lower);
        self.deictic |= has(DEICTIC, &lower);
        self.event |= has(EVENTS, &lower) || (lower.len() > 4 && lower.ends_with("ed"));
        if has(NEGATORS, &lower) {
            return self.negations.push(lower);
        }
        if has(UNIVERSALS, &lower) {
            self.universal = true;
            return;
        }
        if has(CUES, &lower) {
            return self.cues.push(lower);
        }
        if has(CHANGES, &lower) {
            return self.changes.push(lower);
        }
        let in_phrase = matches!(lower.as_str(), "longer" | "any" | "more" | "used")
            && self.cues.iter().any(|cue| cue.split(' ').any(|word| word == lower));
        if has(FILLERS, &lower) || in_phrase {
            return;
        }
        let be = has(BE_NOW, &lower) || has(BE_PAST, &lower);
        let mut stems = Vec::new();
        analyzer.terms(&lower, &mut stems);
        let value = value(&raw, &lower, begins);
        let content = !be && (value.is_some() || !(stems.is_empty() || has(HELPERS, &lower)));
        let key = match (be, stems.into_iter().next()) {
            (true, _) => "be".to_owned(),
            (false, Some(stem)) if value.is_none() => stem,
            _ => lower.clone(),
        };
        self.words.push(Word { raw, lower, key, value, content });
    }

    /// The words that say something.
    pub(super) fn content(&self) -> impl Iterator<Item = &Word> {
        self.words.iter().filter(|word| word.content)
    }

    /// What it is about: its first word, where that refers to nothing said before and opens no small talk.
    pub(super) fn subject(&self) -> Option<&str> {
        let first = self.words.first()?;
        let stated = first.key != "be" && !has(INTERJECTIONS, &first.lower);
        stated.then_some(first.key.as_str())
    }

    /// Whether who says it speaks of himself.
    pub(super) fn is_of_speaker(&self) -> bool {
        self.words.iter().any(|word| has(SPEAKERS, &word.lower))
    }
}

fn value(raw: &str, lower: &str, begins: bool) -> Option<Value> {
    let digits = raw.chars().filter(char::is_ascii_digit).count();
    if digits > 0 {
        let year =
            raw.len() == 4 && digits == 4 && (raw.starts_with("19") || raw.starts_with("20"));
        return Some(if year { Value::Date } else { Value::Number });
    }
    if has(NUMBERS, lower) {
        return Some(Value::Number);
    }
    let capital = raw.chars().next().is_some_and(char::is_uppercase);
    if capital && (has(MONTHS, lower) || has(WEEKDAYS, lower)) {
        return Some(Value::Date);
    }
    if has(ORDINALS, lower) {
        return Some(Value::Ordinal);
    }
    (capital && !begins && lower != "i").then_some(Value::Name)
}

/// The words of a text without the signs around them, and whether each begins a sentence.
fn tokens(text: &str) -> Vec<(String, bool)> {
    let mut tokens = Vec::new();
    let mut begins = true;
    for word in text.split_whitespace() {
        let inner = word.trim_matches(|c: char| !c.is_alphanumeric() && c != '%');
        let ends = word.ends_with(['.', '!', '?', ';', ':']);
        if !inner.is_empty() {
            for part in uncontracted(&inner.replace('’', "'")) {
                tokens.push((part, begins));
                begins = false;
            }
        }
        begins |= ends;
    }
    tokens
}

/// `doesn't` as `does not`, `I'm` as `I am`; a possessive loses its ending.
fn uncontracted(word: &str) -> Vec<String> {
    let lower = word.to_lowercase();
    let two = |one: &str, other: &str| vec![one.to_owned(), other.to_owned()];
    match lower.as_str() {
        "can't" | "cannot" => return two("can", "not"),
        "won't" => return two("will", "not"),
        "it's" | "that's" | "he's" | "she's" | "there's" => {
            return two(&word[..word.len() - 2], "is");
        }
        _ => {}
    }
    for (ending, whole) in
        [("n't", "not"), ("'m", "am"), ("'re", "are"), ("'ve", "have"), ("'ll", "will")]
    {
        if lower.len() == word.len() && lower.ends_with(ending) {
            return two(&word[..word.len() - ending.len()], whole);
        }
    }
    vec![word.strip_suffix("'s").unwrap_or(word).to_owned()]
}
