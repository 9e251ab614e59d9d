//! Sandboxes on loopback, one user's folder, and runs of the whole program that can be watched, hindered and killed.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_LENGTH;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use chrono::{TimeDelta, Utc};
use pivotal_sync::app::App;
use pivotal_sync::config::{self, Secrets};
use pivotal_sync::domain::{Report, RunKind, SourceKey, SourceName, Stream};
use pivotal_sync::engine::{Ask, EngineError, Event, Silent, Watch};
use pivotal_sync::sandbox::faults::Faults;
use pivotal_sync::sandbox::log::{Entry, RequestLog};
use pivotal_sync::sandbox::pivotal::{self, Clock};
use serde_json::Value as Json;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::state::{Row, live, records};
use super::subject::{Answer, Spoiled, Subject};
use crate::rig::{KEYS, serve};

/// What hinders the requests to one source.
#[derive(Default)]
struct Hindrance {
    /// After so many requests, everything is answered like this.
    answer: Option<(usize, Answer)>,
    /// Only requests that begin a listing of accounts are.
    listings_only: bool,
    /// Requests answered so.
    met: usize,
    spoiled: Option<Spoiled>,
}

type Hindrances = Arc<Mutex<Hindrance>>;

#[derive(Clone)]
struct Door {
    hindrances: Hindrances,
    subject: Arc<dyn Subject>,
}

/// One source on loopback.
struct Served {
    subject: Arc<dyn Subject>,
    address: SocketAddr,
    hindrance: Hindrances,
}

/// Sources, a Pivotal without limits, and one user.
pub struct Bench {
    served: Vec<Served>,
    pub pivotal: pivotal::SharedState,
    target: SocketAddr,
    pub log: RequestLog,
    pub faults: Faults,
    pub folder: TempDir,
    /// Whether accounts become customers.
    wanted: bool,
}

impl Bench {
    /// One source alone.
    pub async fn of(subject: Box<dyn Subject>) -> Self {
        Self::with(vec![subject], true).await
    }

    /// Sources; their accounts become customers, or nothing is `wanted` in Pivotal.
    pub async fn with(subjects: Vec<Box<dyn Subject>>, wanted: bool) -> Self {
        let (log, faults) = (RequestLog::default(), Faults::default());
        let mut served = Vec::new();
        for subject in subjects {
            let hindrance = Hindrances::default();
            let subject: Arc<dyn Subject> = subject.into();
            let door = Door { hindrances: Arc::clone(&hindrance), subject: Arc::clone(&subject) };
            let router = subject.router().layer(from_fn_with_state(door, hinder));
            let address = serve(router, subject.source().as_str(), &log, &faults).await;
            served.push(Served { subject, address, hindrance });
        }
        let pivotal = pivotal::World::new("acme", Clock::running(Utc::now()), 1).shared();
        let target = serve(pivotal::router(pivotal.clone()), "pivotal", &log, &faults).await;
        Self { served, pivotal, target, log, faults, folder: tempfile::tempdir().unwrap(), wanted }
    }

    /// The source under test: the first.
    pub fn subject(&self) -> &dyn Subject {
        &*self.served[0].subject
    }

    /// The source beside it.
    pub fn other(&self) -> &dyn Subject {
        &*self.served[1].subject
    }

    /// Accounts from long ago, so that nothing but a listing shows them.
    pub fn seed(&self, accounts: usize) -> Vec<String> {
        let subject = self.subject();
        let born = subject.now() - TimeDelta::days(100);
        (0..accounts).map(|n| subject.add(&format!("Account {n}"), born + TimeDelta::seconds(n as i64))).collect()
    }

    /// After so many requests to the source under test, answers all others like this.
    pub fn answer_after(&self, skip: usize, answer: Answer) {
        *self.served[0].hindrance.lock().unwrap() = Hindrance { answer: Some((skip, answer)), ..Hindrance::default() };
    }

    /// Shows no accounts to whoever lists them from the top.
    pub fn empty_listings(&self) {
        let answer = Some((0, self.subject().nothing()));
        *self.served[0].hindrance.lock().unwrap() = Hindrance { answer, listings_only: true, ..Hindrance::default() };
    }

    /// Spoils a record of the source under test.
    pub fn spoil(&self, spoiled: Spoiled) {
        self.served[0].hindrance.lock().unwrap().spoiled = Some(spoiled);
    }

    /// Takes every hindrance away; how many requests met one.
    pub fn clear(&self) -> usize {
        std::mem::take(&mut *self.served[0].hindrance.lock().unwrap()).met
    }

    pub fn store(&self) -> PathBuf {
        self.folder.path().join("state.db")
    }

    fn app(&self, store: &str) -> App {
        let rules: Vec<_> = self.served.iter().map(|served| served.subject.name_rule()).collect();
        let wanted = if self.wanted { rules.join(" or ") } else { format!("{} == 'nobody'", rules[0]) };
        let mut text = format!(
            "[store]\npath = \"{}\"\n[pivotal]\nbase_url = \"http://{}/api/v1\"\nworkspace = \"acme\"\nmrr_unit = \"cents\"\n\
             [customers]\nwhere = \"{wanted}\"\ndelete_grace = \"0s\"\n\
             [onboardings]\nenabled = false\n[guard]\nmax_deletes = 100000\nmax_delete_percent = 100\nmax_updates_percent = 100\n",
            self.folder.path().join(store).display(),
            self.target,
        );
        for source in SourceName::ALL {
            text += &match self.served.iter().find(|served| served.subject.source() == source) {
                Some(Served { subject, address, .. }) => {
                    format!("[{source}]\nbase_url = \"http://{address}\"\n{}\n", subject.settings())
                }
                None => format!("[{source}]\nenabled = false\n"),
            };
        }
        let file = self.folder.path().join(format!("{store}.toml"));
        std::fs::write(&file, text).unwrap();
        let settings = config::load(Some(&file), std::iter::empty()).map_err(|e| e.to_string()).unwrap();
        let mut env = BTreeMap::from(KEYS);
        env.extend(self.served.iter().map(|served| (credential(served.subject.source()), served.subject.key())));
        let env = env.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        let secrets = Secrets::find(&settings, env, None).map_err(|e| e.to_string()).unwrap();
        App { settings, secrets }
    }

    async fn run(&self, store: &str, kind: RunKind, full: bool, watch: Arc<dyn Watch>) -> Result<Report, EngineError> {
        let (engine, writer) = self.app(store).for_writing(watch, CancellationToken::new()).await.unwrap();
        let ask = Ask { kind, asked_by: "test".to_owned(), full, only: None };
        let report = match kind {
            RunKind::Plan => engine.plan(&ask).await,
            _ => engine.sync(&writer, &ask, None).await,
        };
        engine.store.close().await;
        report
    }

    /// An incremental run, or one that reads everything.
    pub async fn try_sync(&self, full: bool) -> Result<Report, EngineError> {
        self.run("state.db", RunKind::Sync, full, Arc::new(Silent)).await
    }

    pub async fn sync(&self) -> Report {
        self.try_sync(false).await.unwrap()
    }

    pub async fn full(&self) -> Report {
        self.try_sync(true).await.unwrap()
    }

    /// A run during which `watch` is told what goes on.
    pub async fn watched(&self, full: bool, watch: Arc<dyn Watch>) -> Report {
        self.run("state.db", RunKind::Sync, full, watch).await.unwrap()
    }

    /// A run that dies, as a process does, when the `page`-th page has been stored; its report if it never came so far.
    pub async fn killed(&self, full: bool, page: usize, told: &Arc<Told>) -> Option<Report> {
        let dead = CancellationToken::new();
        let executioner = Executioner { left: Mutex::new(page), dead: dead.clone(), told: Arc::clone(told) };
        tokio::select! {
            biased;
            () = dead.cancelled() => None,
            report = self.run("state.db", RunKind::Sync, full, Arc::new(executioner)) => Some(report.unwrap()),
        }
    }

    /// Says that records have changed, as a webhook does.
    pub async fn nudge(&self, stream: Stream, ids: &[String]) {
        let keys: Vec<SourceKey> = ids.iter().map(|id| SourceKey::new(stream, id.as_str())).collect();
        let (engine, _) = self.app("state.db").for_writing(Arc::new(Silent), CancellationToken::new()).await.unwrap();
        engine.store.nudge(&keys, "webhook", Utc::now()).await.unwrap();
        engine.store.close().await;
    }

    /// How many such words wait to be followed.
    pub async fn nudges(&self) -> usize {
        let (engine, _) = self.app("state.db").for_writing(Arc::new(Silent), CancellationToken::new()).await.unwrap();
        let nudges = engine.store.nudges().await.unwrap();
        engine.store.close().await;
        nudges.iter().filter(|nudge| !nudge.known).count()
    }

    /// Holds what is kept against what a first complete reading into an empty store makes of the sources now.
    pub async fn agrees_with_the_source(&self) {
        let (kept, afresh) = (live(self.records().await), live(self.afresh().await));
        let differs = |key: &&String| kept.get(*key) != afresh.get(*key);
        let told = |key: &String| format!("{key}: kept {:?}, is {:?}", kept.get(key), afresh.get(key));
        let differences: BTreeSet<_> = kept.keys().chain(afresh.keys()).filter(differs).map(told).collect();
        assert!(differences.is_empty(), "{}: {differences:#?}", self.subject().source());
    }

    async fn afresh(&self) -> BTreeMap<String, Row> {
        let store = format!("afresh-{}.db", uuid::Uuid::now_v7());
        self.run(&store, RunKind::Plan, false, Arc::new(Silent)).await.unwrap();
        records(&self.folder.path().join(store)).await
    }

    /// What is kept.
    pub async fn records(&self) -> BTreeMap<String, Row> {
        records(&self.store()).await
    }

    /// What is kept of accounts.
    pub async fn of_accounts(&self) -> BTreeMap<String, Row> {
        let stream = self.subject().accounts().as_str();
        self.records().await.into_iter().filter(|(key, _)| key.starts_with(stream)).collect()
    }

    /// The deletions Pivotal was asked for.
    pub fn deletes(&self) -> usize {
        self.log.entries().iter().filter(|entry| entry.api == "pivotal" && entry.method == "DELETE").count()
    }

    /// What Pivotal was asked to write.
    pub fn writes(&self) -> usize {
        self.log.entries().iter().filter(|entry| entry.api == "pivotal" && entry.method != "GET").count()
    }

    /// How often a listing was begun.
    pub fn listings(&self) -> usize {
        let subject = self.subject();
        let begins = |entry: &&Entry| entry.api == subject.source().as_str() && subject.lists_from_the_top(&entry.path);
        self.log.entries().iter().filter(begins).count()
    }
}

/// The pages that were stored: stream and records so far in its run.
pub type Told = Mutex<Vec<(Stream, u64)>>;

/// The variable that holds a source's credential.
fn credential(source: SourceName) -> &'static str {
    match source {
        SourceName::Hubspot => KEYS[1].0,
        SourceName::Stripe => KEYS[2].0,
    }
}

struct Executioner {
    left: Mutex<usize>,
    dead: CancellationToken,
    told: Arc<Told>,
}

impl Watch for Executioner {
    fn tell(&self, event: Event) {
        let Event::Pulled { stream, read } = event else { return };
        let mut left = self.left.lock().unwrap();
        self.told.lock().unwrap().push((stream, read));
        *left = left.saturating_sub(1);
        if *left == 0 {
            self.dead.cancel();
        }
    }
}

async fn hinder(State(door): State<Door>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let begins = door.subject.lists_from_the_top(request.uri().path_and_query().unwrap().as_str());
    let (answer, spoiled) = {
        let mut hindrance = door.hindrances.lock().unwrap();
        let passes = hindrance.listings_only && !begins;
        let answer = match &mut hindrance.answer {
            _ if passes => None,
            Some((skip @ 1.., _)) => {
                *skip -= 1;
                None
            }
            Some((_, answer)) => Some(answer.clone()),
            None => None,
        };
        hindrance.met += usize::from(answer.is_some());
        (answer, hindrance.spoiled.clone().filter(|spoiled| path.contains(spoiled.on)))
    };
    if let Some(Answer { status, headers, body }) = answer {
        let mut response = (StatusCode::from_u16(status).unwrap(), body).into_response();
        let date = door.subject.now().format("%a, %d %b %Y %H:%M:%S GMT").to_string();
        response.headers_mut().insert("date", date.parse().unwrap());
        headers.into_iter().for_each(|(name, value)| _ = response.headers_mut().insert(name, value.parse().unwrap()));
        return response;
    }
    let response = next.run(request).await;
    let Some(spoiled) = spoiled else { return response };
    let (mut parts, body) = response.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap();
    let Ok(mut json) = serde_json::from_slice::<Json>(&bytes) else { return Response::from_parts(parts, bytes.into()) };
    change(&mut json, &spoiled);
    parts.headers.remove(CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(json.to_string()))
}

/// Changes each object of the id, however deep.
fn change(json: &mut Json, spoiled: &Spoiled) {
    match json {
        Json::Array(items) => items.iter_mut().for_each(|item| change(item, spoiled)),
        Json::Object(_) if json["id"] == spoiled.id.as_str() => (spoiled.how)(json),
        Json::Object(fields) => fields.values_mut().for_each(|field| change(field, spoiled)),
        _ => {}
    }
}
