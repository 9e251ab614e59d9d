//! Answers and refusals: the error envelope and its seven types (sheet section 5).

use axum::body::Bytes;
use serde_json::json;

/// What goes back over HTTP.
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// JSON bytes; empty for none.
    pub body: Bytes,
    /// Extra headers.
    pub headers: Vec<(&'static str, String)>,
}

impl Answer {
    /// A JSON answer.
    #[must_use]
    pub fn json(status: u16, body: &serde_json::Value) -> Self {
        Self { status, body: Bytes::from(body.to_string()), headers: Vec::new() }
    }

    /// The body as JSON; null where it is none.
    #[must_use]
    pub fn value(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// One error, as the API words it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP status; decides the type.
    pub status: u16,
    /// `error.code`.
    pub code: String,
    /// `error.message`.
    pub message: String,
    /// `error.field`.
    pub field: Option<String>,
}

impl Refusal {
    fn new(status: u16, code: &str, message: impl Into<String>, field: Option<&str>) -> Self {
        Self { status, code: code.to_owned(), message: message.into(), field: field.map(str::to_owned) }
    }

    /// 400: a value is not as it must be; the code is Zod's.
    #[must_use]
    pub fn invalid(code: &str, message: impl Into<String>, field: &str) -> Self {
        Self::new(400, code, message, (!field.is_empty()).then_some(field))
    }

    /// 401.
    #[must_use]
    pub fn unauthenticated(code: &str, message: &str) -> Self {
        Self::new(401, code, message, None)
    }

    /// 404 for an object word such as `customer`.
    #[must_use]
    pub fn not_found(object: &str) -> Self {
        Self::new(404, &format!("{object}_not_found"), format!("No such {object}."), None)
    }

    /// 404 for a path that is no endpoint.
    #[must_use]
    pub fn no_route() -> Self {
        Self::new(404, "not_found", "No such endpoint.", None)
    }

    /// 409 for a value somebody else has.
    #[must_use]
    pub fn taken(field: &str) -> Self {
        Self::new(409, &format!("{field}_taken"), format!("This {field} is already in use."), Some(field))
    }

    /// 409 for an idempotency key.
    #[must_use]
    pub fn clash(code: &str, message: &str) -> Self {
        Self::new(409, code, message, None)
    }

    /// 429.
    #[must_use]
    pub fn throttled(retry_after: i64) -> Self {
        let message = format!("Rate limit exceeded. Retry after {retry_after} seconds.");
        Self::new(429, "rate_limited", message, None)
    }

    /// The envelope. Type and status always pair up.
    #[must_use]
    pub fn answer(&self) -> Answer {
        let kind = match self.status {
            400 => "invalid_request_error",
            401 => "authentication_error",
            403 => "permission_error",
            404 => "not_found",
            409 => "conflict",
            429 => "rate_limit_error",
            _ => "internal_error",
        };
        let mut error = json!({ "type": kind, "code": self.code, "message": self.message });
        if let Some(field) = &self.field {
            error["field"] = json!(field);
        }
        Answer::json(self.status, &json!({ "error": error }))
    }
}
