//! Names of the objects of a repository.

use engram_store::{Lsn, SpaceId};

use crate::hex;

/// What a repository says of itself.
pub(crate) const REPOSITORY: &str = "repository";
/// Whose log it archives.
pub(crate) const OWNER: &str = "owner";
/// Who is at work in it.
pub(crate) const LEASE: &str = "lease";
pub(crate) const BACKUPS: &str = "backups/";
pub(crate) const CHECKS: &str = "checks/";
pub(crate) const HEARTBEATS: &str = "archive/";
pub(crate) const LOG: &str = "log/";
pub(crate) const OBJECTS: &str = "objects/";
pub(crate) const PINS: &str = "pins/";
pub(crate) const POINTS: &str = "points/";
pub(crate) const TIMELINES: &str = "timelines/";

/// The object of a file of a space, or of a graph.
pub(crate) fn object(space: SpaceId, hash: &[u8; 32]) -> String {
    format!("{OBJECTS}{space}/{}", hex::encode(hash))
}

pub(crate) fn backup(id: &str) -> String {
    format!("{BACKUPS}{id}")
}

pub(crate) fn pin(id: &str) -> String {
    format!("{PINS}{id}")
}

pub(crate) fn point(name: &str) -> String {
    format!("{POINTS}{name}")
}

/// Checks of one backup stand below this.
pub(crate) fn checks_of(id: &str) -> String {
    format!("{CHECKS}{id}/")
}

pub(crate) fn timeline(timeline: u32) -> String {
    format!("{TIMELINES}{timeline:08x}")
}

pub(crate) fn heartbeat(timeline: u32) -> String {
    format!("{HEARTBEATS}{timeline:08x}")
}

/// The number at the end of the key of a timeline or a heartbeat.
pub(crate) fn timeline_of(key: &str) -> Option<u32> {
    u32::from_str_radix(key.rsplit('/').next()?, 16).ok()
}

/// What the key of a piece of the log says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PieceName {
    pub(crate) space: SpaceId,
    pub(crate) timeline: u32,
    pub(crate) first: Lsn,
    pub(crate) last: Lsn,
    /// Chain of the space after the last commit.
    pub(crate) chain: [u8; 16],
}

impl PieceName {
    pub(crate) fn key(&self) -> String {
        let PieceName { space, timeline, first, last, chain } = self;
        let chain = hex::encode(chain);
        format!("{LOG}{space}/{timeline:08x}-{:016x}-{:016x}-{chain}", first.0, last.0)
    }

    /// Reads a key back; none where it is no piece.
    pub(crate) fn parse(key: &str) -> Option<PieceName> {
        let (space, rest) = key.strip_prefix(LOG)?.split_once('/')?;
        let mut parts = rest.split('-');
        let timeline = u32::from_str_radix(parts.next()?, 16).ok()?;
        let first = Lsn(u64::from_str_radix(parts.next()?, 16).ok()?);
        let last = Lsn(u64::from_str_radix(parts.next()?, 16).ok()?);
        let chain = hex::decode_array(parts.next()?)?;
        let name = PieceName { space: SpaceId::parse(space)?, timeline, first, last, chain };
        (parts.next().is_none() && name.key() == key && first <= last).then_some(name)
    }
}

/// Whether a name that somebody gave can be one.
pub(crate) fn is_name(name: &str) -> bool {
    let allowed =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
    (1..=64).contains(&name.len()) && name.bytes().all(allowed) && !name.starts_with('.')
}
