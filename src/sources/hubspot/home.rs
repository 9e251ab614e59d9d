//! Which portal is read, and until when it must be left alone.

use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::domain::{ApiError, Cursor, Fault, Timestamp};

use super::Hubspot;
use super::cursor::State;
use super::wire::{self, Account};

/// The portal a cursor belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Home {
    /// Portal id.
    pub portal: String,
    /// The time zone its days begin and end in.
    pub zone: Option<String>,
}

impl Home {
    /// Reads the account's own words.
    pub fn of(account: &Account) -> Option<Self> {
        Some(Self { portal: wire::plain(&account.portal_id)?, zone: account.time_zone.clone() })
    }

    /// The next midnight there.
    pub fn next_day(&self, now: Timestamp) -> Option<Timestamp> {
        let zone: chrono_tz::Tz = self.zone.as_deref()?.parse().ok()?;
        let tomorrow = now.with_timezone(&zone).date_naive().succ_opt()?;
        // Where a day begins an hour late, midnight is not there; one o'clock is.
        let hours = (0..3).filter_map(|hour| tomorrow.and_hms_opt(hour, 0, 0));
        hours.filter_map(|at| at.and_local_timezone(zone).earliest()).next().map(|at| at.to_utc())
    }
}

/// The daily limit, once it is used up: asking again before it resets only burns time (hubspot-api.md trap 32).
#[derive(Debug, Default)]
pub(super) struct Spent(Mutex<Option<(Timestamp, ApiError)>>);

impl Spent {
    /// What to say instead of asking.
    pub fn check(&self, now: Timestamp) -> Result<(), ApiError> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match held.as_ref().filter(|(until, _)| now < *until) {
            Some((_, error)) => Err(error.clone()),
            None => Ok(()),
        }
    }

    /// Takes note of an error; one of the daily limit names the moment of its reset from now on.
    pub fn note(&self, mut error: ApiError, home: Option<&Home>, now: Timestamp) -> ApiError {
        let daily = error.code.as_deref().is_some_and(|code| code.to_ascii_uppercase().contains("DAILY"));
        if !(daily && matches!(error.fault, Fault::Throttled { .. })) {
            return error;
        }
        if let Some((home, reset)) = home.and_then(|home| Some((home, home.next_day(now)?))) {
            let zone = home.zone.as_deref().unwrap_or_default();
            let at = reset.format("%Y-%m-%d %H:%M UTC");
            error.message = format!(
                "the daily request limit of portal {} is used up; it resets at midnight {zone} ({at}), and nothing is asked before",
                home.portal
            );
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((reset, error.clone()));
        }
        error
    }
}

impl Hubspot {
    /// Whose portal this is, asked once; nothing when the token may not know.
    async fn home(&self) -> Result<Option<Home>, ApiError> {
        let asked = self.home.get_or_try_init(|| async {
            match self.api.account().await {
                Ok(account) => Ok(Home::of(&account)),
                Err(ApiError { fault: Fault::Forbidden { .. } | Fault::NotFound, .. }) => Ok(None),
                Err(error) => Err(error),
            }
        });
        Ok(asked.await?.clone())
    }

    /// Where a stream stands, and whose portal is read. A token of another portal than the stored records' is refused before
    /// anything is asked about a record: its "not there" would be believed.
    pub(super) async fn place(&self, cursor: Option<&Cursor>) -> Result<(Option<State>, Option<Home>), ApiError> {
        let (state, known) = match cursor.map(State::read).transpose()? {
            Some((state, home)) => (Some(state), home),
            None => (None, None),
        };
        self.spent_today.check(chrono::Utc::now())?;
        let home = self.home().await.map_err(|error| self.noted(error, known.as_ref()))?;
        match (&known, &home) {
            (Some(known), Some(found)) if known.portal != found.portal => Err(stranger(known, found)),
            _ => Ok((state, home.or(known))),
        }
    }

    /// Takes note of a used-up daily limit.
    pub(super) fn noted(&self, error: ApiError, home: Option<&Home>) -> ApiError {
        self.spent_today.note(error, home, chrono::Utc::now())
    }
}

/// A token of another portal than the one the records came from: its ids mean other records.
fn stranger(known: &Home, found: &Home) -> ApiError {
    ApiError {
        fault: Fault::Unauthorised,
        api: super::api::API,
        endpoint: "GET /account-info".to_owned(),
        status: None,
        code: Some("other_portal".to_owned()),
        field: None,
        message: format!(
            "the records in the store are of portal {}, and the token belongs to portal {}: give the token of the former, or \
             another store.path to the latter",
            known.portal, found.portal
        ),
        request_id: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home(zone: &str) -> Home {
        Home { portal: "1".to_owned(), zone: Some(zone.to_owned()) }
    }

    #[test]
    fn a_day_ends_at_midnight_of_the_account() {
        // Trap 32: not UTC. Where summer time begins at midnight, the day begins at one.
        for (zone, now, reset) in [
            ("US/Eastern", "2026-11-20T10:00:00Z", Some("2026-11-21T05:00:00Z")),
            ("US/Eastern", "2026-11-21T04:59:59Z", Some("2026-11-21T05:00:00Z")),
            ("Asia/Tokyo", "2026-11-20T15:00:00Z", Some("2026-11-21T15:00:00Z")),
            ("Africa/Cairo", "2026-04-23T12:00:00Z", Some("2026-04-23T22:00:00Z")),
            ("Mars/Olympus", "2026-11-20T10:00:00Z", None),
        ] {
            let reset: Option<Timestamp> = reset.map(|text| text.parse().unwrap());
            assert_eq!(home(zone).next_day(now.parse().unwrap()), reset, "{zone} {now}");
        }
    }
}
