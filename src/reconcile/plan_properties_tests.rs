//! What holds of every plan.

use proptest::prelude::*;

use super::super::sample::{at, company, customer, mirror, number, reconciler, rule, stripe, subscription};
use super::super::{OnLeave, OnSourceDelete, Owner, Reconciler, Settings};
use super::*;
use crate::domain::{Gone, Span, SubscriptionStatus};

fn now() -> Timestamp {
    at("2026-06-01")
}

/// The entity as it stands once its operations were carried out.
fn applied(mut subject: Subject, decision: &Decision) -> Subject {
    for operation in decision.operations.iter().filter(|operation| operation.is_ready()) {
        let entity = &mut subject.entity;
        let under = subject.parent.as_ref().and_then(|parent| parent.pivotal_id.clone());
        match &operation.action {
            Action::Create { fields, .. } => {
                let made = mirror(Origin::Created, fields.clone());
                entity.mirror = Some(Mirror { parent: under, ..made });
            }
            Action::Adopt { found, changes, id, parent, .. } => {
                let taken = mirror(Origin::Adopted, found.with(changes));
                entity.mirror = Some(Mirror { id: id.clone(), parent: parent.clone(), found: found.clone(), ..taken });
            }
            Action::Update { changes, .. } => {
                if let Some(mirror) = &mut entity.mirror {
                    mirror.written = mirror.written.with(changes);
                }
            }
            Action::Delete { .. } => {
                if let Some(mirror) = &mut entity.mirror {
                    mirror.state = MirrorState::Deleted;
                }
            }
        }
    }
    subject
}

fn some_text() -> impl Strategy<Value = Value> {
    let mixed = prop_oneof![Just("Acme"), Just(" "), Just("acme.com"), Just("gold"), Just("customer"), Just("lead")];
    prop_oneof![
        Just(Value::Null),
        mixed.prop_map(Value::text),
        ".{0,12}".prop_map(Value::Text),
        (-99_i64..99).prop_map(|n| number(&format!("{n}.5")))
    ]
}

prop_compose! {
    fn an_account()(
        name in some_text(), domain in some_text(), stage in prop_oneof![Just("customer"), Just("lead")],
        mrr in 0..9999_u32, paying in any::<bool>(), vanished in prop::bool::weighted(0.2),
        written in prop::option::of((prop::collection::btree_map("name|domain|plan|mrr|status|stripe_customer_id",
            some_text(), 0..6), any::<bool>())),
    ) -> Subject {
        let properties = [("name", name), ("domain", domain), ("lifecyclestage", stage.into())];
        let mut subject = customer([company("1", &properties)]);
        if paying {
            let mrr = format!("{}.{:02}", mrr / 100, mrr % 100);
            let more = [stripe("cus_1", "2026-01-01"), subscription("s", "cus_1", SubscriptionStatus::Active, "usd", &mrr)];
            subject.records.extend(more.map(super::super::sample::live));
        }
        if vanished {
            for known in &mut subject.records {
                known.gone = Some((Gone::Deleted, at("2026-01-01")));
            }
        }
        subject.entity.mirror = written.map(|(fields, ours)| {
            mirror(if ours { Origin::Created } else { Origin::Adopted }, Fields(fields))
        });
        subject
    }
}

fn policies() -> Vec<Reconciler> {
    let archive = |settings: &mut Settings| {
        settings.customers.on_source_delete = OnSourceDelete::Archive;
        settings.customers.on_leave = OnLeave::Archive;
        settings.customers.delete_grace = Span::default();
    };
    let ruled = |settings: &mut Settings| {
        settings.customers.on_leave = OnLeave::Delete;
        settings.customers.delete_grace = Span::default();
        rule(&mut settings.customers.fields, "status", "'active' if company.name else 'at_risk'");
        rule(&mut settings.customers.fields, "monthly_orders", "stripe.mrr * 2 if stripe else none");
    };
    let owned = |settings: &mut Settings| {
        settings.customers.on_leave = OnLeave::Archive;
        settings.customers.delete_grace = Span::default();
        rule(&mut settings.customers.fields, "status", "'churned' if company.domain else none");
        let owners = [("name", Owner::Source), ("plan", Owner::FillIfEmpty), ("mrr", Owner::Pivotal)];
        settings.customers.owner = owners.map(|(field, owner)| (field.to_owned(), owner)).into();
        settings.customers.owner.insert("status".to_owned(), Owner::Pivotal);
        let names = [("plan of s", "gold"), ("*", "")].map(|(a, b)| (a.to_owned(), b.to_owned()));
        settings.customers.values.insert("plan".to_owned(), names.into());
    };
    vec![reconciler(|_| {}), reconciler(archive), reconciler(ruled), reconciler(owned)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn after_apply_the_plan_is_empty(subject in an_account(), taken in prop::option::of(some_text())) {
        for reconciler in policies() {
            let found = taken.as_ref().map(|plan| Adoption::Take(Candidate {
                id: PivotalId::new("p"), display_id: None, parent: None, owner: None, called: None, kept: Fields::new(),
                fields: Fields::from([("plan", plan.clone()), ("name", "Found".into())]),
            }));
            let look = |subject: &Subject| {
                let desired = reconciler.desire(subject, now());
                reconciler.decide(subject, &desired, found.as_ref(), Some("slug"), now())
            };
            let first = look(&subject);
            for operation in &first.operations {
                let ready = operation.is_ready();
                let says_something = !matches!(&operation.action, Action::Update { changes, .. } if changes.is_empty());
                prop_assert!(!ready || says_something, "an empty update is never ready: {:?}", operation);
                if let Action::Create { fields, .. } = &operation.action {
                    prop_assert!(fields.0.values().all(|value| !value.is_null()));
                    prop_assert!(!ready || fields.text("name").is_some_and(|name| !name.trim().is_empty()));
                }
            }
            let again = look(&applied(subject.clone(), &first));
            prop_assert!(again.operations.iter().all(|operation| !operation.is_ready()), "{:?}", again.operations);
        }
    }

    #[test]
    fn the_order_of_the_records_does_not_matter(subject in an_account()) {
        let mut backwards = subject.clone();
        backwards.records.reverse();
        let reconciler = reconciler(|_| {});
        prop_assert_eq!(reconciler.desire(&subject, now()), reconciler.desire(&backwards, now()));
    }
}
