//! The world over HTTP.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::api::{Call, Opened};
use super::refusal::Answer;
use super::world::{SharedState, lock};

/// Where the API hangs.
pub const BASE: &str = "/api/v1";
/// Largest request body, in bytes.
const LARGEST_BODY: usize = 4 << 20;

/// The API under `/api/v1`.
pub fn router(state: SharedState) -> Router {
    Router::new().nest(BASE, Router::new().fallback(handle).with_state(state))
}

async fn handle(State(state): State<SharedState>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, LARGEST_BODY).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let header = |name: HeaderName| parts.headers.get(name).map(|value| value.as_bytes().to_vec());
    let call = Call {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        authorization: header(header::AUTHORIZATION).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
        idempotency_key: header(HeaderName::from_static("idempotency-key")),
        body,
    };
    respond(serve(state, call).await)
}

/// Writes may take their time. They go on without the client, which is how a timed-out POST comes to be committed.
async fn serve(state: SharedState, call: Call) -> Answer {
    let (opened, latency) = {
        let mut world = lock(&state);
        let latency = world.switches.write_latency;
        if latency.is_zero() || call.method == "GET" {
            return world.answer(&call);
        }
        (world.open(&call), latency)
    };
    match opened {
        Opened::Answered(answer) => answer,
        Opened::Admitted(ticket) => {
            let work = tokio::spawn(async move {
                tokio::time::sleep(latency).await;
                lock(&state).carry_out(&call, ticket)
            });
            work.await.unwrap_or_else(|_| Answer { status: 500, body: Default::default(), headers: Vec::new() })
        }
    }
}

fn respond(answer: Answer) -> Response {
    let empty = answer.body.is_empty();
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    if !empty {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    for (name, value) in answer.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    response
}
