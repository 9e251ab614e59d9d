//! The walk over Pivotal that a first load begins with: complete where the API allows it, and honest where it does not.

use chrono::{TimeDelta, Utc};
use pivotal_sync::domain::{Report, RunKind, RunStatus};
use pivotal_sync::sandbox::hubspot::CompanySeed;
use pivotal_sync::sandbox::pivotal::{Clock, Object, World};
use serde_json::json;

use super::rig::{Rig, portal, text};

const STATUSES: [&str; 5] = ["active", "onboarding", "at_risk", "churned", "archived"];

/// A Pivotal that holds a customer of each domain, of which so many share one millisecond, one status after the other of
/// these; loaded into from a portal of the same companies.
async fn load(customers: usize, tied: usize, statuses: &[&str]) -> (Rig, Report) {
    let now = Utc::now();
    let mut pivotal = World::new("acme", Clock::running(now), 1);
    for number in 0..customers {
        let age = if number < tied { TimeDelta::days(50) } else { TimeDelta::minutes(number as i64) };
        let status = statuses[number % statuses.len()];
        let fields =
            json!({"name": format!("Old {number}"), "domain": format!("company{number}.com"), "status": status});
        pivotal.add_customer(fields, now - age).unwrap();
    }
    let rig = Rig::with_both(portal(customers, 0), pivotal).await;
    let report = rig.backfill().await;
    (rig, report)
}

fn doubts(report: &Report) -> bool {
    report.notes.iter().any(|note| note.contains("same millisecond"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_walk_costs_one_request_for_a_hundred_customers() {
    let (rig, report) = load(250, 0, &STATUSES).await;
    assert_eq!((report.operations.adopt, report.operations.create, report.status), (250, 0, RunStatus::Complete));
    let walk = rig.log.entries().into_iter().filter(|e| e.path.starts_with("/api/v1/customers?")).count();
    assert_eq!(walk, 3);
    assert!(!doubts(&report));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_millisecond_that_fills_pages_is_read_by_status() {
    // pivotal-api.md 6, the tie hazard: a customer that the walk misses would be made a second time.
    let (rig, report) = load(320, 300, &STATUSES).await;
    assert_eq!((report.operations.adopt, report.operations.create, report.status), (320, 0, RunStatus::Complete));
    assert!(!doubts(&report), "{:?}", report.notes);
    assert_eq!(rig.pivotal().visible(Object::Customer).count(), 320);
    assert!(rig.sync().await.plan.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_even_that_cannot_show_is_told_and_nobody_is_created_on_the_ground_of_it() {
    let (rig, report) = load(150, 140, &["active"]).await;
    assert!(doubts(&report), "{:?}", report.notes);
    assert_eq!((report.operations.create, report.operations.held), (0, 40), "{:?}", report.notes);
    // Neither later; but who comes after the first load came after the walk.
    rig.hubspot().add_company(CompanySeed {
        name: "Later".to_owned(),
        domain: Some("later.com".to_owned()),
        properties: text([("lifecyclestage", "customer")]),
        created: Utc::now(),
    });
    for (full, created) in [(false, 1), (true, 0), (false, 0)] {
        let report = rig.try_run(RunKind::Sync, full).await.unwrap();
        assert_eq!(report.operations.create, created, "{:?}", report.notes);
        assert_eq!(rig.pivotal().visible(Object::Customer).count(), 151);
    }
    // A status that no document knows cannot be asked for.
    let now = Utc::now();
    let mut pivotal = World::new("acme", Clock::running(now), 1);
    pivotal.switches.statuses.push("hibernating".to_owned());
    for number in 0..150 {
        let status = ["active", "hibernating"][number % 2];
        let fields =
            json!({"name": format!("Old {number}"), "domain": format!("company{number}.com"), "status": status});
        pivotal.add_customer(fields, now - TimeDelta::days(50)).unwrap();
    }
    let rig = Rig::with_both(portal(1, 0), pivotal).await;
    assert!(doubts(&rig.backfill().await));
}
