//! What a memory that is to be stored would repeat: looked for before the lock, completed under it.
//!
//! Before the lock the published state is searched. Under it come the memories that were published since, those that are
//! queued, and those of the same request: two writers of one text cannot both get in.

use std::collections::HashMap;

use engram_store::Lsn;

use crate::engine::Engine;
use crate::error::EngineError;
use crate::memtable::{DocRef, Snapshot};
use crate::model::{Created, MemoryContent, Remembered, State};
use crate::queue::{DUPLICATES_REPORTED_MAX, Known};
use crate::search::Saying;
use crate::settings::DuplicatePolicy;
use crate::space::{PreparedMemory, Space};

/// What the published state has of what the memories of a request say.
#[derive(Default)]
pub(super) struct Seen {
    /// Memories from this node on were not looked at.
    through: u32,
    /// For each memory of the request.
    pub(super) found: Vec<Vec<Found>>,
}

/// A published memory that says the same.
pub(super) struct Found {
    pub(super) id: String,
    pub(super) lsn: Lsn,
    pub(super) absorbs: bool,
}

/// A memory that says the same, as things stand under the lock.
pub(super) struct Repeated {
    pub(super) id: String,
    pub(super) what: Earlier,
    /// Whether it has all that the new one states.
    pub(super) absorbs: bool,
}

/// Where the earlier memory is.
pub(super) enum Earlier {
    /// Published or queued, with the queued commit that this rests on.
    There(Known, Option<u64>),
    /// Stored by this request, at this place.
    Put(usize),
}

impl Seen {
    /// Searches the published state of a space that does more with repetitions than keep them.
    pub(super) fn search(
        space: &Space,
        items: &[Result<PreparedMemory, EngineError>],
        now_ns: i64,
    ) -> Seen {
        if space.identity.settings.duplicates == DuplicatePolicy::Keep {
            return Seen::default();
        }
        let snapshot = space.snapshot.load_full();
        let recallable = |at: DocRef| {
            snapshot.state(at) == Some(State::Active) && !snapshot.is_expired(at, now_ns)
        };
        let found = |item: &Result<PreparedMemory, EngineError>| {
            let Ok(memory) = item else { return Vec::new() };
            let Some(vectors) = &memory.vectors else { return Vec::new() };
            let asked = (memory.content.text.as_str(), vectors.first().map(Vec::as_slice));
            let same = snapshot.repeated(asked, &space.analyzer, &recallable).into_iter();
            same.map(|at| found(&snapshot, at, memory)).collect()
        };
        Seen { through: snapshot.next_node, found: items.iter().map(found).collect() }
    }
}

pub(super) fn found(snapshot: &Snapshot, at: DocRef, memory: &PreparedMemory) -> Found {
    let earlier = snapshot.memory(at);
    let absorbs = absorbs(&earlier.content, &memory.content);
    Found { id: earlier.id.clone(), lsn: earlier.lsn, absorbs }
}

impl Engine {
    /// Looks for what the memories that a request stored repeat in other content. Their vectors are searched with.
    ///
    /// # Errors
    /// The space is gone or cannot be read.
    pub fn find_near_duplicates(
        &self,
        space: &str,
        remembered: &mut Remembered,
    ) -> Result<(), EngineError> {
        let space = self.serving(space)?;
        let snapshot = space.snapshot.load_full();
        let now_ns = self.now_ns();
        for item in remembered.items.iter_mut().flatten() {
            let stored = snapshot.find(&item.id).map(|(at, _)| (at, snapshot.node(at)));
            let Some((at, node)) = stored.filter(|_| item.created == Created::Now) else {
                continue;
            };
            let recallable = |other: DocRef| {
                snapshot.node(other) < node
                    && snapshot.state(other) == Some(State::Active)
                    && !snapshot.is_expired(other, now_ns)
            };
            let (memory, vectors) = (snapshot.memory(at), snapshot.vectors(at));
            let asked = (memory.content.text.as_str(), vectors.first().map(Vec::as_slice));
            let same = snapshot.repeated(asked, &space.analyzer, &recallable).into_iter();
            let ids = same.map(|at| snapshot.head(at).id.clone());
            let others = ids.filter(|id| !item.duplicates.contains(id));
            item.near_duplicates = Some(others.take(DUPLICATES_REPORTED_MAX).collect());
        }
        space.sound(Ok(()))
    }
}

/// What was published between the search and the lock, by what it says.
pub(super) type Since = HashMap<Saying, Vec<DocRef>>;

/// The memories that were published behind those that were searched.
pub(super) fn since(seen: &Seen, snapshot: &Snapshot) -> Since {
    let mut since = Since::new();
    if seen.found.is_empty() {
        return since;
    }
    for at in snapshot.places_from(seen.through) {
        if let Some(saying) = Saying::of(&snapshot.memory(at).content.text) {
            since.entry(saying).or_default().push(at);
        }
    }
    since
}

/// Whether an earlier memory has all that a new one states, apart from where it comes from and when it happened: then nothing
/// is lost that is not in the log. How long a memory holds must be the same; other fields may be missing in the new one.
pub(super) fn absorbs(earlier: &MemoryContent, new: &MemoryContent) -> bool {
    let MemoryContent {
        kind,
        title,
        // The words are the same, or this is not asked.
        text: _,
        session,
        // The time of the repetition.
        occurred_at: _,
        occurred_until,
        place,
        people,
        entities,
        tags,
        metadata,
        // In the log, and what makes it evidence; its trust must be the same, or one of both would get the other's.
        source,
        subject,
        attribute,
        confidence,
        importance,
        valid_from,
        valid_until,
        expires_at,
        decay,
    } = new;
    let text = |new: &String, earlier: &String| new.is_empty() || new == earlier;
    let list = |new: &[String], earlier: &[String]| new.iter().all(|one| earlier.contains(one));
    *kind == earlier.kind
        && source.trust == earlier.source.trust
        && text(title, &earlier.title)
        && text(session, &earlier.session)
        && text(place, &earlier.place)
        && text(subject, &earlier.subject)
        && text(attribute, &earlier.attribute)
        && list(people, &earlier.people)
        && list(entities, &earlier.entities)
        && list(tags, &earlier.tags)
        && metadata.iter().all(|(name, value)| earlier.metadata.get(name) == Some(value))
        && (occurred_until.is_none() || *occurred_until == earlier.occurred_until)
        && (confidence.is_none() || *confidence == earlier.confidence)
        && (importance.is_none() || *importance == earlier.importance)
        && (*valid_from, *valid_until) == (earlier.valid_from, earlier.valid_until)
        && *expires_at == earlier.expires_at
        && *decay == earlier.decay
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_new_memory_states_must_be_there_already() {
        let earlier = MemoryContent {
            title: "Move".into(),
            text: "Ada moved to Zurich.".into(),
            people: vec!["Ada".into(), "Bob".into()],
            expires_at: Some(9),
            ..MemoryContent::default()
        };
        let with = |change: &dyn Fn(&mut MemoryContent)| {
            let mut new = MemoryContent { expires_at: Some(9), ..MemoryContent::default() };
            change(&mut new);
            absorbs(&earlier, &new)
        };
        assert!(with(&|_| {}));
        assert!(with(&|new| new.people = vec!["Bob".into()]));
        assert!(with(&|new| new.source.reference = "chat/7".into()));
        assert!(with(&|new| new.occurred_at = Some(5)));
        assert!(!with(&|new| new.people = vec!["Eve".into()]));
        assert!(!with(&|new| new.session = "s".into()));
        assert!(!with(&|new| new.title = "Relocation".into()));
        assert!(!with(&|new| new.confidence = Some(0.5)));
        assert!(
            !with(&|new| new.expires_at = None),
            "it must not be forgotten with the earlier one"
        );
        assert!(!with(&|new| new.valid_until = Some(7)));
        assert!(!with(&|new| new.source.trust = Some(0.9)), "its source is trusted less");
    }
}
