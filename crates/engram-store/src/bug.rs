//! [`Bug`]: deliberate bugs, each of a kind that real databases had, to prove that the simulator finds them.
//!
//! They exist only where the feature `deliberate-bugs` is on, which nothing that is shipped turns on: without it
//! [`Bug::is_on`] is a constant, and the compiler leaves nothing of them. A bug is on for the thread that turned it on; nothing
//! below the server starts another one.

/// What can be wrong on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// The log acknowledges what it wrote and never syncs it.
    AcknowledgedUnsynced,
    /// A failed sync of the log is tried again, and the second success is believed (PostgreSQL before 12).
    SyncRetried,
    /// A failed write poisons nothing: the log goes on.
    PoisonForgotten,
    /// The directory is not synced after a log segment got its name.
    SegmentNameUnsynced,
    /// A spare segment is used again with its old frames in it.
    SpareNotZeroed,
    /// The log does not compare payloads with their checksums.
    PayloadUnchecked,
    /// A torn tail is left out and stays on the disk.
    TornTailKept,
    /// Damage with valid frames behind it is taken for a torn tail.
    DamageTakenForTail,
    /// What recovery found in the page cache is served without being synced.
    TailUnsynced,
    /// A file is renamed over the one that it replaces before its bytes are synced.
    ReplacedUnsynced,
    /// A segment gets its name before its bytes are synced.
    SealedUnsynced,
    /// Blocks of segments are not compared with their checksums.
    BlockUnchecked,
    /// The frames of a space are released before the manifest that replaces them is written.
    ReleasedEarly,
    /// The last commit behind a checkpoint is not replayed.
    ReplayedOneShort,
    /// A checkpoint forgets the idempotency keys.
    KeysForgotten,
    /// A checkpoint forgets what was learned.
    TracesForgotten,
    /// A checkpoint forgets which memories are superseded.
    SuccessionsForgotten,
    /// A merge of chunks brings back what was deleted in them.
    DeletedRevived,
    /// A merge of chunks drops the older versions of memories.
    VersionsDropped,
    /// Readers see commits before they are durable.
    PublishedEarly,
    /// A cold object is removed before the manifest that names it is replaced.
    ObjectRemovedEarly,
    /// An upload that failed is taken for done, and the local copy goes.
    UploadBelieved,
    /// An answer does not say what the cold store did not give.
    MissingUntold,
    /// A commit counts as archived before its piece is stored.
    ArchivedUnstored,
    /// The log lets go of commits that files cover, whatever the archive lacks.
    ReleasedUnarchived,
    /// The record of a backup is stored before the log that belongs to it.
    RecordedEarly,
    /// A file whose upload failed is taken for stored, and the backup names it.
    SendingBelieved,
    /// An object that is there already is taken for the one that was to be stored.
    ConflictBelieved,
}

impl Bug {
    /// All of them.
    pub const ALL: [Bug; 28] = [
        Bug::AcknowledgedUnsynced,
        Bug::SyncRetried,
        Bug::PoisonForgotten,
        Bug::SegmentNameUnsynced,
        Bug::SpareNotZeroed,
        Bug::PayloadUnchecked,
        Bug::TornTailKept,
        Bug::DamageTakenForTail,
        Bug::TailUnsynced,
        Bug::ReplacedUnsynced,
        Bug::SealedUnsynced,
        Bug::BlockUnchecked,
        Bug::ReleasedEarly,
        Bug::ReplayedOneShort,
        Bug::KeysForgotten,
        Bug::TracesForgotten,
        Bug::SuccessionsForgotten,
        Bug::DeletedRevived,
        Bug::VersionsDropped,
        Bug::PublishedEarly,
        Bug::ObjectRemovedEarly,
        Bug::UploadBelieved,
        Bug::MissingUntold,
        Bug::ArchivedUnstored,
        Bug::ReleasedUnarchived,
        Bug::RecordedEarly,
        Bug::SendingBelieved,
        Bug::ConflictBelieved,
    ];

    /// Whether the code is to be wrong here.
    #[cfg(not(feature = "deliberate-bugs"))]
    #[inline(always)]
    pub const fn is_on(self) -> bool {
        false
    }

    /// Whether the code is to be wrong here.
    #[cfg(feature = "deliberate-bugs")]
    pub fn is_on(self) -> bool {
        ON.get() == Some(self)
    }

    /// Runs `work` with this bug.
    #[cfg(feature = "deliberate-bugs")]
    pub fn during<T>(self, work: impl FnOnce() -> T) -> T {
        let before = ON.replace(Some(self));
        let outcome = work();
        ON.set(before);
        outcome
    }
}

#[cfg(feature = "deliberate-bugs")]
thread_local! {
    static ON: std::cell::Cell<Option<Bug>> = const { std::cell::Cell::new(None) };
}
