//! How HubSpot's error answers read (hubspot-api.md 8). Pure.

use std::time::Duration;

use reqwest::header::HeaderMap;

use crate::domain::Fault;
use crate::http::ErrorDetail;

use super::wire::{Refusal, plain};

/// The least pause after a 423.
const LOCKED_FOR: Duration = Duration::from_secs(2);

/// Reads an error answer; called with an empty body for a good one, to learn its correlation id.
pub(super) fn read(status: u16, headers: &HeaderMap, body: &[u8]) -> ErrorDetail {
    let header = |name: &str| headers.get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
    let json: Option<Refusal> = serde_json::from_slice(body).ok();
    let is_json = json.is_some();
    let said = json.unwrap_or_default();
    let items = said.errors.unwrap_or_default();
    // Only the token endpoint puts its code here.
    let own_code = said.status.as_ref().and_then(plain).filter(|word| word.starts_with("BAD_"));
    let mut detail = ErrorDetail {
        code: said.policy_name.clone().or(said.category.clone()).or(said.error_type.clone()).or(own_code),
        field: items.iter().find_map(|e| plain(&e.r#in)),
        message: said.message.clone().filter(|m| !m.trim().is_empty()),
        request_id: said.correlation_id.clone().or_else(|| header("x-hubspot-correlation-id")),
        fault: None,
        retry: None,
    };
    if (200..300).contains(&status) {
        return detail;
    }
    let told = header("retry-after");
    match status {
        403 => {
            let mut scopes: Vec<String> = items.iter().flat_map(|e| e.scopes()).collect();
            scopes.sort();
            scopes.dedup();
            detail.fault = Some(Fault::Forbidden { scopes });
        }
        // A page of the edge is no word about records (trap 38): believed, it would look like absence.
        404 if !is_json => {
            detail.fault = Some(Fault::Unavailable);
            detail.message = Some("a page that is not the API's own answered".to_owned());
        }
        429 => {
            let daily = said.policy_name.as_deref().is_some_and(|p| p.to_ascii_uppercase().contains("DAILY"));
            detail.fault = Some(Fault::Throttled { wait: told.as_deref().and_then(pause) });
            if daily {
                // Resets at midnight of the account's time zone: trying again only burns time (trap 32).
                detail.retry = Some(false);
                detail.message =
                    Some("the account's daily request limit is used up; it resets at midnight there".to_owned());
            }
        }
        // A lock on the record: two seconds at least, says HubSpot, which is longer than a first pause.
        423 => {
            let wait = told.as_deref().and_then(pause).unwrap_or_default().max(LOCKED_FOR);
            detail.fault = Some(Fault::Throttled { wait: Some(wait) });
        }
        // The account moves to another data centre, for up to a day: come back with the next run (trap 39). When it may be
        // asked again is told and not kept: a run that comes too early spends one request and stops, and a place to keep it
        // would have to outlive a page that was never read.
        477 => {
            detail.fault = Some(Fault::Unavailable);
            detail.retry = Some(false);
            let until = told.map_or_else(String::new, |s| format!("; it asks to wait {s} s"));
            detail.message = Some(format!("the account is moving to another data centre{until}"));
        }
        // TLS trouble on HubSpot's side.
        525 | 526 => detail.retry = Some(false),
        _ => {}
    }
    detail
}

/// `Retry-After` is in milliseconds by one page and in seconds by another and by several clients (trap 33). Nobody means
/// 1,000 seconds for a ten-second window.
fn pause(text: &str) -> Option<Duration> {
    let number: u64 = text.trim().parse().ok()?;
    Some(if number >= 1_000 { Duration::from_millis(number) } else { Duration::from_secs(number) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn throttling_reads_both_units_and_stops_for_the_day() {
        // Traps 31 to 33.
        let body = |policy: &str| format!(r#"{{"status":"error","errorType":"RATE_LIMIT","policyName":"{policy}"}}"#);
        for (policy, told, wait, retry) in [
            ("TEN_SECONDLY_ROLLING", Some("10"), Some(Duration::from_secs(10)), None),
            ("TEN_SECONDLY_ROLLING", Some("10000"), Some(Duration::from_secs(10)), None),
            ("SECONDLY", None, None, None),
            ("SECONDLY", Some("Fri, 27 Nov 2026 10:00:00 GMT"), None, None),
            ("DAILY", None, None, Some(false)),
            ("Daily_Limit", Some("999"), Some(Duration::from_secs(999)), Some(false)),
        ] {
            let told: Vec<_> = told.map(|t| ("retry-after", t)).into_iter().collect();
            let detail = read(429, &headers(&told), body(policy).as_bytes());
            assert_eq!(detail.fault, Some(Fault::Throttled { wait }), "{policy} {told:?}");
            assert_eq!((detail.retry, detail.code.as_deref()), (retry, Some(policy)));
        }
    }

    #[test]
    fn a_missing_scope_is_named() {
        let body = br#"{"status":"error","message":"This app hasn't been granted all required scopes","category":"MISSING_SCOPES",
            "correlationId":"c-1","errors":[{"message":"x","context":{"requiredGranularScopes":["b.read","a.read","b.read"]}}]}"#;
        let detail = read(403, &HeaderMap::new(), body);
        assert_eq!(detail.fault, Some(Fault::Forbidden { scopes: vec!["a.read".to_owned(), "b.read".to_owned()] }));
        assert_eq!((detail.code.as_deref(), detail.request_id.as_deref()), (Some("MISSING_SCOPES"), Some("c-1")));
    }

    #[test]
    fn a_page_of_the_edge_never_reads_as_absence() {
        // Trap 38.
        let html = b"<html><body>404</body></html>";
        assert_eq!(read(404, &HeaderMap::new(), html).fault, Some(Fault::Unavailable));
        assert_eq!(read(404, &HeaderMap::new(), br#"{"category":"OBJECT_NOT_FOUND"}"#).fault, None, "the general rule");
        let detail = read(502, &headers(&[("x-hubspot-correlation-id", "c-2")]), html);
        assert_eq!((detail.fault, detail.message, detail.request_id.as_deref()), (None, None, Some("c-2")));
    }

    #[test]
    fn a_locked_record_is_given_two_seconds() {
        for (told, wait) in [(None, 2), (Some("1"), 2), (Some("5"), 5), (Some("5000"), 5)] {
            let told: Vec<_> = told.map(|t| ("retry-after", t)).into_iter().collect();
            let detail = read(423, &headers(&told), b"{}");
            assert_eq!(detail.fault, Some(Fault::Throttled { wait: Some(Duration::from_secs(wait)) }), "{told:?}");
        }
    }

    #[test]
    fn a_moving_account_rests() {
        // Trap 39: up to 24 hours, told in seconds.
        let detail = read(477, &headers(&[("retry-after", "86400")]), b"");
        assert_eq!((detail.fault, detail.retry), (Some(Fault::Unavailable), Some(false)));
        assert!(detail.message.unwrap().contains("86400 s"));
    }
}
