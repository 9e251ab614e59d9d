//! Which events each stream follows, and what each of them touches. An event is a hint: what it touches is read anew
//! (stripe-api.md 4).

use serde_json::Value as Json;

use crate::domain::Stream;

use super::cursor::Filter;
use super::wire::{Event, Raw, id_of};

/// Types the customers stream asks for.
const CUSTOMERS: [&str; 3] = ["customer.created", "customer.updated", "customer.deleted"];

/// Types the subscriptions stream asks for; at most 20 may be asked for at once (trap 13). `coupon.deleted` is not among them:
/// a deleted coupon's discounts stay in force, so nothing changes.
const SUBSCRIPTIONS: [&str; 14] = [
    "customer.subscription.created",
    "customer.subscription.updated",
    "customer.subscription.deleted",
    "customer.subscription.paused",
    "customer.subscription.resumed",
    "customer.subscription.pending_update_applied",
    "customer.subscription.pending_update_expired",
    "customer.discount.created",
    "customer.discount.updated",
    "customer.discount.deleted",
    "price.updated",
    "product.updated",
    "product.deleted",
    "coupon.updated",
];

/// Attributes of catalogue objects that no figure depends on. A change of these alone touches no subscription.
const IDLE: [&str; 17] = [
    "active",
    "default_price",
    "description",
    "features",
    "images",
    "lookup_key",
    "marketing_features",
    "metadata",
    "package_dimensions",
    "redeem_by",
    "shippable",
    "statement_descriptor",
    "tax_behavior",
    "tax_code",
    "times_redeemed",
    "unit_label",
    "updated",
];

/// The types of all streams: they fit into one question.
pub(super) fn all_types() -> impl Iterator<Item = &'static str> {
    CUSTOMERS.into_iter().chain(SUBSCRIPTIONS)
}

/// The types a stream asks for.
pub(super) const fn types(stream: Stream) -> &'static [&'static str] {
    match stream {
        Stream::StripeSubscriptions => &SUBSCRIPTIONS,
        _ => &CUSTOMERS,
    }
}

/// What an event touches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Touched {
    /// One record of the stream.
    Record(String),
    /// All subscriptions that share something.
    Shared(Filter, String),
    /// All subscriptions to any price of this product.
    Product(String),
    /// Possibly everything.
    Everything,
    /// Nothing that is kept.
    Nothing,
}

/// What an event of the stream's types touches. A type that was not asked for touches nothing (trap 15).
pub(super) fn touched(stream: Stream, event: &Event) -> Touched {
    let object = &event.data.object;
    let id = || id_of(object).map(str::to_owned);
    let changed = event.data.previous_attributes.as_ref();
    if !types(stream).contains(&event.kind.as_str()) {
        return Touched::Nothing;
    }
    let touched = match event.kind.as_str() {
        kind if kind.starts_with("customer.discount.") => discounted(object),
        "price.updated" if matters(changed, &[]) => id().map(|id| Touched::Shared(Filter::Price, id)),
        "product.updated" if matters(changed, &[]) => id().map(Touched::Product),
        "product.deleted" => id().map(Touched::Product),
        // A coupon's amount is fixed once made; only its other currencies may be added to.
        "coupon.updated" if matters(changed, &["name"]) => Some(Touched::Everything),
        kind if kind.starts_with("customer.") => id().map(Touched::Record),
        _ => None,
    };
    touched.unwrap_or(Touched::Nothing)
}

/// A discount belongs to a subscription, or to its customer and so to the subscriptions without one of their own (trap 41).
fn discounted(discount: &Raw) -> Option<Touched> {
    let named = |name: &str| match discount.get(name)? {
        Json::String(id) => Some(id.clone()),
        Json::Object(object) => id_of(object).map(str::to_owned),
        _ => None,
    };
    named("subscription")
        .map(Touched::Record)
        .or_else(|| named("customer").map(|id| Touched::Shared(Filter::Customer, id)))
}

/// Whether a change matters. Without a word on what changed, it does.
fn matters(changed: Option<&Raw>, idle_too: &[&str]) -> bool {
    let idle = |name: &str| IDLE.contains(&name) || idle_too.contains(&name);
    changed.is_none_or(|changed| changed.is_empty() || changed.keys().any(|name| !idle(name)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_stream_asks_for_at_most_twenty_types_trap_13() {
        for stream in [Stream::StripeCustomers, Stream::StripeSubscriptions] {
            assert!((1..=20).contains(&types(stream).len()));
        }
    }

    #[test]
    fn events_touch_what_they_should_4() {
        use Touched::{Everything, Nothing, Product, Record, Shared};
        let id = |id: &str| id.to_owned();
        let subscriptions = Stream::StripeSubscriptions;
        for (stream, kind, object, previous, expected) in [
            (Stream::StripeCustomers, "customer.deleted", json!({"id": "cus_1"}), json!(null), Record(id("cus_1"))),
            (Stream::StripeCustomers, "customer.subscription.updated", json!({"id": "sub_1"}), json!(null), Nothing),
            (Stream::StripeCustomers, "customer.updated", json!({}), json!(null), Nothing),
            (subscriptions, "customer.subscription.updated", json!({"id": "sub_1"}), json!(null), Record(id("sub_1"))),
            (subscriptions, "customer.updated", json!({"id": "cus_1"}), json!(null), Nothing),
            (subscriptions, "customer.subscription.invented", json!({"id": "sub_1"}), json!(null), Nothing),
            (
                subscriptions,
                "customer.discount.created",
                json!({"id": "di_1", "customer": "cus_1", "subscription": "sub_1"}),
                json!(null),
                Record(id("sub_1")),
            ),
            (
                subscriptions,
                "customer.discount.deleted",
                json!({"id": "di_1", "customer": {"id": "cus_1"}, "subscription": null}),
                json!(null),
                Shared(Filter::Customer, id("cus_1")),
            ),
            (
                subscriptions,
                "price.updated",
                json!({"id": "p"}),
                json!({"nickname": null}),
                Shared(Filter::Price, id("p")),
            ),
            (subscriptions, "price.updated", json!({"id": "p"}), json!(null), Shared(Filter::Price, id("p"))),
            (subscriptions, "price.updated", json!({"id": "p"}), json!({"metadata": {}, "active": true}), Nothing),
            (
                subscriptions,
                "product.updated",
                json!({"id": "p"}),
                json!({"name": "x", "updated": 1}),
                Product(id("p")),
            ),
            (subscriptions, "product.updated", json!({"id": "p"}), json!({"updated": 1, "images": []}), Nothing),
            (subscriptions, "coupon.updated", json!({"id": "c"}), json!({"name": "x"}), Nothing),
            (subscriptions, "coupon.updated", json!({"id": "c"}), json!({"currency_options": {}}), Everything),
        ] {
            let event = json!({"id": "evt_1", "type": kind, "created": 1,
                "data": {"object": object, "previous_attributes": previous}});
            let event: Event = serde_json::from_value(event).unwrap();
            assert_eq!(touched(stream, &event), expected, "{kind} {object}");
        }
    }
}
