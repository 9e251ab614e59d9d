//! Requests and replies, before pacing and after.

use reqwest::header::HeaderMap;
use secrecy::SecretString;
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;

use crate::domain::{ApiError, Fault};
use crate::ports::Heard;

/// An HTTP method the three APIs use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// GET
    Get,
    /// POST
    Post,
    /// PATCH
    Patch,
    /// DELETE
    Delete,
}

impl Method {
    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// One request. The path is below the profile's base URL and starts with a slash; ids in it must be percent-encoded
/// by the caller ([`Request::segment`]).
#[derive(Clone)]
pub struct Request {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) query: Vec<(String, String)>,
    pub(super) body: Option<String>,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) gate: usize,
    pub(super) stop: CancellationToken,
    pub(super) access: Access,
}

/// Whose credential a request carries.
#[derive(Debug, Clone)]
pub(super) enum Access {
    /// The profile's.
    Profile,
    /// One of its own.
    Bearer(SecretString),
    /// A form that brings its credentials in its body.
    Form,
}

impl Request {
    /// A request without query or body.
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            query: Vec::new(),
            body: None,
            headers: Vec::new(),
            gate: 0,
            stop: CancellationToken::new(),
            access: Access::Profile,
        }
    }

    /// A GET.
    pub fn get(path: impl Into<String>) -> Self {
        Self::new(Method::Get, path)
    }

    /// A POST with a JSON body.
    pub fn post_json(path: impl Into<String>, body: &serde_json::Value) -> Self {
        Self::new(Method::Post, path).json_text(body.to_string())
    }

    /// A POST of a form that brings its own credentials and carries no other.
    pub fn post_form(path: impl Into<String>, fields: &[(&str, &str)]) -> Self {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        Self { body: Some(body), access: Access::Form, ..Self::new(Method::Post, path) }
    }

    /// Another bearer token than the profile's.
    #[must_use]
    pub fn bearer(mut self, token: SecretString) -> Self {
        self.access = Access::Bearer(token);
        self
    }

    /// One more query parameter.
    #[must_use]
    pub fn query(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.query.push((name.into(), value.into()));
        self
    }

    /// What a query parameter says, if it is there.
    pub fn asks(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The exact JSON text to send.
    #[must_use]
    pub fn json_text(mut self, body: String) -> Self {
        self.body = Some(body);
        self
    }

    /// One more header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Leaves only while `stop` is not cancelled: neither waits for its turn nor is sent again afterwards.
    #[must_use]
    pub fn until(mut self, stop: &CancellationToken) -> Self {
        self.stop = stop.clone();
        self
    }

    /// Which of the profile's gates paces this request; the first when not said.
    #[must_use]
    pub const fn gate(mut self, gate: usize) -> Self {
        self.gate = gate;
        self
    }

    /// Encodes an id for use as one path segment.
    pub fn segment(id: &str) -> String {
        url::form_urlencoded::byte_serialize(id.as_bytes()).collect::<String>().replace('+', "%20")
    }

    /// Method and path without query, as errors name it.
    pub fn endpoint(&self) -> String {
        format!("{} {}", self.method.as_str(), self.path)
    }
}

/// A successful answer (any 2xx).
#[derive(Debug, Clone)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// Body bytes.
    pub body: Vec<u8>,
    pub(super) api: &'static str,
    pub(super) endpoint: String,
    pub(super) request_id: Option<String>,
}

impl Reply {
    /// Decodes the body. A body of another shape is [`Fault::Unexpected`], naming the path to what does not fit.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        let mut reader = serde_json::Deserializer::from_slice(&self.body);
        serde_path_to_error::deserialize(&mut reader).map_err(|error| self.unexpected(error.to_string()))
    }

    /// An error that says the answer was not of the promised shape.
    pub fn unexpected(&self, message: impl Into<String>) -> ApiError {
        ApiError {
            fault: Fault::Unexpected,
            api: self.api,
            endpoint: self.endpoint.clone(),
            status: Some(self.status),
            code: None,
            field: None,
            message: message.into(),
            request_id: self.request_id.clone(),
        }
    }

    /// What came back, for the record.
    pub fn heard(&self) -> Heard {
        Heard { status: Some(self.status), request_id: self.request_id.clone() }
    }

    /// A header's text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|v| v.to_str().ok())
    }

    /// The server's own clock, from the `Date` header: what windows are cut by (hubspot-api.md trap 30, stripe-api.md trap 16).
    pub fn date(&self) -> Option<crate::domain::Timestamp> {
        let text = self.header("date")?;
        chrono::DateTime::parse_from_rfc2822(text).ok().map(|t| t.to_utc())
    }
}

/// What an API's error body says, read by the API's own room.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ErrorDetail {
    /// The API's own code or category.
    pub code: Option<String>,
    /// The field it names.
    pub field: Option<String>,
    /// Its own words.
    pub message: Option<String>,
    /// The id its support asks for.
    pub request_id: Option<String>,
    /// A fault that status alone does not tell; `None` leaves the general rule of [`Client`](super::Client).
    pub fault: Option<Fault>,
    /// Whether the server itself says to try again or not (Stripe-Should-Retry); `None` leaves it to the fault.
    pub retry: Option<bool>,
}
