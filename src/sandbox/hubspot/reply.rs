//! Answers: bodies, error bodies (section 8), headers.

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::domain::Timestamp;

/// An answer before it leaves.
pub(super) struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Body,
}

enum Body {
    Json(Value),
    Html(&'static str),
}

impl Reply {
    pub(super) fn json(status: u16, body: Value) -> Self {
        Self { status, headers: Vec::new(), body: Body::Json(body) }
    }

    pub(super) fn ok(body: Value) -> Self {
        Self::json(200, body)
    }

    /// An answer whose body is a web page (trap 38).
    pub(super) fn html(status: u16, page: &'static str) -> Self {
        Self { status, headers: Vec::new(), body: Body::Html(page) }
    }

    /// The error body of section 8.
    pub(super) fn error(status: u16, category: &str, message: &str) -> Self {
        let body = json!({ "status": "error", "message": message, "correlationId": id(), "category": category });
        Self::json(status, body)
    }

    pub(super) fn invalid(message: &str) -> Self {
        Self::error(400, "VALIDATION_ERROR", message)
    }

    pub(super) fn not_found() -> Self {
        Self::error(404, "OBJECT_NOT_FOUND", "resource not found")
    }

    /// A missing scope; any one of `scopes` would do.
    pub(super) fn missing_scope(scopes: &[String]) -> Self {
        let message = "This app hasn't been granted all required scopes to make this call.";
        Self::json(
            403,
            json!({
                "status": "error", "message": message, "correlationId": id(), "category": "MISSING_SCOPES",
                "errors": [{ "message": "One or more of the following scopes are required.",
                             "context": { "requiredGranularScopes": scopes } }],
                "links": { "scopes": "https://developers.hubspot.com/scopes" },
            }),
        )
    }

    /// A limit that was hit.
    pub(super) fn limited(policy: &str, message: &str) -> Self {
        let body = json!({
            "status": "error", "message": message, "errorType": "RATE_LIMIT", "correlationId": id(),
            "policyName": policy, "requestId": id(),
        });
        Self::json(429, body)
    }

    pub(super) fn header(mut self, name: &'static str, value: impl ToString) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }

    /// The answer on the wire, with `now` as its `Date`.
    pub(super) fn into_response(self, now: Timestamp) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut headers = HeaderMap::new();
        let date = ("date", now.format("%a, %d %b %Y %H:%M:%S GMT").to_string());
        for (name, value) in self.headers.into_iter().chain([date]) {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
        let (kind, text) = match self.body {
            Body::Json(body) => ("application/json;charset=utf-8", body.to_string()),
            Body::Html(page) => ("text/html", page.to_owned()),
        };
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        (status, headers, text).into_response()
    }
}

fn id() -> String {
    uuid::Uuid::now_v7().to_string()
}
