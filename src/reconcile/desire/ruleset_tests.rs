use std::collections::BTreeMap;

use super::super::super::Reconciler;
use super::super::super::sample::{at, child, company, contact, customer, deal, number, reconciler, rule, settings};
use super::super::super::types::{Desired, Wanted};
use super::*;
use crate::domain::MrrUnit;

fn words(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect()
}

fn said(desired: &Desired) -> &Fields {
    match &desired.wanted {
        Wanted::Yes(fields) => fields,
        other => panic!("not wanted: {other:?}"),
    }
}

#[test]
fn what_no_number_can_hold_is_left_out_and_a_rule_that_fails_holds() {
    let with = |source: &str| {
        let mut settings = settings();
        rule(&mut settings.customers.fields, "mrr", source);
        rule(&mut settings.customers.metadata, "size", source);
        let properties = [("name", "Acme".into()), ("lifecyclestage", "customer".into()), ("zero", number("0"))];
        let reconciler = Reconciler::new(&settings, Some(MrrUnit::Dollars)).unwrap();
        reconciler.desire(&customer([company("1", &properties)]), at("2026-06-01"))
    };
    for (source, told) in [
        ("1e400", "yields an infinite number: it divides by zero, or goes beyond every number"),
        ("1e300", "which has more digits than a number can have"),
        ("99999999999999999999999999999999", "which has more digits than a number can have"),
        ("'NaN'", "yields 'NaN', which is no number"),
        ("'99999999999999999999999999999999'", "which is more than a number can be"),
        ("'1e400'", "which is more than a number can be"),
    ] {
        let desired = with(source);
        assert_eq!(said(&desired).get("mrr"), None, "{source}");
        let note = desired.notes.iter().find(|note| note.message.starts_with("customers.fields.mrr ")).unwrap();
        assert!(note.message.contains(told) && note.message.ends_with("; mrr is left as it is"), "{source} {note:?}");
    }
    let Wanted::Held(why) = with("5 / company.zero").wanted else { panic!("held") };
    assert!(why.starts_with("customers.fields.mrr failed: "), "{why}");
    assert!(why.ends_with("; mend the rule, or what it reads at its source (hubspot:company:1)"), "{why}");
}

/// A property, the table of values, and what is written.
type Case = (Value, &'static [(&'static str, &'static str)], Value);

/// What `plan` becomes and what is told, when the property behind it is this.
fn planned(property: Value, pairs: &[(&str, &str)]) -> (Option<Value>, Vec<String>) {
    let reconciler = reconciler(|settings| {
        rule(&mut settings.customers.fields, "plan", "company.tier");
        settings.customers.values.insert("plan".to_owned(), words(pairs));
    });
    let properties = [("name", "Acme".into()), ("lifecyclestage", "customer".into()), ("tier", property)];
    let desired = reconciler.desire(&customer([company("1", &properties)]), at("2026-06-01"));
    (said(&desired).get("plan").cloned(), desired.notes.into_iter().map(|note| note.message).collect())
}

#[test]
fn outcomes_are_called_what_pivotal_calls_them() {
    let list = |items: &[&str]| Value::List(items.iter().map(|item| Value::text(*item)).collect());
    let table: [Case; 11] = [
        ("price_pro".into(), &[("price_pro", "growth")], "growth".into()),
        // Trimmed on both sides; the case counts, as it does in HubSpot's internal names.
        (" price_pro ".into(), &[(" price_pro", " growth ")], "growth".into()),
        ("Price_Pro".into(), &[("price_pro", "growth"), ("*", "other")], "other".into()),
        ("exact".into(), &[("*", "other"), ("exact", "it")], "it".into()),
        ("price_pro".into(), &[("price_pro", "")], Value::Null),
        ("strange".into(), &[("price_pro", "growth"), ("*", "")], Value::Null),
        (number("12.50"), &[("12.5", "twelve and a half")], "twelve and a half".into()),
        (true.into(), &[("true", "yes")], "yes".into()),
        (list(&["a", "b", "c"]), &[("a", "A"), ("b", ""), ("c", "C")], "A, C".into()),
        // Nothing is no outcome.
        (Value::Null, &[("*", "other")], Value::Null),
        (" ".into(), &[("*", "other"), ("", "blank")], Value::Null),
    ];
    for (property, pairs, expected) in table {
        assert_eq!(planned(property.clone(), pairs), (Some(expected), vec![]), "{property:?} {pairs:?}");
    }
}

#[test]
fn an_outcome_without_a_name_passes_and_is_told() {
    let told =
        "customers.fields.plan yields 'price_new', which customers.values.plan does not name; it is written as it is";
    let known = [("price_pro", "growth")];
    assert_eq!(planned("price_new".into(), &known), (Some("price_new".into()), vec![told.to_owned()]));
}

#[test]
fn each_item_of_a_multi_select_has_a_name() {
    // hubspot-api.md 5: joined by semicolons.
    let reconciler = reconciler(|settings| {
        rule(&mut settings.contacts.fields, "labels", "contact.roles");
        settings.contacts.values.insert("labels".to_owned(), words(&[("DECISION_MAKER", "Decides"), ("USER", "")]));
    });
    let properties = [("email", "a@acme.com".into()), ("roles", Value::text("USER; DECISION_MAKER;;NEW"))];
    let desired = reconciler.desire(&child(Kind::Contact, contact("7", Some("1"), &properties)), at("2026-06-01"));
    assert_eq!(said(&desired).get("labels"), Some(&Value::List(vec!["Decides".into(), "NEW".into()])));
    assert_eq!(desired.notes.len(), 1, "{:?}", desired.notes);
    assert!(desired.notes[0].message.contains("yields 'NEW'"), "{:?}", desired.notes);
}

#[test]
fn the_owner_of_a_deal_becomes_a_person_in_pivotal() {
    let reconciler = reconciler(|settings| {
        rule(&mut settings.onboardings.fields, "csm_id", "deal.hubspot_owner_id");
        settings.onboardings.values.insert("csm_id".to_owned(), words(&[("77", "cuid-ann"), ("*", "")]));
    });
    for (owner, expected) in [("77", "cuid-ann".into()), ("78", Value::Null)] {
        let mut won = deal("5", true, "2026-05-30");
        won.properties.insert("hubspot_owner_id".to_owned(), owner.into());
        let desired = reconciler.desire(&child(Kind::Onboarding, won), at("2026-06-01"));
        assert_eq!(said(&desired).get("csm_id"), Some(&expected), "{owner}");
    }
}

#[test]
fn values_of_a_field_that_pivotal_does_not_have_are_refused() {
    let mut settings = settings();
    settings.customers.values.insert("tier".to_owned(), words(&[("a", "b")]));
    let problems = Reconciler::new(&settings, None).unwrap_err();
    assert_eq!(problems[0].key, "customers.values.tier");
    assert!(problems[0].message.contains("it has name, domain, status, plan"), "{problems:?}");
}

#[test]
fn what_does_not_fit_a_field_leaves_it_as_it_is_and_is_told() {
    let reconciler = reconciler(|settings| {
        for (field, source) in [("monthly_orders", "company.orders"), ("mrr", "company.amount"), ("plan", "{'a': 1}")] {
            rule(&mut settings.customers.fields, field, source);
        }
    });
    let properties = [
        ("name", "Acme".into()),
        ("lifecyclestage", "customer".into()),
        ("domain", "n/a".into()),
        ("orders", "many".into()),
        ("amount", number("79228162514264337593543950335")),
    ];
    let desired = reconciler.desire(&customer([company("1", &properties)]), at("2026-06-01"));
    let notes: Vec<&str> = desired.notes.iter().map(|note| note.message.as_str()).collect();
    assert_eq!(
        notes,
        [
            "customers.fields.domain yields 'n/a', which is no domain; domain is left as it is",
            "customers.fields.monthly_orders yields 'many', which is no number; monthly_orders is left as it is",
            "customers.fields.mrr yields 79228162514264337593543950335, which is too large; mrr is left as it is",
            "customers.fields.plan yields named values where text is expected; plan is left as it is",
        ]
    );
    let fields: Vec<&str> = said(&desired).0.keys().map(String::as_str).collect();
    assert_eq!(fields, ["hubspot_company_id", "name", "stripe_customer_id"]);
}

#[test]
fn metadata_takes_one_plain_value_for_each_key() {
    let list = Value::List(vec!["a".into()]);
    let long = "x".repeat(1_200);
    let table = [
        ("gold".into(), Some("gold".into()), 0),
        (number("12.5"), Some(number("12.5")), 0),
        (true.into(), Some(true.into()), 0),
        (Value::Null, Some(Value::Null), 0),
        (Value::text(long.as_str()), Some(Value::text(&long[..1_000])), 1),
        (list, None, 1),
    ];
    let reconciler = reconciler(|settings| {
        settings.customers.metadata.insert("a.b".to_owned(), "company.thing".to_owned());
    });
    for (thing, expected, told) in table {
        let properties = [("name", "Acme".into()), ("lifecyclestage", "customer".into()), ("thing", thing.clone())];
        let desired = reconciler.desire(&customer([company("1", &properties)]), at("2026-06-01"));
        assert_eq!(said(&desired).get("metadata.a.b"), expected.as_ref(), "{thing:?}");
        assert_eq!(desired.notes.len(), told, "{:?}", desired.notes);
        assert!(!said(&desired.without_metadata()).0.keys().any(|name| name.starts_with("metadata")));
    }
    let mut settings = settings();
    settings.customers.metadata.insert("tier".to_owned(), "deal | nonsense".to_owned());
    let problems = Reconciler::new(&settings, None).unwrap_err();
    assert_eq!(problems[0].key, "customers.metadata.tier");
}
