//! The traps of the sheet, over the router.

use std::sync::{Arc, Mutex, MutexGuard};

use chrono::{Duration, TimeZone, Utc};
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use super::{
    Coupon, CustomerSeed, Duration as Lasting, Permission, PriceSeed, Shared, Status, SubscriptionSeed, World, router,
};
use crate::domain::Timestamp;

mod access;
mod changed;
mod listed;
mod money;

const VERSION: &str = "2026-10-28.endive";

/// An account that is being asked.
struct Account {
    shared: Shared,
    base: String,
    http: reqwest::Client,
    key: String,
    version: Option<&'static str>,
}

/// What came back.
struct Got {
    status: u16,
    headers: HeaderMap,
    body: Value,
}

impl Got {
    fn ids(&self) -> Vec<String> {
        self.body["data"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
    }

    fn kinds(&self) -> Vec<String> {
        self.body["data"].as_array().unwrap().iter().map(|row| row["type"].as_str().unwrap().to_owned()).collect()
    }

    fn code(&self) -> &str {
        self.body["error"]["code"].as_str().unwrap_or_default()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

/// The pinned "now" of all tests.
fn noon() -> Timestamp {
    Utc.with_ymd_and_hms(2026, 11, 23, 12, 0, 0).unwrap()
}

fn days(days: i64) -> Timestamp {
    noon() - Duration::days(days)
}

impl Account {
    async fn open() -> Self {
        let mut world = World::new("rk_test_abcdefgh");
        world.pin(noon());
        (world.switches.calls_per_second, world.switches.endpoint_calls_per_second) = (None, None);
        let shared: Shared = Arc::new(Mutex::new(world));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let served = router(shared.clone());
        tokio::spawn(async move { axum::serve(listener, served).await.unwrap() });
        let http = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
        Self { shared, base, http, key: "rk_test_abcdefgh".to_owned(), version: Some(VERSION) }
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.shared.lock().unwrap()
    }

    async fn get(&self, path: &str) -> Got {
        let mut request = self.http.get(format!("{}/v1/{path}", self.base)).bearer_auth(&self.key);
        if let Some(version) = self.version {
            request = request.header("stripe-version", version);
        }
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        Got { status, headers, body: answer.json().await.unwrap() }
    }

    fn customer(&self, name: &str, created: Timestamp) -> String {
        let seed = CustomerSeed { name: Some(name.to_owned()), created, ..CustomerSeed::default() };
        self.world().add_customer(seed)
    }

    /// A monthly price of 20.00.
    fn price(&self) -> String {
        let product = self.world().add_product("Pro");
        self.world().add_price(PriceSeed { product, unit_amount: Some(2_000), ..PriceSeed::default() })
    }

    fn subscription(&self, customer: &str, price: &str, status: Status) -> String {
        let items = vec![(price.to_owned(), Some(1))];
        let seed =
            SubscriptionSeed { customer: customer.to_owned(), items, status, created: days(40), ..Default::default() };
        self.world().add_subscription(seed).unwrap()
    }

    /// Forgets what making the fixtures raised.
    fn hush(&self) {
        self.world().pin(noon() + Duration::days(31));
    }
}
