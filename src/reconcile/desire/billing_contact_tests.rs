use super::super::super::sample::{at, child, contact, gone, jane, live, mirror, reconciler, rule, stripe};
use super::super::super::types::{Known, Wanted};
use super::*;
use crate::domain::{Choice, Chosen, ExternalId, Fields, Gone, Kind, Origin, Value, Verb};

fn billed() -> Reconciler {
    reconciler(|settings| settings.contacts.billing.enabled = true)
}

/// A paying customer with this address.
fn payer(id: &str, email: Value) -> Record {
    let mut record = stripe(id, "2026-01-01");
    record.properties.insert("email".to_owned(), email);
    record
}

/// The billing contact it shows.
fn shown(reconciler: &Reconciler, payer: &Record) -> Record {
    match reconciler.billing_contact(&Pulled::Live(payer.clone())) {
        Some(Pulled::Live(record)) => record,
        other => panic!("no contact: {other:?}"),
    }
}

fn mine(reconciler: &Reconciler) -> Record {
    shown(reconciler, &payer("cus_1", "Jane@Acme.com".into()))
}

#[test]
fn a_paying_customer_shows_a_contact_of_itself_with_what_the_rules_read_and_no_more() {
    let reconciler = billed();
    let mut customer = payer("cus_1", " Jane@Acme.com ".into());
    customer.properties.insert("phone".to_owned(), "1".into());
    let contact = shown(&reconciler, &customer);
    assert_eq!(contact.key.to_string(), "stripe:contact:cus_1");
    let names: Vec<&str> = contact.properties.keys().map(String::as_str).collect();
    assert_eq!(names, ["email", "individual_name", "name"]);
    let Facts::Person(person) = &contact.facts else { panic!("a person: {contact:?}") };
    assert_eq!(person.email.as_deref(), Some("jane@acme.com"));
    assert_eq!(reconciler.account_of(&person.accounts), Some(customer.key.clone()));
    let deleted = reconciler.billing_contact(&Pulled::Gone(customer.key.clone(), Gone::Deleted));
    assert_eq!(deleted, Some(Pulled::Gone(contact.key, Gone::Deleted)));
}

#[test]
fn others_show_none_and_nobody_does_while_it_is_switched_off() {
    let customer = Pulled::Live(payer("cus_1", "jane@acme.com".into()));
    let off = reconciler(|_| {});
    assert_eq!((off.billing_contact(&customer), off.billing_rules()), (None, String::new()));
    assert!(!off.reads()["stripe"].contains("email"), "nothing more is read: {:?}", off.reads());
    assert_eq!(billed().billing_contact(&Pulled::Live(jane())), None);
    let malformed = Pulled::Malformed(customer.key().clone(), "odd".to_owned());
    assert_eq!(billed().billing_contact(&malformed), None, "what cannot be read says nothing");
    assert!(billed().reads()["stripe"].contains("email"));
    assert_ne!(billed().fingerprint(), off.fingerprint());
}

#[test]
fn what_it_says_comes_from_its_own_rules() {
    let reconciler = billed();
    let desired = reconciler.desire(&child(Kind::Contact, mine(&reconciler)), at("2026-06-01"));
    let fields =
        [("email", "jane@acme.com".into()), ("name", "Stripe cus_1".into()), ("title", Value::from("Billing"))];
    assert_eq!(desired.wanted, Wanted::Yes(Fields::from(fields)));
    let nobody =
        reconciler.desire(&child(Kind::Contact, shown(&reconciler, &payer("cus_1", Value::Null))), at("2026-06-01"));
    let why = "contacts.billing.where does not hold for stripe:contact:cus_1";
    assert_eq!(nobody.wanted, Wanted::NotSelected(why.to_owned()));
    let off = self::reconciler(|_| {}).desire(&child(Kind::Contact, mine(&reconciler)), at("2026-06-01"));
    let why = "contacts.billing.enabled is false, so stripe:contact:cus_1 becomes no contact";
    assert_eq!(off.wanted, Wanted::NotSelected(why.to_owned()));
}

#[test]
fn rules_for_it_see_their_customer_alone() {
    for (source, told) in [
        ("stripe.mrr", "'stripe.mrr' follows from subscriptions"),
        ("contact.email", "'contact' is not known here; a rule of this section sees stripe"),
        ("stripes[0].email", "'stripes' is not known here"),
    ] {
        let mut settings = super::super::super::sample::settings();
        rule(&mut settings.contacts.billing.fields, "title", source);
        let problems = Reconciler::new(&settings, None).unwrap_err();
        assert_eq!(problems[0].key, "contacts.billing.fields.title");
        assert!(problems[0].message.contains(told), "{problems:?}");
    }
    let mut settings = super::super::super::sample::settings();
    rule(&mut settings.contacts.fields, "title", "stripe.name");
    assert!(Reconciler::new(&settings, None).is_err(), "nor do other contacts see a paying customer");
}

/// Who stands beside a billing contact, whether each has an object, whether it has one itself, and who stands instead.
type Case = (Vec<(Known, bool)>, bool, Option<&'static str>);

#[test]
fn who_stands_for_an_address() {
    let reconciler = billed();
    let beside = |id: &str| live(shown(&reconciler, &payer(id, "jane@acme.com".into())));
    let away = |how| gone(jane(), how, "2026-05-01");
    let unselected = live(contact("8", Some("1"), &[]));
    let other = live(contact("8", Some("1"), &[("email", "roe@acme.com".into())]));
    let mut ignored = live(jane());
    ignored.chosen = Some(Chosen { choice: Choice::Ignore, decided_at: at("2026-05-01") });
    let merged = Gone::Merged { into: ExternalId::new("9") };
    let table: [Case; 17] = [
        (vec![], false, None),
        (vec![(live(jane()), false)], false, Some("hubspot:contact:7")),
        (vec![(live(jane()), true)], false, Some("hubspot:contact:7")),
        (vec![(live(jane()), true)], true, Some("hubspot:contact:7")),
        // Whose object is still there keeps the address until it is not.
        (vec![(away(Gone::Deleted), true)], false, Some("hubspot:contact:7")),
        (vec![(away(Gone::Deleted), true)], true, Some("hubspot:contact:7")),
        (vec![(away(Gone::Deleted), false)], false, None),
        (vec![(away(merged), false)], false, None),
        (vec![(unselected, false)], false, None),
        (vec![(other, true)], false, None),
        (vec![(ignored.clone(), false)], false, None),
        (vec![(ignored, true)], false, Some("hubspot:contact:7")),
        // Among equals whoever has it, else the lowest id.
        (vec![(beside("cus_0"), false), (beside("cus_2"), false)], false, Some("stripe:contact:cus_0")),
        (vec![(beside("cus_2"), false)], false, None),
        (vec![(beside("cus_2"), true)], false, Some("stripe:contact:cus_2")),
        (vec![(beside("cus_0"), false)], true, None),
        (vec![(beside("cus_0"), true)], true, Some("stripe:contact:cus_0")),
    ];
    for (number, (siblings, settled, expected)) in table.into_iter().enumerate() {
        let mut subject = child(Kind::Contact, mine(&reconciler));
        subject.siblings = siblings.into_iter().map(|(known, settled)| Sibling { known, settled }).collect();
        if settled {
            subject.entity.mirror = Some(mirror(Origin::Created, Fields::from([("email", "jane@acme.com".into())])));
        }
        let desired = reconciler.desire(&subject, at("2026-06-01"));
        let is_there = |sibling: &Sibling| sibling.settled && sibling.known.counts();
        let (why, replaced) = match &desired.wanted {
            Wanted::NotSelected(why) => (Some(why.clone()), false),
            Wanted::Replaced(why) => (Some(why.clone()), true),
            Wanted::Yes(_) => (None, false),
            other => panic!("{number}: {other:?}"),
        };
        assert_eq!(why, expected.map(|key| format!("{key} has the same address")), "case {number}");
        // Both are in Pivotal: only then is there one too many.
        assert_eq!(replaced, why.is_some() && settled && subject.siblings.iter().any(is_there), "case {number}");
    }
}

#[test]
fn a_billing_contact_whose_address_another_one_has_goes_if_it_was_created_here() {
    let reconciler = billed();
    let owed = |origin, stands: Known| {
        let mut subject = child(Kind::Contact, mine(&reconciler));
        subject.siblings = vec![Sibling { known: stands, settled: true }];
        subject.entity.mirror = Some(mirror(origin, Fields::from([("email", "jane@acme.com".into())])));
        let desired = reconciler.desire(&subject, at("2026-06-01"));
        let decision = reconciler.decide(&subject, &desired, None, None, at("2026-06-01"));
        decision.operations.iter().map(|operation| (operation.verb(), operation.is_ready())).collect::<Vec<_>>()
    };
    assert_eq!(owed(Origin::Created, live(jane())), [(Verb::Delete, true)]);
    assert_eq!(owed(Origin::Adopted, live(jane())), []);
    assert_eq!(owed(Origin::Linked, live(jane())), []);
    // Who is about to go does not take the address along.
    assert_eq!(owed(Origin::Created, gone(jane(), Gone::Deleted, "2026-05-01")), []);
}

#[test]
fn a_person_takes_the_place_of_a_billing_contact_with_her_address_if_she_becomes_a_contact_at_all() {
    let reconciler = billed();
    let at_acme = |email: &str| contact("7", Some("1"), &[("email", email.into())]);
    assert!(reconciler.takes_place_of(&jane(), &mine(&reconciler)));
    assert!(!reconciler.takes_place_of(&at_acme("roe@acme.com"), &mine(&reconciler)));
    assert!(!reconciler.takes_place_of(&mine(&reconciler), &mine(&reconciler)), "one of their own does not");
    let choosy = self::reconciler(|settings| {
        settings.contacts.billing.enabled = true;
        settings.contacts.r#where = "contact.jobtitle".to_owned();
    });
    assert!(!choosy.takes_place_of(&jane(), &mine(&choosy)));
}
