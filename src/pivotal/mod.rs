//! IO out: Pivotal.
//!
//! One job: say what Pivotal holds, and send one write at a time as the exact bytes that were stored before.
//!
//! Rules: reader and writer share one client and one gate, so together they keep one pace. Nothing here decides: an answer is
//! read and named (`errors`), what follows is the engine's. Unknown fields are kept as they come, ids are opaque, any 2xx is
//! accepted, and a 2xx without the promised shape is [`Fault::Unexpected`](crate::domain::Fault::Unexpected).
//! Reference: pivotal-api.md.

mod errors;
mod metadata;
mod read;
mod settings;
mod ties;
pub mod webhook;
mod wire;
mod write;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::HeaderMap;
use secrecy::SecretString;

pub use read::PivotalReader;
pub use settings::*;
pub use write::PivotalWriter;

use crate::http::{BuildError, Client, Gate, Pace, Patience, Profile, Reply, Request, Seen};

/// The name in errors.
const API: &str = "Pivotal";
/// Pivotal's limit is a sliding window of one minute per key (pivotal-api.md 4).
const WINDOW: Duration = Duration::from_secs(60);

/// Builds the two halves of Pivotal: what planning may see, and what only apply is given. No request is made.
pub fn connect(settings: &Settings, key: SecretString) -> Result<(PivotalReader, PivotalWriter), BuildError> {
    connect_with(settings, key, Patience::default())
}

/// The same with another patience than the usual one.
///
/// # Errors
/// As [`connect`].
pub fn connect_with(
    settings: &Settings,
    key: SecretString,
    patience: Patience,
) -> Result<(PivotalReader, PivotalWriter), BuildError> {
    let gate = Gate::new(Pace {
        window: WINDOW,
        limit: None,
        ceiling: settings.requests_per_minute,
        reserve_percent: settings.reserve_percent,
        read: read_limit,
    });
    let client = Client::new(Profile {
        api: API,
        base_url: settings.base_url.clone(),
        token: key,
        headers: Vec::new(),
        gates: vec![Arc::new(gate)],
        patience,
        read_error: errors::read_error,
    })?;
    let api = Arc::new(Api { client, deprecations_told: Mutex::default() });
    Ok((PivotalReader::new(api.clone()), PivotalWriter::new(api)))
}

/// `X-RateLimit-Limit` and `X-RateLimit-Remaining`, on every answer. `Reset` is left alone: what it means in a sliding window
/// is not known (pivotal-api.md 4).
fn read_limit(headers: &HeaderMap) -> Option<Seen> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse().ok();
    Some(Seen { limit: number("x-ratelimit-limit")?, remaining: number("x-ratelimit-remaining")?, window: None })
}

/// The client both halves share.
struct Api {
    client: Client,
    /// Endpoints whose `Deprecation` header was logged already.
    deprecations_told: Mutex<BTreeSet<String>>,
}

impl Api {
    async fn send(&self, request: &Request, path: &str) -> Result<Reply, crate::domain::ApiError> {
        let reply = self.client.send(request).await?;
        if let Some(date) = reply.header("deprecation") {
            self.tell_deprecation(request, path, date);
        }
        Ok(reply)
    }

    /// Pivotal announces the end of an endpoint with this header (pivotal-api.md 7); once is enough.
    fn tell_deprecation(&self, request: &Request, path: &str, date: &str) {
        let endpoint = request.endpoint().replace(path, &template(path));
        let mut told = self.deprecations_told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.insert(endpoint.clone()) {
            tracing::warn!(
                %endpoint,
                date,
                "Pivotal announces the end of {endpoint} ({date}): look for a newer version of pivotal-sync"
            );
        }
    }
}

/// A path with its id left out: `/customers/{id}/contacts`.
fn template(path: &str) -> String {
    let segments = path.split('/').enumerate().map(|(i, segment)| if i == 2 { "{id}" } else { segment });
    segments.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests;
