//! How much spaces may hold and ask for.

use std::collections::BTreeMap;

use super::Read;
use crate::config::value::SettingValue;

/// How much one space may hold and ask for; none = any number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QuotaSettings {
    /// Memories.
    pub memories: Option<u64>,
    /// Bytes in RAM, in segments and in the cold store.
    pub bytes: Option<u64>,
    /// Requests a second that may change it.
    pub writes_per_second: Option<u32>,
    /// Requests a second that may read it.
    pub reads_per_second: Option<u32>,
    /// Requests that may be worked on at once.
    pub calls: Option<u32>,
}

/// The quotas of all spaces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QuotasSettings {
    /// Where nothing else is said.
    pub each: QuotaSettings,
    /// Of single spaces, by name; complete.
    pub own: BTreeMap<String, QuotaSettings>,
}

impl QuotasSettings {
    /// The quota of a space.
    pub fn of(&self, space: &str) -> QuotaSettings {
        self.own.get(space).copied().unwrap_or(self.each)
    }
}

impl Read<'_> {
    pub(super) fn quotas(&self) -> QuotasSettings {
        let each = self.quota("quotas", QuotaSettings::default());
        let spaces = self.values.keys().filter_map(|key| {
            key.strip_prefix("quotas.spaces.").and_then(|rest| rest.strip_suffix(".memories"))
        });
        let own = spaces
            .map(|name| (name.to_owned(), self.quota(&format!("quotas.spaces.{name}"), each)));
        QuotasSettings { each, own: own.collect() }
    }

    fn quota(&self, group: &str, otherwise: QuotaSettings) -> QuotaSettings {
        let number = |field: &str| match self.value(&format!("{group}.{field}")) {
            Some(SettingValue::Number(number)) => Some(*number),
            _ => None,
        };
        let count = |field: &str| number(field).and_then(|count| u32::try_from(count).ok());
        QuotaSettings {
            memories: number("memories").or(otherwise.memories),
            bytes: number("bytes").or(otherwise.bytes),
            writes_per_second: count("writes_per_second").or(otherwise.writes_per_second),
            reads_per_second: count("reads_per_second").or(otherwise.reads_per_second),
            calls: count("calls").or(otherwise.calls),
        }
    }
}
