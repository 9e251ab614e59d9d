use super::super::super::sample::{at, child, company_key, contact, jane, mirror, reconciler};
use super::super::super::types::Subject;
use super::*;
use crate::domain::{AccountLink, Action, Fields, Kind, Operation, Origin, PivotalId, Timestamp, Value};

fn now() -> Timestamp {
    at("2026-06-01")
}

/// What is decided of it, and what is told.
fn decided(subject: &Subject) -> (Vec<Operation>, Vec<String>) {
    let reconciler = reconciler(|_| {});
    let desired = reconciler.desire(subject, now());
    let decision = reconciler.decide(subject, &desired, None, None, now());
    (decision.operations, decision.notes.into_iter().map(|note| note.message).collect())
}

fn known(record: Record) -> Subject {
    let mut subject = child(Kind::Contact, record);
    let written = Fields::from([("name", "Jane Doe".into()), ("email", "jane@acme.com".into())]);
    let mut here = mirror(Origin::Created, written);
    here.parent = Some(PivotalId::new("cust-9"));
    subject.entity.mirror = Some(here);
    subject
}

fn written(operations: &[Operation]) -> Fields {
    match operations {
        [one] => one.changes().after(),
        other => panic!("one operation: {other:?}"),
    }
}

#[test]
fn the_same_person_at_two_companies_belongs_to_the_primary_one_or_the_lowest() {
    let reconciler = reconciler(|_| {});
    let link = |id: &str, primary| AccountLink { account: company_key(id), primary };
    for (links, expected) in [
        (vec![link("1", false), link("2", true)], "2"),
        (vec![link("2", true), link("1", false)], "2"),
        // hubspot-api.md trap 15: none is primary. Numbers by size.
        (vec![link("10", false), link("9", false)], "9"),
        (vec![link("3", true), link("2", true)], "2"),
    ] {
        assert_eq!(reconciler.account_of(&links), Some(company_key(expected)), "{links:?}");
    }
}

#[test]
fn an_address_that_changes_is_one_update_of_the_same_contact() {
    let mut moved = jane();
    moved.properties.insert("email".to_owned(), "Jane.Roe@Acme.com".into());
    let (operations, notes) = decided(&known(moved));
    assert_eq!(written(&operations), Fields::from([("email", "jane.roe@acme.com".into())]));
    assert!(matches!(operations[0].action, Action::Update { .. }) && notes.is_empty(), "{operations:?} {notes:?}");
}

#[test]
fn without_an_address_there_is_no_contact_and_the_reason_says_so() {
    let told = "contacts.fields.email yields 'jo at acme', which is no mail address, and Pivotal needs one; it becomes no \
                contact";
    let nothing = "contacts.fields.email yields nothing for hubspot:contact:7, and Pivotal needs an address";
    let reconciler = reconciler(|settings| settings.contacts.r#where = "true".to_owned());
    for (email, why, notes) in
        [(Value::from("jo at acme"), told, vec![told]), (Value::Null, nothing, vec![]), (" ".into(), nothing, vec![])]
    {
        let subject = child(Kind::Contact, contact("7", Some("1"), &[("email", email.clone())]));
        let desired = reconciler.desire(&subject, now());
        assert_eq!(desired.wanted, Wanted::NotSelected(why.to_owned()), "{email:?}");
        let said: Vec<&str> = desired.notes.iter().map(|note| note.message.as_str()).collect();
        assert_eq!(said, notes, "{email:?}");
        let decision = reconciler.decide(&subject, &desired, None, None, now());
        assert!(decision.operations.is_empty(), "nothing is held: {decision:?}");
    }
}

#[test]
fn a_contact_that_is_there_keeps_its_address_and_the_rest_goes_on() {
    let mut odd = jane();
    odd.properties.insert("email".to_owned(), "jo at acme".into());
    odd.properties.insert("jobtitle".to_owned(), "Buyer".into());
    let (operations, notes) = decided(&known(odd));
    assert_eq!(written(&operations), Fields::from([("title", "Buyer".into())]));
    assert_eq!(notes, ["contacts.fields.email yields 'jo at acme', which is no mail address; email is left as it is"]);
}

#[test]
fn who_has_no_name_is_named_by_the_address_but_never_renamed_by_it() {
    let nameless = || contact("7", Some("1"), &[("email", "Jane@acme.com".into())]);
    let (operations, _) = decided(&child(Kind::Contact, nameless()));
    assert_eq!(written(&operations).text("name"), Some("jane"));
    assert_eq!(decided(&known(nameless())), (vec![], vec![]));
}
