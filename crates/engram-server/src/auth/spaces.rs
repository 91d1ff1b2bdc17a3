//! Which spaces a caller may touch: some by name, some by how their names begin, or all.

use engram_api::ErrorCode;

use crate::refusal::Refusal;

/// Entries of a scope.
const ENTRIES_MAX: usize = 1_000;
/// Longest name of a space, bytes.
const NAME_BYTES_MAX: usize = 64;

/// The spaces of a caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SpaceScope {
    /// As they were written, for whoever asks.
    entries: Vec<String>,
    has_all: bool,
}

impl SpaceScope {
    /// Every space, also those to come.
    pub(crate) fn all() -> SpaceScope {
        SpaceScope { entries: vec!["*".to_owned()], has_all: true }
    }

    /// Reads names, and what names start with followed by `*`.
    pub(crate) fn read(entries: Vec<String>) -> Result<SpaceScope, Refusal> {
        if entries.is_empty() || entries.len() > ENTRIES_MAX {
            let detail =
                format!("a key names 1 to {ENTRIES_MAX} spaces; [\"*\"] stands for all of them");
            return Err(Refusal::new(ErrorCode::TooMany, detail).with_field("spaces"));
        }
        for (index, entry) in entries.iter().enumerate() {
            let stem = entry.strip_suffix('*').unwrap_or(entry);
            let letter = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_".contains(&b);
            if entry.is_empty() || stem.len() > NAME_BYTES_MAX || !stem.bytes().all(letter) {
                let detail = format!(
                    "{entry:?} is neither the name of a space nor what names start with and *"
                );
                let field = format!("spaces[{index}]");
                return Err(Refusal::new(ErrorCode::InvalidValue, detail).with_field(field));
            }
        }
        let has_all = entries.iter().any(|entry| entry == "*");
        Ok(SpaceScope { entries, has_all })
    }

    pub(crate) fn has_all(&self) -> bool {
        self.has_all
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        let fits = |entry: &String| match entry.strip_suffix('*') {
            Some(stem) => name.starts_with(stem),
            None => name == entry,
        };
        self.has_all || self.entries.iter().any(fits)
    }

    /// Whether it has all that the other one has.
    pub(crate) fn covers(&self, other: &SpaceScope) -> bool {
        let inside = |entry: &String| match entry.strip_suffix('*') {
            None => self.has(entry),
            Some(stem) => self
                .entries
                .iter()
                .any(|own| own.strip_suffix('*').is_some_and(|own| stem.starts_with(own))),
        };
        self.has_all || other.entries.iter().all(inside)
    }

    /// What it has in common with the other one; none where that is nothing.
    pub(crate) fn within(&self, other: &SpaceScope) -> Option<SpaceScope> {
        let entries = |of: &SpaceScope, inside: &SpaceScope| {
            let one = |entry: &&String| {
                let has_all = entry.as_str() == "*";
                inside.covers(&SpaceScope { entries: vec![(*entry).clone()], has_all })
            };
            of.entries.iter().filter(one).cloned().collect::<Vec<_>>()
        };
        let mut common = entries(self, other);
        for entry in entries(other, self) {
            if !common.contains(&entry) {
                common.push(entry);
            }
        }
        SpaceScope::read(common).ok()
    }

    pub(crate) fn entries(&self) -> &[String] {
        &self.entries
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(entries: &[&str]) -> SpaceScope {
        SpaceScope::read(entries.iter().map(|&entry| entry.to_owned()).collect()).unwrap()
    }

    #[test]
    fn names_and_beginnings_are_kept_apart() {
        let own = scope(&["notes", "team-*"]);
        for name in ["notes", "team-", "team-a"] {
            assert!(own.has(name), "{name}");
        }
        for name in ["", "note", "notes-2", "team", "teams", "*", "xnotes"] {
            assert!(!own.has(name), "{name}");
        }
        assert!(scope(&["*"]).has("anything") && scope(&["*"]).has_all());
        assert!(!own.has_all());
    }

    #[test]
    fn a_scope_covers_what_lies_within_it() {
        let own = scope(&["notes", "team-*"]);
        for inner in [&["notes"][..], &["team-*"], &["team-a"], &["team-a*", "notes"]] {
            assert!(own.covers(&scope(inner)), "{inner:?}");
        }
        for outer in [&["*"][..], &["team*"], &["notes*"], &["other"], &["notes", "other"]] {
            assert!(!own.covers(&scope(outer)), "{outer:?}");
        }
        assert!(SpaceScope::all().covers(&own));
    }

    #[test]
    fn two_scopes_have_in_common_what_both_have() {
        let own = scope(&["notes", "team-*"]);
        let common = |other: &[&str]| own.within(&scope(other)).map(|both| both.entries.join(","));
        for (other, both) in [
            (&["*"][..], "notes,team-*"),
            (&["notes", "vault"], "notes"),
            (&["team-a*", "t*"], "team-*,team-a*"),
            (&["team-a", "note*"], "notes,team-a"),
        ] {
            assert_eq!(common(other).as_deref(), Some(both), "{other:?}");
        }
        assert_eq!(common(&["vault", "teams*"]), None);
        assert!(SpaceScope::all().within(&SpaceScope::all()).unwrap().has_all());
        assert!(!SpaceScope::all().within(&own).unwrap().has_all());
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for bad in [&[][..], &[""], &["a*b"], &["**"], &["Notes"], &["a b"], &["a/b"]] {
            let entries = bad.iter().map(|&entry| entry.to_owned()).collect();
            assert!(SpaceScope::read(entries).is_err(), "{bad:?}");
        }
    }
}
