//! What a changed rule touches. That a plan of it can be had without a request is shown in `offline`.

use pivotal_sync::domain::{RunStatus, Verb};
use pivotal_sync::sandbox::hubspot::ObjectType;

use super::rig::{Rig, portal};

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_rule_is_named_and_shows_exactly_what_it_touches() {
    let mut world = portal(6, 1);
    let companies: Vec<String> = world.ids(ObjectType::Company).collect();
    for company in &companies[..2] {
        world.set_property(ObjectType::Company, company, "tier", "price_gold").unwrap();
    }
    world.set_property(ObjectType::Company, &companies[2], "tier", "price_new").unwrap();
    let rig = Rig::with(world).await;
    rig.configure("[customers.fields]\nintercom_company_id = \"company.tier\"\n");
    rig.backfill().await;
    rig.writes();
    let plan = "[customers.fields]\nintercom_company_id = \"company.tier\"\nplan = \"company.tier\"\n";
    rig.configure(&format!("{plan}[customers.values.plan]\nprice_gold = \"Gold\"\n"));
    let report = rig.plan().await;
    let named = "rules changed since the last look: customers.fields.plan, customers.values.plan";
    assert!(report.notes.iter().any(|note| note == named), "{:?}", report.notes);
    let mut touched: Vec<String> = report.plan.iter().map(|one| format!("{} {}", one.verb(), one.subject)).collect();
    touched.sort();
    let expected: Vec<String> =
        companies[..3].iter().map(|id| format!("{} hubspot:company:{id}", Verb::Update)).collect();
    assert_eq!(touched, expected);
    let read_anew = report.streams.values().any(|stream| stream.changed > 0);
    assert!(!read_anew, "the rule reads nothing that was not kept: {:?}", report.streams);
    assert!(report.notes.iter().any(|note| note.contains("'price_new'")), "{:?}", report.notes);
    let done = rig.sync().await;
    assert_eq!((done.operations.update, done.status), (3, RunStatus::Complete));
    assert!(!done.notes.iter().any(|note| note.contains("rules changed")), "told once: {:?}", done.notes);
    let mut sent: Vec<String> = rig.writes().into_iter().filter_map(|write| write.body).collect();
    sent.sort();
    assert_eq!(sent, [r#"{"plan":"Gold"}"#, r#"{"plan":"Gold"}"#, r#"{"plan":"price_new"}"#]);
    assert!(rig.sync().await.plan.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_belongs_to_pivotal_is_set_once_and_never_again() {
    let rig = Rig::with(portal(2, 1)).await;
    rig.configure("[customers.owner]\nname = \"pivotal\"\n[contacts.owner]\ntitle = \"fill-if-empty\"\n");
    rig.backfill().await;
    rig.writes();
    let company = rig.hubspot().ids(ObjectType::Company).next().unwrap();
    let contact = rig.hubspot().ids(ObjectType::Contact).next().unwrap();
    rig.hubspot().set_property(ObjectType::Company, &company, "name", "Renamed").unwrap();
    rig.hubspot().set_property(ObjectType::Contact, &contact, "jobtitle", "Chief").unwrap();
    assert!(rig.sync().await.plan.is_empty());
    assert!(rig.writes().is_empty());
    rig.configure("");
    assert_eq!(rig.sync().await.operations.update, 2, "the setting goes, and the source speaks again");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_the_selection_and_stays_is_named_when_it_leaves() {
    let rig = Rig::with(portal(3, 0)).await;
    rig.configure("[customers]\non_leave = \"keep\"\n");
    rig.backfill().await;
    rig.configure("[customers]\non_leave = \"keep\"\nwhere = \"company.name == 'Company 1'\"\n");
    let said = async || {
        let notes = rig.plan().await.notes;
        notes.into_iter().filter(|note| note.contains("it stays in Pivotal as it is")).count()
    };
    assert_eq!((said().await, said().await), (2, 0));
    assert!(rig.sync().await.plan.is_empty());
}
