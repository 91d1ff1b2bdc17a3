//! Patterns of LIKE (ISO/IEC 9075): `%` stands for any characters, `_` for one, `\\` takes the next character as it is.

/// A pattern that a whole text must fit. Upper and lower case are told apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LikePattern {
    parts: Vec<Part>,
    bytes: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    One(char),
    AnyOne,
    AnyMany,
}

impl LikePattern {
    /// The pattern as it is written.
    pub fn new(pattern: &str) -> LikePattern {
        let mut parts = Vec::new();
        let mut letters = pattern.chars();
        while let Some(letter) = letters.next() {
            parts.push(match letter {
                '%' => Part::AnyMany,
                '_' => Part::AnyOne,
                // At the end it stands for itself.
                '\\' => Part::One(letters.next().unwrap_or('\\')),
                letter => Part::One(letter),
            });
        }
        // Several are one, and each costs a way back.
        parts.dedup_by(|next, before| *next == Part::AnyMany && *before == Part::AnyMany);
        LikePattern { parts, bytes: pattern.len() }
    }

    /// Bytes of the pattern as it was written.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether the whole text fits. Takes time in the product of both lengths at most.
    pub fn matches(&self, text: &str) -> bool {
        let mut rest = text.chars();
        let mut at = 0;
        // Where the last `%` is, and the text from which it has not been tried to be longer.
        let mut back: Option<(usize, std::str::Chars<'_>)> = None;
        loop {
            match self.parts.get(at) {
                Some(Part::AnyMany) => {
                    back = Some((at, rest.clone()));
                    at += 1;
                    continue;
                }
                Some(part) => {
                    let mut next = rest.clone();
                    let fits = next.next().is_some_and(|letter| match part {
                        Part::One(wanted) => *wanted == letter,
                        Part::AnyOne | Part::AnyMany => true,
                    });
                    if fits {
                        (rest, at) = (next, at + 1);
                        continue;
                    }
                }
                None if rest.as_str().is_empty() => return true,
                None => {}
            }
            let Some((star, from)) = &mut back else { return false };
            if from.next().is_none() {
                return false;
            }
            (rest, at) = (from.clone(), *star + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn like(pattern: &str, text: &str) -> bool {
        LikePattern::new(pattern).matches(text)
    }

    #[test]
    fn patterns_fit_whole_texts() {
        for (pattern, text) in [
            ("", ""),
            ("%", ""),
            ("a%", "a"),
            ("a%", "abc"),
            ("%c", "abc"),
            ("%b%", "abc"),
            ("a_c", "abc"),
            ("_", "\u{fc}"),
            ("%aab", "aaaab"),
            (r"100\%", "100%"),
            (r"a\_b", "a_b"),
            ("%a%b%c%", "xaxbxcx"),
            ("a\\", "a\\"),
        ] {
            assert!(like(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("", "a"),
            ("a", ""),
            ("a%", "ba"),
            ("a_", "a"),
            ("A%", "abc"),
            (r"a\_b", "axb"),
            ("%ab", "aba"),
            ("_", ""),
        ] {
            assert!(!like(pattern, text), "{pattern} {text}");
        }
    }

    /// Every way to fit, tried.
    fn naive(parts: &[char], text: &[char]) -> bool {
        match parts {
            [] => text.is_empty(),
            ['%', rest @ ..] => (0..=text.len()).any(|skip| naive(rest, &text[skip..])),
            ['_', rest @ ..] => !text.is_empty() && naive(rest, &text[1..]),
            [letter, rest @ ..] => text.first() == Some(letter) && naive(rest, &text[1..]),
        }
    }

    proptest! {
        #[test]
        fn it_is_as_if_every_way_were_tried(pattern in "[ab%_]{0,8}", text in "[ab]{0,8}") {
            let (parts, letters): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
            prop_assert_eq!(like(&pattern, &text), naive(&parts, &letters));
        }
    }
}
