//! One client per upstream: build, send, count, classify.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use reqwest::header::{HeaderMap, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::domain::{ApiError, Fault};
use crate::failpoint;
use crate::ports::Spent;

use super::message::{Access, ErrorDetail, Method, Reply, Request};
use super::pace::{Gate, Ticket};
use super::retry::{Patience, Retries};
use super::tell;

/// How one upstream is talked to.
pub struct Profile {
    /// Its name in errors: `HubSpot`, `Stripe`, `Pivotal`.
    pub api: &'static str,
    /// Where paths hang; plain `http` only to loopback.
    pub base_url: Url,
    /// Sent as `Authorization: Bearer …`, marked sensitive.
    pub token: SecretString,
    /// Headers on every request.
    pub headers: Vec<(&'static str, String)>,
    /// The gates requests choose from; at least one.
    pub gates: Vec<Arc<Gate>>,
    /// How long to keep trying.
    pub patience: Patience,
    /// Reads an error answer: status, headers, body.
    pub read_error: fn(u16, &HeaderMap, &[u8]) -> ErrorDetail,
}

/// A client that cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The TLS roots are missing, or similar.
    #[error("cannot make an HTTP client: {0} (install your system's CA certificates package)")]
    Client(#[from] reqwest::Error),
    /// A character that no header may hold.
    #[error("the {api} credential holds a character that no HTTP header may hold; copy it again without line breaks")]
    Token {
        /// Which API.
        api: &'static str,
    },
    /// Plain http to somewhere that is not this machine.
    #[error(
        "{api} base_url is plain http to '{host}'; the key would travel in the clear: use https (http is accepted for loopback only)"
    )]
    Insecure {
        /// Which API.
        api: &'static str,
        /// Which host.
        host: String,
    },
}

/// A paced, retrying, counting client for one upstream. Cheap to clone.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    profile: Profile,
    http: reqwest::Client,
    authorization: HeaderValue,
    requests: AtomicU64,
    throttled: AtomicU64,
}

/// Time to connect; a healthy server needs milliseconds.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of an error body that are looked at.
const ERROR_BODY_MOST: usize = 64 * 1024;

impl Client {
    /// Builds the client. No request is made.
    pub fn new(profile: Profile) -> Result<Self, BuildError> {
        let loopback = is_loopback(&profile.base_url);
        if profile.base_url.scheme() != "https" && !loopback {
            let host = profile.base_url.host_str().unwrap_or_default().to_owned();
            return Err(BuildError::Insecure { api: profile.api, host });
        }
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("pivotal-sync/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(profile.patience.exchange)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never());
        if loopback {
            builder = builder.no_proxy().tls_certs_only([]);
        }
        let mut authorization = HeaderValue::from_str(&format!("Bearer {}", profile.token.expose_secret()))
            .map_err(|_| BuildError::Token { api: profile.api })?;
        authorization.set_sensitive(true);
        let http = builder.build()?;
        Ok(Self(Arc::new(Inner {
            profile,
            http,
            authorization,
            requests: AtomicU64::new(0),
            throttled: AtomicU64::new(0),
        })))
    }

    /// What was spent so far.
    pub fn spent(&self) -> Spent {
        Spent { requests: self.0.requests.load(Ordering::Relaxed), throttled: self.0.throttled.load(Ordering::Relaxed) }
    }

    /// The gate with this number.
    pub fn gate(&self, number: usize) -> Option<&Arc<Gate>> {
        self.0.profile.gates.get(number)
    }

    /// Sends a request: waits for the gate, sends, classifies, and tries again while the fault is a passing one and the
    /// profile's patience lasts. Every attempt carries the same bytes. A request that is told to stop before any attempt left
    /// is [`Fault::Stopped`]; after one its last error stands, since that tells what is known of its outcome.
    pub async fn send(&self, request: &Request) -> Result<Reply, ApiError> {
        let mut retries = Retries::new(&self.0.profile.patience);
        let mut last: Option<ApiError> = None;
        loop {
            let Some(ticket) = self.turn(request).await else {
                return Err(last.unwrap_or_else(|| self.stopped(request)));
            };
            let (error, retry) = match self.attempt(request, ticket).await {
                Ok(reply) => return Ok(reply),
                Err(failure) => failure,
            };
            if !retry {
                return Err(error);
            }
            let wait = match &error.fault {
                Fault::Throttled { wait } => *wait,
                _ => None,
            };
            match retries.next(wait) {
                Some(pause) => {
                    tell::retry(&error, pause);
                    tokio::select! {
                        () = tokio::time::sleep(pause) => {}
                        () = request.stop.cancelled() => return Err(error),
                    }
                    last = Some(error);
                }
                None => return Err(error),
            }
        }
    }

    fn gate_of(&self, request: &Request) -> Option<&Gate> {
        let gates = &self.0.profile.gates;
        gates.get(request.gate).or_else(|| gates.first()).map(AsRef::as_ref)
    }

    /// Waits for the request's turn; `None` when it was told to stop first.
    async fn turn(&self, request: &Request) -> Option<Option<Ticket<'_>>> {
        let turn = async {
            match self.gate_of(request) {
                Some(gate) => Some(gate.pass().await),
                None => None,
            }
        };
        tokio::select! {
            biased;
            () = request.stop.cancelled() => None,
            ticket = turn => Some(ticket),
        }
    }

    async fn attempt(&self, request: &Request, ticket: Option<Ticket<'_>>) -> Result<Reply, (ApiError, bool)> {
        let left = Instant::now();
        let outcome = self.exchange(request, ticket).await;
        tell::attempt(self.0.profile.api, request, outcome.as_ref().map_err(|(error, _)| error), left.elapsed());
        outcome
    }

    async fn exchange(&self, request: &Request, ticket: Option<Ticket<'_>>) -> Result<Reply, (ApiError, bool)> {
        let inner = &*self.0;
        let gate = self.gate_of(request);
        inner.requests.fetch_add(1, Ordering::Relaxed);
        failpoint::pass("before a request");
        let result = self.build(request).send().await;
        let response = match result {
            Ok(response) => response,
            Err(error) => {
                drop(ticket);
                return Err(self.transport(request, &error));
            }
        };
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let body = response.bytes().await;
        failpoint::pass("after an answer");
        let body = match body {
            Ok(body) => body.to_vec(),
            Err(error) => {
                drop(ticket);
                return Err(self.transport(request, &error));
            }
        };
        let detail = if (200..300).contains(&status) {
            ErrorDetail {
                request_id: (inner.profile.read_error)(status, &headers, b"").request_id,
                ..ErrorDetail::default()
            }
        } else {
            (inner.profile.read_error)(status, &headers, &body[..body.len().min(ERROR_BODY_MOST)])
        };
        let fault = detail.fault.clone().unwrap_or_else(|| classify(status, &headers));
        if let (Some(gate), Some(ticket)) = (gate, ticket) {
            let refused = match &fault {
                Fault::Throttled { wait } => Some(*wait),
                _ => None,
            };
            gate.answered(ticket, refused, &headers);
            tell::limit(inner.profile.api, gate.seen(&headers));
        }
        if (200..300).contains(&status) {
            return Ok(Reply {
                status,
                headers,
                body,
                api: inner.profile.api,
                endpoint: request.endpoint(),
                request_id: detail.request_id,
            });
        }
        if matches!(fault, Fault::Throttled { .. }) {
            inner.throttled.fetch_add(1, Ordering::Relaxed);
        }
        let retry = detail.retry.unwrap_or_else(|| fault.is_passing());
        let error = ApiError {
            fault,
            api: inner.profile.api,
            endpoint: request.endpoint(),
            status: Some(status),
            code: detail.code,
            field: detail.field,
            message: detail.message.unwrap_or_else(|| reason(status)),
            request_id: detail.request_id,
        };
        Err((error, retry))
    }

    fn build(&self, request: &Request) -> reqwest::RequestBuilder {
        let inner = &*self.0;
        let mut url = inner.profile.base_url.clone();
        // Appended, not joined: a join would drop the base URL's own path (`/api/v1`).
        url.set_path(&format!("{}{}", url.path().trim_end_matches('/'), request.path));
        if !request.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&request.query);
        }
        let method = match request.method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
            Method::Patch => reqwest::Method::PATCH,
            Method::Delete => reqwest::Method::DELETE,
        };
        let mut builder = inner.http.request(method, url).header(reqwest::header::ACCEPT, "application/json");
        builder = match &request.access {
            Access::Profile => builder.header(reqwest::header::AUTHORIZATION, inner.authorization.clone()),
            // Marks the header as sensitive itself.
            Access::Bearer(token) => builder.bearer_auth(token.expose_secret()),
            Access::Form => builder,
        };
        for (name, value) in inner.profile.headers.iter().chain(&request.headers) {
            builder = builder.header(*name, value);
        }
        if let Some(body) = &request.body {
            let kind = match &request.access {
                Access::Form => "application/x-www-form-urlencoded",
                Access::Profile | Access::Bearer(_) => "application/json",
            };
            builder = builder.header(reqwest::header::CONTENT_TYPE, kind).body(body.clone());
        }
        builder
    }

    fn stopped(&self, request: &Request) -> ApiError {
        ApiError {
            fault: Fault::Stopped,
            api: self.0.profile.api,
            endpoint: request.endpoint(),
            status: None,
            code: None,
            field: None,
            message: "the run stopped before it was sent".to_owned(),
            request_id: None,
        }
    }

    fn transport(&self, request: &Request, error: &reqwest::Error) -> (ApiError, bool) {
        let fault = if error.is_connect() && !error.is_timeout() { Fault::Unreachable } else { Fault::TimedOut };
        let host = self.0.profile.base_url.host_str().unwrap_or_default();
        let error = ApiError {
            fault,
            api: self.0.profile.api,
            endpoint: request.endpoint(),
            status: None,
            code: None,
            field: None,
            message: format!("{host}: {}", root_cause(error)),
            request_id: None,
        };
        (error, true)
    }
}

/// The general rule, for answers whose API room has no special one.
fn classify(status: u16, headers: &HeaderMap) -> Fault {
    match status {
        401 => Fault::Unauthorised,
        403 => Fault::Forbidden { scopes: Vec::new() },
        404 => Fault::NotFound,
        408 | 425 => Fault::TimedOut,
        429 => Fault::Throttled { wait: retry_after(headers) },
        400..=499 => Fault::Invalid,
        500..=599 => Fault::Unavailable,
        _ => Fault::Unexpected,
    }
}

/// `Retry-After` in whole seconds (pivotal-api.md 4). Rooms whose API uses another unit read it themselves.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(reqwest::header::RETRY_AFTER)?.to_str().ok()?;
    text.trim().parse::<u64>().ok().map(Duration::from_secs)
}

/// The deepest cause: the outer layers only repeat the URL.
fn root_cause(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let mut deepest: &dyn std::error::Error = error;
    while let Some(inner) = deepest.source() {
        deepest = inner;
    }
    deepest.to_string()
}

fn reason(status: u16) -> String {
    reqwest::StatusCode::from_u16(status)
        .ok()
        .and_then(|s| s.canonical_reason())
        .map_or_else(|| "no reason given".to_owned(), str::to_lowercase)
}

/// Whether a base URL stays on this machine.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    }
}
