//! One HTTP request and its answer, with the retries that are safe.

use std::io::ErrorKind;
use std::time::Duration;

use engram_api::{Method, Problem, decode};
use serde::de::DeserializeOwned;
use ureq::http::Response;
use ureq::{Agent, Body, RequestBuilder};

use crate::call::{Call, Repeat};
use crate::error::ClientError;
use crate::events::Events;
use crate::options::ClientOptions;

const EVENT_STREAM: &str = "text/event-stream";
/// Longest silence of a server that is at work: three times as long as it takes to say so.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// A connection pool to one server.
#[derive(Clone, Debug)]
pub(crate) struct Transport {
    agent: Agent,
    options: ClientOptions,
}

impl Transport {
    pub(crate) fn new(mut options: ClientOptions) -> Result<Transport, ClientError> {
        let url = options.base_url.trim_end_matches('/').to_owned();
        let fail = |message| Err(ClientError::BaseUrl { url: url.clone(), message });
        match url.split_once("://") {
            Some(("http" | "https", host)) if !host.is_empty() => {}
            Some(("http" | "https", _)) => return fail("the host is missing"),
            _ => return fail("it must start with http:// or https://"),
        }
        if url.contains(['?', '#', ' ']) {
            return fail("it holds more than scheme, host, port and path");
        }
        options.base_url = url;
        let agent = Agent::config_builder()
            .timeout_connect(Some(options.connect_timeout))
            .timeout_global(Some(options.request_timeout))
            .http_status_as_error(false)
            // Followed, a write could arrive as a read, and the key where it does not belong.
            .max_redirects(0)
            // An address on this machine must not take the way over a proxy of the environment.
            .proxy(None)
            .user_agent(concat!("engram-client/", env!("CARGO_PKG_VERSION")))
            .build()
            .new_agent();
        Ok(Transport { agent, options })
    }

    pub(crate) fn base_url(&self) -> &str {
        &self.options.base_url
    }

    /// Sends the call and reads its answer.
    pub(crate) fn run<T: DeserializeOwned>(&self, call: &Call) -> Result<T, ClientError> {
        let url = format!("{}{}", self.options.base_url, call.path);
        self.repeated(&mut || {
            let answered = self.once(call, &url);
            (answered.and_then(|(status, body)| answer(status, &body, &url)), call.repeat)
        })
    }

    /// Tries again as often as the options allow. Each try says when another one is safe.
    fn repeated<T>(
        &self,
        once: &mut dyn FnMut() -> (Result<T, ClientError>, Repeat),
    ) -> Result<T, ClientError> {
        let mut tries = 0;
        loop {
            let (error, repeat) = match once() {
                (Err(error), repeat) => (error, repeat),
                (good, _) => return good,
            };
            if tries == self.options.retries_max || !may_repeat(&error, repeat) {
                return Err(error);
            }
            std::thread::sleep(self.wait(error.problem(), tries));
            tries += 1;
        }
    }

    /// Sends the call and hands over what it tells of each step; returns what all came to. What is refused before the first step is
    /// sent again like any other. No time limit holds for the whole: a server that is at work says so every few seconds.
    pub(crate) fn follow<T: DeserializeOwned>(
        &self,
        call: &Call,
        told: &mut dyn FnMut(T),
    ) -> Result<T, ClientError> {
        let mut repeat = call.repeat;
        self.repeated(&mut || {
            let answered = self.follow_once(call, &mut |step| {
                repeat = Repeat::Never;
                told(step);
            });
            (answered, repeat)
        })
    }

    fn follow_once<T: DeserializeOwned>(
        &self,
        call: &Call,
        told: &mut dyn FnMut(T),
    ) -> Result<T, ClientError> {
        let url = format!("{}{}", self.options.base_url, call.path);
        let broken = |error: ureq::Error| broken(error, &url);
        let request = self
            .authorized(self.agent.post(&url))
            .config()
            .timeout_global(None)
            .timeout_recv_response(Some(self.options.request_timeout))
            .timeout_per_read(Some(self.options.request_timeout.max(SILENCE_MAX)))
            .build()
            .header("accept", EVENT_STREAM)
            .header("content-type", "application/json");
        let mut response =
            request.send(call.body.as_deref().unwrap_or_default()).map_err(broken)?;
        let status = response.status().as_u16();
        let media_type = response.headers().get("content-type").and_then(|own| own.to_str().ok());
        if !media_type.is_some_and(|own| own.starts_with(EVENT_STREAM)) {
            // A problem, or an older server, which answers when all is done.
            let limit = self.options.answer_bytes_max;
            let body = response.body_mut().with_config().limit(limit).read_to_vec();
            return answer(status, &body.map_err(broken)?, &url);
        }
        let mut events = Events::new(response.body_mut().with_config().limit(u64::MAX).reader());
        while let Some(event) = events.next().map_err(|error| broken(error.into()))? {
            let data = event.data.as_bytes();
            match event.name.as_str() {
                "progress" => told(answer(status, data, &url)?),
                "done" => return answer(status, data, &url),
                "problem" => {
                    let problem = serde_json::from_slice::<Problem>(data);
                    let unreadable = |_| unreadable(status, data, &url, "the event is no problem");
                    return Err(ClientError::Api(Box::new(problem.map_err(unreadable)?)));
                }
                // A later server may tell more.
                _ => {}
            }
        }
        let message = "the stream ended before the work did".to_owned();
        Err(ClientError::Transport { url, message, timed_out: false })
    }

    /// Asks once for a path whose answer counts only by its status.
    pub(crate) fn probe(&self, path: &str) -> Result<(), ClientError> {
        let url = format!("{}{path}", self.options.base_url);
        let call =
            Call { method: Method::Get, path: path.to_owned(), body: None, repeat: Repeat::Never };
        let (status, body) = self.once(&call, &url)?;
        if (200..300).contains(&status) {
            return Ok(());
        }
        answer(status, &body, &url)
    }

    /// How long to wait after so many tries: as long as the server asks for, else ever longer.
    fn wait(&self, problem: Option<&Problem>, tries: u32) -> Duration {
        let wait = match problem.and_then(|problem| problem.retry_after_seconds) {
            Some(seconds) => Duration::from_secs(seconds.into()),
            None => self.options.retry_wait.saturating_mul(1 << tries.min(16)),
        };
        wait.min(self.options.retry_wait_max)
    }

    fn once(&self, call: &Call, url: &str) -> Result<(u16, Vec<u8>), ClientError> {
        let fail = |error| broken(error, url);
        let mut response = self.send(call, url).map_err(fail)?;
        let status = response.status().as_u16();
        let limit = self.options.answer_bytes_max;
        let body = response.body_mut().with_config().limit(limit).read_to_vec().map_err(fail)?;
        Ok((status, body))
    }

    fn send(&self, call: &Call, url: &str) -> Result<Response<Body>, ureq::Error> {
        let accept = "application/json, application/problem+json";
        match call.method {
            Method::Get => self.authorized(self.agent.get(url)).header("accept", accept).call(),
            Method::Delete => {
                self.authorized(self.agent.delete(url)).header("accept", accept).call()
            }
            Method::Post => self
                .authorized(self.agent.post(url))
                .header("accept", accept)
                .header("content-type", "application/json")
                .send(call.body.as_deref().unwrap_or_default()),
        }
    }

    fn authorized<B>(&self, request: RequestBuilder<B>) -> RequestBuilder<B> {
        match &self.options.api_key {
            Some(key) => request.header("authorization", key.header()),
            None => request,
        }
    }
}

fn may_repeat(error: &ClientError, repeat: Repeat) -> bool {
    match error {
        ClientError::Api(problem) => problem.retryable && repeat != Repeat::Never,
        // After a time-out the caller has waited as long as the options say, and not to wait again.
        ClientError::Transport { timed_out, .. } => !timed_out && repeat == Repeat::IfLost,
        ClientError::Decode { .. } | ClientError::BaseUrl { .. } => false,
    }
}

fn broken(error: ureq::Error, url: &str) -> ClientError {
    let timed_out = match &error {
        ureq::Error::Timeout(_) => true,
        ureq::Error::Io(error) => error.kind() == ErrorKind::TimedOut,
        _ => false,
    };
    ClientError::Transport { url: url.to_owned(), message: error.to_string(), timed_out }
}

/// The value of a good answer, or the problem of a bad one.
fn answer<T: DeserializeOwned>(status: u16, body: &[u8], url: &str) -> Result<T, ClientError> {
    if !(200..300).contains(&status) {
        return Err(match serde_json::from_slice::<Problem>(body) {
            Ok(problem) => ClientError::Api(Box::new(problem)),
            Err(_) => unreadable(status, body, url, "the body is no problem document"),
        });
    }
    decode(body).map_err(|problem| unreadable(status, body, url, &problem.detail))
}

fn unreadable(status: u16, body: &[u8], url: &str, message: &str) -> ClientError {
    let start: String = String::from_utf8_lossy(body).chars().take(120).collect();
    let message = format!("{message}; it begins {start:?}");
    ClientError::Decode { url: url.to_owned(), status, message }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_addresses_are_refused() {
        for bad in ["", "127.0.0.1:7432", "ftp://a", "http://", "http://a?x=1"] {
            assert!(Transport::new(ClientOptions::new(bad)).is_err(), "{bad}");
        }
        let good = Transport::new(ClientOptions::new("http://127.0.0.1:7432/")).unwrap();
        assert_eq!(good.base_url(), "http://127.0.0.1:7432");
    }
}
