//! The numbers of fields and names: a list for each type, in which a place once given is never given again.
//!
//! `cargo xtask gen` appends what is new. What is gone keeps its place in the list and becomes `reserved`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Where the lists are, from the root of the repository.
pub(crate) const NUMBERS_PATH: &str = "crates/engram-api/proto/numbers.txt";

const LISTS: &str = include_str!("../../proto/numbers.txt");

const HEAD: &str = "\
# Numbers of the fields and names of each type in Protocol Buffers: the first has number 1, and so on.
# `cargo xtask gen` appends new ones at the end of a line. Never reorder or remove any: clients know them by number.
";

/// Names by type, in the order of their numbers.
#[derive(Clone, Debug, Default)]
pub(super) struct Numbers {
    lists: BTreeMap<String, Vec<String>>,
}

impl Numbers {
    /// As they were committed.
    pub(super) fn committed() -> Numbers {
        let lines = LISTS.lines().filter(|line| !line.starts_with('#'));
        let lists = lines.filter_map(|line| {
            let (name, list) = line.split_once(':')?;
            Some((name.to_owned(), list.split_whitespace().map(str::to_owned).collect()))
        });
        Numbers { lists: lists.collect() }
    }

    /// The number of a name of a type; a new name gets the next one.
    pub(super) fn number(&mut self, of_type: &str, name: &str) -> u32 {
        let list = self.lists.entry(of_type.to_owned()).or_default();
        let place = list.iter().position(|known| known == name).unwrap_or_else(|| {
            list.push(name.to_owned());
            list.len() - 1
        });
        u32::try_from(place + 1).expect("a type has few fields")
    }

    /// The file with the lists, new names appended.
    pub(super) fn page(&self) -> String {
        let mut out = HEAD.to_owned();
        for (name, list) in &self.lists {
            writeln!(out, "{name}: {}", list.join(" ")).expect("writing to a String");
        }
        out
    }

    /// Names of a type with their numbers.
    pub(super) fn of(&self, of_type: &str) -> impl Iterator<Item = (u32, &str)> {
        let list = self.lists.get(of_type).map_or(&[][..], Vec::as_slice);
        (1..).zip(list.iter().map(String::as_str))
    }
}
