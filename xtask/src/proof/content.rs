//! What the writers store: contents that come back from the server exactly as they were sent.

use super::json::{Json, quote};
use super::random::Random;

/// Length of the vectors. All of a vector's components are 1/4 or -1/4, so its length is 1 and storing changes no bit.
pub(super) const DIMENSION: usize = 16;
const COMPONENT: f64 = 0.25;

const LONG_TEXT_BYTES: usize = 10 * 1024;
/// Of 100 texts so many are long.
const LONG_TEXTS: u64 = 12;

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Content {
    pub(super) text: String,
    pub(super) vector: Vec<f64>,
    pub(super) number: u64,
}

impl Content {
    pub(super) fn draw(random: &mut Random) -> Content {
        // Below 2^48: exact as a double, whoever reads it.
        let number = random.next() >> 16;
        let signs = random.next();
        let vector =
            (0..DIMENSION).map(|at| if signs >> at & 1 == 0 { COMPONENT } else { -COMPONENT });
        let mut text = format!("{} said \"no\" \\ at café №{}\n", word(number), random.below(1000));
        if random.percent(LONG_TEXTS) {
            while text.len() < LONG_TEXT_BYTES {
                text.push_str(&format!("and then {:x} ", random.next()));
            }
        }
        Content { text, vector: vector.collect(), number }
    }

    /// The fields of a memory that is to be stored.
    pub(super) fn to_json(&self, id: &str) -> String {
        let vector: Vec<String> = self.vector.iter().map(f64::to_string).collect();
        format!(
            r#"{{"id":{},"text":{},"vector":[{}],"metadata":{{"number":{}}}}}"#,
            quote(id),
            quote(&self.text),
            vector.join(","),
            self.number
        )
    }

    /// Reads the memory of an answer, vectors included.
    pub(super) fn from_json(memory: &Json) -> Option<Content> {
        let [vector] = memory.get("vectors").list() else {
            return None;
        };
        Some(Content {
            text: memory.get("text").text()?.to_owned(),
            vector: vector.list().iter().map(Json::number).collect::<Option<_>>()?,
            number: memory.get("metadata").get("number").count()?,
        })
    }

    /// A word that only this content holds.
    pub(super) fn word(&self) -> String {
        word(self.number)
    }
}

fn word(number: u64) -> String {
    format!("w{number:x}q")
}
