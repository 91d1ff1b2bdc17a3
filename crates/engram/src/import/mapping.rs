//! Lines of another program: which field is the id, and how the text is made of the others.

use engram_api::MemoryInput;
use serde_json::{Map, Value};

/// How a memory is made of a foreign line.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mapping {
    /// Field that holds the id; none = derived from file and line.
    pub(crate) id_field: Option<String>,
    /// Text with `{field}` in the places of fields.
    pub(crate) text: TextTemplate,
}

/// A text with `{field}` in the places of fields; a list becomes its elements with commas between.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TextTemplate {
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Literal(String),
    Field(String),
}

impl TextTemplate {
    pub(crate) fn parse(template: &str) -> Result<TextTemplate, String> {
        let mut pieces = Vec::new();
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('{') {
            let (field, behind) = after
                .split_once('}')
                .filter(|(field, _)| !field.is_empty())
                .ok_or("expected a text with fields such as \"{title}: {body}\"")?;
            if !before.is_empty() {
                pieces.push(Piece::Literal(before.to_owned()));
            }
            pieces.push(Piece::Field(field.to_owned()));
            rest = behind;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Literal(rest.to_owned()));
        }
        match pieces.iter().any(|piece| matches!(piece, Piece::Field(_))) {
            true => Ok(TextTemplate { pieces }),
            false => Err("it names no field; write {field}".to_owned()),
        }
    }

    fn render(&self, line: &Map<String, Value>) -> Result<String, String> {
        let mut text = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Literal(literal) => text.push_str(literal),
                Piece::Field(name) => text.push_str(&plain(line, name)?),
            }
        }
        Ok(text)
    }
}

impl Mapping {
    /// The memory of a line; the error names the missing field.
    pub(crate) fn apply(&self, line: &Map<String, Value>) -> Result<MemoryInput, String> {
        let id = self.id_field.as_ref().map(|field| plain(line, field)).transpose()?;
        let text = Some(self.text.render(line)?);
        Ok(MemoryInput { id, text, ..MemoryInput::default() })
    }
}

fn plain(line: &Map<String, Value>, name: &str) -> Result<String, String> {
    let one = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match line.get(name) {
        None => Err(format!("there is no field `{name}`")),
        Some(Value::Array(items)) => Ok(items.iter().map(one).collect::<Vec<_>>().join(", ")),
        Some(value) => Ok(one(value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_take_their_places() {
        let line = serde_json::json!({"k": "n1", "l": ["dog", "hound"], "d": "an animal", "n": 3});
        let line = line.as_object().unwrap();
        let text = TextTemplate::parse("{l}: {d} ({n})").unwrap();
        let mapping = Mapping { id_field: Some("k".to_owned()), text };
        let memory = mapping.apply(line).unwrap();
        assert_eq!(memory.id.as_deref(), Some("n1"));
        assert_eq!(memory.text.as_deref(), Some("dog, hound: an animal (3)"));
        let missing = Mapping { id_field: None, text: TextTemplate::parse("{x}").unwrap() };
        assert!(missing.apply(line).unwrap_err().contains("`x`"));
    }

    #[test]
    fn templates_without_fields_are_refused() {
        for bad in ["", "text", "{", "a {} b", "{open"] {
            assert!(TextTemplate::parse(bad).is_err(), "{bad}");
        }
    }
}
