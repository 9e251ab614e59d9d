use super::super::Reconciler;
use super::super::adopt::Adoption;
use super::super::sample::{acme, at, customer, mirror, reconciler, rule};
use super::super::types::{Candidate, Decision, Subject};
use super::*;
use crate::domain::{Action, Operation, Origin, PivotalId, Value};

const OWNERS: [Owner; 4] = [Owner::Source, Owner::Report, Owner::FillIfEmpty, Owner::Pivotal];

/// What the mirror or Pivotal holds, the rule, and what is written by each owner, in the order of [`OWNERS`].
type Case = (Option<Value>, &'static str, [Option<Value>; 4]);

/// A customer's plan is ruled to be this, and owned so.
fn ruled(owner: Owner, plan: &str) -> Reconciler {
    reconciler(|settings| {
        rule(&mut settings.customers.fields, "plan", plan);
        settings.customers.owner.insert("plan".to_owned(), owner);
    })
}

fn decide(reconciler: &Reconciler, subject: &Subject, adoption: Option<&Adoption>) -> Decision {
    let now = at("2026-06-01");
    let desired = reconciler.desire(subject, now);
    reconciler.decide(subject, &desired, adoption, Some("acme"), now)
}

fn only(decision: Decision) -> Option<Operation> {
    assert!(decision.operations.len() <= 1, "{decision:?}");
    decision.operations.into_iter().next()
}

/// Acme in step but for its plan.
fn holding(plan: Option<Value>) -> Fields {
    let mut fields =
        Fields::from([("name", "Acme".into()), ("domain", "acme.com".into()), ("hubspot_company_id", "1".into())]);
    if let Some(plan) = plan {
        fields.set("plan", plan);
    }
    fields
}

#[test]
fn whoever_owns_a_field_it_is_set_at_creation() {
    for owner in OWNERS {
        let create = only(decide(&ruled(owner, "'gold'"), &customer([acme("1")]), None)).unwrap();
        assert_eq!(create.changes().after().text("plan"), Some("gold"), "{owner:?}");
    }
}

#[test]
fn what_a_change_of_the_source_leads_to_is_up_to_the_owner() {
    let (gold, silver) = (|| Some(Value::from("gold")), || Some(Value::from("silver")));
    let table: [Case; 6] = [
        (silver(), "'gold'", [gold(), gold(), None, None]),
        (silver(), "none", [Some(Value::Null), Some(Value::Null), None, None]),
        (gold(), "'gold'", [None, None, None, None]),
        (Some(Value::Null), "'gold'", [gold(), gold(), gold(), None]),
        (None, "'gold'", [gold(), gold(), gold(), None]),
        (None, "none", [None, None, None, None]),
    ];
    for (held, rule, expected) in table {
        for (owner, expected) in OWNERS.into_iter().zip(expected) {
            let reconciler = ruled(owner, rule);
            let mut subject = customer([acme("1")]);
            subject.entity.mirror = Some(mirror(Origin::Created, holding(held.clone())));
            let update = only(decide(&reconciler, &subject, None));
            let written = update.as_ref().and_then(|update| update.changes().after().get("plan").cloned());
            assert_eq!(written, expected, "{owner:?} {held:?} {rule}");
            assert_eq!(update.is_some(), expected.is_some(), "nothing else differs: {owner:?} {held:?} {rule}");
            if let (Some(update), Some(mirror)) = (update, &mut subject.entity.mirror) {
                mirror.written = mirror.written.with(&update.changes());
            }
            assert_eq!(decide(&reconciler, &subject, None), Decision::default(), "{owner:?} {held:?} {rule}");
        }
    }
}

#[test]
fn what_adoption_writes_is_up_to_the_owner_and_the_next_plan_is_quiet() {
    let gold = || Some(Value::from("gold"));
    let table: [Case; 5] = [
        (Some("silver".into()), "'gold'", [gold(), gold(), None, None]),
        (Some("silver".into()), "none", [None, None, None, None]),
        (gold(), "'gold'", [None, None, None, None]),
        (Some(Value::Null), "'gold'", [gold(), gold(), gold(), None]),
        (None, "'gold'", [gold(), gold(), gold(), None]),
    ];
    for (found, rule, expected) in table {
        for (owner, expected) in OWNERS.into_iter().zip(expected) {
            let reconciler = ruled(owner, rule);
            let mut subject = customer([acme("1")]);
            let fields = holding(found.clone());
            let candidate = Candidate {
                id: PivotalId::new("p"),
                display_id: None,
                parent: None,
                kept: fields.clone(),
                fields,
                owner: None,
                called: None,
            };
            let taken = only(decide(&reconciler, &subject, Some(&Adoption::Take(candidate)))).unwrap();
            let Action::Adopt { found: known, changes, .. } = taken.action else { panic!("adopts") };
            assert_eq!(changes.after().get("plan").cloned(), expected, "{owner:?} {found:?} {rule}");
            subject.entity.mirror = Some(mirror(Origin::Adopted, known.with(&changes)));
            assert_eq!(decide(&reconciler, &subject, None), Decision::default(), "{owner:?} {found:?} {rule}");
        }
    }
}

#[test]
fn what_was_found_is_never_filled_over_later() {
    let mut subject = customer([acme("1")]);
    let fields = holding(Some("silver".into()));
    let silent = ruled(Owner::FillIfEmpty, "none");
    let (found, changes) = silent.take_over(Kind::Customer, &holding(Some(Value::Null)), &fields);
    subject.entity.mirror = Some(mirror(Origin::Adopted, found.with(&changes)));
    assert_eq!(decide(&ruled(Owner::FillIfEmpty, "'gold'"), &subject, None), Decision::default());
}

#[test]
fn archiving_and_taking_it_back_do_not_ask_the_owner() {
    for owner in OWNERS {
        let reconciler = reconciler(|settings| {
            rule(&mut settings.customers.fields, "status", "'onboarding'");
            settings.customers.owner.insert("status".to_owned(), owner);
        });
        let mut written = holding(None);
        written.set("status", "archived");
        let mut subject = customer([acme("1")]);
        subject.entity.mirror = Some(mirror(Origin::Created, written));
        let update = only(decide(&reconciler, &subject, None)).unwrap();
        assert_eq!(update.changes().after().text("status"), Some("onboarding"), "{owner:?}");
    }
}

#[test]
fn a_status_is_never_empty_so_filling_it_leaves_it_to_pivotal() {
    let reconciler = reconciler(|settings| {
        rule(&mut settings.customers.fields, "status", "'active'");
        settings.customers.owner.insert("status".to_owned(), Owner::FillIfEmpty);
    });
    let mut there = holding(None);
    there.set("status", "archived");
    let candidate = Candidate {
        id: PivotalId::new("p"),
        display_id: None,
        parent: None,
        kept: there.clone(),
        fields: there,
        owner: None,
        called: None,
    };
    let mut subject = customer([acme("1")]);
    let taken = only(decide(&reconciler, &subject, Some(&Adoption::Take(candidate)))).unwrap();
    let Action::Adopt { found, changes, .. } = taken.action else { panic!("adopts") };
    assert!(changes.is_empty(), "a person archived it: {changes:?}");
    subject.entity.mirror = Some(mirror(Origin::Adopted, found));
    assert_eq!(decide(&reconciler, &subject, None), Decision::default());
}

#[test]
fn the_spelling_of_a_date_or_the_order_of_labels_is_no_difference() {
    let reconciler = reconciler(|_| {});
    let labels = |texts: [&str; 2]| Value::List(texts.map(Value::text).into());
    let cases = [
        (Kind::Onboarding, "target_launch_date", "2026-06-01T00:00:00.000Z".into(), "2026-06-01T02:00:00+02:00".into()),
        (Kind::Contact, "labels", labels(["a", "b"]), labels(["b", "a"])),
    ];
    for (kind, field, said, there) in cases {
        let (_, changes) = reconciler.take_over(kind, &Fields::from([(field, said)]), &Fields::from([(field, there)]));
        assert!(changes.is_empty(), "{field}: {changes:?}");
    }
}

#[test]
fn a_field_that_pivotal_does_not_have_has_no_owner() {
    let mut settings = super::super::sample::settings();
    let owned = [("customers", "hubspot_company_id"), ("customers", "slug"), ("contacts", "phone")];
    settings.customers.owner = [("hubspot_company_id", Owner::Source), ("slug", Owner::Source)]
        .map(|(field, owner)| (field.to_owned(), owner))
        .into();
    settings.contacts.owner.insert("phone".to_owned(), Owner::Pivotal);
    let problems = Reconciler::new(&settings, None).unwrap_err();
    let keys: Vec<&str> = problems.iter().map(|problem| problem.key.as_str()).collect();
    assert_eq!(keys, owned.map(|(section, field)| format!("{section}.owner.{field}")));
    assert!(problems[0].message.contains("always sent"), "{problems:?}");
    assert!(problems[2].message.contains("it has name, email, title"), "{problems:?}");
}

#[test]
fn another_owner_is_another_fingerprint() {
    let prints: std::collections::BTreeSet<String> =
        OWNERS.into_iter().map(|owner| ruled(owner, "'gold'").fingerprint()).collect();
    assert_eq!(prints.len(), OWNERS.len());
}
