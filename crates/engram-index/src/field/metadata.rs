//! Free metadata of a chunk: tests of the value at a path, answered with sets of ordinals.

use std::collections::BTreeMap;

use super::like::LikePattern;
use super::part::ColumnPart;
use super::path::{PathColumn, PathWriter, Side};
use super::value::{FieldValue, write_text};
use crate::bytes::{IndexDamage, Input, put_len};
use crate::set::Bitmap;

/// What may be asked of the value at a path. Numbers compare as numbers, strings as bytes; values of different sorts
/// are unequal and have no order. Where the value is a list, a test holds if it holds for the list or one of its elements.
#[derive(Clone, Debug, PartialEq)]
pub enum FieldTest<'a> {
    /// Equal to.
    Equal(FieldValue<'a>),
    /// Absent, or not equal to.
    NotEqual(FieldValue<'a>),
    /// Less than.
    Less(FieldValue<'a>),
    /// Less than or equal to.
    AtMost(FieldValue<'a>),
    /// Greater than.
    Greater(FieldValue<'a>),
    /// Greater than or equal to.
    AtLeast(FieldValue<'a>),
    /// Equal to one of these.
    In(Vec<FieldValue<'a>>),
    /// A string that fits the pattern.
    Like(&'a LikePattern),
    /// There is a value at the path; an explicit null counts.
    Exists,
    /// There is no value at the path.
    Missing,
}

/// Collects the metadata of a chunk; becomes a [`MetadataColumn`].
#[derive(Debug, Default)]
pub struct MetadataWriter {
    paths: BTreeMap<Vec<u8>, PathWriter>,
    docs: u32,
}

impl MetadataWriter {
    /// An empty collection.
    pub fn new() -> MetadataWriter {
        MetadataWriter::default()
    }

    /// Adds the metadata of `ordinal`: names with their values. Ordinals come in ascending order; one that is left out
    /// has none. Panics when `ordinal` is not above the one before.
    pub fn add(&mut self, ordinal: u32, metadata: &[(&str, FieldValue<'_>)]) {
        assert!(ordinal >= self.docs, "documents are added in ascending order");
        self.docs = ordinal + 1;
        self.add_below(&mut Vec::new(), ordinal, metadata);
    }

    fn add_below(&mut self, path: &mut Vec<u8>, ordinal: u32, entries: &[(&str, FieldValue<'_>)]) {
        for (name, value) in entries {
            let len = path.len();
            write_text(name, path);
            if !self.paths.contains_key(path) {
                self.paths.insert(path.clone(), PathWriter::default());
            }
            self.paths.get_mut(path).expect("inserted above").add(ordinal, value);
            if let FieldValue::Map(inner) = value {
                self.add_below(path, ordinal, inner);
            }
            path.truncate(len);
        }
    }

    /// Ends writing, for `docs` documents. Panics when one was added beyond, and for 4 Gi bytes at one path.
    pub fn finish(self, docs: u32) -> MetadataColumn {
        assert!(self.docs <= docs, "a document beyond the chunk");
        let paths = self.paths.into_iter().map(|(path, writer)| (path, writer.finish())).collect();
        MetadataColumn { paths, docs }
    }
}

/// Immutable metadata of documents `0..docs`, by path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MetadataColumn {
    paths: BTreeMap<Vec<u8>, PathColumn>,
    docs: u32,
}

impl MetadataColumn {
    /// The documents for which `test` holds at `path` (names from the top level down; the empty path leads nowhere).
    pub fn matching(&self, path: &[&str], test: &FieldTest<'_>) -> Bitmap {
        let column = self.path(path);
        let found = |side: Side, wanted: &FieldValue<'_>| {
            column.map_or_else(Bitmap::new, |column| column.matching(side, wanted))
        };
        let all = || Bitmap::below(self.docs);
        let present = || column.map_or_else(Bitmap::new, |column| column.present.clone());
        match test {
            FieldTest::Equal(wanted) => found(Side::Equal, wanted),
            FieldTest::NotEqual(wanted) => all().and_not(&found(Side::Equal, wanted)),
            FieldTest::Less(wanted) => found(Side::Less, wanted),
            FieldTest::AtMost(wanted) => found(Side::AtMost, wanted),
            FieldTest::Greater(wanted) => found(Side::Greater, wanted),
            FieldTest::AtLeast(wanted) => found(Side::AtLeast, wanted),
            FieldTest::In(wanted) => {
                let each = wanted.iter().map(|value| found(Side::Equal, value));
                each.fold(Bitmap::new(), |any, found| any.or(&found))
            }
            FieldTest::Like(pattern) => {
                column.map_or_else(Bitmap::new, |column| column.like(pattern))
            }
            FieldTest::Exists => present(),
            FieldTest::Missing => all().and_not(&present()),
        }
    }

    /// At most so many documents [`MetadataColumn::matching`] finds, known without finding them. Exact where no list
    /// holds several values that pass, except for `NotEqual`.
    pub fn count_max(&self, path: &[&str], test: &FieldTest<'_>) -> u64 {
        let column = self.path(path);
        let count = |side: Side, wanted: &FieldValue<'_>| {
            column.map_or(0, |column| column.count(side, wanted))
        };
        let docs = u64::from(self.docs);
        let present = column.map_or(0, |column| column.present.len());
        let most = match test {
            FieldTest::Equal(wanted) => count(Side::Equal, wanted),
            FieldTest::NotEqual(wanted) => docs - count(Side::Equal, wanted).min(1),
            FieldTest::Less(wanted) => count(Side::Less, wanted),
            FieldTest::AtMost(wanted) => count(Side::AtMost, wanted),
            FieldTest::Greater(wanted) => count(Side::Greater, wanted),
            FieldTest::AtLeast(wanted) => count(Side::AtLeast, wanted),
            FieldTest::In(wanted) => wanted.iter().map(|value| count(Side::Equal, value)).sum(),
            FieldTest::Like(pattern) => column.map_or(0, |column| column.like(pattern).len()),
            FieldTest::Exists => present,
            FieldTest::Missing => docs - present,
        };
        match test {
            FieldTest::NotEqual(_) | FieldTest::Missing => most,
            _ => most.min(present),
        }
    }

    /// Number of documents.
    pub fn docs(&self) -> u32 {
        self.docs
    }

    /// The columns of all parts as one of `docs` documents, under new ordinals. Panics where [`MetadataWriter::finish`] does.
    pub fn merge(parts: &[ColumnPart<'_, MetadataColumn>], docs: u32) -> MetadataColumn {
        let mut by_path: BTreeMap<&[u8], Vec<ColumnPart<'_, PathColumn>>> = BTreeMap::new();
        for (column, remap) in parts {
            for (path, values) in &column.paths {
                by_path.entry(path).or_default().push((values, *remap));
            }
        }
        let mut paths = BTreeMap::new();
        for (path, parts) in by_path {
            let merged = PathColumn::merge(&parts);
            assert!(merged.present.last().is_none_or(|last| last < docs), "beyond the chunk");
            if !merged.present.is_empty() {
                paths.insert(path.to_vec(), merged);
            }
        }
        MetadataColumn { paths, docs }
    }

    /// Bytes held on the heap, without what the map of paths needs for itself.
    pub fn heap_bytes(&self) -> usize {
        let parts = self.paths.iter();
        parts
            .map(|(path, column)| path.capacity() + size_of::<PathColumn>() + column.heap_bytes())
            .sum()
    }

    /// The column as bytes. Equal columns give equal bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.append_to(&mut bytes);
        bytes
    }

    /// Appends [`MetadataColumn::to_bytes`].
    pub fn append_to(&self, out: &mut Vec<u8>) {
        out.extend(self.docs.to_le_bytes());
        put_len(self.paths.len(), out);
        for (path, column) in &self.paths {
            put_len(path.len(), out);
            out.extend_from_slice(path);
            column.append_to(out);
        }
    }

    /// Takes back the bytes of [`MetadataColumn::to_bytes`].
    ///
    /// # Errors
    /// The bytes are no column. No bytes make it panic.
    pub fn open(bytes: &[u8]) -> Result<MetadataColumn, IndexDamage> {
        let mut input = Input::new(bytes);
        let (docs, count) = (input.u32()?, input.len()?);
        let mut paths = BTreeMap::new();
        for _ in 0..count {
            let len = input.len()?;
            let path = input.bytes(len)?;
            let column = PathColumn::read(&mut input)?;
            if column.last_ordinal().is_some_and(|last| last >= docs) {
                return Err(IndexDamage("metadata of documents that are not there"));
            }
            let last = paths.last_key_value().map(|(before, _): (&Vec<u8>, _)| before.as_slice());
            if last.is_some_and(|before| before >= path) {
                return Err(IndexDamage("the paths of metadata do not ascend"));
            }
            paths.insert(path.to_vec(), column);
        }
        input.end()?;
        Ok(MetadataColumn { paths, docs })
    }

    fn path(&self, names: &[&str]) -> Option<&PathColumn> {
        let mut path = Vec::new();
        names.iter().for_each(|name| write_text(name, &mut path));
        self.paths.get(&path)
    }
}
