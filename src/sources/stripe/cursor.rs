//! How far a stream has been pulled, as text. Nothing else is remembered between two pages.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::domain::Cursor;

/// Where a stream stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "at", rename_all = "lowercase")]
pub(super) enum State {
    /// Inside a complete listing.
    Listing(Listing),
    /// Between two deltas, or inside one.
    Events(Events),
}

/// What is known of how the stream's records were read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Known {
    /// Whether they are of live mode. A key of the other mode would find none of them (trap 51).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<bool>,
    /// Whether discounts were ignored, because coupons could not be read (trap 54).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub blind: bool,
}

/// Inside a complete listing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Listing {
    /// Stripe's time when the listing began, Unix seconds: events are followed from there (trap 17).
    pub since: Option<i64>,
    /// Ids to go on after, the best first. The others are for when the first was deleted meanwhile (trap 18).
    #[serde(default)]
    pub after: Vec<String>,
    /// Events met before the listing began. It shows what they did, so they are not to start another one.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub seen: BTreeSet<String>,
    /// How the records were read.
    #[serde(flatten)]
    pub known: Known,
}

/// Following events.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Events {
    /// All events created until then, Unix seconds, have been followed.
    pub high: i64,
    /// Ids of events followed already although they will be listed again, because they lie in the overlap (traps 3, 4).
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub seen: BTreeSet<String>,
    /// Set while a window is being followed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub walk: Option<Walk>,
    /// How the records were read.
    #[serde(flatten)]
    pub known: Known,
}

/// A window of events under way. `high` moves only when it is through (trap 8).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Walk {
    /// What `high` becomes.
    pub to: i64,
    /// The event to go on after; none once all are read.
    pub after: Option<String>,
    /// What `seen` becomes.
    pub seen: BTreeSet<String>,
    /// Objects fetched since the walk began: what earlier events say of them is old news (trap 12).
    pub done: BTreeSet<String>,
    /// Lists of subscriptions still to be read, because something they share has changed.
    pub lists: Vec<Shared>,
}

/// The subscriptions that share a price or a customer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Shared {
    /// The list's filter: `price` or `customer`.
    pub by: Filter,
    /// Its value.
    pub id: String,
    /// The subscription to go on after.
    pub after: Option<String>,
}

/// A filter of the subscription list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Filter {
    /// Those with an item of this price.
    Price,
    /// Those of this customer.
    Customer,
}

impl Filter {
    /// The query parameter.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Price => "price",
            Self::Customer => "customer",
        }
    }
}

impl State {
    /// Reads a stored cursor; `None` for text that no version of this adapter understands.
    pub fn read(cursor: &Cursor) -> Option<Self> {
        serde_json::from_str(&cursor.0).ok()
    }

    /// The text to store.
    pub fn cursor(&self) -> Cursor {
        // These types hold texts and numbers under text keys only: nothing that JSON cannot say.
        Cursor(serde_json::to_string(self).unwrap_or_default())
    }

    /// The state in which a complete listing begins, after these events were met. It sees for itself what can be read.
    pub fn beginning(seen: BTreeSet<String>, live: Option<bool>) -> Self {
        Self::Listing(Listing { seen, known: Known { live, blind: false }, ..Listing::default() })
    }

    /// The state after everything until `high` was followed.
    pub fn followed(high: i64, seen: BTreeSet<String>, known: Known) -> Self {
        Self::Events(Events { high, seen, walk: None, known })
    }

    /// How the records were read.
    pub fn known(&self) -> Known {
        match self {
            Self::Listing(listing) => listing.known,
            Self::Events(events) => events.known,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_reads_back_as_it_was_written() {
        let set = |ids: &[&str]| ids.iter().map(|&id| id.to_owned()).collect::<BTreeSet<_>>();
        let walk = Walk {
            to: 9,
            after: Some("evt_9".to_owned()),
            seen: set(&["evt_9"]),
            done: set(&["sub_1"]),
            lists: vec![Shared { by: Filter::Price, id: "price_1".to_owned(), after: None }],
        };
        let known = Known { live: Some(false), blind: true };
        for state in [
            State::beginning(set(&[]), None),
            State::Listing(Listing { since: Some(5), after: vec!["cus_2".to_owned()], seen: set(&["evt_1"]), known }),
            State::followed(7, set(&["evt_1"]), known),
            State::Events(Events { high: 7, seen: set(&[]), walk: Some(walk), known: Known::default() }),
        ] {
            assert_eq!(State::read(&state.cursor()), Some(state));
        }
    }

    #[test]
    fn text_of_nobody_is_no_state() {
        for text in ["", "1790000000", "{}", r#"{"at":"moon"}"#, "null"] {
            assert_eq!(State::read(&Cursor(text.to_owned())), None, "{text}");
        }
    }

    #[test]
    fn a_quiet_night_leaves_a_short_text() {
        let known = Known { live: Some(true), blind: false };
        assert_eq!(State::followed(7, BTreeSet::new(), known).cursor().0, r#"{"at":"events","high":7,"live":true}"#);
    }
}
