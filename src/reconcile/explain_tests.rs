use super::super::sample::*;
use super::super::types::Wanted;
use super::*;
use crate::domain::{Chosen, PivotalId, Record};

fn explained(subject: &Subject) -> Explained {
    reconciler(|_| {}).explain(subject, at("2026-06-01"))
}

fn with_domain(record: Record, domain: &str) -> Record {
    account(record, |facts| facts.domains = vec![domain.to_owned()])
}

#[test]
fn each_field_names_its_rule_and_what_it_yields() {
    let told = explained(&customer([acme("1"), stripe("cus_1", "2026-01-01")]));
    let selection = told.selection.unwrap();
    assert_eq!((selection.key.as_str(), &selection.outcome), ("customers.where", &Ok(Value::Bool(true))));
    assert_eq!(
        selection.read,
        [("company.lifecyclestage".to_owned(), Value::from("customer")), ("stripe.status".to_owned(), Value::Null)]
    );
    let name = told.fields.iter().find(|rule| rule.key == "customers.fields.name").unwrap();
    assert_eq!((name.rule.as_str(), &name.outcome), ("company.name or stripe.name", &Ok("Acme".into())));
    let Wanted::Yes(fields) = told.desired.wanted else { panic!("wanted") };
    assert_eq!(fields.text("name"), Some("Acme"));
}

#[test]
fn what_does_not_hold_says_on_what() {
    let lead = company("1", &[("name", "Acme".into()), ("lifecyclestage", "lead".into())]);
    let told = explained(&customer([lead]));
    let selection = told.selection.unwrap();
    assert_eq!(selection.outcome, Ok(Value::Bool(false)));
    assert!(selection.read.contains(&("company.lifecyclestage".to_owned(), "lead".into())), "{:?}", selection.read);
    let failing = reconciler(|settings| settings.customers.r#where = "company.size / 0 > 1".to_owned());
    let told = failing.explain(&customer([company("1", &[("size", number("3"))])]), at("2026-06-01"));
    assert!(told.selection.unwrap().outcome.is_err());
}

#[test]
fn the_evidence_is_named() {
    let both = |one: Record, other: Record| explained(&customer([one, other])).evidence;
    let domain = both(with_domain(acme("1"), "acme.com"), with_domain(stripe("cus_1", "2026-01-01"), "www.acme.com"));
    assert_eq!(domain, ["stripe:customer:cus_1 is with hubspot:company:1: both show the domain acme.com"]);
    let naming = account(stripe("cus_1", "2026-01-01"), |facts| facts.links = vec![company_key("1")]);
    let named = both(with_domain(acme("1"), "acme.com"), naming);
    assert!(named[0].ends_with("stripe:customer:cus_1 names hubspot:company:1"), "{named:?}");
    let nothing = both(acme("1"), stripe("cus_1", "2026-01-01"));
    assert!(nothing[0].contains("was tied to hubspot:company:1 before"), "{nothing:?}");
    let mut linked = customer([acme("1"), stripe("cus_1", "2026-01-01")]);
    let choice = Choice::Link { pivotal_id: PivotalId::new("obj-1") };
    linked.records[1].chosen = Some(Chosen { choice, decided_at: at("2026-05-01") });
    let told = explained(&linked).evidence;
    assert_eq!(told, ["stripe:customer:cus_1 was linked to obj-1 by a person on 2026-05-01"]);
}

#[test]
fn a_person_says_whom_it_belongs_to() {
    let told = explained(&child(Kind::Contact, jane()));
    assert_eq!(told.evidence, ["hubspot:contact:7 belongs to hubspot:company:1: its primary company"]);
    let alone = explained(&child(Kind::Contact, contact("7", None, &[])));
    assert_eq!(alone.evidence, ["hubspot:contact:7 belongs to no company"]);
}

#[test]
fn what_is_gone_has_no_rules_to_tell() {
    let mut subject = customer([acme("1")]);
    subject.records[0] = gone(acme("1"), crate::domain::Gone::Archived, "2026-01-01");
    let told = explained(&subject);
    assert!(told.selection.is_none() && told.fields.is_empty());
    assert!(matches!(told.desired.wanted, Wanted::Gone(_)));
}
