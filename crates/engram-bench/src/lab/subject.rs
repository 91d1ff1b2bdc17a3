//! The subject of an experiment: a space, and a clock that goes where the experiment wants it.

use engram_api::{
    CreateSpaceRequest, GetRequest, LawName, MemoryInput, RememberRequest, SpaceDecay,
    StrengthView, WaitName,
};
use engram_client::SpaceClient;

use crate::failure::BenchError;
use crate::local::LocalServer;

/// When experiments begin: 2026-01-01T00:00:00Z.
pub(super) const START_NS: i64 = 1_767_225_600_000_000_000;
pub(super) const SECOND_NS: i64 = 1_000_000_000;
pub(super) const MINUTE_NS: i64 = 60 * SECOND_NS;
pub(super) const HOUR_NS: i64 = 60 * MINUTE_NS;
pub(super) const DAY_NS: i64 = 24 * HOUR_NS;

/// A space of its own.
pub(super) struct Subject<'a> {
    server: &'a LocalServer,
    pub(super) client: SpaceClient,
}

impl<'a> Subject<'a> {
    /// A new space whose memories fade by that law.
    pub(super) fn new(
        server: &'a LocalServer,
        name: &str,
        law: LawName,
    ) -> Result<Subject<'a>, BenchError> {
        server.clock.set(START_NS);
        server.client.create_space(&CreateSpaceRequest {
            name: name.to_owned(),
            decay: Some(SpaceDecay { law, stability_days: None }),
            ..CreateSpaceRequest::default()
        })?;
        Ok(Subject { server, client: server.client.space(name) })
    }

    /// Stores a memory at a time and waits until it is associated: a text that was there before is a repetition then.
    pub(super) fn study(&self, at_ns: i64, memory: MemoryInput) -> Result<(), BenchError> {
        self.server.clock.set(at_ns);
        let wait = Some(WaitName::Links);
        self.client.remember(&RememberRequest { memory, idempotency_key: None, wait })?;
        Ok(())
    }

    /// How strong a memory is at a time.
    pub(super) fn strength(&self, at_ns: i64, id: &str) -> Result<StrengthView, BenchError> {
        self.server.clock.set(at_ns);
        let request = GetRequest { id: id.to_owned(), ..GetRequest::default() };
        Ok(self.client.get(&request)?.strength)
    }
}

/// A memory with an id and a text.
pub(super) fn item(id: impl Into<String>, text: impl Into<String>) -> MemoryInput {
    MemoryInput { id: Some(id.into()), text: Some(text.into()), ..MemoryInput::default() }
}

/// A time as people say it.
pub(super) fn lag(ns: i64) -> String {
    match ns {
        ns if ns < MINUTE_NS => format!("{} s", ns / SECOND_NS),
        ns if ns < HOUR_NS => format!("{} min", ns / MINUTE_NS),
        ns if ns < DAY_NS => format!("{} h", ns / HOUR_NS),
        ns => format!("{} d", ns / DAY_NS),
    }
}
