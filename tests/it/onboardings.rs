//! Won deals against the sandbox: each opens one onboarding, once, or waits and says why.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use pivotal_sync::domain::{Fields, IdempotencyKey, Kind, PivotalId, Report, RunKind, RunStatus, Standing, Verb};
use pivotal_sync::engine::Silent;
use pivotal_sync::ports::{Call, Writer};
use pivotal_sync::sandbox::hubspot::{DealSeed, ObjectType, World};
use pivotal_sync::sandbox::pivotal::Object;
use tokio_util::sync::CancellationToken;

use super::rig::{Rig, portal, text};

/// The rig's configuration with onboardings, and with more lines under `[onboardings]`.
fn open(rig: &Rig, more: &str) {
    rig.configure("");
    let config = std::fs::read_to_string(rig.config()).unwrap();
    let section = format!("[onboardings]\n{more}");
    std::fs::write(rig.config(), config.replace("[onboardings]\nenabled = false", &section)).unwrap();
}

fn win(world: &mut World, company: Option<&str>, at: DateTime<Utc>) -> String {
    let closed = at.to_rfc3339();
    world.add_deal(DealSeed {
        properties: text([
            ("dealname", "Big one"),
            ("pipeline", "default"),
            ("dealstage", "closedwon"),
            ("closedate", &closed),
        ]),
        company: company.map(str::to_owned),
        created: at,
    })
}

fn stage(rig: &Rig, deal: &str, stage: &str) {
    rig.hubspot().set_property(ObjectType::Deal, deal, "dealstage", stage).unwrap();
    let closed = Utc::now().to_rfc3339();
    rig.hubspot().set_property(ObjectType::Deal, deal, "closedate", &closed).unwrap();
}

/// Why the only operation waits.
fn waits(report: &Report) -> &str {
    assert_eq!((report.operations.owed, report.status), (1, RunStatus::Partial), "{:#?}", report.plan);
    match report.plan.as_slice() {
        [one] => match (&one.standing, one.verb(), one.kind) {
            (Standing::Waiting(why), Verb::Create, Kind::Onboarding) => why,
            other => panic!("{other:?}"),
        },
        other => panic!("{other:#?}"),
    }
}

fn opened(rig: &Rig) -> usize {
    let pivotal = rig.pivotal();
    let live = pivotal.visible(Object::Onboarding).count();
    assert_eq!(live as u64, pivotal.create_counts()[2]);
    live
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deal_won_without_a_customer_waits_and_goes_out_with_its_customer() {
    let mut world = portal(1, 0);
    let company = world.ids(ObjectType::Company).next().unwrap();
    world.set_property(ObjectType::Company, &company, "lifecyclestage", "lead").unwrap();
    let deal = win(&mut world, Some(&company), Utc::now() - TimeDelta::days(2));
    let rig = Rig::with(world).await;
    open(&rig, "");
    let expected = format!("its company hubspot:company:{company} is not a customer");
    assert!(waits(&rig.backfill().await).starts_with(&expected));
    assert!(waits(&rig.sync().await).starts_with(&expected), "it is owed until something changes");
    assert!(rig.writes().is_empty());
    let asked = rig.command(&["why", &format!("hubspot:deal:{deal}")]).output().unwrap();
    let said = String::from_utf8(asked.stdout).unwrap();
    assert!(said.contains(&expected), "{said}");

    rig.hubspot().set_property(ObjectType::Company, &company, "lifecyclestage", "customer").unwrap();
    let report = rig.sync().await;
    assert_eq!((report.operations.create, report.status), (2, RunStatus::Complete), "{:#?}", report.plan);
    assert_eq!(rig.writes().len(), 2);
    assert!(rig.pivotal().customer_with("hubspot_deal_id", &deal).is_some());
    assert_eq!(opened(&rig), 1);
    assert!(rig.sync().await.plan.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deal_of_no_company_waits_until_its_win_is_too_old_and_says_that_it_ended() {
    let mut world = portal(1, 0);
    win(&mut world, None, Utc::now() - TimeDelta::days(10));
    let rig = Rig::with(world).await;
    open(&rig, "");
    rig.backfill().await;
    assert!(waits(&rig.sync().await).ends_with("belongs to no company"));
    open(&rig, "won_within = \"5d\"\n");
    let over = rig.sync().await;
    assert!(over.plan.is_empty(), "{:#?}", over.plan);
    let told = over.notes.iter().filter(|note| note.contains("no onboarding is opened")).count();
    assert_eq!((told, over.status), (1, RunStatus::Complete), "{:?}", over.notes);
    let quiet = rig.sync().await;
    assert!(quiet.plan.is_empty() && !quiet.notes.iter().any(|note| note.contains("onboarding")), "{:?}", quiet.notes);
    assert_eq!(opened(&rig), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deal_that_is_reopened_and_won_again_opens_no_second_one() {
    // hubspot-api.md trap 26.
    let mut world = portal(2, 0);
    let companies: Vec<String> = world.ids(ObjectType::Company).collect();
    let first = win(&mut world, Some(&companies[0]), Utc::now() - TimeDelta::days(2));
    let other = win(&mut world, Some(&companies[1]), Utc::now() - TimeDelta::days(2));
    let rig = Rig::with(world).await;
    open(&rig, "");
    // One is open again before anybody looked: nothing to open yet.
    stage(&rig, &other, "contractsent");
    rig.backfill().await;
    assert_eq!(opened(&rig), 1);
    stage(&rig, &first, "contractsent");
    assert!(rig.sync().await.plan.is_empty());
    stage(&rig, &first, "closedwon");
    assert!(rig.sync().await.plan.is_empty());
    stage(&rig, &other, "closedwon");
    rig.sync().await;
    assert_eq!(opened(&rig), 2);
    for round in ["contractsent", "closedwon", "closedlost", "closedwon"] {
        stage(&rig, &first, round);
        stage(&rig, &other, round);
        assert!(rig.sync().await.plan.is_empty(), "{round}");
    }
    assert!(rig.try_run(RunKind::Sync, true).await.unwrap().plan.is_empty());
    assert_eq!(opened(&rig), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_onboarding_finished_in_pivotal_is_neither_opened_again_nor_driven() {
    let mut world = portal(1, 0);
    let company = world.ids(ObjectType::Company).next().unwrap();
    let deal = win(&mut world, Some(&company), Utc::now() - TimeDelta::days(2));
    let rig = Rig::with(world).await;
    open(&rig, "");
    rig.backfill().await;
    let id = rig.pivotal().onboardings()[0].id.clone();
    let (engine, person) = rig.app().for_writing(Arc::new(Silent), CancellationToken::new()).await.unwrap();
    let finished = Fields::from([("phase", "completed".into()), ("notes", "All done".into())]);
    let call = Call::Update { kind: Kind::Onboarding, id: PivotalId::new(id), fields: finished };
    let request = person.prepare(&call, IdempotencyKey::new("a person"));
    person.send(&request, &CancellationToken::new()).await.unwrap();
    engine.store.close().await;
    drop(engine);
    rig.writes();
    for round in ["contractsent", "closedwon"] {
        stage(&rig, &deal, round);
        assert!(rig.sync().await.plan.is_empty(), "{round}");
    }
    assert!(rig.try_run(RunKind::Sync, true).await.unwrap().plan.is_empty());
    assert!(rig.writes().is_empty());
    let pivotal = rig.pivotal();
    let row = pivotal.visible(Object::Onboarding).next().unwrap();
    assert_eq!((row.text("phase"), row.text("notes")), (Some("completed"), Some("All done")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_date_from_the_deal_reaches_pivotal_and_a_bad_one_is_told() {
    let mut world = portal(2, 0);
    let companies: Vec<String> = world.ids(ObjectType::Company).collect();
    let deals: Vec<String> = companies.iter().map(|id| win(&mut world, Some(id), Utc::now())).collect();
    world.set_property(ObjectType::Deal, &deals[0], "go_live", "2027-01-31").unwrap();
    world.set_property(ObjectType::Deal, &deals[1], "go_live", "end of March").unwrap();
    let rig = Rig::with(world).await;
    open(&rig, "[onboardings.fields]\ntarget_launch_date = \"deal.go_live | plus_days(1)\"\n");
    let report = rig.backfill().await;
    assert_eq!(report.status, RunStatus::Complete, "{:#?}", report.plan);
    let mut dates: Vec<Option<String>> = {
        let pivotal = rig.pivotal();
        pivotal.visible(Object::Onboarding).map(|row| row.text("target_launch_date").map(str::to_owned)).collect()
    };
    dates.sort();
    assert_eq!(dates, [None, Some("2027-02-01T00:00:00.000Z".to_owned())]);
    assert!(report.notes.iter().any(|note| note.contains("'end of March', which is no date")), "{:?}", report.notes);
    assert!(rig.sync().await.plan.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_that_pivotal_does_not_know_is_told_and_opens_all_the_same() {
    let mut world = portal(1, 0);
    let company = world.ids(ObjectType::Company).next().unwrap();
    win(&mut world, Some(&company), Utc::now());
    let rig = Rig::with(world).await;
    open(&rig, "[onboardings.fields]\nphase = \"'review'\"\nstate = \"'bogus'\"\n");
    let report = rig.backfill().await;
    assert_eq!(report.status, RunStatus::Complete, "{:#?}", report.plan);
    assert!(report.notes.iter().any(|note| note.contains("'bogus', and Pivotal takes")), "{:?}", report.notes);
    let pivotal = rig.pivotal();
    let row = pivotal.visible(Object::Onboarding).next().unwrap();
    assert_eq!((row.text("phase"), row.text("state")), (Some("review"), Some("active")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deal_whose_customer_left_by_the_rules_waits_for_nothing() {
    let mut world = portal(2, 0);
    let companies: Vec<String> = world.ids(ObjectType::Company).collect();
    let deal = win(&mut world, Some(&companies[1]), Utc::now() - TimeDelta::days(2));
    let rig = Rig::with(world).await;
    let rules = "won_within = \"90d\"\n[customers]\non_leave = \"delete\"\ndelete_grace = \"0s\"\n";
    open(&rig, rules);
    rig.backfill().await;
    assert_eq!(rig.pivotal().visible(Object::Onboarding).count(), 1);
    rig.hubspot().set_property(ObjectType::Company, &companies[1], "lifecyclestage", "lead").unwrap();
    assert_eq!(rig.sync().await.operations.delete, 1);
    for full in [false, true] {
        let report = rig.try_run(RunKind::Sync, full).await.unwrap();
        assert_eq!((report.status, report.plan.as_slice()), (RunStatus::Complete, &[][..]), "{full}");
    }
    let why =
        String::from_utf8(rig.command(&["why", &format!("hubspot:deal:{deal}")]).output().unwrap().stdout).unwrap();
    assert!(why.contains("its customer was deleted"), "{why}");

    // It comes back, and the deal with it.
    rig.hubspot().set_property(ObjectType::Company, &companies[1], "lifecyclestage", "customer").unwrap();
    assert_eq!(rig.sync().await.operations.create, 2);
    assert!(rig.sync().await.plan.is_empty());
}
