//! What the writer marked: addresses, handles, tags and quoted titles.

use super::MentionKind;
use super::scan::{Scan, Taken, key_of};
use crate::text::analyzer::Analyzer;
use crate::text::fold::fold;

/// Longest quoted title in bytes and in words: longer quotes are speech.
const TITLE_BYTES_MAX: usize = 120;
const TITLE_WORDS_MAX: usize = 12;

/// E-mail addresses, and web addresses with a scheme or `www.`; the key is in lower case without scheme.
pub(super) fn addresses(scan: &Scan<'_>, taken: &mut Taken) {
    let mut from = 0;
    for piece in scan.text.split(char::is_whitespace) {
        let start = from;
        from +=
            piece.len() + scan.text[from + piece.len()..].chars().next().map_or(0, char::len_utf8);
        let outside = |c: char| !c.is_alphanumeric() && !matches!(c, '/' | '_' | '-' | '+');
        let trimmed = piece.trim_start_matches(outside);
        let start = start + piece.len() - trimmed.len();
        let address = trimmed.trim_end_matches(outside);
        if is_web(address) || is_mail(address) {
            let lower = address.to_lowercase();
            let key = lower.split_once("://").map_or(&*lower, |(_, rest)| rest);
            let key = key.trim_end_matches('/').to_owned();
            taken.add(MentionKind::Address, key, (start, start + address.len()));
        }
    }
}

fn is_web(address: &str) -> bool {
    let lower = address.get(..8).unwrap_or(address).to_ascii_lowercase();
    let start = ["http://", "https://", "www."].into_iter().find(|start| lower.starts_with(start));
    start.is_some_and(|start| address.len() > start.len())
}

fn is_mail(address: &str) -> bool {
    let Some((local, host)) = address.split_once('@') else {
        return false;
    };
    let part = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '+');
    let labels = |host: &str| host.split('.').all(|label| !label.is_empty());
    !local.is_empty()
        && local.chars().all(part)
        && host.chars().all(part)
        && host.contains('.')
        && labels(host)
}

/// `@handle` and `#tag`; the sign must not stand behind a letter or digit.
pub(super) fn handles_and_tags(scan: &Scan<'_>, taken: &mut Taken) {
    let mut before = ' ';
    for (start, sign) in scan.text.char_indices() {
        let open = !before.is_alphanumeric() && before != sign;
        before = sign;
        let kind = match sign {
            '@' | '\u{FF20}' => MentionKind::Handle,
            '#' | '\u{FF03}' => MentionKind::Tag,
            _ => continue,
        };
        if !open {
            continue;
        }
        let rest = &scan.text[start + sign.len_utf8()..];
        let inside = |c: char| {
            c.is_alphanumeric() || c == '_' || c == '-' || (c == '.' && kind == MentionKind::Handle)
        };
        let name = &rest[..rest.find(|c| !inside(c)).unwrap_or(rest.len())];
        let name = name.trim_end_matches(['.', '-']);
        if name.contains(char::is_alphabetic) {
            let end = start + sign.len_utf8() + name.len();
            taken.add(kind, name.to_lowercase(), (start, end));
        }
    }
}

/// Quoted titles: short, most of the words that say something capitalised, no sentence. The key has no English article
/// in front.
pub(super) fn titles(scan: &Scan<'_>, analyzer: &Analyzer, taken: &mut Taken) {
    for quoted in crate::text::query::quoted_parts(scan.text) {
        let inside = scan.text[quoted.clone()].trim_start();
        let start = quoted.end - inside.len();
        let inside = inside.trim_end();
        if is_title(inside, analyzer) {
            let key = key_of(inside);
            let articles = ["the ", "a ", "an "];
            let bare = articles.into_iter().find_map(|article| key.strip_prefix(article));
            let key = bare.unwrap_or(&key).to_owned();
            taken.add(MentionKind::Quoted, key, (start, start + inside.len()));
        }
    }
}

fn is_title(quoted: &str, analyzer: &Analyzer) -> bool {
    if quoted.len() > TITLE_BYTES_MAX || quoted.ends_with([',', '.', ';', ':']) {
        return false;
    }
    let words: Vec<&str> = quoted.split_whitespace().collect();
    if words.is_empty() || words.len() > TITLE_WORDS_MAX {
        return false;
    }
    let telling = words.iter().filter(|word| !analyzer.is_stop_word(&fold(word)));
    let (mut capital, mut small) = (0, 0);
    for word in telling {
        match word.chars().find(|c| c.is_alphanumeric()) {
            Some(c) if c.is_lowercase() => small += 1,
            Some(_) => capital += 1,
            None => {}
        }
    }
    capital > small
}
