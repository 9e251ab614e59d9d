//! Which records a Stripe delivery speaks of (stripe-api.md 4 and 12). Pure: bytes to keys. The object inside is not believed:
//! it was rendered at another moment in another version (trap 10).

use crate::domain::{SourceKey, Stream};

use super::cursor::Filter;
use super::events::{self, Touched};
use super::wire::Event;

/// What a person is told of a body that is no event. Never quotes it: it may hold anybody's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the body is no Stripe event of a known shape")]
pub struct NoEvent;

#[derive(serde::Deserialize)]
struct Delivery {
    /// The connected account an event of a Connect platform is about.
    account: Option<String>,
    #[serde(flatten)]
    event: Event,
}

/// The records touched, each once. Unknown types touch nothing (trap 15), and so do events of connected accounts, which this
/// key does not see (trap 63).
///
/// What a catalogue change touches cannot be told without asking: the next run's own look at the events finds it.
///
/// # Errors
/// When the body is no event.
pub fn touched(body: &[u8]) -> Result<Vec<SourceKey>, NoEvent> {
    let Delivery { account, event } = serde_json::from_slice(body).map_err(|_| NoEvent)?;
    if account.is_some() {
        return Ok(Vec::new());
    }
    let streams = [Stream::StripeCustomers, Stream::StripeSubscriptions];
    let keys = streams.into_iter().filter_map(|stream| match events::touched(stream, &event) {
        Touched::Record(id) if !id.is_empty() => Some(SourceKey::new(stream, id)),
        Touched::Shared(Filter::Customer, id) => Some(SourceKey::new(Stream::StripeCustomers, id)),
        _ => None,
    });
    Ok(keys.collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value as Json, json};

    use super::*;

    fn keys(kind: &str, object: &Json) -> Vec<String> {
        let body = json!({"id": "evt_1", "object": "event", "type": kind, "created": 1_790_000_000, "livemode": true,
            "api_version": "2026-10-28.endive", "pending_webhooks": 1, "request": null, "data": {"object": object}});
        touched(body.to_string().as_bytes()).unwrap().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn events_name_what_is_to_be_read_4() {
        for (kind, object, expected) in [
            ("customer.created", json!({"id": "cus_1", "email": "a@b.c"}), vec!["stripe:customer:cus_1"]),
            ("customer.deleted", json!({"id": "cus_1", "deleted": true}), vec!["stripe:customer:cus_1"]),
            (
                "customer.subscription.updated",
                json!({"id": "sub_1", "customer": "cus_1"}),
                vec!["stripe:subscription:sub_1"],
            ),
            ("customer.subscription.deleted", json!({"id": "sub_1"}), vec!["stripe:subscription:sub_1"]),
            (
                "customer.discount.created",
                json!({"customer": "cus_1", "subscription": "sub_1"}),
                vec!["stripe:subscription:sub_1"],
            ),
            (
                "customer.discount.deleted",
                json!({"customer": "cus_1", "subscription": null}),
                vec!["stripe:customer:cus_1"],
            ),
            ("price.updated", json!({"id": "price_1"}), vec![]),
            ("coupon.updated", json!({"id": "co_1"}), vec![]),
            ("invoice.paid", json!({"id": "in_1"}), vec![]),
            ("customer.subscription.invented", json!({"id": "sub_1"}), vec![]),
            ("customer.created", json!({"id": ""}), vec![]),
            ("customer.created", json!({}), vec![]),
        ] {
            assert_eq!(keys(kind, &object), expected, "{kind} {object}");
        }
    }

    #[test]
    fn an_event_of_a_connected_account_touches_nothing_trap_63() {
        let body = json!({"id": "evt_1", "type": "customer.created", "created": 1, "account": "acct_1",
            "data": {"object": {"id": "cus_1"}}});
        assert_eq!(touched(body.to_string().as_bytes()), Ok(Vec::new()));
    }

    #[test]
    fn what_is_no_event_is_told_without_its_words() {
        let thin =
            r#"{"id":"evt_1","object":"v2.core.event","type":"v1.customer.created","created":"2026-11-25T00:00:00Z"}"#;
        for body in ["", "[]", "{}", "7", r#"{"id":"ann@acme.com"}"#, thin] {
            let error = touched(body.as_bytes()).unwrap_err();
            assert!(!error.to_string().contains('@'), "{error}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_much(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = touched(&bytes);
        }
    }
}
