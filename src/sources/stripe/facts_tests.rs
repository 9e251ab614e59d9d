//! What is kept of Stripe's objects, by table, and over Stripe's own samples.

use serde_json::json;

use super::*;
use crate::sources::stripe::wire::{Coupon, Discount, Event, is_deleted};

fn raw(json: Json) -> Raw {
    serde_json::from_value(json).unwrap()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

fn account(json: Json, keys: &[&str]) -> AccountFacts {
    let keys: Vec<_> = keys.iter().map(|&key| key.to_owned()).collect();
    match customer("cus_1", &raw(json), &set(&[]), &keys).facts {
        Facts::Account(facts) => facts,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_customer_is_a_company_by_its_business_name_5() {
    for (json, name) in [
        (json!({"business_name": "Acme Inc", "name": "Ann"}), Some("Acme Inc")),
        (json!({"business_name": " ", "name": "Ann"}), Some("Ann")),
        (json!({"name": null}), None),
        (json!({}), None),
    ] {
        assert_eq!(account(json.clone(), &[]).name.as_deref(), name, "{json}");
    }
    let facts = account(json!({"email": "", "created": 1_790_000_000}), &[]);
    assert!(facts.emails.is_empty(), "trap 59");
    assert_eq!(facts.created_at.unwrap().timestamp(), 1_790_000_000);
    assert_eq!(account(json!({"email": "Bo@Acme.com"}), &[]).emails, ["Bo@Acme.com"], "as written");
}

#[test]
fn metadata_links_only_by_what_can_be_an_id_trap_58() {
    for (metadata, expected) in [
        (json!({"hubspot_company_id": "123"}), vec!["123"]),
        (json!({"hubspot_company_id": " 123 ", "hs": "123"}), vec!["123"]),
        (json!({"hubspot_company_id": "123", "hs": "77"}), vec!["123", "77"]),
        (json!({"hubspot_company_id": "ask Bo"}), vec![]),
        (json!({"hubspot_company_id": ""}), vec![]),
        (json!({"other": "123"}), vec![]),
        (json!(null), vec![]),
    ] {
        let links = account(json!({"metadata": metadata}), &["hubspot_company_id", "hs"]).links;
        let expected: Vec<_> = expected.into_iter().map(|id| SourceKey::new(Stream::HubspotCompanies, id)).collect();
        assert_eq!(links, expected, "{metadata}");
    }
}

#[test]
fn metadata_that_should_name_a_company_and_does_not_is_kept_to_be_told_trap_58() {
    let url = "https://app.hubspot.com/contacts/1/record/0-2/123";
    let metadata = json!({"hubspot_company_id": url, "hs": "🚀", "other": "x"});
    let facts = account(json!({"metadata": metadata}), &["hubspot_company_id", "hs", "blank"]);
    assert!(facts.links.is_empty());
    let told = [("metadata.hubspot_company_id", url), ("metadata.hs", "🚀")];
    assert_eq!(facts.misnamed, told.map(|(place, text)| (place.to_owned(), text.to_owned())));
}

#[test]
fn only_what_rules_read_is_kept() {
    let json = json!({"id": "cus_1", "name": "Acme", "email": null, "phone": "1", "delinquent": false, "created": 1_790_000_000,
        "metadata": {"tier": "gold"}, "sources": {}, "address": {"country": "DE", "line1": null}});
    let reads = set(&["email", "metadata.tier", "created", "address", "description", "mrr", "sources"]);
    let kept = customer("cus_1", &raw(json), &reads, &[]).properties;
    let expected = BTreeMap::from([
        (
            "address".to_owned(),
            Value::Map([("country".to_owned(), "DE".into()), ("line1".to_owned(), Value::Null)].into()),
        ),
        ("created".to_owned(), "2026-09-21T14:13:20Z".into()),
        ("description".to_owned(), Value::Null),
        ("email".to_owned(), Value::Null),
        ("metadata".to_owned(), Value::Map([("tier".to_owned(), "gold".into())].into())),
    ]);
    assert_eq!(kept, expected, "what Stripe leaves out holds nothing");
}

fn facts_of(json: Json) -> Result<SubscriptionFacts, String> {
    let decoded: Subscription = serde_json::from_value(json).unwrap();
    let now = instant(1_790_000_000).unwrap();
    super::subscription("sub_1", &decoded, &Shelf::default(), &MrrPolicy::default(), now).map(
        |(record, _)| match record.facts {
            Facts::Subscription(facts) => facts,
            other => panic!("{other:?}"),
        },
    )
}

#[test]
fn a_subscription_names_its_payer_and_keeps_unknown_words_trap_15() {
    let base = |customer: Json, status: &str| {
        json!({"customer": customer, "status": status, "currency": "usd", "items": {"data": []}, "created": 5,
            "start_date": 9, "invented": {"x": 1}})
    };
    let facts = facts_of(base(json!("cus_1"), "active")).unwrap();
    assert_eq!(
        (facts.account, facts.status),
        (SourceKey::new(Stream::StripeCustomers, "cus_1"), SubscriptionStatus::Active)
    );
    assert_eq!(facts.started_at.unwrap().timestamp(), 9);
    let deleted = json!({"id": "cus_2", "object": "customer", "deleted": true});
    let facts = facts_of(base(deleted, "hibernating")).unwrap();
    assert_eq!(facts.account, SourceKey::new(Stream::StripeCustomers, "cus_2"));
    assert_eq!(facts.status, SubscriptionStatus::Other("hibernating".to_owned()));
    assert!(facts_of(base(Json::Null, "active")).unwrap_err().contains("customer"), "trap 62");
    for word in ["past_due", "trialing", "paused", "unpaid", "canceled", "incomplete", "incomplete_expired"] {
        assert_eq!(facts_of(base(json!("c"), word)).unwrap().status.as_str(), word);
        assert!(!matches!(status(word), SubscriptionStatus::Other(_)), "{word}");
    }
}

/// Stripe's own samples; not part of the repository, so the test says so where they are absent.
#[test]
fn stripes_own_samples_are_read() {
    let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let places = ["../shared/reference/stripe-fixtures.json", "../../shared/reference/stripe-fixtures.json"];
    let text = places.into_iter().find_map(|place| std::fs::read_to_string(here.join(place)).ok());
    let Some(text) = text else {
        println!("skipped: Stripe's samples are not at {places:?}");
        return;
    };
    let samples: Json = serde_json::from_str(&text).unwrap();
    let sample = |name: &str| samples["resources"][name].clone();

    let found = customer("cus_QXg1o8vcGmoR32", &raw(sample("customer")), &set(&["email", "currency"]), &[]);
    assert_eq!(found.properties.get("currency"), Some(&"usd".into()));
    let facts = facts_of(sample("subscription")).unwrap();
    assert_eq!((facts.currency.as_str(), facts.status), ("usd", SubscriptionStatus::Active));
    assert_eq!(facts.account.id.as_str(), "cus_QXg1o8vcGmoR32");
    assert_eq!(facts.mrr.to_string(), "0", "one unit in bundles of a billion, rounded down");
    let mut shelf = Shelf::default();
    for name in ["price", "product", "coupon"] {
        shelf.put(&sample(name));
    }
    let coupon: Coupon = serde_json::from_value(sample("coupon")).unwrap();
    assert_eq!(coupon.percent_off.unwrap().0.to_string(), "25.5");
    serde_json::from_value::<Discount>(sample("discount")).unwrap();
    serde_json::from_value::<Event>(sample("event")).unwrap();
    for name in ["deleted_customer", "deleted_product", "deleted_coupon"] {
        assert!(is_deleted(&raw(sample(name))), "{name}");
    }
    assert!(!is_deleted(&raw(sample("customer"))));
}
