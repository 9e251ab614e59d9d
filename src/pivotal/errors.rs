//! How Pivotal's error answers read (pivotal-api.md 5 and 8).

use reqwest::header::HeaderMap;
use serde::Deserialize;

use crate::domain::Fault;
use crate::http::ErrorDetail;

/// The uniqueness rules Pivotal documents. Every other 409 is about an idempotency key: the codes of those two clashes
/// are not known, so they cannot be recognised positively (pivotal-api.md 8).
const TAKEN: [&str; 2] = ["slug_taken", "email_taken"];
/// Characters kept of a message.
const MESSAGE_MOST: usize = 500;

#[derive(Deserialize)]
struct Envelope {
    error: Body,
}

#[derive(Deserialize)]
struct Body {
    #[serde(rename = "type")]
    kind: Option<String>,
    code: Option<String>,
    message: Option<String>,
    field: Option<String>,
}

/// Reads an error answer. A body that is no JSON (an HTML page of something in between) leaves all to the status, but for 404:
/// Pivotal says "not found" in its envelope, and nobody else is believed that an object is lost.
pub(super) fn read_error(status: u16, headers: &HeaderMap, body: &[u8]) -> ErrorDetail {
    // Announced, not shipped yet (pivotal-api.md 5).
    let request_id = headers.get("x-request-id").and_then(|v| v.to_str().ok()).map(str::to_owned);
    let told = serde_json::from_slice::<Envelope>(body).ok().map(|e| e.error);
    let Some(told) = told else {
        let fault = match status {
            404 => Some(Fault::Unexpected),
            409 => Some(Fault::KeyInUse),
            _ => None,
        };
        return ErrorDetail { request_id, fault, ..ErrorDetail::default() };
    };
    let fault = match (status, &told.code) {
        (409, Some(code)) if TAKEN.contains(&code.as_str()) => Some(Fault::Taken { code: code.clone() }),
        // In flight or another body: bounded resends tell them apart, since only the first one passes.
        (409, _) => Some(Fault::KeyInUse),
        _ => None,
    };
    ErrorDetail {
        code: told.code.or(told.kind),
        field: told.field,
        message: told.message.map(|m| m.chars().take(MESSAGE_MOST).collect()),
        request_id,
        fault,
        retry: None,
    }
}
