//! Merges at HubSpot, followed through to Pivotal (hubspot-api.md traps 10 and 11): a merge never deletes and never makes a
//! second object; where it leaves two, a person is told of both.

use std::collections::BTreeMap;

use pivotal_sync::domain::{Action, Report, RunKind, RunStatus, Standing, Verb};
use pivotal_sync::sandbox::hubspot::{CompanySeed, ContactSeed, DealSeed, ObjectType};
use pivotal_sync::sandbox::pivotal::Object;

use super::rig::{Rig, portal, text};

const COMPANY: ObjectType = ObjectType::Company;
const CONTACT: ObjectType = ObjectType::Contact;

async fn filled(companies: usize, contacts: usize) -> Rig {
    let rig = Rig::with(portal(companies, contacts)).await;
    rig.configure("[customers]\ndelete_grace = \"0s\"\n");
    rig.backfill().await;
    rig.writes();
    rig
}

fn ids(rig: &Rig, object: ObjectType) -> Vec<String> {
    rig.hubspot().ids(object).collect()
}

/// The operations that wait for a person: verb, subject, why.
fn held(report: &Report) -> Vec<(Verb, String, String)> {
    let held = report.plan.iter().filter_map(|operation| match &operation.standing {
        Standing::Held(why) => Some((operation.verb(), operation.subject.to_string(), why.clone())),
        _ => None,
    });
    held.collect()
}

fn visible(rig: &Rig, object: Object) -> usize {
    rig.pivotal().visible(object).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_customers_that_turn_out_to_be_one_are_held_naming_both() {
    let rig = filled(4, 2).await;
    let companies = ids(&rig, COMPANY);
    let survivor = rig.hubspot().merge(COMPANY, &companies[0], &companies[1]).unwrap();
    for full in [false, true, false] {
        let report = rig.as_planned(RunKind::Sync, full).await;
        assert_eq!(report.status, RunStatus::Partial, "{:#?}", report.plan);
        let [(verb, subject, why)] = held(&report).try_into().unwrap();
        assert_eq!((verb, subject), (Verb::Delete, format!("hubspot:company:{}", companies[1])));
        for part in [
            format!("hubspot:company:{} was merged into hubspot:company:{survivor}", companies[1]),
            format!("`pivotal-sync approve hubspot:company:{}` deletes pivotal:customer:", companies[1]),
            format!("`pivotal-sync link hubspot:company:{survivor} pivotal:customer:"),
            format!("`pivotal-sync ignore hubspot:company:{}`", companies[1]),
        ] {
            assert!(why.contains(&part), "{part}: {why}");
        }
        assert!(
            !report
                .plan
                .iter()
                .any(|o| o.is_ready() && o.subject.to_string().contains("company") && o.verb() == Verb::Delete)
        );
        assert_eq!((visible(&rig, Object::Customer), visible(&rig, Object::Contact)), (4, 8), "full: {full}");
    }
    let pivotal = rig.pivotal();
    assert!(pivotal.customer_with("hubspot_company_id", &survivor).is_some());
    assert!(pivotal.customer_with("hubspot_company_id", &companies[1]).is_some(), "still there, untouched");
    assert!(pivotal.duplicates().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_of_merges_ends_with_one_customer_of_the_last_survivor() {
    // Trap 11: A + B is C, C + D is E, over one night and over several; as of today and as before 2025.
    for (keeps, at_once) in [(false, true), (false, false), (true, true), (true, false)] {
        let rig = filled(1, 1).await;
        rig.hubspot().switches.merge_keeps_winner = keeps;
        let lead = |n: u8| {
            let seed = CompanySeed {
                name: format!("Lead {n}"),
                domain: None,
                properties: text([("lifecyclestage", "lead")]),
                created: chrono::Utc::now(),
            };
            rig.hubspot().add_company(seed)
        };
        let (customer, one, two) = (ids(&rig, COMPANY)[0].clone(), lead(1), lead(2));
        rig.sync().await;
        let first = rig.hubspot().merge(COMPANY, &customer, &one).unwrap();
        if !at_once {
            rig.sync().await;
        }
        let last = rig.hubspot().merge(COMPANY, &first, &two).unwrap();
        let report = rig.sync_as_planned().await;
        let case = format!("keeps: {keeps}, at once: {at_once}: {:#?}", report.plan);
        assert_eq!(
            (report.status, report.operations.create, report.operations.delete),
            (RunStatus::Complete, 0, 0),
            "{case}"
        );
        assert!(rig.pivotal().customer_with("hubspot_company_id", &last).is_some(), "{case}");
        assert_eq!((visible(&rig, Object::Customer), visible(&rig, Object::Contact)), (1, 1), "{case}");
        assert!(rig.try_run(RunKind::Sync, true).await.unwrap().plan.is_empty(), "{case}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn people_of_a_company_that_was_merged_into_a_customer_follow_it_at_once() {
    // Trap 12: their own records do not change, and no search shows them.
    let rig = filled(1, 0).await;
    let (customer, lead) = {
        let customer = ids(&rig, COMPANY)[0].clone();
        let mut hubspot = rig.hubspot();
        let created = chrono::Utc::now() - chrono::TimeDelta::days(2);
        let properties = text([("lifecyclestage", "lead")]);
        let lead = hubspot.add_company(CompanySeed { name: "Lead".into(), domain: None, properties, created });
        let properties = text([("email", "zoe@lead.com"), ("firstname", "Zoe"), ("lastname", "Orr")]);
        hubspot.add_contact(ContactSeed { properties, created, company: Some((lead.clone(), true)) });
        (customer, lead)
    };
    rig.try_run(RunKind::Sync, true).await.unwrap();
    assert_eq!(visible(&rig, Object::Contact), 0, "of no customer yet");
    rig.hubspot().merge(COMPANY, &customer, &lead).unwrap();
    let report = rig.sync_as_planned().await;
    assert_eq!((report.status, report.operations.create), (RunStatus::Complete, 1), "{:#?}", report.plan);
    assert_eq!(visible(&rig, Object::Contact), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn merged_contacts_keep_their_contact_and_the_second_one_is_held() {
    for keeps in [false, true] {
        let rig = filled(1, 3).await;
        rig.hubspot().switches.merge_keeps_winner = keeps;
        let contacts = ids(&rig, CONTACT);
        let survivor = rig.hubspot().merge(CONTACT, &contacts[0], &contacts[1]).unwrap();
        rig.hubspot().set_property(CONTACT, &survivor, "jobtitle", "Chief").unwrap();
        let report = rig.sync_as_planned().await;
        let [(verb, subject, why)] = held(&report).try_into().unwrap();
        assert_eq!((verb, subject), (Verb::Delete, format!("hubspot:contact:{}", contacts[1])));
        assert!(why.contains(&format!("approve hubspot:contact:{}", contacts[1])), "{why}");
        let bodies: Vec<_> = rig.writes().into_iter().map(|w| (w.method, w.body.unwrap_or_default())).collect();
        assert_eq!(bodies, [("PATCH".to_owned(), r#"{"title":"Chief"}"#.to_owned())], "keeps: {keeps}");
        assert_eq!(visible(&rig, Object::Contact), 3);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn merged_deals_never_open_a_second_onboarding() {
    let rig = Rig::with(portal(1, 0)).await;
    let config = std::fs::read_to_string(rig.config()).unwrap();
    std::fs::write(rig.config(), config.replace("[onboardings]\nenabled = false", "[onboardings]\nenabled = true"))
        .unwrap();
    let add = |stage: &str| {
        let company = ids(&rig, COMPANY)[0].clone();
        let created = chrono::Utc::now() - chrono::TimeDelta::days(3);
        let properties: BTreeMap<_, _> =
            text([("dealname", "D"), ("dealstage", stage), ("closedate", &created.to_rfc3339())]);
        rig.hubspot().add_deal(DealSeed { properties, company: Some(company), created })
    };
    let (won, open) = (add("closedwon"), add("contractsent"));
    assert_eq!(rig.as_planned(RunKind::Backfill, false).await.operations.create, 2);
    rig.hubspot().merge(ObjectType::Deal, &won, &open).unwrap();
    for full in [false, true] {
        let report = rig.as_planned(RunKind::Sync, full).await;
        let made =
            report.plan.iter().filter(|o| matches!(o.action, Action::Create { .. } | Action::Delete { .. })).count();
        assert_eq!(made, 0, "{:#?}", report.plan);
        assert_eq!(visible(&rig, Object::Onboarding), 1);
    }
}
