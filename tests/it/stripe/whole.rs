//! Stripe through the whole program: what a run says, what it deletes, what it leaves alone.

use std::path::PathBuf;
use std::sync::Arc;

use chrono::{TimeDelta, Utc};
use pivotal_sync::app::App;
use pivotal_sync::config::{self, Secrets};
use pivotal_sync::domain::{Report, RunKind, RunStatus};
use pivotal_sync::engine::{Ask, Silent};
use pivotal_sync::sandbox::pivotal::Object;
use pivotal_sync::sandbox::stripe::{
    Coupon, CustomerSeed, Discounted, Duration, Permission, PriceSeed, SubscriptionSeed,
};
use pivotal_sync::sandbox::{Options, Sandbox};
use tokio_util::sync::CancellationToken;

use crate::rig::KEYS;

struct Whole {
    sandbox: Sandbox,
    folder: tempfile::TempDir,
    more: &'static str,
}

impl Whole {
    async fn start(more: &'static str) -> Self {
        let sandbox = Sandbox::start(Options { size: 0, seed: 3, ..Options::default() }).await.unwrap();
        sandbox.lift_limits();
        Self { sandbox, folder: tempfile::tempdir().unwrap(), more }
    }

    async fn run(&self, full: bool) -> Report {
        let file: PathBuf = self.folder.path().join("config.toml");
        let text = format!(
            "[store]\npath = \"{}\"\n[pivotal]\nbase_url = \"{}\"\nworkspace = \"acme\"\nmrr_unit = \"cents\"\n\
             [hubspot]\nenabled = false\n[customers]\nwhere = \"stripe.status\"\ndelete_grace = \"0s\"\n\
             [guard]\nmax_delete_percent = 100\nmax_updates_percent = 100\n[stripe]\nbase_url = \"{}\"\n{}\n",
            self.folder.path().join("state.db").display(),
            self.sandbox.pivotal_url(),
            self.sandbox.stripe_url(),
            self.more,
        );
        std::fs::write(&file, text).unwrap();
        let settings = config::load(Some(&file), std::iter::empty()).map_err(|e| e.to_string()).unwrap();
        let env = KEYS.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let secrets = Secrets::find(&settings, env.into_iter(), None).map_err(|e| e.to_string()).unwrap();
        let app = App { settings, secrets };
        let (engine, writer) = app.for_writing(Arc::new(Silent), CancellationToken::new()).await.unwrap();
        let ask = Ask { kind: RunKind::Sync, asked_by: "test".to_owned(), full, only: None };
        let report = engine.sync(&writer, &ask, None).await.unwrap();
        engine.store.close().await;
        report
    }

    /// A customer who pays 10.00 a month, a year old; its id and the subscription's.
    fn payer(&self, name: &str) -> (String, String) {
        let mut stripe = self.sandbox.stripe();
        let created = stripe.now() - TimeDelta::days(365);
        let customer =
            stripe.add_customer(CustomerSeed { name: Some(name.to_owned()), created, ..CustomerSeed::default() });
        let product = stripe.add_product("Gold");
        let price = stripe.add_price(PriceSeed { product, unit_amount: Some(1_000), ..PriceSeed::default() });
        let items = vec![(price, Some(1))];
        let seed = SubscriptionSeed { customer: customer.clone(), items, created, ..SubscriptionSeed::default() };
        let subscription = stripe.add_subscription(seed).unwrap();
        (customer, subscription)
    }

    /// The MRR that Pivotal shows of a customer, in cents.
    fn mrr(&self, customer: &str) -> Option<u64> {
        let pivotal = self.sandbox.pivotal();
        let row = pivotal.visible(Object::Customer).find(|row| row.text("stripe_customer_id") == Some(customer));
        row.and_then(|row| row.value("mrr").as_u64())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_discount_runs_out_in_pivotal_on_its_day_trap_39() {
    let whole = Whole::start("[stripe.mrr]\ndiscounts = \"repeating\"").await;
    let (customer, subscription) = whole.payer("Acme");
    let yesterday = Utc::now() - TimeDelta::days(1);
    {
        let mut stripe = whole.sandbox.stripe();
        stripe.pin(yesterday);
        stripe.add_coupon(Coupon::percent("HALF", 50.0, Duration::Repeating(1), yesterday));
        let discount = stripe.apply_discount(Discounted::Subscription(subscription), "HALF").unwrap();
        stripe.end_discount(&discount, Some(yesterday + TimeDelta::hours(1))).unwrap();
    }
    whole.run(false).await;
    assert_eq!(whole.mrr(&customer), Some(500));
    // Half an hour on, the discount's own events lie behind; half an hour later it is over.
    whole.sandbox.stripe().pin(yesterday + TimeDelta::minutes(30));
    whole.run(false).await;
    assert_eq!(whole.mrr(&customer), Some(500));
    let raised = whole.sandbox.stripe().events_raised();
    whole.sandbox.stripe().pin(Utc::now());
    let report = whole.run(false).await;
    assert_eq!((report.status, whole.mrr(&customer)), (RunStatus::Complete, Some(1_000)), "{:?}", report.plan);
    assert_eq!(whole.sandbox.stripe().events_raised(), raised, "no event said so");
    assert!(whole.run(false).await.plan.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_report_says_that_everything_was_listed_and_what_was_missed_is_there_trap_2() {
    let whole = Whole::start("").await;
    let (stays, _) = whole.payer("Stays");
    let (goes, _) = whole.payer("Goes");
    let past = Utc::now() - TimeDelta::days(60);
    whole.sandbox.stripe().pin(past);
    assert!(whole.run(false).await.notes.is_empty());
    {
        let mut stripe = whole.sandbox.stripe();
        stripe.delete_customer(&goes).unwrap();
        stripe.set_clock(Utc::now);
    }
    let report = whole.run(false).await;
    assert!(
        report.notes.iter().any(|note| note.starts_with("stripe.customers") && note.contains("30 days")),
        "{report:?}"
    );
    assert_eq!(report.operations.delete, 1, "{:?}", report.plan);
    assert_eq!((whole.mrr(&stays), whole.mrr(&goes)), (Some(1_000), None));
    assert!(whole.run(false).await.notes.is_empty(), "said once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_customer_goes_and_no_subscription_brings_it_back_trap_22() {
    let whole = Whole::start("").await;
    let (goes, _) = whole.payer("Goes");
    let (stays, _) = whole.payer("Stays");
    whole.run(false).await;
    whole.sandbox.stripe().delete_customer(&goes).unwrap();
    let report = whole.run(false).await;
    assert_eq!((report.operations.delete, report.operations.create), (1, 0), "{:?}", report.plan);
    for full in [false, true] {
        let report = whole.run(full).await;
        assert!(report.plan.is_empty(), "{:?}", report.plan);
    }
    assert_eq!((whole.mrr(&stays), whole.mrr(&goes)), (Some(1_000), None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_right_deletes_nothing_and_is_named_traps_21_54() {
    let whole = Whole::start("").await;
    let (customer, _) = whole.payer("Acme");
    whole.run(false).await;
    for (right, status) in [
        (Permission::Customers, RunStatus::Partial),
        (Permission::Subscriptions, RunStatus::Partial),
        (Permission::Coupons, RunStatus::Complete),
    ] {
        whole.sandbox.stripe().forbid(right);
        let report = whole.run(true).await;
        let said = format!("{:?} {:?}", report.streams, report.notes);
        assert!(report.status == status && said.contains(right.id()), "{right:?}: {said}");
        assert!(report.plan.is_empty() && whole.mrr(&customer) == Some(1_000), "{right:?}: {:?}", report.plan);
        whole.sandbox.stripe().permit(right);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_run_ends_at_the_truth_and_a_quiet_night_is_one_request() {
    let whole = Whole::start("").await;
    let yesterday = Utc::now() - TimeDelta::days(1);
    whole.sandbox.stripe().pin(yesterday);
    whole.payer("Acme");
    let asked = || {
        let entries = whole.sandbox.log.entries().into_iter().filter(|entry| entry.api == "stripe");
        let path = |path: String| path.split('?').next().unwrap().trim_start_matches("/v1/").to_owned();
        let paths: Vec<String> = entries.map(|entry| path(entry.path)).collect();
        whole.sandbox.log.clear();
        paths
    };
    whole.run(false).await;
    // Each listing, and what changed while it went on.
    assert_eq!(asked(), ["customers", "events", "prices", "products", "coupons", "subscriptions", "events"]);
    whole.sandbox.stripe().pin(yesterday + TimeDelta::hours(12));
    whole.run(false).await;
    assert_eq!(asked(), ["events"]);
}
