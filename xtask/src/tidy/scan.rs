//! Reading Rust without a parser: comments and literals become blanks, then braces and words can be trusted.
//!
//! Every function keeps lengths and line breaks, so an offset into the result is an offset into the source.

/// Blanks comments and the insides of string and character literals. The quotes stay.
pub(super) fn blank_literals(source: &str) -> String {
    let bytes = source.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = match bytes[at] {
            b'/' if bytes.get(at + 1) == Some(&b'/') => end_of_line(bytes, at),
            b'/' if bytes.get(at + 1) == Some(&b'*') => end_of_comment(bytes, at),
            b'"' => {
                let end = end_of_string(bytes, at + 1);
                blank(&mut out, at + 1, end.saturating_sub(1));
                at = end;
                continue;
            }
            b'\'' => match end_of_char(bytes, at) {
                Some(end) => {
                    blank(&mut out, at + 1, end - 1);
                    at = end;
                    continue;
                }
                None => at,
            },
            b'r' if !follows_word(bytes, at) => match raw_string(bytes, at) {
                Some((start, inner_end, end)) => {
                    blank(&mut out, start, inner_end);
                    at = end;
                    continue;
                }
                None => at,
            },
            _ => at,
        };
        blank(&mut out, at, end);
        at = end.max(at + 1);
    }
    String::from_utf8(out).expect("whole characters are blanked, so the rest stays UTF-8")
}

fn end_of_line(bytes: &[u8], at: usize) -> usize {
    bytes[at..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |length| at + length)
}

/// The end of a block comment, which may hold others.
fn end_of_comment(bytes: &[u8], at: usize) -> usize {
    let mut depth = 0;
    let mut at = at;
    while at < bytes.len() {
        if bytes[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if bytes[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    bytes.len()
}

/// The offset behind the closing quote.
fn end_of_string(bytes: &[u8], mut at: usize) -> usize {
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// The offset behind a character literal that starts at `at`; none for a lifetime.
fn end_of_char(bytes: &[u8], at: usize) -> Option<usize> {
    let first = *bytes.get(at + 1)?;
    if first == b'\\' {
        let close = bytes.get(at + 3..)?.iter().position(|byte| *byte == b'\'')?;
        return Some(at + 3 + close + 1);
    }
    let width = match first {
        0..0x80 => 1,
        0x80..0xe0 => 2,
        0xe0..0xf0 => 3,
        _ => 4,
    };
    (bytes.get(at + 1 + width) == Some(&b'\'')).then_some(at + width + 2)
}

/// The start and end of the inside of a raw string, and the offset behind it.
fn raw_string(bytes: &[u8], at: usize) -> Option<(usize, usize, usize)> {
    let hashes = bytes[at + 1..].iter().take_while(|byte| **byte == b'#').count();
    let quote = at + 1 + hashes;
    if bytes.get(quote) != Some(&b'"') {
        return None;
    }
    let closing: Vec<u8> = [b'"'].into_iter().chain(std::iter::repeat_n(b'#', hashes)).collect();
    let start = quote + 1;
    let inner = bytes[start..].windows(closing.len()).position(|window| window == closing)?;
    Some((start, start + inner, start + inner + closing.len()))
}

/// Whether the byte before is part of a word other than the prefixes `b` and `c` of a literal.
fn follows_word(bytes: &[u8], at: usize) -> bool {
    let Some(before) = at.checked_sub(1) else {
        return false;
    };
    if matches!(bytes[before], b'b' | b'c') {
        return before.checked_sub(1).is_some_and(|earlier| is_word(bytes[earlier]));
    }
    is_word(bytes[before])
}

fn blank(out: &mut [u8], start: usize, end: usize) {
    for byte in out.iter_mut().take(end).skip(start) {
        if *byte != b'\n' {
            *byte = b' ';
        }
    }
}

/// Blanks everything but the line breaks.
pub(super) fn blank_all(code: &str) -> String {
    let mut out = code.as_bytes().to_vec();
    blank(&mut out, 0, code.len());
    String::from_utf8(out).expect("blanks are UTF-8")
}

/// Blanks every item that stands under `#[cfg(test)]`.
pub(super) fn blank_tests(code: &str) -> String {
    let mut out = code.as_bytes().to_vec();
    for (start, end) in test_items(code) {
        blank(&mut out, start, end);
    }
    String::from_utf8(out).expect("whole characters are blanked, so the rest stays UTF-8")
}

/// Where the items under `#[cfg(test)]` start and end, without those inside of others.
pub(super) fn test_items(code: &str) -> Vec<(usize, usize)> {
    let mut items: Vec<(usize, usize)> = Vec::new();
    for (start, _) in code.match_indices("#[cfg(test)]") {
        if items.last().is_none_or(|(_, end)| *end <= start) {
            items.push((start, end_of_item(code, start)));
        }
    }
    items
}

/// The offset behind the item whose first attribute starts at `start`: its closing brace or its semicolon.
pub(super) fn end_of_item(code: &str, start: usize) -> usize {
    let bytes = code.as_bytes();
    let mut at = start;
    while at < bytes.len() {
        match bytes[at] {
            b'(' | b'[' => at = matching(code, at),
            b'{' => return matching(code, at),
            b';' => return at + 1,
            b'}' => return at,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// The offset behind the bracket that closes the one at `open`.
pub(super) fn matching(code: &str, open: usize) -> usize {
    let mut depth = 0_usize;
    for (offset, byte) in code.bytes().enumerate().skip(open) {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => continue,
        }
        if depth == 0 {
            return offset + 1;
        }
    }
    code.len()
}

/// The line of a byte offset, from 1.
pub(super) fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

/// Whether the byte may stand in an identifier.
pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// The identifiers and keywords of blanked code with their offsets.
pub(super) fn words(code: &str) -> impl Iterator<Item = (usize, &str)> {
    let bytes = code.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < bytes.len() && !is_word(bytes[at]) {
            at += 1;
        }
        if at == bytes.len() {
            return None;
        }
        let start = at;
        while at < bytes.len() && is_word(bytes[at]) {
            at += 1;
        }
        Some((start, &code[start..at]))
    })
}

/// The attributes of blanked code: the offset of `#` and what stands between the brackets.
pub(super) fn attributes(code: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (start, _) in code.match_indices('#') {
        let rest = &code[start + 1..];
        let inner = rest.strip_prefix('!').unwrap_or(rest);
        if inner.starts_with('[') {
            let open = code.len() - inner.len();
            let end = matching(code, open);
            found.push((start, code.get(open + 1..end - 1).unwrap_or_default()));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_and_comments_become_blanks() {
        let cases = [
            ("a // {\nb", "a     \nb"),
            ("a /* { /* } */ { */ b", "a                   b"),
            ("f(\"{ \\\" {\") {", "f(\"      \") {"),
            ("r#\"a \" {\"# }", "r#\"     \"# }"),
            ("br\"\\\" }", "br\" \" }"),
            ("'{' '\\'' '\\u{7b}' 'a: loop {", "' ' '  ' '      ' 'a: loop {"),
            ("'\u{e9}' x<'a>", "'  ' x<'a>"),
            ("for\"x\"", "for\" \""),
        ];
        for (source, expected) in cases {
            assert_eq!(blank_literals(source), expected, "{source}");
            assert_eq!(blank_literals(source).len(), source.len());
        }
    }

    #[test]
    fn test_items_become_blanks() {
        let code = "fn a() {}\n#[cfg(test)]\nmod tests {\n fn b() {}\n}\n#[cfg(test)]\nmod more;\nfn c() {}";
        let blanked = blank_tests(code);
        let words: Vec<&str> = words(&blanked).map(|(_, word)| word).collect();
        assert_eq!(words, ["fn", "a", "fn", "c"]);
    }

    #[test]
    fn attributes_are_found_with_their_inside() {
        let code = "#![a]\n#[b(c, [d])]\nx # y";
        assert_eq!(attributes(code), [(0, "a"), (6, "b(c, [d])")]);
    }
}
