//! What the three sandboxes were asked: every request with its body, kept for assertions.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::domain::Timestamp;

/// Entries kept; the oldest go first.
const KEPT: usize = 200_000;
/// Largest request body read, in bytes.
const LARGEST_BODY: usize = 16 << 20;

/// One request and how it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// When it arrived.
    pub at: Timestamp,
    /// `hubspot`, `stripe` or `pivotal`.
    pub api: &'static str,
    /// The verb, upper case.
    pub method: String,
    /// Path with its query.
    pub path: String,
    /// The body as sent, if there was one.
    pub body: Option<String>,
    /// The `Idempotency-Key` header.
    pub idempotency_key: Option<String>,
    /// The status it was carried out with, whether or not the answer got through; 0 when it was dropped unheard.
    pub status: u16,
}

/// The requests so far, oldest first. Clones share one log.
#[derive(Debug, Clone, Default)]
pub struct RequestLog {
    entries: Arc<Mutex<VecDeque<Entry>>>,
}

impl RequestLog {
    /// Adds one request.
    pub fn record(&self, entry: Entry) {
        let mut entries = self.lock();
        if entries.len() >= KEPT {
            entries.pop_front();
        }
        entries.push_back(entry);
    }

    /// All kept requests, oldest first.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        self.lock().iter().cloned().collect()
    }

    /// Forgets everything.
    pub fn clear(&self) {
        self.lock().clear();
    }

    /// How many requests of all three APIs had this verb and a path that starts so.
    #[must_use]
    pub fn count(&self, method: &str, path_prefix: &str) -> usize {
        self.lock().iter().filter(|entry| entry.method == method && entry.path.starts_with(path_prefix)).count()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An answer's extension: the status under which the request was really carried out, where it differs from the answer's
/// own because the connection is about to be dropped.
#[derive(Debug, Clone, Copy)]
pub(super) struct CarriedOut(pub(super) u16);

/// Puts a log in front of one API. It goes outermost, so that dropped requests are seen as well.
pub fn logged(router: Router, api: &'static str, log: RequestLog) -> Router {
    router.layer(from_fn_with_state((api, log), keep))
}

async fn keep(State((api, log)): State<(&'static str, RequestLog)>, request: Request, next: Next) -> Response {
    let at = chrono::Utc::now();
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, LARGEST_BODY).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let mut entry = Entry {
        at,
        api,
        method: parts.method.to_string(),
        path: parts.uri.path_and_query().map_or_else(|| parts.uri.path().to_owned(), ToString::to_string),
        body: text(&body),
        idempotency_key: parts
            .headers
            .get("idempotency-key")
            .map(|key| String::from_utf8_lossy(key.as_bytes()).into_owned()),
        status: 0,
    };
    let answer = next.run(Request::from_parts(parts, Body::from(body))).await;
    entry.status =
        answer.extensions().get::<CarriedOut>().map_or_else(|| answer.status().as_u16(), |carried_out| carried_out.0);
    log.record(entry);
    answer
}

fn text(body: &Bytes) -> Option<String> {
    (!body.is_empty()).then(|| String::from_utf8_lossy(body).into_owned())
}
