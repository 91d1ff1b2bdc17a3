//! A dictionary of titles as bytes. Neither the form of the trie nor a hash is among them: both may change with the
//! program, and are made again in one pass.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::sync::Arc;

use super::{
    BRANCH_BITS, Entry, Initial, LEAF_ENTRIES_MAX, Node, TITLE_TOKENS_MAX, TitleMatcher, hash_of,
    slot,
};
use crate::bytes::{IndexDamage, Input, put_len, put_varint};

/// Number of titles of each length that start with a token.
type Lengths<'a> = HashMap<&'a str, Vec<(u8, u32)>, BuildHasherDefault<std::hash::DefaultHasher>>;

impl TitleMatcher {
    /// The dictionary as bytes. The same titles give the same bytes, in whatever order they came and went.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut entries = Vec::new();
        collect(&self.root, &mut entries);
        entries.sort_unstable_by(|a, b| a.tokens.cmp(&b.tokens));
        let mut bytes = Vec::new();
        put_len(entries.len(), &mut bytes);
        for entry in entries {
            put_varint(entry.tokens.len() as u64, &mut bytes);
            bytes.extend_from_slice(entry.tokens.as_bytes());
            put_varint(entry.keys.len() as u64, &mut bytes);
            let mut before = 0;
            for (key, initial) in &entry.keys {
                put_varint(key - before, &mut bytes);
                bytes.push(u8::from(*initial == Initial::Capital));
                before = *key;
            }
        }
        bytes
    }

    /// Takes back the bytes of [`TitleMatcher::to_bytes`]: finds what the dictionary found, and grows and shrinks as it did.
    ///
    /// # Errors
    /// The bytes are no dictionary. No bytes make it panic.
    pub fn open(bytes: &[u8]) -> Result<TitleMatcher, IndexDamage> {
        let mut input = Input::new(bytes);
        let count = input.len()?;
        let mut lengths = Lengths::default();
        let mut sequences: Vec<(&str, Vec<(u64, Initial)>)> = Vec::new();
        let mut titles = 0;
        for _ in 0..count {
            let tokens = read_tokens(&mut input)?;
            if sequences.last().is_some_and(|(before, _)| *before >= tokens) {
                return Err(IndexDamage("titles do not ascend"));
            }
            let keys = read_keys(&mut input)?;
            titles += keys.len();
            add_length(&mut lengths, tokens, keys.len())?;
            sequences.push((tokens, keys));
        }
        input.end()?;
        let mut entries = Vec::with_capacity(sequences.len() + lengths.len());
        let mut entry = |tokens: &str, keys, lengths| {
            let hash = hash_of(tokens);
            entries.push(Entry { hash, tokens: tokens.into(), keys, lengths });
        };
        for (tokens, keys) in sequences {
            entry(tokens, keys, lengths.remove(tokens).unwrap_or_default());
        }
        for (token, lengths) in lengths {
            entry(token, Vec::new(), lengths);
        }
        Ok(TitleMatcher { root: Arc::new(grown(entries, 0)), titles })
    }
}

/// The sequences that are titles; not those that only start some.
fn collect<'a>(node: &'a Node, found: &mut Vec<&'a Entry>) {
    match node {
        Node::Leaf(entries) => {
            found.extend(entries.iter().filter(|entry| !entry.keys.is_empty()));
        }
        Node::Branch(children) => children.iter().for_each(|child| collect(child, found)),
    }
}

fn read_tokens<'a>(input: &mut Input<'a>) -> Result<&'a str, IndexDamage> {
    let len = usize::try_from(input.varint()?).unwrap_or(usize::MAX);
    let tokens =
        str::from_utf8(input.bytes(len)?).map_err(|_| IndexDamage("a title is no text"))?;
    if tokens.is_empty() || tokens.split(' ').count() > TITLE_TOKENS_MAX {
        return Err(IndexDamage("a title of no or too many tokens"));
    }
    Ok(tokens)
}

fn read_keys(input: &mut Input<'_>) -> Result<Vec<(u64, Initial)>, IndexDamage> {
    let count = input.varint()?;
    // A key takes two bytes at least.
    let room = usize::try_from(count).unwrap_or(usize::MAX).min(input.remaining() / 2);
    let mut keys: Vec<(u64, Initial)> = Vec::with_capacity(room);
    for _ in 0..count {
        let gap = input.varint()?;
        let initial = match input.u8()? {
            0 => Initial::Other,
            1 => Initial::Capital,
            _ => return Err(IndexDamage("a title with an unknown initial")),
        };
        let key = match keys.last() {
            Some((before, _)) => before.checked_add(gap).filter(|_| gap > 0),
            None => Some(gap),
        };
        keys.push((key.ok_or(IndexDamage("the keys of a title do not ascend"))?, initial));
    }
    if keys.is_empty() {
        return Err(IndexDamage("a title without keys"));
    }
    Ok(keys)
}

/// Notes `count` more titles at the first token of one.
fn add_length<'a>(
    lengths: &mut Lengths<'a>,
    tokens: &'a str,
    count: usize,
) -> Result<(), IndexDamage> {
    let first = tokens.split(' ').next().unwrap_or_default();
    let length = tokens.split(' ').count() as u8;
    let known = lengths.entry(first).or_default();
    let at = known.binary_search_by_key(&length, |known| known.0).unwrap_or_else(|at| {
        known.insert(at, (length, 0));
        at
    });
    let count = u32::try_from(count).ok().and_then(|count| known[at].1.checked_add(count));
    known[at].1 = count.ok_or(IndexDamage("too many titles"))?;
    Ok(())
}

/// The trie of these entries, below nodes that have looked at `shift` bits.
fn grown(entries: Vec<Entry>, shift: u32) -> Node {
    if entries.len() <= LEAF_ENTRIES_MAX || shift >= u64::BITS {
        return Node::Leaf(entries);
    }
    let mut children: [Vec<Entry>; 1 << BRANCH_BITS] = Default::default();
    for entry in entries {
        children[slot(entry.hash, shift)].push(entry);
    }
    Node::Branch(Box::new(children.map(|entries| Arc::new(grown(entries, shift + BRANCH_BITS)))))
}
