//! The values that a statement names by `$1` or `$name`.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// Values for a statement, with their types from JSON. An array is a list, or a vector where one is needed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parameters {
    values: BTreeMap<String, Value>,
}

impl Parameters {
    /// None at all.
    pub fn none() -> Parameters {
        Parameters::default()
    }

    /// `$1`, `$2`, … in this order.
    pub fn positional(values: impl IntoIterator<Item = Value>) -> Parameters {
        let numbered = values.into_iter().enumerate();
        Parameters { values: numbered.map(|(at, value)| ((at + 1).to_string(), value)).collect() }
    }

    /// `$name` by the names of the object.
    pub fn named(values: Map<String, Value>) -> Parameters {
        Parameters { values: values.into_iter().collect() }
    }

    /// Gives one more a value.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<Value>) -> Parameters {
        self.values.insert(name.into(), value.into());
        self
    }

    pub(crate) fn get(&self, name: &str) -> Option<(&str, &Value)> {
        self.values.get_key_value(name).map(|(name, value)| (name.as_str(), value))
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }
}
