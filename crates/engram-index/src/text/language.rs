//! The languages whose words the index can reduce to stems.

use rust_stemmers::Algorithm;

/// Language of the text analysis of a space. It never changes what can be stored, only what counts as the same word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Language {
    /// No stop words and no stems: only lower case and folding.
    None,
    /// Arabic.
    Arabic,
    /// Danish.
    Danish,
    /// Dutch.
    Dutch,
    /// English.
    #[default]
    English,
    /// Finnish.
    Finnish,
    /// French.
    French,
    /// German.
    German,
    /// Greek.
    Greek,
    /// Hungarian.
    Hungarian,
    /// Italian.
    Italian,
    /// Norwegian.
    Norwegian,
    /// Portuguese.
    Portuguese,
    /// Romanian.
    Romanian,
    /// Russian.
    Russian,
    /// Spanish.
    Spanish,
    /// Swedish.
    Swedish,
    /// Tamil.
    Tamil,
    /// Turkish.
    Turkish,
}

/// Whether a stemmer knows the accented letters of its language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StemOn {
    /// The stemmer reads plain letters only (or folds by itself): words are folded before.
    Folded,
    /// The stemmer tells endings apart by their accents: words are folded after.
    Accented,
}

/// Language, code, stemmer.
type Row = (Language, &'static str, Option<(Algorithm, StemOn)>);

const TABLE: [Row; Language::ALL.len()] = [
    (Language::None, "none", None),
    (Language::Arabic, "ar", Some((Algorithm::Arabic, StemOn::Folded))),
    (Language::Danish, "da", Some((Algorithm::Danish, StemOn::Accented))),
    (Language::Dutch, "nl", Some((Algorithm::Dutch, StemOn::Folded))),
    (Language::English, "en", Some((Algorithm::English, StemOn::Folded))),
    (Language::Finnish, "fi", Some((Algorithm::Finnish, StemOn::Accented))),
    (Language::French, "fr", Some((Algorithm::French, StemOn::Accented))),
    (Language::German, "de", Some((Algorithm::German, StemOn::Folded))),
    (Language::Greek, "el", Some((Algorithm::Greek, StemOn::Folded))),
    (Language::Hungarian, "hu", Some((Algorithm::Hungarian, StemOn::Accented))),
    (Language::Italian, "it", Some((Algorithm::Italian, StemOn::Accented))),
    (Language::Norwegian, "no", Some((Algorithm::Norwegian, StemOn::Accented))),
    (Language::Portuguese, "pt", Some((Algorithm::Portuguese, StemOn::Accented))),
    (Language::Romanian, "ro", Some((Algorithm::Romanian, StemOn::Accented))),
    (Language::Russian, "ru", Some((Algorithm::Russian, StemOn::Folded))),
    (Language::Spanish, "es", Some((Algorithm::Spanish, StemOn::Accented))),
    (Language::Swedish, "sv", Some((Algorithm::Swedish, StemOn::Accented))),
    (Language::Tamil, "ta", Some((Algorithm::Tamil, StemOn::Folded))),
    (Language::Turkish, "tr", Some((Algorithm::Turkish, StemOn::Accented))),
];

impl Language {
    /// Every language, `None` first, then by English name.
    pub const ALL: [Language; 19] = [
        Language::None,
        Language::Arabic,
        Language::Danish,
        Language::Dutch,
        Language::English,
        Language::Finnish,
        Language::French,
        Language::German,
        Language::Greek,
        Language::Hungarian,
        Language::Italian,
        Language::Norwegian,
        Language::Portuguese,
        Language::Romanian,
        Language::Russian,
        Language::Spanish,
        Language::Swedish,
        Language::Tamil,
        Language::Turkish,
    ];

    /// ISO 639-1 code in lower case, or `none`.
    pub fn code(self) -> &'static str {
        TABLE[self as usize].1
    }

    /// The language of that code; codes are compared exactly.
    pub fn from_code(code: &str) -> Option<Language> {
        TABLE.iter().find(|row| row.1 == code).map(|row| row.0)
    }

    pub(super) fn stemmer(self) -> Option<(Algorithm, StemOn)> {
        TABLE[self as usize].2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_enum() {
        for (place, language) in Language::ALL.into_iter().enumerate() {
            assert_eq!(language as usize, place);
            assert_eq!(TABLE[place].0, language);
            assert_eq!(Language::from_code(language.code()), Some(language));
        }
        assert_eq!(Language::from_code("EN"), None);
        assert_eq!(Language::from_code("xx"), None);
    }
}
