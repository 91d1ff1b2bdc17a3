//! Connections: accepted up to a limit, served with HTTP/1.1, ended gracefully.
//!
//! A client that is slow with the head of a request, or idle between requests, is cut off after a fixed time; the time
//! for everything behind the head is bounded by the request's own deadline.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Response;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use crate::begun::Begun;
use crate::metrics::Metrics;
use crate::place::Place;
use crate::rest::{ClientAddr, LocalAddr};
use crate::tls::{PeerCertificate, Tls, parsed};

/// Time for the head of a request, and for the pause before it.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// Most headers of a request.
const HEADERS_MAX: usize = 64;
/// Bytes buffered of a connection; also the limit of a request's head.
const BUFFER_BYTES_MAX: usize = 64 << 10;
/// Pause after a failed accept, for example when the process has no file descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Bytes of the headers of a request over HTTP/2.
const HEADERS_BYTES_MAX: u32 = 32 << 10;
/// Requests at once on one connection.
const STREAMS_MAX: u32 = 256;
/// Bytes of one request that a client may send ahead, and of all requests of its connection. h2 ends a connection that sends many
/// small frames ahead, by a budget of half the second: a stream of small messages must be held back by the first before that.
const STREAM_WINDOW_BYTES: u32 = 64 << 10;
const CONNECTION_WINDOW_BYTES: u32 = 4 << 20;
/// A connection that is silent for so long is asked whether it lives, and has as long again to answer.
const ALIVE: Duration = Duration::from_secs(30);

/// What is spoken on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    /// HTTP/2 without an upgrade, as gRPC has it.
    Http2,
}

/// What all connections share.
#[derive(Clone)]
pub(crate) struct Serving {
    pub(crate) router: Router,
    pub(crate) protocol: Protocol,
    pub(crate) metrics: Arc<Metrics>,
    /// One permit for each open connection.
    pub(crate) places: Arc<Semaphore>,
    /// The certificates; none = plain text.
    pub(crate) tls: Option<Arc<Tls>>,
    /// Becomes true when connections are to end.
    pub(crate) stop: watch::Receiver<bool>,
}

/// Accepts connections until told to stop. Those that are open then finish on their own.
pub(crate) async fn accept(listener: TcpListener, serving: Serving) {
    let mut stop = serving.stop.clone();
    loop {
        let accepted = tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => return,
            accepted = next(&listener, &serving.places) => accepted,
        };
        match accepted {
            Ok((stream, permit)) => {
                let serving = serving.clone();
                let place = Place::new(permit, Arc::clone(&serving.metrics));
                tokio::spawn(async move { serve(stream, place, &serving).await });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn next(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> std::io::Result<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.expect("the semaphore is never closed");
    let (stream, _) = listener.accept().await?;
    Ok((stream, place))
}

async fn serve(stream: TcpStream, place: Place, serving: &Serving) {
    // Answers are written whole: waiting to fill a packet would only delay them.
    let prepared = stream.set_nodelay(true).and_then(|()| stream.local_addr());
    let Ok(ends) = prepared.and_then(|local| Ok((local, stream.peer_addr()?))) else { return };
    let Some(tls) = &serving.tls else {
        return speak(stream, (ends, None, place), serving).await;
    };
    let config = match serving.protocol {
        Protocol::Http1 => tls.http1(),
        Protocol::Http2 => tls.http2(),
    };
    let shaken = TlsAcceptor::from(config).accept(stream);
    let stream = match tokio::time::timeout(HEAD_TIMEOUT, shaken).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            serving.metrics.tls_refused.inc();
            tracing::debug!(%error, "no TLS was agreed on");
            return;
        }
        Err(_) => return,
    };
    let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
    let peer = shown.and_then(parsed).map(Arc::new);
    speak(stream, (ends, peer, place), serving).await;
}

/// What is known of a connection before the first request: its two ends, whose certificate was shown, its place.
type Known = ((SocketAddr, SocketAddr), Option<Arc<PeerCertificate>>, Place);

/// Speaks the protocol to its end.
async fn speak<S>(stream: S, ((local, client), peer, place): Known, serving: &Serving)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let router = serving.router.clone();
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(LocalAddr(local));
        request.extensions_mut().insert(ClientAddr(client));
        request.extensions_mut().insert(place.clone());
        if let Some(peer) = &peer {
            request.extensions_mut().insert(Arc::clone(peer));
        }
        answer(router.clone(), request)
    });
    let stop = serving.stop.clone();
    let ended = match serving.protocol {
        Protocol::Http1 => {
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_TIMEOUT)
                .max_headers(HEADERS_MAX)
                .max_buf_size(BUFFER_BYTES_MAX)
                .half_close(true)
                .serve_connection(TokioIo::new(stream), service)
                .with_upgrades();
            until_told(connection, http1::UpgradeableConnection::graceful_shutdown, stop).await
        }
        Protocol::Http2 => {
            // The protocol itself waits for its first bytes for ever.
            let begun = tokio::time::timeout(HEAD_TIMEOUT, Begun::read(stream)).await;
            let Ok(Ok(stream)) = begun else { return };
            let connection = http2::Builder::new(TokioExecutor::new())
                .timer(TokioTimer::new())
                .max_header_list_size(HEADERS_BYTES_MAX)
                .max_concurrent_streams(STREAMS_MAX)
                .initial_stream_window_size(STREAM_WINDOW_BYTES)
                .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
                .keep_alive_interval(ALIVE)
                .keep_alive_timeout(ALIVE)
                .serve_connection(TokioIo::new(stream), service);
            until_told(connection, http2::Connection::graceful_shutdown, stop).await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// Serves a connection to its end; `finish` is called when the server is told to stop.
async fn until_told<C: Future<Output = hyper::Result<()>>>(
    connection: C,
    finish: impl FnOnce(Pin<&mut C>),
    mut stop: watch::Receiver<bool>,
) -> hyper::Result<()> {
    let mut connection = std::pin::pin!(connection);
    let told = async { drop(stop.wait_for(|stop| *stop).await) };
    tokio::select! {
        ended = connection.as_mut() => ended,
        () = told => {
            finish(connection.as_mut());
            connection.await
        }
    }
}

async fn answer(
    router: Router,
    request: hyper::Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    router.oneshot(request.map(Body::new)).await
}
