//! An answer that comes event by event.

use std::fmt;

use engram_api::Problem;
use serde::de::DeserializeOwned;
use ureq::BodyReader;

use crate::answer::{answer, broken, unreadable};
use crate::error::ClientError;
use crate::events::{Event, Events};

/// An open stream of events.
pub(crate) struct EventStream {
    events: Events<BodyReader<'static>>,
    status: u16,
    url: String,
}

impl EventStream {
    pub(crate) fn new(events: BodyReader<'static>, status: u16, url: &str) -> EventStream {
        EventStream { events: Events::new(events), status, url: url.to_owned() }
    }

    /// What was called.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The next event; none when the stream has ended.
    ///
    /// # Errors
    /// The connection broke, or the server told a problem, behind which nothing follows.
    pub(crate) fn next(&mut self) -> Result<Option<Event>, ClientError> {
        let event = self.events.next().map_err(|error| broken(error.into(), &self.url))?;
        match event {
            Some(event) if event.name == "problem" => Err(self.problem(&event)),
            other => Ok(other),
        }
    }

    /// What an event says.
    pub(crate) fn value<T: DeserializeOwned>(&self, event: &Event) -> Result<T, ClientError> {
        answer(self.status, event.data.as_bytes(), &self.url)
    }

    /// An event that is not as Engram tells it.
    pub(crate) fn strange(&self, event: &Event, message: &str) -> ClientError {
        unreadable(self.status, event.data.as_bytes(), &self.url, message)
    }

    fn problem(&self, event: &Event) -> ClientError {
        match serde_json::from_str::<Problem>(&event.data) {
            Ok(problem) => ClientError::Api(Box::new(problem)),
            Err(_) => self.strange(event, "the event is no problem"),
        }
    }
}

impl fmt::Debug for EventStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventStream").field("url", &self.url).finish_non_exhaustive()
    }
}
