//! A small Stripe for this room's own tests: lists, filters, single objects, and the errors a test puts in the way.

use std::sync::{Arc, Mutex};

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value as Json, json};
use url::Url;

use super::{MrrPolicy, Settings, Stripe};
use crate::domain::{ApiError, Cursor, Facts, PullMode, Pulled, Stream, SubscriptionFacts};
use crate::http::Patience;
use crate::ports::{PageEnd, PullRequest, Source};

/// An answer put in the way of every request whose path and query contain the text.
pub(super) struct Obstacle {
    pub on: &'static str,
    pub status: u16,
    pub error: Json,
}

/// What the fake holds, newest first, by path below `/v1`.
#[derive(Default)]
pub(super) struct World {
    pub objects: Vec<(&'static str, Json)>,
    pub obstacles: Vec<Obstacle>,
    pub requests: Vec<String>,
    /// Seconds added to the `Date` header.
    pub ahead: i64,
    /// Most objects a page; Stripe's own 100 when zero.
    pub page: usize,
    /// A list that begins anew whatever it is to begin after, and says each time that more follow.
    pub stuck: Option<&'static str>,
}

#[derive(Clone, Default)]
pub(super) struct Fake(pub Arc<Mutex<World>>);

impl Fake {
    pub fn with(&self, change: impl FnOnce(&mut World)) {
        change(&mut self.0.lock().unwrap());
    }

    /// Adds an object as the newest of its list, in place of one with the same id.
    pub fn put(&self, list: &'static str, object: Json) {
        self.with(|world| {
            world.objects.retain(|(_, old)| old["id"] != object["id"]);
            world.objects.insert(0, (list, object));
        });
    }

    pub fn remove(&self, id: &str) {
        self.with(|world| world.objects.retain(|(_, object)| object["id"] != id));
    }

    /// An event of this moment, or of so many seconds ago.
    pub fn event(&self, id: &str, kind: &str, object: &Json, seconds_ago: i64) {
        let created = chrono::Utc::now().timestamp() - seconds_ago;
        self.put(
            "events",
            json!({"id": id, "object": "event", "type": kind, "created": created, "data": {"object": object}}),
        );
    }

    /// Requests since the last call, without the version of the API.
    pub fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap().requests)
    }

    pub async fn adapter(&self) -> Stripe {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let router = axum::Router::new().fallback(serve).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let settings = Settings {
            enabled: true,
            base_url,
            api_version: "2026-10-28.endive".to_owned(),
            requests_per_second: None,
            overlap: "10m".parse().unwrap(),
            lag: "15s".parse().unwrap(),
            company_id_metadata: vec!["hubspot_company_id".to_owned()],
            api_key_file: None,
            webhook_secret_file: None,
            mrr: MrrPolicy::default(),
        };
        let patience = Patience { attempts: 1, ..Patience::default() };
        let reads = [("stripe", ["name".to_owned(), "mrr".to_owned()].into())].into();
        Stripe::with_patience(&settings, "rk_test_1".to_owned().into(), &reads, patience).unwrap()
    }
}

async fn serve(State(fake): State<Fake>, request: Request) -> Response {
    assert_eq!(request.headers()["stripe-version"], "2026-10-28.endive");
    let uri = request.uri().clone();
    let query: Vec<(String, String)> =
        url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    let shown = query.iter().filter(|(name, _)| name != "limit").map(|(name, value)| format!("{name}={value}"));
    let path = uri.path().trim_start_matches("/v1/").to_owned();
    let asked = format!("{path}?{}", shown.collect::<Vec<_>>().join("&"));
    let mut world = fake.0.lock().unwrap();
    world.requests.push(asked.clone());
    let obstacle = world.obstacles.iter().find(|o| asked.contains(o.on)).map(|o| (o.status, json!({"error": o.error})));
    let (status, body) = obstacle.unwrap_or_else(|| match path.split_once('/') {
        Some((_, id)) => one(&world, id),
        None => list(&world, &path, &query),
    });
    let date = (chrono::Utc::now() + chrono::TimeDelta::seconds(world.ahead)).format("%a, %d %b %Y %H:%M:%S GMT");
    (StatusCode::from_u16(status).unwrap(), [("date", date.to_string())], body.to_string()).into_response()
}

/// Requests until a stuck list goes on: whoever asks for ever comes to an end, and has not noticed.
const STUCK_MOST: usize = 200;

fn missing(param: &str) -> Json {
    json!({"error": {"type": "invalid_request_error", "code": "resource_missing", "param": param, "message": "No such object"}})
}

fn one(world: &World, id: &str) -> (u16, Json) {
    world.objects.iter().find(|(_, o)| o["id"] == id).map_or((404, missing("id")), |(_, o)| (200, o.clone()))
}

fn list(world: &World, path: &str, query: &[(String, String)]) -> (u16, Json) {
    let asked = |name: &str| query.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str());
    let types: Vec<_> = query.iter().filter(|(n, _)| n == "types[]").map(|(_, value)| value.as_str()).collect();
    let from: i64 = asked("created[gte]").map_or(0, |text| text.parse().unwrap());
    let fits = |object: &Json| {
        let is_of = |name: &str, value: &Json| asked(name).is_none_or(|id| value == id || value["id"] == id);
        let has_price = || {
            let items = object["items"]["data"].as_array();
            asked("price").is_none_or(|id| items.is_some_and(|items| items.iter().any(|i| i["price"]["id"] == id)))
        };
        (types.is_empty() || types.iter().any(|t| object["type"] == *t))
            && object["created"].as_i64().unwrap_or(0) >= from
            && is_of("customer", &object["customer"])
            && is_of("product", &object["product"])
            && is_of("subscription", &object["subscription"])
            && has_price()
            && (path != "subscriptions" || asked("status") == Some("all") || object["status"] != "canceled")
    };
    let stuck = world.stuck == Some(path) && world.requests.len() < STUCK_MOST;
    let mut found: Vec<_> = world.objects.iter().filter(|(of, o)| *of == path && fits(o)).map(|(_, o)| o).collect();
    if let Some(after) = asked("starting_after").filter(|_| !stuck) {
        let Some(at) = found.iter().position(|o| o["id"] == after) else { return (400, missing("starting_after")) };
        found.drain(..=at);
    }
    let page = if world.page == 0 { 100 } else { world.page };
    let has_more = stuck || found.len() > page;
    found.truncate(page);
    (200, json!({"object": "list", "data": found, "has_more": has_more}))
}

pub(super) const CUSTOMERS: Stream = Stream::StripeCustomers;
pub(super) const SUBSCRIPTIONS: Stream = Stream::StripeSubscriptions;

pub(super) fn customer(id: &str, name: &str) -> Json {
    json!({"id": id, "object": "customer", "name": name, "email": null, "livemode": false, "test_clock": null})
}

pub(super) fn subscription(id: &str, customer: &str, status: &str) -> Json {
    let price = json!({"id": "price_1", "object": "price", "type": "recurring", "billing_scheme": "per_unit", "currency": "usd",
        "nickname": null, "product": "prod_1", "unit_amount": 1000, "unit_amount_decimal": "1000",
        "recurring": {"interval": "month", "interval_count": 1, "usage_type": "licensed"}});
    let item = json!({"id": "si_1", "price": price, "quantity": 1, "discounts": []});
    json!({"id": id, "object": "subscription", "customer": customer, "status": status, "currency": "usd", "start_date": 5,
        "items": {"object": "list", "data": [item], "has_more": false}, "discounts": [], "test_clock": null})
}

pub(super) fn gold() -> Json {
    json!({"id": "prod_1", "object": "product", "name": "Gold"})
}

/// Pulls until the end; the records, the last cursor, how it ended.
pub(super) async fn pull(
    stripe: &Stripe,
    stream: Stream,
    from: Option<&Cursor>,
    mode: PullMode,
) -> (Vec<Pulled>, Cursor, PageEnd) {
    try_pull(stripe, stream, from, mode).await.unwrap()
}

/// The same of a Stripe that may refuse.
pub(super) async fn try_pull(
    stripe: &Stripe,
    stream: Stream,
    from: Option<&Cursor>,
    mode: PullMode,
) -> Result<(Vec<Pulled>, Cursor, PageEnd), ApiError> {
    let (mut records, mut cursor) = (Vec::new(), from.cloned());
    loop {
        let page = stripe.pull(PullRequest { stream, cursor: cursor.as_ref(), mode }).await?;
        records.extend(page.records);
        if page.end != PageEnd::More {
            return Ok((records, page.cursor, page.end));
        }
        cursor = Some(page.cursor);
    }
}

pub(super) async fn changes(stripe: &Stripe, stream: Stream, from: &Cursor) -> (Vec<Pulled>, Cursor) {
    let (records, cursor, end) = pull(stripe, stream, Some(from), PullMode::Changes).await;
    assert_eq!(end, PageEnd::Delta);
    (records, cursor)
}

pub(super) fn ids(records: &[Pulled]) -> Vec<&str> {
    records.iter().map(|record| record.key().id.as_str()).collect()
}

pub(super) fn facts(record: &Pulled) -> &SubscriptionFacts {
    match record {
        Pulled::Live(record) => match &record.facts {
            Facts::Subscription(facts) => facts,
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}
