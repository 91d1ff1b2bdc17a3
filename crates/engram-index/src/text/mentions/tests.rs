use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;
use crate::text::language::Language;

fn check(language: Language, text: &str, expected: &Expect) {
    let shown: Vec<String> = Analyzer::new(language)
        .mentions(text)
        .iter()
        .map(|mention| format!("{:?} {}", mention.kind, mention.key))
        .collect();
    expected.assert_eq(&shown.join(" | "));
}

fn english(text: &str, expected: &Expect) {
    check(Language::English, text, expected);
}

#[test]
fn names() {
    english(
        "Yesterday I met Wolfgang Schulz and Leonardo da Vinci in New York.",
        &expect!["Name wolfgang schulz | Name leonardo da vinci | Name new york"],
    );
    english(
        "The Beatles played. But Alice's friend O'Brien left with J. R. R. Tolkien.",
        &expect!["Name beatles | Name alice | Name obrien | Name j r r tolkien"],
    );
    english(
        "WolfgangSchulz, LiHua and YouTube; iPhone 15, Apollo 11, GPT-4",
        &expect![
            "Name wolfgang schulz | Name li hua | Name you tube | Name i phone 15 | Name apollo 11 | Name gpt 4"
        ],
    );
    english(
        "Bank of England, Queen Elizabeth II of the House of Windsor",
        &expect!["Name bank of england | Name queen elizabeth ii | Name house | Name windsor"],
    );
    english(
        "Jean-Luc Picard’s crew; Zoë Müller; ÉCOLE",
        &expect!["Name jean luc picard | Name zoe muller | Name ecole"],
    );
    english(
        "Alice: Hi Bob! Thanks. Hey Carol, see you Monday",
        &expect!["Name alice | Name bob | Name carol"],
    );
}

#[test]
fn names_at_the_start_of_a_sentence() {
    english(
        "New York is big. New shoes! New Year. Great job, Bob",
        &expect!["Name new york | Name new year | Name bob"],
    );
    english(
        "Thanks Alice! In Paris, Good Charlotte and Monday Night Football",
        &expect!["Name alice | Name paris | Name good charlotte | Name monday night football"],
    );
    english(
        "the Lord of the Rings and the Return of the King of Gondor by the Sea of Rhun",
        &expect!["Name lord of the rings | Name return of the king of gondor | Name sea of rhun"],
    );
}

#[test]
fn no_names() {
    english("Swimming is fun. Music helps me; I love music. What a day! Really?", &expect![[""]]);
    english("I LOVE THIS SO MUCH. A B. It was THE BEST DAY EVER", &expect![[""]]);
    english("one Two's company", &expect!["Name two"]);
    english(
        "Sounds great! I'm in, can't wait, they’ve left. Time: now. Perfect. Awesome",
        &expect![[""]],
    );
    english("On Monday in March the PM spoke", &expect![[""]]);
    english("", &expect![[""]]);
}

#[test]
fn marked() {
    english(
        "@li_hua wrote to @Bob.Smith. #RustLang #1 a#b ##x mail john.doe+x@Example.com, see https://Example.com/A_b?q=1). www.rust-lang.org/",
        &expect![
            "Handle li_hua | Handle bob.smith | Tag rustlang | Address john.doe+x@example.com | Address example.com/a_b?q=1 | Address www.rust-lang.org"
        ],
    );
    english(
        "I read \"The Great Gatsby\" and “Dune”; she said \"I am here.\" and \"no way\", 5\" wide, «Le Petit Prince»",
        &expect!["Quoted great gatsby | Quoted dune | Quoted le petit prince"],
    );
    english(
        "She watched \"Who's Afraid of Virginia Woolf?\" twice",
        &expect!["Quoted whos afraid of virginia woolf"],
    );
}

#[test]
fn quantities() {
    english(
        "5km 5 km 1,000.5 kg $20 20€ 20 USD 3,5 % 12 percent 30 minutes 1 hour 10am 5 in a row 5in 2 years",
        &expect![
            "Quantity 5 km | Quantity 5 km | Quantity 1000.5 kg | Quantity 20 usd | Quantity 20 eur | Quantity 20 usd | Quantity 3.5 % | Quantity 12 % | Quantity 30 min | Quantity 1 h | Quantity 5 in | Quantity 2 yr"
        ],
    );
    check(
        Language::German,
        "3,5 Prozent in 2 Stunden, 1.5GB",
        &expect!["Quantity 3.5 % | Quantity 2 h | Quantity 1.5 gb"],
    );
}

#[test]
fn no_quantities() {
    english("the 1930s, the 80s, 3D and 5 T at 10 pm, 2002 V and 7 in a row", &expect![[""]]);
}

#[test]
fn dates() {
    english(
        "2026-01-05 2026/1/5 20260105_11:00 2026-01 05.01.2026 1/5/2026 25/12/2025 2026-01-05T10:00:00Z",
        &expect![
            "Date 2026-01-05 | Date 2026-01-05 | Date 2026-01-05 | Date 2026-01 | Date 2026-01-05 | Date 2026-01-05 | Date 2025-12-25 | Date 2026-01-05"
        ],
    );
    english(
        "January 5, 2026; 5 January 2026; Jan 5th; the 5th of May 2023, May 2023, 31 April 2020. You may 5 go",
        &expect![
            "Date 2026-01-05 | Date 2026-01-05 | Date --01-05 | Date 2023-05-05 | Date 2023-05 | Date 2020-04"
        ],
    );
    english("2026-13-45 12345678 1999 10-20 99/99/2020 3.14.15", &expect![[""]]);
    check(
        Language::German,
        "am 5. Mai 2023, 3. März und 1/5/2026",
        &expect!["Date 2023-05-05 | Date --03-03 | Date 2026-05-01"],
    );
    check(Language::Spanish, "el 5 de mayo de 2023", &expect!["Date 2023-05-05"]);
    check(
        Language::Russian,
        "5 мая 2023 Анна Каренина была в Москве",
        &expect!["Date 2023-05-05 | Name анна каренина | Name москве"],
    );
}

#[test]
fn places_are_bytes_of_the_text() {
    let text = "Zoë saw Caroline’s 5 km run on May 5, 2023";
    let mentions = Analyzer::new(Language::English).mentions(text);
    let shown: Vec<&str> = mentions.iter().map(|m| &text[m.start..m.end]).collect();
    assert_eq!(shown, ["Zoë", "Caroline", "5 km", "May 5, 2023"]);
}

proptest! {
    #[test]
    fn any_text_gives_proper_mentions(
        text in "(\\PC|[a-zA-Z'’._:,\\-/@#\"$% 0-9\n«»漢字]|Jan |2026|\\. |5 km ){0,40}",
    ) {
        for language in [Language::English, Language::None] {
            let mut end = 0;
            for mention in Analyzer::new(language).mentions(&text) {
                prop_assert!(mention.start >= end && mention.end > mention.start);
                prop_assert!(!mention.key.is_empty());
                prop_assert!(text.get(mention.start..mention.end).is_some());
                end = mention.end;
            }
        }
    }
}
