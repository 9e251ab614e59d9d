//! Deltas over a small Stripe on loopback (traps 2 to 25, 41).

use serde_json::json;

use super::super::cursor::Known;
use super::super::fake::*;
use super::*;
use crate::domain::{Cursor, ExternalId, Gone, PullMode, SourceKey};
use crate::ports::{PullRequest, Source};

#[tokio::test]
async fn a_quiet_delta_costs_one_request_and_a_touched_object_one_more_trap_12() {
    let fake = Fake::default();
    let stripe = fake.adapter().await;
    fake.put("customers", customer("cus_1", "Acme"));
    let (_, cursor, _) = pull(&stripe, CUSTOMERS, None, PullMode::Changes).await;
    fake.requests();
    let (records, cursor) = changes(&stripe, CUSTOMERS, &cursor).await;
    assert!(records.is_empty());
    let requests = fake.requests();
    assert_eq!(requests.len(), 1);
    assert!(requests[0].starts_with("events?created[gte]="), "{requests:?}");

    // A burst, out of order, with an old payload: one look at the object as it is now (traps 9, 10).
    fake.put("customers", customer("cus_1", "Acme Inc"));
    for (n, kind) in ["customer.updated", "customer.created", "customer.updated"].into_iter().enumerate() {
        fake.event(&format!("evt_{n}"), kind, &customer("cus_1", "Old"), 0);
    }
    fake.event("evt_9", "customer.subscription.updated", &json!({"id": "sub_1"}), 0);
    let (records, cursor) = changes(&stripe, CUSTOMERS, &cursor).await;
    let Pulled::Live(record) = &records[0] else { panic!("{records:?}") };
    assert_eq!((records.len(), record.properties.get("name")), (1, Some(&"Acme Inc".into())));
    assert_eq!(fake.requests().len(), 2);
    let (records, _) = changes(&stripe, CUSTOMERS, &cursor).await;
    assert_eq!((records.len(), fake.requests().len()), (0, 1), "seen already, though still in the overlap");
}

#[tokio::test]
async fn siblings_of_a_second_and_late_events_are_met_traps_3_and_4() {
    let fake = Fake::default();
    let stripe = fake.adapter().await;
    let (_, cursor, _) = pull(&stripe, CUSTOMERS, None, PullMode::Changes).await;
    fake.put("customers", customer("cus_1", "One"));
    fake.put("customers", customer("cus_2", "Two"));
    fake.event("evt_1", "customer.created", &json!({"id": "cus_1"}), 0);
    let (records, cursor) = changes(&stripe, CUSTOMERS, &cursor).await;
    assert_eq!(ids(&records), ["cus_1"]);
    fake.event("evt_2", "customer.created", &json!({"id": "cus_2"}), 0);
    let (records, cursor) = changes(&stripe, CUSTOMERS, &cursor).await;
    assert_eq!(ids(&records), ["cus_2"], "of the same second, shown later");
    // Older than what was followed, but shown only now.
    fake.event("evt_0", "customer.updated", &json!({"id": "cus_1"}), 300);
    let (records, _) = changes(&stripe, CUSTOMERS, &cursor).await;
    assert_eq!(ids(&records), ["cus_1"]);
}

#[tokio::test]
async fn a_window_of_many_pages_moves_high_only_at_its_end_traps_6_and_8() {
    let fake = Fake::default();
    let stripe = fake.adapter().await;
    let (_, before, _) = pull(&stripe, CUSTOMERS, None, PullMode::Changes).await;
    fake.with(|world| world.page = 2);
    for n in 1..=5 {
        fake.put("customers", customer(&format!("cus_{n}"), "Acme"));
        fake.event(&format!("evt_{n}"), "customer.created", &json!({"id": format!("cus_{n}")}), 0);
        fake.event(&format!("evt_1{n}"), "customer.updated", &json!({"id": "cus_1"}), 0);
    }
    let high = |cursor: &Cursor| match State::read(cursor) {
        Some(State::Events(events)) => events.high,
        other => panic!("{other:?}"),
    };
    let (mut cursor, mut records, mut pages) = (before.clone(), Vec::new(), 0);
    loop {
        // A new adapter for each page: nothing but the cursor is remembered.
        let stripe = fake.adapter().await;
        let request = PullRequest { stream: CUSTOMERS, cursor: Some(&cursor), mode: PullMode::Changes };
        let page = stripe.pull(request).await.unwrap();
        records.extend(page.records);
        pages += 1;
        cursor = page.cursor;
        match page.end {
            PageEnd::More => assert_eq!(high(&cursor), high(&before)),
            end => {
                assert_eq!(end, PageEnd::Delta);
                break;
            }
        }
    }
    let mut found = ids(&records);
    found.sort_unstable();
    assert_eq!((pages, found), (5, vec!["cus_1", "cus_2", "cus_3", "cus_4", "cus_5"]), "each once");
    assert!(changes(&stripe, CUSTOMERS, &cursor).await.0.is_empty());
}

#[tokio::test]
async fn deleted_and_missing_customers_are_gone_and_never_blank_traps_11_19_22() {
    let fake = Fake::default();
    let stripe = fake.adapter().await;
    let (_, cursor, _) = pull(&stripe, CUSTOMERS, None, PullMode::Changes).await;
    fake.put("customers_by_id", json!({"id": "cus_1", "object": "customer", "deleted": true}));
    fake.event("evt_1", "customer.deleted", &customer("cus_1", "Last words"), 0);
    fake.event("evt_2", "customer.updated", &customer("cus_2", "Never there"), 0);
    let (records, _) = changes(&stripe, CUSTOMERS, &cursor).await;
    let gone = |id: &str| Pulled::Gone(SourceKey::new(CUSTOMERS, id), Gone::Deleted);
    assert_eq!(records, [gone("cus_1"), gone("cus_2")]);

    fake.put("customers", json!({"id": "cus_3", "object": "customer", "test_clock": "clock_1"}));
    let asked = ["cus_1", "cus_2", "cus_3"].map(ExternalId::new);
    let read = stripe.read(CUSTOMERS, &asked, None).await.unwrap();
    assert_eq!(ids(&read), ["cus_1", "cus_2", "cus_3"], "one answer for each id");
    assert!(matches!(read[2], Pulled::Malformed(..)));
}

#[tokio::test]
async fn an_old_cursor_turns_into_a_listing_by_itself_trap_2() {
    let fake = Fake::default();
    let stripe = fake.adapter().await;
    fake.put("customers", customer("cus_1", "Acme"));
    let now = chrono::Utc::now().timestamp();
    let aged_out = json!({"message": "The event evt_1 has aged out of retention."});
    let old = State::followed(now - 29 * 86_400 - 60, BTreeSet::new(), Known::default()).cursor();
    let fresh = State::followed(now - 60, BTreeSet::new(), Known::default()).cursor();
    for (cursor, obstacle) in [
        (old, None),
        (fresh, Some(Obstacle { on: "events", status: 400, error: aged_out })),
        (Cursor("of another version".to_owned()), None),
    ] {
        fake.with(|world| world.obstacles = obstacle.into_iter().collect());
        let request = PullRequest { stream: CUSTOMERS, cursor: Some(&cursor), mode: PullMode::Changes };
        let page = stripe.pull(request).await.unwrap();
        assert!(page.records.is_empty() && page.end == PageEnd::More && stripe.is_listing(CUSTOMERS, &page.cursor));
        let (records, cursor, end) = pull(&stripe, CUSTOMERS, Some(&page.cursor), PullMode::Changes).await;
        assert_eq!((ids(&records), end), (vec!["cus_1"], PageEnd::Listing));
        assert!(!stripe.is_listing(CUSTOMERS, &cursor));
    }
}

#[tokio::test]
async fn windows_are_cut_by_stripes_clock_trap_16() {
    let fake = Fake::default();
    fake.with(|world| world.ahead = 86_400);
    let stripe = fake.adapter().await;
    let now = chrono::Utc::now().timestamp();
    let (_, listed, _) = pull(&stripe, CUSTOMERS, None, PullMode::Changes).await;
    fake.with(|world| world.ahead = 2 * 86_400);
    let (_, followed) = changes(&stripe, CUSTOMERS, &listed).await;
    for (cursor, days) in [(listed, 1), (followed, 2)] {
        let Some(State::Events(events)) = State::read(&cursor) else { panic!("{cursor:?}") };
        assert!((events.high - now - days * 86_400).abs() < 3_600, "{cursor:?}");
    }
}

#[tokio::test]
async fn ended_and_discounted_subscriptions_are_read_anew_traps_25_and_41() {
    let fake = Fake::default();
    fake.put("products", gold());
    let stripe = fake.adapter().await;
    let (_, cursor, _) = pull(&stripe, SUBSCRIPTIONS, None, PullMode::Changes).await;
    fake.put("subscriptions", subscription("sub_1", "cus_1", "canceled"));
    fake.event("evt_1", "customer.subscription.deleted", &json!({"id": "sub_1"}), 0);
    let (records, cursor) = changes(&stripe, SUBSCRIPTIONS, &cursor).await;
    assert_eq!((ids(&records), facts(&records[0]).status.as_str()), (vec!["sub_1"], "canceled"));

    let half = json!({"id": "di_1", "start": 1, "end": null,
        "source": {"coupon": {"id": "half", "object": "coupon", "percent_off": 50, "duration": "forever"}}});
    for (id, payer) in [("sub_2", "cus_2"), ("sub_3", "cus_2"), ("sub_4", "cus_3")] {
        let mut subscription = subscription(id, payer, "active");
        subscription["customer"] = json!({"id": payer, "discount": half});
        fake.put("subscriptions", subscription);
    }
    fake.event(
        "evt_2",
        "customer.discount.created",
        &json!({"id": "di_1", "customer": "cus_2", "subscription": null}),
        0,
    );
    let (records, _) = changes(&stripe, SUBSCRIPTIONS, &cursor).await;
    assert_eq!(ids(&records), ["sub_3", "sub_2"], "those of the customer");
    assert!(records.iter().all(|record| facts(record).mrr.to_string() == "5"));
}

#[tokio::test]
async fn a_renamed_product_touches_the_subscriptions_to_its_prices_trap_14() {
    let fake = Fake::default();
    fake.put("products", gold());
    let price = subscription("x", "y", "active")["items"]["data"][0]["price"].clone();
    fake.put("prices", price);
    for n in 1..=3 {
        fake.put("subscriptions", subscription(&format!("sub_{n}"), "cus_1", "active"));
    }
    let mut other = subscription("sub_9", "cus_1", "active");
    other["items"]["data"][0]["price"]["id"] = json!("price_9");
    fake.put("subscriptions", other);
    let stripe = fake.adapter().await;
    let (records, cursor, _) = pull(&stripe, SUBSCRIPTIONS, None, PullMode::Changes).await;
    assert!(records.iter().all(|record| facts(record).plan.as_deref() == Some("Gold")));

    fake.with(|world| world.page = 2);
    fake.put("products", json!({"id": "prod_1", "object": "product", "name": "Platinum"}));
    fake.event("evt_1", "product.updated", &json!({"id": "prod_1"}), 0);
    let (records, cursor) = changes(&stripe, SUBSCRIPTIONS, &cursor).await;
    assert_eq!(ids(&records), ["sub_3", "sub_2", "sub_1"]);
    assert!(records.iter().all(|record| facts(record).plan.as_deref() == Some("Platinum")));
    // A deleted product leaves the subscriptions running, without a name (trap 23).
    fake.remove("prod_1");
    fake.event("evt_2", "product.deleted", &json!({"id": "prod_1"}), 0);
    let (records, _) = changes(&stripe, SUBSCRIPTIONS, &cursor).await;
    assert_eq!(
        (records.len(), facts(&records[0]).plan.as_deref(), facts(&records[0]).mrr.to_string().as_str()),
        (3, None, "10")
    );
}

#[tokio::test]
async fn a_changed_coupon_lists_everything_once_trap_14() {
    let fake = Fake::default();
    fake.put("products", gold());
    fake.put("subscriptions", subscription("sub_1", "cus_1", "active"));
    let stripe = fake.adapter().await;
    let (_, cursor, _) = pull(&stripe, SUBSCRIPTIONS, None, PullMode::Changes).await;
    fake.event("evt_1", "coupon.updated", &json!({"id": "half"}), 0);
    let (records, cursor, end) = pull(&stripe, SUBSCRIPTIONS, Some(&cursor), PullMode::Changes).await;
    assert_eq!((ids(&records), end), (vec!["sub_1"], PageEnd::Listing));
    // The event still lies in the overlap; the listing has shown what it did.
    assert!(changes(&stripe, SUBSCRIPTIONS, &cursor).await.0.is_empty());
}
