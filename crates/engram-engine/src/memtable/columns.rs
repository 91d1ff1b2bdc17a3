//! The fields of a chunk's memories as columns, so that a filter is answered with sets and no memory is looked at.

use std::collections::BTreeMap;
use std::sync::Arc;

use engram_index::{
    Bitmap, ColumnPart, FieldTest, FieldValue, KeywordColumn, MetadataColumn, MetadataWriter,
    RangeColumn,
};

use crate::filter::{Filter, MetaTest, OwnCondition, TimeRange};
use crate::model::{Kind, Memory, MetaValue, Metadata};

/// One column for each field that a filter may name.
#[derive(Debug)]
pub(crate) struct Columns {
    docs: u32,
    tags: KeywordColumn,
    people: KeywordColumn,
    kinds: KeywordColumn,
    sessions: KeywordColumn,
    places: KeywordColumn,
    source_kinds: KeywordColumn,
    source_references: KeywordColumn,
    /// When it happened, ns.
    occurred: RangeColumn,
    committed: RangeColumn,
    /// Only of memories that forget themselves.
    expires: RangeColumn,
    /// Bits of the stated trust, which has no sign: their order is that of the numbers.
    trust: RangeColumn,
    metadata: MetadataColumn,
    /// From when and until when memories are true; none = the chunk was written before there was such a column.
    valid: Option<[RangeColumn; 2]>,
    /// What memories state attributes of; none = the chunk was written before there was such a column.
    claims: Option<KeywordColumn>,
}

/// What a filter asks that no column may answer.
#[derive(Clone, Copy)]
pub(crate) struct Lookups<'a> {
    /// The memories with one of these ids.
    pub(crate) ids: &'a dyn Fn(&[String]) -> Bitmap,
    /// The memories that are true at a time.
    pub(crate) valid_at: &'a dyn Fn(i64) -> Bitmap,
    /// Those of these memories that meet all conditions on what they themselves say.
    pub(crate) own: &'a dyn Fn(&[OwnCondition], &Bitmap) -> Bitmap,
}

impl Columns {
    pub(crate) fn build(memories: &[Arc<Memory>], supersede_key: &str) -> Columns {
        let all = || (0_u32..).zip(memories);
        let one = |field: fn(&Memory) -> &str| {
            KeywordColumn::build(all().map(|(local, memory)| (local, field(memory).as_bytes())))
        };
        let many = |field: fn(&Memory) -> &[String]| {
            KeywordColumn::build(all().flat_map(|(local, memory)| {
                field(memory).iter().map(move |value| (local, value.as_bytes()))
            }))
        };
        let range = |field: fn(&Memory) -> Option<i64>| {
            RangeColumn::build(all().filter_map(|(local, memory)| Some((local, field(memory)?))))
        };
        let mut metadata = MetadataWriter::new();
        for (local, memory) in all() {
            metadata.add(local, &fields(&memory.content.metadata));
        }
        let claims: Vec<(u32, String)> = all()
            .filter_map(|(local, memory)| Some((local, memory.content.claim(supersede_key)?)))
            .collect();
        let docs = memories.len() as u32;
        Columns {
            docs,
            tags: many(|memory| &memory.content.tags),
            people: many(|memory| &memory.content.people),
            kinds: one(|memory| memory.content.kind.name()),
            sessions: one(|memory| &memory.content.session),
            places: one(|memory| &memory.content.place),
            source_kinds: one(|memory| &memory.content.source.kind),
            source_references: one(|memory| &memory.content.source.reference),
            occurred: range(|memory| Some(memory.happened_at())),
            committed: range(|memory| Some(memory.committed_at.0)),
            expires: range(|memory| memory.content.expires_at),
            trust: range(|memory| memory.content.source.trust.map(trust_key)),
            metadata: metadata.finish(docs),
            valid: Some([
                range(|memory| memory.content.valid_from),
                range(|memory| memory.content.valid_until),
            ]),
            claims: Some(KeywordColumn::build(
                claims.iter().map(|(local, claim)| (*local, claim.as_bytes())),
            )),
        }
    }

    /// The columns of all parts as one of `docs` documents, each under its new ordinal.
    pub(crate) fn merge(parts: &[ColumnPart<'_, Columns>], docs: u32) -> Columns {
        fn of<'a, C>(
            parts: &[ColumnPart<'a, Columns>],
            column: fn(&'a Columns) -> &'a C,
        ) -> Vec<ColumnPart<'a, C>> {
            parts.iter().map(|(columns, remap)| (column(columns), *remap)).collect()
        }
        Columns {
            docs,
            tags: KeywordColumn::merge(&of(parts, |c| &c.tags)),
            people: KeywordColumn::merge(&of(parts, |c| &c.people)),
            kinds: KeywordColumn::merge(&of(parts, |c| &c.kinds)),
            sessions: KeywordColumn::merge(&of(parts, |c| &c.sessions)),
            places: KeywordColumn::merge(&of(parts, |c| &c.places)),
            source_kinds: KeywordColumn::merge(&of(parts, |c| &c.source_kinds)),
            source_references: KeywordColumn::merge(&of(parts, |c| &c.source_references)),
            occurred: RangeColumn::merge(&of(parts, |c| &c.occurred)),
            committed: RangeColumn::merge(&of(parts, |c| &c.committed)),
            expires: RangeColumn::merge(&of(parts, |c| &c.expires)),
            trust: RangeColumn::merge(&of(parts, |c| &c.trust)),
            metadata: MetadataColumn::merge(&of(parts, |c| &c.metadata), docs),
            valid: merged_valid(parts),
            claims: merged_claims(parts),
        }
    }

    /// The columns one after the other, each with its length before it.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut append = |column: Vec<u8>| {
            bytes.extend_from_slice(&(column.len() as u32).to_le_bytes());
            bytes.extend_from_slice(&column);
        };
        self.keywords().into_iter().for_each(|column| append(column.to_bytes()));
        self.ranges().into_iter().for_each(|column| append(column.to_bytes()));
        append(self.metadata.to_bytes());
        self.valid.iter().flatten().for_each(|column| append(column.to_bytes()));
        // Nothing stands behind columns that are not there.
        let claims = self.claims.as_ref().filter(|_| self.valid.is_some());
        claims.into_iter().for_each(|column| append(column.to_bytes()));
        bytes
    }

    /// The columns of `docs` documents.
    ///
    /// # Errors
    /// What is wrong with the bytes.
    pub(crate) fn open(bytes: &[u8], docs: u32) -> Result<Columns, String> {
        let rest = std::cell::Cell::new(bytes);
        let next = || {
            let (len, behind) = rest.get().split_first_chunk::<4>().ok_or("a column is missing")?;
            let len = u32::from_le_bytes(*len) as usize;
            let (column, behind) = behind.split_at_checked(len).ok_or("a column is cut")?;
            rest.set(behind);
            Ok::<&[u8], String>(column)
        };
        let inside = |last: Option<u32>| match last {
            Some(last) if last >= docs => Err("a column names a memory that is not there"),
            _ => Ok(()),
        };
        let keyword = || {
            let column = KeywordColumn::open(next()?).map_err(|error| error.to_string())?;
            inside(column.last_ordinal())?;
            Ok::<_, String>(column)
        };
        let [tags, people, kinds, sessions, places, source_kinds, source_references] =
            [keyword()?, keyword()?, keyword()?, keyword()?, keyword()?, keyword()?, keyword()?];
        let range = || {
            let column = RangeColumn::open(next()?).map_err(|error| error.to_string())?;
            inside(column.last_ordinal())?;
            Ok::<_, String>(column)
        };
        let [occurred, committed, expires, trust] = [range()?, range()?, range()?, range()?];
        let metadata = MetadataColumn::open(next()?).map_err(|error| error.to_string())?;
        if metadata.docs() != docs {
            return Err("the metadata is that of other memories".to_owned());
        }
        let valid = if rest.get().is_empty() { None } else { Some([range()?, range()?]) };
        let claims = if rest.get().is_empty() { None } else { Some(keyword()?) };
        if !rest.get().is_empty() {
            return Err("something follows the columns".to_owned());
        }
        Ok(Columns {
            docs,
            tags,
            people,
            kinds,
            sessions,
            places,
            source_kinds,
            source_references,
            occurred,
            committed,
            expires,
            trust,
            metadata,
            valid,
            claims,
        })
    }

    fn keywords(&self) -> [&KeywordColumn; 7] {
        [
            &self.tags,
            &self.people,
            &self.kinds,
            &self.sessions,
            &self.places,
            &self.source_kinds,
            &self.source_references,
        ]
    }

    fn ranges(&self) -> [&RangeColumn; 4] {
        [&self.occurred, &self.committed, &self.expires, &self.trust]
    }

    /// When the first and the last of the memories happened, ns.
    pub(crate) fn times(&self) -> Option<(i64, i64)> {
        self.occurred.bounds()
    }

    /// The same of those that `accept` lets pass.
    pub(crate) fn times_where(&self, accept: &dyn Fn(u32) -> bool) -> Option<(i64, i64)> {
        self.occurred.bounds_where(accept)
    }

    /// The memories that happened in that range.
    pub(crate) fn happened_within(&self, range: TimeRange) -> Bitmap {
        self.occurred.range(range.from, range.until)
    }

    /// Calls `visit` with every memory and when it happened, ns, oldest first.
    pub(crate) fn each_time(&self, visit: &mut dyn FnMut(u32, i64)) {
        self.occurred.each(visit);
    }

    /// When memories forget themselves, ns, of those that do.
    pub(crate) fn expiries(&self) -> BTreeMap<u32, i64> {
        let mut expiries = BTreeMap::new();
        self.expires.each(&mut |local, at| {
            expiries.insert(local, at);
        });
        expiries
    }

    /// Whether any of the memories has forgotten itself by then.
    pub(crate) fn holds_expired(&self, now_ns: i64) -> bool {
        self.expires.bounds().is_some_and(|(first, _)| first <= now_ns)
    }

    /// Calls `visit` with every memory of a session: its name, the memory, and when it happened, ns.
    pub(crate) fn each_in_session(&self, visit: &mut dyn FnMut(&str, u32, i64)) {
        let mut happened = vec![0; self.docs as usize];
        self.occurred.each(&mut |local, at| happened[local as usize] = at);
        self.sessions.each(&mut |session, local| {
            let session = std::str::from_utf8(session).unwrap_or_default();
            if !session.is_empty() {
                visit(session, local, happened[local as usize]);
            }
        });
    }

    /// Calls `visit` with every memory that states an attribute, and what of; whether a column says so.
    pub(crate) fn each_claim(&self, visit: &mut dyn FnMut(&str, u32)) -> bool {
        let Some(claims) = &self.claims else { return false };
        claims
            .each(&mut |claim, local| visit(std::str::from_utf8(claim).unwrap_or_default(), local));
        true
    }

    /// The memories that have forgotten themselves by then; none = no one ever does.
    pub(crate) fn expired(&self, now_ns: i64) -> Option<Bitmap> {
        self.expires.bounds()?;
        Some(self.expires.range(None, Some(now_ns.saturating_add(1))))
    }

    /// The memories that meet every condition.
    pub(crate) fn matching(&self, filter: &Filter, lookups: Lookups<'_>) -> Bitmap {
        let mut conditions = Vec::new();
        self.times_asked(filter, &mut conditions);
        if let Some(at) = filter.valid_at {
            conditions.push((lookups.valid_at)(at));
        }
        for tag in &filter.tags_all {
            conditions.push(self.tags.equal(tag.as_bytes()));
        }
        any_of(&self.tags, &filter.tags_any, &mut conditions);
        any_of(&self.people, &filter.people_any, &mut conditions);
        if !filter.kinds.is_empty() {
            let kinds: Vec<&[u8]> =
                filter.kinds.iter().map(|k| Kind::name(*k).as_bytes()).collect();
            conditions.push(self.kinds.any(&kinds));
        }
        for (column, wanted) in [
            (&self.sessions, &filter.session),
            (&self.places, &filter.place),
            (&self.source_kinds, &filter.source_kind),
            (&self.source_references, &filter.source_reference),
        ] {
            if let Some(wanted) = wanted {
                conditions.push(column.equal(wanted.as_bytes()));
            }
        }
        if let Some(least) = filter.min_trust {
            conditions.push(self.trust.range(Some(trust_key(least)), None));
        }
        if !filter.ids.is_empty() {
            conditions.push((lookups.ids)(&filter.ids));
        }
        for condition in &filter.metadata {
            let path: Vec<&str> = condition.path.iter().map(String::as_str).collect();
            conditions.push(self.metadata.matching(&path, &test(&condition.test)));
        }
        for nested in &filter.all {
            conditions.push(self.matching(nested, lookups));
        }
        if !filter.any.is_empty() {
            let any = filter.any.iter().map(|nested| self.matching(nested, lookups));
            conditions.push(any.fold(Bitmap::new(), |union, matching| union.or(&matching)));
        }
        let all = conditions.into_iter().reduce(|both, condition| both.and(&condition));
        let all = all.unwrap_or_else(|| Bitmap::below(self.docs));
        let left = |left: Bitmap, nested| left.and_not(&self.matching(nested, lookups));
        let left = filter.none.iter().fold(all, left);
        // Last, since each memory that is left has to be looked at.
        if filter.fields.is_empty() { left } else { (lookups.own)(&filter.fields, &left) }
    }

    fn times_asked(&self, filter: &Filter, conditions: &mut Vec<Bitmap>) {
        for (column, range) in
            [(&self.occurred, filter.occurred), (&self.committed, filter.committed)]
        {
            if !range.is_open() {
                conditions.push(column.range(range.from, range.until));
            }
        }
    }

    /// The memories that are true at a time; none where no column says so.
    pub(crate) fn valid_at(&self, at_ns: i64) -> Option<Bitmap> {
        let [from, until] = self.valid.as_ref()?;
        let over = until.range(None, at_ns.checked_add(1));
        let begun = Bitmap::below(self.docs).and_not(&over);
        // Nothing begins behind the end of time.
        let Some(next) = at_ns.checked_add(1) else { return Some(begun) };
        Some(begun.and_not(&from.range(Some(next), None)))
    }

    /// Bytes held on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.keywords().iter().map(|column| column.heap_bytes()).sum::<usize>()
            + self.ranges().iter().map(|column| column.heap_bytes()).sum::<usize>()
            + self.valid.iter().flatten().map(RangeColumn::heap_bytes).sum::<usize>()
            + self.claims.as_ref().map_or(0, KeywordColumn::heap_bytes)
            + self.metadata.heap_bytes()
    }
}

/// The columns of validity of all parts, where all have them.
fn merged_valid(parts: &[ColumnPart<'_, Columns>]) -> Option<[RangeColumn; 2]> {
    let all: Option<Vec<_>> =
        parts.iter().map(|(part, remap)| Some((part.valid.as_ref()?, *remap))).collect();
    let all = all?;
    let merge = |which: usize| {
        let own: Vec<ColumnPart<'_, RangeColumn>> =
            all.iter().map(|(columns, remap)| (&columns[which], *remap)).collect();
        RangeColumn::merge(&own)
    };
    Some([merge(0), merge(1)])
}

/// The column of claims of all parts, where all have it.
fn merged_claims(parts: &[ColumnPart<'_, Columns>]) -> Option<KeywordColumn> {
    let all: Option<Vec<ColumnPart<'_, KeywordColumn>>> =
        parts.iter().map(|(part, remap)| Some((part.claims.as_ref()?, *remap))).collect();
    Some(KeywordColumn::merge(&all?))
}

fn any_of(column: &KeywordColumn, wanted: &[String], conditions: &mut Vec<Bitmap>) {
    if !wanted.is_empty() {
        let wanted: Vec<&[u8]> = wanted.iter().map(|value| value.as_bytes()).collect();
        conditions.push(column.any(&wanted));
    }
}

fn trust_key(trust: f32) -> i64 {
    // Adding zero turns -0 into +0.
    i64::from((trust + 0.0).to_bits())
}

fn fields(metadata: &Metadata) -> Vec<(&str, FieldValue<'_>)> {
    metadata.iter().map(|(name, inner)| (name.as_str(), value(inner))).collect()
}

fn value(inner: &MetaValue) -> FieldValue<'_> {
    match inner {
        MetaValue::Null => FieldValue::Null,
        MetaValue::Bool(flag) => FieldValue::Bool(*flag),
        MetaValue::Int(number) => FieldValue::Int(*number),
        MetaValue::Float(number) => FieldValue::Float(*number),
        MetaValue::Text(text) => FieldValue::Text(text),
        MetaValue::List(elements) => FieldValue::List(elements.iter().map(value).collect()),
        MetaValue::Map(nested) => FieldValue::Map(fields(nested)),
    }
}

fn test(test: &MetaTest) -> FieldTest<'_> {
    match test {
        MetaTest::Equal(wanted) => FieldTest::Equal(value(wanted)),
        MetaTest::NotEqual(wanted) => FieldTest::NotEqual(value(wanted)),
        MetaTest::Less(wanted) => FieldTest::Less(value(wanted)),
        MetaTest::AtMost(wanted) => FieldTest::AtMost(value(wanted)),
        MetaTest::Greater(wanted) => FieldTest::Greater(value(wanted)),
        MetaTest::AtLeast(wanted) => FieldTest::AtLeast(value(wanted)),
        MetaTest::In(wanted) => FieldTest::In(wanted.iter().map(value).collect()),
        MetaTest::Like(pattern) => FieldTest::Like(pattern),
        MetaTest::Exists => FieldTest::Exists,
        MetaTest::Missing => FieldTest::Missing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::{MetaCondition, OwnField};
    use crate::model::{MemoryContent, Source};
    use engram_store::{CommitTime, Lsn};

    fn memory(n: i64) -> Arc<Memory> {
        let pick = |names: &[&str], by: i64| names[(n / by) as usize % names.len()].to_owned();
        let mut metadata = Metadata::new();
        if n % 3 > 0 {
            metadata.insert("n".to_owned(), MetaValue::Int(n % 10));
        }
        if n % 4 == 0 {
            metadata.insert("n".to_owned(), MetaValue::Float(n as f64 / 2.0));
        }
        Arc::new(Memory {
            reconsolidation: None,
            id: format!("m{n}"),
            version: 1,
            lsn: Lsn(n as u64 + 2),
            position: 0,
            committed_at: CommitTime(n * 10),
            principal: String::new(),
            content: MemoryContent {
                kind: Kind::ALL[n as usize % 4],
                session: pick(&["", "a", "b"], 1),
                place: pick(&["", "here"], 2),
                people: vec![pick(&["Ada", "Bob", "Cy"], 3)],
                tags: vec![pick(&["x", "y"], 1), pick(&["y", "z"], 2)],
                occurred_at: (n % 2 == 0).then_some(1_000 - n),
                expires_at: (n % 5 == 0).then_some(n),
                source: Source {
                    kind: pick(&["", "chat"], 1),
                    reference: pick(&["r1", "r2"], 2),
                    trust: (n % 3 == 0).then_some((n % 10) as f32 / 10.0),
                },
                metadata,
                valid_from: (n % 3 > 0).then_some(n),
                valid_until: (n % 4 > 0).then_some(n + 20),
                ..MemoryContent::default()
            },
            content_hash: [0; 16],
            first_committed_at: CommitTime(n * 10),
            reason: String::new(),
        })
    }

    fn filters() -> Vec<Filter> {
        let text = |value: &str| value.to_owned();
        let meta = |test: MetaTest| Filter {
            metadata: vec![MetaCondition { path: vec![text("n")], test }],
            ..Filter::default()
        };
        let own = |field: OwnField, test: MetaTest| Filter {
            fields: vec![OwnCondition { field, test }],
            ..Filter::default()
        };
        let tagged = Filter { tags_all: vec![text("x"), text("z")], ..Filter::default() };
        let by_ada = Filter { people_any: vec![text("Ada"), text("Zoe")], ..Filter::default() };
        let range = TimeRange { from: Some(900), until: Some(980) };
        vec![
            Filter::default(),
            tagged.clone(),
            by_ada.clone(),
            Filter { tags_any: vec![text("y")], ..Filter::default() },
            Filter { kinds: vec![Kind::Fact, Kind::Belief], ..Filter::default() },
            Filter { session: Some(text("a")), place: Some(text("here")), ..Filter::default() },
            Filter { session: Some(String::new()), ..Filter::default() },
            Filter { source_kind: Some(text("chat")), ..Filter::default() },
            Filter { source_reference: Some(text("r2")), ..Filter::default() },
            Filter { min_trust: Some(0.3), ..Filter::default() },
            Filter { occurred: range, ..Filter::default() },
            Filter { committed: range, ..Filter::default() },
            Filter { ids: vec![text("m3"), text("nobody")], ..Filter::default() },
            Filter { valid_at: Some(60), ..Filter::default() },
            Filter { valid_at: Some(i64::MAX), ..Filter::default() },
            meta(MetaTest::like("%")),
            own(OwnField::Session, MetaTest::Missing),
            own(OwnField::Place, MetaTest::like("h_r%")),
            own(OwnField::Trust, MetaTest::Greater(MetaValue::Float(0.45))),
            own(OwnField::Lsn, MetaTest::AtMost(MetaValue::Int(17))),
            meta(MetaTest::Exists),
            meta(MetaTest::Missing),
            meta(MetaTest::Less(MetaValue::Float(4.5))),
            meta(MetaTest::NotEqual(MetaValue::Int(7))),
            Filter { any: vec![tagged.clone(), by_ada.clone()], ..Filter::default() },
            Filter { all: vec![tagged.clone()], none: vec![by_ada], ..Filter::default() },
            Filter { none: vec![tagged, Filter::default()], ..Filter::default() },
        ]
    }

    /// The predicate over one memory is the oracle.
    #[test]
    fn sets_are_what_the_predicate_says() {
        let memories: Vec<Arc<Memory>> = (0..200).map(memory).collect();
        let whole = Columns::build(&memories, "");
        let (left, right) =
            (Columns::build(&memories[..90], ""), Columns::build(&memories[90..], ""));
        let merged = Columns::merge(&[(&left, &Some), (&right, &|local| Some(local + 90))], 200);
        let ids = |wanted: &[String]| {
            let named = (0_u32..).zip(&memories).filter(|(_, memory)| wanted.contains(&memory.id));
            Bitmap::from_ordinals(&named.map(|(local, _)| local).collect::<Vec<_>>())
        };
        let looked_at = |at: i64| {
            let all = (0_u32..).zip(&memories);
            let valid = all.filter(|(_, memory)| memory.validity().holds(at));
            Bitmap::from_ordinals(&valid.map(|(local, _)| local).collect::<Vec<_>>())
        };
        let mut old = Columns::open(&whole.to_bytes(), 200).unwrap();
        assert!(old.valid.is_some());
        old.valid = None;
        let old = Columns::open(&old.to_bytes(), 200).unwrap();
        assert!(old.valid.is_none(), "a chunk of before has no such columns");
        assert!(!old.each_claim(&mut |_, _| {}));
        for filter in filters() {
            let expected: Vec<u32> = (0_u32..)
                .zip(&memories)
                .filter(|(_, memory)| filter.matches(memory))
                .map(|(local, _)| local)
                .collect();
            for columns in [&whole, &merged, &old] {
                let valid_at = |at| columns.valid_at(at).unwrap_or_else(|| looked_at(at));
                let own = |conditions: &[OwnCondition], left: &Bitmap| {
                    let holds = |local: &u32| {
                        let memory = &memories[*local as usize];
                        left.contains(*local) && conditions.iter().all(|own| own.holds(memory))
                    };
                    let all = 0..memories.len() as u32;
                    Bitmap::from_ordinals(&all.filter(holds).collect::<Vec<u32>>())
                };
                let lookups = Lookups { ids: &ids, valid_at: &valid_at, own: &own };
                let found: Vec<u32> = columns.matching(&filter, lookups).iter().collect();
                assert_eq!(found, expected, "{filter:?}");
            }
        }
        let expired: Vec<u32> = whole.expired(20).unwrap().iter().collect();
        assert_eq!(expired, [0, 5, 10, 15, 20]);
    }
}
