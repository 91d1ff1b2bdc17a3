//! The oracle: what was asked of the server, what it answered, and what must therefore be there.

use std::collections::BTreeMap;
use std::time::SystemTime;

use super::content::Content;

/// Refusals that promise that nothing was stored. Of another failed write nobody knows: it may stand in the log.
const NOTHING_STORED: [&str; 4] = ["disk_full", "overloaded", "not_ready", "shutting_down"];
const REQUEST_TIMEOUT: u16 = 408;

/// One request and its answer.
pub(crate) struct Deed {
    pub(crate) what: Request,
    pub(crate) sent: SystemTime,
    pub(crate) answer: Answer,
}

pub(crate) enum Request {
    CreateSpace(String),
    DeleteSpace(String),
    /// One commit: all of them or none.
    Remember {
        space: String,
        memories: Vec<(String, Content)>,
    },
    Delete {
        space: String,
        ids: Vec<String>,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer {
    /// With the LSN of the commit, where the answer has one.
    Acknowledged(Option<u64>),
    Refused {
        status: u16,
        code: String,
    },
    /// The connection broke, or nothing came.
    Silent(String),
}

impl Answer {
    /// The code of a refusal.
    pub(crate) fn refusal(&self) -> Option<&str> {
        if let Answer::Refused { code, .. } = self { Some(code) } else { None }
    }

    /// What the answer proves.
    pub(super) fn certainty(&self) -> Certainty {
        match self {
            Answer::Acknowledged(_) => Certainty::Done,
            Answer::Refused { status, code } => {
                let client = (400..500).contains(status) && *status != REQUEST_TIMEOUT;
                if client || NOTHING_STORED.contains(&code.as_str()) {
                    Certainty::Undone
                } else {
                    Certainty::Open
                }
            }
            Answer::Silent(_) => Certainty::Open,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Certainty {
    Done,
    Undone,
    Open,
}

/// What must be true of a space or a memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    There,
    Gone,
    /// It was sent to be stored or deleted, and no answer tells whether it was: with all of the same request it is
    /// there, or with none.
    Open {
        request: u64,
    },
}

#[derive(Clone)]
pub(super) struct Entry {
    pub(super) content: Content,
    pub(super) fate: Fate,
    /// Of the commit that stored it; absent until it is known.
    pub(super) lsn: Option<u64>,
}

#[derive(Clone)]
pub(super) struct SpaceEntry {
    pub(super) fate: Fate,
    pub(super) memories: BTreeMap<String, Entry>,
}

/// All spaces that were ever asked for.
#[derive(Clone, Default)]
pub(crate) struct Ledger {
    pub(super) spaces: BTreeMap<String, SpaceEntry>,
    requests: u64,
    acknowledged: u64,
}

impl Ledger {
    /// How many requests were acknowledged so far.
    pub(crate) fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// How many memories must be there.
    pub(crate) fn memories(&self) -> usize {
        self.live().count()
    }

    pub(super) fn has(&self, space: &str) -> bool {
        self.spaces.get(space).is_some_and(|space| space.fate == Fate::There)
    }

    /// The memories of a space that is in the ledger.
    pub(super) fn memories_of(&mut self, space: &str) -> &mut BTreeMap<String, Entry> {
        &mut self.spaces.get_mut(space).expect("asked for spaces in the ledger only").memories
    }

    /// Memories that are certainly there, in spaces that are.
    pub(super) fn live(&self) -> impl Iterator<Item = (&str, &str, &Entry)> {
        let spaces = self.spaces.iter().filter(|(_, space)| space.fate == Fate::There);
        spaces.flat_map(|(name, space)| {
            let there = space.memories.iter().filter(|(_, entry)| entry.fate == Fate::There);
            there.map(move |(id, entry)| (name.as_str(), id.as_str(), entry))
        })
    }

    /// Takes over what writers did. Two requests about the same memory must be of one writer, and in its order.
    pub(crate) fn note(&mut self, deeds: Vec<Deed>) {
        for deed in deeds {
            self.requests += 1;
            let certainty = deed.answer.certainty();
            self.acknowledged += u64::from(certainty == Certainty::Done);
            if certainty == Certainty::Undone {
                continue;
            }
            let open = Fate::Open { request: self.requests };
            let settled = |fate| if certainty == Certainty::Done { fate } else { open };
            match deed.what {
                Request::CreateSpace(name) => {
                    let entry =
                        SpaceEntry { fate: settled(Fate::There), memories: BTreeMap::new() };
                    self.spaces.insert(name, entry);
                }
                Request::DeleteSpace(name) => {
                    let space =
                        self.spaces.get_mut(&name).expect("writers delete what they created");
                    space.fate = settled(Fate::Gone);
                }
                Request::Remember { space, memories } => {
                    let lsn = if let Answer::Acknowledged(lsn) = deed.answer { lsn } else { None };
                    let space = self
                        .spaces
                        .get_mut(&space)
                        .expect("writers use spaces that were acknowledged");
                    for (id, content) in memories {
                        space
                            .memories
                            .insert(id, Entry { content, fate: settled(Fate::There), lsn });
                    }
                }
                Request::Delete { space, ids } => {
                    let space = self
                        .spaces
                        .get_mut(&space)
                        .expect("writers use spaces that were acknowledged");
                    for id in ids {
                        let entry =
                            space.memories.get_mut(&id).expect("writers delete what they stored");
                        entry.fate = settled(Fate::Gone);
                    }
                }
            }
        }
    }
}
