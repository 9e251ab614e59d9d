//! The traps of the sheet, over the router.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use chrono::{Duration, TimeZone, Utc};
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use super::{CompanySeed, ContactSeed, DealSeed, ObjectType, Shared, World, router};
use crate::domain::Timestamp;

mod access;
mod linked;
mod lived;
mod records;
mod searched;

/// A portal that is being asked.
struct Portal {
    shared: Shared,
    base: String,
    http: reqwest::Client,
    token: String,
}

/// What came back.
struct Got {
    status: u16,
    headers: HeaderMap,
    text: String,
}

impl Got {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    fn ids(&self) -> Vec<String> {
        let body = self.json();
        body["results"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

/// The pinned "now" of all tests.
fn noon() -> Timestamp {
    Utc.with_ymd_and_hms(2026, 11, 23, 12, 0, 0).unwrap()
}

fn ago(seconds: i64) -> Timestamp {
    noon() - Duration::seconds(seconds)
}

impl Portal {
    async fn open() -> Self {
        let mut world = World::new("pat-na1-test");
        world.pin(noon());
        world.switches.searches_per_second = None;
        let shared: Shared = Arc::new(Mutex::new(world));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let served = router(shared.clone());
        tokio::spawn(async move { axum::serve(listener, served).await.unwrap() });
        let http = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
        Self { shared, base, http, token: "pat-na1-test".to_owned() }
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.shared.lock().unwrap()
    }

    async fn get(&self, path: &str) -> Got {
        got(self.http.get(format!("{}{path}", self.base)).bearer_auth(&self.token)).await
    }

    async fn post(&self, path: &str, body: Value) -> Got {
        got(self.http.post(format!("{}{path}", self.base)).bearer_auth(&self.token).json(&body)).await
    }

    async fn search(&self, kind: &str, body: Value) -> Got {
        self.post(&format!("/crm/objects/2026-09/{kind}/search"), body).await
    }

    async fn batch(&self, kind: &str, body: Value) -> Got {
        self.post(&format!("/crm/objects/2026-09/{kind}/batch/read"), body).await
    }

    fn company(&self, name: &str) -> String {
        let seed = CompanySeed { name: name.into(), domain: None, properties: BTreeMap::new(), created: ago(3600) };
        self.world().add_company(seed)
    }

    fn contact(&self, email: &str, company: Option<(&str, bool)>) -> String {
        let properties = BTreeMap::from([("email".to_owned(), email.to_owned())]);
        let company = company.map(|(id, primary)| (id.to_owned(), primary));
        self.world().add_contact(ContactSeed { properties, created: ago(3600), company })
    }

    fn deal(&self, name: &str, stage: &str, company: Option<&str>) -> String {
        let properties = [("dealname", name), ("dealstage", stage), ("amount", "1500.00")];
        let properties = properties.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        self.world().add_deal(DealSeed { properties, company: company.map(str::to_owned), created: ago(3600) })
    }
}

async fn got(request: reqwest::RequestBuilder) -> Got {
    let answer = request.send().await.unwrap();
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    Got { status, headers, text: answer.text().await.unwrap() }
}

fn inputs(ids: &[&str]) -> Value {
    ids.iter().map(|id| json!({ "id": id })).collect()
}

const COMPANY: ObjectType = ObjectType::Company;
const CONTACT: ObjectType = ObjectType::Contact;
