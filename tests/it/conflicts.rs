//! What Pivotal refuses, and what follows (design section 4, faults by consequence): each row through the sandbox.

use std::sync::{Arc, Mutex};

use chrono::{TimeDelta, Utc};
use pivotal_sync::domain::{Report, RunKind, RunStatus};
use pivotal_sync::engine::{Ask, EngineError, Event, Watch};
use pivotal_sync::sandbox::faults::{Effect, Fault};
use pivotal_sync::sandbox::hubspot::ObjectType;
use pivotal_sync::sandbox::pivotal::{EmailScope, Object};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::rig::{Rig, portal};

/// Acts the moment before the first write: after the plan, so that no walk can have seen it.
struct Meddler(Mutex<Option<Box<dyn FnOnce() + Send>>>);

impl Watch for Meddler {
    fn tell(&self, event: Event) {
        if matches!(event, Event::Applying { .. })
            && let Some(act) = self.0.lock().unwrap().take()
        {
            act();
        }
    }
}

async fn meddled(rig: &Rig, act: impl FnOnce() + Send + 'static) -> Result<Report, EngineError> {
    let meddler = Arc::new(Meddler(Mutex::new(Some(Box::new(act)))));
    let (engine, writer) = rig.app().for_writing(meddler, CancellationToken::new()).await.unwrap();
    let ask = Ask { kind: RunKind::Sync, asked_by: "test".to_owned(), full: false, only: None };
    let report = engine.sync(&writer, &ask, None).await;
    engine.store.close().await;
    report
}

/// One customer to be created, while these appear in Pivotal out of sight.
async fn slug_taken_by(owners: &dyn Fn(&str) -> Vec<Value>) -> (Rig, Report) {
    let rig = Rig::with(portal(1, 0)).await;
    let id = rig.hubspot().ids(ObjectType::Company).next().unwrap();
    let (pivotal, owners) = (rig.pivotal.clone(), owners(&id));
    let report = meddled(&rig, move || {
        for owner in owners {
            let long_ago = Utc::now() - TimeDelta::days(90);
            pivotal_sync::sandbox::pivotal::lock(&pivotal).add_customer(owner, long_ago).unwrap();
        }
    })
    .await
    .unwrap();
    (rig, report)
}

fn counts(report: &Report) -> [u64; 5] {
    let c = &report.operations;
    [c.adopt, c.create, c.held, c.quarantined, c.owed]
}

#[tokio::test(flavor = "multi_thread")]
async fn slug_taken_finds_the_owner_and_adopts_goes_round_or_holds() {
    let stranger = |slug: &str| json!({"name": "Stranger", "slug": slug, "domain": "stranger.com"});
    let (rig, report) = slug_taken_by(&|_| vec![stranger("company-0")]).await;
    assert_eq!(counts(&report), [0, 1, 0, 0, 0], "a stranger's slug is gone round");
    let suffixed = rig.pivotal().customer_with("name", "Company 0").unwrap().text("slug").unwrap().to_owned();
    assert!(suffixed.starts_with("company-0-"), "{suffixed}");
    assert!(rig.sync().await.plan.is_empty());

    type Owners = Box<dyn Fn(&str) -> Vec<Value>>;
    let second = suffixed.clone();
    let rows: Vec<(&str, Owners, [u64; 5], usize)> = vec![
        (
            "ours by id",
            Box::new(|id| vec![json!({"name": "Old", "slug": "company-0", "hubspot_company_id": id})]),
            [1, 0, 0, 0, 0],
            1,
        ),
        (
            "ours by domain",
            Box::new(|_| vec![json!({"name": "Old", "slug": "company-0", "domain": "company0.com"})]),
            [1, 0, 0, 0, 0],
            1,
        ),
        (
            "our domain, another's id",
            Box::new(|_| {
                vec![json!({"name": "Old", "slug": "company-0", "domain": "company0.com", "hubspot_company_id": "1"})]
            }),
            [0, 1, 0, 0, 0],
            2,
        ),
        (
            "the suffix is taken too",
            Box::new(move |_| {
                vec![
                    json!({"name": "Stranger", "slug": "company-0", "domain": "stranger.com"}),
                    json!({"name": "Stranger", "slug": second, "domain": "stranger.com"}),
                ]
            }),
            [0, 0, 1, 0, 0],
            2,
        ),
    ];
    for (row, owners, expected, customers) in rows {
        let (rig, report) = slug_taken_by(&*owners).await;
        assert_eq!(counts(&report), expected, "{row}: {:?}", report.notes);
        assert_eq!(rig.pivotal().visible(Object::Customer).count(), customers, "{row}");
        if expected[2] == 0 {
            assert!(rig.sync().await.plan.is_empty(), "{row}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slug_that_a_deleted_customer_keeps_is_gone_round() {
    // pivotal-api.md 10.1: a deleted customer may keep its slug, and then nobody can be found who has it.
    let rig = Rig::with(portal(1, 0)).await;
    {
        let mut pivotal = rig.pivotal();
        let long_ago = Utc::now() - TimeDelta::days(90);
        let id = pivotal.add_customer(json!({"name": "Company 0", "slug": "company-0"}), long_ago).unwrap();
        assert!(pivotal.delete_customer(&id));
    }
    let report = rig.backfill().await;
    assert_eq!((counts(&report), report.status), ([0, 1, 0, 0, 0], RunStatus::Complete));
}

/// One contact to be created, whose email a contact of this customer has by then.
async fn email_taken_under(own: bool) -> (Rig, Report) {
    let rig = Rig::with(portal(1, 0)).await;
    rig.backfill().await;
    let company = rig.hubspot().ids(ObjectType::Company).next().unwrap();
    rig.hubspot().add_contact(pivotal_sync::sandbox::hubspot::ContactSeed {
        properties: super::rig::text([("firstname", "Ann"), ("lastname", "Lee"), ("email", "ann@company0.com")]),
        created: Utc::now(),
        company: Some((company, true)),
    });
    let customer = {
        let mut pivotal = rig.pivotal();
        pivotal.switches.email_scope = EmailScope::Workspace;
        let ours = pivotal.visible(Object::Customer).next().unwrap().id.clone();
        let other = pivotal.add_customer(json!({"name": "Other"}), Utc::now()).unwrap();
        if own { ours } else { other }
    };
    let pivotal = rig.pivotal.clone();
    let report = meddled(&rig, move || {
        let ann = json!({"name": "Ann", "email": "Ann@Company0.com"});
        pivotal_sync::sandbox::pivotal::lock(&pivotal).add_contact(&customer, ann, Utc::now()).unwrap();
    })
    .await
    .unwrap();
    (rig, report)
}

#[tokio::test(flavor = "multi_thread")]
async fn email_taken_is_adopted_in_the_same_customer_and_held_in_another() {
    let (rig, report) = email_taken_under(true).await;
    assert_eq!(counts(&report), [1, 0, 0, 0, 0], "{:?}", report.notes);
    assert_eq!(rig.pivotal().visible(Object::Contact).count(), 1);
    assert!(rig.sync().await.plan.is_empty());

    let (rig, report) = email_taken_under(false).await;
    assert_eq!(counts(&report), [0, 0, 1, 0, 0], "{:?}", report.notes);
    assert_eq!(rig.pivotal().visible(Object::Contact).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_pivotal_no_longer_has_is_held_and_never_made_again_in_silence() {
    // pivotal-api.md 16.15: somebody may have deleted it on purpose.
    let rig = Rig::with(portal(2, 0)).await;
    rig.backfill().await;
    let company = rig.hubspot().ids(ObjectType::Company).next().unwrap();
    let gone = rig.pivotal().customer_with("hubspot_company_id", &company).unwrap().id.clone();
    assert!(rig.pivotal().delete_customer(&gone));
    for name in ["Renamed once", "Renamed twice"] {
        rig.hubspot().set_property(ObjectType::Company, &company, "name", name).unwrap();
        let report = rig.sync().await;
        assert_eq!((counts(&report), report.status), ([0, 0, 1, 0, 0], RunStatus::Partial), "{name}");
    }
    assert_eq!(rig.pivotal().create_counts()[0], 2);
    assert_eq!(rig.log.count("PATCH", "/api/v1/customers"), 1, "it was written to once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_right_stops_everything_at_once_and_condemns_nothing() {
    for (status, kind) in [(401, "credentials"), (403, "permission")] {
        let rig = Rig::with(portal(20, 0)).await;
        rig.faults
            .inject(Fault::next("pivotal", Effect::Status(status)).on("POST", "/api/v1/customers").after(5).times(100));
        let error = rig.try_run(RunKind::Backfill, false).await.unwrap_err();
        assert_eq!(error.kind(), kind);
        let posts = rig.log.count("POST", "/api/v1/customers");
        assert!(posts <= 5 + 4, "those under way and no more: {posts}");
        rig.faults.clear();
        let report = rig.backfill().await;
        assert_eq!((counts(&report), report.status), ([0, 15, 0, 0, 0], RunStatus::Complete), "{status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_body_rests_with_the_field_named_and_blocks_nothing_else() {
    let rig = Rig::with(portal(3, 0)).await;
    let company = rig.hubspot().ids(ObjectType::Company).next().unwrap();
    let long = "x".repeat(200);
    rig.pivotal().switches.longest_text = 100;
    rig.hubspot().set_property(ObjectType::Company, &company, "name", &long).unwrap();
    let report = rig.backfill().await;
    assert_eq!(counts(&report), [0, 2, 0, 1, 0], "{:?}", report.notes);
    let (engine, _) =
        rig.app().for_writing(Arc::new(pivotal_sync::engine::Silent), CancellationToken::new()).await.unwrap();
    let why = engine.store.open_operations(Some("quarantined"), 9).await.unwrap()[0].why.clone().unwrap();
    engine.store.close().await;
    assert!(why.contains("too_big") && why.contains("(field name)"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_and_a_code_that_nobody_documented_rest_and_are_told() {
    for status in [405, 413, 422] {
        let rig = Rig::with(portal(3, 0)).await;
        rig.faults.inject(Fault::next("pivotal", Effect::Status(status)).on("POST", "/api/v1/customers"));
        assert_eq!(counts(&rig.backfill().await), [0, 2, 0, 1, 0], "{status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn words_and_fields_that_nobody_documented_are_no_trouble() {
    // pivotal-api.md 7: enum values and fields may be added within v1.
    let rig = Rig::with(portal(3, 1)).await;
    {
        let mut pivotal = rig.pivotal();
        pivotal.switches.unknown_fields = true;
        pivotal.switches.statuses.push("hibernating".to_owned());
        pivotal.switches.default_status = "hibernating".to_owned();
        let long_ago = Utc::now() - TimeDelta::days(90);
        pivotal.add_customer(json!({"name": "Company 0", "domain": "company0.com"}), long_ago).unwrap();
    }
    let report = rig.backfill().await;
    assert_eq!((counts(&report), report.status), ([1, 5, 0, 0, 0], RunStatus::Complete));
    let quiet = rig.sync().await;
    assert!(quiet.plan.is_empty());
    let hibernating =
        rig.pivotal().visible(Object::Customer).filter(|c| c.text("status") == Some("hibernating")).count();
    assert_eq!(hibernating, 3, "nothing that no rule names is touched");
}
