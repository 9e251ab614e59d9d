//! Traps of hubspot-api.md, section 11, that show only when the whole flow runs.

use pivotal_sync::domain::{RunKind, RunStatus};
use pivotal_sync::sandbox::hubspot::{ObjectType, OwnerSeed};
use pivotal_sync::sandbox::pivotal::Object;

use super::rig::{Rig, portal};

const COMPANY: ObjectType = ObjectType::Company;
const CONTACT: ObjectType = ObjectType::Contact;

#[tokio::test(flavor = "multi_thread")]
async fn what_was_archived_too_long_ago_is_found_by_the_full_pass() {
    // Trap 8: after 90 days it is in no list, archived or not.
    let rig = Rig::with(portal(30, 0)).await;
    rig.configure("[customers]\ndelete_grace = \"0s\"\n");
    rig.backfill().await;
    let company = rig.hubspot().ids(COMPANY).next().unwrap();
    {
        let mut hubspot = rig.hubspot();
        hubspot.archive(COMPANY, &company).unwrap();
        hubspot.switches.archived_days = 0;
    }
    assert!(rig.sync().await.plan.is_empty(), "nothing shows it");
    let report = rig.as_planned(RunKind::Sync, true).await;
    assert_eq!((report.status, report.operations.delete), (RunStatus::Complete, 1), "{:#?}", report.plan);
    assert_eq!(rig.pivotal().visible(Object::Customer).count(), 29);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_number_of_two_types_is_two_records() {
    // Trap 16: the portal counts every type from the same number.
    let rig = Rig::with(portal(3, 1)).await;
    rig.configure("[customers]\ndelete_grace = \"0s\"\n");
    rig.backfill().await;
    let companies: Vec<String> = rig.hubspot().ids(COMPANY).collect();
    let contacts: Vec<String> = rig.hubspot().ids(CONTACT).collect();
    assert_eq!(companies, contacts);
    rig.hubspot().archive(CONTACT, &contacts[0]).unwrap();
    rig.sync().await;
    let pivotal = rig.pivotal();
    assert_eq!((pivotal.visible(Object::Customer).count(), pivotal.visible(Object::Contact).count()), (3, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_is_too_long_is_cut_between_characters_and_said_so() {
    // Trap 21: 65,536 characters of several bytes each.
    let rig = Rig::with(portal(1, 0)).await;
    let company = rig.hubspot().ids(COMPANY).next().unwrap();
    rig.hubspot().set_property(COMPANY, &company, "name", &"é漢".repeat(32_768)).unwrap();
    let report = rig.as_planned(RunKind::Backfill, false).await;
    assert_eq!(report.status, RunStatus::Complete);
    let said = report.notes.iter().find(|note| note.contains("cut")).unwrap();
    assert!(said.contains(&company) && said.contains("from 65536 to 255"), "{said}");
    let pivotal = rig.pivotal();
    let name = pivotal.visible(Object::Customer).next().unwrap().text("name").unwrap().to_owned();
    assert_eq!(name, "é漢".repeat(128).chars().take(255).collect::<String>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_was_touched_and_not_changed_costs_no_write() {
    // Trap 29: scores and counters move the modified date of everything.
    let rig = Rig::with(portal(5, 2)).await;
    rig.backfill().await;
    rig.writes();
    for object in [COMPANY, CONTACT] {
        let ids: Vec<String> = rig.hubspot().ids(object).collect();
        for id in ids {
            rig.hubspot().touch(object, &id).unwrap();
        }
    }
    let report = rig.sync().await;
    assert!(report.streams.values().map(|stream| stream.read).sum::<u64>() >= 15);
    assert_eq!(report.streams.values().map(|stream| stream.changed).sum::<u64>(), 0);
    assert!(report.plan.is_empty() && rig.writes().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contact_moved_without_a_trace_is_moved_within_the_next_run() {
    // Trap 12, with the sweep as it is set by default.
    let rig = Rig::with(portal(3, 1)).await;
    rig.backfill().await;
    let (contact, company) = {
        let hubspot = rig.hubspot();
        (hubspot.ids(CONTACT).next().unwrap(), hubspot.ids(COMPANY).last().unwrap())
    };
    rig.hubspot().move_contact(&contact, &company).unwrap();
    let report = rig.sync_as_planned().await;
    assert_eq!((report.operations.create, report.operations.delete), (1, 1), "{:#?}", report.plan);
    assert_eq!(rig.pivotal().visible(Object::Contact).count(), 3);
    assert!(rig.sync().await.plan.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_read_the_owner_of_a_record() {
    // Trap 27. A right that is lost stops the source by name, and clears nothing.
    let rig = Rig::with(portal(2, 0)).await;
    rig.configure("[customers.fields]\nname = \"company.name ~ ' of ' ~ (company.owner.name or 'nobody')\"\n");
    let companies: Vec<String> = rig.hubspot().ids(COMPANY).collect();
    {
        let mut hubspot = rig.hubspot();
        let seed = OwnerSeed { email: "ann@us.com".into(), first_name: "Ann".into(), last_name: "Lee".into() };
        let ann = hubspot.add_owner(seed);
        hubspot.archive_owner(&ann);
        hubspot.set_property(COMPANY, &companies[0], "hubspot_owner_id", &ann).unwrap();
    }
    rig.backfill().await;
    let names = || {
        let pivotal = rig.pivotal();
        let mut names: Vec<String> =
            pivotal.visible(Object::Customer).map(|row| row.text("name").unwrap().to_owned()).collect();
        names.sort();
        names
    };
    assert_eq!(names(), ["Company 0 of Ann Lee", "Company 1 of nobody"]);
    rig.hubspot().revoke("crm.objects.owners.read");
    rig.hubspot().touch(COMPANY, &companies[0]).unwrap();
    let report = rig.sync().await;
    let error = report.streams.values().find_map(|counts| counts.error.clone()).unwrap();
    assert!(report.status == RunStatus::Partial && error.contains("crm.objects.owners.read"), "{error}");
    assert_eq!(names(), ["Company 0 of Ann Lee", "Company 1 of nobody"]);
}
