//! The HubSpot adapter against the sandbox's portal. Numbers of traps are those of hubspot-api.md, section 11.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use pivotal_sync::domain::{
    ApiError, Cursor, ExternalId, Facts, Gone, PullMode, Pulled, Record, SourceKey, Stream, Timestamp,
};
use pivotal_sync::ports::{Page, PageEnd, PullRequest, Source};
use pivotal_sync::sandbox::hubspot::{CompanySeed, ContactSeed, ObjectType, Shared, World, router};
use pivotal_sync::sources::hubspot::{Credentials, Hubspot, Settings};

mod access;
mod by_id;
mod changes;
mod costs;
mod gone;
mod listing;
mod owners;
mod refusals;
mod rolling;

pub const COMPANIES: Stream = Stream::HubspotCompanies;
pub const CONTACTS: Stream = Stream::HubspotContacts;
pub const DEALS: Stream = Stream::HubspotDeals;
const TOKEN: &str = "pat-na1-test";

/// Status, headers and body.
type Canned = (u16, Vec<(&'static str, String)>, String);

/// What a test lays in the way of requests: the first plan whose text is in "METHOD path?query" answers in the portal's place.
type Plans = Arc<Mutex<VecDeque<(&'static str, Canned)>>>;

/// A portal on loopback, every request logged.
pub struct Portal {
    world: Shared,
    log: Arc<Mutex<Vec<String>>>,
    plans: Plans,
    pub settings: Settings,
    pub reads: BTreeMap<&'static str, BTreeSet<String>>,
}

impl Portal {
    /// An empty portal at 10:00 on a still clock.
    pub async fn start() -> Self {
        let mut world = World::new(TOKEN);
        world.pin(at("10:00:00"));
        // Limits run on real time: only the tests of limits wait for them.
        world.switches.calls_per_ten_seconds = None;
        world.switches.searches_per_second = None;
        let world: Shared = Arc::new(Mutex::new(world));
        let (log, plans) = (Arc::new(Mutex::new(Vec::new())), Plans::default());
        let (kept_log, kept_plans) = (Arc::clone(&log), Arc::clone(&plans));
        let intercept = move |request: Request, next: Next| {
            let line = format!("{} {}", request.method(), request.uri().path());
            let whole = format!("{} {}", request.method(), request.uri());
            let mut plans = kept_plans.lock().unwrap();
            let planned = plans.iter().position(|(what, _)| whole.contains(what)).and_then(|n| plans.remove(n));
            kept_log.lock().unwrap().push(line);
            async move {
                match planned {
                    Some((_, canned)) => answer(canned),
                    None => next.run(request).await,
                }
            }
        };
        let app = router(Arc::clone(&world)).layer(from_fn(intercept));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let settings = Settings {
            enabled: true,
            base_url: format!("http://{}", listener.local_addr().unwrap()).parse().unwrap(),
            api_version: "2026-09".to_owned(),
            overlap: "5m".parse().unwrap(),
            lag: "30s".parse().unwrap(),
            // Only the tests of the rolling sweep want it.
            link_sweep: 0,
            stripe_id_properties: Vec::new(),
            token_file: None,
            client_id_file: None,
            client_secret_file: None,
            refresh_token_file: None,
        };
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        let reads = BTreeMap::from([
            ("company", names(&["name", "lifecyclestage", "annualrevenue"])),
            ("contact", names(&["email", "jobtitle"])),
            ("deal", names(&["hs_is_closed_won", "hs_object_id", "amount"])),
        ]);
        Self { world, log, plans, settings, reads }
    }

    pub fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    /// A source as a fresh process would build it.
    pub fn source(&self) -> Hubspot {
        Hubspot::new(&self.settings, Credentials::Token(TOKEN.into()), &self.reads, true).unwrap()
    }

    /// Lays an answer in the way of the next request whose "METHOD path?query" contains `what`.
    pub fn plan(&self, what: &'static str, status: u16, headers: &[(&'static str, &str)], body: &str) {
        let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        self.plans.lock().unwrap().push_back((what, (status, headers, body.to_owned())));
    }

    /// The requests since the last call, counted by kind.
    pub fn asked(&self) -> BTreeMap<&'static str, usize> {
        let lines = std::mem::take(&mut *self.log.lock().unwrap());
        by_kind(lines.iter().map(String::as_str))
    }

    pub fn company(&self, name: &str) -> String {
        let mut world = self.world();
        let created = world.now();
        world.add_company(CompanySeed { name: name.to_owned(), domain: None, properties: BTreeMap::new(), created })
    }

    pub fn contact(&self, email: &str, company: Option<(&str, bool)>) -> String {
        let mut world = self.world();
        let seed = ContactSeed {
            properties: BTreeMap::from([("email".to_owned(), email.to_owned())]),
            created: world.now(),
            company: company.map(|(id, primary)| (id.to_owned(), primary)),
        };
        world.add_contact(seed)
    }

    pub fn set(&self, object: ObjectType, id: &str, name: &str, value: &str) {
        self.world().set_property(object, id, name, value).unwrap();
    }

    /// What stands in the portal: id to a property.
    pub fn truth(&self, object: ObjectType, name: &str) -> BTreeMap<String, String> {
        let world = self.world();
        let value = |id: &String| world.record(object, id).unwrap().properties.get(name).cloned().unwrap_or_default();
        world.ids(object).map(|id| (id.clone(), value(&id))).collect()
    }
}

/// Paths of requests, counted by kind.
pub fn by_kind<'a>(paths: impl Iterator<Item = &'a str>) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for path in paths {
        let kind = match path {
            l if l.ends_with("/search") => "search",
            l if l.contains("/associations/") => "links",
            l if l.ends_with("/batch/read") => "read",
            l if l.contains("/properties/") => "properties",
            l if l.contains("/pipelines/") => "pipelines",
            l if l.contains("/account-info/") => "account",
            l if l.contains("/oauth/") => "trade",
            l if l.contains("/owners/") => "owners",
            l if l.contains("/objects/") => "list",
            _ => "other",
        };
        *counts.entry(kind).or_default() += 1;
    }
    counts
}

fn answer((status, headers, body): Canned) -> Response {
    let mut response = (StatusCode::from_u16(status).unwrap(), body).into_response();
    for (name, value) in headers {
        response.headers_mut().insert(name, value.parse().unwrap());
    }
    response
}

/// What an engine would keep of a stream.
#[derive(Default)]
pub struct Kept {
    pub cursor: Option<Cursor>,
    pub records: BTreeMap<SourceKey, Pulled>,
    /// The records of the last run, page by page.
    pub pages: Vec<Vec<Pulled>>,
}

impl Kept {
    /// One run: pages until the end, each stored.
    pub async fn run(&mut self, source: &Hubspot, stream: Stream, mode: PullMode) -> Result<PageEnd, ApiError> {
        self.pages.clear();
        let mut mode = mode;
        loop {
            let page = self.page(source, stream, mode).await?;
            if page != PageEnd::More {
                return Ok(page);
            }
            mode = PullMode::Changes;
        }
    }

    /// One page, stored.
    pub async fn page(&mut self, source: &Hubspot, stream: Stream, mode: PullMode) -> Result<PageEnd, ApiError> {
        let request = PullRequest { stream, cursor: self.cursor.as_ref(), mode };
        let Page { records, cursor, end } = source.pull(request).await?;
        let keys: BTreeSet<_> = records.iter().map(Pulled::key).collect();
        assert_eq!(keys.len(), records.len(), "each record at most once in a page");
        assert!(keys.iter().all(|key| key.stream == stream));
        self.cursor = Some(cursor);
        self.records.extend(records.iter().map(|pulled| (pulled.key().clone(), pulled.clone())));
        self.pages.push(records);
        Ok(end)
    }

    /// Live records: id to a text property.
    pub fn live(&self, name: &str) -> BTreeMap<String, String> {
        let text = |record: &Record| record.properties.get(name).map(ToString::to_string).unwrap_or_default();
        let live = self.records.values().filter_map(|pulled| match pulled {
            Pulled::Live(record) => Some((record.key.id.as_str().to_owned(), text(record))),
            _ => None,
        });
        live.collect()
    }

    /// What the last run showed, sorted by key.
    pub fn shown(&self) -> Vec<String> {
        let mut all: Vec<String> = self.pages.iter().flatten().map(told).collect();
        all.sort();
        all
    }
}

/// One line of what was pulled: `951 live`, `952 archived`, `953 into 960`.
pub fn told(pulled: &Pulled) -> String {
    let id = &pulled.key().id;
    match pulled {
        Pulled::Live(_) => format!("{id} live"),
        Pulled::Partial(..) => format!("{id} partial"),
        Pulled::Gone(_, Gone::Archived) => format!("{id} archived"),
        Pulled::Gone(_, Gone::Deleted) => format!("{id} deleted"),
        Pulled::Gone(_, Gone::Merged { into }) => format!("{id} into {into}"),
        Pulled::Malformed(..) => format!("{id} malformed"),
    }
}

/// The companies a contact's or deal's record names: `951*` is the primary one.
pub fn accounts(pulled: &Pulled) -> Vec<String> {
    let links = match pulled {
        Pulled::Live(Record { facts: Facts::Person(person), .. }) => &person.accounts,
        Pulled::Live(Record { facts: Facts::Deal(deal), .. }) => &deal.accounts,
        other => panic!("no contact or deal: {other:?}"),
    };
    links.iter().map(|l| format!("{}{}", l.account.id, if l.primary { "*" } else { "" })).collect()
}

/// An instant of the day all tests play on.
pub fn at(time: &str) -> Timestamp {
    format!("2026-11-20T{time}Z").parse().unwrap()
}

pub fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

pub fn ids(texts: &[&str]) -> Vec<ExternalId> {
    texts.iter().map(|text| ExternalId::new(*text)).collect()
}
