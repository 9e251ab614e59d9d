//! Requests to Stripe: lists, single objects, how its errors read, how fast it is asked (stripe-api.md 2, 3, 10, 11).

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use chrono::Utc;
use reqwest::header::HeaderMap;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::domain::{ApiError, Fault, Stream, Timestamp};
use crate::http::{BuildError, Client, ErrorDetail, Gate, Pace, Patience, Profile, Reply, Request};
use crate::ports::Spent;

use super::Settings;
use super::wire::{List, Raw, id_of, livemode};

const API: &str = "Stripe";
/// Objects a page; the most Stripe gives.
const PAGE: &str = "100";
/// Requests a second with a test key: Stripe allows 25, and others may be testing too.
const TEST_RATE: u32 = 20;
/// Requests a second with a live key: a quarter of the account's 100, and what one endpoint allows by default; checkout
/// and billing share that limit (stripe-api.md 10).
const LIVE_RATE: u32 = 25;
/// Characters kept of a message.
const MESSAGE_MOST: usize = 500;

/// What a key's prefix says (stripe-api.md 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyKind {
    /// `rk_…`: only the rights it was given.
    Restricted,
    /// `sk_…`: may do everything.
    Secret,
    /// `pk_…`: may read nothing.
    Publishable,
    /// A prefix this version does not know.
    Other,
}

/// A paced client with Stripe's habits.
pub(super) struct Api {
    client: Client,
    pub key: KeyKind,
    /// The version that every answer is pinned to.
    pub version: String,
    /// Whether everything read is of live mode: what the key's prefix says, else what the first object says.
    live: OnceLock<bool>,
}

impl Api {
    pub fn new(settings: &Settings, key: SecretString, patience: Patience) -> Result<Self, BuildError> {
        let prefix = key.expose_secret();
        let kind = match prefix.get(..3) {
            Some("rk_") => KeyKind::Restricted,
            Some("sk_") => KeyKind::Secret,
            Some("pk_") => KeyKind::Publishable,
            _ => KeyKind::Other,
        };
        let live = mode_of(prefix);
        let gate = Gate::new(Pace {
            window: Duration::from_secs(1),
            limit: settings.requests_per_second.or(Some(if live == Some(false) { TEST_RATE } else { LIVE_RATE })),
            ceiling: None,
            reserve_percent: 0,
            read: |_| None,
        });
        let client = Client::new(Profile {
            api: API,
            base_url: settings.base_url.clone(),
            token: key,
            headers: vec![("Stripe-Version", settings.api_version.clone())],
            gates: vec![Arc::new(gate)],
            patience,
            read_error,
        })?;
        Ok(Self {
            client,
            key: kind,
            version: settings.api_version.clone(),
            live: live.map_or_else(OnceLock::new, OnceLock::from),
        })
    }

    /// Whether the data are of live mode, as far as is known yet.
    pub fn live(&self) -> Option<bool> {
        self.live.get().copied()
    }

    /// Refuses to go on with a stream that was read in the other mode: this key finds none of its objects (trap 51).
    pub fn same_mode(&self, stream: Stream, before: Option<bool>) -> Result<(), ApiError> {
        let Some(before) = before else { return Ok(()) };
        let now = *self.live.get_or_init(|| before);
        if now == before {
            return Ok(());
        }
        Err(ApiError {
            fault: Fault::Unauthorised,
            api: API,
            endpoint: format!("pull of {stream}"),
            status: None,
            code: Some("other_mode".to_owned()),
            field: None,
            message: format!(
                "this store holds {} mode data and the key is of {} mode; nothing was read. Use the key of {} mode, or another store.path",
                mode(before),
                mode(now),
                mode(before)
            ),
            request_id: None,
        })
    }

    /// Refuses objects of the other mode than the key's: test and live data never meet in one store (trap 51).
    pub fn same_modes(&self, stream: Stream, found: &[Raw]) -> Result<(), ApiError> {
        let of_mode = |raw: &&Raw| livemode(raw).is_some_and(|live| *self.live.get_or_init(|| live) != live);
        let Some(other) = found.iter().find(of_mode) else { return Ok(()) };
        let live = livemode(other).unwrap_or_default();
        Err(ApiError {
            fault: Fault::Unexpected,
            api: API,
            endpoint: format!("pull of {stream}"),
            status: None,
            code: Some("mixed_modes".to_owned()),
            field: None,
            message: format!(
                "{} is of {} mode, and the key of {} mode; nothing of this page was kept",
                id_of(other).unwrap_or_default(),
                mode(live),
                mode(!live)
            ),
            request_id: None,
        })
    }

    pub fn spent(&self) -> Spent {
        self.client.spent()
    }

    pub async fn send(&self, request: &Request) -> Result<Reply, ApiError> {
        self.client.send(request).await
    }

    /// One page of a list, and Stripe's own time (trap 16). A page that shows the very object it was to begin after does not
    /// move on: its list would be asked for ever, and what it holds be counted twice.
    pub async fn list(&self, request: Request) -> Result<(List, Timestamp), ApiError> {
        let after = request.asks("starting_after").map(str::to_owned);
        let reply = self.send(&request.query("limit", PAGE)).await?;
        let list: List = reply.json()?;
        if list.data.iter().any(|raw| id_of(raw).is_none()) {
            return Err(reply.unexpected("a listed object without an id"));
        }
        if list.has_more && list.data.is_empty() {
            return Err(reply.unexpected("has_more on an empty page"));
        }
        if let Some(after) = after.filter(|after| list.data.iter().any(|raw| id_of(raw) == Some(after))) {
            return Err(reply.unexpected(format!("the page after {after} shows {after} again")));
        }
        Ok((list, server_time(&reply)))
    }

    /// A whole list. `query` is repeated on every page.
    pub async fn every(&self, path: &str, query: &[(&str, &str)]) -> Result<Vec<Raw>, ApiError> {
        let mut all: Vec<Raw> = Vec::new();
        loop {
            let mut request = Request::get(path);
            for (name, value) in query {
                request = request.query(*name, *value);
            }
            if let Some(last) = all.last().and_then(id_of) {
                request = request.query("starting_after", last);
            }
            let (list, _) = self.list(request).await?;
            all.extend(list.data);
            if !list.has_more {
                return Ok(all);
            }
        }
    }

    /// One object as it is now, and Stripe's own time; `None` where there is none. A deleted one is its stub.
    pub async fn get(&self, resource: &str, id: &str, expand: &[&str]) -> Result<(Option<Raw>, Timestamp), ApiError> {
        let mut request = Request::get(format!("/v1/{resource}/{}", Request::segment(id)));
        for path in expand {
            request = request.query("expand[]", *path);
        }
        match self.send(&request).await {
            Ok(reply) => {
                let raw: Raw = reply.json()?;
                match id_of(&raw) {
                    Some(found) if found == id => Ok((Some(raw), server_time(&reply))),
                    _ => Err(reply.unexpected(format!("asked for {id}, got another object"))),
                }
            }
            Err(error) if error.fault == Fault::NotFound => Ok((None, Utc::now())),
            Err(error) => Err(error),
        }
    }
}

/// What a key's prefix says: `rk_live_…`, `sk_test_…`.
fn mode_of(key: &str) -> Option<bool> {
    let rest = key.get(2..)?;
    if rest.starts_with("_live_") {
        return Some(true);
    }
    rest.starts_with("_test_").then_some(false)
}

/// The mode's name.
pub(super) const fn mode(live: bool) -> &'static str {
    if live { "live" } else { "test" }
}

/// Stripe's clock. Something in between may drop the `Date` header; then this machine's has to do.
fn server_time(reply: &Reply) -> Timestamp {
    reply.date().unwrap_or_else(Utc::now)
}

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
    param: Option<String>,
}

/// Reads an error answer. `Stripe-Should-Retry` is obeyed before anything else (stripe-api.md 10).
pub(super) fn read_error(status: u16, headers: &HeaderMap, body: &[u8]) -> ErrorDetail {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let told = serde_json::from_slice::<Envelope>(body).ok().map(|e| e.error);
    let told = told.unwrap_or(Body { kind: None, code: None, message: None, param: None });
    let retry = match header("stripe-should-retry") {
        Some("true") => Some(true),
        Some("false") => Some(false),
        _ => None,
    };
    let fault = fault(
        status,
        header("stripe-rate-limited-reason"),
        told.code.as_deref().unwrap_or_default(),
        told.message.as_deref().unwrap_or_default(),
    );
    ErrorDetail {
        code: told.code.or(told.kind),
        field: told.param,
        message: told.message.map(|m| explained(&m, header("stripe-rate-limited-reason"))),
        request_id: header("request-id").map(str::to_owned),
        fault,
        retry,
    }
}

/// The message, cut, and which limit was met: the reason is in a header (stripe-api.md 10).
fn explained(message: &str, limited: Option<&str>) -> String {
    let message: String = message.chars().take(MESSAGE_MOST).collect();
    match limited {
        Some(reason) => format!("{message} ({reason})"),
        None => message,
    }
}

/// What status alone does not tell (stripe-api.md 2, 4, 10, 11).
fn fault(status: u16, limited: Option<&str>, code: &str, message: &str) -> Option<Fault> {
    let scopes = rights_named(message);
    match status {
        // Older accounts were told of the rate in this way.
        400 if code == "rate_limit" => Some(Fault::Throttled { wait: None }),
        // There is no code for it; the text is all there is.
        400 if message.contains("aged out") || message.contains("retention") => Some(Fault::Expired),
        403 => Some(Fault::Forbidden { scopes }),
        // A missing right has been seen as 401 too; a wrong key names no right.
        401 if !scopes.is_empty() => Some(Fault::Forbidden { scopes }),
        // A key of the other mode: the object is not gone.
        404 if message.contains("a similar object exists in") => Some(Fault::Forbidden { scopes }),
        // Not Stripe's way to say it: something in between, or another server. Nothing is gone because of that.
        404 if code != "resource_missing" => Some(Fault::Unexpected),
        409 | 424 => Some(Fault::Unavailable),
        // The object is being worked on; we are not too fast.
        429 if code == "lock_timeout" && limited.is_none() => Some(Fault::Unavailable),
        _ => None,
    }
}

/// The permission ids a message names: any one of them would do.
fn rights_named(message: &str) -> Vec<String> {
    let words = message.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words.filter(|word| word.starts_with("rak_")).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn errors_are_named_by_what_follows_10_and_11() {
        let forbidden = |ids: &[&str]| Fault::Forbidden { scopes: ids.iter().map(|&id| id.to_owned()).collect() };
        for (status, code, message, expected) in [
            (400, "rate_limit", "slow down", Some(Fault::Throttled { wait: None })),
            (400, "", "The event evt_1 has aged out of retention.", Some(Fault::Expired)),
            (400, "property_expansion_max_depth", "too deep", None),
            (401, "api_key_expired", "Expired API Key", None),
            (401, "", "needs 'rak_plan_read'", Some(forbidden(&["rak_plan_read"]))),
            (
                403,
                "",
                "Having rak_customer_read, or 'rak_x_read' would",
                Some(forbidden(&["rak_customer_read", "rak_x_read"])),
            ),
            (403, "", "", Some(forbidden(&[]))),
            (404, "resource_missing", "No such customer: 'cus_1'", None),
            (404, "resource_missing", "No such customer; a similar object exists in test mode", Some(forbidden(&[]))),
            (404, "", "", Some(Fault::Unexpected)),
            (409, "", "conflict", Some(Fault::Unavailable)),
            (424, "", "dependency", Some(Fault::Unavailable)),
            (429, "lock_timeout", "locked", Some(Fault::Unavailable)),
            (429, "rate_limit", "too many", None),
        ] {
            let body =
                json!({"error": {"type": "invalid_request_error", "code": code, "message": message, "param": "p"}});
            let detail = read_error(status, &HeaderMap::new(), body.to_string().as_bytes());
            assert_eq!((detail.fault, detail.field.as_deref()), (expected, Some("p")), "{status} {message}");
        }
        let mut headers = HeaderMap::new();
        headers.insert("stripe-rate-limited-reason", "resource-specific".parse().unwrap());
        let body = json!({"error": {"code": "lock_timeout"}}).to_string();
        assert_eq!(read_error(429, &headers, body.as_bytes()).fault, None, "trap 56");
    }

    #[test]
    fn stripe_says_itself_whether_to_retry_10() {
        for (word, expected) in [("true", Some(true)), ("false", Some(false)), ("maybe", None)] {
            let mut headers = HeaderMap::new();
            headers.insert("stripe-should-retry", word.parse().unwrap());
            headers.insert("request-id", "req_1".parse().unwrap());
            let detail = read_error(500, &headers, b"<html>");
            assert_eq!((detail.retry, detail.request_id.as_deref()), (expected, Some("req_1")));
        }
    }
}
