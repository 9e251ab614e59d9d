use super::super::super::sample::{at, child, company_key, deal, mirror, parent, reconciler, rule};
use super::super::super::settings::Settings;
use super::super::super::types::ParentState;
use super::*;
use crate::domain::{AccountLink, Action, Fields, Kind, Operation, Origin, PivotalId, Standing, Value};

fn now() -> Timestamp {
    at("2026-06-01")
}

/// A won deal of company 1.
fn won(closed: &str) -> Record {
    changed(deal("5", true, closed), |facts| {
        facts.accounts = vec![AccountLink { account: company_key("1"), primary: true }];
    })
}

fn changed(mut record: Record, change: impl FnOnce(&mut DealFacts)) -> Record {
    if let Facts::Deal(facts) = &mut record.facts {
        change(facts);
    }
    record
}

fn under(record: Record, parent: Option<ParentState>) -> Subject {
    Subject { parent, ..child(Kind::Onboarding, record) }
}

fn unwanted() -> Option<ParentState> {
    Some(ParentState { wanted: false, ..parent(None) })
}

fn opened(mut subject: Subject, written: Fields) -> Subject {
    subject.entity.mirror = Some(mirror(Origin::Created, written));
    subject
}

/// What is decided, why it is not wanted, and what is told.
fn decide_with(change: impl FnOnce(&mut Settings), subject: &Subject) -> (Vec<Operation>, String, Vec<String>) {
    let reconciler = reconciler(change);
    let desired = reconciler.desire(subject, now());
    let why = match &desired.wanted {
        Wanted::NotSelected(why) | Wanted::Held(why) | Wanted::Waiting { why, .. } => why.clone(),
        _ => String::new(),
    };
    let decision = reconciler.decide(subject, &desired, None, None, now());
    (decision.operations, why, decision.notes.into_iter().map(|note| note.message).collect())
}

fn decide(subject: &Subject) -> (Vec<Operation>, String, Vec<String>) {
    decide_with(|_| {}, subject)
}

fn noted() -> Fields {
    Fields::from([("notes", "HubSpot deal 5".into())])
}

#[test]
fn a_deal_won_lately_opens_one() {
    // Close date, when the won stage was entered, and whether one is opened. won_within is 90 days: since 3 March.
    let table = [
        (Some("2026-05-30"), None, true),
        (Some("2026-03-03"), None, true),
        (Some("2026-03-02"), None, false),
        (Some("2025-05-30"), Some("2026-05-30"), false),
        // hubspot-api.md trap 24: a close date may lie ahead; then the stage's time counts.
        (Some("2027-01-01"), Some("2026-05-01"), true),
        (Some("2027-01-01"), Some("2025-05-01"), false),
        (Some("2027-01-01"), None, false),
        (None, Some("2026-05-01"), true),
        (None, None, false),
    ];
    for (closed, entered, opens) in table {
        let record = changed(won("2026-05-30"), |facts| {
            facts.closed_at = closed.map(at);
            facts.won_stage_at = entered.map(at);
        });
        let (operations, why, notes) = decide(&under(record, Some(parent(Some("cust-9")))));
        assert_eq!(operations.len(), usize::from(opens), "{closed:?} {entered:?}: {why}");
        assert_eq!((why.is_empty(), notes), (opens, vec![]), "{closed:?} {entered:?}");
        if let [create] = operations.as_slice() {
            assert_eq!((create.is_ready(), create.changes().after()), (true, noted()));
        }
    }
}

#[test]
fn who_is_not_won_or_not_asked_for_opens_none() {
    let (operations, why, _) = decide(&under(deal("5", false, "2026-05-30"), None));
    assert_eq!((operations.len(), why.as_str()), (0, "onboardings.where does not hold for hubspot:deal:5"));
    let off = decide_with(|settings| settings.onboardings.enabled = false, &under(won("2026-05-30"), None));
    assert_eq!((off.0.len(), off.1.as_str()), (0, "onboardings.enabled is false"));
}

#[test]
fn a_deal_won_without_a_customer_waits_and_says_so() {
    let no_company = changed(won("2026-05-30"), |facts| facts.accounts.clear());
    let table = [
        (
            under(won("2026-05-30"), unwanted()),
            "its company hubspot:company:1 is not a customer; `pivotal-sync why hubspot:company:1` says why not",
        ),
        (under(won("2026-05-30"), None), "its company hubspot:company:1 was not read yet"),
        (under(no_company, None), "hubspot:deal:5 belongs to no company"),
    ];
    for (subject, expected) in table {
        let (operations, _, notes) = decide(&subject);
        let [waiting] = operations.as_slice() else { panic!("{operations:?}") };
        assert_eq!(waiting.standing, Standing::Waiting(expected.to_owned()));
        assert_eq!((waiting.changes().after(), notes), (noted(), vec![]));
        assert!(matches!(waiting.action, Action::Create { .. }));
        let ready = Subject { parent: Some(parent(Some("cust-9"))), ..subject };
        assert!(decide(&ready).0[0].is_ready(), "it goes out as soon as the customer is there");
    }
}

#[test]
fn what_went_with_its_customer_is_not_owed_until_its_deal_has_another() {
    let nobodys = changed(won("2026-05-30"), |facts| facts.accounts.clear());
    for (record, parent) in [(nobodys, None), (won("2026-05-30"), unwanted()), (won("2020-05-30"), None)] {
        let mut subject = under(record, parent);
        subject.entity.vanished = Some(PivotalId::new("cust-9"));
        let (operations, why, notes) = decide(&subject);
        assert_eq!((operations.len(), notes.len()), (0, 0), "{why}: {notes:?}");
        assert!(!why.contains("no onboarding is opened"), "{why}");
    }
    let mut back = under(won("2026-05-30"), Some(parent(Some("cust-8"))));
    back.entity.vanished = Some(PivotalId::new("cust-9"));
    assert!(decide(&back).0[0].is_ready(), "under another customer it is opened again");
}

#[test]
fn a_wait_ends_when_the_win_is_too_old_and_tells_so_for_a_while() {
    let blocked = || Some(ParentState { blocked: Some("lost".to_owned()), ..parent(None) });
    // Won so many days before the window ended, its customer, and whether it is told.
    let table = [
        ("2026-03-02", unwanted(), true),
        ("2026-02-24", unwanted(), true),
        ("2026-02-23", unwanted(), false),
        ("2026-03-02", None, true),
        ("2026-03-02", blocked(), true),
        ("2026-03-02", Some(parent(Some("cust-9"))), false),
    ];
    for (closed, customer, told) in table {
        let (operations, why, notes) = decide(&under(won(closed), customer.clone()));
        assert!(operations.is_empty() && why.contains(&format!("it was won on {closed}, longer ago than")), "{why}");
        assert_eq!(notes, if told { vec![why] } else { vec![] }, "{closed} {customer:?}");
    }
}

#[test]
fn what_is_open_stays_as_it_is_whatever_becomes_of_its_deal() {
    // hubspot-api.md trap 26: reopened, lost, won again later, grown old; its company a customer no more.
    let again = changed(won("2026-05-31"), |facts| facts.won_stage_at = Some(at("2026-05-31")));
    for record in [deal("5", false, "2026-05-30"), again, won("2020-01-01")] {
        for customer in [Some(parent(Some("cust-9"))), unwanted(), None] {
            let subject = opened(under(record.clone(), customer), noted());
            assert_eq!(decide(&subject).0, [], "{subject:?}");
        }
    }
}

#[test]
fn a_rule_that_fails_holds_the_deals_of_customers_alone() {
    let failing = |settings: &mut Settings| rule(&mut settings.onboardings.fields, "name", "deal.name * deal.name");
    let mut record = won("2026-05-30");
    record.properties.insert("name".to_owned(), "Big one".into());
    let (operations, why, _) = decide_with(failing, &under(record.clone(), Some(parent(Some("cust-9")))));
    assert!(matches!(operations[0].standing, Standing::Held(_)) && why.contains("onboardings.fields.name"), "{why}");
    let (operations, why, _) = decide_with(failing, &under(record, unwanted()));
    assert!(operations.is_empty() && why.contains("besides, onboardings.fields.name"), "{why}");
}

#[test]
fn people_template_and_date_come_from_rules_and_nothing_else_is_said() {
    let rules = |settings: &mut Settings| {
        for (field, source) in [
            ("template_id", "'tpl-1'"),
            ("csm_id", "deal.csm"),
            ("target_launch_date", "deal.closedate | plus_days(45)"),
            ("name", "deal.dealname"),
        ] {
            rule(&mut settings.onboardings.fields, field, source);
        }
    };
    // The close date as HubSpot writes it, what Pivotal is sent, and whether something is told.
    let table: [(Value, Option<&str>, bool); 5] = [
        ("2026-05-30".into(), Some("2026-07-14T00:00:00.000Z"), false),
        ("2026-05-30T14:00:00.5Z".into(), Some("2026-07-14T14:00:00.500Z"), false),
        (Value::Null, None, false),
        ("next summer".into(), None, true),
        ("1780272000".into(), None, true),
    ];
    for (closed, expected, told) in table {
        let mut record = won("2026-05-30");
        record.properties.extend([
            ("closedate".to_owned(), closed.clone()),
            ("csm".to_owned(), "cuid-ann".into()),
            ("dealname".to_owned(), "Big one".into()),
        ]);
        let (operations, _, notes) = decide_with(rules, &under(record, Some(parent(Some("cust-9")))));
        let mut fields = noted();
        for (field, value) in [("template_id", "tpl-1"), ("csm_id", "cuid-ann"), ("name", "Big one")] {
            fields.set(field, value);
        }
        if let Some(date) = expected {
            fields.set("target_launch_date", date);
        }
        assert_eq!(operations[0].changes().after(), fields, "{closed:?}");
        assert!(operations[0].is_ready() && notes.iter().any(|note| note.contains("is no date")) == told, "{notes:?}");
    }
}
