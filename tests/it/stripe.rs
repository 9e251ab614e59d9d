//! The Stripe adapter against the sandbox's account. Numbers of traps are those of stripe-api.md, section 14.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::IntoResponse;
use chrono::TimeDelta;
use pivotal_sync::domain::{
    ApiError, Cursor, ExternalId, Facts, Gone, PullMode, Pulled, Record, SourceKey, Stream, SubscriptionFacts,
    Timestamp,
};
use pivotal_sync::ports::{Page, PageEnd, PullRequest, Source};
use pivotal_sync::sandbox::stripe::{
    CustomerSeed, Interval, PriceSeed, Shared, Status, SubscriptionSeed, World, router,
};
use pivotal_sync::sources::stripe::{Settings, Stripe};

mod changes;
mod costs;
mod listing;
mod modes;
mod money;
mod mutations;
mod refusals;
mod whole;

pub const CUSTOMERS: Stream = Stream::StripeCustomers;
pub const SUBSCRIPTIONS: Stream = Stream::StripeSubscriptions;
const KEY: &str = "rk_test_adapter";

/// Requests that are answered in the account's place: the first whose text is in the path and query, so many times.
type Obstacles = Arc<Mutex<Vec<(&'static str, u32, u16, String)>>>;

/// An account on loopback, every request logged.
pub struct Account {
    world: Shared,
    log: Arc<Mutex<Vec<String>>>,
    obstacles: Obstacles,
    pub settings: Settings,
    key: String,
}

impl Account {
    /// An empty test account on a still clock, without limits.
    pub async fn start() -> Self {
        Self::of(World::new(KEY), KEY).await
    }

    /// This account, read with this key.
    pub async fn of(mut world: World, key: &str) -> Self {
        world.pin(noon());
        (world.switches.calls_per_second, world.switches.endpoint_calls_per_second) = (None, None);
        let world: Shared = Arc::new(Mutex::new(world));
        let (log, obstacles) = (Arc::new(Mutex::new(Vec::new())), Obstacles::default());
        let (kept, laid) = (Arc::clone(&log), Arc::clone(&obstacles));
        let intercept = move |request: Request, next: Next| {
            let asked = request.uri().path_and_query().unwrap().as_str().trim_start_matches("/v1/").to_owned();
            let mut laid = laid.lock().unwrap();
            let met = laid.iter_mut().find(|(on, times, ..)| *times > 0 && asked.contains(on)).map(|obstacle| {
                obstacle.1 -= 1;
                (obstacle.2, obstacle.3.clone())
            });
            kept.lock().unwrap().push(asked);
            async move {
                match met {
                    Some((status, body)) => {
                        let headers = [("stripe-should-retry", "false"), ("request-id", "req_obstacle")];
                        (StatusCode::from_u16(status).unwrap(), headers, body).into_response()
                    }
                    None => next.run(request).await,
                }
            }
        };
        let app = router(Arc::clone(&world)).layer(from_fn(intercept));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let defaults: toml::Table = include_str!("../../config/default.toml").parse().unwrap();
        let mut settings: Settings = defaults["stripe"].clone().try_into().unwrap();
        settings.base_url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        settings.requests_per_second = Some(10_000);
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { world, log, obstacles, settings, key: key.to_owned() }
    }

    pub fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    /// A source as a fresh process would build it.
    pub fn source(&self) -> Stripe {
        let reads = BTreeMap::from([("stripe", BTreeSet::from(["name", "email", "mrr"].map(str::to_owned)))]);
        Stripe::new(&self.settings, self.key.clone().into(), &reads).unwrap()
    }

    /// Answers the next `times` requests that contain `on` like this; Stripe says not to try again.
    pub fn obstruct(&self, on: &'static str, times: u32, status: u16, body: &str) {
        self.obstacles.lock().unwrap().push((on, times, status, body.to_owned()));
    }

    /// Takes every obstacle away.
    pub fn clear(&self) {
        self.obstacles.lock().unwrap().clear();
    }

    /// The requests since the last call, paths below `/v1` without their queries.
    pub fn asked(&self) -> Vec<String> {
        let path = |asked: String| asked.split('?').next().unwrap_or_default().to_owned();
        self.log.lock().unwrap().drain(..).map(path).collect()
    }

    /// The requests since the last call, with their queries.
    pub fn asked_whole(&self) -> Vec<String> {
        std::mem::take(&mut self.log.lock().unwrap())
    }

    /// Lets time go by.
    pub fn later(&self, by: TimeDelta) {
        let mut world = self.world();
        let now = world.now() + by;
        world.pin(now);
    }

    pub fn customer(&self, name: &str) -> String {
        let mut world = self.world();
        let created = world.now();
        world.add_customer(CustomerSeed { name: Some(name.to_owned()), created, ..CustomerSeed::default() })
    }

    pub fn rename(&self, id: &str, name: &str) {
        self.world().update_customer(id, |customer| customer.name = Some(name.to_owned())).unwrap();
    }

    /// A price of so many cents.
    pub fn price(&self, cents: i64, interval: Interval) -> String {
        let mut world = self.world();
        let product = world.add_product("Gold");
        let seed = PriceSeed { product, unit_amount: Some(cents), interval: Some(interval), ..PriceSeed::default() };
        world.add_price(seed)
    }

    pub fn subscription(&self, customer: &str, items: &[(&str, u64)]) -> String {
        let items = items.iter().map(|(price, quantity)| ((*price).to_owned(), Some(*quantity))).collect();
        self.subscribe(SubscriptionSeed { customer: customer.to_owned(), items, ..SubscriptionSeed::default() })
    }

    /// Adds a subscription, created now.
    pub fn subscribe(&self, seed: SubscriptionSeed) -> String {
        let mut world = self.world();
        let created = world.now();
        world.add_subscription(SubscriptionSeed { created, ..seed }).unwrap()
    }

    /// A customer with an active monthly subscription of 10.00; their ids and the price's.
    pub fn payer(&self) -> (String, String, String) {
        let (customer, price) = (self.customer("Acme"), self.price(1_000, Interval::Month));
        let subscription = self.subscription(&customer, &[(&price, 1)]);
        (customer, subscription, price)
    }
}

/// What an engine would keep of a stream, and how it goes about it.
#[derive(Default)]
pub struct Kept {
    pub cursor: Option<Cursor>,
    pub records: BTreeMap<SourceKey, Pulled>,
    /// Ids shown by the last run, in order.
    pub shown: Vec<String>,
    listed: BTreeSet<SourceKey>,
    settled: Option<Cursor>,
}

impl Kept {
    /// One run to its end: pages, then what a listing did not show, then what has changed by itself.
    pub async fn run(
        &mut self,
        source: &Stripe,
        stream: Stream,
        mode: PullMode,
        now: Timestamp,
    ) -> Result<PageEnd, ApiError> {
        self.shown.clear();
        let mut mode = mode;
        loop {
            let end = self.page(source, stream, mode).await?;
            mode = PullMode::Changes;
            if end == PageEnd::More {
                continue;
            }
            if end == PageEnd::Listing {
                let unseen =
                    self.live().filter(|record| !self.listed.contains(&record.key)).map(|record| record.key.id.clone());
                let unseen: Vec<_> = unseen.collect();
                self.keep(source.read(stream, &unseen, self.cursor.as_ref()).await?);
                self.cursor = self.settled.take();
            }
            let due = |record: &&Record| matches!(&record.facts, Facts::Subscription(s) if s.changes_at.is_some_and(|at| at <= now));
            let due: Vec<ExternalId> = self.live().filter(due).map(|record| record.key.id.clone()).collect();
            self.keep(source.read(stream, &due, self.cursor.as_ref()).await?);
            return Ok(end);
        }
    }

    /// One page, kept.
    pub async fn page(&mut self, source: &Stripe, stream: Stream, mode: PullMode) -> Result<PageEnd, ApiError> {
        let began = !self.cursor.as_ref().is_some_and(|cursor| source.is_listing(stream, cursor));
        let request = PullRequest { stream, cursor: self.cursor.as_ref(), mode };
        let Page { records, cursor, end } = source.pull(request).await?;
        let lists = end == PageEnd::Listing || source.is_listing(stream, &cursor);
        if lists && began {
            self.listed.clear();
        }
        let keys: BTreeSet<_> = records.iter().map(|pulled| pulled.key().clone()).collect();
        assert_eq!(keys.len(), records.len(), "each record at most once in a page");
        if lists {
            self.listed.extend(keys);
        }
        self.keep(records);
        // The end of a listing moves the cursor when what it did not show is settled, as the engine does.
        let at = if end == PageEnd::Listing { &mut self.settled } else { &mut self.cursor };
        *at = Some(cursor);
        Ok(end)
    }

    fn keep(&mut self, records: Vec<Pulled>) {
        for pulled in records {
            self.shown.push(pulled.key().id.as_str().to_owned());
            let older = self.records.contains_key(pulled.key());
            // Older facts of a record that cannot be read stay.
            if !(older && matches!(pulled, Pulled::Malformed(..))) {
                self.records.insert(pulled.key().clone(), pulled);
            }
        }
    }

    pub fn live(&self) -> impl Iterator<Item = &Record> {
        self.records.values().filter_map(|pulled| match pulled {
            Pulled::Live(record) => Some(record),
            _ => None,
        })
    }

    pub fn pulled(&self, stream: Stream, id: &str) -> &Pulled {
        &self.records[&SourceKey::new(stream, id)]
    }

    pub fn is_gone(&self, stream: Stream, id: &str) -> bool {
        matches!(self.pulled(stream, id), Pulled::Gone(_, Gone::Deleted))
    }

    /// The name of a live customer.
    pub fn name(&self, id: &str) -> String {
        match self.pulled(CUSTOMERS, id) {
            Pulled::Live(record) => record.properties["name"].to_string(),
            other => panic!("{other:?}"),
        }
    }

    pub fn facts(&self, id: &str) -> &SubscriptionFacts {
        match self.pulled(SUBSCRIPTIONS, id) {
            Pulled::Live(Record { facts: Facts::Subscription(facts), .. }) => facts,
            other => panic!("{other:?}"),
        }
    }

    pub fn mrr(&self, id: &str) -> String {
        self.facts(id).mrr.to_string()
    }
}

/// A run of changes that must go well.
pub async fn follow(account: &Account, kept: &mut Kept, stream: Stream) -> PageEnd {
    let now = account.world().now();
    kept.run(&account.source(), stream, PullMode::Changes, now).await.unwrap()
}

/// Everything, listed by a fresh process into an empty store.
pub async fn listed(account: &Account, stream: Stream) -> Kept {
    let mut kept = Kept::default();
    assert_eq!(follow(account, &mut kept, stream).await, PageEnd::Listing);
    kept
}

/// The "now" at which all tests begin.
pub fn noon() -> Timestamp {
    "2026-11-23T12:00:00Z".parse().unwrap()
}

pub fn ids(texts: &[&str]) -> Vec<ExternalId> {
    texts.iter().map(|text| ExternalId::new(*text)).collect()
}

/// A status to seed with.
pub fn with_status(customer: &str, price: &str, status: Status) -> SubscriptionSeed {
    let items = vec![(price.to_owned(), Some(1))];
    SubscriptionSeed { customer: customer.to_owned(), items, status, ..SubscriptionSeed::default() }
}
