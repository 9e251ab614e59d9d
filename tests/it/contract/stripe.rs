//! Stripe as a subject: customers, each with a subscription.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use chrono::{TimeDelta, Utc};
use pivotal_sync::domain::{SourceName, Stream, Timestamp};
use pivotal_sync::sandbox::stripe::{CustomerSeed, Permission, PriceSeed, Shared, SubscriptionSeed, World, router};
use serde_json::json;

use super::subject::{Answer, Spoiled, Subject};
use crate::rig::KEYS;

/// A key of live mode: the other one's is a test key.
const LIVE: &str = "rk_live_elsewhere";

pub struct Account {
    world: Shared,
    price: String,
    elsewhere: Mutex<(World, &'static str)>,
    key: Mutex<&'static str>,
}

impl Account {
    pub fn empty() -> Self {
        let [mut here, elsewhere] = [KEYS[2].1, LIVE].map(|key| {
            let mut world = World::new(key);
            (world.switches.calls_per_second, world.switches.endpoint_calls_per_second) = (None, None);
            world
        });
        let product = here.add_product("Gold");
        let price = here.add_price(PriceSeed { product, unit_amount: Some(1_000), ..PriceSeed::default() });
        let (elsewhere, key) = (Mutex::new((elsewhere, LIVE)), Mutex::new(KEYS[2].1));
        Self { world: Arc::new(Mutex::new(here)), price, elsewhere, key }
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }
}

impl Subject for Account {
    fn source(&self) -> SourceName {
        SourceName::Stripe
    }

    fn router(&self) -> Router {
        router(Arc::clone(&self.world))
    }

    fn settings(&self) -> &'static str {
        "lag = \"0s\"\nrequests_per_second = 10000"
    }

    fn name_rule(&self) -> &'static str {
        "stripe.name"
    }

    fn accounts(&self) -> Stream {
        Stream::StripeCustomers
    }

    fn page(&self) -> usize {
        100
    }

    fn lists_from_the_top(&self, asked: &str) -> bool {
        asked.starts_with("/v1/customers?") && !asked.contains("starting_after=")
    }

    fn swap(&self) {
        let (world, key) = &mut *self.elsewhere.lock().unwrap();
        std::mem::swap(&mut *self.world(), world);
        std::mem::swap(&mut *self.key.lock().unwrap(), key);
    }

    fn key(&self) -> &'static str {
        *self.key.lock().unwrap()
    }

    fn now(&self) -> Timestamp {
        self.world().now()
    }

    fn run_ahead(&self, by: TimeDelta) {
        self.world().set_clock(move || Utc::now() + by);
    }

    fn add(&self, name: &str, created: Timestamp) -> String {
        let mut world = self.world();
        let customer =
            world.add_customer(CustomerSeed { name: Some(name.to_owned()), created, ..CustomerSeed::default() });
        let items = vec![(self.price.clone(), Some(1))];
        let seed = SubscriptionSeed { customer: customer.clone(), items, created, ..SubscriptionSeed::default() };
        world.add_subscription(seed).unwrap();
        customer
    }

    fn rename(&self, id: &str, name: &str) {
        self.world().update_customer(id, |customer| customer.name = Some(name.to_owned())).unwrap();
    }

    fn remove(&self, id: &str) {
        self.world().delete_customer(id).unwrap();
    }

    fn restore(&self, _id: &str) -> bool {
        // Stripe deletes for good (stripe-api.md 5).
        false
    }

    fn erase(&self, id: &str) {
        let mut world = self.world();
        world.switches.silent = true;
        world.erase_customer(id).unwrap();
        world.switches.silent = false;
    }

    fn truth(&self) -> BTreeMap<String, String> {
        let world = self.world();
        world.customer_ids().map(|id| (id.clone(), world.customer(&id).unwrap().name.clone().unwrap())).collect()
    }

    fn spoil(&self, account: &str) -> Spoiled {
        // Of a customer only its id is demanded: nothing else can be wrong with one.
        let id = self.world().subscriptions_of(account).remove(0);
        Spoiled {
            stream: Stream::StripeSubscriptions,
            on: "/v1/subscriptions",
            id,
            how: |subscription| subscription["items"] = json!("all of them"),
            named: "all of them",
        }
    }

    fn expire(&self) -> Option<&'static str> {
        // Stripe keeps events for 30 days.
        self.run_ahead(TimeDelta::days(40));
        None
    }

    fn revoke(&self) {
        self.world().forbid(Permission::Customers);
        self.world().forbid(Permission::Events);
    }

    fn permit(&self) {
        self.world().permit(Permission::Customers);
        self.world().permit(Permission::Events);
    }

    fn nothing(&self) -> Answer {
        let body = r#"{"object":"list","url":"/v1/x","has_more":false,"data":[]}"#.to_owned();
        Answer { status: 200, body, ..Answer::default() }
    }

    fn refusal(&self, status: u16) -> Answer {
        let message = if status == 401 { "Invalid API Key provided" } else { "the key lacks 'rak_customer_read'" };
        let body = json!({"error": {"type": "invalid_request_error", "message": message}});
        Answer { status, body: body.to_string(), ..Answer::default() }
    }

    fn failure(&self) -> Answer {
        Answer { status: 500, headers: vec![("stripe-should-retry", "false")], body: "<html>oops".to_owned() }
    }
}
