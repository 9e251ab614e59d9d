use SubscriptionStatus::{Active, Canceled, PastDue, Trialing};

use super::super::sample::{at, customer, gone, live, number, stripe, stripe_key, subject, subscription};
use super::*;
use crate::domain::{Facts, Gone, Kind};

fn told(records: Vec<Record>) -> Vec<(&'static str, Value)> {
    Billing::of(&View::of_subject(&customer(records))).derived()
}

fn figure(records: Vec<Record>, name: &str) -> Value {
    told(records).into_iter().find(|(figure, _)| *figure == name).unwrap().1
}

#[test]
fn without_a_subscription_there_are_no_figures() {
    assert!(told(vec![stripe("cus_1", "2026-01-01")]).iter().all(|(_, value)| value.is_null()));
    assert!(told(vec![]).iter().all(|(_, value)| value.is_null()));
}

#[test]
fn what_is_paid_adds_up_over_the_accounts_customers_in_one_currency() {
    // stripe-api.md traps 37 and 49.
    let records = || {
        vec![
            stripe("cus_1", "2025-01-01"),
            stripe("cus_2", "2024-01-01"),
            subscription("sub_1", "cus_1", Active, "usd", "100.50"),
            subscription("sub_2", "cus_1", PastDue, "usd", "0.25"),
            subscription("sub_3", "cus_1", Active, "eur", "7"),
            subscription("sub_4", "cus_2", Canceled, "usd", "0"),
            subscription("sub_5", "cus_2", PastDue, "usd", "20"),
            subscription("sub_6", "cus_stranger", Active, "usd", "1000"),
        ]
    };
    assert_eq!(figure(records(), "mrr"), number("120.75"));
    assert_eq!(figure(records(), "currency"), "usd".into());
    assert_eq!(figure(records(), "plan"), "plan of sub_1".into());
    assert_eq!(figure(records(), "status"), "active".into());
    assert_eq!(figure(records(), "since"), "2026-01-01T00:00:00Z".into());
}

#[test]
fn the_primary_is_the_active_one_and_the_oldest_of_several() {
    let primary = |records: Vec<Record>| {
        let subject = customer(records);
        View::of_subject(&subject).primary(Stream::StripeCustomers).map(|record| record.key.clone())
    };
    let (old, new) = (|| stripe("cus_b", "2020-01-01"), || stripe("cus_a", "2025-01-01"));
    let on = |of: &str, status| subscription(&format!("sub_{of}"), of, status, "usd", "1");
    assert_eq!(primary(vec![new(), old()]), Some(stripe_key("cus_b")));
    assert_eq!(primary(vec![old(), new(), on("cus_a", Active)]), Some(stripe_key("cus_a")));
    assert_eq!(primary(vec![old(), new(), on("cus_a", Active), on("cus_b", Active)]), Some(stripe_key("cus_b")));
    assert_eq!(primary(vec![old(), new(), on("cus_a", PastDue), on("cus_b", Trialing)]), Some(stripe_key("cus_a")));
}

#[test]
fn the_plan_is_that_of_the_largest_item_not_of_the_largest_sum() {
    let weighing = |mut record: Record, weight: &str| {
        if let Facts::Subscription(facts) = &mut record.facts {
            facts.plan_weight = weight.parse().unwrap();
        }
        record
    };
    let records = vec![
        stripe("cus_1", "2026-01-01"),
        weighing(subscription("sub_1", "cus_1", Active, "usd", "100"), "10"),
        weighing(subscription("sub_2", "cus_1", Active, "usd", "90"), "90"),
        weighing(subscription("sub_3", "cus_1", Canceled, "usd", "0"), "500"),
    ];
    assert_eq!(figure(records, "plan"), "plan of sub_2".into());
}

#[test]
fn churn_is_a_zero_not_a_blank() {
    // stripe-api.md trap 25.
    let records = || vec![stripe("cus_1", "2026-01-01"), subscription("sub_1", "cus_1", Canceled, "usd", "0")];
    assert_eq!(figure(records(), "mrr"), number("0"));
    assert_eq!(figure(records(), "status"), "canceled".into());
}

#[test]
fn what_is_gone_pays_nothing() {
    let mut account = subject(Kind::Customer, vec![live(stripe("cus_1", "2026-01-01"))]);
    account.records.push(live(subscription("sub_1", "cus_1", Active, "usd", "5")));
    account.records.push(gone(stripe("cus_2", "2020-01-01"), Gone::Deleted, "2026-06-01"));
    account.records.push(live(subscription("sub_2", "cus_2", Active, "usd", "50")));
    account.records.push(gone(subscription("sub_3", "cus_1", Active, "usd", "500"), Gone::Deleted, "2026-06-01"));
    let derived = Billing::of(&View::of_subject(&account)).derived();
    assert_eq!(derived[0], ("mrr", number("5")));
}

#[test]
fn since_is_the_start_of_the_best_ones_and_nothing_overflows() {
    let started = |mut record: Record, day: &str| {
        if let Facts::Subscription(facts) = &mut record.facts {
            facts.started_at = Some(at(day));
            facts.mrr = Decimal::MAX;
        }
        record
    };
    let records = || {
        vec![
            stripe("cus_1", "2020-01-01"),
            started(subscription("sub_1", "cus_1", Canceled, "usd", "0"), "2018-01-01"),
            started(subscription("sub_2", "cus_1", Active, "usd", "0"), "2024-05-01"),
            started(subscription("sub_3", "cus_1", Active, "usd", "0"), "2022-05-01"),
        ]
    };
    assert_eq!(figure(records(), "since"), "2022-05-01T00:00:00Z".into());
    assert_eq!(figure(records(), "mrr"), Value::Number(Decimal::MAX));
}
