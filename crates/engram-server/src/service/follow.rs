//! Following the changes of a space. Nobody waits with a thread or a place among the requests: whoever follows is woken.

use std::sync::Arc;
use std::time::Duration;

use engram_api::{ChangesRequest, ChangesResponse, ErrorCode};
use engram_engine::{Engine, FeedPage};
use engram_store::{Lsn, SpaceId};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use crate::auth::Caller;
use crate::convert;
use crate::lanes::Lane;
use crate::node::{Node, Phase};
use crate::quotas::SpacePlace;
use crate::refusal::Refusal;
use crate::service::call::{Answer, Call, Codec};

/// Commits of a page that asks for no number.
const COMMITS_DEFAULT: u32 = 100;
/// Longest wait for a page, seconds; shorter where a request may take less.
const WAIT_SECONDS_MAX: u32 = 60;

/// Somebody who follows a space.
pub(crate) struct Follower {
    node: Arc<Node>,
    caller: Caller,
    space: String,
    /// Another space of the same name has another history.
    id: SpaceId,
    /// Nothing followed the last page when it was read.
    has_all: bool,
    codec: Codec,
    /// The last commit that was seen.
    after: Lsn,
    limit: usize,
    wait: Duration,
    /// The time that the request has.
    request_limit: Duration,
    heard: watch::Receiver<()>,
    /// Its place among the requests of the space.
    _place: SpacePlace,
}

/// Begins to follow. Runs where waiting is allowed: the space may have to be opened.
pub(crate) fn follow(node: &Arc<Node>, engine: &Engine, call: &Call) -> Result<Follower, Refusal> {
    let request: ChangesRequest = call.decode()?;
    let wait = request.wait_seconds.unwrap_or(0);
    if wait > WAIT_SECONDS_MAX {
        let detail = format!("wait_seconds lies between 0 and {WAIT_SECONDS_MAX}");
        return Err(Refusal::new(ErrorCode::OutOfRange, detail).with_field("wait_seconds"));
    }
    let id = engine.space(&call.space)?.id;
    // Before the state is looked at: what changes from then on is heard.
    let heard = node.bells.hear(&call.space);
    let limit = request.limit.unwrap_or(COMMITS_DEFAULT) as usize;
    let after = match request.after {
        Some(after) => Lsn(after),
        None => engine.changed_through(&call.space)?,
    };
    // What is wrong with the place is told at once.
    engine.changes(&call.space, after, limit)?;
    Ok(Follower {
        node: Arc::clone(node),
        caller: call.caller.clone(),
        space: call.space.clone(),
        id,
        has_all: false,
        codec: call.codec,
        after,
        limit,
        wait: Duration::from_secs(wait.into()),
        request_limit: call.limit,
        heard,
        _place: None,
    })
}

impl Follower {
    /// Keeps its place for as long as it follows.
    pub(crate) fn holding(self, place: SpacePlace) -> Follower {
        Follower { _place: place, ..self }
    }

    /// Goes on behind another commit.
    pub(crate) fn resume(&mut self, after: u64) {
        self.after = Lsn(after);
    }

    /// The last commit that was told.
    pub(crate) fn place(&self) -> u64 {
        self.after.0
    }

    /// The last commit of the space, as far as it is known without opening it.
    pub(crate) fn newest(&self) -> u64 {
        let newest = || {
            let engine = self.node.engine().ok().filter(|engine| engine.is_open(&self.space))?;
            engine.changed_through(&self.space).ok()
        };
        newest().map_or(self.after.0, |newest| newest.0)
    }

    /// How long a listener may keep it waiting.
    pub(crate) fn patience(&self) -> Duration {
        self.node.settings.limits.request_timeout
    }

    /// One page, after the wait that the request allows; it may be empty.
    pub(crate) async fn once(mut self) -> Result<Answer, Refusal> {
        // The answer must be on its way before the request runs out of time.
        let wait = self.wait.min(self.request_limit * 3 / 4);
        let page = self.next(wait).await?;
        Ok(self.codec.answer(&page))
    }

    /// What comes next, as soon as something does; after `patience` a page without commits.
    pub(crate) async fn next(&mut self, patience: Duration) -> Result<ChangesResponse, Refusal> {
        let until = Instant::now() + patience;
        loop {
            self.node.access.still(&self.caller)?;
            // A space that nobody changes is not kept open by who follows it.
            if self.has_all
                && !self.heard.has_changed().unwrap_or(true)
                && self.waited(until).await?
            {
                self.node.access.still(&self.caller)?;
                return Ok(ChangesResponse {
                    commits: Vec::new(),
                    lsn: self.after.0,
                    missed: None,
                });
            }
            self.heard.mark_unchanged();
            let after = self.after;
            let page = self.page().await?;
            self.after = page.lsn;
            self.has_all = page.commits.len() < self.limit;
            if !page.commits.is_empty() || page.missed_before.is_some() {
                return Ok(convert::changes_response(after, page));
            }
        }
    }

    /// A message as it is sent over the door that it came through.
    pub(crate) fn message(&self, page: &ChangesResponse) -> Answer {
        self.codec.answer(page)
    }

    async fn page(&self) -> Result<FeedPage, Refusal> {
        self.node.access.still(&self.caller)?;
        let engine = Arc::clone(self.node.engine()?);
        if engine.space(&self.space)?.id != self.id {
            let detail = format!("the space {:?} that was followed was deleted", self.space);
            return Err(Refusal::new(ErrorCode::SpaceNotFound, detail));
        }
        if engine.is_open(&self.space) {
            return Ok(engine.changes(&self.space, self.after, self.limit)?);
        }
        let (space, after, limit) = (self.space.clone(), self.after, self.limit);
        let read = move || engine.changes(&space, after, limit);
        let ran = self.node.lanes.run(Lane::Waiting, read).await;
        Ok(ran.map_err(|panic| self.node.panicked(panic))??)
    }

    /// Waits for a change; true when the time is over.
    async fn waited(&mut self, until: Instant) -> Result<bool, Refusal> {
        let mut phase = self.node.phase.subscribe();
        let ending = phase.wait_for(|phase| *phase != Phase::Ready);
        tokio::select! {
            heard = timeout_at(until, self.heard.changed()) => match heard {
                Ok(Ok(())) => Ok(false),
                // Nobody rings any more: the space is gone, and the next look says so.
                Ok(Err(_)) => {
                    self.heard = self.node.bells.hear(&self.space);
                    Ok(false)
                }
                Err(_) => Ok(true),
            },
            _ = ending => {
                self.node.engine()?;
                Ok(true)
            }
        }
    }
}
