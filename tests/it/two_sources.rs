//! HubSpot and Stripe together, and each alone, against the whole sandbox.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use pivotal_sync::app::App;
use pivotal_sync::cli::render::plan_json;
use pivotal_sync::config::{self, Secrets};
use pivotal_sync::domain::{Operation, Report, RunKind, RunStatus, Verb};
use pivotal_sync::engine::{Ask, EngineError, Silent};
use pivotal_sync::sandbox::hubspot::DealSeed;
use pivotal_sync::sandbox::pivotal::Object;
use pivotal_sync::sandbox::{Options, Sandbox};
use tokio_util::sync::CancellationToken;

use super::calls::assert_as_planned;
use super::rig::{KEYS, binary, text};

struct Both {
    sandbox: Sandbox,
    folder: tempfile::TempDir,
    more: &'static str,
}

impl Both {
    async fn start(more: &'static str) -> Self {
        let sandbox = Sandbox::start(Options { size: 40, seed: 3, ..Options::default() }).await.unwrap();
        sandbox.lift_limits();
        Self { sandbox, folder: tempfile::tempdir().unwrap(), more }
    }

    fn config(&self) -> PathBuf {
        let Self { sandbox, folder, more } = self;
        let file = folder.path().join("config.toml");
        let text = format!(
            "[store]\npath = \"{}\"\n[pivotal]\nbase_url = \"{}\"\nworkspace = \"acme\"\nmrr_unit = \"dollars\"\n\
             [hubspot]\nbase_url = \"{}\"\nlag = \"0s\"\n{}\n[stripe]\nbase_url = \"{}\"\nlag = \"0s\"\n{}\n",
            folder.path().join("state.db").display(),
            sandbox.pivotal_url(),
            sandbox.hubspot_url(),
            if *more == "stripe" { "enabled = false" } else { "" },
            sandbox.stripe_url(),
            if *more == "hubspot" { "enabled = false" } else { "" },
        );
        std::fs::write(&file, text).unwrap();
        file
    }

    async fn run(&self, kind: RunKind) -> Report {
        self.try_run(kind).await.unwrap()
    }

    /// A plan, then the run it announced, which must make exactly the calls the plan said.
    async fn as_planned(&self, kind: RunKind) -> Report {
        let planned = self.run(RunKind::Plan).await;
        let before = self.sandbox.log.entries().len();
        let report = self.run(kind).await;
        assert_eq!(planned.plan, report.plan, "the plan was exactly what was done");
        assert_as_planned(&plan_json(&planned.plan), &self.sandbox.log.entries()[before..], &self.sandbox.pivotal());
        report
    }

    async fn try_run(&self, kind: RunKind) -> Result<Report, EngineError> {
        let settings = config::load(Some(&self.config()), std::iter::empty()).map_err(|e| e.to_string()).unwrap();
        let env = KEYS.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let secrets = Secrets::find(&settings, env.into_iter(), None).map_err(|e| e.to_string()).unwrap();
        let app = App { settings, secrets };
        let (engine, writer) = app.for_writing(Arc::new(Silent), CancellationToken::new()).await.unwrap();
        let ask = Ask { kind, asked_by: "test".to_owned(), full: false, only: None };
        let report = match kind {
            RunKind::Plan => engine.plan(&ask).await,
            _ => engine.sync(&writer, &ask, None).await,
        };
        engine.store.close().await;
        report
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_company_in_both_sources_is_one_customer_with_both_ids() {
    let both = Both::start("").await;
    let report = both.as_planned(RunKind::Backfill).await;
    assert_eq!(report.status, RunStatus::Complete, "{:?} {:?}", report.streams, report.operations);
    assert!(report.operations.adopt >= 2, "two customers were there before");
    {
        let pivotal = both.sandbox.pivotal();
        assert!(pivotal.duplicates().is_empty(), "{:?}", pivotal.duplicates());
        let with_both = pivotal
            .visible(Object::Customer)
            .filter(|row| row.text("hubspot_company_id").is_some() && row.text("stripe_customer_id").is_some())
            .count();
        assert!(with_both >= 15, "{with_both}");
        for field in ["hubspot_company_id", "stripe_customer_id"] {
            let ids: Vec<&str> = pivotal.visible(Object::Customer).filter_map(|row| row.text(field)).collect();
            assert_eq!(ids.len(), ids.iter().collect::<BTreeSet<_>>().len(), "no two customers carry one {field}");
        }
        let paid = pivotal
            .visible(Object::Customer)
            .filter(|row| row.value("mrr").as_u64().is_some_and(|mrr| mrr > 0))
            .count();
        assert!(paid >= 10, "{paid}");
    }
    let quiet = both.run(RunKind::Sync).await;
    assert_eq!(
        (quiet.status, quiet.plan.len(), quiet.requests.pivotal),
        (RunStatus::Complete, 0, 1),
        "{:?}",
        quiet.plan
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_at_the_sources_is_followed_and_then_it_is_quiet() {
    let both = Both::start("").await;
    both.run(RunKind::Backfill).await;
    both.sandbox.a_day().unwrap();
    let report = both.as_planned(RunKind::Sync).await;
    assert_eq!(report.status, RunStatus::Complete, "{:?}", report.plan);
    assert!(report.operations.create >= 2 && report.operations.update >= 2, "{:?}", report.operations);
    assert!(both.run(RunKind::Sync).await.plan.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_names_the_deal_behind_its_newest_onboarding() {
    let both = Both::start("hubspot").await;
    both.run(RunKind::Backfill).await;
    let (company, customer) = {
        let pivotal = both.sandbox.pivotal();
        let opened: BTreeSet<&str> =
            pivotal.visible(Object::Onboarding).filter_map(|row| row.customer_id.as_deref()).collect();
        assert!(!opened.is_empty(), "the sample company has won deals");
        for row in pivotal.visible(Object::Customer) {
            let id = row.id.as_str();
            assert_eq!(row.text("hubspot_deal_id").is_some(), opened.contains(id), "{id}");
        }
        let quiet = pivotal.visible(Object::Customer).find(|row| !opened.contains(row.id.as_str())).unwrap();
        (quiet.text("hubspot_company_id").unwrap().to_owned(), quiet.id.clone())
    };
    let deal = both.sandbox.hubspot().add_deal(DealSeed {
        properties: text([("dealname", "Renewal"), ("pipeline", "default"), ("dealstage", "closedwon")]),
        created: chrono::Utc::now(),
        company: Some(company),
    });
    let report = both.as_planned(RunKind::Sync).await;
    let verbs: Vec<Verb> = report.plan.iter().map(Operation::verb).collect();
    assert_eq!(verbs, [Verb::Update, Verb::Create], "{:#?}", report.plan);
    let named = both.sandbox.pivotal().customer_with("hubspot_deal_id", &deal).map(|row| row.id.clone());
    assert_eq!(named, Some(customer));
    assert!(both.run(RunKind::Sync).await.plan.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn hubspot_alone_works() {
    let both = Both::start("hubspot").await;
    let report = both.as_planned(RunKind::Backfill).await;
    assert_eq!((report.status, report.requests.stripe), (RunStatus::Complete, 0));
    assert!(report.operations.create > 30 && both.sandbox.pivotal().duplicates().is_empty());
    assert!(both.run(RunKind::Sync).await.plan.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn stripe_alone_works() {
    let both = Both::start("stripe").await;
    let report = both.as_planned(RunKind::Backfill).await;
    assert_eq!((report.status, report.requests.hubspot), (RunStatus::Complete, 0), "{:?}", report.plan);
    assert!(report.operations.create > 15 && both.sandbox.pivotal().duplicates().is_empty());
    assert!(both.sandbox.pivotal().visible(Object::Contact).count() <= 2, "Stripe brings no people");
    assert!(both.run(RunKind::Sync).await.plan.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_before_every_source_was_read_once() {
    // What only Stripe shows so far may be a company that HubSpot holds: it would be made twice.
    let both = Both::start("").await;
    both.sandbox.hubspot().set_token("another");
    let error = both.try_run(RunKind::Backfill).await.unwrap_err();
    assert_eq!(error.kind(), "source");
    assert!(error.to_string().contains("401"), "{error}");
    assert_eq!(both.sandbox.pivotal().create_counts(), [0, 0, 0]);
    both.sandbox.hubspot().set_token("pat-na1-sandbox");
    assert_eq!(both.run(RunKind::Backfill).await.status, RunStatus::Complete);
    assert!(both.sandbox.pivotal().duplicates().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_of_one_source_is_applied_from_that_source_alone() {
    let both = Both::start("").await;
    both.run(RunKind::Backfill).await;
    both.sandbox.a_day().unwrap();
    let typed = |words: &[&str]| {
        let mut command = std::process::Command::new(binary());
        command.arg("--config").arg(both.config()).args(words).current_dir(both.folder.path()).env_clear().envs(KEYS);
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    both.sandbox.log.clear();
    let (code, err) = typed(&["plan", "--source", "hubspot", "--out", "plan.json"]);
    assert_eq!(code, Some(0), "{err}");
    let (code, err) = typed(&["sync", "--apply", "plan.json"]);
    assert_eq!(code, Some(0), "{err}");
    let entries = both.sandbox.log.entries();
    let asked = |api: &str| entries.iter().filter(|entry| entry.api == api).count();
    assert_eq!(asked("stripe"), 0);
    assert!(asked("hubspot") > 0 && entries.iter().any(|e| e.api == "pivotal" && e.method != "GET"));
}
