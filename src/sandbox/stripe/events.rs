//! The event log (section 4): whole seconds, ids in no order, objects as they were.

use chrono::Duration;
use serde_json::{Map, Value, json};

use super::admit::Permission;
use super::shapes::Shape;
use super::shelf::Listed;
use super::world::World;
use crate::domain::Timestamp;

/// An event as it is kept: its object as text, since most are never asked for.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) id: String,
    pub(super) kind: String,
    created: Timestamp,
    /// Not listed before (trap 4).
    pub(super) visible: Timestamp,
    api_version: String,
    object: String,
    previous: Option<String>,
    request: Option<String>,
}

impl Listed for Event {
    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> Timestamp {
        self.created
    }
}

impl Event {
    /// The right that its object needs.
    pub(super) fn right(&self) -> Option<Permission> {
        match self.kind.as_str() {
            kind if kind.starts_with("customer.subscription.") => Some(Permission::Subscriptions),
            kind if kind.starts_with("customer.discount.") => Some(Permission::Coupons),
            kind if kind.starts_with("customer.") => Some(Permission::Customers),
            kind if kind.starts_with("price.") || kind.starts_with("plan.") => Some(Permission::Prices),
            kind if kind.starts_with("product.") => Some(Permission::Products),
            kind if kind.starts_with("coupon.") => Some(Permission::Coupons),
            _ => None,
        }
    }

    pub(super) fn shown(&self, livemode: bool) -> Value {
        let read = |text: &String| serde_json::from_str::<Value>(text).unwrap_or_default();
        let mut data = json!({ "object": read(&self.object) });
        if let Some(previous) = self.previous.as_ref().map(read) {
            data["previous_attributes"] = previous;
        }
        json!({
            "id": self.id, "object": "event", "api_version": self.api_version, "created": self.created.timestamp(),
            "data": data, "livemode": livemode, "pending_webhooks": 0,
            "request": { "id": self.request, "idempotency_key": null }, "type": self.kind,
        })
    }
}

impl World {
    /// How many events were raised so far, aged-out and duplicate ones included.
    #[must_use]
    pub fn events_raised(&self) -> u64 {
        self.raised
    }

    /// Raises any event now, such as an `invoice.*` of a renewal, or a type that nobody knows (traps 12 and 15).
    pub fn raise(&mut self, kind: &str, object: &Value) {
        self.raise_at(self.now(), kind, object, None);
    }

    /// The version that events are rendered in.
    pub(super) fn event_shape(&self) -> Shape {
        Shape::of(&self.switches.account_version)
    }

    /// Is an event of then still kept? What is not is not even rendered: seeds reach far back.
    pub(super) fn worth_raising(&self, at: Timestamp) -> bool {
        !self.switches.silent && at >= self.retention()
    }

    /// Events from before are gone (trap 2).
    pub(super) fn retention(&self) -> Timestamp {
        self.now() - Duration::days(self.switches.event_days)
    }

    /// Raises an update if anything shown has changed, with the old values of what did.
    pub(super) fn raise_change(&mut self, kind: &str, before: &Value, after: &Value) {
        if let Some(previous) = changed(before, after) {
            let previous = self.switches.previous_attributes.then_some(previous);
            self.raise_at(self.now(), kind, after, previous);
        }
    }

    /// Raises an event of then, and whatever the switches add to it.
    pub(super) fn raise_at(&mut self, at: Timestamp, kind: &str, object: &Value, previous: Option<Value>) {
        if !self.worth_raising(at) {
            return;
        }
        self.raised += 1;
        self.keep_event(at, kind, object, previous.as_ref());
        let every = self.switches.duplicate_every;
        if every > 0 && self.raised.is_multiple_of(every) {
            self.keep_event(at, kind, object, previous.as_ref());
        }
    }

    fn keep_event(&mut self, at: Timestamp, kind: &str, object: &Value, previous: Option<&Value>) {
        let every = self.switches.late_every;
        let late = every > 0 && self.raised.is_multiple_of(every);
        let wait = if late { Duration::milliseconds(self.switches.late_by_ms) } else { Duration::zero() };
        let (id, request) = (self.mint("evt_1", 23).replacen("evt_1_", "evt_1", 1), self.mint("req", 14));
        self.events.insert(Event {
            id,
            kind: kind.to_owned(),
            created: at,
            visible: at + wait,
            api_version: self.switches.account_version.clone(),
            object: object.to_string(),
            previous: previous.map(Value::to_string),
            request: Some(request),
        });
    }
}

/// Old values of what differs; parts of nested objects only where they do, lists whole.
fn changed(before: &Value, after: &Value) -> Option<Value> {
    if before == after {
        return None;
    }
    let (Value::Object(old), Value::Object(new)) = (before, after) else { return Some(before.clone()) };
    let mut previous = Map::new();
    for name in old.keys().chain(new.keys().filter(|name| !old.contains_key(*name))) {
        let (was, is) = (old.get(name).unwrap_or(&Value::Null), new.get(name).unwrap_or(&Value::Null));
        if let Some(part) = changed(was, is) {
            previous.insert(name.clone(), part);
        }
    }
    Some(Value::Object(previous))
}
