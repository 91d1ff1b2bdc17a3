//! The changes of a space as they happen, over connections that may break.
//!
//! The place in the log is known before the first event is waited for, so nothing between two connections is lost: what the server
//! keeps is told, and what it does not keep is told to be missed.

use std::thread::sleep;
use std::time::{Duration, Instant};

use engram_api::{ChangesRequest, CommitView, Method, MissedView};

use crate::call::path;
use crate::client::SpaceClient;
use crate::error::ClientError;
use crate::events::Event;
use crate::stream::EventStream;

/// What a feed of changes tells.
#[derive(Clone, Debug, PartialEq)]
pub enum ChangeEvent {
    /// What one commit changed.
    Commit(CommitView),
    /// Changes that the server does not keep any more: read what the space holds now.
    Missed(MissedView),
    /// Nothing changed for some seconds; [`ChangeFeed::lsn`] may have moved.
    Alive,
    /// The connection is lost, and why. The feed goes on trying for [`crate::ClientOptions::follow_away_max`]; told once for each loss.
    Away(ClientError),
}

/// An iterator over the changes of a space that waits for what is to come. It goes on where it was when its connection breaks or the
/// server is away for a while, and ends after an error that does not pass.
#[derive(Debug)]
pub struct ChangeFeed {
    space: SpaceClient,
    /// The last commit that was seen; none before the server was asked.
    place: Option<u64>,
    stream: Option<EventStream>,
    /// There was a stream: the address is one of a server that has such a space.
    was_open: bool,
    loss: Option<Loss>,
    ended: bool,
}

/// A time without events after a connection broke.
#[derive(Debug)]
struct Loss {
    since: Instant,
    tries: u32,
    wait: Duration,
}

impl SpaceClient {
    /// Follows the changes of the space behind a commit, or those that come from now on.
    pub fn follow_changes(&self, after: Option<u64>) -> ChangeFeed {
        ChangeFeed {
            space: self.clone(),
            place: after,
            stream: None,
            was_open: false,
            loss: None,
            ended: false,
        }
    }
}

impl ChangeFeed {
    /// Where to go on: every change up to this commit was told. None before the first one was asked for.
    pub fn lsn(&self) -> Option<u64> {
        self.place
    }

    /// What comes next; none for events of a later server that are not known here.
    fn step(&mut self) -> Result<Option<ChangeEvent>, ClientError> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => self.open()?,
        };
        let Some(event) = stream.next()? else {
            let (url, message) = (stream.url().to_owned(), "the stream ended".to_owned());
            return Err(ClientError::Transport { url, message, timed_out: false });
        };
        let told = read(&stream, &event)?;
        let place = event.id.as_deref().and_then(|id| id.parse().ok());
        let place = place.ok_or_else(|| stream.strange(&event, "the event names no commit"))?;
        self.place = Some(place);
        self.loss = None;
        self.stream = Some(stream);
        Ok(told)
    }

    fn open(&mut self) -> Result<EventStream, ClientError> {
        if let Some(loss) = &self.loss {
            sleep(loss.wait);
        }
        let place = match self.place {
            Some(place) => place,
            None => self.space.changes(&ChangesRequest::default())?.lsn,
        };
        self.place = Some(place);
        let path = path("changes", Method::Get, self.space.name());
        let stream = self.space.transport().listen(&path, place)?;
        self.was_open = true;
        Ok(stream)
    }

    /// Whether what happened passes, and the server may still come back.
    fn comes_back(&self, error: &ClientError) -> bool {
        let passes = match error {
            ClientError::Api(problem) => problem.retryable,
            ClientError::Transport { .. } => true,
            // Whoever stands before the server says that it is away.
            ClientError::Decode { status, .. } => matches!(status, 502..=504),
            ClientError::BaseUrl { .. } => false,
        };
        let patience = self.space.transport().options().follow_away_max;
        let patient = self.loss.as_ref().is_none_or(|loss| loss.since.elapsed() < patience);
        self.was_open && passes && patient
    }

    /// Notes a try that brought nothing; true for the first one since the last event.
    fn lost(&mut self, error: &ClientError) -> bool {
        let first = self.loss.is_none();
        let fresh = || Loss { since: Instant::now(), tries: 0, wait: Duration::ZERO };
        let loss = self.loss.get_or_insert_with(fresh);
        loss.wait = self.space.transport().wait(error.problem(), loss.tries);
        loss.tries += 1;
        first
    }
}

impl Iterator for ChangeFeed {
    type Item = Result<ChangeEvent, ClientError>;

    fn next(&mut self) -> Option<Result<ChangeEvent, ClientError>> {
        while !self.ended {
            match self.step() {
                Ok(Some(event)) => return Some(Ok(event)),
                Ok(None) => {}
                Err(error) if !self.comes_back(&error) => {
                    self.ended = true;
                    return Some(Err(error));
                }
                Err(error) => {
                    if self.lost(&error) {
                        return Some(Ok(ChangeEvent::Away(error)));
                    }
                }
            }
        }
        None
    }
}

fn read(stream: &EventStream, event: &Event) -> Result<Option<ChangeEvent>, ClientError> {
    Ok(match event.name.as_str() {
        "commit" => Some(ChangeEvent::Commit(stream.value(event)?)),
        "missed" => Some(ChangeEvent::Missed(stream.value(event)?)),
        "alive" => Some(ChangeEvent::Alive),
        _ => None,
    })
}
