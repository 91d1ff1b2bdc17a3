//! One HTTP request and its answer, with the retries that are safe.

use std::time::Duration;

use engram_api::{Method, Problem};
use serde::de::DeserializeOwned;
use ureq::http::Response;
use ureq::{Agent, Body, RequestBuilder};

use crate::answer::{answer, broken, unreadable};
use crate::call::{Call, Repeat};
use crate::error::ClientError;
use crate::options::ClientOptions;
use crate::stream::EventStream;

const EVENT_STREAM: &str = "text/event-stream";
/// Longest silence of a server that is at work: three times as long as it takes to say so.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// How the answer to a request for events begins.
enum Opened {
    Stream(EventStream),
    /// There are none: status and body.
    Whole(u16, Vec<u8>),
}

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
            .tls_config(options.tls.config())
            .user_agent(concat!("engram-client/", env!("CARGO_PKG_VERSION")))
            .build()
            .new_agent();
        Ok(Transport { agent, options })
    }

    pub(crate) fn options(&self) -> &ClientOptions {
        &self.options
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
        let silence_max = self.options.request_timeout.max(SILENCE_MAX);
        let request = self
            .streaming(self.agent.post(&url), silence_max)
            .header("content-type", "application/json");
        let response = request.send(call.body.as_deref().unwrap_or_default());
        let mut stream = match self.opened(response, &url)? {
            Opened::Stream(stream) => stream,
            // A problem, or an older server, which answers when all is done.
            Opened::Whole(status, body) => return answer(status, &body, &url),
        };
        while let Some(event) = stream.next()? {
            match event.name.as_str() {
                "progress" => told(stream.value(&event)?),
                "done" => return stream.value(&event),
                // A later server may tell more.
                _ => {}
            }
        }
        let message = "the stream ended before the work did".to_owned();
        Err(ClientError::Transport { url, message, timed_out: false })
    }

    /// Opens a stream that goes on behind an event. It lasts until it breaks, and is broken after half a minute of silence.
    pub(crate) fn listen(&self, path: &str, last_event: u64) -> Result<EventStream, ClientError> {
        let url = format!("{}{path}", self.options.base_url);
        self.repeated(&mut || {
            let request = self
                .streaming(self.agent.get(&url), SILENCE_MAX)
                .header("last-event-id", last_event.to_string());
            let opened = self.opened(request.call(), &url).and_then(|opened| match opened {
                Opened::Stream(stream) => Ok(stream),
                Opened::Whole(status, body) => Err(no_stream(status, &body, &url)),
            });
            (opened, Repeat::IfRefused)
        })
    }

    fn streaming<B>(&self, request: RequestBuilder<B>, silence_max: Duration) -> RequestBuilder<B> {
        self.authorized(request)
            .config()
            .timeout_global(None)
            .timeout_recv_response(Some(self.options.request_timeout))
            .timeout_per_read(Some(silence_max))
            .build()
            .header("accept", EVENT_STREAM)
    }

    fn opened(
        &self,
        answered: Result<Response<Body>, ureq::Error>,
        url: &str,
    ) -> Result<Opened, ClientError> {
        let broken = |error| broken(error, url);
        let mut response = answered.map_err(broken)?;
        let status = response.status().as_u16();
        let media_type = response.headers().get("content-type").and_then(|own| own.to_str().ok());
        if media_type.is_some_and(|own| own.starts_with(EVENT_STREAM)) {
            let events = response.into_body().into_with_config().limit(u64::MAX).reader();
            return Ok(Opened::Stream(EventStream::new(events, status, url)));
        }
        let limit = self.options.answer_bytes_max;
        let body = response.body_mut().with_config().limit(limit).read_to_vec();
        Ok(Opened::Whole(status, body.map_err(broken)?))
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
    pub(crate) fn wait(&self, problem: Option<&Problem>, tries: u32) -> Duration {
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

/// Why there is no stream: the problem that came instead, or that something else did.
fn no_stream(status: u16, body: &[u8], url: &str) -> ClientError {
    match answer::<serde::de::IgnoredAny>(status, body, url) {
        Err(error) => error,
        Ok(_) => unreadable(status, body, url, "it is no stream of events"),
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
