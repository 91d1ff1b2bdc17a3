//! One spelling for characters that readers take for the same.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Whether a word of a language is written with Turkish dotted and dotless i.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Casing {
    /// The default mapping of Unicode.
    Common,
    /// `I` becomes dotless.
    Turkic,
}

/// Lower case in compatibility composition (NFKC), accents kept. Drops what is no part of a word: format characters,
/// digit separators other than the full stop.
pub(super) fn lower(word: &str, casing: Casing) -> String {
    if word.is_ascii() && casing == Casing::Common {
        return lower_ascii(word);
    }
    let cased = word.nfkc().map(|c| match (c, casing) {
        ('I', Casing::Turkic) => 'ı',
        ('İ', Casing::Turkic) => 'i',
        _ => c,
    });
    cased.flat_map(char::to_lowercase).filter(|&c| belongs(c)).nfc().collect()
}

/// Lower case without accents: NFKD, marks removed where they are accents, letters without a decomposition spelt out
/// (German sharp s as ss), composed again. Marks that carry meaning stay: vowel signs of Indic scripts, voicing in
/// Japanese, the breve of Cyrillic short i.
pub(super) fn fold(word: &str) -> String {
    if word.is_ascii() {
        return lower_ascii(word);
    }
    let mut base = None;
    let mut folded = String::with_capacity(word.len());
    for c in word.nfkd().flat_map(char::to_lowercase) {
        if is_combining_mark(c) {
            if base.is_some_and(|base| !is_accent(base, c)) {
                folded.push(c);
            }
        } else if belongs(c) {
            base = Some(c);
            push_plain(c, &mut folded);
        }
    }
    if folded.is_ascii() { folded } else { folded.nfc().collect() }
}

fn lower_ascii(word: &str) -> String {
    word.chars().filter(|&c| belongs(c)).map(|c| c.to_ascii_lowercase()).collect()
}

fn belongs(c: char) -> bool {
    // The elongation stroke of Arabic (U+0640) is typography, not a letter.
    (c.is_alphanumeric() && c != '\u{640}') || c == '.' || is_combining_mark(c)
}

/// Whether the mark only accents the base letter, so that readers search without it.
fn is_accent(base: char, mark: char) -> bool {
    match base {
        'е' => true,
        '\u{0400}'..='\u{052F}' => matches!(mark, '\u{0300}' | '\u{0301}'),
        // Vowel points and cantillation; the maddah and hamza of Arabic (U+0653..=U+0655) make other letters.
        '\u{0590}'..='\u{05FF}' => true,
        '\u{0600}'..='\u{06FF}' => matches!(mark, '\u{064B}'..='\u{0652}' | '\u{0670}'),
        '\u{0000}'..='\u{024F}' | '\u{0370}'..='\u{03FF}' | '\u{1D00}'..='\u{1FFF}' => true,
        _ => false,
    }
}

fn push_plain(c: char, out: &mut String) {
    match c {
        'ß' => out.push_str("ss"),
        'æ' => out.push_str("ae"),
        'œ' => out.push_str("oe"),
        'þ' => out.push_str("th"),
        'ø' => out.push('o'),
        'ł' => out.push('l'),
        'đ' | 'ð' => out.push('d'),
        'ħ' => out.push('h'),
        'ı' => out.push('i'),
        'ς' => out.push('σ'),
        _ => out.push(c),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn spellings_that_fall_together() {
        for (word, expected) in [
            ("Straße", "strasse"),
            ("STRASSE", "strasse"),
            ("Ärger", "arger"),
            ("A\u{308}rger", "arger"),
            ("Łódź", "lodz"),
            ("Ísland", "island"),
            ("İstanbul", "istanbul"),
            ("ﬁnal", "final"),
            ("ＡＢＣ１", "abc1"),
            ("Ὀδυσσεύς", "οδυσσευσ"),
            ("Ещё", "еще"),
            ("Йод", "йод"),
            ("Ї", "ї"),
            ("ガ", "ガ"),
            ("ｶﾞ", "ガ"),
            ("한글", "한글"),
            ("हिन्दी", "हिन्दी"),
            ("مُحَمَّد", "محمد"),
            ("\u{FE71}\u{C46}x", "x"),
            ("مـَـد", "مد"),
            ("co\u{AD}op\u{200B}", "coop"),
            ("1,000", "1000"),
            ("3.14", "3.14"),
        ] {
            assert_eq!(fold(word), expected, "{word}");
        }
        assert_eq!(lower("ÉTÉ", Casing::Common), "été");
        assert_eq!(lower("IŞIK", Casing::Turkic), "ışık");
        assert_eq!(fold(&lower("İYİ", Casing::Turkic)), "iyi");
    }

    proptest! {
        #[test]
        fn folding_twice_changes_nothing(word in "\\PC{0,12}") {
            let once = fold(&word);
            prop_assert_eq!(fold(&once), once);
        }
    }
}
