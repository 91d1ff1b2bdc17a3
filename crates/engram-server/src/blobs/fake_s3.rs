//! A small service that speaks as much of S3 as the tests need, and fails on demand.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, Method, Response, StatusCode, Uri, header};
use tokio::runtime::Runtime;

/// Keys in one page of a listing.
const PAGE_KEYS: usize = 10;
pub(super) const BUCKET: &str = "bucket";
pub(super) const ACCESS_KEY: &str = "some-access-key";

/// What the service holds, and how it misbehaves.
#[derive(Default)]
pub(super) struct Shelf {
    pub(super) objects: BTreeMap<String, Bytes>,
    pub(super) uploads: BTreeMap<String, BTreeMap<u32, Bytes>>,
    uploads_begun: u64,
    /// Method and address of each request.
    pub(super) requests: Vec<String>,
    /// Answers for the next requests, instead of the right ones.
    pub(super) next: Vec<(StatusCode, &'static str)>,
    /// Every request that has this in its address is answered with 503.
    pub(super) broken: Option<&'static str>,
    /// How long every answer takes.
    pub(super) delay: Duration,
    /// The change is made, but its answer is lost once: the connection just ends.
    pub(super) lose_answer: bool,
}

/// The running service with the runtime that it runs on.
pub(super) struct FakeS3 {
    pub(super) runtime: Runtime,
    pub(super) addr: SocketAddr,
    shelf: Arc<Mutex<Shelf>>,
}

impl FakeS3 {
    pub(super) fn start() -> FakeS3 {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let shelf = Arc::new(Mutex::new(Shelf::default()));
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let addr = listener.local_addr().unwrap();
        let router = Router::new()
            .fallback(serve)
            .layer(DefaultBodyLimit::disable())
            .with_state(Arc::clone(&shelf));
        runtime.spawn(async move { axum::serve(listener, router).await });
        FakeS3 { runtime, addr, shelf }
    }

    pub(super) fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap()
    }
}

type Query = BTreeMap<String, String>;

fn decoded(text: &str) -> String {
    text.replace("%2F", "/").replace("%3D", "=")
}

fn query_of(uri: &Uri) -> Query {
    let pairs = uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (name.to_owned(), decoded(value))
        })
        .collect()
}

fn answer(status: StatusCode, body: impl Into<Body>) -> Response<Body> {
    let mut answer = Response::new(body.into());
    *answer.status_mut() = status;
    answer
}

fn fault(status: StatusCode, code: &str) -> Response<Body> {
    let body = format!(
        "<Error><Code>{code}</Code><Message>as the test wants</Message><AWSAccessKeyId>{ACCESS_KEY}</AWSAccessKeyId>\
         <StringToSign>signed</StringToSign></Error>"
    );
    answer(status, body)
}

async fn serve(
    State(shelf): State<Arc<Mutex<Shelf>>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let (delay, answer) = {
        let mut shelf = shelf.lock().unwrap();
        (shelf.delay, shelf.answer(&method, &uri, &headers, body))
    };
    tokio::time::sleep(delay).await;
    answer
}

impl Shelf {
    fn answer(
        &mut self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Response<Body> {
        self.requests.push(format!("{method} {uri}"));
        if !self.next.is_empty() {
            let (status, code) = self.next.remove(0);
            return fault(status, code);
        }
        if self.broken.is_some_and(|part| uri.to_string().contains(part)) {
            return fault(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable");
        }
        let signed = headers.get(header::AUTHORIZATION).map(|value| value.to_str().unwrap());
        let expected = format!("AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/");
        if !signed.is_some_and(|signed| signed.starts_with(&expected)) {
            return fault(StatusCode::FORBIDDEN, "SignatureDoesNotMatch");
        }
        let path = decoded(uri.path());
        let (bucket, key) = path[1..].split_once('/').unwrap_or((&path[1..], ""));
        if bucket != BUCKET {
            return fault(StatusCode::NOT_FOUND, "NoSuchBucket");
        }
        let query = query_of(uri);
        let done = match *method {
            Method::GET if key.is_empty() => self.list(&query),
            Method::GET => self.get(key, headers),
            Method::HEAD => self.head(key),
            Method::PUT if query.contains_key("uploadId") => self.put_part(&query, body),
            Method::PUT => self.put(key, headers, body),
            Method::POST if query.contains_key("uploads") => self.begin(key),
            Method::POST => self.complete(key, &query),
            Method::DELETE => self.delete(key, &query),
            _ => fault(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed"),
        };
        if std::mem::take(&mut self.lose_answer) {
            // A body that breaks off before its length.
            let lost = futures_util::stream::iter([Err::<Bytes, _>(std::io::Error::other("lost"))]);
            return answer(StatusCode::OK, Body::from_stream(lost));
        }
        done
    }

    fn list(&self, query: &Query) -> Response<Body> {
        let prefix = query.get("prefix").map_or("", String::as_str);
        let after = query.get("continuation-token").map_or("", String::as_str);
        let found = self.objects.iter().filter(|(key, _)| key.starts_with(prefix));
        let found: Vec<_> = found.filter(|(key, _)| key.as_str() > after).collect();
        let page = &found[..found.len().min(PAGE_KEYS)];
        let mut xml = String::from("<ListBucketResult>");
        for (key, bytes) in page {
            xml += &format!(
                "<Contents><Key>{key}</Key><Size>{}</Size><ETag>e</ETag>\
                 <LastModified>2025-01-02T03:04:05.000Z</LastModified></Contents>",
                bytes.len()
            );
        }
        match page.last() {
            Some((last, _)) if page.len() < found.len() => {
                xml += &format!(
                    "<IsTruncated>true</IsTruncated><NextContinuationToken>{last}</NextContinuationToken>"
                );
            }
            _ => xml += "<IsTruncated>false</IsTruncated>",
        }
        answer(StatusCode::OK, xml + "</ListBucketResult>")
    }

    fn get(&self, key: &str, headers: &HeaderMap) -> Response<Body> {
        let Some(bytes) = self.objects.get(key) else {
            return fault(StatusCode::NOT_FOUND, "NoSuchKey");
        };
        let range = headers[header::RANGE].to_str().unwrap().strip_prefix("bytes=").unwrap();
        let (first, last) = range.split_once('-').unwrap();
        let (first, last): (usize, usize) = (first.parse().unwrap(), last.parse().unwrap());
        if first >= bytes.len() {
            return fault(StatusCode::RANGE_NOT_SATISFIABLE, "InvalidRange");
        }
        let end = (last + 1).min(bytes.len());
        let mut found = described(answer(StatusCode::PARTIAL_CONTENT, bytes.slice(first..end)));
        let range = format!("bytes {first}-{}/{}", end - 1, bytes.len());
        found.headers_mut().insert(header::CONTENT_RANGE, range.parse().unwrap());
        found
    }

    fn head(&self, key: &str) -> Response<Body> {
        let Some(bytes) = self.objects.get(key) else {
            return answer(StatusCode::NOT_FOUND, "");
        };
        let mut found = described(answer(StatusCode::OK, ""));
        found.headers_mut().insert(header::CONTENT_LENGTH, bytes.len().into());
        found
    }

    fn put(&mut self, key: &str, headers: &HeaderMap, body: Bytes) -> Response<Body> {
        if headers.contains_key(header::IF_NONE_MATCH) && self.objects.contains_key(key) {
            return fault(StatusCode::PRECONDITION_FAILED, "PreconditionFailed");
        }
        self.objects.insert(key.to_owned(), body);
        described(answer(StatusCode::OK, ""))
    }

    fn begin(&mut self, key: &str) -> Response<Body> {
        self.uploads_begun += 1;
        let id = format!("upload-{}", self.uploads_begun);
        self.uploads.insert(id.clone(), BTreeMap::new());
        let body = format!(
            "<InitiateMultipartUploadResult><Bucket>{BUCKET}</Bucket><Key>{key}</Key><UploadId>{id}</UploadId>\
             </InitiateMultipartUploadResult>"
        );
        answer(StatusCode::OK, body)
    }

    fn put_part(&mut self, query: &Query, body: Bytes) -> Response<Body> {
        let number = query["partNumber"].parse().unwrap();
        self.uploads.get_mut(&query["uploadId"]).unwrap().insert(number, body);
        described(answer(StatusCode::OK, ""))
    }

    fn complete(&mut self, key: &str, query: &Query) -> Response<Body> {
        let parts = self.uploads.remove(&query["uploadId"]).unwrap();
        let whole = parts.into_values().fold(Vec::new(), |mut whole, part| {
            whole.extend_from_slice(&part);
            whole
        });
        self.objects.insert(key.to_owned(), whole.into());
        answer(
            StatusCode::OK,
            "<CompleteMultipartUploadResult><ETag>e</ETag></CompleteMultipartUploadResult>",
        )
    }

    fn delete(&mut self, key: &str, query: &Query) -> Response<Body> {
        match query.get("uploadId") {
            Some(id) => drop(self.uploads.remove(id)),
            None => drop(self.objects.remove(key)),
        }
        answer(StatusCode::NO_CONTENT, "")
    }
}

fn described(mut answer: Response<Body>) -> Response<Body> {
    let headers = answer.headers_mut();
    headers.insert(header::ETAG, "\"e\"".parse().unwrap());
    headers.insert(header::LAST_MODIFIED, "Thu, 02 Jan 2025 03:04:05 GMT".parse().unwrap());
    answer
}
