//! What is drawn: numbers, bytes, texts, JSON and bodies, each from the seed.

use engram_store::{Entropy as _, SeededEntropy};
use serde_json::{Map, Value, json};

/// Bytes of noise.
const NOISE_BYTES_MAX: usize = 64;
/// Changes of one message.
const CHANGES_MAX: usize = 4;

/// Texts that are read by somebody somewhere.
const TEXTS: [&str; 24] = [
    "",
    " ",
    "0",
    "-1",
    "*",
    ".",
    "..",
    "../..",
    "/",
    "\0",
    "\u{7f}",
    "\u{202e}",
    "\u{feff}",
    "é",
    "𝄞",
    "null",
    "NaN",
    "1e999",
    "2026-13-41T25:61:61Z",
    "9999999999999999999999",
    "engram_0_0_0",
    "default",
    "m1",
    "' OR 1=1 --",
];

/// Numbers at the ends of types.
const NUMBERS: [&str; 16] = [
    "0",
    "-0",
    "-1",
    "1",
    "0.5",
    "1e39",
    "-1e39",
    "1e308",
    "-1e308",
    "1e-320",
    "255",
    "4294967296",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551616",
    "-9223372036854775809",
];

/// The numbers of one seed.
pub(super) struct Draw(SeededEntropy);

impl Draw {
    pub(super) fn new(seed: u64) -> Draw {
        Draw(SeededEntropy::new(seed))
    }

    pub(super) fn below(&self, end: usize) -> usize {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        (u64::from_le_bytes(bytes) % end.max(1) as u64) as usize
    }

    pub(super) fn one_of<'a, T: ?Sized>(&self, choices: &[&'a T]) -> &'a T {
        choices[self.below(choices.len())]
    }

    pub(super) fn noise(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.below(NOISE_BYTES_MAX)];
        self.0.fill(&mut bytes);
        bytes
    }

    pub(super) fn text(&self) -> String {
        match self.below(8) {
            0 => "x".repeat(self.below(5_000)),
            1 => String::from_utf8_lossy(&self.noise()).into_owned(),
            _ => self.one_of(&TEXTS).to_owned(),
        }
    }

    /// Changes some bytes.
    pub(super) fn changed(&self, message: &[u8]) -> Vec<u8> {
        let mut message = message.to_vec();
        (0..=self.below(CHANGES_MAX)).for_each(|_| self.change(&mut message));
        message
    }

    fn change(&self, message: &mut Vec<u8>) {
        let at = self.below(message.len());
        let end = (at + 1 + self.below(16)).min(message.len());
        match (message.is_empty(), self.below(5)) {
            (true, _) => message.push(self.below(256) as u8),
            (_, 0) => message[at] ^= 1 << self.below(8),
            (_, 1) => message[at] = [0, 1, b'"', b'{', 0x7f, 0x80, 0xff][self.below(7)],
            (_, 2) => drop(message.drain(at..end)),
            (_, 3) => message.truncate(at),
            _ => {
                let part = message[at..end].to_vec();
                message.splice(at..at, part);
            }
        }
    }

    /// A value of any type.
    pub(super) fn value(&self) -> Value {
        match self.below(9) {
            0 => Value::Null,
            1 => Value::from(self.below(2) == 0),
            2 => json!([]),
            3 => json!({}),
            4 => json!({self.text(): self.text()}),
            5 => Value::from(vec![self.text(); self.below(40)]),
            6 => (0..self.below(200)).fold(json!(1), |inside, _| json!([inside])),
            7 => Value::from(self.text()),
            _ => self.number(),
        }
    }

    /// A number as JSON, where JSON of this program can hold it.
    fn number(&self) -> Value {
        let text = self.one_of(&NUMBERS);
        serde_json::from_str(text).unwrap_or_else(|_| Value::from(f64::MAX))
    }

    /// An object of which some values are others.
    pub(super) fn bent(&self, example: &Value) -> Value {
        let mut bent = example.clone();
        (0..=self.below(2)).for_each(|_| self.bend(&mut bent));
        bent
    }

    fn bend(&self, value: &mut Value) {
        let goes_on = self.below(3) > 0;
        match value {
            Value::Object(fields) if goes_on && !fields.is_empty() => {
                let name = fields.keys().nth(self.below(fields.len())).cloned().unwrap();
                self.bend_field(fields, &name);
            }
            Value::Array(items) if goes_on && !items.is_empty() => {
                let at = self.below(items.len());
                self.bend(&mut items[at]);
            }
            value => *value = self.value(),
        }
    }

    fn bend_field(&self, fields: &mut Map<String, Value>, name: &str) {
        match self.below(6) {
            0 => drop(fields.remove(name)),
            1 => drop(fields.insert(self.text(), self.value())),
            _ => self.bend(fields.get_mut(name).unwrap()),
        }
    }

    /// The text of a JSON body that is wrong in one of the ways that bodies are.
    pub(super) fn body(&self, example: &str) -> Vec<u8> {
        let read = serde_json::from_str(example).unwrap_or_else(|_| json!({}));
        match self.below(10) {
            0 => self.noise(),
            1 => {
                let (open, close) =
                    if self.below(2) == 0 { ("[", "]") } else { ("{\"not\":", "}") };
                let levels = self.below(3_000);
                format!("{}1{}", open.repeat(levels), close.repeat(levels)).into_bytes()
            }
            2 => {
                // A number that no type holds, where one stands.
                let digits = "9".repeat(1 + self.below(400));
                let other = format!("{digits}e{}", self.below(2_000));
                self.bent(&read).to_string().replacen('1', &other, 1).into_bytes()
            }
            3 => {
                let mut text = example.as_bytes().to_vec();
                let at = self.below(text.len());
                text.splice(
                    at..at,
                    self.one_of(&[&b"\xff"[..], b"\xc3", b"\xed\xa0\x80", b"\\ud800"]).to_vec(),
                );
                text
            }
            4 | 5 => self.changed(example.as_bytes()),
            _ => self.bent(&read).to_string().into_bytes(),
        }
    }
}
