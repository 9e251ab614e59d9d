use super::super::sample::*;
use super::super::types::Wanted;
use super::super::{OnLeave, Owner, Settings};
use super::*;
use crate::domain::{Chosen, Fields, Origin, PivotalId, Record};

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
fn a_domain_that_does_not_count_is_named_once_with_the_reason() {
    let mail = |id: &str, email: &str| account(stripe(id, "2026-01-01"), |facts| facts.emails = vec![email.to_owned()]);
    let one = explained(&customer([mail("cus_1", "jo@gmail.com")])).evidence;
    assert_eq!(
        one,
        ["gmail.com, shown by stripe:customer:cus_1, does not count as evidence: it gives mailboxes to anybody"]
    );
    let told = explained(&customer([with_domain(acme("1"), "corp.test"), mail("cus_1", "a@corp.test")])).evidence;
    let expected = "corp.test, shown by hubspot:company:1 and 1 more, does not count as evidence: the public suffix list \
                    knows no such ending";
    assert_eq!(told.last().map(String::as_str), Some(expected), "{told:?}");
    assert!(explained(&customer([with_domain(acme("1"), "acme.com")])).evidence.is_empty());
}

#[test]
fn what_should_name_a_company_and_does_not_is_told() {
    // stripe-api.md trap 58.
    let noted = account(stripe("cus_1", "2026-01-01"), |facts| {
        facts.misnamed = vec![("metadata.hubspot_company_id".to_owned(), "https://x/0-2/123".to_owned())];
    });
    let notes = explained(&customer([noted])).desired.notes;
    let note = notes.iter().find(|note| note.subject == stripe_key("cus_1")).unwrap();
    let told = "has 'https://x/0-2/123' as metadata.hubspot_company_id, which is no company id";
    assert!(note.message.starts_with(told), "{note:?}");
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

fn there(mut subject: Subject, written: Fields) -> Subject {
    subject.entity.mirror = Some(mirror(Origin::Created, written));
    subject
}

#[test]
fn who_has_the_last_word_on_a_field_is_told() {
    let told = |owner: Owner, subject: &Subject| {
        let explained = reconciler(|settings| {
            settings.customers.owner.insert("name".to_owned(), owner);
        })
        .explain(subject, at("2026-06-01"));
        explained.fields.into_iter().find(|rule| rule.key == "customers.fields.name").unwrap().owner
    };
    let (new, old) = (customer([acme("1")]), there(customer([acme("1")]), Fields::new()));
    assert_eq!(told(Owner::Pivotal, &old), Some("belongs to Pivotal since it was created"));
    assert_eq!(told(Owner::Pivotal, &new), Some("set when it is created, and Pivotal's from then on"));
    assert_eq!(told(Owner::FillIfEmpty, &old), Some("written only where Pivotal holds nothing"));
    assert_eq!((told(Owner::Report, &old), told(Owner::Source, &old)), (None, None));
}

#[test]
fn what_is_sent_without_a_rule_is_told_too() {
    let subject = there(customer([acme("1"), stripe("cus_1", "2026-01-01")]), Fields::from([("slug", "acme".into())]));
    let told: Vec<String> = explained(&subject)
        .fields
        .into_iter()
        .filter(|rule| !rule.key.contains(".fields."))
        .map(|rule| format!("{} = {} from {}", rule.key, rule.outcome.unwrap(), rule.rule))
        .collect();
    assert_eq!(
        told,
        [
            "customers.hubspot_company_id = 1 from hubspot:company:1, always sent",
            "customers.stripe_customer_id = cus_1 from stripe:customer:cus_1, always sent",
            "customers.slug = acme from the name it was created with; never changed",
        ]
    );
}

#[test]
fn what_becomes_of_the_unwanted_is_what_the_plan_would_do() {
    let left = || there(customer([company("1", &[("lifecyclestage", "lead".into())])]), Fields::new());
    let fate = |policy: OnLeave, grace: &str, subject: &Subject| {
        let settings = |settings: &mut Settings| {
            settings.customers.on_leave = policy;
            settings.customers.delete_grace = grace.parse().unwrap();
        };
        reconciler(settings).explain(subject, at("2026-06-01")).fate
    };
    let later = |removal| Some(Fate::Later(Later { removal, at: at("2026-06-02") }));
    assert_eq!(fate(OnLeave::Delete, "24h", &left()), later(Removal::Delete));
    assert_eq!(fate(OnLeave::Archive, "24h", &left()), later(Removal::Archive));
    assert_eq!(fate(OnLeave::Delete, "0s", &left()), Some(Fate::Now(Removal::Delete)));
    assert_eq!(fate(OnLeave::Archive, "0s", &left()), Some(Fate::Now(Removal::Archive)));
    let Some(Fate::Stays(Some(why))) = fate(OnLeave::Keep, "0s", &left()) else { panic!("it stays") };
    assert!(why.contains("customers.on_leave = \"keep\""), "{why}");
    let archived = there(left(), Fields::from([("status", "archived".into())]));
    assert_eq!(fate(OnLeave::Archive, "0s", &archived), Some(Fate::Archived));
    let mut adopted = left();
    adopted.entity.mirror.as_mut().unwrap().origin = Origin::Adopted;
    let Some(Fate::Stays(Some(why))) = fate(OnLeave::Delete, "0s", &adopted) else { panic!("stays") };
    assert!(why.contains("not created by pivotal-sync"), "{why}");
    let wanted = there(customer([acme("1")]), Fields::new());
    assert_eq!(fate(OnLeave::Delete, "0s", &wanted), None);
}
