//! Faults that can be injected in front of any of the three APIs.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::line::Line;
use super::log::CarriedOut;

/// What happens to a request instead of, or after, being carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Answers this status in the API's own error envelope; nothing is carried out.
    Status(u16),
    /// Answers this status with an HTML page, as a proxy in front of the API does; nothing is carried out.
    Html(u16),
    /// Resets the connection; nothing is carried out.
    DropBefore,
    /// Carries the request out, then resets the connection without an answer.
    DropAfter,
    /// Never answers; nothing is carried out.
    HangBefore,
    /// Carries the request out and never answers.
    HangAfter,
    /// Carries the request out, then answers this status in the API's own error envelope all the same.
    StatusAfter(u16),
    /// Carries the request out and answers 200 in a shape no document knows.
    OtherShape,
    /// Carries the request out and sends half of the body, then the rest after so many milliseconds.
    SlowBody(u64),
    /// Carries the request out, sends half of the body and resets the connection.
    Truncate,
    /// Answers 429 in the API's own envelope; nothing is carried out.
    Throttle {
        /// `Retry-After`, in seconds.
        retry_after: u32,
    },
}

/// One injected fault and the requests it waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// `hubspot`, `stripe` or `pivotal`.
    pub api: String,
    /// The verb, upper case; any if none.
    #[serde(default)]
    pub method: Option<String>,
    /// What the path (without query) starts with; anything if none.
    #[serde(default)]
    pub path_prefix: Option<String>,
    /// How many matching requests it hits.
    #[serde(default = "once")]
    pub times: u32,
    /// How many matching requests pass before that.
    #[serde(default)]
    pub skip: u32,
    /// What it does to them.
    pub effect: Effect,
}

fn once() -> u32 {
    1
}

impl Fault {
    /// A fault that hits the next request of an API, whatever it is.
    #[must_use]
    pub fn next(api: &str, effect: Effect) -> Self {
        Self { api: api.to_owned(), method: None, path_prefix: None, times: 1, skip: 0, effect }
    }

    /// Narrowed to one verb and paths that start so.
    #[must_use]
    pub fn on(mut self, method: &str, path_prefix: &str) -> Self {
        self.method = Some(method.to_owned());
        self.path_prefix = Some(path_prefix.to_owned());
        self
    }

    /// Hits so many matching requests.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = times;
        self
    }

    /// Lets so many matching requests pass first.
    #[must_use]
    pub fn after(mut self, skip: u32) -> Self {
        self.skip = skip;
        self
    }

    fn matches(&self, api: &str, method: &str, path: &str) -> bool {
        self.api == api
            && self.method.as_deref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
            && self.path_prefix.as_deref().is_none_or(|prefix| path.starts_with(prefix))
    }
}

/// The faults still waiting. Clones share one list.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    waiting: Arc<Mutex<Vec<Fault>>>,
}

impl Faults {
    /// Adds a fault behind those already waiting; the first that matches a request hits it.
    pub fn inject(&self, fault: Fault) {
        self.lock().push(fault);
    }

    /// Takes all faults back.
    pub fn clear(&self) {
        self.lock().clear();
    }

    /// The faults that have not worn off, with what is left of them.
    #[must_use]
    pub fn waiting(&self) -> Vec<Fault> {
        self.lock().clone()
    }

    /// The effect that hits this request, used up by it.
    #[must_use]
    pub fn strike(&self, api: &str, method: &str, path: &str) -> Option<Effect> {
        let mut waiting = self.lock();
        let mut hit = None;
        for fault in waiting.iter_mut().filter(|fault| fault.matches(api, method, path)) {
            if fault.skip > 0 {
                fault.skip -= 1;
            } else if fault.times > 0 {
                fault.times -= 1;
                hit = Some(fault.effect);
                break;
            }
        }
        waiting.retain(|fault| fault.times > 0);
        hit
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Fault>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Puts the faults in front of one API (inside its log).
pub fn faulty(router: Router, api: &'static str, faults: Faults) -> Router {
    router.layer(from_fn_with_state((api, faults), apply))
}

async fn apply(State((api, faults)): State<(&'static str, Faults)>, request: Request, next: Next) -> Response {
    let Some(effect) = faults.strike(api, request.method().as_str(), request.uri().path()) else {
        return next.run(request).await;
    };
    let line = request.extensions().get::<ConnectInfo<Line>>().map(|info| info.0.clone());
    match effect {
        Effect::Status(status) => (code(status), axum::Json(envelope(api, status))).into_response(),
        Effect::Html(status) => {
            let page = format!("<html><head><title>{status}</title></head><body><h1>{status}</h1></body></html>");
            (code(status), axum::response::Html(page)).into_response()
        }
        Effect::DropBefore => reset(line, 0),
        Effect::DropAfter => {
            let status = next.run(request).await.status().as_u16();
            reset(line, status)
        }
        Effect::HangBefore => std::future::pending().await,
        Effect::HangAfter => {
            next.run(request).await;
            std::future::pending().await
        }
        Effect::StatusAfter(status) => {
            let carried_out = next.run(request).await.status().as_u16();
            let mut answer = (code(status), axum::Json(envelope(api, status))).into_response();
            answer.extensions_mut().insert(CarriedOut(carried_out));
            answer
        }
        Effect::OtherShape => {
            next.run(request).await;
            axum::Json(json!([{ "result": "fine" }])).into_response()
        }
        Effect::SlowBody(pause) => in_halves(next.run(request).await, Some(Duration::from_millis(pause))).await,
        Effect::Truncate => in_halves(next.run(request).await, None).await,
        Effect::Throttle { retry_after } => {
            let mut answer = (StatusCode::TOO_MANY_REQUESTS, axum::Json(envelope(api, 429))).into_response();
            answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(retry_after));
            answer
        }
    }
}

fn code(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// An answer that never arrives: the line is cut, and where there is no [`Line`] (a router under a plain listener) a body
/// that fails makes hyper close the connection.
fn reset(line: Option<Line>, carried_out: u16) -> Response {
    if let Some(line) = line {
        line.cut();
    }
    let mut answer = Response::new(broken(Vec::new(), None));
    answer.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(1));
    answer.extensions_mut().insert(CarriedOut(carried_out));
    answer
}

/// The same answer with its body in two halves: the second after a pause, or never.
async fn in_halves(answer: Response, pause: Option<Duration>) -> Response {
    let (mut parts, body) = answer.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap_or_default();
    parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    let middle = bytes.len() / 2;
    let rest = pause.map(|pause| (pause, bytes.slice(middle..)));
    Response::from_parts(parts, broken(vec![bytes.slice(..middle)], rest))
}

/// A body of these chunks, then of the rest after its pause; without a rest it fails there.
fn broken(chunks: Vec<Bytes>, rest: Option<(Duration, Bytes)>) -> Body {
    use futures::stream::{self, StreamExt};
    let end = stream::once(async move {
        match rest {
            Some((pause, bytes)) => {
                tokio::time::sleep(pause).await;
                Ok(bytes)
            }
            None => {
                // What was sent so far must leave before the failure is noticed, or hyper drops it with the connection.
                tokio::task::yield_now().await;
                Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset))
            }
        }
    });
    Body::from_stream(stream::iter(chunks.into_iter().map(Ok)).chain(end))
}

/// An error body as the API itself words it (sheets: HubSpot 8, Stripe 12, Pivotal 5).
fn envelope(api: &str, status: u16) -> serde_json::Value {
    let throttled = status == 429;
    match api {
        "hubspot" if throttled => json!({
            "status": "error", "message": "You have reached your ten_secondly_rolling limit.", "errorType": "RATE_LIMIT",
            "correlationId": "00000000-0000-4000-8000-000000000429", "policyName": "TEN_SECONDLY_ROLLING",
        }),
        "hubspot" => json!({
            "status": "error", "message": "There was a problem with the request.", "category": hubspot_category(status),
            "correlationId": "00000000-0000-4000-8000-000000000500",
        }),
        "stripe" => json!({ "error": {
            "type": if status >= 500 { "api_error" } else { "invalid_request_error" },
            "code": if throttled { Some("rate_limit") } else { None },
            "message": "An error was injected by the sandbox.",
        } }),
        _ => {
            let (kind, word) = match status {
                400 => ("invalid_request_error", "invalid_type"),
                401 => ("authentication_error", "api_key_revoked"),
                403 => ("permission_error", "forbidden"),
                404 => ("not_found", "not_found"),
                409 => ("conflict", "conflict"),
                429 => ("rate_limit_error", "rate_limited"),
                _ => ("internal_error", "internal_error"),
            };
            json!({ "error": { "type": kind, "code": word, "message": "An error was injected by the sandbox." } })
        }
    }
}

fn hubspot_category(status: u16) -> &'static str {
    match status {
        400 => "VALIDATION_ERROR",
        401 => "INVALID_AUTHENTICATION",
        403 => "MISSING_SCOPES",
        404 => "OBJECT_NOT_FOUND",
        409 => "CONFLICT",
        _ => "INTERNAL_ERROR",
    }
}

#[cfg(test)]
#[path = "faults_tests.rs"]
mod tests;
