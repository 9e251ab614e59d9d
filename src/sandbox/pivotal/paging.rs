//! `limit`, `cursor` and the list envelope (sheet section 6).

use std::collections::HashMap;

use chrono::DateTime;

use super::refusal::Refusal;
use super::switches::Switches;
use crate::domain::Timestamp;

const LARGEST_PAGE: usize = 100;

/// The words of a query string; of a repeated one, the last.
pub type Query = HashMap<String, String>;

/// Reads a query string.
#[must_use]
pub fn query(text: &str) -> Query {
    url::form_urlencoded::parse(text.as_bytes()).into_owned().collect()
}

/// What a list request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// Most rows.
    pub limit: usize,
    /// Only rows made strictly before this millisecond (Unix time).
    pub before: Option<i64>,
}

/// Reads `limit` and `cursor`.
///
/// # Errors
/// 400 for a limit out of range (unless clamped) or a cursor that is no instant.
pub fn page(query: &Query, default_limit: usize, switches: &Switches) -> Result<Page, Refusal> {
    let limit = match query.get("limit") {
        Some(text) => limit(text, switches)?,
        None => default_limit,
    };
    let before = match query.get("cursor") {
        Some(text) => match moment(text) {
            Some(moment) => Some(moment.timestamp_millis()),
            None => return Err(Refusal::invalid("invalid_string", "Invalid datetime", "cursor")),
        },
        None => None,
    };
    Ok(Page { limit, before })
}

/// A query word is coerced as JavaScript's `Number` does it: the empty text is 0.
fn limit(text: &str, switches: &Switches) -> Result<usize, Refusal> {
    let trimmed = text.trim();
    let number = if trimmed.is_empty() { Some(0.0) } else { trimmed.parse::<f64>().ok().filter(|n| n.is_finite()) };
    let Some(number) = number else {
        return Err(Refusal::invalid("invalid_type", "Expected number, received nan", "limit"));
    };
    if number.fract() != 0.0 {
        return Err(Refusal::invalid("invalid_type", "Expected integer, received float", "limit"));
    }
    if (1.0..=100.0).contains(&number) || switches.clamp_limit {
        return Ok(number.clamp(1.0, 100.0) as usize);
    }
    Err(if number < 1.0 {
        Refusal::invalid("too_small", "Number must be greater than or equal to 1", "limit")
    } else {
        Refusal::invalid("too_big", format!("Number must be less than or equal to {LARGEST_PAGE}"), "limit")
    })
}

/// Zod's `datetime()`: ISO 8601 with a `Z`, no offset.
#[must_use]
pub fn moment(text: &str) -> Option<Timestamp> {
    (text.ends_with('Z') && text.as_bytes().get(10) == Some(&b'T'))
        .then(|| DateTime::parse_from_rfc3339(text).ok())
        .flatten()
        .map(|at| at.to_utc())
}
