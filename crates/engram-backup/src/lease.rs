//! One at a time: whoever adds or removes backups holds the lease of the repository.
//!
//! A process that died leaves its lease behind: the next one of the same data directory takes it over, for there is only one at a time;
//! others wait until it ends by itself. Work that takes long makes it last longer, and ends where it was lost. The archive needs none.

use std::cell::Cell;

use engram_store::{BlobError, Clock};
use serde::{Deserialize, Serialize};

use crate::error::BackupError;
use crate::repository::Repository;
use crate::{hex, keys, time};

/// How long a lease is counted on, ns: six hours.
const LEASE_NS: i64 = 6 * 3_600 * 1_000_000_000;
/// After which time it is made to last longer, ns: a tenth of that, so that one call that takes long harms nobody.
const RENEW_NS: i64 = LEASE_NS / 10;

#[derive(Serialize, Deserialize)]
struct LeaseRecord {
    holder: String,
    /// The data directory whose server it is; none = it is no server.
    #[serde(default)]
    directory: Option<String>,
    what: String,
    since: i64,
    until: i64,
}

/// A held lease; dropping it gives it back.
pub(crate) struct Lease<'a> {
    repository: &'a Repository,
    holder: String,
    /// When it was taken or made to last longer, ns.
    renewed: Cell<i64>,
}

impl<'a> Lease<'a> {
    /// Takes the lease for `what`; `directory` is that of a server.
    ///
    /// # Errors
    /// `Busy` while somebody else has it.
    pub(crate) fn take(
        repository: &'a Repository,
        what: &str,
        directory: Option<&str>,
        clock: &dyn Clock,
    ) -> Result<Lease<'a>, BackupError> {
        let mut holder = [0; 16];
        repository.entropy().fill(&mut holder);
        let since = clock.now_ns();
        let record = LeaseRecord {
            holder: hex::encode(&holder),
            directory: directory.map(str::to_owned),
            what: what.to_owned(),
            since,
            until: since.saturating_add(LEASE_NS),
        };
        let renewed = Cell::new(since);
        match repository.put_new_record(keys::LEASE, &record) {
            Ok(_) => return Ok(Lease { repository, holder: record.holder, renewed }),
            Err(BackupError::Conflict { .. } | BackupError::Store(BlobError::Exists { .. })) => {}
            Err(error) => return Err(error),
        }
        if let Some(held) = repository.record::<LeaseRecord>(keys::LEASE)?
            && held.until > since
            && (directory.is_none() || held.directory.as_deref() != directory)
        {
            return Err(BackupError::Busy {
                what: held.what,
                since: time::text(held.since),
                until: time::text(held.until),
            });
        }
        // Whoever had it is gone. Of two who take it over now the later one has it.
        repository.put_record(keys::LEASE, &record)?;
        match repository.record::<LeaseRecord>(keys::LEASE)? {
            Some(now) if now.holder == record.holder => {
                Ok(Lease { repository, holder: record.holder, renewed })
            }
            _ => Err(BackupError::Busy {
                what: what.to_owned(),
                since: time::text(since),
                until: time::text(record.until),
            }),
        }
    }
}

impl Lease<'_> {
    /// Makes sure that it is still held.
    ///
    /// # Errors
    /// `Busy` when it ended and somebody else took it; `Missing` when that one is through, too.
    pub(crate) fn check(&self) -> Result<(), BackupError> {
        self.held().map(drop)
    }

    /// Makes it last longer, where it was not done for a while.
    ///
    /// # Errors
    /// As [`Lease::check`].
    pub(crate) fn keep(&self, clock: &dyn Clock) -> Result<(), BackupError> {
        let now = clock.now_ns();
        if now.saturating_sub(self.renewed.get()) < RENEW_NS {
            return Ok(());
        }
        let held = self.held()?;
        let record = LeaseRecord { until: now.saturating_add(LEASE_NS), ..held };
        self.repository.put_record(keys::LEASE, &record)?;
        self.renewed.set(now);
        Ok(())
    }

    fn held(&self) -> Result<LeaseRecord, BackupError> {
        match self.repository.record::<LeaseRecord>(keys::LEASE)? {
            Some(held) if held.holder == self.holder => Ok(held),
            Some(held) => Err(BackupError::Busy {
                what: held.what,
                since: time::text(held.since),
                until: time::text(held.until),
            }),
            None => {
                Err(BackupError::Missing { key: keys::LEASE.to_owned(), what: "lease any more" })
            }
        }
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        // One that stays ends by itself; that of somebody else is left alone.
        if self.check().is_ok() {
            let _ = self.repository.delete(keys::LEASE);
        }
    }
}
