//! Answers: bodies, error bodies (section 11), headers.

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::domain::Timestamp;

/// An answer before it leaves.
#[derive(Debug)]
pub(super) struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Value,
}

impl Reply {
    pub(super) fn ok(body: Value) -> Self {
        Self { status: 200, headers: Vec::new(), body }
    }

    /// The error body of section 11.
    pub(super) fn error(status: u16, code: Option<&str>, message: &str, param: Option<&str>) -> Self {
        let mut error = json!({ "type": "invalid_request_error", "message": message });
        if let Some(code) = code {
            error["code"] = json!(code);
            error["doc_url"] = json!(format!("https://stripe.com/docs/error-codes/{}", code.replace('_', "-")));
        }
        if let Some(param) = param {
            error["param"] = json!(param);
        }
        Self { status, headers: Vec::new(), body: json!({ "error": error }) }
    }

    pub(super) fn invalid(code: &str, message: &str, param: Option<&str>) -> Self {
        Self::error(400, Some(code), message, param)
    }

    /// 404 for an id in the path, 400 for one in a parameter.
    pub(super) fn no_such(status: u16, what: &str, id: &str, param: Option<&str>) -> Self {
        let message = format!("No such {what}: '{id}'");
        Self::error(status, Some("resource_missing"), &message, Some(param.unwrap_or("id")))
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
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        (status, headers, self.body.to_string()).into_response()
    }
}
