//! What the signs of a case mean in one run of it: names, captured values, patterns.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// What one run of a case knows.
#[derive(Debug)]
pub(super) struct Meanings {
    suffix: String,
    captured: BTreeMap<String, Value>,
}

impl Meanings {
    /// Of a run whose spaces have this ending to their names.
    pub(super) fn new(suffix: String) -> Meanings {
        Meanings { suffix, captured: BTreeMap::new() }
    }

    pub(super) fn space(&self, name: &str) -> String {
        format!("{name}-{}", self.suffix)
    }

    /// Keeps what the pointer leads to.
    pub(super) fn capture(&mut self, name: &str, answer: &Value, pointer: &str) {
        let value = answer
            .pointer(pointer)
            .unwrap_or_else(|| panic!("{pointer} leads to nothing in {answer}"));
        self.captured.insert(name.to_owned(), value.clone());
    }

    /// A request in which names stand for what they mean.
    pub(super) fn filled(&self, value: &Value) -> Value {
        match value {
            Value::Object(fields) => {
                let filled = |(key, own): (&String, &Value)| (key.clone(), self.filled(own));
                Value::Object(fields.iter().map(filled).collect())
            }
            Value::Array(values) => values.iter().map(|own| self.filled(own)).collect(),
            Value::String(text) if text.starts_with('$') => self.meant(text),
            other => other.clone(),
        }
    }

    fn meant(&self, text: &str) -> Value {
        if let Some(rest) = text.strip_prefix("$$") {
            return Value::String(format!("${rest}"));
        }
        match text.split_once(':') {
            Some(("$captured", name)) => self.captured[name].clone(),
            Some(("$space", name)) => Value::String(self.space(name)),
            _ => panic!("{text:?} means nothing here"),
        }
    }

    /// Whether a value is as a pattern says.
    pub(super) fn matches(&self, pattern: &Value, value: &Value) -> bool {
        match pattern {
            Value::Object(fields) => self.matches_object(fields, value),
            Value::Array(patterns) => value.as_array().is_some_and(|values| {
                patterns.len() == values.len()
                    && patterns.iter().zip(values).all(|(own, value)| self.matches(own, value))
            }),
            Value::String(text) if text == "$any" => true,
            Value::String(text) if text.starts_with("$type:") => {
                is_of(&text["$type:".len()..], value)
            }
            Value::String(text) if text.starts_with('$') => same(&self.meant(text), value),
            plain => same(plain, value),
        }
    }

    fn matches_object(&self, fields: &Map<String, Value>, value: &Value) -> bool {
        if fields.len() == 1
            && let Some((sign, operand)) = fields.iter().next()
            && sign.starts_with('$')
        {
            return self.matches_sign(sign, operand, value);
        }
        let Value::Object(found) = value else { return false };
        fields.iter().all(|(key, pattern)| match found.get(key) {
            None => pattern == "$absent",
            Some(value) => pattern != "$absent" && self.matches(pattern, value),
        })
    }

    fn matches_sign(&self, sign: &str, operand: &Value, value: &Value) -> bool {
        match sign {
            "$between" => {
                let end = |at: usize| operand[at].as_f64().unwrap();
                value.as_f64().is_some_and(|value| end(0) <= value && value <= end(1))
            }
            "$length" => {
                let length = match value {
                    Value::Array(values) => values.len(),
                    Value::String(text) => text.chars().count(),
                    _ => return false,
                };
                operand.as_u64() == Some(length as u64)
            }
            "$contains" => value.as_array().is_some_and(|values| {
                let mut patterns = operand.as_array().unwrap().iter();
                patterns.all(|pattern| values.iter().any(|own| self.matches(pattern, own)))
            }),
            "$holds" => value.as_str().is_some_and(|text| text.contains(operand.as_str().unwrap())),
            "$not" => !self.matches(operand, value),
            _ => panic!("{sign:?} is no pattern"),
        }
    }
}

fn is_of(sort: &str, value: &Value) -> bool {
    match sort {
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        "boolean" => value.is_boolean(),
        "list" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        _ => panic!("{sort:?} is no type"),
    }
}

/// Whether two values of JSON are the same: `1` and `1.0` are.
fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(one), Value::Number(other)) => {
            one == other || one.as_f64() == other.as_f64()
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(left, right)| same(left, right))
        }
        (Value::Object(one), Value::Object(other)) => {
            let has = |(key, left): (&String, &Value)| {
                other.get(key).is_some_and(|right| same(left, right))
            };
            one.len() == other.len() && one.iter().all(has)
        }
        _ => left == right,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn meanings() -> Meanings {
        let mut meanings = Meanings::new("1".to_owned());
        let answer = json!({"lsn": 7, "all": {"a/b": [{"m~n": 1}]}});
        meanings.capture("lsn", &answer, "/lsn");
        meanings.capture("all", &answer, "/all");
        meanings.capture("deep", &answer, "/all/a~1b/0/m~0n");
        meanings
    }

    #[test]
    fn patterns_match_what_they_say() {
        for (pattern, value) in [
            (json!({}), json!({"a": 1})),
            (json!({"a": 1}), json!({"a": 1.0, "b": 2})),
            (json!({"a": "$absent"}), json!({"b": 1})),
            (json!({"a": "$any"}), json!({"a": null})),
            (json!([1, "$any"]), json!([1, {}])),
            (json!("$$any"), json!("$any")),
            (json!("$type:integer"), json!(3.0)),
            (json!("$type:number"), json!(3.5)),
            (json!("$type:boolean"), json!(false)),
            (json!("$type:list"), json!([])),
            (json!("$type:object"), json!({})),
            (json!("$type:null"), json!(null)),
            (json!("$type:string"), json!("")),
            (json!("$captured:lsn"), json!(7.0)),
            (json!("$captured:deep"), json!(1)),
            (json!("$captured:all"), json!({"a/b": [{"m~n": 1}]})),
            (json!("$space:s"), json!("s-1")),
            (json!({"$between": [1, 2]}), json!(2)),
            (json!({"$length": 2}), json!([1, 1])),
            (json!({"$length": 2}), json!("ü!")),
            (json!({"$contains": [{"a": 1}, 2]}), json!([2, 3, {"a": 1, "b": 1}])),
            (json!({"$holds": "ell"}), json!("hello")),
            (json!({"$not": {"a": 1}}), json!({"a": 2})),
        ] {
            assert!(meanings().matches(&pattern, &value), "{pattern} {value}");
        }
    }

    #[test]
    fn patterns_match_nothing_else() {
        for (pattern, value) in [
            (json!({"a": 1}), json!({"b": 1})),
            (json!({"a": "$any"}), json!({})),
            (json!({"a": "$absent"}), json!({"a": null})),
            (json!({"a": 1}), json!([1])),
            (json!([1]), json!([1, 2])),
            (json!([1, 2]), json!([2, 1])),
            (json!(1), json!(true)),
            (json!(null), json!(0)),
            (json!("1"), json!(1)),
            (json!("$type:integer"), json!(3.5)),
            (json!("$type:integer"), json!(true)),
            (json!("$type:number"), json!("3")),
            (json!("$captured:lsn"), json!(8)),
            (json!("$captured:all"), json!({"a/b": [{"m~n": 1}], "c": 1})),
            (json!({"$between": [1, 2]}), json!(2.1)),
            (json!({"$between": [0, 1]}), json!(true)),
            (json!({"$length": 2}), json!([1])),
            (json!({"$contains": [1, 4]}), json!([1, 2])),
            (json!({"$contains": []}), json!("text")),
            (json!({"$holds": "x"}), json!("hello")),
            (json!({"$not": "$any"}), json!(1)),
        ] {
            assert!(!meanings().matches(&pattern, &value), "{pattern} {value}");
        }
    }

    #[test]
    fn names_in_requests_stand_for_what_they_mean() {
        let request = json!({"name": "$space:s", "as_of": "$captured:lsn", "text": ["$$5", 5]});
        let filled = json!({"name": "s-1", "as_of": 7, "text": ["$5", 5]});
        assert_eq!(meanings().filled(&request), filled);
    }

    #[test]
    #[should_panic(expected = "means nothing here")]
    fn a_sign_that_means_nothing_is_an_error() {
        meanings().filled(&json!("$any"));
    }
}
