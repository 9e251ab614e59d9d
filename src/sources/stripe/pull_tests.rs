//! Listings, single reads and rights over a small Stripe on loopback (traps 15 to 28, 52 to 56).

use std::collections::BTreeSet;

use serde_json::json;

use super::super::fake::*;
use super::*;
use crate::domain::{ExternalId, PullMode};
use crate::ports::{PullRequest, Source, Verdict};

#[tokio::test]
async fn a_listing_shows_everything_once_and_leaves_clocks_out_traps_25_and_52() {
    let fake = Fake::default();
    fake.with(|world| world.page = 2);
    for n in 1..=5 {
        fake.put("customers", customer(&format!("cus_{n}"), "Acme"));
    }
    let mut simulated = customer("cus_6", "Simulated");
    simulated["test_clock"] = json!("clock_1");
    fake.put("customers", simulated);
    fake.put("products", gold());
    fake.put("subscriptions", subscription("sub_1", "cus_1", "active"));
    fake.put("subscriptions", subscription("sub_2", "cus_1", "canceled"));
    let stripe = fake.adapter().await;

    let (records, cursor, end) = pull(&stripe, CUSTOMERS, None, PullMode::Changes).await;
    assert_eq!((ids(&records), end), (vec!["cus_5", "cus_4", "cus_3", "cus_2", "cus_1"], PageEnd::Listing));
    assert!(!stripe.is_listing(CUSTOMERS, &cursor));
    assert_eq!(fake.requests(), ["customers?", "customers?starting_after=cus_5", "customers?starting_after=cus_3"]);

    let (records, _, end) = pull(&stripe, SUBSCRIPTIONS, None, PullMode::Changes).await;
    assert_eq!((ids(&records), end), (vec!["sub_2", "sub_1"], PageEnd::Listing));
    assert_eq!((facts(&records[1]).mrr.to_string().as_str(), facts(&records[1]).plan.as_deref()), ("10", Some("Gold")));
    assert_eq!(facts(&records[0]).mrr.to_string(), "0");
    let requests = fake.requests();
    assert_eq!(requests.len(), 4, "three for the catalogue, one for both subscriptions: {requests:?}");
    assert_eq!(requests[0], "prices?expand[]=data.tiers&expand[]=data.currency_options");
    assert!(requests[3].starts_with("subscriptions?status=all&expand[]=data.customer&"), "{requests:?}");
    for path in requests[3].split('&').filter_map(|q| q.strip_prefix("expand[]=")) {
        assert!(path.split('.').count() <= 4, "{path} is too deep for a list (stripe-api.md 7)");
    }
}

#[tokio::test]
async fn absence_is_believed_only_of_stripe_itself_trap_21() {
    let fake = Fake::default();
    let stripe = fake.adapter().await;
    let ids = [ExternalId::new("cus_1")];
    for (status, error, fault) in [
        (404, json!({"message": "nothing here"}), Fault::Unexpected),
        (
            403,
            json!({"message": "needs rak_customer_read"}),
            Fault::Forbidden { scopes: vec!["rak_customer_read".to_owned()] },
        ),
        (401, json!({"message": "Invalid API Key"}), Fault::Unauthorised),
    ] {
        fake.with(|world| world.obstacles = vec![Obstacle { on: "customers", status, error }]);
        assert_eq!(stripe.read(CUSTOMERS, &ids, None).await.unwrap_err().fault, fault);
        let request = PullRequest { stream: CUSTOMERS, cursor: None, mode: PullMode::Full };
        assert_eq!(stripe.pull(request).await.unwrap_err().fault, fault);
    }
}

#[tokio::test]
async fn too_many_is_told_as_such_and_counted_trap_56() {
    let fake = Fake::default();
    let stripe = fake.adapter().await;
    let error = json!({"code": "rate_limit", "message": "Too many"});
    fake.with(|world| world.obstacles = vec![Obstacle { on: "events", status: 429, error }]);
    let cursor = State::followed(chrono::Utc::now().timestamp(), BTreeSet::new(), Known::default()).cursor();
    let request = PullRequest { stream: CUSTOMERS, cursor: Some(&cursor), mode: PullMode::Changes };
    assert_eq!(stripe.pull(request).await.unwrap_err().fault, Fault::Throttled { wait: None });
    assert_eq!((stripe.spent().requests, stripe.spent().throttled), (1, 1));
}

#[tokio::test]
async fn a_listing_is_followed_from_its_beginning_and_survives_deletions_traps_17_and_18() {
    let fake = Fake::default();
    fake.with(|world| world.page = 2);
    for n in 1..=6 {
        fake.put("customers", customer(&format!("cus_{n}"), "Acme"));
    }
    let stripe = fake.adapter().await;
    let request = |cursor| PullRequest { stream: CUSTOMERS, cursor, mode: PullMode::Full };
    let first = stripe.pull(request(None)).await.unwrap();
    assert!(stripe.is_listing(CUSTOMERS, &first.cursor));
    let second = stripe.pull(request(Some(&first.cursor))).await.unwrap();
    assert_eq!(ids(&second.records), ["cus_4", "cus_3"]);
    // The whole second page goes, and somebody new appears above the first.
    fake.remove("cus_3");
    fake.remove("cus_4");
    fake.put("customers", customer("cus_7", "New"));
    fake.event("evt_7", "customer.created", &json!({"id": "cus_7"}), 0);
    let (rest, cursor, end) = pull(&stripe, CUSTOMERS, Some(&second.cursor), PullMode::Full).await;
    assert_eq!(
        (ids(&rest), end),
        (vec!["cus_2", "cus_1"], PageEnd::Listing),
        "from the place before, not from the top"
    );
    assert_eq!(ids(&changes(&stripe, CUSTOMERS, &cursor).await.0), ["cus_7"]);
    // Full with a cursor that is in no listing begins one.
    let again = stripe.pull(request(Some(&cursor))).await.unwrap();
    assert_eq!(ids(&again.records), ["cus_7", "cus_6"]);
}

#[tokio::test]
async fn items_beyond_the_embedded_ones_are_read_trap_28() {
    let fake = Fake::default();
    fake.put("products", gold());
    let mut large = subscription("sub_1", "cus_1", "active");
    let item = large["items"]["data"][0].clone();
    large["items"]["has_more"] = json!(true);
    fake.put("subscriptions", large);
    for n in 0..120 {
        let mut item = item.clone();
        item["id"] = json!(format!("si_{n}"));
        item["subscription"] = json!("sub_1");
        fake.put("subscription_items", item);
    }
    let stripe = fake.adapter().await;
    let read = stripe.read(SUBSCRIPTIONS, &[ExternalId::new("sub_1")], None).await.unwrap();
    assert_eq!(facts(&read[0]).mrr.to_string(), "1200");
}

#[tokio::test]
async fn a_list_that_does_not_advance_is_refused_peers_3_nango_7159() {
    let fake = Fake::default();
    fake.with(|world| world.page = 2);
    fake.put("products", gold());
    let mut large = subscription("sub_0", "cus_1", "active");
    large["items"]["has_more"] = json!(true);
    for n in 1..=5 {
        fake.put("customers", customer(&format!("cus_{n}"), "Acme"));
        fake.put("subscriptions", subscription(&format!("sub_{n}"), "cus_1", "active"));
        fake.put("prices", json!({"id": format!("price_{n}"), "object": "price", "product": "prod_1"}));
        fake.put("subscription_items", json!({"id": format!("si_{n}"), "subscription": "sub_0"}));
    }
    let since = State::followed(chrono::Utc::now().timestamp() - 60, BTreeSet::new(), Known::default()).cursor();
    let fails = async |list: &'static str, stream, cursor| {
        let stripe = fake.adapter().await;
        fake.with(|world| (world.stuck, world.requests) = (Some(list), Vec::new()));
        let error = try_pull(&stripe, stream, cursor, PullMode::Changes).await.expect_err(list);
        assert!(error.fault == Fault::Unexpected && error.to_string().contains("again"), "{list}: {error}");
        assert!(fake.requests().len() < 12, "{list}: at its second page, and the catalogue before");
    };
    fails("customers", CUSTOMERS, None).await;
    fails("subscriptions", SUBSCRIPTIONS, None).await;
    fails("prices", SUBSCRIPTIONS, None).await;
    // Subscriptions that share a price which has changed, and the events themselves.
    fake.event("evt_0", "price.updated", &json!({"id": "price_1", "object": "price"}), 5);
    fails("subscriptions", SUBSCRIPTIONS, Some(&since)).await;
    for n in 1..=5 {
        fake.event(&format!("evt_{n}"), "customer.updated", &json!({"id": "cus_1"}), 5);
    }
    fails("events", CUSTOMERS, Some(&since)).await;

    fake.put("subscriptions", large);
    fake.with(|world| (world.stuck, world.requests) = (Some("subscription_items"), Vec::new()));
    let error = fake.adapter().await.read(SUBSCRIPTIONS, &[ExternalId::new("sub_0")], None).await.unwrap_err();
    assert!(error.fault == Fault::Unexpected && error.to_string().contains("si_4"), "{error}");
}

#[tokio::test]
async fn one_unreadable_subscription_is_data_not_an_error_trap_15() {
    let fake = Fake::default();
    fake.put("products", gold());
    fake.put("subscriptions", json!({"id": "sub_1", "object": "subscription", "items": 7}));
    fake.put("subscriptions", subscription("sub_2", "cus_1", "active"));
    let stripe = fake.adapter().await;
    let (records, _, _) = pull(&stripe, SUBSCRIPTIONS, None, PullMode::Changes).await;
    assert_eq!(ids(&records), ["sub_2", "sub_1"]);
    assert!(matches!((&records[0], &records[1]), (Pulled::Live(_), Pulled::Malformed(..))));
}

#[tokio::test]
async fn without_the_coupon_right_discounts_are_ignored_and_nothing_fails_trap_54() {
    let fake = Fake::default();
    fake.put("products", gold());
    fake.put("subscriptions", subscription("sub_1", "cus_1", "active"));
    let refused = || json!({"message": "needs rak_coupon_read"});
    fake.with(|world| {
        world.obstacles = vec![
            Obstacle { on: "coupons", status: 403, error: refused() },
            Obstacle { on: "discounts", status: 403, error: refused() },
        ];
    });
    // By a single read, where the catalogue has not asked for coupons yet, and by a listing.
    for listing in [false, true] {
        let stripe = fake.adapter().await;
        let records = if listing {
            pull(&stripe, SUBSCRIPTIONS, None, PullMode::Changes).await.0
        } else {
            stripe.read(SUBSCRIPTIONS, &[ExternalId::new("sub_1")], None).await.unwrap()
        };
        assert_eq!(facts(&records[0]).mrr.to_string(), "10");
    }
    let verdicts: Vec<_> = fake.adapter().await.check().await.into_iter().map(|f| (f.what, f.verdict)).collect();
    let of = |what: &str| verdicts.iter().find(|(w, _)| w.contains(what)).map(|(_, verdict)| verdict).unwrap();
    assert!(matches!(of("Coupons"), Verdict::Warning { .. }));
    assert!(matches!(of("Prices"), Verdict::Good(_)) && matches!(of("key"), Verdict::Good(_)));
    assert_eq!(of("mode"), &Verdict::Good("test mode".to_owned()));
}

#[tokio::test]
async fn a_wrong_key_is_told_once() {
    let fake = Fake::default();
    let error = json!({"message": "Invalid API Key provided"});
    fake.with(|world| world.obstacles = vec![Obstacle { on: "", status: 401, error }]);
    let findings = fake.adapter().await.check().await;
    let bad: Vec<_> = findings.iter().filter(|f| matches!(f.verdict, Verdict::Bad { .. })).collect();
    assert_eq!((bad.len(), fake.requests().len()), (1, 1));
}
