//! A subscription as answers show it.

use serde_json::{Map, Value, json};

use super::shapes::{Shape, seconds};
use super::subscriptions::{Item, Status, Subscription};
use super::tax::shape_rates;
use super::world::World;

impl World {
    /// The whole subscription. Embedded items are cut (trap 28), discounts are ids (trap 38), and before basil the period
    /// stood on top (trap 26).
    pub(super) fn shape_subscription(&self, subscription: &Subscription, shape: &Shape) -> Value {
        let shown = subscription.items.iter().take(self.switches.embedded_items);
        let items: Vec<Value> = shown.map(|item| self.shape_item(subscription, item, shape)).collect();
        let more = items.len() < subscription.items.len();
        let discounts: Vec<&str> = self.running(&subscription.discounts).map(|it| it.id.as_str()).collect();
        let paused = subscription.pause_collection.as_ref();
        let customer = subscription.customer_account.is_none().then_some(&subscription.customer);
        let (trial_start, trial_end) = subscription.trial.unzip();
        let mut body = json!({
            "id": subscription.id, "object": "subscription", "application": null, "application_fee_percent": null,
            "automatic_tax": { "enabled": subscription.automatic_tax, "liability": null, "disabled_reason": null },
            "billing_cycle_anchor": subscription.start_date.timestamp(), "billing_thresholds": null,
            "cancel_at": seconds(subscription.cancel_at), "cancel_at_period_end": subscription.cancel_at_period_end,
            "canceled_at": seconds(subscription.canceled_at),
            "cancellation_details": { "comment": null, "feedback": null, "reason": null },
            "collection_method": subscription.collection_method, "created": subscription.created.timestamp(),
            "currency": subscription.currency, "customer": customer, "days_until_due": null,
            "default_payment_method": null, "default_source": null, "default_tax_rates": shape_rates(&subscription.default_tax_rates), "description": null,
            "discounts": discounts, "ended_at": seconds(subscription.ended_at),
            "items": { "object": "list", "data": items, "has_more": more,
                       "url": format!("/v1/subscription_items?subscription={}", subscription.id) },
            "latest_invoice": null, "livemode": self.livemode, "metadata": subscription.metadata,
            "on_behalf_of": null, "pause_collection": paused.map(|how| json!({ "behavior": how, "resumes_at": seconds(subscription.resumes_at) })),
            "pending_setup_intent": null, "pending_update": null, "schedule": subscription.schedule,
            "start_date": subscription.start_date.timestamp(), "status": subscription.status.as_str(),
            "test_clock": subscription.test_clock, "transfer_data": null, "trial_end": seconds(trial_end),
            "trial_start": seconds(trial_start),
        });
        if let Value::Object(body) = &mut body {
            self.add_versioned(body, subscription, shape);
        }
        body
    }

    /// The parts that came and went with versions.
    fn add_versioned(&self, body: &mut Map<String, Value>, subscription: &Subscription, shape: &Shape) {
        if shape.basil {
            body.insert("billing_mode".to_owned(), json!({ "type": "flexible" }));
            body.insert("customer_account".to_owned(), json!(subscription.customer_account));
            if subscription.status == Status::Paused {
                let paused = json!({ "paused": { "type": "pause_requested" } });
                body.insert("status_details".to_owned(), paused);
            }
            return;
        }
        let start = subscription.items.iter().map(|item| item.period_start).min();
        let end = subscription.items.iter().map(|item| item.period_end).min();
        body.insert("current_period_start".to_owned(), seconds(start));
        body.insert("current_period_end".to_owned(), seconds(end));
        let discount = self.running(&subscription.discounts).next();
        let discount = discount.map_or(Value::Null, |discount| self.shape_discount(discount, shape));
        body.insert("discount".to_owned(), discount);
    }

    /// One item; `quantity` is absent on metered ones (trap 29).
    pub(super) fn shape_item(&self, subscription: &Subscription, item: &Item, shape: &Shape) -> Value {
        let price = self.prices.get(&item.price);
        let discounts: Vec<&str> = self.running(&item.discounts).map(|it| it.id.as_str()).collect();
        let mut body = json!({
            "id": item.id, "object": "subscription_item", "billing_thresholds": null,
            "created": item.created.timestamp(), "discounts": discounts, "metadata": item.metadata,
            "plan": price.map(|price| self.shape_plan(price)), "price": price.map(|price| self.shape_price(price)),
            "subscription": subscription.id, "tax_rates": shape_rates(&item.tax_rates),
        });
        if let Some(quantity) = item.quantity {
            body["quantity"] = json!(quantity);
        }
        if let Some(end) = item.trial_end {
            body["current_trial"] = json!({ "end_date": end.timestamp() });
        }
        if shape.basil {
            body["current_period_start"] = json!(item.period_start.timestamp());
            body["current_period_end"] = json!(item.period_end.timestamp());
        }
        body
    }
}
