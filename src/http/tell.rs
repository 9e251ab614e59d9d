//! What every attempt tells the log and the metrics: who was asked for what, and what came of it. Never a query, a body, an
//! answer's words or a credential.

use std::time::Duration;

use crate::domain::{ApiError, Fault};

use super::message::{Reply, Request};
use super::pace::Seen;

/// One attempt, whatever came of it.
pub(super) fn attempt(api: &'static str, request: &Request, outcome: Result<&Reply, &ApiError>, took: Duration) {
    let endpoint = request.endpoint();
    let took_ms = millis(took);
    let word = match outcome {
        Ok(reply) => {
            let (status, request) = (reply.status, reply.request_id.as_deref());
            tracing::debug!(api, %endpoint, status, took_ms, request, "answered");
            "ok"
        }
        Err(error) => {
            let (status, fault) = (error.status, error.fault.as_str());
            let (code, request) = (error.code.as_deref(), error.request_id.as_deref());
            tracing::debug!(api, %endpoint, status, fault, code, took_ms, request, "not answered as hoped");
            if let Fault::Throttled { wait } = error.fault {
                tracing::info!(api, wait_ms = wait.map(millis), "too many requests: all of {api}'s wait");
            }
            fault
        }
    };
    metrics::counter!("pivotal_sync_requests_total", "api" => label(api), "outcome" => word).increment(1);
}

/// The limit as an answer's headers have it.
pub(super) fn limit(api: &'static str, seen: Option<Seen>) {
    let Some(Seen { limit, remaining, .. }) = seen else { return };
    metrics::gauge!("pivotal_sync_rate_limit_requests", "api" => label(api)).set(f64::from(limit));
    metrics::gauge!("pivotal_sync_rate_limit_remaining_requests", "api" => label(api)).set(f64::from(remaining));
}

/// One more try is made after a pause.
pub(super) fn retry(error: &ApiError, pause: Duration) {
    let (api, status, fault) = (error.api, error.status, error.fault.as_str());
    let (endpoint, answered) =
        (&error.endpoint, status.map_or_else(String::new, |status| format!(", status {status}")));
    tracing::info!(
        api,
        %endpoint,
        status,
        fault,
        pause_ms = millis(pause),
        "trying again: {api} {endpoint}: {fault}{answered}"
    );
}

/// The API's word in metrics, as in configuration.
fn label(api: &'static str) -> String {
    api.to_lowercase()
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
