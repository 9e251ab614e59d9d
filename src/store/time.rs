//! Times in the store: ISO 8601 UTC text with milliseconds and Z, e.g. `2026-11-23T11:22:33.123Z`. Equal length, so that
//! SQL may compare them as text.

use chrono::{DateTime, SecondsFormat, Utc};

use super::error::Trouble;
use crate::domain::Timestamp;

pub(super) fn text(instant: Timestamp) -> String {
    instant.to_rfc3339_opts(SecondsFormat::Millis, true)
}

pub(super) fn instant(table: &'static str, text: &str) -> Result<Timestamp, Trouble> {
    match DateTime::parse_from_rfc3339(text) {
        Ok(instant) => Ok(instant.with_timezone(&Utc)),
        Err(_) => Err(Trouble::bad(table, format_args!("'{text}' is no time"))),
    }
}

pub(super) fn maybe(table: &'static str, text: Option<&str>) -> Result<Option<Timestamp>, Trouble> {
    text.map(|t| instant(table, t)).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_print_with_milliseconds_and_z_and_read_back() {
        let shown = "2026-11-23T11:22:33.123Z";
        assert_eq!(text(instant("run", shown).unwrap()), shown);
        assert_eq!(text(instant("run", "2026-11-23T12:22:33+01:00").unwrap()), "2026-11-23T11:22:33.000Z");
        let error = instant("run", "yesterday").unwrap_err();
        assert!(matches!(&error, Trouble::BadRow { table: "run", what } if what.contains("yesterday")), "{error:?}");
    }
}
