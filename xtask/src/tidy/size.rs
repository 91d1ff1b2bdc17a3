//! Limits on files and functions. Tests are exempt: a table of cases may be as long as it must be.

use super::scan;
use super::tree::{File, Finding, Tree};

const FILE_LINES_MAX: usize = 600;
const FUNCTION_LINES_MAX: usize = 70;
const PARAMETERS_MAX: usize = 5;

/// One function of shipped code.
struct Function<'a> {
    name: &'a str,
    offset: usize,
    /// From the line of `fn` to the line of the closing brace; 0 without a body.
    lines: usize,
    /// Without the receiver.
    parameters: usize,
}

/// Files longer than the limit, their test items aside.
pub(super) fn files(tree: &Tree) -> Vec<Finding> {
    tree.rust()
        .filter_map(|file| {
            let lines = shipped_lines(file);
            let what = format!("{lines} lines without tests, {FILE_LINES_MAX} are the limit");
            (lines > FILE_LINES_MAX).then(|| file.whole(what))
        })
        .collect()
}

/// The lines of a file without its test items; 0 for a file of tests.
fn shipped_lines(file: &File) -> usize {
    if file.shipped.trim().is_empty() {
        return 0;
    }
    let tests = scan::test_items(&file.code).into_iter();
    let test_lines: usize = tests.map(|(start, end)| file.code[start..end].lines().count()).sum();
    file.text.lines().count().saturating_sub(test_lines)
}

/// Functions longer than the limit.
pub(super) fn functions(tree: &Tree) -> Vec<Finding> {
    each_function(tree, |function| {
        (function.lines > FUNCTION_LINES_MAX).then(|| {
            let Function { name, lines, .. } = function;
            format!("function {name} has {lines} lines, {FUNCTION_LINES_MAX} are the limit")
        })
    })
}

/// Functions with more parameters than the limit.
pub(super) fn parameters(tree: &Tree) -> Vec<Finding> {
    each_function(tree, |function| {
        (function.parameters > PARAMETERS_MAX).then(|| {
            let Function { name, parameters, .. } = function;
            format!("function {name} has {parameters} parameters, {PARAMETERS_MAX} are the limit")
        })
    })
}

fn each_function(tree: &Tree, judge: impl Fn(&Function<'_>) -> Option<String>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        for function in functions_of(&file.shipped) {
            findings.extend(judge(&function).map(|what| file.at(function.offset, what)));
        }
    }
    findings
}

fn functions_of(code: &str) -> Vec<Function<'_>> {
    let mut found = Vec::new();
    let mut words = scan::words(code).peekable();
    while let Some((offset, word)) = words.next() {
        let Some((start, name)) = words.peek().copied() else {
            break;
        };
        // `fn(` is a type and `fn $name` a macro's pattern.
        if word == "fn" && code[offset + 2..start].bytes().all(|byte| byte.is_ascii_whitespace()) {
            found.extend(function(code, offset, (start, name)));
        }
    }
    found
}

fn function<'a>(
    code: &'a str,
    offset: usize,
    (start, name): (usize, &'a str),
) -> Option<Function<'a>> {
    let open = end_of_generics(code, start + name.len());
    let bytes = code.as_bytes();
    if bytes.get(open) != Some(&b'(') {
        return None;
    }
    let close = scan::matching(code, open);
    let parameters = count_parameters(code.get(open + 1..close - 1)?);
    let end = scan::end_of_item(code, close);
    let body = bytes.get(end.checked_sub(1)?) == Some(&b'}');
    let lines =
        if body { code[offset..end].bytes().filter(|byte| *byte == b'\n').count() + 1 } else { 0 };
    Some(Function { name, offset, lines, parameters })
}

/// The offset of the first byte that is neither blank nor within `<…>`.
fn end_of_generics(code: &str, at: usize) -> usize {
    let bytes = code.as_bytes();
    let mut depth = 0_usize;
    let mut at = at;
    while at < bytes.len() {
        match bytes[at] {
            b'<' => depth += 1,
            // The `>` of an arrow closes nothing.
            b'>' if bytes[at - 1] != b'-' => depth = depth.saturating_sub(1),
            byte if depth == 0 && !byte.is_ascii_whitespace() => return at,
            _ => {}
        }
        at += 1;
    }
    at
}

/// Counts the parts between the commas outside of brackets, the receiver aside.
fn count_parameters(list: &str) -> usize {
    let bytes = list.as_bytes();
    let mut parts = vec![String::new()];
    let mut depth = 0_usize;
    for (at, byte) in list.char_indices() {
        match byte {
            '(' | '[' | '{' | '<' => depth += 1,
            '>' if at > 0 && bytes[at - 1] == b'-' => {}
            ')' | ']' | '}' | '>' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        parts.last_mut().expect("the list starts with one part").push(byte);
    }
    parts.iter().filter(|part| !part.trim().is_empty() && !is_receiver(part)).count()
}

fn is_receiver(parameter: &str) -> bool {
    let pattern = parameter.split(':').next().unwrap_or_default();
    scan::words(pattern).last().is_some_and(|(_, word)| word == "self")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tree::check;

    #[test]
    fn long_files_are_found_without_their_tests() {
        let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "// case\n".repeat(100));
        let good = format!("{}{tests}", "fn f() {}\n".repeat(600));
        assert!(check(files, &[("a/src/lib.rs", &good)]).is_empty());
        assert!(check(files, &[("a/tests/it/main.rs", &"fn f() {}\n".repeat(700))]).is_empty());
        let bad = format!("{}{tests}", "fn f() {}\n".repeat(601));
        assert_eq!(
            check(files, &[("a/src/lib.rs", &bad)]),
            ["a/src/lib.rs:0: 601 lines without tests, 600 are the limit"]
        );
    }

    #[test]
    fn long_functions_are_found() {
        let sample =
            |lines: usize| format!("\nfn f() -> [u8; 2] {{\n{}}}\n", "  g(\"}\");\n".repeat(lines));
        assert!(check(functions, &[("a/src/lib.rs", &sample(68))]).is_empty());
        assert_eq!(
            check(functions, &[("a/src/lib.rs", &sample(69))]),
            ["a/src/lib.rs:2: function f has 71 lines, 70 are the limit"]
        );
    }

    #[test]
    fn many_parameters_are_found() {
        let good = "impl A {\n fn f<F: Fn(u8, u8) -> u8>(&'a mut self, a: (u8, u8), b: [u8; 2], c: fn(u8, u8) -> u8,\n \
                    d: BTreeMap<u8, u8>, e: &dyn Fn(u8, u8) -> u8,) -> u8;\n}\ntype T = fn(u8, u8, u8, u8, u8, u8);\n\
                    fn g(self: Arc<Self>, a: u8, b: u8, c: u8, d: u8, e: u8) {}\n";
        assert!(check(parameters, &[("a/src/lib.rs", good)]).is_empty());
        let bad = "fn f(a: u8, b: u8, c: u8, d: u8, e: u8, f: u8) {}";
        assert_eq!(
            check(parameters, &[("a/src/lib.rs", bad)]),
            ["a/src/lib.rs:1: function f has 6 parameters, 5 are the limit"]
        );
    }
}
