//! A sandbox, a folder and a configuration: what every test of the whole program stands on.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{TimeDelta, Utc};
use pivotal_sync::app::App;
use pivotal_sync::cli::render::plan_json;
use pivotal_sync::config::{self, Secrets};
use pivotal_sync::domain::{Report, RunKind};
use pivotal_sync::engine::{Ask, EngineError, Silent};
use pivotal_sync::sandbox::faults::{self, Faults};
use pivotal_sync::sandbox::line::{CuttableListener, Line};
use pivotal_sync::sandbox::log::{self, Entry, RequestLog};
use pivotal_sync::sandbox::{hubspot, pivotal};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::calls::assert_as_planned;
use super::foreseen::Foreseen;

/// The credentials the sandbox accepts, as the environment would hold them.
pub const KEYS: [(&str, &str); 3] = [
    ("PIVOTAL_API_KEY", "pivotal_test_sandbox"),
    ("HUBSPOT_TOKEN", "pat-na1-sandbox"),
    ("STRIPE_API_KEY", "rk_test_sandbox"),
];

/// The sandbox and one user's folder.
pub struct Rig {
    pub hubspot: hubspot::Shared,
    pub pivotal: pivotal::SharedState,
    pub log: RequestLog,
    pub faults: Faults,
    pub folder: TempDir,
    config: String,
}

/// A portal of so many companies, each a customer with a domain and `contacts` people.
pub fn portal(companies: usize, contacts: usize) -> hubspot::World {
    let mut world = hubspot::World::new(KEYS[1].1);
    let born = Utc::now() - TimeDelta::days(30);
    for number in 0..companies {
        let company = world.add_company(hubspot::CompanySeed {
            name: format!("Company {number}"),
            domain: Some(format!("company{number}.com")),
            properties: text([("lifecyclestage", "customer")]),
            created: born + TimeDelta::seconds(number as i64),
        });
        for person in 0..contacts {
            world.add_contact(hubspot::ContactSeed {
                properties: text([
                    ("firstname", "Ann"),
                    ("lastname", &format!("Lee {person}")),
                    ("email", &format!("ann{person}@company{number}.com")),
                    ("jobtitle", "Buyer"),
                ]),
                created: born + TimeDelta::seconds(number as i64),
                company: Some((company.clone(), true)),
            });
        }
    }
    world
}

pub fn text<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

pub async fn serve(router: axum::Router, api: &'static str, log: &RequestLog, faults: &Faults) -> SocketAddr {
    let router = log::logged(faults::faulty(router, api, faults.clone()), api, log.clone());
    let listener = CuttableListener::bind(([127, 0, 0, 1], 0).into()).await.unwrap();
    let address = listener.address().unwrap();
    tokio::spawn(async move { axum::serve(listener, router.into_make_service_with_connect_info::<Line>()).await });
    address
}

impl Rig {
    /// Serves a portal and an empty Pivotal without a limit.
    pub async fn with(portal: hubspot::World) -> Self {
        Self::with_both(portal, pivotal::World::new("acme", pivotal::Clock::running(Utc::now()), 1)).await
    }

    pub async fn with_both(portal: hubspot::World, pivotal: pivotal::World) -> Self {
        let (log, faults) = (RequestLog::default(), Faults::default());
        let hubspot = Arc::new(Mutex::new(portal));
        let pivotal = pivotal.shared();
        let source = serve(hubspot::router(hubspot.clone()), "hubspot", &log, &faults).await;
        let target = serve(pivotal::router(pivotal.clone()), "pivotal", &log, &faults).await;
        let folder = tempfile::tempdir().unwrap();
        let config = format!(
            r#"
[store]
path = "{}"
[pivotal]
base_url = "http://{target}/api/v1"
workspace = "acme"
[hubspot]
base_url = "http://{source}"
lag = "0s"
[stripe]
enabled = false
[onboardings]
enabled = false
[guard]
max_deletes = 1000
max_delete_percent = 100
"#,
            folder.path().join("state.db").display()
        );
        let rig = Self { hubspot, pivotal, log, faults, folder, config };
        rig.configure("");
        rig
    }

    /// Writes the configuration, with more lines at its end.
    pub fn configure(&self, more: &str) {
        std::fs::write(self.config(), format!("{}{more}", self.config)).unwrap();
    }

    pub fn config(&self) -> PathBuf {
        self.folder.path().join("config.toml")
    }

    pub fn hubspot(&self) -> MutexGuard<'_, hubspot::World> {
        self.hubspot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn pivotal(&self) -> MutexGuard<'_, pivotal::World> {
        pivotal::lock(&self.pivotal)
    }

    pub fn app(&self) -> App {
        let settings = config::load(Some(&self.config()), std::iter::empty()).map_err(|e| e.to_string()).unwrap();
        let env = KEYS.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let secrets = Secrets::find(&settings, env.into_iter(), None).map_err(|e| e.to_string()).unwrap();
        App { settings, secrets }
    }

    pub async fn try_run(&self, kind: RunKind, full: bool) -> Result<Report, EngineError> {
        let (engine, writer) = self.app().for_writing(Arc::new(Silent), CancellationToken::new()).await.unwrap();
        let ask = Ask { kind, asked_by: "test".to_owned(), full, only: None };
        let report = match kind {
            RunKind::Plan => engine.plan(&ask).await,
            _ => engine.sync(&writer, &ask, None).await,
        };
        engine.store.close().await;
        report
    }

    pub async fn plan(&self) -> Report {
        self.try_run(RunKind::Plan, false).await.unwrap()
    }

    /// A run that makes exactly the calls that a plan announces just before.
    pub async fn sync(&self) -> Report {
        self.foreseen(RunKind::Sync).await
    }

    /// The same for a backfill.
    pub async fn backfill(&self) -> Report {
        self.foreseen(RunKind::Backfill).await
    }

    async fn foreseen(&self, kind: RunKind) -> Report {
        let full = kind == RunKind::Backfill;
        let foreseen = Foreseen::by_plan(self.folder.path(), full, &self.log, &self.faults).await;
        let report = self.try_run(kind, false).await.unwrap();
        foreseen.came_true(&self.log, &self.pivotal());
        report
    }

    /// A plan, then the run it announced, which must make exactly the calls the plan said.
    pub async fn as_planned(&self, kind: RunKind, full: bool) -> Report {
        let planned = self.try_run(RunKind::Plan, full).await.unwrap();
        let before = self.log.entries().len();
        let report = self.try_run(kind, full).await.unwrap();
        assert_as_planned(&plan_json(&planned.plan), &self.log.entries()[before..], &self.pivotal());
        report
    }

    pub async fn sync_as_planned(&self) -> Report {
        self.as_planned(RunKind::Sync, false).await
    }

    /// The writes Pivotal was sent, and forgets the log.
    pub fn writes(&self) -> Vec<Entry> {
        let entries = self.log.entries();
        self.log.clear();
        entries.into_iter().filter(|e| e.api == "pivotal" && e.method != "GET").collect()
    }

    /// The real binary in the user's folder, credentials in its environment.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.args(["--config", "config.toml"]).args(arguments).current_dir(self.folder.path());
        command.env_clear().envs(KEYS).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

pub fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_pivotal-sync"))
}
