use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;

fn terms(language: Language, text: &str) -> Vec<String> {
    let mut out = Vec::new();
    Analyzer::new(language).terms(text, &mut out);
    out
}

fn check(language: Language, text: &str, expected: &Expect) {
    expected.assert_eq(&terms(language, text).join(" "));
}

fn english(text: &str, expected: &Expect) {
    check(Language::English, text, expected);
}

#[test]
fn apostrophes() {
    english("Caroline's stories aren't hers, they’re Mel’s", &expect!["carolin stori mel"]);
    english(
        "O'Brien met at five o'clock for rock'n'roll",
        &expect!["obrien brien met five oclock clock rocknrol rock roll"],
    );
    english("IT'S DON'T won't can't", &expect![[""]]);
    english("'quoted' ''twice''", &expect!["quot twice"]);
}

#[test]
fn words_of_several_parts() {
    english("LiHua: Li Hua lihua", &expect!["lihua li hua li hua lihua"]);
    english(
        "well-known e-mail Wi-Fi WiFi state-of-the-art",
        &expect!["wellknown well known email mail wifi wi fi wifi wi fi stateoftheart state art"],
    );
    english(
        "YouTube iPhone McDonald JSONParser GPT4",
        &expect!["youtub tube iphon phone mcdonald mc donald jsonpars gpt4"],
    );
    english("a-b-c-d-e-f-g-h-i-jk", &expect!["b c d e f g h jk"]);
    english("U.S.A. vs. the U.K", &expect!["usa vs uk"]);
    english("dash - apart --flag end-", &expect!["dash apart flag end"]);
}

#[test]
fn numbers_and_dates() {
    english(
        "20260105_11:00 2026-01-05 1,000.5 3.14 v1.2.3 8th",
        &expect!["2026010511 20260105 11 00 20260105 2026 01 05 1000.5 3.14 v1.2.3 8th"],
    );
    english(
        "Time: 20260105_14:00\nLiHua: 555-1234",
        &expect!["time 2026010514 20260105 14 00 lihua li hua 5551234 555 1234"],
    );
}

#[test]
fn addresses() {
    english(
        "john.doe+x@example.com @li_hua #tag https://www.example.com/a_page?q=1",
        &expect![
            "johndo john doe x examplecom exampl com lihua li hua tag https wwwexamplecom www exampl com apag page q 1"
        ],
    );
}

#[test]
fn accents_and_other_scripts() {
    english("Café naïve résumés Ångström ﬁnal", &expect!["cafe naiv resum angstrom final"]);
    english(
        "I love 東京タワー and 서울에서 seoul서울 ｶﾞｲﾄﾞ 猫 ภาษาไทย!",
        &expect![
            "love 東京 京タ タワ ワー 서울 울에 에서 seoul 서울 ガイ イド 猫 ภา าษ ษา าไ ไท ทย"
        ],
    );
    english("Привет мир, Ещё раз", &expect!["привет мир еще раз"]);
    english(
        "\u{2025}\u{A01} \u{301}x \u{2488} \u{248A}y 㐀\u{2025}\u{9E2}",
        &expect!["x 1 3.y 㐀"],
    );
    english("🎉 😊 … — ½ ™ ㎏", &expect!["🎉 😊 12"]);
}

#[test]
fn other_languages() {
    check(
        Language::German,
        "Die Straßen und Häuser der Großstädte, geht's?",
        &expect!["strass haus grossstadt geht"],
    );
    check(
        Language::French,
        "L'homme qu’il a vu aujourd'hui était fatigué",
        &expect!["homm vu fatigu"],
    );
    check(
        Language::Spanish,
        "Las canciones de los niños españoles",
        &expect!["cancion nin espanol"],
    );
    check(Language::Italian, "Nell'università dell’arte, le città", &expect!["univers arte citt"]);
    check(Language::Portuguese, "As canções não são informações", &expect!["canco sa inform"]);
    check(Language::Dutch, "De foto's van het huisje zijn één", &expect!["foto huisj"]);
    check(
        Language::Russian,
        "Книги о войне и мире, ещё не прочитанные",
        &expect!["книг войн мир прочита"],
    );
    check(Language::Turkish, "İstanbul'da IŞIKLAR", &expect!["istanbul da isik"]);
    check(Language::Greek, "Οι δρόμοι της Αθήνας", &expect!["οι δρομ τ αθην"]);
    check(Language::Arabic, "الكِتَابُ الجديد", &expect!["كتاب جديد"]);
    check(
        Language::None,
        "The Cafés of O'Brien LiHua",
        &expect!["the cafes of o brien lihua li hua"],
    );
}

#[test]
fn emoji_and_units() {
    english("👍🏽 👍 ❤️ ❤ 👩‍💻 🇩🇪 1️⃣ great🎉party ™", &expect!["👍 👍 ❤ ❤ 👩‍💻 🇩🇪 1 great 🎉 parti"]);
    english(
        "5km 10 km 1.5GB 7th 20kg, 30min 2m",
        &expect!["5km 5 km 10 km 1.5gb 1.5 gb 7th 20kg 20 kg 30min 30 min 2m 2 m"],
    );
}

#[test]
fn ids_and_handles() {
    english(
        "@wolfgang_schulz WolfgangSchulz #RustLang 20260121_1000 AAM-N-4 __init__ PROJ-1234",
        &expect![
            "wolfgangschulz wolfgang schulz wolfgangschulz wolfgang schulz rustlang rust lang 202601211000 20260121 1000 aamn4 aam init proj1234 proj 1234"
        ],
    );
}

fn placed(language: Language, texts: &[&str], expected: &Expect) {
    let mut terms = Terms::new();
    for text in texts {
        Analyzer::new(language).analyze(text, &mut terms);
    }
    let shown: Vec<String> = terms.iter().map(|(term, at)| format!("{term}@{at}")).collect();
    expected.assert_eq(&format!("{} | {}", shown.join(" "), terms.end()));
}

#[test]
fn positions() {
    placed(
        Language::English,
        &["The state of the art, isn't it? LiHua's e-mail: 5km 東京タワー 🎉 end of the"],
        &expect![
            "state@1 art@4 lihua@7 li@7 hua@8 email@9 mail@10 5km@11 5@11 km@12 東京@13 京タ@14 タワ@15 ワー@16 🎉@18 end@19 | 22"
        ],
    );
    placed(Language::English, &["one", "", "the", "two"], &expect!["one@0 two@34 | 35"]);
    placed(Language::French, &["L'homme qu'il a vu"], &expect!["homm@1 vu@5 | 6"]);
}

#[test]
fn long_terms_are_cut_at_a_character() {
    let long = "ж".repeat(100);
    for language in Language::ALL {
        for term in terms(language, &format!("{long} {} {}x1", "a".repeat(200), "é".repeat(90))) {
            assert!(term.len() <= TERM_BYTES_MAX, "{language:?} {term}");
        }
    }
    assert_eq!(terms(Language::None, &long), ["ж".repeat(32)]);
}

proptest! {
    #[test]
    fn any_text_gives_proper_terms(text in "(\\PC|[a-zA-Z'’._:,\\- 0-9漢字かなカナ한글]){0,40}") {
        for language in Language::ALL {
            for term in terms(language, &text) {
                prop_assert!(!term.is_empty() && term.len() <= TERM_BYTES_MAX);
                let telling = |c: char| c.is_alphanumeric() || !c.is_ascii();
                prop_assert!(term.chars().any(telling), "{:?} from {:?}", term, text);
                prop_assert!(!term.contains(char::is_whitespace));
            }
        }
    }

    #[test]
    fn texts_are_analysed_alike_wherever_they_stand(a in "\\PC{0,20}", b in "\\PC{0,20}") {
        let mut apart = terms(Language::English, &a);
        apart.extend(terms(Language::English, &b));
        prop_assert_eq!(terms(Language::English, &format!("{a}\n{b}")), &apart[..]);
        let mut placed = Terms::new();
        Analyzer::new(Language::English).analyze(&a, &mut placed);
        let (first, end) = (placed.len(), placed.end());
        Analyzer::new(Language::English).analyze(&b, &mut placed);
        prop_assert_eq!(placed.iter().map(|(term, _)| term).collect::<Vec<_>>(), apart);
        prop_assert!(placed.iter().take(first).all(|(_, at)| at < end));
        prop_assert!(end == 0 || placed.iter().skip(first).all(|(_, at)| at >= end + 16));
    }
}
