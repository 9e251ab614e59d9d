//! Events.

use super::*;

#[tokio::test]
async fn every_mutation_raises_its_event() {
    let account = Account::open().await;
    let (id, price) = (account.customer("Acme", days(50)), account.price());
    let subscription = account.subscription(&id, &price, Status::Active);
    account.hush();
    let change_everything = |world: &mut World| {
        world.add_coupon(Coupon::percent("TEN", 10.0, Lasting::Forever, noon()));
        let discount =
            world.apply_discount(super::super::Discounted::Subscription(subscription.clone()), "TEN").unwrap();
        world.end_discount(&discount, Some(noon() + Duration::days(60))).unwrap();
        world.remove_discount(&discount).unwrap();
        world.change_subscription_item(&subscription, 0, &price, Some(7)).unwrap();
        world.update_subscription(&subscription, |it| it.status = Status::Paused).unwrap();
        world.update_subscription(&subscription, |it| it.status = Status::Active).unwrap();
        world.update_subscription(&subscription, |_| {}).unwrap();
        world.cancel_subscription(&subscription).unwrap();
        world.update_price(&price, |price| price.active = false).unwrap();
        world.update_coupon("TEN", |coupon| coupon.name = Some("Ten".into())).unwrap();
        world.delete_coupon("TEN").unwrap();
    };
    change_everything(&mut account.world());
    let mut kinds = account.get("events?limit=100").await.kinds();
    kinds.reverse();
    let expected = "coupon.created customer.discount.created customer.discount.updated customer.discount.deleted \
        customer.subscription.updated customer.subscription.updated customer.subscription.paused \
        customer.subscription.updated customer.subscription.resumed customer.subscription.deleted price.updated \
        coupon.updated coupon.deleted";
    assert_eq!(kinds, expected.split_whitespace().collect::<Vec<_>>());
}

#[tokio::test]
async fn an_update_shows_the_old_values_of_what_changed_only() {
    let account = Account::open().await;
    let id = account.customer("Acme", days(50));
    account.world().update_customer(&id, |it| drop(it.metadata.insert("crm".into(), "1".into()))).unwrap();
    account.world().update_customer(&id, |it| it.email = Some("a@b.example".into())).unwrap();
    let events = account.get("events?type=customer.*").await.body;
    let event = &events["data"][0];
    assert_eq!(event["data"]["previous_attributes"], json!({ "email": null }));
    assert_eq!(
        (&event["data"]["object"]["email"], &event["type"]),
        (&json!("a@b.example"), &json!("customer.updated"))
    );
    assert_eq!(events["data"][1]["data"]["previous_attributes"], json!({ "metadata": { "crm": null } }));
    assert_eq!((&event["created"], &event["livemode"]), (&json!(noon().timestamp()), &json!(false)));
    let one = account.get(&format!("events/{}", event["id"].as_str().unwrap())).await;
    assert_eq!(&one.body, event);
}

#[tokio::test]
async fn trap_2_events_age_out_and_so_do_cursors() {
    let account = Account::open().await;
    let id = account.customer("Acme", days(1));
    let event = account.get("events").await.ids().remove(0);
    account.world().pin(noon() + Duration::days(30));
    account.world().update_customer(&id, |it| it.phone = Some("1".into())).unwrap();
    assert_eq!(account.get("events").await.kinds(), ["customer.updated"], "a window has a hole and does not say so");
    for cursor in ["starting_after", "ending_before"] {
        let got = account.get(&format!("events?{cursor}={event}")).await;
        assert_eq!(got.status, 400);
        assert!(got.body["error"]["message"].as_str().unwrap().contains("aged out"));
    }
    assert_eq!(account.get(&format!("events/{event}")).await.status, 404);
}

#[tokio::test]
async fn trap_4_a_late_event_steps_in_behind_a_newer_one() {
    let account = Account::open().await;
    let (one, two) = (account.customer("One", days(50)), account.customer("Two", days(50)));
    account.world().switches.late_every = 2;
    account.world().update_customer(&one, |it| it.phone = Some("0".into())).unwrap();
    account.world().update_customer(&two, |it| it.phone = Some("1".into())).unwrap();
    account.world().pin(noon() + Duration::seconds(1));
    account.world().update_customer(&one, |it| it.phone = Some("2".into())).unwrap();
    let before = account.get("events").await.ids();
    account.world().pin(noon() + Duration::seconds(6));
    let after = account.get("events").await.ids();
    assert_eq!((before.len(), after.len()), (2, 3));
    assert_eq!((&before[0], &before[1]), (&after[0], &after[2]), "the late one is between them");
}

#[tokio::test]
async fn trap_3_5_ids_are_in_no_order_within_or_across_seconds() {
    let account = Account::open().await;
    for n in 0..20 {
        account.customer(&format!("c{n}"), days(1) + Duration::seconds(n / 2));
    }
    let got = account.get("events?limit=100").await;
    let mut sorted = got.ids();
    sorted.sort();
    let mut reversed = sorted.clone();
    reversed.reverse();
    assert!(got.ids() != sorted && got.ids() != reversed);
    let created: Vec<i64> =
        got.body["data"].as_array().unwrap().iter().map(|row| row["created"].as_i64().unwrap()).collect();
    assert!(created.is_sorted_by(|a, b| a >= b) && created[0] == created[1]);
}

#[tokio::test]
async fn duplicates_have_another_id_and_the_same_object() {
    let account = Account::open().await;
    account.world().switches.duplicate_every = 1;
    account.customer("Acme", days(1));
    let got = account.get("events").await;
    assert_eq!(got.kinds(), ["customer.created", "customer.created"]);
    assert_ne!(got.ids()[0], got.ids()[1]);
    assert_eq!(got.body["data"][0]["data"], got.body["data"][1]["data"]);
}

#[tokio::test]
async fn trap_13_twenty_types_and_one_wildcard() {
    let account = Account::open().await;
    account.customer("Acme", days(1));
    account.world().raise("invoice.paid", &json!({ "id": "in_1", "object": "invoice" }));
    let types = |count: usize| (0..count).map(|n| format!("types[]=x.{n}")).collect::<Vec<_>>().join("&");
    assert_eq!(account.get(&format!("events?{}", types(21))).await.status, 400);
    assert!(account.get(&format!("events?{}", types(20))).await.ids().is_empty());
    assert_eq!(account.get("events?types[]=invoice.paid&types[]=x").await.kinds(), ["invoice.paid"]);
    assert_eq!(account.get("events?type=customer.*").await.kinds(), ["customer.created"]);
    assert_eq!(account.get("events?type=x&types[]=y").await.status, 400);
}

#[tokio::test]
async fn trap_10_26_53_event_objects_follow_the_account_version_not_the_header() {
    let account = Account::open().await;
    let (id, price) = (account.customer("Acme", days(50)), account.price());
    let subscription = account.subscription(&id, &price, Status::Active);
    account.world().update_subscription(&subscription, |it| it.cancel_at_period_end = true).unwrap();
    let event = account.get("events?type=customer.subscription.updated").await.body["data"][0].clone();
    assert_eq!(event["api_version"], "2024-06-20");
    assert!(event["data"]["object"]["current_period_end"].is_i64());
    let fresh = account.get(&format!("subscriptions/{subscription}")).await.body;
    assert_eq!(fresh.get("current_period_end"), None);
    assert!(fresh["items"]["data"][0]["current_period_end"].is_i64());
    account.world().switches.account_version = VERSION.to_owned();
    account.world().update_subscription(&subscription, |it| it.cancel_at_period_end = false).unwrap();
    let event = account.get("events?type=customer.subscription.updated").await.body["data"][0].clone();
    assert_eq!(event["data"]["object"].get("current_period_end"), None);
}

#[tokio::test]
async fn trap_14_changes_can_be_silent() {
    let account = Account::open().await;
    let id = account.customer("Acme", days(50));
    account.world().switches.silent = true;
    account.world().update_customer(&id, |it| it.name = Some("Acme Inc".into())).unwrap();
    assert!(account.get("events").await.ids().is_empty());
    assert_eq!(account.get(&format!("customers/{id}")).await.body["name"], "Acme Inc");
}
